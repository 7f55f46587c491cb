"""The floating-point rules of software runtimes: the one module of the simulator that holds floats.

No hardware unit computes these; they exist so that the kernels engine can be compared with the
runtime a file was made for, byte for byte.
"""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import scalar


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
