"""The floating-point epilogues of floating_point.py as vector instructions, for epilogue_entry.py.

Same operations in the same order as the scalars, lane by lane; no multiply-add is fused because
none is emitted. But a float32 product is clamped before it is rounded, which gives the same, and
rounded by adding 1.5 * 2^23 to it: the sum's last bit is worth one, and its rounding is the one
that is asked for, to the nearest and to even. A float64 one is clamped between the bounds, which
are integers, before it is truncated.

The witness is linear_plain.py, which calls the scalars.
"""

from __future__ import annotations

from llvmlite import ir

from npusim.kernels.epilogue import I8, I32, LANES, LINE, NARROW, fill, intrinsic_of, load

FLOATS = ir.VectorType(ir.FloatType(), LANES)
ROUNDS_TO_UNITS = 1.5 * 2.0**23
BITS_OF_IT = 0x4B400000
LESS_THAN_HALF = 0.5 - 2.0**-54


def _beyond_half(builder, product):
    """Emit `product` moved away from zero: truncated, it is rounded half away.

    The step is the float64 below 0.5: a sum whose fraction is half reaches the next integer when it
    is rounded, and no smaller fraction does (LLVM's own expansion of round).
    """
    kind = product.type
    step = ir.Constant(kind, [ir.Constant(kind.element, LESS_THAN_HALF)] * kind.count)
    return builder.fadd(product, intrinsic_of(builder, "copysign", "f64", [step, product]))


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
        value = _beyond_half(builder, value)
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
    zero_bits = builder.sub(ir.Constant(I32, BITS_OF_IT), builder.trunc(zero_point, I32))
    zero_bits = fill(builder, NARROW, zero_bits)

    def rule(at):
        value = builder.fmul(builder.sitofp(load(builder, NARROW, at, 4), FLOATS), scale)
        value = builder.select(builder.fcmp_ordered(">", value, least), value, least)
        value = builder.select(builder.fcmp_ordered("<", value, most), value, most)
        value = builder.bitcast(builder.fadd(value, unit), NARROW)
        return builder.trunc(builder.sub(value, zero_bits), LINE)

    return rule
