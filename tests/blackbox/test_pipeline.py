"""The pipeline of the quarantine flag with real clients: push, refuse, inspect, attach, decide, pull."""

import json
import subprocess

import pytest

import layout
from client import Attachment, Image, Index


class Skopeo:
    """skopeo as one principal."""

    def __init__(self, registry, name):
        self.host = registry.url.split("//")[1]
        self.creds = ":".join(registry.credentials[name])

    def push(self, source, target, *more):
        return layout.run("skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", self.creds, *more, source,
                          f"docker://{self.host}/{target}")

    def pull_command(self, source, target, *more):
        return ["skopeo", "copy", "--src-tls-verify=false", "--src-creds", self.creds, *more,
                f"docker://{self.host}/{source}", target]

    def pull(self, source, target, *more):
        return layout.run(*self.pull_command(source, target, *more))

    def cannot_pull(self, source, target):
        done = subprocess.run(self.pull_command(source, target), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode != 0, f"{source} was pulled\n{done.stdout}"
        return done.stdout


@pytest.fixture
def busybox(tmp_path):
    """(directory, digest of v1, digest of v2) of a layout with two versions of a multi-layer image."""
    directory = tmp_path / "busybox"
    return directory, layout.busybox_image(directory, "v1"), layout.busybox_image(directory, "v2")


def blobs_of(directory, digest):
    doc = json.loads(layout.blob(directory, digest))
    return [doc["config"]["digest"]] + [d["digest"] for d in doc["layers"]]


def gets_nothing(client, repo, digest, tag, blobs, tmp):
    """No byte of a held image by any route of a principal without quarantine-pull, and no trace of it in any list."""
    for reference in (digest, tag):
        got = client.get_manifest(repo, reference)
        assert got.status in (403, 404), got
        assert client.head(f"/v2/{repo}/manifests/{reference}").status in (403, 404)
    for blob in blobs:
        for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": f'"{blob}"'}):
            got = client.get_blob(repo, blob, **headers)
            assert got.status in (403, 404), got
        assert client.head(f"/v2/{repo}/blobs/{blob}").status in (403, 404)
        mounted = client.request("POST", f"/v2/{tmp}/blobs/uploads/?mount={blob}&from={repo}")
        assert mounted.status in (202, 403), mounted
    assert not client.tags(repo)
    listed = client.referrers(repo, digest)
    assert listed.status in (403, 404) or listed.json()["manifests"] == []
    listed = client.get("/v2/_catalog?n=1000")
    assert listed.status in (401, 403) or repo not in listed.json()["repositories"]


@pytest.mark.parametrize("decided", ["released", "failed"])
def test_the_article(registry, repo, busybox, tmp_path, decided):
    directory, digest, second = busybox
    publisher, consumer, processor = (Skopeo(registry, n) for n in ("publisher", "consumer", "processor"))
    blobs = blobs_of(directory, digest)
    publisher.push(f"oci:{directory}:v1", f"{repo}:latest")

    gets_nothing(registry.consumer, repo, digest, "latest", blobs, repo + "/other")
    gets_nothing(registry.admin, repo, digest, "latest", blobs, repo + "/other")
    consumer.cannot_pull(f"{repo}:latest", f"oci:{tmp_path}/no:x")
    consumer.cannot_pull(f"{repo}@{digest}", f"oci:{tmp_path}/no:x")

    # The publisher: the echo of the very manifest and config he sent, HEAD of blobs, nothing else.
    assert registry.publisher.get_manifest(repo, digest).body == layout.blob(directory, digest)
    assert registry.publisher.get_manifest(repo, "latest").status == 404
    assert registry.publisher.get_blob(repo, blobs[0]).body == layout.blob(directory, blobs[0])
    for blob in blobs[1:]:
        assert registry.publisher.head(f"/v2/{repo}/blobs/{blob}").status == 200
        assert registry.publisher.get_blob(repo, blob).status == 403
        assert registry.publisher.get_blob(repo, blob, Range="bytes=0-0").status == 403
    # Another publisher has no echo.
    assert registry.publisher2.get_manifest(repo, digest).status == 404
    assert registry.publisher2.get_blob(repo, blobs[0]).status == 403

    # The processor pulls by tag and by digest, and attaches a signature and an SBOM.
    processor.pull(f"{repo}:latest", f"oci:{tmp_path}/by-tag:x")
    processor.pull(f"{repo}@{digest}", f"oci:{tmp_path}/by-digest:x")
    for blob in (digest, *blobs):
        assert layout.blob(tmp_path / "by-tag", blob) == layout.blob(directory, blob)
        assert layout.blob(tmp_path / "by-digest", blob) == layout.blob(directory, blob)
    subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest,
               "size": len(layout.blob(directory, digest))}
    signature = registry.processor.push_image(repo, None, Attachment(subject, "application/vnd.example.signature"))
    sbom = registry.processor.push_image(repo, None, Attachment(subject, "application/vnd.example.sbom"))
    gets_nothing(registry.consumer, repo, signature.digest, "latest", [signature.layers and blobs[0]], repo + "/other")
    assert registry.consumer.get_manifest(repo, sbom.digest).status == 403
    listed = registry.processor.referrers(repo, digest).json()["manifests"]
    assert {d["digest"] for d in listed} == {signature.digest, sbom.digest}

    # A publisher may not attach to what is in quarantine.
    forged = Attachment(subject, "application/vnd.example.signature")
    for data in forged.blobs:
        registry.publisher.push_blob(repo, data)
    refused = registry.publisher.put_manifest(repo, forged.digest, forged.manifest)
    assert (refused.status, refused.code) == (403, "DENIED"), refused

    if decided == "failed":
        registry.processor.fail(repo, digest, {"scanner": "2 critical"})
        gets_nothing(registry.consumer, repo, digest, "latest", blobs, repo + "/other")
        record = registry.auditor.audit(f"digest={digest}&action=failed")
        assert len(record) == 1 and record[0]["details"] == {"scanner": "2 critical"}
        assert record[0]["actor"] == "processor" and record[0]["publisher"] == "publisher"
        return

    registry.processor.release(repo, digest, {"scanner": "clean"})
    consumer.pull(f"{repo}:latest", f"oci:{tmp_path}/released:x")
    for blob in (digest, *blobs):
        assert layout.blob(tmp_path / "released", blob) == layout.blob(directory, blob)
    listed = registry.consumer.referrers(repo, digest).json()["manifests"]
    assert {d["digest"] for d in listed} == {signature.digest, sbom.digest}
    for attached in (signature, sbom):
        assert registry.consumer.get_manifest(repo, attached.digest).body == attached.manifest
        for data, blob in zip(attached.layers, [d["digest"] for d in attached.doc["layers"]]):
            assert registry.consumer.get_blob(repo, blob).body == data

    # A new image on the same tag leaves the old one pullable until it is released itself.
    publisher.push(f"oci:{directory}:v2", f"{repo}:latest")
    assert registry.consumer.get_manifest(repo, "latest").body == layout.blob(directory, digest)
    staged = registry.processor.get_manifest(repo, "latest")
    assert staged.body == layout.blob(directory, second)
    assert staged.headers["Roadstead-Quarantine"] == "quarantined" and staged.headers["Roadstead-Live"] == digest
    registry.processor.release(repo, second)
    assert registry.consumer.get_manifest(repo, "latest").body == layout.blob(directory, second)
    assert registry.consumer.get_manifest(repo, digest).status == 200

    # Never back into quarantine.
    for body in ("failed",):
        refused = registry.processor.decide(repo, digest, body)
        assert refused.status == 409 and "only for the first release" in refused.message, refused
    again = registry.processor.release(repo, digest)
    assert again.json()["changed"] is False


