"""Constants behind the flatbuffer, as files beyond two GiB have them; LiteRT is the witness."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from npusim.errors import FormatError
from npusim.formats.files import load
from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import invoke, litert
from tests.simulator.tflite_builder import Value, constant, options, single_operator

PLACE_BYTES = 16
"""Where a buffer may begin: multiples of it."""


def dense_file() -> bytes:
    rng = np.random.default_rng(0)
    weights = constant(rng.integers(-127, 128, (5, 8)).astype(np.int8), 0.01)
    bias = constant(rng.integers(-99, 99, 5).astype(np.int32), 0.001)
    inputs = [Value((1, 8), "int8", 0.1, 3), weights, bias]
    chosen = options("FullyConnectedOptions")
    return single_operator("FULLY_CONNECTED", inputs, Value((1, 5), "int8", 0.2, -4), chosen, 4)


def with_buffers_outside(content: bytes, beyond: int = 0) -> bytes:
    """Return the file with its constants behind the flatbuffer, `beyond` bytes too far."""

    def packed(end: int) -> tuple[bytes, list[bytes]]:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        parts, offset = [], end
        for buffer in model.buffers:
            if buffer.data is not None and len(buffer.data):
                data = np.asarray(buffer.data, np.uint8).tobytes()
                parts.append(data.ljust(-(-len(data) // PLACE_BYTES) * PLACE_BYTES, b"\0"))
                buffer.offset, buffer.size, buffer.data = offset + beyond, len(data), None
                offset += len(parts[-1])
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output()), parts

    length = -(-len(packed(PLACE_BYTES)[0]) // PLACE_BYTES) * PLACE_BYTES
    bare, parts = packed(length)
    return bare.ljust(length, b"\0") + b"".join(parts)


def test_constants_outside_give_the_bytes_of_those_inside(tmp_path: Path) -> None:
    inside = dense_file()
    outside = with_buffers_outside(inside)
    (tmp_path / "outside.tflite").write_bytes(outside)
    x = np.arange(-60, 68, 16, dtype=np.int8)[None]
    expected = invoke(litert(outside, "ref"), x)
    (found,) = prepare(load(tmp_path / "outside.tflite"), "litert").run(x).values()
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found, invoke(litert(inside, "ref"), x))


def test_a_buffer_beyond_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(with_buffers_outside(dense_file(), 1 << 16))
    with pytest.raises(FormatError, match=r"damaged .tflite file: buffer \d of \d+ bytes at"):
        load(tmp_path / "net.tflite")
