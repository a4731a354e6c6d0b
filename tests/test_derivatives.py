"""Jacobians, Hessians, extrapolated and complex-step derivatives, against mpmath and closed forms."""

from __future__ import annotations

import math
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import rosen, rosen_der, rosen_hess
from tolerances import tolerance

from steepest.calculus import (
    Derivative,
    check_gradient,
    complex_step,
    derivative,
    directional_derivative,
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
)
from steepest.functions import all_functions

EPSILON = float(np.finfo(np.float64).eps)
# As in test_calculus: relative to F / s, F the size of f and s the scale on which it changes.
FIRST = tolerance(np.float64, "finite_difference")["atol"]
# Second differences of step h = eps^(1/4): h^2 |f''''| / 12 is cut off, and 4 values are rounded by
# eps F / 2 each and divided by h^2; both are eps^(1/2) F, with the same factor for the powers of two.
SECOND = 10 * EPSILON**0.5


class Counted:
    def __init__(self, f):
        self.f, self.points = f, []

    def __call__(self, x):
        self.points.append(x)
        return self.f(x)


# --- Jacobian -------------------------------------------------------------------------------------


def spherical(p):
    r, theta, phi = p
    return np.array(
        [
            r * np.sin(theta) * np.cos(phi),
            r * np.sin(theta) * np.sin(phi),
            r * np.cos(theta),
        ]
    )


def spherical_jacobian(p):
    r, t, f = p
    st, ct, sf, cf = np.sin(t), np.cos(t), np.sin(f), np.cos(f)
    return [
        [st * cf, r * ct * cf, -r * st * sf],
        [st * sf, r * ct * sf, r * st * cf],
        [ct, -r * st, 0],
    ]


def test_jacobian_of_spherical_coordinates():
    for p in np.random.default_rng(0).uniform(0, 2, (10, 3)):
        found = jacobian(spherical, p)
        assert_allclose(found, spherical_jacobian(p), rtol=0, atol=FIRST * 2)
        assert np.linalg.det(found) == pytest.approx(p[0] ** 2 * np.sin(p[1]), abs=FIRST * 20)


def test_jacobian_of_a_linear_map_is_its_matrix():
    matrix = np.random.default_rng(1).integers(-9, 9, (4, 3)).astype(float)
    assert_array_equal(jacobian(lambda x: matrix @ x, [1.0, -2.0, 3.0]), matrix)


@pytest.mark.parametrize("inner", [(), (3,), (2, 2)])
@pytest.mark.parametrize("outer", [(), (1,), (2, 3)])
def test_shapes_of_jacobians(inner, outer):
    rng = np.random.default_rng(2)
    weights = rng.normal(size=outer + inner)
    f = Counted(lambda x: np.tensordot(weights, np.asarray(x) ** 2, axes=len(inner)))
    x = rng.normal(size=inner)
    found = jacobian(f, x)
    assert found.shape == outer + inner
    assert_allclose(found, weights * 2 * x, rtol=0, atol=FIRST * 50)
    assert len(f.points) == 2 * x.size
    assert all(type(p) is np.ndarray and p.shape == inner for p in f.points)
    assert_allclose(
        complex_step(f, x),
        weights * 2 * x,
        rtol=0,
        atol=tolerance(float, "reduction", 4)["atol"] * 4,
    )


def test_jacobian_of_a_gradient_is_the_hessian_and_of_a_function_the_gradient():
    x = np.array([-1.2, 1.0, 0.5])
    assert_array_equal(jacobian(rosen, x), gradient(rosen, x))
    assert_allclose(jacobian(rosen_der, x), rosen_hess(x), rtol=0, atol=FIRST * 5000)


# --- Hessian and its products ---------------------------------------------------------------------


def hessian_size(x):
    """The size of rosen and of its gradient where differences reach, on the scale max(1, |x|)."""
    return 1500 * (np.abs(x).max() + 1) ** 4 * len(x)


@pytest.mark.parametrize("m", [2, 3, 6])
def test_hessian_of_rosenbrock(m):
    for x in np.random.default_rng(m).uniform(-2, 2, (5, m)):
        exact, size = rosen_hess(x), hessian_size(x)
        by_values, by_gradients = hessian(rosen, x), hessian(rosen, x, rosen_der)
        assert_allclose(by_values, exact, rtol=0, atol=SECOND * size)
        assert_allclose(by_gradients, exact, rtol=0, atol=FIRST * size)
        for found in (by_values, by_gradients):
            assert_array_equal(found, found.T)
        for v in np.random.default_rng(3).normal(size=(3, m)):
            along = np.abs(v).sum()
            product = hessian_vector_product(rosen, x, v)
            assert_allclose(product, exact @ v, rtol=0, atol=SECOND * size * along)
            product = hessian_vector_product(rosen, x, v, rosen_der)
            assert_allclose(product, exact @ v, rtol=0, atol=FIRST * size * along)
            curvature = directional_derivative(rosen, x, v, order=2)
            assert curvature == pytest.approx(v @ exact @ v, rel=1e-9, abs=FIRST * size)


