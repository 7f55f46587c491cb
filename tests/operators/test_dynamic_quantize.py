"""dynamic_quantize: integers, scale and zero point are onnxruntime's."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.simulator.onnxruntime_reference import assert_same_bytes


@pytest.mark.parametrize("seed", range(30))
def test_bytes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 5)))
    x = (rng.standard_normal(shape) * np.exp(rng.uniform(-3, 3)) + rng.uniform(-2, 2)).astype(
        np.float32
    )
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])
    outputs = {"y": np.uint8, "s": np.float32, "z": np.uint8}
    assert_same_bytes([node], {"x": x}, {}, outputs)
