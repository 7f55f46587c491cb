"""An operator's record -> a node of the network, by the page that reads its kind.

Where the shape of an input is known only at run, so is what the page reads: the operator is read
once now, at the largest sizes, and again for the sizes of a run (operators/varying.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.formats.tflite import far_scales, overflow
from npusim.formats.tflite.constants import DENSIFY, computed, widened
from npusim.formats.tflite.records import GraphRecord, OperatorRecord, TensorRecord
from npusim.formats.tflite.refused import REFUSED
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape, check_inputs, output_shapes
from npusim.graph.refusals import Refusals
from npusim.graph.state import State
from npusim.graph.tensor import INTEGER_DTYPES, Quantization, Tensor, frozen
from npusim.operators.forms.tflite import TfliteLayer, check_size, constant_data, require_held
from npusim.operators.pages import PAGES
from npusim.operators.varying import MOST_SIZES, Piece, read_again

FORMS = {form.name: form for page in PAGES for form in page.tflite}
"""What the pages read, by the operator's name."""

FILE_ORDERS = {"DEPTHWISE_CONV_2D": (3, 1, 2, 0), "TRANSPOSE_CONV": (1, 2, 3, 0)}
"""The file's axes of an operator's weights, input 1, where they are not the canonical ones."""

TWO_BITS_IN = "FULLY_CONNECTED"
"""Any other operator of LiteRT takes the packed bytes, and what lies behind them, for values."""


OF_SHAPE_ALONE = ("SHAPE", "RANK", "ZEROS_LIKE")
"""Operators that read an input's shape, and no value of it."""


class Reading:
    """The nodes read so far, and the records of all tensors, shapes and constants as found."""

    def __init__(
        self,
        records: list[TensorRecord],
        called: Callable[[int], Network],
        sizes_are_known: bool = False,
    ) -> None:
        self.records, self.called = records, called
        self.sizes_are_known = sizes_are_known
        """Whether this is a run, or as large as one can be."""
        self.varying: set[int] = set()
        """Tensors whose shapes are known only at run; the records have the largest."""
        self.largest: dict[int, NDArray] = {}
        """Of computed integers that are sizes: their values where all sizes are the largest."""
        self.nodes: list[Node] = []
        self.layouts: dict[int, tuple[int, ...]] = {}

    def names(self, indices: Sequence[int]) -> tuple[str, ...]:
        """Return tensors' names by their numbers."""
        return tuple(self.records[i].name for i in indices)

    def tensor(self, index: int) -> Tensor:
        """Return a tensor, its weights' axes in npusim's order."""
        tensor = _tensor(self.records[index], self.layouts.get(index))
        return replace(tensor, varies=True) if index in self.varying else tensor

    def take(self, record: OperatorRecord) -> None:
        """Add the node of an operator, or the values of one on constants."""
        records = self.records
        if self.varying.intersection(record.inputs) and not self.sizes_are_known:
            self._take_varying(record)
            return
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
        if operator.sizes_vary or any(tensor.is_free for tensor in written):
            read = [self.tensor(i).shape for i in used]
            shapes = output_shapes(record.name, operator, read)
            for index, tensor, shape in zip(record.outputs, written, shapes, strict=False):
                records[index] = replace(tensor, shape=shape)
            written = [records[i] for i in record.outputs]
        if operator.sizes_vary and not self.sizes_are_known:
            self._declare_varying(record.outputs)
        if all(records[i].data is not None for i in used):
            touched = {records[i].name: _tensor(records[i], None) for i in (*used, *record.outputs)}
            values = computed(node, touched, written)
            if values is not None:
                for index, value in zip(record.outputs, values, strict=True):
                    records[index] = value
                return
        self.nodes.append(node)

    def _declare_varying(self, outputs: Sequence[int]) -> None:
        self.varying.update(outputs)
        for index in outputs:
            self.records[index] = replace(self.records[index], may_be_empty=True)

    def _take_varying(self, record: OperatorRecord) -> None:
        """Add an operator that is read when it runs, and now at the largest sizes."""
        touched = {i: self.records[i] for i in (*record.inputs, *record.outputs) if i >= 0}
        touched |= {i: self.records[i] for i in record.intermediates if i >= 0}
        given = tuple(
            dict.fromkeys(i for i in record.inputs if i >= 0 and not _is_held(touched[i]))
        )
        form = FORMS.get(record.kind)
        values = () if form is None else form.value_inputs(record.inputs)
        sizes = {i for i in given if i not in values}
        if all(i in self.largest for i in given):
            sizes.update(given)
        for index in sizes:
            if index not in self.largest and record.kind not in OF_SHAPE_ALONE:
                raise UnsupportedError(
                    f"{record.name}: expected {self.records[index].name} to follow from shapes, "
                    "found computed values: the largest they can be is not known"
                )
        piece = TflitePiece(record, touched, given, frozenset(sizes), self.called)
        shapes = [touched[i].shape for i in given]
        read = piece.read(shapes, {i: self.largest.get(i) for i in sizes})
        largest = read.whole(record, given)
        for index in record.outputs:
            found = read.records[index]
            self.records[index] = replace(found, data=None)
            if found.data is not None and prod(found.shape) <= MOST_SIZES:
                self.largest[index] = constant_data(found)
        self._declare_varying(record.outputs)
        operator = read_again(piece, largest, [i in sizes for i in given])
        self.nodes.append(
            Node(record.name, operator, self.names(given), self.names(record.outputs))
        )

    def whole(self, record: OperatorRecord, given: Sequence[int]) -> Network:
        """Return the network of one operator that was read."""
        graph = GraphRecord((), (), tuple(given), record.outputs)
        return self.network(record.name, graph, (), given)

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
            notes=(*overflow.notes(self.nodes, named), *far_scales.notes(self.nodes, named)),
            state=tuple(state),
        )

    def check_types(self, refusals: Refusals) -> None:
        """Collect the nodes whose operators do not take their inputs."""
        index = {record.name: i for i, record in enumerate(self.records)}
        for node in self.nodes:
            with refusals.collect(node.name, node.kind):
                inputs = [self.tensor(index[name]) for name in node.inputs]
                check_inputs(node.name, node.operator, inputs)


