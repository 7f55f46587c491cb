"""Sliding windows on volumes [N C D H W], which stay in the file's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import MAX_PADDED_ELEMENTS
from npusim.graph.operator import Shape
from npusim.operators.forms.onnx_windows import ceil_padding

Triple = tuple[int, int, int]
RANK = 5


@dataclass(frozen=True)
class Volume:
    """A window: kernel, stride, dilation and padding before and behind as (D, H, W)."""

    kernel: Triple
    stride: Triple = (1, 1, 1)
    dilation: Triple = (1, 1, 1)
    before: Triple = (0, 0, 0)
    after: Triple = (0, 0, 0)

    @property
    def spans(self) -> Triple:
        """How many places the window reaches over along each axis."""
        d, h, w = ((k - 1) * s + 1 for k, s in zip(self.kernel, self.dilation, strict=True))
        return d, h, w

    def output_extent(self, x: Shape) -> Triple:
        """Return (OD, OH, OW) for an input [N C D H W]; raise ShapeError if it cannot be."""
        padded = [n + b + a for n, b, a in zip(x[2:], self.before, self.after, strict=True)]
        d, h, w = (
            (n - span) // stride + 1
            for n, span, stride in zip(padded, self.spans, self.stride, strict=True)
        )
        if min(d, h, w) < 1 or prod(padded) * x[1] > MAX_PADDED_ELEMENTS:
            raise ShapeError(f"{self} does not fit input {list(x)}")
        return d, h, w


def columns(x: NDArray, window: Volume, around: float) -> NDArray:
    """Return the windows of x [N C D H W] as [N C KD KH KW OD OH OW], `around` outside."""
    pairs = [(0, 0), (0, 0), *zip(window.before, window.after, strict=True)]
    padded = np.pad(x, pairs, constant_values=around)
    view = np.lib.stride_tricks.sliding_window_view(padded, window.spans, (2, 3, 4))
    (sd, sh, sw), (dd, dh, dw) = window.stride, window.dilation
    return view[:, :, ::sd, ::sh, ::sw, ::dd, ::dh, ::dw].transpose(0, 1, 5, 6, 7, 2, 3, 4)


def volume_window(node: OnnxNode, kernel: Sequence[int] | None, extent: Sequence[int]) -> Volume:
    """Return where the node's window stands on volumes of `extent` (D, H, W).

    `kernel` is the weights' extent, None for a pool, which has to say it itself.
    """
    size = _triple(node, "kernel_shape", kernel)
    if kernel is not None and size != tuple(kernel):
        raise FormatError(f"{node.name}: kernel_shape is {list(size)}, weights are {list(kernel)}")
    stride, dilation = (_triple(node, name, (1, 1, 1)) for name in ("strides", "dilations"))
    spans = Volume(size, stride, dilation).spans
    mode = node.attributes.get("auto_pad", "NOTSET")
    pads = list(node.integers("pads", (0,) * 6) or (0,) * 6) if mode == "NOTSET" else [0] * 6
    if len(pads) != 6 or min(pads) < 0:
        raise FormatError(f"{node.name}: expected six pads of 0 or more, found {pads}")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        for axis, n in enumerate(extent):
            outputs = -(-n // stride[axis])
            total = max((outputs - 1) * stride[axis] + spans[axis] - n, 0)
            pads[axis] = total // 2 if mode == "SAME_UPPER" else total - total // 2
            pads[axis + 3] = total - pads[axis]
    elif mode not in ("NOTSET", "VALID"):
        raise FormatError(f"{node.name}: expected a known auto_pad, found {mode!r}")
    if node.integer("ceil_mode", 0):
        for axis, n in enumerate(extent):
            ends = pads[axis], pads[axis + 3]
            pads[axis + 3] = ceil_padding(n, *ends, spans[axis], stride[axis])
    return Volume(size, stride, dilation, _three(pads[:3]), _three(pads[3:]))


def _triple(node: OnnxNode, name: str, default: Sequence[int] | None) -> Triple:
    values = node.integers(name, None if default is None else tuple(default))
    if values is None or len(values) != 3 or min(values) < 1:
        found = "nothing" if values is None else list(values)
        raise FormatError(f"{node.name} ({node.kind}): expected 3 positive {name}, found {found}")
    return _three(values)


def _three(values: Sequence[int]) -> Triple:
    d, h, w = values
    return d, h, w
