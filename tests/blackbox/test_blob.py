"""Reading and deleting blobs: ranges, conditions, HEAD, and what deleting leaves (distribution-spec, RFC 9110)."""

import base64
import os

import pytest

from client import digest_of, unique
from daemon import wait_for
from raw import Raw

DATA = bytes(range(256)) * 8  # 2048 bytes


@pytest.fixture
def blob(registry, repo):
    registry.publisher.push_blob(repo, DATA)
    return f"/v2/{repo}/blobs/{digest_of(DATA)}"


# -- ranges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked, first, last", [
    ("500-1499", 500, 1499), ("500-", 500, 2047), ("-500", 1548, 2047), ("2000-5000", 2000, 2047), ("0-0", 0, 0),
    ("2047-2047", 2047, 2047), ("0-", 0, 2047), ("-5000", 0, 2047), ("0-99999999999999999999999", 0, 2047),
])
def test_a_range_is_exact(registry, blob, asked, first, last):
    got = registry.processor.get(blob, headers={"Range": f"bytes={asked}"})
    assert got.status == 206, got
    assert got.body == DATA[first:last + 1]
    assert got.headers["Content-Range"] == f"bytes {first}-{last}/2048"
    assert got.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["500-0", "5000-10000", "2048-", "-0", "99999999999999999999999-"])
def test_a_range_outside_is_416(registry, blob, asked):
    got = registry.processor.get(blob, headers={"Range": f"bytes={asked}"})
    assert got.status == 416, got
    assert got.headers["Content-Range"] == "bytes */2048"
    assert got.code == "SIZE_INVALID"


@pytest.mark.parametrize("asked", ["lines=1-2", "bytes=", "bytes=a-b", "bytes=0-1,3-4", "bytes", "0-1",
                                   pytest.param("bytes=" + ",".join(f"{i}-{i}" for i in range(1000)), id="many")])
def test_a_range_that_is_none_is_ignored(registry, blob, asked):
    got = registry.processor.get(blob, headers={"Range": asked})
    assert (got.status, got.body) == (200, DATA), got.status


def test_ranges_of_the_empty_blob(registry, repo):
    digest = registry.publisher.push_blob(repo, b"")
    assert registry.processor.get_blob(repo, digest, Range="bytes=0-0").status == 416
    got = registry.processor.get_blob(repo, digest)
    assert (got.status, got.body, got.headers["Content-Length"]) == (200, b"", "0")


# -- conditions ------------------------------------------------------------------------------------


def test_head_is_get_without_the_body(registry, blob):
    got = registry.processor.get(blob)
    head = registry.processor.head(blob)
    assert (got.status, head.status, head.body) == (200, 200, b"")
    for header in ("Content-Length", "Content-Type", "Docker-Content-Digest", "ETag", "Accept-Ranges", "Cache-Control", "Vary"):
        assert head.headers[header] == got.headers[header], header
    assert head.headers["Content-Length"] == "2048"
    assert head.headers["Docker-Content-Digest"] == digest_of(DATA)
    assert head.headers["Content-Type"] == "application/octet-stream"
    assert registry.processor.head(blob, headers={"Range": "bytes=0-0"}).headers["Content-Length"] == "2048"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(registry, blob, method):
    tag = registry.processor.head(blob).headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        got = registry.processor.request(method, blob, headers={"If-None-Match": known})
        assert (got.status, got.body) == (304, b""), known
        assert got.headers["ETag"] == tag
    for unknown in ('"other"', tag.strip('"'), ""):
        assert registry.processor.request(method, blob, headers={"If-None-Match": unknown}).status == 200, unknown


