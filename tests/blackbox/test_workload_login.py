"""Workloads: what is believed of a token of an issuer, and what is not (SPEC sections 3 and 9; T35)."""

import hashlib
import hmac
import itertools
import json
import pathlib
import threading
import time
import types
import urllib.parse

import pytest

from client import Client, unique
from conftest import Registry
from daemon import Daemon, wait_for
from issuer import CONFIGURATION, Issuer, Key, altered, jws
from tokens import FORM, b64, parts

TOKEN_USER = "00000000-0000-0000-0000-000000000000"
WORKLOADS = "/v2/_roadstead/admin/workloads"
ALGORITHMS = {"RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa", "PS512": "rsa",
              "ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed"}
_sources = itertools.count(1)


def source():
    """An address that no failed login came from yet: what is throttled is not what most of these tests are about."""
    n = next(_sources)
    return {"X-Forwarded-For": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    kinds = {"rsa": "RSA", "p256": "P-256", "p384": "P-384", "p521": "P-521", "ed": "Ed25519"}
    return {kid: (Key(directory, kind), {}) for kid, kind in kinds.items()}


@pytest.fixture
def make_issuer(tmp_path, keys):
    """Issuers of one's own; all are closed at the end."""
    made = []

    def make(**kw):
        issuer = Issuer(tmp_path, **kw)
        issuer.keys = dict(keys)
        made.append(issuer)
        return issuer

    yield make
    for issuer in made:
        issuer.close()


def oidc(*issuers, **more):
    """Configuration: loopback may be asked, and these issuers' certificates are good."""
    bundle = issuers[0].directory / unique("bundle")
    bundle.write_text("".join(issuer.certificate.read_text() for issuer in issuers))
    return {"trusted_proxies": ["127.0.0.1"],
            "oidc": {"private_networks": ["127.0.0.0/8"], "ca_file": str(bundle), "refresh": "1h", "retry": "100ms", **more}}


def add(admin, name, issuer, audience="registry.test", claims=None):
    got = admin.request("POST", WORKLOADS, body={"name": name, "issuer": issuer if isinstance(issuer, str) else issuer.url,
                                                 "audience": audience, "claims": claims or {"sub": "repo:acme/**"}})
    assert got.status == 201, got


@pytest.fixture(scope="module")
def world(tmp_path_factory, keys):
    """One registry and one issuer, with a workload `ci` of it; for tests that change neither's manners."""
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    issuer.keys = dict(keys)
    daemon = Daemon(tmp_path_factory.mktemp("workloads"), oidc(issuer)).start()
    try:
        registry = Registry(daemon)
        add(registry.admin, "ci", issuer)
        yield types.SimpleNamespace(registry=registry, admin=registry.admin, issuer=issuer, url=daemon.url, daemon=daemon)
    finally:
        daemon.stop()
        issuer.close()


def basic(url, name, token, path="/v2/_roadstead/whoami", headers=None):
    return Client(url, (name, token)).get(path, headers=headers or source())


def post(url, path, **fields):
    return Client(url).request("POST", path, body=urllib.parse.urlencode(fields), content_type=FORM, headers=source())


def exchange(url, token):
    return post(url, "/oauth2/exchange", grant_type="access_token", service="registry.test", access_token=token)


def is_refused(world, token, says=None, name="ci"):
    """By name and without: 401 and nothing else; a reason only for who has a token that the issuer signed."""
    for got, nothing in ((basic(world.url, name, token), "the name or the password is wrong"), (exchange(world.url, token), "is none that a workload")):
        assert got.status == 401 and got.code == "UNAUTHORIZED", (got, token)
        assert (says or nothing) in got.message, got
        assert "refresh_token" not in got.json()


def is_accepted(world, token, name="ci"):
    got = basic(world.url, name, token)
    assert got.status == 200 and got.json()["name"] == name, got
    got = exchange(world.url, token)
    assert got.status == 200 and set(got.json()) == {"refresh_token"}, got


# ---- algorithms and forgeries ----

@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_each_algorithm_logs_in(world, algorithm):
    is_accepted(world, world.issuer.token(ALGORITHMS[algorithm], algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("part", [1, 2], ids=["claims", "signature"])
def test_T35_one_changed_bit_ends_a_token(world, algorithm, part):
    token = altered(world.issuer.token(ALGORITHMS[algorithm], algorithm), part)
    got = basic(world.url, "ci", token)
    assert got.status == 401, got


def test_T35_a_token_without_a_signature(world):
    claims = world.issuer.claims()
    for algorithm in ("none", "None", "NONE", "", None):
        is_401(basic(world.url, "ci", jws({"alg": algorithm, "kid": "rsa"}, claims, lambda message: b"")))
    good = world.issuer.token("rsa", "RS256")
    is_401(basic(world.url, "ci", good.rsplit(".", 1)[0] + "."))
    is_401(basic(world.url, "ci", good.rsplit(".", 1)[0]))


def is_401(got):
    assert got.status == 401 and got.code == "UNAUTHORIZED", got


def test_T35_the_public_key_is_no_secret(world):
    """HMAC under what everybody can read."""
    key = world.issuer.keys["rsa"][0]
    for secret in (key.pem(), key.pem().strip(), json.dumps(key.public).encode(), key.public["n"].encode()):
        for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512), ("RS256", hashlib.sha256)):
            is_401(basic(world.url, "ci", jws({"alg": algorithm, "kid": "rsa"}, world.issuer.claims(),
                                              lambda message, s=secret, d=digest: hmac.new(s, message, d).digest())))


def test_T35_a_key_of_ones_own_in_the_header(world, tmp_path):
    mine = Key(tmp_path, "P-256")
    for header in ({"jwk": mine.public}, {"jku": "https://localhost:1/keys"}, {"x5u": "https://localhost:1/c"}, {"x5c": ["AAAA"]}):
        for kid in ("p256", "mine"):
            is_refused(world, world.issuer.token(kid, header=header, key=mine))


def test_T35_the_key_of_another_kid_or_of_another_kind(world):
    issuer = world.issuer
    is_refused(world, issuer.token("p256", "RS256", key=issuer.keys["rsa"][0]))
    is_refused(world, issuer.token("rsa", "ES256", key=issuer.keys["p256"][0]))
    is_refused(world, issuer.token("P256", "ES256", key=issuer.keys["p256"][0]))
    is_refused(world, issuer.token("", "ES256", key=issuer.keys["p256"][0]))
    relabelled = jws({"alg": "PS256", "kid": "rsa"}, issuer.claims(), lambda message: issuer.keys["rsa"][0].sign("RS256", message))
    is_refused(world, relabelled)


def test_T35_nothing_signs_nothing(world):
    """ECDSA with r = s = 0, and an RSA signature of zeros."""
    is_401(basic(world.url, "ci", jws({"alg": "ES256", "kid": "p256"}, world.issuer.claims(), lambda message: bytes(64))))
    is_401(basic(world.url, "ci", jws({"alg": "RS256", "kid": "rsa"}, world.issuer.claims(), lambda message: bytes(256))))
    is_401(basic(world.url, "ci", jws({"alg": "EdDSA", "kid": "ed"}, world.issuer.claims(), lambda message: bytes(64))))


def test_a_forged_token_does_not_tell_which_workloads_there_are(world, tmp_path):
    """As wrong passwords do not tell which users there are."""
    forged = world.issuer.token("p256", key=Key(tmp_path, "P-256"))
    answers = {name: basic(world.url, name, forged) for name in ("ci", unique("nobody"), "publisher")}
    assert {got.status for got in answers.values()} == {401}
    assert len({got.body for got in answers.values()}) == 1, answers


@pytest.mark.parametrize("header", [
    {"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"typ": "logout+jwt"}, {"typ": "secevent+jwt"}, {"typ": ""},
    {"typ": None}, {"kid": 7}, {"kid": None}], ids=str)
def test_headers_that_are_refused(world, header):
    is_401(basic(world.url, "ci", world.issuer.token("p256", header=header)))


@pytest.mark.parametrize("typ", ["jwt", "application/jwt", "at+jwt", "application/at+JWT", ...])
def test_types_that_are_taken(world, typ):
    issuer = world.issuer
    header = {"alg": "ES256", "kid": "p256", **({} if typ is ... else {"typ": typ})}
    is_accepted(world, jws(header, issuer.claims(), lambda message: issuer.keys["p256"][0].sign("ES256", message)))


def test_T35_shapes_that_are_no_token(world):
    issuer = world.issuer
    sign = lambda message: issuer.keys["p256"][0].sign("ES256", message)  # noqa: E731
    header, claims = {"alg": "ES256", "kid": "p256"}, issuer.claims()
    doubled = json.dumps(claims)[:-1] + ', "iss": "' + issuer.url + '"}'
    deep = {**claims, "deep": json.loads("[" * 40 + "]" * 40)}
    for token in (jws(header, doubled, sign), jws(header, deep, sign), jws(header, [claims], sign), jws(header, "", sign), jws([header], claims, sign),
                  jws(header, json.dumps(claims) + "x", sign), jws(header, claims, sign) + ".x", "." + jws(header, claims, sign),
                  jws(header, claims, sign) + "=", jws(header, {**claims, "x": "y" * 9000}, sign), jws(header, json.dumps(claims)[:-1], sign)):
        is_401(basic(world.url, "ci", token))


# ---- claims ----

@pytest.mark.parametrize("claims, says", [
    ({"exp": ...}, "no expiry"), ({"exp": "2999999999"}, "no expiry"), ({"exp": None}, "no expiry"),
    ({"exp": 1}, "has expired"), ({"exp": -1}, "no expiry"), ({"nbf": 4000000000}, "not valid yet"),
    ({"iat": 4000000000}, "not valid yet"), ({"nbf": "x"}, "a time that is none"), ({"iat": True}, "a time that is none"),
    ({"aud": "other.test"}, "do not meet"), ({"aud": ["other.test", "registry.test.evil"]}, "do not meet"), ({"aud": []}, "do not meet"),
    ({"aud": ...}, "do not meet"), ({"aud": "REGISTRY.TEST"}, "do not meet"), ({"aud": {"registry.test": 1}}, "do not meet"),
    ({"sub": "repo:evil/app"}, "do not meet"), ({"sub": ...}, "do not meet"), ({"sub": None}, "do not meet"), ({"sub": 7}, "do not meet"),
    ({"sub": "REPO:acme/app"}, "do not meet"), ({"sub": {"repo:acme/app": 1}}, "do not meet")], ids=str)
def test_a_good_signature_is_not_enough(world, claims, says):
    is_refused(world, world.issuer.token("p256", **claims), says)


@pytest.mark.parametrize("claims", [
    {"nbf": ..., "iat": ...}, {"aud": ["other.test", "registry.test"]}, {"sub": "repo:acme/app/ref/x"}, {"sub": ["x", "repo:acme/app"]},
    {"exp": int(time.time()) + 3600.75, "iat": time.time() - 0.5}], ids=str)
def test_claims_that_meet_the_rule(world, claims):
    is_accepted(world, world.issuer.token("p256", **claims))


def test_a_minute_of_difference_between_clocks_is_forgiven_but_for_the_expiry(world):
    now = int(time.time())
    is_accepted(world, world.issuer.token("p256", nbf=now + 30, iat=now + 30))
    is_refused(world, world.issuer.token("p256", nbf=now + 3600), "not valid yet")
    is_refused(world, world.issuer.token("p256", exp=now - 1), "has expired")


def test_the_issuer_is_compared_byte_for_byte(world):
    issuer = world.issuer
    for iss in (issuer.url + "/", issuer.url.upper(), issuer.url.replace("https", "http"), issuer.url + "#", ..., 7, [issuer.url],
                "https://other.invalid"):
        is_401(basic(world.url, "ci", issuer.token("p256", iss=iss)))


RULES = [
    ({"repository_id": 42}, {"repository_id": 42}, True), ({"repository_id": 42}, {"repository_id": "42"}, False),
    ({"protected": True}, {"protected": True}, True), ({"protected": True}, {"protected": "true"}, False),
    ({"groups": "ops"}, {"groups": ["dev", "ops"]}, True), ({"groups": "ops"}, {"groups": ["dev"]}, False),
    ({"ref": ["refs/heads/main", "refs/tags/*"]}, {"ref": "refs/tags/v1"}, True),
    ({"ref": ["refs/heads/main", "refs/tags/*"]}, {"ref": "refs/heads/x"}, False),
    ({"kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "scan*"}}},
     {"kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "scanner", "uid": "1"}}}, True),
    ({"kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "scan*"}}},
     {"kubernetes.io": {"namespace": "ci"}}, False),
    ({"a": "x", "b": "y"}, {"a": "x", "b": "y"}, True), ({"a": "x", "b": "y"}, {"a": "x"}, False),
]


@pytest.mark.parametrize("rule, claims, is_met", RULES, ids=[f"{rule}-{claims}" for rule, claims, _ in RULES])
def test_every_claim_of_the_rule_must_be_met(world, rule, claims, is_met):
    name = unique("w")
    add(world.admin, name, world.issuer, claims=rule)
    got = basic(world.url, name, world.issuer.token("p256", sub="nobody", **claims))
    assert got.status == (200 if is_met else 401), got


# ---- ways in ----

def test_by_name_it_must_be_this_workload(world):
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"sub": "only:this"})
    token = world.issuer.token("p256", sub="only:this")
    assert basic(world.url, name, token).json()["name"] == name
    is_401(basic(world.url, "ci", token))
    is_401(basic(world.url, unique("nobody"), token))
    is_401(basic(world.url, "publisher", token))


def test_without_a_name_exactly_one_workload_must_fit(world):
    first, second = unique("w"), unique("w")
    claims = {"job": unique("job")}
    add(world.admin, first, world.issuer, claims=claims)
    token = world.issuer.token("p256", sub="x", **claims)
    assert exchange(world.url, token).status == 200
    add(world.admin, second, world.issuer, claims=claims)
    fresh = world.issuer.token("p256", sub="y", **claims)
    got = exchange(world.url, fresh)
    assert got.status == 401 and first in got.message and second in got.message, got
    assert basic(world.url, second, fresh).json()["name"] == second
    assert world.admin.request("PATCH", f"{WORKLOADS}/{second}", body={"disabled": True}).status == 200
    assert exchange(world.url, fresh).status == 200


def test_the_name_of_tokens_takes_an_issuers_token_too(world):
    got = basic(world.url, TOKEN_USER, world.issuer.token("p256"))
    assert got.status == 200 and got.json()["name"] == "ci", got
    is_401(basic(world.url, TOKEN_USER, world.issuer.token("p256", aud="x")))


def test_an_issuers_token_is_no_bearer_token(world):
    is_401(Client(world.url, world.issuer.token("p256")).get("/v2/_roadstead/whoami", headers=source()))


def test_the_token_service_takes_it_as_a_password(world):
    token = world.issuer.token("p256")
    world.registry.give("ci", "consumer", "tokens/**")
    got = Client(world.url, ("ci", token)).get("/token?service=roadstead&scope=repository:tokens/a:pull,push&offline_token=true", headers=source())
    assert got.status == 200 and got.json()["scope"] == "repository:tokens/a:pull", got
    assert Client(world.url, got.json()["token"]).get("/v2/_roadstead/whoami").json()["name"] == "ci"
    form = post(world.url, "/token", grant_type="password", username="ci", password=token, scope="repository:tokens/a:pull")
    assert form.status == 200 and form.json()["scope"] == "repository:tokens/a:pull", form
    for refresh in (got.json()["refresh_token"], exchange(world.url, token).json()["refresh_token"]):
        again = post(world.url, "/oauth2/token", grant_type="refresh_token", refresh_token=refresh, scope="repository:tokens/a:pull",
                     service="roadstead")
        assert again.status == 200, again
        assert Client(world.url, again.json()["access_token"]).get("/v2/_roadstead/whoami").json()["name"] == "ci"
        assert parts(refresh)[1]["exp"] - parts(refresh)[1]["iat"] == 3 * 3600


def test_workloads_push_process_and_pull(world, repo):
    """The whole way: an image of one workload is held, another lifts the flag, a third one pulls."""
    who = {role: unique(role) for role in ("publisher", "processor", "consumer")}
    clients = {}
    for role, name in who.items():
        add(world.admin, name, world.issuer, claims={"role": name})
        world.registry.give(name, role, repo)
        clients[role] = Client(world.url, (name, world.issuer.token("rsa", "RS256", role=name)))
    image = clients["publisher"].push_image(repo, "v1")
    denied = clients["consumer"].get_manifest(repo, image.digest)
    assert denied.status == 403 and denied.code == "DENIED", denied
    assert clients["publisher"].get_blob(repo, image.doc["layers"][0]["digest"]).status == 403
    assert clients["processor"].get_manifest(repo, image.digest).status == 200
    assert clients["publisher"].decide(repo, image.digest, "released").status in (403, 404)
    assert clients["processor"].decide(repo, image.digest, "released").status == 200
    assert clients["consumer"].get_manifest(repo, "v1").status == 200
    records = world.registry.auditor.audit(f"repository={repo}")
    assert [(r["action"], r["actor"], r["publisher"]) for r in records] == [
        ("quarantined", who["publisher"], who["publisher"]), ("released", who["processor"], who["publisher"])]


def test_separate_duties_are_those_of_the_workload(world, repo):
    name = unique("both")
    add(world.admin, name, world.issuer, claims={"role": name})
    world.registry.give(name, "processor", repo)
    world.registry.policy(repo, separate_duties=True)
    first = Client(world.url, (name, world.issuer.token("p256", role=name, sub="one")))
    second = Client(world.url, (name, world.issuer.token("p256", role=name, sub="two")))
    image = first.push_image(repo, "v1")
    assert second.decide(repo, image.digest, "released").status == 403
    assert world.registry.processor.decide(repo, image.digest, "released").status == 200


def test_nobody_holds_admin_and_a_quarantine_permission(world):
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})  # not what `ci` has: without a name one of them must fit
    grant = lambda what: world.admin.request("POST", "/v2/_roadstead/admin/grants",  # noqa: E731
                                             body={"principal": name, "role": what, "pattern": "**"}).status
    assert [grant("processor"), grant("admin")] == [201, 409]


# ---- the end of a login ----

def log_in_everyhow(world, name, **claims):
    """Calls that tell the status of the next request of each kind of credential got with one token."""
    token = world.issuer.token("p256", sub=name, **claims)
    refresh = exchange(world.url, token).json()["refresh_token"]
    access = post(world.url, "/oauth2/token", grant_type="refresh_token", refresh_token=refresh, scope="repository:x:pull").json()["access_token"]
    by_password, by_token = Client(world.url, (name, token)), Client(world.url, access)
    return [lambda: by_password.get("/v2/_roadstead/whoami", headers=source()).status,
            lambda: by_token.get("/v2/_roadstead/whoami").status,
            lambda: post(world.url, "/oauth2/token", grant_type="refresh_token", refresh_token=refresh, scope="repository:x:pull").status,
            lambda: exchange(world.url, token).status]


@pytest.mark.parametrize("change", ["disable", "delete", "claims", "audience", "issuer"])
def test_a_change_ends_every_login_with_the_next_request(world, change):
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})
    calls = log_in_everyhow(world, name, only=name)
    assert [call() for call in calls] == [200] * 4
    body = {"disable": {"disabled": True}, "claims": {"claims": {"only": name, "more": "x"}}, "audience": {"audience": "else.test"},
            "issuer": {"issuer": "https://else.invalid"}}.get(change)
    got = world.admin.request("PATCH", f"{WORKLOADS}/{name}", body=body) if body else world.admin.request("DELETE", f"{WORKLOADS}/{name}")
    assert got.status in (200, 204), got
    assert [call() for call in calls] == [401] * 4


