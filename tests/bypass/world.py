"""Roles, the repositories of one run, and what the rows of the suite do with them."""

import secrets

from answers import Agent, Watch
from content import digest_of, image

# role -> column of the specification's table: Q reads what is held, W pushes, R pulls, N has nothing that opens content
COLUMNS = {
    "anonymous": "N", "consumer": "R", "publisher": "W", "publisher2": "W", "quarantine-reader": "Q", "processor": "Q",
    "checker": "Q", "maintainer": "W", "auditor": "N", "admin": "N",
}
READERS = {role for role, column in COLUMNS.items() if column == "Q"}
DENIED = (401, 403, 404)


class SetupFailed(Exception):
    """The registry did not do what the row needs first: the row says nothing then."""


class NotRun(Exception):
    """The row needs something that is not given (a role's credentials, the daemon's insides)."""


class Held:
    """An image in quarantine, with the secrets that it carries."""

    def __init__(self, repo, tag, manifest, public, private):
        self.repo, self.tag, self.manifest = repo, tag, manifest
        self.public, self.private = public, private  # what its publisher may read back, and what nobody but Q may

    @property
    def digest(self):
        return self.manifest.digest


class World:
    """One registry under test."""

    def __init__(self, base_url, credentials, namespace=None, context=None, daemon=None):
        self.base_url, self.credentials, self.context, self.daemon = base_url, credentials, context, daemon
        self.namespace = namespace or f"bypass/{secrets.token_hex(4)}"
        self.watch = Watch()
        self._agents = {}
        self._n = 0

    # -- who ---------------------------------------------------------------------------------

    def agent(self, role, scheme=None):
        scheme = scheme or ("none" if role == "anonymous" else "basic")
        if role != "anonymous" and role not in self.credentials:
            raise NotRun(f"no credentials for {role}")
        key = (role, scheme)
        if key not in self._agents:
            self._agents[key] = Agent(self.base_url, self.watch, role, scheme, self.credentials.get(role), self.context)
        return self._agents[key]

    def agents(self, columns):
        """Every agent of these columns that there are credentials for, by each way to log in."""
        found = []
        for role, column in COLUMNS.items():
            if column not in columns:
                continue
            if role == "anonymous":
                found += [self.agent(role, "none"), self.agent(role, "bearer")]
            elif role in self.credentials:
                found += [self.agent(role, "basic"), self.agent(role, "bearer")]
        return found

    def has(self, *roles):
        return all(role in self.credentials for role in roles)

    def need(self, *roles):
        missing = [role for role in roles if role not in self.credentials]
        if missing:
            raise NotRun("no credentials for " + ", ".join(missing))

    def need_local(self):
        if self.daemon is None:
            raise NotRun("needs the daemon's insides: local mode only")

    # -- what --------------------------------------------------------------------------------

    def repo(self):
        self._n += 1
        return f"{self.namespace}/r{self._n}"

    def expect(self, answer, *statuses):
        if answer.status not in statuses:
            raise SetupFailed(f"{answer}, expected {statuses}")
        return answer

    def push_blob(self, repo, data, role="publisher"):
        agent = self.agent(role)
        started = self.expect(agent.ask("POST", f"/v2/{repo}/blobs/uploads/", repo=repo), 202)
        where = started.header("Location")
        where += ("&" if "?" in where else "?") + "digest=" + digest_of(data)
        self.expect(agent.ask("PUT", where, body=data, repo=repo, content_type="application/octet-stream"), 201)
        return digest_of(data)

    def put(self, repo, reference, manifest, role="publisher", query=""):
        """PUT a manifest and give back the answer, whatever it is."""
        return self.agent(role).ask("PUT", f"/v2/{repo}/manifests/{reference}{query}", body=manifest.bytes, repo=repo,
                                    content_type=manifest.media_type)

    def push(self, repo, manifest, tag=None, role="publisher"):
        for data in manifest.blobs:
            self.push_blob(repo, data, role)
        self.expect(self.put(repo, tag or manifest.digest, manifest, role), 201)
        return manifest

    def hold(self, repo=None, tag="held", role="publisher", **members):
        """Push an image that is then in quarantine; its secrets are watched from before the push."""
        repo = repo or self.repo()
        public = self.watch.secret(READERS | {role}, "echo")
        private = self.watch.secret(READERS, "held")
        layers = members.pop("layers", None) or [f"layer {private} ".encode() * 40]
        manifest = image(layers=layers, secret=public, **members)
        self.push(repo, manifest, tag, role)
        self.state(repo, manifest.digest, "quarantined")
        return Held(repo, tag, manifest, public, private)

    def state(self, repo, digest, want=None):
        """The state as a processor sees it."""
        got = self.agent("processor").get(repo, f"_roadstead/quarantine/{digest}")
        self.expect(got, 200)
        state = got.json()["state"]
        if want is not None and state != want:
            raise SetupFailed(f"{repo}@{digest} is {state}, expected {want}")
        return state

    def decide(self, repo, digest, state, role="processor", headers=None, **more):
        return self.agent(role).ask("PATCH", f"/v2/{repo}/_roadstead/quarantine/{digest}", body={"state": state, **more},
                                    repo=repo, headers=headers)

    def events_of(self, digest, role="processor"):
        found, after = [], 0
        while True:
            page = self.expect(self.agent(role).ask("GET", f"/v2/_roadstead/events?after={after}&n=500"), 200).json()
            found += page["events"]
            if not page["more"]:
                return [e for e in found if e["digest"] == digest]
            after = page["next"]

    def feed(self, digest):
        """The page of the event feed that begins with the first event about this digest, however many came before."""
        return f"/v2/_roadstead/events?after={self.events_of(digest)[0]['sequence'] - 1}&n=1000"

    def release(self, repo, digest):
        return self.expect(self.decide(repo, digest, "released"), 200)

    def fail(self, repo, digest):
        return self.expect(self.decide(repo, digest, "failed"), 200)

    def released(self, repo=None, tag="live", **members):
        repo = repo or self.repo()
        manifest = self.push(repo, image(**members), tag)
        self.release(repo, manifest.digest)
        return repo, manifest

    def disclose(self, held):
        self.watch.disclose(held.public)
        self.watch.disclose(held.private)

    # -- with an admin -----------------------------------------------------------------------

    def admin(self):
        self.need("admin")
        return self.agent("admin")

    def user(self, *grants):
        """A user of this run alone, with grants (role or permission, pattern); returns (name, password, grant ids)."""
        name, password = f"bypass-{secrets.token_hex(6)}", secrets.token_urlsafe(18)
        admin = self.admin()
        self.expect(admin.ask("POST", "/v2/_roadstead/admin/users", body={"name": name, "password": password}), 201)
        ids = []
        for what, pattern in grants:
            got = admin.ask("POST", "/v2/_roadstead/admin/grants", body={"principal": name, "role": what, "pattern": pattern})
            ids.append(self.expect(got, 201).json()["id"])
        return name, password, ids

    def as_user(self, user, role, scheme="basic"):
        """An agent of its own for such a user; `role` says what may be seen."""
        return Agent(self.base_url, self.watch, role, scheme, user[:2], self.context)

    def policy(self, pattern, **rules):
        got = self.admin().ask("PUT", "/v2/_roadstead/policies", body={"pattern": pattern, "position": 0, **rules})
        self.expect(got, 200, 201)

    # -- connections -------------------------------------------------------------------------

    def close(self):
        for agent in self._agents.values():
            agent.close()

    def reconnect(self):
        """The daemon was started again, on another port."""
        self.close()
        self._agents.clear()
        self.base_url = self.daemon.url

    def at(self, base_url):
        """The same principals at another registry, under the same watch."""
        other = World(base_url, self.credentials, self.namespace, self.context)
        other.watch = self.watch
        return other
