"""From accumulators to outputs, sixteen channels at a time: the vector form of requantization.

    T = bias + sum_j M_j * A_j
    y = clamp(((T + constant) >> shift) + zero_point, low, high)

The constant of a rounding mode is taken from its scalar (datapath/requantize.py) when the layer is
prepared, at T = 0 and at T = -1, which is all that a mode can depend on besides the bit above the
rounding point (half to even). Three vector forms follow from what the mode needs:

    constant   the constant is the same for both signs: it is folded into the bias
    signed     the constant of a negative T differs
    even       the constant grows by the bit at `shift`

and the two floating-point forms of floating_point_vector.py. The witness is linear_plain.py.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from npusim.datapath.jit import kernel
from npusim.datapath.requantize import HALF_EVEN, ROUNDING_MODES, rounding_constant
from npusim.graph.requantization import FloatRequantization, Requantization
from npusim.simulator.kernels.floating_point_vector import vector_rule

LANES = 16
"""Channels of a block; every group's channels are padded to a multiple of it."""

FORMS = ("constant", "signed", "even", "fp32", "double_away")
CONSTANT, SIGNED, EVEN, FP32, DOUBLE_AWAY = range(len(FORMS))

I8, I32, I64 = (ir.IntType(bits) for bits in (8, 32, 64))
WIDE = ir.VectorType(I64, LANES)
WIDE_BYTES = 8 * LANES
HEADER_BYTES = 5 * WIDE_BYTES
"""Before the multipliers of a block: bias, shift, constants of T >= 0 and T < 0, mask of `even`."""


def padded_channels(channels: int) -> int:
    """Return `channels` rounded up to whole blocks."""
    return -(-channels // LANES) * LANES


def _blocks(values: NDArray, groups: int) -> NDArray[np.uint8]:
    """Return `values` [OC] as bytes [blocks, LANES * itemsize], each group padded with zeros."""
    grouped = values.reshape(groups, -1)
    width = padded_channels(grouped.shape[1])
    full = np.zeros((groups, width), values.dtype)
    full[:, : grouped.shape[1]] = grouped
    return full.reshape(-1, LANES).view(np.uint8)


def pack_constants(
    requantization: Requantization | FloatRequantization, groups: int
) -> tuple[int, NDArray[np.uint8]]:
    """Return the vector form and its constants, one row of bytes for each block of channels."""
    r = requantization
    if isinstance(r, FloatRequantization):
        form = FP32 if r.kind == "fp32" else DOUBLE_AWAY
        return form, np.ascontiguousarray(_blocks(r.scale, groups))
    mode = ROUNDING_MODES.index(r.rounding)
    shifts = [int(shift) for shift in r.shift]
    positive = np.array([rounding_constant(mode, 0, shift) for shift in shifts], np.int64)
    negative = np.array([rounding_constant(mode, -1, shift) for shift in shifts], np.int64)
    even = np.zeros(len(shifts), np.int64)
    bias = r.bias
    form = SIGNED
    if mode == HALF_EVEN:
        form, even = EVEN, (r.shift > 0).astype(np.int64)
    elif np.array_equal(positive, negative):
        form, bias = CONSTANT, r.bias + positive
    parts = [bias, r.shift, positive, negative, even]
    rows = [_blocks(np.ascontiguousarray(part, np.int64), groups) for part in parts]
    rows += [_blocks(np.ascontiguousarray(m, np.int32), groups) for m in r.multipliers]
    return form, np.concatenate(rows, axis=1)


def _load(builder, kind, address, align):
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def _fill(builder, kind, value):
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, kind.count), None)
    return builder.shuffle_vector(first, undefined, zeros)


def _select(builder, relation, a, b):
    return builder.select(builder.icmp_signed(relation, a, b), a, b)


def _total(builder, constants, acc, plane_stride, terms, bias):
    """Emit T = bias + sum_j M_j * A_j; the multipliers follow the header, A_j by `plane_stride`."""
    narrow = ir.VectorType(I32, LANES)

    def term(j):
        at = builder.add(constants, ir.Constant(I64, HEADER_BYTES))
        at = builder.add(at, builder.mul(j, ir.Constant(I64, 4 * LANES)))
        multiplier = builder.sext(_load(builder, narrow, at, 4), WIDE)
        address = builder.add(acc, builder.mul(j, plane_stride))
        return builder.mul(multiplier, builder.sext(_load(builder, narrow, address, 4), WIDE))

    first = builder.add(bias, term(ir.Constant(I64, 0)))
    total = cgutils.alloca_once_value(builder, first)
    rest = builder.sub(terms, ir.Constant(I64, 1))
    with cgutils.for_range(builder, rest) as loop:
        j = builder.add(loop.index, ir.Constant(I64, 1))
        builder.store(builder.add(builder.load(total), term(j)), total)
    return builder.load(total)


