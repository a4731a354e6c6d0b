"""The MLP estimators train as scikit-learn's do, number by number: weights, shuffles, updates, stops.

scikit-learn trains beside ours in the same process. One ulp on the initial weights moves its own loss curve by
about 1e-15 in 40 epochs, so agreement to 1e-10 leaves room for another order of summation, and for nothing else.
"""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import sklearn.neural_network as sk
from sklearn.utils import check_random_state

import steepest as st
from steepest import _native

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS, INPUTS = 90, 4
ACTIVATIONS = ("identity", "relu", "tanh", "logistic")

# Sample weights and the Poisson loss came to scikit-learn's MLP with 1.7.
has_weights = "sample_weight" in inspect.signature(sk.MLPRegressor.fit).parameters
since_1_7 = pytest.mark.skipif(
    not has_weights, reason="scikit-learn's MLP is older than its sample weights"
)


def _numbers(X, rng):
    return np.tanh(X @ rng.standard_normal(INPUTS)) + 0.1 * rng.standard_normal(len(X))


def _classes(count):
    def draw(X, rng):
        scores = X @ rng.standard_normal((INPUTS, count)) + rng.standard_normal((len(X), count))
        return scores.argmax(axis=1)

    return draw


def _labels(count):
    return lambda X, rng: (X @ rng.standard_normal((INPUTS, count)) > 0.3).astype(int)


PROBLEMS = {
    "regression": ("MLPRegressor", _numbers, {}),
    "two outputs": (  # without a penalty, so that scikit-learn's loss is ours but for a factor
        "MLPRegressor",
        lambda X, rng: np.column_stack([_numbers(X, rng), _numbers(X, rng)]),
        {"alpha": 0.0},
    ),
    "counts": (
        "MLPRegressor",
        lambda X, rng: rng.poisson(np.exp(0.5 * _numbers(X, rng))).astype(float),
        {"loss": "poisson"},
    ),
    "two classes": ("MLPClassifier", _classes(2), {}),
    "four classes": ("MLPClassifier", _classes(4), {}),
    "three labels": ("MLPClassifier", _labels(3), {}),
}
if not has_weights:
    del PROBLEMS["counts"]

SOLVERS = {
    "adam": {"learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.02},
    "sgd without nesterov": {
        "solver": "sgd",
        "learning_rate_init": 0.02,
        "nesterovs_momentum": False,
    },
    "sgd without momentum": {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0},
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.2,
        "power_t": 0.3,
    },
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "tol": 1e-2,
        "n_iter_no_change": 2,
    },
}


