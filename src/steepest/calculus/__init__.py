r"""Derivatives of a user's function, by differences, extrapolation and complex steps.

======================== ==================================== ======================== ============
function                 what                                 evaluations              error
======================== ==================================== ======================== ============
partial_derivative       one entry of the gradient            2                        eps^(2/3)
gradient                 all of them                          2 m                      eps^(2/3)
directional_derivative   along a vector, of any order         2; more for order > 1    eps^(2/3)
jacobian                 of a function with many values       2 m                      eps^(2/3)
hessian                  second derivatives                   2 m of the gradient      eps^(2/3)
                                                              2 m^2 + 1 of f           eps^(1/2)
hessian_vector_product   Hessian times vector                 2 of the gradient        eps^(2/3)
                                                              4 m of f                 eps^(1/2)
derivative               any order, one variable, with an     about 35                 it tells
                         estimate of its error
complex_step             gradient, Jacobian or along a        m; 1 along a vector      a few eps
                         vector, of analytic functions
steepest_direction       the way down                         4 m + 1
check_gradient           a gradient against differences       4 m + 1
norm                     of any order
NetworkLoss              a model's loss, with its gradient,
                         for all of these
======================== ==================================== ======================== ============

Here m is the number of entries of x, and the error is relative to f's size on the scale of x.

Every function here takes a callable ``f`` of one array and a point ``x``. It calls ``f`` with
float64 arrays of the shape of ``x`` (a fresh one each time, so ``f`` may keep or change it) and
expects one real number back (`jacobian` any array, `complex_step` complex numbers). A scalar ``x``
is a point too: ``f`` then sees arrays of shape ``()``.

Where nothing else is said, the derivative along entry :math:`i` is the central difference

.. math:: \partial_i f(x) \approx \frac{f(x + h_i e_i) - f(x - h_i e_i)}{2 h_i},
          \qquad h_i \approx \varepsilon^{1/3} \max(1, |x_i|).

Its error has two parts: the terms of the Taylor series that were cut off, :math:`h^2 |f'''| / 6`,
and the rounding of the two values of ``f``, about :math:`\varepsilon |f| / h`. The first grows with
:math:`h` and the second falls, and their sum is least at
:math:`h = (3 \varepsilon |f| / |f'''|)^{1/3}`: for a function that changes on the scale of
:math:`\max(1, |x_i|)`, the step above, with an error of order
:math:`\varepsilon^{2/3} \approx 4 \cdot 10^{-11}` times that function's size. A function that
changes on another scale (the logarithm near 0, or an ``f`` that computes in float32 and is
therefore rounded more coarsely) needs another step: pass ``step``.

The default step is rounded to a power of two. It is then exactly representable, :math:`x \pm h`
almost always is, and what is divided by is the distance between the two points that were really
used. Quadratic functions of short numbers therefore come out exact.

References
----------
.. [1] J. Nocedal and S. J. Wright, *Numerical Optimization*, 2nd ed., Springer, 2006, section 8.1:
   differences and the choice of their step.
.. [2] W. H. Press, S. A. Teukolsky, W. T. Vetterling and B. P. Flannery, *Numerical Recipes*,
   3rd ed., Cambridge University Press, 2007, section 5.7: representable steps.
.. [3] S. Boyd and L. Vandenberghe, *Convex Optimization*, Cambridge University Press, 2004,
   section 9.4: steepest descent in a norm.
"""

from __future__ import annotations

from steepest.calculus._check import GradientCheck, check_gradient
from steepest.calculus._complex_step import complex_step
from steepest.calculus._directions import steepest_direction
from steepest.calculus._gradient import directional_derivative, gradient, partial_derivative
from steepest.calculus._matrices import hessian, hessian_vector_product, jacobian
from steepest.calculus._network_loss import NetworkLoss
from steepest.calculus._norm import norm
from steepest.calculus._richardson import Derivative, derivative

__all__ = [
    "Derivative",
    "GradientCheck",
    "NetworkLoss",
    "check_gradient",
    "complex_step",
    "derivative",
    "directional_derivative",
    "gradient",
    "hessian",
    "hessian_vector_product",
    "jacobian",
    "norm",
    "partial_derivative",
    "steepest_direction",
]
