"""requantize: against fractions, gemmlowp and the identities that the schemes rest on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import frexp
from random import Random

import numpy as np
import pytest

from npusim.cosim import Wiring
from npusim.cosim.vectors import bounds_of
from npusim.cosim.verify import verify_module
from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.requantize import (
    TFLITE,
    UNIT,
    clamp,
    exact,
    requantize,
    requantize_all,
    requantize_total,
    vectors,
)
from npusim.datapath.round_shift import MAX_SHIFT, TOTAL_LIMIT
from npusim.words import ROUNDINGS
from tests.datapath.witnesses import (
    multiply_by_quantized_multiplier,
    round_fraction,
    rtl_of,
    ruy_two_steps,
    verify_against,
    verify_cases,
)

ONE_AFTER_THE_OTHER = replace(
    UNIT, name="chain_terms", variants=(), ties={}, latency_cycles=UNIT.latency({}) + 2,
    parameters={"MAX_TERMS": 2, "CYCLES": UNIT.latency({}) + 2},
)  # fmt: skip
"""Two terms with a gap between them, on one multiplier: chains/npu_chain_terms.v."""
ONE_ROUNDING = ("floor", "half_up", "half_away", "half_even")
BOUNDS = bounds_of(UNIT, UNIT.parameters, Wiring())
INT8 = {"zero_point": 0, "low": -128, "high": 127}


def by_fraction(acc, multiplier, bias, mode, shift, channel_shift, zero_point, low, high):
    """Return the output with one exact rounding; modes 0..3."""
    total = bias + sum(m * a for m, a in zip(multiplier, acc, strict=True))
    quotient = Fraction(total, 1 << (shift + channel_shift))
    return clamp(round_fraction(quotient, ROUNDINGS[mode]) + zero_point, low, high)


@pytest.mark.parametrize("terms", [1, 2, 3, 4])
def test_one_rounding_is_the_fraction_rounded(terms):
    for values in vectors(Random(terms), 5_000, terms, BOUNDS):
        values = {**values, "mode": values["mode"] % len(ONE_ROUNDING)}
        assert requantize(**values) == by_fraction(**values)


def test_the_exact_value_is_within_one_of_the_unclamped_output():
    for values in vectors(Random(5), 2_000, 4, BOUNDS):
        operands = {k: v for k, v in values.items() if k not in ("mode", "low", "high")}
        wide = {**values, "low": -(1 << 70), "high": 1 << 70}
        assert abs(requantize(**wide) - exact(**operands)) <= 1


def tflite_cases(rng: Random, count: int):
    """Accumulators whose result is near the clamps, multipliers from real ratios of scales."""
    for _ in range(count):
        fraction, exponent = frexp(2.0 ** rng.uniform(-24, 2))
        multiplier = min(int(fraction * (1 << 31)), (1 << 31) - 1)
        reach = int(140 / fraction * 2.0**-exponent) + 2
        acc = clamp(rng.randint(-reach, reach), -(1 << 29), (1 << 29) - 1)
        yield acc, multiplier, exponent


def test_tflite_mode_is_gemmlowps_definition():
    for acc, multiplier, exponent in tflite_cases(Random(6), 20_000):
        for bias in (0, 17):
            expected = multiply_by_quantized_multiplier(acc + bias, multiplier, exponent)
            found = requantize(
                (acc,), (multiplier,), bias * multiplier, TFLITE, 31 - exponent, 0, 0,
                -(1 << 40), 1 << 40,
            )  # fmt: skip
            assert found == expected


def test_the_row_that_everyone_argues_about():
    """585 * 1527099593 * 2^-37 is 6.5000005: 7 in integers, but 6 in float32 from the scales."""
    sx, sw, so = np.float32(0.0766), np.float32(float.fromhex("0x1.83dac2p-10")), np.float32(0.0102)
    assert round(float(np.float32(585) * np.float32(sx * sw / so))) == 6
    fraction, exponent = frexp(float(sx) * float(sw) / float(so))
    assert (round(fraction * (1 << 31)), exponent) == (1527099593, -6)
    assert multiply_by_quantized_multiplier(585, 1527099593, -6) == 7
    for rule in ("tflite", "half_up", "ruy"):
        mode = ROUNDINGS.index(rule)
        assert requantize((585,), (1527099593,), 0, mode, 37, 0, **INT8) == 7, rule


def test_wes_is_the_per_channel_requantizer():
    for values in vectors(Random(7), 5_000, 1, BOUNDS):
        whole = values["shift"] + values["channel_shift"]
        assert requantize(**values) == requantize(**{**values, "shift": whole, "channel_shift": 0})


def test_shifting_the_accumulator_before_the_multiplication_is_something_else():
    """The tempting cheaper form; at n_c = 12 about half of the outputs differ."""
    rng, differences = Random(8), 0
    for _ in range(1_000):
        acc, multiplier = rng.randint(-(1 << 19), 1 << 19), rng.randint(1 << 30, (1 << 31) - 1)
        right = requantize((acc,), (multiplier,), 0, 1, 31, 12, **INT8)
        wrong = requantize((acc >> 12,), (multiplier,), 0, 1, 31, 0, **INT8)
        differences += right != wrong
    assert 360 <= differences <= 660


def merged_points(rng: Random, count: int):
    """Two points of a channel, the second's step 2^-k of the first's; their merged accumulator."""
    for _ in range(count):
        k = rng.randint(0, 7)
        a1, a2 = (rng.randint(-(1 << 20), 1 << 20) for _ in range(2))
        multiplier = rng.randint(1 << 22, (1 << 24) - 1)
        yield (a1, a2), (multiplier << k, multiplier), (a1 << k) + a2, rng.randint(28, 44)


def test_points_with_a_power_of_two_ratio_merge_exactly():
    for acc, multiplier, merged, shift in merged_points(Random(9), 5_000):
        for mode in range(len(ROUNDINGS)):
            two = requantize(acc, multiplier, 12345, mode, shift, 0, **INT8)
            assert two == requantize((merged,), multiplier[1:], 12345, mode, shift, 0, **INT8)


def test_the_zero_point_folds_into_the_bias():
    """sum w (x - z) = sum w x - z sum w, so B' = B - M z W takes raw activations."""
    rng = Random(10)
    for zero_point in (-128, -127, 0, 127):
        for _ in range(500):
            weights = [rng.randint(-128, 127) for _ in range(32)]
            x = [rng.randint(-128, 127) for _ in range(32)]
            multiplier, bias = rng.randint(1 << 30, (1 << 31) - 1), rng.randint(-(1 << 45), 1 << 45)
            shifted = sum(w * (v - zero_point) for w, v in zip(weights, x, strict=True))
            raw = sum(w * v for w, v in zip(weights, x, strict=True))
            folded = bias - multiplier * zero_point * sum(weights)
            for mode in range(len(ROUNDINGS)):
                one = requantize((shifted,), (multiplier,), bias, mode, 43, 0, **INT8)
                assert one == requantize((raw,), (multiplier,), folded, mode, 43, 0, **INT8)


