"""SPEC 4, mounts: what GET gives at the source comes over, and the answer to everything else tells nothing."""

import pytest

from client import Client, digest_of
from visibility import POLICIES, Content, both_digests, token

REPO = "t/visible/mounts"


@pytest.fixture(scope="module")
def content(registry):
    return Content(registry, REPO)


def mount(client, target, digest, source=None):
    query = f"mount={digest}" + (f"&from={source}" if source else "")
    return client.request("POST", f"/v2/{target}/blobs/uploads/?{query}")


BLOBS = ["released_layer", "shared", "held_layer", "held_config", "unnamed", "nothing", "elsewhere"]
MAY_PUSH = {"publisher", "publisher2", "maintainer", "processor", "scanner"}


def shape(answer):
    """An answer but for what differs between any two uploads."""
    session = answer.headers["Location"].split("?")[0].rsplit("/", 1)[1]
    headers = [(k, v.replace(session, "")) for k, v in answer.headers.items() if k not in ("Date", "X-Request-Id", "Location")]
    return answer.status, answer.body, sorted(headers)


@pytest.fixture(scope="module", params=POLICIES)
def scene(request, registry):
    """Content under one policy."""
    return Content(registry, f"t/visible/mounts-{request.param.replace(' ', '-')}", **POLICIES[request.param])


@pytest.mark.parametrize("name", BLOBS)
def test_mount_of_a_source_that_is_not_readable(registry, scene, repo, name):
    """201 exactly for what the principal could GET at the source.  Else an upload like any other for whoever may push, and 403
    for who may not, whatever he could read."""
    known = {digest_of(d): d for image in (scene.released, scene.held) for d in image.blobs}
    known[scene.unnamed] = f"unnamed blob of {scene.repo}".encode()
    data = known.get(getattr(scene, name))
    for who in ("publisher", "publisher2", "maintainer", "processor", "scanner", "consumer", "qreader", "auditor", "stranger"):
        client = registry.client(who)
        for digest in both_digests(data) if data else [getattr(scene, name)]:
            target = f"{repo}/{who}-{digest[:6]}"
            readable = client.get_blob(scene.repo, digest).status == 200
            got = mount(client, target, digest, scene.repo)
            if who not in MAY_PUSH:
                assert (got.status, got.code) == (403, "DENIED"), (who, got)
            elif readable:
                assert got.status == 201 and got.headers["Docker-Content-Digest"] == digest, (who, got)
                assert registry.qreader.get_blob(target, digest).status == 200
            else:
                plain = client.request("POST", f"/v2/{target}/blobs/uploads/")
                assert plain.status == 202 and shape(got) == shape(plain), (who, name, got)
                assert registry.qreader.head(f"/v2/{target}/blobs/{digest}").status == 404  # nothing came over


def test_an_unreadable_source_still_gives_an_upload_that_works(registry, content, repo):
    data = content.held.layers[1]
    got = mount(registry.publisher2, repo, content.held_layer, REPO)
    where = got.headers["Location"] + ("&" if "?" in got.headers["Location"] else "?") + "digest=" + content.held_layer
    done = registry.publisher2.request("PUT", where, body=data, content_type="application/octet-stream")
    assert done.status == 201
    assert registry.qreader.get_blob(repo, content.held_layer).body == data


def test_whoever_mounts_is_given_nothing_back(registry, content, repo):
    """A mount sends no bytes: neither an unnamed blob where quarantine is off nor a config is the mounter's own."""
    registry.policy(repo, quarantine="off")
    assert mount(registry.publisher2, repo, content.released_layer, REPO).status == 201
    assert registry.publisher2.head(f"/v2/{repo}/blobs/{content.released_layer}").status == 200
    assert registry.publisher2.get_blob(repo, content.released_layer).status == 403
    registry.publisher2.push_blob(repo, content.released.layers[1])
    assert registry.publisher2.get_blob(repo, content.released_layer).status == 200


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


def as_token(registry, name, *scopes):
    return Client(registry.url, token(registry.client(name), *scopes))


def test_a_mount_with_a_token_of_the_target_alone(registry, content, repo):
    """401 that names both scopes only when the principal could read the blob at the source; else 202."""
    target_only = as_token(registry, "publisher2", f"repository:{repo}:pull,push")
    got = mount(target_only, repo, content.shared, REPO)
    assert got.status == 401, got
    challenge = got.headers["WWW-Authenticate"]
    assert f"repository:{REPO}:pull" in challenge and f"repository:{repo}:" in challenge
    for digest in (content.held_layer, content.unnamed, content.nothing):
        assert mount(target_only, repo, digest, REPO).status == 202
    assert mount(target_only, repo, content.shared, "t/visible/nowhere").status == 202
    both = as_token(registry, "publisher2", f"repository:{repo}:pull,push", f"repository:{REPO}:pull")
    assert mount(both, repo, content.shared, REPO).status == 201
    # Who could never read it there gets no such 401: it would send him for a token in vain, and tell him of the blob.
    alone = registry.user("alone-" + repo.split("/")[1], ("publisher", repo))
    assert mount(as_token(registry, alone.name, f"repository:{repo}:pull,push"), repo, content.shared, REPO).status == 202


def test_with_basic_there_is_no_401_for_a_mount(registry, content, repo):
    for name in ("publisher2", "maintainer", "processor"):
        for source in (REPO, None, "t/visible/nowhere"):
            for digest in (getattr(content, row) for row in BLOBS):
                assert mount(registry.client(name), f"{repo}/{name}", digest, source).status in (201, 202)


def test_a_source_that_was_taken_away_is_not_readable(registry, content, repo):
    """The grant at the source is judged at the mount."""
    reader = registry.user("source-" + repo.split("/")[1], ("publisher", repo), ("consumer", REPO))
    assert mount(reader, repo, content.shared, REPO).status == 201
    registry.take(reader.name, "consumer")
    assert mount(reader, repo, content.released_layer, REPO).status == 202
    assert mount(reader, repo, content.released_layer).status == 202
