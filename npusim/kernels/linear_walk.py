"""A linear layer's walk over its output: copy a chunk's input, sum in tiles, requantize, go on.

The same for every kind of layer; the three parts are entries, called by the addresses in LAYER, and
each is compiled by itself:

    copy(x, buffer, layer, first, end)          linear_input.py
    tiles(offsets, sums, layer, 0, pixels)      gemm.py, depthwise.py
    epilogue(sums, y, constants, 0, pixels)     epilogue_entry.py
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, scalar
from npusim.kernels.entry import array_at, call_at
from npusim.kernels.linear_input import LAYER, TILE_PIXELS

ALIGNED_BYTES = 64
"""Of a line of the cache."""


def described(**fields: int) -> NDArray[np.int64]:
    """Return a LAYER of `fields` as words; unknown names are no fields of it."""
    layer = np.zeros(1, LAYER)
    for name, value in fields.items():
        layer[name] = value
    return layer.view(np.int64)


@scalar
def aligned(size):
    """Return `size` rounded up to whole lines of the cache."""
    return (size + ALIGNED_BYTES - 1) // ALIGNED_BYTES * ALIGNED_BYTES


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


@entry
def linear(x, y, description, first, last):
    """Compute output rows first .. last - 1, counted over all images."""
    d = array_at(description, 1, LAYER)[0]
    images = min(d.most_images, (last - first + d.out_h - 1) // d.out_h)
    rows = min(d.most_rows, last - first)
    lines = images * ((rows - 1) * d.row_lines + d.span_lines)
    pixels_most = images * rows * d.out_w
    tiled = (pixels_most + TILE_PIXELS - 1) // TILE_PIXELS * TILE_PIXELS
    block = min(d.block, tiled)
    buffer_bytes = aligned(lines * d.line_bytes + d.margin_bytes)
    offset_bytes = aligned(8 * tiled)
    scratch = np.empty(ALIGNED_BYTES + buffer_bytes + offset_bytes + block * d.sums_bytes, np.uint8)
    buffer = aligned(scratch.ctypes.data)
    at = buffer + buffer_bytes
    sums, offsets = at + offset_bytes, array_at(at, tiled, np.int64)
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
    return scratch.size  # keeps it alive past its addresses
