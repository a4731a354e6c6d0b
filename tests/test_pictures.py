"""Pictures of runs: what the artists hold, beside numbers that are computed here another way."""

from __future__ import annotations

import base64
import io
import re
import statistics as by_hand
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import datasets
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.metrics import accuracy_score, mean_squared_error
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

mpl = pytest.importorskip("matplotlib")
mpl.use("Agg")

from drawn import bowl, legend_texts, line_named, path_down_the_bowl  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.colors import to_hex, to_rgb  # noqa: E402
from PIL import Image  # noqa: E402

import steepest as st  # noqa: E402
from steepest import plot  # noqa: E402
from steepest.calculus import NetworkLoss  # noqa: E402
from steepest.landscape import path_plane, random_plane  # noqa: E402
from steepest.recording import LayerStatistics  # noqa: E402

pytestmark = pytest.mark.usefixtures("no_picture_is_left")


PATHS = [path_down_the_bowl([-3.0, 1.5], 0.08, 20), path_down_the_bowl([3.0, 1.0], 0.02, 6)]
RANGES = (-4, 4), (-2, 2)


def band_of(collection):
    """Return the x, the lower and the upper edge of what fill_between has drawn."""
    corners = collection.get_paths()[0].vertices
    at = np.unique(corners[:, 0])
    edges = [corners[corners[:, 0] == x, 1] for x in at]
    return at, np.array([min(e) for e in edges]), np.array([max(e) for e in edges])


# --- bands over seeds -----------------------------------------------------------------------------

CURVES = [[9.0, 5.0, 1.0], [8.0, 1.0, 2.0], [7.0, 4.0, 3.0], [6.0, 2.0, 4.0], [5.0, 3.0, 5.0]]


def test_median_and_quartiles_of_fits():
    ax = plot.metric_bands(CURVES, labels="five")
    assert_array_equal(line_named(ax, "five").get_ydata(), [7, 3, 3])
    (band,) = ax.collections
    at, low, high = band_of(band)
    assert_array_equal(at, [0, 1, 2])
    assert_array_equal(low, [6, 2, 2])  # of five the second and the fourth
    assert_array_equal(high, [8, 4, 4])
    assert ax.get_ylabel() == "loss\n(median and quartiles of 5 fits)"
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "iteration"


def test_mean_and_deviation_of_fits():
    ax = plot.metric_bands(CURVES, band="deviation", log=False)
    columns = list(zip(*CURVES, strict=True))
    means = [by_hand.mean(column) for column in columns]
    spreads = [by_hand.stdev(column) for column in columns]
    assert_allclose(ax.get_lines()[0].get_ydata(), means)
    _, low, high = band_of(ax.collections[0])
    assert_allclose(high - low, np.multiply(2, spreads))
    assert "mean ± standard deviation of 5 fits" in ax.get_ylabel()


def test_groups_metrics_and_fits_that_end_early():
    def fit(n, factor):
        losses = factor * 0.5 ** np.arange(n)
        return SimpleNamespace(history_={"loss": losses, "validation_loss": 2 * losses})

    groups = [[fit(4, 1.0), fit(3, 2.0), fit(5, 3.0)], [fit(2, 1.0)]]
    ax = plot.metric_bands(*groups, metric=["loss", "validation_loss"], labels=["a", "b"])
    a, a_validation, b, b_validation = ax.get_lines()
    assert_array_equal(a.get_xydata(), [[0, 2], [1, 1], [2, 0.5]])
    assert_array_equal(a_validation.get_ydata(), [4, 2, 1])
    assert_array_equal(b.get_ydata(), [1, 0.5])
    assert a.get_color() == a_validation.get_color() != b.get_color()
    assert (a.get_linestyle(), a_validation.get_linestyle()) == ("-", "--")
    assert b_validation.get_linestyle() == "--"
    assert len(ax.collections) == 2  # one fit has no band
    assert legend_texts(ax) == ["a", "b", "training", "validation"]
    assert ax.get_ylabel() == "loss\n(median and quartiles of 1 to 3 fits)"
    assert ax.get_xlabel() == "epoch"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bands_of_real_fits():
    X, y = datasets.make_regression(60, 3, random_state=0)
    fits = [
        st.MLPRegressor(
            hidden_layer_sizes=(4,), max_iter=5, random_state=seed, callbacks=lambda r: None
        ).fit(X, y)
        for seed in range(3)
    ]
    ax = plot.metric_bands(fits, metric="gradient_norm")
    expected = [by_hand.median(f.history_["gradient_norm"][k] for f in fits) for k in range(5)]
    assert_array_equal(ax.get_lines()[0].get_ydata(), expected)
    assert ax.get_ylabel().startswith("gradient norm")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ([], {}, ValueError, "at least one group"),
        ([[]], {}, ValueError, "group 0 is empty"),
        ([3.0], {}, TypeError, "group 0 must be a list of fits or histories; got float"),
        ([[1.0, 2.0]], {}, TypeError, "got a list of numbers"),
        ([CURVES, {"loss": [1.0]}], {}, TypeError, "group 1 must be a list of fits"),
        ([CURVES], {"metric": "score"}, ValueError, "fit 0 of group 0 has no 'score'"),
        ([CURVES], {"metric": []}, ValueError, "metric must name one to 3 metrics; got 0"),
        ([CURVES], {"band": "range"}, ValueError, "band must be one of 'quartiles', 'deviation'"),
        ([CURVES], {"labels": ["a", "b"]}, ValueError, "labels must have one entry"),
        (
            [[{"loss": [2.0, 1.0], "step": [0, 5]}, {"loss": [2.0, 1.0], "step": [0, 9]}]],
            {},
            ValueError,
            "fit 1 of group 0 is recorded at other steps than fit 0",
        ),
    ],
)
def test_metric_bands_refuses(arguments, options, error, message):
    with pytest.raises(error, match=message):
        plot.metric_bands(*arguments, **options)
    assert plt.get_fignums() == []


