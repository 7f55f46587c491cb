"""The padded copy of a layer's input, chunk by chunk: what the tiles read.

A chunk is some rows of one image, or several whole images. Copied with its border and its margin
of over-read, a kernel row of a pixel is one contiguous run (dilation 1), so that no im2col is made
and no loop tests for the image's edge. Rows and columns that no window reads are left out.

An element is x + 128 where x is signed, so that all are 0..255; outside the image it is the zero
point, which the sums' start values take back. It lies in a byte or in a word of 16 bits; a
depthwise layer's are several of them (depthwise_input.py).
"""

from __future__ import annotations

from math import gcd

import numpy as np

from npusim.datapath.jit import entry, scalar, specialized
from npusim.graph.attributes import Window
from npusim.kernels.entry import array_at

MARGIN = 64
"""Elements behind a buffer that a run may read past its end; they meet zero weights."""

CHUNK_PIXELS = 192
"""A chunk holds about as many output pixels or more, so that its input stays in the cache."""

TILE_PIXELS = 6
"""Most pixels of a register tile."""
SUMS_BYTES = 16384
"""Sums of a block of pixels stay in the nearest cache until they are requantized together."""
MOST_PIXELS_AT_ONCE = 48

LAYER = np.dtype(
    [
        (name, np.int64)
        for name in (
            "height", "width", "channels", "out_h", "out_w", "filters", "most_images", "most_rows",
            "top", "left", "columns", "column_stride", "row_stride", "line_rows", "row_lines",
            "span_lines", "line_bytes", "column_bytes", "flip", "pad", "repeat", "tap_rows",
            "buffer_bytes", "offset_bytes", "scratch_bytes", "copy", "tiles", "epilogue",
            "epilogue_description", "block",
            "sums_bytes", "groups", "vectors", "group_bytes", "segments", "segment_count", "steps",
            "weights", "weights_stride", "start", "widest",
            "tile_rows", "tile_configuration",
        )
    ]
)  # fmt: skip
"""What linear_walk.py and the entries it calls read of a layer on images of one size.

most_images, most_rows    of a chunk
columns, column_stride    elements of a buffer's line, and columns of the image from one to the next
row_stride                rows of the image from one output row to the next
line_rows                 rows of the image from one line of the buffer to the next
row_lines, span_lines     lines from one output row to the next, and lines that one row reads
line_bytes, column_bytes  of the buffer: of a line, and from one output pixel to the next
repeat                    copies of each channel, side by side
tap_rows                  rows of the image from one that an element holds to the next
buffer_bytes, offset_bytes, scratch_bytes   of the copied input, of the pixels' addresses, of both
                          and the sums
copy, tiles, epilogue     addresses of entries
block, sums_bytes         pixels that are requantized together, and bytes of the sums of one
groups, vectors           of a pixel's sums: groups, and vectors of each
group_bytes               from the elements of a group to those of the next
segments, segment_count   where a pixel's contiguous runs begin, in bytes, and how many there are
steps                     of a run; of a depthwise layer, pairs of taps
weights, weights_stride   address of the packed weights, and bytes of a vector's
start                     address of the sums' start values; of float32 layers, of the input's scale
tile_rows, tile_configuration   of gemm_amx.py: pixels of a tile, address of the tiles' shapes
widest                    vectors of a tile of a float32 layer at most
"""


