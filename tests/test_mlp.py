"""MLPRegressor and MLPClassifier: the objective by finite differences, and scikit-learn step for step.

Without shuffling, scikit-learn's networks and these see the same batches, and they start from the
same weights, drawn from the same stream: so the whole training must be the same, up to rounding.
"""

from __future__ import annotations

import inspect
import pickle
import warnings

import numpy as np
import pytest
import sklearn.neural_network as sk
from gradcheck import numerical_gradient
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from tolerances import assert_close

import steepest as st
from steepest.stopping import MaxEpochs, MaxSteps, NoImprovement

ACTIVATIONS = ("identity", "relu", "tanh", "logistic")


def quietly(call, *arguments, **named):
    """Call without the warnings that a limit of epochs was reached."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*arguments, **named)


def inputs(rng, n=60, d=4):
    return rng.standard_normal((n, d))


def regression(rng, outputs=None, n=60):
    X = inputs(rng, n)
    shape = (4,) if outputs is None else (4, outputs)
    return X, np.tanh(X @ rng.standard_normal(shape)) + 0.1 * rng.standard_normal((n, *shape[1:]))


def classification(rng, classes=2, n=60):
    y = np.arange(n) % classes
    return inputs(rng, n) + rng.standard_normal((classes, 4))[y], y


def multilabel(rng, n=60):
    X = inputs(rng, n)
    return X, (X @ rng.standard_normal((4, 3)) > 0).astype(int)


PROBLEMS = {
    "regression": (st.MLPRegressor, sk.MLPRegressor, regression),
    "two classes": (st.MLPClassifier, sk.MLPClassifier, classification),
    "four classes": (
        st.MLPClassifier,
        sk.MLPClassifier,
        lambda rng: classification(rng, 4),
    ),
    "multilabel": (st.MLPClassifier, sk.MLPClassifier, multilabel),
}


def flat(model):
    return np.concatenate([a.ravel() for a in (*model.coefs_, *model.intercepts_)])


def assert_same_training(ours, theirs, atol=1e-9):
    """Coefficients and losses agree; `atol` is the rounding of all steps, grown by the curvature."""
    np.testing.assert_allclose(flat(ours), flat(theirs), atol=atol, rtol=0)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, atol=atol, rtol=0)
    assert ours.loss_ == pytest.approx(theirs.loss_, abs=atol)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.n_outputs_ == theirs.n_outputs_
    assert ours.out_activation_ == theirs.out_activation_
    if theirs.best_loss_ is None:
        assert ours.best_loss_ is None
    else:
        assert ours.best_loss_ == pytest.approx(theirs.best_loss_, abs=atol)


# ---------------------------------------------------------------- scikit-learn's parameters

# Sample weights and the regressor's loss came to scikit-learn's MLP with 1.7.
since_1_7 = pytest.mark.skipif(
    "sample_weight" not in inspect.signature(sk.MLPRegressor.fit).parameters,
    reason="scikit-learn's MLP is older than its sample weights",
)


@since_1_7
@pytest.mark.parametrize("name", ["MLPRegressor", "MLPClassifier"])
def test_takes_every_parameter_of_scikit_learn_with_its_default(name):
    ours = inspect.signature(getattr(st, name)).parameters
    theirs = inspect.signature(getattr(sk, name)).parameters
    missing = [parameter for parameter in theirs if parameter not in ours]
    assert not missing
    for parameter, theirs_parameter in theirs.items():
        assert ours[parameter].default == theirs_parameter.default, parameter
        assert ours[parameter].kind == theirs_parameter.kind, parameter
    positional = [p for p in theirs if theirs[p].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert list(ours)[: len(positional)] == positional


# ---------------------------------------------------------------- scikit-learn's weights


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(7,), (5, 3), 6, [4, 4], ()], ids=str)
def test_initial_weights_are_scikit_learns(rng, dtype, problem, activation, sizes):
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    X = X.astype(dtype)
    parameters = {
        "hidden_layer_sizes": sizes,
        "activation": activation,
        "random_state": 42,
        "max_iter": 1,
        "solver": "sgd",
        "momentum": 0.0,
        "learning_rate_init": 1e-300,  # its step is nothing
    }
    ours = quietly(kind(**parameters).fit, X, y)
    theirs = quietly(sk_kind(**parameters).fit, X, y)
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- scikit-learn's training


SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "adam, other rates": {
        "solver": "adam",
        "learning_rate_init": 0.02,
        "beta_1": 0.8,
        "beta_2": 0.99,
        "epsilon": 1e-6,
    },
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "sgd without momentum": {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0},
    "sgd without Nesterov": {
        "solver": "sgd",
        "learning_rate_init": 0.05,
        "momentum": 0.8,
        "nesterovs_momentum": False,
    },
    "invscaling": {
        "solver": "sgd",
        "learning_rate_init": 0.3,
        "learning_rate": "invscaling",
        "power_t": 0.3,
    },
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("batch_size", ["auto", 16])
def test_training_is_scikit_learns(rng, problem, solver, batch_size):
    """Four batches of 16, 16, 16 and 12 rows, or one of all."""
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    parameters = {
        "hidden_layer_sizes": (8, 5),
        "activation": "tanh",
        "alpha": 0.3,
        "batch_size": batch_size,
        "shuffle": False,
        "max_iter": 15,
        "random_state": 1,
        **SOLVERS[solver],
    }
    ours = quietly(kind(**parameters).fit, X, y)
    theirs = quietly(sk_kind(**parameters).fit, X, y)
    assert_same_training(ours, theirs)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-8)
    if hasattr(ours, "predict_proba"):
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(), (3,), (17, 16), (4, 4, 4, 4)], ids=str)
def test_training_is_scikit_learns_for_all_activations(isa, rng, activation, sizes):
    X, y = classification(rng, 3)
    parameters = {
        "hidden_layer_sizes": sizes,
        "activation": activation,
        "batch_size": 13,
        "shuffle": False,
        "max_iter": 5,
        "random_state": 3,
    }
    ours = quietly(st.MLPClassifier(**parameters).fit, X, y)
    theirs = quietly(sk.MLPClassifier(**parameters).fit, X, y)
    assert_same_training(ours, theirs)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_training_is_scikit_learns_in_float32(rng, problem):
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    parameters = {
        "hidden_layer_sizes": (8,),
        "activation": "tanh",
        "solver": "sgd",
        "learning_rate_init": 0.05,
        "batch_size": 16,
        "shuffle": False,
        "max_iter": 5,
        "random_state": 1,
    }
    X = X.astype(np.float32)
    ours = quietly(kind(**parameters).fit, X, y)
    theirs = quietly(sk_kind(**parameters).fit, X, y)
    assert_same_training(ours, theirs, atol=1e-5)
    assert {a.dtype for a in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
    if kind is st.MLPRegressor:
        assert ours.predict(X).dtype == np.float32
    else:
        assert ours.predict_proba(X).dtype == np.float32


def test_several_outputs_take_scikit_learns_steps(rng):
    """Only the steps: scikit-learn reports the mean over the outputs, but differentiates their sum."""
    X, y = regression(rng, outputs=3)
    parameters = {
        "hidden_layer_sizes": (8,),
        "batch_size": 16,
        "shuffle": False,
        "max_iter": 10,
        "random_state": 1,
        "alpha": 0.0,
    }
    ours = quietly(st.MLPRegressor(**parameters).fit, X, y)
    theirs = quietly(sk.MLPRegressor(**parameters).fit, X, y)
    np.testing.assert_allclose(flat(ours), flat(theirs), atol=1e-9)
    np.testing.assert_allclose(ours.loss_curve_, 3 * np.array(theirs.loss_curve_), rtol=1e-9)
    assert ours.predict(X).shape == (60, 3)


@since_1_7
@pytest.mark.parametrize("problem", ["regression", "two classes", "four classes"])
@pytest.mark.parametrize("batch_size", [16, 60])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_sample_weights_are_scikit_learns(rng, problem, batch_size, solver):
    """Losses are weighted means over the batch, and the penalty is divided by the batch's sum of weights."""
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    weights = rng.uniform(0.1, 3, 60)
    parameters = {
        "hidden_layer_sizes": (8,),
        "activation": "tanh",
        "solver": solver,
        "alpha": 0.5,
        "batch_size": batch_size,
        "shuffle": False,
        "max_iter": 10,
        "random_state": 1,
    }
    ours = quietly(kind(**parameters).fit, X, y, sample_weight=weights)
    theirs = quietly(sk_kind(**parameters).fit, X, y, sample_weight=weights)
    assert_same_training(ours, theirs)