# --- surface --------------------------------------------------------------------------------------


def test_surface_lifts_the_paths_onto_the_function():
    ax = plot.surface(bowl, *RANGES, PATHS, ["one", "two"], minimum=[0, 0], resolution=9)
    for name, path in zip(("one", "two"), PATHS, strict=True):
        x, y, z = line_named(ax, name).get_data_3d()
        assert_array_equal(np.c_[x, y], path)
        assert_allclose(z, path[:, 0] ** 2 + 10 * path[:, 1] ** 2)
    assert_array_equal(np.ravel(line_named(ax, "minimum").get_data_3d()), [0, 0, 0])
    assert legend_texts(ax) == ["one", "two", "minimum", "start", "end"]
    assert (ax.get_xlim(), ax.get_ylim()) == RANGES
    (ground,) = ax.collections
    x, y = np.meshgrid(np.linspace(-4, 4, 9), np.linspace(-2, 2, 9))
    z = x**2 + 10 * y**2
    corners = (z[1:, 1:] + z[:-1, 1:] + z[1:, :-1] + z[:-1, :-1]) / 4
    assert_allclose(ground.get_array(), corners.ravel())
    ax.figure.canvas.draw()


def test_surface_of_logarithms_and_beyond_the_ranges():
    path = np.array([[0.5, 0.0], [9.0, 0.0], [0.25, 0.0], [np.nan, 0.0]])
    ax = plot.surface(lambda x: x[0] ** 2 + 7, (-1, 1), (0, 1), path, "p", True, resolution=3)
    _, _, z = line_named(ax, "p").get_data_3d()
    assert_allclose(z, [np.log10(0.25), np.nan, np.log10(0.0625), np.nan])
    heights = ax.collections[0].get_array()
    assert_allclose(heights, [(0 - 4) / 2] * 4)  # 1 beside what lies on the floor of 1e-4
    assert "log" in ax.get_zlabel()
    ax.figure.canvas.draw()


def test_surface_refuses():
    with pytest.raises(TypeError, match="fun must be callable"):
        plot.surface(3, *RANGES)
    with pytest.raises(TypeError, match='ax must be a matplotlib Axes with projection="3d"; got A'):
        plot.surface(bowl, *RANGES, resolution=3, ax=plt.figure().gca())
    plt.close("all")
    for options, message in (
        ({"x_range": (1, 0)}, "x_range must be"),
        ({"resolution": 1}, "resolution must be"),
        ({"path": np.ones((3, 3))}, "path 0 must have shape"),
        ({"fun": lambda x: np.nan}, "fun is finite nowhere"),
    ):
        arguments = {"fun": bowl, "x_range": (-1, 1), "y_range": (-1, 1), "resolution": 3}
        with pytest.raises(ValueError, match=message):
            plot.surface(**arguments | options)
        assert plt.get_fignums() == []


# --- animation ------------------------------------------------------------------------------------


def film(**options):
    arguments = {"path": PATHS, "labels": ["one", "two"], "resolution": 5, "levels": 4}
    return plot.animation(bowl, *RANGES, **{**arguments, **options})


def test_frames_show_the_paths_up_to_their_step():
    animation = film(frames=5)
    assert_array_equal(animation.steps, [0, 5, 10, 15, 20])
    for frame, step in enumerate(animation.steps):
        ax = animation.draw(frame)
        for name, path in zip(("one", "two"), PATHS, strict=True):
            assert_array_equal(line_named(ax, name).get_xydata(), path[: step + 1])
        heads = [line for line in ax.get_lines() if line.get_marker() == "o"]
        shown = [tuple(line.get_xydata()[0]) for line in heads]
        assert tuple(PATHS[0][step]) in shown
        assert tuple(PATHS[1][min(step, 6)]) in shown  # it waits at its end
        assert ax.get_title() == f"step {step} of 20"


