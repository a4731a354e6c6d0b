"""What fitted models say of new rows: the core's answers against SciPy, NumPy, the reference and scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.special
import sklearn.neural_network
from scipy import sparse
from tolerances import assert_close, in_float64

import steepest as st
from steepest import _native
from steepest import reference as ref
from steepest.estimators.labels import distinct, positions

# Widths with outputs in either layout, one output and several; rows that are whole blocks, and rows that aren't.
NETWORKS = ((5, 3), (5, 1), (1, 16, 1), (7, 20, 2), (64, 100, 10), (3, 33, 17), (4, 9, 8, 1))
ROWS = (0, 1, 8, 251, 253, 600)
PROBABILITIES = {
    "exponential": np.exp,
    "logistic": scipy.special.expit,
    "softmax": lambda z: scipy.special.softmax(z, axis=1),
    "log_softmax": lambda z: scipy.special.log_softmax(z, axis=1),
    "two_classes": lambda z: scipy.special.expit(np.hstack([-z, z])),
    "log_two_classes": lambda z: scipy.special.log_expit(np.hstack([-z, z])),
}
LABELS = {
    "int64": np.array([3, -1, 7]),
    "int8": np.array([3, -1, 7], np.int8),
    "float": np.array([1.0, 2.0, 5.0]),
    "text": np.array(["maybe", "no", "of course"]),
    "bytes": np.array([b"a", b"bcd", b"ef"]),
    "object": np.array(["maybe", "no", "of course"], object),
}


def network(rng, widths, dtype):
    shapes = list(pairwise(widths))
    weights = [(rng.standard_normal(s) / np.sqrt(s[0])).astype(dtype) for s in shapes]
    return weights, [rng.standard_normal(n_out).astype(dtype) for _, n_out in shapes]


@pytest.mark.parametrize("widths", NETWORKS)
@pytest.mark.parametrize("n", ROWS)
def test_the_output_is_the_networks(isa, dtype, rng, widths, n):
    weights, biases = network(rng, widths, dtype)
    X = rng.standard_normal((n, widths[0])).astype(dtype)
    layers = _native.core.network_forward(weights, biases, X, "relu", "identity")
    found = _native.core.network_answer(weights, biases, X, "relu", "output", 1)
    np.testing.assert_array_equal(found, layers[-1])
    assert found.dtype == dtype
    integers = X.astype(np.int64)
    unread = _native.core.network_answer(weights, biases, integers, "relu", "output", 1)
    assert unread is NotImplemented
    entries = sparse.csr_array(X)
    parts = entries.data, entries.indices, entries.indptr, np.zeros(widths[0], dtype)
    same = _native.core.network_answer(weights, biases, parts, "relu", "output", 1)
    np.testing.assert_array_equal(same, found)


@pytest.mark.parametrize(
    ("answer", "outputs"),
    [
        (answer, outputs)
        for answer in PROBABILITIES
        for outputs in (1, 2, 3, 10, 17)
        if outputs == 1 or not answer.endswith("two_classes")
    ],
)
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_answers_are_scipys_of_the_same_output(isa, dtype, rng, answer, outputs, size):
    weights, biases = network(rng, (6, outputs), dtype)
    X = (size * rng.standard_normal((261, 6))).astype(dtype)
    z = in_float64(_native.core.network_answer(weights, biases, X, "relu", "output", 1))
    found = _native.core.network_answer(weights, biases, X, "relu", answer, 1)
    with np.errstate(over="ignore"):
        wanted = PROBABILITIES[answer](z).astype(dtype)  # beyond the largest float it is infinite
    assert found.dtype == dtype
    # z - max is rounded: an error relative to z, of the logarithm of a probability.
    scale = np.abs(z).max() * (1.0 if answer.startswith("log_") else np.abs(wanted))
    if answer == "exponential":
        scale = None
    assert_close(found, wanted, dtype, "transcendental", scale=scale)
    identity = [np.eye(outputs)], [np.zeros(outputs)]
    with np.errstate(over="ignore"):
        twin = ref.network_answer(*identity, z, "relu", answer).astype(dtype)
    assert_close(found, twin, dtype, "transcendental", scale=scale)


def test_no_logit_is_too_large(isa, dtype):
    """Probabilities are exact at the ends, and their logarithms finite where they underflow."""
    X = np.array([[-1e4], [-200.0], [0.0], [200.0], [1e4]], dtype)
    one = [np.ones((1, 1), dtype)], [np.zeros(1, dtype)]
    both = _native.core.network_answer(*one, X, "relu", "two_classes", 1)
    np.testing.assert_array_equal(both[[0, 2, 4]], [[1, 0], [0.5, 0.5], [0, 1]])
    logarithms = _native.core.network_answer(*one, X, "relu", "log_two_classes", 1)
    np.testing.assert_array_equal(logarithms[[0, 4]], [[0, -1e4], [-1e4, 0]])
    two = [np.array([[1, -1]], dtype)], [np.zeros(2, dtype)]
    logarithms = _native.core.network_answer(*two, X, "relu", "log_softmax", 1)
    np.testing.assert_array_equal(logarithms[[0, 4]], [[-2e4, 0], [0, -2e4]])


@pytest.mark.parametrize("widths", NETWORKS)
@pytest.mark.parametrize("kind", ["int64", "int8", "text", "bytes", "float"])
def test_classes_are_those_of_the_largest_output(isa, dtype, rng, widths, kind):
    weights, biases = network(rng, widths, dtype)
    X = rng.standard_normal((523, widths[0])).astype(dtype)
    labels = np.resize(LABELS[kind], max(2, widths[-1]))
    found = _native.core.network_classes(weights, biases, X, "relu", labels, 1)
    z = _native.core.network_answer(weights, biases, X, "relu", "output", 1)
    wanted = z.argmax(axis=1) if z.shape[1] > 1 else (z[:, 0] > 0).astype(int)
    np.testing.assert_array_equal(found, labels[wanted])
    assert found.dtype == labels.dtype


@pytest.mark.parametrize(
    "z",
    [
        [1.0, 1.0, 1.0],
        [0.0, 2.0, 2.0],
        [-0.0, 0.0, -1.0],
        [1.0, np.nan, 2.0, np.nan],
        [np.nan, 3.0],
        [-np.inf, -np.inf],
        [np.inf, 1.0, np.inf],
    ],
)
def test_ties_and_missing_numbers_are_numpys(isa, dtype, z):
    biases = [np.array(z, dtype)]
    weights = [np.zeros((2, len(z)), dtype)]
    X = np.ones((3, 2), dtype)
    found = _native.core.network_classes(weights, biases, X, "relu", np.arange(len(z)), 1)
    np.testing.assert_array_equal(found, np.argmax(z))


@pytest.mark.parametrize("answer", ["output", "softmax"])
def test_threads_change_no_bit(isa, rng, answer):
    weights, biases = network(rng, (64, 100, 10), np.float64)
    X = rng.standard_normal((3000, 64))  # enough work to be shared
    alone, shared = (
        _native.core.network_answer(weights, biases, X, "tanh", answer, n) for n in (1, 3)
    )
    np.testing.assert_array_equal(shared, alone)
    X[2999, 63] = np.inf
    assert _native.core.network_answer(weights, biases, X, "tanh", answer, 3) is None
    assert _native.core.network_classes(weights, biases, X, "tanh", np.arange(10), 3) is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [k for k in LABELS if k != "bytes"])  # which scikit-learn refuses
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifiers_say_what_scikit_learns_says(isa, rng, kind, n_classes):
    X = rng.standard_normal((300, 4))
    y = LABELS[kind][np.digitize(X[:, 0], [0.0, 0.7][: n_classes - 1])]
    ours, theirs = (
        library.MLPClassifier((8,), max_iter=3, random_state=0).fit(X, y)
        for library in (st, sklearn.neural_network)
    )
    rows = rng.standard_normal((700, 4))
    found, wanted = ours.predict(rows), theirs.predict(rows)
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == ours.classes_.dtype
    np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), rtol=1e-8)
    np.testing.assert_allclose(
        ours.predict_log_proba(rows), theirs.predict_log_proba(rows), rtol=1e-8, atol=1e-10
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("model", [st.MLPClassifier((4,), max_iter=2), st.LogisticRegression()])
def test_bad_rows_are_named(isa, rng, model, method):
    X = rng.standard_normal((40, 3))
    model.fit(X, X[:, 0] > 0)
    bad = rng.standard_normal((600, 3))
    bad[517, 2] = np.nan
    with pytest.raises(ValueError, match="X must be finite, but row 517, column 2 is nan"):
        getattr(model, method)(bad)
    with pytest.raises(ValueError, match="X must be finite, but row 517, column 2 is nan"):
        getattr(model, method)(sparse.csr_array(bad))
    assert len(getattr(model, method)(bad[:517])) == 517


def test_reference_names_the_class(rng):
    weights, biases = network(rng, (4, 5, 3), np.float64)
    X = rng.standard_normal((20, 4))
    z, _ = ref.relu_network_forward(weights, biases, X)
    labels = np.array(list("abc"))
    found = ref.network_classes(weights, biases, X, "relu", labels)
    np.testing.assert_array_equal(found, labels[z.argmax(axis=1)])


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int64", "uint64", "float64", "U1"])
@pytest.mark.parametrize("spread", [1, 3, 120])
def test_labels_are_counted_as_numpy_counts_them(rng, kind, spread):
    """In a table, or sorted: for every type, up to both ends of its range."""
    y = rng.integers(0, spread + 1, 400)
    labels = y.astype(kind) if kind != "U1" else np.array(list("abc"))[y % 3]
    if kind.startswith(("int", "uint")):
        ends = np.iinfo(kind)
        shifted = [labels, (ends.max - y.astype(object)).astype(kind)]
        shifted += [
            (ends.min + y.astype(object)).astype(kind),
            np.array([ends.min, ends.max], kind),
        ]
    else:
        shifted = [labels]
    for given in shifted:
        classes, codes = np.unique(given, return_inverse=True)
        np.testing.assert_array_equal(distinct(given), classes)
        assert distinct(given).dtype == classes.dtype
        np.testing.assert_array_equal(positions(given, classes), codes)
        known = positions(given, classes[1:]) if len(classes) > 1 else codes[:0]
        assert ((known >= 0) & (known < max(1, len(classes) - 1))).all()
