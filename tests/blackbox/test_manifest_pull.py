"""GET and HEAD of manifests: bytes, types, digests, conditions, caching."""

import pytest

from client import (DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Client, Image, Index, digest_of, dumps)


@pytest.fixture
def released(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    return image


def test_the_bytes_are_the_ones_that_were_pushed(registry, repo):
    """White space, order and unknown members stay; the type comes back as it was sent."""
    image = Image()
    for data in image.blobs:
        registry.publisher.push_blob(repo, data)
    odd = b" \n" + dumps({**image.doc, "unknown": {"deep": [1, 2.5, None]}}).replace(b",", b" ,\t") + b"\n"
    assert registry.publisher.put_manifest(repo, "odd", odd, OCI_MANIFEST + "; charset=utf-8").status == 201
    digest = digest_of(odd)
    registry.processor.release(repo, digest)
    for reference in ("odd", digest):
        for accept in ({}, {"Accept": "application/json"}, {"Accept": OCI_INDEX}, {"Accept": "*/*"}):
            got = registry.consumer.get(f"/v2/{repo}/manifests/{reference}", headers=accept)
            assert (got.status, got.body) == (200, odd)
            assert got.headers["Content-Type"] == OCI_MANIFEST
            assert got.headers["Docker-Content-Digest"] == digest
            assert got.headers["Content-Length"] == str(len(odd))
            assert "Transfer-Encoding" not in got.headers


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_types(registry, repo, media_type):
    image = registry.publisher.push_image(repo, "v1", media_type=media_type)
    registry.processor.release(repo, image.digest)
    assert registry.consumer.get_manifest(repo, "v1").headers["Content-Type"] == media_type


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_index_types(registry, repo, media_type):
    index = Index([Image(), Image()], media_type=media_type).push(registry.publisher, repo, "v1")
    registry.processor.release(repo, index.digest)
    got = registry.consumer.get_manifest(repo, "v1")
    assert got.headers["Content-Type"] == media_type and got.body == index.manifest


def test_caching(registry, repo, released):
    by_tag = registry.consumer.get_manifest(repo, "v1")
    assert by_tag.headers["Cache-Control"] == "private, no-cache"
    by_digest = registry.consumer.get_manifest(repo, released.digest)
    assert by_digest.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    for got in (by_tag, by_digest):
        assert got.headers["Vary"] == "Authorization"
        assert got.headers["ETag"] == f'"{released.digest}"'


def test_conditions(registry, repo, released):
    etag = f'"{released.digest}"'
    for reference in ("v1", released.digest):
        for header in (etag, "*", f"W/{etag}", f'"x", {etag}', f'"x",W/"y" , {etag}'):
            for method in ("GET", "HEAD"):
                got = registry.consumer.request(method, f"/v2/{repo}/manifests/{reference}", headers={"If-None-Match": header})
                assert (got.status, got.body) == (304, b""), (header, got)
                assert got.headers["ETag"] == etag
        for header in ('"x"', released.digest, f'"{released.digest}', '""', "W/"):
            got = registry.consumer.get(f"/v2/{repo}/manifests/{reference}", headers={"If-None-Match": header})
            assert (got.status, got.body) == (200, released.manifest), header
    # A kept answer knows conditions as well, and a condition leaves nothing behind.
    for _ in range(2):
        assert registry.consumer.get_manifest(repo, "v1").status == 200
        assert registry.consumer.get_manifest(repo, "v1", **{"If-None-Match": etag}).status == 304


def test_head_is_get_without_its_body(registry, repo, released):
    for reference in ("v1", released.digest):
        for _ in range(2):
            got = registry.consumer.get_manifest(repo, reference)
            head = registry.consumer.head(f"/v2/{repo}/manifests/{reference}")
            assert head.status == 200 and head.body == b""
            drop = ("Date", "X-Request-Id")
            assert sorted((k, v) for k, v in got.headers.items() if k not in drop) == \
                sorted((k, v) for k, v in head.headers.items() if k not in drop)


def test_missing(registry, repo, released):
    nothing = digest_of(b"nothing")
    for reference, status, code in (("none", 404, "MANIFEST_UNKNOWN"), (nothing, 404, "MANIFEST_UNKNOWN"),
                                    (digest_of(b"nothing", "sha512"), 404, "MANIFEST_UNKNOWN"),
                                    (".INVALID", 404, "MANIFEST_UNKNOWN"), ("a" * 129, 404, "MANIFEST_UNKNOWN"),
                                    ("sha256:bad", 400, "DIGEST_INVALID"), ("sha256:" + "A" * 64, 400, "DIGEST_INVALID"),
                                    ("md5:" + "0" * 32, 400, "DIGEST_INVALID")):
        got = registry.consumer.get_manifest(repo, reference)
        assert (got.status, got.code) == (status, code), (reference, got)
        assert registry.consumer.head(f"/v2/{repo}/manifests/{reference}").status == status
    assert registry.consumer.get_manifest("t/nowhere", "v1").status == 404
    # A blob's digest is no manifest's.
    assert registry.consumer.get_manifest(repo, digest_of(released.config)).status == 404


def test_a_kept_answer_is_right_for_each_principal(registry, repo):
    """The staged view of one principal and the live view of another, in turn, from the same tag."""
    first = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, first.digest)
    for client in (registry.consumer, registry.processor, registry.publisher, registry.consumer):
        assert client.get_manifest(repo, "v1").body == first.manifest
    second = registry.publisher.push_image(repo, "v1")
    for _ in range(3):
        assert registry.processor.get_manifest(repo, "v1").body == second.manifest
        assert registry.consumer.get_manifest(repo, "v1").body == first.manifest
        assert registry.stranger.get_manifest(repo, "v1").status == 403
        assert Client(registry.url).get_manifest(repo, "v1").status == 401
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/v1").status == 202
    for client in (registry.consumer, registry.processor):
        assert client.get_manifest(repo, "v1").status == 404


