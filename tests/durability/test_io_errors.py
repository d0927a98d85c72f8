"""Disks that give errors: what the daemon tells its clients, and what it must not.

A preloaded library (shim.c) makes chosen calls on the daemon's files fail.  An error never looks like an answer: no wrong bytes, no short
body that looks whole, no success that is none, no open door; and when the disk works again, so does the registry.
"""

import http.client
import itertools
import json
import pathlib
import ssl
import subprocess

import pytest

from client import Client, Image, digest_of, unique
from daemon import wait_for
from harness import PASSWORD, Registry, shim_env

OCTETS = "application/octet-stream"
BLOB = "*/blobs/sha256/??/*"
LAYER = bytes(itertools.islice(itertools.cycle(range(251)), 3 << 20))  # no two blocks of it are alike


def make_registry(shim, root, registries, config=None):
    registry = Registry(root, env=shim_env(shim, root), config={"log": {"requests": False}, **(config or {})})
    registries.append(registry)
    return registry.start().populate()


@pytest.fixture(scope="module")
def module_registries():
    made = []
    yield made
    for registry in made:
        registry.fail(None)
        registry.daemon.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificate")
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return cert, key


@pytest.fixture(scope="module")
def registry(shim, tmp_path_factory, module_registries, certificate):
    cert, key = certificate
    tls = {"listen": ["127.0.0.1:0"], "certificate": str(cert), "key": str(key)}
    return make_registry(shim, tmp_path_factory.mktemp("io") / "d", module_registries, {"tls": tls})


@pytest.fixture(autouse=True)
def healthy(request):
    """Every test begins and ends with a disk that works."""
    yield
    if "registry" in request.fixturenames:
        request.getfixturevalue("registry").fail(None)


def faults_hit(registry):
    return sum(line.startswith("fault\t") for line in (registry.daemon.root / "shim.log").read_text(errors="replace").splitlines())


def log_lines(registry, since):
    return registry.daemon.log.read_text(errors="replace")[since:].splitlines()


def log_end(registry):
    return len(registry.daemon.log.read_text(errors="replace"))


def released(registry, repo, layer):
    image = registry.client("publisher").push_image(repo, "v1", Image(layers=[layer]))
    registry.client("processor").release(repo, image.digest)
    return image


def connect(registry, certificate, tls):
    url = next(u for u in registry.daemon.urls if u.startswith("https://" if tls else "http://"))
    context = ssl.create_default_context(cafile=str(certificate[0])) if tls else None
    client = Client(url, ("consumer", PASSWORD), context=context)
    return client._connect(), client.authorization()


def check_logged(registry, since, digest):
    """One line tells that this blob was cut, and that it was not the client's doing."""
    lines = wait_for(lambda: [line for line in log_lines(registry, since) if digest in line], "it is logged")
    logged = json.loads(lines[0])
    assert len(lines) == 1 and (logged["level"], logged["error"], logged["cut"]) == ("error", "IO", "yes"), lines


def test_a_client_that_leaves_or_stalls_is_no_fault(shim, tmp_path, registries):
    """What looks alike from afar: nothing is said about the disk."""
    registry = make_registry(shim, tmp_path / "d", registries, {"limits": {"stall_timeout": "2s"}, "log": {"requests": True}})
    data = LAYER * 8  # more than the sockets hold
    released(registry, "r/x", data)
    for leaves in (True, False):
        since = log_end(registry)
        conn, authorization = connect(registry, None, False)
        conn.request("GET", f"/v2/r/x/blobs/{digest_of(data)}", headers={"Authorization": authorization})
        got = conn.getresponse()
        assert got.read(1000) == data[:1000]
        if leaves:
            got.close()
            conn.close()
        lines = wait_for(lambda: [line for line in log_lines(registry, since) if digest_of(data) in line and '"cut"' in line], "it is cut")
        assert json.loads(lines[0])["level"] == "info" and "error" not in json.loads(lines[0]), lines
        conn.close()
    registry.daemon.stop()


# -- blobs that are read -------------------------------------------------------------------------------


@pytest.mark.parametrize("tls,what,hit", [(False, "EIO", "1+"), (False, "EIO", "5+"), (True, "EIO", "1+"), (True, "EIO", "5+"),
                                          (True, "short", "1+"), (True, "eof", "5+")])
