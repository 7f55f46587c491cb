"""How a layer's accumulators become its outputs: the constants, under a named rounding rule.

The rules are `litert`, `ruy`, `tflite`, `fp32` and the plain integer modes; which constants they
give for which operator is TFLite's and onnxruntime's business, see docs/numerics.md. A
`Requantization` is integers only and is what the compiler and the RTL take; a `FloatRequantization`
imitates runtimes that use floating point and exists on the kernels engine alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor, frozen
from npusim.words import RULES, Rule

OWN_RULE: dict[str, Rule] = {"tflite": "litert", "onnx": "fp32", "npusim": "half_up"}
"""The rule of the runtime that defines each kind of file."""

MODE: dict[str, str] = {
    "litert": "tflite", "ruy": "ruy", "tflite": "tflite", "half_up": "half_up",
    "half_even": "half_even", "half_away": "half_away", "floor": "floor",
}  # fmt: skip
"""The integer rounding mode (npusim/datapath/requantize.py) that a rule gives a linear layer."""

MAX_SHIFT_BITS = 62


@dataclass(frozen=True, eq=False)
class Requantization:
    """y = clamp(round(T >> shift) + zero_point, low, high), T = bias + sum_j multipliers[j] * A_j.

    multipliers int64 [J OC] (unsigned, at most 31 bits), bias int64 [OC] in units of T, shift int64
    [OC] with any channel shift included; `rounding` is a mode of npusim/datapath/requantize.py.
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


def resolve_rule(network: Network, requested: str = "auto") -> Rule:
    """Return the rule named `requested`; `auto` is that of the runtime the file was made for.

    Raises
    ------
    UnsupportedError
        There is no such rule.
    """
    if requested == "auto":
        return OWN_RULE[network.source]
    if requested not in RULES:
        raise UnsupportedError(f"requant: expected auto or {', '.join(RULES)}, found {requested}")
    return requested


def quantize_multiplier(multiplier: float) -> tuple[int, int]:
    """Return (M, e) with multiplier = M * 2^(e - 31), M in [2^30, 2^31), as TFLite computes it.

    M is rounded half away from zero; a multiplier below 2^-32 becomes (0, 0), a dead channel.
    Source: TFLite, quantization_util.cc, QuantizeMultiplier.
    """
    m, e = quantize_multipliers(np.array([multiplier], np.float64))
    return int(m[0]), int(e[0])


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
    clamp: op.Clamp | None, scale: np.float32, zero_point: int, dtype: np.dtype
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


def linear(network: Network, node: Node, rule: Rule) -> Requantization | FloatRequantization:
    """Return the constants of a convolution or fully connected layer.

    A layer of coded weights brings its own, in any integer mode; `fp32` does not apply to it. Its
    window sum becomes one more term, whose accumulator sums +-xe with the sign of its weight.

    Raises
    ------
    UnsupportedError, RangeError
        A scale is missing, or the scales ask for a shift outside 0..62.
    """
    assert isinstance(node.operator, op.Conv2D | op.FullyConnected)
    y = network.output_of(node)
    so, zero_point = affine(node, y)
    low, high = activation_bounds(node.operator.activation, so, zero_point, y.dtype)
    encoded = node.operator.encoding
    if encoded is not None:
        if rule == "fp32":
            raise UnsupportedError(
                f"{node.name}: its constants are integers, rule fp32 needs the scales they replace"
            )
        multipliers, shift = encoded.multipliers, encoded.shift + encoded.channel_shift
        if encoded.window_sum.any():  # its term's sign stands in the plane of ones
            multipliers = np.concatenate([multipliers, np.abs(encoded.window_sum)[None]])
        return Requantization(multipliers, encoded.bias, shift, MODE[rule], zero_point, low, high)
    x, w = network.inputs_of(node)[:2]
    sx, _ = affine(node, x)
    if w.quantization is None or w.quantization.axis not in (None, 0):
        raise UnsupportedError(f"{node.name}: expected scales per tensor or output channel")
    sw = np.broadcast_to(w.quantization.scale, w.shape[0])
    bias = _bias(network, node, w.shape[0])
    if _is_legacy_depthwise(network, node) and rule == "ruy":
        rule = "tflite"
    if rule == "fp32":
        with np.errstate(over="ignore", under="ignore"):
            scale = sx * sw / so
        _require_finite(node, scale)
        return FloatRequantization("fp32", scale, bias, zero_point, low, high)
    fully_connected = isinstance(node.operator, op.FullyConnected)
    if fully_connected and rule == "litert":
        scale = np.float64(sx) * sw.astype(np.float64) / np.float64(so)
        return FloatRequantization("double_away", scale, bias, zero_point, low, high)
    if w.quantization.axis is None and (fully_connected or w.dtype == np.uint8):
        with np.errstate(over="ignore", under="ignore"):
            product = (sx * sw).astype(np.float64)
    else:
        product = np.float64(sx) * sw.astype(np.float64)
    multiplier, shift = _multiplier_shift(node, product / np.float64(so))
    return Requantization(
        multiplier[None], bias * multiplier, shift, MODE[rule], zero_point, low, high
    )


def _is_legacy_depthwise(network: Network, node: Node) -> bool:
    """Return whether it is depthwise on uint8: LiteRT's optimized kernel for it rounds twice."""
    return (
        isinstance(node.operator, op.Conv2D)
        and node.operator.groups > 1
        and network.inputs_of(node)[1].dtype == np.uint8
    )


def _bias(network: Network, node: Node, channels: int) -> NDArray[np.int64]:
    if len(node.inputs) < 3:
        return np.zeros(channels, np.int64)
    bias = network.tensors[node.inputs[2]]
    if bias.data is None or bias.dtype != np.int32:
        found = "computed" if bias.data is None else str(bias.dtype)
        raise UnsupportedError(
            f"{node.name}: expected a constant int32 bias in {bias.name}, found {found} values"
        )
    return bias.data.reshape(channels).astype(np.int64)


def _require_finite(node: Node, ratio: NDArray) -> None:
    if not np.all(np.isfinite(ratio)):
        raise RangeError(f"{node.name}: the ratio of its scales is outside floating point")


def _multiplier_shift(
    node: Node, ratio: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return M and shift with ratio = M * 2^-shift."""
    _require_finite(node, ratio)
    m, e = quantize_multipliers(np.atleast_1d(ratio))
    if e.max(initial=0) > 31:
        raise RangeError(
            f"{node.name}: expected a ratio of input to output scale below 2^31, "
            f"found {np.max(ratio):.4g}"
        )
    return m, 31 - e
