"""The state machine, one test for each row of its table and each rule under it, named after them."""

import sqlite3

import pytest

from client import (DOCKER_LIST, DOCKER_MANIFEST, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Attachment, Client, Image, Index, descriptor,
                    digest_of, dumps, unique)
from conftest import PRINCIPALS
from daemon import wait_for
from test_cli import Cli
from test_gc import collect_until, files


def shown(registry, repo, image):
    """What the processor is told about a manifest; None when it is not there."""
    got = registry.processor.state(repo, image.digest)
    return got.json() if got.status == 200 else None


def state(registry, repo, image):
    seen = shown(registry, repo, image)
    return seen["state"] if seen else "none"


def feed(registry):
    """Every event, as a processor sees it.  The feed only grows: what was read of it once is not asked for again."""
    read = registry.__dict__.setdefault("events_read", [])
    read += registry.processor.events(after=read[-1]["sequence"] if read else 0)
    return read


def events(registry, repo):
    return [(e["type"], e["tag"], e["digest"]) for e in feed(registry) if e["repository"] == repo]


def actions(registry, repo):
    return [(r["action"], r["digest"], r["tags"]) for r in registry.auditor.audit(f"repository={repo}")]


def is_readable(registry, repo, image):
    """By whoever may only pull and by whoever may push, manifest and every blob alike (the two bytes {} are everybody's)."""
    answers = set()
    for client, held in ((registry.consumer, {403}), (registry.maintainer, {403, 404})):
        got = client.get_manifest(repo, image.digest)
        answers.add(got.status not in held)
        assert got.status in {200} | held and (got.status == 200) == (got.body == image.manifest), got
        for data in getattr(image, "blobs", []):
            if data != b"{}":
                got = client.get_blob(repo, digest_of(data))
                answers.add(got.status not in held)
                assert got.status in {200} | held and (got.status == 200) == (got.body == data), got
    assert len(answers) == 1, answers
    return answers == {True}


def work(registry, repo, query=""):
    """The digests of the work list."""
    got = registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}{query}")
    assert got.status == 200, got
    return [i["digest"] for i in got.json()["images"]]


def report(client, repo, image, check, outcome, **more):
    return client.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{image.digest}/checks/{check}",
                          body={"state": outcome, **more})


def delete(registry, repo, reference):
    got = registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{reference}")
    assert got.status == 202, got


def upload(client, repo, image):
    for data in getattr(image, "blobs", []):
        client.push_blob(repo, data)
    return image


def restarted(registry):
    """The same registry after a restart: everybody connects anew."""
    registry.daemon.restart()
    for name in registry.credentials:
        registry.__dict__.pop(name, None)


def brought(registry, repo, name, tag="v1"):
    """An image in that state."""
    image = registry.publisher.push_image(repo, tag)
    if name != "quarantined":
        registry.processor.decide(repo, image.digest, name, {"why": name})
    assert state(registry, repo, image) == name
    return image


STATES = ("quarantined", "failed", "released")
THINGS = {
    "oci-image": Image,
    "docker-image": lambda: Image(media_type=DOCKER_MANIFEST, config_type="application/vnd.docker.container.image.v1+json",
                                  layer_type="application/vnd.docker.image.rootfs.diff.tar.gzip"),
    "oci-index": lambda: Index([]),
    "docker-list": lambda: Index([], media_type=DOCKER_LIST),
    "artifact": lambda: Attachment(None),
}
WAYS = ("tag", "digest", "sha512", "parameters")


def push(client, repo, thing, way):
    """Push in that way: (answer, the tags that it was pushed under)."""
    upload(client, repo, thing)
    reference, query, tags = {
        "tag": ("v1", "", ["v1"]),
        "digest": (thing.digest, "", []),
        "sha512": (digest_of(thing.manifest, "sha512"), "", []),
        "parameters": (thing.digest, "?tag=v1&tag=v2", ["v1", "v2"]),
    }[way]
    return client.put_manifest(repo, reference, thing.manifest, thing.media_type, query=query), tags


# -- the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("thing", THINGS)
def test_push_with_quarantine_on_stages_the_tag(registry, repo, thing, way):
    image = THINGS[thing]()
    done, tags = push(registry.publisher, repo, image, way)
    assert done.status == 201 and done.headers["Warning"] is None
    seen = shown(registry, repo, image)
    assert seen["state"] == "quarantined" and seen["tags"] == {"live": [], "staged": tags}
    assert events(registry, repo) == [("quarantine", tag, image.digest) for tag in tags or [None]]
    assert actions(registry, repo) == [("quarantined", image.digest, tags)]
    assert not is_readable(registry, repo, image)
    assert registry.consumer.tags(repo) == [] and registry.processor.tags(repo) == tags


def test_push_by_digest_makes_an_event_without_a_tag(registry, repo):
    image = registry.publisher.push_image(repo)
    assert events(registry, repo) == [("quarantine", None, image.digest)]
    assert actions(registry, repo) == [("quarantined", image.digest, [])]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["off", "observe"])
