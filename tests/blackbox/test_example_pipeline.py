"""The example in examples/pipeline, run for real: SBOM, signatures, scan, decision."""

import base64
import gzip
import importlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest

from client import OCI_LAYER, Image, Index, digest_of, dumps
from daemon import binary

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "pipeline"
SPDX = "application/spdx+json"


def layer(files):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)


def dpkg(**versions):
    return "\n".join(f"Package: {n}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {v}\n" for n, v in versions.items())


def image(name, **versions):
    """An image with these packages, and one more in a lower layer that a later one takes away."""
    layers = [layer({"etc/os-release": f'PRETTY_NAME="{name}"\n', "var/lib/dpkg/status": dpkg(openssl="1.0", gone="1")}),
              layer({"./var/lib/dpkg/status": dpkg(**versions)}) if versions else layer({"var/lib/dpkg/.wh.status": ""})]
    return Image(layers=layers, layer_type=OCI_LAYER)


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "pipeline.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path)], check=True,
                   capture_output=True)
    return path


def process(registry, who, key, script, *options, expect=0):
    user, password = registry.credentials[who]
    env = {**os.environ, "ROADSTEAD_SERVER": registry.url, "ROADSTEAD_USER": user, "ROADSTEAD_PASSWORD": password, "PIPELINE_KEY": str(key),
           "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([binary(), "process", "--drain", "--json", *options, "--", str(EXAMPLE / script)], capture_output=True, text=True,
                          timeout=300, check=False, env=env)
    assert done.returncode == expect, (done.stdout, done.stderr)
    return {r["digest"]: r["result"] for r in map(json.loads, done.stdout.splitlines())}


def signature_holds(client, repo, digest, key, tmp_path):
    """As cosign checks it: the payload names the digest, and the signature in the annotation is the key's over the payload."""
    got = client.get_manifest(repo, digest.replace(":", "-") + ".sig")
    assert got.status == 200, got
    (entry,) = got.json()["layers"]
    payload = client.get_blob(repo, entry["digest"]).body
    assert json.loads(payload)["critical"]["image"]["docker-manifest-digest"] == digest
    (tmp_path / "signature").write_bytes(base64.b64decode(entry["annotations"]["dev.cosignproject.cosign/signature"]))
    (tmp_path / "payload").write_bytes(payload)
    subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(tmp_path / "key.pub")], check=True, capture_output=True)
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(tmp_path / "key.pub"), "-signature", str(tmp_path / "signature"),
                    str(tmp_path / "payload")], check=True, capture_output=True)


@pytest.fixture
def own(make_registry):
    return make_registry(config={"quarantine": {"settle_time": "0s"}})


def test_one_processor(own, key, tmp_path):
    good = own.publisher.push_image("team/good", "1.0", image("good", openssl="3.0.15-1~deb12u1", bash="5.2.15-2"))
    bad = own.publisher.push_image("team/bad", "1.0", image("bad", openssl="3.0.11-1~deb12u2"))
    empty = own.publisher.push_image("team/empty", "1.0", image("empty"))
    results = process(own, "processor", key, "decide.py")
    assert results == {good.digest: "passed", bad.digest: "failed", empty.digest: "failed"}
    # The consumer finds everything beside the image that passed.
    assert own.consumer.get_manifest("team/good", "1.0").body == good.manifest
    listed = {d["artifactType"]: d["digest"] for d in own.consumer.referrers("team/good", good.digest).json()["manifests"]}
    sbom_manifest = own.consumer.get_manifest("team/good", listed[SPDX]).json()
    sbom = json.loads(own.consumer.get_blob("team/good", sbom_manifest["layers"][0]["digest"]).body)
    assert sbom["spdxVersion"] == "SPDX-2.3"
    assert {(p["name"], p["versionInfo"]) for p in sbom["packages"]} == {("openssl", "3.0.15-1~deb12u1"), ("bash", "5.2.15-2")}
    for digest in (good.digest, listed[SPDX]):
        signature_holds(own.consumer, "team/good", digest, key, tmp_path)
    # Nothing of the others, and the reason is in the log.
    for repo, one in (("team/bad", bad), ("team/empty", empty)):
        assert own.consumer.get_manifest(repo, one.digest).status == 403
        assert own.consumer.referrers(repo, one.digest).json()["manifests"] == []
    (record,) = own.auditor.audit(f"digest={bad.digest}&action=failed")
    findings = record["details"]["steps"][-1]["findings"]
    assert [(f["package"], f["severity"]) for f in findings] == [("openssl", "CRITICAL")]


