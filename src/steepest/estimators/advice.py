"""Why a descent ended badly: causes with their numbers, measured after the end and at a bounded price.

Nothing here runs while a fit goes well. What the fit was about is kept until it is known how it ended; only then
are curvatures, spreads and dead units measured, and only so far as that takes no more than about a
millisecond, or a tenth of the fit's own work.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from steepest import _native
from steepest._validate import Array, chunks, plain
from steepest.estimators.penalties import divided
from steepest.estimators.quadratic import MOST_FEATURES, POWER_STEPS, curvature_range
from steepest.estimators.sparse import Inputs, SparseRows, core_inputs
from steepest.optimizers import SGD, Momentum

# Multiply-adds that an explanation may take, about a millisecond, and some tenths of a second for a divergence; or
# a part of the fit's own. Ends by a limit are everyday: there the spreads and dead units are those of a few rows.
CHEAP, CHEAP_AFTER_DIVERGENCE, SHARE = 1e6, 1e9, 0.1
FEW_ROWS, ROWS_AFTER_DIVERGENCE = 256, 20_000
HIGH_CONDITION = 100.0  # from where on it is a cause by itself
SPREAD = 10.0  # features whose units differ by more are said to be unscaled
# What an optimizer may have by which steps are no longer the rate times what its rule makes of the gradient.
BEYOND_THE_RATE = ("groups", "clip_value", "clip_norm", "clip_global_norm", "finds_rate")
DEAD = 0.1  # of a layer's units, from which on they are worth a word
ROUNDING_OF_DIFFERENCES = 1e-9  # of the largest curvature
NETWORK_STEPS = 20  # of Lanczos's iteration


@dataclass(frozen=True)
class Finding:
    """One cause of a bad ending, or one thing to know.

    Attributes
    ----------
    kind : {"rate", "condition", "features", "offset", "targets", "dead_units"}
        What it is about.
    message : str
        A sentence with the numbers, and what helps.
    values : dict
        The numbers by name.
    """

    kind: str
    message: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Curvature:
    """Eigenvalues of the Hessian of an objective, in the coordinates of the descent.

    Attributes
    ----------
    largest : float
        L.
    least : float or None
        The smallest positive one; None if it is not known.
    source : str
        How they are known, in words.
    is_quadratic : bool
        Whether they are the same everywhere, so that 2/L is a limit; otherwise L is a bound, or that of one point.
    trace : float or None
        The sum of all eigenvalues.
    """

    largest: float
    least: float | None
    source: str
    is_quadratic: bool
    trace: float | None = None

    @property
    def condition_number(self) -> float | None:
        """L over the smallest positive eigenvalue."""
        return self.largest / self.least if self.least else None


@dataclass
class Problem:
    """What a descent was about, kept until it is known how it ended; data are referred to, not copied.

    hessian: returns the Hessian of the objective for one output, (size, size), or of a quadratic above it; None
    where the loss's curvature has no bound. ``multiply_adds`` is what that takes. power: returns the largest
    curvature by power iteration, on some of the rows if they are given. local: returns the gradient as a function,
    and the point where the descent ended; for what is no quadratic. ``automatic``: the optimizer is the one that
    ``learning_rate="auto"`` computes from the curvatures; the least and the largest, if it has measured them, are
    ``curvatures``.
    """

    estimator: Any
    optimizer: Any
    batch_size: int  # 0: all rows
    X: Inputs
    hessian: Callable[..., Array] | None
    size: int
    multiply_adds: float
    is_quadratic: bool
    automatic: bool
    tol: float = 0.0
    power: Callable[[Array | None], float] | None = None
    local: Callable[[], tuple[Any, Array]] | None = None
    curvatures: tuple[float, float] | None = None

    def steps_of(self, result: dict[str, Any]) -> int:
        """Return how many steps the descent has taken."""
        return int(result["n_steps"])

    def curvature(self, budget: float = math.inf) -> Curvature | None:
        """Measure the eigenvalues; None if there are none, or it takes too long."""
        if self.hessian is None:
            return None
        try:
            work = self.multiply_adds + 2.0 * float(self.size) ** 3
            if work > budget or self.size > MOST_FEATURES:
                return self._by_power(budget)
            hessian = self.hessian()
        except ValueError:  # which says that it overflows
            return None
        if not np.isfinite(hessian).all():
            return None
        least, largest = curvature_range(hessian)
        trace = float(np.trace(hessian))
        if not self.is_quadratic:
            return Curvature(largest, None, "a bound of the Hessian's", False, trace)
        return Curvature(largest, least, "the Hessian's largest eigenvalue", True, trace)

    def local_curvature(self, budget: float = math.inf) -> Curvature | None:
        """Measure the eigenvalues where the descent has ended; None if it takes too long."""
        n, d = self.X.shape
        if self.local is None or 8.0 * n * (d + 1.0) ** 2 > budget:  # for one output
            return None
        gradient, point = self.local()
        if 8.0 * n * (d + 1.0) * point.size + 2.0 * point.size**3 > budget:
            return None
        hessian = differences(gradient, point)
        if not np.isfinite(hessian).all():
            return None
        least, largest = _native.core.curvature_range(hessian, ROUNDING_OF_DIFFERENCES)
        return Curvature(largest, least, "where the descent has ended", False)

    def _by_power(self, budget: float) -> Curvature | None:
        if self.power is None:
            return None
        n, d = self.X.shape
        most = max(32, int(min(n, budget / (2.0 * POWER_STEPS * d))))
        largest = self.power(evenly_spaced(n, most) if most < n else None)
        where = "all rows" if most >= n else f"{most} of the {n} rows"
        return Curvature(largest, None, f"by power iteration on {where}", self.is_quadratic)


@dataclass
class NetworkProblem:
    """The same of a network; ``data`` are those that it was trained on."""

    estimator: Any
    data: Any

    automatic: ClassVar[bool] = False
    is_quadratic: ClassVar[bool] = False

    @property
    def X(self) -> Inputs:
        """The inputs that it was trained on."""
        inputs: Inputs = self.data.X
        return inputs

    def steps_of(self, result: dict[str, Any]) -> int | None:
        """Return None where the optimizer's state, with which the next call goes on, counts the steps."""
        return None if hasattr(self.estimator, "_resume") else result.get("n_steps")

    @property
    def optimizer(self) -> Any:
        """What took the steps; None for L-BFGS."""
        if self.estimator._solver() == "lbfgs":
            return None
        resume = getattr(self.estimator, "_resume", None)
        return resume["optimizer"] if resume else self.estimator._optimizer()

    @property
    def batch_size(self) -> int:
        """Rows for a step; 0 for all."""
        size, rows = self.estimator.batch_size, self.X.shape[0]
        size = 200 if isinstance(size, str) else int(size)
        return 0 if size >= rows or self.estimator._solver() == "lbfgs" else size

    def curvature(self, budget: float = math.inf) -> Curvature | None:
        """Return the largest curvature where the network is now, by Lanczos's iteration on the Hessian.

        On as many rows, evenly spaced, as the budget allows.
        """
        from steepest.calculus import (
            hessian_vector_product,
        )  # when it is needed, and not in a good fit
        from steepest.estimators.base import NetworkState
        from steepest.estimators.given_layers import as_plain, given_layers
        from steepest.estimators.lbfgs import FlatObjective

        layers = as_plain(given_layers(self.estimator), np.dtype(np.float64))
        size = sum(array.size for part in layers for array in part)
        a_row = 6.0 * size * 2 * NETWORK_STEPS  # multiply-adds
        rows = self.X.shape[0]
        most = min(rows, max(32, int(min(budget / a_row, rows))))
        if a_row * most > 4 * budget:
            return None
        data = self.data.part(evenly_spaced(rows, most)) if most < rows else self.data
        data = in_float64(data)
        part = data.X.shape[0] / rows
        model = self.estimator._model(data.y)
        model["l2"] = divided(model["l2"], 1.0 / part)
        loss = FlatObjective(NetworkState(*layers), data, model)

        def gradient(flat: Array) -> Array:
            return loss(flat)[1]

        def product(direction: Array) -> Array:
            return hessian_vector_product(loss, loss.origin, direction, gradient)

        try:
            largest = largest_by_lanczos(product, size)
        except ValueError:  # not finite near here
            return None
        if not largest > 0:
            return None
        where = "all rows" if most >= rows else f"{data.X.shape[0]} of the {rows} rows"
        source = f"where the network is now, by {NETWORK_STEPS} Lanczos steps on {where}"
        return Curvature(largest, None, source, False)


