"""A reference model of the quarantine: what the registry has to answer, in as few words as possible.

It knows nothing of HTTP or SQL.  Every operation changes the model and returns the status that the daemon has to give; `events` collects
what the feed has to show, in order.  Reads ask `manifest()` and `blob()`.
"""

HELD = ("quarantined", "failed")


class Manifest:
    def __init__(self, order, content, publisher, state):
        self.order = order
        self.content = content          # content.Content: digest, blobs, children, subject
        self.publisher = publisher
        self.state = state
        self.pushers = set()
        self.joined = False
        self.children = []              # the Manifests linked when an index was pushed
        self.tags = {}                  # tag -> sequence of its latest push to this manifest

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
        self.staged_seq = 0

    @property
    def latest(self):
        return self.staged or self.live


class Repository:
    def __init__(self, name):
        self.name = name
        self.quarantine = True
        self.manifests = {}
        self.tags = {}
        self.present = set()            # blobs uploaded here
        self.uploaders = set()          # (blob, principal)
        self.verdicts = set()           # digests that a decision failed


class Model:
    def __init__(self):
        self.repositories = {}
        self.seq = 0
        self.order = 0
        self.events = []                # (type, repository, tag, digest, actor, publisher)

    def repository(self, name):
        return self.repositories.setdefault(name, Repository(name))

    def event(self, kind, repo, tag, manifest, actor):
        self.events.append((kind, repo.name, tag, manifest.digest, actor, manifest.publisher))

    # -- pushing ---------------------------------------------------------------------------------

    def upload(self, repo, principal, blobs):
        for blob in blobs:
            repo.present.add(blob)
            repo.uploaders.add((blob, principal))

    def push(self, repo, who, content, tag=None, is_processor=False):
        """Push a manifest whose blobs were uploaded; the status that has to come back."""
        known = repo.manifests.get(content.digest)
        if known is not None and self._repeats(repo, who, known, tag):
            known.pushers.add(who)
            return 201
        subject = repo.manifests.get(content.subject) if content.is_attachment else None
        if subject is not None and subject.held and not is_processor:
            return 403
        if repo.quarantine and any(child not in repo.manifests for child in content.children):
            return 404
        if known is None:
            known = self._first_push(repo, who, content, tag, is_processor)
        else:
            self._push_again(repo, who, known, tag)
        known.pushers.add(who)
        return 201

    @staticmethod
    def _repeats(repo, who, known, tag):
        """Nothing new: the tag's latest push is this already, or without a tag the same principal pushed it before."""
        if tag is None:
            return who in known.pushers
        return tag in repo.tags and repo.tags[tag].latest is known

    def _first_push(self, repo, who, content, tag, is_processor):
        state, joined, silent = self._admission(repo, content, is_processor)
        self.order += 1
        manifest = Manifest(self.order, content, who, state)
        manifest.joined = joined
        manifest.children = [repo.manifests[c] for c in content.children if c in repo.manifests]
        if state == "released" and any(d.held for d in self._descendants(manifest)):
            manifest.state = "quarantined"
        repo.manifests[content.digest] = manifest
        if tag is not None:
            self._tag(repo, tag, manifest)
        if manifest.state == "quarantined" and not silent:
            self.event("quarantine", repo, tag, manifest, who)
        if manifest.state == "released":
            self.event("push", repo, tag, manifest, who)
        if manifest.held:
            return manifest
        # What was pushed before its subject and waits for it needs a decision of its own when the subject comes released.
        for other in sorted(self._attached(repo, manifest), key=lambda m: m.order):
            other.joined = False
            if other.state == "quarantined":
                self.event("quarantine", repo, None, other, who)
        return manifest

    def _admission(self, repo, content, is_processor):
        """(state, joined, silent) of a first push."""
        if content.digest in repo.verdicts:
            repo.verdicts.remove(content.digest)  # it is the manifest's own again: a decision may lift it
            return "failed", False, True
        if not content.is_attachment:
            return ("quarantined" if repo.quarantine else "released"), False, False
        subject = repo.manifests.get(content.subject)
        if subject is not None and subject.held:
            return "quarantined", True, True
        if not repo.quarantine:
            return "released", False, False
        if subject is not None:
            return ("released", False, False) if is_processor else ("quarantined", False, False)
        return ("quarantined", True, True) if is_processor else ("quarantined", False, False)

    def _push_again(self, repo, who, manifest, tag):
        if tag is None:
            return
        entry = repo.tags.get(tag)
        if entry is not None and entry.latest is manifest:
            return
        self._tag(repo, tag, manifest)
        self.event("quarantine" if manifest.held else "push", repo, tag, manifest, who)

    def _tag(self, repo, tag, manifest):
        self.seq += 1
        manifest.tags[tag] = self.seq
        entry = repo.tags.setdefault(tag, Tag())
        if manifest.held:
            entry.staged, entry.staged_seq = manifest, self.seq
        else:
            entry.live, entry.live_seq = manifest, self.seq
            entry.staged, entry.staged_seq = None, 0

    # -- relations ---------------------------------------------------------------------------------

    def _descendants(self, manifest, seen=None):
        seen = seen if seen is not None else set()
        out = []
        for child in manifest.children:
            if child.order not in seen:
                seen.add(child.order)
                out += [child, *self._descendants(child, seen)]
        return out

    def _attached(self, repo, subject):
        """Joined attachments of a manifest."""
        return [m for m in repo.manifests.values() if m.content.is_attachment and m.content.subject == subject.digest and m.joined and m.held]

    def _subject(self, repo, manifest):
        return repo.manifests.get(manifest.content.subject) if manifest.joined else None

    # -- deciding ----------------------------------------------------------------------------------

    def decide(self, repo, who, digest, state):
        manifest = repo.manifests.get(digest)
        if manifest is None:
            return 404
        return self._release(repo, who, manifest) if state == "released" else self._fail(repo, who, manifest)

    def _fail(self, repo, who, manifest):
        if manifest.state == "released":
            return 409
        if manifest.state == "quarantined":
            manifest.state = "failed"
            self.event("quarantine_failed", repo, next(iter(manifest.tags)) if len(manifest.tags) == 1 else None, manifest, who)
        return 200

    def _release(self, repo, who, manifest):
        if manifest.state == "released":
            return 200
        subject = self._subject(repo, manifest)
        if subject is not None and subject.held:
            return 409
        descendants = self._descendants(manifest)
        if any(d.state == "failed" for d in descendants):
            return 409
        going = [manifest] + [d for d in descendants if d.state == "quarantined"]
        self._announce(repo, who, going)
        return 200

    def _announce(self, repo, who, going):
        """Release manifests and what joined them: in push order, attachments before their subject.  A tag moves once, to its latest push."""
        order = []

        def visit(m):
            if m in order:
                return
            for attached in sorted(self._attached(repo, m), key=lambda a: a.order):
                if attached.state == "quarantined":
                    visit(attached)
            order.append(m)

        for m in sorted(going, key=lambda x: x.order):
            visit(m)
        winners = {}
        for m in order:
            for tag, seq in m.tags.items():
                if seq > winners.get(tag, (repo.tags.setdefault(tag, Tag()).live_seq, None))[0]:
                    winners[tag] = (seq, m)
        for m in order:
            self._release_one(repo, who, m, winners)

    def _release_one(self, repo, who, m, winners):
        m.state = "released"
        m.joined = False
        for entry in repo.tags.values():
            if entry.staged is m:
                entry.staged, entry.staged_seq = None, 0
        moved = sorted((seq, tag) for tag, seq in m.tags.items() if winners.get(tag, (0, None))[1] is m)
        for seq, tag in moved:
            repo.tags[tag].live, repo.tags[tag].live_seq = m, seq
            self.event("push", repo, tag, m, who)
        if not moved:
            self.event("push", repo, None, m, who)

    # -- deleting ----------------------------------------------------------------------------------

    def delete_tag(self, repo, who, tag):
        entry = repo.tags.get(tag)
        if entry is None or entry.latest is None:
            return 404
        manifest = entry.live or entry.staged
        del repo.tags[tag]
        for m in repo.manifests.values():
            m.tags.pop(tag, None)
        self.event("delete", repo, tag, manifest, who)
        return 202

    def delete_manifest(self, repo, who, digest):
        manifest = repo.manifests.pop(digest, None)
        if manifest is None:
            return 404
        if manifest.state == "failed":
            repo.verdicts.add(digest)
        for tag, entry in list(repo.tags.items()):
            if entry.live is manifest:
                entry.live = None
            if entry.staged is manifest:
                entry.staged, entry.staged_seq = None, 0
            if entry.live is None and entry.staged is None:
                del repo.tags[tag]
                for m in repo.manifests.values():  # a live tag never falls back to an earlier push
                    if m.tags.get(tag, 0) and m.tags[tag] <= entry.live_seq:
                        del m.tags[tag]
        for m in repo.manifests.values():
            m.children = [c for c in m.children if c is not manifest]
        self.event("delete", repo, None, manifest, who)
        return 202

    # -- reading -----------------------------------------------------------------------------------

    def manifest(self, repo, role, who, reference):
        """(status, digest or None) of GET by tag or digest for a role: Q, W or R."""
        if ":" in reference:
            found = repo.manifests.get(reference)
            if found is None:
                return 404, None
            if not found.held or role == "Q":
                return 200, found.digest
            if role == "W":
                return (200, found.digest) if who in found.pushers else (404, None)
            return 403, None
        entry = repo.tags.get(reference)
        if entry is None:
            return 404, None
        if role == "Q" and entry.staged is not None:
            return 200, entry.staged.digest
        if entry.live is not None:
            return 200, entry.live.digest
        return (403, None) if role == "R" and entry.staged is not None else (404, None)

    def blob(self, repo, role, who, blob, method):
        if blob not in repo.present:
            return 404
        naming = [m for m in repo.manifests.values() if blob in m.content.blobs]
        if role == "Q" or any(m.state == "released" for m in naming):
            return 200
        if role == "R":
            return 403
        if method == "HEAD":
            return 200
        uploaded = (blob, who) in repo.uploaders
        if not naming:
            return 200 if uploaded and not repo.quarantine else 403
        echo = uploaded and any(who in m.pushers and m.content.config == blob and not m.content.is_attachment for m in naming)
        return 200 if echo else 403

    def tags(self, repo, role):
        if role == "Q":
            return sorted(repo.tags)
        return sorted(t for t, e in repo.tags.items() if e.live is not None)

    def referrers(self, repo, role, digest):
        return {m.digest for m in repo.manifests.values()
                if m.content.subject == digest and (role == "Q" or m.state == "released")}