def test_which_steps_are_shown():
    assert_array_equal(film(frames=100).steps, np.arange(21))
    assert_array_equal(film(frames=21).steps, np.arange(21))
    steps = plot.animation(
        bowl, *RANGES, np.zeros((1001, 2)), resolution=5, frames=30, spacing="log"
    ).steps
    assert (steps[0], steps[-1], steps.size) == (0, 1000, 30)
    assert (np.diff(steps) > 0).all()
    assert_array_equal(steps[:4], [0, 1, 2, 3])
    assert np.diff(steps)[-1] > 100


def test_a_gif_has_every_frame_and_the_colours_of_the_paths(tmp_path):
    animation = film(frames=4, seconds=2.0)
    figure = animation.axes.figure
    canvas, dpi = figure.canvas, figure.dpi
    animation.save(tmp_path / "film.gif", dpi=60)
    assert (figure.canvas, figure.dpi) == (canvas, dpi)
    with Image.open(tmp_path / "film.gif") as gif:
        assert (gif.n_frames, gif.info["loop"]) == (4, 0)
        assert gif.size == tuple(np.round(60 * figure.get_size_inches()).astype(int))
        durations = []
        for frame in range(4):
            gif.seek(frame)
            durations.append(gif.info["duration"])
        assert durations == [500, 500, 500, 2000]
        pixels = np.asarray(gif.convert("RGB")).reshape(-1, 3).astype(int)
    for name in ("one", "two"):
        colour = 255 * np.array(to_rgb(line_named(animation.axes, name).get_color()))
        assert np.abs(pixels - colour).max(axis=1).min() <= 3
    animation.save(tmp_path / "again.gif", dpi=60)
    assert (tmp_path / "again.gif").read_bytes() == (tmp_path / "film.gif").read_bytes()


def test_a_frame_is_what_matplotlib_draws(tmp_path):
    animation = film(frames=3)
    with animation._renderer(80) as render:
        drawn = [np.asarray(render(frame)).astype(int) for frame in (0, 1)]
        moving_legend = animation.axes.get_legend()._loc
    animation.draw(1)
    animation.axes.get_legend().set_loc(moving_legend)
    animation.axes.figure.savefig(tmp_path / "frame.png", dpi=80, facecolor="white")
    with Image.open(tmp_path / "frame.png") as picture:
        expected = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(drawn[1] - expected).max() <= 2
    assert np.abs(drawn[0] - expected).max() > 50


def test_a_page_needs_nothing_but_itself(tmp_path):
    animation = film(frames=3)
    animation.save(tmp_path / "film.html", dpi=40)
    page = (tmp_path / "film.html").read_text()
    assert page == animation.to_html(dpi=40)
    assert not re.search(r"https?:|<link|<script [^>]*src|@import|@[A-Z]+@", page)
    pictures = re.findall(r"data:image/png;base64,([\w+/=]+)", page)
    assert len(pictures) == 3
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture, validate=True))) as frame:
            frame.verify()
            assert frame.format == "PNG"
    assert 'max="2"' in page
    assert "2000);" in page  # six seconds in three frames
    in_notebook = animation._repr_html_()
    assert in_notebook.startswith("<iframe srcdoc=")
    assert "<script>" not in in_notebook


def test_animation_refuses(tmp_path):
    for options, error, message in (
        ({"path": None, "labels": None}, ValueError, "at least one descent"),
        ({"frames": 1}, ValueError, "frames must be an integer, at least 2"),
        ({"spacing": "cubic"}, ValueError, "spacing must be one of 'even', 'log'"),
        ({"seconds": 0}, ValueError, "seconds must be a positive number; got 0"),
        ({"labels": ["one"]}, ValueError, "labels must have one entry"),
        ({"minimum": [1.0]}, ValueError, "minimum must have shape"),
        ({"ax": "here"}, TypeError, "ax must be a matplotlib Axes; got str"),
    ):
        with pytest.raises(error, match=message):
            film(**options)
        assert plt.get_fignums() == []
    animation = film(frames=2)
    with pytest.raises(ValueError, match=r"path must end in .gif or .html; got '.*film.mp4'"):
        animation.save(tmp_path / "film.mp4")
    with pytest.raises(ValueError, match="dpi must be a positive number"):
        animation.save(tmp_path / "film.gif", dpi=-1)
    assert list(tmp_path.iterdir()) == []


# --- networks -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    """A network, the loss of it, its path and its statistics."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
    model = st.MLPClassifier((8, 6), random_state=0, learning_rate_init=0.01)
    statistics, points = LayerStatistics(X, y), []
    for _ in range(6):
        model.partial_fit(X, y, classes=[0, 1, 2])
        statistics.record(model)
        points.append(np.concatenate([a.ravel() for a in (*model.coefs_, *model.intercepts_)]))
    return SimpleNamespace(
        model=model, loss=NetworkLoss(model, X, y), points=np.array(points), statistics=statistics
    )


