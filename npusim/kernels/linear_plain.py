"""The plain form of a linear layer: loops one can read aloud, and the witness of every faster form.

    A[j, n, oh, ow, oc] = sum over kh, kw, ic of xe[n, ih, iw, g * ICG + ic] * w[j, oc, kh, kw, ic]
    ih = oh * stride_h - top + kh * dilation_h,  iw likewise,  g = oc // (OC / groups)
    y = requantize(A[0], ..., A[J-1])

xe is the input less its zero point (9 bits, signed), and 0 outside the image. A wraps at 32 bits.
"""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import kernel
from npusim.datapath.requantize import requantize_total
from npusim.kernels.floating_point import double_away_requantize, fp32_requantize


@kernel
def accumulate(xe, planes, groups, stride, dilation, top, left, accumulators):
    """Fill int32 `accumulators` [J N OH OW OC] from int16 `xe` [N IH IW IC] and `planes`.

    Sums of 16-bit activations (`xe` int64) go to int64 accumulators.
    """
    images, rows, columns, _ = xe.shape
    terms, filters, kernel_h, kernel_w, group_channels = planes.shape
    group_filters = filters // groups
    for j in range(terms):
        for n in range(images):
            for oh in range(accumulators.shape[2]):
                for ow in range(accumulators.shape[3]):
                    for oc in range(filters):
                        first = oc // group_filters * group_channels
                        total = 0
                        for kh in range(kernel_h):
                            ih = oh * stride[0] - top + kh * dilation[0]
                            if ih < 0 or ih >= rows:
                                continue
                            for kw in range(kernel_w):
                                iw = ow * stride[1] - left + kw * dilation[1]
                                if iw < 0 or iw >= columns:
                                    continue
                                for ic in range(group_channels):
                                    x = np.int64(xe[n, ih, iw, first + ic])
                                    total += x * planes[j, oc, kh, kw, ic]
                        accumulators[j, n, oh, ow, oc] = total


@kernel
def requantize(accumulators, multipliers, bias, shift, mode, zero_point, low, high, y):
    """Fill int16 `y` [P OC] from int32 `accumulators` [J P OC] in the integer rounding `mode`."""
    terms, pixels, channels = accumulators.shape
    for p in range(pixels):
        for c in range(channels):
            total = bias[c]
            for j in range(terms):
                total += multipliers[j, c] * np.int64(accumulators[j, p, c])
            y[p, c] = requantize_total(total, mode, shift[c], zero_point, low, high)


@kernel
def requantize_fp32(accumulators, scale, bias, zero_point, low, high, y):
    """Fill int16 `y` [P OC] from int32 `accumulators` [P OC] as XNNPACK and onnxruntime do."""
    pixels, channels = accumulators.shape
    for p in range(pixels):
        for c in range(channels):
            acc = np.int32(accumulators[p, c] + bias[c])
            y[p, c] = fp32_requantize(acc, scale[c], zero_point, low, high)


@kernel
def requantize_double_away(accumulators, scale, bias, zero_point, low, high, y):
    """Fill int16 `y` [P OC] from int32 `accumulators` [P OC] as LiteRT's FULLY_CONNECTED does."""
    pixels, channels = accumulators.shape
    for p in range(pixels):
        for c in range(channels):
            acc = np.int32(accumulators[p, c] + bias[c])
            y[p, c] = double_away_requantize(acc, scale[c], zero_point, low, high)
