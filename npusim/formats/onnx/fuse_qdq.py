"""Joining operators on integers out of DequantizeLinear (DQ) - operator - QuantizeLinear (Q).

A QDQ file means float arithmetic between DQ and Q. Groups become operators on integers here, also
those that onnxruntime computes in float32: what it does with each is said in the node's `group`
(qdq_decisions.py), and the engines follow it.

* Q moves up over operators that only move values, or keep their order (Reshape, Transpose,
  MaxPool, Pad, Relu, Clip, ...): Q(f(x)) = f(Q(x)) exactly, because Q is monotone;
* DQ moves down over those that move values;
* DQ then Q with one scale and zero point is the identity; with two it is one requantization;
* DQ - operator - Q becomes the operator on integers (qdq_decisions.JOINED).

What is left between a DQ and a Q is float32.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from npusim.formats.onnx.nodes import Attribute, OnnxNode
from npusim.formats.onnx.qdq_decisions import (
    JOINED,
    LAYERS,
    decide,
    one_reader_each,
)
from npusim.formats.onnx.qdq_graph import EIGHT_BITS, Parameters, QdqGraph, Vertex, clip_bounds
from npusim.formats.onnx.records import OnnxGraph
from npusim.graph.tensor import Quantization

FUSED = "npusim.fused"
"""Domain of the nodes made here that no ONNX operator expresses."""

MOVING = (
    "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice", "MaxPool",
    "Split", "Expand", "Tile", "Gather", "GatherElements", "GatherND", "DepthToSpace",
    "SpaceToDepth", "Resize", "Upsample", "Pad", "ReduceMax", "ReduceMin", "Dropout",
)  # fmt: skip
"""Operators whose outputs are values of their first input: they commute with Q and DQ."""

ORDERING = ("MaxPool", "ReduceMax", "ReduceMin", "Relu", "Clip")
"""Those that compare values, and so need a scale above 0."""

CLAMPS = ("Relu", "Clip")

CLAMPED = ("QLinearConv", "QGemm", "QLinearMatMul", "QLinearAdd", "QLinearMul")
"""Integer operators that take a Relu or Clip behind them into their own saturation."""


@dataclass(frozen=True)
class Fused:
    """A graph's nodes with operators on integers in place of QDQ groups.

    `labels` says what integers are worth that the file has between a Q and a DQ; `notes` has a line
    for each kind of fusion. `altered` names nodes whose float weights, or two scales, onnxruntime
    quantizes anew.
    """

    nodes: list[OnnxNode]
    labels: dict[str, Quantization]
    notes: list[str]
    altered: tuple[str, ...] = ()


def fuse(graph: OnnxGraph) -> Fused:
    """Return the nodes with integer operators in place of QDQ groups."""
    if not any(node.kind == "DequantizeLinear" for node in graph.nodes):
        return Fused(list(graph.nodes), {}, [])
    g = QdqGraph.of(graph)
    g.drop_unused()
    labels = _labels(g)
    decide(g)
    one_reader_each(g)
    _raise_quantize(g)
    _lower_dequantize(g)
    _join_pairs(g)
    fused = _join_operators(g)
    fused += _join_clamps(g)
    _drop_identities(g)
    g.drop_unused()
    _one_for_all_readers(g)
    vertices = list(g.sorted())
    notes = _notes(g, vertices, fused)
    return Fused([vertex.node() for vertex in vertices], labels, notes, tuple(g.altered))


def _labels(g: QdqGraph) -> dict[str, Quantization]:
    """Return what the integers are worth that a DQ reads, by the first that reads them."""
    labels: dict[str, Quantization] = {}
    for vertex in g.vertices.values():
        found = g.parameters(vertex) if vertex.is_dequantize else None
        if found is not None and found.real_scale > 0 and np.isfinite(found.real_scale):
            q = Quantization(np.asarray(found.real_scale), np.asarray(found.integer_zero, np.int64))
            labels.setdefault(vertex.inputs[0], q)
    return labels


def _commutes(g: QdqGraph, vertex: Vertex) -> bool:
    """Return whether a Q behind the vertex can stand before it."""
    if vertex.domain or len(vertex.outputs) != 1 or g.is_constant(vertex.input(0)):
        return False
    if vertex.kind in CLAMPS:
        return clip_bounds(g, vertex) is not None
    if not all(g.is_constant(name) for name in vertex.inputs[1:] if name):
        return False
    return _moves(vertex)


def _moves(vertex: Vertex) -> bool:
    if vertex.kind in ("Resize", "Upsample"):
        mode = vertex.attributes.get("mode", "nearest")
        return mode == "nearest" and vertex.attributes.get(
            "coordinate_transformation_mode"
        ) != "tf_crop_and_resize"  # fmt: skip
    gives_places = vertex.kind == "MaxPool" and any(vertex.outputs[1:])  # which are no values
    return vertex.kind in MOVING and not gives_places


def _raise_quantize(g: QdqGraph) -> None:
    """Move every Q up over the operators it commutes with."""
    for q in [v for v in g.sorted() if v.is_quantize]:
        while True:
            to = g.quantize(q)
            over = g.producer.get(q.inputs[0])
            if to is None or over is None or not _commutes(g, over):
                break
            if g.only_reader(q.inputs[0]) is not q:
                break
            middle = g.free(f"{over.inputs[0]}:quantized")
            result, source = q.outputs[0], over.inputs[0]
            domain = FUSED if over.kind in CLAMPS else ""
            inputs = [middle, *over.inputs[1:]]
            if over.kind == "Pad":
                inputs = _integer_pad(g, over, middle, to)
            after = Vertex(
                over.name, domain, over.kind, inputs, [result], over.attributes, over.place
            )
            g.set_input(q, 0, source)
            g.set_output(q, 0, middle)
            g.replace(over, after)


def _integer_pad(g: QdqGraph, pad: Vertex, x: str, to: Parameters) -> list[str]:
    """Return the inputs of a Pad of integers: its constant quantized, its mode as it is."""
    if pad.attributes.get("mode", "constant") != "constant":
        return [x, *pad.inputs[1:]]
    constants = g.graph.constants
    given = constants.get(pad.input(2))
    otherwise = pad.attributes.get("value", 0.0)
    value = np.float32(given.ravel()[0] if given is not None else otherwise)  # type: ignore[arg-type]
    limits = np.iinfo(to.dtype)
    with np.errstate(over="ignore"):
        steps = float(np.rint(value / to.real_scale)) + to.integer_zero
    name = g.free(f"{pad.name}:fill")
    constants[name] = np.array(np.clip(steps, limits.min, limits.max), to.dtype)
    pads = pad.input(1)
    if not pads:
        pads = g.free(f"{pad.name}:pads")
        constants[pads] = np.array(pad.attributes.pop("pads", ()), np.int64)
    return [x, pads, name, *pad.inputs[3:]]


def _lower_dequantize(g: QdqGraph) -> None:
    """Move DQ down over operators that only move values."""
    for over in list(g.sorted()):
        if over.domain or not over.inputs or not _moves(over) or id(over) not in g.vertices:
            continue
        found = g.dequantize(over.inputs[0])
        if found is None or g.is_constant(found[0].inputs[0]):
            continue
        dq, parameters = found
        if over.kind in ORDERING and not parameters.real_scale > 0:
            continue
        if parameters.dtype not in EIGHT_BITS or not all(
            g.is_constant(name) for name in over.inputs[1:] if name
        ):
            continue
        integers = [g.free(f"{name}:quantized") if name else "" for name in over.outputs]
        inputs = [dq.inputs[0], *over.inputs[1:]]
        if over.kind == "Pad":
            inputs = _integer_pad(g, over, dq.inputs[0], parameters)
        outputs = over.outputs
        g.replace(
            over,
            Vertex(
                over.name, over.domain, over.kind, inputs, integers, over.attributes, over.place
            ),
        )
        for i, (integer, name) in enumerate(zip(integers, outputs, strict=True)):
            if name:
                attributes = dict(dq.attributes)
                again = [integer, *dq.inputs[1:]]
                g.add(
                    Vertex(
                        f"{dq.name}:{i}", dq.domain, dq.kind, again, [name], attributes, over.place
                    )
                )
        one_reader_each(g, [name for name in outputs if name])


def _join_pairs(g: QdqGraph) -> None:
    """Make DQ - Q an identity, or one requantization."""
    for q in [v for v in g.vertices.values() if v.is_quantize]:
        to = g.quantize(q)
        found = g.dequantize(q.inputs[0]) if to is not None else None
        if to is None or found is None or g.is_constant(found[0].inputs[0]):
            continue
        dq, of = found
        if of.value == to.value:
            new = Vertex(q.name, "", "Identity", dq.inputs[:1], q.outputs, {}, q.place)
        elif {of.dtype, to.dtype} <= set(EIGHT_BITS):
            inputs = [dq.inputs[0], of.scale, of.zero_point, to.scale, to.zero_point]
            new = Vertex(q.name, FUSED, "Requantize", inputs, q.outputs, {}, q.place)
        else:
            continue
        g.replace(q, new)


def _join_operators(g: QdqGraph) -> Counter[str]:
    """Replace DQ - operator - Q by the operator on integers."""
    fused: Counter[str] = Counter()
    for vertex in list(g.vertices.values()):
        if vertex.domain or vertex.kind not in JOINED or len(vertex.outputs) != 1:
            continue
        group, vertex.group = vertex.group, ""
        q = g.only_reader(vertex.outputs[0])
        to = g.quantize(q)
        layer = vertex.kind in LAYERS
        if q is None or to is None or to.dtype not in EIGHT_BITS:
            if group == "joined":  # a product of integers whose sums come out as reals
                new = _joined_layer(g, vertex, vertex.outputs, None)
                if new is not None:
                    g.replace(vertex, new)
                    fused[f"{vertex.kind} to {new.kind} with real outputs"] += 1
            continue
        new = _joined_layer(g, vertex, q.outputs, to) if layer else _joined(g, vertex, q, to)
        if new is None:
            continue
        new.group = group
        g.remove(vertex)
        g.replace(q, new)
        where = " (in float32)" if new.group == "float" else ""
        fused[f"{vertex.kind} to {new.kind}{where}"] += 1
    return fused


def _joined(g: QdqGraph, vertex: Vertex, q: Vertex, to: Parameters) -> Vertex | None:
    join = JOINED[vertex.kind]
    target = [to.scale, to.zero_point]
    triples: list[str] = []
    condition = vertex.kind == "Where"
    for name in vertex.inputs[condition:]:
        found = g.dequantize(name)
        if found is None or found[1].dtype != to.dtype:
            return None
        triples += [found[0].inputs[0], found[1].scale, found[1].zero_point]
    inputs = [*target, *triples] if vertex.kind == "Concat" else [*triples, *target]
    attributes = dict(vertex.attributes)
    if vertex.kind == "Softmax":
        attributes["opset"] = g.graph.opset
    return Vertex(
        vertex.name, join.domain, join.operator, [*vertex.inputs[:condition], *inputs], q.outputs,
        attributes, vertex.place,
    )  # fmt: skip


def _joined_layer(
    g: QdqGraph, vertex: Vertex, outputs: list[str], to: Parameters | None
) -> Vertex | None:
    join = JOINED[vertex.kind]
    domain, operator = join.domain, join.operator
    target = [to.scale, to.zero_point] if to is not None else []
    if to is None and vertex.kind == "MatMul":
        domain, operator = FUSED, "MatMulToFloat"
    x, weights = g.dequantize(vertex.input(0)), g.producer.get(vertex.input(1))
    if x is None or weights is None or not weights.is_dequantize:
        return None
    if x[1].dtype not in EIGHT_BITS or not _weights_fit(g, vertex, weights):
        return None
    if vertex.kind == "Gemm" and (
        vertex.attributes.get("beta", 1.0) != 1.0 or vertex.attributes.get("alpha", 1.0) != 1.0
        or vertex.integer("transA", 0)
    ):  # fmt: skip
        return None
    left = [x[0].inputs[0], x[1].scale, x[1].zero_point]
    right = [weights.input(0), weights.input(1), weights.input(2)]
    bias: list[str] = []
    if vertex.input(2):
        dq = g.producer.get(vertex.input(2))
        if dq is None or not dq.is_dequantize or not all(map(g.is_constant, dq.inputs[:2])):
            return None
        if g.graph.constants[dq.inputs[0]].dtype != np.int32:
            return None
        bias = [dq.inputs[0], dq.input(1)]
    attributes: dict[str, Attribute] = dict(vertex.attributes)
    if bias:
        attributes["bias_scale"] = g.graph.constants[bias[1]]
    if vertex.kind == "Conv":
        inputs = [*left, *right, *target, *bias[:1]]
    elif vertex.kind == "MatMul":
        inputs = [*left, *right, *target]
    else:
        inputs = [*left, *right, *(bias[:1] or [""]), *target]
    return Vertex(vertex.name, domain, operator, inputs, outputs, attributes, vertex.place)


def _weights_fit(g: QdqGraph, vertex: Vertex, dq: Vertex) -> bool:
    """Return whether a DQ holds int8 or uint8 weights scaled per tensor or output channel."""
    constants = g.graph.constants
    if not all(name in constants for name in dq.inputs if name):
        found = g.dequantize(dq.outputs[0])
        return vertex.kind == "MatMul" and found is not None and found[1].dtype in EIGHT_BITS
    weights, scale = constants[dq.input(0)], constants[dq.input(1)]
    if weights.dtype.name not in EIGHT_BITS or dq.integer("block_size", 0):
        return False
    columns = vertex.kind == "MatMul" or (vertex.kind == "Gemm" and not vertex.integer("transB", 0))
    along = weights.ndim - 1 if columns else 0
    return scale.size == 1 or dq.integer("axis", 1) % max(weights.ndim, 1) == along


def _join_clamps(g: QdqGraph) -> Counter[str]:
    """Take a Relu or Clip into the saturation of the integer operator before it."""
    fused: Counter[str] = Counter()
    for vertex in list(g.vertices.values()):
        reader = g.only_reader(vertex.outputs[0]) if vertex.outputs else None
        if vertex.kind not in CLAMPED or reader is None:
            continue
        if reader.domain != FUSED or reader.kind not in CLAMPS:
            continue
        bounds = clip_bounds(g, reader)
        assert bounds is not None
        for name, bound in zip(("fused_low", "fused_high"), bounds, strict=True):
            if bound is not None:
                vertex.attributes[name] = bound
        g.remove(reader)
        g.set_output(vertex, 0, reader.outputs[0])
        fused[f"{reader.kind} into {vertex.kind}"] += 1
    return fused


def _drop_identities(g: QdqGraph) -> None:
    """Drop the identities made here; the file's names of integer tensors stay."""
    for vertex in list(g.sorted()):
        if vertex.kind != "Identity" or vertex.domain:
            continue
        source, result = vertex.inputs[0], vertex.outputs[0]
        if ":quantized" in result and result not in g.outputs:
            for reader, index in g.edges(result):
                g.set_input(reader, index, source)
            g.remove(vertex)
        elif ":quantized" in source and g.only_reader(source) is not None:
            before = g.producer[source]
            g.remove(vertex)
            g.set_output(before, before.outputs.index(source), result)


def _one_for_all_readers(g: QdqGraph) -> None:
    """Join the DQ that every reader was given into one again."""
    first: dict[tuple[str, ...], Vertex] = {}
    for dq in [v for v in g.vertices.values() if v.is_dequantize]:
        axis = str(dq.integer("axis", 1))
        same = first.setdefault((*dq.inputs, axis), dq)
        if same is dq or dq.outputs[0] in g.outputs:
            continue
        for reader, index in g.edges(dq.outputs[0]):
            g.set_input(reader, index, same.outputs[0])
        g.remove(dq)


def _notes(g: QdqGraph, vertices: list[Vertex], fused: Counter[str]) -> list[str]:
    """Return one line for each kind of fusion, and one for what stays in float."""
    lines = [f"fused between DequantizeLinear and QuantizeLinear: {count} {what}"
             for what, count in sorted(fused.items())]  # fmt: skip
    floating = [
        f"{vertex.name} ({vertex.kind})"
        for vertex in vertices
        if not vertex.is_dequantize
        and any(
            g.dequantize(name) is not None and not g.is_constant(g.producer[name].inputs[0])
            for name in vertex.inputs
        )
    ]
    if floating:
        lines.append(f"kept in float, as onnxruntime does: {', '.join(floating)}")
    return lines
