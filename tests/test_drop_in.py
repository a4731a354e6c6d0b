"""MLPRegressor and MLPClassifier in the place of scikit-learn's: what they set, print, refuse and take back.

scikit-learn runs beside ours in the same process, so this follows whichever version is installed. The numbers of
training are in test_same_numbers.py; here are the attributes around them, and everything that is said.
"""

from __future__ import annotations

import inspect
import re
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
import sklearn.neural_network as sk
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.fixes import parse_version

import steepest as st

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

VERSION = parse_version(sklearn.__version__)
# Sample weights, the regressor's loss, and most that is compared here are of this version's signatures.
since_1_7 = pytest.mark.skipif(parse_version("1.7") > VERSION, reason="scikit-learn's MLP is older")
since_1_9 = pytest.mark.skipif(parse_version("1.9") > VERSION, reason="scikit-learn's MLP is older")

NAMES = ("MLPRegressor", "MLPClassifier")

rng = np.random.default_rng(5)
X = rng.standard_normal((60, 4))
LINE = X @ np.array([1.0, -1.0, 0.5, 0.0])
CODES = np.digitize(LINE, [-0.6, 0.6])
LABELS = (X[:, :3] > 0.3).astype(int)

TARGETS = {
    "numbers": ("MLPRegressor", LINE),
    "integers": ("MLPRegressor", LINE.astype(int)),
    "two outputs": ("MLPRegressor", np.column_stack([LINE, X[:, 0]])),
    "two classes": ("MLPClassifier", (LINE > 0).astype(int)),
    "bools": ("MLPClassifier", LINE > 0),
    "floats": ("MLPClassifier", np.where(LINE > 0, 1.0, -1.0)),
    "three classes": ("MLPClassifier", CODES + 5),
    "texts": ("MLPClassifier", np.array(["low", "mid", "high"])[CODES]),
    "objects": ("MLPClassifier", np.array(["low", "mid", "high"], dtype=object)[CODES]),
    "a list": ("MLPClassifier", CODES.tolist()),
    "labels": ("MLPClassifier", LABELS),
    "labels as bools": ("MLPClassifier", LABELS.astype(bool)),
    "sparse labels": ("MLPClassifier", sp.csr_matrix(LABELS)),
}

SOLVERS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive"},
    "early stopping": {"early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs, early stopping": {"solver": "lbfgs", "early_stopping": True},
}

FITTED = (
    "best_loss_",
    "best_validation_score_",
    "classes_",
    "coefs_",
    "feature_names_in_",
    "intercepts_",
    "loss_",
    "loss_curve_",
    "n_features_in_",
    "n_iter_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "t_",
    "validation_scores_",
)


def pair(name, **parameters):
    """Return our estimator and scikit-learn's with the same parameters."""
    parameters = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 1, **parameters}
    return [getattr(of, name)(**parameters) for of in (st, sk)]


def kind(value):
    """Return type, shape and dtype of a value, and of what is in a list."""
    if isinstance(value, np.ndarray):
        return "array", value.shape, value.dtype
    if sp.issparse(value):
        return type(value), value.shape, value.dtype
    if isinstance(value, list):
        return "list", [kind(entry) for entry in value]
    return type(value)


def assert_same_values(actual, desired, name, rtol=1e-9):
    assert kind(actual) == kind(desired), name
    if sp.issparse(actual):
        actual, desired = actual.toarray(), desired.toarray()
    if isinstance(actual, list):
        for a, b in zip(actual, desired, strict=True):
            assert_same_values(a, b, name, rtol)
    elif isinstance(actual, (np.ndarray, float)) and np.asarray(actual).dtype.kind == "f":
        np.testing.assert_allclose(actual, desired, rtol=rtol, atol=rtol, err_msg=name)
    else:
        np.testing.assert_array_equal(actual, desired, err_msg=name)


