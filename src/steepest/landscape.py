r"""Planes in a network's space of parameters, on which its loss can be drawn.

A plane has an origin o and two directions u and v, and its point (a, b) is :math:`o + a u + b v`. There are three
kinds here: along two random directions that are scaled as the weights are [1]_, along the principal components of
the path that training took, and through three given points::

    path = ParameterPath()  # of steepest.recording
    model = st.MLPClassifier(callbacks=[path]).fit(X, y)
    loss = NetworkLoss(model, X, y)  # of steepest.calculus
    plane = path_plane(path.points)
    st.plot.loss_plane(loss, plane, path.points)

A picture of a plane is a picture of that plane: how much of a path lies in it, :meth:`Plane.share` says.

References
----------
.. [1] H. Li, Z. Xu, G. Taylor, C. Studer and T. Goldstein, "Visualizing the Loss Landscape of Neural Nets",
   *Advances in Neural Information Processing Systems* 31 (2018), https://arxiv.org/abs/1712.09913.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest._validate import check_integer, numeric_array

__all__ = ["Plane", "path_plane", "plane_through", "random_plane"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Plane:
    """An origin and two directions in a space of m dimensions.

    Attributes
    ----------
    origin : ndarray of float64, (m,)
        The point (0, 0).
    directions : ndarray of float64, (2, m)
        u and v, not parallel.
    names : (str, str)
        Of the two directions, as the axes of a picture are called.

    Raises
    ------
    TypeError, ValueError
        If they aren't finite real numbers of these shapes, or u and v are parallel.
    """

    origin: FloatArray
    directions: FloatArray
    names: tuple[str, str] = ("first direction", "second direction")

    def __post_init__(self) -> None:
        origin = _finite("origin", self.origin, 1)
        directions = _finite("directions", self.directions, 2)
        if directions.shape != (2, origin.size):
            raise ValueError(
                f"directions must have shape (2, {origin.size}); got {directions.shape}"
            )
        lengths = np.linalg.norm(directions, axis=1)
        # The area that they span, of that which they could.
        if not lengths.all() or np.linalg.svd(directions / lengths[:, None])[1][1] < 1e-10:
            raise ValueError("directions must not be 0 or parallel: they span no plane")
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "directions", directions)

    def at(self, a: float, b: float) -> FloatArray:
        """Return the point (a, b) of the plane, (m,)."""
        return np.asarray(self.origin + a * self.directions[0] + b * self.directions[1])

    def project(self, points: ArrayLike) -> FloatArray:
        """Return the coordinates of the plane's points that are nearest to the given ones.

        Parameters
        ----------
        points : array, (k, m)
            Anywhere.

        Returns
        -------
        ndarray, (k, 2)

        Raises
        ------
        TypeError, ValueError
            If they aren't finite real numbers of this shape.
        """
        away = self._checked(points) - self.origin
        # By orthonormal directions: u and v may be of very different lengths.
        q, r = np.linalg.qr(self.directions.T)
        return np.asarray(np.linalg.solve(r, q.T @ away.T).T)

    def share(self, points: ArrayLike) -> float:
        """Return the share of the variance of some points that is within the plane.

        That of their squared distances from their mean which their projections have; 1 if all lie in a plane
        that is parallel to this one, or in one point.

        Parameters
        ----------
        points : array, (k, m)
            Such as the path of a training.

        Returns
        -------
        float
            From 0 to 1.

        Raises
        ------
        TypeError, ValueError
            If they aren't finite real numbers of this shape.
        """
        given = self._checked(points)
        away = given - given.mean(axis=0)
        whole = float((away**2).sum())
        q, _ = np.linalg.qr(self.directions.T)
        return float(((away @ q) ** 2).sum()) / whole if whole else 1.0

    def restrict(self, fun: Callable[[FloatArray], Any]) -> Callable[[FloatArray], Any]:
        """Return a function of the space as a function of (a, b), such as contours are drawn of.

        Parameters
        ----------
        fun : callable
            Takes an array of shape (m,).

        Returns
        -------
        callable
            Takes an array of shape (2,).
        """
        return lambda point: fun(self.at(float(point[0]), float(point[1])))

    def _checked(self, points: ArrayLike) -> FloatArray:
        given = _finite("points", points, 2)
        if given.shape[1] != self.origin.size:
            raise ValueError(
                f"points must have shape (k, {self.origin.size}); got shape {given.shape}"
            )
        return given


def random_plane(loss: Any, origin: ArrayLike | None = None, seed: int = 0) -> Plane:
    r"""Return a plane along two random directions, filter-normalised [1]_.

    Entries are drawn from the standard normal distribution. Then those that lead into a unit, d, are scaled to the
    length that the network's weights have there: :math:`d \, \|w\| / \|d\|`. A step of 1 thus changes each unit
    by as much as it is, and planes of different networks can be compared. Biases stay as they are (their part of
    the directions is 0), as in the authors' program.

    Parameters
    ----------
    loss : steepest.calculus.NetworkLoss
        Of the network.
    origin : array, (m,), optional
        The parameters in the middle. Default: those of the network.
    seed : int, default 0
        Of NumPy's default generator.

    Returns
    -------
    Plane
        With ``origin`` at (0, 0).

    Raises
    ------
    TypeError, ValueError
        If ``loss`` isn't a NetworkLoss, ``origin`` isn't m finite numbers, or all weights are 0.

    References
    ----------
    .. [1] H. Li, Z. Xu, G. Taylor, C. Studer and T. Goldstein, "Visualizing the Loss Landscape of Neural Nets",
       *Advances in Neural Information Processing Systems* 31 (2018), section 4.
    """
    from steepest.calculus import NetworkLoss

    if not isinstance(loss, NetworkLoss):
        raise TypeError(f"loss must be a steepest.calculus.NetworkLoss; got {type(loss).__name__}")
    middle = loss.parameters if origin is None else _finite("origin", origin, 1)
    weights, biases = loss.split(middle)
    rng = np.random.default_rng(check_integer("seed", seed, low=0))
    directions = [
        np.concatenate(
            [
                *(_like_its_units(rng.standard_normal(w.shape), w).ravel() for w in weights),
                np.zeros(sum(b.size for b in biases)),
            ]
        )
        for _ in range(2)
    ]
    names = ("random direction, filter-normalised", "a second one")
    return Plane(middle, np.stack(directions), names)


def path_plane(points: ArrayLike) -> Plane:
    """Return the plane in which most of a path lies: through its end, along its principal components.

    The components are those of the points' differences from the last of them, as Li et al. take them [1]_. They
    have length 1, and the sign that makes the path begin on their positive side.

    Any long path looks smooth and bent there, a random walk too, whose components are cosines [2]_: its shape says
    little by itself, what it passes says more.

    Parameters
    ----------
    points : array, (k, m)
        At least three, such as :attr:`steepest.recording.ParameterPath.points`.

    Returns
    -------
    Plane
        With the last point at (0, 0).

    Raises
    ------
    TypeError, ValueError
        If they aren't finite real numbers of this shape, or lie on one line.

    References
    ----------
    .. [1] H. Li, Z. Xu, G. Taylor, C. Studer and T. Goldstein, "Visualizing the Loss Landscape of Neural Nets",
       *Advances in Neural Information Processing Systems* 31 (2018), section 7.
    .. [2] J. Antognini and J. Sohl-Dickstein, "PCA of high dimensional random walks with comparison to neural
       network training", *Advances in Neural Information Processing Systems* 31 (2018).
    """
    path = _finite("points", points, 2)
    if len(path) < 3:
        raise ValueError(f"points must be at least three to lie a plane through; got {len(path)}")
    away = path - path[-1]
    _, lengths, components = np.linalg.svd(away, full_matrices=False)
    if len(lengths) < 2 or lengths[1] <= 1e-10 * lengths[0]:
        raise ValueError("points must not lie on one line: they span no plane")
    directions = components[:2] * np.where(components[:2] @ away[0] < 0, -1.0, 1.0)[:, None]
    names = ("first principal component of the path", "second principal component")
    return Plane(path[-1], directions, names)


def plane_through(origin: ArrayLike, first: ArrayLike, second: ArrayLike) -> Plane:
    """Return the plane through three points, which have the coordinates (0, 0), (1, 0) and (0, 1).

    Parameters
    ----------
    origin, first, second : array, (m,)
        Such as the parameters of three trained networks of the same layers.

    Returns
    -------
    Plane

    Raises
    ------
    TypeError, ValueError
        If they aren't finite real numbers of one shape, or lie on one line.
    """
    corner = _finite("origin", origin, 1)
    others = []
    for name, value in (("first", first), ("second", second)):
        point = _finite(name, value, 1)
        if point.shape != corner.shape:
            raise ValueError(f"{name} must have shape {corner.shape}; got shape {point.shape}")
        others.append(point - corner)
    return Plane(corner, np.stack(others), ("towards the first point", "towards the second point"))


def _like_its_units(direction: FloatArray, weights: FloatArray) -> FloatArray:
    """Scale each column of a direction to the length of that column of the weights (n_in, n_out)."""
    return np.asarray(
        direction * (np.linalg.norm(weights, axis=0) / np.linalg.norm(direction, axis=0))
    )


def _finite(name: str, value: Any, ndim: int) -> FloatArray:
    array = np.asarray(numeric_array(name, value), dtype=np.float64)
    wanted = "(m,)" if ndim == 1 else "(k, m)"
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name} must have shape {wanted}, not empty; got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array
