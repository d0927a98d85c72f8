"""GET /v2/<name>/_roadstead/explain: why can somebody (not) read a reference."""

import os
import subprocess

import pytest

from conftest import PRINCIPALS
from client import Client, digest_of
from daemon import binary
from visibility import COLUMNS, token


def explain(client, repo, reference, principal=None):
    path = f"/v2/{repo}/_roadstead/explain?reference={reference}" + (f"&principal={principal}" if principal else "")
    got = client.get(path)
    assert got.status == 200, got
    assert got.headers["Cache-Control"] == "no-store"
    return got.json()


@pytest.fixture
def held(registry, repo):
    return registry.publisher.push_image(repo, "v1")


def words(answer):
    return " / ".join(answer["because"])


def test_it_agrees_with_the_read(registry, repo, held):
    """For everybody and everything: `readable` and `status` are what the GET gives."""
    live = registry.publisher.push_image(repo, "live")
    registry.processor.release(repo, live.digest)
    nothing = digest_of(b"nothing")
    for name in ("admin", *PRINCIPALS):  # not those that other tests made, and perhaps disabled
        client = registry.client(name)
        for reference in ("v1", "live", "none", held.digest, live.digest, nothing, ".none"):
            got = client.get_manifest(repo, reference)
            answer = explain(client, repo, reference)
            assert (answer["readable"], answer["status"]) == (got.status == 200, got.status), (name, reference, answer)
            assert answer["principal"] == client.name and answer["repository"] == repo
            assert answer["because"]
        for blob in (digest_of(held.layers[0]), digest_of(held.config), digest_of(live.layers[0])):
            got = client.get_blob(repo, blob)
            answer = explain(client, repo, blob)
            assert (answer["readable"], answer["status"]) == (got.status == 200, got.status), (name, blob, answer)


def test_the_words(registry, repo, held):
    consumer = explain(registry.consumer, repo, held.digest)
    assert "holds pull" in words(consumer) and "is in quarantine since" in words(consumer)
    assert consumer["missing"] == "quarantine-pull" and consumer["permissions"] == ["pull"]
    assert consumer["state"] == "quarantined" and consumer["checks"] == []
    publisher = explain(registry.publisher, repo, held.digest)
    assert publisher["readable"] and "gets them back" in words(publisher)
    by_tag = explain(registry.publisher, repo, "v1")
    assert not by_tag["readable"] and "your push of" in words(by_tag)
    processor = explain(registry.processor, repo, "v1")
    assert processor["readable"] and "holds quarantine-pull" in words(processor) and "in quarantine" in words(processor)
    stranger = explain(registry.stranger, repo, "v1")
    assert stranger["missing"] == "pull" and stranger["permissions"] == [] and "state" not in stranger
    registry.processor.release(repo, held.digest)
    released = explain(registry.consumer, repo, "v1")
    assert released["readable"] and released["missing"] is None and "released" in words(released)


def test_the_missing_checks(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    held = registry.publisher.push_image(repo, "v1")
    answer = explain(registry.consumer, repo, "v1")
    assert "waiting for checks: scan, sign" in words(answer)
    assert [c["name"] for c in answer["checks"]] == ["scan", "sign"]
    done = registry.scanner.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{held.digest}/checks/scan", body={"state": "passed"})
    assert done.status in (200, 201), done
    assert "waiting for checks: sign" in words(explain(registry.consumer, repo, "v1"))


def test_about_somebody_else(registry, repo, held):
    """admin and audit-read may ask about anybody, nobody else; what they are told is what they may know."""
    for asker in (registry.admin, registry.auditor):
        for name, readable in (("consumer", False), ("publisher", True), ("processor", True), ("stranger", False)):
            answer = explain(asker, repo, held.digest, name)
            assert answer["principal"] == name and answer["readable"] == readable
            assert "is in quarantine since" in words(answer), (asker.name, name, answer)
        assert asker.get(f"/v2/{repo}/_roadstead/explain?reference=v1&principal=nobody-of-that-name").status == 404
    for asker in (registry.consumer, registry.publisher, registry.processor, registry.stranger):
        got = asker.get(f"/v2/{repo}/_roadstead/explain?reference=v1&principal=admin")
        assert (got.status, got.code) == (403, "DENIED")
        assert asker.get(f"/v2/{repo}/_roadstead/explain?reference=v1&principal={asker.name}").status == 200


def test_without_disclosure_it_says_no_more_than_the_read(registry, repo):
    registry.policy(repo, disclose=False)
    held = registry.publisher.push_image(repo, "v1")
    for client in (registry.consumer, registry.publisher2):
        for about_held, about_nothing in (("v1", "none"), (held.digest, digest_of(b"nothing"))):
            told = explain(client, repo, about_held)
            nothing = explain(client, repo, about_nothing)
            assert {k: v for k, v in told.items() if k != "reference"} == {k: v for k, v in nothing.items() if k != "reference"}
    told, nothing = explain(registry.admin, repo, "v1", "consumer"), explain(registry.admin, repo, "none", "consumer")
    assert {k: v for k, v in told.items() if k != "reference"} == {k: v for k, v in nothing.items() if k != "reference"}
    assert "is in quarantine since" in words(explain(registry.auditor, repo, "v1", "consumer"))
    assert explain(registry.publisher, repo, held.digest)["readable"]


def test_nobody_and_nonsense(registry, repo, held):
    assert Client(registry.url).get(f"/v2/{repo}/_roadstead/explain?reference=v1").status == 401
    for query, status in (("", 400), ("?reference=", 400), ("?reference=sha256:bad", 400), ("?reference=a&reference=b", 400)):
        assert registry.consumer.get(f"/v2/{repo}/_roadstead/explain{query}").status == status
    here, nowhere = explain(registry.stranger, repo, "v1"), explain(registry.stranger, "t/nowhere", "v1")
    assert words(here).replace(repo, "") == words(nowhere).replace("t/nowhere", "")


def test_a_token_out_of_scope(registry, repo, held):
    client = Client(registry.url, token(registry.processor, "repository:other/name:pull"))
    answer = explain(client, repo, "v1")
    assert (answer["readable"], answer["status"]) == (False, 401) and "token" in words(answer)


def test_on_the_command_line(registry, repo, held):
    def run(name, *args):
        user, password = registry.credentials[name]
        return subprocess.run([binary(), "explain", *args], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120,
                              env={**os.environ, "ROADSTEAD_SERVER": registry.url, "ROADSTEAD_USER": user, "ROADSTEAD_PASSWORD": password})

    done = run("consumer", f"{repo}:v1")
    assert done.returncode == 1 and done.stdout.startswith("consumer may not read it\n"), done
    assert "is in quarantine since" in done.stdout
    done = run("processor", f"{repo}@{held.digest}")
    assert done.returncode == 0 and done.stdout.startswith("processor may read it\n"), done
    done = run("auditor", f"{repo}:v1", "--principal", "publisher2", "--json")
    assert done.returncode == 1 and '"status":404' in done.stdout, done
    assert run("consumer", f"{repo}:v1", "--principal", "admin").returncode == 4
