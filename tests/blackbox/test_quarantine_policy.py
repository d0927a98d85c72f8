"""Policies: changed through the daemon, audited, effective for the next request."""

import pytest

from client import Image
from daemon import wait_for
from test_quarantine_states import actions, events, is_readable, shown, state

POLICIES = "/v2/_roadstead/policies"


def listed(registry, prefix):
    return [p for p in registry.admin.get(POLICIES).json()["policies"] if p["pattern"].startswith(prefix)]


def put(registry, **body):
    return registry.admin.request("PUT", POLICIES, body=body)


def audit(registry, pattern):
    return [r["action"] for r in registry.auditor.audit("action=policy-added") + registry.auditor.audit("action=policy-changed")
            + registry.auditor.audit("action=policy-removed") if r["details"]["pattern"] == pattern]


def test_added_changed_removed(registry, repo):
    made = put(registry, pattern=repo, quarantine="off", checks=["b", "a"])
    assert made.status == 201, made
    assert put(registry, pattern=repo, quarantine="off", checks=["a", "b"]).status == 200  # the same
    assert put(registry, pattern=repo, overdue_after="90m").status == 200
    mine, = listed(registry, repo)
    assert mine["overdue_after"] == "90m" and mine["quarantine"] == "on" and mine["checks"] == []
    assert registry.admin.request("DELETE", f"{POLICIES}?pattern={repo}").status == 204
    assert registry.admin.request("DELETE", f"{POLICIES}?pattern={repo}").status == 404
    assert registry.admin.request("DELETE", POLICIES).status == 400
    assert audit(registry, repo) == ["policy-added", "policy-changed", "policy-removed"]


def test_the_first_match_wins_whole(registry, repo):
    put(registry, pattern=f"{repo}/**", position=0, quarantine="off", checks=["scan"])
    put(registry, pattern=f"{repo}/app", position=0, checks=["sign"])
    assert [p["pattern"] for p in listed(registry, repo)] == [f"{repo}/app", f"{repo}/**"]
    held = registry.publisher.push_image(f"{repo}/app", "v1")
    assert [c["name"] for c in shown(registry, f"{repo}/app", held)["checks"]] == ["sign"]
    assert state(registry, f"{repo}/other", registry.publisher.push_image(f"{repo}/other", "v1")) == "released"
    put(registry, pattern=f"{repo}/app", position=10000 % 1001, checks=["sign"])
    assert [p["pattern"] for p in listed(registry, repo)] == [f"{repo}/**", f"{repo}/app"]


@pytest.mark.parametrize("body", [{}, {"pattern": ""}, {"pattern": "A"}, {"pattern": "a//b"}, {"pattern": "/a"}, {"pattern": 1},
                                  {"pattern": "a", "quarantine": "maybe"}, {"pattern": "a", "qarantine": "off"},
                                  {"pattern": "a", "position": -1}, {"pattern": "a", "checks": ["A"]},
                                  {"pattern": "a", "overdue_after": "soon"}, {"pattern": "a", "echo": "no"},
                                  {"pattern": "a", "immutable_tags": ["a/b"]}, {"pattern": "a", "disclose": None}])
def test_bad_ones_change_nothing(registry, body):
    before = registry.admin.get(POLICIES).json()
    assert put(registry, **body).status == 400
    assert registry.admin.get(POLICIES).json() == before


@pytest.mark.parametrize("who", ["processor", "publisher", "auditor", "stranger"])
def test_for_the_admin_only(registry, who):
    client = getattr(registry, who)
    assert client.get(POLICIES).status == 403
    assert client.request("PUT", POLICIES, body={"pattern": "**", "quarantine": "off"}).status == 403
    assert client.request("DELETE", f"{POLICIES}?pattern=**").status == 403


def test_effective_for_the_next_request(registry, repo):
    for mode, expected in (("off", "released"), ("on", "quarantined"), ("observe", "released"), ("on", "quarantined")):
        registry.policy(repo, quarantine=mode)
        assert state(registry, repo, registry.publisher.push_image(repo, "v1")) == expected


def test_observe_holds_nothing_and_records_what_would_have_been(registry, repo):
    registry.policy(repo, quarantine="observe")
    image = registry.publisher.push_image(repo, "v1")
    assert is_readable(registry, repo, image) and [e[0] for e in events(registry, repo)] == ["push"]
    record, = registry.auditor.audit(f"repository={repo}&action=pushed")
    assert record["details"]["observed"] == "quarantined"
    assert shown(registry, repo, image)["observed"] is True


