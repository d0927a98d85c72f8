"""Indexes in quarantine: one test for each sentence of the rules about them."""

from client import OCI_INDEX, Attachment, Image, Index, digest_of, dumps
from test_quarantine_states import events, is_readable, report, shown, state


def push_index(registry, repo, tag="v1", n=2):
    return Index([Image() for _ in range(n)]).push(registry.publisher, repo, tag)


def work(registry, repo):
    got = registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}")
    assert got.status == 200, got
    return [i["digest"] for i in got.json()["images"]]


def test_an_index_is_decided_as_one_unit(registry, repo):
    index = push_index(registry, repo)
    answer = registry.processor.release(repo, index.digest).json()
    assert {r["digest"] for r in answer["released"]} == {index.digest, *(i.digest for i in index.images)}
    assert registry.consumer.get_manifest(repo, "v1").body == index.manifest
    assert all(is_readable(registry, repo, i) for i in index.images)
    pushes = [e for e in events(registry, repo) if e[0] == "push"]
    assert pushes == [("push", None, i.digest) for i in index.images] + [("push", "v1", index.digest)]
    records = registry.auditor.audit(f"repository={repo}&action=released")
    assert [r["digest"] for r in records] == [index.digest] + [i.digest for i in index.images]
    assert [r["cause"] for r in records[1:]] == [records[0]["sequence"]] * 2


def test_nested_indexes_are_one_unit(registry, repo):
    inner = push_index(registry, repo, None)
    outer = Index([inner, Image()])
    registry.publisher.push_image(repo, None, outer.images[1])
    registry.publisher.put_manifest(repo, "v1", outer.manifest, outer.media_type)
    registry.processor.release(repo, outer.digest)
    for image in (inner, *inner.images, *outer.images, outer):
        assert state(registry, repo, image) == "released"


def test_a_failed_descendant_refuses_it(registry, repo):
    index = push_index(registry, repo)
    registry.processor.fail(repo, index.images[0].digest)
    refused = registry.processor.decide(repo, index.digest, "released")
    assert refused.status == 409 and index.images[0].digest in refused.message
    blocked = shown(registry, repo, index)["releaseBlockedBy"]
    assert blocked == [{"reason": "failed-part", "digest": index.images[0].digest}]
    assert not is_readable(registry, repo, index.images[1])


def test_a_failed_verdict_on_an_index_is_about_the_index(registry, repo):
    index = push_index(registry, repo)
    registry.processor.fail(repo, index.digest)
    assert [state(registry, repo, i) for i in index.images] == ["quarantined", "quarantined"]
    # Its parts are roots again.
    assert set(work(registry, repo)) == {i.digest for i in index.images}


def test_a_passed_decision_on_a_part_releases_the_part_alone(registry, repo):
    index = push_index(registry, repo)
    registry.processor.release(repo, index.images[0].digest)
    assert is_readable(registry, repo, index.images[0])
    assert not is_readable(registry, repo, index.images[1])
    assert state(registry, repo, index) == "quarantined"


def test_with_required_checks_a_decision_on_a_part_is_refused(registry, repo):
    registry.policy(repo, checks=["scan"])
    index = push_index(registry, repo)
    part = index.images[0]
    refused = registry.processor.decide(repo, part.digest, "released")
    assert refused.status == 409 and index.digest in refused.message
    assert shown(registry, repo, part)["roots"] == [index.digest]
    overrider = registry.user("overrider-" + repo.split("/")[1], ("processor", repo), ("quarantine-override", repo))
    assert overrider.decide(repo, part.digest, "released").status == 409
    assert overrider.decide(repo, part.digest, "released", reason="urgent").status == 200
    # The other one: its own required check passed.
    part = index.images[1]
    assert report(registry.scanner, repo, part, "scan", "passed").json()["state"] == "quarantined"
    assert registry.processor.decide(repo, part.digest, "released").status == 200
    assert state(registry, repo, index) == "quarantined"


def test_a_failed_check_report_fails_a_part(registry, repo):
    registry.policy(repo, checks=["scan"])
    index = push_index(registry, repo)
    assert report(registry.scanner, repo, index.images[0], "scan", "failed").json()["state"] == "failed"
    got = report(registry.scanner, repo, index, "scan", "passed").json()
    assert got["state"] == "quarantined" and got["releaseBlockedBy"] == [
        {"reason": "failed-part", "digest": index.images[0].digest}]
    # The part's own check passes, and then nothing stands in the way of the index any more.
    report(registry.scanner, repo, index.images[0], "scan", "passed")
    assert registry.processor.decide(repo, index.digest, "released").status == 200


def test_the_work_list_counts_roots_only(registry, repo):
    index = push_index(registry, repo)
    registry.processor.push_image(repo, None, Attachment(index))
    single = registry.publisher.push_image(repo, "single")
    assert work(registry, repo) == [index.digest, single.digest]
    tagged = registry.publisher.put_manifest(repo, "amd64", index.images[0].manifest)
    assert tagged.status == 201
    assert set(work(registry, repo)) == {index.digest, single.digest, index.images[0].digest}


def test_every_named_manifest_has_to_be_there(registry, repo):
    index = Index([Image(), Image()])
    registry.publisher.push_image(repo, None, index.images[0])
    refused = registry.publisher.put_manifest(repo, "v1", index.manifest, OCI_INDEX)
    assert (refused.status, refused.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    image = Image()
    registry.publisher.push_blob(repo, image.config)
    refused = registry.publisher.put_manifest(repo, "v1", image.manifest)
    assert refused.code == "MANIFEST_BLOB_UNKNOWN"
    assert registry.processor.tags(repo) == []


def test_sparse_indexes_are_taken_where_quarantine_is_off(registry, repo):
    registry.policy(repo, quarantine="off")
    index = Index([Image(), Image()])
    registry.publisher.push_image(repo, None, index.images[0])
    assert registry.publisher.put_manifest(repo, "v1", index.manifest, OCI_INDEX).status == 201
    assert registry.consumer.get_manifest(repo, "v1").body == index.manifest


def test_a_part_deleted_and_pushed_again_has_a_state_of_its_own(registry, repo):
    index = push_index(registry, repo)
    part = index.images[1]
    registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{part.digest}")
    registry.publisher.push_image(repo, None, part)
    registry.processor.release(repo, index.digest)
    assert state(registry, repo, index.images[0]) == "released"
    assert state(registry, repo, part) == "quarantined"


def test_non_distributable_layers_may_be_missing(registry, repo):
    image = Image(layer_type="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
    registry.publisher.push_blob(repo, image.config)
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201


def test_an_index_entry_that_names_a_blob_counts_as_a_blob_reference(registry, repo):
    secret = registry.publisher.push_image(repo, "secret")
    layer = secret.doc["layers"][0]
    doc = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**layer, "mediaType": "application/vnd.example"}]}
    body = dumps(doc)
    assert registry.publisher.put_manifest(repo, "spy", body, OCI_INDEX).status == 201
    assert registry.consumer.get_blob(repo, layer["digest"]).status == 403
    registry.processor.release(repo, digest_of(body))
    assert registry.consumer.get_blob(repo, layer["digest"]).status == 200
