"""The integer constants of activation functions on 8-bit values.

TFLite computes sigmoid and tanh of 8-bit values from a table made in float32, leaky_relu and
hard_swish in fixed point. Under the other integer rules every one of them is a float32 table.
Sources: TFLite, activations.cc (LUTPopulate, LeakyReluPrepare, HardSwishPrepare), hard_swish.h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import RangeError
from npusim.graph.network import Network, Node
from npusim.runtimes.elementary import exp, tanh
from npusim.runtimes.elementwise import is_xnnpack_ratio, requantize_by
from npusim.runtimes.requantization import Requantization, affine, quantize_multiplier
from npusim.words import Rule

HARD_SWISH_INPUT_SHIFT_BITS = 7


@dataclass(frozen=True)
class HardSwishConstants:
    """TFLite's hard swish in 16 bits: x * relu6(x + 3) / 6.

    Multipliers are Q0.15; exponents are those of their ratios: of the input scaled by 2^7 to the
    output, and to relu6's own scale of 3 / 32768.
    """

    output_multiplier: int
    output_exponent: int
    relu_multiplier: int
    relu_exponent: int
    input_zero_point: int
    zero_point: int


def leaky_relu(network: Network, node: Node, rule: Rule) -> tuple[Requantization, Requantization]:
    """Return the constants for x - z not below zero, and below it."""
    assert isinstance(node.operator, op.LeakyRelu)
    sx, _ = affine(node, network.inputs_of(node)[0])
    so, _ = affine(node, network.output_of(node))
    ratios = (float(sx / so), float(sx * np.float32(node.operator.alpha) / so))
    if rule == "fp32" and not all(is_xnnpack_ratio(ratio) for ratio in ratios):
        rule = "tflite"
    steep, flat = (requantize_by(network, node, rule, ratio) for ratio in ratios)
    return steep, flat


def hard_swish(network: Network, node: Node) -> HardSwishConstants:
    """Return the constants of TFLite's hard swish.

    Raises
    ------
    RangeError
        The output's scale is so small that TFLite's 16 bits do not hold the product.
    """
    (sx, zx), (so, zo) = (
        affine(node, network.inputs_of(node)[0]),
        affine(node, network.output_of(node)),
    )
    fine = np.float32(1 / 128) * sx
    output_multiplier, output_exponent = quantize_multiplier(float(fine / so))
    relu_multiplier, relu_exponent = quantize_multiplier(float(fine / np.float32(3 / 32768)))
    if output_exponent > 0 or relu_exponent > 15:
        raise RangeError(f"{node.name}: input scale {sx}, output scale {so} do not fit 16 bits")
    return HardSwishConstants(
        _upper_half(output_multiplier),
        output_exponent,
        _upper_half(relu_multiplier),
        relu_exponent,
        zx,
        zo,
    )


def _upper_half(multiplier: int) -> int:
    """Return a Q0.31 multiplier as Q0.15, rounded, saturating."""
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1)


def activation_table(network: Network, node: Node) -> NDArray:
    """Return an activation's output for every 8-bit input value, ascending.

    Computed in float32, halves away from zero. e^x and tanh are float64 values made of correctly
    rounded operations and rounded to float32, so a table is the same on every processor.
    """
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    limits = np.iinfo(x.dtype)
    real = sx * (np.arange(limits.min, limits.max + 1) - zx).astype(np.float32)
    steps = _function(node.operator, real) * (np.float32(1) / so)
    rounded = np.copysign(np.floor(np.abs(steps) + np.float32(0.5)), steps) + zo
    bounds = np.iinfo(y.dtype)
    return np.clip(rounded, bounds.min, bounds.max).astype(y.dtype)


def _function(operator: op.Operator, real: NDArray[np.float32]) -> NDArray[np.float32]:
    one = np.float32(1)
    if isinstance(operator, op.Sigmoid):
        with np.errstate(over="ignore"):
            return one / (one + exp(-real.astype(np.float64)).astype(np.float32))
    if isinstance(operator, op.Tanh):
        return tanh(real.astype(np.float64)).astype(np.float32)
    if isinstance(operator, op.LeakyRelu):
        return np.where(real > 0, real, real * np.float32(operator.alpha))
    if isinstance(operator, op.HardSwish):
        return real * np.clip(real + np.float32(3), 0, 6) / np.float32(6)
    assert isinstance(operator, op.Clip)
    low = -np.inf if operator.low is None else operator.low
    high = np.inf if operator.high is None else operator.high
    return np.clip(real, np.float32(low), np.float32(high))
