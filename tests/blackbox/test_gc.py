"""Garbage collection: what nothing needs goes, what somebody needs stays, and nothing that is being pushed is touched."""

import pathlib
import subprocess
import sys
import time

import pytest

from client import Image, digest_of, unique
from daemon import wait_for

SOAK = pathlib.Path(__file__).resolve().parent.parent / "soak" / "run.py"
QUICK = {"gc": {"grace": "0s", "lease": "1s", "interval": "0s"}, "log": {"requests": False}}


@pytest.fixture
def quick(make_registry):
    """A registry whose blobs are garbage a second after nobody needs them, and that collects only when asked to."""
    return make_registry(config=QUICK)


def collect(registry, dry_run=False):
    got = registry.admin.request("POST", "/v2/_roadstead/admin/gc", body={"dryRun": dry_run})
    assert got.status == 200, got
    return got.json()


def collect_until(registry, condition, what):
    """Collect until the condition holds: leases end by themselves after a second."""
    wait_for(lambda: (collect(registry), condition())[1], what)


def files(registry):
    return {"sha256:" + p.name for p in (registry.daemon.data / "blobs").glob("sha256/*/*")}


def test_a_blob_that_no_manifest_names_goes(quick, repo):
    digest = quick.publisher.push_blob(repo, unique("lonely ").encode())
    assert digest in files(quick)
    collect_until(quick, lambda: digest not in files(quick), "the blob is collected")
    assert quick.publisher.head(f"/v2/{repo}/blobs/{digest}").status == 404
    record = quick.auditor.audit("action=collected")
    assert sum(r["details"]["blobs"] for r in record) == 1 and record[0]["actor"] == "admin"


@pytest.mark.parametrize("state", ["quarantined", "failed", "released"])
def test_what_a_manifest_names_stays_in_every_state(quick, repo, state):
    image = quick.publisher.push_image(repo, "v1")
    if state != "quarantined":
        quick.processor.decide(repo, image.digest, state)
    other = quick.publisher.push_blob(repo, unique("other ").encode())
    collect_until(quick, lambda: other not in files(quick), "something is collected")
    assert {digest_of(d) for d in image.blobs} <= files(quick)
    assert quick.processor.get_blob(repo, digest_of(image.layers[0])).body == image.layers[0]


def test_blobs_go_with_the_last_manifest_that_names_them(quick, repo):
    shared = unique("shared ").encode()
    first = quick.publisher.push_image(repo, "a", Image(layers=[shared]))
    second = quick.publisher.push_image(repo + "/x", "b", Image(layers=[shared]))
    assert quick.maintainer.request("DELETE", f"/v2/{repo}/manifests/{first.digest}").status == 202
    collect_until(quick, lambda: digest_of(first.config) not in files(quick), "the first config goes")
    assert digest_of(shared) in files(quick)
    assert quick.maintainer.request("DELETE", f"/v2/{repo}/x/manifests/{second.digest}").status == 202
    collect_until(quick, lambda: digest_of(shared) not in files(quick), "the shared layer goes")


def test_a_repository_loses_what_it_does_not_need_though_another_one_keeps_it(quick, repo):
    """Else HEAD would tell, in one's own repository, what is in one that nobody may look into."""
    known = unique("known ").encode()
    image = quick.publisher.push_image(repo + "/secret", "v1", Image(layers=[known]))
    gone = quick.publisher.push_image(repo, "v1", Image(layers=[known]))
    mine = quick.publisher.push_blob(repo + "/mine", known)
    assert quick.maintainer.request("DELETE", f"/v2/{repo}/manifests/{gone.digest}").status == 202
    other = quick.publisher.push_blob(repo, unique("other ").encode())
    told = wait_for(lambda: (lambda r: r if r["links"] else None)(collect(quick, dry_run=True)), "the dry run sees them")
    assert told["links"] == 2, told
    collect_until(quick, lambda: other not in files(quick), "collected")
    assert mine == digest_of(known) in files(quick)
    for name in (repo, repo + "/mine"):
        assert quick.publisher.head(f"/v2/{name}/blobs/{mine}").status == 404
        assert quick.admin.get(f"/v2/_roadstead/admin/quota?repository={name}").json()["usedBytes"] == 0
        assert quick.publisher.get_blob(name, mine).code in ("BLOB_UNKNOWN", "DENIED")
    assert sum(r["details"]["links"] for r in quick.auditor.audit("action=collected")) == 2
    assert quick.processor.get_blob(repo + "/secret", mine).body == known
    quick.processor.release(repo + "/secret", image.digest)
    assert quick.consumer.get_blob(repo + "/secret", mine).body == known
    # It comes back like any other.
    again = quick.publisher.push_image(repo + "/mine", "v1", Image(layers=[known]))
    assert quick.processor.get_blob(repo + "/mine", digest_of(again.layers[0])).body == known
    assert quick.admin.request("POST", "/v2/_roadstead/admin/fsck").status == 202
    wait_for(lambda: quick.admin.get("/v2/_roadstead/admin/fsck").json()["state"] == "done", "the check is done")
    assert quick.admin.get("/v2/_roadstead/admin/fsck").json()["findings"] == []