def chunk_size(out_h: int, out_w: int) -> tuple[int, int]:
    """Return how many images and how many output rows of each make up a chunk."""
    if out_h * out_w <= CHUNK_PIXELS:
        return max(CHUNK_PIXELS // (out_h * out_w), 1), out_h
    return 1, max(-(-CHUNK_PIXELS // out_w), 1)


def pixels_at_once(sums: int) -> int:
    """Return how many pixels of `sums` int32 each are requantized together: whole tiles."""
    fitting = min(SUMS_BYTES // (4 * sums), MOST_PIXELS_AT_ONCE)
    return max(fitting // TILE_PIXELS, 1) * TILE_PIXELS


def input_geometry(
    window: Window, height: int, width: int, channels: int, item_bytes: int, rows_per_tap: int = 1
) -> dict[str, int]:
    """Return what the copy of images [height, width, channels] is: fields of LAYER by name.

    `channels` counts repeated ones; an element holds `rows_per_tap` rows of taps.
    """
    out_h, out_w = window.output_size(height, width)
    top, _, left, right = window.padding
    taps = -(-window.kernel[0] // rows_per_tap)
    tap_rows = window.dilation[0] * rows_per_tap
    line_rows = gcd(window.stride[0], tap_rows) if taps > 1 else window.stride[0]
    only_read = window.kernel[1] == 1  # each column is read by one output pixel at most
    columns = out_w if only_read else left + width + right
    images, rows = chunk_size(out_h, out_w)
    return {
        "height": height, "width": width, "channels": channels, "out_h": out_h, "out_w": out_w,
        "most_images": images, "most_rows": rows, "top": top, "left": left, "columns": columns,
        "column_stride": window.stride[1] if only_read else 1, "row_stride": window.stride[0],
        "line_rows": line_rows, "row_lines": window.stride[0] // line_rows,
        "span_lines": (taps - 1) * tap_rows // line_rows + 1,
        "line_bytes": columns * channels * item_bytes,
        "column_bytes": (1 if only_read else window.stride[1]) * channels * item_bytes,
        "tap_row_bytes": tap_rows // line_rows * columns * channels * item_bytes if taps > 1 else 0,
        "margin_bytes": MARGIN * item_bytes,
    }  # fmt: skip


@scalar
def lines_of(d, first, end):
    """Return the first image of output rows first .. end - 1, images, first row and buffer lines.

    The rows are whole images, or lie in one.
    """
    image = first // d.out_h
    out_row = first - image * d.out_h
    images, rows = 1, end - first
    if rows >= d.out_h:
        images, rows = rows // d.out_h, d.out_h
    return image, images, out_row * d.row_stride - d.top, (rows - 1) * d.row_lines + d.span_lines


@specialized
def copy_chunk(element, x_address, buffer_address, description, first, end):
    """Copy what output rows first .. end - 1 read; an element is x ^ flip."""
    d = array_at(description, 1, LAYER)[0]
    channels, width, height, repeat = d.channels, d.width, d.height, np.uintp(d.repeat)
    flip, pad = np.uint8(d.flip), element(d.pad)
    image, images, first_row, lines = lines_of(d, first, end)
    line = d.columns * channels * d.repeat
    x = array_at(x_address, (image + images) * height * width * channels, np.uint8)
    buffer = array_at(buffer_address, images * lines * line, element)
    left, inside = np.uintp(d.left * channels * d.repeat), np.uintp(width * channels * d.repeat)
    right, pixel = np.uintp(line) - left - inside, np.uintp(channels)
    to = np.uintp(0)  # unsigned: numba would test a signed index for wrap-around, one by one
    for n in range(image, image + images):
        for i in range(lines):
            row = first_row + i * d.line_rows
            if row < 0 or row >= height:
                for k in range(np.uintp(line)):
                    buffer[to + k] = pad
                to += np.uintp(line)
                continue
            source = np.uintp((n * height + row) * width * channels)
            if d.column_stride > 1 or d.columns < d.left + width:
                for j in range(d.columns):
                    column = j * d.column_stride - d.left
                    if column < 0 or column >= width:
                        for k in range(pixel * repeat):
                            buffer[to + k] = pad
                    else:
                        at = source + np.uintp(column * channels)
                        if repeat == 1:
                            for k in range(pixel):
                                buffer[to + k] = x[at + k] ^ flip
                        else:
                            for k in range(pixel * repeat):
                                buffer[to + k] = x[at + k // repeat] ^ flip
                    to += pixel * repeat
                continue
            for k in range(left):
                buffer[to + k] = pad
            to += left
            if repeat == 1:
                for k in range(inside):
                    buffer[to + k] = x[source + k] ^ flip
            else:
                for k in range(inside):
                    buffer[to + k] = x[source + k // repeat] ^ flip
            to += inside
            for k in range(right):
                buffer[to + k] = pad
            to += right
    return 1


@entry
def copy_bytes(x, buffer, description, first, end):
    """Copy to bytes."""
    return copy_chunk(np.uint8, x, buffer, description, first, end)


@entry
def copy_words(x, buffer, description, first, end):
    """Copy to 16-bit words."""
    return copy_chunk(np.int16, x, buffer, description, first, end)
