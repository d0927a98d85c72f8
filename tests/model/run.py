#!/usr/bin/python3
"""Random operations against a daemon and the reference model at once; any difference ends the run with the seed that repeats it.

    run.py --operations 100000 [--seed N]      (ROADSTEAD_BINARY names the program)
"""

import argparse
import pathlib
import random
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from client import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, digest_of, dumps  # noqa: E402
from conftest import Registry  # noqa: E402
from daemon import Daemon  # noqa: E402
from reference import Model  # noqa: E402

ROLES = {"processor": "Q", "qreader": "Q", "publisher": "W", "publisher2": "W", "maintainer": "W", "consumer": "R"}
REPOSITORIES = ["model/a", "model/b", "model/a/b"]
TAGS = ["latest", "v1", "v2", "stable"]
ATTACHED = "application/vnd.example.report"


class Content:
    """The bytes of a manifest and what the model has to know about them."""

    def __init__(self, doc, data, children=(), subject=None, is_attachment=False):
        self.bytes = dumps(doc)
        self.digest = digest_of(self.bytes)
        self.media_type = doc["mediaType"]
        self.data = {digest_of(d): d for d in data}     # the blobs' bytes
        self.blobs = set(self.data)
        self.config = doc.get("config", {}).get("digest")
        self.children = list(children)
        self.subject = subject
        self.is_attachment = is_attachment

    @property
    def descriptor(self):
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.bytes)}


class Pool:
    """All contents of a run, made from the run's own random numbers: layers and parts are shared on purpose."""

    def __init__(self, rng):
        self.rng = rng
        self.layers = [f"layer {i}".encode() for i in range(12)]
        self.images, self.indexes, self.attachments = [], [], []

    def image(self):
        if len(self.images) > 40 and self.rng.random() < 0.85:
            return self.rng.choice(self.images[-60:])
        config = dumps({"architecture": "amd64", "os": "linux", "n": len(self.images)})
        layers = self.rng.sample(self.layers, self.rng.randint(1, 3))
        content = Content({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, OCI_CONFIG),
                           "layers": [descriptor(d, OCI_LAYER) for d in layers]}, [config, *layers])
        self.images.append(content)
        return content

    def index(self, parts):
        content = Content({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [p.descriptor for p in parts],
                           "annotations": {"n": str(self.rng.randint(0, 3))}}, [], [p.digest for p in parts])
        self.indexes.append(content)
        return content

    def attachment(self, subject):
        data = f"report {self.rng.randint(0, 3)} {subject.digest}".encode()
        content = Content({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": ATTACHED, "config": descriptor(b"{}", OCI_EMPTY),
                           "layers": [descriptor(data, ATTACHED)], "subject": subject.descriptor}, [b"{}", data],
                          subject=subject.digest, is_attachment=True)
        self.attachments.append(content)
        return content


class Difference(AssertionError):
    pass


