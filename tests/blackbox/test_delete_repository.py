"""DELETE /acr/v1/<name>: every manifest of a repository, as one delete by digest after the other would."""

import threading
import urllib.parse

import pytest

from client import Attachment, Client, Image, Index
from tokens import token


@pytest.fixture
def deleter(registry, repo):
    """Somebody who may delete there and see everything."""
    name = "del-" + repo.split("/")[1]
    return registry.user(name, ("processor", "t/**"), ("delete", "t/**"))


def delete(client, repo):
    return client.request("DELETE", f"/acr/v1/{repo}")


def deleted(got):
    assert got.status == 202 and set(got.json()) == {"manifestsDeleted", "tagsDeleted"}, got
    return got.json()


@pytest.fixture
def filled(registry, repo):
    """live: v1, v2 (with something newer staged), the index multi with two images; held: v2, v3; failed: bad; an SBOM of v3."""
    p, q = registry.publisher, registry.processor
    made = {"v1": p.push_image(repo, "v1"), "v2": p.push_image(repo, "v2"), "multi": Index([Image(), Image()]).push(p, repo, "multi")}
    for name in ("v1", "v2", "multi"):
        q.release(repo, made[name].digest)
    made.update({"v2 new": p.push_image(repo, "v2"), "v3": p.push_image(repo, "v3"), "bad": p.push_image(repo, "bad")})
    q.fail(repo, made["bad"].digest, {"virus": 1})
    made["sbom"] = q.push_image(repo, None, Attachment(made["v3"]))
    made["arm"], made["amd"] = made["multi"].images
    return made


RELEASED = ("v1", "v2", "multi", "arm", "amd")


def test_everything_goes_and_is_told_of(registry, repo, filled, deleter):
    last_event = registry.auditor.events()[-1]["sequence"]
    last_record = registry.auditor.audit()[-1]["sequence"]
    answer = deleted(delete(deleter, repo))
    everything = sorted(image.digest for image in filled.values())
    assert sorted(answer["manifestsDeleted"]) == everything
    assert sorted(answer["tagsDeleted"]) == ["bad", "multi", "v1", "v2", "v3"]

    for client in (registry.processor, registry.consumer, registry.publisher):
        assert client.tags(repo) == []
        for image in filled.values():
            assert client.get_manifest(repo, image.digest).status == 404
        if client is registry.processor:
            continue  # it sees the blobs until they are collected
        for path in (f"/acr/v1/{repo}", f"/acr/v1/{repo}/_tags", f"/acr/v1/{repo}/_manifests"):
            assert client.get(path).status == 404
        for listing in ("/v2/_catalog", "/acr/v1/_catalog"):
            assert repo not in client.get(f"{listing}?n=1000&last={repo[:-1]}").json()["repositories"], listing
    left = registry.processor.get(f"/acr/v1/{repo}").json()
    assert (left["manifestCount"], left["tagCount"]) == (0, 0)
    for what in ("tags", "manifests"):
        assert registry.processor.get(f"/acr/v1/{repo}/_{what}").json()[what] == []
    assert delete(deleter, repo).status == 404

    records = registry.auditor.audit(f"repository={repo}", after=last_record)
    assert {(r["action"], r["actor"]) for r in records} == {("deleted", deleter.name)}
    assert sorted(r["digest"] for r in records) == everything
    tags = {r["digest"]: sorted(r["tags"]) for r in records}
    assert {name: tags[image.digest] for name, image in filled.items()} == {
        "v1": ["v1"], "v2": ["v2"], "multi": ["multi"], "v2 new": ["v2"], "v3": ["v3"], "bad": ["bad"], "sbom": [], "arm": [], "amd": []}
    events = registry.auditor.events(last_event, repo)
    assert [e["type"] for e in events] == ["delete"] * len(everything) and sorted(e["digest"] for e in events) == everything
    # What names goes before what is named, so that nobody pulls an index without its images.
    at = [e["digest"] for e in events]
    assert at.index(filled["multi"].digest) < min(at.index(filled[n].digest) for n in ("arm", "amd"))


def test_held_content_is_told_of_to_the_few_only(registry, repo, filled, deleter):
    last = registry.auditor.events()[-1]["sequence"]
    deleted(delete(deleter, repo))
    seen = registry.consumer.events(last, repo)
    assert sorted(e["digest"] for e in seen) == sorted(filled[n].digest for n in RELEASED)


def test_verdicts_outlive_it_and_nothing_comes_back_released(registry, repo, filled, deleter):
    deleted(delete(deleter, repo))
    again = registry.publisher.put_manifest(repo, "bad", filled["bad"].manifest)
    assert again.status == 201 and again.headers["Warning"]
    assert registry.processor.state(repo, filled["bad"].digest).json()["state"] == "failed"
    registry.publisher.push_image(repo, "v1", filled["v1"])
    assert registry.processor.state(repo, filled["v1"].digest).json()["state"] == "quarantined"
    assert registry.consumer.get_manifest(repo, "v1").status == 403