@pytest.mark.parametrize("f", all_functions(), ids=repr)
def test_hessians_of_the_test_functions(f):
    low, high = np.transpose(f.domain)
    x = np.random.default_rng(4).uniform(low, high, f.n)
    # Differences see how f bends on its own scale: waves of length 1 are the shortest here.
    size = (abs(f(x)) + np.abs(f.gradient(x)).max() + np.abs(f.hessian(x)).max()) * (
        2 * math.pi
    ) ** 2
    size *= max(1.0, np.abs(x).max()) ** 2
    assert_allclose(hessian(f, x), f.hessian(x), rtol=0, atol=SECOND * size)
    assert_allclose(hessian(f, x, f.gradient), f.hessian(x), rtol=0, atol=FIRST * size)
    v = np.array([1.0, -2.0])
    assert_allclose(
        hessian_vector_product(f, x, v, f.gradient), f.hessian(x) @ v, rtol=0, atol=3 * FIRST * size
    )


def test_quadratics_of_short_numbers_are_exact():
    def f(x):
        return x[0] ** 2 + x[1] ** 2 + x[0] * x[1]

    def grad(x):
        return [2 * x[0] + x[1], 2 * x[1] + x[0]]

    for given in (None, grad):
        assert_array_equal(hessian(f, [1, 3], given), [[2, 1], [1, 2]])
        assert_array_equal(hessian_vector_product(f, [1, 3], [1, -1], given), [1, -1])
    assert directional_derivative(f, [1, 3], [1, -1], order=2) == 2.0


def test_evaluations_of_second_derivatives():
    f, g = Counted(rosen), Counted(rosen_der)
    x, v = np.linspace(-1, 1, 5), np.ones(5)
    for call, of_f, of_g in [
        (lambda: hessian(f, x), 51, 0),
        (lambda: hessian(f, x, g), 0, 10),
        (lambda: hessian_vector_product(f, x, v), 20, 0),
        (lambda: hessian_vector_product(f, x, v, g), 0, 2),
        (lambda: hessian_vector_product(f, x, 0 * v), 0, 0),
    ]:
        f.points.clear()
        g.points.clear()
        call()
        assert (len(f.points), len(g.points)) == (of_f, of_g)


def test_hessian_at_points_of_any_shape():
    x = np.arange(1.0, 7.0).reshape(2, 3)
    found = hessian(lambda x: (x**3).sum(), x)
    assert found.shape == (2, 3, 2, 3)
    expected = np.diag(6 * x.reshape(-1))
    assert_allclose(found.reshape(6, 6), expected, rtol=0, atol=SECOND * 1000)
    product = hessian_vector_product(lambda x: (x**3).sum(), x, x)
    assert_allclose(product, 6 * x * x, rtol=0, atol=SECOND * 10_000)
    assert hessian(lambda x: x**3, 2.0).shape == ()
    assert float(hessian(lambda x: x**3, 2.0)) == pytest.approx(12, abs=SECOND * 30)


@pytest.mark.parametrize("size", [1e-300, 1e-20, 1e20, 1e300])
def test_length_of_the_vector_counts_and_does_no_harm(size):
    x, v = np.array([0.5, -0.5]), np.array([3.0, -4.0])
    expected = rosen_hess(x) @ v
    for grad, bound in ((None, SECOND), (rosen_der, FIRST)):
        product = hessian_vector_product(rosen, x, v * size, grad) / size
        assert_allclose(product, expected, rtol=0, atol=bound * 1e5)


# --- Richardson -----------------------------------------------------------------------------------

