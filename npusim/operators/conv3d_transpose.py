"""conv3d_transpose: each place of a volume spreads over a window of the output, overlaps add up.

    y[n, d SD + i - PD, ...] += x[n d h w c] w[i j k o c],   [N ID IH IW IC] -> [N OD OH OW OC]

LiteRT has it on float32 alone; its reference kernel adds by place of x, then channel
(reference/conv3d_transpose.h), and so does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.graph.attributes import Clamp, fused, need_rank, same_padding
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.conv3d import Three
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class Conv3DTranspose(Operator):
    """x [N ID IH IW IC], w [KD KH KW OC IC], optional b [OC]; `before` is cut off the output."""

    stride: Three
    before: Three
    extents: Three
    activation: Clamp | None = None

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 3

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w, *bias = inputs
        for shape, what in ((x, "an input"), (w, "weights")):
            need_rank(shape, 5, what)
        if x[4] != w[4] or any(prod(b) != w[3] for b in bias):
            raise ShapeError(f"weights {list(w)} do not fit input {list(x)}")
        if min(self.extents) < 1:
            raise ShapeError(f"expected an output of some size, found {list(self.extents)}")
        return ((x[0], *self.extents, w[3]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def real(operator: Conv3DTranspose, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
    """Return the sums in the type of x, one after the other.

    An output takes its places of x in order where the window's taps are taken from the last on.
    """
    sizes = zip(x.shape[1:4], operator.stride, w.shape[:3], strict=True)
    spans = [(n - 1) * s + k for n, s, k in sizes]
    ends = zip(spans, operator.before, operator.extents, strict=True)
    full = np.zeros((len(x), *(max(span, b + n) for span, b, n in ends), w.shape[3]), x.dtype)
    for tap in product(*(range(k - 1, -1, -1) for k in w.shape[:3])):
        places = tuple(
            slice(t, t + (n - 1) * s + 1, s)
            for t, n, s in zip(tap, x.shape[1:4], operator.stride, strict=True)
        )
        for channel in range(x.shape[4]):
            full[(slice(None), *places)] += x[..., channel, None] * w[tap][:, channel]
    inside = (slice(b, b + n) for b, n in zip(operator.before, operator.extents, strict=True))
    y = full[(slice(None), *inside)]
    for b in bias:
        y = y + b.reshape(-1)
    return fused(operator.activation, np.ascontiguousarray(y))


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a weight and place of the input."""
    x, w = (tensor.shape for tensor in network.inputs_of(node)[:2])
    return prod(x[:4]) * prod(w)


def _read(layer: TfliteLayer) -> Conv3DTranspose:
    stride = tuple(int(layer.option(f"Stride{axis}")) for axis in "DHW")
    wanted, w, x = layer.constant(0), layer.input(1).shape, layer.input(2).shape
    if len(x) != 5 or len(w) != 5 or len(wanted) != 5 or min(stride) < 1:
        raise FormatError(
            f"{layer.record.name}: expected rank 5 and strides of at least 1, found {list(x)}, "
            f"{list(w)}, an output {list(wanted)} and {list(stride)}"
        )
    before = [0, 0, 0]
    if layer.option("Padding") == 0:
        sizes = zip(wanted[1:4], w[:3], stride, strict=True)
        before = [same_padding(n, k, s) // 2 for n, k, s in sizes]

    def three(values: Sequence[int]) -> Three:
        depth, height, width = values
        return depth, height, width

    return Conv3DTranspose(three(stride), three(before), three(wanted[1:4]), layer.activation())


PAGE = replace(
    float_page(
        Conv3DTranspose, (), real, tflite=(TfliteForm("CONV_3D_TRANSPOSE", (2, 1, 3), _read),)
    ),
    macs=macs,
)
