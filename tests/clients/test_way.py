"""The way of an image with every client: the publisher's push never breaks, nobody but the processor gets it before its release."""

import pytest

import layout
import tools
from client import digest_of


@pytest.fixture(params=["http", "https"])
def transport(request):
    return request.param


@pytest.fixture(params=tools.ALL, ids=lambda t: t.name)
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
        assert layout.blob(tmp_path / "yes", digest) == registry.consumer.get_manifest(repo, "v1").body
    tool.push("publisher", first, "v1", repo)  # what is released stays so
    assert registry.consumer.get_manifest(repo, "v1").status == 200

    if "delete" in tool.can:
        tool.delete("maintainer", repo, "v1")
        assert registry.consumer.get_manifest(repo, "v1").status == 404


def test_a_multi_architecture_image(tool, registry, images, repo, tmp_path):
    if "multi" not in tool.can:
        # These keep one architecture in their own storage: the index is pushed with skopeo, and they pull it.
        tools.Skopeo(tool.world, tool.transport, tmp_path).push("publisher", images["multi"][0], "multi", repo)
    else:
        tool.push("publisher", images["multi"][0], "multi", repo)
    digest = digest_at(registry, repo, "multi")
    tool.pull("consumer", repo, tmp_path / "no", tag="multi", expect=False)
    registry.processor.release(repo, digest)
    tool.pull("consumer", repo, tmp_path / "yes", tag="multi")
    index = registry.consumer.get_manifest(repo, "multi").json()
    assert all(registry.consumer.get_manifest(repo, part["digest"]).status == 200 for part in index["manifests"])
