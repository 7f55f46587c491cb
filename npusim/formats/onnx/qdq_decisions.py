"""What onnxruntime makes of DequantizeLinear (DQ) - operator - QuantizeLinear (Q): its decisions.

It joins a group to one operator on integers where JOINED says so, and computes everything else in
float32 between DQ and Q. Before it decides it changes the graph, and so does this module, in the
same order (CPU provider, x86, all optimizations):

1. every reader gets a DQ of its own;
2. Q - DQ - Q - DQ becomes one pair;
3. a Q spreads up, and a DQ down, over operators that only move values (PROPAGATED), as further
   pairs;
4. float weights and biases of a layer between DQ and Q are quantized;
5. int8 becomes uint8, 128 higher, where the one reader of a Q is a DQ: where a tensor has two
   readers it stays int8, and then JOINED often fails, for a layer's activations must be uint8.

The values do not change in 1, 3 and 5; which operators are joined does. Source: onnxruntime 1.31,
core/optimizer/qdq_transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npusim.formats.onnx.qdq_graph import EIGHT_BITS, QdqGraph, Vertex, clip_bounds
from npusim.graph.network import Group

MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class Join:
    """What a group becomes.

    Attributes
    ----------
    operator, domain
        The operator on integers.
    operands
        How many of its inputs come out of a DQ; None says all.
    same_type
        Whether all operands are of the output's type, or the first alone.
    int8
        Whether the first operand may be int8 when the decision falls.
    uint8_differs
        Whether int8 values that were moved to uint8 give other bytes, not the same 128 higher.
    """

    operator: str
    domain: str = MICROSOFT
    operands: int | None = None
    same_type: bool = True
    int8: bool = True
    uint8_differs: bool = False


JOINED = {
    "Conv": Join("QLinearConv", "", same_type=False, int8=False),
    "MatMul": Join("QLinearMatMul", "", same_type=False, int8=False),
    "Gemm": Join("QGemm", same_type=False),
    "Add": Join("QLinearAdd", uint8_differs=True),
    "Mul": Join("QLinearMul", uint8_differs=True),
    "Concat": Join("QLinearConcat"),
    "AveragePool": Join("QLinearAveragePool", operands=1, uint8_differs=True),
    "GlobalAveragePool": Join("QLinearGlobalAveragePool", operands=1),
    "Softmax": Join("QLinearSoftmax", operands=1),
    "Sigmoid": Join("QLinearSigmoid", operands=1),
    "LeakyRelu": Join("QLinearLeakyRelu", operands=1),
    "Where": Join("QLinearWhere", operands=2),
}
"""Operators that onnxruntime has on integers. It needs one zero point for each tensor but weights,
a Q behind (a Relu or Clip that Q makes superfluous may stand between) and no other reader."""

LAYERS = ("Conv", "MatMul", "Gemm")

PROPAGATED = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "MaxPool")
"""Operators over which Q and DQ spread before the decisions; MaxPool since opset 12."""

SPREAD_ROUNDS = 10


def decide(g: QdqGraph) -> None:
    """Give every operator that stands between DQ and Q its `group`."""
    one_reader_each(g)
    _one_pair_for_two(g)
    for _ in range(SPREAD_ROUNDS):
        changed = _spread_up(g)
        changed |= _spread_down(g)
        one_reader_each(g)
        if not changed:
            break
    _quantize_constants(g)
    lifted = _lifted(g)
    for vertex in list(g.vertices.values()):
        if vertex.is_quantize or vertex.is_dequantize:
            continue
        vertex.group = _decision(g, vertex, lifted)


def one_reader_each(g: QdqGraph, names: Sequence[str] | None = None) -> None:
    """Give each reader of a DQ, of all or of those that write `names`, a DQ of its own."""
    vertices = g.vertices.values() if names is None else [g.producer[name] for name in names]
    for dq in [v for v in vertices if v.is_dequantize]:
        edges = g.edges(dq.outputs[0])
        for reader, index in edges if dq.outputs[0] in g.outputs else edges[1:]:
            name = g.free(f"{dq.outputs[0]}:again")
            twin = Vertex(
                f"{dq.name}:again", dq.domain, dq.kind, list(dq.inputs), [name],
                dict(dq.attributes), dq.place,
            )  # fmt: skip
            g.add(twin)
            g.set_input(reader, index, name)


def _one_pair_for_two(g: QdqGraph) -> None:
    """Make one Q - DQ of Q - DQ - Q - DQ; two scales become that of what both can hold."""
    for dq in [v for v in g.vertices.values() if v.is_dequantize]:
        if id(dq) not in g.vertices:
            continue
        q = g.producer.get(dq.inputs[0])
        q2 = g.only_reader(dq.outputs[0])
        last = g.only_reader(q2.outputs[0]) if q2 is not None and q2.is_quantize else None
        if q is None or g.only_reader(q.outputs[0]) is not dq or last is None or q2 is None:
            continue
        first, second = g.quantize(q), g.quantize(q2)
        if first is None or second is None or not last.is_dequantize:
            continue
        inner, outer = g.parameters(dq), g.parameters(last)
        if inner is None or outer is None or first.dtype != second.dtype:
            continue
        if first.value != inner.value or second.value != outer.value:
            continue
        if first.dtype not in EIGHT_BITS or not all(len(v.inputs) == 3 for v in (q, dq, q2, last)):
            continue
        if first.value != second.value:
            _narrow(g, q, last)
        g.remove(dq)
        g.remove(q2)
        g.set_input(last, 0, q.outputs[0])


def _narrow(g: QdqGraph, q: Vertex, dq: Vertex) -> None:
    """Give a Q and a DQ of two scales one scale and zero point: of the values that both hold."""
    a, b = g.parameters(q), g.parameters(dq)
    assert a is not None
    assert b is not None
    g.altered.append(q.name)
    limits = np.iinfo(a.dtype)
    lows = [np.float32(limits.min - p.integer_zero) * p.real_scale for p in (a, b)]
    highs = [np.float32(limits.max - p.integer_zero) * p.real_scale for p in (a, b)]
    low, high = max(lows), min(highs)
    scale = np.float32(high - low) / np.float32(limits.max - limits.min)
    exact = float(np.float32(limits.min) - low / scale)
    zero = int(np.copysign(np.floor(abs(exact) + 0.5), exact))
    names = [g.free(f"{q.outputs[0]}:{what}") for what in ("scale", "zero_point")]
    g.graph.constants[names[0]] = np.array(scale, np.float32)
    g.graph.constants[names[1]] = np.array(zero, a.dtype)
    for vertex in (q, dq):
        for index, name in enumerate(names, start=1):
            g.set_input(vertex, index, name)


def _propagates(g: QdqGraph, vertex: Vertex | None) -> bool:
    if vertex is None or vertex.domain or vertex.kind not in PROPAGATED:
        return False
    return vertex.kind != "MaxPool" or g.graph.opset >= 12


def _insert(g: QdqGraph, like: Vertex, name: str, readers: list[tuple[Vertex, int]]) -> None:
    """Put Q - DQ with the parameters of `like` between a value and some of its readers."""
    middle = g.free(f"{name}:quantized")
    attributes = {k: v for k, v in like.attributes.items() if k == "axis"}
    if not readers:  # the value is an output of the graph: the DQ writes it
        vertex = g.producer[name]
        source = g.free(f"{name}:float")
        g.set_output(vertex, 0, source)
        ends = [name]
    else:
        source, ends = name, [g.free(f"{name}:dequantized{i}") for i in range(len(readers))]
    g.add(
        Vertex(
            middle, like.domain, "QuantizeLinear", [source, *like.inputs[1:]], [middle],
            attributes, like.place,
        )
    )  # fmt: skip
    for end in ends:
        g.add(
            Vertex(
                end, like.domain, "DequantizeLinear", [middle, *like.inputs[1:]], [end],
                attributes, like.place,
            )
        )  # fmt: skip
    for (reader, index), end in zip(readers, ends, strict=False):
        g.set_input(reader, index, end)


def _spread_up(g: QdqGraph) -> bool:
    changed = False
    for q in [v for v in g.sorted() if v.is_quantize]:
        if g.parameters(q) is None:
            continue
        vertex: Vertex | None = q
        while vertex is not None:
            name = vertex.inputs[0]
            over = g.producer.get(name)
            if g.only_reader(name) is not vertex or over is None or not _propagates(g, over):
                break
            before = over.inputs[0]
            source = g.producer.get(before)
            if g.is_constant(before) or (source is not None and source.is_dequantize):
                break
            if source is not None and g.only_reader(before) is not over:
                break
            _insert(g, q, before, [(over, 0)])
            changed = True
            vertex = g.producer[g.producer[over.inputs[0]].inputs[0]] if source else None
    return changed


def _spread_down(g: QdqGraph) -> bool:
    changed = False
    for dq in [v for v in g.sorted() if v.is_dequantize]:
        if g.parameters(dq) is None or g.is_constant(dq.inputs[0]):
            continue
        reader = g.only_reader(dq.outputs[0])
        waiting = [reader] if reader is not None else []
        while waiting:
            over = waiting.pop()
            if not _propagates(g, over):
                continue
            name = over.outputs[0]
            edges = [(v, i) for v, i in g.edges(name) if not v.is_quantize]
            if (name in g.outputs) == bool(g.edges(name)) or (not edges and g.edges(name)):
                continue
            _insert(g, dq, name, edges)
            changed = True
            waiting += [v for v, _ in edges]
    return changed


def _leads_to_quantize(g: QdqGraph, vertex: Vertex) -> bool:
    while True:
        readers = g.edges(vertex.outputs[0])
        if len(vertex.outputs) != 1 or len(readers) != 1:
            return False
        vertex = readers[0][0]
        if vertex.is_quantize:
            return True
        if vertex.kind not in ("Relu", "Clip"):
            return False


def _quantize_constants(g: QdqGraph) -> None:
    """Quantize the float weights and biases of layers that stand between DQ and Q."""
    constants = g.graph.constants
    for layer in [v for v in g.vertices.values() if v.kind in ("Conv", "ConvTranspose", "Gemm")]:
        x = g.dequantize(layer.input(0))
        if layer.domain or x is None or not _leads_to_quantize(g, layer):
            continue
        dq, bias = g.producer.get(layer.input(1)), layer.input(2)
        if bias and (bias not in constants or constants[bias].ndim != 1):
            continue
        if dq is None or not dq.is_dequantize:
            weights = constants.get(layer.input(1))
            if weights is None or weights.dtype != np.float32:
                continue
            dq = _quantized_weights(g, layer, weights)
        if not bias:
            continue
        scales = constants.get(dq.input(1))
        if scales is None or scales.size not in (1, constants[bias].size):
            continue
        scale = np.asarray(x[1].real_scale * scales.astype(np.float32).reshape(-1))
        if scales.size == 1:
            scale = scale.reshape(())
        with np.errstate(all="ignore"):
            steps = np.rint(constants[bias].astype(np.float32) / scale)
        if not np.isfinite(steps).all() or np.abs(steps).max(initial=0) >= 1 << 31:
            continue
        names = [g.free(f"{bias}:{what}_for_{layer.name}") for what in ("quantized", "scale")]
        constants[names[0]], constants[names[1]] = steps.astype(np.int32), scale
        end = g.free(f"{bias}:dequantized_for_{layer.name}")
        vertex = Vertex(end, "", "DequantizeLinear", names, [end], {"axis": 0}, layer.place)
        g.add(vertex)
        g.set_input(layer, 2, end)


def _quantized_weights(g: QdqGraph, layer: Vertex, weights: np.ndarray) -> Vertex:
    """Return the DQ of int8 weights, one scale and zero point for all, in place of float ones."""
    low = np.float32(min(weights.min(initial=0), 0))
    width = np.float32(np.float32(max(weights.max(initial=0), 0)) - low)
    scale = np.float32(width / np.float32(255)) if width else np.float32(1)
    zero = int(np.rint(np.clip(np.float32(np.float32(-128) - low / scale), -128, 127)))
    codes = np.clip(np.rint(weights / scale) + zero, -128, 127).astype(np.int8)
    g.altered.append(layer.name)
    name = layer.input(1)
    names = [g.free(f"{name}:{what}_for_{layer.name}") for what in ("codes", "scale", "zero_point")]
    values = (codes, np.array(scale, np.float32), np.array(zero, np.int8))
    g.graph.constants.update(zip(names, values, strict=True))
    end = g.free(f"{name}:dequantized_for_{layer.name}")
    dq = g.add(Vertex(end, "", "DequantizeLinear", names, [end], {}, layer.place))
    g.set_input(layer, 1, end)
    return dq


def _lifted(g: QdqGraph) -> set[int]:
    """Return the Q and DQ (by identity) whose int8 onnxruntime moves to uint8."""
    found: set[int] = set()
    for q in g.vertices.values():
        if not q.is_quantize or len(q.inputs) != 3:
            continue
        dq = g.only_reader(q.outputs[0])
        if dq is None or not dq.is_dequantize or len(dq.inputs) != 3:
            continue
        a, b = g.parameters(q), g.parameters(dq)
        if a is not None and b is not None and a.dtype == b.dtype == "int8":
            if a.integer_zero == b.integer_zero:
                found |= {id(q), id(dq)}
    return found


def quantize_behind(g: QdqGraph, vertex: Vertex) -> Vertex | None:
    """Return the Q that alone reads the vertex, through a Relu or Clip that it makes superfluous.

    None where there is none, or where what stands between is not superfluous.
    """
    reader = g.only_reader(vertex.outputs[0])
    if reader is None or reader.is_quantize:
        return reader
    if reader.kind not in ("Relu", "Clip") or reader.domain:
        return None
    q = g.only_reader(reader.outputs[0])
    to = g.quantize(q)
    if q is None or to is None or to.dtype not in EIGHT_BITS:
        return None
    limits = np.iinfo(to.dtype)
    bounds = clip_bounds(g, reader)
    if bounds is None:
        return None
    if reader.kind == "Relu":
        return q if to.integer_zero == limits.min else None
    lowest = np.float32(np.finfo(np.float32).min if bounds[0] is None else bounds[0])
    highest = np.float32(np.finfo(np.float32).max if bounds[1] is None else bounds[1])
    with np.errstate(over="ignore"):
        low, high = (float(np.rint(v / to.real_scale)) + to.integer_zero for v in (lowest, highest))
    return q if low <= limits.min and high >= limits.max else None


def _decision(g: QdqGraph, vertex: Vertex, lifted: set[int]) -> Group:
    join = JOINED.get(vertex.kind) if not vertex.domain else None
    if join is None or len(vertex.outputs) != 1:
        return ""
    operands = [g.producer[n] for n in vertex.inputs if n in g.producer]
    operands = [v for v in operands if v.is_dequantize]
    expected = len([n for n in vertex.inputs if n]) if join.operands is None else join.operands
    q = quantize_behind(g, vertex)
    if len(operands) != expected or (q is None and not _gives_reals(g, vertex)):
        return "float"
    types = [_type(g, dq, lifted) for dq in operands]
    target = types[0] if q is None else _type(g, q, lifted)
    if target not in EIGHT_BITS or types[0] != target:
        return "float"
    if join.same_type and len(set(types)) > 1:
        return "float"
    if vertex.kind in LAYERS:
        if types[0] == "int8" and (not join.int8 or types[1] != "int8"):
            return "float"
        if types[1] not in EIGHT_BITS or types[2:] not in ([], ["int32"]):
            return "float"
        if vertex.kind == "Gemm" and vertex.input(2) and vertex.attributes.get("beta", 1.0) != 1:
            return "float"
    return "joined_as_uint8" if id(q) in lifted and join.uint8_differs else "joined"


def _gives_reals(g: QdqGraph, vertex: Vertex) -> bool:
    """Return whether it is a product whose sums may come out as reals: no Q, no clamp behind."""
    readers = [reader for reader, _ in g.edges(vertex.outputs[0])]
    if vertex.kind not in ("MatMul", "Gemm") or any(reader.is_quantize for reader in readers):
        return False
    return not (len(readers) == 1 and readers[0].kind in ("Relu", "Clip"))


def _type(g: QdqGraph, vertex: Vertex, lifted: set[int]) -> str:
    """Return the type of the integers of a Q or DQ."""
    if id(vertex) in lifted:
        return "uint8"
    constants = g.graph.constants
    if vertex.is_dequantize and vertex.inputs[0] in g.graph.four_bits:
        return "int4"
    if vertex.input(2) in constants:
        return constants[vertex.input(2)].dtype.name
    if vertex.is_dequantize and vertex.inputs[0] in constants:
        return constants[vertex.inputs[0]].dtype.name
    if vertex.is_dequantize:
        source = g.producer.get(vertex.inputs[0])
        if source is not None and source.is_quantize:
            return _type(g, source, lifted)
        return g.input_types.get(vertex.inputs[0], "uint8")
    return "uint8"
