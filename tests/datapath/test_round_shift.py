"""round_shift: every rounding mode against exact fractions and against gemmlowp's two steps."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.round_shift import (
    MAX_SHIFT,
    RUY,
    TFLITE,
    TOTAL_LIMIT,
    UNIT,
    clamp,
    directed,
    interesting_total,
    round_shift,
    round_shift_all,
    round_shift_saturate,
)
from npusim.words import ROUNDINGS
from tests.datapath.witnesses import (
    round_fraction,
    rounding_divide_by_pot,
    ruy_two_steps,
    saturating_rounding_doubling_high_mul,
    verify_against,
    verify_cases,
)

ONE_ROUNDING = ("floor", "half_up", "half_away", "half_even")


def cases(seed: int, count: int = 20_000):
    rng = Random(seed)
    for _ in range(count):
        shift = rng.randint(0, MAX_SHIFT)
        yield interesting_total(rng, shift, TOTAL_LIMIT), shift


@pytest.mark.parametrize("rule", ONE_ROUNDING)
def test_a_mode_rounds_as_the_fraction_does(rule):
    mode = ROUNDINGS.index(rule)
    for total, shift in cases(1):
        assert round_shift(mode, total, shift) == round_fraction(Fraction(total, 1 << shift), rule)


@pytest.mark.parametrize("rule", ONE_ROUNDING)
def test_a_mode_rounds_as_the_fraction_does_on_every_small_sum(rule):
    mode = ROUNDINGS.index(rule)
    for shift in range(7):
        for total in range(-300, 301):
            expected = round_fraction(Fraction(total, 1 << shift), rule)
            assert round_shift(mode, total, shift) == expected


def two_steps(mode: int, shift: int, acc: int, multiplier: int) -> int:
    """Rounds at bit 31, then at the rest: half away (gemmlowp's), or half up (ruy's)."""
    if mode == TFLITE:
        high = saturating_rounding_doubling_high_mul(acc, multiplier)
        return rounding_divide_by_pot(high, shift - 31)
    return ruy_two_steps(acc * multiplier, shift)


def factored_cases(rng: Random, count: int):
    """An accumulator that the multiplier brings to an odd multiple of half, or close to it."""
    for _ in range(count):
        shift = rng.randint(31, MAX_SHIFT)
        multiplier = rng.choice((1 << 30, rng.randint(1 << 30, (1 << 31) - 1)))
        wanted = interesting_total(rng, shift, TOTAL_LIMIT)
        acc = clamp(wanted // multiplier + rng.randint(-1, 1), -(1 << 31), (1 << 31) - 1)
        yield acc, multiplier, shift


@pytest.mark.parametrize("mode", [TFLITE, RUY])
def test_double_rounding_is_its_authors_two_steps(mode):
    for acc, multiplier, shift in factored_cases(Random(2), 20_000):
        expected = two_steps(mode, shift, acc, multiplier)
        assert round_shift(mode, acc * multiplier, shift) == expected


def test_double_rounding_differs_from_one_rounding_where_it_should():
    """Just below 1.5 the first rounding makes the tie that the second rounds up."""
    total, shift = (3 << 32) - (1 << 30), 33
    assert round_shift(ROUNDINGS.index("half_up"), total, shift) == 1
    assert round_shift(TFLITE, total, shift) == round_shift(RUY, total, shift) == 2


@pytest.mark.parametrize("mode", range(len(ROUNDINGS)))
def test_a_shift_of_zero_is_the_identity(mode):
    for total in (1 - TOTAL_LIMIT, -1, 0, 1, TOTAL_LIMIT - 1):
        assert round_shift(mode, total, 0) == total


def test_saturation():
    assert round_shift_saturate(0, 511, 0, 10) == 511
    assert round_shift_saturate(0, 512, 0, 10) == 511
    assert round_shift_saturate(0, -512, 0, 10) == -512
    assert round_shift_saturate(0, -513, 0, 10) == -512


@pytest.mark.parametrize("mode", range(len(ROUNDINGS)))
def test_the_kernel_is_the_scalar(mode):
    by_shift: dict[int, list[int]] = {}
    for values in directed(total_bits=63):
        by_shift.setdefault(values["shift"], []).append(values["total"])
    for shift, totals in by_shift.items():
        rounded = np.empty(len(totals), np.int64)
        round_shift_all(mode, np.array(totals, np.int64), shift, rounded)
        assert rounded.tolist() == [round_shift(mode, total, shift) for total in totals]


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
def test_rtl_rounds_as_the_fraction_does(icarus):
    def scalar(total, mode, shift, out_bits):
        half = 1 << (out_bits - 1)
        value = round_fraction(Fraction(total, 1 << shift), ROUNDINGS[mode])
        return clamp(value, -half, half - 1)

    def vectors(rng, count):
        for total, shift in cases(rng.getrandbits(32), count):
            yield {"total": total, "mode": rng.randrange(4), "shift": shift}

    verify_against(UNIT, scalar, vectors=vectors)


@pytest.mark.rtl
def test_rtl_of_double_rounding_is_its_authors_two_steps(icarus):
    cases = []
    for acc, multiplier, shift in factored_cases(Random(3), 3_000):
        for mode in (TFLITE, RUY):
            expected = clamp(two_steps(mode, shift, acc, multiplier), -512, 511)
            cases.append(({"total": acc * multiplier, "mode": mode, "shift": shift}, expected))
    verify_cases(UNIT, cases, OUT_BITS=10)
