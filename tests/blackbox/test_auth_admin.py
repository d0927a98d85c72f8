"""Users, robots and grants: the rules, the records, and who may change them (T36, S13, S14)."""

import json
import stat
import time

import pytest

from client import Client
from daemon import wait_for
from tokens import token

ADMIN = "/v2/_roadstead/admin"


def post(client, what, body):
    return client.request("POST", f"{ADMIN}/{what}", body=body)


def give(registry, principal, what, pattern="**"):
    return post(registry.admin, "grants", {"principal": principal, "role": what, "pattern": pattern})


def name_for(request):
    return "adm-" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower()).strip("-")[:100].strip("-")


# -- the first start ----------------------------------------------------------------------------------


def test_the_first_start_makes_a_secret_of_its_own(make_daemon):
    daemon = make_daemon("one")
    path = daemon.data / "admin-credentials"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    name, password = daemon.admin_auth()
    assert name == "admin" and len(password) >= 20
    assert make_daemon("two").admin_auth()[1] != password
    for guess in ("", "admin", "password", "roadstead", "changeme", "Harbor12345"):
        assert Client(daemon.url, ("admin", guess)).get("/v2/").status in (401, 429)
    users = daemon.admin().get(f"{ADMIN}/users").json()["users"]
    assert [u["name"] for u in users] == ["admin"]
    assert daemon.admin().get(f"{ADMIN}/robots").json() == {"robots": []}
    # A restart makes nothing new, and needs no file.
    path.unlink()
    daemon.restart()
    assert not path.exists()
    assert Client(daemon.url, (name, password)).get(f"{ADMIN}/users").status == 200


def test_what_the_configuration_names_is_there_from_the_start(make_daemon):
    config = {"initial": {
        "users": [{"name": "alice", "password": "alices password"}, {"name": "bob"}],
        "robots": [{"name": "ci"}],
        "grants": [{"principal": "alice", "role": "publisher", "pattern": "team/**"},
                   {"principal": "ci", "role": "processor", "pattern": "**"},
                   {"principal": "anonymous", "role": "consumer", "pattern": "public/**"}],
    }}
    daemon = make_daemon(config=config)
    path = daemon.data / "initial-credentials"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made = dict(line.split(":", 1) for line in path.read_text().splitlines())
    assert set(made) == {"bob", "ci"}
    for auth in (("alice", "alices password"), ("bob", made["bob"]), ("ci", made["ci"])):
        assert Client(daemon.url, auth).get("/v2/_roadstead/whoami").json()["name"] == auth[0]
    grants = daemon.admin().get(f"{ADMIN}/grants").json()["grants"]
    assert [(g["principal"], g["role"], g["pattern"]) for g in grants] == [
        ("admin", "admin", "**"), ("alice", "publisher", "team/**"), ("ci", "processor", "**"),
        ("anonymous", "consumer", "public/**")]
    # Only once: what was removed stays removed.
    admin = daemon.admin()
    assert admin.request("DELETE", f"{ADMIN}/users/alice").status == 204
    daemon.restart()
    assert daemon.admin().get(f"{ADMIN}/users/alice").status == 404


def test_the_configuration_may_name_the_admin_himself(make_daemon):
    daemon = make_daemon(config={"initial": {"users": [{"name": "admin", "password": "chosen by the operator"}]}})
    assert not (daemon.data / "admin-credentials").exists() and not (daemon.data / "initial-credentials").exists()
    assert Client(daemon.url, ("admin", "chosen by the operator")).get(f"{ADMIN}/users").status == 200


@pytest.mark.parametrize("initial,message", [
    ({"users": [{"name": "alice", "password": "short"}]}, "password"),
    ({"users": [{"name": "Alice", "password": "long enough"}]}, "name"),
    ({"users": [{"name": "alice", "admin": True}]}, "admin"),
    ({"users": [{"name": "alice"}, {"name": "alice"}]}, "already"),
    ({"grants": [{"principal": "alice", "role": "publisher", "pattern": "**"}]}, "user"),
    ({"grants": [{"principal": "admin", "role": "processor", "pattern": "**"}]}, "two accounts"),
    ({"grants": [{"principal": "anonymous", "role": "publisher", "pattern": "**"}]}, "anonymous"),
])
def test_a_wrong_configuration_creates_nothing(make_daemon, initial, message):
    daemon = make_daemon(config={"initial": initial}, start=False)
    daemon.spawn()
    code = wait_for(lambda: daemon.proc.poll() is not None and (daemon.proc.returncode,), "the daemon refuses to start")[0]
    daemon.proc = None
    assert code not in (0, None)
    assert message in daemon.tail(), daemon.tail()
    daemon.check_log()
    # Corrected, it is a first start again.
    daemon.config.write_text("{}")
    daemon.start()
    assert daemon.admin().get(f"{ADMIN}/users").status == 200


