"""T32 to T37: tokens, scopes, anonymous, and who may do what to whom."""

import base64
import hashlib
import hmac
import json
import time

from content import digest_of, image
from row import row
from world import DENIED, READERS, NotRun


@row("T32", "A token's scope is wider than what it says, or a name is read in two ways")
def scopes(world, check):
    repo, open_ = world.released()
    held = world.hold()
    other = world.repo()
    rests = ["manifests/live", f"manifests/{open_.digest}", f"blobs/{open_.layers[0]}", "tags/list", f"referrers/{open_.digest}"]

    def with_token(agent, scope, path):
        token = agent.token(scope) if scope else None
        return agent.ask("GET", path, headers={"Authorization": "Bearer " + (token or "none")})

    for role in ("consumer", "publisher", "processor", "maintainer"):
        if not world.has(role):
            continue
        agent = world.agent(role)
        for scope in (f"repository:{repo}:push", f"repository:{other}:pull", f"repository:{repo}/more:pull", "registry:catalog:*",
                      f"repository:{repo.upper()}:pull", f"repository:{repo.replace('/', '%2f')}:pull", f"repository:{repo}/:pull",
                      f"repository:{repo}:quarantine-pull", f"repository(plugin):{repo}:pull"):
            for rest in rests:
                answer = with_token(agent, scope, f"/v2/{repo}/{rest}")
                check.check(agent, answer.status in DENIED, f"scope {scope}: {answer}")
    if world.has("consumer"):
        agent = world.agent("consumer")
        for scope in (f"repository:{held.repo}:*", f"repository:{held.repo}:pull,push,delete,quarantine-pull,quarantine-decide,admin"):
            token = agent.token(scope)
            bearer = {"Authorization": "Bearer " + (token or "none")}
            for rest in (f"manifests/{held.digest}", f"manifests/{held.tag}", f"blobs/{held.manifest.layers[0]}"):
                check.denied(agent, agent.ask("GET", f"/v2/{held.repo}/{rest}", headers=bearer))
            answer = agent.ask("PATCH", f"/v2/{held.repo}/_roadstead/quarantine/{held.digest}", headers=bearer, body={"state": "released"})
            check.check(agent, answer.status in DENIED, f"scope {scope} decides: {answer}")
    # The name in the path is one name, or none.
    for agent in world.agents("WRN"):
        for rest in (f"manifests/{held.digest}", f"blobs/{held.manifest.layers[0]}", f"manifests/{held.tag}"):
            plain = agent.ask("GET", f"/v2/{held.repo}/{rest}", repo=held.repo)
            for slash in ("%2f", "%2F"):  # as Azure's clients write it: the same name, so the same answer
                answer = agent.ask("GET", f"/v2/{held.repo.replace('/', slash)}/{rest}", repo=held.repo)
                check.check(agent, answer.status in (400, plain.status), f"{answer}, but without the escape {plain.status}")
        for name in (held.repo.upper(), held.repo.replace("/", "%252f"), held.repo.replace("/", "%5c"), held.repo.replace("/", "//"),
                     held.repo + "/", "./" + held.repo, "x/../" + held.repo, "x/%2e%2e/" + held.repo, held.repo + "%00", held.repo + "?"):
            for rest in (f"manifests/{held.digest}", f"blobs/{held.manifest.layers[0]}", f"manifests/{held.tag}/"):
                answer = agent.ask("GET", f"/v2/{name}/{rest}", repo=held.repo)
                check.check(agent, 400 <= answer.status < 500, f"{answer}")


@row("T33", "Without credentials some route of /v2 answers")
def anonymous(world, check):
    held = world.hold(tag="t33")
    repo, open_ = world.released()
    layer = open_.layers[0]
    routes = [("GET", "/v2/"), ("GET", "/v2/_catalog"), ("GET", "/v2/_roadstead/events"), ("GET", "/v2/_roadstead/audit"),
              ("GET", "/v2/_roadstead/quarantine"), ("GET", "/v2/_roadstead/admin/users"), ("GET", "/v2/_roadstead/policies"),
              ("GET", "/acr/v1/_catalog"),
              ("PUT", f"/v2/{repo}/manifests/v9"), ("DELETE", f"/v2/{repo}/manifests/live"), ("DELETE", f"/v2/{repo}/blobs/{layer}"),
              ("POST", f"/v2/{repo}/blobs/uploads/"), ("PATCH", f"/v2/{repo}/blobs/uploads/x"), ("GET", f"/v2/{repo}/blobs/uploads/x")]
    for name, digest, blob, tag in ((held.repo, held.digest, held.manifest.layers[0], "t33"), (repo, open_.digest, layer, "live")):
        for rest in (f"manifests/{tag}", f"manifests/{digest}", f"blobs/{blob}", "tags/list", f"referrers/{digest}",
                     f"_roadstead/quarantine/{digest}"):
            routes += [("GET", f"/v2/{name}/{rest}"), ("HEAD", f"/v2/{name}/{rest}")]
        routes.append(("PATCH", f"/v2/{name}/_roadstead/quarantine/{digest}"))
        routes.append(("GET", f"/acr/v1/{name}/_manifests/{digest}"))
    lists = ("/v2/", "/v2/_catalog", "/v2/_roadstead/events", "/v2/_roadstead/quarantine", "/acr/v1/_catalog")
    nobody, guest = world.agent("anonymous", "none"), world.agent("anonymous", "bearer")
    claim = guest.ask("POST", "/v2/_roadstead/quarantine/claims", body={"check": "scan"})
    check.check(guest, claim.status in (204, *DENIED), f"{claim}")
    for method, path in routes:
        body = {"state": "released"} if method in ("PATCH", "POST", "PUT") else None
        answer = nobody.ask(method, path, body=body)
        check.check(nobody, answer.status in (401, 404, 405), f"{answer}")
        answer = guest.ask(method, path, body=body, repo=repo)
        # With a token of anonymous GET /v2/ says that the token is good, and a list of what it sees is empty.
        is_empty = answer.status == 200 and not any(text.encode() in answer.body for text in (world.namespace, "sha256:"))
        listed = method == "GET" and path in lists and is_empty
        check.check(guest, answer.status in (*DENIED, 405) or listed, f"{answer}")


