"""The integer constants of add, multiply, pooling, mean, softmax and requantize.

Each function takes the network, the node and the rule, and computes from scales, without side
effects, what an engine or the compiler loads. Sources: TFLite's Prepare functions (add.cc, mul.cc,
reduce.cc, activations.cc, quantize.cc); XNNPACK's init_qs8_add_minmax for `fp32` in .tflite files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.runtimes.requantization import (
    MAX_SHIFT_BITS,
    MODE,
    FloatRequantization,
    Requantization,
    activation_bounds,
    affine,
    quantize_multiplier,
)
from npusim.words import Rule

DOUBLE_ROUNDED = ("litert", "ruy", "tflite")
"""Rules of runtimes that round elementwise operators twice, whatever their matrix kernels do."""

ADD_LEFT_SHIFT_BITS = 20


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


@dataclass(frozen=True)
class WindowDivision:
    """TFLite's AVERAGE_POOL: y = clamp(sum / n), halves away from zero, no change of scale.

    The sum is of the integers as they are (no zero point subtracted), n the taps inside the image.
    """

    low: int
    high: int


@dataclass(frozen=True)
class SoftmaxConstants:
    """TFLite's integer SOFTMAX: scaled difference = (x - max) * multiplier * 2^(left_shift - 31).

    Differences below `least_difference` count as zero probability. Output: scale 1/256, zero point
    at the type's minimum.
    """

    multiplier: int
    left_shift: int
    least_difference: int


def add(network: Network, node: Node, rule: Rule) -> ThreeStepAdd | Requantization:
    """Return the constants of an addition.

    Under `litert`, `ruy` and `tflite` it keeps TFLite's three roundings; otherwise it is one
    epilogue of two terms, T = bias + M_1 * x_1 + M_2 * x_2 with the zero points in the bias. `fp32`
    gives the integers of XNNPACK's 21-bit multipliers.
    """
    assert isinstance(node.operator, op.Add)
    y = network.output_of(node)
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    so, zo = affine(node, y)
    low, high = activation_bounds(node.operator.activation, so, zo, y.dtype)
    if rule in DOUBLE_ROUNDED:
        twice = 2 * max(float(s1), float(s2))
        m1, e1 = quantize_multiplier(float(s1) / twice)
        m2, e2 = quantize_multiplier(float(s2) / twice)
        mo, eo = quantize_multiplier(twice / ((1 << ADD_LEFT_SHIFT_BITS) * float(so)))
        if eo > 31:
            raise RangeError(f"{node.name}: its output scale {so} is too small for its inputs'")
        return ThreeStepAdd(
            ADD_LEFT_SHIFT_BITS,
            (m1, m2, mo),
            (31 - e1, 31 - e2, 31 - eo),
            (z1, z2, zo),
            low,
            high,
        )
    if rule == "fp32":
        multipliers, shift = _xnnpack_add(node, s1 / so, s2 / so)
        mode = "half_up"
    else:
        multipliers, shift = _two_terms(node, float(s1) / float(so), float(s2) / float(so))
        mode = MODE[rule]
    bias = -multipliers[0] * z1 - multipliers[1] * z2
    return Requantization(
        np.array(multipliers)[:, None], np.array([bias]), np.array([shift]), mode, zo, low, high
    )


def _two_terms(node: Node, first: float, second: float) -> tuple[tuple[int, int], int]:
    """Return two multipliers on one shift, the larger one normalized to 31 bits."""
    _, e = quantize_multiplier(max(first, second))
    if e > 31:
        raise RangeError(f"{node.name}: its output scale is too small for its inputs'")
    shift = min(31 - e, MAX_SHIFT_BITS)
    m1, m2 = (int(np.floor(np.ldexp(ratio, shift) + 0.5)) for ratio in (first, second))
    return (m1, m2), shift


def _xnnpack_add(node: Node, first: np.float32, second: np.float32) -> tuple[tuple[int, int], int]:
    """Return XNNPACK's multipliers, the larger in [2^20, 2^21), and their shift."""
    largest = max(first, second)
    if not 2.0**-10 <= largest < 2.0**8:
        raise UnsupportedError(
            f"{node.name}: expected ratios of input to output scale in 2^-10..2^8 under fp32, "
            f"found {largest:.4g}"
        )
    shift = 20 - (int(np.frexp(largest)[1]) - 1)
    m1, m2 = (int(np.rint(np.ldexp(ratio, shift))) for ratio in (first, second))
    return (m1, m2), shift


