"""Staged and live tags: the rules one by one, and every step of a small world against an independent expectation."""

import collections
import copy
import itertools
import sqlite3

import pytest

from client import ACCEPT_ALL, Image, Index
from test_quarantine_states import brought, delete, events, upload

HELD = ("quarantined", "failed")


def seen_by(client, repo, tag):
    """The digest that a tag is for this principal, or None."""
    got = client.head(f"/v2/{repo}/manifests/{tag}", headers={"Accept": ACCEPT_ALL})
    assert got.status in (200, 403, 404), got
    return got.headers["Docker-Content-Digest"] if got.status == 200 else None


def live(registry, repo, tag="v1"):
    """The live tag, which has to be the same for everybody who may pull."""
    found = {seen_by(registry.client(name), repo, tag) for name in ("consumer", "publisher", "maintainer")}
    assert len(found) == 1, found
    return found.pop()


def staged(registry, repo, tag="v1"):
    """The staged tag; None when those who see it are shown the live one (or nothing)."""
    got = registry.processor.head(f"/v2/{repo}/manifests/{tag}", headers={"Accept": ACCEPT_ALL})
    found = got.headers["Docker-Content-Digest"] if got.headers["Roadstead-Quarantine"] else None
    assert seen_by(registry.qreader, repo, tag) == (found or live(registry, repo, tag))
    return found


def put(registry, repo, image, tag="v1"):
    done = registry.publisher.put_manifest(repo, tag, image.manifest, image.media_type)
    assert done.status == 201, done


# -- the live tag -----------------------------------------------------------------------------------


def test_a_live_tag_is_what_everybody_resolves(registry, repo):
    first, second = brought(registry, repo, "released"), registry.publisher.push_image(repo, "v1")
    assert live(registry, repo) == first.digest and staged(registry, repo) == second.digest
    registry.processor.release(repo, second.digest)
    assert live(registry, repo) == second.digest and staged(registry, repo) is None


