"""Policies: changed through the daemon, audited, effective for the next request."""

import json
import threading

import pytest

from client import Attachment, Image, Index
from daemon import wait_for
from test_quarantine_states import actions, events, is_readable, report, shown, state

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


def test_observe_counts_as_off(registry, repo):
    """Everything that would have been held is released and recorded so: images, indexes, attachments; sparse ones are taken too."""
    registry.policy(repo, quarantine="observe")
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    sbom = registry.publisher.push_image(repo, None, Attachment(index))
    sparse = Index([Image()])
    assert registry.publisher.put_manifest(repo, "sparse", sparse.manifest, sparse.media_type).status == 201
    for thing in (index, *index.images, sbom, sparse):
        told = shown(registry, repo, thing)
        assert told["state"] == "released" and told["observed"] is True
        assert registry.consumer.get_manifest(repo, thing.digest).body == thing.manifest
    records = registry.auditor.audit(f"repository={repo}")
    assert [(r["action"], r["details"]["observed"]) for r in records] == [("pushed", "quarantined")] * 5
    assert {e[0] for e in events(registry, repo)} == {"push"}
    assert registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"] == []
    # What would have been released anyway is not said to have been observed.
    signature = registry.processor.push_image(repo, None, Attachment(index))
    assert "observed" not in shown(registry, repo, signature)


def test_observe_opens_nothing_that_is_held(registry, repo):
    """Held before, failed before, or naming what is held: it stays as it would where quarantine is off."""
    held = registry.publisher.push_image(repo, "v1")
    failed = registry.publisher.push_image(repo, "v2")
    registry.processor.fail(repo, failed.digest)
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{failed.digest}").status == 202
    registry.policy(repo, quarantine="observe")
    index = Index([held]).push(registry.publisher, repo, "v3")
    registry.publisher.push_image(repo, "v2", failed)
    assert [state(registry, repo, i) for i in (held, index, failed)] == ["quarantined", "quarantined", "failed"]
    registry.policy(repo, quarantine="on")
    assert [state(registry, repo, i) for i in (held, index, failed)] == ["quarantined", "quarantined", "failed"]


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


@pytest.mark.parametrize("mode", ["on", "off", "observe"])
@pytest.mark.parametrize("how", ["new bytes", "known bytes", "held bytes", "parameter", "fallback tag"])
def test_no_push_moves_an_immutable_live_tag(registry, repo, mode, how):
    """409 by whatever way the tag is asked for, and nothing of that push is done."""
    subject = registry.publisher.push_image(repo, "subject")
    registry.processor.release(repo, subject.digest)
    tag = "sha256-" + subject.digest.split(":")[1] if how == "fallback tag" else "v1.0"
    first = registry.processor.push_image(repo, tag, Attachment(subject) if how == "fallback tag" else None)
    if how != "fallback tag":
        registry.processor.release(repo, first.digest)
    other = registry.processor.push_image(repo, "other", Attachment(subject) if how == "fallback tag" else None)
    if how == "known bytes":
        registry.processor.release(repo, other.digest)
    registry.policy(repo, quarantine=mode, immutable_tags=["v1*", "sha256-*"])
    image = {"known bytes": other, "held bytes": other, "fallback tag": Attachment(subject)}.get(how) or Image()
    for data in image.blobs:
        registry.processor.push_blob(repo, data)
    before = actions(registry, repo), events(registry, repo), registry.qreader.tags(repo)
    reference, query = (image.digest, f"?tag=free&tag={tag}") if how == "parameter" else (tag, "")
    refused = registry.processor.put_manifest(repo, reference, image.manifest, query=query)
    assert refused.status == 409 and tag in refused.message and "immutable" in refused.message, refused
    assert (actions(registry, repo), events(registry, repo), registry.qreader.tags(repo)) == before
    assert registry.consumer.get_manifest(repo, tag).body == first.manifest
    assert registry.processor.put_manifest(repo, tag, first.manifest).status == 201  # what it points to already
    assert registry.processor.put_manifest(repo, "v2", image.manifest).status == 201  # another tag


