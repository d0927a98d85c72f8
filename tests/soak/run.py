#!/usr/bin/python3
"""The soak: one daemon whose collector runs every second, pushers that share layers, processors, deleters and pullers, and not one failed
push or pull.

    run.py [--operations N] [--seconds S] [--seed N]      (ROADSTEAD_BINARY names the program)

Leases, unfinished uploads and the collector's grace are as short as the configuration allows, so that blobs die and come back all the time;
a run in which the collector had nothing to do fails.  What every answer has to be is known (ledger.py).  In the end everything that was
released and not deleted is pulled once more, nothing else is on the disk, and `roadstead fsck` finds nothing.
"""

import argparse
import collections
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "model"), str(HERE.parent / "blackbox")]

from actors import Deleter, Latecomer, Processor, Puller, Pusher, Reading  # noqa: E402
from client import Client, digest_of  # noqa: E402
from conftest import Registry  # noqa: E402
from contents import Universe  # noqa: E402
from daemon import Daemon, binary, end_on_signals, wait_for  # noqa: E402
from ledger import READERS, Broken, Ledger  # noqa: E402

LEASE_S = EXPIRY_S = 1      # the shortest that the configuration takes
# Connections that rest are never closed: one that is cut is a failure.
LIMITS = {"upload_expiry": f"{EXPIRY_S}s", "idle_timeout": "24h", "stall_timeout": "24h"}
CONFIG = {"gc": {"grace": "0s", "lease": f"{LEASE_S}s", "interval": "1s"}, "limits": LIMITS, "log": {"requests": False}}
REPOSITORIES = {"soak/on/a": True, "soak/on/b": True, "soak/on/b/c": True, "soak/off/a": False, "soak/off/b": False, "soak/off/a/c": False}
TAGS = ["latest", "stable", *(f"v{n}" for n in range(8))]
ACTORS = {Pusher: 16, Latecomer: 10, Processor: 2, Deleter: 4, Puller: 4}
# What counts as one: a whole image, index or attachment, with all requests that it takes; looking at lists, and being refused, does not.
OPERATIONS = ["pushes", "attachments", "pulls", "decisions", "deletes", "tag deletes", "lone blobs", "abandoned uploads"]
NOTES = 50_000
PROGRESS_S = 5
PATIENCE_S = 300


