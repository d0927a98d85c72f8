"""Decisions, what is told about a state and to whom, and the work list: one test for each sentence about them."""

import pytest

from client import Attachment, Image, Index, digest_of
from test_quarantine_states import actions, events, is_readable, report, shown, state


@pytest.fixture
def checked(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    return registry.publisher.push_image(repo, "v1")


# -- deciding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("details", [None, True, 0, -1.5, "", "text", [], [1, [2, {"a": None}]], {}, {"b": {"c": [1]}, "a": "ü€\n\u0001"},
                                     {"state": "failed", "details": "of the details"}])
@pytest.mark.parametrize("verdict", ["released", "failed"])
def test_details_are_any_json(registry, repo, verdict, details):
    """Kept as they came: in the audit log, in the state for those who are told everything, and in the event."""
    image = registry.publisher.push_image(repo, "v1")
    got = registry.processor.request("PATCH", f"/v2/{repo}/_roadstead/quarantine/{image.digest}",
                                     body={"state": verdict, "details": details})
    assert got.status == 200, got
    record, = registry.auditor.audit(f"repository={repo}&action={verdict}")
    assert record["details"] == details
    assert shown(registry, repo, image)["details"] == details
    event = registry.processor.events(repository=repo)[-1]
    assert event["type"] == {"released": "push", "failed": "quarantine_failed"}[verdict]
    assert event["decision"] == {"by": "processor", "state": verdict, "details": details}


