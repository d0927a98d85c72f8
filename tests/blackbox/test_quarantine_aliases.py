"""One content, one state: everything is known by its SHA-256, and a sha512 digest is one more name of it."""

import pytest

from client import Attachment, Client, Image, Index, digest_of
from test_quarantine_states import STATES, brought, delete, events, is_readable, shown, state, upload
from visibility import token

ALL = ("consumer", "publisher2", "maintainer", "qreader", "processor", "scanner", "stranger", "auditor", "admin")


def other(data):
    return digest_of(data, "sha512")


def learn(registry, repo, image):
    """Push the same manifest once more, named by its other digest."""
    assert registry.publisher.put_manifest(repo, other(image.manifest), image.manifest, image.media_type).status == 201


def seen(registry, repo, kind, data):
    """What everybody gets for these bytes under both names: [(who, method, status, the very bytes?)] of each."""
    return [[(who, method, (got := registry.client(who).request(method, f"/v2/{repo}/{kind}/{digest}")).status, got.body == data)
             for who in ALL for method in ("GET", "HEAD")] for digest in (digest_of(data), other(data))]


def test_before_anybody_named_them_so_the_other_name_is_unknown(registry, repo):
    image = brought(registry, repo, "released")
    for kind, data in (("manifests", image.manifest), ("blobs", image.layers[0])):
        for client in (registry.processor, registry.consumer, registry.publisher):
            assert client.get(f"/v2/{repo}/{kind}/{digest_of(data)}").status == 200
            assert client.get(f"/v2/{repo}/{kind}/{other(data)}").status == 404
    assert registry.processor.state(repo, other(image.manifest)).status == 404
    assert registry.processor.decide(repo, other(image.manifest), "failed").status == 404


@pytest.mark.parametrize("how", ["upload", "single post", "upload elsewhere"])
def test_known_from_an_upload_on(registry, repo, how):
    image = brought(registry, repo, "quarantined")
    data = image.layers[0]
    if how == "single post":
        done = registry.publisher.request("POST", f"/v2/{repo}/blobs/uploads/?digest={other(data)}", body=data,
                                          content_type="application/octet-stream")
        assert done.status == 201
    else:
        registry.publisher.push_blob(repo if how == "upload" else repo + "/elsewhere", data, other(data))
    mine, alias = seen(registry, repo, "blobs", data)
    assert mine == alias and ("consumer", "GET", 403, False) in alias and ("processor", "GET", 200, True) in alias
    registry.processor.release(repo, image.digest)
    mine, alias = seen(registry, repo, "blobs", data)
    assert mine == alias and ("consumer", "GET", 200, True) in alias


def test_known_from_a_push_on(registry, repo):
    image = brought(registry, repo, "quarantined")
    learn(registry, repo, image)
    assert events(registry, repo) == [("quarantine", "v1", image.digest)], "the same content, and nothing new"
    mine, alias = seen(registry, repo, "manifests", image.manifest)
    assert mine == alias and ("consumer", "GET", 403, False) in alias and ("processor", "GET", 200, True) in alias


def test_known_in_a_mount(registry, repo):
    """Mounted under the other name it is the same blob there, as closed and as open as under the first."""
    image = brought(registry, repo, "released")
    data = image.layers[0]
    mount = f"/v2/{repo}/there/blobs/uploads/?mount={other(data)}&from={repo}"
    assert registry.publisher.request("POST", mount).status == 202, "nobody named it so yet"
    registry.publisher.push_blob(repo + "/elsewhere", data, other(data))
    mounted = registry.publisher.request("POST", mount)
    assert mounted.status == 201 and mounted.headers["Docker-Content-Digest"] == other(data)
    held = registry.publisher.push_image(repo + "/there", "v1", Image(layers=[data]))
    mine, alias = seen(registry, repo + "/there", "blobs", data)
    assert mine == alias and ("consumer", "GET", 403, False) in alias
    registry.processor.release(repo + "/there", held.digest)
    mine, alias = seen(registry, repo + "/there", "blobs", data)
    assert mine == alias and ("consumer", "GET", 200, True) in alias


def test_a_mount_of_held_bytes_by_another_name(registry, repo):
    image = brought(registry, repo, "quarantined")
    registry.publisher.push_blob(repo, image.layers[0], other(image.layers[0]))
    for digest in (digest_of(image.layers[0]), other(image.layers[0])):
        mount = f"/v2/{repo}/there/blobs/uploads/?mount={digest}&from={repo}"
        assert registry.publisher2.request("POST", mount).status == 202
        assert registry.processor.head(f"/v2/{repo}/there/blobs/{digest}").status == 404


@pytest.mark.parametrize("before", STATES)
def test_one_state(registry, repo, before):
    image = brought(registry, repo, before)
    learn(registry, repo, image)
    by_alias, by_digest = (registry.processor.state(repo, d).json() for d in (other(image.manifest), image.digest))
    assert by_alias == by_digest and by_alias["state"] == before and by_alias["digest"] == image.digest
    mine, alias = seen(registry, repo, "manifests", image.manifest)
    assert mine == alias


