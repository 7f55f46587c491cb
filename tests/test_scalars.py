"""Files whose inputs or outputs have no axis, no node, or no work for the machine: each runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim.formats.arrays import read_arrays
from tests.cli.conftest import Finished
from tests.cli.conftest import npusim as command  # noqa: F401  # a fixture
from tests.simulator.litert_witness import invoke, litert
from tests.simulator.tflite_builder import Value, constant, options, single_operator

S = np.float32(0.05)


def scalar_relu() -> bytes:
    return single_operator("RELU", [Value((), "int8", S, 3)], Value((), "int8", S, 3), None)


def mean_of_all() -> bytes:
    axes = constant(np.array([0, 1, 2], np.int32))
    made = options("ReducerOptions", keepDims=False)
    return single_operator(
        "MEAN", [Value((1, 3, 4), "int8", S, 3), axes], Value((), "int8", S, -1), made
    )


def scalar_add() -> bytes:
    inputs: list[Value | None] = [Value((), "int8", S, 3), Value((), "int8", S, -5)]
    made = options("AddOptions")
    return single_operator("ADD", inputs, Value((), "int8", 2 * S, 1), made)


@pytest.mark.parametrize("content", [scalar_relu(), mean_of_all(), scalar_add()])
@pytest.mark.parametrize("machine", ["nano", "base"])
def test_tflite(tmp_path: Path, content: bytes, machine: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    network = npusim.load(path)
    rng = np.random.default_rng(1)
    shapes = {name: network.tensors[name].shape for name in network.inputs}
    x = {name: rng.integers(-128, 128, shape).astype(np.int8) for name, shape in shapes.items()}
    expected = invoke(litert(content, "ref"), *x.values())
    for engine in ("kernels", "machine"):
        choice = {"machine": machine} if engine == "machine" else {}
        (found,) = npusim.run(network, x, engine=engine, **choice).outputs.values()
        assert found.shape == expected.shape == ()
        assert found == expected
    assert npusim.estimate(network, machine).cycles >= 0


def onnx_file(nodes: list[onnx.NodeProto], shape: tuple[int, ...], output: str) -> bytes:
    held = [numpy_helper.from_array(np.float32(S), "s"), numpy_helper.from_array(np.int8(3), "z")]
    info = [
        helper.make_tensor_value_info("x", TensorProto.INT8, shape),
        helper.make_tensor_value_info(output, TensorProto.INT8, None if output == "y" else shape),
    ]
    outputs = info[1:] if output else []
    graph = helper.make_graph(nodes, "g", info[:1], outputs, held)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def between(*nodes: onnx.NodeProto) -> list[onnx.NodeProto]:
    return [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["a"]),
        *nodes,
        helper.make_node("QuantizeLinear", ["b", "s", "z"], ["y"]),
    ]


ONNX = {
    "relu": (between(helper.make_node("Relu", ["a"], ["b"])), (), "y"),
    "mean": (between(helper.make_node("ReduceMean", ["a"], ["b"], keepdims=0)), (1, 3), "y"),
    "nothing is done": ([], (1, 4), "x"),
    "nothing is done to a scalar": ([], (), "x"),
}


@pytest.mark.parametrize(("nodes", "shape", "output"), ONNX.values(), ids=ONNX.keys())
def test_onnx(tmp_path: Path, nodes: list, shape: tuple[int, ...], output: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx_file(nodes, shape, output))
    network = npusim.load(path)
    x = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
    for engine in ("kernels", "machine"):
        (found,) = npusim.run(network, {"x": x}, engine=engine).outputs.values()
        np.testing.assert_array_equal(found, expected)
        assert found.shape == expected.shape
        assert npusim.run(network, {"x": x}, engine=engine)._repr_html_()
    assert npusim.estimate(network, "base").cycles >= 0


FILES = {
    "relu.tflite": scalar_relu(),
    "mean.tflite": mean_of_all(),
    "add.tflite": scalar_add(),
    **{f"{name.replace(' ', '_')}.onnx": onnx_file(*made) for name, made in ONNX.items()},
}


@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("name", FILES)
def test_commands(tmp_path: Path, command: Callable[..., Finished], name: str) -> None:  # noqa: F811
    path, results, tensors = tmp_path / name, tmp_path / "r.json", tmp_path / "t.npz"
    path.write_bytes(FILES[name])
    for arguments in (
        ("run", path, "--json", results, "--save-tensors", tensors),
        ("run", path, "--engine", "machine"),
        ("estimate", path),
        ("inspect", path),
        ("check", path),
        ("compile", path, "-o", tmp_path / "m.npu"),
    ):
        done = command(*arguments)
        assert done.code == 0, (arguments, done)
        assert "Traceback" not in done.err
    page = tmp_path / "e.html"
    done = command("estimate", path, "--report", page)
    is_drawn = npusim.estimate(npusim.load(path), "base").cycles > 0
    assert done.code == (0 if is_drawn else 2)
    assert page.exists() == is_drawn
    assert is_drawn or done.err.endswith("computes nothing of it: there is nothing to draw\n")
    done = command("verify", path, "--simulator", "icarus", "--machine", "nano")
    assert done.code == (0 if is_drawn else 2)
    assert is_drawn or "nothing was compared" in done.err
    assert json.loads(results.read_text())["model"] == path.stem
    assert read_arrays(tensors)
