#!/usr/bin/python3
"""Writes a small image as an OCI layout for the demonstration: make_image.py DIRECTORY NAME PACKAGE=VERSION...

Its second layer is what matters here: the database of dpkg, as a real image has it.
"""

import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile

import registry

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def layer(files):
    """(compressed, uncompressed) of a layer with these files; the same files give the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0), raw.getvalue()


def dpkg_status(versions):
    return "\n".join(f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
                     for name, version in versions.items()).encode()


def image(name, versions):
    """(manifest document, blobs) of an image with these packages."""
    layers = [layer({"etc/os-release": f'PRETTY_NAME="{name} 1.0"\n'.encode()}), layer({"var/lib/dpkg/status": dpkg_status(versions)})]
    config = registry.dumps({
        "architecture": "amd64", "os": "linux", "created": "2026-01-31T12:00:00Z",
        "config": {"Cmd": ["/bin/true"], "Labels": {"name": name}},
        "rootfs": {"type": "layers", "diff_ids": [registry.sha256(raw) for _, raw in layers]},
    })
    document = {
        "schemaVersion": 2,
        "mediaType": registry.MANIFEST,
        "config": registry.descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [registry.descriptor(compressed, LAYER) for compressed, _ in layers],
    }
    return document, [config, *(compressed for compressed, _ in layers)]


def main(directory, name, *words):
    top = pathlib.Path(directory)
    document, blobs = image(name, dict(word.split("=", 1) for word in words))
    body = registry.dumps(document)
    (top / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    for data in (body, *blobs):
        (top / "blobs" / "sha256" / hashlib.sha256(data).hexdigest()).write_bytes(data)
    (top / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    entry = registry.descriptor(body, registry.MANIFEST, annotations={"org.opencontainers.image.ref.name": "latest"})
    (top / "index.json").write_bytes(registry.dumps({"schemaVersion": 2, "manifests": [entry]}))
    print(registry.sha256(body))


if __name__ == "__main__":
    main(*sys.argv[1:])
