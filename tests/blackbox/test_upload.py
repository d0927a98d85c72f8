"""Blob uploads: sessions, chunks, resuming, digests, ownership, mounts (distribution-spec "Pushing Blobs")."""

import concurrent.futures
import os
import socket
import struct
import subprocess
import threading

import pytest

from client import Client, digest_of, unique
from daemon import wait_for
from raw import Raw
from test_http_limits import send_until_answered

OCTETS = "application/octet-stream"
EMPTY = digest_of(b"")


def start(client, repo, query=""):
    """A new session's path."""
    got = client.request("POST", f"/v2/{repo}/blobs/uploads/{query}")
    assert got.status == 202, got
    where = got.headers["Location"]
    assert where.startswith(f"/v2/{repo}/blobs/uploads/"), where
    assert got.headers["Range"].startswith("0-")
    assert where.endswith(got.headers["Docker-Upload-UUID"])
    assert "/" not in where.removeprefix(f"/v2/{repo}/blobs/uploads/")
    return where


def patch(client, where, data, content_range=None):
    headers = {"Content-Range": content_range} if content_range else {}
    return client.request("PATCH", where, body=data, headers=headers, content_type=OCTETS)


def put(client, where, digest, data=b"", content_range=None):
    headers = {"Content-Range": content_range} if content_range else {}
    return client.request("PUT", f"{where}?digest={digest}", body=data, headers=headers, content_type=OCTETS)


def size_of(client, where):
    """How many bytes the session has, by its status; None when it is unknown."""
    got = client.get(where)
    if got.status == 404:
        assert got.code == "BLOB_UPLOAD_UNKNOWN", got
        return None
    assert got.status == 204, got
    assert got.headers["Location"] == where
    first, last = got.headers["Range"].split("-")
    assert first == "0"
    return int(last) + 1 if int(last) else 0  # "0-0" stands for nothing yet (and for one byte)


def assert_created(got, repo, digest):
    assert got.status == 201, got
    assert got.headers["Location"] == f"/v2/{repo}/blobs/{digest}"
    assert got.headers["Docker-Content-Digest"] == digest


def assert_stored(registry, repo, data, digest=None):
    got = registry.processor.get_blob(repo, digest or digest_of(data))
    assert (got.status, got.body) == (200, data), got


# -- the ways to push ------------------------------------------------------------------------------


def test_post_then_put(registry, repo):
    data = unique("post then put ").encode()
    where = start(registry.publisher, repo)
    assert_created(put(registry.publisher, where, digest_of(data), data), repo, digest_of(data))
    assert_stored(registry, repo, data)
    assert size_of(registry.publisher, where) is None


def test_a_stream_of_unknown_length(registry, repo):
    data = unique("stream ").encode() * 5000
    where = start(registry.publisher, repo)
    got = patch(registry.publisher, where, iter([data[:7], data[7:70000], data[70000:]]))
    assert got.status == 202, got
    assert got.headers["Location"] == where
    assert got.headers["Range"] == f"0-{len(data) - 1}"
    assert_created(put(registry.publisher, where, digest_of(data)), repo, digest_of(data))
    assert_stored(registry, repo, data)


@pytest.mark.parametrize("last_in_put", [False, True])
def test_chunks(registry, repo, last_in_put):
    data = unique("chunked ").encode() * 300
    chunks = [data[:1000], data[1000:1042], data[1042:]]
    where = start(registry.publisher, repo)
    at = 0
    for chunk in chunks[:2] if last_in_put else chunks:
        got = patch(registry.publisher, where, chunk, f"{at}-{at + len(chunk) - 1}")
        assert got.status == 202, got
        at += len(chunk)
        assert got.headers["Range"] == f"0-{at - 1}"
        assert size_of(registry.publisher, where) == at
    if last_in_put:
        done = put(registry.publisher, where, digest_of(data), chunks[2], f"{at}-{len(data) - 1}")
    else:
        done = put(registry.publisher, where, digest_of(data))
    assert_created(done, repo, digest_of(data))
    assert_stored(registry, repo, data)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("data", [b"", b"{}", b"whole at once"])
def test_single_post(registry, repo, algorithm, data):
    digest = digest_of(data, algorithm)
    got = registry.publisher.request("POST", f"/v2/{repo}/blobs/uploads/?digest={digest}", body=data, content_type=OCTETS)
    assert_created(got, repo, digest)
    assert_stored(registry, repo, data, digest)
    assert_stored(registry, repo, data)  # one content: by either digest


