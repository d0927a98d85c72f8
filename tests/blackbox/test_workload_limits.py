"""Workloads at the edges: the last value that is good and the first that is not, and what a stranger could make of the rest (SPEC 3 and 9; T35)."""

import json
import threading

import pytest

from client import Client, unique
from daemon import wait_for
from issuer import CONFIGURATION, KEYS, Key, der_integers, jws, openssl
from test_workload_login import (TOKEN_USER, WORKLOADS, Scene, add, basic, exchange, is_401, is_accepted, is_refused, keys,  # noqa: F401
                                 log_in_everyhow, make_issuer, oidc, post, scene, source, world)
from tokens import b64, challenge, with_token

ADMIN = "/v2/_roadstead/admin"
TOKEN_BYTES_MAX = 8192
RULE_BYTES_MAX = 4096
ANSWER_BYTES_MAX = 512 * 1024


def change(world, name, **body):
    got = world.admin.request("PATCH", f"{WORKLOADS}/{name}", body=body)
    assert got.status == 200, got


# ---- the rule ----


def make(admin, **changes):
    name = unique("edge")
    body = {"name": name, "issuer": "https://issuer.invalid", "audience": "a", "claims": {"sub": "x"}, **changes}
    return admin.request("POST", WORKLOADS, body=body).status


def test_the_length_of_an_issuer_and_of_an_audience(world):
    issuer = lambda n: "https://issuer.invalid/" + "i" * (n - len("https://issuer.invalid/"))  # noqa: E731
    assert [make(world.admin, issuer=issuer(n)) for n in (512, 513)] == [201, 400]
    assert [make(world.admin, audience="a" * n) for n in (512, 513)] == [201, 400]
    assert [make(world.admin, audience=["a"] * n) for n in (16, 17)] == [201, 400]


def test_the_size_of_a_rule(world):
    def with_size(n):
        rule = {"audience": ["a"], "claims": {"sub": ""}, "issuer": "https://issuer.invalid"}
        return {"sub": "x" * (n - len(json.dumps(rule, separators=(",", ":"))))}

    assert [make(world.admin, claims=with_size(n)) for n in (RULE_BYTES_MAX, RULE_BYTES_MAX + 1)] == [201, 400]


def test_the_list_shows_of_each_what_the_one_shows_but_for_its_grants(world):
    name = unique("listed")
    add(world.admin, name, world.issuer, claims={"only": name})
    one = world.admin.get(f"{WORKLOADS}/{name}").json()
    listed = [w for w in world.admin.get(f"{WORKLOADS}?n=500").json()["workloads"] if w["name"] == name]
    assert listed == [{k: v for k, v in one.items() if k != "grants"}]


@pytest.mark.parametrize("what", ["processor", "quarantine-decide", "quarantine-override", "checker:scan"])
@pytest.mark.parametrize("admin_first", [False, True])
def test_admin_and_the_quarantine_exclude_each_other_in_either_order(world, what, admin_first):
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})
    order = ["admin", what] if admin_first else [what, "admin"]
    got = [world.admin.request("POST", f"{ADMIN}/grants", body={"principal": name, "role": role, "pattern": "**"}) for role in order]
    assert [each.status for each in got] == [201, 409], got
    assert len(world.admin.get(f"{WORKLOADS}/{name}").json()["grants"]) == 1


# ---- tokens ----


