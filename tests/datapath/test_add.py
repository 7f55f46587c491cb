"""add: with requantize behind it, TFLite's additions and differences, and products of bytes."""

from __future__ import annotations

from math import frexp
from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.add import LEFT_SHIFT, UNIT, add, add_all, exact, vectors
from npusim.datapath.contract import Port, Unit
from npusim.datapath.requantize import TFLITE, clamp, requantize
from npusim.datapath.requantize import UNIT as REQUANTIZE
from tests.datapath.witnesses import (
    multiply_by_quantized_multiplier,
    verify_against,
    verify_cases,
)

INPUTS = {port.name: port for port in (*UNIT.inputs, *REQUANTIZE.inputs)}
CHAIN = Unit(
    name="chain_add",
    ports=(
        *UNIT.inputs,
        Port("multiplier", "in", 31, meaning="scale of the sum over the output's"),
        INPUTS["shift"],
        INPUTS["zero_point"],
        *REQUANTIZE.outputs,
    ),
    latency_cycles=UNIT.latency({}) + REQUANTIZE.latency({}),
    scalar=add,  # always replaced: TFLite's definition is the golden form
    parameters={"ADD_CYCLES": UNIT.latency({})},
)
"""add and requantize one behind the other: chains/npu_chain_add.v."""


def quantize_multiplier(value: float) -> tuple[int, int]:
    fraction, exponent = frexp(value)
    multiplier = int(fraction * (1 << 31) + 0.5)
    return (multiplier >> 1, exponent + 1) if multiplier == 1 << 31 else (multiplier, exponent)


def tflite_add(x_a, x_b, scales, zero_points):
    """TFLite, add.h (AddElementwise) with the constants of its Prepare."""
    s_a, s_b, s_o = scales
    twice = 2 * max(s_a, s_b)
    m_a, e_a = quantize_multiplier(s_a / twice)
    m_b, e_b = quantize_multiplier(s_b / twice)
    m_o, e_o = quantize_multiplier(twice / ((1 << LEFT_SHIFT) * s_o))
    scaled_a = multiply_by_quantized_multiplier((x_a - zero_points[0]) << LEFT_SHIFT, m_a, e_a)
    scaled_b = multiply_by_quantized_multiplier((x_b - zero_points[1]) << LEFT_SHIFT, m_b, e_b)
    raw = multiply_by_quantized_multiplier(scaled_a + scaled_b, m_o, e_o) + zero_points[2]
    return clamp(raw, -128, 127), ((m_a, 31 - e_a), (m_b, 31 - e_b), (m_o, 31 - e_o))


def tflite_cases(rng: Random, count: int):
    for _ in range(count):
        scales = [2.0 ** rng.uniform(-8, -2) for _ in range(3)]
        if rng.random() < 0.2:
            scales[1] = scales[0] * 2.0 ** -rng.randint(0, 3)  # exact ratios make ties
        zero_points = [rng.randint(-128, 127) for _ in range(3)]
        yield rng.randint(-128, 127), rng.randint(-128, 127), scales, zero_points


def test_add_and_requantize_are_tflites_three_roundings():
    for x_a, x_b, scales, zeros in tflite_cases(Random(1), 5_000):
        expected, ((m_a, s_a), (m_b, s_b), (m_o, s_o)) = tflite_add(x_a, x_b, scales, zeros)
        acc = add(x_a - zeros[0], x_b - zeros[1], m_a, m_b, TFLITE, s_a, s_b, 0, 0)
        assert requantize((acc,), (m_o,), 0, TFLITE, s_o, 0, zeros[2], -128, 127) == expected


