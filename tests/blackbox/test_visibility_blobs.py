"""SPEC 4, the rows about blobs: each principal, by Basic and by Bearer, by GET, HEAD, Range and conditionally, by each
algorithm, under each policy; and what puts a blob into a repository and opens it there."""

import pytest

from client import OCI_CONFIG, OCI_INDEX, Image, Index, descriptor, digest_of, dumps
from visibility import POLICIES, Content, both_digests, check_like_nowhere, lookers, no_grant_statuses

REPO = "t/visible/blobs"


@pytest.fixture(scope="module")
def content(registry):
    return Content(registry, REPO)


@pytest.fixture(scope="module", params=POLICIES)
def scene(request, registry):
    """(Content, everybody who looks at it) under one policy."""
    repo = f"t/visible/blobs-{request.param.replace(' ', '-')}"
    return Content(registry, repo, **POLICIES[request.param]), lookers(registry, repo)


def check_read(looker, digest, is_open):
    got = looker.blob(digest)
    assert got.status == 200, (looker, digest, got)
    assert digest_of(got.body, digest.split(":")[0]) == digest
    assert got.headers["Docker-Content-Digest"] == digest
    assert (got.headers["Cache-Control"] == "no-store") != is_open
    part = looker.blob(digest, Range="bytes=1-3")
    assert (part.status, part.body) == (206, got.body[1:4])
    assert looker.blob(digest, **{"If-None-Match": got.headers["ETag"]}).status == 304
    head = looker.blob(digest, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(got.body)


REQUESTS = [("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-0"}), ("GET", {"Range": "bytes=999999-"}),
            ("GET", {"If-None-Match": "*"}), ("HEAD", {"If-None-Match": "*"})]


def check_denied(looker, digest, status, head_status):
    for method, headers in REQUESTS:
        if "If-None-Match" in headers:
            headers = {"If-None-Match": f'"{digest}"'}
        got = looker.blob(digest, method, **headers)
        want = head_status if method == "HEAD" else status
        if want == 200 and headers:
            assert got.status in (200, 304), (looker, got)
            continue
        assert got.status == want, (looker, digest, method, headers, got)
        assert got.headers["Cache-Control"] == "no-store"
        if want != 200:
            assert "ETag" not in got.headers and "Content-Range" not in got.headers
        if method == "GET":
            assert got.code == {403: "DENIED", 404: "BLOB_UNKNOWN"}[want], (looker, digest, got)
    if head_status == 200:
        assert int(looker.blob(digest, "HEAD").headers["Content-Length"]) > 0


def check_nothing(looker, digest):
    """Who has no grant, or is anonymous, is answered as in a repository that does not exist."""
    for method, headers in REQUESTS:
        check_like_nowhere(looker, method, f"blobs/{digest}", no_grant_statuses(looker), **headers)


# What only quarantine-pull opens -> who pushed it (and uploaded it).
CLOSED = {"held_layer": "publisher", "failed_layer": "publisher", "part_layer": "publisher", "attached_layer": "processor"}
CONFIGS = {"held_config": "publisher", "failed_config": "publisher", "part_config": "publisher"}


def blob_of(content, name):
    """The bytes of a blob of the content."""
    whose, _, which = name.partition("_")
    image = {"attached": content.attachment}.get(whose) or getattr(content, whose)
    return image.config if which == "config" else image.layers[-1]


def check_closed(content, everybody, digest, pusher, is_echoed=False):
    """The column of each: Q reads; W may ask whether it is there, and gets back a config of its own; R is told why not.  Without
    disclosure W, for what it did not push, and R are told that nothing is there."""
    for looker in everybody:
        is_own = looker.name == pusher
        if looker.column in ("N", "anonymous"):
            check_nothing(looker, digest)
        elif looker.column == "Q" or (is_own and is_echoed and content.echoes):
            check_read(looker, digest, False)
        elif looker.column == "R":
            check_denied(looker, digest, *((403, 403) if content.discloses else (404, 404)))
        else:
            check_denied(looker, digest, *((403, 200) if content.discloses or is_own else (404, 404)))


@pytest.mark.parametrize("name", CLOSED)
def test_blob_of_a_held_image(scene, name):
    """HEAD: Q 200, W 200, R 403.  GET, also with Range and conditional: Q 200/206, W and R 403."""
    content, everybody = scene
    for digest in both_digests(blob_of(content, name)):
        check_closed(content, everybody, digest, CLOSED[name])


@pytest.mark.parametrize("name", CONFIGS)
def test_config_of_a_held_image(scene, name):
    """The same, but whoever uploaded it and pushed its manifest gets it back where the policy says echo."""
    content, everybody = scene
    for digest in both_digests(blob_of(content, name)):
        check_closed(content, everybody, digest, CONFIGS[name], is_echoed=True)


