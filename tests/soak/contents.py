"""Everything that a soak pushes: few layers in many images, so that blobs die, are born again and are shared all the time."""

import random

from client import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, digest_of, dumps
from reference import Content

UNITS = 240
LAYERS = 500
ATTACHED = "application/vnd.example.report"
EMPTY = b"{}"


class Unit:
    """An image, or an index with its parts, and what gets attached: in one repository nothing else depends on these manifests."""

    def __init__(self, parts, root, attachments):
        self.parts = parts
        self.root = root
        self.attachments = attachments

    @property
    def pushed(self):
        """What one push of it sends, in this order."""
        return [*self.parts, self.root]

    @property
    def members(self):
        return [*self.parts, self.root, *self.attachments]


class Universe:
    """All units, made from the seed alone; the same ones are pushed to every repository, again and again."""

    def __init__(self, seed):
        self.rng = random.Random(f"{seed} contents")
        self.names = {}             # sha512 -> sha256, as far as the registry was told
        self.layers = [self.rng.randbytes(self.layer_size()) for _ in range(LAYERS)]
        self.units = [self.unit(n) for n in range(UNITS)]
        self.members = {m.digest: m for u in self.units for m in u.members}
        self.unit_of = {m.digest: u for u in self.units for m in u.members}
        self.naming = {}            # a blob's digest, as manifests write it -> the manifests
        self.units_with = {}        # a blob's own digest -> the units
        for member in self.members.values():
            for named, data in member.data.items():
                self.naming.setdefault(named, []).append(member)
                self.units_with.setdefault(digest_of(data), set()).add(self.unit_of[member.digest])
        # Always there, and named by too many to ask all of them.
        del self.naming[digest_of(EMPTY)], self.units_with[digest_of(EMPTY)]

    def layer_size(self):
        return self.rng.randint(500_000, 1_000_000) if self.rng.random() < 0.02 else self.rng.randint(100, 20_000)

    def unit(self, n):
        if self.rng.random() < 0.65:
            parts, root = [], self.image(n, 0)
        else:
            parts = [self.image(n, i) for i in range(self.rng.randint(2, 3))]
            root = self.index(parts)
            if self.rng.random() < 0.2:
                parts, root = [*parts, root], self.index([root, parts[0]])
        subjects = self.rng.choices([root, *parts], k=self.rng.choice([0, 1, 1, 2]))
        return Unit(parts, root, [self.attachment(subject, i) for i, subject in enumerate(subjects)])

    def image(self, unit, n):
        config = dumps({"architecture": "amd64", "os": "linux", "unit": unit, "n": n})
        data, layers = {digest_of(config): config}, []
        for layer in self.rng.sample(self.layers, self.rng.randint(1, 3)):
            named = digest_of(layer, "sha512" if self.rng.random() < 0.15 else "sha256")
            data[named] = layer
            layers.append({"mediaType": OCI_LAYER, "digest": named, "size": len(layer)})
        return Content(self.names, {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, OCI_CONFIG), "layers": layers}, data)

    def index(self, parts):
        return Content(self.names, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [p.descriptor for p in parts]}, {}, [p.digest for p in parts])

    def attachment(self, subject, n):
        data = f"report {n} on {subject.digest}".encode()
        return Content(self.names, {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": ATTACHED, "config": descriptor(EMPTY, OCI_EMPTY),
                                    "layers": [descriptor(data, ATTACHED)], "subject": subject.descriptor},
                       {digest_of(EMPTY): EMPTY, digest_of(data): data}, subject=subject.digest, is_attachment=True)