def test_immutable_tags_do_not_move(registry, repo):
    registry.policy(repo, immutable_tags=["v*"])
    first = registry.publisher.push_image(repo, "v1")
    second = registry.publisher.push_image(repo, "v1")  # nothing is live yet
    registry.processor.release(repo, first.digest)
    image = Image()
    for data in image.blobs:
        registry.publisher.push_blob(repo, data)
    refused = registry.publisher.put_manifest(repo, "v1", image.manifest)
    assert refused.status == 409 and "v1" in refused.message
    assert registry.publisher.put_manifest(repo, image.digest, image.manifest, query="?tag=free&tag=v1").status == 409
    assert registry.processor.tags(repo) == ["v1"]
    # Nor by a release: the manifest is released, the tag stays, answer and audit name it.
    answer = registry.processor.release(repo, second.digest).json()
    assert answer["immutableTags"] == [{"digest": second.digest, "tag": "v1"}]
    assert registry.consumer.get_manifest(repo, "v1").body == first.manifest
    assert registry.consumer.get_manifest(repo, second.digest).body == second.manifest
    record, = [r for r in registry.auditor.audit(f"repository={repo}&action=released") if r["digest"] == second.digest]
    assert record["details"] == {"immutableTags": ["v1"]} and record["tags"] == []
    # A staged one that failed does not block the next push.
    bad = registry.publisher.push_image(repo, "v2")
    registry.processor.fail(repo, bad.digest)
    registry.processor.release(repo, registry.publisher.push_image(repo, "v2").digest)
    # And the same again is no move.
    assert registry.publisher.put_manifest(repo, "v1", first.manifest).status == 201


def test_overdue_is_told_once_and_stays_held(registry, repo):
    registry.policy(repo, overdue_after=1)
    image = registry.publisher.push_image(repo, "v1")
    wait_for(lambda: ("quarantine_overdue", "v1", image.digest) in events(registry, repo), "it is told to be overdue")
    assert shown(registry, repo, image)["overdueSince"] and not is_readable(registry, repo, image)
    later = registry.publisher.push_image(repo, "v2")
    wait_for(lambda: ("quarantine_overdue", "v2", later.digest) in events(registry, repo), "the next one as well")
    assert [e[0] for e in events(registry, repo)].count("quarantine_overdue") == 2
    assert [a[0] for a in actions(registry, repo)].count("overdue") == 2


def test_the_metrics_tell_what_waits(make_registry):
    registry = make_registry()

    def gauges():
        lines = registry.admin.get("/metrics").body.decode().splitlines()
        return [int(next(ln.split()[1] for ln in lines if ln.startswith(f"roadstead_{name} ")))
                for name in ("quarantined", "failed", "overdue")]

    images = [registry.publisher.push_image("app", f"v{i}") for i in range(4)]
    registry.processor.fail("app", images[0].digest)
    registry.processor.release("app", images[1].digest)
    assert gauges() == [2, 1, 0]
    registry.policy("app", overdue_after=1)
    wait_for(lambda: gauges() == [2, 1, 2], "both are overdue")


def test_expiry_deletes_and_never_releases(registry, repo):
    failed = registry.publisher.push_image(repo, "v1")
    waiting = registry.publisher.push_image(repo, "v2")
    kept = registry.publisher.push_image(repo, "v3")
    registry.processor.release(repo, kept.digest)
    registry.processor.fail(repo, failed.digest)
    registry.policy(repo, expire_failed_after=1)
    wait_for(lambda: state(registry, repo, failed) == "none", "the failed one expires")
    assert state(registry, repo, waiting) == "quarantined"
    registry.policy(repo, expire_quarantined_after=1)
    wait_for(lambda: state(registry, repo, waiting) == "none", "the waiting one expires")
    assert is_readable(registry, repo, kept)
    assert [e for e in events(registry, repo) if e[0] == "delete"] == [("delete", None, failed.digest), ("delete", None, waiting.digest)]
    records = [r for r in registry.auditor.audit(f"repository={repo}&action=deleted")]
    assert [(r["digest"], r["details"]) for r in records] == [(failed.digest, {"expired": "failed"}), (waiting.digest, {"expired": "quarantined"})]
    registry.policy(repo)
    registry.publisher.push_image(repo, "v1", failed)
    assert state(registry, repo, failed) == "failed"  # the verdict is remembered


def test_initial_ones_are_applied_once(make_registry):
    config = {"initial": {"policies": [{"pattern": "free/**", "quarantine": "off"}]}}
    registry = make_registry(config=config)
    assert [p["pattern"] for p in registry.admin.get(POLICIES).json()["policies"]] == ["free/**"]
    assert state(registry, "free/app", registry.publisher.push_image("free/app", "v1")) == "released"
    assert registry.admin.request("DELETE", f"{POLICIES}?pattern=free/**").status == 204
    registry.daemon.stop()
    registry.daemon.start()
    admin = type(registry.admin)(registry.daemon.url, registry.credentials["admin"])
    assert admin.get(POLICIES).json()["policies"] == []
