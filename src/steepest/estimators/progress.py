"""What the MLP estimators print with ``verbose``: the lines that scikit-learn's print, and iterations of L-BFGS."""

from __future__ import annotations

from typing import Any

from steepest.stopping import NoImprovement, rules_of


class Progress:
    """Prints a line for each epoch, one for its validation score, and what exhausted patience does.

    It is called with the record of each epoch, and at the end with the descent's result.
    """

    def __init__(self, estimator: Any) -> None:
        self._scored = bool(estimator.early_stopping) and estimator._solver() != "lbfgs"
        self._divides = estimator.optimizer is None and (
            (estimator.solver, estimator.learning_rate) == ("sgd", "adaptive")
        )
        # A rule of the user's has taken the place of tol and n_iter_no_change: there is no word for it there.
        self._follows_tol = not any(isinstance(r, NoImprovement) for r in rules_of(estimator.stop))
        what = "Validation score" if self._scored else "Training loss"
        self._exhausted = (
            f"{what} did not improve more than tol={estimator.tol:f} "
            f"for {estimator.n_iter_no_change} consecutive epochs."
        )
        self._epochs = 0
        self._rate: float | None = None

    def __call__(self, record: dict[str, Any]) -> None:
        """Print an epoch."""
        self._see_rate(record["learning_rate"])
        self._epochs += 1
        print(f"Iteration {self._epochs}, loss = {record['loss']:.8f}")
        if self._scored:
            score = record["validation_score"]
            print(f"Validation score: {float('nan') if score is None else score:f}")

    def end(self, result: dict[str, Any]) -> None:
        """Print why the descent ended, if it was patience."""
        self._see_rate(result["base_rate"])
        if result["status"] == "no_improvement" and self._follows_tol:
            print(
                f"{self._exhausted}{' Learning rate too small.' if self._divides else ''} Stopping."
            )

    def _see_rate(self, rate: float) -> None:
        """Say that patience has divided the rate, before the first epoch that has it."""
        if self._divides and self._rate is not None and rate < self._rate:
            print(f"{self._exhausted} Setting learning rate to {rate:f}")
        self._rate = rate
