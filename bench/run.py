#!/usr/bin/python3
"""The benchmark: Roadstead beside nginx and docker-registry in one run, as ratios with their spread.

Every row takes its figures in rounds that alternate between the two sides, so that what else the machine does hits both alike.
Results go to bench/results/ (results.json, table.md, ratios.png).
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import peers  # noqa: E402
import report  # noqa: E402
import scale  # noqa: E402
from client import ACCEPT_ALL, Client, Image  # noqa: E402

MIB = 1 << 20


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, root, started):
        """`started`: an ExitStack that stops the servers, however this ends."""
        self.options = options
        self.root = pathlib.Path(root)
        self.started = started
        self.cert, self.key = peers.certificate(root)
        self.nginx = self.start(peers.Nginx(self.root / "nginx", self.cert, self.key))
        self.docker = self.start(peers.DockerRegistry(self.root / "docker"))
        self.daemon = self.start(peers.Daemon(self.root / "roadstead", config=self.config()))
        self.admin_auth = self.daemon.admin_auth()
        admin = self.daemon.admin()
        body = {"name": "bench", "password": "bench bench bench"}
        assert admin.request("POST", "/v2/_roadstead/admin/users", body=body).status == 201
        grant = {"principal": "bench", "role": "processor", "pattern": "**"}
        assert admin.request("POST", "/v2/_roadstead/admin/grants", body=grant).status == 201
        self.auth = ("bench", "bench bench bench")
        self.client = Client(self.daemon.url, self.auth)
        self.rows = []

    def config(self):
        return {"tls": {"listen": ["127.0.0.1:0"], "certificate": str(self.cert), "key": str(self.key)}, "log": {"requests": False}}

    def start(self, server):
        self.started.callback(server.stop)  # before it starts: a signal may come meanwhile
        return server.start()

    def row(self, name, at_least, goal, ours, theirs, unit):
        """Add a row: the ratio of each round, ours over theirs."""
        ratios = sorted(a / b for a, b in zip(ours, theirs))
        row = {"name": name, "at_least": at_least, "goal": goal, "ratio": statistics.median(ratios), "lowest": ratios[0],
               "highest": ratios[-1], "ours": statistics.median(ours), "theirs": statistics.median(theirs), "unit": unit}
        self.rows.append(row)
        say(f"{name}: {row['ratio']:.2f} ({row['lowest']:.2f}..{row['highest']:.2f}), at least {at_least}")

    def figure(self, name, value, limit, unit):
        self.rows.append({"name": name, "value": value, "limit": limit, "unit": unit})
        say(f"{name}: {value:.1f} {unit}, at most {limit}")

    def rounds(self, *measures):
        """Alternate the measures, `rounds` times; a list of figures for each."""
        figures = [[] for _ in measures]
        for _ in range(self.options.rounds):
            for measure, out in zip(measures, figures):
                out.append(measure())
        return figures

    # -- rows ----------------------------------------------------------------------------------

    def wrk(self, url, token=None):
        command = [peers.find("wrk"), "-t2", "-c32", f"-d{self.options.seconds}s", url, "-H", "Accept: " + ACCEPT_ALL]
        if token:
            command += ["-H", "Authorization: Bearer " + token]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "Non-2xx" not in out and "Socket errors" not in out, out
        return float(next(line.split()[1] for line in out.splitlines() if line.startswith("Requests/sec")))

    def manifest_get(self):
        image = Image()
        self.client.push_image("bench/get", "v1", image)
        self.client.release("bench/get", image.digest)
        docker = Client(self.docker.url)
        docker_image = Image(media_type="application/vnd.docker.distribution.manifest.v2+json",
                             config_type="application/vnd.docker.container.image.v1+json",
                             layer_type="application/vnd.docker.image.rootfs.diff.tar.gzip")
        docker.push_image("bench/get", "v1", docker_image)
        (self.nginx.www / "manifest").write_bytes(image.manifest)
        path = "/v2/bench/get/manifests/v1"
        token = peers.token(self.daemon.url, self.auth, "bench/get", "pull")
        ours, static, dist = self.rounds(lambda: self.wrk(self.daemon.url + path, token),
                                         lambda: self.wrk(f"http://127.0.0.1:{self.nginx.port}/manifest"),
                                         lambda: self.wrk(self.docker.url + path))
        self.row("manifest GET by tag, 32 connections / nginx static file", 0.8, 1.0, ours, static, "requests/s")
        self.row("manifest GET by tag, 32 connections / docker-registry", 25, 25, ours, dist, "requests/s")

    def fetch(self, url, token=None):
        """MiB/s of one GET."""
        command = ["curl", "-sS", "-k", "-o", "/dev/null", "-w", "%{http_code} %{speed_download}", url]
        if token:
            command += ["-H", "Authorization: Bearer " + token]
        status, speed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert status == "200", (url, status)
        return float(speed) / MIB

    def big_file(self):
        path = self.root / "big"
        with open(path, "wb") as out:
            for _ in range(self.options.blob_mib):
                out.write(os.urandom(MIB))
        return path

    def blob_get(self, path):
        data = path.read_bytes()
        image = Image(layers=[data])
        self.client.push_image("bench/blob", "v1", image)
        self.client.release("bench/blob", image.digest)
        digest = image.doc["layers"][0]["digest"]
        del data
        shutil.copyfile(path, self.nginx.www / "big")
        token = peers.token(self.daemon.url, self.auth, "bench/blob", "pull")
        plain, tls = self.daemon.urls[0], self.daemon.urls[1]
        ours, theirs, ours_tls, theirs_tls = self.rounds(
            lambda: self.fetch(f"{plain}/v2/bench/blob/blobs/{digest}", token),
            lambda: self.fetch(f"http://127.0.0.1:{self.nginx.port}/big"),
            lambda: self.fetch(f"{tls}/v2/bench/blob/blobs/{digest}", token),
            lambda: self.fetch(f"https://127.0.0.1:{self.nginx.tls_port}/big"))
        size = f"{self.options.blob_mib} MiB"
        self.row(f"blob GET {size}, plain / nginx", 0.95, 1.0, ours, theirs, "MiB/s")
        self.row(f"blob GET {size}, TLS / nginx", 0.9, 1.0, ours_tls, theirs_tls, "MiB/s")

    def put(self, url, path, digest, auth, streamed):
        """MiB/s of one upload of a file, durable when it returns; the blob is deleted before, so that each upload writes."""
        client = Client(url, auth)
        client.request("DELETE", f"/v2/bench/put/blobs/{digest}")
        begin = time.monotonic()
        where = client.request("POST", "/v2/bench/put/blobs/uploads/").headers["Location"]
        where = where if where.startswith("http") else url + where
        credentials = ["-u", ":".join(auth)] if auth else []
        curl = ["curl", "-sS", "-o", "/dev/null", "-D", "-", *credentials, "-H", "Content-Type: application/octet-stream", "-H", "Expect:"]
        if streamed:
            out = subprocess.run([*curl, "-X", "PATCH", "-H", "Transfer-Encoding: chunked", "-T", path, where], capture_output=True,
                                 text=True, check=True).stdout
            where = next(line.split(": ", 1)[1].strip() for line in out.splitlines() if line.lower().startswith("location:"))
            where = where if where.startswith("http") else url + where
        final = where + ("&" if "?" in where else "?") + "digest=" + digest
        body = ["-d", ""] if streamed else ["-T", path]
        out = subprocess.run([*curl, "-X", "PUT", *body, final], capture_output=True, text=True, check=True).stdout
        spent = time.monotonic() - begin
        assert " 201" in out, out
        return self.options.blob_mib / spent

    def openssl(self, path):
        begin = time.monotonic()
        subprocess.run(["openssl", "dgst", "-sha256", path], check=True, stdout=subprocess.DEVNULL)
        return self.options.blob_mib / (time.monotonic() - begin)

    def blob_put(self, path):
        digest = "sha256:" + subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
        size = f"{self.options.blob_mib} MiB"


        ours, openssl, dist, ours_streamed, dist_streamed = self.rounds(
            lambda: self.put(self.daemon.url, path, digest, self.auth, False),
            lambda: self.openssl(path),
            lambda: self.put(self.docker.url, path, digest, None, False),
            lambda: self.put(self.daemon.url, path, digest, self.auth, True),
            lambda: self.put(self.docker.url, path, digest, None, True))
        self.row(f"blob PUT {size} / openssl dgst", 0.35, 0.5, ours, openssl, "MiB/s")
        self.row(f"blob PUT {size}, one PUT / docker-registry", 3, 4, ours, dist, "MiB/s")
        self.row(f"blob PUT {size}, streamed PATCH / docker-registry", 3, 4, ours_streamed, dist_streamed, "MiB/s")

    def small_pushes(self):
        program = self.root / "push_load"
        subprocess.run(["cc", "-O2", "-o", program, HERE / "push_load.c", "-lcrypto", "-lpthread"], check=True)
        count = iter(range(1000))

        def push(url, auth, clients):
            host, port = url.split("//")[1].split(":")
            out = subprocess.run([program, host, port, auth, str(clients), str(self.options.seconds), f"bench/small{next(count)}"],
                                 capture_output=True, text=True, check=True).stdout.split()
            return float(out[0]) / float(out[1])

        ours, theirs = self.rounds(lambda: push(self.daemon.url, ":".join(self.auth), 32), lambda: push(self.docker.url, "-", 32))
        self.row("small pushes, 32 clients / docker-registry", 5, 10, ours, theirs, "images/s")

    def memory(self):
        daemon = peers.Daemon(self.root / "idle")
        try:
            daemon.start()

            def rss():
                with open(f"/proc/{daemon.proc.pid}/status") as f:
                    return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024

            Client(daemon.url, daemon.admin_auth()).get("/v2/")
            idle = rss()
            host, port = daemon.url.split("//")[1].split(":")
            n = 1000
            connections = []
            for _ in range(n):
                conn = http.client.HTTPConnection(host, int(port))
                conn.request("GET", "/healthz")
                conn.getresponse().read()
                connections.append(conn)
            more = (rss() - idle) * 1024 / n
            for conn in connections:
                conn.close()
        finally:
            daemon.stop()
        self.figure("resident memory, idle", idle, 15, "MiB")
        self.figure("memory for each idle connection", more, 64, "KiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each row (default 5)")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of each load (default 4)")
    parser.add_argument("--blob-mib", type=int, default=256, help="size of the large blob (default 256)")
    parser.add_argument("--scale", type=int, default=100_000, help="manifests of the large registry (default 100000; 0: leave these rows out)")
    parser.add_argument("--only", default="", help="comma-separated rows: manifest_get, blob_get, blob_put, small_pushes, memory, scale")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else soft, hard))
    peers.end_on_signals()
    only = [x for x in options.only.split(",") if x]
    with tempfile.TemporaryDirectory(prefix="roadstead-bench-") as root:
        with contextlib.ExitStack() as started:
            bench = Bench(options, root, started)
            big = bench.big_file() if not only or {"blob_get", "blob_put"} & set(only) else None
            steps = {"manifest_get": bench.manifest_get, "blob_get": lambda: bench.blob_get(big), "blob_put": lambda: bench.blob_put(big),
                     "small_pushes": bench.small_pushes, "memory": bench.memory}
            for name, step in steps.items():
                if not only or name in only:
                    say(f"-- {name}")
                    step()
        if options.scale and (not only or "scale" in only):
            say("-- scale")
            bench.rows += scale.measure(pathlib.Path(root) / "scale", options.scale, options.rounds, say)
    report.write(bench.rows, options)


if __name__ == "__main__":
    main()
