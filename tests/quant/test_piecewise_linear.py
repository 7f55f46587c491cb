"""PWLQ: codes and the traps of numerics.md section 3."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.quant.coded import sqnr_db
from npusim.quant.encoders import piecewise_linear as pwlq
from npusim.quant.encoders import uniform
from npusim.quant.encoders.breakpoint import expected_breakpoint
from npusim.words import BREAKPOINTS

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("breakpoint", BREAKPOINTS)
def test_codes_are_the_nearest_levels(bits: int, breakpoint: pwlq.Breakpoint) -> None:
    weights = RANDOM.standard_normal((3, 300))
    coded = pwlq.encode(weights, bits, breakpoint=breakpoint)
    n = 2 ** (bits - 1) - 1
    for w, real, (s1, s2) in zip(weights, coded.real(), coded.scales.T, strict=True):
        levels = np.unique(np.concatenate([np.arange(n + 1) * s1, n * s1 + np.arange(n + 1) * s2]))
        levels = np.concatenate([-levels, levels])
        nearest = np.abs(w[:, None] - levels).min(axis=1)
        assert np.allclose(np.abs(w - real), nearest, rtol=0, atol=1e-12)
        assert levels.max() == pytest.approx(np.abs(w).max())


def test_the_breakpoint_itself_is_centre() -> None:
    """With one size of weights p is m / 2: sizes of exactly p are seven steps of the centre."""
    coded = pwlq.encode(np.array([[1.0, -1.0, 1.0, -1.0]]), 4)
    assert ((coded.codes >> 3) & 1).all()
    weights = np.array([[0.5, -0.5, 1.0, -1.0]]) * np.array([[1.0], [8.0]])
    p = weights.max(axis=1) / 2
    forced = np.repeat(weights, 1, axis=0)
    coded = pwlq.encode(forced, 4, breakpoint="search")
    at_p = np.abs(forced) == 7 * coded.scales[0][:, None]
    assert not ((coded.codes >> 3) & 1)[at_p].any()
    assert np.allclose(coded.real(), forced, atol=1e-12)
    assert (p > 0).all()


def test_zero_is_positive() -> None:
    weights = np.array([[0.5, -0.5, 1.0, -1.0, 0.0, -1e-9, 0.5000001]])
    coded = pwlq.encode(np.repeat(weights, 2, axis=1), 4)
    p = 7 * coded.scales[0, 0]
    assert coded.codes[0, 8:10].tolist() == [0, 0]
    tail = (coded.codes[0] >> 3) & 1
    assert tail.tolist() == (np.abs(np.repeat(weights, 2)) > p).astype(int).tolist()


def test_reference_grid_is_the_authors() -> None:
    """Centre step 2p / (2^b - 1), tail from p on, |w| = p in the tail."""
    weights = RANDOM.standard_normal((1, 400))
    coded = pwlq.encode(weights, 4, grid="reference")
    w = weights[0]
    m, sigma = np.abs(w).max(), w.std(ddof=1)
    p = expected_breakpoint(float(m), float(sigma), "gaussian")
    centre = np.rint(w / (2 * p / 15)) * (2 * p / 15)
    step = (m - p) / 7
    tail = np.sign(w) * (p + np.rint((np.abs(w) - p) / step) * step)
    expected = np.where(np.abs(w) < p, centre, tail)
    assert np.allclose(coded.real()[0], expected, rtol=0, atol=1e-12)
    assert coded.scales.shape == (3, 1)


@pytest.mark.parametrize("bits", [2, 3, 4, 6])
def test_search_is_best(bits: int) -> None:
    for weights in (RANDOM.standard_normal((4, 100)), RANDOM.laplace(size=(4, 100)) ** 3):
        searched = sqnr_db(weights, pwlq.encode(weights, bits, breakpoint="search").real())
        for breakpoint in ("gaussian", "laplacian"):
            closed = pwlq.encode(weights, bits, breakpoint=breakpoint).real()
            if breakpoint == "gaussian":
                assert searched >= sqnr_db(weights, closed) - 1e-9
        clipped = uniform.encode(weights, bits, clip="squared-error").real()
        assert searched >= sqnr_db(weights, clipped) - 1e-9


def test_eight_bits_store_nine() -> None:
    coded = pwlq.encode(RANDOM.standard_normal((2, 50)), 8)
    assert coded.codes.dtype == np.uint16
    assert coded.codes.max() >> 8 == 1
