"""SPEC 4, the rows about manifests: each principal, by Basic and by Bearer, by GET, HEAD and conditionally, by each algorithm,
under each policy."""

import pytest

from client import Client, Image, digest_of
from visibility import (POLICIES, Content, Looker, both_digests, check_like_nowhere, lookers, no_grant_statuses)

REPO = "t/visible/manifests"


@pytest.fixture(scope="module")
def content(registry):
    return Content(registry, REPO)


@pytest.fixture(scope="module", params=POLICIES)
def scene(request, registry):
    """(Content, everybody who looks at it) under one policy."""
    repo = f"t/visible/manifests-{request.param.replace(' ', '-')}"
    return Content(registry, repo, **POLICIES[request.param]), lookers(registry, repo)


def check_headers(got, held):
    assert got.headers["Vary"] == "Authorization"
    if held:
        assert got.headers["Cache-Control"] == "no-store"
        assert got.headers["Roadstead-Quarantine"] == held
    else:
        assert "Roadstead-Quarantine" not in got.headers


def check_shown(looker, reference, image, held):
    got = looker.manifest(reference)
    assert got.status == 200, (looker, reference, got)
    assert got.body == image.manifest
    assert got.headers["Content-Type"] == image.media_type
    named = reference if ":" in reference else image.digest
    assert got.headers["Docker-Content-Digest"] == named
    assert got.headers["ETag"] == f'"{named}"'
    assert int(got.headers["Content-Length"]) == len(image.manifest)
    check_headers(got, held)
    if ":" not in reference and not held:
        assert got.headers["Cache-Control"] == "private, no-cache"
    head = looker.manifest(reference, "HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Docker-Content-Digest", "ETag", "Cache-Control", "Vary", "Roadstead-Live",
                 "Roadstead-Quarantine"):
        assert head.headers[name] == got.headers[name], (looker, name)
    for method in ("GET", "HEAD"):
        same = looker.manifest(reference, method, **{"If-None-Match": f'"{named}"'})
        assert (same.status, same.body) == (304, b""), (looker, same)
        check_headers(same, held)
        other = looker.manifest(reference, method, **{"If-None-Match": '"sha256:0"'})
        assert other.status == 200
    return got


def check_denied(looker, reference, status, code, digest):
    """The same answer by every method and whatever the client claims to have."""
    got = looker.manifest(reference)
    assert (got.status, got.code) == (status, code), (looker, reference, got)
    for method, headers in (("GET", {}), ("HEAD", {}), ("GET", {"If-None-Match": f'"{digest}"'}),
                            ("HEAD", {"If-None-Match": "*"}), ("GET", {"Range": "bytes=0-1"})):
        again = looker.manifest(reference, method, **headers)
        assert again.status == status, (looker, reference, method, headers, again)
        assert again.headers["Cache-Control"] == "no-store"
        assert "ETag" not in again.headers and "Docker-Content-Digest" not in again.headers
        assert "Roadstead-Quarantine" not in again.headers and "Roadstead-Live" not in again.headers
        if method == "GET":
            assert again.body == got.body
    return got


DENIED, UNKNOWN = (403, "DENIED"), (404, "MANIFEST_UNKNOWN")


def check_nothing(looker, reference):
    """Who has no grant, or is anonymous, is answered as in a repository that does not exist."""
    for method in ("GET", "HEAD"):
        check_like_nowhere(looker, method, f"manifests/{reference}", no_grant_statuses(looker))


# tag -> what is live, what is staged, the state of that
TAGS = {"live": ("released", None, None), "staged": (None, "held", "quarantined"), "both": ("released", "held", "quarantined"),
        "failed": (None, "failed", "failed"), "index": (None, "index", "quarantined"), "none": (None, None, None)}


@pytest.mark.parametrize("tag", TAGS)
def test_manifest_by_tag(scene, tag):
    """Q: the staged one, else the live one.  W: the live one, else 404.  R: the live one, else 403 with the reason, where that is
    disclosed."""
    content, everybody = scene
    live, staged, state = TAGS[tag]
    for looker in everybody:
        if looker.column in ("N", "anonymous"):
            check_nothing(looker, tag)
        elif staged and looker.column == "Q":
            got = check_shown(looker, tag, getattr(content, staged), state)
            assert got.headers["Roadstead-Live"] == (getattr(content, live).digest if live else None)
        elif live:
            got = check_shown(looker, tag, getattr(content, live), None)
            assert "Roadstead-Live" not in got.headers
        elif staged and looker.column == "R" and content.discloses:
            check_denied(looker, tag, *DENIED, getattr(content, staged).digest)
        else:
            check_denied(looker, tag, *UNKNOWN, content.nothing)


