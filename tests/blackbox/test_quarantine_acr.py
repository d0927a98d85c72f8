"""Azure's form of decisions, attributes and lists."""

import json
import urllib.parse

import pytest

from client import Attachment, Image
from test_quarantine_states import events, is_readable, state


def patch(client, repo, digest, body):
    return client.request("PATCH", f"/acr/v1/{repo}/_manifests/{digest}", body=body)


def attributes(client, repo, digest):
    got = client.get(f"/acr/v1/{repo}/_manifests/{digest}")
    return got.json()["manifest"] if got.status == 200 else got.status


def test_the_documented_flow(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    seen = attributes(registry.processor, repo, image.digest)
    assert seen["digest"] == image.digest and seen["tags"] == ["v1"]
    assert seen["changeableAttributes"]["quarantineState"] == "Quarantined"
    details = json.dumps({"scanner": "clean", "state": "done"})
    got = patch(registry.processor, repo, image.digest, {"quarantineState": "Passed", "quarantineDetails": details})
    assert got.status == 200, got
    assert got.json()["imageName"] == repo and got.json()["registry"] == registry.url.split("//")[1]
    changed = got.json()["manifest"]["changeableAttributes"]
    assert changed["quarantineState"] == "Passed" and json.loads(changed["quarantineDetails"]) == json.loads(details)
    assert is_readable(registry, repo, image)
    record, = registry.auditor.audit(f"repository={repo}&action=released")
    assert record["details"] == {"scanner": "clean", "state": "done"}
    assert [e[0] for e in events(registry, repo)] == ["quarantine", "push"]


def test_details_that_are_no_json_stay_text(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    got = patch(registry.processor, repo, image.digest, {"quarantineState": "Failed", "quarantineDetails": "3 critical: {"})
    assert got.json()["manifest"]["changeableAttributes"]["quarantineDetails"] == "3 critical: {"
    record, = registry.auditor.audit(f"repository={repo}&action=failed")
    assert record["details"] == "3 critical: {"
    assert state(registry, repo, image) == "failed"


@pytest.mark.parametrize("body,says", [({"deleteEnabled": False}, "deleteEnabled"), ({"quarantineState": "Passed", "x": 1}, "x"),
                                       ({"quarantineState": "Maybe"}, "quarantineState"), ({}, "quarantineState"),
                                       ({"quarantineState": "Passed", "quarantineDetails": {}}, "quarantineDetails"),
                                       ({"quarantineState": "Passed", "writeEnabled": True}, "writeEnabled")])
def test_other_attributes_are_answered_400_with_a_clear_message(registry, repo, body, says):
    image = registry.publisher.push_image(repo, "v1")
    got = patch(registry.processor, repo, image.digest, body)
    assert got.status == 400 and says in got.message, got
    assert state(registry, repo, image) == "quarantined"


def test_never_back(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    for asked in ("Failed", "Quarantined"):
        got = patch(registry.processor, repo, image.digest, {"quarantineState": asked})
        assert got.status == 409 and "only for the first release" in got.message
    again = patch(registry.processor, repo, image.digest, {"quarantineState": "Passed"})
    assert again.status == 200


@pytest.mark.parametrize("who,told", [("processor", "full"), ("qreader", "full"), ("scanner", "full"), ("auditor", "full"),
                                      ("publisher", "brief"), ("consumer", "brief"), ("publisher2", 404), ("stranger", 404),
                                      ("admin", 404), ("maintainer", 404), ("anonymous", 401)])
def test_attributes_are_for_whom_the_state_is_for(registry, repo, who, told):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest, "secret finding")
    seen = attributes(getattr(registry, who), repo, image.digest)
    if isinstance(told, int):
        assert seen == told
        return
    assert seen["changeableAttributes"]["quarantineState"] == "Failed"
    assert ("quarantineDetails" in seen["changeableAttributes"]) == (told == "full")
    assert ("tags" in seen) == (told == "full")
    if told == "brief":
        assert patch(getattr(registry, who), repo, image.digest, {"quarantineState": "Passed"}).status == 403


def test_paths_as_azures_clients_write_them(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    path = f"/acr/v1/{urllib.parse.quote(repo, safe='')}/_manifests/{urllib.parse.quote(image.digest, safe='')}"
    assert registry.processor.get(path).json()["manifest"]["digest"] == image.digest


@pytest.fixture
def filled(registry, repo):
    """v1 and v2 are live, v3 is staged, v2 has something newer staged."""
    images = [registry.publisher.push_image(repo, f"v{i}") for i in (1, 2, 3)]
    for image in images[:2]:
        registry.processor.release(repo, image.digest)
    images.append(registry.publisher.push_image(repo, "v2"))
    return images


def pages(client, path):
    """Every page of a list, joined; the name of the list is the last part of the path."""
    found = []
    key = path.split("?")[0].rsplit("_", 1)[1]
    while path:
        got = client.get(path)
        assert got.status == 200, got
        found += got.json()[key]
        link = got.headers["Link"]
        path = link[1:link.index(">")] if link else None
    return found


@pytest.mark.parametrize("order", ["", "none", "timeasc", "timedesc"])
def test_tags_for_who_sees_all(registry, repo, filled, order):
    tags = pages(registry.processor, f"/acr/v1/{repo}/_tags?n=2&orderby={order}")
    assert {t["name"]: t["digest"] for t in tags} == {"v1": filled[0].digest, "v2": filled[3].digest, "v3": filled[2].digest}
    by_time = order.startswith("time")
    in_order = sorted(tags, key=lambda t: (t["lastUpdateTime"] if by_time else "", t["name"]), reverse=order == "timedesc")
    assert tags == in_order


@pytest.mark.parametrize("who", ["consumer", "publisher"])
def test_tags_for_others_are_the_live_ones(registry, repo, filled, who):
    client = getattr(registry, who)
    tags = pages(client, f"/acr/v1/{repo}/_tags?n=1")
    assert [(t["name"], t["digest"]) for t in tags] == [("v1", filled[0].digest), ("v2", filled[1].digest)]
    assert client.get(f"/acr/v1/{repo}/_tags/v2").json()["tag"]["digest"] == filled[1].digest
    assert client.get(f"/acr/v1/{repo}/_tags/v3").status == 404
    assert [t["name"] for t in pages(client, f"/acr/v1/{repo}/_tags?digest={filled[1].digest}")] == ["v2"]


def test_manifests(registry, repo, filled):
    everything = pages(registry.processor, f"/acr/v1/{repo}/_manifests?n=3&orderby=timedesc")
    assert [m["digest"] for m in everything] == [i.digest for i in reversed(filled)]
    assert [m["digest"] for m in pages(registry.processor, f"/acr/v1/{repo}/_manifests?n=1&orderby=timeasc")] == [
        i.digest for i in filled]
    assert [m["digest"] for m in pages(registry.processor, f"/acr/v1/{repo}/_manifests?n=2")] == sorted(i.digest for i in filled)
    seen = pages(registry.consumer, f"/acr/v1/{repo}/_manifests")
    assert {m["digest"] for m in seen} == {i.digest for i in filled[:2]}
    by_digest = {m["digest"]: m for m in seen}
    assert by_digest[filled[0].digest]["tags"] == ["v1"]
    assert by_digest[filled[0].digest]["imageSize"] == len(filled[0].manifest) + sum(map(len, filled[0].blobs))


def test_repositories(registry, repo, filled):
    seen = registry.processor.get(f"/acr/v1/{repo}").json()
    assert (seen["manifestCount"], seen["tagCount"], seen["imageName"]) == (4, 3, repo)
    seen = registry.consumer.get(f"/acr/v1/{repo}").json()
    assert (seen["manifestCount"], seen["tagCount"]) == (2, 2)
    assert registry.stranger.get(f"/acr/v1/{repo}").status in (403, 404)
    held_only = repo + "/held"
    registry.publisher.push_image(held_only, "v1")
    for path in (f"/acr/v1/{held_only}", f"/acr/v1/{held_only}/_tags", f"/acr/v1/{held_only}/_manifests"):
        missing = registry.consumer.get(path.replace(held_only, repo + "/never"))
        hidden = registry.consumer.get(path)
        assert (hidden.status, hidden.code) == (missing.status, missing.code) == (404, "NAME_UNKNOWN")
        assert registry.processor.get(path).status == 200
    names = registry.processor.get(f"/acr/v1/_catalog?n=1000&last={repo[:-1]}").json()["repositories"]
    assert repo in names and held_only in names
    assert held_only not in registry.consumer.get(f"/acr/v1/_catalog?n=1000&last={repo[:-1]}").json()["repositories"]


def test_what_is_listed_has_properties(registry, repo):
    """Azure's clients ask for the properties of every repository that they were listed."""
    registry.publisher.push_blob(repo, b"a blob alone")
    assert repo in registry.processor.get(f"/acr/v1/_catalog?n=1000&last={repo[:-1]}").json()["repositories"]
    seen = registry.processor.get(f"/acr/v1/{repo}").json()
    assert (seen["manifestCount"], seen["tagCount"], seen["imageName"]) == (0, 0, repo)
    assert seen["createdTime"] and seen["lastUpdateTime"]
    for who in ("publisher", "consumer"):
        assert repo not in getattr(registry, who).get(f"/acr/v1/_catalog?n=1000&last={repo[:-1]}").json()["repositories"]
        assert getattr(registry, who).get(f"/acr/v1/{repo}").status == 404


def test_delete_a_tag(registry, repo, filled):
    assert registry.publisher.request("DELETE", f"/acr/v1/{repo}/_tags/v1").status == 403
    assert registry.maintainer.request("DELETE", f"/acr/v1/{repo}/_tags/v1").status == 202
    assert registry.consumer.tags(repo) == ["v2"]


def test_what_cannot_be_changed_says_so(registry, repo, filled):
    for path in (f"/acr/v1/{repo}", f"/acr/v1/{repo}/_tags/v1"):
        got = registry.processor.request("PATCH", path, body={"writeEnabled": False})
        assert got.status == 400 and "cannot be changed" in got.message


@pytest.mark.parametrize("query", ["orderby=size", "n=x", "digest=sha256:12"])
def test_lists_refuse_what_they_do_not_understand(registry, repo, filled, query):
    assert registry.processor.get(f"/acr/v1/{repo}/_tags?{query}").status == 400


def test_attachments_are_in_the_list_of_manifests(registry, repo):
    image = registry.publisher.push_image(repo, "v1", Image())
    sbom = registry.processor.push_image(repo, None, Attachment(image))
    assert {m["digest"] for m in pages(registry.processor, f"/acr/v1/{repo}/_manifests")} == {image.digest, sbom.digest}
