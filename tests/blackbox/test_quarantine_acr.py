"""Azure's form of decisions, attributes and lists."""

import json
import urllib.parse

import pytest

from client import Attachment, Client, Image, Index, digest_of, dumps, unique
from test_quarantine_states import events, is_readable, state
from tokens import token


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


def in_order(client, repo, images):
    """Digests by the time of the last update; of one millisecond in push order."""
    at = {m["digest"]: m["lastUpdateTime"] for m in pages(client, f"/acr/v1/{repo}/_manifests")}
    return sorted((i.digest for i in images if i.digest in at), key=lambda digest: at[digest])


def test_manifests(registry, repo, filled):
    everything = pages(registry.processor, f"/acr/v1/{repo}/_manifests?n=3&orderby=timedesc")
    updated = in_order(registry.processor, repo, filled)
    assert updated[-1] == filled[3].digest and updated != [i.digest for i in filled]  # two were released after the third was pushed
    assert [m["digest"] for m in everything] == updated[::-1]
    assert [m["digest"] for m in pages(registry.processor, f"/acr/v1/{repo}/_manifests?n=1&orderby=timeasc")] == updated
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


# -- what the lists tell of what is held --------------------------------------------------------------


def times(client, repo):
    """When each tag and each manifest was changed last, as one sees it in a list and alone; and the repository."""
    tags = {t["name"]: t["lastUpdateTime"] for t in pages(client, f"/acr/v1/{repo}/_tags")}
    for name, at in tags.items():
        assert client.get(f"/acr/v1/{repo}/_tags/{name}").json()["tag"]["lastUpdateTime"] == at
    manifests = {m["digest"]: m["lastUpdateTime"] for m in pages(client, f"/acr/v1/{repo}/_manifests")}
    return tags, manifests, client.get(f"/acr/v1/{repo}").json()["lastUpdateTime"]


@pytest.mark.parametrize("who", ["consumer", "publisher2", "maintainer"])
def test_times_tell_nothing_of_what_is_held(registry, repo, filled, who):
    """T22: a staged push to a live tag, and what becomes of it, move no time that others see."""
    client = getattr(registry, who)
    before, seen = times(client, repo), times(registry.processor, repo)
    held = registry.publisher.push_image(repo, "v1")
    assert times(client, repo) == before
    registry.processor.fail(repo, held.digest)
    registry.publisher.push_image(repo, "v9")
    assert times(client, repo) == before
    assert times(registry.processor, repo) != seen and times(registry.processor, repo)[0]["v1"] > seen[0]["v1"]


def test_the_time_of_a_tag_is_when_it_moved(registry, repo, filled):
    """A new tag on what was released long ago, and a move to it, are new; a push that repeats what is there is not."""
    tags, manifests, _ = times(registry.consumer, repo)
    for tag in ("again", "v2"):
        assert registry.publisher.put_manifest(repo, tag, filled[0].manifest).status == 201
    after, same, _ = times(registry.consumer, repo)
    assert same == manifests
    assert after["v1"] == tags["v1"] and after["again"] > max(tags.values()) and after["v2"] > tags["v2"]
    assert registry.publisher.put_manifest(repo, "v2", filled[0].manifest).status == 201
    assert times(registry.consumer, repo)[0] == after
    newest = [t["name"] for t in pages(registry.consumer, f"/acr/v1/{repo}/_tags?n=1&orderby=timedesc")]
    assert newest == sorted(after, key=lambda name: (after[name], name), reverse=True)


@pytest.mark.parametrize("order", ["timeasc", "timedesc"])
def test_a_place_in_a_list_tells_nothing_of_what_is_held(registry, repo, filled, order):
    """`last` may name anything: what is held is no more of a place for others than what does not exist."""
    for what, held, missing in (("tags", "v3", "v0"), ("manifests", filled[2].digest, "sha256:" + "0" * 64)):
        path = f"/acr/v1/{repo}/_{what}?orderby={order}&last="
        assert pages(registry.consumer, path + held) == pages(registry.consumer, path + missing) == pages(registry.consumer, path)
        assert pages(registry.processor, path + held) != pages(registry.processor, path)


