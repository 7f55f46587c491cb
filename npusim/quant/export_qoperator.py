"""Write a quantized network of uniform codes in ONNX's integer operators: QLinearConv and its like.

The network is said as QDQ first (`export_qdq`); here each operator between DequantizeLinear and
QuantizeLinear becomes the integer one, QGemm and QLinearAdd those of the domain com.microsoft. What
moves values alone moves the integers, a clamp clips them. Scales, weights and biases are the QDQ
file's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from npusim.errors import UnsupportedError
from npusim.graph.attributes import Clamp
from npusim.graph.network import Network
from npusim.quant.export_qdq import qdq_model
from npusim.runtimes.requantization import activation_bounds
from npusim.words import End

MICROSOFT = "com.microsoft"
INTEGER_KINDS = {
    "Conv": ("QLinearConv", ""), "Gemm": ("QGemm", MICROSOFT), "Add": ("QLinearAdd", MICROSOFT),
    "Mul": ("QLinearMul", MICROSOFT), "AveragePool": ("QLinearAveragePool", MICROSOFT),
    "GlobalAveragePool": ("QLinearGlobalAveragePool", MICROSOFT),
}  # fmt: skip
"""By operator of real values: the integer one, and its domain."""
BEFORE_BIAS = {"Conv": 2, "Gemm": 2}
"""How many operands stand before a layer's bias, which has the unit of the products."""
MOVES = ("Reshape", "Flatten", "MaxPool")

Scaled = tuple[str, str, str]
"""The names of integers, their scale and their zero point."""


def qoperator_model(network: Network, ends: End = "float") -> onnx.ModelProto:
    """Return the model of a network that npusim quantized in uniform codes.

    Raises
    ------
    UnsupportedError, RangeError
        As `qdq_model`.
    """
    for node in network.nodes:
        encoding = getattr(node.operator, "encoding", None)
        if encoding is not None and encoding.scheme != "uniform":
            raise UnsupportedError(
                f"{node.name}: a QOperator file has uniform codes, found {encoding.scheme} "
                f"{encoding.bits}"
            )
    model = qdq_model(network, ends)
    integers = _Integers(model)
    for node in model.graph.node:
        integers.take(node)
    del model.graph.node[:]
    model.graph.node.extend(integers.nodes)
    used = {name for node in integers.nodes for name in node.input}
    held = [c for c in (*model.graph.initializer, *integers.constants) if c.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(held)
    model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    onnx.checker.check_model(model)
    return model


class _Integers:
    """Nodes so far; `real` says of each real value which integers it stands for."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.values = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
        self.ends = {value.name for value in (*graph.input, *graph.output)}
        self.makers = {name: node for node in graph.node for name in node.output}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.real: dict[str, Scaled] = {}

    def take(self, node: onnx.NodeProto) -> None:
        """Write what a node of the QDQ model is on integers."""
        if node.op_type == "DequantizeLinear":
            self.real[node.output[0]] = (node.input[0], node.input[1], node.input[2])
            if node.output[0] in self.ends:
                self.nodes.append(node)
        elif node.op_type == "QuantizeLinear" and node.input[0] not in self.ends:
            self._store(node)
        elif not self._is_real(node):
            self.nodes.append(node)

    def _is_real(self, node: onnx.NodeProto) -> bool:
        """Return whether a node computes with real values, so that its QuantizeLinear writes it."""
        made = self.makers.get(node.input[0])
        if made is None or made.op_type == "QuantizeLinear":
            return False
        return made.op_type == "DequantizeLinear" or self._is_real(made)

    def _store(self, last: onnx.NodeProto) -> None:
        """Write the operators between DequantizeLinear and the QuantizeLinear `last`."""
        chain: list[onnx.NodeProto] = []
        name = last.input[0]
        while name not in self.real:
            chain.append(self.makers[name])
            name = chain[-1].input[0]
        chain.reverse()
        for number, node in enumerate(chain):
            target = last.output[0] if node is chain[-1] else f"{last.output[0]}/{number}"
            kind = node.op_type
            if kind in INTEGER_KINDS:
                self._operator(node, target, last.input[1:])
            elif kind == "Clip":
                self._clip(node, target, last.input[1:])
            else:
                assert kind in MOVES, kind
                moved = onnx.NodeProto()
                moved.CopyFrom(node)
                before = self.real[node.input[0]]
                moved.input[0], moved.output[0] = before[0], target
                self.nodes.append(moved)
                self.real[node.output[0]] = (target, *before[1:])

    def _operator(self, node: onnx.NodeProto, target: str, scale: Sequence[str]) -> None:
        kind, domain = INTEGER_KINDS[node.op_type]
        count = BEFORE_BIAS.get(node.op_type, len(node.input))
        operands = [part for name in node.input[:count] for part in self.real[name]]
        bias = [self.real[name][0] for name in node.input[count:]]
        inputs = [*operands, *scale, *bias] if kind == "QLinearConv" else [*operands, *bias, *scale]
        made = helper.make_node(kind, inputs, [target], node.name, domain=domain)
        made.attribute.extend(node.attribute)
        self.nodes.append(made)
        self.real[node.output[0]] = (target, scale[0], scale[1])

    def _clip(self, node: onnx.NodeProto, target: str, scale: Sequence[str]) -> None:
        ends = [float(self.values[name]) if name else None for name in node.input[1:]]
        step, zero_point = self.values[scale[0]], int(self.values[scale[1]])
        bounds = activation_bounds(Clamp(*ends), np.float32(step), zero_point, np.dtype(np.int8))
        names = []
        for word, value in zip(("low", "high"), bounds, strict=True):
            names.append(f"{target}/{word}")
            self.constants.append(numpy_helper.from_array(np.array(value, np.int8), names[-1]))
        before = self.real[node.input[0]]
        self.nodes.append(helper.make_node("Clip", [before[0], *names], [target], node.name))
        self.real[node.output[0]] = (target, *before[1:])
