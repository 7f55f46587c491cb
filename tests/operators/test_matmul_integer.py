"""matmul_integer: what quantize_dynamic makes of MatMul has onnxruntime's bits."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.simulator.onnxruntime_reference import ALL, assert_same_bytes


@pytest.mark.parametrize("seed", range(30))
def test_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, depth, columns = (int(n) for n in rng.integers(1, 40, 3))
    x = (rng.standard_normal((rows, depth)) * 3).astype(np.float32)
    kind = rng.choice([np.int8, np.uint8])
    limits = np.iinfo(kind)
    each = columns if rng.random() < 0.5 else 1
    constants = {
        "w": rng.integers(limits.min // 2, limits.max // 2, (depth, columns)).astype(kind),
        "ws": np.exp(rng.uniform(-6, -2, each)).astype(np.float32),
        "wz": np.array(0 if kind == np.int8 else 7, kind),
        "b": rng.standard_normal(columns).astype(np.float32),
    }
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w", "z", "wz"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["real"], to=1),
        helper.make_node("Mul", ["s", "ws"], ["factor"]),
        helper.make_node("Mul", ["real", "factor"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["y"]),
    ]
    assert_same_bytes(nodes, {"x": x}, constants, {"y": np.float32}, ALL)
