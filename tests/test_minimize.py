"""minimize: the steps of the reference loop, and a result that is complete for every way of ending."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from tolerances import assert_close

import steepest as st
from steepest import reference as ref
from steepest.schedules import Cosine, Exponential, InverseTime, Step
from steepest.stopping import GradientNorm, MaxEpochs, MaxSeconds, MaxSteps, NoImprovement

OPTIMIZERS = [
    st.SGD(0.1),
    st.Momentum(0.05, 0.8),
    st.Momentum(0.05, 0.8, "step", nesterov=True),
    st.Momentum(0.3, 0.8, "average"),
    st.Adam(0.1, epsilon=0.1),
    st.Adam(0.1, epsilon=0.1, epsilon_hat=True),
    st.AdamW(0.1, epsilon=0.1, weight_decay=0.1),
    st.SGD(0.1, l2=0.1, weight_decay=0.2),
    st.Momentum(0.05, 0.8, dampening=0.3, l2=0.1),
    st.Adagrad(0.1, 0.1, initial_sum=0.1),
    st.Adadelta(epsilon=0.1),
    st.RMSprop(0.02, 0.9, 0.1, momentum=0.5, weight_decay=0.3),
    st.RMSprop(0.02, 0.9, 0.1, centered=True, epsilon_inside=True),
    st.AMSGrad(0.02, 0.7, 0.9, 0.1),
    st.Adamax(0.02, epsilon=0.1),
    st.NAdam(0.02, epsilon=0.1),
    st.RAdam(0.02, beta_2=0.9, epsilon=0.1),
    st.AdaBelief(0.02, epsilon=0.1, epsilon_root=0.01),
    st.Lion(0.01, weight_decay=0.1),
    st.Rprop(0.01),
]
HISTORY = {"step", "loss", "gradient_norm", "learning_rate", "seconds"}


def bowl(x):
    """J = x^2 + y^2 + x y, with its minimum 0 at 0; the curvatures are 1 and 3."""
    return float(x[0] ** 2 + x[1] ** 2 + x[0] * x[1])


def bowl_gradient(x):
    return np.array([2 * x[0] + x[1], 2 * x[1] + x[0]])


def rosenbrock(x):
    return float((1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)


def rosenbrock_gradient(x):
    slope = 200 * (x[1] - x[0] ** 2)
    return np.array([-2 * (1 - x[0]) - 2 * x[0] * slope, slope])


def assert_complete(result, fun, grad, x0, *, points=None):
    """Check everything that a result promises, whatever ended the descent."""
    assert result.x.shape == result.grad.shape == np.shape(x0)
    assert np.isfinite(result.x).all()
    assert isinstance(result.fun, float)
    assert result.fun == fun(result.x)
    np.testing.assert_array_equal(result.grad, grad(result.x))
    assert isinstance(result.n_steps, int)
    assert isinstance(result.n_evaluations, int)
    assert isinstance(result.converged, bool)
    assert result.converged == (result.status == "converged")
    assert isinstance(result.status, str)
    assert isinstance(result.message, str)
    assert len(result.message) > 10
    assert set(result.history) == HISTORY
    points = result.n_steps + 1 if points is None else points
    for name, column in result.history.items():
        assert column.shape == (points,), name
        assert column.dtype == (np.int64 if name == "step" else np.float64), name
        assert np.isfinite(column).all(), name
    assert (np.diff(result.history["seconds"]) >= 0).all()
    np.testing.assert_array_equal(result.history["step"], np.arange(points))
    if result.path is not None:
        assert result.path.shape == (points, np.size(x0))
        for loss, x in zip(result.history["loss"], result.path, strict=True):
            assert loss == fun(x.reshape(np.shape(x0)))
    assert result.state["step"] == result.n_steps


# ---------------------------------------------------------------- the steps


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_path_is_that_of_the_reference(isa, dtype, optimizer):
    x0 = np.array([1.0, 3.0], dtype)
    result = st.minimize(
        bowl, x0, bowl_gradient, optimizer, max_steps=20, gtol=0.0, record_path=True
    )
    for k in (1, 5, 20):
        expected = ref.descend(
            lambda x, rows: (bowl(x), bowl_gradient(x)), x0.astype(float), optimizer, n_epochs=k
        )
        assert_close(result.path[k], expected["theta"], dtype, "steps", k, scale=3.0)
    for name in ("loss", "gradient_norm", "learning_rate"):
        # The reference's k-th record is of the point before step k, as here.
        assert_close(result.history[name][:20], expected[name], dtype, "steps", 20, scale=30.0)
    np.testing.assert_array_equal(result.path[0], x0)
    np.testing.assert_array_equal(result.path[-1], result.x)


@pytest.mark.parametrize(
    "schedule", [Step(3, 0.5), Exponential(0.9), InverseTime(0.5), Cosine(10, warmup=2)], ids=repr
)
def test_schedules_multiply_the_learning_rate(schedule):
    optimizer = st.SGD(0.2)
    result = st.minimize(bowl, [1.0, 3.0], bowl_gradient, optimizer, schedule, max_steps=12, gtol=0)
    expected = 0.2 * schedule.preview(13)
    assert_close(result.history["learning_rate"], expected, np.float64, "transcendental")
    x = np.array([1.0, 3.0])
    for rate in expected[:12]:
        x = x - rate * bowl_gradient(x)
    assert_close(result.x, x, np.float64, "steps", 12, scale=3.0)


def test_one_step_down_the_bowl_by_hand():
    """At (1, 3) the gradient is (5, 7), so that a step of 0.1 leads to (0.5, 2.3)."""
    result = st.minimize(bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.1), max_steps=1)
    np.testing.assert_allclose(result.x, [0.5, 2.3], rtol=1e-15)
    np.testing.assert_allclose(result.history["loss"], [13.0, bowl([0.5, 2.3])], rtol=1e-15)
    np.testing.assert_allclose(result.history["gradient_norm"][0], np.sqrt(74), rtol=1e-15)
    assert (result.n_steps, result.n_evaluations, result.n_function_calls) == (1, 2, 2)


def test_the_default_is_adam_with_rate_a_tenth():
    a = st.minimize(bowl, [1.0, 3.0], bowl_gradient, max_steps=10)
    b = st.minimize(bowl, [1.0, 3.0], bowl_gradient, st.Adam(0.1), max_steps=10)
    np.testing.assert_array_equal(a.x, b.x)


def test_rosenbrocks_valley_is_followed_to_its_end():
    result = st.minimize(
        rosenbrock, [-1.2, 1.0], rosenbrock_gradient, st.Adam(0.02), max_steps=50_000, gtol=1e-6
    )
    assert result.converged
    # With a gradient of at most 1e-6 and a least curvature of about 0.4 the distance is at most 2.6e-6.
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=3e-6)


def test_without_a_gradient_central_differences_are_taken():
    exact = st.minimize(bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.1), max_steps=30, gtol=0)
    found = st.minimize(bowl, [1.0, 3.0], optimizer=st.SGD(0.1), max_steps=30, gtol=0)
    assert_close(found.x, exact.x, np.float64, "finite_difference", scale=13.0)
    assert found.n_evaluations == 31
    assert found.n_function_calls == 31 * (2 * 2 + 1)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 2)])
def test_any_shape(shape):
    x0 = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape) + 1.0
    shapes = set()

    def fun(x):
        shapes.add(np.shape(x))
        return float(np.sum(x * x))

    result = st.minimize(fun, x0, lambda x: 2 * x, st.SGD(0.25), record_path=True)
    assert shapes == {shape}
    assert result.status == "converged"
    assert_complete(result, fun, lambda x: 2 * x, x0)
    np.testing.assert_allclose(result.x, np.zeros(shape), atol=1e-8)


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_any_shape_without_gradient(shape):
    result = st.minimize(
        lambda x: float(np.sum((x - 2) ** 2)), np.ones(shape), max_steps=500, gtol=1e-6
    )
    np.testing.assert_allclose(result.x, np.full(shape, 2.0), atol=1e-6)


def test_float32_stays_float32():
    kinds = set()

    def fun(x):
        kinds.add(x.dtype)
        return float(x @ x)

    result = st.minimize(fun, np.ones(3, np.float32), lambda x: 2 * x, st.SGD(0.1), max_steps=5)
    assert kinds == {np.dtype(np.float32)}
    assert result.x.dtype == result.grad.dtype == np.float32


@pytest.mark.parametrize(
    "x0",
    [
        [1, 3],
        (1.0, 3.0),
        np.array([1, 3]),
        np.array([1, 3], np.float16),
        np.array([1, 3], dtype=">f8"),
        np.array([True, True]),
        np.array([1.0, 9.0, 3.0, 9.0])[::2],
        np.array([1.0, 3.0], dtype=object),
    ],
    ids=["list", "tuple", "int", "float16", "big-endian", "bool", "strided", "object"],
)
def test_what_numpy_can_read_is_a_start(x0):
    result = st.minimize(bowl, x0, bowl_gradient, st.SGD(0.1), max_steps=3)
    want = st.minimize(bowl, np.array(x0, float), bowl_gradient, st.SGD(0.1), max_steps=3)
    assert result.x.dtype == np.float64
    np.testing.assert_array_equal(result.x, want.x)


def test_the_start_is_not_changed():
    x0 = np.array([1.0, 3.0])
    x0.flags.writeable = False
    result = st.minimize(bowl, x0, bowl_gradient)
    np.testing.assert_array_equal(x0, [1.0, 3.0])
    assert not np.shares_memory(result.x, x0)
    assert result.x.flags.writeable


def test_points_may_be_kept_by_the_function():
    """Each call gets an array of its own."""
    seen = []

    def fun(x):
        seen.append(x)
        return bowl(x)

    result = st.minimize(fun, [1.0, 3.0], bowl_gradient, st.SGD(0.1), max_steps=3, record_path=True)
    np.testing.assert_array_equal(np.array(seen), result.path)


def test_many_parameters(rng):
    target = rng.standard_normal(10_000)
    result = st.minimize(
        lambda x: 0.5 * float(np.sum((x - target) ** 2)),
        np.zeros(10_000),
        lambda x: x - target,
        st.SGD(0.5),
        max_steps=100,
    )
    assert result.converged
    np.testing.assert_allclose(result.x, target, atol=1e-8)


def test_the_same_call_gives_the_same_bits():
    a, b = (st.minimize(rosenbrock, [-1.2, 1.0], max_steps=200) for _ in range(2))
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.history["loss"], b.history["loss"])


def test_the_state_goes_on_by_hand():
    """Steps with the state that was returned are those that the descent would have made next."""
    optimizer = st.Adam(0.1)
    result = st.minimize(bowl, [1.0, 3.0], bowl_gradient, optimizer, max_steps=4)
    x, state = result.x.copy(), result.state
    for _ in range(3):
        optimizer.step(x, bowl_gradient(x), state)
    whole = st.minimize(bowl, [1.0, 3.0], bowl_gradient, optimizer, max_steps=7)
    assert_close(x, whole.x, np.float64, "steps", 7, scale=3.0)
    assert state["step"] == 7


# ---------------------------------------------------------------- callbacks


def test_a_callback_sees_every_point():
    points = []
    result = st.minimize(
        bowl,
        [1.0, 3.0],
        bowl_gradient,
        st.SGD(0.1),
        max_steps=5,
        callback=points.append,
        record_path=True,
    )
    assert [p.step for p in points] == list(range(6))
    np.testing.assert_array_equal([p.x for p in points], result.path)
    for name, field in (
        ("loss", "fun"),
        ("gradient_norm",) * 2,
        ("learning_rate",) * 2,
        ("seconds",) * 2,
    ):
        np.testing.assert_array_equal([getattr(p, field) for p in points], result.history[name])
    for p in points:
        np.testing.assert_array_equal(p.grad, bowl_gradient(p.x))
        assert p.fun == bowl(p.x)


def test_a_callback_gets_copies():
    def meddle(point):
        point.x[:] = 1e6
        point.grad[:] = 1e6

    a = st.minimize(bowl, [1.0, 3.0], bowl_gradient, max_steps=5, callback=meddle)
    b = st.minimize(bowl, [1.0, 3.0], bowl_gradient, max_steps=5)
    np.testing.assert_array_equal(a.x, b.x)


@pytest.mark.parametrize("yes", [True, np.True_], ids=["bool", "numpy bool"])
def test_a_callback_stops_with_true(yes):
    """Also with NumPy's True, which is what a comparison of array entries gives."""
    result = st.minimize(
        bowl,
        [1.0, 3.0],
        bowl_gradient,
        st.SGD(0.1),
        callback=lambda p: yes if p.step == 3 else None,
    )
    assert result.status == "callback"
    assert result.n_steps == 3
    assert_complete(result, bowl, bowl_gradient, [1.0, 3.0])


