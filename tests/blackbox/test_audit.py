"""The audit log: one record for each change, filters, export, checkpoints, and tampering that is found."""

import json
import sqlite3
import subprocess

import pytest

from client import Attachment, Client, Image, Index
from conftest import PASSWORD
from daemon import binary, wait_for

AUDIT = "/v2/_roadstead/audit"
FIELDS = ["version", "sequence", "timestamp", "action", "actor", "actorId", "repository", "tags", "digest", "publisher", "details", "cause",
          "requestId", "source", "chainHash", "leafHash"]


@pytest.fixture
def own(make_registry):
    return make_registry()


def newest(auditor):
    records = auditor.audit()
    return records[-1]["sequence"] if records else 0


def export(auditor, query=""):
    got = auditor.get(AUDIT + ("?" + query if query else ""), headers={"Accept": "application/x-ndjson"})
    assert got.status == 200 and got.headers["Content-Type"] == "application/x-ndjson", got
    return got.body


def verify(auditor, checkpoint=None):
    got = auditor.request("POST", f"{AUDIT}/verify", body=checkpoint)
    assert got.status == 200, got
    return got.json()


def checkpoint(auditor):
    got = auditor.get(f"{AUDIT}/checkpoint")
    assert got.status == 200, got
    return got.body


def cli(*args):
    """`roadstead audit verify` with these arguments; (exit code, output)."""
    done = subprocess.run([binary(), "audit", "verify", *map(str, args)], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


# ---- one record for each change ------------------------------------------------------------------


def changes(registry, repo):
    """(what, function, actions of the records that it must write): every kind of change, and things that change nothing."""
    admin, publisher, processor, maintainer = registry.admin, registry.publisher, registry.processor, registry.maintainer
    image, bad, checked, index = Image(), Image(), Image(), Index([Image(), Image()])
    admin_api = "/v2/_roadstead/admin"
    hooks = "/v2/_roadstead/webhooks"
    for one in (image, bad, checked, *index.images):
        for data in one.blobs:
            publisher.push_blob(repo, data)  # blobs alone are no change of a manifest
    attachment = Attachment(image)
    for data in attachment.blobs:
        processor.push_blob(repo, data)

    def call(client, method, path, status, body=None):
        def run():
            got = client.request(method, path, body=body)
            assert got.status == status, (path, got)
        return run

    def put(client, reference, what, query=""):
        def run():
            got = client.put_manifest(repo, reference, what.manifest, what.media_type, query)
            assert got.status == 201, got
        return run

    def grant_id():
        return admin.get(f"{admin_api}/grants?principal=made").json()["grants"][0]["id"]

    quarantine = f"/v2/{repo}/_roadstead/quarantine"
    claims = "/v2/_roadstead/quarantine/claims"
    taken = []

    def claim():
        got = processor.request("POST", claims, body={"repositories": [repo]})
        assert got.status == 200, got
        taken.append(got.json()["claim"])

    return [
        ("create a user", call(admin, "POST", f"{admin_api}/users", 201, {"name": "made", "password": PASSWORD}), 1),
        ("create it again", call(admin, "POST", f"{admin_api}/users", 409, {"name": "made", "password": PASSWORD}), 0),
        ("grant", call(admin, "POST", f"{admin_api}/grants", 201, {"principal": "made", "role": "consumer", "pattern": "a/*"}), 1),
        ("grant again", call(admin, "POST", f"{admin_api}/grants", 200, {"principal": "made", "role": "consumer", "pattern": "a/*"}), 0),
        ("take the grant", lambda: call(admin, "DELETE", f"{admin_api}/grants/{grant_id()}", 204)(), 1),
        ("disable", call(admin, "PATCH", f"{admin_api}/users/made", 200, {"disabled": True}), 1),
        ("disable again", call(admin, "PATCH", f"{admin_api}/users/made", 200, {"disabled": True}), 0),
        ("delete the user", call(admin, "DELETE", f"{admin_api}/users/made", 204), 1),
        ("create a robot", call(admin, "POST", f"{admin_api}/robots", 201, {"name": "made-robot"}), 1),
        ("rotate it", call(admin, "POST", f"{admin_api}/robots/made-robot/rotate", 200), 1),
        ("delete it", call(admin, "DELETE", f"{admin_api}/robots/made-robot", 204), 1),
        ("create a webhook", call(admin, "POST", hooks, 201, {"name": "made", "url": "https://made.invalid/"}), 1),
        ("change it", call(admin, "PATCH", f"{hooks}/made", 200, {"enabled": False}), 1),
        ("change nothing", call(admin, "PATCH", f"{hooks}/made", 200, {"enabled": False}), 0),
        ("delete it", call(admin, "DELETE", f"{hooks}/made", 204), 1),
        ("a policy", lambda: registry.policy(repo, quarantine="on"), 1),
        ("the same policy", lambda: registry.policy(repo, quarantine="on"), 0),
        ("push", put(publisher, "v1", image), 1),
        ("push again", put(publisher, "v1", image), 0),
        ("another tag", put(publisher, "v2", image), 1),
        ("attach", put(processor, attachment.digest, attachment), 1),
        ("push a bad one", put(publisher, "bad", bad), 1),
        ("fail it", call(processor, "PATCH", f"{quarantine}/{bad.digest}", 200, {"state": "failed", "details": "no"}), 1),
        ("release it anyway", call(processor, "PATCH", f"{quarantine}/{bad.digest}", 200, {"state": "released"}), 1),
        ("release", call(processor, "PATCH", f"{quarantine}/{image.digest}", 200, {"state": "released"}), 2),  # and its attachment
        ("release again", call(processor, "PATCH", f"{quarantine}/{image.digest}", 200, {"state": "released"}), 0),
        ("fail what is released", call(processor, "PATCH", f"{quarantine}/{image.digest}", 409, {"state": "failed"}), 0),
        ("push one to check", put(publisher, "checked", checked), 1),
        ("report a check", call(registry.scanner, "PUT", f"{quarantine}/{checked.digest}/checks/scan", 200, {"state": "running"}), 1),
        ("report it again", call(registry.scanner, "PUT", f"{quarantine}/{checked.digest}/checks/scan", 200, {"state": "running"}), 0),
        ("pass it", call(registry.scanner, "PUT", f"{quarantine}/{checked.digest}/checks/scan", 200, {"state": "passed"}), 1),
        ("claim the decision", claim, 1),
        ("find nothing to claim", call(processor, "POST", claims, 204, {"repositories": [repo]}), 0),
        ("renew the claim", lambda: call(processor, "PUT", f"{claims}/{taken[0]}", 200, {"leaseSeconds": 600})(), 1),
        ("give it back", lambda: call(processor, "DELETE", f"{claims}/{taken[0]}", 204)(), 1),
        ("give it back again", lambda: call(processor, "DELETE", f"{claims}/{taken[0]}", 404)(), 0),
        ("push the parts", lambda: [put(publisher, i.digest, i)() for i in index.images], 2),
        ("push the index", put(publisher, "multi", index), 1),
        ("release the index", call(processor, "PATCH", f"{quarantine}/{index.digest}", 200, {"state": "released"}), 3),
        ("delete a tag", call(maintainer, "DELETE", f"/v2/{repo}/manifests/v2", 202), 1),
        ("delete it again", call(maintainer, "DELETE", f"/v2/{repo}/manifests/v2", 404), 0),
        ("delete by digest", call(maintainer, "DELETE", f"/v2/{repo}/manifests/{bad.digest}", 202), 1),
    ]


def test_every_change_writes_exactly_its_records(own, repo):
    """One record for each change, in its own transaction; none for a request that changes nothing; a cascade one for each manifest."""
    for what, run, n in changes(own, repo):
        before = newest(own.auditor)
        run()
        records = own.auditor.audit(after=before)
        assert len(records) == n, (what, records)
        for record in records:
            assert list(record) == FIELDS
            assert record["sequence"] > before and record["version"] == 1 and record["source"] == "127.0.0.1" and record["requestId"]
    result = verify(own.auditor)
    assert result["sound"] is True and result["records"] == newest(own.auditor), result


def test_a_cascade_names_the_decision(registry, repo):
    """Each record of a cascade has its own digest and tags and names the decision's record."""
    index = Index([Image(), Image()])
    for i, part in enumerate(index.images):
        for data in part.blobs:
            registry.publisher.push_blob(repo, data)
        assert registry.publisher.put_manifest(repo, f"part{i}", part.manifest).status == 201
    index.push(registry.publisher, repo, "all")
    registry.processor.release(repo, index.digest, {"report": 7})
    records = registry.auditor.audit(f"repository={repo}&action=released")
    assert {r["digest"] for r in records} == {index.digest, *(p.digest for p in index.images)}
    decision = next(r for r in records if r["digest"] == index.digest)
    assert decision["cause"] is None and decision["tags"] == ["all"] and decision["details"]
    for i, part in enumerate(index.images):
        record = next(r for r in records if r["digest"] == part.digest)
        assert record["cause"] == decision["sequence"] and record["tags"] == [f"part{i}"] and record["actor"] == "processor"


def test_what_the_article_asks_for(registry, repo):
    """Put into quarantine, failed, released: with time, repository, tag, digest, actor, publisher and details."""
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest, {"critical": 2})
    registry.processor2.release(repo, image.digest, "looked at again\nfine \u2713")
    records = registry.auditor.audit(f"repository={repo}")
    assert [(r["action"], r["actor"], r["publisher"]) for r in records] == [
        ("quarantined", "publisher", "publisher"), ("failed", "processor", "publisher"), ("released", "processor2", "publisher")]
    for record in records:
        assert record["tags"] == ["v1"] and record["digest"] == image.digest and record["timestamp"].endswith("Z")
    assert records[1]["details"] == {"critical": 2}
    assert records[2]["details"] == "looked at again\nfine \u2713"


