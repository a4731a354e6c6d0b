"""Bad data: a clear error that names the place, and nothing half-changed. Odd but good data work."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

import steepest as st

ROWS = 40
STATUSES = {"converged", "no_improvement", "max_steps", "max_epochs", "diverged"}


class Case:
    """An estimator and data that suit it."""

    def __init__(self, kind, features, labels=False, **parameters):
        self.kind, self.features, self.labels, self.parameters = kind, features, labels, parameters

    def __repr__(self):
        options = "".join(f", {key}={value}" for key, value in self.parameters.items())
        return self.kind.__name__ + options

    def model(self):
        return self.kind(**self.parameters)

    def data(self):
        rng = np.random.default_rng(7)
        X = rng.standard_normal((ROWS, self.features))
        y = X.sum(axis=1) + 0.3 * rng.standard_normal(ROWS)
        return X, (y > 0).astype(int) if self.labels else y


def mlp(kind, labels, **parameters):
    parameters = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0, **parameters}
    return Case(kind, 3, labels, **parameters)


CASES = [
    Case(st.LinearRegression, 3),
    Case(st.LinearRegression, 3, batch_size=7, random_state=0, max_epochs=5),
    Case(st.LinearRegression, 3, standardize=False),
    Case(st.PolynomialRegression, 1),
    Case(st.PolynomialRegression, 1, batch_size=7, random_state=0, max_epochs=5),
    Case(st.PolynomialRegression, 3, degree=2),
    Case(st.LogisticRegression, 3, labels=True),
    Case(st.LogisticRegression, 3, labels=True, batch_size=7, random_state=0, max_epochs=5),
    Case(st.LogisticRegression, 3, labels=True, standardize=False, max_epochs=50),
    mlp(st.MLPRegressor, False),
    mlp(st.MLPRegressor, False, solver="lbfgs"),
    mlp(st.MLPRegressor, False, early_stopping=True),
    mlp(st.MLPClassifier, True),
    mlp(st.MLPClassifier, True, solver="lbfgs"),
]


@pytest.fixture(params=CASES, ids=repr)
def case(request):
    return request.param


def quietly(call, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*arguments, **named)


def state_of(model):
    """Everything that a fit could change."""
    return {name: pickle.dumps(value) for name, value in vars(model).items()}


def assert_refused(case, X, y, error, message, **named):
    """Fitting raises, and neither a fresh nor a fitted estimator nor the caller's data have changed."""
    __tracebackhide__ = True
    fresh, fitted = case.model(), quietly(case.model().fit, *case.data())
    for model in (fresh, fitted):
        before, data_before = state_of(model), copy.deepcopy((X, y, named))
        with pytest.raises(error, match=message):
            quietly(model.fit, X, y, **named)
        assert state_of(model) == before
        for a, b in zip((X, y), data_before[:2], strict=True):
            if isinstance(a, np.ndarray):
                np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- X


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 5, ROWS - 1])
def test_not_finite_in_x(case, bad, row):
    """The message names the row and the column."""
    X, y = case.data()
    column = case.features - 1
    X[row, column] = bad
    assert_refused(
        case, X, y, ValueError, rf"X must be finite, but row {row}, column {column} is {bad}"
    )


def test_the_first_of_several_bad_entries_is_named_and_all_are_counted(case):
    X, y = case.data()
    X[3, 0], X[9, 0], X[2, -1] = np.nan, np.inf, np.nan
    column = case.features - 1
    assert_refused(case, X, y, ValueError, rf"row 2, column {column} is nan \(3 such entries")


def test_infinities_of_both_signs(case):
    """Their sum is NaN; the message is about the first, and nothing else is said."""
    X, y = case.data()
    X[3, 0], X[9, 0] = np.inf, -np.inf
    assert_refused(case, X, y, ValueError, r"row 3, column 0 is inf \(2 such entries")


def test_not_finite_in_float32(case):
    X, y = case.data()
    X = X.astype(np.float32)
    X[4, 0] = np.inf
    assert_refused(case, X, y, ValueError, r"X must be finite, but row 4, column 0 is inf")


