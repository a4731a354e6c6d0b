"""compact(): the same outputs from fewer neurons, and training that goes on."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from test_bits import bits
from test_descent import compiled
from test_proximal import TANH

import steepest as st
from steepest.estimators.base import Data
from steepest.estimators.compaction import live_neurons
from steepest.stopping import MaxSteps

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def data(rng, rows=80):
    X = rng.standard_normal((rows, 5))
    return X, np.sin(X[:, 0]) + X[:, 1]


def network(widths=(9, 7), **parameters):
    return st.MLPRegressor(
        hidden_layer_sizes=widths, **{"max_iter": 5, "random_state": 0, **parameters}
    )


def forward(model, X):
    """Return the outputs of all layers before their activation, by NumPy."""
    activation = {
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
        "logistic": lambda z: 1 / (1 + np.exp(-z)),
        "identity": lambda z: z,
    }
    words = model.activation
    words = [words] * (len(model.coefs_) - 1) if isinstance(words, str) else list(words)
    outputs, h = [], X
    for w, b, word in zip(model.coefs_, model.intercepts_, [*words, "identity"], strict=True):
        outputs.append(h @ w + b)
        h = activation[word](outputs[-1])
    return outputs


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity", ["tanh", "relu"]])
def test_outputs_stay(rng, dtype, activation):
    X, y = (part.astype(dtype) for part in data(rng))
    model = network(activation=activation).fit(X, y)
    model.coefs_[0][:, [1, 4]] = 0  # constant
    model.coefs_[1][2] = 0  # of no effect
    model.coefs_[1][:, 3] = 0
    model.coefs_[2][5] = 0
    small = model.compact()
    assert small.hidden_layer_sizes == (6, 5)
    assert [w.shape for w in small.coefs_] == [(5, 6), (6, 5), (5, 1)]
    assert [w.dtype for w in small.coefs_] == [dtype] * 3
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(small.predict(X), model.predict(X), atol=100 * eps, rtol=0)
    np.testing.assert_allclose(
        small.predict(X), forward(model, X)[-1][:, 0], atol=100 * eps, rtol=0
    )
    assert model.hidden_layer_sizes == (9, 7)
    assert model.coefs_[0].shape == (5, 9)


def test_weights_that_stay_are_the_same(rng):
    """Where nothing is folded into a bias, biases too."""
    X, y = data(rng)
    model = network().fit(X, y)
    model.coefs_[1][2:4] = 0
    small = model.compact()
    kept = np.array([0, 1, 4, 5, 6, 7, 8])
    assert bits(small.coefs_) == bits(
        [model.coefs_[0][:, kept], model.coefs_[1][kept], model.coefs_[2]]
    )
    assert bits(small.intercepts_) == bits([model.intercepts_[0][kept], *model.intercepts_[1:]])


def test_removal_spreads_up_and_down(rng):
    """A neuron whose only outgoing weight leads to one that goes, goes too; and one that hears only of those."""
    X, y = data(rng)
    model = network((4, 4, 4)).fit(X, y)
    model.coefs_[1][1, 1:] = (
        0  # neuron 1 of the first layer is heard by neuron 0 of the second alone,
    )
    model.coefs_[2][0] = 0  # which is of no effect
    model.coefs_[0][:, 2] = 0  # neuron 2 is constant, and
    model.coefs_[1][[0, 1, 3], 3] = 0  # neuron 3 of the second layer hears nothing else,
    model.coefs_[2][[1, 2], 3] = 0  # nor neuron 3 of the third, but of it
    model.coefs_[2][0, 3] = 0
    small = model.compact()
    assert small.hidden_layer_sizes == (2, 2, 3)
    np.testing.assert_allclose(small.predict(X), model.predict(X), atol=1e-13)


def test_one_neuron_stays(rng):
    X, y = data(rng)
    model = network().fit(X, y)
    model.coefs_[1][...] = 0
    small = model.compact()
    assert small.hidden_layer_sizes == (1, 1)
    np.testing.assert_allclose(small.predict(X), model.predict(X), atol=1e-14)
    assert np.ptp(small.predict(X)) == 0
    assert network(()).fit(X, y).compact().hidden_layer_sizes == ()


def test_dead_relus_of_given_rows(rng):
    X, y = data(rng)
    model = network().fit(X, y)
    model.intercepts_[0][[0, 3]] = -100  # 0 on these rows
    assert model.compact().hidden_layer_sizes == (9, 7)
    first, second = (forward(model, X)[layer] > 0 for layer in (0, 1))
    small = model.compact(X)
    assert small.hidden_layer_sizes == (first.any(axis=0).sum(), second.any(axis=0).sum())
    assert small.hidden_layer_sizes[0] <= 7
    np.testing.assert_allclose(small.predict(X), model.predict(X), atol=1e-13)
    with pytest.raises(ValueError, match="features"):
        model.compact(X[:, :3])
    smooth = network(activation="tanh").fit(X, y)
    assert smooth.compact(X).hidden_layer_sizes == (9, 7)


def test_without_anything_to_remove_it_is_a_copy(rng):
    X, y = data(rng)
    model = network().fit(X, y)
    copy = model.compact()
    assert bits(copy.coefs_) == bits(model.coefs_)
    copy.coefs_[0][...] = 0
    assert model.coefs_[0].any()
    assert copy.history_.keys() == model.history_.keys()
    assert copy.loss_curve_ is not model.loss_curve_
    assert copy.status_ == model.status_


@pytest.mark.parametrize("how", ["neurons", "magnitude"])
def test_training_goes_on(rng, how):
    """Descent of the small network is that of the large one with masks, as long as nothing was folded."""
    X, y = data(rng)
    model = network((12,), alpha=0.0, shuffle=False, optimizer=st.Momentum(0.02)).fit(X, y)
    model.prune(0.5, how)
    model.intercepts_[0][~model.masks_[0].any(axis=0)] = -1.0  # of ReLUs: nothing to fold
    model.set_params(freeze=[(0, "biases")])
    small = model.compact()
    assert all(m.shape == w.shape for m, w in zip(small.masks_, small.coefs_, strict=True))
    if how == "neurons":
        assert small.hidden_layer_sizes == (6,)
    for each in (model, small):
        each.partial_fit(X, y, epochs=3)
    np.testing.assert_allclose(small.predict(X), model.predict(X), rtol=1e-9, atol=1e-11)
    assert small.n_iter_ == 3
    assert small.t_ == model.t_


def test_a_compact_network_warm_starts_and_is_cloned(rng):
    X, y = data(rng)
    model = network(warm_start=True).fit(X, y).prune(0.5, "neurons")
    small = model.compact()
    small.fit(X, y)
    assert small.coefs_[0].shape == (5, small.hidden_layer_sizes[0])
    assert clone(small).fit(X, y).coefs_[0].shape == small.coefs_[0].shape


def test_classifiers(rng):
    X = rng.standard_normal((90, 4))
    y = np.array(["a", "b", "c"])[rng.integers(0, 3, 90)]
    model = st.MLPClassifier((8,), max_iter=5, random_state=0).fit(X, y).prune(3, "neurons")
    small = model.compact()
    assert small.hidden_layer_sizes == (5,)
    np.testing.assert_allclose(small.predict_proba(X), model.predict_proba(X), atol=1e-14)
    np.testing.assert_array_equal(small.predict(X), model.predict(X))
    assert small.partial_fit(X, y).classes_.tolist() == ["a", "b", "c"]


def test_the_core_computes_the_same_from_either(rng):
    """A step of the large network and of the small one, with what was removed frozen at 0."""
    weights = [rng.standard_normal((5, 6)), rng.standard_normal((6, 2))]
    biases = [rng.standard_normal(6), rng.standard_normal(2)]
    weights[1][[1, 4]] = 0
    rows = Data(rng.standard_normal((20, 5)), rng.standard_normal((20, 2)))
    (kept,), folded = live_neurons(weights, biases, ["tanh"], [np.zeros(6, bool)])
    assert kept.tolist() == [True, False, True, True, False, True]
    large, _ = compiled(weights, biases, rows, TANH, st.SGD(0.1), stop=[MaxSteps(1)])
    small, _ = compiled(
        [np.ascontiguousarray(weights[0][:, kept]), weights[1][kept]],
        [folded[0][kept], folded[1]],
        rows,
        TANH,
        st.SGD(0.1),
        stop=[MaxSteps(1)],
    )
    np.testing.assert_allclose(small.weights[0], large.weights[0][:, kept], atol=1e-14)
    np.testing.assert_allclose(small.weights[1], large.weights[1][kept], atol=1e-14)
