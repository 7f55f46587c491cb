"""Attention operators written out: products, a scale, masks, Softmax, in operators of ONNX.

`Attention` (opset 23), and of com.microsoft `MultiHeadAttention` and `Attention`, whose weights
make queries, keys and values first. Sources: ONNX, Attention; onnxruntime 1.31,
docs/ContribOperators.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph
from npusim.formats.onnx.written import FLOAT, Parts, write_nodes

MICROSOFT = "com.microsoft"
KINDS = (("", "Attention"), (MICROSOFT, "MultiHeadAttention"), (MICROSOFT, "Attention"),
         (MICROSOFT, "QAttention"))  # fmt: skip
INT64, DOUBLE = 7, 11
"""Numbers of types in .onnx files."""
LOWEST = np.finfo(np.float32).min
"""What a place that is not seen adds to a score."""
MICROSOFT_ATTRIBUTES = (
    "num_heads", "scale", "unidirectional", "mask_filter_value", "do_rotary", "qkv_hidden_sizes",
    "past_present_share_buffer", "rotary_embedding_dim",
)  # fmt: skip
TRUTHS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Not", "Xor")


def write_out(graph: OnnxGraph) -> None:
    """Replace the graph's attention nodes."""
    write_nodes(
        graph,
        lambda node: _Written(graph, node).nodes if (node.domain, node.kind) in KINDS else [node],
    )


