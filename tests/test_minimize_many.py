"""minimize_many: every descent is the one that minimize makes, whatever runs beside it."""

from __future__ import annotations

import ctypes
import threading

import numpy as np
import pytest
from test_compiled import POINTER, OddError, cython, own_function  # noqa: F401

import steepest as st
from steepest.stopping import MaxSeconds, NoImprovement

HIMMELBLAU = st.functions.Himmelblau()


@pytest.fixture
def starts(rng):
    return rng.uniform(-5, 5, (40, 2))


def assert_as_alone(many, fun, starts, grad=None, **arguments):
    """Check that every descent has the bits that minimize gives from its start."""
    assert len(many) == len(starts)
    for i, start in enumerate(starts):
        one = fun[i] if isinstance(fun, list) else fun
        alone = st.minimize(one, start, grad, **arguments)
        np.testing.assert_array_equal(many.x[i], alone.x)
        np.testing.assert_array_equal(many.grad[i], alone.grad)
        assert many.fun[i] == alone.fun or np.isnan(alone.fun)
        assert many.n_steps[i] == alone.n_steps
        assert many.n_evaluations[i] == alone.n_evaluations
        assert many.status[i] == alone.status
        assert many.converged[i] == alone.converged
        assert many.message(i) == alone.message


def himmelblau(x):
    """The value in products alone, which have the same bits for one point and for many."""
    x, y = x[..., 0], x[..., 1]
    with np.errstate(over="ignore", invalid="ignore"):  # a descent may run away
        first, second = x * x + y - 11, x + y * y - 7
        return first * first + second * second


OPTIMIZERS = [
    st.SGD(0.01),
    st.Momentum(0.005, 0.9, nesterov=True),
    st.Adam(0.1),
    st.RMSprop(0.05),
    st.Rprop(0.01),
    st.SGD(0.01, l2=0.5),
    st.Adam(0.1, average=st.optimizers.EMA(0.8)),
    st.Momentum(0.005, 0.9, nesterov="lookahead", l2=0.1),
    st.ScheduleFreeSGD(0.01),
]


@pytest.mark.parametrize("n_threads", [1, 2, 3, 200])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_compiled(isa, starts, optimizer, n_threads):
    """Some converge, some are cut off."""
    arguments = {"optimizer": optimizer, "max_steps": 150, "gtol": 1e-6}
    many = st.minimize_many(HIMMELBLAU, starts, n_threads=n_threads, **arguments)
    assert_as_alone(many, HIMMELBLAU, starts, **arguments)
    assert many.best == np.argmin(many.fun)


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_in_python(isa, dtype, starts, optimizer, vectorized):
    starts = starts.astype(dtype)
    fun, grad = himmelblau, HIMMELBLAU.gradient
    arguments = {"optimizer": optimizer, "max_steps": 60, "gtol": 1e-2}
    many = st.minimize_many(fun, starts, grad, vectorized=vectorized, **arguments)
    assert many.x.dtype == many.grad.dtype == dtype
    assert_as_alone(many, fun, starts, grad, **arguments)


@pytest.mark.parametrize("how", ["compiled", "python", "vectorized"])
def test_schedules_and_rules(isa, starts, how):
    arguments = {
        "optimizer": st.Adam(0.5),
        "schedule": st.schedules.Plateau(0.5, patience=3),
        "stop": [NoImprovement(40, absolute=1e-3)],
        "max_steps": 300,
    }
    fun = HIMMELBLAU if how == "compiled" else himmelblau
    grad = None if how == "compiled" else HIMMELBLAU.gradient
    many = st.minimize_many(fun, starts, grad, vectorized=how == "vectorized", **arguments)
    assert_as_alone(many, fun, starts, grad, **arguments)
    assert "no_improvement" in many.status


@pytest.mark.parametrize("how", ["compiled", "python", "vectorized"])
def test_divergence_gives_the_best_point(isa, starts, how):
    """Each its own; the others go on."""
    arguments = {"optimizer": st.SGD(0.02), "max_steps": 100}
    starts = np.concatenate([starts * 3, [[3.0, 2.0]]])
    fun = HIMMELBLAU if how == "compiled" else himmelblau
    grad = None if how == "compiled" else HIMMELBLAU.gradient
    many = st.minimize_many(fun, starts, grad, vectorized=how == "vectorized", **arguments)
    assert {"diverged", "converged"} <= set(many.status)
    assert np.isfinite(many.fun).all()
    assert many.best == len(starts) - 1
    assert_as_alone(many, fun, starts, grad, **arguments)


