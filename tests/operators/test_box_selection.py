"""box_selection: the boxes that onnxruntime takes, ties, strangely ordered corners and all."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    samples, classes, count = (int(rng.integers(1, most)) for most in (4, 4, 30))
    boxes = rng.uniform(0, 1, (samples, count, 4)).astype(np.float32)
    if rng.random() < 0.5:  # corners on a grid: areas and overlaps that are equal, or none
        boxes = (rng.integers(0, 5, boxes.shape) / np.float32(4)).astype(np.float32)
    levels = int(rng.choice([2, 6, 1000]))
    scores = (rng.integers(0, levels, (samples, classes, count)) / levels).astype(np.float32)
    limits = {
        "most": np.array([rng.integers(0, 12)]),
        "overlap": np.array(rng.choice([0, 0.25, 0.5, 1]), np.float32),
        "score": np.array([rng.choice([0, 0.5, 0.999, 2])], np.float32),
    }
    given = [*limits][: int(rng.integers(1, 4))]
    node = helper.make_node(
        "NonMaxSuppression",
        ["boxes", "scores", *given],
        ["y"],
        center_point_box=int(rng.integers(2)),
    )
    held = {name: limits[name] for name in given}
    return [node], {"boxes": boxes, "scores": scores}, held, {"y": np.int64}


test_equals_onnxruntime = equals_onnxruntime(_random)
