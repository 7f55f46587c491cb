"""Several inputs and outputs at the command line: by name, from .npz keys, or a clear line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.cli.conftest import Finished

Run = Callable[..., Finished]
RNG = np.random.default_rng(3)
A = RNG.integers(-128, 128, (2, 3, 4)).astype(np.int8)
B = RNG.integers(-128, 128, (2, 3, 4)).astype(np.int8)


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Return a file of two inputs [1 3 4] and two outputs, the greater and the lesser."""
    values = [helper.make_tensor_value_info(n, TensorProto.INT8, (1, 3, 4)) for n in "abyz"]
    nodes = [helper.make_node("Max", ["a", "b"], ["y"]), helper.make_node("Min", ["a", "b"], ["z"])]
    graph = helper.make_graph(nodes, "g", values[:2], values[2:])
    path = tmp_path / "pair.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    np.save(tmp_path / "a.npy", A)
    np.save(tmp_path / "b.npy", B)
    np.savez(tmp_path / "both.npz", a=A, b=B)
    return path


def given(folder: Path, *texts: str) -> list[object]:
    """Return --input options, file names relative to the folder."""
    options: list[object] = []
    for text in texts:
        name, equals, file = text.rpartition("=")
        options += ["--input", f"{name}{equals}{folder / file}"]
    return options


@pytest.mark.parametrize("texts", [("a=a.npy", "b=b.npy"), ("both.npz",), ("b=b.npy", "a=a.npy")])
def test_inputs_by_name(npusim: Run, pair: Path, texts: tuple[str, ...]) -> None:
    folder = pair.parent
    done = npusim("run", pair, *given(folder, *texts), "--output", folder / "y.npz")
    assert done.code == 0, done.err
    with np.load(folder / "y.npz") as file:
        found = dict(file)
    np.testing.assert_array_equal(found["y"], np.maximum(A, B))
    np.testing.assert_array_equal(found["z"], np.minimum(A, B))
    assert "2 samples" in done.out


def test_without_files_every_input_is_zero(npusim: Run, pair: Path) -> None:
    assert npusim("run", pair).code == 0


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a=a.npy"], "expected its inputs a, b, nothing gives b"),
        (["a.npy"], "expected NAME=FILE, or an .npz file of arrays by name: pair has the inputs a"),
        (["c=a.npy", "a=a.npy"], "pair has no input 'c', it has a, b"),
        (["both.npz", "a=a.npy"], "input a is given twice"),
        (["a=none.npy", "b=b.npy"], "none.npy: no such file"),
    ],
)
def test_what_is_wrong_is_one_line(npusim: Run, pair: Path, texts: list[str], words: str) -> None:
    done = npusim("run", pair, *given(pair.parent, *texts))
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1 + ("compiling" in done.err)
