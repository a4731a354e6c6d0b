"""Print the digits that each fit reaches on NIST's certified regressions (StRD), set by set.

Run by ``make nist``. A digit is a factor of ten in the relative error of the worst coefficient; 15 are certified.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from nist import FITS, SETS, digits, load

MEANING = """\
Correct digits of the worst coefficient of the certified form (powers of x, or the features' own units).
linear: LinearRegression(tol=1e-24). chebyshev, legendre, orthonormal: PolynomialRegression(degree, basis,
tol=1e-24). They descend on moments in double-double, and then refine. iterated: PolynomialRegression(degree,
"orthonormal"), coefficients in float64. on points: ten steps in that basis on the points, all in float64; for
Wampler5 an error of 1e-9 is less than the rounding of its largest y."""


def main() -> None:
    print("  ".join(["set".ljust(9), *(name.rjust(11) for name in FITS)]))
    for name in SETS:
        of = load(name)
        cells = []
        for fit, _ in FITS.values():
            coefficients = fit(of)
            cells.append(
                "-" if coefficients is None else f"{digits(coefficients, of.coefficients):.1f}"
            )
        print("  ".join([name.ljust(9), *(cell.rjust(11) for cell in cells)]))
    print(MEANING)


if __name__ == "__main__":
    main()
