"""Callbacks that follow scikit-learn's protocol, on every estimator, beside what scikit-learn itself does."""

from __future__ import annotations

import contextlib
import copy
import io
import subprocess
import sys

import numpy as np
import pytest
import sklearn.linear_model
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import steepest as st
from steepest.estimators.callbacks import has_protocol
from steepest.stopping import NoImprovement

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
protocol = pytest.mark.skipif(not has_protocol(), reason="scikit-learn has no callback protocol")

CLASSIFIERS = [st.LogisticRegression, st.MLPClassifier]
CASES = {
    "linear": (st.LinearRegression, {"max_epochs": 8}),
    "linear, direct": (st.LinearRegression, {"max_epochs": 8, "optimizer": st.Adam(0.1)}),
    "linear, batches": (st.LinearRegression, {"max_epochs": 8, "batch_size": 20}),
    "polynomial": (st.PolynomialRegression, {"max_epochs": 8}),
    "polynomial, batches": (st.PolynomialRegression, {"max_epochs": 8, "batch_size": 20}),
    "logistic": (st.LogisticRegression, {"max_epochs": 8}),
    "logistic, batches": (st.LogisticRegression, {"max_epochs": 8, "batch_size": 20}),
    "regressor": (st.MLPRegressor, {"max_iter": 8, "hidden_layer_sizes": (5,)}),
    "classifier": (st.MLPClassifier, {"max_iter": 8, "hidden_layer_sizes": (5,)}),
    "classifier, lbfgs": (
        st.MLPClassifier,
        {"max_iter": 8, "hidden_layer_sizes": (5,), "solver": "lbfgs"},
    ),
}


class Recorder:
    """Writes down which hook was called with what; may stop or fail."""

    def __init__(self, stop_at=None, fail_at=None):
        self.calls = []
        self.stop_at, self.fail_at = stop_at, fail_at

    def _write(self, hook, context, **given):
        self.calls.append((hook, context.task_name, context.task_id, given))
        if (hook, context.task_name, context.task_id) == self.fail_at:
            raise RuntimeError("the callback failed")

    def setup(self, estimator, context):
        self._write("setup", context)

    def teardown(self, estimator, context):
        self._write("teardown", context)

    def on_fit_task_begin(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self._write("begin", context, X=X, y=y, metadata=metadata, fitted=fitted_estimator)

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self._write("end", context, X=X, y=y, metadata=metadata, fitted=fitted_estimator)
        return context.task_name != "fit" and context.task_id == self.stop_at

    def tasks(self):
        return [(hook, name, number) for hook, name, number, _ in self.calls]

    def ends(self):
        """Return what the ends of the tasks inside of the fit were given."""
        return [given for hook, name, _, given in self.calls if hook == "end" and name != "fit"]


class Bar(Recorder):
    """One that is propagated to the estimators inside of another."""

    max_propagation_depth = None


@pytest.fixture(params=CASES, ids=str)
def case(request):
    kind, parameters = CASES[request.param]
    return kind, {"random_state": 0, **parameters}


def data(kind):
    if kind in CLASSIFIERS:
        X, y = load_iris(return_X_y=True)
        return StandardScaler().fit_transform(X), load_iris().target_names[y]
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X)[:100], y[:100] / 100
    return (X[:, 2:3], y) if kind is st.PolynomialRegression else (X, y)


def by_points(kind, parameters):
    is_mlp = kind in (st.MLPRegressor, st.MLPClassifier)
    return not is_mlp and "batch_size" not in parameters


# ---------------------------------------------------------------- tasks


@protocol
def test_the_fit_is_a_task_and_each_epoch_is_one_in_it(case):
    kind, parameters = case
    recorder = Recorder()
    model = kind(**parameters).set_callbacks(recorder).fit(*data(kind))
    name = "step" if by_points(kind, parameters) else "epoch"
    if parameters.get("solver") == "lbfgs":
        name = "iteration"
    n = model.n_iter_ if name == "iteration" else len(model.loss_curve_)
    assert n > 1
    expected = [("setup", "fit", 0), ("begin", "fit", 0)]
    for i in range(n):
        expected += [("begin", name, i), ("end", name, i)]
    assert recorder.tasks() == [*expected, ("end", "fit", 0), ("teardown", "fit", 0)]


