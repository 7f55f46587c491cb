"""Operators that onnxruntime's optimizer leaves in files, written out in operators of ONNX.

com.microsoft's BiasGelu, FastGelu, QuickGelu, SkipLayerNormalization and
SkipSimplifiedLayerNormalization; the last two sum otherwise in the runtime, a few units in the
last place apart. Source: onnxruntime 1.31, docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph

MICROSOFT = "com.microsoft"


def write_out(graph: OnnxGraph) -> None:
    """Replace the graph's nodes of these operators.

    Raises
    ------
    UnsupportedError
        One has an output or an attribute that is not written out here.
    """
    nodes: list[OnnxNode] = []
    for node in graph.nodes:
        write = WRITERS.get(node.kind) if node.domain == MICROSOFT else None
        if write is None:
            nodes.append(node)
            continue
        parts = Parts(graph, node)
        write(parts)
        nodes += parts.nodes
    graph.nodes[:] = nodes


class Parts:
    """The operators that one node becomes."""

    def __init__(self, graph: OnnxGraph, node: OnnxNode) -> None:
        self.graph, self.node, self.nodes = graph, node, list[OnnxNode]()

    def put(self, kind: str, *inputs: Any, output: str = "", **attributes: Any) -> str:
        """Append an operator; a number becomes a constant. Return its output's name."""
        names = []
        for value in inputs:
            name = value
            if not isinstance(value, str):
                name = f"{self.node.name}:constant{len(self.graph.constants)}"
                self.graph.constants[name] = np.asarray(value, np.float32)
            names.append(name)
        output = output or f"{self.node.name}:{kind}{len(self.nodes)}"
        self.nodes.append(OnnxNode(output, "", kind, tuple(names), (output,), attributes))
        return output

    def sum_of(self, *indices: int) -> str:
        """Return the sum of the node's inputs, those that there are."""
        first, *others = [name for name in map(self.node.input, indices) if name]
        for other in others:
            first = self.put("Add", first, other)
        return first

    @property
    def output(self) -> str:
        """The node's one output."""
        return self.node.outputs[0]


def _gelu(p: Parts) -> None:
    p.put("Gelu", p.sum_of(0, 1), output=p.output)


def _fast_gelu(p: Parts) -> None:
    p.put("Gelu", p.sum_of(0, 1), output=p.output, approximate="tanh")


def _quick_gelu(p: Parts) -> None:
    x = p.node.inputs[0]
    gate = p.put("Sigmoid", p.put("Mul", x, p.node.number("alpha", 1.702)))
    p.put("Mul", x, gate, output=p.output)


def _skip(p: Parts) -> None:
    kind, node = p.node.kind.removeprefix("Skip"), p.node
    simplified = kind.startswith("Simplified")
    total = p.sum_of(0, 1, 3 if simplified else 4)
    if any(node.outputs[1:3]):
        raise UnsupportedError(f"{node.name} ({node.kind}): outputs of means are not supported")
    epsilon = node.number("epsilon", 1e-12)
    scales = [node.input(2)] if simplified else [name for name in node.inputs[2:4] if name]
    p.put(kind, total, *scales, output=p.output, epsilon=epsilon, axis=-1)
    if len(node.outputs) > 3 and node.outputs[3]:
        p.put("Identity", total, output=node.outputs[3])


WRITERS: dict[str, Callable[[Parts], None]] = {
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "SkipLayerNormalization": _skip,
    "SkipSimplifiedLayerNormalization": _skip,
}