# -- users and robots ---------------------------------------------------------------------------------


def test_a_users_life(registry, request):
    name = name_for(request)
    made = post(registry.admin, "users", {"name": name, "password": "a first password"})
    assert made.status == 201 and made.json() == {"name": name}
    assert made.headers["Location"] == f"{ADMIN}/users/{name}" and made.headers["Cache-Control"] == "no-store"
    shown = registry.admin.get(made.headers["Location"])
    assert shown.status == 200
    assert {k: shown.json()[k] for k in ("name", "disabled", "grants")} == {"name": name, "disabled": False, "grants": []}
    assert "password" not in shown.body.decode() and "$" not in shown.body.decode()
    assert give(registry, name, "publisher", "a/**").status == 201
    assert [(g["role"], g["pattern"]) for g in registry.admin.get(f"{ADMIN}/users/{name}").json()["grants"]] == [("publisher", "a/**")]
    assert post(registry.admin, "users", {"name": name, "password": "another password"}).status == 409
    assert post(registry.admin, "robots", {"name": name}).status == 409  # one name, one principal
    assert registry.admin.get(f"{ADMIN}/robots/{name}").status == 404
    assert registry.admin.request("DELETE", f"{ADMIN}/robots/{name}").status == 404
    assert registry.admin.request("DELETE", f"{ADMIN}/users/{name}").status == 204
    assert registry.admin.request("DELETE", f"{ADMIN}/users/{name}").status == 404
    assert registry.admin.request("PATCH", f"{ADMIN}/users/{name}", body={"disabled": True}).status == 404
    records = registry.auditor.audit(f"actor=admin")
    mine = [(r["action"], r["details"]) for r in records if isinstance(r["details"], dict) and name in json.dumps(r["details"])]
    assert [action for action, _ in mine] == ["user-added", "grant-added", "user-deleted"]
    assert mine[2][1]["grants"][0]["pattern"] == "a/**"
    assert "a first password" not in json.dumps(records)


def test_a_generated_password_is_shown_once(registry, request):
    name = name_for(request)
    made = post(registry.admin, "users", {"name": name})
    password = made.json()["password"]
    assert made.status == 201 and len(password) >= 20
    assert Client(registry.url, (name, password)).get("/v2/_roadstead/whoami").json()["name"] == name
    assert password not in registry.admin.get(f"{ADMIN}/users/{name}").body.decode()


def test_lists_are_paged(registry):
    names = [f"page-{c}" for c in "abcdefg"]
    for name in names:
        assert post(registry.admin, "robots", {"name": name}).status == 201
    path, seen = f"{ADMIN}/robots?n=3&last=page-", []
    while path:
        got = registry.admin.get(path)
        page = [r["name"] for r in got.json()["robots"]]
        assert len(page) <= 3
        seen += page
        link = got.headers.get("Link")
        path = link[1:link.index(">")] if link else None
        assert link is None or link.endswith('; rel="next"')
    assert [n for n in seen if n.startswith("page-")] == names
    for n in ("0", "-1", "abc", "+5", ""):
        assert registry.admin.get(f"{ADMIN}/robots?n={n}").status == 400, n
    assert registry.admin.get(f"{ADMIN}/robots?n=99999999999").status == 200
    first = registry.admin.get(f"{ADMIN}/grants?n=2")
    assert len(first.json()["grants"]) == 2 and "Link" in first.headers
    assert registry.admin.get(f"{ADMIN}/grants?last=x").status == 400


@pytest.mark.parametrize("name", ["", "a:b", "A", "a b", "-a", "a-", ".", "a/b", "é", "a\n", "anonymous", "roadstead", "a" * 129, "a%41"])
def test_names_outside_the_grammar(registry, name):
    for what in ("users", "robots"):
        body = {"name": name, "password": "long enough"} if what == "users" else {"name": name}
        assert post(registry.admin, what, body).status == 400


@pytest.mark.parametrize("password", ["", "short", "x" * 513, "with\nnewline", "with\u0000nul"])
def test_passwords_outside_the_rules(registry, request, password):
    name = name_for(request)
    assert post(registry.admin, "users", {"name": name, "password": password}).status == 400
    assert registry.admin.get(f"{ADMIN}/users/{name}").status == 404


