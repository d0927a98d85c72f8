"""SPEC 3: what each permission opens and what it does not, what each role is made of, patterns, and who may hold what."""

import pytest

from client import Attachment, Client, Image, Index, digest_of
from test_auth_admin import ADMIN, give, name_for, post
from test_quarantine_states import report
from tokens import token

PERMISSIONS = ["pull", "push", "delete", "quarantine-pull", "quarantine-push", "quarantine-decide", "check:scan", "check:*",
               "quarantine-override", "audit-read", "admin"]
CHECKER = ["pull", "quarantine-pull", "quarantine-push"]
ROLES = {
    "consumer": ["pull"], "publisher": ["pull", "push"], "quarantine-reader": ["pull", "quarantine-pull"],
    "processor": ["pull", "push", "quarantine-pull", "quarantine-push", "quarantine-decide"],
    "checker:scan": [*CHECKER, "check:scan"], "checker:sign": [*CHECKER, "check:sign"],
    "maintainer": ["pull", "push", "delete"], "auditor": ["audit-read"], "admin": ["admin"],
}


class Stage:
    """Images that a principal may try its permissions on, in a repository whose policy requires `scan` and `sign`."""

    def __init__(self, registry, repo):
        self.registry, self.repo = registry, repo
        registry.policy(repo, checks=["scan", "sign"])
        self.live = self.push("live")
        report(registry.scanner, repo, self.live, "scan", "passed")
        report(registry.signer, repo, self.live, "sign", "passed")
        self.held = self.push("held")

    def push(self, tag):
        return self.registry.publisher.push_image(self.repo, tag)


def reads(stage, client, image, tag):
    """By tag and digest, by GET and HEAD, its manifest and a layer; all of them are answered alike."""
    layer = digest_of(image.layers[0])
    got = {client.request(method, f"/v2/{stage.repo}/{path}").status for method in ("GET", "HEAD")
           for path in (f"manifests/{tag}", f"manifests/{image.digest}", f"blobs/{layer}")}
    return got == {200}


def uploads(stage, client):
    started = client.request("POST", f"/v2/{stage.repo}/blobs/uploads/")
    if started.status == 202:
        assert client.request("DELETE", started.headers["Location"]).status == 204
    return started.status == 202


def attaches(stage, client, tag=None):
    """To the held image, its blobs being there already."""
    thing = Attachment(stage.held)
    for data in thing.blobs:
        stage.registry.processor.push_blob(stage.repo, data)
    return client.put_manifest(stage.repo, tag or thing.digest, thing.manifest).status == 201


def pushes_an_image(stage, client):
    image = Image()
    for data in image.blobs:
        stage.registry.publisher.push_blob(stage.repo, data)
    return [client.put_manifest(stage.repo, reference, image.manifest).status == 201 for reference in ("new", image.digest)] == [True] * 2


def deletes(stage, client):
    image = stage.push("victim")
    by_tag = client.request("DELETE", f"/v2/{stage.repo}/manifests/victim").status
    by_digest = client.request("DELETE", f"/v2/{stage.repo}/manifests/{image.digest}").status
    blob = client.request("DELETE", f"/v2/{stage.repo}/blobs/{digest_of(image.layers[0])}").status
    assert len({by_tag, by_digest, blob}) == 1, (by_tag, by_digest, blob)
    return by_tag == 202


def decides(stage, client):
    return client.decide(stage.repo, stage.push("bad").digest, "failed").status == 200


def overrides(stage, client):
    return client.decide(stage.repo, stage.push("urgent").digest, "released", reason="now").status == 200


def reports(check):
    return lambda stage, client: report(client, stage.repo, stage.push("checked"), check, "running").status == 200


def claims(check):
    def try_it(stage, client):
        body = {"repositories": [stage.repo], "leaseSeconds": 60, **({"check": check} if check else {})}
        if check is None:
            for name in ("scan", "sign"):  # what waits for a decision lacks no check
                stage.registry.policy(stage.repo, checks=[])
        got = client.request("POST", "/v2/_roadstead/quarantine/claims", body=body)
        stage.registry.policy(stage.repo, checks=["scan", "sign"])
        if got.status == 200:
            assert client.request("DELETE", f"/v2/_roadstead/quarantine/claims/{got.json()['claim']}").status == 204
        return got.status == 200
    return try_it


