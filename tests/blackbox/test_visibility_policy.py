"""SPEC 4, the rules under its table: the echo, the reason and `disclose`, tokens, what may be cached."""

import base64
import pathlib

import pytest

from client import ACCEPT_ALL, Attachment, Client, Image, digest_of, dumps
from test_quarantine_states import report
from visibility import comparable, token

DOCS = pathlib.Path(__file__).parent.parent.parent / "docs"


def name_of(repo, prefix):
    return f"{prefix}-{repo.split('/')[1]}"


# -- disclose -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["quarantined", "failed"])
def test_without_disclosure_held_is_missing(registry, repo, state):
    """R, and W for what it did not push: 404 and nothing else, on every path that could tell."""
    registry.policy(repo, disclose=False, checks=["scan"])
    held = registry.publisher.push_image(repo, "staged")
    if state == "failed":
        registry.processor.fail(repo, held.digest)
    layer, config = digest_of(held.layers[0]), digest_of(held.config)
    nothing = digest_of(b"nothing")
    pairs = [(f"manifests/{held.digest}", f"manifests/{nothing}"), ("manifests/staged", "manifests/none"),
             (f"blobs/{layer}", f"blobs/{nothing}"), (f"blobs/{config}", f"blobs/{nothing}"),
             (f"_roadstead/quarantine/{held.digest}", f"_roadstead/quarantine/{nothing}"),
             (f"referrers/{held.digest}", f"referrers/{nothing}")]
    for name in ("consumer", "publisher2", "maintainer"):
        client = registry.client(name)
        for about_held, about_nothing in pairs:
            status = 200 if "referrers" in about_held else 404
            for method in ("GET", "HEAD"):
                got, none = (client.request(method, f"/v2/{repo}/{path}") for path in (about_held, about_nothing))
                assert got.status == status, (name, about_held, got)
                assert comparable(got, repo) == comparable(none, repo), (name, about_held)
        for digest in (held.digest, nothing):
            assert client.decide(repo, digest, "released").status == 404
            assert client.request("PUT", f"/v2/{repo}/_roadstead/quarantine/{digest}/checks/scan", body={"state": "passed"}).status == 404
            azure = f"/acr/v1/{repo}/_manifests/{digest}"
            assert client.get(azure).status == client.request("PATCH", azure, body={"quarantineState": "Passed"}).status == 404
    # Who pushed it still gets what is his.
    assert registry.publisher.get_manifest(repo, held.digest).status == 200
    assert registry.publisher.head(f"/v2/{repo}/blobs/{layer}").status == 200
    assert registry.publisher.get_blob(repo, layer).status == 403
    assert registry.publisher.state(repo, held.digest).status == 200
    own = registry.publisher.get_manifest(repo, "staged")
    assert (own.status, own.code) == (404, "MANIFEST_UNKNOWN") and "your push" in own.message
    # And column Q everything.
    assert registry.qreader.get_manifest(repo, "staged").status == 200


def test_without_disclosure_released_content_is_as_open_as_ever(registry, repo):
    registry.policy(repo, disclose=False)
    image = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, image.digest)
    for name in ("consumer", "publisher2"):
        client = registry.client(name)
        assert client.get_manifest(repo, "v1").body == image.manifest
        assert client.get_blob(repo, digest_of(image.layers[0])).body == image.layers[0]
        assert client.state(repo, image.digest).json()["state"] == "released"


