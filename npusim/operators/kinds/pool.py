"""One value of each sliding window and channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp, Window, need_rank
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.elements import integers


@dataclass(frozen=True)
class Pool(Operator):
    """[N IH IW C] -> [N OH OW C]."""

    window: Window
    activation: Clamp | None = field(default=None, kw_only=True)

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        need_rank(inputs[0], 4, "an input")
        return (self.window.output_shape(inputs[0], inputs[0][3]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def window_geometry(window: Window) -> NDArray[np.int64]:
    """Return [KH KW SH SW DH DW top left], as the kernels of pool.py take it."""
    top, _, left, _ = window.padding
    return integers(*window.kernel, *window.stride, *window.dilation, top, left)


def taps(x: NDArray, window: Window, value: float = 0.0) -> list[NDArray]:
    """Return a view [N OH OW C] of x [N H W C] for each tap of the window, row by row."""
    height, width = window.output_size(x.shape[1], x.shape[2])
    padded = pad_image(x, window, value)
    (stride_h, stride_w), (dilation_h, dilation_w) = window.stride, window.dilation
    return [
        padded[
            :,
            i * dilation_h : i * dilation_h + (height - 1) * stride_h + 1 : stride_h,
            j * dilation_w : j * dilation_w + (width - 1) * stride_w + 1 : stride_w,
        ]
        for i in range(window.kernel[0])
        for j in range(window.kernel[1])
    ]


def pad_image(x: NDArray, window: Window, value: float = 0.0) -> NDArray:
    """Return x [N H W C] with the window's padding around it."""
    top, bottom, left, right = window.padding
    if not any(window.padding):
        return x
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def sum_in_order(terms: list[NDArray]) -> NDArray:
    """Return terms[0] + terms[1] + ..., from the left."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
