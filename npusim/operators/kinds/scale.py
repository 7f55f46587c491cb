"""One value brought to another scale: what each runtime computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.requantize import requantize_total
from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.table import Table
from npusim.operators.kinds.wide import Values
from npusim.runtimes import onnxruntime, xnnpack
from npusim.runtimes.fixed_point import multiplied, wrapped
from npusim.runtimes.requantization import (
    Requantization,
    activation_bounds,
    affine,
    one_term,
    quantize_multiplier,
)
from npusim.words import ROUNDINGS

NO_CLAMP = Clamp()


def by_ratio(
    network: Network, node: Node, ratio: float, mode: str, clamp: Clamp | None = None
) -> Requantization:
    """Return the constants that multiply A = x - z by `ratio`, in TFLite's fixed point."""
    so, zo = affine(node, network.output_of(node))
    low, high = activation_bounds(clamp, so, zo, network.output_of(node).dtype)
    return one_term(node, ratio, 0, mode, zo, low, high)


def by_ratio_xnnpack(network: Network, node: Node, ratio: float) -> Requantization:
    """Return what XNNPACK multiplies A = x - z by; what it leaves is TFLite's."""
    if not xnnpack.is_ratio(ratio):
        return by_ratio(network, node, ratio, "tflite")
    so, zo = affine(node, network.output_of(node))
    low, high = activation_bounds(None, so, zo, network.output_of(node).dtype)
    return xnnpack.requantization(ratio, zo, low, high)


def to_output(
    network: Network, node: Node, mode: str, position: int = 0, clamp: Clamp | None = None
) -> Requantization:
    """Return the constants that bring input `position` to the output's scale, A = x - z."""
    return by_ratio(network, node, ratio_to_output(network, node, position), mode, clamp)


def to_output_xnnpack(network: Network, node: Node, position: int = 0) -> Requantization:
    """Return `to_output` as XNNPACK computes it."""
    return by_ratio_xnnpack(network, node, ratio_to_output(network, node, position))


def values_by_ratio(
    network: Network, node: Node, ratio: float, clamp: Clamp | None = None
) -> Values:
    """Return `by_ratio` of wider integers, in int32 as TFLite has it, rounded twice."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    _, zx = affine(node, x)
    so, zo = affine(node, y)
    low, high = activation_bounds(clamp, so, zo, y.dtype)
    m, e = quantize_multiplier(ratio)
    return lambda v: np.clip(multiplied(wrapped(v - zx), m, e) + zo, low, high)


def ratio_to_output(network: Network, node: Node, position: int = 0) -> float:
    """Return the scale of input `position` in steps of the output's."""
    x, y = network.inputs_of(node)[position], network.output_of(node)
    return float(affine(node, x)[0]) / float(affine(node, y)[0])


def ratio_in_float32(network: Network, node: Node) -> float:
    """Return the first input's scale in steps of the output's, as activations.cc divides them."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    return float(affine(node, x)[0] / affine(node, y)[0])


def table_of(network: Network, node: Node, r: Requantization, position: int = 0) -> Table:
    """Return the output of every value of 8-bit input `position` under `r`, ascending."""
    x, y = network.inputs_of(node)[position], network.output_of(node)
    _, zero_point = affine(node, x)
    return np.array([applied(r, value - zero_point) for value in values_of(x)], y.dtype)


def values_of(tensor: Tensor) -> range:
    """Return every value of an 8-bit tensor, ascending."""
    limits = np.iinfo(tensor.dtype)
    return range(int(limits.min), int(limits.max) + 1)


def applied(r: Requantization, accumulator: int) -> int:
    """Return the output of a Requantization of one channel and one term."""
    total = int(r.bias[0]) + int(r.multipliers[0, 0]) * accumulator
    mode = ROUNDINGS.index(r.rounding)
    return requantize_total(total, mode, int(r.shift[0]), r.zero_point, r.low, r.high)


def onnxruntime_table(
    clamp_of: Callable[[Network, Node], Clamp | None] = lambda network, node: None,
) -> Callable[[Network, Node], NDArray[np.integer]]:
    """Return the constants QuantizeLinear(DequantizeLinear(v)), clamped, of every value v."""

    def table(network: Network, node: Node) -> NDArray[np.integer]:
        x, y = network.inputs_of(node)[0], network.output_of(node)
        return onnxruntime.conversion_table(node, x, y, clamp_of(network, node))

    return table
