"""Averages of the iterates: the parameters that a descent reports, while it goes on from the last ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from steepest._validate import check_flag, check_integer, check_number

__all__ = ["EMA", "Average", "PolyakRuppert"]


@dataclass(frozen=True)
class Average:
    r"""What the averages have in common: an optimizer's ``average``.

    .. math:: \bar x_t = \bar x_{t-1} + w_t\,(x_t - \bar x_{t-1}), \qquad w_1 = 1

    The descent itself takes no notice: gradients are those at :math:`x_t`. But :math:`\bar x_t` is what it reports:
    validation, early stopping and the best parameters go by it, callbacks see it, and it is returned, as ``coef_``
    or ``x``. A descent with all rows in every batch, and :func:`steepest.minimize`, measure the loss and the
    gradient of both, so that the history, ``fun`` and "converged" are those of :math:`\bar x_t`: twice the
    evaluations. By mini-batches the training loss is the one that was met on the way, at :math:`x_t`.

    ``partial_fit`` of the networks goes on exactly, from both. An average of weights of which some are 0 at times,
    by an L1 penalty, is not 0 itself.
    """

    def weight(self, step: int) -> float:
        """Return :math:`w_t` after so many steps, at least 1."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """Return the average as the compiled core reads it."""
        return {"kind": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class EMA(Average):
    r"""Exponential moving average of the iterates.

    .. math::
        \bar x_1 = x_1, \qquad \bar x_t = \beta\,\bar x_{t-1} + (1-\beta)\,x_t; \qquad\text{or, debiased,}\qquad
        \bar x_t = \frac{1-\beta}{1-\beta^t} \sum_{i=1}^t \beta^{t-i} x_i

    Parameters
    ----------
    decay : float in [0, 1), default 0.999
        :math:`\beta`.
    debias : bool, default False
        Begin the average at 0 and divide by the sum of its weights, as ``optax.ema`` does: the first iterate then
        counts as every other. Otherwise the average begins as the first iterate, as in
        ``torch.optim.swa_utils.AveragedModel`` with ``get_ema_avg_fn(decay)`` and in Keras's ``use_ema``.

    References
    ----------
    Ruppert (1988), "Efficient estimations from a slowly convergent Robbins-Monro process"; Polyak and Juditsky
    (1992), "Acceleration of stochastic approximation by averaging"; the debiasing is that of Kingma and Ba (2015),
    "Adam: a method for stochastic optimization".
    """

    decay: float = 0.999
    debias: bool = False

    def __post_init__(self) -> None:
        check_number("decay", self.decay, low=0.0, below=1.0)
        check_flag("debias", self.debias)

    def weight(self, step: int) -> float:
        """Return :math:`w_t` after so many steps, at least 1."""
        if self.debias:
            return float((1.0 - self.decay) / (1.0 - self.decay**step))
        return 1.0 if step == 1 else float(1.0 - self.decay)


@dataclass(frozen=True)
class PolyakRuppert(Average):
    r"""Mean of the iterates from some step on.

    .. math:: \bar x_t = \frac{1}{t - s} \sum_{i=s+1}^t x_i, \qquad \bar x_t = x_t \text{ where } t \le s

    Parameters
    ----------
    start : int, default 0
        :math:`s`: the first iterate of the mean is the one after this step's; counted in steps, over all calls of
        ``partial_fit``. From where on the loss only fluctuates is best.

    Notes
    -----
    ``torch.optim.swa_utils.AveragedModel`` with its default average, updated after every step above ``start``.

    References
    ----------
    Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging"; Ruppert (1988).
    """

    start: int = 0

    def __post_init__(self) -> None:
        check_integer("start", self.start, low=0)

    def weight(self, step: int) -> float:
        """Return :math:`w_t` after so many steps, at least 1."""
        return 1.0 if step <= self.start + 1 else 1.0 / (step - self.start)


def check_average(average: Any) -> None:
    """Raise unless this is an average or None."""
    if average is not None and type(average) not in (EMA, PolyakRuppert):  # those that the core has
        raise TypeError(f"average must be None, EMA(...) or PolyakRuppert(...), but is {average!r}")
