"""Tables from the numbers that were kept, and the block of README that shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from cases import MAIN, TITLES, VARIANTS

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- make bench writes this: begin -->", "<!-- make bench writes this: end -->"
WHERE = {"1": "one core", "all": "{n} cores"}


def ratios(us: dict[str, list[float]], rival: str) -> Any:
    """Return how many times as fast steepest was in each round."""
    return np.array(us[rival]) / np.array(us["steepest"])


def number(value: float) -> str:
    """Return three digits at most: 0.0123, 1.23, 12.3, 123, 12,300."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def banded(values: Any) -> str:
    """Return the median and, in brackets, the quartiles."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{number(middle)} [{number(low)}, {number(high)}]"


def table(rows: list[list[str]]) -> list[str]:
    """Return a Markdown table, aligned so that it reads as text too; numbers are on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = [":" + "-" * (w - 1) if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return [lines[0], "| " + " | ".join(rule) + " |", *lines[1:]]


def training_table(
    records: list[dict[str, Any]], cores: str, share: float = 1.0, kind: str = ""
) -> list[str]:
    """Return one row for each network: the time of a step, and the ratios beside the required ones."""
    required = {str(case): ratio for case, ratio in MAIN.items()} if share else {}
    names = [name for name in TITLES if name in records[0]["us"] and name != "steepest"]
    head = f"net, batch ({kind + ', ' if kind else ''}{cores})"
    rows = [[head, "steepest, µs a step", *(f"as {TITLES[name]}" for name in names)]]
    for record in records:
        row = [record["case"], number(np.median(record["us"]["steepest"]))]
        for name in names:
            cell = banded(ratios(record["us"], name))
            wanted = required.get(record["case"], {}).get(name)
            row.append(cell if wanted is None else f"{cell} (≥ {wanted * share:g})")
        rows.append(row)
    return table(rows)


def speedup_table(
    one: list[dict[str, Any]], several: list[dict[str, Any]], cores: str
) -> list[str]:
    """Return how many times as fast each library was on several cores as it was itself on one."""
    names = [name for name in TITLES if name in several[0]["us"]]
    rows = [[f"net, batch (times as fast on {cores})", *(TITLES[name] for name in names)]]
    alone = {(record["kind"], record["case"]): record["us"] for record in one}
    for record in several:
        kind, case = record["kind"], record["case"]
        before, after = alone[kind, case], record["us"]
        cells = [number(np.median(before[name]) / np.median(after[name])) for name in names]
        rows.append([f"{case}, {kind}" if kind in VARIANTS else case, *cells])
    return table(rows)


def misses(records: list[dict[str, Any]]) -> list[str]:
    """Return what is below its required ratio, one line each."""
    required = {str(case): ratio for case, ratio in MAIN.items()}
    lines = []
    for record in records:
        share = VARIANTS[record["kind"]][1] if record["kind"] in VARIANTS else 1.0
        for name, wanted in required.get(record["case"], {}).items():
            if name in record["us"]:
                ratio = float(np.median(ratios(record["us"], name)))
                if ratio < wanted * share:
                    what = f"{record['kind']}: {record['case']}"
                    lines.append(
                        f"{what}: {ratio:.3g} times as fast as {TITLES[name]}, not {wanted * share:g}"
                    )
    return lines


def load(results: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}


def where(saved: dict[str, Any], cores: str) -> str:
    return WHERE[cores].format(n=saved["machine"]["cores"])


def training_tables(saved: dict[str, Any], part: str) -> list[str]:
    lines: list[str] = []
    for cores, records in saved[part]["cores"].items():
        for kind in dict.fromkeys(record["kind"] for record in records):
            chosen = [record for record in records if record["kind"] == kind]
            share = VARIANTS[kind][1] if kind in VARIANTS else 1.0
            label = kind if kind in VARIANTS else ""
            lines += [*training_table(chosen, where(saved[part], cores), share, label), ""]
    if {"1", "all"} <= set(found := saved[part]["cores"]):
        lines += [*speedup_table(found["1"], found["all"], where(saved[part], "all")), ""]
    return lines


def machine_line(described: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    return (
        f"Measured on {described['cores']} cores of a virtual machine ({described['cpu']}), shared with others; "
        f"`steepest` ran {described['instruction_set']}. {versions}."
    )


# What this project asks of itself, by the names in single.py.
WANTED = {
    "Adam step, 1e3 parameters": "torch 15",
    "Adam step, 1e7 parameters": "torch 1.1, copy 0.9",
    "polynomial, degree 10, 1e6 points: 1000 steps": "torch 3000",
    "polynomial, degree 10: loss and gradient": "JAX 10, torch 25",
    "polynomial, degree 4: loss and gradient": "limit 0.77",
    "linear, 1e5 x 100: 1000 steps": "torch 3000",
    "linear, 1e5 x 100: loss and gradient": "limit 0.77",
    "call: mse": "1 µs above the limit",
    "call: mse_gradient": "1 µs above the limit",
    "call: polynomial_loss_gradient": "1 µs above the limit",
    "import beyond NumPy's": "below 30 ms",
    "first fit of a tiny network": "below 2 ms",
}


def single_table(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return one row for each measurement that is a time: steepest's, and the ratios to the others'."""
    titles = {"torch": "as torch", "jax": "as JAX", "copy": "as a copy", "limit": "as the limit"}
    rows = [["what", "steepest", *titles.values(), "wanted"]]
    for what, times in found.items():
        if "steepest" not in times:
            continue
        ours = np.array(times["steepest"])
        cells = [banded(np.array(times[n]) / ours) if n in times else "" for n in titles]
        rows.append([what, seconds(np.median(ours)), *cells, WANTED.get(what, "")])
    return table(rows)


def users_table(found: dict[str, dict[str, list[float]]]) -> list[str]:
    """Return one row for each whole call: both libraries' times, and how many times as fast steepest is."""
    rows = [["a whole call, float64, one core", "steepest", "scikit-learn", "times as fast"]]
    for what, times in found.items():
        ours, theirs = np.array(times["steepest"]), np.array(times["sklearn"])
        cells = [seconds(np.median(ours)), seconds(np.median(theirs))]
        rows.append([what, *cells, f"{banded(theirs / ours)}{wanted_of_call(what)}"])
    return table(rows)


def wanted_of_call(what: str) -> str:
    """Return what is asked of fits, and of predictions of one row and of 100 000."""
    if what.startswith("fit"):
        return f" (≥ {6 if 'digits' in what else 10})"
    return " (≥ 5)" if ": 1 x" in what or ": 100000 x" in what else ""


def seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= 0.9995 * size:
            return f"{number(value / size)} {unit}"
    return f"{number(value / 1e-9)} ns"


def memory_lines(found: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"- {what}: a fit needs {number(np.median(m['bytes']) / 1e6)} MB beyond its data, the model included: "
        f"{np.median(m['words a parameter']):.3g} words a parameter, and a row of the batch "
        f"{number(m['words a row of the batch'] / m['widest layer'])} times what the widest layer has"
        for what, m in found.items()
        if "words a row of the batch" in m
    ]


def digits_table(curves: dict[str, list[dict[str, list[float]]]]) -> list[str]:
    """Return when each library's test accuracy first was 97 %: medians over the seeds."""
    rows = [["digits, 64-128-10, batch 32", "epochs to 97 %", "milliseconds", "steepest's share"]]
    reached: dict[str, Any] = {}
    for name, found in curves.items():
        first = [np.argmax(np.array([*curve["accuracy"], 1.0]) >= 0.97) for curve in found]
        times = [[*curve["seconds"], np.inf][n] for n, curve in zip(first, found, strict=True)]
        reached[name] = np.median(first) + 1, 1e3 * np.median(times)
    for name, (epochs, ms) in reached.items():
        share = reached["steepest"][1] / ms
        rows.append([TITLES[name], f"{epochs:.0f}", number(ms), f"{100 * share:.3g} %"])
    return table(rows)


def sweep_lines(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return how many points reach what is required, and the ones that don't."""
    lines: list[str] = []
    wanted = {
        "1": ("of_peak", 0.65, "of the peak"),
        "all": ("scaling", 1.7, "times one core's speed"),
    }
    for cores, (key, least, words) in wanted.items():
        if cores not in found:
            continue
        points = [p for p in found[cores]["points"] if p["flops"] >= 5e6]
        below = sorted((p for p in points if p[key] < least), key=lambda p: p["flops"])
        lines += [
            f"{len(points) - len(below)} of {len(points)} points of 5 MFLOP and more reach {least} {words}."
        ]
        if not below:
            continue
        rows = [["net, batch", "MFLOP a step", words, "of what bounds it"]]
        for p in below:
            net = f"{'-'.join(map(str, p['widths']))}, {p['batch']}"
            net += "" if p["dtype"] == "float32" else f", {p['dtype']}"
            limit = f"{p['of_limit']:.2f}" if "of_limit" in p else ""
            rows.append([net, number(p["flops"] / 1e6), f"{p[key]:.2f}", limit])
        if cores != "1":
            rows = [row[:-1] for row in rows]
        lines += ["", *table(rows), ""]
    return lines


def readme_block(saved: dict[str, Any], pictures: list[str]) -> list[str]:
    lines = training_tables(saved, "training") if "training" in saved else []
    if "users" in saved:
        found = saved["users"]["cores"]["1"]
        main = {what: t for what, t in found.items() if wanted_of_call(what) and "text" not in what}
        lines += [*users_table(main), ""]
    shown = [f"![{PICTURE_WORDS[name]}](benchmarks/results/{name})" for name in pictures]
    for pair in (shown[:2], shown[2:]):
        if pair == shown[:2] and pair:
            lines += ["| " + " | ".join(pair) + " |", "|" + "---|" * len(pair)]
        elif pair:
            lines += ["| " + " | ".join(pair) + " |"]
    return [*lines, "", machine_line(saved["training"]["machine"])]


PICTURE_WORDS = {
    "step_over_width.svg": "Microseconds a step over the width of the hidden layer",
    "share_of_peak.svg": "Share of the FMA peak over the work of a step",
    "scaling.svg": "Speed on two cores over that on one",
    "digits.svg": "Test accuracy on digits over the time of training",
}


def write(results: Path) -> None:
    """Write tables.md and the pictures, show the main ones in README, and print all tables."""
    saved = load(results)
    lines = ["# What was measured last", "", "`make bench-peers` writes this.", ""]
    for part in ("training", "variants", "widths"):
        if part in saved:
            lines += [f"## {part.capitalize()}", "", *training_tables(saved, part)]
            for cores, records in saved[part]["cores"].items():
                lines += [f"- {where(saved[part], cores)}: {line}" for line in misses(records)]
            lines += [""]
    if "digits" in saved:
        lines += ["## Digits", "", *digits_table(saved["digits"]["cores"]["1"]), ""]
    if "users" in saved:
        lines += ["## Whole calls", "", *users_table(saved["users"]["cores"]["1"]), ""]
    if "single" in saved:
        found = saved["single"]["cores"]["1"]
        lines += ["## Single numbers", "", *single_table(found), "", *memory_lines(found), ""]
    if "sweep" in saved:
        lines += ["## Sweep", "", *sweep_lines(saved["sweep"]["cores"]), ""]
    machines = dict.fromkeys(machine_line(part["machine"]) for part in saved.values())
    lines += [*machines, ""]
    pictures = draw(saved, results)
    (results / "tables.md").write_text("\n".join(lines))
    text = README.read_text()
    if BEGIN in text and END in text:
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        block = [before + BEGIN, "", *readme_block(saved, pictures), "", END + after]
        README.write_text("\n".join(block))
    print("\n".join(lines))


def draw(saved: dict[str, Any], results: Path) -> list[str]:
    import plots

    return plots.draw(saved, results)