def _round(builder, form, total, shift, positive, negative, even):
    """Emit (total + constant) >> shift in one of the integer forms."""
    if form == SIGNED:
        below = builder.icmp_signed("<", total, ir.Constant(WIDE, None))
        total = builder.add(total, builder.select(below, negative, positive))
    elif form == EVEN:
        bit = builder.and_(builder.ashr(total, shift), even)
        total = builder.add(builder.add(total, positive), bit)
    return builder.ashr(total, shift)


def _emit_rows(builder, form, args):
    """Emit the loop over pixels in one vector form; `args` as of requantize_block."""
    (pixels, acc, acc_stride, plane_stride, terms, constants) = args[1:7]
    (zero_point, low, high, y, y_stride, channels) = args[7:]
    integer = form in (CONSTANT, SIGNED, EVEN)
    if integer:
        header = [
            _load(builder, WIDE, builder.add(constants, ir.Constant(I64, i * WIDE_BYTES)), 8)
            for i in range(HEADER_BYTES // WIDE_BYTES)
        ]
        zero, least, most = (_fill(builder, WIDE, v) for v in (zero_point, low, high))
    else:
        rule = vector_rule(builder, FORMS[form], LANES, constants)
    line = ir.VectorType(I8, LANES)
    whole = builder.icmp_signed("==", channels, ir.Constant(I64, LANES))
    spare = cgutils.alloca_once(builder, line)
    with cgutils.for_range(builder, pixels) as row:
        at = builder.add(acc, builder.mul(row.index, acc_stride))
        if integer:
            total = _total(builder, constants, at, plane_stride, terms, header[0])
            value = builder.add(_round(builder, form, total, *header[1:]), zero)
            value = _select(builder, "<", _select(builder, ">", value, least), most)
        else:
            value = rule(_load(builder, ir.VectorType(I32, LANES), at, 4), zero_point, low, high)
        value = builder.trunc(value, line)
        to = builder.add(y, builder.mul(row.index, y_stride))
        with builder.if_else(whole) as (store_whole, store_part):
            with store_whole:
                builder.store(value, builder.inttoptr(to, line.as_pointer()), align=1)
            with store_part:
                builder.store(value, spare)
                source = builder.bitcast(spare, I8.as_pointer())
                target = builder.inttoptr(to, I8.as_pointer())
                with cgutils.for_range(builder, channels) as one:
                    byte = builder.load(builder.gep(source, [one.index]))
                    builder.store(byte, builder.gep(target, [one.index]))


@intrinsic
def requantize_block(
    typingctx, form, pixels, acc, acc_stride, plane_stride, terms, constants, zero_point, low, high,
    y, y_stride, channels,
):  # fmt: skip
    """Store `channels` <= 16 outputs of each of `pixels` rows; addresses and strides in bytes.

    Row i reads its accumulators at acc + i * acc_stride, term j of them j * plane_stride behind,
    and writes bytes at y + i * y_stride.
    """

    def codegen(context, builder, signature, args):
        for number in range(len(FORMS)):
            with builder.if_then(builder.icmp_signed("==", args[0], ir.Constant(I64, number))):
                _emit_rows(builder, number, args)
        return context.get_dummy_value()

    return types.void(*([types.intp] * 13)), codegen


@kernel
def requantize_rows(
    form, pixels, acc, groups, terms, group_channels, constants, constants_stride, zero_point, low,
    high, y,
):  # fmt: skip
    """Requantize `pixels` rows of accumulators [groups, terms, padded channels] to y [pixels, OC].

    `acc`, `constants` and `y` are addresses: of int32, of the packed constants, of bytes.
    """
    padded = (group_channels + LANES - 1) // LANES * LANES
    acc_stride = groups * terms * padded * 4
    for g in range(groups):
        for c in range(0, group_channels, LANES):
            requantize_block(
                form, pixels, acc + (g * terms * padded + c) * 4, acc_stride, padded * 4, terms,
                constants + (g * padded + c) // LANES * constants_stride, zero_point, low, high,
                y + g * group_channels + c, groups * group_channels,
                min(LANES, group_channels - c),
            )  # fmt: skip
