"""onnxruntime's float32 functions on x86 (MLAS): which operations, in which order.

Every function gives the float32 of MLAS's AVX512F and AVX2 kernels, which agree with each other.
`fma` rounds once. Source: onnxruntime 1.31, core/mlas/lib.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel, scalar
from npusim.kernels.fused import fused_multiply_add as fma

Floats = NDArray[np.float32]


@kernel
def _logistic(x, y):
    for i in range(len(x)):
        v = min(max(x[i], np.float32(-18)), np.float32(18))
        s = np.float32(v * v)
        p = fma(s, np.float32(4.37031012579801e-11), np.float32(1.15627324459942e-07))
        p = fma(p, s, np.float32(6.08574864600143e-05))
        p = fma(p, s, np.float32(8.51377133304701e-03))
        p = fma(p, s, np.float32(2.48287947061529e-01))
        p = np.float32(p * v)
        q = fma(s, np.float32(6.10247389755681e-13), np.float32(5.76102136993427e-09))
        q = fma(q, s, np.float32(6.29106785017040e-06))
        q = fma(q, s, np.float32(1.70198817374094e-03))
        q = fma(q, s, np.float32(1.16817656904453e-01))
        q = fma(q, s, np.float32(9.93151921023180e-01))
        value = np.float32(np.float32(p / q) + np.float32(0.5))
        y[i] = min(max(value, np.float32(0)), np.float32(1))


@kernel
def _tanh(x, y):
    for i in range(len(x)):
        v = min(max(x[i], np.float32(-9)), np.float32(9))
        s = np.float32(v * v)
        p = fma(s, np.float32(-2.76076847742355e-16), np.float32(2.00018790482477e-13))
        p = fma(p, s, np.float32(-8.60467152213735e-11))
        p = fma(p, s, np.float32(5.12229709037114e-08))
        p = fma(p, s, np.float32(1.48572235717979e-05))
        p = fma(p, s, np.float32(6.37261928875436e-04))
        p = fma(p, s, np.float32(4.89352455891786e-03))
        p = np.float32(p * v)
        q = fma(s, np.float32(1.19825839466702e-06), np.float32(1.18534705686654e-04))
        q = fma(q, s, np.float32(2.26843463243900e-03))
        q = fma(q, s, np.float32(4.89352518554385e-03))
        y[i] = np.float32(p / q)


LOG2_E = np.float32(1.44269504088896341)
LN2_HIGH, LN2_LOW = np.float32(-6.93145752e-1), np.float32(-1.42860677e-6)
ROUND = np.float32(12582912)
"""Added and taken away, it rounds to an integer."""


@scalar
def _exponential(x):
    """Return e^x; the caller keeps x within the range of float32's exponents."""
    m = np.float32(fma(x, LOG2_E, ROUND) - ROUND)
    v = fma(m, LN2_LOW, fma(m, LN2_HIGH, x))
    p = fma(np.float32(0.0013780593872070312), v, np.float32(0.008373124524950981))
    p = fma(p, v, np.float32(0.041669536381959915))
    p = fma(p, v, np.float32(0.166664719581604))
    p = fma(p, v, np.float32(0.49999985098838806))
    p = fma(p, v, np.float32(1))
    p = fma(p, v, np.float32(1))
    return np.float32(np.ldexp(np.float64(p), np.int32(m)))


@kernel
def _exp(x, y):
    for i in range(len(x)):
        v = min(max(x[i], np.float32(-103.9720840454)), np.float32(88.7762626647950))
        y[i] = _exponential(v)


@kernel
def _softmax(x, y, logarithms):
    """Fill y [R C] with e^(x - max) / sum of them, or with their `logarithms`.

    Sums run in 16 lanes. Source: AVX512F kernel.
    """
    lanes = np.empty(16, np.float32)
    for r in range(x.shape[0]):
        largest = np.float32(-3.4028234663852886e38)
        for c in range(x.shape[1]):
            largest = max(largest, x[r, c])
        lanes[:] = np.float32(0)
        for c in range(x.shape[1]):
            v = max(np.float32(x[r, c] - largest), np.float32(-103.9720840454))
            y[r, c] = _exponential(v)
            lanes[c % 16] = np.float32(lanes[c % 16] + y[r, c])
        for i in range(8):
            lanes[i] = np.float32(lanes[i + 8] + lanes[i])
        for i in range(0, 8, 4):
            first = np.float32(lanes[i] + lanes[i + 1])
            lanes[i] = np.float32(first + np.float32(lanes[i + 2] + lanes[i + 3]))
        total = np.float32(lanes[0] + lanes[4])
        if logarithms:
            logarithm = np.float32(np.log(np.float64(total)))
            for c in range(x.shape[1]):
                y[r, c] = np.float32(np.float32(x[r, c] - largest) - logarithm)
            continue
        scale = np.float32(np.float32(1) / total)
        for c in range(x.shape[1]):
            y[r, c] = np.float32(y[r, c] * scale)


