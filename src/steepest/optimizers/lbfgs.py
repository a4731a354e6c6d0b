"""The settings of L-BFGS, which is SciPy's."""

from __future__ import annotations

from dataclasses import dataclass

from steepest._validate import check_integer

__all__ = ["LBFGS"]


@dataclass(frozen=True)
class LBFGS:
    r"""L-BFGS by SciPy's ``L-BFGS-B``, for :func:`steepest.minimize`.

    .. math:: x \leftarrow x - \alpha H g

    H is the inverse Hessian that the last steps and gradients tell of, :math:`\alpha` found by a line search with
    the strong Wolfe conditions. It has no learning rate, no schedule, and no state to go on from: ``minimize``
    records, calls back and stops as with any optimizer, at each of its iterations. The networks have it as
    ``solver="lbfgs"``.

    Parameters
    ----------
    memory : int, default 10
        How many steps H is made of.
    max_line_search : int, default 20
        Trials for one step.

    References
    ----------
    Liu and Nocedal (1989), "On the limited memory BFGS method for large scale optimization"; Byrd, Lu, Nocedal and
    Zhu (1995), "A limited memory algorithm for bound constrained optimization".
    """

    memory: int = 10
    max_line_search: int = 20

    def __post_init__(self) -> None:
        check_integer("memory", self.memory, low=1)
        check_integer("max_line_search", self.max_line_search, low=1)
