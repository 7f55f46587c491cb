"""mac_piecewise_linear: the paper's two lines, and the forms that must equal three accumulators."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest

from npusim.codes import PWLQ
from npusim.codes.pwlq import code_of as pwlq_code
from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.mac_piecewise_linear import (
    UNIT,
    dot_piecewise_linear,
    mac_piecewise_linear,
    products_piecewise_linear,
    vectors,
)
from npusim.datapath.mac_uniform import wrap_acc
from npusim.datapath.merge_regions import merge_regions
from npusim.datapath.requantize import UNIT as REQUANTIZE
from npusim.datapath.requantize import requantize, requantize_total
from npusim.words import ROUNDINGS
from tests.datapath.witnesses import verify_against

WIDTHS = (2, 3, 4, 5, 8)
BOUNDS = {"zero_point": 3, "low": -128, "high": 127}


def paper_weight(code: int, bits: int, s1: Fraction, s2: Fraction) -> Fraction:
    """+-g s1 in the centre, +-(p + g s2) beyond the breakpoint p = n s1."""
    n = (1 << (bits - 1)) - 1
    g = code & n
    value = n * s1 + g * s2 if code >> (bits - 1) & 1 else g * s1
    return -value if code >> bits else value


def layer(rng: Random, bits: int, k: int, kind: str = "mixed") -> tuple[list[int], list[int]]:
    """Return k codes (mixed, or all of one region, or alternating) and operands."""
    codes = []
    for i in range(k):
        tail = {"mixed": rng.getrandbits(1), "centre": 0, "tail": 1, "alternating": i % 2}[kind]
        codes.append(pwlq_code(rng.getrandbits(1), tail, rng.getrandbits(bits - 1), bits))
    return codes, [rng.randint(-255, 255) for _ in range(k)]


def accumulators(codes, operands, bits: int) -> tuple[int, int, int]:
    acc = (0, 0, 0)
    for code, xe in zip(codes, operands, strict=True):
        acc = mac_piecewise_linear(code, xe, *acc, pwlq_bits=bits)
    return acc


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_every_code_times_every_operand_is_the_papers_weight(bits):
    s1, s2 = Fraction(3, 7), Fraction(11, 5)
    n = (1 << (bits - 1)) - 1
    for code in range(1 << (bits + 1)):
        weight = paper_weight(code, bits, s1, s2)
        for xe in range(-255, 256):
            centre, tail, tail_sum = products_piecewise_linear(code, xe, bits)
            assert s1 * (centre + n * tail_sum) + s2 * tail == weight * xe


@pytest.mark.parametrize("kind", ["mixed", "centre", "tail", "alternating"])
@pytest.mark.parametrize("bits", WIDTHS)
def test_three_accumulators_equal_two_through_every_epilogue(bits, kind):
    rng = Random(f"{bits} {kind}")
    for k in (1, 9, 64):
        codes, operands = layer(rng, bits, k, kind)
        centre, tail, tail_sum = accumulators(codes, operands, bits)
        first, second = PWLQ.decode(np.array(codes, np.uint16), bits)
        xe = np.array(operands, np.int64)
        m1, m2 = rng.randint(1 << 28, (1 << 30) - 1), rng.randint(1 << 28, (1 << 31) - 1)
        merged = merge_regions(centre, tail_sum, bits)
        two = (int(first.astype(np.int64) @ xe), int(second.astype(np.int64) @ xe))
        assert (merged, tail) == two
        for mode in range(len(ROUNDINGS)):
            three = requantize((merged, tail), (m1, m2), 1 << 33, mode, 38, 0, **BOUNDS)
            assert three == requantize(two, (m1, m2), 1 << 33, mode, 38, 0, **BOUNDS)


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_tail_step_of_a_power_of_two_needs_one_accumulator(bits):
    """s2 = 2^k s1: w_int = +-(n + (g << k)) in the tail, and M2 = M1 << k."""
    rng, n = Random(bits), (1 << (bits - 1)) - 1
    for k in range(5):
        codes, operands = layer(rng, bits, 48)
        centre, tail, tail_sum = accumulators(codes, operands, bits)
        one = 0
        for code, xe in zip(codes, operands, strict=True):
            one += int(paper_weight(code, bits, Fraction(1), Fraction(1 << k))) * xe
        multiplier = rng.randint(1 << 24, (1 << 26) - 1)
        both = (centre + n * tail_sum, tail)
        for mode in range(len(ROUNDINGS)):
            two = requantize(both, (multiplier, multiplier << k), -7, mode, 34, 0, **BOUNDS)
            assert two == requantize((one,), (multiplier,), -7, mode, 34, 0, **BOUNDS)


@pytest.mark.parametrize("zero_point", [-128, -127, 0, 127])
def test_the_zero_point_folds_into_the_bias(zero_point):
    """B' = B - z (M1 (W1 + n WS) + M2 W2), W the same sums over the weights."""
    rng, bits, n = Random(zero_point), 4, 7
    codes, _ = layer(rng, bits, 100)
    x = [rng.randint(-128, 127) for _ in codes]
    m1, m2, bias = 123_456_789, 1_987_654_321, -(1 << 40)
    w1, w2, ws = accumulators(codes, [1] * len(codes), bits)
    shifted = accumulators(codes, [v - zero_point for v in x], bits)
    raw = accumulators(codes, x, bits)
    folded = bias - zero_point * (m1 * (w1 + n * ws) + m2 * w2)
    totals = [
        b + m1 * (centre + n * tail_sum) + m2 * tail
        for b, (centre, tail, tail_sum) in ((bias, shifted), (folded, raw))
    ]
    assert totals[0] == totals[1]


