"""Layers of a .tflite file that can leave int32: LiteRT wraps there, npusim does not.

Two places can: the sum of the products and the bias, and what that sum is shifted left by where the
multiplier sx * sw / so is 1 or more (LiteRT, common.cc, MultiplyByQuantizedMultiplier).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Node
from npusim.graph.tensor import Tensor, is_quantized
from npusim.runtimes.requantization import quantize_multipliers

LIMIT = 1 << 31
KINDS = ("Conv2D", "FullyConnected")


def notes(nodes: Sequence[Node], tensors: dict[str, Tensor]) -> tuple[str, ...]:
    """Return a line for each layer of 8-bit integers with a channel that can wrap."""
    found = []
    for node in nodes:
        if node.kind not in KINDS or len(node.inputs) < 2:
            continue
        x, weights = (tensors[name] for name in node.inputs[:2])
        y = tensors[node.outputs[0]]
        bias = tensors[node.inputs[2]].data if len(node.inputs) > 2 else None
        if weights.data is None or x.dtype.itemsize != 1 or not is_quantized(x):
            continue
        if not is_quantized(weights) or (len(node.inputs) > 2 and bias is None):
            continue
        assert x.quantization is not None
        assert weights.quantization is not None
        centred = weights.data.astype(np.int16)
        if not weights.quantization.zero_point.ndim:
            centred -= np.int16(weights.quantization.zero_point)
        limits = np.iinfo(x.dtype)
        zero_point = int(x.quantization.zero_point)
        least, most = extreme_sums(centred, bias, limits.min, limits.max, zero_point)
        wrapping = _leave_int32(least, most)
        if len(wrapping):
            found.append(_line(node, wrapping, "the sums"))
        if y.dtype.itemsize != 1 or not is_quantized(y):
            continue
        assert y.quantization is not None
        with np.errstate(all="ignore"):  # scales far from any network's
            scales = np.float64(x.quantization.scale) * weights.quantization.scale
            shift = left_shifts(np.atleast_1d(scales / np.float64(y.quantization.scale)))
        shifted = np.setdiff1d(_leave_int32(least * 2.0**shift, most * 2.0**shift), wrapping)
        if len(shifted):
            found.append(_line(node, shifted, "the sums, times a multiplier above 1,"))
    return tuple(found)


def _line(node: Node, channels: NDArray[np.intp], what: str) -> str:
    return (
        f"{node.name}: {what} of {len(channels)} channels (the first is {channels[0]}) "
        "can leave 32 bits, where LiteRT wraps and npusim saturates"
    )


def left_shifts(ratios: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return by how many bits LiteRT shifts a sum left before it multiplies, for each ratio."""
    _, exponent = quantize_multipliers(np.where(np.isfinite(ratios), ratios, 0))
    return np.maximum(exponent, 0)


def extreme_sums(
    weights: NDArray, bias: NDArray | None, low: int, high: int, zero_point: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the least and the greatest sum with its bias of each channel (axis 0 of `weights`).

    The greatest has every operand at the end, low or high less zero_point, that its weight's sign
    asks for.
    """
    rows = weights.reshape(len(weights), -1).astype(np.int64)
    positive, negative = np.maximum(rows, 0).sum(1), np.minimum(rows, 0).sum(1)
    ends = low - zero_point, high - zero_point
    offset = np.zeros(len(rows), np.int64) if bias is None else bias.astype(np.int64)
    return (
        offset + positive * ends[0] + negative * ends[1],
        offset + positive * ends[1] + negative * ends[0],
    )


def _leave_int32(least: NDArray, most: NDArray) -> NDArray[np.intp]:
    """Return the channels of which an end is no int32."""
    return np.flatnonzero((most >= LIMIT) | (least < -LIMIT))