@protocol
def test_callbacks_see_the_users_data(case):
    pandas = pytest.importorskip("pandas")
    kind, parameters = case
    X, y = data(kind)
    frame, series, weights = pandas.DataFrame(X), pandas.Series(y), np.ones(len(y))
    recorder = Recorder()
    kind(**parameters).set_callbacks(recorder).fit(frame, series, sample_weight=weights)
    for hook, _, _, given in recorder.calls:
        if hook in ("begin", "end"):
            assert given["X"] is frame
            assert given["y"] is series
            assert given["metadata"]["sample_weight"] is weights
    unweighted = Recorder()
    kind(**parameters).set_callbacks(unweighted).fit(frame, series)
    assert unweighted.calls[1][3]["metadata"] is None


@protocol
def test_the_fitted_estimator_is_the_fit_that_ends_there(case):
    """A fit that is stopped by a callback after the same epoch predicts the same, to the last bit."""
    kind, parameters = case
    X, y = data(kind)
    recorder = Recorder()
    model = kind(**parameters).set_callbacks(recorder).fit(X, y)
    for i, given in enumerate(recorder.ends()):
        ended = kind(**parameters).set_callbacks(Recorder(stop_at=i)).fit(X, y)
        assert ended.status_ == "callback"
        np.testing.assert_array_equal(given["fitted"].predict(X), ended.predict(X))
        assert given["fitted"].get_params() == model.get_params()
    last = recorder.calls[-2]
    assert last[:2] == ("end", "fit")
    np.testing.assert_array_equal(last[3]["fitted"].predict(X), model.predict(X))


@protocol
@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (st.LinearRegression, {"max_epochs": 8}),
        (st.LinearRegression, {"max_epochs": 8, "batch_size": 20}),
        (st.PolynomialRegression, {"max_epochs": 8}),
        (st.PolynomialRegression, {"max_epochs": 8, "batch_size": 20}),
        (st.MLPRegressor, {"max_iter": 8}),
    ],
)
def test_the_fitted_estimator_of_several_targets(kind, parameters):
    X, y = data(kind)
    y = np.column_stack([y, y[::-1], y**2])
    recorder = Recorder()
    kind(random_state=0, **parameters).set_callbacks(recorder).fit(X, y)
    for i in (0, 3):
        ended = kind(random_state=0, **parameters).set_callbacks(Recorder(stop_at=i)).fit(X, y)
        predicted = recorder.ends()[i]["fitted"].predict(X)
        assert predicted.shape == y.shape
        np.testing.assert_array_equal(predicted, ended.predict(X))


@protocol
def test_a_task_begins_where_the_last_one_ended(case):
    kind, parameters = case
    X, y = data(kind)
    recorder = Recorder()
    kind(**parameters).set_callbacks(recorder).fit(X, y)
    begins = [
        g["fitted"] for hook, name, _, g in recorder.calls if (hook, name != "fit") == ("begin", 1)
    ]
    ends = [given["fitted"] for given in recorder.ends()]
    # A step's record is of the point that it starts from.
    later = begins if by_points(kind, parameters) else begins[1:]
    pairs = zip(later, ends, strict=False)
    for a, b in pairs:
        np.testing.assert_array_equal(a.predict(X), b.predict(X))


@protocol
def test_nothing_that_a_callback_does_not_ask_for_is_made(case, monkeypatch):
    class Quiet:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context): ...

    def refuse(*args, **kwargs):
        raise AssertionError("a copy was made")

    kind, parameters = case
    monkeypatch.setattr(
        "sklearn.callback._callback_context._from_reconstruction_attributes", refuse
    )
    model = kind(**parameters).set_callbacks(Quiet()).fit(*data(kind))
    with pytest.raises(AssertionError, match=r"a copy was made"):
        kind(**parameters).set_callbacks(Recorder()).fit(*data(kind))
    alone = kind(**parameters).fit(*data(kind))
    assert model.loss_curve_ == alone.loss_curve_  # and watching changes nothing


