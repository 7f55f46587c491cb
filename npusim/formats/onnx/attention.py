"""Attention operators written out: products, a scale, masks, Softmax, in operators of ONNX.

`Attention` (opset 23), and of com.microsoft `MultiHeadAttention` and `Attention`, whose weights
make queries, keys and values first. Sources: ONNX, Attention; onnxruntime 1.31,
docs/ContribOperators.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph

MICROSOFT = "com.microsoft"
KINDS = (("", "Attention"), (MICROSOFT, "MultiHeadAttention"), (MICROSOFT, "Attention"))
FLOAT, DOUBLE = 1, 11
"""Numbers of types in .onnx files."""
LOWEST = np.finfo(np.float32).min
"""What a place that is not seen adds to a score."""
MICROSOFT_ATTRIBUTES = (
    "num_heads", "scale", "unidirectional", "mask_filter_value", "do_rotary", "qkv_hidden_sizes",
    "past_present_share_buffer", "rotary_embedding_dim",
)  # fmt: skip
TRUTHS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Not", "Xor")


def write_out(graph: OnnxGraph) -> None:
    """Replace the graph's attention nodes.

    Raises
    ------
    UnsupportedError
        One keeps a past, or has an input or an output beyond those written out here.
    """
    nodes: list[OnnxNode] = []
    for node in graph.nodes:
        if (node.domain, node.kind) in KINDS:
            nodes += _Written(graph, node).nodes
        else:
            nodes.append(node)
    graph.nodes[:] = nodes


class _Written:
    """The nodes of one attention; every method returns the name of a value."""

    def __init__(self, graph: OnnxGraph, node: OnnxNode) -> None:
        self.graph, self.node, self.nodes = graph, node, list[OnnxNode]()
        if len([name for name in node.outputs if name]) != 1:
            raise self.refused("a second output")
        if node.domain:
            heads = node.integer("num_heads", 1)
            self.known(*MICROSOFT_ATTRIBUTES)
            if node.integer("do_rotary", 0) or node.attributes.get("qkv_hidden_sizes"):
                raise self.refused("do_rotary or qkv_hidden_sizes")
            values = self.projected() if node.kind == "Attention" else self.biased()
            q, k, v = (self.apart(x, heads) for x in values)
            whole = self.attended(q, k, v, bool(node.integer("unidirectional", 0)), self.padding())
            self.together(whole)
            return
        self.known("q_num_heads", "kv_num_heads", "scale", "is_causal", "softmax_precision",
                   "qk_matmul_output_mode", "softcap")  # fmt: skip
        if node.number("softcap", 0.0):
            raise self.refused("softcap")
        self.only(4)
        heads, groups = node.integer("q_num_heads", 0), node.integer("kv_num_heads", 0)
        q, k, v = node.inputs[:3]
        if heads:
            q, k, v = self.apart(q, heads), self.apart(k, groups), self.apart(v, groups)
            if heads != groups:
                places = np.repeat(np.arange(groups), heads // groups)
                k, v = (self.put("Gather", x, places, axis=1) for x in (k, v))
        mask = node.input(3)
        if mask and self.is_truth(mask):
            mask = self.put("Where", mask, np.float32(0), np.float32(LOWEST))
        whole = self.attended(q, k, v, bool(node.integer("is_causal", 0)), mask)
        if heads:
            self.together(whole)
        else:
            self.put("Identity", whole, output=node.outputs[0])

    def refused(self, what: str) -> UnsupportedError:
        """Return the error of a form that is not written out."""
        return UnsupportedError(f"{self.node.name} ({self.node.kind}): {what} is not supported")

    def known(self, *names: str) -> None:
        """Raise UnsupportedError where the node has another attribute."""
        for name in self.node.attributes:
            if name not in names:
                raise self.refused(name)

    def only(self, count: int, *others: int) -> None:
        """Raise UnsupportedError where the node has an input beyond the first `count`."""
        for index, name in enumerate(self.node.inputs):
            if name and index >= count and index not in others:
                raise self.refused(f"input {index}, {name},")

    def put(
        self, kind: str, *inputs: str | NDArray | Any, output: str = "", **attributes: Any
    ) -> str:
        """Append an operator; an array becomes a constant."""
        names = []
        for value in inputs:
            if isinstance(value, str):
                names.append(value)
                continue
            name = f"{self.node.name}:constant{len(self.graph.constants)}"
            self.graph.constants[name] = np.asarray(value)
            names.append(name)
        output = output or f"{self.node.name}:{kind}{len(self.nodes)}"
        self.nodes.append(OnnxNode(output, "", kind, tuple(names), (output,), attributes))
        return output

    def is_truth(self, name: str) -> bool:
        """Return whether a value is of truth values, as far as the file says so."""
        if name in self.graph.constants:
            return self.graph.constants[name].dtype == np.bool_
        for value in self.graph.inputs:
            if value.name == name:
                return value.dtype == np.bool_
        for node in self.graph.nodes:
            if name in node.outputs:
                moved = node.kind in ("Unsqueeze", "Expand", "Reshape", "Slice", "Identity")
                if moved:
                    return self.is_truth(node.inputs[0])
                return node.kind in TRUTHS or (node.kind == "Cast" and node.integer("to", 0) == 9)
        return False

    def extent(self, x: str, axis: int) -> str:
        """Return the extent [1] of an axis, which is known once shapes are."""
        return self.put("Gather", self.put("Shape", x), np.array([axis]), axis=0)

    def apart(self, x: str, heads: int) -> str:
        """Return x [N S H*D] as [N H S D]."""
        split = self.put("Reshape", x, np.array([0, 0, heads, -1]))
        return self.put("Transpose", split, perm=(0, 2, 1, 3))

    def together(self, x: str) -> None:
        """Write x [N H S D] as [N S H*D], the node's output."""
        turned = self.put("Transpose", x, perm=(0, 2, 1, 3))
        self.put("Reshape", turned, np.array([0, 0, -1]), output=self.node.outputs[0])

    def attended(self, q: str, k: str, v: str, causal: bool, mask: str) -> str:
        """Return Softmax(q k^T * scale + masks) v of heads [N H S D]."""
        scores = self.put("MatMul", q, self.put("Transpose", k, perm=(0, 1, 3, 2)))
        scale: str | np.float32 = np.float32(self.node.number("scale", 0.0))
        if not scale:
            size = self.put("Squeeze", self.extent(q, 3), np.array([0]))
            kind = FLOAT if self.node.domain else DOUBLE  # onnxruntime's own two ways
            root = self.put("Sqrt", self.put("Cast", size, to=kind))
            scale = self.put("Cast", self.put("Reciprocal", root), to=FLOAT)
        scores = self.put("Mul", scores, scale)
        if mask:
            scores = self.put("Add", scores, mask)
        if causal:
            sizes = self.put("Concat", self.extent(q, 2), self.extent(k, 2), axis=0)
            full = self.put("ConstantOfShape", sizes, value=np.full(1, LOWEST, np.float32))
            later = self.put("Trilu", full, np.array(1), upper=1)
            scores = self.put("Add", scores, later)
        return self.put("MatMul", self.put("Softmax", scores, axis=-1), v)

    def biased(self) -> tuple[str, str, str]:
        """Return queries, keys and values of MultiHeadAttention, its bias added."""
        self.only(6)
        q, k, v = (self.node.input(index) for index in range(3))
        if not k or not v:
            raise self.refused("packed queries, keys and values")
        if not self.node.input(3):
            return q, k, v
        bias = self.constant(3, "bias")
        parts = np.split(bias, 3)
        q, k, v = (self.put("Add", x, part) for x, part in zip((q, k, v), parts, strict=True))
        return q, k, v

    def projected(self) -> tuple[str, str, str]:
        """Return queries, keys and values of Attention: products of its input."""
        self.only(4, 5)
        weights = np.split(self.constant(1, "weights"), 3, 1)
        biases = np.split(self.constant(2, "bias"), 3) if self.node.input(2) else [None] * 3
        found = []
        for weight, bias in zip(weights, biases, strict=True):
            x = self.put("MatMul", self.node.inputs[0], np.ascontiguousarray(weight))
            found.append(x if bias is None else self.put("Add", x, bias))
        return found[0], found[1], found[2]

    def constant(self, index: int, what: str) -> NDArray:
        """Return the constant at an input."""
        value = self.graph.constants.get(self.node.input(index))
        if value is None:
            raise self.refused(f"a computed {what}")
        return value

    def padding(self) -> str:
        """Return what com.microsoft's masks [N T] and biases add to scores, or nothing."""
        attention = self.node.kind == "Attention"
        mask, bias = self.node.input(3 if attention else 4), self.node.input(5)
        if mask:
            value = next((v for v in self.graph.inputs if v.name == mask), None)
            held = self.graph.constants.get(mask)
            rank = len(value.shape) if value else 0 if held is None else held.ndim
            if rank != 2:
                raise self.refused(f"mask {mask}, which is no input or constant [N T],")
            hidden = self.node.number("mask_filter_value", -10000.0)
            absent = self.put("Sub", np.float32(1), self.put("Cast", mask, to=FLOAT))
            absent = self.put("Mul", absent, np.float32(hidden))
            mask = self.put("Unsqueeze", absent, np.array([1, 2]))
        if mask and bias:
            return self.put("Add", mask, bias)
        return mask or bias
