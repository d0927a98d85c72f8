"""T23 to T31 and T38 to T40: races, crashes, clocks, re-pushes, deletions, decisions."""

import http.client
import threading

from content import digest_of, image, index
from row import everybody_but_readers, row
from world import DENIED, READERS, NotRun


def closed_to_all(world, check, repo, manifest, tag=None, publisher="publisher"):
    """Nobody without quarantine-pull reads manifest, tag or layer (but for the echo to its publisher)."""
    for agent in everybody_but_readers(world):
        if tag:
            check.denied(agent, agent.get(repo, f"manifests/{tag}"))
        if agent.role != publisher:
            check.denied(agent, agent.get(repo, f"manifests/{manifest.digest}"))
        check.denied(agent, agent.get(repo, f"blobs/{manifest.layers[0]}"))


@row("T23", "A race: the manifest or tag is visible before the hold is written")
def race(world, check):
    repo = world.repo()
    images = [image(secret=world.watch.secret(READERS | {"publisher"}, "race")) for _ in range(12)]
    stop, seen, asked = threading.Event(), [], [0]

    def reader(role):
        agent = type(world.agent(role))(world.base_url, world.watch, role, "basic", world.credentials[role], world.context)
        while not stop.is_set():
            for manifest in images:
                for rest in (f"manifests/{manifest.digest}", "manifests/race", f"blobs/{manifest.layers[0]}", "tags/list"):
                    answer = agent.get(repo, rest)
                    asked[0] += 1
                    if answer.status == 200 and not rest.startswith("tags"):
                        seen.append((role, str(answer)))
                    if rest == "tags/list" and answer.status == 200 and answer.json()["tags"]:
                        seen.append((role, str(answer)))
        agent.close()

    readers = [role for role in ("consumer", "publisher2") if world.has(role)]
    threads = [threading.Thread(target=reader, args=(role,)) for role in readers]
    for thread in threads:
        thread.start()
    try:
        for manifest in images:
            world.push(repo, manifest, "race")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for role in readers:
        mine = [text for who, text in seen if who == role]
        check.check(role, not mine, f"saw {len(mine)} of {asked[0]} too early: {mine[:3]}")
    for manifest in images:
        check.check("processor", world.state(repo, manifest.digest) == "quarantined", "not held")


@row("T24", "A crash between the manifest and its hold")
def crash(world, check):
    world.need_local()
    repo = world.repo()
    images = [image(secret=world.watch.secret(READERS | {"publisher"}, "crash")) for _ in range(30)]
    for data in [d for m in images for d in m.blobs]:
        world.push_blob(repo, data)
    for first in range(0, len(images), 10):
        killer = threading.Timer(0.02, world.daemon.kill)
        killer.start()
        for manifest in images[first:first + 10]:
            try:
                world.put(repo, "crash", manifest)
            except (OSError, http.client.HTTPException):
                break  # the daemon is gone, as it should be
        killer.join()  # if nothing was lost in the middle, it is killed now
        world.daemon.start()
        world.reconnect()
    for manifest in images:
        answer = world.agent("processor").get(repo, f"_roadstead/quarantine/{manifest.digest}")
        check.check("processor", answer.status == 404 or answer.json()["state"] == "quarantined", f"came up open: {answer}")
        for agent in everybody_but_readers(world):
            if agent.role != "publisher":
                check.denied(agent, agent.get(repo, f"manifests/{manifest.digest}"))
    for agent in everybody_but_readers(world):
        check.denied(agent, agent.get(repo, "manifests/crash"))