@pytest.mark.parametrize("part", [None, (1000000, 2999999)], ids=["whole", "range"])
def test_a_blob_that_cannot_be_read_to_its_end(registry, certificate, tls, part, what, hit):
    repo = "r/cut-" + unique()
    image = released(registry, repo, LAYER + repo.encode())
    data = image.layers[0]
    wanted = data if part is None else data[part[0]:part[1] + 1]
    conn, authorization = connect(registry, certificate, tls)
    since = log_end(registry)
    registry.fail(f"read {BLOB} {what} {hit}")
    headers = {"Authorization": authorization, **({"Range": f"bytes={part[0]}-{part[1]}"} if part else {})}
    conn.request("GET", f"/v2/{repo}/blobs/{digest_of(data)}", headers=headers)
    got = conn.getresponse()
    assert (got.status, int(got.headers["Content-Length"])) == (206 if part else 200, len(wanted))
    if what == "short":  # fewer bytes at once are no error
        assert got.read() == wanted
    else:
        with pytest.raises(http.client.IncompleteRead) as cut:
            got.read()
        assert wanted.startswith(cut.value.partial) and len(cut.value.partial) < len(wanted)
        check_logged(registry, since, digest_of(data))
    conn.close()
    registry.fail(None)
    conn, authorization = connect(registry, certificate, tls)
    conn.request("GET", f"/v2/{repo}/blobs/{digest_of(data)}", headers=headers)
    assert conn.getresponse().read() == wanted


@pytest.mark.parametrize("what", ["short", "eof"])
def test_a_blob_that_ends_early_in_the_kernel(shim, tmp_path, registries, what):
    """Where the kernel sends the file (plain HTTP) and stops in the middle of a file that is long enough, the connection stalls, and is
    cut as every stalled one.  (A file that has become too short is noticed at once: test_blob.)"""
    registry = make_registry(shim, tmp_path / "d", registries, {"limits": {"stall_timeout": "2s"}})
    image = released(registry, "r/x", LAYER)
    conn, authorization = connect(registry, None, False)
    registry.fail(f"read {BLOB} {what} 5+")
    conn.request("GET", f"/v2/r/x/blobs/{digest_of(LAYER)}", headers={"Authorization": authorization})
    got = conn.getresponse()
    assert (got.status, int(got.headers["Content-Length"])) == (200, len(LAYER))
    with pytest.raises(http.client.IncompleteRead) as cut:
        got.read()
    assert LAYER.startswith(cut.value.partial)
    registry.fail(None)
    assert registry.client("consumer").get_blob("r/x", digest_of(image.layers[0])).body == LAYER
    registry.daemon.stop()


@pytest.mark.parametrize("what,status", [("EIO", 500), ("EMFILE", 503)])
def test_a_blob_that_cannot_be_opened(registry, what, status):
    repo = f"r/unopened-{what.lower()}"
    image = released(registry, repo, unique("layer ").encode())
    digest = digest_of(image.layers[0])
    since = log_end(registry)
    registry.fail(f"open {BLOB} {what} 1+")
    got = registry.client("consumer").get_blob(repo, digest)
    assert (got.status, got.code) == (status, {500: "UNSUPPORTED", 503: "TOOMANYREQUESTS"}[status]), got
    assert got.headers["Cache-Control"] == "no-store" and ("Retry-After" in got.headers) == (status == 503)
    assert image.layers[0] not in got.body and str(registry.daemon.data).encode() not in got.body
    if status == 500:
        wait_for(lambda: [line for line in log_lines(registry, since) if digest in line], "it is logged")
    registry.fail(None)
    assert registry.client("consumer").get_blob(repo, digest).body == image.layers[0]


# -- uploads -------------------------------------------------------------------------------------------


def uploads(registry):
    return sorted(p.name for p in (registry.daemon.data / "uploads").iterdir())


def blob_file(registry, digest):
    return pathlib.Path(registry.daemon.data, "blobs", "sha256", digest[7:9], digest[7:])


FINISH = [  # a call of a PUT that ends an upload, and what the client hears
    (f"rename {BLOB} EIO 1+", 500),
    (f"rename {BLOB} ENOSPC 1+", 507),
    ("open */blobs/sha256/?? EIO 1+", 500),
    ("open */blobs/sha256/?? EMFILE 1+", 503),
    ("write */catalog.db-wal ENOSPC 1+", 507),
]


