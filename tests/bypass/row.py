"""A row of the suite: what it checked, for whom, and what it found."""

import traceback

from world import COLUMNS, DENIED, NotRun, SetupFailed

ROWS = []


class Row:
    """Results of one attack.  Its verdict: closed, LEAK, not run, not applicable, or error (it could not be set up)."""

    def __init__(self, ident, title, attack=None, not_applicable=None):
        self.ident, self.title, self.attack, self.not_applicable = ident, title, attack, not_applicable
        self.clear()

    def clear(self):
        self.checks, self.by_role, self.findings, self.notes = 0, {}, [], []
        self.verdict = None

    # -- checks ------------------------------------------------------------------------------

    def check(self, who, ok, what):
        """`who` is an agent or a role's name; `what` says what came instead."""
        role = getattr(who, "role", who)
        self.checks += 1
        self.by_role[role] = self.by_role.get(role, 0) + 1
        if not ok:
            self.findings.append(f"{who}: {what}")
        return ok

    def denied(self, agent, answer, statuses=DENIED):
        """The answer gives nothing, says so with a status of these, and may be kept by nobody."""
        self.check(agent, answer.status in statuses, f"{answer}, expected {statuses}")
        control = answer.header("Cache-Control") or ""
        self.check(agent, "no-store" in control, f"a denial that may be kept: {answer.request}: {control!r}")
        for name in ("ETag", "Docker-Content-Digest", "Content-Range", "Location"):
            self.check(agent, answer.header(name) is None, f"a denial with {name}: {answer.request}")

    def same(self, agent, one, other, what):
        self.check(agent, one == other, f"{what}: {one} against {other}")

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    # -- running -----------------------------------------------------------------------------

    def run(self, world):
        self.clear()
        if self.not_applicable:
            self.verdict = "not applicable"
            self.note(self.not_applicable)
            return
        seen = len(world.watch.seen)
        try:
            self.attack(world, self)
            self.verdict = "closed" if self.checks else "not run"
        except NotRun as e:
            self.note(str(e))
            self.verdict = "closed" if self.checks else "not run"
        except SetupFailed as e:
            self.verdict = "error"
            self.note(f"could not be set up: {e}")
        except Exception:  # the suite goes on; a row that broke is no closed row
            self.verdict = "error"
            self.note(traceback.format_exc(limit=3).strip())
        self.findings += world.watch.seen[seen:]
        if self.findings:
            self.verdict = "LEAK"

    def as_dict(self):
        return {"id": self.ident, "title": self.title, "verdict": self.verdict, "checks": self.checks,
                "roles": dict(sorted(self.by_role.items())), "findings": self.findings, "notes": self.notes}


def row(ident, title):
    """Decorator: the function attack(world, row) is this row."""

    def add(attack):
        ROWS.append(Row(ident, title, attack))
        return attack

    return add


def not_applicable(ident, title, why):
    ROWS.append(Row(ident, title, not_applicable=why))


def everybody_but_readers(world):
    """All agents that must not see what is held."""
    return [a for a in world.agents("WRN")]


__all__ = ["COLUMNS", "ROWS", "Row", "everybody_but_readers", "not_applicable", "row"]