def largest_by_lanczos(product: Callable[[Array], Array], size: int) -> float:
    """Return the largest eigenvalue of a symmetric matrix from its products with vectors, nearly, and not above it.

    Unlike by power iteration negative eigenvalues of the same size are no matter, which Hessians of networks have.
    """
    start = np.cos(np.arange(size) ** 2.0)  # no direction that networks prefer
    basis = [start / np.sqrt(start @ start)]
    diagonal, beside = [], []
    for _ in range(min(NETWORK_STEPS, size)):
        image = product(basis[-1])
        if not np.isfinite(image).all():
            raise ValueError("the Hessian is not finite")
        diagonal.append(float(basis[-1] @ image))
        for _twice in range(2):  # to rounding
            for vector in basis:
                image = image - (vector @ image) * vector
        length = float(np.sqrt(image @ image))
        if length <= 1e-10 * max(abs(d) for d in diagonal):
            break
        beside.append(length)
        basis.append(image / length)
    matrix = np.diag(diagonal)
    for i, length in enumerate(beside[: len(diagonal) - 1]):
        matrix[i, i + 1] = matrix[i + 1, i] = length
    return float(_native.core.symmetric_eigenvalues(matrix)[-1])


# ---------------------------------------------------------------- how an ending is told


def keep_ending(estimator: Any, result: dict[str, Any]) -> str:
    """Remember what :meth:`report` tells of a fit that has ended; return causes, sentences, if it ended badly."""
    problem = result.pop("problem", None)
    if problem is None:
        estimator.__dict__.pop("_ending", None)
        return ""
    ending = {
        "optimizer": problem.optimizer,
        "batch_size": problem.batch_size,
        "n_rows": problem.X.shape[0],
        "n_steps": problem.steps_of(result),
        "automatic": problem.automatic,
        "curvature": curvature_of_auto(problem),
        "findings": (),
    }
    estimator._ending = ending
    if "_keep_problem" in vars(estimator):  # of problem_on
        estimator._keep_problem = problem
        return ""
    if result["status"] not in ("diverged", "max_epochs") or result["exception"] is not None:
        return ""
    with np.errstate(all="ignore"):
        findings, curvature = explained(problem, result)
    ending["findings"] = tuple(findings)
    ending["curvature"] = curvature or ending["curvature"]
    return "".join(f" {finding}" for finding in findings)


