"""matmul: products of two computed values equal onnxruntime's QLinearMatMul and MatMulInteger."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.simulator.onnxruntime_reference import assert_same_bytes

CASES = 100
BYTES = (np.int8, np.uint8)


def operands(rng: np.random.Generator, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Return a [... M K] and b [... K N] of the whole range, or of its ends alone."""
    m, k, n = rng.integers(1, 7, 3)
    leading = tuple(int(d) for d in rng.integers(1, 4, rng.integers(0, 3)))
    limits = np.iinfo(dtype)
    choices = [limits.min, limits.max] if rng.random() < 0.3 else range(limits.min, limits.max + 1)
    a, b = (rng.choice(choices, (*leading, *ends)).astype(dtype) for ends in ((m, k), (k, n)))
    return a, b


@pytest.mark.parametrize("dtype", BYTES)
def test_products_equal_onnxruntime(dtype: type) -> None:
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        a, b = operands(rng, dtype)
        sa, sb = (np.float32(2.0 ** rng.uniform(-9, 2)) for _ in range(2))
        sy = np.float32(float(sa * sb) * 2.0 ** rng.uniform(0, 12))
        if rng.random() < 0.4:  # ties
            sa, sb, sy = np.float32(0.5), np.float32(0.25), np.float32(2.0 ** rng.integers(0, 5))
        za, zb, zy = (rng.choice([0, 3, np.iinfo(dtype).max]).astype(dtype) for _ in range(3))
        constants = {"sa": sa, "za": za, "sb": sb, "zb": zb, "sy": sy, "zy": zy}
        names = ["a", "sa", "za", "b", "sb", "zb", "sy", "zy"]
        node = helper.make_node("QLinearMatMul", names, ["y"])
        constants = {key: np.asarray(value) for key, value in constants.items()}
        assert_same_bytes([node], {"a": a, "b": b}, constants, {"y": dtype})


@pytest.mark.parametrize("dtype", BYTES)
def test_sums_equal_onnxruntime(dtype: type) -> None:
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        a, b = operands(rng, dtype)
        zeros = {"za": np.asarray(rng.integers(0, 9), dtype), "zb": np.asarray(5, dtype)}
        node = helper.make_node("MatMulInteger", ["a", "b", "za", "zb"], ["y"])
        assert_same_bytes([node], {"a": a, "b": b}, zeros, {"y": np.int32})
