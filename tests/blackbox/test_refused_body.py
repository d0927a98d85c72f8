"""A request whose head is refused may still bring a body: it is answered, and nothing else happens."""

import http.client

import pytest

BAD_TARGETS = ["/%0d", "/v2/a%00/manifests/x", "/v2/a/../b/manifests/x", "/v2//x", "/%zz", "/v2/a/manifests/%2e%2e"]


def send(registry, method, target, body, chunked=False):
    """The status of the answer, or None when the connection was cut while a large body was still being sent."""
    conn = http.client.HTTPConnection(registry.url.split("//")[1], timeout=60)
    try:
        conn.putrequest(method, target)
        if chunked:
            conn.putheader("Transfer-Encoding", "chunked")
        else:
            conn.putheader("Content-Length", str(len(body)))
        conn.endheaders()
        if chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        conn.send(body)
        return conn.getresponse().status
    except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected):
        return None
    finally:
        conn.close()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1, 5000, 200000])
@pytest.mark.parametrize("target", BAD_TARGETS)
def test_a_bad_target_with_a_body(registry, target, size, chunked):
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        assert send(registry, method, target, b"x" * size, chunked) in (400, 401, 404, 405, None)
    assert registry.consumer.get("/v2/").status == 200


@pytest.mark.parametrize("method", ["BREW", "TRACE", "CONNECT", "get"])
def test_an_unknown_method_with_a_body(registry, method):
    for target in ("/v2/", "/%0d", "/v2/a/manifests/v1"):
        assert send(registry, method, target, b"x" * 5000) in (400, 401, 404, 405, 501, None)
    assert registry.consumer.get("/v2/").status == 200


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("method,target", [("PATCH", "/v2/a/blobs/uploads/x"), ("PUT", "/v2/a/manifests/v1"), ("PATCH", "/acr/v1/a/_manifests/x")])
def test_who_logs_in_after_a_401_hears_it(registry, method, target, chunked):
    """Azure's SDK sends every chunk of 4 MiB without credentials first, and again when it is challenged."""
    body = b"x" * (4 << 20)
    assert send(registry, method, target, body, chunked) == 401
    assert send(registry, method, target, body * 5, chunked) in (401, None)


def test_the_connection_is_kept_after_such_a_401(registry, repo):
    conn = http.client.HTTPConnection(registry.url.split("//")[1], timeout=60)
    body = b"x" * (4 << 20)
    conn.request("PATCH", f"/v2/{repo}/blobs/uploads/x", body=body)
    got = conn.getresponse()
    got.read()
    assert got.status == 401 and not got.will_close
    sock = conn.sock
    conn.request("PATCH", f"/v2/{repo}/blobs/uploads/x", body=b"x", headers={"Authorization": registry.publisher.authorization()})
    got = conn.getresponse()
    assert got.status == 404 and conn.sock in (sock, None)
    conn.close()