@pytest.mark.parametrize("problem", ["regression", "four classes"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_integer_weights_are_repetitions(rng, problem, solver):
    """With all rows in one batch."""
    kind, _, draw = PROBLEMS[problem]
    X, y = draw(rng)
    weights = rng.integers(0, 4, 60)
    parameters = {"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 20, "alpha": 0.5}
    parameters |= {"solver": solver, "batch_size": 200, "activation": "tanh"}

    def fit(*data):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the batch is larger than the data
            return kind(**parameters).fit(*data)

    weighted = fit(X, y, weights)
    repeated = fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(flat(weighted), flat(repeated), atol=1e-6)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_end_is_scikit_learns(rng, problem, solver):
    """tol and n_iter_no_change end both at the same epoch."""
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    parameters = {
        "hidden_layer_sizes": (4,),
        "activation": "tanh",
        "solver": solver,
        "learning_rate_init": 0.05,
        "tol": 1e-2,
        "n_iter_no_change": 3,
        "shuffle": False,
        "max_iter": 500,
        "random_state": 1,
    }
    ours, theirs = kind(**parameters).fit(X, y), sk_kind(**parameters).fit(X, y)
    assert ours.status_ == "no_improvement"
    assert_same_training(ours, theirs, atol=1e-7)


def test_the_adaptive_rate_is_scikit_learns(rng):
    """It is divided by 5 whenever patience runs out, and the descent ends when it is down to 1e-6."""
    X, y = regression(rng)
    parameters = {
        "hidden_layer_sizes": (4,),
        "activation": "tanh",
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.2,
        "tol": 1e-2,
        "n_iter_no_change": 2,
        "shuffle": False,
        "max_iter": 500,
        "random_state": 1,
    }
    ours, theirs = st.MLPRegressor(**parameters).fit(X, y), sk.MLPRegressor(**parameters).fit(X, y)
    assert_same_training(ours, theirs, atol=1e-7)
    rates = np.unique(ours.history_["learning_rate"])[::-1]
    np.testing.assert_allclose(rates, 0.2 / 5.0 ** np.arange(len(rates)))
    assert rates[-1] <= 1e-6


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_early_stopping_is_scikit_learns(rng, problem, fraction):
    """The same rows are held out, by the same stream; the best weights come back."""
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    parameters = {
        "hidden_layer_sizes": (6,),
        "activation": "tanh",
        "learning_rate_init": 0.03,
        "early_stopping": True,
        "validation_fraction": fraction,
        "n_iter_no_change": 5,
        "shuffle": False,
        "max_iter": 300,
        "random_state": 7,
        "batch_size": 20,
    }
    ours, theirs = kind(**parameters).fit(X, y), sk_kind(**parameters).fit(X, y)
    assert_same_training(ours, theirs, atol=1e-7)
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, atol=1e-6)
    assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_, abs=1e-6)
    assert ours.best_validation_score_ == max(ours.validation_scores_)
    assert ours.best_loss_ is theirs.best_loss_ is None
    assert len(ours.validation_scores_) == ours.n_iter_


def test_early_stopping_counts_equal_scores_as_scikit_learn_does(rng):
    """With tol = 0, accuracies that stay the same are common: scikit-learn waits for a score that is lower."""
    X, y = classification(rng, 3)
    parameters = {
        "hidden_layer_sizes": (6,),
        "early_stopping": True,
        "validation_fraction": 0.2,
        "n_iter_no_change": 5,
        "tol": 0.0,
        "shuffle": False,
        "max_iter": 60,
        "random_state": 7,
    }
    ours = quietly(st.MLPClassifier(**parameters).fit, X, y)
    theirs = quietly(sk.MLPClassifier(**parameters).fit, X, y)
    assert ours.n_iter_ == theirs.n_iter_


def test_without_early_stopping_there_are_no_validation_scores(rng):
    model = quietly(st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3).fit, *regression(rng))
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None
    assert model.best_loss_ == min(model.loss_curve_)


