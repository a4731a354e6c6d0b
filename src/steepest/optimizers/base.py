"""What every optimizer is: hyper-parameters, an explicit state, and one step in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from steepest import _native
from steepest._validate import check_number, parameter_pairs, plain

__all__ = ["Optimizer", "Parameters", "State"]

Array = np.ndarray[Any, np.dtype[Any]]
Parameters = Array | Sequence[Array]
State = dict[str, Any]


@dataclass(frozen=True)
class Optimizer:
    r"""What every optimizer has in common: a learning rate, two ways to shrink weights, ``init`` and ``step``.

    Parameters
    ----------
    learning_rate : float
        The rate of each step, that a schedule multiplies.
    l2 : float, default 0.0
        Coupled weight decay: the optimizer sees the gradient :math:`g + \lambda_2 x`. torch's ``weight_decay`` of
        all but AdamW. A descent minimizes, and reports, the loss plus :math:`\lambda_2/2\,\lVert x\rVert^2`.
    weight_decay : float, default 0.0
        Decoupled: :math:`x \leftarrow (1 - \eta\lambda) x` before the step, with the present learning rate
        :math:`\eta`, and the moments never see it. Keras's ``weight_decay`` of every optimizer.

    Both leave the biases and intercepts of a model alone; used on bare arrays they apply to all of them.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization".
    """

    learning_rate: float = 0.01
    _: KW_ONLY
    l2: float = 0.0
    weight_decay: float = 0.0

    _slots: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in ("learning_rate", "l2", "weight_decay"):
            check_number(name, getattr(self, name), low=0.0, finite=True)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays in the state, each shaped as the parameters."""
        return self._slots

    def initial(self, slot: str) -> float:
        """Return what a slot holds before the first step: 0 for nearly all."""
        return 0.0

    def init(self, theta: Parameters) -> State:
        """Return the state before the first step.

        Parameters
        ----------
        theta : array or sequence of arrays
            The parameters that will be stepped, float32 or float64, any shapes.

        Returns
        -------
        dict
            ``"step"``: 0, and one entry for each slot, shaped as ``theta``: zeros, but for :meth:`initial`.
        """
        state: State = {"step": 0}
        for slot in self.slots:
            value = self.initial(slot)
            if isinstance(theta, np.ndarray):
                state[slot] = np.full_like(theta, value)
            else:
                state[slot] = [np.full_like(part, value) for part in theta]
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
            "initial": [float(self.initial(slot)) for slot in self.slots],
        }


def check_decay(optimizer: Optimizer, *names: str) -> None:
    """Raise unless these hyper-parameters, decays of averages, are in [0, 1)."""
    for name in names:
        check_number(name, getattr(optimizer, name), low=0.0, below=1.0)


def check_size(optimizer: Optimizer, *names: str) -> None:
    """Raise unless these hyper-parameters are finite and not negative."""
    for name in names:
        check_number(name, getattr(optimizer, name), low=0.0, finite=True)