def told(how):
    def ask(stage, client):
        got = client.state(stage.repo, stage.held.digest)
        return got.status == 200 and ("publisher" in got.json()) == (how == "everything")
    return ask


def lists_work(stage, client):
    got = client.get(f"/v2/_roadstead/quarantine?repository={stage.repo}")
    return stage.held.digest in [i["digest"] for i in got.json()["images"]]


def sees_events(kind):
    def look(stage, client):
        return kind in {e["type"] for e in client.events(repository=stage.repo)}
    return look


def administers(stage, client):
    got = {client.get(path).status for path in (f"{ADMIN}/users", f"{ADMIN}/grants", "/v2/_roadstead/policies", "/v2/_roadstead/webhooks",
                                                f"{ADMIN}/quota?repository={stage.repo}", f"{ADMIN}/fsck")}
    assert len(got) == 1, got
    return got == {200}


def audits(stage, client):
    """The records of the repositories that the grant is about, and no others."""
    got = {client.get(f"/v2/_roadstead/audit{path}").status for path in ("", "/key")}
    assert got == {403} or {r["repository"] for r in client.audit()} == {stage.repo}
    return got == {200}


def lists_tags(tags):
    return lambda stage, client: client.tags(stage.repo) == tags


# what one may try -> the permissions of which any one is enough
PROBES = {
    "read what is released": (lambda s, c: reads(s, c, s.live, "live"), {"pull", "push", "quarantine-pull"}),
    "read what is held": (lambda s, c: reads(s, c, s.held, "held"), {"quarantine-pull"}),
    "list live tags only": (lists_tags(["live"]), {"pull", "push"}),
    "list all tags": (lists_tags(["held", "live"]), {"quarantine-pull"}),
    "upload": (uploads, {"push", "quarantine-push"}),
    "attach to what is held": (attaches, {"quarantine-push"}),
    "push an image": (pushes_an_image, {"push"}),
    "delete": (deletes, {"delete"}),
    "decide": (decides, {"quarantine-decide"}),
    "report scan": (reports("scan"), {"check:scan", "check:*"}),
    "report sign": (reports("sign"), {"check:sign", "check:*"}),
    "claim scan": (claims("scan"), {"check:scan", "check:*"}),
    "claim sign": (claims("sign"), {"check:sign", "check:*"}),
    "claim a decision": (claims(None), {"quarantine-decide"}),
    "know the state in full": (told("everything"), {"quarantine-pull", "quarantine-decide", "check:scan", "check:sign", "check:*", "audit-read"}),
    "see the work": (lists_work, {"quarantine-pull", "quarantine-decide", "check:scan", "check:sign", "check:*", "audit-read"}),
    "see quarantine events": (sees_events("quarantine"), {"quarantine-pull", "quarantine-decide", "check:scan", "check:sign", "check:*",
                                                          "audit-read"}),
    "read the audit log": (audits, {"audit-read"}),
    "administer": (administers, {"admin"}),
    "release over missing checks": (overrides, set()),  # takes two permissions
}
# Seeing the stage hides the plain view of whoever sees more.
HIDDEN_BY = {"list live tags only": {"quarantine-pull"}}


def expected(held):
    return {name for name, (_, enough) in PROBES.items()
            if enough & set(held) and not HIDDEN_BY.get(name, set()) & set(held)}


def found(stage, client):
    return {name for name, (probe, _) in PROBES.items() if probe(stage, client)}


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_each_permission_opens_what_it_says_and_nothing_else(registry, repo, request, permission):
    stage = Stage(registry, repo)
    client = registry.user(name_for(request), (permission, "**" if permission == "admin" else repo))
    assert found(stage, client) == expected([permission])


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_its_permissions(registry, repo, request, role):
    stage = Stage(registry, repo)
    client = registry.user(name_for(request), (role, "**" if role == "admin" else repo))
    assert found(stage, client) == expected(ROLES[role])
    mine, = client.get("/v2/_roadstead/whoami").json()["grants"]
    named = {p for p in ROLES[role] if not p.startswith("check:")}
    assert set(mine["permissions"]) == named and mine.get("check", "") == role.partition(":")[2]