@row("T25", "An error while working out state or policy opens the door")
def errors(world, check):
    world.need_local()
    held = world.hold(tag="t25")
    damages = {
        "a policy that cannot be read": "UPDATE policy SET rules = '{'",
        "a state that nobody knows": f"UPDATE manifest SET state = 'open' WHERE digest = '{held.digest}'",
        "a live tag on what is held": "UPDATE tag SET live_manifest_id = staged_manifest_id, live_seq = staged_seq"
                                      " WHERE name = 't25'",
        "policies that are gone": "DROP TABLE policy",
    }
    world.policy(held.repo, quarantine="off")
    for what, sql in damages.items():
        with world.daemon.damaged(world, sql):
            for agent in everybody_but_readers(world):
                for rest in ("manifests/t25", f"manifests/{held.digest}", f"blobs/{held.manifest.layers[0]}"):
                    if agent.role == "publisher" and rest.endswith(held.digest):
                        continue
                    answer = agent.get(held.repo, rest)
                    check.check(agent, answer.status in (*DENIED, 500, 503), f"{what}: {answer}")


@row("T26", "A clock that jumps, or time that passes, releases by itself")
def clock(world, check):
    world.need_local()
    held = world.hold(tag="t26")
    world.policy(held.repo, overdue_after="1s", expire_quarantined_after=0)
    for sign in ("-", "+"):
        years = 10 * 365 * 86400 * 1000
        sql = (f"UPDATE manifest SET pushed_ms = pushed_ms {sign} {years}, state_ms = state_ms {sign} {years}"
               f" WHERE digest = '{held.digest}'")
        with world.daemon.damaged(world, sql):
            check.check("processor", world.state(held.repo, held.digest) == "quarantined", "released by time")
            closed_to_all(world, check, held.repo, held.manifest, "t26")


@row("T27", "Pushing the same digest or tag again resets a hold or a verdict")
def push_again(world, check):
    held = world.hold(tag="t27")
    world.fail(held.repo, held.digest)
    for tag in ("t27", "other", held.digest):
        world.expect(world.put(held.repo, tag, held.manifest), 201)
        check.check("processor", world.state(held.repo, held.digest) == "failed", f"the verdict went with a push of {tag}")
    for data in held.manifest.blobs:
        world.push_blob(held.repo, data)
    closed_to_all(world, check, held.repo, held.manifest, "t27")
    for agent in everybody_but_readers(world):
        check.denied(agent, agent.get(held.repo, "manifests/other"))
    again = world.hold(held.repo, tag="t27")
    world.expect(world.put(held.repo, "t27", again.manifest), 201)
    check.check("processor", world.state(held.repo, again.digest) == "quarantined", "a second push released it")


@row("T28", "One repository's release or verdict counts in another")
def repositories(world, check):
    secret = world.watch.secret(READERS | {"publisher"})
    manifest = image(secret=secret)
    one, other = world.repo(), world.repo()
    world.push(one, manifest, "v1")
    world.push(other, manifest, "v1")
    world.fail(one, manifest.digest)
    check.check("processor", world.state(other, manifest.digest) == "quarantined", "the verdict reached another repository")
    closed_to_all(world, check, other, manifest, "v1")
    world.release(other, manifest.digest)
    check.check("processor", world.state(one, manifest.digest) == "failed", "the release reached another repository")
    world.watch.disclose(secret)
    closed_to_all(world, check, one, manifest, "v1")


@row("T29", "Deleting and pushing again sheds a verdict, or a stale cache gives access back")
def delete_and_push(world, check):
    world.need("maintainer")
    held = world.hold(tag="t29")
    world.fail(held.repo, held.digest)
    delete = lambda repo, what: world.expect(world.agent("maintainer").ask("DELETE", f"/v2/{repo}/{what}", repo=repo), 202)
    delete(held.repo, f"manifests/{held.digest}")
    if world.has("admin"):
        world.admin().ask("POST", "/v2/_roadstead/admin/gc", body={})
    world.push(held.repo, held.manifest, "t29")
    check.check("processor", world.state(held.repo, held.digest) == "failed", "the verdict is gone")
    closed_to_all(world, check, held.repo, held.manifest, "t29")
    # What was released, and kept by caches, is a first push when it comes back.
    repo, open_ = world.released(tag="t29")
    readers = world.agents("WR")
    for agent in readers:
        for _ in range(2):
            check.check(agent, agent.get(repo, "manifests/t29").status == 200, "cannot read what is released")
            agent.get(repo, f"manifests/{open_.digest}")
            agent.get(repo, f"blobs/{open_.layers[0]}")
    delete(repo, f"manifests/{open_.digest}")
    for agent in readers:
        for rest in ("manifests/t29", f"manifests/{open_.digest}", f"blobs/{open_.layers[0]}"):
            check.denied(agent, agent.get(repo, rest))
    world.push(repo, open_, "t29")
    check.check("processor", world.state(repo, open_.digest) == "quarantined", "came back released")
    closed_to_all(world, check, repo, open_, "t29")


