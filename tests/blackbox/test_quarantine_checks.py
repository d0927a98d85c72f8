"""Required checks, overrides and preconditions: one test for each sentence about them."""

import pytest

from client import Attachment, Image, Index
from test_quarantine_states import actions, events, is_readable, report, shown, state


@pytest.fixture
def checked(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    return registry.publisher.push_image(repo, "v1")


# -- checks -------------------------------------------------------------------------------------


def test_the_last_required_pass_releases_in_the_same_transaction(registry, repo, checked):
    assert report(registry.signer, repo, checked, "sign", "passed").json()["state"] == "quarantined"
    assert report(registry.scanner, repo, checked, "scan", "running").json()["state"] == "quarantined"
    assert not is_readable(registry, repo, checked)
    answer = report(registry.scanner, repo, checked, "scan", "passed", details={"cves": 0}).json()
    assert answer["state"] == "released" and answer["released"][0]["tags"] == ["v1"]
    assert is_readable(registry, repo, checked)
    record = registry.auditor.audit(f"repository={repo}&action=released")
    assert [r["details"] for r in record] == [{"check": "scan", "details": {"cves": 0}, "state": "passed"}]
    assert record[0]["actor"] == "scanner"


def test_a_required_fail_fails(registry, repo, checked):
    assert report(registry.scanner, repo, checked, "scan", "failed", details="3 critical").json()["state"] == "failed"
    assert events(registry, repo)[-1][0] == "quarantine_failed"
    assert shown(registry, repo, checked)["failedBy"] == "check"


def test_the_same_check_lifts_its_failure(registry, repo, checked):
    report(registry.scanner, repo, checked, "scan", "failed")
    before = events(registry, repo)
    assert report(registry.scanner, repo, checked, "scan", "running").json()["state"] == "failed"
    assert report(registry.signer, repo, checked, "sign", "passed").json()["state"] == "failed"
    assert report(registry.scanner, repo, checked, "scan", "passed").json()["state"] == "released"
    assert [e[0] for e in events(registry, repo)[len(before):]] == ["push"]


def test_a_reversal_brings_it_back_into_the_work_list(registry, repo, checked):
    report(registry.scanner, repo, checked, "scan", "failed")
    before = events(registry, repo)
    assert report(registry.scanner, repo, checked, "scan", "passed").json()["state"] == "quarantined"
    assert actions(registry, repo)[-1][0] == "reversed"
    assert events(registry, repo) == before
    work = registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"]
    assert [i["digest"] for i in work] == [checked.digest]
    assert [(c["name"], c["state"]) for c in work[0]["checks"]] == [("scan", "passed"), ("sign", "waiting")]


@pytest.mark.parametrize("who,check,status", [("signer", "scan", 403), ("processor", "scan", 403), ("consumer", "scan", 403),
                                              ("publisher", "scan", 403), ("publisher2", "scan", 404),
                                              ("stranger", "scan", 404), ("admin", "scan", 404)])
def test_each_processor_reports_its_own_check(registry, repo, checked, who, check, status):
    before = actions(registry, repo)
    assert report(getattr(registry, who), repo, checked, check, "passed").status == status
    assert actions(registry, repo) == before


def test_with_required_checks_a_bare_passed_decision_is_refused(registry, repo, checked):
    report(registry.scanner, repo, checked, "scan", "passed")
    refused = registry.processor.decide(repo, checked.digest, "released")
    assert refused.status == 409 and "sign" in refused.message and "scan" not in refused.message
    assert shown(registry, repo, checked)["releaseBlockedBy"] == [{"reason": "check", "check": "sign", "state": "waiting"}]
    # It may still fail.
    assert registry.processor.decide(repo, checked.digest, "failed").status == 200


def test_an_override_needs_the_permission_and_a_reason(registry, repo, checked):
    overrider = registry.user("overrider-" + repo.split("/")[1], ("processor", repo), ("quarantine-override", repo))
    assert registry.processor.decide(repo, checked.digest, "released", reason="x").status == 409
    assert overrider.decide(repo, checked.digest, "released").status == 409
    assert overrider.decide(repo, checked.digest, "released", reason="").status == 409
    # Azure's form has no reason, so it can never override.
    azure = overrider.request("PATCH", f"/acr/v1/{repo}/_manifests/{checked.digest}", body={"quarantineState": "Passed"})
    assert azure.status == 409
    assert overrider.decide(repo, checked.digest, "released", {"ticket": 7}, reason="scanner down").status == 200
    record, = registry.auditor.audit(f"repository={repo}&action=released")
    assert record["details"] == {"details": {"ticket": 7}, "override": {
        "by": overrider.name, "missing": ["scan", "sign"], "reason": "scanner down"}}


def test_a_change_of_policy_decides_nothing(registry, repo, checked):
    report(registry.scanner, repo, checked, "scan", "passed")
    registry.policy(repo, checks=["scan"])
    assert state(registry, repo, checked) == "quarantined"
    work = registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"]
    assert [(i["digest"], i["ready"]) for i in work] == [(checked.digest, True)]
    assert registry.processor.decide(repo, checked.digest, "released").status == 200


def test_the_same_report_again_changes_nothing(registry, repo, checked):
    report(registry.scanner, repo, checked, "scan", "passed", details=1)
    before = actions(registry, repo)
    again = report(registry.scanner, repo, checked, "scan", "passed", details=1)
    assert again.status == 200 and again.json()["changed"] is False
    assert actions(registry, repo) == before


def test_a_late_fail_after_the_release_changes_nothing(registry, repo, checked):
    report(registry.scanner, repo, checked, "scan", "passed")
    report(registry.signer, repo, checked, "sign", "passed")
    assert report(registry.scanner, repo, checked, "scan", "failed").status == 409
    assert is_readable(registry, repo, checked)


def test_separate_duties(registry, repo):
    registry.policy(repo, separate_duties=True, checks=["scan"])
    both = registry.user("both-" + repo.split("/")[1], ("processor", repo), ("check:scan", repo))
    image = both.push_image(repo, "v1")
    assert both.decide(repo, image.digest, "released").status == 403
    assert both.decide(repo, image.digest, "failed").status == 403
    assert report(both, repo, image, "scan", "passed").status == 403
    # An attachment of one's own is no reason: the processor signs what it decides about.
    both2 = registry.processor
    both2.push_image(repo, None, Attachment(image))
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == "released"


def test_an_identity_may_decide_on_its_own_push_where_duties_are_not_separate(registry, repo):
    image = registry.processor.push_image(repo, "v1")
    assert registry.processor.decide(repo, image.digest, "released").status == 200


# -- preconditions --------------------------------------------------------------------------------


def test_expect(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert registry.processor.decide(repo, image.digest, "released", expect="failed").status == 412
    assert registry.processor.decide(repo, image.digest, "released", expect="bogus").status == 400
    assert registry.processor.decide(repo, image.digest, "released", expect="quarantined").status == 200
    assert registry.processor.decide(repo, image.digest, "released", expect="quarantined").status == 412


@pytest.mark.parametrize("change", ["state", "check", "descendant", "attachment", "attachment of a descendant"])
def test_if_match_covers_state_checks_descendants_and_attachments(registry, repo, change):
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    read = registry.processor.state(repo, index.digest)
    etag = read.headers["ETag"]
    assert registry.processor.state(repo, index.digest).headers["ETag"] == etag
    if change == "state":
        registry.processor.fail(repo, index.digest)
    elif change == "check":
        report(registry.scanner, repo, index, "scan", "running")
    elif change == "descendant":
        registry.processor.fail(repo, index.images[0].digest)
    else:
        registry.processor.push_image(repo, None, Attachment(index if change == "attachment" else index.images[1]))
    refused = registry.processor.decide(repo, index.digest, "released", headers={"If-Match": etag})
    assert (refused.status, refused.code) == (412, "DENIED"), refused
    fresh = registry.processor.state(repo, index.digest).headers["ETag"]
    assert fresh != etag
    if change != "descendant":
        accepted = registry.processor.decide(repo, index.digest, "released", headers={"If-Match": f'"x", {fresh}'})
        assert accepted.status == 200, accepted


# -- bodies are strict --------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"state":"released","state":"failed"}', b'{"state":"ok"}', b'{"state":1}',
                                  b'{"state":"released","extra":1}', b'{"state":"released","expect":null}',
                                  b'{"state":"released","claim":5}', b'{"state":"released"} x', b'{"details":1}'])
