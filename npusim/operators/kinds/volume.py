"""Sliding windows on x [N C ...], most often volumes [N C D H W], in the file's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import MAX_PADDED_ELEMENTS, same_padding
from npusim.graph.operator import Shape
from npusim.operators.forms.onnx_windows import ceil_padding

Extents = tuple[int, ...]
"""One number for each axis behind the channels."""
RANK = 5


@dataclass(frozen=True)
class Volume:
    """A window: kernel, stride, dilation and padding before and behind along each axis."""

    kernel: Extents
    stride: Extents = (1, 1, 1)
    dilation: Extents = (1, 1, 1)
    before: Extents = (0, 0, 0)
    after: Extents = (0, 0, 0)

    @property
    def spans(self) -> Extents:
        """How many places the window reaches over along each axis."""
        return tuple((k - 1) * s + 1 for k, s in zip(self.kernel, self.dilation, strict=True))

    def output_extent(self, x: Shape) -> Extents:
        """Return the extents behind [N C] for an input; raise ShapeError if it cannot be."""
        padded = [n + b + a for n, b, a in zip(x[2:], self.before, self.after, strict=True)]
        triples = zip(padded, self.spans, self.stride, strict=True)
        found = tuple((n - span) // stride + 1 for n, span, stride in triples)
        if min(found) < 1 or prod(padded) * x[1] > MAX_PADDED_ELEMENTS:
            raise ShapeError(f"{self} does not fit input {list(x)}")
        return found

    def pooled_shape(self, x: Shape) -> Shape:
        """Return the shape of one value a window of x; raise ShapeError if it cannot be."""
        if len(x) != len(self.kernel) + 2:
            raise ShapeError(f"{self} does not fit {list(x)}")
        return (*x[:2], *self.output_extent(x))


def columns(x: NDArray, window: Volume, around: float) -> NDArray:
    """Return the windows of x [N C D H W] as [N C KD KH KW OD OH OW], `around` outside."""
    axes = tuple(range(2, x.ndim))
    pairs = [(0, 0), (0, 0), *zip(window.before, window.after, strict=True)]
    padded = np.pad(x, pairs, constant_values=around)
    view = np.lib.stride_tricks.sliding_window_view(padded, window.spans, axes)
    steps = [slice(None, None, n) for n in (*window.stride, *window.dilation)]
    taps = range(x.ndim, 2 * x.ndim - 2)
    return view[:, :, *steps].transpose(0, 1, *taps, *axes)


def volume_window(node: OnnxNode, kernel: Sequence[int] | None, extent: Sequence[int]) -> Volume:
    """Return where the node's window stands on an input of `extent` behind [N C].

    `kernel` is the weights' extent, None for a pool, which has to say it itself.
    """
    rank = len(extent)
    size = _each(node, "kernel_shape", kernel, rank)
    if kernel is not None and size != tuple(kernel):
        raise FormatError(f"{node.name}: kernel_shape is {list(size)}, weights are {list(kernel)}")
    stride, dilation = (_each(node, name, (1,) * rank, rank) for name in ("strides", "dilations"))
    spans = Volume(size, stride, dilation).spans
    mode = node.attributes.get("auto_pad", "NOTSET")
    none = (0,) * (2 * rank)
    pads = list(node.integers("pads", none) or none) if mode == "NOTSET" else list(none)
    if len(pads) != 2 * rank or min(pads) < 0:
        raise FormatError(f"{node.name}: expected {2 * rank} pads of 0 or more, found {pads}")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        for axis, n in enumerate(extent):
            total = same_padding(n, spans[axis], stride[axis])
            pads[axis] = total // 2 if mode == "SAME_UPPER" else total - total // 2
            pads[axis + rank] = total - pads[axis]
    elif mode not in ("NOTSET", "VALID"):
        raise FormatError(f"{node.name}: expected a known auto_pad, found {mode!r}")
    if node.integer("ceil_mode", 0):
        for axis, n in enumerate(extent):
            ends = pads[axis], pads[axis + rank]
            pads[axis + rank] = ceil_padding(n, *ends, spans[axis], stride[axis])
    return Volume(size, stride, dilation, tuple(pads[:rank]), tuple(pads[rank:]))


def _each(node: OnnxNode, name: str, default: Sequence[int] | None, rank: int) -> Extents:
    values = node.integers(name, None if default is None else tuple(default))
    if values is None or len(values) != rank or min(values) < 1:
        found = "nothing" if values is None else list(values)
        raise FormatError(
            f"{node.name} ({node.kind}): expected {rank} positive {name}, found {found}"
        )
    return tuple(values)
