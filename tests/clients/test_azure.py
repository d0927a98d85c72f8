"""Azure's own SDKs, as they are: they list repositories, tags and manifest properties, pull, push, and delete."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from client import Image, Index, dumps
from conftest import TOOLS

HERE = pathlib.Path(__file__).resolve().parent
PUBLIC = "azure/public"


def python_sdk():
    program = TOOLS / "azure-python" / "bin" / "python"
    if not program.exists():
        pytest.skip("Azure's SDK for Python is not on this machine")
    return [program, HERE / "azure_driver.py"]


def javascript_sdk():
    program, installed = shutil.which("node"), TOOLS / "azure-node"
    if program is None or not (installed / "node_modules" / "@azure" / "container-registry").exists():
        pytest.skip("Azure's SDK for JavaScript is not on this machine")
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    if int(version.lstrip("v").split(".")[0]) < 20:
        pytest.skip(f"Azure's SDK for JavaScript needs Node.js 20, here is {version.strip()}")
    return [program, HERE / "azure_driver.mjs", installed]


SDKS = {"python": python_sdk, "javascript": javascript_sdk}


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(answer["said"])
        self.status = answer["status"]


class Sdk:
    """One process of an SDK for each principal: `sdk("consumer", "tags", repo, 1, "none")`."""

    def __init__(self, command, world):
        self.command, self.world = command, world
        self.running = {}

    def start(self, who):
        """The credential hands over a refresh token; None is the client without a credential."""
        secret = ""
        if who is not None:
            got = self.world.registry.client(who).get("/oauth2/token?service=azure&offline_token=true")
            assert got.status == 200, got
            secret = got.json()["refresh_token"]
        cert = str(self.world.cert)
        env = {**os.environ, "REQUESTS_CA_BUNDLE": cert, "NODE_EXTRA_CA_CERTS": cert, "NO_PROXY": "*"}
        return subprocess.Popen([*map(str, self.command), self.world.urls["https"], secret], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, env=env)

    def __call__(self, who, *operation):
        if who not in self.running:
            self.running[who] = self.start(who)
        process = self.running[who]
        process.stdin.write(json.dumps([*operation]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, f"{operation}: the SDK's process ended"
        answer = json.loads(line)
        if "status" in answer:
            raise Refused(answer)
        return answer["value"]

    def refused(self, who, *operation):
        """The status that it is refused with."""
        with pytest.raises(Refused) as caught:
            self(who, *operation)
        assert caught.value.status, caught.value
        return caught.value.status

    def stop(self):
        for process in self.running.values():
            process.stdin.close()
            process.stdout.close()
            process.wait(60)


@pytest.fixture(scope="module", params=SDKS)
def sdk(request, world):
    sdk = Sdk(SDKS[request.param](), world)
    yield sdk
    sdk.stop()


@pytest.fixture(scope="module")
def public(world):
    """A repository from which anybody may pull: a request without credentials is not refused there by itself.

    Only as long as these tests run: where anybody may pull something, the catalog answers without credentials too, and clients
    that log in only after a 401 list what everybody sees.
    """
    world.registry.give("anonymous", "consumer", f"{PUBLIC}/**")
    image = world.registry.publisher.push_image(f"{PUBLIC}/app", "v1")
    world.registry.processor.release(f"{PUBLIC}/app", image.digest)
    yield f"{PUBLIC}/app", image
    world.registry.take("anonymous", "consumer", f"{PUBLIC}/**")


@pytest.fixture(params=["", f"{PUBLIC}/"], ids=["private", "public"])
def filled(request, registry, repo, public):
    """(repository, what is in it): v1, v2 and the index multi are live; v2 has something newer staged, v3 is staged."""
    repo = request.param + repo
    p, q = registry.publisher, registry.processor
    made = {"v1": p.push_image(repo, "v1"), "v2": p.push_image(repo, "v2"), "multi": Index([Image(), Image()]).push(p, repo, "multi")}
    for name in ("multi", "v1", "v2"):
        q.release(repo, made[name].digest)
    made.update({"v2 new": p.push_image(repo, "v2"), "v3": p.push_image(repo, "v3")})
    made["one"], made["other"] = made["multi"].images
    return repo, made


LIVE = ["v1", "v2", "multi", "one", "other"]
CAN_ALL = [True] * 4
ROLES = {"consumer": False, "publisher": False, "maintainer": False, "processor": True, "qreader": True}


def expected_digests(made, sees_all):
    return sorted(image.digest for name, image in made.items() if sees_all or name in LIVE)


@pytest.mark.parametrize("who", ROLES)
def test_lists(sdk, filled, who):
    repo, made = filled
    sees_all = ROLES[who]
    names = sdk(who, "names", 5)
    assert repo in names and names == sorted(set(names))
    of_tags = {"v1": made["v1"], "v2": made["v2 new" if sees_all else "v2"], "multi": made["multi"], **({"v3": made["v3"]} if sees_all else {})}
    seen = sdk(who, "repository", repo)
    assert (seen["name"], seen["manifests"], seen["tags"], seen["can"]) == (repo, 7 if sees_all else 5, len(of_tags), CAN_ALL)
    for order in ("none", "timeasc", "timedesc"):
        tags = sdk(who, "tags", repo, 2, order)
        assert {t["name"]: t["digest"] for t in tags} == {name: image.digest for name, image in of_tags.items()}
        manifests = sdk(who, "manifests", repo, 2, order)
        assert sorted(m["digest"] for m in manifests) == expected_digests(made, sees_all)
        assert all(x["can"][:2] == [True, True] and x["created"] <= x["updated"] for x in tags + manifests)
        if order != "none":
            for updated in ([x["updated"] for x in tags], [x["updated"] for x in manifests]):
                assert updated == sorted(updated, reverse=order == "timedesc")
    assert [m["digest"] for m in sdk(who, "manifests", repo, 100, "timedesc")] == [m["digest"] for m in manifests]
    by_name = {t["name"]: t for t in tags}
    assert sdk(who, "tag", repo, "v2") == by_name["v2"]
    assert sees_all or sdk.refused(who, "tag", repo, "v3") == 404


@pytest.mark.parametrize("who", ROLES)
def test_manifest_properties(sdk, filled, who):
    repo, made = filled
    listed = {m["digest"]: m for m in sdk(who, "manifests", repo, 100, "none")}
    for reference, name in (("v1", "v1"), (made["v1"].digest, "v1"), ("multi", "multi"), (made["one"].digest, "one")):
        alone = sdk(who, "manifest", repo, reference)
        assert alone == listed[made[name].digest]
        assert alone["can"] == CAN_ALL
    image = made["v1"]
    seen = listed[image.digest]
    assert (seen["tags"], seen["architecture"], seen["os"]) == (["v1"], "amd64", "linux")
    assert seen["size"] == len(image.manifest) + sum(map(len, image.blobs))
    if "related" in listed[made["multi"].digest]:  # the SDK for Python does not show them
        assert listed[made["multi"].digest]["related"] == [[made["one"].digest, "amd64", "linux"], [made["other"].digest, "arm64", "linux"]]
    held = made["v3"].digest
    if ROLES[who]:
        assert (listed[held]["tags"], listed[held]["architecture"]) == (["v3"], "amd64")
        assert listed[held]["can"] == [True, True, False, False]
    elif who == "maintainer":  # has nothing to do with that push
        assert sdk.refused(who, "manifest", repo, held) == 404
    else:  # the state alone, as SPEC 5 gives it to a consumer and to the publisher
        seen = sdk(who, "manifest", repo, held)
        assert (seen["digest"], seen["tags"], seen["size"], seen["architecture"]) == (held, [], None, None)
        assert seen["can"] == [True, True, False, False]


def test_without_a_credential(sdk, public, filled):
    repo, made = filled
    names = sdk(None, "names", 1)
    assert public[0] in names and all(name.startswith(PUBLIC) for name in names)
    if not repo.startswith(PUBLIC):
        for operation in (["repository", repo], ["tags", repo, 5, "none"], ["manifests", repo, 5, "none"], ["manifest", repo, made["v1"].digest]):
            assert sdk.refused(None, *operation) == 404, operation
        return
    assert [t["name"] for t in sdk(None, "tags", repo, 1, "none")] == ["multi", "v1", "v2"]
    assert sorted(m["digest"] for m in sdk(None, "manifests", repo, 1, "timeasc")) == expected_digests(made, False)
    assert sdk(None, "manifest", repo, "v1")["digest"] == made["v1"].digest
    for refused in (["tag", repo, "v3"], ["manifest", repo, made["v3"].digest]):
        assert sdk.refused(None, *refused) == 404
    for change in (["delete_tag", repo, "v1"], ["delete_repository", repo], ["update", "repository", repo, None]):
        assert sdk.refused(None, *change) in (400, 401, 403), change


def test_pull(sdk, filled):
    repo, made = filled
    live, held = made["v2"], made["v2 new"]
    for who in ROLES:
        sees_all = ROLES[who]
        for reference in (live.digest, "v2"):
            if sees_all and reference == "v2" and repo.startswith(PUBLIC):
                continue  # answered as to anybody, before the SDK has logged in: docs/api/azure.md
            image = held if sees_all and reference == "v2" else live
            assert sdk(who, "get", repo, reference) == {"digest": image.digest, "type": image.media_type, "manifest": image.doc}, who
        for blob in live.doc["layers"] + [live.doc["config"]]:
            assert sdk(who, "download", repo, blob["digest"]) == {"digest": blob["digest"], "size": blob["size"]}, who
        layer = held.doc["layers"][0]
        if sees_all:
            assert sdk(who, "download", repo, layer["digest"])["digest"] == layer["digest"]
            assert sdk(who, "get", repo, held.digest)["digest"] == held.digest
        else:
            assert sdk.refused(who, "download", repo, layer["digest"]) == 403, who
            assert sdk.refused(who, "get", repo, "v3") == (403 if who == "consumer" else 404), who


def test_a_push_is_held_until_it_is_released(sdk, registry, repo, tmp_path):
    """More than one chunk of 4 MiB, each of which the SDK for Python sends without credentials first."""
    config, layer = tmp_path / "config.json", tmp_path / "layer.tar"
    config.write_bytes(dumps({"architecture": "arm64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "of": repo}))
    layer.write_bytes(repo.encode() + os.urandom(9 << 20))
    image = Image(layers=[layer.read_bytes()], config=config.read_bytes())

    def push(tag):
        for path, blob in ((config, image.doc["config"]), (layer, image.doc["layers"][0])):
            assert sdk("publisher", "upload", repo, str(path)) == {"digest": blob["digest"], "size": blob["size"]}
        return sdk("publisher", "set", repo, image.doc, tag)

    digest = push(None)
    assert digest == push("v1") == push("v1")
    assert registry.processor.state(repo, digest).json()["state"] == "quarantined"
    assert [e["type"] for e in registry.processor.events(repository=repo)] == ["quarantine", "quarantine"]
    for who, status in (("consumer", 403), ("publisher", 404), ("maintainer", 404)):
        assert sdk.refused(who, "get", repo, "v1") == status
    assert sdk.refused("consumer", "set", repo, image.doc, "v2") in (401, 403)
    assert sdk.refused("consumer", "manifests", repo, 5, "none") == 404  # nothing there, as far as a consumer is told
    assert sdk("processor", "get", repo, "v1")["digest"] == digest
    assert sdk("processor", "manifest", repo, "v1")["architecture"] == "arm64"
    # The SDKs know nothing of the quarantine's attributes: a scanner sends this itself.
    passed = registry.processor.request("PATCH", f"/acr/v1/{repo}/_manifests/{digest}", body={"quarantineState": "Passed", "quarantineDetails": "{}"})
    assert passed.status == 200, passed
    for who in ROLES:
        assert sdk(who, "get", repo, "v1")["digest"] == digest
    downloaded = sdk("consumer", "download", repo, image.doc["layers"][0]["digest"])
    assert downloaded == {"digest": "sha256:" + hashlib.sha256(layer.read_bytes()).hexdigest(), "size": layer.stat().st_size}


@pytest.mark.parametrize("kind", ["repository", "tag", "manifest"])
def test_attributes_that_cannot_be_changed(sdk, filled, kind):
    repo, made = filled
    for who in ("maintainer", "processor"):
        assert sdk.refused(who, "update", kind, repo, "v1") == 400
    assert sdk("processor", "repository", repo)["can"] == CAN_ALL


def test_deletions(sdk, registry, filled):
    repo, made = filled
    for who in ("consumer", "publisher", "processor"):
        for deletion in (["delete_tag", repo, "v1"], ["delete_manifest", repo, made["v1"].digest], ["delete_repository", repo]):
            assert sdk.refused(who, *deletion) in (401, 403), (who, deletion)
    sdk("maintainer", "delete_tag", repo, "v1")
    assert [t["name"] for t in sdk("consumer", "tags", repo, 5, "none")] == ["multi", "v2"]
    assert made["v1"].digest in [m["digest"] for m in sdk("consumer", "manifests", repo, 5, "none")]
    sdk("maintainer", "delete_manifest", repo, made["v1"].digest)
    sdk("maintainer", "delete_manifest", repo, made["v3"].digest)  # it needs no right to read what is held
    left = sorted(image.digest for name, image in made.items() if name not in ("v1", "v3"))
    assert sorted(m["digest"] for m in sdk("processor", "manifests", repo, 2, "timeasc")) == left
    sdk("maintainer", "delete_repository", repo)
    assert sdk.refused("consumer", "repository", repo) == 404
    assert repo not in sdk("consumer", "names", 50)
    assert sdk("processor", "manifests", repo, 5, "none") == []
    for again in (["delete_tag", repo, "v2"], ["delete_manifest", repo, made["v2"].digest], ["delete_repository", repo]):
        sdk("maintainer", *again)  # what is not there is no error to them
    records = [r["action"] for r in registry.auditor.audit(f"repository={repo}") if "delete" in r["action"]]
    assert sorted(records) == ["deleted"] * len(made) + ["tag-deleted"]
