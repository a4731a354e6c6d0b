"""Pictures of a descent: loss curves, contours with a path, polynomial fits, schedules.

Every function takes the axes to draw on as ``ax=``, makes a small figure of its own if there are
none, and returns the axes. Nothing is shown and no global setting is changed, so the pictures go
into notebooks, scripts and other figures alike: ``ax.figure.savefig("loss.pdf")``.

matplotlib is needed when a function is called, not when this module is imported
(``pip install steepest[plot]``). The colours are those of Okabe and Ito, which people with any
common form of colour blindness can tell apart.

References
----------
.. [1] M. Okabe and K. Ito, *Color Universal Design*, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from steepest.plot._contour import contour
from steepest.plot._curves import loss_curve
from steepest.plot._polynomials import overfitting, polynomial_degrees, polynomial_fit
from steepest.plot._schedules import schedule

__all__ = [
    "contour",
    "loss_curve",
    "overfitting",
    "polynomial_degrees",
    "polynomial_fit",
    "schedule",
]
