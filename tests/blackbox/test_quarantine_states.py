"""The state machine, one test for each row of its table and each rule under it, named after them."""

import pytest

from client import Attachment, Image, Index, digest_of


def shown(registry, repo, image):
    """What the processor is told about a manifest; None when it is not there."""
    got = registry.processor.state(repo, image.digest)
    return got.json() if got.status == 200 else None


def state(registry, repo, image):
    seen = shown(registry, repo, image)
    return seen["state"] if seen else "none"


def events(registry, repo):
    return [(e["type"], e["tag"], e["digest"]) for e in registry.processor.events(repository=repo)]


def actions(registry, repo):
    return [(r["action"], r["digest"], r["tags"]) for r in registry.auditor.audit(f"repository={repo}")]


def is_readable(registry, repo, image):
    """By the consumer, manifest and every blob alike (the two bytes {} are everybody's)."""
    answers = {registry.consumer.get_manifest(repo, image.digest).status}
    answers |= {registry.consumer.get_blob(repo, digest_of(data)).status for data in image.blobs if data != b"{}"}
    assert answers in ({200}, {403}), answers
    return answers == {200}


# -- the table ----------------------------------------------------------------------------------


def test_push_with_quarantine_on_stages_the_tag(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert state(registry, repo, image) == "quarantined"
    assert shown(registry, repo, image)["tags"] == {"live": [], "staged": ["v1"]}
    assert events(registry, repo) == [("quarantine", "v1", image.digest)]
    assert actions(registry, repo) == [("quarantined", image.digest, ["v1"])]
    assert not is_readable(registry, repo, image)


def test_push_by_digest_makes_an_event_without_a_tag(registry, repo):
    image = registry.publisher.push_image(repo)
    assert events(registry, repo) == [("quarantine", None, image.digest)]
    assert actions(registry, repo) == [("quarantined", image.digest, [])]


def test_push_with_quarantine_off_is_live_with_a_push_event_only(registry, repo):
    registry.policy(repo, quarantine="off")
    image = registry.publisher.push_image(repo, "v1")
    assert state(registry, repo, image) == "released"
    assert events(registry, repo) == [("push", "v1", image.digest)]
    assert actions(registry, repo) == [("pushed", image.digest, ["v1"])]
    assert is_readable(registry, repo, image)


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
    assert [e for e in events(registry, repo) if e[0] == "push"] == [
        ("push", "v1", image.digest), ("push", "v2", image.digest)]
    record = registry.auditor.audit(f"repository={repo}&action=released")
    assert len(record) == 1 and record[0]["details"] == {"scanner": "clean"}
    assert record[0]["actor"] == "processor" and record[0]["tags"] == ["v1", "v2"]


def test_delayed_push_events_name_the_tags_that_moved_or_none(registry, repo):
    first = registry.publisher.push_image(repo, "v1")
    second = registry.publisher.push_image(repo, "v1")
    third = registry.publisher.push_image(repo, "gone")
    maintainer = registry.maintainer
    assert maintainer.request("DELETE", f"/v2/{repo}/manifests/gone").status == 202
    for image in (second, first, third):
        registry.processor.release(repo, image.digest)
    pushes = [e for e in events(registry, repo) if e[0] == "push"]
    # A later push of v1 is live, and `gone` was deleted since: neither tag moves.
    assert pushes == [("push", "v1", second.digest), ("push", None, first.digest), ("push", None, third.digest)]
    assert registry.consumer.tags(repo) == ["v1"]


def test_a_failed_decision_keeps_it_unreadable(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest, "malware found")
    assert state(registry, repo, image) == "failed"
    assert not is_readable(registry, repo, image)
    assert events(registry, repo)[-1] == ("quarantine_failed", "v1", image.digest)
    record = registry.auditor.audit(f"repository={repo}&action=failed")
    assert [r["details"] for r in record] == ["malware found"]


def test_failing_again_is_audited_with_the_new_details(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest, "one")
    before = events(registry, repo)
    assert registry.processor2.decide(repo, image.digest, "failed", "two").json()["changed"] is True
    assert events(registry, repo) == before
    assert [r["details"] for r in registry.auditor.audit(f"repository={repo}&action=failed")] == ["one", "two"]


def test_passing_again_changes_nothing(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    before = events(registry, repo), actions(registry, repo)
    again = registry.processor2.decide(repo, image.digest, "released", "me too")
    assert again.status == 200 and again.json()["changed"] is False and again.json()["released"] == []
    assert (events(registry, repo), actions(registry, repo)) == before


@pytest.mark.parametrize("asked", ["failed", "quarantined"])
def test_a_released_one_is_never_taken_back(registry, repo, asked):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    before = events(registry, repo), actions(registry, repo)
    refused = registry.processor.decide(repo, image.digest, asked)
    assert refused.status == 409 and "quarantine is only for the first release" in refused.message
    assert is_readable(registry, repo, image)
    assert (events(registry, repo), actions(registry, repo)) == before


@pytest.mark.parametrize("who,status", [("publisher", 403), ("publisher2", 403), ("consumer", 403), ("qreader", 403),
                                        ("scanner", 403), ("auditor", 403), ("maintainer", 403), ("admin", 404),
                                        ("stranger", 404)])
def test_others_are_refused_before_the_state_is_looked_at(registry, repo, who, status):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    assert getattr(registry, who).decide(repo, image.digest, "failed").status == status
    assert getattr(registry, who).decide(repo, image.digest, "released").status == status


def test_delete_by_tag_leaves_the_manifest(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/v1").status == 202
    assert state(registry, repo, image) == "quarantined"
    assert shown(registry, repo, image)["tags"] == {"live": [], "staged": []}
    assert events(registry, repo)[-1] == ("delete", "v1", image.digest)
    assert actions(registry, repo)[-1] == ("tag-deleted", image.digest, ["v1"])
    registry.processor.release(repo, image.digest)
    assert registry.consumer.tags(repo) == []
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/v1").status == 404


def test_delete_by_tag_takes_live_and_staged_pointer(registry, repo):
    live = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, live.digest)
    staged = registry.publisher.push_image(repo, "v1")
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/v1").status == 202
    assert registry.processor.get_manifest(repo, "v1").status == 404
    registry.processor.release(repo, staged.digest)
    assert registry.consumer.get_manifest(repo, "v1").status == 404
    assert is_readable(registry, repo, live) and is_readable(registry, repo, staged)


def test_delete_by_digest_takes_all_tags_and_needs_no_right_to_read(registry, repo):
    remover = registry.user("remover-" + repo.split("/")[1], ("delete", repo))
    image = registry.publisher.push_image(repo, "v1")
    registry.publisher.put_manifest(repo, "v2", image.manifest)
    assert remover.get_manifest(repo, image.digest).status in (403, 404)
    assert remover.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
    assert state(registry, repo, image) == "none"
    assert registry.processor.tags(repo) == []
    assert events(registry, repo)[-1] == ("delete", None, image.digest)
    assert actions(registry, repo)[-1][:2] == ("deleted", image.digest)
    assert sorted(actions(registry, repo)[-1][2]) == ["v1", "v2"]


# -- the rules under it ---------------------------------------------------------------------------


def test_a_deleted_release_that_is_pushed_again_is_a_first_push(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}")
    registry.publisher.push_image(repo, "v1", image)
    assert state(registry, repo, image) == "quarantined"
    assert not is_readable(registry, repo, image)


def test_turning_quarantine_on_affects_later_pushes_only(registry, repo):
    registry.policy(repo, quarantine="off")
    image = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine="on")
    assert is_readable(registry, repo, image)
    assert not is_readable(registry, repo, registry.publisher.push_image(repo, "v2"))


@pytest.mark.parametrize("mode", ["off", "observe"])
def test_turning_quarantine_off_releases_nothing(registry, repo, mode):
    image = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine=mode)
    assert not is_readable(registry, repo, image)
    registry.publisher.push_image(repo, "v1", image)
    registry.publisher.push_image(repo, None, image)
    assert state(registry, repo, image) == "quarantined"
    assert not is_readable(registry, repo, image)