def test_T35_the_longest_token(world):
    """8192 bytes are taken by every way in, one more is not."""
    key, header = world.issuer.keys["p256"][0], {"alg": "ES256", "kid": "p256"}

    def with_length(n):
        for more in ("", "x"):  # two texts of one length in base64 differ by what the header adds
            base = len(jws({**header, "m": more}, world.issuer.claims(pad=""), lambda message: bytes(64)))
            for size in range((n - base) * 3 // 4 - 3, (n - base) * 3 // 4 + 4):
                token = jws({**header, "m": more}, world.issuer.claims(pad="p" * size), lambda message: key.sign("ES256", message))
                if len(token) == n:
                    return token
        raise AssertionError(n)

    is_accepted(world, with_length(TOKEN_BYTES_MAX))
    for got in (exchange(world.url, with_length(TOKEN_BYTES_MAX + 1)), basic(world.url, "ci", with_length(TOKEN_BYTES_MAX + 1))):
        is_401(got)


def test_T35_addresses_in_the_header_are_not_asked(make_daemon, make_issuer, tmp_path):  # noqa: F811
    """Not even of a server that could be asked, whose certificate is good, and which has the key."""
    issuer, stranger = make_issuer(), make_issuer()
    s = Scene(make_daemon, issuer, ca_file=oidc(issuer, stranger)["oidc"]["ca_file"])
    assert s.log_in("p256") == 200
    mine = Key(tmp_path, "P-256")
    stranger.keys["mine"] = (mine, {})
    for header in ({"jku": stranger.url + KEYS}, {"x5u": stranger.url + KEYS}, {"jku": stranger.url + KEYS, "jwk": mine.public}):
        for kid in ("mine", "p256"):
            is_401(basic(s.url, "ci", issuer.token(kid, header=header, key=mine)))
            is_401(exchange(s.url, issuer.token(kid, header=header, key=mine)))
    assert stranger.requests == []


def test_T35_signatures_in_another_form(world):
    """The right key, but not as the algorithm is written down."""
    rsa, ec = world.issuer.keys["rsa"][0], world.issuer.keys["p256"][0]

    def pss(salt):
        return lambda message: openssl("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", f"rsa_pss_saltlen:{salt}", "-sign", rsa.file,
                                       stdin=message)

    def raw(r_bytes, s_bytes):
        def sign(message):
            r, s = der_integers(openssl("dgst", "-sha256", "-sign", ec.file, stdin=message))
            return r.to_bytes(r_bytes, "big") + s.to_bytes(s_bytes, "big")
        return sign

    is_accepted(world, jws({"alg": "PS256", "kid": "rsa"}, world.issuer.claims(), pss(32)))
    is_accepted(world, jws({"alg": "ES256", "kid": "p256"}, world.issuer.claims(), raw(32, 32)))
    for algorithm, kid, sign in [
            ("PS256", "rsa", pss(0)), ("PS256", "rsa", pss(20)), ("PS256", "rsa", lambda m: rsa.sign("PS512", m)),
            ("RS256", "rsa", lambda m: rsa.sign("RS512", m)), ("RS256", "rsa", lambda m: b"\0" + rsa.sign("RS256", m)),
            ("RS256", "rsa", lambda m: rsa.sign("RS256", m) + b"\0"), ("RS256", "rsa", lambda m: rsa.sign("RS256", m)[:-1]),
            ("ES256", "p256", lambda m: openssl("dgst", "-sha256", "-sign", ec.file, stdin=m)), ("ES256", "p256", raw(33, 33)),
            ("ES256", "p256", raw(32, 33)), ("ES256", "p256", lambda m: raw(32, 32)(m)[:-1]), ("ES384", "p256", lambda m: ec.sign("ES384", m)),
            ("EdDSA", "ed", lambda m: world.issuer.keys["ed"][0].sign("EdDSA", m) + b"\0")]:
        is_401(basic(world.url, "ci", jws({"alg": algorithm, "kid": kid}, world.issuer.claims(), sign)))


def signed(world, header, claims):
    return jws(header, claims, lambda message: world.issuer.keys["p256"][0].sign("ES256", message))


def test_T35_a_member_twice_anywhere(world):
    claims = json.dumps(world.issuer.claims())
    is_accepted(world, signed(world, '{"alg":"ES256","kid":"p256"}', claims))
    for header in ('{"alg":"ES256","kid":"p256","alg":"ES256"}', '{"alg":"none","kid":"p256","alg":"ES256"}', '{"alg":"ES256","kid":"x","kid":"p256"}'):
        is_401(basic(world.url, "ci", signed(world, header, claims)))
    header = {"alg": "ES256", "kid": "p256"}
    for twice in ('"sub":"repo:acme/app"', '"su\\u0062":"repo:acme/app"', '"aud":"registry.test"', '"exp":4000000000', '"x":{"y":1,"y":2}'):
        is_401(basic(world.url, "ci", signed(world, header, claims[:-1] + "," + twice + "}")))


def test_T35_nothing_ends_at_a_zero_byte(world):
    """A text that is compared up to its first NUL would be another one."""
    header = {"alg": "ES256", "kid": "p256"}
    for claims in ({"sub": "repo:acme/app\0/evil"}, {"aud": "registry.test\0.evil"}, {"iss": world.issuer.url + "\0"}):
        is_401(basic(world.url, "ci", signed(world, header, world.issuer.claims(**claims))))
    is_401(basic(world.url, "ci", signed(world, {**header, "kid": "p256\0"}, world.issuer.claims())))
    is_401(basic(world.url, "ci", signed(world, {**header, "alg": "ES256\0"}, world.issuer.claims())))


def test_T35_bytes_that_are_no_text(world):
    key = world.issuer.keys["p256"][0]
    for claims in (b'{"iss":"\xff"}', json.dumps(world.issuer.claims()).encode()[:-1] + b',"x":"\xc0\xaf"}'):
        message = b64(b'{"alg":"ES256","kid":"p256"}') + "." + b64(claims)
        is_401(basic(world.url, "ci", message + "." + b64(key.sign("ES256", message.encode()))))
    good = world.issuer.token("p256")
    is_accepted(world, good)
    for text in (good.replace(".", "..", 1), good[:40] + " " + good[40:], good[:40] + "\n" + good[40:], good + "\n", " " + good, good[:-4] + "+/+/",
                 good + "=="):
        is_401(basic(world.url, "ci", text))


def test_before_the_signature_is_verified_all_faults_have_one_answer(world, tmp_path):
    """Whoever holds no key of the issuer learns neither what is wrong nor whom the registry knows."""
    issuer, mine = world.issuer, Key(tmp_path, "P-256")
    forged = [issuer.token("p256", key=mine), issuer.token("unknown", key=mine), issuer.token("p256", key=mine, exp=1),
              issuer.token("p256", key=mine, aud="else"), issuer.token("p256", key=mine, sub="else"), issuer.token("p256", key=mine, iss="https://else.invalid"),
              issuer.token("p256", "ES384", key=Key(tmp_path, "P-384")), issuer.token("ed", key=mine)]
    assert len({exchange(world.url, token).body for token in forged}) == 1
    for name in ("ci", TOKEN_USER):
        assert len({basic(world.url, name, token).body for token in forged}) == 1, name


# ---- ways in and ways that are none ----


def test_an_issuers_token_is_no_refresh_token(world):
    token = world.issuer.token("p256")
    is_401(post(world.url, "/oauth2/token", grant_type="refresh_token", refresh_token=token, scope="repository:x:pull"))
    is_401(post(world.url, "/token", grant_type="refresh_token", refresh_token=token, scope="repository:x:pull"))
    assert post(world.url, "/oauth2/exchange", grant_type="refresh_token", refresh_token=token).status == 401
    for path in ("/token?service=roadstead", "/v2/", "/v2/_catalog", "/acr/v1/_catalog", "/v2/x/tags/list", f"{ADMIN}/users"):
        is_401(Client(world.url, token).get(path, headers=source()))


def test_an_exchange_needs_no_service(world):
    got = post(world.url, "/oauth2/exchange", grant_type="access_token", access_token=world.issuer.token("p256"))
    assert got.status == 200 and set(got.json()) == {"refresh_token"}, got


def test_the_form_takes_the_name_of_tokens_too(world):
    for path in ("/token", "/oauth2/token"):
        got = post(world.url, path, grant_type="password", username=TOKEN_USER, password=world.issuer.token("p256"), scope="repository:x:pull")
        assert got.status == 200, got
        assert Client(world.url, got.json()["access_token"]).get("/v2/_roadstead/whoami").json()["name"] == "ci"


def test_an_exchanged_token_is_a_password_for_whoever_asks_for_tokens(world):
    """As `docker login` sends it."""
    refresh = exchange(world.url, world.issuer.token("p256")).json()["refresh_token"]
    got = Client(world.url, (TOKEN_USER, refresh)).get("/token?service=roadstead&scope=repository:x:pull")
    assert got.status == 200, got
    assert Client(world.url, got.json()["token"]).get("/v2/_roadstead/whoami").json()["name"] == "ci"


def answer_challenge(world, got, token, scope):
    """What Azure's clients do with a 401: exchange the token, and get one for what the challenge names."""
    asked = challenge(got)[1]
    assert got.status == 401 and asked["scope"] == scope, asked
    refresh = post(world.url, "/oauth2/exchange", grant_type="access_token", service=asked["service"], access_token=token)
    assert refresh.status == 200, refresh
    issued = post(world.url, "/oauth2/token", grant_type="refresh_token", service=asked["service"], scope=asked["scope"],
                  refresh_token=refresh.json()["refresh_token"])
    assert issued.status == 200, issued
    return Client(world.url, issued.json()["access_token"])


def test_the_whole_way_with_tokens(world, repo):
    """As Docker's and Azure's clients go it: a publisher with a token for its scope, a processor that exchanges and
    lifts the flag in Azure's form, a consumer that pulls."""
    who = {role: unique(role) for role in ("publisher", "processor", "consumer")}
    id_tokens = {}
    for role, name in who.items():
        add(world.admin, name, world.issuer, claims={"role": name})
        world.registry.give(name, role, repo)
        id_tokens[role] = world.issuer.token("rsa", "RS256", role=name, sub=name)
    publisher = with_token(Client(world.url, (who["publisher"], id_tokens["publisher"])), f"repository:{repo}:pull,push")
    consumer = with_token(Client(world.url, (who["consumer"], id_tokens["consumer"])), f"repository:{repo}:pull,push")
    image = publisher.push_image(repo, "v1")
    assert consumer.get_manifest(repo, "v1").status == 403
    assert consumer.request("POST", f"/v2/{repo}/blobs/uploads/").status in (401, 403), "what it does not hold is in no token"
    path = f"/acr/v1/{repo}/_manifests/{image.digest}"
    reader = answer_challenge(world, Client(world.url).get(path), id_tokens["processor"], f"repository:{repo}:pull")
    assert reader.get(path).json()["manifest"]["changeableAttributes"]["quarantineState"] == "Quarantined"
    body = {"quarantineState": "Passed"}
    for role, status in (("consumer", 403), ("publisher", 403), ("processor", 200)):
        client = answer_challenge(world, Client(world.url).request("PATCH", path, body=body), id_tokens[role], f"repository:{repo}:pull")
        assert client.request("PATCH", path, body=body).status == status, role
    assert consumer.get_manifest(repo, "v1").status == 200
    assert [(r["action"], r["actor"]) for r in world.registry.auditor.audit(f"repository={repo}")] == [
        ("quarantined", who["publisher"]), ("released", who["processor"])]


def test_the_other_parts_of_the_registry_know_it_by_its_name(world, repo):
    """Checks under a claim, explain, the audit log."""
    name = unique("checker")
    add(world.admin, name, world.issuer, claims={"only": name})
    world.registry.give(name, "checker:scan", repo)
    world.registry.policy(repo, checks=["scan"])
    image = world.registry.publisher.push_image(repo, "v1")
    client = Client(world.url, (name, world.issuer.token("p256", only=name)))
    explained = world.admin.get(f"/v2/{repo}/_roadstead/explain?principal={name}&reference=v1")
    assert explained.status == 200 and explained.json()["principal"] == name, explained
    claim = wait_for(lambda: (got := client.request("POST", "/v2/_roadstead/quarantine/claims", body={"check": "scan", "repositories": [repo]})
                              ).status == 200 and got.json(), "the work is handed out")
    assert claim["digest"] == image.digest
    got = client.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{image.digest}/checks/scan", body={"state": "passed", "claim": claim["claim"]})
    assert got.status == 200, got
    assert world.registry.consumer.get_manifest(repo, "v1").status == 200
    acted = [r["action"] for r in world.registry.auditor.audit(f"repository={repo}&actor={name}")]
    assert "claimed" in acted and "released" in acted, acted


# ---- the end of a login ----


def test_enabling_lets_in_again(world):
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})
    token = world.issuer.token("p256", sub=name, only=name)
    for disabled, status in ((False, 200), (True, 401), (False, 200)):
        change(world, name, disabled=disabled)
        assert basic(world.url, name, token).status == status
        assert exchange(world.url, token).status == status


