"""Steps that are scaled by the size of the gradients so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from steepest._validate import check_flag, check_number
from steepest.optimizers.base import Optimizer, check_decay, check_size

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


@dataclass(frozen=True)
class Adagrad(Optimizer):
    r"""A rate for each parameter, that falls as the squares of its gradients add up.

    .. math:: s \leftarrow s + g^2, \qquad x \leftarrow x - \eta\, g / (\sqrt s + \varepsilon)

    Parameters
    ----------
    learning_rate : float, default 0.01
        :math:`\eta`.
    epsilon : float, default 1e-10
        Against division by 0.
    epsilon_inside : bool, default False
        Divide by :math:`\sqrt{s + \varepsilon}`, as Keras and optax do; torch adds it outside.
    initial_sum : float, default 0.0
        :math:`s` before the first step: 0 in torch, 0.1 in Keras and optax.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic optimization".
    """

    learning_rate: float = 0.01
    epsilon: float = 1e-10
    epsilon_inside: bool = False
    initial_sum: float = 0.0

    _slots: ClassVar[tuple[str, ...]] = ("sum_of_squares",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self, "epsilon", "initial_sum")
        check_flag("epsilon_inside", self.epsilon_inside)

    def initial(self, slot: str) -> float:
        """Return ``initial_sum`` for the sum."""
        return float(self.initial_sum) if slot == "sum_of_squares" else 0.0


@dataclass(frozen=True)
class Adadelta(Optimizer):
    r"""Steps in the unit of the parameters: the mean square of past steps over that of past gradients.

    .. math::
        v \leftarrow \rho v + (1-\rho) g^2, \qquad
        \Delta = g \sqrt{u + \varepsilon} / \sqrt{v + \varepsilon}, \qquad
        u \leftarrow \rho u + (1-\rho) \Delta^2, \qquad x \leftarrow x - \eta \Delta

    Parameters
    ----------
    learning_rate : float, default 1.0
        :math:`\eta`; 1 in the paper and in torch, 0.001 in Keras.
    rho : float in [0, 1), default 0.9
        Decay of both means; 0.95 in Keras.
    epsilon : float, default 1e-6
        Inside both roots; the first steps are about its root long.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Zeiler (2012), "ADADELTA: an adaptive learning rate method".
    """

    learning_rate: float = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6

    _slots: ClassVar[tuple[str, ...]] = ("second_moment", "squared_step")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "rho")
        check_size(self, "epsilon")


@dataclass(frozen=True)
class RMSprop(Optimizer):
    r"""Steps over the root mean square of recent gradients.

    .. math::
        v \leftarrow \rho v + (1-\rho) g^2, \qquad d = g / (\sqrt v + \varepsilon), \qquad x \leftarrow x - \eta d

    Centred, the root is of the variance :math:`v - \bar g^2`, with :math:`\bar g \leftarrow \rho \bar g + (1-\rho)
    g`; it is 0 where rounding would make it negative. With momentum d goes through a velocity,
    :math:`w \leftarrow \beta w + d`, :math:`x \leftarrow x - \eta w`.

    Parameters
    ----------
    learning_rate : float, default 0.01
        :math:`\eta`.
    rho : float in [0, 1), default 0.99
        Decay of the means: torch's ``alpha``; 0.9 in Keras and optax.
    epsilon : float, default 1e-8
        Against division by 0.
    epsilon_inside : bool, default False
        Divide by :math:`\sqrt{v + \varepsilon}`, as Keras and optax do; torch adds it outside.
    momentum : float in [0, 1), default 0.0
        :math:`\beta`.
    centered : bool, default False
        Divide by the standard deviation.
    velocity : {"gradient", "step"}, default "gradient"
        "step" is :math:`w \leftarrow \beta w + \eta d`, :math:`x \leftarrow x - w`, as in Keras and optax; they
        part when a schedule moves the rate.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5: rmsprop"; centred: Graves (2013), "Generating sequences with recurrent
    neural networks".
    """

    learning_rate: float = 0.01
    rho: float = 0.99
    epsilon: float = 1e-8
    epsilon_inside: bool = False
    momentum: float = 0.0
    centered: bool = False
    velocity: Literal["gradient", "step"] = "gradient"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "rho", "momentum")
        check_number("epsilon", self.epsilon, low=0.0, finite=True)
        check_flag("epsilon_inside", self.epsilon_inside)
        check_flag("centered", self.centered)
        if self.velocity not in ("gradient", "step"):
            raise ValueError(f'velocity must be "gradient" or "step", but is {self.velocity!r}')

    @property
    def rule_slots(self) -> tuple[str, ...]:
        """``"second_moment"``, and what centring and momentum need."""
        average = ("gradient_average",) if self.centered else ()
        velocity = ("velocity",) if self.momentum > 0 else ()
        return ("second_moment", *average, *velocity)
