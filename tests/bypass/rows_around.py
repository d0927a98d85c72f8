"""T42 to T47, T49 and T50: what stands around the registry: copies, webhooks, the log, resources."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

from content import OCI_MANIFEST, Manifest, image
from row import everybody_but_readers, not_applicable, row
from world import DENIED, READERS, NotRun, SetupFailed

not_applicable("T42", "A pull-through cache streams before the hold", "the registry fetches nothing from other registries")
not_applicable("T43", "An aggregate or mirror endpoint reaches the same content ungated", "there are no aggregates and no mirrors")
not_applicable("T49", "A forged attestation of the outcome", "the registry publishes no attestation of its decisions yet")


def wait_for(condition, what, deadline_s=120):
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise SetupFailed(f"not within {deadline_s} s: {what}")
        time.sleep(0.05)


@row("T44", "A backup or copy brings content in unheld, or reads it out")
def backup(world, check):
    world.need_local()
    held = world.hold(tag="t44")
    repo, open_ = world.released()
    with world.daemon.restored_backup(world) as url:
        restored = world.at(url)
        check.check("processor", restored.state(held.repo, held.digest) == "quarantined", "the backup came up open")
        for agent in everybody_but_readers(restored):
            check.denied(agent, agent.get(held.repo, "manifests/t44"))
            check.denied(agent, agent.get(held.repo, f"blobs/{held.manifest.layers[0]}"))
        for agent in restored.agents("R"):
            check.check(agent, agent.get(repo, "manifests/live").body == open_.bytes, "the backup lost what was released")
        restored.close()


class Receiver(http.server.ThreadingHTTPServer):
    """A webhook receiver that keeps what it is sent."""

    daemon_threads = True

    def __init__(self, address="127.0.0.1"):
        self.got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(inner):
                body = inner.rfile.read(int(inner.headers["Content-Length"]))
                self.got.append((inner.headers, body))
                inner.send_response(204)
                inner.end_headers()

            def log_message(inner, *args):
                pass

        super().__init__((address, 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://{self.server_address[0]}:{self.server_address[1]}/hook"

    def events_about(self, digest):
        return [json.loads(body) for _, body in self.got if digest.encode() in body]

    def close(self):
        self.shutdown()
        self.server_close()


def is_signed(headers, body, secret):
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    want = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(want, given) for given in headers["webhook-signature"].split(" "))


def ping_of(world, name, url, **more):
    """Make a webhook, ping it, remove it: was anything delivered?"""
    hooks = "/v2/_roadstead/webhooks"
    made = world.admin().ask("POST", hooks, body={"name": name, "url": url, "events": ["push"], "repositories": ["none"], **more})
    if made.status != 201:
        return made, False
    ping = world.admin().ask("POST", f"{hooks}/{name}/ping")
    world.expect(world.admin().ask("DELETE", f"{hooks}/{name}"), 204)
    return ping, ping.status == 200 and ping.json()["delivered"]


def targets_refused(world, check):
    """The metadata service, this machine, and odd spellings of them are no targets."""
    urls = ["https://169.254.169.254/latest/meta-data/", "https://2130706433/", "https://0x7f.1/", "https://127.0.0.2:9/",
            "https://[::1]:9/", "https://[::ffff:169.254.169.254]/", "https://0.0.0.0:9/", "https://10.0.0.1/", "http://169.254.169.254/",
            "file:///etc/passwd", "https://user:secret@example.org/", "gopher://127.0.0.1/"]
    for url in urls:
        answer, delivered = ping_of(world, "bypass-ssrf", url)
        check.check("admin", not delivered and answer.status in (200, 400, 403, 409, 422), f"{url}: {answer}")


def deliveries(world, check):
    """Local mode: 127.0.0.1 is a permitted target of the daemon, 127.0.0.2 is not."""
    allowed, forbidden = Receiver(), Receiver("127.0.0.2")
    hooks = "/v2/_roadstead/webhooks"
    try:
        answer, delivered = ping_of(world, "bypass-forbidden", forbidden.url)
        check.check("admin", not delivered and not forbidden.got, f"a private address was reached: {answer}")
        repo = world.repo()
        made = world.admin().ask("POST", hooks, body={"name": "bypass", "url": allowed.url, "repositories": [repo]})
        secret = world.expect(made, 201).json()["secret"]
        check.check("admin", secret.encode() not in world.admin().ask("GET", f"{hooks}/bypass").body, "the secret is shown again")
        held = world.hold(repo)
        wait_for(lambda: allowed.events_about(held.digest), "the quarantine event is delivered")
        world.release(repo, held.digest)
        world.disclose(held)
        wait_for(lambda: len({e["id"] for e in allowed.events_about(held.digest)}) >= 2, "the push event is delivered")
        world.expect(world.admin().ask("DELETE", f"{hooks}/bypass"), 204)
        kinds = [e["type"].split(".")[-1] for e in allowed.events_about(held.digest)]
        check.check("admin", sorted(set(kinds), key=kinds.index) == ["quarantine", "push"], f"delivered: {kinds}")
        check.check("admin", all(is_signed(headers, body, secret) for headers, body in allowed.got), "an unsigned delivery")
        forged = allowed.got[0]
        check.check("admin", not is_signed(forged[0], forged[1] + b" ", secret), "a changed delivery passes for signed")
        check.check("admin", not forbidden.got, "a private address was reached")
    finally:
        allowed.close()
        forbidden.close()


@row("T45", "An event comes before its change, twice, never, or to whom it does not concern")
def events(world, check):
    tag = world.watch.secret(READERS | {"auditor", "publisher"}, "tag")
    held = world.hold(tag=tag)
    types = [e["type"] for e in world.events_of(held.digest)]
    check.check("processor", types == ["quarantine"], f"before the release: {types}")
    for agent in world.agents("WRN"):
        if agent.role != "auditor":
            answer = agent.ask("GET", world.feed(held.digest))
            check.check(agent, held.digest.encode() not in answer.body, f"the feed names it: {answer.request}")
    world.release(held.repo, held.digest)
    world.disclose(held)
    world.watch.disclose(tag)
    again = world.decide(held.repo, held.digest, "released")
    check.check("processor", again.status == 200 and again.json().get("changed") is False, f"released twice: {again}")
    found = world.events_of(held.digest)
    types = [e["type"] for e in found]
    check.check("processor", types == ["quarantine", "push"], f"after the release: {types}")
    check.check("processor", [e["sequence"] for e in found] == sorted(e["sequence"] for e in found), "out of order")
    if not world.has("admin"):
        raise NotRun("webhooks: no credentials for admin")
    for agent in world.agents("QWRN"):
        if agent.role != "admin":
            answer = agent.ask("GET", "/v2/_roadstead/webhooks")
            check.check(agent, answer.status in DENIED, f"{answer}")
    targets_refused(world, check)
    if world.daemon is None:
        raise NotRun("deliveries to a receiver of our own: local mode only")
    deliveries(world, check)


@row("T46", "Text that breaks out of a log line, an event or a header")
def injection(world, check):
    world.need("processor")
    nasty = "x\r\nSet-Cookie: a=b\r\n\r\n\x1b[31mred\x00\u2028\"}],{\"type\":\"forged\"}"
    held = world.hold(tag="t46")
    answer = world.decide(held.repo, held.digest, "failed", details={"text": nasty.replace("\x00", "")})
    world.expect(answer, 200)
    for agent in world.agents("Q") + [a for a in world.agents("N") if a.role == "auditor"]:
        for path, headers in ((world.feed(held.digest), {}), (f"/v2/{held.repo}/_roadstead/quarantine/{held.digest}", {}),
                              (f"/v2/_roadstead/audit?digest={held.digest}", {}),
                              (f"/v2/_roadstead/audit?digest={held.digest}", {"Accept": "application/x-ndjson"})):
            answer = agent.ask("GET", path, headers=headers, repo=held.repo)
            if answer.status != 200:
                continue
            raw = [b for b in answer.body if b < 32 and b not in (10,)] if headers else [b for b in answer.body if b < 32 and b not in (9, 10, 13)]
            check.check(agent, not raw, f"raw control bytes: {answer.request}")
            lines = answer.body.splitlines() if headers else [answer.body]
            for line in lines:
                try:
                    json.loads(line)
                except ValueError:
                    check.check(agent, False, f"not JSON: {answer.request}: {line[:80]!r}")
            check.check(agent, "Set-Cookie" not in answer.headers, f"a header came in: {answer.request}")
    large = world.decide(held.repo, held.digest, "failed", details="x" * (1 << 20))
    check.check("processor", large.status in (400, 413), f"details without a bound: {large.request} {large.status}")
    for agent in world.agents("W"):
        for tag in ("a%0d%0ab", "a%1b[31m", "a%00", "a b", "%22", "../../x", "a" * 129, "%c3%a9"):
            answer = agent.ask("PUT", f"/v2/{held.repo}/manifests/{tag}".replace(" ", "%20"), body=image().bytes, repo=held.repo,
                               content_type=OCI_MANIFEST)
            check.check(agent, 400 <= answer.status < 500, f"a tag: {answer}")
            check.check(agent, "Set-Cookie" not in answer.headers, f"a header came in: {answer.request}")


@row("T47", "The audit log is edited or cut without a trace")
def audit(world, check):
    world.need_local()
    held = world.hold(tag="t47")
    world.release(held.repo, held.digest)
    world.disclose(held)
    check.check("auditor", world.daemon.audit_verifies(world), "an untouched log does not verify")
    edits = {
        "an actor is replaced": "UPDATE audit SET record = CAST(replace(CAST(record AS TEXT), 'processor', 'precessor') AS BLOB)"
                                " WHERE seq = (SELECT max(seq) FROM audit WHERE action = 'released')",
        "a record is gone": "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit WHERE action = 'released')",
        "two records change places": "UPDATE audit SET seq = -1 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
                                     " UPDATE audit SET seq = 3 WHERE seq = -1",
    }
    for what, sql in edits.items():
        with world.daemon.damaged(world, sql):
            check.check("auditor", not world.daemon.audit_verifies(world), f"not noticed: {what}")


@row("T50", "Held content, huge manifests or huge lists use the registry up")
def resources(world, check):
    repo = world.repo()
    base = image()
    for data in base.blobs:
        world.push_blob(repo, data)
    large = Manifest({**base.doc, "annotations": {"x": "y" * (4 << 20)}})
    many = Manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": base.doc["config"], "layers": base.doc["layers"] * 20000})
    for manifest, what in ((large, "above 4 MiB"), (many, "20000 layers")):
        answer = world.put(repo, "large", manifest)
        check.check("publisher", answer.status in (400, 413), f"{what}: {answer.request} {answer.status}")
    for agent in world.agents("QWR"):
        for n in ("1000000000", "9223372036854775808", "18446744073709551615"):
            for path in (f"/v2/{repo}/tags/list?n={n}", f"/v2/_catalog?n={n}", f"/v2/{repo}/referrers/{base.digest}?n={n}",
                         f"/v2/_roadstead/events?n={n}", f"/v2/_roadstead/quarantine?n={n}"):
                answer = agent.ask("GET", path, repo=repo)
                check.check(agent, answer.status in (200, 400, *DENIED), f"{answer.request}: {answer.status}")
                check.check(agent, len(answer.body) < 16 << 20, f"{answer.request}: {len(answer.body)} bytes")
        for n in ("-1", "abc", "%2B5", "1.5", "99999999999999999999999"):
            answer = agent.ask("GET", f"/v2/{repo}/tags/list?n={n}", repo=repo)
            check.check(agent, answer.status == 400, f"{answer}")
