"""Attachments in quarantine: one test for each sentence of the rules about them."""

import pytest

from client import (DOCKER_MANIFEST, OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Attachment, Image, Index, descriptor,
                    digest_of, dumps, unique)
from test_quarantine_states import actions, brought, delete, events, is_readable, report, shown, state, upload, work

SUFFIXES = ("", ".sig", ".att", ".sbom")
COSIGN_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json"


def fallback(subject, suffix=""):
    return subject.digest.replace(":", "-") + suffix


def attach(client, repo, attachment, reference=None, query=""):
    upload(client, repo, attachment)
    return client.put_manifest(repo, reference or attachment.digest, attachment.manifest, attachment.media_type, query=query)


def attached(client, repo, subject, **kw):
    """Push an attachment by digest, which has to succeed."""
    attachment = Attachment(subject, **kw)
    done = attach(client, repo, attachment)
    assert done.status == 201, done
    return attachment


def signature(**kw):
    """What cosign pushes in its tag mode: no subject, an image config, layers that no runtime unpacks."""
    return Image(layers=[unique("signed ").encode()], config=dumps({"architecture": "", "rootfs": {"n": unique()}}),
                 config_type=OCI_CONFIG, layer_type=COSIGN_LAYER, **kw)


def joined(registry, repo, attachment):
    seen = shown(registry, repo, attachment)
    assert seen["kind"] == "attachment" or not seen["joined"]
    return seen["joined"]


def is_image(registry, repo, thing):
    """Held in its own right, with a workflow of its own."""
    seen = shown(registry, repo, thing)
    assert (seen["kind"] != "attachment") and seen["root"] and not seen["joined"], seen
    return "quarantine" in [e[0] for e in events(registry, repo) if e[2] == thing.digest]


@pytest.fixture
def checker_only(registry, repo):
    """Holds quarantine-push but not push."""
    return registry.user("attacher-" + repo.split("/")[1], ("quarantine-push", repo), ("pull", repo))


# -- what is an attachment ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("by", ["tag", "parameter"])
def test_attached_by_a_fallback_tag(registry, repo, suffix, by):
    image = registry.publisher.push_image(repo, "v1")
    signed = signature()
    tag = fallback(image, suffix)
    done = attach(registry.processor, repo, signed, *((tag,) if by == "tag" else (None, f"?tag={tag}")))
    assert done.status == 201
    assert shown(registry, repo, image)["attachments"][0]["digest"] == signed.digest and joined(registry, repo, signed)
    assert registry.consumer.get_manifest(repo, tag).status == 403
    registry.processor.release(repo, image.digest)
    assert registry.consumer.get_manifest(repo, tag).body == signed.manifest
    assert ("push", tag, signed.digest) in events(registry, repo)


@pytest.mark.parametrize("tag", ["sha256-{}.txt", "sha256-{}.SIG", "sha256-{}-sig", "sha256-{}.sig.sig", "sha256.{}", "sha256_{}.sig", "{}",
                                 "x-sha256-{}", "sha256-{:.63}", "SHA256-{}", "sha512-{}.sig"])
def test_a_tag_that_only_looks_like_a_fallback_tag_is_an_ordinary_one(registry, repo, tag):
    image = registry.publisher.push_image(repo, "v1")
    thing = signature()
    tag = tag.format(image.digest.split(":")[1])
    assert attach(registry.processor, repo, thing, tag).status == 201
    assert is_image(registry, repo, thing)
    registry.processor.release(repo, image.digest)
    assert not is_readable(registry, repo, thing)


@pytest.mark.parametrize("kind", ["with a subject", "under a fallback tag", "both"])
def test_an_index_is_never_an_attachment(registry, repo, kind):
    image = registry.publisher.push_image(repo, "v1")
    index = Index([], subject=image.descriptor if kind != "under a fallback tag" else None)
    reference = None if kind == "with a subject" else fallback(image)
    assert attach(registry.processor, repo, index, reference).status == 201
    assert is_image(registry, repo, index)
    registry.processor.release(repo, image.digest)
    assert state(registry, repo, index) == "quarantined" and not is_readable(registry, repo, index)
    assert registry.consumer.get_manifest(repo, fallback(image)).status in (403, 404)
    assert registry.consumer.referrers(repo, image.digest).json()["manifests"] == []


def references(image, other):
    """name -> (reference, query) of pushes that make an image of what names `image` as its subject."""
    return {
        "ordinary tag": ("latest", ""),
        "fallback tag of another": (fallback(other, ".sig"), ""),
        "an ordinary tag besides": (None, f"?tag={fallback(image)}&tag=latest"),
        "another's fallback tag besides": (None, f"?tag={fallback(image)}&tag={fallback(other)}"),
        "ordinary tag parameter": (None, "?tag=latest"),
    }


@pytest.mark.parametrize("how", list(references(Image(), Image())))
def test_pushed_by_digest_or_under_a_fallback_tag_of_that_same_subject(registry, repo, how):
    image, other = (registry.publisher.push_image(repo, tag) for tag in ("v1", "v2"))
    thing = Attachment(image)
    assert attach(registry.processor, repo, thing, *references(image, other)[how]).status == 201
    assert is_image(registry, repo, thing)
    for subject in (image, other):
        registry.processor.release(repo, subject.digest)
        assert state(registry, repo, thing) == "quarantined"
    # And the other way round: by digest and under each of its own fallback tags it joins.
    image = registry.publisher.push_image(repo, "v3")
    for reference in (None, *(fallback(image, s) for s in SUFFIXES)):
        assert attach(registry.processor, repo, own := Attachment(image), reference).status == 201
        assert joined(registry, repo, own)


@pytest.mark.parametrize("layer_type", [OCI_LAYER, "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/x.erofs"])
def test_the_empty_config_makes_an_attachment_whatever_its_layers(registry, repo, layer_type):
    """No runtime can start it."""
    image = registry.publisher.push_image(repo, "v1")
    thing = Image(subject=image.descriptor, config=b"{}", config_type=OCI_EMPTY, layer_type=layer_type)
    assert attach(registry.processor, repo, thing).status == 201
    assert joined(registry, repo, thing)
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, thing)


