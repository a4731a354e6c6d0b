"""Steps whose length is found: line searches, Polyak's step, and Barzilai and Borwein's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from sklearn.base import clone
from tolerances import assert_close

import steepest as st
from steepest import reference as ref
from steepest.optimizers import Armijo, Wolfe
from steepest.optimizers.line_search import LineSearch

CURVATURES = np.array([1.0, 4.0, 20.0, 100.0])


class Quadratic:
    """J = 1/2 (x - c).D (x - c), with counts of its calls."""

    def __init__(self, curvatures=CURVATURES, centre=0.0, lowest=0.0):
        self.curvatures, self.centre, self.lowest = curvatures, centre, lowest
        self.values = self.gradients = 0

    def __call__(self, x):
        self.values += 1
        r = x.astype(float) - self.centre
        return float(0.5 * r @ (self.curvatures * r)) + self.lowest

    def gradient(self, x):
        self.gradients += 1
        return self.curvatures * (x - self.centre)


FUNCTIONS = {
    "rosenbrock": (st.functions.Rosenbrock(), [-1.2, 1.0]),
    "beale": (st.functions.Beale(), [1.0, 1.0]),
    "himmelblau": (st.functions.Himmelblau(), [0.5, -1.0]),
    "quadratic": (Quadratic(), [1.0, 1.0, 1.0, 1.0]),
}


@pytest.fixture(params=FUNCTIONS.values(), ids=FUNCTIONS)
def function(request):
    return request.param


def run(function, x0, optimizer, max_steps=50, gtol=0.0, **keywords):
    return st.minimize(
        function, x0, optimizer=optimizer, max_steps=max_steps, gtol=gtol, **keywords
    )


def line(function, x, p):
    """Return phi(a), value and slope."""
    return lambda a: (function(x + a * p), float(function.gradient(x + a * p) @ p))


# ---------------------------------------------------------------- Armijo


@pytest.mark.parametrize("search", [Armijo(), Armijo(0.3, 0.7, grow=None), Armijo(0.1, 0.2, 4.0)])
def test_armijo_takes_the_steps_of_the_reference(isa, function, search):
    f, x = function
    x = np.array(x)
    found = run(f, x, st.SGD(0.5, line_search=search), 30, record_path=True)
    last = None
    for k in range(len(found.path) - 1):
        g = f.gradient(x)
        first = 0.5 if last is None or search.grow is None else search.grow * last
        phi = line(f, x, -g)
        last = ref.armijo_search(search, phi, f(x), float(-g @ g), first)
        np.testing.assert_allclose(found.history["learning_rate"][k], last, rtol=1e-12)
        x = found.path[k + 1]
        np.testing.assert_allclose(x, found.path[k] - last * g, rtol=1e-12, atol=1e-13)
    assert (np.diff(found.history["loss"]) <= 0).all()


def test_evaluations_are_counted_once_each(isa):
    """Trials too; the gradient at an accepted point is that of the next step."""
    for search in (Armijo(grow=None), Wolfe(curvature=0.1)):
        f = Quadratic()
        found = run(f, np.ones(4), st.SGD(1.0, line_search=search), 20)
        assert found.n_evaluations == f.values == f.gradients == found.n_function_calls
        assert found.n_evaluations > 21
        assert found.state["step_length"] == found.history["learning_rate"][19]


# ---------------------------------------------------------------- Wolfe


@pytest.mark.parametrize("curvature", [0.9, 0.1])
def test_the_first_length_is_scipys(isa, function, curvature):
    """Both begin at 1; the quadratics' agree to rounding, other functions' interpolations too."""
    f, x0 = function
    x = np.array(x0)
    p = -f.gradient(x)
    theirs, *_ = optimize.line_search(
        f, f.gradient, x, p, f.gradient(x), f(x), c1=1e-4, c2=curvature
    )
    found = run(f, x, st.SGD(1.0, line_search=Wolfe(curvature=curvature)), 1)
    assert theirs is not None
    np.testing.assert_allclose(found.history["learning_rate"][0], theirs, rtol=1e-9)


@pytest.mark.parametrize("search", [Wolfe(), Wolfe(0.01, 0.1), Wolfe(1e-4, 1e-3, 40)])
@pytest.mark.parametrize("momentum", [False, True])
def test_every_length_fulfils_the_strong_wolfe_conditions(isa, function, search, momentum):
    f, x0 = function
    optimizer = (
        st.Momentum(0.1, 0.6, "average", line_search=search)
        if momentum
        else st.SGD(0.1, line_search=search)
    )
    found = run(f, np.array(x0), optimizer, 25, record_path=True)
    assert found.n_steps > 3
    checked = 0
    for x, after, length in zip(
        found.path[:-1], found.path[1:], found.history["learning_rate"], strict=False
    ):
        p = (after - x) / length
        slope = float(f.gradient(x) @ p)
        if np.linalg.norm(f.gradient(x)) < 1e-5:  # from where rounding hides what a trial is worth
            break
        assert slope < 0
        phi = line(f, x, p)
        loose = Wolfe(search.decrease * 0.99, min(search.curvature * 1.01, 0.999))
        assert ref.wolfe_conditions(loose, phi, f(x), slope, length)
        checked += 1
    assert checked > 3


def test_an_exact_search_on_a_quadratic(isa):
    """alpha = g.g / g.D g, the minimum of the line; steepest descent by Cauchy."""
    f, x = Quadratic(), np.ones(4)
    found = run(f, x, st.SGD(1.0, line_search=Wolfe(curvature=1e-3)), 10, record_path=True)
    for k in range(10):
        g = f.gradient(found.path[k])
        exact = float(g @ g / (g @ (CURVATURES * g)))
        assert found.history["learning_rate"][k] == pytest.approx(exact, rel=1e-3)
    kappa = CURVATURES[-1] / CURVATURES[0]
    falls = found.history["loss"][1:] / found.history["loss"][:-1]
    assert (falls <= ((kappa - 1) / (kappa + 1)) ** 2 * (1 + 1e-6)).all()  # Kantorovich


def test_wolfe_reaches_rosenbrocks_minimum(isa, dtype):
    f = st.functions.Rosenbrock()
    optimizer = st.Momentum(1e-3, 0.8, "average", line_search=Wolfe(curvature=0.1))
    found = st.minimize(
        f,
        np.array([-1.2, 1.0], dtype),
        optimizer=optimizer,
        max_steps=3000,
        gtol=1e-2 if dtype == np.float32 else 1e-6,
    )
    assert found.converged
    np.testing.assert_allclose(found.x, 1.0, atol=0.03)


# ---------------------------------------------------------------- both


@pytest.mark.parametrize("search", [Armijo(), Wolfe()])
def test_no_lower_point_ends_the_descent_where_it_is(isa, search):
    """A gradient of the wrong sign leads uphill."""
    f = Quadratic()
    found = st.minimize(
        f, np.ones(4), lambda x: -f.gradient(x), st.SGD(1.0, line_search=search), record_path=True
    )
    assert found.status == "line_search"
    assert found.n_steps == 0
    np.testing.assert_array_equal(found.x, np.ones(4))
    np.testing.assert_array_equal(found.grad, -CURVATURES)
    assert "no lower point" in found.message


@pytest.mark.parametrize("search", [Armijo(), Wolfe()])
@pytest.mark.parametrize("raises", [False, True])
def test_a_search_without_success_leaves_the_velocity(isa, dtype, search, raises):
    """The state is that after the last step. After two steps the function is higher wherever it is asked."""
    optimizer = st.Momentum(0.3, 0.8, line_search=search)
    start, curvatures = np.array([3.0, -1.0], dtype), np.array([1.0, 5.0])

    def gradient(x):
        return curvatures * x

    def bowl(x):
        return float(curvatures @ x**2) / 2

    before = st.minimize(bowl, start, gradient, optimizer, max_steps=2, gtol=0.0)
    asked = []

    def value(x):
        asked.append(x)
        if len(asked) <= before.n_evaluations:
            return bowl(x)
        if raises:
            raise RuntimeError("here")
        return 1e3

    if raises:
        with pytest.raises(RuntimeError) as caught:
            st.minimize(value, start, gradient, optimizer, gtol=0.0)
        found = caught.value.partial_result
    else:
        found = st.minimize(value, start, gradient, optimizer, gtol=0.0)
    assert found.status == ("interrupted" if raises else "line_search")
    assert found.n_steps == found.state["step"] == 2
    np.testing.assert_array_equal(found.x, before.x)
    np.testing.assert_array_equal(found.state["velocity"], before.state["velocity"])
    assert found.fun == before.fun


@pytest.mark.parametrize("search", [Armijo(), Wolfe()])
def test_trials_that_are_not_finite_are_too_long(isa, search):
    """log(x) + 1/x from 0.5, where the first trial is negative."""

    def value(x):
        return float(np.log(x[0]) + 1 / x[0]) if x[0] > 0 else np.nan

    found = st.minimize(
        value,
        [0.5],
        lambda x: np.array([1 / x[0] - 1 / x[0] ** 2]),
        st.SGD(100.0, line_search=search),
        gtol=1e-6,
    )
    assert found.converged
    np.testing.assert_allclose(found.x, 1.0, atol=1e-5)


@pytest.mark.parametrize("search", [Armijo(), Wolfe()])
def test_trials_at_minus_infinity_are_too_long(isa, search):
    """As where a logarithm has its pole."""

    def value(x):
        return float(np.log(x[0])) if x[0] > 0 else -np.inf

    found = st.minimize(
        value,
        [0.5],
        lambda x: np.array([1 / x[0]]),
        st.SGD(100.0, line_search=search),
        max_steps=1,
    )
    assert found.n_steps == 1
    assert 0 < found.x[0] < 0.5
    assert found.fun == value(found.x)


def test_what_a_function_raises_in_a_trial_goes_through(isa):
    calls = []

    def value(x):
        calls.append(x)
        if len(calls) == 4:
            raise RuntimeError("here")
        return float(np.sum(x**2))

    with pytest.raises(RuntimeError, match="here") as caught:
        st.minimize(value, [1.0], lambda x: 2 * x, st.SGD(8.0, line_search=Armijo()))
    result = caught.value.partial_result
    assert result.status == "interrupted"
    assert result.n_steps == 0
    np.testing.assert_array_equal(result.x, [1.0])
    np.testing.assert_array_equal(result.grad, [2.0])


def test_a_direction_that_does_not_lead_down_begins_anew(isa):
    """The velocity of the last step points uphill here: the step is that of the gradient."""
    f = Quadratic(np.array([1.0]))
    optimizer = st.Momentum(1.9, 0.9, line_search=Armijo(1e-4, grow=None))
    found = run(f, np.array([1.0]), optimizer, 2, record_path=True)
    x0, x1, x2 = found.path.ravel()
    assert x0 * x1 < 0
    assert x1 + 0.9 * x0 > 0  # the velocity at x1, whose gradient is negative
    np.testing.assert_allclose(x2, x1 - found.history["learning_rate"][1] * x1)


@pytest.mark.parametrize("search", [Armijo(), Wolfe(curvature=0.5)])
@pytest.mark.parametrize(
    "model",
    [
        st.LinearRegression(tol=1e-6),
        st.LogisticRegression(alpha=0.1, tol=1e-6),
        st.PolynomialRegression(3, tol=1e-6),
    ],
    ids=lambda m: type(m).__name__,
)
def test_models_reach_their_minimum(isa, rng, search, model):
    X = rng.standard_normal((80, 1 if isinstance(model, st.PolynomialRegression) else 3))
    y = X[:, 0] * 2 + 1 + 0.1 * rng.standard_normal(80)
    if isinstance(model, st.LogisticRegression):
        y = (y > 1).astype(int)
    searching = type(model)(
        **{**model.get_params(), "optimizer": st.SGD(0.1, line_search=search)},
    ).fit(X, y)
    plain = type(model)(**model.get_params()).fit(X, y)
    assert searching.status_ == "converged"
    np.testing.assert_allclose(searching.coef_, plain.coef_, rtol=1e-4, atol=1e-5)
    assert (np.diff(searching.loss_curve_) <= 1e-14).all()


@pytest.mark.parametrize("search", [Armijo(), Wolfe()])
def test_networks_with_all_rows_in_a_batch(isa, dtype, rng, search):
    X, y = rng.standard_normal((60, 3)).astype(dtype), rng.standard_normal(60).astype(dtype)
    settings = {"batch_size": 60, "random_state": 0, "max_iter": 30, "n_iter_no_change": 50}
    model = st.MLPRegressor(
        hidden_layer_sizes=(8,),
        activation="tanh",
        optimizer=st.SGD(1.0, line_search=search),
        **settings,
    )
    with pytest.warns(st.estimators.base.ConvergenceWarning):
        model.fit(X, y)
    assert len(model.loss_curve_) == 30
    assert (np.diff(model.loss_curve_) <= 1e-7).all()
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
    parts = st.MLPRegressor(
        hidden_layer_sizes=(8,),
        activation="tanh",
        optimizer=st.SGD(1.0, line_search=search),
        **settings,
    )
    for _ in range(3):  # lengths go on from one call to the next
        parts.partial_fit(X, y)
    assert_close(parts.loss_curve_, model.loss_curve_[:3], dtype, "steps", 30)


# ---------------------------------------------------------------- Polyak


@pytest.mark.parametrize("largest", [np.inf, 0.02])
def test_polyak_steps_by_hand(isa, dtype, largest):
    f = Quadratic(CURVATURES.astype(dtype), dtype(0), lowest=2.0)
    x = np.ones(4, dtype)
    optimizer = st.PolyakStep(0.9, f_min=2.0, largest=largest, epsilon=0.1)
    found = run(f, x, optimizer, 12)
    x = np.ones(4)
    lengths = []
    for _ in range(12):
        g = CURVATURES * x
        lengths.append(0.9 * min((0.5 * x @ g) / (g @ g + 0.1), largest))
        x = x - lengths[-1] * g
    assert_close(found.x, x, dtype, "steps", 2000, scale=1.0)  # each length depends on all before
    assert_close(
        found.history["learning_rate"][:12], lengths, dtype, "steps", 2000, scale=max(lengths)
    )


def test_polyak_step_on_bare_arrays(isa, dtype, rng):
    optimizer = st.PolyakStep(largest=0.3)
    theta = rng.standard_normal(9).astype(dtype)
    twin = theta.astype(float)
    state, twin_state = optimizer.init(theta), optimizer.init(twin)
    for loss in (3.0, 0.5, -1.0, 0.0):
        g = rng.standard_normal(9).astype(dtype)
        before = theta.copy()
        optimizer.step(theta, g, state, loss=loss)
        ref.optimizer_step(optimizer, twin, g.astype(float), twin_state, loss=loss)
        assert np.array_equal(theta, before) == (loss <= 0)
    assert_close(theta, twin, dtype, "steps", 4, scale=1.0)
    with pytest.raises(TypeError, match="PolyakStep needs the loss at theta"):
        optimizer.step(theta, g, state)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_stochastic_polyak_steps_fit_what_can_be_fitted(isa, rng):
    X = rng.standard_normal((60, 3))
    y = X @ [1.0, -2.0, 3.0] + 4.0
    model = st.LinearRegression(
        optimizer=st.PolyakStep(), batch_size=10, random_state=0, max_epochs=100
    )
    model.fit(X, y)
    np.testing.assert_allclose(model.coef_, [1.0, -2.0, 3.0], rtol=1e-6)
    network = st.MLPRegressor(
        hidden_layer_sizes=(20,),
        optimizer=st.PolyakStep(largest=1.0),
        batch_size=20,
        random_state=0,
        alpha=0.0,
    )
    network.fit(X, y)
    assert network.loss_ < 0.05 * network.loss_curve_[0]


# ---------------------------------------------------------------- Barzilai and Borwein


@pytest.mark.parametrize("form", ["long", "short", "alternating"])
def test_barzilai_borwein_on_a_diagonal_quadratic_by_hand(isa, form):
    f, x = Quadratic(), np.ones(4)
    found = run(f, x, st.BarzilaiBorwein(0.02, form), 60, 1e-10)
    assert found.converged
    lengths, g = [0.02], CURVATURES * x
    for k in range(1, found.n_steps):
        last_x, last_g = x, g
        x = x - lengths[-1] * g
        g = CURVATURES * x
        s, y = x - last_x, g - last_g
        is_long = form == "long" or (form == "alternating" and k % 2 == 1)
        lengths.append((s @ s) / (s @ y) if is_long else (s @ y) / (y @ y))
    theirs = np.array(lengths)
    np.testing.assert_allclose(found.history["learning_rate"][:10], theirs[:10], rtol=1e-9)
    assert theirs.min() >= 1 / CURVATURES.max() * (1 - 1e-6)
    assert found.n_steps < 70  # the best constant rate takes 1300


def test_barzilai_borwein_on_two_eigenvalues_converges_superlinearly(isa):
    f = Quadratic(np.array([1.0, 10.0]))
    found = run(f, np.ones(2), st.BarzilaiBorwein(0.1), 30, 1e-12)
    assert found.converged
    assert found.n_steps <= 12


def test_barzilai_borwein_steps_by_the_reference(isa, dtype, rng):
    optimizer = st.BarzilaiBorwein(0.1, "alternating", largest=0.5)
    theta = [rng.standard_normal(4).astype(dtype), np.ones(2, dtype)]
    twin = [part.astype(float) for part in theta]
    state, twin_state = optimizer.init(theta), optimizer.init(twin)
    for _ in range(6):
        gradient = [CURVATURES.astype(dtype) * theta[0], np.array([2, 8], dtype) * theta[1]]
        wide = [CURVATURES * twin[0], np.array([2.0, 8.0]) * twin[1]]
        optimizer.step(theta, gradient, state)
        ref.optimizer_step(optimizer, twin, wide, twin_state)
    assert_close(theta, twin, dtype, "steps", 600, scale=1.0)
    assert_close(state["step_length"], twin_state["step_length"], dtype, "steps", 300, scale=0.1)


def test_where_curvature_is_negative_the_last_length_is_used(isa):
    """J = -x^2 / 2."""
    found = st.minimize(
        lambda x: float(-0.5 * x @ x), [1.0], lambda x: -x, st.BarzilaiBorwein(0.3), max_steps=3
    )
    np.testing.assert_array_equal(found.history["learning_rate"][:3], [0.3] * 3)
    np.testing.assert_allclose(found.x, 1.3**3)


def test_barzilai_borwein_with_an_l1_penalty(isa, rng):
    """SpaRSA's steps end where coordinate descent does."""
    from sklearn.linear_model import Lasso

    X = rng.standard_normal((50, 8))
    y = X[:, 0] * 3 - X[:, 3] + 0.1 * rng.standard_normal(50)
    theirs = Lasso(0.2, tol=1e-12).fit(X, y)
    ours = st.LinearRegression(
        alpha=0.4, l1_ratio=1.0, optimizer=st.BarzilaiBorwein(0.1), tol=1e-10, standardize=False
    ).fit(X, y)
    assert ours.status_ == "converged"
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-8)


