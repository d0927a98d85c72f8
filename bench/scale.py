"""The same work on a registry with few images and on one with very many: start, release, GET, push, lists, memory."""

import contextlib
import pathlib
import sqlite3
import statistics
import time

import peers
from client import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Attachment, Client, Image, digest_of, dumps

IMAGES_IN_REPOSITORY = 100
SMALL = 1000


def fill(catalog, count, say):
    """Write `count` released images into a stopped daemon's catalog: what as many pushes and releases would have left there."""
    db = sqlite3.connect(catalog)
    db.execute("PRAGMA synchronous=OFF")
    db.execute("BEGIN")
    now = int(time.time() * 1000)
    for first in range(0, count, IMAGES_IN_REPOSITORY):
        repository = db.execute("INSERT INTO repository(name, created_ms) VALUES (?, ?)", (f"scale/r{first}", now)).lastrowid
        for n in range(first, min(count, first + IMAGES_IN_REPOSITORY)):
            image(db, repository, n, now)
        if first and first % 100_000 == 0:
            say(f"   {first} images")
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def image(db, repository, n, now):
    layer, config = f"layer {n}".encode(), dumps({"architecture": "amd64", "os": "linux", "author": str(n)})
    refs = [("config", digest_of(config), OCI_CONFIG, len(config)), ("layer", digest_of(layer), OCI_LAYER, len(layer))]
    manifest = dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST,
                      "config": {"mediaType": OCI_CONFIG, "digest": refs[0][1], "size": refs[0][3]},
                      "layers": [{"mediaType": OCI_LAYER, "digest": refs[1][1], "size": refs[1][3]}]})
    digest = digest_of(manifest)
    row = db.execute("INSERT INTO manifest(repository_id, digest, media_type, config_media_type, size, shape, state, publisher_id, publisher,"
                     " pushed_with, pushed_ms, state_ms) VALUES (?,?,?,?,?,'image','released',1,'admin','push',?,?)",
                     (repository, digest, OCI_MANIFEST, OCI_CONFIG, len(manifest), now, now)).lastrowid
    db.execute("INSERT INTO manifest_bytes(digest, bytes) VALUES (?, ?)", (digest, manifest))
    for position, (kind, blob, media_type, size) in enumerate(refs):
        db.execute("INSERT INTO manifest_ref(manifest_id, position, repository_id, kind, digest, media_type, size, opens)"
                   " VALUES (?,?,?,?,?,?,?,1)", (row, position, repository, kind, blob, media_type, size))
        db.execute("INSERT INTO blob(digest, size, created_ms) VALUES (?,?,?)", (blob, size, now))
        db.execute("INSERT INTO repository_blob(repository_id, digest, present, refs, opens, linked_ms) VALUES (?,?,1,1,1,?)",
                   (repository, blob, now))
    seq = db.execute("UPDATE push_counter SET value = value + 1 RETURNING value").fetchone()[0]
    db.execute("INSERT INTO tag(repository_id, name, live_manifest_id, live_seq, changed_ms) VALUES (?,?,?,?,?)",
               (repository, f"v{n}", row, seq, now))
    db.execute("INSERT INTO manifest_tag(manifest_id, tag, repository_id, seq) VALUES (?,?,?,?)", (row, f"v{n}", repository, seq))


def start_ms(daemon):
    """Milliseconds from the start of the process until it says that it is ready."""
    ready = daemon.root / "ready"
    begin = time.monotonic()
    daemon.spawn()
    while not (ready.exists() and ready.read_text().strip()):
        assert daemon.proc.poll() is None and time.monotonic() - begin < 120, daemon.tail()
        time.sleep(0.0005)
    spent = (time.monotonic() - begin) * 1000
    daemon.urls = ready.read_text().split()
    return spent


def rss_mib(daemon):
    with open(f"/proc/{daemon.proc.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


class Side:
    """One registry and the work measured on it; each step returns its seconds."""

    def __init__(self, root, count, say, started):
        self.daemon = peers.Daemon(pathlib.Path(root))
        started.callback(self.daemon.stop)
        self.daemon.start()
        self.daemon.stop()
        fill(next(self.daemon.data.glob("*.db")), count, say)
        self.daemon.start()
        self.daemon.stop()  # a clean stop is what the next start follows
        self.start_ms = [start_ms(self.daemon)]
        for _ in range(4):
            self.daemon.stop()
            self.start_ms.append(start_ms(self.daemon))
        admin = self.daemon.admin()
        assert admin.request("POST", "/v2/_roadstead/admin/users", body={"name": "bench", "password": "bench bench bench"}).status == 201
        assert admin.request("POST", "/v2/_roadstead/admin/grants",
                             body={"principal": "bench", "role": "processor", "pattern": "**"}).status == 201
        self.client = Client(self.daemon.url, ("bench", "bench bench bench"))
        self.repository = "scale/r0"

    def timed(self, what):
        begin = time.monotonic()
        what()
        return time.monotonic() - begin

    def get(self):
        got = self.client.get_manifest(self.repository, "v7")
        assert got.status == 200, got

    def tags(self):
        assert len(self.client.get(f"/v2/{self.repository}/tags/list?n=50").json()["tags"]) == 50

    def prepare(self):
        """Something to push and to release, its blobs sent already."""
        self.image = Image()
        for data in self.image.blobs:
            self.client.push_blob("scale/work", data)

    def push(self):
        assert self.client.put_manifest("scale/work", self.image.digest, self.image.manifest).status == 201

    def release(self):
        self.client.release("scale/work", self.image.digest)

    def referrers(self):
        assert self.client.referrers("scale/work", self.image.digest).status == 200

    def attach(self):
        self.client.push_image("scale/work", None, Attachment(self.image))


def measure(root, count, rounds, say):
    with contextlib.ExitStack() as started:
        sides = {"small": Side(root / "small", SMALL, say, started), "large": Side(root / "large", count, say, started)}
        spent = {side: {} for side in sides}
        for _ in range(20 * rounds):
            for name, side in sides.items():
                side.prepare()
                for step in ("get", "tags", "push", "attach", "release", "referrers"):
                    spent[name].setdefault(step, []).append(side.timed(getattr(side, step)))
        memory = {name: rss_mib(side.daemon) for name, side in sides.items()}
    rows = []
    for step in ("release", "get", "push", "tags", "referrers"):
        ratio = statistics.median(spent["large"][step]) / statistics.median(spent["small"][step])
        rows.append({"name": f"{step}: {count} images against {SMALL}", "value": ratio, "limit": 1.3 if step == "release" else None, "unit": "x"})
    rows.append({"name": f"resident memory: {count} images against {SMALL}", "value": memory["large"] / memory["small"], "limit": None, "unit": "x"})
    starts = sides["large"].start_ms
    rows.append({"name": f"start to ready with {count} images", "value": statistics.median(starts), "limit": 50, "unit": "ms",
                 "spread": f"{min(starts):.0f}..{max(starts):.0f}"})
    for row in rows:
        say(f"{row['name']}: {row['value']:.2f} {row['unit']}")
    return rows
