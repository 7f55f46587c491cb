"""pick: nearest Resize and Gather of constant places have onnxruntime's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.simulator.onnxruntime_reference import assert_same_bytes

from .qdq_cases import Made, any_shape, equals_onnxruntime

MODES = ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")
NEAREST = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


def made(rng: np.random.Generator) -> Made:
    shape = (1, *(int(n) for n in rng.integers(1, 6, 3)))
    sizes = np.array([*shape[:2], *rng.integers(1, 9, 2)], np.int64)
    node = helper.make_node(
        "Resize", ["r", "", "", "sizes"], ["s"], mode="nearest",
        coordinate_transformation_mode=str(rng.choice(MODES)),
        nearest_mode=str(rng.choice(NEAREST)),
    )  # fmt: skip
    return node, {"sizes": sizes}, shape


test_bytes = equals_onnxruntime(made)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float32])
def test_rows_of_constant_places(dtype: type) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shape = any_shape(rng)
        axis = int(rng.integers(0, len(shape)))
        extent = shape[axis]
        places = rng.integers(-extent, extent, any_shape(rng, 1, 2))
        node = helper.make_node("Gather", ["x", "i"], ["y"], axis=axis)
        x = rng.integers(-100, 100, shape).astype(dtype)
        assert_same_bytes([node], {"x": x}, {"i": places.astype(np.int64)}, {"y": dtype})
