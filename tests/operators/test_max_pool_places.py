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