@pytest.mark.parametrize("thing", THINGS)
def test_push_with_quarantine_off_is_live_with_a_push_event_only(registry, repo, thing, mode, way):
    registry.policy(repo, quarantine=mode)
    image = THINGS[thing]()
    done, tags = push(registry.publisher, repo, image, way)
    assert done.status == 201
    seen = shown(registry, repo, image)
    assert seen["state"] == "released" and seen["tags"] == {"live": tags, "staged": []}
    assert events(registry, repo) == [("push", tag, image.digest) for tag in tags or [None]]
    assert actions(registry, repo) == [("pushed", image.digest, tags)]
    assert is_readable(registry, repo, image)
    assert registry.consumer.tags(repo) == tags


@pytest.mark.parametrize("mode", ["on", "off"])
def test_only_a_holder_of_push_pushes(registry, repo, mode):
    registry.policy(repo, quarantine=mode)
    image = upload(registry.publisher, repo, Image())
    may = {name for name, grants in PRINCIPALS.items() if {"publisher", "processor", "maintainer"} & {g for g, _ in grants}}
    for name in (*PRINCIPALS, "admin"):
        other = Image(layers=image.layers, config=image.config, annotations={"by": name})
        refused = registry.client(name).put_manifest(repo, "v1", other.manifest)
        assert (refused.status == 201) == (name in may) and refused.status in (201, 403), (name, refused)
        assert (state(registry, repo, other) != "none") == (name in may)
    assert registry.anonymous.put_manifest(repo, "v1", image.manifest).status == 401
    assert state(registry, repo, image) == "none"


@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_a_passed_decision_releases(registry, repo, before):
    image = registry.publisher.push_image(repo, "v1")
    registry.publisher.put_manifest(repo, "v2", image.manifest)
    if before == "failed":
        registry.processor.fail(repo, image.digest, {"why": "first look"})
    answer = registry.processor.release(repo, image.digest, {"scanner": "clean"}).json()
    assert answer["changed"] is True and answer["state"] == "released"
    assert answer["released"] == [{"digest": image.digest, "kind": "image", "tags": ["v1", "v2"]}]
    assert is_readable(registry, repo, image)
    assert registry.consumer.tags(repo) == ["v1", "v2"]
    assert shown(registry, repo, image)["tags"] == {"live": ["v1", "v2"], "staged": []}
    assert [e for e in events(registry, repo) if e[0] == "push"] == [
        ("push", "v1", image.digest), ("push", "v2", image.digest)]
    record = registry.auditor.audit(f"repository={repo}&action=released")
    assert len(record) == 1 and record[0]["details"] == {"scanner": "clean"}
    assert record[0]["actor"] == "processor" and record[0]["tags"] == ["v1", "v2"]


@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_the_last_required_pass_releases(registry, repo, before):
    registry.policy(repo, checks=["scan", "sign"])
    image = registry.publisher.push_image(repo, "v1")
    registry.publisher.put_manifest(repo, "v2", image.manifest)
    report(registry.signer, repo, image, "sign", "passed")
    if before == "failed":
        assert report(registry.scanner, repo, image, "scan", "failed").json()["state"] == "failed"
    assert not is_readable(registry, repo, image)
    answer = report(registry.scanner, repo, image, "scan", "passed", details={"cves": 0}).json()
    assert answer["state"] == "released"
    assert answer["released"] == [{"digest": image.digest, "kind": "image", "tags": ["v1", "v2"]}]
    assert is_readable(registry, repo, image) and registry.consumer.tags(repo) == ["v1", "v2"]
    assert [e for e in events(registry, repo) if e[0] == "push"] == [
        ("push", "v1", image.digest), ("push", "v2", image.digest)]
    record, = registry.auditor.audit(f"repository={repo}&action=released")
    assert record["details"]["details"] == {"cves": 0} and record["tags"] == ["v1", "v2"] and record["actor"] == "scanner"


def test_delayed_push_events_name_the_tags_that_moved_or_none(registry, repo):
    first = registry.publisher.push_image(repo, "v1")
    second = registry.publisher.push_image(repo, "v1")
    third = registry.publisher.push_image(repo, "gone")
    fourth = registry.publisher.push_image(repo)
    fifth = registry.publisher.push_image(repo, "v1")
    registry.publisher.put_manifest(repo, "kept", fifth.manifest)
    registry.publisher.put_manifest(repo, "gone", fifth.manifest)
    delete(registry, repo, "gone")
    order = (second, first, third, fourth, fifth)
    for image in order:
        registry.processor.release(repo, image.digest)
    pushes = [e for e in events(registry, repo) if e[0] == "push"]
    # A later push of v1 is live, and `gone` was deleted since: neither tag moves.
    assert pushes == [("push", "v1", second.digest), ("push", None, first.digest), ("push", None, third.digest),
                      ("push", None, fourth.digest), ("push", "v1", fifth.digest), ("push", "kept", fifth.digest)]
    assert [r["tags"] for r in registry.auditor.audit(f"repository={repo}&action=released")] == [
        ["v1"], [], [], [], ["v1", "kept"]]
    assert registry.consumer.tags(repo) == ["kept", "v1"]
    assert registry.consumer.get_manifest(repo, "v1").body == fifth.manifest


def alter_catalog(registry, statement):
    """Run a statement for each kind of write, behind the daemon's back; it is started again after it."""
    registry.daemon.stop()
    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        for verb in ("INSERT", "UPDATE", "DELETE"):
            db.execute(statement.format(verb))
    db.close()
    registry.daemon.start()