@pytest.mark.parametrize("value", [None, False, 0, [], "no"])
def test_other_values_of_a_callback_do_not_stop(value):
    result = st.minimize(
        bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.1), max_steps=4, callback=lambda p: value
    )
    assert result.status == "max_steps"


def test_a_callback_with_shape():
    shapes = set()
    st.minimize(
        lambda x: float(np.sum(x * x)),
        np.ones((2, 3)),
        max_steps=1,
        callback=lambda p: shapes.add((p.x.shape, p.grad.shape)),
    )
    assert shapes == {((2, 3), (2, 3))}


# ---------------------------------------------------------------- every way of ending


def test_ending_converged():
    result = st.minimize(bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.3), gtol=1e-6, record_path=True)
    assert result.status == "converged"
    assert_complete(result, bowl, bowl_gradient, [1.0, 3.0])
    norms = result.history["gradient_norm"]
    assert norms[-1] <= 1e-6 < norms[-2]
    assert norms[-1] == pytest.approx(np.linalg.norm(result.grad), rel=1e-15)


def test_ending_at_once_where_it_starts_converged():
    result = st.minimize(bowl, [0.0, 0.0], bowl_gradient, record_path=True)
    assert (result.status, result.n_steps, result.n_evaluations) == ("converged", 0, 1)
    assert_complete(result, bowl, bowl_gradient, [0.0, 0.0])


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_ending_max_steps(steps):
    result = st.minimize(
        bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.1), max_steps=steps, record_path=True
    )
    assert (result.status, result.n_steps, result.n_evaluations) == ("max_steps", steps, steps + 1)
    assert_complete(result, bowl, bowl_gradient, [1.0, 3.0])


