"""Layers of a .tflite file whose sums can leave int32: LiteRT wraps there, npusim does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Node
from npusim.graph.tensor import Tensor, is_quantized

LIMIT = 1 << 31
KINDS = ("Conv2D", "FullyConnected")


def notes(nodes: Sequence[Node], tensors: dict[str, Tensor]) -> tuple[str, ...]:
    """Return a line for each layer of 8-bit integers with a channel whose sum can wrap."""
    found = []
    for node in nodes:
        if node.kind not in KINDS or len(node.inputs) < 2:
            continue
        x, weights = (tensors[name] for name in node.inputs[:2])
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
        channels = wrapping_sums(centred, bias, limits.min, limits.max, zero_point)
        if channels:
            found.append(
                f"{node.name}: the sums of {len(channels)} channels (the first is {channels[0]}) "
                "can leave 32 bits, where LiteRT wraps and npusim saturates"
            )
    return tuple(found)


def wrapping_sums(
    weights: NDArray, bias: NDArray | None, low: int, high: int, zero_point: int
) -> tuple[int, ...]:
    """Return the channels (axis 0 of `weights`) whose sum with its bias can leave int32.

    The greatest sum has every operand at the end, low or high less zero_point, that its weight's
    sign asks for.
    """
    rows = weights.reshape(len(weights), -1).astype(np.int64)
    positive, negative = np.maximum(rows, 0).sum(1), np.minimum(rows, 0).sum(1)
    ends = low - zero_point, high - zero_point
    offset = np.zeros(len(rows), np.int64) if bias is None else bias.astype(np.int64)
    most = offset + positive * ends[1] + negative * ends[0]
    least = offset + positive * ends[0] + negative * ends[1]
    return tuple(int(i) for i in np.flatnonzero((most >= LIMIT) | (least < -LIMIT)))