def test_all_effects_of_a_transition_are_one_transaction(make_registry):
    """Where one of its effects cannot be written, none is: neither of a push, nor of a decision, a report or a deletion."""
    registry = make_registry()
    registry.policy("team/checked", checks=["scan"])
    index = Index([Image(), Image()]).push(registry.publisher, "team/app", "v1")
    checked = registry.publisher.push_image("team/checked", "v1")
    new = upload(registry.publisher, "team/app", Image())
    for table in ("audit", "event", "manifest_tag", "tag"):
        alter_catalog(registry, f"CREATE TRIGGER no_{{0}} BEFORE {{0}} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")
        processor, publisher, scanner, maintainer = (registry.client(n) for n in ("processor", "publisher", "scanner", "maintainer"))
        seen = processor.events()
        assert publisher.put_manifest("team/app", "v2", new.manifest).status >= 409
        if table != "manifest_tag":  # a release and a failed verdict write nothing there
            assert processor.decide("team/app", index.digest, "released").status >= 409
            assert report(scanner, "team/checked", checked, "scan", "passed").status >= 409
        if table in ("audit", "event"):
            assert processor.decide("team/app", index.digest, "failed").status >= 409
        assert maintainer.request("DELETE", "/v2/team/app/manifests/v1").status >= 409
        for repo, image in (("team/app", index), ("team/app", index.images[0]), ("team/checked", checked)):
            assert processor.state(repo, image.digest).json()["state"] == "quarantined", table
        assert processor.state("team/app", new.digest).status == 404
        assert processor.events() == seen
        assert processor.tags("team/app") == ["v1"] and registry.client("consumer").tags("team/app") == []
        alter_catalog(registry, "DROP TRIGGER no_{0}")
    processor = registry.client("processor")
    processor.release("team/app", index.digest)
    assert [e["tag"] for e in processor.events(repository="team/app") if e["type"] == "push"] == [None, None, "v1"]