def test_the_path_of_training_is_projected_onto_its_plane(trained):
    plane = path_plane(trained.points)
    ax = plot.loss_plane(trained.loss, plane, trained.points, resolution=7)
    away = (trained.points - trained.points[-1]).T
    expected = np.linalg.lstsq(plane.directions.T, away)[0].T
    paths = [line for line in ax.get_lines() if line.get_label().startswith("path")]
    (path,) = paths
    assert_allclose(path.get_xydata(), expected, atol=1e-12)
    assert re.fullmatch(r"path, \d+% of its variance", path.get_label())
    assert ax.get_xlabel() == "first principal component of the path"
    for k, (low, high) in enumerate((ax.get_xlim(), ax.get_ylim())):
        span = np.ptp(expected[:, k])
        assert low == pytest.approx(expected[:, k].min() - 0.2 * span)
        assert high == pytest.approx(expected[:, k].max() + 0.2 * span)
    again = plot.loss_plane(trained.loss, path_plane(trained.points), trained.points, resolution=7)
    assert_array_equal(again.get_lines()[0].get_xydata(), path.get_xydata())
    ax.figure.canvas.draw()


def test_the_contours_are_those_of_the_loss(trained):
    plane = random_plane(trained.loss, seed=1)
    ax = plot.loss_plane(trained.loss, plane, resolution=5, x_range=(-1, 1), y_range=(-0.5, 0.5))
    losses = [
        trained.loss(plane.origin + a * plane.directions[0] + b * plane.directions[1])
        for a in np.linspace(-1, 1, 5)
        for b in np.linspace(-0.5, 0.5, 5)
    ]
    levels = ax.collections[0].levels
    assert levels[0] == pytest.approx(min(losses))
    assert levels[-1] == pytest.approx(max(losses))
    written = {float(text.get_text()) for text in ax.texts}
    assert written <= {float(f"{level:.2g}") for level in levels}
    assert_array_equal(line_named(ax, "the network").get_xydata(), [[0, 0]])
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (-0.5, 0.5))


def test_loss_plane_refuses(trained):
    plane = path_plane(trained.points)
    with pytest.raises(TypeError, match="loss must be callable; got float"):
        plot.loss_plane(1.0, plane)
    with pytest.raises(TypeError, match=r"plane must be a steepest.landscape.Plane; got ndarray"):
        plot.loss_plane(trained.loss, trained.points)
    with pytest.raises(ValueError, match=r"points must have shape \(k, \d+\)"):
        plot.loss_plane(trained.loss, plane, trained.points[:, :-1])
    with pytest.raises(ValueError, match="y_range must be"):
        plot.loss_plane(trained.loss, plane, y_range=(1, 0))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("quantity", ["activations", "gradients", "updates"])
def test_layer_bands_draw_the_quantiles(trained, quantity):
    values = getattr(trained.statistics, quantity)[1]
    ax = plot.layer_bands(trained.statistics, quantity, 1)
    assert_array_equal(line_named(ax, "median").get_ydata(), values[:, 2])
    wide, narrow = ax.collections
    shown = ~np.isnan(values[:, 0])
    for band, low, high in ((wide, 0, 4), (narrow, 1, 3)):
        at, lower, upper = band_of(band)
        assert_array_equal(at, np.arange(6)[shown])
        assert_array_equal(lower, values[shown, low])
        assert_array_equal(upper, values[shown, high])
    assert legend_texts(ax) == ["5 to 95 %", "25 to 75 %", "median"]
    assert ax.get_yscale() == ("linear" if quantity == "activations" else "log")
    assert ax.get_title() == "layer 2: 8 to 6"


def test_layer_rates_and_the_board(trained):
    statistics = trained.statistics
    ax = plot.layer_rates(statistics, "update_ratios")
    for layer, line in enumerate(ax.get_lines()):
        assert_array_equal(line.get_ydata(), statistics.update_ratios[:, layer])
    assert legend_texts(ax) == ["layer 1: 5 to 8", "layer 2: 8 to 6", "layer 3: 6 to 3"]
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}) == 3
    dead = plot.layer_rates(statistics, "dead")
    assert len(dead.get_lines()) == 2
    assert_array_equal(dead.get_lines()[1].get_ydata(), statistics.dead[:, 1])
    board = plot.layer_statistics(statistics)
    assert board.shape == (3, 3)
    assert_array_equal(line_named(board[1, 2], "median").get_ydata(), statistics.gradients[2][:, 2])
    for row in board:
        assert len({ax.get_ylim() for ax in row}) == 1
    assert len([ax for ax in board.ravel() if ax.get_legend()]) == 1
    board[0, 0].figure.canvas.draw()
    _, axes = plt.subplots(3, 3)
    assert (plot.layer_statistics(statistics, axes) == axes).all()


