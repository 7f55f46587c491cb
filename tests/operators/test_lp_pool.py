"""lp_pool: norms of windows are onnxruntime's, but for the last places."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    rank = int(rng.integers(1, 4))
    x = rng.normal(size=(1, 2, *rng.integers(5, 8, rank))).astype("f")
    p = int(rng.integers(1, 4))
    if rng.random() < 0.2:
        return (
            [helper.make_node("GlobalLpPool", ["x"], ["y"], p=p)],
            {"x": x},
            {},
            {"y": np.float32},
        )
    kernel = rng.integers(1, 4, rank).tolist()
    node = helper.make_node(
        "LpPool", ["x"], ["y"], p=p, kernel_shape=kernel, strides=rng.integers(1, 3, rank).tolist(),
        dilations=rng.integers(1, 3, rank).tolist(),
        pads=[int(rng.integers(0, k)) for k in kernel * 2],
    )  # fmt: skip
    return [node], {"x": x}, {}, {"y": np.float32}


test_is_close_to_onnxruntime = equals_onnxruntime(_random, last_places=8)