@pytest.mark.parametrize("who", ["consumer", "processor"])
def test_manifests_in_the_order_of_their_last_update(registry, repo, who):
    """A release is an update: what was pushed first and released last is the newest."""
    images = [registry.publisher.push_image(repo, f"v{i}") for i in range(5)]
    for i in (3, 0, 4, 1, 2):
        registry.processor.release(repo, images[i].digest)
    client = getattr(registry, who)
    expected = in_order(client, repo, images)
    assert expected[-1] == images[2].digest and expected != [i.digest for i in images]
    for n in (1, 2, 5, 100):
        assert [m["digest"] for m in pages(client, f"/acr/v1/{repo}/_manifests?n={n}&orderby=timeasc")] == expected
        assert [m["digest"] for m in pages(client, f"/acr/v1/{repo}/_manifests?n={n}&orderby=timedesc")] == expected[::-1]
    listed = pages(client, f"/acr/v1/{repo}/_manifests?orderby=timeasc")
    assert [m["lastUpdateTime"] for m in listed] == sorted(m["lastUpdateTime"] for m in listed)
    assert all(m["createdTime"] <= m["lastUpdateTime"] for m in listed)


# -- attributes of a manifest -------------------------------------------------------------------------


def in_both(client, repo, digest):
    """A manifest's attributes alone, which are those in the list."""
    alone = attributes(client, repo, digest)
    listed, = (m for m in pages(client, f"/acr/v1/{repo}/_manifests") if m["digest"] == digest)
    assert alone == listed
    return alone


def config(**members):
    return dumps({"rootfs": {"type": "layers", "diff_ids": []}, "v": unique(), **members})


def test_attributes_of_an_image(registry, repo):
    image = registry.publisher.push_image(repo, "v1", Image(config=config(architecture="arm64", os="linux")))
    registry.publisher.put_manifest(repo, "other", image.manifest)
    seen = in_both(registry.processor, repo, image.digest)
    assert (seen["architecture"], seen["os"]) == ("arm64", "linux")
    assert seen["mediaType"] == image.media_type and seen["configMediaType"] == image.doc["config"]["mediaType"]
    assert seen["imageSize"] == len(image.manifest) + sum(map(len, image.blobs)) and seen["tags"] == ["other", "v1"]
    assert "references" not in seen
    assert seen["changeableAttributes"] == {"deleteEnabled": True, "writeEnabled": True, "listEnabled": False, "readEnabled": False,
                                            "quarantineState": "Quarantined"}
    brief = attributes(registry.consumer, repo, image.digest)
    assert set(brief) == {"digest", "createdTime", "lastUpdateTime", "changeableAttributes"}
    registry.processor.release(repo, image.digest)
    for who in ("processor", "consumer", "publisher2", "maintainer"):
        seen = in_both(getattr(registry, who), repo, image.digest)
        assert (seen["architecture"], seen["os"]) == ("arm64", "linux"), who
        assert seen["changeableAttributes"] == {"deleteEnabled": True, "writeEnabled": True, "listEnabled": True, "readEnabled": True,
                                                "quarantineState": "Passed"}


@pytest.mark.parametrize("made", [{"config": config(architecture=7, os=["linux"])}, {"config": config()}, {"config": b"no JSON"},
                                  {"config": b'{"architecture":"arm64","architecture":"amd64"}'}, {"config": b"[]"},
                                  {"config": config(architecture="x" * 200, os="")},
                                  {"config": b"{}", "config_type": "application/vnd.example.config+json"},
                                  {"config": config(architecture="amd64", os="linux", pad="x" * (2 << 20))}],
                         ids=["wrong types", "absent", "no JSON", "doubled", "an array", "too long", "another type", "too large"])
def test_a_config_that_says_no_platform(registry, repo, made):
    image = registry.publisher.push_image(repo, "v1", Image(**made))
    seen = in_both(registry.processor, repo, image.digest)
    assert "architecture" not in seen and "os" not in seen and seen["configMediaType"] == image.doc["config"]["mediaType"]


