"""Webhooks: signed, at least once with a stable id, in order per digest, past failures, crashes and hostile endpoints."""

import concurrent.futures
import http.client
import socket
import threading
import time

import pytest

from client import Image
from daemon import wait_for
from receiver import Receiver

HOOKS = "/v2/_roadstead/webhooks"
LOCAL = {"webhooks": {"allow_http": True, "private_networks": ["127.0.0.0/8"]}}


@pytest.fixture
def receiver():
    """receiver(manners): a new receiver; all are closed at the end."""
    made = []

    def make(*args):
        made.append(Receiver(*args))
        return made[-1]

    yield make
    for r in made:
        r.close()


@pytest.fixture
def local(make_registry):
    """A registry whose webhooks may go to loopback addresses."""
    return make_registry(config=LOCAL)


def create(admin, name, url, **more):
    """Create a webhook; returns its secret."""
    made = admin.request("POST", HOOKS, body={"name": name, "url": url, **more})
    assert made.status == 201, made
    assert made.headers["Cache-Control"] == "no-store"
    return made.json()["secret"]


def show(admin, name):
    got = admin.get(f"{HOOKS}/{name}")
    assert got.status == 200, got
    return got.json()


def deliveries(admin, name, query=""):
    got = admin.get(f"{HOOKS}/{name}/deliveries{query}")
    assert got.status == 200, got
    return got.json()["deliveries"]


def idle(admin, name, newest):
    """Has the webhook got everything up to an event?"""
    state = show(admin, name)
    return state["waiting"] == 0 and state["cursor"] >= newest


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def test_a_delivery_is_the_event_and_is_signed(local, receiver):
    got = receiver()
    secret = create(local.admin, "ci", got.url + "?a=b", events=["quarantine"])
    image = local.publisher.push_image("team/app", "v1")
    wait_for(got.taken, "a delivery")
    delivery = got.taken()[0]
    event = local.processor.events()[0]
    assert delivery.path == "/hook?a=b"
    assert delivery.headers["Content-Type"].startswith("application/cloudevents+json")
    assert delivery.id == event["id"] and delivery.signed_by(secret)
    assert not delivery.signed_by("whsec_" + "A" * 44)
    assert abs(time.time() - int(delivery.headers["webhook-timestamp"])) < 600
    cloud = delivery.json()
    assert cloud["specversion"] == "1.0" and cloud["id"] == event["id"] and cloud["type"] == "roadstead.quarantine"
    assert cloud["subject"] == "team/app:v1" and cloud["source"].endswith("/v2/team/app")
    assert cloud["data"] == event
    assert event["digest"] == image.digest and event["publisher"] == "publisher"
    # The secret was told once and is nowhere else.
    assert secret not in local.admin.get(HOOKS).body.decode() + str(show(local.admin, "ci"))
    assert secret not in local.daemon.log.read_text()
    assert secret not in str(local.auditor.audit())


def test_an_endpoint_that_fails_at_first_gets_the_same_id_again(local, receiver):
    got = receiver(lambda delivery, n: 500 if n < 2 else 200)
    secret = create(local.admin, "ci", got.url)
    local.publisher.push_image("team/app", "v1")
    event = local.processor.events()[0]
    wait_for(lambda: idle(local.admin, "ci", event["sequence"]), "the delivery")
    assert got.ids() == [event["id"]] * 3
    assert all(d.signed_by(secret) for d in got.taken())
    assert len({d.body for d in got.taken()}) == 1
    assert [e["id"] for e in local.processor.events()] == [event["id"]]  # once in the feed


def test_kill_between_delivery_and_note(make_registry, receiver):
    """At least once through kill -9: the endpoint has taken the event and the daemon dies before it knows."""
    release = threading.Event()

    def manners(delivery, n):
        if n == 0:
            release.wait(60)  # killed meanwhile
            return "reset"
        return 200

    registry = make_registry(config=LOCAL)
    got = receiver(manners)
    create(registry.admin, "ci", got.url)
    registry.publisher.push_image("team/app", "v1")
    wait_for(got.taken, "the first delivery")
    registry.daemon.kill()
    release.set()
    registry.daemon.start()
    admin = registry.daemon.admin()
    processor = registry.client("processor")
    events = processor.events()
    assert len(events) == 1
    wait_for(lambda: idle(admin, "ci", events[0]["sequence"]), "the delivery after the crash")
    assert set(got.ids()) == {events[0]["id"]} and len(got.ids()) >= 2