def test_a_difference_is_tflites_of_three_roundings():
    """sub.h: both operands are rounded, then subtracted, so a tie of the second is its own."""
    rng = Random(5)
    for x_a, x_b, scales, zeros in tflite_cases(rng, 3_000):
        _, ((m_a, s_a), (m_b, s_b), _) = tflite_add(x_a, x_b, scales, zeros)
        first, second = (
            multiply_by_quantized_multiplier((x - z) << LEFT_SHIFT, m, 31 - s)
            for x, z, m, s in ((x_a, zeros[0], m_a, s_a), (x_b, zeros[1], m_b, s_b))
        )
        found = add(x_a - zeros[0], x_b - zeros[1], m_a, m_b, TFLITE, s_a, s_b, 0, 1)
        assert found == first - second
    assert add(0, 1, 0, 1 << 11, TFLITE, 31, 32, 0, 1) == -1  # 0.5 becomes 1, then 0 - 1
    assert add(0, -1, 0, 1 << 11, TFLITE, 31, 32, 0, 0) == -1


def test_a_product_is_exact_under_every_mode():
    for mode in range(6):
        for xe_a in (-255, -128, -1, 0, 1, 7, 255):
            for xe_b in range(-255, 256):
                found = add(xe_a, xe_b, 12345, 0, mode, LEFT_SHIFT, 31, 1, 0)
                assert found == xe_a * xe_b


def test_each_operand_is_rounded_once_and_alone():
    for values in vectors(Random(2), 5_000):
        operands = {k: v for k, v in values.items() if k != "mode"}
        assert abs(add(**values) - exact(**operands)) <= 2


def test_the_kernel_is_the_scalar():
    rng = np.random.default_rng(3)
    xe_a, xe_b = (rng.integers(-255, 256, 2_000, np.int16) for _ in range(2))
    for mode in range(6):
        for multipliers, shifts in (
            ((1 << 30, 1518500249), (31, 33)),
            ((2147483647, 3 << 29), (40, 31)),
        ):
            acc = np.empty(2_000, np.int64)
            for multiply, subtract in ((0, 0), (0, 1), (1, 0)):
                add_all(xe_a, xe_b, multipliers, mode, shifts, multiply, subtract, acc)
                assert acc.tolist() == [
                    add(a, b, *multipliers, mode, *shifts, multiply, subtract)
                    for a, b in zip(xe_a.tolist(), xe_b.tolist(), strict=True)
                ]


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
def test_rtl_is_tflites_first_two_roundings(icarus):
    def scalar(xe_a, xe_b, multiplier_a, multiplier_b, shift_a, shift_b, subtract):
        first = multiply_by_quantized_multiplier(xe_a << LEFT_SHIFT, multiplier_a, 31 - shift_a)
        second = multiply_by_quantized_multiplier(xe_b << LEFT_SHIFT, multiplier_b, 31 - shift_b)
        return first - second if subtract else first + second

    def scales(rng, count):
        for x_a, x_b, ratio, zeros in tflite_cases(rng, count):
            _, ((m_a, s_a), (m_b, s_b), _) = tflite_add(x_a, x_b, ratio, zeros)
            yield {
                "xe_a": x_a - zeros[0], "xe_b": x_b - zeros[1], "multiplier_a": m_a,
                "multiplier_b": m_b, "mode": TFLITE, "shift_a": s_a, "shift_b": s_b,
                "multiply": 0, "subtract": rng.getrandbits(1),
            }  # fmt: skip

    verify_against(UNIT, scalar, vectors=scales)


@pytest.mark.rtl
def test_rtl_of_add_and_requantize_is_tflites_three_roundings(icarus):
    """From the bytes and their float scales, by TFLite's own code, to the output of the chain."""
    cases = []
    for x_a, x_b, scales, zeros in tflite_cases(Random(4), 4_000):
        expected, ((m_a, s_a), (m_b, s_b), (m_o, s_o)) = tflite_add(x_a, x_b, scales, zeros)
        inputs = {
            "xe_a": x_a - zeros[0], "xe_b": x_b - zeros[1], "multiplier_a": m_a,
            "multiplier_b": m_b, "mode": TFLITE, "shift_a": s_a, "shift_b": s_b,
            "multiply": 0, "subtract": 0, "multiplier": m_o, "shift": s_o, "zero_point": zeros[2],
        }  # fmt: skip
        cases.append((inputs, expected))
    assert len({expected for _, expected in cases}) > 200  # most are not clamped
    verify_cases(CHAIN, cases)
