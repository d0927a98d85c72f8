"""The feed of events: pages, the stream, and who sees what."""

import http.client
import json
import sqlite3
import threading
import time
import urllib.parse

import pytest

from client import Attachment, Client, Image, Index
from daemon import wait_for

EVENTS = "/v2/_roadstead/events"
FIELDS = ["sequence", "id", "type", "timestamp", "repository", "tag", "digest", "actor", "publisher", "size", "mediaType", "artifactType",
          "subject", "quarantineEvent", "decision", "requestId"]


class Stream:
    """One text/event-stream, read message by message."""

    def __init__(self, client, query="", headers=None):
        url = urllib.parse.urlsplit(client.base.geturl())
        self.conn = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        sent = {"Accept": "text/event-stream", **(headers or {})}
        if client.authorization():
            sent["Authorization"] = client.authorization()
        self.conn.request("GET", EVENTS + query, headers=sent)
        self.response = self.conn.getresponse()

    def message(self):
        """The next message with data as (id, event, data); None at the end of the stream."""
        fields = {}
        while True:
            line = self.response.readline()
            if line == b"":
                return None
            line = line.decode().rstrip("\n")
            if line == "":
                if "data" in fields:
                    return int(fields["id"]), fields["event"], json.loads(fields["data"])
                fields = {}
                continue
            key, _, value = line.partition(":")
            fields[key] = value.lstrip(" ")

    def close(self):
        self.conn.close()


@pytest.fixture
def stream():
    made = []

    def make(*args, **kw):
        made.append(Stream(*args, **kw))
        return made[-1]

    yield make
    for s in made:
        s.close()


@pytest.fixture
def own(make_registry):
    """A registry of one's own: its feed holds this test's events only."""
    return make_registry()


def types(client, repo):
    return [(e["type"], e["tag"]) for e in client.events(repository=repo)]


def test_an_event_has_every_field(own):
    image = own.publisher.push_image("team/app", "v1")
    (event,) = own.processor.events()
    assert list(event) == FIELDS
    assert event["type"] == "quarantine" and event["repository"] == "team/app" and event["tag"] == "v1"
    assert event["digest"] == image.digest and event["actor"] == event["publisher"] == "publisher"
    assert event["size"] == len(image.manifest) and event["mediaType"] == image.media_type
    assert event["subject"] is None and event["quarantineEvent"] is None and event["decision"] is None
    assert event["timestamp"].endswith("Z") and len(event["id"]) == 32 and event["requestId"]


def test_pages(own):
    for i in range(7):
        own.publisher.push_image("team/app", f"v{i}")
    everything = own.processor.events()
    sequences = [e["sequence"] for e in everything]
    assert sequences == sorted(set(sequences)) and len(sequences) == 7
    for n in (1, 2, 3, 7, 8):
        seen, path = [], f"{EVENTS}?n={n}"
        while path:
            got = own.processor.get(path)
            assert got.status == 200 and got.headers["Content-Type"] == "application/json"
            assert got.headers["Cache-Control"] == "no-store"
            page = got.json()
            assert len(page["events"]) <= n
            seen += page["events"]
            link = got.headers["Link"]
            assert (link is not None) == page["more"]
            path = link[1:link.index(">")] if link else None
        assert seen == everything
    got = own.processor.get(f"{EVENTS}?after={sequences[4]}").json()
    assert got["events"] == everything[5:] and got["next"] == sequences[-1] and got["more"] is False
    got = own.processor.get(f"{EVENTS}?after=latest").json()
    assert got == {"events": [], "next": sequences[-1], "more": False}
    assert own.processor.get(f"{EVENTS}?after=999999").json()["events"] == []


@pytest.mark.parametrize("query", ["n=0", "n=-1", "n=abc", "n=+5", "n=", "after=-1", "after=x", "after=1.5", "after=18446744073709551616",
                                   "n=1&n=2"])
def test_bad_parameters(registry, query):
    assert registry.processor.get(f"{EVENTS}?{query}").status == 400


@pytest.mark.parametrize("n", ["1000000000", "18446744073709551615"])
def test_a_huge_page_is_a_bounded_page(registry, n):
    got = registry.processor.get(f"{EVENTS}?n={n}")
    assert got.status == 200 and len(got.json()["events"]) <= 1000


