"""Every loss by itself: against scikit-learn's own, the reference, finite differences and by hand."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, astuple

import numpy as np
import pytest
from gradcheck import assert_gradient
from sklearn._loss import loss as sklearn_losses
from sklearn.base import clone
from sklearn.linear_model import _sgd_fast as sgd
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance
from tolerances import assert_close, in_float64

import steepest as st
from steepest import _native
from steepest import reference as ref
from steepest.losses import (
    AbsoluteError,
    ClassificationLoss,
    EpsilonInsensitive,
    Hinge,
    Huber,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    Poisson,
    Quantile,
    RegressionLoss,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
    check_loss,
    loss_named,
    means,
)

F64 = np.float64
REGRESSION = (
    SquaredError(),
    AbsoluteError(),
    Huber(0.7),
    Quantile(0.2),
    Poisson(),
    EpsilonInsensitive(0.3),
    SquaredEpsilonInsensitive(0.3),
)
CLASSIFICATION = (LogLoss(), Hinge(), SquaredHinge(), ModifiedHuber(), Perceptron())
LOSSES = REGRESSION + CLASSIFICATION
SHAPES = [(n,) for n in (0, 1, 7, 8, 9, 16, 17, 40)] + [(13, 3), (5, 16), (2, 3, 4)]


def by_word(loss):
    return loss.word


def entries(rng, loss, shape, dtype=F64):
    """Outputs, and targets that the loss can have."""
    f = (1.5 * rng.standard_normal(shape)).astype(dtype)
    if isinstance(loss, ClassificationLoss):
        return f, rng.integers(0, 2, shape).astype(dtype)
    if isinstance(loss, Poisson):
        return f, rng.poisson(2.0, shape).astype(dtype)
    return f, rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_terms_are_the_references(isa, dtype, rng, loss):
    """Values are computed in float64 whatever the dtype, derivatives in it."""
    for shape in SHAPES:
        f, y = entries(rng, loss, shape, dtype)
        f.flat[::4] = y.flat[::4]  # r = 0, and margins of 0 and 1: the kinks
        value, derivative = loss.value(f, y), loss.derivative(f, y)
        assert value.dtype == F64
        assert derivative.dtype == dtype
        desired = ref.loss_terms(in_float64(f), in_float64(y), loss.word, *astuple(loss))
        size = 1 + np.abs(in_float64(f)) * (1 + in_float64(np.abs(y)))
        assert_close(value, desired[0], F64, "transcendental", scale=size**2)
        assert_close(derivative, desired[1], dtype, "transcendental", scale=size)


def sgd_loss(loss):
    """scikit-learn's own loss, for one prediction and one target of -1 or 1."""
    match loss:
        case Hinge():
            return sgd.Hinge(1.0)
        case Perceptron():
            return sgd.Hinge(0.0)
        case SquaredHinge():
            return sgd.SquaredHinge(1.0)
        case ModifiedHuber():
            return sgd.ModifiedHuber()
        case EpsilonInsensitive():
            return sgd.EpsilonInsensitive(loss.epsilon)
        case SquaredEpsilonInsensitive():
            return sgd.SquaredEpsilonInsensitive(loss.epsilon)


@pytest.mark.parametrize(
    "loss",
    [*CLASSIFICATION[1:], EpsilonInsensitive(0.25), SquaredEpsilonInsensitive(0.25)],
    ids=by_word,
)
def test_margins_are_those_of_scikit_learns_sgd(isa, rng, loss):
    """At the kinks too: they are among the outputs."""
    f, y = entries(rng, loss, 300)
    f[:7] = [0, 1, -1, 0.25, -0.25, 0.5, 2]
    y[:7] = [0, 1, 0, 0, 0, 1, 1]
    signed = 2 * y - 1 if isinstance(loss, ClassificationLoss) else y
    theirs = sgd_loss(loss)
    pairs = list(zip(f, signed, strict=True))
    np.testing.assert_allclose(
        loss.value(f, y), [theirs.py_loss(*pair) for pair in pairs], rtol=1e-15
    )
    np.testing.assert_allclose(
        loss.derivative(f, y), [theirs.py_dloss(*pair) for pair in pairs], rtol=1e-15
    )