def test_a_push_never_releases_anything_but_itself(registry, repo):
    index = Index([Image(), Image()])
    registry.publisher.push_image(repo, None, index.images[0])
    registry.policy(repo, quarantine="off")
    registry.publisher.push_image(repo, None, index.images[1])
    registry.publisher.put_manifest(repo, "v1", index.manifest, index.media_type)
    assert state(registry, repo, index.images[0]) == "quarantined"
    assert state(registry, repo, index.images[1]) == "released"
    assert state(registry, repo, index) == "quarantined"


def test_a_failed_verdict_outlives_deletion(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest, "bad")
    registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}")
    before = len(events(registry, repo))
    for data in image.blobs:
        registry.publisher2.push_blob(repo, data)
    again = registry.publisher2.put_manifest(repo, "other", image.manifest)
    assert again.status == 201 and again.headers["Warning"].startswith('299 - "')
    assert state(registry, repo, image) == "failed"
    assert len(events(registry, repo)) == before
    registry.policy(repo, quarantine="off")
    registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}")
    assert registry.publisher.push_image(repo, "v1", image)
    assert state(registry, repo, image) == "failed"


def test_a_failed_verdict_given_by_a_decision_is_lifted_only_by_a_decision(registry, repo):
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest)
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == "failed"
    registry.publisher.push_image(repo, "v1", image)
    assert state(registry, repo, image) == "failed"
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, image)