@protocol
@pytest.mark.parametrize("kind", [st.MLPRegressor, st.MLPClassifier])
def test_rows_that_are_held_out_are_not_training_data(kind):
    X, y = data(kind)
    weights = np.linspace(1, 2, len(y))
    recorder = Recorder()
    model = kind(max_iter=3, early_stopping=True, random_state=0).set_callbacks(recorder)
    model.fit(X, y, sample_weight=weights)
    given = recorder.ends()[0]
    kept = len(y) - int(np.ceil(0.1 * len(y)))
    assert given["X"].shape == (kept, X.shape[1])
    assert given["y"].shape == given["metadata"]["sample_weight"].shape == (kept,)
    assert given["X"] is recorder.ends()[1]["X"]  # taken once
    rows = np.searchsorted(weights, given["metadata"]["sample_weight"])
    np.testing.assert_array_equal(given["X"], X[rows])
    np.testing.assert_array_equal(given["y"], y[rows])


# ---------------------------------------------------------------- how a fit ends


@protocol
def test_a_callback_stops_the_fit(case):
    kind, parameters = case
    recorder = Recorder(stop_at=2)
    model = kind(**parameters).set_callbacks(recorder).fit(*data(kind))
    assert model.status_ == "callback"
    assert len(recorder.ends()) == 3
    assert recorder.tasks()[-2:] == [("end", "fit", 0), ("teardown", "fit", 0)]


@protocol
@pytest.mark.parametrize("at", [("setup", "fit", 0), ("begin", "fit", 0), ("end", "fit", 0)])
def test_a_callback_that_fails_around_the_fit_leaves_the_estimator_as_it_was(case, at):
    kind, parameters = case
    recorder = Recorder(fail_at=at)
    model = kind(**parameters).set_callbacks(recorder)
    before = set(vars(model))
    with pytest.raises(RuntimeError, match=r"the callback failed"):
        model.fit(*data(kind))
    assert recorder.tasks()[-1] == ("teardown", "fit", 0)
    assert set(vars(model)) == before


@protocol
@pytest.mark.parametrize("hook", ["begin", "end"])
def test_a_callback_that_fails_in_an_epoch_ends_the_fit_there(case, hook):
    kind, parameters = case
    name = "step" if by_points(kind, parameters) else "epoch"
    if parameters.get("solver") == "lbfgs":
        name = "iteration"
    recorder = Recorder(fail_at=(hook, name, 1))
    model = kind(**parameters).set_callbacks(recorder)
    with pytest.raises(RuntimeError, match=r"the callback failed"):
        model.fit(*data(kind))
    assert recorder.tasks()[-2:] == [(hook, name, 1), ("teardown", "fit", 0)]
    assert model.predict(data(kind)[0]).shape == data(kind)[1].shape  # what had been fitted is kept
    assert not [name for name in vars(model) if "callback" in name and name != "callbacks"][1:]


@protocol
def test_a_task_without_a_record_ends_too():
    """A descent that diverges in the middle of an epoch."""
    recorder = Recorder()
    X, y = data(st.MLPRegressor)
    model = st.MLPRegressor(optimizer=st.SGD(1e30), max_iter=5, random_state=0)
    model.set_callbacks(recorder).fit(X, y)
    assert model.status_ == "diverged"
    tasks = recorder.tasks()
    assert len([t for t in tasks if t[0] == "begin"]) == len([t for t in tasks if t[0] == "end"])


@protocol
def test_the_best_weights_come_back_after_a_stop_by_a_callback():
    X, y = data(st.MLPClassifier)
    model = st.MLPClassifier(
        max_iter=30,
        learning_rate_init=0.3,
        early_stopping=True,
        random_state=3,
        n_iter_no_change=50,
    )
    recorder = Recorder(stop_at=20)
    model.set_callbacks(recorder).fit(X, y)
    scores = model.validation_scores_
    assert len(scores) == 21
    best = int(np.argmax(scores))
    assert best < 20
    np.testing.assert_array_equal(
        model.predict_proba(X), recorder.ends()[best]["fitted"].predict_proba(X)
    )


