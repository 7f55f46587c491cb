"""Sums of two operands of their own scales, each with a sign: ADD and what subtracts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from npusim.errors import RangeError
from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.kernels import elementwise
from npusim.kernels.fused import add_fused, add_fused_swapped
from npusim.operators.forms.tflite import TfliteLayer
from npusim.operators.kinds.elements import elements_step, integers, one_channel
from npusim.operators.kinds.pairs import Pairs, pairs_step
from npusim.operators.page import Step
from npusim.runtimes import onnxruntime, xnnpack
from npusim.runtimes.fixed_point import Integers, divided_by_power, multiplied
from npusim.runtimes.requantization import (
    MAX_SHIFT_BITS,
    Requantization,
    activation_bounds,
    affine,
    power_of_two,
    quantize_multiplier,
)

LEFT_SHIFT_BITS = 20
WIDE_LEFT_SHIFT_BITS = 15


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

    @property
    def slopes(self) -> tuple[float, float]:
        """What y grows by with each input, but for the roundings."""
        first, second = (
            math.ldexp(m * self.multipliers[2], self.left_shift - shift - self.shifts[2])
            for m, shift in zip(self.multipliers[:2], self.shifts[:2], strict=True)
        )
        return first, second


def three_steps(network: Network, node: Node) -> ThreeStepAdd:
    """Return TFLite's constants (add.cc, Prepare): three roundings in fixed point."""
    return _three_steps(network, node, LEFT_SHIFT_BITS)


def _three_steps(network: Network, node: Node, left_shift: int) -> ThreeStepAdd:
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    so, zo = affine(node, network.output_of(node))
    low, high = _bounds(network, node)
    twice = 2 * max(float(s1), float(s2))
    m1, e1 = quantize_multiplier(float(s1) / twice)
    m2, e2 = quantize_multiplier(float(s2) / twice)
    mo, eo = quantize_multiplier(twice / ((1 << left_shift) * float(so)))
    if eo > 31:
        raise RangeError(f"{node.name}: its output scale {so} is too small for its inputs'")
    return ThreeStepAdd(
        left_shift, (m1, m2, mo), (31 - e1, 31 - e2, 31 - eo), (z1, z2, zo), low, high
    )


def may_shift(layer: TfliteLayer) -> bool:
    """Return whether the file lets 16-bit operands be added by shifts alone (its default)."""
    wide = layer.output.dtype == "int16" and layer.record.options is not None
    return wide and bool(layer.option("PotScaleInt16"))


def wide_sum(network: Network, node: Node) -> Pairs:
    """Return TFLite's ADD of 16-bit operands: the three steps, or shifts (PotScaleInt16)."""
    if getattr(node.operator, "shifts_int16", False):
        shifted = shifted_sum(network, node, 1)
        if shifted is not None:
            return shifted
    c = _three_steps(network, node, WIDE_LEFT_SHIFT_BITS)
    (z1, z2, zo), bits = c.zero_points, c.left_shift
    pairs = [(m, 31 - s) for m, s in zip(c.multipliers, c.shifts, strict=True)]

    def total(a: Integers, b: Integers) -> Integers:
        raw = multiplied((a - z1) << bits, *pairs[0]) + multiplied((b - z2) << bits, *pairs[1])
        return np.clip(multiplied(raw, *pairs[2]) + zo, c.low, c.high)

    return total


def shifted_sum(network: Network, node: Node, sign: int) -> Pairs | None:
    """Return a + sign * b of int16 by shifts; None where the scales are no powers of two.

    Source: TFLite, add.cc (Prepare) and reference/add.h, Add of int16; likewise sub.cc.

    Raises
    ------
    RangeError
        Both operands, or neither, are of a smaller scale than the output.
    """
    scales = [*network.inputs_of(node), network.output_of(node)]
    exponents = [power_of_two(float(affine(node, x)[0])) for x in scales]
    if None in exponents:
        return None
    e1, e2, eo = (exponent or 0 for exponent in exponents)
    if max(e1, e2) != eo:
        raise RangeError(
            f"{node.name}: expected one operand of int16 at the output's scale, the other at or "
            f"below it, found 2^{e1}, 2^{e2} and 2^{eo}"
        )
    low, high = _bounds(network, node)

    def total(a: Integers, b: Integers) -> Integers:
        first, second = divided_by_power(a, eo - e1), divided_by_power(b, eo - e2)
        return np.clip(first + sign * second, low, high)

    return total


def one_epilogue(network: Network, node: Node, mode: str) -> Requantization:
    """Return the constants of one rounding: T = bias + M_1 * x_1 + M_2 * x_2."""
    s1, s2 = (float(affine(node, x)[0]) for x in network.inputs_of(node))
    so = float(affine(node, network.output_of(node))[0])
    return _epilogue(network, node, *_two_terms(node, s1 / so, s2 / so), mode)


def xnnpack_sum(network: Network, node: Node) -> Requantization | None:
    """Return XNNPACK's constants: two multipliers of 21 bits on one shift.

    None where the scales are none that XNNPACK takes: LiteRT keeps such a sum.
    """
    s1, s2 = (affine(node, x)[0] for x in network.inputs_of(node))
    so, _ = affine(node, network.output_of(node))
    terms = xnnpack.sum_multipliers(s1 / so, s2 / so)
    if terms is None:
        return None
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
    network: Network, node: Node, c: ThreeStepAdd | Requantization | onnxruntime.FusedAdd | Pairs
) -> Step:
    """Return the step that adds two operands by the constants of any runtime."""
    if callable(c):
        return pairs_step(network, node, c)
    if isinstance(c, ThreeStepAdd):
        values = integers(c.left_shift, *c.multipliers, *c.shifts, *c.zero_points, c.low, c.high)
        return elements_step(network, node, elementwise.add_three_step, values, slopes=c.slopes)
    if isinstance(c, Requantization):
        _, shift, *rest = one_channel(c)
        values = integers(*c.multipliers[:, 0], c.bias[0], shift, *rest)
        return elements_step(network, node, elementwise.add_two_terms, values)
    y = network.output_of(node)
    low, high = onnxruntime.bounds(node, _activation(node), y)
    add = add_fused_swapped if c.swapped else add_fused
    slopes = (float(c.ratio_a), float(c.ratio_b))
    return elements_step(
        network, node, add, c.ratio_a, c.ratio_b, c.offset, low, high,
        slopes=slopes[::-1] if c.swapped else slopes,
    )  # fmt: skip