def assert_same_state(ours, theirs, inputs, targets, *, factor=1, rtol=1e-9):
    """All that scikit-learn has set and says, ours has set and says; losses are ``factor`` times theirs."""
    for name in FITTED:
        if not hasattr(theirs, name):
            continue
        actual, desired = getattr(ours, name), getattr(theirs, name)
        if factor != 1 and name in ("loss_", "best_loss_", "loss_curve_"):
            assert kind(actual) == kind(desired), name
            if desired is not None:
                np.testing.assert_allclose(actual, factor * np.asarray(desired), rtol=rtol)
            continue
        assert_same_values(actual, desired, name, rtol)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(theirs, method):
            actual, desired = getattr(ours, method)(inputs), getattr(theirs, method)(inputs)
            assert_same_values(actual, desired, method, rtol)
    assert_same_values(ours.score(inputs, targets), theirs.score(inputs, targets), "score", rtol)


# ---------------------------------------------------------------- signatures


@since_1_9
@pytest.mark.parametrize("name", NAMES)
def test_public_methods_take_what_scikit_learns_take(name):
    ours, theirs = getattr(st, name), getattr(sk, name)
    for method, function in inspect.getmembers(theirs, callable):
        if method.startswith("_"):
            continue
        expected = inspect.signature(getattr(theirs, method)).parameters.values()
        given = inspect.signature(getattr(ours, method)).parameters
        if function is getattr(ours, method):
            continue
        for place, parameter in enumerate(expected):
            assert parameter.name in given, f"{method}({parameter.name})"
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                assert list(given).index(parameter.name) == place, f"{method}({parameter.name})"
            assert given[parameter.name].default == parameter.default


# ---------------------------------------------------------------- attributes


@quiet
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", TARGETS)
def test_what_fit_sets(problem, solver):
    name, y = TARGETS[problem]
    unscored = ("texts", "objects", "sparse labels")
    if solver == "early stopping" and problem in unscored and parse_version("1.7") > VERSION:
        pytest.skip("scikit-learn 1.6 can't score them")
    ours, theirs = pair(name, **SOLVERS[solver])
    for model in (ours, theirs):
        model.fit(X, y)
    if (problem, "lbfgs" in solver) == ("two outputs", True):
        # scikit-learn gives SciPy the loss divided by the outputs, but not the gradient: its issue 8349.
        for attribute in ("t_", "n_layers_", "n_outputs_", "out_activation_"):
            assert getattr(ours, attribute) == getattr(theirs, attribute)
        assert ours.score(X, y) > theirs.score(X, y) - 0.1
        return
    # The penalty, which scikit-learn doesn't divide by the outputs, is 1e-7 of a loss here.
    rtol = 1e-4 if problem == "two outputs" else 1e-9
    factor = 2 if problem == "two outputs" else 1
    assert_same_state(ours, theirs, X, y, factor=factor, rtol=rtol)


@quiet
@pytest.mark.parametrize("solver", ["adam", "adaptive"])
@pytest.mark.parametrize("problem", TARGETS)
def test_what_partial_fit_sets(problem, solver):
    name, y = TARGETS[problem]
    ours, theirs = pair(name, **SOLVERS[solver])
    classes = {}
    if name == "MLPClassifier":
        classes = {"classes": np.arange(3) if "labels" in problem else np.unique(y)}
    for model in (ours, theirs):
        model.partial_fit(X, y, **classes)
        model.partial_fit(X[:40], y[:40])
    factor = 2 if problem == "two outputs" else 1
    assert_same_state(ours, theirs, X, y, factor=factor, rtol=1e-4 if factor == 2 else 1e-9)


@quiet
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "early stopping"])
@pytest.mark.parametrize("read", [sp.csr_matrix, sp.csc_matrix, sp.csr_array, "frame", "float32"])
@pytest.mark.parametrize("problem", ["numbers", "three classes"])
def test_what_other_inputs_set(problem, read, solver):
    name, y = TARGETS[problem]
    inputs, rtol = X, 1e-9
    if read == "frame":
        pd = pytest.importorskip("pandas")
        inputs, y = pd.DataFrame(X, columns=list("abcd")), pd.Series(y, name="target")
    elif read == "float32":
        inputs, rtol = X.astype(np.float32), 1e-4
    else:
        inputs = read(np.where(np.abs(X) < 0.7, 0.0, X))
    ours, theirs = pair(name, **SOLVERS[solver])
    for model in (ours, theirs):
        model.fit(inputs, y)
    if read == "float32":
        assert {a.dtype for a in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
        if solver == "lbfgs":  # after which scikit-learn's are of double precision
            return
        assert kind(ours.coefs_) == kind(theirs.coefs_)
        assert ours.predict(inputs).dtype == theirs.predict(inputs).dtype
        np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)
        return
    assert_same_state(ours, theirs, inputs, y, rtol=rtol)


