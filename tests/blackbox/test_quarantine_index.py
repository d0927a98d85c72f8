"""Indexes in quarantine: one test for each sentence of the rules about them."""

import pytest

from client import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, Attachment, Image, Index, descriptor, digest_of, dumps
from daemon import wait_for
from test_quarantine_states import actions, brought, delete, events, is_readable, report, shown, state, upload, work


def push_index(registry, repo, tag="v1", n=2):
    return Index([Image() for _ in range(n)]).push(registry.publisher, repo, tag)


def put(registry, repo, index, tag=None):
    """The index alone: what it names is there."""
    done = registry.publisher.put_manifest(repo, tag or index.digest, index.manifest, index.media_type)
    assert done.status == 201, done
    return index


def family(n, **kw):
    """Different images over the same blobs, quick to push in numbers."""
    first = Image(**kw)
    return [first] + [Image(layers=first.layers, config=first.config, annotations={"n": str(i)}) for i in range(1, n)]


def push_family(registry, repo, images):
    upload(registry.publisher, repo, images[0])
    for image in images:
        assert registry.publisher.put_manifest(repo, image.digest, image.manifest).status == 201


def claim(client, repo, check="scan"):
    return client.request("POST", "/v2/_roadstead/quarantine/claims",
                          body={"repositories": [repo], "leaseSeconds": 600, **({"check": check} if check else {})})


def claimed(client, repo, check="scan"):
    """All that is handed out, one after the other."""
    found = []
    while (got := claim(client, repo, check)).status == 200:
        found.append(got.json()["digest"])
    assert got.status == 204, got
    return found


# -- one unit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_an_index_is_decided_as_one_unit(registry, repo, kind):
    if kind == "oci":
        index = push_index(registry, repo)
    else:
        index = Index([Image(media_type=DOCKER_MANIFEST), Image(media_type=DOCKER_MANIFEST)], media_type=DOCKER_LIST)
        index.push(registry.publisher, repo, "v1")
    answer = registry.processor.release(repo, index.digest, {"clean": True}).json()
    # The answer names everything that was released, in push order.
    assert [(r["digest"], r["kind"], r["tags"]) for r in answer["released"]] == [
        *((i.digest, "image", []) for i in index.images), (index.digest, "index", ["v1"])]
    assert registry.consumer.get_manifest(repo, "v1").body == index.manifest
    assert all(is_readable(registry, repo, i) for i in index.images)
    pushes = [e for e in events(registry, repo) if e[0] == "push"]
    assert pushes == [("push", None, i.digest) for i in index.images] + [("push", "v1", index.digest)]
    records = registry.auditor.audit(f"repository={repo}&action=released")
    assert [r["digest"] for r in records] == [index.digest] + [i.digest for i in index.images]
    assert [r["cause"] for r in records[1:]] == [records[0]["sequence"]] * 2


def test_nested_indexes_are_one_unit(registry, repo):
    inner = push_index(registry, repo, None)
    outer = Index([inner, Image()])
    registry.publisher.push_image(repo, None, outer.images[1])
    put(registry, repo, outer, "v1")
    assert not any(is_readable(registry, repo, i) for i in (inner, *inner.images, *outer.images, outer))
    answer = registry.processor.release(repo, outer.digest).json()
    everything = {i.digest for i in (inner, *inner.images, *outer.images, outer)}
    assert {r["digest"] for r in answer["released"]} == everything
    assert {e[2] for e in events(registry, repo) if e[0] == "push"} == everything
    for image in (inner, *inner.images, *outer.images, outer):
        assert is_readable(registry, repo, image)


def test_nothing_else_is_released_with_it(registry, repo):
    index = push_index(registry, repo)
    others = [registry.publisher.push_image(repo, "other"), push_index(registry, repo, "sibling"), registry.publisher.push_image(repo)]
    elsewhere = Index(index.images).push(registry.publisher, repo + "/elsewhere", "v1")
    registry.processor.release(repo, index.digest)
    assert [state(registry, repo, i) for i in others] == ["quarantined"] * 3
    assert [state(registry, repo, i) for i in others[1].images] == ["quarantined"] * 2
    for image in (*elsewhere.images, elsewhere):
        assert state(registry, repo + "/elsewhere", image) == "quarantined"


