"""Backup while pushes go on, and restore: tried by restoring, with everything that was acknowledged before the backup began."""

import pathlib
import sqlite3
import subprocess
import threading

import pytest

from client import Attachment, Image, Index, digest_of, unique
from conftest import Registry
from daemon import Daemon, binary, wait_for


@pytest.fixture
def own(make_registry, tmp_path):
    return make_registry(config={"backup": {"directory": str(tmp_path / "backup")}, "log": {"requests": False}})


def cli(*args, registry=None, expect=0):
    env = {}
    if registry is not None:
        name, password = registry.credentials["admin"]
        env = {"ROADSTEAD_SERVER": registry.url, "ROADSTEAD_USER": name, "ROADSTEAD_PASSWORD": password}
    done = subprocess.run([binary(), *map(str, args)], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **env}, timeout=300)
    assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def restored(tmp_path, own, name="restored"):
    """The backup as a registry of its own."""
    root = tmp_path / name
    root.mkdir()
    assert "restored" in cli("restore", "--from", tmp_path / "backup", "--data", root / "data")
    assert "sound" in cli("fsck", "--data", root / "data")
    daemon = Daemon(root)
    daemon.start()
    registry = Registry.__new__(Registry)
    registry.daemon = daemon
    registry.credentials = own.credentials
    registry.admin = daemon.client(own.credentials["admin"])
    return registry


def test_everything_is_there_after_a_restore(own, repo, tmp_path):
    released = own.publisher.push_image(repo, "v1")
    own.processor.release(repo, released.digest, "fine")
    held = own.publisher.push_image(repo, "v2")
    failed = own.publisher.push_image(repo, "v3")
    own.processor.fail(repo, failed.digest)
    attached = own.processor.push_image(repo, None, Attachment(held))
    index = Index([Image(), Image()]).push(own.publisher, repo, "multi")
    assert "backed up" in cli("backup", registry=own)
    after = own.publisher.push_image(repo, "later")

    copy = restored(tmp_path, own)
    try:
        assert copy.consumer.get_manifest(repo, "v1").body == released.manifest
        assert copy.consumer.get_blob(repo, digest_of(released.layers[0])).body == released.layers[0]
        for image in (held, failed):
            assert copy.consumer.get_manifest(repo, image.digest).status == 403
            assert copy.processor.get_manifest(repo, image.digest).body == image.manifest
        assert copy.processor.get_manifest(repo, attached.digest).body == attached.manifest
        assert copy.processor.get_manifest(repo, "later").status == 404 and after
        assert copy.processor.decide(repo, failed.digest, "released").status == 200
        copy.processor.release(repo, index.digest)
        assert copy.consumer.get_manifest(repo, "multi").body == index.manifest
        before = [(r["action"], r["digest"]) for r in own.auditor.audit(f"repository={repo}")]
        assert [(r["action"], r["digest"]) for r in copy.auditor.audit(f"repository={repo}")][:5] == before[:5]
    finally:
        copy.daemon.stop()


def test_a_second_backup_copies_only_what_is_new(own, repo):
    own.publisher.push_image(repo, "v1")
    assert "3 blobs, of which 3 were new" in cli("backup", registry=own)
    own.publisher.push_image(repo, "v2")
    assert "6 blobs, of which 3 were new" in cli("backup", registry=own)
    record = own.auditor.audit("action=backed-up")
    assert [r["actor"] for r in record] == ["admin", "admin"]


def test_a_backup_while_pushes_go_on_is_consistent(own, repo, tmp_path):
    stop = threading.Event()
    acknowledged = []

    def push():
        client, n = own.client("publisher"), 0
        while not stop.is_set():
            n += 1
            acknowledged.append((f"t{n}", client.push_image(repo, f"t{n}", Image(layers=[unique("x").encode() * 1000]))))

    pushing = threading.Thread(target=push)
    pushing.start()
    try:
        wait_for(lambda: len(acknowledged) > 5, "some pushes")
        before = list(acknowledged)
        cli("backup", registry=own)
    finally:
        stop.set()
        pushing.join()
    copy = restored(tmp_path, own)
    try:
        for tag, image in before:
            assert copy.processor.get_manifest(repo, tag).body == image.manifest
            assert copy.processor.get_blob(repo, digest_of(image.layers[0])).body == image.layers[0]
    finally:
        copy.daemon.stop()


