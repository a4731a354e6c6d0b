"""Sparse inputs: the same numbers as from the same data dense, to the last bit, and never dense as a whole."""

from __future__ import annotations

import pickle

import numpy as np
import peak_memory
import pytest
import sklearn.linear_model
import sklearn.neural_network
from scipy import sparse

import steepest as st
from steepest import _native

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = 70
FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")


def matrix(rows=ROWS, columns=9, seed=3):
    """Zeros for the most part: with an empty row, an empty column, a full one far from 0, and a constant one."""
    rng = np.random.default_rng(seed)
    density = (
        0.25 if columns < 64 else 0.04
    )  # few enough that the first layer goes over the entries
    X = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < density)
    if columns > 4:
        X[:, 1] = 0
        X[:, 2] = 10 + rng.random(rows)
        X[:, 3] = 0.1
    X[5] = 0
    return X


class Case:
    """An estimator and the kind of its target."""

    def __init__(self, kind, target, columns=9, **parameters):
        self.kind, self.target, self.columns, self.parameters = kind, target, columns, parameters

    def __repr__(self):
        options = "".join(f", {key}={value}" for key, value in self.parameters.items())
        return f"{self.kind.__name__}({self.target}, d={self.columns}{options})"

    def data(self, dtype=np.float64, rows=ROWS):
        X = matrix(rows, self.columns).astype(dtype)
        rng = np.random.default_rng(4)
        signal = (X - X.mean(axis=0)) @ rng.standard_normal((self.columns, 3))
        signal += rng.standard_normal((rows, 3))
        y = {
            "number": lambda: signal[:, 0],
            "numbers": lambda: signal,
            "count": lambda: np.floor(np.abs(signal[:, 0])),
            "two": lambda: (signal[:, 0] > signal[:, 0].mean()).astype(int),
            "classes": lambda: signal.argmax(axis=1),
            "labels": lambda: (signal > 0).astype(int),
            "labels of twenty": lambda: np.arange(rows) % 20,
        }[self.target]()
        return X, y

    def model(self):
        return self.kind(**self.parameters)


def linear(kind, target, columns=9, **parameters):
    return Case(kind, target, columns, **{"max_epochs": 30, "random_state": 0, **parameters})


def mlp(target, columns=9, **parameters):
    kind = st.MLPClassifier if target in ("two", "classes", "labels") else st.MLPRegressor
    settings = {"hidden_layer_sizes": (6,), "max_iter": 4, "batch_size": 16, "random_state": 0}
    return Case(kind, target, columns, **{**settings, **parameters})


CASES = [
    linear(st.LinearRegression, "number"),
    linear(st.LinearRegression, "numbers", batch_size=16),
    linear(st.LinearRegression, "number", columns=40),  # full batches of standardised rows
    linear(st.LinearRegression, "number", columns=40, fit_intercept=False),
    linear(st.LinearRegression, "number", standardize=False, learning_rate=1e-3),
    linear(st.LinearRegression, "numbers", standardize=False, batch_size=16, optimizer=st.Adam()),
    linear(st.LogisticRegression, "two"),
    linear(st.LogisticRegression, "classes", batch_size=16),
    linear(st.LogisticRegression, "classes", standardize=False, fit_intercept=False),
    mlp("number"),
    mlp("numbers", hidden_layer_sizes=(20, 5), activation="tanh", shuffle=False),
    mlp("number", columns=1),  # the smallest networks have a pass of their own
    mlp("number", columns=2, shuffle=False, activation="logistic"),
    mlp("number", columns=256, solver="sgd", shuffle=False),  # rows of whole kilobytes
    mlp("number", hidden_layer_sizes=(), batch_size=30),
    mlp("number", solver="lbfgs"),
    mlp("count", loss="poisson", hidden_layer_sizes=(40,)),
    mlp("number", early_stopping=True),
    mlp("two", early_stopping=True, validation_fraction=0.3),
    mlp("classes"),
    mlp("classes", hidden_layer_sizes=()),
    mlp("labels", solver="lbfgs", activation="identity"),
    # The entries alone: one output, two, few, several panels of them; several parts of the sums over inputs.
    linear(st.LinearRegression, "number", 300, standardize=False, learning_rate=1e-3),
    linear(st.LinearRegression, "numbers", 300, standardize=False, batch_size=16, alpha=0.1),
    linear(st.LinearRegression, "number", 300, batch_size=16, fit_intercept=False),
    linear(st.LogisticRegression, "two", 64, standardize=False, fit_intercept=False),
    linear(st.LogisticRegression, "classes", 300, standardize=False, batch_size=16),
    mlp("number", 300, hidden_layer_sizes=()),
    mlp("numbers", 300, hidden_layer_sizes=(2,), shuffle=False, activation="logistic"),
    mlp("classes", 300, hidden_layer_sizes=(5,), activation="tanh"),
    mlp("two", 600, hidden_layer_sizes=(20,), solver="sgd", early_stopping=True),
    mlp("labels", 300, hidden_layer_sizes=(70,), activation="logistic", alpha=0.1),
    mlp("number", 300, hidden_layer_sizes=(40,), solver="lbfgs", activation="identity"),
]


