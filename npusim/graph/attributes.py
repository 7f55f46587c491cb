"""Attributes that several operators share: a fused activation, a sliding window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.operator import Shape

MAX_PADDED_ELEMENTS = 1 << 28
"""An image and its padding beyond this are a damaged file's dilation, not a network's."""


@dataclass(frozen=True)
class Clamp:
    """A fused activation, in real values: RELU is (0, None), RELU6 is (0, 6)."""

    low: float | None = None
    high: float | None = None

    def of(self, x: NDArray) -> NDArray:
        """Return x within the bounds, in its own type."""
        ends = (self.low, self.high)
        low, high = (None if end is None else x.dtype.type(end) for end in ends)
        return np.clip(x, low, high)


def same_padding(extent: int, span: int, stride: int) -> int:
    """Return how much padding there is in all along an axis of `extent` places under SAME.

    A window reaches over `span` places; every `stride`-th one then begins an output.
    """
    return max((-(-extent // stride) - 1) * stride + span - extent, 0)


@dataclass(frozen=True)
class Window:
    """A sliding window: kernel, stride, dilation as (H, W); padding in input pixels."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Top, bottom, left, right."""

    def __post_init__(self) -> None:
        if min(*self.kernel, *self.stride, *self.dilation) < 1:
            raise ShapeError(
                f"expected kernel, stride and dilation of at least 1, found {list(self.kernel)}, "
                f"{list(self.stride)}, {list(self.dilation)}"
            )

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return (OH, OW) for an input of (IH, IW); zero or less where the window does not fit."""
        top, bottom, left, right = self.padding
        span_h = (self.kernel[0] - 1) * self.dilation[0] + 1
        span_w = (self.kernel[1] - 1) * self.dilation[1] + 1
        return (
            (height + top + bottom - span_h) // self.stride[0] + 1,
            (width + left + right - span_w) // self.stride[1] + 1,
        )

    def output_shape(self, x: Shape, channels: int) -> Shape:
        """Return [N OH OW channels] for an input [N IH IW IC]; raise ShapeError if it cannot be."""
        need_rank(x, 4, "an input")
        top, bottom, left, right = self.padding
        if (x[1] + top + bottom) * (x[2] + left + right) * x[3] > MAX_PADDED_ELEMENTS:
            raise ShapeError(
                f"input {list(x)} with padding {list(self.padding)} has more than "
                f"{MAX_PADDED_ELEMENTS} elements"
            )
        height, width = self.output_size(x[1], x[2])
        if height < 1 or width < 1:
            raise ShapeError(
                f"window {list(self.kernel)} with dilation {list(self.dilation)} and padding "
                f"{list(self.padding)} does not fit input {list(x)}"
            )
        return (x[0], height, width, channels)


def need_rank(shape: Shape, rank: int, what: str) -> None:
    """Raise ShapeError unless `shape`, the shape of `what`, has `rank` axes."""
    if len(shape) != rank:
        raise ShapeError(f"expected {what} of rank {rank}, found shape {list(shape)}")


def need_axis(shape: Shape, axis: int) -> None:
    """Raise ShapeError unless `shape`, of an input, has axis number `axis`."""
    if not 0 <= axis < len(shape):
        raise ShapeError(f"expected an axis of {list(shape)}, found {axis}")


def fused(activation: Clamp | None, y: NDArray) -> NDArray:
    """Return y within a fused activation's bounds, as it is where there is none."""
    return y if activation is None else activation.of(y)
