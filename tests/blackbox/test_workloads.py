"""Workloads as an admin makes, changes and removes them: the API, its records, the command line, the configuration (SPEC section 3)."""

import json
import sqlite3
import subprocess

import pytest

from client import Client, unique
from conftest import grant
from daemon import binary, wait_for
from issuer import Issuer, Key
from test_cli import OK, USAGE, Cli, clean_environment, roadstead

ADMIN = "/v2/_roadstead/admin"
WORKLOADS = f"{ADMIN}/workloads"
RULE = {"issuer": "https://issuer.invalid", "audience": ["registry.test"], "claims": {"sub": "repo:acme/*"}}


def add(registry, name, **changes):
    return registry.admin.request("POST", WORKLOADS, body={"name": name, **RULE, **changes})


def change(registry, name, **changes):
    return registry.admin.request("PATCH", f"{WORKLOADS}/{name}", body=changes)


def rule_of(got):
    return {member: got.json()[member] for member in RULE}


def records(registry, name):
    return [(r["action"], r["actor"], r["details"]) for r in registry.auditor.audit("actor=admin")
            if isinstance(r["details"], dict) and name in (r["details"].get("name"), r["details"].get("principal"))]


def test_a_workloads_life(registry):
    name = unique("life")
    made = add(registry, name, audience="one.test")
    assert made.status == 201 and made.json() == {"name": name}
    assert made.headers["Location"] == f"{WORKLOADS}/{name}"
    shown = registry.admin.get(made.headers["Location"])
    assert rule_of(shown) == {**RULE, "audience": ["one.test"]}
    assert {k: shown.json()[k] for k in ("name", "disabled", "grants")} == {"name": name, "disabled": False, "grants": []}
    assert set(shown.json()) == {"name", "disabled", "created", "grants", *RULE}, "nothing that could be a secret"
    grant(registry.admin, name, "publisher", "a/**")
    changed = change(registry, name, disabled=True, claims={"sub": "x", "id": 7})
    assert changed.status == 200 and changed.json()["disabled"] is True
    assert rule_of(changed) == {**RULE, "audience": ["one.test"], "claims": {"id": 7, "sub": "x"}}
    assert [g["role"] for g in changed.json()["grants"]] == ["publisher"]
    assert registry.admin.request("DELETE", f"{WORKLOADS}/{name}").status == 204
    assert registry.admin.request("DELETE", f"{WORKLOADS}/{name}").status == 404
    assert registry.admin.get(f"{WORKLOADS}/{name}").status == 404
    assert change(registry, name, disabled=True).status == 404
    assert [(action, actor) for action, actor, _ in records(registry, name)] == [
        (action, "admin") for action in ("workload-added", "grant-added", "workload-changed", "workload-deleted")]
    told = [details for _, _, details in records(registry, name)]
    assert told[0] == {"name": name, **RULE, "audience": ["one.test"]}
    assert told[2] == {"name": name, "disabled": True, **RULE, "audience": ["one.test"], "claims": {"id": 7, "sub": "x"}}
    assert told[3]["grants"][0]["pattern"] == "a/**"


def test_what_changes_nothing_writes_no_record(registry):
    name = unique("same")
    assert add(registry, name).status == 201
    for same in ({"disabled": False}, {"audience": "registry.test"}, {"claims": RULE["claims"]}, {"issuer": RULE["issuer"]}, {**RULE, "disabled": False}):
        assert rule_of(change(registry, name, **same)) == RULE
    assert len(records(registry, name)) == 1
    assert rule_of(change(registry, name, issuer="https://other.invalid")) == {**RULE, "issuer": "https://other.invalid"}
    assert len(records(registry, name)) == 2


BAD = [
    {"issuer": None}, {"issuer": ""}, {"issuer": 7}, {"issuer": "issuer.invalid"}, {"issuer": "http://issuer.invalid"}, {"issuer": "https://"},
    {"issuer": "https://u:p@issuer.invalid"}, {"issuer": "https://issuer.invalid?x=y"}, {"issuer": "https://issuer.invalid#x"},
    {"issuer": "https://issuer.invalid/\n"}, {"issuer": "https://" + "i" * 600}, {"audience": None}, {"audience": ""}, {"audience": []},
    {"audience": [""]}, {"audience": [1]}, {"audience": ["a"] * 17}, {"audience": "a" * 513}, {"audience": {"a": 1}}, {"claims": None},
    {"claims": {}}, {"claims": []}, {"claims": "sub"}, {"claims": {"sub": None}}, {"claims": {"sub": 1.5}}, {"claims": {"sub": []}},
    {"claims": {"sub": {}}}, {"claims": {"sub": "a***"}}, {"claims": {"sub": ["a", None]}}, {"claims": {"a": {"b": {"c": {"d": {"e": 1}}}}}},
    {"claims": {"sub": "x" * 4096}}, {"secret": "x"}, {"password": "x"}]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: json.dumps(bad)[:60])
