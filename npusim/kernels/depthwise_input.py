"""The padded copy of a depthwise layer's input, several rows in a word: what its tiles read.

As linear_input.py, but an element is a word of 32 bits: that of a row, and above it those of the
rows which the next taps of the kernel's column read. Two forms:

    pairs   two rows, 16 bits each
    quads   four rows, a byte each

Sixteen words are made at a time; the rest, borders and repeated channels one by one.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npusim.datapath.jit import entry, scalar
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import I8, I64, fill, load
from npusim.kernels.linear_input import LAYER, lines_of

BYTES_AT_ONCE = 16


@intrinsic
def pair_bytes(typingctx, low, high, has_low, has_high, pad, flip, to, count):
    """Store `count` pairs, whole sixteens, of the bytes at addresses `low` and `high` at `to`.

    A byte is x ^ flip, or `pad` where has_low or has_high is 0; then its address is read, too.
    """
    line = ir.VectorType(I8, BYTES_AT_ONCE)
    pairs = ir.VectorType(ir.IntType(16), 2 * BYTES_AT_ONCE)
    order = [half * BYTES_AT_ONCE + lane for lane in range(BYTES_AT_ONCE) for half in (0, 1)]

    def codegen(context, builder, signature, args):
        low, high, has_low, has_high, pad, flip, to, count = args
        outside, mask = (fill(builder, line, builder.trunc(value, I8)) for value in (pad, flip))
        present = [
            builder.icmp_signed("!=", has, ir.Constant(I64, 0)) for has in (has_low, has_high)
        ]
        with cgutils.for_range(builder, builder.lshr(count, ir.Constant(I64, 4))) as loop:
            step = builder.shl(loop.index, ir.Constant(I64, 4))
            halves = []
            for address, has in zip((low, high), present, strict=True):
                found = builder.xor(load(builder, line, builder.add(address, step), 1), mask)
                halves.append(builder.select(has, found, outside))
            mixed = builder.shuffle_vector(
                *halves, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
            )
            at = builder.add(to, builder.shl(step, ir.Constant(I64, 2)))
            wide = builder.zext(mixed, pairs)
            builder.store(wide, builder.inttoptr(at, pairs.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(*([types.intp] * 8)), codegen


@intrinsic
def quad_bytes(typingctx, rows, steps, flip, to, count):
    """Store `count` quads, whole sixteens, of the bytes x ^ flip at the four addresses `rows`.

    `steps`: bytes from a row's sixteen to its next, 0 of a row that is the same all along.
    """
    line = ir.VectorType(I8, BYTES_AT_ONCE)
    word = ir.IntType(32)
    size = 4 * BYTES_AT_ONCE
    order = [row * BYTES_AT_ONCE + lane for lane in range(BYTES_AT_ONCE) for row in range(4)]

    def shuffled(builder, a, b, order):
        kind = ir.VectorType(word, len(order))
        return builder.shuffle_vector(a, b, ir.Constant(kind, order))

    def codegen(context, builder, signature, args):
        rows, steps, flip, to, count = args
        starts = [builder.extract_value(rows, i) for i in range(4)]
        paces = [builder.extract_value(steps, i) for i in range(4)]
        mask = fill(builder, ir.VectorType(I8, size), builder.trunc(flip, I8))
        with cgutils.for_range(builder, builder.lshr(count, ir.Constant(I64, 4))) as loop:
            found = [
                load(builder, line, builder.add(start, builder.mul(pace, loop.index)), 1)
                for start, pace in zip(starts, paces, strict=True)
            ]
            two = list(range(2 * BYTES_AT_ONCE))
            halves = [shuffled(builder, *found[i : i + 2], two) for i in (0, 2)]
            all_four = shuffled(builder, *halves, list(range(size)))
            mixed = builder.xor(shuffled(builder, all_four, all_four, order), mask)
            at = builder.add(to, builder.mul(loop.index, ir.Constant(I64, size)))
            builder.store(mixed, builder.inttoptr(at, mixed.type.as_pointer()), align=4)
        return context.get_dummy_value()

    four = types.UniTuple(types.intp, 4)
    return types.void(four, four, *([types.intp] * 3)), codegen


@scalar
def pair(x, low, high, has_low, has_high, pad, flip):
    """Return the pair of x[low] and x[high], `pad` where there is none."""
    below = (np.int64(x[low]) ^ flip) if has_low else pad
    above = (np.int64(x[high]) ^ flip) if has_high else pad
    return np.uint32(below | above << 16)


@entry
def copy_pairs(x_address, buffer_address, description, first, end):
    """Copy what output rows first .. end - 1 read, each row with the one `pair_rows` further."""
    d = array_at(description, 1, LAYER)[0]
    channels, width, height, repeat = d.channels, d.width, d.height, d.repeat
    image, images, first_row, lines = lines_of(d, first, end)
    line = d.columns * channels * repeat
    x = array_at(x_address, (image + images) * height * width * channels, np.uint8)
    buffer = array_at(buffer_address, images * lines * line, np.uint32)
    whole = d.column_stride == 1 and repeat == 1  # columns are copied as they lie in the image
    at_once = 0
    if whole:
        at_once = width * channels // BYTES_AT_ONCE * BYTES_AT_ONCE
    left = np.uintp(d.left * channels * repeat)
    right = left + np.uintp(width * channels * repeat)
    outside = np.uint32(d.pad | d.pad << 16)
    to = np.uintp(0)
    for n in range(image, image + images):
        for i in range(lines):
            row = first_row + i * d.line_rows
            above = row + d.tap_rows
            has_row, has_above = 0 <= row < height, 0 <= above < height
            low = (n * height + (row if has_row else 0)) * width * channels
            high = (n * height + (above if has_above else 0)) * width * channels
            if at_once > 0:
                pair_bytes(
                    x_address + low, x_address + high, np.int64(has_row), np.int64(has_above),
                    d.pad, d.flip, buffer_address + 4 * np.int64(to + left), at_once,
                )  # fmt: skip
            first_column, end_column = 0, d.columns
            if whole:
                for k in range(left):
                    buffer[to + k] = outside
                for k in range(right, np.uintp(line)):
                    buffer[to + k] = outside
                first_column, end_column = d.left + at_once // channels, d.left + width
            for j in range(first_column, end_column):
                column = j * d.column_stride - d.left
                inside = 0 <= column < width
                start = np.uintp(j * channels * repeat)
                at = (column if inside else 0) * channels
                for k in range(np.uintp(channels * repeat)):
                    c = np.uintp(at) + k // np.uintp(repeat)
                    buffer[to + start + k] = pair(
                        x, np.uintp(low) + c, np.uintp(high) + c, inside and has_row,
                        inside and has_above, d.pad, d.flip,
                    )  # fmt: skip
            to += np.uintp(line)
    return 1


@scalar
def quad(x, rows, at, pad, flip):
    """Return the quad of the bytes `at` places behind four rows' first ones; `pad` where none is.

    A row that there is none of begins below 0.
    """
    word = np.uint32(0)
    for i in range(4):
        value = pad if rows[i] < 0 else np.int64(x[np.uintp(rows[i] + at)]) ^ flip
        word |= np.uint32(value) << np.uint32(8 * i)
    return word


@entry
def copy_quads(x_address, buffer_address, description, first, end):
    """Copy what output rows first .. end - 1 read, each row with the next three taps' rows."""
    d = array_at(description, 1, LAYER)[0]
    channels, width, height, repeat = d.channels, d.width, d.height, d.repeat
    image, images, first_row, lines = lines_of(d, first, end)
    line, pixel = d.columns * channels * repeat, channels * repeat
    x = array_at(x_address, (image + images) * height * width * channels, np.uint8)
    buffer = array_at(buffer_address, images * lines * line, np.uint32)
    whole = d.column_stride == 1 and repeat == 1  # columns are copied as they lie in the image
    at_once = width * channels // BYTES_AT_ONCE * BYTES_AT_ONCE if whole else 0
    outside = np.uint32(d.pad * 0x01010101)
    absent = np.full(BYTES_AT_ONCE, d.pad ^ d.flip, np.uint8)
    nothing = absent.ctypes.data
    to = 0
    for n in range(image, image + images):
        for i in range(lines):
            top, step = first_row + i * d.line_rows, d.tap_rows
            rows = (
                row_start(d, n, top), row_start(d, n, top + step),
                row_start(d, n, top + 2 * step), row_start(d, n, top + 3 * step),
            )  # fmt: skip
            if at_once > 0:
                quad_bytes(
                    (
                        nothing if rows[0] < 0 else x_address + rows[0],
                        nothing if rows[1] < 0 else x_address + rows[1],
                        nothing if rows[2] < 0 else x_address + rows[2],
                        nothing if rows[3] < 0 else x_address + rows[3],
                    ),
                    (
                        0 if rows[0] < 0 else BYTES_AT_ONCE, 0 if rows[1] < 0 else BYTES_AT_ONCE,
                        0 if rows[2] < 0 else BYTES_AT_ONCE, 0 if rows[3] < 0 else BYTES_AT_ONCE,
                    ),
                    d.flip, buffer_address + 4 * (to + d.left * pixel), at_once,
                )  # fmt: skip
            first_column, end_column = 0, d.columns
            if whole:
                for k in range(np.uintp(to), np.uintp(to + d.left * pixel)):
                    buffer[k] = outside
                for k in range(np.uintp(to + (d.left + width) * pixel), np.uintp(to + line)):
                    buffer[k] = outside
                first_column, end_column = d.left + at_once // channels, d.left + width
            for j in range(first_column, end_column):
                column, at = j * d.column_stride - d.left, np.uintp(to + j * pixel)
                for k in range(np.uintp(pixel)):
                    buffer[at + k] = outside
                    if 0 <= column < width:
                        c = column * channels + np.int64(k // np.uintp(repeat))
                        buffer[at + k] = quad(x, rows, c, d.pad, d.flip)
            to += line
    return absent.size  # keeps it alive past its address


@scalar
def row_start(d, image, row):
    """Return where a row of an image begins in x, -1 outside the image."""
    return (image * d.height + row) * d.width * d.channels if 0 <= row < d.height else -1
