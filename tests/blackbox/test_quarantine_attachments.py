"""Attachments in quarantine: one test for each sentence of the rules about them."""

import pytest

from client import OCI_CONFIG, OCI_LAYER, Attachment, Image, Index
from test_quarantine_states import events, is_readable, shown, state


def fallback(subject, suffix=""):
    return subject.digest.replace(":", "-") + suffix


def attach(client, repo, attachment, reference=None):
    for data in attachment.blobs:
        client.push_blob(repo, data)
    return client.put_manifest(repo, reference or attachment.digest, attachment.manifest)


@pytest.fixture
def checker_only(registry, repo):
    """Holds quarantine-push but not push."""
    return registry.user("attacher-" + repo.split("/")[1], ("quarantine-push", repo), ("pull", repo))


@pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom"])
def test_attached_by_a_fallback_tag(registry, repo, suffix):
    image = registry.publisher.push_image(repo, "v1")
    # cosign's tag mode: no subject, an image config, layers that no runtime unpacks.
    signature = Image(config=b'{"architecture":""}', config_type=OCI_CONFIG, layer_type="application/vnd.dev.cosign.simplesigning.v1+json")
    assert attach(registry.processor, repo, signature, fallback(image, suffix)).status == 201
    assert shown(registry, repo, image)["attachments"][0]["digest"] == signature.digest
    registry.processor.release(repo, image.digest)
    assert registry.consumer.get_manifest(repo, fallback(image, suffix)).body == signature.manifest


def test_where_quarantine_is_off_an_attachment_is_released_at_push(registry, repo):
    registry.policy(repo, quarantine="off")
    image = registry.publisher.push_image(repo, "v1")
    early = Attachment(Image())
    for attachment in (Attachment(image), early):
        assert attach(registry.publisher, repo, attachment).status == 201
        assert is_readable(registry, repo, attachment)


def test_where_it_is_off_a_subject_in_quarantine_is_still_protected(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine="off")
    assert attach(registry.publisher, repo, Attachment(image)).status == 403
    joined = Attachment(image)
    assert attach(registry.processor, repo, joined).status == 201
    assert not is_readable(registry, repo, joined)


@pytest.mark.parametrize("how", ["subject", "fallback tag", "tag parameter"])
@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_attaching_to_a_subject_in_quarantine_needs_quarantine_push(registry, repo, how, before):
    image = registry.publisher.push_image(repo, "v1")
    if before == "failed":
        registry.processor.fail(repo, image.digest)
    forged = Attachment(image if how == "subject" else None)
    if how == "tag parameter":
        for data in forged.blobs:
            registry.publisher.push_blob(repo, data)
        refused = registry.publisher.put_manifest(repo, forged.digest, forged.manifest, query=f"?tag={fallback(image, '.sig')}")
    else:
        refused = attach(registry.publisher, repo, forged, fallback(image, ".sig") if how == "fallback tag" else None)
    assert (refused.status, refused.code) == (403, "DENIED"), refused
    assert shown(registry, repo, image)["attachments"] == []


def test_it_joins_and_is_released_with_its_subject(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    signature = registry.processor.push_image(repo, None, Attachment(image))
    of_it = registry.scanner
    assert attach(of_it, repo, on_top := Attachment(signature)).status == 201
    for attached in (signature, on_top):
        assert not is_readable(registry, repo, attached)
    assert [e[0] for e in events(registry, repo)] == ["quarantine"]
    answer = registry.processor.release(repo, image.digest).json()
    assert [r["digest"] for r in answer["released"]] == [on_top.digest, signature.digest, image.digest]
    assert [e[1:] for e in events(registry, repo)[1:]] == [
        (None, on_top.digest), (None, signature.digest), ("v1", image.digest)]
    assert [e["subject"] for e in registry.processor.events(repository=repo)[1:]] == [signature.digest, image.digest, None]
    for attached in (signature, on_top):
        assert is_readable(registry, repo, attached)
    listed = registry.consumer.referrers(repo, image.digest).json()["manifests"]
    assert [d["digest"] for d in listed] == [signature.digest]


def test_attachments_of_parts_likewise(registry, repo):
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(index.images[1]))
    registry.processor.release(repo, index.digest)
    assert is_readable(registry, repo, sbom)


def test_if_the_subject_is_deleted_they_stay_held_and_join_again(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(image))
    registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}")
    assert state(registry, repo, sbom) == "quarantined"
    registry.publisher.push_image(repo, "v1", image)
    assert state(registry, repo, sbom) == "quarantined"
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, sbom)


def test_one_that_failed_by_itself_stays_failed(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(image))
    registry.processor.fail(repo, sbom.digest, "not signed")
    answer = registry.processor.release(repo, image.digest).json()
    assert answer["failed"] == [sbom.digest]
    assert state(registry, repo, sbom) == "failed" and not is_readable(registry, repo, sbom)


def test_a_passed_decision_on_a_joined_one_is_refused(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(image))
    refused = registry.processor.decide(repo, sbom.digest, "released")
    assert refused.status == 409 and image.digest in refused.message
    assert shown(registry, repo, sbom)["releaseBlockedBy"] == [{"reason": "subject", "subject": image.digest}]


