"""A linear layer's walk over its output: copy a chunk's input, sum in tiles, requantize, go on.

The same for every kind of layer; the three parts are entries, called by the addresses in LAYER, and
each is compiled by itself:

    copy(x, buffer, layer, first, end)          linear_input.py
    tiles(offsets, sums, layer, 0, pixels)      gemm.py, depthwise.py
    epilogue(sums, y, constants, 0, pixels)     epilogue_entry.py
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from npusim.datapath.jit import entry, scalar
from npusim.kernels.entry import array_at, call_at
from npusim.kernels.linear_input import LAYER, TILE_PIXELS

ALIGNED_BYTES = 64
"""Of a line of the cache."""
STACK_BYTES = 1 << 14
"""Buffers that fit are taken from the stack: asking for memory costs as much as a small layer."""


@scalar
def aligned(size):
    """Return `size` rounded up to whole lines of the cache."""
    return (size + ALIGNED_BYTES - 1) // ALIGNED_BYTES * ALIGNED_BYTES


def described(
    images: int, margin_bytes: int, spare_pixels: int = 0, **fields: int
) -> NDArray[np.int64]:
    """Return a LAYER of `fields` as words, with the buffers that a call on `images` needs.

    Unknown names are no fields of it. `margin_bytes` may be read past the copied input's end, and
    the sums of `spare_pixels` written past those of a block.
    """
    layer = np.zeros(1, LAYER)
    for name, value in fields.items():
        layer[name] = value
    d = layer[0]
    d["most_images"] = images = min(int(d["most_images"]), images)
    lines = images * ((d["most_rows"] - 1) * d["row_lines"] + d["span_lines"])
    tiled = -(-images * d["most_rows"] * d["out_w"] // TILE_PIXELS) * TILE_PIXELS
    d["block"] = min(d["block"], tiled)
    d["buffer_bytes"] = aligned(lines * d["line_bytes"] + margin_bytes)
    d["offset_bytes"] = aligned(8 * tiled)
    sums_bytes = (d["block"] + spare_pixels) * d["sums_bytes"]
    d["scratch_bytes"] = d["buffer_bytes"] + d["offset_bytes"] + sums_bytes
    return layer.view(np.int64)


@scalar
def locate_pixels(offsets, d, base, images, rows):
    """Fill `offsets` with the address of each output pixel's elements; return the count of pixels.

    The last one is repeated to the end, so that a tile of several pixels never leaves the buffer.
    """
    image_bytes = ((rows - 1) * d.row_lines + d.span_lines) * d.line_bytes
    at = 0
    for n in range(images):
        for row in range(rows):
            start = base + n * image_bytes + row * d.row_lines * d.line_bytes
            for column in range(d.out_w):
                offsets[at] = start + column * d.column_bytes
                at += 1
    for i in range(at, offsets.size):
        offsets[i] = offsets[at - 1]
    return at


@intrinsic
def _on_stack(typing_context):
    """Return the address of STACK_BYTES bytes, aligned, which live as long as the caller."""

    def codegen(context, builder, signature, args):
        with builder.goto_entry_block():  # numba's own alloca_once would fill it with zeros
            place = builder.alloca(ir.ArrayType(ir.IntType(8), STACK_BYTES))
        place.align = ALIGNED_BYTES
        return builder.ptrtoint(place, ir.IntType(64))

    return types.intp(), codegen


@scalar
def walk(x, y, description, first, last, scratch):
    """Compute output rows first .. last - 1 with the buffers at the aligned address `scratch`."""
    d = array_at(description, 1, LAYER)[0]
    buffer, at, block = scratch, scratch + d.buffer_bytes, d.block
    sums, offsets = at + d.offset_bytes, array_at(at, d.offset_bytes // 8, np.int64)
    row, placed = first, 0
    while row < last:
        out_row = row % d.out_h
        images, rows = 1, min(d.most_rows, min(d.out_h - out_row, last - row))
        if rows == d.out_h:
            images = min(d.most_images, (last - row) // d.out_h)
        call_at(d.copy, x, buffer, description, row, row + images * rows)
        pixels = images * rows * d.out_w
        if placed != pixels:
            placed = locate_pixels(offsets, d, buffer, images, rows)
        to = y + row * d.out_w * d.filters
        for p in range(0, pixels, block):
            taken = min(block, pixels - p)
            call_at(d.tiles, at + 8 * p, sums, description, 0, taken)
            call_at(d.epilogue, sums, to + p * d.filters, d.epilogue_description, 0, taken)
        row += images * rows


@entry
def linear(x, y, description, first, last):
    """Compute output rows first .. last - 1, counted over all images."""
    d = array_at(description, 1, LAYER)[0]
    if d.scratch_bytes <= STACK_BYTES:
        walk(x, y, description, first, last, _on_stack())
        return 1
    scratch = np.empty(ALIGNED_BYTES + d.scratch_bytes, np.uint8)
    walk(x, y, description, first, last, aligned(scratch.ctypes.data))
    return scratch.size  # keeps it alive past its addresses