@pytest.mark.parametrize("who,grants,sees", [
    ("everything", [("processor", "t/**"), ("delete", "t/**")], "all"),
    ("what it may pull", [("maintainer", "t/**")], "released"),
    ("what it may pull, as consumer", [("consumer", "t/**"), ("delete", "t/**")], "released"),
    ("nothing", [("delete", "t/**")], "nothing"),
    ("no states either", [("delete", "t/**"), ("auditor", "t/**")], "nothing")])
def test_the_answer_names_what_the_caller_may_see(registry, repo, filled, who, grants, sees):
    """Deleting needs no right to read, and gives none."""
    client = registry.user("sees-" + repo.split("/")[1], *grants)
    answer = deleted(delete(client, repo))
    manifests = {"all": list(filled), "released": RELEASED, "nothing": []}[sees]
    tags = {"all": ["bad", "multi", "v1", "v2", "v3"], "released": ["multi", "v1", "v2"], "nothing": []}[sees]
    assert sorted(answer["manifestsDeleted"]) == sorted(filled[n].digest for n in manifests), who
    assert sorted(answer["tagsDeleted"]) == tags, who
    assert registry.processor.get(f"/acr/v1/{repo}").json()["manifestCount"] == 0


@pytest.mark.parametrize("actions,status,sees", [("delete", 202, False), ("pull,delete", 202, True), ("pull,push", 401, False)])
def test_with_a_token(registry, repo, filled, deleter, actions, status, sees):
    """A token that covers no read names nothing."""
    client = Client(registry.url, token(deleter, f"repository:{repo}:{actions}"))
    got = delete(client, repo)
    assert got.status == status
    if status == 202:
        assert bool(deleted(got)["manifestsDeleted"]) == sees and bool(deleted(got)["tagsDeleted"]) == sees
    assert registry.processor.get(f"/acr/v1/{repo}").json()["manifestCount"] == (0 if status == 202 else len(filled))


@pytest.mark.parametrize("who,status", [("publisher", 403), ("consumer", 403), ("processor", 403), ("admin", 403), ("stranger", 403),
                                        ("anonymous", 401)])
def test_it_needs_delete(registry, repo, filled, who, status):
    assert delete(getattr(registry, who), repo).status == status
    assert registry.processor.get(f"/acr/v1/{repo}").json()["manifestCount"] == len(filled)


def test_what_is_not_there(registry, repo):
    got = delete(registry.maintainer, repo)
    assert (got.status, got.code) == (404, "NAME_UNKNOWN")
    registry.publisher.push_blob(repo, b"a blob alone")
    assert delete(registry.maintainer, repo).status == 404


def test_names_in_one_another_and_as_azures_clients_write_them(registry, repo):
    inside, beside = f"{repo}/inside", f"{repo}-beside"
    for name in (repo, inside, beside):
        registry.publisher.push_image(name, "v1")
    assert registry.maintainer.request("DELETE", f"/acr/v1/{urllib.parse.quote(repo, safe='')}").status == 202
    assert registry.processor.tags(repo) == []
    assert registry.processor.tags(inside) == registry.processor.tags(beside) == ["v1"]


def test_many_manifests_and_a_push_meanwhile(registry, repo, deleter):
    """More than one transaction's worth.  What was there is gone at the end, and no push that came afterwards."""
    image = Image()
    for data in image.blobs:
        registry.publisher.push_blob(repo, data)

    def variant(i):
        return Image(layers=image.layers, config=image.config, annotations={"n": str(i)})

    def push(client, i):
        assert client.put_manifest(repo, f"v{i}", variant(i).manifest).status == 201

    before, stop, meanwhile = 150, threading.Event(), []
    for i in range(before):
        push(registry.publisher, i)

    def pushing():
        client = registry.client("publisher")
        while not stop.is_set():
            push(client, before + len(meanwhile))
            meanwhile.append(None)

    thread = threading.Thread(target=pushing)
    thread.start()
    answer = deleted(delete(deleter, repo))
    stop.set()
    thread.join()
    gone, tags = set(answer["manifestsDeleted"]), registry.processor.tags(repo)
    assert gone >= {variant(i).digest for i in range(before)}
    pushed = before + len(meanwhile)
    left = {f"v{i}" for i in range(pushed) if variant(i).digest not in gone}
    assert set(tags) == left and not left & {f"v{i}" for i in range(before)}
    push(registry.publisher, pushed)
    assert f"v{pushed}" in registry.processor.tags(repo)
