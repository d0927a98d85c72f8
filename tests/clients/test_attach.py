"""Clients that attach: signatures, SBOMs and charts on images in quarantine, by the processor, read by everybody after the release."""

import json
import shutil

import pytest

import tools
from client import OCI_MANIFEST, Attachment, descriptor
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


def test_oras_push_and_pull_files(world, transport, registry, repo, tmp_path):
    """An artifact that is no image at all is held and released like one."""
    oras = tools.Oras(world, transport, tmp_path)
    (tmp_path / "model").write_text("weights")
    (tmp_path / "notes").write_text("one")
    push = [oras.program, "push", "--no-tty", *oras.flags(), "--artifact-type", "application/vnd.example.model"]
    files = ["model:application/octet-stream", "notes:text/plain"]
    for _ in range(2):
        world.run("publisher", *push, oras.ref(repo, "v1"), *files, cwd=tmp_path)
    (tmp_path / "notes").write_text("two")
    world.run("publisher", *push, oras.ref(repo, "v2"), *files, cwd=tmp_path)
    pull = [oras.program, "pull", "--no-tty", *oras.flags(), "--output"]
    world.run("consumer", *pull, tmp_path / "no", oras.ref(repo, "v2"), expect=False)
    digest = registry.processor.head(f"/v2/{repo}/manifests/v2").headers["Docker-Content-Digest"]
    registry.processor.release(repo, digest)
    world.run("consumer", *pull, tmp_path / "out", oras.ref(repo, "v2"))
    assert [(tmp_path / "out" / name).read_text() for name in ("model", "notes")] == ["weights", "two"]
    world.run("consumer", *pull, tmp_path / "no", oras.ref(repo, "v1"), expect=False)


def test_regctl_artifact_put_and_list(world, transport, images, held, registry, repo, tmp_path):
    regctl = tools.Regctl(world, transport, tmp_path)
    sbom = tmp_path / "sbom.json"
    sbom.write_text(json.dumps({"spdxVersion": "SPDX-2.3"}))
    put = ["artifact", "put", "--subject", held, "--artifact-type", "application/spdx+json", "--file", sbom, "--file-media-type",
           "application/spdx+json"]

    def listed(who):
        out = regctl.run(who, "artifact", "list", held, "--format", "{{json .}}")
        return [d["artifactType"] for d in json.loads(out)["descriptors"] or []]

    regctl.run("publisher", *put, expect=False)
    regctl.run("processor", *put)
    regctl.run("processor", *put)
    assert listed("processor") == ["application/spdx+json"]
    regctl.run("consumer", "artifact", "get", "--subject", held, expect=False)
    registry.processor.release(repo, images["v1"][1])
    assert listed("consumer") == ["application/spdx+json"]
    assert json.loads(regctl.run("consumer", "artifact", "get", "--subject", held)) == {"spdxVersion": "SPDX-2.3"}


def test_what_a_publisher_attaches_to_a_released_image_is_held(world, transport, images, held, registry, repo, tmp_path):
    oras = tools.Oras(world, transport, tmp_path)
    sbom = tmp_path / "sbom.json"
    sbom.write_text("{}")
    registry.processor.release(repo, images["v1"][1])
    for _ in range(2):
        out = world.run("publisher", oras.program, "attach", "--no-tty", *oras.flags(), "--artifact-type", "application/spdx+json",
                        "--annotation", "org.opencontainers.image.created=2000-01-01T00:00:00Z", "--format", "json",
                        "--disable-path-validation", held, f"{sbom}:application/spdx+json")
    attached = json.loads(out)["digest"]
    discover = [oras.program, "discover", "--format", "json", *oras.flags(), held]
    assert attached not in world.run("consumer", *discover)
    assert attached in world.run("processor", *discover)
    registry.processor.release(repo, attached)
    assert attached in world.run("consumer", *discover)
    world.run("maintainer", oras.program, "manifest", "delete", "--force", *oras.flags(), f"{held.split('@')[0]}@{attached}")
    assert attached not in world.run("processor", *discover)