@row("T30", "Deleting or moving a tag gets around the hold")
def tags(world, check):
    world.need("maintainer")
    repo, first = world.released(tag="t30")
    held = world.hold(repo, tag="t30")
    for agent in world.agents("R"):
        check.check(agent, agent.get(repo, "manifests/t30").body == first.bytes, "the live tag moved")
    for agent in world.agents("WRN"):
        if agent.role == "maintainer":
            continue
        for what in ("manifests/t30", f"manifests/{first.digest}", f"manifests/{held.digest}", f"blobs/{first.layers[0]}"):
            answer = agent.ask("DELETE", f"/v2/{repo}/{what}", repo=repo)
            check.check(agent, answer.status in (401, 403, 404), f"deleted without the permission: {answer}")
    world.expect(world.agent("maintainer").ask("DELETE", f"/v2/{repo}/manifests/t30", repo=repo), 202)
    for agent in everybody_but_readers(world):
        check.denied(agent, agent.get(repo, "manifests/t30"))
    closed_to_all(world, check, repo, held.manifest, "t30")
    world.release(repo, held.digest)
    world.disclose(held)
    for agent in world.agents("WR"):
        check.check(agent, agent.get(repo, "manifests/t30").status in DENIED, "the release brought a deleted tag back")


@row("T31", "A held digest escapes by a new tag, or by a copy to another repository")
def escape(world, check):
    held = world.hold(tag="t31")
    for tag in ("v2", "latest"):
        world.expect(world.put(held.repo, tag, held.manifest), 201)
    world.put(held.repo, held.digest, held.manifest, query="?tag=v3&tag=v4")
    for tag in ("v2", "latest", "v3", "v4"):
        for agent in everybody_but_readers(world):
            check.denied(agent, agent.get(held.repo, f"manifests/{tag}"))
    # Another publisher names the blobs without having them.
    target = world.repo()
    if world.has("publisher2"):
        answer = world.put(target, "stolen", held.manifest, "publisher2")
        check.check("publisher2", answer.status in (400, 403, 404), f"taken without its blobs: {answer}")
        answer = world.put(held.repo, "named", image(layers=[f"layer {held.private} ".encode() * 40]), "publisher2")
        check.check("publisher2", answer.status in (400, 403, 404, 201), str(answer))
        closed_to_all(world, check, held.repo, held.manifest, "named")
    # The publisher's own copy is held there as well.
    world.push(target, held.manifest, "copy")
    check.check("processor", world.state(target, held.digest) == "quarantined", "the copy is not held")
    closed_to_all(world, check, target, held.manifest, "copy")


@row("T38", "A decision by tag, while the tag moves")
def by_tag(world, check):
    held = world.hold(tag="t38")
    for path in ("t38", "latest", held.digest[:20]):
        answer = world.decide(held.repo, path, "released")
        check.check("processor", 400 <= answer.status < 500, f"decided by a tag: {answer}")
        answer = world.agent("processor").ask("PATCH", f"/acr/v1/{held.repo}/_manifests/{path}", repo=held.repo,
                                              body={"quarantineState": "Passed", "quarantineDetails": "{}"})
        check.check("processor", 400 <= answer.status < 500, f"decided by a tag: {answer}")
    etag = world.agent("processor").get(held.repo, f"_roadstead/quarantine/{held.digest}").header("ETag")
    check.check("processor", etag is not None, "no ETag to decide against")
    world.fail(held.repo, held.digest)
    for answer in (world.decide(held.repo, held.digest, "released", expect="quarantined"),
                   world.decide(held.repo, held.digest, "released", headers={"If-Match": etag or '"0"'})):
        check.check("processor", answer.status in (409, 412), f"decided on what had changed: {answer}")
    check.check("processor", world.state(held.repo, held.digest) == "failed", "released")
    closed_to_all(world, check, held.repo, held.manifest, "t38")


