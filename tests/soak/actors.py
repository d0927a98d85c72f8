"""Who is at work in a soak: pushers, processors, deleters and pullers, each a thread with connections of its own."""

import random
import threading
import time

from client import digest_of
from daemon import DEADLINE_S
from ledger import Broken, Look

OCTETS = "application/octet-stream"
SLACK_S = 0.05          # by so much the daemon's clock of a lease or an upload may be coarser than ours
CHUNKS = 3
PULLS_PER_PUSH = 3


def short(digest):
    return digest[:19]


class Actor(threading.Thread):
    """Repeats step() until the soak is over; what goes wrong ends the soak."""

    def __init__(self, soak, number):
        super().__init__(name=f"{type(self).__name__.lower()}-{number}")
        self.soak, self.ledger, self.universe = soak, soak.ledger, soak.universe
        self.rng = random.Random(f"{soak.seed} {self.name}")
        self.clients = {}

    def client(self, who):
        if who not in self.clients:
            self.clients[who] = self.soak.client(who)
        return self.clients[who]

    def run(self):
        try:
            while not self.soak.over.is_set():
                self.step()
        except Exception as e:  # noqa: BLE001  (whatever it is belongs into the report)
            self.soak.failed(self.name, e)
        finally:
            for client in self.clients.values():
                client.close()

    def choose(self, table):
        weights, operations = zip(*table)
        self.rng.choices(operations, weights)[0]()

    def any_repository(self):
        return self.rng.choice(list(self.ledger.repositories))

    def note(self, text):
        self.soak.note(f"{self.name}: {text}")

    def done(self, what):
        self.soak.count(what)

    def wait_until(self, condition):
        """Until others have made room or work, or the soak is over."""
        with self.ledger.mu:
            self.ledger.mu.wait_for(lambda: self.soak.over.is_set() or condition(), timeout=1)
        return condition() and not self.soak.over.is_set()

    def require(self, condition, what, got):
        if not condition:
            raise Broken(f"{what}: {got}")


class Promise:
    """A blob that the daemon said was there, just after `since`: it may be named for the time of a lease, or while another manifest keeps it."""

    def __init__(self, lease_s, since, holders):
        self.until = since + lease_s - SLACK_S
        self.holders = holders

    def holds(self):
        return time.monotonic() < self.until or any(h.has_been_there() for h in self.holders)


class Expired(Exception):
    """An upload session that was left alone for so long that it may be gone."""