def copy_with_oras(world, transport, work, source, target, **kw):
    oras = tools.Oras(world, transport, work)
    world.run("processor", oras.program, "cp", "--no-tty", "--recursive", *oras.flags("from-"), *oras.flags("to-"), source, target, **kw)


def copy_with_regctl(world, transport, work, source, target, **kw):
    tools.Regctl(world, transport, work).run("processor", "image", "copy", "--referrers", source, target, **kw)


@pytest.mark.parametrize("copy", [copy_with_oras, copy_with_regctl], ids=["oras", "regctl"])
@pytest.mark.parametrize("released", [False, True], ids=["held", "released"])
def test_copy_with_what_is_attached(world, transport, images, held, registry, repo, tmp_path, copy, released):
    """What a processor takes to another repository with its signatures is held there as one, and released as one."""
    digest = images["v1"][1]
    sbom = Attachment(descriptor(registry.processor.get_manifest(repo, digest).body, OCI_MANIFEST))
    registry.processor.push_image(repo, None, sbom)
    if released:
        registry.processor.release(repo, digest)
    target = f"{repo}/copy"
    copy(world, transport, tmp_path, held, f"{world.host(transport)}/{target}:v1")
    copy(world, transport, tmp_path, held, f"{world.host(transport)}/{target}:v1")
    assert [d["digest"] for d in registry.processor.referrers(target, digest).json()["manifests"]] == [sbom.digest]
    assert registry.consumer.referrers(target, digest).json()["manifests"] == []
    assert registry.consumer.get_manifest(target, sbom.digest).status == 403
    registry.processor.release(target, digest)
    assert [d["digest"] for d in registry.consumer.referrers(target, digest).json()["manifests"]] == [sbom.digest]
    assert registry.consumer.get_manifest(target, sbom.digest).status == 200


class Cosign:
    """Signs with a key of its own, without the public log."""

    def __init__(self, world, transport, work):
        self.world, self.work, self.program = world, work, find("cosign")
        self.insecure = ["--allow-http-registry"] if transport == "http" else []
        self.run("processor", "generate-key-pair", flags=[])

    def run(self, who, *args, flags=None, extra=None, **kw):
        return self.world.run(who, self.program, *args[:1], *(self.insecure if flags is None else flags), *args[1:], cwd=self.work, extra=extra,
                              **kw)


@pytest.mark.parametrize("mode", ["tag", "referrers"])
def test_cosign_signs_what_is_held(world, transport, images, held, registry, repo, tmp_path, mode):
    cosign = Cosign(world, transport, tmp_path)
    referrers = mode == "referrers"
    extra = {"COSIGN_EXPERIMENTAL": "1"} if referrers else {}
    sign = ["sign", "--yes", "--key", "cosign.key", "--tlog-upload=false", *(["--registry-referrers-mode=oci-1-1"] if referrers else []), held]
    experimental = ["--experimental-oci11=true"] if referrers else []
    verify = ["verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", *experimental, held]
    tree = ["tree", *experimental, held]

    cosign.run("publisher", *sign, extra=extra, expect=False)
    cosign.run("processor", *sign, extra=extra)
    cosign.run("processor", *verify, extra=extra)
    assert "🍒 sha256:" in cosign.run("processor", *tree)
    cosign.run("consumer", *verify, extra=extra, expect=False)
    registry.processor.release(repo, images["v1"][1])
    cosign.run("consumer", *verify, extra=extra)
    assert "🍒 sha256:" in cosign.run("consumer", *tree)


def test_cosign_attests_what_is_held(world, transport, images, held, registry, repo, tmp_path):
    cosign = Cosign(world, transport, tmp_path)
    (tmp_path / "predicate.json").write_text('{"scanner":"clean"}')
    attest = ["attest", "--yes", "--key", "cosign.key", "--tlog-upload=false", "--predicate", "predicate.json", held]
    verify = ["verify-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog=true", held]
    cosign.run("publisher", *attest, expect=False)
    cosign.run("processor", *attest)
    cosign.run("consumer", *verify, expect=False)
    registry.processor.release(repo, images["v1"][1])
    cosign.run("consumer", *verify)


