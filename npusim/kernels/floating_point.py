"""The floating-point rules of software runtimes: the one module of the simulator that holds floats.

No hardware unit computes these; they exist so that the kernels engine can be compared with the
runtime a file was made for, byte for byte.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npusim.datapath.jit import kernel, scalar
from npusim.kernels.fused import BEYOND_INT32

Division = Literal["away", "even", "reciprocal_even", "double_away"]


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
    division: Division,
) -> NDArray:
    """Return clamp(round(x / scale) + zero_point), the zero point added after rounding.

    `away` (halves away from zero) is LiteRT's reference QUANTIZE, `even` ONNX's; `reciprocal_even`,
    which multiplies by the rounded reciprocal, is XNNPACK's and LiteRT's optimized one, whose
    scalar rest divides in double precision, `double_away`. The others are float32.
    """
    limits = np.iinfo(dtype)
    precision = np.dtype(np.float64 if division == "double_away" else np.float32)
    real, unit = x.astype(precision, copy=False), np.asarray(scale).astype(precision)
    with np.errstate(over="ignore"):
        if division == "reciprocal_even":
            steps: NDArray = real * (np.float32(1) / unit)
        else:
            steps = real / unit
    if division.endswith("even"):
        rounded = np.rint(steps)
        if division == "even":  # as onnxruntime's maximum takes what is no number
            rounded = np.where(np.isnan(rounded), limits.min - zero_point, rounded)
    else:
        whole = np.trunc(steps)
        rounded = whole + np.where(np.abs(steps - whole) >= 0.5, np.sign(steps), 0)
    low, high = limits.min - zero_point, limits.max - zero_point
    return (np.clip(rounded, low, high).astype(np.int64) + zero_point).astype(dtype)


@kernel
def quantize_even(x, scale, zero_point, low, high, y):
    """Quantize flat float32 `x` by one float32 scale as `even` does; no number becomes `low`."""
    least, most = np.float32(low - zero_point), np.float32(high - zero_point)
    for i in range(len(y)):
        value = np.rint(x[i] / scale)
        y[i] = zero_point + np.int32(min(value, most) if value > least else least)


@kernel
def quantize_away(x, scale, zero_point, low, high, y):
    """Quantize flat float32 `x` by one float32 scale as `away` does; no number becomes 0 steps."""
    least, most = np.float32(low - zero_point), np.float32(high - zero_point)
    for i in range(len(y)):
        steps = x[i] / scale
        whole = np.trunc(steps)
        if abs(steps - whole) >= np.float32(0.5):
            whole += np.float32(1) if steps > 0 else np.float32(-1)
        value = min(max(whole, least), most)
        y[i] = zero_point + (np.int32(value) if x[i] == x[i] else np.int32(0))


def dequantize(
    x: NDArray,
    scale: NDArray[np.float32],
    zero_point: NDArray[np.int64],
    distributed: bool = False,
) -> NDArray[np.float32]:
    """Return scale * (x - zero_point) in float32.

    LiteRT's optimized DEQUANTIZE is `distributed`: scale * x + (-zero_point * scale).
    """
    if distributed:
        offset = np.float32(-zero_point * np.float64(scale))
        return x.astype(np.float32) * scale + offset
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


@kernel
def multiply_rounded(a, b, zero_a, zero_b, ratio, zero_point, low, high, y):
    """QLinearMul over flat arrays: the zero point is added before rounding, without fma.

    What int32 cannot hold becomes its least value, as the processor's conversion has it.
    """
    for i in range(len(y)):
        product = (np.int32(a[i]) - np.int32(zero_a)) * (np.int32(b[i]) - np.int32(zero_b))
        value = np.float32(np.float32(product) * ratio)
        value = np.rint(np.float32(value + np.float32(zero_point)))
        if not value < BEYOND_INT32:
            value = -BEYOND_INT32
        y[i] = np.int32(min(max(value, np.float32(low)), np.float32(high)))


@kernel
def average_pool_float(x, least, values, geometry, all_taps, scale, zero_point, low, high, y):
    """QLinearAveragePool: real values summed in float32 in the order of the window's taps.

    y = clamp(rint(sum / n / scale + zero_point)): the zero point is inside the rounding. x
    [N IH IW C], `values` the real value of x + least, `all_taps` the n that counts padding, or 0.
    """
    for n in range(y.shape[0]):
        for oh in range(y.shape[1]):
            top = oh * geometry[2] - geometry[6]
            h0, h1 = max(top, 0), min(top + geometry[0], x.shape[1])
            for ow in range(y.shape[2]):
                left = ow * geometry[3] - geometry[7]
                w0, w1 = max(left, 0), min(left + geometry[1], x.shape[2])
                taps = all_taps if all_taps else max((h1 - h0) * (w1 - w0), 1)
                for c in range(y.shape[3]):
                    total = np.float32(0)
                    for ih in range(h0, h1):
                        for iw in range(w0, w1):
                            total = np.float32(total + values[np.int64(x[n, ih, iw, c]) - least])
                    value = np.float32(np.float32(total / np.float32(taps)) / scale)
                    value = np.rint(np.float32(value + np.float32(zero_point)))
                    y[n, oh, ow, c] = np.int32(min(max(value, np.float32(low)), np.float32(high)))


@kernel
def softmax_lifted(x, table, factor, zero_point, low, high, y):
    """QLinearSoftmax over the rows of x [R C]; see runtimes/onnxruntime.py, softmax_table.

    Quotients beyond the type that the runtime converts to wrap as on x86: for uint8 the low 32 bits
    of an int64, which is 0 beyond it, and for int8 the least int32, to which the zero point is
    added in 32 bits.
    """
    unsigned = high > 127
    most = np.float32(2.0**63) if unsigned else BEYOND_INT32
    for r in range(x.shape[0]):
        largest = np.int64(x[r, 0])
        for c in range(x.shape[1]):
            largest = max(largest, np.int64(x[r, c]))
        total = np.float32(0)
        for c in range(x.shape[1]):
            total = np.float32(total + table[255 - largest + x[r, c]])
        for c in range(x.shape[1]):
            scaled = np.float32(table[255 - largest + x[r, c]] * factor)
            quotient = np.rint(np.float32(scaled / total))
            value = -np.int64(1 << 31)
            if quotient < most:
                value = np.int64(quotient)
            elif unsigned:
                value = np.int64(0)
            value = (value + zero_point) & 0xFFFFFFFF
            if not unsigned and value >= 1 << 31:
                value -= 1 << 32
            y[r, c] = min(max(value, low), high)


def clip(x: NDArray[np.float32], low: float | None, high: float | None) -> NDArray[np.float32]:
    """Return Relu or Clip of float32 values."""
    if low is not None:
        x = np.maximum(x, np.float32(low))
    return x if high is None else np.minimum(x, np.float32(high))


@kernel
def requantize_rows(sums, scale, bias, zero_point, low, high, y):
    """Requantize int64 `sums` [R C] + bias [C] by float32 scales [C] into y, ties to even."""
    for r in range(y.shape[0]):
        for c in range(y.shape[1]):
            y[r, c] = fp32_requantize(sums[r, c] + bias[c], scale[c], zero_point, low, high)


@kernel
def add_reals(a, b, reals, integers, y):
    """Sum of real values in float32, quantized to even.

    `reals`: scales of a, b and y, least and greatest sum; `integers`: their zero points, least and
    greatest y.
    """
    sa, sb, so, least, most = reals
    za, zb, zo, low, high = integers
    for i in range(len(y)):
        first = np.float32(np.int64(a[i]) - za) * sa
        second = np.float32(np.int64(b[i]) - zb) * sb
        total = min(max(np.float32(first + second), least), most)
        value = np.rint(np.float32(total / so))
        value = min(max(value, np.float32(low - zo)), np.float32(high - zo))
        y[i] = np.int32(value) + zo