def test_texts_cannot_forge_a_record(registry, repo):
    """T46: control bytes and JSON in details stay inside their string, in pages and in the export."""
    image = registry.publisher.push_image(repo, "v1")
    nasty = "\x1b[2J\r\n{\"action\":\"released\"}\u2028\x7f"
    registry.processor.fail(repo, image.digest, nasty)
    line = export(registry.auditor, f"repository={repo}&action=failed")
    assert line.count(b"\n") == 1 and b"\x1b" not in line and b"\r" not in line and b"\x7f" not in line
    assert json.loads(line)["details"] == nasty


def test_details_are_bounded(registry, repo):
    """T46: too large details are refused and nothing changes."""
    image = registry.publisher.push_image(repo, "v1")
    refused = registry.processor.decide(repo, image.digest, "failed", "x" * 70000)
    assert refused.status in (400, 413), refused
    assert [r["action"] for r in registry.auditor.audit(f"repository={repo}")] == ["quarantined"]
    assert registry.processor.state(repo, image.digest).json()["state"] == "quarantined"


# ---- reading -------------------------------------------------------------------------------------


def test_filters(registry, repo):
    one = registry.publisher.push_image(repo, "v1")
    two = registry.publisher2.push_image(repo + "/deep", "v1")
    registry.processor.release(repo, one.digest)
    audit = registry.auditor.audit
    mine = audit(f"repository={repo}")
    assert [r["action"] for r in mine] == ["quarantined", "released"]
    assert audit(f"repository={repo}/*") == audit(f"digest={two.digest}")
    assert len(audit(f"repository={repo}**")) == 3
    assert audit(f"digest={one.digest}") == mine
    assert audit(f"digest={one.digest}&actor=processor") == mine[1:]
    assert audit(f"repository={repo}&action=quarantined") == mine[:1]
    assert audit(f"repository={repo}&actor=nobody") == []
    assert [r["digest"] for r in audit(f"repository={repo}/deep&actor=publisher2")] == [two.digest]
    assert audit(f"repository={repo}&from={mine[0]['timestamp']}&to={mine[1]['timestamp']}") in (mine[:1], [])
    assert audit(f"repository={repo}&from={mine[0]['timestamp']}") == mine
    assert audit(f"repository={repo}&to=2020-01-01T00:00:00Z") == []
    assert audit(f"repository={repo}", after=mine[0]["sequence"]) == mine[1:]
    page = registry.auditor.get(f"{AUDIT}?repository={repo}&n=1")
    assert page.json()["records"] == mine[:1] and page.json()["more"] is True
    link = page.headers["Link"]
    assert registry.auditor.get(link[1:link.index(">")]).json()["records"] == mine[1:]


