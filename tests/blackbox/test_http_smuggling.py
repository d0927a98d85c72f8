"""TESTPLAN H6: requests that two parsers could read in two ways, each followed by a canary request in the same bytes.

A request whose framing is unclear is refused and the connection closed: the canary, which another parser may have taken
for a part of it, is never looked at.  One whose framing is clear but whose content is refused keeps the connection in
step: the canary is answered, exactly once, as the request that it is.
"""

import json
import re

import pytest

from daemon import Daemon
from raw import Raw, exchange

HOST = b"Host: registry.example\r\n"
POST = b"POST /token HTTP/1.1\r\n" + HOST
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# The canary asks for the end of the connection, so that a test need not wait for a timeout.
CANARY = b"GET /canary HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"

UNCLEAR = {
    "two Content-Lengths, alike": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "two Content-Lengths, different": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    "a list as Content-Length": POST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "Content-Length, then Transfer-Encoding": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "Transfer-Encoding, then Content-Length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "unknown Transfer-Encoding": POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, gzip": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked, chunked": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "empty Transfer-Encoding": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "vertical tab before chunked": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "quoted chunked": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "Transfer-Encoding twice": POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "Transfer-Encoding twice, different": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "space before the colon of Transfer-Encoding": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "space before the colon of Content-Length": POST + b"Content-Length : 5\r\n\r\nabcde",
    "Transfer-Encoding in HTTP/1.0": b"POST /token HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n" + CHUNKED
    + b"\r\n0\r\n\r\n",
    "HTTP/1.9": b"GET /healthz HTTP/1.9\r\n" + HOST + b"\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /healthz\r\n",
    "http in lower case": b"GET /healthz http/1.1\r\n" + HOST + b"\r\n",
    "words after the version": b"GET /healthz HTTP/1.1 x\r\n" + HOST + b"\r\n",
    "HTTP/01.1": b"GET /healthz HTTP/01.1\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two Hosts": b"GET /healthz HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "Host with a space": b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
    "Host with a path": b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with a user": b"GET /healthz HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "Host with a quote": b'GET /healthz HTTP/1.1\r\nHost: a"b\r\n\r\n',
    "Host and another host in the target": b"GET http://other.example/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "two Authorizations": GET + b"Authorization: Basic YTpi\r\nAuthorization: Basic Yzpk\r\n\r\n",
    "a folded header": GET + b"X-A: a\r\n b\r\n\r\n",
    "a header before all others that begins with a space": b"GET /healthz HTTP/1.1\r\n X-A: a\r\n" + HOST + b"\r\n",
    "bare LF everywhere": b"GET /healthz HTTP/1.1\nHost: a\n\n",
    "bare LF after a header": b"GET /healthz HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
    "bare CR in a header": b"GET /healthz HTTP/1.1\r\nHost: a\rX-A: b\r\n\r\n",
    "NUL in a header's value": GET + b"X-A: a\x00b\r\n\r\n",
    "NUL in a header's name": GET + b"X\x00A: b\r\n\r\n",
    "a control byte in a header's value": GET + b"X-A: a\x01b\r\n\r\n",
    "DEL in a header's value": GET + b"X-A: a\x7fb\r\n\r\n",
    "a control byte in a header's name": GET + b"X\x01A: b\r\n\r\n",
    "a header without a colon": GET + b"nonsense\r\n\r\n",
    "a header without a name": GET + b": b\r\n\r\n",
    "a space in the target": b"GET /heal thz HTTP/1.1\r\n" + HOST + b"\r\n",
    "two spaces before the target": b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "tabs for spaces": b"GET\t/healthz\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "Content-Length +5": POST + b"Content-Length: +5\r\n\r\nabcde",
    "Content-Length -1": POST + b"Content-Length: -1\r\n\r\nabcde",
    "Content-Length 5/5": POST + b"Content-Length: 5/5\r\n\r\nabcde",
    "Content-Length 5 5": POST + b"Content-Length: 5 5\r\n\r\nabcde",
    "Content-Length 0x5": POST + b"Content-Length: 0x5\r\n\r\nabcde",
    "Content-Length 2^64+1": POST + b"Content-Length: 18446744073709551617\r\n\r\nabcde",
    "Content-Length 2^63": POST + b"Content-Length: 9223372036854775808\r\n\r\nabcde",
    "empty Content-Length": POST + b"Content-Length:\r\n\r\nabcde",
    "chunk size 0x5": POST + CHUNKED + b"\r\n0x5\r\nabcde\r\n0\r\n\r\n",
    "chunk size overflow": POST + CHUNKED + b"\r\n10000000000000005\r\nabcde\r\n0\r\n\r\n",
    "chunk size -5": POST + CHUNKED + b"\r\n-5\r\nabcde\r\n0\r\n\r\n",
    "chunk size +5": POST + CHUNKED + b"\r\n+5\r\nabcde\r\n0\r\n\r\n",
    "chunk size with a space": POST + CHUNKED + b"\r\n5 \r\nabcde\r\n0\r\n\r\n",
    "chunk size ended by LF": POST + CHUNKED + b"\r\n5\nabcde\r\n0\r\n\r\n",
    "chunk ended by LF": POST + CHUNKED + b"\r\n5\r\nabcde\n0\r\n\r\n",
    "chunk longer than its size": POST + CHUNKED + b"\r\n5\r\nabcdefg\r\n0\r\n\r\n",
    "empty chunk size": POST + CHUNKED + b"\r\n\r\nabcde\r\n0\r\n\r\n",
    "chunk extension ended by LF": POST + CHUNKED + b"\r\n5;a=b\nabcde\r\n0\r\n\r\n",
    "a target that is too long for memory": b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a header that is too long for memory": GET + b"X-A: " + b"a" * 40000 + b"\r\n\r\n",
    "more headers than memory": GET + b"X-A: b\r\n" * 5000 + b"\r\n",
    "TLS to a plain port": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
}