@pytest.mark.parametrize("name", ["shared", "released_layer"])
def test_blob_opened_by_a_released_manifest(scene, name):
    """200 for all three columns, also when images in quarantine name it as well."""
    content, everybody = scene
    layer = content.released.layers[("shared", "released_layer").index(name)]
    for digest in both_digests(layer):
        for looker in everybody:
            if looker.column in ("N", "anonymous"):
                check_nothing(looker, digest)
            else:
                check_read(looker, digest, True)


def test_blob_named_by_no_manifest(scene):
    """With quarantine on: Q 200; W HEAD 200, GET 403, its uploader not excepted; R 403."""
    content, everybody = scene
    for digest in both_digests(f"unnamed blob of {content.repo}".encode()):
        check_closed(content, everybody, digest, "publisher")


def test_blob_of_another_repository_or_of_none(scene):
    content, everybody = scene
    for digest in (content.nothing, content.elsewhere, digest_of(b"nothing", "sha512")):
        for looker in everybody:
            if looker.column in ("N", "anonymous"):
                check_nothing(looker, digest)
            else:
                check_denied(looker, digest, 404, 404)


def test_the_reason(registry, content):
    got = registry.consumer.get_blob(REPO, content.held_layer)
    assert got.code == "DENIED"
    assert got.message.startswith(f"blob {content.held_layer} of {REPO} is in quarantine since 20")
    assert got.json()["errors"][0]["detail"]["state"] == "quarantined"
    assert registry.consumer.get_blob(REPO, content.nothing).code == "BLOB_UNKNOWN"


def test_released_blobs_stay_open_through_the_released_manifest_alone(registry, repo):
    """A layer of a released and of a held image is readable; what the held one adds is not, and closes with its release only."""
    shared = f"shared {repo}".encode()
    first = registry.publisher.push_image(repo, "v1", layers=[shared])
    registry.processor.release(repo, first.digest)
    second = registry.publisher.push_image(repo, "v2", layers=[shared, f"new {repo}".encode()])
    new = digest_of(second.layers[1])
    assert registry.consumer.get_blob(repo, digest_of(shared)).body == shared
    assert registry.consumer.get_blob(repo, new).status == 403
    registry.processor.release(repo, second.digest)
    assert registry.consumer.get_blob(repo, new).body == second.layers[1]
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{second.digest}").status == 202
    assert registry.consumer.get_blob(repo, new).status in (403, 404)  # nothing released opens it any more
    assert registry.consumer.get_blob(repo, digest_of(shared)).body == shared


def test_a_blob_that_nothing_names(registry, repo):
    """With quarantine off its uploader reads it, nobody else; with quarantine on he does not either."""
    data = f"alone {repo}".encode()
    digest = registry.publisher.push_blob(repo, data)
    assert registry.publisher.get_blob(repo, digest).status == 403
    registry.policy(repo, quarantine="off")
    assert registry.publisher.get_blob(repo, digest).body == data
    assert registry.publisher.get_blob(repo, digest, Range="bytes=0-1").body == data[:2]
    assert registry.publisher2.get_blob(repo, digest).status == 403
    assert registry.publisher2.head(f"/v2/{repo}/blobs/{digest}").status == 200
    assert registry.consumer.get_blob(repo, digest).status == 403
    registry.policy(repo, quarantine="observe")
    assert registry.publisher.get_blob(repo, digest).body == data
    registry.policy(repo, quarantine="on")
    assert registry.publisher.get_blob(repo, digest).status == 403


def test_what_is_held_stays_closed_when_quarantine_goes_off(registry, repo):
    held = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine="off")
    for data in held.layers:
        assert registry.consumer.get_blob(repo, digest_of(data)).status == 403
        assert registry.publisher.get_blob(repo, digest_of(data)).status == 403
    assert registry.consumer.get_manifest(repo, "v1").status == 403


def test_the_echo_is_for_the_uploader_alone(registry, repo):
    """A config goes back to who uploaded it and pushed its manifest; naming somebody else's blob opens nothing."""
    image = registry.publisher.push_image(repo, "v1")
    config = digest_of(image.config)
    assert registry.publisher.get_blob(repo, config).body == image.config
    # publisher2 pushes the very same manifest without having uploaded the config
    assert registry.publisher2.put_manifest(repo, "v2", image.manifest).status == 201
    assert registry.publisher2.get_manifest(repo, image.digest).body == image.manifest
    assert registry.publisher2.get_blob(repo, config).status == 403
    # and uploads it, which gives him what he sent
    registry.publisher2.push_blob(repo, image.config)
    assert registry.publisher2.get_blob(repo, config).body == image.config
    for data in image.layers:
        registry.publisher2.push_blob(repo, data)
        assert registry.publisher2.get_blob(repo, digest_of(data)).status == 403


