"""Plain descent, and descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from steepest._validate import check_flag, check_number
from steepest.optimizers.base import Optimizer

__all__ = ["SGD", "Momentum"]


@dataclass(frozen=True)
class SGD(Optimizer):
    r"""Gradient descent; stochastic when the gradient is that of a batch.

    .. math:: x \leftarrow x - \eta\, g

    Parameters
    ----------
    learning_rate : float, default 0.01
        :math:`\eta`, the length of a step for a gradient of norm 1.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Cauchy (1847), "Méthode générale pour la résolution des systèmes d'équations simultanées";
    Robbins and Monro (1951), "A stochastic approximation method".
    """


@dataclass(frozen=True)
class Momentum(Optimizer):
    r"""Gradient descent with momentum, in the three forms that libraries use.

    - "gradient": :math:`v \leftarrow \beta v + g`, :math:`x \leftarrow x - \eta v`;
      Nesterov: :math:`x \leftarrow x - \eta (g + \beta v)`
    - "step": :math:`v \leftarrow \beta v + \eta g`, :math:`x \leftarrow x - v`;
      Nesterov: :math:`x \leftarrow x - (\eta g + \beta v)`
    - "average": :math:`v \leftarrow \beta v + (1-\beta) g`, :math:`x \leftarrow x - \eta v`;
      Nesterov: :math:`x \leftarrow x - \eta ((1-\beta) g + \beta v)`

    "gradient" is torch's and optax's, "step" Keras's and scikit-learn's; they agree while the learning rate
    is constant and part when a schedule moves it. "average" makes steps :math:`1-\beta` times as long.

    Parameters
    ----------
    learning_rate : float, default 0.01
        :math:`\eta`.
    momentum : float in [0, 1), default 0.9
        :math:`\beta`; 1, without friction, is allowed for velocity "step" alone.
    velocity : {"gradient", "step", "average"}, default "gradient"
        What the velocity accumulates.
    nesterov : bool, default False
        Take the step with the velocity that the next gradient would meet (the simplified form of Sutskever
        et al., 2013, in which the gradient is taken at x).
    dampening : float in [0, 1], default 0.0
        Of the gradient as it enters the velocity, which is then :math:`\beta v + (1-d)\, a g` in place of
        :math:`\beta v + a g`; at the first step the velocity is all of :math:`a g`. torch's; not with Nesterov's.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods"; Nesterov (1983);
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum".
    """

    momentum: float = 0.9
    velocity: Literal["gradient", "step", "average"] = "gradient"
    nesterov: bool = False
    dampening: float = 0.0

    _slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (
            self.velocity != "step" or self.momentum != 1
        ):  # Keras and scikit-learn allow no friction
            check_number("momentum", self.momentum, low=0.0, below=1.0)
        check_flag("nesterov", self.nesterov)
        check_number("dampening", self.dampening, low=0.0, high=1.0)
        if self.nesterov and self.dampening != 0:
            raise ValueError(f"dampening must be 0 with nesterov, but is {self.dampening!r}")
        if self.velocity not in ("gradient", "step", "average"):
            raise ValueError(
                f'velocity must be "gradient", "step" or "average", but is {self.velocity!r}'
            )