def test_cosign_copies_and_cleans(world, transport, images, held, registry, repo, tmp_path):
    """A signed image is copied with its signature, and held there with it; a maintainer takes the signature away."""
    cosign = Cosign(world, transport, tmp_path)
    digest = images["v1"][1]
    cosign.run("processor", "sign", "--yes", "--key", "cosign.key", "--tlog-upload=false", held)
    registry.processor.release(repo, digest)
    target = f"{repo}/copy"
    for _ in range(2):
        cosign.run("processor", "copy", held, f"{world.host(transport)}/{target}:v1")
    copied = f"{world.host(transport)}/{target}@{digest}"
    verify = ["verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", copied]
    cosign.run("consumer", *verify, expect=False)
    registry.processor.release(target, digest)
    cosign.run("consumer", *verify)
    cosign.run("maintainer", "clean", "--force", "--type", "signature", copied)
    cosign.run("consumer", *verify, expect=False)
    assert registry.consumer.get_manifest(target, digest).status == 200


@pytest.mark.parametrize("mode", ["tag", "referrers"])
def test_notation_signs_what_is_held(world, transport, images, held, registry, repo, tmp_path, mode):
    notation = find("notation")
    insecure = ["--insecure-registry"] if transport == "http" else []
    name = repo.replace("/", "-") + ".example"
    homes = {who: {"XDG_CONFIG_HOME": str(tmp_path / who)} for who in ("processor", "publisher", "consumer")}

    def run(who, *args, **kw):
        return world.run(who, notation, *args, extra=homes[who], **kw)

    # One key: the processor's, which the others trust.
    run("processor", "cert", "generate-test", "--default", name)
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"version": "1.0", "trustPolicies": [
        {"name": "all", "registryScopes": ["*"], "signatureVerification": {"level": "strict"}, "trustStores": [f"ca:{name}"],
         "trustedIdentities": ["*"]}]}))
    run("processor", "policy", "import", policy)
    shutil.copytree(tmp_path / "processor", tmp_path / "publisher")
    shutil.copytree(tmp_path / "processor", tmp_path / "consumer")

    sign = ["sign", *insecure, f"--force-referrers-tag={'true' if mode == 'tag' else 'false'}", held]
    run("publisher", *sign, expect=False)
    run("processor", *sign)
    assert "application/vnd.cncf.notary.signature" in run("processor", "ls", *insecure, held)
    run("processor", "verify", *insecure, held)
    run("consumer", "verify", *insecure, held, expect=False)
    registry.processor.release(repo, images["v1"][1])
    assert "application/vnd.cncf.notary.signature" in run("consumer", "ls", *insecure, held)
    run("consumer", "verify", *insecure, held)


def test_helm_push_reads_its_manifest_back(world, transport, registry, repo, tmp_path):
    helm = find("helm")
    world.run("publisher", helm, "create", "app", cwd=tmp_path)
    world.run("publisher", helm, "package", "app", cwd=tmp_path)
    host = world.host(transport)
    plain = ["--plain-http"] if transport == "http" else []
    world.run("publisher", helm, "package", "app", "--version", "0.2.0", cwd=tmp_path)
    for chart in ("app-0.1.0.tgz", "app-0.1.0.tgz", "app-0.2.0.tgz"):
        world.run("publisher", helm, "push", chart, f"oci://{host}/{repo}", *plain, cwd=tmp_path)
    pull = [helm, "pull", f"oci://{host}/{repo}/app", "--version", "0.1.0", *plain]
    world.run("consumer", *pull, cwd=tmp_path, expect=False)
    digest = registry.processor.head(f"/v2/{repo}/app/manifests/0.1.0").headers["Docker-Content-Digest"]
    registry.processor.release(f"{repo}/app", digest)
    (tmp_path / "out").mkdir()
    world.run("consumer", *pull, "--destination", tmp_path / "out", cwd=tmp_path)
    assert (tmp_path / "out" / "app-0.1.0.tgz").read_bytes() == (tmp_path / "app-0.1.0.tgz").read_bytes()
