"""The packages that an image says are installed: the databases of dpkg and apk in its layers."""

import io
import posixpath
import tarfile

from registry import CannotTell

DPKG = "var/lib/dpkg/status"
DPKG_PARTS = "var/lib/dpkg/status.d/"  # images without a package manager keep a file for each package
APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
RELEASE = ("etc/os-release", "usr/lib/os-release")
FILE_BYTES_MAX = 64 << 20


def is_wanted(path):
    return path in (DPKG, *APK, *RELEASE) or path.startswith(DPKG_PARTS)


def layer_apply(files, data):
    """Puts what a layer adds into `files`, and takes out what it removes."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as tar:
            for member in tar:
                path = posixpath.normpath("/" + member.name).lstrip("/")
                folder, name = posixpath.split(path)
                if name == ".wh..wh..opq":
                    for known in [f for f in files if f.startswith(folder + "/")]:
                        del files[known]
                elif name.startswith(".wh."):
                    gone = posixpath.join(folder, name[4:])
                    for known in [f for f in files if f == gone or f.startswith(gone + "/")]:
                        del files[known]
                elif is_wanted(path) and member.isfile():
                    if member.size > FILE_BYTES_MAX:
                        raise CannotTell(f"{path} is larger than any package database should be")
                    files[path] = tar.extractfile(member).read().decode(errors="replace")
    except (tarfile.TarError, EOFError, OSError) as problem:
        raise CannotTell(f"a layer cannot be read: {problem}") from problem


def paragraphs(text):
    """The fields of each paragraph of a Debian control file; lines that go on belong to the field before."""
    for part in text.split("\n\n"):
        fields, last = {}, None
        for line in part.splitlines():
            if line[:1] in " \t" and last:
                fields[last] += "\n" + line
            elif ":" in line:
                last, _, value = line.partition(":")
                fields[last] = value.strip()
        if fields:
            yield fields


def dpkg_packages(text, must_be_installed):
    for fields in paragraphs(text):
        if "Package" not in fields or "Version" not in fields:
            continue
        if must_be_installed and not fields.get("Status", "").endswith(" installed"):
            continue
        yield {"type": "deb", "name": fields["Package"], "version": fields["Version"],
               "source": fields.get("Source", fields["Package"]).split(" ")[0], "architecture": fields.get("Architecture", "")}


def apk_packages(text):
    for part in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in part.splitlines() if line[1:2] == ":")
        if "P" in fields and "V" in fields:
            yield {"type": "apk", "name": fields["P"], "version": fields["V"], "source": fields.get("o", fields["P"]),
                   "architecture": fields.get("A", "")}


def of_image(repository, document):
    """(packages, what the image calls itself) of one image manifest."""
    files = {}
    for layer in document["layers"]:
        layer_apply(files, repository.blob(layer["digest"]))
    found = []
    for path, text in sorted(files.items()):
        if path == DPKG:
            found += dpkg_packages(text, True)
        elif path.startswith(DPKG_PARTS) and not path.endswith(".md5sums"):
            found += dpkg_packages(text, False)
        elif path in APK:
            found += apk_packages(text)
    release = {}
    for path in reversed(RELEASE):
        for line in files.get(path, "").splitlines():
            key, _, value = line.partition("=")
            release[key] = value.strip('"')
    return sorted(found, key=lambda p: (p["type"], p["name"], p["version"])), release.get("PRETTY_NAME", "unknown system")
