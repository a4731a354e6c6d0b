"""Optimizers: hyper-parameters, an explicit state, and one step in place.

An optimizer is a frozen dataclass of hyper-parameters. Everything that changes from step to step is in the
state, a plain dictionary of numbers and arrays that the caller owns, can save, copy and compare::

    optimizer = Adam(learning_rate=1e-3)
    state = optimizer.init(theta)
    optimizer.step(theta, gradient, state)  # theta and state change in place

The same dataclasses configure the estimators and :func:`steepest.minimize`, where the step runs inside the
compiled loop. ``steepest.reference.optimizer_step`` is the NumPy twin of ``step``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np

from steepest import _native
from steepest._validate import check_flag, check_number, parameter_pairs, plain

__all__ = ["SGD", "Adam", "AdamW", "Momentum", "Optimizer"]

Array = np.ndarray[Any, np.dtype[Any]]
Parameters = Array | Sequence[Array]
State = dict[str, Any]


@dataclass(frozen=True)
class Optimizer:
    """What every optimizer has in common: a learning rate, ``init`` and ``step``."""

    learning_rate: float = 0.01

    slots: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, low=0.0, finite=True)

    def init(self, theta: Parameters) -> State:
        """Return the state before the first step.

        Parameters
        ----------
        theta : array or sequence of arrays
            The parameters that will be stepped, float32 or float64, any shapes.

        Returns
        -------
        dict
            ``"step"``: 0, and one entry of zeros for each moment, shaped as ``theta``.
        """
        state: State = {"step": 0}
        for slot in self.slots:
            if isinstance(theta, np.ndarray):
                state[slot] = np.zeros_like(theta)
            else:
                state[slot] = [np.zeros_like(part) for part in theta]
        return state

    def step(
        self,
        theta: Parameters,
        gradient: Parameters,
        state: State,
        learning_rate: float | None = None,
    ) -> None:
        """Take one step: ``theta`` and ``state`` change in place.

        Parameters
        ----------
        theta : array or sequence of arrays
            Parameters, float32 or float64, writable.
        gradient : array or sequence of arrays
            dJ/dtheta, of the same shapes and dtype as ``theta``.
        state : dict
            From :meth:`init`, or from the step before.
        learning_rate : float, optional
            The rate of this step, in place of ``self.learning_rate`` (a schedule's value, for instance).

        Raises
        ------
        ValueError, TypeError
            If shapes, or the dtypes of ``theta`` and the state, do not match; nothing has been changed then. A
            gradient of another dtype is converted.
        """
        stepper = self._stepper()
        if learning_rate is not None:
            learning_rate = check_number("learning_rate", learning_rate, low=0.0, finite=True)
        if stepper.step(theta, gradient, state, learning_rate) is not NotImplemented:
            return  # one plain array: nothing for Python to do
        pairs = parameter_pairs(theta, gradient, state, self.slots)
        count = int(state["step"])
        for theta_part, gradient_part, slot_parts in pairs:
            targets = [theta_part, *slot_parts]
            flat = [plain(array, theta_part.dtype) for array in targets]
            part_state = {"step": count, **dict(zip(self.slots, flat[1:], strict=True))}
            stepper.step(flat[0], plain(gradient_part, theta_part.dtype), part_state, learning_rate)
            for array, stepped in zip(targets, flat, strict=True):
                if stepped is not array:  # strided or of another byte order: stepped in a copy
                    array[...] = stepped
        state["step"] = count + 1

    def _stepper(self) -> Any:
        """Return the compiled form of the hyper-parameters, made once for each instruction set."""
        core = _native.core
        made = self.__dict__.get("_compiled")
        if made is None or made[0] is not core:
            made = (core, core.Stepper(self.config(), list(self.slots)))
            object.__setattr__(self, "_compiled", made)
        return made[1]

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_compiled"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def config(self) -> dict[str, Any]:
        """Return the hyper-parameters as the compiled core reads them."""
        return {
            "kind": type(self).__name__,
            **{f.name: getattr(self, f.name) for f in fields(self)},
        }


@dataclass(frozen=True)
class SGD(Optimizer):
    r"""Gradient descent; stochastic when the gradient is that of a batch.

    .. math:: x \leftarrow x - \eta\, g

    Parameters
    ----------
    learning_rate : float, default 0.01
        :math:`\eta`, the length of a step for a gradient of norm 1.

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

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods"; Nesterov (1983);
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum".
    """

    momentum: float = 0.9
    velocity: Literal["gradient", "step", "average"] = "gradient"
    nesterov: bool = False

    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (
            self.velocity != "step" or self.momentum != 1
        ):  # Keras and scikit-learn allow no friction
            check_number("momentum", self.momentum, low=0.0, below=1.0)
        check_flag("nesterov", self.nesterov)
        if self.velocity not in ("gradient", "step", "average"):
            raise ValueError(
                f'velocity must be "gradient", "step" or "average", but is {self.velocity!r}'
            )


@dataclass(frozen=True)
class Adam(Optimizer):
    r"""Adam: momentum and a step length of its own for each parameter, both corrected for their start at 0.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1) g, \qquad v \leftarrow \beta_2 v + (1-\beta_2) g^2 \\
        \hat m &= m/(1-\beta_1^t), \qquad \hat v = v/(1-\beta_2^t) \\
        x &\leftarrow x - \eta\,\hat m / (\sqrt{\hat v} + \varepsilon)

    Parameters
    ----------
    learning_rate : float, default 0.001
        :math:`\eta`; about the length of a step in each parameter.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decay of the two moments.
    epsilon : float, default 1e-8
        Added to the root, outside it, as torch does.
    epsilon_hat : bool, default False
        The folded form of the paper's section 2, :math:`\eta\sqrt{1-\beta_2^t}/(1-\beta_1^t)\; m/(\sqrt v +
        \varepsilon)`, which Keras and scikit-learn use. It is Adam with an epsilon of
        :math:`\varepsilon/\sqrt{1-\beta_2^t}`: 31.6 times larger at the first step, fading later.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization".
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False

    slots: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("beta_1", self.beta_1, low=0.0, below=1.0)
        check_number("beta_2", self.beta_2, low=0.0, below=1.0)
        check_number("epsilon", self.epsilon, low=0.0, finite=True)
        check_flag("epsilon_hat", self.epsilon_hat)


@dataclass(frozen=True)
class AdamW(Adam):
    r"""Adam with decoupled weight decay: the weights shrink first, and the moments never see it.

    .. math:: x \leftarrow (1 - \eta\lambda)\, x, \qquad\text{then Adam's step}

    In a network the decay leaves biases alone; used on bare arrays it applies to all of them.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, epsilon_hat
        As in :class:`Adam`.
    weight_decay : float, default 0.01
        :math:`\lambda`. It is multiplied by the current learning rate, as torch does.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization".
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("weight_decay", self.weight_decay, low=0.0, finite=True)
