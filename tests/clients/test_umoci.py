"""umoci makes and changes images in a layout, skopeo carries them: a version that was unpacked, changed and packed again shares its layers."""

import json

import pytest

import layout
import tools
from conftest import find


@pytest.fixture(params=["http", "https"])
def skopeo(request, world, tmp_path):
    return tools.Skopeo(world, request.param, tmp_path)


@pytest.fixture
def umoci(world):
    program = find("umoci")
    return lambda *args: world.run("publisher", program, *args)


def layers(directory, tag):
    manifest = json.loads(layout.blob(directory, layout.manifest_digest(directory, tag)))
    return [layer["digest"] for layer in manifest["layers"]]


def test_images_changed_with_umoci(skopeo, umoci, registry, repo, tmp_path):
    made = tmp_path / "layout"
    (tmp_path / "tree" / "etc").mkdir(parents=True)
    (tmp_path / "tree" / "etc" / "app").write_text("one")
    umoci("init", "--layout", made)
    umoci("new", "--image", f"{made}:v1")
    umoci("insert", "--image", f"{made}:v1", tmp_path / "tree" / "etc", "/etc")
    umoci("config", "--image", f"{made}:v1", "--config.label", "version=1", "--config.cmd", "/etc/app")
    skopeo.push("publisher", made, "v1", repo)

    # A second version from the first: unpacked, changed, packed again as one more layer.
    umoci("unpack", "--rootless", "--image", f"{made}:v1", tmp_path / "bundle")
    (tmp_path / "bundle" / "rootfs" / "etc" / "more").write_text("two")
    umoci("repack", "--image", f"{made}:v2", tmp_path / "bundle")
    umoci("config", "--image", f"{made}:v2", "--config.label", "version=2")
    umoci("tag", "--image", f"{made}:v2", "latest")
    assert layers(made, "v2")[:1] == layers(made, "v1") and len(layers(made, "v2")) == 2
    for tag in ("v2", "latest", "v1", "v2"):
        skopeo.push("publisher", made, tag, repo)

    skopeo.pull("consumer", repo, tmp_path / "no", tag="v2", expect=False)
    registry.processor.release(repo, layout.manifest_digest(made, "v2"))
    assert sorted(registry.consumer.tags(repo)) == ["latest", "v2"]
    skopeo.pull("consumer", repo, tmp_path / "pulled", tag="latest")
    skopeo.pull("consumer", repo, tmp_path / "no1", tag="v1", expect=False)
    umoci("unpack", "--rootless", "--image", f"{tmp_path}/pulled:x", tmp_path / "out")
    assert (tmp_path / "out" / "rootfs" / "etc" / "app").read_text() == "one"
    assert (tmp_path / "out" / "rootfs" / "etc" / "more").read_text() == "two"
    assert json.loads(umoci("stat", "--json", "--image", f"{tmp_path}/pulled:x"))["history"]