@pytest.fixture(params=CASES, ids=repr)
def case(request):
    return request.param


def bits_of(model, X):
    """Everything that a fit found, and what it predicts, as bytes."""
    found = {name: value for name, value in vars(model).items() if name.endswith("_")}
    found["history_"] = {k: v for k, v in found["history_"].items() if k != "seconds"}
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(model, method):
            found[method] = getattr(model, method)(X)
    return {name: pickle.dumps(value) for name, value in found.items()}


# ---------------------------------------------------------------- the same numbers


def test_the_bits_of_dense_inputs(isa, dtype, case):
    X, y = case.data(dtype)
    rows = sparse.csr_array(X)
    dense, model = case.model().fit(X, y), case.model().fit(rows, y)
    assert bits_of(model, rows) == bits_of(dense, X) == bits_of(model, X)
    assert model.score(rows, y) == dense.score(X, y)


@pytest.mark.parametrize("width", [0, 2, 5, 70])
def test_the_bits_of_batches_of_several_blocks(isa, dtype, width):
    case = mlp("number", 300, hidden_layer_sizes=(width,) if width else (), batch_size=600)
    X, y = case.data(dtype, rows=1300)
    model = case.model().fit(sparse.csr_array(X), y)
    assert bits_of(model, X) == bits_of(case.model().fit(X, y), X)


MANY = [
    linear(st.LinearRegression, "number", 4200, standardize=False, learning_rate=1e-3),
    linear(st.LinearRegression, "numbers", 4200, standardize=False, learning_rate=1e-3),
    linear(st.LogisticRegression, "two", 4200, standardize=False, optimizer=st.SGD(0.1)),
    linear(st.LogisticRegression, "labels of twenty", 4200, standardize=False, alpha=0.0),
    mlp("numbers", 4200, hidden_layer_sizes=(5,), solver="sgd", alpha=0.0, momentum=0.0),
    mlp("number", 4200, hidden_layer_sizes=(), solver="sgd", alpha=0.0, momentum=0.0),
]


@pytest.mark.parametrize("case", MANY, ids=repr)
@pytest.mark.parametrize("batch_size", [1, 2, 7, 60])
def test_steps_that_visit_only_parameters_with_entries(isa, dtype, case, batch_size):
    """Without penalty and momentum the others stay where they are; small batches leave them alone."""
    X, y = case.data(dtype)
    X[np.random.default_rng(1).random(X.shape) < 0.8] = 0
    found = []
    for given in (X, sparse.csr_array(X)):
        model = case.model().set_params(batch_size=batch_size)
        model.set_params(**{"max_epochs" if hasattr(model, "max_epochs") else "max_iter": 3})
        found.append(bits_of(model.fit(given, y), X))
    assert found[0] == found[1]


CENTRED = [
    linear(st.LinearRegression, "number", 300),
    linear(st.LinearRegression, "numbers", 300, batch_size=16),
    linear(st.LogisticRegression, "two", 300),
    linear(st.LogisticRegression, "classes", 300, batch_size=16),
    linear(st.LogisticRegression, "labels of twenty", 300),
]


