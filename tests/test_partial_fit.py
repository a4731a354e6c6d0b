"""``partial_fit`` for several epochs: as many calls, to the last bit."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

import steepest as st
from steepest.stopping import MaxSteps, NoImprovement

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CASES = {
    "linear": (st.LinearRegression, {}),
    "linear, batches": (st.LinearRegression, {"batch_size": 16, "learning_rate": 0.05}),
    "linear, Adam": (st.LinearRegression, {"batch_size": 16, "optimizer": st.Adam(0.1)}),
    "polynomial": (st.PolynomialRegression, {}),
    "polynomial, batches": (st.PolynomialRegression, {"batch_size": 16, "learning_rate": 0.05}),
    "logistic": (st.LogisticRegression, {"batch_size": 16}),
    "logistic, weighted": (st.LogisticRegression, {"class_weight": {0: 3.0}}),
    "regressor": (st.MLPRegressor, {}),
    "regressor, one output": (st.MLPRegressor, {"hidden_layer_sizes": ()}),
    "classifier": (st.MLPClassifier, {}),
    "classifier, weighted": (st.MLPClassifier, {"class_weight": {0: 3.0}}),
    "in order": (st.MLPClassifier, {"shuffle": False}),
    "invscaling": (st.MLPRegressor, {"solver": "sgd", "learning_rate": "invscaling"}),
    "adaptive": (
        st.MLPRegressor,
        {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.5},
    ),
    "no patience": (st.MLPRegressor, {"n_iter_no_change": 1, "tol": 0.5}),
    "no patience by a rule": (st.MLPRegressor, {"stop": [NoImprovement(1, absolute=0.5)]}),
    "some steps of each epoch": (st.MLPClassifier, {"stop": [MaxSteps(2)]}),
}


@pytest.fixture(params=CASES, ids=str)
def case(request, rng):
    """(kind, parameters, X, y, keywords of a first call)."""
    kind, parameters = CASES[request.param]
    if kind in (st.MLPRegressor, st.MLPClassifier):
        parameters = {"hidden_layer_sizes": (5,), "batch_size": 16, **parameters}
    X = rng.uniform(-1, 1, (70, 1 if kind is st.PolynomialRegression else 3))
    y = X.sum(axis=1)
    if kind in (st.LogisticRegression, st.MLPClassifier):
        return kind, parameters, X, (y > 0).astype(int), {"classes": [0, 1]}
    return kind, parameters, X, y, {}


def state(model):
    """Everything that a fit leaves, without the time it took, and where the random state is."""
    fitted = copy.deepcopy(vars(model))
    for name in ("history_", "n_iter_", "status_"):
        fitted.pop(name)
    stream = fitted.pop("random_state")
    if isinstance(stream, np.random.RandomState):
        fitted["stream"] = stream.get_state()[1:3]
    return pickle.dumps(fitted)


@pytest.mark.parametrize("epochs", [2, 7])
def test_epochs_are_as_many_calls(case, epochs):
    kind, parameters, X, y, first = case
    weights = np.linspace(0.5, 1.5, len(y))
    at_once = kind(random_state=np.random.RandomState(3), **parameters)
    one_by_one = clone(at_once)
    at_once.partial_fit(X, y, sample_weight=weights, **first)
    at_once.partial_fit(X, y, sample_weight=weights, epochs=epochs)
    for call in range(1 + epochs):
        one_by_one.partial_fit(X, y, sample_weight=weights, **(first if call == 0 else {}))
    np.testing.assert_array_equal(at_once.predict(X), one_by_one.predict(X))
    np.testing.assert_array_equal(at_once.loss_curve_, one_by_one.loss_curve_)
    assert state(at_once) == state(one_by_one)
    assert at_once.status_ == one_by_one.status_
    at_once.partial_fit(X, y)  # and both go on alike
    one_by_one.partial_fit(X, y)
    assert state(at_once) == state(one_by_one)


def test_several_epochs_in_the_first_call(case):
    kind, parameters, X, y, first = case
    at_once = kind(random_state=np.random.RandomState(3), **parameters)
    one_by_one = clone(at_once).partial_fit(X, y, **first)
    at_once.partial_fit(X, y, epochs=3, **first)
    one_by_one.partial_fit(X, y).partial_fit(X, y)
    assert state(at_once) == state(one_by_one)


@pytest.mark.parametrize("kind", [st.MLPRegressor, st.MLPClassifier])
def test_an_integer_seed_gives_one_stream_to_a_call(kind, rng):
    """The first call's epochs are those of a RandomState of that seed; other calls begin the stream anew."""
    X = rng.standard_normal((70, 3))
    y = (X.sum(axis=1) > 0).astype(int)
    first = {"classes": [0, 1]} if kind is st.MLPClassifier else {}
    parameters = {"hidden_layer_sizes": (5,), "batch_size": 16}
    stream = kind(**parameters, random_state=np.random.RandomState(3))
    stream.partial_fit(X, y, epochs=6, **first)
    for stop in ((), [NoImprovement(1000)]):  # the second goes by epochs
        model = kind(**parameters, stop=stop, random_state=3)
        model.partial_fit(X, y, epochs=6, **first)
        np.testing.assert_array_equal(model.predict(X), stream.predict(X))
        assert model.loss_curve_ == stream.loss_curve_
        assert model.n_iter_ == 6
    one_by_one = kind(**parameters, random_state=3)
    for _ in range(6):
        one_by_one.partial_fit(X, y, **first)
    assert one_by_one.loss_curve_[0] == stream.loss_curve_[0]
    assert one_by_one.loss_curve_[1:] != stream.loss_curve_[1:]


