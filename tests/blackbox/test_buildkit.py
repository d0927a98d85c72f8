"""The requests of a builder that pushes an index with attestations of its own: by digest, with the image as subject, then the index by tag."""

import pytest

from client import OCI_INDEX, Attachment, Image, digest_of, dumps

RECORD = "application/vnd.docker.attestation.manifest.v1+json"


def push_build(client, repo, tag):
    """What a builder pushes for one platform; (image, attestation, index digest)."""
    image = client.push_image(repo, None)
    record = client.push_image(repo, None, Attachment(image, RECORD))
    index = dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {**image.descriptor, "platform": {"os": "linux", "architecture": "amd64"}},
        {**record.descriptor, "platform": {"os": "unknown", "architecture": "unknown"},
         "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest}}]})
    done = client.put_manifest(repo, tag, index, OCI_INDEX)
    assert done.status == 201, done
    return image, record, digest_of(index)


def test_a_build_with_attestations_is_held_and_released_as_one(registry, repo):
    image, record, index = push_build(registry.publisher, repo, "v1")
    push_again = registry.publisher.put_manifest(repo, record.digest, record.manifest)
    assert push_again.status == 201, push_again
    for digest in (image.digest, record.digest, index):
        assert registry.consumer.get_manifest(repo, digest).status == 403
    assert registry.publisher.get_blob(repo, digest_of(record.layers[0])).status == 403
    answer = registry.processor.release(repo, index).json()
    assert {r["digest"] for r in answer["released"]} == {image.digest, record.digest, index}
    for digest in (image.digest, record.digest, index):
        assert registry.consumer.get_manifest(repo, digest).status == 200
    assert [d["digest"] for d in registry.consumer.referrers(repo, image.digest).json()["manifests"]] == [record.digest]


def test_it_joins_nothing(registry, repo):
    """Releasing the image alone leaves its builder's attestation held."""
    image = registry.publisher.push_image(repo, None)
    record = registry.publisher.push_image(repo, None, Attachment(image, RECORD))
    answer = registry.processor.release(repo, image.digest).json()
    assert [r["digest"] for r in answer["released"]] == [image.digest]
    assert registry.consumer.get_manifest(repo, record.digest).status == 403


@pytest.mark.parametrize("who,type_,reference", [
    ("publisher2", RECORD, "digest"),
    ("publisher", "application/vnd.example.sbom", "digest"),
    ("publisher", RECORD, "fallback"),
])
def test_nothing_else_is_let_in_by_it(registry, repo, who, type_, reference):
    image = registry.publisher.push_image(repo, "v1")
    client = getattr(registry, who)
    forged = Attachment(image, type_)
    for data in forged.blobs:
        client.push_blob(repo, data)
    name = forged.digest if reference == "digest" else image.digest.replace(":", "-")
    refused = client.put_manifest(repo, name, forged.manifest)
    assert (refused.status, refused.code) == (403, "DENIED"), refused
    assert registry.processor.get_manifest(repo, forged.digest).status == 404


def test_where_quarantine_is_off_it_is_refused_for_what_is_held(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine="off")
    record = Attachment(image, RECORD)
    for data in record.blobs:
        registry.publisher.push_blob(repo, data)
    assert registry.publisher.put_manifest(repo, record.digest, record.manifest).status == 403
