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


# what happens, and the state that follows: "scan-" and "scan+" are reports, "scan~" says running; "D-" and "D+" are decisions ("D!"
# one that is refused); ":a,b" is the policy's list of checks from then on
LIFTING = {
    "its own pass lifts it": "scan- =failed scan+ =quarantined sign+ =released",
    "its own pass, and it was the last": "sign+ scan- =failed scan+ =released",
    "another check's pass lifts nothing": "scan- sign+ =failed",
    "to be at work again lifts nothing": "scan- scan~ =failed sign+ =failed scan+ =released",
    "each of two has to pass": "scan- sign- =failed scan+ =failed sign+ =released",
    "each of two has to pass, the other way round": "scan- sign- =failed sign+ =failed scan+ =released",
    "no check lifts a decision": "D- scan+ sign+ =failed",
    "no check lifts a decision that came after its fail": "scan- D- scan+ sign+ =failed",
    "no check lifts a decision that came before its fail": "D- scan- =failed scan+ sign+ =failed",
    "a decision lifts its own when nothing is missing": "D- D! scan+ D! sign+ =failed D+ =released",
    "no decision lifts a check that is required": "scan- D! =failed sign+ D! =failed",
    "a decision lifts a check that is no longer required": "scan- : =failed D+ =released",
    "a check that is no longer required still lifts its own, and leaves the rest to a decision":
        "scan- :sign sign+ =failed scan+ =quarantined D+ =released",
    "a check that is not required fails nothing": ":sign scan- =quarantined sign+ =released",
    "a fail that was not required counts when it is": ":sign scan- :scan,sign sign+ =quarantined D! scan+ =released",
    "a fail that was not required stands when it is": ":sign scan- sign- =failed :scan,sign sign+ =failed scan+ =released",
    "a pass that was not required counts when it is": ": scan+ :scan,sign =quarantined sign+ =released",
    "passed and failed again": "scan+ scan- =failed scan+ =quarantined scan- =failed",
    "a failed decision, then a failed one again": "D- D- =failed scan+ sign+ =failed D+ =released",
}


@pytest.mark.parametrize("case", LIFTING)
def test_who_may_lift_which_failure(registry, repo, case):
    """A decision's only a decision, a check's that same check, when nothing else is failed; nothing else ever does."""
    registry.policy(repo, checks=["scan", "sign"])
    image = registry.publisher.push_image(repo, "v1")
    reporters = {"scan": registry.scanner, "sign": registry.signer}
    for step in LIFTING[case].split():
        if step[0] == "=":
            assert state(registry, repo, image) == step[1:], (case, step)
        elif step[0] == ":":
            registry.policy(repo, checks=[c for c in step[1:].split(",") if c])
        elif step[0] == "D":
            got = registry.processor.decide(repo, image.digest, {"-": "failed", "+": "released", "!": "released"}[step[1]])
            assert got.status == (409 if step[1] == "!" else 200), (case, step, got)
        else:
            check, outcome = step[:-1], {"-": "failed", "+": "passed", "~": "running"}[step[-1]]
            assert report(reporters[check], repo, image, check, outcome).status == 200, (case, step)
        assert is_readable(registry, repo, image) == (state(registry, repo, image) == "released"), (case, step)


def test_a_failure_is_lifted_by_whoever_may_report_that_check(registry, repo, checked):
    """It is the check that matters, not who failed it: another reporter of it, a holder of check:*, and nobody else."""
    others = [registry.user(f"lift-{i}-" + repo.split("/")[1], (what, repo)) for i, what in enumerate(("check:scan", "check:*"))]
    for other in others:
        assert report(registry.scanner, repo, checked, "scan", "failed", details=other.name).json()["state"] == "failed"
        for name in ("signer", "processor", "publisher"):
            assert report(registry.client(name), repo, checked, "scan", "passed").status == 403
        assert report(other, repo, checked, "scan", "passed").json()["state"] == "quarantined"