def test_with_disclosure_the_reason_says_state_since_and_checks(registry, repo):
    """DENIED, a message for people, and in `detail` the state, since when, and the checks with their states."""
    registry.policy(repo, checks=["scan", "sign"])
    held = registry.publisher.push_image(repo, "v1")
    layer = digest_of(held.layers[0])
    since = registry.processor.state(repo, held.digest).json()["since"]

    def told(checks, outlook, state="quarantined"):
        for path, what in ((f"manifests/{held.digest}", f"{repo}@{held.digest}"), ("manifests/v1", f"{repo}:v1"),
                           (f"blobs/{layer}", f"blob {layer} of {repo}")):
            got = registry.consumer.get(f"/v2/{repo}/{path}", headers={"Accept": ACCEPT_ALL})
            assert (got.status, got.code) == (403, "DENIED")
            detail = got.json()["errors"][0]["detail"]
            assert detail["state"] == state and detail["checks"] == [{"name": n, "state": s} for n, s in checks.items()]
            if state == "quarantined":
                assert detail["since"] == since and set(detail) == {"state", "since", "checks"}
            assert got.message == f"{what} is in quarantine since {detail['since']}, {outlook}", got.message
        own = registry.publisher.get_manifest(repo, "v1")
        assert (own.status, own.code) == (404, "MANIFEST_UNKNOWN") and outlook in own.message

    told({"scan": "waiting", "sign": "waiting"}, "waiting for checks: scan, sign")
    report(registry.scanner, repo, held, "scan", "running", details={"inside": "secret finding"})
    told({"scan": "running", "sign": "waiting"}, "waiting for checks: scan, sign")
    report(registry.scanner, repo, held, "scan", "passed")
    told({"scan": "passed", "sign": "waiting"}, "waiting for checks: sign")
    report(registry.signer, repo, held, "sign", "failed", details={"inside": "secret finding"})
    told({"scan": "passed", "sign": "failed"}, "failed checks: sign", "failed")
    assert b"secret finding" not in registry.consumer.get_manifest(repo, held.digest).body


def test_a_change_of_disclose_is_effective_for_the_next_request(registry, repo):
    held = registry.publisher.push_image(repo, "v1")
    for disclose, status in ((False, 404), (True, 403), (False, 404), (True, 403)):
        registry.policy(repo, disclose=disclose)
        assert registry.consumer.get_manifest(repo, held.digest).status == status
        assert registry.consumer.head(f"/v2/{repo}/manifests/v1").status == status


# -- the echo -----------------------------------------------------------------------------------------


def test_without_echo_a_publisher_reads_nothing_back(registry, repo):
    registry.policy(repo, echo=False)
    held = registry.publisher.push_image(repo, "v1")
    assert registry.publisher.get_manifest(repo, held.digest).status == 404
    assert registry.publisher.head(f"/v2/{repo}/manifests/{held.digest}").status == 404
    assert registry.publisher.get_blob(repo, digest_of(held.config)).status == 403
    registry.policy(repo, echo=True)
    assert registry.publisher.get_manifest(repo, held.digest).body == held.manifest
    assert registry.publisher.get_blob(repo, digest_of(held.config)).body == held.config


def test_the_echo_is_of_this_repository(registry, repo):
    """A PUT of the same bytes somewhere else counts for nothing here."""
    held = registry.publisher.push_image(repo, "v1")
    registry.publisher2.push_image(repo + "/other", "v1", held)
    assert registry.publisher2.get_manifest(repo, held.digest).status == 404
    assert registry.publisher2.get_manifest(repo + "/other", held.digest).status == 200
    for data in held.blobs:
        registry.publisher2.push_blob(repo, data)  # having the blobs is not having pushed the manifest
    assert registry.publisher2.get_manifest(repo, held.digest).status == 404
    assert registry.publisher2.get_blob(repo, digest_of(held.config)).status == 403


def test_a_put_that_was_refused_gives_no_echo(registry, repo):
    """Completed means accepted."""
    held = registry.publisher.push_image(repo, "v1")
    registry.policy(repo, immutable_tags=["fixed"])
    registry.processor.release(repo, registry.publisher.push_image(repo, "fixed").digest)
    assert registry.publisher2.put_manifest(repo, "fixed", held.manifest).status == 409
    assert registry.publisher2.put_manifest(repo, digest_of(b"other"), held.manifest).status == 400
    assert registry.consumer.put_manifest(repo, held.digest, held.manifest).status == 403
    for client in (registry.publisher2, registry.consumer):
        assert client.get_manifest(repo, held.digest).status in (403, 404)


def test_no_echo_after_the_push_grant_is_gone(registry, repo):
    writer = registry.user(name_of(repo, "writer"), ("publisher", repo), ("consumer", repo))
    held = writer.push_image(repo, "v1")
    assert writer.get_manifest(repo, held.digest).status == 200
    registry.take(writer.name, "publisher")
    got = writer.get_manifest(repo, held.digest)
    assert (got.status, got.code) == (403, "DENIED")
    assert writer.get_blob(repo, digest_of(held.config)).status == 403
    registry.give(writer.name, "quarantine-push", repo)  # is not push
    assert writer.get_manifest(repo, held.digest).status == 403
    registry.give(writer.name, "push", repo)
    assert writer.get_manifest(repo, held.digest).body == held.manifest


