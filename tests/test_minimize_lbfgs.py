"""L-BFGS in minimize: SciPy's iterates, and a result that is complete for every way of ending."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import steepest as st
from steepest.stopping import GradientNorm, MaxEpochs, MaxSeconds, MaxSteps, NoImprovement

FUNCTIONS = [
    (st.functions.Rosenbrock(4), np.array([-1.2, 1.0, -1.2, 1.0])),
    (st.functions.Beale(), np.array([1.0, 1.0])),
    (st.functions.Himmelblau(), np.array([0.0, 0.0])),
]


@pytest.fixture(params=FUNCTIONS, ids=lambda case: type(case[0]).__name__)
def problem(request):
    return request.param


def assert_complete(result, f, points):
    np.testing.assert_allclose(result.fun, f(result.x), rtol=1e-13, atol=1e-25)
    np.testing.assert_allclose(result.grad, f.gradient(result.x), rtol=1e-12, atol=1e-12)
    assert result.converged == (result.status == "converged")
    for name in ("loss", "gradient_norm", "seconds"):
        column = result.history[name]
        assert column.shape == (points,)
        assert np.isfinite(column).all()
    assert np.isnan(result.history["learning_rate"]).all()
    assert (np.diff(result.history["seconds"]) >= 0).all()
    assert result.n_steps == points - 1 == result.state["step"]
    if result.path is not None:
        assert result.path.shape == (points, result.x.size)
        values = [f(x) for x in result.path]  # in Python; minimize has them from compiled code
        np.testing.assert_allclose(result.history["loss"], values, rtol=1e-13, atol=1e-25)


@pytest.mark.parametrize("memory", [3, 10])
def test_the_points_are_scipys(problem, memory):
    f, x0 = problem
    points = [x0.copy()]
    theirs = optimize.minimize(
        f,
        x0,
        jac=f.gradient,
        method="L-BFGS-B",
        options={"maxcor": memory, "ftol": 0.0, "gtol": 1e-7},
        callback=lambda x: points.append(x.copy()),
    )
    ours = st.minimize(f, x0, f.gradient, optimizer=st.LBFGS(memory), gtol=1e-8, record_path=True)
    assert_complete(ours, f, ours.n_steps + 1)
    assert ours.status == "converged"
    shared = min(len(points), len(ours.path))
    assert shared > 5
    np.testing.assert_array_equal(ours.path[:shared], points[:shared])
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-6)
    assert np.linalg.norm(ours.grad) <= 1e-8


def test_evaluations_are_counted(problem):
    f, x0 = problem
    calls = []

    def value(x):
        calls.append(x)
        return f(x)

    result = st.minimize(value, x0, f.gradient, st.LBFGS())
    assert result.n_evaluations == result.n_function_calls == len(calls)
    assert len({tuple(x) for x in calls}) == len(calls)


def test_without_a_gradient(problem):
    f, x0 = problem
    result = st.minimize(lambda x: f(x), x0, optimizer=st.LBFGS(), gtol=1e-5)
    assert result.converged
    assert result.n_function_calls == result.n_evaluations * (2 * x0.size + 1)


def test_float32_and_shape_stay():
    f = st.functions.Rosenbrock()
    x0 = np.array([[-1.2], [1.0]], np.float32)
    result = st.minimize(
        lambda x: f(x.ravel().astype(float)),
        x0,
        lambda x: f.gradient(x.ravel().astype(float)).reshape(2, 1),
        st.LBFGS(),
        gtol=1e-2,
        record_path=True,
    )
    assert result.x.dtype == result.grad.dtype == result.path.dtype == np.float32
    assert result.x.shape == result.grad.shape == (2, 1)
    np.testing.assert_allclose(result.x, 1.0, atol=0.02)


# ---------------------------------------------------------------- ways of ending


@pytest.mark.parametrize(
    ("keywords", "status", "points"),
    [
        ({"max_steps": 0}, "max_steps", 1),
        ({"max_steps": 4}, "max_steps", 5),
        ({"stop": [MaxSteps(3)]}, "max_steps", 4),
        ({"stop": [MaxEpochs(2)]}, "max_epochs", 3),
        ({"stop": [MaxSeconds(0.0)]}, "max_seconds", 1),
        ({"stop": [NoImprovement(2, absolute=1e9)]}, "no_improvement", 3),
        ({"stop": [GradientNorm(1e9)]}, "converged", 1),
        ({"stop": [GradientNorm(1e9, "inf")]}, "converged", 1),
        ({"callback": lambda point: point.step == 3}, "callback", 4),
    ],
    ids=lambda given: ", ".join(given) if isinstance(given, dict) else str(given),
)
def test_rules(keywords, status, points):
    f, x0 = FUNCTIONS[0]
    result = st.minimize(f, x0, f.gradient, optimizer=st.LBFGS(), record_path=True, **keywords)
    assert result.status == status
    assert_complete(result, f, points)


def test_callbacks_see_every_point():
    f, x0 = FUNCTIONS[0]
    seen = []
    result = st.minimize(
        f, x0, f.gradient, optimizer=st.LBFGS(), callback=seen.append, record_path=True
    )
    np.testing.assert_array_equal([point.x for point in seen], result.path)
    gradients = [f.gradient(x) for x in result.path]
    np.testing.assert_allclose([point.grad for point in seen], gradients, rtol=1e-12, atol=1e-12)
    assert [point.fun for point in seen] == result.history["loss"].tolist()
    assert [point.step for point in seen] == list(range(len(seen)))


def test_the_norm_that_is_asked_for_is_recorded(isa):
    """As in other descents."""
    f, x0 = FUNCTIONS[0]
    rule = st.stopping.GradientNorm(1e-3, order="inf")
    for optimizer in (st.LBFGS(), st.Adam(0.1)):
        result = st.minimize(f, x0, f.gradient, optimizer, stop=[rule], record_path=True)
        largest = [np.abs(f.gradient(x)).max() for x in result.path]
        np.testing.assert_allclose(result.history["gradient_norm"], largest, rtol=1e-9, atol=1e-12)


def test_no_lower_point():
    """A gradient of the wrong sign leads uphill."""
    result = st.minimize(lambda x: float(x @ x), [3.0, 1.0], lambda x: -2 * x, st.LBFGS())
    assert result.status == "line_search"
    assert result.n_steps == 0
    np.testing.assert_array_equal(result.x, [3.0, 1.0])


def test_a_function_that_is_not_finite():
    def value(x):
        return float(x[0] ** 2) if x[0] > 1.0 else np.nan

    result = st.minimize(value, [3.0], lambda x: 2 * x, st.LBFGS())
    assert result.status == "diverged"
    assert np.isfinite(result.x).all()
    assert result.fun == value(result.x)


@pytest.mark.parametrize("error", [RuntimeError("here"), KeyboardInterrupt(), StopIteration()])
def test_what_is_raised_goes_through_with_the_result_so_far(error):
    f, x0 = FUNCTIONS[0]
    for where in ("function", "callback"):
        calls = []

        def count(*_, calls=calls):
            calls.append(1)
            if len(calls) == 9:
                raise error

        def value(x, where=where, count=count):
            if where == "function":
                count()
            return f(x)

        with pytest.raises(type(error)) as caught:
            st.minimize(
                value,
                x0,
                f.gradient,
                st.LBFGS(),
                callback=count if where == "callback" else None,
                record_path=True,
            )
        partial = caught.value.partial_result
        assert partial.status == "interrupted"
        assert partial.n_steps == len(partial.path) - 1 >= 4
        np.testing.assert_array_equal(partial.x, partial.path[-1])
        assert partial.fun == partial.history["loss"][-1]
        np.testing.assert_allclose(partial.grad, f.gradient(partial.x), rtol=1e-12, atol=1e-12)


# ---------------------------------------------------------------- bad input


def test_refused(rng):
    with pytest.raises(ValueError, match="memory must be an integer >= 1, but is 0"):
        st.LBFGS(0)
    with pytest.raises(TypeError, match="max_line_search must be an integer"):
        st.LBFGS(max_line_search=2.5)
    with pytest.raises(ValueError, match="schedule must be None with LBFGS"):
        st.minimize(*FUNCTIONS[0], optimizer=st.LBFGS(), schedule=st.schedules.Cosine(9))
    with pytest.raises(TypeError, match="optimizer: LBFGS is one of minimize alone"):
        st.MLPRegressor(optimizer=st.LBFGS()).fit(rng.standard_normal((9, 2)), np.arange(9.0))
