"""Prodigy, which finds its learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from steepest._validate import check_flag, check_number
from steepest.optimizers._whole_step import refuse
from steepest.optimizers.base import Optimizer, Parameters, State, check_decay, check_size

__all__ = ["Prodigy"]


@dataclass(frozen=True)
class Prodigy(Optimizer):
    r"""Adam whose rate is an estimate d of the distance from the start to the solution, which only grows.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1)\, d g, \qquad v \leftarrow \beta_2 v + (1-\beta_2)\, d^2 g^2, \qquad
        \gamma = \eta\, d \\
        r &\leftarrow \beta_3 r + \frac{d}{d_0}\, \gamma\, g \cdot (x_0 - x), \qquad
        s \leftarrow \beta_3 s + \frac{d}{d_0}\, \gamma\, g, \qquad
        d' = \max\big(d,\ c\, r / \|s\|_1\big) \\
        x &\leftarrow (1 - \gamma\lambda)\, x - \gamma\, m / (\sqrt v + d' \varepsilon), \qquad d \leftarrow d'

    There is no learning rate to choose: leave it at 1, or let a schedule fall from 1 to 0.

    Parameters
    ----------
    learning_rate : float, default 1.0
        :math:`\eta`, a factor of the estimate.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decay of the two moments.
    beta_3 : float in [0, 1), optional
        Decay of r and s; by default :math:`\sqrt{\beta_2}`.
    epsilon : float, default 1e-8
        Added to the root, in units of d.
    initial_d : float, default 1e-6
        :math:`d_0`; any number far below the distance.
    coefficient : float, default 1.0
        c; 0.5 to 2 makes the estimate smaller or larger.
    growth_rate : float, at least 1, default infinity
        d grows by no more than this factor in a step.
    bias_correction : bool, default False
        Multiply :math:`\gamma` by :math:`\sqrt{1-\beta_2^t}/(1-\beta_1^t)`, as optax always does and the authors'
        code does on demand.
    safeguard_warmup : bool, default False
        Leave :math:`\eta` out of s, for a schedule that begins with a warm-up.
    weight_decay : float, default 0.0
        :math:`\lambda`, decoupled.
    l2, clip_value, clip_norm, clip_global_norm, accumulate
        See :class:`Optimizer`.

    Notes
    -----
    The state has d, its largest estimate and r as numbers: ``"d"``, ``"d_max"`` and ``"numerator"``.

    References
    ----------
    Mishchenko and Defazio (2024), "Prodigy: an expeditiously adaptive parameter-free learner"; their
    ``prodigyopt`` and ``optax.contrib.prodigy``.
    """

    learning_rate: float = 1.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    beta_3: float | None = None
    epsilon: float = 1e-8
    initial_d: float = 1e-6
    coefficient: float = 1.0
    growth_rate: float = float("inf")
    bias_correction: bool = False
    safeguard_warmup: bool = False

    _slots: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment", "weighted_sum", "start")
    _copies: ClassVar[tuple[str, ...]] = ("start",)
    _whole_scalars: ClassVar[tuple[str, ...]] = ("d", "d_max", "numerator")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "beta_1", "beta_2")
        if self.beta_3 is not None:
            check_decay(self, "beta_3")
        check_size(self, "epsilon")
        check_number("initial_d", self.initial_d, above=0.0, finite=True)
        check_number("coefficient", self.coefficient, above=0.0, finite=True)
        check_number("growth_rate", self.growth_rate, low=1.0)
        check_flag("bias_correction", self.bias_correction)
        check_flag("safeguard_warmup", self.safeguard_warmup)
        refuse(self, "with Prodigy, whose estimate is of all parameters", "groups")

    def init(self, theta: Parameters) -> State:
        """Return the state before the first step: ``start`` is ``theta``, ``d`` is ``initial_d``."""
        state = super().init(theta)
        return {**state, "d": float(self.initial_d), "d_max": float(self.initial_d)}
