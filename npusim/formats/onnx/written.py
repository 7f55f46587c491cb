"""One node of a file written out in operators of ONNX: the nodes it becomes, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph

FLOAT, INT32 = 1, 6
"""Numbers of types in .onnx files."""


def write_nodes(graph: OnnxGraph, write: Callable[[OnnxNode], list[OnnxNode]]) -> None:
    """Replace every node by what `write` makes of it; what it refuses stays, and is noted."""
    nodes: list[OnnxNode] = []
    for node in graph.nodes:
        try:
            nodes += write(node)
        except UnsupportedError as error:
            graph.unwritten[node.name] = error
            nodes.append(node)
    graph.nodes[:] = nodes


class Parts:
    """The operators that one node becomes; a method that appends one returns its output's name."""

    def __init__(self, graph: OnnxGraph, node: OnnxNode) -> None:
        self.graph, self.node, self.nodes = graph, node, list[OnnxNode]()

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

    def named(self, value: str | NDArray | Any) -> str:
        """Return the name of a value; an array becomes a constant."""
        if isinstance(value, str):
            return value
        name = f"{self.node.name}:constant{len(self.graph.constants)}"
        held = np.asarray(value)
        self.graph.constants[name] = held.astype(np.float32) if held.dtype == np.float64 else held
        return name

    def put(
        self,
        kind: str,
        *inputs: str | NDArray | Any,
        output: str = "",
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Append an operator of one output."""
        output = output or f"{self.node.name}:{kind}{len(self.nodes)}"
        names = tuple(map(self.named, inputs))
        self.nodes.append(OnnxNode(output, domain, kind, names, (output,), attributes))
        return output

    def sum_of(self, *indices: int) -> str:
        """Return the sum of the node's inputs, those that there are."""
        first, *others = [name for name in map(self.node.input, indices) if name]
        for other in others:
            first = self.put("Add", first, other)
        return first

    def constant(self, index: int, what: str) -> NDArray:
        """Return the constant at an input."""
        value = self.graph.constants.get(self.node.input(index))
        if value is None:
            raise self.refused(f"a computed {what}")
        return value

    def extent(self, x: str, axis: int) -> str:
        """Return the extent [1] of an axis, which is known once shapes are."""
        return self.put("Gather", self.put("Shape", x), np.array([axis]), axis=0)

    def places(self, x: str, axis: int) -> str:
        """Return the numbers 0, 1 ... of the places along an axis."""
        count = self.put("Squeeze", self.extent(x, axis), np.array([0]))
        return self.put("Range", np.array(0), count, np.array(1))

    def rank_of(self, name: str) -> int | None:
        """Return the rank of an input or constant, or of a copy of one; None where it is none."""
        if name in self.graph.constants:
            return self.graph.constants[name].ndim
        for value in self.graph.inputs:
            if value.name == name:
                return len(value.shape)
        for node in self.graph.nodes:
            if name in node.outputs and node.kind in ("Cast", "Identity"):
                return self.rank_of(node.inputs[0])
            if (
                name in node.outputs
                and node.kind == "ReduceSum"
                and not node.integer("keepdims", 1)
            ):
                rank = self.rank_of(node.inputs[0])  # the lengths of the samples
                return None if rank is None else rank - 1
        return None

    def last_extent(self, name: str) -> int:
        """Return the last extent of a constant or an input."""
        if name in self.graph.constants:
            return self.graph.constants[name].shape[-1]
        for value in self.graph.inputs:
            if value.name == name:
                return value.shape[-1]
        raise self.refused(f"a computed {name}")

    def product_of_integers(
        self, x: str, w: str, x_scale: str, w_scale: str, x_zero: str, w_zero: str, output: str = ""
    ) -> str:
        """Return the real product of integers x by w, as quantize_dynamic writes it."""
        zeros = (x_zero, w_zero) if w_zero else (x_zero,)
        sums = self.put("MatMulInteger", x, w, *(zeros if any(zeros) else ()))
        scale = self.put("Mul", x_scale, w_scale)
        return self.put("Mul", self.put("Cast", sums, to=FLOAT), scale, output=output)

    @property
    def output(self) -> str:
        """The node's first output."""
        return self.node.outputs[0]
