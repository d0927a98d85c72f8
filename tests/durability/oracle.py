"""What has to hold after every fault, with the daemon running again.

O1  each acknowledged blob is there, its bytes are its digest's           O6  the audit log verifies and has a record of every change
O2  each acknowledged manifest is there byte for byte, each tag right     O7  every row of a blob has its file, of the right size and bytes
O3  what was not acknowledged is there whole or not at all, never a 5xx   O8  the database is sound, and so are the counters in it
O4  events: exactly one of each acknowledged change, none of others       O9  it is ready again by itself
O5  what is in quarantine is served to no consumer                        O10 what was deleted stays deleted
"""

import hashlib
import pathlib
import sqlite3
import subprocess

from client import digest_of
from daemon import binary
from lanes import Broken

HELD = ("quarantined", "failed")

# The invariants that crashes could break; numbered in the schema.
INVARIANTS = {
    "I1": """SELECT b.repository_id, b.digest, b.refs FROM repository_blob b WHERE b.refs <> (SELECT count(DISTINCT r.manifest_id)
             FROM manifest_ref r JOIN manifest m ON m.id = r.manifest_id
             WHERE r.digest = b.digest AND r.kind <> 'manifest' AND m.repository_id = b.repository_id)""",
    "I2": """SELECT b.repository_id, b.digest, b.opens FROM repository_blob b WHERE b.opens <> (SELECT count(DISTINCT r.manifest_id)
             FROM manifest_ref r JOIN manifest m ON m.id = r.manifest_id
             WHERE r.digest = b.digest AND r.kind <> 'manifest' AND r.opens = 1 AND m.state = 'released'
             AND m.repository_id = b.repository_id)""",
    "I3": "SELECT digest FROM repository_blob WHERE present = 1 AND digest NOT IN (SELECT digest FROM blob)",
    "I4": """SELECT t.name FROM tag t LEFT JOIN manifest l ON l.id = t.live_manifest_id LEFT JOIN manifest s ON s.id = t.staged_manifest_id
             WHERE (t.live_manifest_id IS NULL AND t.staged_manifest_id IS NULL) OR (t.live_manifest_id IS NOT NULL AND
             (l.state IS NULL OR l.state <> 'released')) OR (t.staged_manifest_id IS NOT NULL AND (s.state IS NULL OR s.state = 'released'))""",
    "I6": """SELECT digest FROM manifest WHERE digest NOT IN (SELECT digest FROM manifest_bytes)
             UNION SELECT digest FROM manifest_bytes WHERE digest NOT IN (SELECT digest FROM manifest)""",
}


