"""Every route, with every method, as every principal, with a password and with tokens of every scope (S5, S6).

The expected statuses stand in auth_matrix.txt.  The routes are read out of the daemon's own table, so a route that is added
without saying here who may use it fails this test.  For a token: with the scope that the row names (or `*`) it gets what the
password gets; with any other scope 401, or the same where the row needs none; never more.
"""

import pathlib
import re

import pytest

from client import Client, dumps, unique
from conftest import Registry
from daemon import Daemon, wait_for
from tokens import FORM, token

HERE = pathlib.Path(__file__).parent
ROUTES = HERE.parent.parent / "src" / "api" / "routes.c"
TABLE = HERE / "auth_matrix.txt"
METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]
RULE = {"issuer": "https://issuer.invalid", "audience": "here", "claims": {"sub": "x"}}
MACROS = {"READ": "GET", "LONG_READ": "GET"}


def declared():
    """{(method, pattern)} of the table in routes.c."""
    text = ROUTES.read_text()
    text = text[text.index("const struct rs_route rs_routes[]"):text.index("const unsigned rs_routes_n")]
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = set()
    for macro, inside in re.findall(r"\b(READ|LONG_READ|CHANGE|CHANGE_WITH|UPLOAD)\(((?:[^()]|\([^()]*\))*)\)", text):
        pattern = re.search(r'"([^"]+)"', inside).group(1)
        method = MACROS.get(macro) or re.match(r"\s*RS_(\w+)", inside).group(1)
        found.add((method, pattern))
    for methods, pattern in re.findall(r'\.methods = ([^,]+), \.pattern = "([^"]+)"', text):
        found |= {(m, pattern) for m in re.findall(r"RS_(\w+)", methods)}
    assert len(re.findall(r'"/[^"]*"', text)) == len(re.findall(r"\b(?:READ|LONG_READ|CHANGE|CHANGE_WITH|UPLOAD)\(", text)) + \
        text.count(".pattern ="), "a row of routes.c has a form that this test cannot read"
    return found | {("HEAD", pattern) for method, pattern in found if method == "GET"}


