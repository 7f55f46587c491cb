"""Operators that onnxruntime's optimizer leaves in files, written out in operators of ONNX.

RotaryEmbedding is a few units in the last place apart. Source: onnxruntime 1.31,
docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from npusim.formats.onnx import coded_weights
from npusim.formats.onnx.nodes import Attribute, OnnxNode
from npusim.formats.onnx.records import OnnxGraph
from npusim.formats.onnx.written import INT32, Parts, write_nodes

MICROSOFT = "com.microsoft"
OF_ONNX = (("", "RotaryEmbedding"),)
"""Operators of ONNX itself that are written out here, not by the bodies that it gives them."""


def write_out(graph: OnnxGraph) -> None:
    """Replace the graph's nodes of these operators."""

    def write(node: OnnxNode) -> list[OnnxNode]:
        own = node.domain == MICROSOFT or (node.domain, node.kind) in OF_ONNX
        writer = WRITERS.get(node.kind) if own else None
        if writer is None:
            return [node]
        parts = Parts(graph, node)
        writer(parts)
        return parts.nodes

    write_nodes(graph, write)


def _gelu(p: Parts) -> None:
    p.put("Gelu", p.sum_of(0, 1), output=p.output)


def _fast_gelu(p: Parts) -> None:
    p.put("Gelu", p.sum_of(0, 1), output=p.output, approximate="tanh")


def _quick_gelu(p: Parts) -> None:
    x = p.node.inputs[0]
    gate = p.put("Sigmoid", p.put("Mul", x, p.node.number("alpha", 1.702)))
    p.put("Mul", x, gate, output=p.output)


def _skip(p: Parts) -> None:
    node = p.node
    simplified = "Simplified" in node.kind
    total = p.sum_of(0, 1, 3 if simplified else 4)
    if any(node.outputs[1:3]):
        raise p.refused("an output of means")
    kind = "RMSNormalization" if simplified else "LayerNormalization"
    _normalized(p, kind, total, (2,) if simplified else (2, 3), "running")
    if len(node.outputs) > 3 and node.outputs[3]:
        p.put("Identity", total, output=node.outputs[3])


def _normalized(p: Parts, kind: str, x: str, constants: tuple[int, ...], sums: str) -> None:
    """Append the normalization of rows that the runtime sums value by value."""
    names = (x, *(name for name in map(p.node.input, constants) if name))
    attributes: dict[str, Attribute] = {
        "epsilon": p.node.number("epsilon", 1e-12),
        "axis": -1,
        "sums": sums,
    }
    p.nodes.append(OnnxNode(p.output, "npusim.fused", kind, names, (p.output,), attributes))


def _embed(p: Parts) -> None:
    if p.node.kind.startswith("Q"):
        p.node = coded_weights.with_real_tables(p)
    ids, segments, words, positions, kinds, _, _, mask, places = map(p.node.input, range(9))
    place = places or p.places(ids, 1)
    total = p.put("Add", p.put("Gather", words, ids), p.put("Gather", positions, place))
    if segments:
        total = p.put("Add", total, p.put("Gather", kinds, segments))
    _normalized(p, "LayerNormalization", total, (5, 6), "two_passes")
    lengths, sums = (p.node.outputs[i] if len(p.node.outputs) > i else "" for i in (1, 2))
    if sums:
        p.put("Identity", total, output=sums)
    if lengths and mask:
        axes = np.array([1])
        p.put("ReduceSum", p.put("Cast", mask, to=INT32), axes, output=lengths, keepdims=0)


def _integers_to_float(p: Parts) -> None:
    x, w, x_scale, w_scale, x_zero, w_zero, bias = map(p.node.input, range(7))
    end = "" if bias else p.output
    y = p.product_of_integers(x, w, x_scale, w_scale, x_zero, w_zero, end)
    if bias:
        p.put("Add", y, bias, output=p.output)


def _dynamic_product(p: Parts) -> None:
    x, w, w_scale, w_zero, bias = map(p.node.input, range(5))
    names = tuple(f"{p.node.name}:{part}" for part in ("integers", "scale", "zero_point"))
    p.nodes.append(OnnxNode(names[0], "", "DynamicQuantizeLinear", (x,), names))
    integers, x_scale, x_zero = names
    end = "" if bias else p.output
    y = p.product_of_integers(integers, w, x_scale, w_scale, x_zero, w_zero, end)
    if bias:
        p.put("Add", y, bias, output=p.output)


def _activated(p: Parts, kind: str, x: str, params: tuple[float, ...]) -> None:
    """Append the activation of a fused layer."""
    if kind in ("Relu", "Sigmoid", "Tanh"):
        p.put(kind, x, output=p.output)
    elif kind == "LeakyRelu":
        p.put(kind, x, output=p.output, alpha=params[0])
    elif kind == "Clip":
        p.put(kind, x, np.float32(params[0]), np.float32(params[1]), output=p.output)
    elif kind == "HardSigmoid":
        p.put(kind, x, output=p.output, alpha=params[0], beta=params[1])
    else:
        raise p.refused(f"activation {kind!r}")


