"""Features beside each other: what one leaves behind is what the next finds."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.neural_network
from scipy.sparse import csr_matrix

import steepest as st
from steepest import losses
from steepest._model_file import Pipeline, load_pipeline, save_pipeline

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MLPS = {
    st.MLPRegressor: sklearn.neural_network.MLPRegressor,
    st.MLPClassifier: sklearn.neural_network.MLPClassifier,
}


@pytest.fixture
def X(rng):
    return rng.standard_normal((40, 3))


@pytest.fixture
def classes():
    return np.arange(40) % 3


@pytest.fixture
def indicators():
    return np.stack([np.arange(40) // k % 2 for k in (1, 2, 4)], axis=1)


# ---------------------------------------------------------------- what was fitted predicts


@pytest.mark.parametrize("kind", [st.LinearRegression, st.PolynomialRegression, st.MLPRegressor])
@pytest.mark.parametrize("change", [("squared_error", "poisson"), ("poisson", losses.Huber())])
def test_predictions_are_those_of_the_loss_that_was_fitted(kind, change, X):
    x = X[:, :1]
    y = 1 + np.exp(x[:, 0])
    model = kind(loss=change[0]).fit(x, y)
    before = model.predict(x), model.input_gradient(x)
    model.set_params(loss=change[1])
    np.testing.assert_array_equal(model.predict(x), before[0])
    np.testing.assert_array_equal(model.input_gradient(x), before[1])
    assert model.out_activation_ == ("exp" if change[0] == "poisson" else "identity")
    model.fit(x, y)
    assert not np.allclose(model.predict(x), before[0], rtol=1e-6)


@pytest.mark.parametrize("kind", [st.LogisticRegression, st.MLPClassifier])
@pytest.mark.parametrize("K", [2, 3])
def test_probabilities_are_those_of_the_loss_that_was_fitted(kind, K, X):
    y = np.arange(40) % K
    model = kind().fit(X, y)
    before = model.predict_proba(X), model.predict_log_proba(X), model.input_gradient(X)
    assert model.out_activation_ == ("logistic" if K == 2 else "softmax")
    for loss in ("hinge", "modified_huber"):
        model.set_params(loss=loss)
        np.testing.assert_array_equal(model.predict_proba(X), before[0])
        np.testing.assert_array_equal(model.predict_log_proba(X), before[1])
        np.testing.assert_array_equal(model.input_gradient(X), before[2])
    model.fit(X, y)
    assert model.out_activation_ == "identity"
    margins = model.decision_function(X)
    model.set_params(loss="log_loss")  # margins are no logits
    np.testing.assert_array_equal(model.decision_function(X), margins)
    assert not hasattr(model, "predict_proba")


def test_a_conversion_goes_by_the_loss_that_was_fitted(X, classes):
    model = st.LinearRegression().fit(X, X[:, 0]).set_params(loss="poisson")
    np.testing.assert_allclose(model.to_sklearn().predict(X), model.predict(X), atol=1e-12)
    model.fit(X, np.exp(X[:, 0])).set_params(loss="squared_error")
    with pytest.raises(ValueError, match=r"loss='poisson'"):
        model.to_sklearn()
    model = st.LogisticRegression(loss="hinge").fit(X, classes).set_params(loss="log_loss")
    with pytest.raises(ValueError, match=r"fitted with another"):
        model.to_sklearn()
    back = st.LinearRegression.from_sklearn(st.LinearRegression().fit(X, X[:, 0]).to_sklearn())
    assert back.out_activation_ == "identity"


@pytest.mark.parametrize("kind", MLPS)
@pytest.mark.parametrize("nothing", [{"hidden_layer_sizes": 5}, {"callbacks": None}, {"stop": []}])
def test_a_conversion_takes_every_way_to_say_a_parameter(kind, nothing, X, classes):
    model = kind(max_iter=2, random_state=0, **nothing).fit(X, classes)
    theirs = model.to_sklearn()
    np.testing.assert_allclose(theirs.predict(X), model.predict(X), rtol=1e-12)
    assert type(theirs) is MLPS[kind]
    back = kind.from_sklearn(theirs)
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    assert back.hidden_layer_sizes == model.hidden_layer_sizes


# ---------------------------------------------------------------- labels of one kind

SEVERAL, ONE = r"indicators \(n, K\)", r"one label for each row"


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_several_labels_and_classes_do_not_mix(loss, X, classes, indicators):
    model = st.MLPClassifier((4,), loss=loss, max_iter=2, warm_start=True)
    for y, other, needed in ((classes, indicators, ONE), (indicators, classes, SEVERAL)):
        fitted = st.MLPClassifier(**model.get_params()).fit(X, y)
        before = fitted.predict(X), fitted.out_activation_, fitted.multilabel_
        calls = (
            lambda m=fitted, o=other: m.fit(X, o),
            lambda m=fitted, o=other: m.partial_fit(X, o),
            lambda m=fitted, y=y, o=other: m.fit(X, y, validation_data=(X, o)),
        )
        for call in calls:
            with pytest.raises(ValueError, match=f"y must have {needed}"):
                call()
        np.testing.assert_array_equal(fitted.predict(X), before[0])
        assert (fitted.out_activation_, fitted.multilabel_) == before[1:]


def test_validation_data_do_not_say_what_labels_are(X, indicators):
    model = st.MLPClassifier((4,), max_iter=2)
    model.fit(X, indicators, validation_data=(X, csr_matrix(indicators)))
    assert type(model.predict(X)) is np.ndarray
    model.fit(X, csr_matrix(indicators), validation_data=(X, indicators))
    assert isinstance(model.predict(X), csr_matrix)


def test_labels_have_one_column_each(X, indicators):
    with pytest.raises(ValueError, match=r"column for each of the labels \[0 1\], but has 3"):
        st.MLPClassifier().partial_fit(X, indicators, classes=[0, 1])
    wider = np.hstack([indicators, indicators[:, :1]])
    with pytest.raises(ValueError, match=r"validation_data: y must have a column for each"):
        st.MLPClassifier(max_iter=2).fit(X, indicators, validation_data=(X, wider))


def test_another_number_of_targets_may_have_validation_data(X):
    model = st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2).fit(X, X[:, 0])
    model.fit(X, X[:, :2], validation_data=(X, X[:, :2]))
    assert model.n_outputs_ == 2
    with pytest.raises(ValueError, match=r"validation_data: y must have 2 targets"):
        model.fit(X, X[:, :2], validation_data=(X, X[:, 0]))


@pytest.mark.parametrize(
    "kind", [st.LinearRegression, st.LogisticRegression, st.MLPRegressor, st.MLPClassifier]
)
def test_what_is_wrong_with_validation_data_is_said_of_them(kind, X, classes):
    bad = X.copy()
    bad[3, 1] = np.nan
    for data in ((bad, classes), (X[:, :2], classes), (X, classes[:5]), (X, classes, -classes)):
        with pytest.raises(ValueError, match=r"^validation_data: "):
            kind().fit(X, classes, validation_data=data)


# ---------------------------------------------------------------- partial_fit


@pytest.mark.parametrize("kind", [st.LinearRegression, st.PolynomialRegression, st.MLPRegressor])
def test_the_history_goes_on_as_the_loss_curve_does(kind, X):
    x = X[:, :1]
    model = kind(random_state=0).fit(x, x[:, 0], validation_data=(x, x[:, 0]))
    losses, scores = list(model.loss_curve_), model.history_["validation_score"]
    model.partial_fit(x, x[:, 0], epochs=3)
    assert len(model.loss_curve_) > len(losses)
    assert model.loss_curve_[: len(losses)] == losses
    for values in model.history_.values():
        assert len(values) == len(model.loss_curve_)
    np.testing.assert_array_equal(model.history_["loss"], model.loss_curve_)
    np.testing.assert_array_equal(model.history_["validation_score"][: len(scores)], scores)
    assert np.isnan(model.history_["validation_score"][len(scores) :]).all()  # not measured


def test_partial_fit_says_what_it_goes_on_from(X):
    model = st.LinearRegression().partial_fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"partial_fit .* 1 targets, but X and y have 3 and 2"):
        model.partial_fit(X, X[:, :2])
    model = st.PolynomialRegression().partial_fit(X[:, 0], X[:, 1]).set_params(degree=5)
    with pytest.raises(ValueError, match=r"partial_fit .* degree 3 .* but degree is 5"):
        model.partial_fit(X[:, 0], X[:, 1])


# ---------------------------------------------------------------- weights of classes


@pytest.mark.parametrize("kind", [st.LogisticRegression, st.MLPClassifier])
def test_weights_that_leave_nothing_are_those_of_the_classes(kind, X, classes):
    nothing = dict.fromkeys(range(3), 0.0)
    with pytest.raises(ValueError, match=r"class_weight must leave"):
        kind(class_weight=nothing).fit(X, classes)
    with pytest.raises(ValueError, match=r"class_weight must leave"):
        kind(class_weight={0: 0, 1: 1, 2: 1}).fit(X, classes, sample_weight=classes == 0)


@pytest.mark.parametrize("label", [int, np.int64, float, np.float32])
def test_a_model_file_has_weights_by_labels_of_any_kind(label, X, classes, tmp_path):
    weights = {label(c): 1.0 + c for c in range(3)}
    model = st.LogisticRegression(class_weight=weights).fit(X, classes.astype(label))
    save_pipeline(tmp_path / "model", Pipeline(model))
    loaded = load_pipeline(tmp_path / "model").estimator
    assert loaded.class_weight == weights
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