@pytest.mark.parametrize("after", ["released", "failed"])
def test_one_verdict(registry, repo, after):
    """A decision by one name is about the other as well, and is remembered for both."""
    image = upload(registry.publisher, repo, Image())
    assert registry.publisher.put_manifest(repo, other(image.manifest), image.manifest).status == 201
    assert registry.processor.decide(repo, other(image.manifest), after).json()["digest"] == image.digest
    assert state(registry, repo, image) == after
    assert is_readable(registry, repo, image) == (after == "released")
    mine, alias = seen(registry, repo, "manifests", image.manifest)
    assert mine == alias
    for deleted, pushed in ((other(image.manifest), image.digest), (image.digest, other(image.manifest))):
        delete(registry, repo, deleted)
        assert state(registry, repo, image) == "none" and registry.processor.state(repo, other(image.manifest)).status == 404
        again = registry.publisher.put_manifest(repo, pushed, image.manifest)
        assert again.status == 201 and bool(again.headers["Warning"]) == (after == "failed")
        assert state(registry, repo, image) == ("failed" if after == "failed" else "quarantined")


def renamed(thing, mine, theirs):
    """The manifest with one digest in it replaced by another."""
    thing.manifest = thing.manifest.replace(mine.encode(), theirs.encode())
    thing.digest = digest_of(thing.manifest)
    return thing


def test_one_blob_for_every_reference(registry, repo):
    """An image that names a layer by sha512 opens and closes it exactly as if it named it by sha256."""
    shared = brought(registry, repo, "quarantined")
    data = shared.layers[0]
    registry.publisher.push_blob(repo, data, other(data))
    image = renamed(Image(layers=[data]), digest_of(data), other(data))
    registry.publisher.push_image(repo, "v2", image)
    assert registry.consumer.get_blob(repo, digest_of(data)).status == 403
    registry.processor.release(repo, image.digest)
    mine, alias = seen(registry, repo, "blobs", data)
    assert mine == alias and ("consumer", "GET", 200, True) in alias
    # And closes it again with its deletion: the other one is still held.
    delete(registry, repo, image.digest)
    mine, alias = seen(registry, repo, "blobs", data)
    assert mine == alias and ("consumer", "GET", 403, False) in alias


@pytest.mark.parametrize("learned", ["before", "after"])
def test_a_reference_made_before_the_name_was_known(registry, repo, learned):
    """Pushed where quarantine is off, it names bytes that nobody brought: they do not open when somebody learns the name."""
    registry.policy(repo, quarantine="off")
    secret = Image()
    sparse = renamed(Image(layers=[secret.layers[0]]), digest_of(secret.layers[0]), other(secret.layers[0]))
    registry.publisher.push_blob(repo, sparse.config)
    if learned == "before":
        registry.publisher2.push_blob(repo + "/elsewhere", secret.layers[0], other(secret.layers[0]))
    assert registry.publisher.put_manifest(repo, "sparse", sparse.manifest).status == 201
    registry.policy(repo, quarantine="on")
    registry.publisher.push_image(repo, "secret", secret)
    registry.publisher.push_blob(repo, secret.layers[0], other(secret.layers[0]))
    mine, alias = seen(registry, repo, "blobs", secret.layers[0])
    assert mine == alias and ("consumer", "GET", 403, False) in alias and ("processor", "GET", 200, True) in alias


def test_an_index_links_its_parts_by_either_name(registry, repo):
    part = registry.publisher.push_image(repo)
    learn(registry, repo, part)
    index = renamed(Index([part]), part.digest, other(part.manifest))
    registry.publisher.put_manifest(repo, "v1", index.manifest, index.media_type)
    assert shown(registry, repo, part)["roots"] == [index.digest]
    assert registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"][0]["digest"] == index.digest
    answer = registry.processor.release(repo, index.digest)
    assert [r["digest"] for r in answer.json()["released"]] == [part.digest, index.digest]
    assert is_readable(registry, repo, part)


def test_attachments_join_their_subject_by_either_name(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    learn(registry, repo, image)
    named = {**image.descriptor, "digest": other(image.manifest)}
    forged = upload(registry.publisher, repo, Attachment(named))
    assert registry.publisher.put_manifest(repo, forged.digest, forged.manifest).status == 403
    runnable = upload(registry.publisher, repo, Image(subject=named))
    assert registry.publisher.put_manifest(repo, "v2", runnable.manifest).status == 403
    sbom = registry.processor.push_image(repo, None, Attachment(named))
    assert shown(registry, repo, sbom)["joined"] and shown(registry, repo, sbom)["subject"] == image.digest
    registry.processor.release(repo, image.digest)
    assert is_readable(registry, repo, sbom)
    for digest in (image.digest, other(image.manifest)):
        assert [d["digest"] for d in registry.consumer.referrers(repo, digest).json()["manifests"]] == [sbom.digest]


def test_the_empty_config_by_its_other_name_is_the_empty_config(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    registry.publisher.push_blob(repo, b"{}", other(b"{}"))
    sbom = renamed(Attachment(image), digest_of(b"{}"), other(b"{}"))
    upload(registry.processor, repo, sbom)
    assert registry.processor.put_manifest(repo, sbom.digest, sbom.manifest).status == 201
    assert shown(registry, repo, sbom)["kind"] == "attachment" and shown(registry, repo, sbom)["joined"]


def test_tokens_change_nothing_about_names(registry, repo):
    """With a bearer token as with a password."""
    image = brought(registry, repo, "quarantined")
    learn(registry, repo, image)
    for who in ("consumer", "publisher", "publisher2", "processor"):
        client = Client(registry.url, token(registry.client(who), f"repository:{repo}:pull"))
        first, second = (client.get_manifest(repo, d) for d in (image.digest, other(image.manifest)))
        assert (first.status, first.body == image.manifest) == (second.status, second.body == image.manifest)
        assert (first.status == 200) == (who in ("publisher", "processor"))