def test_no_echo_of_a_layer_that_calls_itself_config(registry, repo):
    """The config of another manifest that is somebody's layer: only its uploader gets it back, and only as image config."""
    image = registry.publisher.push_image(repo, "v1")
    layer = digest_of(image.layers[0])
    forged = {**image.doc, "config": {"mediaType": OCI_CONFIG, "digest": layer, "size": len(image.layers[0])}}
    assert registry.publisher2.put_manifest(repo, "v2", dumps(forged)).status == 201
    assert registry.publisher2.get_blob(repo, layer).status == 403
    other = Image(config_type="application/vnd.example.config+json")
    registry.publisher.push_image(repo, "v3", other)
    assert registry.publisher.get_blob(repo, digest_of(other.config)).status == 403


# ---- what is in a repository, and what opens it ----


def statuses(registry, repo, digest, *names):
    return [registry.client(name).get_blob(repo, digest).status for name in names]


def test_only_an_upload_or_a_mount_puts_a_blob_into_a_repository(registry, repo):
    """Naming it in a manifest never does: not where quarantine is off, not by a release, not for quarantine-pull."""
    elsewhere = repo + "/elsewhere"
    image = registry.publisher.push_image(elsewhere, "v1")
    registry.processor.release(elsewhere, image.digest)
    refused = registry.publisher.put_manifest(repo, "v1", image.manifest)
    assert (refused.status, refused.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    registry.policy(repo, quarantine="off")
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    assert registry.consumer.get_manifest(repo, "v1").body == image.manifest
    for data in image.blobs:
        for digest in both_digests(data):
            for name in ("publisher", "processor", "consumer"):
                client = registry.client(name)
                assert client.get_blob(repo, digest).status == client.head(f"/v2/{repo}/blobs/{digest}").status == 404, name
    # An upload that was begun, or filled and not completed, is not one either.
    started = registry.publisher.request("POST", f"/v2/{repo}/blobs/uploads/")
    registry.publisher.request("PATCH", started.headers["Location"], body=image.layers[0], content_type="application/octet-stream")
    assert registry.processor.head(f"/v2/{repo}/blobs/{digest_of(image.layers[0])}").status == 404


@pytest.mark.parametrize("how", ["upload", "mount"])
def test_a_reference_opens_only_what_was_there_when_it_was_pushed(registry, repo, how):
    """What comes later stays closed to all but Q, until the manifest is pushed again while quarantine is off."""
    registry.policy(repo, quarantine="off")
    image = Image()
    registry.publisher.push_blob(repo, image.config)
    late, there = digest_of(image.layers[0]), digest_of(image.config)
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    if how == "upload":
        registry.publisher.push_blob(repo, image.layers[0])
    else:
        registry.publisher.push_image(repo + "/source", "v1", image)
        registry.processor.release(repo + "/source", image.digest)
        got = registry.publisher.request("POST", f"/v2/{repo}/blobs/uploads/?mount={late}&from={repo}/source")
        assert got.status == 201, got
    registry.policy(repo, quarantine="on")
    assert statuses(registry, repo, there, "consumer", "publisher2", "publisher", "qreader") == [200, 200, 200, 200]
    for digest in both_digests(image.layers[0])[:1]:
        assert statuses(registry, repo, digest, "consumer", "publisher2", "publisher", "qreader") == [403, 403, 403, 200]
    # While quarantine is on a PUT changes nothing about that.
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    assert registry.publisher.put_manifest(repo, image.digest, image.manifest).status == 201
    assert statuses(registry, repo, late, "consumer", "publisher2", "publisher") == [403, 403, 403]
    registry.policy(repo, quarantine="off")
    assert statuses(registry, repo, late, "consumer", "publisher2", "publisher") == [403, 403, 403]
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    assert statuses(registry, repo, late, "consumer", "publisher2", "publisher") == [200, 200, 200]


def test_a_put_while_quarantine_is_off_opens_nothing_of_a_held_manifest(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, quarantine="off")
    registry.publisher.push_image(repo, "v1", image)
    assert registry.publisher.put_manifest(repo, image.digest, image.manifest).status == 201
    for data in image.layers:
        assert statuses(registry, repo, digest_of(data), "consumer", "publisher", "publisher2") == [403, 403, 403]


def test_an_index_entry_that_names_a_blob_counts_as_a_blob_reference(registry, repo):
    """It closes a blob that nothing named before, and opens it with the release, when it was there."""
    data, late = f"blob in an index {repo}".encode(), f"late blob in an index {repo}".encode()
    registry.publisher.push_blob(repo, data)
    doc = Index([Image()]).doc
    doc["manifests"] = [descriptor(data, "application/vnd.example.thing")]
    body = dumps(doc)
    assert registry.publisher.put_manifest(repo, "v1", body, OCI_INDEX).status == 201
    registry.policy(repo, quarantine="off")  # a blob that nothing names would be its uploader's now
    assert statuses(registry, repo, digest_of(data), "publisher", "publisher2", "consumer", "qreader") == [403, 403, 403, 200]
    registry.policy(repo, quarantine="on")
    doc["manifests"].append(descriptor(late, "application/vnd.example.thing"))
    refused = registry.publisher.put_manifest(repo, "v2", dumps(doc), OCI_INDEX)
    assert (refused.status, refused.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    registry.processor.release(repo, digest_of(body))
    assert statuses(registry, repo, digest_of(data), "publisher", "publisher2", "consumer") == [200, 200, 200]
    registry.policy(repo, quarantine="off")
    assert registry.publisher.put_manifest(repo, "v2", dumps(doc), OCI_INDEX).status == 201
    registry.publisher.push_blob(repo, late)
    assert statuses(registry, repo, digest_of(late), "publisher", "publisher2", "consumer", "qreader") == [403, 403, 403, 200]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_manifest_that_names_blobs_by_one_digest_opens_them_by_both(registry, repo, algorithm):
    """One content, one state: named as sha512 it is the same blob, held and released with the manifest."""
    image = Image()
    for part, data in zip([image.doc["config"], *image.doc["layers"]], image.blobs):
        part["digest"] = digest_of(data, algorithm)
        registry.publisher.push_blob(repo, data, part["digest"])
    body = dumps(image.doc)
    assert registry.publisher.put_manifest(repo, "v1", body).status == 201
    for data in image.layers:
        assert statuses(registry, repo, digest_of(data), "consumer", "publisher") == [403, 403]
        assert statuses(registry, repo, digest_of(data, algorithm), "consumer", "publisher") == [403, 403]
        # A digest that nobody used is not known, not even of known bytes.
        if algorithm == "sha256":
            assert statuses(registry, repo, digest_of(data, "sha512"), "consumer", "qreader") == [404, 404]
    assert statuses(registry, repo, digest_of(image.config), "publisher") == [200]  # the echo
    registry.processor.release(repo, digest_of(body))
    for data in image.blobs:
        assert statuses(registry, repo, digest_of(data), "consumer", "publisher") == [200, 200]
        assert statuses(registry, repo, digest_of(data, algorithm), "consumer", "publisher") == [200, 200]


def test_the_config_echo_needs_an_upload_of_ones_own_there(registry, repo):
    """A mounted config was not uploaded there, an upload to another repository neither."""
    source = repo + "/source"
    image = registry.publisher.push_image(source, "v1")
    config = digest_of(image.config)
    assert registry.publisher.get_blob(source, config).body == image.config
    got = registry.publisher.request("POST", f"/v2/{repo}/blobs/uploads/?mount={config}&from={source}")
    assert got.status == 201, got  # he could read it at the source
    for data in image.layers:
        registry.publisher.push_blob(repo, data)
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    assert registry.publisher.get_manifest(repo, image.digest).status == 200
    assert registry.publisher.get_blob(repo, config).status == 403
    registry.publisher.push_blob(repo, image.config)
    assert registry.publisher.get_blob(repo, config).body == image.config


def test_the_config_echo_ends_with_its_manifest_and_its_grant(registry, repo):
    writer = registry.user("config-" + repo.split("/")[1], ("publisher", repo))
    image = writer.push_image(repo, "v1")
    config = digest_of(image.config)
    assert writer.get_blob(repo, config).status == 200
    registry.take(writer.name, "publisher")
    registry.give(writer.name, "consumer", repo)
    assert writer.get_blob(repo, config).status == 403 and writer.get_manifest(repo, image.digest).status == 403
    registry.take(writer.name, "consumer")
    registry.give(writer.name, "push", repo)
    assert writer.get_blob(repo, config).status == 200 and writer.get_manifest(repo, image.digest).status == 200
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
    assert writer.get_blob(repo, config).status == 403 and writer.get_manifest(repo, image.digest).status == 404


def test_a_config_of_a_mebibyte_is_echoed_and_no_larger_one(registry, repo):
    for size, status in ((1 << 20, 200), ((1 << 20) + 1, 403)):
        config = dumps({"pad": ""})
        image = Image(config=dumps({"pad": "x" * (size - len(config))}))
        assert len(image.config) == size
        registry.publisher.push_image(repo, f"v{size}", image)
        assert registry.publisher.get_blob(repo, digest_of(image.config)).status == status
        assert registry.publisher.head(f"/v2/{repo}/blobs/{digest_of(image.config)}").status == 200
        assert registry.publisher.get_manifest(repo, image.digest).status == 200