@pytest.mark.parametrize("role", [r for r in ROLES if r != "admin"])
def test_quarantine_override_is_in_no_role(registry, repo, request, role):
    """It is granted by name, and then releases what could be decided."""
    stage = Stage(registry, repo)
    client = registry.user(name_for(request), (role, repo), ("quarantine-decide", repo))
    assert not overrides(stage, client)
    registry.give(client.name, "quarantine-override", repo)
    assert overrides(stage, client)


@pytest.mark.parametrize("permission", ["delete", "quarantine-push", "quarantine-decide", "check:scan", "check:*", "quarantine-override",
                                        "audit-read", "admin"])
def test_no_other_permission_opens_a_content_route(registry, repo, request, permission):
    """Nor all of them together, by password or token, of released and of held content."""
    stage = Stage(registry, repo)
    one = registry.user(name_for(request), (permission, "**" if permission == "admin" else repo))
    everything = registry.user(name_for(request)[:90] + "-all", *((p, repo) for p in (
        "delete", "quarantine-push", "quarantine-decide", "check:*", "quarantine-override", "audit-read")))
    paths = [f"manifests/{r}" for r in ("live", "held", stage.live.digest, stage.held.digest)] + ["tags/list"]
    paths += [f"blobs/{digest_of(i.layers[0])}" for i in (stage.live, stage.held)]
    paths += [f"referrers/{i.digest}" for i in (stage.live, stage.held)]
    for client in (one, everything):
        by_token = Client(registry.url, token(client, f"repository:{repo}:*"))
        for asker in (client, by_token):
            for path in paths:
                for method in ("GET", "HEAD"):
                    got = asker.request(method, f"/v2/{repo}/{path}")
                    assert got.status in (401, 403), (asker, path, got)
            for path in ("", "/_tags", "/_tags/live", "/_manifests"):
                assert asker.get(f"/acr/v1/{repo}{path}").status in (401, 403)
            assert repo not in asker.get("/v2/_catalog?n=1000").json()["repositories"]
    # A mount gives nothing either: nothing is readable there, whatever may be pushed elsewhere.
    registry.give(everything.name, "push", repo + "/mine")
    got = everything.request("POST", f"/v2/{repo}/mine/blobs/uploads/?mount={digest_of(stage.live.layers[0])}&from={repo}")
    assert got.status == 202


# -- quarantine-push without push --------------------------------------------------------------------


@pytest.fixture
def attacher(registry, repo, request):
    return registry.user(name_for(request), ("quarantine-push", repo))


def test_quarantine_push_alone_attaches_by_digest_and_by_fallback_tag(registry, repo, attacher):
    held = registry.publisher.push_image(repo, "v1")
    hex_ = held.digest.split(":")[1]
    for tag in (None, f"sha256-{hex_}", f"sha256-{hex_}.sig", f"sha256-{hex_}.att", f"sha256-{hex_}.sbom"):
        thing = attacher.push_image(repo, tag, Attachment(held))
        listed = registry.processor.state(repo, held.digest).json()["attachments"]
        assert thing.digest in [a["digest"] for a in listed if a["joined"] and a["pushedWith"] == "quarantine-push"]
    # To a subject that comes later, and to one that is released.
    later = Image()
    attacher.push_image(repo, None, Attachment(later))
    registry.processor.release(repo, held.digest)
    own = attacher.push_image(repo, None, Attachment(held))
    assert registry.processor.state(repo, own.digest).json()["state"] == "quarantined"


