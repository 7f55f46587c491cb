"""Layers of weights on 16-bit activations (16x8), as LiteRT computes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, UnsupportedError
from npusim.graph.attributes import Window
from npusim.graph.network import Network, Node
from npusim.graph.weight_planes import weight_planes
from npusim.kernels import linear_wide
from npusim.kernels.linear_plain import accumulate
from npusim.operators.kinds.linear import channel_axis
from npusim.operators.kinds.wide import require_types
from npusim.operators.page import Step
from npusim.runtimes.requantization import activation_bounds, affine, multiplier_shift
from npusim.words import ROUNDINGS

GREATEST_EXPONENT = 7
"""Of a reduced multiplier: TFLite's own assertion."""


@dataclass(frozen=True, eq=False)
class WideLinear:
    """Constants of each output channel, and how sums become outputs.

    `reduced`: sums of 64 bits, multipliers of 16; `tflite` and `ruy`: sums of 32 bits by an integer
    mode; `double_away`: sums of 64 bits times `scale` in float64.
    """

    bias: NDArray[np.int64]
    multipliers: NDArray[np.int64]
    shift: NDArray[np.int64]
    scale: NDArray[np.float64]
    zero_point: int
    low: int
    high: int
    kind: Literal["reduced", "tflite", "ruy", "double_away"]

    def finish(self, sums: NDArray[np.int64], dtype: np.dtype) -> NDArray:
        """Return the outputs of `sums` [... OC]."""
        y = np.empty(sums.shape, dtype)
        rows, outputs = (array.reshape(-1, sums.shape[-1]) for array in (sums, y))
        ends = (self.zero_point, self.low, self.high)
        if self.kind == "double_away":
            linear_wide.requantize_double_away(rows, self.bias, self.scale, *ends, outputs)
        elif self.kind == "reduced":
            linear_wide.requantize_reduced(
                rows, self.bias, self.multipliers, self.shift, *ends, outputs
            )
        else:
            mode = ROUNDINGS.index(self.kind)
            linear_wide.requantize_single(
                rows, self.bias, self.multipliers, self.shift, mode, *ends, outputs
            )
        return y


def wide_linear(network: Network, node: Node) -> WideLinear:
    """Return TFLite's constants: a bias of int32 keeps the sums to 32 bits, int64 does not.

    Raises
    ------
    UnsupportedError
        The types are not int16, int8 and int16, or the bias is computed.
    RangeError
        A ratio of the scales is too large for a reduced multiplier.
    """
    x, w = network.inputs_of(node)[:2]
    y = network.output_of(node)
    tensors = {"the input": x, "the weights": w, "the output": y}
    require_types(node, tensors, ("int16", "int8", "int16"))
    axis = channel_axis(node)
    if w.quantization is None or w.quantization.axis not in (None, axis):
        raise UnsupportedError(f"{node.name}: expected scales per tensor or output channel")
    channels = w.shape[axis]
    (sx, _), (so, zero_point) = affine(node, x), affine(node, y)
    sw = np.broadcast_to(w.quantization.scale, channels)
    bias, is_reduced = np.zeros(channels, np.int64), True
    if len(node.inputs) > 2:
        given = network.tensors[node.inputs[2]]
        if given.data is None or given.dtype.name not in ("int32", "int64"):
            found = "computed" if given.data is None else str(given.dtype)
            raise UnsupportedError(
                f"{node.name}: expected a constant int32 or int64 bias in {given.name}, "
                f"found {found} values"
            )
        bias, is_reduced = given.data.reshape(channels).astype(np.int64), given.dtype == np.int64
    ratio = np.float64(sx) * sw.astype(np.float64) / np.float64(so)
    m, shift = multiplier_shift(node, ratio)
    if is_reduced and shift.min(initial=31) < 31 - GREATEST_EXPONENT:
        raise RangeError(
            f"{node.name}: expected a ratio of input to output scale below 2^{GREATEST_EXPONENT}, "
            f"found {ratio.max():.4g}"
        )
    activation = getattr(node.operator, "activation", None)
    low, high = activation_bounds(activation, so, zero_point, y.dtype)
    kind: Literal["reduced", "tflite"] = "reduced" if is_reduced else "tflite"
    return WideLinear(bias, m, shift, ratio, zero_point, low, high, kind)


def wide_convolution(
    network: Network, node: Node, c: WideLinear, window: Window, groups: int
) -> Step:
    """Return the step of a convolution, x [N IH IW IC] -> y [N OH OW OC]."""
    planes = weight_planes(network, node)
    zero_point = affine(node, network.inputs_of(node)[0])[1]
    dtype = network.output_of(node).dtype
    stride, dilation, (top, _, left, _) = window.stride, window.dilation, window.padding

    def convolve(threads: int, x: NDArray) -> NDArray:
        height, width = window.output_size(x.shape[1], x.shape[2])
        sums = np.empty((1, len(x), height, width, planes.shape[1]), np.int64)
        xe = x.astype(np.int64) - zero_point
        accumulate(xe, planes, groups, stride, dilation, top, left, sums)
        return c.finish(sums[0], dtype)

    return convolve