@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        (AbsoluteError(), sklearn_losses.AbsoluteError()),
        (Huber(0.7), sklearn_losses.HuberLoss(delta=0.7)),
        (Quantile(0.2), sklearn_losses.PinballLoss(quantile=0.2)),
        (Poisson(), sklearn_losses.HalfPoissonLoss()),
        (LogLoss(), sklearn_losses.HalfBinomialLoss()),
    ],
    ids=lambda loss: getattr(loss, "word", ""),
)
def test_terms_are_those_of_scikit_learns_loss_module(isa, rng, loss, theirs):
    """But for what depends on y alone, which it leaves out of Poisson's."""
    f, y = entries(rng, loss, 300)
    value, derivative = theirs.loss_gradient(y_true=y, raw_prediction=f)
    constant = theirs.constant_to_optimal_zero(y) if isinstance(loss, Poisson) else 0.0
    assert_close(loss.value(f, y), value + constant, F64, "transcendental", scale=1 + y**2 + f**2)
    assert_close(loss.derivative(f, y), derivative, F64, "transcendental", scale=1 + y)


def test_means_are_scikit_learns_metrics(isa, rng):
    f, y = entries(rng, Poisson(), 100)
    deviance = mean_poisson_deviance(y, np.exp(f))
    np.testing.assert_allclose(2 * Poisson().value(f, y).mean(), deviance, rtol=1e-13)
    pinball = mean_pinball_loss(y, f, alpha=0.8)
    np.testing.assert_allclose(Quantile(0.8).value(f, y).mean(), pinball, rtol=1e-13)
    np.testing.assert_allclose(2 * Quantile(0.5).value(f, y), AbsoluteError().value(f, y))


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_derivative_is_that_of_the_value(isa, rng, loss):
    """Away from kinks by more than the step of the difference."""
    f, y = entries(rng, loss, (4, 3))
    f += 0.01 * np.sign(f - y)
    assert_gradient(lambda f: loss.value(f, y).sum(), f, loss.derivative(f, y))


def test_kinks_by_hand(isa, dtype):
    """The derivative that the docstrings name."""
    zero, one = np.zeros(1, dtype), np.ones(1, dtype)
    for loss in (AbsoluteError(), Quantile(0.3), EpsilonInsensitive(0), EpsilonInsensitive(1)):
        assert loss.derivative(one, one) == 0
    for side in (-one, one):
        assert EpsilonInsensitive(1).derivative(side, zero) == 0
        assert EpsilonInsensitive(1).derivative(2 * side, zero) == side
        assert Huber(1).derivative(side, zero) == side
        assert Huber(1).derivative(3 * side, zero) == side
    assert Hinge().derivative(one, one) == -1
    assert Hinge().derivative(-one, zero) == 1
    assert Perceptron().derivative(zero, one) == -1
    assert Perceptron().derivative(zero, zero) == 1


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_nan_is_never_lost(isa, dtype, rng, loss):
    for argument in (0, 1):
        for n, position in [(1, 0), (5, 3), (37, 0), (37, 17), (37, 36)]:
            arrays = list(entries(rng, loss, n, dtype))
            arrays[argument][position] = np.nan
            where = np.arange(n) == position
            np.testing.assert_array_equal(np.isnan(loss.value(*arrays)), where)
            np.testing.assert_array_equal(np.isnan(loss.derivative(*arrays)), where)


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_extreme_outputs_are_the_references(isa, loss):
    """Far away a loss is finite or infinite, but a number: none is a difference of infinities."""
    f = np.array([1e3, -1e3, 1e150, -1e150, 0.0, -0.0, 5e-324])
    for level in (0.0, 1.0):
        y = np.full_like(f, level)
        with np.errstate(over="ignore"):
            desired = ref.loss_terms(f, y, loss.word, *astuple(loss))
        assert_close(loss.value(f, y), desired[0], F64, "transcendental", scale=1.0)
        assert_close(loss.derivative(f, y), desired[1], F64, "transcendental", scale=1.0)