def disguised(image, name):
    """Something that a runtime could start, made up as an attachment of `image`."""
    config = dumps({"architecture": "amd64", "os": "linux", "n": unique()})
    kw = {"subject": image.descriptor, "artifact_type": "application/vnd.example.sbom"}
    layer_types = {
        "oci layer": OCI_LAYER, "oci zstd": "application/vnd.oci.image.layer.v1.tar+zstd", "oci plain": "application/vnd.oci.image.layer.v1.tar",
        "oci nondistributable": "application/vnd.oci.image.layer.nondistributable.v1.tar", "oci future": "application/vnd.oci.image.layer.v9.new",
        "oci encrypted": "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "docker layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "docker foreign": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "erofs": "application/vnd.erofs.layer.v1",
        "erofs of oci": "application/vnd.oci.image.layer.v1.erofs", "capitals": "Application/vnd.OCI.image.Layer.v1.tar",
        "with a parameter": "application/vnd.oci.image.layer.v1.tar+gzip; q=1",
    }
    if name in layer_types:
        return Image(config=config, config_type="application/vnd.example.report", layer_type=layer_types[name], **kw)
    if name == "empty type, other bytes":
        return Image(config=config, config_type=OCI_EMPTY, **kw)
    if name == "empty type, nearly the bytes":
        return Image(config=b"{ }", config_type=OCI_EMPTY, **kw)
    if name == "the bytes, another type":
        return Image(config=b"{}", config_type="application/json", **kw)
    if name == "the empty type in capitals":
        return Image(config=b"{}", config_type="application/vnd.OCI.empty.v1+json", **kw)
    if name == "docker manifest":
        return Image(config=config, media_type=DOCKER_MANIFEST, layer_type=layer_types["docker layer"], **kw)
    if name == "one layer among others":
        doc = Image(config=config, config_type="application/vnd.example.report", layer_type="application/vnd.example.sbom", **kw)
        doc.doc["layers"][1]["mediaType"] = OCI_LAYER
    else:
        assert name == "a wrong size of the empty config"
        doc = Image(config=b"{}", config_type=OCI_EMPTY, **kw)
        doc.doc["config"]["size"] = 3
    doc.manifest = dumps(doc.doc)
    doc.digest = digest_of(doc.manifest)
    return doc


DISGUISES = ["oci layer", "oci zstd", "oci plain", "oci nondistributable", "oci future", "oci encrypted", "docker layer", "docker foreign",
             "erofs", "erofs of oci", "capitals", "with a parameter", "empty type, other bytes", "empty type, nearly the bytes",
             "the bytes, another type", "the empty type in capitals", "docker manifest", "one layer among others",
             "a wrong size of the empty config"]


@pytest.mark.parametrize("how", ["digest", "fallback tag"])
@pytest.mark.parametrize("name", DISGUISES)
def test_runnable_images_in_disguise_are_images(registry, repo, name, how):
    image = registry.publisher.push_image(repo, "v1")
    thing = disguised(image, name)
    done = attach(registry.processor, repo, thing, fallback(image, ".sbom") if how == "fallback tag" else None)
    if done.status == 400:  # not even a manifest
        assert name == "a wrong size of the empty config" and done.code == "MANIFEST_INVALID"
        return
    assert done.status == 201, done
    assert is_image(registry, repo, thing)
    registry.processor.release(repo, image.digest)
    assert state(registry, repo, thing) == "quarantined" and not is_readable(registry, repo, thing)
    assert registry.consumer.referrers(repo, image.digest).json()["manifests"] == []


@pytest.mark.parametrize("config_type", [OCI_CONFIG, "application/vnd.docker.container.image.v1+json", "application/vnd.example.report",
                                         "application/vnd.cncf.helm.config.v1+json"])
def test_otherwise_the_type_of_the_config_decides_nothing(registry, repo, config_type):
    image = registry.publisher.push_image(repo, "v1")
    thing = Image(subject=image.descriptor, config_type=config_type, layer_type="application/vnd.example.layer")
    bare = Image(subject=image.descriptor, config_type=config_type, layers=[])
    for attachment in (thing, bare):
        assert attach(registry.processor, repo, attachment).status == 201
        assert joined(registry, repo, attachment)
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, thing) and is_readable(registry, repo, bare)


# -- where quarantine is off ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["off", "observe"])
def test_where_quarantine_is_off_an_attachment_is_released_at_push(registry, repo, mode):
    registry.policy(repo, quarantine=mode)
    image = registry.publisher.push_image(repo, "v1")
    before = len(events(registry, repo))
    on_released, early, tagged = Attachment(image), Attachment(Image()), signature()
    for attachment, reference in ((on_released, None), (early, None), (tagged, fallback(image, ".sig"))):
        assert attach(registry.publisher, repo, attachment, reference).status == 201
        assert is_readable(registry, repo, attachment)
    assert events(registry, repo)[before:] == [
        ("push", None, on_released.digest), ("push", None, early.digest), ("push", fallback(image, ".sig"), tagged.digest)]


@pytest.mark.parametrize("mode", ["off", "observe"])
@pytest.mark.parametrize("how", ["subject", "fallback tag", "tag parameter", "tag on a released one"])
@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_where_it_is_off_a_subject_in_quarantine_is_still_protected(registry, repo, before, how, mode):
    image = brought(registry, repo, before)
    registry.policy(repo, quarantine=mode)
    seen = events(registry, repo)
    forged = Attachment(image) if how == "subject" else signature()
    if how == "tag on a released one":
        registry.publisher.push_image(repo, None, forged)
        seen = events(registry, repo)
    reference, query = {"fallback tag": (fallback(image, ".sig"), "")}.get(how, (None, f"?tag={fallback(image, '.sig')}"))
    if how == "subject":
        reference, query = None, ""
    refused = attach(registry.publisher, repo, forged, reference, query)
    assert (refused.status, refused.code) == (403, "DENIED"), refused
    assert events(registry, repo) == seen and shown(registry, repo, image)["attachments"] == []
    if how == "tag on a released one":
        return
    assert attach(registry.processor, repo, forged, reference, query).status == 201
    assert joined(registry, repo, forged) and not is_readable(registry, repo, forged)
    assert events(registry, repo) == seen
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, forged)


