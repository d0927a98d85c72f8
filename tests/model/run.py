#!/usr/bin/python3
"""Random operations against a daemon and the reference model at once; any difference ends the run with the seed that repeats it.

    run.py --operations 100000 [--seed N] [--jobs N]      (ROADSTEAD_BINARY names the program)

A registry serves 5,000 operations, then a new one with the next seed goes on: what fails repeats in a short run of one job.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import pathlib
import random
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from client import digest_of, dumps  # noqa: E402
from conftest import Registry  # noqa: E402
from daemon import Daemon, wait_for  # noqa: E402
from pool import Pool  # noqa: E402
from reference import OVERRIDER, RIGHTS, Model  # noqa: E402
from wire import Connection  # noqa: E402

REPOSITORIES = ["model/a", "model/b", "model/a/b"]
MISSING = "model/missing"
TAGS = ["latest", "v1", "v2", "stable"]
PUSHERS = ["publisher", "publisher2", "processor", "maintainer"]
OUTSIDERS = ["admin", "auditor", "stranger", "anonymous"]  # nothing is readable for them
REPORTERS = [("scan", "scanner"), ("sign", "signer"), ("scan", OVERRIDER)]
# Blobs are garbage a second after nobody needs them, and are collected only when asked for.
CONFIG = {"gc": {"grace": "0s", "lease": "1s", "interval": "0s"}}
SEED_OPERATIONS = 5000


class Difference(AssertionError):
    pass


class Run:
    def __init__(self, seed, daemon):
        self.seed = seed
        self.rng = random.Random(seed)
        names = {}
        self.model = Model(names)
        self.pool = Pool(self.rng, names)
        self.registry = Registry(daemon.start())
        self.registry.user(OVERRIDER, ("processor", "**"), ("quarantine-override", "**"), ("check:*", "**"))
        self.connections = {}
        self.feeds = {"processor": 0, "consumer": 0}  # how far each one's events were compared
        self.after = {"processor": 0, "consumer": 0, "auditor": 0}
        self.n_records = self.n_policies = 0
        self.policies = []                            # in their order
        self.quarantine_events = {}                   # id -> (repository, digest), until a delayed push named it
        self.operations = self.reads = 0
        self.log = []
        self.note_records()                           # what making the principals recorded is none of the model's

    def expect(self, what, got, wanted):
        if got != wanted:
            tail = "\n".join(self.log[-400:])
            raise Difference(f"seed {self.seed}, operation {self.operations}: {what}: the daemon says {got}, the model {wanted}\n{tail}")

    def to(self, who):
        if who not in self.connections:
            self.connections[who] = Connection(self.registry.url, self.registry.credentials.get(who))
        return self.connections[who]

    # -- one operation -----------------------------------------------------------------------------

    def step(self):
        self.operations += 1
        repo = self.model.repository(self.rng.choice(REPOSITORIES))
        table = [(24, self.push_image), (9, self.push_index), (13, self.attach), (7, self.retag), (3, self.push_sparse), (5, self.mount),
                 (18, self.release), (7, self.fail), (4, self.override), (12, self.report), (5, self.delete_tag), (6, self.delete_manifest),
                 (4, self.delete_blob), (3, self.policy), (4, self.intrude)]
        self.rng.choices([operation for _, operation in table], [weight for weight, _ in table])[0](repo)
        self.look(repo)
        if self.operations % 50 == 0:
            self.compare()
        if self.operations % 1000 == 0:
            self.restart(self.rng.random() < 0.5)
        if self.operations % 1700 == 0:
            self.collect()

    def restart(self, is_killed):
        self.log.append("kill -9 and start" if is_killed else "restart")
        if is_killed:
            self.registry.daemon.kill()
            self.registry.daemon.start()
        else:
            self.registry.daemon.restart()
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def one_of(self, digests):
        return self.rng.choice(digests) if digests else self.pool.image().digest

    # -- pushing -------------------------------------------------------------------------------------

    def send(self, repo, who, content, tags=(), missing=None):
        """Upload the blobs and put the manifest, in both worlds."""
        self.upload(repo, who, content, missing)
        put = f"/v2/{repo.name}/manifests/"
        is_sha512 = not tags and self.rng.random() < 0.05
        if len(tags) == 1 and self.rng.random() < 0.7:
            put += tags[0]
        else:
            put += digest_of(content.bytes, "sha512") if is_sha512 else content.digest
            put += "?" + "&".join(f"tag={t}" for t in tags) if tags else ""
        wanted = self.model.push(repo, who, content, tags, is_sha512)
        got = self.to(who).one("PUT", put, content.bytes, content.media_type)
        self.log.append(f"push {repo.name} {tags} {content.digest[:15]} by {who}: {got.status}")
        self.expect(f"push of {content.digest} to {repo.name} {tags} by {who} {got}", got.status, wanted)

    def upload(self, repo, who, content, missing=None):
        """As clients do: sometimes they ask first, and send what is not there.  Some send it by another digest than the manifest's."""
        asks = self.rng.random() < 0.5
        for digest, data in content.data.items():
            if digest == missing:
                continue
            if asks and self.to(who).one("HEAD", f"/v2/{repo.name}/blobs/{digest}").status == 200:
                self.expect(f"HEAD {digest} in {repo.name} by {who}", self.model.names.get(digest, digest) in repo.present, True)
                continue
            digest = digest_of(data) if self.rng.random() < 0.2 else digest
            got = self.to(who).one("POST", f"/v2/{repo.name}/blobs/uploads/?digest={digest}", data, "application/octet-stream")
            self.expect(f"upload of {digest} to {repo.name} by {who} {got}", got.status, 201)
            self.model.upload(repo, who, data, digest.startswith("sha512"))

    def some_tags(self):
        return self.rng.choices([[], self.rng.sample(TAGS, 1), self.rng.sample(TAGS, 2)], [3, 10, 1])[0]

    def push_image(self, repo):
        subject = self.known(repo) if repo.manifests and self.rng.random() < 0.05 else None
        self.send(repo, self.rng.choice(PUSHERS), self.pool.image(subject), self.some_tags())

    def known(self, repo):
        return self.rng.choice(list(repo.manifests.values())).content

    def retag(self, repo):
        """Known bytes under other tags, fallback tags of others among them."""
        if repo.manifests:
            subject = self.known(repo)
            tags = self.some_tags() if self.rng.random() < 0.8 else [subject.digest.replace(":", "-")]
            self.send(repo, self.rng.choice(PUSHERS), self.known(repo), tags)

    def push_index(self, repo):
        who = self.rng.choice(PUSHERS)
        parts = []
        for _ in range(self.rng.randint(1, 3)):
            inner = [i for i in self.pool.indexes[-5:] if i.digest in repo.manifests]
            if inner and self.rng.random() < 0.15:
                parts.append(self.rng.choice(inner))
            else:
                parts.append(self.known(repo) if repo.manifests and self.rng.random() < 0.1 else self.pool.image())
        for part in parts:
            if part.digest not in repo.manifests:
                self.send(repo, who, part)
        subject = self.known(repo) if repo.manifests and self.rng.random() < 0.05 else None
        self.send(repo, who, self.pool.index(parts, subject), self.some_tags())

    def push_sparse(self, repo):
        """An image of which one blob was not sent, or an index of which a part was not."""
        who = self.rng.choice(PUSHERS)
        if self.rng.random() < 0.3:
            self.send(repo, who, self.pool.index([self.pool.image(), self.pool.image()]), self.some_tags())
        else:
            content = self.pool.image()
            self.send(repo, who, content, self.some_tags(), missing=self.rng.choice(sorted(content.data)))

    def attach(self, repo):
        """By digest, under a fallback tag of the subject, under an ordinary one; to what is there, or comes later."""
        who = self.rng.choice(["processor", "processor", "publisher", "maintainer"])
        subject = self.known(repo) if repo.manifests and self.rng.random() < 0.85 else self.pool.image()
        fallback = subject.digest.replace(":", "-")
        if self.rng.random() < 0.3:
            self.send(repo, who, self.pool.signature(subject), [fallback + ".sig"])
        else:
            tags = self.rng.choices([[], [fallback], self.some_tags(), [fallback, self.rng.choice(TAGS)]], [10, 3, 1, 1])[0]
            self.send(repo, who, self.pool.report(subject), tags)

    def mount(self, repo):
        source = self.model.repository(self.rng.choice(REPOSITORIES))
        blobs = sorted(source.present)
        if not blobs:
            return
        who, blob = self.rng.choice(PUSHERS), self.rng.choice(blobs)
        wanted = self.model.mount(repo, source, who, blob)
        got = self.to(who).one("POST", f"/v2/{repo.name}/blobs/uploads/?mount={blob}&from={source.name}")
        self.log.append(f"mount {blob[:15]} {source.name} -> {repo.name} by {who}: {got.status}")
        self.expect(f"mount of {blob} from {source.name} to {repo.name} by {who} {got}", got.status, wanted)
        if got.status == 202:
            gone = self.to(who).one("DELETE", got.headers["location"])
            self.expect(f"cancel of the upload that a mount became {gone}", gone.status, 204)

    # -- deciding, deleting, policies ------------------------------------------------------------------

    def decision(self, repo, state, who="processor", **more):
        digest = self.one_of(list(repo.manifests))
        wanted = self.model.decide(repo, who, digest, state, **more)
        got = self.to(who).one("PATCH", f"/v2/{repo.name}/_roadstead/quarantine/{digest}", dumps({"state": state, **more}), "application/json")
        self.log.append(f"{state} {repo.name} {digest[:15]} by {who} {more}: {got.status}")
        self.expect(f"{state} {repo.name}@{digest} by {who} {more} {got}", got.status, wanted)

    def release(self, repo):
        self.decision(repo, "released")

    def fail(self, repo):
        self.decision(repo, "failed")

    def override(self, repo):
        self.decision(repo, "released", self.rng.choice(["processor", OVERRIDER, OVERRIDER]), reason="it burns")

    def report(self, repo):
        digest = self.one_of([d for d, m in repo.manifests.items() if m.held or self.rng.random() < 0.1][-25:])
        check, who = self.rng.choice(REPORTERS)
        state = self.rng.choices(["passed", "failed", "running"], [6, 2, 1])[0]
        wanted = self.model.report(repo, who, digest, check, state)
        got = self.to(who).one("PUT", f"/v2/{repo.name}/_roadstead/quarantine/{digest}/checks/{check}", dumps({"state": state}),
                               "application/json")
        self.log.append(f"{check} {state} {repo.name} {digest[:15]} by {who}: {got.status}")
        self.expect(f"{check} {state} {repo.name}@{digest} by {who} {got}", got.status, wanted)

    def delete(self, repo, reference, wanted):
        got = self.to("maintainer").one("DELETE", f"/v2/{repo.name}/manifests/{reference}")
        self.log.append(f"delete {repo.name} {reference[:15]}: {got.status}")
        self.expect(f"delete {repo.name} {reference} {got}", got.status, wanted)

    def delete_tag(self, repo):
        tag = self.rng.choice(sorted(repo.tags) or TAGS)
        self.delete(repo, tag, self.model.delete_tag(repo, "maintainer", tag))

    def delete_manifest(self, repo):
        digest = self.one_of(list(repo.manifests))
        self.delete(repo, digest, self.model.delete_manifest(repo, "maintainer", digest))

    def delete_blob(self, repo):
        blob = self.one_of(sorted(repo.present))
        wanted = self.model.delete_blob(repo, blob)
        got = self.to("maintainer").one("DELETE", f"/v2/{repo.name}/blobs/{blob}")
        self.log.append(f"delete blob {repo.name} {blob[:15]}: {got.status}")
        self.expect(f"delete blob {repo.name} {blob} {got}", got.status, wanted)

    def collect(self):
        """Everything that is garbage: nobody pushes meanwhile, so leases run out by themselves."""

        def kept():
            got = self.to("admin").one("POST", "/v2/_roadstead/admin/gc", b"{}", "application/json")
            self.expect(f"collection {got}", got.status, 200)
            return json.loads(got.body)["kept"]

        wait_for(lambda: kept() == 0, "all garbage is collected")
        gone = self.model.collect()
        self.log.append(f"collected {len(gone)} blobs")
        for repo, blob in gone:
            self.expect(f"{repo.name} {blob} was garbage", self.to("qreader").one("HEAD", f"/v2/{repo.name}/blobs/{blob}").status, 404)

    def policy(self, repo):
        mode = self.rng.choices(["on", "off", "observe"], [6, 2, 1])[0]
        repo.quarantine = mode == "on"
        repo.echo, repo.disclose = self.rng.random() < 0.8, self.rng.random() < 0.8
        repo.immutable = ["v*"] if self.rng.random() < 0.2 else []
        repo.checks = self.rng.choice([[], [], ["scan"], ["scan", "sign"]])
        self.registry.admin.close()
        self.registry.admin = self.registry.daemon.admin()
        self.registry.policy(repo.name, quarantine=mode, echo=repo.echo, disclose=repo.disclose, immutable_tags=repo.immutable,
                             checks=repo.checks)
        policy = (repo.name, mode, repo.echo, repo.disclose, tuple(repo.immutable), tuple(repo.checks))
        policies = [policy, *(p for p in self.policies if p[0] != repo.name)]
        self.n_policies += policies != self.policies  # the same policy again changes nothing
        self.policies = policies
        self.log.append(f"policy {repo.name} {mode} echo={repo.echo} disclose={repo.disclose} immutable={repo.immutable} checks={repo.checks}")

    def intrude(self, repo):
        """Somebody who may not changes something: refused, and nothing of it is seen in what is compared."""
        digest = self.one_of(list(repo.manifests))
        content = repo.manifests[digest].content if digest in repo.manifests else self.pool.image()
        change = self.rng.choice(["push", "decide", "delete", "upload"])
        allowed = {"push": lambda r: r.push or r.attach, "upload": lambda r: r.push or r.attach, "decide": lambda r: r.decide,
                   "delete": lambda r: r.delete}[change]
        who = self.rng.choice([*OUTSIDERS, *(name for name, rights in RIGHTS.items() if not allowed(rights))])
        tag = self.rng.choice(TAGS)
        got = self.to(who).one(*{
            "push": ("PUT", f"/v2/{repo.name}/manifests/{tag}", content.bytes, content.media_type),
            "upload": ("POST", f"/v2/{repo.name}/blobs/uploads/?digest={digest_of(b'intruder')}", b"intruder", "application/octet-stream"),
            "decide": ("PATCH", f"/v2/{repo.name}/_roadstead/quarantine/{digest}", b'{"state":"released"}', "application/json"),
            "delete": ("DELETE", f"/v2/{repo.name}/manifests/{self.rng.choice([tag, digest])}"),
        }[change])
        self.log.append(f"{who} tries to {change}: {got.status}")
        self.expect(f"{who} tries to {change} in {repo.name}: {got}", got.status in (401, 403, 404), True)

    # -- what everybody sees -------------------------------------------------------------------------

    def look(self, repo):
        """Read as every role: some references and blobs of the repository."""
        digests = list(repo.manifests)
        references = [self.rng.choice(sorted(repo.tags) or TAGS), self.one_of(digests), self.one_of(digests)]
        blobs = sorted(self.known(repo).blobs)[:2] if digests else []
        for who, rights in RIGHTS.items():
            asked = [(self.rng.choice(["GET", "GET", "HEAD"]), "manifests", r) for r in references]
            asked += [(self.rng.choice(["GET", "HEAD"]), "blobs", b) for b in blobs]
            named = [self.rename(kind, reference) for _, kind, reference in asked]
            got = self.to(who).reads([(method, f"/v2/{repo.name}/{kind}/{name}") for (method, kind, _), name in zip(asked, named)])
            self.reads += len(got)
            for (method, kind, reference), name, answer in zip(asked, named, got):
                self.judge(repo, rights.column, who, method, kind, reference, name, answer)
        if self.rng.random() < 0.2:
            self.look_at_lists(repo, references[1])
        if self.rng.random() < 0.2:
            self.look_from_outside(repo, references, blobs)
        if digests:
            self.look_at_state(repo, references[1])

    def rename(self, kind, reference):
        """Some manifests are asked for by their sha512."""
        known = kind == "manifests" and ":" in reference and self.rng.random() < 0.1
        content = self.find(reference) if known else None
        return digest_of(content.bytes, "sha512") if content is not None else reference

    def find(self, digest):
        return next((r.manifests[digest].content for r in self.model.repositories.values() if digest in r.manifests), None)

    def judge(self, repo, role, who, method, kind, reference, name, got):
        what = f"{who} {method} {repo.name} {kind} {name} {got}"
        if kind == "blobs":
            status, digest = self.model.blob(repo, role, who, reference, method), reference
        elif name != reference and name not in self.model.names:
            status, digest = 404, None
        else:
            status, digest = self.model.manifest(repo, role, who, reference)
        self.expect(what, got.status, status)
        if status == 200 and method == "GET":
            self.expect(f"{what}: the bytes", digest_of(got.body), digest)
        if status == 200 and kind == "manifests":
            state = repo.manifests[digest].state
            self.expect(f"{what}: the header", got.headers.get("roadstead-quarantine"), state if state != "released" else None)

    def look_at_lists(self, repo, digest):
        for who, rights in RIGHTS.items():
            tags, referrers, catalog = self.to(who).reads([("GET", f"/v2/{repo.name}/tags/list?n=1000"),
                                                           ("GET", f"/v2/{repo.name}/referrers/{digest}"), ("GET", "/v2/_catalog")])
            self.reads += 3
            role = rights.column
            self.expect(f"{who} lists the tags of {repo.name}", json.loads(tags.body).get("tags"), self.model.tags(repo, role))
            self.expect(f"{who} lists the referrers of {digest}", {d["digest"] for d in json.loads(referrers.body)["manifests"]},
                        self.model.referrers(repo, role, digest))
            self.expect(f"{who} lists the repositories", json.loads(catalog.body)["repositories"], self.model.catalog(role, who))

    def look_from_outside(self, repo, references, blobs):
        """Whoever has no grant is told what he is told of a repository that is not there."""
        paths = [f"manifests/{r}" for r in references] + [f"blobs/{b}" for b in blobs] + ["tags/list", f"referrers/{references[1]}"]
        for who in OUTSIDERS:
            here = self.to(who).reads([("GET", f"/v2/{repo.name}/{p}") for p in paths])
            there = self.to(who).reads([("GET", f"/v2/{MISSING}/{p}") for p in paths])
            self.reads += 2 * len(paths)
            for path, a, b in zip(paths, here, there):
                self.expect(f"{who} reads {repo.name} {path} {a}", a.status, b.status)
                self.expect(f"{who} reads {repo.name} {path}: refused", a.status in (401, 403, 404), True)

    def look_at_state(self, repo, digest):
        got = json.loads(self.to("qreader").one("GET", f"/v2/{repo.name}/_roadstead/quarantine/{digest}").body)
        manifest = repo.manifests[digest]
        tags = {kind: sorted(t for t, e in repo.tags.items() if getattr(e, kind) is manifest) for kind in ("live", "staged")}
        self.reads += 1
        self.expect(f"state of {repo.name}@{digest}", got["state"], manifest.state)
        self.expect(f"tags of {repo.name}@{digest}", {k: sorted(v) for k, v in got["tags"].items()}, tags)
        self.expect(f"who failed {repo.name}@{digest}", got.get("failedBy"), manifest.failed_by)
        self.expect(f"checks of {repo.name}@{digest}", {c["name"]: (c["state"], c["failing"]) for c in got["checks"] if c["state"] != "waiting"},
                    {c: (state, c in manifest.failing) for c, (state, _) in manifest.reports.items()})
        if manifest.held:
            self.expect(f"is {repo.name}@{digest} joined", got["joined"], manifest.joined)

    # -- what is written ------------------------------------------------------------------------------

    def pages(self, who, path, member):
        found = []
        while True:
            page = json.loads(self.to(who).one("GET", f"{path}?after={self.after[who]}&n=500").body)
            if not page[member]:
                return found
            found += page[member]
            self.after[who] = page["next"]

    def compare(self):
        for who in self.feeds:
            self.compare_events(who)
        self.compare_records()
        for repo in self.model.repositories.values():
            for state in ("quarantined", "failed"):
                self.compare_work(repo, state)

    def compare_list(self, what, got, wanted):
        if got != wanted:
            first = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
            self.expect(what, got[first:first + 4], wanted[first:first + 4])

    def compare_events(self, who):
        seen = self.pages(who, "/v2/_roadstead/events", "events")
        if who == "processor":
            self.follow(seen)
        first, self.feeds[who] = self.feeds[who], len(self.model.events)
        wanted = [e for e, is_public in list(zip(self.model.events, self.model.audience))[first:] if is_public or who == "processor"]
        self.compare_list(f"events for the {who}", [(e["type"], e["repository"], e["tag"], e["digest"], e["actor"], e["publisher"]) for e in seen],
                          wanted)

    def follow(self, seen):
        """A `quarantine` event has at most one delayed `push` event, which comes later and names it."""
        for event in seen:
            about = (event["repository"], event["digest"])
            if event["type"] == "quarantine":
                self.quarantine_events[event["id"]] = about
            elif event["type"] == "push" and event["quarantineEvent"] is not None:
                self.expect(f"the quarantine event of {event}", self.quarantine_events.pop(event["quarantineEvent"], None), about)

    def note_records(self):
        return [r for r in self.pages("auditor", "/v2/_roadstead/audit", "records") if r["action"] not in ("read-denied", "collected")]

    def compare_records(self):
        seen = self.note_records()
        policies = [r for r in seen if r["action"].startswith("policy")]
        self.expect("records of policies", len(policies), self.n_policies)
        wanted = self.model.records[self.n_records:]
        self.n_records, self.n_policies = len(self.model.records), 0
        self.compare_list("records", [(r["action"], r["repository"], r["tags"], r["digest"], r["actor"], r["publisher"])
                                      for r in seen if r not in policies], wanted)

    def check_catalog(self):
        """Every invariant of what is stored."""
        self.expect("fsck begins", self.to("admin").one("POST", "/v2/_roadstead/admin/fsck", b"{}", "application/json").status, 202)

        def result():
            got = json.loads(self.to("admin").one("GET", "/v2/_roadstead/admin/fsck").body)
            return got if got["state"] != "running" else None

        found = wait_for(result, "fsck is done")
        self.expect(f"fsck {found}", (found["state"], found["findings"]), ("done", []))

    def compare_work(self, repo, state):
        got = json.loads(self.to("processor").one("GET", f"/v2/_roadstead/quarantine?state={state}&repository={repo.name}&n=1000").body)
        self.compare_list(f"work list of {repo.name}, {state}", [i["digest"] for i in got["images"]], self.model.roots(repo, state)[:1000])


