"""MAC in register tiles: the same bytes as multiply.py, a hundred times as fast.

Dense: a pixel's reduction is a list of segments of ACT, one for each tile of an output block, so
that the tiles of kernels/gemm_tile.py apply; masked rows are zero weights. Sums are modulo 2^32,
where order and zero points may be moved freely: sum (x - z) * w = sum x * w - z * sum w.
Depthwise: one pass after the other, all columns at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.codes import REGIONS
from npusim.datapath.jit import kernel, scalar, specialized
from npusim.isa.spec import ADDRESS_SPACE
from npusim.kernels.gemm_tile import gemm_tile, tile_lanes, tile_vectors
from npusim.kernels.vnni import chosen_form
from npusim.simulator.machine import multiply as mac
from npusim.simulator.machine.widen import widen

PIXELS = 6
"""Most pixels of a register tile."""
SIGN_FLIP = 128


@scalar
def weight_table(o: Any, table: Any) -> None:
    """Fill table [codes REGIONS] with what each code multiplies xe by."""
    for code in range(1 << mac.stored_bits(o)):
        first, second, third = mac.weight_planes(code, o)
        table[code, 0], table[code, 1], table[code, 2] = first, second, third


@scalar
def reads_range(o: Any) -> tuple[int, int]:
    """Return the least and the greatest ACT word that a MAC reads, before the wrap."""
    low, high = o[mac.ACT], o[mac.ACT]
    for level in range(mac.OB, len(o), 2):
        extent = (o[level] - 1) * o[level + 1]
        low, high = low + min(0, extent), high + max(0, extent)
    return low, high


@specialized
def multiply_dense(form, element, act, wgt, acc, o, low, high, written):  # type: ignore[no-untyped-def]
    """Carry out a dense MAC whose reads lie in low..high, with the tiles of `form`."""
    size = act.shape[1]
    lanes, widest = tile_lanes(form), tile_vectors(form)  # type: ignore[no-untyped-call]
    taps = 4 // np.empty(0, element).itemsize  # operands in a 32-bit word
    u8s8 = taps == 4
    rows, bits = o[mac.TILE_ROWS], mac.stored_bits(o)
    regions, steps = mac.regions_of(o), (rows + taps - 1) // taps
    reduction, pixels = o[mac.CB] * o[mac.KH] * o[mac.KW], o[mac.Y] * o[mac.X]
    vectors = (size + lanes - 1) // lanes  # of a region
    width = regions * vectors * lanes
    word_bytes = size * 4 // taps

    flip = 0 if o[mac.UNSIGNED] else SIGN_FLIP
    zero = o[mac.ZERO_POINT] + flip if u8s8 else o[mac.ZERO_POINT]
    operands = np.empty((high - low + 1, size), element)
    for word in range(high - low + 1):
        for c in range(size):
            byte = act[low + word, c]
            if u8s8:
                operands[word, c] = byte ^ flip
            else:
                operands[word, c] = ((widen(byte) ^ flip) - flip) - zero

    table = np.zeros((256, REGIONS), np.int64)
    weight_table(o, table)
    packed = np.zeros((regions * vectors, reduction * steps, lanes, taps), np.int8)
    wide = np.zeros((1 if u8s8 else regions * vectors, reduction * steps, lanes, taps), np.int16)
    start, segments = np.zeros(width, np.int32), np.zeros(reduction, np.int64)
    offsets, sums = np.zeros(PIXELS, np.int64), np.zeros((PIXELS, width), np.int32)
    weights = packed.ctypes.data if u8s8 else wide.ctypes.data
    w_stride = reduction * steps * lanes * 4
    count = 0
    for ob in range(o[mac.OB]):
        start[:] = 0
        for tile in range(reduction):
            cb = tile // (o[mac.KH] * o[mac.KW])
            kh, kw = tile // o[mac.KW] % o[mac.KH], tile % o[mac.KW]
            segments[tile] = cb * o[mac.CB_STRIDE] + kh * o[mac.KH_STRIDE] + kw * o[mac.KW_STRIDE]
            segments[tile] *= word_bytes
            first = o[mac.WGT] + (ob * reduction + tile) * mac.tile_words(o)
            for row in range(rows):
                keep = mac.is_active(row, cb, o)
                step, tap = tile * steps + row // taps, row % taps
                for c in range(size):
                    code = mac.code_at(wgt, first, c, row, bits)
                    for region in range(regions):
                        value = table[code, region] if keep else 0
                        vector, lane = region * vectors + c // lanes, c % lanes
                        if u8s8:
                            packed[vector, step, lane, tap] = value
                            start[vector * lanes + lane] -= np.int32(zero * value)
                        else:
                            wide[vector, step, lane, tap] = value
        base = o[mac.ACT] + ob * o[mac.OB_STRIDE] - low
        p = 0
        while p < pixels:
            left = pixels - p
            tile_pixels = 6 if left > 3 else (3 if left > 1 else 1)
            for i in range(tile_pixels):
                y, x = min(p + i, pixels - 1) // o[mac.X], min(p + i, pixels - 1) % o[mac.X]
                offsets[i] = (base + y * o[mac.Y_STRIDE] + x * o[mac.X_STRIDE]) * word_bytes
            vector, end = 0, regions * vectors
            while vector < end:
                n = min(4 if end - vector >= 4 else (2 if end - vector >= 2 else 1), widest)
                gemm_tile(  # type: ignore[call-arg]
                    form, tile_pixels, n, sums.ctypes.data + vector * lanes * 4, width * 4,
                    operands.ctypes.data, offsets.ctypes.data, segments.ctypes.data, reduction,
                    steps, weights + vector * w_stride, w_stride,
                    start.ctypes.data + vector * lanes * 4,
                )  # fmt: skip
                vector += n
            for i in range(min(tile_pixels, left)):
                target = (o[mac.ACC] + ob * o[mac.ACC_STRIDE] + p + i) % ADDRESS_SPACE
                for region in range(regions):
                    at = region * vectors * lanes
                    if o[mac.ACCUMULATE]:
                        for c in range(size):
                            acc[target, region, c] += sums[i, at + c]
                    else:
                        for c in range(size):
                            acc[target, region, c] = sums[i, at + c]
                if written.shape[0] > 0:
                    written[count] = acc[target, :regions]
                    count += 1
            p += tile_pixels
    return packed.size + wide.size + operands.size  # keeps them alive past their addresses


@kernel
def multiply_blocked(act, wgt, acc, o, low, high, written):  # type: ignore[no-untyped-def]
    """Carry out a dense MAC with products of int16."""
    return multiply_dense("blocked", np.int16, act, wgt, acc, o, low, high, written)


@kernel
def multiply_vnni256(act, wgt, acc, o, low, high, written):  # type: ignore[no-untyped-def]
    """Carry out a dense MAC with vpdpbusd on 256 bits."""
    return multiply_dense("vnni256", np.uint8, act, wgt, acc, o, low, high, written)


@kernel
def multiply_vnni512(act, wgt, acc, o, low, high, written):  # type: ignore[no-untyped-def]
    """Carry out a dense MAC with vpdpbusd on 512 bits."""
    return multiply_dense("vnni512", np.uint8, act, wgt, acc, o, low, high, written)


@kernel
def multiply_depthwise(
    act: NDArray[np.uint8],
    wgt: NDArray[np.uint8],
    acc: NDArray[np.int32],
    o: NDArray[np.int64],
    low: int,
    written: NDArray[np.int32],
) -> None:
    """Carry out a depthwise MAC without row_first, whose reads do not wrap; one region a pass."""
    size, rows, bits = act.shape[1], o[mac.TILE_ROWS], mac.stored_bits(o)
    regions, results = mac.regions_of(o), mac.results_per_row(o)
    table = np.zeros((256, REGIONS), np.int64)
    weight_table(o, table)
    weights = np.zeros((regions, rows, size), np.int32)
    line = np.zeros((o[mac.X], size), np.int32)
    total = np.zeros(size, np.int32)
    flip = 0 if o[mac.UNSIGNED] else SIGN_FLIP
    count = 0
    passes = np.ndindex(o[mac.OB], o[mac.CB], o[mac.KH], o[mac.KW])
    for tile, (ob, cb, kh, kw) in enumerate(passes):
        first = o[mac.WGT] + tile * mac.tile_words(o)
        for row in range(rows):
            keep = mac.is_active(row, cb, o)
            for c in range(size):
                code = mac.code_at(wgt, first, c, row, bits)
                for region in range(regions):
                    weights[region, row, c] = table[code, region] if keep else 0
        clear = cb == 0 and kh == 0 and kw == 0 and not o[mac.ACCUMULATE]
        last = cb == o[mac.CB] - 1 and kh == o[mac.KH] - 1 and kw == o[mac.KW] - 1
        base = mac.tile_base(o, ob, cb, kh, kw)
        for y in range(o[mac.Y]):
            for x in range(o[mac.X]):
                word = base + y * o[mac.Y_STRIDE] + x * o[mac.X_STRIDE]
                for c in range(size):
                    line[x, c] = ((widen(act[word, c]) ^ flip) - flip) - o[mac.ZERO_POINT]
            for i in range(results):
                x = o[mac.WARM] + i * o[mac.STEP]
                p = o[mac.ACC] + ob * o[mac.ACC_STRIDE] + y * results + i
                target = p % ADDRESS_SPACE
                for region in range(regions):
                    total[:] = 0
                    if not clear:
                        total[:] = acc[target, region]
                    for row in range(min(rows, x + 1)):
                        for c in range(size):
                            total[c] += weights[region, row, c] * line[x - row, c]
                    acc[target, region] = total
                if last and written.shape[0] > 0:
                    written[count] = acc[target, :regions]
                    count += 1


_DENSE = {
    "blocked": multiply_blocked,
    "vnni256": multiply_vnni256,
    "vnni512": multiply_vnni512,
}


@scalar
def operands_wrap(o: Any) -> bool:
    """Return whether a byte minus the zero point may leave -255..255."""
    least = 0 if o[mac.UNSIGNED] else -SIGN_FLIP
    return o[mac.ZERO_POINT] < least or o[mac.ZERO_POINT] > least + 255


@kernel
def fits(o: NDArray[np.int64], act_words: int, wgt_words: int) -> tuple[int, int, bool]:
    """Return (low, high, whether the fast forms apply) of the ACT words that a MAC reads."""
    low, high = reads_range(o)
    if low < 0 or high >= act_words or operands_wrap(o):
        return low, high, False
    if o[mac.DEPTHWISE] and o[mac.ROW_FIRST] > 0:
        return low, high, False
    tiles = o[mac.OB] * o[mac.CB] * o[mac.KH] * o[mac.KW]
    results = o[mac.Y] * mac.results_per_row(o)
    end = o[mac.WGT] + tiles * mac.tile_words(o)
    return low, high, end <= wgt_words and results <= ADDRESS_SPACE


def multiply_words(
    act: NDArray[np.uint8],
    wgt: NDArray[np.uint8],
    acc: NDArray[np.int32],
    o: NDArray[np.int64],
    written: NDArray[np.int32],
) -> None:
    """Carry out a MAC; arguments as of multiply_plain."""
    low, high, fast = fits(o, len(act), len(wgt))
    form = chosen_form()
    if form == "plain" or not fast:
        mac.multiply_plain(act, wgt, acc, o, written)
    elif o[mac.DEPTHWISE]:
        multiply_depthwise(act, wgt, acc, o, low, written)
    else:
        _DENSE[form](act, wgt, acc, o, low, high, written)
