"""SPEC 4, the rows about lists: tags, repositories, referrers, for each principal; and whoever has no grant, on every path."""

import pytest

from client import Attachment, Client, digest_of
from visibility import Content, Looker, check_like_nowhere, lookers, no_grant_statuses

REPO = "t/visible/lists"


@pytest.fixture(scope="module")
def content(registry):
    return Content(registry, REPO)


@pytest.fixture(scope="module")
def everybody(registry, content):
    return lookers(registry, REPO)


def pages(client, path, key, n):
    """Every page of a list; no page may end at, or lead to, anything that is not listed."""
    found, path = [], f"{path}{'&' if '?' in path else '?'}n={n}"
    while path:
        got = client.get(path)
        assert got.status == 200, got
        page = got.json()[key]
        assert len(page) <= n
        link = got.headers["Link"]
        path = link[link.index("<") + 1:link.index(">")] if link else None
        if path and key != "manifests":
            assert page and f"last={page[-1]}" in path.replace("%2F", "/"), link
        found += page
    return found


def test_tags_list(everybody):
    """Q: all.  W and R: the live ones."""
    for looker in everybody:
        if looker.column in ("N", "anonymous"):
            for method in ("GET", "HEAD"):
                check_like_nowhere(looker, method, "tags/list", no_grant_statuses(looker))
            continue
        got = looker.ask("GET", "tags/list")
        want = ["both", "failed", "index", "live", "staged"] if looker.column == "Q" else ["both", "live"]
        assert got.json() == {"name": REPO, "tags": want}, looker
        assert got.headers["Cache-Control"] == ("no-store" if looker.column == "Q" else "private, no-cache")
        head = looker.ask("HEAD", "tags/list")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(got.body)))
        # A page tells as little as the whole.
        page = looker.ask("GET", f"tags/list?n={len(want)}")
        assert page.json()["tags"] == want and "Link" not in page.headers
        for n in (1, 2):
            assert pages(looker.client, f"/v2/{REPO}/tags/list", "tags", n) == want


def test_tags_of_a_repository_that_is_not_there(registry):
    """`tags: []`, whether or not the repository exists."""
    for name, status in (("consumer", 200), ("publisher", 200), ("qreader", 200), ("stranger", 403), ("admin", 403)):
        got = registry.client(name).get("/v2/t/visible/nowhere/tags/list")
        assert got.status == status, name
        if status == 200:
            assert got.json() == {"name": "t/visible/nowhere", "tags": []}
    # With only held tags it looks the same.
    registry.publisher.push_image("t/visible/only-held", "v1")
    for name in ("consumer", "publisher", "publisher2", "maintainer"):
        assert registry.client(name).get("/v2/t/visible/only-held/tags/list").json()["tags"] == []


def repositories(client):
    return pages(client, "/v2/_catalog", "repositories", 1000)


def test_catalog(registry, content):
    """Q: all.  W: those with something live or own pushes.  R: those with something live."""
    only_held = "t/visible/catalog/only-held"
    registry.publisher.push_image(only_held, "v1")
    only_failed = "t/visible/catalog/only-failed"
    registry.processor.fail(only_failed, registry.publisher.push_image(only_failed, "v1").digest)
    only_blob = "t/visible/catalog/only-blob"
    registry.publisher.push_blob(only_blob, b"alone")
    expected = {
        "qreader": (True, True, True, True), "processor": (True, True, True, True), "scanner": (True, True, True, True),
        "publisher": (True, True, True, False), "publisher2": (True, False, False, False), "maintainer": (True, False, False, False),
        "consumer": (True, False, False, False), "auditor": (False,) * 4, "admin": (False,) * 4, "stranger": (False,) * 4,
    }
    for name, want in expected.items():
        seen = repositories(registry.client(name))
        assert tuple(r in seen for r in (REPO, only_held, only_failed, only_blob)) == want, name
        assert seen == sorted(seen)
        assert registry.client(name).head("/v2/_catalog").status == 200
    assert Client(registry.url).get("/v2/_catalog").status == 401


def test_catalog_of_somebody_with_several_columns(make_registry):
    """Each repository is judged by the grants on it, and no page tells of one that is not shown."""
    registry = make_registry()
    for repo in ("q/held", "r/held", "w/held", "none/held", "q/live", "r/live", "w/live", "none/live", "w/own"):
        image = registry.publisher.push_image(repo, "v1")
        if repo.endswith("live"):
            registry.processor.release(repo, image.digest)
    mixed = registry.user("mixed", ("quarantine-reader", "q/*"), ("consumer", "r/*"), ("publisher", "w/*"))
    mixed.push_image("w/own", "v2")
    want = ["q/held", "q/live", "r/live", "w/live", "w/own"]
    for n in (1, 2, 3, 100):
        assert pages(mixed, "/v2/_catalog", "repositories", n) == want
    assert pages(registry.consumer, "/v2/_catalog", "repositories", 1) == ["none/live", "q/live", "r/live", "w/live"]