def test_what_is_no_change_ends_nothing(world):
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})
    calls = log_in_everyhow(world, name, only=name)
    for body in ({"audience": ["registry.test"]}, {"claims": {"only": name}}, {"issuer": world.issuer.url}, {"disabled": False}):
        assert world.admin.request("PATCH", f"{WORKLOADS}/{name}", body=body).status == 200
    assert [call() for call in calls] == [200] * 4


def test_a_rule_that_was_widened_and_narrowed_again(world):
    """A token got under the wide rule does not come back to life."""
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": "a"})
    set_rule = lambda rule: world.admin.request("PATCH", f"{WORKLOADS}/{name}", body={"claims": rule}).status  # noqa: E731
    assert set_rule({"only": ["a", "b"]}) == 200
    token = world.issuer.token("p256", only="b")
    assert basic(world.url, name, token).status == 200
    assert set_rule({"only": "a"}) == 200
    is_401(basic(world.url, name, token))
    assert basic(world.url, name, world.issuer.token("p256", only="a")).status == 200


def test_a_rule_that_comes_back_does_not_bring_back_what_it_ended(world):
    """How an admin ends everything that was got with a stolen token: away with the rule, and on with it."""
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})
    set_claims = lambda only: world.admin.request("PATCH", f"{WORKLOADS}/{name}", body={"claims": {"only": only}}).status  # noqa: E731
    calls = log_in_everyhow(world, name, only=name)
    assert set_claims("else") == 200
    assert [call() for call in calls] == [401] * 4
    assert set_claims(name) == 200
    _, by_access_token, by_refresh_token, _ = calls
    assert [by_access_token(), by_refresh_token()] == [401, 401]
    assert basic(world.url, name, world.issuer.token("p256", only=name, jti="new")).status == 200


