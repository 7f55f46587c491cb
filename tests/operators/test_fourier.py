"""fourier: onnxruntime's transforms, but for the last places of the greatest value."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _shape(rng: np.random.Generator, last: int) -> tuple[int, ...]:
    return (*(int(n) for n in rng.integers(1, 20, rng.integers(2, 4))), last)


def _by_input(rng: np.random.Generator) -> Case:
    half, inverse = (int(n) for n in rng.integers(0, 2, 2))
    x = rng.normal(size=_shape(rng, 1 if half else int(rng.integers(1, 3)))).astype("f")
    inverse = 0 if half else inverse
    axis = int(rng.integers(0, x.ndim - 1))
    held: dict[str, Any] = {"a": np.array(axis if rng.random() < 0.5 else axis - x.ndim)}
    names = ["x", "", "a"]
    if rng.random() < 0.3:
        held["n"], names[1] = np.array(int(rng.integers(1, 24))), "n"
    node = helper.make_node("DFT", names, ["y"], onesided=half, inverse=inverse)
    return [node], {"x": x}, held, {"y": np.float32}


def _by_attribute(rng: np.random.Generator) -> Case:
    x = rng.normal(size=_shape(rng, 2)).astype("f")
    node = helper.make_node("DFT", ["x"], ["y"], axis=int(rng.integers(0, x.ndim - 1)))
    return [node], {"x": x}, {}, {"y": np.float32}


test_is_close_to_onnxruntime = equals_onnxruntime(_by_input, opset=20, last_places=256)
test_axes_of_older_files = equals_onnxruntime(_by_attribute, opset=17, last_places=256)