@pytest.mark.parametrize("fault,status", FINISH)
@pytest.mark.parametrize("way", ["put", "post"])
def test_an_upload_that_cannot_end(registry, fault, status, way):
    """Nothing is acknowledged; the session goes on where it is, or is gone; nothing strays that the collector does not know."""
    repo = "r/end-" + unique()
    client = registry.client("publisher")
    data = unique("data ").encode() * 5000
    digest = digest_of(data)
    where = None
    if way == "put":
        started = client.request("POST", f"/v2/{repo}/blobs/uploads/")
        where = started.headers["Location"]
        assert client.request("PATCH", where, body=data[:40000], content_type=OCTETS).status == 202
    registry.fail(fault)
    if way == "put":
        got = client.request("PUT", f"{where}?digest={digest}", body=data[40000:], content_type=OCTETS)
    else:
        got = client.request("POST", f"/v2/{repo}/blobs/uploads/?digest={digest}", body=data, content_type=OCTETS)
    assert got.status == status and got.code is not None and "Location" not in got.headers, got
    assert ("Retry-After" in got.headers) == (status == 503)
    registry.fail(None)
    assert client.head(f"/v2/{repo}/blobs/{digest}").status == 404
    if where is not None:
        at = client.get(where)
        assert at.status in (204, 404), at
        if at.status == 204:
            assert at.headers["Range"] == f"0-{len(data) - 1}"
            assert client.request("PUT", f"{where}?digest={digest}").status == 201
    assert not where or where.rsplit("/", 1)[1] not in uploads(registry)
    assert client.push_blob(repo, data) and blob_file(registry, digest).read_bytes() == data
    assert client.head(f"/v2/{repo}/blobs/{digest}").status == 200
    assert uploads(registry) == []


@pytest.mark.parametrize("fault,status", [
    ("write */uploads/*/data EIO 2+", 500), ("write */uploads/*/data ENOSPC 2+", 507), ("write */uploads/*/data short 1+", 202),
    ("open */uploads/*/data EIO 1+", 500), ("open */uploads/*/session EMFILE 1+", 503), ("read */uploads/*/session EIO 1+", 500),
])
def test_a_chunk_that_cannot_be_stored(registry, fault, status):
    """What the session says it has is what it has: the client goes on from there."""
    repo = "r/chunk-" + unique()
    client = registry.client("publisher")
    data = LAYER[:1 << 20] + repo.encode()
    where = client.request("POST", f"/v2/{repo}/blobs/uploads/").headers["Location"]
    assert client.request("PATCH", where, body=data[:300000], content_type=OCTETS).status == 202
    registry.fail(fault)
    got = client.request("PATCH", where, body=data[300000:], content_type=OCTETS)
    assert got.status == status, got
    registry.fail(None)
    at = client.get(where)
    assert at.status == 204, at
    have = int(at.headers["Range"].split("-")[1]) + 1
    assert 300000 <= have <= len(data) and (status != 202 or have == len(data))
    if have < len(data):
        assert client.request("PATCH", where, body=data[have:], content_type=OCTETS).status == 202
    assert client.request("PUT", f"{where}?digest={digest_of(data)}").status == 201
    assert client.get_blob(repo, digest_of(data)).status == 403  # a publisher's own layer, in quarantine
    assert blob_file(registry, digest_of(data)).read_bytes() == data
    assert uploads(registry) == []


@pytest.mark.parametrize("fault", ["read */uploads/*/data EIO 1", "read */uploads/*/data short 1+"])
def test_an_upload_goes_on_after_a_restart(registry, fault):
    """Then what came before is read again to be hashed."""
    repo = "r/restart-" + unique()
    data = LAYER[:1 << 20] + repo.encode()
    client = registry.client("publisher")
    where = client.request("POST", f"/v2/{repo}/blobs/uploads/").headers["Location"]
    assert client.request("PATCH", where, body=data[:500000], content_type=OCTETS).status == 202
    registry.daemon.restart()
    client = registry.client("publisher")
    registry.fail(fault)
    got = client.request("PUT", f"{where}?digest={digest_of(data)}", body=data[500000:], content_type=OCTETS)
    registry.fail(None)
    if "EIO" in fault:
        assert got.status == 500, got
        assert client.get(where).headers["Range"] == "0-499999"
        got = client.request("PUT", f"{where}?digest={digest_of(data)}", body=data[500000:], content_type=OCTETS)
    assert got.status == 201, got
    assert blob_file(registry, digest_of(data)).read_bytes() == data