def test_a_decision_with_a_bad_body_changes_nothing(registry, repo, body):
    image = registry.publisher.push_image(repo, "v1")
    got = registry.processor.request("PATCH", f"/v2/{repo}/_roadstead/quarantine/{image.digest}", body=body,
                                     content_type="application/json")
    assert got.status == 400, got
    assert state(registry, repo, image) == "quarantined"


def test_decisions_are_by_digest_only(registry, repo):
    registry.publisher.push_image(repo, "v1")
    got = registry.processor.request("PATCH", f"/v2/{repo}/_roadstead/quarantine/v1", body={"state": "released"})
    assert (got.status, got.code) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("body", [{"state": "passed", "x": 1}, {"state": "ok"}, {}, {"state": "passed", "claim": 1}])
def test_a_report_with_a_bad_body_changes_nothing(registry, repo, checked, body):
    before = actions(registry, repo)
    got = registry.scanner.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{checked.digest}/checks/scan", body=body)
    assert got.status == 400, got
    assert actions(registry, repo) == before


def test_details_are_limited(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert registry.processor.decide(repo, image.digest, "released", "x" * 65535).status == 413
    assert state(registry, repo, image) == "quarantined"
    assert registry.processor.decide(repo, image.digest, "released", "x" * 65000).status == 200


# -- the work list ------------------------------------------------------------------------------------


def test_the_work_list_in_pages(registry, repo):
    images = [registry.publisher.push_image(repo, f"v{i}") for i in range(5)]
    registry.processor.fail(repo, images[2].digest)
    seen = []
    where = f"/v2/_roadstead/quarantine?repository={repo}&n=2"
    while where:
        got = registry.processor.get(where)
        assert got.status == 200 and len(got.json()["images"]) <= 2
        seen += [i["digest"] for i in got.json()["images"]]
        link = got.headers["Link"]
        where = link[1:link.index(">")] if link else None
    assert seen == [images[i].digest for i in (0, 1, 3, 4)]
    failed = registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}&state=failed").json()["images"]
    assert [i["digest"] for i in failed] == [images[2].digest]
    assert registry.processor.get("/v2/_roadstead/quarantine?n=0").json()["images"] == []


