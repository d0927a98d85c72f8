"""Details as large and as deep as they may be: nothing that has to follow is refused because of what somebody said."""

import json
import subprocess

import pytest

from client import Image
from daemon import binary

# The body around them is one level of the 64; check reports are told with the check's name around them.
DEPTH_MAX = 63
LARGE = "x" * (64 * 1024 - 2)


def nested(depth):
    value = "deep"
    for _ in range(depth):
        value = [value]
    return value


@pytest.fixture(params=["large", "deep"])
def details(request):
    return LARGE if request.param == "large" else nested(DEPTH_MAX)


def report(registry, repo, digest, state, details):
    return registry.scanner.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{digest}/checks/scan", body={"state": state, "details": details})


def verified(registry, repo):
    """The log is sound, and people can read it; its records about the repository."""
    got = registry.auditor.request("POST", "/v2/_roadstead/audit/verify")
    assert got.json()["sound"] is True, got
    name, password = registry.credentials["auditor"]
    shown = subprocess.run([binary(), "audit", "--server", registry.url, "--repository", repo], capture_output=True, text=True, timeout=120, check=False,
                           env={"ROADSTEAD_USER": name, "ROADSTEAD_PASSWORD": password})
    assert shown.returncode == 0, shown.stderr
    return registry.auditor.audit(f"repository={repo}")


def pushed_again(registry, repo, image):
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
    got = registry.publisher.put_manifest(repo, "v1", image.manifest)
    assert got.status == 201 and "failed its quarantine" in got.headers["Warning"], got
    assert registry.qreader.state(repo, image.digest).json()["state"] == "failed"


def test_a_failed_image_is_pushed_again(registry, repo, details):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.fail(repo, image.digest, details)
    pushed_again(registry, repo, image)
    assert verified(registry, repo)[-1]["details"]["remembered"]["details"] == details
    registry.processor.release(repo, image.digest, details)
    assert registry.consumer.get_manifest(repo, "v1").body == image.manifest


def test_what_a_check_failed_is_pushed_again_and_passes(registry, repo, details):
    details = details[:-1024] if details == LARGE else details  # the body is limited as well
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    assert report(registry, repo, image.digest, "failed", details).status == 200
    pushed_again(registry, repo, image)
    told = verified(registry, repo)[-1]["details"]["remembered"]["details"]
    assert told == {"check": "scan", "details": details, "state": "failed"}
    assert report(registry, repo, image.digest, "passed", details).json()["state"] == "released"
    assert registry.consumer.get_manifest(repo, "v1").body == image.manifest


def test_a_report_may_say_as_much_as_a_decision(registry, repo):
    registry.policy(repo, checks=["scan"])
    image = registry.publisher.push_image(repo, "v1")
    assert report(registry, repo, image.digest, "passed", LARGE).json()["state"] == "released"
    assert verified(registry, repo)[-1]["details"]["details"] == LARGE


def staged_behind_immutable(registry, repo, tags):
    """An image that was pushed under tags which point elsewhere for good since then."""
    first, second = Image(), Image()
    for image in (first, second):
        for data in image.blobs:
            registry.publisher.push_blob(repo, data)
        for i in range(0, len(tags), 32):
            query = "?" + "&".join("tag=" + tag for tag in tags[i:i + 32])
            assert registry.publisher.put_manifest(repo, image.digest, image.manifest, query=query).status == 201
    registry.processor.release(repo, first.digest)
    registry.policy(repo, immutable_tags=["*"], checks=["scan"])
    return second


def test_a_tag_that_stays_is_told_beside_the_details(registry, repo, details):
    details = details[:-1024] if details == LARGE else details
    image = staged_behind_immutable(registry, repo, ["v1"])
    got = report(registry, repo, image.digest, "passed", details)
    assert got.json()["state"] == "released" and got.json()["immutableTags"] == [{"digest": image.digest, "tag": "v1"}], got
    assert verified(registry, repo)[-1]["details"]["immutableTags"] == ["v1"]


def test_no_number_of_tags_that_stay_keeps_an_image_from_being_released(registry, repo):
    tags = [f"v{i}".ljust(127, "x") for i in range(640)]  # more than 64 KiB of names
    image = staged_behind_immutable(registry, repo, tags)
    got = report(registry, repo, image.digest, "passed", "fine")
    assert got.status == 200 and len(got.json()["immutableTags"]) == 640, got
    assert sorted(verified(registry, repo)[-1]["details"]["immutableTags"]) == sorted(tags)


def test_events_with_such_details_are_followed(registry, repo, details):
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest, details)
    before = registry.processor.events(repository=repo)[-1]["sequence"] - 1
    name, password = registry.credentials["processor"]
    shown = subprocess.run([binary(), "events", "--server", registry.url, "--after", str(before), "--follow", "--limit", "1", "--json"],
                           capture_output=True, text=True, timeout=120, check=False, env={"ROADSTEAD_USER": name, "ROADSTEAD_PASSWORD": password})
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["decision"]["details"] == details


def test_a_processor_reports_the_deepest_output(registry, repo):
    """What is too deep to stand in a report is text in it."""
    image = registry.publisher.push_image(repo, "v1")
    name, password = registry.credentials["processor"]
    done = subprocess.run([binary(), "process", "--server", registry.url, "--repository", repo, "--drain", "--", "printf", json.dumps(nested(DEPTH_MAX + 1))],
                          capture_output=True, text=True, timeout=120, check=False,
                          env={"PATH": "/usr/bin:/bin", "ROADSTEAD_USER": name, "ROADSTEAD_PASSWORD": password})
    assert done.returncode == 0, done.stderr
    assert registry.consumer.get_manifest(repo, "v1").body == image.manifest
    assert registry.auditor.audit(f"repository={repo}&action=released")[-1]["details"] == json.dumps(nested(DEPTH_MAX + 1))