def test_too_few_rows_to_hold_out_is_an_error(rng):
    X, y = regression(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(4,), early_stopping=True)
    with pytest.raises(ValueError, match=r"n_samples|validation"):
        model.fit(X[:1], y[:1])
    assert set(vars(model)) == set(model.get_params())


# ---------------------------------------------------------------- L-BFGS


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_lbfgs_is_scikit_learns(rng, problem, activation):
    """SciPy gets the same function: the same iterates while rounding has not grown, and the same minimum."""
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    parameters = {
        "hidden_layer_sizes": (3,),
        "activation": activation,
        "solver": "lbfgs",
        "alpha": 1.0,
        "random_state": 1,
    }
    early = {"max_iter": 8}
    ours = quietly(kind(**parameters, **early).fit, X, y)
    theirs = quietly(sk_kind(**parameters, **early).fit, X, y)
    np.testing.assert_allclose(flat(ours), flat(theirs), atol=1e-7)
    assert ours.n_iter_ == theirs.n_iter_
    late = {"max_iter": 5000, "tol": 1e-9}
    ours = quietly(kind(**parameters, **late).fit, X, y)
    theirs = quietly(sk_kind(**parameters, **late).fit, X, y)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    assert ours.status_ == "converged"
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-2)


def test_lbfgs_of_several_outputs_minimises_what_it_reports(rng):
    X, y = regression(rng, outputs=2)
    model = st.MLPRegressor(
        hidden_layer_sizes=(3,),
        activation="tanh",
        solver="lbfgs",
        alpha=1.0,
        random_state=1,
        max_iter=5000,
    )
    model.set_params(tol=1e-8).fit(X, y)
    gradient = numerical_gradient(
        lambda p: objective(p, X, y, "tanh", "squared", alpha=1.0), parameters_of(model)
    )
    assert max(np.abs(g).max() for g in gradient) < 1e-3


def test_lbfgs_says_when_it_was_not_done(rng):
    X, y = regression(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(10,), solver="lbfgs", max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"(?i)maximum|limit"):
        model.fit(X, y)
    assert model.status_ == "max_epochs"
    assert model.n_iter_ == 3
    assert np.isfinite(model.predict(X)).all()


def test_lbfgs_in_float32(rng):
    X, y = regression(rng)
    parameters = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "random_state": 0, "alpha": 0.1}
    model = quietly(st.MLPRegressor(**parameters).fit, X.astype(np.float32), y)
    wide = quietly(st.MLPRegressor(**parameters).fit, X, y)
    assert model.coefs_[0].dtype == np.float32
    assert model.loss_ <= wide.loss_ * 1.5 + 1e-3


# ---------------------------------------------------------------- the loss that is reported


def parameters_of(model):
    return [np.array(a, float) for a in (*model.coefs_, *model.intercepts_)]


def forward(parameters, X, activation):
    layers = len(parameters) // 2
    act = {
        "identity": lambda z: z,
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
        "logistic": lambda z: 1 / (1 + np.exp(-z)),
    }[activation]
    a = X
    for layer in range(layers):
        z = a @ parameters[layer] + parameters[layers + layer]
        a = act(z) if layer + 1 < layers else z
    return a


