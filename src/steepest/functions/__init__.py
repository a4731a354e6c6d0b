r"""Test functions with gradients, Hessians and known minima, to try a descent on.

Each is an object: ``f(x)`` is its value, ``f.gradient(x)`` and ``f.hessian(x)`` its derivatives in
closed form, ``f.minima`` where it is least, ``f.local_minima`` and ``f.saddles`` where a descent
may be held up, ``f.domain`` a box worth looking at. All of them take points along the last axis,
any number at once; functions of two variables take two grids too.

=================== ========== ==============================================================================
function            variables  what it is for
=================== ========== ==============================================================================
Sphere              any        the easiest: every step points at the minimum
Quadratic           any        ill-conditioned as far as wanted: steps needed against the condition number
Rosenbrock          any        a curved valley, steep across and flat along
StyblinskiTang      any        :math:`2^n` minima, one of them the least
Rastrigin           any        a bowl full of local minima on a regular grid
Ackley              any        the same on a nearly flat plane, with a sharp minimum
GaussianWell        any        exponentially flat away from the minimum
Booth               2          a quadratic with another centre
Beale               2          a valley between steep corners, and a saddle
Himmelblau          2          four minima, all equally low
ThreeHumpCamel      2          two local minima beside the global one
Saddle              2          :math:`x^2 - y^2`, without a minimum
DoubleWell          2          a saddle with a minimum on either side
MonkeySaddle        2          a saddle whose Hessian is zero
Plateau             2          a nearly flat stretch on the way to the minimum
=================== ========== ==============================================================================

References
----------
.. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software",
   *ACM Transactions on Mathematical Software* 7 (1981) 17-41: Rosenbrock, Beale.
.. [2] D. M. Himmelblau, *Applied Nonlinear Programming*, McGraw-Hill, 1972: Himmelblau's function.
.. [3] M. Jamil and X.-S. Yang, "A literature survey of benchmark functions for global optimisation
   problems", *International Journal of Mathematical Modelling and Numerical Optimisation* 4 (2013)
   150-194: Ackley, Booth, Rastrigin, Styblinski-Tang, three-hump camel.
.. [4] S. H. Strogatz, *Nonlinear Dynamics and Chaos*, Westview Press, 1994, section 4.3: the
   passage of a bottleneck, on which the plateau is built.

Examples
--------
>>> import steepest as st
>>> f = st.functions.Himmelblau()
>>> f([0.0, 0.0]), f.gradient([0.0, 0.0]).tolist()
(170.0, [-14.0, -22.0])
>>> f.minima[0]
Stationary(x=array([3., 2.]), value=0.0)
>>> st.minimize(f, [0.0, 0.0], optimizer=st.SGD(0.01)).x.round(6).tolist()
[3.0, 2.0]
"""

from __future__ import annotations

from steepest.functions._any_dimension import (
    Ackley,
    GaussianWell,
    Quadratic,
    Rastrigin,
    Rosenbrock,
    Sphere,
    StyblinskiTang,
)
from steepest.functions._base import Function, Stationary
from steepest.functions._two_dimensions import (
    Beale,
    Booth,
    DoubleWell,
    Himmelblau,
    MonkeySaddle,
    Plateau,
    Saddle,
    ThreeHumpCamel,
)

__all__ = [
    "Ackley",
    "Beale",
    "Booth",
    "DoubleWell",
    "Function",
    "GaussianWell",
    "Himmelblau",
    "MonkeySaddle",
    "Plateau",
    "Quadratic",
    "Rastrigin",
    "Rosenbrock",
    "Saddle",
    "Sphere",
    "Stationary",
    "StyblinskiTang",
    "ThreeHumpCamel",
    "all_functions",
]


def all_functions() -> tuple[Function, ...]:
    """Return one of each test function, with its default parameters, in two dimensions.

    Returns
    -------
    tuple of Function

    Examples
    --------
    >>> from steepest.functions import all_functions
    >>> [f.name for f in all_functions()][:3]
    ['sphere', 'quadratic', 'Rosenbrock']
    """
    return (
        Sphere(),
        Quadratic(),
        Rosenbrock(),
        StyblinskiTang(),
        Rastrigin(),
        Ackley(),
        GaussianWell(),
        Booth(),
        Beale(),
        Himmelblau(),
        ThreeHumpCamel(),
        Saddle(),
        DoubleWell(),
        MonkeySaddle(),
        Plateau(),
    )
