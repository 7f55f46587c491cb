"""Types and values of an .onnx file's tensors, every size checked before it is used.

Source: onnx.proto, version 1.18.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import MAX_ELEMENTS
from npusim.reading import readable, require_file

DTYPES: dict[int, type[np.generic]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.FLOAT16: np.float16,
    onnx.TensorProto.DOUBLE: np.float64,
    onnx.TensorProto.INT8: np.int8,
    onnx.TensorProto.UINT8: np.uint8,
    onnx.TensorProto.INT16: np.int16,
    onnx.TensorProto.UINT16: np.uint16,
    onnx.TensorProto.UINT32: np.uint32,
    onnx.TensorProto.UINT64: np.uint64,
    onnx.TensorProto.INT32: np.int32,
    onnx.TensorProto.INT64: np.int64,
    onnx.TensorProto.BOOL: np.bool_,
}

FOUR_BITS: dict[int, type[np.generic]] = {
    onnx.TensorProto.INT4: np.int8,
    onnx.TensorProto.UINT4: np.uint8,
}
"""Types whose constants are held in bytes, one value each."""

STRIPPED = (
    onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8,
    onnx.TensorProto.UINT8, onnx.TensorProto.INT32,
)  # fmt: skip
"""Types of weights and biases: a file for cost models leaves their values out."""


def dtype_of(data_type: int, where: str) -> np.dtype:
    """Return numpy's type for an ONNX tensor type; raise UnsupportedError where npusim has none."""
    if data_type in DTYPES:
        return np.dtype(DTYPES[data_type])
    if data_type in FOUR_BITS:
        return np.dtype(FOUR_BITS[data_type])
    names = {number: name for name, number in onnx.TensorProto.DataType.items()}
    raise UnsupportedError(f"{where}: tensor type {names.get(data_type, data_type)}")


def array(tensor: onnx.TensorProto, folder: Path) -> NDArray:
    """Return a constant's value; its declared size must be what the file really holds."""
    where = f"constant {tensor.name}" if tensor.name else "constant"
    dtype = dtype_of(tensor.data_type, where)
    shape = tuple(tensor.dims)
    count = prod(shape)
    if any(n < 0 for n in shape) or count > MAX_ELEMENTS:
        raise ShapeError(f"{where}: impossible shape {list(shape)}")
    if tensor.data_type in FOUR_BITS:
        return _four_bits(tensor, where, folder, dtype, shape)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return _external(tensor, where, folder, dtype, shape)
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != count * dtype.itemsize:
            raise FormatError(
                f"{where}: {dtype} {list(shape)} needs {count * dtype.itemsize} bytes, "
                f"the file holds {len(tensor.raw_data)}"
            )
        return np.frombuffer(tensor.raw_data, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    if tensor.data_type == onnx.TensorProto.FLOAT16:
        bits = np.array(tensor.int32_data, np.int64)
        values = (bits & 0xFFFF).astype(np.uint16).view(np.float16)
    elif tensor.data_type == onnx.TensorProto.FLOAT:
        values = np.array(tensor.float_data, np.float32)
    elif tensor.data_type == onnx.TensorProto.DOUBLE:
        values = np.array(tensor.double_data, np.float64)
    elif tensor.data_type == onnx.TensorProto.INT64:
        values = np.array(tensor.int64_data, np.int64)
    else:
        values = np.array(tensor.int32_data, np.int32).astype(dtype)
    if values.size != count:
        raise FormatError(
            f"{where}: {dtype} {list(shape)} needs {count} values, the file holds {values.size}"
        )
    return values.reshape(shape)


def _four_bits(
    tensor: onnx.TensorProto, where: str, folder: Path, dtype: np.dtype, shape: tuple[int, ...]
) -> NDArray:
    """Return values of four bits, two a byte, the first in the lower half, as bytes."""
    count = prod(shape)
    packed_shape = ((count + 1) // 2,)
    byte = np.dtype(np.uint8)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        packed = _external(tensor, where, folder, byte, packed_shape)
    elif tensor.HasField("raw_data"):
        packed = np.frombuffer(tensor.raw_data, byte)
    else:
        packed = np.array(tensor.int32_data, np.int32).astype(byte)
    if packed.shape != packed_shape:
        raise FormatError(
            f"{where}: {count} values of four bits need {packed_shape[0]} bytes, "
            f"the file holds {packed.size}"
        )
    values = np.stack([packed & 15, packed >> 4], 1).reshape(-1)[:count].astype(dtype)
    if dtype == np.int8:
        values = np.where(values > 7, values - 16, values).astype(np.int8)
    return values.reshape(shape)


def _external(
    tensor: onnx.TensorProto, where: str, folder: Path, dtype: np.dtype, shape: tuple[int, ...]
) -> NDArray:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    with readable(f"{where}: external data {location!r}", "the name of a file"):
        path = (folder / location).resolve()
    if not location or not path.is_relative_to(folder.resolve()):
        raise FormatError(f"{where}: external data {location!r} is outside the model's folder")
    needed = prod(shape) * dtype.itemsize
    try:
        offset = int(entries.get("offset", 0))
        length = int(entries.get("length", needed))
    except ValueError:
        raise FormatError(f"{where}: external data {entries} needs integer bounds") from None
    try:
        require_file(path, "a file of weights")
        size = path.stat().st_size
    except NpuError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise FormatError(f"{where}: external data {location!r}: {reason}") from None
    if length != needed or offset < 0 or offset + length > size:
        raise FormatError(
            f"{where}: {dtype} {list(shape)} needs {needed} bytes, external data {location!r} "
            f"offers {length} at {offset} of {size}"
        )
    with path.open("rb") as file:
        file.seek(offset)
        return (
            np.frombuffer(file.read(length), dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        )


def is_stripped(tensor: onnx.TensorProto, folder: Path) -> bool:
    """Return whether a constant of several numbers has a shape alone, its values taken out."""
    if tensor.data_type not in STRIPPED or prod(tensor.dims) <= 1:
        return False
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        location = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
        try:
            path = (folder / location).resolve()
        except (OSError, RuntimeError, ValueError):
            return False  # no name of a file: reading it says so
        return bool(location) and path.is_relative_to(folder.resolve()) and not path.exists()
    typed = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data)
    return not tensor.HasField("raw_data") and not any(map(len, typed))