def test_three_processors(own, key, tmp_path):
    """Each step is a check of its own; the last pass releases, whichever that is."""
    own.policy("team/**", quarantine="on", checks=["sbom", "sign", "scan"])
    for name in ("sbom", "sign"):
        own.user(f"{name}-robot", ("checker:" + name, "team/**"), ("publisher", "team/**"))
    own.user("scan-robot", ("checker:scan", "team/**"), ("publisher", "team/**"))
    good = own.publisher.push_image("team/app", "1.0", image("good", openssl="3.0.15-1~deb12u1"))
    # Signing cannot tell while there is no SBOM; that is no verdict.
    stuck = process(own, "sign-robot", key, "sign.py", "--check", "sign", "--retries", "0", "--lease", "10s", expect=1)
    assert stuck == {good.digest: "not decided, it stays in quarantine"}
    assert process(own, "scan-robot", key, "scan.py", "--check", "scan") == {good.digest: "passed"}
    assert process(own, "sbom-robot", key, "sbom.py", "--check", "sbom") == {good.digest: "passed"}
    assert own.processor.state("team/app", good.digest).json()["state"] == "quarantined"
    # Its claim from before ends by itself.
    results = {}
    while not results:
        results = process(own, "sign-robot", key, "sign.py", "--check", "sign")
    assert results == {good.digest: "passed"}
    assert own.consumer.get_manifest("team/app", "1.0").body == good.manifest
    signature_holds(own.consumer, "team/app", good.digest, key, tmp_path)


def test_an_index_is_judged_in_whole(own, key, tmp_path):
    good = image("good", openssl="3.0.15-1~deb12u1")
    bad = image("bad", zlib="1:1.2.11.dfsg-2")
    mixed = Index([good, bad]).push(own.publisher, "team/app", "mixed")
    index = Index([good, image("also good", bash="5.2.15-3")]).push(own.publisher, "team/fine", "1.0")
    results = process(own, "processor", key, "decide.py")
    # The parts of an index that failed are images of their own again, and judged as such.
    assert results == {index.digest: "passed", mixed.digest: "failed", good.digest: "passed", bad.digest: "failed"}
    for digest in (index.digest, *(i.digest for i in index.images)):
        signature_holds(own.consumer, "team/fine", digest, key, tmp_path)
    assert own.consumer.get_manifest("team/app", "mixed").status == 403


def test_doing_it_again_changes_nothing(own, key):
    """A step that was cut and is run again finds what it did: the same SBOM, the same signatures, the same report."""
    good = own.publisher.push_image("team/app", "1.0", image("good", openssl="3.0.15-1~deb12u1"))
    user, password = own.credentials["processor"]
    env = {**os.environ, "ROADSTEAD_SERVER": own.url, "ROADSTEAD_USER": user, "ROADSTEAD_PASSWORD": password, "PIPELINE_KEY": str(key),
           "ROADSTEAD_REPOSITORY": "team/app", "ROADSTEAD_DIGEST": good.digest, "PYTHONDONTWRITEBYTECODE": "1"}
    first, second = [subprocess.run([str(EXAMPLE / "decide.py")], capture_output=True, text=True, timeout=120, check=True, env=env).stdout
                     for _ in range(2)]
    assert json.loads(first) == json.loads(second)
    assert len(own.processor.referrers("team/app", good.digest).json()["manifests"]) >= 2


def test_the_demonstration(tmp_path):
    done = subprocess.run([str(EXAMPLE / "demo"), binary()], capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pulled team/good:1.0" in done.stdout and "EXAMPLE-2026-0001" in done.stdout


def test_versions_are_compared_as_debian_does(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    compare = importlib.import_module("scan").compare
    ordered = ["1.0~rc1-1", "1.0-1", "1.0-1~deb12u1", "1.0-1+b1", "1.0a-1", "1.0+dfsg-1", "1.0.1-1", "1.2-1", "1.10-1", "1:0.9-1"]
    ordered[1], ordered[2] = ordered[2], ordered[1]  # a tilde sorts before the end
    for i, a in enumerate(ordered):
        for j, b in enumerate(ordered):
            assert compare(a, b) == (i > j) - (i < j), (a, b)
    assert compare("1.01", "1.1") == 0 and compare("0:1", "1") == 0
    assert digest_of(dumps({})) == importlib.import_module("registry").sha256(b"{}")
