"""What Python does around the compiled loop, by its structure: no imports, no checks twice, the same results.

A small model trains in less time than one import or one of scikit-learn's checks of a data frame takes.
"""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import sklearn
from numpy.polynomial import Chebyshev, Legendre, Polynomial
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.fixes import parse_version
from sklearn.utils.multiclass import check_classification_targets
from tolerances import assert_close

import steepest as st
from steepest._bases import to_monomial
from steepest._validate import check_finite
from steepest.estimators import base, logistic

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

REGRESSORS = [st.LinearRegression, st.PolynomialRegression, st.MLPRegressor]
CLASSIFIERS = [st.LogisticRegression, st.MLPClassifier]


@pytest.fixture(params=REGRESSORS + CLASSIFIERS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


def small(kind):
    if kind in (st.MLPRegressor, st.MLPClassifier):
        return kind(hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    return kind(max_epochs=3, random_state=0)


def data(kind, rng, dtype=np.float64):
    """Return (X, y, sample_weight) as plain arrays."""
    X = rng.standard_normal((60, 1 if kind is st.PolynomialRegression else 3)).astype(dtype)
    y = X.sum(axis=1)
    weights = rng.uniform(0.5, 2.0, len(X)).astype(dtype)
    return X, (y > 0).astype(np.int64) if kind in CLASSIFIERS else y, weights


class Subclass(np.ndarray):
    """An array that goes the ordinary way, through scikit-learn's checks."""


# ---------------------------------------------------------------- imports

FIRST_FIT = """
import sys, warnings
import numpy as np
import steepest as st
warnings.simplefilter("ignore")
model = st.{name}({parameters}=1)
assert not [m for m in sys.modules if m.startswith("sklearn.model_selection")]
X = np.arange(20.0)[:, None] / 10
y = np.arange(20) % 2
before = set(sys.modules)
model.fit(X, y).predict(X[:1])
print(sorted(set(sys.modules) - before))
"""


def test_a_first_fit_imports_nothing(kind):
    parameters = "max_iter" if kind in (st.MLPRegressor, st.MLPClassifier) else "max_epochs"
    code = FIRST_FIT.format(name=kind.__name__, parameters=parameters)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


# ---------------------------------------------------------------- plain arrays


def test_plain_arrays_skip_scikit_learns_checks(kind, rng, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a plain array went through a check of scikit-learn's")

    X, y, weights = data(kind, rng)
    for name in ("validate_data", "check_array", "_check_sample_weight", "check_is_fitted"):
        monkeypatch.setattr(base, name, refuse)
    for name in ("column_or_1d", "check_classification_targets"):
        monkeypatch.setattr(logistic, name, refuse)
    model = small(kind).fit(X, y, sample_weight=weights)
    model.predict(X)
    if hasattr(model, "partial_fit"):
        model.partial_fit(X, y)
    with pytest.raises(AssertionError, match=r"went through"):
        model.predict(X.tolist())


@pytest.mark.parametrize("order", ["C", "F"])
def test_both_ways_lead_to_the_same_model(kind, rng, dtype, order):
    X, y, weights = data(kind, rng, dtype)
    quick = small(kind).fit(np.asarray(X, order=order), y, sample_weight=weights)
    way_round = small(kind).fit(
        X.view(Subclass), y.view(Subclass), sample_weight=weights.view(Subclass)
    )
    assert quick.loss_curve_ == way_round.loss_curve_
    assert quick.n_features_in_ == way_round.n_features_in_ == X.shape[1]
    assert set(vars(quick)) == set(vars(way_round))
    np.testing.assert_array_equal(quick.predict(X), way_round.predict(X.view(Subclass)))


@pytest.mark.parametrize("kind_of_number", [np.int8, np.uint16, np.int64, np.float16, ">f8"])
def test_other_numbers_become_float64(kind, rng, kind_of_number):
    X, y, _ = data(kind, rng)
    X = (4 * X).round()
    if np.dtype(kind_of_number).kind == "u":
        X = np.abs(X)
    want = small(kind).fit(X, y).predict(X)
    got = small(kind).fit(X.astype(kind_of_number), y).predict(X.astype(kind_of_number))
    np.testing.assert_array_equal(got, want)
    if kind in REGRESSORS:
        assert got.dtype == np.float64


def test_feature_names_are_looked_at(kind, rng):
    """An estimator that knows names warns about an array without; fitting to one forgets them."""
    pandas = pytest.importorskip("pandas")
    X, y, _ = data(kind, rng)
    model = small(kind).fit(pandas.DataFrame(X).rename(columns=str), y)
    assert list(model.feature_names_in_) == [str(i) for i in range(X.shape[1])]
    with pytest.warns(UserWarning, match=r"does not have valid feature names"):
        model.predict(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y).predict(X)
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize(
    "bad", [np.zeros((3, 7)), np.zeros(3), np.zeros((0, 3)), np.zeros((2, 3, 1))]
)
def test_wrong_shapes_are_scikit_learns_to_refuse(rng, bad):
    X, y, _ = data(st.MLPRegressor, rng)
    model = small(st.MLPRegressor).fit(X, y)
    with pytest.raises(ValueError, match=r"features|Expected 2D|minimum|dim 3"):
        model.predict(bad)


def test_being_fitted_can_be_a_subclasss_business(rng):
    class Never(st.LinearRegression):
        def __sklearn_is_fitted__(self):
            return False

    X, y, _ = data(Never, rng)
    with pytest.raises(NotFittedError):
        Never().fit(X, y).predict(X)


def test_many_classes_are_still_warned_about(rng):
    X = rng.standard_normal((30, 2))
    with warnings.catch_warnings(record=True) as theirs:
        warnings.simplefilter("always")
        check_classification_targets(np.arange(30) % 16)
    with warnings.catch_warnings(record=True) as ours:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)
        st.LogisticRegression(max_epochs=1).fit(X, np.arange(30) % 16)
    assert [str(w.message) for w in ours] == [str(w.message) for w in theirs]
    if parse_version(sklearn.__version__) >= parse_version("1.7"):
        assert "greater than 50%" in str(ours[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        st.LogisticRegression(max_epochs=1).fit(X, np.arange(30) % 15)


# ---------------------------------------------------------------- the pieces


@pytest.mark.parametrize("shape", [(3, 2), (70_000, 3), (200_000,), (3, 70_000)])
def test_a_bad_entry_is_found_wherever_it_is(shape, dtype):
    values = np.full(shape, np.finfo(dtype).max, dtype)  # large, but finite
    check_finite("X", values)
    for where in (0, values.size // 2, values.size - 1):
        for bad in (np.nan, np.inf, -np.inf):
            values.flat[where] = bad
            row = np.unravel_index(where, shape)[0]
            with pytest.raises(ValueError, match=rf"X must be finite, but row {row}\b"):
                check_finite("X", values)
            values.flat[where] = 0


@pytest.mark.parametrize("degree", [0, 1, 2, 7, 15])
@pytest.mark.parametrize(
    ("basis", "series"),
    [("chebyshev", Chebyshev), ("legendre", Legendre), ("monomial", Polynomial)],
)
def test_monomial_coefficients_are_numpys(basis, series, degree, rng):
    coefficients = rng.standard_normal(degree + 1)
    domain = (-0.5, 3.0)
    want = series(coefficients, domain=domain, window=(-1, 1)).convert(
        kind=Polynomial, domain=(-1, 1), window=(-1, 1)
    )
    got = to_monomial(coefficients, basis, domain)
    # Each coefficient is a sum of what all terms of the recurrence contribute.
    assert_close(got, want.coef, np.float64, "reduction", (degree + 1) ** 2)