def test_the_empty_blob_by_sessions(registry, repo):
    where = start(registry.publisher, repo)
    assert patch(registry.publisher, where, b"").status == 202
    assert_created(put(registry.publisher, where, EMPTY), repo, EMPTY)
    got = registry.processor.get_blob(repo, EMPTY)
    assert (got.status, got.body, got.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("query", ["", "?digest-algorithm=sha512", "?digest-algorithm=sha256"])
def test_sha512_announced_or_not(registry, repo, query):
    data = unique("sha512 ").encode() * 1000
    digest = digest_of(data, "sha512")
    where = start(registry.publisher, repo, query)
    assert patch(registry.publisher, where, data).status == 202
    assert_created(put(registry.publisher, where, digest), repo, digest)
    got = registry.processor.head(f"/v2/{repo}/blobs/{digest}")
    assert (got.status, got.headers["Docker-Content-Digest"]) == (200, digest)
    got = registry.processor.head(f"/v2/{repo}/blobs/{digest_of(data)}")
    assert (got.status, got.headers["Docker-Content-Digest"]) == (200, digest_of(data))


def test_an_unknown_algorithm_is_refused(registry, repo):
    for algorithm in ("md5", "sha384", "SHA256", ""):
        got = registry.publisher.request("POST", f"/v2/{repo}/blobs/uploads/?digest-algorithm={algorithm}")
        assert (got.status, got.code) == (400, "UNSUPPORTED"), got


def test_a_large_blob_needs_little_memory(make_registry, repo):
    registry = make_registry()
    block = os.urandom(1 << 20)
    n = 64

    def memory():
        with open(f"/proc/{registry.daemon.proc.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))

    where = start(registry.publisher, repo)
    assert patch(registry.publisher, where, iter([block] * 2)).status == 202
    before = memory()
    assert patch(registry.publisher, where, iter([block] * n)).status == 202
    after = memory()
    assert_created(put(registry.publisher, where, digest_of(block * (n + 2))), repo, digest_of(block * (n + 2)))
    assert after - before < 16 << 20, (before, after)


# -- chunks that do not fit ------------------------------------------------------------------------


def test_a_wrong_start_is_416_and_the_session_survives(registry, repo):
    data = b"0123456789"
    where = start(registry.publisher, repo)
    for wrong in ("5-9", "1-5", "9223372036854775800-9223372036854775804"):
        got = patch(registry.publisher, where, data[5:], wrong)
        assert got.status == 416, got
        assert size_of(registry.publisher, where) == 0
    assert patch(registry.publisher, where, data[:5], "0-4").status == 202
    for wrong in ("0-4", "4-8", "6-10"):
        assert patch(registry.publisher, where, data[5:], wrong).status == 416
        assert put(registry.publisher, where, digest_of(data), data[5:], wrong).status == 416
        assert size_of(registry.publisher, where) == 5
    assert_created(put(registry.publisher, where, digest_of(data), data[5:], "5-9"), repo, digest_of(data))


@pytest.mark.parametrize("malformed", ["bytes 0-4", "bytes=0-4", "0-", "-4", "4-0", "0-4/5", "a-b", "0-99999999999999999999",
                                       "0--4", " 0 - 4"])
def test_a_malformed_content_range_is_400(registry, repo, malformed):
    where = start(registry.publisher, repo)
    got = patch(registry.publisher, where, b"01234", malformed)
    assert (got.status, got.code) == (400, "BLOB_UPLOAD_INVALID"), got
    assert size_of(registry.publisher, where) == 0


def test_a_length_that_disagrees_with_the_range(registry, repo):
    where = start(registry.publisher, repo)
    got = patch(registry.publisher, where, b"01234", "0-9")
    assert (got.status, got.code) == (400, "SIZE_INVALID"), got
    assert size_of(registry.publisher, where) == 0
    # Of unknown length: too many bytes, then too few.  What came is kept, and the status tells how much.
    got = patch(registry.publisher, where, iter([b"01234", b"56789"]), "0-4")
    assert (got.status, got.code) == (400, "SIZE_INVALID"), got
    at = size_of(registry.publisher, where)
    assert at in (0, 5)
    got = patch(registry.publisher, where, iter([b"xy"]), f"{at}-{at + 5}")
    assert (got.status, got.code) == (400, "SIZE_INVALID"), got
    assert size_of(registry.publisher, where) == at + 2


# -- digests that do not fit -----------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("way", ["post", "put", "chunks", "last chunk in put", "stream"])
def test_a_digest_of_other_bytes_is_400_and_stores_nothing(registry, repo, algorithm, way):
    data = unique("these bytes ").encode() * 100
    digest = digest_of(b"other" + data, algorithm)
    client = registry.publisher
    if way == "post":
        got = client.request("POST", f"/v2/{repo}/blobs/uploads/?digest={digest}", body=data, content_type=OCTETS)
    else:
        where = start(client, repo)
        if way == "put":
            got = put(client, where, digest, data)
        elif way == "last chunk in put":
            assert patch(client, where, data[:50], "0-49").status == 202
            got = put(client, where, digest, data[50:], f"50-{len(data) - 1}")
        else:
            assert patch(client, where, data if way == "chunks" else iter([data])).status == 202
            got = put(client, where, digest)
        assert size_of(client, where) is None
    assert (got.status, got.code) == (400, "DIGEST_INVALID"), got
    for wrong in (digest, digest_of(data)):
        assert registry.processor.head(f"/v2/{repo}/blobs/{wrong}").status == 404


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:abc", "sha256:" + "A" * 64, "sha256:" + "a" * 65, "md5:" + "a" * 32,
                                    "sha512:" + "a" * 64, "..%2F..%2Fetc%2Fpasswd", "latest"])