@quiet
@since_1_7
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "early stopping"])
@pytest.mark.parametrize("problem", ["numbers", "texts", "labels"])
def test_what_weights_and_warm_starts_set(problem, solver):
    name, y = TARGETS[problem]
    weights = np.random.default_rng(2).uniform(0.2, 2.0, len(X))
    ours, theirs = pair(name, warm_start=True, **SOLVERS[solver])
    for _ in range(2):
        for model in (ours, theirs):
            model.fit(X, y, sample_weight=weights)
        assert_same_state(ours, theirs, X, y)


@quiet
def test_lbfgs_counts_as_scikit_learns():
    """Samples are counted by the stochastic solvers alone; a warm start leaves what was counted before."""
    ours, theirs = pair("MLPRegressor", warm_start=True)
    for solver in ("adam", "lbfgs", "lbfgs"):
        for model in (ours, theirs):
            model.set_params(solver=solver).fit(X, LINE)
        assert (ours.t_, ours.n_iter_) == (theirs.t_, theirs.n_iter_)
    assert ours.t_ == 4 * len(X)
    # Beyond scikit-learn: the loss of each evaluation.
    assert not hasattr(pair("MLPRegressor", solver="lbfgs")[1].fit(X, LINE), "loss_curve_")
    assert min(ours.loss_curve_) == ours.loss_


@quiet
def test_one_class_has_one_column_of_probabilities():
    """On purpose: scikit-learn gives two columns for one entry of ``classes_``."""
    ours, theirs = pair("MLPClassifier")
    for model in (ours, theirs):
        model.fit(X, np.full(60, 3))
    assert theirs.predict_proba(X).shape == (60, 2)
    assert ours.predict_proba(X).shape == (60, 1)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@quiet
def test_momentum_may_be_1():
    ours, theirs = pair("MLPRegressor", solver="sgd", momentum=1.0, learning_rate_init=1e-3)
    for model in (ours, theirs):
        model.fit(X, LINE)
    assert_same_state(ours, theirs, X, LINE)


# ---------------------------------------------------------------- what is printed


PRINTING = {
    "adam": {"max_iter": 3},
    "the end": {"tol": 0.1, "n_iter_no_change": 2, "max_iter": 100},
    "early stopping": {"early_stopping": True, "max_iter": 3},
    "the end of early stopping": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 100},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 1e-4,
        "tol": 0.5,
        "n_iter_no_change": 2,
        "max_iter": 100,
    },
    "adaptive, divided at the end": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 10.0,
        "n_iter_no_change": 1,
        "max_iter": 3,
    },
    "adaptive, early stopping": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "early_stopping": True,
        "n_iter_no_change": 1,
        "max_iter": 7,
    },
    "a level": {"verbose": 2, "max_iter": 2},
    "silence": {"verbose": False},
}


@quiet
@pytest.mark.parametrize("case", PRINTING)
@pytest.mark.parametrize("problem", ["numbers", "two classes", "three classes", "labels"])
def test_the_same_is_printed(capsys, problem, case):
    name, y = TARGETS[problem]
    printed = []
    for model in pair(name, **{"verbose": True, **PRINTING[case]}):
        model.fit(X, y)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert bool(printed[0]) == (case != "silence")


@quiet
@pytest.mark.parametrize("early_stopping", [False, True])
def test_lbfgs_prints_its_iterations(capsys, early_stopping):
    """scikit-learn leaves it to SciPy, whose newer versions print nothing."""
    model = st.MLPRegressor(
        hidden_layer_sizes=(3,),
        solver="lbfgs",
        max_iter=3,
        verbose=True,
        early_stopping=early_stopping,
    )
    model.fit(X, LINE)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"Iteration {k}" for k in (1, 2, 3)]
    assert lines[-1] == f"Iteration 3, loss = {model.loss_:.8f}"