@pytest.mark.parametrize("query", ["n=0", "n=x", "after=-1", "from=yesterday", "to=2026-13-01T00:00:00Z", "n=1&n=2"])
def test_bad_parameters(registry, query):
    assert registry.auditor.get(f"{AUDIT}?{query}").status == 400


def test_the_export_is_the_log(own):
    for i in range(3):
        own.publisher.push_image("team/app", f"v{i}")
    records = own.auditor.audit()
    lines = export(own.auditor).splitlines()
    assert [json.loads(line) for line in lines] == records
    assert [r["sequence"] for r in records] == list(range(1, len(records) + 1))  # gap-free
    assert [json.loads(line) for line in export(own.auditor, "n=2&after=3").splitlines()] == records[3:5]
    assert export(own.auditor, "repository=none") == b""


def test_a_long_export(own):
    """More than one part of the stream."""
    for i in range(260):
        own.admin.request("POST", "/v2/_roadstead/admin/robots", body={"name": f"robot{i}"})
    lines = export(own.auditor).splitlines()
    assert len(lines) == newest(own.auditor) >= 260
    assert [json.loads(line)["sequence"] for line in lines] == list(range(1, len(lines) + 1))


def test_who_reads_the_log(own):
    """audit-read, by pattern; what is about no repository needs it everywhere."""
    partly = own.user("partly", ("auditor", "team/*"))
    own.publisher.push_image("team/app", "v1")
    own.publisher.push_image("other/app", "v1")
    assert {r["repository"] for r in partly.audit()} == {"team/app"}
    assert {json.loads(line)["repository"] for line in export(partly).splitlines()} == {"team/app"}
    assert {None, "team/app", "other/app"} <= {r["repository"] for r in own.auditor.audit()}
    for who in (own.admin, own.publisher, own.processor, own.consumer, own.maintainer, own.stranger):
        for path in ("", "/checkpoint", "/key"):
            assert who.get(AUDIT + path).status == 403, (who.name, path)
        assert who.request("POST", AUDIT + "/verify").status == 403
    assert own.anonymous.get(AUDIT).status == 401


