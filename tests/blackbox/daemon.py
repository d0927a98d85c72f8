"""Start, stop and kill the daemon under test."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

from client import Client

DEADLINE_S = 60
SANITIZER = re.compile(r"(ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|internal error:)")


def binary():
    """The program under test, from ROADSTEAD_BINARY."""
    path = os.environ.get("ROADSTEAD_BINARY")
    assert path and os.access(path, os.X_OK), "set ROADSTEAD_BINARY to the roadstead program to test"
    return path


def wait_for(condition, what, deadline_s=DEADLINE_S):
    """Poll until condition() is true (its value is returned); fail after a generous deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.02)


def end_on_signals():
    """For programs: SIGTERM and SIGINT end this one by way of its finally blocks, which stop what it started; a second one does not cut these short."""

    def end(number, _frame):
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)


class Daemon:
    """One `roadstead serve` on a free loopback port with its own data directory."""

    def __init__(self, root, config=None, args=(), env=None):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.data = self.root / "data"
        self.config = self.root / "roadstead.yaml"
        self.config.write_text(json.dumps(config or {}))  # JSON is YAML
        self.log = self.root / "daemon.log"
        self.args = list(args)
        self.env = {**os.environ, **(env or {})}
        self.proc = None
        self.urls = []

    def command(self):
        return [binary(), "serve", "--config", str(self.config), "--data", str(self.data), "--listen", "127.0.0.1:0",
                "--ready-file", str(self.root / "ready"), *self.args]

    def spawn(self):
        ready = self.root / "ready"
        ready.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.env)
        return ready

    def start(self):
        ready = self.spawn()

        def is_ready():
            assert self.proc.poll() is None, f"the daemon ended at its start with {self.proc.returncode}:\n{self.tail()}"
            return ready.exists() and ready.read_text().strip()

        self.urls = wait_for(is_ready, "the daemon is ready").split()
        return self

    @property
    def url(self):
        return self.urls[0]

    def tail(self, n=4000):
        return self.log.read_text(errors="replace")[-n:] if self.log.exists() else ""

    def stop(self, expect=0):
        """Ask for a clean stop and require one: exit code, and no sanitizer report in the log."""
        if self.proc is None:
            return
        self.proc.send_signal(signal.SIGTERM)
        try:
            code = self.proc.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise AssertionError(f"the daemon did not stop within {DEADLINE_S} s:\n{self.tail()}") from None
        self.proc = None
        self.check_log()
        assert code == expect, f"the daemon ended with {code}:\n{self.tail()}"

    def kill(self):
        """kill -9: no chance to clean up."""
        self.proc.kill()
        self.proc.wait()
        self.proc = None
        self.check_log()

    def check_log(self):
        text = self.log.read_text(errors="replace")
        found = SANITIZER.search(text)
        assert found is None, f"{found.group(0)}\n{text[max(0, found.start() - 500):found.start() + 8000]}"

    def restart(self):
        self.stop()
        return self.start()

    def blob_path(self, digest):
        """The file of a stored blob."""
        algorithm, hexes = digest.split(":")
        return self.data / "blobs" / algorithm / hexes[:2] / hexes

    def admin_auth(self):
        name, password = (self.data / "admin-credentials").read_text().strip().split(":", 1)
        return name, password

    def admin(self):
        return Client(self.url, self.admin_auth())

    def client(self, auth=None, **kw):
        return Client(self.url, auth, **kw)
