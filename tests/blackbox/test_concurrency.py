"""Many at once: uploads of one blob, decisions, checks, claims, pulls during a release.  Run under ThreadSanitizer, too."""

import collections
import hashlib
import http.client
import random
import threading

import pytest

from client import Attachment, Client, Image, Index, digest_of, unique
from conftest import Registry
from daemon import Daemon, wait_for
from tokens import token

pytestmark = pytest.mark.tsan

ADMIN = "/v2/_roadstead/admin"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry of its own, whose every invariant is checked when all tests have had their go at it."""
    daemon = Daemon(tmp_path_factory.mktemp("concurrency")).start()
    try:
        registry = Registry(daemon)
        yield registry
        assert sound(registry)
    finally:
        daemon.stop()


def sound(registry):
    """A whole check of the daemon finds nothing."""
    path = f"{ADMIN}/fsck"
    assert registry.admin.request("POST", path, body={}).status == 202
    status = wait_for(lambda: (s := registry.admin.get(path).json())["state"] != "running" and s, "the check is over")
    assert status["state"] == "done" and status["findingsTotal"] == 0, status
    return True


def at_once(calls):
    """Run all calls in threads of their own, released by one barrier; their results in order.  An exception in one fails the test."""
    barrier = threading.Barrier(len(calls))
    results = [None] * len(calls)
    errors = []

    def run(i, call):
        try:
            barrier.wait(60)
            results[i] = call()
        except BaseException as error:  # an assertion in a thread must reach the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i, call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def uploads_left(daemon):
    return sorted(p.name for p in (daemon.data / "uploads").iterdir())


def blob_files(daemon, digest):
    return list((daemon.data / "blobs").rglob(digest.split(":")[1]))


# -- uploads ------------------------------------------------------------------------------------------


def monolithic(client, repo, data, digest):
    return client.request("POST", f"/v2/{repo}/blobs/uploads/?digest={digest}", body=data, content_type="application/octet-stream")


def in_two_steps(client, repo, data, digest):
    where = client.request("POST", f"/v2/{repo}/blobs/uploads/").headers["Location"]
    return client.request("PUT", where + ("&" if "?" in where else "?") + f"digest={digest}", body=data,
                          content_type="application/octet-stream")


def in_chunks(client, repo, data, digest):
    where = client.request("POST", f"/v2/{repo}/blobs/uploads/").headers["Location"]
    third = len(data) // 3
    for start, end in ((0, third), (third, 2 * third)):
        got = client.request("PATCH", where, body=data[start:end], content_type="application/octet-stream",
                             headers={"Content-Range": f"{start}-{end - 1}"})
        assert got.status == 202, got
        where = got.headers["Location"]
    return client.request("PUT", where + ("&" if "?" in where else "?") + f"digest={digest}", body=data[2 * third:],
                          content_type="application/octet-stream")


def test_the_same_blob_64_times_at_once(make_registry):
    registry = make_registry()
    data = random.Random(1).randbytes(300_000)
    digest = digest_of(data)
    ways = [monolithic, in_two_steps, in_chunks]

    def upload(i):
        client = registry.client("publisher" if i % 2 else "publisher2")
        done = ways[i % 3](client, f"many/{i % 4}", data, digest)
        assert done.status == 201, done
        assert client.head(f"/v2/many/{i % 4}/blobs/{digest}").status == 200
        client.close()

    at_once([lambda i=i: upload(i) for i in range(64)])
    assert len(blob_files(registry.daemon, digest)) == 1
    assert hashlib.sha256(blob_files(registry.daemon, digest)[0].read_bytes()).hexdigest() == digest.split(":")[1]
    wait_for(lambda: uploads_left(registry.daemon) == [], "no upload is left behind")
    for i in range(4):
        assert registry.processor.get_blob(f"many/{i}", digest).body == data


def test_one_upload_session_by_several_writers(registry, repo):
    """Exactly the bytes of one writer for every offset: the others are told that they are late, or in the way."""
    pieces = [random.Random(i).randbytes(10_000) for i in range(4)]
    where = registry.publisher.request("POST", f"/v2/{repo}/blobs/uploads/").headers["Location"]
    written = b""
    for _ in range(4):
        start = len(written)

        def write(piece, start=start):
            client = registry.client("publisher")
            got = client.request("PATCH", where, body=piece, content_type="application/octet-stream",
                                 headers={"Content-Range": f"{start}-{start + len(piece) - 1}"})
            client.close()
            return got.status

        got = at_once([lambda piece=piece: write(piece) for piece in pieces])
        assert got.count(202) == 1 and set(got) <= {202, 409, 416}, got
        written += pieces[got.index(202)]
    done = registry.publisher.request("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest_of(written))
    assert done.status == 201, done


def test_the_same_image_pushed_at_once(registry, repo):
    image = Image()
    for data in image.blobs:
        registry.publisher.push_blob(repo, data)

    def push(i):
        client = registry.client("publisher" if i % 2 else "publisher2")
        done = client.put_manifest(repo, "v1", image.manifest)
        assert done.status == 201, done
        client.close()

    at_once([lambda i=i: push(i) for i in range(16)])
    assert [e["type"] for e in registry.processor.events(repository=repo)] == ["quarantine"]
    assert len(registry.auditor.audit(f"repository={repo}&action=quarantined")) == 1


def test_different_tags_pushed_at_once(registry, repo):
    images = [Image(config=b"{}" + b" " * i) for i in range(12)]

    def push(i):
        client = registry.client("publisher")
        client.push_image(repo, f"v{i}", images[i])
        client.close()

    at_once([lambda i=i: push(i) for i in range(12)])
    assert sorted(registry.processor.tags(repo)) == sorted(f"v{i}" for i in range(12))
    for i, image in enumerate(images):
        assert registry.processor.get_manifest(repo, f"v{i}").body == image.manifest


# -- decisions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", range(4))
def test_two_processors_release_at_once(registry, repo, round_):
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(index))
    clients = [registry.client("processor" if i % 2 else "processor2") for i in range(6)]
    got = at_once([lambda c=c: c.release(repo, index.digest).json() for c in clients])
    assert sorted(answer["changed"] for answer in got) == [False] * 5 + [True]
    events = [(e["type"], e["tag"], e["digest"]) for e in registry.processor.events(repository=repo) if e["type"] == "push"]
    wanted = [("push", None, image.digest) for image in index.images] + [("push", None, sbom.digest), ("push", "v1", index.digest)]
    assert sorted(events, key=str) == sorted(wanted, key=str)
    released = registry.auditor.audit(f"repository={repo}&action=released")
    assert collections.Counter(r["digest"] for r in released) == collections.Counter(d for _, _, d in wanted)


@pytest.mark.parametrize("round_", range(4))
def test_a_pass_and_a_fail_at_once(registry, repo, round_):
    """Whoever expects `quarantined` and comes second is refused."""
    image = registry.publisher.push_image(repo, "v1")
    clients = [registry.client("processor" if i % 2 else "processor2") for i in range(6)]
    got = at_once([lambda c=c, i=i: c.decide(repo, image.digest, ["released", "failed"][i % 2], expect="quarantined")
                   for i, c in enumerate(clients)])
    good = [answer for answer in got if answer.status == 200]
    assert all(answer.status in (200, 409, 412) for answer in got), got
    assert sum(answer.json()["changed"] for answer in good) == 1, got
    records = [r["action"] for r in registry.auditor.audit(f"repository={repo}&digest={image.digest}")]
    assert len([a for a in records if a in ("released", "failed")]) == 1
    is_released = "released" in records
    assert registry.consumer.get_manifest(repo, "v1").status == (200 if is_released else 403)
    events = [e["type"] for e in registry.processor.events(repository=repo)]
    assert events == ["quarantine", "push" if is_released else "quarantine_failed"]


def test_checks_reported_at_once(registry, repo):
    """The last required pass releases, exactly once."""
    registry.policy(repo, checks=["scan", "sign"])
    image = registry.publisher.push_image(repo, "v1")

    def report(name, check):
        client = registry.client(name)
        got = client.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{image.digest}/checks/{check}", body={"state": "passed"})
        client.close()
        assert got.status == 200, got

    at_once([lambda: report("scanner", "scan"), lambda: report("signer", "sign"), lambda: report("scanner", "scan"),
             lambda: report("signer", "sign")])
    assert registry.consumer.get_manifest(repo, "v1").body == image.manifest
    events = [e["type"] for e in registry.processor.events(repository=repo)]
    assert events == ["quarantine", "push"]
    assert len(registry.auditor.audit(f"repository={repo}&action=released")) == 1


def test_attachments_pushed_during_the_release(registry, repo):
    """Each joins its subject in time, or comes to a released one: none stays behind."""
    image = registry.publisher.push_image(repo, "v1")
    attached = [Attachment(image) for _ in range(12)]
    for one in attached:
        for data in one.blobs:
            registry.processor.push_blob(repo, data)

    def push(one):
        client = registry.client("processor2")
        assert client.put_manifest(repo, one.digest, one.manifest).status == 201
        client.close()

    def release():
        client = registry.client("processor")
        client.release(repo, image.digest)
        client.close()

    at_once([lambda one=one: push(one) for one in attached] + [release])
    for one in attached:
        assert registry.consumer.get_manifest(repo, one.digest).body == one.manifest
    listed = registry.consumer.referrers(repo, image.digest).json()["manifests"]
    assert {d["digest"] for d in listed} == {one.digest for one in attached}
    pushes = [e["digest"] for e in registry.processor.events(repository=repo) if e["type"] == "push"]
    assert sorted(pushes) == sorted([image.digest] + [one.digest for one in attached])


@pytest.mark.parametrize("round_", range(4))
def test_a_release_and_a_delete_at_once(registry, repo, round_):
    """Whichever comes first: the image is gone, and was live for a moment or never."""
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")

    def release():
        client = registry.client("processor")
        got = client.decide(repo, index.digest, "released")
        client.close()
        return got.status

    def delete():
        client = registry.client("maintainer")
        got = client.request("DELETE", f"/v2/{repo}/manifests/{index.digest}")
        client.close()
        return got.status

    released, deleted = at_once([release, delete])
    assert deleted == 202 and released in (200, 404)
    assert registry.processor.get_manifest(repo, index.digest).status == 404
    assert registry.consumer.get_manifest(repo, "v1").status == 404 or released == 404
    assert "v1" not in registry.processor.tags(repo)
    events = [e["type"] for e in registry.processor.events(repository=repo) if e["digest"] == index.digest]
    assert events == ["quarantine", "push", "delete"] if released == 200 else events == ["quarantine", "delete"]
    for image in index.images:  # the parts live on: released with it, or held by themselves
        assert registry.consumer.get_manifest(repo, image.digest).status == (200 if released == 200 else 403)


def test_pushes_of_one_tag_and_releases_at_once(registry, repo):
    """The tag ends at the latest push of it, once that is released; nothing older comes back."""
    images = [Image() for _ in range(6)]
    for image in images:
        for data in image.blobs:
            registry.publisher.push_blob(repo, data)

    def push_and_release(image):
        publisher, processor = registry.client("publisher"), registry.client("processor")
        assert publisher.put_manifest(repo, "v", image.manifest).status == 201
        processor.release(repo, image.digest)
        publisher.close()
        processor.close()

    at_once([lambda image=image: push_and_release(image) for image in images])
    order = [e["digest"] for e in registry.processor.events(repository=repo) if e["type"] == "quarantine"]
    assert sorted(order) == sorted(image.digest for image in images)
    latest = registry.consumer.head(f"/v2/{repo}/manifests/v")
    assert latest.status == 200 and latest.headers["Docker-Content-Digest"] == order[-1]
    moved = [e["digest"] for e in registry.processor.events(repository=repo) if e["type"] == "push" and e["tag"] == "v"]
    assert moved == sorted(moved, key=order.index) and moved[-1] == order[-1]


def test_an_image_is_claimed_once(registry, repo):
    registry.policy(repo, checks=["scan"])
    images = [registry.publisher.push_image(repo, f"v{i}") for i in range(8)]

    def claim(i):
        client = registry.client("scanner")
        got = client.request("POST", "/v2/_roadstead/quarantine/claims",
                             body={"check": "scan", "repositories": [repo], "leaseSeconds": 600})
        client.close()
        assert got.status in (200, 204), got
        return got.json()["digest"] if got.status == 200 else None

    got = at_once([lambda i=i: claim(i) for i in range(12)])
    handed_out = [digest for digest in got if digest]
    assert sorted(handed_out) == sorted(image.digest for image in images)


# -- readers meanwhile --------------------------------------------------------------------------------


def test_pulls_during_a_release(registry, repo):
    """A consumer sees nothing, then everything, and never nothing again."""
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    done = threading.Event()

    def pull():
        client = registry.client("consumer")
        seen = []
        while not done.is_set():
            got = client.get_manifest(repo, "v1")
            seen.append(got.status)
            if got.status != 200:
                continue
            assert got.body == index.manifest
            for image in index.images:
                assert client.get_manifest(repo, image.digest).body == image.manifest
                for data in image.blobs:
                    assert client.get_blob(repo, digest_of(data)).body == data
        client.close()
        assert seen == sorted(seen, reverse=True) and set(seen) <= {403, 200}, seen

    def release():
        client = registry.client("processor")
        try:
            for _ in range(20):  # let the pullers run first
                assert client.get_manifest(repo, "v1").status == 200
            client.release(repo, index.digest)
            for _ in range(20):
                assert client.get_manifest(repo, "v1").status == 200
        finally:
            done.set()
            client.close()

    at_once([pull, pull, pull, pull, release])


def test_a_tag_moves_while_it_is_pulled(registry, repo):
    """Every answer is one of the images that were ever live, whole, and none older than one seen before."""
    images = [registry.publisher.push_image(repo, None) for _ in range(6)]
    for image in images:
        registry.processor.release(repo, image.digest)
    assert registry.publisher.put_manifest(repo, "live", images[0].manifest).status == 201
    order = {image.manifest: i for i, image in enumerate(images)}
    done = threading.Event()

    def pull():
        client = registry.client("consumer")
        seen = []
        while not done.is_set():
            got = client.get_manifest(repo, "live")
            assert got.status == 200, got
            assert got.headers["Docker-Content-Digest"] == digest_of(got.body)
            seen.append(order[got.body])
        assert seen == sorted(seen)
        client.close()

    def move():
        client = registry.client("publisher")
        try:
            for image in images[1:]:
                assert client.put_manifest(repo, "live", image.manifest).status == 201
                assert client.get_manifest(repo, "live").body == image.manifest  # acknowledged is seen
        finally:
            done.set()
            client.close()

    at_once([pull, pull, pull, move])


def test_grants_come_and_go_while_they_are_used(registry, repo):
    """After the answer to a change no request is judged by what was before."""
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    name = f"fickle-{unique()}"
    registry.user(name)
    jwt = token(registry.client(name))
    done = threading.Event()

    def use(client):
        while not done.is_set():
            assert client.get_manifest(repo, "v1").status in (200, 401, 403)
            assert client.get("/v2/_roadstead/whoami").status == 200
        client.close()

    def change():
        mine, admin = registry.client(name), registry.client("admin")
        try:
            for _ in range(15):
                made = admin.request("POST", f"{ADMIN}/grants", body={"principal": name, "role": "consumer", "pattern": repo})
                assert made.status == 201, made
                assert mine.get_manifest(repo, "v1").status == 200
                assert admin.request("DELETE", made.headers["Location"]).status == 204
                assert mine.get_manifest(repo, "v1").status == 403
        finally:
            done.set()
            mine.close()
            admin.close()

    at_once([lambda: use(registry.client(name)), lambda: use(registry.client(name)), lambda: use(Client(registry.url, jwt)), change])


def test_pushes_pulls_deletes_and_collections_at_once(make_registry):
    """Whatever is answered 2xx is true, and nothing is answered 5xx."""
    registry = make_registry()
    shared = random.Random(2).randbytes(50_000)
    done = threading.Event()
    workers = 4

    def push(i):
        client = registry.client("maintainer")
        processor = registry.client("processor")
        for n in range(6):
            repo = f"busy/{i}"
            image = Image(layers=[shared, unique(f"layer {i}").encode()])
            client.push_image(repo, "v", image)
            processor.release(repo, image.digest)
            assert client.get_manifest(repo, "v").body == image.manifest
            for data in image.blobs:
                assert client.get_blob(repo, digest_of(data)).body == data
            if n % 2:
                assert client.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
                assert client.get_manifest(repo, image.digest).status == 404
        client.close()
        processor.close()

    def read():
        client = registry.client("consumer")
        while not done.is_set():
            for i in range(workers):
                assert client.get(f"/v2/busy/{i}/tags/list").status == 200
                assert client.get_manifest(f"busy/{i}", "v").status in (200, 403, 404)
            assert client.get("/v2/_catalog").status == 200
            assert client.get("/v2/_roadstead/events?after=0&n=5").status == 200
        client.close()

    def collect():
        admin = registry.client("admin")
        auditor = registry.client("auditor")
        while not done.is_set():
            got = admin.request("POST", f"{ADMIN}/gc", body={})
            assert got.status < 500, got
            assert auditor.get("/v2/_roadstead/audit?n=10").status == 200
        admin.close()
        auditor.close()

    running = [threading.Event() for _ in range(workers)]

    def push_and_tell(i):
        try:
            push(i)
        finally:
            running[i].set()
            if all(event.is_set() for event in running):
                done.set()

    at_once([lambda i=i: push_and_tell(i) for i in range(workers)] + [read, collect])


def test_stopping_with_requests_in_flight(make_registry):
    """A clean stop answers or drops what is in flight, and ends with 0; what was acknowledged is there afterwards."""
    registry = make_registry()
    acknowledged = []
    stopping = threading.Event()

    def push():
        client = registry.client("publisher")
        try:
            while True:
                image = Image()
                client.push_image("stop/here", None, image)
                acknowledged.append(image)
                if len(acknowledged) >= 8:
                    stopping.set()
        except (AssertionError, OSError, http.client.HTTPException):
            assert stopping.is_set()
        client.close()

    def stop():
        assert stopping.wait(60)
        registry.daemon.stop()

    at_once([push, push, push, stop])
    registry.daemon.start()
    processor = Client(registry.daemon.url, registry.credentials["processor"])
    for image in acknowledged:
        assert processor.get_manifest("stop/here", image.digest).body == image.manifest