def test_denied_reads_are_recorded(make_registry):
    """Gathered in memory and written now and then, at the latest when the daemon stops; a flood is a few records."""
    registry = make_registry()
    image = registry.publisher.push_image("team/app", "v1")
    for _ in range(50):
        assert registry.consumer.get_manifest("team/app", image.digest).status == 403
        assert registry.consumer.get_blob("team/app", image.doc["layers"][0]["digest"]).status == 403
        assert registry.consumer.get_manifest("team/app", "v1").status == 403
    assert registry.processor.get_manifest("team/app", "v1").status == 200
    registry.daemon.restart()
    auditor = registry.client("auditor")
    records = auditor.audit("action=read-denied")
    assert 1 <= len(records) <= 3
    assert {r["actor"] for r in records} == {"consumer"} and {r["repository"] for r in records} == {"team/app"}
    assert sum(r["details"]["count"] for r in records) == 150
    assert image.digest in [r["digest"] for r in records]
    assert verify(auditor)["sound"] is True


# ---- checkpoints and tampering -------------------------------------------------------------------


def test_checkpoints(own):
    first = checkpoint(own.auditor)
    origin, size, _root, empty, signature = first.decode().rstrip("\n").split("\n")
    assert origin.startswith("roadstead/audit/") and int(size) == newest(own.auditor) and empty == ""
    assert signature.startswith("\u2014 " + origin + " ")
    key = own.auditor.get(f"{AUDIT}/key").body.decode()
    assert key.startswith(origin + "+")
    assert checkpoint(own.auditor) == first  # nothing was added
    own.publisher.push_image("team/app", "v1")
    second = checkpoint(own.auditor)
    assert int(second.decode().split("\n")[1]) == int(size) + 1
    for note in (first, second):
        result = verify(own.auditor, note)
        assert result["sound"] is True and result["checkpoints"] >= 1
    changed = own.auditor.request("POST", f"{AUDIT}/verify", body=second.replace(b"\n" + str(int(size) + 1).encode(), b"\n" + size.encode()))
    assert changed.status == 400 and "signature" in changed.message
    assert own.auditor.request("POST", f"{AUDIT}/verify", body=b"rubbish").status == 400


