"""Planes in a network's space of parameters, beside NumPy's least squares and scikit-learn's PCA."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

import steepest as st
from steepest.calculus import NetworkLoss
from steepest.landscape import Plane, path_plane, plane_through, random_plane


@pytest.fixture(scope="module")
def loss():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(30, 4))
    model = st.MLPClassifier((7,), random_state=0).partial_fit(
        X, rng.integers(0, 3, 30), classes=[0, 1, 2]
    )
    return NetworkLoss(model, X, rng.integers(0, 3, 30))


@pytest.fixture
def points():
    rng = np.random.default_rng(3)
    return np.cumsum(rng.normal(size=(12, 9)), axis=0)


def test_random_directions_are_as_long_as_each_units_weights(loss):
    plane = random_plane(loss, seed=4)
    weights, biases = loss.split(loss.parameters)
    assert_array_equal(plane.origin, loss.parameters)
    for direction in plane.directions:
        d_weights, d_biases = loss.split(direction)
        for w, d in zip(weights, d_weights, strict=True):
            for unit in range(w.shape[1]):
                length = np.sqrt(np.sum(w[:, unit] ** 2))
                assert np.sqrt(np.sum(d[:, unit] ** 2)) == pytest.approx(length)
        assert all((d == 0).all() for d in d_biases)
        assert len(d_biases) == len(biases)


def test_random_planes_follow_their_seed(loss):
    again, other = random_plane(loss, seed=4), random_plane(loss, seed=5)
    assert_array_equal(random_plane(loss, seed=4).directions, again.directions)
    assert not np.allclose(again.directions, other.directions)
    origin = loss.parameters * 2
    moved = random_plane(loss, origin, seed=4)
    assert_array_equal(moved.origin, origin)
    assert_allclose(moved.directions, 2 * again.directions)


def test_points_and_projections(points):
    rng = np.random.default_rng(0)
    plane = Plane(points[0], rng.normal(size=(2, 9)) * [[1.0], [1e3]])
    assert_allclose(plane.at(2.0, -3.0), points[0] + plane.directions.T @ [2.0, -3.0])
    by_least_squares = np.linalg.lstsq(plane.directions.T, (points - points[0]).T)[0].T
    assert_allclose(plane.project(points), by_least_squares, atol=1e-12)
    assert_allclose(plane.project([plane.at(2.0, -3.0)]), [[2.0, -3.0]])
    norm = plane.restrict(lambda x: float(np.linalg.norm(x)))
    assert norm(np.array([2.0, -3.0])) == pytest.approx(np.linalg.norm(plane.at(2.0, -3.0)))


def test_share_of_the_variance(points):
    pca = PCA(2).fit(points)
    plane = Plane(points[0], pca.components_ * [[2.0], [0.5]])
    assert plane.share(points) == pytest.approx(pca.explained_variance_ratio_.sum())
    inside = np.array([plane.at(a, b) for a, b in ((0, 0), (1, 2), (3, -1))])
    assert plane.share(inside) == pytest.approx(1.0)
    assert plane.share(inside[:1]) == 1.0


def test_the_plane_of_a_path(points):
    plane = path_plane(points)
    away = points - points[-1]
    assert_array_equal(plane.origin, points[-1])
    assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    values, vectors = np.linalg.eigh(away.T @ away)
    for k, direction in enumerate(plane.directions):
        assert abs(vectors[:, -1 - k] @ direction) == pytest.approx(1.0)
    seen = plane.project(points)
    assert (seen[0] > 0).all()
    assert_allclose((seen**2).sum(axis=0), values[[-1, -2]])
    # No plane through the end is nearer to the path: the rest is what the other components have.
    rest = np.sum((away - seen @ plane.directions) ** 2)
    assert rest == pytest.approx(values[:-2].sum())


def test_a_plane_through_three_points(points):
    a, b, c = points[[0, 4, 7]]
    plane = plane_through(a, b, c)
    assert_allclose(plane.project([a, b, c]), [[0, 0], [1, 0], [0, 1]], atol=1e-12)
    assert_allclose(plane.at(1, 0), b)
    assert_allclose(plane.at(0, 1), c)


def test_refusals(loss, points):
    with pytest.raises(TypeError, match=r"loss must be a steepest.calculus.NetworkLoss; got int"):
        random_plane(3)
    with pytest.raises(ValueError, match="seed must be"):
        random_plane(loss, seed=-1)
    with pytest.raises(ValueError, match="must not be 0 or parallel"):
        random_plane(loss, np.zeros_like(loss.parameters))
    with pytest.raises(ValueError, match=r"parameters must have shape"):
        random_plane(loss, np.ones(3))
    with pytest.raises(ValueError, match="points must be at least three"):
        path_plane(points[:2])
    with pytest.raises(ValueError, match="points must not lie on one line"):
        path_plane(np.outer(np.arange(5.0), np.ones(4)))
    with pytest.raises(ValueError, match=r"points must have shape \(k, m\)"):
        path_plane(points[0])
    with pytest.raises(ValueError, match="points must be finite"):
        path_plane(np.full((4, 4), np.nan))
    with pytest.raises(ValueError, match=r"second must have shape \(9,\); got shape \(8,\)"):
        plane_through(points[0], points[1], points[2, :8])
    with pytest.raises(ValueError, match="must not be 0 or parallel"):
        plane_through(points[0], points[1], 2 * points[1] - points[0])
    with pytest.raises(ValueError, match=r"directions must have shape \(2, 9\)"):
        Plane(points[0], points[:3])
    plane = path_plane(points)
    with pytest.raises(ValueError, match=r"points must have shape \(k, 9\); got shape \(1, 3\)"):
        plane.project(np.ones((1, 3)))