@pytest.mark.parametrize("query", ["state=released", "state=x", "n=-1", "n=x", "last=x", "repository=A", "check=A"])
def test_the_work_list_refuses_what_it_does_not_understand(registry, query):
    assert registry.processor.get(f"/v2/_roadstead/quarantine?{query}").status == 400


def test_the_work_list_by_check(registry, repo, checked):
    by = {c: registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}&check={c}").json()["images"]
          for c in ("scan", "sign", "other")}
    assert {c: len(found) for c, found in by.items()} == {"scan": 1, "sign": 1, "other": 0}
    report(registry.scanner, repo, checked, "scan", "passed")
    assert registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}&check=scan").json()["images"] == []


@pytest.mark.parametrize("who,sees", [("processor", True), ("qreader", True), ("scanner", True), ("auditor", True),
                                      ("publisher", False), ("consumer", False), ("stranger", False), ("admin", False)])
def test_the_work_list_shows_repositories_where_one_may_see_states(registry, repo, who, sees):
    image = registry.publisher.push_image(repo, "v1")
    got = getattr(registry, who).get(f"/v2/_roadstead/quarantine?repository={repo}")
    assert got.status == 200
    assert [i["digest"] for i in got.json()["images"]] == ([image.digest] if sees else [])


@pytest.mark.parametrize("who,sees", [("processor", "all"), ("qreader", "all"), ("scanner", "all"), ("auditor", "all"),
                                      ("publisher", "brief"), ("consumer", "brief"), ("publisher2", None), ("stranger", None),
                                      ("admin", None), ("maintainer", None), ("anonymous", 401)])
def test_who_is_told_the_state(registry, repo, who, sees):
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    got = getattr(registry, who).state(repo, image.digest)
    if sees in (None, 401):
        assert got.status == (sees or 404)
        return
    assert got.status == 200
    if sees == "brief":
        assert set(got.json()) == {"repository", "digest", "state", "since", "checks"}
        assert got.json()["checks"] == [{"name": "scan", "required": True, "state": "waiting"}]
    else:
        assert got.json()["publisher"] == "publisher" and got.json()["tags"]["staged"] == ["v1"]


def test_with_disclose_off_a_reader_is_told_nothing(registry, repo):
    registry.policy(repo, disclose=False)
    image = registry.publisher.push_image(repo, "v1")
    assert registry.consumer.state(repo, image.digest).status == 404
    assert registry.consumer.decide(repo, image.digest, "released").status == 404
    assert registry.publisher.state(repo, image.digest).status == 200
