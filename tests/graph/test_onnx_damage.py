"""Damaged, hostile and unsupported .onnx files: one clear line, never a traceback or a hang."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from npusim.errors import FormatError, NpuError, RangeError, ShapeError, UnsupportedError
from npusim.formats.files import load

STEP_BYTES = 64
MOST_CHARACTERS = 700
MOST_SECONDS = 5.0


def value(
    name: str, shape: list[int | str | None], kind: int = TensorProto.FLOAT
) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def convolution() -> onnx.ModelProto:
    """Return a small valid float network: Conv, Relu, Flatten, Gemm."""
    rng = np.random.default_rng(3)
    constants = {
        "w": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "b": np.zeros(4, np.float32),
        "m": rng.standard_normal((4 * 6 * 6, 5)).astype(np.float32),
        "scale": np.float32(0.1),
        "zero": np.int8(3),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], "conv", kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("Flatten", ["r"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "m"], ["g"], "gemm"),
        helper.make_node("QuantizeLinear", ["g", "scale", "zero"], ["y"], "quantize"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [value("x", [1, 3, 8, 8])],
        [value("y", [1, 5], TensorProto.INT8)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def one_line(path: Path) -> str | None:
    """Load; return the error's line, None where the file still is a network."""
    start = perf_counter()
    try:
        load(path)
        line = None
    except NpuError as error:
        line = str(error)
        assert "\n" not in line
        assert 0 < len(line) < MOST_CHARACTERS
    assert perf_counter() - start < MOST_SECONDS
    return line


def test_every_64th_byte_flipped_or_cut(tmp_path: Path) -> None:
    path = write(tmp_path, convolution())
    raw = path.read_bytes()
    refused = 0
    for at in range(0, len(raw), STEP_BYTES):
        path.write_bytes(raw[:at])
        assert one_line(path) is not None, f"cut at {at}"
        damaged = bytearray(raw)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        refused += one_line(path) is not None
    assert refused >= 4  # most flips hit the numbers of a weight, which stays a weight


def test_mutated_files(tmp_path: Path) -> None:
    """Bits flipped, bytes put in and taken out, where the structure is: seeded, 1500 files."""
    path = write(tmp_path, convolution())
    raw = path.read_bytes()
    rng = random.Random(11)
    print("seed 11")
    refused = 0
    for _ in range(1500):
        damaged = bytearray(raw)
        for _ in range(rng.randint(1, 3)):
            at = rng.choice([rng.randrange(200), len(raw) - 1 - rng.randrange(200)]) % len(damaged)
            kind = rng.random()
            if kind < 0.4:
                damaged[at] ^= 1 << rng.randrange(8)
            elif kind < 0.6:
                damaged[at] = rng.choice([0, 1, 127, 128, 255])
            elif kind < 0.8:
                del damaged[at : at + rng.randint(1, 8)]
            else:
                damaged[at:at] = rng.randbytes(rng.randint(1, 8))
        path.write_bytes(damaged)
        refused += one_line(path) is not None
    assert refused > 500


def edit_unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "RandomNormalLike"


def edit_foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def edit_dynamic_width(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_param = "width"


def edit_no_rank(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


def edit_huge_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 1 << 40


def edit_double_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def edit_nan_weight(model: onnx.ModelProto) -> None:
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[0, 0, 0, 0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))


def edit_zero_scale(model: onnx.ModelProto) -> None:
    model.graph.initializer[3].CopyFrom(numpy_helper.from_array(np.float32(0), "scale"))


def edit_float_zero_point(model: onnx.ModelProto) -> None:
    model.graph.initializer[4].CopyFrom(numpy_helper.from_array(np.float32(0), "zero"))


def edit_cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "r"


def edit_unknown_input(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "nothing"


def edit_two_writers(model: onnx.ModelProto) -> None:
    model.graph.node[1].output[0] = "c"


def edit_huge_constant(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 1 << 50


def edit_short_constant(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


def edit_wrong_channels(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4


def edit_huge_padding(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("pads", [1 << 40] * 4))


def edit_computed_weights(model: onnx.ModelProto) -> None:
    del model.graph.initializer[0]
    model.graph.input.append(value("v", [4, 3, 3, 3]))
    model.graph.node.insert(0, helper.make_node("Relu", ["v"], ["w"], "computed"))


def edit_other_file(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def edit_no_graph(model: onnx.ModelProto) -> None:
    model.ClearField("graph")


DAMAGE: list[tuple[Callable[[onnx.ModelProto], None], type[NpuError], str]] = [
    (edit_unknown_operator, UnsupportedError, "relu: operator RandomNormalLike is not supported"),
    (edit_foreign_operator, UnsupportedError, "operator com.example.Relu is not supported"),
    (
        edit_dynamic_width,
        ShapeError,
        "input x: axis 3 is free (width); expected its size",
    ),
    (edit_no_rank, ShapeError, "input x: its rank is free"),
    (edit_huge_input, ShapeError, "has more than"),
    (edit_double_input, UnsupportedError, "input x: expected one of"),
    (edit_nan_weight, RangeError, "constant w: expected finite values, found nan"),
    (edit_zero_scale, RangeError, "expected a finite scale above 0, found 0"),
    (edit_float_zero_point, FormatError, "expected an integer zero point, found float32"),
    (edit_cycle, FormatError, "topologically sorted"),
    (edit_unknown_input, FormatError, "nothing"),
    (edit_two_writers, FormatError, "SSA"),
    (edit_huge_constant, ShapeError, "constant w: impossible shape"),
    (edit_short_constant, FormatError, "needs 432 bytes, the file holds 428"),
    (edit_wrong_channels, ShapeError, "conv: weight IC is 3 in 1 groups, input IC is 4"),
    (edit_huge_padding, ShapeError, "elements"),
    (edit_computed_weights, UnsupportedError, "conv (Conv): expected a constant weight tensor"),
    (edit_other_file, FormatError, "outside the model's folder"),
    (edit_no_graph, FormatError, "expected a graph"),
]


@pytest.mark.parametrize(("edit", "kind", "text"), DAMAGE, ids=[d[0].__name__ for d in DAMAGE])
def test_damage_is_named(
    tmp_path: Path, edit: Callable[[onnx.ModelProto], None], kind: type[NpuError], text: str
) -> None:
    model = convolution()
    edit(model)
    path = write(tmp_path, model)
    line = one_line(path)
    assert line is not None
    assert text in line
    assert "m.onnx" in line
    with pytest.raises(kind):
        load(path)


def test_the_undamaged_file_loads(tmp_path: Path) -> None:
    assert one_line(write(tmp_path, convolution())) is None


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, b"PK\x03\x04 not a network", b"\xff" * 999]
)
def test_other_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert one_line(path) is not None


def test_no_file_and_a_directory(tmp_path: Path) -> None:
    assert "cannot read it" in (one_line(tmp_path / "none.onnx") or "")
    assert "found a directory" in (one_line(tmp_path) or "")


def test_external_data_is_read(tmp_path: Path) -> None:
    model = convolution()
    weights = model.graph.initializer[0]
    (tmp_path / "weights.bin").write_bytes(b"head" + weights.raw_data)
    plain = load(write(tmp_path, model))
    edit_other_file(model)
    model.graph.initializer[0].external_data[0].value = "weights.bin"
    for key, number in (("offset", 4), ("length", 432)):
        entry = model.graph.initializer[0].external_data.add()
        entry.key, entry.value = key, str(number)
    network = load(write(tmp_path, model))
    np.testing.assert_array_equal(network.tensors["w"].data, plain.tensors["w"].data)