def test_it_moves_when_its_manifest_is_released_or_pushed_while_released(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert live(registry, repo) is None
    registry.processor.release(repo, image.digest)
    assert live(registry, repo) == image.digest
    put(registry, repo, image, "v2")
    assert live(registry, repo, "v2") == image.digest


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_it_stays_where_a_later_push_of_it_is_live(registry, repo, order):
    """Whatever the order of the releases, the tag ends at the latest push, and never goes to an earlier one."""
    images = [registry.publisher.push_image(repo, "v1") for _ in range(3)]
    latest = -1
    for i in order:
        answer = registry.processor.release(repo, images[i].digest).json()
        assert answer["released"][0]["tags"] == (["v1"] if i > latest else [])
        latest = max(latest, i)
        assert live(registry, repo) == images[latest].digest
        assert staged(registry, repo) == (images[2].digest if latest != 2 else None)


def test_the_latest_push_decides_and_not_the_first_one(registry, repo):
    """Known bytes pushed again under a tag are its latest push, whether held or released."""
    old, new = registry.publisher.push_image(repo, "v1"), registry.publisher.push_image(repo, "v1")
    put(registry, repo, old)
    assert staged(registry, repo) == old.digest
    registry.processor.release(repo, old.digest)
    registry.processor.release(repo, new.digest)
    assert live(registry, repo) == old.digest
    held = registry.publisher.push_image(repo, "v1")
    put(registry, repo, new)
    assert live(registry, repo) == new.digest and staged(registry, repo) is None
    registry.processor.release(repo, held.digest)
    assert live(registry, repo) == new.digest


@pytest.mark.parametrize("how", ["tag", "digest"])
def test_it_goes_away_and_never_falls_back(registry, repo, how):
    older, waiting = brought(registry, repo, "released"), registry.publisher.push_image(repo, "v1")
    latest = brought(registry, repo, "released")
    delete(registry, repo, "v1" if how == "tag" else latest.digest)
    assert live(registry, repo) is None and staged(registry, repo) is None
    assert registry.consumer.tags(repo) == [] and registry.processor.tags(repo) == []
    registry.processor.release(repo, waiting.digest)
    assert live(registry, repo) is None, "what was pushed before the deleted one does not come instead"
    assert registry.consumer.get_manifest(repo, older.digest).status == 200


def test_a_staged_push_that_is_deleted_leaves_the_live_tag(registry, repo):
    first = brought(registry, repo, "released")
    between, last = (registry.publisher.push_image(repo, "v1") for _ in range(2))
    delete(registry, repo, last.digest)
    assert live(registry, repo) == first.digest and staged(registry, repo) is None
    # What was pushed after the live one and before the deleted one was neither live nor deleted.
    registry.processor.release(repo, between.digest)
    assert live(registry, repo) == between.digest


# -- the staged tag -----------------------------------------------------------------------------------


def test_a_staged_tag_is_the_latest_push_while_that_is_in_quarantine(registry, repo):
    first, second = (registry.publisher.push_image(repo, "v1") for _ in range(2))
    assert staged(registry, repo) == second.digest
    registry.processor.fail(repo, second.digest)
    assert staged(registry, repo) == second.digest, "failed is in quarantine too"
    registry.processor.fail(repo, first.digest)
    assert staged(registry, repo) == second.digest
    registry.processor.release(repo, second.digest)
    assert staged(registry, repo) is None and live(registry, repo) == second.digest


def test_a_digest_with_more_tags_than_are_kept(make_registry):
    """65,536 tags of the longest names: no more are taken; what there is can be listed, judged and deleted."""
    registry = make_registry()
    images = [registry.publisher.push_image("team/app", f"v{n}") for n in range(6)]
    registry.daemon.stop()
    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        db.execute("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 65536)"
                   " INSERT INTO manifest_tag(manifest_id, tag, repository_id, seq)"
                   " SELECT m.id, substr('t' || i || '-' || m.id || '-' || hex(zeroblob(64)), 1, 128), m.repository_id, 0 FROM n, manifest m")
        db.execute("INSERT INTO tag(repository_id, name, staged_manifest_id, staged_seq, changed_ms)"
                   " SELECT repository_id, tag, manifest_id, 1, 0 FROM manifest_tag WHERE seq = 0 AND manifest_id ="
                   " (SELECT id FROM manifest WHERE digest = ?)", (images[1].digest,))
    registry.daemon.start()
    publisher, processor = registry.client("publisher"), registry.client("processor")
    refused = publisher.put_manifest("team/app", "one-more", images[0].manifest)
    assert refused.status == 409 and "65536" in refused.message, refused
    assert publisher.put_manifest("team/app", "v0", images[0].manifest).status == 201  # it has that one already
    seen, path = [], "/v2/_roadstead/quarantine"
    while path:
        page = processor.get(path)
        assert page.status == 200 and len(page.body) < 16 << 20
        seen += [i["digest"] for i in page.json()["images"]]
        path = page.headers["Link"] and page.headers["Link"].split(">")[0].lstrip("<")
    assert seen == [i.digest for i in images]
    assert processor.decide("team/app", images[0].digest, "failed").status == 200
    assert registry.client("maintainer").request("DELETE", f"/v2/team/app/manifests/{images[0].digest}").status == 202
    azure = f"/acr/v1/team/app/_manifests/{images[1].digest}"
    assert len(processor.get(azure).json()["manifest"]["tags"]) == 65536
    assert processor.request("PATCH", azure, body={"quarantineState": "Failed"}).status == 200


def test_a_release_with_more_tags_than_an_answer_holds(make_registry):
    """It is made, so the answer says so: without the tags."""
    registry = make_registry()
    other = registry.publisher.push_image("team/app", "other")
    registry.processor.release("team/app", other.digest)
    index = Index([Image(), Image(), Image()]).push(registry.publisher, "team/app", "multi")
    registry.policy("team/app", immutable_tags=["t*"])
    registry.daemon.stop()
    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65536)"
                   " INSERT INTO manifest_tag(manifest_id, tag, repository_id, seq)"
                   " SELECT m.id, substr('t' || i || '-' || m.id || '-' || hex(zeroblob(64)), 1, 128), m.repository_id, 1000000 FROM n, manifest m"
                   " WHERE m.shape = 'image' AND m.state = 'quarantined'")
        db.execute("INSERT INTO tag(repository_id, name, live_manifest_id, live_seq, staged_manifest_id, staged_seq, changed_ms)"
                   " SELECT g.repository_id, g.tag, (SELECT id FROM manifest WHERE state = 'released'), 1, g.manifest_id, 1000000, 0"
                   " FROM manifest_tag g WHERE g.seq = 1000000")
    registry.daemon.start()
    processor = registry.client("processor")
    processor.timeout = 600
    got = processor.decide("team/app", index.digest, "released")
    assert got.status == 200 and got.json()["state"] == "released" and got.json()["tagsLeftOut"] is True, got
    assert {m["digest"] for m in got.json()["released"]} == {index.digest, *(i.digest for i in index.images)}
    assert registry.client("consumer").get_manifest("team/app", "multi").body == index.manifest


