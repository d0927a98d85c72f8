"""SPEC 4, the rows about blobs: each principal, by Basic and by Bearer, by GET, HEAD, Range and conditionally; mounts."""

import pytest

from client import OCI_CONFIG, Client, Image, digest_of, dumps
from visibility import Content, Looker, lookers, token

REPO = "t/visible/blobs"


@pytest.fixture(scope="module")
def content(registry):
    return Content(registry, REPO)


@pytest.fixture(scope="module")
def everybody(registry, content):
    return lookers(registry, REPO)


def check_read(looker, digest, is_open):
    got = looker.blob(digest)
    assert got.status == 200, (looker, digest, got)
    assert digest_of(got.body, digest.split(":")[0]) == digest
    assert got.headers["Docker-Content-Digest"] == digest
    assert (got.headers["Cache-Control"] == "no-store") != is_open
    part = looker.blob(digest, Range="bytes=1-3")
    assert (part.status, part.body) == (206, got.body[1:4])
    assert looker.blob(digest, **{"If-None-Match": got.headers["ETag"]}).status == 304
    head = looker.blob(digest, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(got.body)


REQUESTS = [("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-0"}), ("GET", {"Range": "bytes=999999-"}),
            ("GET", {"If-None-Match": "*"}), ("HEAD", {"If-None-Match": "*"})]


def check_denied(looker, digest, status, head_status):
    for method, headers in REQUESTS:
        if "If-None-Match" in headers:
            headers = {"If-None-Match": f'"{digest}"'}
        got = looker.blob(digest, method, **headers)
        want = head_status if method == "HEAD" else status
        if want == 200 and headers:
            assert got.status in (200, 304), (looker, got)
            continue
        assert got.status == want, (looker, digest, method, headers, got)
        assert got.headers["Cache-Control"] == "no-store"
        if want != 200:
            assert "ETag" not in got.headers and "Content-Range" not in got.headers
    if head_status == 200:
        assert int(looker.blob(digest, "HEAD").headers["Content-Length"]) > 0


# blob -> for columns Q P W R the status of GET/HEAD
ROWS = {
    "released_layer": "open open open open",
    "shared": "open open open open",
    "held_layer": "read 403/200 403/200 403/403",
    "held_config": "read read 403/200 403/403",
    "unnamed": "read 403/200 403/200 403/403",
    "nothing": "404/404 404/404 404/404 404/404",
    "elsewhere": "404/404 404/404 404/404 404/404",
}


@pytest.mark.parametrize("row", ROWS)
def test_every_column(content, everybody, row):
    digest = getattr(content, row)
    expected = dict(zip("QPWR", ROWS[row].split()))
    for looker in everybody:
        if looker.column == "N":
            for method, headers in REQUESTS:
                assert looker.blob(digest, method, **headers).status in (401, 403), looker
            continue
        want = expected[looker.column]
        if want in ("open", "read"):
            check_read(looker, digest, want == "open")
        else:
            check_denied(looker, digest, *map(int, want.split("/")))


def test_the_reason(registry, content):
    got = registry.consumer.get_blob(REPO, content.held_layer)
    assert got.code == "DENIED"
    assert got.message.startswith(f"blob {content.held_layer} of {REPO} is in quarantine since 20")
    assert got.json()["errors"][0]["detail"]["state"] == "quarantined"
    assert registry.consumer.get_blob(REPO, content.nothing).code == "BLOB_UNKNOWN"


def test_anonymous(registry, content):
    nobody = Looker(registry, None, "none", REPO)
    guest = Looker(registry, None, "bearer", REPO)
    for digest in (content.shared, content.held_layer, content.nothing):
        for method, headers in REQUESTS:
            assert nobody.blob(digest, method, **headers).status == 401
            assert guest.blob(digest, method, **headers).status == 404


def test_released_blobs_stay_open_through_the_released_manifest_alone(registry, repo):
    """A layer of a released and of a held image is readable; what the held one adds is not, and closes with its release only."""
    shared = f"shared {repo}".encode()
    first = registry.publisher.push_image(repo, "v1", layers=[shared])
    registry.processor.release(repo, first.digest)
    second = registry.publisher.push_image(repo, "v2", layers=[shared, f"new {repo}".encode()])
    new = digest_of(second.layers[1])
    assert registry.consumer.get_blob(repo, digest_of(shared)).body == shared
    assert registry.consumer.get_blob(repo, new).status == 403
    registry.processor.release(repo, second.digest)
    assert registry.consumer.get_blob(repo, new).body == second.layers[1]
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{second.digest}").status == 202
    assert registry.consumer.get_blob(repo, new).status in (403, 404)  # nothing released opens it any more
    assert registry.consumer.get_blob(repo, digest_of(shared)).body == shared


def test_a_blob_that_nothing_names(registry, repo):
    """With quarantine off its uploader reads it, nobody else; with quarantine on he does not either."""
    data = f"alone {repo}".encode()
    digest = registry.publisher.push_blob(repo, data)
    assert registry.publisher.get_blob(repo, digest).status == 403
    registry.policy(repo, quarantine="off")
    assert registry.publisher.get_blob(repo, digest).body == data
    assert registry.publisher.get_blob(repo, digest, Range="bytes=0-1").body == data[:2]
    assert registry.publisher2.get_blob(repo, digest).status == 403
    assert registry.publisher2.head(f"/v2/{repo}/blobs/{digest}").status == 200
    assert registry.consumer.get_blob(repo, digest).status == 403
    registry.policy(repo, quarantine="observe")
    assert registry.publisher.get_blob(repo, digest).body == data
    registry.policy(repo, quarantine="on")
    assert registry.publisher.get_blob(repo, digest).status == 403