def test_catalog_for_anonymous(make_registry):
    """With a grant: as any consumer, for what he may pull; without one he is asked to log in."""
    registry = make_registry()
    for repo in ("open/live", "open/held", "closed/live"):
        image = registry.publisher.push_image(repo, "v1")
        if repo.endswith("live"):
            registry.processor.release(repo, image.digest)
    nobody = Looker(registry, None, "none", "open/live")
    assert nobody.client.get("/v2/_catalog").status == 401
    registry.give("anonymous", "consumer", "open/**")
    guest = Looker(registry, None, "bearer", "open/live")
    assert repositories(guest.client) == ["open/live"]
    assert guest.client.tags("open/live") == ["v1"]
    assert Looker(registry, None, "bearer", "open/held").client.tags("open/held") == []
    assert guest.client.get("/v2/closed/live/tags/list").status == 404
    assert nobody.client.tags("open/live") == ["v1"]
    assert nobody.client.get("/v2/closed/live/tags/list").status == 401


def test_referrers(registry, content, everybody):
    """Of any subject, held, failed, released or missing, by either digest.  Q: all.  W and R: the released ones; always 200."""
    signed = registry.processor.push_image(REPO, None, Attachment(content.released))  # released at once
    own = registry.publisher2.push_image(REPO, None, Attachment(content.released))  # held in its own right
    of_failed = registry.processor.push_image(REPO, None, Attachment(content.failed))
    of_part = registry.processor.push_image(REPO, None, Attachment(content.part))
    of_attachment = registry.processor.push_image(REPO, None, Attachment(content.attachment))
    early = registry.processor.push_image(REPO, None, Attachment({"mediaType": content.held.media_type, "size": 7,
                                                                  "digest": content.nothing}))
    rows = [(content.released, {signed.digest, own.digest}, {signed.digest}), (content.held, {content.attachment.digest}, set()),
            (content.failed, {of_failed.digest}, set()), (content.part, {of_part.digest}, set()),
            (content.attachment, {of_attachment.digest}, set()), (content.index, set(), set())]
    for looker in everybody:
        if looker.column in ("N", "anonymous"):
            for digest in (content.released.digest, content.held.digest, content.nothing):
                for method in ("GET", "HEAD"):
                    check_like_nowhere(looker, method, f"referrers/{digest}", no_grant_statuses(looker))
            continue
        empty = looker.client.referrers(REPO, digest_of(b"nobody's subject"))
        assert (empty.status, empty.json()["manifests"]) == (200, []), looker
        seen = {d["digest"] for d in looker.client.referrers(REPO, content.nothing).json()["manifests"]}
        assert seen == ({early.digest} if looker.column == "Q" else set())
        for subject, all_, released in rows:
            want = all_ if looker.column == "Q" else released
            for digest in (subject.digest, digest_of(subject.manifest, "sha512")):
                got = looker.client.referrers(REPO, digest)
                assert got.status == looker.ask("HEAD", f"referrers/{digest}").status == 200, (looker, got)
                assert {d["digest"] for d in got.json()["manifests"]} == want, (looker, got)
                if not want:
                    assert got.body == empty.body
            typed = looker.client.referrers(REPO, subject.digest, "?artifactType=application/vnd.example.sbom")
            assert {d["digest"] for d in typed.json()["manifests"]} == want


def test_whoever_has_no_grant_is_answered_as_where_nothing_is(registry, content):
    """401, 403 or 404, the same for what exists and what does not: on every path, by every method, with every grant elsewhere."""
    for name in ("auditor", "admin", "stranger"):
        for scheme in ("basic", "bearer"):
            check_no_grant(registry, content, Looker(registry, name, scheme, REPO))
    for scheme in ("none", "bearer"):
        check_no_grant(registry, content, Looker(registry, None, scheme, REPO))
    elsewhere = registry.user("only-elsewhere", *((what, "other/**") for what in (
        "processor", "maintainer", "check:*", "quarantine-override", "auditor")))
    for scheme in ("basic", "bearer"):
        looker = Looker(registry, elsewhere.name, scheme, REPO)
        looker.column = "N"
        check_no_grant(registry, content, looker)


def check_no_grant(registry, content, looker):
    reads = [f"manifests/{r}" for r in ("live", "staged", "none", content.released.digest, content.held.digest, content.nothing)]
    reads += [f"blobs/{d}" for d in (content.shared, content.held_layer, content.unnamed, content.nothing)]
    reads += ["tags/list", "tags/list?n=1", f"referrers/{content.held.digest}", f"referrers/{content.released.digest}",
              "_oci/ext/discover"]
    statuses = no_grant_statuses(looker)
    for path in reads:
        for method in ("GET", "HEAD"):
            check_like_nowhere(looker, method, path, statuses)
    source = "t/visible/source"
    for digest in (registry.publisher.push_blob(source, b"to be mounted"), content.nothing):
        check_like_nowhere(looker, "POST", f"blobs/uploads/?mount={digest}&from={source}", (401, 403, 404))
    check_like_nowhere(looker, "POST", "blobs/uploads/", (401, 403, 404))
    for digest in (content.released.digest, content.held.digest, content.nothing):
        check_like_nowhere(looker, "DELETE", f"manifests/{digest}", (401, 403, 404))
        if looker.name == "auditor":
            continue  # knows the states of everything
        told = (401,) if looker.scheme == "none" else (404,)
        check_like_nowhere(looker, "GET", f"_roadstead/quarantine/{digest}", told)
        check_like_nowhere(looker, "HEAD", f"_roadstead/quarantine/{digest}", told)