@pytest.mark.parametrize("case", CENTRED, ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
def test_columns_of_few_entries_are_centred_without_being_filled(isa, dtype, case, weighted):
    """X W = (X - 1 a^T) W + 1 (a^T W) rounds differently, and no more."""
    X, y = case.data(dtype, rows=300)
    weights = np.random.default_rng(1).random(300).astype(dtype) if weighted else None
    dense = case.model().fit(X, y, weights)
    model = case.model().fit(sparse.csr_array(X), y, weights)
    bound = (
        2e4 * np.finfo(dtype).eps
    )  # 30 epochs, each of which multiplies what came before by no more than 1
    assert_near(model.coef_, dense.coef_, bound)
    assert_near(model.loss_curve_, dense.loss_curve_, bound)
    assert_near(model.predict(sparse.csr_array(X)), dense.predict(X), bound)


def assert_near(actual, desired, bound):
    np.testing.assert_allclose(actual, desired, rtol=0, atol=bound * np.abs(desired).max())


def test_weights_and_validation_data(dtype, case):
    X, y = case.data(dtype)
    weights = np.random.default_rng(1).random(ROWS).astype(dtype)
    fit, held = slice(0, 50), slice(50, ROWS)
    given = {}
    if case.parameters.get("solver") != "lbfgs":
        given["validation_data"] = (X[held], y[held], weights[held])
    dense = case.model().fit(X[fit], y[fit], sample_weight=weights[fit], **given)
    if given:
        given["validation_data"] = (sparse.csc_array(X[held]), *given["validation_data"][1:])
    rows = sparse.csc_array(X)
    model = case.model().fit(rows[fit], y[fit], sample_weight=weights[fit], **given)
    assert bits_of(model, rows) == bits_of(dense, X)


def test_partial_fit(dtype, case):
    dense, model = case.model(), case.model()
    if not hasattr(model, "partial_fit") or case.parameters.get("early_stopping"):
        with pytest.raises((AttributeError, ValueError), match=r"partial_fit"):
            model.partial_fit(*case.data())
        return
    X, y = case.data(dtype)
    classes = {"classes": np.unique(y)} if case.target in ("two", "classes") else {}
    if case.target == "labels":
        classes = {"classes": np.arange(3)}
    for part in (slice(0, 30), slice(30, ROWS)):
        dense.partial_fit(X[part], y[part], **classes)
        model.partial_fit(sparse.csr_array(X[part]), y[part], **classes)
    assert bits_of(model, sparse.csr_array(X)) == bits_of(dense, X)


def test_warm_start_between_dense_and_sparse(case):
    X, y = case.data()
    if "warm_start" not in case.model().get_params():
        return
    first, second = (case.model().set_params(warm_start=True) for _ in range(2))
    first.fit(X, y).fit(X, y)
    second.fit(sparse.csr_array(X), y).fit(X, y)
    assert bits_of(first, X) == bits_of(second, X)


@pytest.mark.parametrize("container", ["array", "matrix"])
@pytest.mark.parametrize("name", FORMATS)
def test_formats(name, container):
    case = mlp("classes")
    X, y = case.data()
    given = getattr(sparse, f"{name}_{container}")(X)
    model = case.model().fit(given, y)
    assert bits_of(model, given) == bits_of(case.model().fit(X, y), X)


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint16, np.bool_, ">f8", ">f4"])
def test_types_of_entries(kind):
    case = mlp("classes")
    X, y = case.data()
    X = np.minimum(np.round(np.abs(X)), 100).astype(kind)
    given = sparse.csr_array(X.astype(float))
    given.data = given.data.astype(kind)
    assert bits_of(case.model().fit(given, y), given) == bits_of(case.model().fit(X, y), X)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_types_of_indices(case, index, container):
    X, y = case.data()
    given = container(X)
    given.indices, given.indptr = given.indices.astype(index), given.indptr.astype(index)
    assert bits_of(case.model().fit(given, y), given) == bits_of(case.model().fit(X, y), X)


def core_parts(X, index=np.int32):
    rows = sparse.csr_array(X)
    return (
        rows.data,
        rows.indices.astype(index),
        rows.indptr.astype(index),
        np.zeros(X.shape[1], X.dtype),
    )


def test_the_core_reads_wide_indices(isa, dtype):
    """SciPy narrows them where they fit, so that estimators seldom pass them on."""
    X = matrix().astype(dtype)
    W, b = np.random.default_rng(0).standard_normal((9, 4)).astype(dtype), np.ones(4, dtype)
    wanted = _native.core.network_answer([W], [b], X, "identity", "output", 1)
    for index in (np.int32, np.int64):
        parts = core_parts(X, index)
        got = _native.core.network_answer([W], [b], parts, "identity", "output", 1)
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("change", ["kind", "lengths", "starts", "columns", "first"])
def test_the_core_takes_only_parts_that_fit(change):
    X = matrix()
    values, columns, starts, absent = core_parts(X)
    bad = {
        "kind": (values, columns.astype(np.int16), starts, absent),
        "lengths": (values[:-1], columns, starts, absent),
        "starts": (values, columns, starts[:-1], absent),
        "columns": (values, columns, starts, absent[:-1]),
        "first": (values, columns, starts[1:], absent),
    }[change]
    W, b = np.ones((9, 4)), np.ones(4)
    output = _native.core.network_answer([W], [b], bad, "identity", "output", 1)
    assert output is NotImplemented


