"""Test functions of any number of variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest._validate import Array, check_flag, check_integer, check_number
from steepest.functions._base import AnyDimension, Stationary, diagonal, outer


@dataclass(frozen=True)
class Sphere(AnyDimension):
    r"""The sphere, whose gradient points away from the minimum everywhere.

    .. math:: f(x) = \sum_i x_i^2

    Parameters
    ----------
    n : int, default 2
        The number of variables.
    """

    name: ClassVar[str] = "sphere"
    _is_least_at_origin: ClassVar[bool] = True

    def _value(self, x: Array) -> Array:
        return np.asarray((x * x).sum(axis=-1))

    def _gradient(self, x: Array) -> Array:
        return 2 * x

    def _hessian(self, x: Array) -> Array:
        return diagonal(np.full_like(x, 2.0))


@dataclass(frozen=True)
class Quadratic(AnyDimension):
    r"""A quadratic with a condition number of choice.

    .. math:: f(x) = \tfrac12\, x^T A x, \qquad A = Q \operatorname{diag}(\lambda) Q^T, \qquad
              \lambda_i = \kappa^{(i - 1) / (n - 1)}

    The curvatures go in equal ratios from 1 to :math:`\kappa`. With the best constant rates
    gradient descent takes the factor :math:`(\kappa - 1) / (\kappa + 1)` a step, at :math:`\eta = 2
    / (1 + \kappa)`, and heavy-ball momentum :math:`(\sqrt\kappa - 1) / (\sqrt\kappa + 1)`, at
    :math:`\eta = 4 / (1 + \sqrt\kappa)^2` and :math:`\beta` the square of that factor [1]_. From 2
    on, a gradient descent's rate diverges above :math:`2 / \kappa`.

    Parameters
    ----------
    n : int, default 2
        The number of variables.
    condition : float, default 100.0
        The condition number :math:`\kappa`, at least 1; with one variable, :math:`A = (\kappa)`.
    rotated : bool, default True
        Turn the axes of the ellipses away from those of the variables, by the reflection :math:`Q =
        I - 2 u u^T` with :math:`u \propto (1, 2, \ldots, n)`. Optimizers with a rate for each
        variable (Adam) see the condition number then; otherwise :math:`Q = I`.

    References
    ----------
    .. [1] B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", *USSR
       Computational Mathematics and Mathematical Physics* 4 (1964) 1-17.
    """

    condition: float = 100.0
    rotated: bool = True

    name: ClassVar[str] = "quadratic"
    _is_least_at_origin: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        condition = check_number("condition", self.condition, low=1.0, finite=True)
        object.__setattr__(self, "condition", condition)
        check_flag("rotated", self.rotated)
        object.__setattr__(self, "_matrix", self._build())

    @property
    def eigenvalues(self) -> Array:
        """The curvatures, ascending, (n,)."""
        if self.n == 1:
            return np.array([self.condition])
        return np.asarray(self.condition ** (np.arange(self.n) / (self.n - 1)))

    @property
    def matrix(self) -> Array:
        """The matrix A, (n, n), symmetric and positive definite."""
        matrix: Array = object.__getattribute__(self, "_matrix")
        return matrix.copy()

    def _build(self) -> Array:
        curvatures = self.eigenvalues
        if not self.rotated or self.n == 1:
            return np.diag(curvatures)
        u = np.arange(1.0, self.n + 1)
        reflection = np.eye(self.n) - 2 * outer(u, u) / (u @ u)
        matrix = (reflection * curvatures) @ reflection
        return np.asarray((matrix + matrix.T) / 2)

    def _value(self, x: Array) -> Array:
        return np.asarray((x * self._gradient(x)).sum(axis=-1) / 2)

    def _gradient(self, x: Array) -> Array:
        matrix: Array = object.__getattribute__(self, "_matrix")
        return np.asarray(x @ matrix.astype(x.dtype, copy=False))

    def _parameters(self) -> Array:
        return self.matrix

    def _hessian(self, x: Array) -> Array:
        return np.broadcast_to(self.matrix, (*x.shape, self.n)).astype(x.dtype)


@dataclass(frozen=True)
class Rosenbrock(AnyDimension):
    r"""Rosenbrock's function: a curved valley, steep across and nearly flat along.

    .. math:: f(x) = \sum_{i=1}^{n-1} 100\, (x_{i+1} - x_i^2)^2 + (1 - x_i)^2

    Its minimum is 0 at (1, ..., 1), where the condition number for two variables is 2508. From four
    variables on there is a local minimum near (-1, 1, ..., 1).

    Parameters
    ----------
    n : int, default 2
        The number of variables, at least 2.

    References
    ----------
    .. [1] H. H. Rosenbrock, "An automatic method for finding the greatest or least value of a
       function", *The Computer Journal* 3 (1960) 175-184.
    .. [2] S. Kok and C. Sandrock, "Locating and characterizing the stationary points of the
       extended Rosenbrock function", *Evolutionary Computation* 17 (2009) 437-453.
    """

    name: ClassVar[str] = "Rosenbrock"
    least_n: ClassVar[int] = 2

    @property
    def domain(self) -> tuple[tuple[float, float], ...]:
        """From -2 to 2 and from -1 to 3 with two variables, else from -2 to 2 along each."""
        return ((-2.0, 2.0), (-1.0, 3.0)) if self.n == 2 else ((-2.0, 2.0),) * self.n

    @property
    def minima(self) -> tuple[Stationary, ...]:
        """The minimum, 0 at (1, ..., 1)."""
        return self._at(np.ones(self.n))

    @property
    def local_minima(self) -> tuple[Stationary, ...]:
        """The local minimum for 4 to 7 variables; for more there is one too, which isn't listed."""
        return self._at(*_ROSENBROCK_LOCAL_MINIMUM.get(self.n, ()))

    def _value(self, x: Array) -> Array:
        left, right = x[..., :-1], x[..., 1:]
        return np.asarray((100 * (right - left * left) ** 2 + (1 - left) ** 2).sum(axis=-1))

    def _gradient(self, x: Array) -> Array:
        left = x[..., :-1]
        off_valley = x[..., 1:] - left * left
        gradient = np.zeros_like(x)
        gradient[..., :-1] = -400 * left * off_valley - 2 * (1 - left)
        gradient[..., 1:] += 200 * off_valley
        return gradient

    def _hessian(self, x: Array) -> Array:
        left, right = x[..., :-1], x[..., 1:]
        hessian = np.zeros((*x.shape, self.n), dtype=x.dtype)
        i = np.arange(self.n - 1)
        hessian[..., i, i] = 1200 * left * left - 400 * right + 2
        hessian[..., i + 1, i + 1] += 200
        hessian[..., i, i + 1] = hessian[..., i + 1, i] = -400 * left
        return hessian