def test_quarantine_push_alone_puts_nothing_else(registry, repo, attacher):
    """403 DENIED for an image, an index, an ordinary tag, another subject's fallback tag, and parameters of a push."""
    held, other = registry.publisher.push_image(repo, "v1"), registry.publisher.push_image(repo, "v2")
    thing, image = Attachment(held), Image()
    runnable = Image(subject=held.descriptor)
    index = Index([held], subject=held.descriptor)
    for one in (thing, image, runnable):
        for data in one.blobs:
            attacher.push_blob(repo, data)
    fallback, foreign = ("sha256-" + i.digest.split(":")[1] for i in (held, other))
    tries = [(image, image.digest, ""), (image, "v3", ""), (image, "v1", ""), (runnable, runnable.digest, ""), (runnable, fallback, ""),
             (image, fallback, ""), (index, index.digest, ""), (index, fallback, ""), (thing, "v1", ""), (thing, "v3", ""),
             (thing, foreign, ""), (thing, f"{foreign}.sig", ""), (thing, thing.digest, "?tag=v3"), (thing, thing.digest, f"?tag={foreign}"),
             (thing, thing.digest, f"?tag={fallback}&tag=v3"), (held, held.digest, ""), (held, "v1", ""), (held, "v3", "")]
    before = registry.auditor.audit(f"repository={repo}")
    for what, reference, query in tries:
        got = attacher.put_manifest(repo, reference, what.manifest, what.media_type, query=query)
        assert (got.status, got.code) == (403, "DENIED"), (reference, query, got)
    assert registry.auditor.audit(f"repository={repo}") == before
    assert attacher.request("DELETE", f"/v2/{repo}/manifests/v1").status == 403
    assert attacher.put_manifest(repo, thing.digest, thing.manifest, query=f"?tag={fallback}").status == 201


def test_quarantine_push_alone_opens_every_upload_route(registry, repo, attacher):
    """Monolithic, chunked, asked about, cancelled, by token as well; and only in its repositories."""
    data = f"uploaded to {repo}".encode()
    for client in (attacher, Client(registry.url, token(attacher, f"repository:{repo}:pull,push"))):
        started = client.request("POST", f"/v2/{repo}/blobs/uploads/")
        where = started.headers["Location"]
        assert client.request("PATCH", where, body=data[:5], content_type="application/octet-stream").status == 202
        assert client.get(where).status == 204
        assert client.request("DELETE", where).status == 204
        assert client.request("POST", f"/v2/{repo}/blobs/uploads/?digest={digest_of(data)}", body=data,
                              content_type="application/octet-stream").status == 201
        assert client.request("POST", f"/v2/{repo}/other/blobs/uploads/").status in (401, 403)


# -- grants -------------------------------------------------------------------------------------------


PATTERNS = {
    "team/app": {"team/app"}, "team/*": {"team/app", "team/app-2"}, "team/**": {"team/app", "team/app-2", "team/sub/app"},
    "*": {"app"}, "**": {"app", "team/app", "team/app-2", "team/sub/app", "team2/app", "sub/team/app"},
    "*/app": {"team/app", "team2/app"}, "**/app": {"team/app", "team/sub/app", "team2/app", "sub/team/app"},
    "team*/app": {"team/app", "team2/app"}, "team/app*": {"team/app", "team/app-2"}, "team/*/app": {"team/sub/app"},
    "te*m/a*p": {"team/app"}, "team": set(), "team/ap": set(), "team/a": set(), "*/*/app": {"team/sub/app", "sub/team/app"},
}


@pytest.fixture(scope="module")
def named(registry):
    """Repositories whose names a pattern has to tell apart, all under one prefix of their own."""
    stem = "patterns"
    names = sorted(PATTERNS["**"])
    for name in names:
        image = registry.publisher.push_image(f"{stem}/{name}", "v1")
        registry.processor.release(f"{stem}/{name}", image.digest)
    return stem, names


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_grant_holds_where_its_pattern_matches(registry, named, request, pattern):
    """`*` matches inside one path component, `**` across; everything else is itself, from end to end."""
    stem, names = named
    client = registry.user(name_for(request) + f"-{list(PATTERNS).index(pattern)}", ("consumer", f"{stem}/{pattern}"))
    got = {name for name in names if client.get_manifest(f"{stem}/{name}", "v1").status == 200}
    assert got == PATTERNS[pattern]
    assert set(client.get("/v2/_catalog?n=1000").json()["repositories"]) == {f"{stem}/{n}" for n in got}
    for name in set(names) - got:
        assert client.get_manifest(f"{stem}/{name}", "v1").status == 403


