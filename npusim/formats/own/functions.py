"""npusim's own form of ONNX: function bodies, in standard integer operators.

A quantized network is an ordinary ONNX file whose layers are model-local functions of the domain
`npusim`. Their bodies are the definition that any runtime executes; `reader.py` reads a file
only if its bodies are exactly these. Activations are int8 and channels last; codes are a stream of
bytes, code i in bits i*b .. i*b + b - 1, least significant bit first.

The rounding is half_up: floor((T + 2^(s-1)) / 2^s). ONNX's integer division truncates, so the
remainder (of the divisor's sign) is subtracted first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import TensorProto, helper

DOMAIN = "npusim"
DOMAIN_VERSION = 2
SIGNED_IMAGES = 1
"""The version whose convolutions took their images as int8, which is read, too."""
OPSET = 18
IR_VERSION = 10
WEIGHT_ZERO_POINT = 128
"""Weights, and images of ConvInteger, enter as uint8 less 128: of pairs of uint8 and int8 some
processors add the products in 16 bits, which saturate."""


@dataclass
class Body:
    """A function under construction: nodes in order, attributes it takes, names of temporaries."""

    name: str
    inputs: Sequence[str]
    outputs: Sequence[str] = ("y",)
    attributes: list[str] = field(default_factory=list)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    known: dict[tuple[object, ...], str] = field(default_factory=dict)
    """Constants so far."""

    def add(
        self, kind: str, *inputs: str, output: str = "", place: int = 0, **attributes: Any
    ) -> str:
        """Append a standard operator; return the name of its output at `place`, its only one.

        An attribute given as `Reference` takes the value of the function's attribute of that name.
        """
        output = output or f"v{len(self.nodes)}"
        node = helper.make_node(kind, inputs, [""] * place + [output])
        for name, value in attributes.items():
            if isinstance(value, Reference):
                node.attribute.append(self._reference(name, value))
            else:
                node.attribute.append(helper.make_attribute(name, value))
        self.nodes.append(node)
        return output

    def _reference(self, name: str, reference: Reference) -> onnx.AttributeProto:
        if reference.name not in self.attributes:
            self.attributes.append(reference.name)
        attribute = onnx.AttributeProto()
        attribute.name, attribute.ref_attr_name = name, reference.name
        attribute.type = reference.type
        return attribute

    def integer(self, value: int | str, to: int = TensorProto.INT64) -> str:
        """Return a scalar of type `to`: a number, or the function's integer attribute."""
        key = ("scalar", value, to)
        if key not in self.known:
            given = value if isinstance(value, int) else integer(value)
            constant = self.add("Constant", value_int=given)
            if to != TensorProto.INT64:
                constant = self.add("Cast", constant, to=to)
            self.known[key] = constant
        return self.known[key]

    def integers(self, value: Sequence[int] | str) -> str:
        """Return an int64 vector: numbers, or the function's attribute."""
        key = ("vector", *([value] if isinstance(value, str) else value))
        if key not in self.known:
            given = integers(value) if isinstance(value, str) else list(value)
            self.known[key] = self.add("Constant", value_ints=given)
        return self.known[key]

    def declare(self, *names: str) -> None:
        """Take attributes that the body does not compute with (scales, for readers)."""
        self.attributes.extend(name for name in names if name not in self.attributes)

    def output(self, kind: str, *inputs: str, **attributes: Any) -> None:
        """Append the operator that writes the function's output."""
        self.add(kind, *inputs, output=self.outputs[0], **attributes)

    def function(self) -> onnx.FunctionProto:
        """Return the finished function."""
        return helper.make_function(
            DOMAIN,
            self.name,
            list(self.inputs),
            list(self.outputs),
            self.nodes,
            [helper.make_opsetid("", OPSET)],
            sorted(self.attributes),
        )


@dataclass(frozen=True)
class Reference:
    """The value of the function's attribute `name`."""

    name: str
    type: onnx.AttributeProto.AttributeType


def integer(name: str) -> Reference:
    """Refer to an integer attribute."""
    return Reference(name, onnx.AttributeProto.INT)


def integers(name: str) -> Reference:
    """Refer to a list of integers."""
    return Reference(name, onnx.AttributeProto.INTS)


def channels_first(body: Body, x: str) -> str:
    """Transpose [N H W C] to [N C H W]."""
    return body.add("Transpose", x, perm=[0, 3, 1, 2])


def unsigned(body: Body, x: str) -> str:
    """Return int8 values plus 128 as uint8."""
    moved = body.add(
        "Add", body.add("Cast", x, to=TensorProto.INT32), body.integer(128, TensorProto.INT32)
    )
    return body.add("Cast", moved, to=TensorProto.UINT8)


def channels_last(body: Body, x: str) -> str:
    """Transpose [N C H W] to [N H W C]."""
    return body.add("Transpose", x, perm=[0, 2, 3, 1])


def rounded(body: Body, total: str, shift: str) -> str:
    """Return floor((T + 2^(s-1)) / 2^s), or T where s is 0; all int64."""
    one = body.integer(1, TensorProto.UINT64)
    power = body.add(
        "BitShift", one, body.add("Cast", shift, to=TensorProto.UINT64), direction="LEFT"
    )
    divisor = body.add("Cast", power, to=TensorProto.INT64)
    half = body.add("Div", divisor, body.integer(2))
    moved = body.add("Add", total, half)
    remainder = body.add("Mod", moved, divisor)
    return body.add("Div", body.add("Sub", moved, remainder), divisor)


def finish(body: Body, rounded_total: str) -> None:
    """Add the zero point, clip to low..high, and write the output as int8."""
    clip(body, body.add("Add", rounded_total, body.integer("zero_point")))


def clip(body: Body, value: str) -> None:
    """Clip an int64 value to low..high and write the output as int8."""
    body.declare("scale", "zero_point")
    clipped = body.add("Clip", value, body.integer("low"), body.integer("high"))
    body.output("Cast", clipped, to=TensorProto.INT8)