# -- the catalog ---------------------------------------------------------------------------------------


class Scene:
    """A held, a released and a failed image, one of them too large for one page of the database, and everything that reads them."""

    def __init__(self, registry, repo):
        self.registry, self.repo = registry, repo
        publisher, processor = registry.client("publisher"), registry.client("processor")
        large = {"annotations": {f"a{i}": "x" * 1000 for i in range(20)}}
        self.held = publisher.push_image(repo, "held", Image(**large))
        self.live = publisher.push_image(repo, "live", Image(**large))
        self.failed = publisher.push_image(repo, "failed", Image())
        processor.release(repo, self.live.digest)
        processor.fail(repo, self.failed.digest)
        self.clients = {name: registry.client(name, once=True) for name in ("consumer", "publisher", "processor", "auditor")}
        self.clients["nobody"] = Client(registry.url, None, once=True)
        self.healthy = None

    def paths(self):
        for image in (self.held, self.live, self.failed):
            yield "GET", f"/v2/{self.repo}/manifests/{image.digest}"
            yield "GET", f"/v2/{self.repo}/blobs/{digest_of(image.layers[0])}"
            yield "HEAD", f"/v2/{self.repo}/blobs/{digest_of(image.layers[0])}"
            yield "GET", f"/v2/{self.repo}/referrers/{image.digest}"
        for tag in ("held", "live", "failed"):
            yield "GET", f"/v2/{self.repo}/manifests/{tag}"
        yield "GET", f"/v2/{self.repo}/tags/list"
        yield "GET", f"/acr/v1/{self.repo}/_tags"
        yield "GET", f"/acr/v1/{self.repo}/_manifests"
        yield "GET", "/v2/_roadstead/quarantine?repository=" + self.repo

    def look(self):
        """What everybody gets: (who, method, path) -> (status, body)."""
        seen = {}
        for who, client in self.clients.items():
            for method, path in self.paths():
                got = client.request(method, path)
                seen[who, method, path] = got.status, got.body
        return seen

    def touch(self):
        """A write: no connection's cache is good any more."""
        self.registry.client("publisher").push_blob(f"{self.repo}-touched", unique().encode())


def is_answer(key, got, healthy):
    """The answer of a disk that works; Azure's list may leave out the platform of an image whose config it cannot read."""
    if key[2].endswith("/_manifests") and got[0] == healthy[0] == 200:
        got, healthy = json.loads(got[1]), json.loads(healthy[1])
        for entry, whole in zip(got["manifests"], healthy["manifests"]):
            for word in {"architecture", "os"} - set(entry):
                whole.pop(word, None)
    return got == healthy


@pytest.mark.parametrize("what", ["EIO", "eof"])
@pytest.mark.parametrize("lasting", [True, False], ids=["lasting", "once"])
def test_a_catalog_that_cannot_be_read_opens_no_door(registry, what, lasting):
    """Whichever read fails: the right answer, or none."""
    scene = Scene(registry, f"r/catalog-{what.lower()}-{lasting}".lower())
    healthy = scene.look()
    assert {status for status, _ in healthy.values()} >= {200, 401, 403, 404}
    errors = 0
    for n in (*range(1, 12), *range(12, 60, 6), *range(60, 400, 40)):
        scene.touch()
        before = faults_hit(registry)
        registry.fail(f"read */catalog.db* {what} {n}{'+' if lasting else ''}")
        seen = scene.look()
        registry.fail(None)
        for key, (status, body) in seen.items():
            if status >= 500:
                errors += 1
                assert status in (500, 503) and (key[1] == "HEAD" or json.loads(body)["errors"]), (n, key, status, body)
            else:
                assert is_answer(key, (status, body), healthy[key]), (n, key, status, body[:300])
        if faults_hit(registry) == before:
            break
    assert errors > 0
    assert scene.look() == healthy