def test_one_api_lifts_the_flag_and_records_a_failed_verdict(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    path = f"/v2/{repo}/_roadstead/quarantine/{image.digest}"
    for verdict, changed in (("failed", True), ("released", True), ("released", False)):
        got = registry.processor.request("PATCH", path, body={"state": verdict})
        assert got.status == 200 and (got.json()["state"], got.json()["changed"]) == (verdict, changed)
        assert (got.json()["repository"], got.json()["digest"]) == (repo, image.digest)
    for method in ("PUT", "POST", "DELETE"):
        assert registry.processor.request(method, path, body={"state": "released"}).status == 405


def test_a_decision_takes_either_digest_and_never_a_tag(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    other = digest_of(image.manifest, "sha512")
    assert registry.processor.decide(repo, other, "failed").status == 404  # nobody used that name yet
    assert registry.publisher.put_manifest(repo, other, image.manifest).status == 201
    assert registry.processor.decide(repo, other, "failed").json()["digest"] == image.digest
    assert registry.processor.state(repo, other).json()["state"] == "failed"
    assert registry.processor.decide(repo, image.digest, "released").status == 200
    for reference in ("v1", "latest", image.digest[:-1], "sha256:v1", "md5:" + "0" * 32):
        got = registry.processor.decide(repo, reference, "released")
        assert (got.status, got.code) == (400, "DIGEST_INVALID"), got
        assert registry.processor.state(repo, reference).status == 400
    assert registry.processor.decide(repo, digest_of(b"nothing"), "released").status == 404


def test_the_answer_names_everything_that_was_released(registry, repo):
    """Descendants, attachments, attachments of those, in the order of their events, with the tags that moved; and what stayed."""
    inner = Index([Image()])
    index = Index([Image(), inner, Image()])
    index.push(registry.publisher, repo, "v1")
    registry.publisher.put_manifest(repo, "latest", index.manifest, index.media_type)
    registry.publisher.push_image(repo, "amd64", index.images[0])
    sbom = registry.processor.push_image(repo, None, Attachment(index))
    signature = registry.processor.push_image(repo, None, Attachment(sbom))
    of_part = registry.processor.push_image(repo, f"sha256-{index.images[2].digest.split(':')[1]}.sig", Attachment(index.images[2]))
    bad = registry.processor.push_image(repo, None, Attachment(index))
    registry.processor.fail(repo, bad.digest)
    secret = registry.publisher.push_image(repo, "secret")
    borrowed = registry.processor.push_image(repo, None, Attachment(index, content=secret.layers[0]))
    before = registry.processor.events(repository=repo)[-1]["sequence"]
    answer = registry.processor.release(repo, index.digest).json()
    released = {r["digest"]: (r["kind"], sorted(r["tags"])) for r in answer["released"]}
    assert len(released) == len(answer["released"])
    assert released == {
        index.digest: ("index", ["latest", "v1"]), index.images[0].digest: ("image", ["amd64"]), inner.digest: ("index", []),
        inner.images[0].digest: ("image", []), index.images[2].digest: ("image", []), sbom.digest: ("attachment", []),
        signature.digest: ("attachment", []), of_part.digest: ("attachment", [f"sha256-{index.images[2].digest.split(':')[1]}.sig"])}
    assert (answer["failed"], answer["held"]) == ([bad.digest], [borrowed.digest])
    told = [e["digest"] for e in registry.processor.events(after=before, repository=repo) if e["type"] == "push"]
    assert list(dict.fromkeys(told)) == [r["digest"] for r in answer["released"]]
    for digest, wanted in [(d, "released") for d in released] + [(bad.digest, "failed"), (borrowed.digest, "quarantined"),
                                                                  (secret.digest, "quarantined")]:
        assert registry.processor.state(repo, digest).json()["state"] == wanted


# -- preconditions --------------------------------------------------------------------------------


def test_expect(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert registry.processor.decide(repo, image.digest, "released", expect="failed").status == 412
    assert registry.processor.decide(repo, image.digest, "released", expect="bogus").status == 400
    assert registry.processor.decide(repo, image.digest, "released", expect="quarantined").status == 200
    assert registry.processor.decide(repo, image.digest, "released", expect="quarantined").status == 412


@pytest.mark.parametrize("change", ["state", "check", "descendant", "attachment", "attachment of a descendant"])
def test_if_match_covers_state_checks_descendants_and_attachments(registry, repo, change):
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    read = registry.processor.state(repo, index.digest)
    etag = read.headers["ETag"]
    assert registry.processor.state(repo, index.digest).headers["ETag"] == etag
    if change == "state":
        registry.processor.fail(repo, index.digest)
    elif change == "check":
        report(registry.scanner, repo, index, "scan", "running")
    elif change == "descendant":
        registry.processor.fail(repo, index.images[0].digest)
    else:
        registry.processor.push_image(repo, None, Attachment(index if change == "attachment" else index.images[1]))
    refused = registry.processor.decide(repo, index.digest, "released", headers={"If-Match": etag})
    assert (refused.status, refused.code) == (412, "DENIED"), refused
    fresh = registry.processor.state(repo, index.digest).headers["ETag"]
    assert fresh != etag
    if change != "descendant":
        accepted = registry.processor.decide(repo, index.digest, "released", headers={"If-Match": f'"x", {fresh}'})
        assert accepted.status == 200, accepted


@pytest.mark.parametrize("change", ["policy", "verdict on an attachment", "attachment of an attachment", "nested part", "deleted attachment",
                                    "details of a check"])
def test_if_match_covers_all_that_a_decision_looks_at(registry, repo, change):
    inner = Index([Image()])
    index = Index([inner]).push(registry.publisher, repo, "v1")
    sbom = registry.processor.push_image(repo, None, Attachment(index))
    report(registry.scanner, repo, index, "scan", "running", details=1)
    etag = registry.processor.state(repo, index.digest).headers["ETag"]
    if change == "policy":
        registry.policy(repo, checks=["sign"])
    elif change == "verdict on an attachment":
        registry.processor.fail(repo, sbom.digest)
    elif change == "attachment of an attachment":
        registry.processor.push_image(repo, None, Attachment(sbom))
    elif change == "nested part":
        registry.processor.fail(repo, inner.images[0].digest)
    elif change == "deleted attachment":
        assert registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{sbom.digest}").status == 202
    else:
        report(registry.scanner, repo, index, "scan", "running", details=2)
    before = actions(registry, repo)
    for verdict in ("released", "failed"):
        assert registry.processor.decide(repo, index.digest, verdict, headers={"If-Match": etag}).status == 412
    assert actions(registry, repo) == before
    assert registry.processor.decide(repo, index.digest, "failed", headers={"If-Match": "*"}).status == 200


# -- bodies are strict --------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"state":"released","state":"failed"}', b'{"state":"ok"}', b'{"state":1}',
                                  b'{"state":"released","extra":1}', b'{"state":"released","expect":null}',
                                  b'{"state":"released","claim":5}', b'{"state":"released"} x', b'{"details":1}'])
def test_a_decision_with_a_bad_body_changes_nothing(registry, repo, body):
    image = registry.publisher.push_image(repo, "v1")
    got = registry.processor.request("PATCH", f"/v2/{repo}/_roadstead/quarantine/{image.digest}", body=body,
                                     content_type="application/json")
    assert got.status == 400, got
    assert state(registry, repo, image) == "quarantined"


def test_decisions_are_by_digest_only(registry, repo):
    registry.publisher.push_image(repo, "v1")
    got = registry.processor.request("PATCH", f"/v2/{repo}/_roadstead/quarantine/v1", body={"state": "released"})
    assert (got.status, got.code) == (400, "DIGEST_INVALID")


def test_details_are_limited(registry, repo):
    image = registry.publisher.push_image(repo, "v1")
    assert registry.processor.decide(repo, image.digest, "released", "x" * 65535).status == 413
    assert state(registry, repo, image) == "quarantined"
    assert registry.processor.decide(repo, image.digest, "released", "x" * 65000).status == 200


# -- the work list ------------------------------------------------------------------------------------


def test_the_work_list_in_pages(registry, repo):
    images = [registry.publisher.push_image(repo, f"v{i}") for i in range(5)]
    registry.processor.fail(repo, images[2].digest)
    seen = []
    where = f"/v2/_roadstead/quarantine?repository={repo}&n=2"
    while where:
        got = registry.processor.get(where)
        assert got.status == 200 and len(got.json()["images"]) <= 2
        seen += [i["digest"] for i in got.json()["images"]]
        link = got.headers["Link"]
        where = link[1:link.index(">")] if link else None
    assert seen == [images[i].digest for i in (0, 1, 3, 4)]
    failed = registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}&state=failed").json()["images"]
    assert [i["digest"] for i in failed] == [images[2].digest]
    assert registry.processor.get("/v2/_roadstead/quarantine?n=0").json()["images"] == []


