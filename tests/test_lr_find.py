"""The learning-rate range test: against closed forms of descent on quadratics, and what it leaves alone."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import steepest as st

ESTIMATORS = [
    st.LinearRegression(),
    st.LinearRegression(batch_size=16, random_state=3),
    st.PolynomialRegression(degree=3),
    st.PolynomialRegression(degree=3, batch_size=16, random_state=3),
    st.LogisticRegression(),
    st.LogisticRegression(batch_size=16, random_state=3),
    st.MLPRegressor(hidden_layer_sizes=(5,), random_state=3, batch_size=16),
    st.MLPRegressor(hidden_layer_sizes=(5,), random_state=3, solver="sgd", dropout=0.1),
    st.MLPClassifier(hidden_layer_sizes=(5,), random_state=3, batch_size=16),
]


def name_of(model):
    return f"{type(model).__name__}-{getattr(model, 'batch_size', None)}"


@pytest.fixture(params=ESTIMATORS, ids=name_of)
def case(request, rng):
    """Return a fresh estimator and data for it."""
    model = type(request.param)(**request.param.get_params(deep=False))
    X = rng.standard_normal((90, 1 if isinstance(model, st.PolynomialRegression) else 3))
    y = X.sum(axis=1) + 0.1 * rng.standard_normal(90)
    return model, X, (y > 0).astype(int) if hasattr(model, "predict_proba") else y


def quadratic(curvatures, start):
    """Return (X, y) with J(w) = sum_j curvature_j / 2 (w_j - start_j)^2, without intercept."""
    d = len(curvatures)
    X = np.diag(np.sqrt(d / 2 * np.asarray(curvatures)))
    return X, X @ start


PLAIN = {"standardize": False, "fit_intercept": False}


# ---------------------------------------------------------------- against closed forms


def test_the_losses_are_those_of_the_closed_form():
    """Each direction's error is multiplied by 1 - eta_t lambda_j in step t."""
    curvatures, start = np.array([0.3, 2.0, 5.0]), np.array([1.0, -2.0, 0.5])
    X, y = quadratic(curvatures, start)
    found = st.lr_find(st.LinearRegression(**PLAIN), X, y, low=1e-4, high=3.0, n_steps=80)
    rates = np.geomspace(1e-4, 3.0, 80)[: len(found.losses)]
    np.testing.assert_allclose(found.learning_rates, rates, rtol=1e-15)
    errors = start * np.cumprod(1 - rates[:, None] * curvatures, axis=0)
    want = (curvatures / 2 * errors**2).sum(axis=1)
    np.testing.assert_allclose(found.losses, want, rtol=1e-6)  # near 1 / lambda digits cancel
    np.testing.assert_array_equal(found.smoothed, found.losses)  # all rows, no noise
    assert found.initial_loss == pytest.approx((curvatures / 2 * start**2).sum(), rel=1e-12)
    assert want[-1] > found.initial_loss > want[:-1].max()
    rising = np.diff(want) > 0
    assert found.diverged_at == found.learning_rates[1 + np.flatnonzero(~rising)[-1] + 1]
    slopes = np.gradient(want[: np.argmin(want) + 1])
    assert found.steepest == pytest.approx(rates[np.argmin(slopes)], rel=1e-12)
    assert found.lowest == pytest.approx(rates[np.argmin(want)], rel=1e-12)


@pytest.mark.parametrize("curvature", [0.02, 1.0, 300.0])
@pytest.mark.parametrize("n_steps", [50, 90])  # none of which is at 1/L exactly
def test_the_loss_falls_below_two_over_l_and_rises_above(curvature, n_steps):
    """In one direction: J falls exactly where |1 - eta L| < 1."""
    X, y = quadratic([curvature], [1.0])
    model = st.LinearRegression(**PLAIN)
    found = st.lr_find(model, X, y, low=1e-4 / curvature, high=100 / curvature, n_steps=n_steps)
    assert found.limit == pytest.approx(2 / curvature, rel=1e-12)
    before = np.append(found.initial_loss, found.losses[:-1])
    falls = found.learning_rates < 2 / curvature
    np.testing.assert_array_equal(found.losses < before, falls)
    assert found.diverged_at > found.limit > found.suggestion
    ratio = found.learning_rates[1] / found.learning_rates[0]
    assert found.lowest <= found.limit < found.lowest * ratio
    assert found.diverged_at < found.limit * ratio