@dataclass(frozen=True, eq=False)
class TflitePiece(Piece):
    """An operator's record with the tensors that it names, by their numbers.

    `given` are its computed inputs; those in `sizes` are read by their values.
    """

    record: OperatorRecord
    tensors: Mapping[int, TensorRecord]
    given: tuple[int, ...]
    sizes: frozenset[int]
    called: Callable[[int], Network]

    def network(self, values: Sequence[NDArray]) -> Network:
        """Return the operator as a network for inputs of these shapes, and of these sizes."""
        sizes = {i: x for i, x in zip(self.given, values, strict=True) if i in self.sizes}
        read = self.read([value.shape for value in values], sizes)
        return read.whole(self.record, self.given)

    def read(self, shapes: Sequence[Shape], sizes: Mapping[int, NDArray | None]) -> Reading:
        """Return the operator read for inputs of these shapes, those that are `sizes` known."""
        last = max(self.tensors)
        records = [self.tensors.get(i, self.tensors[last]) for i in range(last + 1)]
        for index, shape in zip(self.given, shapes, strict=True):
            value = sizes.get(index)
            data = None if value is None else np.ravel(value).view(np.uint8)
            records[index] = replace(records[index], shape=shape, data=data, may_be_empty=True)
        for index in self.record.outputs:
            records[index] = replace(records[index], is_free=True, may_be_empty=True)
        reading = Reading(records, self.called, sizes_are_known=True)
        reading.take(self.record)
        for index in self.given:  # what was read by its values is an input all the same
            records[index] = replace(records[index], data=None)
        return reading


def _is_held(tensor: TensorRecord) -> bool:
    return tensor.data is not None


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
    if not len(scale) or record.dtype not in INTEGER_DTYPES:
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
