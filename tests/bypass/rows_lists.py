"""T20 to T22, T41 and T48: lists, other surfaces, caches, and what the difference of two answers tells."""

from content import attachment, digest_of, image, index
from row import everybody_but_readers, row
from world import COLUMNS, DENIED, READERS

NO_CONTENT = ("anonymous", "auditor", "admin")


@row("T20", "tags/list shows staged tags, or counts them")
def tags(world, check):
    repo, _ = world.released(tag="live")
    tag = world.watch.secret(READERS | {"publisher", "auditor"}, "tag")
    held = world.hold(repo, tag=tag)
    world.expect(world.put(repo, "a-" + tag, held.manifest), 201)
    for agent in everybody_but_readers(world):
        whole = agent.get(repo, "tags/list")
        if agent.role in NO_CONTENT:
            check.check(agent, whole.status in DENIED, str(whole))
            continue
        check.check(agent, whole.json() == {"name": repo, "tags": ["live"]}, str(whole))
        for query in ("?n=1", "?n=2", "?last=a", "?last=" + tag[:3], "?n=1&last=k"):
            page = agent.get(repo, "tags/list" + query)
            check.check(agent, tag.encode() not in page.body, str(page))
            check.check(agent, page.header("Link") is None, f"a next page over nothing: {page.request} {page.header('Link')}")
    for agent in world.agents("Q"):
        check.check(agent, tag in agent.get(repo, "tags/list").json()["tags"], "a reader does not see the staged tag")


def catalog(agent):
    found, path = b"", "/v2/_catalog?n=1000"
    while path:
        answer = agent.ask("GET", path)
        found += answer.body
        link = answer.header("Link") or ""
        path = link[link.index("<") + 1:link.index(">")] if "<" in link else None
    return answer.status, found


@row("T21", "The catalog shows a repository that holds only held content")
def catalogs(world, check):
    secret = world.watch.secret(READERS | {"publisher", "auditor"}, "name")
    repo = f"{world.namespace}/{secret}"
    world.hold(repo)
    nowhere = f"{world.namespace}/nowhere"
    for agent in everybody_but_readers(world):
        if agent.role == "publisher":
            continue
        _, found = catalog(agent)
        check.check(agent, secret.encode() not in found, "the catalog names it")
        page = agent.ask("GET", f"/v2/_catalog?n=1&last={repo[:-1]}")
        check.check(agent, secret.encode() not in page.body, f"a page names it: {page}")
        for path in ("tags/list", "manifests/none", f"blobs/{digest_of(b'none')}", f"referrers/{digest_of(b'none')}"):
            here, there = agent.get(repo, path), agent.get(nowhere, path)
            # The name itself came with the request; everything else must be the same.
            same = here.status, here.body.replace(repo.encode(), b""), there.status, there.body.replace(nowhere.encode(), b"")
            check.check(agent, same[:2] == same[2:], f"{path}: {here} against {there}")
        world.watch.seen = [s for s in world.watch.seen if f"/v2/{repo}/" not in s]  # an answer may repeat the request's name


@row("T22", "Other surfaces show what /v2 hides")
def surfaces(world, check):
    held = world.hold(tag="t22")
    quiet = {"events": READERS | {"auditor"}, "audit": {"auditor"}, "quarantine": READERS | {"auditor"}}
    paths = {
        world.feed(held.digest): quiet["events"],
        "/v2/_roadstead/audit?after=0&n=1000": quiet["audit"],
        f"/v2/_roadstead/audit?digest={held.digest}": quiet["audit"],
        "/v2/_roadstead/quarantine?n=1000": quiet["quarantine"],
        f"/v2/_roadstead/quarantine?repository={held.repo}": quiet["quarantine"],
        "/acr/v1/_catalog": READERS, f"/acr/v1/{held.repo}/_tags": READERS, f"/acr/v1/{held.repo}/_manifests": READERS,
        f"/acr/v1/{held.repo}/_tags/{held.tag}": READERS, "/metrics": set(), "/healthz": set(), "/readyz": set(),
    }
    for agent in world.agents("QWRN"):
        for path, readers in paths.items():
            if agent.role in readers:
                continue
            answer = agent.ask("GET", path, repo=held.repo)
            check.check(agent, held.digest.encode() not in answer.body, f"names the digest: {answer.request}")
            check.check(agent, answer.status in (200, *DENIED), f"{answer}")
        if COLUMNS[agent.role] == "N" and agent.role != "auditor":
            answer = agent.get(held.repo, f"_roadstead/quarantine/{held.digest}")
            check.check(agent, answer.status in DENIED, str(answer))
            answer = agent.ask("GET", f"/acr/v1/{held.repo}/_manifests/{held.digest}", repo=held.repo)
            check.check(agent, answer.status in DENIED, str(answer))
    # A decision's details are for readers, deciders and auditors.
    details = world.watch.secret(READERS | {"auditor"}, "details")
    world.expect(world.decide(held.repo, held.digest, "failed", details={"found": details}), 200)
    for agent in world.agents("WRN"):
        for path in (f"_roadstead/quarantine/{held.digest}", f"manifests/{held.digest}", f"manifests/{held.tag}"):
            answer = agent.get(held.repo, path)
            check.check(agent, details.encode() not in answer.body or agent.role == "auditor", str(answer))
        agent.ask("GET", world.feed(held.digest))  # watched