def test_a_large_manifest(registry, repo):
    image = Image(annotations={f"k{i}": "x" * 10000 for i in range(390)})
    registry.publisher.push_image(repo, "large", image)
    assert len(image.manifest) > 3900000
    registry.processor.release(repo, image.digest)
    for _ in range(2):
        assert registry.consumer.get_manifest(repo, "large").body == image.manifest


def test_methods(registry, repo):
    got = registry.publisher.request("POST", f"/v2/{repo}/manifests/v1")
    assert got.status == 405 and "GET" in got.headers["Allow"]


def test_a_tag_tells_the_digest_that_it_was_pushed_by(registry, repo):
    """Tags given with a sha512 push are read back with that digest, others of the same manifest with sha256."""
    image = Image()
    other = digest_of(image.manifest, "sha512")
    for data in image.blobs:
        registry.publisher.push_blob(repo, data)
    assert registry.publisher.put_manifest(repo, other, image.manifest, query="?tag=wide&tag=wider").status == 201
    assert registry.publisher.put_manifest(repo, "plain", image.manifest).status == 201
    wanted = {"wide": other, "wider": other, "plain": image.digest}
    for tag, digest in wanted.items():  # staged
        got = registry.processor.get_manifest(repo, tag)
        assert got.headers["Docker-Content-Digest"] == digest and got.body == image.manifest
    registry.processor.release(repo, image.digest)
    for _ in range(2):
        for tag, digest in wanted.items():
            for got in (registry.consumer.get_manifest(repo, tag), registry.consumer.head(f"/v2/{repo}/manifests/{tag}")):
                assert got.headers["Docker-Content-Digest"] == digest and got.headers["ETag"] == f'"{digest}"'
    # The latest push of a tag counts.
    assert registry.publisher.put_manifest(repo, other, image.manifest, query="?tag=plain").status == 201
    assert registry.consumer.get_manifest(repo, "plain").status == 200