def test_a_failed_decision_keeps_it_unreadable(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    answer = registry.processor.fail(repo, image.digest, "malware found").json()
    assert answer["state"] == "failed" and answer["changed"] is True
    assert state(registry, repo, image) == "failed"
    assert not is_readable(registry, repo, image)
    assert registry.consumer.tags(repo) == []
    assert events(registry, repo)[1:] == [("quarantine_failed", "v1", image.digest)]
    record, = registry.auditor.audit(f"repository={repo}&action=failed")
    assert record["details"] == "malware found" and record["tags"] == ["v1"] and record["actor"] == "processor"


def test_a_required_check_that_failed_keeps_it_unreadable(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    image = registry.publisher.push_image(repo, "v1")
    assert report(registry.signer, repo, image, "sign", "passed").status == 200
    assert report(registry.scanner, repo, image, "scan", "failed", details=["CVE-1"]).json()["state"] == "failed"
    assert not is_readable(registry, repo, image) and registry.consumer.tags(repo) == []
    assert events(registry, repo)[1:] == [("quarantine_failed", "v1", image.digest)]
    record, = registry.auditor.audit(f"repository={repo}&action=failed")
    assert record["details"] == {"check": "scan", "details": ["CVE-1"], "state": "failed"} and record["actor"] == "scanner"


def test_failing_again_is_audited_with_the_new_details(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest, "one")
    before = events(registry, repo)
    assert registry.processor2.decide(repo, image.digest, "failed", "two").json()["changed"] is True
    assert events(registry, repo) == before
    assert [r["details"] for r in registry.auditor.audit(f"repository={repo}&action=failed")] == ["one", "two"]
    assert shown(registry, repo, image)["details"] == "two"
    assert not is_readable(registry, repo, image)


def test_passing_again_changes_nothing(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    # Nor does it undo what happened to the tag since.
    delete(registry, repo, "v1")
    before = events(registry, repo), actions(registry, repo)
    again = registry.processor2.decide(repo, image.digest, "released", "me too")
    assert again.status == 200 and again.json()["changed"] is False and again.json()["released"] == []
    assert (events(registry, repo), actions(registry, repo)) == before
    assert registry.consumer.tags(repo) == []


@pytest.mark.parametrize("asked", ["failed", "quarantined"])
def test_a_released_one_is_never_taken_back(registry, repo, asked):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    before = events(registry, repo), actions(registry, repo)
    refused = registry.processor.decide(repo, image.digest, asked)
    assert refused.status == 409 and "quarantine is only for the first release" in refused.message
    assert is_readable(registry, repo, image)
    assert (events(registry, repo), actions(registry, repo)) == before


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("who,status", [("publisher", 403), ("publisher2", 403), ("consumer", 403), ("qreader", 403),
                                        ("scanner", 403), ("auditor", 403), ("maintainer", 403), ("admin", 404),
                                        ("stranger", 404)])
def test_others_are_refused_before_the_state_is_looked_at(registry, repo, who, status, before):
    image = brought(registry, repo, before)
    # Without a right to know of it (SPEC 4), what is held is not there.
    expected = 404 if before != "released" and who in ("publisher2", "maintainer") else status
    seen = events(registry, repo), actions(registry, repo)
    for asked in ("failed", "released"):
        assert getattr(registry, who).decide(repo, image.digest, asked).status == expected
    assert (events(registry, repo), actions(registry, repo)) == seen and state(registry, repo, image) == before


@pytest.mark.parametrize("before", STATES)
def test_delete_by_tag_leaves_the_manifest(registry, repo, before):
    image = brought(registry, repo, before)
    seen = events(registry, repo), actions(registry, repo)
    delete(registry, repo, "v1")
    assert state(registry, repo, image) == before
    assert is_readable(registry, repo, image) == (before == "released")
    assert shown(registry, repo, image)["tags"] == {"live": [], "staged": []}
    assert events(registry, repo) == [*seen[0], ("delete", "v1", image.digest)]
    assert actions(registry, repo) == [*seen[1], ("tag-deleted", image.digest, ["v1"])]
    registry.processor.release(repo, image.digest)
    assert registry.consumer.tags(repo) == [] and registry.processor.tags(repo) == []
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/v1").status == 404


def test_delete_by_tag_takes_live_and_staged_pointer(registry, repo):
    older = registry.publisher.push_image(repo, "v1")
    live = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, live.digest)
    staged = registry.publisher.push_image(repo, "v1")
    delete(registry, repo, "v1")
    assert events(registry, repo)[-1] == ("delete", "v1", live.digest)
    record, = registry.auditor.audit(f"repository={repo}&action=tag-deleted")
    assert record["details"] == {"live": live.digest, "staged": staged.digest}
    assert registry.processor.get_manifest(repo, "v1").status == 404
    for image in (older, staged):
        registry.processor.release(repo, image.digest)
        assert registry.consumer.get_manifest(repo, "v1").status == 404
    assert all(is_readable(registry, repo, i) for i in (older, live, staged))
    # A push after the deletion is a new beginning.
    assert registry.publisher.put_manifest(repo, "v1", older.manifest).status == 201
    assert registry.consumer.get_manifest(repo, "v1").body == older.manifest


@pytest.mark.parametrize("before", STATES)
def test_delete_by_digest_takes_all_tags_and_needs_no_right_to_read(registry, repo, before):
    remover = registry.user(f"remover-{before}-" + repo.split("/")[1], ("delete", repo))
    image = brought(registry, repo, before)
    registry.publisher.put_manifest(repo, "v2", image.manifest)
    assert remover.get_manifest(repo, image.digest).status in (403, 404)
    assert remover.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
    assert state(registry, repo, image) == "none"
    assert registry.processor.tags(repo) == [] and registry.consumer.tags(repo) == []
    assert registry.processor.get_manifest(repo, image.digest).status == 404
    assert events(registry, repo)[-1] == ("delete", None, image.digest)
    assert actions(registry, repo)[-1][:2] == ("deleted", image.digest)
    assert sorted(actions(registry, repo)[-1][2]) == ["v1", "v2"]
    # Only a failed verdict is remembered.
    registry.publisher.push_image(repo, "v1", image)
    assert state(registry, repo, image) == ("failed" if before == "failed" else "quarantined")


@pytest.mark.parametrize("what", ["tag", "digest"])
@pytest.mark.parametrize("who", ["publisher", "processor", "consumer", "qreader", "scanner", "auditor", "admin", "stranger"])
def test_only_a_holder_of_delete_deletes(registry, repo, who, what):
    image = registry.publisher.push_image(repo, "v1")
    refused = registry.client(who).request("DELETE", f"/v2/{repo}/manifests/{'v1' if what == 'tag' else image.digest}")
    assert refused.status in (403, 404), refused
    assert shown(registry, repo, image)["tags"]["staged"] == ["v1"]


# -- the rules under it ---------------------------------------------------------------------------


def test_released_is_what_never_goes_back(make_registry):
    """No API, no command, no configuration change, no re-push, no restart, no clock."""
    registry = make_registry()
    repo = "team/app"
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    sbom = registry.processor.push_image(repo, None, Attachment(image))
    untouched = registry.processor.events()

    def stands():
        assert is_readable(registry, repo, image) and is_readable(registry, repo, sbom)
        assert state(registry, repo, image) == "released" and registry.consumer.tags(repo) == ["v1"]
        assert registry.processor.events(repository=repo) == untouched

    for asked in ("failed", "quarantined"):
        assert registry.processor.decide(repo, image.digest, asked).status == 409
    path = f"/acr/v1/{repo}/_manifests/{image.digest}"
    for azure in ("Failed", "Quarantined"):
        assert registry.processor.request("PATCH", path, body={"quarantineState": azure}).status >= 400
    Cli(registry, "processor")("fail", f"{repo}@{image.digest}", code=5)
    stands()
    registry.policy(repo, quarantine="on", checks=["scan", "sign"], overdue_after=1, expire_quarantined_after=1, expire_failed_after=1)
    assert report(registry.scanner, repo, image, "scan", "failed").status == 409
    assert report(registry.scanner, repo, image, "scan", "running").status in (200, 409)
    for way in WAYS[:3]:
        assert push(registry.publisher2, repo, image, way)[0].status == 201
    stands()
    held = registry.publisher.push_image("team/app/clock", "v1")
    registry.policy("team/app/clock", expire_quarantined_after=1)
    wait_for(lambda: state(registry, "team/app/clock", held) == "none", "time has its effect elsewhere")
    stands()
    restarted(registry)
    stands()


@pytest.mark.parametrize("way", WAYS)
def test_a_deleted_release_that_is_pushed_again_is_a_first_push(registry, repo, way):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    delete(registry, repo, image.digest)
    before = events(registry, repo)
    done, tags = push(registry.publisher, repo, image, way)
    assert done.status == 201
    assert state(registry, repo, image) == "quarantined"
    assert not is_readable(registry, repo, image)
    assert events(registry, repo)[len(before):] == [("quarantine", tag, image.digest) for tag in tags or [None]]
    assert registry.consumer.tags(repo) == []


@pytest.mark.parametrize("before", ["off", "observe"])
def test_turning_quarantine_on_affects_later_pushes_only(registry, repo, before):
    registry.policy(repo, quarantine=before)
    image = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine="on", checks=["scan"])
    registry.publisher.push_image(repo, "v1", image)
    assert is_readable(registry, repo, image) and registry.consumer.tags(repo) == ["v1"]
    assert not is_readable(registry, repo, registry.publisher.push_image(repo, "v2"))


@pytest.mark.parametrize("mode", ["off", "observe"])
@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_turning_quarantine_off_releases_nothing(registry, repo, before, mode):
    image = brought(registry, repo, before)
    sbom = registry.processor.push_image(repo, None, Attachment(image))
    index = Index([image])
    registry.publisher.put_manifest(repo, "multi", index.manifest, OCI_INDEX)
    registry.policy(repo, quarantine=mode)
    assert not is_readable(registry, repo, image)
    for way in WAYS:
        assert push(registry.processor, repo, image, way)[0].status == 201
        assert push(registry.publisher, repo, image, way)[0].status == 201
    registry.processor.push_image(repo, None, sbom)
    registry.publisher.put_manifest(repo, "multi", index.manifest, OCI_INDEX)
    for held, expected in ((image, before), (sbom, "quarantined"), (index, "quarantined")):
        assert state(registry, repo, held) == expected
        assert not is_readable(registry, repo, held)
    assert registry.consumer.tags(repo) == []


@pytest.mark.parametrize("mode", ["off", "observe"])
@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_a_push_never_releases_anything_but_itself(registry, repo, before, mode):
    index = Index([Image(), Image()])
    registry.publisher.push_image(repo, None, index.images[0])
    if before == "failed":
        registry.processor.fail(repo, index.images[0].digest)
    registry.policy(repo, quarantine=mode)
    registry.publisher.push_image(repo, None, index.images[1])
    registry.publisher.put_manifest(repo, "v1", index.manifest, index.media_type)
    assert state(registry, repo, index.images[0]) == before
    assert state(registry, repo, index.images[1]) == "released"
    assert state(registry, repo, index) == "quarantined"
    assert events(registry, repo)[-1] == ("quarantine", "v1", index.digest)
    # One that names it through another index likewise.
    outer = Index([index, index.images[1]])
    registry.publisher.put_manifest(repo, "outer", outer.manifest, outer.media_type)
    assert state(registry, repo, outer) == "quarantined"
    assert registry.consumer.tags(repo) == []


def test_an_index_over_a_released_one_that_names_what_came_later(registry, repo):
    """The held descendant arrived after the inner index, which is released: the outer one is held all the same."""
    registry.policy(repo, quarantine="off")
    inner = Index([Image()])
    registry.publisher.put_manifest(repo, "inner", inner.manifest, OCI_INDEX)
    registry.policy(repo, quarantine="on")
    late = registry.publisher.push_image(repo, None, inner.images[0])
    registry.policy(repo, quarantine="off")
    outer = Index([inner])
    registry.publisher.put_manifest(repo, "outer", outer.manifest, OCI_INDEX)
    assert [state(registry, repo, i) for i in (inner, late, outer)] == ["released", "quarantined", "quarantined"]
    registry.processor.release(repo, outer.digest)
    assert state(registry, repo, late) == "quarantined" and not is_readable(registry, repo, late)


def test_a_failed_verdict_given_by_a_decision_is_lifted_only_by_a_decision(make_registry):
    registry = make_registry()
    repo = "team/app"
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest)

    def stands():
        assert state(registry, repo, image) == "failed" and not is_readable(registry, repo, image)

    for outcome in ("passed", "failed", "passed"):
        report(registry.scanner, repo, image, "scan", outcome)
        stands()
    for way in WAYS:
        assert push(registry.publisher, repo, image, way)[0].headers["Warning"]
        stands()
    for mode in ("off", "observe", "on"):
        registry.policy(repo, quarantine=mode)
        push(registry.publisher, repo, image, "tag")
        stands()
    index = Index([image])
    registry.publisher.put_manifest(repo, "multi", index.manifest, OCI_INDEX)
    assert registry.processor.decide(repo, index.digest, "released").status == 409
    delete(registry, repo, image.digest)
    push(registry.publisher, repo, image, "tag")
    stands()
    restarted(registry)
    stands()
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, image)


