"""Plain descent whose step lengths follow from what is known at a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from steepest._validate import check_choice, check_number
from steepest.optimizers._whole_step import CLIPS, refuse, whole_step
from steepest.optimizers.base import Optimizer, Parameters, State

__all__ = ["BarzilaiBorwein", "PolyakStep"]


@dataclass(frozen=True)
class PolyakStep(Optimizer):
    r"""As far as to where the loss would be its minimum, if the function were its tangent cone.

    .. math:: x \leftarrow x - \eta \min\Big(\frac{J(x) - J^*}{\|g\|^2 + \varepsilon},\ \alpha_{\max}\Big)\, g

    It needs the value of the minimum, which is 0 where a model can fit its data exactly. With mini-batches J and g
    are the batch's, and this is the stochastic Polyak step. Where the loss is below :math:`J^*` nothing moves. With
    an L1 penalty g is the subgradient of the least norm in the length, and the step is proximal.

    Parameters
    ----------
    learning_rate : float, default 1.0
        :math:`\eta`; a schedule multiplies it. The rates that are recorded are the lengths.
    f_min : float, default 0.0
        :math:`J^*`.
    largest : float, default infinity
        :math:`\alpha_{\max}`; 1 in optax. With mini-batches a limit is needed unless each batch can be fitted
        exactly.
    epsilon : float, default 0.0
        Against division by a small gradient.
    accumulate
        See :class:`Optimizer`. ``l2``, ``weight_decay``, clipping, averages and groups are refused: the
        length would not be theirs.

    References
    ----------
    Polyak (1969), "Minimization of unsmooth functionals"; Loizou, Vaswani, Laradji and Lacoste-Julien (2021),
    "Stochastic Polyak step-size for SGD".
    """

    learning_rate: float = 1.0
    f_min: float = 0.0
    largest: float = float("inf")
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("f_min", self.f_min, finite=True)
        check_number("largest", self.largest, above=0.0)
        check_number("epsilon", self.epsilon, low=0.0, finite=True)
        refuse(self, "with PolyakStep", "l2", "weight_decay", "average", "groups", *CLIPS)

    def step(
        self,
        theta: Parameters,
        gradient: Parameters,
        state: State,
        learning_rate: float | None = None,
        *,
        loss: float | None = None,
    ) -> None:
        """Take one step, as :meth:`Optimizer.step` does; ``loss`` is J at ``theta``, and must be given."""
        if loss is None:
            raise TypeError(
                "PolyakStep needs the loss at theta: step(theta, gradient, state, loss=...)"
            )
        if self.accumulate > 1:
            raise ValueError("accumulate must be 1 for a step of PolyakStep on bare arrays")
        if learning_rate is not None:
            learning_rate = check_number("learning_rate", learning_rate, low=0.0, finite=True)
        value = check_number("loss", loss, finite=True)
        whole_step(self, self._stepper(), theta, gradient, state, learning_rate, value)


@dataclass(frozen=True)
class BarzilaiBorwein(Optimizer):
    r"""Plain descent with the inverse of the curvature along the last step for a rate.

    With :math:`s = x_t - x_{t-1}` and :math:`y = g_t - g_{t-1}`:

    .. math::
        x \leftarrow x - \alpha g, \qquad
        \alpha_{\text{long}} = \frac{s \cdot s}{s \cdot y}, \qquad
        \alpha_{\text{short}} = \frac{s \cdot y}{y \cdot y}

    The loss does not fall in each step; on quadratics it falls far faster than with any constant rate. Where
    :math:`s \cdot y` is not positive the last length is used again. For full batches: gradients of different
    batches differ by more than curvature. With an L1 penalty the steps are proximal (Wright, Nowak and Figueiredo,
    2009, "Sparse reconstruction by separable approximation").

    Parameters
    ----------
    learning_rate : float, default 0.01
        The length of the first step, above 0.
    form : {"long", "short", "alternating"}, default "long"
        Alternating is short in steps 1, 3, 5, ..., long in the others.
    smallest, largest : float, default 1e-10 and 1e10
        Limits of the length.

    Notes
    -----
    ``l2``, ``weight_decay``, clipping, ``accumulate``, averages and groups are refused: curvature is that of the
    gradients as they are.

    References
    ----------
    Barzilai and Borwein (1988), "Two-point step size gradient methods"; Raydan (1997), "The Barzilai and Borwein
    gradient method for the large scale unconstrained minimization problem"; alternating: Dai and Fletcher (2005),
    "Projected Barzilai-Borwein methods for large-scale box-constrained quadratic programming".
    """

    learning_rate: float = 0.01
    form: Literal["long", "short", "alternating"] = "long"
    smallest: float = 1e-10
    largest: float = 1e10

    _slots: ClassVar[tuple[str, ...]] = ("last_point", "last_gradient")
    _whole_scalars: ClassVar[tuple[str, ...]] = ("step_length",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("learning_rate", self.learning_rate, above=0.0, finite=True)
        check_choice("form", self.form, ("long", "short", "alternating"))
        check_number("smallest", self.smallest, above=0.0, finite=True)
        check_number("largest", self.largest, low=float(self.smallest))
        refuse(self, "with BarzilaiBorwein", "l2", "weight_decay", "average", "groups", *CLIPS)
        if self.accumulate != 1:
            raise ValueError(
                f"accumulate must be 1 with BarzilaiBorwein, but is {self.accumulate!r}"
            )

    @property
    def needs_full_batch(self) -> bool:
        """True."""
        return True

    @property
    def finds_rate(self) -> bool:
        """True."""
        return True