def run(seed, operations, end):
    """One registry's part of the whole: (operations, reads)."""
    with tempfile.TemporaryDirectory(prefix="roadstead-model-") as root:
        daemon = Daemon(root, CONFIG)
        try:
            this = Run(seed, daemon)
            while this.operations < operations and time.monotonic() < end:
                this.step()
            this.compare()
            this.check_catalog()
        finally:
            daemon.stop()
    return this.operations, this.reads


def stop(number, _frame):
    """On SIGTERM and SIGINT, in the jobs too: the daemons are stopped on the way out."""
    for job in multiprocessing.active_children():
        job.terminate()
    sys.exit(f"stopped by {signal.Signals(number).name}")


def explore(options):
    begin = time.monotonic()
    parts = [(options.seed + i // SEED_OPERATIONS, min(SEED_OPERATIONS, options.operations - i), begin + options.seconds)
             for i in range(0, options.operations, SEED_OPERATIONS)]
    done = reads = seeds = 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        pending = set()
        while parts or pending:
            while parts and len(pending) < options.jobs and time.monotonic() - begin < options.seconds:
                pending.add(pool.submit(run, *parts.pop(0)))
                seeds += 1
            if not pending:
                break
            finished, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for part in finished:
                done, reads = done + part.result()[0], reads + part.result()[1]
            print(f"{done} operations, {reads} reads, {seeds} seeds begun, {time.monotonic() - begin:.0f} s", flush=True)
    print(f"no difference: {done} operations, {reads} reads, seeds {options.seed}..{options.seed + seeds - 1}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many seconds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randint(0, 10**9))
    parser.add_argument("--jobs", type=int, default=1, help="registries at the same time")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        explore(options)
    except Difference as e:
        print(f"{e}\nfailed: the daemon and the model disagree; the seed above repeats it\n0 passed, 1 failed")
        sys.exit(1)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
