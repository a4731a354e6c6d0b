"""The compiled losses against the reference, finite differences and values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import assert_gradient
from tolerances import assert_close, in_float64

from steepest import kernels
from steepest import reference as ref

F32, F64 = np.float32, np.float64
ROWS = (1, 2, 5, 6, 7, 8, 9, 13, 64, 131, 1025, 2500)
COLUMNS = (1, 7, 8, 9, 15, 16, 17, 33)
SHAPES = [
    *((n,) for n in ROWS),
    *((13, k) for k in COLUMNS),
    *((n, 9) for n in (1, 64, 1025)),
]
ELEMENTWISE_LOSSES = ("mse", "mse_gradient", "logistic_cross_entropy")


def pair(rng, shape, dtype):
    return rng.standard_normal((2, *shape)).astype(dtype)


# ---------------------------------------------------------------- mean squared error


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mse(isa, dtype, rng, shape):
    """Even of float32, differences, squares and sum are float64's: so is the tolerance."""
    f, y = pair(rng, shape, dtype)
    loss = kernels.mse(f, y)
    assert type(loss) is float
    assert_close(loss, ref.mse(in_float64(f), in_float64(y)), F64, "reduction", f.size)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mse_gradient(isa, dtype, rng, shape):
    f, y = pair(rng, shape, dtype)
    gradient = kernels.mse_gradient(f, y)
    assert gradient.dtype == dtype
    assert_close(gradient, ref.mse_gradient(in_float64(f), in_float64(y)), dtype, "elementwise")


def test_mse_by_hand(isa, dtype):
    f = np.array([[1, 2], [3, 5]], dtype)
    y = np.array([[0, 4], [3, 2]], dtype)
    assert kernels.mse(f, y) == 3.5
    np.testing.assert_array_equal(kernels.mse_gradient(f, y), [[0.5, -1.0], [0.0, 1.5]])


@pytest.mark.parametrize("position", [0, 1, 500, 1000])
def test_mse_of_float32_is_summed_in_float64(isa, position):
    """2^24 + 1 is no float32: summed in float32, the thousand ones beside it would be lost."""
    f = np.ones(1001, F32)
    f[position] = 4096
    assert kernels.mse(f, np.zeros_like(f)) == (2**24 + 1000) / 1001


def test_mse_of_float32_takes_differences_in_float64(isa):
    """1 - 2^-30 is 1 in float32, and its square 1 - 2^-29 + 2^-60."""
    loss = kernels.mse(np.array([1], F32), np.array([2.0**-30], F32))
    assert loss == (1 - 2.0**-30) ** 2 != 1


@pytest.mark.parametrize("shape", [(5,), (5, 1), (4, 3)], ids=str)
def test_mse_gradient_is_that_of_mse(isa, rng, shape):
    f, y = pair(rng, shape, F64)
    gradient = kernels.mse_gradient(f, y)
    assert_gradient(lambda f: kernels.mse(f, y), f, gradient, quadratic=True, length=f.size)


# ---------------------------------------------------------------- logistic cross-entropy


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_logistic_cross_entropy(isa, dtype, rng, shape):
    """The loss is computed in float64, its gradient in the data's dtype."""
    z = (4 * rng.standard_normal(shape)).astype(dtype)
    t = rng.random(shape).astype(dtype)
    loss, d_logits = kernels.logistic_cross_entropy(z, t)
    assert type(loss) is float
    assert d_logits.dtype == dtype
    wide_z, wide_t = in_float64(z), in_float64(t)
    desired_loss, desired = ref.logistic_cross_entropy(wide_z, wide_t)
    terms = np.mean(np.abs(wide_z) * (1 + wide_t) + 1)
    assert_close(loss, desired_loss, F64, "matmul chain", z.size, scale=terms)
    scale = (ref.logistic(wide_z) + wide_t) / z.size
    assert_close(d_logits, desired, dtype, "transcendental", scale=scale)


