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


def vector_rule(builder, kind, lanes, scales):
    """Load `lanes` scales at address `scales`; return the emitter of one row's requantization.

    `kind` is `fp32` or `double_away`; the emitter maps (int32 vector, zero point, low, high) to an
    int32 vector.
    """
    element = ir.FloatType() if kind == "fp32" else ir.DoubleType()
    vector = ir.VectorType(element, lanes)
    words = ir.VectorType(I32, lanes)
    address = builder.inttoptr(scales, vector.as_pointer())
    scale = builder.load(address, align=4)

    def rule(acc, zero_point, low, high):
        least, most = (
            _fill(builder, vector, builder.sitofp(builder.sub(bound, zero_point), element))
            for bound in (low, high)
        )
        value = builder.fmul(builder.sitofp(acc, vector), scale)
        value = _unary(builder, "roundeven", value) if kind == "fp32" else _away(builder, value)
        value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
        value = builder.select(builder.fcmp_ordered(">", value, most), most, value)
        zero = _fill(builder, words, builder.trunc(zero_point, I32))
        return builder.add(builder.fptosi(value, words), zero)

    return rule