def multiply(network: Network, node: Node, rule: Rule) -> Requantization:
    """Return the constants of an elementwise product: A = (x_1 - z_1) * (x_2 - z_2)."""
    assert isinstance(node.operator, op.Mul)
    y = network.output_of(node)
    (s1, _), (s2, _) = (affine(node, x) for x in network.inputs_of(node))
    so, zo = affine(node, y)
    low, high = activation_bounds(node.operator.activation, so, zo, y.dtype)
    return _one_term(node, float(s1 * s2 / so), 0, _elementwise_mode(rule), zo, low, high)


def average_pool(network: Network, node: Node, rule: Rule) -> WindowDivision | Requantization:
    """Return the constants of an average pool.

    With equal quantization before and after it is TFLite's division under every rule. Otherwise
    column n - 1 of the Requantization serves windows of n taps, with A the sum of x - z; with
    `count_padding` there is one column.
    """
    assert isinstance(node.operator, op.AveragePool)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    low, high = activation_bounds(node.operator.activation, so, zo, y.dtype)
    if sx == so and zx == zo and not node.operator.count_padding:
        return WindowDivision(low, high)
    kernel_h, kernel_w = node.operator.window.kernel
    if node.operator.count_padding:
        counts = [kernel_h * kernel_w]
    else:
        counts = list(range(1, min(kernel_h, x.shape[1]) * min(kernel_w, x.shape[2]) + 1))
    steps = [
        _one_term(node, float(sx) / (float(so) * n), 0, _elementwise_mode(rule), zo, low, high)
        for n in counts
    ]
    return Requantization(
        np.concatenate([step.multipliers for step in steps], axis=1),
        np.concatenate([step.bias for step in steps]),
        np.concatenate([step.shift for step in steps]),
        _elementwise_mode(rule),
        zo,
        low,
        high,
    )


def mean(network: Network, node: Node, rule: Rule) -> Requantization | FloatRequantization:
    """Return the constants of a mean; the accumulator is the plain sum of the integers.

    TFLite folds the division by n into the multiplier: M' = (M << sh) div n, shift 31 - (e - sh).
    """
    assert isinstance(node.operator, op.Mean)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    low, high = activation_bounds(None, so, zo, y.dtype)
    n = int(np.prod([x.shape[axis] for axis in node.operator.axes], dtype=np.int64))
    if rule == "fp32":
        scale = np.array([sx / so / np.float32(n)])
        bias = np.array([-n * zx])
        return FloatRequantization("fp32_fused", scale, bias, zo, low, high)
    if rule == "ruy" and is_image_mean(node.operator, len(x.shape)):
        # LiteRT's optimized kernel rounds the zero point's share apart from the sum
        share = np.float32(zx) * sx / so
        offset = zo - int(share + np.copysign(np.float32(0.5), share))
        ratio = float(sx / (np.float32(n) * so))
        return _one_term(node, ratio, 0, MODE[rule], offset, low, high)
    m, e = quantize_multiplier(float(sx) / float(so))
    if e > 31:
        raise RangeError(f"{node.name}: its output scale {so} is too small for its input's {sx}")
    extra = min(n.bit_length() - 1, 32, 31 + e)
    m = (m << extra) // n
    return Requantization(
        np.array([[m]]),
        np.array([-n * zx * m]),
        np.array([31 - e + extra]),
        _elementwise_mode(rule),
        zo,
        low,
        high,
    )


def is_image_mean(operator: op.Mean, rank: int) -> bool:
    """Return whether LiteRT has an optimized kernel for it: over H and W of [N H W C], kept."""
    return operator.keep_dims and rank == 4 and operator.axes == (1, 2)