def test_a_catalog_that_cannot_be_read_changes_nothing(registry):
    """A decision is done, or not done and told so."""
    repo = "r/decide-" + unique()
    refused = 0
    for n in (1, 2, 4, 6, 8, 12, 16, 24, 32):
        image = registry.client("publisher").push_image(repo, f"t{n}")
        registry.daemon.restart()  # the writer has nothing in memory
        registry.fail(f"read */catalog.db* EIO {n}+")
        got = registry.client("processor").decide(repo, image.digest, "released")
        registry.fail(None)
        assert got.status in (200, 500, 503), (n, got)
        state, seen = ("released", 200) if got.status == 200 else ("quarantined", 403)
        assert registry.client("processor").state(repo, image.digest).json()["state"] == state, (n, got)
        assert registry.client("consumer").get_manifest(repo, f"t{n}").status == seen, (n, got)
        refused += got.status != 200
    assert refused > 0


def test_a_full_disk_under_the_catalog_changes_nothing(registry):
    repo = "r/full-" + unique()
    publisher, processor = registry.client("publisher"), registry.client("processor")
    image = publisher.push_image(repo, "v1")
    other = Image()
    for blob in other.blobs:
        publisher.push_blob(repo, blob)
    events = len(processor.events(repository=repo))
    registry.fail("write */catalog.db-wal ENOSPC 1+")
    assert processor.decide(repo, image.digest, "released").status == 507
    assert publisher.put_manifest(repo, "v2", other.manifest).status == 507
    assert registry.client("maintainer").request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 507
    assert registry.client("consumer").get_manifest(repo, "v1").status == 403  # reading goes on
    registry.fail(None)
    assert processor.state(repo, image.digest).json()["state"] == "quarantined"
    assert publisher.get_manifest(repo, "v2").status == 404 and len(processor.events(repository=repo)) == events
    processor.release(repo, image.digest)
    assert registry.client("consumer").get_manifest(repo, "v1").status == 200


def test_a_write_error_under_the_catalog_ends_the_daemon(shim, tmp_path, registries):
    """As after a failed sync nobody knows what is on the disk: no success any more, and an exit that says so."""
    registry = make_registry(shim, tmp_path / "d", registries)
    image = registry.client("publisher").push_image("r/x", "v1")
    registry.fail("write */catalog.db-wal EIO 1")
    try:
        got = registry.client("processor").decide("r/x", image.digest, "released")
        assert got.status == 500, got
    except (http.client.HTTPException, OSError):
        pass
    code = wait_for(lambda: registry.daemon.proc.poll() is not None and registry.daemon.proc.returncode, "the daemon gives up")
    registry.daemon.proc = None
    assert code not in (0, -6, -11) and "cannot make changes durable" in registry.daemon.tail(100000)
    registry.fail(None).start()
    assert registry.client("processor").state("r/x", image.digest).json()["state"] == "quarantined"
    registry.client("processor").release("r/x", image.digest)
    registry.daemon.stop()


@pytest.mark.parametrize("fault", [f"read */catalog.db* EIO {n}" for n in (1, 4, 16, 40)] + ["open */catalog.db EIO 1",
                                                                                          "open */blobs/sha256/?? EIO 7"])
def test_a_start_with_errors_is_none_or_a_whole_one(shim, tmp_path, registries, fault):
    registry = make_registry(shim, tmp_path / "d", registries)
    image = registry.client("publisher").push_image("r/x", "v1")
    registry.daemon.stop()
    registry.fail(fault)
    ready = registry.daemon.spawn()

    def decided():
        return registry.daemon.proc.poll() is not None or (ready.exists() and ready.read_text().strip())

    urls = wait_for(decided, "it is ready, or ends")
    registry.fail(None)
    if registry.daemon.proc.poll() is None:
        registry.daemon.urls = urls.split()
        assert registry.client("consumer").get_manifest("r/x", "v1").status in (403, 500)
        registry.daemon.stop()
    else:
        assert registry.daemon.proc.returncode in range(1, 100), registry.daemon.tail()
        registry.daemon.proc = None
    registry.start()
    assert registry.client("processor").get_manifest("r/x", "v1").body == image.manifest
    registry.daemon.stop()
