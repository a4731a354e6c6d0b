"""Whole epochs over shuffled mini-batches: every library on the same cases, verified, then timed in turns.

Each library trains in a worker of its own; see workers.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import rivals
from cases import MAIN, VARIANTS, Case, variant
from workers import Worker, call_all

ROUND_SECONDS = 0.03  # what one library gets in one round, at least one call
# In one call, which of steepest copies parameters in and out and touches fresh memory once, as of a user
# who trains so briefly: of 64 steps that is one or two per cent. But a much longer descent would only make
# moments fade into subnormal numbers, which are slow.
FEWEST_STEPS, MOST_EPOCHS = 64, 16
# The same in the large cases, where a minute has few calls of all libraries: again one or two per cent.
FEWEST_LARGE_STEPS = {"training": 32, "variants": 12}


class Contestant:
    """One library in its worker, and what it is asked for."""

    def __init__(self, name: str, n_threads: int) -> None:
        self.name, self.n_threads = name, n_threads

    def lead(self, case: Case, epochs: int, like_sklearn: bool) -> tuple[Any, Any]:
        """Train steepest; return the orders (epochs, rows) that it took and each epoch's mean loss."""
        ours = rivals.Steepest(case, self.n_threads, like_sklearn)
        return ours.orders(epochs), np.asarray(ours.train(epochs), float)

    def follow(self, case: Case, orders: Any) -> Any:
        """Train on the given orders; return each epoch's mean loss, None where it can't be compared."""
        rival = rivals.MAKERS[self.name](case, self.n_threads)
        if not getattr(rival, "follows", True):
            return None
        return np.asarray(rival.follow(orders), float)

    def begin(self, case: Case, fewest_steps: int) -> float:
        """Return the seconds a step of a first round, in which libraries compile and warm up."""
        self.rival = rivals.MAKERS[self.name](case, self.n_threads)
        fewest = -(-fewest_steps // case.steps)
        # One epoch will do, but JAX compiles for each number of epochs.
        self.epochs, self.repeats = fewest if self.name.startswith("jax") else 1, 1
        seconds = self.seconds_per_step()
        self.epochs = fewest
        return seconds

    def settle(self) -> None:
        """Choose how many calls of how many epochs a round has, so that it lasts ROUND_SECONDS."""
        fewest = self.epochs
        epoch = self.seconds_per_step() * self.rival.case.steps
        self.epochs = int(np.clip(ROUND_SECONDS / epoch, fewest, MOST_EPOCHS))
        self.repeats = int(np.clip(ROUND_SECONDS / (epoch * self.epochs), 1, 20))
        if self.epochs > fewest:
            self.seconds_per_step()  # JAX compiles again

    def seconds_per_step(self) -> float:
        """Time one round: the median of its calls, each from the initial parameters."""
        steps = self.epochs * self.rival.case.steps
        return float(np.median([self.seconds() for _ in range(self.repeats)])) / steps

    def seconds(self) -> float:
        self.rival.reset()
        begin = time.perf_counter()
        self.rival.train(self.epochs)
        end = time.perf_counter()
        return float(self.rival.seconds() if hasattr(self.rival, "seconds") else end - begin)


def verify(case: Case, workers: dict[str, Worker]) -> None:
    """Assert that the mean losses of two epochs agree, from the same weights on the same batches."""
    epochs = 2
    case = replace(case, rows=min(case.rows, (2 if is_large(case) else 16) * case.batch))
    longest = max(*case.widths, case.batch)
    eps = float(np.finfo(case.dtype).eps)
    ours = {like: workers["steepest"].call("lead", case, epochs, like) for like in (False, True)}
    orders = ours[False][0]  # the same for both
    peers = {name: worker for name, worker in workers.items() if name != "steepest"}
    for name, losses in call_all(peers, "follow", case, orders).items():
        if losses is None:
            continue
        desired = ours[name == "sklearn"][1]
        # Roundings of the longest sum and of the steps, as random walks: tests/tolerances.py. And JAX
        # forms 1 - beta_2^t in the dtype itself, with the relative error eps / 2 / (1 - beta_2) at first.
        bound = 16 * np.sqrt(longest + epochs * case.steps) * eps
        if name.startswith("jax") and case.optimizer == "Adam":
            bound += eps / 2 / (1 - 0.999)
        error = np.max(np.abs(losses / desired - 1))
        if not error <= bound:
            raise AssertionError(
                f"{name} and steepest disagree on {case!r}: losses {losses} and {desired}, "
                f"{error:.1e} apart, where roundings explain {bound:.1e}"
            )


def compare(
    workers: dict[str, Worker], budget: float, rounds: tuple[int, int]
) -> dict[str, list[float]]:
    """Return microseconds a step: for each library one number a round, the rounds in turns.

    `rounds` are the fewest and the most; between them, as many as `budget` seconds allow.
    """
    names = list(workers)
    us: dict[str, list[float]] = {name: [] for name in names}
    begin = time.perf_counter()
    for done in range(rounds[1]):
        if done >= rounds[0] and time.perf_counter() - begin > budget:
            break
        turn = done % len(names)
        for name in names[turn:] + names[:turn]:
            us[name].append(round(1e6 * workers[name].call("seconds_per_step"), 4))
    return us


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
    names = [name for name in rivals.present() if part != "variants" or name != "jax_numpy"]
    workers = {name: Worker(Contestant, name, n_threads) for name in names}
    # The main table deserves more rounds than the others.
    budget, rounds = (2.5, (3, 15)) if part == "training" else (1.0, (3, 7))
    records = []
    for kind, case in cases(part):
        if part == "variants" and n_threads > 1 and case.flops < 5e7:
            continue  # too small to share: the one core's table has them
        if smoke:
            batch = case.batch // (8 if is_large(case) else 1)
            case = replace(case, batch=batch, rows=(1 if is_large(case) else 8) * batch)
        fewest = 1 if smoke else FEWEST_LARGE_STEPS[part] if is_large(case) else FEWEST_STEPS
        if part == "training" or n_threads == 1:
            verify(case, workers)
        first = call_all(workers, "begin", case, fewest)
        us = {name: [1e6 * seconds] for name, seconds in first.items()}
        if not smoke:
            if not is_large(case):  # whose one call is a long round already
                for worker in workers.values():
                    worker.call("settle")
            us = compare(workers, budget, rounds)
        medians = {name: f"{np.median(times):.4g}" for name, times in us.items()}
        print(f"  {kind:15} {case!s:24}", medians, flush=True)
        records.append({"kind": kind, "case": str(case), "widths": case.widths, "us": us})
    return records
