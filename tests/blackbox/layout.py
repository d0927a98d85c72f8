"""Real images as OCI layouts: built with umoci from busybox, and an index written by hand."""

import gzip
import io
import json
import pathlib
import subprocess
import tarfile

from client import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, digest_of, dumps


def run(*args, **kw):
    """Run a program that has to succeed; its output is in the assertion when it does not."""
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300, stdin=subprocess.DEVNULL, **kw)
    assert done.returncode == 0, f"{' '.join(map(str, args))}\n{done.stdout}"
    return done.stdout


def tar_of(files):
    """An uncompressed tar archive of {path: bytes}, the same bytes every time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            info.mode = 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def busybox_image(directory, version):
    """An OCI layout `directory`:`version` of busybox and a second layer, made with umoci."""
    directory = pathlib.Path(directory)
    image = f"{directory}:{version}"
    if not directory.exists():
        run("umoci", "init", "--layout", directory)
    run("umoci", "new", "--image", image)
    layers = [{"bin/busybox": pathlib.Path("/bin/busybox").read_bytes()}, {"etc/version": version.encode()}]
    for files in layers:
        layer = directory.parent / "layer.tar"
        layer.write_bytes(tar_of(files))
        run("umoci", "raw", "add-layer", "--image", image, layer)
    run("umoci", "config", "--image", image, "--config.cmd", "/bin/busybox", "--config.label", f"version={version}")
    return manifest_digest(directory, version)


def manifest_digest(directory, version):
    index = json.loads((pathlib.Path(directory) / "index.json").read_text())
    for entry in index["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == version:
            return entry["digest"]
    raise AssertionError(f"{version} is not in {directory}")


def blob(directory, digest):
    return (pathlib.Path(directory) / "blobs" / "sha256" / digest.split(":")[1]).read_bytes()


def multi_arch_layout(directory, version):
    """An OCI layout whose tag is an index over two architectures; returns the index' digest."""
    directory = pathlib.Path(directory)
    (directory / "blobs" / "sha256").mkdir(parents=True)

    def put(data, media_type):
        digest = digest_of(data)
        (directory / "blobs" / "sha256" / digest.split(":")[1]).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    entries = []
    for arch in ("amd64", "arm64"):
        files = tar_of({"bin/app": f"{arch} {version}".encode()})
        layer = gzip.compress(files, mtime=0)  # clients compress what is not, and that changes every digest
        config = dumps({"architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest_of(files)]}})
        manifest = dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": put(config, OCI_CONFIG),
                          "layers": [put(layer, OCI_LAYER)]})
        entries.append({**put(manifest, OCI_MANIFEST), "platform": {"os": "linux", "architecture": arch}})
    index = put(dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), OCI_INDEX)
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    index["annotations"] = {"org.opencontainers.image.ref.name": version}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [index]}))
    return index["digest"]
