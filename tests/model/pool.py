"""The contents of a run, made from the run's own random numbers: layers and parts are shared on purpose."""

from client import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, dumps
from reference import Content

REPORT = "application/vnd.example.report"
SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"


class Pool:
    def __init__(self, rng):
        self.rng = rng
        self.layers = [f"layer {i}".encode() for i in range(12)]
        self.images, self.indexes = [], []

    def image(self, subject=None):
        """An image, often one that was there before; with a subject an image all the same."""
        if subject is None and len(self.images) > 40 and self.rng.random() < 0.85:
            return self.rng.choice(self.images[-60:])
        config = dumps({"architecture": "amd64", "os": "linux", "n": len(self.images)})
        layers = self.rng.sample(self.layers, self.rng.randint(1, 3))
        doc = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, OCI_CONFIG),
               "layers": [descriptor(d, OCI_LAYER) for d in layers]}
        if subject is not None:
            doc["subject"] = subject.descriptor
        content = Content(doc, [config, *layers], subject=subject.digest if subject is not None else None)
        self.images.append(content)
        return content

    def index(self, parts, subject=None):
        doc = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [p.descriptor for p in parts],
               "annotations": {"n": str(self.rng.randint(0, 3))}}
        if subject is not None:
            doc["subject"] = subject.descriptor
        content = Content(doc, [], [p.digest for p in parts], subject=subject.digest if subject is not None else None)
        self.indexes.append(content)
        return content

    def report(self, subject):
        """An attachment that names its subject; now and then one of its blobs is a layer of images."""
        data = self.rng.choice(self.layers) if self.rng.random() < 0.15 else f"report {self.rng.randint(0, 3)} {subject.digest}".encode()
        return Content({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": REPORT, "config": descriptor(b"{}", OCI_EMPTY),
                        "layers": [descriptor(data, REPORT)], "subject": subject.descriptor}, [b"{}", data],
                       subject=subject.digest, is_attachment=True)

    def signature(self, subject):
        """As cosign makes them in its tag mode: no subject, an image's config type, and no layer of a file system."""
        config = dumps({"architecture": "", "config": {}, "of": subject.digest})
        data = f"signature {self.rng.randint(0, 2)} {subject.digest}".encode()
        return Content({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, OCI_CONFIG),
                        "layers": [descriptor(data, SIGNATURE)]}, [config, data], is_attachment=True)
