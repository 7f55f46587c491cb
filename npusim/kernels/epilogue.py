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
from npusim.datapath.requantize import HALF_EVEN, rounding_constant
from npusim.kernels.floating_point_vector import vector_rule
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.words import ROUNDINGS

LANES = 16
"""Channels of a block; every group's channels are padded to a multiple of it."""

FORMS = ("constant", "signed", "even", "fp32", "double_away")
CONSTANT, SIGNED, EVEN, FP32, DOUBLE_AWAY = range(len(FORMS))

I8, I32, I64 = (ir.IntType(bits) for bits in (8, 32, 64))
NARROW, WIDE = ir.VectorType(I32, LANES), ir.VectorType(I64, LANES)
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
    mode = ROUNDINGS.index(r.rounding)
    shifts = [int(shift) for shift in r.shift]
    positive = np.array([rounding_constant(mode, 0, shift) for shift in shifts], np.int64)
    negative = np.array([rounding_constant(mode, -1, shift) for shift in shifts], np.int64)
    even = np.zeros(len(shifts), np.int64)
    bias = r.bias
    if mode == HALF_EVEN:
        form, even = EVEN, (r.shift > 0).astype(np.int64)
    else:
        form = CONSTANT if np.array_equal(positive, negative) else SIGNED
        bias, negative = r.bias + positive, negative - positive
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


def _emit_term(builder, multiplier, acc):
    """Emit M * A of int64 `multiplier` and the int32 accumulators at address `acc`."""
    return builder.mul(multiplier, builder.sext(_load(builder, NARROW, acc, 4), WIDE))


def _multiplier(builder, constants, j):
    """Load the multipliers of term `j`, which follow the header."""
    at = builder.add(constants, ir.Constant(I64, HEADER_BYTES))
    at = builder.add(at, builder.mul(j, ir.Constant(I64, 4 * LANES)))
    return builder.sext(_load(builder, NARROW, at, 4), WIDE)


def _emit_total(builder, constants, acc, plane_stride, terms, bias):
    """Emit T = bias + sum_j M_j * A_j, A_j lying `plane_stride` apart."""
    total = cgutils.alloca_once_value(builder, bias)
    with cgutils.for_range(builder, terms) as loop:
        at = builder.add(acc, builder.mul(loop.index, plane_stride))
        term = _emit_term(builder, _multiplier(builder, constants, loop.index), at)
        builder.store(builder.add(builder.load(total), term), total)
    return builder.load(total)


def _emit_store(builder, value, address, channels):
    """Emit the store of the first `channels` <= 16 bytes of `value`."""
    whole = builder.icmp_signed("==", channels, ir.Constant(I64, LANES))
    with builder.if_else(whole) as (store_whole, store_part):
        with store_whole:
            builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)
        with store_part:
            number = ir.IntType(8 * LANES)
            rest = cgutils.alloca_once_value(builder, builder.bitcast(value, number))
            to = cgutils.alloca_once_value(builder, address)
            for size in (8, 4, 2, 1):
                bit = builder.and_(channels, ir.Constant(I64, size))
                with builder.if_then(builder.icmp_signed("!=", bit, ir.Constant(I64, 0))):
                    word, at = ir.IntType(8 * size), builder.load(to)
                    piece = builder.trunc(builder.load(rest), word)
                    builder.store(piece, builder.inttoptr(at, word.as_pointer()), align=1)
                    shift = ir.Constant(number, 8 * size)
                    builder.store(builder.lshr(builder.load(rest), shift), rest)
                    builder.store(builder.add(at, ir.Constant(I64, size)), to)


def _round(builder, form, total, shift, positive, negative, even):
    """Emit (total + constant) >> shift in one of the integer forms."""
    if form == SIGNED:  # the bias holds `positive`, and `negative` is what lies between the two
        below = builder.icmp_signed("<", total, positive)
        total = builder.select(below, builder.add(total, negative), total)
    elif form == EVEN:
        bit = builder.and_(builder.ashr(total, shift), even)
        total = builder.add(builder.add(total, positive), bit)
    return builder.ashr(total, shift)


def _emit_rows(builder, form, single, args):
    """Emit the loop over pixels in one vector form; `args` as of requantize_block.

    `single` says that there is one term: a loop over terms would cost as much as all the rest.
    """
    (pixels, acc, acc_stride, plane_stride, terms, constants) = args[1:7]
    (zero_point, low, high, y, y_stride, channels) = args[7:]
    line = ir.VectorType(I8, LANES)
    zero = _fill(builder, line, builder.trunc(zero_point, I8))
    low, high = builder.sub(low, zero_point), builder.sub(high, zero_point)
    if form in (CONSTANT, SIGNED, EVEN):
        header = [
            _load(builder, WIDE, builder.add(constants, ir.Constant(I64, i * WIDE_BYTES)), 8)
            for i in range(HEADER_BYTES // WIDE_BYTES)
        ]
        least, most = _fill(builder, WIDE, low), _fill(builder, WIDE, high)
        multiplier = _multiplier(builder, constants, ir.Constant(I64, 0)) if single else None

        def rule(at):
            if multiplier is not None:
                total = builder.add(header[0], _emit_term(builder, multiplier, at))
            else:
                total = _emit_total(builder, constants, at, plane_stride, terms, header[0])
            value = _round(builder, form, total, *header[1:])
            return _select(builder, "<", _select(builder, ">", value, least), most)
    else:
        floating = vector_rule(builder, FORMS[form], LANES, constants, low, high)

        def rule(at):
            return floating(_load(builder, NARROW, at, 4))

    with cgutils.for_range(builder, pixels) as row:
        at = builder.add(acc, builder.mul(row.index, acc_stride))
        value = builder.add(builder.trunc(rule(at), line), zero)
        to = builder.add(y, builder.mul(row.index, y_stride))
        _emit_store(builder, value, to, channels)


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
        for form in range(len(FORMS)):
            chosen = builder.icmp_signed("==", args[0], ir.Constant(I64, form))
            with builder.if_then(chosen):
                if form in (FP32, DOUBLE_AWAY):
                    _emit_rows(builder, form, True, args)
                    continue
                one = builder.icmp_signed("==", args[5], ir.Constant(I64, 1))
                with builder.if_else(one) as (single, several):
                    with single:
                        _emit_rows(builder, form, True, args)
                    with several:
                        _emit_rows(builder, form, False, args)
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
