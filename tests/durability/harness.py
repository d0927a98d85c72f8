"""What the durability tests share: the daemon and client of the black-box tests, the preload library, and how often to do it."""

import importlib.util
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path[:0] = [str(TESTS / "model"), str(TESTS / "blackbox")]

import daemon  # noqa: E402,F401
from client import Client  # noqa: E402
from daemon import Daemon, binary  # noqa: E402


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


blackbox = _load("blackbox_conftest", TESTS / "blackbox" / "conftest.py")
PASSWORD = blackbox.PASSWORD

# Few principals, because a registry is made for each test: name -> role.
ROLES = {"publisher": "publisher", "processor": "processor", "consumer": "consumer", "maintainer": "maintainer", "auditor": "auditor"}


class Registry:
    """A daemon with a principal in each role; survives its daemon's death and rebirth."""

    def __init__(self, root, env=None, config=None, data=None):
        self.daemon = Daemon(root, env=env, config=config)
        if data is not None:
            self.daemon.data = data

    def start(self):
        self.daemon.start()
        return self

    def set_failpoint(self, failpoint):
        """For the next start; nothing happens before arm().  None: no fault any more."""
        self.daemon.env.update({"RS_FAILPOINT": failpoint or "", "RS_FAILPOINT_AFTER": str(self.daemon.root / "armed")})
        (self.daemon.root / "armed").unlink(missing_ok=True)
        return self

    def arm(self):
        (self.daemon.root / "armed").touch()
        return self

    def fail(self, fault):
        """Under the preload library, from now on: "CALL PATTERN WHAT HITS" (see shim.c).  None: no fault any more."""
        rule = self.daemon.root / "fail"
        if fault is None:
            rule.unlink(missing_ok=True)
        else:
            (self.daemon.root / "fail.new").write_text(fault)
            (self.daemon.root / "fail.new").rename(rule)
        return self

    def populate(self):
        admin = self.daemon.admin()
        for name, role in ROLES.items():
            blackbox.add_principal(admin, name, [(role, "**")])
        return self

    @property
    def url(self):
        return self.daemon.url

    def client(self, name, **kw):
        return Client(self.url, (name, PASSWORD), **kw)


def number(name, default):
    """A size that the environment may choose."""
    return int(os.environ.get(name, default))


def has_failpoints():
    """Was the program built with -Dfailpoints=true?"""
    return b"RS_FAILPOINT" in pathlib.Path(binary()).read_bytes()


def build_shim(directory):
    library = pathlib.Path(directory) / "shim.so"
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, "-D_GNU_SOURCE", "-std=gnu17", "-O1", "-shared", "-fPIC", "-o", str(library), str(HERE / "shim.c")],
                   check=True)
    return library


def shim_env(library, root):
    return {"LD_PRELOAD": str(library), "RS_SHIM_LOG": str(root / "shim.log"), "RS_SHIM_ROOT": str(root), "RS_SHIM_FAIL": str(root / "fail"),
           # A sanitizer wants to be the first library; it does not need to be for what these tests do.
           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
