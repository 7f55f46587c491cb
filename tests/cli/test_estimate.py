"""`npusim estimate`, and what `run` says of a file that only it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from tests.cli.conftest import Finished


def _shapes_alone(path: Path) -> Path:
    """Write one convolution whose weights are inputs of the graph."""
    values = {"x": (1, 3, 8, 8), "w": (5, 3, 3, 3), "y": (1, 5, 6, 6)}
    x, w, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in values.items()
    )
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    onnx.save(helper.make_model(helper.make_graph([node], "bare", [x, w], [y]), ir_version=8), path)
    return path


def test_estimate_takes_shapes_alone(npusim: Callable[..., Finished], tmp_path: Path) -> None:
    path = _shapes_alone(tmp_path / "bare.onnx")
    done = npusim("estimate", str(path), "--machine", "small")
    assert done.code == 0
    assert "bare on small" in done.out
    assert f"{36 * 5 * 27:,} MACs" in done.out


def test_run_and_quantize_want_weights(npusim: Callable[..., Finished], tmp_path: Path) -> None:
    path = _shapes_alone(tmp_path / "bare.onnx")
    quantize = ("--calibrate", str(path), "--output", str(tmp_path / "out.onnx"))
    for command, rest in (("run", ()), ("quantize", quantize)):
        done = npusim(command, str(path), *rest)
        assert done.code == 2
        assert done.err == (
            "npusim: bare: its file holds shapes without weights; npusim estimate takes it\n"
        )


def test_estimate_takes_a_file_whose_weights_were_taken_out(
    npusim: Callable[..., Finished], tmp_path: Path
) -> None:
    """As files for cost models are published: constants without values, or their file missing."""
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, channels, 8, 8))
        for name, channels in (("x", 3), ("y", 5))
    )
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    w = onnx.TensorProto(name="w", dims=(5, 3, 1, 1), data_type=TensorProto.FLOAT)
    b = onnx.TensorProto(name="b", dims=(5,), data_type=TensorProto.FLOAT)
    b.data_location = TensorProto.EXTERNAL
    entry = b.external_data.add()
    entry.key, entry.value = "location", "gone.bin"
    path = tmp_path / "bare.onnx"
    graph = helper.make_graph(nodes, "bare", [x], [y], [w, b])
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    done = npusim("estimate", str(path), "--machine", "small")
    assert done.code == 0, done.err
    assert f"{64 * 5 * 3:,} MACs" in done.out
    done = npusim("run", str(path))
    assert (done.code, done.err) == (
        2, "npusim: bare: its file holds shapes without weights; npusim estimate takes it\n",
    )  # fmt: skip
