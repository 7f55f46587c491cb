"""detection_postprocess: what a detector says about anchors -> the best boxes that do not overlap.

TensorFlow's custom operator, which LiteRT has built in; the host computes it in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels.floating_point import dequantize
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step, no_macs
from npusim.runtimes.detection import by_best_class, by_class, decoded
from npusim.runtimes.litert_opt import LANES
from npusim.runtimes.requantization import affine
from npusim.words import Rule

DETECTIONS_A_CLASS = 100
"""Where the file does not say how many."""


NEEDED = (
    "max_detections", "max_classes_per_detection", "num_classes", "nms_score_threshold",
    "nms_iou_threshold", "y_scale", "x_scale", "h_scale", "w_scale",
)  # fmt: skip
"""Options that every such operator has."""


@dataclass(frozen=True)
class DetectionPostprocess(Operator):
    """Encodings [1 B E], scores [1 B C], anchors [B 4] -> boxes, classes, scores and their count.

    Boxes [1 D 4] are ymin xmin ymax xmax, best first; what is beyond the count is 0. With
    `each_class` overlaps count within a class, else a box stands once, with `classes_a_box`.
    """

    most: int
    classes_a_box: int
    most_a_class: int
    classes: int
    scales: tuple[float, float, float, float]
    least_score: float
    most_overlap: float
    each_class: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        boxes, scores, anchors = inputs
        count = boxes[1] if len(boxes) == 3 else 0
        fits = len(boxes) == len(scores) == 3 and boxes[0] == scores[0] == 1 and boxes[2] >= 4
        if not fits or scores[1] != count or anchors != (count, 4):
            raise ShapeError(
                f"boxes {list(boxes)}, scores {list(scores)}, anchors {list(anchors)} do not fit"
            )
        if not 0 <= scores[2] - self.classes <= 1:
            raise ShapeError(f"{self.classes} classes of scores {list(scores)}")
        found = self.most * self.classes_a_box
        return (1, found, 4), (1, found), (1, found), (1,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(
    operator: DetectionPostprocess, encodings: NDArray, scores: NDArray, anchors: NDArray
) -> tuple[NDArray, ...]:
    """Return boxes, classes, scores and their count in float32."""
    boxes = decoded(encodings[0], anchors, np.array(operator.scales, np.float32))
    offset = scores.shape[2] - operator.classes  # a background class comes first
    ends = (operator.least_score, operator.most_overlap)
    columns = scores[0, :, offset:]
    if operator.each_class:
        found = by_class(boxes, columns, operator.most, operator.most_a_class, *ends)
        count = len(found.scores)
    else:
        found = by_best_class(boxes, columns, operator.most, operator.classes_a_box, *ends)
        count = len(found.scores) // min(operator.classes_a_box, operator.classes)
    room = operator.most * operator.classes_a_box
    filled = []
    for part in found:
        whole = np.zeros((1, room, *part.shape[1:]), np.float32)
        whole[0, : len(part)] = part
        filled.append(whole)
    return (*filled, np.array([count], np.float32))


def step(network: Network, node: Node, constants: Any) -> Step:
    """Return the step on quantized boxes, scores and anchors, made real first.

    Scores are dequantized as LiteRT's optimized DEQUANTIZE does, in vectors and a rest.
    """
    operator: Any = node.operator
    boxes, scores, anchors = (_real(node, x) for x in network.inputs_of(node))
    values = prod(network.inputs_of(node)[1].shape)
    vectors = values - values % LANES

    def run(threads: int, *integers: NDArray) -> tuple[NDArray, ...]:
        flat = integers[1].ravel()
        parts = (scores(flat[:vectors], True), scores(flat[vectors:], False))
        reals = np.concatenate(parts).reshape(integers[1].shape)
        return real(operator, boxes(integers[0], False), reals, anchors(integers[2], False))

    return run


def _real(node: Node, x: Tensor) -> Callable[[NDArray, bool], NDArray[np.float32]]:
    """Return (integers, whether the product is distributed) -> float32 of a tensor."""
    scale, zero_point = (np.array(part) for part in affine(node, x))
    return lambda integers, distributed: dequantize(integers, scale, zero_point, distributed)


def float32(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32."""
    operator: Any = node.operator
    return lambda threads, *inputs: real(operator, *inputs)


def _read(layer: TfliteLayer) -> DetectionPostprocess:
    options = layer.record.options or {}
    missing = [name for name in NEEDED if not isinstance(options.get(name), int | float)]
    if missing:
        raise FormatError(f"{layer.record.name}: its option {missing[0]} is missing")
    y, x, h, w = (float(options[f"{part}_scale"]) for part in "yxhw")
    return DetectionPostprocess(
        most=int(options["max_detections"]),
        classes_a_box=int(options["max_classes_per_detection"]),
        most_a_class=int(options.get("detections_per_class", DETECTIONS_A_CLASS)),
        classes=int(options["num_classes"]),
        scales=(y, x, h, w),
        least_score=float(options["nms_score_threshold"]),
        most_overlap=float(options["nms_iou_threshold"]),
        each_class=bool(options.get("use_regular_nms", False)),
    )


PAGE = Page(
    operator=DetectionPostprocess,
    tflite=(TfliteForm("CUSTOM TFLite_Detection_PostProcess", 3, _read),),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=Absent("computes on real values"),
    quantized=step,
    float32=float32,
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)