# (request, the status that it must get)
CLEAR = {
    "%00 in the path": (b"GET /healthz%00 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "%2e%2e%2f in the path": (b"GET /v2/%2e%2e%2fhealthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "%2F in the path": (b"GET /v2/a%2Fb/tags/list HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "%2f in the path": (b"GET /v2/a%2fb/tags/list HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an escaped letter in the path": (b"GET /%68ealthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "%zz in the path": (b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ".. in the path": (b"GET /v2/../healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ". in the path": (b"GET /./healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "// in the path": (b"GET //healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a fragment": (b"GET /healthz#a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a backslash": (b"GET /healthz\\ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "UTF-8 in the path": ("GET /v2/é/tags/list HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400),
    "%zz in the query": (b"GET /healthz?n=%zz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "%00 in the query": (b"GET /healthz?n=%00 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a repeated parameter": (b"GET /healthz?n=1&n=2 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a repeated parameter, once escaped": (b"GET /healthz?n=1&%6e=2 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "the asterisk form": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "the authority form": (b"CONNECT registry.example:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "the absolute form of the same host": (b"GET http://registry.example/healthz HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "TRACE": (b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "an unknown method": (b"BREW /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "an upgrade": (GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
    "a body where none belongs": (GET + b"Content-Length: 5\r\n\r\nabcde", 400),
    "a chunked body where none belongs": (GET + CHUNKED + b"\r\n5\r\nabcde\r\n0\r\n\r\n", 400),
    "a chunked body without a byte": (GET + CHUNKED + b"\r\n0\r\n\r\n", 200),
    "chunked in another case": (POST + b"tRANSFER-eNCODING: Chunked\r\n\r\n0\r\n\r\n", 400),
    "a chunk extension": (POST + CHUNKED + b"\r\n5;a=b\r\nabcde\r\n0\r\n\r\n", 400),
    "a length among the trailers": (POST + CHUNKED + b"\r\n0\r\nContent-Length: 70\r\n\r\n", 400),
    "a second encoding among the trailers": (POST + CHUNKED + b"\r\n0\r\n" + CHUNKED + b"\r\n", 400),
    "a path of 2049 bytes": (b"GET /" + b"a" * 500 + b"/" + (b"b" * 500 + b"/") * 3 + b"c" * 44 + b" HTTP/1.1\r\n" + HOST
                             + b"\r\n", 414),
}


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("wire")).start()
    yield daemon
    daemon.stop()


def logged_canaries(daemon):
    """Requests for the canary's path that were handled, by the daemon's own log."""
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines() if line.startswith("{")]
    return sum(1 for line in lines if line.get("path") == "/canary" and line.get("status") == 404)


@pytest.mark.parametrize("case", UNCLEAR)
def test_unclear_framing_is_refused_and_closes(wire, case):
    before = logged_canaries(wire)
    got = exchange(wire.url, UNCLEAR[case] + CANARY)
    assert len(got) <= 1, got
    for response in got:
        assert response.status in (400, 413, 414, 431, 501, 505), got
        assert response.header("connection") == "close"
    # The log line is written before the connection is closed.
    assert logged_canaries(wire) == before


@pytest.mark.parametrize("case", CLEAR)
def test_clear_framing_stays_in_step(wire, case):
    request, status = CLEAR[case]
    before = logged_canaries(wire)
    got = exchange(wire.url, request + CANARY)
    assert [r.status for r in got] == [status, 404], got
    assert logged_canaries(wire) == before + 1


@pytest.mark.parametrize("case", CLEAR)
def test_clear_framing_byte_by_byte(wire, case):
    """The same when every byte comes in a packet of its own: no state is lost between two reads."""
    request, status = CLEAR[case]
    with Raw(wire.url) as raw:
        for i in range(0, len(request + CANARY), 7):
            raw.send((request + CANARY)[i:i + 7])
        got = raw.responses()
    assert [r.status for r in got] == [status, 404], got


def test_canary_in_a_body_is_body(wire):
    """A request inside of a body is never one of its own, in either framing."""
    smuggled = b"GET /canary HTTP/1.1\r\n" + HOST + b"\r\n"
    length = GET + b"Content-Length: %d\r\n\r\n" % len(smuggled) + smuggled
    chunked = GET + CHUNKED + b"\r\n%x\r\n" % len(smuggled) + smuggled + b"\r\n0\r\n\r\n"
    before = logged_canaries(wire)
    got = exchange(wire.url, length + chunked + GET + b"Connection: close\r\n\r\n")
    assert [r.status for r in got] == [400, 400, 200], got
    assert logged_canaries(wire) == before


def test_pipelined_requests_are_answered_in_order(wire):
    many = b"".join(b"GET /nowhere/%d HTTP/1.1\r\n" % i + HOST + b"\r\n" + GET + b"\r\n" for i in range(50))
    got = exchange(wire.url, many + CANARY)
    assert [r.status for r in got] == [404, 200] * 50 + [404]


def test_answers_of_one_connection_do_not_mix(wire):
    """Each answer has an id of its own, and no header of an earlier one."""
    got = exchange(wire.url, b"PUT /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n" + GET + b"\r\n" + CANARY)
    assert [r.status for r in got] == [405, 200, 404]
    assert got[0].header("allow") == "GET, HEAD"
    assert got[1].header("allow") is None
    ids = [r.header("x-request-id") for r in got]
    assert len(set(ids)) == 3 and all(re.fullmatch(r"[0-9a-f]{32}", i) for i in ids)


def test_half_closed_client_gets_its_answers(wire):
    with Raw(wire.url) as raw:
        raw.send(GET + b"\r\n" + GET + b"\r\n")
        raw.finish_sending()
        assert [r.status for r in raw.responses()] == [200, 200]