class Pusher(Actor):
    def step(self):
        self.choose([(78, self.push), (8, self.attach), (8, self.abandon), (6, self.lone_blob)])

    def who(self):
        return self.rng.choice(["publisher", "publisher2", "publisher", "processor"])

    # -- images ----------------------------------------------------------------------------------------

    def push(self):
        repository = self.any_repository()
        if not self.wait_until(lambda: self.ledger.population() < self.soak.population_max):
            return
        known = self.ledger.any_manifest(self.rng, repository) if self.rng.random() < 0.15 else None
        unit = self.universe.unit_of[known] if known else self.rng.choice(self.universe.units)
        tag = self.rng.choice([None, *self.soak.tags, *self.soak.tags])
        with self.ledger.claim(repository, unit, tag=tag) as claim:
            if claim:
                self.send(claim, unit.pushed, tag, self.who())
                self.done("pushes")

    def attach(self):
        repository = self.any_repository()
        known = self.ledger.any_manifest(self.rng, repository)
        unit = self.universe.unit_of[known] if known else None
        if unit is None or not unit.attachments:
            return
        with self.ledger.claim(repository, unit) as claim:
            if claim:
                self.send(claim, [self.rng.choice(unit.attachments)], None, self.rng.choice(["processor"] * 4 + ["publisher"]))
                self.done("attachments")

    def send(self, claim, contents, tag, who):
        """All blobs, then all manifests, the last one with the tag."""
        way = self.rng.choices(["careful", "blind", "mounting"], [70, 10, 20])[0]
        promises = {content.digest: self.promises(claim, content, who, way) for content in contents}
        self.rest()
        for content in contents:
            self.put(claim, content, tag if content is contents[-1] else None, who, promises[content.digest])

    def rest(self):
        """Between the blobs and the manifests."""

    def promises(self, claim, content, who, way):
        return {named: self.ensure(claim, named, data, who, way) for named, data in content.data.items()}

    def put(self, claim, content, tag, who, promises):
        """One manifest, as often as it takes: who comes too late has to look after the blobs once more."""
        client = self.client(who)
        with claim.change(lambda model, repo: self.model_push(model, repo, who, content, tag)) as wanted:
            while not self.is_put(claim, client, content, tag, promises, wanted):
                self.done("late")
                promises = self.promises(claim, content, who, "careful")
        self.note(f"put {claim.repository} {tag} {short(content.digest)} as {who}: {wanted}")
        if wanted == 201 and self.rng.random() < 0.3:
            self.read_back(claim, client, content, who)

    @staticmethod
    def model_push(model, repo, who, content, tag):
        for named, data in content.data.items():
            model.upload(repo, who, data, named.startswith("sha512:"))
        return model.push(repo, who, content, tag)

    def is_put(self, claim, client, content, tag, promises, wanted):
        got = client.put_manifest(claim.repository, tag or content.digest, content.bytes, content.media_type)
        late = {named for named, promise in promises.items() if not promise.holds()}
        if got.status == wanted:
            # Where quarantine is off nothing says that a blob had gone meanwhile.
            return wanted != 201 or not late or self.ledger.repositories[claim.repository]
        missing = set()
        if got.code == "MANIFEST_BLOB_UNKNOWN":
            missing = {named for named, data in content.data.items() if named in got.message or digest_of(data) in got.message}
        self.require(missing and missing <= late, f"push of {content.digest} to {claim.repository} as {client.name}, expected {wanted}", got)
        self.note(f"put {claim.repository} {short(content.digest)}: came too late for {', '.join(map(short, missing))}")
        return False

    def read_back(self, claim, client, content, who):
        role = "Q" if who == "processor" else "W"
        wanted, _ = claim.answer(role, who, content.digest)
        got = client.get_manifest(claim.repository, content.digest)
        self.require(got.status == wanted and (wanted != 200 or got.body == content.bytes),
                     f"{who} reads back {claim.repository}@{content.digest}, expected {wanted}", got)

    # -- blobs -----------------------------------------------------------------------------------------

    def ensure(self, claim, named, data, who, way):
        """What clients do before they name a blob: ask for it, mount it, or send it.  Gives a Promise."""
        repository, client = claim.repository, self.client(who)
        holders = self.ledger.holders(repository, named)
        since = time.monotonic()
        if way != "blind":
            got = self.ask(client, repository, named, holders)
            self.note(f"head {repository} {short(named)}: {got.status}")
            if got.status == 200:
                self.require(int(got.headers["Content-Length"]) == len(data), f"the length of {named}", got)
                return Promise(self.soak.lease_s, since, holders)
            if self.soak.was_there(repository, named):
                self.done("reborn")
        if way == "mounting":
            since = self.mount(client, repository, named, data, who)
        else:
            since = self.upload(client, repository, named, data)
        self.soak.is_there(repository, named)
        self.note(f"{way} {repository} {short(named)} is there")
        return Promise(self.soak.lease_s, since, holders)

    def ask(self, client, repository, named, holders):
        """Is it there?  It has to be while a manifest keeps it.  For the moment in which the collector looks once more at what was garbage
        before that manifest came, a pusher hears "no", which only makes him send it again; nobody may hear it for longer."""
        end = time.monotonic() + DEADLINE_S
        while True:
            got = client.head(f"/v2/{repository}/blobs/{named}")
            if got.status == 200 or not any(h.has_been_there() for h in holders):
                self.require(got.status in (200, 404), f"{client.name} asks for {named} in {repository}", got)
                return got
            self.require(got.status == 404 and time.monotonic() < end, f"{client.name} asks for {named} in {repository}, where it is kept", got)
            self.done("asked again")

    def mount(self, client, repository, named, data, who):
        """From where it seems to be; it has to be mounted if a manifest that this client may read keeps it open there, else it is sent."""
        source = self.ledger.repository_with(self.rng, named) or self.any_repository()
        role = "Q" if who == "processor" else "R"   # what a publisher reads of others' content, a consumer reads
        looks = [Look(self.ledger, source, m.digest, role) for m in self.universe.naming.get(named, [])]
        since = time.monotonic()
        got = client.request("POST", f"/v2/{repository}/blobs/uploads/?mount={named}&from={source}")
        is_open = any(look.has_been_there() for look in looks)
        self.require(got.status == 201 or (got.status == 202 and not is_open), f"{who} mounts {named} from {source} into {repository}", got)
        self.note(f"mount {source} to {repository} {short(named)}: {got.status}")
        if got.status == 201:
            self.done("mounts")
            return since
        try:
            return self.upload_finish(client, got.headers["Location"], named, data, since)
        except Expired:
            return self.upload(client, repository, named, data)

    def upload(self, client, repository, named, data):
        """Send a blob; gives the time just before the daemon had it."""
        way = self.rng.choice([self.upload_at_once, self.upload_whole, self.upload_in_chunks])
        while True:
            try:
                return way(client, repository, named, data)
            except Expired:
                self.done("late")

    def session_answered(self, got, wanted, touched, what):
        """Must be as wanted, unless nobody touched the session for as long as it lives: it is gone, or just being removed."""
        is_gone = got.status == 404 and got.code == "BLOB_UPLOAD_UNKNOWN" or got.status == 409
        if is_gone and time.monotonic() - touched >= self.soak.expiry_s - SLACK_S:
            raise Expired
        self.require(got.status == wanted, what, got)

    def upload_at_once(self, client, repository, named, data):
        since = time.monotonic()
        got = client.request("POST", f"/v2/{repository}/blobs/uploads/?digest={named}", body=data, content_type=OCTETS)
        self.session_answered(got, 201, since, f"an upload of {named} to {repository} at once")
        return since

    def upload_start(self, client, repository):
        got = client.request("POST", f"/v2/{repository}/blobs/uploads/")
        self.require(got.status == 202, f"an upload to {repository} starts", got)
        return got.headers["Location"]

    def upload_finish(self, client, where, named, body, touched):
        since = time.monotonic()
        got = client.request("PUT", f"{where}?digest={named}", body=body, content_type=OCTETS)
        self.session_answered(got, 201, touched, f"the end of an upload of {named}")
        return since

    def upload_whole(self, client, repository, named, data):
        touched = time.monotonic()
        return self.upload_finish(client, self.upload_start(client, repository), named, data, touched)

    def upload_in_chunks(self, client, repository, named, data):
        touched = time.monotonic()
        where = self.upload_start(client, repository)
        size = max(1, len(data) // CHUNKS)
        for at in range(0, len(data) - size, size):
            sent = time.monotonic()
            got = client.request("PATCH", where, body=data[at:at + size], content_type=OCTETS, headers={"Content-Range": f"{at}-{at + size - 1}"})
            self.session_answered(got, 202, touched, f"a chunk of {named}")
            touched = sent
        return self.upload_finish(client, where, named, data[at + size:], touched)

    # -- what never becomes an image -------------------------------------------------------------------

    def abandon(self):
        """An upload that nobody finishes: left alone, cancelled, or found again."""
        client, repository = self.client("publisher"), self.any_repository()
        touched = time.monotonic()
        where = self.upload_start(client, repository)
        if self.rng.random() < 0.6:
            sent = time.monotonic()
            got = client.request("PATCH", where, body=self.rng.choice(self.universe.layers)[:5000], content_type=OCTETS)
            try:
                self.session_answered(got, 202, touched, "the first bytes of an upload")
            except Expired:
                return
            touched = sent
        end = self.rng.choice(["leave", "leave", "cancel", "look"])
        try:
            if end == "cancel":
                self.session_answered(client.request("DELETE", where), 204, touched, "an upload is cancelled")
                gone = client.get(where)
                self.require(gone.status == 404, "a cancelled upload", gone)
            elif end == "look":
                self.soak.over.wait(self.rng.uniform(0, 2) * self.soak.expiry_s)
                self.session_answered(client.get(where), 204, touched, "an upload is looked at")
            else:
                self.done("uploads left alone")
        except Expired:
            pass
        self.done("abandoned uploads")

    def lone_blob(self):
        """A blob that no manifest names there: sent, found, and deleted again; other repositories keep theirs."""
        layer = self.rng.choice(self.universe.layers)
        named, repository, client = digest_of(layer), self.any_repository(), self.client("publisher")
        units = self.universe.units_with.get(named, set())
        with self.ledger.claim(repository, *units, blob=named) as claim:
            if not claim or any(self.ledger.has(repository, m.digest) for unit in units for m in unit.members):
                return
            path = f"/v2/{repository}/blobs/{named}"
            promise = Promise(self.soak.lease_s, self.upload(client, repository, named, layer), [])
            found = client.head(path)
            self.require(found.status == 200 or not promise.holds(), f"{path} after its upload", found)
            if self.rng.random() < 0.5:
                gone = self.client("maintainer").request("DELETE", path)
                self.require(gone.status == 202 or (gone.status == 404 and not promise.holds()), f"{path} is deleted", gone)
                found = client.head(path)
                self.require(found.status == 404, f"{path} after it was deleted", found)
        self.done("lone blobs")


class Latecomer(Pusher):
    """Trusts what it was told for longer than it may: names blobs when the collector is just about to take them, or has."""

    def step(self):
        self.push()

    def rest(self):
        self.soak.over.wait(self.rng.uniform(1, 2) * self.soak.lease_s)


class Processor(Actor):
    """Decides what is in quarantine, once enough of it is."""

    def step(self):
        held = self.ledger.held()
        if len(held) < self.soak.held_min:
            self.wait_until(lambda: len(self.ledger.held()) >= self.soak.held_min)
            return
        repository, digest = self.rng.choice(held)
        unit = self.universe.unit_of[digest]
        if self.rng.random() < 0.7:
            digest = unit.root.digest
        state = "failed" if self.rng.random() < 0.15 else "released"
        with self.ledger.claim(repository, unit) as claim:
            if not claim:
                return
            with claim.change(lambda model, repo: model.decide(repo, "processor", digest, state)) as wanted:
                got = self.client("processor").decide(repository, digest, state)
                self.require(got.status == wanted, f"{state} for {repository}@{digest}, expected {wanted}", got)
        self.note(f"{state} {repository} {short(digest)}: {wanted}")
        self.done("decisions")


class Deleter(Actor):
    def step(self):
        if not self.wait_until(lambda: self.ledger.population() > self.soak.population_min):
            return
        self.choose([(65, self.delete_unit), (10, self.delete_manifest), (25, self.delete_tag)])

    def delete_unit(self):
        repository = self.any_repository()
        digest = self.ledger.any_manifest(self.rng, repository)
        if digest is None:
            return
        unit = self.universe.unit_of[digest]
        with self.ledger.claim(repository, unit) as claim:
            if claim:
                members = [m for m in unit.members if self.ledger.has(repository, m.digest)]
                for member in self.rng.sample(members, len(members)):
                    self.delete(claim, member.digest)

    def delete_manifest(self):
        repository = self.any_repository()
        digest = self.ledger.any_manifest(self.rng, repository)
        if digest is None:
            return
        with self.ledger.claim(repository, self.universe.unit_of[digest]) as claim:
            if claim:
                self.delete(claim, digest)

    def delete(self, claim, digest):
        self.delete_reference(claim, digest, lambda model, repo: model.delete_manifest(repo, "maintainer", digest))
        self.done("deletes")

    def delete_tag(self):
        repository, tag = self.any_repository(), self.rng.choice(self.soak.tags)
        with self.ledger.claim(repository, tag=tag) as claim:
            if not claim:
                return
            self.delete_reference(claim, tag, lambda model, repo: model.delete_tag(repo, "maintainer", tag))
        self.done("tag deletes")

    def delete_reference(self, claim, reference, change):
        with claim.change(change) as wanted:
            got = self.client("maintainer").request("DELETE", f"/v2/{claim.repository}/manifests/{reference}")
            self.require(got.status == wanted, f"delete {reference} in {claim.repository}, expected {wanted}", got)
        self.note(f"delete {claim.repository} {short(reference)}: {wanted}")


class Puller(Actor):
    def __init__(self, soak, number):
        super().__init__(soak, number)
        self.reading = Reading(soak, self.client)

    def step(self):
        """Pulling is so much quicker than pushing that it would leave the pushers no machine."""
        if self.wait_until(lambda: self.soak.counts["pulls"] <= PULLS_PER_PUSH * self.soak.counts["pushes"]):
            self.pull()

    def pull(self):
        self.choose([(45, self.by_digest), (40, self.by_tag), (8, self.referrers), (7, self.tags)])

    def role(self):
        return self.rng.choice(["R", "R", "Q"])

    def by_digest(self):
        repository = self.any_repository()
        digest = self.ledger.any_manifest(self.rng, repository)
        if digest is None or self.rng.random() < 0.03:
            digest = self.rng.choice(list(self.universe.members))
        self.done(self.reading.pull(repository, digest, self.role()))

    def by_tag(self):
        repository, role = self.any_repository(), self.role()
        tag = self.ledger.any_tag(self.rng, repository) if self.rng.random() < 0.9 else None
        tag = tag or self.rng.choice(self.soak.tags)
        if self.rng.random() < 0.3:
            self.reading.head(repository, tag, role)
        self.done(self.reading.pull(repository, tag, role))

    def referrers(self):
        repository = self.any_repository()
        digest = self.ledger.any_manifest(self.rng, repository)
        if digest is not None:
            self.reading.referrers(repository, self.universe.unit_of[digest], self.role())
            self.done("lists")

    def tags(self):
        self.reading.tags(self.any_repository(), self.role())
        self.done("lists")


class Reading:
    """Reading whatever a role may read, and knowing what has to come."""

    def __init__(self, soak, client):
        self.soak, self.ledger, self.universe, self.client = soak, soak.ledger, soak.universe, client

    def reader(self, role):
        return self.client(self.soak.readers[role])

    def pull(self, repository, reference, role):
        """Manifest, config, layers, and the parts of an index; says how it came out: whole, refused, or taken away meanwhile."""
        client, look = self.reader(role), Look(self.ledger, repository, reference, role)
        got = client.get_manifest(repository, reference)
        digest = digest_of(got.body) if got.status == 200 else None
        self.check(look, repository, reference, (got.status, digest), got)
        if got.status != 200:
            self.keep_out(client, repository, reference, look)
            return "refused"
        content = self.universe.members[digest]
        if got.headers["Content-Type"] != content.media_type or got.headers["Docker-Content-Digest"] != digest:
            raise Broken(f"the headers of {repository} {reference}: {got.headers}")
        if reference != digest:
            look = Look(self.ledger, repository, digest, role)
        if not all([self.fetch(client, repository, named, data, look) for named, data in content.data.items()]):
            return "taken away"
        parts = [self.pull(repository, child, role) for child in content.children]
        return "pulls" if all(part == "pulls" for part in parts) else "taken away"

    def check(self, look, repository, reference, answer, got):
        possible = look.possible()
        if answer not in possible:
            raise Broken(f"{self.soak.readers[look.role]} reads {repository} {reference}: {answer}, {got}; possible: {sorted(possible, key=str)}")

    def fetch(self, client, repository, named, data, look):
        """A blob of a manifest that the look is about; false when that one was taken away meanwhile."""
        got = client.get_blob(repository, named)
        if got.status == 200 and got.body == data:
            return True
        if got.status == 200 or got.status not in (403, 404) or look.has_been_there():
            raise Broken(f"{client.name} gets {named} of {repository}: {got}, {len(got.body)} of {len(data)} bytes")
        return False

    def keep_out(self, client, repository, reference, look):
        """A consumer who may not read an image may not read its config either, which nothing else names."""
        content = self.universe.members.get(reference)
        if look.role != "R" or content is None or content.config not in content.data or content.is_attachment:
            return
        got = client.get_blob(repository, content.config)
        if got.status not in (403, 404) and not (got.status == 200 and look.may_be_there()):
            raise Broken(f"{client.name} gets the config {content.config} of {repository}@{reference}: {got}")

    def head(self, repository, reference, role):
        client, look = self.reader(role), Look(self.ledger, repository, reference, role)
        got = client.head(f"/v2/{repository}/manifests/{reference}")
        self.check(look, repository, reference, (got.status, got.headers["Docker-Content-Digest"] if got.status == 200 else None), got)

    def referrers(self, repository, unit, role):
        for subject in {a.subject for a in unit.attachments}:
            looks = {a.digest: Look(self.ledger, repository, a.digest, role) for a in unit.attachments if a.subject == subject}
            got = {d["digest"] for d in self.reader(role).referrers(repository, subject).json()["manifests"]}
            self.listed(f"{role}'s referrers of {repository}@{subject}", got, looks)

    def tags(self, repository, role):
        looks = {tag: Look(self.ledger, repository, tag, role) for tag in self.soak.tags}
        self.listed(f"{role}'s tags of {repository}", set(self.reader(role).tags(repository)), looks)

    @staticmethod
    def listed(what, got, looks):
        missing = {name for name, look in looks.items() if name not in got and look.has_been_there()}
        surplus = {name for name in got if name not in looks or not looks[name].may_be_there()}
        if missing or surplus:
            raise Broken(f"{what}: {sorted(missing)} are missing, {sorted(surplus)} are too many")