def test_not_finite_in_a_list(case):
    X, y = case.data()
    X[4, 0] = np.nan
    assert_refused(case, X.tolist(), y.tolist(), ValueError, r"row 4, column 0 is nan")


def test_not_finite_in_a_frame(case):
    pd = pytest.importorskip("pandas")
    X, y = case.data()
    X[4, 0] = np.nan
    assert_refused(case, pd.DataFrame(X), y, ValueError, r"row 4, column 0 is nan")
    text = pd.DataFrame(X).astype(object)
    text.iloc[4, 0] = "high"
    assert_refused(case, text, y, (ValueError, TypeError), r"high")


def test_not_finite_in_predict(case):
    X, y = case.data()
    model = quietly(case.model().fit, X, y)
    X[5, 0] = np.nan
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(model, method):
            with pytest.raises(ValueError, match=r"X must be finite, but row 5, column 0 is nan"):
                getattr(model, method)(X)


def test_a_sum_that_overflows_is_not_an_infinite_entry(case):
    """Finite entries whose sum is infinite are not called infinite."""
    X, y = case.data()
    X[0, 0], X[1, 0] = 1.7e308, 1.7e308
    try:
        quietly(case.model().fit, X, y)
    except ValueError as error:
        assert "must be finite" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("shape", [(), (ROWS, 3, 2)])
def test_wrong_rank_of_x(case, shape):
    _, y = case.data()
    assert_refused(case, np.ones(shape), y, ValueError, r"[Ee]xpected 2D array|dim")


def test_one_axis(case):
    X, y = case.data()
    if case.kind is st.PolynomialRegression:
        quietly(case.model().fit, X[:, 0], y)
    else:
        assert_refused(case, X[:, 0].copy(), y, ValueError, r"Expected 2D array, got 1D array")


def test_no_rows(case):
    _, y = case.data()
    empty = np.empty((0, case.features))
    assert_refused(case, empty, y[:0], ValueError, r"0 sample|has no rows|minimum of 1")


def test_no_features(case):
    _, y = case.data()
    assert_refused(case, np.empty((ROWS, 0)), y, ValueError, r"0 feature|minimum of 1")


@pytest.mark.parametrize("rows", [ROWS - 1, ROWS + 1, 0])
def test_other_numbers_of_rows(case, rows):
    X, y = case.data()
    y = np.resize(y, rows)
    assert_refused(case, X, y, ValueError, r"inconsistent numbers of samples|0 sample")


def test_complex_x(case):
    X, y = case.data()
    assert_refused(case, X + 1j, y, ValueError, r"[Cc]omplex")


def test_text_in_x(case):
    X, y = case.data()
    text = X.astype(str)
    text[3, 0] = "three"
    assert_refused(case, text, y, (ValueError, TypeError), r"three")
    assert_refused(case, text.astype(object), y, (ValueError, TypeError), r"three")


@pytest.mark.parametrize("entry", [None, {}, "x", [1, 2]], ids=repr)
def test_objects_in_x(case, entry):
    X, y = case.data()
    X = X.astype(object)
    X[3, 0] = entry
    assert_refused(case, X, y, (ValueError, TypeError), r".")


@pytest.mark.parametrize("X", [None, "data", 5, {"a": [1, 2]}], ids=repr)
def test_what_is_no_array(case, X):
    _, y = case.data()
    assert_refused(case, X, y, (ValueError, TypeError), r".")


def test_ragged_lists(case):
    X, y = case.data()
    ragged = X.tolist()
    ragged[3] = [*ragged[3], 1.0]
    assert_refused(case, ragged, y, ValueError, r"inhomogeneous|sequence")


@pytest.mark.parametrize("case", [c for c in CASES if c.kind is st.PolynomialRegression], ids=repr)
def test_sparse_x_of_polynomials(case):
    X, y = case.data()
    assert_refused(case, sparse.csr_array(X), y, TypeError, r"[Ss]parse")


