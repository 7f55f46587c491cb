"""conv_integer: what quantize_dynamic makes of Conv has onnxruntime's bits."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.simulator.onnxruntime_reference import ALL, assert_same_bytes


@pytest.mark.parametrize("seed", range(30))
def test_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, inner, outer = (int(n) for n in rng.integers(1, 4, 3))
    kernel, stride, pad = (int(rng.choice(c)) for c in ([1, 2, 3], [1, 2], [0, 1]))
    x = rng.standard_normal((1, groups * inner, 6, 5)).astype(np.float32)
    constants = {
        "w": rng.integers(0, 128, (groups * outer, inner, kernel, kernel)).astype(np.uint8),
        "wz": np.array(rng.integers(0, 128), np.uint8),
    }
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node(
            "ConvInteger", ["q", "w", "z", "wz"], ["sums"], group=groups,
            kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4,
        ),
        helper.make_node("Cast", ["sums"], ["real"], to=1),
        helper.make_node("Mul", ["real", "s"], ["y"]),
    ]  # fmt: skip
    assert_same_bytes(nodes, {"x": x}, constants, {"y": np.float32}, ALL)
