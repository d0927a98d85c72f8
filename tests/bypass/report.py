"""What a run found, for people and for programs."""

import json

MARKS = {"closed": "closed", "LEAK": "LEAK", "not run": "not run", "not applicable": "n/a", "error": "ERROR"}


def text(rows, target):
    """A table with a line a row, then what was found, then the sum."""
    lines = [f"Roadstead bypass suite against {target}", ""]
    for row in rows:
        what = f"{row.checks} checks" if row.checks else "; ".join(row.notes)[:60]
        lines.append(f"{row.ident}  {MARKS[row.verdict]:<8} {row.title:<78} {what}")
    for row in rows:
        if row.verdict not in ("LEAK", "error") and not (row.checks and row.notes):
            continue
        lines += ["", f"{row.ident} {row.title}: {row.verdict}"]
        lines += [f"  - {found}" for found in row.findings[:20]]
        if len(row.findings) > 20:
            lines.append(f"  - and {len(row.findings) - 20} more")
        lines += [f"  ({note})" for note in row.notes]
    lines += ["", summary(rows)]
    return "\n".join(lines)


def summary(rows):
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in MARKS}
    checks = sum(row.checks for row in rows)
    return ", ".join(f"{n} {MARKS[verdict]}" for verdict, n in counts.items() if n) + f"; {checks} checks"


def as_json(rows, target):
    return json.dumps({"target": target, "rows": [row.as_dict() for row in rows],
                       "leaks": [row.ident for row in rows if row.verdict == "LEAK"],
                       "errors": [row.ident for row in rows if row.verdict == "error"]}, indent=2)


def exit_code(rows):
    """0 all closed (or not run), 1 a leak, 2 something could not be set up."""
    if any(row.verdict == "LEAK" for row in rows):
        return 1
    return 2 if any(row.verdict == "error" for row in rows) else 0
