"""The learning-rate range test: one descent, in which the rate rises until the loss does."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from steepest._validate import check_choice, check_integer, check_number
from steepest.optimizers import SGD, Momentum, Optimizer, PolyakStep, Prodigy, Rprop
from steepest.schedules import Table
from steepest.stopping import MaxSteps, StopRule

__all__ = ["RangeTest", "lr_find"]

Floats = NDArray[np.float64]
MOST_FOR_LIMIT = 1e10  # multiply-adds; for more, the largest curvature is found by power iteration
Suggest = Literal["steepest", "valley", "minimum"]


@dataclass(frozen=True, eq=False, repr=False)
class RangeTest:
    """What :func:`lr_find` has found.

    Attributes
    ----------
    learning_rates : array, (n,)
        The rate of each step, rising geometrically.
    losses : array, (n,)
        The loss after that step: with mini-batches that of the next batch.
    smoothed : array, (n,)
        The losses' exponential moving average, corrected for its start.
    suggestion : float
        A rate to train with, found as ``method`` says; NaN if the loss never fell.
    steepest : float
        The rate at which the smoothed loss falls fastest over the logarithm of the rate; NaN if it never fell.
    lowest : float
        The rate at which the smoothed loss is lowest.
    diverged_at : float or None
        The rate of the step from which on the smoothed loss only rose, until it was too large or not finite; None
        if that did not happen.
    limit : float or None
        Beyond this constant rate the descent diverges, on all rows: 2/L for plain gradient descent, with L the
        largest curvature; known for the squared error of linear and polynomial models with ``SGD`` and
        ``Momentum``, otherwise None. For many features L is from power iteration, which may be some percent short.
    initial_loss : float
        The loss before the first step.
    method : {"steepest", "valley", "minimum"}
        What ``suggestion`` is.
    optimizer : Optimizer
        The one that was tested; its learning rate is the suggestion, where there is one.
    """

    learning_rates: Floats
    losses: Floats
    smoothed: Floats
    suggestion: float
    steepest: float
    lowest: float
    diverged_at: float | None
    limit: float | None
    initial_loss: float
    method: str
    optimizer: Optimizer

    def __repr__(self) -> str:
        diverged = "None" if self.diverged_at is None else f"{self.diverged_at:.3g}"
        limit = "" if self.limit is None else f", limit={self.limit:.3g}"
        return (
            f"RangeTest(suggestion={self.suggestion:.3g}, steepest={self.steepest:.3g}, "
            f"lowest={self.lowest:.3g}, diverged_at={diverged}{limit}, {len(self.losses)} steps)"
        )

    def __str__(self) -> str:
        rates, kind = self.learning_rates, type(self.optimizer).__name__
        lines = [
            f"Learning-rate range test of {kind}: {len(rates)} steps, {rates[0]:.3g} ... {rates[-1]:.3g}",
            f"  suggestion   {self.suggestion:.3g} ({self.method})",
            f"  steepest     {self.steepest:.3g}",
            f"  lowest loss  {self.smoothed.min():.4g} at {self.lowest:.3g}, from {self.initial_loss:.4g}",
            "  diverged     "
            + ("no" if self.diverged_at is None else f"at {self.diverged_at:.3g}"),
        ]
        if self.limit is not None:
            lines.append(f"  stable up to {self.limit:.3g}, by the largest curvature on all rows")
        return "\n".join(lines)


def lr_find(
    model: Any,
    X: Any,
    y: Any,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    n_steps: int = 100,
    sample_weight: Any = None,
    optimizer: Optimizer | None = None,
    smoothing: float | None = None,
    divergence: float = 4.0,
    suggest: Suggest = "steepest",
) -> RangeTest:
    r"""Find a learning rate by a range test: descend while the rate rises geometrically, and watch the loss.

    A copy of ``model`` makes one compiled descent from where a fit would start, step t at the rate

    .. math:: \eta_t = \mathrm{low} \left( \frac{\mathrm{high}}{\mathrm{low}} \right)^{t / (n - 1)},
              \qquad t = 0 \dots n - 1

    and the loss :math:`J_t` after each step is recorded, on the next batch. It is smoothed by

    .. math:: s_t = \frac{(1 - \beta) \sum_{i \le t} \beta^{t - i} J_i}{1 - \beta^{t + 1}}

    The descent ends as soon as the loss is larger than at the start, which the swings of momentum are not, and
    :math:`s_t - s_{\min} > (\mathrm{divergence} - 1) |s_{\min}|`, with the lowest so far; or where, with all rows
    in a batch, the gradient has vanished to rounding. The estimator and the arrays are not changed. Nothing is
    random but what ``random_state`` says.

    Rates are those of the problem that the descent sees, as ``learning_rate`` is: with ``standardize=True`` in
    standardised features.

    Parameters
    ----------
    model : estimator
        Any of the package's five, fitted or not. Its loss, penalty, batches and seed are those of the test; its
        stop rules, schedule, callbacks and validation are left out.
    X, y : arrays
        As for ``fit``.
    low, high : float, default 1e-7 and 10
        The first and the last rate.
    n_steps : int, default 100
        How many steps, at least 3.
    sample_weight : array, (n,), optional
        As for ``fit``.
    optimizer : Optimizer, optional
        What takes the steps; its learning rate is not used, nor is an average of its iterates, and ``Momentum`` of
        the velocity "gradient" is tested in the form "step", which is the same while the rate is constant and does
        not multiply old steps by new rates. By default the model's ``optimizer``; else that of the ``solver`` of a
        network, and plain gradient descent for the other models, whose ``learning_rate`` it is. Not one that finds
        the length of its steps itself: ``Prodigy``, ``PolyakStep``, ``BarzilaiBorwein``, ``Rprop``, a line search.
    smoothing : float in [0, 1), optional
        :math:`\beta`. By default 0.9 with mini-batches, and 0 with all rows in a batch, where there is no noise.
    divergence : float, default 4
        More than 1.
    suggest : {"steepest", "valley", "minimum"}, default "steepest"
        What the suggestion is. "steepest": where the slope :math:`ds / d \log \eta` is least, up to the lowest
        loss; by central differences over the span of the average, :math:`1 / (1 - \beta)` steps, and not before it
        is full. "valley": in the middle of the longest falling subsequence of s (fastai's). "minimum": a tenth of
        the rate of the lowest loss. The average lags by its mean age of :math:`\beta / (1 - \beta)` steps, and all
        rates that are read off it are those of so many steps before.

    Returns
    -------
    RangeTest

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the data are not as for ``fit``.

    Warns
    -----
    ConvergenceWarning
        If the loss never fell: ``low`` is too high, or the model starts at its minimum.

    Notes
    -----
    On a quadratic, plain gradient descent with all rows lowers the loss at every rate below 2/L (``limit``),
    whatever the start: ``diverged_at`` is above it, in one direction by less than a step. With several it can be
    more: the rate has passed 1/L, where the steepest direction is left at its minimum, and from there its error
    must first grow again, while the others still fall. For slowly rising rates it is as large as at the start when
    :math:`\int \log |1 - \eta L| \, d\log\eta = -\operatorname{Re} \operatorname{Li}_2(\eta L) = 0`, at
    :math:`\eta = 12.6 / L`. Mini-batches stir it up again, and diverge earlier.

    ``learning_rate="auto"``, the default of the linear, polynomial and logistic models, needs no test: of the
    squared error it takes the optimal rate and momentum from the exact curvatures, of other losses 1/L from a bound
    of the curvature where there is one, and otherwise Adam with a rate that is halved. Networks have no such
    bound and no "auto".

    References
    ----------
    Smith (2017), "Cyclical learning rates for training neural networks"; the smoothing and the "valley" are
    those of fastai (Howard and Gugger 2020).

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.array([[-1.0], [1.0]])
    >>> model = st.LinearRegression(standardize=False, fit_intercept=False)
    >>> found = st.lr_find(model, x, x[:, 0], low=1e-3)  # J = (w - 1)^2, so that 2/L = 1
    >>> round(found.limit, 12)
    1.0
    >>> bool(found.suggestion < found.limit < found.diverged_at)
    True
    """
    low = check_number("low", low, above=0.0, finite=True)
    high = check_number("high", high, above=low, finite=True)
    n_steps = check_integer("n_steps", n_steps, low=3)
    divergence = check_number("divergence", divergence, above=1.0)
    check_choice("suggest", suggest, ("steepest", "valley", "minimum"))
    if smoothing is not None:
        smoothing = check_number("smoothing", smoothing, low=0.0, below=1.0)
    optimizer = _optimizer(model, optimizer)
    if smoothing is None:
        smoothing = 0.0 if _is_full_batch(model, X) else 0.9
    curve = _Curve(smoothing, divergence)
    rates = np.geomspace(low, high, n_steps)
    stepping = replace(optimizer, learning_rate=1.0)  # by which the schedule's rates are its own
    if getattr(optimizer, "average", None) is not None:  # which would lag behind
        stepping = replace(stepping, average=None)
    if type(stepping) is Momentum and stepping.velocity == "gradient":
        stepping = replace(stepping, velocity="step")
    tested = _copy(model, stepping, rates, curve)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", _convergence_warning())
        tested.fit(X, y, sample_weight=sample_weight)
    limit = _limit(model, optimizer, X, y, sample_weight)
    return _result(curve, tested.status_, rates, suggest, optimizer, limit)


class _Curve:
    """The losses of a descent, one a step, and their moving average; as a callback it ends what diverges."""

    def __init__(self, smoothing: float, divergence: float) -> None:
        self.smoothing, self._divergence = smoothing, divergence
        self.losses: list[float] = []  # the first one is that of the start
        self.smoothed: list[float] = []
        self._average = 0.0

    def __call__(self, record: dict[str, Any]) -> bool:
        loss = float(record["loss"])
        self.losses.append(loss)
        if len(self.losses) == 1:
            self._best = loss
            return False
        count = len(self.losses) - 1
        self._average = self.smoothing * self._average + (1.0 - self.smoothing) * loss
        smoothed = self._average / (1.0 - self.smoothing**count)
        self.smoothed.append(smoothed)
        self._best = min(self._best, smoothed)
        return self.diverged

    @property
    def diverged(self) -> bool:
        """Whether the last smoothed loss is too far above the best one, and larger than that at the start."""
        if not self.smoothed or not self.smoothed[-1] > self.losses[0]:
            return False
        return self.smoothed[-1] - self._best > (self._divergence - 1.0) * abs(self._best)

    def last_rise(self) -> int:
        """Return the step from which on the smoothed loss only rose."""
        before = [*self.losses[:1], *self.smoothed]
        first = len(self.smoothed)
        while first > 0 and before[first] > before[first - 1]:
            first -= 1
        return first


@dataclass(frozen=True)
class _EachStep(StopRule):
    """No stop rule: has every step recorded by itself."""

    def config(self) -> dict[str, Any]:
        return {"each_step": True}


def _optimizer(model: Any, given: Any) -> Optimizer:
    """Return the optimizer to test."""
    from steepest.estimators.base import check_optimizer  # which brings scikit-learn
    from steepest.estimators.convex import ConvexModel
    from steepest.estimators.mlp_base import MultiLayerPerceptron

    if not isinstance(model, (ConvexModel, MultiLayerPerceptron)):
        raise TypeError(
            "model must be one of steepest's estimators, such as steepest.MLPRegressor(), "
            f"but is {model!r}"
        )
    optimizer = model.optimizer if given is None else given
    if optimizer is not None:
        check_optimizer(optimizer)
    if optimizer is None and isinstance(model, MultiLayerPerceptron):
        if model._solver() == "lbfgs":
            raise ValueError(
                "model: solver='lbfgs' searches along a line and has no learning rate; use 'sgd' or 'adam'"
            )
        optimizer = model._optimizer()
    if optimizer is None:
        optimizer = SGD(1.0)
    assert isinstance(optimizer, Optimizer)
    kind = type(optimizer).__name__
    if getattr(optimizer, "line_search", None) is not None:
        kind += " with line_search"
    if optimizer.finds_rate or isinstance(optimizer, (PolyakStep, Prodigy, Rprop)):
        raise ValueError(
            f"optimizer: {kind} finds the length of its steps itself: there is no rate to test"
        )
    return optimizer


def _is_full_batch(model: Any, X: Any) -> bool:
    size, rows = model.batch_size, (getattr(X, "shape", None) or np.shape(X) or (0,))[0]
    if size is None:
        return True
    if size == "auto":
        size = 200
    return check_integer("batch_size", size, low=1) >= rows


def _copy(
    model: Any, optimizer: Optimizer, rates: Floats, curve: Callable[[dict[str, Any]], bool]
) -> Any:
    """Return an unfitted model of the same kind that descends at these rates."""
    parameters = model.get_params(deep=False)
    steps = len(rates) + 1  # the last one tells the loss after the one before
    settings = {
        "random_state": copy.deepcopy(model.random_state),
        "optimizer": optimizer,
        "schedule": Table(tuple(rates)),
        "stop": [MaxSteps(steps), _EachStep()],
        "callbacks": [curve],
        "verbose": False,
        "warm_start": False,
        "scoring": None,
        "max_epochs": steps,
        "tol": 0.0,
        "max_iter": steps,
        "n_iter_no_change": math.inf,
        "early_stopping": False,
    }
    known = {name: value for name, value in settings.items() if name in parameters}
    return type(model)(**{**parameters, **known})


def _convergence_warning() -> type[Warning]:
    from sklearn.exceptions import ConvergenceWarning

    kind: type[Warning] = ConvergenceWarning
    return kind


def _limit(model: Any, optimizer: Optimizer, X: Any, y: Any, sample_weight: Any) -> float | None:
    """Return the largest stable rate, where the squared error of a linear model tells."""
    from steepest.estimators.advice import problem_on, stable_rate

    problem = problem_on(model, X, y, sample_weight)
    curvature = None if problem is None else problem.curvature(MOST_FOR_LIMIT)
    if curvature is None or not curvature.is_quadratic:
        return None
    return stable_rate(optimizer, curvature.largest)


def _result(
    curve: _Curve,
    status: str,
    rates: Floats,
    suggest: Suggest,
    optimizer: Optimizer,
    limit: float | None,
) -> RangeTest:
    losses, smoothed = np.array(curve.losses[1:]), np.array(curve.smoothed)
    n = min(len(losses), len(rates))
    losses, smoothed, tested = losses[:n], smoothed[:n], rates[:n]
    diverged_at = None
    if status == "diverged" or curve.diverged:
        # If it is the last, there is no number for the loss after that step.
        diverged_at = float(rates[min(curve.last_rise(), len(rates) - 1)])
    steepest = lowest = valley = math.nan
    if n and min(smoothed) < curve.losses[0]:
        lag = round(curve.smoothing / (1.0 - curve.smoothing))
        span = max(1, round(0.5 / (1.0 - curve.smoothing)))  # to either side
        places = np.argmin(smoothed), _steepest(smoothed, span), _valley(smoothed)
        lowest, steepest, valley = (float(tested[max(at - lag, 0)]) for at in places)
    else:
        warnings.warn(
            f"The loss never fell between the rates {rates[0]:.3g} and {rates[max(n - 1, 0)]:.3g}: begin with a "
            "lower rate, low, unless the model starts at its minimum.",
            _convergence_warning(),
            stacklevel=3,
        )
    suggestion = {"steepest": steepest, "valley": valley, "minimum": lowest / 10}[suggest]
    if not math.isnan(suggestion):
        optimizer = replace(optimizer, learning_rate=suggestion)
    initial = curve.losses[0] if curve.losses else math.nan
    return RangeTest(
        tested,
        losses,
        smoothed,
        suggestion,
        steepest,
        lowest,
        diverged_at,
        limit,
        initial,
        suggest,
        optimizer,
    )


def _steepest(smoothed: Floats, span: int) -> int:
    """Return the step where the average falls fastest, up to its lowest: by differences over some to either side.

    The rates rise geometrically, so that a step is always as much of their logarithm.
    """
    first = min(2 * span if span > 1 else 0, int(np.argmin(smoothed)))  # from where it is full
    falling = smoothed[first : int(np.argmin(smoothed)) + 1]
    at = np.arange(len(falling))
    before, after = np.maximum(at - span, 0), np.minimum(at + span, len(falling) - 1)
    if len(falling) < 2:
        return first
    return first + int(np.argmin((falling[after] - falling[before]) / (after - before)))


def _valley(smoothed: Floats) -> int:
    """Return the step in the middle of the longest falling subsequence."""
    length = np.ones(len(smoothed), dtype=np.int64)  # of the one that ends at each point
    for i in range(1, len(smoothed)):
        above = smoothed[:i] > smoothed[i]
        if above.any():
            length[i] = 1 + length[:i][above].max()
    end = int(np.argmax(length))
    start = end - int(length[end])
    third = (end - start) / 3
    return max(start + int(third) + int(third / 2), 0)