def test_a_bias_beyond_int32_and_the_greatest_shift():
    """b = 3, sx = .02, sw = .0005, n_c = 15: the accumulator's bias is 9.8e9, past int32."""
    bias_acc, multiplier = 9_830_400_000, 1 << 25
    total = bias_acc * multiplier
    assert bias_acc > 1 << 31
    assert abs(total) < TOTAL_LIMIT
    assert requantize((0,), (0,), total, 1, 47, 15, **INT8) == (total + (1 << 61)) >> 62 == 0
    assert requantize((0,), (0,), TOTAL_LIMIT - 1, 1, 47, 15, **INT8) == 1
    assert requantize((0,), (0,), 1 - TOTAL_LIMIT, 1, 47, 15, **INT8) == -1


@pytest.mark.parametrize("terms", [1, 2, 4])
def test_the_kernel_is_the_scalar(terms):
    rows = list(vectors(Random(11), 3_000, terms, BOUNDS))
    bounds = (-3, -100, 90)
    for mode in range(len(ROUNDINGS)):
        out = np.empty(len(rows), np.int16)
        columns = {
            name: np.array([row[name] for row in rows], np.int64)
            for name in ("acc", "multiplier", "bias", "shift", "channel_shift")
        }
        requantize_all(**columns, mode=mode, bounds=bounds, out=out)
        expected = [
            requantize(
                row["acc"], row["multiplier"], row["bias"], mode, row["shift"],
                row["channel_shift"], *bounds,
            )
            for row in rows
        ]  # fmt: skip
        assert out.tolist() == expected


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
def test_rtl_rounds_as_the_fraction_does(icarus):
    def one_rounding(rng, count, max_terms):
        for values in vectors(rng, count, max_terms, BOUNDS):
            yield {**values, "mode": values["mode"] % len(ONE_ROUNDING)}

    verify_against(UNIT, by_fraction, vectors=one_rounding)


