"""Derivatives of a user's function, against derivatives worked out by hand."""

from __future__ import annotations

import dataclasses
import doctest
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import rosen, rosen_der
from tolerances import tolerance

from steepest.calculus import (
    _check,
    _complex_step,
    _directions,
    _gradient,
    _matrices,
    _norm,
    _richardson,
    check_gradient,
    directional_derivative,
    gradient,
    norm,
    partial_derivative,
    steepest_direction,
)
from steepest.calculus._differences import central_differences

EPSILON = np.finfo(np.float64).eps
# The table's derivation takes |f| <= F and |f'''| <= F / s^3 where the step is eps^(1/3) s, s =
# max(1, |x|): then both parts of the error are eps^(2/3) F / s. `size` is F / s.
DIFFERENCE = tolerance(np.float64, "finite_difference")["atol"]
NORM = tolerance(np.float64, "reduction", 12)["rtol"]  # sums of up to 12 powers


def difference_tolerance(size: float) -> dict[str, float]:
    return {"rtol": 0.0, "atol": DIFFERENCE * size}


def bowl(x):
    return x[0] ** 2 + x[1] ** 2 + x[0] * x[1]


class Counted:
    """A function that counts its calls and keeps its arguments."""

    def __init__(self, f):
        self.f = f
        self.points = []

    def __call__(self, x):
        self.points.append(x)
        return self.f(x)


# --- worked examples ------------------------------------------------------------------------------


def test_bowl_at_1_3():
    assert_array_equal(gradient(bowl, [1, 3]), [5.0, 7.0])
    assert partial_derivative(bowl, [1, 3], 0) == 5.0
    assert partial_derivative(bowl, [1, 3], 1) == 7.0
    assert norm(gradient(bowl, [1, 3])) == pytest.approx(math.sqrt(74), rel=NORM)
    assert_allclose(steepest_direction(bowl, [1, 3]), np.array([-5, -7]) / math.sqrt(74), rtol=NORM)
    assert directional_derivative(bowl, [1, 3], [1, 2]) == 19.0
    slope = directional_derivative(bowl, [1, 3], [-5, -7], normalize=True)
    assert slope == pytest.approx(-math.sqrt(74), rel=DIFFERENCE)


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (1.0, 2.0), (-3.5, 0.25), (40.0, -7.0)])
def test_quadratic_in_a_and_b(a, b):
    def f(p):
        return 2 * p[0] ** 2 + p[1] ** 2 + 3 * p[0] * p[1] + 4

    size = f(np.abs([a, b]))
    assert_allclose(
        gradient(f, [a, b]), [4 * a + 3 * b, 2 * b + 3 * a], **difference_tolerance(size)
    )


def test_chain_rule_in_four_variables():
    def f(p):
        a, b, x, y = p
        return (a * x + b * y) ** 2 * x * y

    a, b, x, y = point = np.array([0.7, -1.2, 1.5, 0.4])
    s = a * x + b * y
    exact = [
        2 * s * x * x * y,
        2 * s * y * x * y,
        2 * s * a * x * y + s**2 * y,
        2 * s * b * x * y + s**2 * x,
    ]
    within = difference_tolerance(f(np.abs(point)) * 10)
    assert_allclose(gradient(f, point), exact, **within)
    for i in range(4):
        assert partial_derivative(f, point, i) == pytest.approx(exact[i], abs=within["atol"])


@pytest.mark.parametrize("t", [-2.0, 0.0, 0.3, 5.0])
def test_product_of_two_functions_of_time(t):
    def q(t):
        return t**2 + 1

    def r(t):
        return np.sin(t)

    exact = 2 * t * np.sin(t) + (t**2 + 1) * np.cos(t)
    slope = gradient(lambda t: q(t) * r(t), t)
    assert slope.shape == ()
    assert_allclose(slope, exact, **difference_tolerance(6 * q(t)))


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=6))
def test_rosenbrock(x):
    x = np.array(x)
    size = float(np.sum(100 * (np.abs(x) + 1) ** 4)) * 6
    assert_allclose(gradient(rosen, x), rosen_der(x), **difference_tolerance(size))