@pytest.mark.parametrize("mode", ["off", "observe"])
def test_exactly_those_linked_when_it_was_pushed(registry, repo, mode):
    """What a sparse index named before it was there does not go with it, nor what came into its place since."""
    held = registry.publisher.push_image(repo)
    late, gone = Image(), registry.publisher.push_image(repo)
    index = Index([held, late, gone])
    registry.policy(repo, quarantine=mode)
    put(registry, repo, index, "v1")
    assert state(registry, repo, index) == "quarantined"
    registry.policy(repo, quarantine="on")
    registry.publisher.push_image(repo, None, late)
    delete(registry, repo, gone.digest)
    registry.publisher.push_image(repo, None, gone)
    put(registry, repo, index, "v1")  # nor does a push of the known index link anything anew
    assert [(p["digest"], p["linked"]) for p in shown(registry, repo, index)["parts"]] == [
        (held.digest, True), (late.digest, False), (gone.digest, False)]
    answer = registry.processor.release(repo, index.digest).json()
    assert [r["digest"] for r in answer["released"]] == [held.digest, index.digest]
    assert [state(registry, repo, i) for i in (index, held, late, gone)] == ["released", "released", "quarantined", "quarantined"]
    assert not is_readable(registry, repo, late) and not is_readable(registry, repo, gone)


def test_a_part_of_two_indexes_is_released_with_the_first(registry, repo):
    shared = Image()
    first, second = Index([shared, Image()]), Index([Image(), shared])
    for index in (first, second):
        index.push(registry.publisher, repo, "v1")
    registry.processor.release(repo, first.digest)
    assert [state(registry, repo, i) for i in (shared, first, second, second.images[0])] == [
        "released", "released", "quarantined", "quarantined"]
    before = len(events(registry, repo))
    answer = registry.processor.release(repo, second.digest).json()
    assert [r["digest"] for r in answer["released"]] == [second.images[0].digest, second.digest]
    assert [e[2] for e in events(registry, repo)[before:]] == [second.images[0].digest, second.digest]


def test_a_part_that_is_named_many_times_is_released_once(registry, repo):
    part = Image()
    inner = Index([part, part])
    outer = Index([inner, part, inner, part])
    registry.publisher.push_image(repo, None, part)
    put(registry, repo, inner)
    put(registry, repo, outer, "v1")
    answer = registry.processor.release(repo, outer.digest).json()
    assert [r["digest"] for r in answer["released"]] == [part.digest, inner.digest, outer.digest]
    assert [e[2] for e in events(registry, repo) if e[0] == "push"] == [part.digest, inner.digest, outer.digest]
    assert len(registry.auditor.audit(f"repository={repo}&action=released")) == 3


def test_deep_and_wide_shapes_are_walked_once(registry, repo):
    """A chain of 60 and twelve layers of diamonds (4096 ways down): each manifest is met once."""
    leaf = registry.publisher.push_image(repo)
    chain = [leaf]
    for _ in range(60):
        chain.append(put(registry, repo, Index([chain[-1]])))
    rows = [[chain[-1]]]
    for _ in range(12):
        rows.append([put(registry, repo, Index(rows[-1])), put(registry, repo, Index(rows[-1]))])
    top = put(registry, repo, Index(rows[-1]), "v1")
    assert work(registry, repo) == [top.digest]
    assert shown(registry, repo, leaf)["roots"] == [top.digest]
    answer = registry.processor.release(repo, top.digest).json()
    everything = [*chain, *(index for row in rows[1:] for index in row), top]
    assert [r["digest"] for r in answer["released"]] == [i.digest for i in everything]
    assert is_readable(registry, repo, leaf) and is_readable(registry, repo, top)


def test_a_large_index(registry, repo):
    parts = family(400)
    push_family(registry, repo, parts)
    index = put(registry, repo, Index(parts), "v1")
    assert work(registry, repo) == [index.digest]
    answer = registry.processor.release(repo, index.digest).json()
    assert len(answer["released"]) == 401
    assert len([e for e in events(registry, repo) if e[0] == "push"]) == 401
    assert len(registry.auditor.audit(f"repository={repo}&action=released")) == 401
    for part in parts[::57]:
        assert is_readable(registry, repo, part)


