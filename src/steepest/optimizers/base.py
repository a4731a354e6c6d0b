"""What every optimizer is: hyper-parameters, an explicit state, and one step in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from steepest import _native
from steepest._validate import check_integer, check_number, parameter_pairs, plain
from steepest.optimizers._whole_step import check_clips, is_whole, whole_step, with_accumulator

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
        all but AdamW. It is not part of the loss that is reported; an estimator's ``alpha`` is.
    weight_decay : float, default 0.0
        Decoupled: :math:`x \leftarrow (1 - \eta\lambda) x` before the step, with the present learning rate
        :math:`\eta`, and the moments never see it. Keras's ``weight_decay`` of every optimizer.
        Both decays leave the biases and intercepts of a model alone; used on bare arrays they apply to all.
    clip_value : float, optional
        Each entry of the gradient is cut off to :math:`[-c, c]`: Keras's ``clipvalue``, torch's
        ``clip_grad_value_``, optax's ``clip``.
    clip_norm : float, optional
        The gradient of each array (the weights of a layer, its biases) is scaled down to this Euclidean norm if
        its own is larger, :math:`g \leftarrow g \min(1, c / \|g\|)`: Keras's ``clipnorm``.
    clip_global_norm : float, optional
        The same for the gradient of all arrays together: Keras's ``global_clipnorm``, optax's
        ``clip_by_global_norm``, torch's ``clip_grad_norm_`` (which adds 1e-6 to the norm that it divides by).
    accumulate : int, default 1
        Take a step for so many batches, with the mean of their gradients. A model takes the mean over rows, and in
        an epoch's last step over what is left: with k batches of b rows it is, to the last bit, a model with
        batches of k b rows. :meth:`step` moves nothing but the state until it has seen so many gradients.

    Notes
    -----
    At most one of the three clips is given. What is clipped is the gradient of the loss that is reported: a model's
    penalty is in it, of an L1 penalty the subgradient of the least norm, so that the minimum stays where it is. It
    is the mean, with ``accumulate``. The optimizer's own ``l2`` and ``weight_decay`` come after it, as in torch.
    The gradient norms that are recorded are those before it.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization"; Pascanu, Mikolov and Bengio (2013), "On
    the difficulty of training recurrent neural networks".
    """

    learning_rate: float = 0.01
    _: KW_ONLY
    l2: float = 0.0
    weight_decay: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    clip_global_norm: float | None = None
    accumulate: int = 1

    _slots: ClassVar[tuple[str, ...]] = ()
    _scalars: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in ("learning_rate", "l2", "weight_decay"):
            check_number(name, getattr(self, name), low=0.0, finite=True)
        check_clips(self)
        check_integer("accumulate", self.accumulate, low=1)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays in the state, each shaped as the parameters."""
        return self._slots

    @property
    def scalars(self) -> tuple[str, ...]:
        """Names of the numbers in the state, beside ``"step"``."""
        return self._scalars

    @property
    def needs_full_batch(self) -> bool:
        """Whether a step makes sense only with all rows in the batch."""
        return False

    @property
    def finds_rate(self) -> bool:
        """Whether the length of a step is found at each point, so that a schedule has nothing to move."""
        return False

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
            ``"step"``: 0, and one entry for each slot, shaped as ``theta``: zeros, but for :meth:`initial`. With
            ``accumulate``, ``"gradient_sum"`` and ``"accumulated"``, how many gradients are in it.
        """
        state: State = {"step": 0}
        for slot in self.slots:
            value = self.initial(slot)
            if isinstance(theta, np.ndarray):
                state[slot] = np.full_like(theta, value)
            else:
                state[slot] = [np.full_like(part, value) for part in theta]
        state |= dict.fromkeys(self.scalars, 0.0)
        return state if self.accumulate == 1 else with_accumulator(state, theta)

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
        if is_whole(self):
            whole_step(self, stepper, theta, gradient, state, learning_rate)
            return
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
