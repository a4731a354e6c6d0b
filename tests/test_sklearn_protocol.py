"""The estimators as scikit-learn's tools see them."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
import sklearn.linear_model
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.exceptions import (
    ConvergenceWarning,
    NotFittedError,
    SkipTestWarning,
    UnsetMetadataPassedError,
)
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted

import steepest as st
from steepest.estimators.base import check_inputs

# A check fits to data of all kinds, and whether each descent converged is not its subject.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

REGRESSORS = [st.LinearRegression, st.PolynomialRegression, st.MLPRegressor]
CLASSIFIERS = [st.LogisticRegression, st.MLPClassifier]
ESTIMATORS = REGRESSORS + CLASSIFIERS


class OfTables(st.PolynomialRegression):
    """A polynomial whose data have two axes, as the checks want it of estimators of several features."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = False, True
        return tags

    def _inputs(self, X, *, reset):
        return check_inputs(self, X, reset=reset)


# Other ways through the code than the defaults take.
SETTINGS = {
    "linear, Adam": st.LinearRegression(optimizer=st.Adam(0.05)),
    "linear, batches": st.LinearRegression(batch_size=40, max_epochs=500),
    "linear, its own units": st.LinearRegression(standardize=False, fit_intercept=False),
    "logistic, Momentum": st.LogisticRegression(optimizer=st.Momentum(0.05)),
    "logistic, batches": st.LogisticRegression(batch_size=40, max_epochs=500),
    "polynomial, tables": OfTables(2),
    "polynomial, monomials": OfTables(2, basis="monomial", optimizer=st.Adam(0.05)),
    "polynomial, batches": OfTables(2, batch_size=40, max_epochs=100),
    "polynomial, Huber": OfTables(1, loss="huber"),
}
for model in (st.MLPRegressor, st.MLPClassifier):
    SETTINGS |= {
        f"{model.__name__}, {name}": model(**parameters)
        for name, parameters in {
            "sgd": {"solver": "sgd", "learning_rate": "adaptive"},
            "lbfgs": {"solver": "lbfgs", "max_iter": 5, "hidden_layer_sizes": (4,)},
            "batches": {"batch_size": 40},
            "AdamW": {"optimizer": st.AdamW(0.001)},
            "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
        }.items()
    }

# What early stopping can't have, nor can scikit-learn's: partial_fit, rows held out alike from other rows, and a
# descent that goes on where the score of what is held out is perfect.
NOT_WITH_EARLY_STOPPING = (
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
    "check_class_weight_classifiers",
)


def checks():
    """Yield (estimator, check) for all estimators; in a list, so that warnings stay here."""
    defaults = {kind.__name__: kind() for kind in ESTIMATORS}
    for name, estimator in (defaults | SETTINGS).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SkipTestWarning)
            for instance, check in estimator_checks_generator(estimator):
                early = "early stopping" in name
                if not early or check.func.__name__ not in NOT_WITH_EARLY_STOPPING:
                    yield pytest.param(instance, check, id=f"{name}-{name_of(check)}")


def name_of(value):
    name = value.func.__name__
    options = {**value.keywords}
    return name + "".join(f"-{key}={option}" for key, option in options.items())


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:Got `batch_size`")  # of more rows than a check has
def test_scikit_learns_own_check(estimator, check):
    check(estimator)


# ---------------------------------------------------------------- data


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X)[:200], y[:200] / 100


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), load_iris().target_names[y]


def small(kind, **parameters):
    """Return an estimator that is quick to fit."""
    if issubclass(kind, (st.MLPRegressor, st.MLPClassifier)):
        parameters = {
            "hidden_layer_sizes": (8,),
            "max_iter": 30,
            "learning_rate_init": 0.05,
            **parameters,
        }
    if "random_state" not in parameters:
        parameters["random_state"] = 0
    return kind(**parameters)