@pytest.mark.parametrize("where", ["config", "layers", "subject"])
def test_no_echo_of_a_manifest_with_data(registry, repo, where):
    """A `data` field could hold what another had held; the two bytes {} hide nothing."""
    secret = registry.publisher2.push_image(repo, None) if where == "subject" else None
    for content, status in ((b"{}", 200), (b"inline bytes of somebody", 404)):
        image = Image(layers=[content], config=content) if secret is None else Image(subject=secret.descriptor)
        doc = image.doc
        inline = secret.manifest if secret is not None and content != b"{}" else content
        target = {"config": doc["config"], "layers": doc["layers"][0], "subject": doc.get("subject")}[where]
        if where == "subject" and content == b"{}":
            target.update(digest=digest_of(b"{}"), size=2)
        target["data"] = base64.b64encode(inline).decode()
        body = dumps(doc)
        writer = registry.processor if where == "subject" and content != b"{}" else registry.publisher
        for data in image.blobs:
            writer.push_blob(repo, data)
        assert writer.put_manifest(repo, f"v{status}", body).status == 201
        if writer is registry.processor:  # only a holder of quarantine-push may name a held subject; let him be a mere publisher
            writer = registry.user(name_of(repo, "once"), ("processor", repo))
            assert writer.put_manifest(repo, digest_of(body), body).status == 201
            registry.take(writer.name, "processor")
            registry.give(writer.name, "publisher", repo)
        assert writer.get_manifest(repo, digest_of(body)).status == status, (where, content)
        assert registry.qreader.get_manifest(repo, digest_of(body)).body == body
        if status == 404:
            assert writer.get_blob(repo, digest_of(image.config)).status == 403


def test_the_echo_is_by_principal(registry, repo):
    """A token of the same publisher has it, another publisher's does not."""
    held = registry.publisher.push_image(repo, "v1")
    own = Client(registry.url, token(registry.publisher, f"repository:{repo}:pull"))
    other = Client(registry.url, token(registry.publisher2, f"repository:{repo}:pull,push"))
    assert own.get_manifest(repo, held.digest).status == 200
    assert other.get_manifest(repo, held.digest).status == 404


def test_the_documentation_says_which_clients_break_without_the_echo():
    text = (DOCS / "compatibility.md").read_text()
    line, = [ln for ln in text.splitlines() if "`echo: false`" in ln]
    assert all(name in line for name in ("helm", "oras", "crane", "imagetools"))


# -- tokens -------------------------------------------------------------------------------------------


def test_the_column_follows_from_the_grants_whatever_the_scope(registry, repo):
    """A token with pull is enough for every read, and with more it reads no more."""
    held = registry.publisher.push_image(repo, "v1")
    layer, config = digest_of(held.layers[0]), digest_of(held.config)
    paths = ["manifests/v1", f"manifests/{held.digest}", f"blobs/{layer}", f"blobs/{config}", "tags/list",
             f"referrers/{held.digest}", f"_roadstead/quarantine/{held.digest}"]
    for name in ("qreader", "processor", "scanner", "publisher", "publisher2", "maintainer", "consumer"):
        client = registry.client(name)
        for path in paths:
            for method in ("GET", "HEAD"):
                want = comparable(client.request(method, f"/v2/{repo}/{path}", headers={"Accept": ACCEPT_ALL}), repo)
                for scope in ("pull", "pull,push", "pull,push,delete", "*"):
                    by_token = Client(registry.url, token(client, f"repository:{repo}:{scope}"))
                    got = by_token.request(method, f"/v2/{repo}/{path}", headers={"Accept": ACCEPT_ALL})
                    assert comparable(got, repo) == want, (name, path, scope, got)
                    by_token.close()


def test_a_token_without_pull_reads_nothing(registry, repo):
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


# -- caches -------------------------------------------------------------------------------------------


