"""What every optimizer is: hyper-parameters, an explicit state, and one step in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from steepest import _native
from steepest._validate import check_integer, check_number, parameter_pairs, plain
from steepest.optimizers._whole_step import check_clips, is_whole, whole_step, with_accumulator
from steepest.optimizers.averaging import Average, check_average
from steepest.optimizers.groups import Group, Settings, check_groups, divided

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
    average : EMA or PolyakRuppert, optional
        Report an average of the iterates in place of the last one; see :class:`Average`.
    groups : sequence of Group, default ()
        Layers, or weights or biases, whose learning rate or decay is another; none may be in two of them.

    Notes
    -----
    Both decays leave the biases and intercepts of a model alone; used on bare arrays they apply to all of them.

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
    average: Average | None = None
    groups: Sequence[Group] = ()

    _slots: ClassVar[tuple[str, ...]] = ()  # of the rule
    _copies: ClassVar[tuple[str, ...]] = ()  # those of them that begin as copies of the parameters
    _reported: ClassVar[str | None] = None  # that of them which is reported
    _scalars: ClassVar[tuple[str, ...]] = ()  # numbers in the state beside the count of steps
    _whole_scalars: ClassVar[tuple[str, ...]] = ()  # those that only whole steps have

    def __post_init__(self) -> None:
        for name in ("learning_rate", "l2", "weight_decay"):
            check_number(name, getattr(self, name), low=0.0, finite=True)
        check_clips(self)
        check_integer("accumulate", self.accumulate, low=1)
        check_average(self.average)
        object.__setattr__(self, "groups", check_groups(self.groups))

    @property
    def rule_slots(self) -> tuple[str, ...]:
        """Names of the arrays that the rule itself keeps."""
        return self._slots

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays in the state, each shaped as the parameters; an average is the last."""
        return self.rule_slots if self.average is None else (*self.rule_slots, "average")

    @property
    def reported_slot(self) -> str | None:
        """Name of the slot that is reported in place of the parameters that are stepped; None: those are."""
        return self._reported if self.average is None else "average"

    @property
    def whole_scalars(self) -> tuple[str, ...]:
        """Names of the numbers in the state that steps from a whole gradient need."""
        return self._whole_scalars

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
            ``"step"``: 0, and one entry for each slot, shaped as ``theta``: zeros, but for :meth:`initial`, or
            copies of ``theta`` where a slot is another point of the descent. With ``accumulate``,
            ``"gradient_sum"`` and ``"accumulated"``, how many gradients are in it.
        """
        state: State = {"step": 0, **dict.fromkeys(self._scalars, 0.0)}

        def beginning(slot: str, part: Array) -> Array:
            is_point = slot in self._copies or slot == self.reported_slot
            return part.copy() if is_point else np.full_like(part, self.initial(slot))

        for slot in self.slots:
            if isinstance(theta, np.ndarray):
                state[slot] = beginning(slot, theta)
            else:
                state[slot] = [beginning(slot, part) for part in theta]
        state |= dict.fromkeys(self.whole_scalars, 0.0)
        return state if self.accumulate == 1 else with_accumulator(state, theta)

    def reported(self, theta: Parameters, state: State) -> Parameters:
        """Return the parameters to use: those that were stepped, or what the state reports in their place.

        Parameters
        ----------
        theta : array or sequence of arrays
            The parameters that :meth:`step` moves, where gradients are taken.
        state : dict
            The state that belongs to them.

        Returns
        -------
        array or sequence of arrays
            ``theta``, or an array or list of the state; not a copy.
        """
        slot = self.reported_slot
        return theta if slot is None else state[slot]

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
            If shapes, or the dtypes of ``theta`` and the state, do not match, or ``groups`` and the arrays; nothing
            has been changed then. A gradient of another dtype is converted.
        """
        if learning_rate is not None:
            learning_rate = check_number("learning_rate", learning_rate, low=0.0, finite=True)
        if not self.groups:
            stepped = self._stepper().step(theta, gradient, state, learning_rate)
            if stepped is not NotImplemented:
                return  # one plain array: nothing for Python to do
        if is_whole(self):
            whole_step(self, self._stepper(), theta, gradient, state, learning_rate)
            return
        pairs = parameter_pairs(theta, gradient, state, self.slots)
        self._check_scalars(state)
        steppers = self._steppers(theta, len(pairs))
        count, scalars = int(state["step"]), {key: float(state[key]) for key in self._scalars}
        for stepper, (theta_part, gradient_part, slot_parts) in zip(steppers, pairs, strict=True):
            targets = [theta_part, *slot_parts]
            flat = [plain(array, theta_part.dtype) for array in targets]
            slots = dict(zip(self.slots, flat[1:], strict=True))
            part_state = {"step": count, **scalars, **slots}
            stepper.step(flat[0], plain(gradient_part, theta_part.dtype), part_state, learning_rate)
            state.update({key: part_state[key] for key in scalars})
            for array, stepped in zip(targets, flat, strict=True):
                if stepped is not array:  # strided: stepped in a copy
                    array[...] = stepped
        state["step"] = count + 1

    def _check_scalars(self, state: State) -> None:
        for name in self._scalars:
            if name not in state:
                raise ValueError(
                    f"state must be the dict that init returned, with the key {name!r}"
                )
            check_number(f"state[{name!r}]", state[name], low=0.0)

    def _stepper(self) -> Any:
        """Return the compiled form of the hyper-parameters, made once for each instruction set."""
        core = _native.core
        made = self.__dict__.get("_compiled")
        if made is None or made[0] is not core:
            made = (core, core.Stepper(self.config(), list(self.slots)))
            object.__setattr__(self, "_compiled", made)
        return made[1]

    def _steppers(self, theta: Parameters, count: int) -> list[Any]:
        """Return the compiled hyper-parameters of each array; layers have two, weights and biases."""
        if not self.groups:
            return [self._stepper()] * count
        settings = array_settings(self, theta, count)
        made = self.__dict__.get("_compiled")
        key = _native.core, settings
        if made is None or made[0] != key:
            steppers = {}
            for factor, l2, weight_decay in set(settings):
                alike = replace(self, l2=l2, weight_decay=weight_decay, groups=())
                config = {**alike.config(), "rate_factor": factor}
                steppers[factor, l2, weight_decay] = _native.core.Stepper(config, list(self.slots))
            made = key, [steppers[entry] for entry in settings]
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
            **{f.name: getattr(self, f.name) for f in fields(self) if f.name != "groups"},
            "average": None if self.average is None else self.average.config(),
            "initial": [float(self.initial(slot)) for slot in self.slots],
        }

    def numbers_after(self, result: dict[str, Any]) -> State:
        """Return what a compiled descent leaves in the state beside the arrays that it was given."""
        numbers = dict(zip(self._scalars, result["schedule_free"], strict=False))
        numbers |= zip(self.whole_scalars, result["scalars"], strict=False)
        stepped = {"stepped": result["stepped"]} if "stepped" in result else {}
        return {"step": result["n_steps"], **numbers, **stepped}

    @property
    def has_l2(self) -> bool:
        """Whether an l2, the optimizer's own or of a group, is a part of the objective."""
        return bool(self.l2) or any(group.l2 for group in self.groups)

    def layer_groups(self, n_layers: int) -> list[tuple[Settings, Settings]]:
        """Return what is done to the weights and the biases of each of a model's layers, or raise.

        Each is (factor of the rate, l2, weight decay). The list is empty if there are no groups.
        """
        if not self.groups:
            return []
        return divided(self.groups, n_layers, self.l2, self.weight_decay, bare=False)


def array_settings(optimizer: Optimizer, theta: Any, count: int) -> tuple[Settings, ...]:
    """Return what is done to each of a list of bare arrays, weights and biases by turns, or raise."""
    if isinstance(theta, np.ndarray) or count % 2:
        found = "one array" if isinstance(theta, np.ndarray) else f"{count} arrays"
        raise ValueError(
            "groups divide a list of arrays, the weights and the biases of each layer by turns, but theta is "
            f"{found}; for one array give the optimizer no groups"
        )
    layers = divided(optimizer.groups, count // 2, optimizer.l2, optimizer.weight_decay, bare=True)
    return tuple(settings for layer in layers for settings in layer)


def check_decay(optimizer: Optimizer, *names: str) -> None:
    """Raise unless these hyper-parameters, decays of averages, are in [0, 1)."""
    for name in names:
        check_number(name, getattr(optimizer, name), low=0.0, below=1.0)


def check_size(optimizer: Optimizer, *names: str) -> None:
    """Raise unless these hyper-parameters are finite and not negative."""
    for name in names:
        check_number(name, getattr(optimizer, name), low=0.0, finite=True)