def test_one_that_names_a_held_blob_of_another_image_stays_held(registry, repo):
    secret = registry.publisher.push_image(repo, "secret")
    image = registry.publisher.push_image(repo, "v1")
    spy = Attachment(image, content=secret.layers[0])
    registry.processor.push_image(repo, None, spy)
    honest = registry.processor.push_image(repo, None, Attachment(image))
    answer = registry.processor.release(repo, image.digest).json()
    assert answer["held"] == [spy.digest]
    assert is_readable(registry, repo, honest)
    assert state(registry, repo, spy) == "quarantined"
    assert registry.consumer.get_blob(repo, secret.doc["layers"][0]["digest"]).status == 403
    # In its own right: it has a quarantine event now, and a place in the work list.
    assert events(registry, repo)[-1] == ("quarantine", None, spy.digest)
    work = registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"]
    assert {i["digest"] for i in work} == {secret.digest, spy.digest}


def test_to_a_released_subject_only_a_decider_attaches_at_once(registry, repo, checker_only):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    by_publisher, by_checker, by_processor = (Attachment(image) for _ in range(3))
    assert attach(registry.publisher, repo, by_publisher).status == 201
    assert attach(checker_only, repo, by_checker).status == 201
    assert attach(registry.processor, repo, by_processor).status == 201
    assert [state(registry, repo, a) for a in (by_publisher, by_checker, by_processor)] == [
        "quarantined", "quarantined", "released"]
    assert [e[0] for e in events(registry, repo)[2:]] == ["quarantine", "quarantine", "push"]


def test_pushed_before_its_subject(registry, repo):
    image = Image()
    trusted = registry.processor.push_image(repo, None, Attachment(image))
    forged = Attachment(image)
    assert attach(registry.publisher, repo, forged).status == 201
    assert events(registry, repo) == [("quarantine", None, forged.digest)]
    registry.publisher.push_image(repo, "v1", image)
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, trusted) and not is_readable(registry, repo, forged)
    listed = registry.consumer.referrers(repo, image.digest).json()["manifests"]
    assert [d["digest"] for d in listed] == [trusted.digest]


def test_if_the_subject_arrives_released_it_needs_a_decision_of_its_own(registry, repo):
    image = Image()
    early = registry.processor.push_image(repo, None, Attachment(image))
    registry.policy(repo, quarantine="off")
    registry.publisher.push_image(repo, "v1", image)
    assert is_readable(registry, repo, image) and not is_readable(registry, repo, early)
    assert ("quarantine", None, early.digest) in events(registry, repo)
    registry.processor.release(repo, early.digest)
    assert is_readable(registry, repo, early)


def test_a_fallback_tag_on_a_released_manifest_needs_quarantine_decide(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    signature = registry.publisher.push_image(repo, "x", Attachment(None))
    registry.processor.release(repo, image.digest)
    registry.processor.release(repo, signature.digest)
    tag = fallback(image, ".sig")
    assert registry.publisher.put_manifest(repo, tag, signature.manifest).status == 403
    assert registry.publisher.put_manifest(repo, signature.digest, signature.manifest, query=f"?tag={tag}").status == 403
    assert registry.processor.put_manifest(repo, tag, signature.manifest).status == 201
    before = len(events(registry, repo))
    # What repeats what the tag points to already is always accepted.
    assert registry.publisher.put_manifest(repo, tag, signature.manifest).status == 201
    assert len(events(registry, repo)) == before


def test_an_ordinary_tag_makes_an_attachment_an_image(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(image))
    assert registry.processor.put_manifest(repo, "sbom", sbom.manifest).status == 201
    assert events(registry, repo)[-1] == ("quarantine", "sbom", sbom.digest)
    registry.processor.release(repo, image.digest)
    assert state(registry, repo, sbom) == "quarantined"


def test_an_image_with_a_subject_in_quarantine(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    runnable = Image(subject=image.descriptor)
    assert attach(registry.publisher, repo, runnable).status == 403
    assert attach(registry.processor, repo, runnable).status == 201
    registry.processor.release(repo, image.digest)
    assert not is_readable(registry, repo, runnable)


@pytest.mark.parametrize("layer_type", [OCI_LAYER, "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                        "application/vnd.oci.image.layer.v1.erofs"])
def test_runnable_images_in_disguise_are_images(registry, repo, layer_type):
    image = registry.publisher.push_image(repo, "v1")
    disguised = Image(subject=image.descriptor, config=b'{"not":"an image config"}',
                      config_type="application/vnd.example.signature", layer_type=layer_type)
    attach(registry.processor, repo, disguised)
    registry.processor.release(repo, image.digest)
    assert state(registry, repo, disguised) == "quarantined"


def test_release_flows_never_out_of_an_attachment(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    sbom = Attachment(image)
    attach(registry.publisher, repo, sbom)
    other = registry.publisher.push_image(repo, "v2")
    registry.processor.release(repo, sbom.digest)
    assert state(registry, repo, other) == "quarantined"


def test_quarantine_push_without_push_reaches_attachments_only(registry, repo, checker_only):
    image = registry.publisher.push_image(repo, "v1")
    for body, reference in ((Image(), None), (Image(), "v2"), (Attachment(image), "v3"), (Attachment(None), None),
                            (Attachment(image), fallback(Image(), ".sig"))):
        got = attach(checker_only, repo, body, reference)
        assert (got.status, got.code) == (403, "DENIED"), (reference, got)
    for reference in (None, fallback(image)):
        assert attach(checker_only, repo, Attachment(image), reference).status == 201
    index = Index([image])
    assert checker_only.put_manifest(repo, fallback(image), index.manifest, index.media_type).status == 403