def objective(parameters, X, y, activation, loss, s=None, alpha=0.0):
    """J on one batch, as the classes' docstrings state it."""
    B = len(X)
    s = np.ones(B) if s is None else np.asarray(s)
    f = forward(parameters, X, activation)
    if loss == "squared":
        rows = 0.5 * ((f - y.reshape(f.shape)) ** 2).sum(axis=1)
    elif loss == "logistic":  # -t log p - (1-t) log(1-p), summed over the outputs
        t = y.reshape(f.shape)
        rows = (np.logaddexp(0, f) - t * f).sum(axis=1)
    else:
        top = f.max(axis=1, keepdims=True)
        rows = np.log(np.exp(f - top).sum(axis=1)) + top[:, 0] - f[np.arange(B), y]
    squares = sum(np.sum(w * w) for w in parameters[: len(parameters) // 2])
    return (s @ rows + alpha / 2 * squares) / s.sum()


@pytest.mark.parametrize(
    ("kind", "draw", "loss"),
    [
        (st.MLPRegressor, regression, "squared"),
        (st.MLPRegressor, lambda rng: regression(rng, 3), "squared"),
        (st.MLPClassifier, classification, "logistic"),
        (st.MLPClassifier, lambda rng: classification(rng, 4), "softmax"),
        (st.MLPClassifier, multilabel, "logistic"),
    ],
    ids=["regression", "three outputs", "two classes", "four classes", "multilabel"],
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_reported_loss_is_the_one_that_is_differentiated(
    rng, kind, draw, loss, activation, alpha, weighted
):
    """One step of gradient descent from random weights, against central differences of the docstring's J."""
    X, y = draw(rng)
    s = rng.uniform(0.1, 3, 60)
    s = s / s.mean() if weighted else None
    parameters = {
        "hidden_layer_sizes": (5,),
        "activation": activation,
        "alpha": alpha,
        "batch_size": 60,
        "shuffle": False,
        "max_iter": 1,
        "random_state": 3,
    }
    start = parameters_of(quietly(kind(**parameters, optimizer=st.SGD(0.0)).fit, X, y, s))
    model = quietly(kind(**parameters, optimizer=st.SGD(0.1)).fit, X, y, s)

    def J(p):
        return objective(p, X, y, activation, loss, s, alpha)

    assert_close(model.loss_, J(start), np.float64, "matmul chain", [4, 5, 60])
    expected = [p - 0.1 * g for p, g in zip(start, numerical_gradient(J, start), strict=True)]
    assert_close(parameters_of(model), expected, np.float64, "finite_difference", scale=10.0)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_lbfgs_reports_the_objective(rng, problem):
    kind, _, draw = PROBLEMS[problem]
    X, y = draw(rng)
    model = quietly(
        kind(
            hidden_layer_sizes=(4,),
            activation="tanh",
            solver="lbfgs",
            alpha=0.7,
            max_iter=20,
            random_state=0,
        ).fit,
        X,
        y,
    )
    loss = {"regression": "squared", "four classes": "softmax"}.get(problem, "logistic")
    J = objective(parameters_of(model), X, y, "tanh", loss, alpha=0.7)
    assert model.loss_ == pytest.approx(J, rel=1e-12)


def test_the_loss_curve_is_the_mean_over_the_rows(rng):
    """Each batch is measured before its step: with a rate of 0 that is the objective, batch by batch."""
    X, y = regression(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(5,),
        activation="tanh",
        optimizer=st.SGD(0.0),
        batch_size=16,
        shuffle=False,
        max_iter=2,
        alpha=1.0,
        random_state=0,
    )
    quietly(model.fit, X, y)
    p = parameters_of(model)
    batches = [slice(0, 16), slice(16, 32), slice(32, 48), slice(48, 60)]
    losses = [objective(p, X[b], y[b], "tanh", "squared", alpha=1.0) for b in batches]
    mean = np.average(losses, weights=[16, 16, 16, 12])
    np.testing.assert_allclose(model.loss_curve_, [mean, mean], rtol=1e-12)


def test_no_hidden_layer_is_the_linear_model(rng):
    """(), full batch: half the mean square, whose minimum is least squares."""
    X, y = regression(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(),
        optimizer=st.SGD(0.3),
        batch_size=60,
        alpha=0.0,
        max_iter=5000,
        tol=0.0,
        random_state=0,
    )
    model.set_params(stop=[st.stopping.GradientNorm(1e-10)]).fit(X, y)
    linear = st.LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], linear.coef_, atol=1e-8)
    np.testing.assert_allclose(model.intercepts_[0], linear.intercept_, atol=1e-8)
    assert 2 * model.loss_ == pytest.approx(linear.loss_, rel=1e-10)


def test_no_hidden_layer_is_logistic_regression(rng):
    X, y = classification(rng, 3)
    model = st.MLPClassifier(
        (),
        optimizer=st.SGD(0.5),
        batch_size=60,
        alpha=0.6,
        max_iter=50_000,
        tol=0.0,
        random_state=0,
    )
    model.set_params(stop=[st.stopping.GradientNorm(1e-9)]).fit(X, y)
    logistic = st.LogisticRegression(alpha=0.01, standardize=False, tol=1e-9, max_epochs=50_000)
    logistic.fit(X, y)
    np.testing.assert_allclose(model.coefs_[0].T, logistic.coef_, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), logistic.predict_proba(X), atol=1e-7)


# ---------------------------------------------------------------- going on


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "sgd"},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
        {"optimizer": st.AdamW(0.01)},
        {"schedule": st.schedules.Exponential(0.99)},
        {"batch_size": 60},
    ],
    ids=str,
)
def test_partial_fit_k_times_is_a_fit_of_k_epochs(rng, dtype, problem, parameters):
    """Weights, optimizer state and schedule go on: the same bits. Shuffles start anew, as in scikit-learn."""
    kind, _, draw = PROBLEMS[problem]
    X, y = draw(rng)
    X = X.astype(dtype)
    parameters = {
        "hidden_layer_sizes": (6,),
        "batch_size": 16,
        "shuffle": False,
        "random_state": 5,
        "n_iter_no_change": 1000,
        **parameters,
    }
    whole = quietly(kind(**parameters, max_iter=6).fit, X, y)
    parts = kind(**parameters)
    classes = {} if kind is st.MLPRegressor else {"classes": np.unique(y)}
    if problem == "multilabel":
        classes = {"classes": np.arange(3)}
    for _ in range(6):
        parts.partial_fit(X, y, **classes)
    np.testing.assert_array_equal(flat(parts), flat(whole))
    assert parts.loss_curve_ == whole.loss_curve_
    assert whole.n_iter_ == 6
    assert parts.n_iter_ == 1  # of the last call, as in scikit-learn
    assert parts.t_ == whole.t_ == 6 * 60
    assert parts.best_loss_ == whole.best_loss_
    for name in ("loss", "gradient_norm", "learning_rate"):
        np.testing.assert_array_equal(parts.history_[name], whole.history_[name])


def test_partial_fit_after_fit_is_a_longer_fit(rng):
    X, y = regression(rng)
    parameters = {
        "hidden_layer_sizes": (6,),
        "batch_size": 16,
        "shuffle": False,
        "random_state": 5,
    }
    model = quietly(st.MLPRegressor(**parameters, max_iter=4).fit, X, y)
    model.partial_fit(X, y).partial_fit(X, y)
    whole = quietly(st.MLPRegressor(**parameters, max_iter=6).fit, X, y)
    np.testing.assert_array_equal(flat(model), flat(whole))
    assert model.loss_curve_ == whole.loss_curve_


