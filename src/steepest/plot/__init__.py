"""Pictures of a descent.

Losses over time: `loss_curve`, `metric_bands` over seeds, `schedule`, `lr_find`. A function of two parameters with
the paths of descents: `contour`, `surface`, `animation`. Networks: `loss_plane`, `layer_statistics` and its parts
`layer_bands` and `layer_rates`, `network`, `decision_regions`. Fit and overfitting: `error_curve`,
`capacity_curve`, `learning_curve`, and for polynomials `overfitting`, `polynomial_degrees`, `polynomial_fit`.

Every function takes the axes to draw on as ``ax=`` (``axes=``, where there are several), makes a small figure of
its own if there are none, and returns the axes; `animation` returns an `Animation` that has them.
Nothing is shown and no global setting is changed, so the pictures go into notebooks, scripts and other figures
alike: ``ax.figure.savefig("loss.pdf")``.

matplotlib is needed when a function is called, not when this module is imported
(``pip install steepest[plot]``). The colours are those of Okabe and Ito, which people with any
common form of colour blindness can tell apart.

References
----------
.. [1] M. Okabe and K. Ito, *Color Universal Design*, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from steepest.plot._animation import Animation, animation
from steepest.plot._bands import metric_bands
from steepest.plot._contour import contour
from steepest.plot._curves import loss_curve
from steepest.plot._errors import capacity_curve, error_curve, learning_curve
from steepest.plot._layers import layer_bands, layer_rates, layer_statistics
from steepest.plot._loss_plane import loss_plane
from steepest.plot._lr_find import lr_find
from steepest.plot._network import network
from steepest.plot._polynomials import overfitting, polynomial_degrees, polynomial_fit
from steepest.plot._regions import decision_regions
from steepest.plot._schedules import schedule
from steepest.plot._surface import surface

__all__ = [
    "Animation",
    "animation",
    "capacity_curve",
    "contour",
    "decision_regions",
    "error_curve",
    "layer_bands",
    "layer_rates",
    "layer_statistics",
    "learning_curve",
    "loss_curve",
    "loss_plane",
    "lr_find",
    "metric_bands",
    "network",
    "overfitting",
    "polynomial_degrees",
    "polynomial_fit",
    "schedule",
    "surface",
]
