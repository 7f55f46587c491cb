"""roi_align: places of boxes are onnxruntime's, but for the last places."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

import npusim
from tests.simulator.onnxruntime_reference import loaded, model, npusim_run

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    samples, channels, height, width = (int(n) for n in rng.integers(1, 9, 4))
    boxes = rng.uniform(-3, 12, (int(rng.integers(1, 5)), 4)).astype("f")
    boxes = np.sort(boxes.reshape(-1, 2, 2), 1).reshape(-1, 4)
    given = {
        "x": rng.normal(size=(samples, channels, height, width)).astype("f"),
        "boxes": boxes,
        "numbers": rng.integers(0, samples, len(boxes)),
    }
    node = helper.make_node(
        "RoiAlign", [*given], ["y"], mode=("avg", "max")[rng.integers(2)],
        output_height=int(rng.integers(1, 5)), output_width=int(rng.integers(1, 5)),
        sampling_ratio=int(rng.integers(0, 4)), spatial_scale=float(rng.choice([1, 0.5, 0.25])),
        coordinate_transformation_mode=("half_pixel", "output_half_pixel")[rng.integers(2)],
    )  # fmt: skip
    return [node], given, {}, {"y": np.float32}


test_is_close_to_onnxruntime = equals_onnxruntime(_random, last_places=4)


def test_a_box_of_no_sample_is_named() -> None:
    given = {"x": np.ones((1, 1, 2, 2), "f"), "b": np.ones((1, 4), "f"), "n": np.array([3])}
    network = loaded(model([helper.make_node("RoiAlign", [*given], ["y"])], given, {},
                           {"y": np.float32}))  # fmt: skip
    with pytest.raises(npusim.NpuError, match="a box of sample 3, of 1"):
        npusim_run(network, given)
