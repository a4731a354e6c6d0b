"""Whole epochs over shuffled mini-batches: every library on the same cases, verified, then timed in turns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import rivals
from cases import MAIN, VARIANTS, Case, variant

ROUND_SECONDS = 0.03  # what one library gets in one round, at least one epoch
# In one call of steepest, which copies parameters in and out once, as if users trained so briefly; but a
# much longer descent would only make moments fade into subnormal numbers, which are slow.
FEWEST_STEPS, MOST_EPOCHS = 8, 16


def verify(case: Case, names: list[str], n_threads: int) -> None:
    """Assert that the mean losses of two epochs agree, from the same weights on the same batches."""
    epochs = 2
    case = replace(case, rows=min(case.rows, (2 if is_large(case) else 16) * case.batch))
    longest = max(*case.widths, case.batch)
    eps = float(np.finfo(case.dtype).eps)
    desired: dict[bool, Any] = {}
    for name in names[1:]:
        rival = rivals.MAKERS[name](case, n_threads)
        if not getattr(rival, "follows", True):
            continue
        like_sklearn = name == "sklearn"
        ours = rivals.Steepest(case, n_threads, like_sklearn)
        if like_sklearn not in desired:
            desired[like_sklearn] = ours.train(epochs)
        losses = np.asarray(rival.follow(ours.orders(epochs)), float)
        # Roundings of the longest sum and of the steps, as random walks: tests/tolerances.py. And JAX
        # forms 1 - beta_2^t in the dtype itself, with the relative error eps / 2 / (1 - beta_2) at first.
        bound = 16 * np.sqrt(longest + epochs * case.steps) * eps
        if name.startswith("jax") and case.optimizer == "Adam":
            bound += eps / 2 / (1 - 0.999)
        error = np.max(np.abs(losses / desired[like_sklearn] - 1))
        if not error <= bound:
            raise AssertionError(
                f"{name} and steepest disagree on {case!r}: losses {losses} and "
                f"{desired[like_sklearn]}, {error:.1e} apart, where roundings explain {bound:.1e}"
            )


def seconds_per_step(rival: Any, epochs: int) -> float:
    """Time one call, from the initial parameters."""
    rival.reset()
    begin = time.perf_counter()
    rival.train(epochs)
    end = time.perf_counter()
    seconds = rival.seconds() if hasattr(rival, "seconds") else end - begin
    return seconds / (epochs * rival.case.steps)


def compare(
    case: Case, names: list[str], n_threads: int, budget: float, rounds: tuple[int, int]
) -> dict[str, Any]:
    """Return microseconds a step: for each library one number a round, the rounds in turns.

    `rounds` are the fewest and the most; between them, as many as `budget` seconds allow.
    """
    contestants = {name: rivals.MAKERS[name](case, n_threads) for name in names}
    fewest = -(-FEWEST_STEPS // case.steps)
    epochs, repeats = dict.fromkeys(names, fewest), dict.fromkeys(names, 1)
    for name, rival in contestants.items():
        seconds_per_step(rival, fewest)  # compiles, warms up
        if is_large(case):
            continue
        epoch = seconds_per_step(rival, fewest) * case.steps
        epochs[name] = int(np.clip(ROUND_SECONDS / epoch, fewest, MOST_EPOCHS))
        repeats[name] = int(np.clip(ROUND_SECONDS / (epoch * epochs[name]), 1, 20))
        if epochs[name] > fewest:
            seconds_per_step(rival, epochs[name])  # JAX compiles for each number of epochs
    measured: dict[str, list[float]] = {name: [] for name in names}
    begin = time.perf_counter()
    for done in range(rounds[1]):
        if done >= rounds[0] and time.perf_counter() - begin > budget:
            break
        turn = done % len(names)
        for name in names[turn:] + names[:turn]:
            if n_threads > 1:
                time.sleep(0.005)  # other libraries' threads stop spinning
            times = [
                seconds_per_step(contestants[name], epochs[name]) for _ in range(repeats[name])
            ]
            measured[name].append(1e6 * float(np.median(times)))
    return {name: np.round(times, 4).tolist() for name, times in measured.items()}


def is_large(case: Case) -> bool:
    """Tell the cases of which one step takes about a tenth of a second."""
    return case.flops > 1e9


def cases(part: str) -> Iterator[tuple[str, Case]]:
    """Yield the name of a table row's kind and its case."""
    if part == "widths":
        for width in (1, 4, 16, 64, 256, 1024, 4096):
            yield "width", Case((64, width, 10), 64, 2048, "softmax")
        return
    for case in MAIN:
        if part == "training":
            yield "main", case
        else:
            for name in VARIANTS:
                changed = variant(case, name)
                if changed is not None:
                    yield name, changed


def measure(part: str, n_threads: int, smoke: bool = False) -> list[dict[str, Any]]:
    """Verify and time all cases of one part: "training" (the main table), "variants" or "widths"."""
    records = []
    names = [name for name in rivals.present() if part != "variants" or name != "jax_numpy"]
    for kind, case in cases(part):
        if part == "variants" and n_threads > 1 and case.flops < 5e7:
            continue  # too small to share: the one core's table has them
        if smoke:
            case = replace(case, rows=(1 if is_large(case) else 8) * case.batch)
        if part == "training" or n_threads == 1:
            verify(case, names, n_threads)
        if smoke:
            once = {name: rivals.MAKERS[name](case, n_threads) for name in names}
            times = {name: [1e6 * seconds_per_step(rival, 1)] for name, rival in once.items()}
        else:  # the main table deserves more rounds than the variants
            budget = 1.0 if part != "training" else 15.0 if is_large(case) else 2.5
            rounds = (3, 15) if part == "training" else (3, 7)
            times = compare(case, names, n_threads, budget, rounds)
        medians = {name: f"{np.median(values):.4g}" for name, values in times.items()}
        print(f"  {kind:15} {case!s:24}", medians, flush=True)
        records.append({"kind": kind, "case": str(case), "widths": case.widths, "us": times})
    return records
