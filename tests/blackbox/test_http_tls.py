"""TLS: versions, certificates and their reload, large bodies, half-closed connections (TESTPLAN H11)."""

import os
import signal
import socket
import ssl
import subprocess

import pytest

from client import Client, digest_of
from conftest import Registry
from daemon import DEADLINE_S, Daemon, wait_for
from raw import Raw

HOST = b"Host: localhost\r\n"


def make_certificate(directory, name):
    """A self-signed certificate for localhost whose common name is `name`: (certificate file, key file)."""
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return cert, key


def trusting(cert):
    return ssl.create_default_context(cafile=str(cert))


def common_name(url, context):
    """Of the certificate that a new connection is shown."""
    with Raw(url, context) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert raw.response().status == 200
        return dict(pair for rdn in raw.sock.getpeercert()["subject"] for pair in rdn)["commonName"]


class TlsDaemon(Daemon):
    def __init__(self, root, cert, key):
        super().__init__(root, config={"tls": {"listen": ["127.0.0.1:0"], "certificate": str(cert), "key": str(key)}})

    @property
    def tls_url(self):
        return next(u for u in self.urls if u.startswith("https://"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"), "first")


@pytest.fixture(scope="module")
def registry_tls(tmp_path_factory, certificate):
    """A registry on a plain and a TLS port, with all principals."""
    daemon = TlsDaemon(tmp_path_factory.mktemp("tls"), *certificate).start()
    yield Registry(daemon)
    daemon.stop()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions_taken(registry_tls, certificate, version):
    context = trusting(certificate[0])
    context.minimum_version = context.maximum_version = version
    with Raw(registry_tls.daemon.tls_url, context) as raw:
        assert raw.sock.version() == version.name.replace("_", ".")
        raw.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert raw.response().status == 200


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_h11_older_versions_refused(registry_tls, version):
    port = registry_tls.daemon.tls_url.rsplit(":", 1)[1]
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", f"-{version}", "-cipher", "ALL:@SECLEVEL=0"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S)
    assert b"Cipher is (NONE)" in done.stdout or b"New, (NONE)" in done.stdout, done.stdout


def test_h11_renegotiation_is_refused(registry_tls):
    """`R` makes openssl renegotiate, which TLS 1.2 has and nobody needs; the connection must not survive it."""
    port = registry_tls.daemon.tls_url.rsplit(":", 1)[1]
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2"], input=b"R\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=DEADLINE_S)
    assert b"RENEGOTIATING" in done.stdout
    assert done.returncode != 0 or b"error" in done.stdout.lower() or b"closed" in done.stdout, done.stdout
    assert registry_tls.anonymous.get("/healthz").status == 200


def test_tls_answers_name_https(registry_tls, certificate):
    client = Client(registry_tls.daemon.tls_url, context=trusting(certificate[0]))
    got = client.get("/v2/")
    assert got.status == 401
    assert got.headers["WWW-Authenticate"].startswith(f'Bearer realm="{registry_tls.daemon.tls_url}/token"')


def test_tls_carries_whole_blobs(registry_tls, certificate, repo):
    """Larger than every buffer on the way, in both directions, whole and in ranges."""
    processor = Client(registry_tls.daemon.tls_url, registry_tls.credentials["processor"], context=trusting(certificate[0]))
    data = os.urandom(5_000_001)
    digest = processor.push_blob(repo, data)
    assert processor.get_blob(repo, digest).body == data
    part = processor.get_blob(repo, digest, Range="bytes=4000000-")
    assert part.status == 206 and part.body == data[4000000:]
    head = processor.head(f"/v2/{repo}/blobs/{digest}")
    assert head.status == 200 and int(head.headers["Content-Length"]) == len(data)
    plain = registry_tls.client("processor").get_blob(repo, digest)
    assert digest_of(plain.body) == digest


def test_h11_half_closed(registry_tls, certificate):
    """A client that says close_notify after its request still gets the answer, or a clean end; the daemon goes on."""
    for _ in range(5):
        with Raw(registry_tls.daemon.tls_url, trusting(certificate[0])) as raw:
            raw.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            raw.sock.setblocking(True)
            response = raw.response()
            assert response.status == 200
            raw.read_until_closed()
    # A cut in the middle of the handshake, and plain HTTP to the TLS port.
    host, port = registry_tls.daemon.tls_url[8:].split(":")
    for first in (b"", b"\x16\x03\x01\x02\x00\x01", b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n", b"\x00" * 300):
        with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as sock:
            sock.sendall(first)
    assert common_name(registry_tls.daemon.tls_url, trusting(certificate[0])) == "first"


def test_tls_early_answer_in_the_middle_of_a_body(registry_tls, certificate, repo):
    """The running count ends a chunked body; the answer goes through the TLS session, too."""
    from test_http_limits import basic
    with Raw(registry_tls.daemon.tls_url, trusting(certificate[0])) as raw:
        raw.send(f"PUT /v2/{repo}/manifests/latest HTTP/1.1\r\n".encode() + HOST + basic(registry_tls.credentials["publisher"])
                 + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(72):
            if not raw.send(b"10000\r\n" + b"a" * 65536 + b"\r\n"):
                break
        assert raw.response().status == 413


def test_reload_without_a_dropped_connection(tmp_path, certificate):
    cert, key = tmp_path / "used.pem", tmp_path / "used.key"
    second = make_certificate(tmp_path, "second")

    def install(pair):
        cert.write_bytes(pair[0].read_bytes())
        key.write_bytes(pair[1].read_bytes())

    install(certificate)
    daemon = TlsDaemon(tmp_path / "daemon", cert, key).start()
    both = ssl.create_default_context()
    both.load_verify_locations(str(certificate[0]))
    both.load_verify_locations(str(second[0]))
    try:
        with Raw(daemon.tls_url, both) as kept:
            kept.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert kept.response().status == 200
            install(second)
            daemon.proc.send_signal(signal.SIGHUP)
            wait_for(lambda: common_name(daemon.tls_url, both) == "second", "the new certificate is shown")
            kept.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert kept.response().status == 200
        # A pair that does not belong together is not taken: the daemon says so and goes on with what it had.
        key.write_bytes(certificate[1].read_bytes())
        daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: "does not belong to the first certificate" in daemon.log.read_text(), "the refusal is logged")
        assert common_name(daemon.tls_url, both) == "second"
        install(certificate)
        daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: common_name(daemon.tls_url, both) == "first", "the first certificate is back")
    finally:
        daemon.stop()


@pytest.mark.parametrize("content, said", [
    ("missing", "cannot read"), ("empty", "holds no PEM certificate chain"), ("other key", "does not belong to"),
    ("no key", "holds no PEM private key"),
])
def test_certificates_that_cannot_be_used(tmp_path, certificate, content, said):
    cert, key = tmp_path / "c.pem", tmp_path / "c.key"
    other = make_certificate(tmp_path, "other")
    if content != "missing":
        cert.write_bytes(b"" if content == "empty" else certificate[0].read_bytes())
    key.write_bytes(other[1].read_bytes() if content == "other key" else b"nonsense" if content == "no key"
                    else certificate[1].read_bytes())
    daemon = TlsDaemon(tmp_path / "daemon", cert, key)
    daemon.spawn()
    assert daemon.proc.wait(DEADLINE_S) != 0
    lines = [line for line in daemon.log.read_text().splitlines() if not line.startswith("{")]
    assert len(lines) == 1 and said in lines[0], lines
    daemon.proc = None


def client_hello():
    """What a client sends that takes the port for one with TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_a_client_that_tries_tls_first_is_answered_in_plain_http(registry_tls):
    """It falls back to HTTP when it sees an HTTP answer; a connection that just ends tells it nothing."""
    for _ in range(20):
        with Raw(registry_tls.url) as raw:
            raw.send(client_hello())
            answer = raw.response()
            assert answer.status == 400, answer
            assert b"without TLS" in answer.body
            assert raw.sock.recv(1) == b""
    assert registry_tls.consumer.get("/healthz").status == 200


@pytest.mark.parametrize("request_line", [b"GET /v2/ HTTP/1.1", b"PUT /v2/x/blobs/uploads/0?digest=sha256:0 HTTP/1.1", b"OPTIONS * HTTP/1.0"])
def test_plain_http_on_the_port_with_tls_is_answered(registry_tls, certificate, request_line):
    body = b"x" * 100000 if request_line.startswith(b"PUT") else b""
    for _ in range(10):
        with Raw(registry_tls.daemon.tls_url) as raw:
            raw.send(request_line + b"\r\n" + HOST + b"Authorization: Basic eDp5\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            answer = raw.response()
            assert answer.status == 400 and b"https://" in answer.body, answer
            assert raw.sock.recv(1) == b""
    with Raw(registry_tls.daemon.tls_url, trusting(certificate[0])) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert raw.response().status == 200


@pytest.mark.parametrize("nonsense", [b"\x00" * 100 + b"\r\n\r\n", b"\xff\r\n" * 20])
def test_what_is_neither_is_refused(registry_tls, nonsense):
    for url in (registry_tls.url, registry_tls.daemon.tls_url):
        with Raw(url) as raw:
            raw.send(nonsense)
            got = raw.response()
            assert got is None or (got.status == 400 and b"this port" not in got.body), got
    assert registry_tls.consumer.get("/healthz").status == 200


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_client_that_says_nothing_at_first_is_served(registry_tls, certificate, tls):
    url = registry_tls.daemon.tls_url if tls else registry_tls.url
    with Raw(url) as silent:
        with Raw(url, trusting(certificate[0]) if tls else None) as other:
            other.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert other.response().status == 200
        if tls:
            silent.sock = trusting(certificate[0]).wrap_socket(silent.sock, server_hostname="localhost")
        silent.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert silent.response().status == 200
