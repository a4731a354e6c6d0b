"""How many threads a call may use, and that nothing but its time depends on it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from sklearn.exceptions import ConvergenceWarning
from test_interrupt import ctrl_c as ctrl_c  # a fixture

import steepest as st
from steepest import _native
from steepest.estimators.base import Data, NetworkState, descent_config, network_descent
from steepest.stopping import MaxEpochs

AVAILABLE = st.available_instruction_sets()
FUSED = [name for name in AVAILABLE if _native.load(name).build_info()["fused_multiply_add"]]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def run(code, **environment):
    """Run code in a fresh interpreter that has only the given settings of threads; return what it printed."""
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("STEEPEST_NUM_THREADS", "OMP_NUM_THREADS")
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        capture_output=True,
        text=True,
        env={**inherited, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def at_once(f, n):
    """Call f(i) for i < n in n Python threads that start together; return the results."""
    barrier = threading.Barrier(n)
    results = [None] * n

    def work(i):
        barrier.wait()
        results[i] = f(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def n_threads():
    """Whatever a test sets is set back."""
    before = st.get_num_threads()
    yield
    st.set_num_threads(before)


# ---------------------------------------------------------------- how many

THE_NUMBER = "import steepest; print(steepest.get_num_threads())"
CPUS = getattr(os, "process_cpu_count", None) or (
    lambda: len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
)


def test_the_default_is_the_number_of_cpus():
    assert run(THE_NUMBER) == str(CPUS())
    assert run(THE_NUMBER, STEEPEST_NUM_THREADS="", OMP_NUM_THREADS="") == str(CPUS())


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process has all CPUs here")
def test_the_default_is_the_number_of_cpus_of_this_process():
    pin = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    assert run(pin + THE_NUMBER) == "1"


def test_the_environment_sets_the_number():
    assert run(THE_NUMBER, STEEPEST_NUM_THREADS="3") == "3"
    assert run(THE_NUMBER, OMP_NUM_THREADS="5") == "5"
    assert run(THE_NUMBER, STEEPEST_NUM_THREADS=" 3 ", OMP_NUM_THREADS="5") == "3"


@pytest.mark.parametrize("text", ["4,2", "0", "-1", "many", "2.0", "\u00b2"])
def test_what_openmp_understands_and_steepest_does_not_is_passed_over(text):
    assert run(THE_NUMBER, OMP_NUM_THREADS=text) == str(CPUS())


@pytest.mark.parametrize("text", ["0", "-1", "many", "2.0", "4,2", "99999999999"])
def test_a_bad_number_in_the_environment(text):
    code = "try: import steepest\nexcept ValueError as error: print(error)"
    expected = f"STEEPEST_NUM_THREADS must be an integer >= 1, but is {text!r}"
    assert run(code, STEEPEST_NUM_THREADS=text) == expected


def test_one_number_for_all_instruction_sets(n_threads):
    before = st.instruction_set()
    try:
        for name, n in zip(AVAILABLE, range(2, 2 + len(AVAILABLE)), strict=True):
            st.use_instruction_set(name)
            st.set_num_threads(n)
        st.use_instruction_set(AVAILABLE[0])
        assert st.get_num_threads() == st.build_info()["threads"] == 1 + len(AVAILABLE)
    finally:
        st.use_instruction_set(before)


def test_more_than_there_could_be(n_threads):
    st.set_num_threads(10**15)
    assert st.get_num_threads() == 2**31 - 1


# ---------------------------------------------------------------- of each estimator

ESTIMATORS = [
    lambda **named: st.LinearRegression(max_epochs=3, batch_size=8, **named),
    lambda **named: st.LinearRegression(max_epochs=3, optimizer=st.Momentum(0.01), **named),
    lambda **named: st.PolynomialRegression(degree=2, max_epochs=3, batch_size=8, **named),
    lambda **named: st.LogisticRegression(max_epochs=3, batch_size=8, **named),
    lambda **named: st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, **named),
    lambda **named: st.MLPClassifier(hidden_layer_sizes=(4,), max_iter=3, **named),
]
IDS = ["linear", "linear-full", "polynomial", "logistic", "mlp-regressor", "mlp-classifier"]


@pytest.fixture
def configured(monkeypatch):
    """The numbers of threads that descents were given, in order."""
    seen = []
    core = _native.core

    class Core:
        def __getattr__(self, name):
            function = getattr(core, name)
            if not name.endswith("_descent"):
                return function

            def descent(*arguments):
                seen.extend(
                    a["n_threads"] for a in arguments if isinstance(a, dict) and "optimizer" in a
                )
                return function(*arguments)

            return descent

    monkeypatch.setattr(_native, "core", Core())
    return seen


def data_for(model, rng):
    X = rng.standard_normal((60, 1 if isinstance(model, st.PolynomialRegression) else 3))
    y = X[:, 0] + 0.1 * rng.standard_normal(60)
    return X, (y > 0).astype(int) if hasattr(model, "predict_proba") else y


def fitted(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


@pytest.mark.parametrize("make", ESTIMATORS, ids=IDS)
def test_the_descent_is_told(make, rng, configured, n_threads):
    X, y = data_for(make(), rng)
    st.set_num_threads(5)
    fitted(make(), X, y)
    fitted(make(n_threads=None), X, y)
    fitted(make(n_threads=1), X, y)
    fitted(make(n_threads=np.int64(2)), X, y)
    assert configured == [5, 5, 1, 2]


def test_partial_fit_is_told(rng, configured):
    model = st.MLPRegressor(hidden_layer_sizes=(4,), n_threads=3)
    model.partial_fit(*data_for(model, rng))
    assert configured == [3]


@pytest.mark.parametrize("make", ESTIMATORS, ids=IDS)
@pytest.mark.parametrize("bad", [0, -2, 1.5, "two", True])
def test_bad_numbers(make, bad, rng):
    model = make(n_threads=bad)
    with pytest.raises(
        (ValueError, TypeError), match=r"^n_threads must be an integer >= 1, but is"
    ):
        model.fit(*data_for(model, rng))


# ---------------------------------------------------------------- threadpoolctl


def listed():
    """Return what threadpoolctl knows of steepest; there is one pool, whatever is loaded."""
    (entry,) = (e for e in threadpoolctl.threadpool_info() if e["user_api"] == "steepest")
    return entry


def test_threadpoolctl_lists_the_number(isa, n_threads):
    from steepest import estimators as estimators

    st.set_num_threads(3)
    entry = listed()
    assert entry["num_threads"] == 3
    assert entry["internal_api"] == "steepest"
    assert entry["version"] == st.__version__
    assert Path(entry["filepath"]).samefile(_native._cpu.__file__)


def test_threadpoolctl_limits_the_number(rng, configured, n_threads):
    model = ESTIMATORS[0]()
    X, y = data_for(model, rng)
    st.set_num_threads(4)
    with threadpoolctl.threadpool_limits(limits=1):
        assert st.get_num_threads() == listed()["num_threads"] == 1
        fitted(model, X, y)
        with threadpoolctl.threadpool_limits(limits={"steepest": 2}):
            fitted(model, X, y)
    assert st.get_num_threads() == 4
    with threadpoolctl.threadpool_limits(limits=1, user_api="blas"):
        fitted(model, X, y)
    assert configured == [1, 2, 4]


def test_threadpoolctl_is_not_imported_before_it_is_needed():
    code = """
