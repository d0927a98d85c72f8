"""The servers of the benchmark, each on a free loopback port with its own configuration and data, stopped by its pid.

All have start(), which returns the server, and stop(), which is also for one that did not start, or not wholly.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "blackbox"))

from daemon import Daemon, end_on_signals  # noqa: E402  (the tests' own daemon runner)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, proc):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if proc.poll() is not None:
            raise SystemExit(f"{proc.args[0]} ended with {proc.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{proc.args[0]} does not listen on {port}")


def stop(proc):
    if proc is None:
        return
    proc.send_signal(signal.SIGTERM)
    try:
        proc.wait(20)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.wait()


def find(program):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")
    if path is None:
        raise SystemExit(f"{program} is not on this machine: run scripts/bootstrap bench")
    return path


def certificate(root):
    root = pathlib.Path(root)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                    root / "key.pem", "-out", root / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
    return root / "cert.pem", root / "key.pem"


class Nginx:
    """nginx with static files: plain on .port, TLS on .tls_port."""

    def __init__(self, root, cert, key):
        self.root = pathlib.Path(root)
        self.www = self.root / "www"
        self.www.mkdir(parents=True)
        self.port, self.tls_port = free_port(), free_port()
        common = f"root {self.www}; keepalive_requests 100000000; default_type application/vnd.oci.image.manifest.v1+json;"
        (self.root / "nginx.conf").write_text(f"""
user root;
worker_processes auto;
pid {self.root}/nginx.pid;
error_log {self.root}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; open_file_cache max=100 inactive=600s;
  client_body_temp_path {self.root}/b; proxy_temp_path {self.root}/p; fastcgi_temp_path {self.root}/f;
  uwsgi_temp_path {self.root}/u; scgi_temp_path {self.root}/s;
  server {{ listen 127.0.0.1:{self.port} backlog=4096; {common} }}
  server {{ listen 127.0.0.1:{self.tls_port} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; {common} }}
}}
""")
        self.proc = None

    def start(self):
        self.proc = subprocess.Popen([find("nginx"), "-c", self.root / "nginx.conf", "-g", "daemon off;"], stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self.proc)
        return self

    def stop(self):
        stop(self.proc)


class DockerRegistry:
    """docker-registry with its filesystem driver and without authentication."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True)
        self.port = free_port()
        (self.root / "config.yml").write_text(f"""
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {self.root}/data}}, cache: {{blobdescriptor: inmemory}}}}
http: {{addr: "127.0.0.1:{self.port}"}}
""")
        self.proc = None

    def start(self):
        with open(self.root / "log", "wb") as log:
            self.proc = subprocess.Popen([find("docker-registry"), "serve", self.root / "config.yml"], stdout=log, stderr=log)
        wait_for_port(self.port, self.proc)
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        stop(self.proc)


def token(url, auth, repository, actions="pull,push"):
    import base64

    request = urllib.request.Request(f"{url}/token?service=roadstead&scope=repository:{repository}:{actions}")
    request.add_header("Authorization", "Basic " + base64.b64encode(":".join(auth).encode()).decode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["token"]


__all__ = ["Daemon", "DockerRegistry", "Nginx", "certificate", "end_on_signals", "find", "free_port", "stop", "token"]
