"""Where the centre of piecewise linear codes ends, by the distribution that weights are taken for.

    E(p) = F(p) p^2 + (1 - F(p)) (m - p)^2       squared steps, weighed by the mass of each piece

with F(p) the share of weights |w| <= p, of a Gaussian or a Laplacian of deviation sigma, and m the
greatest |w|. `*-root` is the p of least E, found numerically; the closed forms are fits to it.

Source: Fang et al. 2020 (it prints the closed forms as p/m, they are p/sigma).
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from npusim.runtimes.elementary import exp, ln
from npusim.words import Breakpoint

HALVINGS = 60
LARGEST_DEVIATIONS = 30.0
"""No root lies beyond, whatever m: it grows as sqrt(2 ln m) or sqrt(2) ln m."""


def expected_breakpoint(largest: float, sigma: float, form: Breakpoint) -> float:
    """Return p for a channel of range `largest` and standard deviation `sigma`.

    Where the form leaves (0, m/2), or sigma is 0 or not a number, it is m/2.
    """
    half = largest / 2
    if not sigma > 0:
        return half
    p = sigma * FORMS[form](largest / sigma)
    return p if 0 < p < half else half


def sample_deviation(w: NDArray[np.float64]) -> float:
    """Return the standard deviation about the mean with K - 1 degrees of freedom, nan for K = 1."""
    if len(w) < 2:
        return float("nan")
    mean = w.sum() / len(w)
    return float(np.sqrt(((w - mean) ** 2).sum() / (len(w) - 1)))


def _gaussian(p: float) -> tuple[float, float]:
    """Return the share of weights beyond `p` deviations, and its density at `p`.

    erf(x) = 2 / sqrt(pi) e^(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...), all terms positive.
    """
    total = term = p
    odd = 3
    while term > total * 2.0**-53:
        term *= p * p / odd
        total += term
        odd += 2
    density = sqrt(2 / pi) * float(exp(np.array(-p * p / 2)))
    return 1.0 - density * total, density


def _laplacian(p: float) -> tuple[float, float]:
    beyond = float(exp(np.array(-sqrt(2) * p)))
    return beyond, sqrt(2) * beyond


def _root(of: Callable[[float], tuple[float, float]], m: float) -> float:
    """Return where E' is 0, in deviations; m/2 where E falls up to there."""
    low, high = 0.0, min(m / 2, LARGEST_DEVIATIONS)
    for _ in range(HALVINGS):
        p = (low + high) / 2
        beyond, density = of(p)
        if density / 2 * m * (2 * p - m) + p - m * beyond < 0:
            low = p
        else:
            high = p
    return high


FORMS: dict[Breakpoint, Callable[[float], float]] = {
    "gaussian": lambda m: ln(0.86143114 * m + 0.60790110),
    "laplacian": lambda m: 0.80304483 * sqrt(m) - 0.31667855,
    "gaussian-root": lambda m: _root(_gaussian, m),
    "laplacian-root": lambda m: _root(_laplacian, m),
}
"""p of m, both in deviations."""