@pytest.mark.parametrize("way", ["decision", "last check", "index", "override"])
def test_no_release_moves_an_immutable_live_tag(registry, repo, way):
    """The manifest is released and the tag stays; the answer and the record name it, and other tags of it move."""
    first = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, first.digest)
    second = Index([Image()]) if way == "index" else Image()
    second.push(registry.publisher, repo, "v1") if way == "index" else registry.publisher.push_image(repo, "v1", second)
    registry.publisher.put_manifest(repo, "latest", second.manifest, second.media_type)
    registry.policy(repo, immutable_tags=["v*"], checks=["scan"] if way in ("last check", "override") else [])
    if way == "last check":
        answer = report(registry.scanner, repo, second, "scan", "passed").json()
    elif way == "override":
        who = registry.user("immutable-" + repo.split("/")[1], ("processor", repo), ("quarantine-override", repo))
        answer = who.decide(repo, second.digest, "released", reason="now").json()
    else:
        answer = registry.processor.release(repo, second.digest).json()
    assert answer["immutableTags"] == [{"digest": second.digest, "tag": "v1"}]
    assert [r["tags"] for r in answer["released"] if r["digest"] == second.digest] == [["latest"]]
    record, = [r for r in registry.auditor.audit(f"repository={repo}&action=released") if r["digest"] == second.digest]
    assert record["tags"] == ["latest"] and record["details"]["immutableTags"] == ["v1"]
    assert registry.consumer.get_manifest(repo, "v1").body == first.manifest
    assert registry.consumer.get_manifest(repo, "latest").body == registry.consumer.get_manifest(repo, second.digest).body == second.manifest
    assert ("push", "latest", second.digest) in events(registry, repo) and ("push", "v1", second.digest) not in events(registry, repo)
    # It moves no more, not later either; and what is staged under it no more hides it.
    registry.policy(repo)
    assert registry.processor.decide(repo, second.digest, "released").json()["changed"] is False
    assert registry.consumer.get_manifest(repo, "v1").body == first.manifest
    assert registry.qreader.get_manifest(repo, "v1").body == first.manifest


def test_a_tag_is_immutable_once_it_is_live(registry, repo):
    """Nothing live yet: any push takes its place on the stage, a failed one blocks nobody, and the first release fixes it."""
    registry.policy(repo, immutable_tags=["v1"])
    bad = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, bad.digest)
    second, third = (registry.publisher.push_image(repo, "v1") for _ in range(2))
    assert registry.qreader.get_manifest(repo, "v1").body == third.manifest
    registry.processor.release(repo, second.digest)
    assert registry.consumer.get_manifest(repo, "v1").body == second.manifest
    assert registry.processor.release(repo, third.digest).json()["immutableTags"] == [{"digest": third.digest, "tag": "v1"}]
    assert registry.consumer.get_manifest(repo, "v1").body == second.manifest
    # Deleting is not moving: after it the tag is free.
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/v1").status == 202
    registry.processor.release(repo, registry.publisher.push_image(repo, "v1").digest)


@pytest.mark.parametrize("pattern,tags", [("v1", {"v1"}), ("v*", {"v1", "v1.0", "v"}), ("*", {"v1", "v1.0", "v", "latest", "V1"}),
                                          ("v*.*", {"v1.0"}), ("*1", {"v1", "V1"})])
def test_immutable_tags_are_patterns_over_whole_tags(registry, repo, pattern, tags):
    everything = {"v1", "v1.0", "v", "latest", "V1"}
    image = registry.publisher.push_image(repo)
    registry.publisher.put_manifest(repo, image.digest, image.manifest, query="?" + "&".join(f"tag={t}" for t in everything))
    registry.processor.release(repo, image.digest)
    registry.policy(repo, immutable_tags=["no-such", pattern])
    other = registry.publisher.push_image(repo)
    assert {t for t in everything if registry.publisher.put_manifest(repo, t, other.manifest).status == 409} == tags


