"""The records of a .tflite file: flatbuffer tables -> plain Python values, nothing interpreted.

The file is not trusted. The flatbuffers runtime reads wherever an offset points; an offset outside
the file raises, a wrong one inside it gives wrong numbers. So everything that comes from the file
is copied into plain values here, inside one guard that turns what the runtime raises into a
FormatError, and counts are checked against the file's size before anything loops over them. What
the numbers mean is checked by `tflite.py` and by the network itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tflite as schema
from flatbuffers import flexbuffers
from flatbuffers.number_types import Int32Flags
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.tflite.sparse import written_out
from npusim.reading import file_bytes, readable

DTYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.INT32: "int32",
    schema.TensorType.UINT8: "uint8",
    schema.TensorType.INT64: "int64",
    schema.TensorType.BOOL: "bool",
    schema.TensorType.INT16: "int16",
    schema.TensorType.INT8: "int8",
    schema.TensorType.COMPLEX64: "complex64",
}


def _names(words: type) -> dict[int, str]:
    """Return the names of an enumeration by their values; Python adds members of its own."""
    return {value: name for name, value in vars(words).items() if not name.startswith("_")}


TYPE_NAMES = _names(schema.TensorType) | {18: "BFLOAT16", 19: "INT2", 20: "UINT4"}
"""Of the schema, with types that the module of it is older than."""
OPTION_NAMES = _names(schema.BuiltinOptions)
OPTION_NAMES_2 = _names(schema.BuiltinOptions2)
OPERATOR_NAMES = _names(schema.BuiltinOperator)

NEW_CODE_OFFSET = 10
"""Of the field `builtin_code` of an OperatorCode in the schema: its fourth."""

PACKED_BITS = {"INT4": 4, "INT2": 2}
"""Types of constants that lie several to a byte, the first in the lowest bits."""

NO_FIELDS = ("Init", "GetRootAs")
"""Methods of every options table that read no field of it."""


@dataclass(frozen=True, eq=False)
class TensorRecord:
    """A tensor as the file states it; `data` is uint8, None where the file holds no value.

    A type that npusim does not hold stands by the schema's name, in capitals: what reads such a
    tensor is refused. `is_variable` says that its nodes change it, and that it keeps its value;
    `is_free` that the file leaves its shape to the runtime, in part or as a whole; `may_be_empty`
    that its shape is known only at run, which may find nothing to put in.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int
    data: NDArray[np.uint8] | None
    is_variable: bool = False
    is_free: bool = False
    label: str = ""
    """What the file calls it."""
    packed_bits: int = 0
    """Of a constant that lay several to a byte; 0 for any other."""
    may_be_empty: bool = False

    @property
    def is_held(self) -> bool:
        """Whether npusim holds values of its type."""
        return self.dtype in DTYPES.values()