def test_one_entry_far_from_the_scale_of_the_others():
    scale = np.array([1e8, 1.0, 1e-3])
    x = np.array([3e8, 2.0, -1e-3])
    f = Counted(lambda x: float(np.sum((x / scale) ** 2)))
    exact = 2 * x / scale**2
    # F is the whole sum, s each entry's own size.
    limit = DIFFERENCE * 15 / np.maximum(1, np.abs(x))
    assert (np.abs(gradient(f, x) - exact) <= limit).all()


# --- directional derivative -----------------------------------------------------------------------


def waves(x):
    return float(np.sin(x).sum() + np.prod(np.cos(x / 2)))


vectors = st.integers(1, 5).flatmap(
    lambda m: st.tuples(*[st.lists(st.floats(-4, 4), min_size=m, max_size=m)] * 3)
)


def waves_tolerance(*directions):
    # waves and its third derivatives stay below m + 2; the moves along v scale with |v|_1, and a v
    # with one tiny entry is as good as one without it.
    return DIFFERENCE * sum(float(np.sum(np.abs(v))) for v in directions) * 10


@given(vectors)
def test_directional_derivative_is_gradient_times_direction(drawn):
    x, v, _ = map(np.array, drawn)
    along = directional_derivative(waves, x, v)
    assert abs(along - gradient(waves, x) @ v) <= waves_tolerance(v) * len(v)


@given(vectors, st.floats(-4, 4))
def test_directional_derivative_is_linear_in_the_direction(drawn, factor):
    x, v, w = map(np.array, drawn)
    left = directional_derivative(waves, x, v + factor * w)
    right = directional_derivative(waves, x, v) + factor * directional_derivative(waves, x, w)
    assert abs(left - right) <= waves_tolerance(v, w, factor * w) * len(v)


@pytest.mark.parametrize("size", [1e-300, 1e-20, 1e20, 1e300])
def test_length_of_the_direction_counts_and_does_no_harm(size):
    v = np.array([3.0, -4.0])
    expected = directional_derivative(bowl, [1, 3], v)
    assert directional_derivative(bowl, [1, 3], v * size) == pytest.approx(
        expected * size, rel=DIFFERENCE
    )
    assert directional_derivative(bowl, [1, 3], v * size, normalize=True) == pytest.approx(
        expected / 5, rel=DIFFERENCE
    )


@pytest.mark.parametrize("i", range(3))
def test_along_an_axis_it_is_the_partial_derivative(i):
    x = np.array([0.3, 1e6, -1e-9])
    unit = np.eye(3)[i]
    assert directional_derivative(waves, x, unit) == pytest.approx(
        partial_derivative(waves, x, i), abs=DIFFERENCE * 10
    )


def test_direction_through_entries_of_very_different_size():
    # The small entry limits the step; the large one is then moved by its last bits only.
    x, v = np.array([1e6, 1.0]), np.array([1.0, 1.0])
    along = directional_derivative(lambda x: (x[0] / 1e6) ** 2 + x[1] ** 2, x, v)
    assert along == pytest.approx(2 + 2e-6, abs=DIFFERENCE * 2)


def test_zero_direction():
    assert directional_derivative(bowl, [1, 3], [0, 0]) == 0.0
    with pytest.raises(ValueError, match="v is zero"):
        directional_derivative(bowl, [1, 3], [0, 0], normalize=True)


# --- points and evaluations -----------------------------------------------------------------------


def test_number_of_evaluations():
    f = Counted(waves)
    x = np.arange(7.0)
    for call, expected in [
        (lambda: gradient(f, x), 14),
        (lambda: partial_derivative(f, x, 3), 2),
        (lambda: directional_derivative(f, x, x), 2),
        (lambda: check_gradient(f, np.zeros(7), x), 29),
        (lambda: steepest_direction(f, x), 29),
    ]:
        f.points.clear()
        call()
        assert len(f.points) == expected
    f.points.clear()
    _, counted = central_differences(f, x)
    assert counted == len(f.points) == 14


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 2)])
def test_points_of_any_shape(shape):
    x = np.linspace(0.5, 2.0, math.prod(shape)).reshape(shape)
    f = Counted(lambda x: (np.asarray(x) ** 3).sum())
    result = gradient(f, x)
    assert result.shape == shape
    assert_allclose(result, 3 * x**2, **difference_tolerance(100))
    assert all(type(p) is np.ndarray and p.shape == shape for p in f.points)
    assert all(p.dtype == np.float64 for p in f.points)
    f.points.clear()
    assert directional_derivative(f, x, np.ones(shape)) == pytest.approx(
        float(result.sum()), abs=DIFFERENCE * 1000
    )
    assert all(type(p) is np.ndarray and p.shape == shape for p in f.points)


