"""Subset quantization: the published subsets, the fast search against the plain one, the traps."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes.subset import UNIVERSAL_MAGNITUDES
from npusim.errors import RangeError
from npusim.quant.coded import sqnr_db
from npusim.quant.encoders import subset

RANDOM = np.random.default_rng(4)

PUBLISHED = [
    (1, 2, 4, 6, 9, 12, 18, 32), (1, 3, 6, 9, 12, 16, 20, 32), (0, 1, 2, 4, 6, 9, 16, 32),
    (1, 3, 6, 9, 12, 17, 24, 32), (3, 9, 17, 32), (2, 6, 12, 24), (1, 4, 9, 20), (2, 8, 16, 32),
    (9, 32), (4, 18), (2, 9), (4, 16), (8, 32),
]  # fmt: skip
"""Subsets of the paper's networks (numerics.md, section 4)."""


def smallest(magnitudes: tuple[int, ...]) -> tuple[int, ...]:
    return subset.smallest_form(np.array(magnitudes) / subset.UNIT, 1.0, 0.0)[0]


@pytest.mark.parametrize("magnitudes", PUBLISHED)
def test_weights_on_a_published_subset_give_it_back(magnitudes: tuple[int, ...]) -> None:
    bits = len(magnitudes).bit_length()
    integers = RANDOM.choice(magnitudes, size=4000)
    signs = RANDOM.choice([-1, 1], size=4000)
    weights = (integers * signs * 0.0173).reshape(4, 1000)
    coded = subset.encode(weights, bits)
    assert tuple(coded.magnitudes) == smallest(magnitudes)
    assert np.allclose(coded.real(), weights, rtol=0, atol=1e-12)


@pytest.mark.parametrize("magnitudes", PUBLISHED)
def test_every_published_subset_is_a_candidate_and_scored(magnitudes: tuple[int, ...]) -> None:
    bits = len(magnitudes).bit_length()
    grids = subset.candidates(bits)
    (place,) = np.flatnonzero((grids * subset.UNIT == magnitudes).all(axis=1))
    sizes = np.abs(RANDOM.standard_normal(3000))
    sizes /= sizes.max()
    ordered = np.sort(sizes)
    fast = subset.fit_subset(
        grids[place], ordered, np.concatenate([[0.0], np.cumsum(ordered)]), (ordered**2).sum()
    )
    assert fast == pytest.approx(subset.fit_plain(grids[place], sizes), rel=1e-9)


def test_the_candidates_are_all() -> None:
    assert [len(subset.candidates(bits)) for bits in (2, 3, 4)] == [105, 1365, 6435]
    assert len(UNIVERSAL_MAGNITUDES) == 15
    assert (subset.candidates(4, include_zero=True)[:, 0] == 0).all()
    assert len(subset.candidates(3, universe=subset.LOG2_MAGNITUDES)) == 35


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_fast_search_is_the_plain_search(bits: int) -> None:
    for sizes in (np.abs(RANDOM.standard_normal(150)), RANDOM.exponential(size=90)):
        sizes = sizes / sizes.max()
        fast, plain = subset.search(sizes, bits), subset.search_plain(sizes, bits)
        assert fast[0] == plain[0]
        assert fast[1:] == pytest.approx(plain[1:], rel=1e-9)


def test_smallest_integers() -> None:
    assert smallest((2, 4, 8, 32)) == (1, 2, 4, 16)
    assert smallest((3, 9, 18, 24)) == (1, 3, 6, 8)
    assert smallest((0, 4, 8, 12)) == (0, 1, 2, 3)
    assert smallest((9, 32)) == (9, 32)


def test_squared_errors_of_the_literature() -> None:
    """Unit variance, 4 bits: Gaussian .0102, Laplacian .0158."""
    gaussian = RANDOM.standard_normal((1, 200_000))
    laplacian = RANDOM.laplace(size=(1, 200_000)) / np.sqrt(2)
    for weights, expected in ((gaussian, 0.0102), (laplacian, 0.0158)):
        error = float(((subset.encode(weights, 4).real() - weights) ** 2).mean())
        assert error == pytest.approx(expected, rel=0.03)


def test_zeros_without_zero_in_the_set() -> None:
    """A true zero becomes +smallest, unless zero is asked for."""
    weights = np.concatenate([RANDOM.choice([-9.0, 32.0], size=(2, 50)), np.zeros((2, 3))], axis=1)
    coded = subset.encode(weights, 2)
    smallest_magnitude = coded.magnitudes[0]
    assert smallest_magnitude > 0
    assert (coded.planes()[0, :, -3:] == smallest_magnitude).all()
    with_zero = subset.encode(weights, 2, include_zero=True)
    assert (with_zero.planes()[0, :, -3:] == 0).all()


def test_normalization_helps_unlike_channels() -> None:
    weights = RANDOM.standard_normal((32, 100)) * np.exp(RANDOM.normal(size=(32, 1)) * 1.5)
    per_channel = [
        np.mean([sqnr_db(w, r) for w, r in zip(weights, coded.real(), strict=True)])
        for coded in (subset.encode(weights, 4), subset.encode(weights, 4, normalize="channel"))
    ]
    assert per_channel[1] > per_channel[0] + 1


def test_with_the_shift_scaler_scales_differ_by_powers_of_two() -> None:
    weights = RANDOM.standard_normal((6, 80)) * np.array([[1], [0.5], [0.1], [0.03], [4], [1e-7]])
    coded = subset.encode(weights, 4, equalize=True)
    assert coded.channel_shift.tolist()[5] == 15
    base = np.ldexp(coded.scales[0], coded.channel_shift)
    assert np.ptp(base) == 0


def test_log2_has_powers_of_two_only() -> None:
    coded = subset.encode(RANDOM.standard_normal((4, 100)), 3, log2=True)
    assert set(coded.magnitudes.tolist()) <= set(subset.LOG2_MAGNITUDES)
    with pytest.raises(RangeError, match="2 to 3 bits"):
        subset.encode(np.ones((1, 2)), 4, log2=True)
    with pytest.raises(RangeError, match="2 to 4 bits, found 5"):
        subset.encode(np.ones((1, 2)), 5)


@pytest.mark.parametrize("mean_power", [0.0, subset.RECTIFIED, 2.0])
def test_least_scales_are_the_least(mean_power: float) -> None:
    weights = RANDOM.laplace(size=(16, 27)) + 0.2
    levels = np.sign(weights) * np.ceil(np.abs(weights) * RANDOM.uniform(3, 5, weights.shape))
    scales = subset.least_scales(levels, weights, mean_power)

    def error(s: np.ndarray) -> np.ndarray:
        e = weights - s[:, None] * levels
        return (e * e).sum(axis=1) + mean_power * e.sum(axis=1) ** 2

    for factor in (0.9, 0.999, 1.001, 1.1):
        assert (error(scales) < error(scales * factor)).all()


def test_rectified_operands_have_the_mean_power_that_is_stated() -> None:
    operands = np.maximum(np.random.default_rng(2).standard_normal(2_000_000), 0)
    assert operands.mean() ** 2 / operands.var() == pytest.approx(subset.RECTIFIED, rel=0.005)


def test_least_scales_stay_positive() -> None:
    levels, weights = np.array([[1.0, -20.0, 0.0]]), np.array([[30.0, -1.0, 0.0]])
    scales = subset.least_scales(levels, weights, subset.RECTIFIED)
    assert scales == pytest.approx(50 / 401)  # plain least squares: the sums have other signs
    assert subset.least_scales(np.zeros((1, 3)), weights, subset.RECTIFIED) == 0
