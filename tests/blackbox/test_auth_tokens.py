"""The token service: what is granted, what a token is good for, and what is no token (T32-T35, S4, S5)."""

import base64
import http.client
import json
import time

import pytest

import tokens
from client import Client
from tokens import access, challenge, post_form, request_token, token, with_token


def bearer(registry, jwt):
    return Client(registry.url, jwt)


# -- the protocol --------------------------------------------------------------------------------


def test_the_challenge_leads_to_a_token(registry, repo):
    """What a client does: ask, be told where to ask, ask there, come back."""
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    refused = registry.anonymous.get_manifest(repo, "v1")
    assert (refused.status, refused.code) == (401, "UNAUTHORIZED")
    scheme, found = challenge(refused)
    assert scheme == "Bearer" and found["service"] == "roadstead"
    assert found["scope"] == f"repository:{repo}:pull"
    assert found["realm"] == f"{registry.url}/token"
    assert "basic" not in found["realm"].lower() and "bearer" not in found["realm"].lower()
    got = request_token(registry.consumer, found["scope"])
    assert got.status == 200 and got.headers["Cache-Control"] == "no-store"
    answer = got.json()
    assert answer["token"] == answer["access_token"] and answer["expires_in"] >= 60
    assert answer["issued_at"].endswith("Z") and "refresh_token" not in answer
    assert answer["scope"] == found["scope"]
    assert bearer(registry, answer["token"]).get_manifest(repo, "v1").body == image.manifest


def test_the_base_url(registry):
    refused = registry.anonymous.get("/v2/")
    assert refused.status == 401 and challenge(refused)[0] == "Bearer"
    assert registry.consumer.get("/v2/").status == 200
    assert with_token(registry.consumer).get("/v2/").status == 200


def test_claims(registry):
    header, payload, signature = tokens.parts(token(registry.consumer, "repository:a/b:pull"))
    assert header["alg"] == "HS256" and header["typ"] == "JWT" and set(header) == {"alg", "kid", "typ"}
    assert len(signature) == 32
    assert payload["aud"] == "roadstead" and payload["iss"] == "roadstead"
    assert payload["sub"].isdigit() and payload["exp"] - payload["iat"] == 300 and payload["nbf"] == payload["iat"]
    assert payload["access"] == [{"type": "repository", "name": "a/b", "actions": ["pull"]}]
    other = tokens.parts(token(registry.consumer, "repository:a/b:pull"))[1]
    assert other["jti"] != payload["jti"]
    assert registry.credentials["consumer"][1] not in json.dumps(payload)


def test_several_scopes(registry):
    both = token(registry.maintainer, "repository:a:pull repository:b:push,delete", "repository:c:*")
    assert access(both) == {"a": {"pull"}, "b": {"push", "delete"},
                            "c": {"pull", "push", "delete", "metadata_read", "metadata_write"}}
    assert access(token(registry.maintainer, "repository:a:pull", "repository:a:push")) == {"a": {"pull", "push"}}
    assert access(token(registry.maintainer, "registry:catalog:*")) == {"catalog": {"*"}}
    assert access(token(registry.maintainer, "")) == {}
    assert access(token(registry.maintainer, account="maintainer", client_id="x", unknown="y")) == {}


@pytest.mark.parametrize("scope", [
    "repository:a:PULL", "Repository:a:pull", "repository:A:pull", "repository:a%2fb:pull", "repository:a//b:pull",
    "repository:a/:pull", "repository:/a:pull", "repository:*:pull", "repository:**:pull", "repository:a/../b:pull",
    "repository(plugin):a:pull", "registry:catalog:pull", "registry:admin:*", "repository:a:", "repository:a:all",
])
def test_nothing_is_granted_for_what_nobody_can_hold(registry, scope):
    got = request_token(registry.maintainer, scope)
    assert got.status == 200 and access(got.json()["token"]) == {}


@pytest.mark.parametrize("scope", ["pull", "repository", "repository:a", " ".join(f"repository:r{i}:pull" for i in range(33)),
                                   "repository:" + "a" * 9000 + ":pull"])
def test_what_is_no_scope_is_400(registry, scope):
    got = request_token(registry.maintainer, scope)
    assert got.status in (400, 414), got


