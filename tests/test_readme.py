"""README's Python blocks run, and its table of scikit-learn's objectives is right."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import sklearn.linear_model as lm

import steepest as st

README = Path(__file__).parents[1] / "README.md"


def blocks():
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("number", range(len(blocks()) if README.exists() else 0))
def test_a_block_runs(number, capsys):
    exec(blocks()[number], {})


def table(heading):
    """Return the rows of the table that has this heading, as lists of cells."""
    lines = README.read_text().split(heading)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_what_is_more_is_there():
    """Each parameter, of the constructor or of a method, and each attribute and module that README names."""
    model = st.MLPClassifier((3,)).partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])
    parameters = set(model.get_params())
    for method in (model.fit, model.partial_fit):
        parameters |= set(inspect.signature(method).parameters)
    named = 0
    for row in table("| | the same | more | different, on purpose |"):
        for code in re.findall(r"`([^`]+)`", row[2]):
            for name in re.findall(r"(\w+)=", code):
                assert name in parameters, code
                named += 1
            if re.fullmatch(r"\w+_", code) or "(X)" in code:
                assert hasattr(model, code.split("(")[0]), code
    assert named >= 10


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_names_of_scikit_learns_objectives():
    values = {"st": st, "a": 0.1, "n": 6, "r": 0.5, "e": 0.3, "q": 0.8, "C": 2.0}
    values |= {name: getattr(st, name) for name in ("LinearRegression", "LogisticRegression")}
    X = np.arange(6.0)[:, None]
    fitted = 0
    for _, ours in table("| scikit-learn | steepest |"):
        for code in re.findall(r"`((?:Linear|Logistic)Regression\([^`]+)`", ours):
            model = eval(code, values).set_params(max_epochs=3)
            model.fit(X, np.arange(6) % 3 if code.startswith("Log") else X[:, 0])
            fitted += 1
    assert fitted >= 8


@pytest.fixture
def line(rng):
    X = rng.standard_normal((80, 4)) * [1.0, 2.0, 0.5, 1.0]
    return X, X @ np.array([1.0, -1.0, 0.5, 0.0]) + 0.3 * rng.standard_normal(80) + 2.0


def test_the_penalty_of_ridge(line):
    X, y = line
    theirs = lm.Ridge(3.0).fit(X, y)
    ours = st.LinearRegression(alpha=2 * 3.0 / len(X), standardize=False).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-8)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_penalty_of_logistic_regression(line, classes):
    X, y = line
    labels = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
    theirs = lm.LogisticRegression(C=0.5, tol=1e-12, max_iter=10_000).fit(X, labels)
    ours = st.LogisticRegression(alpha=1 / (len(X) * 0.5), standardize=False, tol=1e-10)
    ours.fit(X, labels)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_the_penalties_of_lasso_and_elastic_net(line, l1_ratio):
    X, y = line
    theirs = lm.ElasticNet(0.2, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000).fit(X, y)
    ours = st.LinearRegression(alpha=2 * 0.2, l1_ratio=l1_ratio, standardize=False).fit(X, y)
    assert (0.0 in theirs.coef_) == (l1_ratio == 1)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)


def test_the_penalty_of_a_poisson_regressor(line):
    X, y = line
    counts = np.round(np.exp(0.3 * y))
    theirs = lm.PoissonRegressor(alpha=0.2, tol=1e-12, max_iter=10_000).fit(X, counts)
    ours = st.LinearRegression(loss="poisson", alpha=0.2, standardize=False).fit(X, counts)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5)


def test_the_penalty_of_a_quantile_regressor(line):
    X, y = line
    theirs = lm.QuantileRegressor(quantile=0.8, alpha=0.05).fit(X, y)
    ours = st.LinearRegression(
        loss=st.losses.Quantile(0.8), alpha=0.05, l1_ratio=1, standardize=False
    ).fit(X, y)
    np.testing.assert_array_equal(ours.coef_ == 0, np.abs(theirs.coef_) < 1e-12)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=5e-3)
