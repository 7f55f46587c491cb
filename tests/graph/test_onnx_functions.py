"""Operators that ONNX defines by others, and a file's own functions: written out, then run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim.errors import UnsupportedError

RNG = np.random.default_rng(0)
ROW, IMAGE = (2, 6, 8), (2, 6, 4, 4)
SCALE = {"s": RNG.normal(size=6).astype(np.float32), "b": RNG.normal(size=6).astype(np.float32)}
CASES: dict[str, tuple[list[tuple[int, ...]], dict[str, Any], dict[str, Any], int]] = {
    "Softsign": ([ROW], {}, {}, 22),
    "Selu": ([ROW], {}, {}, 22),
    "Celu": ([ROW], {"alpha": 0.5}, {}, 22),
    "ThresholdedRelu": ([ROW], {}, {}, 22),
    "Shrink": ([ROW], {"lambd": 0.25}, {}, 22),
    "MeanVarianceNormalization": ([IMAGE], {}, {}, 13),
    "Attention": ([(1, 2, 4, 8)] * 3, {}, {}, 23),
    "GroupNormalization": ([IMAGE], {"num_groups": 3}, SCALE, 21),
}


def model(kind: str, path: Path) -> list[np.ndarray]:
    """Write a file of one operator; return inputs for it."""
    shapes, attributes, constants, opset = CASES[kind]
    names = [f"x{i}" for i in range(len(shapes))]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip(names, shapes, strict=True)
    ]
    node = helper.make_node(kind, [*names, *constants], ["y"], "n", **attributes)
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    y = helper.make_empty_tensor_value_info("y")
    graph = helper.make_graph([node], "g", values, [y], held)
    opsets = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return [RNG.normal(size=shape).astype(np.float32) for shape in shapes]


def compare(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Hold the one output against onnxruntime's, floats to a few last places of the largest."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, arrays)
    (found,) = npusim.run(npusim.load(path), arrays).outputs.values()
    unit = np.spacing(np.float32(max(1, np.abs(expected).max())))
    np.testing.assert_allclose(found, expected, rtol=0, atol=8 * unit)


@pytest.mark.parametrize("kind", CASES)
def test_operators_that_onnx_defines_by_others(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    arrays = model(kind, path)
    compare(path, {f"x{i}": x for i, x in enumerate(arrays)})


def test_a_files_own_function(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    text = """
    <ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    net (float[2, 6] x) => (float[2, 6] y) { y = own.Twice (x) }
    <domain: "own", opset_import: ["" : 17]>
    Twice (a) => (b) { c = Tanh (a)  b = Add (c, a) }
    """
    onnx.save(onnx.parser.parse_model(text), path)
    compare(path, {"x": RNG.normal(size=(2, 6)).astype(np.float32)})


def test_what_has_no_body_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    text = """
    <ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    net (float[2, 6] x) => (float[2, 6] y) { y = own.Thrice (x) }
    """
    onnx.save(onnx.parser.parse_model(text), path)
    with pytest.raises(UnsupportedError, match=r"operator own\.Thrice is not supported"):
        npusim.load(path)
