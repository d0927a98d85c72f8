"""The contents of a run, made from the run's own random numbers: layers and parts are shared on purpose."""

from client import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, digest_of, dumps
from reference import Content

REPORT = "application/vnd.example.report"
SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"


class Pool:
    def __init__(self, rng, names):
        self.rng, self.names = rng, names
        self.layers = [f"layer {i}".encode() for i in range(12)]
        self.images, self.indexes = [], []

    def named(self, data, media_type):
        """A descriptor of these bytes; now and then by their sha512 digest."""
        one = descriptor(data, media_type)
        return {**one, "digest": digest_of(data, "sha512")} if self.rng.random() < 0.15 else one

    def content(self, doc, blobs=(), parts=(), subject=None, is_attachment=False):
        """`blobs` are (descriptor, bytes), `parts` descriptors, and `subject` is what the document is about."""
        if subject is not None:
            doc["subject"] = self.named(subject.bytes, subject.media_type)
        return Content(self.names, doc, {d["digest"]: data for d, data in blobs}, [p["digest"] for p in parts],
                       doc.get("subject", {}).get("digest"), is_attachment)

    def image(self, subject=None):
        """An image, often one that was there before; with a subject an image all the same."""
        if subject is None and len(self.images) > 40 and self.rng.random() < 0.85:
            return self.rng.choice(self.images[-60:])
        config = dumps({"architecture": "amd64", "os": "linux", "n": len(self.images)})
        layers = self.rng.sample(self.layers, self.rng.randint(1, 3))
        if self.rng.random() < 0.3:
            layers.append(f"layer of image {len(self.images)} alone".encode())
        blobs = [(self.named(config, OCI_CONFIG), config), *((self.named(d, OCI_LAYER), d) for d in layers)]
        doc = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": blobs[0][0], "layers": [d for d, _ in blobs[1:]]}
        content = self.content(doc, blobs, subject=subject)
        self.images.append(content)
        return content

    def index(self, parts, subject=None):
        entries = [self.named(p.bytes, p.media_type) for p in parts]
        doc = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, "annotations": {"n": str(self.rng.randint(0, 3))}}
        content = self.content(doc, parts=entries, subject=subject)
        self.indexes.append(content)
        return content

    def report(self, subject):
        """An attachment that names its subject; now and then one of its blobs is a layer of images."""
        data = self.rng.choice(self.layers) if self.rng.random() < 0.15 else f"report {self.rng.randint(0, 3)} {subject.digest}".encode()
        config, layer = self.named(b"{}", OCI_EMPTY), self.named(data, REPORT)
        return self.content({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": REPORT, "config": config, "layers": [layer]},
                            [(config, b"{}"), (layer, data)], subject=subject, is_attachment=True)

    def signature(self, subject):
        """As cosign makes them in its tag mode: no subject, an image's config type, and no layer of a file system."""
        config = dumps({"architecture": "", "config": {}, "of": subject.digest})
        data = f"signature {self.rng.randint(0, 2)} {subject.digest}".encode()
        described, layer = self.named(config, OCI_CONFIG), self.named(data, SIGNATURE)
        return self.content({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": [layer]},
                            [(described, config), (layer, data)], is_attachment=True)
