"""RQ: accumulators and residuals through the requantizers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel, scalar
from npusim.datapath.merge_regions import merge_regions
from npusim.datapath.requantize import HALF_EVEN, clamp, requantize_total, rounding_constant
from npusim.datapath.subtract_zero_point import byte_value
from npusim.isa.access import VEC_LEVELS
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.simulator.machine.columns import Column, Group
from npusim.simulator.machine.reach import ADDRESS_SPACE
from npusim.simulator.machine.widen import widen

OPERANDS = (
    "acc", "act", "out", "par", "act_terms", "pwlq", "rounding", "unsigned", "pwlq_bits",
    "zero_point", "low", "high",
    "b", "b_act", "b_acc", "b_out", "y", "y_act", "y_acc", "y_out", "x", "x_act", "x_acc", "x_out",
    "terms", "term_act", "term_acc",
)  # fmt: skip
"""What a RQ needs to know, in the order of a row of `operands`."""
(
    ACC, ACT, OUT, PAR, ACT_TERMS, PWLQ, ROUNDING, UNSIGNED, PWLQ_BITS,
    ZERO_POINT, LOW, HIGH,
    B, B_ACT, B_ACC, B_OUT, Y, Y_ACT, Y_ACC, Y_OUT, X, X_ACT, X_ACC, X_OUT,
    TERMS, TERM_ACT, TERM_ACC,
) = range(len(OPERANDS))  # fmt: skip

BIAS_SIGN = 1 << 62
MULTIPLIER_MASK = (1 << 31) - 1
SHIFT_MASK = 63


def operands(group: Group) -> Column:
    """Return the operands of all RQs of a program [instructions OPERANDS]."""
    registers = group.registers
    rows = [group[name] for name in ("acc", "act", "out", "par", "act_terms", "pwlq")]
    rows += [registers["rq_mode"][name] for name in ("rounding", "unsigned")]
    rows.append((registers["rq_mode"]["pwlq_bits"] - 1) % 16 + 1)  # the hardware reads b - 1
    rows += [registers["rq_output"][name] for name in ("zero_point", "low", "high")]
    for level in VEC_LEVELS[:3]:
        steps = registers[level + "_out"]
        rows += [registers[level]["count"], registers[level]["stride"], steps["acc"], steps["out"]]
    rows += [registers["vec_kx"]["count"], registers["vec_kx"]["stride"]]
    rows.append(registers["vec_kx_out"]["acc"])
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
    """Carry out a RQ; `o` are its OPERANDS. Any bits in PAR have a meaning: architecture.md, 1.

    act [words SIZE], par [words 4*SIZE], acc [words regions SIZE]; written [words SIZE] takes a
    copy of what is written, in order, where it has rows.
    """
    size, count = act.shape[1], 0
    bias, shift = np.zeros(size, np.int64), np.zeros(size, np.int64)
    multiplier = np.zeros((4, size), np.int64)
    total = np.zeros(size, np.int64)
    above, below = np.zeros(size, np.int64), np.zeros(size, np.int64)
    zero_point, low, high = o[ZERO_POINT], o[LOW], o[HIGH]
    for b in range(o[B]):
        first = o[PAR] + b * (PAR_HEADER_WORDS + o[TERMS])
        for c in range(size):
            bias_low = lane32(par[first % ADDRESS_SPACE], c)
            bias[c] = signed_bias(bias_low, lane32(par[(first + 1) % ADDRESS_SPACE], c))
            shifts = lane32(par[(first + 2) % ADDRESS_SPACE], c)
            shift[c] = ((shifts & 63) + ((shifts >> 8) & 15)) & SHIFT_MASK
            above[c] = rounding_constant(o[ROUNDING], 0, shift[c])
            below[c] = rounding_constant(o[ROUNDING], -1, shift[c])
            for j in range(o[TERMS]):
                word = par[(first + PAR_HEADER_WORDS + j) % ADDRESS_SPACE]
                multiplier[j, c] = lane32(word, c) & MULTIPLIER_MASK
        for y in range(o[Y]):
            for x in range(o[X]):
                act_word = o[ACT] + b * o[B_ACT] + y * o[Y_ACT] + x * o[X_ACT]
                acc_word = o[ACC] + b * o[B_ACC] + y * o[Y_ACC] + x * o[X_ACC]
                out = (o[OUT] + b * o[B_OUT] + y * o[Y_OUT] + x * o[X_OUT]) % ADDRESS_SPACE
                total[:] = bias
                for j in range(o[TERMS]):
                    if (o[ACT_TERMS] >> j) & 1:
                        source = act[(act_word + j * o[TERM_ACT]) % ADDRESS_SPACE]
                        for c in range(size):
                            value = byte_value(widen(source[c]), o[UNSIGNED])
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
                if o[ROUNDING] == HALF_EVEN:
                    for c in range(size):
                        act[out, c] = 255 & requantize_total(
                            total[c], o[ROUNDING], shift[c], zero_point, low, high
                        )
                else:  # what is added depends on the sum's sign alone
                    for c in range(size):
                        rounding = below[c] if total[c] < 0 else above[c]
                        rounded = (total[c] + rounding) >> shift[c]
                        act[out, c] = 255 & clamp(rounded + zero_point, low, high)
                if written.shape[0] > 0:
                    written[count] = act[out]
                    count += 1