@pytest.mark.parametrize("name,granted", [
    ("consumer", {"pull"}), ("publisher", {"pull", "push"}), ("maintainer", {"pull", "push", "delete"}),
    ("qreader", {"pull"}), ("processor", {"pull", "push"}), ("scanner", {"pull", "push"}),
    ("auditor", set()), ("admin", set()), ("stranger", set()),
])
def test_granted_is_asked_and_held(registry, name, granted):
    for action in ("pull", "push", "delete"):
        got = access(token(getattr(registry, name), f"repository:a:{action}"))
        assert got == ({"a": {action}} if action in granted else {})
    got = access(token(getattr(registry, name), "repository:a:pull,push,delete"))
    assert got == ({"a": granted} if granted else {})


def test_single_permissions_are_granted_as_their_scope(registry):
    reader = registry.user("scope-qpull", ("quarantine-pull", "a/*"))
    pusher = registry.user("scope-qpush", ("quarantine-push", "a/*"))
    assert access(token(reader, "repository:a/x:pull,push", "repository:b:pull")) == {"a/x": {"pull"}}
    assert access(token(pusher, "repository:a/x:pull,push", "repository:b:push")) == {"a/x": {"push"}}


# -- the other ways to ask -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/token", "/oauth2/token"])
def test_oauth2_with_a_password(registry, path):
    name, password = registry.credentials["publisher"]
    got = post_form(registry.anonymous, path, grant_type="password", username=name, password=password,
                    service="roadstead", client_id="test", scope="repository:a:pull,push")
    assert got.status == 200, got
    assert access(got.json()["access_token"]) == {"a": {"pull", "push"}} and "refresh_token" not in got.json()
    assert access(token(registry.publisher, "repository:a:pull", path=path)) == {"a": {"pull"}}
    wrong = post_form(registry.anonymous, path, grant_type="password", username=name, password=password + "x")
    assert (wrong.status, wrong.code) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("fields", [
    {}, {"grant_type": "password", "username": "publisher"},
    {"grant_type": "client_credentials"}, {"grant_type": "refresh_token"},
    {"grant_type": "password", "username": "publisher", "password": "\x00"},
])
def test_broken_forms_are_400(registry, fields):
    got = post_form(registry.anonymous, "/token", **fields)
    assert got.status == 400, got


def test_a_form_with_a_field_twice_is_400(registry):
    for body in ("grant_type=password&grant_type=refresh_token", "grant_type=%zz", "grant_type=%e2%28", "a=%00"):
        got = registry.anonymous.request("POST", "/token", body=body, content_type=tokens.FORM)
        assert got.status == 400, (body, got)


def test_refresh_tokens(registry):
    got = request_token(registry.publisher, "repository:a:pull", offline_token="true").json()
    refresh = got["refresh_token"]
    again = post_form(registry.anonymous, "/token", grant_type="refresh_token", refresh_token=refresh,
                      scope="repository:b:push,delete")
    assert again.status == 200 and access(again.json()["access_token"]) == {"b": {"push"}}
    # It opens nothing by itself, in no disguise.
    disguise = ("00000000-0000-0000-0000-000000000000", refresh)
    for client in (bearer(registry, refresh), Client(registry.url, disguise)):
        assert client.get("/v2/").status == 401
        assert client.get("/v2/_roadstead/whoami").status == 401
    # The token service takes it in the place of a password, as docker login has it.
    assert access(token(Client(registry.url, disguise), "repository:b:push")) == {"b": {"push"}}
    # An access token is none.
    wrong = post_form(registry.anonymous, "/token", grant_type="refresh_token", refresh_token=got["token"])
    assert wrong.status == 401
    # anonymous gets none.
    assert "refresh_token" not in request_token(registry.anonymous, offline_token="true").json()


