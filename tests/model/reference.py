"""A reference model of the quarantine: what the registry has to answer, in as few words as possible.

It knows nothing of HTTP or SQL.  Every operation changes the model and returns the status that the daemon has to give; `events` and
`records` collect what the feed and the audit log have to show, in order.  Reads ask `manifest()`, `blob()`, `tags()` and so on.
"""

import fnmatch
import re

from client import digest_of, dumps

HELD = ("quarantined", "failed")
EMPTY_JSON = digest_of(b"{}")
FALLBACK = re.compile(r"^sha256-([0-9a-f]{64})(\.sig|\.att|\.sbom)?$")


class Content:
    """The bytes of a manifest, and what the model has to know about them.  Never changes.

    `data` are the blobs: digest -> bytes, by the digests that the manifest names.  `names` are the run's: sha512 -> sha256 as far as the
    registry knows.  What is asked for is canonical at that time, as it is in the registry.
    `is_attachment` means its shape: what it is in the end depends on the tags that it is pushed under.
    """

    def __init__(self, names, doc, data, children=(), subject=None, is_attachment=False):
        self.names = names
        self.bytes = dumps(doc)
        self.digest = digest_of(self.bytes)
        self.media_type = doc["mediaType"]
        self.data = data
        self._config = doc.get("config", {}).get("digest")
        self.config_is_image = doc.get("config", {}).get("mediaType", "").endswith(("image.config.v1+json", "container.image.v1+json"))
        self.is_index = "manifests" in doc
        self._children = list(children)
        self._subject = subject
        self.is_attachment = is_attachment
        self.descriptor = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.bytes)}

    def __deepcopy__(self, memo):
        return self

    @property
    def blobs(self):
        return {self.names.get(d, d) for d in self.data}

    @property
    def config(self):
        return self.names.get(self._config, self._config)

    @property
    def children(self):
        return [self.names.get(c, c) for c in self._children]

    @property
    def subject(self):
        return self.names.get(self._subject, self._subject)


class Manifest:
    def __init__(self, order, content, publisher):
        self.order = order
        self.content = content
        self.publisher = publisher
        self.state = "quarantined"
        self.is_attachment = False
        self.subject = None             # the digest that it is attached to
        self.pushers = set()
        self.joined = False
        self.tagged = False             # was it ever pushed under a tag?
        self.children = []              # the Manifests linked when an index was pushed
        self.opens = set()              # the blobs that were in the repository when it was pushed
        self.tags = {}                  # tag -> sequence of its latest push to this manifest
        self.failed_by = None           # "decision" or "check"
        self.reports = {}               # check -> (state, reporter)
        self.failing = set()            # checks that failed while required and have not passed since

    @property
    def digest(self):
        return self.content.digest

    @property
    def held(self):
        return self.state in HELD


class Tag:
    def __init__(self):
        self.live = None
        self.live_seq = 0
        self.staged = None

    @property
    def latest(self):
        return self.staged or self.live


class Repository:
    def __init__(self, name):
        self.name = name
        self.quarantine = True
        self.echo = True
        self.disclose = True
        self.immutable = []             # patterns of tags
        self.checks = []                # required ones
        self.manifests = {}
        self.tags = {}
        self.present = set()            # blobs uploaded or mounted here
        self.withdrawn = set()          # of those: deleted while manifests name them
        self.uploaders = set()          # (blob, principal)
        self.verdicts = {}              # of deleted manifests: digest -> (failed by, failing reports)

    def is_immutable(self, tag):
        return any(fnmatch.fnmatchcase(tag, pattern) for pattern in self.immutable)


class Rights:
    """What a principal may do; `column` is Q, W, R or None (SPEC 4)."""

    def __init__(self, column, push=False, attach=False, decide=False, delete=False):
        self.column, self.push, self.attach, self.decide, self.delete = column, push, attach, decide, delete


OVERRIDER = "chief"  # what a processor is, with quarantine-override and every check
RIGHTS = {
    "processor": Rights("Q", push=True, attach=True, decide=True),
    "qreader": Rights("Q"),
    "publisher": Rights("W", push=True),
    "publisher2": Rights("W", push=True),
    "maintainer": Rights("W", push=True, delete=True),
    "consumer": Rights("R"),
}