def test_layers_that_stand_still_are_drawn_too():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20, 3))
    model, statistics = (
        st.MLPRegressor(hidden_layer_sizes=(4,), random_state=0),
        LayerStatistics(X, X[:, 0]),
    )
    for _ in range(3):
        model.partial_fit(X, X[:, 0])
        model.coefs_[0] = np.ones((3, 4))  # as if it were frozen
        statistics.record(model)
    board = plot.layer_statistics(statistics)
    moving = statistics.updates[1][1:]
    for ax in board[2]:
        low, high = ax.get_ylim()
        assert ax.get_yscale() == "log"
        assert moving.min() / 2 < low < moving.min() < moving.max() < high < 2 * moving.max()
    board[0, 0].figure.canvas.draw()
    still = plot.layer_bands(statistics, "updates", 0)
    assert still.get_yscale() == "linear"
    assert_array_equal(line_named(still, "median").get_ydata(), [np.nan, 0, 0])


def test_layers_refuse(trained):
    statistics = trained.statistics
    with pytest.raises(TypeError, match=r"statistics must be steepest.recording.LayerStatistics"):
        plot.layer_bands(trained.model, "updates", 0)
    with pytest.raises(ValueError, match="quantity must be one of 'activations', 'gradients'"):
        plot.layer_bands(statistics, "dead", 0)
    with pytest.raises(ValueError, match="quantity must be one of 'dead', 'update_ratios'"):
        plot.layer_rates(statistics, "updates")
    with pytest.raises(ValueError, match="layer must be below 3, the number of layers; got 3"):
        plot.layer_bands(statistics, "updates", 3)
    with pytest.raises(ValueError, match="nothing was recorded yet"):
        plot.layer_statistics(LayerStatistics())
    with pytest.raises(ValueError, match="axes must be 3 x 3 matplotlib Axes; got 1 of them"):
        plot.layer_statistics(statistics, [plt.figure().gca()])
    plt.close("all")
    tanh = st.MLPRegressor(hidden_layer_sizes=(2,), activation="tanh").partial_fit([[1.0]], [1.0])
    other = LayerStatistics([[1.0]], [1.0])
    other.record(tanh)
    with pytest.raises(ValueError, match="no layer of ReLUs that could be dead"):
        plot.layer_rates(other, "dead")
    with pytest.raises(ValueError, match="no updates: they need two records"):
        plot.layer_rates(other, "update_ratios")
    assert plt.get_fignums() == []


def test_a_network_is_drawn_weight_by_weight():
    weights = [np.array([[1.0, -0.5, 0.0], [0.0, 2.0, 0.0]]), np.array([[0.25], [-4.0], [0.0]])]
    ax = plot.network(weights, feature_names=["a", "b"])
    lines = {}
    for collection in ax.collections:
        for segment, width, colour in zip(
            collection.get_segments(),
            collection.get_linewidths(),
            collection.get_colors(),
            strict=True,
        ):
            assert segment[:, 0].tolist() in ([0, 1], [1, 2])
            lines[tuple(map(tuple, segment.tolist()))] = width, to_hex(colour)
    places = {
        x: sorted({y for ends in lines for (at, y) in ends if at == x}, reverse=True)
        for x in (0, 1, 2)
    }
    drawn = {
        (int(a), places[a].index(y), places[b].index(z)): look
        for ((a, y), (b, z)), look in lines.items()
    }
    blue, vermilion = "#0072b2", "#d55e00"
    assert drawn == {
        (0, 0, 0): (pytest.approx(3 / 4), blue),
        (0, 0, 1): (pytest.approx(3 / 8), vermilion),
        (0, 1, 1): (pytest.approx(3 / 2), blue),
        (1, 0, 0): (pytest.approx(0.2), blue),
        (1, 1, 0): (pytest.approx(3.0), vermilion),
    }
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["2 inputs", "a", "b", "3 units", "1 output"]
    empty = [line for line in ax.get_lines() if line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_xdata()) for line in empty) == 1  # the third hidden unit
    assert legend_texts(ax) == ["weight 4", "−4"]
    ax.figure.canvas.draw()


def test_of_large_layers_the_strongest_units_are_drawn():
    weights = np.zeros((20, 3))
    weights[[2, 7, 11], 0] = 1.0, -3.0, 0.5
    weights[15, 1] = 2.0
    names = [f"x{k}" for k in range(20)]
    ax = plot.network([weights], max_units=3, feature_names=names)
    assert [text.get_text() for text in ax.texts][:4] == ["3 of 20 inputs", "x2", "x7", "x15"]
    assert sum(len(collection.get_segments()) for collection in ax.collections) == 3


def test_fitted_networks_bring_their_names(trained):
    ax = plot.network(trained.model)
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["5 inputs", "8 units", "6 units", "3 outputs", "0", "1", "2"]
    assert sum(len(c.get_segments()) for c in ax.collections) == 5 * 8 + 8 * 6 + 6 * 3
    plot.network([np.zeros((2, 2))]).figure.canvas.draw()


