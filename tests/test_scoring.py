"""A scikit-learn scorer on validation data: recorded, stopped on, and the best by it restored."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler

import steepest as st
from steepest.stopping import MaxSeconds, NoImprovement

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSIFIERS = [st.LogisticRegression, st.MLPClassifier]
KINDS = [st.LinearRegression, st.PolynomialRegression, st.MLPRegressor, *CLASSIFIERS]
LIMIT = {st.MLPRegressor: "max_iter", st.MLPClassifier: "max_iter"}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture
def parts(kind):
    """(training X, y), (validation X, y)."""
    if kind in CLASSIFIERS:
        X, y = load_breast_cancer(return_X_y=True)
        y = np.where(y == 1, "benign", "malignant")
    else:
        X, y = load_diabetes(return_X_y=True)
        y = y / 100
    X = StandardScaler().fit_transform(X)[:200]
    if kind is st.PolynomialRegression:
        X = X[:, 2:3]
    return (X[:150], y[:150]), (X[150:], y[:200][150:])


def model(kind, epochs=15, **parameters):
    if kind in LIMIT:
        parameters.setdefault("hidden_layer_sizes", (8,))
    return kind(**{LIMIT.get(kind, "max_epochs"): epochs}, random_state=0, **parameters)


def scorer_of(kind):
    return "roc_auc" if kind in CLASSIFIERS else "neg_mean_absolute_error"


def noisy(kind):
    """Return a scorer whose best is neither the first nor the last: the score itself is not what it says."""
    values = iter([0.1, 0.3, 0.2, 0.9, 0.5, 0.4, 0.3, 0.2, 0.1, *(0.05,) * 1000])
    snapshots = []

    def scorer(estimator, X, y):
        snapshots.append(estimator.predict(X))
        return next(values)

    return scorer, snapshots


# ---------------------------------------------------------------- what is recorded


@pytest.mark.parametrize("form", ["name", "scorer", "callable", "make_scorer"])
def test_each_epoch_has_the_score_of_a_fit_that_ends_there(kind, parts, form):
    name = scorer_of(kind)
    scoring = {
        "name": name,
        "scorer": get_scorer(name),
        "callable": lambda estimator, X, y: get_scorer(name)(estimator, X, y),
        "make_scorer": make_scorer(lambda y, prediction: np.mean(y == prediction)),
    }[form]
    (X, y), held_out = parts
    fitted = model(kind, 6, scoring=scoring).fit(X, y, validation_data=held_out)
    scores = fitted.history_["validation_score"]
    assert len(scores) == len(fitted.loss_curve_)
    scorer = get_scorer(scoring) if form == "name" else scoring
    for epochs in (1, 3, 6):
        alone = model(kind, epochs).fit(X, y)
        assert scores[len(alone.loss_curve_) - 1] == scorer(alone, *held_out)
    plain = model(kind, 6).fit(X, y, validation_data=held_out)
    np.testing.assert_array_equal(fitted.loss_curve_, plain.loss_curve_)
    np.testing.assert_array_equal(
        fitted.history_["validation_loss"], plain.history_["validation_loss"]
    )


@pytest.mark.parametrize("kind", list(LIMIT))
def test_the_perceptrons_list_the_scores(kind, parts):
    (X, y), held_out = parts
    fitted = model(kind, scoring=scorer_of(kind)).fit(X, y, validation_data=held_out)
    assert fitted.validation_scores_ == fitted.history_["validation_score"].tolist()
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)


def test_the_default_is_the_estimators_own_score(kind, parts):
    (X, y), held_out = parts
    own = model(kind, 5).fit(X, y, validation_data=held_out).history_["validation_score"]
    measure = "accuracy" if kind in CLASSIFIERS else "r2"
    other = model(kind, 5, scoring=measure).fit(X, y, validation_data=held_out)
    np.testing.assert_allclose(other.history_["validation_score"], own, rtol=1e-9, atol=1e-12)


def test_weights_of_the_validation_data(kind, parts):
    (X, y), (X_held, y_held) = parts
    weights = np.linspace(0, 2, len(y_held))
    name = scorer_of(kind)
    fitted = model(kind, 4, scoring=name).fit(X, y, validation_data=(X_held, y_held, weights))
    score = get_scorer(name)(fitted, X_held, y_held, sample_weight=weights)
    assert fitted.history_["validation_score"][-1] == score
    assert score != get_scorer(name)(fitted, X_held, y_held)


def test_scorers_see_the_frame_that_was_given(kind, parts):
    pandas = pytest.importorskip("pandas")
    (X, y), (X_held, y_held) = parts
    frames = []

    def scorer(estimator, X, y):
        frames.append(X)
        return get_scorer(scorer_of(kind))(estimator, X, y)

    names = [f"x{i}" for i in range(X.shape[1])]
    held_out = pandas.DataFrame(X_held, columns=names)
    fitted = model(kind, 3, scoring=scorer)
    fitted.fit(pandas.DataFrame(X, columns=names), y, validation_data=(held_out, y_held))
    assert len(frames) == len(fitted.loss_curve_)
    assert all(frame is held_out for frame in frames)


@pytest.mark.parametrize("kind", list(LIMIT))
@pytest.mark.parametrize("form", ["array", "frame", "csr", "csc", "list"])
def test_what_early_stopping_holds_out(kind, parts, form):
    """The rows that scikit-learn holds out, in the user's own form."""
    pandas = pytest.importorskip("pandas")
    from scipy import sparse

    (X, y), _ = parts
    forms = {
        "array": np.asarray,
        "frame": lambda X: pandas.DataFrame(X).rename(columns=str),
        "csr": sparse.csr_array,
        "csc": sparse.csc_matrix,
        "list": lambda X: X.tolist(),
    }
    given = forms[form](X)
    seen = []

    def scorer(estimator, X, y):
        seen.append((X, y))
        return get_scorer(scorer_of(kind))(estimator, X, y)

    fitted = model(kind, 5, early_stopping=True, scoring=scorer).fit(given, y)
    assert len(fitted.validation_scores_) == len(seen) == 5
    held, labels = seen[0]
    assert type(held) is (sparse.csr_matrix if form == "csc" else type(given))
    random_state = np.random.RandomState(0)
    model(kind)._start(X, *targets(kind, y), random_state, False)
    _, rows = train_test_split(np.arange(len(y)), test_size=0.1, random_state=random_state)
    if kind is st.MLPRegressor:  # a classifier holds out the same share of every class
        np.testing.assert_array_equal(np.asarray(labels), y[rows])
    dense = held.toarray() if sparse.issparse(held) else np.asarray(held)
    matches = [np.flatnonzero((row == X).all(axis=1))[0] for row in dense]
    np.testing.assert_array_equal(y[matches], labels)


