"""The entries of MACs: what mac.py prepared, on what ACT and ACC hold."""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import entry, scalar, specialized
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import LANES
from npusim.kernels.gemm_tile import (
    LANES256,
    LANES512,
    WIDEST256,
    WIDEST512,
    depthwise_tile,
    gemm_tile,
    tile_columns,
)
from npusim.simulator.execute.call_record import record
from npusim.simulator.execute.plain import mac as plain

PIXELS = 6
"""Most pixels of a register tile."""
MANY_PIXELS = 12
"""Of a tile of one vector, which has registers left."""

CALL = record(
    "low", "high", "flip", "size", "columns", "pixels", "offsets", "offset_count", "weights",
    "steps", "start", "operands", "sums", "acc_regions",
    before=plain.OPERANDS,
)  # fmt: skip
"""A MAC's operands, and what it is prepared to: the least and greatest ACT word that it reads,
vectors of a region in `columns`, and addresses of what Macs keeps."""


@scalar
def centre(act, operands, count, flip, zero_point):
    """Put `count` bytes less their zero point into int16 operands."""
    mask, offset = np.uint8(flip), np.int16(flip + zero_point)
    for i in range(np.uintp(count)):
        operands[i] = np.int16(act[i] ^ mask) - offset


@scalar
def keep_sums(address, step_bytes, sums, sums_step_bytes, pixels, lanes, accumulate):
    """Store, or add, the sums of `pixels` pixels, `lanes` of each, to accumulators.

    Those of the first pixel lie from `address` on, its sums from address `sums`; those of each
    further pixel so many bytes behind those of the one before.
    """
    for i in range(pixels):
        acc = array_at(address + i * step_bytes, lanes, np.int32)
        found = array_at(sums + i * sums_step_bytes, lanes, np.int32)
        if accumulate:
            for c in range(np.uintp(lanes)):
                acc[c] += found[c]
        else:
            for c in range(np.uintp(lanes)):
                acc[c] = found[c]


@specialized
def dense(form, element, item, lanes, widest, act_address, acc_address, description):
    """Carry out a dense MAC with the tiles of `form`.

    Its operands are `element` of `item` bytes; `lanes` and `widest` are tile_lanes and tile_vectors
    of the form. Sums go to ACC at once where a tile writes whole words that are not added to.
    """
    o = array_at(description, 1, CALL)[0]
    size, low, flip = o.size, o.low, o.flip
    count = (o.high - low + 1) * size
    act = array_at(act_address + low * size, count, np.uint8)
    operands = array_at(o.operands, count, element)
    if item == 1:
        mask = np.uint8(flip)
        for i in range(np.uintp(count)):
            operands[i] = act[i] ^ mask
    else:
        centre(act, operands, count, flip, o.zero_point)
    word, vector_bytes, word_bytes = size * item, lanes * 4, o.acc_regions * size * 4
    per_block, block_bytes = o.regions * o.columns, o.acc_stride * word_bytes
    vectors, pixels, segments = o.ob * per_block, o.y * o.x, o.offset_count
    steps, w_stride = o.steps // segments, o.steps * lanes * (4 // item)
    is_whole = not o.accumulate and size == o.columns * lanes
    vector = 0
    while vector < vectors:
        block, part = vector // per_block, vector % per_block
        left = vectors - vector
        if o.ob_stride != 0:
            left = per_block - part
        n = tile_columns(left, widest)
        x = o.operands + (o.act + block * o.ob_stride - low) * word
        w, start = o.weights + vector * w_stride, o.start + vector * vector_bytes
        to = acc_address + o.acc * word_bytes + block * block_bytes + part * vector_bytes
        p = 0
        if is_whole and (per_block == 1 or part + n <= per_block):
            step = block_bytes if per_block == 1 else vector_bytes
            if n == 1:
                while p + MANY_PIXELS <= pixels:
                    gemm_tile(
                        form, 12, 1, to + p * word_bytes, word_bytes, step, x, o.pixels + 8 * p,
                        o.offsets, segments, steps, w, start,
                    )  # fmt: skip
                    p += MANY_PIXELS
            while p + PIXELS <= pixels:
                gemm_tile(
                    form, 6, n, to + p * word_bytes, word_bytes, step, x, o.pixels + 8 * p,
                    o.offsets, segments, steps, w, start,
                )  # fmt: skip
                p += PIXELS
            while p < pixels:
                tile = 3 if pixels - p >= 3 else 1
                gemm_tile(
                    form, tile, n, to + p * word_bytes, word_bytes, step, x, o.pixels + 8 * p,
                    o.offsets, segments, steps, w, start,
                )  # fmt: skip
                p += tile
        while p < pixels:
            rest = pixels - p
            tile = 6 if rest > 3 else (3 if rest > 1 else 1)
            gemm_tile(
                form, tile, n, o.sums, n * vector_bytes, vector_bytes, x, o.pixels + 8 * p,
                o.offsets, segments, steps, w, start,
            )  # fmt: skip
            for v in range(n):
                block, part = (vector + v) // per_block, (vector + v) % per_block
                region, column = part // o.columns, part % o.columns * lanes
                at = o.acc * word_bytes + block * block_bytes + p * word_bytes
                keep_sums(
                    acc_address + at + (region * size + column) * 4, word_bytes,
                    o.sums + v * vector_bytes, n * vector_bytes, min(tile, rest),
                    min(lanes, size - column), o.accumulate,
                )  # fmt: skip
            p += tile
        vector += n
    return 1


