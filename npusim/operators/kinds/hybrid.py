"""Hybrid layers: float activations, int8 weights (what dynamic-range quantization writes).

LiteRT quantizes the activations while it runs, each sample (each row of a dense layer) with a scale
of its own, sums integers, and scales the sums back. Sums are exact here; the scales are float32.
Its own kernels take a zero point of 0 for a convolution whose weights' scales are equal, and for a
dense layer unless its file asks for another. XNNPACK has codes of its own, which are not followed.

Source: TFLite, portable_tensor_utils.cc (SymmetricQuantizeFloats, AsymmetricQuantizeFloats),
conv.cc, depthwise_conv.cc, transpose_conv.cc and fully_connected.cc (EvalHybrid).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.attributes import Clamp, fused
from npusim.graph.network import Network, Node
from npusim.graph.tensor import is_quantized
from npusim.operators.page import Step
from npusim.runtimes.float32 import halves_away
from npusim.words import Rule

LEAST, MOST = -128, 127

TAKEN_BY = (
    "Conv2D", "ConvTranspose", "FullyConnected", "MatMul", "SequenceLstm", "SequenceRnn", "Svdf",
)  # fmt: skip
"""Operators that compute floats with integer weights; any other would take them for floats."""


def require_floats(network: Network, node: Node) -> None:
    """Raise UnsupportedError where quantized integers stand beside floats that no page expects."""
    if node.kind in TAKEN_BY:
        return
    for tensor in network.inputs_of(node):
        if is_quantized(tensor):
            raise UnsupportedError(
                f"{node.name}: expected float32 in {tensor.name} beside other floats, found "
                f"{tensor.dtype}"
            )


def is_hybrid(network: Network, node: Node) -> bool:
    """Return whether a layer has float activations and integer weights."""
    x, w = network.inputs_of(node)[:2]
    return x.is_float and not w.is_float


def symmetric(rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return rows [B K] as integers of -127..127, and the scale of each row."""
    reach = np.abs(rows).max(axis=1, initial=0)
    inverse = np.float32(MOST) / np.where(reach == 0, np.float32(1), reach)
    steps = (rows * inverse[:, None]).astype(np.float32)
    integers = np.clip(halves_away(steps), -MOST, MOST)
    scale = np.where(reach == 0, np.float32(1), reach / np.float32(MOST))
    return integers.astype(np.float64), scale


def asymmetric(rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return rows [B K] as integers less the zero point of their row, and the scale of each."""
    low = np.minimum(rows.min(axis=1, initial=0), 0).astype(np.float64)
    high = np.maximum(rows.max(axis=1, initial=0), 0).astype(np.float64)
    flat = low == high
    scale = np.where(flat, 1.0, (high - low) / (MOST - LEAST))
    from_low, from_high = LEAST - low / scale, MOST - high / scale
    nearer_low = -LEAST + np.abs(low / scale) < MOST + np.abs(high / scale)
    nudged = np.clip(np.where(nearer_low, from_low, from_high), LEAST, MOST)
    zero = np.trunc(nudged + np.copysign(0.5, nudged))[:, None].astype(np.float32)
    single = scale.astype(np.float32)
    inverse = (1.0 / single.astype(np.float64)).astype(np.float32)[:, None]
    integers = np.clip(zero + halves_away(rows * inverse), LEAST, MOST)
    difference = np.where(flat[:, None], np.float32(0), integers - zero)
    return difference.astype(np.float64), single


def hybrid_step(
    product: Callable[..., NDArray[np.float64]], whole_samples: bool
) -> Callable[[Network, Node, Rule], Step]:
    """Return the float32 part of a layer on integer weights.

    `product` (operator, x, w) is the layer in float64; its inputs are integers, so it is exact. A
    scale is that of a whole sample, or of each row of weights' length.
    """

    def part(network: Network, node: Node, rule: Rule) -> Step:
        operator: Any = node.operator
        clamp: Clamp | None = operator.activation
        bare = replace(operator, activation=None)
        w = network.inputs_of(node)[1]
        q = w.quantization
        if w.data is None or q is None or w.dtype != np.int8 or q.zero_point.any():
            raise UnsupportedError(
                f"{node.name}: expected constant int8 weights with zero point 0 beside float "
                f"activations, found {w.dtype}"
            )
        weights = w.data.astype(np.float64)
        bias = [tensor.data for tensor in network.inputs_of(node)[2:] if tensor.data is not None]
        one_scale = whole_samples and np.ptp(q.scale) == 0 and w.file_order is None
        without_zero = one_scale or getattr(operator, "symmetric", False)
        taken = symmetric if without_zero else asymmetric

        def step(threads: int, x: NDArray[np.float32], *held: NDArray) -> NDArray[np.float32]:
            length = prod(x.shape[1:]) if whole_samples else weights.shape[-1]
            integers, scale = taken(x.reshape(-1, length))
            sums = product(bare, integers.reshape(x.shape), weights).astype(np.float32)
            spread = scale.reshape(-1, *[1] * (sums.ndim - 1))
            if not whole_samples:
                spread = scale.reshape(*sums.shape[:-1], 1)
            y = sums * q.scale * spread
            for values in bias:
                y = y + values.reshape(-1)
            return fused(clamp, y)

        return step

    return part


def unknown_codes(network: Network, node: Node, rule: Rule) -> Step:
    """Refuse: a runtime's own codes of float activations are not followed here."""
    raise UnsupportedError(
        f"{node.name}: the codes that {rule} gives float activations are not known; expected "
        "litert or litert-opt"
    )


def hybrid_or(
    plain: Callable[[Network, Node, Rule], Step], hybrid: Callable[[Network, Node, Rule], Step]
) -> Callable[[Network, Node, Rule], Step]:
    """Return a float32 part: `hybrid` where the weights are integers."""
    return lambda network, node, rule: (hybrid if is_hybrid(network, node) else plain)(
        network, node, rule
    )
