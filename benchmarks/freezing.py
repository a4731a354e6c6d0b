"""What freezing layers saves: ``python benchmarks/freezing.py`` times an epoch with and without.

Each line has the time of an epoch in milliseconds, the least of several fits, on one thread.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import steepest as st

WIDTHS = (512, 512, 256)
EPOCHS, REPEATS = 4, 3


def seconds(model: st.MLPClassifier, X: np.ndarray, y: np.ndarray) -> float:
    """Return the time of one epoch."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        model.fit(X, y)
        times.append((time.perf_counter() - start) / EPOCHS)
    return min(times)


def main() -> None:
    """Print a line for each choice of frozen layers."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 784)).astype(np.float32)
    y = rng.integers(0, 10, 4000)
    print(f"784-{'-'.join(map(str, WIDTHS))}-10, Adam, batches of 200 of 4000 rows, float32")
    every = None
    for freeze in ([], ["weights"], [0], [0, 1], [0, 1, 2], [-1]):
        model = st.MLPClassifier(
            WIDTHS, max_iter=EPOCHS, random_state=0, freeze=freeze, n_threads=1
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            took = seconds(model, X, y)
        every = every or took
        print(f"freeze={freeze!s:12} {1e3 * took:7.1f} ms   {every / took:4.2f} times as fast")


if __name__ == "__main__":
    main()
