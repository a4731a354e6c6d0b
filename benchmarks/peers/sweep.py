"""Speed over sizes: does it fall into a hole anywhere, and what do more cores give?

Only the epochs count, by the descent's own clock: a call on a large network also copies its parameters in
and out, once. The best of several rounds counts, because another process can only make one slower.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import Any

import machine
import numpy as np
import rivals
from cases import Case

ADAM_WORDS = (
    7  # words that a step moves for each parameter: reads x, gradient, m, v; writes x, m, v
)
FEWEST_FLOPS = 5e6  # a step with fewer need not come near the peak
LARGEST_FLOPS = 3e10


@dataclass(frozen=True)
class Point(Case):
    """A case on noise: what the numbers are doesn't matter here."""

    def data(self) -> tuple[list[Any], list[Any], Any, Any]:
        rng = np.random.default_rng(0)

        def noise(*shape: int) -> Any:
            return rng.random(shape, self.dtype) - self.real(0.5)

        inputs, width, outputs = self.widths
        weights = [
            noise(inputs, width) / self.real(inputs),
            noise(width, outputs) / self.real(width),
        ]
        biases = [noise(width), noise(outputs)]
        return weights, biases, noise(self.rows, inputs), noise(self.rows, outputs)

    @property
    def real(self) -> Any:
        return np.dtype(self.dtype).type


def point(inputs: int, width: int, outputs: int, batch: int, dtype: str = "float32") -> Point:
    steps = max(2, min(64, 2048 // batch))
    return Point((inputs, width, outputs), batch, steps * batch, "squared", dtype=dtype)


def points() -> list[Point]:
    """Return a coarse grid, and fine lines through places where tiles and panels end."""
    grid = [
        point(inputs, width, 10, batch)
        for inputs, width, batch in product(
            (1, 8, 64, 512, 2048), (1, 8, 64, 512, 4096), (1, 16, 128, 1024, 4096)
        )
    ]
    lines = [
        *(
            point(100, width, 10, 256)
            for width in (2, 4, 15, 31, 33, 48, 63, 65, 97, 129, 255, 257, 1000)
        ),
        *(
            point(100, 256, 10, batch)
            for batch in (2, 7, 14, 15, 29, 33, 63, 100, 129, 200, 257, 500, 1000)
        ),
        *(
            point(inputs, 256, 10, 128)
            for inputs in (2, 3, 5, 13, 17, 31, 33, 65, 127, 129, 300, 785)
        ),
        *(point(64, 256, outputs, 128) for outputs in (1, 2, 3, 8, 17, 33, 64, 100, 256)),
        *(
            point(inputs, width, 10, 256, "float64")
            for inputs, width in ((8, 64), (64, 128), (784, 512))
        ),
    ]
    return [p for p in dict.fromkeys([*grid, *lines]) if p.flops <= LARGEST_FLOPS]


def best_seconds(
    p: Point, threads: tuple[int, ...], rounds: int, least: float
) -> tuple[dict[int, float], float]:
    """Return the best time of a step for each number of threads, which take turns, and the peak meanwhile."""
    contestants = {n: rivals.Steepest(p, n) for n in threads}
    best = dict.fromkeys(threads, np.inf)
    peak = 0.0
    epochs = 2
    for done in range(rounds + 1):
        peak = max(peak, machine.gflops_now(p.dtype, seconds=0.002))
        begin = time.perf_counter()
        for n, steepest in contestants.items():
            steepest.reset()
            result = steepest.descent(
                *steepest.held,
                steepest.slots,
                (steepest.X, steepest.y, None),
                None,
                steepest.model,
                {**steepest.config, "max_epochs": epochs},
                None,
            )
            ends = np.concatenate([[0.0], result["history"]["seconds"]])
            best[n] = min(best[n], float(np.diff(ends).min()) / p.steps)
        if done == 0:  # a warm-up, which also tells how long a round should be
            spent = (time.perf_counter() - begin) / len(threads)
            epochs = int(np.clip(epochs * least / spent, 2, 200))
    return best, peak


def copy_rate(n_bytes: float) -> float:
    """Return the bytes a second that copying moves, reads and writes, among so many bytes in all."""
    source = np.ones(max(int(n_bytes / 8), 1024), np.float32)
    target = np.empty_like(source)
    repeats = max(1, int(2e7 / source.nbytes))
    best = np.inf
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(repeats):
            np.copyto(target, source)
        best = min(best, (time.perf_counter() - begin) / repeats)
    return 2 * source.nbytes / best


def limit_seconds(p: Point, peak: float) -> float:
    """Return the least time of a step: its multiply-adds, or the words it moves, whichever is longer.

    The words are Adam's, and the batch's rows, which are read and written once to lie together.
    """
    size = np.dtype(p.dtype).itemsize
    adam, row = size * ADAM_WORDS * p.parameters, 2 * size * p.widths[0]
    rate = copy_rate(adam + p.rows * row)  # memory is as far as an epoch's words reach
    return max(p.flops / (1e9 * peak), (adam + p.batch * row) / rate)


def measure(n_threads: int, smoke: bool = False) -> dict[str, Any]:
    """On one thread: GFLOP/s beside the peak. On more: how many times as fast as on one."""
    chosen = points()[::12] if smoke else points()
    if n_threads > 1:
        chosen = [p for p in chosen if p.flops >= FEWEST_FLOPS / 10][::2]
    records = []
    for p in chosen:
        threads = (1,) if n_threads == 1 else (1, n_threads)
        # Large steps are long enough for few rounds.
        rounds = 1 if smoke else 3 if p.flops > 1e9 else 6
        best, peak = best_seconds(p, threads, rounds, 0.01)
        record = {
            "widths": p.widths,
            "batch": p.batch,
            "dtype": p.dtype,
            "flops": p.flops,
            "us": 1e6 * best[1],
            "gflops": p.flops / best[1] / 1e9,
            "of_peak": p.flops / best[1] / 1e9 / peak,
        }
        if n_threads == 1:
            record["of_limit"] = limit_seconds(p, peak) / best[1]
        else:
            record["scaling"] = best[1] / best[n_threads]
        records.append({key: _short(value) for key, value in record.items()})
    peaks = {dtype: machine.peak_gflops(dtype) for dtype in ("float32", "float64")}
    return {"peak": peaks, "points": records}


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
