"""The padded copy of a layer's input, chunk by chunk, and where each output pixel starts in it.

A chunk is some rows of one image, or several whole images. Copied with its border and its margin
of over-read, a kernel row of a pixel is one contiguous run (dilation 1), so that no im2col is made
and no loop tests for the image's edge.
"""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import scalar

MARGIN = 64
"""Elements behind a buffer that a run may read past its end; they meet zero weights."""


CHUNK_PIXELS = 192
"""A chunk holds about as many output pixels or more, so that its input stays in the cache."""


def chunk_size(out_h: int, out_w: int) -> tuple[int, int]:
    """Return how many images and how many output rows of each make up a chunk."""
    if out_h * out_w <= CHUNK_PIXELS:
        return max(CHUNK_PIXELS // (out_h * out_w), 1), out_h
    return 1, max(-(-CHUNK_PIXELS // out_w), 1)


@scalar
def copy_padded(
    x, buffer, image, image_count, first_row, row_count, height, width, channels, repeat, left,
    right, flip, offset, pad,
):  # fmt: skip
    """Copy input rows first_row .. first_row + row_count of `image_count` images into `buffer`.

    Rows and columns outside the image hold `pad`; an element is (x ^ flip) - offset, each channel
    `repeat` times.
    """
    line = np.uintp(width * channels * repeat)
    left_size = np.uintp(left * channels * repeat)
    right_size = np.uintp(right * channels * repeat)
    to = np.uintp(
        0
    )  # unsigned: numba would test a signed index for wrap-around, element by element
    for n in range(image, image + image_count):
        for row in range(first_row, first_row + row_count):
            if row < 0 or row >= height:
                for i in range(left_size + line + right_size):
                    buffer[to + i] = pad
                to += left_size + line + right_size
                continue
            for i in range(left_size):
                buffer[to + i] = pad
            to += left_size
            source = np.uintp((n * height + row) * width * channels)
            if repeat == 1:
                for i in range(line):
                    buffer[to + i] = (x[source + i] ^ flip) - offset
            else:
                for i in range(line):
                    buffer[to + i] = (x[source + i // np.uintp(repeat)] ^ flip) - offset
            to += line
            for i in range(right_size):
                buffer[to + i] = pad
            to += right_size


@scalar
def locate_pixels(offsets, images, rows, columns, image_size, row_step, column_step):
    """Fill `offsets` with each output pixel's start in the buffer; return the count of pixels.

    The last one is repeated to the end, so that a tile of several pixels never leaves the buffer.
    """
    at = 0
    for n in range(images):
        for row in range(rows):
            for column in range(columns):
                offsets[at] = n * image_size + row * row_step + column * column_step
                at += 1
    for i in range(at, offsets.size):
        offsets[i] = offsets[at - 1]
    return at