@pytest.mark.parametrize("query", ["state=released", "state=x", "n=-1", "n=x", "last=x", "repository=A", "check=A"])
def test_the_work_list_refuses_what_it_does_not_understand(registry, query):
    assert registry.processor.get(f"/v2/_roadstead/quarantine?{query}").status == 400


def test_the_work_list_by_check(registry, repo, checked):
    by = {c: registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}&check={c}").json()["images"]
          for c in ("scan", "sign", "other")}
    assert {c: len(found) for c, found in by.items()} == {"scan": 1, "sign": 1, "other": 0}
    report(registry.scanner, repo, checked, "scan", "passed")
    assert registry.processor.get(f"/v2/_roadstead/quarantine?repository={repo}&check=scan").json()["images"] == []


@pytest.mark.parametrize("who,sees", [("processor", True), ("qreader", True), ("scanner", True), ("auditor", True),
                                      ("publisher", False), ("consumer", False), ("stranger", False), ("admin", False)])
def test_the_work_list_shows_repositories_where_one_may_see_states(registry, repo, who, sees):
    image = registry.publisher.push_image(repo, "v1")
    got = getattr(registry, who).get(f"/v2/_roadstead/quarantine?repository={repo}")
    assert got.status == 200
    assert [i["digest"] for i in got.json()["images"]] == ([image.digest] if sees else [])


def test_the_work_list_is_of_repositories_where_the_caller_may(registry, repo):
    """Each judged by the grants on it."""
    names = {what: f"{repo}/{what.replace(':', '-').replace('*', 'all')}" for what in (
        "quarantine-pull", "quarantine-decide", "check:scan", "check:*", "audit-read", "pull", "push", "delete", "quarantine-push",
        "quarantine-override")}
    for name in names.values():
        registry.publisher.push_image(name, "v1")
    mixed = registry.user("mixed-" + repo.split("/")[1], *names.items())
    seen = {i["repository"] for i in mixed.get(f"/v2/_roadstead/quarantine?repository={repo}/**").json()["images"]}
    assert seen == {names[w] for w in ("quarantine-pull", "quarantine-decide", "check:scan", "check:*", "audit-read")}
    one, = mixed.get(f"/v2/_roadstead/quarantine?repository={names['check:*']}").json()["images"]
    assert one["repository"] == names["check:*"]
    assert mixed.get(f"/v2/_roadstead/quarantine?repository={names['pull']}").json()["images"] == []