def test_another_number_of_features_in_predict(case):
    X, y = case.data()
    model = quietly(case.model().fit, X, y)
    with pytest.raises(ValueError, match=rf"{case.features + 1}"):
        model.predict(np.ones((3, case.features + 1)))


# ---------------------------------------------------------------- y


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_in_y(case, bad):
    X, y = case.data()
    y = y.astype(float)
    y[6] = bad
    assert_refused(case, X, y, ValueError, rf"y must be.* row 6 is {bad}")


@pytest.mark.parametrize("kind", [st.LinearRegression, st.MLPRegressor])
def test_not_finite_in_one_of_several_targets(kind):
    X, y = Case(kind, 3).data()
    y = np.column_stack([y, y])
    y[6, 1] = np.nan
    with pytest.raises(ValueError, match=r"y must be finite, but row 6, column 1 is nan"):
        kind().fit(X, y)


def test_no_y(case):
    X, _ = case.data()
    assert_refused(case, X, None, ValueError, r"requires y to be passed")


def test_complex_y(case):
    X, y = case.data()
    assert_refused(case, X, y + 1j, (ValueError, TypeError), r"[Cc]omplex|label type")


def test_wrong_rank_of_y(case):
    X, _ = case.data()
    assert_refused(case, X, np.ones((ROWS, 2, 2)), (ValueError, TypeError), r".")
    assert_refused(case, X, np.float64(3.0), (ValueError, TypeError), r".")


def test_text_in_y():
    for case in CASES:
        if not case.labels:
            X, y = case.data()
            assert_refused(case, X, y.astype(str).astype(object) + "!", ValueError, r"!")
            assert_refused(case, X, np.array(["a"] * ROWS), (ValueError, TypeError), r"a")


def test_objects_in_y(case):
    X, y = case.data()
    y = y.astype(object)
    y[3] = None
    assert_refused(case, X, y, (ValueError, TypeError), r".")


# ---------------------------------------------------------------- sample_weight


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(ROWS - 1), r"sample_weight"),
        (np.ones((ROWS, 2)), r"[Ss]ample.?weight"),
        (-np.ones(ROWS), r"sample_weight must not be negative, but row 0 is -1"),
        (np.zeros(ROWS), r"[Ww]eight.*(positive|non-zero)"),
        (np.where(np.arange(ROWS) == 3, np.nan, 1.0), r"sample_weight.*(row 3|NaN)"),
        (np.where(np.arange(ROWS) == 3, np.inf, 1.0), r"sample_weight.*(row 3|infinity)"),
        (np.array(["heavy"] * ROWS), r"."),
    ],
    ids=["short", "two columns", "negative", "zero", "nan", "inf", "text"],
)
def test_bad_weights(case, weights, message):
    X, y = case.data()
    assert_refused(case, X, y, ValueError, message, sample_weight=weights)


def test_one_weight_for_all(case):
    """A number is the weight of every row."""
    X, y = case.data()
    a = quietly(case.model().fit, X, y, sample_weight=2.0)
    b = quietly(case.model().fit, X, y, sample_weight=np.full(ROWS, 2.0))
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


# ---------------------------------------------------------------- huge and tiny