@pytest.mark.parametrize("kind", ["user", "robot"])
def test_users_and_robots_are_principals_alike(registry, repo, request, kind):
    name = name_for(request)
    made = post(registry.admin, f"{kind}s", {"name": name, **({"password": "long enough"} if kind == "user" else {})})
    assert made.status == 201
    client = Client(registry.url, (name, made.json().get("secret", "long enough")))
    image = registry.publisher.push_image(repo, "v1")
    for step, status in (("consumer", 403), ("quarantine-pull", 200)):
        assert give(registry, name, step, repo).status == 201
        assert client.get_manifest(repo, image.digest).status == status
    assert give(registry, name, "quarantine-decide", repo).status == 201
    assert client.decide(repo, image.digest, "released").status == 200
    record, = registry.auditor.audit(f"repository={repo}&action=released")
    assert record["actor"] == name


def test_grants_add_up_and_each_can_be_taken_alone(registry, repo, request):
    """What a permission opens is gone for the next request when its last grant goes, and not before."""
    image = registry.publisher.push_image(repo, "v1")
    client = registry.user(name_for(request), ("consumer", repo), ("quarantine-pull", "t/**"), ("quarantine-reader", repo))
    assert client.get_manifest(repo, "v1").status == 200
    registry.take(client.name, "quarantine-pull")
    assert client.get_manifest(repo, "v1").status == 200
    registry.take(client.name, "quarantine-reader")
    assert client.get_manifest(repo, "v1").status == 403
    registry.give(client.name, "check:*", repo)
    assert client.get_manifest(repo, "v1").status == 403
    assert report(client, repo, image, "scan", "running").status == 200
    registry.take(client.name, "check:*")
    assert report(client, repo, image, "scan", "passed").status == 403


QUARANTINE = ["quarantine-pull", "quarantine-push", "quarantine-decide", "quarantine-override", "check:scan", "check:*",
              "quarantine-reader", "processor", "checker:scan"]


@pytest.mark.parametrize("what", QUARANTINE)
@pytest.mark.parametrize("kind", ["users", "robots"])
def test_admin_and_the_quarantine_are_never_one_principal(registry, request, kind, what):
    """In any order, by role or permission, whatever the pattern, disabled or not: 409, and nothing is granted or recorded."""
    name = name_for(request)
    assert post(registry.admin, kind, {"name": name}).status == 201
    assert give(registry, name, "consumer", "a/b").status == 201  # the rest goes with either
    for first, then, patterns in ((what, "admin", ["**"]), ("admin", what, ["**", "*", "no/such/repository", "a/*"])):
        held = give(registry, name, first, "x/y/z" if first == what else "**")
        assert held.status == 201, held
        for disabled in (False, True):
            assert registry.admin.request("PATCH", f"{ADMIN}/{kind}/{name}", body={"disabled": disabled}).status == 200
            before = registry.admin.get(f"{ADMIN}/grants?principal={name}").json()["grants"]
            for pattern in patterns:
                for member in ("role", "permission"):
                    got = registry.admin.request("POST", f"{ADMIN}/grants", body={"principal": name, member: then, "pattern": pattern})
                    assert (got.status, got.code) == (409, "DENIED") and "two accounts" in got.message, got
            assert registry.admin.get(f"{ADMIN}/grants?principal={name}").json()["grants"] == before
        assert registry.admin.request("DELETE", f"{ADMIN}/grants/{held.json()['id']}").status == 204
    kinds = [r["action"] for r in registry.auditor.audit("actor=admin") if r["action"].endswith("grant-added")
             and r["details"]["principal"] == name and what in r["details"].values()]
    assert kinds == ["quarantine-grant-added"]
    assert registry.admin.request("DELETE", f"{ADMIN}/{kind}/{name}").status == 204


def test_whoever_races_for_both_gets_one(registry, request):
    """Two admins grant at once: one of them is refused, whichever comes second."""
    import threading
    for i in range(8):
        name = f"{name_for(request)}-{i}"
        registry.user(name)
        start, statuses = threading.Barrier(2), []

        def grant(what, pattern):
            client = registry.client("admin")
            assert client.get(f"{ADMIN}/users/{name}").status == 200
            start.wait()
            statuses.append(post(client, "grants", {"principal": name, "role": what, "pattern": pattern}).status)

        threads = [threading.Thread(target=grant, args=a) for a in (("admin", "**"), ("processor", "a/*"))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert sorted(statuses) == [201, 409]
        assert registry.admin.request("DELETE", f"{ADMIN}/users/{name}").status == 204