import sys, steepest as st
st.kernels, st.Adam, st.get_num_threads(), st.minimize
print("threadpoolctl" in sys.modules, "sklearn" in sys.modules)
"""
    assert run(code) == "False False"


# ---------------------------------------------------------------- the pool by itself


@pytest.mark.parametrize("wanted", [1, 2, 3, 7])
def test_each_thread_does_its_share_once_in_each_run(isa, wanted):
    threads = _native.core.Threads(wanted)
    assert threads.count() == wanted
    x = np.arange(1001.0)
    sums, _, _ = threads.sums(x, 3000, -1)
    assert (sums == x.sum()).all()


def test_threads_that_sleep_are_woken():
    """Before each of these runs there is time enough for the workers to fall asleep."""
    x = np.ones(1_000_000)
    threads = _native.core.Threads(2)
    threads.sums(x, 1, -1)  # they are new, and awake
    by_workers = 0
    while by_workers == 0:  # only what no worker has begun in a millisecond is the caller's again
        np.sort(-x)  # some milliseconds
        sums, by_workers, _ = threads.sums(x, 1, -1)
        assert sums == [x.size]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_what_a_thread_throws_is_thrown_to_the_caller(failing):
    threads = _native.core.Threads(3)
    x = np.ones(100)
    for _ in range(20):
        with pytest.raises(RuntimeError, match=f"^share {failing}$"):
            threads.sums(x, 5, failing)
        assert (threads.sums(x, 5, -1)[0] == 100).all()


def test_descents_at_the_same_time_share_the_threads():
    """With more threads than there are CPUs: up to their number, each could have some of its own."""
    code = """
