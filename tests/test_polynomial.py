"""The compiled polynomials against the reference, NumPy's and central differences."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import assert_gradient
from tolerances import assert_close, in_float64

from steepest import kernels
from steepest import reference as ref

F32, F64 = np.float32, np.float64
BASES = ("monomial", "chebyshev", "legendre")
DEGREES = (0, 1, 2, 3, 10, 25)
# Points go in groups of 32; 8192 of them are a block.
ROWS = (1, 2, 5, 7, 8, 9, 13, 31, 32, 33, 64, 131, 1025, 2500)
VALUE = {
    "monomial": np.polynomial.polynomial.polyval,
    "chebyshev": np.polynomial.chebyshev.chebval,
    "legendre": np.polynomial.legendre.legval,
}


@pytest.fixture(params=BASES)
def basis(request):
    return request.param


def problem(rng, n, degree, dtype, width=1.0):
    theta, x, y = rng.standard_normal(degree + 1), rng.uniform(-width, width, n), rng.random(n)
    return [array.astype(dtype) for array in (theta, x, y)]


def sizes_of_terms(theta, x, basis):
    """Return the |p_k|, the sum of the |terms| in each value, and the length of their sum.

    One rounding in p_j is up to k - j + 1 times as large in p_k, by the recurrence: degree^2 in all.
    """
    p = np.abs(ref.basis_matrix(x, len(theta) - 1, basis))
    return p, p @ np.abs(theta), len(theta) ** 2


@pytest.mark.parametrize("degree", DEGREES)
def test_predict(isa, rng, basis, degree):
    for n in ROWS:
        theta, x, _ = problem(rng, n, degree, F64)
        f = kernels.polynomial_predict(theta, x, basis)
        _, terms, length = sizes_of_terms(theta, x, basis)
        for desired in (ref.polynomial_predict(theta, x, basis), VALUE[basis](x, theta)):
            name = f"f of {n} points"
            assert_close(f, desired, F64, "reduction", length, scale=terms, name=name)


@pytest.mark.parametrize("degree", DEGREES)
def test_loss_gradient(isa, rng, basis, degree):
    for n in ROWS:
        theta, x, y = problem(rng, n, degree, F64)
        loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
        assert type(loss) is float
        assert_loss_gradient(loss, gradient, theta, x, y, basis)


def assert_loss_gradient(loss, gradient, theta, x, y, basis):
    p, terms, length = sizes_of_terms(theta, x, basis)
    r = np.abs(ref.polynomial_predict(theta, x, basis) - y)
    desired_loss, desired = ref.polynomial_loss_gradient(theta, x, y, basis)
    chain = length, len(x)
    scale = np.mean(r * (r + 2 * terms))
    points = f"of {len(x)} points"
    assert_close(loss, desired_loss, F64, "matmul chain", chain, scale, f"loss {points}")
    scale = 2 / len(x) * p.T @ (r + terms)
    assert_close(gradient, desired, F64, "matmul chain", chain, scale, f"gradient {points}")


@pytest.mark.parametrize("n", [8191, 8192, 8193, 16385])
def test_blocks_of_points(isa, rng, basis, n):
    theta, x, y = problem(rng, n, 3, F64)
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    assert_loss_gradient(loss, gradient, theta, x, y, basis)


@pytest.mark.parametrize("degree", [3, 10])
def test_outside_of_the_unit_interval(isa, rng, basis, degree):
    theta, x, y = problem(rng, 65, degree, F64, width=3)
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    # Beyond 1 a recurrence grows, and its roundings with it: relative to p_k they stay small.
    assert_loss_gradient(loss, gradient, theta, x, y, basis)


@pytest.mark.parametrize("degree", DEGREES)
def test_float32_is_float64_rounded_once(isa, rng, basis, degree):
    for n in ROWS:
        narrow = problem(rng, n, degree, F32)
        wide = in_float64(narrow)
        f = kernels.polynomial_predict(*narrow[:2], basis)
        assert f.dtype == F32
        np.testing.assert_array_equal(f, kernels.polynomial_predict(*wide[:2], basis).astype(F32))
        loss, gradient = kernels.polynomial_loss_gradient(*narrow, basis)
        wide_loss, wide_gradient = kernels.polynomial_loss_gradient(*wide, basis)
        assert loss == wide_loss
        assert gradient.dtype == F32
        np.testing.assert_array_equal(gradient, wide_gradient.astype(F32))


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 10])
def test_gradient_is_that_of_the_loss(isa, rng, basis, degree):
    theta, x, y = problem(rng, 37, degree, F64)
    _, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    assert_gradient(
        lambda theta: kernels.polynomial_loss_gradient(theta, x, y, basis)[0],
        theta,
        gradient,
        quadratic=True,
        length=37 + degree**2,
    )


@pytest.mark.parametrize("n", [1, 2, 32, 64, 1024])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_small_integers_are_exact(isa, dtype, rng, n, degree):
    theta, x, y = (rng.integers(-3, 4, size).astype(dtype) for size in (degree + 1, n, n))
    f = ref.polynomial_predict(in_float64(theta), in_float64(x))
    np.testing.assert_array_equal(kernels.polynomial_predict(theta, x), f)
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y)
    desired_loss, desired = ref.polynomial_loss_gradient(*in_float64([theta, x, y]))
    assert loss == desired_loss
    np.testing.assert_array_equal(gradient, desired)


def test_by_hand(isa, dtype, basis):
    """At x = 2: x^2 = 4, T_2 = 2 x^2 - 1 = 7, P_2 = (3 x^2 - 1) / 2 = 5.5."""
    value = {"monomial": 4.0, "chebyshev": 7.0, "legendre": 5.5}[basis]
    theta, x, y = np.array([0, 0, 1], dtype), np.array([2], dtype), np.array([1], dtype)
    np.testing.assert_array_equal(kernels.polynomial_predict(theta, x, basis), [value])
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    r = value - 1
    assert loss == r * r
    np.testing.assert_array_equal(gradient, [2 * r, 4 * r, 2 * r * value])


def test_the_default_basis_is_the_monomial(isa, rng):
    theta, x, y = problem(rng, 13, 3, F64)
    f = kernels.polynomial_predict(theta, x)
    np.testing.assert_array_equal(f, kernels.polynomial_predict(theta, x, "monomial"))
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y)
    same_loss, same = kernels.polynomial_loss_gradient(theta, x, y, "monomial")
    assert loss == same_loss
    np.testing.assert_array_equal(gradient, same)


def test_a_line_is_the_linear_model(isa, rng, basis):
    theta, x, y = problem(rng, 64, 1, F64)
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    linear_loss, linear_gradient = kernels.linear_loss_gradient(theta, x[:, None], y)
    assert_close(loss, linear_loss, F64, "matmul chain", (2, 64), scale=4.0)
    assert_close(gradient, linear_gradient, F64, "matmul chain", (2, 64), scale=4.0)


def test_chebyshev_of_the_ends_is_one(isa, dtype):
    """T_k(1) = 1 and T_k(-1) = (-1)^k, and P_k the same, whatever the degree."""
    x = np.array([1, -1], dtype)
    for degree in DEGREES:
        theta = np.eye(degree + 1, dtype=dtype)[degree]
        np.testing.assert_array_equal(
            kernels.polynomial_predict(theta, x, "chebyshev"), [1, (-1) ** degree]
        )
        assert_close(
            kernels.polynomial_predict(theta, x, "legendre"),
            [1, (-1) ** degree],
            dtype,
            "reduction",
            (degree + 1) ** 2,
        )


def test_no_points_are_no_predictions(isa, dtype, basis):
    f = kernels.polynomial_predict(np.ones(3, dtype), np.empty(0, dtype), basis)
    assert f.shape == (0,)
    assert f.dtype == dtype


@pytest.mark.parametrize("n", [1, 31, 32, 33])
def test_nan_in_a_point_is_nan_in_its_value_alone(isa, dtype, rng, basis, n):
    theta, x, y = problem(rng, n, 3, dtype)
    x[n // 2] = np.nan
    f = kernels.polynomial_predict(theta, x, basis)
    np.testing.assert_array_equal(np.isnan(f), np.arange(n) == n // 2)
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    assert np.isnan(loss)
    assert np.all(np.isnan(gradient))


@pytest.mark.parametrize("argument", ["theta", "y"])
def test_nan_is_a_nan_loss(isa, dtype, rng, basis, argument):
    theta, x, y = problem(rng, 33, 3, dtype)
    {"theta": theta, "y": y}[argument][3] = np.nan
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    assert np.isnan(loss)
    assert np.all(np.isnan(gradient))
