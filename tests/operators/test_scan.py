"""scan: states and slices as onnxruntime's Scan has them, along any axes, both ways."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime, values

NODE, INFO = helper.make_node, helper.make_tensor_value_info


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 4)))
    length, axes = int(rng.integers(1, 6)), []
    inputs = {"h0": np.asarray(values(rng, shape, np.float32)), "w": np.ones(shape, np.float32)}
    for name in ("a", "b"):
        axis = int(rng.integers(len(shape) + 1))
        axes.append(axis)
        inputs[name] = values(rng, (*shape[:axis], length, *shape[axis:]), np.float32)
    body = helper.make_graph(
        [
            NODE("Add", ["h", "p"], ["s"]),
            NODE("Mul", ["s", "q"], ["h2"]),
            NODE("Sub", ["h2", "w"], ["y1"]),
            NODE("Neg", ["s"], ["y2"]),
        ],
        "body",
        [INFO(name, 1, shape) for name in ("h", "p", "q")],
        [INFO(name, 1, None) for name in ("h2", "y1", "y2")],
    )
    rank = len(shape) + 1
    node = NODE(
        "Scan",
        ["h0", "a", "b"],
        ["h", "c", "d"],
        body=body,
        num_scan_inputs=2,
        scan_input_axes=[axis - rank * int(rng.integers(2)) for axis in axes],
        scan_input_directions=[int(n) for n in rng.integers(0, 2, 2)],
        scan_output_axes=[int(n) for n in rng.integers(-rank, rank, 2)],
        scan_output_directions=[int(n) for n in rng.integers(0, 2, 2)],
    )
    inputs["h0"] = np.asarray(np.clip(inputs["h0"], -2, 2))
    return [node], inputs, {}, dict.fromkeys(("h", "c", "d"), np.float32)


test_equals_onnxruntime = equals_onnxruntime(_random)
