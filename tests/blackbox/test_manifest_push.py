"""Pushing and deleting manifests: what a client sees of it."""

import base64
import json

import pytest

from client import (DOCKER_LIST, DOCKER_MANIFEST, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Attachment, Image, Index, descriptor,
                    digest_of, dumps)
from test_quarantine_states import actions, events, upload


def test_created_with_location_and_digest(registry, repo):
    image = upload(registry.publisher, repo, Image())
    done = registry.publisher.put_manifest(repo, "v1", image.manifest)
    assert done.status == 201 and done.body == b""
    assert done.headers["Location"] == f"/v2/{repo}/manifests/{image.digest}"
    assert done.headers["Docker-Content-Digest"] == image.digest
    assert done.headers["OCI-Subject"] is None and done.headers["OCI-Tag"] is None and done.headers["Warning"] is None


def test_the_digest_in_the_algorithm_that_the_client_used(registry, repo):
    registry.policy(repo, quarantine="off")
    image = upload(registry.publisher, repo, Image())
    named = digest_of(image.manifest, "sha512")
    done = registry.publisher.put_manifest(repo, named, image.manifest, query="?tag=v1")
    assert done.status == 201 and done.headers["Docker-Content-Digest"] == named
    assert done.headers["Location"] == f"/v2/{repo}/manifests/{named}" and done.headers["OCI-Tag"] == "v1"
    for reference, digest in ((named, named), (image.digest, image.digest), ("v1", named)):
        got = registry.consumer.get_manifest(repo, reference)
        assert got.body == image.manifest and got.headers["Docker-Content-Digest"] == digest


def test_a_manifest_is_one_under_all_its_digests(registry, repo):
    image = upload(registry.publisher, repo, Image())
    named = digest_of(image.manifest, "sha512")
    assert registry.publisher.put_manifest(repo, named, image.manifest).status == 201
    assert registry.publisher.put_manifest(repo, image.digest, image.manifest).status == 201
    assert registry.processor.state(repo, named).json()["digest"] == image.digest
    registry.processor.release(repo, named)
    assert registry.consumer.get_manifest(repo, image.digest).status == 200
    assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{named}").status == 202
    assert registry.consumer.get_manifest(repo, image.digest).status == 404


def test_the_subject_is_acknowledged(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    attachment = upload(registry.processor, repo, Attachment(image))
    done = registry.processor.put_manifest(repo, attachment.digest, attachment.manifest)
    assert done.headers["OCI-Subject"] == image.digest
    missing = upload(registry.processor, repo, Attachment(Image()))
    done = registry.processor.put_manifest(repo, missing.digest, missing.manifest)
    assert done.status == 201 and done.headers["OCI-Subject"] == missing.doc["subject"]["digest"]


@pytest.mark.parametrize("reference,status,code", [("sha256:" + "0" * 64, 400, "DIGEST_INVALID"),
                                                   ("sha256:baddigeststring", 400, "DIGEST_INVALID"),
                                                   ("sha512:" + "0" * 128, 400, "DIGEST_INVALID"),
                                                   (".tag", 400, "MANIFEST_INVALID"), ("a" * 129, 400, "MANIFEST_INVALID")])
def test_references_that_cannot_be(registry, repo, reference, status, code):
    image = upload(registry.publisher, repo, Image())
    got = registry.publisher.put_manifest(repo, reference, image.manifest)
    assert (got.status, got.code) == (status, code), got
    assert registry.processor.tags(repo) == []


def test_bytes_are_kept_exactly(registry, repo):
    registry.policy(repo, quarantine="off")
    config = b"{}"
    registry.publisher.push_blob(repo, config)
    body = dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example",
                  "config": descriptor(config, OCI_EMPTY), "layers": [descriptor(config, OCI_EMPTY)], "org.example": {"x": 1}})
    body = b"\n " + body.replace(b":", b" :\t", 1) + b"\n\n"
    assert registry.publisher.put_manifest(repo, "v1", body, OCI_MANIFEST + "; charset=utf-8").status == 201
    got = registry.consumer.get_manifest(repo, "v1")
    assert got.body == body and got.headers["Content-Type"] == OCI_MANIFEST


def test_large_manifests(registry, repo):
    registry.policy(repo, quarantine="off")
    large = Index([], annotations={f"n{i}": "x" * 10000 for i in range(390)})
    assert registry.publisher.put_manifest(repo, "v1", large.manifest, OCI_INDEX).status == 201
    assert registry.consumer.get_manifest(repo, "v1").body == large.manifest


