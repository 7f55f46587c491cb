"""conv3d: a convolution over depth, height and width, [N ID IH IW IC] -> [N OD OH OW OC].

    y[n d h w o] = b[o] + sum over i j k c of x[n, d SD + i DD - PD, ..., c] w[i j k c o]

LiteRT has it on float32 alone; its reference kernel adds taps by depth, row and column, then
channels (reference/conv3d.h), and so does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.graph.attributes import Clamp, fused, need_rank, same_padding
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels.in_order import convolve
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.host import float_page

Three = tuple[int, int, int]
"""Of depth, height and width."""


@dataclass(frozen=True)
class Conv3D(Operator):
    """x [N ID IH IW IC], w [KD KH KW IC OC], optional b [OC]; padding before and after."""

    stride: Three
    dilation: Three
    before: Three
    after: Three
    activation: Clamp | None = None

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 3

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w, *bias = inputs
        for shape, what in ((x, "an input"), (w, "weights")):
            need_rank(shape, 5, what)
        if x[4] != w[3] or any(prod(b) != w[4] for b in bias):
            raise ShapeError(f"weights {list(w)} do not fit input {list(x)}")
        sizes = zip(x[1:4], w[:3], self.stride, self.dilation, self.before, self.after, strict=True)
        extents = [(n + a + b - (k - 1) * d - 1) // s + 1 for n, k, s, d, a, b in sizes]
        if min(extents) < 1:
            raise ShapeError(f"a kernel {list(w[:3])} leaves nothing of {list(x)}")
        return ((x[0], *extents, w[4]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def real(operator: Conv3D, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
    """Return the sums in the type of x, one after the other."""
    padding = zip(operator.before, operator.after, strict=True)
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    (shape,) = operator.output_shapes([x.shape, w.shape])
    y = np.zeros(shape, x.dtype)
    (sd, sh, sw), (dd, dh, dw) = operator.stride, operator.dilation
    for depth in range(shape[1]):
        for tap, weights in enumerate(w):
            image = np.ascontiguousarray(padded[:, depth * sd + tap * dd])
            sums = np.ascontiguousarray(y[:, depth])
            convolve(image, np.ascontiguousarray(weights[None]), sh, sw, dh, dw, sums)
            y[:, depth] = sums
    for b in bias:
        y = y + b.reshape(-1)
    return fused(operator.activation, y)


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a weight and output pixel."""
    return prod(network.output_of(node).shape[:4]) * prod(network.inputs_of(node)[1].shape)


def _read(layer: TfliteLayer) -> Conv3D:
    def three(what: str, axes: str = "DHW") -> Three:
        depth, height, width = (int(layer.option(what.format(axis))) for axis in axes)
        return depth, height, width

    stride, dilation = three("Stride{}"), three("Dilation{}Factor")
    x, w = layer.input(0).shape, layer.input(1).shape
    if len(x) != 5 or len(w) != 5 or min(*stride, *dilation) < 1:
        raise FormatError(
            f"{layer.record.name}: expected rank 5 and strides of at least 1, found {list(x)}, "
            f"{list(w)} and {list(stride)}"
        )
    totals = [0, 0, 0]
    if layer.option("Padding") == 0:
        sizes = zip(x[1:4], w[:3], stride, dilation, strict=True)
        totals = [same_padding(n, (k - 1) * d + 1, s) for n, k, s, d in sizes]
    depth, height, width = (total // 2 for total in totals)
    ends = totals[0] - depth, totals[1] - height, totals[2] - width
    return Conv3D(stride, dilation, (depth, height, width), ends, layer.activation())


PAGE = replace(float_page(Conv3D, (), real, tflite=(TfliteForm("CONV_3D", 3, _read),)), macs=macs)