def test_a_remembered_failure_is_lifted_by_the_same_check(registry, repo, checked):
    """After a delete and another push as before it."""
    report(registry.scanner, repo, checked, "scan", "failed", details="bad")
    for _ in range(2):
        assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{checked.digest}").status == 202
        registry.publisher.push_image(repo, "v1", checked)
        assert state(registry, repo, checked) == "failed"
        assert report(registry.signer, repo, checked, "sign", "passed").json()["state"] == "failed"
        assert registry.processor.decide(repo, checked.digest, "released").status == 409
    assert report(registry.scanner, repo, checked, "scan", "passed").json()["state"] == "released"


def test_a_failure_that_took_over_is_remembered(registry, repo):
    """Of a check that failed before it was required: it is what keeps the image failed when the other one passed."""
    registry.policy(repo, checks=["sign"])
    image = registry.publisher.push_image(repo, "v1")
    report(registry.scanner, repo, image, "scan", "failed")
    report(registry.signer, repo, image, "sign", "failed")
    registry.policy(repo, checks=["scan", "sign"])
    assert report(registry.signer, repo, image, "sign", "passed").json()["state"] == "failed"
    told = {c["name"]: (c["state"], c["failing"]) for c in shown(registry, repo, image)["checks"]}
    assert told == {"scan": ("failed", True), "sign": ("passed", False)}
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
    registry.publisher.push_image(repo, "v1", image)
    assert state(registry, repo, image) == "failed"
    assert report(registry.signer, repo, image, "sign", "passed").json()["state"] == "failed"
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == "released"


def test_a_check_that_is_not_required_is_recorded_and_no_more(registry, repo):
    other = registry.user("other-" + repo.split("/")[1], ("check:licence", repo))
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    for outcome in ("running", "failed", "passed", "failed"):
        got = report(other, repo, image, "licence", outcome, details={"n": outcome})
        assert got.status == 200 and got.json()["state"] == "quarantined" and got.json()["check"]["state"] == outcome
    told = {c["name"]: c for c in shown(registry, repo, image)["checks"]}
    assert (told["licence"]["required"], told["licence"]["state"], told["licence"]["failing"]) == (False, "failed", False)
    assert [a[0] for a in actions(registry, repo)] == ["quarantined"] + ["check"] * 4
    assert [e[0] for e in events(registry, repo)] == ["quarantine"]
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == "released"


def test_every_report_is_judged_by_the_policy_of_that_moment(registry, repo, checked):
    """A check that is asked for late is missing; one that is dropped is not."""
    report(registry.scanner, repo, checked, "scan", "passed")
    registry.policy(repo, checks=["licence", "scan", "sign"])
    assert report(registry.signer, repo, checked, "sign", "passed").json()["state"] == "quarantined"
    refused = registry.processor.decide(repo, checked.digest, "released")
    assert refused.status == 409 and "licence" in refused.message
    registry.policy(repo, checks=["scan", "sign"])
    assert state(registry, repo, checked) == "quarantined"
    # What lacks nothing is ready: a report or a decision releases it now.
    assert report(registry.scanner, repo, checked, "scan", "passed", details="once more").json()["state"] == "released"


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


def overrider_of(registry, repo, *more):
    return registry.user("overrider-" + repo.split("/")[1], ("processor", repo), ("quarantine-override", repo), *more)


@pytest.mark.parametrize("reports", [[], ["scan-"], ["scan+"], ["scan-", "sign-"], ["scan+", "sign-"]])
def test_an_override_releases_over_missing_and_failed_checks(registry, repo, checked, reports):
    """One record names who, why, and what was left out."""
    overrider = overrider_of(registry, repo)
    for step in reports:
        client = {"scan": registry.scanner, "sign": registry.signer}[step[:-1]]
        report(client, repo, checked, step[:-1], {"-": "failed", "+": "passed"}[step[-1]])
    answer = overrider.decide(repo, checked.digest, "released", reason="it burns").json()
    assert answer["state"] == "released" and answer["released"][0]["tags"] == ["v1"] and is_readable(registry, repo, checked)
    record, = registry.auditor.audit(f"repository={repo}&action=released")
    assert record["actor"] == overrider.name
    assert record["details"]["override"] == {"by": overrider.name, "reason": "it burns",
                                             "missing": [c for c in ("scan", "sign") if f"{c}+" not in reports]}


