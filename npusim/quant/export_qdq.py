"""Write a quantized network of uniform codes as QDQ: standard operators between Q and DQ nodes.

Every tensor is int8 with the network's own scale and zero point, weights are int8 with a scale a
channel, biases int32; a layer of several points a channel, such as one kept to 16 or 24 bits, has
float32 weights and computes in float32. Runtimes join the others to integer kernels of their own,
which round in float32: the file's bytes are those of `npusim.load(file)`, and may lie a step off
those of the network that it was made from. Images are channels first between convolutions, as ONNX
has them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim import operators as op
from npusim.arguments import require_one_of
from npusim.errors import RangeError, UnsupportedError
from npusim.graph.attributes import Window
from npusim.graph.batch import keeps_samples_apart
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.graph.weight_planes import weight_planes
from npusim.graph.weights import EncodedWeights
from npusim.runtimes.requantization import activation_bounds
from npusim.words import ENDS, End

OPSET = 17
IR_VERSION = 8
BATCH = "N"
LARGEST_WEIGHT = 64
"""Weights of few bits are multiplied up to it, and their scale divided: the unit of a bias is that
of the products, which would be coarse otherwise. Larger pairs saturate on some processors."""
FIRST = (0, 3, 1, 2)
LAST = (0, 2, 3, 1)


def qdq_model(network: Network, ends: End = "float") -> onnx.ModelProto:
    """Return the QDQ model of a network that npusim quantized in uniform codes and points.

    Raises
    ------
    UnsupportedError
        A layer has other codes, or an operator has no form here.
    RangeError
        A bias does not fit int32.
    """
    require_one_of("io", ends, ENDS)
    if network.source != "npusim":
        raise UnsupportedError(f"{network.name}: expected a network that npusim quantized")
    writer = _Writer(network)
    inputs = [writer.enter(network.tensors[name], ends) for name in network.inputs]
    for node in network.nodes:
        write = WRITERS.get(type(node.operator))
        if write is None:
            raise UnsupportedError(f"{node.name}: {node.kind} has no form in QDQ files here")
        write(writer, node)
    outputs = [writer.leave(network.tensors[name], ends) for name in network.outputs]
    graph = helper.make_graph(writer.nodes, network.name, inputs, outputs, writer.constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="npusim",
        producer_version=npusim.__version__, ir_version=IR_VERSION,
    )  # fmt: skip
    onnx.checker.check_model(model)
    return model


class _Writer:
    """Nodes and constants so far; `integers` holds each tensor's int8 values by their layout."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.batch: int | str = BATCH if keeps_samples_apart(network) else 1
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.integers: dict[tuple[str, bool], str] = {}

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Append a node of one output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: NDArray) -> str:
        """Append a constant."""
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def scale(self, name: str) -> list[str]:
        """Return the names of a tensor's scale and zero point."""
        q = self.quantization(name)
        if not any(c.name == f"{name}/scale" for c in self.constants):
            self.constant(f"{name}/scale", np.array(q.scale, np.float32))
            self.constant(f"{name}/zero_point", np.array(q.zero_point, np.int8))
        return [f"{name}/scale", f"{name}/zero_point"]

    def quantization(self, name: str) -> Quantization:
        """Return the scale and zero point of a tensor."""
        q = self.network.tensors[name].quantization
        assert q is not None
        return q

    def turned(self, name: str, first: bool) -> str:
        """Return the int8 values of a tensor, an image's with its channels first or last."""
        first = first and len(self.network.tensors[name].shape) == 4
        if (name, first) not in self.integers:
            order = FIRST if first else LAST
            self.integers[name, first] = self.node(
                "Transpose", [self.integers[name, not first]],
                f"{name}/{'first' if first else 'last'}", perm=order,
            )  # fmt: skip
        return self.integers[name, first]

    def real(self, node: Node, index: int, first: bool = True) -> str:
        """Return the real values of an input of `node`."""
        name = node.inputs[index]
        tensor = self.network.tensors[name]
        if tensor.data is not None:
            if (name, False) not in self.integers:
                self.integers[name, False] = self.constant(f"{name}/int8", np.array(tensor.data))
            if len(tensor.shape) not in (1, 4) and first:
                raise UnsupportedError(f"{node.name}: expected a constant of 4 axes, or one")
        output = f"{node.name}/{index}"
        return self.node("DequantizeLinear", [self.turned(name, first), *self.scale(name)], output)

    def store(self, name: str, real: str, first: bool = True) -> None:
        """Quantize `real` to the tensor `name`."""
        first = first and len(self.network.tensors[name].shape) == 4
        self.integers[name, first] = self.node(
            "QuantizeLinear", [real, *self.scale(name)], f"{name}/int8"
        )

    def clamped(self, node: Node, real: str) -> str:
        """Return `real` within the fused activation, where int8 does not imply it."""
        operator: Any = node.operator
        clamp, q = operator.activation, self.quantization(node.outputs[0])
        bounds = activation_bounds(clamp, np.float32(q.scale), int(q.zero_point), np.dtype(np.int8))
        if clamp is None or bounds == (-128, 127):
            return real
        ends = [
            "" if end is None else self.constant(f"{node.name}/{word}", np.array(end, np.float32))
            for word, end in (("low", clamp.low), ("high", clamp.high))
        ]
        return self.node("Clip", [real, *ends], f"{node.name}/clamped")

    def end(self, tensor: Tensor, kind: End) -> onnx.ValueInfoProto:
        """Return what the file says of an input or output."""
        order = tensor.file_order or tuple(range(len(tensor.shape)))
        shape: list[int | str] = [tensor.shape[axis] for axis in order]
        if order[0] == 0 and shape[0] == 1:
            shape[0] = self.batch
        element = TensorProto.FLOAT if kind == "float" else TensorProto.INT8
        return helper.make_tensor_value_info(tensor.name, element, shape)

    def enter(self, tensor: Tensor, kind: End) -> onnx.ValueInfoProto:
        """Take an input of the file."""
        name, value = tensor.name, tensor.name
        if kind == "float":
            value = self.node("QuantizeLinear", [name, *self.scale(name)], f"{name}/int8")
        order = tensor.file_order
        if order not in (None, FIRST):
            back = [int(axis) for axis in np.argsort(order)]
            value = self.node("Transpose", [value], f"{name}/last", perm=back)
        self.integers[name, order == FIRST] = value
        return self.end(tensor, kind)

    def leave(self, tensor: Tensor, kind: End) -> onnx.ValueInfoProto:
        """Give an output of the file."""
        name, order = tensor.name, tensor.file_order
        value = self.turned(name, order == FIRST)
        if order not in (None, FIRST):
            value = self.node("Transpose", [value], f"{name}/turned", perm=list(order or ()))
        if kind == "float":
            self.node("DequantizeLinear", [value, *self.scale(name)], name)
        else:
            self.node("Identity", [value], name)
        return self.end(tensor, kind)