@pytest.mark.parametrize("solver", ["adam", "adaptive"])
def test_the_same_is_printed_by_partial_fit(capsys, solver):
    printed = []
    parameters = {"tol": 10.0, "n_iter_no_change": 2, "verbose": True}
    for model in pair("MLPRegressor", **SOLVERS[solver], **parameters):
        for _ in range(8):
            model.partial_fit(X, LINE)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert ("consecutive epochs. Stopping." if solver == "adam" else "Setting learning rate") in (
        printed[0]
    )


@quiet
def test_a_rule_of_the_users_is_not_called_tol(capsys):
    rule = st.stopping.NoImprovement(2, absolute=1e3)
    st.MLPRegressor(hidden_layer_sizes=(5,), stop=[rule], verbose=True).fit(X, LINE)
    assert "tol=" not in capsys.readouterr().out


# ---------------------------------------------------------------- mistakes


def make(**parameters):
    """Return a mistake in a parameter: what fit does with it."""

    def attempt(estimator):
        estimator(**{"max_iter": 2, **parameters}).fit(X, LINE)

    return attempt


def small(estimator, **parameters):
    return estimator(**{"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0, **parameters})


def with_entry(array, value, place=(3, 1)):
    array = array.astype(float)
    array[place if array.ndim == 2 else place[0]] = value
    return array


# Values that no parameter of this name may have.
BAD_PARAMETERS = [
    ("hidden_layer_sizes", [0, -1, "large", None, 2.5]),
    ("activation", ["softplus", None]),
    ("solver", ["newton", None]),
    ("alpha", [-1, "much", None, np.inf, np.nan]),
    ("batch_size", [0, "large", 2.5, None]),
    ("learning_rate", ["slow", 0.1]),
    ("learning_rate_init", [0.0, -1, "slow", None]),
    ("power_t", [-1, None]),
    ("max_iter", [0, -1, 2.5, None]),
    ("shuffle", ["yes", 1, None]),
    ("random_state", ["seed", -1, 1.5, 2**32, np.random.default_rng(0)]),
    ("tol", [-1, "small", None]),
    ("verbose", ["loud", -1, None]),
    ("warm_start", ["yes", 1, None]),
    ("momentum", [1.5, -0.1, None]),
    ("nesterovs_momentum", ["yes", 1, None]),
    ("early_stopping", ["yes", 1, None]),
    ("validation_fraction", [1.0, -0.1, "half", None]),
    ("beta_1", [1.0, -0.1, None]),
    ("beta_2", [1.0, -0.1, "x"]),
    ("epsilon", [0.0, -1, None]),
    ("n_iter_no_change", [0, 2.5, "few", -np.inf]),
    ("max_fun", [0, 2.5, None]),
    ("loss", ["mse", None]),
]


@pytest.mark.parametrize(
    ("parameter", "value"), [(name, value) for name, values in BAD_PARAMETERS for value in values]
)
def test_bad_parameters_raise_what_scikit_learn_raises(parameter, value):
    """An error that is a ValueError and a TypeError, and names the parameter; also where it isn't used."""
    estimators = [of.MLPRegressor for of in (st, sk)]
    if parameter == "loss" and parse_version("1.7") > VERSION:
        del estimators[1]
    for estimator in estimators:
        model = estimator(**{"max_iter": 2, parameter: value})
        for train in (model.fit, model.partial_fit):
            with pytest.raises((ValueError, TypeError)) as caught:
                train(X, LINE)
            assert isinstance(caught.value, ValueError)
            assert isinstance(caught.value, TypeError)
            assert re.search(rf"\b{parameter}\b", str(caught.value))
            assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("estimator", [st.LinearRegression, st.PolynomialRegression])
def test_other_estimators_name_random_state_as_well(estimator):
    for value in ("seed", -1, 1.5, np.random.default_rng(0)):
        with pytest.raises(ValueError, match=r"random_state must be None, an integer >= 0"):
            estimator(random_state=value).fit(X[:, :1], LINE)


REGRESSION_MISTAKES = {
    "an unknown keyword": lambda m: m(nope=1),
    "too many positions": lambda m: m("squared_error", (3,), "relu", "adam"),
    "a layer of no units": make(hidden_layer_sizes=(0,)),
    "a layer of less": make(hidden_layer_sizes=(4, -1)),
    "nothing held out": make(validation_fraction=0.0, early_stopping=True),
    "NaN in X": lambda m: small(m).fit(with_entry(X, np.nan), LINE),
    "an infinity in X": lambda m: small(m).fit(with_entry(X, np.inf), LINE),
    "NaN in y": lambda m: small(m).fit(X, with_entry(LINE, np.nan)),
    "X of one dimension": lambda m: small(m).fit(X[:, 0], LINE),
    "X of three": lambda m: small(m).fit(X[:, :, None], LINE),
    "y of three": lambda m: small(m).fit(X, np.zeros((60, 2, 2))),
    "no rows": lambda m: small(m).fit(X[:0], LINE[:0]),
    "no features": lambda m: small(m).fit(X[:, :0], LINE),
    "too short a y": lambda m: small(m).fit(X, LINE[:-1]),
    "y is None": lambda m: small(m).fit(X, None),
    "y left out": lambda m: small(m).fit(X),
    "X is None": lambda m: small(m).fit(None, LINE),
    "X is a number": lambda m: small(m).fit(3, LINE),
    "X is a dict": lambda m: small(m).fit({"a": 1}, LINE),
    "X is ragged": lambda m: small(m).fit([[1, 2], [3]], [1, 2]),
    "text in X": lambda m: small(m).fit(np.full((60, 4), "x", object), LINE),
    "X is complex": lambda m: small(m).fit(X * 1j, LINE),
    "y is complex": lambda m: small(m).fit(X, LINE * 1j),
    "y is sparse": lambda m: small(m).fit(X, sp.csr_matrix(LINE[:, None])),
    "not fitted": lambda m: m().predict(X),
    "score, not fitted": lambda m: m().score(X, LINE),
    "fewer features to predict": lambda m: small(m).fit(X, LINE).predict(X[:, :3]),
    "one row to predict": lambda m: small(m).fit(X, LINE).predict(X[0]),
    "NaN to predict": lambda m: small(m).fit(X, LINE).predict(with_entry(X, np.nan)),
    "nothing to predict": lambda m: small(m).fit(X, LINE).predict(X[:0]),
    "too short a y to score": lambda m: small(m).fit(X, LINE).score(X, LINE[:5]),
    "set an unknown parameter": lambda m: m().set_params(nope=1),
    "partial_fit, early stopping": lambda m: small(m, early_stopping=True).partial_fit(X, LINE),
    "partial_fit, fewer features": lambda m: (
        small(m).partial_fit(X, LINE).partial_fit(X[:, :3], LINE)
    ),
    "partial_fit, more outputs": lambda m: (
        small(m).partial_fit(X, LINE).partial_fit(X, np.column_stack([LINE, LINE]))
    ),
    "partial_fit, NaN": lambda m: small(m).partial_fit(with_entry(X, np.nan), LINE),
    "warm start, fewer features": lambda m: (
        small(m, warm_start=True).fit(X, LINE).fit(X[:, :3], LINE)
    ),
    "warm start, more outputs": lambda m: (
        small(m, warm_start=True).fit(X, LINE).fit(X, np.column_stack([LINE, LINE]))
    ),
    "early stopping with a row": lambda m: small(m, early_stopping=True).fit(X[:1], LINE[:1]),
}
MISTAKES_SINCE_1_7 = {
    "early stopping with few rows": lambda m: small(m, early_stopping=True).fit(X[:5], LINE[:5]),
    "few weights": lambda m: small(m).fit(X, LINE, np.ones(5)),
    "NaN weights": lambda m: small(m).fit(X, LINE, np.full(60, np.nan)),
    "weights of two dimensions": lambda m: small(m).fit(X, LINE, np.ones((60, 2))),
    "weights are texts": lambda m: small(m).fit(X, LINE, ["a"] * 60),
}
CLASSIFICATION_MISTAKES = {
    "numbers for labels": lambda m: small(m).fit(X, LINE),
    "NaN labels": lambda m: small(m).fit(X, with_entry(CODES, np.nan)),
    "no labels": lambda m: small(m).fit(X, None),
    "too few labels": lambda m: small(m).fit(X, CODES[:-1]),
    "several targets": lambda m: small(m).fit(X, np.column_stack([CODES, CODES])),
    "ragged labels": lambda m: small(m).fit(X, [[1, 2], [1]] * 30),
    "partial_fit without classes": lambda m: small(m).partial_fit(X, CODES),
    "partial_fit, unseen labels": lambda m: small(m).partial_fit(X, CODES, classes=[0, 1]),
    "partial_fit, unseen labels later": lambda m: (
        small(m).partial_fit(X, CODES, classes=[0, 1, 2]).partial_fit(X, CODES + 1)
    ),
    "partial_fit, other classes": lambda m: (
        small(m)
        .partial_fit(X, CODES, classes=[0, 1, 2])
        .partial_fit(X, CODES, classes=[0, 1, 2, 3])
    ),
    "partial_fit, early stopping": lambda m: small(m, early_stopping=True).partial_fit(
        X, CODES, classes=[0, 1, 2]
    ),
    "partial_fit by lbfgs": lambda m: small(m, solver="lbfgs").partial_fit(
        X, CODES, classes=[0, 1, 2]
    ),
    "warm start, other classes": lambda m: (
        small(m, warm_start=True).fit(X, CODES).fit(X, CODES + 1)
    ),
    "warm start, fewer classes": lambda m: (
        small(m, warm_start=True).fit(X, CODES).fit(X, np.minimum(CODES, 1))
    ),
    "probabilities, not fitted": lambda m: m().predict_proba(X),
    "their logarithms, not fitted": lambda m: m().predict_log_proba(X),
    "a decision function": lambda m: small(m).fit(X, CODES).decision_function(X),
    "a class of one row to hold out": lambda m: small(m, early_stopping=True).fit(
        X[:30], np.arange(30) // 29
    ),
}


def raised(attempt, estimator):
    """Return what an attempt raises, and the categories of its warnings."""
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            attempt(estimator)
        except Exception as caught_error:
            error = caught_error
    return error, sorted(warning.category.__name__ for warning in caught)


def builtin_bases(error):
    return {base for base in type(error).__mro__ if base.__module__ == "builtins"}


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        *(("MLPRegressor", mistake) for mistake in REGRESSION_MISTAKES),
        *(pytest.param("MLPRegressor", mistake, marks=since_1_7) for mistake in MISTAKES_SINCE_1_7),
        *(("MLPClassifier", mistake) for mistake in CLASSIFICATION_MISTAKES),
    ],
)
def test_mistakes_raise_what_scikit_learn_raises(name, mistake):
    attempts = CLASSIFICATION_MISTAKES if name == "MLPClassifier" else REGRESSION_MISTAKES
    attempt = {**MISTAKES_SINCE_1_7, **attempts}[mistake]
    (ours, _), (theirs, _) = (raised(attempt, getattr(of, name)) for of in (st, sk))
    assert theirs is not None
    assert builtin_bases(theirs) <= builtin_bases(ours), f"{type(theirs)}, but {ours!r}"
    assert isinstance(ours, NotFittedError) == isinstance(theirs, NotFittedError)