def test_exchange_in_azures_shape(registry):
    narrow = token(registry.publisher, "repository:a:pull")
    got = post_form(registry.anonymous, "/oauth2/exchange", grant_type="access_token", service="roadstead", tenant="t",
                    access_token=narrow)
    assert got.status == 200 and set(got.json()) == {"refresh_token"}
    refresh = got.json()["refresh_token"]
    got = post_form(registry.anonymous, "/oauth2/token", grant_type="refresh_token", service="roadstead",
                    scope="repository:a:pull,push repository:b:pull registry:catalog:*", refresh_token=refresh)
    # Nothing was gained on the way round.
    assert got.status == 200 and access(got.json()["access_token"]) == {"a": {"pull"}}
    got = post_form(registry.anonymous, "/oauth2/exchange", grant_type="refresh_token", refresh_token=refresh)
    assert got.status == 200
    again = post_form(registry.anonymous, "/oauth2/token", grant_type="refresh_token", scope="repository:b:pull",
                      refresh_token=got.json()["refresh_token"])
    assert access(again.json()["access_token"]) == {}
    for fields in ({"grant_type": "access_token", "access_token": "a.b.c"}, {"grant_type": "access_token", "access_token": refresh + "x"},
                   {"grant_type": "refresh_token", "refresh_token": narrow},
                   {"grant_type": "access_token", "access_token": token(registry.anonymous)}):
        assert post_form(registry.anonymous, "/oauth2/exchange", **fields).status == 401, fields


def test_a_token_for_a_token_is_not_wider(registry):
    narrow = with_token(registry.maintainer, "repository:a:pull")
    assert access(token(narrow, "repository:a:pull,push,delete", "repository:b:pull")) == {"a": {"pull"}}


# -- what a token is good for -----------------------------------------------------------------------


