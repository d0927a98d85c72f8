"""BuildKit and buildx: push, attestations, push by digest with an index made afterwards, the registry as a cache, images to build on."""

import json
import shutil
from urllib.parse import quote

import pytest

import engines
from conftest import NAME, find

ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json"


@pytest.fixture(params=["http", "https"])
def transport(request):
    return request.param


class Builder:
    """Builds a small context, as a principal, with one of the two front doors of BuildKit."""

    def __init__(self, world, transport, work):
        self.world, self.transport, self.work = world, transport, work
        self.daemon = world.engine(engines.Buildkit)
        self.host = world.host(transport)

    def context(self, dockerfile="FROM scratch\nCOPY base /base\nCOPY version /version\n", version="v1"):
        """Files of this test alone: what BuildKit keeps from another is of no use to it."""
        directory = self.work / "context"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        (directory / "base").write_text(f"the layer that all versions share {self.work}")
        (directory / "version").write_text(f"{version} {self.work}")
        (directory / "Dockerfile").write_text(dockerfile)
        return directory

    def build(self, who, context, *args, output=None, platforms=(), expect=True):
        """(what it said, the digest that it pushed)"""
        metadata = self.work / "metadata.json"
        metadata.unlink(missing_ok=True)
        said = self.world.run(who, *self.daemon.buildctl(), "build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local",
                              f"context={context}", "--local", f"dockerfile={context}", "--metadata-file", metadata,
                              *(["--opt", f"platform={','.join(platforms)}"] if platforms else []),
                              *(["--output", output] if output else []), *args, expect=expect, merge=True)
        return said, json.loads(metadata.read_text()).get("containerimage.digest") if metadata.exists() else None

    def needs_processes(self):
        """Running one in a build takes more rights than building does."""
        context = self.context('FROM scratch\nCOPY busybox /busybox\nRUN ["/busybox", "true"]\n')
        shutil.copy("/bin/busybox", context / "busybox")
        said, _ = self.build("stranger", context, expect=None)
        if "ERROR" in said:
            pytest.skip(f"buildkitd runs no processes here, it said: {said.strip().splitlines()[-1][:300]}")

    def push(self, who, repo, tag, context, *args, platforms=("linux/amd64", "linux/arm64"), more="", **kw):
        name = f"{self.host}/{repo}" + (f":{tag}" if tag else "")
        return self.build(who, context, *args, output=f"type=image,name={name},push=true{more}", platforms=platforms, **kw)[1]

    def can_pull(self, who, reference, expect=True):
        """An image to build on: its manifest and layers are fetched, since a file of it goes into the result."""
        context = self.context(f"FROM {self.host}/{reference} AS from\nFROM scratch\nCOPY --from=from /version /copied\n")
        out = self.work / "out"
        shutil.rmtree(out, ignore_errors=True)
        said, _ = self.build(who, context, "--no-cache", output=f"type=local,dest={out}", expect=expect)
        return (out / "copied").read_text() if expect else said

    def buildx(self, who, *args, **kw):
        """As a program of its own, with the daemon as its remote driver."""
        config = self.work / "buildx"
        if not config.exists():
            self.world.run(who, find("buildx"), "create", "--name", "here", "--driver", "remote", f"unix://{self.daemon.socket}",
                           extra={"BUILDX_CONFIG": config})
        return self.world.run(who, find("buildx"), "--builder", "here", *args, extra={"BUILDX_CONFIG": config}, **kw)

    def imagetools(self, who, *args, **kw):
        """It speaks plain HTTP to every loopback address: over TLS the registry goes by another name."""
        if self.transport == "http":
            return self.world.run(who, find("buildx"), "imagetools", *args, extra={"BUILDX_CONFIG": self.work / "none"}, **kw)
        return self.world.run_with_name(who, find("buildx"), "imagetools", *args, extra={"BUILDX_CONFIG": self.work / "none"}, **kw)

    def name(self, repo):
        host = self.host if self.transport == "http" else f"{NAME}:{self.host.split(':')[1]}"
        return f"{host}/{repo}"


@pytest.fixture
def builder(world, transport, tmp_path):
    return Builder(world, transport, tmp_path)


def manifests_of(registry, repo, index):
    return registry.processor.get_manifest(repo, index).json()["manifests"]


def assert_all(registry, repo, digests, who, status):
    for digest in digests:
        got = getattr(registry, who).get_manifest(repo, digest)
        assert got.status == status, (digest, got)


