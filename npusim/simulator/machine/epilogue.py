"""RQ: accumulators and residuals through the requantizers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel, scalar
from npusim.datapath.merge_regions import merge_regions
from npusim.datapath.requantize import HALF_EVEN, clamp, requantize_total, rounding_constant
from npusim.datapath.subtract_zero_point import byte_value
from npusim.isa.nest import Column
from npusim.isa.page import Group
from npusim.isa.spec import ADDRESS_SPACE, PAR_HEADER_WORDS
from npusim.simulator.machine import nest
from npusim.simulator.machine.widen import widen

PAR, ACT_TERMS, PWLQ, PWLQ_BITS, TERMS, TERM_ACT, TERM_ACC, COUNT = range(
    nest.COUNT, nest.COUNT + 8
)
"""What a RQ needs to know besides the operands of nest.py."""

BIAS_SIGN = 1 << 62
MULTIPLIER_MASK = (1 << 31) - 1
SHIFT_MASK = 63


def operands(group: Group) -> Column:
    """Return the operands of all RQs of a program [instructions COUNT]."""
    terms, steps = group.registers["vec_kx"], group.registers["vec_kx_out"]
    rows = [*nest.operands(group), *(group[name] for name in ("par", "act_terms", "pwlq"))]
    rows.append((group.registers["rq_mode"]["pwlq_bits"] - 1) % 16 + 1)  # the hardware reads b - 1
    rows += [terms["count"], terms["stride"], steps["acc"]]
    return np.stack(rows, axis=1)


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
def requantize_words(
    act: NDArray[np.uint8],
    par: NDArray[np.uint8],
    acc: NDArray[np.int32],
    o: NDArray[np.int64],
    written: NDArray[np.uint8],
) -> None:
    """Carry out a RQ; `o` are its operands. Any bits in PAR have a meaning: architecture.md, 1.

    act [words SIZE], par [words 4*SIZE], acc [words regions SIZE]; written [words SIZE] takes a
    copy of what is written, in order, where it has rows.
    """
    size, count = act.shape[1], 0
    bias, shift = np.zeros(size, np.int64), np.zeros(size, np.int64)
    multiplier = np.zeros((4, size), np.int64)
    total = np.zeros(size, np.int64)
    above, below = np.zeros(size, np.int64), np.zeros(size, np.int64)
    zero_point, low, high = o[nest.ZERO_POINT], o[nest.LOW], o[nest.HIGH]
    for b in range(o[nest.B]):
        first = o[PAR] + b * (PAR_HEADER_WORDS + o[TERMS])
        for c in range(size):
            bias_low = lane32(par[first % ADDRESS_SPACE], c)
            bias[c] = signed_bias(bias_low, lane32(par[(first + 1) % ADDRESS_SPACE], c))
            shifts = lane32(par[(first + 2) % ADDRESS_SPACE], c)
            shift[c] = ((shifts & 63) + ((shifts >> 8) & 15)) & SHIFT_MASK
            above[c] = rounding_constant(o[nest.ROUNDING], 0, shift[c])
            below[c] = rounding_constant(o[nest.ROUNDING], -1, shift[c])
            for j in range(o[TERMS]):
                word = par[(first + PAR_HEADER_WORDS + j) % ADDRESS_SPACE]
                multiplier[j, c] = lane32(word, c) & MULTIPLIER_MASK
        for y in range(o[nest.Y]):
            for x in range(o[nest.X]):
                act_word = nest.word(o, nest.ACT, b, y, x)
                acc_word = nest.word(o, nest.ACC, b, y, x)
                out = nest.word(o, nest.OUT, b, y, x) % ADDRESS_SPACE
                total[:] = bias
                for j in range(o[TERMS]):
                    if (o[ACT_TERMS] >> j) & 1:
                        source = act[(act_word + j * o[TERM_ACT]) % ADDRESS_SPACE]
                        for c in range(size):
                            value = byte_value(widen(source[c]), o[nest.UNSIGNED])
                            total[c] += multiplier[j, c] * value
                    elif not o[PWLQ]:
                        sums = acc[(acc_word + j * o[TERM_ACC]) % ADDRESS_SPACE]
                        for c in range(size):
                            total[c] += multiplier[j, c] * widen(sums[0, c])
                    else:
                        sums = acc[(acc_word + j * o[TERM_ACC]) % ADDRESS_SPACE]
                        for c in range(size):
                            value = widen(sums[1, c])
                            if j == 0:
                                value = merge_regions(
                                    widen(sums[0, c]), widen(sums[2, c]), o[PWLQ_BITS]
                                )
                            total[c] += multiplier[j, c] * value
                for c in range(size):
                    total[c] = total[c] << 1 >> 1  # 63 bits, as the requantizer's register
                if o[nest.ROUNDING] == HALF_EVEN:
                    for c in range(size):
                        act[out, c] = 255 & requantize_total(
                            total[c], o[nest.ROUNDING], shift[c], zero_point, low, high
                        )
                else:  # what is added depends on the sum's sign alone
                    for c in range(size):
                        rounding = below[c] if total[c] < 0 else above[c]
                        rounded = (total[c] + rounding) >> shift[c]
                        act[out, c] = 255 & clamp(rounded + zero_point, low, high)
                if written.shape[0] > 0:
                    written[count] = act[out]
                    count += 1
