"""Moving in from another registry: imported images are not held, later pushes are."""

import json
import os
import pathlib
import subprocess

import layout
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
    busybox, multi = tmp_path / "busybox", tmp_path / "multi"
    digests = {"v1": layout.busybox_image(busybox, "v1"), "multi": layout.multi_arch_layout(multi, "multi")}
    for directory, tag in ((busybox, "v1"), (multi, "multi")):
        layout.run("skopeo", "copy", "--all", "--dest-tls-verify=false", "--dest-creds", ":".join(old.credentials["publisher"]),
                   f"oci:{directory}:{tag}", f"docker://{old.url.split('//')[1]}/{repo}:{tag}")

    for _ in range(2):  # a second run finds everything there
        run_import(old, new, new.credentials["publisher"], repo)
    assert sorted(new.consumer.tags(repo)) == ["multi", "v1"]
    for directory, tag in ((busybox, "v1"), (multi, "multi")):
        assert new.consumer.get_manifest(repo, tag).body == layout.blob(directory, digests[tag])
    for part in json.loads(layout.blob(multi, digests["multi"]))["manifests"]:
        assert new.consumer.get_manifest(repo, part["digest"]).body == layout.blob(multi, part["digest"])
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
