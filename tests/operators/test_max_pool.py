"""max_pool: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime, values
from .three_kernels import equals_litert

test_random_layers = equals_litert("MAX_POOL_2D")


def _of_the_whole(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 9, rng.integers(3, 5)))
    node = helper.make_node("GlobalMaxPool", ["x"], ["y"])
    return [node], {"x": values(rng, shape, np.float32)}, {}, {"y": np.float32}


test_the_greatest_of_images_and_signals_equals_onnxruntime = equals_onnxruntime(_of_the_whole)