def targets(kind, y):
    estimator = kind()
    return (estimator._targets(y, np.zeros((len(y), 1)), reset=True),)


# ---------------------------------------------------------------- what is done with it


def test_patience_watches_the_score_and_the_best_comes_back(kind, parts):
    (X, y), held_out = parts
    scorer, snapshots = noisy(kind)
    rule = NoImprovement(3, monitor="validation_score")
    fitted = model(kind, 1000, scoring=scorer, stop=[rule]).fit(X, y, validation_data=held_out)
    assert fitted.status_ == "no_improvement"
    scores = fitted.history_["validation_score"].tolist()
    assert scores == [0.1, 0.3, 0.2, 0.9, 0.5, 0.4, 0.3]
    np.testing.assert_array_equal(fitted.predict(held_out[0]), snapshots[3])
    if kind not in LIMIT:
        assert fitted.loss_ == fitted.loss_curve_[3]


ENDINGS = ["max_epochs", "callback", "interrupted", "max_seconds"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_best_comes_back_whatever_ends_the_fit(kind, parts, ending):
    (X, y), held_out = parts
    scorer, snapshots = noisy(kind)

    def callback(record):
        if record["validation_score"] != 0.4:
            return False
        if ending == "interrupted":
            raise KeyboardInterrupt
        return ending == "callback"

    stop = [NoImprovement(900, monitor="validation_score")]
    if ending == "max_seconds":
        stop.append(MaxSeconds(0.0))  # at the end of the first epoch, which is then the best
    fitted = model(
        kind, 6 if ending == "max_epochs" else 500, scoring=scorer, callbacks=callback, stop=stop
    )
    if ending == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            fitted.fit(X, y, validation_data=held_out)
    else:
        fitted.fit(X, y, validation_data=held_out)
    assert fitted.status_ == ending
    best = int(np.argmax(fitted.history_["validation_score"]))
    assert best == (0 if ending == "max_seconds" else 3)
    np.testing.assert_array_equal(fitted.predict(held_out[0]), snapshots[best])


@pytest.mark.parametrize("kind", list(LIMIT))
def test_early_stopping_stops_on_it(kind, parts):
    (X, y), held_out = parts
    scorer, snapshots = noisy(kind)
    fitted = model(kind, 100, scoring=scorer, early_stopping=True, n_iter_no_change=4)
    fitted.fit(X, y, validation_data=held_out)
    assert fitted.status_ == "no_improvement"
    assert fitted.best_validation_score_ == 0.9
    assert fitted.best_loss_ is None
    assert fitted.n_iter_ == 4 + 5
    np.testing.assert_array_equal(fitted.predict(held_out[0]), snapshots[3])


def test_nan_is_never_the_best(kind, parts):
    (X, y), held_out = parts
    scores = iter([0.5, np.nan, 0.7, np.nan, *(0.1,) * 100])
    snapshots = []

    def scorer(estimator, X, y):
        snapshots.append(estimator.predict(X))
        return next(scores)

    rule = NoImprovement(50, monitor="validation_score")
    fitted = model(kind, 5, scoring=scorer, stop=[rule]).fit(X, y, validation_data=held_out)
    np.testing.assert_array_equal(fitted.predict(held_out[0]), snapshots[2])
    if kind in LIMIT:
        assert fitted.best_validation_score_ == 0.7


def test_as_a_parameter_of_a_search():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    estimator = st.MLPClassifier((4,), early_stopping=True, max_iter=3, random_state=0)
    search = GridSearchCV(estimator, {"scoring": ["roc_auc", "neg_log_loss", None]}, cv=2)
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ---------------------------------------------------------------- what is refused


def test_without_validation_data_there_is_nothing_to_score(kind, parts):
    (X, y), _ = parts
    estimator = model(kind, scoring=scorer_of(kind))
    message = r"scoring.*validation_data" + (".*early_stopping" if kind in LIMIT else "")
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert set(vars(estimator)) == set(estimator.get_params())


@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [
        ("no_such_scorer", ValueError, r"no_such_scorer"),
        (3, TypeError, r"scoring must be the name of a scorer"),
        (["r2"], TypeError, r"scoring must be the name of a scorer"),
        (mean_absolute_error, ValueError, r"scoring value"),
        (lambda estimator, X, y: {"a": 1.0}, TypeError, r"scoring must give one number"),
        (lambda estimator, X, y: np.ones(3), TypeError, r"scoring must give one number"),
        (lambda estimator, X, y: 1 / 0, ZeroDivisionError, r"division"),
    ],
)
def test_bad_scorers(kind, parts, scoring, error, message):
    (X, y), held_out = parts
    estimator = model(kind, scoring=scoring)
    with pytest.raises(error, match=message):
        estimator.fit(X, y, validation_data=held_out)
    assert set(vars(estimator)) == set(estimator.get_params())


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_scorer_that_needs_probabilities(kind, parts):
    (X, y), _ = parts
    labels = (y > np.median(y)).astype(float)
    with pytest.raises((AttributeError, ValueError), match=r"predict_proba|decision_function|clas"):
        model(kind, scoring="roc_auc").fit(X, labels, validation_data=(X, labels))


def test_a_scorer_that_takes_no_weights(kind, parts):
    (X, y), (X_held, y_held) = parts
    estimator = model(kind, scoring=lambda estimator, X, y: 0.0)
    with pytest.raises(TypeError, match=r"takes no sample_weight"):
        estimator.fit(X, y, validation_data=(X_held, y_held, np.ones(len(y_held))))


@pytest.mark.parametrize("kind", list(LIMIT))
def test_lbfgs_has_no_epochs_to_score(kind, parts):
    (X, y), _ = parts
    with pytest.raises(TypeError, match=r"scoring belongs to the stochastic solvers"):
        model(kind, solver="lbfgs", scoring="accuracy").fit(X, y)


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fit_has_nothing_to_score(kind, parts):
    (X, y), _ = parts
    classes = {"classes": np.unique(y)} if kind in CLASSIFIERS else {}
    fitted = model(kind, scoring=scorer_of(kind)).partial_fit(X, y, **classes)
    assert "validation_score" not in fitted.history_
