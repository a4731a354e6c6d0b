"""minimize on functions in machine code: the same descent, without Python."""

from __future__ import annotations

import ctypes
import importlib.util
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from tolerances import assert_close

import steepest as st
from steepest import _native

SOURCE = Path(__file__).resolve().parent.parent / "benchmarks" / "cython_build.py"
POINTER = ctypes.POINTER(ctypes.c_double)
MOMENTUM = st.Momentum(1e-4, 0.9)
START = [-1.2, 1.0]


def rosenbrock(x):
    return float((1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)


def rosenbrock_gradient(x):
    slope = 200 * (x[1] - x[0] ** 2)
    return np.array([-2 * (1 - x[0]) - 2 * x[0] * slope, slope])


@pytest.fixture(scope="session")
def cython():
    """The module of benchmarks/cython_functions.pyx."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    spec = importlib.util.spec_from_file_location("cython_build", SOURCE)
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    return build.load(build.FUNCTIONS)


@pytest.fixture
def llc():
    return pytest.importorskip("scipy").LowLevelCallable


def own_function(name="Rosenbrock"):
    """A ctypes function in the core's own shared library."""
    prototype = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, POINTER, POINTER, ctypes.c_void_p)
    return prototype(_native.core.test_function(name))


def kinds(cython, llc):
    yield "capsule", cython.__pyx_capi__["rosenbrock"]
    yield "LowLevelCallable of a Cython function", llc.from_cython(cython, "rosenbrock")
    yield "ctypes", own_function()
    yield "LowLevelCallable of a ctypes function", llc(own_function())
    yield "without user_data", llc.from_cython(cython, "rosenbrock_without_data")
    yield "CompiledFunction", st.CompiledFunction(own_function())
    yield "steepest.functions", st.functions.Rosenbrock()


def assert_same(a, b):
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.grad, b.grad)
    assert (a.fun, a.n_steps, a.status) == (b.fun, b.n_steps, b.status)
    for name in ("step", "loss", "gradient_norm", "learning_rate"):
        np.testing.assert_array_equal(a.history[name], b.history[name])


def test_every_kind_makes_the_same_descent(cython, llc):
    """The one that Python functions make, up to the rounding of their values."""
    want = st.minimize(
        rosenbrock, START, rosenbrock_gradient, MOMENTUM, max_steps=50, record_path=True
    )
    for name, fun in kinds(cython, llc):
        found = st.minimize(fun, START, None, MOMENTUM, max_steps=50, record_path=True)
        assert_close(found.path, want.path, np.float64, "steps", 50, scale=200)
        # Its parts are (1 - x)^2 and 100 (y - x^2)^2, whose terms are of the size of x.
        assert_close(
            found.history["loss"], want.history["loss"], np.float64, "steps", 50, scale=1e4
        )
        assert (found.n_evaluations, found.n_function_calls) == (51, 51), name
        assert (found.status, found.state["step"]) == ("max_steps", 50)


def test_numba():
    numba = pytest.importorskip("numba")
    types = numba.types

    def f(n, x, gradient, user_data):
        off_valley = x[1] - x[0] * x[0]
        gradient[0] = -400 * x[0] * off_valley - 2 * (1 - x[0])
        gradient[1] = 200 * off_valley
        return 100 * off_valley * off_valley + (1 - x[0]) * (1 - x[0])

    pointer = types.CPointer(types.double)
    want = st.minimize(own_function(), START, None, MOMENTUM, max_steps=200)
    for count in (types.intc, types.uintc, types.int64, types.uintp):
        compiled = numba.cfunc(types.double(count, pointer, pointer, types.voidptr))(f)
        for fun in (compiled, compiled.ctypes):
            found = st.minimize(fun, START, None, MOMENTUM, max_steps=200)
            assert_close(found.x, want.x, np.float64, "steps", 200, scale=200)
    wrong = numba.cfunc(types.double(types.intc, pointer))(lambda n, x: 0.0)
    with pytest.raises(ValueError, match=r"fun has argtypes .* but must be double f\(int n"):
        st.minimize(wrong, START)