def test_network_refuses(trained):
    for model, error, message in (
        (st.MLPClassifier(), ValueError, "model must be a fitted network; MLPClassifier has no co"),
        (3, TypeError, "model must be a fitted network or a list of its weights; got int"),
        ([], ValueError, "at least one layer"),
        ([np.ones((2, 3)), np.ones((2, 1))], ValueError, r"layer 1 must have shape \(3, n_out\)"),
        ([[["a"]]], TypeError, "weights of layer 0 must be real numbers"),
        ([[[np.inf]]], ValueError, "weights of layer 0 must be finite"),
    ):
        with pytest.raises(error, match=message):
            plot.network(model)
    with pytest.raises(ValueError, match="max_units must be an integer, at least 1"):
        plot.network(trained.model, max_units=0)
    with pytest.raises(ValueError, match="feature_names must have one entry for each unit, 5; got"):
        plot.network(trained.model, feature_names=["a"])
    assert plt.get_fignums() == []


# --- decision regions -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two():
    return datasets.make_blobs(40, centers=2, random_state=1)


def test_the_border_is_where_the_decision_function_is_zero(two):
    X, y = two
    model = LogisticRegression().fit(X, y)
    ax = plot.decision_regions(model, X, y, resolution=81)
    (border,) = ax.collections
    vertices = np.concatenate([path.vertices for path in border.get_paths()])
    assert len(vertices) > 20
    assert np.abs(model.predict_proba(vertices) - 0.5).max() < 0.02
    (image,) = ax.images
    pixels = image.get_array()
    left, right, bottom, top = image.get_extent()
    xs = left + (np.arange(81) + 0.5) * (right - left) / 81
    ys = bottom + (np.arange(81) + 0.5) * (top - bottom) / 81
    assert_allclose((xs[0], xs[-1]), ax.get_xlim())
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    sure = np.abs(model.predict_proba(grid)[:, 1] - 0.5) * 2
    colours = np.array([to_rgb("#0072B2"), to_rgb("#D55E00")])[model.predict(grid)]
    expected = 1 - 0.5 * sure[:, None] * (1 - colours)
    assert_allclose(pixels.reshape(-1, 3), expected, atol=1e-9)
    for k in (0, 1):
        assert_array_equal(line_named(ax, str(k)).get_xydata(), X[y == k])
    ax.figure.canvas.draw()


def test_regions_of_three_classes_of_words():
    X, y = datasets.make_blobs(60, centers=3, random_state=0)
    words = np.array(["ash", "oak", "yew"])[y]
    model = LinearDiscriminantAnalysis().fit(X, words)
    ax = plot.decision_regions(model, X, words, x_range=(-6, 6), y_range=(-4, 9), resolution=61)
    assert legend_texts(ax) == ["ash", "oak", "yew"]
    assert len({line.get_marker() for line in ax.get_lines()}) == 3
    assert len(ax.collections) == 3
    for border in ax.collections:
        for path in border.get_paths():
            best = np.sort(model.predict_proba(path.vertices), axis=1)
            assert np.median(best[:, 2] - best[:, 1]) < 0.05  # the two most probable are equal
    assert (ax.get_xlim(), ax.get_ylim()) == ((-6, 6), (-4, 9))


def test_regions_without_probabilities(two):
    X, y = two
    model = Perceptron().fit(X, y)
    ax = plot.decision_regions(model, X, y, resolution=31)
    colours = {to_hex(colour) for colour in ax.images[0].get_array().reshape(-1, 3)}
    assert len(colours) == 2


def test_decision_regions_refuses(two):
    X, y = two
    model = LogisticRegression().fit(X, y)
    for arguments, error, message in (
        ((3, X, y), TypeError, "model must have a method predict"),
        ((LogisticRegression(), X, y), ValueError, "model must be a fitted classifier"),
        ((model, X[:, :1], y), ValueError, r"X must have shape \(n, 2\), n > 0: two features"),
        ((model, X, y[:-1]), ValueError, r"y must have shape \(40,\); got shape \(39,\)"),
        ((model, X, y + 1), ValueError, "y must hold classes of the model; 2 is none"),
        ((model, X.astype(str), y), TypeError, "X must hold real numbers"),
        ((model, np.where(X[7, 0] == X, np.nan, X), y), ValueError, "X must be finite; row 7 is"),
        ((model, X, y, (2, 1)), ValueError, "x_range must be"),
    ):
        with pytest.raises(error, match=message):
            plot.decision_regions(*arguments)
    assert plt.get_fignums() == []


# --- fit and overfitting --------------------------------------------------------------------------


