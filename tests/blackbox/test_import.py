"""Moving in from another registry: imported images are not held, later pushes are."""

import json
import os
import pathlib
import subprocess

import layout
from client import Image, Index
from daemon import binary

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "import"


def run_import(source, target, creds, *repositories, expect=0):
    name, password = target.credentials["admin"]
    env = {**os.environ, "ROADSTEAD": binary(), "ROADSTEAD_USER": name, "ROADSTEAD_PASSWORD": password, "IMPORT_CREDS": ":".join(creds),
           "SOURCE_CREDS": ":".join(source.credentials["processor"]), "IMPORT_TLS_VERIFY": "false", "SOURCE_TLS_VERIFY": "false"}
    done = subprocess.run([SCRIPT, source.url.split("//")[1], target.url.split("//")[1], *repositories], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=300)
    assert done.returncode == expect, done.stdout
    return done.stdout


def test_import_then_quarantine(make_registry, repo, tmp_path):
    old, new = make_registry(), make_registry()
    old.policy("**", quarantine="off")
    directory = tmp_path / "busybox"
    digest = layout.busybox_image(directory, "v1")
    layout.run("skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", ":".join(old.credentials["publisher"]), f"oci:{directory}:v1",
               f"docker://{old.url.split('//')[1]}/{repo}:v1")
    multi = Index([Image(), Image()]).push(old.publisher, repo, "multi")

    for _ in range(2):  # a second run finds everything there
        run_import(old, new, new.credentials["publisher"], repo)
    assert sorted(new.consumer.tags(repo)) == ["multi", "v1"]
    assert new.consumer.get_manifest(repo, "v1").body == layout.blob(directory, digest)
    assert new.consumer.get_manifest(repo, "multi").body == multi.manifest
    assert all(new.consumer.get_manifest(repo, part.digest).status == 200 for part in multi.images)
    actions = {r["action"] for r in new.auditor.audit(f"repository={repo}")}
    assert "pushed" in actions and not actions & {"quarantined", "released", "failed"}
    assert new.processor.get("/v2/_roadstead/quarantine").json()["images"] == []

    later = new.publisher.push_image(repo, "v2")
    assert new.consumer.get_manifest(repo, later.digest).status == 403


def test_a_policy_of_its_own_comes_back(make_registry, repo):
    old, new = make_registry(), make_registry()
    old.policy("**", quarantine="off")
    old.publisher.push_image(repo, "v1")
    new.policy(repo, checks=["scan"])
    run_import(old, new, new.credentials["publisher"], repo)
    policies = new.admin.get("/v2/_roadstead/policies").json()["policies"]
    assert [(p["pattern"], p["checks"], p["quarantine"]) for p in policies] == [(repo, ["scan"], "on")], json.dumps(policies)


def test_a_failed_import_leaves_quarantine_on(make_registry, repo):
    old, new = make_registry(), make_registry()
    run_import(old, new, new.credentials["publisher"], repo, expect=1)
    held = new.publisher.push_image(repo, "v1")
    assert new.consumer.get_manifest(repo, held.digest).status == 403