@pytest.mark.parametrize("size", [1e100, 1e200, 1e308])
@pytest.mark.parametrize("where", ["X", "one entry", "y"])
def test_huge_values(case, size, where):
    """Refused with a message that says so, or fitted, or diverged with finite parameters; never anything else."""
    X, y = case.data()
    if where == "X":
        X = X / np.abs(X).max() * size
    elif where == "one entry":
        X[3, 0] = size
    elif case.labels:
        pytest.skip("labels have no size")
    else:
        y = y / np.abs(y).max() * size
    model = case.model()
    before = state_of(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model.fit(X, y)
        except ValueError as error:
            assert "too large" in str(error)  # noqa: PT017
            assert state_of(model) == before
            return
        assert model.status_ in STATUSES
        prediction = np.asarray(model.predict(case.data()[0]), float)
    assert np.isfinite(prediction).all()


@pytest.mark.parametrize("size", [1e20, 1e38])
def test_huge_values_in_float32(case, size):
    """Squares of 1e20 are beyond float32."""
    X, y = case.data()
    X = (X / np.abs(X).max() * size).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model = case.model().fit(X, y)
        except ValueError as error:
            assert "too large" in str(error)  # noqa: PT017
            return
        prediction = np.asarray(model.predict(case.data()[0].astype(np.float32)), float)
    assert np.isfinite(prediction).all()


@pytest.mark.parametrize("size", [1e-100, 1e-200, 1e-308])
@pytest.mark.parametrize("where", ["X", "y"])
def test_tiny_values(case, size, where):
    X, y = case.data()
    if where == "X":
        X = X * size
    elif not case.labels:
        y = y * size
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = case.model().fit(X, y)
        assert np.isfinite(np.asarray(model.predict(X), float)).all()


@pytest.mark.parametrize("size", [1e-100, 1e-200, 1e100, 1e150])
@pytest.mark.parametrize("where", ["X", "y"])
def test_units_at_the_ends_of_the_range_are_still_fitted(size, where):
    """Squares of 1e-200 are 0 and the variance seems to vanish, but the feature is not constant."""
    for case in (CASES[0], CASES[3]):
        X, y = case.data()
        want = case.model().fit(X, y).predict(X)
        if where == "X":
            prediction = case.model().fit(X * size, y).predict(X * size)
        else:
            prediction = case.model().fit(X, y * size).predict(X) / size
        np.testing.assert_allclose(prediction, want, rtol=1e-7, atol=1e-7)


# ---------------------------------------------------------------- few rows, constant columns


def test_one_sample(case):
    X, y = case.data()
    model = case.model()
    if case.labels or case.parameters.get("early_stopping"):
        before = state_of(model)
        try:
            quietly(model.fit, X[:1], y[:1])
        except ValueError as error:
            assert any(  # noqa: PT017
                text in str(error) for text in ("1 class", "n_samples=1", "at least two classes")
            )
            assert state_of(model) == before
            return
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X[:1], y[:1])
    assert np.isfinite(np.asarray(model.predict(X), float)).all()