# ---------------------------------------------------------------- odd but good


def shuffled(X, rng):
    """The same CSR matrix with the entries of each row in another order."""
    order = np.concatenate(
        [a + rng.permutation(b - a) for a, b in zip(X.indptr, X.indptr[1:], strict=False)]
    )
    return type(X)((X.data[order], X.indices[order], X.indptr), shape=X.shape)


def arrays_of(X):
    return [part.copy() for part in (X.data, X.indices, X.indptr)]


def test_unsorted_indices(case):
    X, y = case.data()
    given = shuffled(sparse.csr_array(X), np.random.default_rng(0))
    assert case.columns < 9 or not given.has_sorted_indices
    before = arrays_of(given)
    assert bits_of(case.model().fit(given, y), given) == bits_of(case.model().fit(X, y), X)
    for a, b in zip(arrays_of(given), before, strict=True):
        np.testing.assert_array_equal(a, b)


def with_duplicates(X):
    """Each entry x as x/4 and 3x/4, the parts apart: exact when x is a multiple of 4 ulp, as here."""
    once = sparse.csr_array(X)
    data, indices = (
        np.concatenate([[first[e], last[e]] for e in range(once.nnz)])
        for first, last in ((once.data / 4, 3 * once.data / 4), (once.indices, once.indices))
    )
    return shuffled(
        sparse.csr_array((data, indices, 2 * once.indptr), shape=X.shape), np.random.default_rng(0)
    )


@pytest.mark.parametrize("to", ["csr", "csc", "coo"])
def test_entries_that_occur_twice_are_added(case, to):
    X, y = case.data()
    X = X.astype(np.float32).astype(np.float64)
    given = with_duplicates(X)
    given = given if to == "csr" else given.tocoo() if to == "coo" else csc_of(given)
    before = arrays_of(given) if to != "coo" else [given.data.copy()]
    assert given.nnz == 2 * np.count_nonzero(X)
    assert bits_of(case.model().fit(given, y), given) == bits_of(case.model().fit(X, y), X)
    after = arrays_of(given) if to != "coo" else [given.data.copy()]
    for a, b in zip(after, before, strict=True):
        np.testing.assert_array_equal(a, b)


def csc_of(X):
    """CSC with the duplicates kept, which SciPy's conversion does too."""
    columns = X.tocsc()
    assert columns.nnz == X.nnz
    return columns


def test_duplicates_that_the_matrix_believes_it_has_not():
    """SciPy remembers that entries are sorted and unique; who writes to the arrays makes that wrong."""
    X = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0], [5.0, 0.0, 6.0]])
    given = sparse.csr_array(X)
    assert given.has_canonical_format
    given.indices[1] = 0  # row 0: column 0 twice
    X[0] = [3, 0, 0]
    y = np.arange(3.0)
    settings = {"max_epochs": 5}
    model = st.LinearRegression(**settings).fit(given, y)
    assert bits_of(model, X) == bits_of(st.LinearRegression(**settings).fit(X, y), X)


def test_explicit_zeros(case):
    X, y = case.data()
    given = sparse.csr_array(np.where(X == 0, 7.0, X))
    given.data[given.data == 7.0] = 0
    assert given.nnz == X.size
    assert bits_of(case.model().fit(given, y), given) == bits_of(case.model().fit(X, y), X)


def test_no_entry_at_all(case):
    X, y = case.data()
    X = np.zeros_like(X)
    given = sparse.csr_array(X)
    assert bits_of(case.model().fit(given, y), given) == bits_of(case.model().fit(X, y), X)


def test_room_behind_the_last_entry_and_arrays_that_are_read_only():
    case = mlp("classes")
    X, y = case.data()
    given = sparse.csr_array(X)
    given.data = np.concatenate([given.data, [np.nan] * 3])
    given.indices = np.concatenate([given.indices, [10**6, -1, 0]]).astype(np.int32)
    for part in (given.data, given.indices, given.indptr):
        part.flags.writeable = False
    assert bits_of(case.model().fit(given, y), X) == bits_of(case.model().fit(X, y), X)