def test_a_removed_grant_is_gone_with_the_next_request(world, repo):
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})
    world.registry.give(name, "consumer", repo)
    image = world.registry.publisher.push_image(repo, "v1")
    assert world.registry.processor.decide(repo, image.digest, "released").status == 200
    client = Client(world.url, (name, world.issuer.token("p256", only=name)))
    assert client.get_manifest(repo, "v1").status == 200
    world.registry.take(name, "consumer")
    assert client.get_manifest(repo, "v1").status != 200


def test_a_token_is_not_remembered_past_its_expiry(world):
    token = world.issuer.token("p256", exp=int(time.time()) + 8)
    assert basic(world.url, "ci", token).status == 200
    wait_for(lambda: basic(world.url, "ci", token).status == 401, "the token has expired")


def test_failures_are_throttled_for_their_source_alone(world):
    name, mine, other = unique("w"), source(), source()
    add(world.admin, name, world.issuer, claims={"only": name})
    good = world.issuer.token("p256", only=name)
    statuses = []
    for n in range(40):
        got = basic(world.url, name, world.issuer.token("p256", only="x", n=n), headers=mine)
        statuses.append(got.status)
        if got.status == 429:
            assert int(got.headers["Retry-After"]) >= 1
            break
    assert statuses[:10] == [401] * 10 and statuses[-1] == 429, statuses
    assert basic(world.url, name, good, headers=other).status == 200
    assert basic(world.url, name, good, headers=mine).status == 200, "what was right a moment ago is not held up"


