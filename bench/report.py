"""Write the benchmark's results: JSON, a table, a plot."""

import json
import platform
import time


def table(rows):
    lines = ["| work | measured | spread | at least | goal | holds |", "|---|---|---|---|---|---|"]
    for r in rows:
        if "ratio" in r:
            lines.append(f"| {r['name']} | {r['ratio']:.2f} x | {r['lowest']:.2f}..{r['highest']:.2f} | {r['at_least']} x | {r['goal']} x |"
                         f" {'yes' if r['ratio'] >= r['at_least'] else 'NO'} |")
        else:
            limit = r["limit"]
            asked, holds = ("", "") if limit is None else (f"at most {limit} {r['unit']}", "yes" if r["value"] <= limit else "NO")
            lines.append(f"| {r['name']} | {r['value']:.2f} {r['unit']} | {r.get('spread', '')} | {asked} | | {holds} |")
    return "\n".join(lines) + "\n"


def plot(rows, path):
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        return False
    ratios = [r for r in rows if "ratio" in r]
    if not ratios:
        return False
    fig, ax = plt.subplots(figsize=(10, 0.6 * len(ratios) + 1.5))
    y = range(len(ratios))
    measured = [r["ratio"] / r["at_least"] for r in ratios]
    low = [(r["ratio"] - r["lowest"]) / r["at_least"] for r in ratios]
    high = [(r["highest"] - r["ratio"]) / r["at_least"] for r in ratios]
    ax.barh(y, measured, xerr=[low, high], color="#2f6f8f", ecolor="#888888", capsize=3)
    ax.plot([r["goal"] / r["at_least"] for r in ratios], list(y), "k|", markersize=16, label="goal")
    ax.axvline(1, color="#b03030", linestyle="--", label="at least")
    ax.set_yticks(list(y), [r["name"] for r in ratios])
    ax.invert_yaxis()
    ax.set_xlabel("measured ratio, as a multiple of the least that must hold")
    ax.legend(loc="lower right")
    fig.tight_layout()
    fig.savefig(path, dpi=110)
    return True


def write(rows, options):
    options.results.mkdir(parents=True, exist_ok=True)
    facts = {"when": time.strftime("%Y-%m-%d"), "machine": platform.machine(), "rounds": options.rounds, "seconds": options.seconds, "rows": rows}
    (options.results / "results.json").write_text(json.dumps(facts, indent=2) + "\n")
    head = (f"Medians of {options.rounds} rounds, both sides in turn in one run, {facts['when']}. Ratios are Roadstead's figure over the"
            " other's: above 1 is faster.\n\n")
    (options.results / "table.md").write_text("# Benchmark results\n\n" + head + table(rows))
    drawn = plot(rows, options.results / "ratios.png")
    print(table(rows))
    print(f"written to {options.results}" + ("" if drawn else " (no plot: there are no ratios to draw, or python3-matplotlib is not installed)"))
