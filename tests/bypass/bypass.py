#!/usr/bin/python3
"""Try every known way around the quarantine of a Roadstead registry, as every role.

  bypass.py --local /path/to/roadstead                      start a daemon of our own, with all roles: all rows run
  bypass.py --url https://registry.example.org \\
            --role publisher=ci:secret --role processor=scanner:secret --role consumer=dev:secret ...
  bypass.py --url URL --credentials roles.json              {"publisher": ["name", "password"], ...}

At least `publisher` and `processor` are needed; they must hold these roles on the namespace that the run pushes to
(--namespace, default bypass/<random>).  With `admin` the run may make users, grants and policies of its own there.
Rows whose roles are not given, or that need the daemon's insides, are reported as not run.

Exit code: 0 no leak, 1 a leak was found, 2 a row could not be set up, 64 wrong usage.
"""

import argparse
import pathlib
import ssl
import sys
import tempfile

import report
import rows_around
import rows_content
import rows_identity
import rows_lists
import rows_shape
import rows_state
from local import LocalDaemon, credentials_from
from row import ROWS
from world import COLUMNS, World

MODULES = (rows_around, rows_content, rows_identity, rows_lists, rows_shape, rows_state)  # each has filled ROWS


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="the registry to try")
    where.add_argument("--local", metavar="PROGRAM", help="start this roadstead program and try it")
    parser.add_argument("--role", action="append", default=[], metavar="ROLE=NAME:PASSWORD", help="credentials of a role")
    parser.add_argument("--credentials", metavar="FILE", help="credentials of all roles, as JSON")
    parser.add_argument("--namespace", help="repositories are made below this name")
    parser.add_argument("--row", action="append", default=[], metavar="T01", help="only this row; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON as well ('-' instead of the text)")
    parser.add_argument("--insecure", action="store_true", help="accept any TLS certificate")
    parser.add_argument("--keep", metavar="DIRECTORY", help="local mode: where the daemon keeps its data")
    given = parser.parse_args(argv)
    given.roles = credentials_from(given.credentials) if given.credentials else {}
    for text in given.role:
        role, _, pair = text.partition("=")
        name, _, password = pair.partition(":")
        if role not in COLUMNS or role == "anonymous" or not name:
            parser.error(f"--role {role}=...: roles are " + ", ".join(r for r in COLUMNS if r != "anonymous"))
        given.roles[role] = (name, password)
    unknown = set(given.row) - {row.ident for row in ROWS}
    if unknown:
        parser.error("no such row: " + ", ".join(sorted(unknown)))
    if given.url and not {"publisher", "processor"} <= set(given.roles):
        parser.error("--role publisher=... and --role processor=... are needed")
    return given


def run(world, only=()):
    """Run the rows in order; each stands for itself."""
    rows = sorted((row for row in ROWS if not only or row.ident in only), key=lambda row: row.ident)
    for row in rows:
        row.run(world)
    return rows


def run_local(given, directory):
    daemon = LocalDaemon(given.local, pathlib.Path(directory))
    daemon.start()
    try:
        world = World(daemon.url, daemon.credentials(), given.namespace, daemon=daemon)
        rows = run(world, given.row)
        world.close()
    finally:
        daemon.stop()
    return rows


def run_remote(given):
    context = ssl._create_unverified_context() if given.insecure else None
    world = World(given.url, given.roles, given.namespace, context)
    rows = run(world, given.row)
    world.close()
    return rows


def main(argv):
    try:
        given = arguments(argv)
    except SystemExit as e:
        return 64 if e.code else 0
    if given.local and given.keep:
        rows = run_local(given, given.keep)
    elif given.local:
        with tempfile.TemporaryDirectory(prefix="roadstead-bypass-") as directory:
            rows = run_local(given, directory)
    else:
        rows = run_remote(given)
    target = given.url or given.local
    if given.json and given.json != "-":
        pathlib.Path(given.json).write_text(report.as_json(rows, target))
    print(report.as_json(rows, target) if given.json == "-" else report.text(rows, target))
    return report.exit_code(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
