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
from pathlib import Path
from typing import Any

import numpy as np
import tflite as schema
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError

DTYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.INT32: "int32",
    schema.TensorType.UINT8: "uint8",
    schema.TensorType.INT64: "int64",
    schema.TensorType.BOOL: "bool",
    schema.TensorType.INT16: "int16",
    schema.TensorType.INT8: "int8",
}
TYPE_NAMES = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
OPTION_NAMES = {v: k for k, v in vars(schema.BuiltinOptions).items() if isinstance(v, int)}
OPERATOR_NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}

NO_FIELDS = ("Init", "GetRootAs")
"""Methods of every options table that read no field of it."""


@dataclass(frozen=True, eq=False)
class TensorRecord:
    """A tensor as the file states it; `data` is uint8, None where the file holds no value."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int
    data: NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False)
class OperatorRecord:
    """An operator as the file states it; an absent input is -1, absent options are None."""

    name: str
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class ModelRecord:
    """Subgraph 0 of a file."""

    tensors: tuple[TensorRecord, ...]
    operators: tuple[OperatorRecord, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_records(path: Path) -> ModelRecord:
    """Return the records of the file at `path`.

    Raises
    ------
    FormatError
        The file cannot be read, is no .tflite file, or an offset or a count in it is wrong.
    UnsupportedError
        A tensor has a type, or the model a structure, that npusim does not take.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FormatError(f"expected a .tflite file, found {reason}") from None
    if len(content) < 8 or content[4:8] != b"TFL3":
        found = f"{content[4:8]!r}" if len(content) >= 8 else f"{len(content)} bytes"
        raise FormatError(f"expected a .tflite file with identifier TFL3 at byte 4, found {found}")
    try:
        return _model(content)
    except (struct.error, IndexError, ValueError, TypeError, OverflowError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"damaged .tflite file: {text}") from None


def _model(content: bytes) -> ModelRecord:
    model = schema.Model.GetRootAs(content, 0)
    if model.SubgraphsLength() != 1:
        raise UnsupportedError(f"expected one subgraph, found {model.SubgraphsLength()}")
    graph = model.Subgraphs(0)

    def all_of(what: str, length: int, item: Callable[[int], Any]) -> list[Any]:
        if not 0 <= length <= len(content) // 4:
            raise FormatError(f"damaged .tflite file: {length} {what} in {len(content)} bytes")
        items = [item(i) for i in range(length)]
        if any(x is None for x in items):
            raise FormatError(f"damaged .tflite file: one of the {what} is missing")
        return items

    codes = all_of("operator codes", model.OperatorCodesLength(), model.OperatorCodes)
    buffers = all_of("buffers", model.BuffersLength(), model.Buffers)
    tensors = all_of("tensors", graph.TensorsLength(), graph.Tensors)
    operators = all_of("operators", graph.OperatorsLength(), graph.Operators)
    return ModelRecord(
        tuple(_tensor(i, tensor, buffers) for i, tensor in enumerate(tensors)),
        tuple(_operator(i, operator, codes) for i, operator in enumerate(operators)),
        _integers(graph.InputsAsNumpy()),
        _integers(graph.OutputsAsNumpy()),
    )


def _integers(vector: NDArray | int) -> tuple[int, ...]:
    """Return a vector of the file; the runtime gives the number 0 for one that is absent."""
    return () if isinstance(vector, int) else tuple(int(n) for n in vector)


def _tensor(index: int, tensor: Any, buffers: list[Any]) -> TensorRecord:
    name = f"t{index}"
    if tensor.Type() not in DTYPES:
        known = TYPE_NAMES.get(tensor.Type(), tensor.Type())
        raise UnsupportedError(f"{name}: tensors of type {known} are not supported")
    if tensor.Sparsity() is not None:
        raise UnsupportedError(f"{name}: sparse tensors are not supported")
    if not 0 <= tensor.Buffer() < len(buffers):
        raise FormatError(f"{name}: buffer {tensor.Buffer()} of {len(buffers)}")
    buffer = buffers[tensor.Buffer()]
    if buffer.Offset() > 1:
        raise UnsupportedError(f"{name}: data outside the flatbuffer is not supported")
    data = buffer.DataAsNumpy()
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
        _integers(tensor.ShapeAsNumpy()),
        DTYPES[tensor.Type()],
        scale,
        zero_point,
        axis,
        None if isinstance(data, int) or not len(data) else data,
    )


def _operator(index: int, operator: Any, codes: list[Any]) -> OperatorRecord:
    if not 0 <= operator.OpcodeIndex() < len(codes):
        raise FormatError(f"operator {index}: code {operator.OpcodeIndex()} of {len(codes)}")
    code = codes[operator.OpcodeIndex()]
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == schema.BuiltinOperator.CUSTOM:
        custom = (code.CustomCode() or b"")[:40].decode("ascii", "replace")
        raise UnsupportedError(f"operator {index}: custom operator {custom!r} is not supported")
    kind = OPERATOR_NAMES.get(number, f"number {number}")
    return OperatorRecord(
        f"{kind.lower()}_{index}",
        kind,
        _integers(operator.InputsAsNumpy()),
        _integers(operator.OutputsAsNumpy()),
        _options(kind, operator),
    )


def _options(kind: str, operator: Any) -> Mapping[str, Any] | None:
    """Return every field of the operator's options table, None where it has no table."""
    table, number = operator.BuiltinOptions(), operator.BuiltinOptionsType()
    if table is None or number == schema.BuiltinOptions.NONE:
        return None
    if number not in OPTION_NAMES:
        raise FormatError(f"damaged .tflite file: {kind} with options of type {number}")
    options = getattr(schema, OPTION_NAMES[number])()
    options.Init(table.Bytes, table.Pos)
    return {field: _field(options, field) for field in _fields(OPTION_NAMES[number])}


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
        return _integers(getattr(options, f"{field}AsNumpy")())
    return getattr(options, field)()