def test_a_malformed_digest_is_400_and_the_session_survives(registry, repo, digest):
    data = b"some bytes"
    client = registry.publisher
    where = start(client, repo)
    assert patch(client, where, data).status == 202
    got = put(client, where, digest)
    assert (got.status, got.code) == (400, "DIGEST_INVALID"), got
    got = client.request("PUT", where)
    assert (got.status, got.code) == (400, "DIGEST_INVALID"), got
    assert size_of(client, where) == len(data)
    assert_created(put(client, where, digest_of(data)), repo, digest_of(data))
    got = client.request("POST", f"/v2/{repo}/blobs/uploads/?digest={digest}", body=data, content_type=OCTETS)
    assert (got.status, got.code) == (400, "DIGEST_INVALID"), got


# -- sessions --------------------------------------------------------------------------------------


def test_a_session_is_cancelled_once(registry, repo):
    client = registry.publisher
    where = start(client, repo)
    assert patch(client, where, b"bytes").status == 202
    assert client.request("DELETE", where).status == 204
    assert size_of(client, where) is None
    for got in (client.request("DELETE", where), patch(client, where, b"more"), put(client, where, digest_of(b"bytes"))):
        assert (got.status, got.code) == (404, "BLOB_UPLOAD_UNKNOWN"), got


def test_a_session_belongs_to_its_principal_and_repository(registry, repo):
    client = registry.publisher
    where = start(client, repo)
    assert patch(client, where, b"mine").status == 202
    elsewhere = where.replace(f"/v2/{repo}/", f"/v2/{repo}-other/")
    unknown = where[:-32] + "0" * 32
    for who, path in ((registry.publisher2, where), (registry.processor, where), (client, elsewhere), (client, unknown),
                      (client, where[:-32] + "short"), (client, where[:-1] + "G")):
        answers = [who.get(path), patch(who, path, b"x"), put(who, path, digest_of(b"mine")), who.request("DELETE", path)]
        for got in answers:
            assert (got.status, got.code) == (404, "BLOB_UPLOAD_UNKNOWN"), (path, got)
    assert size_of(client, where) == 4
    assert_created(put(client, where, digest_of(b"mine")), repo, digest_of(b"mine"))


def test_who_may_not_push_gets_no_session(registry, repo):
    for who, status in ((registry.consumer, 403), (registry.stranger, 403), (registry.anonymous, 401)):
        got = who.request("POST", f"/v2/{repo}/blobs/uploads/")
        assert got.status == status, got
        got = who.request("POST", f"/v2/{repo}/blobs/uploads/?digest={EMPTY}", body=b"")
        assert got.status == status, got


def raw_patch(registry, client, where, announced, data):
    """A PATCH of `announced` bytes of which only `data` is sent; the open socket."""
    sock = socket.create_connection((client.base.hostname, client.base.port), timeout=60)
    sock.sendall(f"PATCH {where} HTTP/1.1\r\nHost: {client.base.netloc}\r\nAuthorization: {client.authorization()}\r\n"
                 f"Content-Type: {OCTETS}\r\nContent-Length: {announced}\r\n\r\n".encode() + data)
    return sock