def test_partial_fit_goes_on_from_unaligned_weights(rng):
    """A user may put in what a file's bytes were seen as."""
    X, y = regression(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(6,), random_state=5).partial_fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    weights = np.frombuffer(b"." + copy.coefs_[0].tobytes(), np.uint8)[1:].view(
        copy.coefs_[0].dtype
    )
    copy.coefs_[0] = weights.reshape(copy.coefs_[0].shape)
    assert not copy.coefs_[0].flags.aligned
    np.testing.assert_array_equal(flat(copy.partial_fit(X, y)), flat(model.partial_fit(X, y)))


def test_partial_fit_goes_on_after_pickling(rng):
    X, y = regression(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(6,), batch_size=16, random_state=5).partial_fit(
        X, y
    )
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(flat(copy.partial_fit(X, y)), flat(model.partial_fit(X, y)))


def test_partial_fit_goes_on_from_a_fit_by_lbfgs(rng):
    """From its weights, not from those of an earlier fit by Adam."""
    X, y = regression(rng)
    model = quietly(st.MLPRegressor(hidden_layer_sizes=(6,), random_state=5, max_iter=2).fit, X, y)
    model.set_params(solver="lbfgs", max_iter=100)
    loss = quietly(model.fit, X, y).loss_
    model.set_params(solver="adam").partial_fit(X, y)
    assert model.loss_ == pytest.approx(loss, rel=1e-9)  # measured before the step


@pytest.mark.parametrize(
    "change",
    [{"optimizer": st.SGD(0.01)}, {"solver": "sgd"}, {"hidden_layer_sizes": (3,)}],
    ids=str,
)
def test_partial_fit_after_a_change_of_parameters(rng, change):
    """The new parameter is taken, or refused in words that name it; it is not ignored."""
    X, y = regression(rng)
    model = quietly(st.MLPRegressor(hidden_layer_sizes=(6,), random_state=5, max_iter=2).fit, X, y)
    model.set_params(**change)
    try:
        model.partial_fit(X, y)
    except ValueError as error:
        assert any(word in str(error) for word in (*change, "optimizer"))  # noqa: PT017
        assert "partial_fit" in str(error)  # noqa: PT017
    else:
        assert "hidden_layer_sizes" not in change
        assert model.history_["learning_rate"][-1] == pytest.approx(
            getattr(change.get("optimizer"), "learning_rate", 1e-3)
        )


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_is_scikit_learns(rng, problem, solver):
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    parameters = {"hidden_layer_sizes": (6,), "shuffle": False, "random_state": 5, "solver": solver}
    ours, theirs = kind(**parameters), sk_kind(**parameters)
    classes = {} if kind is st.MLPRegressor else {"classes": np.unique(y)}
    if problem == "multilabel":
        classes = {"classes": np.arange(3)}
    for k in range(6):
        rows = slice(20 * (k % 3), 20 * (k % 3) + 20)
        ours.partial_fit(X[rows], y[rows], **classes)
        theirs.partial_fit(X[rows], y[rows], **classes)
    np.testing.assert_allclose(flat(ours), flat(theirs), atol=1e-9)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, atol=1e-9)
    assert ours.t_ == theirs.t_


def test_partial_fit_with_the_adaptive_rate_goes_on_counting(rng):
    """As in scikit-learn, patience and the divided rate outlive the call."""
    X, y = regression(rng)
    parameters = {
        "hidden_layer_sizes": (4,),
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.2,
        "tol": 1e3,
        "n_iter_no_change": 2,
        "shuffle": False,
        "random_state": 5,
    }
    ours, theirs = st.MLPRegressor(**parameters), sk.MLPRegressor(**parameters)
    for _ in range(12):
        ours.partial_fit(X, y)
        theirs.partial_fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, atol=1e-9)


def test_a_failed_partial_fit_leaves_the_network_as_it_was(rng):
    X, y = regression(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(6,), batch_size=16, random_state=5).partial_fit(
        X, y
    )
    before = pickle.dumps(model)
    X_bad = X.copy()
    X_bad[3, 2] = np.nan
    for bad in ((X_bad, y), (X[:, :3], y), (X, y[:-1]), (X, np.column_stack([y, y]))):
        with pytest.raises(ValueError, match=r"."):
            model.partial_fit(*bad)
    assert pickle.dumps(model) == before


def test_partial_fit_refuses_what_makes_no_sense(rng):
    X, y = regression(rng)
    with pytest.raises(AttributeError, match=r"partial_fit"):
        st.MLPRegressor(solver="lbfgs").partial_fit(X, y)
    with pytest.raises(ValueError, match=r"early_stopping"):
        st.MLPRegressor(early_stopping=True).partial_fit(X, y)
    X, y = classification(rng, 3)
    model = st.MLPClassifier((4,))
    with pytest.raises(ValueError, match=r"classes must be"):
        model.partial_fit(X, y)
    assert set(vars(model)) == set(model.get_params())
    with pytest.raises(ValueError, match=r"not in classes"):
        model.partial_fit(X, y, classes=[0, 1])
    assert set(vars(model)) == set(model.get_params())
    model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"classes"):
        model.partial_fit(X, y, classes=[0, 1, 2, 3])


def test_partial_fit_does_not_exist_for_lbfgs():
    """As in scikit-learn, so that hasattr tells."""
    assert not hasattr(st.MLPRegressor(solver="lbfgs"), "partial_fit")
    assert not hasattr(st.MLPClassifier(solver="lbfgs"), "partial_fit")
    assert hasattr(st.MLPRegressor(), "partial_fit")


