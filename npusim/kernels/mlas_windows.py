"""onnxruntime's float32 convolution of 8-bit values, quantized again, in registers.

    y = quantize(clip(sum over taps of w * s * (x - z) + bias))

What onnxruntime leaves in float32 between a DequantizeLinear and a QuantizeLinear. Every sum takes
its products in MLAS's order (mlas_products.py): tap by tap by fma, in the order of (input channel,
row, column), a panel's partial sum added to those before it. Different sums are independent, so
sixteen output channels of six pixels run side by side. The walk is that of every linear layer
(linear_walk.py); its three parts:

    copy_reals      x less its zero point, times its scale, in float32; 0 outside the image
    real_tiles      the sums
    quantize_reals  bias, activation, division by the output's scale, rounding to even

The witness is `mlas_products.convolve` with `floating_point.quantize`.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from npusim.datapath.jit import entry
from npusim.graph.attributes import Clamp, Window
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import (
    I32,
    I64,
    LANES,
    LINE,
    NARROW,
    emit_store,
    fill,
    intrinsic_of,
    load,
    padded_channels,
)
from npusim.kernels.floating_point_vector import BITS_OF_IT, FLOATS, ROUNDS_TO_UNITS
from npusim.kernels.gemm_tile import on_lines, tile_columns, vector_form
from npusim.kernels.linear_input import LAYER, TILE_PIXELS, input_geometry, lines_of, pixels_at_once
from npusim.kernels.linear_walk import described, linear
from npusim.kernels.mlas_products import panel_depth

ITEM_BYTES = 4
VECTOR_BYTES = ITEM_BYTES * LANES


class RealLayer:
    """The packed weights and constants of one layer in float32; weights [OC KH KW IC]."""

    def __init__(
        self,
        form: str,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        window: Window,
        activation: Clamp | None,
        x: tuple[np.float32, int, np.dtype],
        y: tuple[np.float32, int, np.dtype],
    ) -> None:
        self.entry, self.copy = linear(), copy_reals()
        self.tiles, self.epilogue = real_tiles(), quantize_reals()
        self.window, self.widest = window, 4 if vector_form(form) == "vnni512" else 1
        self.filters, *_, self.channels = weights.shape
        padded = padded_channels(self.filters)
        scale, zero_point, x_dtype = x
        self.flip = 128 * (x_dtype == np.int8)
        self.zero_point = zero_point + self.flip
        self.scale = np.array([scale], np.float32)
        taps = weights.transpose(3, 1, 2, 0).reshape(-1, self.filters)
        packed = np.zeros((len(taps), padded), np.float32)
        packed[:, : self.filters] = taps
        self.vectors = padded // LANES
        by_vector = packed.reshape(len(taps), self.vectors, LANES).swapaxes(0, 1)
        self.weights = on_lines(np.ascontiguousarray(by_vector))
        self.bias = np.zeros(padded, np.float32)
        if bias is not None:
            self.bias[: self.filters] = bias
        limits = activation or Clamp(None, None)
        y_scale, y_zero, dtype = y
        ends = np.iinfo(dtype)
        self.constants = np.array(
            [
                y_scale, -np.inf if limits.low is None else limits.low,
                np.inf if limits.high is None else limits.high, ends.min - y_zero,
                ends.max - y_zero,
            ],
            np.float32,
        )  # fmt: skip
        self.description = np.array(
            [self.filters, self.bias.ctypes.data, self.constants.ctypes.data, y_zero], np.int64
        )

    def geometry(self, images: int, height: int, width: int) -> tuple[NDArray[np.int64], ...]:
        """Return the layer's description on `images` of height x width, and the places of taps.

        The arrays hold addresses of this layer's arrays: keep the layer alive.
        """
        window, pixel_bytes = self.window, self.channels * ITEM_BYTES
        fields = input_geometry(window, height, width, self.channels, ITEM_BYTES)
        rows = np.arange(window.kernel[0]) * fields.pop("tap_row_bytes")
        columns = np.arange(window.kernel[1]) * window.dilation[1] * pixel_bytes
        channels = np.arange(self.channels) * ITEM_BYTES
        taps = channels[:, None, None] + rows[:, None] + columns
        taps = np.ascontiguousarray(taps.ravel(), np.int64)
        sums = self.vectors * LANES
        layer = described(
            images, **fields, filters=self.filters, flip=self.flip, pad=self.zero_point, repeat=1,
            copy=self.copy.address, tiles=self.tiles.address, epilogue=self.epilogue.address,
            epilogue_description=self.description.ctypes.data, block=pixels_at_once(sums),
            sums_bytes=sums * ITEM_BYTES, groups=1, vectors=self.vectors,
            segments=taps.ctypes.data, segment_count=len(taps),
            steps=panel_depth(fields["out_h"] * fields["out_w"], len(taps)),
            weights=self.weights.ctypes.data, weights_stride=len(taps) * VECTOR_BYTES,
            start=self.scale.ctypes.data, widest=self.widest,
        )  # fmt: skip
        return layer, taps


@entry
def copy_reals(x_address, buffer_address, description, first, end):
    """Copy what output rows first .. end - 1 read as float32."""
    d = array_at(description, 1, LAYER)[0]
    channels, width, height, line = d.channels, d.width, d.height, d.columns * d.channels
    image, images, first_row, lines = lines_of(d, first, end)
    x = array_at(x_address, (image + images) * height * width * channels, np.uint8)
    buffer = array_at(buffer_address, images * lines * line, np.float32)
    scale = array_at(d.start, 1, np.float32)[0]
    flip, pad = np.int32(d.flip), np.int32(d.pad)
    to = 0
    for n in range(image, image + images):
        for i in range(lines):
            row = first_row + i * d.line_rows
            source = (n * height + row) * width * channels
            here = buffer[to : to + line]
            if row < 0 or row >= height:
                here[:] = np.float32(0)
            elif d.column_stride == 1 and d.columns >= d.left + width:
                left, inside = np.uintp(d.left * channels), np.uintp(width * channels)
                for k in range(left):
                    here[k] = np.float32(0)
                for k in range(left + inside, np.uintp(line)):
                    here[k] = np.float32(0)
                for k in range(inside):
                    value = (np.int32(x[np.uintp(source) + k]) ^ flip) - pad
                    here[left + k] = np.float32(value) * scale
            else:
                for j in range(d.columns):
                    column = j * d.column_stride - d.left
                    for c in range(channels):
                        here[j * channels + c] = np.float32(0)
                        if 0 <= column < width:
                            value = (np.int32(x[source + column * channels + c]) ^ flip) - pad
                            here[j * channels + c] = np.float32(value) * scale
            to += line
    return 1


@intrinsic(prefer_literal=True)
def add_products(typingctx, vectors, sums, sums_stride, x, offsets, taps, count, w, w_stride):
    """Add to six pixels' sums of 16 * `vectors` (a literal) channels those of `count` taps.

    Pixel i reads a float32 at x + offsets[i] + taps[t]; the weights of tap t of vector v lie at
    w + v * w_stride + 64 t. A sum begins at 0, takes its products by fma, and is then added.
    """
    if not isinstance(vectors, types.Literal):
        return None
    width = vectors.literal_value

    def codegen(context, builder, signature, args):
        sums, sums_stride, x, offsets, taps, count, w, w_stride = args[1:]

        def at(address, *terms):
            for term in terms:
                address = builder.add(address, term)
            return address

        def times(value, number):
            return builder.mul(value, ir.Constant(I64, number))

        zero = ir.Constant(FLOATS, [ir.Constant(FLOATS.element, 0.0)] * LANES)
        registers = [
            [cgutils.alloca_once_value(builder, zero) for _ in range(width)]
            for _ in range(TILE_PIXELS)
        ]
        bases = [
            at(x, load(builder, I64, at(offsets, ir.Constant(I64, 8 * i)), 8))
            for i in range(TILE_PIXELS)
        ]
        streams = [at(w, times(w_stride, v)) for v in range(width)]
        with cgutils.for_range(builder, count) as loop:
            skip = load(builder, I64, at(taps, times(loop.index, 8)), 8)
            step = times(loop.index, VECTOR_BYTES)
            weights = [load(builder, FLOATS, at(stream, step), 4) for stream in streams]
            for base, row in zip(bases, registers, strict=True):
                value = load(builder, FLOATS.element, at(base, skip), 4)
                spread = fill(builder, FLOATS, value)
                for register, weight in zip(row, weights, strict=True):
                    operands = [weight, spread, builder.load(register)]
                    builder.store(intrinsic_of(builder, "fma", "f32", operands), register)
        for i, row in enumerate(registers):
            line = at(sums, times(sums_stride, i))
            for v, register in enumerate(row):
                place = at(line, ir.Constant(I64, v * VECTOR_BYTES))
                total = builder.fadd(load(builder, FLOATS, place, 4), builder.load(register))
                builder.store(total, builder.inttoptr(place, FLOATS.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(vectors, *([types.intp] * 8)), codegen


@entry
def real_tiles(offsets, sums, description, first, end):
    """Sum panel by panel; the last pixel is repeated to whole tiles, whose sums have room."""
    d = array_at(description, 1, LAYER)[0]
    stride = d.sums_bytes
    pixels = (end + TILE_PIXELS - 1) // TILE_PIXELS * TILE_PIXELS
    totals = array_at(sums, pixels * stride // ITEM_BYTES, np.float32)
    totals[:] = np.float32(0)
    v = 0
    while v < d.vectors:
        n = tile_columns(d.vectors - v, d.widest)
        for k in range(0, d.segment_count, d.steps):
            count, taps = min(d.steps, d.segment_count - k), d.segments + 8 * k
            w = d.weights + v * d.weights_stride + k * VECTOR_BYTES
            for p in range(0, pixels, TILE_PIXELS):
                to, at = sums + p * stride + v * VECTOR_BYTES, offsets + 8 * p
                if n == 4:
                    add_products(4, to, stride, 0, at, taps, count, w, d.weights_stride)
                elif n == 2:
                    add_products(2, to, stride, 0, at, taps, count, w, d.weights_stride)
                else:
                    add_products(1, to, stride, 0, at, taps, count, w, d.weights_stride)
        v += n
    return 1


@intrinsic
def quantize_block(
    typingctx, pixels, sums, stride, bias, constants, zero_point, y, y_stride, count
):
    """Store `count` <= 16 outputs of each of `pixels` rows of float32 sums.

    `constants`: the output's scale, least and greatest real value, least and greatest steps. What
    is no number becomes the least steps.
    """

    def codegen(context, builder, signature, args):
        pixels, sums, stride, bias, constants, zero_point, y, y_stride, count = args
        scale, low, high, least, most = (
            fill(
                builder,
                FLOATS,
                load(builder, FLOATS.element, builder.add(constants, ir.Constant(I64, 4 * i)), 4),
            )
            for i in range(5)
        )
        added = load(builder, FLOATS, bias, 4)
        unit = ir.Constant(FLOATS, [ir.Constant(FLOATS.element, ROUNDS_TO_UNITS)] * LANES)
        zero_bits = builder.sub(ir.Constant(I32, BITS_OF_IT), builder.trunc(zero_point, I32))
        zero_bits = fill(builder, NARROW, zero_bits)
        with cgutils.for_range(builder, pixels) as row:
            at = builder.add(sums, builder.mul(row.index, stride))
            value = builder.fadd(load(builder, FLOATS, at, 4), added)
            value = builder.select(builder.fcmp_ordered("<", value, low), low, value)
            value = builder.select(builder.fcmp_ordered(">", value, high), high, value)
            value = builder.fdiv(value, scale)
            value = builder.select(builder.fcmp_ordered(">", value, least), value, least)
            value = builder.select(builder.fcmp_ordered("<", value, most), value, most)
            bits = builder.bitcast(builder.fadd(value, unit), NARROW)
            line = builder.trunc(builder.sub(bits, zero_bits), LINE)
            emit_store(builder, line, builder.add(y, builder.mul(row.index, y_stride)), count)
        return context.get_dummy_value()

    return types.void(*([types.intp] * 9)), codegen


@entry
def quantize_reals(sums, y, description, first, end):
    """Quantize `end` pixels' sums."""
    d = array_at(description, 4, np.int64)
    channels, bias, constants, zero_point = d[0], d[1], d[2], d[3]
    padded = (channels + LANES - 1) // LANES * LANES
    for c in range(0, channels, LANES):
        quantize_block(
            end, sums + c * ITEM_BYTES, padded * ITEM_BYTES, bias + c * ITEM_BYTES, constants,
            zero_point, y + c, channels, min(LANES, channels - c),
        )  # fmt: skip
    return 1