def test_a_frame_of_sparse_columns():
    pd = pytest.importorskip("pandas")
    case = mlp("classes")
    X, y = case.data()
    frame = pd.DataFrame.sparse.from_spmatrix(
        sparse.csr_matrix(X), columns=[f"x{j}" for j in range(X.shape[1])]
    )
    model = case.model().fit(frame, y)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    np.testing.assert_array_equal(model.predict(frame), case.model().fit(X, y).predict(X))
    X[7, 2] = np.nan
    bad = pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(X), columns=frame.columns)
    for call in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match=r"row 7, column 2 is nan"):
            call(bad)


def test_threads_do_not_change_the_bits():
    case = mlp("classes", columns=300, hidden_layer_sizes=(64,), batch_size=200)
    X, y = case.data(rows=400)
    given = sparse.csr_array(X)
    one, two = (case.model().set_params(n_threads=n).fit(given, y) for n in (1, 2))
    assert bits_of(one, given) == bits_of(two, given)
    standardised = [
        st.LinearRegression(max_epochs=5, n_threads=n).fit(given, y.astype(float)) for n in (1, 2)
    ]
    assert bits_of(standardised[0], given) == bits_of(standardised[1], given)


@pytest.mark.parametrize("target", ["number", "numbers", "classes"])
@pytest.mark.parametrize("batch_size", [1, 200])
def test_threads_share_the_columns_of_few_outputs(isa, target, batch_size):
    rng = np.random.default_rng(0)
    columns = np.arange(70) * 1000 + rng.integers(0, 1000, (400, 70))
    entries = rng.standard_normal(columns.size)
    X = sparse.csr_array((entries, columns.ravel(), np.arange(401) * 70), shape=(400, 70_000))
    y = {
        "number": rng.standard_normal(400),
        "numbers": rng.standard_normal((400, 2)),
        "classes": rng.integers(0, 5, 400),
    }[target]
    kind = st.LinearRegression if y.dtype == float else st.LogisticRegression
    settings = {"standardize": False, "alpha": 0.0, "optimizer": st.SGD(0.01), "max_epochs": 2}
    settings |= {"batch_size": batch_size, "random_state": 0}
    one, three = (kind(n_threads=n, **settings).fit(X, y) for n in (1, 3))
    assert bits_of(one, X) == bits_of(three, X)


# ---------------------------------------------------------------- other people's numbers