def test_a_password_may_hold_colons_and_any_letters(registry, request):
    name = name_for(request)
    password = "pass:word: mit Umlaut äöü €"
    assert post(registry.admin, "users", {"name": name, "password": password}).status == 201
    assert Client(registry.url, (name, password)).get("/v2/_roadstead/whoami").status == 200
    assert Client(registry.url, (name, password[:-1])).get("/v2/_roadstead/whoami").status == 401


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b"x", b'{"name":"strict"', b'{"name":"strict","name":"strict"}', b'{"name":7}',
    b'{"name":"strict","password":"long enough","admin":true}', b'{"name":"strict","password":"long enough","role":"admin"}',
    b'{"name":"strict","password":"long enough","id":0}', b'{"name":"strict","password":"long enough","kind":"robot"}',
    b'{"name":"strict","password":"long enough","disabled":false}', b'{"name":"strict","password":null}',
    b'{"password":"long enough"}', b"[" * 5000, b'{"name":"strict","password":"long enough"}x',
])
def test_bodies_are_strict(registry, body):
    """S14: an unknown member is an error, so nothing can be slipped in."""
    got = registry.admin.request("POST", f"{ADMIN}/users", body=body, content_type="application/json")
    assert got.status == 400, got
    assert registry.admin.get(f"{ADMIN}/users/strict").status == 404
    large = b'{"name":"strict","password":"' + b"x" * 70000 + b'"}'
    assert registry.admin.request("POST", f"{ADMIN}/users", body=large).status == 413


@pytest.mark.parametrize("body", [{}, {"disabled": "yes"}, {"disabled": 1}, {"name": "other"}, {"disabled": True, "secret": "x"},
                                  {"password": "short"}, {"grants": []}])
def test_changes_are_strict(registry, request, body):
    name = name_for(request)
    registry.user(name)
    assert registry.admin.request("PATCH", f"{ADMIN}/users/{name}", body=body).status == 400
    assert registry.admin.get(f"{ADMIN}/users/{name}").json()["disabled"] is False


def test_what_changes_nothing_is_not_recorded(registry, request):
    name = name_for(request)
    registry.user(name, ("consumer", "a"))
    before = len(registry.auditor.audit("actor=admin"))
    assert registry.admin.request("PATCH", f"{ADMIN}/users/{name}", body={"disabled": False}).status == 200
    again = give(registry, name, "consumer", "a")
    assert again.status == 200 and "Location" not in again.headers
    assert give(registry, "nobody-at-all", "consumer").status == 404
    assert len(registry.auditor.audit("actor=admin")) == before


# -- grants -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["consumer", "publisher", "quarantine-reader", "processor", "checker:scan", "maintainer", "auditor",
                                  "quarantine-override", "check:*", "check:scan", "pull", "delete"])
def test_every_role_and_permission_can_be_given_and_taken(registry, request, what):
    name = name_for(request)
    registry.user(name)
    made = give(registry, name, what, "some/**")
    assert made.status == 201 and made.headers["Location"] == f"{ADMIN}/grants/{made.json()['id']}"
    member = "permission" if what in ("quarantine-override", "check:*", "check:scan", "pull", "delete") else "role"
    assert made.json() == {"id": made.json()["id"], "principal": name, member: what, "pattern": "some/**"}
    mine = registry.client(name).get("/v2/_roadstead/whoami").json()["grants"]
    assert [g["pattern"] for g in mine] == ["some/**"]
    assert registry.admin.request("DELETE", made.headers["Location"]).status == 204
    assert registry.admin.request("DELETE", made.headers["Location"]).status == 404
    assert registry.client(name).get("/v2/_roadstead/whoami").json()["grants"] == []
    kind = "quarantine-grant" if what.startswith(("quarantine", "check", "processor")) else "grant"
    records = [r["action"] for r in registry.auditor.audit("actor=admin")
               if r["action"].endswith(("grant-added", "grant-removed")) and r["details"]["principal"] == name]
    assert records == [f"{kind}-added", f"{kind}-removed"]


@pytest.mark.parametrize("body", [
    {"role": "consumer", "pattern": "**"}, {"principal": "stranger", "pattern": "**"}, {"principal": "stranger", "role": "consumer"},
    {"principal": "stranger", "role": "consumer", "permission": "pull", "pattern": "**"},
    {"principal": "stranger", "role": "owner", "pattern": "**"}, {"principal": "stranger", "role": "", "pattern": "**"},
    {"principal": "stranger", "role": "consumer", "pattern": ""}, {"principal": "stranger", "role": "consumer", "pattern": "/a"},
    {"principal": "stranger", "role": "consumer", "pattern": "a/***"}, {"principal": "stranger", "role": "consumer", "pattern": "A"},
    {"principal": "stranger", "role": "consumer", "pattern": "a?"}, {"principal": "stranger", "role": "checker:", "pattern": "**"},
    {"principal": "stranger", "role": "consumer", "pattern": "**", "expires": 1}, {"principal": "stranger", "role": "admin", "pattern": "a/**"},
])
def test_grants_that_are_none(registry, body):
    assert post(registry.admin, "grants", body).status == 400
    assert registry.admin.get(f"{ADMIN}/users/stranger").json()["grants"] == []


