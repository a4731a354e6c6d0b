"""Recorders: what they say of a network beside what NumPy and scikit-learn make of its weights."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

import steepest as st
from steepest.estimators.callbacks import has_protocol
from steepest.recording import LayerStatistics, ParameterPath

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
protocol = pytest.mark.skipif(not has_protocol(), reason="scikit-learn has no callback protocol")

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(40, 3))
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


def regressor(**settings):
    given = {"hidden_layer_sizes": (6, 4), "alpha": 0.0, "random_state": 1, "max_iter": 3}
    return st.MLPRegressor(**{**given, **settings})


def flat(model):
    return np.concatenate([a.ravel() for a in (*model.coefs_, *model.intercepts_)])


def gradients_by_hand(model, X, y):
    """Return d/dW of (1 / 2n) sum (f(x) - y)^2 + alpha / 2n sum |W|^2, for ReLU layers."""
    values = [X]
    for w, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        values.append(np.maximum(values[-1] @ w + b, 0))
    output = values[-1] @ model.coefs_[-1] + model.intercepts_[-1]
    delta = (output - y[:, None]) / len(X)
    gradients = []
    for value, w in zip(values[::-1], model.coefs_[::-1], strict=True):
        gradients.insert(0, value.T @ delta + model.alpha / len(X) * w)
        delta = (delta @ w.T) * (value > 0)
    return [*values[1:], output], gradients


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_statistics_are_those_of_the_layers(data, alpha):
    X, y = data
    statistics = LayerStatistics(X, y)
    model = regressor(alpha=alpha)
    for _ in range(3):
        model.partial_fit(X, y)
        before = statistics._weights
        statistics.record(model)
        values, gradients = gradients_by_hand(model, X, y)
        for layer in range(3):
            assert_allclose(
                statistics.activations[layer][-1], np.quantile(values[layer], QUANTILES), atol=1e-12
            )
            assert_allclose(
                statistics.gradients[layer][-1],
                np.quantile(np.abs(gradients[layer]), QUANTILES),
                atol=1e-12,
            )
            if before:
                step = model.coefs_[layer] - before[layer]
                assert_allclose(
                    statistics.updates[layer][-1], np.quantile(np.abs(step), QUANTILES), atol=1e-15
                )
                ratio = np.sqrt((step**2).sum() / (before[layer] ** 2).sum())
                assert statistics.update_ratios[-1, layer] == pytest.approx(ratio)
    assert len(statistics) == 3
    assert statistics.layer_sizes == (3, 6, 4, 1)
    assert np.isnan(statistics.update_ratios[0]).all()
    assert np.isnan(statistics.updates[0][0]).all()
    assert np.isfinite(statistics.update_ratios[1:]).all()


def test_dead_units_are_those_that_are_zero_on_all_rows(data):
    X, y = data
    model = regressor().partial_fit(X, y)
    model.intercepts_[0][[1, 4]] = -1e6
    model.intercepts_[1][0] = -1e6
    statistics = LayerStatistics()
    statistics.record(model, X, y)
    alive = [(values != 0).any(axis=0) for values in gradients_by_hand(model, X, y)[0][:-1]]
    assert_allclose(statistics.dead, [[1 - a.mean() for a in alive]], rtol=1e-15)
    assert statistics.dead[0, 0] >= 2 / 6
    smooth = regressor(activation=["tanh", "relu"]).partial_fit(X, y)
    statistics.clear()
    statistics.record(smooth, X, y)
    assert np.isnan(statistics.dead[0, 0])
    assert np.isfinite(statistics.dead[0, 1])


def test_float32_and_classes(data):
    X, y = data
    model = st.MLPClassifier((5,), random_state=0).partial_fit(
        X.astype(np.float32), y > 0, classes=[False, True]
    )
    statistics = LayerStatistics(X.astype(np.float32), y > 0, quantiles=[0.5])
    statistics.record(model)
    assert model.coefs_[0].dtype == np.float32
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    assert statistics.activations[0].shape == (1, 1)
    assert statistics.activations[0][0, 0] == pytest.approx(np.median(hidden), rel=1e-4, abs=1e-6)


@protocol
def test_callbacks_record_the_start_and_every_epoch(data):
    X, y = data
    path, statistics = ParameterPath(), LayerStatistics()
    model = regressor(callbacks=[path, statistics]).fit(X, y)
    assert path.points.shape == (model.n_iter_ + 1, flat(model).size)
    assert len(statistics) == model.n_iter_ + 1
    assert_array_equal(path.points[-1], flat(model))
    for epochs in (1, 2):
        assert_array_equal(path.points[epochs], flat(regressor(max_iter=epochs).fit(X, y)))
    # Glorot's bounds for ReLU in scikit-learn: sqrt(6 / (n_in + n_out)), weights and biases alike.
    start = path.points[0][: 3 * 6]
    assert 0 < np.abs(start).max() <= np.sqrt(6 / 9)
    assert_array_equal(flat(regressor().fit(X, y)), flat(model))  # who watches changes nothing
    alone = LayerStatistics(X, y)
    alone.record(model)
    for ours, theirs in zip(statistics.gradients, alone.gradients, strict=True):
        assert_array_equal(ours[-1], theirs[0])


@protocol
def test_a_second_fit_begins_anew(data):
    path = ParameterPath()
    model = regressor(callbacks=[path])
    model.fit(*data)
    model.fit(*data)
    assert len(path) == 4


@protocol
def test_recorders_refuse_models_without_layers(data):
    with pytest.raises(TypeError, match="model must be an MLPRegressor or MLPClassifier; got Lin"):
        st.LinearRegression(callbacks=[ParameterPath()]).fit(*data)


def test_recorders_can_be_copied(data):
    statistics = LayerStatistics(*data)
    statistics.record(regressor().partial_fit(*data))
    other = copy.deepcopy(statistics)
    statistics.clear()
    assert (len(statistics), len(other)) == (0, 1)


def test_refusals(data):
    X, y = data
    model = regressor().partial_fit(X, y)
    with pytest.raises(ValueError, match="X and y go together: y is missing"):
        LayerStatistics(X)
    for quantiles in ([0.5, 0.5], [0.9, 0.1], [-0.1], [1.1], [], [[0.5]]):
        with pytest.raises(ValueError, match="quantiles must be ascending numbers from 0 to 1"):
            LayerStatistics(quantiles=quantiles)
    with pytest.raises(ValueError, match="there are no rows to look at"):
        LayerStatistics().record(model)
    for recorder in (LayerStatistics(X, y), ParameterPath()):
        with pytest.raises(TypeError, match="model must be an MLPRegressor or MLPClassifier"):
            recorder.record("model")
        with pytest.raises(NotFittedError):
            recorder.record(regressor())
        recorder.record(model)
        with pytest.raises(ValueError, match="model must have"):
            recorder.record(regressor(hidden_layer_sizes=(2,)).partial_fit(X, y))
        assert len(recorder) == 1
    with pytest.raises(ValueError, match="nothing was recorded yet"):
        _ = ParameterPath().points
    with pytest.raises(ValueError, match="nothing was recorded yet"):
        _ = LayerStatistics().dead
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="X must be dense here"):
        LayerStatistics().record(model, sparse.csr_matrix(X), y)