@pytest.mark.parametrize("shape", [(7,), (4, 3)], ids=str)
def test_logistic_gradient_is_that_of_the_loss(isa, rng, shape):
    z, t = 3 * rng.standard_normal(shape), rng.random(shape)
    _, d_logits = kernels.logistic_cross_entropy(z, t)
    assert_gradient(lambda z: kernels.logistic_cross_entropy(z, t)[0], z, d_logits)


@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize("n", [4, 36])
def test_logistic_cross_entropy_of_extreme_logits(isa, dtype, size, n):
    """Wrong and certain costs |z|, right and certain nothing; the gradient is 1, 0, 0 or -1."""
    z = np.tile(np.array([size, -size, size, -size], dtype), n // 4)
    t = np.tile(np.array([0, 0, 1, 1], dtype), n // 4)
    loss, d_logits = kernels.logistic_cross_entropy(z, t)
    assert_close(loss, float(z[0]) / 2, F64, "reduction", n)
    np.testing.assert_array_equal(d_logits, np.tile([1, 0, 0, -1], n // 4) * dtype(1 / n))


def test_logistic_cross_entropy_of_a_right_and_certain_answer_is_not_lost(isa, dtype):
    """log(1 + exp(-40)) is 4e-18, far below the rounding of 1, and not 0."""
    loss, _ = kernels.logistic_cross_entropy(np.array([40], dtype), np.array([1], dtype))
    assert_close(loss, np.log1p(np.exp(-40.0)), F64, "transcendental")


# ---------------------------------------------------------------- softmax cross-entropy


def assert_softmax(z, target, dtype):
    """Compare with the reference; a loss of float32 is rounded in its exponentials, not its sum."""
    loss, d_logits = kernels.softmax_cross_entropy(z, target)
    assert type(loss) is float
    assert d_logits.dtype == dtype
    wide = in_float64(z)
    n, K = z.shape
    desired_loss, desired = ref.softmax_cross_entropy(wide, in_float64(target))
    t = np.eye(K)[target] if target.ndim == 1 else in_float64(target)
    weight = np.sum(t, axis=1, keepdims=True)
    spread = 1 + np.max(wide, axis=1, keepdims=True) - np.min(wide, axis=1, keepdims=True)
    length = K if dtype == F32 else (K, n)
    scale = np.mean(weight * spread)
    assert_close(loss, desired_loss, dtype, "matmul chain", length, scale=scale, name="loss")
    assert_close(d_logits, desired, dtype, "matmul chain", K, scale=(weight + t) / n)


SOFTMAX_SHAPES = [*((n, 3) for n in ROWS), *((13, k) for k in (1, 2, *COLUMNS[1:])), (1025, 10)]


@pytest.mark.parametrize("shape", SOFTMAX_SHAPES, ids=str)
def test_softmax_cross_entropy_of_classes(isa, dtype, rng, shape):
    z = (4 * rng.standard_normal(shape)).astype(dtype)
    assert_softmax(z, rng.integers(0, shape[1], shape[0]), dtype)


@pytest.mark.parametrize("shape", SOFTMAX_SHAPES, ids=str)
def test_softmax_cross_entropy_of_probabilities(isa, dtype, rng, shape):
    """Rows need not sum to one: they are weights."""
    z = (4 * rng.standard_normal(shape)).astype(dtype)
    assert_softmax(z, rng.random(shape).astype(dtype), dtype)


def test_softmax_gradient_is_that_of_the_loss(isa, rng):
    z, classes = rng.standard_normal((5, 3)), np.array([0, 2, 1, 1, 0])
    for target in (classes, rng.random((5, 3))):
        _, d_logits = kernels.softmax_cross_entropy(z, target)
        assert_gradient(lambda z, t=target: kernels.softmax_cross_entropy(z, t)[0], z, d_logits)


def test_softmax_cross_entropy_by_hand(isa, dtype):
    loss, d_logits = kernels.softmax_cross_entropy(np.zeros((2, 4), dtype), np.array([0, 3]))
    assert_close(loss, np.log(4), F64, "transcendental")  # exp(0) is exact in any dtype
    np.testing.assert_array_equal(d_logits[0], [-0.375, 0.125, 0.125, 0.125])


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_softmax_cross_entropy_of_extreme_logits(isa, dtype, size):
    z = np.array([[size, -size], [size, -size]], dtype)
    loss, d_logits = kernels.softmax_cross_entropy(z, np.array([1, 0]))
    assert loss == float(z[0, 0])  # half of 2 |z|
    np.testing.assert_array_equal(d_logits, [[0.5, -0.5], [0, 0]])
    loss, d_logits = kernels.softmax_cross_entropy(z, np.array([[0, 1], [1, 0]], dtype))
    assert loss == float(z[0, 0])
    np.testing.assert_array_equal(d_logits, [[0.5, -0.5], [0, 0]])


@pytest.mark.parametrize("K", COLUMNS)
def test_equal_logits_are_equal_probabilities_wherever_they_lie(isa, dtype, K):
    for level in (-1e4, 0, 1e4):
        loss, d_logits = kernels.softmax_cross_entropy(np.full((1, K), level, dtype), np.array([0]))
        assert_close(loss, np.log(K), F64, "transcendental")
        assert_close(d_logits[0], 1 / K - np.eye(K)[0], dtype, "elementwise", scale=1.0)


def test_softmax_of_a_class_that_is_ruled_out(isa, dtype):
    """A logit of -inf costs nothing where its class does not occur, and everything where it does."""
    z = np.array([[0.0, -np.inf]], dtype)
    for target in (np.array([0]), np.array([[1, 0]], dtype)):
        loss, d_logits = kernels.softmax_cross_entropy(z, target)
        assert loss == 0
        np.testing.assert_array_equal(d_logits, [[0, 0]])
    for target in (np.array([1]), np.array([[0, 1]], dtype)):
        loss, d_logits = kernels.softmax_cross_entropy(z, target)
        assert loss == np.inf
        np.testing.assert_array_equal(d_logits, [[1, -1]])


@pytest.mark.parametrize("kind", ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i8"])
def test_classes_of_any_integer_dtype(isa, rng, kind):
    z = rng.standard_normal((9, 2))
    classes = rng.integers(0, 2, 9)
    loss, d_logits = kernels.softmax_cross_entropy(z, classes)
    same_loss, same = kernels.softmax_cross_entropy(z, classes.astype(kind))
    assert same_loss == loss
    np.testing.assert_array_equal(same, d_logits)


def test_classes_are_one_hot_probabilities(isa, dtype, rng):
    z, classes = rng.standard_normal((17, 5)).astype(dtype), rng.integers(0, 5, 17)
    loss, d_logits = kernels.softmax_cross_entropy(z, classes)
    same_loss, same = kernels.softmax_cross_entropy(z, np.eye(5, dtype=dtype)[classes])
    assert same_loss == loss
    np.testing.assert_array_equal(same, d_logits)
    np.testing.assert_array_equal(
        kernels.softmax_cross_entropy(z, np.eye(5, dtype=int)[classes])[1], d_logits
    )


# ---------------------------------------------------------------- numbers that are none


@pytest.mark.parametrize("name", ELEMENTWISE_LOSSES)
@pytest.mark.parametrize("argument", [0, 1])
def test_nan_anywhere_is_nan(isa, dtype, rng, name, argument):
    n = 37  # beyond one group of 4 x 8 lanes, with a tail
    for position in range(n):
        arrays = rng.random((2, n)).astype(dtype)
        arrays[argument, position] = np.nan
        result = getattr(kernels, name)(*arrays)
        loss, gradient = result if isinstance(result, tuple) else (result, None)
        if name == "mse_gradient":
            loss, gradient = np.nan, result
        assert np.isnan(loss), position
        if gradient is not None:
            np.testing.assert_array_equal(np.isnan(gradient), np.arange(n) == position)


@pytest.mark.parametrize("K", [1, 3, 9, 17])
@pytest.mark.parametrize("one_hot", [False, True])
def test_nan_logit_is_a_nan_loss_and_a_nan_row(isa, dtype, rng, K, one_hot):
    for position in range(K):
        z = rng.standard_normal((3, K)).astype(dtype)
        z[1, position] = np.nan
        target = rng.integers(0, K, 3)
        loss, d_logits = kernels.softmax_cross_entropy(
            z, np.eye(K, dtype=dtype)[target] if one_hot else target
        )
        assert np.isnan(loss)
        np.testing.assert_array_equal(np.isnan(d_logits), [[False] * K, [True] * K, [False] * K])


def test_infinite_errors_are_infinite(isa, dtype):
    f, y = np.array([np.inf, 0, 1], dtype), np.zeros(3, dtype)
    assert kernels.mse(f, y) == np.inf
    np.testing.assert_array_equal(kernels.mse_gradient(f, y), [np.inf, 0, dtype(2 / 3)])
    assert not np.isfinite(kernels.logistic_cross_entropy(f, y)[0])


# ---------------------------------------------------------------- all of it, entry by entry

NUMBERS = (0.0, -0.0, 1.0, -1.0, 30.0, -100.0, 800.0, 1e4, -1e4, np.inf, -np.inf, np.nan)


@pytest.mark.parametrize("K", range(1, 41))
def test_softmax_of_any_number_of_classes_and_rows(isa, dtype, rng, K):
    """Rows are taken in blocks, and classes in vectors: none may be lost or taken twice at an edge."""
    for n in (*range(1, 10), 15, 16, 17, 31, 32, 33, 63, 64, 65, 70):
        z = (4 * rng.standard_normal((n, K))).astype(dtype)
        assert_softmax(z, rng.integers(0, K, n), dtype)
        assert_softmax(z, rng.random((n, K)).astype(dtype), dtype)


@pytest.mark.filterwarnings("ignore:invalid value")  # of the reference: inf - inf
@pytest.mark.parametrize("K", [1, 2, 3, 5, 8, 9, 16, 17, 33])
def test_softmax_of_extreme_numbers_is_the_references(isa, dtype, rng, K):
    """Each row by itself: what is not finite in one must not reach its neighbours."""
    z = rng.choice(NUMBERS, size=(70, K)).astype(dtype)
    z[::2] = rng.choice(NUMBERS[:9], size=(35, K))
    classes = rng.integers(0, K, 70)
    _, d_logits = kernels.softmax_cross_entropy(z, classes)
    for i in range(70):
        row, target = z[i : i + 1], classes[i : i + 1]
        loss, alone = kernels.softmax_cross_entropy(row, target)
        # The reference has 0 * -inf for a class that is ruled out and does not occur.
        ruled_out = np.isneginf(row) & (np.arange(K) != target)
        low = np.where(ruled_out, -1e6, in_float64(row))
        desired_loss, desired = ref.softmax_cross_entropy(low, target)
        if np.isposinf(row).any() or np.isneginf(row).all():
            assert not np.isfinite(loss)  # inf - inf
            continue
        assert_close(loss, desired_loss, dtype, "matmul chain", K, scale=2e4)
        assert_close(alone, desired, dtype, "matmul chain", K, scale=1.0)
        assert_close(70 * d_logits[i], desired[0], dtype, "matmul chain", K, scale=1.0)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_logistic_of_extreme_numbers_is_the_references(isa, dtype, rng):
    finite = NUMBERS[:9]
    for n in range(1, 71):
        z = rng.choice(finite, size=n).astype(dtype)
        t = rng.choice([0.0, 0.5, 1.0], size=n).astype(dtype)
        loss, d_logits = kernels.logistic_cross_entropy(z, t)
        desired_loss, desired = ref.logistic_cross_entropy(in_float64(z), in_float64(t))
        assert_close(loss, desired_loss, F64, "matmul chain", n, scale=1e4)
        assert_close(d_logits, desired, dtype, "transcendental", scale=1 / n)
        z[n // 2] = np.nan
        loss, d_logits = kernels.logistic_cross_entropy(z, t)
        assert np.isnan(loss)
        np.testing.assert_array_equal(np.isnan(d_logits), np.arange(n) == n // 2)