# ---------------------------------------------------------------- where callbacks are given


@protocol
def test_the_parameter_takes_both_kinds(case):
    kind, parameters = case
    records, recorder, other = [], Recorder(), Recorder()
    model = kind(**parameters, callbacks=[records.append, recorder])
    model.set_callbacks(other, recorder).fit(*data(kind))
    assert len(records) == len(recorder.ends()) == len(other.ends()) > 1
    assert recorder.tasks() == other.tasks()  # given twice, called once
    assert set(clone(model).__dict__) == {*model.get_params(), "_skl_callbacks"}
    assert "_skl_callbacks" in vars(model)
    assert "_skl_callbacks" not in vars(kind(**parameters, callbacks=recorder).fit(*data(kind)))


@protocol
def test_what_is_no_callback_is_refused(case):
    kind, parameters = case
    X, y = data(kind)
    for bad in ([Recorder], [Recorder(), 3]):
        with pytest.raises(
            TypeError, match=r"callbacks must be callables that take a dict, or obj"
        ):
            kind(**parameters, callbacks=bad).fit(X, y)
    with pytest.raises(TypeError, match=r"FitCallback"):
        kind(**parameters).set_callbacks(print)


def test_an_older_scikit_learn_has_no_protocol(monkeypatch):
    monkeypatch.setattr("steepest.estimators.callbacks.has_protocol", lambda: False)
    model = st.LinearRegression(callbacks=[Recorder()])
    with pytest.raises(TypeError, match=r"callbacks.*too old; install 1\.9"):
        model.fit(*data(st.LinearRegression))
    assert not hasattr(model, "set_callbacks")
    assert not hasattr(model, "_init_callback_context")


@protocol
def test_partial_fit_is_no_fit(case):
    kind, parameters = case
    if parameters.get("solver") == "lbfgs":
        return
    X, y = data(kind)
    recorder, records = Recorder(), []
    model = kind(**parameters, callbacks=[recorder, records.append])
    classes = {"classes": np.unique(y)} if kind in CLASSIFIERS else {}
    model.partial_fit(X, y, epochs=3, **classes)
    assert not recorder.calls
    assert len(records) == len(model.loss_curve_) >= 3


# ---------------------------------------------------------------- scikit-learn's own callbacks


@protocol
def test_scoring_monitor(case):
    from sklearn.callback import ScoringMonitor

    kind, parameters = case
    X, y = data(kind)
    name, metric = ("accuracy", accuracy_score) if kind in CLASSIFIERS else ("r2", r2_score)
    monitor, recorder = ScoringMonitor(scoring=name), Recorder()
    model = kind(**parameters).set_callbacks(monitor, recorder).fit(X, y)
    log = monitor.get_logs().data
    assert log[0]["task_name"] == "fit"
    assert log[0][name] == metric(y, model.predict(X))
    assert [row[name] for row in log[1:]] == [
        metric(y, given["fitted"].predict(X)) for given in recorder.ends()
    ]


@protocol
def test_progress_bar(case):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    kind, parameters = case
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        kind(**parameters).set_callbacks(ProgressBar()).fit(*data(kind))
    assert f"{kind.__name__} - fit" in shown.getvalue()
    assert "100%" in shown.getvalue()


@protocol
def test_a_search_shows_the_fits_inside_of_it():
    """A callback set on the search is passed on, through a pipeline, as to scikit-learn's own estimators."""
    X, y = data(st.LogisticRegression)

    def tasks(estimator):
        bar = Bar()
        search = GridSearchCV(make_pipeline(StandardScaler(), estimator), {"memory": [None]}, cv=2)
        search.set_callbacks(bar).fit(X, y)
        return [task for task in bar.tasks() if task[1] not in ("step", "lbfgs-iter")]

    ours = tasks(st.LogisticRegression(max_epochs=3))
    assert ours == tasks(sklearn.linear_model.LogisticRegression(max_iter=3))
    assert [task[0] for task in ours].count("setup") == 1