def test_more_links_than_a_walk_follows_hinder_nobody(registry, repo):
    """34 indexes, each below the next, that name one part 8,000 times: such a one is not released, but it can be judged, and no
    other image has to wait for that."""
    registry.policy(repo, checks=["scan"])
    entries = [registry.publisher.push_image(repo).descriptor] * 8000
    below = []
    for n in range(34):
        body = dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": below + entries})
        got = registry.publisher.put_manifest(repo, "v1" if n == 33 else digest_of(body), body, OCI_INDEX)
        assert got.status == 201, got
        below = [{"mediaType": OCI_INDEX, "digest": digest_of(body), "size": len(body)}]
    top, other = below[0]["digest"], registry.publisher.push_image(repo, "v2")
    wish = {"check": "scan", "repositories": [repo]}
    for digest in (top, other.digest):
        got = registry.scanner.request("POST", "/v2/_roadstead/quarantine/claims", body=wish)
        assert (got.status, got.json()["digest"]) == (200, digest), got
    assert "too-many-manifests" in [b["reason"] for b in registry.processor.state(repo, top).json()["releaseBlockedBy"]]
    refused = registry.processor.decide(repo, top, "released")
    assert refused.status == 409 and "links" in refused.message
    assert registry.processor.decide(repo, top, "failed").status == 200
    assert registry.processor.state(repo, top).json()["state"] == "failed"


def test_an_index_names_at_most_so_many(registry, repo):
    entry = {"mediaType": OCI_INDEX, "digest": digest_of(b"x"), "size": 1}
    registry.policy(repo, quarantine="off")
    for n, status in ((8192, 201), (8193, 400)):
        body = dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * n})
        got = registry.publisher.put_manifest(repo, f"n{n}", body, OCI_INDEX)
        assert got.status == status and (status == 201 or (got.code == "MANIFEST_INVALID" and "8192" in got.message)), got


# -- failed descendants -------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", ["part", "part of a part"])
@pytest.mark.parametrize("by", ["decision", "check"])
def test_a_failed_descendant_refuses_it(registry, repo, by, depth):
    if by == "check":
        registry.policy(repo, checks=["scan"])
    inner = push_index(registry, repo, None)
    index = put(registry, repo, Index([inner]), "v1")
    bad = inner if depth == "part" else inner.images[0]
    if by == "decision":
        registry.processor.fail(repo, bad.digest)
    else:
        assert report(registry.scanner, repo, bad, "scan", "failed").json()["state"] == "failed"
    before = events(registry, repo), actions(registry, repo)
    refused = registry.processor.decide(repo, index.digest, "released")
    assert refused.status == 409 and bad.digest in refused.message
    assert (events(registry, repo), actions(registry, repo)) == before
    blocked = shown(registry, repo, index)["releaseBlockedBy"]
    assert {"reason": "failed-part", "digest": bad.digest} in blocked
    if by == "check":  # nor do its own checks release it then, and their answer names the part
        got = report(registry.scanner, repo, index, "scan", "passed").json()
        assert got["state"] == "quarantined" and got["releaseBlockedBy"] == [{"reason": "failed-part", "digest": bad.digest}]
    assert not any(is_readable(registry, repo, i) for i in (index, inner, *inner.images))
    # When the part is lifted nothing stands in the way any more.
    if by == "decision":
        registry.processor.release(repo, bad.digest)
    else:
        report(registry.scanner, repo, bad, "scan", "passed")
    registry.processor.release(repo, index.digest)
    assert all(is_readable(registry, repo, i) for i in (index, inner, *inner.images))


def test_a_failed_descendant_of_one_index_is_no_matter_of_another(registry, repo):
    shared, bad = Image(), Image()
    good, refused = Index([shared]), Index([shared, bad])
    for index in (refused, good):
        index.push(registry.publisher, repo, "v1")
    registry.processor.fail(repo, bad.digest)
    assert registry.processor.decide(repo, refused.digest, "released").status == 409
    registry.processor.release(repo, good.digest)
    assert [state(registry, repo, i) for i in (shared, good, bad, refused)] == ["released", "released", "failed", "quarantined"]


