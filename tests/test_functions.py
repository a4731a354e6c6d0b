"""Test functions: against the published formulas in mpmath, SciPy's Rosenbrock, and descents on them."""

from __future__ import annotations

import dataclasses
import itertools
import math

import matplotlib
import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import rosen, rosen_der, rosen_hess
from tolerances import assert_close, tolerance

import steepest as st
from steepest.calculus import check_gradient
from steepest.functions import (
    Ackley,
    Beale,
    Booth,
    DoubleWell,
    GaussianWell,
    Himmelblau,
    MonkeySaddle,
    Plateau,
    Quadratic,
    Rastrigin,
    Rosenbrock,
    Saddle,
    Sphere,
    StyblinskiTang,
    ThreeHumpCamel,
    all_functions,
)

matplotlib.use("Agg")

pi, e = mpmath.pi, mpmath.e

# The formulas as the literature prints them, for mpmath to evaluate and to differentiate.
FORMULAS = {
    "sphere": lambda *x: sum(t**2 for t in x),
    "Rosenbrock": lambda *x: sum(
        100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in itertools.pairwise(x)
    ),
    "Styblinski-Tang": lambda *x: sum(t**4 - 16 * t**2 + 5 * t for t in x) / 2,
    "Rastrigin": lambda *x: 10 * len(x) + sum(t**2 - 10 * mpmath.cos(2 * pi * t) for t in x),
    "Ackley": lambda *x: (
        -20 * mpmath.exp(-mpmath.sqrt(sum(t**2 for t in x) / len(x)) / 5)
        - mpmath.exp(sum(mpmath.cos(2 * pi * t) for t in x) / len(x))
        + 20
        + e
    ),
    "Gaussian well": lambda *x: 1 - mpmath.exp(-sum(t**2 for t in x) / 2),
    "Booth": lambda x, y: (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2,
    "Beale": lambda x, y: (
        (mpmath.mpf("1.5") - x + x * y) ** 2
        + (mpmath.mpf("2.25") - x + x * y**2) ** 2
        + (mpmath.mpf("2.625") - x + x * y**3) ** 2
    ),
    "Himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "three-hump camel": lambda x, y: 2 * x**2 - mpmath.mpf("1.05") * x**4 + x**6 / 6 + x * y + y**2,
    "saddle": lambda x, y: x**2 - y**2,
    "double well": lambda x, y: x**2 / 2 + (y**2 - 1) ** 2 / 4,
    "monkey saddle": lambda x, y: x**3 - 3 * x * y**2,
    "plateau": lambda x, y: mpmath.quad(lambda t: t * ((t - 3) ** 2 + D * D), [0, x]) + y**2 / 2,
}
D = mpmath.mpf(0.05)  # the plateau's delta, as the float that it is

MORE = [
    *(cls(n) for cls in (Sphere, Rosenbrock, StyblinskiTang, Rastrigin) for n in (3, 5)),
    Ackley(3),
    GaussianWell(3),
    *(cls(1) for cls in (Sphere, StyblinskiTang, Rastrigin, Ackley, GaussianWell)),
]
EVERY = [*all_functions(), *MORE]
every = pytest.mark.parametrize("f", EVERY, ids=repr)


def points(f, count, seed=3):
    low, high = np.transpose(f.domain)
    return np.random.default_rng(seed).uniform(low, high, (count, f.n))


def size(f, of):
    """The largest entry over the domain: what was added up is of that order, however it cancels."""
    return float(np.abs(of(points(f, 1000, seed=1))).max())


# --- values and derivatives -----------------------------------------------------------------------


@pytest.mark.parametrize("f", [f for f in EVERY if f.name in FORMULAS], ids=repr)
def test_against_the_published_formula(f):
    formula = FORMULAS[f.name]
    slope_size, bend_size = size(f, f.gradient), size(f, f.hessian)
    with mpmath.workdps(40):
        for x in points(f, 3):
            at = [mpmath.mpf(t) for t in x]

            def derivative(*axes, at=at):
                orders = tuple(axes.count(i) for i in range(f.n))
                return float(
                    mpmath.diff(formula, at, orders)
                    if f.n > 1
                    else mpmath.diff(formula, *at, *orders)
                )

            def close(actual, desired, scale):
                assert_close(actual, desired, np.float64, "transcendental", scale=scale)

            close(f(x), float(formula(*at)), size(f, f))
            close(f.gradient(x), [derivative(i) for i in range(f.n)], slope_size)
            second = [[derivative(i, j) for j in range(f.n)] for i in range(f.n)]
            close(f.hessian(x), second, bend_size)


@every
def test_gradients_are_those_of_the_values_and_hessians_those_of_the_gradients(f):
    for x in points(f, 4):
        found = check_gradient(f, f.gradient, x)
        assert found, found.message
        hessian = f.hessian(x)
        assert_array_equal(hessian, hessian.T)
        for i in range(f.n):
            row = check_gradient(lambda x, i=i: f.gradient(x)[i], hessian[i], x)
            assert row, row.message


@pytest.mark.parametrize("n", [2, 3, 4, 8])
def test_rosenbrock_is_scipys(n):
    f = Rosenbrock(n)
    for x in points(f, 5):
        scale = 3 * size(f, f)
        assert_close(f(x), rosen(x), np.float64, "reduction", n, scale=scale)
        assert_close(f.gradient(x), rosen_der(x), np.float64, "elementwise", scale=scale)
        assert_close(f.hessian(x), rosen_hess(x), np.float64, "elementwise", scale=scale)


@pytest.mark.parametrize("rotated", [True, False])
@pytest.mark.parametrize(("n", "condition"), [(1, 7.0), (2, 100.0), (5, 1e4), (10, 1.0)])
def test_quadratic_has_the_condition_number_that_was_asked_for(n, condition, rotated):
    f = Quadratic(n, condition, rotated)
    bound = tolerance(np.float64, "matmul chain", (n, n))["rtol"] * condition
    found = np.linalg.eigvalsh(f.matrix)
    assert_allclose(found, f.eigenvalues, rtol=0, atol=bound)
    assert f.eigenvalues[-1] == pytest.approx(condition)
    if n > 1:
        assert f.eigenvalues[0] == 1.0
    x = points(f, 1)[0]
    assert f(x) == pytest.approx(x @ f.matrix @ x / 2, rel=bound)
    assert_allclose(f.gradient(x), f.matrix @ x, rtol=0, atol=10 * bound)
    assert_array_equal(f.hessian(x), f.matrix)
    off_diagonal = f.matrix - np.diag(np.diag(f.matrix))
    assert (np.abs(off_diagonal).max() > bound) == (rotated and n > 1 and condition > 1)


# --- minima, saddles and domains ------------------------------------------------------------------


def stationary(f, x):
    """Assert that the gradient is 0 as far as the rounding of x lets it be; return the curvatures."""
    hessian = f.hessian(x)
    reach = np.abs(hessian).sum(axis=-1).max() * max(1.0, np.abs(x).max())
    assert_close(f.gradient(x), np.zeros(f.n), np.float64, "elementwise", scale=reach)
    return np.linalg.eigvalsh(hessian)


ALL_DIMENSIONS = [*EVERY, *(Rosenbrock(n) for n in (4, 6, 7, 8)), Quadratic(4, 1e6)]


@pytest.mark.parametrize("f", ALL_DIMENSIONS, ids=repr)
def test_minima_are_minima(f):
    for x, value in f.minima + f.local_minima:
        assert f(x) == value
        if isinstance(f, Ackley):  # the tip of a cone
            assert_array_equal(f.gradient(x), np.zeros(f.n))
            assert np.isnan(f.hessian(x)).any()
        else:
            assert (stationary(f, x) > 0).all()
        around = x + 1e-3 * np.random.default_rng(0).normal(size=(100, f.n))
        assert (f(around) > value).all()
    known = {StyblinskiTang: -39.16616570377142 * f.n}.get(type(f), 0.0)
    for _, value in f.minima:  # equal up to the rounding of coordinates of about 4
        assert value == pytest.approx(known, rel=1e-14, abs=1e-28)
    for _, value in f.local_minima:
        assert value > known + 0.1


@every
def test_nothing_in_the_domain_is_below_the_minimum(f):
    if f.minima:
        assert f(points(f, 20_000)).min() > f.minima[0].value
        low, high = np.transpose(f.domain)
        for x, _ in f.minima:
            assert ((low < x) & (x < high)).all()


@every
def test_saddles_have_a_way_down(f):
    for x, value in f.saddles:
        assert f(x) == value
        curvatures = stationary(f, x)
        if f.name == "monkey saddle":
            assert_array_equal(curvatures, [0.0, 0.0])
        else:
            assert curvatures[0] < 0 < curvatures[-1]


def test_all_four_minima_of_himmelblau_and_the_counts_of_the_others():
    assert len({tuple(np.sign(x)) for x, _ in Himmelblau().minima}) == 4
    assert len(Himmelblau().saddles) == 4
    assert not Saddle().minima
    assert not MonkeySaddle().minima
    assert len(StyblinskiTang(3).local_minima) == len(StyblinskiTang(3).saddles) == 3
    assert len(Rastrigin(3).local_minima) == 6
    assert not Rosenbrock(3).local_minima


@pytest.mark.parametrize("k", [0, 1, -1, 5, -17, 31])
def test_rastrigins_local_minima(k):
    x, value = Rastrigin(1).local_minimum([k])
    with mpmath.workdps(40):
        near = k - mpmath.asin(mpmath.mpf(k) / (10 * pi)) / (2 * pi) * mpmath.mpf("0.99")
        root = mpmath.findroot(lambda t: 2 * t + 20 * pi * mpmath.sin(2 * pi * t), near)
    # sin loses the digits of its argument, 2 pi k
    assert x[0] == pytest.approx(float(root), rel=1e-14, abs=1e-15)
    assert Rastrigin(1).hessian(x)[0, 0] > 0
    assert value == Rastrigin(1)(x)


def test_small_values_keep_their_digits():
    """1 - cos and 1 - exp would cancel to nothing."""
    with mpmath.workdps(60):
        for f in (Rastrigin(), Ackley(), GaussianWell(), Plateau()):
            x = np.array([3e-9, -2e-9])
            exact = float(FORMULAS[f.name](*map(mpmath.mpf, x)))
            assert_close(f(x), exact, np.float64, "transcendental", scale=0)


# --- how points are given -------------------------------------------------------------------------


@every
def test_leading_axes_and_grids(f):
    x = points(f, 6).reshape(2, 3, f.n)
    values, gradients, hessians = f(x), f.gradient(x), f.hessian(x)
    assert values.shape == (2, 3)
    assert gradients.shape == (2, 3, f.n)
    assert hessians.shape == (2, 3, f.n, f.n)
    within = {"dtype": np.float64, "operation": "reduction", "length": f.n * f.n}
    for i in np.ndindex(2, 3):
        assert type(f(x[i])) is float
        assert_close(values[i], f(x[i]), scale=size(f, f), **within)
        assert_close(gradients[i], f.gradient(x[i]), scale=size(f, f.gradient), **within)
        assert_close(hessians[i], f.hessian(x[i]), scale=size(f, f.hessian), **within)
    if f.n > 1:
        grids = [x[..., i] for i in range(f.n)]
        assert_array_equal(f(*grids), values)
        assert_array_equal(f.gradient(*grids), gradients)
        assert_array_equal(f.hessian(*grids), hessians)
    assert f(x[:0]).shape == (0, 3)


@every
def test_float32_stays_float32(f):
    x = points(f, 5).astype(np.float32)
    assert f(x).dtype == f.gradient(x).dtype == f.hessian(x).dtype == np.float32
    assert f.gradient(x[0]).dtype == f.hessian(x[0]).dtype == np.float32
    scale = size(f, f.gradient) + size(f, f)
    assert_close(f(x), f(x.astype(float)), np.float32, "transcendental", scale=scale)
    assert f.gradient(np.zeros(f.n, dtype=int)).dtype == np.float64


@every
def test_points_that_do_not_fit(f):
    with pytest.raises(ValueError, match=rf"x must be points of {f.n} variables"):
        f(np.zeros(f.n + 1))
    with pytest.raises(ValueError, match=r"got shape \(\)"):
        f.gradient(1.0)
    with pytest.raises(TypeError, match="x must be an array of numbers"):
        f.hessian(["a"] * f.n)
    with pytest.raises(ValueError, match="x must be real"):
        f(np.zeros(f.n) * 1j)
    with pytest.raises(ValueError, match="one array for each variable, of equal shape"):
        f(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match=rf"points of {f.n} variables.*got {f.n + 1} arrays"):
        f(*np.zeros((f.n + 1, 4)))


def test_parameters_that_do_not_fit():
    with pytest.raises(ValueError, match="n must be an integer >= 2, but is 1"):
        Rosenbrock(1)
    with pytest.raises(TypeError, match="n must be an integer >= 1"):
        Sphere(2.5)
    with pytest.raises(ValueError, match="condition must be a finite number >= 1"):
        Quadratic(2, 0.5)
    with pytest.raises(TypeError, match="rotated must be True or False"):
        Quadratic(2, 10.0, "yes")
    with pytest.raises(ValueError, match="delta must be a finite number > 0"):
        Plateau(0.0)
    with pytest.raises(ValueError, match="cell must be an integer >= -31 and <= 31, but is 32"):
        Rastrigin().local_minimum([32, 0])
    with pytest.raises(ValueError, match="cell must have 2 entries"):
        Rastrigin().local_minimum([1])


def test_they_are_values():
    assert Rosenbrock(3) == Rosenbrock(3) != Rosenbrock(4)
    assert Quadratic(2, 10) == Quadratic(2, 10.0)
    assert hash(Plateau()) == hash(Plateau(0.05))
    assert repr(Quadratic(3, 10.0)) == "Quadratic(n=3, condition=10.0, rotated=True)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Rosenbrock().n = 3
    x, value = Booth().minima[0]
    x[:] = 7.0  # a copy of one's own
    assert Booth().minima[0].x[0] == 1.0
    assert value == 0.0
    matrix = Quadratic().matrix
    matrix[:] = 0.0
    assert Quadratic().gradient([1.0, 0.0]).any()
    assert len({f.name for f in all_functions()}) == len(all_functions())


# --- in use ---------------------------------------------------------------------------------------


def test_minimize_takes_the_gradient_from_the_function():
    f, start = Himmelblau(), [0.5, 0.5]
    alone = st.minimize(f, start, optimizer=st.SGD(0.01))
    given = st.minimize(f, start, grad=f.gradient, optimizer=st.SGD(0.01))
    assert_array_equal(alone.x, given.x)
    assert alone.n_function_calls == alone.n_evaluations
    assert_allclose(alone.x, f.minima[0].x, atol=1e-8)
    # A gradient that is given goes before the function's own.
    stuck = st.minimize(f, start, grad=lambda x: np.zeros(2))
    assert stuck.n_steps == 0


def test_a_descent_that_runs_away_ends_without_a_warning():
    result = st.minimize(Rosenbrock(), [-1.2, 1.0], optimizer=st.SGD(1.0))
    assert result.status == "diverged"


@pytest.mark.parametrize("f", all_functions(), ids=repr)
def test_contours_can_be_drawn(f):
    ax = st.plot.contour(f, *f.domain, resolution=9)
    matplotlib.pyplot.close(ax.figure)


# --- what they are for: local minima, saddles, plateaus, and momentum -----------------------------


def first_step(f, start, optimizer, reached):
    """Return the number of steps until ``reached(x)``."""
    result = st.minimize(
        f, start, optimizer=optimizer, gtol=0.0, callback=lambda p: bool(reached(p.x))
    )
    assert result.status == "callback"
    return result.n_steps


def test_descent_ends_in_the_nearest_local_minimum_and_momentum_rolls_out_of_it():
    f, start = ThreeHumpCamel(), [2.2, 1.0]
    plain = st.minimize(f, start, optimizer=st.SGD(0.01))
    heavy = st.minimize(f, start, optimizer=st.Momentum(0.01, momentum=0.9))
    assert plain.converged
    assert heavy.converged
    assert_allclose(plain.x, f.local_minima[0].x, atol=1e-8)
    assert_allclose(heavy.x, f.minima[0].x, atol=1e-8)


def test_neither_leaves_a_local_minimum_where_the_hills_are_too_high():
    f = Rastrigin()
    minimum, value = f.local_minimum([5, 4])
    for optimizer in (st.SGD(0.001), st.Momentum(0.001, momentum=0.9)):
        result = st.minimize(f, [4.9, 3.9], optimizer=optimizer)
        assert_allclose(result.x, minimum, atol=1e-8)
        assert result.fun == pytest.approx(value)


@pytest.mark.parametrize("optimizer", [st.SGD(0.1), st.Momentum(0.1), st.Adam(0.1)])
def test_along_the_ridge_every_descent_ends_in_the_saddle(optimizer):
    f = DoubleWell()
    result = st.minimize(f, [1.0, 0.0], optimizer=optimizer, gtol=1e-10)
    assert result.converged
    assert result.x[1] == 0.0
    assert_allclose(result.x, f.saddles[0].x, atol=1e-9)


@pytest.mark.parametrize("offset", [1e-12, 1e-8, 1e-4])
def test_steps_to_leave_a_saddle(offset):
    r"""y grows by 1 + eta a step, and with momentum by the larger root of z^2 - (1+beta+eta) z + beta.

    That is while y^3 is small against y: up to y = 0.01, where they differ by a relative 1e-4.
    """
    eta, beta = 0.01, 0.9
    total = 1 + beta + eta
    growth = {"plain": 1 + eta, "heavy": (total + math.sqrt(total**2 - 4 * beta)) / 2}
    optimizer = {"plain": st.SGD(eta), "heavy": st.Momentum(eta, momentum=beta)}
    steps = {}
    for kind, rate in growth.items():
        steps[kind] = first_step(
            DoubleWell(), [1.0, offset], optimizer[kind], lambda x: x[1] > 0.01
        )
        # Momentum starts at rest: its growing part is a share of the offset, at least (1 - beta) of it.
        share = 1.0 if kind == "plain" else 1 - beta
        fewest, most = (math.log(0.01 / offset / s) / math.log(rate) for s in (1.1, share))
        assert fewest - 1 <= steps[kind] <= most * 1.001 + 1
    assert steps["heavy"] < steps["plain"] / 4


@pytest.mark.parametrize("delta", [0.1, 0.05, 0.02])
def test_steps_to_cross_a_plateau(delta):
    """A gradient descent needs about pi / (3 delta eta) steps; momentum's do not depend on delta."""
    eta = 0.01
    f, start = Plateau(delta), [4.5, 1.0]
    plain = first_step(f, start, st.SGD(eta), lambda x: x[0] < 1.0)
    # From x = 4.5 to 1 the integral of 1 / f'(x) is pi / (3 delta) but for its ends, 0.5 + 0.7.
    assert plain == pytest.approx(math.pi / (3 * delta) / eta, abs=1.5 / eta)
    heavy = first_step(f, start, st.Momentum(eta, momentum=0.9), lambda x: x[0] < 1.0)
    assert heavy < 50
    assert plain > 15 * heavy


def test_far_from_a_gaussian_well_the_plane_passes_for_a_minimum():
    far = st.minimize(GaussianWell(), [8.0, 0.0], optimizer=st.Momentum(0.5))
    assert far.converged
    assert far.n_steps == 0
    near = st.minimize(GaussianWell(), [2.0, 0.0], optimizer=st.Momentum(0.5))
    assert_allclose(near.x, 0.0, atol=1e-8)


@pytest.mark.parametrize("condition", [10.0, 100.0, 1000.0])
def test_steps_go_with_the_condition_number_and_with_momentum_with_its_root(condition):
    f, root = Quadratic(2, condition), math.sqrt(condition)
    start, shrink = np.array([2.0, 1.0]), 1e-6
    plain = st.SGD(2 / (1 + condition))
    heavy = st.Momentum(4 / (1 + root) ** 2, momentum=((root - 1) / (root + 1)) ** 2)
    steps = [
        first_step(f, start, opt, lambda x: np.linalg.norm(x) < shrink * np.linalg.norm(start))
        for opt in (plain, heavy)
    ]
    expected = math.log(shrink) / math.log((condition - 1) / (condition + 1))
    assert steps[0] == pytest.approx(expected, rel=0.02, abs=1)
    # At the best momentum the matrix of a step has a double eigenvalue: k rho^k instead of rho^k.
    rho = (root - 1) / (root + 1)
    fewest = math.log(shrink) / math.log(rho)
    assert fewest <= steps[1] <= 1.6 * fewest


def test_beale_runs_away_beyond_its_saddle():
    f = Beale()
    away = st.minimize(f, [-1.0, 1.5], optimizer=st.SGD(1e-3), max_steps=20_000)
    assert away.status == "max_steps"
    assert away.x[0] < -3
    assert away.x[1] > 1
    found = st.minimize(f, [1.0, 0.5], optimizer=st.SGD(1e-2), max_steps=20_000)
    assert_allclose(found.x, f.minima[0].x, atol=1e-6)
