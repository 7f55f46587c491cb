"""MAC, as written in docs/architecture.md: one row of the array after the other.

This plain form is the witness of multiply_fast.py, and what runs where addresses wrap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import wrap_acc
from npusim.datapath.pe_column import product_bits
from npusim.datapath.subtract_zero_point import XE_SIGN, subtract_zero_point
from npusim.datapath.weight_decode import (
    PWLQ,
    SUBSET,
    UNIFORM,
    WORD_A,
    WORD_B,
    negate_if,
    pwlq_magnitude,
    pwlq_sign,
    pwlq_tail,
    subset_index,
    subset_sign,
    uniform_weight,
)
from npusim.isa.access import MAC_TILE_LEVELS
from npusim.machines import Machine
from npusim.simulator.machine.columns import Column, Group
from npusim.simulator.machine.durations import datapath_parameters
from npusim.simulator.machine.reach import ADDRESS_SPACE
from npusim.simulator.machine.widen import widen

OPERANDS = (
    "act", "wgt", "acc", "accumulate", "depthwise", "rows", "row_first", "row_end", "acc_stride",
    "warm", "step", "format", "bits", "unsigned", "zero_point", "selectors", "product_bits",
    "ob", "ob_stride", "cb", "cb_stride", "kh", "kh_stride", "kw", "kw_stride",
    "y", "y_stride", "x", "x_stride",
)  # fmt: skip
"""What a MAC needs to know, in the order of a row of `operands`."""
(
    ACT, WGT, ACC, ACCUMULATE, DEPTHWISE, TILE_ROWS, ROW_FIRST, ROW_END, ACC_STRIDE,
    WARM, STEP, FORMAT, BITS, UNSIGNED, ZERO_POINT, SELECTORS, PRODUCT_BITS,
    OB, OB_STRIDE, CB, CB_STRIDE, KH, KH_STRIDE, KW, KW_STRIDE,
    Y, Y_STRIDE, X, X_STRIDE,
) = range(len(OPERANDS))  # fmt: skip


def operands(group: Group, machine: Machine) -> Column:
    """Return the operands of all MACs of a program [instructions OPERANDS]."""
    registers = group.registers
    rows = [group[name] for name in ("act", "wgt", "acc", "accumulate", "depthwise")]
    rows += [registers["mac_tile"][name] for name in ("rows", "row_first", "row_end")]
    rows += [registers["mac_output"][name] for name in ("acc_stride", "warm", "step")]
    rows += [registers["mac_format"][n] for n in ("format", "bits", "unsigned", "zero_point")]
    rows.append(registers["subset_selectors"]["value"])
    rows.append(np.full_like(group.pcs, product_bits(datapath_parameters(machine))))
    for level in (*MAC_TILE_LEVELS, "mac_y", "mac_x"):
        rows += [registers[level]["count"], registers[level]["stride"]]
    return np.stack(rows, axis=1)


@scalar
def results_per_row(o: NDArray[np.int64]) -> int:
    """Return how many results a row of x gives."""
    if not o[DEPTHWISE]:
        return o[X]
    return max(0, (o[X] - o[WARM] + o[STEP] - 1) // o[STEP])


@scalar
def subset_magnitude(selectors: int, index: int) -> int:
    """Return the integer that a subset index stands for under the packed selectors."""
    lane = selectors >> (4 * index)
    return WORD_A[(lane >> 2) & 3] + WORD_B[lane & 3]


@scalar
def weight_planes(code: int, o: NDArray[np.int64]) -> tuple[int, int, int]:
    """Return what a code multiplies xe by in each region: (A1, A2, S)."""
    if o[FORMAT] == PWLQ:
        signed = negate_if(pwlq_sign(code, o[BITS]), pwlq_magnitude(code, o[BITS]))
        if pwlq_tail(code, o[BITS]):
            return 0, signed, negate_if(pwlq_sign(code, o[BITS]), 1)
        return signed, 0, 0
    if o[FORMAT] == SUBSET:
        value = subset_magnitude(o[SELECTORS], subset_index(code, o[BITS]))
        return negate_if(subset_sign(code, o[BITS]), value), 0, 0
    return uniform_weight(code, o[BITS]), 0, 0


@scalar
def stored_bits(o: NDArray[np.int64]) -> int:
    """Return the bits of a code in WGT."""
    return o[BITS] + 1 if o[FORMAT] == PWLQ else o[BITS]


@scalar
def code_at(wgt: NDArray[np.uint8], first: int, column: int, row: int, bits: int) -> int:
    """Return the code of one row and column of the tile that begins at word `first`."""
    low = row * bits
    word = first + low // 8
    pair = widen(wgt[word % ADDRESS_SPACE, column])
    if low % 8 + bits > 8:
        pair |= widen(wgt[(word + 1) % ADDRESS_SPACE, column]) << 8
    return (pair >> (low % 8)) & ((1 << bits) - 1)


@scalar
def product(weight: int, xe: int, o: NDArray[np.int64]) -> int:
    """Return what a PE adds to a region's sum.

    Only a zero point of no byte of its type makes the operand -256, which is its own negative; its
    product with the least weight may not fit the product register.
    """
    if xe > -XE_SIGN:
        return weight * xe
    if o[FORMAT] != UNIFORM:
        return abs(weight) * xe
    sign = 1 << (o[PRODUCT_BITS] - 1)
    return ((weight * xe + sign) & (2 * sign - 1)) - sign


@scalar
def is_active(row: int, cb: int, o: NDArray[np.int64]) -> bool:
    """Return whether a row of the array takes part."""
    if row >= o[TILE_ROWS] or (cb == 0 and row < o[ROW_FIRST]):
        return False
    return cb < o[CB] - 1 or row < o[ROW_END]


@kernel
def multiply_plain(
    act: NDArray[np.uint8],
    wgt: NDArray[np.uint8],
    acc: NDArray[np.int32],
    o: NDArray[np.int64],
    written: NDArray[np.int32],
) -> None:
    """Carry out a MAC; `o` are its OPERANDS.

    act, wgt [words SIZE], acc [words regions SIZE]; written [results regions SIZE] takes a copy of
    what the last reduction tile of each ob writes, in order, where it has rows.
    """
    size, bits = act.shape[1], stored_bits(o)
    regions = 3 if o[FORMAT] == PWLQ else 1
    tile_words = (o[TILE_ROWS] * bits + 7) // 8
    xe = np.zeros((size, size), np.int64)  # [row column]
    weights = np.zeros((size, size, 3), np.int64)
    tile, count = 0, 0
    for ob in range(o[OB]):
        for cb in range(o[CB]):
            for kh in range(o[KH]):
                for kw in range(o[KW]):
                    for row in range(o[TILE_ROWS]):
                        for column in range(size):
                            first = o[WGT] + tile * tile_words
                            code = code_at(wgt, first, column, row, bits)
                            weights[row, column] = weight_planes(code, o)
                    tile += 1
                    clear = cb == 0 and kh == 0 and kw == 0 and not o[ACCUMULATE]
                    last = cb == o[CB] - 1 and kh == o[KH] - 1 and kw == o[KW] - 1
                    base = o[ACT] + ob * o[OB_STRIDE] + cb * o[CB_STRIDE]
                    base += kh * o[KH_STRIDE] + kw * o[KW_STRIDE]
                    p = o[ACC] + ob * o[ACC_STRIDE]
                    for y in range(o[Y]):
                        for x in range(o[X]):
                            word = (base + y * o[Y_STRIDE] + x * o[X_STRIDE]) % ADDRESS_SPACE
                            for row in range(o[TILE_ROWS] - 1, -1, -1):
                                keep = is_active(row, cb, o)
                                for column in range(size):
                                    lane = column if o[DEPTHWISE] else row
                                    if not o[DEPTHWISE] or row == 0:
                                        xe[row, column] = subtract_zero_point(
                                            widen(act[word, lane]), o[ZERO_POINT], o[UNSIGNED],
                                            keep,
                                        )  # fmt: skip
                                    elif x == 0 or not keep:
                                        xe[row, column] = 0
                                    else:
                                        xe[row, column] = xe[row - 1, column]
                            if o[DEPTHWISE]:
                                if x < o[WARM] or (x - o[WARM]) % o[STEP] != 0:
                                    continue
                            target = p % ADDRESS_SPACE
                            p += 1
                            for region in range(regions):
                                for column in range(size):
                                    total = 0
                                    if not clear:
                                        total = widen(acc[target, region, column])
                                    for row in range(o[TILE_ROWS]):
                                        weight = weights[row, column, region]
                                        total += product(weight, xe[row, column], o)
                                    acc[target, region, column] = wrap_acc(total)
                            if last and written.shape[0] > 0:
                                written[count] = acc[target, :regions]
                                count += 1