class Place:
    """What a push is: an attachment to which subject, or an image; and which of its tags are new."""

    def __init__(self, repo, content, known, tags):
        fallbacks = [self._subject_of(content, tag) for tag in tags]
        self.new_tags = [t for t in tags if known is None or t not in repo.tags or repo.tags[t].latest is not known]
        self.new_fallbacks = [s for t, s in zip(tags, fallbacks) if s is not None and t in self.new_tags]
        self.subject = content.subject or next((s for s in fallbacks if s is not None), None)
        self.is_attachment = content.is_attachment and self.subject is not None and all(s == self.subject for s in fallbacks)
        if known is not None and known.is_attachment and self.subject is None and not tags:
            self.subject, self.is_attachment = known.subject, True
        named = {content.subject, *self.new_fallbacks} | ({self.subject} if not tags else set())
        self.held_subjects = [s for s in named if s in repo.manifests and repo.manifests[s].held]

    @staticmethod
    def _subject_of(content, tag):
        found = FALLBACK.match(tag)
        subject = f"sha256:{found[1]}" if found else None
        return None if subject == content.digest else subject  # nothing is attached to itself


class Model:
    def __init__(self, names):
        self.names = names              # sha512 -> sha256
        self.repositories = {}
        self.seq = 0
        self.order = 0
        self.events = []                # (type, repository, tag, digest, actor, publisher)
        self.audience = []              # beside each event: is it for everybody with a grant?
        self.records = []               # (action, repository, tags, digest, actor, publisher)

    def repository(self, name):
        return self.repositories.setdefault(name, Repository(name))

    def event(self, kind, repo, tag, manifest, actor):
        self.events.append((kind, repo.name, tag, manifest.digest, actor, manifest.publisher))
        self.audience.append(not manifest.held)

    def record(self, action, repo, tags, manifest, actor):
        self.records.append((action, repo.name, list(tags), manifest.digest, actor, manifest.publisher))

    # -- blobs -----------------------------------------------------------------------------------

    def upload(self, repo, principal, data, by_sha512):
        if by_sha512:
            self.names[digest_of(data, "sha512")] = digest_of(data)
        self._link(repo, digest_of(data))
        repo.uploaders.add((digest_of(data), principal))

    @staticmethod
    def _link(repo, blob):
        repo.present.add(blob)
        repo.withdrawn.discard(blob)

    @staticmethod
    def _unlink(repo, blob):
        repo.present.discard(blob)
        repo.withdrawn.discard(blob)
        repo.uploaders = {u for u in repo.uploaders if u[0] != blob}

    @staticmethod
    def _is_named(repo, blob):
        return any(blob in m.content.blobs for m in repo.manifests.values())

    def mount(self, repo, source, who, blob):
        """Only what this principal may GET in the source; anything else is an upload like any other.  It sends no bytes, so none
        are given back to it."""
        if self.blob(source, RIGHTS[who].column, who, blob, "GET") != 200:
            return 202
        self._link(repo, blob)
        return 201

    def delete_blob(self, repo, blob):
        """An image does not lose its layers: what is named goes with the last manifest that names it."""
        if blob not in repo.present:
            return 404
        if self._is_named(repo, blob):
            repo.withdrawn.add(blob)
        else:
            self._unlink(repo, blob)
        return 202

    def collect(self):
        """What no manifest of a repository names leaves it, and with the last repository its other name goes; returns [(repository, blob)]."""
        gone = [(r, b) for r in self.repositories.values() for b in sorted(r.present) if not self._is_named(r, b)]
        for repo, blob in gone:
            self._unlink(repo, blob)
        named = {b for r in self.repositories.values() for m in r.manifests.values() for b in m.content.blobs}
        for name in [n for n, d in self.names.items() if d in {b for _, b in gone} - named]:
            del self.names[name]
        return gone

    # -- pushing ---------------------------------------------------------------------------------

    def push(self, repo, who, content, tags=None, by_sha512=False):
        """Push a manifest whose blobs may have been uploaded; the status that has to come back."""
        tags = [tags] if isinstance(tags, str) else list(tags or [])
        known = repo.manifests.get(content.digest)
        name = digest_of(content.bytes, "sha512")
        is_news = by_sha512 and name not in self.names
        if is_news:
            self.names[name] = content.digest
        place = Place(repo, content, known, tags)
        repeats = known is not None and (not place.new_tags if tags else who in known.pushers)
        refused = None if repeats else self._judge(repo, who, content, known, place)
        if refused:
            if is_news:
                del self.names[name]
            return refused
        if is_news:
            self._renamed(who, name)
        if repeats:
            self._refresh(repo, who, known)
        elif known is None:
            self._first_push(repo, who, content, tags, place)
        else:
            self._refresh(repo, who, known)
            self._push_again(repo, who, known, tags, place)
        return 201

    def _renamed(self, who, name):
        """Whatever names these bytes by their sha512 digest names them by the other now; who waits for what is released waits no more."""
        digest = self.names[name]
        for repo in self.repositories.values():
            for m in repo.manifests.values():
                if m.subject == name:
                    m.subject = digest
            subject = repo.manifests.get(digest)
            if subject is not None and not subject.held:
                for other in self._attached(repo, subject):
                    self._detach(repo, who, other)

    def _judge(self, repo, who, content, known, place):
        rights = RIGHTS[who]
        if place.held_subjects and not rights.attach:
            return 403
        if known is not None and not known.held and not rights.decide:
            for subject in place.new_fallbacks:
                if repo.quarantine or (subject in repo.manifests and repo.manifests[subject].held):
                    return 403
        for tag in place.new_tags:
            entry = repo.tags.get(tag)
            if entry is not None and entry.live is not None and entry.live is not known and repo.is_immutable(tag):
                return 409
        if repo.quarantine and not (content.blobs <= repo.present and all(c in repo.manifests for c in content.children)):
            return 404
        return None

    def _refresh(self, repo, who, known):
        """What every push of known bytes does: where quarantine is off, blobs that came later are opened."""
        known.pushers.add(who)
        late = (known.content.blobs & repo.present) - known.opens
        if not repo.quarantine and not known.held and late:
            known.opens |= late
            self.record("pushed", repo, [], known, who)

    def _first_push(self, repo, who, content, tags, place):
        self.order += 1
        manifest = Manifest(self.order, content, who)
        manifest.pushers.add(who)
        manifest.is_attachment, manifest.subject, manifest.tagged = place.is_attachment, place.subject, bool(tags)
        manifest.children = [repo.manifests[c] for c in content.children if c in repo.manifests]
        manifest.opens = content.blobs & repo.present
        manifest.state, manifest.joined = self._admission(repo, who, content, place)
        if content.digest in repo.verdicts:
            # It is the manifest's own again: who might lift it may do so.
            manifest.state = "failed"
            manifest.failed_by, manifest.reports = repo.verdicts.pop(content.digest)
            manifest.failing = set(manifest.reports)
        repo.manifests[content.digest] = manifest
        self.record({"released": "pushed"}.get(manifest.state, manifest.state), repo, tags, manifest, who)
        is_silent = manifest.state == "failed" or manifest.joined
        self._tag(repo, who, manifest, tags, is_silent)
        if not tags and not is_silent:
            self.event("quarantine" if manifest.held else "push", repo, None, manifest, who)
        if not manifest.held:
            # What was pushed before its subject and waits for it needs a decision of its own when the subject comes released.
            for other in self._attached(repo, manifest):
                self._detach(repo, who, other)

    def _admission(self, repo, who, content, place):
        """(state, joined) of a first push."""
        rights = RIGHTS[who]
        if not place.is_attachment:
            is_free = not repo.quarantine and not place.held_subjects and not self._names_held(repo, content)
            return ("released" if is_free else "quarantined"), False
        subject = repo.manifests.get(place.subject)
        if subject is not None and subject.held:
            return "quarantined", True
        if not repo.quarantine:
            return "released", False
        if subject is not None:
            return ("released" if rights.decide else "quarantined"), False
        return "quarantined", rights.attach

    @staticmethod
    def _names_held(repo, content):
        queue, seen = [content], set()
        while queue:
            for digest in queue.pop().children:
                child = repo.manifests.get(digest)
                if child is None or digest in seen:
                    continue
                if child.held:
                    return True
                seen.add(digest)
                queue.append(child.content)
        return False

    def _push_again(self, repo, who, manifest, tags, place):
        if not tags:
            return
        is_same = place.is_attachment and manifest.subject == place.subject
        if manifest.is_attachment and manifest.held and not is_same:
            manifest.is_attachment = manifest.joined = False
        manifest.tagged = True
        self.record("tagged", repo, place.new_tags, manifest, who)
        self._tag(repo, who, manifest, place.new_tags, is_silent=manifest.joined)

    def _tag(self, repo, who, manifest, tags, is_silent):
        for tag in tags:
            self.seq += 1
            manifest.tags[tag] = self.seq
            entry = repo.tags.setdefault(tag, Tag())
            if manifest.held:
                entry.staged = manifest
            else:
                entry.live, entry.live_seq, entry.staged = manifest, self.seq, None
            if not is_silent:
                self.event("quarantine" if manifest.held else "push", repo, tag, manifest, who)

    def _detach(self, repo, who, manifest):
        """It waits no longer: held in its own right from now on."""
        manifest.joined = False
        if manifest.state == "quarantined":
            for tag in self._pushed_tags(manifest) or [None]:
                self.event("quarantine", repo, tag, manifest, who)

    # -- relations ---------------------------------------------------------------------------------

    @staticmethod
    def _pushed_tags(manifest):
        return sorted(manifest.tags, key=manifest.tags.get)

    @staticmethod
    def _held_descendants(manifest):
        out, queue = [], [manifest]
        while queue:
            for child in queue.pop(0).children:
                if child.held and child is not manifest and child not in out:
                    out.append(child)
                    queue.append(child)
        return out

    @staticmethod
    def _attached(repo, subject):
        """Joined attachments of a manifest, in push order."""
        return sorted((m for m in repo.manifests.values() if m.is_attachment and m.joined and m.held and m.subject == subject.digest),
                      key=lambda m: m.order)

    @staticmethod
    def _waits(repo, manifest):
        """Is it held with its subject?"""
        subject = repo.manifests.get(manifest.subject)
        return manifest.is_attachment and manifest.joined and subject is not None and subject.held

    def roots(self, repo, state):
        parts = {child.digest for m in repo.manifests.values() if m.state == "quarantined"
                 for child in (repo.manifests.get(d) for d in m.content.children) if child is not None and not child.tagged}
        return [m.digest for m in sorted(repo.manifests.values(), key=lambda m: m.order)
                if m.state == state and not m.joined and m.digest not in parts]

    # -- deciding ----------------------------------------------------------------------------------

    def decide(self, repo, who, digest, state, reason=None):
        manifest = repo.manifests.get(digest)
        if manifest is None:
            return 404
        if manifest.state == "released":
            return 200 if state == "released" else 409
        if state == "failed":
            self._fail(repo, who, manifest, "decision")
            return 200
        if not self._may_go(repo, manifest) or (self._missing(repo, manifest) and not (reason and who == OVERRIDER)):
            return 409
        self._release(repo, who, manifest)
        return 200

    def _fail(self, repo, who, manifest, by):
        tags = self._pushed_tags(manifest)
        self.record("failed", repo, tags, manifest, who)
        manifest.failed_by = by
        if manifest.state == "quarantined":
            manifest.state = "failed"
            self.event("quarantine_failed", repo, tags[0] if len(tags) == 1 else None, manifest, who)

    def _may_go(self, repo, manifest):
        descendants = self._held_descendants(manifest)
        if self._waits(repo, manifest) or any(d.state == "failed" for d in descendants):
            return False
        order = self._plan(repo, manifest, descendants)[0]
        return all(d in order for d in descendants)  # else a part is held with a subject which is not let out

    def _release(self, repo, who, manifest):
        order, held, failed = self._plan(repo, manifest, self._held_descendants(manifest))
        self._let_out(repo, who, manifest, order)
        for other in [*held, *failed]:
            self._detach(repo, who, other)

    def _plan(self, repo, target, descendants):
        """Everything that is released, attachments before their subject; and the attachments that stay: holding a blob, failed."""
        units = [target, *descendants]
        first = sorted((m for m in units if not (m is not target and self._waits(repo, m))), key=lambda m: m.order)
        below, seen, held, failed = {}, {m.digest for m in first}, [], []
        queue = list(first)
        while queue:
            subject = queue.pop(0)
            below[subject.digest] = []
            for m in self._attached(repo, subject):
                if m.digest in seen:
                    continue
                seen.add(m.digest)
                if m.state == "failed":
                    failed.append(m)
                elif m not in units and self._names_held_blob(repo, units, m):
                    held.append(m)
                else:
                    below[subject.digest].append(m)
                    queue.append(m)
        order = []

        def visit(m):
            for attached in below[m.digest]:
                visit(attached)
            order.append(m)

        for m in first:
            visit(m)
        return order, held, failed

    @staticmethod
    def _names_held_blob(repo, units, manifest):
        """Does an image outside of the release still hold one of its blobs in quarantine?"""
        for blob in manifest.content.blobs - {EMPTY_JSON}:
            naming = [m for m in repo.manifests.values() if blob in m.content.blobs]
            is_opened = any(not m.held and blob in m.opens for m in naming) or any(m in units and blob in m.opens for m in naming)
            if blob in repo.present and not is_opened and any(m.held and not m.is_attachment and m not in units for m in naming):
                return True
        return False

    def _let_out(self, repo, who, target, order):
        winners = {}
        for m in order:
            for tag, seq in m.tags.items():
                entry = repo.tags.setdefault(tag, Tag())
                if seq > winners.get(tag, (entry.live_seq, None))[0]:
                    winners[tag] = (seq, m)
        for m in order:
            m.state, m.joined, m.failed_by, m.failing = "released", False, None, set()
            for entry in repo.tags.values():
                if entry.staged is m:
                    entry.staged = None
        moved = {m.digest: [t for t in self._pushed_tags(m) if winners.get(t, (0, None))[1] is m and not self._is_fixed(repo, t, m)]
                 for m in order}
        for m in order:
            for tag in moved[m.digest]:
                repo.tags[tag].live, repo.tags[tag].live_seq = m, m.tags[tag]
        for m in [target, *(o for o in order if o is not target)]:
            self.record("released", repo, moved[m.digest], m, who)
        for m in order:
            for tag in moved[m.digest] or [None]:
                self.event("push", repo, tag, m, who)

    @staticmethod
    def _is_fixed(repo, tag, manifest):
        live = repo.tags[tag].live
        return live is not None and live is not manifest and repo.is_immutable(tag)

    # -- checks --------------------------------------------------------------------------------------

    @staticmethod
    def _missing(repo, manifest):
        return [c for c in repo.checks if manifest.reports.get(c, (None,))[0] != "passed"]

    @staticmethod
    def _failed_checks(repo, manifest):
        return manifest.failing | {c for c in repo.checks if manifest.reports.get(c, (None,))[0] == "failed"}

    def report(self, repo, who, digest, check, state):
        """One without details, so that the same from the same reporter is a repetition."""
        manifest = repo.manifests.get(digest)
        if manifest is None:
            return 404
        fails = state == "failed" and manifest.held and check in repo.checks
        if manifest.reports.get(check) == (state, who) and not (fails and check not in manifest.failing):
            return 200
        if state == "failed" and not manifest.held:
            return 409
        was_failing = check in manifest.failing
        manifest.reports[check] = (state, who)
        if fails:
            manifest.failing.add(check)
        elif state == "passed":
            manifest.failing.discard(check)
        if fails and manifest.state == "quarantined":
            self._fail(repo, who, manifest, "check")
        elif state == "passed" and manifest.held:
            self._passed(repo, who, manifest, check, was_failing)
        else:
            self.record("check", repo, [], manifest, who)
        return 200

    def _passed(self, repo, who, manifest, check, was_failing):
        if manifest.state == "failed" and (manifest.failed_by == "decision" or not was_failing or self._failed_checks(repo, manifest)):
            if was_failing:
                manifest.failing = self._failed_checks(repo, manifest)
            self.record("check", repo, [], manifest, who)
            return
        is_last = check in repo.checks and not self._missing(repo, manifest) and manifest.digest in self.roots(repo, manifest.state)
        if is_last and self._may_go(repo, manifest):
            self._release(repo, who, manifest)
        elif manifest.state == "failed":
            manifest.state, manifest.failed_by = "quarantined", None
            self.record("reversed", repo, [], manifest, who)
        else:
            self.record("check", repo, [], manifest, who)

    # -- deleting ----------------------------------------------------------------------------------

    def delete_tag(self, repo, who, tag):
        entry = repo.tags.get(tag)
        if entry is None or entry.latest is None:
            return 404
        manifest = entry.live or entry.staged
        del repo.tags[tag]
        for m in repo.manifests.values():
            m.tags.pop(tag, None)
        self.record("tag-deleted", repo, [tag], manifest, who)
        self.event("delete", repo, tag, manifest, who)
        return 202

    def delete_manifest(self, repo, who, digest):
        manifest = repo.manifests.pop(digest, None)
        if manifest is None:
            return 404
        if manifest.state == "failed":
            repo.verdicts[digest] = manifest.failed_by, {c: ("failed", manifest.reports[c][1]) for c in manifest.failing}
        gone = [t for t, e in sorted(repo.tags.items()) if e.live is manifest] + [t for t, e in sorted(repo.tags.items()) if e.staged is manifest]
        for tag in gone:
            entry = repo.tags[tag]
            if entry.live is manifest:
                entry.live = None       # live_seq stays: nothing older becomes live instead
            if entry.staged is manifest:
                entry.staged = None
            if entry.latest is None:
                self._forget_older(repo, tag, entry)
        for m in repo.manifests.values():
            m.children = [c for c in m.children if c is not manifest]
        for blob in manifest.content.blobs & repo.withdrawn:
            if not self._is_named(repo, blob):
                self._unlink(repo, blob)
        self.record("deleted", repo, gone, manifest, who)
        self.event("delete", repo, None, manifest, who)
        return 202

    @staticmethod
    def _forget_older(repo, tag, entry):
        """Nothing points there any more; what was pushed under it before the last live one is not to come back."""
        del repo.tags[tag]
        for m in repo.manifests.values():
            if m.tags.get(tag, entry.live_seq + 1) <= entry.live_seq:
                del m.tags[tag]

    # -- reading -----------------------------------------------------------------------------------

    def manifest(self, repo, role, who, reference):
        """(status, digest or None) of GET by tag or digest for a role: Q, W or R."""
        held_is = 403 if repo.disclose else 404
        if ":" in reference:
            found = repo.manifests.get(reference)
            if found is None:
                return 404, None
            if not found.held or role == "Q":
                return 200, found.digest
            if role == "W":
                return (200, found.digest) if repo.echo and who in found.pushers else (404, None)
            return held_is, None
        entry = repo.tags.get(reference)
        if entry is None:
            return 404, None
        if role == "Q" and entry.staged is not None:
            return 200, entry.staged.digest
        if entry.live is not None:
            return 200, entry.live.digest
        return (held_is, None) if role == "R" and entry.staged is not None else (404, None)

    def blob(self, repo, role, who, blob, method):
        if blob not in repo.present:
            return 404
        naming = [m for m in repo.manifests.values() if blob in m.content.blobs]
        if role == "Q" or any(not m.held and blob in m.opens for m in naming):
            return 200
        if role == "R":
            return 403 if repo.disclose else 404
        uploaded = (blob, who) in repo.uploaders
        if method == "GET" and uploaded and self._is_given_back(repo, who, blob, naming):
            return 200
        if not repo.disclose and not uploaded and not any(who in m.pushers for m in naming):
            return 404
        return 200 if method == "HEAD" else 403

    @staticmethod
    def _is_given_back(repo, who, blob, naming):
        if not naming:
            return not repo.quarantine
        return repo.echo and any(who in m.pushers and m.content.config == blob and m.content.config_is_image for m in naming)

    def tags(self, repo, role):
        return sorted(t for t, e in repo.tags.items() if (e.latest if role == "Q" else e.live) is not None)

    def referrers(self, repo, role, digest):
        return {m.digest for m in repo.manifests.values()
                if m.content.subject == digest and (role == "Q" or not m.held)}

    def catalog(self, role, who):
        """Repositories with something released; with pushes of one's own; for Q all."""
        def shows(repo):
            if role == "Q":
                return bool(repo.manifests or repo.present)
            return any(not m.held or (role == "W" and who in m.pushers) for m in repo.manifests.values())
        return sorted(r.name for r in self.repositories.values() if shows(r))
