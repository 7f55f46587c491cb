"""A graph of QuantizeLinear (Q), DequantizeLinear (DQ) and operators, edited in place.

Every edit takes constant time, so that a pass over the graph is linear in its size. Vertices are
sorted once more when all edits are done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import numpy as np

from npusim.formats.onnx.nodes import Attribute, OnnxNode
from npusim.formats.onnx.records import OnnxGraph
from npusim.graph.network import Group

EIGHT_BITS = ("int8", "uint8")


@dataclass(eq=False)
class Vertex:
    """A node that can be edited. `place` is where it stood in the file, or close to it."""

    name: str
    domain: str
    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Attribute]
    place: int
    group: Group = ""
    """How onnxruntime computes what stands between DQ and Q; see Node.group."""

    def input(self, index: int) -> str:
        """Return the name of input `index`, empty where there is none."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        value = self.attributes.get(name, default)
        return value if isinstance(value, int) else default

    @property
    def is_quantize(self) -> bool:
        """Whether it is a QuantizeLinear."""
        return self.kind == "QuantizeLinear"

    @property
    def is_dequantize(self) -> bool:
        """Whether it is a DequantizeLinear."""
        return self.kind == "DequantizeLinear"

    def node(self) -> OnnxNode:
        """Return the node it has become."""
        return OnnxNode(
            self.name,
            self.domain,
            self.kind,
            tuple(self.inputs),
            tuple(self.outputs),
            self.attributes,
            self.group,
        )


@dataclass(frozen=True)
class Parameters:
    """Scale and zero point of a Q or DQ of a whole tensor: names of constants, what they hold."""

    scale: str
    zero_point: str
    real_scale: np.float32
    integer_zero: int
    dtype: str

    @property
    def value(self) -> tuple[bytes, int, str]:
        """What two Q or DQ of one meaning have in common."""
        return self.real_scale.tobytes(), self.integer_zero, self.dtype