def test_error_curve_with_seeds():
    train = [[3.0, 1.0, 2.0], [1.0, 3.0, 5.0]]
    held_out = [[4.0, 6.0, 5.0], [7.0, 9.0, 8.0]]
    ax = plot.error_curve([20, 10], train, held_out, name="epoch")
    assert_array_equal(line_named(ax, "training").get_xydata(), [[10, 3], [20, 2]])
    assert_array_equal(line_named(ax, "validation").get_xydata(), [[10, 8], [20, 5]])
    assert_array_equal(line_named(ax, "best: epoch 20").get_xydata(), [[20, 5]])
    _, low, high = band_of(ax.collections[1])
    assert_array_equal(np.c_[low, high], [[7.5, 8.5], [4.5, 5.5]])
    assert ax.get_ylabel() == "error\n(median and quartiles of 3 fits)"
    assert ax.get_yscale() == "log"
    zero = plot.error_curve([1, 2], [0.0, 1.0], [1.0, 1.0], mark_best=False, log_values=True)
    assert (zero.get_yscale(), zero.get_xscale()) == ("linear", "log")
    assert legend_texts(zero) == ["training", "validation"]


def test_capacity_curve_fits_and_measures():
    X, y = datasets.make_moons(80, noise=0.4, random_state=0)
    train, held_out = (X[:50], y[:50]), (X[50:], y[50:])
    made = []

    def neighbours(k, seed):
        made.append((k, seed))
        return KNeighborsClassifier(k)

    ax = plot.capacity_curve(neighbours, [5, 1, 15], *train, *held_out, "neighbours", seeds=(3, 4))
    assert made == [(1, 3), (1, 4), (5, 3), (5, 4), (15, 3), (15, 4)]
    for name, (X_, y_) in (("training", train), ("validation", held_out)):
        wrong = [
            1 - accuracy_score(y_, KNeighborsClassifier(k).fit(*train).predict(X_))
            for k in (1, 5, 15)
        ]
        assert_allclose(line_named(ax, name).get_ydata(), wrong)
    assert ax.get_xlabel() == "neighbours"
    assert ax.get_ylabel().startswith("share of wrong classes\n")
    own = plot.capacity_curve(
        neighbours, [1], *train, *held_out, error=lambda model, X, y: float(len(X))
    )
    assert_array_equal(line_named(own, "validation").get_ydata(), [30])
    assert own.get_ylabel() == "error"


def test_learning_curve_takes_the_first_of_shuffled_rows():
    X, y = datasets.make_regression(40, 2, noise=5, random_state=0)
    seen = []

    class Neighbour(KNeighborsRegressor):
        def fit(self, X, y):
            seen.append(X)
            return super().fit(X, y)

    held_out = X[30:], y[30:]
    ax = plot.learning_curve(
        lambda seed: Neighbour(1), [10, 20], X[:30], y[:30], *held_out, seeds=[7]
    )
    order = np.random.default_rng(7).permutation(30)
    expected = []
    for rows, X_seen in zip((order[:10], order[:20]), seen, strict=True):
        assert_array_equal(X_seen, X[rows])
        model = KNeighborsRegressor(1).fit(X[rows], y[rows])
        expected.append(mean_squared_error(held_out[1], model.predict(held_out[0])))
    assert_allclose(line_named(ax, "validation").get_ydata(), expected)
    assert_array_equal(line_named(ax, "training").get_ydata(), [0, 0])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("training rows", "mean squared error")
    assert ax.get_xscale() == "log"


def test_error_curves_refuse():
    X, y = np.ones((4, 1)), np.ones(4)
    for arguments, error, message in (
        (([1, 2], [1], [1, 2]), ValueError, r"train_errors must have shape \(2,\)"),
        (([1, 2], [1, 2], [[[1]]]), ValueError, r"shape \(2,\) or \(2, seeds\)"),
        (([1], [1], [[np.nan, np.nan]]), ValueError, "validation_errors has no finite entry"),
        (([1], [1], [["a"]]), TypeError, "validation_errors must hold real numbers"),
        (
            ([0, 1], [1, 1], [1, 1], "width", "quartiles", True, True),
            ValueError,
            "values must be p",
        ),
        (([1], [1], [1], "width", "range"), ValueError, "band must be one of"),
    ):
        with pytest.raises(error, match=message):
            plot.error_curve(*arguments)
    with pytest.raises(TypeError, match="make_model must be callable"):
        plot.capacity_curve(3, [1], X, y, X, y)
    with pytest.raises(ValueError, match="values is empty"):
        plot.capacity_curve(KNeighborsRegressor, [], X, y, X, y)
    with pytest.raises(ValueError, match="seeds is empty"):
        plot.learning_curve(KNeighborsRegressor, [1], X, y, X, y, seeds=[])
    with pytest.raises(ValueError, match="sizes must not be beyond the 4 rows of X; got 9"):
        plot.learning_curve(KNeighborsRegressor, [1, 9], X, y, X, y)
    with pytest.raises(ValueError, match="y must have 4 rows, as X has; got 3"):
        plot.learning_curve(KNeighborsRegressor, [1], X, y[:3], X, y)
    with pytest.raises(TypeError, match="error must be callable"):
        plot.capacity_curve(KNeighborsRegressor, [1], X, y, X, y, error="mse")
    assert plt.get_fignums() == []


# --- range test -----------------------------------------------------------------------------------


