"""T13 to T19: manifests that are not what they seem, and attachments."""

from content import OCI_INDEX, OCI_MANIFEST, Manifest, attachment, descriptor, digest_of, dumps, image, index
from row import everybody_but_readers, row
from world import DENIED, READERS

SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"


@row("T13", "A manifest that two readers read in two ways")
def confusion(world, check):
    repo = world.repo()
    base = image()
    for data in base.blobs:
        world.push_blob(repo, data)
        if world.has("processor"):
            world.push_blob(repo, data, "processor")
    text = base.bytes.decode()
    deep = "[" * 5000 + "]" * 5000
    bodies = {
        "an image with `manifests`": (OCI_MANIFEST, dumps({**base.doc, "manifests": []})),
        "an index with `layers`": (OCI_INDEX, dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "layers": []})),
        "an index with `config`": (OCI_INDEX, dumps({"schemaVersion": 2, "manifests": [], "config": base.doc["config"]})),
        "an image as an index": (OCI_INDEX, base.bytes),
        "an index as an image": (OCI_MANIFEST, index([]).bytes),
        "an unknown type": ("application/json", base.bytes),
        "a duplicate key": (OCI_MANIFEST, text.replace('"layers"', '"layers":[],"layers"', 1).encode()),
        "a duplicate key by escape": (OCI_MANIFEST, text.replace('"layers"', '"l\\u0061yers":[],"layers"', 1).encode()),
        "a key in other case": (OCI_MANIFEST, text.replace('"layers"', '"Layers":[],"layers"', 1).encode()),
        "a byte order mark": (OCI_MANIFEST, b"\xef\xbb\xbf" + base.bytes),
        "bytes behind the value": (OCI_MANIFEST, base.bytes + b"{}"),
        "deep nesting": (OCI_MANIFEST, text.replace('"annotations"', f'"x":{deep},"annotations"', 1).encode()),
        "bad UTF-8": (OCI_MANIFEST, text.replace('"n"', '"\udcff"', 1).encode("utf-8", "surrogateescape")),
        "a NUL": (OCI_MANIFEST, text.replace('"n"', '"\\u0000"', 1).encode()),
        "data that lies": (OCI_MANIFEST, dumps({**base.doc, "config": {**base.doc["config"], "data": "eA=="}})),
    }
    for role in ("publisher", "processor"):
        if not world.has(role):
            continue
        for what, (media_type, body) in bodies.items():
            forged = Manifest({}, media_type=media_type)
            forged.bytes = body
            answer = world.put(repo, "forged", forged, role)
            check.check(role, 400 <= answer.status < 500, f"{what} was taken: {answer}")
            for agent in world.agents("Q"):
                check.check(agent, agent.get(repo, f"manifests/{digest_of(body)}").status == 404, f"{what} was stored")
            check.check(role, world.agent("processor").get(repo, "manifests/forged").status == 404, f"{what} got a tag")


def with_dummy(real, kind):
    """The image with one more layer, which scanners take for a signature."""
    dummy = b"dummy"
    return Manifest({**real.doc, "layers": [*real.doc["layers"], descriptor(dummy, kind)]}, [*real.blobs, dummy])


@row("T14", "An image that dresses up as an artifact to pass unheld")
def disguise(world, check):
    repo, subject = world.released()
    secret = world.watch.secret(READERS | {"publisher"})
    kinds = ["application/vnd.dev.cosign.simplesigning.v1+json", "application/spdx+json", "application/vnd.in-toto+json"]
    for i, kind in enumerate(kinds):
        disguises = {
            "layers of an artifact's type": image(layer_type=kind, secret=secret),
            "an artifact type": image(artifactType=kind, secret=secret),
            "a dummy layer beside the real one": with_dummy(image(secret=secret), kind),
            "an attachment to what is released": attachment(subject, kind, secret=secret),
            "the empty config with a real layer": image(config=b"{}", config_type="application/vnd.oci.empty.v1+json", secret=secret),
        }
        for n, (what, manifest) in enumerate(disguises.items()):
            tag = None if "attachment" in what else f"disguise-{i}-{n}"
            world.push(repo, manifest, tag)
            check.check("publisher", world.state(repo, manifest.digest) == "quarantined", f"{what} passed unheld")
            for agent in everybody_but_readers(world):
                if agent.role == "publisher":
                    continue
                check.denied(agent, agent.get(repo, f"manifests/{manifest.digest}"))
                check.denied(agent, agent.get(repo, f"blobs/{manifest.layers[0]}"))


@row("T15", "Docker schema 1, which has no config, slips past")
def schema1(world, check):
    repo = world.repo()
    layer = world.push_blob(repo, b"a layer")
    doc = {"schemaVersion": 1, "name": repo, "tag": "old", "architecture": "amd64", "fsLayers": [{"blobSum": layer}],
           "history": [{"v1Compatibility": "{}"}], "signatures": []}
    for media_type in (SCHEMA1, SCHEMA1_SIGNED, OCI_MANIFEST, "application/json"):
        answer = world.put(repo, "old", Manifest(doc, media_type=media_type))
        check.check("publisher", 400 <= answer.status < 500, f"taken as {media_type}: {answer}")
        for agent in world.agents("WRQ"):
            check.check(agent, agent.get(repo, "manifests/old").status in DENIED, "schema 1 can be read")


