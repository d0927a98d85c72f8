"""GET /v2/<name>/referrers/<digest>: what is listed, how it is described, filters and pages."""

import pytest

from client import (OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Attachment, Image, Index, descriptor, digest_of, dumps)
from test_tags import next_page


def listed(client, repo, digest, query=""):
    got = client.referrers(repo, digest, query)
    assert got.status == 200, got
    assert got.headers["Content-Type"] == OCI_INDEX
    doc = got.json()
    assert doc["schemaVersion"] == 2 and doc["mediaType"] == OCI_INDEX
    return doc["manifests"]


@pytest.fixture
def subject(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    return image


def test_descriptors(registry, repo, subject):
    """Media type, digest, size, artifact type and annotations, computed from the stored manifest."""
    sbom = registry.processor.push_image(repo, None, Attachment(subject, "application/vnd.example.sbom",
                                                                annotations={"b": "2", "a": "1", "utf8": "\u00e9\u4e2d"}))
    # no artifactType: the config's media type stands in
    by_config = Image(subject=subject.descriptor, config=b"{}", config_type="application/vnd.example.config",
                      layers=[b"x"], layer_type="application/vnd.example.layer")
    registry.processor.push_image(repo, None, by_config)
    index = Index([subject], subject=subject.descriptor, annotations={"k": "v"})
    assert registry.processor.put_manifest(repo, index.digest, index.manifest, OCI_INDEX).status == 201
    registry.processor.release(repo, index.digest)
    want = {
        sbom.digest: {**sbom.descriptor, "artifactType": "application/vnd.example.sbom",
                      "annotations": {"b": "2", "a": "1", "utf8": "\u00e9\u4e2d"}},
        by_config.digest: {**by_config.descriptor, "artifactType": "application/vnd.example.config"},
        index.digest: {**index.descriptor, "annotations": {"k": "v"}},
    }
    got = listed(registry.consumer, repo, subject.digest)
    assert {d["digest"]: d for d in got} == want and len(got) == 3


def test_never_404(registry, repo, subject):
    nothing = digest_of(b"nothing")
    assert listed(registry.consumer, repo, nothing) == []
    assert listed(registry.consumer, "t/nowhere/at/all", nothing) == []
    assert listed(registry.consumer, repo, subject.digest) == []
    for bad in ("sha256:bad", "v1", "sha256:" + "A" * 64, "md5:" + "0" * 32):
        got = registry.consumer.referrers(repo, bad)
        assert got.status == 400, (bad, got)


def test_filter(registry, repo, subject):
    sbom = registry.processor.push_image(repo, None, Attachment(subject, "application/vnd.example.sbom+json"))
    registry.processor.push_image(repo, None, Attachment(subject, "application/vnd.example.signature"))
    got = registry.consumer.referrers(repo, subject.digest, "?artifactType=application/vnd.example.sbom%2Bjson")
    assert got.headers["OCI-Filters-Applied"] == "artifactType"
    assert [d["digest"] for d in got.json()["manifests"]] == [sbom.digest]
    none = registry.consumer.referrers(repo, subject.digest, "?artifactType=application/none")
    assert none.headers["OCI-Filters-Applied"] == "artifactType" and none.json()["manifests"] == []
    every = registry.consumer.referrers(repo, subject.digest)
    assert "OCI-Filters-Applied" not in every.headers and len(every.json()["manifests"]) == 2


def test_pages(registry, repo, subject):
    kinds = ["application/vnd.example.a", "application/vnd.example.b"]
    pushed = [registry.processor.push_image(repo, None, Attachment(subject, kinds[i % 2])) for i in range(7)]
    for query, want in (("", pushed), (f"&artifactType={kinds[0]}", pushed[::2])):
        for n in (1, 3, 7):
            found, path = [], f"/v2/{repo}/referrers/{subject.digest}?n={n}{query}"
            while path:
                got = registry.consumer.get(path)
                page = got.json()["manifests"]
                assert 0 < len(page) <= n
                assert ("OCI-Filters-Applied" in got.headers) == bool(query)
                found += [d["digest"] for d in page]
                path = next_page(got)
            assert sorted(found) == sorted(a.digest for a in want)
    for bad in ("n=-1", "n=x", "n=1&n=2"):
        assert registry.consumer.referrers(repo, subject.digest, "?" + bad).status == 400


def test_large_annotations_make_pages(registry, repo, subject):
    """A page is not larger than clients take for a manifest, whatever stands in the annotations."""
    pushed = [registry.processor.push_image(repo, None, Attachment(subject, annotations={"a": "x" * 1500000})) for _ in range(4)]
    found, path, n = [], f"/v2/{repo}/referrers/{subject.digest}", 0
    while path:
        got = registry.consumer.get(path)
        assert len(got.body) < 8 << 20
        found += [d["digest"] for d in got.json()["manifests"]]
        path = next_page(got)
        n += 1
    assert sorted(found) == sorted(a.digest for a in pushed) and n > 1


def test_the_subject_by_any_digest(registry, repo):
    """A subject that is known under two algorithms has its referrers under both."""
    image = Image()
    other = digest_of(image.manifest, "sha512")
    for data in image.blobs:
        registry.publisher.push_blob(repo, data)
    # an attachment that names the subject by a digest that nobody knows yet
    early = Attachment({"mediaType": OCI_MANIFEST, "digest": other, "size": len(image.manifest)})
    registry.processor.push_image(repo, None, early)
    assert [d["digest"] for d in listed(registry.processor, repo, other)] == [early.digest]
    assert registry.publisher.put_manifest(repo, other, image.manifest).status == 201
    late = registry.processor.push_image(repo, None, Attachment(image))
    for digest in (image.digest, other):
        assert {d["digest"] for d in listed(registry.processor, repo, digest)} == {early.digest, late.digest}
        assert listed(registry.consumer, repo, digest) == []
    registry.processor.release(repo, image.digest)
    for digest in (image.digest, other):
        assert {d["digest"] for d in listed(registry.consumer, repo, digest)} == {early.digest, late.digest}


def test_an_index_under_the_fallback_tag_is_not_believed(registry, repo, subject):
    """What somebody writes into the index of the referrers tag schema changes nothing: each entry stands for itself."""
    real = registry.processor.push_image(repo, None, Attachment(subject, "application/vnd.example.sbom"))
    other = registry.processor.push_image(repo, "other")  # names no subject
    registry.processor.release(repo, other.digest)
    entries = [
        {**real.descriptor, "artifactType": "application/forged", "annotations": {"forged": "yes"}},
        {**other.descriptor, "artifactType": "application/forged"},
        {"mediaType": OCI_MANIFEST, "digest": digest_of(b"missing"), "size": 7, "artifactType": "application/forged"},
    ]
    index = dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries[:2]})
    tag = subject.digest.replace(":", "-")
    assert registry.processor.put_manifest(repo, tag, index, OCI_INDEX).status == 201
    sparse = dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    assert registry.processor.put_manifest(repo, tag, sparse, OCI_INDEX).status == 404
    for client in (registry.processor, registry.consumer):
        got = listed(client, repo, subject.digest)
        assert [d["digest"] for d in got] == [real.digest]
        assert got[0]["artifactType"] == "application/vnd.example.sbom" and "annotations" not in got[0]