@row("T39", "Two processors: the first to pass releases, or a late verdict takes back")
def two_processors(world, check):
    held = world.hold(tag="t39")
    world.release(held.repo, held.digest)
    world.disclose(held)
    answer = world.decide(held.repo, held.digest, "failed")
    check.check("processor", answer.status == 409, f"a late failure: {answer}")
    check.check("processor", world.state(held.repo, held.digest) == "released", "released went back")
    if not world.has("admin"):
        raise NotRun("required checks: no credentials for admin")
    repo = world.repo()
    world.policy(repo, checks=["first", "second"])
    checkers = {name: world.as_user(world.user((f"checker:{name}", repo)), "checker") for name in ("first", "second")}
    both = world.hold(repo, tag="t39")
    report = lambda name, check_name, state: checkers[name].ask(
        "PUT", f"/v2/{repo}/_roadstead/quarantine/{both.digest}/checks/{check_name}", body={"state": state}, repo=repo)
    answer = world.decide(repo, both.digest, "released")
    check.check("processor", answer.status == 409, f"released without its checks: {answer}")
    answer = report("first", "second", "passed")
    check.check("checker", answer.status in DENIED, f"reported another's check: {answer}")
    world.expect(report("first", "first", "passed"), 200, 201)
    check.check("checker", world.state(repo, both.digest) == "quarantined", "one of two checks released it")
    closed_to_all(world, check, repo, both.manifest, "t39")
    world.expect(report("second", "second", "failed"), 200, 201)
    check.check("checker", world.state(repo, both.digest) == "failed", "a failed check did not fail it")
    closed_to_all(world, check, repo, both.manifest, "t39")


@row("T40", "The decision is about other bytes than those that are served")
def other_bytes(world, check):
    repo = world.repo()
    children = [image(), image(secret=world.watch.secret(READERS | {"publisher"}))]
    for child in children:
        world.push(repo, child)
    whole = world.push(repo, index(children), "t40")
    for agent in world.agents("Q"):
        seen = agent.get(repo, "manifests/t40")
        check.check(agent, seen.body == whole.bytes and seen.header("Docker-Content-Digest") == whole.digest, str(seen))
    # A decision about one platform is none about the others, nor about the index.
    world.decide(repo, children[0].digest, "released")
    check.check("processor", world.state(repo, whole.digest) == "quarantined", "a platform released the index")
    for agent in everybody_but_readers(world):
        check.denied(agent, agent.get(repo, "manifests/t40"))
        check.denied(agent, agent.get(repo, f"blobs/{children[1].layers[0]}"))
    # A decision about the first push is none about the second one under the same tag.
    first, second = world.hold(repo, tag="moving"), world.hold(repo, tag="moving")
    world.release(repo, first.digest)
    world.disclose(first)
    check.check("processor", world.state(repo, second.digest) == "quarantined", "the later push was released")
    for agent in world.agents("WR"):
        answer = agent.get(repo, "manifests/moving")
        check.check(agent, answer.body != second.manifest.bytes, f"the later push is served: {answer}")
    answer = world.release(repo, whole.digest).json()
    named = {entry["digest"] for entry in answer.get("released", [])}
    check.check("processor", {whole.digest, children[1].digest} <= named, f"the answer does not name what it released: {answer}")
    check.check("processor", digest_of(world.agent("processor").get(repo, "manifests/t40").body) == whole.digest, "other bytes")