TAMPERING = {
    "edit": "UPDATE audit SET record = replace(CAST(record AS TEXT), 'publisher', 'innocent') WHERE seq = {last}",
    "edit of a column": "UPDATE audit SET actor = 'innocent' WHERE seq = {last}",
    "deletion": "DELETE FROM audit WHERE seq = {last} - 2",
    "insertion": "INSERT INTO audit SELECT {last} + 1, at_ms, action, repository, digest, actor, record, chain_hash, leaf_hash FROM audit"
                 " WHERE seq = 2",
    "cut at the tail": "DELETE FROM audit WHERE seq > {last} - 2",
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_with_the_database_is_found(make_registry, how, tmp_path):
    """With the daemon stopped; found by the command line on the data directory, and by the daemon once it runs again."""
    registry = make_registry()
    for i in range(3):
        registry.publisher.push_image("team/app", f"v{i}")
    note = checkpoint(registry.auditor)
    (tmp_path / "checkpoint").write_bytes(note)
    last = newest(registry.auditor)
    registry.daemon.stop()
    code, output = cli("--data", registry.daemon.data, "--checkpoint", tmp_path / "checkpoint")
    assert code == 0, output
    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        db.execute(TAMPERING[how].format(last=last))
    db.close()
    code, output = cli("--data", registry.daemon.data, "--checkpoint", tmp_path / "checkpoint")
    assert code != 0, output
    registry.daemon.start()
    result = verify(registry.client("auditor"), note)
    assert result["sound"] is False and result["problems"], result


def test_an_older_database_is_found(make_registry, tmp_path):
    """A whole backup put back in place: sound by itself, found by the checkpoint that was kept, and told in the log at the start."""
    registry = make_registry()
    registry.publisher.push_image("team/app", "v1")
    registry.daemon.stop()
    older = {f.name: f.read_bytes() for f in registry.daemon.data.glob("catalog.db*")}
    registry.daemon.start()
    registry.client("publisher").push_image("team/app", "v2")
    note = checkpoint(registry.client("auditor"))
    registry.daemon.stop()
    for f in registry.daemon.data.glob("catalog.db*"):
        f.unlink()
    for name, data in older.items():
        (registry.daemon.data / name).write_bytes(data)
    registry.daemon.start()
    auditor = registry.client("auditor")
    for known in (note, None):  # the newest one beside the key tells it too
        result = verify(auditor, known)
        assert result["sound"] is False and "rolled back" in str(result["problems"])
    assert "does not fit its newest checkpoint" in registry.daemon.log.read_text()
    refused = auditor.get(f"{AUDIT}/checkpoint")
    assert refused.status == 500 and "roadstead audit verify" in refused.message


def test_an_export_is_verified_offline(own, tmp_path):
    for i in range(5):
        own.publisher.push_image("team/app", f"v{i}")
    body = export(own.auditor)
    note, key = tmp_path / "checkpoint", tmp_path / "key"
    note.write_bytes(checkpoint(own.auditor))
    key.write_bytes(own.auditor.get(f"{AUDIT}/key").body)
    sound = tmp_path / "sound.ndjson"
    sound.write_bytes(body)
    code, output = cli("--file", sound, "--checkpoint", note, "--key", key)
    assert code == 0, output
    lines = body.splitlines(keepends=True)
    bad = {
        "edit": body.replace(b'"team/app"', b'"team/axx"', 1),
        "deletion": b"".join(lines[:4] + lines[5:]),
        "insertion": b"".join(lines[:4] + lines[3:]),
        "order": b"".join(lines[:3] + [lines[4], lines[3]] + lines[5:]),
        "cut at the tail": b"".join(lines[:-1]),
        "cut line": body[:-5],
        "empty": b"",
    }
    for what, data in bad.items():
        file = tmp_path / "bad.ndjson"
        file.write_bytes(data)
        code, output = cli("--file", file, "--checkpoint", note, "--key", key)
        assert code != 0, (what, output)
    # Without a checkpoint a cut at the tail cannot be seen; everything else can.
    for what, data in bad.items():
        file.write_bytes(data)
        code, output = cli("--file", file)
        assert (code != 0) == (what not in ("cut at the tail", "empty")), (what, output)


def test_the_chain_holds_through_kills(make_registry):
    """A5, F1: after kill -9 under load the log is gap-free, sound, and has a record for every acknowledged push."""
    registry = make_registry()
    pushed = []
    for round_ in range(3):
        publisher = registry.client("publisher")
        for i in range(6):
            pushed.append(publisher.push_image("team/app", f"r{round_}-{i}").digest)
        registry.daemon.kill()
        registry.daemon.start()
    auditor = registry.client("auditor")
    assert verify(auditor)["sound"] is True
    recorded = [r["digest"] for r in auditor.audit("action=quarantined")]
    assert recorded == pushed


def test_the_log_cannot_be_written_so_nothing_changes(make_registry):
    """If the record cannot be written, the change does not happen."""
    registry = make_registry()
    registry.publisher.push_image("team/app", "v1")
    registry.daemon.stop()
    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        db.execute("CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
    db.close()
    registry.daemon.start()
    publisher = Client(registry.daemon.url, registry.credentials["publisher"])
    image = Image()
    for data in image.blobs:
        publisher.push_blob("team/app", data)
    refused = publisher.put_manifest("team/app", "v2", image.manifest)
    assert refused.status >= 500 or refused.status == 409, refused
    processor = registry.client("processor")
    assert [e["tag"] for e in processor.events()] == ["v1"]
    assert processor.get_manifest("team/app", "v2").status == 404
    assert registry.daemon.admin().request("POST", "/v2/_roadstead/admin/robots", body={"name": "r"}).status >= 409
    registry.daemon.stop()
    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        db.execute("DROP TRIGGER no_audit")
    db.close()
    registry.daemon.start()
    assert registry.client("publisher").put_manifest("team/app", "v2", image.manifest).status == 201
    wait_for(lambda: len(registry.client("processor").events()) == 2, "the second event")
