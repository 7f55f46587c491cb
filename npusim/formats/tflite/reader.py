"""Import of .tflite networks: int8, legacy uint8 (asymmetric weights) and float.

Tensors are named `t<index>` after their place in subgraph 0. SAME and VALID become explicit
padding, fused activations a Clamp. Depthwise weights, [1 KH KW OC] in the file, become
[OC KH KW 1]. Called subgraphs are written out (calls.py), variables become state (variables.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.formats.imported import Imported
from npusim.formats.tflite.calls import DEEPEST, inlined
from npusim.formats.tflite.constants import DENSIFY, computed, widened
from npusim.formats.tflite.cut import cut_to, operations_of
from npusim.formats.tflite.list_items import with_items_set
from npusim.formats.tflite.overflow import notes
from npusim.formats.tflite.records import GraphRecord, OperatorRecord, TensorRecord, read_records
from npusim.formats.tflite.refused import REFUSED
from npusim.formats.tflite.variables import functional
from npusim.graph.network import Network, Node
from npusim.graph.operator import check_inputs, output_shapes
from npusim.graph.refusals import Refusals, refused
from npusim.graph.state import State
from npusim.graph.tensor import Quantization, Tensor, frozen
from npusim.operators.forms.tflite import TfliteLayer, check_size, constant_data, require_held
from npusim.operators.pages import PAGES

FILE_ORDERS = {"DEPTHWISE_CONV_2D": (3, 1, 2, 0), "TRANSPOSE_CONV": (1, 2, 3, 0)}
"""The file's axes of an operator's weights, input 1, where they are not the canonical ones."""

TWO_BITS_IN = "FULLY_CONNECTED"
"""Any other operator of LiteRT takes the packed bytes, and what lies behind them, for values."""


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
    reading = _Reading(list(graph.tensors), called)
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
        reading = _Reading(list(graph.tensors), replace(self, depth=self.depth + 1))
        refusals = Refusals()
        for record in graph.operators:
            with refusals.collect(record.name, record.kind):
                reading.take(record)
        if refusals:
            raise refused(name, refusals)
        return reading.network(name, graph, (), graph.inputs)

    def evaluated(self, graph: GraphRecord) -> list[TensorRecord]:
        """Return the tensors of a subgraph, those with values that follow from constants."""
        reading = _Reading(list(graph.tensors), self)
        for record in graph.operators:
            reading.take(record)
        return reading.records


class _Reading:
    """The nodes read so far, and the records of all tensors, shapes and constants as found."""

    def __init__(self, records: list[TensorRecord], called: Callable[[int], Network]) -> None:
        self.records, self.called = records, called
        self.nodes: list[Node] = []
        self.layouts: dict[int, tuple[int, ...]] = {}

    def names(self, indices: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.records[i].name for i in indices)

    def tensor(self, index: int) -> Tensor:
        return _tensor(self.records[index], self.layouts.get(index))

    def take(self, record: OperatorRecord) -> None:
        """Add the node of an operator, or the values of one on constants."""
        records = self.records
        if record.kind not in FORMS and record.kind != DENSIFY:
            why = f": {REFUSED[record.kind]}" if record.kind in REFUSED else ""
            raise UnsupportedError(f"{record.name}: {_called(record.kind)} is not supported{why}")
        if not record.outputs or min(record.outputs) < 0:
            raise FormatError(f"{record.name}: expected outputs, found {list(record.outputs)}")
        wide = widened(record, records)
        if wide is not None:
            records[record.outputs[0]] = wide
            return
        tensors = tuple(None if i < 0 else records[i] for i in record.inputs)
        if record.kind != TWO_BITS_IN and any(
            t is not None and t.packed_bits == 2 for t in tensors
        ):
            raise UnsupportedError(
                f"{record.name}: LiteRT unpacks constants of two bits in {TWO_BITS_IN} alone"
            )
        form = FORMS[record.kind]
        written = [records[i] for i in record.outputs]
        inside = tuple(records[i] for i in record.intermediates if i >= 0)
        layer = TfliteLayer(record, tensors, tuple(written), inside, self.called)
        operator = form.read(layer)
        if record.kind in FILE_ORDERS:
            self.layouts[record.inputs[1]] = FILE_ORDERS[record.kind]
        used = form.value_inputs(record.inputs)
        for index in (*used, *record.outputs):
            require_held(records[index])
        node = Node(record.name, operator, self.names(used), self.names(record.outputs))
        if any(tensor.is_free for tensor in written):
            read = [self.tensor(i).shape for i in used]
            shapes = output_shapes(record.name, operator, read)
            for index, tensor, shape in zip(record.outputs, written, shapes, strict=False):
                records[index] = replace(tensor, shape=shape)
            written = [records[i] for i in record.outputs]
        if all(records[i].data is not None for i in used):
            touched = {records[i].name: _tensor(records[i], None) for i in (*used, *record.outputs)}
            values = computed(node, touched, written)
            if values is not None:
                for index, value in zip(record.outputs, values, strict=True):
                    records[index] = value
                return
        self.nodes.append(node)

    def network(
        self, name: str, graph: GraphRecord, state: Sequence[State], inputs: Sequence[int]
    ) -> Network:
        """Return the network of the nodes, with `inputs` that no node writes."""
        given, outputs = self.names(inputs), self.names(graph.outputs)
        live = {name for node in self.nodes for name in (*node.inputs, *node.outputs)}
        live.update((*given, *outputs, *(name for s in state for name in (s.value, s.update))))
        named = {
            tensor.name: self.tensor(index)
            for index, tensor in enumerate(self.records)
            if tensor.name in live or (tensor.data is not None and tensor.is_held)
        }
        return Network(
            name=name,
            source="tflite",
            nodes=tuple(self.nodes),
            tensors=named,
            inputs=given,
            outputs=outputs,
            notes=notes(self.nodes, named),
            state=tuple(state),
        )

    def check_types(self, refusals: Refusals) -> None:
        """Collect the nodes whose operators do not take their inputs."""
        index = {record.name: i for i, record in enumerate(self.records)}
        for node in self.nodes:
            with refusals.collect(node.name, node.kind):
                inputs = [self.tensor(index[name]) for name in node.inputs]
                check_inputs(node.name, node.operator, inputs)


def _called(kind: str) -> str:
    code = kind.removeprefix("CUSTOM ")
    return f"operator {kind}" if code == kind else f"custom operator {code!r}"


def _tensor(record: TensorRecord, layout: tuple[int, ...] | None) -> Tensor:
    check_size(record)
    shape, rank = record.shape, len(record.shape)
    if layout is not None and len(layout) != rank:
        raise ShapeError(f"{record.name}: expected weights of rank 4, found {list(shape)}")
    data = None if record.data is None else constant_data(record)
    if layout is not None:
        back = tuple(int(i) for i in np.argsort(layout))
        shape = tuple(shape[i] for i in back)
        data = None if data is None else data.transpose(back)
    return Tensor(
        record.name,
        shape,
        np.dtype(record.dtype),
        _quantization(record, layout or tuple(range(rank))),
        None if data is None else frozen(data),
        layout,
    )


def _quantization(record: TensorRecord, layout: tuple[int, ...]) -> Quantization | None:
    scale, zero_point = record.scale, record.zero_point
    if not len(scale) or record.dtype in ("float32", "bool"):
        return None
    if len(zero_point) != len(scale):
        raise FormatError(
            f"{record.name}: expected {len(scale)} zero points, found {len(zero_point)}"
        )
    limits = np.iinfo(record.dtype)
    if zero_point.min() < limits.min or zero_point.max() > limits.max:
        outside = zero_point[(zero_point < limits.min) | (zero_point > limits.max)][0]
        raise FormatError(f"{record.name}: zero point {outside} is outside {record.dtype}")
    try:
        if len(scale) == 1:
            return Quantization(scale[0], zero_point[0])
        if not 0 <= record.axis < len(layout):
            raise ShapeError(f"channels along axis {record.axis} of {list(record.shape)}")
        return Quantization(scale, zero_point, layout[record.axis])
    except NpuError as error:
        raise type(error)(f"{record.name}: {error}") from None


FORMS = {form.name: form for page in PAGES for form in page.tflite}
"""What the pages read, by the operator's name."""
