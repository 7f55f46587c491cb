"""Products of whole tiles: AMX, sixteen pixels by sixteen channels by 64 taps an instruction.

    C [rows 16] int32 += A [rows 64] uint8 * B [64 16] int8        tdpbusd; sums wrap at 32 bits

The weights lie as gemm_tile.py's do: sixteen steps of a vector (four taps of sixteen channels) are
a B, whose lines lie as far apart as the tile's columns say. A's lines are pixels that lie equally
far apart in the padded input, so that a tile never leaves a run of such pixels: a row of the
output, or all of a layer of single pixels. Runs of taps are filled with weights of zero up to
whole tiles; what A holds there does not matter, nor what its lines hold behind the last pixel, for
their sums are written over or never read.

A process has to ask the system before it uses tiles, once. The witness is linear_plain.py.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from npusim.datapath.jit import entry
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import I8, I64, load
from npusim.kernels.gemm_tile import tile_columns
from npusim.kernels.linear_input import LAYER

FEATURES = {"amx-tile", "amx-int8"}
ROWS, LINE_BYTES = 16, 64
STEPS = LINE_BYTES // 4
"""Steps of four taps in a tile."""
LEAST_RUN_BYTES = 32
"""Shorter runs of taps would leave more than half of a tile empty."""
WIDEST = 4
"""Vectors of columns whose sums stay in tiles: 0..3 are sums, 4 is A, 5..7 are B in turn."""
A, FIRST_B, TILES = 4, 5, 8

ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA = 158, 0x1023, 18
"""Linux on x86-64: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)."""


@cache
def is_permitted() -> bool:
    """Ask the system whether this process may use tiles."""
    if not sys.platform.startswith("linux"):
        return False
    call = ctypes.CDLL(None).syscall
    return int(call(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA)) == 0


def configuration(rows: int) -> NDArray[np.uint8]:
    """Return what ldtilecfg reads: sums and A of `rows` lines, B of whole tiles."""
    made = np.zeros(64, np.uint8)
    made[0] = 1  # palette
    made[16 : 16 + 2 * TILES].view(np.uint16)[:] = LINE_BYTES
    made[48 : 48 + TILES] = rows
    made[48 + FIRST_B : 48 + TILES] = STEPS
    return made


def pixels_in_line(fields: dict[str, int]) -> int:
    """Return how many pixels of a chunk lie equally far apart, in order."""
    width = fields["out_w"]
    if fields["row_lines"] * fields["line_bytes"] == width * fields["column_bytes"]:
        return width * min(fields["most_rows"], fields["out_h"])
    return width


def _instruction(builder, name, *operands):
    kind = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
    name = f"llvm.x86.{name}"
    builder.call(cgutils.get_or_insert_function(builder.module, kind, name), operands)


def _tile(number):
    return ir.Constant(I8, number)


def _pointer(builder, address):
    return builder.inttoptr(address, I8.as_pointer())


@intrinsic
def configure(typingctx, address):
    """Shape the tiles as the 64 bytes at `address` say."""

    def codegen(context, builder, signature, args):
        _instruction(builder, "ldtilecfg", _pointer(builder, args[0]))
        return context.get_dummy_value()

    return types.void(types.intp), codegen


@intrinsic
def release(typingctx):
    """Leave the tiles to others."""

    def codegen(context, builder, signature, args):
        _instruction(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic(prefer_literal=True)
def multiply(
    typingctx, vectors, sums, sums_stride, x, pixel_bytes, segments, count, steps, w, start
):
    """Sum a tile's rows of pixels for `vectors` (a literal) columns of sixteen channels.

    Pixel i reads bytes at x + i * pixel_bytes + segments[s] for each of `count` segments of `steps`
    tiles; the weights are one stream from `w` on. Sums start from `start`, are stored at `sums`.
    """
    if not isinstance(vectors, types.Literal):
        return None
    width = vectors.literal_value

    def codegen(context, builder, signature, args):
        sums, sums_stride, x, pixel_bytes, segments, count, steps, w, start = args[1:]

        def at(address, number):
            return builder.add(address, ir.Constant(I64, number))

        zero, line = ir.Constant(I64, 0), ir.Constant(I64, width * LINE_BYTES)
        for v in range(width):  # the same line again and again
            first = _pointer(builder, at(start, v * LINE_BYTES))
            _instruction(builder, "tileloadd64", _tile(v), first, zero)
        stream = cgutils.alloca_once_value(builder, w)
        with cgutils.for_range(builder, count) as outer:
            place = builder.add(segments, builder.shl(outer.index, ir.Constant(I64, 3)))
            segment = builder.add(x, load(builder, I64, place, 8))
            with cgutils.for_range(builder, steps) as inner:
                offset = builder.mul(inner.index, ir.Constant(I64, LINE_BYTES))
                taps = _pointer(builder, builder.add(segment, offset))
                _instruction(builder, "tileloadd64", _tile(A), taps, pixel_bytes)
                weights = builder.load(stream)
                for v in range(width):
                    b = _tile(FIRST_B + v % (TILES - FIRST_B))
                    column = _pointer(builder, at(weights, v * LINE_BYTES))
                    _instruction(builder, "tileloadd64", b, column, line)
                    _instruction(builder, "tdpbusd", _tile(v), _tile(A), b)
                builder.store(at(weights, STEPS * width * LINE_BYTES), stream)
        for v in range(width):
            to = _pointer(builder, at(sums, v * LINE_BYTES))
            _instruction(builder, "tilestored64", _tile(v), to, sums_stride)
        return context.get_dummy_value()

    return types.void(vectors, *([types.intp] * 9)), codegen


@entry
def tiles_amx(offsets, sums, description, first, end):
    """Sum with tdpbusd, run of pixels by run; a run's last tile reaches back where it can."""
    d = array_at(description, 1, LAYER)[0]
    at, step, stride = array_at(offsets, end, np.int64), d.column_bytes, d.sums_bytes
    configure(d.tile_configuration)
    p = 0
    while p < end:
        run = 1
        while p + run < end and at[p + run] - at[p + run - 1] == step:
            run += 1
        done = 0
        while done < run:
            pixel = p + max(min(done, run - d.tile_rows), 0)
            for group in range(d.groups):
                x = at[pixel] + group * d.group_bytes
                column, last = group * d.vectors, (group + 1) * d.vectors
                while column < last:
                    n = tile_columns(last - column, WIDEST)
                    to = sums + pixel * stride + column * LINE_BYTES
                    start = d.start + column * LINE_BYTES
                    w = d.weights + column * d.weights_stride
                    steps = d.steps // STEPS
                    if n == 4:
                        multiply(
                            4, to, stride, x, step, d.segments, d.segment_count, steps, w, start
                        )
                    elif n == 2:
                        multiply(
                            2, to, stride, x, step, d.segments, d.segment_count, steps, w, start
                        )
                    else:
                        multiply(
                            1, to, stride, x, step, d.segments, d.segment_count, steps, w, start
                        )
                    column += n
            done += d.tile_rows
        p += run
    release()
    return 1
