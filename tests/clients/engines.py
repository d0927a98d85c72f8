"""The daemons that some clients need on their side: each with its root, state and socket in a directory of its own, ended by its process."""

import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
import time

import pytest

from conftest import TOOLS, find

START_S = 60


class Engine:
    """A client's own daemon, as root, without network.  Where it does not run, the tests that need it say so in one line."""

    name = ""
    programs = ()  # what has to be there, the daemon first
    folder = None  # where they lie; None: where everything does

    def __init__(self, world):
        if os.geteuid() != 0:
            pytest.skip(f"{self.name} takes root")
        self.paths = [find(program, self.folder) for program in self.programs]
        self.world = world
        self.root = pathlib.Path(tempfile.mkdtemp(dir=world.short))
        self.socket = self.root / "sock"
        self.log = self.root / "log"
        with open(self.log, "wb") as log:
            self.proc = subprocess.Popen([str(a) for a in self.command()], env=self.env(), stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=subprocess.STDOUT)
        end = time.monotonic() + START_S
        while not self.is_ready():
            if self.proc.poll() is not None or time.monotonic() > end:
                said = (self.log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]
                self.stop()
                pytest.skip(f"{self.name} does not run here, it said: {said[:300]}")
            time.sleep(0.1)

    def env(self):
        path = f"{self.folder or TOOLS}:{os.environ['PATH']}:/usr/sbin:/sbin"
        return {"PATH": path, "HOME": str(self.root), "SSL_CERT_FILE": str(self.world.cert), "TMPDIR": str(self.root)}

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        return self.socket.exists()

    def stop(self):
        self.proc.terminate()
        try:
            self.proc.wait(START_S)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        shutil.rmtree(self.root, ignore_errors=True)


class Containerd(Engine):
    """Content is not shared between namespaces: what one principal pulled is not there for another."""

    name = "containerd"
    programs = ("containerd", "ctr")

    def command(self):
        arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        config = self.root / "config.toml"
        config.write_text(f"""
version = 2
root = "{self.root}/root"
state = "{self.root}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.metadata.v1.bolt"]
  content_sharing_policy = "isolated"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux/{arch}"
  snapshotter = "native"
""")
        host = self.world.host("https")
        hosts = self.root / "hosts" / host / "hosts.toml"
        hosts.parent.mkdir(parents=True)
        hosts.write_text(f'server = "https://{host}"\n[host."https://{host}"]\n  ca = "{self.world.cert}"\n')
        return [self.paths[0], "--config", config]

    def ctr(self, namespace):
        return [self.paths[1], "--address", self.socket, "--namespace", namespace]


class Containerd2(Containerd):
    name = "containerd 2"
    folder = TOOLS / "containerd-2"


class Docker(Engine):
    """No bridge, no packet filter: it never runs a container here."""

    name = "dockerd"
    programs = ("dockerd", "docker")

    def command(self):
        return [self.paths[0], "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
                "--storage-driver=vfs", "--data-root", self.root / "data", "--exec-root", self.root / "exec", "--pidfile", self.root / "pid",
                "--host", f"unix://{self.socket}"]

    def docker(self):
        return [self.paths[1], "--host", f"unix://{self.socket}"]

    def is_ready(self):
        return subprocess.run([*self.docker(), "info"], env=self.env(), capture_output=True, timeout=START_S).returncode == 0 and \
            self.socket.exists()


class Buildkit(Engine):
    name = "buildkitd"
    programs = ("buildkitd", "buildctl")

    def command(self):
        config = self.root / "buildkitd.toml"
        config.write_text(f"""
root = "{self.root}/root"
[grpc]
  address = ["unix://{self.socket}"]
[worker.oci]
  enabled = true
  snapshotter = "native"
  networkMode = "host"
[worker.containerd]
  enabled = false
[registry."{self.world.host("http")}"]
  http = true
[registry."{self.world.host("https")}"]
  http = false
  ca = ["{self.world.cert}"]
""")
        return [self.paths[0], "--config", config]

    def is_ready(self):
        return self.socket.exists() and subprocess.run([self.paths[1], "--addr", f"unix://{self.socket}", "debug", "workers"],
                                                       env=self.env(), capture_output=True, timeout=START_S).returncode == 0

    def buildctl(self):
        return [self.paths[1], "--addr", f"unix://{self.socket}"]
