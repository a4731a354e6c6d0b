"""Weights of classes, beside what scikit-learn makes of them."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pytest
import sklearn.linear_model
from sklearn.datasets import load_iris
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import steepest as st

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = [st.LogisticRegression, st.MLPClassifier]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(params=[2, 3], ids=lambda n: f"{n} classes")
def data(request):
    """(X, labels), where the last class is rare."""
    X, y = load_iris(return_X_y=True)
    rows = np.concatenate([np.flatnonzero(y == k)[: 40 if k < 2 else 11] for k in range(3)])
    if request.param == 2:
        rows = rows[40:]
    return StandardScaler().fit_transform(X[rows]), load_iris().target_names[y[rows]]


def small(kind, **parameters):
    if kind is st.MLPClassifier:
        parameters = {"hidden_layer_sizes": (6,), "max_iter": 20, **parameters}
    return kind(random_state=0, **parameters)


WEIGHTS = {"balanced": "balanced", "some": {"virginica": 5.0}, "all": None}


@pytest.fixture(params=WEIGHTS)
def class_weight(request, data):
    if request.param == "all":
        return {label: 0.5 + k for k, label in enumerate(np.unique(data[1]))}
    return WEIGHTS[request.param]


# ---------------------------------------------------------------- what they do


def test_they_are_weights_of_the_rows(kind, data, class_weight):
    X, y = data
    fitted = small(kind, class_weight=class_weight).fit(X, y)
    by_hand = small(kind).fit(X, y, sample_weight=compute_sample_weight(class_weight, y))
    np.testing.assert_allclose(fitted.loss_curve_, by_hand.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(fitted.predict_proba(X), by_hand.predict_proba(X), rtol=1e-9)
    assert fitted.loss_curve_ != small(kind).fit(X, y).loss_curve_


def test_they_multiply_the_rows_own(kind, data):
    X, y = data
    own = np.random.RandomState(0).uniform(0.5, 2, len(y))
    class_weight = {"virginica": 3.0, "versicolor": 0.5}
    fitted = small(kind, class_weight=class_weight).fit(X, y, sample_weight=own)
    both = own * compute_sample_weight(class_weight, y)
    by_hand = small(kind).fit(X, y, sample_weight=both)
    np.testing.assert_allclose(fitted.loss_curve_, by_hand.loss_curve_, rtol=1e-12)


def test_balanced_weighs_what_the_rows_weigh(kind, data):
    """Each class has the same sum of weights; rows of weight 2 count as two rows."""
    X, y = data
    own = np.random.RandomState(0).randint(1, 4, len(y))
    twice = np.repeat(np.arange(len(y)), own)
    fitted = small(kind, class_weight="balanced").fit(X, y, sample_weight=own.astype(float))
    sums = {label: own[y == label].sum() for label in np.unique(y)}
    of_class = {label: own.sum() / (len(sums) * total) for label, total in sums.items()}
    by_hand = small(kind, class_weight=of_class).fit(X, y, sample_weight=own.astype(float))
    np.testing.assert_allclose(fitted.loss_curve_, by_hand.loss_curve_, rtol=1e-12)
    if kind is st.LogisticRegression:
        parameters = {"class_weight": "balanced", "standardize": False, "max_epochs": 50_000}
        weighted = small(kind, **parameters).fit(X, y, sample_weight=own.astype(float))
        repeated = small(kind, **parameters).fit(X[twice], y[twice])
        np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_regression_is_scikit_learns(data, class_weight, weighted):
    """Its objective is the sum of the weighted losses and |w|^2 / (2 C), ours the mean."""
    if weighted and "sample_weight" not in signature(compute_class_weight).parameters:
        pytest.skip("this scikit-learn balances by counts")  # up to 1.6
    X, y = data
    own = np.random.RandomState(1).uniform(0.5, 2, len(y)) if weighted else None
    theirs = sklearn.linear_model.LogisticRegression(
        C=2.0, class_weight=class_weight, tol=1e-10, max_iter=10_000
    )
    theirs.fit(X, y, sample_weight=own)
    total = weights_of_rows(class_weight, y, own).sum()
    ours = st.LogisticRegression(
        alpha=1 / (2.0 * total),
        class_weight=class_weight,
        standardize=False,
        tol=1e-9,
        max_epochs=100_000,
    )
    ours.fit(X, y, sample_weight=own)
    assert ours.status_ == "converged"
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def weights_of_rows(class_weight, y, own):
    own = np.ones(len(y)) if own is None else own
    if class_weight == "balanced":
        classes = np.unique(y)
        sums = {label: own[y == label].sum() for label in classes}
        return np.array([own.sum() / (len(classes) * sums[label]) for label in y]) * own
    return compute_sample_weight(class_weight, y) * own


def test_balanced_finds_the_rare_class(kind, data):
    X, y = data
    X = X + 1.5 * np.random.RandomState(0).standard_normal(X.shape)
    parameters = {"learning_rate_init": 0.05} if kind is st.MLPClassifier else {}

    def recall(class_weight):
        fitted = small(kind, class_weight=class_weight, **parameters).fit(X, y)
        return recall_score(y, fitted.predict(X), average=None)[-1]

    assert recall(None) < recall("balanced")


@pytest.mark.parametrize("form", ["balanced", "dicts"])
def test_several_labels(form):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((60, 3))
    y = (X @ rng.standard_normal((3, 3)) > [0.0, 1.0, -1.0]).astype(int)
    weight = "balanced" if form == "balanced" else [{0: 1, 1: 2}, {1: 3.0}, {0: 0.5, 1: 1}]
    own = rng.uniform(0.5, 2, len(y))
    fitted = small(st.MLPClassifier, class_weight=weight).fit(X, y, sample_weight=own)
    by_hand = small(st.MLPClassifier).fit(
        X, y, sample_weight=own * compute_sample_weight(weight, y)
    )
    np.testing.assert_allclose(fitted.loss_curve_, by_hand.loss_curve_, rtol=1e-12)


def test_validation_data_count_by_their_own_weights(kind, data):
    X, y = data
    fitted = small(kind, class_weight="balanced").fit(X, y, validation_data=(X, y))
    score = fitted.history_["validation_score"][-1]
    assert score == pytest.approx(fitted.score(X, y), rel=1e-12)
    loss = -np.mean(
        np.log(fitted.predict_proba(X)[np.arange(len(y)), fitted.classes_.searchsorted(y)])
    )
    assert fitted.history_["validation_loss"][-1] == pytest.approx(loss, rel=1e-9)


def test_what_is_held_out_counts_by_them(data):
    """Otherwise the best weights would be the best without them. A scorer sees the rows as they are."""
    X, y = data
    seen = []

    def scorer(estimator, X, y):
        seen.append(estimator.score(X, y, np.where(y == "virginica", 9.0, 1.0)))
        return estimator.score(X, y)

    parameters = {"class_weight": {"virginica": 9.0}, "early_stopping": True, "max_iter": 5}
    ours = small(st.MLPClassifier, **parameters).fit(X, y)
    same = small(st.MLPClassifier, **parameters, scoring=scorer).fit(X, y)
    np.testing.assert_allclose(ours.validation_scores_, seen, rtol=1e-12)
    assert ours.loss_curve_ == same.loss_curve_


def test_partial_fit_takes_a_dict(kind, data):
    X, y = data
    weight = {"virginica": 4.0}
    fitted = small(kind, class_weight=weight).partial_fit(X, y, classes=np.unique(y))
    by_hand = small(kind)
    by_hand.partial_fit(X, y, classes=np.unique(y), sample_weight=compute_sample_weight(weight, y))
    np.testing.assert_allclose(fitted.loss_curve_, by_hand.loss_curve_, rtol=1e-12)
    part = y != "virginica"  # a batch without the class
    fitted.partial_fit(X[part], y[part])


def test_sparse_and_float32(kind, data):
    from scipy.sparse import csr_array

    X, y = data
    fitted = small(kind, class_weight="balanced").fit(X.astype(np.float32), y)
    assert fitted.predict_proba(X.astype(np.float32)).dtype == np.float32
    dense = small(kind, class_weight="balanced").fit(X, y)
    sparse = small(kind, class_weight="balanced").fit(csr_array(X), y)
    np.testing.assert_array_equal(dense.predict_proba(X), sparse.predict_proba(X))


def test_in_a_search(kind, data):
    grid = {"class_weight": [None, "balanced", {"virginica": 2.0}]}
    search = GridSearchCV(small(kind), grid, scoring="balanced_accuracy", cv=2).fit(*data)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        ("even", TypeError, r'class_weight must be None, "balanced" or a dict by label'),
        (2.0, TypeError, r'class_weight must be None, "balanced" or a dict by label'),
        ([{0: 1.0}], TypeError, r'class_weight must be None, "balanced" or a dict by label'),
        ({"lily": 2.0}, ValueError, r"not in class_weight"),
        ({"virginica": -1.0}, ValueError, r"class_weight.*not negative.*virginica"),
        ({"virginica": np.nan}, ValueError, r"class_weight.*finite.*virginica"),
        ({"virginica": "much"}, ValueError, r"class_weight.*finite.*virginica"),
        ({"virginica": 0, "versicolor": 0, "setosa": 0}, ValueError, r"class_weight must leave"),
    ],
)
def test_bad_weights(kind, data, class_weight, error, message):
    X, y = data
    if isinstance(class_weight, dict):
        class_weight = {k: v for k, v in class_weight.items() if k in y or k == "lily"}
    model = small(kind, class_weight=class_weight)
    with pytest.raises(error, match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize("class_weight", ["even", {0: 2.0}, [{0: 1.0, 1: 2.0}], [1.0, 2.0, 3.0]])
def test_bad_weights_of_several_labels(class_weight):
    X, y = np.eye(4), np.eye(4, 3, dtype=int)
    model = small(st.MLPClassifier, class_weight=class_weight)
    with pytest.raises((TypeError, ValueError), match=r"class_weight"):
        model.fit(X, y)


def test_partial_fit_refuses_balanced_as_scikit_learn_does(kind, data):
    X, y = data
    message = r"class_weight 'balanced' is not supported for partial_fit"
    theirs = sklearn.linear_model.SGDClassifier(class_weight="balanced")
    for model in (small(kind, class_weight="balanced"), theirs):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X, y, classes=np.unique(y))
