"""Is everything synced, in the right order, before a client hears of success?  And does the check see it when something is not?"""

import concurrent.futures
import http.client
import time

import pytest

import order
from client import Attachment, Image, digest_of, unique
from daemon import wait_for
from harness import Registry, has_failpoints, shim_env

OCTETS = "application/octet-stream"
DISCONNECTED = (http.client.HTTPException, OSError)


def pushes(registry, repo):
    """Every kind of change, one after the other."""
    publisher, processor = registry.client("publisher"), registry.client("processor")
    keeper = registry.client("maintainer")
    images = [publisher.push_image(f"{repo}/a", f"v{i}") for i in range(4)]
    publisher.push_image(f"{repo}/a", None)
    data = unique("in chunks ").encode() * 1000
    started = publisher.request("POST", f"/v2/{repo}/a/blobs/uploads/")
    where = started.headers["Location"]
    for at in range(0, len(data), 4000):
        assert publisher.request("PATCH", where, body=data[at:at + 4000], content_type=OCTETS).status == 202
    assert publisher.request("PUT", f"{where}?digest={digest_of(data)}").status == 201
    small = unique("at once ").encode()
    assert publisher.request("POST", f"/v2/{repo}/a/blobs/uploads/?digest={digest_of(small)}", body=small).status == 201
    assert processor.request("POST", f"/v2/{repo}/b/blobs/uploads/?mount={digest_of(small)}&from={repo}/a").status == 201
    processor.push_image(f"{repo}/a", None, Attachment(images[0]))
    processor.release(f"{repo}/a", images[0].digest)
    processor.release(f"{repo}/a", images[1].digest)
    processor.fail(f"{repo}/a", images[2].digest)
    assert publisher.put_manifest(f"{repo}/a", "again", images[0].manifest).status == 201
    assert keeper.request("DELETE", f"/v2/{repo}/a/manifests/v0").status == 202
    assert keeper.request("DELETE", f"/v2/{repo}/a/manifests/{images[3].digest}").status == 202
    assert keeper.request("DELETE", f"/v2/{repo}/a/blobs/{digest_of(data)}").status == 202


def pushes_at_once(registry, repo):
    """Many clients, so that commits come in groups; they share a layer."""
    shared = unique("shared ").encode() * 500

    def push(i):
        client = registry.client("publisher")
        for k in range(6):
            client.push_image(f"{repo}/{i}", f"v{k}", Image(layers=[shared, unique("own ").encode()]))
        client.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(push, range(8)))


def run(shim, root, registries, work, failpoint=None, at_start=False):
    """Do some work under the preload library; the rules that were broken, and how often each was looked at."""
    registry = Registry(root, env=shim_env(shim, root)).set_failpoint(failpoint)
    registries.append(registry)
    if at_start:
        registry.arm()
    registry.start().populate().arm()
    work(registry, "r")
    registry.daemon.stop()
    return order.check(order.read(root / "shim.log"))


@pytest.mark.parametrize("work", [pushes, pushes_at_once])
def test_everything_is_synced_before_it_is_told(shim, tmp_path, registries, work):
    broken, looked = run(shim, tmp_path / "d", registries, work)
    assert broken == []
    assert all(looked[rule] >= 10 for rule in ("R1", "R2", "R3", "R4")), looked


@pytest.mark.parametrize("failpoint, at_start, rule", [
    ("blob.skip_fdatasync:*:on", False, "R1"),
    ("blob.skip_fsync_directory:*:on", False, "R2"),
    ("blob.skip_fsync_parents:*:on", True, "R3"),
    ("db.synchronous_normal:*:on", True, "R4"),
    ("db.answer_before_commit:*:on", False, "R4"),
])
def test_a_missing_sync_is_noticed(shim, tmp_path, registries, failpoint, at_start, rule):
    """The check itself is tried: on a build that leaves a step out."""
    if not has_failpoints():
        pytest.skip("not run: the program was built without failpoints")
    broken, _ = run(shim, tmp_path / "d", registries, pushes_at_once, failpoint, at_start)
    assert rule in {r for r, _ in broken}, broken


@pytest.mark.parametrize("which", ["*/uploads/*/data", "*/blobs/sha256/??", "*/catalog.db-wal"])
def test_after_a_failed_sync_nothing_is_told_to_have_succeeded(shim, tmp_path, registries, which):
    root = tmp_path / "d"
    registry = Registry(root, env=shim_env(shim, root))
    registries.append(registry)
    registry.start().populate()
    kept = registry.client("publisher").push_image("r/kept", "v1")
    registry.fail(f"sync {which} EIO 1")
    outcomes = []

    def push(i):
        """Push until the daemon ends: (when it was asked, when it was answered, status) of every change."""
        client = registry.client("publisher", timeout=60)
        for k in range(100000):
            data = unique(f"{i} {k} ").encode()
            asked = time.monotonic()
            try:
                got = client.request("POST", f"/v2/r/{i}/blobs/uploads/?digest={digest_of(data)}", body=data)
            except DISCONNECTED:
                return
            outcomes.append((asked, time.monotonic(), got.status))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(push, range(4)))
    code = wait_for(lambda: registry.daemon.proc.poll() is not None and registry.daemon.proc.returncode, "the daemon gives up")
    registry.daemon.proc = None
    assert code not in (0, -6, -11), code
    assert "cannot make changes durable" in registry.daemon.tail(100000)
    # What was asked before the first refusal was heard may have been synced before the one that failed.
    heard = min((answered for _, answered, status in outcomes if status != 201), default=float("inf"))
    assert not [asked for asked, _, status in outcomes if status == 201 and asked > heard]
    events = order.read(root / "shim.log")
    failed = next(e.at for e in events if e.kind == "sync-end" and e.rest[0] != "0")
    told = [line for asked, _, line, _ in order.successes(events) if asked > failed]
    assert told == []

    # On a disk that works again nothing is missing.
    registry.fail(None)
    registry.daemon.env.pop("LD_PRELOAD")
    registry.start()
    got = registry.client("processor").get_manifest("r/kept", "v1")
    assert (got.status, got.body) == (200, kept.manifest)
    assert registry.client("publisher").push_blob("r/kept", b"after it")
    registry.daemon.stop()