@pytest.mark.parametrize("what", ["quarantine-reader", "processor", "checker:scan", "quarantine-pull", "quarantine-push",
                                  "quarantine-decide", "quarantine-override", "check:scan", "check:*"])
def test_nobody_holds_admin_and_the_quarantine(registry, request, what):
    name = name_for(request)
    registry.user(name)
    assert give(registry, name, what, "some/where").status == 201
    refused = give(registry, name, "admin")
    assert (refused.status, refused.code) == (409, "DENIED") and "two accounts" in refused.message
    assert give(registry, "admin", what, "some/where").status == 409
    assert registry.client(name).get(f"{ADMIN}/users").status == 403
    # one after the other is fine
    grant = registry.admin.get(f"{ADMIN}/grants?principal={name}").json()["grants"][0]["id"]
    assert registry.admin.request("DELETE", f"{ADMIN}/grants/{grant}").status == 204
    assert give(registry, name, "admin").status == 201
    assert give(registry, name, what, "some/where").status == 409
    assert registry.admin.request("DELETE", f"{ADMIN}/users/{name}").status == 204


@pytest.mark.parametrize("what", ["publisher", "maintainer", "push", "delete", "auditor", "audit-read", "quarantine-reader", "processor",
                                  "checker:scan", "check:*", "quarantine-pull", "quarantine-push", "quarantine-decide", "admin"])
def test_anonymous_holds_pull_and_nothing_else(registry, what):
    refused = give(registry, "anonymous", what)
    assert refused.status == 409 and "anonymous" in refused.message
    assert registry.admin.request("DELETE", f"{ADMIN}/users/anonymous").status == 404
    assert registry.admin.request("PATCH", f"{ADMIN}/users/anonymous", body={"password": "long enough"}).status == 404
    assert Client(registry.url, ("anonymous", "long enough")).get("/v2/").status in (401, 429)


def test_the_last_admin_stays(make_registry):
    registry = make_registry()
    admin = registry.admin
    grant = [g["id"] for g in admin.get(f"{ADMIN}/grants?principal=admin").json()["grants"] if g.get("role") == "admin"][0]
    for attempt in (lambda: admin.request("DELETE", f"{ADMIN}/users/admin"),
                    lambda: admin.request("PATCH", f"{ADMIN}/users/admin", body={"disabled": True}),
                    lambda: admin.request("DELETE", f"{ADMIN}/grants/{grant}")):
        refused = attempt()
        assert refused.status == 409 and "last admin" in refused.message
    assert admin.get(f"{ADMIN}/users").status == 200
    # Another one, disabled, does not count; enabled, it does.
    other = registry.user("other-admin", ("admin", "**"))
    assert admin.request("PATCH", f"{ADMIN}/users/other-admin", body={"disabled": True}).status == 200
    assert admin.request("DELETE", f"{ADMIN}/users/admin").status == 409
    assert admin.request("PATCH", f"{ADMIN}/users/other-admin", body={"disabled": False}).status == 200
    assert other.request("DELETE", f"{ADMIN}/users/admin").status == 204
    assert admin.get(f"{ADMIN}/users").status == 401
    assert other.request("DELETE", f"{ADMIN}/users/other-admin").status == 409


# -- who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["publisher", "consumer", "qreader", "processor", "scanner", "maintainer", "auditor", "stranger"])
def test_only_admins_administer(registry, name):
    """T36, S13: no object of the administration can be read or changed by anybody else, whatever its id."""
    grant = registry.admin.get(f"{ADMIN}/grants?principal=consumer").json()["grants"][0]["id"]
    before = [registry.admin.get(f"{ADMIN}/{what}").body for what in ("users", "robots", "grants?n=1000")]
    calls = [("GET", "users", None), ("POST", "users", {"name": "intruder"}), ("GET", "users/admin", None),
             ("PATCH", "users/admin", {"password": "stolen password"}), ("PATCH", f"users/{name}", {"disabled": False}),
             ("DELETE", "users/consumer", None), ("GET", "robots", None), ("POST", "robots", {"name": "intruder"}),
             ("POST", "robots/x/rotate", None), ("DELETE", "robots/x", None), ("GET", "grants", None),
             ("POST", "grants", {"principal": name, "role": "processor", "pattern": "**"}), ("DELETE", f"grants/{grant}", None),
             ("DELETE", "grants/999999", None), ("POST", "keys/rotate", None)]
    for client in (registry.client(name), Client(registry.url, token(registry.client(name), "repository:a:*"))):
        for method, path, body in calls:
            got = client.request(method, f"{ADMIN}/{path}", body=body)
            assert (got.status, got.code) == (403, "DENIED"), (method, path, got)
    for method, path, body in calls:
        assert registry.anonymous.request(method, f"{ADMIN}/{path}", body=body).status == 401
    assert before == [registry.admin.get(f"{ADMIN}/{what}").body for what in ("users", "robots", "grants?n=1000")]