def _layer(w: _Writer, node: Node, weights: Callable[[NDArray], NDArray]) -> list[str]:
    """Append a layer's weights and bias; return what gives their real values."""
    operator: Any = node.operator
    encoding: EncodedWeights | None = operator.encoding
    if encoding is not None and encoding.scheme == "multipoint" and not encoding.window_sum.any():
        return _floats(w, node, encoding, weights)
    if encoding is None or encoding.scheme != "uniform" or encoding.window_sum.any():
        codes = "none" if encoding is None else f"{encoding.scheme} {encoding.bits}"
        raise UnsupportedError(f"{node.name}: a QDQ file has uniform codes, found {codes}")
    x, y = w.quantization(node.inputs[0]), w.quantization(node.outputs[0])
    step = np.ldexp(float(y.scale), -encoding.shift)
    finer = max(1, LARGEST_WEIGHT >> (encoding.bits - 1))
    scale = (encoding.multipliers[0] * step / (float(x.scale) * finer)).astype(np.float32)
    scale = np.where(scale > 0, scale, np.float32(1))
    unit = scale.astype(np.float64) * float(x.scale)
    bias = np.rint(encoding.bias * step / unit)
    if np.abs(bias).max(initial=0) >= 1 << 31:
        channel = int(np.abs(bias).argmax())
        raise RangeError(f"{node.name}: the bias of channel {channel} does not fit int32")
    stored = encoding.codes.astype(np.int64)
    half = 1 << (encoding.bits - 1)
    integers = (((stored ^ half) - half) * finer).astype(np.int8)
    parts = (
        ("weights", np.ascontiguousarray(weights(integers)), scale, np.int8),
        ("bias", bias.astype(np.int32), unit.astype(np.float32), np.int32),
    )
    found = []
    for part, values, scales, kind in parts:
        own = f"{node.name}/{part}"
        names = [
            w.constant(f"{own}/integers", values), w.constant(f"{own}/scale", scales),
            w.constant(f"{own}/zero_point", np.zeros(len(scales), kind)),
        ]  # fmt: skip
        found.append(w.node("DequantizeLinear", names, own, axis=0))
    return found


