"""fsck: every kind of damage is found and named, a sound registry has none, and pushing again heals."""

import sqlite3

import pytest

from client import Image, digest_of
from daemon import wait_for


@pytest.fixture
def own(make_registry):
    return make_registry(config={"gc": {"interval": "0s"}, "log": {"requests": False}})


def fsck(registry, repair=False):
    """Run a whole check and wait for its end."""
    started = registry.admin.request("POST", "/v2/_roadstead/admin/fsck", body={"repair": repair})
    assert started.status == 202, started

    def ended():
        got = registry.admin.get("/v2/_roadstead/admin/fsck")
        assert got.status == 200, got
        return got.json() if got.json()["state"] in ("done", "failed") else None

    result = wait_for(ended, "the check ends")
    assert result["state"] == "done", result
    return result


def damage_catalog(registry, *statements):
    """Change the catalog behind the daemon's back, while it is stopped."""
    registry.daemon.stop()
    db = sqlite3.connect(next(registry.daemon.data.glob("*.db")))
    for statement, *args in statements:
        assert db.execute(statement, args).rowcount > 0, statement
    db.commit()
    db.close()
    registry.daemon.start()
    for name in list(registry.__dict__):
        if name in registry.credentials and name != "admin":
            delattr(registry, name)
    registry.admin = registry.daemon.admin()


def test_a_sound_registry_has_no_findings(own, repo):
    image = own.publisher.push_image(repo, "v1")
    own.publisher.push_image(repo, "v2")
    own.processor.release(repo, image.digest)
    got = fsck(own)
    assert got["findings"] == [] and got["counts"]["damaged"] == 0
    assert got["counts"]["manifests"] == 2 and got["counts"]["blobs"] == 6
    assert got["counts"]["bytes"] > 0 and got["phase"] == "done"


@pytest.mark.parametrize("kind", ["flipped", "cut", "missing"])
def test_a_damaged_blob_is_found_and_a_push_heals_it(own, repo, kind):
    image = own.publisher.push_image(repo, "v1")
    own.processor.release(repo, image.digest)
    digest = digest_of(image.layers[0])
    path = own.daemon.blob_path(digest)
    whole = path.read_bytes()
    path.chmod(0o600)
    if kind == "flipped":
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    elif kind == "cut":
        path.write_bytes(whole[:-1])
    else:
        path.unlink()
    found = fsck(own)["findings"]
    assert [(f["phase"], f["subject"], f["repaired"]) for f in found] == [("blobs", digest, False)], found
    if kind == "cut":
        got = own.consumer.get_blob(repo, digest)
        assert got.status == 500 and got.body != whole[:-1]
    own.publisher.push_image(repo, "v1", image)
    assert own.consumer.get_blob(repo, digest).body == whole
    assert fsck(own)["findings"] == []


def test_repair_forgets_a_lost_blob_so_that_clients_send_it_again(own, repo):
    image = own.publisher.push_image(repo, "v1")
    own.processor.release(repo, image.digest)
    digest = digest_of(image.layers[0])
    own.daemon.blob_path(digest).unlink()
    found = fsck(own, repair=True)["findings"]
    assert [(f["subject"], f["repaired"]) for f in found] == [(digest, True)]
    assert own.publisher.head(f"/v2/{repo}/blobs/{digest}").status == 404
    own.publisher.push_image(repo, "v1", image)
    assert own.consumer.get_blob(repo, digest).body == image.layers[0]
    assert fsck(own)["findings"] == []
    assert [r["actor"] for r in own.auditor.audit("action=repaired")] == ["admin"]


@pytest.mark.parametrize("statement,what", [
    ("UPDATE repository_blob SET refs = refs + 1", "name a blob is wrong"),
    ("UPDATE repository_blob SET opens = 0", "open a blob is wrong"),
    ("DELETE FROM repository_blob", "has no row for"),
    ("DELETE FROM blob", "the store does not have it"),
    ("UPDATE tag SET live_manifest_id = 999999", "live tag points"),
    ("UPDATE tag SET live_manifest_id = (SELECT id FROM manifest WHERE state <> 'released')", "live tag points"),
    ("UPDATE tag SET live_manifest_id = NULL", "points to nothing"),
    ("INSERT INTO manifest_bytes(digest, bytes) VALUES ('sha256:0', x'00')", "belong to no manifest"),
])
def test_broken_invariants_are_found_and_repaired(own, repo, statement, what):
    image = own.publisher.push_image(repo, "v1")
    own.processor.release(repo, image.digest)
    own.publisher.push_image(repo, None)
    damage_catalog(own, (statement,))
    found = fsck(own)["findings"]
    assert any(what in f["what"] for f in found), found
    assert all(not f["repaired"] for f in found)
    fsck(own, repair=True)
    left = [f for f in fsck(own)["findings"] if not f["garbage"]]
    assert left == []


@pytest.mark.parametrize("statement,what", [
    ("UPDATE manifest SET state = 'failed' WHERE state = 'quarantined'", "verdict disagree"),
    ("DELETE FROM manifest_bytes", "bytes are not stored"),
    ("UPDATE manifest_bytes SET bytes = x'7b7d'", "do not have its digest"),
    ("UPDATE manifest SET joined = 1", "joined to a subject"),
])
def test_what_cannot_be_derived_is_found_and_left(own, repo, statement, what):
    own.publisher.push_image(repo, "v1")
    damage_catalog(own, (statement,))
    found = fsck(own, repair=True)["findings"]
    assert any(what in f["what"] and not f["repaired"] for f in found), found
    assert any(what in f["what"] for f in fsck(own)["findings"])


def test_damaged_manifest_bytes_are_never_served(own, repo):
    image = own.publisher.push_image(repo, "v1")
    own.processor.release(repo, image.digest)
    damage_catalog(own, ("UPDATE manifest_bytes SET bytes = x'7b7d'",))
    got = own.consumer.get_manifest(repo, image.digest)
    assert got.status == 500 and b"{}" not in got.body, got


def test_only_an_admin_checks(registry):
    for name in ("publisher", "processor", "consumer", "maintainer"):
        assert getattr(registry, name).get("/v2/_roadstead/admin/fsck").status == 403
        assert getattr(registry, name).request("POST", "/v2/_roadstead/admin/fsck").status == 403
    assert registry.admin.request("POST", "/v2/_roadstead/admin/fsck", body={"fix": True}).status == 400


def test_a_stray_file_is_garbage_not_damage(own, repo):
    own.publisher.push_image(repo, "v1", Image())
    path = own.daemon.blob_path("sha256:" + "0" * 64)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"left by a crash")
    got = fsck(own)
    assert [(f["phase"], f["garbage"]) for f in got["findings"]] == [("files", True)]
    assert got["counts"]["damaged"] == 0 and got["counts"]["strays"] == 1