def test_a_namesake_has_nothing_of_the_one_before(world):
    """Deleted, and made anew with the same rule: tokens got by the first one stay ended."""
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})
    world.registry.give(name, "consumer", "**")
    calls = log_in_everyhow(world, name, only=name)
    assert [call() for call in calls] == [200] * 4
    assert world.admin.request("DELETE", f"{WORKLOADS}/{name}").status == 204
    add(world.admin, name, world.issuer, claims={"only": name})
    _, by_access_token, by_refresh_token, _ = calls
    assert [by_access_token(), by_refresh_token()] == [401, 401]
    assert world.admin.get(f"{WORKLOADS}/{name}").json()["grants"] == []


# ---- failures ----


def test_failed_exchanges_are_throttled_too(world):
    mine = source()
    form = "application/x-www-form-urlencoded"
    client = Client(world.url)

    def attempt(n):
        token = world.issuer.token("p256", aud="else", n=n)
        return client.request("POST", "/oauth2/exchange", body=f"grant_type=access_token&access_token={token}", content_type=form, headers=mine)

    statuses = []
    while len(statuses) < 40 and 429 not in statuses:
        got = attempt(len(statuses))
        statuses.append(got.status)
    assert set(statuses[:-1]) == {401} and statuses[-1] == 429, statuses
    assert int(got.headers["Retry-After"]) >= 1
    assert exchange(world.url, world.issuer.token("p256")).status == 200, "from elsewhere"


