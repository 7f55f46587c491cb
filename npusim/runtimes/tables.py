"""Functions of one 8-bit value as tables of their 256 outputs, ascending by the input's value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.datapath.requantize import HALF_AWAY, HALF_UP, clamp, requantize_total, round_shift
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.runtimes.activation import (
    HARD_SWISH_INPUT_SHIFT_BITS,
    HardSwishConstants,
    activation_table,
    hard_swish,
    leaky_relu,
)
from npusim.runtimes.elementwise import (
    DOUBLE_ROUNDED,
    requantize,
    uint8_concatenation_table,
)
from npusim.runtimes.requantization import Requantization, affine
from npusim.words import ROUNDINGS, Rule


def values_of(tensor: Tensor) -> range:
    """Return every value of an 8-bit tensor, ascending."""
    limits = np.iinfo(tensor.dtype)
    return range(int(limits.min), int(limits.max) + 1)


def by_byte(tensor: Tensor, table: NDArray) -> NDArray:
    """Return a table of an 8-bit tensor's values by their bytes, as datapath/lookup.py has it."""
    return np.roll(table, values_of(tensor).start)


def apply(r: Requantization, accumulator: int) -> int:
    """Return the output of a Requantization of one channel and one term."""
    total = int(r.bias[0]) + int(r.multipliers[0, 0]) * accumulator
    mode = ROUNDINGS.index(r.rounding)
    return requantize_total(total, mode, int(r.shift[0]), r.zero_point, r.low, r.high)


def requantization(
    network: Network, node: Node, rule: Rule, position: int = 0, fused: op.Clamp | None = None
) -> NDArray:
    """Return input `position` at the output's scale, for every value of it."""
    x, y = network.inputs_of(node)[position], network.output_of(node)
    r = requantize(network, node, rule, position, fused)
    _, zero_point = affine(node, x)
    return np.array([apply(r, value - zero_point) for value in values_of(x)], y.dtype)


def joined(network: Network, node: Node, rule: Rule, position: int) -> NDArray:
    """Return input `position` of a concatenation at the output's scale, for every value of it."""
    x, y = network.inputs_of(node)[position], network.output_of(node)
    if x.dtype == y.dtype == np.uint8 and rule in (*DOUBLE_ROUNDED, "fp32"):
        return uint8_concatenation_table(network, node, position)
    return requantization(network, node, rule, position)


def activation(network: Network, node: Node, rule: Rule) -> NDArray:
    """Return the output of a standalone activation for every input value."""
    operator = node.operator
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if isinstance(operator, op.Clip):
        return requantization(network, node, rule, 0, operator.bounds)
    if rule not in (*DOUBLE_ROUNDED, "fp32") or isinstance(operator, op.Sigmoid | op.Tanh):
        return activation_table(network, node)
    if isinstance(operator, op.LeakyRelu):
        _, zero_point = affine(node, x)
        steep, flat = leaky_relu(network, node, rule)
        above = (value - zero_point for value in values_of(x))
        return np.array([apply(steep if v >= 0 else flat, v) for v in above], y.dtype)
    c = hard_swish(network, node)
    limits = np.iinfo(y.dtype)
    outputs = (_hard_swish(c, value) for value in values_of(x))
    return np.array([clamp(v, int(limits.min), int(limits.max)) for v in outputs], y.dtype)


def _int16(value: int) -> int:
    return clamp(value, -(1 << 15), (1 << 15) - 1)


def _multiply_high(a: int, b: int) -> int:
    """Return a * b * 2^-15 rounded half up, within int16."""
    return _int16(round_shift(HALF_UP, a * b, 15))


def _hard_swish(c: HardSwishConstants, value: int) -> int:
    """Return TFLite's hard swish of one value, before the clamp."""
    x = (value - c.input_zero_point) << HARD_SWISH_INPUT_SHIFT_BITS
    scaled = _multiply_high(x, c.output_multiplier)
    relu = x
    if c.relu_exponent > 0:
        relu = _int16(relu << (c.relu_exponent - 1))
    relu = _multiply_high(relu, c.relu_multiplier)
    if c.relu_exponent > 0:
        relu = _int16(relu << 1)
    relu = round_shift(HALF_AWAY, relu, max(-c.relu_exponent, 0))
    relu = (relu + (1 << 15)) >> 1
    product = relu * scaled
    truncated = product >> 15 if product >= 0 else -(-product >> 15)
    return round_shift(HALF_AWAY, _int16(truncated), -c.output_exponent) + c.zero_point