def test_a_bad_rule_is_refused_and_changes_nothing(registry, bad):
    name, there = unique("bad"), unique("there")
    assert add(registry, there).status == 201
    got = add(registry, name, **bad)
    assert got.status == 400 and got.message, got
    assert registry.admin.get(f"{WORKLOADS}/{name}").status == 404
    got = change(registry, there, **bad)
    assert got.status == 400 and got.message, got
    assert rule_of(registry.admin.get(f"{WORKLOADS}/{there}")) == RULE
    assert len(records(registry, there)) == 1


@pytest.mark.parametrize("missing", RULE)
def test_issuer_audience_and_claims_are_all_required(registry, missing):
    body = {"name": unique("part"), **{k: v for k, v in RULE.items() if k != missing}}
    got = registry.admin.request("POST", WORKLOADS, body=body)
    assert got.status == 400 and "issuer, audience and claims" in got.message, got


def test_a_change_of_nothing_is_refused(registry):
    name = unique("none")
    assert add(registry, name).status == 201
    for body in ({}, {"disabled": None}, {"name": "other"}):
        assert registry.admin.request("PATCH", f"{WORKLOADS}/{name}", body=body).status == 400, body


def test_names_are_shared_with_users_and_robots(registry):
    name = unique("shared")
    assert add(registry, name).status == 201
    assert add(registry, name).status == 409
    for what in ("users", "robots"):
        assert registry.admin.request("POST", f"{ADMIN}/{what}", body={"name": name}).status == 409
        assert registry.admin.get(f"{ADMIN}/{what}/{name}").status == 404
        assert registry.admin.request("PATCH", f"{ADMIN}/{what}/{name}", body={"disabled": True}).status == 404
        assert registry.admin.request("DELETE", f"{ADMIN}/{what}/{name}").status == 404
    assert registry.admin.request("POST", f"{ADMIN}/robots/{name}/rotate").status == 404
    assert add(registry, "publisher").status == 409
    assert registry.admin.get(f"{WORKLOADS}/publisher").status == 404
    assert change(registry, "publisher", disabled=True).status == 404
    assert registry.admin.request("DELETE", f"{WORKLOADS}/publisher").status == 404
    for bad in ("", "anonymous", "roadstead", "UPPER", "-x", "a b", "a/b", "a" * 129):
        assert add(registry, bad).status == 400, bad


def test_lists_are_paged(registry):
    names = [f"pageable-{c}" for c in "abcde"]
    for name in names:
        assert add(registry, name).status == 201
    path, seen = f"{WORKLOADS}?n=2&last=pageable-", []
    while path:
        got = registry.admin.get(path)
        assert len(got.json()["workloads"]) <= 2
        seen += [w for w in got.json()["workloads"] if w["name"].startswith("pageable-")]
        link = got.headers.get("Link")
        path = link[1:link.index(">")] if link else None
    assert [w["name"] for w in seen] == names
    assert all({member: w[member] for member in RULE} == RULE for w in seen)


def test_no_password_logs_a_workload_in(registry):
    name = unique("nopass")
    assert add(registry, name).status == 201
    stored = "sha256:" + "0" * 64
    for password in ("", "x", stored, "rsr_" + "A" * 43, json.dumps(RULE), "a.b.c", "e30.e30.e30"):
        got = Client(registry.url, (name, password)).get("/v2/_roadstead/whoami")
        assert got.status in (401, 429), got
        assert got.status == 429 or got.message == Client(registry.url, (unique("nobody"), "x")).get("/v2/_roadstead/whoami").message


def test_they_survive_a_restart(make_registry):
    registry = make_registry()
    assert add(registry, "ci").status == 201
    before = registry.admin.get(WORKLOADS).json()
    registry.daemon.restart()
    assert registry.daemon.admin().get(WORKLOADS).json() == before


def test_the_configuration_may_name_initial_ones(make_daemon):
    config = {"initial": {"workloads": [{"name": "ci", **RULE}],
                          "grants": [{"principal": "ci", "role": "publisher", "pattern": "acme/**"}]}}
    daemon = make_daemon(config=config)
    assert not (daemon.data / "initial-credentials").exists(), "there is no secret to be kept"
    got = daemon.admin().get(f"{WORKLOADS}/ci")
    assert rule_of(got) == RULE and [g["role"] for g in got.json()["grants"]] == ["publisher"]
    daemon = make_daemon("other", config={"initial": {"workloads": [{"name": "ci", **RULE, "claims": {}}]}}, start=False)
    daemon.spawn()
    assert daemon.proc.wait(60) != 0
    daemon.proc = None
    assert "line 1: claims: " in daemon.log.read_text()


