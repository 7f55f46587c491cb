"""Functions of npusim's ONNX form for what is float32: islands within, and the network's ends.

The conversions are written out, x_scale * (x - x_zero_point) and round(y / scale) + zero_point,
halves to even: so no runtime takes them for a DequantizeLinear and a QuantizeLinear, which it would
join with the operator between to something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
from onnx import FunctionProto, TensorProto

from npusim.formats.own.functions import Body, Reference, integer, integers
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


def _log_softmax(body: Body, x: str) -> str:
    return body.add("LogSoftmax", x, axis=-1)


def _recurrent(kind: str, place: int, **attributes: Any) -> Callable[..., str]:
    """Return what writes a recurrent layer of which the output at `place` is taken."""

    def write(body: Body, x: str, w: str, r: str, b: str, *states: str) -> str:
        made = body.add(
            kind, x, w, r, b, "", *states, place=place, hidden_size=integer("hidden_size"),
            direction=Reference("direction", onnx.AttributeProto.STRING), **attributes,
        )  # fmt: skip
        return made

    return write


_GRU = ("x", "w", "r", "b", "h")
_RESET = {"linear_before_reset": integer("linear_before_reset")}
_LSTM = ("x", "w", "r", "b", "h", "c")

OPERATORS: dict[str, tuple[tuple[str, ...], Callable[..., str]]] = {
    "Softmax": (("x",), _softmax),
    "LayerNormalization": (("x", "gamma", "beta"), _layer_normalization),
    "InstanceNormalization": (("x", "gamma", "beta"), _instance_normalization),
    "LRN": (("x",), _local_response_normalization),
    "LogSoftmax": (("x",), _log_softmax),
    "GRU": (_GRU, _recurrent("GRU", 0, **_RESET)),
    "GRULastHidden": (_GRU, _recurrent("GRU", 1, **_RESET)),
    "LSTM": (_LSTM, _recurrent("LSTM", 0)),
    "LSTMLastHidden": (_LSTM, _recurrent("LSTM", 1)),
    "LSTMLastCell": (_LSTM, _recurrent("LSTM", 2)),
}
"""ONNX name -> the function's inputs, and what writes the operator on real values."""


def float_function(name: str) -> FunctionProto:
    """Return the function `name`."""
    inputs, operator = OPERATORS[name.removeprefix(FLOAT)]
    body = Body(name, inputs)
    y = operator(body, _real(body, "x", "x_zero_point", "x_scale"), *inputs[1:])
    body.output("Cast", _in_range(body, y), to=TensorProto.INT8)
    return body.function()


def input_function() -> FunctionProto:
    """Return FloatInput: real values in the file's layout to int8, channels last."""
    body = Body("FloatInput", ("x",))
    turned = body.add("Transpose", "x", perm=integers("order"))
    body.output("Cast", _in_range(body, turned), to=TensorProto.INT8)
    return body.function()


def output_function() -> FunctionProto:
    """Return FloatOutput: int8, channels last, to real values in the layout that readers see."""
    body = Body("FloatOutput", ("x",))
    reals = _real(body, "x", "zero_point", "scale")
    body.output("Transpose", reals, perm=integers("order"))
    return body.function()


def _real(body: Body, x: str, zero_point: str, scale: str) -> str:
    """Return scale * (x - zero_point) of int8 `x`."""
    wide = body.add("Cast", x, to=TensorProto.INT32)
    less = body.add("Sub", wide, body.integer(zero_point, TensorProto.INT32))
    reals = body.add("Cast", less, to=TensorProto.FLOAT)
    return body.add("Mul", reals, body.add("Constant", value_float=_number(scale)))


def _in_range(body: Body, y: str) -> str:
    """Return round(y / scale) + zero_point in -128..127, as floats."""
    steps = body.add("Div", y, body.add("Constant", value_float=_number("scale")))
    zero = body.integer("zero_point", TensorProto.FLOAT)
    moved = body.add("Add", body.add("Round", steps), zero)
    ends = (body.integer(end, TensorProto.FLOAT) for end in (-128, 127))
    return body.add("Clip", moved, *ends)