def test_the_log_tells_who_logged_in(world):
    subject = "repo:acme/" + unique("subject")
    assert basic(world.url, "ci", world.issuer.token("p256", sub=subject)).status == 200
    line = next(line for line in world.daemon.log.read_text().splitlines() if subject in line)
    assert "a workload logged in" in line and world.issuer.url in line


# ---- the issuer's keys ----

class Scene:
    """A daemon and an issuer of one's own."""

    def __init__(self, make_daemon, issuer, **more):
        self.issuer = issuer
        self.daemon = make_daemon(config=oidc(issuer, **more))
        self.url = self.daemon.url
        self.admin = self.daemon.admin()
        add(self.admin, "ci", issuer)

    def log_in(self, *args, **claims):
        return basic(self.url, "ci", self.issuer.token(*args, jti=unique("jti"), **claims)).status


@pytest.fixture
def scene(make_daemon, make_issuer):
    return lambda **more: Scene(make_daemon, make_issuer(), **more)


@pytest.mark.tsan
def test_keys_are_fetched_once_and_kept(scene):
    s = scene()
    assert [s.log_in(kid, alg) for alg, kid in ALGORITHMS.items()] == [200] * len(ALGORITHMS)
    assert (s.issuer.asked(CONFIGURATION), s.issuer.asked()) == (1, 1)