@pytest.mark.parametrize("by", ["decision", "check"])
def test_a_failed_verdict_on_an_index_is_about_the_index(registry, repo, by):
    if by == "check":
        registry.policy(repo, checks=["scan"])
    inner = push_index(registry, repo, None)
    index = put(registry, repo, Index([inner, *inner.images]), "v1")
    if by == "decision":
        registry.processor.fail(repo, index.digest)
    else:
        report(registry.scanner, repo, index, "scan", "failed")
    assert [state(registry, repo, i) for i in (index, inner, *inner.images)] == ["failed", "quarantined", "quarantined", "quarantined"]
    # Its parts are roots again, as far as no other index holds them.
    assert work(registry, repo) == [inner.digest]
    registry.processor.fail(repo, inner.digest)
    assert set(work(registry, repo)) == {i.digest for i in inner.images}
    assert [shown(registry, repo, i)["root"] for i in inner.images] == [True, True]


def test_a_passed_decision_on_a_part_releases_the_part_alone(registry, repo):
    inner = push_index(registry, repo, None)
    index = put(registry, repo, Index([inner, registry.publisher.push_image(repo)]), "v1")
    other = put(registry, repo, Index([inner.images[0], registry.publisher.push_image(repo)]), "other")
    part = inner.images[0]
    answer = registry.processor.release(repo, part.digest).json()
    assert [r["digest"] for r in answer["released"]] == [part.digest]
    assert is_readable(registry, repo, part)
    held = (inner.images[1], inner, index, other, index.images[1], other.images[1])
    assert [state(registry, repo, i) for i in held] == ["quarantined"] * 6
    # A part that is an index goes with its own descendants, and its siblings stay.
    answer = registry.processor.release(repo, inner.digest).json()
    assert [r["digest"] for r in answer["released"]] == [inner.images[1].digest, inner.digest]
    assert [state(registry, repo, i) for i in (index, index.images[1], other)] == ["quarantined"] * 3


# -- required checks and parts ------------------------------------------------------------------------


def test_with_required_checks_a_decision_on_a_part_is_refused(registry, repo):
    registry.policy(repo, checks=["scan"])
    inner = push_index(registry, repo, None)
    first, second = put(registry, repo, Index([inner]), "v1"), put(registry, repo, Index([inner.images[0]]), "v2")
    part = inner.images[0]
    before = events(registry, repo), actions(registry, repo)
    refused = registry.processor.decide(repo, part.digest, "released")
    assert refused.status == 409 and first.digest in refused.message and second.digest in refused.message
    assert inner.digest not in refused.message, "a root is named, not what lies between"
    assert set(shown(registry, repo, part)["roots"]) == {first.digest, second.digest}
    assert shown(registry, repo, inner)["roots"] == [first.digest]
    path = f"/acr/v1/{repo}/_manifests/{part.digest}"
    assert registry.processor.request("PATCH", path, body={"quarantineState": "Passed"}).status == 409
    assert (events(registry, repo), actions(registry, repo)) == before


def test_unless_quarantine_override_applies(registry, repo):
    registry.policy(repo, checks=["scan"])
    index = push_index(registry, repo)
    part = index.images[0]
    overrider = registry.user("overrider-" + repo.split("/")[1], ("processor", repo), ("quarantine-override", repo))
    assert registry.processor.decide(repo, part.digest, "released", reason="urgent").status == 409
    assert overrider.decide(repo, part.digest, "released").status == 409
    assert overrider.decide(repo, part.digest, "released", reason="").status in (400, 409)
    assert overrider.decide(repo, part.digest, "released", reason="urgent").status == 200
    record, = registry.auditor.audit(f"repository={repo}&action=released")
    assert record["details"]["override"]["reason"] == "urgent" and record["details"]["override"]["missing"] == ["scan"]
    assert [state(registry, repo, i) for i in (*index.images, index)] == ["released", "quarantined", "quarantined"]


