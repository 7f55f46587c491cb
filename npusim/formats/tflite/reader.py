"""Import of .tflite networks: int8, legacy uint8 (asymmetric weights) and float.

Tensors are named `t<index>` after their place in subgraph 0. SAME and VALID become explicit
padding, fused activations a Clamp. Depthwise weights, [1 KH KW OC] in the file, become
[OC KH KW 1]. Called subgraphs are written out (calls.py), variables become state (variables.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from npusim.errors import FormatError, NpuError, UnsupportedError
from npusim.formats.imported import Imported
from npusim.formats.tflite.calls import DEEPEST, inlined
from npusim.formats.tflite.cut import cut_to, operations_of
from npusim.formats.tflite.list_items import with_items_set
from npusim.formats.tflite.records import GraphRecord, TensorRecord, read_records
from npusim.formats.tflite.translate import Reading
from npusim.formats.tflite.variables import functional
from npusim.graph.network import Network
from npusim.graph.refusals import Refusals, refused


def read(path: Path, outputs: Sequence[str] | None = None) -> Imported:
    """Return the network of the .tflite file at `path`, cut off behind `outputs` where given.

    An output is named as npusim does or by its name in the file.

    Raises
    ------
    NpuError
        One line that starts with the file's name: the file is damaged (FormatError, ShapeError,
        RangeError), or a structure of it is not supported (UnsupportedError). An operator that is
        not is among the refusals.
    """
    try:
        return _imported(path.stem, read_records(path), outputs)
    except NpuError as error:
        raise type(error)(f"{path.name}: {error}") from None


def _imported(name: str, graphs: Sequence[GraphRecord], outputs: Sequence[str] | None) -> Imported:
    called = _Called(name, graphs)
    graph, state = functional(with_items_set(inlined(graphs)), graphs, called.evaluated)
    if outputs is not None:
        graph, state = cut_to(graph, state, outputs)
    if not graph.outputs:
        raise FormatError("expected at least one network output, found none")
    reading = Reading(list(graph.tensors), called)
    refusals, unknown = Refusals(), list[int]()
    for record in graph.operators:
        with refusals.collect(record.name, record.kind):
            reading.take(record)
            continue
        unknown += [i for i in record.outputs if i >= 0]
    network = None
    if refusals:
        with suppress(NpuError):  # what is left may be no network: then the refusals say it all
            network = reading.network(name, graph, (), (*graph.inputs, *unknown))
    else:
        try:
            network = reading.network(name, graph, state, graph.inputs)
        except UnsupportedError:
            reading.check_types(refusals)
            if not refusals:
                raise
    return Imported(network, tuple(refusals), operations_of(graph), reading.names(graph.outputs))


@dataclass(frozen=True)
class _Called:
    """Subgraphs as networks of their own, for operators that run them."""

    name: str
    graphs: Sequence[GraphRecord]
    depth: int = 0

    def __call__(self, number: int) -> Network:
        """Return the network of subgraph `number`, or raise all that is refused of it."""
        if not 0 <= number < len(self.graphs):
            raise FormatError(f"subgraph {number} of {len(self.graphs)}")
        if self.depth == DEEPEST:
            raise FormatError(f"subgraph {number}: calls nest deeper than {DEEPEST}")
        graph, name = inlined(self.graphs, number), f"{self.name}.subgraph_{number}"
        graph = with_items_set(graph)
        reading = Reading(list(graph.tensors), replace(self, depth=self.depth + 1))
        refusals = Refusals()
        for record in graph.operators:
            with refusals.collect(record.name, record.kind):
                reading.take(record)
        if refusals:
            raise refused(name, refusals)
        return reading.network(name, graph, (), graph.inputs)

    def evaluated(self, graph: GraphRecord) -> list[TensorRecord]:
        """Return the tensors of a subgraph, those with values that follow from constants."""
        reading = Reading(list(graph.tensors), self)
        for record in graph.operators:
            reading.take(record)
        return reading.records