def test_an_issuer_that_no_workload_names_is_never_asked(scene, make_issuer):
    s, stranger = scene(), make_issuer()
    is_401(basic(s.url, "ci", stranger.token("p256")))
    is_401(exchange(s.url, stranger.token("p256")))
    add(s.admin, "other", stranger)
    assert s.admin.request("PATCH", f"{WORKLOADS}/other", body={"disabled": True}).status == 200
    is_401(exchange(s.url, stranger.token("p256")))
    is_401(basic(s.url, "other", stranger.token("p256")))
    is_401(basic(s.url, "ci", stranger.token("p256")))
    assert stranger.requests == []


@pytest.mark.tsan
def test_a_new_key_of_the_issuer_is_found(scene, tmp_path):
    s = scene()
    assert s.log_in("p256") == 200
    s.issuer.keys["next"] = (Key(tmp_path, "P-256"), {})
    wait_for(lambda: s.log_in("next") == 200, "the new key is known")
    assert s.log_in("p256") == 200


def test_unknown_keys_do_not_hammer_the_issuer(scene, tmp_path):
    s = scene(retry="1h")
    assert s.log_in("p256") == 200
    stranger = Key(tmp_path, "P-256")
    for n in range(20):
        assert s.log_in(f"kid-{n}", "ES256", None, stranger) == 401
    assert s.issuer.asked() == 1