@entry
def dense_blocked(act, acc, description, first, end):
    """Carry out a dense MAC with products of int16."""
    return dense("blocked", np.int16, 2, LANES256, WIDEST256, act, acc, description)


@entry
def dense_vnni256(act, acc, description, first, end):
    """Carry out a dense MAC with vpdpbusd on 256 bits."""
    return dense("vnni256", np.uint8, 1, LANES256, WIDEST256, act, acc, description)


@entry
def dense_vnni512(act, acc, description, first, end):
    """Carry out a dense MAC with vpdpbusd on 512 bits."""
    return dense("vnni512", np.uint8, 1, LANES512, WIDEST512, act, acc, description)


DENSE = {"blocked": dense_blocked, "vnni256": dense_vnni256, "vnni512": dense_vnni512}


@entry
def depthwise(act_address, acc_address, description, first, end):
    """Carry out a depthwise MAC: all its taps of six results in registers."""
    o = array_at(description, 1, CALL)[0]
    size, low = o.size, o.low
    count = (o.high - low + 1) * size
    act = array_at(act_address + low * size, count, np.uint8)
    operands = array_at(o.operands, count, np.int16)
    centre(act, operands, count, o.flip, o.zero_point)
    word_bytes, pairs = o.acc_regions * size * 4, o.offset_count // 2
    columns, regions = o.columns, o.regions
    results = o.result_rows * o.row_results
    first_read = o.warm * o.x_stride
    if o.window:
        first_read += o.row_warm * o.y_stride
    is_whole = not o.accumulate and size == columns * LANES
    for vector in range(o.ob * regions * columns):
        block, part = vector // (regions * columns), vector % (regions * columns)
        region, column = part // columns, part % columns * LANES
        to = (o.acc + block * o.acc_stride) * word_bytes + (region * size + column) * 4
        to += acc_address
        x = o.operands + ((o.act + block * o.ob_stride + first_read - low) * size + column) * 2
        w, start = o.weights + vector * pairs * LANES * 4, o.start + vector * LANES * 4
        p = 0
        if is_whole:
            while p + PIXELS <= results:
                depthwise_tile(
                    LANES, 6, to + p * word_bytes, word_bytes, x, o.pixels + 8 * p, o.offsets,
                    pairs, w, LANES * 4, start,
                )  # fmt: skip
                p += PIXELS
        while p < results:
            depthwise_tile(
                LANES, 6, o.sums, LANES * 4, x, o.pixels + 8 * p, o.offsets, pairs, w, LANES * 4,
                start,
            )  # fmt: skip
            keep_sums(
                to + p * word_bytes, word_bytes, o.sums, LANES * 4, min(PIXELS, results - p),
                min(LANES, size - column), o.accumulate,
            )  # fmt: skip
            p += PIXELS
    return 1