def test_a_failure_that_came_from_a_check_is_lifted_by_that_check(registry, repo):
    registry.policy(repo, checks=["scan", "sign", "third"])
    image = registry.publisher.push_image(repo, "v1")
    for client, check in ((registry.scanner, "scan"), (registry.signer, "sign")):
        report(client, repo, image, check, "failed")
    before = events(registry, repo)
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == "failed"  # the other one still fails
    assert report(registry.signer, repo, image, "sign", "running").json()["state"] == "failed"
    assert [a[0] for a in actions(registry, repo)].count("reversed") == 0 and work(registry, repo) == []
    assert report(registry.signer, repo, image, "sign", "passed").json()["state"] == "quarantined"
    assert actions(registry, repo)[-1][:2] == ("reversed", image.digest)
    assert events(registry, repo) == before and work(registry, repo) == [image.digest]
    assert not is_readable(registry, repo, image)


def test_a_decision_on_top_of_a_failed_check_stands(registry, repo):
    """`and nothing else is failed`: the check takes its own failure back, the decision's remains."""
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    report(registry.scanner, repo, image, "scan", "failed")
    registry.processor.fail(repo, image.digest, "and I say so too")
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == "failed"
    assert not is_readable(registry, repo, image)


def remembered(registry, repo, kind):
    """Something that failed, and how it is pushed."""
    if kind == "index":
        thing = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    elif kind == "attachment":
        thing = registry.processor.push_image(repo, None, Attachment(registry.publisher.push_image(repo, "subject")))
    else:
        thing = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, thing.digest, "bad")
    return thing