@pytest.mark.parametrize(
    "count",
    [
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_long,
        ctypes.c_ulong,
        ctypes.c_longlong,
        ctypes.c_ssize_t,
        ctypes.c_size_t,
    ],
)
@pytest.mark.parametrize("takes_data", [True, False])
@pytest.mark.parametrize("pointer", [POINTER, ctypes.c_void_p])
def test_the_arguments_are_passed_as_they_are(isa, count, takes_data, pointer):
    """A callback into Python sees them; the data are those that were given."""
    seen = set()
    data = np.array([3.0])

    def f(n, x, gradient, user_data=None):
        x, gradient = (ctypes.cast(p, POINTER) for p in (x, gradient))
        value = 0.0
        for i in range(n):
            gradient[i] = 2 * x[i]
            value += x[i] * x[i]
        seen.add((n, user_data))
        return value

    arguments = (count, pointer, pointer, ctypes.c_void_p)
    compiled = ctypes.CFUNCTYPE(ctypes.c_double, *arguments[: 4 if takes_data else 3])(f)
    fun = st.CompiledFunction(compiled, data) if takes_data else compiled
    start = np.arange(1.0, 6.0)
    found = st.minimize(fun, start, None, st.SGD(0.25), max_steps=3)
    want = st.minimize(lambda x: float(x @ x), start, lambda x: 2 * x, st.SGD(0.25), max_steps=3)
    assert seen == {(5, data.ctypes.data if takes_data else None)}
    np.testing.assert_array_equal(found.x, want.x)


def test_any_shape(cython):
    """The function sees the entries in the order of rows."""
    centres = np.arange(6.0).reshape(2, 3)
    fun = st.CompiledFunction(cython.__pyx_capi__["bowl"], centres)
    found = st.minimize(fun, np.zeros((2, 3)), None, st.SGD(0.25), record_path=True)
    np.testing.assert_allclose(found.x, centres, atol=1e-8)
    assert found.grad.shape == (2, 3)
    assert found.path.shape == (found.n_steps + 1, 6)
    assert found.fun == fun(found.x)
    np.testing.assert_array_equal(found.grad, fun.gradient(found.x))


@pytest.mark.parametrize(
    "optimizer", [st.SGD(1e-3), MOMENTUM, st.Adam(0.05), st.Rprop(0.01)], ids=repr
)
@pytest.mark.parametrize("n", [2, 5, 33])
def test_optimizers_and_schedules(isa, optimizer, n):
    """The same arithmetic as with the function in Python, here evaluated by the compiled one."""
    fun = st.functions.Rosenbrock(n).compiled()
    start = np.linspace(-1.0, 1.0, n)
    schedule = st.schedules.Cosine(300)
    arguments = (optimizer, schedule, 300)
    found = st.minimize(fun, start, None, *arguments, record_path=True)
    want = st.minimize(lambda x: fun(x), start, fun.gradient, *arguments, record_path=True)
    assert_same(found, want)
    np.testing.assert_array_equal(found.path, want.path)
    assert want.n_function_calls == found.n_evaluations


# ---------------------------------------------------------------- what it reports


def test_a_callback_sees_every_point(cython):
    points = []
    found = st.minimize(
        cython.__pyx_capi__["rosenbrock"],
        START,
        optimizer=MOMENTUM,
        max_steps=20,
        callback=points.append,
        record_path=True,
    )
    assert [point.step for point in points] == list(range(21))
    np.testing.assert_array_equal([point.x for point in points], found.path)
    stopped = st.minimize(
        cython.__pyx_capi__["rosenbrock"], START, optimizer=MOMENTUM, callback=lambda p: p.step == 7
    )
    assert (stopped.status, stopped.n_steps) == ("callback", 7)


class OddError(Exception):
    pass


def test_what_a_callback_raises_comes_through():
    def callback(point):
        if point.step == 3:
            raise OddError("from the callback")

    with pytest.raises(OddError, match="from the callback") as caught:
        st.minimize(own_function(), START, optimizer=MOMENTUM, callback=callback)
    assert caught.value.partial_result.n_steps == 3