class Pair:
    """Our estimator and scikit-learn's, with the same parameters; what is done is done to both."""

    def __init__(self, problem, rng, dtype=np.float64, **parameters):
        name, draw, own = PROBLEMS[problem]
        parameters = {
            "hidden_layer_sizes": (7,),
            "batch_size": 16,
            "max_iter": 40,
            "random_state": 5,
            **own,
            **parameters,
        }
        self.problem = problem
        self.X = rng.standard_normal((ROWS, INPUTS)).astype(dtype)
        self.y = draw(self.X.astype(np.float64), rng)
        if name == "MLPRegressor":
            self.y = self.y.astype(dtype)
        self.weights = rng.uniform(0.2, 2.0, ROWS).astype(dtype)
        self.ours, self.theirs = (getattr(of, name)(**parameters) for of in (st, sk))
        if isinstance(parameters["random_state"], np.random.RandomState):
            self.theirs.random_state = copy_of(parameters["random_state"])

    def fit(self, weighted=False):
        for model in (self.ours, self.theirs):
            model.fit(self.X, self.y, *([self.weights] if weighted else []))
        return self

    def partial_fit(self, rows, weighted=False):
        for model in (self.ours, self.theirs):
            named = {"sample_weight": self.weights[rows]} if weighted else {}
            if hasattr(model, "predict_proba"):
                count = self.y.shape[1] if self.y.ndim == 2 else self.y.max() + 1
                named["classes"] = np.arange(count)
            model.partial_fit(self.X[rows], self.y[rows], **named)

    def assert_same(self, curve=1e-10, predictions=1e-8):
        ours, theirs = self.ours, self.theirs
        # scikit-learn reports the squared error divided by the outputs; we, what is differentiated
        outputs = 2 if self.problem == "two outputs" else 1

        assert ours.n_iter_ == theirs.n_iter_
        assert ours.t_ == theirs.t_
        close(ours.loss_curve_, outputs * np.array(theirs.loss_curve_), curve)
        close(ours.loss_, outputs * theirs.loss_, curve)
        if theirs.best_loss_ is None:
            assert ours.best_loss_ is None
            close(ours.validation_scores_, theirs.validation_scores_, curve, atol=curve)
            close(ours.best_validation_score_, theirs.best_validation_score_, curve, atol=curve)
        else:
            assert ours.validation_scores_ is ours.best_validation_score_ is None
            close(ours.best_loss_, outputs * theirs.best_loss_, curve)
        for part in ("coefs_", "intercepts_"):
            for actual, desired in zip(getattr(ours, part), getattr(theirs, part), strict=True):
                assert actual.dtype == desired.dtype
                close(actual, desired, predictions, atol=predictions)
        assert ours.out_activation_ == theirs.out_activation_
        assert ours.n_outputs_ == theirs.n_outputs_
        close(ours.predict(self.X), theirs.predict(self.X), predictions, atol=predictions)
        close(ours.score(self.X, self.y), theirs.score(self.X, self.y), predictions)
        if hasattr(theirs, "predict_proba"):
            np.testing.assert_array_equal(ours.classes_, theirs.classes_)
            for method in ("predict_proba", "predict_log_proba"):
                actual, desired = (getattr(m, method)(self.X) for m in (ours, theirs))
                close(actual, desired, predictions, atol=predictions)
        else:
            assert ours.predict(self.X).dtype == theirs.predict(self.X).dtype


def close(actual, desired, rtol, atol=0.0):
    np.testing.assert_allclose(actual, desired, rtol=rtol, atol=atol)


def copy_of(random_state):
    other = np.random.RandomState()
    other.set_state(random_state.get_state())
    return other


def assert_same_stream(ours, theirs):
    """What either draws next is the same, a number of the normal distribution in waiting included."""
    ours, theirs = (r.get_state(legacy=False) for r in (ours, theirs))
    for name in ("key", "pos"):
        np.testing.assert_array_equal(ours["state"][name], theirs["state"][name])
    assert [ours["has_gauss"], ours["gauss"]] == [theirs["has_gauss"], theirs["gauss"]]


# ---------------------------------------------------------------- the generator


def twister(random_state):
    state = random_state.get_state(legacy=False)["state"]
    return state["key"], state["pos"]


def assert_same_state(actual, random_state):
    key, position = twister(random_state)
    np.testing.assert_array_equal(actual[0], key)
    assert actual[1] == position


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 1000])
def test_words_are_numpys(isa, seed, drawn):
    random_state = np.random.RandomState(seed)
    random_state.randint(2**32, size=drawn, dtype=np.uint32)
    for n in (0, 1, 622, 623, 624, 625, 2000):
        words, after = _native.core.twister_words(twister(random_state), n)
        desired = random_state.randint(2**32, size=n, dtype=np.uint32)
        np.testing.assert_array_equal(words, desired)
        assert_same_state(after, random_state)


@pytest.mark.parametrize("seed", [0, 1, 5, 2**31, 2**32 - 1])
def test_seeds_are_numpys(isa, seed):
    words, after = _native.core.twister_words(seed, 1000)
    random_state = np.random.RandomState(seed)
    np.testing.assert_array_equal(words, random_state.randint(2**32, size=1000, dtype=np.uint32))
    assert_same_state(after, random_state)


