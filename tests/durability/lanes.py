"""Clients that push, release and delete while the daemon dies, and the model that says what has to be there afterwards.

A lane is one thread with a repository of its own, so that what it asked for happened in that order: after a crash the daemon must have
exactly what the lane was told, or that and the one change that was under way.  Lanes share layers.
"""

import copy
import http.client
import random
import threading

from client import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, digest_of, dumps
from reference import Content, Model

DISCONNECTED = (http.client.HTTPException, OSError)
TAGS = ["latest", "v1", "v2"]
NO_NAMES = {}  # nobody here names anything by its sha512 digest
SHARED_LAYERS = [f"shared layer {i} ".encode() * (40 << (2 * i)) for i in range(6)]  # 600 bytes to 600 KiB


class Broken(AssertionError):
    pass


def content_of(doc, blobs, *more, **kw):
    return Content(NO_NAMES, doc, {digest_of(blob): blob for blob in blobs}, *more, **kw)


class State:
    """What a repository has, in the words of its lane: the model, and the blobs that were uploaded."""

    def __init__(self, name):
        self.model = Model(NO_NAMES)
        self.repo = self.model.repository(name)
        self.blobs = {}  # digest -> bytes, as far as acknowledged

    def apply(self, change):
        """Do one change; the status that the daemon has to give."""
        kind, *args = change
        if kind == "upload":
            self.blobs[args[0]] = args[1]
            self.model.upload(self.repo, "publisher", args[1], by_sha512=False)
            return 201
        if kind == "push":
            who, content, tag = args
            return self.model.push(self.repo, who, content, tag)
        if kind == "decide":
            return self.model.decide(self.repo, "processor", *args)
        if kind == "delete tag":
            return self.model.delete_tag(self.repo, "maintainer", *args)
        return self.model.delete_manifest(self.repo, "maintainer", *args)

    def after(self, change):
        other = copy.deepcopy(self)
        other.apply(change)
        return other

    def facts(self):
        """What can be seen of it from outside."""
        manifests = {d: m.state for d, m in self.repo.manifests.items()}
        tags = {name: (t.live and t.live.digest, t.staged and t.staged.digest) for name, t in self.repo.tags.items()}
        return {"manifests": manifests, "tags": tags, "blobs": set(self.blobs), "events": list(self.model.events)}


