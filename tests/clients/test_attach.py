"""Clients that attach: signatures, SBOMs and charts on images in quarantine, by the processor, read by everybody after the release."""

import json

import pytest

import tools
from conftest import find


@pytest.fixture(params=["http", "https"])
def transport(request):
    return request.param


@pytest.fixture
def held(world, transport, images, repo, tmp_path):
    """(tool skopeo, reference by digest) of an image that the publisher pushed and nobody has released."""
    skopeo = tools.Skopeo(world, transport, tmp_path)
    skopeo.push("publisher", images["v1"][0], "v1", repo)
    return skopeo.ref(repo, digest=images["v1"][1])


def test_oras_attach_and_discover(world, transport, images, held, registry, repo, tmp_path):
    oras = tools.Oras(world, transport, tmp_path)
    sbom = tmp_path / "sbom.json"
    sbom.write_text(json.dumps({"spdxVersion": "SPDX-2.3"}))

    def attach(who, **kw):
        return world.run(who, oras.program, "attach", "--no-tty", *oras.flags(), "--artifact-type", "application/spdx+json",
                         "--disable-path-validation", held, f"{sbom}:application/spdx+json", **kw)

    def discover(who):
        out = world.run(who, oras.program, "discover", "--format", "json", *oras.flags(), held)
        return [r["artifactType"] for r in json.loads(out).get("referrers", json.loads(out).get("manifests")) or []]

    attach("publisher", expect=False)
    attach("processor")
    assert discover("processor") == ["application/spdx+json"]
    world.run("consumer", oras.program, "discover", *oras.flags(), held, expect=False)
    registry.processor.release(repo, images["v1"][1])
    assert discover("consumer") == ["application/spdx+json"]


@pytest.mark.parametrize("mode", ["tag", "referrers"])
def test_cosign_signs_what_is_held(world, transport, images, held, registry, repo, tmp_path, mode):
    cosign = find("cosign")
    world.run("processor", cosign, "generate-key-pair", cwd=tmp_path)
    insecure = ["--allow-http-registry"] if transport == "http" else []
    referrers = ["--registry-referrers-mode=oci-1-1"] if mode == "referrers" else []
    sign = [cosign, "sign", "--yes", "--key", "cosign.key", "--tlog-upload=false", *insecure, *referrers, held]
    verify = [cosign, "verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", *insecure, held]
    extra = {"COSIGN_EXPERIMENTAL": "1"} if mode == "referrers" else {}

    def run(who, command, expect=True):
        return world.run(who, "env", *[f"{k}={v}" for k, v in extra.items()], *command, expect=expect, cwd=tmp_path)

    run("processor", sign)
    if mode == "referrers":
        verify.insert(-1, "--experimental-oci11=true")
    run("processor", verify)
    run("consumer", verify, expect=False)
    registry.processor.release(repo, images["v1"][1])
    run("consumer", verify)


def test_cosign_attests_what_is_held(world, transport, images, held, registry, repo, tmp_path):
    cosign = find("cosign")
    (tmp_path / "predicate.json").write_text('{"scanner":"clean"}')
    insecure = ["--allow-http-registry"] if transport == "http" else []
    world.run("processor", cosign, "generate-key-pair", cwd=tmp_path)
    world.run("processor", cosign, "attest", "--yes", "--key", "cosign.key", "--tlog-upload=false", "--predicate", "predicate.json", *insecure,
              held, cwd=tmp_path)
    registry.processor.release(repo, images["v1"][1])
    world.run("consumer", cosign, "verify-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog=true", *insecure, held, cwd=tmp_path)


def test_notation_signs_what_is_held(world, transport, images, held, registry, repo):
    notation = find("notation")
    insecure = ["--insecure-registry"] if transport == "http" else []
    world.run("processor", notation, "cert", "generate-test", "--default", f"{repo.replace('/', '-')}.example")
    world.run("processor", notation, "sign", *insecure, held)
    listed = world.run("processor", notation, "ls", *insecure, held)
    assert "application/vnd.cncf.notary.signature" in listed
    registry.processor.release(repo, images["v1"][1])
    assert "application/vnd.cncf.notary.signature" in world.run("consumer", notation, "ls", *insecure, held)


def test_helm_push_reads_its_manifest_back(world, transport, registry, repo, tmp_path):
    helm = find("helm")
    world.run("publisher", helm, "create", "app", cwd=tmp_path)
    world.run("publisher", helm, "package", "app", cwd=tmp_path)
    host = world.host(transport)
    plain = ["--plain-http"] if transport == "http" else []
    world.run("publisher", helm, "push", "app-0.1.0.tgz", f"oci://{host}/{repo}", *plain, cwd=tmp_path)
    world.run("publisher", helm, "push", "app-0.1.0.tgz", f"oci://{host}/{repo}", *plain, cwd=tmp_path)
    pull = [helm, "pull", f"oci://{host}/{repo}/app", "--version", "0.1.0", *plain]
    world.run("consumer", *pull, cwd=tmp_path, expect=False)
    digest = registry.processor.head(f"/v2/{repo}/app/manifests/0.1.0").headers["Docker-Content-Digest"]
    registry.processor.release(f"{repo}/app", digest)
    (tmp_path / "out").mkdir()
    world.run("consumer", *pull, "--destination", tmp_path / "out", cwd=tmp_path)
    assert (tmp_path / "out" / "app-0.1.0.tgz").read_bytes() == (tmp_path / "app-0.1.0.tgz").read_bytes()
