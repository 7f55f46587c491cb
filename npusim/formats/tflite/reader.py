"""Import of .tflite networks: int8, legacy uint8 (asymmetric weights) and float.

Tensors are named `t<index>` after their place in subgraph 0. SAME and VALID become explicit
padding, fused activations a Clamp. Depthwise weights, [1 KH KW OC] in the file, become
[OC KH KW 1].

A hybrid layer (float activations, integer weights) is refused by the network's type rules: LiteRT
quantizes its activations anew for every sample while it runs, and any stand-in would be another
network than the file's.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np

from npusim import operators as op
from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.formats.tflite.records import ModelRecord, TensorRecord, read_records
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor, frozen
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer, check_size, constant_data
from npusim.operators.pages import PAGES

DEPTHWISE_FILE_ORDER = (3, 1, 2, 0)


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


def _network(name: str, model: ModelRecord) -> Network:
    layouts: dict[int, tuple[int, ...]] = {}
    nodes = []
    for record in model.operators:
        for index in (*record.inputs, *record.outputs):
            if not -1 <= index < len(model.tensors):
                raise FormatError(f"{record.name}: tensor {index} of {len(model.tensors)}")
        if record.kind not in FORMS:
            raise UnsupportedError(f"{record.name}: operator {record.kind} is not supported")
        if not record.outputs or min(record.outputs) < 0:
            raise FormatError(f"{record.name}: expected outputs, found {list(record.outputs)}")
        tensors = tuple(None if i < 0 else model.tensors[i] for i in record.inputs)
        form = FORMS[record.kind]
        layer = TfliteLayer(record, tensors, tuple(model.tensors[i] for i in record.outputs))
        operator = form.read(layer)
        if record.kind == "DEPTHWISE_CONV_2D":
            layouts[record.inputs[1]] = DEPTHWISE_FILE_ORDER
        used = record.inputs[: form.values]
        nodes.append(
            Node(
                record.name,
                operator,
                tuple(f"t{i}" for i in used if i >= 0),
                tuple(f"t{i}" for i in record.outputs),
            )
        )
    for index in (*model.inputs, *model.outputs):
        if not 0 <= index < len(model.tensors):
            raise FormatError(f"network input or output {index} of {len(model.tensors)} tensors")
    if not model.inputs or not model.outputs:
        raise FormatError("expected at least one network input and output, found none")
    live = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    live.update(f"t{i}" for i in (*model.inputs, *model.outputs))
    return Network(
        name=name,
        source="tflite",
        nodes=tuple(nodes),
        tensors={
            tensor.name: _tensor(tensor, layouts.get(index))
            for index, tensor in enumerate(model.tensors)
            if tensor.name in live or tensor.data is not None
        },
        inputs=tuple(f"t{i}" for i in model.inputs),
        outputs=tuple(f"t{i}" for i in model.outputs),
    )


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


def _conv(layer: TfliteLayer) -> op.Operator:
    w, x = layer.input(1).shape, layer.input(0).shape
    if len(w) != 4 or len(x) != 4:
        raise ShapeError(
            f"{layer.record.name}: expected input and weights of rank 4, "
            f"found {list(x)} and {list(w)}"
        )
    dilation = (layer.option("DilationHFactor"), layer.option("DilationWFactor"))
    groups = x[3]
    if layer.record.kind == "CONV_2D":
        if w[3] < 1 or x[3] % w[3]:
            raise ShapeError(f"{layer.record.name}: weight IC is {w[3]}, input IC is {x[3]}")
        groups = x[3] // w[3]
    elif w[0] != 1:
        raise ShapeError(f"{layer.record.name}: expected weights [1 KH KW OC], found {list(w)}")
    window = layer.window((w[1], w[2]), dilation)
    return op.Conv2D(window, groups, layer.activation())


def _fully_connected(layer: TfliteLayer) -> op.Operator:
    if layer.option("WeightsFormat"):
        raise UnsupportedError(f"{layer.record.name}: shuffled weights are not supported")
    return op.FullyConnected(bool(layer.option("KeepNumDims")), layer.activation())


def _average_pool(layer: TfliteLayer) -> op.Operator:
    kernel = (layer.option("FilterHeight"), layer.option("FilterWidth"))
    return op.AveragePool(layer.window(kernel), activation=layer.activation())


def _max_pool(layer: TfliteLayer) -> op.Operator:
    kernel = (layer.option("FilterHeight"), layer.option("FilterWidth"))
    return op.MaxPool(layer.window(kernel), activation=layer.activation())


def _mean(layer: TfliteLayer) -> op.Operator:
    rank = len(layer.input(0).shape)
    axes = sorted({layer.axis(axis, rank) for axis in layer.constant(1)})
    return op.Mean(tuple(axes), bool(layer.option("KeepDims")))


def _pad(layer: TfliteLayer) -> op.Operator:
    pairs, rank = layer.constant(1), len(layer.input(0).shape)
    if len(pairs) != 2 * rank:
        raise ShapeError(f"{layer.record.name}: expected {2 * rank} paddings, found {len(pairs)}")
    return op.Pad(pairs[0::2], pairs[1::2])


def _reshape(layer: TfliteLayer) -> op.Operator:
    if len(layer.inputs) > 1 and layer.inputs[1] is not None:
        wanted = layer.constant(1)
    else:
        wanted = layer.option("NewShape") if layer.record.options else layer.output.shape
    total = prod(layer.input(0).shape)
    if sum(n == -1 for n in wanted) == 1:
        known = prod(n for n in wanted if n != -1)
        wanted = tuple(total // known if n == -1 and known else n for n in wanted)
    if min(wanted, default=1) < 1:
        raise ShapeError(f"{layer.record.name}: cannot reshape to {list(wanted)}")
    return op.Reshape(tuple(wanted))


def _same_values(layer: TfliteLayer) -> op.Operator:
    return op.Reshape(layer.output.shape)


def _transpose(layer: TfliteLayer) -> op.Operator:
    rank = len(layer.input(0).shape)
    return op.Transpose(tuple(layer.axis(axis, rank) for axis in layer.constant(1)))


def _concatenation(layer: TfliteLayer) -> op.Operator:
    if layer.activation() is not None:
        raise UnsupportedError(f"{layer.record.name}: a fused activation is not supported here")
    return op.Concat(layer.axis(layer.option("Axis"), len(layer.input(0).shape)))


def _slice(layer: TfliteLayer) -> op.Operator:
    start, size, shape = layer.constant(1), layer.constant(2), layer.input(0).shape
    if not len(start) == len(size) == len(shape):
        raise ShapeError(f"{layer.record.name}: expected a slice of {len(shape)} axes")
    stop = tuple(
        n if length == -1 else first + length
        for first, length, n in zip(start, size, shape, strict=True)
    )
    return op.Slice(start, stop, (1,) * len(shape))


CONVERT: dict[str, Callable[[TfliteLayer], op.Operator]] = {
    "ADD": lambda layer: op.Add(layer.activation()),
    "MUL": lambda layer: op.Mul(layer.activation()),
    "TRANSPOSE": _transpose,
    "TANH": lambda layer: op.Tanh(),
    "LEAKY_RELU": lambda layer: op.LeakyRelu(float(layer.option("Alpha"))),
    "HARD_SWISH": lambda layer: op.HardSwish(),
    "RELU": lambda layer: op.Clip(0.0),
    "RELU_N1_TO_1": lambda layer: op.Clip(-1.0, 1.0),
    "RELU6": lambda layer: op.Clip(0.0, 6.0),
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _average_pool,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "SOFTMAX": lambda layer: op.Softmax(len(layer.input(0).shape) - 1, layer.option("Beta")),
    "QUANTIZE": lambda layer: op.Quantize(),
    "DEQUANTIZE": lambda layer: op.Dequantize(),
    "PAD": _pad,
    "RESHAPE": _reshape,
    "SQUEEZE": _same_values,
    "EXPAND_DIMS": _same_values,
    "CONCATENATION": _concatenation,
    "SLICE": _slice,
}

VALUE_INPUTS = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 3,
    "ADD": 2,
    "MUL": 2,
    "CONCATENATION": 1 << 16,
}
"""How many inputs are values; the rest are shapes, axes and paddings, read when importing."""


FORMS = {
    **{kind: TfliteForm(kind, VALUE_INPUTS.get(kind, 1), read) for kind, read in CONVERT.items()},
    **{form.name: form for page in PAGES for form in page.tflite},
}