@dataclass(frozen=True, eq=False)
class OperatorRecord:
    """An operator as the file states it; an absent input is -1, absent options are None.

    `kind` is the schema's name, or a custom operator's code behind `CUSTOM `.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] | None
    intermediates: tuple[int, ...] = ()
    """Tensors that hold no value: scales of what an LSTM computes inside."""


@dataclass(frozen=True, eq=False)
class GraphRecord:
    """One subgraph of a file."""

    tensors: tuple[TensorRecord, ...]
    operators: tuple[OperatorRecord, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_records(path: Path) -> tuple[GraphRecord, ...]:
    """Return the subgraphs of the file at `path`; the first is the network.

    Raises
    ------
    FormatError
        The file cannot be read, is no .tflite file, or an offset or a count in it is wrong.
    UnsupportedError
        A tensor has a type, or the model a structure, that npusim does not take.
    """
    content = file_bytes(path, "a .tflite file")
    if len(content) < 8 or content[4:8] != b"TFL3":
        found = f"{content[4:8]!r}" if len(content) >= 8 else f"{len(content)} bytes"
        raise FormatError(f"expected a .tflite file with identifier TFL3 at byte 4, found {found}")
    with readable("damaged", "a .tflite file"):
        return _model(content)


def _model(content: bytes) -> tuple[GraphRecord, ...]:
    model = schema.Model.GetRootAs(content, 0)

    def all_of(what: str, length: int, item: Callable[[int], Any]) -> list[Any]:
        if not 0 <= length <= len(content) // 4:
            raise FormatError(f"damaged .tflite file: {length} {what} in {len(content)} bytes")
        items = [item(i) for i in range(length)]
        if any(x is None for x in items):
            raise FormatError(f"damaged .tflite file: one of the {what} is missing")
        return items

    codes = all_of("operator codes", model.OperatorCodesLength(), model.OperatorCodes)
    buffers = [
        _bytes(content, i, buffer)
        for i, buffer in enumerate(all_of("buffers", model.BuffersLength(), model.Buffers))
    ]
    graphs = all_of("subgraphs", model.SubgraphsLength(), model.Subgraphs)
    if not graphs:
        raise FormatError("expected a subgraph, found none")
    records = []
    for number, graph in enumerate(graphs):
        tensors = all_of("tensors", graph.TensorsLength(), graph.Tensors)
        operators = all_of("operators", graph.OperatorsLength(), graph.Operators)
        prefix = f"s{number}." if number else ""
        record = GraphRecord(
            tuple(_tensor(f"{prefix}t{i}", tensor, buffers) for i, tensor in enumerate(tensors)),
            tuple(_operator(prefix, i, each, codes) for i, each in enumerate(operators)),
            _integers(graph.InputsAsNumpy()),
            _integers(graph.OutputsAsNumpy()),
        )
        _check_indices(record)
        records.append(record)
    return tuple(records)


def _bytes(content: bytes, number: int, buffer: Any) -> NDArray[np.uint8] | None:
    """Return a buffer's bytes, which large files hold behind the flatbuffer; None where empty."""
    if buffer.Offset() <= 1:
        data = buffer.DataAsNumpy()
        return None if isinstance(data, int) or not len(data) else data
    first, size = buffer.Offset(), buffer.Size()
    if first + size > len(content):
        raise FormatError(
            f"damaged .tflite file: buffer {number} of {size} bytes at {first} of {len(content)}"
        )
    return np.frombuffer(content, np.uint8, size, first) if size else None


def _check_indices(graph: GraphRecord) -> None:
    count = len(graph.tensors)
    for index in (*graph.inputs, *graph.outputs):
        if not 0 <= index < count:
            raise FormatError(f"network input or output {index} of {count} tensors")
    for operator in graph.operators:
        for index in (*operator.inputs, *operator.outputs, *operator.intermediates):
            if not -1 <= index < count:
                raise FormatError(f"{operator.name}: tensor {index} of {count}")


def _integers(vector: NDArray | int) -> tuple[int, ...]:
    """Return a vector of the file; the runtime gives the number 0 for one that is absent."""
    return () if isinstance(vector, int) else tuple(int(n) for n in vector)


def _tensor(name: str, tensor: Any, buffers: list[NDArray[np.uint8] | None]) -> TensorRecord:
    dtype = DTYPES.get(tensor.Type()) or TYPE_NAMES.get(tensor.Type(), f"NUMBER {tensor.Type()}")
    if not 0 <= tensor.Buffer() < len(buffers):
        raise FormatError(f"{name}: buffer {tensor.Buffer()} of {len(buffers)}")
    data, shape = buffers[tensor.Buffer()], _integers(tensor.ShapeAsNumpy())
    packed_bits = PACKED_BITS.get(dtype, 0) if data is not None else 0
    if packed_bits and data is not None:
        dtype, data = "int8", _unpacked(data, packed_bits, prod(shape))
    if tensor.Sparsity() is not None and data is not None:
        data = written_out(name, tensor.Sparsity(), shape, data, _item_bytes(name, dtype))
    scale, zero_point, axis = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    quantization = tensor.Quantization()
    if quantization is not None:
        if quantization.DetailsType():
            raise UnsupportedError(f"{name}: custom quantization is not supported")
        axis = quantization.QuantizedDimension()
        if quantization.ScaleLength():
            scale = quantization.ScaleAsNumpy()
        zero_point = np.zeros(scale.shape, np.int64)
        if quantization.ZeroPointLength():
            zero_point = quantization.ZeroPointAsNumpy()
    return TensorRecord(
        name,
        shape,
        dtype,
        scale,
        zero_point,
        axis,
        data,
        bool(tensor.IsVariable()),
        not tensor.ShapeLength() or -1 in _integers(tensor.ShapeSignatureAsNumpy()),
        (tensor.Name() or b"").decode("utf-8", "replace"),
        packed_bits,
    )


