"""T01 to T12: the bytes of held images, by every route that gives bytes."""

from content import digest_of, image, index
from row import everybody_but_readers, row
from world import DENIED, READERS


def echo_allowed(agent, held, digest):
    """What the publisher sent himself: the manifest by digest, and the image config."""
    return agent.role == "publisher" and digest in (held.digest, held.manifest.config)


@row("T01", "GET of a layer or config of a held image")
def get_blob(world, check):
    held = world.hold()
    for agent in everybody_but_readers(world):
        for digest in held.manifest.layers:
            check.denied(agent, agent.get(held.repo, f"blobs/{digest}"))
        answer = agent.get(held.repo, f"blobs/{held.manifest.config}")
        if not echo_allowed(agent, held, held.manifest.config):
            check.denied(agent, answer)
        else:
            check.check(agent, answer.status in (200, *DENIED), str(answer))
    for agent in world.agents("Q"):  # the row is about a door, so somebody must be able to pass
        check.check(agent, agent.get(held.repo, f"blobs/{held.manifest.layers[0]}").status == 200, "cannot read the held layer")


@row("T02", "HEAD of a blob tells its length while GET is denied")
def head_blob(world, check):
    held = world.hold()
    for agent in everybody_but_readers(world):
        for digest in held.manifest.layers + [held.manifest.config]:
            answer = agent.head(held.repo, f"blobs/{digest}")
            if agent.role in ("publisher", "publisher2", "maintainer"):
                # Push clients skip layers that are there: they may learn that, and nothing more.
                check.check(agent, answer.status in (200, *DENIED) and answer.body == b"", str(answer))
                check.check(agent, "no-store" in (answer.header("Cache-Control") or ""), f"may be kept: {answer.request}")
                if not echo_allowed(agent, held, digest):
                    check.denied(agent, agent.get(held.repo, f"blobs/{digest}"))
            else:
                check.denied(agent, answer)


@row("T03", "Range, conditional and redirected reads skip the gate")
def conditional(world, check):
    held = world.hold()
    layer = held.manifest.layers[0]
    variants = [{"Range": "bytes=0-0"}, {"Range": "bytes=-1"}, {"Range": "bytes=0-"}, {"Range": "bytes=0-1,3-4"},
                {"Range": "bytes=99999999-"}, {"If-None-Match": f'"{layer}"'}, {"If-None-Match": "*"}, {"If-Match": "*"},
                {"If-Range": f'"{layer}"', "Range": "bytes=0-3"}, {"If-Modified-Since": "Mon, 30 Nov 2026 00:00:00 GMT"}]
    for agent in everybody_but_readers(world):
        for headers in variants:
            check.denied(agent, agent.ask("GET", f"/v2/{held.repo}/blobs/{layer}", headers=headers, repo=held.repo))
            if not echo_allowed(agent, held, held.digest):
                check.denied(agent, agent.ask("GET", f"/v2/{held.repo}/manifests/{held.digest}", headers=headers, repo=held.repo))
            check.denied(agent, agent.ask("GET", f"/v2/{held.repo}/manifests/{held.tag}", headers=headers, repo=held.repo))


@row("T04", "Pull by digest when only the tag is gated")
def by_digest(world, check):
    held = world.hold()
    other = digest_of(held.manifest.bytes, "sha512")
    for agent in everybody_but_readers(world):
        for digest in (held.digest, other):
            answer = agent.get(held.repo, f"manifests/{digest}")
            if not echo_allowed(agent, held, held.digest):
                check.denied(agent, answer)
        check.denied(agent, agent.get(held.repo, f"manifests/{held.tag}"))


@row("T05", "HEAD of a manifest confirms it, and a client uses its local copy")
def head_manifest(world, check):
    held = world.hold()
    for agent in everybody_but_readers(world):
        for reference in (held.tag, held.digest):
            answer = agent.head(held.repo, f"manifests/{reference}")
            if not echo_allowed(agent, held, reference):
                check.denied(agent, answer)
                check.check(agent, answer.header("Content-Length") != str(len(held.manifest.bytes)), f"tells the length: {answer}")


@row("T06", "Cross-repository mount out of a held image")
def mount(world, check):
    held = world.hold()
    target = world.repo()
    blobs = held.manifest.layers + [held.manifest.config]
    for agent in everybody_but_readers(world):
        for digest in blobs:
            if echo_allowed(agent, held, digest):
                continue
            for query in (f"mount={digest}&from={held.repo}", f"mount={digest}", f"mount={digest}&from={target}"):
                answer = agent.ask("POST", f"/v2/{target}/blobs/uploads/?{query}", repo=target)
                ok = answer.status in (202, 401, 403, 404)
                check.check(agent, ok, f"{answer}, expected no 201")
    reader = world.agent("processor")
    for digest in held.manifest.layers:
        answer = reader.head(target, f"blobs/{digest}")
        check.check(reader, answer.status == 404, f"something came over: {answer}")