import os, numpy as np, steepest
from steepest import _native

Threads, n = _native.core.Threads, os.cpu_count() + 8
first = Threads(n)
second = Threads(n)  # the first has them all
third = Threads(n + 1)  # one more is made
counts = [threads.count() for threads in (first, second, third)]
x = np.arange(100.0)
good = [(threads.sums(x, 10, -1)[0] == x.sum()).all() for threads in (first, second, third)]
del first
again = Threads(n)
print(counts == [n, 1, 2], all(good), again.count() == n, Threads(n).count())
"""
    assert run(code) == "True True True 1"


def test_many_python_threads_with_two_threads_each():
    x = np.arange(333.0)

    def work(i):
        good = True
        for _ in range(50):
            threads = _native.core.Threads(2 + i % 2)
            good &= threads.count() in (1, 2, 3)
            good &= bool((threads.sums(x, 100, -1)[0] == x.sum()).all())
        return good

    assert all(at_once(work, 8))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="lists of threads: Linux")
def test_there_are_no_more_workers_than_one_descent_wants_and_signals_are_not_for_them():
    code = """
import os, threading
from pathlib import Path
import numpy as np, steepest
from steepest import _native

n = os.cpu_count() + 2

def work():
    barrier.wait()
    for _ in range(20):
        _native.core.Threads(n).sums(np.ones(1000), 10, -1)

barrier = threading.Barrier(6)
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
workers = [task for task in Path("/proc/self/task").iterdir()
           if (task / "comm").read_text().strip() == "steepest"]
blocked = [line.split()[1] for task in workers
           for line in (task / "status").read_text().splitlines() if line.startswith("SigBlk")]
sigint = 1 << (2 - 1)
print(len(workers) == n - 1, all(int(mask, 16) & sigint for mask in blocked))
"""
    assert run(code) == "True True"


def test_the_interpreter_ends_while_threads_work():
    """Daemon threads are cut off in the middle of a run, with its workers."""
    code = """
import threading
import numpy as np, steepest
from steepest import _native
started = threading.Event()

def work():
    threads = _native.core.Threads(3)
    started.set()
    threads.sums(np.ones(1000), 10**9, -1)

threading.Thread(target=work, daemon=True).start()
started.wait()
_native.core.Threads(4).sums(np.ones(10), 100, -1)
print("end")
"""
    assert run(code) == "end"


# ---------------------------------------------------------------- fork

# A child that hangs ends by the alarm, and is reported.
FORK = """
import multiprocessing, os, signal, threading, warnings
import numpy as np
import steepest as st
from steepest import _native

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.standard_normal((300, 40))
y = X[:, :3].sum(axis=1)

def fit(**named):
    model = st.MLPRegressor(hidden_layer_sizes=(64, 32), batch_size=64, max_iter=3, random_state=0, n_threads=2)
    model.set_params(**named).fit(X, y)
    return b"".join(w.tobytes() for w in model.coefs_)

def good_pool():
    "Whether two threads add up right; a worker takes part sooner or later, or the alarm ends this."
    threads, x, by_workers = _native.core.Threads(2), np.arange(1000.0), 0
    good = threads.count() == 2
    while good and by_workers == 0:
        sums, by_workers, _ = threads.sums(x, 200, -1)
        good = bool((sums == x.sum()).all())
    return good

def in_child(f):
    "Whether f() is true in a forked child."
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            os._exit(0 if f() else 1)
        finally:
            os._exit(2)
    return os.waitpid(pid, 0)[1] == 0
"""


def forked(code):
    return run(FORK + code).split()


@needs_fork
def test_a_child_trains_after_its_parent_has_trained_with_two_threads():
    code = """