def found(**changes):
    rates = np.geomspace(1e-4, 1.0, 9)
    losses = np.array([2.0, 1.9, 1.7, 1.2, 0.6, 0.5, 0.9, 50.0, 1e6])
    given = {"learning_rates": rates, "losses": losses, "smoothed": losses * 1.01}
    rest = {"suggestion": 3e-3, "steepest": 1e-2, "diverged_at": 1.0, "limit": 0.5}
    return SimpleNamespace(**{**given, **rest, **changes})


def test_range_test():
    ax = plot.lr_find(found())
    assert_array_equal(
        line_named(ax, "loss").get_xydata(), np.c_[found().learning_rates, found().losses]
    )
    assert_array_equal(line_named(ax, "smoothed").get_ydata(), found().smoothed)
    for label, rate in (
        ("suggestion: 0.003", 3e-3),
        ("steepest fall: 0.01", 1e-2),
        ("diverged: 1", 1.0),
        ("stable up to: 0.5", 0.5),
    ):
        assert_array_equal(line_named(ax, label).get_xdata(), [rate, rate])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    low, high = ax.get_ylim()
    assert 0.1 < low < 0.5
    assert 2.0 < high < 10.0  # the explosion doesn't flatten the rest
    ax.figure.canvas.draw()


def test_range_tests_without_marks_or_explosion():
    quiet = found(
        suggestion=None, steepest=float("nan"), diverged_at=None, limit=None, losses=np.full(9, 2.0)
    )
    ax = plot.lr_find(quiet, log=False)
    assert legend_texts(ax) == ["loss", "smoothed"]
    assert ax.get_yscale() == "linear"
    nothing = found(losses=np.full(9, np.nan), smoothed=np.full(9, np.nan))
    plot.lr_find(nothing).figure.canvas.draw()


def test_lr_find_refuses():
    with pytest.raises(TypeError, match=r"found must be a result of steepest.lr_find; dict has no"):
        plot.lr_find({})
    with pytest.raises(ValueError, match=r"found.losses must have shape \(9,\)"):
        plot.lr_find(found(losses=[1.0]))
    with pytest.raises(ValueError, match=r"found.learning_rates must be positive; one is 0.0"):
        plot.lr_find(found(learning_rates=np.arange(9.0)))
    assert plt.get_fignums() == []


# --- all of them ----------------------------------------------------------------------------------

POINTS = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
FLAT = {
    "metric_bands": lambda ax: plot.metric_bands(CURVES, labels="a", ax=ax),
    "error_curve": lambda ax: plot.error_curve([1, 2], [2, 1], [3, 4], ax=ax),
    "capacity_curve": lambda ax: plot.capacity_curve(
        lambda k, seed: KNeighborsRegressor(k), [1], POINTS, [1, 2, 3], POINTS, [1, 2, 4], ax=ax
    ),
    "learning_curve": lambda ax: plot.learning_curve(
        lambda seed: KNeighborsRegressor(1), [2], POINTS, [1, 2, 3], POINTS, [1, 2, 4], ax=ax
    ),
    "lr_find": lambda ax: plot.lr_find(found(), ax=ax),
    "decision_regions": lambda ax: plot.decision_regions(
        LogisticRegression().fit(POINTS, [0, 1, 1]), POINTS, [0, 1, 1], resolution=9, ax=ax
    ),
    "network": lambda ax: plot.network([np.ones((2, 2))], ax=ax),
    "loss_plane": lambda ax: plot.loss_plane(
        lambda x: float(x @ x), path_plane(np.eye(4)), resolution=5, ax=ax
    ),
    "animation": lambda ax: film(ax=ax, frames=2).axes,
    "layer_bands": lambda ax: plot.layer_bands(RECORDED, "activations", 0, ax=ax),
    "layer_rates": lambda ax: plot.layer_rates(RECORDED, "dead", ax=ax),
}
RECORDED = LayerStatistics([[1.0], [2.0]], [1.0, 2.0])
RECORDED.record(
    st.MLPRegressor(hidden_layer_sizes=(2,), random_state=0).partial_fit([[1.0]], [1.0])
)
every = pytest.mark.parametrize("draw", FLAT.values(), ids=FLAT)


@every
def test_given_axes_are_used_and_returned(draw):
    figure, axes = plt.subplots(1, 2)
    assert draw(axes[1]) is axes[1]
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].has_data()
    figure.canvas.draw()


@every
def test_own_figure_is_legible(draw):
    ax = draw(None)
    assert isinstance(ax, Axes)
    assert len(plt.get_fignums()) == 1
    ax.figure.canvas.draw()
    texts = [ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
    texts += ax.get_legend().get_texts()
    assert all(text.get_fontsize() >= 8 for text in texts)
    if ax.axison:
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


def test_surface_takes_axes_in_space():
    ax = plt.figure().add_subplot(projection="3d")
    assert plot.surface(bowl, *RANGES, PATHS[0], resolution=5, ax=ax) is ax
    assert len(plt.get_fignums()) == 1