WARNINGS = {
    "max_iter": lambda m: small(m).fit(X, LINE),
    "batch_size": lambda m: small(m, batch_size=100).fit(X, LINE),
    "y is a column": lambda m: small(m).fit(X, LINE[:, None]),
    "lbfgs, max_iter": lambda m: small(m, solver="lbfgs").fit(X, LINE),
    "lbfgs, max_fun": lambda m: small(m, solver="lbfgs", max_fun=2, max_iter=50).fit(X, LINE),
    "nothing": lambda m: small(m, max_iter=100, tol=1.0).fit(X, LINE),
    "one epoch": lambda m: small(m).partial_fit(X, LINE),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_warnings_are_scikit_learns(case):
    """The same categories; the words by which filters know them are in the same place."""
    messages = []
    for of in (st, sk):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            WARNINGS[case](of.MLPRegressor)
        messages.append(sorted((w.category.__name__, str(w.message)[:25]) for w in caught))
    assert messages[0] == messages[1]


def test_an_epoch_limit_says_what_scikit_learn_says():
    said = []
    for model in pair("MLPRegressor"):
        with pytest.warns(ConvergenceWarning) as caught:
            model.fit(X, LINE)
        said.append(str(caught[0].message))
    assert said[0] == said[1]


# What is refused, or does more, on purpose: (what, scikit-learn's outcome, ours).
def test_what_differs_on_purpose():
    def outcome(of, attempt):
        return raised(attempt, of.MLPRegressor)[0]

    def later_layers(m):
        small(m, warm_start=True).fit(X, LINE).set_params(hidden_layer_sizes=(9,)).fit(X, LINE)

    def diverge(m):
        small(m, solver="sgd", learning_rate_init=1e9, activation="identity", max_iter=200).fit(
            1e10 * X, LINE
        )

    # Weights of a descent that nothing bounds from below.
    if parse_version("1.7") <= VERSION:
        for attempt in (
            lambda m: small(m).fit(X, LINE, -np.ones(60)),
            lambda m: small(m, loss="poisson").fit(X, LINE),
        ):
            assert outcome(sk, attempt) is None
            assert isinstance(outcome(st, attempt), ValueError)
    # hidden_layer_sizes that would be ignored.
    assert outcome(sk, later_layers) is None
    assert isinstance(outcome(st, later_layers), ValueError)
    # Divergence is caught at the step, the best finite parameters are kept, and a warning says so.
    assert isinstance(outcome(sk, diverge), ValueError)
    error, said = raised(diverge, st.MLPRegressor)
    assert (error, said) == (None, ["ConvergenceWarning"])
    # The regressor's check of the solver is never called there, the classifier's is.
    by_lbfgs = small(st.MLPRegressor, solver="lbfgs")
    assert not hasattr(by_lbfgs, "partial_fit")
    assert not hasattr(small(sk.MLPClassifier, solver="lbfgs"), "partial_fit")


# ---------------------------------------------------------------- weights that the user has put in


def replaced(weights, how):
    """Return other arrays of the same shapes."""
    new = [0.5 * w + 0.01 for w in weights]
    if how == "float32":
        return [w.astype(np.float32) for w in new]
    if how == "Fortran":
        return [np.asfortranarray(w) for w in new]
    if how == "strided":
        return [np.repeat(w, 2, axis=-1)[..., ::2] for w in new]
    if how == "read-only":
        for w in new:
            w.flags.writeable = False
    if how == "big-endian":
        return [w.astype(">f8") for w in new]
    return new


@quiet
@pytest.mark.parametrize("solver", ["adam", "sgd", "adaptive"])
@pytest.mark.parametrize("how", ["new lists", "entries", "in place", "Fortran", "strided"])
def test_partial_fit_goes_on_from_replaced_weights(how, solver):
    """From them, with the moments of before: as scikit-learn does."""
    ours, theirs = pair("MLPRegressor", learning_rate_init=0.01, **SOLVERS[solver])
    for model in (ours, theirs):
        for _ in range(3):
            model.partial_fit(X, LINE)
        if how == "entries":
            model.coefs_[1] = 0.5 * model.coefs_[1]
            model.intercepts_[0] = model.intercepts_[0] + 0.25
        elif how == "in place":
            model.coefs_[0][2, 3] = 0.75
            model.intercepts_[1][:] = 0.125
        else:
            model.coefs_ = replaced(model.coefs_, how)
            model.intercepts_ = replaced(model.intercepts_, how)
        before = model.predict(X)
        for _ in range(2):
            model.partial_fit(X, LINE)
        assert not np.array_equal(model.predict(X), before)
    assert_same_state(ours, theirs, X, LINE)


@pytest.mark.parametrize("how", ["float32", "read-only", "big-endian"])
def test_replaced_weights_of_other_kinds(how):
    """What scikit-learn can't step in place, or mixes."""
    model, other = (st.MLPRegressor(hidden_layer_sizes=(5,), random_state=1) for _ in range(2))
    for each in (model, other):
        each.partial_fit(X, LINE)
    model.coefs_ = replaced(model.coefs_, how)
    model.intercepts_ = replaced(model.intercepts_, how)
    other.coefs_ = [np.asarray(w, w.dtype.newbyteorder("=")) for w in model.coefs_]
    other.intercepts_ = [np.asarray(b, b.dtype.newbyteorder("=")) for b in model.intercepts_]
    kept = [w.copy() for w in model.coefs_]
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    for each in (model, other):
        given = each.coefs_
        each.partial_fit(X, LINE)
        for w, before in zip(given, kept, strict=True):
            np.testing.assert_array_equal(w, before)  # the user's arrays are left alone
    dtype = np.float32 if how == "float32" else np.float64
    for w, w_other in zip(model.coefs_, other.coefs_, strict=True):
        assert w.dtype == dtype
        np.testing.assert_array_equal(w, w_other)


def test_integers_may_be_put_in():
    model = st.MLPRegressor(hidden_layer_sizes=(2,)).partial_fit(X, LINE)
    model.coefs_ = [np.ones((4, 2), int), [[1], [1]]]
    model.intercepts_ = [[0, 0], np.zeros(1, int)]
    np.testing.assert_allclose(model.predict(X), 2 * np.maximum(X.sum(axis=1), 0), atol=1e-12)
    assert model.partial_fit(X, LINE).coefs_[0].dtype == np.float64


@quiet
@pytest.mark.parametrize(
    ("coefs", "intercepts", "message"),
    [
        (
            [(3, 5), (5, 1)],
            [5, 1],
            r"coefs_\[0\] must have 4 rows, as n_features_in_ says, .*\(3, 5\)",
        ),
        ([(4, 5), (6, 1)], [5, 1], r"coefs_\[1\] must have 5 rows.*\(6, 1\)"),
        ([(4, 5), (5, 2)], [5, 2], r"coefs_\[1\] must have 1 columns, as n_outputs_ says"),
        ([(4, 5), (5, 1)], [6, 1], r"intercepts_\[0\] must have shape \(5,\).*\(6,\)"),
        ([(4, 5), (5, 1)], [5, (1, 1)], r"intercepts_\[1\] must have shape \(1,\).*\(1, 1\)"),
        ([(4, 5), 5], [5, 1], r"coefs_\[1\] must have 5 rows.*\(5,\)"),
        ([(4, 5)], [5, 1], r"coefs_ has 1 and intercepts_ 2"),
    ],
)
def test_weights_that_do_not_fit_are_named(coefs, intercepts, message):
    model = st.MLPRegressor(hidden_layer_sizes=(5,), max_iter=2).fit(X, LINE)
    model.coefs_ = [np.zeros(shape) for shape in coefs]
    model.intercepts_ = [np.zeros(shape) for shape in intercepts]
    for call in (lambda: model.predict(X), lambda: model.partial_fit(X, LINE)):
        with pytest.raises(ValueError, match=message):
            call()


@quiet
def test_weights_that_are_no_arrays_are_named():
    model = st.MLPRegressor(hidden_layer_sizes=(5,), max_iter=2).fit(X, LINE)
    model.coefs_[1] = "weights"
    for call in (lambda: model.predict(X), lambda: model.partial_fit(X, LINE)):
        with pytest.raises(TypeError, match=r"coefs_\[1\] must be an array of numbers"):
            call()
    model.coefs_ = None
    with pytest.raises(TypeError, match=r"coefs_ must be a list of arrays, but is NoneType"):
        model.predict(X)


def test_other_layers_can_be_put_in_with_their_parameter():
    """The moments are of the old ones, and are forgotten."""
    model = st.MLPRegressor(hidden_layer_sizes=(5,)).partial_fit(X, LINE)
    model.set_params(hidden_layer_sizes=(2,))
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(2,\)"):
        model.partial_fit(X, LINE)
    model.coefs_, model.intercepts_ = [np.ones((4, 2)), np.ones((2, 1))], [np.zeros(2), np.zeros(1)]
    fresh = st.MLPRegressor(hidden_layer_sizes=(2,), random_state=0).partial_fit(X, LINE)
    fresh.coefs_, fresh.intercepts_ = model.coefs_, model.intercepts_
    del fresh._resume
    for each in (model, fresh):
        each.set_params(random_state=3).partial_fit(X, LINE)
    for w, w_fresh in zip(model.coefs_, fresh.coefs_, strict=True):
        np.testing.assert_array_equal(w, w_fresh)


@quiet
def test_a_warm_start_takes_replaced_weights():
    ours, theirs = pair("MLPRegressor", warm_start=True)
    for model in (ours, theirs):
        model.fit(X, LINE)
        model.coefs_ = replaced(model.coefs_, "Fortran")
        model.fit(X, LINE)
    assert_same_state(ours, theirs, X, LINE)