def test_many_tags_of_one_digest(registry, repo):
    """Each is live or not by its own later pushes: one event and one place in the answer for each that moved."""
    image = upload(registry.publisher, repo, Image())
    tags = [f"t{i:02}" for i in range(40)]
    query = "?" + "&".join(f"tag={tag}" for tag in tags)
    assert registry.publisher.put_manifest(repo, image.digest, image.manifest, query=query).status == 201
    later = brought(registry, repo, "released", "t03")
    delete(registry, repo, "t07")
    waiting = registry.publisher.push_image(repo, "t11")
    moved = [tag for tag in tags if tag not in ("t03", "t07")]
    answer = registry.processor.release(repo, image.digest).json()
    assert answer["released"][0]["tags"] == moved
    assert [e[1] for e in events(registry, repo) if e[0] == "push" and e[2] == image.digest] == moved
    assert registry.auditor.audit(f"repository={repo}&action=released")[-1]["tags"] == moved
    assert live(registry, repo, "t03") == later.digest and live(registry, repo, "t07") is None
    assert live(registry, repo, "t11") == image.digest and staged(registry, repo, "t11") == waiting.digest
    assert registry.consumer.tags(repo) == [tag for tag in tags if tag != "t07"]


def test_a_tag_of_two_that_are_released_together_moves_once(registry, repo):
    """An index and its part were both pushed under it: it goes to the later of the two pushes, in one step."""
    for index_last in (True, False):
        name = f"{repo}/{index_last}".lower()
        part = upload(registry.publisher, name, Image())
        index = Index([part])
        registry.publisher.push_image(name, None, part)
        for thing in ((part, index) if index_last else (index, part)):
            put(registry, name, thing)
        answer = registry.processor.release(name, index.digest).json()
        latest = index if index_last else part
        assert {r["digest"]: r["tags"] for r in answer["released"]} == {
            index.digest: ["v1"] if index_last else [], part.digest: [] if index_last else ["v1"]}
        assert live(registry, name) == latest.digest and staged(registry, name) is None


# -- every step of a small world ------------------------------------------------------------------------
#
# Two digests, two tags, and everything that can happen to them.  The expectation below is written from the rules and holds
# the history of pushes.  All its states are found by a search; then one walk makes every operation in every state (worlds
# that differ only in the names of digests and tags count as one) and compares after each step that it makes for the first
# time.

DIGESTS, TAGS = "AB", "xy"
PUSHES = [("push", d, t) for d in DIGESTS for t in TAGS]
DECISIONS = [(what, d, None) for what in ("release", "fail") for d in DIGESTS]
DELETIONS = [("remove", d, None) for d in DIGESTS] + [("untag", None, t) for t in TAGS]
OPERATIONS = PUSHES + DECISIONS + DELETIONS