def test_what_is_held_stays_closed_when_quarantine_goes_off(registry, repo):
    held = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine="off")
    for data in held.layers:
        assert registry.consumer.get_blob(repo, digest_of(data)).status == 403
        assert registry.publisher.get_blob(repo, digest_of(data)).status == 403
    assert registry.consumer.get_manifest(repo, "v1").status == 403


def test_the_echo_is_for_the_uploader_alone(registry, repo):
    """A config goes back to who uploaded it and pushed its manifest; naming somebody else's blob opens nothing."""
    image = registry.publisher.push_image(repo, "v1")
    config = digest_of(image.config)
    assert registry.publisher.get_blob(repo, config).body == image.config
    # publisher2 pushes the very same manifest without having uploaded the config
    assert registry.publisher2.put_manifest(repo, "v2", image.manifest).status == 201
    assert registry.publisher2.get_manifest(repo, image.digest).body == image.manifest
    assert registry.publisher2.get_blob(repo, config).status == 403
    # and uploads it, which gives him what he sent
    registry.publisher2.push_blob(repo, image.config)
    assert registry.publisher2.get_blob(repo, config).body == image.config
    for data in image.layers:
        registry.publisher2.push_blob(repo, data)
        assert registry.publisher2.get_blob(repo, digest_of(data)).status == 403


def test_no_echo_of_a_layer_that_calls_itself_config(registry, repo):
    """The config of another manifest that is somebody's layer: only its uploader gets it back, and only as image config."""
    image = registry.publisher.push_image(repo, "v1")
    layer = digest_of(image.layers[0])
    forged = {**image.doc, "config": {"mediaType": OCI_CONFIG, "digest": layer, "size": len(image.layers[0])}}
    assert registry.publisher2.put_manifest(repo, "v2", dumps(forged)).status == 201
    assert registry.publisher2.get_blob(repo, layer).status == 403
    other = Image(config_type="application/vnd.example.config+json")
    registry.publisher.push_image(repo, "v3", other)
    assert registry.publisher.get_blob(repo, digest_of(other.config)).status == 403


def test_no_echo_of_a_large_config(registry, repo):
    large = Image(config=dumps({"pad": "x" * 1048576}))
    registry.publisher.push_image(repo, "v1", large)
    assert registry.publisher.get_blob(repo, digest_of(large.config)).status == 403
    assert registry.publisher.head(f"/v2/{repo}/blobs/{digest_of(large.config)}").status == 200
    assert registry.publisher.get_manifest(repo, large.digest).status == 200


# ---- mounts ----


def mount(client, target, digest, source=None):
    query = f"mount={digest}" + (f"&from={source}" if source else "")
    return client.request("POST", f"/v2/{target}/blobs/uploads/?{query}")


@pytest.mark.parametrize("row", ROWS)
def test_a_mount_takes_what_get_gives(registry, content, repo, row):
    """201 exactly for what the principal could GET at the source; else 202 with an upload location, or 403 without push."""
    digest = getattr(content, row)
    for name in ("publisher", "publisher2", "maintainer", "processor", "consumer", "qreader", "auditor", "stranger"):
        client = registry.client(name)
        readable = client.get_blob(REPO, digest).status == 200
        may_push = name in ("publisher", "publisher2", "maintainer", "processor")
        target = f"{repo}/{name}"
        got = mount(client, target, digest, REPO)
        if not may_push:
            assert got.status == 403, (name, got)
            continue
        assert got.status == (201 if readable else 202), (name, row, got)
        if not readable:
            assert "/blobs/uploads/" in got.headers["Location"]
            assert registry.qreader.head(f"/v2/{target}/blobs/{digest}").status == 404  # nothing came over


def test_a_mount_opens_nothing(registry, content, repo):
    """Whoever mounts what he may read in quarantine has it held at the target as well."""
    got = mount(registry.processor, repo, content.held_layer, REPO)
    assert got.status == 201
    assert registry.consumer.get_blob(repo, content.held_layer).status == 403
    assert registry.processor.get_blob(repo, content.held_layer).status == 200


def test_a_mount_without_source(registry, content, repo):
    assert mount(registry.publisher2, repo, content.shared).status == 201
    assert mount(registry.publisher2, repo, content.held_layer).status == 202
    assert mount(registry.publisher2, repo, content.nothing).status == 202
    assert mount(registry.publisher2, repo, content.unnamed).status == 202


def test_a_mount_with_a_token_of_the_target_alone(registry, content, repo):
    """401 that names both scopes only when the principal could read the blob at the source; else 202."""
    def as_token(name, *scopes):
        return Client(registry.url, token(registry.client(name), *scopes))

    target_only = as_token("publisher2", f"repository:{repo}:pull,push")
    got = mount(target_only, repo, content.shared, REPO)
    assert got.status == 401, got
    challenge = got.headers["WWW-Authenticate"]
    assert f"repository:{REPO}:pull" in challenge and f"repository:{repo}:" in challenge
    for digest in (content.held_layer, content.unnamed, content.nothing):
        assert mount(target_only, repo, digest, REPO).status == 202
    assert mount(target_only, repo, content.shared, "t/visible/nowhere").status == 202
    both = as_token("publisher2", f"repository:{repo}:pull,push", f"repository:{REPO}:pull")
    assert mount(both, repo, content.shared, REPO).status == 201