# -- to a subject in quarantine -------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["publisher", "publisher2", "maintainer"])
@pytest.mark.parametrize("how", ["subject", "fallback tag", "tag parameter"])
@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_attaching_to_a_subject_in_quarantine_needs_quarantine_push(registry, repo, before, how, who):
    image = brought(registry, repo, before)
    client = getattr(registry, who)
    seen = events(registry, repo), actions(registry, repo)
    for suffix in SUFFIXES:
        tag = fallback(image, suffix)
        forged = Attachment(image if how == "subject" else None)
        refused = attach(client, repo, forged, *{"subject": (None, ""), "fallback tag": (tag, ""), "tag parameter": (None, f"?tag={tag}")}[how])
        assert (refused.status, refused.code) == (403, "DENIED") and image.digest in refused.message, refused
        assert state(registry, repo, forged) == "none"
    assert shown(registry, repo, image)["attachments"] == []
    assert (events(registry, repo), actions(registry, repo)) == seen


@pytest.mark.parametrize("who", ["processor", "scanner", "signer"])
@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_it_joins_its_subject(registry, repo, before, who):
    image = brought(registry, repo, before)
    seen = events(registry, repo)
    sbom = attached(getattr(registry, who), repo, image)
    assert joined(registry, repo, sbom) and state(registry, repo, sbom) == "quarantined"
    assert events(registry, repo) == seen, "it must not start a second workflow"
    assert actions(registry, repo)[-1] == ("quarantined", sbom.digest, [])
    assert work(registry, repo) == ([image.digest] if before == "quarantined" else [])
    # Not readable while the subject is quarantined or failed.
    for change in ("failed", None):
        assert not is_readable(registry, repo, sbom)
        assert registry.consumer.referrers(repo, image.digest).json()["manifests"] == []
        if change:
            registry.processor.fail(repo, image.digest)
            assert state(registry, repo, sbom) == "quarantined"
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, sbom)


