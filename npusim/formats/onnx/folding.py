"""Nodes of a file whose outputs are known before anything is computed: constants, and shapes.

Shapes that ONNX's inference finds become constants too, as they do in onnxruntime before it decides
what it joins: a factor 1 / sqrt(extent) is one then.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference

from npusim.formats.onnx.constants import evaluate
from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph

MOST_ROUNDS = 8
"""Shapes of what shapes that are known make known, and so on."""
HELD = 64
"""Constants of up to so many values are declared to the inference, of others the shape alone."""


def fold(graph: OnnxGraph) -> None:
    """Evaluate the nodes whose inputs are constants, except the DequantizeLinear of weights."""
    nodes = []
    for node in graph.nodes:
        known = all(name in graph.constants for name in node.inputs if name)
        outputs = None
        if known and node.kind != "DequantizeLinear" and not node.bodies:
            inputs = [graph.constants.get(name) for name in node.inputs]
            outputs = evaluate(node, inputs, graph.opset)
        if outputs is None:
            nodes.append(node)
        else:
            graph.constants.update(zip(node.outputs, outputs, strict=False))
    graph.nodes[:] = nodes


def fold_shapes(graph: OnnxGraph) -> None:
    """Let the shapes that are known be constants, and what is computed from them."""
    for _ in range(MOST_ROUNDS):
        asked = [n for n in graph.nodes if not n.domain and n.kind in ("Shape", "Size")]
        shapes = _inferred(graph) if asked else {}
        known = [node for node in asked if node.input(0) in shapes]
        if not known:
            return
        for node in known:
            shape = shapes[node.input(0)]
            span = slice(node.integer("start", 0), node.integer("end", len(shape)))
            value = shape[span] if node.kind == "Shape" else prod(shape)
            graph.constants[node.outputs[0]] = np.array(value, np.int64)
        graph.nodes[:] = [node for node in graph.nodes if not any(node is one for one in known)]
        fold(graph)


def _inferred(graph: OnnxGraph) -> dict[str, tuple[int, ...]]:
    """Return the shapes of values as far as ONNX's inference finds them."""
    constants = graph.constants.items()
    declared = [(v.name, v.dtype, v.shape) for v in graph.inputs]
    declared += [(name, x.dtype, x.shape) for name, x in constants if x.size > HELD]
    info, tensor = onnx.helper.make_tensor_value_info, onnx.helper.np_dtype_to_tensor_dtype
    try:
        inferred = onnx.shape_inference.infer_shapes(
            onnx.helper.make_model(
                onnx.helper.make_graph(
                    [_proto(node) for node in graph.nodes if not node.bodies],
                    "shapes",
                    [info(name, tensor(dtype), shape) for name, dtype, shape in declared],
                    [onnx.ValueInfoProto(name=name) for name in graph.outputs],
                    [onnx.numpy_helper.from_array(x, n) for n, x in constants if x.size <= HELD],
                ),
                opset_imports=[onnx.helper.make_opsetid(*item) for item in graph.versions.items()],
            ),
            data_prop=True,
        )
    except Exception:  # a protobuf extension's own errors
        return {}
    found = {name: shape for name, _, shape in declared}
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        dims = value.type.tensor_type.shape.dim
        shape = tuple(dim.dim_value for dim in dims)
        if value.type.tensor_type.HasField("shape") and all(shape):
            found[value.name] = shape
    return found


def _proto(node: OnnxNode) -> onnx.NodeProto:
    attributes: dict[str, Any] = {
        name: onnx.numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for name, value in node.attributes.items()
    }
    return onnx.helper.make_node(
        node.kind, node.inputs, node.outputs, domain=node.domain, **attributes
    )