@pytest.mark.tsan
def test_an_upload_goes_on_after_a_disconnect(registry, repo):
    data = os.urandom(300000)
    client = registry.publisher
    where = start(client, repo)
    cut = raw_patch(registry, client, where, len(data), data[:200000])

    def status():
        got = client.get(where)
        return got.status == 204 and got.headers["Range"] == "0-199999"

    wait_for(status, "what was sent has arrived")
    cut.close()
    # The writer goes when the daemon has seen the client leave.
    got = wait_for(lambda: (r := patch(client, where, data[200000:], "200000-299999")).status != 409 and r, "the session is free")
    assert got.status == 202, got
    assert_created(put(client, where, digest_of(data)), repo, digest_of(data))
    assert_stored(registry, repo, data)


@pytest.mark.tsan
def test_clients_that_vanish_leave_nothing_open(make_registry, repo):
    """Cut at every stage, with a reset: no descriptor stays open, and a whole upload in one request leaves no session behind."""
    registry = make_registry()
    client = registry.publisher
    pid, uploads = registry.daemon.proc.pid, registry.daemon.data / "uploads"
    data = b"never whole " * 2000
    where = start(client, repo)

    def open_files():
        return len(os.listdir(f"/proc/{pid}/fd"))

    def vanish(method, path, announced, body):
        sock = socket.create_connection((client.base.hostname, client.base.port), timeout=60)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
        sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: {client.base.netloc}\r\nAuthorization: {client.authorization()}\r\n"
                     f"Content-Type: {OCTETS}\r\nContent-Length: {announced}\r\n\r\n".encode()[:-1 if body is None else None])
        if body:
            sock.sendall(body)
        sock.close()

    assert client.get(where).status == 204
    before = open_files()
    for body in (None, b"", b"n", data[:-1], data):
        for _ in range(8):
            vanish("POST", f"/v2/{repo}/blobs/uploads/?digest={digest_of(data)}", len(data), body)
            vanish("PUT", f"{where}?digest={digest_of(data)}", len(data) + 1, body)
    wait_for(lambda: open_files() <= before, "every descriptor is closed")
    names = {path.name for path in uploads.iterdir()}
    assert names <= {where.rsplit("/", 1)[1]}, names
    assert_created(put(client, start(client, repo), digest_of(data), data), repo, digest_of(data))


@pytest.mark.tsan
def test_a_second_writer_is_told_so(registry, repo):
    client = registry.publisher
    where = start(client, repo)
    first = raw_patch(registry, client, where, 10, b"01234")
    wait_for(lambda: client.get(where).headers["Range"] == "0-4", "the first writer is at work")
    for got in (patch(client, where, b"xxxxx"), put(client, where, digest_of(b"0123456789")), client.request("DELETE", where)):
        assert got.status == 409, got
    first.sendall(b"56789")
    assert first.recv(4096).startswith(b"HTTP/1.1 202 ")
    first.close()
    assert_created(put(client, where, digest_of(b"0123456789")), repo, digest_of(b"0123456789"))


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_upload_goes_on_after_a_restart(make_registry, repo, how):
    registry = make_registry()
    data = os.urandom(100000)
    where = start(registry.publisher, repo)
    assert patch(registry.publisher, where, data[:60000]).status == 202
    whole = start(registry.publisher, repo, "?digest-algorithm=sha512")
    assert patch(registry.publisher, whole, data).status == 202
    getattr(registry.daemon, how)()
    registry.daemon.start()
    client = registry.client("publisher")
    assert size_of(client, where) == 60000
    assert patch(client, where, data[60000:], "60000-99999").status == 202
    assert_created(put(client, where, digest_of(data)), repo, digest_of(data))
    assert_created(put(client, whole, digest_of(data, "sha512")), repo, digest_of(data, "sha512"))
    got = registry.client("processor").get_blob(repo, digest_of(data))
    assert (got.status, got.body) == (200, data)


@pytest.mark.tsan
def test_the_same_blob_64_times_at_once(registry, repo):
    data = unique("everybody pushes this ").encode() * 2000
    digest = digest_of(data)

    def push(i):
        client = registry.client("publisher")
        where = start(client, f"{repo}/{i % 4}")
        assert patch(client, where, iter([data])).status == 202
        got = put(client, where, digest)
        client.close()
        return got.status

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        assert set(pool.map(push, range(64))) == {201}
    for i in range(4):
        assert_stored(registry, f"{repo}/{i}", data)


# -- bytes on the disk -----------------------------------------------------------------------------


