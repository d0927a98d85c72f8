"""The bypass suite (tests/bypass): no leak in this daemon, and none missed when something does leak."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

import daemon

BYPASS = pathlib.Path(__file__).resolve().parent.parent / "bypass"
sys.path.append(str(BYPASS))

from leaky_proxy import CHANGES, ELEVATIONS, LeakyProxy  # noqa: E402

ALL = [f"T{n:02}" for n in range(1, 51)]
NOT_APPLICABLE = {"T42", "T43", "T49"}
# Rows that change or stop the daemon: local mode only.
INSIDE = {"T24", "T25", "T26", "T44", "T47"}
ROLES = {"consumer": "consumer", "publisher": "publisher", "publisher2": "publisher2", "quarantine-reader": "qreader",
         "processor": "processor", "checker": "scanner", "maintainer": "maintainer", "auditor": "auditor", "admin": "admin"}


def run(tmp_path, *args):
    """Run the program; returns its exit code and its JSON report."""
    report = tmp_path / "report.json"
    report.unlink(missing_ok=True)
    done = subprocess.run([sys.executable, "-B", str(BYPASS / "bypass.py"), "--json", str(report), *args], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=1500)
    assert done.returncode in (0, 1, 2), done.stdout
    return done.returncode, json.loads(report.read_text()), done.stdout


def credentials(registry, tmp_path, roles=ROLES):
    path = tmp_path / "roles.json"
    path.write_text(json.dumps({role: registry.credentials[name] for role, name in roles.items()}))
    return str(path)


def test_no_way_around_the_quarantine(tmp_path):
    """All rows, in local mode, for all roles."""
    code, report, text = run(tmp_path, "--local", daemon.binary(), "--keep", str(tmp_path / "daemon"))
    assert code == 0, text
    rows = {row["id"]: row for row in report["rows"]}
    assert list(rows) == ALL
    assert {i for i, row in rows.items() if row["verdict"] == "not applicable"} == NOT_APPLICABLE
    closed = {i for i, row in rows.items() if row["verdict"] == "closed"}
    assert closed == set(ALL) - NOT_APPLICABLE, text
    tried = {role for row in rows.values() for role in row["roles"]}
    assert tried >= set(ROLES) | {"anonymous"}
    log = (tmp_path / "daemon" / "daemon.log").read_text(errors="replace")
    assert daemon.SANITIZER.search(log) is None, text


def test_against_a_url(registry, tmp_path):
    """Against a registry that is only known by its URL: what needs the inside is reported as not run."""
    code, report, text = run(tmp_path, "--url", registry.url, "--credentials", credentials(registry, tmp_path))
    assert code == 0, text
    verdicts = {row["id"]: row["verdict"] for row in report["rows"]}
    assert {i for i, verdict in verdicts.items() if verdict == "not run"} == INSIDE, text
    assert all(verdicts[i] == "closed" for i in set(ALL) - INSIDE - NOT_APPLICABLE), text


def test_with_few_roles(registry, tmp_path):
    """With the two roles that it cannot do without, it says what was not tried."""
    few = {"publisher": "publisher", "processor": "processor"}
    code, report, text = run(tmp_path, "--url", registry.url, "--credentials", credentials(registry, tmp_path, few),
                             "--row", "T01", "--row", "T29", "--row", "T34", "--row", "T36")
    assert code == 0, text
    rows = {row["id"]: row for row in report["rows"]}
    assert rows["T01"]["verdict"] == "closed" and set(rows["T01"]["roles"]) == {"anonymous", "publisher", "processor"}
    assert rows["T29"]["verdict"] == "not run" and "maintainer" in rows["T29"]["notes"][0]
    assert rows["T34"]["verdict"] == "not run" and "admin" in rows["T34"]["notes"][0]


def test_an_honest_proxy_leaks_nothing(registry, tmp_path):
    proxy = LeakyProxy(registry.url, registry.credentials["processor"])
    try:
        rows = [arg for i in ("T01", "T05", "T19", "T20", "T37", "T41") for arg in ("--row", i)]
        code, report, text = run(tmp_path, "--url", proxy.url, "--credentials", credentials(registry, tmp_path), *rows)
    finally:
        proxy.close()
    assert code == 0 and all(row["verdict"] == "closed" for row in report["rows"]), text


@pytest.mark.parametrize("leak", [*ELEVATIONS, *CHANGES])
def test_a_leak_is_noticed(registry, tmp_path, leak):
    """Each way of leaking, put into a proxy on purpose, is found by the rows that are about it."""
    expected = {**ELEVATIONS, **CHANGES}[leak][1]
    proxy = LeakyProxy(registry.url, registry.credentials["processor"], leak)
    try:
        rows = [arg for i in expected for arg in ("--row", i)]
        code, report, text = run(tmp_path, "--url", proxy.url, "--credentials", credentials(registry, tmp_path), *rows)
    finally:
        proxy.close()
    assert code == 1 and report["leaks"] == sorted(expected), text
    for row in report["rows"]:
        assert row["findings"], text


def test_what_it_documents():
    """docs/security/bypasses.md tells of each row, under the title that the suite gives it."""
    sys.path.append(str(BYPASS))
    import bypass
    text = (BYPASS.parent.parent / "docs" / "security" / "bypasses.md").read_text()
    titles = dict(re.findall(r"^### (T\d\d) (.+)$", text, re.MULTILINE))
    assert titles == {row.ident: row.title for row in bypass.ROWS}