def explained(
    problem: Problem | NetworkProblem, result: dict[str, Any]
) -> tuple[list[Finding], Curvature | None]:
    """Return the causes of a bad ending, and the curvature if it was measured."""
    n, d = problem.X.shape
    work = 2.0 * n * d * result["n_epochs"]
    diverged = result["status"] == "diverged"
    budget = max(CHEAP_AFTER_DIVERGENCE if diverged else CHEAP, SHARE * work)
    history, curvature = result.get("history", {}), None
    findings: list[Finding | None] = []
    is_network = isinstance(problem, NetworkProblem)
    rates = history.get("learning_rate", ())
    norms = history.get("gradient_norm", ())
    rate = float(rates[-1]) if len(rates) else getattr(problem.optimizer, "learning_rate", math.nan)
    losses = history.get("loss", ())
    if diverged or not is_network or rises(losses):
        curvature = curvature_of_auto(problem) or problem.curvature(budget)
    if diverged or is_too_fast(problem, curvature, rate, losses):
        findings.append(about_rate(problem, curvature, rate))
    elif not is_network:
        norm = float(norms[-1]) if len(norms) else math.nan
        here = curvature
        if isinstance(problem, Problem) and not problem.is_quadratic:
            here = problem.local_curvature(budget)
        findings.append(about_condition(problem, here, rate, norm))
    if is_network or not getattr(problem.estimator, "standardize", True):
        most = ROWS_AFTER_DIVERGENCE if diverged else FEW_ROWS
        findings += about_features(problem.estimator, problem.X, is_network, most)
    if isinstance(problem, NetworkProblem):
        findings.append(about_targets(problem.estimator, problem.data.y, FEW_ROWS))
    if is_network and not diverged:
        findings.append(about_dead_units(problem.estimator, problem.X, FEW_ROWS))
    return [finding for finding in findings if finding is not None], curvature


