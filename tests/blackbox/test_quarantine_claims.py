"""Claims: work handed out under leases; one test for each sentence about them."""

import concurrent.futures
import sqlite3
import threading
import time

import pytest

from client import Image, Index
from daemon import wait_for
from test_quarantine_states import actions, is_readable, report, shown, state

CLAIMS = "/v2/_roadstead/quarantine/claims"


@pytest.fixture
def checked(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    return registry.publisher.push_image(repo, "v1")


def claim(client, repo, check="scan", lease=600, **more):
    body = {"repositories": [repo], "leaseSeconds": lease, **more}
    if check:
        body["check"] = check
    return client.request("POST", CLAIMS, body=body)


def hold(client, method, held, body=None):
    return client.request(method, f"{CLAIMS}/{held['claim']}", body=body)


def test_a_claim_hands_out_the_next_image_that_needs_the_check(registry, repo, checked):
    second = registry.publisher.push_image(repo, "v2")
    got = claim(registry.scanner, repo)
    assert got.status == 200, got
    assert (got.json()["repository"], got.json()["digest"], got.json()["check"]) == (repo, checked.digest, "scan")
    assert got.json()["expires"].endswith("Z")
    assert claim(registry.scanner, repo).json()["digest"] == second.digest
    assert claim(registry.scanner, repo).status == 204
    assert claim(registry.signer, repo, "sign").json()["digest"] == checked.digest
    assert claim(registry.signer, repo, "scan").status == 204


def test_a_check_that_failed_before_it_was_required_is_work(registry, repo):
    """Nothing is decided by that report, so somebody has to look again."""
    image = registry.publisher.push_image(repo, "v1")
    assert report(registry.scanner, repo, image, "scan", "failed").status == 200
    assert claim(registry.scanner, repo).status == 204
    registry.policy(repo, checks=["scan"])
    listed = registry.processor.get(f"/v2/_roadstead/quarantine?check=scan&repository={repo}").json()["images"]
    assert [i["digest"] for i in listed] == [image.digest]
    held = claim(registry.scanner, repo)
    assert (held.status, held.json()["digest"]) == (200, image.digest), held
    done = report(registry.scanner, repo, image, "scan", "failed", claim=held.json()["claim"])
    assert done.status == 200 and state(registry, repo, image) == "failed"
    assert claim(registry.scanner, repo).status == 204


def test_a_report_names_its_claim(registry, repo, checked):
    held = claim(registry.scanner, repo).json()
    other = registry.user("scanner-" + repo.split("/")[1], ("checker:scan", repo))
    refused = report(other, repo, checked, "scan", "passed")
    assert refused.status == 409 and "scanner" in refused.message
    assert report(other, repo, checked, "scan", "passed", claim=held["claim"]).status == 409
    assert report(registry.scanner, repo, checked, "scan", "passed", claim="nonsense").status == 409
    assert report(registry.scanner, repo, checked, "scan", "running", claim=held["claim"]).status == 200
    assert report(registry.scanner, repo, checked, "scan", "passed", claim=held["claim"]).status == 200
    assert report(registry.scanner, repo, checked, "scan", "failed", claim=held["claim"]).status == 409


def test_renewed_or_given_back(registry, repo, checked):
    held = claim(registry.scanner, repo).json()
    renewed = hold(registry.scanner, "PUT", held, {"leaseSeconds": 1200})
    assert renewed.status == 200 and renewed.json()["expires"] > held["expires"]
    assert hold(registry.signer, "PUT", held, {"leaseSeconds": 1200}).status == 404
    assert hold(registry.signer, "DELETE", held).status == 404
    assert hold(registry.scanner, "DELETE", held).status == 204
    assert hold(registry.scanner, "DELETE", held).status == 404
    assert claim(registry.scanner, repo).json()["digest"] == checked.digest
    assert [a[0] for a in actions(registry, repo)] == ["quarantined", "claimed", "claim-renewed", "claim-returned", "claimed"]


def test_an_expired_lease_is_handed_out_again(registry, repo, checked):
    held = claim(registry.scanner, repo, lease=1).json()
    other = registry.user("scanner-" + repo.split("/")[1], ("checker:scan", repo))
    again = wait_for(lambda: (g := claim(other, repo)).status == 200 and g.json(), "the lease ends")
    assert again["digest"] == checked.digest and again["claim"] != held["claim"]
    assert report(registry.scanner, repo, checked, "scan", "passed", claim=held["claim"]).status == 409
    assert hold(registry.scanner, "PUT", held, {}).status in (404, 409)
    assert report(other, repo, checked, "scan", "passed", claim=again["claim"]).status == 200


def another(registry, repo, *grants):
    """One more principal that may report `scan` there."""
    return registry.user("scanner-" + repo.split("/")[1], *(grants or [("checker:scan", repo)]))


def begin(client, repo, image, **said):
    """Claim `scan` for a second and say that it is running; once more where the machine was too slow for that."""
    def attempt():
        got = claim(client, repo, lease=1)
        return got.status == 200 and report(client, repo, image, "scan", "running", claim=got.json()["claim"], **said).status == 200 \
            and got.json()

    return wait_for(attempt, "a report within the lease")


def test_a_report_under_a_lost_lease_is_refused(registry, repo, checked):
    """Whatever it says, also when it only repeats what was said before the lease was lost."""
    held = begin(registry.scanner, repo, checked, details="at work")
    other = another(registry, repo)
    again = wait_for(lambda: (g := claim(other, repo)).status == 200 and g.json(), "the lease ends")
    assert report(other, repo, checked, "scan", "running", claim=again["claim"], details="mine now").status == 200
    before = actions(registry, repo)
    for outcome, details in (("running", "at work"), ("running", "mine now"), ("passed", None), ("failed", None)):
        got = report(registry.scanner, repo, checked, "scan", outcome, claim=held["claim"], details=details)
        assert got.status == 409, (outcome, got)
    assert actions(registry, repo) == before
    assert report(other, repo, checked, "scan", "passed", claim=again["claim"]).status == 200


def test_a_heartbeat_under_a_lost_lease_is_refused(registry, repo, checked):
    """The very same `running` again: whoever lost the lease has to hear of it."""
    held = begin(registry.scanner, repo, checked)
    again = wait_for(lambda: (g := claim(registry.scanner, repo)).status == 200 and g.json(), "the lease ends")
    assert report(registry.scanner, repo, checked, "scan", "running", claim=held["claim"]).status == 409
    assert report(registry.scanner, repo, checked, "scan", "running", claim=again["claim"]).json()["changed"] is False


def test_a_result_that_is_sent_again_is_no_loss(registry, repo, checked):
    """The answer to the first may have been lost on the way: the same result under the same claim changes nothing."""
    held = claim(registry.scanner, repo).json()
    for changed in (True, False):
        got = report(registry.scanner, repo, checked, "scan", "passed", claim=held["claim"], details={"cves": 0})
        assert got.status == 200 and got.json()["changed"] is changed
    assert report(registry.scanner, repo, checked, "scan", "failed", claim=held["claim"]).status == 409


def test_a_report_without_a_claim_needs_no_live_claim_of_another(registry, repo, checked):
    """Of that image and that check: other claims are no hindrance, one's own neither, and an ended one neither."""
    other = another(registry, repo)
    second = registry.publisher.push_image(repo, "v2")
    held = claim(other, repo, lease=1).json()
    assert held["digest"] == checked.digest
    claim(registry.signer, repo, "sign")
    assert report(registry.scanner, repo, second, "scan", "running").status == 200  # another image
    assert report(registry.signer, repo, checked, "sign", "running").status == 200  # another check
    assert report(other, repo, checked, "scan", "running").status == 200  # one's own
    wait_for(lambda: report(registry.scanner, repo, checked, "scan", "running", details="mine").status == 200, "the lease ends")
    assert hold(registry.scanner, "DELETE", held).status == 404


def test_a_claim_is_for_one_image_and_one_kind_of_work(registry, repo):
    registry.policy(repo, checks=["scan"])
    first, second = (registry.publisher.push_image(repo, t) for t in ("v1", "v2"))
    both = another(registry, repo, ("check:*", repo), ("processor", repo))
    held = claim(both, repo).json()
    assert report(both, repo, second, "scan", "passed", claim=held["claim"]).status == 409
    assert report(both, repo, first, "sign", "passed", claim=held["claim"]).status == 409
    assert both.decide(repo, first.digest, "failed", claim=held["claim"]).status == 409
    registry.policy(repo)
    decision = claim(both, repo, None).json()
    assert decision["digest"] == first.digest  # the decision is another kind of work
    assert report(both, repo, first, "scan", "passed", claim=decision["claim"]).status == 409
    assert both.decide(repo, second.digest, "failed", claim=decision["claim"]).status == 409
    assert both.decide(repo, first.digest, "released", claim=decision["claim"]).status == 200


def test_a_claim_is_handed_out_only_to_whom_the_work_is_permitted(registry, repo, checked):
    """By grants on the repository, and by its policy: 204 for everybody else."""
    for name in ("processor", "qreader", "consumer", "publisher", "maintainer", "auditor", "admin", "stranger", "signer"):
        assert claim(registry.client(name), repo).status == 204, name
    assert claim(registry.processor, repo, None).status == 204  # checks are missing: nothing to decide yet
    assert claim(registry.scanner, repo, "other").status == 204
    everywhere_else = another(registry, repo, ("checker:scan", repo + "/**"))
    assert claim(everywhere_else, "**").status == 204
    assert claim(registry.anonymous, repo).status == 401
    assert claim(registry.scanner, repo).status == 200


def test_a_claim_takes_names_and_patterns_of_repositories(registry, repo):
    registry.policy(repo + "/**", checks=["scan"])
    images = {name: registry.publisher.push_image(f"{repo}/{name}", "v1").digest for name in ("a", "b", "c/d")}
    assert claim(registry.scanner, "x", repositories=[f"{repo}/none", f"{repo}/b"]).json()["digest"] == images["b"]
    assert claim(registry.scanner, "x", repositories=[f"{repo}/none"]).status == 204
    assert claim(registry.scanner, "x", repositories=[f"{repo}/c/*"]).json()["digest"] == images["c/d"]
    assert claim(registry.scanner, "x", repositories=[f"{repo}/**"]).json()["digest"] == images["a"]
    assert claim(registry.scanner, "x", repositories=[f"{repo}/**"]).status == 204


def test_whoever_lost_the_permission_keeps_no_claim(registry, repo, checked):
    """It is neither renewed nor reported under, and ends with its lease."""
    once = another(registry, repo)
    held = claim(once, repo, lease=1).json()
    registry.take(once.name, "checker:scan")
    registry.give(once.name, "consumer", repo)
    assert hold(once, "PUT", held, {"leaseSeconds": 600}).status == 404
    assert report(once, repo, checked, "scan", "passed", claim=held["claim"]).status == 403
    again = wait_for(lambda: (g := claim(registry.scanner, repo)).status == 200 and g.json(), "the lease ends")
    assert again["digest"] == checked.digest


def test_a_lease_that_has_ended_is_not_renewed(registry, repo, checked):
    held = claim(registry.scanner, repo, lease=1).json()
    taken = time.monotonic()
    wait_for(lambda: time.monotonic() > taken + 1, "the lease is over")
    assert hold(registry.scanner, "PUT", held, {"leaseSeconds": 600}).status == 409
    assert claim(another(registry, repo), repo).json()["digest"] == checked.digest
    assert hold(registry.scanner, "PUT", held, {}).status == 404


def test_a_renewed_lease_is_not_handed_out(registry, repo, checked):
    """It outlives its first end."""
    def attempt():
        got = claim(registry.scanner, repo, lease=2)
        return got.status == 200 and hold(registry.scanner, "PUT", got.json(), {"leaseSeconds": 600}).status == 200 and got.json()

    held = wait_for(attempt, "a renewal within the lease")
    renewed = time.monotonic()
    wait_for(lambda: time.monotonic() > renewed + 2, "the first lease is over")
    assert claim(another(registry, repo), repo).status == 204
    assert report(registry.scanner, repo, checked, "scan", "passed", claim=held["claim"]).status == 200


@pytest.mark.parametrize("end", ["released", "failed", "deleted"])
def test_what_is_decided_meanwhile_is_no_work_any_more(registry, repo, end):
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    held = claim(registry.scanner, repo).json()
    if end == "deleted":
        assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
        registry.publisher.push_image(repo, "v1", image)
        assert claim(registry.scanner, repo).status == 200  # a first push again
    elif end == "failed":
        registry.processor.fail(repo, image.digest)
    else:
        registry.policy(repo)
        registry.processor.release(repo, image.digest)
    got = report(registry.scanner, repo, image, "scan", "passed", claim=held["claim"])
    assert got.status == (200 if end == "failed" else 409), got
    assert claim(registry.scanner, repo).status == 204
    assert state(registry, repo, image) == {"released": "released", "failed": "failed", "deleted": "quarantined"}[end]


def test_a_decision_that_names_no_claim_is_not_bound_by_claims(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    held = claim(registry.processor, repo, None).json()
    assert registry.processor2.decide(repo, image.digest, "released").status == 200
    assert registry.processor.decide(repo, image.digest, "released", claim=held["claim"]).status == 409
    assert registry.processor.decide(repo, image.digest, "released").json()["changed"] is False


def test_a_decision_under_a_lost_lease_is_refused(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    held = claim(registry.processor, repo, None, lease=1).json()
    again = wait_for(lambda: (g := claim(registry.processor2, repo, None)).status == 200 and g.json(), "the lease ends")
    for verdict in ("released", "failed"):
        assert registry.processor.decide(repo, image.digest, verdict, claim=held["claim"]).status == 409
    assert state(registry, repo, image) == "quarantined"
    assert registry.processor2.decide(repo, image.digest, "released", claim=again["claim"]).status == 200


def test_nobody_is_handed_what_separate_duties_keep_from_him(registry, repo):
    """He could do nothing with it, and would be handed it again and again while others wait behind it."""
    registry.policy(repo, separate_duties=True)
    both = another(registry, repo, ("processor", repo), ("check:scan", repo))
    own = both.push_image(repo, "v1")
    others = registry.publisher.push_image(repo, "v2")
    assert claim(both, repo, None).json()["digest"] == others.digest
    assert claim(both, repo, None).status == 204
    assert claim(registry.processor, repo, None).json()["digest"] == own.digest
    registry.policy(repo, separate_duties=True, checks=["scan"])
    assert claim(both, repo).json()["digest"] == others.digest
    assert claim(both, repo).status == 204
    assert claim(registry.scanner, repo).json()["digest"] == own.digest


def test_every_change_of_a_claim_is_recorded(registry, repo, checked):
    held = claim(registry.scanner, repo, lease=60).json()
    hold(registry.scanner, "PUT", held, {"leaseSeconds": 90})
    hold(registry.scanner, "DELETE", held)
    records = [r for r in registry.auditor.audit(f"repository={repo}") if r["action"].startswith("claim")]
    assert [(r["action"], r["actor"], r["digest"], r["details"]) for r in records] == [
        (action, "scanner", checked.digest, {"check": "scan", "claim": held["claim"], "leaseSeconds": lease})
        for action, lease in (("claimed", 60), ("claim-renewed", 90), ("claim-returned", 90))]
    before = actions(registry, repo)
    assert claim(registry.scanner, repo, "other").status == 204 and hold(registry.scanner, "PUT", held, {}).status == 404
    assert actions(registry, repo) == before


# -- restarts and clocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_leases_survive_a_restart(make_registry, how):
    registry = make_registry()
    registry.policy("app", checks=["scan"])
    image = registry.publisher.push_image("app", "v1")
    held = claim(registry.scanner, "app").json()
    getattr(registry.daemon, how)()
    registry.daemon.start()
    scanner = registry.client("scanner")
    assert claim(scanner, "app").status == 204
    assert hold(scanner, "PUT", held, {"leaseSeconds": 700}).status == 200
    assert report(scanner, "app", image, "scan", "passed", claim=held["claim"]).json()["state"] == "released"


def test_a_lease_ends_while_the_daemon_is_down(make_registry):
    """By elapsed time, whoever measures it."""
    registry = make_registry()
    registry.policy("app", checks=["scan"])
    image = registry.publisher.push_image("app", "v1")
    held = claim(registry.scanner, "app", lease=2).json()
    taken = time.monotonic()
    registry.daemon.kill()
    wait_for(lambda: time.monotonic() > taken + 2, "the lease is over")
    registry.daemon.start()
    scanner = registry.client("scanner")
    assert report(scanner, "app", image, "scan", "passed", claim=held["claim"]).status == 409
    assert claim(scanner, "app").json()["digest"] == image.digest


def change_claims(registry, sql):
    """While the daemon is down."""
    registry.daemon.stop()
    with sqlite3.connect(next(registry.daemon.data.rglob("*.db"))) as db:
        assert db.execute(sql).rowcount == 1
    db.close()
    registry.daemon.start()


@pytest.mark.parametrize("step", [-10 * 365 * 86400 * 1000, 10 * 365 * 86400 * 1000])
def test_a_step_of_the_clock_ends_no_lease_and_keeps_none(make_registry, step):
    """What the clock on the wall says of a lease is for people: a lease of an hour lives on when that is long past, and one of a
    moment ends when it is far off."""
    registry = make_registry()
    registry.policy("app", checks=["scan"])
    image = registry.publisher.push_image("app", "v1")
    held = claim(registry.scanner, "app", lease=3600).json()
    change_claims(registry, f"UPDATE claim SET expires_ms = expires_ms + {step}")
    scanner = registry.client("scanner")
    assert claim(scanner, "app").status == 204
    assert report(scanner, "app", image, "scan", "running", claim=held["claim"]).status == 200
    assert hold(scanner, "PUT", held, {"leaseSeconds": 1}).status == 200
    change_claims(registry, f"UPDATE claim SET expires_ms = expires_ms + {step}")
    scanner = registry.client("scanner")
    wait_for(lambda: claim(scanner, "app").status == 200, "the lease of a moment ends")
    assert report(scanner, "app", image, "scan", "running", claim=held["claim"]).status == 409


def test_after_a_reboot_a_lease_begins_anew(make_registry):
    """How long the machine was down nobody can say: the lease is never shorter for it, and ends all the same."""
    registry = make_registry()
    registry.policy("app", checks=["scan"])
    image = registry.publisher.push_image("app", "v1")
    held = claim(registry.scanner, "app", lease=3600).json()
    change_claims(registry, "UPDATE claim SET boot_id = 'another boot', expires_mono_ms = 0")
    scanner = registry.client("scanner")
    assert claim(scanner, "app").status == 204
    assert report(scanner, "app", image, "scan", "running", claim=held["claim"]).status == 200
    assert hold(scanner, "PUT", held, {"leaseSeconds": 1}).status == 200
    change_claims(registry, "UPDATE claim SET boot_id = 'another boot', expires_mono_ms = 9000000000000")
    scanner = registry.client("scanner")
    wait_for(lambda: claim(scanner, "app").status == 200, "the lease that began anew ends")


# -- many at once -----------------------------------------------------------------------------------------


class Work:
    """What workers say about what they were handed: no two at a time, nothing left."""

    def __init__(self, images, crashes):
        self.images = {i.digest: i for i in images}
        self.crashes = crashes
        self.lock = threading.Lock()
        self.live = {}      # (digest, check) -> (when its claim was asked for, seconds of lease)
        self.done = []
        self.wrong = []

    def taken(self, key, asked, lease):
        with self.lock:
            now = time.monotonic()
            before = self.live.get(key)
            if before and now < before[0] + before[1]:
                self.wrong.append((key, "handed out while somebody holds it", now - before[0]))
            if key in self.done:
                self.wrong.append((key, "handed out after it was done"))
            self.live[key] = (asked, lease)

    def finished(self, key):
        with self.lock:
            self.done.append(key)

    def is_over(self, check):
        with self.lock:
            return len([k for k in self.done if k[1] == check]) == len(self.images)


def work_on(registry, repo, who, check, work):
    """Claim until everything is done; where it crashes, every third claim is left alone, under a lease of a second."""
    client = registry.client(who)
    claimed = 0
    while not work.is_over(check):
        crash = work.crashes and claimed % 3 == 1
        lease = 1 if crash else 600
        asked = time.monotonic()
        got = claim(client, repo, check, lease=lease)
        if got.status == 204:
            time.sleep(0.05)
            continue
        claimed += 1
        held = got.json()
        work.taken((held["digest"], check), asked, lease)
        if not crash:
            work.finished((held["digest"], check))  # before the answer can let anybody else in
            done = report(client, repo, work.images[held["digest"]], check, "passed", claim=held["claim"])
            assert done.status == 200, done


@pytest.mark.parametrize("crashes", [False, True])
def test_many_processors_do_no_work_twice_at_a_time_and_forget_none(registry, repo, crashes):
    """Six of them for two checks.  With crashes: a lease that nobody reports under is handed out again when it has ended, never before."""
    registry.policy(repo, checks=["scan", "sign"])
    images = [registry.publisher.push_image(repo, f"v{i}") for i in range(10)]
    work = Work(images, crashes)
    with concurrent.futures.ThreadPoolExecutor(max_workers=6) as pool:
        workers = [pool.submit(work_on, registry, repo, who, check, work)
                   for who, check in (("scanner", "scan"), ("signer", "sign")) for _ in range(3)]
        for worker in workers:
            worker.result(timeout=240)
    assert not work.wrong, work.wrong
    assert sorted(work.done) == sorted((i.digest, c) for i in images for c in ("scan", "sign"))
    for image in images:
        assert is_readable(registry, repo, image)
    claimed = [(r["digest"], r["details"]["check"]) for r in registry.auditor.audit(f"repository={repo}&action=claimed")]
    assert set(claimed) == set(work.done) and (crashes or len(claimed) == len(set(claimed)))


def test_what_nobody_reports_on_stays_in_quarantine(registry, repo, checked):
    """A processor that dies in the middle leaves it where it was, and it is handed out again."""
    for lease in range(3):
        held = wait_for(lambda: (g := claim(registry.scanner, repo, lease=1)).status == 200 and g.json(), "the lease ends")
        assert held["digest"] == checked.digest
        if lease:
            report(registry.scanner, repo, checked, "scan", "running", claim=held["claim"], details=lease)
        assert state(registry, repo, checked) == "quarantined" and not is_readable(registry, repo, checked)


def test_a_claim_without_a_check_is_for_the_decision(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert claim(registry.scanner, repo, None).status == 204
    held = claim(registry.processor, repo, None).json()
    assert held["digest"] == image.digest and held["check"] is None
    assert claim(registry.processor2, repo, None).status == 204
    assert registry.processor2.decide(repo, image.digest, "released", claim=held["claim"]).status == 409
    assert registry.processor.decide(repo, image.digest, "failed", claim=held["claim"]).status == 200
    # The lease ended with the decision that named it; one that names none is not bound by claims.
    assert registry.processor.decide(repo, image.digest, "released", claim=held["claim"]).status == 409
    assert registry.processor2.decide(repo, image.digest, "released").status == 200


def test_untagged_manifests_are_handed_out_after_a_settling_time(make_registry):
    registry = make_registry(config={"quarantine": {"settle_time": "1h"}})
    index = Index([Image(), Image()]).push(registry.publisher, "app")
    assert claim(registry.processor, "**", None).status == 204
    registry.publisher.put_manifest("app", "v1", index.manifest, index.media_type)
    assert claim(registry.processor, "**", None).json()["digest"] == index.digest
    assert claim(registry.processor, "**", None).status == 204


@pytest.mark.parametrize("body", [{"check": "scan", "x": 1}, {"check": ""}, {"check": "A"}, {"leaseSeconds": 0},
                                  {"leaseSeconds": 86401}, {"leaseSeconds": "60"}, {"repositories": "a"},
                                  {"repositories": ["A"]}, {"repositories": [1]}])
def test_a_claim_with_a_bad_body_is_refused(registry, body):
    assert registry.scanner.request("POST", CLAIMS, body=body).status == 400


@pytest.mark.parametrize("damage", ["policy", "row"])
def test_what_is_damaged_keeps_nobody_from_other_work(make_registry, damage):
    registry = make_registry()
    registry.policy("**", checks=["scan"])
    registry.policy("bad/*", checks=["scan"])
    bad = registry.publisher.push_image("bad/app", "v1")
    good = registry.publisher.push_image("good/app", "v1")
    registry.daemon.stop()
    with sqlite3.connect(registry.daemon.data / "catalog.db") as db:
        if damage == "policy":
            db.execute("UPDATE policy SET rules = '{' WHERE pattern = 'bad/*'")
        else:
            db.execute("UPDATE manifest SET failed_by = 'check' WHERE digest = ?", (bad.digest,))
    registry.daemon.start()
    scanner = registry.client("scanner")
    listed = scanner.get("/v2/_roadstead/quarantine?repository=good/*")
    assert [i["digest"] for i in listed.json()["images"]] == [good.digest], listed
    got = scanner.request("POST", CLAIMS, body={"check": "scan"})
    assert (got.status, got.json()["digest"]) == (200, good.digest), got
    assert scanner.request("POST", CLAIMS, body={"check": "scan"}).status == 500, "nobody is told that there is no work"
    assert report(scanner, "good/app", good, "scan", "passed", claim=got.json()["claim"]).json()["state"] == "released"
    assert report(scanner, "bad/app", bad, "scan", "passed").status == 500
    assert registry.client("consumer").get_manifest("bad/app", bad.digest).status >= 400
    assert "bad/app" in registry.daemon.tail() and "cannot be handed out" in registry.daemon.tail()