@pytest.fixture(params=ESTIMATORS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture
def task(kind, diabetes, iris):
    """(X, y) for the estimator."""
    if kind in CLASSIFIERS:
        return iris
    X, y = diabetes
    return (X[:, 2:3], y) if kind is st.PolynomialRegression else (X, y)


# ---------------------------------------------------------------- parameters


def test_parameters_are_those_of_the_constructor(kind):
    names = [name for name in inspect.signature(kind.__init__).parameters if name != "self"]
    model = kind()
    assert sorted(model.get_params()) == sorted(names)
    for name in names:
        assert getattr(model, name) is inspect.signature(kind).parameters[name].default


def test_every_parameter_is_documented(kind):
    documentation = inspect.getdoc(kind)
    for name in kind().get_params():
        assert name in documentation, name


def test_clone_takes_the_parameters_and_nothing_else(kind, task):
    model = small(kind, alpha=0.25, optimizer=st.Adam(0.02), stop=[st.stopping.MaxSteps(50)])
    model.fit(*task)
    copied = clone(model)
    assert set(vars(copied)) == set(copied.get_params())
    assert copied.get_params() == model.get_params()
    np.testing.assert_array_equal(copied.fit(*task).predict(task[0]), model.predict(task[0]))


def test_set_params(kind):
    model = kind()
    assert model.set_params(alpha=0.5, tol=1e-3) is model
    assert (model.alpha, model.tol) == (0.5, 1e-3)
    with pytest.raises(ValueError, match=r"no_such_thing"):
        model.set_params(no_such_thing=1)


def test_the_repr_shows_what_was_set(kind):
    assert repr(kind()) == f"{kind.__name__}()"
    assert "alpha=0.5" in repr(kind(alpha=0.5))


def test_fit_sets_only_attributes_with_an_underscore(kind, task):
    model = small(kind)
    before = model.get_params()
    assert model.fit(*task) is model
    assert model.get_params() == before
    fitted = set(vars(model)) - set(before)
    assert all(name.endswith("_") or name.startswith("_") for name in fitted)
    for name in ("loss_", "loss_curve_", "history_", "n_iter_", "status_", "n_features_in_"):
        assert name in fitted


def test_fitted_attributes_are_documented(kind, task):
    model = small(kind).fit(*task)
    documentation = inspect.getdoc(kind)
    for name in vars(model):
        if name.endswith("_") and not name.startswith("_"):
            assert name in documentation, name


def test_what_is_not_fitted_says_so(kind, task):
    model = kind()
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    methods = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    for method in methods:
        if hasattr(model, method):
            with pytest.raises(NotFittedError):
                getattr(model, method)(task[0])
    check_is_fitted(small(kind).fit(*task))


def test_tags(kind):
    assert is_classifier(kind()) == (kind in CLASSIFIERS)
    assert is_regressor(kind()) == (kind in REGRESSORS)
    tags = get_tags(kind())
    assert tags.target_tags.required
    assert tags.input_tags.sparse == (kind is not st.PolynomialRegression)
    assert not tags.input_tags.allow_nan
    assert tags.target_tags.multi_output == (kind in REGRESSORS)
    if kind is st.MLPClassifier:
        assert tags.classifier_tags.multi_label
    if kind is st.PolynomialRegression:
        assert tags.input_tags.one_d_array


# ---------------------------------------------------------------- composition


def test_pipeline(kind, task):
    X, y = task
    pipeline = make_pipeline(StandardScaler(), small(kind)).fit(X, y)
    assert pipeline.score(X, y) > (0.8 if kind in CLASSIFIERS else 0.2)
    np.testing.assert_array_equal(clone(pipeline).fit(X, y).predict(X), pipeline.predict(X))


def test_cross_val_score(kind, task):
    scores = cross_val_score(small(kind), *task, cv=3, error_score="raise")
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    assert scores.mean() > (0.7 if kind in CLASSIFIERS else 0.1)


def test_cross_val_predict(kind, task):
    prediction = cross_val_predict(small(kind), *task, cv=3)
    assert prediction.shape == task[1].shape


def test_grid_search(kind, task):
    grid = {"alpha": [1e-4, 1e-2], "optimizer": [None, st.Adam(0.01)]}
    search = GridSearchCV(small(kind), grid, cv=3, error_score="raise").fit(*task)
    assert set(search.best_params_) == {"alpha", "optimizer"}
    assert search.predict(task[0]).shape == task[1].shape
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_grid_search_over_degrees(diabetes):
    search = GridSearchCV(
        st.PolynomialRegression(), {"degree": [0, 1, 2], "basis": ["chebyshev", "monomial"]}, cv=3
    )
    search.fit(diabetes[0][:, 2:3], diabetes[1])
    assert search.best_params_["degree"] in (1, 2)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_jobs_in_parallel_give_the_serial_answers(kind, task, backend):
    serial = cross_val_score(small(kind), *task, cv=3)
    with joblib.parallel_backend(backend, n_jobs=2):
        parallel = cross_val_score(small(kind), *task, cv=3)
    np.testing.assert_array_equal(serial, parallel)


def test_ensembles(diabetes, iris):
    X, y = diabetes
    bagging = BaggingRegressor(small(st.MLPRegressor), 3, random_state=0).fit(X, y)
    assert bagging.score(X, y) > 0.2
    models = [("a", small(st.LogisticRegression)), ("b", small(st.MLPClassifier))]
    voting = VotingClassifier(models, voting="soft").fit(*iris)
    assert voting.score(*iris) > 0.8
    target = TransformedTargetRegressor(
        small(st.LinearRegression), func=np.log, inverse_func=np.exp
    )
    assert target.fit(X, y).score(X, y) > 0.2


def test_weights_pass_through_a_pipeline(kind, task):
    X, y = task
    name = kind.__name__.lower()
    weights = np.where(np.arange(len(y)) % 2, 1.0, 0.0)
    pipeline = make_pipeline(small(kind))
    pipeline.fit(X, y, **{f"{name}__sample_weight": weights})
    alone = small(kind).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(pipeline.predict(X), alone.predict(X))


# ---------------------------------------------------------------- storage


def same_state(a, b):
    return pickle.dumps(a) == pickle.dumps(b)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(kind, task, protocol):
    model = small(kind).fit(*task)
    copied = pickle.loads(pickle.dumps(model, protocol))
    np.testing.assert_array_equal(copied.predict(task[0]), model.predict(task[0]))
    assert copied.loss_curve_ == model.loss_curve_
    assert copied.status_ == model.status_
    np.testing.assert_array_equal(copied.fit(*task).predict(task[0]), model.predict(task[0]))


def test_pickle_of_what_is_not_fitted(kind):
    model = kind(alpha=0.3, optimizer=st.AdamW(0.1), stop=[st.stopping.NoImprovement(3)])
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()


def test_joblib_dump(kind, task, tmp_path):
    model = small(kind).fit(*task)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict(task[0]), model.predict(task[0]))