def test_ending_diverged():
    """Growing losses: the best point is the start, and it is what comes back."""
    with np.errstate(over="ignore", invalid="ignore"):  # those of `bowl`, far out
        result = st.minimize(bowl, [1.0, 3.0], bowl_gradient, st.SGD(1e10), record_path=True)
    assert result.status == "diverged"
    assert not result.converged
    np.testing.assert_array_equal(result.x, [1.0, 3.0])
    assert_complete(result, bowl, bowl_gradient, [1.0, 3.0], points=len(result.history["loss"]))
    assert "learning rate" in result.message


def test_ending_diverged_at_the_step():
    """J falls to 1 at x = 1 and is infinite below: the descent stops at the step that gets there."""

    def fun(x):
        return float(x[0]) if x[0] > 0.95 else float("inf")

    result = st.minimize(
        fun, [3.0], lambda x: np.ones(1), st.SGD(1.0), max_steps=100, record_path=True
    )
    assert result.status == "diverged"
    assert result.n_steps == 3
    np.testing.assert_array_equal(result.path, [[3.0], [2.0], [1.0]])
    np.testing.assert_array_equal(result.x, [1.0])
    assert result.fun == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["value", "gradient"])
def test_ending_diverged_by_what_the_function_returns(bad, where):
    calls = []

    def fun(x):
        calls.append(x)
        return bad if where == "value" and len(calls) == 4 else bowl(x)

    def grad(x):
        return np.full(2, bad) if where == "gradient" and len(calls) == 4 else bowl_gradient(x)

    result = st.minimize(fun, [1.0, 3.0], grad, st.SGD(0.1))
    assert result.status == "diverged"
    assert result.n_steps == 3
    assert len(result.history["loss"]) == 3
    assert result.fun == bowl(result.x) == result.history["loss"].min()
    np.testing.assert_array_equal(result.grad, bowl_gradient(result.x))


