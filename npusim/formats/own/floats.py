"""Functions of npusim's ONNX form for what stays in float32: real values in, quantized out.

The conversions are written out, x_scale * (x - x_zero_point) and round(y / scale) + zero_point,
halves to even: so no runtime takes them for a DequantizeLinear and a QuantizeLinear, which it would
join with the operator between to something else.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx
from onnx import FunctionProto, TensorProto

from npusim.formats.own.functions import Body, Reference, integer
from npusim.operators.forms.own_float import FLOAT


def _number(name: str) -> Reference:
    return Reference(name, onnx.AttributeProto.FLOAT)


def _softmax(body: Body, x: str) -> str:
    return body.add("Softmax", x, axis=integer("axis"))


def _layer_normalization(body: Body, x: str, *constants: str) -> str:
    return body.add(
        "LayerNormalization", x, *constants, axis=integer("axis"), epsilon=_number("epsilon")
    )


def _instance_normalization(body: Body, x: str, *constants: str) -> str:
    return body.add("InstanceNormalization", x, *constants, epsilon=_number("epsilon"))


def _local_response_normalization(body: Body, x: str) -> str:
    first = body.add("Transpose", x, perm=(0, 3, 1, 2))
    y = body.add(
        "LRN", first, size=integer("size"), alpha=_number("alpha"), beta=_number("beta"),
        bias=_number("bias"),
    )  # fmt: skip
    return body.add("Transpose", y, perm=(0, 2, 3, 1))


OPERATORS: dict[str, tuple[tuple[str, ...], Callable[..., str]]] = {
    "Softmax": (("x",), _softmax),
    "LayerNormalization": (("x", "gamma", "beta"), _layer_normalization),
    "InstanceNormalization": (("x", "gamma", "beta"), _instance_normalization),
    "LRN": (("x",), _local_response_normalization),
}
"""ONNX name -> the function's inputs, and what writes the operator on real values."""


def float_function(name: str) -> FunctionProto:
    """Return the function `name`."""
    inputs, operator = OPERATORS[name.removeprefix(FLOAT)]
    body = Body(name, inputs)
    wide = body.add("Cast", "x", to=TensorProto.INT32)
    less = body.add("Sub", wide, body.integer("x_zero_point", TensorProto.INT32))
    reals = body.add("Cast", less, to=TensorProto.FLOAT)
    unit = body.add("Constant", value_float=_number("x_scale"))
    y = operator(body, body.add("Mul", reals, unit), *inputs[1:])
    steps = body.add("Div", y, body.add("Constant", value_float=_number("scale")))
    zero = body.integer("zero_point", TensorProto.FLOAT)
    moved = body.add("Add", body.add("Round", steps), zero)
    ends = (body.integer(end, TensorProto.FLOAT) for end in (-128, 127))
    body.output("Cast", body.add("Clip", moved, *ends), to=TensorProto.INT8)
    return body.function()
