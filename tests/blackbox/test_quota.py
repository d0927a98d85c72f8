"""Quotas and the low-disk watermark: pushes are refused clearly, everything else goes on."""

import pytest

from client import Image, digest_of, unique

KIB = 1024


@pytest.fixture
def small(make_registry):
    return make_registry(config={"storage": {"quota": "10KiB"}, "log": {"requests": False}})


def upload(client, repo, data):
    where = client.request("POST", f"/v2/{repo}/blobs/uploads/").headers["Location"]
    where += ("&" if "?" in where else "?") + "digest=" + digest_of(data)
    return client.request("PUT", where, body=data, content_type="application/octet-stream")


def block(kib):
    return unique("block ").encode().ljust(kib * KIB, b".")


def test_a_push_past_the_quota_is_refused_and_leaves_nothing(small, repo):
    assert upload(small.publisher, repo, block(6)).status == 201
    data = block(6)
    refused = upload(small.publisher, repo, data)
    assert (refused.status, refused.code) == (403, "DENIED") and "quota" in refused.message, refused
    assert small.publisher.head(f"/v2/{repo}/blobs/{digest_of(data)}").status == 404
    assert upload(small.publisher, repo, block(4)).status == 201
    # Another repository has a quota of its own.
    assert upload(small.publisher, repo + "/x", data).status == 201


def test_what_is_there_already_takes_no_more_room(small, repo):
    data = block(9)
    assert upload(small.publisher, repo, data).status == 201
    assert upload(small.publisher, repo, data).status == 201


def test_a_mount_counts(small, repo):
    data = block(8)
    image = small.publisher.push_image(repo, "v1", Image(layers=[data]))
    small.processor.release(repo, image.digest)
    target = repo + "/target"
    mount = f"/v2/{target}/blobs/uploads/?mount={digest_of(data)}&from={repo}"
    assert small.publisher.request("POST", mount).status == 201
    assert upload(small.publisher, target, block(3)).status == 403


def test_a_repository_may_have_its_own_quota(small, repo):
    small.publisher.push_blob(repo, block(1))
    got = small.admin.get(f"/v2/_roadstead/admin/quota?repository={repo}").json()
    assert got == {"repository": repo, "usedBytes": KIB, "quotaBytes": 10 * KIB, "own": False}
    put = small.admin.request("PUT", "/v2/_roadstead/admin/quota", body={"repository": repo, "bytes": 100 * KIB})
    assert put.json()["own"] is True
    assert upload(small.publisher, repo, block(50)).status == 201
    for _ in range(2):  # the second changes nothing, and is no record
        assert small.admin.request("PUT", "/v2/_roadstead/admin/quota", body={"repository": repo, "bytes": 0}).json()["own"] is False
    assert upload(small.publisher, repo, block(1)).status == 403
    record = small.auditor.audit(f"action=quota-set&repository={repo}")
    assert [r["details"] for r in record] == [{"quotaBytes": 100 * KIB}, {"quotaBytes": 0}]


def test_deleting_gives_room(small, repo):
    data = block(9)
    digest = small.publisher.push_blob(repo, data)
    assert upload(small.publisher, repo, block(5)).status == 403
    assert small.maintainer.request("DELETE", f"/v2/{repo}/blobs/{digest}").status == 202
    assert upload(small.publisher, repo, block(5)).status == 201


@pytest.mark.parametrize("body", [{}, {"repository": "x"}, {"repository": "x", "bytes": -1}, {"repository": "x", "bytes": 1, "y": 2},
                                  {"repository": "x", "bytes": "1"}])
def test_bad_quotas_are_refused(registry, body):
    assert registry.admin.request("PUT", "/v2/_roadstead/admin/quota", body=body).status == 400


def test_only_an_admin_sets_quotas(registry):
    assert registry.admin.get("/v2/_roadstead/admin/quota").status == 400
    assert registry.admin.get("/v2/_roadstead/admin/quota?repository=not/there").status == 404
    for name in ("publisher", "processor", "maintainer", "auditor"):
        assert getattr(registry, name).get("/v2/_roadstead/admin/quota?repository=x").status == 403


def test_below_the_watermark_pushes_are_refused_and_all_else_goes_on(make_registry, repo):
    registry = make_registry(name="low")
    image = registry.publisher.push_image(repo, "v1")
    other = registry.publisher.push_image(repo, "v2")
    registry.daemon.stop()
    registry.daemon.args += ["--set", "storage.watermark=1000TiB"]
    registry.daemon.start()
    publisher, processor, consumer, maintainer = (registry.client(n) for n in ("publisher", "processor", "consumer", "maintainer"))
    started = publisher.request("POST", f"/v2/{repo}/blobs/uploads/")
    assert started.status == 507 and "nearly full" in started.message, started
    put = publisher.put_manifest(repo, "v3", image.manifest)
    assert put.status == 507, put
    processor.release(repo, image.digest, "still decided")
    assert consumer.get_manifest(repo, "v1").body == image.manifest
    assert maintainer.request("DELETE", f"/v2/{repo}/manifests/{other.digest}").status == 202
    assert [r["action"] for r in registry.client("auditor").audit(f"repository={repo}")][-2:] == ["released", "deleted"]