def test_the_platform_is_content_and_not_state(registry, repo):
    """Whoever sees the state but not the content, is not told what the config says: audit-read, a decision without quarantine-pull."""
    image = registry.publisher.push_image(repo, "v1", Image(config=config(architecture="arm64", os="linux")))
    index = Index([image]).push(registry.publisher, repo, "multi")
    decider = registry.user("decides-" + repo.split("/")[1], ("quarantine-decide", repo))
    for client in (registry.auditor, decider):
        seen, of_index = attributes(client, repo, image.digest), attributes(client, repo, index.digest)
        assert "imageSize" in seen and not {"architecture", "os"} & set(seen)
        assert "imageSize" in of_index and "references" not in of_index
    narrow = Client(registry.url, token(registry.processor, f"repository:{repo}:push"))
    assert "architecture" not in attributes(narrow, repo, image.digest)
    assert attributes(registry.scanner, repo, image.digest)["architecture"] == "arm64"


def test_a_config_that_is_not_readable_is_not_told(registry, repo):
    """The blob came after the manifest (quarantine was off then): the manifest does not open it."""
    registry.policy(repo, quarantine="off")
    image = Image(config=config(architecture="arm64", os="linux"))
    for data in image.layers:
        registry.publisher.push_blob(repo, data)
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    registry.policy(repo, quarantine="on")
    registry.publisher.push_blob(repo, image.config)
    assert registry.consumer.get_blob(repo, image.doc["config"]["digest"]).status == 403
    assert "architecture" not in in_both(registry.consumer, repo, image.digest)
    assert in_both(registry.processor, repo, image.digest)["architecture"] == "arm64"
    denied = registry.auditor.audit(f"repository={repo}&action=denied")
    assert sum(r["details"].get("count", 1) for r in denied) <= 1, denied  # the GET above alone is a read that was refused


def test_attributes_of_an_index(registry, repo):
    index = Index([Image(), Image(), Image()]).push(registry.publisher, repo, "multi")
    expected = [{"digest": image.digest, "architecture": platform, "os": "linux"}
                for image, platform in zip(index.images, ("amd64", "arm64", "s390x"))]
    seen = in_both(registry.processor, repo, index.digest)
    assert seen["references"] == expected
    assert "configMediaType" not in seen and "architecture" not in seen and seen["mediaType"] == index.media_type
    assert "references" not in attributes(registry.consumer, repo, index.digest)
    registry.processor.release(repo, index.digest)
    assert in_both(registry.consumer, repo, index.digest)["references"] == expected
    outer = Index([index])
    del outer.doc["manifests"][0]["platform"]
    outer.manifest = dumps(outer.doc)
    outer.digest = digest_of(outer.manifest)
    assert registry.publisher.put_manifest(repo, "outer", outer.manifest, outer.media_type).status == 201
    assert in_both(registry.processor, repo, outer.digest)["references"] == [{"digest": index.digest}]


def test_a_large_index_does_not_swell_a_list(registry, repo):
    image = registry.publisher.push_image(repo, None)
    index = Index([image] * 1000).push(registry.publisher, repo, "many")
    assert len(in_both(registry.processor, repo, index.digest)["references"]) == 128


def test_calls_that_are_not_there(registry, repo, filled):
    """As docs/api/azure.md says; nothing is deleted or changed by them."""
    for method, path, status in (("DELETE", f"_manifests/{filled[0].digest}", 405), ("DELETE", "_manifests", 405), ("DELETE", "_tags", 405),
                                 ("GET", "_metadata", 400), ("GET", f"_manifests/{filled[0].digest}/_metadata", 400), ("PUT", "_tags/v1", 405)):
        for who in ("maintainer", "processor", "admin"):
            assert getattr(registry, who).request(method, f"/acr/v1/{repo}/{path}").status == status, (who, method, path)
    assert registry.processor.get(f"/acr/v1/{repo}").json()["manifestCount"] == 4
    assert registry.admin.get("/helm/v1/repo/index.yaml").status == 404