def test_one_feature(case):
    X, y = case.data()
    model = quietly(case.model().fit, X[:, :1], y)
    assert model.n_features_in_ == 1
    assert np.isfinite(np.asarray(model.predict(X[:, :1]), float)).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_features(case, value, dtype):
    """All of them: what is left is the mean, or the more frequent label."""
    X, y = case.data()
    X = np.full_like(X, value, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = case.model().fit(X, y)
        assert np.isfinite(np.asarray(model.predict(X), float)).all()


def test_a_constant_target(case):
    X, y = case.data()
    y = np.full_like(y, 3)
    if case.kind is st.LogisticRegression:
        assert_refused(case, X, y, ValueError, r"at least two classes, but all 40 labels are .*3")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = case.model().fit(X, y)
        assert np.isfinite(np.asarray(model.predict(X), float)).all()


# ---------------------------------------------------------------- odd but good


def variants():
    """Yield (name, function of X) that keep the values."""
    yield "Fortran order", np.asfortranarray
    yield "strided", lambda X: np.repeat(X, 2, axis=1)[:, ::2]
    yield "reversed", lambda X: np.ascontiguousarray(X[::-1])[::-1]
    yield "big-endian", lambda X: X.astype(">f8")
    yield "misaligned", misaligned
    yield "list", lambda X: X.tolist()
    yield "tuple of tuples", lambda X: tuple(map(tuple, X.tolist()))
    yield "object", lambda X: X.astype(object)
    yield "longdouble", lambda X: X.astype(np.longdouble)
    yield "matrix of a subclass", lambda X: X.view(type("Sub", (np.ndarray,), {}))


def misaligned(X):
    buffer = np.zeros(X.nbytes + 1, np.uint8)
    view = buffer[1:].view(X.dtype).reshape(X.shape)
    view[...] = X
    assert not view.flags.aligned
    return view


@pytest.mark.parametrize(
    ("name", "change"), list(variants()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_form_of_the_data_does_not_matter(case, name, change):
    X, y = case.data()
    want = quietly(case.model().fit, X, y).predict(X)
    model = quietly(case.model().fit, change(X), y)
    np.testing.assert_array_equal(model.predict(X), want)
    np.testing.assert_array_equal(model.predict(change(X)), want)


def test_read_only_data(case):
    X, y = case.data()
    want = quietly(case.model().fit, X, y).predict(X)
    X.flags.writeable = y.flags.writeable = False
    model = quietly(case.model().fit, X, y)
    np.testing.assert_array_equal(model.predict(X), want)


def test_y_in_any_form(case):
    pd = pytest.importorskip("pandas")
    X, y = case.data()
    want = quietly(case.model().fit, X, y).predict(X)
    forms = [y.tolist(), tuple(y.tolist()), np.repeat(y, 2)[::2], pd.Series(y)]
    if not case.labels:  # scikit-learn takes objects to be labels only if they are text
        forms.append(y.astype(object))
    for form in forms:
        model = quietly(case.model().fit, X, form)
        np.testing.assert_array_equal(model.predict(X), want)


def test_a_column_for_y(case):
    X, y = case.data()
    want = quietly(case.model().fit, X, y).predict(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)
        model = quietly(case.model().fit, X, y[:, None])
    np.testing.assert_array_equal(model.predict(X), want)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16, bool])
def test_integers(case, dtype):
    X, y = case.data()
    X = (np.abs(3 * X) % 7).astype(dtype)
    want = quietly(case.model().fit, X.astype(float), y).predict(X.astype(float))
    model = quietly(case.model().fit, X, y)
    np.testing.assert_array_equal(model.predict(X), want)


def test_integer_targets():
    for case in CASES:
        if not case.labels:
            X, y = case.data()
            y = np.round(3 * y)
            want = quietly(case.model().fit, X, y).predict(X)
            for dtype in (np.int64, np.int8, np.float32):
                model = quietly(case.model().fit, X, y.astype(dtype))
                np.testing.assert_array_equal(model.predict(X), want)


def test_float16(case):
    """Half precision is computed in double."""
    X, y = case.data()
    half = X.astype(np.float16)
    model = quietly(case.model().fit, half, y)
    want = quietly(case.model().fit, half.astype(float), y).predict(half.astype(float))
    np.testing.assert_array_equal(model.predict(half), want)


def test_float32_with_a_target_in_double(case):
    X, y = case.data()
    model = quietly(case.model().fit, X.astype(np.float32), y)
    if not case.labels:
        assert model.predict(X.astype(np.float32)).dtype == np.float32
    want = quietly(case.model().fit, X, y).predict(X)
    if not case.labels:
        np.testing.assert_allclose(model.predict(X), want, atol=1e-3)


def test_predicting_in_the_other_dtype(case):
    X, y = case.data()
    for fit_type, predict_type in ((np.float32, np.float64), (np.float64, np.float32)):
        model = quietly(case.model().fit, X.astype(fit_type), y)
        prediction = model.predict(X.astype(predict_type))
        if not case.labels:
            assert prediction.dtype == predict_type
            np.testing.assert_allclose(prediction, model.predict(X.astype(fit_type)), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_validation_data_in_another_dtype(case, dtype):
    """They are read in the dtype of the fit."""
    if case.parameters.get("solver") == "lbfgs":
        pytest.skip("takes no validation data")
    X, y = case.data()
    other = np.float64 if dtype == np.float32 else np.float32
    X = np.round(3 * X)
    model = case.model()
    held_out = X.astype(dtype), y
    quietly(model.fit, X.astype(other), y, validation_data=held_out)
    same = quietly(case.model().fit, X.astype(other), y, validation_data=(X.astype(other), y))
    if "validation_loss" in same.history_:
        np.testing.assert_allclose(
            model.history_["validation_loss"], same.history_["validation_loss"], rtol=1e-4
        )


@pytest.mark.parametrize("first", [np.float32, np.float64])
def test_partial_fit_in_another_dtype(case, first):
    """Data of the other precision are no reason to fail."""
    model = case.model()
    if not hasattr(model, "partial_fit") or case.parameters.get("early_stopping"):
        pytest.skip("has no partial_fit")
    if case.parameters.get("solver") == "lbfgs":
        pytest.skip("has no partial_fit")
    X, y = case.data()
    second = np.float64 if first == np.float32 else np.float32
    classes = {"classes": [0, 1]} if case.labels else {}
    model.partial_fit(X.astype(first), y, **classes)
    model.partial_fit(X.astype(second), y)
    assert np.isfinite(np.asarray(model.predict(X), float)).all()


@pytest.mark.parametrize("size", [1e-300, 1e300, 1e308])
def test_the_size_of_weights_does_not_matter(case, size):
    """Only their ratios do, from one end of the range to the other."""
    X, y = case.data()
    weights = np.where(np.arange(ROWS) % 2, 1.0, 0.5)
    if case.kind in (st.MLPRegressor, st.MLPClassifier):  # there the penalty depends on their sum
        pytest.skip("scikit-learn's penalty is divided by the sum of the weights")
    want = quietly(case.model().fit, X, y, weights)
    model = quietly(case.model().fit, X, y, weights * size)
    np.testing.assert_allclose(model.loss_, want.loss_, rtol=1e-6)


def test_a_frame_with_names(case):
    pd = pytest.importorskip("pandas")
    X, y = case.data()
    frame = pd.DataFrame(X, columns=[f"feature {i}" for i in range(case.features)])
    model = quietly(case.model().fit, frame, y)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    want = quietly(case.model().fit, X, y).predict(X)
    np.testing.assert_array_equal(model.predict(frame), want)


def test_a_frame_of_mixed_types(case):
    pd = pytest.importorskip("pandas")
    X, y = case.data()
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(case.features)])
    frame["x0"] = (3 * frame["x0"]).astype(int)
    plain = frame.to_numpy(float)
    want = quietly(case.model().fit, plain, y).predict(plain)
    np.testing.assert_array_equal(quietly(case.model().fit, frame, y).predict(frame), want)