def test_scopes_are_enforced(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    other = repo + "/other"
    puller = with_token(registry.maintainer, f"repository:{repo}:pull")
    pusher = with_token(registry.maintainer, f"repository:{repo}:push")
    deleter = with_token(registry.maintainer, f"repository:{repo}:delete")
    elsewhere = with_token(registry.maintainer, f"repository:{other}:pull,push,delete")
    nothing = with_token(registry.maintainer)
    paths = [f"/v2/{repo}/manifests/v1", f"/v2/{repo}/manifests/{image.digest}", f"/v2/{repo}/blobs/{image.doc['config']['digest']}",
             f"/v2/{repo}/tags/list", f"/v2/{repo}/referrers/{image.digest}"]
    for path in paths:
        for method in ("GET", "HEAD"):
            assert puller.request(method, path).status == 200, path
            for client in (pusher, deleter, elsewhere, nothing):
                refused = client.request(method, path)
                assert refused.status == 401, (method, path)
                scheme, found = challenge(refused)
                assert scheme == "Bearer" and found["scope"] == f"repository:{repo}:pull"
                assert found["error"] == "insufficient_scope"
    for client in (puller, deleter, elsewhere, nothing):
        assert client.request("POST", f"/v2/{repo}/blobs/uploads/").status == 401
        assert client.put_manifest(repo, "v2", image.manifest).status == 401
    assert pusher.put_manifest(repo, "v2", image.manifest).status == 201
    for client in (puller, pusher, elsewhere, nothing):
        assert client.request("DELETE", f"/v2/{repo}/manifests/v2").status == 401
    assert deleter.request("DELETE", f"/v2/{repo}/manifests/v2").status == 202


def test_azures_scope_reads_azures_routes_only(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    client = with_token(registry.consumer, f"repository:{repo}:metadata_read")
    for path in (f"/acr/v1/{repo}", f"/acr/v1/{repo}/_tags", f"/acr/v1/{repo}/_tags/v1", f"/acr/v1/{repo}/_manifests",
                 f"/acr/v1/{repo}/_manifests/{image.digest}"):
        assert client.get(path).status == 200, path
        assert with_token(registry.consumer, f"repository:{repo}:pull").get(path).status == 200, path
    for path in (f"/v2/{repo}/tags/list", f"/v2/{repo}/manifests/v1", f"/v2/{repo}/blobs/{image.doc['config']['digest']}"):
        assert client.get(path).status == 401, path
    for method, path in (("DELETE", f"/acr/v1/{repo}/_tags/v1"), ("DELETE", f"/v2/{repo}/manifests/v1")):
        assert with_token(registry.maintainer, f"repository:{repo}:metadata_read,metadata_write").request(method, path).status == 401


def test_pull_covers_quarantine_exactly_for_its_holder(registry, repo):
    """T32: a `pull` token of a principal without quarantine-pull opens nothing that is held."""
    image = registry.publisher.push_image(repo, "v1")
    for name, status in (("processor", 200), ("qreader", 200), ("scanner", 200), ("consumer", 403), ("maintainer", 404),
                         ("publisher2", 404)):
        client = with_token(getattr(registry, name), f"repository:{repo}:pull")
        assert client.get_manifest(repo, image.digest).status == status, name
    # The publisher's echo works with a token, too; and no scope makes more of it.
    echo = with_token(registry.publisher, f"repository:{repo}:pull")
    assert echo.get_manifest(repo, image.digest).status == 200
    assert echo.get_manifest(repo, "v1").status == 404


def test_decisions_are_judged_by_grants_not_by_scope(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    for name in ("publisher", "consumer", "qreader", "maintainer", "auditor", "admin", "scanner"):
        refused = with_token(getattr(registry, name), f"repository:{repo}:*").decide(repo, image.digest, "released")
        assert refused.status in (403, 404), (name, refused)
    assert with_token(registry.processor).decide(repo, image.digest, "released").status == 200


def test_anonymous_tokens(make_registry):
    """T33: anonymous gets exactly what anonymous was granted, by token and without."""
    registry = make_registry()
    repo, public = "team/app", "public/app"
    assert registry.anonymous.get("/v2/").status == 401
    image = registry.publisher.push_image(public, "v1")
    held = registry.publisher.push_image(public, "v2")
    hidden = registry.publisher.push_image(repo, "v1")
    for name, pushed in ((public, image), (repo, hidden)):
        registry.processor.release(name, pushed.digest)
    got = registry.admin.request("POST", "/v2/_roadstead/admin/grants",
                                 body={"principal": "anonymous", "role": "consumer", "pattern": "public/**"})
    assert got.status == 201
    assert registry.anonymous.get("/v2/").status == 401  # clients log in only after a 401 here
    assert registry.anonymous.get_manifest(public, "v1").status == 200
    assert registry.anonymous.get_manifest(repo, "v1").status == 401
    assert registry.anonymous.get_manifest(public, held.digest).status == 401
    client = with_token(registry.anonymous, f"repository:{public}:pull,push", f"repository:{repo}:pull")
    assert access(client.auth) == {public: {"pull"}}
    assert client.get_manifest(public, "v1").status == 200
    # Held, missing and forbidden look alike.
    for name, reference in ((public, "v2"), (public, held.digest), (public, "nothing")):
        got = client.get_manifest(name, reference)
        assert (got.status, got.code) == (404, "MANIFEST_UNKNOWN"), (name, reference)
    assert client.request("POST", f"/v2/{public}/blobs/uploads/").status in (401, 403, 404)
    # Whoever is logged in may pull what anybody may.
    assert registry.stranger.get_manifest(public, "v1").status == 200
    assert registry.stranger.get("/v2/_roadstead/whoami").json()["grants"] == [
        {"pattern": "public/**", "permissions": ["pull"], "public": True}]
    # But no more is told about what is held than to anybody.
    for reference in (held.digest, "v2"):
        assert registry.stranger.get_manifest(public, reference).status in (403, 404)


# -- what is no token ---------------------------------------------------------------------------------


def forgeries(registry):
    good = token(registry.processor, "repository:a:pull")
    header, payload, _ = tokens.parts(good)
    kid, key = tokens.signing_key(registry.daemon)
    assert header["kid"] == kid
    assert tokens.sign(header, payload, key) == good  # so that the others differ in one point only
    first, second, third = good.split(".")
    now = int(time.time())
    yield "no signature", f"{first}.{second}."
    yield "empty", ""
    yield "two parts", f"{first}.{second}"
    yield "four parts", good + "." + third
    yield "signature of another payload", ".".join((first, tokens.b64(tokens.dumps({**payload, "sub": "1"})), third))
    yield "padding", good + "="
    yield "space", good + " x"
    for alg in ("none", "None", "HS384", "RS256", "ES256", "EdDSA", "HS256 "):
        yield f"alg {alg}, unsigned", tokens.sign({**header, "alg": alg}, payload, None)
        yield f"alg {alg}, signed", tokens.sign({**header, "alg": alg}, payload, key)
    for name, extra in (("jwk", {"kty": "oct", "k": tokens.b64(b"x" * 32)}), ("jku", registry.url + "/keys"), ("x5u", registry.url),
                        ("x5c", ["AAAA"]), ("crit", ["exp"]), ("zip", "DEF")):
        yield f"header {name}", tokens.sign({**header, name: extra}, payload, b"x" * 32)
        yield f"header {name} under our key", tokens.sign({**header, name: extra}, payload, key)
    for other in ("", "../../keys/token-keys", "/dev/null", "0" * 16, None):
        yield f"kid {other}", tokens.sign({**header, "kid": other}, payload, b"")
    yield "the kid as key", tokens.sign(header, payload, kid.encode())
    yield "the key in hex", tokens.sign(header, payload, key.hex().encode())
    yield "an empty key", tokens.sign(header, payload, b"")
    for name, change in (("aud", "other"), ("aud", ["roadstead"]), ("iss", "other"), ("exp", now - 1), ("exp", "9999999999"),
                         ("nbf", now + 3600), ("iat", now + 3600), ("sub", "999999"), ("sub", int(payload["sub"])),
                         ("cred", tokens.b64(b"\0" * 16)), ("use", "refresh"), ("whole", True)):
        yield f"{name} {change}", tokens.sign(header, {**payload, name: change}, key)
    for name in payload:
        yield f"without {name}", tokens.sign(header, {k: v for k, v in payload.items() if k != name}, key)
    yield "one more claim", tokens.sign(header, {**payload, "admin": True}, key)
    text = tokens.dumps(payload)
    yield "duplicate claim", tokens.sign(header, text.replace(b'{"iss"', b'{"sub":"1","iss"'), key)
    yield "duplicate header", tokens.sign(tokens.dumps(header).replace(b"{", b'{"alg":"none",', 1), payload, key)
    yield "no JSON", tokens.sign(header, b"x", key)
    yield "long", "a" * 9000
    yield "dots", "." * 3000


def test_forged_tokens(registry):
    """S4: alg none, key confusion, keys brought along, wrong or doubled claims: all of them 401, and the good one is good."""
    client = Client(registry.url)
    for what, jwt in forgeries(registry):
        got = client.get("/v2/", headers={"Authorization": "Bearer " + jwt})
        assert got.status == 401, (what, got)
        assert challenge(got)[0] == "Bearer"
        if jwt and what != "use refresh":  # that one is good, but nowhere else
            got = post_form(client, "/oauth2/exchange", grant_type="access_token", access_token=jwt)
            assert got.status == 401, (what, got)
    assert bearer(registry, token(registry.processor)).get("/v2/").status == 200


def test_a_token_of_a_megabyte(registry):
    try:
        got = Client(registry.url).get("/v2/", headers={"Authorization": "Bearer " + "a" * (1 << 20)})
        assert got.status in (400, 401, 413, 431), got
    except (ConnectionError, http.client.HTTPException):
        pass  # the answer came, and the connection was cut, while this side was still sending
    assert registry.consumer.get("/v2/").status == 200


@pytest.mark.parametrize("header", [
    "Basic", "Basic !!!!", "Basic YWxpY2U=", "Digest username=admin", "Negotiate YQ==", "Token x", "x",
    "Basic " + base64.b64encode(b"admin").decode(), "Basic " + base64.b64encode(b":").decode(),
    "Basic " + base64.b64encode(b"admin:x\0y").decode(), "Basic " + base64.b64encode(b"anonymous:").decode(),
])
def test_headers_that_are_no_credentials(registry, header):
    got = Client(registry.url).get("/v2/_catalog", headers={"Authorization": header})
    assert got.status == 401 and got.code == "UNAUTHORIZED", got


def test_two_authorization_headers(registry):
    """Nobody may be let in by the one while a proxy looked at the other."""
    client = Client(registry.url, registry.credentials["consumer"])
    conn = client._connect()
    conn.putrequest("GET", "/v2/")
    conn.putheader("Authorization", client.authorization())
    conn.putheader("Authorization", "Bearer x")
    conn.endheaders()
    assert conn.getresponse().status in (400, 401)
    conn.close()