def test_minus_zero_adds_nothing_and_the_breakpoint_has_two_codes():
    for xe in range(-255, 256):
        assert products_piecewise_linear(pwlq_code(1, 0, 0, 4), xe, 4) == (0, 0, 0)
        for sign in (0, 1):
            centre, _, _ = products_piecewise_linear(pwlq_code(sign, 0, 7, 4), xe, 4)
            _, tail, tail_sum = products_piecewise_linear(pwlq_code(sign, 1, 0, 4), xe, 4)
            assert (7 * tail_sum, tail) == (centre, 0)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("k", [1, 4608])
def test_the_kernel_is_the_scalar(bits, k):
    codes, operands = layer(Random(k), bits, k)
    found = dot_piecewise_linear(np.array(codes, np.int16), np.array(operands, np.int16), bits)
    assert found == accumulators(codes, operands, bits)


def test_the_kernel_wraps_where_the_scalar_wraps():
    for values in vectors(Random(5), 500, 4):
        inputs = dict(values)
        assert mac_piecewise_linear(**inputs, pwlq_bits=4) == tuple(
            wrap_acc(inputs[f"acc_{name}"] + product)
            for name, product in zip(
                ("centre", "tail", "tail_sum"),
                products_piecewise_linear(inputs["weight"], inputs["xe"], 4),
                strict=True,
            )
        )


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
def test_rtl_is_the_papers_weight(icarus):
    """Each port against its coefficient in the paper's weight: s1, s2, and n s1 in the tail."""

    def scalar(weight, xe, acc_centre, acc_tail, acc_tail_sum):
        in_s1 = int(paper_weight(weight, 4, Fraction(1), Fraction(0))) * xe
        in_s2 = int(paper_weight(weight, 4, Fraction(0), Fraction(1))) * xe
        if weight >> 3 & 1:
            return acc_centre, acc_tail + in_s2, acc_tail_sum + in_s1 // 7
        return acc_centre + in_s1, acc_tail, acc_tail_sum

    def every_code(rng, count):
        for weight in range(32):
            for xe in range(-255, 256):
                yield {"weight": weight, "xe": xe, "acc_centre": 5, "acc_tail": -5,
                       "acc_tail_sum": xe}  # fmt: skip

    verify_against(UNIT, scalar, vectors=every_code)


@pytest.mark.rtl
def test_rtl_requantizes_a_power_of_two_tail_like_one_accumulator(icarus):
    """The identity at the end of the chain, where three accumulators have become two terms."""

    def one_accumulator(acc, multiplier, bias, mode, shift, zero_point, low, high):
        k = (multiplier[1] // multiplier[0]).bit_length() - 1
        one = acc[0] + (acc[1] << k)
        return requantize_total(bias + multiplier[0] * one, mode, shift, zero_point, low, high)

    def layers(rng, count):
        for _ in range(count):
            k, bits = rng.randint(0, 4), 4
            codes, operands = layer(rng, bits, 16)
            centre, tail, tail_sum = accumulators(codes, operands, bits)
            multiplier = rng.randint(1 << 24, (1 << 26) - 1)
            yield {
                "acc": (merge_regions(centre, tail_sum, bits), tail),
                "multiplier": (multiplier, multiplier << k), "bias": rng.randint(-1000, 1000),
                "mode": rng.randrange(len(ROUNDINGS)), "shift": rng.randint(32, 36),
                "channel_shift": 0, **BOUNDS,
            }  # fmt: skip

    verify_against(REQUANTIZE, one_accumulator, vectors=layers, count=2_000, MAX_TERMS=2)
