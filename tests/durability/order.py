"""What the daemon did to its files and told its clients, in order (see shim.c), and the rules that this order has to keep.

R1  a file's bytes are synced after the last write and before it is renamed to the name that counts
R2  a rename is followed by a sync of the directory that has the new name, before the catalog's commit that relies on it
R3  what is created is followed by a sync of its directory before the next success that a client hears of
R4  a success that a client hears of is preceded by a sync of the catalog's write-ahead log that began after the change was written there

Stricter than any one filesystem: some make rules of these by themselves.
"""

import collections
import os
import re

Event = collections.namedtuple("Event", "at kind path rest")

# What need not survive: sessions begin anew, the others are scratch files of SQLite or of the process.
NOT_DURABLE = re.compile(r"/uploads(/|$)|-shm$|-journal$|/lock$|/ready(\.new)?$|/daemon\.log$")
CHANGE = re.compile(r"^(PUT /v2/\S+/manifests/|PUT /v2/\S+/blobs/uploads/|POST /v2/\S+/blobs/uploads/?\?\S*(digest=|mount=)"
                    r"|DELETE /v2/\S+/(manifests|blobs)/(?!uploads)|PATCH /v2/\S+/_roadstead/quarantine/|(POST|PUT|PATCH|DELETE) /v2/_roadstead/)")
SUCCESS = re.compile(r"^HTTP/1\.1 (20[0-9]) ")


def read(path):
    with open(path, errors="replace") as log:
        return [Event(at, *(line.rstrip("\n").split("\t") + ["", ""])[:2], line.rstrip("\n").split("\t")[2:]) for at, line in enumerate(log)]


class Syncs:
    """Completed, successful syncs of each path, as (begin, end)."""

    def __init__(self, events):
        self.of = collections.defaultdict(list)
        begun = {}  # thread -> when it began
        for e in events:
            if e.kind == "sync-begin":
                begun[e.rest[1]] = e.at
            elif e.kind == "sync-end" and e.rest[0] == "0":
                self.of[e.path].append((begun[e.rest[1]], e.at))

    def within(self, path, after, before):
        """The first sync that began after one event and ended before another, or None."""
        return next(((b, e) for b, e in self.of[path] if after < b and e < before), None)


def successes(events):
    """(index of the request, index of the answer, request line, answer) of every change that a client was told to have succeeded."""
    asked = {}
    for e in events:
        if e.path != "socket":
            continue
        fd, text = e.rest[0], e.rest[1] if len(e.rest) > 1 else ""
        if e.kind == "recv" and re.match(r"^[A-Z]+ /", text):
            asked[fd] = (e.at, text.split(" HTTP/1.")[0])
        elif e.kind == "send" and fd in asked and SUCCESS.match(text) and CHANGE.match(asked[fd][1]):
            at, line = asked.pop(fd)
            answer = SUCCESS.match(text).group(1)
            # 202 to a mount or a session's start promises nothing.
            if not (line.startswith("POST") and "/blobs/uploads" in line and answer == "202"):
                yield at, e.at, line, text


def check(events):
    """Every broken rule as (rule, what); the second value counts what was looked at, so that nothing passes for want of events."""
    syncs = Syncs(events)
    wal = next((e.path for e in events if e.path.endswith("/catalog.db-wal")), None)
    told = list(successes(events))
    broken, looked = [], collections.Counter()
    writes = collections.defaultdict(list)
    for e in events:
        if e.kind == "write":
            writes[e.path].append(e.at)
    end = len(events)

    renames = []  # (begin, end, from, to)
    for e in events:
        if e.kind == "rename-begin":
            renames.append([e.at, None, e.path, e.rest[0]])
        elif e.kind == "rename-end":
            for r in renames:
                if r[1] is None and r[2:] == [e.path, e.rest[0]]:
                    r[1] = e.at
                    break
    renames = [r for r in renames if r[3] and not NOT_DURABLE.search(r[3])]

    for begin, _, source, target in renames:
        looked["R1"] += 1
        last = max((w for w in writes[source] if w < begin), default=0)
        if syncs.within(source, last, begin) is None:
            broken.append(("R1", f"{source} was renamed to {target} without a sync of what was written to it"))

    def next_told(at):
        return min((answer for asked, answer, _, _ in told if asked > at), default=end)

    for _, done, _, target in renames:
        if "/blobs/" not in target and done is not None:
            looked["R2"] += 1
            if syncs.within(os.path.dirname(target), done, next_told(done)) is None:
                broken.append(("R2", f"the directory of {target} was not synced after the rename"))

    for e in events:
        if e.kind == "create" and not NOT_DURABLE.search(e.path):
            if any(r[2] == e.path for r in renames):
                continue  # a temporary name: R2 looks at its rename
            looked["R3"] += 1
            if syncs.within(os.path.dirname(e.path), e.at, next_told(e.at)) is None:
                broken.append(("R3", f"the directory of {e.path} was not synced after it was created"))

    for asked, answer, line, text in told:
        looked["R4"] += 1
        since = asked
        blob = re.search(r"Location: /v2/\S+/blobs/sha256:([0-9a-f]{64})", text)
        if blob and "mount=" not in line:
            looked["R2"] += 1
            session = re.search(r"/blobs/uploads/([0-9a-f]{32})", line)  # others may push the same blob meanwhile
            mine = [r for r in renames if r[3].endswith("/" + blob.group(1)) and r[1] is not None and asked < r[0] < answer
                    and (session is None or f"/{session.group(1)}/" in r[2])]
            step = mine and syncs.within(os.path.dirname(mine[0][3]), mine[0][1], answer)
            if not step:
                broken.append(("R2", f"{line[:90]}: no rename of the blob and sync of its directory before the answer"))
                continue
            since = step[1]
        written = next((w for w in writes[wal] if since < w < answer), None)
        if written is None or syncs.within(wal, written, answer) is None:
            broken.append(("R4", f"{line[:90]}: the catalog was not synced before the answer"))
    return broken, looked
