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
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from npusim import operators as op
from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.formats.tflite.records import ModelRecord, OperatorRecord, TensorRecord, read_records
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor, frozen

MAX_TENSOR_BYTES = 1 << 31
"""A declared shape beyond this is refused before anything is allocated."""

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


@dataclass(frozen=True)
class _Layer:
    """An operator record with the tensors it names."""

    record: OperatorRecord
    inputs: tuple[TensorRecord | None, ...]
    output: TensorRecord

    def input(self, position: int) -> TensorRecord:
        """Return a required input."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise FormatError(f"{self.record.name}: input {position} is missing")
        return tensor

    def constant(self, position: int) -> tuple[int, ...]:
        """Return the integers of an input that must be constant (a shape, axes, paddings)."""
        tensor = self.input(position)
        if tensor.data is None or tensor.dtype not in ("int32", "int64"):
            raise UnsupportedError(
                f"{self.record.name}: expected constant integers in {tensor.name}, "
                f"found {'computed' if tensor.data is None else tensor.dtype} values"
            )
        return tuple(int(n) for n in _data(tensor).ravel())

    def option(self, field: str) -> int:
        """Return a field of the operator's options, which must be present."""
        if self.record.options is None:
            raise FormatError(f"{self.record.name}: its options are missing")
        return self.record.options[field]

    def axis(self, value: int, rank: int) -> int:
        """Return a possibly negative axis as one of 0..rank-1."""
        if not -rank <= value < rank:
            raise ShapeError(f"{self.record.name}: axis {value} is outside rank {rank}")
        return value % rank

    def activation(self) -> op.Clamp | None:
        """Return the fused activation."""
        code = self.option("FusedActivationFunction")
        if code not in ACTIVATIONS:
            raise UnsupportedError(f"{self.record.name}: fused activation {code} is not supported")
        return ACTIVATIONS[code]

    def window(self, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> op.Window:
        """Return the sliding window with its padding made explicit, the odd row going after."""
        stride = (self.option("StrideH"), self.option("StrideW"))
        if min(*kernel, *stride, *dilation) < 1:
            raise FormatError(
                f"{self.record.name}: expected kernel, stride and dilation of at least 1, "
                f"found {list(kernel)}, {list(stride)}, {list(dilation)}"
            )
        same = self.option("Padding")
        if same not in (0, 1):
            raise FormatError(f"{self.record.name}: expected padding 0 or 1, found {same}")
        x = self.input(0).shape
        if len(x) != 4:
            raise ShapeError(f"{self.record.name}: expected an input of rank 4, found {list(x)}")
        padding = [0, 0, 0, 0]
        for side, (size, k, s, d) in enumerate(zip(x[1:3], kernel, stride, dilation, strict=True)):
            if same == 0:
                total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
                padding[2 * side : 2 * side + 2] = total // 2, total - total // 2
        top, bottom, left, right = padding
        return op.Window(kernel, stride, dilation, (top, bottom, left, right))


ACTIVATIONS = {0: None, 1: op.Clamp(0.0), 2: op.Clamp(-1.0, 1.0), 3: op.Clamp(0.0, 6.0)}


def _network(name: str, model: ModelRecord) -> Network:
    layouts: dict[int, tuple[int, ...]] = {}
    nodes = []
    for record in model.operators:
        for index in (*record.inputs, *record.outputs):
            if not -1 <= index < len(model.tensors):
                raise FormatError(f"{record.name}: tensor {index} of {len(model.tensors)}")
        if record.kind not in CONVERT:
            raise UnsupportedError(f"{record.name}: operator {record.kind} is not supported")
        if len(record.outputs) != 1 or record.outputs[0] < 0:
            raise FormatError(f"{record.name}: expected one output, found {list(record.outputs)}")
        tensors = tuple(None if i < 0 else model.tensors[i] for i in record.inputs)
        layer = _Layer(record, tensors, model.tensors[record.outputs[0]])
        operator = CONVERT[record.kind](layer)
        if record.kind == "DEPTHWISE_CONV_2D":
            layouts[record.inputs[1]] = DEPTHWISE_FILE_ORDER
        used = record.inputs[: VALUE_INPUTS.get(record.kind, 1)]
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


def _data(tensor: TensorRecord) -> np.ndarray:
    """Return a constant in the file's shape; the caller knows that it is one."""
    assert tensor.data is not None
    _check_size(tensor)
    expected = prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
    if len(tensor.data) != expected:
        raise FormatError(
            f"{tensor.name}: expected {expected} bytes of data for {tensor.dtype} "
            f"{list(tensor.shape)}, found {len(tensor.data)}"
        )
    return np.frombuffer(tensor.data.tobytes(), tensor.dtype).reshape(tensor.shape)


def _check_size(tensor: TensorRecord) -> None:
    if any(n < 1 for n in tensor.shape):
        raise ShapeError(f"{tensor.name}: expected a static shape, found {list(tensor.shape)}")
    if prod(tensor.shape) * np.dtype(tensor.dtype).itemsize > MAX_TENSOR_BYTES:
        raise UnsupportedError(
            f"{tensor.name}: {tensor.dtype} {list(tensor.shape)} takes more than "
            f"{MAX_TENSOR_BYTES >> 30} GiB"
        )


def _tensor(record: TensorRecord, layout: tuple[int, ...] | None) -> Tensor:
    _check_size(record)
    shape, rank = record.shape, len(record.shape)
    if layout is not None and len(layout) != rank:
        raise ShapeError(f"{record.name}: expected weights of rank 4, found {list(shape)}")
    data = None if record.data is None else _data(record)
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


def _conv(layer: _Layer) -> op.Operator:
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


def _fully_connected(layer: _Layer) -> op.Operator:
    if layer.option("WeightsFormat"):
        raise UnsupportedError(f"{layer.record.name}: shuffled weights are not supported")
    return op.FullyConnected(bool(layer.option("KeepNumDims")), layer.activation())


def _average_pool(layer: _Layer) -> op.Operator:
    kernel = (layer.option("FilterHeight"), layer.option("FilterWidth"))
    return op.AveragePool(layer.window(kernel), activation=layer.activation())


def _max_pool(layer: _Layer) -> op.Operator:
    kernel = (layer.option("FilterHeight"), layer.option("FilterWidth"))
    return op.MaxPool(layer.window(kernel), activation=layer.activation())


def _mean(layer: _Layer) -> op.Operator:
    rank = len(layer.input(0).shape)
    axes = sorted({layer.axis(axis, rank) for axis in layer.constant(1)})
    return op.Mean(tuple(axes), bool(layer.option("KeepDims")))


def _pad(layer: _Layer) -> op.Operator:
    pairs, rank = layer.constant(1), len(layer.input(0).shape)
    if len(pairs) != 2 * rank:
        raise ShapeError(f"{layer.record.name}: expected {2 * rank} paddings, found {len(pairs)}")
    return op.Pad(pairs[0::2], pairs[1::2])


def _reshape(layer: _Layer) -> op.Operator:
    if len(layer.inputs) > 1 and layer.inputs[1] is not None:
        wanted = layer.constant(1)
    else:
        wanted = layer.record.options["NewShape"] if layer.record.options else layer.output.shape
    total = prod(layer.input(0).shape)
    if sum(n == -1 for n in wanted) == 1:
        known = prod(n for n in wanted if n != -1)
        wanted = tuple(total // known if n == -1 and known else n for n in wanted)
    if min(wanted, default=1) < 1:
        raise ShapeError(f"{layer.record.name}: cannot reshape to {list(wanted)}")
    return op.Reshape(tuple(wanted))


def _same_values(layer: _Layer) -> op.Operator:
    return op.Reshape(layer.output.shape)


def _transpose(layer: _Layer) -> op.Operator:
    rank = len(layer.input(0).shape)
    return op.Transpose(tuple(layer.axis(axis, rank) for axis in layer.constant(1)))


def _concatenation(layer: _Layer) -> op.Operator:
    if layer.activation() is not None:
        raise UnsupportedError(f"{layer.record.name}: a fused activation is not supported here")
    return op.Concat(layer.axis(layer.option("Axis"), len(layer.input(0).shape)))


def _slice(layer: _Layer) -> op.Operator:
    start, size, shape = layer.constant(1), layer.constant(2), layer.input(0).shape
    if not len(start) == len(size) == len(shape):
        raise ShapeError(f"{layer.record.name}: expected a slice of {len(shape)} axes")
    stop = tuple(
        n if length == -1 else first + length
        for first, length, n in zip(start, size, shape, strict=True)
    )
    return op.Slice(start, stop, (1,) * len(shape))


def _strided_slice(layer: _Layer) -> op.Operator:
    start, stop, step = (layer.constant(i) for i in (1, 2, 3))
    shape = layer.input(0).shape
    if not len(start) == len(stop) == len(step) == len(shape):
        raise UnsupportedError(f"{layer.record.name}: expected a slice of {len(shape)} axes")
    if any(layer.option(f) for f in ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset")):
        raise UnsupportedError(f"{layer.record.name}: only begin and end masks are supported")
    if min(step) < 1:
        raise UnsupportedError(f"{layer.record.name}: expected steps above 0, found {list(step)}")
    first, last = [], []
    for axis, n in enumerate(shape):
        begin = 0 if layer.option("BeginMask") >> axis & 1 else start[axis]
        end = n if layer.option("EndMask") >> axis & 1 else stop[axis]
        begin = min(max(begin + n if begin < 0 else begin, 0), n)
        first.append(begin)
        last.append(max(min(max(end + n if end < 0 else end, 0), n), begin))
    return op.Slice(tuple(first), tuple(last), step)


CONVERT: dict[str, Callable[[_Layer], op.Operator]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "FULLY_CONNECTED": _fully_connected,
    "ADD": lambda layer: op.Add(layer.activation()),
    "MUL": lambda layer: op.Mul(layer.activation()),
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
    "TRANSPOSE": _transpose,
    "CONCATENATION": _concatenation,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "LOGISTIC": lambda layer: op.Sigmoid(),
    "TANH": lambda layer: op.Tanh(),
    "LEAKY_RELU": lambda layer: op.LeakyRelu(float(layer.option("Alpha"))),
    "HARD_SWISH": lambda layer: op.HardSwish(),
    "RELU": lambda layer: op.Clip(0.0),
    "RELU_N1_TO_1": lambda layer: op.Clip(-1.0, 1.0),
    "RELU6": lambda layer: op.Clip(0.0, 6.0),
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
