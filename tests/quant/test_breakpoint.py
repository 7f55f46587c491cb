"""Breakpoints by distribution: published values, and the least of the expected error itself."""

from __future__ import annotations

from math import erf, exp, sqrt

import numpy as np
import pytest

from npusim.quant.encoders.breakpoint import FORMS, expected_breakpoint, sample_deviation
from npusim.words import Breakpoint

CLOSED_FORMS = {
    "gaussian": {3: 1.161, 4: 1.400, 5: 1.592, 6: 1.754, 8: 2.015, 10: 2.222, 20: 2.881},
    "laplacian": {3: 1.074, 4: 1.289, 6: 1.650, 8: 1.955, 10: 2.223, 20: 3.275},
}
EXACT_ROOTS = {
    "gaussian": {3: 1.158, 4: 1.392, 5: 1.589, 6: 1.755, 8: 2.015, 10: 2.210, 20: 2.751},
    "laplacian": {3: 1.068, 4: 1.291, 6: 1.660, 8: 1.956, 10: 2.202, 20: 3.023},
}
"""m -> p in units of sigma (numerics.md, section 3)."""
ROOT_OF: dict[str, Breakpoint] = {"gaussian": "gaussian-root", "laplacian": "laplacian-root"}


@pytest.mark.parametrize("form", ["gaussian", "laplacian"])
def test_closed_forms_match_the_published_values(form: Breakpoint) -> None:
    for m, p in CLOSED_FORMS[form].items():
        assert expected_breakpoint(m, 1.0, form) == pytest.approx(p, abs=6e-4)


def expected_error(p: float, m: float, form: str) -> float:
    """Expected squared error, up to a factor: steps squared times the mass of each piece."""
    mass = erf(p / sqrt(2)) if form.startswith("gaussian") else 1 - exp(-sqrt(2) * p)
    return mass * p * p + (1 - mass) * (m - p) ** 2


@pytest.mark.parametrize("form", ["gaussian", "laplacian"])
def test_roots_have_the_least_expected_error_and_closed_forms_are_near(form: Breakpoint) -> None:
    for m, published in EXACT_ROOTS[form].items():
        grid = np.arange(0.2, m / 2, 0.001)
        best = grid[np.argmin([expected_error(float(p), m, form) for p in grid])]
        root = expected_breakpoint(m, 1.0, ROOT_OF[form])
        assert root == pytest.approx(published, abs=6e-4)
        assert root == pytest.approx(best, abs=6e-4)
        worst = {"gaussian": 0.14, "laplacian": 0.26}[form] if m == 20 else 0.022
        assert expected_breakpoint(m, 1.0, form) == pytest.approx(root, abs=worst)


@pytest.mark.parametrize("form", ["gaussian", "laplacian"])
@pytest.mark.parametrize("m", [1.7, 2.5, 7.3, 33.0, 500.0])
def test_no_step_from_a_root_lessens_the_error(m: float, form: Breakpoint) -> None:
    """In other units too; in a short range all of it may be best halved."""
    root = expected_breakpoint(3.0 * m, 3.0, ROOT_OF[form]) / 3.0
    least = expected_error(root, m, form)
    assert 0 < root <= m / 2
    for step in (-1e-3, -1e-4, 1e-4, 1e-3):
        assert root + step > m / 2 or expected_error(root + step, m, form) >= least


def test_the_root_of_a_sample_is_that_of_its_deviation() -> None:
    w = np.random.default_rng(3).standard_normal(400)
    m, sigma = float(np.abs(w).max()), sample_deviation(w)
    assert sigma == pytest.approx(w.std(ddof=1), rel=1e-14)
    root = expected_breakpoint(m, sigma, "gaussian-root")
    assert root == pytest.approx(sigma * expected_breakpoint(m / sigma, 1.0, "gaussian-root"))


def test_the_breakpoint_stays_below_half() -> None:
    for form in FORMS:
        assert expected_breakpoint(1.0, 10.0, form) == 0.5
        assert expected_breakpoint(1.0, 0.0, form) == 0.5
    assert expected_breakpoint(1.0, float("nan"), "laplacian") == 0.5