def test_a_decision_that_overrides_nothing_is_no_override(registry, repo, checked):
    """With all checks passed a reason changes nothing about the record."""
    overrider = overrider_of(registry, repo)
    registry.policy(repo)
    overrider.decide(repo, checked.digest, "released", "plain", reason="for the record")
    record, = registry.auditor.audit(f"repository={repo}&action=released")
    assert record["details"] == "plain"


@pytest.mark.parametrize("reason", ["", " ", "\t\n  "])
def test_an_override_without_words_is_none(registry, repo, checked, reason):
    overrider = overrider_of(registry, repo)
    assert overrider.decide(repo, checked.digest, "released", reason=reason).status == 409
    assert state(registry, repo, checked) == "quarantined"


def test_an_override_is_over_checks_and_nothing_else(registry, repo):
    """A failed part, duties that are separate, a report of a check, another repository: all stand as they did."""
    overrider = overrider_of(registry, repo)
    registry.policy(repo, checks=["scan"])
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    registry.processor.fail(repo, index.images[0].digest)
    refused = overrider.decide(repo, index.digest, "released", reason="now")
    assert refused.status == 409 and index.images[0].digest in refused.message
    own = overrider.push_image(repo, "own")
    registry.policy(repo, checks=["scan"], separate_duties=True)
    assert overrider.decide(repo, own.digest, "released", reason="now").status == 403
    assert report(overrider, repo, own, "scan", "passed").status == 403
    registry.policy(repo + "/**", checks=["scan"])
    elsewhere = registry.publisher.push_image(repo + "/elsewhere", "v1")
    registry.give(overrider.name, "quarantine-decide", repo + "/elsewhere")
    assert overrider.decide(repo + "/elsewhere", elsewhere.digest, "released", reason="now").status == 409


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
    both = registry.user("both-" + repo.split("/")[1], ("processor", repo), ("check:scan", repo), ("quarantine-override", repo))
    image = both.push_image(repo, "v1")
    assert both.decide(repo, image.digest, "released").status == 403
    assert both.decide(repo, image.digest, "released", reason="now").status == 403
    assert both.decide(repo, image.digest, "failed").status == 403
    for outcome in ("running", "passed", "failed"):
        assert report(both, repo, image, "scan", outcome).status == 403
    azure = f"/acr/v1/{repo}/_manifests/{image.digest}"
    for verdict in ("Passed", "Failed"):
        assert both.request("PATCH", azure, body={"quarantineState": verdict}).status == 403
    assert [a[0] for a in actions(registry, repo)] == ["quarantined"]
    # An attachment of one's own is no reason: the processor signs what it decides about.
    registry.scanner.push_image(repo, None, Attachment(image))
    assert report(registry.scanner, repo, image, "scan", "passed").json()["state"] == "released"


def test_separate_duties_are_about_every_push_of_the_bytes_and_about_parts(registry, repo):
    """Whoever pushed them second pushed them too, and a part that he pushed keeps him from releasing the index, not from failing it."""
    registry.policy(repo, separate_duties=True)
    decider = registry.user("decider-" + repo.split("/")[1], ("processor", repo))
    image = registry.publisher.push_image(repo, "v1")
    decider.push_image(repo, "v2", image)
    assert decider.decide(repo, image.digest, "released").status == 403
    index = Index([Image(), Image()])
    decider.push_image(repo, None, index.images[1])
    index.push(registry.publisher, repo, "v3")
    assert decider.decide(repo, index.digest, "released").status == 403
    assert decider.decide(repo, index.images[0].digest, "released").status == 200
    assert decider.decide(repo, index.digest, "failed").status == 200
    assert registry.processor.decide(repo, index.digest, "released").status == 200
    registry.policy(repo)
    assert decider.decide(repo, image.digest, "released").status == 200


def test_an_identity_may_decide_on_its_own_push_where_duties_are_not_separate(registry, repo):
    image = registry.processor.push_image(repo, "v1")
    assert registry.processor.decide(repo, image.digest, "released").status == 200


@pytest.mark.parametrize("body", [{"state": "passed", "x": 1}, {"state": "ok"}, {}, {"state": "passed", "claim": 1}])
def test_a_report_with_a_bad_body_changes_nothing(registry, repo, checked, body):
    before = actions(registry, repo)
    got = registry.scanner.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{checked.digest}/checks/scan", body=body)
    assert got.status == 400, got
    assert actions(registry, repo) == before
