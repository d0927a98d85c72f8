"""What was taken away is gone for the very next request, on connections that are open already (T34, S12)."""

import pytest

from client import Client
from tokens import token

ADMIN = "/v2/_roadstead/admin"


def whoami(client):
    return client.get("/v2/_roadstead/whoami").status


def grants_of(registry, name):
    got = registry.admin.get(f"{ADMIN}/grants?principal={name}")
    assert got.status == 200, got
    return got.json()["grants"]


def same_connection(client, calls):
    """Make calls on one keep-alive connection; fails if the server closed it in between."""
    results = []
    assert client.get("/healthz").status == 200
    conn = client.conn
    for call in calls:
        results.append(call())
        assert client.conn is conn, "the connection was not kept"
    return results


@pytest.fixture(params=["basic", "token"])
def logged_in(request, registry):
    """logged_in(name): a Client that uses the principal's password or a token, on a connection of its own."""

    def make(name, *scopes):
        client = registry.client(name)
        if request.param == "basic":
            return client
        return Client(registry.url, token(client, *scopes))

    return make


def user_name(request):
    return "rev-" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower()).strip("-")


def test_a_grant(registry, repo, request, logged_in):
    image = registry.publisher.push_image(repo, "v1")
    name = user_name(request)
    registry.user(name, ("processor", repo))
    client = logged_in(name, f"repository:{repo}:pull,push")
    grant = grants_of(registry, name)[0]["id"]

    def remove():
        assert registry.admin.request("DELETE", f"{ADMIN}/grants/{grant}").status == 204

    got = same_connection(client, [
        lambda: client.get_manifest(repo, image.digest).status, remove,
        lambda: client.get_manifest(repo, image.digest).status,
        lambda: client.get_blob(repo, image.doc["layers"][0]["digest"]).status,
        lambda: client.head(f"/v2/{repo}/manifests/v1").status,
        lambda: client.request("POST", f"/v2/{repo}/blobs/uploads/").status,
        lambda: client.decide(repo, image.digest, "released").status,
    ])
    assert got[0] == 200
    assert all(status in (401, 403, 404) for status in got[2:]), got
    assert registry.consumer.get_manifest(repo, image.digest).status == 403  # nothing was released


def test_one_of_several_grants(registry, repo, request, logged_in):
    """Taking quarantine-pull leaves pull, and held content closes."""
    image = registry.publisher.push_image(repo, "v1")
    name = user_name(request)
    registry.user(name, ("consumer", repo), ("quarantine-pull", repo))
    client = logged_in(name, f"repository:{repo}:pull")
    assert client.get_manifest(repo, image.digest).status == 200
    grant = [g["id"] for g in grants_of(registry, name) if g.get("permission") == "quarantine-pull"][0]
    assert registry.admin.request("DELETE", f"{ADMIN}/grants/{grant}").status == 204
    assert client.get_manifest(repo, image.digest).status == 403
    assert client.get_blob(repo, image.doc["config"]["digest"]).status == 403
    registry.processor.release(repo, image.digest)
    assert client.get_manifest(repo, image.digest).status == 200


def test_disabling(registry, request, logged_in):
    name = user_name(request)
    registry.user(name, ("consumer", "**"))
    client = logged_in(name)

    def disable(value):
        got = registry.admin.request("PATCH", f"{ADMIN}/users/{name}", body={"disabled": value})
        assert got.status == 200 and got.json()["disabled"] is value, got

    got = same_connection(client, [lambda: whoami(client), lambda: disable(True), lambda: whoami(client),
                                   lambda: client.get("/v2/").status, lambda: client.get("/v2/_catalog").status,
                                   lambda: disable(False), lambda: whoami(client)])
    assert got[0] == 200 and got[2:5] == [401, 401, 401] and got[6] == 200


def test_deleting_and_a_namesake(registry, request, logged_in):
    name = user_name(request)
    client_before = registry.user(name, ("consumer", "**"))
    old = Client(registry.url, token(client_before, "repository:a:pull"))
    client = logged_in(name)
    assert whoami(client) == 200
    assert registry.admin.request("DELETE", f"{ADMIN}/users/{name}").status == 204
    assert whoami(client) == 401 and whoami(old) == 401
    assert registry.admin.get(f"{ADMIN}/users/{name}").status == 404
    # Somebody new of that name has nothing of the old one: no grants, no tokens.
    registry.user(name)
    assert grants_of(registry, name) == []
    assert whoami(old) == 401
    assert whoami(registry.client(name)) == 200


def test_changing_the_password(registry, request):
    name = user_name(request)
    client = registry.user(name, ("consumer", "**"))
    old = Client(registry.url, token(client, "repository:a:pull"))
    assert whoami(client) == 200 and whoami(old) == 200
    changed = registry.admin.request("PATCH", f"{ADMIN}/users/{name}", body={"password": "something entirely new"})
    assert changed.status == 200 and "password" not in changed.json()
    assert whoami(client) == 401 and whoami(old) == 401
    assert whoami(Client(registry.url, (name, "something entirely new"))) == 200


def test_rotating_a_robots_secret(registry, request):
    name = user_name(request)
    made = registry.admin.request("POST", f"{ADMIN}/robots", body={"name": name})
    assert made.status == 201 and set(made.json()) == {"name", "secret"}
    client = Client(registry.url, (name, made.json()["secret"]))
    old = Client(registry.url, token(client))
    assert whoami(client) == 200 and whoami(old) == 200
    rotated = registry.admin.request("POST", f"{ADMIN}/robots/{name}/rotate")
    assert rotated.status == 200 and rotated.json()["secret"] != made.json()["secret"]
    assert whoami(client) == 401 and whoami(old) == 401
    assert whoami(Client(registry.url, (name, rotated.json()["secret"]))) == 200


def test_tokens_survive_a_restart_and_a_new_key(make_registry):
    registry = make_registry()
    before = Client(registry.url, token(registry.consumer))
    assert whoami(before) == 200
    assert registry.admin.request("POST", f"{ADMIN}/keys/rotate").status == 204
    after = token(registry.consumer)
    assert before.auth.split(".")[0] != after.split(".")[0]
    assert whoami(before) == 200 and whoami(Client(registry.url, after)) == 200
    assert [r["action"] for r in registry.auditor.audit("action=token-key-rotated")] == ["token-key-rotated"]
    daemon = registry.daemon.restart()
    for jwt in (before.auth, after):
        assert whoami(Client(daemon.url, jwt)) == 200
    # Without the key file the tokens end; nothing else does.
    daemon.stop()
    (daemon.data / "keys" / "token-keys").unlink()
    daemon.start()
    assert whoami(Client(daemon.url, after)) == 401
    assert whoami(Client(daemon.url, registry.credentials["consumer"])) == 200