def _layer(kind: str, taken: int) -> Callable[[Parts], None]:
    """Return the writer of a layer of so many inputs; one more is added to what it gives."""

    def write(p: Parts) -> None:
        own = ("activation", "activation_params", "activation_alpha", "activation_beta",
               "activation_gamma")  # fmt: skip
        rest: dict[str, Any] = {
            name: value for name, value in p.node.attributes.items() if name not in own
        }
        y = p.put(kind, *p.node.inputs[:taken], **rest)
        if p.node.input(taken):
            y = p.put("Add", y, p.node.input(taken))
        params = p.node.attributes.get("activation_params", ())
        assert isinstance(params, tuple)
        alone = [p.node.number(name, 0.0) for name in own[2:4]]
        _activated(p, str(p.node.attributes.get("activation", "")), y, params or tuple(alone))

    return write


def _rotary(p: Parts) -> None:
    """Write out RotaryEmbedding of both domains: ONNX's has the tables first, places last."""
    x, *rest = p.node.inputs
    if p.node.domain:
        places, cosines, sines = rest[:3]
    else:
        cosines, sines, places = (*rest, "")[:3]
    size, rank = 2 * p.last_extent(cosines), p.rank_of(x)
    if places and p.rank_of(places) != 2:
        raise p.refused("a value of positions that is no input [N S]")
    if rank not in (3, 4):
        raise p.refused(f"input {x}, whose rank is not known,")
    heads = p.node.integer("num_heads", 0)
    if p.node.integer("rotary_embedding_dim", 0) and rank == 3 and not heads:
        raise p.refused("rotary_embedding_dim without num_heads")
    split, order = bool(p.node.integer("interleaved", 0)), (0, 2, 1, 3)
    parts = np.array([0, 0, heads, -1] if heads else [0, 0, -1, size])
    apart = p.put("Transpose", x, perm=order) if rank == 4 else p.put("Reshape", x, parts)
    tables = [p.put("Gather", table, places) if places else table for table in (cosines, sines)]
    cosines, sines = (p.put("Unsqueeze", table, np.array([2])) for table in tables)
    axis, far, one, middle = (np.array([n]) for n in (3, size, 1, size // 2))
    zero, two = np.array([0]), np.array([2])
    ends = [(zero, middle, one), (middle, far, one)]
    if split:
        ends = [(zero, far, two), (one, far, two)]
    a, b = (p.put("Slice", apart, start, end, axis, step) for start, end, step in ends)
    turned = [
        p.put("Sub", p.put("Mul", a, cosines), p.put("Mul", b, sines)),
        p.put("Add", p.put("Mul", a, sines), p.put("Mul", b, cosines)),
    ]
    if split:
        turned = [p.put("Unsqueeze", part, np.array([4])) for part in turned]
    whole = p.put("Concat", *turned, axis=-1)
    if split:
        whole = p.put("Reshape", whole, np.array([0, 0, 0, -1]))
    if p.node.integer("rotary_embedding_dim", 0):
        behind = p.put("Slice", apart, far, np.array([np.iinfo(np.int64).max]), axis, one)
        whole = p.put("Concat", whole, behind, axis=3)
    if rank == 3:
        p.put("Reshape", whole, p.put("Shape", x), output=p.output)
    else:
        p.put("Transpose", whole, perm=order, output=p.output)


def _as(kind: str) -> Callable[[Parts], None]:
    """Return the writer of an operator that ONNX has since under a name of its own."""

    def write(p: Parts) -> None:
        p.nodes.append(OnnxNode(p.node.name, "", kind, p.node.inputs, p.node.outputs,
                                dict(p.node.attributes)))  # fmt: skip

    return write


WRITERS: dict[str, Callable[[Parts], None]] = {
    "BiasGelu": _gelu,
    "DynamicQuantizeMatMul": _dynamic_product,
    "EmbedLayerNormalization": _embed,
    "ExpandDims": _as("Unsqueeze"),
    "FastGelu": _fast_gelu,
    "FusedConv": _layer("Conv", 3),
    "FusedGemm": _layer("Gemm", 3),
    "GatherND": _as("GatherND"),
    "GridSample": _as("GridSample"),
    "MatMulIntegerToFloat": _integers_to_float,
    "Pad": _as("Pad"),
    "QEmbedLayerNormalization": _embed,
    "QuickGelu": _quick_gelu,
    "Range": _as("Range"),
    "RotaryEmbedding": _rotary,
    "SkipLayerNormalization": _skip,
    "SkipSimplifiedLayerNormalization": _skip,
    "Trilu": _as("Trilu"),
    **coded_weights.WRITERS,
}