@pytest.mark.parametrize("who,sees", [("publisher", "live"), ("processor", "staged")])
def test_if_match_is_compared_with_what_this_caller_resolves_the_tag_to(registry, repo, who, sees):
    live = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, live.digest)
    staged = registry.publisher.push_image(repo, "v1")
    mine, other = (live, staged) if sees == "live" else (staged, live)
    client = getattr(registry, who)
    image = upload(client, repo, Image())

    def put(**headers):
        return client.put_manifest(repo, "v1", image.manifest, headers={k.replace("_", "-"): v for k, v in headers.items()})

    assert put(If_Match=f'"{other.digest}"').status == 412
    assert put(If_Match='"sha256:nothing"').status == 412
    assert put(If_None_Match="*").status == 412
    assert put(If_None_Match=f'"{mine.digest}"').status == 412
    assert registry.processor.get_manifest(repo, "v1").body == staged.manifest
    assert put(If_Match=f'"x", "{mine.digest}"', If_None_Match=f'"{other.digest}"').status == 201
    assert registry.processor.get_manifest(repo, "v1").body == image.manifest


def test_if_none_match_creates_only(registry, repo):
    image = upload(registry.publisher, repo, Image())
    assert registry.publisher.put_manifest(repo, "v1", image.manifest, headers={"If-Match": "*"}).status == 412
    assert registry.publisher.put_manifest(repo, "v1", image.manifest, headers={"If-None-Match": "*"}).status == 201
    # For this publisher the tag does not exist before the release.
    other = upload(registry.publisher, repo, Image())
    assert registry.publisher.put_manifest(repo, "v1", other.manifest, headers={"If-None-Match": "*"}).status == 201
    assert registry.processor.put_manifest(repo, "v1", image.manifest, headers={"If-None-Match": "*"}).status == 412


@pytest.mark.parametrize("reference", ["v9", "sha256:" + "0" * 64, ".no-tag"])
def test_deleting_what_is_not_there(registry, repo, reference):
    registry.publisher.push_image(repo, "v1")
    got = registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{reference}")
    assert (got.status, got.code) == (404, "MANIFEST_UNKNOWN"), got
    got = registry.maintainer.request("DELETE", f"/v2/{repo}/never/manifests/{reference}")
    assert (got.status, got.code) == (404, "MANIFEST_UNKNOWN"), got


def test_deleting_in_any_order_is_never_an_error_of_ours(registry, repo):
    registry.policy(repo, quarantine="off")
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    for image in (*index.images, index):
        assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}").status == 202
        assert registry.consumer.head(f"/v2/{repo}/manifests/{image.digest}").status == 404
    for image in index.images:
        for data in image.blobs:
            assert registry.maintainer.request("DELETE", f"/v2/{repo}/blobs/{digest_of(data)}").status == 202
    assert registry.consumer.tags(repo) == []


def test_a_push_is_there_at_once_and_twice_is_once(registry, repo):
    image = registry.processor.push_image(repo, "v1")
    assert registry.processor.get_manifest(repo, image.digest).body == image.manifest
    again = registry.processor.put_manifest(repo, "v1", image.manifest)
    assert again.status == 201 and again.headers["Docker-Content-Digest"] == image.digest
    assert [r["action"] for r in registry.auditor.audit(f"repository={repo}")] == ["quarantined"]


# -- refused with MANIFEST_INVALID: nothing of it is kept, by whatever way and whoever sends it ---------------


SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
TYPES = {"oci-image": OCI_MANIFEST, "docker-image": DOCKER_MANIFEST, "oci-index": OCI_INDEX, "docker-list": DOCKER_LIST}


def is_refused(registry, repo, body, media_type, words=""):
    before = events(registry, repo), actions(registry, repo)
    for client in (registry.publisher, registry.processor):
        for reference, query in (("v1", ""), (digest_of(body), ""), (digest_of(body, "sha512"), ""), (digest_of(body), "?tag=v1")):
            got = client.put_manifest(repo, reference, body, media_type, query=query)
            assert (got.status, got.code) == (400, "MANIFEST_INVALID") and words in got.message, got
    for digest in (digest_of(body), digest_of(body, "sha512")):
        assert registry.processor.state(repo, digest).status == 404
        assert registry.processor.get_manifest(repo, digest).status == 404
    assert registry.processor.tags(repo) == []
    assert (events(registry, repo), actions(registry, repo)) == before


