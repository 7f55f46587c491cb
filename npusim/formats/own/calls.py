"""What each node of a quantized network is in npusim's ONNX form: function, constants, attributes.

The exporter writes these calls; the importer rebuilds the operators and then requires that the
calls of the network it built are those of the file, so that a file cannot say one thing to
onnxruntime and another to npusim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from math import inf

import numpy as np
from numpy.typing import NDArray
from onnx import FunctionProto

from npusim import operators as op
from npusim.errors import UnsupportedError
from npusim.formats.own import elementwise as functions
from npusim.formats.own.linear import format_named, format_of, linear_function
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.average_pool import WindowDivision
from npusim.operators.kinds.scale import to_output
from npusim.operators.pages import constants_of
from npusim.runtimes.requantization import Requantization, activation_bounds, affine
from npusim.words import Rule

RULE: Rule = "half_up"
"""The rounding rule of npusim's own networks."""

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...]

FUNCTIONS: dict[str, Callable[[], FunctionProto]] = {
    "Input": functions.input_function,
    "Output": functions.output_function,
    "Add": functions.add_function,
    "Mul": functions.multiply_function,
    "Mean": functions.mean_function,
    "AveragePool": functions.average_pool_function,
    "PaddedAveragePool": functions.padded_average_pool_function,
    "MaxPool": functions.max_pool_function,
    "Pad": functions.pad_function,
    "Reshape": functions.reshape_function,
    "Transpose": functions.transpose_function,
    "Slice": functions.slice_function,
    "Activation": functions.activation_function,
}
CONCAT = "Concat"


def function_named(name: str) -> FunctionProto:
    """Return the function of npusim's domain called `name`.

    Raises
    ------
    FormatError
        There is none.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name]()
    if name.startswith(CONCAT) and name.removeprefix(CONCAT).isdecimal():
        return functions.concat_function(int(name.removeprefix(CONCAT)))
    return linear_function(format_named(name))


@dataclass(frozen=True, eq=False)
class Call:
    """A node of the file: the function, its constant inputs after the computed ones, attributes."""

    function: str
    constants: dict[str, NDArray] = field(default_factory=dict)
    attributes: dict[str, Attribute] = field(default_factory=dict)


def call_of(network: Network, node: Node) -> Call:
    """Return `node` as a call of one of npusim's functions.

    Raises
    ------
    UnsupportedError
        The form has no function for the operator.
    """
    return _call(node.operator, network, node)


def pack_codes(codes: NDArray, code_bits: int) -> NDArray[np.uint8]:
    """Return the codes as a stream of bytes: code i in bits i*b and up, least significant first."""
    flat = codes.reshape(-1, 1).astype(np.uint16)
    bits = (flat >> np.arange(code_bits, dtype=np.uint16)) & 1
    return np.packbits(bits.astype(np.uint8), bitorder="little")


def unpack_codes(stream: NDArray[np.uint8], code_bits: int, count: int) -> NDArray:
    """Return `count` codes of a stream: uint8, or uint16 where a code has more than 8 bits."""
    bits = np.unpackbits(stream, count=count * code_bits, bitorder="little").astype(np.uint16)
    codes = (bits.reshape(count, code_bits) << np.arange(code_bits, dtype=np.uint16)).sum(axis=1)
    return codes.astype(np.uint8 if code_bits <= 8 else np.uint16)


def quantization(node: str, tensor: Tensor) -> dict[str, Attribute]:
    """Return the scale (exact in float32) and zero point of a tensor, as attributes."""
    q = tensor.quantization
    if tensor.dtype != np.int8 or q is None or q.axis is not None:
        raise UnsupportedError(
            f"{node}: expected int8 values of one scale in {tensor.name}, found {tensor.dtype}"
        )
    return {"scale": float(q.scale), "zero_point": int(q.zero_point)}


def _output(network: Network, node: Node, clamp: op.Clamp | None) -> dict[str, Attribute]:
    y = network.output_of(node)
    attributes = quantization(node.name, y)
    low, high = activation_bounds(clamp, *affine(node, y), y.dtype)
    attributes |= {"low": low, "high": high}
    if clamp is not None:
        attributes["activation"] = bounds(clamp.low, clamp.high)
    return attributes


def bounds(low: float | None, high: float | None) -> tuple[float, float]:
    """Return a clamp's bounds as numbers, infinite where there is none."""
    return (-inf if low is None else float(low), inf if high is None else float(high))


def _window(window: op.Window) -> dict[str, Attribute]:
    top, bottom, left, right = window.padding
    return {
        "strides": window.stride,
        "dilations": window.dilation,
        "pads": (top, left, bottom, right),
    }


def _constants(r: Requantization) -> dict[str, Attribute]:
    return {
        "multipliers": tuple(int(m) for m in r.multipliers.ravel()),
        "bias": int(r.bias[0]),
        "shift": int(r.shift[0]),
    }


@singledispatch
def _call(operator: op.Operator, network: Network, node: Node) -> Call:
    raise UnsupportedError(f"{node.name}: {node.kind} has no form in npusim's ONNX files")


@_call.register(op.Conv2D)
@_call.register(op.FullyConnected)
def _(operator: op.Conv2D | op.FullyConnected, network: Network, node: Node) -> Call:
    encoding = operator.encoding
    if encoding is None:
        raise UnsupportedError(f"{node.name}: expected coded weights, found plain ones")
    convolution = isinstance(operator, op.Conv2D)
    form = format_of(
        encoding, convolution, isinstance(operator, op.FullyConnected) and operator.keep_dims
    )
    attributes = _output(network, node, operator.activation)
    attributes["x_zero_point"] = affine(node, network.inputs_of(node)[0])[1]
    attributes["weight_shape"] = encoding.codes.shape
    if isinstance(operator, op.Conv2D):
        attributes |= {**_window(operator.window), "group": operator.groups}
    held: dict[str, NDArray] = {
        name: getattr(encoding, name) for name in form.inputs if name not in ("x", "codes")
    }
    codes = {"codes": pack_codes(encoding.codes, encoding.code_bits)}
    return Call(form.name, {**codes, **held}, attributes)