def test_pushing_a_damaged_blob_again_heals_it(make_registry, repo):
    registry = make_registry()
    data = unique("precious ").encode() * 100
    digest = registry.publisher.push_blob(repo, data)
    file = registry.daemon.blob_path(digest)
    file.write_bytes(data[:-1] + b"?")  # of the right size
    registry.publisher.push_blob(repo, data)
    assert_stored(registry, repo, data)
    file.write_bytes(data[:-1])  # cut: never served as if it were whole
    assert registry.processor.get_blob(repo, digest).status == 500
    registry.publisher.push_blob(repo, data)
    assert_stored(registry, repo, data)


@pytest.fixture
def small_disk(make_daemon, tmp_path):
    """small_disk(MiB, watermark): a daemon whose data directory is a disk of that size, and a processor's client."""
    small, made = tmp_path / "small", []
    small.mkdir()

    def make(size_mib, watermark):
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(small)], check=False).returncode != 0:
            pytest.skip("not run: a small file system of its own cannot be mounted here")
        made.append(make_daemon(start=False, args=["--set", f"storage.watermark={watermark}"]))
        made[0].data = small / "data"
        made[0].start()
        client = made[0].admin()
        assert client.request("POST", "/v2/_roadstead/admin/users", body={"name": "p", "password": "long enough, really"}).status == 201
        assert client.request("POST", "/v2/_roadstead/admin/grants",
                              body={"principal": "p", "role": "processor", "pattern": "**"}).status == 201
        return made[0], Client(made[0].url, ("p", "long enough, really"))

    yield make
    for daemon in made:
        daemon.stop()
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_full_disk_refuses_and_is_survived(small_disk, repo):
    daemon, client = small_disk(24, 0)  # a watermark would refuse long before
    kept = client.push_blob(repo, b"kept")
    where = start(client, repo)
    block = os.urandom(1 << 20)
    got = None
    for _ in range(40):
        got = patch(client, where, block)
        if got.status != 202:
            break
    assert got.status == 507, got
    client = Client(daemon.url, ("p", "long enough, really"))
    assert client.get_blob(repo, kept).body == b"kept"  # reading goes on
    assert client.request("DELETE", where).status == 204  # and makes room
    assert client.push_blob(repo, block) == digest_of(block)
    assert client.get_blob(repo, digest_of(block)).body == block


@pytest.mark.parametrize("way", ["chunked", "announced", "together"])
def test_no_upload_takes_the_room_below_the_watermark(small_disk, repo, way):
    """Nobody has to say how much will come, and several may have been let in while there was room for each of them."""
    watermark = 32 << 20
    daemon, client = small_disk(96, watermark)
    image = client.push_image(repo, "v1")
    size = {"chunked": 90 << 20, "announced": 90 << 20, "together": 30 << 20}[way]

    def upload(n):
        own = Client(daemon.url, client.auth)
        where = f"/v2/{repo}/blobs/uploads/?digest={digest_of(b'never')}" if way == "announced" else start(own, repo)
        with Raw(daemon.url) as raw:
            length = "Transfer-Encoding: chunked" if way == "chunked" else f"Content-Length: {size}"
            method = "POST" if way == "announced" else "PATCH"
            raw.send(f"{method} {where} HTTP/1.1\r\nHost: x\r\nAuthorization: {own.authorization()}\r\n{length}\r\n\r\n".encode())
            begun.wait()
            block = bytes([n]) * (1 << 20)
            piece = b"100000\r\n" + block + b"\r\n" if way == "chunked" else block
            _, response = send_until_answered(raw, piece, len(piece) * (size >> 20))
            return response.status

    writers = 4 if way == "together" else 1
    begun = threading.Barrier(writers, timeout=60)
    with concurrent.futures.ThreadPoolExecutor(writers) as pool:
        statuses = list(pool.map(upload, range(writers)))
    assert 507 in statuses and 201 not in statuses, statuses
    disk = os.statvfs(daemon.data)
    assert disk.f_bavail * disk.f_frsize >= watermark - writers * (4 << 20) - (2 << 20), statuses
    client.release(repo, image.digest, "still decided")


# -- mounts ----------------------------------------------------------------------------------------


def mount(client, repo, digest, source=None):
    return client.request("POST", f"/v2/{repo}/blobs/uploads/?mount={digest}" + (f"&from={source}" if source else ""))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("named", [True, False])
