"""Files that are not what they should be: each is one line, before memory or time is spent."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import npusim
from npusim import operators as op
from npusim.errors import NpuError, ShapeError
from npusim.formats.arrays import read_arrays
from npusim.formats.onnx.whole import whole_model
from npusim.formats.pictures import read_picture
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Tensor
from npusim.isa.program import MAGIC, Program
from npusim.machines import Machine
from npusim.operators.log_softmax import LogSoftmax
from npusim.quant.kept_layers import KeptLayers
from npusim.toml_tables import parsed
from tests.conftest import DIGITS


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def numbers(shape: str) -> bytes:
    return npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}")


def archive(method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        content = io.BytesIO()
        np.save(content, np.arange(500))
        opened.writestr("x.npy", content.getvalue())
    return file.getvalue()


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in ("a.npy", "x.npy"):
            opened.writestr(name, numbers("(0,)"))
    damaged, central = bytearray(file.getvalue()), -1
    for _ in range(2):
        central = damaged.index(b"PK\x01\x02", central + 1)
        damaged[central + 24 : central + 28] = struct.pack("<I", 0xFFFFFFFE)
    return bytes(damaged)


def middle_changed(content: bytes) -> bytes:
    middle = len(content) // 3
    return (
        content[:middle]
        + bytes(b ^ 0x5A for b in content[middle : middle + 40])
        + content[middle + 40 :]
    )


ARRAYS = {
    "2^40 samples": (numbers("(1099511627776, 64)"), "takes 281474976710656 bytes, the limit is"),
    "more than there is": (numbers("(1000, 1000)"), "takes 4000000 bytes, it has 0"),
    "negative": (numbers("(-5,)"), "impossible shape"),
    "tokenizer": (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,"), "a numpy file"),
    "objects": (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), "Python objects"),
    "version 9": (b"\x93NUMPY\x09\x00\x01\x00\n", "version 1 or 2, found"),
    "empty": (b"", "expected a numpy file"),
    "bomb": (bomb(), "the limit is 4294967296"),
    "deflate": (middle_changed(archive()), "expected "),
    "lzma": (middle_changed(archive(zipfile.ZIP_LZMA)), "expected "),
    "no arrays": (archive(zipfile.ZIP_STORED).replace(b"NUMPY", b"plain"), "expected "),
}


@pytest.mark.parametrize(("content", "message"), ARRAYS.values(), ids=ARRAYS.keys())
def test_arrays(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(NpuError, match=message) as found:
        read_arrays(path)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("content", [made for made, _ in ARRAYS.values()], ids=ARRAYS.keys())
def test_a_kept_layer_that_is_damaged_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "layer1.npz").write_bytes(content)
    assert KeptLayers(tmp_path).get(1, "stem") is None


def test_whole_arrays_come_back(tmp_path: Path) -> None:
    turned = np.arange(24, dtype=">i4").reshape(2, 3, 4).T
    arrays = {"x": turned, "s": np.float64(2), "b": np.ones(0)}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    for name, values in read_arrays(tmp_path / "a.npz").items():
        np.testing.assert_array_equal(values, arrays[name])
    np.save(tmp_path / "a.npy", arrays["x"])
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npy")["x"], arrays["x"])


def external(location: str) -> bytes:
    tensor = onnx.TensorProto(name="w", dims=[1, 4], data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (4, 1))
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (4, 4))
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [x], [y], [tensor])
    return onnx.helper.make_model(graph).SerializeToString()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("location", ["pipe", "loop", "a\0b", "missing", "folder"])
def test_external_data_is_a_file(tmp_path: Path, location: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    path = tmp_path / "m.onnx"
    path.write_bytes(external(location))
    with pytest.raises(NpuError, match="external data") as found:
        npusim.load(path)
    assert "\n" not in str(found.value)


SPACE = """
[[machines]]
base = "nano"
[[networks]]
model = "{}"
"""
MODELS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "missing": ("m.onnx", lambda path: None),
    "a folder": ("m.onnx", Path.mkdir),
    "a pipe": ("m.onnx", os.mkfifo),
    "a loop of links": ("m.onnx", lambda path: path.symlink_to(path.name)),
    "no file of a network": ("m.onnx", lambda path: path.write_bytes(b"x" * 100)),
    "cut": ("m.tflite", lambda path: path.write_bytes(b"\x1c\0\0\0TFL3")),
    "another kind": ("m.txt", lambda path: path.write_text("x")),
    "weights in a pipe": ("m.onnx", lambda path: path.write_bytes(external("pipe"))),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize(("name", "write"), MODELS.values(), ids=MODELS.keys())
def test_the_model_of_a_sweep(tmp_path: Path, name: str, write: Callable[[Path], object]) -> None:
    """It is read as `npusim.load` reads it, before anything is computed or written."""
    write(tmp_path / name)
    if not (tmp_path / "pipe").exists():
        os.mkfifo(tmp_path / "pipe")
    space, results = tmp_path / "space.toml", tmp_path / "r.csv"
    space.write_text(SPACE.format(name))
    with pytest.raises(NpuError, match=name) as found:
        npusim.sweep(space, results)
    assert "\n" not in str(found.value)
    assert not [*tmp_path.glob("r.csv*")]


def test_a_model_that_changes_after_it_was_read(tmp_path: Path) -> None:
    """The sweep takes the bytes of the file once more, with all weights in one piece."""
    path = tmp_path / "m.onnx"
    path.write_bytes(external("weights"))
    (tmp_path / "weights").write_bytes(bytes(16))
    held = onnx.load_from_string(whole_model(path)).graph.initializer[0]
    assert held.raw_data == bytes(16)
    (tmp_path / "weights").unlink()
    with pytest.raises(NpuError, match=r"expected an \.onnx file, found") as found:
        whole_model(path)
    assert "\n" not in str(found.value)
    path.write_bytes(b"\xff" * 99)
    with pytest.raises(NpuError, match=r"expected an \.onnx file, found"):
        whole_model(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("m.onnx", npusim.load), ("m.tflite", npusim.load), ("m.npu", Program.load),
        ("m.toml", Machine.load), ("m.npz", read_arrays),
    ],
)  # fmt: skip
def test_a_pipe_is_no_file(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(NpuError, match="found what is no file"):
        read(tmp_path / name)


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 5000, "a = 1\0"])
def test_toml(text: str) -> None:
    with pytest.raises(NpuError, match="where: expected TOML"):
        parsed(text, "where")


def test_a_deep_header_with_a_right_checksum() -> None:
    program = npusim.compile(npusim.load(DIGITS / "digits_int8.onnx"), "nano").to_bytes()
    deep = b"[" * 100_000
    body = MAGIC + program[8:12] + struct.pack("<I", len(deep)) + deep
    with pytest.raises(NpuError, match="there: header: expected a program's"):
        Program.from_bytes(body + hashlib.sha256(body).digest(), "there")


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        size, crc = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
        return size + kind + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.png", png(60_000, 60_000)), ("x.png", png(8, 8)[:40]), ("x.pgm", b"P5 9 x 255\n")],
)
def test_pictures(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(NpuError, match=r"a picture|cannot read it") as found:
        read_picture(path, Tensor("x", (1, 8, 8, 3), np.dtype("uint8")), None)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("damage", ["an input more", "no inputs"])
def test_our_own_form_with_other_inputs(tmp_path: Path, damage: str) -> None:
    model = onnx.load(DIGITS / "digits_int8.onnx")
    (layer,) = [node for node in model.graph.node if node.name == "stem"]
    if damage == "no inputs":
        del layer.input[:]
    else:
        layer.input.append(layer.input[0])
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(NpuError, match="stem: "):
        npusim.load(tmp_path / "m.onnx")


@pytest.mark.parametrize("operator", [op.Softmax(-1), op.Softmax(0), LogSoftmax()])
def test_a_scalar_has_no_axis(operator: op.Operator) -> None:
    with pytest.raises(ShapeError, match="expected an axis of \\[\\], found"):
        output_shapes("node", operator, [()])
