"""What freezing saves in training, and compaction in predicting: ``python benchmarks/structure.py``.

Times are in milliseconds, the least of several, on one thread.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import steepest as st

WIDTHS = (512, 512, 256)
ROWS, EPOCHS, REPEATS = 4000, 4, 3


def milliseconds(call: Callable[[], Any]) -> float:
    """Return the time of a call."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def network(**parameters: Any) -> st.MLPClassifier:
    """Return a network that is not fitted."""
    return st.MLPClassifier(WIDTHS, max_iter=EPOCHS, random_state=0, n_threads=1, **parameters)


def main() -> None:
    """Print a line for each choice of frozen layers, and for each share of pruned neurons."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, 784)).astype(np.float32)
    y = rng.integers(0, 10, ROWS)
    print(f"784-{'-'.join(map(str, WIDTHS))}-10, float32, {ROWS} rows")
    print("an epoch of Adam, batches of 200:")
    every = None
    for freeze in ([], ["weights"], [0], [0, 1], [0, 1, 2], [-1]):
        model = network(freeze=freeze)
        took = milliseconds(lambda model=model: model.fit(X, y)) / EPOCHS
        every = every or took
        print(f"  freeze={freeze!s:12} {took:7.1f} ms   {every / took:4.2f} times as fast")
    print("predict_proba, after prune(share, 'neurons') and compact():")
    model = network().fit(X, y)
    every = milliseconds(lambda: model.predict_proba(X))
    for share in (0.0, 0.5, 0.75, 0.9):
        pruned = model.compact().prune(share, "neurons")
        small = pruned.compact()
        took = milliseconds(lambda small=small: small.predict_proba(X))
        apart = np.abs(small.predict_proba(X) - pruned.predict_proba(X)).max()
        print(
            f"  {share:4.0%} {small.hidden_layer_sizes!s:16} {took:6.1f} ms   {every / took:5.2f} times as fast"
            f"   probabilities {apart:.0e} apart"
        )


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        main()