def test_unless_its_own_required_checks_passed(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    index = push_index(registry, repo)
    part = index.images[1]
    assert report(registry.scanner, repo, part, "scan", "passed").json()["state"] == "quarantined"
    assert registry.processor.decide(repo, part.digest, "released").status == 409
    assert report(registry.signer, repo, part, "sign", "passed").json()["state"] == "quarantined"
    assert registry.processor.decide(repo, part.digest, "released").status == 200
    assert [state(registry, repo, i) for i in (*index.images, index)] == ["quarantined", "released", "quarantined"]


def test_a_check_report_on_a_part_is_recorded_and_never_releases_it(registry, repo):
    registry.policy(repo, checks=["scan"])
    index = push_index(registry, repo)
    part = index.images[0]
    answer = report(registry.scanner, repo, part, "scan", "passed", details={"cves": 0}).json()
    assert answer["state"] == "quarantined" and not answer.get("released")
    assert [(c["name"], c["state"], c["details"]) for c in shown(registry, repo, part)["checks"]] == [("scan", "passed", {"cves": 0})]
    assert actions(registry, repo)[-1][:2] == ("check", part.digest)
    assert not is_readable(registry, repo, part)
    # It counts for the part alone: the index waits for its own.
    refused = registry.processor.decide(repo, index.digest, "released")
    assert refused.status == 409 and "scan" in refused.message
    assert report(registry.scanner, repo, index, "scan", "passed").json()["state"] == "released"
    assert is_readable(registry, repo, part)


def test_a_failed_check_report_fails_a_part(registry, repo):
    registry.policy(repo, checks=["scan"])
    index = push_index(registry, repo)
    assert report(registry.scanner, repo, index.images[0], "scan", "failed").json()["state"] == "failed"
    assert events(registry, repo)[-1] == ("quarantine_failed", None, index.images[0].digest)
    got = report(registry.scanner, repo, index, "scan", "passed").json()
    assert got["state"] == "quarantined" and got["releaseBlockedBy"] == [
        {"reason": "failed-part", "digest": index.images[0].digest}]
    # The part's own check passes, and then nothing stands in the way of the index any more.
    assert report(registry.scanner, repo, index.images[0], "scan", "passed").json()["state"] == "quarantined"
    assert registry.processor.decide(repo, index.digest, "released").status == 200


# -- parts and roots ----------------------------------------------------------------------------------


def test_a_part_is_a_manifest_never_pushed_under_a_tag_that_a_held_index_names(registry, repo):
    index = push_index(registry, repo)
    part, tagged = index.images
    assert [shown(registry, repo, i)["root"] for i in (index, part, tagged)] == [True, False, False]
    assert shown(registry, repo, part)["roots"] == [index.digest]
    registry.publisher.put_manifest(repo, "amd64", tagged.manifest)
    assert [shown(registry, repo, i)["root"] for i in (part, tagged)] == [False, True]
    # Never pushed under a tag: that it is deleted since does not count.
    delete(registry, repo, "amd64")
    assert shown(registry, repo, tagged)["root"] is True
    assert work(registry, repo) == [tagged.digest, index.digest]
    # What an index names that is not in quarantine (any more) is no part.
    registry.processor.release(repo, tagged.digest)
    delete(registry, repo, index.digest)
    assert shown(registry, repo, part)["root"] is True and work(registry, repo) == [part.digest]


def test_a_root_is_decided_by_its_own_checks(registry, repo):
    """A manifest with a tag is a root although an index names it: its last required check releases it."""
    registry.policy(repo, checks=["scan"])
    index = push_index(registry, repo)
    tagged = index.images[0]
    registry.publisher.put_manifest(repo, "amd64", tagged.manifest)
    assert report(registry.scanner, repo, tagged, "scan", "passed").json()["state"] == "released"
    assert [state(registry, repo, i) for i in (index, index.images[1])] == ["quarantined", "quarantined"]


def test_the_work_list_counts_roots_only(registry, repo):
    inner = push_index(registry, repo, None)
    index = put(registry, repo, Index([inner]), "v1")
    for subject in (index, inner, inner.images[0]):
        registry.processor.push_image(repo, None, Attachment(subject))
    single = registry.publisher.push_image(repo, "single")
    assert work(registry, repo) == [index.digest, single.digest]
    bad = registry.publisher.push_image(repo, "bad")
    registry.processor.fail(repo, bad.digest)
    registry.processor.fail(repo, inner.images[1].digest)
    assert work(registry, repo, "&state=failed") == [bad.digest]
    registry.publisher.put_manifest(repo, "amd64", inner.images[0].manifest)
    assert set(work(registry, repo)) == {index.digest, single.digest, inner.images[0].digest}


def test_claims_count_roots_only(make_registry):
    registry = make_registry(config={"quarantine": {"settle_time": "0s"}})
    repo = "team/app"
    registry.policy(repo, checks=["scan"])
    index = push_index(registry, repo)
    sbom = registry.processor.push_image(repo, None, Attachment(index))
    single = registry.publisher.push_image(repo)
    assert claimed(registry.scanner, repo) == [index.digest, single.digest]
    report(registry.scanner, repo, index, "scan", "failed")
    # Its parts are roots again; its attachment stays joined to it.
    assert claimed(registry.scanner, repo) == [i.digest for i in index.images]
    assert sbom.digest not in work(registry, repo)


def test_required_checks_count_roots_only(registry, repo):
    registry.policy(repo, checks=["scan", "sign"])
    index = push_index(registry, repo)
    sbom = registry.processor.push_image(repo, None, Attachment(index.images[0]))
    report(registry.scanner, repo, index, "scan", "passed")
    answer = report(registry.signer, repo, index, "sign", "passed").json()
    assert answer["state"] == "released"
    assert {r["digest"] for r in answer["released"]} == {index.digest, sbom.digest, *(i.digest for i in index.images)}


def test_overdue_counts_roots_only(registry, repo):
    index = push_index(registry, repo)
    sbom = registry.processor.push_image(repo, None, Attachment(index))
    registry.policy(repo, overdue_after=1)
    later = registry.publisher.push_image(repo, "later")
    wait_for(lambda: ("quarantine_overdue", "later", later.digest) in events(registry, repo), "both roots are overdue")
    assert [e[2] for e in events(registry, repo) if e[0] == "quarantine_overdue"] == [index.digest, later.digest]
    assert not any("overdueSince" in shown(registry, repo, i) for i in (*index.images, sbom))


def test_until_the_index_takes_them_in_they_are_roots(registry, repo):
    parts = [registry.publisher.push_image(repo) for _ in range(2)]
    assert work(registry, repo) == [i.digest for i in parts]
    index = put(registry, repo, Index(parts), "v1")
    assert work(registry, repo) == [index.digest]


# -- what an index may name ---------------------------------------------------------------------------


MISSING = ["manifest", "nested", "elsewhere", "blob-entry", "config", "layer", "by-sha512", "deleted", "refused"]


@pytest.mark.parametrize("what", MISSING)
def test_every_named_thing_has_to_be_there(registry, repo, what):
    there, gone = registry.publisher.push_image(repo), Image()
    thing = Index([there, gone])
    missing = gone.digest
    if what == "nested":
        thing = Index([there, Index([gone])])
        missing = thing.images[1].digest
    elif what == "elsewhere":
        registry.publisher.push_image(repo + "/elsewhere", "v1", gone)
    elif what == "blob-entry":
        doc = {**thing.doc, "manifests": [descriptor(b"nobody has it", "application/vnd.example")]}
        thing.manifest, missing = dumps(doc), digest_of(b"nobody has it")
    elif what in ("config", "layer"):
        thing = gone
        for data in gone.blobs[1:] if what == "config" else gone.blobs[:-1]:
            registry.publisher.push_blob(repo, data)
        missing = digest_of(gone.config if what == "config" else gone.layers[-1])
    elif what == "by-sha512":  # the bytes are there, but nobody ever named them so
        missing = digest_of(there.manifest, "sha512")
        thing.manifest = dumps({**thing.doc, "manifests": [{**there.descriptor, "digest": missing}]})
    elif what == "deleted":
        registry.publisher.push_image(repo, None, gone)
        delete(registry, repo, gone.digest)
    elif what == "refused":
        gone = Image(subject=there.descriptor)
        upload(registry.publisher, repo, gone)
        assert registry.publisher.put_manifest(repo, gone.digest, gone.manifest).status == 403
        thing, missing = Index([there, gone]), gone.digest
    before = events(registry, repo), actions(registry, repo)
    digest = digest_of(thing.manifest)
    for reference in ("v1", digest):
        refused = registry.publisher.put_manifest(repo, reference, thing.manifest, thing.media_type)
        assert (refused.status, refused.code) == (404, "MANIFEST_BLOB_UNKNOWN") and missing in refused.message, refused
    assert registry.processor.tags(repo) == [] and registry.processor.state(repo, digest).status == 404
    assert (events(registry, repo), actions(registry, repo)) == before


@pytest.mark.parametrize("before", ["quarantined", "failed", "released"])
def test_a_named_manifest_may_be_in_any_state(registry, repo, before):
    part = brought(registry, repo, before, "part")
    index = put(registry, repo, Index([part]), "v1")
    assert state(registry, repo, index) == "quarantined"
    assert state(registry, repo, part) == before


@pytest.mark.parametrize("mode", ["off", "observe"])
def test_sparse_indexes_are_taken_where_quarantine_is_off(registry, repo, mode):
    registry.policy(repo, quarantine=mode)
    index = Index([Image(), Image()])
    registry.publisher.push_image(repo, None, index.images[0])
    assert registry.publisher.put_manifest(repo, "v1", index.manifest, OCI_INDEX).status == 201
    assert registry.consumer.get_manifest(repo, "v1").body == index.manifest
    image = Image()
    assert registry.publisher.put_manifest(repo, "v2", image.manifest).status == 201
    assert registry.consumer.get_manifest(repo, "v2").body == image.manifest


@pytest.mark.parametrize("layer_type", ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                                        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"])
def test_non_distributable_layers_may_be_missing(registry, repo, layer_type):
    image = Image(layer_type=layer_type)
    registry.publisher.push_blob(repo, image.config)
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    # Bytes that arrive after the decision are not what was decided about.
    registry.processor.release(repo, image.digest)
    late = registry.publisher.push_blob(repo, image.layers[0])
    assert registry.consumer.get_blob(repo, late).status == 403
    assert registry.publisher.put_manifest(repo, "v1", image.manifest).status == 201
    assert registry.consumer.get_blob(repo, late).status == 403
    assert registry.processor.get_blob(repo, late).body == image.layers[0]


def test_a_part_deleted_and_pushed_again_has_a_state_of_its_own(registry, repo):
    index = push_index(registry, repo)
    part = index.images[1]
    delete(registry, repo, part.digest)
    registry.publisher.push_image(repo, None, part)
    registry.processor.release(repo, index.digest)
    assert state(registry, repo, index.images[0]) == "released"
    assert state(registry, repo, part) == "quarantined" and not is_readable(registry, repo, part)
    # The index is not in quarantine: it is a root, with a place of its own in the work list.
    assert work(registry, repo) == [part.digest]
    # After the release of the index likewise.
    first = index.images[0]
    delete(registry, repo, first.digest)
    registry.publisher.push_image(repo, None, first)
    assert registry.processor.decide(repo, index.digest, "released").json()["changed"] is False
    assert state(registry, repo, first) == "quarantined" and not is_readable(registry, repo, first)


def test_an_index_entry_that_names_a_blob_counts_as_a_blob_reference(registry, repo):
    secret = registry.publisher.push_image(repo, "secret")
    layer = secret.doc["layers"][0]
    doc = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**layer, "mediaType": "application/vnd.example"}]}
    body = dumps(doc)
    assert registry.publisher.put_manifest(repo, "spy", body, OCI_INDEX).status == 201
    assert registry.consumer.get_blob(repo, layer["digest"]).status == 403
    registry.processor.release(repo, digest_of(body))
    assert registry.consumer.get_blob(repo, layer["digest"]).status == 200