@row("T34", "A token that was issued before a permission was taken away keeps it")
def revoked(world, check):
    held = world.hold()
    repo, open_ = world.released()
    reader, puller = world.user(("quarantine-reader", held.repo)), world.user(("consumer", repo))
    for user, name, rests, ids in ((reader, held.repo, (f"manifests/{held.digest}", f"blobs/{held.manifest.layers[0]}", "tags/list"), reader[2]),
                                   (puller, repo, ("manifests/live", f"manifests/{open_.digest}", f"blobs/{open_.layers[0]}"), puller[2])):
        role = "quarantine-reader" if user is reader else "consumer"
        agents = [world.as_user(user, role, scheme) for scheme in ("basic", "bearer")]
        for agent in agents:
            for rest in rests:
                for _ in range(2):
                    check.check(agent, agent.get(name, rest).status == 200, f"cannot read {rest} while permitted")
        for ident in ids:
            world.expect(world.admin().ask("DELETE", f"/v2/_roadstead/admin/grants/{ident}"), 200, 202, 204)
        for agent in agents:  # the same connection, the same token
            agent.role = "consumer"
            for rest in rests:
                check.denied(agent, agent.get(name, rest))
            agent.close()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@row("T35", "A forged token: another algorithm, a key in the header, a changed claim")
def forged(world, check):
    held = world.hold()
    world.need("consumer", "processor")
    scope = f"repository:{held.repo}:pull"
    mine, theirs = world.agent("consumer").token(scope), world.agent("processor").token(scope)
    head, payload, signature = mine.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    their_payload = theirs.split(".")[1]
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(b"\0" * 32)}

    def hs256(h, p, key):
        text = f"{b64(json.dumps(h).encode())}.{p}"
        return f"{text}.{b64(hmac.new(key, text.encode(), hashlib.sha256).digest())}"

    def changed(**more):
        return b64(json.dumps({**claims, **more}).encode())

    tokens = {
        "no algorithm": f"{b64(json.dumps({**header, 'alg': 'none'}).encode())}.{their_payload}.",
        "no algorithm, in capitals": f"{b64(json.dumps({**header, 'alg': 'NONE'}).encode())}.{their_payload}.{signature}",
        "no signature": f"{head}.{their_payload}.",
        "another's claims": f"{head}.{their_payload}.{signature}",
        "HS256 with no key": hs256({**header, "alg": "HS256"}, their_payload, b""),
        "HS256 with the key's name": hs256({**header, "alg": "HS256"}, their_payload, str(header.get("kid", "")).encode()),
        "a key in the header": f"{b64(json.dumps({**header, 'jwk': jwk}).encode())}.{their_payload}.{signature}",
        "a key from elsewhere": f"{b64(json.dumps({**header, 'jku': 'http://127.0.0.1/k', 'x5u': 'http://127.0.0.1/k'}).encode())}.{their_payload}.{signature}",
        "a key that is a path": f"{b64(json.dumps({**header, 'kid': '../../../../dev/null'}).encode())}.{their_payload}.{signature}",
        "a later end": f"{head}.{changed(exp=int(time.time()) + 10**6)}.{signature}",
        "a wider subject": f"{head}.{changed(sub='processor')}.{signature}",
        "four parts": f"{mine}.x", "two parts": f"{head}.{payload}", "nothing": "", "a long one": "a" * 7000,
    }
    for agent in (world.agent("consumer"), world.agent("anonymous")):
        for what, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            for path in (f"/v2/{held.repo}/manifests/{held.digest}", f"/v2/{held.repo}/blobs/{held.manifest.layers[0]}", "/v2/"):
                answer = agent.ask("GET", path, headers=headers)
                check.check(agent, answer.status in (400, 401, 431), f"{what}: {answer}")