def test_who_sees_what(registry, repo):
    """Without a grant nothing; held content only to who works on it; details only to who may read it, decides, or audits."""
    checker = registry.user(f"checker-of-{repo.replace('/', '-')}"[:100], ("check:scan", repo))
    other = registry.user(f"other-of-{repo.replace('/', '-')}"[:100], ("consumer", "elsewhere/**"))
    image = registry.publisher.push_image(repo, "v1")
    bad = registry.publisher.push_image(repo, "v2")
    registry.processor.release(repo, image.digest, {"finding": "none"})
    registry.processor.fail(repo, bad.digest, {"finding": "critical"})
    registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{bad.digest}")
    registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}")
    everything = [("quarantine", "v1"), ("quarantine", "v2"), ("push", "v1"), ("quarantine_failed", "v2"), ("delete", None), ("delete", None)]

    def see(client):
        return sorted(types(client, repo), key=everything.index)

    for who in (registry.processor, registry.qreader, registry.scanner, registry.auditor, checker):
        assert [t for t, _ in see(who)] == [t for t, _ in everything]
    for who in (registry.consumer, registry.publisher, registry.maintainer):
        assert see(who) == [("push", "v1"), ("delete", None)]
    for who in (registry.stranger, other):
        assert see(who) == []
    for who, details in ((registry.processor, True), (registry.qreader, True), (registry.auditor, True), (checker, False),
                         (registry.consumer, False)):
        for event in who.events(repository=repo):
            if event["type"] in ("push", "quarantine_failed"):
                assert event["decision"]["state"] == ("released" if event["type"] == "push" else "failed")
                assert event["decision"]["by"] == "processor"
                assert ("details" in event["decision"]) == details
                if details:
                    assert "finding" in event["decision"]["details"]
    assert registry.anonymous.get(EVENTS).status == 401


def test_a_push_event_names_its_quarantine_event(registry, repo):
    """At most one delayed push event for each quarantine event; it names that one and comes later."""
    image = registry.publisher.push_image(repo, "v1")
    assert registry.publisher.put_manifest(repo, "v2", image.manifest).status == 201
    registry.processor.release(repo, image.digest)
    registry.processor.release(repo, image.digest)
    events = registry.processor.events(repository=repo)
    held = {e["id"]: e for e in events if e["type"] == "quarantine"}
    pushes = [e for e in events if e["type"] == "push"]
    assert len(held) == len(pushes) == 2
    assert sorted(held) == sorted(p["quarantineEvent"] for p in pushes)
    for push in pushes:
        before = held[push["quarantineEvent"]]
        assert before["sequence"] < push["sequence"] and before["tag"] == push["tag"]
        assert push["actor"] == "processor" and push["publisher"] == "publisher"


@pytest.mark.parametrize("details", [None, {"looked": "well"}])
def test_every_delayed_push_carries_the_decision(registry, repo, details):
    """Also of what had no `quarantine` event of its own: a joined attachment, and bytes that came back failed."""
    push, process = registry.publisher, registry.processor
    image = push.push_image(repo, "v1")
    attached = process.push_image(repo, None, Attachment(image))
    again = push.push_image(repo, "v2")
    process.fail(repo, again.digest)
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{again.digest}").status == 202
    push.push_image(repo, "v2", again)
    for one in (image, again):
        process.release(repo, one.digest, details)
    pushes = {e["digest"]: e["decision"] for e in process.events(repository=repo) if e["type"] == "push"}
    assert pushes == {i.digest: {"by": "processor", "state": "released", "details": details} for i in (image, attached, again)}


def test_attachments_and_indexes(registry, repo):
    """An attachment has no quarantine event; its push event names the subject and comes before the subject's."""
    parts = [Image(), Image()]
    index = Index(parts).push(registry.publisher, repo, "v1")
    attached = registry.processor.push_image(repo, None, Attachment(index))
    registry.processor.release(repo, index.digest)
    events = registry.processor.events(repository=repo)
    assert attached.digest not in [e["digest"] for e in events if e["type"] == "quarantine"]
    pushes = [e["digest"] for e in events if e["type"] == "push"]
    assert sorted(pushes) == sorted([index.digest, attached.digest, *(p.digest for p in parts)])
    assert pushes.index(attached.digest) < pushes.index(index.digest)
    event = next(e for e in events if e["digest"] == attached.digest)
    assert event["subject"] == index.digest and event["tag"] is None and event["artifactType"] == "application/vnd.example.sbom"