@pytest.mark.parametrize("every", [1, 2, 7, 20, 21, 1000])
@pytest.mark.parametrize("compiled", [True, False])
def test_record_every(isa, every, compiled):
    """The records of every k-th step, and that of the last point; nothing else changes."""
    fun = own_function() if compiled else rosenbrock
    grad = None if compiled else rosenbrock_gradient
    arguments = {"optimizer": MOMENTUM, "max_steps": 20, "record_path": True}
    want = st.minimize(fun, START, grad, **arguments)
    points = []
    found = st.minimize(fun, START, grad, **arguments, callback=points.append, record_every=every)
    steps = sorted({*range(0, 21, every), 20})
    np.testing.assert_array_equal(found.history["step"], steps)
    assert [point.step for point in points] == steps
    np.testing.assert_array_equal(found.path, want.path[steps])
    np.testing.assert_array_equal(found.history["loss"], want.history["loss"][steps])
    np.testing.assert_array_equal(found.x, want.x)
    assert (found.fun, found.n_steps) == (want.fun, want.n_steps)
    np.testing.assert_array_equal(found.grad, want.grad)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"gtol": 1.0}, "converged"),
        (
            {"gtol": 0.0, "stop": [st.stopping.NoImprovement(3)], "optimizer": st.SGD(1e-20)},
            "no_improvement",
        ),
        ({"max_steps": 7}, "max_steps"),
        ({"stop": [st.stopping.MaxEpochs(7)]}, "max_epochs"),
        ({"stop": [st.stopping.MaxSeconds(0.0)]}, "max_seconds"),
        ({"optimizer": st.SGD(10.0)}, "diverged"),
    ],
)
def test_every_way_of_ending(isa, arguments, status):
    arguments = {"optimizer": MOMENTUM, "max_steps": 100_000, **arguments}
    fun = st.CompiledFunction(own_function())
    for every in (1, 1000):
        found = st.minimize(fun, START, record_every=every, **arguments)
        assert found.status == status
        assert found.fun == fun(found.x)
        np.testing.assert_array_equal(found.grad, fun.gradient(found.x))
        assert np.isfinite(found.x).all()
        if status != "diverged":
            assert found.history["step"][-1] == found.n_steps
            assert found.history["loss"][-1] == found.fun
            assert found.n_evaluations == found.n_steps + 1


def test_a_million_steps_are_one_call(isa):
    found = st.minimize(
        own_function(), START, optimizer=MOMENTUM, max_steps=10**6, gtol=0.0, record_every=10**5
    )
    assert (found.n_steps, len(found.history["loss"])) == (10**6, 11)
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-12)


# ---------------------------------------------------------------- beside Python


def test_the_gil_is_released(cython):
    """The function returns only when another Python thread has run while it waits."""
    flags = np.zeros(2)
    fun = st.CompiledFunction(cython.__pyx_capi__["waits"], flags)

    def answer():
        while flags[0] == 0:
            pass
        flags[1] = 1

    thread = threading.Thread(target=answer)
    thread.start()
    found = st.minimize(fun, [1.0], optimizer=st.SGD(0.5), max_steps=3)
    thread.join()
    assert found.n_steps == 3
    flags[:] = 0
    thread = threading.Thread(target=answer)
    thread.start()
    assert fun([2.0]) == 2.0
    thread.join()


def test_what_a_compiled_function_raises_comes_through(cython):
    left = np.array([3.0])
    fun = st.CompiledFunction(cython.__pyx_capi__["raises"], left)
    with pytest.raises(ValueError, match="from the compiled function") as caught:
        st.minimize(fun, [1.0], optimizer=st.SGD(0.5), record_path=True)
    result = caught.value.partial_result
    assert (result.status, result.n_steps, len(result.path)) == ("interrupted", 3, 3)
    np.testing.assert_array_equal(result.x, [0.125])
    assert np.isnan(result.fun)
    with pytest.raises(ValueError, match="from the compiled function"):
        fun([1.0])


def test_minus_one_is_a_value(cython):
    found = st.minimize(cython.__pyx_capi__["minus_one"], [1.0], optimizer=st.SGD(0.5), max_steps=5)
    assert (found.status, found.fun, found.n_steps) == ("max_steps", -1.0, 5)


def test_user_data_is_kept_and_read_anew(cython):
    fun = st.CompiledFunction(cython.__pyx_capi__["bowl"], np.array([1.0, 2.0]))
    assert fun([1.0, 2.0]) == 0.0
    data = np.array([1.0, 2.0])
    fun = st.CompiledFunction(cython.__pyx_capi__["bowl"], data)
    data[:] = 5.0
    assert fun([5.0, 5.0]) == 0.0


def test_a_low_level_callable_has_its_data(cython, llc):
    data = np.array([1.0, 2.0])
    pointer = ctypes.c_void_p(data.ctypes.data)
    fun = llc.from_cython(cython, "bowl", user_data=pointer)
    found = st.minimize(fun, [0.0, 0.0], optimizer=st.SGD(0.5))
    np.testing.assert_array_equal(found.x, data)
    with pytest.raises(ValueError, match="user_data was given twice"):
        st.CompiledFunction(fun, data)