expected = fit()
assert good_pool()
print(in_child(lambda: good_pool() and fit() == expected))
print(in_child(lambda: in_child(lambda: good_pool() and fit() == expected)))  # a grandchild of one without workers
print(in_child(lambda: good_pool() and in_child(lambda: good_pool() and fit() == expected)))
print(good_pool() and fit() == expected)  # the parent still has its workers
"""
    assert forked(code) == ["True"] * 4


@needs_fork
def test_children_forked_while_another_thread_trains_with_two_threads():
    code = """
expected = fit()
stop = threading.Event()

def train(f):
    while not stop.is_set():
        f()

def add_up():
    _native.core.Threads(2).sums(np.ones(100), 1000, -1)

threads = [threading.Thread(target=train, args=(f,)) for f in (fit, add_up)]
for thread in threads: thread.start()
print(*(in_child(lambda: fit() == expected and good_pool()) for _ in range(20)))
stop.set()
for thread in threads: thread.join()
"""
    assert forked(code) == ["True"] * 20


@needs_fork
def test_a_child_goes_on_with_the_descent_whose_callback_forked_it():
    """The threads of that descent are not in the child, which does all their shares itself."""
    code = """
parent, expected, statuses = os.getpid(), fit(), []

def fork_once(record):
    if record["epoch"] == 1 and os.getpid() == parent:
        pid = os.fork()
        if pid:
            statuses.append(os.waitpid(pid, 0)[1])
        else:
            signal.alarm(60)

got = fit(callbacks=[fork_once])
if os.getpid() != parent:
    os._exit(0 if got == expected else 1)
print(statuses == [0], got == expected)

threads, x = _native.core.Threads(3), np.arange(1000.0)
threads.sums(x, 10, -1)

def sums():
    sums, by_workers, _ = threads.sums(x, 10, -1)
    return threads.count() == 3 and by_workers == 0 and bool((sums == x.sum()).all())

print(in_child(sums), bool((threads.sums(x, 10, -1)[0] == x.sum()).all()))
"""
    assert forked(code) == ["True"] * 4


@needs_fork
def test_processes_of_multiprocessing_by_fork():
    code = """
expected = fit()
with multiprocessing.get_context("fork").Pool(2) as processes:
    print(*(done.get(60) == expected for done in [processes.apply_async(fit) for _ in range(6)]))
"""
    assert forked(code) == ["True"] * 6


# ---------------------------------------------------------------- Ctrl-C


@pytest.mark.timeout(30)
@pytest.mark.skipif(os.name == "nt", reason="sends itself SIGINT, which needs POSIX")
def test_ctrl_c_ends_a_descent_on_several_threads(ctrl_c, rng):
    X, y = rng.standard_normal((500, 64)), rng.integers(0, 10, 500)
    model = st.MLPClassifier(
        (128,), max_iter=10**9, n_iter_no_change=np.inf, tol=0.0, random_state=0, n_threads=3
    )
    ctrl_c.interrupts(lambda: model.fit(X, y))
    assert model.status_ == "interrupted"
    assert np.isfinite(model.predict_proba(X)).all()
    assert _native.core.Threads(3).count() == 3  # they were given back


# ---------------------------------------------------------------- the same bits

# (widths, batch size): the last batch is smaller. Threads share a step from 5e5 multiply-adds of its forward pass
# on, which most of these reach.
NETWORKS = [
    ((1, 16, 1), 7),
    ((8, 64, 1), 32),
    ((5, 1), 64),
    ((64, 128, 10), 64),
    ((64, 256, 256, 10), 67),
    ((300, 200, 7), 129),
    ((300, 200, 7), 1),
    ((3, 2000, 2), 257),
    ((2600, 3, 40), 257),
]
ROWS = 301
PLAIN = {"hidden": "relu", "output": "identity", "loss": "squared"}
MODELS = {
    "squared": PLAIN,
    "squared-l2": {**PLAIN, "hidden": "tanh", "l2": 0.01, "l2_per_row": True},
    "softmax": {**PLAIN, "loss": "softmax"},
    "logistic": {**PLAIN, "hidden": "logistic", "loss": "logistic", "l2": 0.1},
    "poisson": {**PLAIN, "loss": "poisson", "output_scale": 0.5},
}


def network_problem(rng, widths, loss, dtype, weighted):
    weights = [(rng.standard_normal(s) / np.sqrt(s[0])).astype(dtype) for s in pairwise(widths)]
    biases = [(0.1 * rng.standard_normal(w)).astype(dtype) for w in widths[1:]]
    X = rng.standard_normal((ROWS, widths[0])).astype(dtype)
    if loss == "softmax":
        y = rng.integers(0, widths[-1], ROWS)
    elif loss == "squared":
        y = rng.standard_normal((ROWS, widths[-1])).astype(dtype)
    else:
        y = rng.integers(0, 2, (ROWS, widths[-1])).astype(dtype)
    return weights, biases, Data(X, y, rng.random(ROWS).astype(dtype) if weighted else None)


def trained(weights, biases, data, model, optimizer, held_out=None, **settings):
    """Return a hash of all that two epochs leave: parameters, the optimizer's state and the history."""
    settings = {"shuffle": True, "seed": 3, "by_points": False, **settings}
    config = descent_config(optimizer, None, [MaxEpochs(2)], {}, **settings)
    state = NetworkState(list(weights), list(biases))
    result = network_descent(state, data, held_out, model, config, None)
    assert result["status"] == "max_epochs"
    hashed = hashlib.sha256()
    for w, b in [(state.weights, state.biases), *state.slots]:
        for array in (*w, *b):
            hashed.update(array.tobytes())
    for name, column in result["history"].items():
        if name != "seconds":
            hashed.update(column.tobytes())
    return hashed.hexdigest()