@dataclass
class QdqGraph:
    """Vertices with who produces and who reads each value."""

    graph: OnnxGraph
    vertices: dict[int, Vertex] = field(default_factory=dict)
    producer: dict[str, Vertex] = field(default_factory=dict)
    readers: dict[str, dict[tuple[int, int], Vertex]] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    input_types: dict[str, str] = field(default_factory=dict)
    """Types of the graph's inputs by name."""
    altered: list[str] = field(default_factory=list)
    """Nodes whose values onnxruntime changes before it decides: see `decide`."""

    @classmethod
    def of(cls, graph: OnnxGraph) -> QdqGraph:
        """Return the vertices of a file's graph."""
        types = {value.name: value.dtype.name for value in graph.inputs}
        made = cls(graph, outputs=frozenset(graph.outputs), input_types=types)
        for index, node in enumerate(graph.nodes):
            made.add(
                Vertex(
                    node.name,
                    node.domain,
                    node.kind,
                    list(node.inputs),
                    list(node.outputs),
                    dict(node.attributes),
                    index,
                )
            )
        return made

    def add(self, vertex: Vertex) -> Vertex:
        """Add a vertex."""
        self.vertices[id(vertex)] = vertex
        for index, name in enumerate(vertex.inputs):
            self.readers.setdefault(name, {})[id(vertex), index] = vertex
        for name in vertex.outputs:
            self.producer[name] = vertex
        return vertex

    def remove(self, vertex: Vertex) -> None:
        """Take a vertex out; what read its outputs has to be changed as well."""
        del self.vertices[id(vertex)]
        for index, name in enumerate(vertex.inputs):
            del self.readers[name][id(vertex), index]
        for name in vertex.outputs:
            if self.producer.get(name) is vertex:
                del self.producer[name]

    def replace(self, old: Vertex, new: Vertex) -> Vertex:
        """Put `new`, which writes what `old` wrote, in its place."""
        self.remove(old)
        return self.add(new)

    def set_input(self, vertex: Vertex, index: int, name: str) -> None:
        """Let a vertex read another value."""
        del self.readers[vertex.inputs[index]][id(vertex), index]
        vertex.inputs[index] = name
        self.readers.setdefault(name, {})[id(vertex), index] = vertex

    def set_output(self, vertex: Vertex, index: int, name: str) -> None:
        """Let a vertex write another value; its readers stay where they are."""
        if self.producer.get(vertex.outputs[index]) is vertex:
            del self.producer[vertex.outputs[index]]
        vertex.outputs[index] = name
        self.producer[name] = vertex

    def edges(self, name: str) -> list[tuple[Vertex, int]]:
        """Return the readers of a value, with the places of their inputs."""
        return [(vertex, index) for (_, index), vertex in self.readers.get(name, {}).items()]

    def only_reader(self, name: str) -> Vertex | None:
        """Return the vertex that alone reads `name`, None where there is none or it is output."""
        found = self.readers.get(name, {})
        return next(iter(found.values())) if len(found) == 1 and name not in self.outputs else None

    def free(self, name: str) -> str:
        """Return `name`, or `name` with a number where the graph has it already."""
        number, found = 2, name
        while found in self.producer or found in self.readers or found in self.graph.constants:
            found, number = f"{name}:{number}", number + 1
        return found

    def parameters(self, vertex: Vertex) -> Parameters | None:
        """Return what a Q or DQ is, None where it is not per tensor with constants."""
        constants = self.graph.constants
        scale, zero_point = vertex.input(1), vertex.input(2)
        if scale not in constants or (zero_point and zero_point not in constants):
            return None
        s = constants[scale]
        z = constants[zero_point] if zero_point else np.zeros((), np.uint8)
        if s.size != 1 or z.size != 1 or vertex.integer("block_size", 0):
            return None
        if s.dtype != np.float32 or (not zero_point and vertex.integer("output_dtype", 0)):
            return None
        return Parameters(
            scale, zero_point, np.float32(s.ravel()[0]), int(z.ravel()[0]), z.dtype.name
        )

    def quantize(self, vertex: Vertex | None) -> Parameters | None:
        """Return the parameters where the vertex is a Q, else None."""
        return self.parameters(vertex) if vertex is not None and vertex.is_quantize else None

    def dequantize(self, name: str) -> tuple[Vertex, Parameters] | None:
        """Return the DQ that made the float value `name`, with its parameters."""
        vertex = self.producer.get(name)
        if vertex is None or not vertex.is_dequantize:
            return None
        found = self.parameters(vertex)
        return None if found is None else (vertex, found)

    def is_constant(self, name: str) -> bool:
        """Return whether the value is known from the file."""
        return name in self.graph.constants

    def drop_unused(self) -> None:
        """Drop vertices whose outputs nobody reads any more."""
        needed: dict[int, Vertex] = {}
        waiting = [self.producer[name] for name in self.outputs if name in self.producer]
        while waiting:
            vertex = waiting.pop()
            if id(vertex) not in needed:
                needed[id(vertex)] = vertex
                waiting += [self.producer[n] for n in vertex.inputs if n in self.producer]
        for vertex in list(self.vertices.values()):
            if id(vertex) not in needed:
                self.remove(vertex)

    def sorted(self) -> Iterator[Vertex]:
        """Yield the vertices, each behind those it reads, else as they stood in the file."""
        missing = {
            key: len({id(self.producer[n]) for n in vertex.inputs if n in self.producer})
            for key, vertex in self.vertices.items()
        }
        number = {key: i for i, key in enumerate(self.vertices)}
        ready = [(v.place, number[k], v) for k, v in self.vertices.items() if not missing[k]]
        heapify(ready)
        while ready:
            _, _, vertex = heappop(ready)
            yield vertex
            behind = {id(v): v for name in vertex.outputs for v, _ in self.edges(name)}
            for key, reader in behind.items():
                missing[key] -= 1
                if not missing[key]:
                    heappush(ready, (reader.place, number[key], reader))


def clip_bounds(g: QdqGraph, vertex: Vertex) -> tuple[float | None, float | None] | None:
    """Return the constant bounds of a Relu or Clip, None where they are computed."""
    if vertex.kind == "Relu":
        return 0.0, None
    found: list[float | None] = []
    for index, name in ((1, "min"), (2, "max")):
        if vertex.input(index) and not g.is_constant(vertex.input(index)):
            return None
        given = g.graph.constants.get(vertex.input(index))
        value = float(given.ravel()[0]) if given is not None else vertex.attributes.get(name)
        finite = isinstance(value, int | float) and np.isfinite(value)
        found.append(float(value) if finite else None)  # type: ignore[arg-type]
    return found[0], found[1]
