"""Start and stop: one clear line for whatever prevents a start; what is in flight is finished; nothing is left behind."""

import http.client
import os
import pathlib
import resource
import signal
import socket
import subprocess
import threading

import pytest

from client import Client, digest_of
from conftest import add_principal
from daemon import DEADLINE_S, Daemon, wait_for
from raw import Raw
from test_http_limits import basic

HOST = b"Host: registry.example\r\n"


def said(daemon):
    """What was written for people: every line that is no log line."""
    return [line for line in daemon.log.read_text().splitlines() if not line.startswith("{")]


def expect_refusal(daemon, *words):
    daemon.spawn()
    code = daemon.proc.wait(DEADLINE_S)
    daemon.proc = None
    lines = said(daemon)
    assert code != 0
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0], lines[0]
    daemon.check_log()


# ---- starts that fail ----

def test_a_second_daemon_on_the_same_data(make_daemon, tmp_path):
    first = make_daemon("first")
    second = make_daemon("second", start=False)
    second.data = first.data
    expect_refusal(second, "another roadstead", f"process {first.proc.pid}", "--data")
    assert first.admin().get("/v2/").status == 200


def test_a_taken_port(make_daemon):
    first = make_daemon("first")
    second = make_daemon("second", start=False, args=["--listen", first.url.split("//")[1]])
    expect_refusal(second, "is taken by another program", first.url.split("//")[1])


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1", "127.0.0.1:99999", "example.org:80", "[::1:80"])
def test_an_address_that_is_none(make_daemon, address):
    expect_refusal(make_daemon("daemon", start=False, args=["--listen", address]), address)


def test_an_error_in_the_configuration(make_daemon):
    daemon = make_daemon("daemon", start=False)
    daemon.config.write_text("log:\n  level: info\nlimits:\n  workers: many\n")
    expect_refusal(daemon, f"{daemon.config}:4", "workers")
    assert not daemon.data.exists()


def test_a_key_that_does_not_exist(make_daemon):
    daemon = make_daemon("daemon", start=False)
    daemon.config.write_text("limit:\n  workers: 3\n")
    expect_refusal(daemon, f"{daemon.config}:1", "limit")


def test_a_configuration_that_is_not_there(make_daemon):
    daemon = make_daemon("daemon", start=False)
    daemon.config.unlink()
    expect_refusal(daemon, str(daemon.config))


def test_a_data_directory_that_is_a_file(make_daemon):
    daemon = make_daemon("daemon", start=False)
    daemon.data.write_text("")
    expect_refusal(daemon, "not a directory", "--data")


def test_a_data_directory_without_a_parent(make_daemon):
    daemon = make_daemon("daemon", start=False)
    daemon.data = daemon.root / "missing" / "data"
    expect_refusal(daemon, "parent", "--data")


def test_a_data_directory_that_cannot_be_written(make_daemon):
    """/proc refuses for every user, root included."""
    daemon = make_daemon("daemon", start=False)
    daemon.data = pathlib.Path("/proc/sys/kernel")
    expect_refusal(daemon, "/proc/sys/kernel", "--data")


def test_a_catalog_that_is_none(make_daemon):
    daemon = make_daemon("daemon", start=False)
    daemon.data.mkdir()
    (daemon.data / "catalog.db").write_bytes(b"this is no database " * 1000)
    expect_refusal(daemon, "catalog")
    assert (daemon.data / "catalog.db").read_bytes() == b"this is no database " * 1000


def test_a_full_disk(make_daemon):
    """A limit on the size of files stands for the disk: what is missing is said in one line, and the next start is whole."""
    daemon = make_daemon("daemon", start=False)

    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a sanitizer's start-up may write, too
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    done = subprocess.run(daemon.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                          timeout=DEADLINE_S, preexec_fn=no_room)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("{")]
    assert done.returncode > 0 and len(lines) == 1 and str(daemon.data) in lines[0], (done.returncode, done.stdout)
    assert daemon.start().admin().get("/v2/").status == 200


# ---- stopping ----

def test_stop_is_clean_and_start_finds_everything(make_daemon):
    daemon = make_daemon("daemon")
    client = Client(daemon.url, add_principal(daemon.admin(), "pusher", [("processor", "**")]))
    digest = client.push_blob("stop/a", b"kept")
    daemon.restart()
    assert Client(daemon.url, client.auth).get_blob("stop/a", digest).body == b"kept"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_stops(make_daemon, sent):
    daemon = make_daemon("daemon")
    daemon.proc.send_signal(sent)
    assert daemon.proc.wait(DEADLINE_S) == 0
    daemon.proc = None
    daemon.check_log()


def stop_in_background(daemon):
    daemon.proc.send_signal(signal.SIGTERM)
    wait_for(lambda: '"stopping"' in daemon.log.read_text(), "the daemon stops")


def refuses_connections(daemon):
    host, port = daemon.url[7:].split(":")
    try:
        socket.create_connection((host, int(port)), timeout=DEADLINE_S).close()
        return False
    except ConnectionRefusedError:
        return True