def test_nothing_for_what_did_not_commit(registry, repo):
    """Refused pushes, decisions that change nothing, deletes of nothing: no event."""
    broken = Image()
    assert registry.publisher.put_manifest(repo, "v1", broken.manifest).status >= 400  # its blobs are not there
    assert registry.publisher.put_manifest(repo, "v1", b"{").status == 400
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/none").status == 404
    assert registry.processor.events(repository=repo) == []
    image = registry.publisher.push_image(repo, "v1")
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201  # the same again
    assert types(registry.processor, repo) == [("quarantine", "v1")]


def test_concurrent_writers_lose_no_event(own):
    """D11: a reader that follows the feed while many push sees every event exactly once, in order."""
    seen = []
    stop = threading.Event()

    def follow():
        after = 0
        reader = own.client("processor")
        while True:
            ending = stop.is_set()
            page = reader.get(f"{EVENTS}?after={after}&n=50").json()
            seen.extend((e["sequence"], e["digest"]) for e in page["events"])
            after = page["next"]
            if ending and not page["more"]:
                return

    pushed = []

    def push(i):
        client = own.client("publisher")
        for j in range(10):
            pushed.append(client.push_image(f"team/{i}", f"v{j}").digest)

    reader = threading.Thread(target=follow)
    reader.start()
    writers = [threading.Thread(target=push, args=(i,)) for i in range(8)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    stop.set()
    reader.join()
    assert len(pushed) == 80
    assert sorted(d for _, d in seen) == sorted(pushed)
    sequences = [s for s, _ in seen]
    assert sequences == sorted(set(sequences))


# ---- the stream ----------------------------------------------------------------------------------


def test_the_stream_tells_of_new_events(own, stream):
    first = own.publisher.push_image("team/app", "v1")
    open_ = stream(own.processor)
    assert open_.response.status == 200
    assert open_.response.headers["Content-Type"].startswith("text/event-stream")
    assert open_.response.headers["Cache-Control"] == "no-store"
    number, kind, event = open_.message()
    assert kind == "quarantine" and event["digest"] == first.digest and event["sequence"] == number
    second = own.publisher.push_image("team/app", "v2")
    number, kind, event = open_.message()
    assert event["digest"] == second.digest
    # The messages are the feed's events.
    assert event == own.processor.events()[1]


def test_last_event_id_resumes(own, stream):
    for i in range(4):
        own.publisher.push_image("team/app", f"v{i}")
    events = own.processor.events()
    again = stream(own.processor, headers={"Last-Event-ID": str(events[1]["sequence"])})
    assert [again.message()[2], again.message()[2]] == events[2:]
    after = stream(own.processor, query=f"?after={events[2]['sequence']}")
    assert after.message()[2] == events[3]
    latest = stream(own.processor, query="?after=latest")
    later = own.publisher.push_image("team/app", "later")
    assert latest.message()[2]["digest"] == later.digest
    refused = stream(own.processor, headers={"Last-Event-ID": "x"})
    assert refused.response.status == 400


def test_the_stream_keeps_to_what_may_be_seen(own, stream):
    own.policy("open/**", quarantine="off")
    open_ = stream(own.consumer)
    own.publisher.push_image("team/held", "v1")
    seen = own.publisher.push_image("open/app", "v1")
    _, kind, event = open_.message()
    assert kind == "push" and event["digest"] == seen.digest


def test_many_readers_get_the_same(own, stream):
    readers = [stream(own.processor) for _ in range(10)]
    image = own.publisher.push_image("team/app", "v1")
    for r in readers:
        assert r.message()[2]["digest"] == image.digest
    for r in readers[:5]:
        r.close()
    second = own.publisher.push_image("team/app", "v2")
    for r in readers[5:]:
        assert r.message()[2]["digest"] == second.digest


def test_a_revoked_grant_ends_what_is_seen(own, stream):
    who = own.user("watcher", ("quarantine-reader", "team/**"))
    open_ = stream(who)
    first = own.publisher.push_image("team/app", "v1")
    assert open_.message()[2]["digest"] == first.digest
    grants = own.admin.get("/v2/_roadstead/admin/grants?principal=watcher").json()["grants"]
    assert own.admin.request("DELETE", f"/v2/_roadstead/admin/grants/{grants[0]['id']}").status == 204
    own.publisher.push_image("team/app", "hidden")
    own.admin.request("POST", "/v2/_roadstead/admin/grants", body={"principal": "watcher", "role": "quarantine-reader", "pattern": "other/**"})
    second = own.publisher.push_image("other/app", "v1")
    assert open_.message()[2]["digest"] == second.digest  # and not the one in between


def test_a_disabled_account_ends_the_stream(own, stream):
    who = own.user("watcher", ("quarantine-reader", "**"))
    open_ = stream(who)
    first = own.publisher.push_image("team/app", "v1")
    assert open_.message()[2]["digest"] == first.digest
    assert own.admin.request("PATCH", "/v2/_roadstead/admin/users/watcher", body={"disabled": True}).status == 200
    own.publisher.push_image("team/app", "v2")
    assert open_.message() is None


def test_a_changed_password_ends_the_stream(own, stream):
    who = own.user("watcher", ("quarantine-reader", "**"))
    open_ = stream(who)
    first = own.publisher.push_image("team/app", "v1")
    assert open_.message()[2]["digest"] == first.digest
    assert own.admin.request("PATCH", "/v2/_roadstead/admin/users/watcher", body={"password": "a new password"}).status == 200
    own.publisher.push_image("team/app", "v2")
    assert open_.message() is None


def test_the_daemon_stops_with_open_streams(make_registry, stream):
    registry = make_registry()
    open_ = [stream(registry.processor) for _ in range(3)]
    image = registry.publisher.push_image("team/app", "v1")
    assert open_[0].message()[2]["digest"] == image.digest
    registry.daemon.stop()  # in time and clean


def test_events_survive_kill(make_registry):
    registry = make_registry()
    pushed = [registry.publisher.push_image("team/app", f"v{i}").digest for i in range(5)]
    before = registry.processor.events()
    registry.daemon.kill()
    registry.daemon.start()
    assert registry.client("processor").events() == before
    assert [e["digest"] for e in before] == pushed


def test_retention(make_registry):
    """Old events leave the feed where the operator says so; sequence numbers are never used twice."""
    registry = make_registry()
    for i in range(3):
        registry.publisher.push_image("team/app", f"v{i}")
    newest = registry.processor.events()[-1]["sequence"]
    registry.daemon.stop()
    registry.daemon.config.write_text(json.dumps({"events": {"retention": "1ms"}}))
    registry.daemon.start()
    reader = Client(registry.daemon.url, registry.credentials["processor"])
    wait_for(lambda: reader.events() == [], "old events are removed")
    registry.client("publisher").push_image("team/app", "later")
    assert reader.get(f"{EVENTS}?after=latest").json()["next"] > newest


def test_retention_goes_past_what_has_to_stay(make_registry):
    """More events than one step looks at: those that a dead letter names stay, old ones behind them go, young ones stay, and so does what a
    webhook has not seen."""
    registry = make_registry()
    registry.publisher.push_image("team/app", "v1")
    registry.daemon.stop()
    young = int(time.time() * 1000) + 1_000_000_000

    def fill(db, first, last, created_ms):
        db.execute("WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
                   " INSERT INTO event(seq, id, type, repository, digest, is_held, created_ms, payload)"
                   " SELECT i, 'event-' || i, 'push', 'team/app', 'sha256:0', 0, ?, '{}' FROM n", (first, last, created_ms))

    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        fill(db, 1001, 2600, 1000)
        fill(db, 2601, 2700, young)
        fill(db, 2701, 2800, 1000)  # the clock stood wrong for a while
        db.execute("INSERT INTO webhook(id, name, settings, secret, enabled, created_ms, cursor_seq) VALUES (7, 'off', '{}', '', 0, 0, 0)")
        db.execute("INSERT INTO delivery(webhook_id, event_seq, digest, state, attempts, first_ms, next_ms)"
                   " SELECT 7, seq, digest, 'dead', 1, 0, ? FROM event WHERE seq BETWEEN 1001 AND 1700", (young,))
        db.execute("INSERT INTO webhook(id, name, settings, secret, enabled, created_ms, cursor_seq) VALUES (8, 'behind', '{', '', 1, 0, 2500)")
    registry.daemon.config.write_text(json.dumps({"events": {"retention": "1ms"}}))
    registry.daemon.start()
    reader = Client(registry.daemon.url, registry.credentials["admin"])

    def kept():
        with sqlite3.connect(f"file:{registry.daemon.data / 'catalog.db'}?mode=ro", uri=True) as db:
            return [seq for seq, in db.execute("SELECT seq FROM event ORDER BY seq")]

    stays = [*range(1001, 1701), *range(2501, 2801)]
    wait_for(lambda: kept() == stays, "what is old and needed by nobody is gone")
    assert reader.request("DELETE", "/v2/_roadstead/webhooks/behind").status == 204
    registry.daemon.restart()
    wait_for(lambda: kept() == [*range(1001, 1701), *range(2601, 2701)], "and what only that webhook kept")