@row("T41", "A cache or mirror on the way keeps what is held, or learns its digest")
def caches(world, check):
    repo, open_ = world.released(tag="both")
    held = world.hold(repo, tag="both")
    for agent in world.agents("Q"):
        for answer in (agent.get(repo, "manifests/both"), agent.get(repo, f"manifests/{held.digest}"),
                       agent.get(repo, f"blobs/{held.manifest.layers[0]}"), agent.get(repo, "tags/list"),
                       agent.get(repo, f"referrers/{held.digest}")):
            check.check(agent, answer.status == 200, str(answer))
            check.check(agent, answer.header("Cache-Control") == "no-store", f"may be kept: {answer.request}")
    for agent in world.agents("WR"):
        answer = agent.get(repo, "manifests/both")
        check.check(agent, answer.body == open_.bytes, f"not the live one: {answer}")
        check.check(agent, answer.header("Vary") == "Authorization", f"no Vary: {answer.request}")
        check.check(agent, "private" in answer.header("Cache-Control"), f"shared caches may keep it: {answer.request}")
        check.check(agent, "no-cache" in answer.header("Cache-Control"), f"kept without asking again: {answer.request}")
        check.check(agent, held.digest not in repr(list(answer.headers.items())), f"names the held digest: {answer.request}")
    for agent in everybody_but_readers(world):
        if agent.role != "publisher":
            for path in (f"manifests/{held.digest}", f"blobs/{held.manifest.layers[0]}"):
                check.denied(agent, agent.get(repo, path))


@row("T48", "What differs between two denials tells what is there")
def oracles(world, check):
    held = world.hold()
    repo, open_ = world.released()
    nowhere = f"{world.namespace}/not-there"
    nothing = digest_of(b"nothing")
    # Without a grant that opens content, a repository that exists answers like one that does not.
    for agent in world.agents("N"):
        for rest in ("tags/list", "manifests/held", f"manifests/{held.digest}", f"manifests/{open_.digest}",
                     f"blobs/{held.manifest.layers[0]}", f"blobs/{open_.layers[0]}", f"referrers/{open_.digest}"):
            shapes = {name: agent.get(name, rest).shape(name) for name in (held.repo, repo, nowhere)}
            check.same(agent, shapes[held.repo], shapes[nowhere], f"{rest} of a held repository")
            check.same(agent, shapes[repo], shapes[nowhere], f"{rest} of a released repository")
    # A publisher learns nothing from a tag or digest that another pushed.
    for agent in world.agents("W"):
        if agent.role == "publisher":
            continue
        for one, other in (("manifests/held", "manifests/none"), (f"manifests/{held.digest}", f"manifests/{nothing}")):
            a, b = agent.get(held.repo, one), agent.get(held.repo, other)
            check.same(agent, a.shape(one.split("/")[1]), b.shape(other.split("/")[1]), "held differs from missing")
    # Pushing an index over a held part looks like pushing one over a released part.
    part = image()
    world.push(held.repo, part)
    world.push(repo, part)
    world.release(repo, part.digest)
    answers = [world.put(name, "index", index([part])) for name in (held.repo, repo)]
    check.same("publisher", answers[0].status, answers[1].status, "an index over a held part")
    # OCI-Subject is there whether or not the subject is.
    if world.has("processor"):
        for subject in (held.manifest, image()):
            forged = attachment(subject)
            for data in forged.blobs:
                world.push_blob(held.repo, data, "processor")
            answer = world.put(held.repo, forged.digest, forged, "processor")
            check.check("processor", answer.header("OCI-Subject") == subject.digest, f"no OCI-Subject: {answer}")