SMOOTH = {
    "sin": (np.sin, mpmath.sin, (0.0, 1.0, 1.5707963267948966, 30.0)),
    "exp": (np.exp, mpmath.exp, (-3.0, 0.0, 1.0, 5.0)),
    "log": (np.log, mpmath.log, (0.01, 0.3, 1.0, 7.0, 1e6)),
    "sqrt": (np.sqrt, mpmath.sqrt, (0.05, 1.0, 2.0, 100.0)),
    "runge": (lambda t: 1 / (1 + 25 * t * t), lambda t: 1 / (1 + 25 * t * t), (-1.0, 0.0, 0.1)),
    "tan": (np.tan, mpmath.tan, (0.0, 1.0, 1.5)),
    "quintic": (lambda t: t**5 - 3 * t, lambda t: t**5 - 3 * t, (0.0, -1.3, 10.0)),
    "wave": (
        lambda t: np.sin(2 * np.pi * t),
        lambda t: mpmath.sin(2 * mpmath.pi * t),
        (0.0, 0.25, 1.0, 2.7),
    ),
    "fast": (lambda t: np.cos(50 * t), lambda t: mpmath.cos(50 * t), (0.0, 0.3, 1.0)),
    "bell": (lambda t: np.exp(-t * t), lambda t: mpmath.exp(-t * t), (0.0, 0.7, 5.0)),
}


# Widths of several periods see next to nothing of a wave, and say so with great confidence: sin at
# 30, cos(50 t), and tan close to its pole are here because they were wrong once.
@pytest.mark.parametrize("order", range(1, 7))
@pytest.mark.parametrize("name", SMOOTH)
def test_the_error_is_within_its_estimate(name, order):
    f, exact_f, points = SMOOTH[name]
    for x in points:
        with mpmath.workdps(60):
            exact = float(mpmath.diff(exact_f, mpmath.mpf(x), order))
        found = derivative(f, x, order)
        assert abs(found.value - exact) <= found.error, (x, found, exact)


@pytest.mark.parametrize(("order", "digits"), [(1, 13), (2, 12), (3, 11), (4, 9), (5, 7), (6, 7)])
def test_digits_of_a_smooth_function(order, digits):
    """The docstring's promise: 13 digits, 12, and one or two less for each further order."""
    for x in np.linspace(-1, 1, 21):
        found = derivative(np.exp, x, order)
        assert abs(found.value / math.exp(x) - 1) <= 10.0**-digits
        assert found.error <= 10.0 ** (2 - digits) * math.exp(x)


def test_polynomials_are_exact_but_for_rounding():
    for order in range(1, 6):
        found = derivative(lambda t, k=order: t**k, 2.0, order)
        assert found.value == pytest.approx(math.factorial(order), rel=1e-10)


def test_derivative_result():
    found = derivative(np.sin, 1.0)
    assert isinstance(found, Derivative)
    assert float(found) == found.value
    assert found.order == 1
    f = Counted(np.sin)
    assert derivative(f, 1.0, 3).n_evaluations == len(f.points)
    assert all(type(p) is np.ndarray and p.shape == () for p in f.points)
    assert derivative(np.sin, [1.0]).value == found.value
    assert derivative(lambda t: 3.0, 1.0).value == 0.0
    assert derivative(lambda t: 3.0, 1.0).error < 1e-13


def test_width():
    f = Counted(np.sin)
    derivative(f, 1.0, step=0.5)
    assert_array_equal(f.points[:4], [1.25, 0.75, 1.125, 0.875])
    # A function that changes a billion times faster than its argument's size.
    fast = derivative(lambda t: np.sin(1e9 * t), 0.0, step=1e-9)
    assert fast.value == pytest.approx(1e9, rel=1e-12)


def test_widths_whose_powers_overflow_are_refused_not_taken_for_zero():
    with pytest.raises(ValueError, match="f isn't finite around x"):
        derivative(lambda t: t, 1e200, 2)
    assert derivative(lambda t: t, 1e200).value == pytest.approx(1.0, rel=1e-12)


def test_a_kink_shows_in_a_large_error_beside_it_and_from_either_side():
    assert derivative(np.abs, 0.0, side="left").value == pytest.approx(-1, abs=1e-9)
    assert derivative(np.abs, 0.0, side="right").value == pytest.approx(1, abs=1e-9)
    beside = derivative(np.abs, 1e-3)
    assert abs(beside.value - 1) <= beside.error


@pytest.mark.parametrize(
    ("f", "x", "side", "exact"),
    [
        (lambda t: t**1.5, 0.0, "right", 0.0),
        (np.exp, 0.0, "right", 1.0),
        (np.exp, 0.0, "left", 1.0),
        (lambda t: np.arccos(t) ** 2, 1.0, "left", -2.0),
        (lambda t: np.sqrt(1 + t), 0.0, "right", 0.5),
    ],
)
def test_one_sided(f, x, side, exact):
    """These are SciPy's numbers; no evaluation is on the other side."""
    counted = Counted(f)
    found = derivative(counted, x, side=side, step=0.25)
    sign = 1 if side == "right" else -1
    assert all(sign * (p - x) >= 0 for p in counted.points)
    assert found.n_evaluations == len(counted.points)
    assert abs(found.value - exact) <= max(10 * found.error, 1e-9)


