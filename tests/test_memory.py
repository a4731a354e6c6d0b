"""How much memory training takes, in words: of the parameters, and of the caller's data.

Measured as the highest resident memory during a call above that before it, in a process of its own that makes
one call after the other. Networks and data are so large that one word more for each of their entries is far more
than anything else in the process could take.
"""

from __future__ import annotations

import peak_memory
import pytest

pytestmark = pytest.mark.skipif(not peak_memory.CAN_MEASURE, reason="peak_memory says why")

PROGRAM = """
import json, warnings

import numpy as np
import steepest as st
from peak_memory import peak_above

warnings.simplefilter("ignore")


def network(kind=st.MLPRegressor, width=1024, **settings):
    return kind(hidden_layer_sizes=(width,), batch_size=8, random_state=0, **settings)


rng = np.random.default_rng(0)
words = {}

# In the first of these layers are nearly all of four million parameters.
for dtype in (np.float32, np.float64):
    X, y = rng.random((16, 4096)).astype(dtype), rng.random(16).astype(dtype)
    network(width=1, early_stopping=True).fit(X, y)  # imports what it needs
    word = 4096 * 1024 * X.itemsize

    def measure(name, call):
        words[f"{np.dtype(dtype)}: {name}"] = peak_above(call) / word

    measure("fit", lambda: network(max_iter=4).fit(X, y))
    measure("fit, one epoch", lambda: network(max_iter=1).fit(X, y))
    measure("fit, SGD", lambda: network(max_iter=4, optimizer=st.SGD(0.01)).fit(X, y))
    settings = {"max_iter": 4, "early_stopping": True, "validation_fraction": 0.25}
    measure("fit, early stopping", lambda: network(**settings).fit(X, y))
    model = network(max_iter=1).fit(X, y)
    measure("partial_fit", lambda: model.partial_fit(X, y))
    del model

# Eight million entries of data, for the smallest of models.
for dtype in (np.float32, np.float64):
    X, y = rng.random((32768, 256), dtype), rng.random((32768, 2)).astype(dtype)
    many, two, weights = rng.integers(0, 7, len(X)), rng.integers(0, 2, len(X)), y[:, 0].copy()

    def measure(name, call):
        call()
        words[f"{np.dtype(dtype)} data: {name}"] = peak_above(call) / X.nbytes

    few = {"max_iter": 1, "width": 2}
    regressor, classifier = network(**few), network(st.MLPClassifier, **few)
    measure("MLPRegressor.fit", lambda: regressor.fit(X, y, weights, validation_data=(X, y)))
    measure("MLPRegressor.partial_fit", lambda: regressor.partial_fit(X, y))
    measure("MLPRegressor.predict", lambda: regressor.predict(X))
    measure("MLPRegressor.score", lambda: regressor.score(X, y))
    measure("MLPClassifier.fit, two classes", lambda: classifier.fit(X, two))
    measure("MLPClassifier.fit", lambda: classifier.fit(X, many))
    measure("MLPClassifier.predict_proba", lambda: classifier.predict_proba(X))
    measure("MLPClassifier.score", lambda: classifier.score(X, many))
    full, pieces = {"max_epochs": 1}, {"max_epochs": 1, "batch_size": 256}
    measure("LinearRegression.fit", lambda: st.LinearRegression(**full).fit(X, y))
    measure("standardised", lambda: st.LinearRegression(**pieces).fit(X, y))
    pieces["standardize"] = False
    measure("LinearRegression.fit, batches", lambda: st.LinearRegression(**pieces).fit(X, y))
    measure("LogisticRegression.fit, batches", lambda: st.LogisticRegression(**pieces).fit(X, many))
print(json.dumps(words))
"""


@pytest.fixture(scope="module")
def words():
    """Return words for each parameter, or for each entry of X, by what was measured."""
    return peak_memory.run(PROGRAM)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("what", "most"),
    [
        (
            "fit",
            5,
        ),  # parameters, Adam's two moments, the best parameters, those at the epoch's start
        ("fit, one epoch", 4),  # its start is the best
        ("fit, SGD", 3),  # no moments
        ("fit, early stopping", 4),  # the best are those of an epoch's end
        ("partial_fit", 4),  # beside the three that the estimator goes on from
    ],
)
def test_words_for_a_parameter(words, dtype, what, most):
    """The model itself included; rows of a batch are few here."""
    assert most - 0.5 < words[f"{dtype}: {what}"] < most + 0.3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_is_not_copied(words, dtype):
    """Contiguous, and of the model's dtype. A descent in standardised columns needs them, once."""
    found = {what: n for what, n in words.items() if what.startswith(f"{dtype} data: ")}
    assert len(found) == 12
    assert 1 < found.pop(f"{dtype} data: standardised") < 1.5
    for what, n in found.items():
        assert n < 0.5, what