@pytest.mark.parametrize("mode", ["on", "off", "observe"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["image", "index", "attachment"])
def test_a_failed_verdict_outlives_deletion(registry, repo, kind, way, mode):
    thing = remembered(registry, repo, kind)
    for round_ in range(2):
        delete(registry, repo, thing.digest)
        assert state(registry, repo, thing) == "none"
        registry.policy(repo, quarantine=mode)
        before = events(registry, repo)
        client = registry.processor if kind == "attachment" or round_ else registry.publisher2
        if kind == "attachment" and way in ("tag", "parameters"):
            return  # under an ordinary tag it is an image with a subject, of the same digest: the rows above
        again, tags = push(client, repo, thing, way)
        assert again.status == 201 and again.headers["Warning"].startswith('299 - "'), again
        seen = shown(registry, repo, thing)
        assert seen["state"] == "failed" and seen["details"] == "bad" and seen["tags"]["staged"] == tags
        assert events(registry, repo) == before
        assert actions(registry, repo)[-1] == ("failed", thing.digest, tags)
        assert not is_readable(registry, repo, thing)
    registry.policy(repo, quarantine="on")
    if kind != "attachment":
        registry.processor.release(repo, thing.digest)
        assert is_readable(registry, repo, thing)


def test_a_failed_verdict_outlives_garbage_collection_and_a_restart(make_registry):
    registry = make_registry(config={"gc": {"grace": "0s", "lease": "1s", "interval": "0s"}})
    repo = "team/app"
    registry.policy(repo, checks=["scan"])
    decided = remembered(registry, repo, "image")
    checked = registry.publisher.push_image(repo, "v2")
    report(registry.scanner, repo, checked, "scan", "failed", details="CVE")
    for image in (decided, checked):
        delete(registry, repo, image.digest)

    # Nobody may ask for them meanwhile: whoever is told that a blob exists keeps it for a while.
    bytes_of_them = {digest_of(data) for image in (decided, checked) for data in image.blobs}
    collect_until(registry, lambda: not bytes_of_them & files(registry), "every byte of them is collected")
    restarted(registry)
    for image in (decided, checked):
        assert push(registry.publisher, repo, image, "tag")[0].headers["Warning"]
        assert state(registry, repo, image) == "failed" and not is_readable(registry, repo, image)
    # Whose failure it was is remembered as well: the check lifts its own, and no other.
    assert report(registry.scanner, repo, decided, "scan", "passed").json()["state"] == "failed"
    assert report(registry.scanner, repo, checked, "scan", "passed").json()["state"] == "released"


def test_another_repository_has_its_own_state(registry, repo):
    other = repo + "/other"
    image = registry.publisher.push_image(repo, "v1")
    registry.publisher.push_image(other, "v1", image)
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, image) and not is_readable(registry, other, image)
    registry.processor.fail(other, image.digest)
    assert is_readable(registry, repo, image)
    # Nor is a verdict remembered elsewhere than where it was given.
    third = repo + "/third"
    delete(registry, other, image.digest)
    assert push(registry.publisher, third, image, "tag")[0].headers["Warning"] is None
    assert state(registry, third, image) == "quarantined"
    registry.policy(repo + "/free", quarantine="off")
    registry.publisher.push_image(repo + "/free", "v1", image)
    assert is_readable(registry, repo + "/free", image) and not is_readable(registry, third, image)


def test_verdicts_are_about_digests(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest)
    changed = Image(layers=image.layers, config=image.config, annotations={"rebuilt": "yes"})
    assert push(registry.publisher, repo, changed, "tag")[0].headers["Warning"] is None
    assert state(registry, repo, changed) == "quarantined"
    assert events(registry, repo)[-1] == ("quarantine", "v1", changed.digest)
    # A single blank is enough, and the other way round no blank makes a released image of a new one.
    registry.processor.release(repo, changed.digest)
    spaced = changed.manifest + b" "
    assert registry.publisher.put_manifest(repo, "v1", spaced).status == 201
    assert registry.processor.state(repo, digest_of(spaced)).json()["state"] == "quarantined"