def test_one_sided_first_order_only_and_messages():
    with pytest.raises(ValueError, match="order must be 1 on one side; got 2 with side='left'"):
        derivative(np.sin, 1.0, 2, side="left")
    with pytest.raises(ValueError, match="side must be one of 'both', 'left', 'right'"):
        derivative(np.sin, 1.0, side="up")
    with pytest.raises(ValueError, match="f isn't finite on the left of x = 0"):
        derivative(lambda t: math.nan if t < 0 else float(t), 0.0, side="left")
    with pytest.raises(ValueError, match=r'f isn\'t finite around x = 0.*side="left"'):
        derivative(np.sqrt, 0.0)


# --- directional derivatives of any order ---------------------------------------------------------


@pytest.mark.parametrize("order", range(1, 6))
def test_directional_derivatives_of_any_order(order):
    """Along v, exp(a x) has the derivatives (a v)^k exp(a x)."""
    a, x, v = np.array([0.5, -1.0, 0.25]), np.array([0.3, 0.2, -2.0]), np.array([1.0, 2.0, -4.0])

    def f(x):
        return math.exp(a @ x)

    exact = (a @ v) ** order * f(x)
    scale = float(np.abs(a * v).sum() ** order) * f(x)
    found = directional_derivative(f, x, v, order=order)
    assert found == pytest.approx(exact, abs=scale * max(FIRST, 10.0 ** (order - 13)))
    length = np.linalg.norm(v)
    normalized = directional_derivative(f, x, v, order=order, normalize=True)
    assert normalized == pytest.approx(found / length**order, rel=1e-12)
    longer = directional_derivative(f, x, 8 * v, order=order)
    assert longer == pytest.approx(found * 8**order, rel=1e-12)


def test_higher_orders_along_an_axis_are_those_of_one_variable():
    found = directional_derivative(lambda x: np.sin(x[0]) * x[1], [1.0, 2.0], [1, 0], order=3)
    assert found == pytest.approx(-2 * math.cos(1.0), abs=1e-10)
    mixed = directional_derivative(lambda x: x[0] * x[1] ** 2, [3.0, 5.0], [1.0, 1.0], order=3)
    assert mixed == pytest.approx(6.0, rel=1e-10)
    assert directional_derivative(np.sum, [1.0, 2.0], [0, 0], order=3) == 0.0


# --- complex step ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sin", "exp", "log", "sqrt", "runge", "quintic", "bell"])
def test_complex_step_is_right_to_the_last_digits(name):
    f, exact_f, points = SMOOTH[name]
    for x in points:
        with mpmath.workdps(40):
            exact = float(mpmath.diff(exact_f, mpmath.mpf(x)))
        bound = tolerance(float, "transcendental")["rtol"]
        # sin and exp of a large argument are as wrong as that is rounded, by no more than |x| eps.
        assert float(complex_step(f, x)) == pytest.approx(exact, rel=bound, abs=bound * 1e-10)


def test_complex_step_of_rosenbrock_and_of_spherical_coordinates():
    def rosenbrock(x):  # SciPy's own
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    for x in np.random.default_rng(0).uniform(-2, 2, (5, 4)):
        bound = tolerance(float, "reduction", 4)["atol"] * 5000
        assert_allclose(complex_step(rosenbrock, x), rosen_der(x), rtol=0, atol=bound)
        assert complex_step(rosenbrock, x, x) == pytest.approx(rosen_der(x) @ x, abs=4 * bound)
    p = np.array([1.5, 0.5, 2.0])
    bound = tolerance(float, "transcendental")["atol"] * 2
    assert_allclose(complex_step(spherical, p), spherical_jacobian(p), rtol=0, atol=bound)
    v = np.array([1e300, -1e300, 0.0])
    expected = spherical_jacobian(p) @ (v / 1e300)
    assert_allclose(complex_step(spherical, p, v) / 1e300, expected, rtol=0, atol=2 * bound)
    assert_array_equal(complex_step(spherical, p, np.zeros(3)), np.zeros(3))


def test_a_function_that_is_not_analytic_is_refused_or_found_out():
    with pytest.raises(TypeError, match=r"must return complex numbers.*dtype float64"):
        complex_step(lambda x: np.abs(x).sum(), [1.0, 2.0])

    def hidden(x):
        return np.vdot(x, x) + x[0]

    with np.errstate(all="ignore"):
        found = check_gradient(
            lambda x: float(hidden(x)), lambda x: complex_step(hidden, x), [1, 2]
        )
    assert not found


