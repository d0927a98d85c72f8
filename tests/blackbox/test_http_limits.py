"""TESTPLAN H1, H2, H5, H7, H8, H9, H10, H12, H13: bounds on what a client may send, how slowly, and how much of it is read."""

import base64
import http.client
import os
import pathlib
import select
import socket
import struct

import pytest

from client import OCI_MANIFEST, digest_of
from daemon import wait_for
from raw import Raw, exchange

HOST = b"Host: registry.example\r\n"


def basic(credentials):
    return b"Authorization: Basic " + base64.b64encode(":".join(credentials).encode()) + b"\r\n"


def send_until_answered(raw, piece, total):
    """Send `piece` again and again, up to `total` bytes, but look for an answer first; returns (bytes sent, response)."""
    sent = 0
    raw.sock.setblocking(False)
    while sent < total:
        readable, writable, _ = select.select([raw.sock], [raw.sock], [], 60)
        assert readable or writable, "neither an answer nor room to send for a minute"
        if readable:
            break
        at = sent % len(piece)
        try:
            sent += raw.sock.send(piece[at:at + total - sent])
        except (BrokenPipeError, ConnectionResetError):
            break
    raw.sock.settimeout(60)
    return sent, raw.response()


def open_descriptors(daemon):
    """Without those of the catalog, of which every thread opens its own when it first reads, and keeps them."""
    found = []
    for fd in os.listdir(f"/proc/{daemon.proc.pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{daemon.proc.pid}/fd/{fd}"))
        except FileNotFoundError:  # closed meanwhile
            continue
    return sum("/catalog.db" not in name for name in found)


def upload_location(client, repo):
    started = client.request("POST", f"/v2/{repo}/blobs/uploads/")
    assert started.status == 202, started
    return started.headers["Location"]


# ---- slow clients: H1, H2 ----

@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A registry with short limits and one publisher."""
    from conftest import Registry
    from daemon import Daemon
    daemon = Daemon(tmp_path_factory.mktemp("strict"), config={"limits": {
        "header_timeout": "1s", "idle_timeout": "2s", "body_rate": "256", "body_rate_window": "3s",
        "connections_per_address": 40}}).start()
    yield Registry(daemon)
    daemon.stop()


def drip(raw, data, pause_s=0.05):
    """Byte by byte, until the server closes; True when it did."""
    for i in range(len(data)):
        if not raw.send(data[i:i + 1]):
            return True
        readable, _, _ = select.select([raw.sock], [], [], pause_s)
        if readable and raw.sock.recv(4096) == b"":
            return True
    return False


def test_h1_a_head_that_drips_in_is_cut(strict):
    with Raw(strict.url) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\n")
        assert drip(raw, b"X-A: " + b"a" * 2000), "a head may drip in for ever"


def test_h1_a_first_line_that_drips_in_is_cut(strict):
    with Raw(strict.url) as raw:
        assert drip(raw, b"GET /" + b"a" * 2000), "a request line may drip in for ever"


def test_h1_an_idle_connection_is_closed(strict):
    with Raw(strict.url) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert raw.response().status == 200
        assert raw.response() is None


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A registry that waits for longer than any test does."""
    from conftest import Registry
    from daemon import Daemon
    daemon = Daemon(tmp_path_factory.mktemp("patient"), config={"limits": {
        "header_timeout": "1h", "idle_timeout": "1h", "stall_timeout": "1h", "body_rate": "0"}}).start()
    yield Registry(daemon)
    daemon.stop()


@pytest.mark.parametrize("part", [
    b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-",
    b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\ngrant_type=",
], ids=["head", "header", "body"])
def test_h1_a_client_that_ends_within_a_request_is_not_waited_for(patient, part):
    """Its last bytes and its end come in one segment, which libmicrohttpd reads as bytes only."""
    with Raw(patient.url) as raw:
        raw.sock.send(part, socket.MSG_MORE)
        raw.finish_sending()
        assert raw.response() is None


