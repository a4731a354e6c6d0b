"""Stop rules: when a descent ends, and the reason by name.

Rules are given as a sequence, ``stop=[...]``; the first one to fire ends the descent and gives the result its
``status``. Three reasons need no rule: ``"diverged"``, when the loss or a parameter is no longer finite,
``"callback"``, when a callback returns True, and ``"line_search"``, when a line search finds no lower point.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from steepest._validate import check_choice, check_integer, check_number

__all__ = ["GradientNorm", "MaxEpochs", "MaxSeconds", "MaxSteps", "NoImprovement", "StopRule"]


@dataclass(frozen=True)
class StopRule:
    """What every stop rule has in common: a part of the descent's configuration."""

    def config(self) -> dict[str, Any]:
        """Return the rule as the compiled core reads it."""
        raise NotImplementedError


@dataclass(frozen=True)
class GradientNorm(StopRule):
    """Stop when the gradient's norm is at most ``tolerance``: status ``"converged"``.

    With a full batch the norm is that at the current point, and the descent ends there. With mini-batches it is
    that of the epoch's last batch, which is a noisy measure.

    Parameters
    ----------
    tolerance : float, default 1e-8
        Not negative.
    order : {2, "inf"}, default 2
        The Euclidean norm, or the largest entry.
    """

    tolerance: float = 1e-8
    order: Literal[2, "inf"] = 2

    def __post_init__(self) -> None:
        check_number("tolerance", self.tolerance, low=0.0)
        if self.order not in (2, "inf", float("inf")):
            raise ValueError(f'order must be 2 or "inf", but is {self.order!r}')

    def config(self) -> dict[str, Any]:
        """Return the rule as the compiled core reads it."""
        return {"gradient_tolerance": float(self.tolerance), "gradient_largest": self.order != 2}


@dataclass(frozen=True)
class NoImprovement(StopRule):
    """Stop after ``patience`` epochs in a row without improvement: status ``"no_improvement"``.

    An epoch improves when its value is less than ``best - max(absolute, relative * |best|)``, where best is the
    lowest value so far (for a score: greater, and highest). In a full-batch descent an epoch is a step.

    Parameters
    ----------
    patience : int, default 10
        At least 1.
    absolute, relative : float, default 0
        How much better counts as better.
    monitor : {"loss", "validation_loss", "validation_score"}, default "loss"
        What is watched.
    """

    patience: int = 10
    absolute: float = 0.0
    relative: float = 0.0
    monitor: Literal["loss", "validation_loss", "validation_score"] = "loss"

    def __post_init__(self) -> None:
        check_integer("patience", self.patience, low=1)
        check_number("absolute", self.absolute, low=0.0, finite=True)
        check_number("relative", self.relative, low=0.0, finite=True)
        check_choice("monitor", self.monitor, ("loss", "validation_loss", "validation_score"))

    def config(self) -> dict[str, Any]:
        """Return the rule as the compiled core reads it."""
        return {
            "patience": int(self.patience),
            "absolute": float(self.absolute),
            "relative": float(self.relative),
            "monitor": self.monitor,
        }


@dataclass(frozen=True)
class MaxSteps(StopRule):
    """Stop after ``n`` steps: status ``"max_steps"``."""

    n: int

    def __post_init__(self) -> None:
        check_integer("n", self.n, low=0)

    def config(self) -> dict[str, Any]:
        """Return the rule as the compiled core reads it."""
        return {"max_steps": int(self.n)}


@dataclass(frozen=True)
class MaxEpochs(StopRule):
    """Stop after ``n`` passes over the data: status ``"max_epochs"``."""

    n: int

    def __post_init__(self) -> None:
        check_integer("n", self.n, low=0)

    def config(self) -> dict[str, Any]:
        """Return the rule as the compiled core reads it."""
        return {"max_epochs": int(self.n)}


@dataclass(frozen=True)
class MaxSeconds(StopRule):
    """Stop at the first step that ends after ``seconds``: status ``"max_seconds"``.

    The one rule that makes a result depend on the machine's speed.
    """

    seconds: float

    def __post_init__(self) -> None:
        check_number("seconds", self.seconds, low=0.0)

    def config(self) -> dict[str, Any]:
        """Return the rule as the compiled core reads it."""
        return {"max_seconds": float(self.seconds)}


def rules_of(stop: Any) -> list[StopRule]:
    """Return the rules of a ``stop`` argument: a sequence of them, or one alone."""
    if isinstance(stop, StopRule):
        return [stop]
    if not hasattr(stop, "__iter__"):
        raise TypeError(f"stop must be a sequence of stop rules, but is {stop!r}")
    return list(stop)


def combined_config(rules: Iterable[StopRule], defaults: dict[str, Any]) -> dict[str, Any]:
    """Merge rules into one configuration; of two limits of one kind the tighter one holds.

    ``defaults`` come from the caller's own arguments (``max_steps=``, ``gtol=``) and count as rules.
    """
    merged = dict(defaults)
    kinds: set[type] = set()
    for rule in rules_of(rules):
        if not isinstance(rule, StopRule):
            raise TypeError(
                "stop must be stop rules such as steepest.stopping.MaxSeconds(10), "
                f"but one is {rule!r}"
            )
        if isinstance(rule, (NoImprovement, GradientNorm)) and type(rule) in kinds:
            raise ValueError(f"stop has two rules of the kind {type(rule).__name__}; give one")
        kinds.add(type(rule))
        for key, value in rule.config().items():
            if key.startswith("max_") and merged.get(key, -1) >= 0:
                merged[key] = min(merged[key], value)
            elif key == "gradient_tolerance":  # whichever is met first
                merged[key] = max(merged.get(key, value), value)
            else:
                merged[key] = value
    return merged


MESSAGES = {
    "converged": "the gradient's norm is at most the tolerance",
    "no_improvement": "no improvement for as many epochs as patience allows",
    "max_steps": "the limit of steps was reached",
    "max_epochs": "the limit of epochs was reached",
    "max_seconds": "the time limit was reached",
    "diverged": (
        "the loss, the gradient or a parameter became infinite or NaN; the parameters are the best finite ones "
        "seen. Try a smaller learning rate (a tenth), and scale the inputs to mean 0 and variance 1"
    ),
    "interrupted": "interrupted; the parameters are those of the last finished step",
    "callback": "a callback asked to stop",
    "line_search": "the line search found no lower point: rounding hides it, or the gradient is wrong",
}
