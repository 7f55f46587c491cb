"""Sums of two operands of their own scales, each with a sign: ADD and what subtracts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError
from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.kernels import elementwise
from npusim.kernels.fused import add_fused
from npusim.operators.kinds.elements import elements_step, integers, one_channel
from npusim.operators.page import Step
from npusim.runtimes import onnxruntime, xnnpack
from npusim.runtimes.requantization import (
    MAX_SHIFT_BITS,
    Requantization,
    activation_bounds,
    affine,
    quantize_multiplier,
)

LEFT_SHIFT_BITS = 20


@dataclass(frozen=True)
class ThreeStepAdd:
    """TFLite's ADD: both inputs to a common scale, added, to the output's scale.

    t_i = step(((x_i - zero_points[i]) << left_shift) * multipliers[i], shifts[i])
    y = clamp(step((t_1 + t_2) * multipliers[2], shifts[2]) + zero_points[2], low, high)
    where step(T, s) is the `tflite` rounding of T >> s.
    """

    left_shift: int
    multipliers: tuple[int, int, int]
    shifts: tuple[int, int, int]
    zero_points: tuple[int, int, int]
    low: int
    high: int


def three_steps(network: Network, node: Node) -> ThreeStepAdd:
    """Return TFLite's constants (add.cc, Prepare): three roundings in fixed point."""
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    so, zo = affine(node, network.output_of(node))
    low, high = _bounds(network, node)
    twice = 2 * max(float(s1), float(s2))
    m1, e1 = quantize_multiplier(float(s1) / twice)
    m2, e2 = quantize_multiplier(float(s2) / twice)
    mo, eo = quantize_multiplier(twice / ((1 << LEFT_SHIFT_BITS) * float(so)))
    if eo > 31:
        raise RangeError(f"{node.name}: its output scale {so} is too small for its inputs'")
    return ThreeStepAdd(
        LEFT_SHIFT_BITS, (m1, m2, mo), (31 - e1, 31 - e2, 31 - eo), (z1, z2, zo), low, high
    )


def one_epilogue(network: Network, node: Node, mode: str) -> Requantization:
    """Return the constants of one rounding: T = bias + M_1 * x_1 + M_2 * x_2."""
    s1, s2 = (float(affine(node, x)[0]) for x in network.inputs_of(node))
    so = float(affine(node, network.output_of(node))[0])
    return _epilogue(network, node, *_two_terms(node, s1 / so, s2 / so), mode)


def xnnpack_sum(network: Network, node: Node) -> Requantization:
    """Return XNNPACK's constants: two multipliers of 21 bits on one shift."""
    s1, s2 = (affine(node, x)[0] for x in network.inputs_of(node))
    so, _ = affine(node, network.output_of(node))
    terms = xnnpack.sum_multipliers(node, s1 / so, s2 / so)
    y = network.output_of(node)
    low, high = xnnpack.activation_bounds(_activation(node), *affine(node, y), y.dtype)
    return replace(_epilogue(network, node, *terms, "half_up"), low=low, high=high)


def onnxruntime_sum(network: Network, node: Node) -> onnxruntime.FusedAdd:
    """Return the constants of QLinearAdd."""
    return onnxruntime.add(network, node)


def _bounds(network: Network, node: Node) -> tuple[int, int]:
    y = network.output_of(node)
    return activation_bounds(_activation(node), *affine(node, y), y.dtype)


def _activation(node: Node) -> Clamp | None:
    activation: Clamp | None = getattr(node.operator, "activation", None)
    return activation


def _epilogue(
    network: Network, node: Node, multipliers: tuple[int, int], shift: int, mode: str
) -> Requantization:
    _, zo = affine(node, network.output_of(node))
    (_, z1), (_, z2) = (affine(node, x) for x in network.inputs_of(node))
    bias = -multipliers[0] * z1 - multipliers[1] * z2
    return Requantization(
        np.array(multipliers)[:, None], np.array([bias]), np.array([shift]), mode, zo,
        *_bounds(network, node),
    )  # fmt: skip


def _two_terms(node: Node, first: float, second: float) -> tuple[tuple[int, int], int]:
    """Return two multipliers on one shift, the larger one normalized to 31 bits."""
    _, e = quantize_multiplier(max(first, second))
    if e > 31:
        raise RangeError(f"{node.name}: its output scale is too small for its inputs'")
    shift = min(31 - e, MAX_SHIFT_BITS)
    m1, m2 = (int(np.floor(np.ldexp(ratio, shift) + 0.5)) for ratio in (first, second))
    return (m1, m2), shift


def sum_step(
    network: Network, node: Node, c: ThreeStepAdd | Requantization | onnxruntime.FusedAdd
) -> Step:
    """Return the step that adds two 8-bit operands by the constants of any runtime."""
    if isinstance(c, ThreeStepAdd):
        values = integers(c.left_shift, *c.multipliers, *c.shifts, *c.zero_points, c.low, c.high)
        return elements_step(network, node, elementwise.add_three_step, values)
    if isinstance(c, Requantization):
        _, shift, *rest = one_channel(c)
        values = integers(*c.multipliers[:, 0], c.bias[0], shift, *rest)
        return elements_step(network, node, elementwise.add_two_terms, values)
    y = network.output_of(node)
    low, high = onnxruntime.bounds(node, _activation(node), y)

    def add_swapped(a: NDArray, b: NDArray, *rest: Any) -> None:
        add_fused(b, a, *rest)

    add = add_swapped if c.swapped else add_fused
    return elements_step(network, node, add, c.ratio_a, c.ratio_b, c.offset, low, high)