def test_kills_while_pushing_lose_nothing(make_registry, receiver):
    """Every event of an acknowledged push reaches the endpoint, whenever the daemon is killed; none is invented."""
    registry = make_registry(config=LOCAL)
    got = receiver(lambda delivery, n: 503 if n % 3 == 0 else 200)
    create(registry.admin, "ci", got.url)
    acknowledged = set()
    for round_ in range(3):
        publisher = registry.client("publisher")
        stop = threading.Event()

        def push(publisher=publisher, round_=round_, stop=stop):
            i = 0
            while not stop.is_set():
                image = Image()
                try:
                    publisher.push_image("team/app", f"r{round_}-{i}", image)
                except (OSError, http.client.HTTPException):
                    return  # the daemon died under it: not acknowledged
                acknowledged.add(image.digest)
                i += 1

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pushing = pool.submit(push)
            seen = len(got.taken())
            wait_for(lambda seen=seen: len(got.taken()) >= seen + 6, "some deliveries")
            registry.daemon.kill()
            stop.set()
            pushing.result()
        registry.daemon.start()
    admin = registry.daemon.admin()
    events = registry.client("processor").events()
    assert acknowledged <= {e["digest"] for e in events}
    assert len({e["id"] for e in events}) == len(events)
    wait_for(lambda: idle(admin, "ci", events[-1]["sequence"]), "all deliveries")
    assert set(got.ids()) == {e["id"] for e in events}


def test_nothing_again_after_a_clean_restart(local, receiver):
    got = receiver()
    create(local.admin, "ci", got.url)
    for i in range(5):
        local.publisher.push_image("team/app", f"v{i}")
    events = local.processor.events()
    wait_for(lambda: idle(local.admin, "ci", events[-1]["sequence"]), "all deliveries")
    local.daemon.restart()
    registry_admin = local.daemon.admin()
    local.client("publisher").push_image("team/app", "later")
    later = local.client("processor").events()[-1]
    wait_for(lambda: idle(registry_admin, "ci", later["sequence"]), "the delivery after the restart")
    assert got.ids() == [e["id"] for e in events] + [later["id"]]


def test_an_endpoint_that_hangs_delays_nobody_else(local, receiver):
    slow = receiver(lambda delivery, n: "hang")
    fast = receiver()
    create(local.admin, "slow", slow.url)
    create(local.admin, "fast", fast.url)
    for i in range(20):
        local.publisher.push_image("team/app", f"v{i}")
    events = local.processor.events()
    wait_for(lambda: len(fast.taken()) == 20, "all deliveries to the one that answers")
    assert fast.ids() == [e["id"] for e in events]
    wait_for(slow.taken, "a delivery to the one that hangs")
    assert show(local.admin, "slow")["cursor"] < events[-1]["sequence"]  # what it has not taken stays in the catalog
    # Asking a hanging endpoint does not keep the daemon from stopping (the fixture's stop requires it).


def test_a_reset_after_processing_is_sent_again(local, receiver):
    got = receiver(lambda delivery, n: "reset" if n == 0 else 200)
    create(local.admin, "ci", got.url)
    local.publisher.push_image("team/app", "v1")
    event = local.processor.events()[0]
    wait_for(lambda: idle(local.admin, "ci", event["sequence"]), "the delivery")
    assert got.ids() == [event["id"]] * 2


def test_redirects_are_not_followed(local, receiver):
    inner = receiver()
    outer = receiver(lambda delivery, n: ("redirect", inner.url))
    create(local.admin, "ci", outer.url)
    local.publisher.push_image("team/app", "v1")
    found = wait_for(lambda: [d for d in deliveries(local.admin, "ci") if d["attempts"] >= 1], "a failed attempt")
    assert "301" in found[0]["lastError"] and "redirect" in found[0]["lastError"]
    assert inner.taken() == []


def test_redirects_are_followed_where_the_operator_says_so(make_registry, receiver):
    registry = make_registry(config={"webhooks": {**LOCAL["webhooks"], "follow_redirects": True}})
    inner = receiver()
    outer = receiver(lambda delivery, n: ("redirect", inner.url))
    secret = create(registry.admin, "ci", outer.url)
    registry.publisher.push_image("team/app", "v1")
    wait_for(inner.taken, "the delivery behind the redirect")
    assert inner.taken()[0].signed_by(secret)