def softmax(x: Floats, axis: int, logarithms: bool = False) -> Floats:
    """Return the softmax of x along an axis, or its logarithm."""
    rows = np.ascontiguousarray(np.moveaxis(x, axis, -1))
    flat = rows.reshape(-1, rows.shape[-1])
    y = np.empty_like(flat)
    _softmax(flat, y, logarithms)
    return np.ascontiguousarray(np.moveaxis(y.reshape(rows.shape), -1, axis))


@kernel
def _erf(x, y):
    for i in range(len(x)):
        v = min(abs(x[i]), np.float32(3.925))
        if v >= np.float32(0.921875):
            r = fma(np.float32(1.72948930e-5), v, np.float32(-3.83208680e-4))
            r = fma(r, v, np.float32(3.88393435e-3))
            r = fma(r, v, np.float32(-2.42545605e-2))
            r = fma(r, v, np.float32(1.06777847e-1))
            r = fma(r, v, np.float32(6.34846687e-1))
            r = fma(r, v, np.float32(1.28717512e-1))
            r = -fma(r, v, v)
            r = max(r, np.float32(-88.3762626647949))
            m = np.float32(fma(LOG2_E, r, ROUND) - ROUND)
            f = fma(m, LN2_LOW, fma(m, LN2_HIGH, r))
            p = fma(np.float32(1.38319808e-3), f, np.float32(8.37550033e-3))
            p = fma(p, f, np.float32(4.16689515e-2))
            p = fma(p, f, np.float32(1.66664466e-1))
            p = fma(p, f, np.float32(4.99999851e-1))
            p = fma(p, f, np.float32(1))
            p = fma(p, f, np.float32(1))
            value = np.float32(np.float32(1) - np.float32(np.ldexp(np.float64(p), np.int32(m))))
        else:
            s = np.float32(v * v)
            r = fma(np.float32(-5.99104969e-4), s, np.float32(4.99339588e-3))
            r = fma(r, s, np.float32(-2.67667342e-2))
            r = fma(r, s, np.float32(1.12818025e-1))
            r = fma(r, s, np.float32(-3.76124859e-1))
            r = fma(r, s, np.float32(1.28379151e-1))
            value = fma(r, v, v)
        y[i] = -value if np.signbit(x[i]) else value


def _elementwise(function: Callable[[Floats, Floats], None]) -> Callable[[Floats], Floats]:
    def apply(x: Floats) -> Floats:
        flat = np.ascontiguousarray(x, np.float32).reshape(-1)
        y = np.empty_like(flat)
        function(flat, y)
        return y.reshape(x.shape)

    return apply


logistic = _elementwise(_logistic)
tanh = _elementwise(_tanh)
exp = _elementwise(_exp)
erf = _elementwise(_erf)


@kernel
def mean_of_image(x, y):
    """Fill y [R] with the mean of each row of x [R K]: four lanes, folded (0 + 2) + (1 + 3).

    Source: MlasPoolGlobalKernel.
    """
    lanes = np.empty(4, np.float32)
    for r in range(x.shape[0]):
        vectors = x.shape[1] // 4 * 4
        lanes[:] = np.float32(0)
        for k in range(vectors):
            lanes[k % 4] = np.float32(lanes[k % 4] + x[r, k])
        even = np.float32(lanes[0] + lanes[2])
        total = np.float32(even + np.float32(lanes[1] + lanes[3]))
        for k in range(vectors, x.shape[1]):
            total = np.float32(total + x[r, k])
        y[r] = np.float32(total / np.float32(x.shape[1]))


BLOCK_CHANNELS = 16
"""Channels that lie side by side where onnxruntime stores an image in blocks of channels."""


