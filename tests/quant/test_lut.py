"""Lut quantization: the levels of least error against every partition, and what they give back."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from npusim.errors import RangeError
from npusim.quant.encoders import lut, subset, uniform

RANDOM = np.random.default_rng(31)


def least_over_partitions(values: np.ndarray, mass: np.ndarray, count: int) -> float:
    """Return the least weighted squared error of `count` levels, all partitions tried."""
    order = np.argsort(values)
    values, mass = values[order], mass[order]
    best = np.inf
    for cuts in combinations(range(1, len(values)), count - 1):
        error = 0.0
        for start, end in zip((0, *cuts), (*cuts, len(values)), strict=True):
            mean = np.average(values[start:end], weights=mass[start:end])
            error += (mass[start:end] * (values[start:end] - mean) ** 2).sum()
        best = min(best, error)
    return best


@pytest.mark.parametrize("count", [2, 4])
def test_levels_are_those_of_the_best_partition(count: int) -> None:
    for _ in range(20):
        values = RANDOM.integers(0, lut.BINS, 10) / (lut.BINS - 1)  # each in a bin of its own
        values[:2] = 0, 1
        mass = RANDOM.uniform(0.1, 3, 10)
        means = lut.means_of(values, mass, count)
        assert (np.diff(means) >= 0).all()
        error = (mass * ((values[:, None] - means) ** 2).min(axis=1)).sum()
        assert error == pytest.approx(least_over_partitions(values, mass, count), abs=1e-12)


def test_fewer_values_than_levels_are_kept_as_they_are() -> None:
    assert lut.means_of(np.array([3.0, -1.0, 3.0]), np.ones(3), 4).tolist() == [-1, 3, 3, 3]
    assert lut.means_of(np.zeros(0), np.zeros(0), 4).tolist() == [0, 0, 0, 0]


def test_integers_keep_the_proportions_of_levels() -> None:
    for _ in range(50):
        means = np.sort(RANDOM.normal(size=8))
        found, unit = lut.integer_levels(means, np.ones(8))
        assert lut.LEAST_TOP <= np.abs(found).max() <= 127
        assert np.abs(found * unit - means).max() <= unit / 2 * (1 + 1e-9)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_on_levels_are_coded_without_error(bits: int) -> None:
    levels = np.sort(RANDOM.choice(np.arange(-127, 128), 1 << bits, replace=False))
    levels[np.abs(levels).argmax()] = 127 * np.sign(levels[np.abs(levels).argmax()])
    rows = np.stack([RANDOM.permutation(np.tile(levels, 40)) for _ in range(5)])
    weights = rows * RANDOM.uniform(0.01, 1, 5)[:, None]
    coded = lut.encode(weights, bits)
    assert np.allclose(coded.real(), weights, rtol=0, atol=0.006 * np.abs(weights).max())


def test_it_is_never_above_the_grids_that_it_holds() -> None:
    """A table holds uniform levels and every subset's, with their signs."""
    for bits in (2, 3, 4):
        weights = RANDOM.laplace(size=(8, 60)) * RANDOM.uniform(0.1, 3, 8)[:, None]
        error = ((lut.encode(weights, bits).real() - weights) ** 2).sum()
        for other in (
            uniform.encode(weights, bits, clip="squared-error"),
            subset.encode(weights, bits, normalize="channel"),
        ):
            assert error < 1.02 * ((other.real() - weights) ** 2).sum()


def test_turns_end_with_the_least_error_that_was_seen() -> None:
    weights = RANDOM.normal(size=(6, 50))
    first = lut.encode(weights, 3)
    again = lut.encode(weights, 3, levels=first.magnitudes)
    assert np.array_equal(first.codes, again.codes)
    best = ((first.real() - weights) ** 2).sum()
    for shift in (-1, 1):
        for place in range(8):
            moved = first.magnitudes.copy()
            moved[place] = np.clip(moved[place] + 6 * shift, -128, 127)
            other = lut.encode(weights, 3, levels=np.sort(moved))
            assert ((other.real() - weights) ** 2).sum() > best * 0.998


def test_dead_layers_and_channels_have_no_scale() -> None:
    weights = np.zeros((3, 5))
    assert not lut.encode(weights, 2).scales.any()
    weights[1] = 1
    coded = lut.encode(weights, 2)
    assert coded.scales[0].tolist()[::2] == [0, 0]
    assert np.allclose(coded.real(), weights)


def test_other_bits_are_refused() -> None:
    with pytest.raises(RangeError, match="lut: expected 2 to 4 bits, found 5"):
        lut.encode(np.ones((1, 4)), 5)
