"""How a page says what an operator is in npusim's own ONNX form: one mapping, read both ways.

A function of the domain `npusim` stands for the operator; formats/own/ has its body, which other
runtimes execute. Here stands what the function's attributes mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isinf
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp, Window
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.runtimes.requantization import Requantization, activation_bounds, affine
from npusim.words import Rule

RULE: Rule = "half_up"
"""The rounding rule of npusim's own networks."""

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...]
Attributes = dict[str, Attribute]

ANY_NUMBER = 1 << 16
"""Of computed inputs: the function's name ends with how many there are."""


class Call:
    """A call of a function: its attributes, each required where it is asked for."""

    def __init__(self, node: OnnxNode, x: Tensor) -> None:
        self.node, self.x = node, x

    def has(self, name: str) -> bool:
        """Return whether the call has the attribute."""
        return name in self.node.attributes

    def integers(self, name: str) -> tuple[int, ...]:
        """Return a list of integers."""
        values = self.node.integers(name, None)
        if values is None:
            raise FormatError(f"{self.node.name}: npusim.{self.node.kind} lacks {name}")
        return values

    def pair(self, name: str) -> tuple[int, int]:
        """Return two integers."""
        first, second = self.integers(name)
        return first, second

    def bounds(self, name: str) -> Clamp:
        """Return real bounds, infinite ones as None."""
        low, high = (float(cast(Any, v)) for v in cast(Any, self.node.attributes[name]))
        return Clamp(None if isinf(low) else low, None if isinf(high) else high)


@dataclass(frozen=True)
class Field:
    """Fields of the operator and the attributes that hold them in the file.

    Attributes
    ----------
    write
        (operator, first input) -> attributes.
    read
        A call -> fields of the operator, by name.
    """

    write: Callable[[Any, Tensor], Attributes]
    read: Callable[[Call], dict[str, Any]]


def number(name: str, *, of: str = "") -> Field:
    """Return the field of a float32 number."""
    field = of or name
    return Field(
        lambda o, x: {name: float(np.float32(getattr(o, field)))},
        lambda call: {field: call.node.number(name, 0.0)},
    )


def integer(name: str, *, of: str = "", kind: Callable[[int], Any] = int) -> Field:
    """Return the field of an integer or, with `kind` bool, of a truth value."""
    field = of or name
    return Field(
        lambda o, x: {name: int(getattr(o, field))},
        lambda call: {field: kind(call.node.integer(name, 0))},
    )


def integers(name: str, *, of: str = "") -> Field:
    """Return the field of a list of integers."""
    field = of or name
    return Field(
        lambda o, x: {name: tuple(getattr(o, field))}, lambda call: {field: call.integers(name)}
    )


def as_numbers(clamp: Clamp) -> tuple[float, float]:
    """Return a clamp's bounds as numbers, infinite where there is none."""
    low, high = clamp.low, clamp.high
    return (-inf if low is None else float(low), inf if high is None else float(high))


ACTIVATION = Field(
    lambda o, x: {} if o.activation is None else {"activation": as_numbers(o.activation)},
    lambda call: {"activation": call.bounds("activation") if call.has("activation") else None},
)
"""A fused activation, absent where there is none."""


def _write_window(window: Window) -> Attributes:
    top, bottom, left, right = window.padding
    pads = (top, left, bottom, right)
    return {"strides": window.stride, "dilations": window.dilation, "pads": pads}


def window_of(call: Call, kernel: tuple[int, int]) -> Window:
    """Return the call's window; a layer of weights knows its kernel from their shape."""
    top, left, bottom, right = call.integers("pads")
    padding = (top, bottom, left, right)
    return Window(kernel, call.pair("strides"), call.pair("dilations"), padding)


WINDOW = Field(
    lambda o, x: {**_write_window(o.window), "kernel": o.window.kernel},
    lambda call: {"window": window_of(call, call.pair("kernel"))},
)
WEIGHTS_WINDOW = Field(
    lambda o, x: {**_write_window(o.window), "group": o.groups},
    lambda call: {
        "window": window_of(call, call.integers("weight_shape")[1:3]),  # type: ignore[arg-type]
        "groups": call.node.integer("group", 1),
    },
)
"""A window whose kernel the weights' shape gives, and the groups."""


def scale(network: Network, node: Node) -> Attributes:
    """Return the output's scale (exact in float32) and zero point."""
    return scale_of(node.name, network.output_of(node))


def scale_of(node: str, tensor: Tensor) -> Attributes:
    """Return the scale (exact in float32) and zero point of a tensor, as attributes.

    Raises
    ------
    UnsupportedError
        It is not int8 of one scale.
    """
    q = tensor.quantization
    if tensor.dtype != np.int8 or q is None or q.axis is not None:
        raise UnsupportedError(
            f"{node}: expected int8 values of one scale in {tensor.name}, found {tensor.dtype}"
        )
    return {"scale": float(q.scale), "zero_point": int(q.zero_point)}


def clamped_scale(network: Network, node: Node) -> Attributes:
    """Return the output's scale, zero point, and the integers that it is clamped to."""
    y = network.output_of(node)
    clamp: Clamp | None = getattr(node.operator, "activation", None)
    low, high = activation_bounds(clamp, *affine(node, y), y.dtype)
    return scale(network, node) | {"low": low, "high": high}


def epilogue(r: Requantization) -> Attributes:
    """Return the constants of a Requantization of one channel."""
    multipliers = tuple(int(m) for m in r.multipliers.ravel())
    return {"multipliers": multipliers, "bias": int(r.bias[0]), "shift": int(r.shift[0])}


def zero_points(network: Network, node: Node, names: str) -> Attributes:
    """Return the zero points of the inputs, which the function calls by one letter each."""
    inputs = network.inputs_of(node)
    return {f"{name}_zero_point": affine(node, x)[1] for name, x in zip(names, inputs, strict=True)}


def nothing(network: Network, node: Node) -> dict[str, NDArray]:
    """Return no constants."""
    return {}


@dataclass(frozen=True)
class OwnForm:
    """One function of npusim's domain.

    Attributes
    ----------
    name
        The function's; one for any number of inputs has their number behind it.
    fields
        What of the operator is in the file.
    implied
        (network, node) -> attributes that the network implies: scales, and the integer constants
        made of them. They are written for other runtimes, and compared when read.
    held
        (network, node) -> constant inputs that the network implies.
    values
        Computed inputs, or ANY_NUMBER.
    suits
        Whether this form, of several of a page, is the node's.
    """

    name: str
    fields: tuple[Field, ...] = ()
    implied: Callable[[Network, Node], Attributes] = scale
    held: Callable[[Network, Node], dict[str, NDArray]] = nothing
    values: int = 1
    suits: Callable[[Network, Node], bool] = lambda network, node: True

    def attributes(self, network: Network, node: Node) -> Attributes:
        """Return all attributes of `node`'s call."""
        found = dict(self.implied(network, node))
        for field in self.fields:
            found |= field.write(node.operator, network.inputs_of(node)[0])
        return found

    def arguments(self, call: Call) -> dict[str, Any]:
        """Return the fields of the operator that a call stands for, by name."""
        return {key: value for field in self.fields for key, value in field.read(call).items()}