def _floats(
    w: _Writer, node: Node, encoding: EncodedWeights, weights: Callable[[NDArray], NDArray]
) -> list[str]:
    """Append the weights and bias that points of several codes stand for, as float32."""
    x, y = w.quantization(node.inputs[0]), w.quantization(node.outputs[0])
    step = np.ldexp(float(y.scale), -encoding.shift)
    planes = weight_planes(w.network, node)
    factors = encoding.multipliers * (step / float(x.scale))
    real = (planes * factors.reshape(*factors.shape, *(1,) * (planes.ndim - 2))).sum(axis=0)
    values = weights(real.reshape(encoding.weight_shape)).astype(np.float32)
    return [
        w.constant(f"{node.name}/weights", np.ascontiguousarray(values)),
        w.constant(f"{node.name}/bias", (encoding.bias * step).astype(np.float32)),
    ]


def _window(window: Window) -> dict[str, Any]:
    top, bottom, left, right = window.padding
    return {"kernel_shape": window.kernel, "strides": window.stride,
            "pads": (top, left, bottom, right)}  # fmt: skip


def _conv(w: _Writer, node: Node) -> None:
    operator: Any = node.operator
    inputs = [w.real(node, 0), *_layer(w, node, lambda v: v.transpose(FIRST))]
    y = w.node(
        "Conv", inputs, f"{node.name}/sum", group=operator.groups,
        dilations=operator.window.dilation, **_window(operator.window),
    )  # fmt: skip
    w.store(node.outputs[0], w.clamped(node, y))


def _dense(w: _Writer, node: Node) -> None:
    operator: Any = node.operator
    shape = w.network.inputs_of(node)[0].shape
    if operator.keep_dims and len(shape) != 2:
        raise UnsupportedError(f"{node.name}: expected a matrix, found {list(shape)}")
    x = w.real(node, 0, first=False)
    if len(shape) != 2:
        wide = w.constant(f"{node.name}/shape", np.array([-1, operator.encoding.codes.shape[-1]]))
        x = w.node("Reshape", [x, wide], f"{node.name}/matrix")
    y = w.node("Gemm", [x, *_layer(w, node, lambda v: v)], f"{node.name}/sum", transB=1)
    w.store(node.outputs[0], w.clamped(node, y))


def _binary(kind: str) -> Callable[[_Writer, Node], None]:
    def write(w: _Writer, node: Node) -> None:
        first = all(len(x.shape) == 4 for x in w.network.inputs_of(node))
        y = w.node(kind, [w.real(node, i, first) for i in range(2)], f"{node.name}/real")
        w.store(node.outputs[0], w.clamped(node, y), first)

    return write


def _pool(kind: str) -> Callable[[_Writer, Node], None]:
    def write(w: _Writer, node: Node) -> None:
        operator: Any = node.operator
        shape, window = w.network.inputs_of(node)[0].shape, operator.window
        if window.dilation != (1, 1) or getattr(operator, "count_padding", False):
            raise UnsupportedError(
                f"{node.name}: a pool of this kind has no form in QDQ files here"
            )
        whole = kind == "AveragePool" and window.kernel == shape[1:3] and not any(window.padding)
        attributes = {} if whole else _window(window)
        name = "GlobalAveragePool" if whole else kind
        y = w.node(name, [w.real(node, 0)], f"{node.name}/real", **attributes)
        w.store(node.outputs[0], w.clamped(node, y))

    return write


def _mean(w: _Writer, node: Node) -> None:
    operator: Any = node.operator
    x, y = w.network.inputs_of(node)[0], w.network.output_of(node)
    if len(x.shape) != 4 or set(operator.axes) != {1, 2}:
        raise UnsupportedError(f"{node.name}: expected a mean over an image, found another")
    mean = w.node("GlobalAveragePool", [w.real(node, 0)], f"{node.name}/real")
    if len(y.shape) != 4:
        mean = w.node("Flatten", [mean], f"{node.name}/flat")
    w.store(node.outputs[0], mean)


def _reshape(w: _Writer, node: Node) -> None:
    before, after = w.network.inputs_of(node)[0].shape, w.network.output_of(node).shape
    free = before[:1] == after[:1] == (1,) and w.batch == BATCH
    target = [-1 if free else after[0], *after[1:]]
    name = node.outputs[0]
    assert prod(before) == prod(after)
    shape = w.constant(f"{node.name}/shape", np.array(target))
    x = w.turned(node.inputs[0], False)
    w.integers[name, False] = w.node("Reshape", [x, shape], f"{name}/int8")


WRITERS: dict[type[op.Operator], Callable[[_Writer, Node], None]] = {
    op.Conv2D: _conv,
    op.FullyConnected: _dense,
    op.Add: _binary("Add"),
    op.Mul: _binary("Mul"),
    op.AveragePool: _pool("AveragePool"),
    op.Mean: _mean,
    op.MaxPool: _pool("MaxPool"),
    op.Reshape: _reshape,
}
"""By operator, what writes it in ONNX's own."""