def test_fortran_order_and_strides():
    x = np.asfortranarray(np.arange(1.0, 7.0).reshape(2, 3))
    assert_allclose(gradient(lambda x: (x**2).sum(), x), 2 * x, rtol=DIFFERENCE * 100)
    assert_allclose(
        gradient(lambda x: (x**2).sum(), x[:, ::2]), 2 * x[:, ::2], rtol=DIFFERENCE * 100
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.uint8])
def test_other_real_dtypes_are_evaluated_in_float64(dtype):
    f = Counted(bowl)
    result = gradient(f, np.array([1, 3], dtype=dtype))
    assert result.dtype == np.float64
    assert_array_equal(result, [5.0, 7.0])
    assert all(p.dtype == np.float64 for p in f.points)


def test_f_may_change_its_argument_and_x_stays():
    def f(x):
        value = bowl(x)
        x[:] = np.nan
        return value

    x = np.array([1.0, 3.0])
    assert_array_equal(gradient(f, x), [5.0, 7.0])
    assert check_gradient(f, lambda x: [2 * x[0] + x[1], 2 * x[1] + x[0]], x)
    assert_array_equal(x, [1.0, 3.0])


@pytest.mark.parametrize("wrap", [float, np.float64, np.float32, np.array, Fraction, lambda v: [v]])
def test_one_number_comes_in_many_forms(wrap):
    result = gradient(lambda x: wrap(float(bowl(x))), [1, 3], step=0.25)
    assert_array_equal(result, [5.0, 7.0])


def test_step():
    f = Counted(bowl)
    gradient(f, [1, 3], step=[0.5, 0.25])
    assert_array_equal(f.points, [[1.5, 3], [0.5, 3], [1, 3.25], [1, 2.75]])
    f.points.clear()
    directional_derivative(f, [1, 3], [1, 2], step=0.5)
    assert_array_equal(f.points, [[1.25, 3.5], [0.75, 2.5]])
    # The default would leave the logarithm's domain.
    with pytest.raises(ValueError, match="x is moved from 1e-08"), np.errstate(invalid="ignore"):
        gradient(np.log, 1e-8)
    # Here F = 20 and s = 1e-8, and the step is 1.6 eps^(1/3) s.
    assert gradient(np.log, 1e-8, step=1e-13) == pytest.approx(1e8, rel=DIFFERENCE * 20)


def test_default_step_is_a_power_of_two_near_the_cube_root_of_epsilon():
    x = np.array([0.0, 0.3, -1.0, 5.0, 1e10])
    f = Counted(np.sum)
    gradient(f, x)
    steps = [abs(p - x).max() for p in f.points]
    ideal = np.repeat(EPSILON ** (1 / 3) * np.maximum(1, abs(x)), 2)
    assert (np.abs(np.log2(steps / ideal)) <= 0.5 + 1e-6).all()
    assert all(math.frexp(s)[0] == 0.5 for s in steps)


# --- indices --------------------------------------------------------------------------------------


def test_index():
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])

    def f(x):
        return (x**2).sum()

    assert partial_derivative(f, x, (1, 2)) == pytest.approx(12, rel=DIFFERENCE * 100)
    assert partial_derivative(f, x, (-1, -3)) == pytest.approx(8, rel=DIFFERENCE * 100)
    assert partial_derivative(f, [1, 2], -1) == pytest.approx(4, rel=DIFFERENCE * 100)
    assert partial_derivative(f, [1, 2], np.int32(0)) == pytest.approx(2, rel=DIFFERENCE * 100)
    for i in ((), 0, -1):
        assert partial_derivative(lambda x: x**2, 3.0, i) == 6.0


