"""Plain descent, and descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from steepest._validate import check_flag, check_number
from steepest.optimizers._whole_step import CLIPS, refuse
from steepest.optimizers.base import Optimizer
from steepest.optimizers.line_search import LineSearch, check_line_search

__all__ = ["SGD", "Momentum"]


@dataclass(frozen=True)
class SearchingOptimizer(Optimizer):
    """An optimizer whose direction does not depend on the rate, so that a search can find the length."""

    line_search: LineSearch | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_line_search(self.line_search)
        if self.line_search is None:
            return
        why = "with line_search, which would search along another function"
        refuse(self, why, "l2", "weight_decay", "average", "groups", *CLIPS)
        check_number("learning_rate", self.learning_rate, above=0.0, finite=True)
        if self.accumulate != 1:
            raise ValueError(f"accumulate must be 1 with line_search, but is {self.accumulate!r}")

    @property
    def whole_scalars(self) -> tuple[str, ...]:
        """``"step_length"``, the last one, with a line search."""
        return ("step_length",) if self.line_search is not None else ()

    @property
    def needs_full_batch(self) -> bool:
        """Whether there is a line search."""
        return self.line_search is not None

    @property
    def finds_rate(self) -> bool:
        """Whether there is a line search."""
        return self.line_search is not None

    def config(self) -> dict[str, Any]:
        """Return the hyper-parameters as the compiled core reads them."""
        search = None if self.line_search is None else self.line_search.config()
        return {**super().config(), "line_search": search}


@dataclass(frozen=True)
class SGD(SearchingOptimizer):
    r"""Gradient descent; stochastic when the gradient is that of a batch.

    .. math:: x \leftarrow x - \eta\, g

    Parameters
    ----------
    learning_rate : float, default 0.01
        :math:`\eta`, the length of a step for a gradient of norm 1.
    line_search : Armijo or Wolfe, optional
        Search for the length of each step, for full batches; the learning rate is the first trial, and is tried
        again where a search that began with a shorter length finds no lower point. The optimizer's own decay and
        clipping don't go together with it, nor does an L1 penalty.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Cauchy (1847), "Méthode générale pour la résolution des systèmes d'équations simultanées";
    Robbins and Monro (1951), "A stochastic approximation method".
    """


@dataclass(frozen=True)
class Momentum(SearchingOptimizer):
    r"""Gradient descent with momentum, in the three forms that libraries use.

    - "gradient": :math:`v \leftarrow \beta v + g`, :math:`x \leftarrow x - \eta v`;
      Nesterov: :math:`x \leftarrow x - \eta (g + \beta v)`
    - "step": :math:`v \leftarrow \beta v + \eta g`, :math:`x \leftarrow x - v`;
      Nesterov: :math:`x \leftarrow x - (\eta g + \beta v)`
    - "average": :math:`v \leftarrow \beta v + (1-\beta) g`, :math:`x \leftarrow x - \eta v`;
      Nesterov: :math:`x \leftarrow x - \eta ((1-\beta) g + \beta v)`

    With ``nesterov="lookahead"`` the gradient is taken where the velocity alone would lead, Nesterov's own form:

    .. math:: v \leftarrow \beta v + a\,g(y), \qquad x \leftarrow x - b v, \qquad y = x - b \beta v

    with (a, b) = (1, :math:`\eta`), (:math:`\eta`, 1) and (:math:`1-\beta`, :math:`\eta`) in the three forms. y is
    what ``step`` moves, and x is reported: ``state["position"]`` in stand-alone steps, and what a descent records,
    validates and returns. In :func:`steepest.minimize` and with all rows in every batch the gradient at x is
    measured as well, twice the evaluations. The points y are the iterates of ``nesterov=True``, by that change of
    variables; :math:`\beta` and :math:`\eta` in y are those of the step that was just taken. With an L1 penalty x
    takes the proximal step from y, and the velocity is x's own: FISTA with a constant momentum.

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
    nesterov : bool or "lookahead", default False
        True: take the step with the velocity that the next gradient would meet (the simplified form of Bengio et
        al., 2013, in which the gradient is taken at x). "lookahead": take the gradient ahead of x (Sutskever et
        al., 2013).
    dampening : float in [0, 1], default 0.0
        Of the gradient as it enters the velocity, which is then :math:`\beta v + (1-d)\, a g` in place of
        :math:`\beta v + a g`; at the first step the velocity is all of :math:`a g`. torch's; not with Nesterov's.
    line_search : Armijo or Wolfe, optional
        Search for the length of each step along the velocity, which must not be of the form "step"; where that
        leads to no lower point, it begins anew with the gradient, and as many trials. See :class:`SGD`.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods"; Nesterov (1983);
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum"; Bengio,
    Boulanger-Lewandowski and Pascanu (2013), "Advances in optimizing recurrent networks"; Beck and Teboulle (2009),
    "A fast iterative shrinkage-thresholding algorithm for linear inverse problems".
    """

    momentum: float = 0.9
    velocity: Literal["gradient", "step", "average"] = "gradient"
    nesterov: bool | Literal["lookahead"] = False
    dampening: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (
            self.velocity != "step" or self.momentum != 1
        ):  # Keras and scikit-learn allow no friction
            check_number("momentum", self.momentum, low=0.0, below=1.0)
        if isinstance(self.nesterov, str) and self.nesterov != "lookahead":
            raise ValueError(
                f'nesterov must be True, False or "lookahead", but is {self.nesterov!r}'
            )
        if self.nesterov != "lookahead":
            check_flag("nesterov", self.nesterov)
        elif self.average is not None:
            raise ValueError('average must be None with nesterov="lookahead", which reports x')
        check_number("dampening", self.dampening, low=0.0, high=1.0)
        if self.nesterov and self.dampening != 0:
            raise ValueError(f"dampening must be 0 with nesterov, but is {self.dampening!r}")
        if self.velocity not in ("gradient", "step", "average"):
            raise ValueError(
                f'velocity must be "gradient", "step" or "average", but is {self.velocity!r}'
            )
        if self.line_search is not None and self.nesterov == "lookahead":
            raise ValueError('nesterov must not be "lookahead" with line_search')
        if self.line_search is not None and self.velocity == "step":
            raise ValueError(
                'velocity must be "gradient" or "average" with line_search: one of the form "step" holds the '
                "lengths of past steps"
            )

    @property
    def rule_slots(self) -> tuple[str, ...]:
        """``"velocity"``, and with look-ahead ``"position"``."""
        return ("velocity", "position") if self.nesterov == "lookahead" else ("velocity",)

    @property
    def reported_slot(self) -> str | None:
        """``"position"`` with look-ahead."""
        return "position" if self.nesterov == "lookahead" else super().reported_slot
