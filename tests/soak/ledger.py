"""What the daemon has to answer, while many change it at once.

The reference model says what a change leads to.  Whoever changes something claims it first: the manifests that belong together, and the
tags that they have or get.  So changes at the same time never touch the same, and the model may take them in any order.  Readers claim
nothing.  What they may be told is decided by what happened before: every answer that was right at some moment between their question and
their answer, and no other.
"""

import contextlib
import threading

from reference import Model

READERS = {"R": "consumer", "Q": "qreader"}     # role -> principal


class Broken(AssertionError):
    """The daemon did what it must not do."""


class Register:
    """The answers about one reference, role -> (status, digest): the last settled ones, and after them those that changes under way bring."""

    def __init__(self, answers):
        self.answers = [answers]
        self.settled = 0

    def settle(self):
        self.settled = len(self.answers) - 1


class Look:
    """A reader's question; made before it is asked."""

    def __init__(self, ledger, repository, reference, role):
        self.ledger, self.role = ledger, role
        with ledger.mu:
            self.register = ledger.register(repository, reference)
            self.since = self.register.settled

    def possible(self):
        """All answers that were right at some moment since then."""
        with self.ledger.mu:
            return {answers[self.role] for answers in self.register.answers[self.since:]}

    def has_been_there(self):
        """Readable at every moment since then?"""
        return all(status == 200 for status, _ in self.possible())

    def may_be_there(self):
        return any(status == 200 for status, _ in self.possible())


class Claim:
    """The right to change a unit with all its tags, or a tag alone."""

    def __init__(self, ledger, repository, references, names):
        self.ledger, self.repository = ledger, repository
        self.references, self.names = references, names

    @contextlib.contextmanager
    def change(self, operation):
        """The model does it, and in the block the daemon does; gives the status that the daemon has to answer with."""
        with self.ledger.mu:
            wanted = operation(self.ledger.model, self.ledger.model.repository(self.repository))
            changed = self.ledger.note(self.repository, self.references)
        yield wanted
        with self.ledger.mu:
            for register in changed:
                register.settle()
            self.ledger.mu.notify_all()

    def answer(self, role, who, reference):
        """What somebody reads now: nobody else changes it."""
        with self.ledger.mu:
            return self.ledger.model.manifest(self.ledger.model.repository(self.repository), role, who, reference)


class Ledger:
    def __init__(self, universe, repositories):
        """`repositories`: name -> whether quarantine is on."""
        self.universe = universe
        self.repositories = repositories
        self.mu = threading.Condition()
        self.model = Model(universe.names)
        self.registers = {}
        self.claimed = set()
        for name, is_on in repositories.items():
            self.model.repository(name).quarantine = is_on

    # -- under the lock ------------------------------------------------------------------------------

    def answers(self, repository, reference):
        repo = self.model.repository(repository)
        return {role: self.model.manifest(repo, role, who, reference) for role, who in READERS.items()}

    def register(self, repository, reference):
        key = repository, reference
        if key not in self.registers:
            self.registers[key] = Register(self.answers(*key))
        return self.registers[key]

    def note(self, repository, references):
        """The registers of the references whose answers are different now."""
        changed = []
        for reference in references:
            answers = self.answers(repository, reference)
            register = self.registers[repository, reference]    # since the claim: it knows how it was before
            if register.answers[-1] != answers:
                register.answers.append(answers)
                changed.append(register)
        return changed

    def tags_of(self, repo, unit):
        tags = {tag for m in unit.members if m.digest in repo.manifests for tag in repo.manifests[m.digest].tags}
        digests = {m.digest for m in unit.members}
        return tags | {tag for tag, entry in repo.tags.items() if any(m and m.digest in digests for m in (entry.live, entry.staged))}

    @staticmethod
    def with_tag(repo, tag):
        """The digests of all that has the tag, had it, or is to get it."""
        return [digest for digest, m in repo.manifests.items() if tag in m.tags]

    # -- for everybody -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def claim(self, repository, *units, tag=None, blob=None):
        """A Claim, or None when somebody else has a part of it.  `blob`: one that these units name, if any does."""
        with self.mu:
            repo = self.model.repository(repository)
            tags = {tag} - {None}
            for unit in units:
                tags |= self.tags_of(repo, unit)
            references = [m.digest for unit in units for m in unit.members] + sorted(tags)
            for reference in references:
                self.register(repository, reference)
            # Whoever takes a tag away changes what these manifests have.
            names = {(repository, name) for name in [*references, *self.with_tag(repo, tag), blob] if name is not None}
            claim = None if names & self.claimed else Claim(self, repository, references, names)
            if claim:
                self.claimed |= names
        try:
            yield claim
        finally:
            if claim:
                with self.mu:
                    self.claimed -= names

    def population(self):
        with self.mu:
            return sum(len(repo.manifests) for repo in self.model.repositories.values())

    def held(self):
        with self.mu:
            return [(name, m.digest) for name, repo in self.model.repositories.items() for m in repo.manifests.values() if m.held]

    def has(self, repository, digest):
        with self.mu:
            return digest in self.model.repository(repository).manifests

    def any_manifest(self, rng, repository):
        """The digest of some manifest of the repository, or None."""
        with self.mu:
            manifests = self.model.repository(repository).manifests
            return rng.choice(list(manifests)) if manifests else None

    def any_tag(self, rng, repository):
        with self.mu:
            tags = self.model.repository(repository).tags
            return rng.choice(list(tags)) if tags else None

    def repository_with(self, rng, named):
        """Some repository with a manifest that names the blob, or None."""
        with self.mu:
            digests = [m.digest for m in self.universe.naming.get(named, [])]
            found = [name for name, repo in self.model.repositories.items() if any(d in repo.manifests for d in digests)]
            return rng.choice(found) if found else None

    def holders(self, repository, named):
        """Looks at the manifests that may name this blob: one that is there all the time keeps it there."""
        return [Look(self, repository, m.digest, "Q") for m in self.universe.naming.get(named, [])]