def assert_same_bits(train):
    """Call train(n) with n threads on each instruction set: the same for each n, and on all that have FMA."""
    before = st.instruction_set()
    hashes = {}
    try:
        for name in AVAILABLE:
            st.use_instruction_set(name)
            hashes[name] = [train(n) for n in (1, 2, 3)]
    finally:
        st.use_instruction_set(before)
    for name, of_threads in hashes.items():
        assert len(set(of_threads)) == 1, (name, of_threads)
    assert len({hashes[name][0] for name in FUSED}) <= 1, hashes


@pytest.mark.parametrize(("widths", "batch_size"), NETWORKS, ids=str)
def test_networks_have_the_same_bits_on_any_number_of_threads(dtype, rng, widths, batch_size):
    problem = network_problem(rng, widths, "softmax", dtype, weighted=False)
    assert_same_bits(
        lambda n: trained(
            *problem, MODELS["softmax"], st.Adam(0.01), batch_size=batch_size, n_threads=n
        )
    )


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("name", MODELS)
def test_losses_have_the_same_bits_on_any_number_of_threads(dtype, rng, name, weighted):
    model = MODELS[name]
    problem = network_problem(rng, (70, 90, 33, 5), model["loss"], dtype, weighted)
    held_out = problem[2]
    assert_same_bits(
        lambda n: trained(*problem, model, st.Adam(0.01), held_out, batch_size=97, n_threads=n)
    )


OPTIMIZERS = [
    st.SGD(0.01),
    st.Momentum(0.01, 0.9, "step", nesterov=True),
    st.Adam(0.01),
    st.AdamW(0.01, weight_decay=0.1),
]


@pytest.mark.parametrize("by_points", [False, True], ids=["epochs", "points"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_optimizers_have_the_same_bits_on_any_number_of_threads(dtype, rng, optimizer, by_points):
    problem = network_problem(rng, (128, 300, 10), "squared", dtype, weighted=False)
    settings = {"batch_size": 0 if by_points else 64, "shuffle": not by_points}
    assert_same_bits(
        lambda n: trained(*problem, PLAIN, optimizer, by_points=by_points, n_threads=n, **settings)
    )


@pytest.mark.parametrize("make", ESTIMATORS, ids=IDS)
def test_estimators_have_the_same_bits_on_any_number_of_threads(make, rng):
    X, y = data_for(make(), rng)

    def train(n):
        model = fitted(make(n_threads=n, random_state=0), X, y)
        return model.history_["loss"].tobytes() + model.predict(X).tobytes()

    assert_same_bits(train)


def test_python_threads_with_threads_of_their_own_have_the_same_bits(dtype, rng):
    problem = network_problem(rng, (64, 512, 10), "softmax", dtype, weighted=False)

    def train(n):
        return trained(*problem, MODELS["softmax"], st.Adam(0.01), batch_size=64, n_threads=n)

    assert set(at_once(lambda i: train(2 + i % 2), 6)) == {train(1)}
