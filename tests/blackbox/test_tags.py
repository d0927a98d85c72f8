"""GET /v2/<name>/tags/list: order, pages, parameters."""

import pytest

from client import Image


def next_page(got):
    link = got.headers.get("Link")
    if link is None:
        return None
    assert link.endswith('>; rel="next"')
    return link[link.index("<") + 1:link.index(">")]


def pages(client, path):
    """All pages from a path on, by their Links."""
    found = []
    while path:
        got = client.get(path)
        assert got.status == 200, got
        assert got.headers["Content-Type"] == "application/json"
        found.append(got.json()["tags"])
        path = next_page(got)
    return found


@pytest.fixture(scope="module")
def tagged(registry):
    """A repository with live tags that are prefixes of each other, and staged ones between them."""
    repo = "t/tags/many"
    live = registry.publisher.push_image(repo, "b")
    registry.processor.release(repo, live.digest)
    names = ["A", "Z", "_x", "a", "a-", "a-b", "a.", "a.b", "a_", "a0", "aB", "ab", "b", "latest", "v1", "v1.0", "v1.0.0"]
    for name in names:
        assert registry.publisher.put_manifest(repo, name, live.manifest).status == 201
    held = registry.publisher.push_image(repo, "a-held")
    for name in ("0held", "zz-held"):
        assert registry.publisher.put_manifest(repo, name, held.manifest).status == 201
    return repo, sorted(names), sorted(names + ["a-held", "0held", "zz-held"])


def test_sorted_by_bytes(registry, tagged):
    repo, live, everything = tagged
    assert registry.consumer.tags(repo) == live
    assert registry.processor.tags(repo) == everything


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 17, 18, 100])
def test_pages(registry, tagged, n):
    repo, live, everything = tagged
    for client, names in ((registry.consumer, live), (registry.processor, everything)):
        got = pages(client, f"/v2/{repo}/tags/list?n={n}")
        assert [tag for page in got for tag in page] == names
        assert all(len(page) == n for page in got[:-1]) and 0 < len(got[-1]) <= n


def test_last_need_not_exist(registry, tagged):
    repo, live, _ = tagged
    for last in ("a", "a-a", "aA", "", "0", "v1.0.0", "zzz", "a-held"):
        got = registry.consumer.get(f"/v2/{repo}/tags/list?last={last}").json()["tags"]
        assert got == [t for t in live if t > last], last


def test_n_zero_is_an_empty_page(registry, tagged):
    got = registry.consumer.get(f"/v2/{tagged[0]}/tags/list?n=0")
    assert got.json()["tags"] == [] and "Link" not in got.headers


@pytest.mark.parametrize("n", ["1000000000", "2147483648", "9223372036854775808", "18446744073709551615"])
def test_a_huge_n_is_a_bounded_page(registry, tagged, n):
    got = registry.consumer.get(f"/v2/{tagged[0]}/tags/list?n={n}")
    assert got.json()["tags"] == tagged[1]


@pytest.mark.parametrize("query", ["n=-1", "n=", "n=abc", "n=%2B5", "n=5%00", "n=1.5", "n=0x10", "n=18446744073709551616",
                                   "n=1&n=2", "last=a&last=b"])
def test_bad_parameters(registry, tagged, query):
    got = registry.consumer.get(f"/v2/{tagged[0]}/tags/list?{query}")
    assert got.status == 400 and got.code, got


def test_an_empty_list_is_a_list(registry, repo):
    assert registry.consumer.get(f"/v2/{repo}/tags/list").json() == {"name": repo, "tags": []}
    image = registry.publisher.push_image(repo, None)  # by digest: no tag
    registry.processor.release(repo, image.digest)
    assert registry.consumer.tags(repo) == []


def test_a_tag_goes_with_its_deletion(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    registry.publisher.put_manifest(repo, "v2", image.manifest)
    assert registry.consumer.tags(repo) == ["v1", "v2"]
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/v1").status == 202
    assert registry.consumer.tags(repo) == ["v2"]
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
    assert registry.consumer.tags(repo) == []


def test_methods(registry, tagged):
    path = f"/v2/{tagged[0]}/tags/list"
    head = registry.consumer.head(path)
    assert head.status == 200 and head.body == b""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert registry.processor.request(method, path).status == 405


def test_names_that_look_like_routes(registry):
    """tags, blobs, manifests and list are ordinary words in a repository's name."""
    for repo in ("t/routes/tags/list", "t/routes/manifests/blobs", "tags/list", "blobs/uploads", "t/routes/tags"):
        image = registry.publisher.push_image(repo, "list", Image())
        registry.processor.release(repo, image.digest)
        assert registry.consumer.tags(repo) == ["list"]
        assert registry.consumer.get_manifest(repo, "list").body == image.manifest