def expected():
    """[(method, pattern, needed scope, {principal: status})]; HEAD is as GET where no line says otherwise."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    principals = lines[0][3:]
    rows = {(m, pattern): (scope, dict(zip(principals, map(int, statuses), strict=True)))
            for m, pattern, scope, *statuses in lines[1:]}
    assert len(rows) == len(lines) - 1, "a row stands there twice"
    for (method, pattern), row in list(rows.items()):
        if method == "GET":
            rows.setdefault(("HEAD", pattern), row)
    return [(method, pattern, scope, statuses) for (method, pattern), (scope, statuses) in rows.items()]


def test_every_route_is_in_the_table():
    rows = {(method, pattern) for method, pattern, _, _ in expected()}
    assert rows == declared()


def users_of(text):
    """The files of the source that hold this text."""
    src = ROUTES.parent.parent
    return {str(path.relative_to(src)) for path in src.rglob("*.[ch]") if text in path.read_text()}


def test_one_place_decides_what_may_be_read():
    """Content is opened by a grant that the resolver alone can make, and a manifest's bytes are read for a client there alone (the list
    of referrers takes annotations out of those that it lists)."""
    assert users_of('#include "blob/grant_mint.h"') == {"blob/grant.c", "quarantine/resolver_blob.c"}
    assert users_of("rs_grant_mint(") == {"blob/grant_mint.h", "blob/grant.c", "quarantine/resolver_blob.c"}
    assert users_of("rs_view_manifest_bytes(") == {"catalog/view.h", "catalog/view.c", "quarantine/resolver.c",
                                                     "registry/referrers.c"}


class Scene:
    """Something for every parameter of a route: made anew after every request that changed anything."""

    def __init__(self, registry):
        self.registry = registry
        self.dirty = True

    def refresh(self):
        if not self.dirty:
            return
        r = self.registry
        self.repo = "matrix/" + unique("r")
        self.live = r.publisher.push_image(self.repo, "live")
        assert r.processor.decide(self.repo, self.live.digest, "released").status == 200
        self.held = r.publisher.push_image(self.repo, "staged")
        self.victim = unique("victim")
        for what in ("users", "robots", "workloads"):
            made = r.admin.request("POST", f"/v2/_roadstead/admin/{what}",
                                   body={"name": f"{self.victim}-{what}", **(RULE if what == "workloads" else {})})
            assert made.status == 201, made
        made = r.admin.request("POST", "/v2/_roadstead/admin/grants",
                               body={"principal": f"{self.victim}-users", "role": "consumer", "pattern": "x"})
        self.grant = made.json()["id"]
        for hook in r.admin.get("/v2/_roadstead/webhooks").json()["webhooks"]:  # there may be only so many
            assert r.admin.request("DELETE", f"/v2/_roadstead/webhooks/{hook['name']}").status == 204
        made = r.admin.request("POST", "/v2/_roadstead/webhooks",
                               body={"name": self.victim, "url": "https://hooks.invalid/x", "enabled": False})
        assert made.status == 201, made
        self.dirty = False

    def path(self, pattern, principal):
        if "{session}" in pattern:
            pattern = pattern.replace("{session}", self.session_of(principal))
        values = {"{name}": self.repo, "{reference}": self.held.digest, "{user}": f"{self.victim}-users",
                  "{robot}": f"{self.victim}-robots", "{workload}": f"{self.victim}-workloads", "{grant}": str(self.grant), "{webhook}": self.victim,
                  "{check}": "scan", "{claim}": "0" * 32, "{tag}": "live",
                  "{digest}": self.held.doc["config"]["digest"] if "/blobs/" in pattern else self.held.digest}
        for parameter, value in values.items():
            pattern = pattern.replace(parameter, value)
        assert "{" not in pattern, pattern
        return pattern

    def session_of(self, principal):
        """An upload of this principal's own, where it may have one; somebody else's otherwise."""
        for name in (principal, "publisher"):
            client = getattr(self.registry, name)
            started = client.request("POST", f"/v2/{self.repo}/blobs/uploads/")
            if started.status == 202:
                return started.headers["Location"].split("?")[0].rsplit("/", 1)[1]
        raise AssertionError(started)


# The bodies that make a permitted request succeed (what is not here takes none).
def body_of(scene, method, pattern):
    if (method, pattern) == ("PUT", "/v2/{name}/manifests/{reference}"):
        return scene.held.manifest, scene.held.media_type
    if method == "POST" and pattern in ("/token", "/oauth2/token", "/oauth2/exchange"):
        return "grant_type=none", FORM
    if method in ("POST", "PUT", "PATCH") and "/blobs/uploads/" in pattern:
        return (b"x" if method == "PATCH" else b""), "application/octet-stream"
    bodies = {
        ("POST", "/v2/_roadstead/admin/users"): lambda: {"name": unique("made")},
        ("PATCH", "/v2/_roadstead/admin/users/{user}"): lambda: {"disabled": True},
        ("POST", "/v2/_roadstead/admin/robots"): lambda: {"name": unique("made")},
        ("PATCH", "/v2/_roadstead/admin/robots/{robot}"): lambda: {"disabled": True},
        ("POST", "/v2/_roadstead/admin/workloads"): lambda: {"name": unique("made"), **RULE},
        ("PATCH", "/v2/_roadstead/admin/workloads/{workload}"): lambda: {"disabled": True},
        ("POST", "/v2/_roadstead/admin/grants"): lambda: {"principal": f"{scene.victim}-users", "role": "publisher", "pattern": "y"},
        ("POST", "/v2/_roadstead/webhooks"): lambda: {"name": unique("hook"), "url": "https://hooks.invalid/y", "enabled": False},
        ("PATCH", "/v2/_roadstead/webhooks/{webhook}"): lambda: {"details": True},
        ("POST", "/v2/_roadstead/webhooks/{webhook}/secret"): lambda: {},
        ("POST", "/v2/_roadstead/webhooks/{webhook}/redeliver"): lambda: {},
        ("POST", "/v2/_roadstead/admin/gc"): lambda: {},
        ("POST", "/v2/_roadstead/admin/fsck"): lambda: {},
        ("PUT", "/v2/_roadstead/admin/quota"): lambda: {"repository": scene.repo, "bytes": 1 << 30},
        ("PATCH", "/v2/{name}/_roadstead/quarantine/{digest}"): lambda: {"state": "released", "details": "matrix"},
        ("PUT", "/v2/{name}/_roadstead/quarantine/{digest}/checks/{check}"): lambda: {"state": "passed"},
        ("POST", "/v2/_roadstead/quarantine/claims"): lambda: {"repositories": ["nothing/here"], "leaseSeconds": 60},
        ("PUT", "/v2/_roadstead/quarantine/claims/{claim}"): lambda: {"leaseSeconds": 60},
        ("PUT", "/v2/_roadstead/policies"): lambda: {"pattern": unique("matrix/policy"), "quarantine": "on"},
        ("PATCH", "/acr/v1/{name}/_manifests/{digest}"): lambda: {"quarantineState": "Passed", "quarantineDetails": "{}"},
    }
    made = bodies.get((method, pattern))
    return (dumps(made()), "application/json") if made else (None, None)


def ask(scene, client, principal, method, pattern):
    scene.refresh()
    path = scene.path(pattern, principal)
    if pattern == "/v2/{name}/blobs/uploads/{session}" and method == "PUT":
        path += "?digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    if pattern == "/v2/_roadstead/policies" and method == "DELETE":
        path += "?pattern=matrix/nothing"
    if pattern == "/v2/_roadstead/admin/quota" and method in ("GET", "HEAD"):
        path += f"?repository={scene.repo}"
    body, content_type = body_of(scene, method, pattern)
    if (method, pattern) == ("POST", "/v2/_roadstead/admin/fsck"):  # one at a time
        wait_for(lambda: scene.registry.admin.get(path).json()["state"] != "running", "the last check is over")
    got = client.request(method, path, body=body, content_type=content_type)
    if method not in ("GET", "HEAD") and got.status < 300:
        scene.dirty = True
    return got


def with_scope(registry, principal, scene, actions):
    """A client on a connection of its own with a token of these actions for the scene's repository."""
    scene.refresh()
    client = registry.anonymous if principal == "anonymous" else registry.client(principal)
    wanted = [f"repository:{scene.repo}:{actions}"] if actions else []
    return Client(registry.url, token(client, *wanted))


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry of its own: the permitted requests change policies, webhooks and keys."""
    daemon = Daemon(tmp_path_factory.mktemp("matrix")).start()
    try:
        yield Registry(daemon)
    finally:
        daemon.stop()


@pytest.fixture(scope="module")
def scene(registry):
    return Scene(registry)


@pytest.mark.parametrize("row", expected(), ids=lambda row: f"{row[0]} {row[1]}")
def test_who_may(registry, scene, row):
    method, pattern, scope, statuses = row
    found = {}
    for principal in statuses:
        client = getattr(registry, principal)
        found[principal] = ask(scene, client, principal, method, pattern).status
    line = " ".join(f"{found[p]:4}" for p in statuses)
    assert found == statuses, f"found, in the order of the table: {line}"


@pytest.mark.parametrize("row", expected(), ids=lambda row: f"{row[0]} {row[1]}")
def test_what_a_token_may(registry, scene, row):
    method, pattern, scope, statuses = row
    others = {"pull": "push,delete", "push": "pull,delete", "delete": "pull,push"}
    for principal, by_password in statuses.items():
        if principal == "anonymous":
            continue  # what an anonymous token gets is said in SPEC 4 and tried in test_auth_tokens.py
        held = ask(scene, with_scope(registry, principal, scene, "*"), principal, method, pattern).status
        none = ask(scene, with_scope(registry, principal, scene, ""), principal, method, pattern).status
        if scope == "-":
            assert (held, none) == (by_password, by_password), principal
            continue
        # A token without the scope is told so; one that was refused the scope, because nothing is held, likewise.
        assert none == 401, principal
        assert held in (by_password, 401) and (held == by_password or by_password >= 400), (principal, held)
        exact = ask(scene, with_scope(registry, principal, scene, scope), principal, method, pattern).status
        assert exact == held, principal
        wrong = ask(scene, with_scope(registry, principal, scene, others[scope]), principal, method, pattern).status
        assert wrong == 401, principal


def test_methods_that_a_path_does_not_take(registry, scene):
    """Nobody gets anything but 405 (or the challenge) with a method that no row declares."""
    routes = declared()
    scene.refresh()
    for pattern in sorted({pattern for _, pattern in routes}):
        taken = {m for m, p in routes if p == pattern}
        path = scene.path(pattern, "publisher")
        for method in [m for m in METHODS if m not in taken] + ["OPTIONS", "TRACE", "PROPFIND"]:
            for client in (registry.anonymous, registry.processor, registry.admin):
                got = client.request(method, path)
                assert got.status in (400, 401, 405, 501), (method, path, got)


def test_paths_that_nothing_is_at(registry):
    for path in ("/", "/v1/", "/v2", "/v3/", "/v2/_roadstead", "/v2/_roadstead/admin", "/v2/_roadstead/admin/secrets", "/admin", "/debug/pprof",
                 "/v2/_roadstead/admin/users/a/b", "/acr/v1", "/.git/config", "/v2/x/_roadstead/nothing"):
        for client in (registry.anonymous, registry.admin):
            assert client.get(path).status in (200 if path == "/v2" else 404, 401, 404), path
