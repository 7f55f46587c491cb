"""One word's activity in vectors of columns: what changes in an array of PEs, and its bits counted.

    product = weight * xe                        of each PE
    operands    += ones(xe before ^ xe)
    multipliers += ones(xe before ^ xe) * digits of the weight
    products    += ones(product before ^ product)
    sums        += ones(sum before ^ sum of planes * xe over the rows)       of each region

numba has no vector type, and LLVM finds none in loops of as few columns as an array has, so the
loops are emitted directly. The witness is tests/simulator/test_activity.py.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npusim.codes import REGIONS
from npusim.datapath.jit import scalar
from npusim.datapath.mac_uniform import XE_BOUNDS
from npusim.kernels.epilogue import I32, I64, LANES, fill, intrinsic_of, load

XE_BITS = XE_BOUNDS[1].bit_length() + 1
VECTOR, NARROW = ir.VectorType(I32, LANES), ir.VectorType(ir.IntType(16), LANES)
ZERO = ir.Constant(VECTOR, None)


@scalar
def padded_columns(columns: int) -> int:
    """Return `columns` rounded up to whole vectors."""
    return (columns + LANES - 1) // LANES * LANES


def _at(builder, address, index, stride_bytes):
    return builder.add(address, builder.mul(index, stride_bytes))


def _move_in(builder, address, value, mask):
    """Store `value` into the registers at `address`; return how many bits of `mask` change."""
    before = load(builder, VECTOR, address, 4)
    builder.store(value, builder.inttoptr(address, VECTOR.as_pointer()), align=4)
    changed = builder.and_(builder.xor(before, value), mask)
    return intrinsic_of(builder, "ctpop", "i32", [changed])


def _emit_rows(builder, is_apart, regions, counts, masks, args):
    """Emit the loop over the rows of a vector of columns; return the sums of each region."""
    now, weights, rows, line, pes, is_column = args
    totals = [cgutils.alloca_once(builder, VECTOR) for _ in range(REGIONS)]
    for total in totals:
        builder.store(ZERO, total)
    half = builder.lshr(line, ir.Constant(I64, 1))  # bytes of a row of int16
    planes = ir.Constant(I64, regions + 1)
    with cgutils.for_range(builder, rows) as loop:
        at = _at(builder, now, loop.index, line)
        if is_apart:
            xe = load(builder, VECTOR, at, 4)
        else:
            spread = fill(builder, VECTOR, load(builder, I32, at, 4))
            xe = builder.select(is_column, spread, ZERO)
        first = _at(builder, weights, builder.mul(loop.index, planes), half)
        *parts, digits = (
            builder.sext(
                load(builder, NARROW, _at(builder, first, ir.Constant(I64, i), half), 2), VECTOR
            )
            for i in range(regions + 1)
        )
        summed = [builder.mul(part, xe) for part in parts]
        for total, term in zip(totals, summed, strict=False):
            builder.store(builder.add(builder.load(total), term), total)
        product = builder.add(summed[0], summed[1]) if regions > 1 else summed[0]
        pe = _at(builder, pes, builder.shl(loop.index, ir.Constant(I64, 1)), line)
        bits = _move_in(builder, pe, xe, masks[0])
        found = (
            bits,
            builder.mul(bits, digits),
            _move_in(builder, builder.add(pe, line), product, masks[1]),
        )
        for count, more in zip(counts, found, strict=False):
            builder.store(builder.add(builder.load(count), more), count)
    return [builder.load(total) for total in totals]


@intrinsic
def word_activity(
    typingctx, now, is_apart, weights, rows, regions, columns, product_bits, sum_bits,
    pe_registers, sum_registers, features,
):  # fmt: skip
    """Add one word's activity to `features` int64 [4] and move the registers on; all are addresses.

    Parameters
    ----------
    now
        int32 [rows columns]: the operands; column 0 has those of all unless `is_apart`.
    weights
        int16 [rows regions+1 columns]: what an operand is multiplied by in each of `regions`, 1 or
        REGIONS, and the Booth digits of the multiplier, the sum of the first two.
    columns
        Of the array; memory has padded_columns of them, which are zero.
    pe_registers, sum_registers
        int32 [rows 2 columns]: operand and product; int32 [REGIONS columns].
    """

    def codegen(context, builder, signature, args):
        (
            now, is_apart, weights, rows, regions, columns, product_bits, sum_bits, pes, sums,
            features,
        ) = args  # fmt: skip
        one, vector_bytes = ir.Constant(I64, 1), ir.Constant(I64, 4 * LANES)
        more = builder.add(columns, ir.Constant(I64, LANES - 1))
        vectors = builder.udiv(more, ir.Constant(I64, LANES))
        line = builder.mul(vectors, vector_bytes)
        masks = [
            fill(builder, VECTOR, builder.trunc(builder.sub(builder.shl(one, bits), one), I32))
            for bits in (ir.Constant(I64, XE_BITS), product_bits, sum_bits)
        ]
        counts = [cgutils.alloca_once(builder, VECTOR) for _ in range(4)]
        for count in counts:
            builder.store(ZERO, count)
        with cgutils.for_range(builder, vectors) as loop:
            skip = builder.mul(loop.index, vector_bytes)
            left = builder.sub(columns, builder.mul(loop.index, ir.Constant(I64, LANES)))
            is_column = builder.icmp_signed(
                "<", ir.Constant(VECTOR, list(range(LANES))),
                fill(builder, VECTOR, builder.trunc(left, I32)),
            )  # fmt: skip
            half = builder.lshr(skip, one)
            totals = [cgutils.alloca_once(builder, VECTOR) for _ in range(REGIONS)]
            for apart in (False, True):
                for region_count in (1, REGIONS):
                    same = builder.icmp_signed("==", regions, ir.Constant(I64, region_count))
                    kind = is_apart if apart else builder.not_(is_apart)
                    with builder.if_then(builder.and_(same, kind)):
                        here = (
                            builder.add(now, skip), builder.add(weights, half), rows, line,
                            builder.add(pes, skip), is_column,
                        )  # fmt: skip
                        if not apart:
                            here = (now, *here[1:])
                        found = _emit_rows(builder, apart, region_count, counts, masks, here)
                        for total, value in zip(totals, found, strict=True):
                            builder.store(value, total)
            for region, total in enumerate(totals):
                at = _at(builder, builder.add(sums, skip), ir.Constant(I64, region), line)
                bits = _move_in(builder, at, builder.load(total), masks[2])
                builder.store(builder.add(builder.load(counts[3]), bits), counts[3])
        for i, count in enumerate(counts):
            place = builder.inttoptr(
                builder.add(features, ir.Constant(I64, 8 * i)), I64.as_pointer()
            )
            name = f"llvm.vector.reduce.add.v{LANES}i32"
            kind = ir.FunctionType(I32, [VECTOR])
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            more = builder.zext(builder.call(function, [builder.load(count)]), I64)
            builder.store(builder.add(builder.load(place), more), place)
        return context.get_dummy_value()

    return types.void(types.intp, types.boolean, *[types.intp] * 9), codegen
