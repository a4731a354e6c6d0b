"""NIST's certified regressions (StRD): how many digits of the certified coefficients each fit reaches."""

from __future__ import annotations

import numpy as np
import pytest
from nist import FITS, SETS, digits, load


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("name", SETS)
def test_digits_of_the_certified_coefficients(isa, name, fit):
    of = load(name)
    coefficients, asked = FITS[fit][0](of), FITS[fit][1]
    if coefficients is None:
        pytest.skip("the other model's")
    reached = digits(coefficients, of.coefficients)
    print(f"{name}, {fit}: {reached:.1f} digits")
    assert reached >= asked


def test_the_files_are_read_whole():
    """The certified numbers of observations and of parameters, as the files' heads say."""
    sizes = {name: (load(name).X.shape, len(load(name).coefficients)) for name in SETS}
    assert sizes == {
        "Norris": ((36, 1), 2),
        "Pontius": ((40, 1), 3),
        "Longley": ((16, 6), 7),
        "Filip": ((82, 1), 11),
        **{f"Wampler{k}": ((21, 1), 6) for k in range(1, 6)},
    }


def test_a_digit_is_a_factor_of_ten():
    certified = load("Wampler1").coefficients  # all of them 1
    assert digits(np.ones(6), certified) == 15
    assert digits(np.array([1, 1, 1 + 1e-7, 1, 1, 1]), certified) == pytest.approx(7)