SIZES = sorted(
    {0, 1, 2, 3, 5, 100, 1000, 100_000} | {2**k + d for k in range(2, 18) for d in (-1, 0, 1)}
)


@pytest.mark.parametrize("seed", [0, 7])
def test_shuffles_are_numpys(isa, seed):
    """One after the other, so that each starts where the last one ended."""
    random_state = np.random.RandomState(seed)
    for n in SIZES + SIZES[:40]:
        order, after = _native.core.twister_shuffle(twister(random_state), n)
        desired = np.arange(n)
        random_state.shuffle(desired)
        np.testing.assert_array_equal(order, desired, err_msg=f"n = {n}")
        assert_same_state(after, random_state)


@pytest.mark.parametrize("state", [(np.zeros(623, np.uint32), 0), (np.zeros(624, np.uint32), 625)])
def test_a_state_must_be_one(state):
    with pytest.raises(ValueError, match=r"MT19937"):
        _native.core.twister_shuffle(state, 3)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize(
    "weighted", [False, pytest.param(True, marks=since_1_7)], ids=["", "weighted"]
)
@pytest.mark.parametrize("early_stopping", [False, True], ids=["", "early stopping"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_training(rng, problem, solver, early_stopping, weighted):
    pair = Pair(problem, rng, early_stopping=early_stopping, **SOLVERS[solver])
    pair.fit(weighted).assert_same()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_activations(isa, rng, problem, activation):
    pair = Pair(problem, rng, activation=activation, hidden_layer_sizes=(6, 5), max_iter=20)
    pair.fit().assert_same()


@pytest.mark.parametrize("batch_size", [1, 7, ROWS - 1, ROWS, ROWS + 1, "auto"])
def test_batches(rng, batch_size):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Got `batch_size` less than 1 or larger", UserWarning)
        Pair("regression", rng, batch_size=batch_size, max_iter=10).fit().assert_same()


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_single_precision(rng, problem, early_stopping):
    """Both round by themselves: 160 steps, whose errors the curvature stretches."""
    pair = Pair(problem, rng, np.float32, early_stopping=early_stopping, learning_rate_init=0.01)
    pair.fit().assert_same(curve=1e-4, predictions=2e-3)


@pytest.mark.parametrize("outputs", [2, 5])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_labels(rng, outputs, early_stopping):
    """Two labels are not two classes; a row may have none, and all."""
    pair = Pair("three labels", rng, early_stopping=early_stopping)
    pair.y = _labels(outputs)(pair.X, rng)
    assert {0, outputs} <= set(pair.y.sum(axis=1))
    pair.fit().assert_same()
    assert pair.ours.predict(pair.X).shape == pair.ours.predict_proba(pair.X).shape == pair.y.shape
    assert pair.ours.predict(pair.X).dtype == pair.theirs.predict(pair.X).dtype


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "invscaling"])
@pytest.mark.parametrize("problem", [p for p in PROBLEMS if p != "two outputs"])
def test_the_end(rng, problem, solver, early_stopping):
    parameters = {**SOLVERS[solver], "tol": 3e-3, "n_iter_no_change": 4, "max_iter": 200}
    pair = Pair(problem, rng, early_stopping=early_stopping, **parameters).fit()
    assert pair.theirs.n_iter_ < 200
    pair.assert_same()


@pytest.mark.parametrize("rate", [0.000125, 0.01])
def test_the_adaptive_rate_ends(rng, rate):
    """Divided by 5 until it is 1e-6: 0.000125 / 5 / 5 / 5 is not, as it is rounded."""
    parameters = SOLVERS["adaptive"] | {"learning_rate_init": rate, "tol": 10.0, "max_iter": 60}
    pair = Pair("regression", rng, **parameters).fit()
    assert pair.theirs.n_iter_ < 60
    pair.assert_same()