def test_poisson_of_no_counts_and_of_the_smallest(isa):
    """0 log 0 is 0; subnormal numbers are as good as 0."""
    y = np.array([0.0, 5e-324, 2.3e-308, 1e-300])
    assert_close(Poisson().value(np.zeros(4), y), np.ones(4), F64, "transcendental")


@pytest.mark.parametrize("loss", [loss for loss in REGRESSION if loss != Poisson()], ids=by_word)
def test_units(rng, loss):
    """In another unit of y a loss is its unit to the power `degree` as large."""
    f, y = entries(rng, loss, 50)
    unit = 3.5
    scaled = loss.in_unit(unit).value(f / unit, y / unit) * unit**loss.degree
    np.testing.assert_allclose(scaled, loss.value(f, y), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_curvature_is_the_largest_second_derivative(loss):
    """From the steepest secant of the derivative; the losses that have no bound, or a jump, have none."""
    f = np.linspace(-6, 6, 120_001)
    slopes = [
        np.abs(np.diff(loss.derivative(f, np.full_like(f, y)))).max() / (f[1] - f[0])
        for y in (0.0, 1.0)
    ]
    if loss.curvature is None:
        assert max(slopes) > 100
    else:
        np.testing.assert_allclose(max(slopes), loss.curvature, rtol=1e-3)


# ---------------------------------------------------------------- as objects


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_a_loss_is_a_value(loss):
    """Equal if equal, hashable, frozen, pickled and cloned; its word is the object with the defaults."""
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert clone(loss, safe=False) == loss
    assert hash(loss) == hash(type(loss)(*astuple(loss)))
    with pytest.raises(FrozenInstanceError):
        loss.anything = 1
    family = RegressionLoss if loss in REGRESSION else ClassificationLoss
    assert check_loss(loss, family) is loss
    assert check_loss(loss.word, family) == type(loss)()
    assert means(loss, type(loss))
    assert means(loss.word, type(loss))
    assert not means("softmax", type(loss))
    assert type(loss).__name__ in st.losses.__all__


def test_words_are_scikit_learns():
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    ours = {loss.word for loss in LOSSES}
    for estimator in (SGDClassifier, SGDRegressor):
        constraint = estimator._parameter_constraints["loss"][0]
        assert constraint.options <= ours


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(0), "delta must be a finite number > 0"),
        (lambda: Huber(np.inf), "delta must be a finite number > 0"),
        (lambda: Quantile(1), "quantile must be a number > 0 and < 1"),
        (lambda: EpsilonInsensitive(-1), "epsilon must be a finite number >= 0"),
        (lambda: SquaredEpsilonInsensitive(np.nan), "epsilon must be a finite number >= 0"),
        (lambda: loss_named("squared"), "there is no loss 'squared'"),
    ],
)
def test_parameters_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_parameter_that_is_no_number():
    with pytest.raises(TypeError, match="delta must be"):
        Huber("large")


@pytest.mark.parametrize("wrong", ["hinge", "squared", Hinge(), Hinge, None, 1])
def test_a_loss_of_another_family_is_refused_with_those_that_fit(wrong):
    with pytest.raises(ValueError, match=r"loss must be one of 'squared_error', .*'huber'.*but is"):
        check_loss(wrong, RegressionLoss)


def test_shapes_must_be_equal():
    with pytest.raises(
        ValueError, match=r"prediction has shape \(2,\) and target has shape \(3,\)"
    ):
        Huber().value([1, 2], [1, 2, 3])


def test_any_numbers_will_do():
    """Lists, integers, strided arrays: what NumPy can read."""
    assert Huber().value(3, 1) == 1.35 * (2 - 0.675)
    np.testing.assert_array_equal(AbsoluteError().value([1, 5], [2, 2]), [1, 3])
    f = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(SquaredError().value(f.T, np.zeros((4, 3))), f.T**2)


def test_the_softmax_is_no_sum_over_entries():
    with pytest.raises(ValueError, match="softmax"):
        _native.core.loss_terms(np.ones(1), np.ones(1), "softmax")