@row("T36", "A low user makes or changes users, grants, policies or webhooks")
def administration(world, check):
    repo = world.repo()
    attempts = [
        ("POST", "/v2/_roadstead/admin/users", {"name": "bypass-low", "password": "correct horse battery staple"}),
        ("POST", "/v2/_roadstead/admin/robots", {"name": "bypass-low"}),
        ("POST", "/v2/_roadstead/admin/grants", {"principal": None, "role": "processor", "pattern": repo}),
        ("POST", "/v2/_roadstead/admin/grants", {"principal": "anonymous", "role": "consumer", "pattern": repo}),
        ("PUT", "/v2/_roadstead/policies", {"pattern": repo, "position": 0, "quarantine": "off"}),
        ("POST", "/v2/_roadstead/webhooks", {"name": "bypass", "url": "http://127.0.0.1:9/", "events": ["push"]}),
        ("POST", "/v2/_roadstead/admin/keys/rotate", {}), ("POST", "/v2/_roadstead/admin/gc", {}),
        ("GET", "/v2/_roadstead/admin/users", None), ("GET", "/v2/_roadstead/admin/grants", None),
        ("GET", "/v2/_roadstead/admin/robots", None),
        # Nothing of these names is there: a registry that lets them pass says 404, which is no denial.
        ("DELETE", "/v2/_roadstead/admin/grants/999999999999", None),
        ("PATCH", "/v2/_roadstead/admin/users/bypass-nobody", {"password": "correct horse battery staple"}),
        ("DELETE", "/v2/_roadstead/admin/users/bypass-nobody", None),
        ("DELETE", "/v2/_roadstead/policies?pattern=bypass-nobody", None),
        ("DELETE", "/v2/_roadstead/webhooks/bypass-nobody", None),
    ]
    for agent in world.agents("QWRN"):
        if agent.role == "admin":
            continue
        for method, path, body in attempts:
            if body and "principal" in body and body["principal"] is None:
                body = {**body, "principal": agent.credentials[0] if agent.credentials else "anonymous"}
            answer = agent.ask(method, path, body=body)
            check.check(agent, answer.status in (401, 403), f"{answer}")
    if world.has("admin"):
        # Nobody holds both keys: who manages identities reads nothing that is held.
        admin = world.admin()
        for what in ("processor", "quarantine-reader", "quarantine-pull", "quarantine-decide", "checker:x"):
            answer = admin.ask("POST", "/v2/_roadstead/admin/grants",
                               body={"principal": admin.credentials[0], "role": what, "pattern": repo})
            check.check(admin, answer.status == 409, f"admin with {what}: {answer}")


@row("T37", "A decision by somebody without the right, or for another repository")
def decides(world, check):
    held = world.hold(tag="t37")
    for agent in world.agents("QWRN"):
        if agent.role == "processor":
            continue
        for body in ({"state": "released"}, {"state": "failed"}):
            answer = agent.ask("PATCH", f"/v2/{held.repo}/_roadstead/quarantine/{held.digest}", body=body, repo=held.repo)
            check.check(agent, answer.status in DENIED, f"{answer}")
        for word in ("Passed", "Failed"):
            answer = agent.ask("PATCH", f"/acr/v1/{held.repo}/_manifests/{held.digest}", repo=held.repo,
                               body={"quarantineState": word, "quarantineDetails": "{}"})
            check.check(agent, answer.status in DENIED, f"{answer}")
    check.check("processor", world.state(held.repo, held.digest) == "quarantined", "somebody decided")
    if not world.has("admin"):
        raise NotRun("processors of one repository: no credentials for admin")
    narrow = world.as_user(world.user(("processor", world.repo())), "consumer")
    for body in ({"state": "released"}, {"state": "failed"}):
        answer = narrow.ask("PATCH", f"/v2/{held.repo}/_roadstead/quarantine/{held.digest}", body=body, repo=held.repo)
        check.check(narrow, answer.status in DENIED, f"{answer}")
    for rest in ("manifests/t37", f"manifests/{held.digest}", f"blobs/{held.manifest.layers[0]}", "tags/list"):
        check.denied(narrow, narrow.get(held.repo, rest))
    # With separate_duties nobody decides on what he pushed himself.
    repo = world.repo()
    world.policy(repo, separate_duties=True)
    own = image()
    for data in own.blobs:
        world.push_blob(repo, data, "processor")
    world.expect(world.put(repo, "own", own, "processor"), 201)
    answer = world.decide(repo, own.digest, "released")
    check.check("processor", answer.status == 403, f"decided on his own push: {answer}")
    check.check("processor", world.state(repo, own.digest) == "quarantined", "released by its pusher")