@pytest.mark.tsan
def test_a_key_that_the_issuer_withdrew_ends(scene, tmp_path):
    s = scene(refresh="1s")
    s.issuer.keys["old"] = (Key(tmp_path, "P-256"), {})
    assert s.log_in("old") == 200
    old = s.issuer.keys.pop("old")[0]
    wait_for(lambda: s.log_in("old", "ES256", None, old) == 401, "the withdrawn key is refused")
    assert s.log_in("p256") == 200


def test_a_key_that_was_withdrawn_is_refused_by_the_first_login_after_the_refresh(scene, tmp_path):
    """The issuer can be asked, so nothing older than `oidc.refresh` is trusted, however seldom somebody logs in."""
    s = scene(refresh="1s")
    s.issuer.keys["old"] = (Key(tmp_path, "P-256"), {})
    assert s.log_in("old") == 200
    old = s.issuer.keys.pop("old")[0]
    fetched = time.monotonic()
    wait_for(lambda: time.monotonic() - fetched > 2, "the keys that the registry has are older than the refresh")
    is_401(exchange(s.url, s.issuer.token("old", key=old)))


@pytest.mark.tsan
def test_while_the_issuer_is_away_its_keys_are_good_for_a_time_and_then_nobody_gets_in(scene):
    s = scene(refresh="1s", keep="10s")
    assert s.log_in("p256") == 200
    s.issuer.close()
    since = time.monotonic()
    while time.monotonic() - since < 3:  # past the refresh, within what is kept
        assert s.log_in("p256") == 200
    wait_for(lambda: s.log_in("p256") == 503, "the keys are too old")
    got = basic(s.url, "ci", s.issuer.token("p256", jti="x"))
    assert got.status == 503 and int(got.headers["Retry-After"]) >= 1 and "try again later" in got.message, got
    assert exchange(s.url, s.issuer.token("p256", jti="y")).status == 503
    s.issuer.open()
    wait_for(lambda: s.log_in("p256") == 200, "the issuer is back")
    assert "could not be fetched" in s.daemon.log.read_text()