@pytest.mark.parametrize("provenance", ["mode=min", "mode=max"])
def test_push_with_attestations(builder, registry, repo, provenance):
    """Two architectures, each with the record of its build: held as one, released as one."""
    option = ["--opt", f"attest:provenance={provenance}"]
    index = builder.push("publisher", repo, "v1", builder.context(), *option)
    parts = manifests_of(registry, repo, index)
    records = [p for p in parts if p.get("annotations", {}).get("vnd.docker.reference.type") == "attestation-manifest"]
    assert len(parts) == 4 and len(records) == 2, parts
    everything = [index, *(p["digest"] for p in parts)]
    assert_all(registry, repo, everything, "consumer", 403)

    assert builder.push("publisher", repo, "again", builder.context())  # without attestations this time
    builder.push("publisher", repo, "v1", builder.context(), *option)
    second = builder.push("publisher", repo, "v2", builder.context(version="v2"), *option)
    assert second != index
    builder.can_pull("consumer", f"{repo}@{index}", expect=False)

    released = registry.processor.release(repo, index).json()["released"]
    assert {r["digest"] for r in released} == set(everything)
    assert_all(registry, repo, everything, "consumer", 200)
    assert builder.can_pull("consumer", f"{repo}@{index}") == f"v1 {builder.work}"
    builder.can_pull("consumer", f"{repo}:v2", expect=False)
    for record in records:
        subject = registry.consumer.get_manifest(repo, record["digest"]).json()["subject"]["digest"]
        listed = registry.consumer.referrers(repo, subject, f"?artifactType={quote(ATTESTATION)}").json()["manifests"]
        assert [d["digest"] for d in listed] == [record["digest"]]


SCANNER = """FROM scratch
COPY busybox /bin/busybox
COPY scan /scan
ENTRYPOINT ["/bin/busybox", "sh", "/scan"]
"""
SCAN = """test -f "$BUILDKIT_SCAN_SOURCE/version" || exit 1
echo '{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document",' \
    '"predicate":{"spdxVersion":"SPDX-2.3","name":"scanned"}}' >"$BUILDKIT_SCAN_DESTINATION/scan.spdx.json"
"""


def test_a_bill_of_materials_by_a_scanner_of_the_registry(builder, registry, repo):
    """BuildKit runs an image of the registry over each result and pushes what it says as a further attestation."""
    context = builder.context(SCANNER)
    shutil.copy("/bin/busybox", context / "busybox")
    (context / "scan").write_text(SCAN)
    scanner = builder.push("publisher", f"{repo}/scanner", "v1", context, platforms=())
    option = ["--opt", f"attest:sbom=generator={builder.host}/{repo}/scanner:v1"]
    builder.push("publisher", repo, "no", builder.context(), *option, platforms=(), expect=False)
    registry.processor.release(f"{repo}/scanner", scanner)
    builder.needs_processes()
    index = builder.push("publisher", repo, "v1", builder.context(), *option, platforms=())
    assert builder.push("publisher", repo, "v1", builder.context(), *option, platforms=())
    image, record = (part["digest"] for part in manifests_of(registry, repo, index))
    assert {r["digest"] for r in registry.processor.release(repo, index).json()["released"]} == {index, image, record}
    statement = registry.consumer.get_manifest(repo, record).json()["layers"][0]
    assert statement["annotations"]["in-toto.io/predicate-type"] == "https://spdx.dev/Document"
    assert registry.consumer.get_blob(repo, statement["digest"]).json()["predicate"]["name"] == "scanned"


def test_push_by_digest_and_an_index_of_it(builder, registry, repo):
    """What builders on several machines do: each pushes its part by digest, the last one joins them."""
    find("buildx")
    parts = [builder.push("publisher", repo, None, builder.context(version=arch), "--opt", "attest:provenance=mode=max",
                          platforms=[f"linux/{arch}"], more=",push-by-digest=true") for arch in ("amd64", "arm64")]
    assert registry.processor.tags(repo) == []
    create = ["create", "--tag", f"{builder.name(repo)}:v1", *(f"{builder.name(repo)}@{digest}" for digest in parts)]
    builder.imagetools("publisher", *create)
    builder.imagetools("publisher", *create)
    got = registry.processor.get_manifest(repo, "v1")
    digest = got.headers["Docker-Content-Digest"]
    everything = [digest, *(m["digest"] for m in got.json()["manifests"])]
    assert len(everything) == 5
    assert_all(registry, repo, everything, "consumer", 403)
    builder.imagetools("consumer", "inspect", f"{builder.name(repo)}:v1", expect=False)
    assert {r["digest"] for r in registry.processor.release(repo, digest).json()["released"]} == set(everything)
    assert digest in builder.imagetools("consumer", "inspect", f"{builder.name(repo)}:v1")
    assert "amd64" in builder.can_pull("consumer", f"{repo}:v1")

    # Once it is released, it can be taken by its tag, too.
    builder.imagetools("publisher", "create", "--tag", f"{builder.name(repo)}:latest", f"{builder.name(repo)}:v1")
    assert registry.consumer.head(f"/v2/{repo}/manifests/latest").headers["Docker-Content-Digest"] == digest