@pytest.mark.parametrize("mode", ["on", "off"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("before", STATES)
def test_pushing_known_bytes_again_changes_no_state(registry, repo, before, way, mode):
    image = brought(registry, repo, before)
    registry.policy(repo, quarantine=mode)
    since = shown(registry, repo, image)["since"]
    for client in (registry.publisher, registry.publisher2, registry.processor):
        done = push(client, repo, image, way)[0]
        assert done.status == 201 and bool(done.headers["Warning"]) == (before == "failed")
        seen = shown(registry, repo, image)
        assert (seen["state"], seen["since"], seen["publisher"]) == (before, since, "publisher")
        assert is_readable(registry, repo, image) == (before == "released")


@pytest.mark.parametrize("way", ["tag", "parameters"])
def test_a_new_tag_on_a_released_digest_is_live_at_once(registry, repo, way):
    image = brought(registry, repo, "released", "v0")
    before = events(registry, repo)
    done, tags = push(registry.publisher, repo, image, way)
    assert done.status == 201
    assert registry.consumer.tags(repo) == ["v0", *tags]
    assert events(registry, repo)[len(before):] == [("push", tag, image.digest) for tag in tags]
    assert actions(registry, repo)[-1] == ("tagged", image.digest, tags)


@pytest.mark.parametrize("way", ["tag", "parameters"])
@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_a_new_tag_on_a_digest_in_quarantine_is_staged(registry, repo, before, way):
    image = brought(registry, repo, before, "v0")
    seen = events(registry, repo)
    done, tags = push(registry.publisher, repo, image, way)
    assert done.status == 201
    assert shown(registry, repo, image)["tags"] == {"live": [], "staged": ["v0", *tags]}
    assert events(registry, repo)[len(seen):] == [("quarantine", tag, image.digest) for tag in tags]
    assert actions(registry, repo)[-1] == ("tagged", image.digest, tags)
    assert registry.consumer.tags(repo) == []


@pytest.mark.parametrize("before", STATES)
def test_pushing_what_is_already_the_latest_makes_no_event(registry, repo, before):
    image = brought(registry, repo, before)
    registry.publisher.put_manifest(repo, "v2", image.manifest)
    seen = events(registry, repo), actions(registry, repo)
    for client in (registry.publisher, registry.publisher2, registry.processor):
        for way in WAYS:
            assert push(client, repo, image, way)[0].status == 201
    assert (events(registry, repo), actions(registry, repo)) == seen


def test_tags_as_parameters_are_pushes_of_these_tags(registry, repo):
    image = registry.publisher.push_image(repo)
    tags = [f"t{i}" for i in range(12)]
    query = "?" + "&".join(f"tag={t}" for t in tags)
    done = registry.publisher.put_manifest(repo, image.digest, image.manifest, query=query)
    assert done.status == 201
    assert sorted(done.headers.get_all("OCI-Tag")) == sorted(tags)
    assert shown(registry, repo, image)["tags"]["staged"] == sorted(tags)
    for bad in ("?tag=.x", "?tag=", "?tag=a/b"):
        assert registry.publisher.put_manifest(repo, image.digest, image.manifest, query=bad).status == 400
    assert registry.publisher.put_manifest(repo, "v1", image.manifest, query="?tag=x").status == 400


def test_two_processors_one_after_the_other_make_one_transition(registry, repo):
    """Any order: whoever comes second with the same verdict changes nothing, with the other one is refused."""
    for first, second in (("released", "released"), ("released", "failed"), ("failed", "released")):
        image = registry.publisher.push_image(repo, unique("v"))
        assert registry.processor.decide(repo, image.digest, first, expect="quarantined").json()["changed"] is True
        before = events(registry, repo), actions(registry, repo)
        late = registry.processor2.decide(repo, image.digest, second, expect="quarantined")
        assert late.status == 412, late
        if first == "released":
            late = registry.processor2.decide(repo, image.digest, second)
            assert late.json()["changed"] is False if second == "released" else late.status == 409
        assert (events(registry, repo), actions(registry, repo)) == before


def test_time_never_releases_anything(make_registry):
    """Overdue, with an expired claim, over a restart: it stays held."""
    registry = make_registry(config={"quarantine": {"settle_time": "0s"}})
    repo = "team/app"
    registry.policy(repo, overdue_after=1, checks=["scan"])
    held = [registry.publisher.push_image(repo, "v1"), brought(registry, repo, "failed", "v2"),
            registry.publisher.push_image(repo, None)]
    claim = {"check": "scan", "repositories": [repo], "leaseSeconds": 1}
    first = registry.scanner.request("POST", "/v2/_roadstead/quarantine/claims", body=claim)
    assert first.status == 200 and first.json()["digest"] == held[0].digest
    wait_for(lambda: [e for e in events(registry, repo) if e[0] == "quarantine_overdue"], "the first one is overdue")
    # The lease ends, and the same image is handed out again: nothing else came of it.

    def handed_out():
        got = registry.scanner.request("POST", "/v2/_roadstead/quarantine/claims", body=claim)
        return got.status == 200 and got.json()["digest"] == held[0].digest

    wait_for(handed_out, "the lease ends")
    restarted(registry)
    assert [state(registry, repo, i) for i in held] == ["quarantined", "failed", "quarantined"]
    assert not any(is_readable(registry, repo, i) for i in held)
    assert registry.consumer.tags(repo) == [] and "push" not in {e[0] for e in events(registry, repo)}


def damaged(registry, *statements):
    """The same registry after somebody wrote that into its catalog."""
    registry.daemon.stop()
    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            assert db.execute(statement).rowcount > 0, statement
    db.close()
    registry.daemon.start()
    for name in registry.credentials:
        registry.__dict__.pop(name, None)


def test_an_error_while_working_out_the_policy_denies(make_registry):
    registry = make_registry()
    registry.policy("damaged/**", quarantine="off")
    held = registry.publisher.push_image("fine/app", "v1")
    damaged(registry, "UPDATE policy SET rules = '{\"quarantine\":' WHERE pattern = 'damaged/**'",
            "UPDATE fact SET value = 'changed' WHERE key = 'policy_version'")
    image = upload(registry.publisher, "damaged/app", Image())
    assert registry.publisher.put_manifest("damaged/app", "v1", image.manifest).status == 500
    assert registry.processor.get_manifest("damaged/app", "v1").status != 200
    # Nothing of it elsewhere is read or decided by a policy that cannot be read: it may be the first that matches.
    assert registry.consumer.get_manifest("fine/app", held.digest).status != 200
    assert registry.publisher.put_manifest("fine/app", "v1", image.manifest).status == 404  # its blobs are elsewhere


def test_an_error_while_working_out_a_state_denies(make_registry):
    registry = make_registry()
    image = brought(registry, "team/app", "released")
    damaged(registry, "UPDATE manifest SET state = 'free'")
    for client in (registry.consumer, registry.publisher, registry.processor, registry.qreader):
        for reference in ("v1", image.digest):
            got = client.get_manifest("team/app", reference)
            assert got.status >= 400 and image.manifest not in got.body, got
    for asked in ("released", "failed"):
        assert registry.processor.decide("team/app", image.digest, asked).status >= 400


def test_an_error_while_working_out_a_permission_denies(make_registry):
    registry = make_registry()
    image = brought(registry, "team/app", "quarantined")
    live = brought(registry, "team/app", "released", "live")
    damaged(registry, "UPDATE access_grant SET what = 'quarantine-pull-and-more', pattern = '['"
                      " WHERE what IN ('quarantine-reader', 'processor', 'consumer')")
    for client in (registry.qreader, registry.processor, registry.consumer):
        for reference in (image.digest, live.digest, "v1", "live"):
            got = client.get_manifest("team/app", reference)
            assert got.status >= 400 and not {image.manifest, live.manifest} & {got.body}, got
    assert registry.processor.decide("team/app", image.digest, "released").status >= 400


def test_no_matching_policy_means_quarantine(make_registry):
    registry = make_registry()
    listed = registry.admin.get("/v2/_roadstead/policies").json()["policies"]
    for policy in listed:
        assert registry.admin.request("DELETE", f"/v2/_roadstead/policies?pattern={policy['pattern']}").status == 204
    assert state(registry, "team/app", registry.publisher.push_image("team/app", "v1")) == "quarantined"
    registry.policy("team/*", quarantine="off")
    registry.policy("team", quarantine="off")
    for repo in ("team/app/deep", "other/app", "teams/app", "team2"):
        assert state(registry, repo, registry.publisher.push_image(repo, "v1")) == "quarantined", repo


# -- words ------------------------------------------------------------------------------------------


def test_in_quarantine_is_quarantined_or_failed(registry, repo):
    images = {name: brought(registry, repo, name, name) for name in STATES}
    assert {name for name, image in images.items() if not is_readable(registry, repo, image)} == {"quarantined", "failed"}
    assert work(registry, repo) == [images["quarantined"].digest]
    assert work(registry, repo, "&state=failed") == [images["failed"].digest]
    for name, image in images.items():
        header = registry.processor.get_manifest(repo, image.digest).headers["Roadstead-Quarantine"]
        assert header == (name if name != "released" else None)


def test_who_is_who(registry, repo):
    """A publisher pushes, a consumer pulls, a processor works on what is held and decides, an auditor reads the log, an admin rules."""
    image = upload(registry.publisher, repo, Image())
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    assert registry.processor.get_manifest(repo, "v1").body == image.manifest
    assert registry.processor.get_blob(repo, digest_of(image.layers[0])).body == image.layers[0]
    assert registry.publisher.get_blob(repo, digest_of(image.layers[0])).status == 403
    registry.processor.release(repo, image.digest)
    assert registry.consumer.get_manifest(repo, "v1").body == image.manifest
    assert registry.consumer.put_manifest(repo, "v1", image.manifest).status == 403
    assert registry.auditor.get("/v2/_roadstead/audit").status == 200
    assert registry.auditor.get_manifest(repo, "v1").status in (403, 404)
    assert registry.admin.get("/v2/_roadstead/policies").status == 200
    assert registry.admin.get_manifest(repo, "v1").status in (403, 404)


# -- what is refused ------------------------------------------------------------------------------
