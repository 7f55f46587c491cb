"""grid_sample: x [N C H W] read at the places that a grid [N h w 2] names, -1..1 across the image.

Source: ONNX, GridSample; onnxruntime 1.31, core/providers/cpu/tensor/grid_sample.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.binary import broadcasts_within_samples
from npusim.operators.kinds.host import float_page

Mode = Literal["linear", "nearest", "cubic"]
Around = Literal["zeros", "border", "reflection"]
MODES: dict[str, Mode] = {
    "linear": "linear", "bilinear": "linear", "nearest": "nearest", "cubic": "cubic",
    "bicubic": "cubic",
}  # fmt: skip
CUBIC = -0.75


@dataclass(frozen=True)
class GridSample(Operator):
    """Pixels around each place, weighted; a place outside the image is as `around` says.

    With `corners` -1 and 1 are the centres of the first and last pixel, else their outer edges.
    """

    mode: Mode
    around: Around
    corners: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, grid = inputs
        if len(x) != 4 or len(grid) != 4 or grid[3] != 2 or grid[0] != x[0]:
            raise ShapeError(f"cannot read {list(x)} at a grid {list(grid)}")
        return ((x[0], x[1], grid[1], grid[2]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return broadcasts_within_samples(inputs, outputs[0])


def single(operator: GridSample, x: NDArray, grid: NDArray) -> NDArray:
    """Return the values in x's type."""
    with np.errstate(all="ignore"):
        rows = _pixel(operator, grid[..., 1].astype(x.dtype), x.shape[2])
        columns = _pixel(operator, grid[..., 0].astype(x.dtype), x.shape[3])
        row_taps, column_taps = _taps(operator, rows), _taps(operator, columns)
    y = np.zeros((x.shape[0], x.shape[1], *grid.shape[1:3]), x.dtype)
    for row, row_weight in row_taps:
        line = np.zeros_like(y)
        for column, weight in column_taps:
            line += weight[:, None] * _values(operator, x, row, column)
        y += row_weight[:, None] * line
    return y


def _pixel(operator: GridSample, place: NDArray, extent: int) -> NDArray:
    """Return the places -1..1 along an axis in pixels, those outside brought in or not."""
    half = place.dtype.type(2)
    if operator.corners:
        pixel = (place + 1) / half * (extent - 1)
    else:
        pixel = ((place + 1) * extent - 1) / half
    if operator.mode == "nearest":
        pixel = np.rint(pixel)
    if operator.mode == "cubic":
        return pixel  # each of its pixels is brought in
    if operator.around == "border":
        return np.clip(pixel, 0, extent - 1)
    return _reflected(operator, pixel, extent) if operator.around == "reflection" else pixel


def _reflected(operator: GridSample, pixel: NDArray, extent: int) -> NDArray:
    """Return pixels outside the image mirrored at its ends until they are inside."""
    low = pixel.dtype.type(0 if operator.corners else -0.5)
    span = pixel.dtype.type(extent - 1 if operator.corners else extent)
    if span <= 0:
        return np.zeros_like(pixel)
    beyond = np.where(pixel < low, low - pixel, pixel - (low + span))
    count = (beyond / span).astype(np.int64)
    rest = beyond - count.astype(pixel.dtype) * span
    below = np.where(count % 2 == 0, low + rest, low + span - rest)
    above = np.where(count % 2 == 0, low + span - rest, low + rest)
    outside = np.where(pixel < low, below, above)
    return np.where((pixel < low) | (pixel > low + span), outside, pixel)


def _taps(operator: GridSample, pixel: NDArray) -> list[tuple[NDArray, NDArray]]:
    """Return the pixels that each place reads along an axis, and their weights."""
    if operator.mode == "nearest":
        return [(pixel.astype(np.int64), np.ones_like(pixel))]
    first = np.floor(pixel)
    t = pixel - first
    start, one = first.astype(np.int64), pixel.dtype.type(1)
    if operator.mode == "linear":
        return [(start, one - t), (start + 1, t)]
    a = pixel.dtype.type(CUBIC)

    def near(d: NDArray) -> NDArray:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: NDArray) -> NDArray:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    weights = (far(t + 1), near(t), near(one - t), far(2 - t))
    return [(start + i - 1, weight.astype(pixel.dtype)) for i, weight in enumerate(weights)]


def _values(operator: GridSample, x: NDArray, row: NDArray, column: NDArray) -> NDArray:
    """Return x [N C] at whole pixels [N h w]: 0 outside, or what stands for it."""
    height, width = x.shape[2:]
    if operator.around == "reflection":
        row = _reflected(operator, row.astype(x.dtype), height).astype(np.int64)
        column = _reflected(operator, column.astype(x.dtype), width).astype(np.int64)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    samples = np.arange(len(x))[:, None, None]
    values = x[samples, :, row.clip(0, height - 1), column.clip(0, width - 1)].transpose(0, 3, 1, 2)
    if operator.around == "zeros":
        values = np.where(inside[:, None], values, x.dtype.type(0))
    return values


def _read(b: Builder, node: OnnxNode) -> None:
    mode = str(node.attributes.get("mode", "linear"))
    around = node.attributes.get("padding_mode", "zeros")
    values = (b.value(node, 0), b.value(node, 1))
    if len(b.shape(values[0])) != 4 or mode not in MODES:
        raise UnsupportedError(
            f"{node.name} (GridSample): expected images and a known mode, found {mode!r} of "
            f"{list(b.shape(values[0]))}"
        )
    operator = GridSample(MODES[mode], around, bool(node.integer("align_corners", 0)))  # type: ignore[arg-type]
    b.emit(node.name, operator, values, node.outputs[0])


PAGE = float_page(GridSample, (OnnxForm("GridSample", _read),), single)
