"""roi_align: boxes of x [N C H W] as grids of places, each the mean or greatest of its samples.

A sample is read between four pixels, by shares that are linear along each axis; samples more than
a pixel outside are 0. Source: ONNX, RoiAlign; onnxruntime 1.31, core/providers/cpu/object_detection
/roialign.cc, whose order of products and sums this keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, RangeError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page

HALF_PIXEL_SINCE = 16
"""The opset since which a box's corners lie half a pixel before what they name."""


@dataclass(frozen=True)
class RoiAlign(Operator):
    """x, boxes [R 4] of two corners (x, y), the sample [R] each is of -> y [R C OH OW].

    Attributes
    ----------
    extent
        (OH, OW).
    samples
        Along each axis of a place; 0 for as many as pixels, rounded up.
    scale
        Pixels a unit of the boxes.
    half_pixel
        Whether corners lie half a pixel before what they name; else a box is a pixel at least.
    greatest
        Whether the greatest of a place's samples is taken instead of their mean.
    """

    extent: tuple[int, int]
    samples: int
    scale: float
    half_pixel: bool
    greatest: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, boxes, numbers = inputs
        if len(x) != 4 or len(boxes) != 2 or boxes[1] != 4 or numbers != boxes[:1]:
            raise ShapeError(f"boxes {list(boxes)} of {list(numbers)} do not fit {list(x)}")
        if min(self.extent) < 1:
            raise ShapeError(f"expected places along both axes, found {list(self.extent)}")
        return ((boxes[0], x[1], *self.extent),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def single(operator: RoiAlign, x: NDArray, boxes: NDArray, numbers: NDArray) -> NDArray:
    """Return the places in x's type."""
    y = np.zeros((len(boxes), x.shape[1], *operator.extent), x.dtype)
    outside = (numbers < 0) | (numbers >= len(x))
    if outside.any():
        raise RangeError(f"a box of sample {numbers[outside][0]}, of {len(x)}")
    for box, number, places in zip(boxes, numbers, y, strict=True):
        _fill(operator, x[number], box, places)
    return y


def _fill(operator: RoiAlign, x: NDArray, box: NDArray, places: NDArray) -> None:
    """Fill the places [C OH OW] of one box of x [C H W]."""
    f: Any = x.dtype.type
    offset = f(0.5) if operator.half_pixel else f(0)
    ends = box.astype(x.dtype) * f(operator.scale) - offset
    spans = [ends[3] - ends[1], ends[2] - ends[0]]
    if not operator.half_pixel:
        spans = [max(span, f(1)) for span in spans]
    along = []
    for axis, (count, span) in enumerate(zip(operator.extent, spans, strict=True)):
        step = span / f(count)
        samples = operator.samples or max(ceil(step), 0)
        first = ends[1 - axis] + np.arange(count, dtype=x.dtype)[:, None] * step
        inner = (np.arange(samples, dtype=x.dtype) + f(0.5)) * step / f(max(samples, 1))
        along.append(_taps(first + inner, x.shape[1 + axis]))
    rows, columns = along
    best = np.full(places.shape, -np.inf, x.dtype)
    total = np.zeros_like(places)
    for i in range(rows[0].shape[1]):
        for j in range(columns[0].shape[1]):
            (low_y, high_y, ly, in_y), (low_x, high_x, lx, in_x) = (
                tuple(part[:, n] for part in parts) for parts, n in ((rows, i), (columns, j))
            )
            hy, hx = f(1) - ly, f(1) - lx
            terms = [
                np.outer(a, b) * x[:, p[:, None], q]
                for a, b, p, q in (
                    (hy, hx, low_y, low_x), (hy, lx, low_y, high_x), (ly, hx, high_y, low_x),
                    (ly, lx, high_y, high_x),
                )
            ]  # fmt: skip
            inside = np.outer(in_y, in_x)
            terms = [np.where(inside, term, f(0)) for term in terms]
            best = np.maximum(best, np.maximum.reduce(terms))
            total += terms[0] + terms[1] + terms[2] + terms[3]
    count = max(rows[0].shape[1] * columns[0].shape[1], 1)
    places[:] = best if operator.greatest else total / f(count)


def _taps(at: NDArray, size: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return the pixels before and after each sample, the share of the latter, and what is in."""
    inside = (at >= -1) & (at <= size)
    held = np.where(inside, np.maximum(at, at.dtype.type(0)), at.dtype.type(0))
    low = np.minimum(held.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    share = np.where(low >= size - 1, at.dtype.type(0), held - low.astype(at.dtype))
    return low, high, share.astype(at.dtype), inside


def _read(b: Builder, node: OnnxNode) -> None:
    mode = node.attributes.get("mode", "avg")
    default = "half_pixel" if b.opset >= HALF_PIXEL_SINCE else "output_half_pixel"
    corners = node.attributes.get("coordinate_transformation_mode", default)
    if mode not in ("avg", "max") or corners not in ("half_pixel", "output_half_pixel"):
        raise FormatError(f"{node.name} (RoiAlign): expected known modes, found {mode}, {corners}")
    operator = RoiAlign(
        (node.integer("output_height", 1), node.integer("output_width", 1)),
        node.integer("sampling_ratio", 0), node.number("spatial_scale", 1.0),
        corners == "half_pixel", mode == "max",
    )  # fmt: skip
    values = (b.value(node, 0), b.value(node, 1), b.value(node, 2))
    b.emit(node.name, operator, values, node.outputs[0])


PAGE = float_page(RoiAlign, (OnnxForm("RoiAlign", _read),), single)
