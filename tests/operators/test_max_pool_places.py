"""max_pool_places: values and places are onnxruntime's, of equal values the first."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime, values


def _random(rng: np.random.Generator) -> Case:
    rank = int(rng.integers(1, 4))
    dtype = (np.float32, np.uint8, np.int8)[rng.integers(3)]
    x = values(rng, (*rng.integers(1, 3, 2), *rng.integers(5, 8, rank)), dtype, 9)
    kernel = rng.integers(1, 4, rank).tolist()
    node = helper.make_node(
        "MaxPool", ["x"], ["y", "i"], kernel_shape=kernel,
        strides=rng.integers(1, 3, rank).tolist(), dilations=rng.integers(1, 3, rank).tolist(),
        pads=[int(rng.integers(0, k)) for k in kernel * 2],
        storage_order=int(rng.integers(2)) if rank == 2 else 0,
    )  # fmt: skip
    return [node], {"x": x}, {}, {"y": dtype, "i": np.int64}


test_equals_onnxruntime = equals_onnxruntime(_random)


def _behind_dequantize(rng: np.random.Generator) -> Case:
    """Places of values that come of integers are places all the same."""
    x = rng.integers(0, 256, (1, 2, *rng.integers(4, 8, 2))).astype(np.uint8)
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["p", "i"], **window),
        helper.make_node("QuantizeLinear", ["p", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    held = {"s": np.float32(rng.uniform(0.01, 0.1)), "z": np.uint8(rng.integers(256))}
    held = {name: np.asarray(value) for name, value in held.items()}
    return nodes, {"x": x}, held, {"y": np.float32, "i": np.int64}


test_places_behind_integers_equal_onnxruntime = equals_onnxruntime(_behind_dequantize, cases=50)