@pytest.fixture
def image(registry, repo):
    """An image whose blobs are there, so that nothing but its manifest is wrong."""
    return upload(registry.processor, repo, upload(registry.publisher, repo, Image()))


@pytest.mark.parametrize("sent_as", [SCHEMA1, SCHEMA1_SIGNED, SCHEMA1.upper(), OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX])
@pytest.mark.parametrize("body", [
    b'{"schemaVersion":1,"name":"x","tag":"y","architecture":"amd64","fsLayers":[],"history":[]}',
    b'{"schemaVersion":1}',
    b'{"schemaVersion":2,"fsLayers":[],"history":[]}',
    b'{"schemaVersion":1,"fsLayers":[],"history":[],"signatures":[{"header":{},"signature":"x","protected":"y"}]}',
])
def test_docker_schema1_is_refused(registry, repo, image, body, sent_as):
    is_refused(registry, repo, body, sent_as, "schema 1")


def test_docker_schema1_is_refused_in_any_disguise(registry, repo, image):
    """What is an image otherwise but was sent as schema 1 or has its members, and an index that names one."""
    is_refused(registry, repo, image.manifest, SCHEMA1)
    is_refused(registry, repo, dumps({**image.doc, "schemaVersion": 1}), OCI_MANIFEST)
    is_refused(registry, repo, dumps({**image.doc, "fsLayers": []}), OCI_MANIFEST)
    is_refused(registry, repo, dumps({**image.doc, "signatures": []}), OCI_MANIFEST)
    for media_type in (SCHEMA1, SCHEMA1_SIGNED):
        index = Index([image])
        is_refused(registry, repo, dumps({**index.doc, "manifests": [{**image.descriptor, "mediaType": media_type}]}), OCI_INDEX)


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("kind", TYPES)
def test_a_manifest_that_mixes_manifests_with_config_or_layers_is_refused(registry, repo, image, kind, empty):
    doc = {**image.doc, "mediaType": TYPES[kind]}
    manifests, layers = ([], []) if empty else ([image.descriptor], doc["layers"])
    config = doc["config"] if not empty else None
    for more in ({"manifests": manifests, "layers": layers}, {"manifests": manifests, "config": config},
                 {"manifests": manifests, "config": doc["config"], "layers": layers}, {"manifests": None, "config": doc["config"]}):
        body = {k: v for k, v in doc.items() if k not in ("config", "layers")}
        is_refused(registry, repo, dumps({**body, **more}), TYPES[kind])


def doubled(image, where):
    """The image with one key twice, in that place; and what it would be to a reader that takes the other one."""
    text = image.manifest.decode()
    config, index = json.dumps(image.doc["config"]), Index([image]).manifest.decode()
    return {
        "top": (text.replace('"layers":', '"layers":[],"layers":', 1), OCI_MANIFEST),
        "equal": (text.replace('"schemaVersion":2', '"schemaVersion":2,"schemaVersion":2', 1), OCI_MANIFEST),
        "escaped": (text.replace('"layers":', '"l\\u0061yers":[],"layers":', 1), OCI_MANIFEST),
        "config": (text.replace('"config":', f'"config":{config},"config":', 1), OCI_MANIFEST),
        "subject": (text[:-1] + f',"subject":{config},"subject":{config}}}', OCI_MANIFEST),
        "descriptor": (text.replace('"size":', '"size":1,"size":', 1), OCI_MANIFEST),
        "annotations": (text[:-1] + ',"annotations":{"a":"1","a":"2"}}', OCI_MANIFEST),
        "unknown": (text[:-1] + ',"org.example":[{"x":{"a":1,"a":2}}]}', OCI_MANIFEST),
        "platform": (index.replace('"os":', '"os":"x","os":', 1), OCI_INDEX),
        "entry": (index.replace('"digest":', f'"digest":"{digest_of(b"")}","digest":', 1), OCI_INDEX),
    }[where]


@pytest.mark.parametrize("where", ["top", "equal", "escaped", "config", "subject", "descriptor", "annotations", "unknown", "platform", "entry"])
def test_duplicate_keys_are_refused(registry, repo, image, where):
    body, media_type = doubled(image, where)
    assert body.encode() not in (image.manifest, Index([image]).manifest) and json.loads(body)
    is_refused(registry, repo, body.encode(), media_type)


