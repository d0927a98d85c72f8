"""How Azure's clients log in: a request without credentials, its challenge, an exchange, and a token for the scope of the challenge."""

import base64
import json
import re
import urllib.parse

import pytest

from client import Image, digest_of
from conftest import Registry, grant
from daemon import Daemon
from test_auth_tokens import bearer, token

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Anybody may pull from public/**: the case in which a request without credentials is not refused by itself."""
    daemon = Daemon(tmp_path_factory.mktemp("azure")).start()
    try:
        registry = Registry(daemon)
        grant(registry.admin, "anonymous", "consumer", "public/**")
        for repo in ("public/app", "team/app"):
            image = registry.publisher.push_image(repo, "v1")
            registry.processor.release(repo, image.digest)
        yield registry
    finally:
        daemon.stop()


def challenge(got):
    """The parameters of a challenge, read as Azure's clients read it: the one header, which begins with its scheme."""
    header = got.headers["WWW-Authenticate"]
    assert header.startswith("Bearer "), header
    return dict(re.findall(r'(\w+)="([^"]*)"', header))


def post(registry, path, **form):
    return registry.anonymous.request("POST", path, body=urllib.parse.urlencode(form), content_type=FORM)


def log_in(registry, got, secret=None):
    """What Azure's clients do with a 401; a client of the token that comes out.  `secret` None: the client without a credential."""
    asked = challenge(got)
    if secret is None:
        issued = post(registry, "/oauth2/token", grant_type="password", service=asked["service"], scope=asked["scope"], refresh_token="")
    else:
        exchanged = post(registry, "/oauth2/exchange", grant_type="access_token", service=asked["service"], access_token=secret)
        assert exchanged.status == 200, exchanged
        refresh = exchanged.json()["refresh_token"]
        payload = refresh.split(".")[1]
        assert json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4)))["exp"] > 0  # Azure's clients plan by it
        issued = post(registry, "/oauth2/token", grant_type="refresh_token", service=asked["service"], scope=asked["scope"],
                      refresh_token=refresh)
    assert issued.status == 200, issued
    return bearer(registry, issued.json()["access_token"])


def secret_of(registry, who):
    """What a credential of Azure's SDK hands over: a refresh token that `who` got with its password."""
    got = registry.client(who).get("/oauth2/token?service=x&offline_token=true")
    assert got.status == 200, got
    return got.json()["refresh_token"]


READS = ["/acr/v1/_catalog", "/acr/v1/{repo}", "/acr/v1/{repo}/_tags", "/acr/v1/{repo}/_tags/v1", "/acr/v1/{repo}/_manifests",
         "/acr/v1/{repo}/_manifests/{digest}"]


@pytest.mark.parametrize("name", ["public/app", "team/app", "public/missing"])
@pytest.mark.parametrize("path", READS)
def test_reads_without_credentials_are_challenged_with_a_scope(registry, path, name):
    """Azure's clients send nothing before they are challenged: an answer for `anonymous` would hide from a
    processor what it may see, and without a scope in the challenge they give up."""
    got = registry.anonymous.get(path.format(repo=name, digest="sha256:" + "0" * 64))
    assert got.status == 401, got
    asked = challenge(got)
    assert asked["service"] and asked["scope"] == ("registry:catalog:*" if path.endswith("_catalog") else f"repository:{name}:pull")


@pytest.mark.parametrize("method,path,scope", [("DELETE", "/acr/v1/{repo}/_tags/v1", "delete"), ("PATCH", "/acr/v1/{repo}", "pull"),
                                               ("PATCH", "/acr/v1/{repo}/_tags/v1", "pull"),
                                               ("PATCH", "/acr/v1/{repo}/_manifests/sha256:" + "0" * 64, "pull")])
def test_changes_without_credentials_are_challenged_with_a_scope(registry, method, path, scope):
    for name in ("public/app", "team/app"):
        got = registry.anonymous.request(method, path.format(repo=name), body={} if method == "PATCH" else None)
        assert got.status == 401 and challenge(got)["scope"] == f"repository:{name}:{scope}", got


def test_the_list_of_docker_is_challenged_with_a_scope_too(make_registry):
    got = make_registry().anonymous.get("/v2/_catalog")
    assert got.status == 401 and challenge(got)["scope"] == "registry:catalog:*"


def test_everybody_sees_his_own_list(registry, repo):
    public, private = f"public/{repo}", f"team/{repo}"
    held = registry.publisher.push_image(public, "v1")
    live = registry.publisher.push_image(public, "v2")
    registry.processor.release(public, live.digest)
    registry.publisher.push_image(private, "v1")

    def asked(path, secret):
        return log_in(registry, registry.anonymous.get(path), secret).get(path)

    for who, tags, names in (("processor", ["v1", "v2"], [public, private]), ("consumer", ["v2"], [public]),
                             ("publisher", ["v2"], [public, private]), (None, ["v2"], [public])):
        secret = who and secret_of(registry, who)
        got = asked(f"/acr/v1/{public}/_tags", secret)
        assert [t["name"] for t in got.json()["tags"]] == tags, who
        assert asked(f"/acr/v1/{public}/_manifests/{held.digest}", secret).status == (200 if who else 404)
        listed = asked("/acr/v1/_catalog?n=1000", secret).json()["repositories"]
        assert [n for n in listed if n in (public, private)] == names, who


def test_a_token_for_another_scope_is_challenged_again(registry, repo):
    """Azure's SDK for JavaScript keeps its last token and sends it along, whatever it asks next; also the one of anonymous."""
    public = f"public/{repo}"
    live = registry.publisher.push_image(public, "v1")
    registry.processor.release(public, live.digest)
    for secret in (None, secret_of(registry, "consumer")):
        first = log_in(registry, registry.anonymous.get("/acr/v1/_catalog"), secret)
        again = first.get(f"/acr/v1/{public}/_tags")
        assert again.status == 401 and challenge(again)["scope"] == f"repository:{public}:pull", again
        assert log_in(registry, again, secret).get(f"/acr/v1/{public}/_tags").status == 200
    # Where anonymous may read nothing it is told nothing, with whatever scope.
    for client in (first, bearer(registry, token(registry.anonymous, "repository:team/app:pull")),
                   bearer(registry, token(registry.anonymous))):
        assert client.get("/acr/v1/team/app/_tags").status == (401 if client is first else 404)
    assert bearer(registry, token(registry.anonymous)).get(f"/v2/{public}/tags/list").status == 404


def test_a_form_without_a_name_is_anonymous(registry, repo):
    public = f"public/{repo}"
    live = registry.publisher.push_image(public, "v1")
    registry.processor.release(public, live.digest)
    scope = f"repository:{public}:pull,push repository:team/app:pull registry:catalog:*"
    got = post(registry, "/oauth2/token", grant_type="password", service="x", scope=scope)
    assert got.status == 200 and got.json()["scope"] == f"repository:{public}:pull registry:catalog:*"
    assert "refresh_token" not in got.json()
    client = bearer(registry, got.json()["access_token"])
    assert client.get_manifest(public, "v1").status == 200
    assert client.get("/v2/_roadstead/whoami").json()["name"] == "anonymous"
    also = post(registry, "/oauth2/token", grant_type="password", service="x", scope=scope, access_type="offline")
    assert also.status == 200 and "refresh_token" not in also.json()
    # Half a name is no name, and a wrong one is not nobody.
    for form in ({"username": "consumer"}, {"password": registry.credentials["consumer"][1]}):
        assert post(registry, "/oauth2/token", grant_type="password", scope=scope, **form).status == 400, form
    assert post(registry, "/oauth2/token", grant_type="password", scope=scope, username="consumer", password="wrong").status == 401
    assert post(registry, "/oauth2/token", grant_type="password", scope=scope, username="", password="").status == 401


def test_what_the_exchange_takes(registry):
    """A refresh token is worth its principal, an access token no more than its scope; nothing else is taken."""
    consumer = registry.client("consumer")
    refresh = secret_of(registry, "consumer")
    narrow = token(consumer, "repository:public/app:pull")

    def exchange(secret, grant_type="access_token", field="access_token"):
        return post(registry, "/oauth2/exchange", grant_type=grant_type, service="x", tenant="t", **{field: secret})

    def scope_of(got):
        assert got.status == 200 and set(got.json()) == {"refresh_token"}, got
        issued = post(registry, "/oauth2/token", grant_type="refresh_token", service="x", refresh_token=got.json()["refresh_token"],
                      scope="repository:public/app:pull repository:team/app:pull registry:catalog:*")
        return issued.json()["scope"]

    everything = "repository:public/app:pull repository:team/app:pull registry:catalog:*"
    assert scope_of(exchange(refresh)) == everything
    assert scope_of(exchange(refresh, "refresh_token", "refresh_token")) == everything
    assert scope_of(exchange(narrow)) == "repository:public/app:pull"
    for secret in ("", "x.y.z", narrow[:-1], refresh + "x"):
        assert exchange(secret).status in (400, 401), secret
    for grant_type in ("password", "access_token_refresh_token", ""):
        assert exchange(refresh, grant_type).status == 400, grant_type
    assert exchange(narrow, "refresh_token", "refresh_token").status == 401


def spellings(repo, rest):
    """A path as Azure's clients write it, and as everybody else does."""
    return [f"/v2/{urllib.parse.quote(repo, safe='')}/{rest.replace(':', '%3A')}", f"/v2/{repo}/{rest}"]


def test_content_under_escaped_paths_is_the_same_content(registry, repo):
    """Azure's clients escape what they put into a path: the name, the digest."""
    name = f"team/{repo}"
    held = registry.publisher.push_image(name, "v1")
    config = held.doc["config"]["digest"]
    for who in ("processor", "publisher", "maintainer", "consumer", "stranger", "anonymous"):
        client = getattr(registry, who)
        for rest in ("manifests/v1", f"manifests/{held.digest}", f"blobs/{config}", "manifests/none", f"blobs/sha256:{'0' * 64}"):
            for method in ("GET", "HEAD"):
                escaped, plain = (client.request(method, path) for path in spellings(name, rest))
                assert (escaped.status, escaped.body) == (plain.status, plain.body), (who, method, rest)
                for header in ("Docker-Content-Digest", "Cache-Control", "Roadstead-Quarantine", "WWW-Authenticate"):
                    assert escaped.headers[header] == plain.headers[header], (who, method, rest, header)
    assert registry.processor.get(spellings(name, f"manifests/{held.digest}")[0]).body == held.manifest
    wrong = bearer(registry, token(registry.processor, "repository:team/other:pull"))
    assert wrong.get(spellings(name, "manifests/v1")[0]).status == 401


def test_a_push_to_an_escaped_path_is_held(registry, repo):
    name = f"team/{repo}"
    image = Image()
    for data in image.blobs:
        started = registry.publisher.request("POST", spellings(name, "blobs/uploads/")[0])
        assert started.status == 202 and f"/v2/{name}/blobs/uploads/" in started.headers["Location"], started
        where = started.headers["Location"] + ("&" if "?" in started.headers["Location"] else "?")
        done = registry.publisher.request("PUT", where + "digest=" + urllib.parse.quote(digest_of(data), safe=""), body=data,
                                          content_type="application/octet-stream")
        assert done.status == 201, done
    assert registry.publisher.request("PUT", spellings(name, "manifests/v1")[0], body=image.manifest, content_type=image.media_type).status == 201
    assert registry.consumer.get_manifest(name, "v1").status == 403
    assert registry.processor.state(name, image.digest).json()["state"] == "quarantined"
    assert registry.maintainer.request("DELETE", spellings(name, f"manifests/{image.digest}")[0]).status == 202
    assert registry.processor.state(name, image.digest).status == 404