def test_everything_about_content_in_quarantine_is_no_store(registry, repo):
    """Denials too; what is released is `private, no-cache` by tag."""
    registry.policy(repo, checks=["scan"])
    live = registry.publisher.push_image(repo, "live")
    report(registry.scanner, repo, live, "scan", "passed")
    held = registry.publisher.push_image(repo, "v1")
    layer = digest_of(held.layers[0])
    quarantine = f"/v2/{repo}/_roadstead/quarantine/{held.digest}"
    answers = [client.request(method, f"/v2/{repo}/{path}")
               for client in (registry.qreader, registry.publisher, registry.publisher2, registry.consumer, registry.stranger,
                              registry.anonymous)
               for method in ("GET", "HEAD")
               for path in ("manifests/v1", f"manifests/{held.digest}", f"blobs/{layer}", f"blobs/{digest_of(held.config)}",
                            f"_roadstead/quarantine/{held.digest}", "_roadstead/explain?reference=v1")]
    answers += [registry.qreader.get(path) for path in (f"/v2/{repo}/tags/list", f"/v2/{repo}/referrers/{held.digest}",
                f"/acr/v1/{repo}/_manifests/{held.digest}", f"/v2/_roadstead/quarantine?repository={repo}",
                "/v2/_roadstead/events")]
    answers += [registry.auditor.get("/v2/_roadstead/audit"), registry.publisher.get_manifest(repo, "none"),
                registry.scanner.request("PUT", quarantine + "/checks/scan", body={"state": "running"}),
                registry.consumer.request("PUT", quarantine + "/checks/scan", body={"state": "running"}),
                registry.processor.decide(repo, held.digest, "released"), registry.processor.decide(repo, held.digest, "failed")]
    claims = "/v2/_roadstead/quarantine/claims"
    answers += [registry.signer.request("POST", claims, body={"check": "none"}),
                registry.signer.request("PUT", f"{claims}/none", body={}), registry.signer.request("DELETE", f"{claims}/none")]
    for got in answers:
        assert got.headers["Cache-Control"] == "no-store", got
    for client in (registry.consumer, registry.publisher, registry.qreader):
        for method in ("GET", "HEAD"):
            assert client.request(method, f"/v2/{repo}/manifests/live").headers["Cache-Control"] == "private, no-cache"


# -- a known limit ------------------------------------------------------------------------------------


def test_a_push_that_is_skipped_withdraws_nothing(registry, repo):
    """A client that finds its digest under the live tag pushes nothing, so a staged push of that tag goes live later."""
    live = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, live.digest)
    staged = registry.publisher2.push_image(repo, "v1")
    seen = registry.publisher.head(f"/v2/{repo}/manifests/v1")
    assert seen.headers["Docker-Content-Digest"] == live.digest  # and so the client pushes nothing
    registry.processor.release(repo, staged.digest)
    assert registry.consumer.get_manifest(repo, "v1").body == staged.manifest
    assert "do not withdraw a staged push" in (DOCS / "compatibility.md").read_text()


@pytest.mark.parametrize("way", ["delete the tag", "fail the image", "push it"])
def test_a_staged_push_can_be_withdrawn(registry, repo, way):
    live = registry.publisher.push_image(repo, "v1")
    registry.processor.release(repo, live.digest)
    staged = registry.publisher2.push_image(repo, "v1")
    if way == "delete the tag":
        assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/v1").status == 202
        registry.processor.release(repo, staged.digest)
        assert registry.consumer.get_manifest(repo, "v1").status == 404
        return
    if way == "fail the image":
        registry.processor.fail(repo, staged.digest)
    else:
        registry.publisher.push_image(repo, "v1", live)
        registry.processor.release(repo, staged.digest)
    assert registry.consumer.get_manifest(repo, "v1").body == live.manifest


def test_a_follow_up_by_tag_needs_released_content_and_by_digest_the_echo_serves_it(registry, repo):
    held = registry.publisher.push_image(repo, "v1")
    assert registry.publisher.get_manifest(repo, "v1").status == 404
    read = registry.publisher.get_manifest(repo, held.digest)
    assert registry.publisher.put_manifest(repo, "v2", read.body, read.headers["Content-Type"]).status == 201
    registry.processor.release(repo, held.digest)
    assert registry.consumer.tags(repo) == ["v1", "v2"]
