"""Pushing and deleting manifests: what a client sees of it."""

import pytest

from client import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Attachment, Image, Index, descriptor, digest_of, dumps


def upload(client, repo, image):
    for data in image.blobs:
        client.push_blob(repo, data)
    return image


def test_created_with_location_and_digest(registry, repo):
    image = upload(registry.publisher, repo, Image())
    done = registry.publisher.put_manifest(repo, "v1", image.manifest)
    assert done.status == 201 and done.body == b""
    assert done.headers["Location"] == f"/v2/{repo}/manifests/{image.digest}"
    assert done.headers["Docker-Content-Digest"] == image.digest
    assert done.headers["OCI-Subject"] is None and done.headers["OCI-Tag"] is None and done.headers["Warning"] is None


def test_the_digest_in_the_algorithm_that_the_client_used(registry, repo):
    registry.policy(repo, quarantine="off")
    image = upload(registry.publisher, repo, Image())
    named = digest_of(image.manifest, "sha512")
    done = registry.publisher.put_manifest(repo, named, image.manifest, query="?tag=v1")
    assert done.status == 201 and done.headers["Docker-Content-Digest"] == named
    assert done.headers["Location"] == f"/v2/{repo}/manifests/{named}" and done.headers["OCI-Tag"] == "v1"
    for reference, digest in ((named, named), (image.digest, image.digest), ("v1", named)):
        got = registry.consumer.get_manifest(repo, reference)
        assert got.body == image.manifest and got.headers["Docker-Content-Digest"] == digest


def test_a_manifest_is_one_under_all_its_digests(registry, repo):
    image = upload(registry.publisher, repo, Image())
    named = digest_of(image.manifest, "sha512")
    assert registry.publisher.put_manifest(repo, named, image.manifest).status == 201
    assert registry.publisher.put_manifest(repo, image.digest, image.manifest).status == 201
    assert registry.processor.state(repo, named).json()["digest"] == image.digest
    registry.processor.release(repo, named)
    assert registry.consumer.get_manifest(repo, image.digest).status == 200
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{named}").status == 202
    assert registry.consumer.get_manifest(repo, image.digest).status == 404


def test_the_subject_is_acknowledged(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    attachment = upload(registry.processor, repo, Attachment(image))
    done = registry.processor.put_manifest(repo, attachment.digest, attachment.manifest)
    assert done.headers["OCI-Subject"] == image.digest
    missing = upload(registry.processor, repo, Attachment(Image()))
    done = registry.processor.put_manifest(repo, missing.digest, missing.manifest)
    assert done.status == 201 and done.headers["OCI-Subject"] == missing.doc["subject"]["digest"]


@pytest.mark.parametrize("reference,status,code", [("sha256:" + "0" * 64, 400, "DIGEST_INVALID"),
                                                   ("sha256:baddigeststring", 400, "DIGEST_INVALID"),
                                                   ("sha512:" + "0" * 128, 400, "DIGEST_INVALID"),
                                                   (".tag", 400, "MANIFEST_INVALID"), ("a" * 129, 400, "MANIFEST_INVALID")])
def test_references_that_cannot_be(registry, repo, reference, status, code):
    image = upload(registry.publisher, repo, Image())
    got = registry.publisher.put_manifest(repo, reference, image.manifest)
    assert (got.status, got.code) == (status, code), got
    assert registry.processor.tags(repo) == []


def test_bytes_are_kept_exactly(registry, repo):
    registry.policy(repo, quarantine="off")
    config = b"{}"
    registry.publisher.push_blob(repo, config)
    body = dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example",
                  "config": descriptor(config, OCI_EMPTY), "layers": [descriptor(config, OCI_EMPTY)], "org.example": {"x": 1}})
    body = b"\n " + body.replace(b":", b" :\t", 1) + b"\n\n"
    assert registry.publisher.put_manifest(repo, "v1", body, OCI_MANIFEST + "; charset=utf-8").status == 201
    got = registry.consumer.get_manifest(repo, "v1")
    assert got.body == body and got.headers["Content-Type"] == OCI_MANIFEST


def test_large_manifests(registry, repo):
    registry.policy(repo, quarantine="off")
    large = Index([], annotations={f"n{i}": "x" * 10000 for i in range(390)})
    assert registry.publisher.put_manifest(repo, "v1", large.manifest, OCI_INDEX).status == 201
    assert registry.consumer.get_manifest(repo, "v1").body == large.manifest


@pytest.mark.parametrize("who,sees", [("publisher", "live"), ("processor", "staged")])
def test_if_match_is_compared_with_what_this_caller_resolves_the_tag_to(registry, repo, who, sees):
    live = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, live.digest)
    staged = registry.publisher.push_image(repo, "v1")
    mine, other = (live, staged) if sees == "live" else (staged, live)
    client = getattr(registry, who)
    image = upload(client, repo, Image())

    def put(**headers):
        return client.put_manifest(repo, "v1", image.manifest, headers={k.replace("_", "-"): v for k, v in headers.items()})

    assert put(If_Match=f'"{other.digest}"').status == 412
    assert put(If_Match='"sha256:nothing"').status == 412
    assert put(If_None_Match="*").status == 412
    assert put(If_None_Match=f'"{mine.digest}"').status == 412
    assert registry.processor.get_manifest(repo, "v1").body == staged.manifest
    assert put(If_Match=f'"x", "{mine.digest}"', If_None_Match=f'"{other.digest}"').status == 201
    assert registry.processor.get_manifest(repo, "v1").body == image.manifest


def test_if_none_match_creates_only(registry, repo):
    image = upload(registry.publisher, repo, Image())
    assert registry.publisher.put_manifest(repo, "v1", image.manifest, headers={"If-Match": "*"}).status == 412
    assert registry.publisher.put_manifest(repo, "v1", image.manifest, headers={"If-None-Match": "*"}).status == 201
    # For this publisher the tag does not exist before the release.
    other = upload(registry.publisher, repo, Image())
    assert registry.publisher.put_manifest(repo, "v1", other.manifest, headers={"If-None-Match": "*"}).status == 201
    assert registry.processor.put_manifest(repo, "v1", image.manifest, headers={"If-None-Match": "*"}).status == 412


@pytest.mark.parametrize("reference", ["v9", "sha256:" + "0" * 64, ".no-tag"])
def test_deleting_what_is_not_there(registry, repo, reference):
    registry.publisher.push_image(repo, "v1")
    got = registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{reference}")
    assert (got.status, got.code) == (404, "MANIFEST_UNKNOWN"), got
    got = registry.maintainer.request("DELETE", f"/v2/{repo}/never/manifests/{reference}")
    assert (got.status, got.code) == (404, "MANIFEST_UNKNOWN"), got


def test_deleting_in_any_order_is_never_an_error_of_ours(registry, repo):
    registry.policy(repo, quarantine="off")
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    for image in (*index.images, index):
        assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
        assert registry.consumer.head(f"/v2/{repo}/manifests/{image.digest}").status == 404
    for image in index.images:
        for data in image.blobs:
            assert registry.maintainer.request("DELETE", f"/v2/{repo}/blobs/{digest_of(data)}").status == 202
    assert registry.consumer.tags(repo) == []


def test_a_push_is_there_at_once_and_twice_is_once(registry, repo):
    image = registry.processor.push_image(repo, "v1")
    assert registry.processor.get_manifest(repo, image.digest).body == image.manifest
    again = registry.processor.put_manifest(repo, "v1", image.manifest)
    assert again.status == 201 and again.headers["Docker-Content-Digest"] == image.digest
    assert [r["action"] for r in registry.auditor.audit(f"repository={repo}")] == ["quarantined"]