def test_two_releases_at_once_move_an_immutable_tag_once(registry, repo):
    registry.policy(repo, immutable_tags=["v*"])
    for round_ in range(5):
        tag = f"v{round_}"
        images = [registry.publisher.push_image(repo, tag) for _ in range(2)]
        start, moved = threading.Barrier(2), {}

        def release(image, name):
            client = registry.client(name)
            client.state(repo, image.digest)
            start.wait()
            moved[image.digest] = client.release(repo, image.digest).json()["released"][0]["tags"] == [tag]

        threads = [threading.Thread(target=release, args=a) for a in zip(images, ("processor", "processor2"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        live, = [i for i in images if moved[i.digest]]
        assert registry.consumer.get_manifest(repo, tag).body == live.manifest


def test_overdue_is_told_once_and_stays_held(registry, repo):
    registry.policy(repo, overdue_after=1)
    image = registry.publisher.push_image(repo, "v1")
    wait_for(lambda: ("quarantine_overdue", "v1", image.digest) in events(registry, repo), "it is told to be overdue")
    assert shown(registry, repo, image)["overdueSince"] and not is_readable(registry, repo, image)
    later = registry.publisher.push_image(repo, "v2")
    wait_for(lambda: ("quarantine_overdue", "v2", later.digest) in events(registry, repo), "the next one as well")
    assert [e[0] for e in events(registry, repo)].count("quarantine_overdue") == 2
    assert [a[0] for a in actions(registry, repo)].count("overdue") == 2


def test_overdue_is_for_what_waits_and_is_decided_by_itself(registry, repo):
    """Roots in quarantine: neither parts, nor joined attachments, nor what failed or is released."""
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    registry.processor.push_image(repo, None, Attachment(index))
    failed, released = registry.publisher.push_image(repo, "v2"), registry.publisher.push_image(repo, "v3")
    registry.processor.fail(repo, failed.digest)
    registry.processor.release(repo, released.digest)
    registry.policy(repo, overdue_after=1)
    last = registry.publisher.push_image(repo, "v4")
    wait_for(lambda: ("quarantine_overdue", "v4", last.digest) in events(registry, repo), "the last one is overdue")
    assert [e for e in events(registry, repo) if e[0] == "quarantine_overdue"] == [
        ("quarantine_overdue", "v1", index.digest), ("quarantine_overdue", "v4", last.digest)]
    assert [a for a in actions(registry, repo) if a[0] == "overdue"] == [("overdue", index.digest, ["v1"]), ("overdue", last.digest, ["v4"])]
    listed = registry.qreader.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"]
    assert [(i["digest"], i["overdue"]) for i in listed] == [(index.digest, True), (last.digest, True)]
    # Held as before, and decided as before.
    assert not is_readable(registry, repo, last)
    registry.processor.release(repo, last.digest)
    assert is_readable(registry, repo, last)


def test_overdue_is_told_once_across_restarts_and_reversals(make_registry):
    registry = make_registry()
    registry.policy("app", overdue_after=1, checks=["scan", "sign"])
    image = registry.publisher.push_image("app", "v1")
    wait_for(lambda: ("quarantine_overdue", "v1", image.digest) in events(registry, "app"), "it is overdue")
    report(registry.scanner, "app", image, "scan", "failed")
    report(registry.scanner, "app", image, "scan", "passed")
    registry.daemon.restart()
    for name in ("publisher", "processor", "auditor", "scanner"):
        setattr(registry, name, registry.client(name))
    assert state(registry, "app", image) == "quarantined"
    later = registry.publisher.push_image("app", "v2")
    wait_for(lambda: ("quarantine_overdue", "v2", later.digest) in events(registry, "app"), "the next one is overdue")
    told = [e for e in events(registry, "app") if e[0] == "quarantine_overdue"]
    assert told == [("quarantine_overdue", "v1", image.digest), ("quarantine_overdue", "v2", later.digest)]


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


def test_nothing_expires_unless_a_policy_says_so(registry, repo):
    """An image that is overdue for long is there as on the first day; a policy says so with 0."""
    registry.policy(repo, overdue_after=1)
    mine, = listed(registry, repo)
    assert (mine["expire_failed_after"], mine["expire_quarantined_after"], mine["overdue_after"]) == ("0s", "0s", "1s")
    waiting, failed = registry.publisher.push_image(repo, "v1"), registry.publisher.push_image(repo, "v2")
    registry.processor.fail(repo, failed.digest)
    wait_for(lambda: ("quarantine_overdue", "v1", waiting.digest) in events(registry, repo), "it is overdue")
    assert [state(registry, repo, i) for i in (waiting, failed)] == ["quarantined", "failed"]
    assert "delete" not in {e[0] for e in events(registry, repo)}


def test_what_expires_takes_all_of_it_along_and_nothing_that_is_released(registry, repo):
    """An index with its parts and what is attached to them, each with a record and an event; a claim does not keep it."""
    released = registry.publisher.push_image(repo, "live")
    registry.processor.release(repo, released.digest)
    index = Index([Image(), Image(layers=released.layers)]).push(registry.publisher, repo, "v1")
    registry.publisher.put_manifest(repo, "live", index.manifest, index.media_type)
    sbom = registry.processor.push_image(repo, None, Attachment(index))
    held = registry.processor.request("POST", "/v2/_roadstead/quarantine/claims", body={"repositories": [repo]}).json()
    assert held["digest"] == index.digest
    registry.policy(repo, expire_quarantined_after=1)
    everything = (index, *index.images, sbom)
    wait_for(lambda: [state(registry, repo, i) for i in everything] == ["none"] * 4, "all of it expires")
    assert registry.qreader.tags(repo) == ["live"] and registry.consumer.get_manifest(repo, "live").body == released.manifest
    assert is_readable(registry, repo, released)
    deleted = {e["digest"]: e["actor"] for e in registry.processor.events(repository=repo) if e["type"] == "delete"}
    assert deleted == {i.digest: "roadstead" for i in everything}
    records = [r for r in registry.auditor.audit(f"repository={repo}&action=deleted")]
    assert {r["digest"]: (r["actor"], r["details"]) for r in records} == {i.digest: ("roadstead", {"expired": "quarantined"}) for i in everything}
    assert len(records) == 4
    assert registry.processor.decide(repo, index.digest, "released", claim=held["claim"]).status == 404
    # No verdict was given, none is remembered.
    registry.policy(repo)
    index.push(registry.publisher, repo, "v1")
    assert state(registry, repo, index) == "quarantined"


@pytest.mark.parametrize("by", ["decision", "check"])
def test_a_verdict_outlives_its_expiry(registry, repo, by):
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest) if by == "decision" else report(registry.scanner, repo, image, "scan", "failed")
    registry.policy(repo, checks=["scan"], expire_failed_after=1)
    wait_for(lambda: state(registry, repo, image) == "none", "it expires")
    registry.policy(repo, checks=["scan"])
    registry.publisher.push_image(repo, "v1", image)
    assert state(registry, repo, image) == "failed"
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == ("failed" if by == "decision" else "released")


# -- changed through the daemon only --------------------------------------------------------------------


def test_every_rule_is_effective_for_the_next_request(registry, repo):
    """Set, and set back, each of them by what it does."""
    held = registry.publisher.push_image(repo, "held")
    live = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, live.digest)
    own = registry.processor.push_image(repo, "own")
    rules = {
        "quarantine": ("off", lambda: state(registry, repo, registry.publisher.push_image(repo, "q")), "released", "quarantined"),
        "checks": (["scan"], lambda: registry.processor.decide(repo, registry.publisher.push_image(repo, "c").digest, "released").status, 409, 200),
        "immutable_tags": (["v*"], lambda: registry.publisher.put_manifest(repo, "v1", registry.publisher.push_image(repo).manifest).status,
                           409, 201),
        "echo": (False, lambda: registry.publisher.get_manifest(repo, held.digest).status, 404, 200),
        "disclose": (False, lambda: registry.consumer.get_manifest(repo, held.digest).status, 404, 403),
        "separate_duties": (True, lambda: registry.processor.decide(repo, own.digest, "failed").status, 403, 200),
    }
    for key, (value, what_happens, with_it, without) in rules.items():
        for _ in range(2):
            registry.policy(repo, **{key: value})
            assert what_happens() == with_it, key
            assert registry.admin.request("DELETE", f"{POLICIES}?pattern={repo}").status == 204
            assert what_happens() == without, key


def test_where_no_policy_matches_everything_is_held(registry, repo):
    registry.policy(repo + "/x*", quarantine="off")
    for name, wanted in (("", "quarantined"), ("/x", "released"), ("/x1", "released"), ("/x/y", "quarantined"), ("/y", "quarantined")):
        assert state(registry, repo + name, registry.publisher.push_image(repo + name, "v1")) == wanted, name


@pytest.mark.parametrize("keys", [{"quarantine": "off"}, {"checks": []}, {"separate_duties": False}, {"overdue_after": 1}])
def test_a_change_of_policy_changes_no_state(registry, repo, keys):
    """Whatever lacked before and lacks no more: it waits to be decided."""
    registry.policy(repo, checks=["scan"], separate_duties=True)
    images = [registry.publisher.push_image(repo, f"v{i}") for i in range(3)]
    report(registry.signer, repo, images[0], "sign", "passed")
    registry.processor.fail(repo, images[1].digest)
    before = actions(registry, repo), events(registry, repo)
    registry.policy(repo, **keys)
    assert [state(registry, repo, i) for i in images] == ["quarantined", "failed", "quarantined"]
    if "overdue_after" not in keys:
        assert (actions(registry, repo), events(registry, repo)) == before
        ready = registry.qreader.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"]
        assert [(i["digest"], i["ready"]) for i in ready] == [(images[0].digest, True), (images[2].digest, True)]


INITIAL = {"policies": [{"pattern": "free/**", "quarantine": "off"}],
           "users": [{"name": "early", "password": "an early password"}],
           "grants": [{"principal": "early", "role": "consumer", "pattern": "free/**"}],
           "webhooks": [{"name": "early", "url": "https://hooks.invalid/early"}]}


def names_of(registry):
    admin = registry.client("admin")
    grants = {(g["principal"], g["pattern"]) for g in admin.get("/v2/_roadstead/admin/grants?n=1000").json()["grants"]}
    return ([p["pattern"] for p in admin.get(POLICIES).json()["policies"]], ("early", "free/**") in grants,
            [h["name"] for h in admin.get("/v2/_roadstead/webhooks").json()["webhooks"]])


def test_the_configuration_holds_initial_ones_for_an_empty_catalog_only(make_registry):
    """Policies, grants and webhooks: what the file says later, or says again after a removal, changes nothing."""
    registry = make_registry(config={"initial": INITIAL})
    assert names_of(registry) == (["free/**"], True, ["early"])
    registry.take("early", "consumer")
    admin = registry.client("admin")
    assert admin.request("DELETE", f"{POLICIES}?pattern=free/**").status == 204
    assert admin.request("DELETE", "/v2/_roadstead/webhooks/early").status == 204
    more = {"policies": [{"pattern": "more/**", "quarantine": "off"}], "users": [{"name": "late", "password": "a late password"}],
            "grants": [{"principal": "early", "role": "consumer", "pattern": "free/**"}, {"principal": "late", "role": "processor", "pattern": "**"}],
            "webhooks": [{"name": "late", "url": "https://hooks.invalid/late"}]}
    registry.daemon.config.write_text(json.dumps({"initial": {**INITIAL, **more}}))
    registry.daemon.restart()
    assert names_of(registry) == ([], False, [])
    assert registry.client("admin").get("/v2/_roadstead/admin/users/late").status == 404
    assert state(registry_clients(registry), "more/app", registry.client("publisher").push_image("more/app", "v1")) == "quarantined"


def test_a_catalog_that_began_without_initial_ones_takes_none_later(make_registry):
    registry = make_registry()
    registry.daemon.config.write_text(json.dumps({"initial": INITIAL}))
    registry.daemon.restart()
    assert names_of(registry) == ([], False, [])


def registry_clients(registry):
    """The same registry with connections to where it listens since its restart."""
    registry.processor = registry.client("processor")
    return registry


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