def image_means(x: Floats) -> Floats:
    """Return the means [N 1 1 C] of the images of x [N H W C]."""
    rows = np.ascontiguousarray(np.moveaxis(x, 3, 1)).reshape(x.shape[0] * x.shape[3], -1)
    means = np.empty(len(rows), np.float32)
    mean_of_image(rows, means)
    return means.reshape(x.shape[0], 1, 1, x.shape[3])


SHORT_ROW = 8
"""Rows with fewer values are normalized by scalar code, which rounds otherwise."""


@scalar
def _sum_of_squares(row, mean):
    """Return the sum of (row - mean)^2: eight lanes, folded, four values more, then the rest."""
    lanes = np.zeros(8, np.float32)
    vectors = len(row) // 8 * 8
    for k in range(vectors):
        value = np.float32(row[k] - mean)
        lanes[k % 8] = fma(value, value, lanes[k % 8])
    for width in (4, 2, 1):
        for i in range(width):
            lanes[i] = np.float32(lanes[i] + lanes[i + width])
    total = lanes[0]
    halves = len(row) // 4 * 4
    for k in range(vectors, halves):
        value = np.float32(row[k] - mean)
        total = np.float32(total + np.float32(value * value))
    for k in range(halves, len(row)):
        value = np.float32(row[k] - mean)
        total = fma(value, value, total)
    return total


@kernel
def _layer_normalization(x, scale, bias, epsilon, y):
    count = np.float32(x.shape[1])
    for r in range(x.shape[0]):
        total = 0.0
        for k in range(x.shape[1]):
            total += np.float64(x[r, k])
        mean = np.float32(total / x.shape[1])
        variance = np.float32(_sum_of_squares(x[r], mean) / count)
        inverse = np.float32(np.float32(1) / np.sqrt(np.float32(variance + epsilon)))
        for k in range(x.shape[1]):
            value = np.float32(np.float32(x[r, k] - mean) * inverse)
            y[r, k] = fma(value, scale[k], bias[k])


@kernel
def _layer_normalization_of_short_rows(x, scale, bias, epsilon, y):
    for r in range(x.shape[0]):
        mean, squares = np.float32(0), np.float32(0)
        for k in range(x.shape[1]):
            from_mean = np.float32(x[r, k] - mean)
            mean = np.float32(mean + np.float32(from_mean / np.float32(k + 1)))
            rest = np.float32(x[r, k] - mean)
            squares = np.float32(squares + np.float32(from_mean * rest))
        variance = np.float32(squares / np.float32(x.shape[1]))
        root = np.float32(np.sqrt(np.float32(variance + epsilon)))
        for k in range(x.shape[1]):
            value = np.float32(np.float32(x[r, k] - mean) / root)
            y[r, k] = np.float32(np.float32(value * scale[k]) + bias[k])


def layer_normalization(
    x: Floats, scale: Floats, bias: Floats, epsilon: float, running: bool = False
) -> Floats:
    """Return the rows of x [R C] less their mean over their deviation, times scale, plus bias.

    `running` where rows of any length take the scalar code. Source: layer_norm_impl.cc,
    layernorm_kernel_avx2.cpp; skip_layer_norm.cc.
    """
    y = np.empty_like(x)
    short = running or x.shape[1] < SHORT_ROW
    function = _layer_normalization_of_short_rows if short else _layer_normalization
    function(x, scale, bias, np.float32(epsilon), y)
    return y


@kernel
def _rms_normalization(x, scale, epsilon, short, y):
    for r in range(x.shape[0]):
        squares = np.float32(0)
        if short:
            for k in range(x.shape[1]):
                squares = np.float32(squares + np.float32(x[r, k] * x[r, k]))
        else:
            squares = _sum_of_squares(x[r], np.float32(0))
        mean = np.float32(squares / np.float32(x.shape[1]))
        root = np.float32(np.sqrt(np.float32(mean + epsilon)))
        inverse = np.float32(np.float32(1) / root)
        for k in range(x.shape[1]):
            value = np.float32(x[r, k] / root) if short else np.float32(x[r, k] * inverse)
            y[r, k] = np.float32(value * scale[k])


def rms_normalization(x: Floats, scale: Floats, epsilon: float, by_values: bool = False) -> Floats:
    """Return the rows of x [R C] over their root mean square, times scale."""
    y = np.empty_like(x)
    short = by_values or x.shape[1] < SHORT_ROW
    _rms_normalization(x, scale, np.float32(epsilon), short, y)
    return y