# ---------------------------------------------------------------- bad input


class OwnSearch(Wolfe):
    """Which the compiled core knows nothing of."""


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Armijo(decrease=0.0), ValueError, "decrease must be a number > 0 and < 1"),
        (lambda: Armijo(shrink=1.0), ValueError, "shrink must be a number > 0 and < 1"),
        (lambda: Armijo(grow=0.5), ValueError, "grow must be a finite number >= 1"),
        (lambda: Armijo(max_evaluations=0), ValueError, "max_evaluations must be"),
        (lambda: Wolfe(0.5, 0.4), ValueError, "curvature must be a number > 0.5 and < 1"),
        (lambda: st.SGD(line_search="armijo"), TypeError, "line_search must be .*Armijo"),
        (lambda: st.SGD(line_search=LineSearch()), TypeError, "line_search must be .*Armijo"),
        (lambda: st.SGD(line_search=OwnSearch()), TypeError, "line_search must be .*Armijo"),
        (lambda: st.SGD(l2=1, line_search=Wolfe()), ValueError, "l2 must be 0.0 with line_search"),
        (lambda: st.SGD(clip_norm=1, line_search=Wolfe()), ValueError, "clip_norm must be None"),
        (lambda: st.SGD(accumulate=2, line_search=Wolfe()), ValueError, "accumulate must be 1"),
        (lambda: st.SGD(0, line_search=Wolfe()), ValueError, "learning_rate must be .*> 0"),
        (
            lambda: st.Momentum(velocity="step", line_search=Wolfe()),
            ValueError,
            "velocity must be",
        ),
        (lambda: st.PolyakStep(f_min=np.inf), ValueError, "f_min must be a finite number"),
        (lambda: st.PolyakStep(largest=0), ValueError, "largest must be a number > 0"),
        (lambda: st.PolyakStep(weight_decay=1), ValueError, "weight_decay must be 0.0 with Polyak"),
        (lambda: st.BarzilaiBorwein(0), ValueError, "learning_rate must be a finite number > 0"),
        (lambda: st.BarzilaiBorwein(form="both"), ValueError, "form must be one of 'long'"),
        (lambda: st.BarzilaiBorwein(smallest=2, largest=1), ValueError, "largest must be"),
        (lambda: st.BarzilaiBorwein(accumulate=2), ValueError, "accumulate must be 1"),
        (lambda: st.BarzilaiBorwein(clip_value=2), ValueError, "clip_value must be None"),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "optimizer",
    [st.SGD(line_search=Armijo()), st.BarzilaiBorwein()],
    ids=lambda o: type(o).__name__,
)
def test_refused_by_batches_and_schedules(isa, rng, optimizer):
    X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
    for model in (
        st.LinearRegression(optimizer=optimizer, batch_size=10),
        st.MLPRegressor(hidden_layer_sizes=(4,), optimizer=optimizer, batch_size=10),
    ):
        with pytest.raises(
            ValueError, match="each batch is another; give a batch_size of at least"
        ):
            model.fit(X, y)
    with pytest.raises(ValueError, match="dropout must be 0"):
        st.MLPRegressor(
            hidden_layer_sizes=(4,), optimizer=optimizer, batch_size=50, dropout=0.5
        ).fit(X, y)
    with pytest.raises(ValueError, match=r"schedule: .* finds the length of each step itself"):
        st.minimize(Quadratic(), np.ones(4), None, optimizer, st.schedules.Cosine(10))