def test_the_work_list_tells_what_there_is_to_do(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    image = registry.publisher.push_image(repo, "v1")
    registry.publisher.put_manifest(repo, "v2", image.manifest)
    report(registry.scanner, repo, image, "scan", "passed")
    failed = registry.publisher.push_image(repo, "v3")
    report(registry.scanner, repo, failed, "scan", "failed")
    one, = registry.qreader.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"]
    assert {k: one[k] for k in ("repository", "digest", "state", "kind", "publisher", "tags", "ready", "overdue")} == {
        "repository": repo, "digest": image.digest, "state": "quarantined", "kind": "image", "publisher": "publisher",
        "tags": ["v1", "v2"], "ready": False, "overdue": False}
    assert one["checks"] == [{"name": "scan", "required": True, "state": "passed"}, {"name": "sign", "required": True, "state": "waiting"}]
    for query, wanted in (("state=quarantined", [image.digest]), ("state=failed", [failed.digest]), ("check=sign", [image.digest]),
                          ("check=scan", []), ("state=failed&check=scan", [failed.digest]), ("state=failed&check=sign", [failed.digest])):
        got = registry.qreader.get(f"/v2/_roadstead/quarantine?repository={repo}&{query}").json()["images"]
        assert [i["digest"] for i in got] == wanted, query
    report(registry.signer, repo, image, "sign", "passed")
    assert registry.qreader.get(f"/v2/_roadstead/quarantine?repository={repo}").json()["images"] == []
    assert is_readable(registry, repo, image)


# -- what is told, and to whom ----------------------------------------------------------------------


def test_the_state_tells_everything_to_those_who_decide(registry, repo):
    """State, tags, publisher, times, checks, parts, attachments with their pushers, and what blocks a release."""
    registry.policy(repo, checks=["scan"])
    index = Index([Image(), Image()]).push(registry.publisher, repo, "v1")
    registry.publisher.put_manifest(repo, "v2", index.manifest, index.media_type)
    sbom = registry.processor.push_image(repo, None, Attachment(index, artifact_type="application/vnd.example.report"))
    registry.processor.fail(repo, index.images[1].digest, "broken")
    report(registry.scanner, repo, index, "scan", "running", details={"at": 1})
    held = registry.scanner.request("POST", "/v2/_roadstead/quarantine/claims", body={"check": "scan", "repositories": [repo]}).json()
    told = shown(registry, repo, index)
    assert {k: told[k] for k in ("repository", "digest", "state", "kind", "mediaType", "size", "publisher", "pushedWith", "root", "joined")} == {
        "repository": repo, "digest": index.digest, "state": "quarantined", "kind": "index", "mediaType": index.media_type,
        "size": len(index.manifest), "publisher": "publisher", "pushedWith": "push", "root": True, "joined": False}
    assert told["tags"] == {"live": [], "staged": ["v1", "v2"]}
    assert told["since"] == told["pushed"] and told["since"].endswith("Z")
    check, = told["checks"]
    assert {k: check[k] for k in ("name", "required", "state", "reporter", "failing", "details")} == {
        "name": "scan", "required": True, "state": "running", "reporter": "scanner", "failing": False, "details": {"at": 1}}
    assert check["reported"] >= told["pushed"]
    assert told["claims"] == [{"check": "scan", "principal": "scanner", "expires": held["expires"]}]  # and never its id
    assert [(p["digest"], p["state"], p["linked"]) for p in told["parts"]] == [
        (index.images[0].digest, "quarantined", True), (index.images[1].digest, "failed", True)]
    assert told["attachments"] == [{"digest": sbom.digest, "state": "quarantined", "artifactType": "application/vnd.example.report",
                                    "publisher": "processor", "pushedWith": "quarantine-push", "joined": True}]
    assert told["releaseBlockedBy"] == [{"reason": "check", "check": "scan", "state": "running"},
                                        {"reason": "failed-part", "digest": index.images[1].digest}]
    part = shown(registry, repo, index.images[0])
    assert part["root"] is False and part["roots"] == [index.digest]
    failed = shown(registry, repo, index.images[1])
    assert (failed["failedBy"], failed["decidedBy"], failed["details"]) == ("decision", "processor", "broken")
    registry.policy(repo)
    registry.processor.release(repo, index.images[1].digest)
    registry.processor.release(repo, index.digest, "good")
    told = shown(registry, repo, index)
    assert told["tags"] == {"live": ["v1", "v2"], "staged": []} and told["releaseBlockedBy"] == []
    assert (told["state"], told["decidedBy"], told["details"]) == ("released", "processor", "good") and told["since"] > told["pushed"]


FULL, BRIEF = "everything", "in brief"
# who -> what he is told of an image by `publisher`: quarantined or failed while disclosed, the same undisclosed, released
TOLD = {
    "qreader": (FULL, FULL, FULL), "processor": (FULL, FULL, FULL), "scanner": (FULL, FULL, FULL), "auditor": (FULL, FULL, FULL),
    "publisher": (BRIEF, BRIEF, BRIEF), "publisher2": (404, 404, BRIEF), "maintainer": (404, 404, BRIEF),
    "consumer": (BRIEF, 404, BRIEF), "stranger": (404, 404, 404), "admin": (404, 404, 404), "anonymous": (401, 401, 401),
}


@pytest.mark.parametrize("disclose", [True, False])
@pytest.mark.parametrize("wanted", ["quarantined", "failed", "released"])
def test_who_is_told_the_state(registry, repo, wanted, disclose):
    """Everything, or state, since and the checks' names and states, or nothing: by either digest, and the same in Azure's form."""
    registry.policy(repo, checks=["scan"], disclose=disclose)
    image = registry.publisher.push_image(repo, "v1")
    other = digest_of(image.manifest, "sha512")
    assert registry.publisher.put_manifest(repo, other, image.manifest).status == 201
    report(registry.scanner, repo, image, "scan", {"released": "passed", "quarantined": "running", "failed": "failed"}[wanted],
           details="a finding")
    for who, columns in TOLD.items():
        client, told = getattr(registry, who), columns[2 if wanted == "released" else 0 if disclose else 1]
        for digest in (image.digest, other):
            got = client.state(repo, digest)
            azure = client.get(f"/acr/v1/{repo}/_manifests/{digest}")
            head = client.head(f"/v2/{repo}/_roadstead/quarantine/{digest}")
            if isinstance(told, int):
                assert got.status == head.status == azure.status == told, (who, got)
                continue
            assert got.status == head.status == azure.status == 200, (who, got)
            assert got.json()["state"] == wanted and azure.json()["manifest"]["digest"] == image.digest
            if told == FULL:
                assert got.json()["publisher"] == "publisher" and got.json()["checks"][0]["details"] == "a finding"
            else:
                assert set(got.json()) == {"repository", "digest", "state", "since", "checks"}, who
                assert set(got.json()["checks"][0]) == {"name", "required", "state"} and b"a finding" not in got.body + azure.body
    nothing = digest_of(b"nothing")
    for who, columns in TOLD.items():
        assert getattr(registry, who).state(repo, nothing).status == (401 if who == "anonymous" else 404)


def test_the_tag_of_a_state_tells_no_more_than_the_state(registry, repo):
    """What covers attachments and details is for those who are told them."""
    image = registry.publisher.push_image(repo, "v1")
    for wanted in ("quarantined", "released"):
        for who in (registry.consumer, registry.publisher):
            brief = who.state(repo, image.digest)
            assert (brief.status, brief.json()["state"], brief.headers["ETag"]) == (200, wanted, None), who.name
        for who in (registry.qreader, registry.scanner, registry.auditor):
            assert who.state(repo, image.digest).headers["ETag"], who.name
        registry.processor.release(repo, image.digest)


def test_a_public_grant_tells_no_state(make_registry):
    """Who may pull only because everybody may is told what everybody is told."""
    registry = make_registry()
    image = registry.publisher.push_image("open/app", "v1")
    registry.give("anonymous", "consumer", "open/**")
    assert registry.stranger.state("open/app", image.digest).status == 404
    assert registry.anonymous.state("open/app", image.digest).status == 401
    registry.processor.release("open/app", image.digest)
    assert registry.stranger.state("open/app", image.digest).json()["state"] == "released"
