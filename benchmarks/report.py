"""The table of ratios: one row for each case, steepest beside its rivals.

``python benchmarks/report.py saved.json`` prints it for a run saved with ``--benchmark-json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEADER = ("workload", "case", "steepest", "NumPy", "Cython", "NumPy/steepest", "Cython/steepest")


@dataclass(frozen=True)
class Measurement:
    """The median time of one rival on one case, in seconds."""

    workload: str
    case: str
    rival: str
    median: float


def table(measurements: Iterable[Measurement]) -> list[str]:
    """Return the lines of the table, in the order in which the cases were run."""
    cases: dict[tuple[str, str], dict[str, float]] = {}
    for m in measurements:
        cases.setdefault((m.workload, m.case), {})[m.rival] = m.median
    rows: list[Sequence[str]] = [HEADER]
    previous = ""
    for (workload, case), medians in cases.items():
        ours, *others = (medians.get(rival) for rival in ("steepest", "numpy", "cython"))
        times = [_seconds(median) for median in (ours, *others)]
        ratios = [_ratio(median, ours) for median in others]
        rows.append(("" if workload == previous else workload, case, *times, *ratios))
        previous = workload
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def legend(machine_info: dict[str, Any]) -> list[str]:
    """Return the lines below the table: what the columns mean and what ran."""
    versions = ", ".join(f"{name} {value}" for name, value in machine_info["versions"].items())
    return [
        "Medians; one thread each; checked before timed. Above 1: steepest is faster.",
        f"steepest runs {machine_info['instruction_set']}; {machine_info['blas']}; {versions}",
    ]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    words = [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(words).rstrip()


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= 0.9995 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _ratio(theirs: float | None, ours: float | None) -> str:
    if theirs is None or ours is None:
        return "-"
    ratio = theirs / ours
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:.0f}"


def measurements_of(saved: dict[str, Any]) -> list[Measurement]:
    """Return the measurements in the JSON of pytest-benchmark."""
    return [
        Measurement(b["group"], **b["extra_info"], median=b["stats"]["median"])
        for b in saved["benchmarks"]
    ]


def main(path: str) -> None:
    saved = json.loads(Path(path).read_text())
    print("\n".join([*table(measurements_of(saved)), "", *legend(saved["machine_info"])]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/report.py saved.json")
    main(sys.argv[1])