MANNERS = {
    "an error": lambda issuer: setattr(issuer, "manner", lambda path, n: 500),
    "nothing there": lambda issuer: setattr(issuer, "manner", lambda path, n: 404),
    "rubbish": lambda issuer: setattr(issuer, "manner", lambda path, n: b"<html>"),
    "an empty answer": lambda issuer: setattr(issuer, "manner", lambda path, n: b""),
    "another issuer": lambda issuer: issuer.configuration.update(issuer="https://else.invalid"),
    "no issuer": lambda issuer: issuer.configuration.update(issuer=None),
    "keys over http": lambda issuer: issuer.configuration.update(jwks_uri=f"http://127.0.0.1:{issuer.port}/keys"),
    "keys in a file": lambda issuer: issuer.configuration.update(jwks_uri="file:///etc/passwd"),
    "no place of keys": lambda issuer: issuer.configuration.update(jwks_uri=None),
    "a redirect to the keys": lambda issuer: setattr(issuer, "manner", lambda path, n: ("redirect", issuer.url + "/keys") if n == 1 else None),
    "a redirect of everything": lambda issuer: setattr(issuer, "manner", lambda path, n: ("redirect", issuer.url + path + "x")),
    "too much": lambda issuer: setattr(issuer, "manner", lambda path, n: json.dumps({"keys": [], "x": "y" * 600000}).encode()),
    "no keys": lambda issuer: issuer.keys.clear(),
    "too many keys": lambda issuer: issuer.keys.update({f"k{n}": issuer.keys["p256"] for n in range(200)}),
    "a key set with a member twice": lambda issuer: setattr(issuer, "manner", lambda path, n: b'{"keys":[],"keys":[]}' if n == 1 else None),
}


@pytest.mark.parametrize("manner", MANNERS)
def test_an_answer_that_is_not_what_it_should_be_lets_nobody_in(scene, manner):
    s = scene()
    kid = s.issuer.token("p256")
    MANNERS[manner](s.issuer)
    got = basic(s.url, "ci", kid)
    assert got.status == 503 and "Retry-After" in got.headers, got
    assert "could not be fetched" in s.daemon.log.read_text()


@pytest.mark.parametrize("members", [
    {"use": "enc"}, {"use": ""}, {"key_ops": ["sign"]}, {"alg": "ES384"}, {"alg": "HS256"}, {"alg": "none"}, {"kty": "oct"}, {"crv": "P-384"},
    {"d": "AAAA"}, {"x": "AAAA"}, {"kid": 7}], ids=str)