def test_an_endless_answer_is_cut(local, receiver):
    got = receiver(lambda delivery, n: "huge")
    create(local.admin, "ci", got.url)
    local.publisher.push_image("team/app", "v0")
    wait_for(lambda: idle(local.admin, "ci", 1), "the first delivery")
    before = resident_kib(local.daemon.proc.pid)
    for i in range(1, 6):
        local.publisher.push_image("team/app", f"v{i}")
    newest = local.processor.events()[-1]["sequence"]
    wait_for(lambda: idle(local.admin, "ci", newest), "all deliveries")
    assert len(got.taken()) == 6  # it said 200 before its body: that is a yes
    assert resident_kib(local.daemon.proc.pid) - before < 32 * 1024


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_private_addresses_are_refused_by_default(make_registry, receiver, host):
    registry = make_registry(config={"webhooks": {"allow_http": True}})
    got = receiver()
    create(registry.admin, "ci", f"http://{host}:{got.port}/hook")
    registry.publisher.push_image("team/app", "v1")
    found = wait_for(lambda: [d for d in deliveries(registry.admin, "ci") if d["attempts"] >= 1], "a refused attempt")
    assert "address" in found[0]["lastError"] or "resolve" in found[0]["lastError"], found
    ping = registry.admin.request("POST", f"{HOOKS}/ci/ping")
    assert ping.status == 200 and ping.json()["delivered"] is False
    assert got.taken() == []


def test_plain_http_is_refused_by_default(make_registry, receiver):
    registry = make_registry()
    refused = registry.admin.request("POST", HOOKS, body={"name": "ci", "url": receiver().url})
    assert refused.status == 400 and "allow_http" in refused.message


def test_in_order_per_digest_and_the_others_go_on(local, receiver):
    """While the first event of one digest fails, its later ones wait; those of other digests do not."""
    stuck = Image()
    open_ = threading.Event()

    def manners(delivery, n):
        return 500 if delivery.json()["data"]["digest"] == stuck.digest and not open_.is_set() else 200

    got = receiver(manners)
    create(local.admin, "ci", got.url)
    local.publisher.push_image("team/app", "v0", stuck)
    for i in range(1, 4):
        assert local.publisher.put_manifest("team/app", f"v{i}", stuck.manifest).status == 201
        local.publisher.push_image("team/app", f"other{i}")
    events = local.processor.events()
    mine = [e["id"] for e in events if e["digest"] == stuck.digest]
    others = [e["id"] for e in events if e["digest"] != stuck.digest]
    assert len(mine) == 4 and len(others) == 3
    wait_for(lambda: set(others) <= set(got.ids()), "the other digests' deliveries")
    assert set(got.ids()) & set(mine) <= {mine[0]}
    open_.set()
    wait_for(lambda: idle(local.admin, "ci", events[-1]["sequence"]), "all deliveries")
    firsts = list(dict.fromkeys(i for i in got.ids() if i in mine))
    assert firsts == mine
    assert got.ids().count(mine[1]) == got.ids().count(mine[2]) == got.ids().count(mine[3]) == 1


def test_a_dead_letter_is_listed_and_redelivered(make_registry, receiver):
    registry = make_registry(config={"webhooks": {**LOCAL["webhooks"], "give_up_after": "1s"}})
    mended = threading.Event()
    got = receiver(lambda delivery, n: 200 if mended.is_set() else 410)
    create(registry.admin, "ci", got.url)
    registry.publisher.push_image("team/app", "v1")
    event = registry.processor.events()[0]
    dead = wait_for(lambda: deliveries(registry.admin, "ci", "?state=dead"), "a dead letter")
    assert [d["sequence"] for d in dead] == [event["sequence"]]
    assert dead[0]["id"] == event["id"] and dead[0]["attempts"] >= 5 and "410" in dead[0]["lastError"]
    assert dead[0]["type"] == "quarantine" and dead[0]["repository"] == "team/app" and dead[0]["tag"] == "v1"
    assert show(registry.admin, "ci")["dead"] == 1
    assert deliveries(registry.admin, "ci", "?state=waiting") == []
    # Later events of the digest go on.
    mended.set()
    none = registry.admin.request("POST", f"{HOOKS}/ci/redeliver", body={"sequence": event["sequence"] + 1})
    assert none.status == 404, none
    again = registry.admin.request("POST", f"{HOOKS}/ci/redeliver", body={"sequence": event["sequence"]})
    assert again.status == 200 and again.json() == {"redelivered": 1}
    wait_for(lambda: deliveries(registry.admin, "ci") == [], "the redelivery")
    assert set(got.ids()) == {event["id"]}
    assert registry.admin.request("POST", f"{HOOKS}/ci/redeliver").json() == {"redelivered": 0}
    actions = [r["action"] for r in registry.auditor.audit() if r["action"].startswith("webhook")]
    assert actions == ["webhook-created", "webhook-redelivered"]