def test_callbacks_hear_of_each_epoch_and_may_stop(case):
    kind, parameters, X, y, first = case
    losses = []

    def callback(record):
        losses.append(record["loss"])
        return len(losses) >= 3

    model = kind(random_state=0, callbacks=callback, **parameters)
    model.partial_fit(X, y, epochs=50, **first)
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-14)
    assert len(losses) == 3
    assert model.status_ == "callback"


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "2", None])
def test_bad_epochs(case, epochs):
    kind, parameters, X, y, first = case
    model = kind(**parameters)
    with pytest.raises((TypeError, ValueError), match=r"epochs"):
        model.partial_fit(X, y, epochs=epochs, **first)
    assert set(vars(model)) == set(model.get_params())


def test_an_error_undoes_all_epochs(case):
    kind, parameters, X, y, first = case
    model = kind(random_state=0, **parameters).partial_fit(X, y, **first)
    before = state(model)
    with pytest.raises(ValueError, match=r"rows|inconsistent"):
        model.partial_fit(X, y[:-1], epochs=3)
    assert state(model) == before


# ---------------------------------------------------------------- a polynomial


def test_a_polynomial_keeps_the_domain_of_its_first_points():
    x = np.linspace(-2, 3, 100)
    y = 1 - x + 0.5 * x**2
    model = st.PolynomialRegression(degree=2).partial_fit(x, y)
    for _ in range(400):
        model.partial_fit(x[::2], y[::2])
    assert model.domain_ == (-2.0, 3.0)
    np.testing.assert_allclose(model.monomial_coef_, [1, -1, 0.5], atol=1e-6)
    np.testing.assert_allclose(model.predict(x), y, atol=1e-6)


def test_a_polynomials_pass_is_one_step_of_gradient_descent():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, 50), rng.standard_normal(50)
    x[:2] = -1, 1  # the domain
    model = st.PolynomialRegression(degree=3, basis="monomial", learning_rate=0.1)
    coef, powers = np.zeros(4), np.vander(x, 4, increasing=True)
    for _ in range(3):
        coef -= 0.1 * 2 / 50 * powers.T @ (powers @ coef - y)
    np.testing.assert_allclose(model.partial_fit(x, y, epochs=3).coef_, coef, rtol=1e-12)