def test_events_of_the_article(registry, repo):
    """A `quarantine` event at push, `push` only after release, each exactly once, with every field."""
    image = registry.publisher.push_image(repo, "v1")
    seen = registry.processor.events(repository=repo)
    assert [(e["type"], e["tag"], e["digest"], e["actor"]) for e in seen] == [("quarantine", "v1", image.digest, "publisher")]
    registry.processor.release(repo, image.digest, "fine")
    registry.processor.release(repo, image.digest, "fine")
    seen = registry.processor.events(repository=repo)
    assert [(e["type"], e["tag"], e["actor"], e["publisher"]) for e in seen] == [
        ("quarantine", "v1", "publisher", "publisher"), ("push", "v1", "processor", "publisher")]
    assert seen[0]["sequence"] < seen[1]["sequence"]
    for event in seen:
        assert event["timestamp"].endswith("Z") and event["repository"] == repo and event["size"] == len(image.manifest)
        assert event["mediaType"] == image.media_type and event["requestId"]
    # A consumer learns of the release only.
    assert [e["type"] for e in registry.consumer.events(repository=repo)] == ["push"]


def test_with_quarantine_off_only_push_events(registry, repo):
    registry.policy(repo, quarantine="off")
    image = registry.publisher.push_image(repo, "v1")
    assert [e["type"] for e in registry.processor.events(repository=repo)] == ["push"]
    assert registry.consumer.get_manifest(repo, "v1").body == image.manifest


