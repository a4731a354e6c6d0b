"""Conversion to and from scikit-learn's models: equal predictions, and training goes on with the same numbers."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
import sklearn.linear_model as lm
import sklearn.neural_network as sk
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

import steepest as st

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NETWORKS = {
    "numbers": ("MLPRegressor", {}),
    "two outputs": ("MLPRegressor", {"alpha": 0.0}),
    "counts": ("MLPRegressor", {"loss": "poisson"}),
    "two classes": ("MLPClassifier", {}),
    "texts": ("MLPClassifier", {}),
    "labels": ("MLPClassifier", {}),
    "sparse labels": ("MLPClassifier", {}),
}
if "loss" not in inspect.signature(sk.MLPRegressor).parameters:  # before scikit-learn 1.7
    del NETWORKS["counts"]

SOLVERS = {
    "adam": {"learning_rate_init": 0.02, "beta_1": 0.8, "epsilon": 1e-6},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.02, "momentum": 0.7},
    "without nesterov": {"solver": "sgd", "nesterovs_momentum": False},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.2},
    "adaptive": {  # its rate has been divided when the model is converted
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "tol": 10.0,
        "n_iter_no_change": 3,  # and two epochs are counted towards the next
    },
    "lbfgs": {"solver": "lbfgs"},
}


def data(problem, rng, dtype=np.float64):
    X = rng.standard_normal((60, 4)).astype(dtype)
    line = X @ np.array([1.0, -1.0, 0.5, 0.0])
    targets = {
        "numbers": line,
        "two outputs": np.column_stack([line, X[:, 0]]),
        "counts": rng.poisson(np.exp(0.5 * line)).astype(float),
        "two classes": (line + 0.5 * rng.standard_normal(60) > 0).astype(int),
        "texts": np.array(["low", "high", "middle"])[np.digitize(line, [-0.5, 0.5])],
        "labels": (X[:, :3] > 0.3).astype(int),
        "sparse labels": sp.csr_matrix((X[:, :3] > 0.3).astype(int)),
    }
    return X, targets[problem]


def parameters(problem, solver, **more):
    own = {"hidden_layer_sizes": (6, 5), "batch_size": 16, "max_iter": 7, "random_state": 3}
    return {**own, **NETWORKS[problem][1], **SOLVERS[solver], **more}


def dense(values):
    return values.toarray() if sp.issparse(values) else np.asarray(values)


def assert_equal_predictions(a, b, X):
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(a, method):
            with np.errstate(divide="ignore"):  # scikit-learn takes the logarithm of 0
                first, second = getattr(a, method)(X), getattr(b, method)(X)
            assert sp.issparse(first) == sp.issparse(second)
            assert first.dtype == second.dtype
            first, second = dense(first), dense(second)
            if first.dtype.kind == "f":
                # Another order of summation, another exp; scikit-learn has lost digits before a logarithm.
                rtol = 1e-4 if first.dtype == np.float32 else 1e-12
                if method == "predict_log_proba":
                    first, second = np.exp(first), np.exp(second)
                np.testing.assert_allclose(first, second, rtol=rtol, atol=rtol)
            else:
                np.testing.assert_array_equal(first, second)


def assert_same_weights(a, b, rtol=0.0):
    for part in ("coefs_", "intercepts_"):
        for first, second in zip(getattr(a, part), getattr(b, part), strict=True):
            assert first.dtype == second.dtype
            np.testing.assert_allclose(first, second, rtol=rtol, atol=rtol)


def go_on(model, X, y):
    """Train further in ways that need what a model remembers beside its weights."""
    if model.solver != "lbfgs":
        for k in range(4):
            model.partial_fit(X[: 60 - 7 * k], y[: 60 - 7 * k])
    return model.set_params(warm_start=True).fit(X, y)


@pytest.fixture(params=NETWORKS)
def problem(request):
    return request.param


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("direction", ["from", "to"])
def test_a_fitted_network(rng, problem, solver, direction):
    """The same weights, attributes and predictions; then both train on with the same numbers."""
    X, y = data(problem, rng)
    name = NETWORKS[problem][0]
    ours, theirs = getattr(st, name), getattr(sk, name)
    if direction == "from":
        original = theirs(**parameters(problem, solver)).fit(X, y)
        converted = ours.from_sklearn(original)
        assert type(converted) is ours
    else:
        original = ours(**parameters(problem, solver)).fit(X, y)
        converted = original.to_sklearn()
        assert type(converted) is theirs
    shared = original.get_params().keys() & converted.get_params().keys()
    assert {"solver", "alpha", "hidden_layer_sizes", "random_state"} <= shared
    for parameter in shared:
        assert getattr(converted, parameter) == getattr(original, parameter)
    assert_same_weights(original, converted)
    assert_equal_predictions(original, converted, X)
    for attribute in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "loss_"):
        assert getattr(converted, attribute) == getattr(original, attribute), attribute
    if solver != "lbfgs":
        assert converted.loss_curve_ == original.loss_curve_
        # scikit-learn compares with the loss divided by the outputs.
        units = 2 if (problem, direction) == ("two outputs", "to") else 1
        assert units * converted.best_loss_ == pytest.approx(original.best_loss_, rel=1e-12)
    if (problem, solver) == ("two outputs", "lbfgs"):
        return  # scikit-learn gives L-BFGS another loss than the one it differentiates
    for model in (original, converted):
        go_on(model, X, y)
    # 160 to 200 rounded steps, or L-BFGS, whose line searches stretch what they differ by.
    assert_same_weights(original, converted, 1e-5 if solver == "lbfgs" else 1e-9)
    assert (original.n_iter_, original.t_) == (converted.n_iter_, converted.t_)
    if solver != "lbfgs" and problem != "two outputs":
        np.testing.assert_allclose(original.loss_curve_, converted.loss_curve_, rtol=1e-10)
        assert len(original.loss_curve_) >= 7 + 4 + 1


@pytest.mark.parametrize("direction", ["from", "to"])
def test_early_stopping_goes_on(rng, problem, direction):
    X, y = data(problem, rng)
    if sp.issparse(y):
        y = y.toarray()
    if y.dtype.kind == "U" and sklearn.__version__.startswith("1.6"):
        pytest.skip("scikit-learn 1.6 can't score texts")
    name = NETWORKS[problem][0]
    given = parameters(problem, "adam", early_stopping=True, warm_start=True, tol=1e-2)
    original = getattr(sk if direction == "from" else st, name)(**given).fit(X, y)
    converted = (
        getattr(st, name).from_sklearn(original) if direction == "from" else original.to_sklearn()
    )
    assert converted.validation_scores_ == original.validation_scores_
    assert converted.best_validation_score_ == original.best_validation_score_
    assert converted.best_loss_ is original.best_loss_ is None
    for model in (original, converted):
        model.fit(X, y)
    assert original.n_iter_ == converted.n_iter_
    assert_same_weights(original, converted, 1e-9)
    np.testing.assert_allclose(
        original.validation_scores_, converted.validation_scores_, rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("name", ["MLPRegressor", "MLPClassifier"])
def test_there_and_back_is_the_same(rng, name):
    problem = "numbers" if name == "MLPRegressor" else "texts"
    X, y = data(problem, rng)
    model = getattr(st, name)(**parameters(problem, "adam")).fit(X, y)
    back = getattr(st, name).from_sklearn(model.to_sklearn())
    assert back.get_params() == model.get_params()
    for original, copy in zip(model.coefs_, back.coefs_, strict=True):
        assert not np.shares_memory(original, copy)
    # Not a bit is lost of what training goes on from.
    assert_same_weights(go_on(model, X, y), go_on(back, X, y))


def test_a_network_that_is_not_fitted(problem):
    name = NETWORKS[problem][0]
    for solver in SOLVERS:
        given = parameters(problem, solver)
        theirs = getattr(sk, name)(**given)
        ours = getattr(st, name).from_sklearn(theirs)
        assert ours.get_params().items() >= theirs.get_params().items()
        assert set(vars(ours)) == set(ours.get_params())
        assert ours.to_sklearn().get_params() == theirs.get_params()
        assert set(vars(ours.to_sklearn())) == set(vars(clone(theirs)))


def test_single_precision(rng):
    X, y = data("two classes", rng, np.float32)
    model = sk.MLPClassifier(**parameters("two classes", "adam")).fit(X, y)
    ours = st.MLPClassifier.from_sklearn(model)
    assert ours.coefs_[0].dtype == np.float32
    assert_equal_predictions(ours, model, X)
    assert_equal_predictions(ours, ours.to_sklearn(), X)


def test_models_do_not_share_a_stream(rng):
    X, y = data("numbers", rng)
    stream = np.random.RandomState(4)
    given = parameters("numbers", "adam", random_state=stream)
    theirs = sk.MLPRegressor(**given).fit(X, y)
    ours = st.MLPRegressor.from_sklearn(theirs)
    assert ours.random_state is not stream
    for model in (theirs, ours):
        model.partial_fit(X, y)
    assert_same_weights(theirs, ours, 1e-9)
    assert ours.to_sklearn().random_state is not ours.random_state


def test_names_of_features_are_kept(rng):
    pd = pytest.importorskip("pandas")
    X, y = data("numbers", rng)
    frame = pd.DataFrame(X, columns=list("abcd"))
    theirs = sk.MLPRegressor(**parameters("numbers", "adam")).fit(frame, y)
    ours = st.MLPRegressor.from_sklearn(theirs)
    assert_equal_predictions(ours, ours.to_sklearn(), frame)
    with pytest.raises(ValueError, match=r"feature names"):
        ours.predict(frame[list("dcba")])


def test_a_converted_network_can_be_kept(rng):
    X, y = data("texts", rng)
    ours = st.MLPClassifier(**parameters("texts", "sgd")).fit(X, y)
    for model in (ours.to_sklearn(), st.MLPClassifier.from_sklearn(ours.to_sklearn())):
        kept = pickle.loads(pickle.dumps(model))
        assert_same_weights(go_on(kept, X, y), go_on(model, X, y))


def test_what_scikit_learn_has_no_word_for(rng):
    X, y = data("numbers", rng)
    own = {"optimizer": st.AdamW(0.01), "stop": [st.stopping.MaxSteps(3)]}
    model = st.MLPRegressor(**parameters("numbers", "adam"), **own)
    with pytest.raises(ValueError, match=r"no such optimizer, stop"):
        model.to_sklearn()
    model.fit(X, y)
    with pytest.warns(UserWarning, match=r"no such optimizer, stop.*predicts the same"):
        converted = model.to_sklearn()
    assert_equal_predictions(model, converted, X)
    converted.partial_fit(X, y)  # with a new optimizer
    silent = st.MLPRegressor(**parameters("numbers", "adam"), n_threads=1, callbacks=[print])
    silent.to_sklearn()  # who watches is no part of a model


OWN = [
    ("numbers", {"dropout": 0.2}),
    ("numbers", {"l1_ratio": 0.5}),
    ("numbers", {"alpha": [1e-3, 1e-4, 0.0]}),
    ("numbers", {"schedule": st.schedules.Exponential(0.9)}),
    ("texts", {"class_weight": "balanced"}),
    ("numbers", {"loss": "huber"}),
    ("numbers", {"loss": st.losses.Quantile(0.9)}),
    ("texts", {"early_stopping": True, "scoring": "neg_log_loss"}),
]


@pytest.mark.parametrize(("problem", "own"), OWN, ids=str)
def test_what_only_training_depends_on_is_left_out(rng, problem, own):
    X, y = data(problem, rng)
    model = getattr(st, NETWORKS[problem][0])(**parameters(problem, "adam"), **own)
    name = next(key for key in own if key != "early_stopping")
    if name == "loss" and "counts" not in NETWORKS:
        pytest.skip("scikit-learn 1.6 has one loss and no parameter for it")
    with pytest.raises(ValueError, match=f"no such {name}"):
        model.to_sklearn()
    model.fit(X, y)
    with pytest.warns(UserWarning, match=f"no such {name}: the converted model predicts the same"):
        converted = model.to_sklearn()
    assert_equal_predictions(model, converted, X)


def test_activations_of_each_layer_are_refused(rng):
    X, y = data("numbers", rng)
    model = st.MLPRegressor(**parameters("numbers", "adam"), activation=["tanh", "relu"])
    for each in (model, clone(model).fit(X, y)):
        with pytest.raises(
            ValueError, match=r"one activation for all layers, but .*'tanh', 'relu'"
        ):
            each.to_sklearn()


def test_losses_as_objects(rng):
    X, y = data("numbers", rng)
    model = st.MLPRegressor(loss=st.losses.SquaredError(), max_iter=3).fit(X, y)
    assert model.to_sklearn().get_params().get("loss", "squared_error") == "squared_error"
    X, y = data("two classes", rng)
    model = st.MLPClassifier(loss=st.losses.LogLoss(), max_iter=3).fit(X, y)
    assert_equal_predictions(model.to_sklearn(), model, X)


@pytest.mark.parametrize("estimator", [st.MLPClassifier, st.LogisticRegression])
def test_losses_without_these_probabilities_are_refused(rng, estimator):
    X, y = data("two classes", rng)
    for loss in ("hinge", st.losses.ModifiedHuber()):
        with pytest.raises(ValueError, match=r"loss"):
            estimator(loss=loss).fit(X, y).to_sklearn()


def test_linear_losses(rng):
    X, y = data("numbers", rng)
    model = st.LinearRegression(loss="huber").fit(X, y)
    assert_equal_predictions(model, model.to_sklearn(), X)
    model = st.LinearRegression(loss="poisson", max_epochs=20).fit(X, np.abs(y))
    with pytest.raises(ValueError, match=r"PoissonRegressor is such a model"):
        model.to_sklearn()


class Own(sk.MLPRegressor):
    """A subclass, which may predict in another way."""


@pytest.mark.parametrize("model", [Own(), sk.MLPClassifier(), st.MLPRegressor(), "model", None])
def test_other_classes_are_refused(model):
    with pytest.raises(TypeError, match=r"model must be scikit-learn's MLPRegressor"):
        st.MLPRegressor.from_sklearn(model)


# ---------------------------------------------------------------- linear models

REGRESSORS = [
    lm.LinearRegression(),
    lm.LinearRegression(fit_intercept=False),
    lm.Ridge(2.0),
    lm.RidgeCV(),
    lm.Lasso(0.01),
    lm.ElasticNet(0.01),
    lm.MultiTaskLasso(0.01),
    lm.HuberRegressor(),
    lm.QuantileRegressor(alpha=0.01),
    lm.SGDRegressor(random_state=0),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
@pytest.mark.parametrize("outputs", [None, 1, 2])
def test_linear_regressions(rng, model, outputs):
    X, y = data("numbers", rng)
    if outputs is None and isinstance(model, lm.MultiTaskLasso):
        pytest.skip("it has several outputs")
    if outputs is not None:
        if isinstance(model, (lm.HuberRegressor, lm.QuantileRegressor, lm.SGDRegressor)):
            pytest.skip("it has one output")
        y = np.column_stack([y, X[:, 1]])[:, :outputs]
    model = clone(model).fit(X, y + 1.5)
    ours = st.LinearRegression.from_sklearn(model)
    assert ours.fit_intercept == model.fit_intercept
    assert_equal_predictions(ours, model, X)
    theirs = ours.to_sklearn()
    assert type(theirs) is lm.LinearRegression
    assert_equal_predictions(theirs, model, X)
    if outputs != 1:  # one column would be taken for a mistake
        before = ours.score(X, y + 1.5)
        assert ours.partial_fit(X, y + 1.5).score(X, y + 1.5) > before - 0.1


@pytest.mark.parametrize("outputs", [None, 3])
def test_a_linear_regression_of_ours(rng, outputs):
    X, y = data("numbers", rng)
    y = y if outputs is None else np.column_stack([y] * outputs)
    model = st.LinearRegression().fit(X, y)
    assert_equal_predictions(model, model.to_sklearn(), X)


@pytest.mark.parametrize("problem", ["two classes", "texts"])
@pytest.mark.parametrize(
    "model", [lm.LogisticRegression(), lm.LogisticRegression(C=0.1, fit_intercept=False)], ids=repr
)
def test_logistic_regressions(rng, problem, model):
    X, y = data(problem, rng)
    model = clone(model).fit(X, y)
    ours = st.LogisticRegression.from_sklearn(model)
    assert_equal_predictions(ours, model, X)
    assert_equal_predictions(ours, ours.to_sklearn(), X)
    ours.set_params(warm_start=True).fit(X, y)
    assert_equal_predictions(ours, ours.to_sklearn(), X)
    assert ours.partial_fit(X, y).to_sklearn().score(X, y) > 0.8


def test_logistic_regression_by_sgd(rng):
    X, y = data("two classes", rng)
    model = lm.SGDClassifier(loss="log_loss", random_state=0).fit(X, y)
    assert_equal_predictions(st.LogisticRegression.from_sklearn(model), model, X)
    assert_equal_predictions(st.LogisticRegression.from_sklearn(model.sparsify()), model, X)


@pytest.mark.parametrize(
    ("model", "problem", "message"),
    [
        (lm.SGDClassifier(), "two classes", r"loss='hinge'"),
        (lm.SGDClassifier(loss="log_loss"), "texts", r"3 classes.*softmax"),
    ],
)
def test_other_probabilities_are_refused(rng, model, problem, message):
    model = clone(model).fit(*data(problem, rng))
    with pytest.raises(ValueError, match=message):
        st.LogisticRegression.from_sklearn(model)


def test_linear_models_that_are_refused(rng):
    X, y = data("numbers", rng)
    for model in (lm.PoissonRegressor().fit(X, y**2), sk.MLPRegressor(), 3):
        with pytest.raises(TypeError, match=r"LinearRegression.from_sklearn"):
            st.LinearRegression.from_sklearn(model)
    with pytest.raises(TypeError, match=r"LogisticRegression.from_sklearn"):
        st.LogisticRegression.from_sklearn(lm.LinearRegression().fit(X, y))
    for estimator, model in (
        (st.LinearRegression, lm.Ridge()),
        (st.LogisticRegression, lm.LogisticRegression()),
    ):
        with pytest.raises(NotFittedError):
            estimator.from_sklearn(model)
        with pytest.raises(NotFittedError):
            estimator().to_sklearn()


# ---------------------------------------------------------------- polynomials


@pytest.mark.parametrize("degree", [0, 1, 4, 9])
@pytest.mark.parametrize("x", [np.linspace(-3, 8, 40), np.full(4, 2.5)], ids=["range", "point"])
def test_a_polynomial_is_a_pipeline(degree, x):
    model = st.PolynomialRegression(degree, "monomial", max_epochs=300).fit(x, np.sin(x))
    pipeline = model.to_sklearn()
    assert isinstance(pipeline, Pipeline)
    beyond = np.append(x, [-4.0, 9.0])[:, None]
    np.testing.assert_allclose(
        pipeline.predict(beyond), model.predict(beyond), rtol=1e-12, atol=1e-12
    )


def test_polynomials_of_several_targets():
    x = np.linspace(-3, 8, 40)
    model = st.PolynomialRegression(3, "monomial").fit(x, np.column_stack([np.sin(x), np.cos(x)]))
    assert_equal_predictions(model.to_sklearn(), model, x[:, None])


def test_polynomials_that_are_refused():
    x = np.linspace(-1, 1, 20)
    for basis in ("chebyshev", "legendre"):
        with pytest.raises(ValueError, match=f"monomials alone, but basis is '{basis}'"):
            st.PolynomialRegression(2, basis).fit(x, x).to_sklearn()
    with pytest.raises(NotFittedError):
        st.PolynomialRegression().to_sklearn()
