"""One activation for each hidden layer: against the reference, and a list of equal words against the word."""

from __future__ import annotations

import pickle
import warnings
from itertools import pairwise, product

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network as sk
from gradcheck import assert_gradient
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from test_network import assert_forward, assert_loss_gradient, problem
from tolerances import assert_close, in_float64

import steepest as st
from steepest import _model_file, kernels
from steepest import reference as ref

ACTIVATIONS = ("identity", "relu", "tanh", "logistic")


def quietly(call, *arguments, **named):
    """Call without the warnings that a limit of epochs was reached."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*arguments, **named)


def parameters_of(model):
    return [*model.coefs_, *model.intercepts_]


def table(rng, n=60, d=4, outputs=None):
    X = rng.standard_normal((n, d))
    shape = (d,) if outputs is None else (d, outputs)
    return X, np.tanh(X @ rng.standard_normal(shape))


# ---------------------------------------------------------------- kernels


@pytest.mark.parametrize("pair", list(product(ACTIVATIONS, repeat=2)), ids=" then ".join)
@pytest.mark.parametrize("widths", [(3, 5, 17, 1), (9, 1, 33, 3)], ids=str)
def test_any_two_layers(isa, dtype, rng, pair, widths):
    weights, biases, X, y = problem(rng, widths, 37, "identity", "identity", dtype)
    if "relu" in pair:  # away from the kinks, which the other rows would show as errors
        X, y = away_from_kinks(weights, biases, X, y, pair)
    for output in ("identity", "logistic"):
        y_there = np.abs(np.tanh(y)) if output == "logistic" else y
        assert_forward(weights, biases, X, output, pair, dtype)
        assert_loss_gradient((weights, biases, X, y_there), output, pair, dtype)


def away_from_kinks(weights, biases, X, y, activations):
    """Return the rows whose pre-activations before every ReLU are not near 0."""
    h, keep = in_float64(X), np.ones(len(X), bool)
    for W, b, a in zip(weights, biases, activations, strict=False):
        z = h @ in_float64(W) + in_float64(b)
        if a == "relu":
            keep &= (np.abs(z) > 1e-3).all(axis=1)
        h = ref.activate(z, a)
    assert keep.sum() > 5
    return X[keep], y[keep]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(2, 16, 1), (9, 17, 5, 3), (5, 2)], ids=str)
def test_a_list_of_equal_words_is_the_word(isa, dtype, rng, activation, widths):
    """(2, 16, 1) is a network of the small kind, with code of its own."""
    weights, biases, X, y = problem(rng, widths, 300, "identity", activation, dtype)
    words = [activation] * (len(weights) - 1)
    for kind in (tuple, list):
        output, hidden = kernels.relu_network_forward(weights, biases, X, activation=kind(words))
        wanted, wanted_hidden = kernels.relu_network_forward(
            weights, biases, X, activation=activation
        )
        np.testing.assert_array_equal(output, wanted)
        for a, b in zip(hidden, wanted_hidden, strict=True):
            np.testing.assert_array_equal(a, b)
        loss, *gradients = kernels.relu_network_loss_gradient(
            weights, biases, X, y, activation=kind(words)
        )
        wanted_loss, *wanted = kernels.relu_network_loss_gradient(
            weights, biases, X, y, activation=activation
        )
        assert loss == wanted_loss
        for parts, wanted_parts in zip(gradients, wanted, strict=True):
            for a, b in zip(parts, wanted_parts, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("relu",), "activation must have one entry for each of the 2 hidden layers, but has 1"),
        (("relu",) * 3, "but has 3"),
        (("relu", "swish"), r"activation\[1\] must be one of .*'relu'.* but is 'swish'"),
        (5, "activation must be one of"),
    ],
    ids=str,
)
def test_bad_words(rng, words, message):
    weights, biases, X, y = problem(rng, (3, 5, 4, 2), 7, "identity", "relu", np.float64)
    for kernel, arguments in (
        (kernels.relu_network_forward, (weights, biases, X)),
        (kernels.relu_network_loss_gradient, (weights, biases, X, y)),
        (kernels.relu_network_input_gradient, (weights, biases, X)),
    ):
        with pytest.raises(ValueError, match=message):
            kernel(*arguments, activation=words)
    with pytest.raises(ValueError, match=message):
        st.MLPRegressor(hidden_layer_sizes=(5, 4), activation=words).fit(X, y)


# ---------------------------------------------------------------- estimators


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_equal_words_train_as_scikit_learn(rng, activation, solver):
    X, y = table(rng)
    parameters = {"hidden_layer_sizes": (6, 5), "solver": solver, "max_iter": 8, "random_state": 0}
    ours = quietly(st.MLPRegressor(activation=[activation] * 2, **parameters).fit, X, y)
    word = quietly(st.MLPRegressor(activation=activation, **parameters).fit, X, y)
    theirs = quietly(sk.MLPRegressor(activation=activation, **parameters).fit, X, y)
    for a, b in zip(parameters_of(ours), parameters_of(word), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=1e-8)


def test_initial_weights_have_the_bound_of_their_layer(rng):
    """Logistic layers start within sqrt(2 / (n_in + n_out)), others within sqrt(6 / ...), out of the same draws."""
    X, y = table(rng, d=30)
    words = ("logistic", "relu", "logistic")
    sizes = (40, 30, 20)
    parameters = {"hidden_layer_sizes": sizes, "random_state": 7, "max_iter": 1}
    start = {"optimizer": st.SGD(0.0)}
    mixed = quietly(st.MLPRegressor(activation=words, **parameters, **start).fit, X, y)
    relu = quietly(st.MLPRegressor(activation="relu", **parameters, **start).fit, X, y)
    widths = [30, *sizes, 1]
    for layer, (n_in, n_out) in enumerate(pairwise(widths)):
        factor = 6.0 if layer == 1 else 2.0  # the output layer's is that of the last hidden one
        for ours, of_relu in (
            (mixed.coefs_[layer], relu.coefs_[layer]),
            (mixed.intercepts_[layer], relu.intercepts_[layer]),
        ):
            wanted = of_relu * np.sqrt(factor / 6.0)  # drawn as low + width u, near 0 a difference
            assert_close(ours, wanted, np.float64, "reduction", 2)
        assert np.abs(mixed.coefs_[layer]).max() <= np.sqrt(factor / (n_in + n_out))


@pytest.mark.parametrize("words", [("tanh", "relu"), ("logistic", "identity")], ids=str)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_a_step_is_down_the_gradient(isa, dtype, rng, words, sparse):
    """Of half the squared error; sparse rows go through a first layer of their own."""
    X = scipy.sparse.random(40, 70, 0.08, "csr", dtype=dtype, random_state=3)
    y = rng.standard_normal((40, 2)).astype(dtype)
    parameters = {"hidden_layer_sizes": (9, 6), "activation": words, "alpha": 0.0, "max_iter": 1}
    parameters |= {"batch_size": 40, "shuffle": False, "random_state": 1}
    given = X if sparse else X.toarray()
    start = quietly(st.MLPRegressor(**parameters, optimizer=st.SGD(0.0)).fit, given, y)
    model = quietly(st.MLPRegressor(**parameters, optimizer=st.SGD(0.5)).fit, given, y)
    weights, biases = in_float64(start.coefs_), in_float64(start.intercepts_)
    X64, y64 = in_float64(X.toarray()), in_float64(y)
    # The mean over both outputs is what their sum, halved, is.
    loss, d_weights, d_biases = ref.relu_network_loss_gradient(
        weights, biases, X64, y64, activation=words
    )
    chain = [71, 10, 7, 40]
    assert_close(model.loss_, loss, dtype, "matmul chain", chain, scale=1.0)
    before = [*weights, *biases]
    expected = [p - 0.5 * g for p, g in zip(before, [*d_weights, *d_biases], strict=True)]
    assert_close(parameters_of(model), expected, dtype, "matmul chain", chain, scale=1.0)


def test_the_reference_is_the_derivative_of_its_loss(rng):
    weights, biases, X, y = problem(rng, (4, 5, 6, 2), 9, "identity", "tanh", np.float64)
    words = ["tanh", "logistic"]

    def loss(parameters):
        return ref.relu_network_loss_gradient(
            parameters[:3], parameters[3:], X, y, "identity", words
        )[0]

    _, d_weights, d_biases = ref.relu_network_loss_gradient(
        weights, biases, X, y, "identity", words
    )
    assert_gradient(loss, [*weights, *biases], [*d_weights, *d_biases])


@pytest.mark.parametrize("kind", [st.MLPRegressor, st.MLPClassifier])
def test_predictions_use_each_layers_own(isa, rng, kind):
    X, y = table(rng)
    y = y if kind is st.MLPRegressor else (y > 0).astype(int)
    words = ("logistic", "tanh", "identity")
    model = quietly(
        kind(hidden_layer_sizes=(7, 6, 5), activation=words, max_iter=3, random_state=0).fit, X, y
    )
    last = "identity" if kind is st.MLPRegressor else "logistic"
    output, _ = ref.relu_network_forward(model.coefs_, model.intercepts_, X, last, words)
    ours = model.predict(X) if kind is st.MLPRegressor else model.predict_proba(X)[:, 1]
    assert_close(ours, output[:, 0], np.float64, "matmul chain", [5, 8, 7, 6], scale=1.0)


def test_validation_uses_each_layers_own(rng):
    X, y = table(rng)
    held = table(rng, 20)
    model = st.MLPRegressor(
        hidden_layer_sizes=(7, 6), activation=("tanh", "logistic"), max_iter=2, random_state=0
    )
    quietly(model.fit, X, y, validation_data=held)
    error = 0.5 * np.mean((model.predict(held[0]) - held[1]) ** 2)
    assert model.history_["validation_loss"][-1] == pytest.approx(error, rel=1e-12)


def test_going_on(rng):
    """partial_fit twice is a fit of two epochs."""
    X, y = table(rng)
    parameters = {"hidden_layer_sizes": (7, 6), "activation": ["tanh", "relu"], "shuffle": False}
    parameters |= {"random_state": 2, "batch_size": 16}
    once = quietly(st.MLPRegressor(max_iter=2, **parameters).fit, X, y)
    twice = st.MLPRegressor(**parameters)
    for _ in range(2):
        twice.partial_fit(X, y)
    for a, b in zip(parameters_of(once), parameters_of(twice), strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_do_not_matter(rng):
    X, y = table(rng, 3000, 30)
    fits = [
        quietly(
            st.MLPRegressor(
                hidden_layer_sizes=(64, 32),
                activation=("tanh", "relu"),
                batch_size=500,
                max_iter=2,
                random_state=0,
                n_threads=n,
            ).fit,
            X,
            y,
        )
        for n in (1, 3)
    ]
    for a, b in zip(*map(parameters_of, fits), strict=True):
        np.testing.assert_array_equal(a, b)


def test_saved_cloned_and_pickled(rng, tmp_path):
    X, y = table(rng)
    words = ("tanh", "relu")
    model = st.MLPRegressor(
        hidden_layer_sizes=(7, 6), activation=words, dropout=(0.1, 0.0), max_iter=2
    )
    assert clone(model).get_params() == model.get_params()
    quietly(model.fit, X, y)
    path = tmp_path / "model.safetensors"
    _model_file.save_pipeline(path, _model_file.Pipeline(model))
    for copy in (_model_file.load_pipeline(path).estimator, pickle.loads(pickle.dumps(model))):
        assert copy.activation == words
        assert copy.dropout == (0.1, 0.0)
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))


def test_changed_after_the_fit_to_what_does_not_fit(rng):
    X, y = table(rng)
    model = quietly(
        st.MLPRegressor(hidden_layer_sizes=(7, 6), activation=("tanh", "relu"), max_iter=2).fit,
        X,
        y,
    )
    model.set_params(activation=("tanh",))
    with pytest.raises(ValueError, match="activation must have one entry for each of the 2 hidden"):
        model.predict(X)
