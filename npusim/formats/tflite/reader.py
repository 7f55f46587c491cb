"""Import of .tflite networks: int8, legacy uint8 (asymmetric weights) and float.

Tensors are named `t<index>` after their place in subgraph 0. SAME and VALID become explicit
padding, fused activations a Clamp. Depthwise weights, [1 KH KW OC] in the file, become
[OC KH KW 1]. Called subgraphs are written out (calls.py), variables become state (variables.py).

A hybrid layer (float activations, integer weights) is refused by the network's type rules: LiteRT
quantizes its activations anew for every sample while it runs, and any stand-in would be another
network than the file's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.formats.tflite.calls import inlined
from npusim.formats.tflite.constants import computed
from npusim.formats.tflite.overflow import notes
from npusim.formats.tflite.records import GraphRecord, TensorRecord, read_records
from npusim.formats.tflite.variables import functional
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor, frozen
from npusim.operators.forms.tflite import TfliteLayer, check_size, constant_data
from npusim.operators.pages import PAGES

FILE_ORDERS = {"DEPTHWISE_CONV_2D": (3, 1, 2, 0), "TRANSPOSE_CONV": (1, 2, 3, 0)}
"""The file's axes of an operator's weights, input 1, where they are not the canonical ones."""


def load(path: str | Path) -> Network:
    """Return the network of the .tflite file at `path`.

    Raises
    ------
    NpuError
        One line that starts with the file's name: the file is damaged (FormatError, ShapeError,
        RangeError) or asks for what npusim does not implement (UnsupportedError).
    """
    path = Path(path)
    try:
        return _network(path.stem, read_records(path))
    except NpuError as error:
        raise type(error)(f"{path.name}: {error}") from None


def _network(name: str, graphs: Sequence[GraphRecord]) -> Network:
    graph, state = functional(inlined(graphs), graphs)
    layouts: dict[int, tuple[int, ...]] = {}
    nodes = []
    records = list(graph.tensors)
    for record in graph.operators:
        if record.kind not in FORMS:
            raise UnsupportedError(f"{record.name}: {_called(record.kind)} is not supported")
        if not record.outputs or min(record.outputs) < 0:
            raise FormatError(f"{record.name}: expected outputs, found {list(record.outputs)}")
        tensors = tuple(None if i < 0 else records[i] for i in record.inputs)
        form = FORMS[record.kind]
        written = [records[i] for i in record.outputs]
        inside = tuple(records[i] for i in record.intermediates if i >= 0)
        layer = TfliteLayer(record, tensors, tuple(written), inside)
        operator = form.read(layer)
        if record.kind in FILE_ORDERS:
            layouts[record.inputs[1]] = FILE_ORDERS[record.kind]
        used = form.value_inputs(record.inputs)
        node = Node(
            record.name,
            operator,
            tuple(records[i].name for i in used),
            tuple(tensor.name for tensor in written),
        )
        if any(tensor.is_free for tensor in written):
            read = [_tensor(records[i], layouts.get(i)).shape for i in used]
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
                continue
        nodes.append(node)
    if not graph.outputs:
        raise FormatError("expected at least one network output, found none")
    inputs = tuple(records[i].name for i in graph.inputs)
    outputs = tuple(records[i].name for i in graph.outputs)
    live = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    live.update((*inputs, *outputs, *(name for s in state for name in (s.value, s.update))))
    named = {
        tensor.name: _tensor(tensor, layouts.get(index))
        for index, tensor in enumerate(records)
        if tensor.name in live or (tensor.data is not None and tensor.is_held)
    }
    return Network(
        name=name,
        source="tflite",
        nodes=tuple(nodes),
        tensors=named,
        inputs=inputs,
        outputs=outputs,
        notes=notes(nodes, named),
        state=state,
    )


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