class World:
    """What has to be: `do` returns the events and the audit record that an operation has to leave."""

    def __init__(self):
        self.count = 0
        self.state = dict.fromkeys(DIGESTS)
        self.verdicts = set()                            # failed, and deleted since
        self.pushes = {t: {} for t in TAGS}              # digest -> number of its latest push of that tag
        self.live = {t: (0, None) for t in TAGS}         # number and digest of the live push
        self.latest = dict.fromkeys(TAGS)                # the digest of the latest push that is still there

    def staged(self, tag):
        return self.latest[tag] if self.state.get(self.latest[tag]) in HELD else None

    def do(self, what, digest, tag):
        return getattr(self, what)(digest, tag)

    def push(self, digest, tag):
        before = self.state[digest]
        if before is None:
            self.state[digest] = "failed" if digest in self.verdicts else "quarantined"
            self.verdicts.discard(digest)
        elif self.latest[tag] == digest:
            return [], None
        self.count += 1
        self.pushes[tag][digest] = self.count
        self.latest[tag] = digest
        record = (self.state[digest] if before is None else "tagged", digest, {tag})
        if before == "released":
            self.live[tag] = (self.count, digest)
            return [("push", tag, digest)], record
        return [("quarantine", tag, digest)] if before or self.state[digest] == "quarantined" else [], record

    def release(self, digest, _):
        if self.state[digest] not in HELD:
            return [], None
        self.state[digest] = "released"
        moved = sorted((self.pushes[t][digest], t) for t in TAGS if self.pushes[t].get(digest, 0) > self.live[t][0])
        for number, tag in moved:
            self.live[tag] = (number, digest)
            self.latest[tag] = self.staged(tag) or digest
        return [("push", tag, digest) for _, tag in moved] or [("push", None, digest)], ("released", digest, {t for _, t in moved})

    def fail(self, digest, _):
        before = self.state[digest]
        if before not in HELD:
            return [], None
        self.state[digest] = "failed"
        tags = [t for t in TAGS if digest in self.pushes[t]]
        told = [("quarantine_failed", tags[0] if len(tags) == 1 else None, digest)] if before == "quarantined" else []
        return told, ("failed", digest, set(tags))

    def remove(self, digest, _):
        if self.state[digest] is None:
            return [], None
        if self.state[digest] == "failed":
            self.verdicts.add(digest)
        tags = {t for t in TAGS if digest in (self.live[t][1], self.staged(t))}
        self.state[digest] = None
        for tag in TAGS:
            self.pushes[tag].pop(digest, None)
            if self.live[tag][1] == digest:
                self.live[tag] = (self.live[tag][0], None)
            if self.latest[tag] == digest:
                self.latest[tag] = self.live[tag][1]
            if not self.live[tag][1] and not self.staged(tag):  # the tag is gone; it comes back with what came after the live one
                self.pushes[tag] = {d: n for d, n in self.pushes[tag].items() if n > self.live[tag][0]}
                self.live[tag] = (0, None)
        return [("delete", None, digest)], ("deleted", digest, tags)

    def untag(self, _, tag):
        digest = self.live[tag][1] or self.staged(tag)
        if digest is None:
            return [], None
        self.pushes[tag].clear()
        self.live[tag] = (0, None)
        self.latest[tag] = None
        return [("delete", tag, digest)], ("tag-deleted", digest, {tag})

    def key(self, digests=DIGESTS, tags=TAGS):
        """All that can still matter, under these names: of the numbers only their order."""
        name = {**dict(zip(DIGESTS, digests)), None: None}
        shown = []
        for tag in tags:
            order = sorted({self.live[tag][0], *self.pushes[tag].values()})
            shown.append((order.index(self.live[tag][0]), str(name[self.live[tag][1]]), str(name[self.latest[tag]]),
                          tuple(sorted((name[d], order.index(n)) for d, n in self.pushes[tag].items()))))
        return (tuple(sorted((name[d], str(s)) for d, s in self.state.items())), tuple(sorted(name[d] for d in self.verdicts)),
                tuple(shown))

    def alike(self, operation):
        """The step as it is called in every renaming of digests and tags: one name for all of them."""
        what, digest, tag = operation
        names = []
        for digests, tags in itertools.product(("AB", "BA"), ("xy", "yx")):
            renamed = (what, digests[DIGESTS.index(digest)] if digest else "", TAGS[tags.index(tag)] if tag else "")
            names.append((self.key(digests, tags), renamed))
        return min(names)


def graph():
    """{key: (world, {operation: key after it})} of everything that can be reached."""
    found, queue = {}, collections.deque([World()])
    found[queue[0].key()] = (queue[0], {})
    while queue:
        world = queue.popleft()
        for operation in OPERATIONS:
            after = copy.deepcopy(world)
            after.do(*operation)
            if after.key() not in found:
                found[after.key()] = (after, {})
                queue.append(after)
            found[world.key()][1][operation] = after.key()
    return found


