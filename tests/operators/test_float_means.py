"""Means in float32 have onnxruntime's bits: which of its loops adds decides the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

import npusim
from tests.simulator.onnxruntime_reference import in_16_lanes

CASES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    *(("GlobalAveragePool", (2, c, h, w), {}) for c, h, w in ((5, 1, 7), (16, 3, 5), (3, 7, 7))),
    *(
        ("AveragePool", (2, c, h, w), {"kernel_shape": [h, w]})
        for c, h, w in ((16, 2, 2), (32, 4, 4), (16, 5, 7), (15, 5, 7), (8, 2, 2))
    ),
    *(
        ("AveragePool", (1, c, 6, 6), {"kernel_shape": [3, 3], "pads": [1] * 4} | padding)
        for c in (15, 48)
        for padding in ({}, {"count_include_pad": 1})
    ),
    *(
        ("ReduceMean", shape, {"axes": axes, "keepdims": 0})
        for shape in ((3, 3, 7, 5), (5, 1, 5, 3), (2, 4, 4, 4))
        for axes in ([2, 3], [1, 2, 3], [3])
    ),
]
"""Windows that are the image, channels in whole vectors, rows that are not, batches."""


@in_16_lanes
@pytest.mark.parametrize(("kind", "shape", "attributes"), CASES)
@pytest.mark.parametrize("threads", [1, 3])
def test_every_bit(
    tmp_path: Path, kind: str, shape: tuple[int, ...], attributes: dict[str, Any], threads: int
) -> None:
    constants = [
        helper.make_tensor("s", TensorProto.FLOAT, (), [0.01234]),
        helper.make_tensor("z", TensorProto.UINT8, (), [3]),
    ]
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["a"]),
        helper.make_node(kind, ["a"], ["y"], **attributes),
    ]
    x_info = helper.make_tensor_value_info("x", TensorProto.UINT8, shape)
    y_info = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x_info], [y_info], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    x = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    (expected,) = onnxruntime.InferenceSession(path, settings).run(None, {"x": x})
    found = npusim.run(npusim.load(path), x, threads=threads).outputs["y"]
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))
