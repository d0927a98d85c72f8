"""The way of an image with every client: the publisher's push never breaks, nobody but the processor gets it before its release."""

import pytest

import layout
import tools
from client import digest_of


@pytest.fixture(params=["http", "https"])
def transport(request):
    return request.param


@pytest.fixture(params=tools.ALL, ids=tools.name_of)
def tool(request, world, transport, tmp_path):
    return request.param(world, transport, tmp_path)


def digest_at(registry, repo, tag):
    got = registry.processor.get_manifest(repo, tag)
    assert got.status == 200, got
    return digest_of(got.body)


def test_push_hold_release_pull(tool, registry, images, repo, tmp_path):
    first, _ = images["v1"]
    tool.push("publisher", first, "v1", repo)
    tool.push("publisher", first, "v1", repo)  # pushing the same image again never breaks
    tool.push("publisher", images["v2"][0], "v2", repo)  # nor a second version that shares layers with what is held
    digest = digest_at(registry, repo, "v1")

    tool.pull("consumer", repo, tmp_path / "no", tag="v1", expect=False)
    tool.pull("consumer", repo, tmp_path / "no", digest=digest, expect=False)
    tool.pull("publisher", repo, tmp_path / "no", tag="v1", expect=False)
    tool.pull("processor", repo, tmp_path / "held", digest=digest)
    if "tags" in tool.can:
        assert tool.tags("consumer", repo) == []
        assert sorted(tool.tags("processor", repo)) == ["v1", "v2"]

    registry.processor.release(repo, digest, f"seen with {tool.name}")
    tool.pull("consumer", repo, tmp_path / "yes", tag="v1")
    tool.pull("consumer", repo, tmp_path / "yes2", digest=digest)
    tool.pull("consumer", repo, tmp_path / "no2", tag="v2", expect=False)
    if "tags" in tool.can:
        assert tool.tags("consumer", repo) == ["v1"]
    if "layout" in tool.can:
        assert layout.blob(tmp_path / "yes", digest) == registry.consumer.get_manifest(repo, "v1").body
    tool.push("publisher", first, "v1", repo)  # what is released stays so
    assert registry.consumer.get_manifest(repo, "v1").status == 200

    if "delete" in tool.can:
        tool.delete("maintainer", repo, "v1")
        assert registry.consumer.get_manifest(repo, "v1").status == 404


@pytest.mark.parametrize("tool", tools.that("delete"), ids=tools.name_of, indirect=True)
def test_delete_what_is_held(tool, registry, images, repo):
    """By digest: deleting needs no right to read, but some clients look first."""
    tool.push("publisher", images["v1"][0], "v1", repo)
    digest = digest_at(registry, repo, "v1")
    tool.delete("keeper" if tool.looks_first else "maintainer", repo, digest=digest)
    assert registry.processor.get_manifest(repo, digest).status == 404


@pytest.mark.parametrize("tool", tools.that("catalog"), ids=tools.name_of, indirect=True)
def test_the_catalog_names_what_is_live(tool, registry, images, repo):
    tool.push("publisher", images["v1"][0], "v1", repo)
    assert repo in tool.repositories("processor")
    assert repo in tool.repositories("publisher")
    assert repo not in tool.repositories("consumer")
    registry.processor.release(repo, digest_at(registry, repo, "v1"))
    assert repo in tool.repositories("consumer")


def copy_between_repositories(tool, registry, layout, tag, repo, tmp_path):
    """Held is held wherever it is copied to, and only who may read it copies it; released in one place is not released in another."""
    tool.push("publisher", layout, tag, f"{repo}/from")
    digest = digest_at(registry, f"{repo}/from", tag)

    tool.copy("publisher", tool.ref(f"{repo}/from", tag), tool.ref(f"{repo}/no", tag), expect=False)
    tool.copy("processor", tool.ref(f"{repo}/from", tag), tool.ref(f"{repo}/held", tag))
    tool.pull("consumer", f"{repo}/held", tmp_path / "no", tag=tag, expect=False)
    assert registry.processor.state(f"{repo}/held", digest_at(registry, f"{repo}/held", tag)).json()["state"] == "quarantined"

    registry.processor.release(f"{repo}/from", digest)
    tool.copy("publisher2", tool.ref(f"{repo}/from", tag), tool.ref(f"{repo}/to", tag))
    tool.copy("publisher2", tool.ref(f"{repo}/from", tag), tool.ref(f"{repo}/to", tag))
    tool.pull("consumer", f"{repo}/to", tmp_path / "no2", tag=tag, expect=False)
    registry.processor.release(f"{repo}/to", digest_at(registry, f"{repo}/to", tag))
    tool.pull("consumer", f"{repo}/to", tmp_path / "yes", tag=tag)


def test_copy_an_image(tool, registry, images, repo, tmp_path):
    copy_between_repositories(tool, registry, images["v1"][0], "v1", repo, tmp_path)


@pytest.mark.parametrize("tool", tools.that("whole"), ids=tools.name_of, indirect=True)
def test_copy_a_multi_architecture_image(tool, registry, images, repo, tmp_path):
    copy_between_repositories(tool, registry, images["multi"][0], "multi", repo, tmp_path)


def test_a_multi_architecture_image(tool, registry, images, repo, tmp_path):
    tool.push("publisher", images["multi"][0], "multi", repo)
    tool.push("publisher", images["multi"][0], "multi", repo)
    digest = digest_at(registry, repo, "multi")
    index = registry.processor.get_manifest(repo, "multi").json()
    assert sorted(part["platform"]["architecture"] for part in index["manifests"]) == ["amd64", "arm64"]
    tool.pull("consumer", repo, tmp_path / "no", tag="multi", expect=False)
    tool.pull("consumer", repo, tmp_path / "no", digest=index["manifests"][1]["digest"], expect=False)
    tool.pull("processor", repo, tmp_path / "held", digest=digest)
    registry.processor.release(repo, digest)
    tool.pull("consumer", repo, tmp_path / "yes", tag="multi")
    assert all(registry.consumer.get_manifest(repo, part["digest"]).status == 200 for part in index["manifests"])