# --- refusals -------------------------------------------------------------------------------------

every = pytest.mark.parametrize(
    "call",
    [
        jacobian,
        hessian,
        lambda f, x: hessian(f, x, grad=f),
        lambda f, x: hessian_vector_product(f, x, np.ones(np.shape(x))),
        lambda f, x: hessian_vector_product(f, x, np.ones(np.shape(x)), f),
        lambda f, x: directional_derivative(f, x, np.ones(np.shape(x)), order=2),
        complex_step,
    ],
    ids=[
        "jacobian",
        "hessian",
        "of gradient",
        "product",
        "product of gradient",
        "order 2",
        "complex",
    ],
)


@every
def test_arguments_that_do_not_fit(call):
    with pytest.raises(TypeError, match="f must be callable"):
        call([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"x has no entries: its shape is \(0,\)"):
        call(np.sum, np.empty(0))
    with pytest.raises(ValueError, match=r"x must be finite; x\[1\] is nan"):
        call(np.sum, [1.0, math.nan])
    with pytest.raises(TypeError, match="x must hold real numbers"):
        call(np.sum, [1j, 2])


def test_values_that_do_not_fit():
    x = [1.0, 2.0]
    with pytest.raises(TypeError, match="f must return real numbers; it returned None"):
        jacobian(lambda x: None, x)
    with pytest.raises(TypeError, match="f must return real numbers; it returned dtype complex128"):
        jacobian(lambda x: x * 1j, x)
    with pytest.raises(ValueError, match=r"f returned nan \(in f\(x\)\[1\]\) close to x"):
        jacobian(lambda x: [1.0, math.nan], x)
    with pytest.raises(ValueError, match=r"arrays of one shape; it returned \(1,\) and \(2,\)"):
        jacobian(lambda x: np.ones(1 + (x[0] < 1)), x)
    with pytest.raises(
        ValueError, match=r"grad must have the shape of x, \(2,\); got shape \(3,\)"
    ):
        hessian(rosen, x, lambda x: np.ones(3))
    with pytest.raises(TypeError, match="grad must be callable"):
        hessian(rosen, x, rosen_der(np.array(x)))
    with pytest.raises(ValueError, match="f returned nan at x itself"):
        hessian(lambda x: math.nan, x)
    with pytest.raises(ValueError, match=r"f returned inf at distance .* from x"):
        hessian(lambda x: math.inf if x[0] > 1 else 1.0, x)
    with pytest.raises(ValueError, match=r"f returned nan at distance .* from x"):
        hessian_vector_product(lambda x: math.nan, x, x)
    with pytest.raises(ValueError, match="f isn't finite around x along v"):
        directional_derivative(lambda x: math.nan, x, x, order=2)
    with pytest.raises(ValueError, match=r"f\(x\)\[1\] is .*; it must be finite"):
        complex_step(lambda x: np.array([1.0, math.inf], dtype=complex), x)
    with pytest.raises(ValueError, match="arrays of one shape"):
        complex_step(lambda x: np.ones(1 + (x[0].imag > 0)) * 1j, x)


def test_vectors_orders_and_steps_that_do_not_fit():
    with pytest.raises(ValueError, match=r"v must have the shape of x, \(2,\); got shape \(3,\)"):
        hessian_vector_product(rosen, [1, 3], [1, 2, 3])
    with pytest.raises(ValueError, match=r"v must be finite; v\[0\] is inf"):
        complex_step(np.sum, [1, 3], [math.inf, 0])
    with pytest.raises(ValueError, match="step must be positive and finite"):
        hessian(rosen, [1, 3], step=0.0)
    with pytest.raises(ValueError, match="too small or too large"):
        jacobian(rosen_der, [1, 3], step=1e-30)
    with pytest.raises(ValueError, match="order must be an integer >= 1, but is 0"):
        derivative(np.sin, 1.0, 0)
    with pytest.raises(TypeError, match="order must be an integer >= 1"):
        directional_derivative(rosen, [1, 3], [1, 1], order=1.5)
    with pytest.raises(ValueError, match=r"x must be one number; got shape \(2,\)"):
        derivative(np.sum, [1.0, 2.0])
    with pytest.raises(ValueError, match="step must be a finite number > 0"):
        derivative(np.sin, 1.0, step=-1.0)


def test_scipy_is_loaded_for_one_sided_derivatives_alone():
    code = (
        "import sys, numpy as np; from steepest.calculus import derivative, hessian, complex_step; "
        "derivative(np.sin, 1.0); hessian(np.sum, [1.0]); complex_step(np.sin, 1.0); "
        "print('scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