def test_a_multi_architecture_index_is_held_and_released_as_one(registry, repo, tmp_path):
    directory = tmp_path / "multi"
    digest = layout.multi_arch_layout(directory, "v1")
    Skopeo(registry, "publisher").push(f"oci:{directory}:v1", f"{repo}:v1", "--all")
    index = json.loads(layout.blob(directory, digest))
    parts = [d["digest"] for d in index["manifests"]]
    for reference in ("v1", digest, *parts):
        assert registry.consumer.get_manifest(repo, reference).status == 403
        assert registry.admin.get_manifest(repo, reference).status in (403, 404)
    answer = registry.processor.release(repo, digest).json()
    assert {r["digest"] for r in answer["released"]} == {digest, *parts}
    Skopeo(registry, "consumer").pull(f"{repo}:v1", f"oci:{tmp_path}/pulled:x", "--all")
    for part in (digest, *parts):
        assert layout.blob(tmp_path / "pulled", part) == layout.blob(directory, part)
        assert registry.consumer.get_manifest(repo, part).body == layout.blob(directory, part)


def test_a_failed_part_refuses_the_index(registry, repo):
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    bad = index.images[1].digest
    registry.processor.fail(repo, bad)
    refused = registry.processor.decide(repo, index.digest, "released")
    assert refused.status == 409 and bad in refused.message, refused
    assert registry.consumer.get_manifest(repo, index.images[0].digest).status == 403


def test_buildah_pushes_and_pulls(registry, repo, busybox, tmp_path):
    """A client that keeps its own storage: push twice, refused before release, the same image after."""
    directory, _, _ = busybox
    host = registry.url.split("//")[1]
    store = ["--root", tmp_path / "root", "--runroot", tmp_path / "runroot", "--storage-driver", "vfs"]
    layout.run("buildah", *store, "pull", f"oci:{directory}:v1")
    name = layout.run("buildah", *store, "images", "-q").split()[0]
    push = ["buildah", *store, "push", "--tls-verify=false", "--creds", ":".join(registry.credentials["publisher"]), name,
            f"docker://{host}/{repo}:v1"]
    layout.run(*push)
    layout.run(*push)
    digest = json.loads(registry.processor.state(repo, registry.processor.head(f"/v2/{repo}/manifests/v1").headers[
        "Docker-Content-Digest"]).body)["digest"]
    consumer = Skopeo(registry, "consumer")
    assert "quarantine" in consumer.cannot_pull(f"{repo}:v1", f"oci:{tmp_path}/no:x")
    registry.processor.release(repo, digest)
    consumer.pull(f"{repo}:v1", f"oci:{tmp_path}/yes:x")
    assert layout.blob(tmp_path / "yes", digest) == registry.consumer.get_manifest(repo, digest).body
