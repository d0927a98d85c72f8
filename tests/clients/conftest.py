"""A registry over HTTP and over TLS for real clients, and what they need: credentials files, certificates, layouts."""

import base64
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox"))

from client import Client  # noqa: E402
from daemon import Daemon  # noqa: E402

import layout  # noqa: E402

# Imported by its path: this file is called conftest as well.
import importlib.util  # noqa: E402

_spec = importlib.util.spec_from_file_location("blackbox_conftest", HERE.parent / "blackbox" / "conftest.py")
blackbox = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(blackbox)

TOOLS = pathlib.Path(os.environ.get("ROADSTEAD_CLIENTS", pathlib.Path.home() / ".cache" / "roadstead" / "clients"))

# What the registry is called for a client that takes every loopback address for one without TLS.
NAME = "registry.test"


def find(tool, folder=None):
    """The program of a client, or the test says in one line that it was not run."""
    path = shutil.which(tool, path=str(folder or f"{TOOLS}:{os.environ['PATH']}:/usr/sbin"))
    if path is None:
        pytest.skip(f"{folder.name + '/' if folder else ''}{tool} is not on this machine")
    return path


def make_certificate(root):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,DNS:{NAME},IP:127.0.0.1", "-keyout", root / "key.pem", "-out",
                    root / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
    return root / "cert.pem", root / "key.pem"


class World:
    """The registry as the clients see it: `host` for the transport, and a home directory for each principal."""

    def __init__(self, registry, root, cert):
        self.registry = registry
        self.root = root
        self.cert = cert
        self.short = tempfile.mkdtemp(prefix="rs")
        self.engines = {}
        self.urls = {"http": registry.daemon.urls[0], "https": registry.daemon.urls[1]}

    def host(self, transport):
        return self.urls[transport].split("//")[1]

    def engine(self, kind):
        """The daemon that a client needs on its own side, one of a kind for all tests."""
        if kind not in self.engines:
            try:
                self.engines[kind] = kind(self)
            except pytest.skip.Exception as why:
                self.engines[kind] = why
        if isinstance(self.engines[kind], pytest.skip.Exception):
            raise self.engines[kind]
        return self.engines[kind]

    def stop_engines(self):
        for engine in self.engines.values():
            if not isinstance(engine, pytest.skip.Exception):
                engine.stop()

    def home(self, who):
        """A home directory whose docker configuration logs in as that principal."""
        home = self.root / f"home-{who}"
        config = home / ".docker" / "config.json"
        if not config.exists():
            config.parent.mkdir(parents=True)
            auth = base64.b64encode(":".join(self.registry.credentials[who]).encode()).decode()
            hosts = [self.host("http"), self.host("https"), f"{NAME}:{self.host('https').split(':')[1]}"]
            config.write_text(json.dumps({"auths": {host: {"auth": auth} for host in hosts}}))
        return home

    def env(self, who):
        home = self.home(who)
        return {"HOME": str(home), "DOCKER_CONFIG": str(home / ".docker"), "REGISTRY_AUTH_FILE": str(home / ".docker" / "config.json"),
                "PATH": f"{TOOLS}:{os.environ['PATH']}", "SSL_CERT_FILE": str(self.cert), "COSIGN_PASSWORD": "",
                "XDG_RUNTIME_DIR": str(home), "XDG_CONFIG_HOME": str(home / "config"), "BUILDAH_ISOLATION": "chroot",
                "STORAGE_DRIVER": "vfs"}

    def run(self, who, *args, expect=True, merge=False, extra=None, **kw):
        """Run a client as a principal; its output, with `merge` what it says besides, too.  expect None: whatever comes."""
        done = subprocess.run([str(a) for a in args], env={**self.env(who), **(extra or {})}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT if merge else subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, timeout=300, **kw)
        if expect is not None:
            said = done.stdout[-3000:] + (done.stderr or "")[-3000:]
            assert (done.returncode == 0) == expect, f"{' '.join(map(str, args))}: exit code {done.returncode}\n{said}"
        return done.stdout

    def run_with_name(self, who, *args, **kw):
        """The same where the registry's host is called NAME: in a mount namespace with a hosts file of its own."""
        hosts = self.root / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {NAME}\n")
        return self.run(who, "unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, *args, **kw)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("clients")
    cert, key = make_certificate(root)
    daemon = Daemon(root / "daemon", config={"tls": {"listen": ["127.0.0.1:0"], "certificate": str(cert), "key": str(key)}}).start()
    world = World(blackbox.Registry(daemon), root, cert)
    world.registry.user("keeper", ("maintainer", "**"), ("quarantine-reader", "**"))
    try:
        yield world
    finally:
        world.stop_engines()
        daemon.stop()
        shutil.rmtree(world.short, ignore_errors=True)


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Two OCI layouts, v1 and v2, that share a layer: {tag: (directory, digest)}; and one of two architectures under "multi"."""
    root = tmp_path_factory.mktemp("images")
    made = {}
    for tag in ("v1", "v2"):
        made[tag] = (root / tag, layout.busybox_image(root / tag, tag))
    made["multi"] = (root / "multi", layout.multi_arch_layout(root / "multi", "multi"))
    return made


_numbers = itertools.count(1)


@pytest.fixture
def repo():
    return f"clients/r{next(_numbers)}"


@pytest.fixture
def registry(world):
    return world.registry


__all__ = ["Client"]