def test_an_upload_in_flight_is_finished(make_daemon):
    """Half of a body is there when the stop comes: the rest is still taken and acknowledged, new connections are not."""
    daemon = make_daemon("daemon")
    auth = add_principal(daemon.admin(), "pusher", [("processor", "**")])
    client = Client(daemon.url, auth)
    where = client.request("POST", "/v2/stop/b/blobs/uploads/").headers["Location"]
    client.close()
    data = os.urandom(400_000)
    with Raw(daemon.url) as raw:
        raw.send(f"PUT {where}?digest={digest_of(data)} HTTP/1.1\r\n".encode() + HOST + basic(auth)
                 + b"Content-Length: %d\r\n\r\n" % len(data) + data[:200_000])
        wait_for(lambda: sum(p.stat().st_size for p in (daemon.data / "uploads").rglob("*")) > 100_000, "the body arrives")
        stop_in_background(daemon)
        wait_for(lambda: refuses_connections(daemon), "nothing more is accepted")
        assert daemon.proc.poll() is None
        raw.send(data[200_000:])
        response = raw.response()
        assert response.status == 201, response
        assert response.header("connection") == "close"
    assert daemon.proc.wait(DEADLINE_S) == 0
    daemon.proc = None
    daemon.start()
    assert Client(daemon.url, auth).get_blob("stop/b", digest_of(data)).body == data


def test_a_client_that_does_not_finish_does_not_keep_it(make_daemon):
    daemon = make_daemon("daemon", config={"limits": {"shutdown_timeout": "1s"}})
    auth = add_principal(daemon.admin(), "pusher", [("processor", "**")])
    client = Client(daemon.url, auth)
    where = client.request("POST", "/v2/stop/c/blobs/uploads/").headers["Location"]
    with Raw(daemon.url) as raw, Raw(daemon.url) as head, Raw(daemon.url):
        raw.send(f"PATCH {where} HTTP/1.1\r\n".encode() + HOST + basic(auth) + b"Content-Length: 1000\r\n\r\nabc")
        head.send(b"GET /healthz HTTP/1.1\r\nX-A: ")
        wait_for(lambda: sum(p.stat().st_size for p in (daemon.data / "uploads").rglob("data")) >= 3, "the body arrives")
        stop_in_background(daemon)
        assert daemon.proc.wait(DEADLINE_S) == 0
        daemon.proc = None
        raw.read_until_closed()
    daemon.check_log()
    daemon.start()
    assert Client(daemon.url, auth).get(where).status == 204


def test_streams_end_at_the_stop(make_daemon):
    daemon = make_daemon("daemon")
    with Raw(daemon.url) as raw:
        raw.send(b"GET /v2/_roadstead/events HTTP/1.1\r\n" + HOST + basic(daemon.admin_auth())
                 + b"Accept: text/event-stream\r\n\r\n")
        wait_for(lambda: b"\r\n\r\n" in raw.buffer or not raw._more(), "the stream has begun")
        assert b" 200 " in raw.buffer
        stop_in_background(daemon)
        raw.read_until_closed()
    assert daemon.proc.wait(DEADLINE_S) == 0
    daemon.proc = None
    daemon.check_log()


def test_stops_under_load(make_daemon):
    """Clients that never rest: every answer that arrives is whole, and the stop is clean each time."""
    daemon = make_daemon("daemon")
    auth = add_principal(daemon.admin(), "pusher", [("processor", "**")])
    for _ in range(3):
        wrong = []
        counted = []

        def work():
            client = Client(daemon.url, auth)
            try:
                for i in range(100000):
                    got = client.get("/v2/") if i % 3 else client.request("POST", "/v2/stop/d/blobs/uploads/")
                    counted.append(1)
                    if got.status not in (200, 202, 503):
                        wrong.append(got)
            except (OSError, http.client.HTTPException):
                pass  # the server is gone: how that looks depends on the moment

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(counted) > 200, "the load is there")
        daemon.stop()
        for thread in threads:
            thread.join(DEADLINE_S)
        assert not wrong, wrong[:3]
        daemon.start()


def test_ready_file_tells_every_url(make_daemon):
    daemon = make_daemon("daemon", args=["--listen", "127.0.0.1:0"])
    assert len(daemon.urls) == 2
    for url in daemon.urls:
        assert Client(url).get("/readyz").status == 200


def test_environment_and_flags(make_daemon):
    daemon = make_daemon("daemon", env={"ROADSTEAD_LOG_LEVEL": "error"}, args=["--set", "log.requests=false"])
    assert Client(daemon.url).get("/healthz").status == 200
    assert '"level":"info"' not in daemon.log.read_text()
    help_text = subprocess.run([daemon.command()[0], "serve", "--help"], stdout=subprocess.PIPE, check=True, text=True).stdout
    for option in ("--config", "--data", "--listen", "--ready-file"):
        assert option in help_text