def test_a_line_search_needs_more_than_a_gradient(isa, rng):
    optimizer = st.SGD(line_search=Armijo())
    theta = np.ones(2)
    with pytest.raises(TypeError, match="a line search needs the function"):
        optimizer.step(theta, theta, optimizer.init(theta))
    model = st.LinearRegression(optimizer=optimizer, alpha=1.0, l1_ratio=0.5)
    with pytest.raises(ValueError, match="l1_ratio must be 0"):
        model.fit(rng.standard_normal((9, 2)), np.arange(9.0))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
@pytest.mark.parametrize("model", [st.LinearRegression(), st.PolynomialRegression(1)], ids=repr)
def test_the_minimum_that_polyak_steps_go_to_is_in_the_datas_units(isa, rng, model, loss):
    X = rng.standard_normal((60, 1))
    y = 100.0 * (X[:, 0] + 0.5 * rng.standard_normal(60))
    steps = {"max_epochs": 2000, "tol": 0.0}
    best = clone(model).set_params(loss=loss, optimizer=st.Adam(0.01), **steps).fit(X, y)
    polyak = st.PolyakStep(f_min=min(best.loss_curve_))
    ours = clone(model).set_params(loss=loss, optimizer=polyak, **steps).fit(X, y)
    assert ours.loss_curve_[0] > 1.5 * polyak.f_min
    assert min(ours.loss_curve_) == pytest.approx(polyak.f_min, rel=1e-2)


def test_barzilai_borwein_begins_anew_where_something_else_is_trained(isa, rng):
    X = rng.standard_normal((30, 4))
    model = st.MLPRegressor(optimizer=st.BarzilaiBorwein(0.01), batch_size=30, freeze=[0])
    model.set_params(hidden_layer_sizes=(5,), random_state=0, shuffle=False)
    model.partial_fit(X, X[:, 0], epochs=3).partial_fit(X, X[:, 0])
    assert model.history_["learning_rate"][3] != 0.01
    model.set_params(freeze=()).partial_fit(X, X[:, 0], epochs=2)
    assert model.history_["learning_rate"][4] == 0.01
    assert model.history_["learning_rate"][5] != 0.01
