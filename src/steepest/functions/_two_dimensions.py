"""Test functions of two variables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest._validate import Array, check_number
from steepest.functions._base import Planar, Stationary


@dataclass(frozen=True)
class Booth(Planar):
    r"""Booth's function, a quadratic with condition number 9.

    .. math:: f(x, y) = (x + 2 y - 7)^2 + (2 x + y - 5)^2

    Its minimum is 0 at (1, 3).
    """

    name: ClassVar[str] = "Booth"
    _half_width: ClassVar[float] = 10.0

    @property
    def minima(self) -> tuple[Stationary, ...]:
        """The minimum, 0 at (1, 3)."""
        return self._at((1.0, 3.0))

    def _height(self, x: Array, y: Array) -> Array:
        height: Array = (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2
        return height

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        return 10 * x + 8 * y - 34, 8 * x + 10 * y - 38

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        return np.full_like(x, 10.0), 8.0, 10.0


@dataclass(frozen=True)
class Beale(Planar):
    r"""Beale's function: a narrow valley, steep corners, a saddle beside it.

    .. math:: f(x, y) = \sum_{k=1}^{3} \big(c_k - x (1 - y^k)\big)^2, \qquad c = (1.5, 2.25, 2.625)

    Its minimum is 0 at (3, 0.5). At (0, 1) it has a saddle, and for :math:`y > 1` and :math:`x \to
    -\infty` it falls towards an infimum that isn't reached: a descent that starts there runs away.
    """

    name: ClassVar[str] = "Beale"
    _half_width: ClassVar[float] = 4.5

    @property
    def minima(self) -> tuple[Stationary, ...]:
        """The minimum, 0 at (3, 0.5)."""
        return self._at((3.0, 0.5))

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The saddle at (0, 1), of value 14.203125."""
        return self._at((0.0, 1.0))

    @staticmethod
    def _residuals(x: Array, y: Array) -> list[tuple[int, Array, Array]]:
        """Return k, 1 - y^k and c_k - x (1 - y^k) for the three terms."""
        parts = []
        for k, c in ((1, 1.5), (2, 2.25), (3, 2.625)):
            span = 1 - y**k
            parts.append((k, span, c - x * span))
        return parts

    def _height(self, x: Array, y: Array) -> Array:
        (_, _, first), (_, _, second), (_, _, third) = self._residuals(x, y)
        height: Array = first**2 + second**2 + third**2
        return height

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        along_x, along_y = np.zeros_like(x), np.zeros_like(y)
        for k, span, residual in self._residuals(x, y):
            along_x = along_x - 2 * residual * span
            along_y = along_y + 2 * residual * x * k * y ** (k - 1)
        return along_x, along_y

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        xx, xy, yy = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        for k, span, residual in self._residuals(x, y):
            power = k * y ** (k - 1)
            bend = k * (k - 1) * y ** max(k - 2, 0)
            xx = xx + 2 * span**2
            xy = xy + 2 * power * (residual - x * span)
            yy = yy + 2 * ((x * power) ** 2 + residual * x * bend)
        return xx, xy, yy


@dataclass(frozen=True)
class Himmelblau(Planar):
    r"""Himmelblau's function: four minima, all of value 0.

    .. math:: f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2

    One minimum is at (3, 2); between the four lie four saddles, and in their middle a maximum.
    Which of them a descent finds depends on its start and its step.
    """

    name: ClassVar[str] = "Himmelblau"
    _half_width: ClassVar[float] = 5.0

    @property
    def minima(self) -> tuple[Stationary, ...]:
        """The four minima, one in each quadrant; values are 0 up to the rounding of their coordinates."""
        return self._at(
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.2831859912861696),
            (3.5844283403304917, -1.8481265269644036),
        )

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The four saddles; the maximum, at (-0.2708, -0.9230), is not one of them."""
        return self._at(
            (3.385154183607021, 0.07385187983774928),
            (0.08667750455539636, 2.884254701174776),
            (-3.0730257507643897, -0.08135304428796751),
            (-0.12796134673068008, -1.9537149802445763),
        )

    def _height(self, x: Array, y: Array) -> Array:
        height: Array = (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2
        return height

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        first, second = x * x + y - 11, x + y * y - 7
        return 4 * x * first + 2 * second, 2 * first + 4 * y * second

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        return 12 * x * x + 4 * y - 42, 4 * (x + y), 12 * y * y + 4 * x - 26


@dataclass(frozen=True)
class ThreeHumpCamel(Planar):
    r"""The three-hump camel: a global minimum between two local ones.

    .. math:: f(x, y) = 2 x^2 - 1.05 x^4 + \frac{x^6}{6} + x y + y^2

    Its minimum is 0 at the origin. The other stationary points have :math:`y = -x / 2` and
    :math:`x^2 = 2.1 \pm \sqrt{0.91}`: minima with plus, saddles with minus.
    """

    name: ClassVar[str] = "three-hump camel"
    _half_width: ClassVar[float] = 2.5
    _is_least_at_origin: ClassVar[bool] = True

    @property
    def local_minima(self) -> tuple[Stationary, ...]:
        """The two local minima, of value 0.2986."""
        x = math.sqrt(2.1 + math.sqrt(0.91))
        return self._at((x, -x / 2), (-x, x / 2))

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The two saddles, of value 0.8770."""
        x = math.sqrt(2.1 - math.sqrt(0.91))
        return self._at((x, -x / 2), (-x, x / 2))

    def _height(self, x: Array, y: Array) -> Array:
        height: Array = 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2
        return height

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        return 4 * x - 4.2 * x**3 + x**5 + y, x + 2 * y

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        return 4 - 12.6 * x**2 + 5 * x**4, 1.0, 2.0


