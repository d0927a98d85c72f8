"""The read queries lead straight to what they are about: no table is walked through, however much else it holds."""

import pathlib
import re
import sqlite3
import subprocess

import pytest

CATALOG = pathlib.Path(__file__).resolve().parents[2] / "src" / "catalog"
MACROS = {"ARTIFACT_TYPE": '"COALESCE(NULLIF(m.artifact_type, \'\'), m.config_media_type)"', "RS_MT_OCI_CONFIG": '"x"', "RS_MT_DOCKER_CONFIG": '"y"'}
LITERALS = r'(?:"(?:[^"\\]|\\.)*"\s*)+'


def joined(literals):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def statements():
    found = {}
    for name in ("view.c", "view_blob.c", "view_list.c"):
        text = (CATALOG / name).read_text()
        for macro, value in MACROS.items():
            text = re.sub(rf"\b{macro}\b", lambda _, v=value: v, text)
        for function, literals in re.findall(rf"^enum rs_status (\w+)\((?:.(?!^}}))*?static const char sql\[\] =\s*({LITERALS});", text,
                                             re.MULTILINE | re.DOTALL):
            found[function] = joined(literals)
        for n, literals in enumerate(re.findall(rf"static const char sql\[\] =\s*({LITERALS});", text)):
            found.setdefault(f"{name} {n}", joined(literals))
    return found


@pytest.fixture(scope="module")
def database():
    text = (CATALOG / "schema.c").read_text()
    db = sqlite3.connect(":memory:")
    for body in re.findall(r"static const char schema_\d+\[\] =(.*?);\n\n", text, re.DOTALL):
        db.executescript(joined(re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)))
    yield db
    db.close()


def plan(db, sql):
    sql = re.sub(r"\$(\d)", r"?\1", sql)
    count = max(map(int, re.findall(r"\?(\d)", sql)), default=0)
    return [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, [None] * count)]


def test_no_table_is_scanned(database):
    found = statements()
    assert len(found) >= 15
    for name, sql in found.items():
        steps = plan(database, sql)
        scans = [step for step in steps if step.startswith("SCAN") and step != "SCAN y"]  # y: a bounded inner query
        assert not scans, (name, steps)


def test_lists_have_indexes_of_their_own(database):
    plans = {sql: " / ".join(plan(database, sql)) for sql in statements().values()}

    def of(words):
        return next(steps for sql, steps in plans.items() if words in sql)

    assert "tag_live_name (repository_id=? AND name>?)" in of("t.live_manifest_id IS NOT NULL")
    assert "manifest_subject (repository_id=? AND subject_digest=? AND digest>?)" in of("m.subject_digest = $2")
    assert "manifest_released" in of("m.state = 'released' LIMIT 1")


def azures():
    """The statements behind Azure's lists, which are put together by macros."""
    text = subprocess.run(["cc", "-E", "-P", "-I", CATALOG.parent, CATALOG / "view_azure.c"], check=True, capture_output=True, text=True).stdout
    return [sql for sql in map(joined, re.findall(LITERALS, text)) if sql.startswith("SELECT")]


def test_azures_lists(database):
    found = azures()
    assert len(found) >= 8
    for sql in found:
        steps = plan(database, sql)
        assert not any(step.startswith("SCAN") for step in steps), (sql, steps)
    by_time = [sql for sql in found if "ORDER BY m.state_ms" in sql]
    assert len(by_time) == 2
    for sql in by_time:  # a page of the newest or oldest of a million is not sorted out of them
        steps = plan(database, sql)
        assert any("manifest_updated (repository_id=?" in step for step in steps), steps
        assert not any("ORDER BY" in step for step in steps), steps


def test_the_retention_of_events_walks_from_the_oldest(database):
    """In the writer, which everybody waits for: not through the table, and not past what the farthest webhook has not seen."""
    text = (CATALOG / "event.c").read_text()
    found = [sql for sql in map(joined, re.findall(LITERALS, text)) if "created_ms <" in sql or "MIN(y.created_ms)" in sql]
    assert len(found) == 2, found
    for sql in found:
        steps = plan(database, sql)
        assert not any(re.match(r"SCAN (e|event)\b", step) for step in steps), (sql, steps)
        assert any(re.match(r"SEARCH (e|event) USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\)", step) for step in steps), (sql, steps)