def test_it_joins_and_is_released_with_its_subject(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    signed = attached(registry.processor, repo, image)
    on_top = attached(registry.scanner, repo, signed)
    third = attached(registry.processor, repo, on_top)
    other = attached(registry.processor, repo, image)
    assert [e[0] for e in events(registry, repo)] == ["quarantine"]
    answer = registry.processor.release(repo, image.digest, "clean").json()
    # One push event each, an attachment's before its subject's.
    order = [third, on_top, signed, other, image]
    assert [(r["digest"], r["kind"]) for r in answer["released"]] == [
        *((a.digest, "attachment") for a in order[:-1]), (image.digest, "image")]
    assert events(registry, repo)[1:] == [*(("push", None, a.digest) for a in order[:-1]), ("push", "v1", image.digest)]
    assert [e["subject"] for e in registry.processor.events(repository=repo)[1:]] == [
        on_top.digest, signed.digest, image.digest, image.digest, None]
    records = registry.auditor.audit(f"repository={repo}&action=released")
    assert [r["digest"] for r in records] == [image.digest, *(a.digest for a in order[:-1])]
    assert [r.get("cause") for r in records[1:]] == [records[0]["sequence"]] * 4
    assert all(is_readable(registry, repo, a) for a in order)
    listed = registry.consumer.referrers(repo, image.digest).json()["manifests"]
    assert {d["digest"] for d in listed} == {signed.digest, other.digest}


def test_attachments_of_attachments_and_of_parts_likewise(registry, repo):
    inner = Index([Image(), Image()]).push(registry.publisher, repo)
    index = Index([inner])
    registry.publisher.put_manifest(repo, "v1", index.manifest, OCI_INDEX)
    subjects = [index, inner, *inner.images]
    direct = [attached(registry.processor, repo, s) for s in subjects]
    on_top = [attached(registry.processor, repo, a) for a in direct]
    for attachment in (*direct, *on_top):
        assert joined(registry, repo, attachment) and not is_readable(registry, repo, attachment)
        assert attach(registry.publisher, repo, Attachment(attachment)).status == 403
    assert {e[2] for e in events(registry, repo)} == {s.digest for s in subjects}
    # A part that is released alone takes what is attached to it, and no more.
    registry.processor.release(repo, inner.images[1].digest)
    assert [is_readable(registry, repo, a) for a in direct] == [False, False, False, True]
    assert [is_readable(registry, repo, a) for a in on_top] == [False, False, False, True]
    answer = registry.processor.release(repo, index.digest).json()
    assert {r["digest"] for r in answer["released"]} == {m.digest for m in (*subjects[:3], *direct[:3], *on_top[:3])}
    assert all(is_readable(registry, repo, a) for a in (*direct, *on_top))
    # Each behind what is attached to it, and one event each.
    order = [e[2] for e in events(registry, repo) if e[0] == "push"]
    assert len(order) == len(set(order)) == 12
    for subject, attachment, top in zip(subjects, direct, on_top):
        assert order.index(top.digest) < order.index(attachment.digest) < order.index(subject.digest)


def test_what_joined_under_tags_has_an_event_for_each(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    signed = signature()
    tags = [fallback(image, s) for s in (".sig", ".att")]
    assert attach(registry.processor, repo, signed, None, "?" + "&".join(f"tag={t}" for t in tags)).status == 201
    assert [e[0] for e in events(registry, repo)] == ["quarantine"]
    registry.processor.release(repo, image.digest)
    assert events(registry, repo)[1:] == [("push", tags[0], signed.digest), ("push", tags[1], signed.digest), ("push", "v1", image.digest)]


def test_the_last_required_pass_releases_what_joined(registry, repo):
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    sbom = attached(registry.scanner, repo, image)
    assert report(registry.scanner, repo, sbom, "scan", "passed").json()["state"] == "quarantined", "its own checks do not"
    assert not is_readable(registry, repo, sbom)
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == "released"
    assert is_readable(registry, repo, sbom)


def test_many_and_deep_attachments_go_in_one_release(registry, repo):
    """A chain of 60, each attached to the one before, and 120 side by side: all of them once, each before its subject."""
    image = registry.publisher.push_image(repo, "v1")
    upload(registry.processor, repo, Attachment(None, content=b"the same for all"))

    def put(subject, n):
        attachment = Attachment(subject, content=b"the same for all", annotations={"n": str(n)})
        assert registry.processor.put_manifest(repo, attachment.digest, attachment.manifest).status == 201
        return attachment

    chain = [image]
    for n in range(60):
        chain.append(put(chain[-1], n))
    side = [put(image, f"side {n}") for n in range(120)]
    answer = registry.processor.release(repo, image.digest).json()
    order = [r["digest"] for r in answer["released"]]
    assert order == [*(a.digest for a in chain[:0:-1]), *(a.digest for a in side), image.digest]
    assert [e[2] for e in events(registry, repo) if e[0] == "push"] == order
    assert is_readable(registry, repo, chain[-1]) and is_readable(registry, repo, side[-1])


def test_a_second_signature_under_the_same_tag(registry, repo):
    """Both joined; the tag goes to the later one, and the earlier one has its event without it."""
    image = registry.publisher.push_image(repo, "v1")
    first, second = signature(), signature()
    tag = fallback(image, ".sig")
    for signed in (first, second):
        assert attach(registry.processor, repo, signed, tag).status == 201
    assert registry.processor.get_manifest(repo, tag).body == second.manifest
    answer = registry.processor.release(repo, image.digest).json()
    assert [(r["digest"], r["tags"]) for r in answer["released"]] == [(first.digest, []), (second.digest, [tag]), (image.digest, ["v1"])]
    assert [e[1:] for e in events(registry, repo) if e[0] == "push"] == [(None, first.digest), (tag, second.digest), ("v1", image.digest)]
    assert registry.consumer.get_manifest(repo, tag).body == second.manifest


def test_a_subject_elsewhere_is_no_subject_here(registry, repo):
    here, there = repo + "/here", repo + "/there"
    image = registry.publisher.push_image(here, "v1")
    early, forged = Attachment(image), Attachment(image)
    assert attach(registry.processor, there, early).status == 201
    assert attach(registry.publisher, there, forged).status == 201
    registry.processor.release(here, image.digest)
    assert [state(registry, there, a) for a in (early, forged)] == ["quarantined", "quarantined"]
    assert joined(registry, there, early) and not is_readable(registry, there, early)
    registry.publisher.push_image(there, "v1", image)
    answer = registry.processor.release(there, image.digest).json()
    assert [r["digest"] for r in answer["released"]] == [early.digest, image.digest]


# -- when the subject goes, or comes later ----------------------------------------------------------------


@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_if_the_subject_is_deleted_they_stay_held_and_join_again(registry, repo, before):
    image = brought(registry, repo, before)
    sbom = attached(registry.processor, repo, image)
    on_top = attached(registry.processor, repo, sbom)
    delete(registry, repo, image.digest)
    seen = events(registry, repo)
    for attachment in (sbom, on_top):
        assert state(registry, repo, attachment) == "quarantined" and not is_readable(registry, repo, attachment)
    assert work(registry, repo) == []
    registry.publisher.push_image(repo, "v1", image)
    assert [e[2] for e in events(registry, repo)[len(seen):]] == ([image.digest] if before == "quarantined" else [])
    assert joined(registry, repo, sbom) and joined(registry, repo, on_top)
    assert registry.processor.decide(repo, sbom.digest, "released").status == 409
    answer = registry.processor.release(repo, image.digest).json()
    assert [r["digest"] for r in answer["released"]] == [on_top.digest, sbom.digest, image.digest]
    assert is_readable(registry, repo, sbom) and is_readable(registry, repo, on_top)


def test_what_was_released_with_a_subject_stays_released_without_it(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    sbom = attached(registry.processor, repo, image)
    registry.processor.release(repo, image.digest)
    delete(registry, repo, image.digest)
    registry.publisher.push_image(repo, "v1", image)
    assert not is_readable(registry, repo, image) and is_readable(registry, repo, sbom)


@pytest.mark.parametrize("by", ["decision", "check"])
def test_one_that_failed_by_itself_stays_failed(registry, repo, by):
    if by == "check":
        registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    sbom = attached(registry.processor, repo, image)
    on_top = attached(registry.processor, repo, sbom)
    good = attached(registry.processor, repo, image)
    if by == "check":
        assert report(registry.scanner, repo, sbom, "scan", "failed").json()["state"] == "failed"
        answer = report(registry.scanner, repo, image, "scan", "passed").json()
    else:
        registry.processor.fail(repo, sbom.digest, "not signed")
        answer = registry.processor.release(repo, image.digest).json()
    assert answer["failed"] == [sbom.digest]
    assert [r["digest"] for r in answer["released"]] == [good.digest, image.digest]
    assert state(registry, repo, sbom) == "failed" and not is_readable(registry, repo, sbom)
    # What is attached to it goes with it, not with the image.
    assert joined(registry, repo, on_top) and not is_readable(registry, repo, on_top)
    assert ("quarantine_failed", None, sbom.digest) in events(registry, repo)


@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_a_passed_decision_on_a_joined_one_is_refused(registry, repo, before):
    image = brought(registry, repo, before)
    sbom = attached(registry.processor, repo, image)
    on_top = attached(registry.processor, repo, sbom)
    seen = events(registry, repo), actions(registry, repo)
    for attachment, subject in ((sbom, image), (on_top, sbom)):
        refused = registry.processor.decide(repo, attachment.digest, "released")
        assert refused.status == 409 and subject.digest in refused.message
        path = f"/acr/v1/{repo}/_manifests/{attachment.digest}"
        assert registry.processor.request("PATCH", path, body={"quarantineState": "Passed"}).status == 409
        assert shown(registry, repo, attachment)["releaseBlockedBy"] == [{"reason": "subject", "subject": subject.digest}]
    assert (events(registry, repo), actions(registry, repo)) == seen
    # Neither is one that failed by itself let out.
    registry.processor.fail(repo, sbom.digest)
    refused = registry.processor.decide(repo, sbom.digest, "released")
    assert refused.status == 409 and image.digest in refused.message


# -- blobs of others --------------------------------------------------------------------------------------


def entry_naming(data):
    """An index that names this blob."""
    index = Index([])
    index.doc["manifests"] = [descriptor(data, "application/vnd.example.blob")]
    index.manifest = dumps(index.doc)
    index.digest = digest_of(index.manifest)
    return index


@pytest.mark.parametrize("named", ["layer", "config", "layer by sha512"])
@pytest.mark.parametrize("holder", ["quarantined", "failed", "index entry"])
def test_one_that_names_a_held_blob_of_another_image_stays_held(registry, repo, holder, named):
    if holder == "index entry":
        data = unique("only named by an index ").encode()
        registry.publisher.push_blob(repo, data)
        secret = entry_naming(data)
        registry.publisher.put_manifest(repo, "secret", secret.manifest, OCI_INDEX)
    else:
        secret = brought(registry, repo, holder, "secret")
        data = secret.layers[0]
    image = registry.publisher.push_image(repo, "v1")
    if named == "config":
        spy = Image(subject=image.descriptor, config=data, layers=[unique().encode()], config_type="application/vnd.example",
                    layer_type="application/vnd.example")
    else:
        spy = Attachment(image, content=data)
    if named == "layer by sha512":
        registry.publisher.push_blob(repo, data, digest_of(data, "sha512"))
        spy.doc["layers"][0]["digest"] = digest_of(data, "sha512")
        spy.manifest = dumps(spy.doc)
        spy.digest = digest_of(spy.manifest)
    assert attach(registry.processor, repo, spy).status == 201
    on_top, honest = attached(registry.processor, repo, spy), attached(registry.processor, repo, image)
    before = events(registry, repo)
    answer = registry.processor.release(repo, image.digest).json()
    assert answer["held"] == [spy.digest]
    assert {r["digest"] for r in answer["released"]} == {image.digest, honest.digest}
    assert is_readable(registry, repo, honest)
    assert state(registry, repo, spy) == "quarantined" and joined(registry, repo, on_top)
    for digest in (digest_of(data), digest_of(data, "sha512")):
        assert registry.consumer.get_blob(repo, digest).status in (403, 404)
        assert registry.consumer.get_blob(repo, digest).body != data
    # In its own right: it has a quarantine event now, and a place in the work list.
    assert events(registry, repo)[-1] == ("quarantine", None, spy.digest)
    assert [e[2] for e in events(registry, repo)[len(before):] if e[0] == "push"] == [honest.digest, image.digest]
    assert spy.digest in work(registry, repo) and not shown(registry, repo, spy)["joined"]
    registry.processor.release(repo, spy.digest)
    assert is_readable(registry, repo, on_top) and registry.consumer.get_blob(repo, digest_of(data)).body == data


def test_a_blob_that_only_goes_with_the_release_or_is_open_holds_nothing_back(registry, repo):
    """The two bytes {} excepted; nor what the subject itself, a part of it, another attachment or a released image holds."""
    open_one = brought(registry, repo, "released", "open")
    holder = registry.publisher.push_image(repo, "holder", Image(config=b"{}", config_type=OCI_EMPTY))
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    part = index.images[0]
    common = unique("in two attachments ").encode()
    attachments = [attached(registry.processor, repo, index, content=c)
                   for c in (open_one.layers[0], part.layers[0], part.config, b"{}", common)]
    attachments.append(attached(registry.processor, repo, index.images[1], content=common))
    answer = registry.processor.release(repo, index.digest).json()
    assert "held" not in answer and len(answer["released"]) == 9
    assert all(is_readable(registry, repo, a) for a in attachments)
    assert state(registry, repo, holder) == "quarantined" and registry.consumer.get_blob(repo, digest_of(holder.layers[0])).status == 403


# -- to a released subject --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["subject", "fallback tag"])
def test_to_a_released_subject_only_a_decider_attaches_at_once(registry, repo, checker_only, how):
    image = brought(registry, repo, "released")
    other = registry.user("maintainer-" + repo.split("/")[1], ("maintainer", repo))
    pushers = {"publisher": registry.publisher, "publisher2": registry.publisher2, "maintainer": other,
               "checker": checker_only, "processor": registry.processor}
    before, held = len(events(registry, repo)), []
    for (name, client), suffix in zip(pushers.items(), (*SUFFIXES, ".sig")):
        attachment = Attachment(image) if how == "subject" else signature()
        tag = None if how == "subject" else fallback(image, suffix)
        assert attach(client, repo, attachment, tag).status == 201
        told = events(registry, repo)[before:]
        before += len(told)
        if name == "processor":
            assert state(registry, repo, attachment) == "released" and is_readable(registry, repo, attachment)
            assert told == [("push", tag, attachment.digest)]
            assert shown(registry, repo, attachment)["pushedWith"] == "quarantine-decide"
            continue
        # In its own right, like an image: an event, a place in the work list, a decision of its own.
        assert state(registry, repo, attachment) == "quarantined" and not joined(registry, repo, attachment)
        assert told == [("quarantine", tag, attachment.digest)] and not is_readable(registry, repo, attachment)
        held.append(attachment)
        assert work(registry, repo) == [a.digest for a in held]
    registry.processor.release(repo, held[0].digest)
    assert is_readable(registry, repo, held[0])


def test_required_checks_count_for_one_that_is_held_in_its_own_right(registry, repo):
    image = brought(registry, repo, "released")
    registry.policy(repo, checks=["scan"])
    sbom = attached(registry.publisher, repo, image)
    assert registry.processor.decide(repo, sbom.digest, "released").status == 409
    assert report(registry.scanner, repo, sbom, "scan", "passed").json()["state"] == "released"


# -- before its subject -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["subject", "fallback tag", "subject by sha512"])
def test_pushed_before_its_subject_by_a_holder_it_waits_silently_and_joins(registry, repo, how):
    image = Image()
    named = image.descriptor
    if how == "subject by sha512":
        named = {**named, "digest": digest_of(image.manifest, "sha512")}
    early = signature() if how == "fallback tag" else Attachment(named)
    assert attach(registry.processor, repo, early, fallback(image, ".sig") if how == "fallback tag" else None).status == 201
    on_top = attached(registry.scanner, repo, early)
    assert events(registry, repo) == [] and work(registry, repo) == []
    assert not is_readable(registry, repo, early) and not is_readable(registry, repo, on_top)
    upload(registry.publisher, repo, image)
    reference = named["digest"]
    assert registry.publisher.put_manifest(repo, reference, image.manifest).status == 201
    assert [a["digest"] for a in shown(registry, repo, image)["attachments"]] == [early.digest]
    assert registry.processor.decide(repo, early.digest, "released").status == 409
    answer = registry.processor.release(repo, image.digest).json()
    assert [r["digest"] for r in answer["released"]] == [on_top.digest, early.digest, image.digest]
    assert is_readable(registry, repo, early) and is_readable(registry, repo, on_top)


@pytest.mark.parametrize("before", ["waiting", "failed"])
def test_before_its_subject_it_can_be_failed_as_well(registry, repo, before):
    image = Image()
    early = attached(registry.processor, repo, image)
    if before == "failed":
        registry.processor.fail(repo, early.digest)
    registry.publisher.push_image(repo, "v1", image)
    if before == "waiting":
        registry.processor.fail(repo, early.digest)
    registry.processor.release(repo, image.digest)
    assert state(registry, repo, early) == "failed" and not is_readable(registry, repo, early)


@pytest.mark.parametrize("how", ["subject", "fallback tag"])
@pytest.mark.parametrize("who", ["publisher", "publisher2"])
def test_pushed_before_its_subject_by_anybody_else_it_never_joins(registry, repo, who, how):
    image = Image()
    client = getattr(registry, who)
    forged = Attachment(image) if how == "subject" else signature()
    tag = None if how == "subject" else fallback(image, ".sig")
    assert attach(client, repo, forged, tag).status == 201
    assert events(registry, repo) == [("quarantine", tag, forged.digest)] and work(registry, repo) == [forged.digest]
    registry.publisher.push_image(repo, "v1", image)
    # Not when somebody who could attach it pushes it again, either.
    assert attach(registry.processor, repo, forged, tag).status == 201
    assert attach(registry.processor, repo, forged).status == 201
    assert not joined(registry, repo, forged)
    # Nor does it count towards anything: it neither blocks its subject nor goes with it.
    registry.processor.fail(repo, forged.digest)
    assert shown(registry, repo, image)["releaseBlockedBy"] == []
    answer = registry.processor.release(repo, image.digest).json()
    assert [r["digest"] for r in answer["released"]] == [image.digest] and "held" not in answer and "failed" not in answer
    assert state(registry, repo, forged) == "failed" and not is_readable(registry, repo, forged)
    assert registry.consumer.referrers(repo, image.digest).json()["manifests"] == []


@pytest.mark.parametrize("mode", ["off", "observe"])
@pytest.mark.parametrize("how", ["subject", "fallback tag", "subject by sha512"])
def test_if_the_subject_arrives_released_it_needs_a_decision_of_its_own(registry, repo, how, mode):
    image = Image()
    named = image.descriptor
    if how == "subject by sha512":
        named = {**named, "digest": digest_of(image.manifest, "sha512")}
    early = signature() if how == "fallback tag" else Attachment(named)
    tag = fallback(image, ".sig") if how == "fallback tag" else None
    assert attach(registry.processor, repo, early, tag).status == 201
    registry.policy(repo, quarantine=mode)
    upload(registry.publisher, repo, image)
    assert registry.publisher.put_manifest(repo, named["digest"], image.manifest).status == 201
    assert is_readable(registry, repo, image) and not is_readable(registry, repo, early)
    assert ("quarantine", tag, early.digest) in events(registry, repo) and work(registry, repo) == [early.digest]
    registry.processor.release(repo, early.digest)
    assert is_readable(registry, repo, early)


@pytest.mark.parametrize("learned", ["manifest", "blob"])
def test_a_subject_that_turns_out_to_be_released_is_one_that_arrived_released(registry, repo, learned):
    """The subject was there under its other digest all the time: when that is learned, what waited needs a decision, and says so."""
    image = brought(registry, repo, "released")
    other = digest_of(image.manifest, "sha512")
    early = Attachment({**image.descriptor, "digest": other})
    assert attach(registry.processor, repo, early).status == 201
    assert joined(registry, repo, early) and ("quarantine", None, early.digest) not in events(registry, repo)
    if learned == "manifest":
        assert registry.publisher.put_manifest(repo, other, image.manifest).status == 201
    else:
        registry.publisher.push_blob(repo + "/elsewhere", image.manifest, other)
    assert not joined(registry, repo, early) and work(registry, repo) == [early.digest]
    assert ("quarantine", None, early.digest) in events(registry, repo)
    registry.processor.release(repo, early.digest)
    assert is_readable(registry, repo, early)


# -- who pushed, and tags that attach -----------------------------------------------------------------------


def test_every_manifest_remembers_who_pushed_it_and_with_which_permission(registry, repo, checker_only):
    image = registry.publisher.push_image(repo, "v1")
    sbom, signed = attached(registry.processor, repo, image), attached(checker_only, repo, image)
    listed = shown(registry, repo, image)["attachments"]
    checker = checker_only.name
    assert [(a["digest"], a["publisher"], a["pushedWith"], a["joined"]) for a in listed] == [
        (sbom.digest, "processor", "quarantine-push", True), (signed.digest, checker, "quarantine-push", True)]
    registry.processor.release(repo, image.digest)
    late, own = attached(registry.processor, repo, image), attached(registry.publisher2, repo, image)
    seen = {m.digest: (shown(registry, repo, m)["publisher"], shown(registry, repo, m)["pushedWith"])
            for m in (image, sbom, signed, late, own)}
    assert seen == {image.digest: ("publisher", "push"), sbom.digest: ("processor", "quarantine-push"), late.digest: ("processor", "quarantine-decide"),
                    signed.digest: (checker, "quarantine-push"), own.digest: ("publisher2", "push")}
    # Whoever pushes it again does not become its publisher.
    attach(registry.processor, repo, own)
    assert shown(registry, repo, own)["publisher"] == "publisher2"
    events_of = {e["digest"]: e["publisher"] for e in registry.processor.events(repository=repo)}
    assert events_of == {digest: who for digest, (who, _) in seen.items()}
    records = registry.auditor.audit(f"repository={repo}")
    assert {r["digest"]: r["publisher"] for r in records} == {digest: who for digest, (who, _) in seen.items()}


KNOWN = ["held image", "failed image", "held artifact", "waiting attachment", "its own attachment", "index", "new"]


@pytest.mark.parametrize("by", ["tag", "parameter"])
@pytest.mark.parametrize("kind", KNOWN)
def test_putting_a_fallback_tag_onto_any_manifest_is_attaching(registry, repo, kind, by):
    subject = registry.publisher.push_image(repo, "v1")
    if kind in ("held image", "failed image"):
        thing = brought(registry, repo, "failed" if kind == "failed image" else "quarantined", "x")
    elif kind == "held artifact":
        thing = registry.publisher.push_image(repo, "x", signature())
    elif kind == "waiting attachment":
        thing = attached(registry.publisher, repo, Image())
    elif kind == "its own attachment":
        thing = attached(registry.processor, repo, subject)
    elif kind == "index":
        thing = Index([]).push(registry.publisher, repo, "x")
    else:
        thing = upload(registry.publisher, repo, signature())
    before = state(registry, repo, thing), joined(registry, repo, thing) if kind != "new" else False
    seen = events(registry, repo), actions(registry, repo)
    for suffix in SUFFIXES:
        tag = fallback(subject, suffix)
        where = (tag, "") if by == "tag" else (thing.digest, f"?tag={tag}")
        for client in (registry.publisher, registry.publisher2, registry.maintainer):
            refused = client.put_manifest(repo, where[0], thing.manifest, thing.media_type, query=where[1])
            assert (refused.status, refused.code) == (403, "DENIED"), refused
        assert registry.processor.get_manifest(repo, tag).status == 404
    assert (events(registry, repo), actions(registry, repo)) == seen
    assert registry.processor.put_manifest(repo, where[0], thing.manifest, thing.media_type, query=where[1]).status == 201
    if kind != "new":  # known bytes keep their state, and what was never joined does not join
        assert (state(registry, repo, thing), joined(registry, repo, thing)) == before


@pytest.mark.parametrize("by", ["tag", "parameter"])
@pytest.mark.parametrize("subject_is", ["released", "missing", "quarantined"])
@pytest.mark.parametrize("kind", ["artifact", "image", "index"])
def test_a_fallback_tag_on_a_released_manifest_needs_quarantine_decide(registry, repo, checker_only, kind, subject_is, by):
    subject = Image() if subject_is == "missing" else brought(registry, repo, subject_is)
    thing = {"artifact": signature, "image": Image, "index": lambda: Index([])}[kind]()
    attach(registry.publisher, repo, thing, "x")
    registry.processor.release(repo, thing.digest)
    scanner = registry.user("tagger-" + repo.split("/")[1], ("checker:scan", repo), ("push", repo))
    seen = events(registry, repo), actions(registry, repo)
    tag = fallback(subject, ".sig")
    where = (tag, "") if by == "tag" else (thing.digest, f"?tag={tag}")
    for client in (registry.publisher, registry.maintainer, scanner, checker_only):
        refused = client.put_manifest(repo, where[0], thing.manifest, thing.media_type, query=where[1])
        assert (refused.status, refused.code) == (403, "DENIED"), refused
    assert (events(registry, repo), actions(registry, repo)) == seen
    assert registry.processor.put_manifest(repo, where[0], thing.manifest, thing.media_type, query=where[1]).status == 201
    assert registry.consumer.get_manifest(repo, tag).body == thing.manifest


@pytest.mark.parametrize("before", ["quarantined", "released"])
def test_a_push_that_repeats_what_that_tag_points_to_is_always_accepted(registry, repo, before):
    image = registry.publisher.push_image(repo, "v1")
    signed = signature()
    tag = fallback(image, ".sig")
    assert attach(registry.processor, repo, signed, tag).status == 201
    if before == "released":
        registry.processor.release(repo, image.digest)
    seen = events(registry, repo), actions(registry, repo)
    for client in (registry.publisher, registry.publisher2, registry.maintainer, registry.processor):
        assert client.put_manifest(repo, tag, signed.manifest).status == 201
        assert client.put_manifest(repo, signed.digest, signed.manifest, query=f"?tag={tag}").status == 201
    assert (events(registry, repo), actions(registry, repo)) == seen
    assert state(registry, repo, signed) == before and joined(registry, repo, signed) == (before == "quarantined")
    # Together with a new one it is no repetition.
    other = fallback(image, ".att")
    refused = registry.publisher.put_manifest(repo, signed.digest, signed.manifest, query=f"?tag={tag}&tag={other}")
    assert refused.status == 403 and registry.processor.get_manifest(repo, other).status == 404


@pytest.mark.parametrize("by", ["tag", "parameter"])
def test_an_ordinary_tag_makes_an_attachment_an_image(registry, repo, by):
    image = registry.publisher.push_image(repo, "v1")
    sbom = attached(registry.processor, repo, image)
    on_top = attached(registry.processor, repo, sbom)
    # It names a subject in quarantine, so this is not for everybody.
    where = ("sbom", "") if by == "tag" else (sbom.digest, "?tag=sbom")
    assert registry.publisher.put_manifest(repo, where[0], sbom.manifest, query=where[1]).status == 403
    assert joined(registry, repo, sbom)
    assert registry.processor.put_manifest(repo, where[0], sbom.manifest, query=where[1]).status == 201
    assert events(registry, repo)[-1] == ("quarantine", "sbom", sbom.digest)
    assert is_image(registry, repo, sbom) and work(registry, repo) == [image.digest, sbom.digest]
    assert [a["joined"] for a in shown(registry, repo, image)["attachments"]] in ([], [False])
    answer = registry.processor.release(repo, image.digest).json()
    assert [r["digest"] for r in answer["released"]] == [image.digest]
    assert state(registry, repo, sbom) == "quarantined" and not is_readable(registry, repo, sbom)
    # What is attached to it stays with it.
    answer = registry.processor.release(repo, sbom.digest).json()
    assert [r["digest"] for r in answer["released"]] == [on_top.digest, sbom.digest]


@pytest.mark.parametrize("how", ["digest", "tag", "fallback tag"])
@pytest.mark.parametrize("kind", ["image", "index"])
@pytest.mark.parametrize("before", ["quarantined", "failed"])
def test_an_image_with_a_subject_in_quarantine(registry, repo, before, kind, how):
    image = brought(registry, repo, before)
    runnable = Image(subject=image.descriptor) if kind == "image" else Index([], subject=image.descriptor)
    reference = {"digest": None, "tag": "v2", "fallback tag": fallback(image)}[how]
    for client in (registry.publisher, registry.maintainer):
        refused = attach(client, repo, runnable, reference)
        assert (refused.status, refused.code) == (403, "DENIED") and image.digest in refused.message
    assert attach(registry.processor, repo, runnable, reference).status == 201
    assert is_image(registry, repo, runnable)
    registry.processor.release(repo, image.digest)
    assert state(registry, repo, runnable) == "quarantined" and not is_readable(registry, repo, runnable)
    registry.processor.release(repo, runnable.digest)
    assert is_readable(registry, repo, runnable)


@pytest.mark.parametrize("mode", ["off", "observe"])
def test_an_image_with_a_subject_in_quarantine_where_quarantine_is_off(registry, repo, mode):
    image = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine=mode)
    for runnable in (Image(subject=image.descriptor), Index([], subject=image.descriptor)):
        assert attach(registry.publisher, repo, runnable, "v2").status == 403
        assert attach(registry.processor, repo, runnable, "v2").status == 201
        assert is_image(registry, repo, runnable) and not is_readable(registry, repo, runnable)


# -- which way a release flows --------------------------------------------------------------------------


def test_release_flows_never_out_of_an_attachment(registry, repo):
    """Neither to its subject, nor to what else is attached there, nor to what its subject is a part of."""
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    part = index.images[0]
    own, sibling = (attached(registry.processor, repo, part) for _ in range(2))
    assert registry.processor.put_manifest(repo, "sbom", own.manifest).status == 201  # now it is decided by itself
    answer = registry.processor.release(repo, own.digest).json()
    assert [r["digest"] for r in answer["released"]] == [own.digest]
    assert [state(registry, repo, i) for i in (part, index.images[1], index, sibling)] == ["quarantined"] * 4
    # One that is held in its own right, on a subject that was deleted and is held again since.
    image = brought(registry, repo, "released", "v2")
    sbom = attached(registry.publisher, repo, image)
    delete(registry, repo, image.digest)
    registry.publisher.push_image(repo, "v2", image)
    registry.processor.release(repo, sbom.digest)
    assert is_readable(registry, repo, sbom) and not is_readable(registry, repo, image)


def test_two_that_are_attached_to_each_other_stay_held(registry, repo):
    """Fallback tags can make a circle, digests cannot: neither goes first, and nothing hangs."""
    first, second = signature(), signature()
    assert attach(registry.processor, repo, first, fallback(second, ".sig")).status == 201
    assert attach(registry.processor, repo, second, fallback(first, ".sig")).status == 201
    for one, other in ((first, second), (second, first)):
        refused = registry.processor.decide(repo, one.digest, "released")
        assert refused.status == 409 and other.digest in refused.message
        assert not is_readable(registry, repo, one)
    delete(registry, repo, first.digest)
    registry.processor.release(repo, second.digest)
    assert is_readable(registry, repo, second)


def test_an_index_and_its_part_that_is_attached_to_it_go_together(registry, repo):
    """A fallback tag makes a circle: the part waits for the index, which names it.  Decided as one, each once."""
    part = signature()
    upload(registry.processor, repo, part)
    index = Index([part])
    assert attach(registry.processor, repo, part, fallback(index, ".att")).status == 201
    assert registry.publisher.put_manifest(repo, "v1", index.manifest, OCI_INDEX).status == 201
    refused = registry.processor.decide(repo, part.digest, "released")
    assert refused.status == 409 and index.digest in refused.message
    answer = registry.processor.release(repo, index.digest).json()
    assert [(r["digest"], r["tags"]) for r in answer["released"]] == [(part.digest, [fallback(index, ".att")]), (index.digest, ["v1"])]
    assert is_readable(registry, repo, part) and is_readable(registry, repo, index)


def test_a_manifest_is_not_attached_to_itself(registry, repo):
    thing = signature()
    assert attach(registry.publisher, repo, thing, fallback(thing, ".sig")).status == 201
    assert is_image(registry, repo, thing)
    registry.processor.release(repo, thing.digest)
    assert registry.consumer.get_manifest(repo, fallback(thing, ".sig")).body == thing.manifest


def test_an_attachment_that_an_index_names_goes_with_both_or_waits(registry, repo):
    """A part that is attached to another part takes its place behind it; one held with a foreign subject refuses the index."""
    image, foreign = registry.publisher.push_image(repo), registry.publisher.push_image(repo, "foreign")
    sbom, stray = attached(registry.processor, repo, image), attached(registry.processor, repo, foreign)
    index, other = Index([image, sbom]), Index([stray])
    for thing, tag in ((index, "v1"), (other, "v2")):
        assert registry.publisher.put_manifest(repo, tag, thing.manifest, OCI_INDEX).status == 201
    answer = registry.processor.release(repo, index.digest).json()
    assert [r["digest"] for r in answer["released"]] == [sbom.digest, image.digest, index.digest]
    refused = registry.processor.decide(repo, other.digest, "released")
    assert refused.status == 409 and stray.digest in refused.message and foreign.digest in refused.message
    registry.processor.release(repo, foreign.digest)
    registry.processor.release(repo, other.digest)
    assert all(is_readable(registry, repo, i) for i in (image, sbom, stray, other))


def test_quarantine_push_without_push_reaches_attachments_only(registry, repo, checker_only):
    image = registry.publisher.push_image(repo, "v1")
    for body, reference in ((Image(), None), (Image(), "v2"), (Attachment(image), "v3"), (Attachment(None), None),
                            (Attachment(image), fallback(Image(), ".sig")), (Image(subject=image.descriptor), None),
                            (Index([], subject=image.descriptor), None), (Index([]), fallback(image))):
        got = attach(checker_only, repo, body, reference)
        assert (got.status, got.code) == (403, "DENIED"), (reference, got)
    for reference in (None, fallback(image)):
        assert attach(checker_only, repo, Attachment(image), reference).status == 201
    index = Index([image])
    assert checker_only.put_manifest(repo, fallback(image), index.manifest, index.media_type).status == 403