def test_a_vectorized_function_sees_only_those_that_go_on(starts):
    sizes = []

    def fun(X):
        sizes.append(len(X))
        return HIMMELBLAU(X)

    many = st.minimize_many(
        fun, starts, HIMMELBLAU.gradient, st.SGD(0.01), gtol=1e-4, vectorized=True
    )
    assert many.converged.all()
    steps = np.arange(many.n_steps.max() + 1)
    np.testing.assert_array_equal(sizes, (many.n_steps >= steps[:, None]).sum(axis=1))


@pytest.mark.parametrize("vectorized", [False, True])
def test_points_of_any_shape(vectorized):
    centre = np.arange(6.0).reshape(2, 3)

    def fun(x):
        assert x.shape[-2:] == (2, 3)
        return np.sum((x - centre) ** 2, axis=(-2, -1))

    many = st.minimize_many(
        fun, np.zeros((4, 2, 3)), lambda x: 2 * (x - centre), st.SGD(0.25), vectorized=vectorized
    )
    assert many.x.shape == many.grad.shape == (4, 2, 3)
    np.testing.assert_allclose(many.x, np.broadcast_to(centre, (4, 2, 3)), atol=1e-8)


def test_numbers_as_points():
    many = st.minimize_many(
        lambda x: float(x - 2) ** 2, [0.0, 1.0, 5.0], lambda x: 2 * (x - 2), st.SGD(0.25)
    )
    np.testing.assert_allclose(many.x, [2.0, 2.0, 2.0], atol=1e-8)


def test_problems_that_differ_in_their_data(isa, cython, rng):  # noqa: F811
    centres, starts = rng.standard_normal((2, 30, 5))
    capsule = cython.__pyx_capi__["bowl"]
    problems = [st.CompiledFunction(capsule, centre) for centre in centres]
    many = st.minimize_many(problems, starts, optimizer=st.SGD(0.3), n_threads=2)
    np.testing.assert_allclose(many.x, centres, atol=1e-8)
    assert_as_alone(many, problems, starts, optimizer=st.SGD(0.3))


def test_functions_of_different_kinds():
    functions = [st.functions.Sphere(), lambda x: float(x @ x), st.functions.Booth()]
    gradients = [None, lambda x: 2 * x, None]
    many = st.minimize_many(functions, np.ones((3, 2)), gradients, st.SGD(0.05))
    assert many.converged.all()
    np.testing.assert_allclose(many.x, [[0, 0], [0, 0], [1, 3]], atol=1e-8)
    compiled = st.minimize_many(functions[::2], np.ones((2, 2)), optimizer=st.SGD(0.05))
    np.testing.assert_array_equal(compiled.x, many.x[::2])


def test_many_more_descents_than_threads(isa):
    """All minima of Rastrigin's function between -4 and 4 along two axes, each from near by."""
    f = st.functions.Rastrigin()
    cells = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 2), axis=-1).reshape(-1, 2)
    many = st.minimize_many(f, cells + 0.1, optimizer=st.SGD(0.002), gtol=1e-9, n_threads=2)
    assert many.converged.all()
    np.testing.assert_allclose(many.x, [f.local_minimum(c).x for c in cells], atol=1e-11)
    np.testing.assert_allclose(many.x[many.best], 0, atol=1e-11)


def test_several_python_threads_at_once(starts):
    want = st.minimize_many(HIMMELBLAU, starts, n_threads=1)
    results = [None] * 4

    def work(i):
        results[i] = st.minimize_many(HIMMELBLAU, starts, n_threads=2)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result.x, want.x)


def test_threads_work_at_the_same_time(cython):  # noqa: F811
    """The first returns when the second has been called, and that one when both have, as Python sees."""
    flags = np.zeros(3)
    waits = cython.__pyx_capi__["waits"]
    problems = [st.CompiledFunction(waits, flags[i:]) for i in range(2)]

    def answer():
        while not flags[:2].all():
            pass
        flags[2] = 1

    thread = threading.Thread(target=answer)
    thread.start()
    many = st.minimize_many(problems, [[1.0], [2.0]], optimizer=st.SGD(1.0), n_threads=2)
    thread.join()
    assert many.converged.all()


def test_the_starts_are_not_changed(starts):
    before = starts.copy()
    starts.flags.writeable = False
    st.minimize_many(HIMMELBLAU, starts, optimizer=st.SGD(0.01))
    np.testing.assert_array_equal(starts, before)


