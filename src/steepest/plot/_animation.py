"""Descents in motion, on the contours of a function of two parameters."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.plot._contour import (
    contour,
    edge_of,
    legend_of_paths,
    list_of_paths,
    path_width,
    read_path,
)
from steepest.plot._read import FloatArray, at_least, names_of, one_of, positive
from steepest.plot._style import pictured, unused_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

COMMON_COLOURS = 144  # of a frame; those of the paths, and their edges, come on top
MIXTURES = 8  # of a path's colour with the ground
GROUND = "#D2D0CC"


def animation(
    fun: Callable[[FloatArray], Any],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    path: Any,
    labels: str | Sequence[str] | None = None,
    levels: int = 30,
    log_levels: bool = True,
    minimum: ArrayLike | None = None,
    ax: Axes | None = None,
    *,
    resolution: int = 121,
    frames: int = 60,
    spacing: str = "even",
    seconds: float = 6.0,
) -> Animation:
    """Animate descents on the contours of a function of two parameters.

    All paths run side by side, step by step; one that has ended waits at its end. Nothing is drawn before
    the animation is saved or shown.

    Parameters
    ----------
    fun, x_range, y_range, labels, levels, log_levels, minimum, resolution
        As in :func:`contour`.
    path : array_like of shape (k, 2), result of minimize, or a list of those
        The descents. A result needs its path: ``minimize(..., record_path=True)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; what else its figure shows is in every frame. Default: a new figure.
    frames : int, default 60
        How many pictures at most; there are never more than steps, and the start.
    spacing : {"even", "log"}, default "even"
        Which steps the frames show: evenly many between two of them, or ever more, so that both the
        first steps and the long way after them are seen. The step is above each frame.
    seconds : float, default 6.0
        How long the animation runs before it begins anew.

    Returns
    -------
    Animation
        With :meth:`~Animation.save` for a GIF, :meth:`~Animation.to_html` for a page, and
        a player in notebooks.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``fun`` is not callable, or ``ax`` is not a matplotlib Axes.
    ValueError
        If there is no path, ``frames``, ``spacing`` or ``seconds`` is wrong, and as :func:`contour`.
    """
    paths = [read_path(one, k) for k, one in enumerate(list_of_paths(path))]
    if not paths:
        raise ValueError("path must have at least one descent to animate")
    names = names_of(labels, len(paths), [""] * len(paths))
    steps = _steps(max(map(len, paths)), at_least("frames", frames, 2), spacing)
    duration = positive("seconds", seconds)
    ax = contour(
        fun, x_range, y_range, None, None, levels, log_levels, minimum, ax, resolution=resolution
    )
    with pictured():
        runners = _runners(ax, paths, names)
        legend_of_paths(ax, False)
    return Animation(ax, paths, runners, steps, duration)


class Animation:
    """Descents in motion, as :func:`animation` returns them.

    Attributes
    ----------
    axes : matplotlib.axes.Axes
        Where they are drawn.
    steps : ndarray of int, (frames,)
        The step that each frame shows.
    seconds : float
        How long the animation runs.
    """

    def __init__(
        self,
        axes: Axes,
        paths: list[FloatArray],
        runners: list[tuple[Any, Any, Any]],
        steps: NDArray[np.int64],
        seconds: float,
    ) -> None:
        self.axes, self.steps, self.seconds = axes, steps, seconds
        self._paths, self._runners = paths, runners
        self.draw(0)

    def draw(self, frame: int) -> Axes:
        """Put everything where it is in a frame.

        Parameters
        ----------
        frame : int
            From 0 to ``len(steps) - 1``; negative ones count from the end.

        Returns
        -------
        matplotlib.axes.Axes
        """
        step = int(self.steps[frame])
        for points, (edge, trail, head) in zip(self._paths, self._runners, strict=True):
            for line in (edge, trail):
                line.set_data(*points[: step + 1].T)
            head.set_data(*points[[min(step, len(points) - 1)]].T)
        self.axes.set_title(f"step {step:,} of {int(self.steps[-1]):,}")
        return self.axes

    def save(self, path: str | os.PathLike[str], dpi: float = 100.0) -> None:
        """Write the animation to a file: a GIF, or by the name's ending an HTML page.

        Parameters
        ----------
        path : str or path
            Ends in ".gif", ".html" or ".htm".
        dpi : float, default 100.0
            Pixels an inch.

        Raises
        ------
        ValueError
            If the name ends otherwise, or ``dpi`` is not positive.
        """
        ending = Path(path).suffix.lower()
        if ending in (".html", ".htm"):
            Path(path).write_text(self.to_html(dpi), encoding="utf-8")
        elif ending == ".gif":
            first, *others = self._frames(dpi)
            # In hundredths of a second, as GIF counts; the end stands still for a while.
            times = [10 * max(2, round(100 * self.seconds / len(self.steps)))] * len(self.steps)
            times[-1] += 1500
            first.save(path, save_all=True, append_images=others, duration=times, loop=0)
        else:
            raise ValueError(f"path must end in .gif or .html; got {os.fspath(path)!r}")

    def to_html(self, dpi: float = 100.0) -> str:
        """Return a page with a player that needs nothing but itself: no network, no library.

        Parameters
        ----------
        dpi : float, default 100.0
            Pixels an inch.

        Returns
        -------
        str
            A whole HTML document, the frames in it.

        Raises
        ------
        ValueError
            If ``dpi`` is not positive.
        """
        pictures = []
        for frame in self._frames(dpi):
            buffer = io.BytesIO()
            frame.save(buffer, format="png", optimize=True)
            pictures.append(base64.b64encode(buffer.getvalue()).decode("ascii"))
        listed = ",\n".join(f'"data:image/png;base64,{picture}"' for picture in pictures)
        interval = 1000 * self.seconds / len(pictures)
        return (
            PAGE.replace("@FRAMES@", listed)
            .replace("@INTERVAL@", f"{interval:.0f}")
            .replace("@LAST@", str(len(pictures) - 1))
        )

    def _repr_html_(self) -> str:
        from html import escape

        width, height = (72 * size for size in self.axes.figure.canvas.figure.get_size_inches())
        page = escape(self.to_html(72.0), quote=True)
        # A frame of its own, so that several players in one notebook don't meet.
        return (
            f'<iframe srcdoc="{page}" width="{width + 40:.0f}" height="{height + 70:.0f}" '
            'style="border: 0"></iframe>'
        )

    def _frames(self, dpi: float) -> list[Image]:
        """Return the pictures, all with the colours of the last, in which everything is drawn."""
        from PIL.Image import Dither

        with self._renderer(positive("dpi", dpi)) as render:
            palette = self._palette(render(-1))
            return [
                render(frame).quantize(palette=palette, dither=Dither.NONE)
                for frame in range(len(self.steps))
            ]

    def _palette(self, picture: Image) -> Image:
        """Return the palette of all frames: what is common in this one, and the colours of the paths.

        These are few pixels, which would lose their colours to the greys of the hills.
        """
        from matplotlib.colors import to_rgb
        from PIL import Image

        common = picture.quantize(COMMON_COLOURS).getpalette() or []
        ground = np.array(to_rgb(GROUND))
        for _, trail, _ in self._runners:
            for part in np.linspace(1.0, 0.0, MIXTURES, endpoint=False):
                mixed = part * np.array(to_rgb(trail.get_color())) + (1.0 - part) * ground
                common += [int(level) for level in np.round(255 * mixed)]
        palette = Image.new("P", (1, 1))
        palette.putpalette(common[: 3 * 256])
        return palette

    @contextmanager
    def _renderer(self, dpi: float) -> Iterator[Callable[[int], Image]]:
        """Give what draws a frame: over the hills, drawn once, whatever moves or lies above that."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image

        figure: Any = self.axes.figure.canvas.figure
        legend = self.axes.get_legend()
        moving: list[Any] = [*self.axes.get_lines(), *([legend] if legend else []), self.axes.title]
        moving.sort(key=lambda artist: artist.get_zorder())
        its_canvas, its_dpi, its_face = figure.canvas, figure.dpi, figure.get_facecolor()
        canvas: Any = FigureCanvasAgg(figure)

        def render(frame: int) -> Image.Image:
            self.draw(frame)
            canvas.restore_region(hills)
            for artist in moving:
                self.axes.draw_artist(artist)
            return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")

        try:
            figure.set_dpi(dpi)
            figure.set_facecolor("white")
            for artist in moving:
                artist.set_animated(True)
            canvas.draw()  # lays the figure out
            if legend:  # stays where it hides the least of the whole paths
                self.draw(-1)
                corner = legend.get_window_extent(canvas.get_renderer())
                legend.set_loc(tuple(self.axes.transAxes.inverted().transform(corner.min)))
            canvas.draw()
            hills = canvas.copy_from_bbox(figure.bbox)
            yield render
        finally:
            for artist in moving:
                artist.set_animated(False)
            if legend:
                legend.set_loc("best")
            figure.set_facecolor(its_face)
            figure.set_dpi(its_dpi)
            figure.set_canvas(its_canvas)