@pytest.mark.parametrize("target", ["number", "numbers", "two", "classes", "labels"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_networks_of_scikit_learn(target, solver):
    settings = {"solver": solver, "shuffle": False, "max_iter": 40, "n_iter_no_change": 100}
    if target == "numbers":
        settings["alpha"] = 0.0  # the penalty is not divided by the outputs
    case = mlp(target, activation="tanh", **settings)
    X, y = case.data()
    X[:, 2] -= 10
    given = sparse.csr_matrix(X)
    theirs = getattr(sklearn.neural_network, case.kind.__name__)(**case.parameters).fit(given, y)
    ours = case.model().fit(given, y)
    outputs = 3 if target == "numbers" else 1  # scikit-learn reports the mean over them
    np.testing.assert_allclose(ours.loss_curve_, outputs * np.array(theirs.loss_curve_), rtol=1e-10)
    np.testing.assert_allclose(ours.predict(given), theirs.predict(given), rtol=1e-8, atol=1e-8)
    if hasattr(theirs, "predict_proba"):
        np.testing.assert_allclose(
            ours.predict_proba(given), theirs.predict_proba(given), rtol=1e-8, atol=1e-8
        )


def test_least_squares_of_scikit_learn():
    X, y = linear(st.LinearRegression, "numbers").data(rows=200)
    X[:, 3] = 0  # Ridge centres the constant column to rounding errors
    ours = st.LinearRegression().fit(sparse.csr_array(X), y)
    theirs = sklearn.linear_model.LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("target", ["two", "classes"])
def test_logistic_regression_of_scikit_learn(target):
    X, y = linear(st.LogisticRegression, target).data(rows=200)
    X[:, 2] -= 10
    given = sparse.csr_matrix(X)
    alpha = 0.05
    settings = {"standardize": False, "alpha": alpha, "tol": 1e-10, "max_epochs": 20_000}
    ours = st.LogisticRegression(**settings).fit(given, y)
    theirs = sklearn.linear_model.LogisticRegression(
        C=1 / (alpha * len(y)), tol=1e-10, max_iter=10_000
    ).fit(given, y)
    np.testing.assert_allclose(
        ours.predict_proba(given), theirs.predict_proba(given), rtol=1e-6, atol=1e-8
    )


# ---------------------------------------------------------------- bad


def broken(name):
    """A matrix whose arrays someone has changed, and what is said about it."""
    form, change, message = {
        "column too large": (
            "csr",
            ("indices", 4, 9),
            r"indices in 0 \.\.\. 8, but has 0 \.\.\. 9",
        ),
        "column far too large": ("csr", ("indices", 4, 2**31 - 1), r"in 0 \.\.\. 8"),
        "negative column": ("csr", ("indices", 4, -1), r"in 0 \.\.\. 8, but has -1"),
        "row too large": ("csc", ("indices", 4, ROWS), r"in 0 \.\.\. 69, but has 0 \.\.\. 70"),
        "decreasing": ("csr", ("indptr", 3, 10**6), r"never decreases"),
        "negative start": ("csr", ("indptr", 3, -5), r"never decreases"),
        "late start": ("csr", ("indptr", 0, 1), r"begins with 0"),
        "too many": ("csr", ("indptr", ROWS, 10**6), r"indptr ends with 1000000"),
        "decreasing columns": ("csc", ("indptr", 3, 10**6), r"never decreases"),
        "block": ("bsr", ("indices", 0, 77), r"its BSR form"),
        "coo row": ("coo", ("row", 4, ROWS), r"row indices in 0 \.\.\. 69"),
        "coo column": ("coo", ("col", 4, -3), r"col indices in 0 \.\.\. 8"),
    }[name]
    X = sparse.csr_array(matrix()).asformat(form)
    part, at, value = change
    getattr(X, part)[at] = value
    return X, message


BROKEN = [
    *("column too large", "column far too large", "negative column", "row too large", "decreasing"),
    *("negative start", "late start", "too many", "decreasing columns", "block"),
    *("coo row", "coo column"),
]
ONE_OF_EACH = [
    linear(st.LinearRegression, "number"),
    linear(st.LogisticRegression, "two"),
    mlp("number"),
    mlp("classes"),
]


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("case", ONE_OF_EACH, ids=repr)
def test_broken_structure(case, name):
    X, y = case.data()
    bad, message = broken(name)
    model = case.model()
    with pytest.raises(ValueError, match=message):
        model.fit(bad, y)
    assert not hasattr(model, "n_features_in_")
    model.fit(X, y)
    before = bits_of(model, X)
    calls = [lambda: model.fit(bad, y), lambda: model.predict(bad), lambda: model.score(bad, y)]
    if hasattr(model, "partial_fit"):
        calls.append(lambda: model.partial_fit(bad, y))
    calls.append(lambda: model.fit(X, y, validation_data=(bad, y)))
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()
    assert bits_of(model, X) == before


def test_broken_structure_without_entries():
    """SciPy's own check passes over such an indptr."""
    X = sparse.csr_array((3, 2))
    X.indptr[1] = 1000
    with pytest.raises(ValueError, match=r"never decreases"):
        st.LinearRegression().fit(X, np.arange(3.0))


@pytest.mark.parametrize("part", ["data", "indices", "indptr"])
def test_arrays_of_another_length(part):
    case = mlp("number")
    X, y = case.data()
    bad = sparse.csr_array(X)
    setattr(bad, part, getattr(bad, part)[:-2])
    with pytest.raises(ValueError, match=r"not a valid sparse matrix"):
        case.model().fit(bad, y)


def changed(name):
    """A matrix in one of the other formats, which SciPy's conversions would follow out of memory."""
    form, change, message = {
        "list of a far column": ("lil", lambda X: X.rows[3].__setitem__(0, 10**6), r"1000000"),
        "list of a negative column": ("lil", lambda X: X.rows[3].__setitem__(0, -5), r"has -5"),
        "list that is too long": ("lil", lambda X: X.data[3].extend([1.0] * 9), r"in row 3"),
        "list of text": ("lil", lambda X: X.rows[3].__setitem__(0, "a"), r"integers in rows"),
        "no list": ("lil", lambda X: X.data.__setitem__(3, None), r"needs lists"),
        "too few lists": ("lil", lambda X: setattr(X, "rows", X.rows[:5]), r"needs 70 lists"),
        "diagonals without offsets": (
            "dia",
            lambda X: setattr(X, "offsets", X.offsets[:3]),
            r"\(3,\)",
        ),
        "offsets without diagonals": ("dia", lambda X: setattr(X, "data", X.data[:2]), r"\(2, 9\)"),
        "offsets of floats": (
            "dia",
            lambda X: setattr(X, "offsets", X.offsets + 0.5),
            r"float64",
        ),
        "empty blocks": ("bsr", lambda X: setattr(X, "data", X.data[:, :, :0]), r"of shape"),
        "no blocks": ("bsr", lambda X: setattr(X, "data", X.data[:, 0]), r"of shape"),
        "no array": ("csr", lambda X: setattr(X, "data", list(X.data)), r"array for data"),
        "entries in a table": ("csr", lambda X: setattr(X, "data", X.data[:, None]), r"of shape"),
    }[name]
    X = sparse.csr_array(matrix()).asformat(form)
    if form == "lil":
        X[3, 4] = 1.0
    change(X)
    return X, message


CHANGED = [
    *("list of a far column", "list of a negative column", "list that is too long", "list of text"),
    *("no list", "too few lists", "diagonals without offsets", "offsets without diagonals"),
    *("offsets of floats", "empty blocks", "no blocks", "entries in a table", "no array"),
]


@pytest.mark.parametrize("name", CHANGED)
def test_broken_structure_of_other_formats(name):
    case = mlp("number")
    X, y = case.data()
    bad, message = changed(name)
    model = case.model().fit(X, y)
    for call in (case.model().fit, model.score):
        with pytest.raises(ValueError, match=rf"X is not a valid sparse matrix: .*({message})"):
            call(bad, y)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("to", ["csr", "csc", "coo"])
def test_entries_that_are_not_finite(case, bad, to):
    X, y = case.data()
    X[11, -1] = bad
    model = case.model()
    for call in (model.fit, case.model().fit(*case.data()).score):
        with pytest.raises(ValueError, match=rf"X must be finite, but row 11, column .* is {bad};"):
            call(sparse.csr_array(X).asformat(to), y)
    X[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"row 3, column 0 is nan \(2 such entries in all\)"):
        model.fit(sparse.csr_array(X).asformat(to), y)


def test_entries_whose_sum_is_too_large():
    X = sparse.csr_array(([1e308, 1e308, 1.0], [1, 1, 0], [0, 2, 3]), shape=(2, 2))
    with pytest.raises(ValueError, match=r"row 0, column 1 is inf"):
        st.LinearRegression().fit(X, [0.0, 1.0])


def test_what_fits_nothing(case):
    X, y = case.data()
    rows = sparse.csr_array(X)
    model = case.model().fit(rows, y)
    wider = sparse.hstack([rows, rows]).tocsr()
    with pytest.raises(ValueError, match=rf"{2 * X.shape[1]} features"):
        model.predict(wider)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        model.fit(rows[:-1], y)
    with pytest.raises(ValueError, match=r"0 sample"):
        model.fit(rows[:0], y[:0])
    with pytest.raises(ValueError, match=r"[Cc]omplex"):
        model.fit(rows * 1j, y)


def test_hold_out_of_rows():
    """Rows that early stopping divides are those of the dense matrix: numbers of entries differ."""
    from steepest.estimators.sparse import sparse_rows

    X = matrix()
    rows = np.random.default_rng(0).permutation(ROWS)[:30]
    part = sparse_rows(sparse.csr_array(X))[rows]
    again = sparse.csr_array((part.values, part.columns, part.starts), shape=part.shape)
    np.testing.assert_array_equal(again.toarray(), X[rows])


# ---------------------------------------------------------------- many features


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_largest_curvature(isa, intercept, weighted):
    from steepest.estimators.quadratic import largest_curvature
    from steepest.estimators.sparse import sparse_rows

    X = matrix()
    X[:, 2] -= 10
    weights = np.random.default_rng(0).random(ROWS)
    weights *= ROWS / weights.sum()
    A = np.concatenate([np.ones((ROWS, 1)), X], axis=1) if intercept else X
    s = weights if weighted else np.ones(ROWS)
    wanted = np.linalg.eigvalsh(A.T @ (s[:, None] * A) / ROWS)[-1]
    given = weights if weighted else None
    found = largest_curvature(X, given, intercept)
    assert wanted * 0.95 < found <= wanted * (1 + 1e-12)
    assert found == largest_curvature(sparse_rows(sparse.csr_array(X)), given, intercept)


@pytest.mark.parametrize("weighted", [True, False])
def test_statistics_of_columns(isa, dtype, weighted):
    """Sums and squares skip absent entries, which would add nothing: the bits are those of the dense columns."""
    X = matrix(rows=1300, columns=70).astype(dtype)
    y = np.random.default_rng(1).standard_normal((len(X), 2)).astype(dtype)
    weights = np.random.default_rng(2).random(len(X)).astype(dtype) if weighted else None
    dense, rows = (
        _native.core.linear_moments((given, y, weights), False, 2) for given in (X, core_parts(X))
    )
    for about_mean in (True, False):
        wanted = dense.column_statistics(about_mean)
        np.testing.assert_array_equal(rows.column_statistics(about_mean), wanted)
    if not weighted:
        entries = X.astype(np.float64)
        np.testing.assert_allclose(wanted[0, :70], entries.mean(axis=0), atol=1e-14)
        np.testing.assert_allclose(wanted[1, :70] ** 2, (entries**2).mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("kind", [st.LinearRegression, st.LogisticRegression])
def test_an_automatic_rate_for_many_features(kind):
    """No Hessian of (features, features) is made; the loss falls, and sparse and dense inputs agree."""
    rng = np.random.default_rng(0)
    columns = np.arange(50) * 100 + rng.integers(0, 100, (150, 50))
    entries = rng.random(columns.size)
    rows = sparse.csr_array((entries, columns.ravel(), np.arange(151) * 50), shape=(150, 5000))
    y = rows[:, :50].sum(axis=1)
    y = y if kind is st.LinearRegression else (y > np.median(y)).astype(int)
    model = kind(max_epochs=40).fit(rows, y)
    assert model.status_ == "max_epochs"
    assert model.loss_curve_[-1] < 0.3 * model.loss_curve_[0]
    dense = kind(max_epochs=40).fit(rows.toarray(), y)
    assert_near(model.coef_, dense.coef_, 1e-9)
    step = kind().partial_fit(
        rows, y, **({} if kind is st.LinearRegression else {"classes": [0, 1]})
    )
    assert np.isfinite(step.loss_)


# ---------------------------------------------------------------- memory

PROGRAM = """
import json, sys, warnings

import numpy as np
import steepest as st
from peak_memory import peak_above
from scipy import sparse

warnings.simplefilter("ignore")


rng = np.random.default_rng(0)
shape = 100_000, 50_000
columns = np.arange(5) * 10_000 + rng.integers(0, 10_000, (shape[0], 5))
entries = rng.random(columns.size)
X = sparse.csr_array((entries, columns.ravel(), np.arange(shape[0] + 1) * 5), shape=shape)
X = X.asformat(sys.argv[1])
y = rng.random(shape[0])
two = (y > 0.5).astype(int)
few = {"hidden_layer_sizes": (2,), "max_iter": 1, "batch_size": 100, "random_state": 0}
one = {"max_epochs": 1}
models = {
    "MLPRegressor": (st.MLPRegressor(early_stopping=True, **few), y),
    "MLPClassifier": (st.MLPClassifier(**few), two),
    "LinearRegression": (st.LinearRegression(**one), y),
    "LogisticRegression": (st.LogisticRegression(**one), two),
    "SGD": (st.LogisticRegression(batch_size=100, **one), two),
}
part = X.tocsr()[:200]
found = {}
for name, (model, target) in models.items():
    model.fit(part, target[:200])  # imports what it needs
    found[name + ".fit"] = peak_above(lambda: model.fit(X, target)) / 1e6
    found[name + ".predict"] = peak_above(lambda: model.predict(X)) / 1e6
print(json.dumps(found))
"""


@pytest.mark.skipif(not peak_memory.CAN_MEASURE, reason="peak_memory says why")
@pytest.mark.parametrize("name", ["csr", "csc"])
def test_the_matrix_is_never_dense(name):
    """Its dense form would take 40 000 MB, its entries take 6, and 200 rows of it that were dense 80."""
    for what, megabytes in peak_memory.run(PROGRAM, name).items():
        assert megabytes < 70, (what, megabytes)
