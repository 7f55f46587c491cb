"""MAC, as written in docs/architecture.md: one row of the array after the other.

This plain form is the witness of multiply_fast.py, and what runs where addresses wrap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.codes import REGIONS, pwlq, subset
from npusim.codes.columns import REGION_COUNT, STORED_BITS
from npusim.codes.subset import WORD_A, WORD_B
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import wrap_acc
from npusim.datapath.pe_column import product_bits
from npusim.datapath.subtract_zero_point import XE_SIGN, subtract_zero_point
from npusim.datapath.weight_decode import PWLQ, SUBSET, UNIFORM, negate_if, uniform_weight
from npusim.isa.instructions.mac import LEVELS
from npusim.isa.nest import Column
from npusim.isa.page import Group
from npusim.isa.spec import ADDRESS_SPACE
from npusim.machines import Machine
from npusim.simulator.machine.durations import datapath_parameters
from npusim.simulator.machine.widen import widen

(
    ACT, WGT, ACC, ACCUMULATE, DEPTHWISE, TILE_ROWS, ROW_FIRST, ROW_END, ACC_STRIDE,
    WARM, STEP, FORMAT, BITS, UNSIGNED, ZERO_POINT, SELECTORS, PRODUCT_BITS,
    OB, OB_STRIDE, CB, CB_STRIDE, KH, KH_STRIDE, KW, KW_STRIDE,
    Y, Y_STRIDE, X, X_STRIDE,
) = range(29)  # fmt: skip
"""What a MAC needs to know: the columns of a row of `operands`."""
COUNT = X_STRIDE + 1

pwlq_sign, pwlq_tail, pwlq_magnitude = map(scalar, (pwlq.sign, pwlq.tail, pwlq.magnitude))
subset_sign, subset_index = map(scalar, (subset.sign, subset.index))


def operands(group: Group, machine: Machine) -> Column:
    """Return the operands of all MACs of a program [instructions COUNT]."""
    registers = group.registers
    rows = [group[name] for name in ("act", "wgt", "acc", "accumulate", "depthwise")]
    rows += [registers["mac_tile"][name] for name in ("rows", "row_first", "row_end")]
    rows += [registers["mac_output"][name] for name in ("acc_stride", "warm", "step")]
    rows += [registers["mac_format"][n] for n in ("format", "bits", "unsigned", "zero_point")]
    rows.append(registers["subset_selectors"]["value"])
    rows.append(np.full_like(group.pcs, product_bits(datapath_parameters(machine))))
    for level in LEVELS:
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
    return STORED_BITS[o[FORMAT], o[BITS]]


@scalar
def regions_of(o: NDArray[np.int64]) -> int:
    """Return how many regions of ACC a MAC writes."""
    return REGION_COUNT[o[FORMAT]]


@scalar
def tile_words(o: NDArray[np.int64]) -> int:
    """Return the WGT words of a weight tile."""
    return (o[TILE_ROWS] * stored_bits(o) + 7) // 8


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


@scalar
def load_tile(
    wgt: NDArray[np.uint8], tile: int, o: NDArray[np.int64], planes: NDArray[np.int64]
) -> None:
    """Decode weight tile number `tile` into the rows of planes [column row REGIONS]."""
    first, bits = o[WGT] + tile * tile_words(o), stored_bits(o)
    for row in range(o[TILE_ROWS]):
        for column in range(planes.shape[0]):
            one, two, three = weight_planes(code_at(wgt, first, column, row, bits), o)
            planes[column, row, 0] = one
            planes[column, row, 1] = two
            planes[column, row, 2] = three


@scalar
def tile_base(o: NDArray[np.int64], ob: int, cb: int, kh: int, kw: int) -> int:
    """Return the ACT word, before the wrap, that a weight tile's pass begins at."""
    base = o[ACT] + ob * o[OB_STRIDE] + cb * o[CB_STRIDE]
    return base + kh * o[KH_STRIDE] + kw * o[KW_STRIDE]


@scalar
def shift_in(
    act: NDArray[np.uint8], word: int, x: int, cb: int, o: NDArray[np.int64], xe: NDArray[np.int64]
) -> None:
    """Move the operands of read `x` of a row, word `word` of ACT, into xe [column row]."""
    for row in range(o[TILE_ROWS] - 1, -1, -1):
        keep = is_active(row, cb, o)
        for column in range(xe.shape[0]):
            lane = column if o[DEPTHWISE] else row
            if not o[DEPTHWISE] or row == 0:
                xe[column, row] = subtract_zero_point(
                    widen(act[word, lane]), o[ZERO_POINT], o[UNSIGNED], keep
                )
            elif x == 0 or not keep:
                xe[column, row] = 0
            else:
                xe[column, row] = xe[column, row - 1]


@kernel
def multiply_plain(
    act: NDArray[np.uint8],
    wgt: NDArray[np.uint8],
    acc: NDArray[np.int32],
    o: NDArray[np.int64],
    written: NDArray[np.int32],
) -> None:
    """Carry out a MAC; `o` are its operands.

    act, wgt [words SIZE], acc [words regions SIZE]; written [results regions SIZE] takes a copy of
    what the last reduction tile of each ob writes, in order, where it has rows.
    """
    size, regions = act.shape[1], regions_of(o)
    xe = np.zeros((size, size), np.int64)  # [column row]
    planes = np.zeros((size, size, REGIONS), np.int64)
    count = 0
    passes = np.ndindex(o[OB], o[CB], o[KH], o[KW])
    for tile, (ob, cb, kh, kw) in enumerate(passes):
        load_tile(wgt, tile, o, planes)
        clear = cb == 0 and kh == 0 and kw == 0 and not o[ACCUMULATE]
        last = cb == o[CB] - 1 and kh == o[KH] - 1 and kw == o[KW] - 1
        base, p = tile_base(o, ob, cb, kh, kw), o[ACC] + ob * o[ACC_STRIDE]
        for y, x in np.ndindex(o[Y], o[X]):
            word = (base + y * o[Y_STRIDE] + x * o[X_STRIDE]) % ADDRESS_SPACE
            shift_in(act, word, x, cb, o, xe)
            if o[DEPTHWISE] and (x < o[WARM] or (x - o[WARM]) % o[STEP] != 0):
                continue
            target = p % ADDRESS_SPACE
            p += 1
            for region in range(regions):
                for column in range(size):
                    total = 0
                    if not clear:
                        total = widen(acc[target, region, column])
                    for row in range(o[TILE_ROWS]):
                        total += product(planes[column, row, region], xe[column, row], o)
                    acc[target, region, column] = wrap_acc(total)
            if last and written.shape[0] > 0:
                written[count] = acc[target, :regions]
                count += 1