def _steps(longest: int, frames: int, spacing: str) -> NDArray[np.int64]:
    """Return the steps to show, from the start to the end of the longest path."""
    one_of("spacing", spacing, ("even", "log"))
    last = longest - 1
    if frames > last:
        return np.arange(longest, dtype=np.int64)
    if spacing == "even":
        return np.round(np.linspace(0, last, frames)).astype(np.int64)
    # Ratios of less than a step, at first, round to the same one: more of them, until enough differ.
    tried = frames
    while True:
        steps = np.unique(np.round(np.geomspace(1, longest, tried) - 1).astype(np.int64))
        if len(steps) >= frames:
            return steps[np.round(np.linspace(0, len(steps) - 1, frames)).astype(np.int64)]
        tried += 1


def _runners(ax: Axes, paths: list[FloatArray], names: list[str]) -> list[tuple[Any, Any, Any]]:
    """Return for each path its trail's edge, its trail and its head, lines that are still empty."""
    runners = []
    styles = unused_styles(ax, len(paths))
    for k, (points, name, (colour, _)) in enumerate(zip(paths, names, styles, strict=True)):
        label: dict[str, Any] = {"label": name} if name else {}
        width = path_width(k, len(paths))
        (edge,) = ax.plot([], [], **edge_of(width))
        (trail,) = ax.plot([], [], color=colour, linewidth=width, zorder=3, **label)
        rim: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.8}
        (head,) = ax.plot([], [], "o", color=colour, markersize=7, zorder=5, **rim)
        ax.plot(*points[0], "o", color=colour, markerfacecolor="white", markersize=5, zorder=4)
        runners.append((edge, trail, head))
    return runners


PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>A descent</title>
<style>
body { font: 14px sans-serif; margin: 8px; color: #333 }
img { display: block; max-width: 100% }
div { display: flex; gap: 8px; align-items: center; max-width: 480px }
input { flex: 1 }
</style>
<img id="picture" alt="Descents on the contours of a function">
<div>
<button id="play" aria-label="play or pause">Pause</button>
<input id="frame" type="range" min="0" max="@LAST@" value="0" aria-label="frame">
</div>
<script>
const frames = [
@FRAMES@
];
const picture = document.getElementById("picture");
const play = document.getElementById("play");
const slider = document.getElementById("frame");
let at = 0, timer = null;
function show(frame) { at = frame; picture.src = frames[at]; slider.value = at; }
function stop() { clearInterval(timer); timer = null; play.textContent = "Play"; }
function start() {
  timer = setInterval(() => show((at + 1) % frames.length), @INTERVAL@);
  play.textContent = "Pause";
}
play.onclick = () => timer ? stop() : start();
slider.oninput = () => { stop(); show(Number(slider.value)); };
show(0);
start();
</script>
</html>
"""