@pytest.mark.parametrize(
    ("shape", "i", "message"),
    [
        ((2,), 2, r"no entry i = 2: its shape is \(2,\)"),
        ((2,), -3, r"no entry i = -3"),
        ((2, 3), (1, 3), r"no entry i = \(1, 3\): its shape is \(2, 3\)"),
        ((2, 3), 1, r"one integer for each dimension of x, whose shape is \(2, 3\)"),
        ((2,), (0, 0), "one integer for each dimension"),
        ((), 1, r"no entry i = 1: its shape is \(\)"),
    ],
)
def test_index_out_of_range(shape, i, message):
    with pytest.raises(IndexError, match=message):
        partial_derivative(np.sum, np.ones(shape), i)


@pytest.mark.parametrize("i", [1.0, "0", None, True, (0.5,), [0]])
def test_index_of_the_wrong_type(i):
    with pytest.raises(TypeError, match="i must be an integer or a tuple of integers"):
        partial_derivative(np.sum, np.ones(2), i)


# --- norms ----------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(-1e100, 1e100), max_size=12),
    st.sampled_from([1, 2, math.inf]),
)
def test_norm_is_numpys(v, p):
    expected = np.linalg.norm(np.array(v, dtype=np.float64), p) if v else 0.0
    if p == 2 and 0 < expected < 1e-150:
        expected = 1e-150 * np.linalg.norm(np.array(v) / 1e-150)  # NumPy's squares underflow
    if expected >= 1e-290:
        assert norm(v, p) == pytest.approx(float(expected), rel=NORM)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12), st.floats(1, 20))
def test_norm_of_any_order(v, p):
    largest = max(map(abs, v))
    scaled = np.abs(np.array(v) / largest) if largest else np.zeros(1)
    # Relative: a power p multiplies the relative error of what it is taken of by p, its root
    # divides it again.
    assert norm(v, p) == pytest.approx(
        float(largest * np.linalg.norm(scaled, p)) if largest else 0.0, rel=NORM, abs=1e-320
    )


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 1e6, 1e308, math.inf])
@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_norm_neither_overflows_nor_underflows(p, size):
    v = np.full(3, size)
    assert norm(v, p) == pytest.approx(size * 3 ** (1 / p), rel=NORM, abs=5e-324)


@pytest.mark.parametrize(
    ("v", "length"),
    [((3, 4), 5), ((5, 12), 13), ((2, 3, 6), 7), ((2, 10, 11), 15), ((2, 7, 26), 27)],
)
def test_euclidean_norm_of_whole_numbers_is_exact(v, length):
    assert norm(v) == length


def test_norm_of_special_vectors():
    assert norm([3, 4]) == 5.0
    assert norm([]) == 0.0
    assert norm([0.0, -0.0], 3) == 0.0
    assert norm(-2.0) == 2.0
    assert norm(np.eye(4)) == 2.0
    assert norm([1, -math.inf], 3) == math.inf
    assert math.isnan(norm([1, math.nan, math.inf]))
    assert norm([1e308, 1e308], 1) == math.inf
    assert norm([1.7e308, 1.7e308], 2) == math.inf
    assert type(norm(np.float32([1, 2]))) is float


@pytest.mark.parametrize("p", [0, 0.5, 0.999, -1, -math.inf, math.nan])
def test_orders_below_one_are_refused(p):
    with pytest.raises(ValueError, match="p must be at least 1"):
        norm([1, 2], p)
    with pytest.raises(ValueError, match="p must be at least 1"):
        steepest_direction(bowl, [1, 3], p)


