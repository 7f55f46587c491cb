"""From accumulators to outputs, sixteen channels at a time: the vector form of requantization.

    T = bias + sum_j M_j * A_j
    y = clamp(((T + constant) >> shift) + zero_point, low, high)

The constant of a rounding mode is taken from its scalar (datapath/requantize.py) when the layer is
prepared, at T = 0 and at T = -1, which is all that a mode can depend on besides the bit above the
rounding point (half to even). Three vector forms follow from what the mode needs:

    constant   the constant is the same for both signs: it is folded into the bias
    signed     the constant of a negative T differs
    even       the constant grows by the bit at `shift`

They take any number of terms, any bias and any shift, in 64 bits throughout. Most layers need less:
epilogue_high.py has faster forms for them. The witness is linear_plain.py.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from npusim.datapath.requantize import HALF_EVEN, rounding_constant
from npusim.runtimes.requantization import Requantization
from npusim.words import ROUNDINGS

LANES = 16
"""Channels of a block; every group's channels are padded to a multiple of it."""

WIDE_FORMS = ("constant", "signed", "even")
CONSTANT, SIGNED, EVEN = range(len(WIDE_FORMS))

I8, I32, I64 = (ir.IntType(bits) for bits in (8, 32, 64))
LINE = ir.VectorType(I8, LANES)
NARROW, WIDE = ir.VectorType(I32, LANES), ir.VectorType(I64, LANES)
WIDE_BYTES = 8 * LANES
HEADER_BYTES = 5 * WIDE_BYTES
"""Before the multipliers of a block: bias, shift, constants of T >= 0 and T < 0, mask of `even`."""


def padded_channels(channels: int) -> int:
    """Return `channels` rounded up to whole blocks."""
    return -(-channels // LANES) * LANES


def blocks_of(values: NDArray, groups: int) -> NDArray:
    """Return `values` [OC] as [blocks, LANES], each group padded with zeros."""
    grouped = values.reshape(groups, -1)
    full = np.zeros((groups, padded_channels(grouped.shape[1])), values.dtype)
    full[:, : grouped.shape[1]] = grouped
    return full.reshape(-1, LANES)


def rounding_constants(r: Requantization) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what is added to each channel's T before the shift, where T >= 0 and where T < 0."""
    mode = ROUNDINGS.index(r.rounding)
    positive, negative = (
        np.array([rounding_constant(mode, total, int(shift)) for shift in r.shift], np.int64)
        for total in (0, -1)
    )
    return positive, negative


def pack_wide(r: Requantization, groups: int) -> tuple[int, NDArray[np.uint8]]:
    """Return the vector form and its constants, one row of bytes for each block of channels."""
    positive, negative = rounding_constants(r)
    even, bias = np.zeros(len(positive), np.int64), r.bias
    if r.rounding == ROUNDINGS[HALF_EVEN]:
        form, even = EVEN, (r.shift > 0).astype(np.int64)
    else:
        form = CONSTANT if np.array_equal(positive, negative) else SIGNED
        bias, negative = r.bias + positive, negative - positive
    parts = [bias, r.shift, positive, negative, even]
    rows = [blocks_of(np.asarray(part, np.int64), groups) for part in parts]
    rows += [blocks_of(np.asarray(m, np.int32), groups) for m in r.multipliers]
    return form, np.concatenate([row.view(np.uint8) for row in rows], axis=1)


def load(builder, kind, address, align):
    """Emit the load of a `kind` from `address`."""
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def intrinsic_of(builder, name, suffix, operands):
    """Emit LLVM's function `name` on vectors of one type, whose short name is `suffix`."""
    kind = operands[0].type
    called = f"llvm.{name}.v{kind.count}{suffix}"
    signature = ir.FunctionType(kind, [kind] * len(operands))
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, called), operands)


def fill(builder, kind, value):
    """Emit a vector of type `kind` whose lanes are all `value`."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, kind.count), None)
    return builder.shuffle_vector(first, undefined, zeros)


def _select(builder, relation, a, b):
    return builder.select(builder.icmp_signed(relation, a, b), a, b)


def _emit_term(builder, multiplier, acc):
    """Emit M * A of int64 `multiplier` and the int32 accumulators at address `acc`."""
    return builder.mul(multiplier, builder.sext(load(builder, NARROW, acc, 4), WIDE))


def _multiplier(builder, constants, j):
    """Load the multipliers of term `j`, which follow the header."""
    at = builder.add(constants, ir.Constant(I64, HEADER_BYTES))
    at = builder.add(at, builder.mul(j, ir.Constant(I64, 4 * LANES)))
    return builder.sext(load(builder, NARROW, at, 4), WIDE)


def _emit_total(builder, constants, acc, plane_stride, terms, bias):
    """Emit T = bias + sum_j M_j * A_j, A_j lying `plane_stride` apart."""
    total = cgutils.alloca_once_value(builder, bias)
    with cgutils.for_range(builder, terms) as loop:
        at = builder.add(acc, builder.mul(loop.index, plane_stride))
        term = _emit_term(builder, _multiplier(builder, constants, loop.index), at)
        builder.store(builder.add(builder.load(total), term), total)
    return builder.load(total)


def emit_store(builder, value, address, channels):
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


def wide_rule(builder, form, single, args):
    """Load the constants of a block; return the emitter of one row's outputs as bytes.

    `args` are as of requantize_block (epilogue_entry.py) without its form. `single` says that there
    is one term: a loop over terms would cost as much as all the rest.
    """
    plane_stride, terms, constants, zero_point, low, high = args[3:9]
    zero = fill(builder, LINE, builder.trunc(zero_point, I8))
    least, most = (fill(builder, WIDE, builder.sub(end, zero_point)) for end in (low, high))
    header = [
        load(builder, WIDE, builder.add(constants, ir.Constant(I64, i * WIDE_BYTES)), 8)
        for i in range(HEADER_BYTES // WIDE_BYTES)
    ]
    multiplier = _multiplier(builder, constants, ir.Constant(I64, 0)) if single else None

    def rule(at):
        if multiplier is not None:
            total = builder.add(header[0], _emit_term(builder, multiplier, at))
        else:
            total = _emit_total(builder, constants, at, plane_stride, terms, header[0])
        value = _round(builder, form, total, *header[1:])
        value = _select(builder, "<", _select(builder, ">", value, least), most)
        return builder.add(builder.trunc(value, LINE), zero)

    return rule


def emit_wide(builder, form, args):
    """Emit the loop over pixels in one wide form, for one term and for several."""
    one = builder.icmp_signed("==", args[4], ir.Constant(I64, 1))
    with builder.if_else(one) as (single, several):
        with single:
            emit_rows(builder, wide_rule(builder, form, True, args), args)
        with several:
            emit_rows(builder, wide_rule(builder, form, False, args), args)


def emit_rows(builder, rule, args):
    """Emit the loop over pixels: `rule` maps the address of a row's sums to its bytes."""
    pixels, acc, acc_stride = args[:3]
    y, y_stride, channels = args[9:]
    with cgutils.for_range(builder, pixels) as row:
        at = builder.add(acc, builder.mul(row.index, acc_stride))
        value = rule(at)
        to = builder.add(y, builder.mul(row.index, y_stride))
        emit_store(builder, value, to, channels)
