"""Images, indexes and attachments, as bytes."""

import hashlib
import itertools
import json

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"

_number = itertools.count(1)


def digest_of(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def dumps(value):
    return json.dumps(value, separators=(",", ":")).encode()


def descriptor(data, media_type, **more):
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


class Manifest:
    """A manifest with the blobs that belong to it (none for an index)."""

    def __init__(self, doc, blobs=(), media_type=OCI_MANIFEST):
        self.doc, self.blobs, self.media_type = doc, list(blobs), media_type
        self.bytes = dumps(doc)
        self.digest = digest_of(self.bytes)
        self.descriptor = {"mediaType": media_type, "digest": self.digest, "size": len(self.bytes)}

    @property
    def config(self):
        return digest_of(self.blobs[0])

    @property
    def layers(self):
        return [digest_of(data) for data in self.blobs[1:]]


def image(layers=None, config=None, config_type=OCI_CONFIG, layer_type=OCI_LAYER, secret="", **members):
    """A runnable image; `secret` goes into its layer, its config and its manifest."""
    n = next(_number)
    if layers is None:
        layers = [f"layer {n} {secret} ".encode() * 40]
    if config is None:
        config = dumps({"architecture": "amd64", "os": "linux", "config": {"Env": [f"N={n}", f"S={secret}"]},
                        "rootfs": {"type": "layers", "diff_ids": [digest_of(d) for d in layers]}})
    doc = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, config_type),
           "layers": [descriptor(d, layer_type) for d in layers], "annotations": {"n": str(n), "s": secret}, **members}
    return Manifest(doc, [config, *layers])


def attachment(subject, kind="application/vnd.example.sbom", secret="", **members):
    """A signature, SBOM or report: the empty config, and a layer that no runtime unpacks."""
    content = f"attached {next(_number)} {secret}".encode()
    doc = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": kind, "config": descriptor(b"{}", OCI_EMPTY),
           "layers": [descriptor(content, kind)], "annotations": {"s": secret}, **members}
    if subject is not None:
        doc["subject"] = subject.descriptor
    return Manifest(doc, [b"{}", content])


def index(manifests, secret="", **members):
    entries = [{**m.descriptor, "platform": {"os": "linux", "architecture": f"arch{i}"}} for i, m in enumerate(manifests)]
    return Manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries,
                     "annotations": {"n": str(next(_number)), "s": secret}, **members}, media_type=OCI_INDEX)
