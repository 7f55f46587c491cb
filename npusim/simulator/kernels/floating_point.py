"""The floating-point rules of software runtimes: the one module of the simulator that holds floats.

No hardware unit computes these; they exist so that the kernels engine can be compared with the
runtime a file was made for, byte for byte.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npusim.datapath.jit import kernel, scalar


@scalar
def fp32_requantize(acc, scale, zero_point, low, high):
    """Return clamp(rint(float32(acc) * scale) + zero_point), ties to even, `scale` a float32.

    The clamp comes before the conversion to an integer, so that a product outside int32 saturates.
    Source: XNNPACK's fp32 requantization on x86; onnxruntime's QLinearConv and QGemm are the same.
    """
    value = np.rint(np.float32(acc) * np.float32(scale))
    value = max(value, np.float32(low - zero_point))
    value = min(value, np.float32(high - zero_point))
    return np.int32(value) + np.int32(zero_point)


@scalar
def double_away_requantize(acc, scale, zero_point, low, high):
    """Return clamp(round_half_away(float64(acc) * scale) + zero_point), `scale` a float64.

    Adding 0.5 and truncating would round 0.49999999999999994 up; the fraction is compared instead,
    which is exact. Source: LiteRT >= 1.4.0, reference FULLY_CONNECTED.
    """
    product = np.float64(acc) * np.float64(scale)
    value = np.trunc(product)
    if abs(product - value) >= 0.5:
        value += 1.0 if product > 0.0 else -1.0
    value = max(value, np.float64(low - zero_point))
    value = min(value, np.float64(high - zero_point))
    return np.int32(value) + np.int32(zero_point)


def quantize(
    x: NDArray[np.float32],
    scale: NDArray[np.float32],
    zero_point: NDArray[np.int64],
    dtype: DTypeLike,
    ties: Literal["away", "even"],
) -> NDArray:
    """Return clamp(round(x / scale) + zero_point): `away` is TFLite's QUANTIZE, `even` ONNX's.

    The division is float32's and the zero point is added after rounding.
    """
    limits = np.iinfo(dtype)
    steps = np.asarray(x, np.float32) / np.float32(scale)
    if ties == "even":
        rounded = np.rint(steps)
    else:
        whole = np.trunc(steps)
        rounded = whole + np.where(np.abs(steps - whole) >= 0.5, np.sign(steps), 0)
    low, high = float(limits.min - zero_point), float(limits.max - zero_point)
    return (np.clip(rounded, low, high).astype(np.int64) + zero_point).astype(dtype)


def dequantize(
    x: NDArray, scale: NDArray[np.float32], zero_point: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return float32(scale) * float32(x - zero_point)."""
    return (x.astype(np.int32) - zero_point.astype(np.int32)).astype(np.float32) * scale


def exponentials(scale: np.float32, beta: float) -> NDArray[np.float32]:
    """Return exp(-scale * beta * d) for d = 0..255, as LiteRT's optimized softmax tabulates it."""
    factor = np.float32(-np.float32(scale) * np.float32(beta))
    differences = np.arange(256, dtype=np.float32)
    return np.exp((factor * differences).astype(np.float64)).astype(np.float32)


@kernel
def softmax_lookup(x, table, scale, zero_point, low, high, y):
    """Fill y [R C] as LiteRT's optimized softmax does: float32 sums in order of the classes.

    Source: LiteRT, optimized_ops::Softmax for 8-bit types (PopulateSoftmaxLookupTable).
    """
    for r in range(x.shape[0]):
        largest = np.int64(x[r, 0])
        for c in range(x.shape[1]):
            largest = max(largest, np.int64(x[r, c]))
        total = np.float32(0.0)
        for c in range(x.shape[1]):
            total = np.float32(total + table[largest - x[r, c]])
        inverse = np.float32(np.float32(1.0) / np.float32(total * scale))
        for c in range(x.shape[1]):
            value = np.float32(table[largest - x[r, c]] * inverse)
            y[r, c] = min(max(np.int64(value + np.float32(0.5)) + zero_point, low), high)


@kernel
def requantize_sums(sums, scale, bias, zero_point, low, high, y):
    """Requantize int64 `sums` [O I] + bias by one float32 scale into y [O I], ties to even."""
    for o in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[o, i] = fp32_requantize(sums[o, i] + bias, scale, zero_point, low, high)