def test_another_repository_has_its_own_state(registry, repo):
    other = repo + "/other"
    image = registry.publisher.push_image(repo, "v1")
    registry.publisher.push_image(other, "v1", image)
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, image) and not is_readable(registry, other, image)
    registry.processor.fail(other, image.digest)
    assert is_readable(registry, repo, image)


def test_verdicts_are_about_digests(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest)
    changed = Image(layers=image.layers, config=image.config, annotations={"rebuilt": "yes"})
    registry.publisher.push_image(repo, "v1", changed)
    assert state(registry, repo, changed) == "quarantined"


def test_a_new_tag_on_a_released_digest_is_live_at_once(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    assert registry.publisher.put_manifest(repo, "v2", image.manifest).status == 201
    assert registry.consumer.tags(repo) == ["v1", "v2"]
    assert events(registry, repo)[-1] == ("push", "v2", image.digest)


def test_a_new_tag_on_a_digest_in_quarantine_is_staged(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.publisher.put_manifest(repo, "v2", image.manifest)
    assert shown(registry, repo, image)["tags"]["staged"] == ["v1", "v2"]
    assert events(registry, repo) == [("quarantine", "v1", image.digest), ("quarantine", "v2", image.digest)]
    assert registry.consumer.tags(repo) == []


def test_pushing_what_is_already_the_latest_makes_no_event(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    before = events(registry, repo), actions(registry, repo)
    registry.publisher.push_image(repo, "v1", image)
    registry.publisher2.push_image(repo, "v1", image)
    registry.publisher.push_image(repo, None, image)
    assert (events(registry, repo), actions(registry, repo)) == before


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


def test_an_error_while_working_out_the_policy_denies(make_registry, tmp_path):
    import sqlite3
    registry = make_registry()
    registry.policy("damaged/**", quarantine="off")
    registry.daemon.stop()
    with sqlite3.connect(next(registry.daemon.data.rglob("*.db"))) as db:
        db.execute("UPDATE policy SET rules = '{\"quarantine\":' WHERE pattern = 'damaged/**'")
        db.execute("UPDATE fact SET value = 'changed' WHERE key = 'policy_version'")
    db.close()
    registry.daemon.start()
    publisher = type(registry.publisher)(registry.daemon.url, registry.credentials["publisher"])
    image = Image()
    for data in image.blobs:
        publisher.push_blob("damaged/app", data)
    assert publisher.put_manifest("damaged/app", "v1", image.manifest).status == 500
    assert publisher.put_manifest("fine/app", "v1", image.manifest).status == 404  # its blobs are elsewhere


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("name,body,media_type", [
    ("schema1", b'{"schemaVersion":1,"name":"x","tag":"y","fsLayers":[],"history":[]}',
     "application/vnd.docker.distribution.manifest.v1+json"),
    ("mixed", b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"layers":[]}',
     "application/vnd.oci.image.index.v1+json"),
    ("duplicate-keys", b'{"schemaVersion":2,"schemaVersion":2,"manifests":[]}', "application/vnd.oci.image.index.v1+json"),
    ("other-type", b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
     "application/vnd.oci.image.manifest.v1+json"),
    ("no-json", b"{", "application/vnd.oci.image.index.v1+json"),
])
def test_refused_with_manifest_invalid(registry, repo, name, body, media_type):
    got = registry.processor.put_manifest(repo, "v1", body, media_type)
    assert (got.status, got.code) == (400, "MANIFEST_INVALID"), got
    assert registry.processor.tags(repo) == []


def report(client, repo, image, check, outcome, **more):
    return client.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{image.digest}/checks/{check}",
                          body={"state": outcome, **more})


def test_attachments_are_remembered_with_who_pushed_them(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(image))
    listed = shown(registry, repo, image)["attachments"]
    assert [(a["digest"], a["publisher"], a["pushedWith"], a["joined"]) for a in listed] == [
        (sbom.digest, "processor", "quarantine-push", True)]