# ---------------------------------------------------------------- the test functions


@pytest.mark.parametrize("function", st.functions.all_functions(), ids=lambda f: f.name)
def test_the_test_functions_are_compiled(isa, rng, function):
    fun = function.compiled()
    low, high = np.array(function.domain).T
    points = [*rng.uniform(low, high, (50, 2)), *(m.x for m in function.minima)]
    for x in points:
        # Terms are bounded by those at the corner of the domain; so are their derivatives.
        scale = 1 + abs(function(high)) + abs(function(low)) + abs(function.gradient(high)).max()
        value, gradient = fun.value_and_gradient(x)
        assert_close(value, function(x), np.float64, "transcendental", scale=scale)
        assert_close(gradient, function.gradient(x), np.float64, "transcendental", scale=scale)


@pytest.mark.parametrize(
    "function",
    [
        st.functions.Sphere(7),
        st.functions.Quadratic(7, 1000.0),
        st.functions.Rosenbrock(7),
        st.functions.StyblinskiTang(7),
        st.functions.Rastrigin(7),
        st.functions.Ackley(7),
        st.functions.GaussianWell(7),
        st.functions.Plateau(0.3),
    ],
    ids=repr,
)
def test_their_parameters_are_passed(isa, rng, function):
    x = rng.uniform(-1, 1, function.n)
    value, gradient = function.compiled().value_and_gradient(x)
    scale = 1 + abs(function.gradient(np.ones(function.n))).max()
    assert_close(value, function(x), np.float64, "reduction", 7, scale=10 * scale)
    assert_close(gradient, function.gradient(x), np.float64, "reduction", 7, scale=scale)


def test_waves_keep_their_digits_far_out_and_near_the_minimum(isa):
    """The cosine's period is 1 exactly, and 1 - cos doesn't cancel."""
    fun = st.functions.Rastrigin(1).compiled()
    for x in (1e-9, 1e-100):
        value, gradient = fun.value_and_gradient([x])
        np.testing.assert_allclose(value, x * x * (1 + 20 * np.pi**2), rtol=1e-15)
        np.testing.assert_allclose(gradient, [x * (2 + 40 * np.pi**2)], rtol=1e-15)
    np.testing.assert_array_equal(fun.gradient([2.0**40]), [2.0**41])


def test_a_test_function_runs_compiled_and_in_float32_in_python():
    f = st.functions.Rosenbrock()
    assert st.minimize(f, START, max_steps=5).x.dtype == np.float64
    calls = []

    class Mine(st.functions.Rosenbrock):
        def gradient(self, x):
            calls.append(x)
            return super().gradient(x)

    assert st.minimize(f, np.array(START, np.float32), max_steps=5).x.dtype == np.float32
    st.minimize(Mine(), START, max_steps=5)
    assert len(calls) == 6
    with pytest.raises(TypeError, match="Mine is not one of steepest"):
        Mine().compiled()
    with pytest.raises(ValueError, match="x must be points of 2 variables"):
        st.minimize(f, [1.0, 2.0, 3.0])


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "wrong_order",
            r"'double \(double const \*, double \*, int, void \*\)', but must be double f",
        ),
        ("single", r"'float \(int, float const \*, float \*, void \*\)', but must be double f"),
        ("value_only", r"'double \(int, double \*, void \*\)', but must be double f\(int n, const"),
    ],
)
def test_another_signature(cython, llc, name, message):
    for fun in (cython.__pyx_capi__[name], llc.from_cython(cython, name)):
        with pytest.raises(ValueError, match=message):
            st.minimize(fun, START)


@pytest.mark.parametrize(
    ("types", "message"),
    [
        (
            (ctypes.c_double, ctypes.c_int, POINTER),
            r"argtypes \(c_int, LP_c_double\) and restype c_double",
        ),
        ((ctypes.c_float, ctypes.c_int, POINTER, POINTER), r"restype c_float"),
        ((None, ctypes.c_int, POINTER, POINTER), r"restype None"),
        ((ctypes.c_double, ctypes.c_double, POINTER, POINTER), r"argtypes \(c_double, "),
        ((ctypes.c_double, ctypes.c_short, POINTER, POINTER), r"argtypes \(c_short, "),
        (
            (ctypes.c_double, ctypes.c_int, POINTER, POINTER, ctypes.c_double),
            r"c_double\) and restype",
        ),
        (
            (ctypes.c_double, ctypes.c_int, POINTER, ctypes.POINTER(ctypes.c_float)),
            r"LP_c_float\)",
        ),
    ],
)
def test_a_ctypes_function_of_another_type(types, message):
    fun = ctypes.CFUNCTYPE(*types)(lambda *arguments: 0.0)
    with pytest.raises(ValueError, match=rf"fun has .*{message}.* must be double f\(int n"):
        st.minimize(fun, START)