@row("T16", "A runnable image with a subject inherits its release")
def runnable_referrer(world, check):
    held = world.hold()
    secret = world.watch.secret(READERS)
    images = []
    for config_type in ("application/vnd.oci.image.config.v1+json", "application/vnd.example.config"):
        runnable = image(secret=secret, subject=held.manifest.descriptor, config_type=config_type)
        for data in runnable.blobs:
            world.push_blob(held.repo, data, "processor")
        world.expect(world.put(held.repo, runnable.digest, runnable, "processor"), 201)
        check.check("processor", world.state(held.repo, runnable.digest) == "quarantined", "the image is not held")
        images.append(runnable)
        for agent in everybody_but_readers(world):
            check.denied(agent, agent.get(held.repo, f"manifests/{runnable.digest}"))
    world.release(held.repo, held.digest)
    world.disclose(held)
    for runnable in images:
        check.check("processor", world.state(held.repo, runnable.digest) == "quarantined", "released with its subject")
        for agent in everybody_but_readers(world):
            check.denied(agent, agent.get(held.repo, f"manifests/{runnable.digest}"))
            check.denied(agent, agent.get(held.repo, f"blobs/{runnable.layers[0]}"))
            if agent.role not in ("anonymous", "auditor", "admin"):
                listed = agent.get(held.repo, f"referrers/{held.digest}")
                check.check(agent, runnable.digest.encode() not in listed.body, f"listed: {listed}")


@row("T17", "A forged attachment pushed before its subject")
def before_subject(world, check):
    repo = world.repo()
    subject = image()
    secret = world.watch.secret(READERS | {"publisher"})
    forged = attachment(subject, "application/vnd.dev.cosign.artifact.sig.v1+json", secret=secret)
    world.push(repo, forged)  # by a publisher, who has no quarantine-push
    world.push(repo, subject, "v1")
    world.release(repo, subject.digest)
    check.check("publisher", world.state(repo, forged.digest) == "quarantined", "released with the subject")
    for agent in everybody_but_readers(world):
        if agent.role != "publisher":
            check.denied(agent, agent.get(repo, f"manifests/{forged.digest}"))
        check.denied(agent, agent.get(repo, f"blobs/{forged.layers[0]}"))
        if agent.role not in ("anonymous", "auditor", "admin"):
            listed = agent.get(repo, f"referrers/{subject.digest}")
            check.check(agent, listed.status == 200 and listed.json()["manifests"] == [], f"listed: {listed}")


@row("T18", "Fallback tags attach without a subject and without quarantine-push")
def fallback_tags(world, check):
    held = world.hold()
    repo, open_ = world.released()
    secret = world.watch.secret(READERS | {"publisher"})
    for suffix in ("", ".sig", ".att", ".sbom"):
        tag = held.digest.replace(":", "-") + suffix
        forged = attachment(None, "application/vnd.dev.cosign.simplesigning.v1+json", secret=secret)
        for data in forged.blobs:
            world.push_blob(held.repo, data)
        answer = world.put(held.repo, tag, forged)
        check.check("publisher", answer.status == 403, f"attached to what is held: {answer}")
        by_parameter = world.put(held.repo, forged.digest, forged, query=f"?tag={tag}")
        check.check("publisher", by_parameter.status in (400, 403), f"attached by ?tag=: {by_parameter}")
        for agent in world.agents("Q"):
            check.check(agent, agent.get(held.repo, f"manifests/{tag}").status == 404, "the tag is there")
        # To something released: taken, and held in its own right.
        tag = open_.digest.replace(":", "-") + suffix
        late = attachment(None, "application/vnd.dev.cosign.simplesigning.v1+json", secret=secret)
        world.push(repo, late, tag)
        check.check("publisher", world.state(repo, late.digest) == "quarantined", "released at once")
        for agent in everybody_but_readers(world):
            check.denied(agent, agent.get(repo, f"manifests/{tag}"))
            if agent.role != "publisher":
                check.denied(agent, agent.get(repo, f"manifests/{late.digest}"))


@row("T19", "The referrers of a held subject leak, or their absence does")
def referrers(world, check):
    held = world.hold()
    secret = world.watch.secret(READERS)
    joined = attachment(held.manifest, secret=secret)
    for data in joined.blobs:
        world.push_blob(held.repo, data, "processor")
    world.expect(world.put(held.repo, joined.digest, joined, "processor"), 201)
    nothing = digest_of(b"nothing")
    for agent in everybody_but_readers(world):
        for query in ("", "?artifactType=application/vnd.example.sbom", "?n=1"):
            about_held = agent.get(held.repo, f"referrers/{held.digest}{query}")
            about_nothing = agent.get(held.repo, f"referrers/{nothing}{query}")
            if agent.role in ("anonymous", "auditor", "admin"):
                check.check(agent, about_held.status in DENIED, str(about_held))
            else:
                check.check(agent, about_held.status == 200 and about_held.json()["manifests"] == [], str(about_held))
            check.same(agent, about_held.shape(held.digest), about_nothing.shape(nothing), "held differs from missing")
    for agent in world.agents("Q"):
        listed = agent.get(held.repo, f"referrers/{held.digest}")
        check.check(agent, joined.digest.encode() in listed.body, "a reader does not see the attachment")