@_call.register
def _(operator: op.Add, network: Network, node: Node) -> Call:
    r = constants_of(network, node, RULE)
    assert isinstance(r, Requantization)
    return Call("Add", {}, {**_output(network, node, operator.activation), **_constants(r)})


@_call.register
def _(operator: op.Mul, network: Network, node: Node) -> Call:
    r = constants_of(network, node, RULE)
    zeros = {
        f"{x}_zero_point": affine(node, tensor)[1]
        for x, tensor in zip("ab", network.inputs_of(node), strict=True)
    }
    attributes = {**_output(network, node, operator.activation), **_constants(r), **zeros}
    return Call("Mul", {}, attributes)


@_call.register
def _(operator: op.Mean, network: Network, node: Node) -> Call:
    r = constants_of(network, node, RULE)
    assert isinstance(r, Requantization)
    attributes = {
        **_output(network, node, None),
        **_constants(r),
        "axes": operator.axes,
        "keepdims": int(operator.keep_dims),
    }
    return Call("Mean", {}, attributes)


@_call.register
def _(operator: op.AveragePool, network: Network, node: Node) -> Call:
    r = constants_of(network, node, RULE)
    attributes = {
        **_output(network, node, operator.activation),
        **_window(operator.window),
        "kernel": operator.window.kernel,
    }
    if isinstance(r, WindowDivision):
        return Call("AveragePool", {}, attributes)
    if not operator.count_padding:
        raise UnsupportedError(f"{node.name}: an average pool that changes scale has no form here")
    zero = affine(node, network.inputs_of(node)[0])[1]
    attributes = {**attributes, **_constants(r), "x_zero_point": zero}
    return Call("PaddedAveragePool", {}, attributes)


@_call.register
def _(operator: op.MaxPool, network: Network, node: Node) -> Call:
    attributes = {
        **_output(network, node, operator.activation),
        **_window(operator.window),
        "kernel": operator.window.kernel,
    }
    return Call("MaxPool", {}, attributes)


@_call.register
def _(operator: op.Concat, network: Network, node: Node) -> Call:
    multipliers, shifts, zeros = [], [], []
    y = network.output_of(node)
    for position, x in enumerate(network.inputs_of(node)):
        same = quantization(node.name, x) == quantization(node.name, y)
        r = to_output(network, node, RULE, position)
        multipliers.append(1 if same else int(r.multipliers[0, 0]))
        shifts.append(0 if same else int(r.shift[0]))
        zeros.append(affine(node, x)[1])
    attributes: dict[str, Attribute] = {
        **quantization(node.name, y),
        "axis": operator.axis,
        "multipliers": tuple(multipliers),
        "shifts": tuple(shifts),
        "x_zero_points": tuple(zeros),
    }
    return Call(f"{CONCAT}{len(shifts)}", {}, attributes)


@_call.register
def _(operator: op.Pad, network: Network, node: Node) -> Call:
    scale = quantization(node.name, network.output_of(node))
    return Call("Pad", {}, {**scale, "pads": (*operator.before, *operator.after)})


@_call.register
def _(operator: op.Reshape, network: Network, node: Node) -> Call:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    shape = operator.shape
    if x.shape[:1] == shape[:1]:
        shape = (0, *shape[1:])
    return Call("Reshape", {}, {**quantization(node.name, y), "shape": shape})


@_call.register
def _(operator: op.Transpose, network: Network, node: Node) -> Call:
    scale = quantization(node.name, network.output_of(node))
    return Call("Transpose", {}, {**scale, "order": operator.order})


@_call.register
def _(operator: op.Slice, network: Network, node: Node) -> Call:
    x = network.inputs_of(node)[0]
    whole = operator.start[0] == 0 and operator.stop[0] == x.shape[0] and operator.step[0] == 1
    first = 1 if whole else 0
    attributes: dict[str, Attribute] = {
        **quantization(node.name, network.output_of(node)),
        "starts": operator.start[first:],
        "ends": operator.stop[first:],
        "steps": operator.step[first:],
        "axes": tuple(range(first, len(x.shape))),
    }
    return Call("Slice", {}, attributes)


ACTIVATION_KINDS = {
    op.Clip: "clamp",
    op.Sigmoid: "sigmoid",
    op.Tanh: "tanh",
    op.LeakyRelu: "leaky_relu",
    op.HardSwish: "hard_swish",
}


@_call.register(op.Clip)
@_call.register(op.Sigmoid)
@_call.register(op.Tanh)
@_call.register(op.LeakyRelu)
@_call.register(op.HardSwish)
def _(operator: op.Operator, network: Network, node: Node) -> Call:
    clamp = operator.bounds if isinstance(operator, op.Clip) else op.Clamp()
    alpha = operator.alpha if isinstance(operator, op.LeakyRelu) else 0.0
    attributes: dict[str, Attribute] = {
        **quantization(node.name, network.output_of(node)),
        "kind": ACTIVATION_KINDS[type(operator)],
        "alpha": float(np.float32(alpha)),
        "bounds": bounds(clamp.low, clamp.high),
    }
    table = constants_of(network, node, RULE)
    return Call("Activation", {"table": table}, attributes)