@pytest.mark.parametrize("grad", [None, bowl_gradient])
def test_ending_diverged_at_the_start(grad):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = st.minimize(lambda x: np.nan, [1.0, 3.0], grad, record_path=True)
    assert (result.status, result.n_steps) == ("diverged", 0)
    np.testing.assert_array_equal(result.x, [1.0, 3.0])
    assert np.isnan(result.fun)
    assert result.history["loss"].shape == (0,)
    assert result.path.shape == (0, 2)


def test_overflow_of_the_parameters_is_divergence():
    """The loss is finite everywhere, but x overflows."""
    result = st.minimize(
        lambda x: -float(np.arctan(x[0])),
        [1.0],
        lambda x: np.array([-1.0]),
        st.SGD(1e308),
        max_steps=10,
    )
    assert result.status == "diverged"
    assert np.isfinite(result.x).all()
    assert result.fun == pytest.approx(-np.pi / 2)


def test_ending_no_improvement():
    result = st.minimize(
        lambda x: 5.0, [1.0, 3.0], lambda x: np.ones(2), stop=[NoImprovement(4)], record_path=True
    )
    assert (result.status, result.n_steps) == ("no_improvement", 4)
    assert_complete(result, lambda x: 5.0, lambda x: np.ones(2), [1.0, 3.0])


