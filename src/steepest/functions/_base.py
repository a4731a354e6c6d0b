"""What all test functions share: how they take points, and what they say about themselves."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from steepest import _native
from steepest._compiled import CompiledFunction, is_own_function
from steepest._validate import FLOATS, Array, check_integer, numeric_array


class Stationary(NamedTuple):
    """A point where a gradient is zero.

    Attributes
    ----------
    x : array, (n,)
        The point.
    value : float
        The function there.
    """

    x: Array
    value: float


def _running_away() -> np.errstate:
    """Return a context in which a descent may run away."""
    return np.errstate(over="ignore", invalid="ignore")


class Function:
    """A test function of n variables, with its derivatives and what is known of its landscape.

    A call takes points along the last axis, ``f(x)`` with x of shape (..., n), or one array for
    each variable, ``f(X, Y)`` with grids of equal shape. float32 is evaluated in float32,
    everything else in float64.

    Attributes
    ----------
    name : str
        As the literature calls it.
    n : int
        The number of variables.
    domain : tuple of (low, high)
        For each variable the range that is worth drawing: ``st.plot.contour(f, *f.domain)``.
    minima : tuple of Stationary
        The global minima, all of them; empty for a function that is unbounded below.
    local_minima : tuple of Stationary
        Minima that aren't global ones: all of them, unless the class says otherwise.
    saddles : tuple of Stationary
        Stationary points that are no minima and through which a descent can pass, as far as the
        class lists them.
    """

    name: ClassVar[str]
    n: int

    _half_width: ClassVar[float] = 2.0  # of the domain
    _is_least_at_origin: ClassVar[bool] = False

    def __call__(self, x: ArrayLike, *further: ArrayLike) -> float | Array:
        """Return the value at one point, or the values at many.

        Parameters
        ----------
        x : array, (..., n)
            The points; or the first variable, with the others in ``further``.
        *further : array
            The other variables, each of the shape of ``x``.

        Returns
        -------
        float, or array, (...)

        Raises
        ------
        TypeError, ValueError
            If the points don't hold real numbers, or have another number of variables.
        """
        with _running_away():
            value = self._value(self._points(x, further))
        return float(value) if np.ndim(value) == 0 else value

    def gradient(self, x: ArrayLike, *further: ArrayLike) -> Array:
        """Return the gradient, in closed form.

        Parameters
        ----------
        x : array, (..., n)
            The points; or the first variable, with the others in ``further``.
        *further : array
            The other variables, each of the shape of ``x``.

        Returns
        -------
        array, (..., n)

        Raises
        ------
        TypeError, ValueError
            If the points don't hold real numbers, or have another number of variables.
        """
        points = self._points(x, further)
        with _running_away():
            return self._gradient(points).astype(points.dtype, copy=False)

    def hessian(self, x: ArrayLike, *further: ArrayLike) -> Array:
        """Return the matrix of second derivatives, in closed form.

        Parameters
        ----------
        x : array, (..., n)
            The points; or the first variable, with the others in ``further``.
        *further : array
            The other variables, each of the shape of ``x``.

        Returns
        -------
        array, (..., n, n)
            Symmetric.

        Raises
        ------
        TypeError, ValueError
            If the points don't hold real numbers, or have another number of variables.
        """
        points = self._points(x, further)
        with _running_away():
            return self._hessian(points).astype(points.dtype, copy=False)

    def compiled(self) -> CompiledFunction:
        """Return the function in machine code, value and gradient in one call.

        ``minimize`` uses it by itself. It takes one point, in float64; its values are these up to
        rounding.

        Returns
        -------
        CompiledFunction

        Raises
        ------
        TypeError
            If this isn't one of the classes of :mod:`steepest.functions`, but derived from one.
        """
        if not is_own_function(self):
            raise TypeError(
                f"{type(self).__name__} is not one of steepest.functions: it is not compiled"
            )
        pointer = ctypes.POINTER(ctypes.c_double)
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_double, ctypes.c_int64, pointer, pointer, ctypes.c_void_p
        )
        address = _native.core.test_function(type(self).__name__)
        return CompiledFunction(prototype(address), self._parameters(), n=self.n)

    @property
    def domain(self) -> tuple[tuple[float, float], ...]:
        """For each variable the range that is worth drawing."""
        return ((-self._half_width, self._half_width),) * self.n

    @property
    def minima(self) -> tuple[Stationary, ...]:
        """The global minima."""
        return self._at(np.zeros(self.n)) if self._is_least_at_origin else ()

    @property
    def local_minima(self) -> tuple[Stationary, ...]:
        """The minima that aren't global ones."""
        return ()

    @property
    def saddles(self) -> tuple[Stationary, ...]:
        """The saddle points."""
        return ()

    def _points(self, x: ArrayLike, further: Sequence[ArrayLike]) -> Array:
        """Return the points as one array, (..., n), of a dtype to compute in."""
        if further:
            grids = [numeric_array("x", grid) for grid in (x, *further)]
            if any(grid.shape != grids[0].shape for grid in grids):
                shapes = ", ".join(str(grid.shape) for grid in grids)
                raise ValueError(
                    f"x must be one array for each variable, of equal shape; got shapes {shapes}"
                )
            points = np.stack(grids, axis=-1)
        else:
            points = numeric_array("x", x)
        if points.ndim == 0 or points.shape[-1] != self.n:
            got = f"{1 + len(further)} arrays" if further else f"shape {np.shape(x)}"
            raise ValueError(
                f"x must be points of {self.n} variables, of shape (..., {self.n}), for {self!r}; "
                f"got {got}"
            )
        return points if points.dtype in FLOATS else points.astype(np.float64)

    def _at(self, *points: Sequence[float] | Array) -> tuple[Stationary, ...]:
        arrays = [np.array(point, dtype=np.float64) for point in points]
        return tuple(Stationary(x, float(self._value(x))) for x in arrays)

    def _parameters(self) -> Array | None:
        """Return what the compiled function reads beside x."""
        return None

    def _value(self, x: Array) -> Array:  # x: (..., n); returns (...)
        raise NotImplementedError

    def _gradient(self, x: Array) -> Array:  # x: (..., n); returns (..., n)
        raise NotImplementedError

    def _hessian(self, x: Array) -> Array:  # x: (..., n); returns (..., n, n)
        raise NotImplementedError