class Lane:
    def __init__(self, registry, number, seed):
        self.registry = registry
        self.number = number
        self.rng = random.Random(seed)
        self.generation = 0
        self.counter = 0
        self.settled = []        # repositories that are done, with all that was ever asked of them
        self.request_ids = set()  # of acknowledged changes that changed something
        self.silent_ids = set()   # of those that perhaps did not
        self.unanswered = 0      # changes that were under way at a crash
        self.acknowledged = 0
        self.error = None
        self.fresh()

    def fresh(self):
        """Go on in a new repository; the old one stays as it is."""
        if self.generation:
            self.settled.append((self.name, self.state, self.asked))
        self.generation += 1
        self.name = f"lane{self.number}/{self.generation}"
        self.state = State(self.name)
        self.asked = {}          # digest -> Content of every manifest that was ever pushed here, acknowledged or not
        self.pending = None
        self.history = []

    # -- one life of the daemon ------------------------------------------------------------------------

    def connect(self):
        self.clients = {who: self.registry.client(who, timeout=30) for who in ("publisher", "processor", "maintainer")}

    def live(self, stop):
        """Change things until told to stop or until the daemon is gone."""
        self.connect()
        self.error = None
        try:
            while not stop.is_set():
                self.step()
        except DISCONNECTED:
            self.unanswered += self.pending is not None
        except Exception as error:  # noqa: BLE001  the main thread raises it
            self.error = error
        for client in self.clients.values():
            client.close()

    def change(self, change, ask):
        """Ask for one change.  Whoever hears nothing knows nothing: it stays pending."""
        self.pending = change
        got = ask()
        before = self.state.facts()
        expected = self.state.apply(change)
        if got.status != expected:
            raise Broken(f"{self.name}: {change[0]} {change[1:]}: the daemon says {got}, the model {expected}{self.story()}")
        self.pending = None
        self.history.append(" ".join(getattr(a, "digest", str(a))[:19] for a in change if not isinstance(a, bytes)) + f" -> {got.status}")
        self.acknowledged += 1
        if change[0] != "upload" and got.status < 300:
            ids = self.silent_ids if self.state.facts() == before else self.request_ids
            ids.add(got.headers["X-Request-Id"])

    # -- changes ---------------------------------------------------------------------------------------

    def step(self):
        pick = self.rng.random()
        known = list(self.state.repo.manifests.values())
        if pick < 0.40 or not known:
            self.push(self.image(), self.rng.choice([None, *TAGS]))
        elif pick < 0.47:
            self.push_index()
        elif pick < 0.55:
            self.push(self.attachment(self.rng.choice(known).content), None, "processor")
        elif pick < 0.62:
            self.push(self.rng.choice([m for m in known if not m.content.is_attachment] or [known[0]]).content, self.rng.choice(TAGS))
        elif pick < 0.82:
            self.decide(self.rng.choice(known).digest, "released")
        elif pick < 0.88:
            self.decide(self.rng.choice(known).digest, "failed")
        elif pick < 0.94:
            self.delete(("delete tag", self.rng.choice(TAGS)))
        else:
            self.delete(("delete manifest", self.rng.choice(known).digest))

    def unique(self):
        self.counter += 1
        return f"{self.number}.{self.counter}"

    def image(self):
        config = dumps({"architecture": "amd64", "os": "linux", "n": self.unique()})
        layers = self.rng.sample(SHARED_LAYERS, self.rng.randint(0, 2)) + [f"layer {self.unique()}".encode() * 50]
        return content_of({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, OCI_CONFIG),
                           "layers": [descriptor(d, OCI_LAYER) for d in layers]}, [config, *layers])

    def attachment(self, subject):
        kind = "application/vnd.example.report"
        data = f"report {self.unique()}".encode()
        return content_of({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": kind, "config": descriptor(b"{}", OCI_EMPTY),
                           "layers": [descriptor(data, kind)], "subject": subject.descriptor}, [b"{}", data], subject=subject.digest,
                          is_attachment=True)

    def upload(self, digest, data):
        client = self.clients["publisher"]
        if digest in self.state.blobs:
            return
        if self.rng.random() < 0.3:
            self.change(("upload", digest, data), lambda: client.request(
                "POST", f"/v2/{self.name}/blobs/uploads/?digest={digest}", body=data, content_type="application/octet-stream"))
            return
        started = client.request("POST", f"/v2/{self.name}/blobs/uploads/")
        if started.status != 202:
            raise Broken(f"{self.name}: no upload session: {started}")
        where = started.headers["Location"]
        half = len(data) // 2
        if self.rng.random() < 0.5:
            sent = client.request("PATCH", where, body=data[:half], content_type="application/octet-stream")
            if sent.status != 202:
                raise Broken(f"{self.name}: PATCH of an upload: {sent}")
            rest = data[half:]
        else:
            rest = data
        self.change(("upload", digest, data), lambda: client.request("PUT", f"{where}?digest={digest}", body=rest,
                                                                     content_type="application/octet-stream"))

    def push(self, content, tag, who="publisher"):
        self.asked[content.digest] = content
        for digest, data in content.data.items():
            self.upload(digest, data)
        self.change(("push", who, content, tag), lambda: self.clients[who].put_manifest(
            self.name, tag or content.digest, content.bytes, content.media_type))

    def push_index(self):
        parts = [self.image() for _ in range(2)]
        for part in parts:
            self.push(part, None)
        self.push(content_of({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [p.descriptor for p in parts]}, [],
                             [p.digest for p in parts]), self.rng.choice([None, *TAGS]))

    def decide(self, digest, state):
        self.change(("decide", digest, state), lambda: self.clients["processor"].decide(self.name, digest, state))

    def delete(self, change):
        reference = change[1]
        self.change(change, lambda: self.clients["maintainer"].request("DELETE", f"/v2/{self.name}/manifests/{reference}"))

    # -- after a crash ---------------------------------------------------------------------------------

    def settle(self, seen):
        """`seen` must be what was acknowledged, or that and the change under way; from now on it is what is known."""
        candidates = [self.state] + ([self.state.after(self.pending)] if self.pending else [])
        for candidate in candidates:
            if differences(candidate.facts(), seen) == []:
                self.state, self.pending = candidate, None
                return
        told = "\n".join(differences(candidates[0].facts(), seen))
        under_way = "" if len(candidates) == 1 else f"\nor, with {self.pending[0]} under way:\n" + "\n".join(
            differences(candidates[1].facts(), seen))
        raise Broken(f"{self.name} is not what was acknowledged:\n{told}{under_way}{self.story()}")

    def story(self):
        return "\nafter\n  " + "\n  ".join(line for line in self.history if not line.startswith("upload"))


def differences(wanted, seen):
    found = []
    for kind in ("manifests", "tags"):
        for key in sorted(wanted[kind].keys() | seen[kind].keys()):
            if wanted[kind].get(key) != seen[kind].get(key):
                found.append(f"  {kind} {key}: {seen[kind].get(key)} instead of {wanted[kind].get(key)}")
    for lost in sorted(wanted["blobs"] - seen["blobs"]):
        found.append(f"  blob {lost} is lost")
    if wanted["events"] != seen["events"]:
        n = next((i for i, (a, b) in enumerate(zip(wanted["events"], seen["events"])) if a != b),
                 min(len(wanted["events"]), len(seen["events"])))
        found.append(f"  events from {n}: {seen['events'][n:n + 3]} instead of {wanted['events'][n:n + 3]}")
    return found


def run_lanes(lanes, stop):
    """Start the lanes; returns the threads."""
    threads = [threading.Thread(target=lane.live, args=(stop,), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    return threads


def join_lanes(lanes, threads):
    for thread in threads:
        thread.join(120)
        if thread.is_alive():
            raise Broken("a client hangs on a daemon that is gone")
    for lane in lanes:
        if lane.error is not None:
            raise lane.error
