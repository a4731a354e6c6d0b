"""The descent by default where nothing bounds the loss's curvature: it has kinks, or grows like Poisson's.

No rate is right for all steps there. The length of Adam's doesn't depend on the gradient's size; the rate is
halved whenever the loss has not improved for a while, and the descent ends where it is negligible. On a piecewise
linear loss, steps whose lengths fall geometrically converge geometrically (Goffin 1977, "On convergence rates of
subgradient optimization methods").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steepest._validate import Array
from steepest.estimators.quadratic import curvature_range, nesterov
from steepest.losses import RegressionLoss
from steepest.optimizers import SGD, Adam, Optimizer

PATIENCE_OF_STEPS, PATIENCE_OF_EPOCHS = 30, 5


def unbounded_optimizer(size: float, full_batch: bool, one_pass: bool) -> Optimizer:
    """Return the optimizer for parameters of this typical size.

    Of a single pass, after which Adam's moments would be lost, it is plain descent.
    """
    if one_pass:
        return SGD(0.01 * size)
    return Adam(0.1 * size if full_batch else 0.01 * size)


def optimizer_of_loss(
    loss: RegressionLoss,
    hessian: Callable[[], Array],
    trace: Callable[[], float],
    size: Callable[[], float],
    penalty: tuple[float, float],
    full_batch: bool,
    one_pass: bool,
) -> Optimizer:
    """Return what "auto" means for another loss than the squared error, of which Hessian and trace are.

    ``size`` is that of a typical parameter, ``penalty`` the strengths (l1, l2).
    """
    l1, l2 = penalty
    if loss.curvature is None:
        return unbounded_optimizer(size(), full_batch, one_pass)
    part = 0.5 * loss.curvature  # of the squared error's
    if not full_batch:
        return SGD(0.5 / (part * trace() + l2))
    largest = part * curvature_range(hessian())[1] + l2
    return SGD(1.0 / largest) if one_pass else nesterov(largest, l1)


def halving(
    config: dict[str, Any],
    rate: float,
    tolerance: float,
    full_batch: bool,
    restore_best: bool = True,
) -> dict[str, Any]:
    """Return the configuration with a rate that is halved when the loss doesn't improve, down to a part of it.

    A stop rule of the user's with a patience of its own is left alone. Mini-batches end with the last parameters:
    the loss of an epoch is that of none of its points.
    """
    if "patience" in config:
        return config
    return {
        **config,
        "patience": PATIENCE_OF_STEPS if full_batch else PATIENCE_OF_EPOCHS,
        "divide_rate_by": 2.0,
        "lowest_rate": rate * tolerance,
        "restore_best": full_batch and restore_best,
    }
