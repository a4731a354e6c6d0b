"""An optimizer's own l2 in a descent: the penalty l2/2 ||w||^2 is differentiated, so it is reported."""

import numpy as np
import pytest
from tolerances import assert_close

import steepest as st
from steepest.optimizers import Group
from steepest.stopping import MaxEpochs

L2, ROWS = 0.3, 40

FULL_BATCH = {
    "linear": (st.LinearRegression, {}),
    "linear, rows": (st.LinearRegression, {"loss": "huber"}),
    "linear, absolute": (st.LinearRegression, {"loss": "absolute_error"}),
    "linear, absolute, in groups": (st.LinearRegression, {"loss": "absolute_error"}),
    "polynomial, absolute": (st.PolynomialRegression, {"degree": 3, "loss": "absolute_error"}),
    "polynomial": (st.PolynomialRegression, {"degree": 3}),
    "polynomial, refined": (st.PolynomialRegression, {"degree": 3, "tol": 1e-20}),
    "logistic": (st.LogisticRegression, {}),
    "perceptron": (
        st.MLPRegressor,
        {"hidden_layer_sizes": (5,), "batch_size": ROWS, "random_state": 0, "max_iter": 10},
    ),
}


def data(rng, estimator):
    x = rng.standard_normal((ROWS, 1 if estimator is st.PolynomialRegression else 3))
    y = x[:, 0] + 0.5 * rng.standard_normal(ROWS)
    return x, y > 0 if estimator is st.LogisticRegression else y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("optimizer", [st.SGD(0.05), st.Adam(0.05)], ids=["SGD", "Adam"])
@pytest.mark.parametrize("name", FULL_BATCH)
def test_it_is_the_estimators_penalty_by_another_name(rng, name, optimizer):
    estimator, settings = FULL_BATCH[name]
    X, y = data(rng, estimator)
    if estimator is not st.MLPRegressor:
        settings = {**settings, "stop": [MaxEpochs(10)]}
    of_rows = ROWS if estimator is st.MLPRegressor else 1  # its alpha is divided by the rows
    penalty = estimator(**{**settings, "alpha": L2 * of_rows}, optimizer=optimizer).fit(X, y)
    groups = (Group(kind="weights", l2=L2),) if name.endswith("groups") else ()
    coupled = type(optimizer)(optimizer.learning_rate, l2=0.0 if groups else L2, groups=groups)
    model = estimator(**{**settings, "alpha": 0.0}, optimizer=coupled).fit(X, y)
    for column in ("loss", "gradient_norm"):
        ours, expected = (np.asarray(m.history_[column]) for m in (model, penalty))
        assert_close(ours, expected, np.float64, "steps", 10, scale=10.0)
    assert_close(model.predict(X), penalty.predict(X), np.float64, "steps", 10, scale=10.0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("batch_size", [7, ROWS])
def test_the_reported_loss_of_a_network_has_it(rng, batch_size):
    X, y = data(rng, st.MLPRegressor)
    settings = {"hidden_layer_sizes": (5,), "batch_size": batch_size, "shuffle": False}
    settings |= {"alpha": 0.0, "random_state": 0, "max_iter": 1}

    def first_loss(l2):
        # So small a rate that all batches are measured at the start.
        model = st.MLPRegressor(**settings, optimizer=st.SGD(1e-300, l2=l2))
        model.fit(X, y)
        return model.loss_curve_[0], sum(np.sum(w * w) for w in model.coefs_)

    (without, squares), (loss, _) = first_loss(0.0), first_loss(L2)
    np.testing.assert_allclose(loss - without, L2 / 2 * squares, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("end", [{}, {"max_steps": 7}, {"stop": [MaxEpochs(3)]}])
def test_minimize_reports_it_wherever_it_ends(dtype, end):
    """(x - 1)^2 + l2/2 x^2 has its minimum at 2 / (2 + l2)."""
    result = st.minimize(
        lambda x: float((x[0] - 1) ** 2),
        np.array([3], dtype),
        lambda x: 2 * (x - 1),
        st.SGD(0.2, l2=L2),
        gtol=1e-6,
        **end,
    )
    x = float(result.x[0])
    scale = {"rtol": 1e-6 if dtype == np.float32 else 1e-14}
    np.testing.assert_allclose(result.fun, (x - 1) ** 2 + L2 / 2 * x**2, **scale)
    np.testing.assert_allclose(result.grad, 2 * (x - 1) + L2 * x, atol=1e-6)
    np.testing.assert_allclose(result.history["loss"][0], 4 + L2 / 2 * 9, **scale)
    assert result.converged == (not end)
    if not end:
        np.testing.assert_allclose(x, 2 / (2 + L2), rtol=1e-6)