def test_a_key_that_is_not_for_this_verifies_nothing(scene, members, tmp_path):
    s = scene()
    s.issuer.keys["odd"] = (Key(tmp_path, "P-256"), members)
    assert s.log_in("odd") == 401
    assert s.log_in("p256") == 200, "the others are as good as ever"


def test_small_keys_verify_nothing(scene, tmp_path):
    s = scene()
    s.issuer.keys["small"] = (Key(tmp_path, "RSA", bits=1024), {})
    assert s.log_in("small", "RS256") == 401
    assert s.log_in("rsa", "RS256") == 200


def test_a_token_without_a_kid_needs_a_set_of_one_key(scene):
    s = scene()
    key = s.issuer.keys["p256"][0]
    nameless = lambda: basic(s.url, "ci", jws({"alg": "ES256"}, s.issuer.claims(jti=unique("j")),  # noqa: E731
                                              lambda message: key.sign("ES256", message))).status
    assert nameless() == 401
    for kid in list(s.issuer.keys):
        if kid != "p256":
            del s.issuer.keys[kid]
    wait_for(lambda: nameless() == 200, "there is no choice any more")


def test_two_keys_of_one_kid_are_both_tried(scene, tmp_path):
    s = scene()
    first, second = Key(tmp_path, "P-256"), Key(tmp_path, "P-256")
    twice = {"keys": [{"kid": "twin", **first.public}, {"kid": "twin", **second.public}]}
    s.issuer.manner = lambda path, n: json.dumps(twice).encode() if path == "/keys" else None
    assert s.log_in("twin", "ES256", None, first) == 200
    assert s.log_in("twin", "ES256", None, second) == 200


def test_an_issuer_below_a_path(make_daemon, make_issuer):
    for path in ("/realms/acme", "/realms/acme/"):
        s = Scene(make_daemon, make_issuer(path=path))
        assert s.log_in("p256") == 200
        assert s.issuer.asked("/realms/acme" + CONFIGURATION) == 1


def test_private_addresses_are_not_asked_unless_configured(make_daemon, make_issuer):
    issuer = make_issuer()
    s = Scene(make_daemon, issuer, private_networks=[])
    assert s.log_in("p256") == 503
    s = Scene(make_daemon, issuer, private_networks=["10.0.0.0/8"])
    assert s.log_in("p256") == 503
    assert issuer.requests == []


def test_an_issuer_with_a_certificate_of_nobody_is_not_believed(make_daemon, make_issuer):
    issuer, other = make_issuer(), make_issuer()
    s = Scene(make_daemon, issuer, ca_file=str(other.certificate))
    assert s.log_in("p256") == 503
    assert issuer.requests == []


@pytest.mark.tsan
def test_a_slow_issuer_holds_up_nobody_else(scene, make_issuer):
    """While logins wait for an issuer that does not answer, passwords, other issuers and reads go on, and only few wait."""
    s = scene()
    slow = make_issuer()
    slow.manner = lambda path, n: "hang"
    bundle = pathlib.Path(json.loads(s.daemon.config.read_text())["oidc"]["ca_file"])
    bundle.write_text(bundle.read_text() + slow.certificate.read_text())
    s.daemon.restart()
    s.url, s.admin = s.daemon.url, s.daemon.admin()
    add(s.admin, "slow", slow)
    waiting = [Client(s.url, ("slow", slow.token("p256", jti=str(n))), once=True) for n in range(30)]

    got = []
    threads = [threading.Thread(target=lambda c=c: got.append(c.get("/v2/_roadstead/whoami", headers=source()).status)) for c in waiting]
    for thread in threads:
        thread.start()
    slow.wait_asked(1, CONFIGURATION)
    wait_for(lambda: len(got) >= 30 - 4, "but a few are sent away at once")
    assert set(got) == {503}
    for n in range(5):
        assert s.log_in("p256") == 200
        assert Client(s.url, s.daemon.admin_auth()).get("/v2/").status == 200
        assert Client(s.url).get("/healthz").status == 200
    for thread in threads:
        thread.join(60)
    assert got == [503] * 30
    assert slow.asked(CONFIGURATION) <= 3


@pytest.mark.tsan
def test_the_daemon_stops_while_an_issuer_is_being_asked(scene):
    s = scene()
    s.issuer.manner = lambda path, n: "hang"

    thread = threading.Thread(target=lambda: s.log_in("p256"))
    thread.start()
    s.issuer.wait_asked(1, CONFIGURATION)
    s.daemon.stop()
    thread.join(60)
    assert not thread.is_alive()
