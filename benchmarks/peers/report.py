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
    required = {str(case): ratio for case, ratio in MAIN.items()}
    names = [name for name in TITLES if name in records[0]["us"] and name != "steepest"]
    head = f"net, batch ({kind + ', ' if kind else ''}{cores})"
    rows = [[head, "steepest, µs a step", *(f"as {TITLES[name]}" for name in names)]]
    for record in records:
        row = [record["case"], number(np.median(record["us"]["steepest"]))]
        for name in names:
            cell = banded(ratios(record["us"], name))
            wanted = required[record["case"]].get(name)
            row.append(cell if wanted is None else f"{cell} (≥ {wanted * share:g})")
        rows.append(row)
    return table(rows)


def misses(records: list[dict[str, Any]]) -> list[str]:
    """Return what is below its required ratio, one line each."""
    required = {str(case): ratio for case, ratio in MAIN.items()}
    lines = []
    for record in records:
        share = VARIANTS[record["kind"]][1] if record["kind"] in VARIANTS else 1.0
        for name, wanted in required[record["case"]].items():
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
    return lines


def machine_line(described: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    return (
        f"Measured on {described['cores']} cores of a virtual machine ({described['cpu']}), shared with others; "
        f"`steepest` ran {described['instruction_set']}. {versions}."
    )


def readme_block(saved: dict[str, Any]) -> list[str]:
    return [
        *training_tables(saved, "training"),
        machine_line(saved["training"]["machine"]),
    ]


def write(results: Path) -> None:
    """Write the tables to results/tables.md, put the main one into README, and print them all."""
    saved = load(results)
    lines = ["# What was measured last", ""]
    for part in ("training", "variants"):
        if part in saved:
            below = [
                f"{where(saved[part], cores)}: {line}"
                for cores, records in saved[part]["cores"].items()
                for line in misses(records)
            ]
            lines += [f"## {part.capitalize()}", "", *training_tables(saved, part)]
            lines += [f"- below what is required: {line}" for line in below]
            lines += ["", machine_line(saved[part]["machine"]), ""]
    (results / "tables.md").write_text("\n".join(lines))
    print("\n".join(lines))
    text = README.read_text()
    if BEGIN in text and END in text:
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        README.write_text("\n".join([before + BEGIN, "", *readme_block(saved), "", END + after]))