@protocol
def test_each_fit_of_a_search_has_its_epochs_below_it():
    X, y = data(st.MLPClassifier)
    paths = []

    class Paths(Bar):
        def on_fit_task_end(self, estimator, context):
            path = [context]
            while path[0].parent is not None:
                path.insert(0, path[0].parent)
            paths.append([(c.estimator_name, c.task_name) for c in path])

    model = st.MLPClassifier(max_iter=2, random_state=0)
    GridSearchCV(model, {"alpha": [0.1]}, cv=2).set_callbacks(Paths()).fit(X, y)
    epochs = [path for path in paths if path[-1] == ("MLPClassifier", "epoch")]
    assert len(epochs) == 2 * 3  # two folds and the refit
    assert all(path[0] == ("GridSearchCV", "fit") for path in epochs)
    assert all(path[-2] == ("MLPClassifier", "fit") for path in epochs)


@protocol
def test_what_is_propagated_has_its_place_on_the_outermost():
    pipeline = make_pipeline(st.LinearRegression(callbacks=[Bar()]))
    with pytest.raises(TypeError, match=r"register it there"):
        pipeline.fit(*data(st.LinearRegression))


@protocol
def test_a_monitor_hears_from_other_processes():
    from sklearn.callback import ScoringMonitor

    X, y = data(st.MLPClassifier)
    monitor = ScoringMonitor(scoring="accuracy")
    model = st.MLPClassifier(max_iter=2, random_state=0).set_callbacks(monitor)
    GridSearchCV(model, {"alpha": [0.1]}, cv=2, n_jobs=2).fit(X, y)
    assert len(monitor.get_logs().data) == 3 * (1 + 2)


# ---------------------------------------------------------------- cost


def test_nothing_is_imported_for_it():
    code = """
import sys
import steepest as st
model = st.LinearRegression(callbacks=[print])
assert "sklearn.callback" not in sys.modules
st.LinearRegression(callbacks=[lambda record: None], max_epochs=3).fit([[0.0], [1.0]], [0.0, 1.0])
hasattr(model, "set_callbacks")
assert not {"sklearn.callback", "sklearn.metrics", "rich"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_a_fit_without_callbacks_gives_the_core_nothing_to_call(case):
    from steepest.estimators.callbacks import Watch

    kind, parameters = case
    assert Watch(kind(**parameters), *data(kind)).hook(lambda *_: {}) is None


@protocol
def test_a_copy_in_the_middle_of_a_fit_is_independent():
    X, y = data(st.MLPRegressor)
    recorder = Recorder()
    model = st.MLPRegressor(max_iter=4, random_state=0).set_callbacks(recorder).fit(X, y)
    first = recorder.ends()[0]["fitted"]
    before = first.predict(X)
    copy.deepcopy(model).fit(X, y)
    first.partial_fit(X, y)
    model.partial_fit(X, y)
    assert not np.array_equal(first.predict(X), before)
    np.testing.assert_array_equal(recorder.ends()[0]["fitted"].coefs_[0], first.coefs_[0])


@protocol
def test_patience_counts_the_tasks():
    X, y = data(st.LogisticRegression)
    recorder = Recorder()
    rule = NoImprovement(2, monitor="validation_score")
    model = st.LogisticRegression(stop=[rule], batch_size=10, random_state=0)
    model.set_callbacks(recorder).fit(X, y, validation_data=(X, y))
    assert model.status_ == "no_improvement"
    assert len(recorder.ends()) == model.n_iter_
    best = int(np.argmax(model.history_["validation_score"]))
    assert model.loss_ == model.loss_curve_[best]
    np.testing.assert_array_equal(
        recorder.ends()[best]["fitted"].predict_proba(X), model.predict_proba(X)
    )
