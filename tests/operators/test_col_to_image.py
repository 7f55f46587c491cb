"""col_to_image: every value is onnxruntime's, in its order of additions."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from onnx import helper

import npusim
from tests.simulator.onnxruntime_reference import loaded, model

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    rank = int(rng.integers(1, 4))
    kernel, stride, dilation = (rng.integers(1, 4, rank).tolist() for _ in range(3))
    if rank != 2:
        dilation = [1] * rank
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    image = [span + int(rng.integers(0, 4)) for span in spans]
    pads = rng.integers(0, 2, 2 * rank).tolist()
    places = prod(
        (n + pads[i] + pads[i + rank] - spans[i]) // stride[i] + 1 for i, n in enumerate(image)
    )
    shape = (int(rng.integers(1, 3)), int(rng.integers(1, 4)) * prod(kernel), places)
    node = helper.make_node(
        "Col2Im", ["x", "i", "k"], ["y"], strides=stride, dilations=dilation, pads=pads
    )
    held = {"i": np.array(image), "k": np.array(kernel)}
    return [node], {"x": rng.normal(size=shape).astype("f")}, held, {"y": np.float32}


def test_dilations_that_the_runtime_computes_otherwise_are_refused() -> None:
    held = {"i": np.array([5]), "k": np.array([3])}
    node = helper.make_node("Col2Im", ["x", "i", "k"], ["y"], dilations=[2])
    with pytest.raises(npusim.NpuError, match="not compute as ONNX says"):
        loaded(model([node], {"x": np.ones((1, 3, 1), "f")}, held, {"y": np.float32}, 18))


test_equals_onnxruntime = equals_onnxruntime(_random)
