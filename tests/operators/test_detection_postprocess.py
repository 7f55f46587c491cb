"""detection_postprocess: boxes, classes, scores and count equal to LiteRT's custom operator."""

from __future__ import annotations

import numpy as np
from flatbuffers import flexbuffers

from tests.simulator.tflite_builder import Value, custom_operator

from .litert_cases import KERNELS, Draw, network, random_layers, run, witness


@random_layers
def test_equals_litert(draw: Draw) -> None:
    boxes, classes, background = draw.between(1, 40), draw.between(1, 6), draw.between(0, 1)
    quantized = draw.flag()
    each_class = draw.flag()
    settings = {
        "max_detections": draw.between(1, 12),
        # which of equal scores comes first is its library's choice where there are several
        "max_classes_per_detection": 1 if each_class or quantized else min(2, classes),
        "num_classes": classes,
        "nms_score_threshold": draw.pick([0.0, 0.3, 1e-8]),
        "nms_iou_threshold": draw.pick([0.2, 0.6, 1.0]),
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
        "use_regular_nms": each_class,
    }

    def value(shape: tuple[int, ...], low: int) -> Value:
        if not quantized:
            return draw.plain(shape, "float32")
        return Value(shape, "uint8", np.float32(2.0**low), draw.pick([0, 10, 128]) * (low != -8))

    encodings = value((1, boxes, 4), -4)
    scores = value((1, boxes, classes + background), -8)
    anchors = value((boxes, 4), -7)
    arrays = [draw.array(encodings, -4, 4), draw.array(scores, 0, 1), draw.array(anchors, 0, 1)]
    if not quantized:
        arrays[1] = draw.rng.random(scores.shape).astype(np.float32)
        arrays[2] = draw.rng.uniform(0.1, 0.9, anchors.shape).astype(np.float32)
    else:
        zero = np.uint8(anchors.zero_point)
        arrays[2] = np.maximum(arrays[2], zero)  # sizes are not negative
    content = custom_operator(
        "TFLite_Detection_PostProcess",
        [encodings, scores, anchors],
        [Value((), "float32")] * 4,
        bytes(flexbuffers.Dumps(settings)),
    )
    of = network(content)
    for kernels, rule in KERNELS.items():
        expected = witness(content, kernels, arrays)
        found = run(of, rule, arrays)
        count = int(expected[3][0])
        assert int(found[3][0]) == count
        filled = count * settings["max_classes_per_detection"]
        for y, right in zip(found[:3], expected[:3], strict=True):
            np.testing.assert_array_equal(
                y[:, :filled], right[:, :filled], f"{kernels}, {settings}"
            )