# --- steepest direction ---------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 1.5, 2, 4, math.inf])
def test_no_direction_of_its_length_is_steeper(p):
    def f(x):
        return 3 * x[0] - 2 * x[1] + 0.5 * x[2]

    x, slopes = np.zeros(3), np.array([3.0, -2.0, 0.5])
    direction = steepest_direction(f, x, p)
    assert norm(direction, p) == pytest.approx(1, rel=NORM)
    # Hoelder: the least slope over the unit ball of a norm is minus the dual norm of the gradient.
    dual = {1: math.inf, math.inf: 1}.get(p) or p / (p - 1)
    assert slopes @ direction == pytest.approx(-norm(slopes, dual), rel=DIFFERENCE)
    rng = np.random.default_rng(5)
    for other in rng.normal(size=(200, 3)):
        assert slopes @ (other / norm(other, p)) >= slopes @ direction - DIFFERENCE * 5


def test_direction_of_the_coordinate_and_of_the_signs():
    assert_array_equal(steepest_direction(lambda x: 3 * x[0] - 4 * x[1], [1, 1], 1), [0, 1])
    assert_array_equal(steepest_direction(lambda x: 3 * x[0] - 4 * x[1], [1, 1], math.inf), [-1, 1])
    assert_array_equal(np.signbit(steepest_direction(lambda x: x[1], [1, 1])), [False, True])
    assert steepest_direction(lambda x: x**2, 2.0) == -1.0
    assert steepest_direction(lambda x: (x**2).sum(), np.ones((2, 3))).shape == (2, 3)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (rosen, [1.0, 1.0]),
        (lambda x: (x - 0.3) ** 2, 0.3),
        (lambda x: (3 * x - 1) ** 2, 1 / 3),
        (lambda x: x**3, 0.0),
        (lambda x: 1e6 + (x - 0.3) ** 2, 0.3),
        (lambda x: 7.0, [1.0, 2.0]),
        (np.cos, np.pi),
        (lambda x: float(np.sum((x - np.array([0.1, 0.2, 0.7])) ** 2)), [0.1, 0.2, 0.7]),
        (lambda x: np.cos(x[0]) * np.exp(x[1] ** 2), [0.0, 0.0]),
    ],
)
def test_stationary_points_have_no_direction(f, x):
    with pytest.raises(ValueError, match="x is a stationary point of f"):
        steepest_direction(f, x)


@pytest.mark.parametrize("height", [0.0, 1.0, 1e3])
def test_noise_is_never_taken_for_a_gradient(height):
    # Now and then the noise of both steps agrees to the bit: its expected size gives it away.
    for lowest in np.random.default_rng(1).normal(size=500):

        def f(x, lowest=lowest):
            return height + np.exp(x - lowest) - x + lowest

        with pytest.raises(ValueError, match="stationary"):
            steepest_direction(f, lowest)
        assert check_gradient(f, 0.0, lowest)


def test_rounding_of_the_points_is_never_taken_for_a_gradient():
    # With a step that is no power of two, x + h and x - h are not equally far from x.
    for lowest in np.random.default_rng(2).normal(size=500):

        def f(x, lowest=lowest):
            return (3 * x - 3 * lowest) ** 2

        with pytest.raises(ValueError, match="stationary"):
            steepest_direction(f, lowest, step=1e-5)
        assert check_gradient(f, 0.0, lowest, step=1e-5)


@pytest.mark.parametrize("distance", [1e-6, 1e-3])
def test_points_near_a_stationary_one_have_a_direction(distance):
    assert steepest_direction(lambda x: (x - 0.3) ** 2, 0.3 + distance) == -1.0
    assert steepest_direction(lambda x: 1e-12 * x**2, -1.0) == 1.0  # small, but no noise


# --- check_gradient -------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_right_gradients_pass(scale):
    rng = np.random.default_rng(0)
    for x in [*rng.normal(size=(10, 5)), np.ones(5), np.zeros(5)]:
        result = check_gradient(lambda x: scale * rosen(x), lambda x: scale * rosen_der(x), x)
        assert result, result.message
        assert result.max_error <= result.tolerance


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("wrong", range(5))
def test_a_wrong_entry_is_red_and_named(scale, wrong):
    def grad(x):
        g = scale * rosen_der(x)
        g[wrong] *= 1.001
        return g

    x = np.random.default_rng(wrong).normal(size=5)
    result = check_gradient(lambda x: scale * rosen(x), grad, x)
    assert not result
    assert not result.ok
    assert result.worst_index == (wrong,)
    assert result.max_error == pytest.approx(0.001, rel=0.1)
    assert_array_equal(result.analytic, grad(x))
    assert_allclose(result.numeric, scale * rosen_der(x), rtol=result.tolerance)
    assert f"grad[{wrong}] is " in result.message
    assert "1 of 5 entries is wrong" in result.message
    assert str(result) == result.message