@pytest.mark.parametrize("sent_as", TYPES)
@pytest.mark.parametrize("kind", TYPES)
def test_a_media_type_that_disagrees_with_the_content_type_is_refused(registry, repo, image, kind, sent_as):
    def body(**more):
        doc = Index([]).doc if "index" in kind or "list" in kind else image.doc
        return dumps({**doc, "mediaType": TYPES[kind], **more})

    if kind == sent_as:
        for parameters in ("", "; charset=utf-8"):
            assert registry.publisher.put_manifest(repo, "ok", body(), TYPES[kind] + parameters).status == 201
        # To the letter: clients compare it so.
        got = registry.publisher.put_manifest(repo, "v1", body(mediaType=TYPES[kind].upper()), TYPES[kind])
        assert (got.status, got.code) == (400, "MANIFEST_INVALID"), got
        return
    is_refused(registry, repo, body(), TYPES[sent_as])


@pytest.mark.parametrize("own", ["application/json", "", 1, ["application/vnd.oci.image.manifest.v1+json"], {}, True])
def test_a_media_type_that_names_no_manifest_is_refused(registry, repo, image, own):
    is_refused(registry, repo, dumps({**image.doc, "mediaType": own}), OCI_MANIFEST)


@pytest.mark.parametrize("sent_as", ["application/json", "text/plain", "application/vnd.oci.image.manifest.v2+json", "nonsense",
                                     OCI_MANIFEST + "x", OCI_LAYER])
def test_a_content_type_that_names_no_manifest_is_refused(registry, repo, image, sent_as):
    is_refused(registry, repo, image.manifest, sent_as)


@pytest.mark.parametrize("what", ["other-bytes", "other-size", "both-of-others", "no-base64", "no-text", "empty"])
@pytest.mark.parametrize("where", ["config", "layer", "subject", "entry", "blob-entry"])
def test_data_that_does_not_match_its_digest_and_size_is_refused(registry, repo, image, where, what):
    real = image.config

    def with_data(**more):
        if where in ("entry", "blob-entry"):
            named = image.descriptor if where == "entry" else descriptor(real, "application/vnd.example")
            return dumps({**Index([]).doc, "manifests": [{**named, **more}]}), OCI_INDEX
        doc = json.loads(image.manifest)
        if where == "layer":
            doc["layers"][1] = {**doc["config"], **more}
        else:
            doc[where] = {**doc["config"], **more}
        return dumps(doc), OCI_MANIFEST

    bytes_named = image.manifest if where == "entry" else real
    right = base64.b64encode(bytes_named).decode()
    lies = {
        "other-bytes": {"data": base64.b64encode(b"x" * len(bytes_named)).decode()},
        "other-size": {"data": right, "size": len(bytes_named) + 1},
        "both-of-others": {"data": base64.b64encode(b"{}").decode(), "size": 2},
        "no-base64": {"data": "*" + right[1:]},
        "no-text": {"data": [right]},
        "empty": {"data": ""},
    }
    is_refused(registry, repo, *with_data(**lies[what]))
    registry.publisher.push_image(repo, None, image)
    body, media_type = with_data(data=right)
    assert registry.processor.put_manifest(repo, "right", body, media_type).status == 201


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff{}", b"\xef\xbb\xbf{}", b"{}{}", b"{}"])
def test_what_is_no_manifest_at_all_is_refused(registry, repo, image, body):
    for media_type in TYPES.values():
        got = registry.processor.put_manifest(repo, "v1", body, media_type)
        assert (got.status, got.code) == (400, "MANIFEST_INVALID"), got
    assert registry.processor.tags(repo) == []


def test_all_of_it_is_refused_where_quarantine_is_off_as_well(registry, repo, image):
    registry.policy(repo, quarantine="off")
    for body, media_type in ((image.manifest, SCHEMA1), (dumps({**image.doc, "manifests": []}), OCI_MANIFEST),
                             (doubled(image, "top")[0].encode(), OCI_MANIFEST), (image.manifest, DOCKER_MANIFEST),
                             (dumps({**image.doc, "config": {**image.doc["config"], "data": "e30="}}), OCI_MANIFEST)):
        is_refused(registry, repo, body, media_type)