@dataclass(frozen=True)
class Saddle(Planar):
    r"""The saddle, which has no minimum.

    .. math:: f(x, y) = x^2 - y^2

    Its one stationary point is the origin. A descent that starts with y = 0 exactly ends there; any
    other leaves it, y growing by the factor :math:`1 + 2 \eta` a step, without end. See DoubleWell
    for a saddle that leads somewhere.
    """

    name: ClassVar[str] = "saddle"

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The saddle at the origin."""
        return self._at((0.0, 0.0))

    def _height(self, x: Array, y: Array) -> Array:
        height: Array = x**2 - y**2
        return height

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        return 2 * x, -2 * y

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        return np.full_like(x, 2.0), 0.0, -2.0


@dataclass(frozen=True)
class DoubleWell(Planar):
    r"""Two minima and the saddle between them.

    .. math:: f(x, y) = \frac{x^2}{2} + \frac{(y^2 - 1)^2}{4}

    The minima are 0 at (0, 1) and (0, -1). At the saddle, the origin, the curvatures are 1 and -1:
    a descent that comes along y = 0 stops there, and one that comes close to it loses as many steps
    as it takes y to grow.
    """

    name: ClassVar[str] = "double well"

    @property
    def minima(self) -> tuple[Stationary, ...]:
        """The minima, 0 at (0, 1) and (0, -1)."""
        return self._at((0.0, 1.0), (0.0, -1.0))

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The saddle at the origin, of value 1/4."""
        return self._at((0.0, 0.0))

    def _height(self, x: Array, y: Array) -> Array:
        height: Array = x**2 / 2 + (y**2 - 1) ** 2 / 4
        return height

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x + 0.0, y * (y**2 - 1)

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        return np.ones_like(x), 0.0, 3 * y**2 - 1


@dataclass(frozen=True)
class MonkeySaddle(Planar):
    r"""The monkey saddle: three valleys meet at a point whose Hessian is zero.

    .. math:: f(x, y) = x^3 - 3 x y^2

    It has no minimum. Second derivatives say nothing at the origin: a descent that starts at a
    distance :math:`\varepsilon` takes a time of order :math:`1 / \varepsilon` to leave it, where an
    ordinary saddle takes :math:`\log(1 / \varepsilon)`.
    """

    name: ClassVar[str] = "monkey saddle"

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The saddle at the origin."""
        return self._at((0.0, 0.0))

    def _height(self, x: Array, y: Array) -> Array:
        height: Array = x * (x**2 - 3 * y**2)
        return height

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        return 3 * (x**2 - y**2), -6 * x * y

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        return 6 * x, -6 * y, -6 * x


@dataclass(frozen=True)
class Plateau(Planar):
    r"""A nearly flat stretch between the start and the minimum.

    .. math:: f(x, y) = \int_0^x t \big((t - 3)^2 + \delta^2\big)\, dt + \frac{y^2}{2}
              = \frac{x^4}{4} - 2 x^3 + \frac{(9 + \delta^2) x^2}{2} + \frac{y^2}{2}

    Its one stationary point is the minimum, 0 at the origin. Around x = 3 the slope falls to about
    :math:`3 \delta^2` without becoming zero. That is the bottleneck left by a saddle and a minimum
    that have just merged: following the gradient from the right, the time to pass is about
    :math:`\pi / (3 \delta)`, and most of the way takes no time in comparison. Momentum arrives with
    a speed that carries it across.

    Parameters
    ----------
    delta : float, default 0.05
        How flat: positive, the smaller the flatter.
    """

    delta: float = 0.05

    name: ClassVar[str] = "plateau"
    _is_least_at_origin: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", check_number("delta", self.delta, above=0.0, finite=True))

    @property
    def domain(self) -> tuple[tuple[float, float], ...]:
        """From -1.5 to 5 along x, from -2 to 2 along y."""
        return ((-1.5, 5.0), (-2.0, 2.0))

    def _height(self, x: Array, y: Array) -> Array:
        # The same polynomial in a form that doesn't cancel.
        height: Array = x**2 * ((x - 4) ** 2 / 4 + 0.5 + self.delta**2 / 2) + y**2 / 2
        return height

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x * ((x - 3) ** 2 + self.delta**2), y + 0.0

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        return (x - 3) * (3 * x - 3) + self.delta**2, 0.0, 1.0

    def _parameters(self) -> Array:
        return np.array([self.delta])