def test_a_small_wrong_entry_is_not_hidden_by_large_right_ones():
    result = check_gradient(lambda x: 1e6 * x[0] + x[1], [1e6, 0.99], [0.5, 0.5])
    assert not result
    assert result.worst_index == (1,)


def test_entries_of_a_matrix_are_named_by_row_and_column():
    x = np.arange(6.0).reshape(2, 3)
    analytic = 2 * x
    analytic[1, 0] += 1
    result = check_gradient(lambda x: (x**2).sum(), analytic, x)
    assert result.worst_index == (1, 0)
    assert "grad[1, 0] is 7 and should be about 6" in result.message


def test_scalar_point():
    assert check_gradient(lambda x: x**2, lambda x: 2 * x, 3.0)
    result = check_gradient(lambda x: x**2, lambda x: x, 3.0)
    assert result.worst_index == ()
    assert "grad is 3 and should be about 6" in result.message


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_entry_that_is_not_finite_is_wrong(value):
    result = check_gradient(np.sum, [1.0, value, 0.9], np.ones(3))
    assert not result.ok
    assert result.max_error == math.inf
    assert result.worst_index == (1,)
    assert "2 of 3 entries are wrong" in result.message


def test_zero_gradient_of_a_constant():
    assert check_gradient(lambda x: 3.0, np.zeros(2), [1, 2])
    assert check_gradient(lambda x: 0.0, np.zeros(2), [1, 2]).max_error == 0.0
    assert not check_gradient(lambda x: 3.0, [0.0, 1e-3], [1, 2])


def test_tolerance():
    grad = [1.0, 1.001]
    assert not check_gradient(np.sum, grad, [1, 2])
    assert check_gradient(np.sum, grad, [1, 2], tolerance=0.01)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="tolerance must be positive and finite"):
            check_gradient(np.sum, grad, [1, 2], tolerance=wrong)


def test_result_is_frozen():
    result = check_gradient(np.sum, [1.0, 1.0], [1, 2])
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.ok = False
    assert "ok=True" in repr(result)


def test_gradient_of_the_wrong_shape_or_type():
    with pytest.raises(
        ValueError, match=r"grad must have the shape of x, \(2,\); got shape \(3,\)"
    ):
        check_gradient(np.sum, lambda x: np.ones(3), [1, 2])
    with pytest.raises(TypeError, match="grad must hold real numbers; got dtype complex128"):
        check_gradient(np.sum, lambda x: np.ones(2) * 1j, [1, 2])


# --- refusals -------------------------------------------------------------------------------------

every = pytest.mark.parametrize(
    "call",
    [
        gradient,
        steepest_direction,
        lambda f, x: partial_derivative(f, x, 0),
        lambda f, x: directional_derivative(f, x, np.ones(np.shape(x))),
        lambda f, x: check_gradient(f, np.ones(np.shape(x)), x),
    ],
    ids=["gradient", "steepest_direction", "partial", "directional", "check"],
)


@every
def test_function_and_point_exchanged(call):
    with pytest.raises(TypeError, match="f must be callable"):
        call([1.0, 2.0], [1.0, 2.0])


@every
@pytest.mark.parametrize(
    ("x", "dtype"),
    [([1j, 2], "complex128"), (np.array([1, None]), "object"), (["a", "b"], "<U1")],
)
def test_points_that_are_not_real(call, x, dtype):
    with pytest.raises(TypeError, match=f"x must hold real numbers; got dtype {dtype}"):
        call(np.sum, x)


@every
def test_points_that_are_empty_or_not_finite(call):
    with pytest.raises(ValueError, match=r"x has no entries: its shape is \(0,\)"):
        call(np.sum, np.empty(0))
    with pytest.raises(ValueError, match=r"x must be finite; x\[1\] is nan"):
        call(np.sum, [1.0, math.nan])