def test_fsck_finds_a_workload_without_its_rule(make_daemon):
    daemon = make_daemon()
    admin = daemon.admin()
    for name in ("whole", "halved"):
        assert admin.request("POST", WORKLOADS, body={"name": name, **RULE}).status == 201
    daemon.stop()
    with sqlite3.connect(daemon.data / "catalog.db") as db:
        db.execute("DELETE FROM workload WHERE principal_id = (SELECT id FROM principal WHERE name = 'halved')")
    db.close()
    done = roadstead("fsck", "--data", str(daemon.data))
    assert done.code != OK and "halved" in done.out + done.err and "whole" not in done.out + done.err, done
    daemon.start()
    admin = daemon.admin()
    assert admin.get(f"{WORKLOADS}/halved").status == 500
    assert admin.get(f"{WORKLOADS}/whole").status == 200
    assert admin.request("DELETE", f"{WORKLOADS}/halved").status == 204
    assert admin.request("POST", WORKLOADS, body={"name": "halved", **RULE}).status == 201


# ---- the command line ----


def test_the_command_line(registry, tmp_path):
    cli, name = Cli(registry, "admin"), unique("cli")
    done = cli("workload", "add", name, "--issuer", "https://issuer.invalid/x", "--audience", "a", "--audience", "b", "--claim", "sub=repo:acme/*",
               "--claim", "expr=a=b")
    assert name in done.out
    shown = cli.json("workload", "show", name)
    assert {k: shown[k] for k in RULE} == {"issuer": "https://issuer.invalid/x", "audience": ["a", "b"],
                                           "claims": {"sub": "repo:acme/*", "expr": "a=b"}}
    assert "https://issuer.invalid/x" in cli("workload", "list").out
    claims = tmp_path / "claims.json"
    claims.write_text('{"kubernetes.io": {"namespace": "ci"}, "n": 7}')
    assert cli.json("workload", "set", name, "--claims", str(claims))["claims"] == {"kubernetes.io": {"namespace": "ci"}, "n": 7}
    assert cli.json("workload", "set", name, "--claims", "-", input='{"sub": ["a", "b"]}')["claims"] == {"sub": ["a", "b"]}
    assert cli.json("workload", "set", name, "--audience", "c")["audience"] == ["c"]
    assert cli.json("workload", "disable", name)["disabled"] is True
    assert cli.json("workload", "enable", name)["disabled"] is False
    for wrong in (["--claim", "x"], ["--claim", "=x"], ["--claim", "a=b", "--claims", str(claims)]):
        assert cli("workload", "set", name, *wrong, code=USAGE).err
    claims.write_text("{")
    assert roadstead("workload", "set", name, "--claims", str(claims), env=cli.env).code != OK
    assert "issuer, audience and claims" in roadstead("workload", "add", unique("cli"), "--issuer", "https://issuer.invalid", env=cli.env).err
    cli("workload", "delete", name)
    assert registry.admin.get(f"{WORKLOADS}/{name}").status == 404


def test_the_command_line_logs_in_with_a_token_and_finds_its_successor(make_registry, tmp_path):
    """A program that runs for long reads the file again when what was in it is refused."""
    issuer = Issuer(tmp_path)
    try:
        issuer.keys["k"] = (Key(tmp_path, "P-256"), {})
        registry = make_registry(config={"oidc": {"private_networks": ["127.0.0.0/8"], "ca_file": str(issuer.certificate)}})
        assert add(registry, "watcher", issuer=issuer.url, claims={"sub": ["subject-one", "subject-two"]}).status == 201
        registry.give("watcher", "quarantine-reader", "team/**")
        image = registry.publisher.push_image("team/app", "v1")
        file = tmp_path / "token"
        file.write_text(issuer.token("k", sub="subject-one") + "\n")
        args = ["wait", f"team/app@{image.digest}", "--user", "watcher", "--password-file", str(file)]
        args += ["--server", registry.url]
        waiting = subprocess.Popen([binary(), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())
        wait_for(lambda: "subject-one" in registry.daemon.log.read_text(), "it has logged in")
        file.write_text(issuer.token("k", sub="subject-two"))
        assert change(registry, "watcher", claims={"sub": "subject-two"}).status == 200
        wait_for(lambda: "subject-two" in registry.daemon.log.read_text(), "it has logged in anew")
        assert waiting.poll() is None
        assert registry.processor.decide("team/app", image.digest, "released").status == 200
        out, err = waiting.communicate(timeout=60)
        assert waiting.returncode == OK and "released" in out, (out, err)
        file.write_text(issuer.token("k", sub="subject-one"))
        done = roadstead(*args)
        assert done.code != OK and "do not meet" in done.err, done
    finally:
        issuer.close()
