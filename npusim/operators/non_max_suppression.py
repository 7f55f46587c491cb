"""non_max_suppression: boxes and scores -> the best boxes that overlap no better one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer, constant_data
from npusim.operators.page import NO_OWN_FORM, Absent, Page, no_macs
from npusim.runtimes.soft_suppression import chosen


@dataclass(frozen=True)
class NonMaxSuppression(Operator):
    """Boxes [B 4], scores [B] -> places [most] of the boxes taken, the rest 0, and their number.

    With `soft` there are scores [most] between the two, and `sigma` weakens what overlaps.
    """

    most: int
    most_overlap: float
    least_score: float
    sigma: float
    soft: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        boxes, scores = inputs
        if len(scores) != 1 or boxes != (*scores, 4):
            raise ShapeError(f"boxes {list(boxes)} and scores {list(scores)} do not fit")
        return ((self.most,), *(((self.most,),) if self.soft else ()), ())

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: NonMaxSuppression, boxes: NDArray, scores: NDArray) -> tuple[NDArray, ...]:
    """Return the places and their number in int32, the scores in float32."""
    found = chosen(
        boxes.astype(np.float32), scores.astype(np.float32), operator.most, operator.most_overlap,
        operator.least_score, operator.sigma,
    )  # fmt: skip
    places, kept = np.zeros(operator.most, np.int32), np.zeros(operator.most, np.float32)
    places[: len(found.boxes)], kept[: len(found.boxes)] = found.boxes, found.scores
    count = np.array(len(found.boxes), np.int32)
    return (places, kept, count) if operator.soft else (places, count)


def _read(layer: TfliteLayer) -> NonMaxSuppression:
    (most,) = layer.constant(2)
    if most < 1:
        raise ShapeError(f"{layer.record.name}: expected room for a box at least, found {most}")
    soft = layer.record.kind == "NON_MAX_SUPPRESSION_V5"
    ends = [float(constant_data(layer.known(i)).item()) for i in range(3, 6 if soft else 5)]
    return NonMaxSuppression(most, ends[0], ends[1], ends[2] if soft else 0.0, soft)


PAGE = Page(
    operator=NonMaxSuppression,
    tflite=tuple(TfliteForm(f"NON_MAX_SUPPRESSION_V{version}", 2, _read) for version in (4, 5)),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=Absent("is computed on floats alone"),
    quantized=Absent("is computed on floats alone"),
    float32=lambda network, node, rule: lambda threads, *values: real(node.operator, *values),  # type: ignore[arg-type]
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)