STATES = {"released": None, "held": "quarantined", "failed": "failed", "index": "quarantined", "part": "quarantined",
          "attachment": "quarantined"}


@pytest.mark.parametrize("name", STATES)
def test_manifest_by_digest(scene, name):
    """Q: 200.  W: the echo for whoever pushed it, else 404.  R: 403 with the reason, where that is disclosed."""
    content, everybody = scene
    image, state = getattr(content, name), STATES[name]
    pusher = "processor" if name == "attachment" else "publisher"
    for looker in everybody:
        for reference in both_digests(image.manifest):
            if looker.column in ("N", "anonymous"):
                check_nothing(looker, reference)
            elif state is None or looker.column == "Q" or (looker.name == pusher and content.echoes):
                check_shown(looker, reference, image, state)
            elif looker.column == "R" and content.discloses:
                check_denied(looker, reference, *DENIED, image.digest)
            else:
                check_denied(looker, reference, *UNKNOWN, image.digest)


def test_nothing_there(scene):
    """What is missing is 404 for who may read, whatever else he holds, and so is what another repository has."""
    content, everybody = scene
    for looker in everybody:
        for reference in (".none", content.nothing, digest_of(b"nothing", "sha512"), *both_digests(content.image_elsewhere.manifest)):
            if looker.column in ("N", "anonymous"):
                check_nothing(looker, reference)
            else:
                check_denied(looker, reference, *UNKNOWN, content.nothing)


def test_the_staged_view_names_the_live_digest(registry, content):
    got = registry.processor.get_manifest(REPO, "both")
    assert got.headers["Roadstead-Live"] == content.released.digest
    assert "Roadstead-Live" not in registry.processor.get_manifest(REPO, "staged").headers
    assert "Roadstead-Live" not in registry.processor.get_manifest(REPO, "live").headers
    assert "Roadstead-Live" not in registry.publisher.get_manifest(REPO, "both").headers


def test_the_reason(registry, content):
    got = registry.consumer.get_manifest(REPO, content.held.digest)
    assert got.message.startswith(f"{REPO}@{content.held.digest} is in quarantine since 20")
    detail = got.json()["errors"][0]["detail"]
    assert set(detail) == {"state", "since", "checks"}
    assert detail["state"] == "quarantined" and detail["checks"] == []
    failed = registry.consumer.get_manifest(REPO, content.failed.digest)
    assert failed.json()["errors"][0]["detail"]["state"] == "failed"
    assert b"a secret" not in failed.body  # the decision's details are for others
    # By tag the reason does not tell the digest.
    assert b"sha256:" not in registry.consumer.get_manifest(REPO, "staged").body


def test_a_publisher_is_told_where_his_push_is(registry, content):
    own = registry.publisher.get_manifest(REPO, "staged")
    assert (own.status, own.code) == (404, "MANIFEST_UNKNOWN")
    assert own.message.startswith(f"your push of {REPO}:staged is in quarantine since 20")
    assert "waiting for a decision" in own.message
    other = registry.publisher2.get_manifest(REPO, "staged")
    nothing = registry.publisher2.get_manifest(REPO, "none")
    assert other.body == nothing.body


def test_anonymous_without_a_grant(registry, content):
    """401 without credentials, 404 with a token of anonymous, whatever is there or not."""
    nobody = Looker(registry, None, "none", REPO)
    guest = Looker(registry, None, "bearer", REPO)
    bodies = set()
    for reference in ("live", "staged", "none", content.released.digest, content.held.digest, content.nothing):
        got = nobody.manifest(reference)
        assert (got.status, got.code) == (401, "UNAUTHORIZED")
        assert got.headers["WWW-Authenticate"].startswith("Bearer ")
        bodies.add(got.body)
        assert nobody.manifest(reference, "HEAD").status == 401
        for method in ("GET", "HEAD"):
            assert guest.manifest(reference, method).status == 404
    assert len(bodies) == 1


