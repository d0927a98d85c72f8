"""GET /v2/_catalog: pages over the repositories that a principal sees."""

import pytest

from test_tags import next_page


def catalog(client, query=""):
    found, path = [], "/v2/_catalog" + query
    while path:
        got = client.get(path)
        assert got.status == 200, got
        page = got.json()["repositories"]
        found.append(page)
        path = next_page(got)
    return found


@pytest.fixture(scope="module")
def world(make_module_registry):
    registry = make_module_registry
    names = ["a", "a-b", "a/b", "a/b/c", "ab", "b", "team/app", "team/app-2", "team/app/x", "zone/held"]
    for name in names:
        image = registry.publisher.push_image(name, "v1")
        if name != "zone/held":
            registry.processor.release(name, image.digest)
    registry.user("narrow", ("consumer", "team/*"), ("quarantine-reader", "zone/**"))
    registry.user("one", ("consumer", "a/b"))
    return registry, names


@pytest.fixture(scope="module")
def make_module_registry(tmp_path_factory):
    from conftest import Registry
    from daemon import Daemon
    daemon = Daemon(tmp_path_factory.mktemp("catalog")).start()
    yield Registry(daemon)
    daemon.stop()


def test_everything_in_order(world):
    registry, names = world
    assert catalog(registry.processor) == [sorted(names)]
    assert catalog(registry.consumer) == [sorted(set(names) - {"zone/held"})]
    assert catalog(registry.publisher) == [sorted(names)]
    assert catalog(registry.publisher2) == [sorted(set(names) - {"zone/held"})]


@pytest.mark.parametrize("n", [1, 2, 3, 9, 10, 11])
def test_pages(world, n):
    registry, names = world
    got = catalog(registry.consumer, f"?n={n}")
    assert [r for page in got for r in page] == sorted(set(names) - {"zone/held"})
    assert all(len(page) == n for page in got[:-1])


def test_narrow_grants(world):
    registry, _ = world
    for n in (1, 2, 100):
        assert sum(catalog(registry.client("narrow"), f"?n={n}"), []) == ["team/app", "team/app-2", "zone/held"]
        assert sum(catalog(registry.client("one"), f"?n={n}"), []) == ["a/b"]
        assert sum(catalog(registry.stranger, f"?n={n}"), []) == []


def test_last(world):
    registry, names = world
    for last in ("a", "a/", "team/app", "zzz"):
        got = sum(catalog(registry.processor, f"?last={last.replace('/', '%2F')}"), [])
        assert got == sorted(name for name in names if name > last)


@pytest.mark.parametrize("query", ["?n=-1", "?n=", "?n=x", "?n=1&n=1"])
def test_bad_parameters(world, query):
    assert world[0].consumer.get("/v2/_catalog" + query).status == 400


def test_zero_and_huge(world):
    registry, names = world
    got = registry.processor.get("/v2/_catalog?n=0")
    assert got.json() == {"repositories": []} and "Link" not in got.headers
    assert registry.processor.get("/v2/_catalog?n=1000000000000").json()["repositories"] == sorted(names)