def test_early_stopping_without_patience_restores_the_best(rng):
    parameters = {"early_stopping": True, "n_iter_no_change": np.inf, "learning_rate_init": 0.1}
    pair = Pair("four classes", rng, **parameters).fit()
    assert pair.theirs.n_iter_ == 40
    assert pair.theirs.validation_scores_[-1] < pair.theirs.best_validation_score_
    pair.assert_same()


# ---------------------------------------------------------------- going on


@pytest.mark.parametrize("random_state", [5, np.random.RandomState(3)], ids=["seed", "stream"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", ["regression", "four classes"])
def test_warm_starts(rng, problem, solver, early_stopping, random_state):
    pair = Pair(
        problem,
        rng,
        early_stopping=early_stopping,
        warm_start=True,
        max_iter=8,
        random_state=random_state,
        **SOLVERS[solver],
    )
    for _ in range(4):
        pair.fit().assert_same()


@pytest.mark.parametrize("random_state", [5, np.random.RandomState(3)], ids=["seed", "stream"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_partial_fits(rng, problem, solver, random_state):
    """Of parts of the data, of different sizes: each call starts from their own order."""
    pair = Pair(problem, rng, random_state=random_state, **SOLVERS[solver])
    for k in range(12):
        pair.partial_fit(slice(20 * (k % 3), 90 - 10 * (k % 4)), weighted=has_weights and k % 2)
    pair.assert_same()


@pytest.mark.parametrize("solver", SOLVERS)
def test_partial_fits_after_a_fit(rng, solver):
    pair = Pair("regression", rng, max_iter=5, **SOLVERS[solver]).fit()
    for _ in range(3):
        pair.partial_fit(slice(None))
        pair.assert_same()


# ---------------------------------------------------------------- whose stream it is


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_stream_goes_on(rng, shuffle, early_stopping):
    """What is drawn after a fit is what would be drawn after scikit-learn's, so a second fit agrees too."""
    random_state = np.random.RandomState(11)
    random_state.standard_normal(3)  # leaves one in waiting
    pair = Pair(
        "two classes",
        rng,
        random_state=random_state,
        shuffle=shuffle,
        early_stopping=early_stopping,
        max_iter=9,
    )
    for _ in range(2):
        pair.fit().assert_same()
        assert_same_stream(random_state, pair.theirs.random_state)
    assert random_state.standard_normal() == pair.theirs.random_state.standard_normal()


def test_without_a_random_state_it_is_numpys(rng):
    pair = Pair("regression", rng, random_state=None)
    shared = check_random_state(None)
    before = shared.get_state()
    try:
        curves, after = [], []
        for model in (pair.ours, pair.theirs):
            shared.seed(8)
            curves.append(model.fit(pair.X, pair.y).loss_curve_)
            after.append(shared.random_sample())
    finally:
        shared.set_state(before)
    close(*curves, 1e-10)
    assert after[0] == after[1]


def test_what_others_draw_meanwhile_is_not_drawn_again(rng):
    """The stream stays where they left it."""
    random_state, left = np.random.RandomState(4), []

    def draw(record):
        random_state.random_sample()
        left.append(copy_of(random_state))

    X = rng.standard_normal((30, 2))
    model = st.MLPRegressor(
        hidden_layer_sizes=(3,), max_iter=6, random_state=random_state, callbacks=draw
    )
    model.fit(X, X[:, 0])
    assert_same_stream(random_state, left[-1])


def test_a_stream_of_another_generator_works(rng):
    """NumPy's RandomState can hold any; from one that the core does not know comes a stream that it does."""
    X = rng.standard_normal((30, 2))

    def fit(random_state):
        model = st.MLPRegressor(hidden_layer_sizes=(3,), max_iter=4, random_state=random_state)
        return model.fit(X, X[:, 0]).loss_curve_

    random_state = np.random.RandomState(np.random.PCG64(6))
    first, second = fit(random_state), fit(random_state)
    assert first == fit(np.random.RandomState(np.random.PCG64(6)))
    assert first != second
