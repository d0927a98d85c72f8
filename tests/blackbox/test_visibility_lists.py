"""SPEC 4, the rows about lists: tags, repositories, referrers, for each principal."""

import pytest

from client import Attachment, Client
from visibility import Content, Looker, lookers

REPO = "t/visible/lists"


@pytest.fixture(scope="module")
def content(registry):
    return Content(registry, REPO)


@pytest.fixture(scope="module")
def everybody(registry, content):
    return lookers(registry, REPO)


def test_tags(everybody):
    for looker in everybody:
        got = looker.client.get(f"/v2/{REPO}/tags/list")
        if looker.column == "N":
            assert got.status in (401, 403), looker
            continue
        want = ["both", "failed", "index", "live", "staged"] if looker.column == "Q" else ["both", "live"]
        assert got.json() == {"name": REPO, "tags": want}, looker
        assert got.headers["Cache-Control"] == ("no-store" if looker.column == "Q" else "private, no-cache")
        # A page tells as little as the whole.
        page = looker.client.get(f"/v2/{REPO}/tags/list?n={len(want)}")
        assert page.json()["tags"] == want and "Link" not in page.headers


def test_tags_of_a_repository_that_is_not_there(registry):
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
    found, path = [], "/v2/_catalog?n=1000"
    while path:
        got = client.get(path)
        assert got.status == 200, got
        found += got.json()["repositories"]
        link = got.headers.get("Link")
        path = link[link.index("<") + 1:link.index(">")] if link else None
    return found


def test_catalog(registry, content):
    only_held = "t/visible/catalog/only-held"
    registry.publisher.push_image(only_held, "v1")
    only_blob = "t/visible/catalog/only-blob"
    registry.publisher.push_blob(only_blob, b"alone")
    expected = {
        "qreader": (True, True, True), "processor": (True, True, True), "scanner": (True, True, True),
        "publisher": (True, True, False), "publisher2": (True, False, False), "maintainer": (True, False, False),
        "consumer": (True, False, False), "auditor": (False, False, False), "admin": (False, False, False),
        "stranger": (False, False, False),
    }
    for name, want in expected.items():
        seen = repositories(registry.client(name))
        assert (REPO in seen, only_held in seen, only_blob in seen) == want, name
        assert seen == sorted(seen)
    assert Client(registry.url).get("/v2/_catalog").status in (200, 401)


def test_referrers(registry, content, everybody):
    signed = registry.processor.push_image(REPO, None, Attachment(content.released))  # released at once
    for looker in everybody:
        held = looker.client.get(f"/v2/{REPO}/referrers/{content.held.digest}")
        open_ = looker.client.get(f"/v2/{REPO}/referrers/{content.released.digest}")
        nothing = looker.client.get(f"/v2/{REPO}/referrers/{content.nothing}")
        if looker.column == "N":
            assert {held.status, open_.status, nothing.status} <= {401, 403}
            continue
        assert (held.status, open_.status, nothing.status) == (200, 200, 200), looker
        assert [d["digest"] for d in open_.json()["manifests"]] == [signed.digest]
        listed = [d["digest"] for d in held.json()["manifests"]]
        assert listed == ([content.attachment.digest] if looker.column == "Q" else []), looker
        assert nothing.json()["manifests"] == []
        if looker.column != "Q":
            assert held.body == nothing.body


def test_anonymous(registry, content):
    nobody = Looker(registry, None, "none", REPO)
    guest = Looker(registry, None, "bearer", REPO)
    for path in (f"/v2/{REPO}/tags/list", f"/v2/{REPO}/referrers/{content.released.digest}",
                 f"/v2/{REPO}/referrers/{content.held.digest}", "/v2/t/visible/nowhere/tags/list"):
        assert nobody.client.get(path).status == 401
        assert guest.client.get(path).status == 404
