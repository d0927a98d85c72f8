#!/usr/bin/python3
"""Step 3: compare what is installed with known vulnerabilities ($PIPELINE_ADVISORIES), and attach the report.

Passes when no finding is HIGH or CRITICAL.  The file of advisories that comes with this example is made up: put a feed of your own, or
a scanner, in its place.
"""

import json
import os
import pathlib
import re

import packages
import registry

REPORT = "application/vnd.roadstead.example.scan+json"
REFUSED = ("HIGH", "CRITICAL")


def order(c):
    """How Debian sorts a character in a version's part that holds no digits: '~' before the end, the end before letters, letters before the rest."""
    if c == "~":
        return -1
    return ord(c) if c.isalpha() else ord(c) + 256


def compare_part(a, b):
    while a or b:
        x, y = re.match(r"\D*", a).group(), re.match(r"\D*", b).group()
        a, b = a[len(x):], b[len(y):]
        for i in range(max(len(x), len(y))):
            left = order(x[i]) if i < len(x) else 0
            right = order(y[i]) if i < len(y) else 0
            if left != right:
                return -1 if left < right else 1
        x, y = re.match(r"\d*", a).group(), re.match(r"\d*", b).group()
        a, b = a[len(x):], b[len(y):]
        if int(x or 0) != int(y or 0):
            return -1 if int(x or 0) < int(y or 0) else 1
    return 0


def compare(a, b):
    """-1, 0 or 1, as Debian orders versions ([epoch:]upstream[-revision])."""
    def split(version):
        epoch, _, rest = version.rpartition(":")
        upstream, dash, revision = rest.rpartition("-")
        return int(epoch or 0), upstream if dash else rest, revision if dash else ""

    (epoch_a, up_a, rev_a), (epoch_b, up_b, rev_b) = split(a), split(b)
    if epoch_a != epoch_b:
        return -1 if epoch_a < epoch_b else 1
    return compare_part(up_a, up_b) or compare_part(rev_a, rev_b)


def findings(found, advisories):
    for package in found:
        for advisory in advisories:
            names = (package["name"], package["source"])
            if advisory["type"] == package["type"] and advisory["package"] in names and compare(package["version"], advisory["fixed"]) < 0:
                yield {"id": advisory["id"], "severity": advisory["severity"], "package": package["name"], "version": package["version"],
                       "fixed": advisory["fixed"]}


def run(repository):
    path = os.environ.get("PIPELINE_ADVISORIES", pathlib.Path(__file__).with_name("advisories.json"))
    try:
        advisories = json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as problem:
        raise registry.CannotTell(f"the advisories cannot be read: {problem}") from problem
    result = {"step": "scan", "passed": True, "reports": [], "findings": []}
    for document, digest in repository.images():
        found, system = packages.of_image(repository, document)
        mine = list(findings(found, advisories))
        report = registry.dumps({"image": digest, "system": system, "packages": len(found), "findings": mine})
        result["reports"].append({"image": digest, "report": repository.attach(digest, REPORT, report)})
        result["findings"] += mine
        # An image without package metadata was not scanned, whatever a scanner says that found nothing.
        result["passed"] = result["passed"] and len(found) > 0 and not any(f["severity"] in REFUSED for f in mine)
    return result


if __name__ == "__main__":
    registry.step(run)