# Newton's method from what L-BFGS finds; tests check them.
_ROSENBROCK_LOCAL_MINIMUM: dict[int, tuple[Sequence[float]]] = {
    4: ((-0.7756592265653525, 0.6130933654850431, 0.38206284633839277, 0.14597201855219435),),
    5: (
        (
            -0.9620510206947501,
            0.9357393959767101,
            0.8807136041943207,
            0.7778776758544064,
            0.605093678592653,
        ),
    ),
    6: (
        (
            -0.9865749795709937,
            0.9833982288361818,
            0.9721066700530919,
            0.947437436826436,
            0.8986511848517296,
            0.8075739520354175,
        ),
    ),
    7: (
        (
            -0.9917225725614055,
            0.9935553935033712,
            0.9921733215946921,
            0.986898762690314,
            0.975164756608873,
            0.9514319827049926,
            0.9052228177139535,
        ),
    ),
}


@dataclass(frozen=True)
class StyblinskiTang(AnyDimension):
    r"""The Styblinski-Tang function: a double well along each variable, one side lower.

    .. math:: f(x) = \tfrac12 \sum_i x_i^4 - 16 x_i^2 + 5 x_i

    Each :math:`x_i` of a minimum is -2.9035 or 2.7468, so that there are :math:`2^n` minima; the
    global one has -2.9035 everywhere and the value -39.16617 n.

    Parameters
    ----------
    n : int, default 2
        The number of variables.
    """

    name: ClassVar[str] = "Styblinski-Tang"
    _half_width: ClassVar[float] = 5.0

    @property
    def minima(self) -> tuple[Stationary, ...]:
        """The global minimum."""
        return self._at(np.full(self.n, _STYBLINSKI_TANG_LOW))

    @property
    def local_minima(self) -> tuple[Stationary, ...]:
        """The n local minima next to the global one: one variable on its higher side."""
        return self._at(*np.where(np.eye(self.n) == 1, _STYBLINSKI_TANG_HIGH, _STYBLINSKI_TANG_LOW))

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The n saddles next to the global minimum: one variable on its ridge, at 0.1567."""
        if self.n == 1:  # there it is a maximum
            return ()
        return self._at(
            *np.where(np.eye(self.n) == 1, _STYBLINSKI_TANG_RIDGE, _STYBLINSKI_TANG_LOW)
        )

    def _value(self, x: Array) -> Array:
        return np.asarray((x * (x * (x * x - 16) + 5)).sum(axis=-1) / 2)

    def _gradient(self, x: Array) -> Array:
        return np.asarray(2 * x**3 - 16 * x + 2.5)

    def _hessian(self, x: Array) -> Array:
        return diagonal(6 * x**2 - 16)


# The roots of 2 x^3 - 16 x + 5/2.
_STYBLINSKI_TANG_LOW = -2.903534027771177
_STYBLINSKI_TANG_RIDGE = 0.1567312567803401
_STYBLINSKI_TANG_HIGH = 2.746802770990837


@dataclass(frozen=True)
class Rastrigin(AnyDimension):
    r"""Rastrigin's function: a bowl covered with local minima, near every point of whole numbers.

    .. math:: f(x) = \sum_i x_i^2 + 10\, \big(1 - \cos(2 \pi x_i)\big)

    Its minimum is 0 at the origin. Near each whole :math:`k_i` with :math:`|k_i| \le 31` it has a
    local minimum along that variable, by the factor :math:`20 \pi^2 / (1 + 20 \pi^2) \approx 0.995`
    closer to 0 as long as :math:`k_i` is small.

    Parameters
    ----------
    n : int, default 2
        The number of variables.
    """

    name: ClassVar[str] = "Rastrigin"
    _half_width: ClassVar[float] = 5.12
    _is_least_at_origin: ClassVar[bool] = True

    @property
    def local_minima(self) -> tuple[Stationary, ...]:
        """The 2n local minima next to the global one; see local_minimum for the others."""
        cells = np.vstack([np.eye(self.n), -np.eye(self.n)]).astype(int)
        return tuple(self.local_minimum(cell) for cell in cells)

    def local_minimum(self, cell: Sequence[int] | Array) -> Stationary:
        """Return the local minimum near a point of whole numbers.

        Parameters
        ----------
        cell : sequence of n integers, from -31 to 31
            The point.

        Returns
        -------
        Stationary

        Raises
        ------
        TypeError, ValueError
            If ``cell`` isn't as described.

        Examples
        --------
        >>> from steepest.functions import Rastrigin
        >>> Rastrigin().local_minimum([2, 0]).x.round(4).tolist()
        [1.9899, 0.0]
        """
        k = np.array([check_integer("cell", entry, low=-31, high=31) for entry in cell], float)
        if k.shape != (self.n,):
            raise ValueError(f"cell must have {self.n} entries, one for each variable; got {cell}")
        # Newton's method on the slope of the remainder r = x - k, where no cosine loses digits. From
        # the side on which the slope is convex its steps never overshoot; 31 is the last cell before
        # the parabola outgrows the waves.
        r = np.zeros(self.n)
        for _ in range(100):
            slope = 2 * (k + r) + 20 * np.pi * np.sin(2 * np.pi * r)
            r -= slope / (2 + 40 * np.pi**2 * np.cos(2 * np.pi * r))
        return self._at(k + r)[0]

    def _value(self, x: Array) -> Array:
        # 1 - cos(2t) = 2 sin(t)^2 keeps the digits near the minimum.
        waves = np.sin(math.pi * x) ** 2
        return np.asarray((x * x + 20 * waves).sum(axis=-1))

    def _gradient(self, x: Array) -> Array:
        return np.asarray(2 * x + 20 * math.pi * np.sin(2 * math.pi * x))

    def _hessian(self, x: Array) -> Array:
        return diagonal(2 + 40 * math.pi**2 * np.cos(2 * math.pi * x))


@dataclass(frozen=True)
class Ackley(AnyDimension):
    r"""Ackley's function: small waves on a nearly flat plane, and a sharp funnel.

    .. math:: f(x) = -20 \exp\Big(-\frac{1}{5} \sqrt{\tfrac1n \textstyle\sum_i x_i^2}\Big)
              - \exp\Big(\tfrac1n \textstyle\sum_i \cos(2 \pi x_i)\Big) + 20 + e

    Its minimum is 0 at the origin, the tip of a cone: there f has no derivative, ``gradient``
    returns 0, which is a subgradient, and ``hessian`` nan. A step of constant length never settles
    in it.

    Parameters
    ----------
    n : int, default 2
        The number of variables.
    """

    name: ClassVar[str] = "Ackley"
    _half_width: ClassVar[float] = 5.0
    _is_least_at_origin: ClassVar[bool] = True

    def _value(self, x: Array) -> Array:
        radius = np.sqrt((x * x).mean(axis=-1))
        # expm1, and 1 - cos by the sine, so that no digits cancel near the minimum.
        ripple = -2 * (np.sin(math.pi * x) ** 2).mean(axis=-1)
        return np.asarray(-20 * np.expm1(-radius / 5) - math.e * np.expm1(ripple))

    def _gradient(self, x: Array) -> Array:
        radius = np.sqrt((x * x).mean(axis=-1, keepdims=True))
        safe = np.where(radius == 0, 1, radius)
        peak = np.exp(np.cos(2 * math.pi * x).mean(axis=-1, keepdims=True))
        cone = 4 * np.exp(-radius / 5) * x / (self.n * safe)
        return np.asarray(cone + 2 * math.pi / self.n * np.sin(2 * math.pi * x) * peak)

    def _hessian(self, x: Array) -> Array:
        n, wave = self.n, 2 * math.pi
        radius = np.sqrt((x * x).mean(axis=-1))[..., np.newaxis, np.newaxis]
        peak = np.exp(np.cos(wave * x).mean(axis=-1))[..., np.newaxis, np.newaxis]
        with np.errstate(divide="ignore", invalid="ignore"):  # the tip of the cone
            unit = outer(x, x) / (n * radius**2)  # the projection on x
            cone = (np.eye(n, dtype=x.dtype) - unit) / radius - unit / 5
            cone = 4 / n * np.exp(-radius / 5) * cone
        sine = np.sin(wave * x)
        waves = wave**2 * peak * (diagonal(np.cos(wave * x)) / n - outer(sine, sine) / n**2)
        return np.asarray(cone + waves)


@dataclass(frozen=True)
class GaussianWell(AnyDimension):
    r"""A well in a plane that is flat around it.

    .. math:: f(x) = 1 - \exp\big(-\tfrac12 \textstyle\sum_i x_i^2\big)

    Its minimum is 0 at the origin. At distance r the gradient is :math:`r\, e^{-r^2/2}`: beyond a
    few units a descent stands still, however long it runs, and ``gtol`` takes the plane for a
    minimum.

    Parameters
    ----------
    n : int, default 2
        The number of variables.
    """

    name: ClassVar[str] = "Gaussian well"
    _half_width: ClassVar[float] = 5.0
    _is_least_at_origin: ClassVar[bool] = True

    def _value(self, x: Array) -> Array:
        return np.asarray(-np.expm1(-(x * x).sum(axis=-1) / 2))

    def _gradient(self, x: Array) -> Array:
        return np.asarray(x * np.exp(-(x * x).sum(axis=-1, keepdims=True) / 2))

    def _hessian(self, x: Array) -> Array:
        height = np.exp(-(x * x).sum(axis=-1) / 2)[..., np.newaxis, np.newaxis]
        return np.asarray(height * (np.eye(self.n, dtype=x.dtype) - outer(x, x)))
