"""How a layer's accumulators become its outputs: the constants, and TFLite's way to make them.

Which constants a runtime gives an operator stands on the operator's page. A `Requantization` is
integers only and is what the compiler and the RTL take; a `FloatRequantization` is the
formula of a runtime that uses floating point, of which the compiler makes integers (twins.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, UnsupportedError
from npusim.graph.attributes import Clamp
from npusim.graph.network import Node
from npusim.graph.tensor import Tensor, frozen

MAX_SHIFT_BITS = 62

Channels = slice | NDArray[np.int64] | list[int]
"""Which channels of a layer: a slice, or their numbers."""


@dataclass(frozen=True, eq=False)
class Requantization:
    """y = clamp(round(T >> shift) + zero_point, low, high), T = bias + sum_j multipliers[j] * A_j.

    multipliers int64 [J OC] (unsigned, at most 31 bits), bias int64 [OC] in units of T, shift int64
    [OC] with any channel shift included; `rounding` is a mode of npusim/datapath/requantize.py.

    With `float32` it is npusim/datapath/requantize_float.py: the multipliers are the bits of its
    scales, the bias is in units of the accumulator, and the shift is 0.
    """

    multipliers: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    rounding: str
    zero_point: int
    low: int
    high: int

    def __post_init__(self) -> None:
        for name in ("multipliers", "bias", "shift"):
            object.__setattr__(self, name, frozen(np.asarray(getattr(self, name), np.int64)))

    def of_channels(self, channels: Channels) -> Requantization:
        """Return the constants of some channels."""
        return replace(
            self,
            multipliers=self.multipliers[:, channels],
            bias=self.bias[channels],
            shift=self.shift[channels],
        )


@dataclass(frozen=True, eq=False)
class FloatRequantization:
    """A runtime's floating-point epilogue: one accumulator, `bias` int64 [OC] added to it first.

    kind `fp32`: clamp(rint(float32(acc) * float32 scale[c]) + zero_point), ties to even.
    kind `fp32_fused`: clamp(rint(fma(float32(A), float32 scale[c], zero_point + bias * scale[c]))),
    where A is the accumulator without the bias: XNNPACK's mean.
    kind `double_away`: clamp(round_half_away(float64(acc) * float64 scale[c]) + zero_point).
    """

    kind: Literal["fp32", "fp32_fused", "double_away"]
    scale: NDArray
    bias: NDArray[np.int64]
    zero_point: int
    low: int
    high: int

    def __post_init__(self) -> None:
        dtype = np.float64 if self.kind == "double_away" else np.float32
        object.__setattr__(self, "scale", frozen(np.asarray(self.scale, dtype)))
        object.__setattr__(self, "bias", frozen(np.asarray(self.bias, np.int64)))

    def of_channels(self, channels: Channels) -> FloatRequantization:
        """Return the constants of some channels."""
        return replace(self, scale=self.scale[channels], bias=self.bias[channels])


def quantize_multiplier(multiplier: float) -> tuple[int, int]:
    """Return (M, e) with multiplier = M * 2^(e - 31), M in [2^30, 2^31), as TFLite computes it.

    M is rounded half away from zero; a multiplier below 2^-32 becomes (0, 0), a dead channel.
    Source: TFLite, quantization_util.cc, QuantizeMultiplier.
    """
    m, e = quantize_multipliers(np.array([multiplier], np.float64))
    return int(m[0]), int(e[0])


def power_of_two(scale: float) -> int | None:
    """Return n where TFLite takes `scale` for 2^n, None where it is none.

    Source: TFLite, quantization_util.cc, CheckedLog2: the logarithm is within 0.001 of n.
    """
    exponent = np.log(np.float32(scale)) * (np.float32(1) / np.log(np.float32(2)))
    nearest = float(np.rint(exponent))
    return int(nearest) if abs(float(exponent) - nearest) < 1e-3 else None


def quantize_multipliers(
    multipliers: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return `quantize_multiplier` of each value, none of them negative."""
    fraction, exponent = np.frexp(multipliers)
    m = np.floor(fraction * (1 << 31) + 0.5).astype(np.int64)
    e = exponent.astype(np.int64)
    carry = m == 1 << 31
    m, e = np.where(carry, m >> 1, m), np.where(carry, e + 1, e)
    dead = (m == 0) | (e < -31)
    return np.where(dead, 0, m), np.where(dead, 0, e)


def affine(node: Node, tensor: Tensor) -> tuple[np.float32, int]:
    """Return the scale and zero point of a tensor that has one pair.

    Raises
    ------
    UnsupportedError
        The tensor has none, or one per channel.
    """
    q = tensor.quantization
    if q is None or q.axis is not None:
        found = "none" if q is None else f"{q.scale.size}"
        raise UnsupportedError(
            f"{node.name}: expected one scale and zero point for {tensor.name}, found {found}"
        )
    return np.float32(q.scale), int(q.zero_point)


def activation_bounds(
    clamp: Clamp | None, scale: np.float32, zero_point: int, dtype: np.dtype
) -> tuple[int, int]:
    """Return the least and greatest output: the type's range within the fused activation's.

    Source: TFLite, kernel_util.cc: zero_point + floor(float32(v) / float32(scale) + 0.5), with
    halves away from zero; v is never negative but in RELU_N1_TO_1.
    """
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    if clamp is not None and clamp.low is not None:
        low = max(low, _quantized_bound(clamp.low, scale, zero_point, high))
    if clamp is not None and clamp.high is not None:
        high = min(high, _quantized_bound(clamp.high, scale, zero_point, high))
    return low, max(low, high)


def _quantized_bound(value: float, scale: np.float32, zero_point: int, limit: int) -> int:
    steps = float(np.float32(value) / scale)
    if abs(steps) > 1 << 16:
        return limit if steps > 0 else -limit - 1
    return zero_point + int(np.copysign(np.floor(abs(steps) + 0.5), steps))


def one_term(
    node: Node, ratio: float, bias: int, mode: str, zero_point: int, low: int, high: int
) -> Requantization:
    """Return the constants that multiply one accumulator, plus `bias` of T, by `ratio`.

    Raises
    ------
    RangeError
        The ratio is not finite, or 2^31 or more.
    """
    m, shift = multiplier_shift(node, np.array([ratio]))
    return Requantization(m[None], np.array([bias]), shift, mode, zero_point, low, high)


def require_finite(node: Node, ratio: NDArray) -> None:
    """Raise RangeError unless every ratio is a finite number."""
    if not np.all(np.isfinite(ratio)):
        raise RangeError(f"{node.name}: the ratio of its scales is outside floating point")


def multiplier_shift(
    node: Node, ratio: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return M and shift with ratio = M * 2^-shift.

    Raises
    ------
    RangeError
        A ratio is not finite, or 2^31 or more.
    """
    require_finite(node, ratio)
    m, e = quantize_multipliers(np.atleast_1d(ratio))
    if e.max(initial=0) > 31:
        raise RangeError(
            f"{node.name}: expected a ratio of input to output scale below 2^31, "
            f"found {np.max(ratio):.4g}"
        )
    return m, 31 - e