def test_if_range(registry, blob):
    tag = registry.processor.head(blob).headers["ETag"]
    part = {"Range": "bytes=1-2"}
    assert registry.processor.get(blob, headers={**part, "If-Range": tag}).status == 206
    for other in ('"other"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        got = registry.processor.get(blob, headers={**part, "If-Range": other})
        assert (got.status, got.body) == (200, DATA), other


def test_a_condition_tells_nobody_what_he_may_not_know(registry, blob):
    """The decision comes before the conditions: T03."""
    for who in (registry.publisher2, registry.consumer):
        for headers in ({}, {"Range": "bytes=0-0"}, {"Range": "bytes=9999-"}, {"If-None-Match": f'"{digest_of(DATA)}"'},
                        {"If-None-Match": "*"}):
            got = who.get(blob, headers=headers)
            assert (got.status, got.code) == (403, "DENIED"), (who.name, headers, got)
            assert got.headers["Cache-Control"] == "no-store"
            assert "ETag" not in got.headers


def test_what_is_released_may_be_kept_and_nothing_else(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    path = f"/v2/{repo}/blobs/{digest_of(image.layers[0])}"
    assert registry.processor.get(path).headers["Cache-Control"] == "no-store"
    registry.processor.release(repo, image.digest)
    for who in (registry.processor, registry.publisher2, registry.consumer):
        got = who.get(path)
        assert (got.status, got.body) == (200, image.layers[0])
        assert got.headers["Cache-Control"].startswith("private")
        assert got.headers["Vary"] == "Authorization"
        part, outside = (who.get(path, headers={"Range": r}) for r in ("bytes=0-1", "bytes=100000-"))
        assert (part.status, outside.status) == (206, 416)
        assert part.headers["Cache-Control"].startswith("private") and outside.headers.get_all("Cache-Control") == ["no-store"]


@pytest.mark.parametrize("digest", ["sha256:abc", "sha256:" + "A" * 64, "md5:" + "0" * 32, "latest", "sha512:" + "0" * 64])
def test_a_malformed_digest_is_400(registry, repo, digest):
    got = registry.processor.get(f"/v2/{repo}/blobs/{digest}")
    assert (got.status, got.code) == (400, "DIGEST_INVALID"), got


def test_what_is_missing_is_404(registry, repo):
    for data in (b"never pushed", b"nor this"):
        for algorithm in ("sha256", "sha512"):
            path = f"/v2/{repo}/blobs/{digest_of(data, algorithm)}"
            got = registry.processor.get(path)
            assert (got.status, got.code) == (404, "BLOB_UNKNOWN"), got
            assert registry.processor.head(path).status == 404


def test_a_file_that_ends_early_cuts_the_answer_at_once(make_registry, repo):
    """The kernel sends it, and would wait for the rest: neither the client nor the log waits with it."""
    own = make_registry(config={"limits": {"stall_timeout": "1h"}, "log": {"requests": False}})
    data = os.urandom(1 << 20) * 64
    digest = own.processor.push_blob(repo, data)
    login = base64.b64encode(":".join(own.processor.auth).encode()).decode()
    with Raw(own.url) as raw:
        raw.send(f"GET /v2/{repo}/blobs/{digest} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {login}\r\n\r\n".encode())
        while len(raw.buffer) < 1000:
            assert raw._more()
        path = own.daemon.blob_path(digest)
        path.chmod(0o600)
        os.truncate(path, len(data) // 2)
        while raw._more():
            pass
        assert raw.buffer.startswith(b"HTTP/1.1 200 ") and len(raw.buffer) < len(data)
    wait_for(lambda: "the file ended early" in own.daemon.tail(), "the log tells why")


# -- deleting --------------------------------------------------------------------------------------


@pytest.fixture
def keeper(registry):
    """Sees everything and may delete."""
    name = unique("keeper")
    return registry.user(name, ("processor", "**"), ("maintainer", "**"))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_deleted_blob_is_gone_at_once(registry, keeper, repo, algorithm):
    data = unique("to be deleted ").encode()
    digest = keeper.push_blob(repo, data, digest_of(data, algorithm))
    path = f"/v2/{repo}/blobs/{digest}"
    assert keeper.request("DELETE", path).status == 202
    assert keeper.head(path).status == 404
    assert keeper.get(path).status == 404
    got = keeper.request("DELETE", path)
    assert (got.status, got.code) == (404, "BLOB_UNKNOWN"), got
    assert keeper.push_blob(repo, data) == digest_of(data)  # and comes back with its next push
    assert keeper.get(path).body == data


def test_deleting_is_per_repository(registry, keeper, repo):
    data = unique("in two places ").encode()
    for name in ("a", "b"):
        keeper.push_blob(f"{repo}/{name}", data)
    assert keeper.request("DELETE", f"/v2/{repo}/a/blobs/{digest_of(data)}").status == 202
    assert keeper.get_blob(f"{repo}/a", digest_of(data)).status == 404
    assert keeper.get_blob(f"{repo}/b", digest_of(data)).body == data


def test_who_may_not_delete_does_not(registry, repo):
    digest = registry.publisher.push_blob(repo, b"stays")
    path = f"/v2/{repo}/blobs/{digest}"
    for who, status in ((registry.publisher, 403), (registry.processor, 403), (registry.consumer, 403), (registry.anonymous, 401)):
        assert who.request("DELETE", path).status == status, who.name
    assert registry.processor.get(path).body == b"stays"
    got = registry.maintainer.request("DELETE", f"/v2/{repo}/blobs/sha256:abc")
    assert (got.status, got.code) == (400, "DIGEST_INVALID"), got
    assert registry.maintainer.request("DELETE", f"/v2/{repo}-none/blobs/{digest}").status == 404


@pytest.mark.parametrize("released", [True, False])
def test_an_image_does_not_lose_its_layers(registry, keeper, repo, released):
    """A blob that manifests name goes with the last of them."""
    image = registry.publisher.push_image(repo, "v1")
    again = registry.publisher.push_image(repo, "v2", layers=image.layers)
    if released:
        registry.processor.release(repo, image.digest)
    path = f"/v2/{repo}/blobs/{digest_of(image.layers[0])}"
    for _ in range(2):
        assert keeper.request("DELETE", path).status == 202
        assert keeper.get(path).body == image.layers[0]
    assert registry.consumer.get(path).status == (200 if released else 403)
    assert keeper.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
    assert keeper.get(path).body == image.layers[0]
    assert keeper.request("DELETE", f"/v2/{repo}/manifests/{again.digest}").status == 202
    assert keeper.get(path).status == 404
    assert keeper.head(path).status == 404


def test_any_order_of_deletes(registry, keeper, repo):
    image = keeper.push_image(repo, "v1")
    config = digest_of(image.config)
    steps = [f"blobs/{config}", "manifests/v1", f"blobs/{digest_of(image.layers[0])}", f"manifests/{image.digest}",
             f"blobs/{digest_of(image.layers[1])}", f"blobs/{config}", f"manifests/{image.digest}"]
    statuses = [keeper.request("DELETE", f"/v2/{repo}/{step}").status for step in steps]
    assert statuses == [202, 202, 202, 202, 202, 404, 404]
    for data in image.blobs:
        assert keeper.get_blob(repo, digest_of(data)).status == 404
