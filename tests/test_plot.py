"""Pictures: what is drawn is what was given, on the axes that were given."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

mpl = pytest.importorskip("matplotlib")
mpl.use("Agg")

from drawn import bowl, legend_texts, line_named, path_down_the_bowl  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402

from steepest import plot, schedules  # noqa: E402

pytestmark = pytest.mark.usefixtures("no_picture_is_left")


@dataclass
class Result:
    """What minimize returns, as far as pictures go."""

    history: dict = field(default_factory=dict)
    path: np.ndarray | None = None


class Ridge(SimpleNamespace):
    """A fitted estimator, as far as pictures go."""

    def fit(self):
        raise AssertionError("pictures don't fit")


class MLP(Ridge):
    pass


class Chebyshev:
    """A polynomial by least squares."""

    def __init__(self, degree):
        self.degree = degree

    def fit(self, X, y):
        assert X.shape == (len(y), 1)
        self.series = np.polynomial.Chebyshev.fit(X[:, 0], y, self.degree)
        return self

    def predict(self, X):
        assert X.ndim == 2
        assert X.shape[1] == 1
        return self.series(X[:, 0])


class Unfittable:
    def fit(self, X, y):
        raise RuntimeError("no fit")


class Halving:
    unit = "epoch"

    def preview(self, n):
        return 0.5 ** np.arange(n)


def descent(start, rate, n):
    path = path_down_the_bowl(start, rate, n)
    return Result({"loss": np.array([bowl(x) for x in path])}, path)


LOSSES = np.geomspace(4.0, 1e-3, 30)
SLOWER = np.geomspace(4.0, 1e-1, 20)


# --- loss_curve -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "unit"),
    [
        (Ridge(history_={"loss": LOSSES}), "epoch"),
        (Ridge(history_={"loss": LOSSES}, loss_curve_=[9.0]), "epoch"),
        (Ridge(loss_curve_=list(LOSSES)), "epoch"),
        (Result({"loss": LOSSES, "gradient_norm": LOSSES}), "step"),
        ({"loss": LOSSES}, "iteration"),
        (LOSSES, "iteration"),
        (LOSSES.tolist(), "iteration"),
    ],
    ids=["history_", "history_ first", "loss_curve_", "result", "dict", "array", "list"],
)
def test_loss_curve_draws_the_history(source, unit):
    ax = plot.loss_curve(source)
    (line,) = ax.get_lines()
    assert_array_equal(line.get_xdata(), np.arange(30))
    assert_array_equal(line.get_ydata(), LOSSES)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (unit, "loss")
    assert ax.get_yscale() == "log"
    assert ax.get_legend() is None


def test_loss_curves_overlaid():
    ax = plot.loss_curve(Result({"loss": LOSSES}), Result({"loss": SLOWER}), labels=["a", "b"])
    assert_array_equal(line_named(ax, "a").get_ydata(), LOSSES)
    assert_array_equal(line_named(ax, "b").get_ydata(), SLOWER)
    assert line_named(ax, "a").get_color() != line_named(ax, "b").get_color()
    assert legend_texts(ax) == ["a", "b"]
    assert ax.get_xlabel() == "step"


def test_default_labels_and_units_of_a_mixture():
    ax = plot.loss_curve(
        MLP(loss_curve_=LOSSES), Ridge(loss_curve_=LOSSES), MLP(loss_curve_=SLOWER), SLOWER
    )
    assert legend_texts(ax) == ["MLP 1", "Ridge", "MLP 2", "curve"]
    assert ax.get_xlabel() == "iteration"


def test_validation_loss_is_dashed_in_the_colour_of_its_model():
    history = {"loss": LOSSES, "validation_loss": LOSSES * 1.5}
    ax = plot.loss_curve(Ridge(history_=history), LOSSES)
    training, validation, other = ax.get_lines()
    assert_array_equal(validation.get_ydata(), LOSSES * 1.5)
    assert validation.get_linestyle() == "--"
    assert validation.get_color() == training.get_color() != other.get_color()
    assert legend_texts(ax) == ["Ridge", "curve", "training", "validation"]
    assert legend_texts(plot.loss_curve(history)) == ["training", "validation"]
    assert len(plot.loss_curve(history, validation=False).get_lines()) == 1


@pytest.mark.parametrize("nothing", [None, [], np.full(30, np.nan)])
def test_empty_validation_is_no_validation(nothing):
    ax = plot.loss_curve({"loss": LOSSES, "validation_loss": nothing, "validation_score": nothing})
    assert len(ax.get_lines()) == 1
    assert len(ax.figure.axes) == 1
    assert ax.get_legend() is None


def test_validation_scores_have_an_axis_of_their_own():
    scores = np.linspace(0.2, 0.9, 30)
    first = MLP(loss_curve_=LOSSES, validation_scores_=scores)
    second = {"loss": LOSSES, "validation_score": 1 - scores}
    ax = plot.loss_curve(first, second)
    assert len(ax.get_lines()) == 2
    left, right = ax.figure.axes
    assert left is ax
    assert right.get_ylabel() == "validation score"
    assert right.get_yscale() == "linear"
    assert_array_equal(right.get_lines()[0].get_ydata(), scores)
    assert_array_equal(right.get_lines()[1].get_ydata(), 1 - scores)
    assert "validation score (right)" in legend_texts(ax)
    plot.loss_curve(first, ax=ax)
    assert len(ax.figure.axes) == 2  # the right axis is used again


def test_a_history_may_say_what_it_counts():
    ax = plot.loss_curve({"loss": [3.0, 2.0, 1.0], "step": [0, 10, 20]})
    assert_array_equal(ax.get_lines()[0].get_xdata(), [0, 10, 20])
    assert ax.get_xlabel() == "step"


def test_colours_go_on_where_an_earlier_call_stopped():
    ax = plot.loss_curve(LOSSES, labels="first")
    plot.loss_curve(SLOWER, labels="second", ax=ax)
    first, second = ax.get_lines()
    assert first.get_color() != second.get_color()
    assert legend_texts(ax) == ["first", "second"]


def test_many_curves_differ_in_colour_or_line():
    ax = plot.loss_curve(*[LOSSES * k for k in range(1, 16)])
    looks = {(to_hex(line.get_color()), line.get_linestyle()) for line in ax.get_lines()}
    assert len(looks) >= 14
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("losses", "log", "scale"),
    [
        (LOSSES, True, "log"),
        (LOSSES, False, "linear"),
        ([1.0, 0.1, 0.0], True, "log"),
        ([1.0, -0.1], True, "linear"),
        ([0.0, 0.0], True, "linear"),
        ([1.0, 2.0, np.inf, np.nan], True, "log"),
        ([np.nan], True, "linear"),
    ],
)
def test_log_scale_where_there_are_logarithms(losses, log, scale):
    ax = plot.loss_curve(losses, log=log)
    assert ax.get_yscale() == scale
    assert_array_equal(ax.get_lines()[0].get_ydata(), losses)
    ax.figure.canvas.draw()


def test_a_single_loss_is_visible():
    assert plot.loss_curve([1.0]).get_lines()[0].get_marker() == "o"


@pytest.mark.parametrize(
    ("sources", "labels", "message"),
    [
        ([], None, "at least one fitted model"),
        ([Ridge()], None, r"argument 0 of loss_curve \(Ridge\) has no loss curve: fit it first"),
        ([LOSSES, {"cost": LOSSES}], None, "argument 1 .* no 'loss' in its history; .* 'cost'"),
        ([np.ones((2, 2))], None, r"must have shape \(n,\); got shape \(2, 2\)"),
        ([[]], None, "is empty"),
        ([{"loss": LOSSES, "validation_loss": [1.0]}], None, r"must have shape \(30,\)"),
        ([LOSSES, SLOWER], ["a"], "labels must have one entry for each curve or path, 2; got 1"),
    ],
)
def test_loss_curve_refuses(sources, labels, message):
    with pytest.raises(ValueError, match=message):
        plot.loss_curve(*sources, labels=labels)
    assert plt.get_fignums() == []


def test_loss_curve_refuses_what_is_no_number():
    with pytest.raises(TypeError, match="must hold real numbers; got dtype <U1"):
        plot.loss_curve(["a", "b"])


# --- contour --------------------------------------------------------------------------------------


def test_contour_draws_the_path_and_its_ends():
    result = descent([-3.0, 1.5], 0.08, 20)
    ax = plot.contour(bowl, (-4, 4), (-2, 2), path=result, labels="descent", minimum=[0, 0])
    assert_array_equal(line_named(ax, "descent").get_xydata(), result.path)
    assert_array_equal(line_named(ax, "minimum").get_xydata(), [[0, 0]])
    points = [line.get_xydata() for line in ax.get_lines() if len(line.get_xydata()) == 1]
    assert any((point == result.path[0]).all() for point in points)
    assert any((point == result.path[-1]).all() for point in points)
    assert legend_texts(ax) == ["descent", "minimum", "start", "end"]
    assert ax.get_xlim() == (-4, 4)
    assert ax.get_ylim() == (-2, 2)
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_several_paths_in_several_forms():
    first, second = descent([-3.0, 1.5], 0.08, 20), descent([3.0, 1.0], 0.02, 5)
    ways = [
        [first, second],
        (first.path, second.path),
        [first.path.tolist(), second],
        [first, second.path],
    ]
    for path in ways:
        ax = plot.contour(bowl, (-4, 4), (-2, 2), path=path, labels=["one", "two"], resolution=11)
        assert_array_equal(line_named(ax, "one").get_xydata(), first.path)
        assert_array_equal(line_named(ax, "two").get_xydata(), second.path)
        assert line_named(ax, "one").get_color() != line_named(ax, "two").get_color()
    stacked = np.stack([first.path, first.path * 0.5])
    ax = plot.contour(bowl, (-4, 4), (-2, 2), path=stacked, labels=["one", "two"], resolution=11)
    assert_array_equal(line_named(ax, "two").get_xydata(), stacked[1])


@pytest.mark.parametrize("path", [[[0, 0], [1, 1]], ((0, 0), (1, 1)), np.eye(2)])
def test_one_path_as_points(path):
    ax = plot.contour(bowl, (-4, 4), (-2, 2), path=path, labels=["p"], resolution=11)
    assert_array_equal(line_named(ax, "p").get_xydata(), np.asarray(path, dtype=float))


def test_contour_sees_the_function_on_its_whole_plane():
    seen = []

    def fun(x):
        assert x.shape == (2,)
        seen.append(x.copy())
        return bowl(x)

    plot.contour(fun, (-4, 4), (-2, 3), resolution=5)
    grid = np.array(seen)
    assert len(grid) == 25
    assert_array_equal(np.unique(grid[:, 0]), np.linspace(-4, 4, 5))
    assert_array_equal(np.unique(grid[:, 1]), np.linspace(-2, 3, 5))


@pytest.mark.parametrize("log_levels", [True, False])
def test_levels(log_levels):
    ax = plot.contour(bowl, (-4, 4), (-2, 2), levels=12, log_levels=log_levels)
    bands, lines = ax.collections[:2]
    for drawn in (bands, lines):
        assert len(drawn.levels) == 12
        assert drawn.levels[0] == 0.0
        assert drawn.levels[-1] == 56.0
    steps = np.diff(bands.levels)
    if log_levels:
        ratios = bands.levels[2:] / bands.levels[1:-1]
        np.testing.assert_allclose(ratios, ratios[0])
        assert ratios[0] > 1.1
    else:
        np.testing.assert_allclose(steps, steps[0])


def test_heights_stand_where_they_belong():
    # Low at the left: a transposed plane would be low at the bottom.
    ax = plot.contour(lambda x: x[0], (0, 1), (0, 1), log_levels=False, levels=3, resolution=9)
    lowest = ax.collections[0].get_paths()[0].vertices
    assert lowest[:, 0].max() == pytest.approx(0.5)
    assert lowest[:, 1].max() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "fun",
    [
        lambda x: 3.0,
        lambda x: np.log(x[0]),
        lambda x: 1 / x[0],
        lambda x: np.array([x[1]]),
        lambda x: 1e200 * np.exp(400 * x[0]),
        lambda x: 1 + 2e-16 * (x[0] > 0),
    ],
)
def test_flat_and_partly_undefined_functions(fun):
    for log_levels in (True, False):
        ax = plot.contour(fun, (-1, 1), (-1, 1), resolution=11, log_levels=log_levels)
        ax.figure.canvas.draw()


def test_more_levels_than_colours():
    plot.contour(bowl, (-1, 1), (-1, 1), levels=400).figure.canvas.draw()


def test_path_that_diverges():
    path = np.array([[0.0, 0.0], [1e3, 1.0], [np.inf, np.nan]])
    ax = plot.contour(bowl, (-1, 1), (-1, 1), path=path, labels="p", resolution=11)
    assert_array_equal(line_named(ax, "p").get_xydata(), path)
    assert ax.get_xlim() == (-1, 1)
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x_range": (1, 1)}, r"x_range must be \(low, high\), finite and low < high"),
        ({"y_range": (0, np.inf)}, "y_range must be"),
        ({"y_range": (0, 1, 2)}, r"y_range must have shape \(2,\); got shape \(3,\)"),
        ({"path": np.ones((3, 3))}, r"path 0 must have shape \(k, 2\), k > 0; got shape \(3, 3\)"),
        ({"path": [np.ones((3, 2)), np.ones((3, 1))]}, r"path 1 must have shape"),
        ({"path": Result({"loss": LOSSES})}, r"path 0 was not recorded: .*record_path=True"),
        ({"path": np.ones((3, 2)), "labels": ["a", "b"]}, "labels must have one entry"),
        ({"minimum": [1, 2, 3]}, r"minimum must have shape \(2,\)"),
        ({"levels": 1}, "levels must be an integer, at least 2"),
        ({"resolution": 2.5}, "resolution must be an integer, at least 2"),
        ({"fun": lambda x: x}, r"fun must return one number; .* shape \(2,\)"),
        ({"fun": lambda x: np.nan}, "fun is finite nowhere"),
    ],
)
def test_contour_refuses(options, message):
    arguments = {"fun": bowl, "x_range": (-1, 1), "y_range": (-1, 1), "resolution": 5}
    with pytest.raises(ValueError, match=message):
        plot.contour(**arguments | options)
    assert plt.get_fignums() == []


def test_contour_needs_a_function():
    with pytest.raises(TypeError, match="fun must be callable; got ndarray"):
        plot.contour(np.ones((3, 3)), (-1, 1), (-1, 1))


# --- polynomials ----------------------------------------------------------------------------------


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    x, x_validation = rng.uniform(-2, 2, 18), rng.uniform(-2, 2, 14)

    def noisy(x):
        return np.sin(2.2 * x) + 0.3 * x + 0.25 * rng.normal(size=x.size)

    return x, noisy(x), x_validation, noisy(x_validation)


def test_polynomial_fit_draws_data_and_curve(data):
    x, y, x_validation, y_validation = data
    model = Chebyshev(5).fit(x[:, None], y)
    ax = plot.polynomial_fit(model, x[:, None], y, x_validation, y_validation)
    assert_array_equal(line_named(ax, "training data").get_xydata(), np.c_[x, y])
    assert_array_equal(
        line_named(ax, "validation data").get_xydata(), np.c_[x_validation, y_validation]
    )
    curve = line_named(ax, "fit, degree 5")
    at, values = curve.get_data()
    assert at.min() == min(x.min(), x_validation.min())
    assert at.max() == max(x.max(), x_validation.max())
    assert at.size >= 200
    assert_array_equal(values, model.series(at))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert "validation data" not in legend_texts(plot.polynomial_fit(model, x, y))


def test_the_view_follows_the_data(data):
    x, y, *_ = data
    wild = SimpleNamespace(predict=lambda X: 1e9 * X[:, 0])
    low, high = plot.polynomial_fit(wild, x, y).get_ylim()
    assert low < y.min() < y.max() < high
    assert high - low < 3 * np.ptp(y)
    # One point, and a curve that is nowhere finite, are pictures too.
    plot.polynomial_fit(SimpleNamespace(predict=lambda X: X * np.nan), [1.0], [2.0])


def test_polynomial_degrees_marks_the_best():
    degrees = [3, 1, 2, 4]
    train, validation = [0.2, 2.0, 1.0, 0.1], [0.5, 3.0, 1.5, 9.0]
    ax = plot.polynomial_degrees(degrees, train, validation)
    assert_array_equal(line_named(ax, "training").get_xydata().T, [[1, 2, 3, 4], [2, 1, 0.2, 0.1]])
    assert_array_equal(
        line_named(ax, "validation").get_xydata().T, [[1, 2, 3, 4], [3, 1.5, 0.5, 9]]
    )
    assert_array_equal(line_named(ax, "best: degree 3").get_xydata(), [[3, 0.5]])
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("degree", "error")
    assert plot.polynomial_degrees(degrees, train, validation, log=False).get_yscale() == "linear"


def test_polynomial_degrees_passes_over_errors_that_are_not_finite():
    ax = plot.polynomial_degrees([1, 2, 3], [1.0, 0.5, np.nan], [np.nan, 2.0, np.inf])
    assert line_named(ax, "best: degree 2").get_xydata()[0, 0] == 2
    ax.figure.canvas.draw()


def test_overfitting_is_seen(data):
    x, y, x_validation, y_validation = data
    panels = plot.overfitting(*data, degrees=range(1, 13), make_model=Chebyshev)
    assert panels.shape == (2,)
    assert panels[0].figure is panels[1].figure
    assert panels[1].get_ylabel() == "mean squared error"
    degrees, train = line_named(panels[1], "training").get_data()
    _, validation = line_named(panels[1], "validation").get_data()
    assert_array_equal(degrees, np.arange(1, 13))
    for k, degree in enumerate(degrees):
        model = Chebyshev(int(degree)).fit(x[:, None], y)
        assert train[k] == pytest.approx(np.mean((model.series(x) - y) ** 2))
        assert validation[k] == pytest.approx(
            np.mean((model.series(x_validation) - y_validation) ** 2)
        )
    best = int(degrees[validation.argmin()])
    assert 1 < best < 12
    assert train[-1] < train[best - 1]
    assert validation[-1] > 2 * validation[best - 1]
    line_named(panels[1], f"best: degree {best}")
    assert legend_texts(panels[0]) == [
        "training data",
        "validation data",
        "degree 1",
        f"degree {best} (best)",
        "degree 12",
    ]
    model = Chebyshev(best).fit(x[:, None], y)
    at, values = line_named(panels[0], f"degree {best} (best)").get_data()
    assert_array_equal(values, model.series(at))


def test_overfitting_makes_this_packages_models(data, monkeypatch):
    made = []

    def polynomial_regression(degree):
        made.append(degree)
        return Chebyshev(degree)

    package = SimpleNamespace(PolynomialRegression=polynomial_regression)
    monkeypatch.setitem(sys.modules, "steepest", package)
    plot.overfitting(*data, degrees=[3, 1, 3])
    assert made == [1, 3]


def test_overfitting_draws_on_given_axes(data):
    _, axes = plt.subplots(2, 1)
    panels = plot.overfitting(*data, degrees=[2], make_model=Chebyshev, axes=axes)
    assert list(panels) == list(axes)
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((3, 2)), np.ones(3)), r"x must have shape \(n,\); got shape \(3, 2\)"),
        ((np.ones(3), np.ones(4)), r"y must have shape \(3,\); got shape \(4,\)"),
        (([], []), "x is empty"),
        (([1.0, np.nan], [1, 2]), "x must be finite; row 1 is nan"),
        (([1, 2], [1, 2], [1]), "go together: y_validation is missing"),
        (([1, 2], [1, 2], None, [1]), "go together: x_validation is missing"),
    ],
)
def test_polynomial_fit_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.polynomial_fit(SimpleNamespace(predict=lambda X: X), *arguments)
    assert plt.get_fignums() == []


def test_other_polynomial_refusals(data):
    with pytest.raises(TypeError, match="model must have a method predict; got int"):
        plot.polynomial_fit(3, [1], [1])
    with pytest.raises(ValueError, match=r"predict must return one value for each row"):
        plot.polynomial_fit(SimpleNamespace(predict=lambda X: [1.0]), [1, 2], [1, 2])
    with pytest.raises(RuntimeError, match="no fit"):
        plot.overfitting(*data, degrees=[1], make_model=lambda degree: Unfittable())
    assert plt.get_fignums() == []
    with pytest.raises(ValueError, match=r"validation_errors must have shape \(2,\)"):
        plot.polynomial_degrees([1, 2], [1, 2], [1])
    with pytest.raises(ValueError, match="validation_errors has no finite entry"):
        plot.polynomial_degrees([1], [1], [np.nan])
    with pytest.raises(ValueError, match="degrees is empty"):
        plot.overfitting(*data, degrees=[])
    with pytest.raises(ValueError, match="axes must be two matplotlib Axes; got 1"):
        plot.overfitting(*data, degrees=[1], make_model=Chebyshev, axes=[plt.figure().gca()])
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes; got int"):
        plot.overfitting(*data, degrees=[1], make_model=Chebyshev, axes=[1, 2])


# --- schedules ------------------------------------------------------------------------------------


def test_schedule_draws_its_preview():
    ax = plot.schedule(Halving(), 6)
    (line,) = ax.get_lines()
    assert_array_equal(line.get_xydata(), np.c_[np.arange(6), 0.5 ** np.arange(6)])
    assert line.get_drawstyle() == "steps-post"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "learning rate factor")
    assert ax.get_ylim()[0] <= 0
    assert ax.get_legend() is None
    other = SimpleNamespace(preview=np.ones)
    assert plot.schedule(other, 6, ax=ax) is ax
    assert legend_texts(ax) == ["Halving", "SimpleNamespace"]
    assert len({line.get_color() for line in ax.get_lines()}) == 2


def test_schedules_of_several_hyper_parameters_are_drawn_together():
    both = {
        "learning_rate": schedules.OneCycle(50),
        "momentum": schedules.OneCycle(50, start=1, peak=0.9, final=1),
    }
    ax = plot.schedule(both, 50)
    for line, schedule in zip(ax.get_lines(), both.values(), strict=True):
        assert_array_equal(line.get_ydata(), schedule.preview(50))
    assert legend_texts(ax) == ["learning_rate", "momentum"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "factor")
    with pytest.raises(ValueError, match=r"must have one unit .* but have epoch and step"):
        plot.schedule({**both, "momentum": Halving()}, 5)
    with pytest.raises(ValueError, match="none: it is empty"):
        plot.schedule({}, 5)


def test_a_plateau_is_drawn_from_what_it_monitors():
    ax = plot.schedule(schedules.Plateau(0.5, patience=0), [3.0, 2.0, 2.0, 2.0])
    (line,) = ax.get_lines()
    assert_array_equal(line.get_xydata(), [[0, 1], [1, 1], [2, 1], [3, 0.5]])
    assert ax.get_xlabel() == "epoch"


def test_schedule_refuses():
    with pytest.raises(TypeError, match=r"schedule must have a method preview\(n\).*got float"):
        plot.schedule(0.1, 5)
    for n in (0, 2.0, True):
        with pytest.raises(ValueError, match="n must be an integer, at least 1"):
            plot.schedule(Halving(), n)
    with pytest.raises(ValueError, match=r"schedule.preview\(n\) must have shape \(5,\)"):
        plot.schedule(SimpleNamespace(preview=lambda n: np.ones(2)), 5)


# --- all of them ----------------------------------------------------------------------------------

every = pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plot.loss_curve(
            {"loss": LOSSES, "validation_score": LOSSES}, LOSSES, labels=["a", "b"], ax=ax
        ),
        lambda ax: plot.contour(
            bowl, (-4, 4), (-2, 2), path=descent([3, 1], 0.05, 9), resolution=11, ax=ax
        ),
        lambda ax: plot.polynomial_fit(
            Chebyshev(1).fit(np.eye(2)[:, :1], [1, 2]), [0, 1], [1, 2], ax=ax
        ),
        lambda ax: plot.polynomial_degrees([1, 2], [2, 1], [3, 4], ax=ax),
        lambda ax: plot.schedule(Halving(), 5, ax=ax),
    ],
    ids=["loss_curve", "contour", "polynomial_fit", "polynomial_degrees", "schedule"],
)


@every
def test_given_axes_are_used_and_returned(draw):
    figure, axes = plt.subplots(1, 2)
    assert draw(axes[1]) is axes[1]
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].has_data()
    assert axes[1].has_data()
    figure.canvas.draw()


@every
def test_own_figure_is_labelled_and_legible(draw):
    ax = draw(None)
    assert isinstance(ax, Axes)
    assert len(plt.get_fignums()) == 1
    ax.figure.set_size_inches(4, 3)
    ax.figure.canvas.draw()
    texts = [ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
    if ax.get_legend():
        texts += ax.get_legend().get_texts()
    assert all(text.get_fontsize() >= 8 for text in texts)
    assert ax.get_xlabel()
    assert ax.get_ylabel()


@every
def test_axes_of_another_kind(draw):
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes; got str"):
        draw("here")


@every
def test_without_matplotlib(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install steepest\[plot\]"):
        draw(None)


def test_colours_can_be_told_apart():
    # Those of Okabe and Ito, chosen for every common form of colour blindness.
    palette = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"}
    ax = plot.loss_curve(*[LOSSES * k for k in range(1, 8)])
    assert {to_hex(line.get_color()).upper() for line in ax.get_lines()} == palette


def test_import_needs_no_matplotlib():
    code = (
        "import sys, steepest.plot; "
        "print([m for m in ('matplotlib', 'scipy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