def test_ending_max_seconds():
    result = st.minimize(
        bowl, [1.0, 3.0], bowl_gradient, st.SGD(1e-9), max_steps=10**9, stop=[MaxSeconds(0.02)]
    )
    assert result.status == "max_seconds"
    assert_complete(result, bowl, bowl_gradient, [1.0, 3.0])
    assert result.history["seconds"][-1] > 0.02 >= result.history["seconds"][-2]


def test_ending_max_epochs():
    result = st.minimize(bowl, [1.0, 3.0], bowl_gradient, stop=[MaxEpochs(3)])
    assert (result.status, result.n_steps) == ("max_epochs", 3)
    assert_complete(result, bowl, bowl_gradient, [1.0, 3.0])


class OddError(Exception):
    pass


@pytest.mark.parametrize(
    "error", [OddError, KeyboardInterrupt, SystemExit, StopIteration, MemoryError]
)
@pytest.mark.parametrize("source", ["fun", "grad", "callback"])
def test_what_is_raised_comes_through_with_the_result_so_far(error, source):
    calls = {"fun": 0, "grad": 0, "callback": 0}

    def maybe_raise(name):
        calls[name] += 1
        if name == source and calls[name] == 4:
            raise error("from the user's code")

    def fun(x):
        maybe_raise("fun")
        return bowl(x)

    def grad(x):
        maybe_raise("grad")
        return bowl_gradient(x)

    with pytest.raises(error, match="from the user's code") as caught:
        st.minimize(
            fun,
            [1.0, 3.0],
            grad,
            st.SGD(0.1),
            callback=lambda p: maybe_raise("callback"),
            record_path=True,
        )
    result = caught.value.partial_result
    points = 4 if source == "callback" else 3
    assert result.n_steps == 3
    assert result.status == "interrupted"
    assert not result.converged
    assert np.isfinite(result.x).all()
    want = st.minimize(bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.1), max_steps=3, record_path=True)
    np.testing.assert_array_equal(result.x, want.x)
    np.testing.assert_array_equal(result.path, want.path[:points])
    np.testing.assert_array_equal(result.history["loss"], want.history["loss"][:points])
    assert set(result.history) == HISTORY
    assert len(result.message) > 10
    if source == "callback":
        assert_complete(result, bowl, bowl_gradient, [1.0, 3.0])