def _item_bytes(name: str, dtype: str) -> int:
    if dtype not in (*DTYPES.values(), "FLOAT16"):
        raise UnsupportedError(f"{name}: sparse tensors of {dtype} are not supported")
    return np.dtype(dtype.lower()).itemsize


def _unpacked(data: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint8]:
    """Return constants of a few bits each as bytes."""
    parts = [data >> first & ((1 << bits) - 1) for first in range(0, 8, bits)]
    codes = np.stack(parts, 1).reshape(-1)[:count].astype(np.int8)
    return np.where(codes >> bits - 1, codes - (1 << bits), codes).astype(np.int8).view(np.uint8)


def _operator(prefix: str, index: int, operator: Any, codes: list[Any]) -> OperatorRecord:
    if not 0 <= operator.OpcodeIndex() < len(codes):
        raise FormatError(f"operator {index}: code {operator.OpcodeIndex()} of {len(codes)}")
    code = codes[operator.OpcodeIndex()]
    number = _builtin_code(code)
    kind = OPERATOR_NAMES.get(number, f"NUMBER {number}")
    if number == schema.BuiltinOperator.CUSTOM:
        letters = (code.CustomCode() or b"")[:60].decode("ascii", "replace")
        kind = "CUSTOM " + "".join(c if c.isprintable() else "?" for c in letters)
        options = _custom_options(operator)
    else:
        options = _options(kind, operator)
    stem = (kind.removeprefix("CUSTOM ") or "custom").lower().replace(" ", "_")
    return OperatorRecord(
        f"{prefix}{stem}_{index}",
        kind,
        _integers(operator.InputsAsNumpy()),
        _integers(operator.OutputsAsNumpy()),
        options,
        _integers(operator.IntermediatesAsNumpy()),
    )


def _builtin_code(code: Any) -> int:
    """Return an operator's number, which a file states in one field of two, or in both.

    The schema module's own reading holds a small number in the new field for none, and quantizers
    write the new one alone.
    """
    place = code._tab.Offset(NEW_CODE_OFFSET)
    new = code._tab.Get(Int32Flags, place + code._tab.Pos) if place else 0
    return int(max(new, code.DeprecatedBuiltinCode()))


def _custom_options(operator: Any) -> Mapping[str, Any] | None:
    """Return a custom operator's options where they are a map, as TensorFlow's own are."""
    data = operator.CustomOptionsAsNumpy()
    if isinstance(data, int) or not len(data):
        return None
    try:
        options = flexbuffers.Loads(data.tobytes())
    except (struct.error, IndexError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    return options if isinstance(options, dict) else None


def _options(kind: str, operator: Any) -> Mapping[str, Any] | None:
    """Return every field of the operator's options table, None where it has no table."""
    table, number = operator.BuiltinOptions(), operator.BuiltinOptionsType()
    names = OPTION_NAMES
    if table is None or number == schema.BuiltinOptions.NONE:
        table, number = operator.BuiltinOptions2(), operator.BuiltinOptions2Type()
        names = OPTION_NAMES_2
    if table is None or number == schema.BuiltinOptions2.NONE:
        return None
    if number not in names:
        raise FormatError(f"damaged .tflite file: {kind} with options of type {number}")
    options = getattr(schema, names[number])()
    options.Init(table.Bytes, table.Pos)
    return {field: _field(options, field) for field in _fields(names[number])}


@cache
def _fields(table: str) -> tuple[str, ...]:
    """Return the names of a table's fields, numbers and vectors of numbers."""
    names = [n for n in vars(getattr(schema, table)) if n[0].isupper() and n not in NO_FIELDS]
    parts = {f"{name}{end}" for name in names for end in ("AsNumpy", "Length", "IsNone")}
    return tuple(
        n
        for n in names
        if n not in parts
        and not n.startswith("GetRootAs")
        and not n.endswith("BufferHasIdentifier")
    )


def _field(options: Any, field: str) -> Any:
    if hasattr(options, f"{field}AsNumpy"):
        vector = getattr(options, f"{field}AsNumpy")()
        return () if isinstance(vector, int) else tuple(vector.tolist())
    return getattr(options, field)()
