"""RQ: accumulators and residuals through the requantizers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel, scalar
from npusim.datapath.merge_regions import merge_regions
from npusim.datapath.requantize import HALF_EVEN, clamp, requantize_total, rounding_constant
from npusim.datapath.requantize_float import requantize_float
from npusim.datapath.subtract_zero_point import byte_value
from npusim.isa.nest import Column
from npusim.isa.page import Group
from npusim.isa.spec import ADDRESS_SPACE, PAR_HEADER_WORDS
from npusim.simulator.execute.call_record import Records, record
from npusim.simulator.execute.plain import word_nest
from npusim.simulator.execute.plain.widen import widen
from npusim.simulator.execute.plain.word_nest import acc_word, act_word, out_word
from npusim.words import EPILOGUES

OPERANDS = record(
    *word_nest.NAMES, "par", "act_terms", "pwlq", "pwlq_bits", "terms", "term_act", "term_acc"
)
"""What a RQ needs to know."""

BIAS_SIGN = 1 << 62
MULTIPLIER_MASK = (1 << 31) - 1
SHIFT_MASK = 63
SIGN32, MASK32 = 1 << 31, (1 << 32) - 1
FLOAT32 = EPILOGUES.index("float32")
"""The rounding that is the float32 requantizer: of term 0, with its scale's bits for multiplier."""


def operands(group: Group) -> dict[str, Column]:
    """Return the columns OPERANDS of all RQs of a program."""
    registers = group.registers
    return word_nest.operands(group) | {
        **{name: group[name] for name in ("par", "act_terms", "pwlq")},
        "pwlq_bits": (registers["rq_mode"]["pwlq_bits"] - 1) % 8 + 1,  # the hardware reads b - 1
        "terms": registers["vec_kx"]["count"],
        "term_act": registers["vec_kx"]["stride"],
        "term_acc": registers["vec_kx_out"]["acc"],
    }


@scalar
def lane32(word: NDArray[np.uint8], lane: int) -> int:
    """Return the 32 bits of a lane of a PAR word."""
    value = widen(word[4 * lane]) | widen(word[4 * lane + 1]) << 8
    return value | widen(word[4 * lane + 2]) << 16 | widen(word[4 * lane + 3]) << 24


@scalar
def signed_bias(low: int, high: int) -> int:
    """Return B from the words that hold its bits 31..0 and 62..32."""
    value = (high & MULTIPLIER_MASK) << 32 | low
    return (value ^ BIAS_SIGN) - BIAS_SIGN


@kernel
def requantize(
    act: NDArray[np.uint8],
    par: NDArray[np.uint8],
    acc: NDArray[np.int32],
    operands: Records,
    i: int,
    written: NDArray[np.uint8],
) -> None:
    """Carry out RQ number `i` of `operands`, which begin with OPERANDS. Any bits in PAR count.

    act [words SIZE], par [words 4*SIZE], acc [words regions SIZE]; written [words SIZE] takes a
    copy of what is written, in order, where it has rows.
    """
    o = operands[i]
    size, count = act.shape[1], 0
    bias, shift = np.zeros(size, np.int64), np.zeros(size, np.int64)
    multiplier = np.zeros((4, size), np.int64)
    total = np.zeros(size, np.int64)
    above, below = np.zeros(size, np.int64), np.zeros(size, np.int64)
    offset, scale = np.zeros(size, np.int64), np.zeros(size, np.int64)
    zero_point, low, high = o.zero_point, o.low, o.high
    for b in range(o.b):
        first = o.par + b * (PAR_HEADER_WORDS + o.terms)
        for c in range(size):
            bias_low = lane32(par[first % ADDRESS_SPACE], c)
            bias[c] = signed_bias(bias_low, lane32(par[(first + 1) % ADDRESS_SPACE], c))
            shifts = lane32(par[(first + 2) % ADDRESS_SPACE], c)
            shift[c] = ((shifts & 63) + ((shifts >> 8) & 15)) & SHIFT_MASK
            above[c] = rounding_constant(o.rounding, 0, shift[c])
            below[c] = rounding_constant(o.rounding, -1, shift[c])
            for j in range(o.terms):
                word = par[(first + PAR_HEADER_WORDS + j) % ADDRESS_SPACE]
                multiplier[j, c] = lane32(word, c) & MULTIPLIER_MASK
            if o.rounding == FLOAT32:  # the sum is then term 0 itself
                offset[c], scale[c] = ((bias_low ^ SIGN32) & MASK32) - SIGN32, multiplier[0, c]
                bias[c], multiplier[:, c], multiplier[0, c] = 0, 0, 1
        for y in range(o.y):
            for x in range(o.x):
                read = act_word(o, b, y, x)
                sum_word = acc_word(o, b, y, x)
                out = out_word(o, b, y, x) % ADDRESS_SPACE
                total[:] = bias
                for j in range(o.terms):
                    if (o.act_terms >> j) & 1:
                        source = act[(read + j * o.term_act) % ADDRESS_SPACE]
                        for c in range(size):
                            value = byte_value(widen(source[c]), o.unsigned)
                            total[c] += multiplier[j, c] * value
                    elif not o.pwlq:
                        sums = acc[(sum_word + j * o.term_acc) % ADDRESS_SPACE]
                        for c in range(size):
                            total[c] += multiplier[j, c] * widen(sums[0, c])
                    else:
                        sums = acc[(sum_word + j * o.term_acc) % ADDRESS_SPACE]
                        for c in range(size):
                            value = widen(sums[1, c])
                            if j == 0:
                                value = merge_regions(
                                    widen(sums[0, c]), widen(sums[2, c]), o.pwlq_bits
                                )
                            total[c] += multiplier[j, c] * value
                for c in range(size):
                    total[c] = total[c] << 1 >> 1  # 63 bits, as the requantizer's register
                if o.rounding == FLOAT32:
                    for c in range(size):
                        act[out, c] = 255 & requantize_float(
                            total[c], offset[c], scale[c], zero_point, low, high
                        )
                elif o.rounding == HALF_EVEN:
                    for c in range(size):
                        act[out, c] = 255 & requantize_total(
                            total[c], o.rounding, shift[c], zero_point, low, high
                        )
                else:  # what is added depends on the sum's sign alone
                    for c in range(size):
                        rounding = below[c] if total[c] < 0 else above[c]
                        rounded = (total[c] + rounding) >> shift[c]
                        act[out, c] = 255 & clamp(rounded + zero_point, low, high)
                if written.shape[0] > 0:
                    written[count] = act[out]
                    count += 1
