"""What a quadratic objective tells before the first step: its curvature, and so a safe learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest import _native
from steepest._validate import Array, check_number, plain
from steepest.estimators.sparse import Inputs, core_inputs
from steepest.optimizers import SGD, Momentum, Optimizer

MOST_CONDITION_WITH_L1 = 1e4
MOST_FEATURES = 4096  # of which the Hessian, (features, features) in double-double, is measured
POWER_STEPS = 32
LEAST_LIMIT = 10_000.0  # of steps, for which momentum is made: the default max_epochs


def moments_are_faster(
    rows: int, features: int, outputs: int, steps: float, measuring: float
) -> bool:
    """Whether full-batch steps from the moments of the data take less time than steps on the data itself.

    Counted in multiply-adds, by shape alone: a direct step predicts and differentiates, 2 for each entry of the
    data; a step from moments is a product with the Gram matrix in double-double, some 8 for each of its entries.

    Parameters
    ----------
    rows, features, outputs : int
        Shape of the problem; an intercept is a feature.
    steps : float
        Limit of steps.
    measuring : float
        Multiply-adds for a row that measuring the moments takes; 0 where they are needed in any case.
    """
    direct = 2.0 * rows * features * outputs
    from_moments = 8.0 * features**2 * outputs
    saved = direct - from_moments
    return features <= MOST_FEATURES and saved > 0 and rows * measuring < steps * saved


def curvature_range(hessian: Array) -> tuple[float, float]:
    """Return the smallest and largest positive eigenvalue of a symmetric matrix.

    Directions of no curvature are left out: there the gradient of a least-squares loss is zero as well, and
    descent neither moves nor waits.
    """
    cutoff = len(hessian) * float(np.finfo(np.float64).eps)
    low, high = _native.core.curvature_range(hessian, cutoff)
    return (low, high) if high > 0 else (1.0, 1.0)


class Curvatures:
    """The smallest and largest positive eigenvalue of a Hessian (p, p), measured once, when they are asked for."""

    def __init__(self, hessian: Callable[[], Array]) -> None:
        self._hessian = hessian
        self.known: tuple[float, float] | None = None

    def __call__(self) -> tuple[float, float]:
        """Return the two."""
        if self.known is None:
            self.known = curvature_range(self._hessian())
        return self.known


def largest_curvature(X: Inputs, weights: Array | None, intercept: bool) -> float:
    """Return the largest eigenvalue of the Hessian of half the mean square of X w + b, from passes over X.

    By power iteration, whose error is an underestimate. Where the two largest are close, it has not converged, but
    is no more than some percent below, which Nesterov momentum bears: at 0.9 it is stable up to 1.35 times the rate
    1/L, at 0.98 up to 1.33 times.

    Parameters
    ----------
    X : array or SparseRows, (n, d)
    weights : array, (n,), or None
        With mean 1.
    intercept : bool
        Whether b is there.
    """
    n, d = X.shape
    order = _native.core.permutation(
        d + 1, 0, 0
    )  # as good as random: no direction that data prefer
    direction = (order + 0.5) / (d + 1) - 0.5  # of [b, w]
    y = np.zeros((n, 1), X.dtype)
    curvature = 0.0
    for _ in range(POWER_STEPS):
        direction[0] *= intercept
        direction /= root_mean_square(direction)
        _, d_weights, d_bias = _native.core.network_loss_gradient(
            [plain(direction[1:, None], X.dtype)],
            [plain(direction[:1], X.dtype)],
            core_inputs(X),
            y,
            weights,
            *("identity", "identity", "squared", 0.5, 0.0),
        )
        direction = np.concatenate([d_bias[0], d_weights[0][:, 0]], dtype=np.float64)
        direction[0] *= intercept
        curvature = root_mean_square(direction)
        if not math.isfinite(curvature):
            raise ValueError("X has values too large to be squared and summed; scale it down")
        if curvature == 0:
            break
    return curvature


def nesterov(curvature: float, l1: float = 0.0) -> Optimizer:
    """Return Nesterov's momentum at the rate 1/L for the largest curvature L.

    An L1 penalty, unlike L2, adds no curvature where there is little, and more momentum is worth its wait.
    """
    momentum = 0.98 if l1 > 0 else 0.9
    return Momentum(1.0 / curvature if curvature > 0 else 1.0, momentum, nesterov=True)


def default_optimizer(
    learning_rate: Any,
    curvatures: Curvatures,
    trace: Callable[[], float],
    full_batch: bool,
    one_pass: bool = False,
    l1: float = 0.0,
    *,
    most_steps: float = math.inf,
) -> Optimizer:
    r"""Return the optimizer that ``learning_rate`` asks for, on a quadratic of these curvatures.

    ``"auto"`` with a full batch: heavy-ball momentum at the rate and momentum that are optimal for curvatures
    between :math:`\mu` and L, :math:`\eta = 4/(\sqrt L + \sqrt\mu)^2` and :math:`\beta = ((\sqrt L -
    \sqrt\mu)/(\sqrt L + \sqrt\mu))^2` (Polyak 1964). ``"auto"`` with mini-batches: half the inverse trace, which
    is stable for a batch of any typical rows. For a single pass, where no momentum gathers, the rate is 1/L.

    A condition number beyond what ``most_steps`` can bring down, :func:`most_condition`, is not minded.

    With an L1 penalty the same, but no more than 1e4 between the curvatures is minded: the weights that it leaves
    differ less than all, and until they are found, momentum near 1 only waits.
    """
    if not is_automatic(learning_rate):
        return SGD(check_number("learning_rate", learning_rate, low=0.0, finite=True))
    if not full_batch:
        sum_of_curvatures = trace()
        return SGD(0.5 / sum_of_curvatures if sum_of_curvatures > 0 else 1.0)
    least, largest = curvatures()
    if one_pass:
        return SGD(1.0 / largest)
    if l1 > 0:
        least = max(least, largest / MOST_CONDITION_WITH_L1)
    least = max(least, largest / most_condition(most_steps))
    low, high = math.sqrt(least), math.sqrt(largest)
    ratio = (high - low) / (high + low)
    return Momentum(4.0 / (high + low) ** 2, momentum=min(ratio**2, 1 - 1e-9))


def most_condition(steps: float) -> float:
    r"""Return the condition number beyond which optimal momentum ends worse than it began, in so many steps n.

    At the optimal rate and momentum for a condition number :math:`\kappa` an error along the steepest direction is
    multiplied, in n steps, by :math:`(1 + 2n) \beta^{n/2}` or so, up to rounding :math:`2n e^{-2n/\sqrt\kappa}`: it
    swings up to some :math:`\sqrt\kappa` times what it was before it decays. At the :math:`\kappa` returned here a
    hundredth is left of it after n steps. With less momentum than is optimal for the least curvature, directions
    that would not have arrived anyway stay a little further behind, and the others arrive.

    Fewer steps than the default limit count as that, so that a shorter descent is the beginning of a longer one.
    """
    if math.isinf(steps):
        return math.inf
    steps = max(steps, LEAST_LIMIT)
    return float((2.0 * steps / math.log(200.0 * steps)) ** 2)


def is_automatic(learning_rate: Any) -> bool:
    """Whether the rate is "auto"; any other word is an error."""
    if isinstance(learning_rate, str) and learning_rate != "auto":
        raise ValueError(f'learning_rate must be a number or "auto", but is {learning_rate!r}')
    return isinstance(learning_rate, str)


def root_mean_square(values: Array) -> float:
    """Return the root of the mean square, without overflow or underflow.

    0 for no values, inf if one is not finite.
    """
    known = _native.core.value_range(values)
    return math.inf if known is None else float(known[2])