@pytest.mark.parametrize("optimizer", [st.SGD(1e-3), st.LBFGS()], ids=repr)
def test_a_callback_that_raises_at_a_last_point_recorded_for_its_sake(isa, optimizer):
    """Step 5 is none of 0, 3, 6, ...: it is recorded as the one where the descent ends."""

    def callback(point):
        if point.step == 5:
            raise OddError

    rosen = st.functions.Rosenbrock()
    with pytest.raises(OddError) as caught:
        st.minimize(rosen, [-1.2, 1.0], optimizer=optimizer, max_steps=5, gtol=0.0, callback=callback,
                    record_every=3)  # fmt: skip
    result = caught.value.partial_result
    assert result.status == "interrupted"
    assert result.history["step"].tolist() == [0, 3, 5]


def test_an_exception_that_takes_no_attributes_goes_through():
    @dataclass(frozen=True)
    class Frozen(Exception):  # noqa: N818 - a name for the test
        number: int = 3

    def fun(x):
        raise Frozen

    with pytest.raises(Frozen):
        st.minimize(fun, [1.0], lambda x: x)
    with pytest.raises(Frozen):
        st.minimize_many(fun, [[1.0]], lambda x: x)


def test_the_users_traceback_is_kept():
    def deep(x):
        raise OddError("here")

    with pytest.raises(OddError) as caught:
        st.minimize(deep, [1.0])
    assert "deep" in [entry.name for entry in caught.traceback]


def test_an_exception_where_a_diverged_descent_asks_for_the_best_point():
    values = iter([3.0, 2.0, np.inf])

    def fun(x):
        return next(values)

    with pytest.raises(StopIteration) as caught:
        st.minimize(fun, [1.0], lambda x: np.ones(1), st.SGD(0.5), record_path=True)
    result = caught.value.partial_result
    assert result.status == "diverged"
    np.testing.assert_array_equal(result.x, [0.5])
    np.testing.assert_array_equal(result.path, [[1.0], [0.5]])
    assert np.isnan(result.fun)