@row("T07", "HEAD in one repository pulls bytes from another through the shared store")
def shared_store(world, check):
    held = world.hold()
    target = world.repo()
    world.push_blob(target, b"something of its own")
    for digest in held.manifest.layers + [held.manifest.config]:
        for agent in world.agents("QWRN"):
            for _ in range(2):
                for answer in (agent.head(target, f"blobs/{digest}"), agent.get(target, f"blobs/{digest}"),
                               agent.get(target, f"blobs/{digest}", Range="bytes=0-0")):
                    check.denied(agent, answer)


@row("T08", "An upload of known bytes confirms that they exist somewhere")
def upload_oracle(world, check):
    held = world.hold(layers=[b"known to its publisher alone"])
    layer = held.manifest.layers[0]
    unknown = digest_of(b"known to nobody")
    target = world.repo()
    for agent in world.agents("W"):
        if agent.role == "publisher":
            continue
        shapes = []
        for digest in (layer, unknown):
            answer = agent.ask("POST", f"/v2/{target}/blobs/uploads/?mount={digest}&from={held.repo}", repo=target)
            anywhere = agent.ask("POST", f"/v2/{target}/blobs/uploads/?mount={digest}", repo=target)
            shapes.append((answer.shape()[:2], anywhere.shape()[:2], answer.body, anywhere.body))
        check.same(agent, shapes[0], shapes[1], "a mount tells held from unknown")
        # The whole upload of bytes that are in the store looks like the upload of bytes that are not.
        uploads = []
        for data in (b"known to its publisher alone", f"new to all {agent}".encode()):
            answer = agent.ask("POST", f"/v2/{target}/blobs/uploads/?digest={digest_of(data)}", body=data, repo=target,
                               content_type="application/octet-stream")
            uploads.append(answer.shape()[:2])
        check.same(agent, uploads[0], uploads[1], "an upload tells known from new")


@row("T09", "A layer that a released and a held image share")
def shared_layer(world, check):
    shared = b"a layer of both " * 10
    repo, open_ = world.released(layers=[shared])
    held = world.hold(repo, layers=[shared, f"only the held one {world.watch.secret(READERS)}".encode()])
    own = held.manifest.layers[1]
    for agent in everybody_but_readers(world):
        check.denied(agent, agent.get(repo, f"blobs/{own}"))
    for agent in world.agents("QWR"):
        answer = agent.get(repo, f"blobs/{digest_of(shared)}")
        check.check(agent, answer.status == 200 and answer.body == shared, f"the released image lost its layer: {answer}")
        check.check(agent, agent.get(repo, f"manifests/{open_.digest}").status == 200, "the released image is gone")


def held_index(world, children, repo=None):
    repo = repo or world.repo()
    for child in children:
        world.push(repo, child)
    whole = index(children)
    world.push(repo, whole, "held-index")
    world.state(repo, whole.digest, "quarantined")
    return repo, whole


@row("T10", "A part of a held index pulled directly")
def part(world, check):
    secret = world.watch.secret(READERS | {"publisher"})
    children = [image(secret=secret), image(secret=secret)]
    repo, whole = held_index(world, children)
    for agent in everybody_but_readers(world):
        if agent.role == "publisher":
            continue
        check.denied(agent, agent.get(repo, f"manifests/{whole.digest}"))
        for child in children:
            check.denied(agent, agent.get(repo, f"manifests/{child.digest}"))
            check.denied(agent, agent.get(repo, f"blobs/{child.layers[0]}"))
            check.denied(agent, agent.get(repo, f"blobs/{child.config}"))


@row("T11", "A part that a released and a held index share")
def shared_part(world, check):
    shared, own = image(), image(secret=world.watch.secret(READERS | {"publisher"}))
    repo = world.repo()
    world.push(repo, shared)
    first = world.push(repo, index([shared]), "first")
    world.release(repo, first.digest)
    _, second = held_index(world, [shared, own], repo)
    for agent in world.agents("WR"):
        check.check(agent, agent.get(repo, f"manifests/{shared.digest}").status == 200, "the released part is gone")
        check.check(agent, agent.get(repo, f"manifests/{first.digest}").status == 200, "the released index is gone")
    for agent in everybody_but_readers(world):
        if agent.role != "publisher":
            check.denied(agent, agent.get(repo, f"manifests/{second.digest}"))
            check.denied(agent, agent.get(repo, f"manifests/{own.digest}"))
        check.denied(agent, agent.get(repo, f"blobs/{own.layers[0]}"))


@row("T12", "One part that is released opens its siblings")
def sibling(world, check):
    children = [image(), image(secret=world.watch.secret(READERS | {"publisher"}))]
    repo, whole = held_index(world, children)
    answer = world.decide(repo, children[0].digest, "released")
    if answer.status == 200:
        check.check("consumer", world.agent("consumer").get(repo, f"manifests/{children[0].digest}").status == 200,
                    "the released part cannot be read") if world.has("consumer") else None
    for agent in everybody_but_readers(world):
        check.denied(agent, agent.get(repo, f"blobs/{children[1].layers[0]}"))
        if agent.role != "publisher":
            check.denied(agent, agent.get(repo, f"manifests/{children[1].digest}"))
            check.denied(agent, agent.get(repo, f"manifests/{whole.digest}"))
        check.denied(agent, agent.get(repo, "manifests/held-index"))