def nearest(found, at, is_new):
    """The shortest way from a state to a step that is new, that step included: [(state, operation)]."""
    came, queue = {at: []}, collections.deque([at])
    while queue:
        key = queue.popleft()
        for operation, after in found[key][1].items():
            if is_new(key, operation):
                return [*came[key], (key, operation)]
            if after not in came:
                came[after] = [*came[key], (key, operation)]
                queue.append(after)
    raise AssertionError("a state that is not left again")


def walk():
    """[(operation, made for the first time)]: makes every step of the world, up to renaming."""
    found = graph()
    names = {(key, op): world.alike(op) for key, (world, steps) in found.items() for op in steps}
    left, at, path = set(names.values()), World().key(), []
    while left:
        for key, operation in nearest(found, at, lambda *step: names[step] in left):
            path.append((operation, names[key, operation] in left))
            left.discard(names[key, operation])
            at = found[key][1][operation]
    return path


class Real:
    """The same operations, asked of the registry."""

    def __init__(self, registry, repo):
        self.registry, self.repo = registry, repo
        self.images = {d: upload(registry.publisher, repo, Image()) for d in DIGESTS}
        self.names = {image.digest: d for d, image in self.images.items()}
        # What is deleted meanwhile must not take the blobs along.
        keeper = Image(layers=[b for i in self.images.values() for b in i.blobs])
        registry.publisher.push_image(repo, "keeper", keeper)
        self.seen = registry.processor.events(repository=repo)[-1]["sequence"]
        self.told = []

    def do(self, what, digest, tag):
        r, image = self.registry, self.images.get(digest)
        if what == "push":
            return r.publisher.put_manifest(self.repo, tag, image.manifest).status
        if what in ("release", "fail"):
            return r.processor.decide(self.repo, image.digest, {"release": "released", "fail": "failed"}[what]).status
        return r.maintainer.request("DELETE", f"/v2/{self.repo}/manifests/{tag or image.digest}").status

    def events(self):
        found = self.registry.processor.get(f"/v2/_roadstead/events?after={self.seen}&n=500").json()["events"]
        self.seen = found[-1]["sequence"] if found else self.seen
        return [(e["type"], e["tag"], self.names[e["digest"]]) for e in found if e["repository"] == self.repo]

    def records(self):
        return [(r["action"], self.names[r["digest"]], set(r["tags"]))
                for r in self.registry.auditor.audit(f"repository={self.repo}") if r["digest"] in self.names]

    def tag(self, client, tag):
        """(status, digest) of a HEAD."""
        got = client.head(f"/v2/{self.repo}/manifests/{tag}", headers={"Accept": ACCEPT_ALL})
        return got.status, self.names.get(got.headers["Docker-Content-Digest"])

    def state(self, digest):
        got = self.registry.processor.head(f"/v2/{self.repo}/manifests/{self.images[digest].digest}", headers={"Accept": ACCEPT_ALL})
        return (got.headers["Roadstead-Quarantine"] or "released") if got.status == 200 else None


def expected_status(world, operation):
    what, digest, tag = operation
    if what == "push":
        return 201
    if what == "untag":
        return 202 if world.live[tag][1] or world.staged(tag) else 404
    if world.state[digest] is None:
        return 404
    return {"remove": 202, "release": 200, "fail": 409 if world.state[digest] == "released" else 200}[what]


def compare(world, real, trail):
    for tag in TAGS:
        current, hidden = world.live[tag][1], world.staged(tag)
        open_to_all = (200, current) if current else ((403 if hidden else 404), None)
        to_processor = (200, hidden or current) if hidden or current else (404, None)
        assert real.tag(real.registry.consumer, tag) == open_to_all, trail
        assert real.tag(real.registry.processor, tag) == to_processor, trail
    assert {d: real.state(d) for d in DIGESTS} == world.state, trail


def test_every_step_of_a_world_of_two_digests_and_two_tags(registry, repo):
    world, real, events_due, records = World(), Real(registry, repo), [], []
    path = walk()
    assert len(path) > 1500
    for i, (operation, is_new) in enumerate(path):
        trail = ", ".join(" ".join(filter(None, op)) for op, _ in path[max(0, i - 12):i + 1])
        status = expected_status(world, operation)
        told, record = world.do(*operation)
        events_due += told
        records += [record] if record else []
        assert real.do(*operation) == status, trail
        if is_new:
            assert real.events() == events_due, trail
            compare(world, real, trail)
            events_due = []
    assert real.records() == records
