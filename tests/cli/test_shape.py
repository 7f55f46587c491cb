"""--shape settles what an .onnx file leaves free, and a wrong one is a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

from npusim.cli.app import app


@pytest.fixture
def free(tmp_path: Path) -> Path:
    """Return a file of one Relu whose input has two free extents."""
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, "A", "B"]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    path = tmp_path / "free.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_a_shape_is_settled(free: Path, tmp_path: Path) -> None:
    x = np.arange(-3, 3, dtype=np.float32).reshape(1, 2, 3)
    np.save(tmp_path / "x.npy", x)
    arguments = ["run", free, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npz"]
    shown = CliRunner().invoke(app, [*map(str, arguments), "--shape", "x=1,2,3"])
    assert shown.exit_code == 0, shown.exception
    np.testing.assert_array_equal(np.load(tmp_path / "y.npz")["y"], np.maximum(x, 0))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "--shape x="),
        (["x"], "expected NAME=1,3,224,224, found 'x'"),
        (["x=1,-2,3"], "expected NAME=1,3,224,224"),
        (["x=1,2,3", "x=1,2,4"], "x has a shape already"),
    ],
)
def test_a_wrong_shape_is_named(free: Path, given: list[str], words: str) -> None:
    options = [item for text in given for item in ("--shape", text)]
    shown = CliRunner().invoke(app, ["estimate", str(free), *options])
    assert shown.exit_code != 0
    assert words in shown.output + str(shown.exception)