class Run:
    def __init__(self, seed, root):
        self.seed = seed
        self.rng = random.Random(seed)
        self.model = Model()
        self.pool = Pool(self.rng)
        self.registry = Registry(Daemon(root).start())
        self.checked_events = 0
        self.after = 0
        self.operations = self.reads = 0
        self.log = []

    def expect(self, what, got, wanted):
        if got != wanted:
            tail = "\n".join(self.log[-60:])
            raise Difference(f"seed {self.seed}, operation {self.operations}: {what}: the daemon says {got}, the model {wanted}\n{tail}")

    # -- one operation -----------------------------------------------------------------------------

    def step(self):
        self.operations += 1
        repo = self.model.repository(self.rng.choice(REPOSITORIES))
        table = [(30, self.push_image), (10, self.push_index), (12, self.attach), (22, self.release), (8, self.fail), (5, self.delete_tag),
                 (6, self.delete_manifest), (2, self.policy), (5, self.retag)]
        pick = self.rng.uniform(0, sum(w for w, _ in table))
        for weight, operation in table:
            pick -= weight
            if pick <= 0:
                break
        operation(repo)
        self.look(repo)
        if self.operations % 50 == 0:
            self.compare_events()
        if self.operations % 2000 == 0:
            self.restart()

    def restart(self):
        self.registry.daemon.restart()
        for name in ROLES:
            self.registry.__dict__.pop(name, None)
        self.registry.admin = self.registry.daemon.admin()

    def client(self, name):
        return getattr(self.registry, name)

    def send(self, repo, who, content, tag=None):
        """Upload the blobs and put the manifest, in both worlds."""
        client = self.client(who)
        for digest, data in content.data.items():
            client.push_blob(repo.name, data, digest)
        self.model.upload(repo, who, content.blobs)
        wanted = self.model.push(repo, who, content, tag, is_processor=who == "processor")
        got = client.put_manifest(repo.name, tag or content.digest, content.bytes, content.media_type)
        self.log.append(f"push {repo.name} {tag} {content.digest[:15]} by {who}: {got.status}")
        self.expect(f"push of {content.digest} to {repo.name}:{tag} by {who} {got}", got.status, wanted)

    def push_image(self, repo):
        tag = self.rng.choice([None, *TAGS])
        self.send(repo, self.rng.choice(["publisher", "publisher2", "processor"]), self.pool.image(), tag)

    def retag(self, repo):
        known = [m.content for m in repo.manifests.values() if not m.content.is_attachment]
        if known:
            self.send(repo, self.rng.choice(["publisher", "publisher2"]), self.rng.choice(known), self.rng.choice(TAGS))

    def push_index(self, repo):
        who = self.rng.choice(["publisher", "publisher2", "processor"])
        parts = []
        for _ in range(self.rng.randint(1, 3)):
            inner = [i for i in self.pool.indexes[-5:] if i.digest in repo.manifests]
            parts.append(self.rng.choice(inner) if inner and self.rng.random() < 0.15 else self.pool.image())
        for part in parts:
            if part.digest not in repo.manifests:
                self.send(repo, who, part)
        self.send(repo, who, self.pool.index(parts), self.rng.choice([None, *TAGS]))

    def attach(self, repo):
        if repo.manifests and self.rng.random() < 0.85:
            subject = self.rng.choice(list(repo.manifests.values())).content
        else:
            subject = self.pool.image()
        self.send(repo, self.rng.choice(["processor", "processor", "publisher"]), self.pool.attachment(subject))

    def decision(self, repo, state):
        if not repo.manifests:
            return
        digest = self.rng.choice(list(repo.manifests))
        wanted = self.model.decide(repo, "processor", digest, state)
        got = self.client("processor").decide(repo.name, digest, state)
        self.log.append(f"{state} {repo.name} {digest[:15]}: {got.status}")
        self.expect(f"{state} {repo.name}@{digest} {got}", got.status, wanted)

    def release(self, repo):
        self.decision(repo, "released")

    def fail(self, repo):
        self.decision(repo, "failed")

    def delete_tag(self, repo):
        tag = self.rng.choice(TAGS)
        wanted = self.model.delete_tag(repo, "maintainer", tag)
        got = self.client("maintainer").request("DELETE", f"/v2/{repo.name}/manifests/{tag}")
        self.log.append(f"delete {repo.name}:{tag}: {got.status}")
        self.expect(f"delete {repo.name}:{tag} {got}", got.status, wanted)

    def delete_manifest(self, repo):
        if not repo.manifests:
            return
        digest = self.rng.choice(list(repo.manifests))
        wanted = self.model.delete_manifest(repo, "maintainer", digest)
        got = self.client("maintainer").request("DELETE", f"/v2/{repo.name}/manifests/{digest}")
        self.log.append(f"delete {repo.name}@{digest[:15]}: {got.status}")
        self.expect(f"delete {repo.name}@{digest} {got}", got.status, wanted)

    def policy(self, repo):
        repo.quarantine = self.rng.random() < 0.75
        self.registry.policy(repo.name, quarantine="on" if repo.quarantine else "off")
        self.log.append(f"policy {repo.name} {repo.quarantine}")

    # -- what everybody sees -------------------------------------------------------------------------

    def look(self, repo):
        """Read as every role: some references and blobs of the repository."""
        digests = list(repo.manifests) or [self.pool.image().digest]
        references = [self.rng.choice(TAGS), self.rng.choice(digests), self.rng.choice(digests)]
        blobs = sorted(self.rng.choice(list(repo.manifests.values())).content.blobs)[:2] if repo.manifests else []
        for who, role in ROLES.items():
            client = self.client(who)
            for reference in references:
                got = client.get_manifest(repo.name, reference)
                self.reads += 1
                status, digest = self.model.manifest(repo, role, who, reference)
                self.expect(f"{who} reads {repo.name} {reference} {got}", got.status, status)
                if digest is not None:
                    self.expect(f"{who} reads {repo.name} {reference}: the bytes", digest_of(got.body), digest)
            for blob in blobs:
                method = self.rng.choice(["GET", "HEAD"])
                got = client.request(method, f"/v2/{repo.name}/blobs/{blob}")
                self.reads += 1
                self.expect(f"{who} {method} blob {repo.name} {blob} {got}", got.status, self.model.blob(repo, role, who, blob, method))
            if self.rng.random() < 0.2:
                self.expect(f"{who} lists the tags of {repo.name}", client.tags(repo.name), self.model.tags(repo, role))
                got = {d["digest"] for d in client.referrers(repo.name, references[1]).json()["manifests"]}
                self.expect(f"{who} lists the referrers of {references[1]}", got, self.model.referrers(repo, role, references[1]))

    def compare_events(self):
        seen = self.client("processor").events(self.after)
        if seen:
            self.after = seen[-1]["sequence"]
        got = [(e["type"], e["repository"], e.get("tag"), e["digest"], e["actor"], e["publisher"]) for e in seen]
        wanted = self.model.events[self.checked_events:]
        self.checked_events = len(self.model.events)
        if got != wanted:
            first = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
            self.expect("events", got[first:first + 4], wanted[first:first + 4])


def run(seed, operations, seconds, root):
    this = Run(seed, root)
    end = time.monotonic() + seconds
    try:
        while this.operations < operations and time.monotonic() < end:
            this.step()
        this.compare_events()
    finally:
        this.registry.daemon.stop()
    return this


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randint(0, 10**9))
    options = parser.parse_args()
    done = reads = 0
    seed = options.seed
    begin = time.monotonic()
    while done < options.operations and time.monotonic() - begin < options.seconds:
        # A new registry every 10,000 operations: what fails repeats in a short run.
        with tempfile.TemporaryDirectory(prefix="roadstead-model-") as root:
            this = run(seed, min(10_000, options.operations - done), options.seconds - (time.monotonic() - begin), root)
        done += this.operations
        reads += this.reads
        seed += 1
        print(f"{done} operations, {reads} reads, next seed {seed}", flush=True)
    print(f"no difference: {done} operations, {reads} reads, seeds {options.seed}..{seed - 1}")


if __name__ == "__main__":
    main()
