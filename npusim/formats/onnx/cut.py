"""Cutting an .onnx graph off, and tensors in place of what is not supported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from npusim.errors import FormatError, NpuError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph
from npusim.formats.onnx.tensors import dtype_of
from npusim.graph.cut import Operation, needed
from npusim.graph.tensor import DTYPES, Tensor
from npusim.operators.forms.onnx_builder import Builder


def operations_of(graph: OnnxGraph) -> tuple[Operation, ...]:
    """Return the nodes by the names of their tensors."""
    return tuple(
        Operation(node.name, tuple(filter(None, node.inputs)), tuple(filter(None, node.outputs)))
        for node in graph.nodes
    )


def cut_to(graph: OnnxGraph, outputs: Sequence[str]) -> None:
    """Give `graph` the outputs named, and leave out what they do not need.

    Raises
    ------
    FormatError
        No node and no input gives a tensor of that name.
    """
    known = {name for node in graph.nodes for name in node.outputs}
    known.update(value.name for value in graph.inputs)
    for name in outputs:
        if name not in known:
            last = ", ".join(graph.outputs)
            raise FormatError(f"outputs: no node computes {name}; the network's are {last}")
    nodes, tensors = needed(operations_of(graph), outputs)
    graph.nodes[:] = [node for node in graph.nodes if node.name in nodes]
    graph.inputs[:] = [value for value in graph.inputs if value.name in tensors]
    graph.outputs[:] = list(dict.fromkeys(outputs))


class StandIns:
    """Tensors in place of what refused nodes would write, by ONNX's shape inference.

    `names` are those that have a shape; `unknown` those that have none: what reads them is checked
    by its type alone.
    """

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph
        self.names: list[str] = []
        self.unknown: set[str] = set()
        self._inferred: dict[str, onnx.TypeProto.Tensor] | None = None

    def put(self, b: Builder, node: OnnxNode) -> None:
        """Let the outputs of `node` be tensors of the builder."""
        for name in node.outputs:
            if not name or name in b.tensors or name in b.constants:
                continue
            shape, dtype = self._type(name)
            if shape is None or dtype.name not in DTYPES:
                self.unknown.add(name)
                continue
            label = None if dtype.kind == "f" else b.labels.get(name)
            b.tensors[name] = Tensor(name, shape, dtype, label)
            self.names.append(name)

    def _type(self, name: str) -> tuple[tuple[int, ...] | None, np.dtype]:
        if self._inferred is None:
            self._inferred = self._infer()
        found = self._inferred.get(name)
        nothing = np.dtype(np.float32)
        if found is None or not found.HasField("shape"):
            return None, nothing
        shape = tuple(dim.dim_value for dim in found.shape.dim)
        try:
            dtype = dtype_of(found.elem_type, name)
        except NpuError:
            return None, nothing
        return (shape if all(shape) else None), dtype

    def _infer(self) -> dict[str, onnx.TypeProto.Tensor]:
        try:
            model = onnx.shape_inference.infer_shapes(self.graph.model, data_prop=True)
        except (onnx.shape_inference.InferenceError, ValueError, RuntimeError):
            return {}
        values = (*model.graph.value_info, *model.graph.output)
        return {value.name: value.type.tensor_type for value in values}
