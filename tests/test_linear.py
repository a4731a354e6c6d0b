"""The compiled linear model against the reference, exact integers and central differences."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import assert_gradient
from tolerances import assert_close, in_float64

from steepest import kernels
from steepest import reference as ref

F32, F64 = np.float32, np.float64
ROWS = (1, 2, 5, 6, 7, 8, 9, 13, 64, 131, 1025, 2500)
COLUMNS = (0, 1, 7, 8, 9, 15, 16, 17, 33)
# On both sides of the number of outputs, 4 in float64 and 8 in float32, at which the layout turns.
OUTPUTS = (1, 2, 4, 5, 8, 9, 15, 16, 17, 33)
SIZES = [
    *((n, d, None) for n in ROWS for d in (0, 1, 9, 16)),
    *((13, d, None) for d in COLUMNS),
    *((n, 9, K) for n in ROWS for K in (2, 9)),
    *((13, d, K) for d in COLUMNS for K in OUTPUTS),
]


def problem(rng, n, d, K, dtype):
    """Return theta, X and y; K is None for theta of rank one."""
    outputs = () if K is None else (K,)
    shapes = (1 + d, *outputs), (n, d), (n, *outputs)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def sizes_of_terms(theta, X):
    """Return [1 X], and the sum of the |terms| in each prediction."""
    design = np.column_stack([np.ones(len(X)), X])
    return design, np.abs(design) @ np.abs(theta)


@pytest.mark.parametrize(("n", "d", "K"), SIZES)
def test_linear_predict(isa, dtype, rng, n, d, K):
    theta, X, _ = problem(rng, n, d, K, dtype)
    f = kernels.linear_predict(theta, X)
    assert f.dtype == dtype
    theta, X = in_float64(theta), in_float64(X)
    _, terms = sizes_of_terms(theta, X)
    assert_close(f, ref.linear_predict(theta, X), dtype, "reduction", d + 1, scale=terms)


@pytest.mark.parametrize(("n", "d", "K"), SIZES)
def test_linear_loss_gradient(isa, dtype, rng, n, d, K):
    """The loss of float32 feels the rounding of the predictions, and not the sum over the rows."""
    theta, X, y = problem(rng, n, d, K, dtype)
    loss, gradient = kernels.linear_loss_gradient(theta, X, y)
    assert type(loss) is float
    assert gradient.dtype == dtype
    theta, X, y = in_float64([theta, X, y])
    desired_loss, desired = ref.linear_loss_gradient(theta, X, y)
    design, terms = sizes_of_terms(theta, X)
    r = np.abs(ref.linear_predict(theta, X) - y)
    length = d + 1 if dtype == F32 else (d + 1, y.size)
    scale = np.mean(r * (r + 2 * terms))
    assert_close(loss, desired_loss, dtype, "matmul chain", length, scale=scale, name="loss")
    scale = 2 / y.size * np.abs(design).T @ (r + terms)
    assert_close(gradient, desired, dtype, "matmul chain", (d + 1, n), scale=scale, name="gradient")


@pytest.mark.parametrize("n", [1, 2, 8, 64, 128, 1024, 2048])
@pytest.mark.parametrize("K", [None, 1, 2, 4, 8, 16, 32])
def test_small_integers_are_exact(isa, dtype, rng, n, K):
    """All sums are integers below 2^24 and all divisors powers of 2: nothing is ever rounded."""
    outputs = () if K is None else (K,)
    for d in COLUMNS:
        theta, y = rng.integers(-2, 3, (1 + d, *outputs)), rng.integers(-2, 3, (n, *outputs))
        X = rng.integers(-1, 2, (n, d))
        arrays = [a.astype(dtype) for a in (theta, X, y)]
        f = ref.linear_predict(*in_float64(arrays[:2]))
        np.testing.assert_array_equal(kernels.linear_predict(*arrays[:2]), f, f"d = {d}")
        loss, gradient = kernels.linear_loss_gradient(*arrays)
        desired_loss, desired = ref.linear_loss_gradient(*in_float64(arrays))
        assert loss == desired_loss, f"d = {d}"
        np.testing.assert_array_equal(gradient, desired, f"d = {d}")


@pytest.mark.parametrize("K", [None, 1, 3, 9])
@pytest.mark.parametrize("d", [0, 2, 9])
def test_gradient_is_that_of_the_loss(isa, rng, d, K):
    theta, X, y = problem(rng, 8, d, K, F64)
    _, gradient = kernels.linear_loss_gradient(theta, X, y)
    assert_gradient(
        lambda theta: kernels.linear_loss_gradient(theta, X, y)[0],
        theta,
        gradient,
        quadratic=True,
        length=y.size + d + 1,
    )


def test_by_hand(isa, dtype):
    theta = np.array([1, 2], dtype)
    X, y = np.array([[1], [2]], dtype), np.array([1, 4], dtype)
    np.testing.assert_array_equal(kernels.linear_predict(theta, X), [3, 5])
    loss, gradient = kernels.linear_loss_gradient(theta, X, y)
    assert loss == 2.5  # residuals 2 and 1
    np.testing.assert_array_equal(gradient, [3, 4])


@pytest.mark.parametrize("d", COLUMNS)
def test_one_output_as_a_vector_or_as_a_column(isa, dtype, rng, d):
    theta, X, y = problem(rng, 13, d, None, dtype)
    loss, gradient = kernels.linear_loss_gradient(theta, X, y)
    same_loss, column = kernels.linear_loss_gradient(theta[:, None], X, y[:, None])
    assert same_loss == loss
    np.testing.assert_array_equal(column, gradient[:, None])
    f, f_column = kernels.linear_predict(theta, X), kernels.linear_predict(theta[:, None], X)
    np.testing.assert_array_equal(f_column, f[:, None])


def test_loss_is_the_mse_of_the_prediction(isa, dtype, rng):
    """Of the prediction as it was rounded: the loss is the number that a user would compute."""
    for K in (None, 3, 9):
        theta, X, y = problem(rng, 64, 9, K, dtype)
        loss, _ = kernels.linear_loss_gradient(theta, X, y)
        assert_close(loss, kernels.mse(kernels.linear_predict(theta, X), y), F64, "reduction", 64)


@pytest.mark.parametrize("K", [None, 2, 9])
def test_no_rows_are_no_predictions(isa, dtype, rng, K):
    theta, X, _ = problem(rng, 0, 3, K, dtype)
    f = kernels.linear_predict(theta, X)
    assert f.shape == (0, *theta.shape[1:])
    assert f.dtype == dtype


@pytest.mark.parametrize("K", [None, 9])
@pytest.mark.parametrize("argument", ["theta", "X", "y"])
def test_nan_is_a_nan_loss(isa, dtype, rng, argument, K):
    """A NaN in a row is NaN in that row's prediction and in no other."""
    theta, X, y = problem(rng, 13, 9, K, dtype)
    {"theta": theta, "X": X, "y": y}[argument][4, ...] = np.nan
    loss, gradient = kernels.linear_loss_gradient(theta, X, y)
    assert np.isnan(loss)
    assert np.all(np.isnan(gradient))
    if argument == "X":
        rows = np.isnan(kernels.linear_predict(theta, X)).reshape(13, -1)
        np.testing.assert_array_equal(np.all(rows, axis=1), np.arange(13) == 4)
        np.testing.assert_array_equal(np.any(rows, axis=1), np.arange(13) == 4)
