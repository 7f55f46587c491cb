"""Register tiles: the innermost loops of the linear layers, written in LLVM's vector form.

numba has no vector type, and LLVM does not find vpdpbusd in a scalar loop, so these few loops are
emitted directly. A lane is 32 bits: one output channel's accumulator, or the adjacent operands it
takes in one step. Two forms of a step (`dot`):

    u8s8    acc += x[0]*w[0] + ... + x[3]*w[3]   x uint8, w int8, vpdpbusd (no saturation inside)
    s16s16  acc += x[0]*w[0] + x[1]*w[1]         x int16, w int8 in memory and made int16 when it is
                                                 loaded; vpmaddwd or whatever the target has

Sums wrap at 32 bits. The witness is linear_plain.py.

Trap: broadcasting a word and XORing it with a constant vector sends LLVM 22 into an endless loop
(instruction selection for AVX512); the sign flip of int8 inputs is therefore done by the copy into
the padded buffer (linear_input.py), not here.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from npusim.datapath.jit import scalar

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))


def _load(builder, kind, address, align):
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def _store(builder, value, address, align):
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=align)


def _at(builder, address, *terms):
    """Return `address` plus the sum of `terms`, each a value or a number of bytes."""
    for term in terms:
        address = builder.add(address, ir.Constant(I64, term) if isinstance(term, int) else term)
    return address


def _splat(builder, word, lanes):
    vector = ir.VectorType(I32, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, word, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(vector, None))


def _shuffle(builder, a, b, order):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(order)), order))


def _dot_s16(builder, acc, x, w):
    """Return acc + x[2i] * w[2i] + x[2i+1] * w[2i+1], x and w vectors of int16."""
    wide = ir.VectorType(I32, x.type.count)
    product = builder.mul(builder.sext(x, wide), builder.sext(w, wide))
    even = _shuffle(builder, product, product, list(range(0, x.type.count, 2)))
    odd = _shuffle(builder, product, product, list(range(1, x.type.count, 2)))
    return builder.add(acc, builder.add(even, odd))


def dot_words(builder, dot, acc, x, w):
    """One step: 32-bit words of x with four u8 and words of w with four s8, or two s16 of each.

    x may hold words or, like w, the numbers of 16 bits in them.
    """
    lanes = acc.type.count
    if dot == "s16s16":
        return _dot_s16(builder, acc, builder.bitcast(x, w.type), w)
    name = f"llvm.x86.avx512.vpdpbusd.{32 * lanes}"  # LLVM widens this older signature by itself
    kind = ir.FunctionType(acc.type, [acc.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [acc, x, w])


LINE_BYTES = 64
DOTS = {"blocked": "s16s16", "vnni256": "u8s8", "vnni512": "u8s8"}
CHAINS = 4
"""Sums in turn of a tile of one vector: a single one would wait for itself."""
TILE_PIXELS = (6, 3, 1)
TILE_VECTORS = (8, 4, 2, 1)
"""The tiles there are, up to tile_vectors, and up to twice as many of one pixel."""


def vector_form(form: str) -> str:
    """Return the form of what runs in vectors where `form` multiplies whole tiles (gemm_amx.py)."""
    return "vnni512" if form == "amx" else form


def tile_lanes(form: str) -> int:
    """Return the lanes of a vector of `form`."""
    return 16 if form == "vnni512" else 8


def tile_vectors(form: str) -> int:
    """Return the most vectors a tile of `form` has.

    6 x 4 accumulators, 4 weights and a word fit the 32 registers of AVX512, 6 x 2 the 16 of AVX2.
    """
    return 4 if form == "vnni512" else 2


LANES256, WIDEST256 = tile_lanes("vnni256"), tile_vectors("vnni256")
LANES512, WIDEST512 = tile_lanes("vnni512"), tile_vectors("vnni512")
"""For kernels: numba takes a second to compile that texts are compared. `blocked` has 256 bits."""


@scalar
def tile_columns(left, widest):
    """Return the vectors of the next tile where `left` are left and tiles have `widest` at most."""
    return min(4 if left >= 4 else (2 if left >= 2 else 1), widest)


def has_tile(pixels: int, vectors: int, widest: int) -> bool:
    """Return whether there is a tile of `pixels` x `vectors`, where tile_vectors is `widest`."""
    if pixels == 1:
        return vectors <= 2 * widest
    return vectors <= widest and pixels * vectors <= TILE_PIXELS[0] * widest


def in_tiles(packed: NDArray[np.int8], vectors: int, widest: int) -> NDArray[np.int8]:
    """Return weights [columns, steps, lanes, taps] in the order in which tiles read them.

    The columns of a tile, cut from `vectors` at a time by tile_columns, lie side by side at each
    step: a tile reads one stream.
    """
    tiles = [packed[:0].ravel()]
    for first in range(0, len(packed), vectors):
        column, end = first, first + vectors
        while column < end:
            count = tile_columns(end - column, widest)
            tiles.append(packed[column : column + count].swapaxes(0, 1).ravel())
            column += count
    return on_lines(np.concatenate(tiles))


def on_lines(values: NDArray) -> NDArray:
    """Return `values` where a line of the cache begins: no vector then lies in two lines."""
    space = np.empty(values.nbytes + LINE_BYTES, np.uint8)
    first = -space.ctypes.data % LINE_BYTES
    placed = space[first : first + values.nbytes].view(values.dtype).reshape(values.shape)
    placed[...] = values
    return placed


def _emit_gemm_tile(builder, dot, lanes, pixels, vectors, widest, args):
    """Emit one tile whose accumulators stay in registers; `args` as of gemm_tile."""
    acc, acc_stride, acc_step, x, offsets, segments, count, steps, w, init = args
    vector, width = ir.VectorType(I32, lanes), 4 * lanes
    bytes_, pairs = (ir.VectorType(kind, 2 * lanes) for kind in (I8, I16))
    w_width = width if dot == "u8s8" else 2 * lanes

    def load_weights(address):
        """Emit the load of a step's weights of one vector."""
        if dot == "u8s8":
            return _load(builder, vector, address, 4)
        return builder.sext(_load(builder, bytes_, address, 1), pairs)

    chains = CHAINS if pixels * vectors == 1 else 1
    registers = [
        [[cgutils.alloca_once(builder, vector) for _ in range(chains)] for _ in range(vectors)]
        for _ in range(pixels)
    ]
    for v in range(vectors):
        start = _load(builder, vector, _at(builder, init, v * width), 4)
        for row in registers:
            for chain, register in enumerate(row[v]):
                builder.store(ir.Constant(vector, None) if chain else start, register)

    def sum_of_chains(row_register):
        """Emit the sum of the registers of one output."""
        return reduce(builder.add, [builder.load(register) for register in row_register])

    bases = [
        builder.add(x, _load(builder, I64, _at(builder, offsets, 8 * i), 8)) for i in range(pixels)
    ]
    together = min(vectors, widest)
    stream_bytes = builder.mul(builder.mul(count, steps), ir.Constant(I64, together * w_width))
    streams = [
        cgutils.alloca_once_value(
            builder, _at(builder, w, builder.mul(stream_bytes, ir.Constant(I64, i)))
        )
        for i in range(vectors // together)
    ]
    with cgutils.for_range(builder, count) as outer:
        at = builder.add(segments, builder.shl(outer.index, ir.Constant(I64, 3)))
        skip = _load(builder, I64, at, 8)
        starts = [builder.add(base, skip) for base in bases]

        def step(index, chain):
            """Emit step number `index` of the segment, into one of the chains."""
            k_x = builder.shl(index, ir.Constant(I64, 2))
            loaded = []
            for stream in streams:
                at = builder.load(stream)
                loaded += [load_weights(_at(builder, at, v * w_width)) for v in range(together)]
                builder.store(_at(builder, at, together * w_width), stream)
            for start, row in zip(starts, registers, strict=True):
                spread = _splat(builder, _load(builder, I32, builder.add(start, k_x), 1), lanes)
                for row_register, weight in zip(row, loaded, strict=True):
                    register = row_register[chain]
                    after = dot_words(builder, dot, builder.load(register), spread, weight)
                    builder.store(after, register)

        turns = builder.udiv(steps, ir.Constant(I64, chains))
        with cgutils.for_range(builder, turns) as inner:
            first = builder.mul(inner.index, ir.Constant(I64, chains))
            for chain in range(chains):
                step(builder.add(first, ir.Constant(I64, chain)), chain)
        if chains > 1:
            done = builder.mul(turns, ir.Constant(I64, chains))
            with cgutils.for_range(builder, builder.sub(steps, done)) as inner:
                step(builder.add(done, inner.index), 0)
    for i, row in enumerate(registers):
        line = _at(builder, acc, builder.mul(acc_stride, ir.Constant(I64, i)))
        for v, row_register in enumerate(row):
            at = builder.add(line, builder.mul(acc_step, ir.Constant(I64, v)))
            _store(builder, sum_of_chains(row_register), at, 4)


@intrinsic(prefer_literal=True)
def gemm_tile(
    typingctx, form, pixels, vectors, acc, acc_stride, acc_step, x, offsets, segments, count, steps,
    w, init,
):  # fmt: skip
    """Accumulate `pixels` x (`vectors` * `lanes`) outputs in registers and store them at `acc`.

    Those of pixel i and vector v lie at acc + i * acc_stride + v * acc_step.

    `form` is a literal: blocked, vnni256 or vnni512. `pixels` is one of TILE_PIXELS or, where the
    caller knows it, a literal; `vectors` is one of TILE_VECTORS that `has_tile` takes; the others
    are addresses and byte counts. Pixel i reads words at x + offsets[i] + segments[s] + 4k for each
    of `count` segments and `steps` words; the weights of all vectors are one stream from `w` on, as
    in_tiles laid them, or two in a tile twice as wide as those; sums start from `init`.
    """
    if not isinstance(form, types.Literal):
        return None
    name = form.literal_value
    dot, lanes, widest = DOTS[name], tile_lanes(name), tile_vectors(name)
    tiles = (pixels.literal_value,) if isinstance(pixels, types.Literal) else TILE_PIXELS

    def codegen(context, builder, signature, args):
        for rows in tiles:
            for columns in TILE_VECTORS:
                if has_tile(rows, columns, widest):
                    match = builder.icmp_signed("==", args[2], ir.Constant(I64, columns))
                    if len(tiles) > 1:
                        same = builder.icmp_signed("==", args[1], ir.Constant(I64, rows))
                        match = builder.and_(match, same)
                    with builder.if_then(match):
                        _emit_gemm_tile(builder, dot, lanes, rows, columns, widest, args[3:])
        return context.get_dummy_value()

    return types.void(form, pixels, *([types.intp] * 11)), codegen


@intrinsic(prefer_literal=True)
def depthwise_tile(
    typingctx, lanes, pixels, acc, acc_stride, x, offsets, taps, pairs, w, w_stride, init
):  # fmt: skip
    """Accumulate `lanes` channels of `pixels` outputs of a depthwise convolution.

    Pixel i reads `lanes` int16 at x + offsets[i] + taps[t], for 2 * `pairs` taps t; the weights
    of two taps lie interleaved by channel at w + pair * w_stride; sums start from `init`.
    """
    if not all(isinstance(literal, types.Literal) for literal in (lanes, pixels)):
        return None
    lane_count, rows = lanes.literal_value, pixels.literal_value
    vector = ir.VectorType(I32, lane_count)
    interleaved = [half * lane_count + lane for lane in range(lane_count) for half in (0, 1)]

    def codegen(context, builder, signature, args):
        acc, acc_stride, x, offsets, taps, pairs, w, w_stride, init = args[2:]
        narrow = ir.VectorType(I16, lane_count)
        start = _load(builder, vector, init, 4)
        registers = [cgutils.alloca_once_value(builder, start) for _ in range(rows)]
        bases = [
            builder.add(x, _load(builder, I64, _at(builder, offsets, 8 * i), 8))
            for i in range(rows)
        ]
        with cgutils.for_range(builder, pairs) as loop:
            at = builder.add(taps, builder.shl(loop.index, ir.Constant(I64, 4)))
            skips = [_load(builder, I64, _at(builder, at, 8 * half), 8) for half in (0, 1)]
            line = builder.add(w, builder.mul(loop.index, w_stride))
            weights = _load(builder, ir.VectorType(I16, 2 * lane_count), line, 2)
            for i in range(rows):
                first, second = (
                    _load(builder, narrow, builder.add(bases[i], skip), 2) for skip in skips
                )
                both = _shuffle(builder, first, second, interleaved)
                before = builder.load(registers[i])
                builder.store(_dot_s16(builder, before, both, weights), registers[i])
        for i in range(rows):
            line = _at(builder, acc, builder.mul(acc_stride, ir.Constant(I64, i)))
            _store(builder, builder.load(registers[i]), line, 4)
        return context.get_dummy_value()

    return types.void(lanes, pixels, *([types.intp] * 9)), codegen


DEPTHWISE_LANES = 16


@intrinsic(prefer_literal=True)
def window_tile(typingctx, form, pixels, sums, sums_stride, x, offsets, taps, count, w, init):
    """Sum sixteen channels of `pixels` outputs of a depthwise convolution; both are literals.

    Pixel i reads sixteen words of the operands of `form` (two int16 or four uint8, taps of one
    channel) at x + offsets[i] + taps[t] for each of `count` t; the weights of step t lie likewise
    at w + 64 t. Sums start from `init`; those of pixel i are stored at sums + i * sums_stride.
    """
    if not all(isinstance(literal, types.Literal) for literal in (form, pixels)):
        return None
    name, rows = form.literal_value, pixels.literal_value
    dot, lanes = DOTS[name], 8 if name == "vnni256" else DEPTHWISE_LANES
    vector = ir.VectorType(I32, lanes)
    taken = ir.VectorType(I16, 2 * lanes) if dot == "s16s16" else vector
    parts = [4 * lanes * part for part in range(DEPTHWISE_LANES // lanes)]

    def codegen(context, builder, signature, args):
        sums, sums_stride, x, offsets, taps, count, w, init = args[2:]
        starts = [_load(builder, vector, _at(builder, init, part), 4) for part in parts]
        registers = [
            [cgutils.alloca_once_value(builder, start) for start in starts] for _ in range(rows)
        ]
        bases = [
            builder.add(x, _load(builder, I64, _at(builder, offsets, 8 * i), 8))
            for i in range(rows)
        ]
        with cgutils.for_range(builder, count) as loop:
            skip = _load(
                builder, I64, builder.add(taps, builder.shl(loop.index, ir.Constant(I64, 3))), 8
            )
            step = builder.add(w, builder.shl(loop.index, ir.Constant(I64, 6)))
            weights = [_load(builder, taken, _at(builder, step, part), 4) for part in parts]
            for base, row in zip(bases, registers, strict=True):
                at = builder.add(base, skip)
                for part, register, weight in zip(parts, row, weights, strict=True):
                    operands = _load(builder, taken, _at(builder, at, part), 4)
                    before = builder.load(register)
                    builder.store(dot_words(builder, dot, before, operands, weight), register)
        for i, row in enumerate(registers):
            line = _at(builder, sums, builder.mul(sums_stride, ir.Constant(I64, i)))
            for part, register in zip(parts, row, strict=True):
                _store(builder, builder.load(register), _at(builder, line, part), 4)
        return context.get_dummy_value()

    return types.void(form, pixels, *([types.intp] * 8)), codegen