def test_whoami(registry):
    got = registry.scanner.get("/v2/_roadstead/whoami")
    assert got.status == 200 and got.headers["Cache-Control"] == "no-store"
    mine = got.json()
    assert mine["name"] == "scanner" and mine["credentials"] == "secret" and "scope" not in mine
    assert mine["grants"][0] == {"pattern": "**", "permissions": ["pull", "quarantine-pull", "quarantine-push"], "check": "scan"}
    got = Client(registry.url, token(registry.scanner, "repository:a:pull")).get("/v2/_roadstead/whoami").json()
    assert got["credentials"] == "token" and got["scope"] == "repository:a:pull"


# -- failed logins --------------------------------------------------------------------------------------


def test_unknown_and_wrong_look_alike(make_daemon):
    """S15: the answer does not tell which names there are."""
    daemon = make_daemon()
    admin = daemon.admin()
    assert post(admin, "users", {"name": "alice", "password": "alices password"}).status == 201
    assert post(admin, "users", {"name": "off", "password": "alices password"}).status == 201
    assert post(admin, "robots", {"name": "ci"}).status == 201
    assert admin.request("PATCH", f"{ADMIN}/users/off", body={"disabled": True}).status == 200
    answers = set()
    for name, password in (("alice", "wrong password"), ("nobody", "wrong password"), ("off", "alices password"), ("ci", "wrong password"),
                           ("ci", "rsr_" + "A" * 43), ("nobody", "rsr_" + "A" * 43)):
        got = Client(daemon.url, (name, password)).get("/v2/")
        headers = sorted((k, v) for k, v in got.headers.items() if k not in ("Date", "X-Request-Id"))
        answers.add((got.status, got.body, str(headers)))
    assert len(answers) == 1 and answers.pop()[0] == 401


def test_failed_logins_are_slowed_down_and_nobody_is_locked_out(make_daemon):
    daemon = make_daemon()
    admin = daemon.admin()
    robot = post(admin, "robots", {"name": "ci"}).json()["secret"]
    for name in ("alice", "bob"):
        assert post(admin, "users", {"name": name, "password": f"{name}s password"}).status == 201
    assert Client(daemon.url, ("bob", "bobs password")).get("/v2/").status == 200
    bob_token = token(Client(daemon.url, ("bob", "bobs password")))
    for name in ("alice", "bob", "ci"):
        seen = [Client(daemon.url, (name, "wrong password")).get("/v2/") for _ in range(40)]
        refused = [got for got in seen if got.status == 429]
        assert {got.status for got in seen} == {401, 429} and refused, seen
        assert all(got.code == "TOOMANYREQUESTS" and 1 <= int(got.headers["Retry-After"]) <= 60 for got in refused)
    metrics = dict(line.rsplit(" ", 1) for line in admin.get("/metrics").body.decode().splitlines() if not line.startswith("#"))
    assert float(metrics["roadstead_logins_failed_total"]) >= 30 and float(metrics["roadstead_logins_throttled_total"]) >= 30
    # Tokens, robots, and whoever was right a moment ago are not held up.
    assert Client(daemon.url, bob_token).get("/v2/").status == 200
    assert Client(daemon.url, ("bob", "bobs password")).get("/v2/").status == 200
    assert Client(daemon.url, ("ci", robot)).get("/v2/").status == 200
    # The right password comes through as soon as the failures are paid back, whatever is tried meanwhile.
    alice = Client(daemon.url, ("alice", "alices password"))
    guesser = Client(daemon.url, ("alice", "wrong password"))
    deadline = time.monotonic() + 120
    while alice.get("/v2/").status != 200:
        assert time.monotonic() < deadline, "locked out"
        time.sleep(0.2)
    assert guesser.get("/v2/").status in (401, 429)
