"""LiteRT's functions of int16 values: its interpolated tables, and gemmlowp's fixed point.

Source: TFLite, internal/common.h (LUTPopulate and LUTLookup of int16), reference/softmax.h
(SoftmaxInt16), reference/integer_ops/logistic.h and tanh.h, kernels/activations.cc (Prepare).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.runtimes.elementary import exp
from npusim.runtimes.fixed_point import Integers, multiplied
from npusim.runtimes.float32 import halves_away
from npusim.runtimes.requantization import power_of_two, quantize_multiplier

LEAST, GREATEST = -(1 << 15), (1 << 15) - 1
RANGE = GREATEST - LEAST
STEPS = 512
SEGMENT_BITS = 7
"""Fraction bits of a value within one step of a table."""

LOGISTIC_SHIFTS, TANH_SHIFTS = (-12,), (-12, -11)
"""Exponents of input scales that the kernels take as shifts."""

SIGMOID_STEPS = 256
SIGMOID_STEPS_PER_UNIT = 24


def interpolated_table(
    input_scale: float,
    input_zero_point: int,
    output_scale: float,
    function: Callable[[NDArray[Any]], NDArray[np.floating]],
    precision: Callable[[Any], Any] = np.float64,
) -> Integers:
    """Return 513 values of `function`, each shifted so that the error of its step is halved.

    The table is made in `precision`: of float64 for SOFTMAX, of float32 for functions of one value.
    """
    sx, so = precision(input_scale), precision(output_scale)
    least, greatest = (sx * precision(end - input_zero_point) for end in (LEAST, GREATEST))
    step = (greatest - least) / precision(STEPS)
    steps_per_unit = precision(RANGE + 1) / (so * precision(GREATEST) - so * precision(LEAST))
    start = least + precision(np.arange(STEPS + 1)) * step
    with np.errstate(all="ignore"):
        values = halves_away(function(start) * steps_per_unit)
        following = function(start[1:]) * steps_per_unit
        middle = halves_away(function(start[:-1] + step / 2) * steps_per_unit)
        straight = halves_away((following + values[:-1]) / 2)
        bias = halves_away((straight - middle) / 2)
        last = halves_away(function(np.array([greatest])) * steps_per_unit)
        table = np.clip(np.concatenate([values[:-1] - bias, last]), LEAST, GREATEST)
    return np.where(np.isnan(table), 0, table).astype(np.int64)


def looked_up(x: Integers, table: Integers) -> Integers:
    """Return the table's value for each int16, a straight line between two entries.

    The slope is an int16 and so is the sum: both wrap.
    """
    index, offset = (x >> SEGMENT_BITS) + STEPS // 2, x & ((1 << SEGMENT_BITS) - 1)
    slope = (table[index + 1] - table[index]).astype(np.int16).astype(np.int64)
    rise = (slope * offset + (1 << (SEGMENT_BITS - 1))) >> SEGMENT_BITS
    return (table[index] + rise).astype(np.int16).astype(np.int64)


def softmax(x: Integers, input_scale: float, beta: float) -> Integers:
    """Return SOFTMAX of int16 [... C] at scale 2^-15, along the last axis."""
    exponentials = interpolated_table(10.0 / RANGE, GREATEST, 2.0 / RANGE, exp)
    reciprocals = interpolated_table(1.0 / RANGE, LEAST, 2.0 / RANGE, lambda v: 1 / (1 + v))
    m, e = quantize_multiplier(float(input_scale) * float(beta) / (10.0 / RANGE))
    difference = multiplied(x - x.max(axis=-1, keepdims=True), m, e)
    powers = looked_up(np.clip(difference + GREATEST, LEAST, GREATEST), exponentials)
    total = powers.sum(axis=-1, keepdims=True)
    bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)
    shifted = ((total << (31 - bits)) + (1 << 13)) >> 14
    reciprocal = looked_up(np.clip(shifted - (3 << 15), LEAST, GREATEST), reciprocals)
    shift = bits - 1
    return np.clip((powers * reciprocal + (np.int64(1) << (shift - 1))) >> shift, 0, GREATEST)


def sigmoid_table() -> Integers:
    """Return sigmoid(i / 24) with 16 fraction bits, shifted as above; the last entry is 1."""

    def values(steps: NDArray[np.float64]) -> NDArray[np.float64]:
        one: NDArray[np.float64] = (1 << 16) / (1 + exp(-steps / SIGMOID_STEPS_PER_UNIT))
        return one

    start = np.arange(SIGMOID_STEPS).astype(np.float64)
    error = values(start + 0.5) - (values(start) + values(start + 1)) / 2
    table = np.floor(values(start) + error / 2 + 0.5).astype(np.int64)
    table[-1] = RANGE
    return table


def table_multiplier(input_scale: float, shifts: tuple[int, ...]) -> tuple[int, int]:
    """Return M and shift that bring int16 to steps of 1 / (3 * 4096), as the tables take it.

    Scales 2^n of older files, n in `shifts`, are shifts (Prepare of LOGISTIC and TANH).
    """
    exponent = power_of_two(input_scale)
    if exponent in shifts:
        return 3 << (exponent + 12), 0
    multiplier, shift = float(np.float32(input_scale)) * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2 and shift <= 30:
        multiplier, shift = 2 * multiplier, shift + 1
    return int(multiplier), shift


def logistic(x: Integers, input_scale: float) -> Integers:
    """Return LOGISTIC of int16 at scale 2^-15."""
    m, shift = table_multiplier(input_scale, LOGISTIC_SHIFTS)
    scaled = (x * m + ((1 << shift) >> 1)) >> shift
    steps = np.abs(scaled)
    value = _between(sigmoid_table(), steps >> 9, steps & 0x1FF, 9, GREATEST << 10)
    value = np.where(scaled >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1)
    return value >> 10


def tanh(x: Integers, input_scale: float) -> Integers:
    """Return TANH of int16 at scale 2^-15: 2 * sigmoid(2 * x) - 1."""
    m, shift = table_multiplier(input_scale, TANH_SHIFTS)
    scaled = (x * m + ((1 << shift) >> 1)) >> shift
    steps = np.abs(scaled)
    value = _between(sigmoid_table(), steps >> 8, steps & 0xFF, 8, 0xFFFF << 8)
    above = value - (1 << 23) + (1 << 7)
    below = -value + (1 << 23) + (1 << 7) - 1
    return np.where(scaled >= 0, above, below) >> 8


def _between(
    table: Integers, index: Integers, offset: Integers, bits: int, saturated: int
) -> Integers:
    start = np.minimum(index, len(table) - 2)
    line = (table[start] << bits) + offset * (table[start + 1] - table[start])
    return np.where(index >= len(table) - 1, saturated, line)