def test_a_restored_registry_signs_checkpoints_of_its_log(own, repo, tmp_path):
    """The log goes on while a backup copies blobs: a checkpoint of that time is none of the backup's log."""
    stop = threading.Event()

    def work():
        publisher, auditor = own.client("publisher"), own.client("auditor")
        while not stop.is_set():
            publisher.push_image(repo)
            assert auditor.get("/v2/_roadstead/audit/checkpoint").status == 200

    for _ in range(8):
        own.publisher.push_blob(repo, unique("large ").encode() * 200_000)
    working = threading.Thread(target=work)
    working.start()
    try:
        cli("backup", registry=own)
    finally:
        stop.set()
        working.join()
    # One that was made by a program that did copy it.
    (tmp_path / "backup" / "keys" / "audit-log.checkpoint").write_bytes((own.daemon.data / "keys" / "audit-log.checkpoint").read_bytes())
    copy = restored(tmp_path, own)
    try:
        signed = copy.auditor.get("/v2/_roadstead/audit/checkpoint")
        assert signed.status == 200, signed
        assert copy.auditor.request("POST", "/v2/_roadstead/audit/verify").json()["sound"] is True
    finally:
        copy.daemon.stop()


def test_what_was_written_to_an_older_backup_is_not_in_the_next(own, repo, tmp_path):
    """A check of the backup that was killed leaves a write-ahead log beside its catalog."""
    own.publisher.push_image(repo, "v1")
    cli("backup", registry=own)
    catalog = tmp_path / "backup" / "catalog.db"
    db = sqlite3.connect(catalog)
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("DELETE FROM manifest_bytes")
    db.commit()
    left = {suffix: pathlib.Path(f"{catalog}{suffix}").read_bytes() for suffix in ("-wal", "-shm")}
    db.close()
    for suffix, data in left.items():
        pathlib.Path(f"{catalog}{suffix}").write_bytes(data)
    image = own.publisher.push_image(repo, "v2")
    cli("backup", registry=own)
    copy = restored(tmp_path, own)
    try:
        assert copy.processor.get_manifest(repo, "v2").body == image.manifest
    finally:
        copy.daemon.stop()


def test_a_damaged_blob_fails_the_backup_and_names_it(own, repo):
    image = own.publisher.push_image(repo, "v1")
    path = own.daemon.blob_path(digest_of(image.layers[0]))
    path.chmod(0o600)
    path.write_bytes(image.layers[0][:-1] + b"?")
    assert "did not come to its end" in cli("backup", registry=own, expect=6)


def test_restore_refuses_what_is_not_empty_and_what_is_no_backup(own, repo, tmp_path):
    own.publisher.push_image(repo, "v1")
    cli("backup", registry=own)
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").write_text("x")
    assert "not empty" in cli("restore", "--from", tmp_path / "backup", "--data", full, expect=5)
    assert (full / "precious").read_text() == "x"
    assert "no backup" in cli("restore", "--from", full, "--data", tmp_path / "new", expect=6)
    assert "needs --from" in cli("restore", expect=2)


def test_without_a_directory_a_backup_is_refused(registry):
    assert "backup.directory" in cli("backup", registry=registry, expect=5)
    for name in ("publisher", "processor", "auditor"):
        assert getattr(registry, name).request("POST", "/v2/_roadstead/admin/backup").status == 403


def test_fsck_offline_needs_the_lock(own):
    assert "another" in cli("fsck", "--data", own.daemon.data, expect=6)


def test_gc_and_fsck_on_the_command_line(own, repo):
    own.publisher.push_image(repo, "v1")
    assert "would remove 0 blobs" in cli("gc", "--dry-run", registry=own)
    assert "removed 0 blobs" in cli("gc", registry=own)
    assert "sound" in cli("fsck", registry=own)
