"""Steps by the sign of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from steepest._validate import check_number
from steepest.optimizers.base import Optimizer, check_decay

__all__ = ["Lion", "Rprop"]


@dataclass(frozen=True)
class Lion(Optimizer):
    r"""The sign of a mean: all parameters move by the learning rate.

    .. math::
        x \leftarrow x - \eta \operatorname{sign}(\beta_1 m + (1-\beta_1) g), \qquad
        m \leftarrow \beta_2 m + (1-\beta_2) g

    An L1 penalty is met by orthant-wise steps: the least subgradient is what the rule sees, and a parameter that
    would change sign becomes 0 (Andrew and Gao, 2007, "Scalable training of L1-regularized log-linear models").

    Parameters
    ----------
    learning_rate : float, default 0.0001
        :math:`\eta`; a tenth to a third of Adam's.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.99
        Share of the mean in the step, and its decay.
    weight_decay : float, default 0.0
        See :class:`Optimizer`; the authors recommend three to ten times AdamW's. 0.001 in optax.
    l2 : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Chen, Liang, Huang, Real, Wang, Liu, Pham, Dong, Luong, Hsieh, Lu and Le (2023), "Symbolic discovery of
    optimization algorithms".
    """

    learning_rate: float = 1e-4
    beta_1: float = 0.9
    beta_2: float = 0.99

    _slots: ClassVar[tuple[str, ...]] = ("first_moment",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "beta_1", "beta_2")


@dataclass(frozen=True)
class Rprop(Optimizer):
    r"""A step length for each parameter, that grows while its gradient keeps its sign; for full batches.

    .. math::
        \delta &\leftarrow \begin{cases}
            \min(\eta^+ \delta, \delta_{\max}) & g\, g' > 0 \\
            \max(\eta^- \delta, \delta_{\min}),\quad g \leftarrow 0 & g\, g' < 0 \\
            \delta & \text{else}
        \end{cases} \\
        x &\leftarrow x - \delta \operatorname{sign}(g), \qquad g' \leftarrow g

    After a change of sign a parameter rests for one step: iRprop-, as in torch. All :math:`\delta` begin as the
    learning rate, and are within their bounds at all times; a schedule has nothing to move. An L1 penalty is met as
    in :class:`Lion`.

    Parameters
    ----------
    learning_rate : float, default 0.01
        :math:`\delta` at the first step.
    shrink : float in (0, 1), default 0.5
        :math:`\eta^-`.
    grow : float above 1, default 1.2
        :math:`\eta^+`.
    smallest, largest : float, default 1e-6 and 50.0
        :math:`\delta_{\min}` and :math:`\delta_{\max}`.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Riedmiller and Braun (1993), "A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm";
    Igel and Hüsken (2000), "Improving the Rprop learning algorithm".
    """

    learning_rate: float = 0.01
    shrink: float = 0.5
    grow: float = 1.2
    smallest: float = 1e-6
    largest: float = 50.0

    _slots: ClassVar[tuple[str, ...]] = ("last_gradient", "step_size")

    def __post_init__(self) -> None:
        super().__post_init__()
        for number, group in enumerate(self.groups):
            if group.learning_rate != 1:
                raise ValueError(
                    f"groups[{number}]: learning_rate must be 1, but is {group.learning_rate!r}: Rprop's is "
                    "the first step size and no rate"
                )
        check_number("shrink", self.shrink, above=0.0, below=1.0)
        check_number("grow", self.grow, above=1.0, finite=True)
        check_number("smallest", self.smallest, low=0.0, finite=True)
        check_number("largest", self.largest, low=self.smallest, finite=True)

    def initial(self, slot: str) -> float:
        """Return the learning rate as the first step size."""
        return float(self.learning_rate) if slot == "step_size" else 0.0
