"""Fixtures: a registry with quarantine on, shared by a test session, and principals in every role."""

import itertools
import re

import pytest

from client import Client
from daemon import Daemon

PASSWORD = "correct horse battery staple"

# principal -> grants (role or permission, pattern)
PRINCIPALS = {
    "publisher": [("publisher", "**")],
    "publisher2": [("publisher", "**")],
    "consumer": [("consumer", "**")],
    "qreader": [("quarantine-reader", "**")],
    "processor": [("processor", "**")],
    "processor2": [("processor", "**")],
    "scanner": [("checker:scan", "**")],
    "signer": [("checker:sign", "**")],
    "maintainer": [("maintainer", "**")],
    "auditor": [("auditor", "**")],
    "stranger": [],
}


def add_principal(admin, name, grants, password=PASSWORD):
    """Create a user with grants through the admin API; returns its credentials."""
    made = admin.request("POST", "/v2/_roadstead/admin/users", body={"name": name, "password": password})
    assert made.status == 201, made
    for what, pattern in grants:
        grant(admin, name, what, pattern)
    return name, password


def grant(admin, name, what, pattern):
    got = admin.request("POST", "/v2/_roadstead/admin/grants", body={"principal": name, "role": what, "pattern": pattern})
    assert got.status == 201, got
    return got


def set_policy(admin, pattern, **rules):
    """Put a policy in front of the others."""
    got = admin.request("PUT", "/v2/_roadstead/policies", body={"pattern": pattern, "position": 0, **rules})
    assert got.status in (200, 201), got
    return got


class Registry:
    """A running daemon with its principals; `registry.publisher` is a Client."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.admin = daemon.admin()
        self.credentials = {"admin": daemon.admin_auth()}
        for name, grants in PRINCIPALS.items():
            self.credentials[name] = add_principal(self.admin, name, grants)
        self.anonymous = Client(daemon.url)

    @property
    def url(self):
        return self.daemon.url

    def client(self, name):
        """A new connection as that principal."""
        return Client(self.url, self.credentials[name])

    def __getattr__(self, name):
        if name.startswith("_") or name not in self.__dict__.get("credentials", {}):
            raise AttributeError(name)
        client = self.client(name)
        setattr(self, name, client)
        return client

    def user(self, name, *grants):
        """One more user with grants (role, pattern); returns its Client."""
        self.credentials[name] = add_principal(self.admin, name, grants)
        return self.client(name)

    def give(self, name, what, pattern="**"):
        return grant(self.admin, name, what, pattern)

    def take(self, name, what, pattern=None):
        """Remove the grants of a role or permission (for that pattern)."""
        listed = self.admin.get(f"/v2/_roadstead/admin/grants?principal={name}").json()["grants"]
        ids = [g["id"] for g in listed if what in (g.get("role"), g.get("permission")) and pattern in (None, g["pattern"])]
        assert ids, f"{name} has no {what}: {listed}"
        for id_ in ids:
            got = self.admin.request("DELETE", f"/v2/_roadstead/admin/grants/{id_}")
            assert got.status == 204, got

    def policy(self, pattern, **rules):
        return set_policy(self.admin, pattern, **rules)


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """The shared registry: quarantine on everywhere.  Tests keep to repositories of their own (fixture `repo`)."""
    daemon = Daemon(tmp_path_factory.mktemp("registry")).start()
    try:
        yield Registry(daemon)
    finally:
        daemon.stop()


@pytest.fixture
def repo(request):
    """A repository name that no other test uses."""
    stem = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60].strip("-")
    return f"t/{next(_numbers)}/{stem}"


@pytest.fixture
def make_daemon(tmp_path):
    """Start daemons of one's own: make_daemon(config=..., args=...); all are stopped at the end."""
    made = []

    def make(name=None, start=True, **kw):
        daemon = Daemon(tmp_path / (name or f"daemon{len(made)}"), **kw)
        made.append(daemon)
        return daemon.start() if start else daemon

    yield make
    for daemon in made:
        daemon.stop()


@pytest.fixture
def make_registry(make_daemon):
    """make_registry(config=...): a registry of one's own with all principals."""

    def make(**kw):
        return Registry(make_daemon(**kw))

    return make