def test_points_of_unequal_rows():
    with pytest.raises(ValueError, match="x must be an array of real numbers"):
        gradient(np.sum, [[1.0, 2.0], [3.0]])
    with pytest.raises(ValueError, match=r"x must be finite; x\[1, 0\] is inf"):
        gradient(np.sum, [[1.0, 2.0], [math.inf, 3.0]])


@every
def test_values_that_are_no_number(call):
    x = [1.0, 2.0]
    with pytest.raises(ValueError, match=r"f must return one number; .* array of shape \(2,\)"):
        call(lambda x: x, x)
    with pytest.raises(TypeError, match="it returned None: is its return missing"):
        call(lambda x: None, x)
    with pytest.raises(TypeError, match="it returned complex"):
        call(lambda x: 1j, x)
    with pytest.raises(TypeError, match="it returned str"):
        call(lambda x: "1.0", x)
    with pytest.raises(ValueError, match="f returned nan"):
        call(lambda x: math.nan, x)
    with pytest.raises(ValueError, match="f returned inf"):
        call(lambda x: np.float64(math.inf), x)


def test_value_that_is_not_finite_names_the_entry():
    def f(x):
        return math.nan if x[0, 1] < 2 else 1.0

    with pytest.raises(
        ValueError, match=r"returned nan where x\[0, 1\] is moved from 2 to 1.99998"
    ):
        gradient(f, [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=r"returned nan at distance .* from x against v"):
        directional_derivative(f, [[1.0, 2.0]], [[0, 1]])
    with pytest.raises(ValueError, match="returned nan at x itself"):
        steepest_direction(lambda x: math.nan if x == 2 else 1.0, 2.0)


def test_internal_differences_can_let_values_that_are_not_finite_through():
    result, _ = central_differences(
        lambda x: math.inf if x[0] > 1 else x[1], np.array([1.0, 2.0]), require_finite=False
    )
    assert result[0] == math.inf
    assert result[1] == 1.0


def test_directions_that_do_not_fit():
    with pytest.raises(ValueError, match=r"v must have the shape of x, \(2,\); got shape \(3,\)"):
        directional_derivative(bowl, [1, 3], [1, 2, 3])
    with pytest.raises(ValueError, match=r"v must have the shape of x, \(2,\); got shape \(\)"):
        directional_derivative(bowl, [1, 3], 1.0)
    with pytest.raises(ValueError, match=r"v must be finite; v\[0\] is inf"):
        directional_derivative(bowl, [1, 3], [math.inf, 0])
    with pytest.raises(TypeError, match="v must hold real numbers"):
        directional_derivative(bowl, [1, 3], [1j, 0])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (0.0, "step must be positive and finite"),
        (-1e-3, "step must be positive and finite"),
        (math.nan, "step must be positive and finite"),
        ([1e-3] * 3, r"step must be one number or have the shape of x, \(2,\); got shape \(3,\)"),
        (1e-30, r"step 1e-30 is too small or too large for x\[0\] = 1"),
    ],
)
def test_steps_that_do_not_work(step, message):
    with pytest.raises(ValueError, match=message):
        gradient(bowl, [1, 3], step=step)


def test_directional_step_lost_in_rounding():
    with pytest.raises(ValueError, match="along v is too small or too large"):
        directional_derivative(bowl, [1, 3], [1, 1], step=1e-30)


def test_overflowing_neighbours():
    with pytest.raises(ValueError, match="too small or too large"):
        gradient(np.sum, [np.finfo(np.float64).max])
    with pytest.raises(ValueError, match="too small or too large"):
        directional_derivative(np.sum, [np.finfo(np.float64).max], [1.0])


def test_exceptions_of_f_pass_through():
    with pytest.raises(ZeroDivisionError):
        gradient(lambda x: 1 / 0, [1.0])


# --- the module -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module",
    [_check, _complex_step, _directions, _gradient, _matrices, _norm, _richardson],
)
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_numpy_is_all_it_needs():
    code = (
        "import sys, steepest.calculus; "
        "print([m for m in ('scipy', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