def test_an_issuer_that_is_away_is_no_failure_of_whoever_logs_in(scene):  # noqa: F811
    """Many logins in vain, and none of them counts: the first one after the issuer came back gets in, from the same address."""
    s = scene()
    s.issuer.close()
    mine = source()
    for n in range(40):
        assert basic(s.url, "ci", s.issuer.token("p256", n=n), headers=mine).status == 503
    s.issuer.open()

    def log_in():
        got = basic(s.url, "ci", s.issuer.token("p256"), headers=mine)
        assert got.status in (200, 503), got
        return got.status == 200

    wait_for(log_in, "the issuer is back")


def test_what_a_token_says_makes_no_line_of_the_log(world):
    name = unique("w")
    add(world.admin, name, world.issuer, claims={"only": name})
    mark = unique("forged-line-")
    for sub in (f"x\n{mark}", f"x\r{mark}", f'x" workload="{mark}', f"x\x1b[2J{mark}", f"x\u2028{mark}"):
        assert basic(world.url, name, world.issuer.token("p256", only=name, sub=sub)).status == 200
    text = world.daemon.log.read_bytes().decode()
    lines = [line for line in text.split("\n") if mark in line]
    assert len(lines) == 5 and all(not line.startswith(mark) and "a workload logged in" in line for line in lines), lines
    assert not any(c in text for c in "\r\x1b")