def test_a_dry_run_tells_and_removes_nothing(quick, repo):
    data = unique("dry ").encode()
    digest = quick.publisher.push_blob(repo, data)
    told = wait_for(lambda: (lambda r: r if r["blobs"] else None)(collect(quick, dry_run=True)), "the dry run sees it")
    assert told["dryRun"] is True and told["blobs"] == 1 and told["blobBytes"] == len(data)
    assert digest in files(quick)
    assert quick.auditor.audit("action=collected") == []


def test_a_stray_file_goes(quick, repo):
    quick.publisher.push_blob(repo, b"any")
    stray = "0" * 64
    path = quick.daemon.data / "blobs" / "sha256" / "00" / stray
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"left by a crash")
    collect_until(quick, lambda: not path.exists(), "the stray is removed")


def test_an_upload_after_the_collection_brings_the_blob_back(quick, repo):
    image = Image()
    for data in image.blobs:
        quick.publisher.push_blob(repo, data)
    collect_until(quick, lambda: digest_of(image.layers[0]) not in files(quick), "collected")
    refused = quick.publisher.put_manifest(repo, "v1", image.manifest)
    assert refused.code == "MANIFEST_BLOB_UNKNOWN", refused
    quick.publisher.push_image(repo, "v1", image)
    assert quick.processor.get_blob(repo, digest_of(image.layers[0])).body == image.layers[0]


def test_only_an_admin_collects(registry):
    for name in ("publisher", "processor", "consumer", "auditor", "maintainer"):
        assert getattr(registry, name).request("POST", "/v2/_roadstead/admin/gc").status == 403
    assert registry.anonymous.request("POST", "/v2/_roadstead/admin/gc").status == 401
    for body in ({"dryRun": 1}, {"dry": True}, []):
        assert registry.admin.request("POST", "/v2/_roadstead/admin/gc", body=body).status == 400


def test_unfinished_uploads_expire(make_registry, repo):
    registry = make_registry(config={**QUICK, "limits": {"upload_expiry": "1s"}})
    started = registry.publisher.request("POST", f"/v2/{repo}/blobs/uploads/")
    where = started.headers["Location"]
    assert registry.publisher.get(where).status == 204
    collect_until(registry, lambda: not any((registry.daemon.data / "uploads").iterdir()), "the upload expires")
    assert registry.publisher.get(where).code == "BLOB_UPLOAD_UNKNOWN"


@pytest.mark.tsan
def test_pushes_while_the_collector_runs_all_the_time():
    """The soak for a short while: pushers that share layers, processors, deleters and pullers; not one failed push or pull."""
    done = subprocess.run([sys.executable, SOAK, "--seconds", "6"], capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_background_collector_works_by_itself(make_registry, repo):
    registry = make_registry(config={**QUICK, "gc": {"grace": "0s", "lease": "1s", "interval": "1s"}})
    digest = registry.publisher.push_blob(repo, unique("background ").encode())
    begin = time.monotonic()
    wait_for(lambda: digest not in files(registry), "the background collector removes the blob")
    assert time.monotonic() - begin < 60