def test_h1_a_client_that_ends_within_its_first_line_is_not_waited_for(patient):
    """This is looked for once, when the connection is new: one that was taken before its first bytes were there keeps its time."""

    def is_closed():
        with Raw(patient.url) as raw:
            raw.sock.send(b"GET /heal", socket.MSG_MORE)
            raw.finish_sending()
            readable, _, _ = select.select([raw.sock], [], [], 5)
            return readable and raw.response() is None

    wait_for(is_closed, "the connection is closed")


def test_h1_what_a_client_sent_before_it_ended_is_kept(patient, repo):
    publisher = patient.client("publisher")
    where = upload_location(publisher, repo)
    with Raw(patient.url) as raw:
        raw.sock.send(f"PATCH {where} HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth)
                      + b"Content-Length: 100000\r\n\r\n" + b"a" * 1000, socket.MSG_MORE)
        raw.finish_sending()
        assert raw.response() is None
    wait_for(lambda: publisher.get(where).headers["Range"] == "0-999", "what was sent is in the session")


def test_h2_a_body_that_crawls_is_cut(strict, repo):
    publisher = strict.client("publisher")
    where = upload_location(publisher, repo)
    with Raw(strict.url) as raw:
        raw.send(f"PATCH {where} HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth) + b"Content-Length: 100000\r\n\r\n")
        assert drip(raw, b"a" * 2000), "a body may crawl for ever"
    # What came before is kept, and the session goes on.
    got = wait_for(lambda: (lambda r: r if r.status == 204 else None)(publisher.get(where)), "the session is free again")
    start = int(got.headers["Range"].split("-")[1])
    assert start < 2000


def test_h2_a_steady_body_is_not_cut(strict, repo):
    """Two windows at many times the least rate."""
    publisher = strict.client("publisher")
    where = upload_location(publisher, repo)
    data = b"b" * 60000
    with Raw(strict.url) as raw:
        raw.send(f"PATCH {where} HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth)
                 + b"Content-Length: %d\r\n\r\n" % len(data))
        for i in range(0, len(data), 1000):
            assert raw.send(data[i:i + 1000])
            select.select([raw.sock], [], [], 0.1)
        assert raw.response().status == 202


def test_h4_connections_of_one_address_are_bounded(strict):
    """The connections over the bound are closed at once, and room comes back."""
    opened = [Raw(strict.url) for _ in range(60)]
    refused = 0
    for raw in opened:
        raw.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    for raw in opened:
        response = raw.response()
        refused += response is None
        assert response is None or response.status == 200
    assert refused >= 20
    for raw in opened:
        raw.close()

    def has_room():
        try:
            return strict.anonymous.get("/healthz").status == 200
        except (OSError, http.client.HTTPException):
            strict.anonymous.close()
            return False

    wait_for(has_room, "there is room again")


def cpu_seconds(daemon):
    fields = pathlib.Path(f"/proc/{daemon.proc.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_f13_descriptors_run_out_for_connections_only(make_daemon):
    """200 connections and 64 descriptors: who is connected can still change things, nothing spins, and room comes back."""
    daemon = make_daemon("daemon", start=False)
    command = daemon.command()
    daemon.command = lambda: ["prlimit", "--nofile=64", *command]
    daemon.start()
    admin = daemon.admin()
    assert admin.get("/v2/").status == 200
    held = [socket.create_connection((admin.base.hostname, admin.base.port), timeout=60) for _ in range(200)]
    before = cpu_seconds(daemon)
    for i in range(20):
        made = admin.request("POST", "/v2/_roadstead/admin/robots", body={"name": f"robot-{i}"})
        assert made.status == 201, made
    assert cpu_seconds(daemon) - before < 20
    idle_from = cpu_seconds(daemon)
    select.select([], [], [], 2)
    assert cpu_seconds(daemon) - idle_from < 1
    for sock in held:
        sock.close()
    assert daemon.client().get("/healthz").status == 200


# ---- size: H5, H7 ----

def test_h5_a_flood_of_headers_is_431(registry):
    for flood in (b"X-A: " + b"a" * 100000 + b"\r\n", b"X-A: a\r\n" * 20000):
        got = exchange(registry.url, b"GET /healthz HTTP/1.1\r\n" + HOST + flood + b"\r\n")
        assert [r.status for r in got] in ([431], [414])


def test_h5_ordinary_headers_pass(registry):
    headers = b"".join(b"X-Header-%d: %s\r\n" % (i, b"v" * 100) for i in range(60))
    got = exchange(registry.url, b"GET /healthz HTTP/1.1\r\n" + HOST + headers + b"Connection: close\r\n\r\n")
    assert [r.status for r in got] == [200]


GIB = 1 << 30


def test_h7_early_401_while_a_gigabyte_arrives(registry, repo):
    with Raw(registry.url) as raw:
        raw.send(f"PATCH /v2/{repo}/blobs/uploads/0 HTTP/1.1\r\n".encode() + HOST + b"Content-Length: %d\r\n\r\n" % GIB)
        sent, response = send_until_answered(raw, b"a" * 65536, GIB)
        assert response.status == 401
        assert response.header("connection") == "close"
        assert response.header("www-authenticate").startswith("Bearer ")
        assert sent < GIB // 4
        raw.read_until_closed()


def test_h7_early_413_by_announcement(registry, repo):
    publisher = registry.client("publisher")
    with Raw(registry.url) as raw:
        raw.send(f"PUT /v2/{repo}/manifests/latest HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth)
                 + b"Content-Type: " + OCI_MANIFEST.encode() + b"\r\nContent-Length: %d\r\n\r\n" % GIB)
        sent, response = send_until_answered(raw, b"a" * 65536, GIB)
        assert response.status == 413
        assert sent < GIB // 4
        raw.read_until_closed()


def test_h7_early_413_by_running_count(registry, repo):
    """A chunked body announces no length."""
    publisher = registry.client("publisher")
    with Raw(registry.url) as raw:
        raw.send(f"PUT /v2/{repo}/manifests/latest HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth)
                 + b"Content-Type: " + OCI_MANIFEST.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent, response = send_until_answered(raw, b"10000\r\n" + b"a" * 65536 + b"\r\n", GIB)
        assert response.status == 413
        assert b"SIZE_INVALID" in response.body
        assert sent < GIB // 4
        raw.read_until_closed()


def test_h7_a_small_refused_body_keeps_the_connection(registry, repo):
    request = (f"PUT /v2/{repo}/manifests/latest HTTP/1.1\r\n".encode() + HOST + b"Content-Length: 60000\r\n\r\n" + b"a" * 60000)
    got = exchange(registry.url, request + request + b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert [r.status for r in got] == [401, 401, 200]


def test_h7_the_largest_manifest_and_one_more(registry, repo):
    """4 MiB pass the transport (and are refused for what they say), one byte more does not."""
    publisher = registry.client("publisher")
    head = f"PUT /v2/{repo}/manifests/latest HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth)
    piece = b" " * 65536
    for size, status in ((4 << 20, 400), ((4 << 20) + 1, 413)):
        with Raw(registry.url) as raw:
            raw.send(head + b"Content-Length: %d\r\n\r\n" % size + b" " * (size % 65536))
            _, response = send_until_answered(raw, piece, size - size % 65536)
            assert response.status == status, response
        with Raw(registry.url) as raw:
            raw.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(size // 65536):
                raw.send(b"10000\r\n" + piece + b"\r\n")
            raw.send(b"1\r\n \r\n" * (size % 65536) + b"0\r\n\r\n")
            response = raw.response()
            assert response.status == status, response


# ---- Expect: H8 ----

def test_h8_expect_is_decided_before_the_body(registry, repo):
    publisher = registry.client("publisher")
    where = upload_location(publisher, repo)
    head = HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n"
    refusals = [
        (f"PATCH {where} HTTP/1.1\r\n".encode() + head + b"\r\n", 401),
        (f"PATCH {where}0 HTTP/1.1\r\n".encode() + head + basic(publisher.auth) + b"\r\n", 404),
        (f"PATCH {where} HTTP/1.1\r\n".encode() + head + basic(registry.credentials["consumer"]) + b"\r\n", 403),
        (f"PUT /v2/{repo}/manifests/a HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth)
         + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413),
    ]
    for request, status in refusals:
        with Raw(registry.url) as raw:
            raw.send(request)
            response = raw.response()
            assert response.status == status, (request, response)
    with Raw(registry.url) as raw:
        raw.send(f"PATCH {where} HTTP/1.1\r\n".encode() + head + basic(publisher.auth) + b"\r\n")
        assert raw.response().status == 100
        raw.send(b"hello")
        response = raw.response()
        assert response.status == 202
        assert response.header("range") == "0-4"


# ---- Range: H9 ----

@pytest.mark.parametrize("value, status", [
    ("bytes=0-", 206), ("bytes=0-0", 206), ("bytes=-1", 206), ("bytes=-0", 416), ("bytes=-99999", 206),
    ("bytes=5-4", None), ("bytes=1000-", 416), ("bytes=0-99999", 206), ("bytes=9223372036854775808-", 416),
    ("bytes=0-9223372036854775808", 206), ("bytes=18446744073709551616-18446744073709551617", 416),
    ("bytes=0-0,0-0", None), ("bytes=" + ",".join(["0-1"] * 2000), None), ("bytes=", None), ("bytes=a-b", None),
    ("items=0-1", None), ("bytes=0--1", None), ("bytes=+1-2", None),
])
def test_h9_ranges(registry, repo, value, status):
    """One range or none: whatever is not one good range is 200 with everything, or 416; never several parts."""
    data = b"0123456789" * 10
    qreader = registry.client("processor")
    digest = qreader.push_blob(repo, data)
    got = qreader.get_blob(repo, digest, Range=value)
    assert got.status in ((status,) if status else (200, 416)), got
    assert "multipart" not in (got.headers["Content-Type"] or "")
    if got.status == 200:
        assert got.body == data
    if got.status == 206:
        first, last = got.headers["Content-Range"].split()[1].split("/")[0].split("-")
        assert got.body == data[int(first):int(last) + 1]


# ---- Content-Encoding: H10 ----

@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x"])
def test_h10_encoded_bodies_are_refused(registry, repo, coding):
    publisher = registry.client("publisher")
    where = upload_location(publisher, repo)
    for method, path in (("PATCH", where), ("PUT", f"/v2/{repo}/manifests/a")):
        got = publisher.request(method, path, body=b"abc", headers={"Content-Encoding": coding}, content_type=OCI_MANIFEST)
        assert got.status == 415, got
    assert publisher.get(where).headers["Range"] == "0-0"


def test_h10_no_answer_is_encoded(registry):
    got = registry.anonymous.get("/metrics", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert got.status == 200 and got.headers["Content-Encoding"] is None


# ---- slow readers: H3 ----

def resident_bytes(daemon):
    text = pathlib.Path(f"/proc/{daemon.proc.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


def test_h3_slow_readers_cost_no_memory(registry, repo):
    """Twenty clients that take the first bytes of a large blob and then no more: less memory than one blob."""
    processor = registry.client("processor")
    data = os.urandom(1 << 20) * 48
    digest = processor.push_blob(repo, data)
    before = resident_bytes(registry.daemon)
    readers = []
    for _ in range(20):
        raw = Raw(registry.url)
        raw.send(f"GET /v2/{repo}/blobs/{digest} HTTP/1.1\r\n".encode() + HOST + basic(processor.auth) + b"\r\n")
        while len(raw.buffer) < 1000:
            assert raw._more()
        readers.append(raw)
    assert resident_bytes(registry.daemon) - before < len(data)
    # Everybody else is served meanwhile, and a slow one still gets all of it.
    assert digest_of(processor.get_blob(repo, digest).body) == digest
    assert digest_of(readers[0].response().body) == digest
    for raw in readers:
        raw.close()


# ---- names: H12 ----

GOOD_NAMES = ["a", "blobs", "manifests", "tags", "uploads/x", "blobs/uploads", "manifests/manifests", "tags/list", "v2/v2",
              "a" * 200, "a/b/c/d/e/f", "a-b.c_d__e", "referrers/a"]
BAD_NAMES = ["A", "a/B", "_uploads", "a/_uploads", "a..b", "a/-b", "-a", "a-", "a_", "a___b", "é", "а", "a" * 256, "a:b", "a@b",
             "a+b", "a~b", "a,b"]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_h12_words_of_the_api_are_names(registry, name):
    """The end of the path decides what is asked for; everything before it is the name."""
    publisher = registry.client("publisher")
    name = f"h12/{name}"[:255]
    assert publisher.get(f"/v2/{name}/tags/list").status == 200
    assert publisher.get(f"/v2/{name}/manifests/latest").status == 404
    data = name.encode()
    digest = publisher.push_blob(name, data)
    assert publisher.head(f"/v2/{name}/blobs/{digest}").status == 200


@pytest.mark.parametrize("name", BAD_NAMES)
def test_h12_other_names_are_refused(registry, name):
    publisher = registry.client("publisher")
    for method, path in (("GET", "tags/list"), ("GET", "manifests/latest"), ("POST", "blobs/uploads/"),
                         ("PUT", "manifests/latest")):
        request = f"{method} /v2/{name}/{path} HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth)
        got = exchange(registry.url, request + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
        assert [r.status for r in got] == [400], (path, got)
        assert b"NAME_INVALID" in got[0].body or b"UNSUPPORTED" in got[0].body


# ---- clients that vanish: H13 ----

def reset(raw):
    """Close with RST."""
    raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def open_connections(registry):
    """As the daemon counts them: one whose client has gone counts until its request is over."""
    lines = registry.admin.get("/metrics").body.decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("roadstead_http_connections "))


def test_h13_resets_in_the_middle_of_uploads_leak_nothing(make_registry, repo):
    registry = make_registry()
    publisher = registry.client("publisher")
    where = upload_location(publisher, repo)
    publisher.close()
    wait_for(lambda: registry.admin.get("/healthz").status == 200, "the daemon answers")
    before, connected = open_descriptors(registry.daemon), open_connections(registry)
    head = f"PATCH {where} HTTP/1.1\r\n".encode() + HOST + basic(publisher.auth) + b"Content-Length: 1000000\r\n\r\n"
    for i in range(200):
        raw = Raw(registry.url)
        raw.send(head[:len(head) * (i % 5 + 1) // 5] + b"a" * (i % 7 * 5000 if i % 5 == 4 else 0))
        reset(raw)
    wait_for(lambda: open_descriptors(registry.daemon) <= before + 1, "every descriptor is closed again")
    uploads = [p for p in (registry.daemon.data / "uploads").iterdir()]
    assert len(uploads) == 1
    # The session is whole: what it says it has is what it has, once nobody adds to it any more.
    wait_for(lambda: open_connections(registry) <= connected, "every request is over")
    got = wait_for(lambda: (lambda r: r if r.status == 204 else None)(publisher.get(where)), "the session is free again")
    last = int(got.headers["Range"].split("-")[1])
    data = b"a" * (last + 1 if last > 0 else 0)
    rest = b"the end"
    done = publisher.request("PUT", f"{where}?digest={digest_of(data + rest)}", body=rest,
                             content_type="application/octet-stream")
    assert done.status == 201, done


def test_h13_a_client_that_leaves_before_its_answer(registry):
    """Also during a password check, which runs on a worker."""
    for i in range(20):
        raw = Raw(registry.url)
        raw.send(b"GET /v2/ HTTP/1.1\r\n" + HOST + basic(("nobody-%d" % i, "wrong password")) + b"\r\n")
        reset(raw)
    assert registry.anonymous.get("/healthz").status == 200