def problem_on(model: Any, X: Any, y: Any, sample_weight: Any = None) -> Problem | None:
    """Return the problem of fitting a model to data; None for a network.

    By a fit of no steps, of which the problem is kept.
    """
    parameters = model.get_params(deep=False)
    if "max_epochs" not in parameters:
        return None
    settings = {
        "max_epochs": 0,
        "optimizer": SGD(1.0),
        "schedule": None,
        "stop": (),
        "callbacks": (),
        "verbose": False,
        "warm_start": False,
        "scoring": None,
        "random_state": 0,
        "batch_size": None,
    }
    copy = type(model)(**{**parameters, **settings})
    copy._keep_problem = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy.fit(X, y, sample_weight=sample_weight)
    problem: Problem = copy._keep_problem
    return problem


def curvature_of_auto(problem: Problem | NetworkProblem) -> Curvature | None:
    """Return the curvatures from which "auto" has computed the rate and the momentum; None if it has not."""
    optimizer = problem.optimizer
    if isinstance(problem, NetworkProblem) or not (
        problem.automatic and isinstance(optimizer, Momentum)
    ):
        return None
    if optimizer.nesterov:
        source = 'the bound for learning_rate="auto"'
        return Curvature(1.0 / optimizer.learning_rate, None, source, False)
    if problem.curvatures is None:
        return None
    least, largest = problem.curvatures
    source = 'the largest curvature, measured for learning_rate="auto"'
    return Curvature(largest, least, source, problem.is_quadratic)


# ---------------------------------------------------------------- the causes


def stable_rate(optimizer: Any, largest: float) -> float | None:
    r"""Return the rate beyond which descent on a quadratic of the largest curvature L diverges; None if unknown.

    Plain descent: :math:`2/L`. With momentum :math:`\beta` it is :math:`2(1 + \beta)/L` (Polyak 1964), and with
    Nesterov's :math:`2(1 + \beta)/(L(1 + 2\beta))`: there a root of the step's characteristic polynomial leaves the
    unit circle, at -1. Coupled L2 adds to L, and so does decoupled weight decay without momentum.
    """
    if any(getattr(optimizer, name, None) for name in BEYOND_THE_RATE):
        return None
    if type(optimizer) is SGD:
        largest += optimizer.l2 + optimizer.weight_decay
        return 2.0 / largest if largest > 0 else None
    if type(optimizer) is Momentum and optimizer.weight_decay == 0:
        beta, share = optimizer.momentum, 1.0 - optimizer.dampening
        largest = (largest + optimizer.l2) * share
        if optimizer.velocity == "average":
            largest *= 1.0 - beta
        if not largest > 0:
            return None
        return 2.0 * (1.0 + beta) / (largest * (1.0 + 2.0 * beta * bool(optimizer.nesterov)))
    return None


def limit_in_words(optimizer: Any, limit: float) -> str:
    """Return what :func:`stable_rate` is, with its formula."""
    if type(optimizer) is SGD or optimizer.momentum == 0:
        return f"2/L = {limit:.4g}"
    formula = "2(1 + β)/(L(1 + 2β))" if optimizer.nesterov else "2(1 + β)/L"
    kind = "Nesterov momentum" if optimizer.nesterov else "momentum"
    return f"{formula} = {limit:.4g} ({kind} β = {optimizer.momentum:.6g})"


def about(number: float) -> str:
    """Return a number of steps in words."""
    return f"{number:.0f}" if number < 1e4 else f"{number:.1e}"


def shrinkage(optimizer: Any, rate: float, curvature: float) -> float | None:
    """Return by how much a step multiplies an error of this curvature, in the long run; None if unknown.

    The curvature is that of the model's objective, to which the optimizer's own l2 comes.
    """
    if stable_rate(optimizer, curvature) is None or getattr(optimizer, "average", None) is not None:
        return None
    scale = 1.0
    if type(optimizer) is Momentum:
        scale = 1.0 - optimizer.dampening
        scale *= 1.0 - optimizer.momentum if optimizer.velocity == "average" else 1.0
    beta = optimizer.momentum if type(optimizer) is Momentum else 0.0
    curvature += optimizer.l2 + (optimizer.weight_decay if type(optimizer) is SGD else 0.0)
    kept = 1.0 - rate * scale * curvature
    if type(optimizer) is Momentum and optimizer.nesterov:
        trace, determinant = (1.0 + beta) * kept, beta * kept
    else:
        trace, determinant = beta + kept, beta
    root = np.sqrt(complex(trace**2 - 4.0 * determinant))
    return float(max(abs(trace + root), abs(trace - root)) / 2.0)


