"""Searches for the length of a step, for descents with all of the data in each gradient."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from steepest._validate import check_integer, check_number

__all__ = ["Armijo", "LineSearch", "Wolfe"]


@dataclass(frozen=True)
class LineSearch:
    """What the searches have in common; give one as ``line_search=`` of SGD or Momentum.

    The first trial of a descent is the learning rate. Every trial is an evaluation of the loss and its gradient,
    and is counted as one; the gradient at the accepted point is the next step's. The length that was found is
    recorded as the learning rate of the step, in the history; callbacks, which see a point before the search from
    it, are told the first trial. A trial where the loss is not finite is too long. If none of ``max_evaluations``
    is right, the descent ends where it is: status ``"line_search"``, as happens where rounding hides any lower
    point.
    """

    def config(self) -> dict[str, Any]:
        """Return the search as the compiled core reads it."""
        return {
            "kind": type(self).__name__,
            **{f.name: getattr(self, f.name) for f in fields(self)},
        }


@dataclass(frozen=True)
class Armijo(LineSearch):
    r"""Backtracking: shorter and shorter, until the loss falls by a part of what its slope promises.

    .. math:: J(x + \alpha p) \le J(x) + c\,\alpha\, \nabla J(x) \cdot p

    Parameters
    ----------
    decrease : float in (0, 1), default 1e-4
        c.
    shrink : float in (0, 1), default 0.5
        What a length that is too long is multiplied by.
    grow : float or None, default 2.0
        At least 1. The first trial of a step is so many times the length of the last one; None: it is always the
        learning rate.
    max_evaluations : int, default 50
        Trials for one step.

    References
    ----------
    Armijo (1966), "Minimization of functions having Lipschitz continuous first partial derivatives"; Nocedal and
    Wright (2006), "Numerical optimization", algorithm 3.1.
    """

    decrease: float = 1e-4
    shrink: float = 0.5
    grow: float | None = 2.0
    max_evaluations: int = 50

    def __post_init__(self) -> None:
        check_number("decrease", self.decrease, above=0.0, below=1.0)
        check_number("shrink", self.shrink, above=0.0, below=1.0)
        if self.grow is not None:
            check_number("grow", self.grow, low=1.0, finite=True)
        check_integer("max_evaluations", self.max_evaluations, low=1)


@dataclass(frozen=True)
class Wolfe(LineSearch):
    r"""The strong Wolfe conditions: the loss falls enough, and its slope has become flat enough.

    .. math::
        J(x + \alpha p) \le J(x) + c_1\,\alpha\, \nabla J(x) \cdot p, \qquad
        |\nabla J(x + \alpha p) \cdot p| \le c_2\, |\nabla J(x) \cdot p|

    A length is doubled until one that is right lies between two, and that is found by cubic and quadratic
    interpolation. On a quadratic function the first interpolation is at the exact minimum of the line, so that a
    small :math:`c_2` is an exact search. The first trial of a step is the length of the last one.

    Parameters
    ----------
    decrease : float in (0, 1), default 1e-4
        :math:`c_1`.
    curvature : float in (0, 1), default 0.9
        :math:`c_2`, above :math:`c_1`; 0.1 is usual for nonlinear conjugate gradients, smaller is more exact. Plain
        descent gains by more exact ones.
    max_evaluations : int, default 20
        Trials for one step. If they run out, the lowest of those that fall enough is taken.

    References
    ----------
    Wolfe (1969), "Convergence conditions for ascent methods"; Nocedal and Wright (2006), "Numerical optimization",
    algorithms 3.5 and 3.6, with the interpolation of ``scipy.optimize.line_search``.
    """

    decrease: float = 1e-4
    curvature: float = 0.9
    max_evaluations: int = 20

    def __post_init__(self) -> None:
        check_number("decrease", self.decrease, above=0.0, below=1.0)
        check_number("curvature", self.curvature, above=float(self.decrease), below=1.0)
        check_integer("max_evaluations", self.max_evaluations, low=1)


def check_line_search(line_search: Any) -> None:
    """Raise unless this is a line search or None."""
    if line_search is not None and type(line_search) not in (
        Armijo,
        Wolfe,
    ):  # those that the core has
        raise TypeError(
            f"line_search must be steepest.optimizers.Armijo(...), Wolfe(...) or None, but is {line_search!r}"
        )