def test_fitting_changes_no_byte_of_the_data(case):
    X, y = case.data()
    weights = np.linspace(0.5, 1.5, ROWS)
    before = [a.tobytes() for a in (X, y, weights)]
    model = quietly(case.model().fit, X, y, sample_weight=weights)
    model.predict(X)
    if hasattr(model, "partial_fit") and not (
        case.parameters.get("early_stopping") or case.parameters.get("solver") == "lbfgs"
    ):
        quietly(model.partial_fit, X, y, sample_weight=weights)
    assert [a.tobytes() for a in (X, y, weights)] == before


def test_a_model_does_not_hold_the_data(case):
    """What the caller does to the arrays afterwards is none of the model's business."""
    X, y = case.data()
    model = quietly(case.model().fit, X, y)
    want = model.predict(X.copy())
    kept = X.copy()
    X[:], y[:] = 0, 0
    np.testing.assert_array_equal(model.predict(kept), want)


def test_a_fit_that_fails_late_changes_nothing(case, monkeypatch):
    """Whatever goes wrong, at whatever time: the attributes come back."""
    from steepest.estimators import convex, mlp_base

    X, y = case.data()
    model = quietly(case.model().fit, X, y)
    before = state_of(model)

    def fail(*arguments, **named):
        raise RuntimeError("late")

    for module in (convex, mlp_base):
        monkeypatch.setattr(module, "history_of", fail)
    if case.parameters.get("solver") == "lbfgs":
        monkeypatch.setattr(case.kind, "_finish", fail)
    with pytest.raises(RuntimeError, match=r"late"):
        quietly(model.fit, 2 * X, y)
    assert state_of(model) == before