def test_types_and_repositories_choose(local, receiver):
    pushes, deletes, mine = receiver(), receiver(), receiver()
    create(local.admin, "pushes", pushes.url, events=["push"])
    create(local.admin, "deletes", deletes.url, events=["delete"])
    create(local.admin, "mine", mine.url, repositories=["mine/*"])
    local.publisher.push_image("team/app", "v1")
    image = local.publisher.push_image("mine/app", "v1")
    assert local.maintainer.request("DELETE", f"/v2/mine/app/manifests/{image.digest}").status == 202
    newest = local.processor.events()[-1]["sequence"]
    for name in ("deletes", "mine"):
        wait_for(lambda name=name: idle(local.admin, name, newest), f"{name} is served")
    assert [d.json()["type"] for d in deletes.taken()] == ["roadstead.delete"]
    assert [d.json()["type"] for d in mine.taken()] == ["roadstead.quarantine", "roadstead.delete"]
    assert pushes.taken() == []  # everything is held


def test_the_azure_format(local, receiver):
    got = receiver()
    create(local.admin, "ci", got.url, format="acr")
    image = local.publisher.push_image("team/app", "v1")
    local.maintainer.request("DELETE", f"/v2/team/app/manifests/{image.digest}")
    wait_for(lambda: len(got.taken()) == 2, "two deliveries")
    pushed, deleted = [d.json() for d in got.taken()]
    assert got.taken()[0].headers["Content-Type"] == "application/json"
    assert pushed["action"] == "quarantine" and deleted["action"] == "delete"
    target = pushed["target"]
    assert target["repository"] == "team/app" and target["tag"] == "v1" and target["digest"] == image.digest
    assert target["size"] == target["length"] == len(image.manifest) and target["mediaType"] == image.media_type
    assert pushed["request"]["method"] == "PUT" and deleted["request"]["method"] == "DELETE"
    assert pushed["id"] == got.taken()[0].id and pushed["timestamp"].endswith("Z")


def test_the_notifications_envelope(local, receiver):
    got = receiver()
    create(local.admin, "ci", got.url, format="docker")
    image = local.publisher.push_image("team/app", "v1")
    local.maintainer.request("DELETE", f"/v2/team/app/manifests/{image.digest}")
    wait_for(got.taken, "a delivery")
    delivery = got.taken()[0]
    assert delivery.headers["Content-Type"] == "application/vnd.docker.distribution.events.v1+json"
    (event,) = delivery.json()["events"]
    assert event["action"] == "delete" and event["target"]["digest"] == image.digest
    assert event["target"]["repository"] == "team/app" and event["actor"]["name"] == "maintainer"
    # The format has no word for a quarantine, so that event was passed over.
    assert show(local.admin, "ci")["events"] == ["push", "delete"] and len(got.taken()) == 1


def test_details_go_only_where_the_admin_says_so(local, receiver):
    """A delayed push: after the release only, once, naming its quarantine event; the decision's details to webhooks marked for them."""
    plain, full = receiver(), receiver()
    create(local.admin, "plain", plain.url, events=["push", "quarantine_failed"])
    create(local.admin, "full", full.url, events=["push", "quarantine_failed"], details=True)
    good = local.publisher.push_image("team/app", "v1")
    bad = local.publisher.push_image("team/app", "v2")
    held = {e["digest"]: e for e in local.processor.events()}
    assert plain.taken() == []
    local.processor.release("team/app", good.digest, {"finding": "none"})
    local.processor.fail("team/app", bad.digest, {"finding": "critical"})
    newest = local.processor.events()[-1]["sequence"]
    for name in ("plain", "full"):
        wait_for(lambda name=name: idle(local.admin, name, newest), f"{name} is served")
    for got in (plain, full):
        pushed, failed = [d.json()["data"] for d in got.taken()]
        assert pushed["type"] == "push" and pushed["quarantineEvent"] == held[good.digest]["id"]
        assert pushed["actor"] == "processor" and pushed["publisher"] == "publisher" and pushed["decision"]["state"] == "released"
        assert failed["type"] == "quarantine_failed" and failed["decision"]["state"] == "failed"
    assert all("finding" not in d.body.decode() for d in plain.taken())
    assert [d.json()["data"]["decision"]["details"]["finding"] for d in full.taken()] == ["none", "critical"]