def test_deepcopy_is_independent(kind, task):
    X, y = task
    model = small(kind).fit(X, y)
    copied = copy.deepcopy(model)
    before = model.predict(X).copy()
    if hasattr(copied, "partial_fit"):
        copied.partial_fit(X[:50], y[:50])
    copied.fit(X[:100:2], y[:100:2])
    np.testing.assert_array_equal(model.predict(X), before)


# ---------------------------------------------------------------- names of features


def test_feature_names(kind, task):
    pd = pytest.importorskip("pandas")
    X, y = task
    names = [f"x{i}" for i in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names)
    model = small(kind).fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == names
    plain = small(kind).fit(X, y)
    np.testing.assert_array_equal(model.predict(frame), plain.predict(X))
    with pytest.raises(ValueError, match=r"feature names"):
        model.predict(frame.rename(columns={names[0]: "other"}))
    with pytest.warns(UserWarning, match=r"feature names"):
        model.predict(X)
    assert not hasattr(plain, "feature_names_in_")
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")


def test_score_is_that_of_scikit_learn(kind, task):
    from sklearn.metrics import accuracy_score, r2_score

    X, y = task
    model = small(kind).fit(X, y)
    measure = accuracy_score if kind in CLASSIFIERS else r2_score
    assert model.score(X, y) == measure(y, model.predict(X))
    weights = np.linspace(0, 1, len(y))
    assert model.score(X, y, weights) == measure(y, model.predict(X), sample_weight=weights)


def test_convergence_warnings_are_scikit_learns(kind, task):
    limit = {"max_iter": 1} if hasattr(kind(), "max_iter") else {"max_epochs": 1}
    with pytest.warns(ConvergenceWarning):
        small(kind, **limit).fit(*task)


def test_a_convergence_warning_points_at_the_call_of_fit(kind, task):
    limit = {"max_iter": 1} if hasattr(kind(), "max_iter") else {"max_epochs": 1}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        small(kind, **limit).fit(*task)
    (warning,) = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    assert warning.filename == __file__


# ---------------------------------------------------------------- metadata routing


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_a_pipeline_and_a_search(kind, task):
    X, y = task
    weights = np.where(np.arange(len(y)) % 3, 1.0, 0.25)
    model = small(kind).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
    pipeline.fit(X, y, sample_weight=weights)
    alone = small(kind).fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
    np.testing.assert_array_equal(pipeline.predict(X), alone.predict(pipeline[:-1].transform(X)))
    pipeline.set_score_request(sample_weight=True)  # which scikit-learn 1.6 asks for
    search = GridSearchCV(pipeline, {f"{kind.__name__.lower()}__alpha": [1e-3]}, cv=2)
    search.fit(X, y, sample_weight=weights)
    folds = []
    for train, test in check_cv(2, y, classifier=kind in CLASSIFIERS).split(X, y):
        scaler = StandardScaler().fit(X[train])
        fitted = small(kind, alpha=1e-3).fit(scaler.transform(X[train]), y[train], weights[train])
        folds.append(fitted.score(scaler.transform(X[test]), y[test], weights[test]))
    assert search.cv_results_["mean_test_score"][0] == pytest.approx(np.mean(folds), rel=1e-9)


@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for_are_refused(kind, task):
    X, y = task
    with pytest.raises((ValueError, UnsetMetadataPassedError), match=r"sample_weight"):
        make_pipeline(small(kind)).fit(X, y, sample_weight=np.ones(len(y)))


@pytest.mark.usefixtures("routing")
def test_validation_data_are_routed(kind, task):
    X, y = task
    model = small(kind).set_fit_request(validation_data=True)
    pipeline = make_pipeline(model).fit(X[::2], y[::2], validation_data=(X[1::2], y[1::2]))
    assert "validation_score" in pipeline[-1].history_


