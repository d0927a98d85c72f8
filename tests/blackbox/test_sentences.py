"""What the product promises, clause by clause, and the tests that hold it to that (sentences_*.txt).

A line there reads `id | the clause in short | test_file::test_name[, ...]`.  The id begins with the number of the file and
ends with a number that counts within its group, so a line that is lost leaves a gap.  A test that is renamed, removed,
shadowed by another one of its name or switched off fails this one.
"""

import ast
import collections
import functools
import pathlib
import re

HERE = pathlib.Path(__file__).parent
ID = re.compile(r"(\d+)\.(?:[a-z][a-z-]*\.)?(\d+)")


def lines():
    """[(file, line number, id, gist, [test, ...])] of every table."""
    found = []
    for path in sorted(HERE.glob("sentences_*.txt")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = [field.strip() for field in line.split(" | ")]
            assert len(fields) == 3, f"{path.name}:{number}: id | clause | tests"
            found.append((path, number, fields[0], fields[1], [t.strip() for t in fields[2].split(",")]))
    assert found
    return found


def is_switched_off(function):
    text = " ".join(ast.unparse(d) for d in function.decorator_list)
    return "skip" in text or "xfail" in text


@functools.lru_cache(maxsize=None)
def running_tests(name):
    """The tests that a run of this file would run; None when there is no such file."""
    path = HERE / f"{name}.py"
    if not path.is_file():
        return None
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    counted = collections.Counter(f.name for f in functions)
    return {f.name for f in functions if f.name.startswith("test_") and counted[f.name] == 1 and not is_switched_off(f)}


def test_every_clause_has_a_test_that_runs():
    for path, number, clause, gist, tests in lines():
        where = f"{path.name}:{number}: {clause}"
        assert len(gist) >= 10, f"{where}: says nothing"
        for test in tests:
            file, found, name = test.partition("::")
            assert found and running_tests(file) is not None, f"{where}: {test}: there is no such file"
            assert name in running_tests(file), f"{where}: {test}: there is no such test, or two, or it is switched off"


def test_no_clause_is_lost():
    """Ids are unique, belong to their file, and count within their group without a gap."""
    last = {}
    for path, number, clause, _, _ in lines():
        where = f"{path.name}:{number}: {clause}"
        matched = ID.fullmatch(clause)
        assert matched, f"{where}: an id is like 2.index.3"
        assert path.name == f"sentences_{matched.group(1)}.txt", f"{where}: stands in the wrong file"
        group, count = clause.rpartition(".")[0], int(matched.group(2))
        assert count == last.get(group, 0) + 1, f"{where}: follows {last.get(group, 0)} of its group"
        last[group] = count
