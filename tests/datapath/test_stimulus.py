"""Random operands stay in range and reach what uniform draws miss: ends, zero, all magnitudes."""

from __future__ import annotations

import random

import pytest

from npusim.datapath.stimulus import between, chance, of_any_magnitude


@pytest.mark.parametrize(("low", "high"), [(-(1 << 31), (1 << 31) - 1), (0, 255), (-7, -2), (3, 3)])
def test_draws_stay_in_range_and_reach_both_ends(low: int, high: int) -> None:
    rng = random.Random(1)
    drawn = {between(rng, low, high) for _ in range(4000)}
    assert min(drawn) == low
    assert max(drawn) == high


def test_every_number_of_bits_is_drawn_alike() -> None:
    rng = random.Random(2)
    bits = [abs(of_any_magnitude(rng, -(1 << 31), 1 << 31)).bit_length() for _ in range(6600)]
    assert min(bits.count(n) for n in range(1, 32)) > 60


def test_chances_are_percentages() -> None:
    rng = random.Random(3)
    assert not any(chance(rng, 0) for _ in range(200))
    assert all(chance(rng, 100) for _ in range(200))
