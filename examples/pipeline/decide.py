#!/usr/bin/python3
"""All steps, one after the other, by one processor: the pipeline of the article.

    roadstead process -- examples/pipeline/decide.py

Where several processors work, each step is a check of its own: roadstead process --check scan -- examples/pipeline/scan.py
"""

import registry
import sbom
import scan
import sign


def run(repository):
    steps = []
    for one in (sbom, sign, scan):
        steps.append(one.run(repository))
        if not steps[-1]["passed"]:
            break
    return {"passed": all(s["passed"] for s in steps), "steps": steps}


if __name__ == "__main__":
    registry.step(run)