class Soak:
    readers = READERS
    tags = TAGS
    lease_s, expiry_s = LEASE_S, EXPIRY_S
    population_min, population_max = 150, 350   # manifests
    held_min = 25                               # so many manifests stay in quarantine, as long as there are more

    def __init__(self, seed, daemon):
        self.seed, self.daemon = seed, daemon
        self.registry = Registry(daemon)
        for name, is_on in REPOSITORIES.items():
            self.registry.policy(name, quarantine="on" if is_on else "off")
        self.universe = Universe(seed)
        self.ledger = Ledger(self.universe, REPOSITORIES)
        self.over = threading.Event()
        self.mu = threading.Lock()
        self.counts = collections.Counter()
        self.failures = []
        self.notes = collections.deque(maxlen=NOTES)
        self.known_blobs = set()
        self.begin = time.monotonic()

    # -- for the actors ----------------------------------------------------------------------------------

    def client(self, who):
        """A connection that never asks twice: a cut one is a failure."""
        return Client(self.registry.url, self.registry.credentials[who], once=True)

    def count(self, what):
        with self.mu:
            self.counts[what] += 1

    def note(self, text):
        self.notes.append(f"{time.monotonic() - self.begin:9.3f} {text}")

    def failed(self, who, error):
        with self.mu:
            self.failures.append(" ".join([f"{who}: {type(error).__name__}: {error}", *getattr(error, "__notes__", [])]))
        self.over.set()

    def is_there(self, repository, named):
        with self.mu:
            self.known_blobs.add((repository, named))

    def was_there(self, repository, named):
        with self.mu:
            return (repository, named) in self.known_blobs

    # -- while it runs -----------------------------------------------------------------------------------

    @property
    def operations(self):
        with self.mu:
            return sum(self.counts[what] for what in OPERATIONS)

    def collected(self):
        """Blobs and bytes."""
        text = self.registry.anonymous.get("/metrics").body.decode()
        return tuple(int(re.search(rf"^roadstead_gc_{what}_total (\d+)$", text, re.MULTILINE)[1]) for what in ("blobs", "bytes"))

    def run(self, operations, seconds):
        actors = [kind(self, n) for kind, count in ACTORS.items() for n in range(count)]
        for actor in actors:
            actor.start()
        try:
            while not self.over.wait(PROGRESS_S) and not self.is_enough(operations, seconds):
                self.progress(operations, seconds)
        finally:
            self.over.set()
            with self.ledger.mu:
                self.ledger.mu.notify_all()
            for actor in actors:
                actor.join()

    def is_enough(self, operations, seconds):
        """A slow machine may take longer until the collector, too, has done what it is here for."""
        spent = time.monotonic() - self.begin
        return (self.operations >= operations or spent >= seconds) and (self.has_collected() or spent >= seconds + PATIENCE_S)

    def has_collected(self):
        """Most of what was deleted long enough ago had blobs of its own; and such blobs were wanted again, and uploads left alone."""
        blobs, _ = self.collected()
        return blobs > self.counts["deletes"] // 4 and self.counts["reborn"] > 0 and self.counts["uploads left alone"] > 0

    def progress(self, operations, seconds):
        done, spent = self.operations, time.monotonic() - self.begin
        left = min((operations - done) * spent / max(1, done), seconds - spent)
        blobs, _ = self.collected()
        print(f"{done} of {operations} operations, {done / spent:.0f}/s, {self.ledger.population()} manifests, {blobs} blobs collected,"
              f" {len(self.failures)} failed, {left:.0f} s left", flush=True)

    # -- afterwards --------------------------------------------------------------------------------------

    def check_collector(self):
        self.counts["blobs collected meanwhile"], self.counts["bytes collected meanwhile"] = self.collected()
        if not self.has_collected():
            raise Broken(f"the collector had too little to do: {dict(self.counts)}")

    def wanted_blobs(self):
        return {digest_of(data): len(data) for repo in self.ledger.model.repositories.values() for m in repo.manifests.values()
                for data in m.content.data.values()}

    def blobs_on_disk(self):
        return {f"sha256:{path.name}": path.stat().st_size for path in self.daemon.data.glob("blobs/sha256/*/*")}

    def collect_until_quiet(self):
        """Everything that nobody needs goes, and nothing else."""
        wanted = self.wanted_blobs()

        def is_quiet():
            got = self.registry.admin.request("POST", "/v2/_roadstead/admin/gc", body={"dryRun": False})
            assert got.status == 200, got
            return self.blobs_on_disk() == wanted and not any((self.daemon.data / "uploads").iterdir())

        try:
            wait_for(is_quiet, "only what manifests name is left")
        except AssertionError as e:
            have = self.blobs_on_disk()
            raise Broken(f"{e}: {sorted(set(have) - set(wanted))} are too many, {sorted(set(wanted) - set(have))} are missing,"
                         f" {len(list((self.daemon.data / 'uploads').iterdir()))} uploads") from None

    def pull_everything(self):
        clients = {who: self.client(who) for who in READERS.values()}
        reading = Reading(self, clients.get)
        for name in REPOSITORIES:
            for role in READERS:
                reading.tags(name, role)
                for reference in [*self.ledger.model.repository(name).manifests, *TAGS]:
                    came = reading.pull(name, reference, role)
                    self.counts["final pulls"] += came == "pulls"
                    if came == "taken away" and not self.is_incomplete(name, reference):
                        raise Broken(f"{name} {reference} is not whole any more")
                for unit in self.universe.units:
                    reading.referrers(name, unit, role)

    def is_incomplete(self, name, reference):
        """An index that lost a part, or one with a failed part in it, was asked for."""
        repo = self.ledger.model.repository(name)
        todo = [repo.manifests[reference].content if ":" in reference else repo.tags[reference].latest.content]
        for content in todo:
            todo += [self.universe.members[child] for child in content.children]
        return any(c.digest not in repo.manifests or repo.manifests[c.digest].held for c in todo)

    def check_disk(self):
        """The daemon has ended: its catalog, its files and the ledger agree."""
        with sqlite3.connect(f"file:{self.daemon.data}/catalog.db?mode=ro", uri=True) as db:
            named = dict(db.execute("SELECT digest, size FROM blob"))
        if not self.wanted_blobs() == named == self.blobs_on_disk():
            raise Broken("the catalog, the files and the ledger tell of different blobs")
        self.counts["blobs left"], self.counts["bytes left"] = len(named), sum(named.values())
        done = subprocess.run([binary(), "fsck", "--data", self.daemon.data], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Broken(f"fsck: {done.stdout}{done.stderr}")

    def uploads_expired(self):
        return sum(r["details"]["uploads"] for r in self.registry.auditor.audit("action=collected"))

    def check(self):
        self.check_collector()
        self.collect_until_quiet()
        self.pull_everything()
        self.counts["uploads expired"] = self.uploads_expired()
        if self.counts["uploads expired"] < self.counts["uploads left alone"]:
            raise Broken(f"uploads were left alone, and not all of them expired: {dict(self.counts)}")
        self.daemon.stop()
        self.check_disk()

    def report(self):
        for failure in self.failures:
            print(f"failed: {failure}")
            # What happened to what it names, the newest last.
            names = re.findall(r"sha(?:256|512):[0-9a-f]{12}", failure) or [name for name in REPOSITORIES if name in failure]
            print("\n".join([note for note in self.notes if any(name in note for name in names)][-60:]))
        print(f"seed {self.seed}, {time.monotonic() - self.begin:.0f} s, {self.operations} operations")
        for what, n in sorted(self.counts.items()):
            print(f"  {n:>12} {what}")
        print(f"  {len(self.failures):>12} failed")


def soak(options, root):
    daemon = Daemon(root, config=CONFIG)
    try:
        this = Soak(options.seed, daemon.start())
        this.run(options.operations, options.seconds)
        if not this.failures:
            try:
                this.check()
            except AssertionError as e:
                this.failed("in the end", e)
        this.report()
        return not this.failures
    finally:
        daemon.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randint(0, 10**9))
    options = parser.parse_args()
    end_on_signals()
    with tempfile.TemporaryDirectory(prefix="roadstead-soak-") as root:
        good = soak(options, root)
    print("1 passed, 0 failed" if good else "0 passed, 1 failed")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