class Oracle:
    def __init__(self, registry, lanes):
        self.registry = registry
        self.lanes = lanes
        self.hashed = set()      # blob files whose bytes were checked already
        self.after = 0           # events read so far
        self.events = {}         # repository -> its events
        self.event_ids = set()

    def check(self):
        """Everything that may have changed since the last time."""
        self.read_events()
        processor = self.registry.client("processor")
        consumer = self.registry.client("consumer")
        for lane in self.lanes:
            lane.settle(self.look(processor, lane.name, lane.asked, set(lane.state.blobs)))
            self.look_as_consumer(consumer, lane)
        self.check_catalog()

    def check_all(self):
        """Also everything of long ago, and the audit log.  Stops the daemon."""
        self.check()
        processor = self.registry.client("processor")
        for lane in self.lanes:
            for name, state, asked in lane.settled:
                seen = self.look(processor, name, asked, set(state.blobs))
                wanted = state.facts()
                if any(wanted[k] != seen[k] for k in ("manifests", "tags", "events")) or wanted["blobs"] - seen["blobs"]:
                    raise Broken(f"{name} has changed since it was left alone")
        self.hashed.clear()
        self.check_catalog()
        self.read_audit()
        self.registry.daemon.stop()
        self.verify_audit()

    # -- through the API -------------------------------------------------------------------------------

    def read_events(self):
        for event in self.registry.client("processor").events(self.after):
            self.after = event["sequence"]
            if event["id"] in self.event_ids:
                raise Broken(f"the event {event['id']} is in the feed twice")
            self.event_ids.add(event["id"])
            self.events.setdefault(event["repository"], []).append(
                (event["type"], event["repository"], event.get("tag"), event["digest"], event["actor"], event["publisher"]))

    def look(self, processor, name, asked, blobs):
        """The facts of one repository as a processor sees them."""
        manifests, tags = {}, {}
        for digest, content in asked.items():
            got = processor.get_manifest(name, digest)
            if got.status == 200:
                if got.body != content.bytes or got.headers["Content-Type"] != content.media_type:
                    raise Broken(f"{name}@{digest} is not the bytes that were pushed")
                manifests[digest] = got.headers.get("Roadstead-Quarantine", "released")
            elif got.status != 404:
                raise Broken(f"{name}@{digest}: {got}")
        for tag in processor.tags(name) or []:
            got = processor.get_manifest(name, tag)
            if got.status != 200:
                raise Broken(f"{name}:{tag} is listed, and reading it gives {got}")
            here = digest_of(got.body)
            held = got.headers.get("Roadstead-Quarantine") in HELD
            tags[tag] = (got.headers.get("Roadstead-Live"), here) if held else (here, None)
        seen = set()
        for digest in blobs:
            got = processor.get_blob(name, digest)
            if got.status == 200:
                if digest_of(got.body) != digest:
                    raise Broken(f"the blob {digest} of {name} is served with other bytes")
                seen.add(digest)
            elif got.status != 404:
                raise Broken(f"the blob {digest} of {name}: {got}")
        return {"manifests": manifests, "tags": tags, "blobs": seen, "events": self.events.get(name, [])}

    def look_as_consumer(self, consumer, lane):
        repo = lane.state.repo
        live = {tag: t.live.digest for tag, t in repo.tags.items() if t.live is not None}
        if consumer.tags(lane.name) != sorted(live):
            raise Broken(f"a consumer sees other tags of {lane.name} than {sorted(live)}")
        for digest, manifest in repo.manifests.items():
            got = consumer.get_manifest(lane.name, digest)
            if got.status != (200 if manifest.state == "released" else 403):
                raise Broken(f"a consumer reads {lane.name}@{digest}, which is {manifest.state}: {got}")
        for blob in list(lane.state.blobs)[-5:]:
            is_open = any(blob in m.content.blobs and m.state == "released" for m in repo.manifests.values())
            if consumer.get_blob(lane.name, blob).status != (200 if is_open else 403):
                raise Broken(f"a consumer and the blob {blob} of {lane.name}, opened: {is_open}")

    # -- in the data directory, read-only --------------------------------------------------------------

    def check_catalog(self):
        data = self.registry.daemon.data
        db = sqlite3.connect(f"file:{data}/catalog.db?mode=ro", uri=True, timeout=30)
        try:
            sound = db.execute("PRAGMA integrity_check").fetchall()
            if sound != [("ok",)]:
                raise Broken(f"the database: {sound[:5]}")
            orphans = db.execute("PRAGMA foreign_key_check").fetchall()
            if orphans:
                raise Broken(f"foreign keys: {orphans[:5]}")
            for number, query in INVARIANTS.items():
                rows = db.execute(query).fetchall()
                if rows:
                    raise Broken(f"invariant {number}: {rows[:5]}")
            self.check_files(data, dict(db.execute("SELECT digest, size FROM blob")))
        finally:
            db.close()

    def check_files(self, data, rows):
        for digest, size in rows.items():
            file = pathlib.Path(data, "blobs", "sha256", digest[7:9], digest[7:])
            if not file.is_file() or file.stat().st_size != size:
                raise Broken(f"the blob {digest} of {size} bytes has no such file")
            if digest not in self.hashed:
                if hashlib.sha256(file.read_bytes()).hexdigest() != digest[7:]:
                    raise Broken(f"the file of {digest} has other bytes")
                self.hashed.add(digest)
        stray = [f for f in pathlib.Path(data, "blobs", "sha256").glob("??/*") if f"sha256:{f.name}" not in rows]
        unanswered = sum(lane.unanswered for lane in self.lanes)
        if len(stray) > unanswered:
            raise Broken(f"{len(stray)} stray files, and {unanswered} changes were under way in all crashes")

    # -- the audit log ---------------------------------------------------------------------------------

    def read_audit(self):
        """Every acknowledged change has its record, and there are no records of anything else."""
        records = self.registry.client("auditor").audit()
        numbers = [r["sequence"] for r in records]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            raise Broken("the audit log has gaps")
        recorded = {r["requestId"] for r in records if (r.get("repository") or "").startswith("lane")
                    and r["action"] != "read-denied"}  # counted together, and may be lost in a crash
        told = set().union(*(lane.request_ids for lane in self.lanes))
        perhaps = set().union(*(lane.silent_ids for lane in self.lanes))
        if told - recorded:
            raise Broken(f"{len(told - recorded)} acknowledged changes have no audit record: {sorted(told - recorded)[:3]}")
        invented = recorded - told - perhaps
        if len(invented) > sum(lane.unanswered for lane in self.lanes):
            odd = [r for r in records if r["requestId"] in invented]
            raise Broken(f"{len(invented)} audit records of changes that nobody asked for: {odd[:3]}")

    def verify_audit(self):
        """With the daemon stopped: the chain and the checkpoints."""
        done = subprocess.run([binary(), "audit", "verify", "--data", str(self.registry.daemon.data)], capture_output=True, text=True,
                              check=False, timeout=300)
        if done.returncode != 0:
            raise Broken(f"roadstead audit verify: {done.returncode}: {done.stdout}{done.stderr}")