def test_a_floor_of_noise_delays_the_divergence_up_to_a_zero_of_the_dilogarithm():
    """What the documentation says: eta L = 12.6 where as much is there as at the start."""
    rates = np.geomspace(1e-6, 100.0, 200_001)
    size = np.cumsum(np.log(np.abs(1 - rates)))
    back = rates[np.argmax((size > 0) & (rates > 2))]
    assert back == pytest.approx(12.6, abs=0.1)


@pytest.mark.parametrize(
    "optimizer",
    [
        st.SGD(1.0),
        st.Momentum(1.0, 0.9),
        st.Momentum(1.0, 0.6, nesterov=True),
        st.Momentum(1.0, 0.9, velocity="average"),
        st.Momentum(1.0, 0.5, dampening=0.3),
        st.Momentum(1.0, 0.5, nesterov=True, velocity="average"),
        st.SGD(1.0, l2=0.7),
        st.SGD(1.0, weight_decay=0.7),
        st.Momentum(1.0, 0.9, l2=0.7),
        st.Momentum(1.0, 0.6, nesterov="lookahead"),
        st.SGD(1.0, average=st.optimizers.EMA(0.9)),
    ],
    ids=repr,
)
def test_the_limit_is_where_constant_rates_diverge(optimizer):
    """By descending on both sides of it."""
    X, y = quadratic([0.5, 4.0], [1.0, 1.0])
    found = st.lr_find(st.LinearRegression(**PLAIN, optimizer=optimizer), X, y)

    def fitted_at(rate):
        kind = type(optimizer)
        values = {**vars(optimizer), "learning_rate": rate}
        values.pop("_compiled", None)
        model = st.LinearRegression(**PLAIN, optimizer=kind(**values), tol=0.0, max_epochs=3000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(X, y)

    assert fitted_at(0.99 * found.limit).loss_curve_[-1] < 0.5  # of 2.25; coupled decay leaves some
    assert fitted_at(1.01 * found.limit).loss_curve_[-1] > 1e6


def test_two_over_l_is_numpys(rng):
    X, y = rng.standard_normal((50, 4)) * [1, 5, 0.1, 2], rng.standard_normal(50)
    model = st.LinearRegression(standardize=False, alpha=0.3)
    design = np.column_stack([np.ones(50), X])
    hessian = 2 / 50 * design.T @ design + 0.3 * np.diag([0, 1, 1, 1, 1])
    largest = np.linalg.eigvalsh(hessian)[-1]
    assert st.lr_find(model, X, y).limit == pytest.approx(2 / largest, rel=1e-10)


def test_two_over_l_of_a_polynomial_is_numpys(rng):
    x, y = rng.uniform(-1, 1, 40), rng.standard_normal(40)
    found = st.lr_find(st.PolynomialRegression(4, "legendre"), x, y)
    low, high = x.min(), x.max()
    design = np.polynomial.legendre.legvander((2 * x - low - high) / (high - low), 4)
    largest = np.linalg.eigvalsh(2 / 40 * design.T @ design)[-1]
    assert found.limit == pytest.approx(2 / largest, rel=1e-10)


def test_other_losses_and_optimizers_have_no_limit(rng):
    X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
    assert st.lr_find(st.LinearRegression(loss="huber"), X, y).limit is None
    assert st.lr_find(st.LinearRegression(), X, y, optimizer=st.Adam()).limit is None
    assert st.lr_find(st.LogisticRegression(), X, y > 0).limit is None


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_swing_of_momentum_is_no_divergence(rng, nesterov):
    """It passes the minimum, whose noise is small, and comes back."""
    X = rng.standard_normal((200, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.standard_normal(200)
    optimizer = st.Momentum(1.0, 0.95, nesterov=nesterov)
    found = st.lr_find(st.LinearRegression(), X, y, optimizer=optimizer)
    before = found.losses[found.learning_rates < 0.9 * found.limit]
    rises = np.diff(before) > 0
    assert (np.diff(rises.astype(int)) == -1).any()  # there are swings, up and down again
    assert 0.5 * found.limit < found.diverged_at < 6 * found.limit
    assert found.losses[-1] > found.initial_loss


def test_an_average_of_iterates_is_left_out(rng):
    X, y = rng.standard_normal((60, 2)), rng.standard_normal(60)
    averaged = st.SGD(1.0, average=st.optimizers.PolyakRuppert())
    found = st.lr_find(st.LinearRegression(), X, y, optimizer=averaged)
    np.testing.assert_array_equal(found.losses, st.lr_find(st.LinearRegression(), X, y).losses)
    assert found.optimizer.average == averaged.average


# ---------------------------------------------------------------- smoothing, and what is read off


def test_mini_batches_record_each_step(rng):
    """The losses of batches in order, by NumPy: a plain step at a time."""
    X = rng.standard_normal((40, 2))
    y = X @ [1.0, -1.0] + 0.1 * rng.standard_normal(40)
    model = st.LinearRegression(**PLAIN, batch_size=8, shuffle=False)
    found = st.lr_find(model, X, y, low=1e-3, high=1e-1, n_steps=12)
    assert len(found.losses) == 12
    w, losses = np.zeros(2), []
    for t, rate in enumerate([*found.learning_rates, 0.0]):
        rows = slice(8 * (t % 5), 8 * (t % 5) + 8)
        residual = X[rows] @ w - y[rows]
        losses.append(np.mean(residual**2))
        w -= rate * 2 / 8 * X[rows].T @ residual
    assert found.initial_loss == pytest.approx(losses[0], rel=1e-12)
    np.testing.assert_allclose(found.losses, losses[1:], rtol=1e-10)


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.95])
def test_the_moving_average_is_its_formula(rng, smoothing):
    X = rng.standard_normal((60, 2))
    y = X.sum(axis=1)
    model = st.LinearRegression(batch_size=8, random_state=0)
    found = st.lr_find(model, X, y, high=0.1, smoothing=smoothing, divergence=1e9, n_steps=30)
    for t in range(30):
        weights = smoothing ** np.arange(t, -1.0, -1.0)
        want = (1 - smoothing) * (weights @ found.losses[: t + 1]) / (1 - smoothing ** (t + 1))
        assert found.smoothed[t] == pytest.approx(want, rel=1e-12)


def test_all_suggestions_are_below_where_it_diverges(case):
    model, X, y = case
    for suggest in ("steepest", "valley", "minimum"):
        found = st.lr_find(model, X, y, suggest=suggest)
        assert found.method == suggest
        assert 1e-7 <= found.suggestion < (found.diverged_at or 10)
        assert found.optimizer.learning_rate == found.suggestion
    assert found.suggestion == found.lowest / 10


def test_a_suggested_rate_trains(case):
    model, X, y = case
    found = st.lr_find(model, X, y)
    trained = type(model)(**{**model.get_params(deep=False), "optimizer": found.optimizer})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        trained.fit(X, y)
    assert trained.status_ != "diverged"
    assert trained.loss_curve_[-1] < 0.9 * found.initial_loss


def test_the_valley_is_fastais():
    """On a curve with a known longest falling subsequence: 20 flat, 30 falling, 10 rising."""
    from steepest._lr_find import _valley

    curve = np.concatenate([np.full(20, 5.0), np.linspace(4.9, 1.0, 30), np.linspace(2, 9, 10)])
    # fastai counts 31 points, from one before the first of them: 18 + 10 + 5.
    assert _valley(curve) == 18 + 10 + 5


# ---------------------------------------------------------------- what it leaves alone


def test_the_model_and_the_arrays_are_left_alone(case):
    model, X, y = case
    before = pickle.dumps((model, X, y))
    X.flags.writeable = y.flags.writeable = False
    st.lr_find(model, X, y)
    X.flags.writeable = y.flags.writeable = True
    assert pickle.dumps((model, X, y)) == before
    assert not hasattr(model, "n_features_in_")


def test_a_fitted_model_and_its_stream_are_left_alone(rng):
    X, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
    stream = np.random.RandomState(5)
    seen = []
    model = st.MLPRegressor(
        hidden_layer_sizes=(3,), random_state=stream, max_iter=2, callbacks=[seen.append]
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    before, count = pickle.dumps(model.get_params()["random_state"].get_state()), len(seen)
    coefs = [w.copy() for w in model.coefs_]
    st.lr_find(model, X, y)
    assert pickle.dumps(stream.get_state()) == before
    assert len(seen) == count
    assert all((a == b).all() for a, b in zip(coefs, model.coefs_, strict=True))


def test_it_is_deterministic(case):
    model, X, y = case
    first, second = st.lr_find(model, X, y), st.lr_find(model, X, y)
    np.testing.assert_array_equal(first.losses, second.losses)
    assert first.suggestion == second.suggestion


def test_sample_weights_count(rng):
    X, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
    twice = np.where(np.arange(40) < 10, 2.0, 1.0)
    weighted = st.lr_find(st.LinearRegression(), X, y, sample_weight=twice)
    repeated = st.lr_find(
        st.LinearRegression(), np.concatenate([X, X[:10]]), np.concatenate([y, y[:10]])
    )
    np.testing.assert_allclose(weighted.losses, repeated.losses, rtol=1e-8)
    assert weighted.limit == pytest.approx(repeated.limit, rel=1e-10)


def test_float32_and_sparse(rng):
    from scipy.sparse import csr_matrix

    X = rng.standard_normal((80, 3)).astype(np.float32)
    y = X.sum(axis=1)
    model = st.MLPRegressor(hidden_layer_sizes=(4,), random_state=0, batch_size=20)
    dense = st.lr_find(model, X, y)
    sparse = st.lr_find(model, csr_matrix(X), y)
    np.testing.assert_array_equal(dense.losses, sparse.losses)
    assert st.lr_find(model, X, y).losses.dtype == np.float64


# ---------------------------------------------------------------- what it says


def test_its_text(rng):
    X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
    found = st.lr_find(st.LinearRegression(), X, y)
    assert repr(found).startswith(f"RangeTest(suggestion={found.suggestion:.3g}, ")
    assert f"limit={found.limit:.3g}" in repr(found)
    for part in ("SGD", "steepest", "diverged", "stable up to"):
        assert part in str(found)


def test_a_loss_that_never_falls_is_a_warning():
    X, y = quadratic([1.0], [1.0])
    with pytest.warns(ConvergenceWarning, match=r"never fell between the rates 5 .*low"):
        found = st.lr_find(st.LinearRegression(**PLAIN), X, y, low=5.0, high=50.0)
    assert math.isnan(found.suggestion)
    assert found.diverged_at == 5.0


def test_an_overflow_at_once():
    X, y = quadratic([1.0], [1.0])
    with pytest.warns(ConvergenceWarning, match=r"never fell"):
        found = st.lr_find(st.LinearRegression(**PLAIN), X, y, low=1e300, high=1e301)
    assert found.diverged_at == 1e300
    assert len(found.losses) == 0


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ({"low": 0.0}, ValueError, "low must be"),
        ({"low": "a"}, TypeError, "low must be"),
        ({"high": 1e-8}, ValueError, "high must be"),
        ({"high": np.inf}, ValueError, "high must be"),
        ({"n_steps": 2}, ValueError, "n_steps must be"),
        ({"n_steps": 5.5}, TypeError, "n_steps must be"),
        ({"smoothing": 1.0}, ValueError, "smoothing must be"),
        ({"divergence": 1.0}, ValueError, "divergence must be"),
        ({"suggest": "best"}, ValueError, "suggest must be"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be"),
        ({"sample_weight": [1.0]}, ValueError, "sample_weight|inconsistent"),
    ],
)
def test_bad_arguments(rng, named, error, message):
    X, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    with pytest.raises(error, match=message):
        st.lr_find(st.LinearRegression(), X, y, **named)


def test_bad_models(rng):
    from sklearn.linear_model import SGDRegressor

    X, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    for model in (SGDRegressor(), st.LinearRegression, None):
        with pytest.raises(TypeError, match="model must be one of steepest's estimators"):
            st.lr_find(model, X, y)

    class FindsItsRate(st.SGD):
        finds_rate = True

    with pytest.raises(ValueError, match="optimizer: FindsItsRate finds the length of its steps"):
        st.lr_find(st.LinearRegression(optimizer=FindsItsRate()), X, y)
    with pytest.raises(ValueError, match="solver='lbfgs' searches along a line"):
        st.lr_find(st.MLPRegressor(solver="lbfgs"), X, y)


@pytest.mark.parametrize(
    ("optimizer", "named"),
    [
        (st.Prodigy(), "Prodigy"),
        (st.PolyakStep(), "PolyakStep"),
        (st.BarzilaiBorwein(), "BarzilaiBorwein"),
        (st.Rprop(), "Rprop"),
        (st.SGD(1.0, line_search=st.optimizers.Armijo()), "SGD with line_search"),
    ],
)
def test_optimizers_that_find_their_steps_have_no_rate_to_test(rng, optimizer, named):
    X = rng.standard_normal((20, 2))
    for model, given in (
        (st.LinearRegression(), optimizer),
        (st.LinearRegression(optimizer=optimizer), None),
    ):
        with pytest.raises(ValueError, match=f"optimizer: {named} finds the length of its steps"):
            st.lr_find(model, X, X[:, 0], optimizer=given)


def test_lbfgs_says_where_it_belongs(rng):
    X = rng.standard_normal((20, 2))
    for model in (st.LinearRegression(), st.MLPRegressor(hidden_layer_sizes=(2,))):
        with pytest.raises(
            TypeError, match="LBFGS is one of minimize alone; here networks have solver"
        ):
            st.lr_find(model, X, X[:, 0], optimizer=st.LBFGS())
        with pytest.raises(TypeError, match="LBFGS is one of minimize alone"):
            model.set_params(optimizer=st.LBFGS()).fit(X, X[:, 0])
