"""What a quadratic objective tells before the first step: its curvature, and so a safe learning rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest._validate import Array, check_number
from steepest.optimizers import SGD, Momentum, Optimizer


def curvature_range(hessian: Array) -> tuple[float, float]:
    """Return the smallest and largest positive eigenvalue of a symmetric matrix.

    Directions of no curvature are left out: there the gradient of a least-squares loss is zero as well, and
    descent neither moves nor waits.
    """
    eigenvalues = np.linalg.eigvalsh(hessian)
    largest = float(eigenvalues[-1])
    if largest <= 0:
        return 1.0, 1.0
    positive = eigenvalues[eigenvalues > largest * len(eigenvalues) * np.finfo(np.float64).eps]
    return float(positive[0]), largest


def rounded(number: float) -> float:
    """Round to 20 bits: the last bits of a library's eigenvalues must not decide those of a result."""
    mantissa, exponent = math.frexp(number)
    return math.ldexp(round(mantissa * 2**20) / 2**20, exponent)


def default_optimizer(
    learning_rate: Any, hessian: Array, full_batch: bool, one_pass: bool = False
) -> Optimizer:
    r"""Return the optimizer that ``learning_rate`` asks for, on a quadratic with this Hessian (p, p).

    ``"auto"`` with a full batch: heavy-ball momentum at the rate and momentum that are optimal for curvatures
    between :math:`\mu` and L, :math:`\eta = 4/(\sqrt L + \sqrt\mu)^2` and :math:`\beta = ((\sqrt L -
    \sqrt\mu)/(\sqrt L + \sqrt\mu))^2` (Polyak 1964). ``"auto"`` with mini-batches: half the inverse trace, which
    is stable for a batch of any typical rows. For a single pass, where no momentum gathers, the rate is 1/L.
    """
    if not isinstance(learning_rate, str):
        return SGD(check_number("learning_rate", learning_rate, low=0.0, finite=True))
    if learning_rate != "auto":
        raise ValueError(f'learning_rate must be a number or "auto", but is {learning_rate!r}')
    if not full_batch:
        trace = float(np.trace(hessian))
        return SGD(rounded(0.5 / trace) if trace > 0 else 1.0)
    low, high = np.sqrt(curvature_range(hessian))
    if one_pass:
        return SGD(rounded(float(1.0 / high**2)))
    ratio = float((high - low) / (high + low))
    rate = rounded(float(4.0 / (high + low) ** 2))
    return Momentum(rate, momentum=min(rounded(ratio**2), 1 - 1e-9))