@pytest.mark.parametrize("problem", PROBLEMS)
def test_warm_start_goes_on_from_the_weights(rng, problem):
    """As in scikit-learn: the weights of the last fit, and a fresh optimizer."""
    kind, sk_kind, draw = PROBLEMS[problem]
    X, y = draw(rng)
    parameters = {
        "hidden_layer_sizes": (6,),
        "warm_start": True,
        "shuffle": False,
        "max_iter": 4,
        "random_state": 5,
    }
    ours, theirs = kind(**parameters), sk_kind(**parameters)
    for _ in range(3):
        quietly(ours.fit, X, y)
        quietly(theirs.fit, X, y)
    np.testing.assert_allclose(flat(ours), flat(theirs), atol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_ == 4
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-9)
    np.testing.assert_allclose(ours.loss_curve_[-4:], theirs.loss_curve_[-4:], rtol=1e-9)


def test_the_loss_curve_of_warm_starts_is_scikit_learns(rng):
    """It goes on over all fits."""
    X, y = regression(rng)
    parameters = {"hidden_layer_sizes": (6,), "warm_start": True, "shuffle": False}
    parameters |= {"max_iter": 4, "random_state": 5}
    ours, theirs = st.MLPRegressor(**parameters), sk.MLPRegressor(**parameters)
    for _ in range(2):
        quietly(ours.fit, X, y)
        quietly(theirs.fit, X, y)
    assert len(ours.loss_curve_) == len(theirs.loss_curve_) == 8
    assert ours.t_ == theirs.t_


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_layer_sizes": (5,)},
        {"hidden_layer_sizes": (6, 6)},
    ],
)
def test_warm_start_with_other_layers_is_refused(rng, change):
    X, y = regression(rng)
    model = quietly(st.MLPRegressor(hidden_layer_sizes=(6,), warm_start=True, max_iter=2).fit, X, y)
    before = flat(model).copy()
    model.set_params(**change)
    with pytest.raises(ValueError, match=r"warm_start needs the layers of the last fit"):
        model.fit(X, y)
    np.testing.assert_array_equal(flat(model), before)


def test_warm_start_with_other_data_is_refused(rng):
    X, y = classification(rng, 3)
    model = quietly(st.MLPClassifier((6,), warm_start=True, max_iter=2).fit, X, y)
    before = flat(model).copy()
    for bad in ((X[:, :3], y), (X, y % 2), (X, y + 1), (X, np.array(["a", "b", "c"])[y])):
        with pytest.raises(ValueError, match=r"warm_start|classes"):
            model.fit(*bad)
        np.testing.assert_array_equal(flat(model), before)
        np.testing.assert_array_equal(model.classes_, [0, 1, 2])
        assert model.n_features_in_ == 4


def test_without_warm_start_nothing_is_left_of_the_last_fit(rng):
    X, y = regression(rng)
    model = quietly(st.MLPRegressor(hidden_layer_sizes=(6,), max_iter=2, random_state=0).fit, X, y)
    first = flat(model).copy()
    quietly(model.fit, X, y)
    np.testing.assert_array_equal(flat(model), first)
    model.set_params(hidden_layer_sizes=(3,))
    quietly(model.fit, X[:, :2], np.column_stack([y, y]))
    assert [w.shape for w in model.coefs_] == [(2, 3), (3, 2)]
    assert model.n_features_in_ == 2


def test_classes_of_an_earlier_fit_are_forgotten(rng):
    X, y = classification(rng, 4)
    model = quietly(st.MLPClassifier((6,), max_iter=2).fit, X, y)
    quietly(model.fit, X, np.array(["a", "b"])[y % 2])
    assert model.classes_.tolist() == ["a", "b"]
    assert model.predict_proba(X).shape == (60, 2)


# ---------------------------------------------------------------- beyond scikit-learn


@pytest.mark.parametrize(
    "optimizer",
    [
        st.SGD(0.05),
        st.Momentum(0.02),
        st.Momentum(0.1, velocity="average"),
        st.Adam(0.01),
        st.AdamW(0.01),
    ],
    ids=repr,
)
def test_any_optimizer_learns(rng, optimizer):
    X, y = regression(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(16,), optimizer=optimizer, max_iter=500, random_state=0, batch_size=16
    )
    assert quietly(model.fit, X, y).score(X, y) > 0.85


def test_the_optimizer_wins_over_the_solver(rng):
    X, y = regression(rng)
    for solver in ("adam", "sgd", "lbfgs"):
        model = st.MLPRegressor(
            hidden_layer_sizes=(4,),
            solver=solver,
            learning_rate_init=1e3,
            optimizer=st.SGD(0.01),
            max_iter=3,
        )
        quietly(model.fit, X, y)
        assert (model.history_["learning_rate"] == 0.01).all()


def test_a_schedule_multiplies_the_rate(rng):
    X, y = regression(rng)
    schedule = st.schedules.Cosine(10, warmup=2, unit="epoch")
    model = quietly(
        st.MLPRegressor(hidden_layer_sizes=(4,), schedule=schedule, max_iter=10).fit, X, y
    )
    np.testing.assert_allclose(
        model.history_["learning_rate"], 1e-3 * schedule.preview(10), rtol=1e-12, atol=1e-18
    )


def test_a_rule_replaces_tol(rng):
    X, y = regression(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(4,), tol=0.0, stop=[NoImprovement(2, absolute=1e3)], random_state=0
    )
    model.fit(X, y)
    assert (model.status_, model.n_iter_) == ("no_improvement", 3)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_validation_data_are_measured(rng, problem):
    kind, _, draw = PROBLEMS[problem]
    X, y = draw(rng)
    model = kind(hidden_layer_sizes=(6,), max_iter=5, random_state=0, alpha=3.0)
    quietly(model.fit, X[:40], y[:40], validation_data=(X[40:], y[40:]))
    scores = model.history_["validation_score"]
    assert len(scores) == len(model.history_["validation_loss"]) == 5
    assert scores[-1] == pytest.approx(model.score(X[40:], y[40:]), abs=1e-12)
    loss = {"regression": "squared", "four classes": "softmax"}.get(problem, "logistic")
    J = objective(parameters_of(model), X[40:], y[40:], "relu", loss)  # without the penalty
    assert model.history_["validation_loss"][-1] == pytest.approx(J, rel=1e-12)
    plain = kind(hidden_layer_sizes=(6,), max_iter=5, random_state=0, alpha=3.0)
    np.testing.assert_array_equal(flat(quietly(plain.fit, X[:40], y[:40])), flat(model))


