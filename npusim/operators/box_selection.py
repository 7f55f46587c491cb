"""box_selection: boxes and scores by class -> the best boxes that overlap no better one.

Source: ONNX, NonMaxSuppression; onnxruntime, object_detection/non_max_suppression.cc. All of it is
float32; of equal scores the box that stands first comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.page import NO_OWN_FORM, Absent, Page, no_macs

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class BoxSelection(Operator):
    """Boxes [N B 4], scores [N C B] -> int64 [chosen 3]: sample, class and box, the best first.

    At most `most` boxes of each class; a box goes where it overlaps a better one of its class by
    more than `most_overlap`, or where its score is not above `least_score` (None: no limit). Boxes
    are two opposite corners, y and x, or where `centred` a centre, x and y, width and height.
    """

    most: int
    most_overlap: float
    least_score: float | None
    centred: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def sizes_vary(self) -> bool:
        return True

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        boxes, scores = inputs
        if len(boxes) != 3 or len(scores) != 3 or boxes != (scores[0], scores[2], 4):
            raise ShapeError(f"boxes {list(boxes)} and scores {list(scores)} do not fit")
        samples, classes, count = scores
        return ((samples * classes * min(max(self.most, 0), count), 3),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: BoxSelection, boxes: NDArray, scores: NDArray) -> NDArray:
    """Return sample, class and box of every box chosen."""
    found = [
        (sample, number, box)
        for sample, of_sample in enumerate(scores)
        for number, of_class in enumerate(of_sample)
        for box in chosen(operator, _corners(operator, boxes[sample]), of_class)
    ]
    return np.array(found, np.int64).reshape(-1, 3)


def _corners(operator: BoxSelection, boxes: Floats) -> Floats:
    """Return least and greatest coordinates of the boxes, [B 4]."""
    if operator.centred:
        halves = boxes[:, 2:] / np.float32(2)
        return np.concatenate([boxes[:, :2] - halves, boxes[:, :2] + halves], axis=1)
    ends = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([np.minimum(*ends), np.maximum(*ends)], axis=1)


def chosen(operator: BoxSelection, corners: Floats, scores: Floats) -> list[int]:
    """Return the boxes of one class, the best first."""
    places = np.arange(len(scores))
    if operator.least_score is not None:
        places = np.flatnonzero(scores > np.float32(operator.least_score))
    order = places[np.argsort(-scores[places], kind="stable")]
    found: list[int] = []
    while len(order) and len(found) < operator.most:
        best, order = order[0], order[1:]
        found.append(int(best))
        shared = overlaps(corners[order], corners[best])
        order = order[~(shared > np.float32(operator.most_overlap))]
    return found


def overlaps(boxes: Floats, box: Floats) -> Floats:
    """Return the area that each of `boxes` shares with `box` over that of both together."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    sides = high - low
    shared = sides[:, 0] * sides[:, 1]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    both = areas + area - shared
    apart = (sides <= 0).any(axis=1) | (shared <= 0) | (areas <= 0) | (both <= 0) | (area <= 0)
    return np.where(apart, np.float32(0), shared / np.where(apart, np.float32(1), both))


def _read(b: Builder, node: OnnxNode) -> None:
    values = tuple(b.value(node, index) for index in range(2))
    limits = [b.optional(node, index, "limit") for index in range(3, 5)]
    most_overlap, least_score = (None if x is None else x.item() for x in limits)
    operator = BoxSelection(
        b.optional_integer(node, 2, "number of boxes") or 0,
        float(most_overlap or 0),
        None if least_score is None else float(least_score),
        bool(node.integer("center_point_box", 0)),
    )
    b.emit(node.name, operator, values, node.outputs[0], np.dtype(np.int64))


PAGE = Page(
    operator=BoxSelection,
    tflite=(),
    onnx=(OnnxForm("NonMaxSuppression", _read),),
    own=NO_OWN_FORM,
    real=real,
    constants=Absent("is computed on floats alone"),
    quantized=Absent("is computed on floats alone"),
    float32=lambda network, node, rule: lambda threads, *values: real(node.operator, *values),  # type: ignore[arg-type]
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)