def test_an_exception_in_the_first_call():
    def fun(x):
        raise OddError

    with pytest.raises(OddError) as caught:
        st.minimize(fun, [1.0, 3.0], record_path=True)
    result = caught.value.partial_result
    assert result.n_steps == 0
    np.testing.assert_array_equal(result.x, [1.0, 3.0])
    assert result.history["loss"].shape == (0,)


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("x0", "error", "message"),
    [
        ([], ValueError, r"x0 must have at least one entry"),
        (np.zeros((0, 3)), ValueError, r"x0 must have at least one entry.*\(0, 3\)"),
        ([1.0, np.nan, 2.0], ValueError, r"x0 must be finite, but row 1 is nan"),
        ([1.0, np.inf], ValueError, r"x0 must be finite, but row 1 is inf"),
        ([1j, 2.0], ValueError, r"x0 must be real, but is complex"),
        (["a", "b"], TypeError, r"x0 must be an array of numbers"),
        (None, (TypeError, ValueError), r"x0"),
        ({"a": 1}, TypeError, r"x0 must be an array of numbers"),
        ([[1.0], [1.0, 2.0]], (TypeError, ValueError), r"."),
    ],
)
def test_a_bad_start(x0, error, message):
    with pytest.raises(error, match=message):
        st.minimize(lambda x: float(np.sum(x)), x0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"fun": 3}, TypeError, r"fun must be callable"),
        ({"grad": "auto"}, TypeError, r"grad must be callable"),
        ({"optimizer": "adam"}, TypeError, r"optimizer must be one of steepest's"),
        ({"schedule": "cosine"}, TypeError, r"schedule must be"),
        ({"max_steps": -1}, ValueError, r"max_steps must be an integer >= 0"),
        ({"max_steps": 1.5}, TypeError, r"max_steps must be an integer"),
        ({"max_steps": True}, TypeError, r"max_steps must be an integer"),
        ({"gtol": -1.0}, ValueError, r"gtol must be a number >= 0"),
        ({"gtol": np.nan}, ValueError, r"gtol must be a number"),
        ({"gtol": "small"}, TypeError, r"gtol must be a number"),
        ({"stop": ["converged"]}, TypeError, r"stop must be stop rules"),
        ({"stop": [NoImprovement(2, monitor="validation_loss")]}, ValueError, r"validation_loss"),
        ({"stop": 5}, TypeError, r"stop"),
        ({"callback": 5}, TypeError, r"callback"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        st.minimize(**{"fun": bowl, "x0": [1.0, 3.0], "max_steps": 2, **arguments})


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (np.ones(2), (ValueError, TypeError)),
        (1j, (ValueError, TypeError)),
        (None, (ValueError, TypeError)),
        ("one", (ValueError, TypeError)),
        ([], (ValueError, TypeError)),
    ],
    ids=repr,
)
def test_a_function_that_returns_no_number(value, error):
    with pytest.raises(error, match=r"fun must return one real number"):
        st.minimize(lambda x: value, [1.0, 3.0])


@pytest.mark.parametrize(
    "value", [np.float32(2.0), 2, np.array(2.0), np.array([2.0]), np.array([[2.0]]), True]
)
def test_a_function_that_returns_one_number_somehow(value):
    result = st.minimize(lambda x: value, [1.0], lambda x: np.ones(1), max_steps=1)
    assert result.fun == float(np.squeeze(value))


@pytest.mark.parametrize("value", [np.ones(3), np.ones((2, 1)), 1.0, [1.0], None], ids=repr)
def test_a_gradient_of_another_shape(value):
    with pytest.raises(ValueError, match=r"grad must return an array of the shape \(2,\)"):
        st.minimize(bowl, [1.0, 3.0], lambda x: value)


@pytest.mark.parametrize("value", [np.array([1j, 2.0]), ["a", "b"]], ids=["complex", "strings"])
def test_a_gradient_that_is_not_real(value):
    with pytest.raises((ValueError, TypeError), match=r"grad must return"):
        st.minimize(bowl, [1.0, 3.0], lambda x: value)


@pytest.mark.parametrize(
    "value", [[5.0, 7.0], (5, 7), np.array([5, 7]), np.array([5, 7], np.float32)], ids=repr
)
def test_a_gradient_of_another_type_is_read(value):
    result = st.minimize(bowl, [1.0, 3.0], lambda x: value, st.SGD(0.1), max_steps=1)
    np.testing.assert_allclose(result.x, [0.5, 2.3], rtol=1e-15)


def test_rules_are_added_to_the_arguments():
    result = st.minimize(
        bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.01), max_steps=50, stop=[MaxSteps(20)]
    )
    assert result.n_steps == 20
    result = st.minimize(
        bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.01), max_steps=10, stop=[MaxSteps(20)]
    )
    assert result.n_steps == 10
    result = st.minimize(bowl, [1.0, 3.0], bowl_gradient, st.SGD(0.3), stop=GradientNorm(1e-2))
    assert result.status == "converged"
    assert result.history["gradient_norm"][-2] > 1e-2