def test_validation_data_with_weights(rng):
    X, y = regression(rng)
    s = rng.uniform(0.1, 3, 20)
    model = st.MLPRegressor(hidden_layer_sizes=(6,), max_iter=5, random_state=0)
    quietly(model.fit, X[:40], y[:40], validation_data=(X[40:], y[40:], s))
    square = (model.predict(X[40:]) - y[40:]) ** 2
    np.testing.assert_allclose(
        model.history_["validation_loss"][-1], np.average(square, weights=s) / 2
    )
    np.testing.assert_allclose(
        model.history_["validation_score"][-1], model.score(X[40:], y[40:], s)
    )


def test_early_stopping_on_given_validation_data(rng):
    """They take the place of the held-out part, so that all rows are trained on."""
    X, y = regression(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(16,),
        early_stopping=True,
        n_iter_no_change=5,
        random_state=0,
        max_iter=1000,
        learning_rate_init=0.03,
    )
    model.fit(X[:40], y[:40], validation_data=(X[40:], y[40:]))
    assert model.status_ == "no_improvement"
    assert model.t_ == 40 * model.n_iter_
    np.testing.assert_array_equal(model.validation_scores_, model.history_["validation_score"])
    assert model.score(X[40:], y[40:]) == pytest.approx(model.best_validation_score_, rel=1e-10)


def test_validation_data_that_do_not_fit(rng):
    X, y = regression(rng)
    bad_X = X.copy()
    bad_X[2, 1] = np.inf
    for held_out in ((X[:, :3], y), (X, y[:-1]), (bad_X, y), (X, np.column_stack([y, y]))):
        model = st.MLPRegressor(hidden_layer_sizes=(4,))
        with pytest.raises(ValueError, match=r"."):
            model.fit(X, y, validation_data=held_out)
        assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize("data", [5, (1,), "Xy", (1, 2, 3, 4)])
def test_validation_data_that_are_no_pair(rng, data):
    X, y = regression(rng)
    for model in (st.MLPRegressor(hidden_layer_sizes=(4,)), st.LinearRegression()):
        with pytest.raises((ValueError, TypeError), match=r"validation_data"):
            model.fit(X, y, validation_data=data)


def test_a_batch_larger_than_the_data_is_clipped_with_a_warning(rng):
    X, y = regression(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(4,),
        batch_size=1000,
        max_iter=3,
        tol=1e9,
        n_iter_no_change=1,
        random_state=0,
    )
    with pytest.warns(UserWarning, match=r"clipped"):
        model.fit(X, y)
    whole = st.MLPRegressor(
        hidden_layer_sizes=(4,),
        batch_size=60,
        max_iter=3,
        tol=1e9,
        n_iter_no_change=1,
        random_state=0,
    )
    np.testing.assert_array_equal(flat(quietly(whole.fit, X, y)), flat(model))


def test_the_limit_of_epochs_warns_as_scikit_learn_does(rng):
    X, y = regression(rng)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached"):
        st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3).fit(X, y)


def test_a_limit_that_a_rule_sets_is_the_one_in_the_warning(rng):
    X, y = regression(rng)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=300, stop=[MaxEpochs(2)]).fit(
            X, y
        )
    assert model.status_ == "max_epochs"
    assert not any("300" in str(warning.message) for warning in caught)


def test_a_limit_of_steps_does_not_warn(rng):
    X, y = regression(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(4,), stop=[MaxSteps(7)], batch_size=16, random_state=0
    ).fit(X, y)
    assert model.status_ == "max_steps"


# ---------------------------------------------------------------- labels and outputs


@pytest.mark.parametrize(
    "labels",
    [[0, 1], [-1, 1], [False, True], ["no", "yes"], [1.0, 2.0], ["c", "a", "b"], [30, 10, 20]],
    ids=str,
)
def test_labels_of_any_kind(rng, labels):
    labels = np.asarray(labels)
    X, codes = classification(rng, len(labels))
    model = quietly(
        st.MLPClassifier((8,), random_state=0, learning_rate_init=0.02).fit, X, labels[codes]
    )
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    assert model.score(X, labels[codes]) > 0.7
    p = model.predict_proba(X)
    assert p.shape == (60, len(labels))
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])


@pytest.mark.parametrize("problem", ["two classes", "four classes", "multilabel"])
def test_log_probabilities(rng, problem):
    kind, _, draw = PROBLEMS[problem]
    X, y = draw(rng)
    model = quietly(kind(hidden_layer_sizes=(8,), random_state=0, max_iter=20).fit, X, y)
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-12
    )
    if problem == "four classes":
        entropy = log_loss(y, model.predict_proba(X))
        J = objective(parameters_of(model), X, y, "relu", "softmax")
        np.testing.assert_allclose(entropy, J, rtol=1e-12)


def test_multilabel_predictions(rng):
    X, y = multilabel(rng)
    model = quietly(st.MLPClassifier((8,), random_state=0).fit, X, y)
    prediction = model.predict(X)
    assert prediction.shape == (60, 3)
    assert set(np.unique(prediction)) <= {0, 1}
    np.testing.assert_array_equal(prediction, model.predict_proba(X) > 0.5)
    assert model.out_activation_ == "logistic"


@pytest.mark.parametrize("y", [np.full((60, 2), 2), np.random.default_rng(0).random((60, 2))])
def test_a_matrix_of_labels_must_be_an_indicator(rng, y):
    model = st.MLPClassifier((4,))
    with pytest.raises(ValueError, match=r"indicator"):
        model.fit(inputs(rng), y)
    assert set(vars(model)) == set(model.get_params())