def test_seconds_count_for_each(starts):
    many = st.minimize_many(HIMMELBLAU, starts, optimizer=st.SGD(1e-9), stop=[MaxSeconds(0.0)])
    assert set(many.status) == {"max_seconds"}
    assert (many.n_steps == 0).all()


# ---------------------------------------------------------------- what is raised


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("error", [OddError, KeyboardInterrupt, StopIteration])
def test_what_python_raises_comes_through(vectorized, error):
    calls = []

    def fun(x):
        calls.append(x)
        if len(calls) == 10:
            raise error("from the function")
        return np.sum(x * x, axis=-1)

    starts = np.ones((3, 2))
    with pytest.raises(error, match="from the function") as caught:
        st.minimize_many(fun, starts, lambda x: 2 * x, st.SGD(1e-3), vectorized=vectorized)
    result = caught.value.partial_result
    assert (result.status == "interrupted").all()
    assert result.best is None
    assert np.isfinite(result.x).all()
    np.testing.assert_array_equal(result.n_steps, [9, 9, 9] if vectorized else [9, 0, 0])


@pytest.mark.parametrize("n_threads", [1, 2])
def test_what_a_compiled_function_raises_comes_through(cython, n_threads):  # noqa: F811
    raises = cython.__pyx_capi__["raises"]
    left = np.array([5.0, 1e9, 7.0, 1e9])
    problems = [st.CompiledFunction(raises, left[i : i + 1]) for i in range(4)]
    for _ in range(20):
        left[:] = [5.0, 1e9, 7.0, 1e9]
        with pytest.raises(ValueError, match="from the compiled function") as caught:
            st.minimize_many(
                problems,
                np.ones((4, 1)),
                optimizer=st.SGD(1e-3),
                max_steps=1000,
                n_threads=n_threads,
            )
        result = caught.value.partial_result
        assert "interrupted" in result.status
        assert np.isfinite(result.x).all()


def test_callbacks_into_python_from_every_thread():
    """A ctypes callback takes the GIL by itself, on whichever thread it is called."""

    def f(n, x, gradient, data):
        gradient[0] = x[0]
        return x[0] * x[0] / 2

    prototype = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, POINTER, POINTER, ctypes.c_void_p)
    starts = np.arange(20.0).reshape(-1, 1)
    many = st.minimize_many(prototype(f), starts, optimizer=st.SGD(0.5), max_steps=3, n_threads=2)
    np.testing.assert_array_equal(many.x, starts / 8)


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X0": 3.0}, ValueError, "X0 must have one start in each row"),
        ({"X0": np.zeros((0, 2))}, ValueError, "X0 must have at least one entry"),
        ({"X0": [[1.0, np.nan]]}, ValueError, "X0 must be finite"),
        ({"fun": 3}, TypeError, "fun must be callable"),
        (
            {"fun": [HIMMELBLAU]},
            ValueError,
            "fun must be one function, or one for each of the 3 starts",
        ),
        ({"fun": []}, ValueError, "fun must be one function, or one for each of the 3 starts"),
        ({"fun": [HIMMELBLAU, 5, HIMMELBLAU]}, TypeError, "fun must be callable.* but is 5"),
        (
            {"fun": [HIMMELBLAU] * 3, "grad": [None]},
            ValueError,
            "grad must be one function, or one for",
        ),
        ({"grad": [None] * 3}, TypeError, "grad must be one function, as fun is"),
        ({"grad": 5}, TypeError, "grad must be callable or None"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be one of steepest's"),
        ({"max_steps": -1}, ValueError, "max_steps must be an integer >= 0"),
        ({"n_threads": 0}, ValueError, "n_threads must be an integer >= 1"),
        ({"vectorized": 1}, TypeError, "vectorized must be True or False"),
        (
            {"vectorized": True, "fun": [HIMMELBLAU] * 3},
            TypeError,
            "fun must be one function if vec",
        ),
        (
            {"vectorized": True, "fun": lambda x: x},
            TypeError,
            "grad must be a function of many points",
        ),
        (
            {"vectorized": True, "fun": lambda x: 1.0, "grad": HIMMELBLAU.gradient},
            ValueError,
            r"fun must return real numbers of shape \(3,\) for points of shape \(3, 2\)",
        ),
        (
            {"vectorized": True, "grad": lambda x: x[0]},
            ValueError,
            r"grad must return real numbers of shape \(3, 2\)",
        ),
        (
            {"fun": own_function(), "X0": np.ones((3, 2), np.float32)},
            TypeError,
            "x0 must be of float64",
        ),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        st.minimize_many(**{"fun": HIMMELBLAU, "X0": np.ones((3, 2)), "max_steps": 2, **arguments})
