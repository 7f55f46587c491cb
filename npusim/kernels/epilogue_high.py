"""The usual epilogues in few instructions: one term, its bias in the sums, 32-bit lanes throughout.

    high_constant  high_signed  high_even     as in epilogue.py, where every shift is 32..53
    biased_signed  biased_even                the same, of a bias that is added to the product

The sums of a layer may start from its bias where its multiplier divides the bias and nothing wraps
then (`starting_bias`), so that T is one product. A shift of 32 or more needs the upper half of T
alone: even and odd channels are multiplied apart, as the processor has it, their upper halves lie
side by side again, and one shift of 32-bit lanes ends the rounding. The zero point stands in the
constants, shifted up, for which a shift of 53 leaves room; so does the bias where one constant is
all that is added. Where no output is below the zero point
(a fused Relu), all that a negative T gives is clamped: one constant is enough.

The witness is linear_plain.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from npusim.datapath.requantize import HALF_EVEN
from npusim.kernels.epilogue import (
    I32,
    I64,
    LANES,
    LINE,
    NARROW,
    blocks_of,
    fill,
    load,
    rounding_constants,
)
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.words import ROUNDINGS

HALF = ir.VectorType(I64, LANES // 2)
HALF_BYTES = 8 * LANES // 2
LEAST_SHIFT, MOST_SHIFT = 32, 53
BIAS_BOUND = 1 << 61
"""|M * A| <= 2^62 - 2^31, a bias and the zero point, 255 * 2^53, below 2^61 each, and what rounds,
2^52 + 2^30: their sum is int64."""
BYTE_PEAK = 255
"""|x - zero point| at most."""

Rule = Requantization | FloatRequantization


def starting_bias(r: Rule, planes: NDArray[np.int16]) -> tuple[NDArray[np.int64], Rule]:
    """Return what the sums of each channel may start from, and the rule that is left.

    Zero and the rule itself where the bias cannot be added before the multiplication.
    """
    if isinstance(r, FloatRequantization):
        return r.bias, r
    none = np.zeros(len(r.bias), np.int64)
    if len(r.multipliers) > 1 or not r.bias.any():
        return none, r
    multiplier = r.multipliers[0]
    bias = r.bias // np.maximum(multiplier, 1)
    peaks = np.abs(planes[0].astype(np.int64)).reshape(len(bias), -1).sum(axis=1) * BYTE_PEAK
    if np.any(bias * multiplier != r.bias) or np.any(peaks + np.abs(bias) >= 1 << 31):
        return none, r
    return bias, replace(r, bias=none)


def takes_high(r: Requantization) -> bool:
    """Return whether a high form computes `r`."""
    if len(r.multipliers) > 1 or np.any(np.abs(r.bias) >= BIAS_BOUND):
        return False
    return bool(((r.shift >= LEAST_SHIFT) & (r.shift <= MOST_SHIFT)).all())


def pack_high(r: Requantization, groups: int) -> tuple[str, NDArray[np.uint8]]:
    """Return the high form and its constants, one row of bytes for each block of channels.

    Multipliers, constants of T >= 0, constants of T < 0 (of `even`: the shifts) and the bias, of
    the even channels and of the odd ones, as int64; then the shifts beyond 32 as int32.
    """
    positive, negative = (c + (r.zero_point << r.shift) for c in rounding_constants(r))
    bias = r.bias
    if r.rounding == ROUNDINGS[HALF_EVEN]:
        form, negative = "even", r.shift
    else:
        same = r.low >= r.zero_point or np.array_equal(positive, negative)
        form = "constant" if same else "signed"
    if form == "constant":
        positive, bias = positive + bias, np.zeros_like(bias)
    form = f"biased_{form}" if bias.any() else f"high_{form}"
    wide = [
        blocks_of(np.asarray(part, np.int64), groups)[:, first::2]
        for part in (r.multipliers[0], positive, negative, bias)
        for first in (0, 1)
    ]
    shift = blocks_of((r.shift - LEAST_SHIFT).astype(np.int32), groups)
    parts = [np.ascontiguousarray(part).view(np.uint8) for part in (*wide, shift)]
    return form, np.concatenate(parts, axis=1)


def _low_halves(builder, words):
    """Emit the signed lower 32 bits of 64-bit lanes, which one instruction multiplies."""
    bits = ir.Constant(HALF, [32] * HALF.count)
    return builder.ashr(builder.shl(words, bits), bits)


def _rounded_product(builder, form, sums, multiplier, positive, negative, bias):
    """Emit T + constant of `sums` in 64-bit lanes."""
    total = builder.mul(sums, multiplier)
    if form == "high_constant":
        return builder.add(total, positive)
    if form.startswith("biased"):
        total = builder.add(total, bias)
    if form.endswith("signed"):
        below = builder.icmp_signed("<", total, ir.Constant(HALF, None))
        return builder.add(total, builder.select(below, negative, positive))
    bit = builder.and_(builder.lshr(total, negative), ir.Constant(HALF, [1] * HALF.count))
    return builder.add(builder.add(total, positive), bit)


def high_rule(builder, form, args):
    """Load the constants of a block; return the emitter of one row's outputs as bytes."""
    constants = args[5]
    parts = [
        load(builder, HALF, builder.add(constants, ir.Constant(I64, i * HALF_BYTES)), 8)
        for i in range(8)
    ]
    shift = load(builder, NARROW, builder.add(constants, ir.Constant(I64, 8 * HALF_BYTES)), 4)
    multipliers = [_low_halves(builder, part) for part in parts[:2]]
    bits = ir.Constant(HALF, [32] * HALF.count)
    order = [lane | 1 if lane % 2 == 0 else LANES + lane for lane in range(LANES)]
    narrow = narrowing(builder, args)

    def rule(at):
        sums = builder.bitcast(load(builder, NARROW, at, 4), HALF)
        apart = _low_halves(builder, sums), builder.ashr(sums, bits)
        totals = [
            builder.bitcast(
                _rounded_product(builder, form, apart[i], multipliers[i], *parts[2 + i :: 2]),
                NARROW,
            )
            for i in (0, 1)
        ]
        upper = builder.shuffle_vector(*totals, ir.Constant(ir.VectorType(I32, LANES), order))
        return narrow(builder.ashr(upper, shift))

    return rule


def narrowing(builder, args):
    """Return the emitter of int32 lanes -> bytes, clamped to the layer's bounds."""
    least, most = (fill(builder, NARROW, builder.trunc(a, I32)) for a in args[7:9])

    def narrow(value):
        for relation, bound in ((">", least), ("<", most)):
            value = builder.select(builder.icmp_signed(relation, value, bound), value, bound)
        return builder.trunc(value, LINE)

    return narrow