def test_one_class_is_learnt_or_refused(rng):
    """scikit-learn accepts it: all rows are of that class then."""
    X = inputs(rng)
    model = st.MLPClassifier((4,), random_state=0, max_iter=50)
    try:
        quietly(model.fit, X, np.full(60, 3))
    except ValueError as error:
        assert "class" in str(error)  # noqa: PT017
    else:
        assert (model.predict(X) == 3).all()
        assert model.predict_proba(X).shape[1] == len(model.classes_)


def test_shapes_of_predictions(rng):
    X, y = regression(rng)
    one = quietly(st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2).fit, X, y)
    assert one.predict(X).shape == (60,)
    assert one.predict(X[:1]).shape == (1,)
    two = quietly(
        st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2).fit, X, np.column_stack([y, y])
    )
    assert two.predict(X).shape == (60, 2)
    assert two.predict(X[:1]).shape == (1, 2)


# ---------------------------------------------------------------- reproducibility


def test_the_seed_decides_everything(rng):
    X, y = regression(rng)

    def fit(seed, **named):
        model = st.MLPRegressor(
            hidden_layer_sizes=(6,), batch_size=16, max_iter=3, random_state=seed, **named
        )
        return flat(quietly(model.fit, X, y))

    np.testing.assert_array_equal(fit(1), fit(1))
    np.testing.assert_array_equal(fit(np.random.RandomState(1)), fit(1))
    np.testing.assert_array_equal(fit(1), fit(1, n_threads=2))
    assert not np.array_equal(fit(1), fit(2))
    generator = np.random.RandomState(1)
    assert not np.array_equal(fit(generator), fit(generator))


def test_the_order_in_memory_does_not_matter(rng):
    X, y = regression(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(6,), batch_size=16, max_iter=3, random_state=0)
    want = flat(quietly(model.fit, X, y)).copy()
    np.testing.assert_array_equal(flat(quietly(model.fit, np.asfortranarray(X), y)), want)
    wide = np.repeat(X, 2, axis=1)
    np.testing.assert_array_equal(flat(quietly(model.fit, wide[:, ::2], y)), want)


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"hidden_layer_sizes": (0,)}, ValueError, r"hidden_layer_sizes must be an integer >= 1"),
        ({"hidden_layer_sizes": (4, -1)}, ValueError, r"hidden_layer_sizes"),
        ({"hidden_layer_sizes": (4.5,)}, TypeError, r"hidden_layer_sizes"),
        ({"hidden_layer_sizes": "large"}, (TypeError, ValueError), r"hidden_layer_sizes"),
        ({"hidden_layer_sizes": None}, TypeError, r"hidden_layer_sizes"),
        ({"activation": "softplus"}, ValueError, r"activation must be one of .*'softplus'"),
        ({"solver": "newton"}, ValueError, r"solver must be one of"),
        ({"alpha": -1.0}, ValueError, r"alpha must be a finite number >= 0"),
        ({"batch_size": 0}, ValueError, r"batch_size must be an integer >= 1"),
        ({"batch_size": "large"}, (TypeError, ValueError), r"batch_size"),
        ({"learning_rate": "constant!"}, ValueError, r"learning_rate must be one of"),
        (
            {"learning_rate_init": 0.0},
            ValueError,
            r"learning_rate_init must be a finite number > 0",
        ),
        ({"learning_rate_init": np.inf}, ValueError, r"learning_rate_init"),
        ({"power_t": -1.0}, ValueError, r"power_t"),
        ({"max_iter": 0}, ValueError, r"max_iter must be an integer >= 1"),
        ({"max_iter": 2.5}, TypeError, r"max_iter"),
        ({"tol": -1.0}, ValueError, r"tol"),
        ({"momentum": 1.5, "solver": "sgd"}, ValueError, r"momentum"),
        ({"beta_1": 1.0}, ValueError, r"beta_1"),
        ({"beta_2": -0.1}, ValueError, r"beta_2"),
        ({"epsilon": -1.0}, ValueError, r"epsilon"),
        ({"n_iter_no_change": 0}, ValueError, r"n_iter_no_change"),
        ({"validation_fraction": 1.0}, ValueError, r"validation_fraction"),
        ({"validation_fraction": -0.1}, ValueError, r"validation_fraction"),
        ({"max_fun": 0}, ValueError, r"max_fun"),
        ({"random_state": "seed"}, ValueError, r"seed"),
        ({"optimizer": "adam"}, TypeError, r"optimizer must be one of steepest's"),
        ({"schedule": "cosine"}, TypeError, r"schedule must be one of steepest.schedules"),
        ({"stop": ["early"]}, TypeError, r"stop must be stop rules"),
        ({"callbacks": ["print"]}, TypeError, r"callbacks must be callables"),
    ],
)
def test_bad_parameters(rng, parameters, error, message):
    X, y = regression(rng)
    model = st.MLPRegressor(**parameters)
    with pytest.raises(error, match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize(
    ("solver", "parameters"),
    [
        ("lbfgs", {"schedule": "cosine"}),
        ("lbfgs", {"stop": ["early"]}),
        ("lbfgs", {"callbacks": ["print"]}),
    ],
)
def test_lbfgs_does_not_ignore_what_it_is_given(rng, solver, parameters):
    X, y = regression(rng)
    with pytest.raises(TypeError, match=next(iter(parameters))):
        quietly(
            st.MLPRegressor(hidden_layer_sizes=(4,), solver=solver, max_iter=3, **parameters).fit,
            X,
            y,
        )


def test_sizes_may_be_numpys_integers(rng):
    X, y = regression(rng)
    for sizes in (np.int64(4), (np.int32(4),), np.array([4]), [4]):
        model = quietly(
            st.MLPRegressor(hidden_layer_sizes=sizes, max_iter=2, random_state=0).fit, X, y
        )
        assert [w.shape for w in model.coefs_] == [(4, 4), (4, 1)]