def test_an_index_from_a_held_tag_is_refused(builder, registry, repo):
    find("buildx")
    builder.push("publisher", repo, "v1", builder.context())
    builder.imagetools("publisher", "create", "--tag", f"{builder.name(repo)}:latest", f"{builder.name(repo)}:v1", expect=False)
    assert registry.processor.get_manifest(repo, "latest").status == 404


def test_buildx_build_push(builder, registry, repo):
    find("buildx")
    command = ["build", "--push", "--provenance=mode=max", "--platform", "linux/amd64,linux/arm64", "--tag", f"{builder.host}/{repo}:v1"]
    builder.buildx("publisher", *command, builder.context())
    builder.buildx("publisher", *command, builder.context())
    builder.buildx("publisher", *command[:-1], f"{builder.host}/{repo}:v2", builder.context(version="v2"))
    got = registry.processor.get_manifest(repo, "v1")
    assert len(got.json()["manifests"]) == 4
    builder.can_pull("consumer", f"{repo}:v1", expect=False)
    registry.processor.release(repo, got.headers["Docker-Content-Digest"])
    assert builder.can_pull("consumer", f"{repo}:v1") == f"v1 {builder.work}"


@pytest.mark.parametrize("form", ["image-manifest=true", "image-manifest=false"])
def test_the_registry_as_a_cache(builder, world, registry, repo, form):
    """A cache is content like any other: held until it is released, and a build goes on without one."""
    cache = f"type=registry,ref={builder.host}/{repo}:cache"
    output = f"type=oci,dest={builder.work / 'image.tar'}"

    def export():
        return builder.build("publisher", builder.context(), "--export-cache", f"{cache},mode=max,{form}", output=output)

    def cached(who):
        """Whether a build that has nothing of its own takes its steps from the cache."""
        world.run(who, *builder.daemon.buildctl(), "prune", "--all")
        said, _ = builder.build(who, builder.context(), "--import-cache", cache, output=output)
        return "CACHED" in said

    export()
    export()
    assert not cached("publisher")
    held = registry.processor.get_manifest(repo, "cache").headers["Docker-Content-Digest"]
    registry.processor.release(repo, held)
    assert cached("publisher")
    assert cached("consumer")


def test_a_cache_where_quarantine_is_off(builder, world, registry, repo):
    registry.policy(repo, quarantine="off")
    cache = f"type=registry,ref={builder.host}/{repo}:cache"
    output = f"type=oci,dest={builder.work / 'image.tar'}"
    builder.build("publisher", builder.context(), "--export-cache", f"{cache},mode=max", output=output)
    world.run("publisher", *builder.daemon.buildctl(), "prune", "--all")
    said, _ = builder.build("publisher", builder.context(), "--import-cache", cache, output=output)
    assert "CACHED" in said


def test_build_on_an_image_of_the_registry(builder, registry, repo):
    """The layers of what it builds on are mounted from there, or sent again where the source may not be read."""
    base = builder.push("publisher2", f"{repo}/base", "v1", builder.context(), platforms=["linux/amd64"])
    app = f"FROM {builder.host}/{repo}/base:v1\nCOPY version /app\n"
    builder.push("publisher", f"{repo}/app", "no", builder.context(app, "app"), platforms=["linux/amd64"], expect=False)
    registry.processor.release(f"{repo}/base", base)
    builder.push("publisher", f"{repo}/app", "v1", builder.context(app, "app"), platforms=["linux/amd64"])
    builder.push("publisher", f"{repo}/app", "v2", builder.context(app, "app 2"), platforms=["linux/amd64"])
    got = registry.processor.get_manifest(f"{repo}/app", "v1")
    shared = {layer["digest"] for layer in got.json()["layers"]} & \
        {layer["digest"] for layer in registry.consumer.get_manifest(f"{repo}/base", "v1").json()["layers"]}
    assert len(shared) == 2
    for digest in shared:
        assert registry.consumer.get_blob(f"{repo}/app", digest).status == 403
    registry.processor.release(f"{repo}/app", got.headers["Docker-Content-Digest"])
    assert builder.can_pull("consumer", f"{repo}/app:v1") == f"v1 {builder.work}"
