"""elu: every byte equal to LiteRT's, floats to a unit in the last place or two."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.processor import HAS_AVX512

from .litert_cases import BUILT_IN, Draw, compare, random_layers, unary
from .onnx_cases import Case, equals_onnxruntime


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "ELU", ["int8", "float32"])
    is_float = any(array.dtype == np.float32 for array in layer.arrays)
    # XNNPACK approximates in another way where there is no AVX-512: three places off, not two.
    compare(layer, ulp=2, kernels=BUILT_IN if HAS_AVX512 or not is_float else ("opt",))


def _random(rng: np.random.Generator) -> Case:
    x = (rng.normal(size=(3, 40)) * 4).astype("f")
    node = helper.make_node("Elu", ["x"], ["y"], alpha=float(rng.choice([1, 0.8, 0.1, -2, 3])))
    return [node], {"x": x}, {}, {"y": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_random)
