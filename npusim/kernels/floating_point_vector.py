"""The floating-point epilogues of floating_point.py as vector instructions, for epilogue.py.

Same operations in the same order as the scalars, lane by lane; no multiply-add is fused because
none is emitted. The witness is linear_plain.py, which calls the scalars.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

I32, I64 = ir.IntType(32), ir.IntType(64)


def _unary(builder, name, value):
    kind = value.type
    suffix = f"v{kind.count}{'f32' if kind.element == ir.FloatType() else 'f64'}"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind]), f"llvm.{name}.{suffix}"
    )
    return builder.call(function, [value])


def _fill(builder, kind, value):
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    zeros = ir.Constant(ir.VectorType(I32, kind.count), None)
    return builder.shuffle_vector(first, undefined, zeros)


def _away(builder, product):
    """Emit round_half_away: truncate, then one further where the exact fraction is half or more."""
    kind = product.type
    whole = _unary(builder, "trunc", product)
    rest = builder.fsub(product, whole)
    one = ir.Constant(kind, [ir.Constant(kind.element, 1)] * kind.count)
    zero = ir.Constant(kind, None)
    up = builder.fcmp_ordered(">=", builder.fadd(rest, rest), one)
    down = builder.fcmp_ordered("<=", builder.fadd(rest, rest), builder.fsub(zero, one))
    value = builder.select(up, builder.fadd(whole, one), whole)
    return builder.select(down, builder.fsub(whole, one), value)


def vector_rule(builder, kind, lanes, scales, low, high):
    """Load `lanes` scales at address `scales`; return the emitter of one row's requantization.

    `kind` is `fp32` or `double_away`; the emitter maps an int32 vector of accumulators to one of
    outputs less their zero point, clamped to low..high (which are less it, too).
    """
    element = ir.FloatType() if kind == "fp32" else ir.DoubleType()
    vector = ir.VectorType(element, lanes)
    scale = builder.load(builder.inttoptr(scales, vector.as_pointer()), align=4)
    least, most = (_fill(builder, vector, builder.sitofp(bound, element)) for bound in (low, high))

    def rule(acc):
        value = builder.fmul(builder.sitofp(acc, vector), scale)
        value = _unary(builder, "roundeven", value) if kind == "fp32" else _away(builder, value)
        value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
        value = builder.select(builder.fcmp_ordered(">", value, most), most, value)
        return builder.fptosi(value, ir.VectorType(I32, lanes))

    return rule
