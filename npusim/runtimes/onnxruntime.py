"""The float32 constants of onnxruntime's elementwise operators, pools and softmax (CPU, x86).

What a file's operators compute is written in ONNX; which float32 operations in which order, and so
which integer comes out on a tie, is onnxruntime's. Each function states the formula that its
constants serve; tests/simulator/test_onnxruntime_operators.py holds them against the runtime.
Linear layers: npusim/operators/kinds/linear.py, with the bounds of `bounds`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.runtimes.requantization import affine

SOFTMAX_RESERVED_LOG = 5.0
"""The table of exponentials stays e^5 below the largest float32 divided by the row's length."""


def bounds(node: Node, clamp: Clamp | None, y: Tensor) -> tuple[int, int]:
    """Return the least and greatest output: what QuantizeLinear makes of the clamp's ends."""
    limits = np.iinfo(y.dtype)
    low, high = int(limits.min), int(limits.max)
    if clamp is not None and clamp.low is not None:
        low = int(quantized(np.float32(clamp.low), *affine(node, y), y.dtype))
    if clamp is not None and clamp.high is not None:
        high = int(quantized(np.float32(clamp.high), *affine(node, y), y.dtype))
    return low, max(low, high)


def quantized(
    values: NDArray[np.float32] | np.float32, scale: np.float32, zero_point: int, dtype: np.dtype
) -> NDArray[np.integer]:
    """Return QuantizeLinear: float32 division, ties to even, then the zero point, then clamped."""
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore"):
        steps = np.rint(np.asarray(values, np.float32) / scale).astype(np.float64)
    return np.clip(steps + zero_point, limits.min, limits.max).astype(dtype)


def real_values(scale: np.float32, zero_point: int, dtype: np.dtype) -> NDArray[np.float32]:
    """Return DequantizeLinear of every value of an 8-bit type, ascending."""
    limits = np.iinfo(dtype)
    integers = np.arange(limits.min, limits.max + 1, dtype=np.int64) - zero_point
    return integers.astype(np.float32) * scale


def conversion_table(
    node: Node, x: Tensor, y: Tensor, clamp: Clamp | None = None
) -> NDArray[np.integer]:
    """Return QuantizeLinear(DequantizeLinear(v)), clamped, for every value v of x, ascending."""
    table = quantized(real_values(*affine(node, x), x.dtype), *affine(node, y), y.dtype)
    return np.clip(table, *bounds(node, clamp, y)).astype(y.dtype)


@dataclass(frozen=True)
class FusedAdd:
    """y = clamp(rint(fma(a, ratio_a, fma(b, ratio_b, offset)))); a and b trade places if `swapped`.

    fma rounds once; the zero points, the output's too, are in the offset, inside the rounding.
    """

    ratio_a: np.float32
    ratio_b: np.float32
    offset: np.float32
    swapped: bool


def _fma(a: np.float32, b: int, c: np.float32) -> np.float32:
    """Return a * b + c rounded once, b an 8-bit integer."""
    exact = float(a) * b  # 24 + 9 bits
    total = math.fsum((exact, float(c)))
    nearest = np.float32(total)
    if float(nearest) == total or math.fsum((exact, float(c), -total)) == 0.0:
        return nearest
    # the float64 sum is rounded: where it fell on a tie of float32, the lost part decides
    other = np.nextafter(nearest, np.float32(np.inf if total > float(nearest) else -np.inf))
    if abs(total - float(nearest)) == abs(float(other) - total):
        lost = math.fsum((exact, float(c), -total))
        return other if (lost > 0) == (other > nearest) else nearest
    return nearest


def add(network: Network, node: Node) -> FusedAdd:
    """Return the constants of QLinearAdd.

    offset = float32(zo - fma(ratio_a, za, float32(ratio_b * zb))). Where the first input is one
    value for a whole run of the second (broadcast along the file's innermost axis), the two trade
    places; the other way round the formula stays.
    """
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    (sa, za), (sb, zb), (so, zo) = (affine(node, t) for t in (a, b, y))
    swapped = _runs_over_one_value(a, y)
    if swapped:
        sa, za, sb, zb = sb, zb, sa, za
    ratio_a, ratio_b = sa / so, sb / so
    zeros = _fma(ratio_a, za, ratio_b * np.float32(zb))
    return FusedAdd(ratio_a, ratio_b, np.float32(zo) - zeros, swapped)


def _runs_over_one_value(a: Tensor, y: Tensor) -> bool:
    """Return whether the file's innermost axis of `y` that is larger than 1 is 1 in `a`."""
    shape_y = _file_shape(y)
    shape_a = (1,) * (len(shape_y) - len(a.shape)) + _file_shape(a)
    for extent_a, extent_y in zip(reversed(shape_a), reversed(shape_y), strict=True):
        if extent_y != 1:
            return extent_a == 1
    return True


def _file_shape(tensor: Tensor) -> tuple[int, ...]:
    order = tensor.file_order
    return tensor.shape if order is None else tuple(tensor.shape[axis] for axis in order)


def multiply_ratio(network: Network, node: Node) -> np.float32:
    """Return r of QLinearMul: y = clamp(rint(float32((a - za) * (b - zb)) * r + zo))."""
    a, b = network.inputs_of(node)
    (sa, _), (sb, _) = affine(node, a), affine(node, b)
    so, _ = affine(node, network.output_of(node))
    return (sa * sb) / so


def mean_scale(network: Network, node: Node, axes: tuple[int, ...]) -> tuple[np.float32, int]:
    """Return s and n of QLinearGlobalAveragePool: y = clamp(rint(float32(sum - n zx) * s) + zo)."""
    x = network.inputs_of(node)[0]
    so, _ = affine(node, network.output_of(node))
    n = math.prod(x.shape[axis] for axis in axes)
    return affine(node, x)[0] / (so * np.float32(n)), n


def matrix_product_scale(network: Network, node: Node) -> np.float32:
    """Return s of QLinearMatMul of two computed values: y = clamp(rint(float32(acc) * s) + zo)."""
    a, b = network.inputs_of(node)
    so, _ = affine(node, network.output_of(node))
    return affine(node, a)[0] * affine(node, b)[0] / so


def softmax_table(
    network: Network, node: Node, axis: int
) -> tuple[NDArray[np.float32], np.float32]:
    """Return e and k of QLinearSoftmax: y = clamp(rint(e[255 - max + x] * k / sum e) + zo).

    e[i] = float32(exp((i - 255 + c) * sx)) with c = max(0, logf(largest / D) - 5) / sx, the row
    lifted as far as float32 allows for D classes; sums run in order of the classes, in float32.
    The logarithm is rounded to float32, exponentials are float64's before they are: the distance
    to a tie (2^-29 relative) makes every good libm give one table.
    k = floor(1 / so).
    """
    x = network.inputs_of(node)[0]
    sx, _ = affine(node, x)
    so, _ = affine(node, network.output_of(node))
    classes = np.float32(x.shape[axis])
    largest = np.finfo(np.float32).max / classes
    lift = max(0.0, float(np.float32(math.log(largest))) - SOFTMAX_RESERVED_LOG) / float(sx)
    table = [math.exp((i - 255.0 + lift) * float(sx)) for i in range(256)]
    return np.array(table).astype(np.float32), np.floor(np.float32(1) / so)