def test_what_the_fallback_index_lists_is_found(registry, repo, subject):
    """Clients of the tag schema: the manifests that their index lists are in the list, each once, tagged or not."""
    tag = subject.digest.replace(":", "-")
    first = registry.processor.push_image(repo, None, Attachment(subject))
    second = registry.processor.push_image(repo, None, Attachment(subject))
    index = dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [first.descriptor, second.descriptor]})
    assert registry.processor.put_manifest(repo, tag, index, OCI_INDEX).status == 201
    assert sorted(d["digest"] for d in listed(registry.consumer, repo, subject.digest)) == sorted([first.digest, second.digest])


def test_a_signature_under_a_tag_alone_is_not_listed(registry, repo, subject):
    """Cosign's tag mode names no subject in the manifest: it is found by its tag, as before."""
    signature = Image(layers=[b"signature"], layer_type="application/vnd.dev.cosign.simplesigning.v1+json", config=b"{}")
    tag = subject.digest.replace(":", "-") + ".sig"
    registry.processor.push_image(repo, tag, signature)
    assert registry.consumer.get_manifest(repo, tag).body == signature.manifest
    assert listed(registry.consumer, repo, subject.digest) == []
    # tagged, and naming the subject as well: listed
    both = Attachment(subject)
    registry.processor.push_image(repo, subject.digest.replace(":", "-") + ".att", both)
    assert [d["digest"] for d in listed(registry.consumer, repo, subject.digest)] == [both.digest]


def test_referrers_outlive_their_subject(registry, repo, subject):
    sbom = registry.processor.push_image(repo, None, Attachment(subject))
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{subject.digest}").status == 202
    assert [d["digest"] for d in listed(registry.consumer, repo, subject.digest)] == [sbom.digest]
    registry.publisher.put_manifest(repo, "v1", subject.manifest)
    assert [d["digest"] for d in listed(registry.consumer, repo, subject.digest)] == [sbom.digest]
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{sbom.digest}").status == 202
    assert listed(registry.processor, repo, subject.digest) == []


def test_an_image_with_a_subject_is_listed_when_it_is_released(registry, repo, subject):
    """A runnable image that names a subject is no attachment, but a referrer."""
    image = registry.processor.push_image(repo, "with-subject", Image(subject=subject.descriptor))
    assert listed(registry.consumer, repo, subject.digest) == []
    assert [d["digest"] for d in listed(registry.processor, repo, subject.digest)] == [image.digest]
    registry.processor.release(repo, image.digest)
    assert [d["digest"] for d in listed(registry.consumer, repo, subject.digest)] == [image.digest]


def test_another_repository_has_its_own(registry, repo, subject):
    registry.processor.push_image(repo, None, Attachment(subject))
    registry.publisher.push_image(repo + "/copy", "v1", subject)
    assert listed(registry.processor, repo + "/copy", subject.digest) == []