def softmax(network: Network, node: Node, rule: Rule) -> SoftmaxConstants:
    """Return the constants of TFLite's fixed-point softmax; it has one form under integer rules."""
    assert isinstance(node.operator, op.Softmax)
    y = network.output_of(node)
    sx, _ = affine(node, network.inputs_of(node)[0])
    so, zo = affine(node, y)
    if so != np.float32(1 / 256) or zo != np.iinfo(y.dtype).min:
        raise UnsupportedError(
            f"{node.name}: expected a softmax output of scale 1/256 and zero point "
            f"{np.iinfo(y.dtype).min}, found {so} and {zo}"
        )
    ratio = min(float(np.float32(node.operator.beta)) * float(sx) * (1 << 26), 2.0**31 - 1)
    if not ratio > 1:
        raise RangeError(f"{node.name}: its input scale {sx} is too small")
    m, left_shift = quantize_multiplier(ratio)
    return SoftmaxConstants(m, left_shift, -((31 << 26) >> left_shift))


def requantize(
    network: Network, node: Node, rule: Rule, position: int = 0, clamp: op.Clamp | None = None
) -> Requantization:
    """Return the constants that bring input `position` to the output's scale (A = x - z)."""
    x, y = network.inputs_of(node)[position], network.output_of(node)
    ratio = float(affine(node, x)[0]) / float(affine(node, y)[0])
    return requantize_by(network, node, rule, ratio, clamp)


def requantize_by(
    network: Network, node: Node, rule: Rule, ratio: float, clamp: op.Clamp | None = None
) -> Requantization:
    """Return the constants that multiply A = x - z by `ratio`; 8 fraction bits in XNNPACK."""
    y = network.output_of(node)
    so, zo = affine(node, y)
    low, high = activation_bounds(clamp, so, zo, y.dtype)
    x = network.inputs_of(node)[0]
    if is_optimized_requantize(node, rule, x, y):
        return _one_term(node, ratio, 0, MODE["ruy"], zo, low, high)
    if rule == "fp32" and clamp is None and is_xnnpack_ratio(ratio):
        m = int(np.rint(np.float32(256) * np.float32(ratio)))
        return Requantization(
            np.array([[m]]), np.array([0]), np.array([8]), "half_up", zo, low, high
        )
    mode = "tflite" if rule == "fp32" else _elementwise_mode(rule)
    return _one_term(node, ratio, 0, mode, zo, low, high)


def is_xnnpack_ratio(ratio: float) -> bool:
    """Return whether XNNPACK requantizes by `ratio`, which it does with 8 fraction bits."""
    return 2.0**-8 <= ratio <= 2.0**7


def is_optimized_requantize(node: Node, rule: Rule, x: Tensor, y: Tensor) -> bool:
    """Return whether LiteRT's optimized kernel runs an integer QUANTIZE.

    XNNPACK takes those that keep the type and leaves the others to it.
    """
    if not isinstance(node.operator, op.Quantize):
        return False
    return rule == "ruy" or (rule == "fp32" and x.dtype != y.dtype)


def uint8_concatenation_table(network: Network, node: Node, position: int) -> NDArray[np.uint8]:
    """Return uint8 input `position` of CONCATENATION at the output's scale, for every value of it.

    Source: TFLite, ConcatenationWithScaling: float32, halves away from zero.
    """
    (sx, zx) = affine(node, network.inputs_of(node)[position])
    so, zo = affine(node, network.output_of(node))
    scale = sx * (np.float32(1) / so)
    value = np.arange(256, dtype=np.float32) * scale + np.float32(-zx) * scale
    whole = np.trunc(value)
    rounded = whole + np.where(np.abs(value - whole) >= 0.5, np.sign(value), 0) + zo
    return np.clip(rounded, 0, 255).astype(np.uint8)


def _elementwise_mode(rule: Rule) -> str:
    if rule == "fp32":
        return "half_even"
    return "tflite" if rule in DOUBLE_ROUNDED else MODE[rule]


def _one_term(
    node: Node, ratio: float, bias: int, mode: str, zero_point: int, low: int, high: int
) -> Requantization:
    if not np.isfinite(ratio):
        raise RangeError(f"{node.name}: the ratio of its scales is outside floating point")
    m, e = quantize_multiplier(ratio)
    if e > 31:
        raise RangeError(
            f"{node.name}: expected a ratio of input to output scale below 2^31, found {ratio:.4g}"
        )
    return Requantization(
        np.array([[m]]), np.array([bias]), np.array([31 - e]), mode, zero_point, low, high
    )