def test_what_can_be_requested(kind):
    requests = kind().get_metadata_routing()
    assert set(requests.fit.requests) == {"sample_weight", "validation_data"}
    assert set(requests.score.requests) == {"sample_weight"}
    classes = {"classes"} if kind in CLASSIFIERS else set()
    assert set(requests.partial_fit.requests) == {"sample_weight", "epochs"} | classes


# ---------------------------------------------------------------- tables and what is shown


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables_in_a_pipeline(kind, task, library):
    pytest.importorskip(library)
    import importlib

    tables = importlib.import_module(library)
    X, y = task
    frame = tables.DataFrame({f"x{i}": column for i, column in enumerate(X.T)})
    target = tables.Series(y)
    pipeline = make_pipeline(StandardScaler().set_output(transform=library), small(kind))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(frame, target)
        prediction = pipeline.predict(frame)
    names = getattr(
        sklearn.linear_model.Ridge().fit(frame, np.zeros(len(y))), "feature_names_in_", None
    )
    np.testing.assert_array_equal(getattr(pipeline[-1], "feature_names_in_", None), names)
    assert names is not None or library == "polars"  # whose names scikit-learn 1.6 does not see
    scaled = pipeline[0].transform(frame).to_numpy()
    np.testing.assert_array_equal(prediction, small(kind).fit(scaled, y).predict(scaled))
    assert type(prediction) is np.ndarray


def test_html(kind, task):
    model = small(
        kind, optimizer=st.Adam(0.02), schedule=st.schedules.Cosine(100), callbacks=[print]
    )
    for estimator in (model, clone(model).set_params(callbacks=()).fit(*task)):
        html = estimator._repr_html_()
        assert kind.__name__ in html
        assert "Adam(" in html
        assert repr(estimator)


# ---------------------------------------------------------------- inside of other estimators


def test_stacking_calibration_and_importance(diabetes, iris):
    X, y = iris
    members = [("a", small(st.LogisticRegression)), ("b", small(st.MLPClassifier))]
    stacking = StackingClassifier(members, small(st.LogisticRegression), cv=2).fit(X, y)
    assert stacking.score(X, y) > 0.8
    for model in (st.LogisticRegression, st.MLPClassifier):
        calibrated = CalibratedClassifierCV(small(model), cv=2).fit(X, y)
        assert calibrated.score(X, y) > 0.8
        np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    X, y = diabetes
    for model in (st.LinearRegression, st.MLPRegressor):
        assert StackingRegressor([("a", small(model))], cv=2).fit(X, y).score(X, y) > 0.2


def test_permutation_importance(diabetes):
    ours, theirs = (
        permutation_importance(model.fit(*diabetes), *diabetes, n_repeats=2, random_state=0)
        for model in (st.LinearRegression(), sklearn.linear_model.LinearRegression())
    )
    np.testing.assert_allclose(ours.importances, theirs.importances, rtol=1e-6, atol=1e-9)


def test_a_search_in_two_processes_finds_the_same(kind, task):
    grid = {"alpha": [1e-4, 1e-2]}
    alone = GridSearchCV(small(kind), grid, cv=2).fit(*task)
    together = GridSearchCV(small(kind), grid, cv=2, n_jobs=2).fit(*task)
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(alone.predict(task[0]), together.predict(task[0]))


# ---------------------------------------------------------------- storage of what has been trained a little


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_goes_on_as_the_original_does(kind, task, copied):
    """With the optimizer's state, its patience and where the random stream is."""
    X, y = task
    classes = {"classes": np.unique(y)} if kind in CLASSIFIERS else {}
    model = small(kind, random_state=np.random.RandomState(5), batch_size=32)
    model.partial_fit(X, y, epochs=2, **classes)
    copy_of_model = copied(model)
    model.partial_fit(X, y, epochs=2)
    copy_of_model.partial_fit(X, y, epochs=2)
    np.testing.assert_array_equal(model.predict(X), copy_of_model.predict(X))
    np.testing.assert_array_equal(model.loss_curve_, copy_of_model.loss_curve_)


def test_a_pickle_holds_nothing_of_scikit_learns(kind, task):
    """So that it can be read with another version of it."""
    model = small(kind, optimizer=st.Adam(0.01), stop=[st.stopping.MaxSteps(50)]).fit(*task)
    modules = set()

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            modules.add(module.split(".")[0])
            return super().find_class(module, name)

    copied = Unpickler(io.BytesIO(pickle.dumps(model))).load()
    assert modules <= {"steepest", "numpy", "builtins", "copyreg", "_codecs"}
    np.testing.assert_array_equal(copied.predict(task[0]), model.predict(task[0]))