class _Written(Parts):
    """The nodes of one attention; every method returns the name of a value."""

    def __init__(self, graph: OnnxGraph, node: OnnxNode) -> None:
        super().__init__(graph, node)
        self.hides_rows = False
        """Whether a row may see nothing: it is zeros then."""
        if node.domain:
            if len([name for name in node.outputs if name]) != 1:
                raise self.refused("a second output")
            heads = node.integer("num_heads", 1)
            self.known(*MICROSOFT_ATTRIBUTES)
            if node.integer("do_rotary", 0) or node.attributes.get("qkv_hidden_sizes"):
                raise self.refused("do_rotary or qkv_hidden_sizes")
            makers = {"Attention": self.projected, "QAttention": self.projected_integers}
            values = makers.get(node.kind, self.biased)()
            q, k, v = (self.apart(x, heads) for x in values)
            self.causal = bool(node.integer("unidirectional", 0))
            self.together(self.attended(q, k, v, self.padding(k)))
            return
        self.known("q_num_heads", "kv_num_heads", "scale", "is_causal", "softmax_precision",
                   "qk_matmul_output_mode", "softcap")  # fmt: skip
        self.causal = bool(node.integer("is_causal", 0))
        self.only(7)
        heads, groups = node.integer("q_num_heads", 0), node.integer("kv_num_heads", 0)
        q, k, v = node.inputs[:3]
        if heads:
            q, k, v = self.apart(q, heads), self.apart(k, groups), self.apart(v, groups)
        k, v = self.behind_past(k, 1), self.behind_past(v, 2)
        heads, groups = (n or self.heads_of(node.inputs[i]) for i, n in enumerate((heads, groups)))
        if heads != groups and heads and groups:
            k, v = (self.repeated(x, groups, heads // groups) for x in (k, v))
        if self.causal and node.input(6):
            raise self.refused("is_causal together with lengths")
        mask = node.input(3)
        if mask and self.is_truth(mask):
            mask = self.put("Where", mask, np.float32(0), np.float32(LOWEST))
            self.hides_rows = True
        whole = self.attended(q, k, v, mask)
        if node.integer("q_num_heads", 0):
            self.together(whole)
        else:
            self.put("Identity", whole, output=node.outputs[0])

    def heads_of(self, name: str) -> int:
        """Return the heads of an input of the graph [N H S D], 0 of another value."""
        found = [value.shape for value in self.graph.inputs if value.name == name]
        return found[0][1] if found and len(found[0]) == 4 else 0

    def repeated(self, x: str, groups: int, times: int) -> str:
        """Return x [N G S D] with each group for so many heads."""
        return self.put("Gather", x, np.repeat(np.arange(groups), times), axis=1)

    def behind_past(self, x: str, output: int) -> str:
        """Return x [N H S D] behind what was kept of it, which the node gives too."""
        past = self.node.input(3 + output)
        present = self.node.outputs[output] if len(self.node.outputs) > output else ""
        if past:
            return self.put("Concat", past, x, output=present, axis=2)
        return self.put("Identity", x, output=present) if present else x

    def scores_seen(self, mode: int, scores: str) -> str:
        """Return the scores; they are an output of the node where its mode says so."""
        if len(self.node.outputs) > 3 and self.node.outputs[3]:
            if self.node.integer("qk_matmul_output_mode", 0) == mode:
                self.put("Identity", scores, output=self.node.outputs[3])
        return scores

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

    def apart(self, x: str, heads: int) -> str:
        """Return x [N S H*D] as [N H S D]."""
        split = self.put("Reshape", x, np.array([0, 0, heads, -1]))
        return self.put("Transpose", split, perm=(0, 2, 1, 3))

    def together(self, x: str) -> None:
        """Write x [N H S D] as [N S H*D], the node's output."""
        turned = self.put("Transpose", x, perm=(0, 2, 1, 3))
        self.put("Reshape", turned, np.array([0, 0, -1]), output=self.node.outputs[0])

    def attended(self, q: str, k: str, v: str, mask: str) -> str:
        """Return Softmax(q k^T * scale + masks) v of heads [N H S D]."""
        scores = self.put("MatMul", q, self.put("Transpose", k, perm=(0, 1, 3, 2)))
        scale: str | np.float32 = np.float32(self.node.number("scale", 0.0))
        if not scale:
            size = self.put("Squeeze", self.extent(q, 3), np.array([0]))
            kind = FLOAT if self.node.domain else DOUBLE  # onnxruntime's own two ways
            root = self.put("Sqrt", self.put("Cast", size, to=kind))
            scale = self.put("Cast", self.put("Reciprocal", root), to=FLOAT)
        scores = self.scores_seen(0, self.put("Mul", scores, scale))
        cap = np.float32(self.node.number("softcap", 0.0))
        if cap:
            scores = self.put("Mul", self.put("Tanh", self.put("Div", scores, cap)), cap)
        scores = self.scores_seen(1, scores)
        hidden = [mask] if mask else []
        if self.causal:
            hidden.append(self.later(q, k))
        if not self.node.domain and self.node.input(6):
            hidden.append(self.beyond(k))
            self.hides_rows = True
        for each in hidden:
            scores = self.put("Add", scores, each)
        shares = self.put("Softmax", self.scores_seen(2, scores), axis=-1)
        if self.hides_rows:
            shares = self.of_seen_rows(shares, hidden)
        return self.put("MatMul", self.scores_seen(3, shares), v)

    def of_seen_rows(self, shares: str, hidden: list[str]) -> str:
        """Return the shares, 0 in rows that see nothing at all."""
        total = hidden[0]
        for each in hidden[1:]:
            total = self.put("Add", total, each)
        most = self.put("ReduceMax", total, np.array([-1]), keepdims=1)
        sees = self.put("Greater", most, np.float32(LOWEST / 2))
        return self.put("Where", sees, shares, np.float32(0))

    def later(self, q: str, k: str) -> str:
        """Return what hides the places [S T] that come after a query's own."""
        sizes = self.put("Concat", self.extent(q, 2), self.extent(k, 2), axis=0)
        full = self.put("ConstantOfShape", sizes, value=np.full(1, LOWEST, np.float32))
        first: str | NDArray = np.array([1])
        if not self.node.domain and self.node.input(4):
            first = self.put("Add", self.extent(self.node.input(4), 2), first)
        return self.put("Trilu", full, self.put("Squeeze", first, np.array([0])), upper=1)

    def beyond(self, k: str) -> str:
        """Return what hides the places [N 1 1 T] from each sample's length on."""
        lengths = self.put("Unsqueeze", self.node.input(6), np.array([1]))
        seen = self.put("Less", self.places(k, 2), lengths)
        hidden = self.put("Where", seen, np.float32(0), np.float32(LOWEST))
        return self.put("Unsqueeze", hidden, np.array([1, 2]))

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

    def projected_integers(self) -> tuple[str, str, str]:
        """Return queries, keys and values of QAttention: products of integers, made real."""
        self.only(8)
        x, w, bias, x_scale, w_scale, _, x_zero, w_zero = map(self.node.input, range(8))
        size = self.constant(1, "weights").shape[1] // 3
        y = self.product_of_integers(x, w, x_scale, w_scale, x_zero, w_zero)
        y = self.put("Add", y, bias) if bias else y
        ends = [np.array([size * part]) for part in range(4)]
        parts = [self.put("Slice", y, ends[i], ends[i + 1], np.array([2])) for i in range(3)]
        return parts[0], parts[1], parts[2]

    def padding(self, k: str) -> str:
        """Return what com.microsoft's masks and biases add to scores, or nothing.

        A mask is [N T], [N S T], or the lengths [N] of the samples.
        """
        place = {"Attention": 3, "QAttention": 5}.get(self.node.kind, 4)
        bias = self.node.input(5) if self.node.kind != "QAttention" else ""
        mask = self.node.input(place)
        if mask:
            rank = self.rank_of(mask)
            if rank not in (1, 2, 3):
                raise self.refused(f"mask {mask}, whose rank is not known or above 3,")
            hidden = np.float32(self.node.number("mask_filter_value", -10000.0))
            if rank == 1:
                seen = self.put("Less", self.places(k, 2), self.put(
                    "Unsqueeze", self.put("Cast", mask, to=INT64), np.array([1])))  # fmt: skip
                mask = self.put("Where", seen, np.float32(0), hidden)
            else:
                absent = self.put("Sub", np.float32(1), self.put("Cast", mask, to=FLOAT))
                mask = self.put("Mul", absent, hidden)
            mask = self.put("Unsqueeze", mask, np.array([1] if rank == 3 else [1, 2]))
        if mask and bias:
            return self.put("Add", mask, bias)
        return mask or bias