def test_a_ctypes_function_without_types():
    with pytest.raises(ValueError, match=r"fun has no argtypes and restype c_int, but must be"):
        st.minimize(ctypes.CDLL(None).abs, START)


def test_a_ctypes_null_pointer():
    null = own_function().__class__()
    with pytest.raises(ValueError, match="fun is a null pointer"):
        st.minimize(null, START)


def test_a_capsule_without_a_signature():
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = (
        ctypes.py_object,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p],
    )
    with pytest.raises(ValueError, match="fun has no signature; it must be double f"):
        st.minimize(new(1, None, None), START)


def test_arguments_that_do_not_fit(cython, llc):
    fun = cython.__pyx_capi__["rosenbrock"]
    with pytest.raises(TypeError, match="x0 must be of float64 for a compiled function"):
        st.minimize(fun, np.ones(2, np.float32))
    with pytest.raises(TypeError, match="grad must be None: fun is compiled"):
        st.minimize(fun, START, rosenbrock_gradient)
    with pytest.raises(ValueError, match="record_every must be an integer >= 1"):
        st.minimize(fun, START, record_every=0)
    with pytest.raises(TypeError, match=r"fun must be a scipy.LowLevelCallable, a numba cfunc"):
        st.CompiledFunction(rosenbrock)
    with pytest.raises(ValueError, match="fun doesn't take it"):
        st.CompiledFunction(llc.from_cython(cython, "rosenbrock_without_data"), np.ones(1))
    for wrong in ([1.0], np.ones((4, 4))[:, 1], 3.0):
        with pytest.raises(TypeError, match="user_data must be an array that is contiguous"):
            st.CompiledFunction(fun, wrong)
    with pytest.raises(TypeError, match="dtype object"):
        st.CompiledFunction(fun, np.array([None]))
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(st.CompiledFunction(fun))
    with pytest.raises((TypeError, ValueError), match="x must be"):
        st.CompiledFunction(fun)(["a"])


def test_a_ctypes_function_beside_a_gradient_is_called_from_python():
    """As any callable: here one that takes an object."""

    def value(x):
        return rosenbrock(x)

    fun = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.py_object)(value)
    found = st.minimize(fun, START, rosenbrock_gradient, MOMENTUM, max_steps=5)
    want = st.minimize(rosenbrock, START, rosenbrock_gradient, MOMENTUM, max_steps=5)
    assert_same(found, want)


@pytest.mark.parametrize("function", st.functions.all_functions(), ids=lambda f: f.name)
@pytest.mark.parametrize("more", [-1, 1])
def test_a_point_of_another_size_is_refused(function, more):
    """Before any of the memory beside it is read, or written."""
    compiled = function.compiled()
    x = np.ones(function.n + more)
    message = f"must have {function.n} entries for CompiledFunction.*, but has {x.size}"
    for call in (
        lambda: compiled(x),
        lambda: compiled.gradient(x),
        lambda: st.minimize(compiled, x),
        lambda: st.minimize_many(compiled, [x, x]),
        lambda: st.minimize_many([compiled, function.compiled()], [x, x]),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_size_of_ones_own(cython):
    bowl = st.CompiledFunction(cython.__pyx_capi__["bowl"], np.zeros(3), n=3)
    assert bowl.n == 3
    assert st.minimize(bowl, np.ones((3, 1)), optimizer=st.SGD(0.1), max_steps=3).n_steps == 3
    with pytest.raises(ValueError, match="x0 must have 3 entries"):
        st.minimize(bowl, np.ones(2))
    assert st.CompiledFunction(cython.__pyx_capi__["bowl"]).n is None
    with pytest.raises(ValueError, match="n must be an integer >= 1"):
        st.CompiledFunction(cython.__pyx_capi__["bowl"], n=0)