def test_rotation_signs_with_both_secrets(local, receiver):
    got = receiver()
    old = create(local.admin, "ci", got.url)
    turned = local.admin.request("POST", f"{HOOKS}/ci/secret", body={"keepPrevious": True})
    assert turned.status == 200, turned
    new = turned.json()["secret"]
    assert new != old
    local.publisher.push_image("team/app", "v1")
    wait_for(got.taken, "a delivery")
    first = got.taken()[0]
    assert first.signed_by(old) and first.signed_by(new) and len(first.headers["webhook-signature"].split(" ")) == 2
    newest = local.admin.request("POST", f"{HOOKS}/ci/secret", body={"keepPrevious": False}).json()["secret"]
    local.publisher.push_image("team/app", "v2")
    wait_for(lambda: len(got.taken()) == 2, "another delivery")
    second = got.taken()[1]
    assert second.signed_by(newest) and not second.signed_by(old) and not second.signed_by(new)


def test_ping(local, receiver):
    got = receiver(lambda delivery, n: 200 if n == 0 else 418)
    secret = create(local.admin, "ci", got.url)
    sent = local.admin.request("POST", f"{HOOKS}/ci/ping")
    assert sent.status == 200 and sent.json()["delivered"] is True and sent.json()["status"] == 200
    assert got.taken()[0].json()["type"] == "roadstead.ping" and got.taken()[0].signed_by(secret)
    sent = local.admin.request("POST", f"{HOOKS}/ci/ping").json()
    assert sent["delivered"] is False and sent["status"] == 418 and "418" in sent["error"]
    assert local.admin.request("POST", f"{HOOKS}/none/ping").status == 404
    assert local.processor.events() == []  # a ping is no event


def test_a_disabled_webhook_keeps_its_place(local, receiver):
    got = receiver()
    create(local.admin, "ci", got.url, enabled=False)
    local.publisher.push_image("team/app", "v1")
    local.publisher.push_image("team/app", "v2")
    events = local.processor.events()
    assert show(local.admin, "ci")["enabled"] is False and got.taken() == []
    changed = local.admin.request("PATCH", f"{HOOKS}/ci", body={"enabled": True})
    assert changed.status == 200 and changed.json()["enabled"] is True
    wait_for(lambda: idle(local.admin, "ci", events[-1]["sequence"]), "what it missed")
    assert got.ids() == [e["id"] for e in events]
    # A new URL is used for the next event.
    other = receiver()
    local.admin.request("PATCH", f"{HOOKS}/ci", body={"url": other.url})
    local.publisher.push_image("team/app", "v3")
    wait_for(other.taken, "a delivery to the new URL")
    assert len(got.taken()) == 2
    assert local.admin.request("DELETE", f"{HOOKS}/ci").status == 204
    assert local.admin.get(f"{HOOKS}/ci").status == 404
    local.publisher.push_image("team/app", "v4")
    create(local.admin, "witness", got.url)
    local.publisher.push_image("team/app", "v5")
    wait_for(lambda: len(got.taken()) == 3, "the witness's delivery")
    assert len(other.taken()) == 1


def test_only_admins_manage_webhooks(registry):
    for who in ("publisher", "processor", "auditor", "maintainer", "stranger"):
        client = getattr(registry, who)
        assert client.get(HOOKS).status == 403, who
        assert client.request("POST", HOOKS, body={"name": "x", "url": "https://x.example/"}).status == 403, who
        assert client.request("DELETE", f"{HOOKS}/x").status == 403, who
    assert registry.anonymous.get(HOOKS).status == 401


def test_bad_requests(registry):
    admin = registry.admin
    for body in ({}, {"name": "x"}, {"name": "x", "url": "https://u:p@x.example/"}, {"name": "X", "url": "https://x.example/"},
                 {"name": "x", "url": "https://x.example/", "secret": "whsec_mine"}, [], "x"):
        refused = admin.request("POST", HOOKS, body=body if not isinstance(body, str) else body.encode(), content_type="application/json")
        assert refused.status == 400, (body, refused)
    assert admin.request("PATCH", f"{HOOKS}/none", body={"enabled": False}).status == 404
    assert admin.get(f"{HOOKS}/none/deliveries").status == 404
    assert admin.get(HOOKS).status == 200


def test_a_closed_port_waits_and_then_works(local):
    """Nothing listens at first: attempts fail fast, and everything arrives once somebody does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    create(local.admin, "ci", f"http://127.0.0.1:{port}/hook")
    for i in range(8):
        local.publisher.push_image("team/app", f"v{i}")
    events = local.processor.events()
    wait_for(lambda: deliveries(local.admin, "ci"), "a failed attempt")
    got = Receiver(port=port)
    try:
        wait_for(lambda: idle(local.admin, "ci", events[-1]["sequence"]), "all deliveries", 120)
        assert set(got.ids()) == {e["id"] for e in events} and len(got.ids()) == 8
    finally:
        got.close()