def test_a_readable_blob_is_mounted(registry, repo, algorithm, named):
    data = unique("mounted ").encode()
    digest = registry.publisher.push_blob(f"{repo}/a", data, digest_of(data, algorithm))
    got = mount(registry.processor, f"{repo}/b", digest, f"{repo}/a" if named else None)
    assert_created(got, f"{repo}/b", digest)
    assert_stored(registry, f"{repo}/b", data, digest)


def test_a_mount_gives_nobody_what_he_could_not_read(registry, repo):
    data = unique("held ").encode()
    digest = registry.publisher2.push_blob(f"{repo}/a", data)
    for source in (f"{repo}/a", None, f"{repo}/none", "NOT/a/name", "..", f"{repo}/b"):
        got = mount(registry.publisher, f"{repo}/b", digest, source)
        assert got.status == 202, (source, got)
        where = got.headers["Location"]
        assert size_of(registry.publisher, where) == 0  # an upload like any other
        assert registry.publisher.head(f"/v2/{repo}/b/blobs/{digest}").status == 404
        assert registry.publisher.request("DELETE", where).status == 204
    missing = digest_of(unique("never pushed ").encode())
    for source in (f"{repo}/a", None):
        assert mount(registry.processor, f"{repo}/b", missing, source).status == 202
    for malformed in ("", "sha256:abc", "latest"):
        got = mount(registry.processor, f"{repo}/b", malformed, f"{repo}/a")
        assert (got.status, got.code) == (400, "DIGEST_INVALID"), got


def test_a_mounted_blob_of_a_released_image(registry, repo):
    image = registry.publisher.push_image(f"{repo}/a", "v1")
    layer = digest_of(image.layers[0])
    assert mount(registry.publisher2, f"{repo}/b", layer, f"{repo}/a").status == 202
    registry.processor.release(f"{repo}/a", image.digest)
    assert_created(mount(registry.publisher2, f"{repo}/b", layer, f"{repo}/a"), f"{repo}/b", layer)
    assert_created(mount(registry.publisher2, f"{repo}/c", layer), f"{repo}/c", layer)
    assert registry.publisher2.head(f"/v2/{repo}/b/blobs/{layer}").status == 200


def token(registry, who, *scopes):
    query = "&".join(f"scope={s}" for s in scopes)
    got = registry.client(who).get(f"/token?service=roadstead&{query}")
    assert got.status == 200, got
    return Client(registry.url, got.json()["token"])


def test_a_mount_without_credentials_is_asked_for_both_scopes(registry, repo):
    """So that a client which asks for a token once has one that will do; whether anything is there makes no difference."""
    layer = digest_of(registry.publisher.push_image(f"{repo}/a", "v1").layers[0])

    def scope_for(digest, source):
        got = mount(registry.anonymous, f"{repo}/b", digest, source)
        assert got.status == 401, got
        return got.headers["WWW-Authenticate"].split('scope="')[1].split('"')[0]

    target = f"repository:{repo}/b:pull,push"
    assert scope_for(layer, f"{repo}/a") == f"{target} repository:{repo}/a:pull"
    assert scope_for(digest_of(b"nowhere"), f"{repo}/none") == f"{target} repository:{repo}/none:pull"
    for source in (None, "NOT/a/name", "a%22,b", f"{repo}/b"):
        assert scope_for(layer, source) == target, source
    got = registry.anonymous.request("POST", f"/v2/{repo}/b/blobs/uploads/?from={repo}/a")
    assert got.headers["WWW-Authenticate"].endswith(f'scope="{target}"')


def test_a_token_without_the_source_scope_is_told_both(registry, repo):
    image = registry.publisher.push_image(f"{repo}/a", "v1")
    registry.processor.release(f"{repo}/a", image.digest)
    layer = digest_of(image.layers[0])
    narrow = token(registry, "publisher2", f"repository:{repo}/b:pull,push")
    got = mount(narrow, f"{repo}/b", layer, f"{repo}/a")
    assert got.status == 401, got
    challenge = got.headers["WWW-Authenticate"]
    scope = challenge.split('scope="')[1].split('"')[0]
    assert sorted(scope.split(" ")) == [f"repository:{repo}/a:pull", f"repository:{repo}/b:pull,push"]
    wide = token(registry, "publisher2", *scope.split(" "))
    assert_created(mount(wide, f"{repo}/b", layer, f"{repo}/a"), f"{repo}/b", layer)
    # What the principal could not read anyway is no reason to ask for more.
    held = digest_of(registry.publisher.push_image(f"{repo}/held", "v1").layers[0])
    assert mount(narrow, f"{repo}/b", held, f"{repo}/held").status == 202