def rises(losses: Any) -> bool:
    """Whether a descent has ended above its start."""
    return len(losses) > 0 and bool(losses[-1] > losses[0])


def is_too_fast(
    problem: Problem | NetworkProblem, curvature: Curvature | None, rate: float, losses: Any
) -> bool:
    """Whether the rate is beyond the limit and, where that is a bound or that of one point, the loss has risen."""
    if curvature is None or not (curvature.is_quadratic or rises(losses)):
        return False
    limit = stable_rate(problem.optimizer, curvature.largest)
    return limit is not None and rate > limit * (1 + 1e-6)  # which optimal momentum comes near


def about_rate(
    problem: Problem | NetworkProblem, curvature: Curvature | None, rate: float
) -> Finding | None:
    """Compare the learning rate with what the largest curvature allows."""
    if curvature is None:
        return None
    limit = stable_rate(problem.optimizer, curvature.largest)
    if limit is None:
        return None
    values = {"learning_rate": rate, "limit": limit, "largest_curvature": curvature.largest}
    bound = limit_in_words(problem.optimizer, limit)
    L = f"L = {curvature.largest:.4g}, {curvature.source}"
    if rate > limit:
        times = rate / limit
        text = f"The learning rate {rate:.4g} is {times:.3g} times the limit {bound}, with {L}."
        return Finding("rate", text, values)
    if problem.batch_size and curvature.trace:
        row = stable_rate(problem.optimizer, curvature.trace)
        assert row is not None
        values["limit_of_a_row"] = row
        text = (
            f"The learning rate {rate:.4g} is below {bound} of all rows, with {L}, but batches of "
            f"{problem.batch_size} rows are steeper: for a single typical row the limit is {row:.4g}."
        )
        return Finding("rate", text, values)
    if curvature.is_quadratic:
        return None
    text = f"The learning rate {rate:.4g} is below {bound}, with {L}; it was steeper on the way."
    return Finding("rate", text, values)


def about_condition(
    problem: Any, curvature: Curvature | None, rate: float, norm: float
) -> Finding | None:
    """Say how long a descent will take that has not arrived: by the condition number."""
    if curvature is None or curvature.condition_number is None or curvature.least is None:
        return None
    kappa = curvature.condition_number
    values: dict[str, Any] = {
        "condition_number": kappa,
        "largest_curvature": curvature.largest,
        "least_curvature": curvature.least,
    }
    where = "" if problem.is_quadratic else " where the descent has ended"
    extent = f"from {curvature.least:.3g} to {curvature.largest:.3g}"
    text = f"The condition number{where} is {kappa:.4g} (curvatures {extent})"
    ends = (curvature.least, curvature.largest)
    factors = [shrinkage(problem.optimizer, rate, end) for end in ends]
    target = problem.tol
    asked = norm / target if target > 0 and norm > target else math.nan
    if not problem.batch_size and None not in factors and asked > 1:
        factor = max(f for f in factors if f is not None)
        if 0 < factor < 1:
            more = math.log(asked) / -math.log(factor)
            values |= {"shrinkage": factor, "steps_needed": math.ceil(more)}
            text += (
                f": a step at the rate {rate:.3g} leaves {_close_to_1(factor)} of the slowest error, and from a "
                f"gradient of {norm:.2g} to tol = {target:.2g} takes about {about(more)} steps more"
            )
        if not problem.automatic and kappa > 1.001 and problem.is_quadratic:
            root = math.sqrt(kappa)
            optimal = math.log(asked) / -math.log((root - 1) / (root + 1))
            values["steps_with_optimal_momentum"] = math.ceil(optimal)
            text += f'; with the rate and momentum of learning_rate="auto" about {about(optimal)}'
    if "steps_needed" not in values and kappa < HIGH_CONDITION:
        return None
    return Finding("condition", text + "." + _remedy(problem, kappa, values), values)


def _close_to_1(factor: float) -> str:
    return f"{factor:.4g}" if factor < 0.999 else f"1 - {1 - factor:.2g}"


def _remedy(problem: Any, kappa: float, values: dict[str, Any]) -> str:
    """Return what makes the condition number smaller."""
    estimator = problem.estimator
    if getattr(estimator, "standardize", True) is False:
        if not problem.is_quadratic:
            return ""
        least, largest = curvature_range(problem.hessian(True))
        values["condition_number_standardised"] = largest / least
        return f" standardize=True makes it {largest / least:.4g}."
    if getattr(estimator, "basis", "orthonormal") != "orthonormal":
        return ' In basis="orthonormal", if X tells all terms apart, it is 1, without a penalty.'
    if kappa > HIGH_CONDITION and hasattr(estimator, "standardize"):
        return " The features are nearly dependent: a penalty (alpha) lifts the smallest curvature."
    return ""