@pytest.mark.rtl
def test_rtl_in_tflite_mode_is_gemmlowps_definition(icarus):
    def scalar(acc, multiplier, shift, zero_point, low, high):
        value = multiply_by_quantized_multiplier(acc[0], multiplier[0], 31 - shift)
        return clamp(value + zero_point, low, high)

    def from_scales(rng, count):
        for acc, multiplier, exponent in tflite_cases(rng, count):
            yield {
                "acc": (acc,), "multiplier": (multiplier,), "bias": 0, "mode": TFLITE,
                "shift": 31 - exponent, "channel_shift": 0,
                "zero_point": rng.randint(-128, 127), "low": -128, "high": 127,
            }  # fmt: skip

    verify_against(UNIT, scalar, vectors=from_scales, MAX_TERMS=1)


@pytest.mark.rtl
def test_rtl_with_a_channel_shift_is_the_per_channel_requantizer(icarus):
    def per_channel(
        acc, multiplier, bias, mode, shift, channel_shift, zero_point, low, high
    ):  # the golden form has no channel shift
        total = bias + multiplier[0] * acc[0]
        return requantize_total(total, mode, shift + channel_shift, zero_point, low, high)

    def large_channel_shifts(rng, count):
        for values in vectors(rng, count, 1, BOUNDS):
            whole = values["shift"] + values["channel_shift"]
            channel_shift = min(whole, rng.randint(8, 15), MAX_SHIFT)
            yield {**values, "shift": whole - channel_shift, "channel_shift": channel_shift}

    verify_against(UNIT, per_channel, vectors=large_channel_shifts, MAX_TERMS=1)


@pytest.mark.rtl
def test_rtl_merges_points_with_a_power_of_two_ratio(icarus):
    def one_term(acc, multiplier, bias, mode, shift, zero_point, low, high):
        k = multiplier[0].bit_length() - multiplier[1].bit_length()
        merged = (acc[0] << k) + acc[1]
        return requantize_total(bias + multiplier[1] * merged, mode, shift, zero_point, low, high)

    def points(rng, count):
        for acc, multiplier, _, shift in merged_points(rng, count):
            yield {
                "acc": acc, "multiplier": multiplier, "bias": rng.randint(-(1 << 40), 1 << 40),
                "mode": rng.randrange(len(ROUNDINGS)), "shift": shift, "channel_shift": 0,
                **INT8,
            }  # fmt: skip

    verify_against(UNIT, one_term, vectors=points, MAX_TERMS=2)


@pytest.mark.rtl
def test_rtl_gives_the_golden_row(icarus):
    """585 * 1527099593 * 2^-37, just above 6.5, as each rule's own definition rounds it."""
    row = {"acc": (585,), "multiplier": (1527099593,), "bias": 0, "shift": 37, "channel_shift": 0}
    expected = {"floor": 6, "half_up": 7, "half_away": 7, "half_even": 7, "tflite": 7, "ruy": 7}
    cases = [({**row, "mode": ROUNDINGS.index(rule), **INT8}, y) for rule, y in expected.items()]
    verify_cases(UNIT, cases, MAX_TERMS=1)


@pytest.mark.rtl
def test_rtl_in_ruy_mode_is_ruys_two_steps(icarus):
    cases = []
    for acc, multiplier, exponent in tflite_cases(Random(12), 4_000):
        if exponent <= 0:
            expected = ruy_two_steps(acc * multiplier, 31 - exponent)
            inputs = {
                "acc": (acc,), "multiplier": (multiplier,), "bias": 0,
                "mode": ROUNDINGS.index("ruy"), "shift": 31 - exponent, "channel_shift": 0,
                **INT8,
            }  # fmt: skip
            cases.append((inputs, clamp(expected, -128, 127)))
    verify_cases(UNIT, cases, MAX_TERMS=1)


@pytest.mark.rtl
def test_rtl_of_terms_one_after_the_other_is_that_of_all_at_once(icarus):
    verify_module(ONE_AFTER_THE_OTHER, rtl_of(ONE_AFTER_THE_OTHER), vectors=20_000,
                  parameters=ONE_AFTER_THE_OTHER.parameters, require_coverage=True)  # fmt: skip
