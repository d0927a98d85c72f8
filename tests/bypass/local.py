"""Local mode: a daemon of our own, its principals, and the means to damage what it stores."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

from answers import Agent, Watch
from world import SetupFailed

DEADLINE_S = 120
PASSWORD = "correct horse battery staple"
GRANTS = {
    "consumer": "consumer", "publisher": "publisher", "publisher2": "publisher", "quarantine-reader": "quarantine-reader",
    "processor": "processor", "checker": "checker:scan", "maintainer": "maintainer", "auditor": "auditor",
}


class LocalDaemon:
    """`roadstead serve` on a free loopback port, with its data below `root`."""

    def __init__(self, binary, root):
        self.binary, self.root = binary, pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.data = self.root / "data"
        self.log = self.root / "daemon.log"
        self.proc = self.url = None

    def start(self):
        ready = self.root / "ready"
        ready.unlink(missing_ok=True)
        config = self.root / "roadstead.yaml"
        config.write_text(json.dumps({  # JSON is YAML
            "backup": {"directory": str(self.root / "backup")},
            "webhooks": {"allow_http": True, "private_networks": ["127.0.0.1/32"]},
        }))
        command = [self.binary, "serve", "--config", str(config), "--data", str(self.data), "--listen", "127.0.0.1:0",
                   "--ready-file", str(ready)]
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + DEADLINE_S
        while not (ready.exists() and ready.read_text().strip()):
            if self.proc.poll() is not None or time.monotonic() > end:
                raise SetupFailed(f"the daemon does not start:\n{self.tail()}")
            time.sleep(0.02)
        self.url = ready.read_text().split()[0]
        return self

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self):
        if self.proc is None:
            return
        self.proc.send_signal(signal.SIGTERM)
        code = self.proc.wait(DEADLINE_S)
        self.proc = None
        if code != 0:
            raise SetupFailed(f"the daemon ended with {code}:\n{self.tail()}")

    def kill(self):
        self.proc.kill()
        self.proc.wait()
        self.proc = None

    # -- principals --------------------------------------------------------------------------

    def credentials(self):
        """Role -> (name, password), made on the first call."""
        name, password = (self.data / "admin-credentials").read_text().strip().split(":", 1)
        found = {"admin": (name, password)}
        admin = Agent(self.url, Watch(), "admin", "basic", found["admin"])
        for role, what in GRANTS.items():
            for path, body in (("users", {"name": role, "password": PASSWORD}),
                               ("grants", {"principal": role, "role": what, "pattern": "**"})):
                answer = admin.ask("POST", f"/v2/_roadstead/admin/{path}", body=body)
                if answer.status != 201:
                    raise SetupFailed(str(answer))
            found[role] = (role, PASSWORD)
        admin.close()
        return found

    # -- damage ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def damaged(self, world, sql):
        """Stopped, its catalog changed behind its back, started again; afterwards all is as it was."""
        self.stop()
        kept = self.root / "kept"
        shutil.copytree(self.data, kept)
        try:
            catalog = sqlite3.connect(self.data / "catalog.db")
            catalog.executescript("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; " + sql)
            catalog.commit()
            catalog.close()
            self.start()
            world.reconnect()
            yield
        finally:
            if self.proc is not None:
                self.proc.send_signal(signal.SIGTERM)
                self.proc.wait(DEADLINE_S)
                self.proc = None
            shutil.rmtree(self.data)
            kept.rename(self.data)
            self.start()
            world.reconnect()

    def command(self, *args, login=None):
        """Run a subcommand against the daemon, logged in as (name, password)."""
        env = {**os.environ, "HOME": str(self.root), "ROADSTEAD_SERVER": self.url or ""}
        if login:
            env.update(ROADSTEAD_USER=login[0], ROADSTEAD_PASSWORD=login[1])
        return subprocess.run([self.binary, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, timeout=DEADLINE_S, env=env)

    def audit_verifies(self, world):
        """Does `roadstead audit verify` find the daemon's log sound?"""
        done = self.command("audit", "verify", login=world.credentials["auditor"])
        if done.returncode not in (0, 1):
            raise SetupFailed(f"audit verify ended with {done.returncode}: {done.stdout}")
        return done.returncode == 0

    @contextlib.contextmanager
    def restored_backup(self, world):
        """The URL of a second daemon on a restored backup of this one."""
        second = LocalDaemon(self.binary, self.root / "restored")
        for args, login in ((("backup",), world.credentials["admin"]),
                            (("restore", "--from", str(self.root / "backup"), "--data", str(second.data)), None)):
            done = self.command(*args, login=login)
            if done.returncode != 0:
                raise SetupFailed(f"{args[0]} ended with {done.returncode}: {done.stdout}")
        second.start()
        try:
            yield second.url
        finally:
            second.stop()


def credentials_from(path):
    """A JSON file {"role": ["name", "password"], ...}."""
    return {role: tuple(pair) for role, pair in json.loads(pathlib.Path(path).read_text()).items()}
