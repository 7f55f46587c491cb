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