def about_features(
    estimator: Any, X: Inputs, is_network: bool, most: int | None = None
) -> list[Finding]:
    """Say whether the features' units differ, or are far from 0 for their spread; on at most so many rows."""
    rows, is_sparse = X.shape[0], isinstance(X, SparseRows)
    X = X if most is None else rows_of(X, most)
    where = "" if X.shape[0] == rows else f", on {X.shape[0]} of the {rows} rows"
    mean, deviation = column_statistics(X)
    moving = deviation > 1e-12 * np.abs(mean)
    findings: list[Finding] = []
    if not moving.any():
        return findings
    columns = np.flatnonzero(moving)
    small, large = (int(columns[f(deviation[moving])]) for f in (np.argmin, np.argmax))
    helps = "standardize=True"
    if is_network:
        scaler = "StandardScaler(with_mean=False)" if is_sparse else "StandardScaler"
        helps = f"sklearn.preprocessing.{scaler} before the network"
    ratio = float(deviation[large] / deviation[small])
    if ratio > SPREAD:
        text = (
            f"The features are not scaled: their standard deviations differ by a factor of {ratio:.3g}, from "
            f"{deviation[small]:.3g} in {_column(estimator, small)} to {deviation[large]:.3g} in "
            f"{_column(estimator, large)}{where}; {helps} makes them 1."
        )
        values = {"ratio": ratio, "smallest": small, "largest": large, "deviations": deviation}
        findings.append(Finding("features", text, values))
    offsets = np.zeros_like(mean)
    offsets[moving] = np.abs(mean[moving]) / deviation[moving]
    far = int(np.argmax(offsets))
    if offsets[far] > SPREAD and not is_sparse:  # which would not be sparse any more
        text = (
            f"The features are not centred: {_column(estimator, far)} has mean {mean[far]:.4g} and standard "
            f"deviation {deviation[far]:.3g}{where}; {helps} subtracts the mean."
        )
        values = {"column": far, "mean": float(mean[far]), "deviation": float(deviation[far])}
        findings.append(Finding("offset", text, values))
    return findings


def about_targets(estimator: Any, y: Array, most: int | None = None) -> Finding | None:
    """Say whether a network's targets, (n, K), are far from 0, where outputs begin; on at most so many rows."""
    if hasattr(estimator, "classes_") or estimator.out_activation_ != "identity":
        return None
    rows = len(y)
    y = y if most is None else y[evenly_spaced(rows, most)]
    squares = np.square(y, dtype=np.float64).mean(axis=0)
    k = int(np.argmax(squares))
    if not squares[k] > SPREAD**2:
        return None
    mean, deviation = (float(f(y[:, k], dtype=np.float64)) for f in (np.mean, np.std))
    where = f" of output {k}" if len(squares) > 1 else ""
    seen = "" if len(y) == rows else f" on {len(y)} of the {rows} rows"
    text = (
        f"The targets{where} are not scaled: their mean is {mean:.4g} and standard deviation "
        f"{deviation:.3g}{seen}, while outputs begin near 0; sklearn.compose.TransformedTargetRegressor with a "
        "StandardScaler makes these 0 and 1."
    )
    values = {"output": k, "mean": mean, "deviation": deviation}
    return Finding("targets", text, values)


def about_dead_units(estimator: Any, X: Inputs, most: int | None = None) -> Finding | None:
    """Say which layers have ReLU units that are 0 on every row of X, if it is more than a tenth of one."""
    counts = dead_units(estimator, X, most)
    if counts is None:
        return None
    dead, units, rows = counts
    if not any(k > DEAD * n for k, n in zip(dead, units, strict=True)):
        return None
    parts = [
        f"{k} of {n} in hidden layer {layer}"
        for layer, (k, n) in enumerate(zip(dead, units, strict=True), 1)
        if k
    ]
    where = "the training data" if rows == X.shape[0] else f"{rows} of the {X.shape[0]} rows"
    text = (
        f"ReLU units are dead, 0 on all of {where}, and have no gradient there: {', '.join(parts)}. Scaled "
        "inputs, a smaller rate or another random_state can leave fewer."
    )
    return Finding("dead_units", text, {"dead": dead, "units": units, "rows": rows})


