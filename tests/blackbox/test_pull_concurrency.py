"""Reads while the same tag is pushed, released and deleted, from kept answers or not: always the newest released one."""

import threading

import pytest

from client import Image

ROUNDS = 25
pytestmark = pytest.mark.tsan


class Readers:
    """Threads that read one tag, and the rules that every answer has to keep."""

    def __init__(self, registry, repo, images):
        self.registry, self.repo, self.images = registry, repo, images
        self.version = {image.manifest: i for i, image in enumerate(images)}
        self.started = -1   # the release with this number was asked for
        self.acked = -1     # the release with this number was acknowledged
        self.pushed = -1    # the push with this number was acknowledged
        self.stop = threading.Event()
        self.broken = []
        self.reads = 0
        self.lock = threading.Lock()

    def read(self, name):
        client = self.registry.client(name)
        sees_staged = name == "processor"
        try:
            while not self.stop.is_set():
                at_least = self.pushed if sees_staged else self.acked
                got = client.get_manifest(self.repo, "moving")
                at_most = self.pushed + 1 if sees_staged else self.started
                seen = self.version.get(got.body, -1) if got.status == 200 else -1
                if not at_least <= seen <= at_most:
                    self.broken.append((name, at_least, seen, at_most, got.status))
                with self.lock:
                    self.reads += 1
        except Exception as e:  # a thread's failure is the test's
            self.broken.append((name, repr(e)))
        finally:
            client.close()


def test_a_read_is_as_new_as_the_last_acknowledged_change(registry, repo):
    images = [Image() for _ in range(ROUNDS)]
    for image in images:
        for data in image.blobs:
            registry.publisher.push_blob(repo, data)
    readers = Readers(registry, repo, images)
    threads = [threading.Thread(target=readers.read, args=(name,))
               for name in ("consumer", "consumer", "publisher2", "processor")]
    for thread in threads:
        thread.start()
    try:
        for i, image in enumerate(images):
            assert registry.publisher.put_manifest(repo, "moving", image.manifest).status == 201
            readers.pushed = i
            readers.started = i
            registry.processor.release(repo, image.digest)
            readers.acked = i
    finally:
        readers.stop.set()
        for thread in threads:
            thread.join()
    assert not readers.broken, readers.broken[:5]
    assert readers.reads > ROUNDS


def test_a_grant_that_comes_and_goes(registry, repo):
    """Reads by somebody whose grant is added and removed: as the last acknowledged change says, whatever is kept."""
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    reader = registry.user(f"comes-and-goes-{repo.split('/')[1]}")
    for _ in range(10):
        assert reader.get_manifest(repo, "v1").status == 403
        made = registry.admin.request("POST", "/v2/_roadstead/admin/grants",
                                      body={"principal": reader.name, "role": "consumer", "pattern": repo})
        assert made.status == 201
        for _ in range(3):
            assert reader.get_manifest(repo, "v1").body == image.manifest
            assert registry.consumer.get_manifest(repo, "v1").body == image.manifest
        gone = registry.admin.request("DELETE", f"/v2/_roadstead/admin/grants/{made.json()['id']}")
        assert gone.status in (200, 202, 204)
    assert reader.get_manifest(repo, "v1").status == 403


def test_deleting_while_it_is_read(registry, repo):
    """After an acknowledged delete nobody reads it, by tag or by digest."""
    for _ in range(10):
        image = registry.publisher.push_image(repo, "gone")
        registry.processor.release(repo, image.digest)
        for client in (registry.consumer, registry.processor):
            for reference in ("gone", image.digest):
                assert client.get_manifest(repo, reference).status == 200
        assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
        for client in (registry.consumer, registry.processor):
            for reference in ("gone", image.digest):
                assert client.get_manifest(repo, reference).status == 404