@dataclass(frozen=True)
class AnyDimension(Function):
    """A test function for any number of variables."""

    n: int = 2

    least_n: ClassVar[int] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", check_integer("n", self.n, low=self.least_n))


@dataclass(frozen=True)
class Planar(Function):
    """A test function of two variables, written in x and y."""

    n: int = field(default=2, init=False, repr=False)

    def _value(self, x: Array) -> Array:
        return self._height(x[..., 0], x[..., 1])

    def _gradient(self, x: Array) -> Array:
        return np.stack(self._slopes(x[..., 0], x[..., 1]), axis=-1)

    def _hessian(self, x: Array) -> Array:
        xx, xy, yy = np.broadcast_arrays(*self._curvatures(x[..., 0], x[..., 1]))
        rows = np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)
        return np.stack(rows, axis=-2)

    def _height(self, x: Array, y: Array) -> Array:
        raise NotImplementedError

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return the derivatives along x and along y."""
        raise NotImplementedError

    def _curvatures(self, x: Array, y: Array) -> tuple[Array | float, Array | float, Array | float]:
        """Return the second derivatives: along x twice, along both, along y twice."""
        raise NotImplementedError


def diagonal(entries: Array) -> Array:
    """Return the diagonal matrices, (..., n, n), of entries of shape (..., n)."""
    return np.asarray(entries[..., np.newaxis] * np.eye(entries.shape[-1], dtype=entries.dtype))


def outer(u: Array, v: Array) -> Array:
    """Return the products u v^T, (..., n, n), of vectors of shape (..., n)."""
    return np.asarray(u[..., :, np.newaxis] * v[..., np.newaxis, :])