def test_anonymous_with_a_grant(make_registry):
    """What is released is there for everybody; what is held is as if it were not there, and nobody is told a reason."""
    registry = make_registry()  # everybody holds what anonymous holds, and other tests count what everybody holds
    repo = "t/visible/open/manifests"
    registry.admin.request("POST", "/v2/_roadstead/admin/grants",
                           body={"principal": "anonymous", "role": "consumer", "pattern": "t/visible/open/**"})
    content = Content(registry, repo)
    nobody = Looker(registry, None, "none", repo)
    guest = Looker(registry, None, "bearer", repo)
    stranger = Looker(registry, "stranger", "basic", repo)  # reads what everybody reads, and is told as little
    stranger.column = "R"
    for looker in (nobody, guest, stranger):
        check_shown(looker, "live", content.released, None)
        check_shown(looker, "both", content.released, None)
        check_shown(looker, content.released.digest, content.released, None)
    challenge = {nobody.manifest(r).body for r in ("staged", "none", content.held.digest, content.nothing)}
    assert len(challenge) == 1
    for reference in ("staged", "failed", content.held.digest, content.failed.digest, content.part.digest):
        assert nobody.manifest(reference).status == 401
        for looker in (guest, stranger):
            got = check_denied(looker, reference, *UNKNOWN, content.held.digest)
            assert got.body == looker.manifest("none").body


def test_a_repository_that_is_not_there_answers_alike(registry, content):
    """Without a grant: the same answer for what exists and for what does not, but for its name."""
    for name in ("stranger", "auditor", "admin"):
        here = registry.client(name).get_manifest(REPO, "live")
        nowhere = registry.client(name).get_manifest("t/visible/nowhere", "live")
        assert here.status == nowhere.status == 403
        assert here.body.replace(REPO.encode(), b"") == nowhere.body.replace(b"t/visible/nowhere", b"")
        assert sorted(k for k in here.headers if k != "Date") == sorted(k for k in nowhere.headers if k != "Date")


def test_grants_are_judged_at_use(registry, repo):
    """A grant that goes takes the echo, the staged view and kept answers with it, for the very next request."""
    reader = registry.user(f"reader-{repo.split('/')[1]}", ("consumer", repo))
    writer = registry.user(f"writer-{repo.split('/')[1]}", ("publisher", repo))
    held = writer.push_image(repo, "v1")
    assert writer.get_manifest(repo, held.digest).status == 200
    released = registry.publisher.push_image(repo, "v2")
    registry.processor.release(repo, released.digest)
    for _ in range(3):  # the answer is kept meanwhile
        assert reader.get_manifest(repo, "v2").status == 200
        assert reader.get_manifest(repo, released.digest).status == 200
    for client in (reader, writer):
        grants = registry.admin.get(f"/v2/_roadstead/admin/grants?principal={client.name}").json()["grants"]
        assert len(grants) == 1
        assert registry.admin.request("DELETE", f"/v2/_roadstead/admin/grants/{grants[0]['id']}").status == 204
    for client, reference in ((reader, "v2"), (reader, released.digest), (writer, held.digest), (writer, "v2")):
        assert client.get_manifest(repo, reference).status == 403


def test_release_is_seen_by_the_very_next_request(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert registry.consumer.get_manifest(repo, "v1").status == 403
    registry.processor.release(repo, image.digest)
    assert registry.consumer.get_manifest(repo, "v1").body == image.manifest
    second = registry.publisher.push_image(repo, "v1")
    for _ in range(2):
        assert registry.consumer.get_manifest(repo, "v1").body == image.manifest
        assert registry.processor.get_manifest(repo, "v1").body == second.manifest
    registry.processor.release(repo, second.digest)
    assert registry.consumer.get_manifest(repo, "v1").body == second.manifest
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{second.digest}").status == 202
    assert registry.consumer.get_manifest(repo, "v1").status == 404
    assert registry.consumer.get_manifest(repo, second.digest).status == 404
    assert registry.consumer.get_manifest(repo, image.digest).body == image.manifest


def test_by_the_other_algorithm(registry, repo):
    """A sha512 digest is the same content, for the state and for everybody's view."""
    image = Image()
    other = digest_of(image.manifest, "sha512")
    for data in image.blobs:
        registry.publisher.push_blob(repo, data)
    assert registry.publisher.put_manifest(repo, other, image.manifest).status == 201
    for reference in (image.digest, other):
        assert registry.consumer.get_manifest(repo, reference).status == 403
        assert registry.publisher2.get_manifest(repo, reference).status == 404
        for client in (registry.publisher, registry.processor):
            got = client.get_manifest(repo, reference)
            assert got.body == image.manifest
            assert got.headers["Docker-Content-Digest"] == reference
    registry.processor.release(repo, image.digest)
    for reference in (image.digest, other):
        got = registry.consumer.get_manifest(repo, reference)
        assert got.body == image.manifest
        assert got.headers["Docker-Content-Digest"] == reference and got.headers["ETag"] == f'"{reference}"'
