"""SPEC 4 under `disclose` and `echo`: what is not disclosed answers exactly like what is not there."""

from client import Client, Image, Attachment, digest_of


def bodies(client, repo, digest, blob, nothing):
    """Each answer about something held, beside the answer about nothing."""
    pairs = []
    for method in ("GET", "HEAD"):
        pairs.append((client.request(method, f"/v2/{repo}/manifests/{digest}"),
                      client.request(method, f"/v2/{repo}/manifests/{nothing}")))
        pairs.append((client.request(method, f"/v2/{repo}/manifests/staged"),
                      client.request(method, f"/v2/{repo}/manifests/none")))
        pairs.append((client.request(method, f"/v2/{repo}/blobs/{blob}"),
                      client.request(method, f"/v2/{repo}/blobs/{nothing}")))
    return pairs


def comparable(answer):
    return answer.status, answer.body, sorted((k, v) for k, v in answer.headers.items() if k not in ("Date", "X-Request-Id"))


def test_without_disclosure_held_is_missing(registry, repo):
    registry.policy(repo, disclose=False)
    held = registry.publisher.push_image(repo, "staged")
    layer = digest_of(held.layers[0])
    nothing = digest_of(b"nothing")
    for name in ("consumer", "publisher2", "maintainer"):
        for about_held, about_nothing in bodies(registry.client(name), repo, held.digest, layer, nothing):
            assert about_held.status == 404, (name, about_held)
            assert comparable(about_held) == comparable(about_nothing), name
    # Who pushed it still gets what is his.
    assert registry.publisher.get_manifest(repo, held.digest).status == 200
    assert registry.publisher.head(f"/v2/{repo}/blobs/{layer}").status == 200
    assert registry.publisher.get_blob(repo, layer).status == 403
    assert "your push" in registry.publisher.get_manifest(repo, "staged").message
    # And column Q everything.
    assert registry.processor.get_manifest(repo, "staged").status == 200


def test_with_disclosure_the_reason_names_the_checks(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    held = registry.publisher.push_image(repo, "v1")
    got = registry.consumer.get_manifest(repo, held.digest)
    assert got.message.endswith("waiting for checks: scan, sign"), got.message
    assert got.json()["errors"][0]["detail"]["checks"] == [{"name": "scan", "state": "waiting"},
                                                           {"name": "sign", "state": "waiting"}]
    own = registry.publisher.get_manifest(repo, "v1")
    assert own.status == 404 and "waiting for checks: scan, sign" in own.message


def test_without_echo_a_publisher_reads_nothing_back(registry, repo):
    registry.policy(repo, echo=False)
    held = registry.publisher.push_image(repo, "v1")
    assert registry.publisher.get_manifest(repo, held.digest).status == 404
    assert registry.publisher.head(f"/v2/{repo}/manifests/{held.digest}").status == 404
    assert registry.publisher.get_blob(repo, digest_of(held.config)).status == 403
    registry.policy(repo, echo=True)
    assert registry.publisher.get_manifest(repo, held.digest).body == held.manifest
    assert registry.publisher.get_blob(repo, digest_of(held.config)).body == held.config


def test_no_echo_of_a_manifest_with_data(registry, repo):
    import base64
    layer = b"inline layer"
    image = Image(layers=[layer])
    doc = dict(image.doc)
    doc["layers"] = [{**doc["layers"][0], "data": base64.b64encode(layer).decode()}]
    from client import dumps
    body = dumps(doc)
    for data in image.blobs:
        registry.publisher.push_blob(repo, data)
    assert registry.publisher.put_manifest(repo, "v1", body).status == 201
    assert registry.publisher.get_manifest(repo, digest_of(body)).status == 404
    assert registry.publisher.get_blob(repo, digest_of(image.config)).status == 403
    assert registry.processor.get_manifest(repo, digest_of(body)).body == body


def test_denied_reads_of_held_content_are_not_the_publishers_own_business(registry, repo):
    """The echo is by principal: a token of the same publisher has it, another publisher's does not."""
    from visibility import token
    held = registry.publisher.push_image(repo, "v1")
    own = Client(registry.url, token(registry.publisher, f"repository:{repo}:pull"))
    other = Client(registry.url, token(registry.publisher2, f"repository:{repo}:pull,push"))
    assert own.get_manifest(repo, held.digest).status == 200
    assert other.get_manifest(repo, held.digest).status == 404


def test_a_token_without_pull_reads_nothing(registry, repo):
    from visibility import token
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    for scope in (f"repository:{repo}:push", "repository:other/name:pull", f"repository:{repo}/x:pull"):
        client = Client(registry.url, token(registry.publisher, scope))
        for path in (f"manifests/v1", f"manifests/{image.digest}", f"blobs/{digest_of(image.config)}", "tags/list",
                     f"referrers/{image.digest}"):
            got = client.get(f"/v2/{repo}/{path}")
            assert got.status == 401, (scope, path, got)
            assert "insufficient_scope" in got.headers["WWW-Authenticate"]


def test_attachments_are_held_with_their_subject(registry, repo):
    held = registry.publisher.push_image(repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(held))
    for client in (registry.consumer, registry.publisher2):
        assert client.get_manifest(repo, sbom.digest).status in (403, 404)
        assert client.get_blob(repo, digest_of(sbom.layers[0])).status == 403
        assert client.referrers(repo, held.digest).json()["manifests"] == []
    registry.processor.release(repo, held.digest)
    for client in (registry.consumer, registry.publisher2):
        assert client.get_manifest(repo, sbom.digest).body == sbom.manifest
        assert client.get_blob(repo, digest_of(sbom.layers[0])).body == sbom.layers[0]
        assert [d["digest"] for d in client.referrers(repo, held.digest).json()["manifests"]] == [sbom.digest]
