"""float16 networks, computed as onnxruntime's processor kernels compute them: in float32.

The runtime has few float16 kernels. Around every other operator it converts, and it takes two
conversions away that meet: values stay float32, unrounded, until an operator that has a float16
kernel, or an output of the network, needs them in 16 bits. So are conversions of the file's own.
An operator with such a kernel is computed in float32 too where it stands between others alone.
What ONNX defines by other operators (Softmax, HardSwish ...) the runtime writes out first where it
has no float16 kernel: there the last place of float32 differs, before the rounding to float16.
Source: onnxruntime 1.31, core/optimizer/insert_cast_transformer.cc.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph

FLOAT, HALF = 1, 10
"""Numbers of types in .onnx files."""

COPIES = frozenset({
    "Clip", "Compress", "Concat", "Dropout", "Expand", "Flatten", "Gather", "GatherElements",
    "GatherND", "Identity", "Max", "Min", "Relu", "Reshape", "ReverseSequence", "Round",
    "ScatterElements", "ScatterND", "Sign", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Kinds with a float16 kernel whose results float16 holds as they are."""
COMPUTED = frozenset({
    "Attention", "DequantizeLinear", "LayerNormalization", "Mod", "RMSNormalization",
    "RotaryEmbedding", "Shrink", "SimplifiedLayerNormalization",
})  # fmt: skip
"""Kinds with a float16 kernel whose results it rounds."""
OTHER = frozenset({"Cast", "IsInf", "IsNaN", "QuantizeLinear", "Shape", "Size"})
"""Kinds that take float16 and give another type."""
KERNELS = COPIES | COMPUTED | OTHER
"""What the runtime has float16 kernels for."""
RELU_BY_MAX = 14
"""Opset from which Relu is a function: onnxruntime computes it by Max."""
NEVER_HALF = OTHER - {"Cast"} | frozenset({
    "And", "ArgMax", "ArgMin", "DynamicQuantizeLinear", "Equal", "Greater", "GreaterOrEqual",
    "Less", "LessOrEqual", "NonMaxSuppression", "NonZero", "Not", "Or", "Xor",
})  # fmt: skip
FIRST_ALONE = frozenset({"BatchNormalization", "Dropout", "LayerNormalization", "MaxPool", "TopK"})
"""Kinds whose other outputs have other types."""


def write_out(graph: OnnxGraph) -> None:
    """Let the graph compute in float32 what it states in float16."""
    half = half_values(graph)
    if not half:
        return
    for name in half & graph.constants.keys():
        graph.constants[name] = graph.constants[name].astype(np.float32)
    graph.nodes[:] = _Rewriter(graph, half).nodes


def half_values(graph: OnnxGraph) -> set[str]:
    """Return the values of float16."""
    half = {value.name for value in graph.inputs if value.dtype == np.float16}
    half |= {name for name, value in graph.constants.items() if value.dtype == np.float16}
    for node in graph.nodes:
        given = [name in half for name in node.inputs if name]
        if node.kind == "Cast":
            is_half = node.integer("to", FLOAT) == HALF
        elif node.kind == "DequantizeLinear":
            is_half = node.input(1) in half
        else:
            is_half = any(given) and node.kind not in NEVER_HALF and not node.kind.startswith("Q")
        if is_half:
            count = 1 if node.kind in FIRST_ALONE else len(node.outputs)
            half.update(name for name in node.outputs[:count] if name)
    return half


class _Rewriter:
    """The nodes in float32, and what stands for each value of float16."""

    def __init__(self, graph: OnnxGraph, half: set[str]) -> None:
        self.half = half
        self.outputs = set(graph.outputs)
        self.nodes: list[OnnxNode] = []
        self.wide: dict[str, str] = {name: name for name in half & graph.constants.keys()}
        """Value -> its float32 values, rounded or not."""
        self.rounded: dict[str, str] = dict(self.wide)
        """Value -> its float32 values, rounded to float16."""
        for value in graph.inputs:
            if value.name in half:
                name = self.cast(value.name, FLOAT, f"{value.name}:float32")
                self.wide[value.name] = self.rounded[value.name] = name
        in_float = self.computed_in_float(graph.nodes, graph.opset)
        for index, node in enumerate(graph.nodes):
            self.node(node, index in in_float)

    def computed_in_float(self, nodes: list[OnnxNode], opset: int) -> set[int]:
        """Return which nodes the runtime converts the inputs of."""
        kernels = KERNELS if opset >= RELU_BY_MAX else KERNELS - {"Relu"}
        producer = {name: i for i, node in enumerate(nodes) for name in node.outputs if name}
        readers = defaultdict(set)
        for i, node in enumerate(nodes):
            for name in node.inputs:
                readers[name].add(i)
        found = {
            i for i, node in enumerate(nodes)
            if self.half.intersection(node.inputs) and (node.domain or node.kind not in kernels)
        }  # fmt: skip
        for i, node in enumerate(nodes):
            given = [name for name in node.inputs if name in self.half]
            made = [name for name in node.outputs if name in self.half]
            if i in found or not given or not made or self.outputs.intersection(node.outputs):
                continue
            if node.kind == "Cast" or not any(name in producer for name in node.inputs):
                continue
            before = [producer[name] for name in given if name in producer]
            behind = set().union(*(readers[name] for name in made))
            if found.issuperset(before) and found.issuperset(behind):
                found.add(i)
        return found

    def cast(self, x: str, to: int, output: str) -> str:
        """Append a conversion; return its output."""
        self.nodes.append(OnnxNode(output, "", "Cast", (x,), (output,), {"to": to}))
        return output

    def in_half(self, name: str) -> str:
        """Return the float32 values of `name` rounded to float16."""
        if name not in self.rounded:
            bits = self.cast(self.wide[name], HALF, f"{name}:float16")
            self.rounded[name] = self.cast(bits, FLOAT, f"{name}:rounded")
        return self.rounded[name]

    def node(self, node: OnnxNode, in_float: bool) -> None:
        """Append what a node becomes."""
        if node.kind == "Cast" and not node.domain:
            return self.conversion(node)
        source = self.wide if in_float else None
        inputs = tuple(
            name if name not in self.half else source[name] if source else self.in_half(name)
            for name in node.inputs
        )
        outputs = tuple(
            f"{name}:float32" if name in self.half & self.outputs else name for name in node.outputs
        )
        self.nodes.append(replace(node, inputs=inputs, outputs=outputs))
        for name, output in zip(node.outputs, outputs, strict=True):
            if name in self.half:
                self.wide[name] = output
                if not in_float and node.kind in COPIES:
                    self.rounded[name] = output
                elif not in_float:
                    self.wide[name] = self.in_half(name)
                self.finish(name)
        return None

    def conversion(self, node: OnnxNode) -> None:
        """Append a conversion of the file's own, or let the values be seen through it."""
        x, y, to = node.inputs[0], node.outputs[0], node.integer("to", FLOAT)
        given = self.wide[x] if x in self.half else x
        if y not in self.half:
            kind = "Identity" if x in self.half and to == FLOAT else node.kind
            self.nodes.append(replace(node, kind=kind, inputs=(given,)))
            return
        self.wide[y] = given if x in self.half else self.cast(given, FLOAT, f"{y}:float32")
        if x in self.rounded:
            self.rounded[y] = self.rounded[x]
        self.finish(y)

    def finish(self, name: str) -> None:
        """Append the conversion to float16 where a value is an output of the network."""
        if name in self.outputs:
            self.cast(self.wide[name], HALF, name)
