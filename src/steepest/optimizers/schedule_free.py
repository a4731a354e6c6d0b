"""Descent without a schedule: an average that is as good as one, at every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from steepest._validate import check_integer, check_number
from steepest.optimizers.base import Optimizer, check_decay, check_size

__all__ = ["ScheduleFreeAdamW", "ScheduleFreeSGD"]


@dataclass(frozen=True)
class ScheduleFree(Optimizer):
    """What the two have in common."""

    warmup_steps: int = field(default=0, kw_only=True)
    r: float = field(default=0.0, kw_only=True)
    weight_lr_power: float = field(default=2.0, kw_only=True)

    _scalars: ClassVar[tuple[str, ...]] = ("weight_sum", "largest_rate")
    _reported: ClassVar[str | None] = "average"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("warmup_steps", self.warmup_steps, low=0)
        check_size(self, "r", "weight_lr_power")
        if self.average is not None:
            raise ValueError(
                f"average must be None, but is {self.average!r}: {type(self).__name__} reports an average already"
            )


@dataclass(frozen=True)
class ScheduleFreeSGD(ScheduleFree):
    r"""Gradient descent whose average keeps up with the best schedule, without knowing when training ends.

    .. math::
        \gamma_t &= \eta\,\min(1, t / T_w), \qquad
        z \leftarrow z - \gamma_t\,\big(g(y) + \lambda y\big), \qquad
        x \leftarrow (1 - c_t)\,x + c_t\,z, \qquad y = (1-\beta)\,z + \beta\,x \\
        c_t &= \frac{w_t}{\sum_{i \le t} w_i}, \qquad w_t = t^r \Big(\max_{i \le t} \gamma_i\Big)^p

    The gradient is taken at y, which is what ``step`` moves, and x is reported: ``state["average"]`` in stand-alone
    steps, and everything that a descent records, validates and returns; see :class:`Average`.

    Parameters
    ----------
    learning_rate : float, default 1.0
        :math:`\eta`; larger than without averaging.
    beta : float in [0, 1], default 0.9
        :math:`\beta`: 0 is Polyak-Ruppert averaging, 1 primal averaging. ``momentum`` there.
    warmup_steps : int, default 0
        :math:`T_w`; the first step has the rate :math:`\eta / T_w`. A schedule multiplies :math:`\eta` as well, but
        none is needed.
    r : float, default 0.0
        Weight of later iterates, :math:`t^r`.
    weight_lr_power : float, default 2.0
        p: during warm-up iterates count by this power of the largest rate so far.
    weight_decay, l2 : float, default 0.0
        :math:`\lambda`, at y; the same for both.
    groups
        See :class:`Optimizer`; the weights :math:`w_t` are those of the optimizer's own rate.

    Notes
    -----
    The conventions are those of the authors' ``schedulefree.SGDScheduleFree``; without warm-up
    ``optax.contrib.schedule_free_sgd`` takes the same steps. An L1 penalty is met by proximal steps of z; their
    average has no exact zeros.

    References
    ----------
    Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky (2024), "The road less scheduled".
    """

    learning_rate: float = 1.0
    beta: float = 0.9

    _slots: ClassVar[tuple[str, ...]] = ("base", "average")
    _copies: ClassVar[tuple[str, ...]] = ("base", "average")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("beta", self.beta, low=0.0, high=1.0)


@dataclass(frozen=True)
class ScheduleFreeAdamW(ScheduleFree):
    r"""AdamW without momentum and schedule: the average takes the place of both.

    .. math::
        \gamma_t &= \eta\,\min(1, t / T_w), \qquad v \leftarrow \beta_2 v + (1-\beta_2)\,g(y)^2 \\
        z &\leftarrow z - \gamma_t \Big( g(y) \Big/ \Big(\sqrt{v/(1-\beta_2^t)} + \varepsilon\Big) +
        \lambda y \Big), \qquad x \leftarrow (1 - c_t)\,x + c_t\,z, \qquad y = (1-\beta_1)\,z + \beta_1\,x

    with :math:`c_t` as in :class:`ScheduleFreeSGD`; the gradient is taken at y, and x is reported.

    Parameters
    ----------
    learning_rate : float, default 0.0025
        :math:`\eta`; one to ten times AdamW's.
    beta_1 : float in [0, 1], default 0.9
        Share of the average in y.
    beta_2 : float in [0, 1), default 0.999
        Decay of the second moment.
    epsilon : float, default 1e-8
        Added to the root, outside it.
    warmup_steps, r, weight_lr_power
        As in :class:`ScheduleFreeSGD`.
    weight_decay : float, default 0.0
        :math:`\lambda`, decoupled, at y.
    l2 : float, default 0.0
        See :class:`Optimizer`; at y.

    Notes
    -----
    The conventions are those of the authors' ``schedulefree.AdamWScheduleFree``; without warm-up
    ``optax.contrib.schedule_free_adamw`` takes the same steps.

    References
    ----------
    Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky (2024), "The road less scheduled".
    """

    learning_rate: float = 2.5e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    _slots: ClassVar[tuple[str, ...]] = ("second_moment", "base", "average")
    _copies: ClassVar[tuple[str, ...]] = ("base", "average")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("beta_1", self.beta_1, low=0.0, high=1.0)
        check_decay(self, "beta_2")
        check_size(self, "epsilon")
