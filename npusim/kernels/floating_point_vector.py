"""The floating-point epilogues of floating_point.py as vector instructions, for epilogue_entry.py.

Same operations in the same order as the scalars, lane by lane; no multiply-add is fused because
none is emitted. But a float32 product is clamped before it is rounded, which gives the same, and
rounded by adding 1.5 * 2^23 to it: the sum's last bit is worth one, and its rounding is the one
that is asked for, to the nearest and to even.

The witness is linear_plain.py, which calls the scalars.
"""

from __future__ import annotations

from llvmlite import ir

from npusim.kernels.epilogue import I8, LANES, LINE, NARROW, fill, intrinsic_of, load
from npusim.kernels.epilogue_high import narrowing

FLOATS = ir.VectorType(ir.FloatType(), LANES)
ROUNDS_TO_UNITS = 1.5 * 2.0**23
BITS_OF_IT = 0x4B400000


def _away(builder, product):
    """Emit round_half_away: truncate, then one further where the exact fraction is half or more."""
    kind = product.type
    whole = intrinsic_of(builder, "trunc", "f64", [product])
    rest = builder.fsub(product, whole)
    one = ir.Constant(kind, [ir.Constant(kind.element, 1)] * kind.count)
    zero = ir.Constant(kind, None)
    up = builder.fcmp_ordered(">=", builder.fadd(rest, rest), one)
    down = builder.fcmp_ordered("<=", builder.fadd(rest, rest), builder.fsub(zero, one))
    value = builder.select(up, builder.fadd(whole, one), whole)
    return builder.select(down, builder.fsub(whole, one), value)


def double_away_rule(builder, args):
    """Load a block's scales; return the emitter of one row's outputs as bytes, `args` as of it."""
    constants, zero_point, low, high = args[5:9]
    doubles = ir.VectorType(ir.DoubleType(), LANES)
    scale = load(builder, doubles, constants, 8)
    least, most = (
        fill(builder, doubles, builder.sitofp(builder.sub(end, zero_point), doubles.element))
        for end in (low, high)
    )
    zero = fill(builder, LINE, builder.trunc(zero_point, I8))

    def rule(at):
        value = builder.fmul(builder.sitofp(load(builder, NARROW, at, 4), doubles), scale)
        value = _away(builder, value)
        value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
        value = builder.select(builder.fcmp_ordered(">", value, most), most, value)
        return builder.add(builder.trunc(builder.fptosi(value, NARROW), LINE), zero)

    return rule


def fp32_rule(builder, args):
    """Load the scales of a block; return the emitter of one row's outputs as bytes."""
    constants, zero_point, low, high = args[5:9]
    scale = load(builder, FLOATS, constants, 4)
    kind = FLOATS.element
    least, most = (
        fill(builder, FLOATS, builder.sitofp(builder.sub(end, zero_point), kind))
        for end in (low, high)
    )
    unit = ir.Constant(FLOATS, [ir.Constant(kind, ROUNDS_TO_UNITS)] * LANES)
    unit_bits = ir.Constant(NARROW, [BITS_OF_IT] * LANES)
    narrow = narrowing(builder, args, False)

    def rule(at):
        value = builder.fmul(builder.sitofp(load(builder, NARROW, at, 4), FLOATS), scale)
        value = builder.select(builder.fcmp_ordered(">", value, least), value, least)
        value = builder.select(builder.fcmp_ordered("<", value, most), value, most)
        value = builder.bitcast(builder.fadd(value, unit), NARROW)
        return narrow(builder.sub(value, unit_bits))

    return rule
