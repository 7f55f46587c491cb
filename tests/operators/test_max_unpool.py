"""max_unpool: what a MaxPool took is back at its places, as onnxruntime has it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

import npusim
from tests.simulator.onnxruntime_reference import loaded, model, npusim_run

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    rank = int(rng.integers(1, 4))
    size = rng.integers(1, 4, rank)
    x = rng.normal(size=(*rng.integers(1, 3, 2), *(size * rng.integers(1, 4, rank)))).astype("f")
    window = {"kernel_shape": size.tolist(), "strides": size.tolist()}
    held = {"s": np.array(x.shape)} if rng.random() < 0.3 else {}
    nodes = [
        helper.make_node("MaxPool", ["x"], ["v", "i"], **window),
        helper.make_node("MaxUnpool", ["v", "i", *held], ["y"], **window),
    ]
    return nodes, {"x": x}, held, {"y": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_random)


def test_a_place_outside_is_named() -> None:
    given = {"x": np.ones((1, 1, 1), "f"), "i": np.array([[[5]]])}
    node = helper.make_node("MaxUnpool", ["x", "i"], ["y"], kernel_shape=[2], strides=[2])
    network = loaded(model([node], given, {}, {"y": np.float32}))
    with pytest.raises(npusim.NpuError, match="place 5 is outside"):
        npusim_run(network, given)