# ---------------------------------------------------------------- what is measured


def differences(gradient: Callable[[Array], Array], point: Array) -> Array:
    """Return the Hessian by central differences of the gradient, symmetric."""
    columns = []
    for j in range(point.size):
        step = np.zeros(point.size)
        step[j] = 1e-5 * max(1.0, abs(float(point[j])))
        width = (point + step)[j] - (point - step)[j]
        columns.append((gradient(point + step) - gradient(point - step)) / width)
    matrix = np.array(columns)
    return np.asarray((matrix + matrix.T) / 2)


def evenly_spaced(rows: int, most: int) -> Array:
    """Return the indices of at most so many rows, evenly spaced, the first and the last among them."""
    if most >= rows:
        return np.arange(rows)
    return np.arange(most) * (rows - 1) // (most - 1)


def in_float64(data: Any) -> Any:
    """Return Data in double precision; classes stay integers."""
    weights = data.sample_weight
    return replace(
        data,
        X=data.X.astype(np.float64),
        y=data.y.astype(np.float64) if data.y.dtype.kind == "f" else data.y,
        sample_weight=None if weights is None else weights.astype(np.float64),
    )


def rows_of(X: Inputs, most: int) -> Inputs:
    """Return at most so many rows."""
    return X if X.shape[0] <= most else X[evenly_spaced(X.shape[0], most)]


def column_statistics(X: Inputs) -> tuple[Array, Array]:
    """Return the means and standard deviations, (d,) each, in float64."""
    if not isinstance(X, SparseRows):
        mean = X.mean(axis=0, dtype=np.float64)
        parts = list(chunks(X.shape[0], max(1, 16384 // X.shape[1])))
        total = sum(np.square(X[rows] - mean).sum(axis=0) for rows in parts)
        return mean, np.sqrt(total / X.shape[0])
    n, d = X.shape
    values = X.values.astype(np.float64)
    there = np.bincount(X.columns, minlength=d)
    mean = np.bincount(X.columns, values, minlength=d) / n
    squares = np.bincount(X.columns, (values - mean[X.columns]) ** 2, minlength=d)
    return mean, np.sqrt((squares + (n - there) * mean**2) / n)


def hidden_activations(estimator: Any) -> list[str]:
    """Return the activation of each hidden layer."""
    activations = estimator._activations()
    hidden = len(estimator.coefs_) - 1
    return [activations] * hidden if isinstance(activations, str) else list(activations)


def dead_units(
    estimator: Any, X: Inputs, most: int | None = None
) -> tuple[list[int], list[int], int] | None:
    """Return how many ReLU units of each hidden layer are 0 on all rows, of how many, and the rows looked at.

    None without a layer of ReLU. At most so many rows are looked at, evenly spaced; a few come first, and no more
    if all units fire on those.
    """
    from steepest.estimators.given_layers import as_plain, given_layers

    activations = hidden_activations(estimator)
    if "relu" not in activations:
        return None
    weights, biases = as_plain(given_layers(estimator), X.dtype)
    alive = [
        np.full(w.shape[1], kind != "relu") for w, kind in zip(weights, activations, strict=False)
    ]
    order = evenly_spaced(X.shape[0], X.shape[0] if most is None else most)
    if (step := len(order) // FEW_ROWS) > 1:
        order = np.concatenate([order[::step], np.delete(order, slice(None, None, step))])
    for part in chunks(len(order), 256):
        block = X[order[part]]
        layers = _native.core.network_forward(
            weights[:-1], biases[:-1], _core(block), activations[:-1] or "relu", activations[-1]
        )
        for fires, output in zip(alive, layers, strict=True):
            fires |= (output > 0).any(axis=0)
        if all(fires.all() for fires in alive):
            break
    dead = [int((~fires).sum()) for fires in alive]
    return dead, [len(fires) for fires in alive], len(order)


def _core(X: Inputs) -> Any:
    return core_inputs(plain(X, X.dtype) if isinstance(X, np.ndarray) else X)


def _column(estimator: Any, j: int) -> str:
    names = getattr(estimator, "feature_names_in_", None)
    return f"column {j}" if names is None else f"column {j} ({names[j]!r})"
