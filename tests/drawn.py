"""What tests of pictures share: a descent to draw, and how to find what was drawn."""

from __future__ import annotations

import numpy as np


def bowl(x):
    return x[0] ** 2 + 10 * x[1] ** 2


def path_down_the_bowl(start, rate, n):
    points = [np.array(start, dtype=float)]
    for _ in range(n):
        x = points[-1]
        points.append(x - rate * np.array([2 * x[0], 20 * x[1]]))
    return np.array(points)


def line_named(ax, label):
    (line,) = (one for one in ax.get_lines() if one.get_label() == label)
    return line


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]