# ---- the issuer's keys ----


@pytest.mark.parametrize("members", [{"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}, {"alg": "ES256"},
                                     {"use": "sig", "key_ops": ["verify"], "alg": "ES256", "x5t": "x", "more": {"a": [1]}}], ids=str)
def test_a_key_that_says_that_it_is_for_this_verifies(scene, tmp_path, members):  # noqa: F811
    s = scene()
    s.issuer.keys["said"] = (Key(tmp_path, "P-256"), members)
    assert s.log_in("said") == 200


def test_T35_a_key_keeps_to_the_algorithm_that_it_names(scene):  # noqa: F811
    s = scene()
    s.issuer.keys = {"rsa": (s.issuer.keys["rsa"][0], {"alg": "RS256"})}
    assert [s.log_in("rsa", algorithm) for algorithm in ("RS256", "RS384", "RS512", "PS256")] == [200, 401, 401, 401]


def test_keys_of_unknown_kinds_are_passed_over(scene):  # noqa: F811
    """Whatever stands beside it, the one good key is good, and being the only one that is of use it needs no kid."""
    s = scene()
    good = s.issuer.keys["p256"][0]
    others = [{"kty": "XYZ", "kid": "a"}, {"kid": "b"}, {}, 7, None, "key", [], {"kty": "oct", "k": "AAAA", "kid": "p256"},
              {"kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA", "kid": "c"}, {"kty": "OKP", "crv": "X25519", "x": "AAAA", "kid": "d"},
              {"kty": "RSA", "n": b64(b"\xff" * 128), "e": "AQAB", "kid": "e"}, {"kty": "RSA", "n": b64(b"\xff" * 1032), "e": "AQAB", "kid": "f"},
              {**s.issuer.keys["rsa"][0].public, "use": "enc", "kid": "g"}]
    document = json.dumps({"keys": [*others, {"kid": "p256", **good.public}]}).encode()
    s.issuer.manner = lambda path, n: document if path == KEYS else None
    assert s.log_in("p256") == 200
    nameless = jws({"alg": "ES256"}, s.issuer.claims(), lambda message: good.sign("ES256", message))
    assert basic(s.url, "ci", nameless).status == 200
    assert s.issuer.asked() == 1


def test_keys_may_be_at_another_address(make_daemon, make_issuer):  # noqa: F811
    issuer, other = make_issuer(), make_issuer()
    issuer.configuration["jwks_uri"] = other.url + KEYS
    s = Scene(make_daemon, issuer, ca_file=oidc(issuer, other)["oidc"]["ca_file"])
    assert s.log_in("p256") == 200
    assert (issuer.asked(), other.asked()) == (0, 1)


@pytest.mark.parametrize("configuration", [
    lambda issuer: {"issuer": issuer.url + "/"}, lambda issuer: {"issuer": [issuer.url]}, lambda issuer: {"jwks_uri": [issuer.url + KEYS]},
    lambda issuer: {"jwks_uri": issuer.url.replace("https://", "https://user:secret@") + KEYS}, lambda issuer: {"jwks_uri": KEYS},
    lambda issuer: {"jwks_uri": "https://"}, lambda issuer: {"jwks_uri": issuer.url + KEYS + "\r\nX: y"}],
    ids=["issuer with a slash", "list of issuers", "list of places", "user info", "relative", "no host", "two lines"])
def test_a_configuration_that_is_not_what_it_should_be_lets_nobody_in(scene, configuration):  # noqa: F811
    s = scene()
    s.issuer.configuration.update(configuration(s.issuer))
    assert s.log_in("p256") == 503
    assert s.issuer.asked() == 0


def test_an_answer_may_have_half_a_mebibyte(scene):  # noqa: F811
    s = scene()
    document = s.issuer.document(KEYS)
    s.issuer.manner = lambda path, n: document + b" " * (ANSWER_BYTES_MAX + 1 - len(document)) if path == KEYS else None
    assert s.log_in("p256") == 503
    s.issuer.manner = lambda path, n: document + b" " * (ANSWER_BYTES_MAX - len(document)) if path == KEYS else None
    wait_for(lambda: s.log_in("p256") == 200, "the keys were fetched")


def test_keys_that_do_not_come_let_nobody_in(scene):  # noqa: F811
    """The configuration answers, the keys hang."""
    s = scene()
    s.issuer.manner = lambda path, n: "hang" if path == KEYS else None
    got = basic(s.url, "ci", s.issuer.token("p256"))
    assert got.status == 503 and int(got.headers["Retry-After"]) >= 1, got
    s.issuer.manner = lambda path, n: None
    wait_for(lambda: s.log_in("p256") == 200, "the issuer answers")


def test_a_certificate_for_another_name_is_not_believed(make_daemon, make_issuer):  # noqa: F811
    issuer = make_issuer(names="DNS:other.test")
    s = Scene(make_daemon, issuer)
    assert s.log_in("p256") == 503
    assert issuer.requests == []


def test_tokens_got_before_a_restart_need_no_issuer(scene):  # noqa: F811
    """A refresh token is the registry's own; a new login is not."""
    s = scene()
    refresh = exchange(s.url, s.issuer.token("p256")).json()["refresh_token"]
    s.issuer.close()
    s.url = s.daemon.restart().url
    got = post(s.url, "/oauth2/token", grant_type="refresh_token", refresh_token=refresh, scope="repository:x:pull")
    assert got.status == 200, got
    assert Client(s.url, got.json()["access_token"]).get("/v2/_roadstead/whoami").json()["name"] == "ci"
    assert s.log_in("p256") == 503
    s.issuer.open()
    wait_for(lambda: s.log_in("p256") == 200, "the issuer is back")


def test_new_passwords_and_manifests_do_not_wait_for_an_issuer_that_hangs(make_registry, make_issuer):  # noqa: F811
    """Logins wait for the issuer, and meanwhile users log in for the first time and pull: all of that is done while the
    others still wait, in one round at least (on a machine that is busy with something else a round may take too long)."""
    issuer = make_issuer()
    issuer.manner = lambda path, n: "hang"
    registry = make_registry(config=oidc(issuer))
    add(registry.admin, "slow", issuer)
    image = registry.publisher.push_image("team/app", "v1")
    registry.processor.release("team/app", image.digest)
    puller = with_token(registry.consumer, "repository:team/app:pull")

    def use_the_registry():
        name = unique("user")
        user = registry.user(name, ("consumer", "**"))
        assert user.get("/v2/_roadstead/whoami").json()["name"] == name
        assert Client(registry.url, (name, "wrong")).get("/v2/", headers=source()).status == 401
        assert user.get_manifest("team/app", "v1").status == 200
        assert puller.get_manifest("team/app", image.digest).status == 200

    def one_round():
        asked = issuer.asked(CONFIGURATION)
        waiting = [threading.Thread(target=basic, args=(registry.url, "slow", issuer.token("p256", jti=unique("jti")))) for _ in range(3)]
        for thread in waiting:
            thread.start()
        issuer.wait_asked(asked + 1, CONFIGURATION)
        use_the_registry()
        is_done_first = all(thread.is_alive() for thread in waiting)
        issuer.close()
        for thread in waiting:
            thread.join(60)
            assert not thread.is_alive()
        issuer.open()
        return is_done_first

    wait_for(one_round, "a round in which only those waited for the issuer who have to", deadline_s=120)
