"""Multiply and add that round once, and loops of it as in XNNPACK's and onnxruntime's code."""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import kernel, operation

BEYOND_INT32 = np.float32(1 << 31)
"""The least float32 above int32: x86 converts it, and all above, to int32's least value."""


@operation
def fused_multiply_add(typing_context, a, b, c):
    """Return a * b + c, rounded once (IEEE 754 fusedMultiplyAdd), all float32."""
    from numba import types

    kinds = (types.float32, types.float32, types.float32)
    if (a, b, c) != kinds:
        return None
    return types.float32(*kinds), lambda _, builder, __, values: builder.fma(*values)


@kernel
def requantize_sums_fused(sums, scale, bias, zero_point, low, high, y):
    """As `requantize_sums`, with zero point and bias inside the one rounding: XNNPACK's mean."""
    offset = np.float32(np.float32(zero_point) + np.float32(np.float32(bias) * scale))
    for o in range(y.shape[0]):
        for i in range(y.shape[1]):
            value = np.rint(fused_multiply_add(np.float32(sums[o, i]), scale, offset))
            y[o, i] = np.int32(min(max(value, np.float32(low)), np.float32(high)))


@kernel
def add_fused(a, b, ratio_a, ratio_b, offset, low, high, y):
    """QLinearAdd over flat arrays; see runtimes/onnxruntime.py, FusedAdd.

    What int32 cannot hold becomes its least value, as the processor's conversion has it.
    """
    for i in range(len(y)):
        inner = fused_multiply_add(np.float32(b[i]), ratio_b, offset)
        value = np.rint(fused_multiply_add(np.float32(a[i]), ratio_a, inner))
        if not value < BEYOND_INT32:
            value = -BEYOND_INT32
        y[i] = np.int32(min(max(value, np.float32(low)), np.float32(high)))


@kernel
def add_fused_swapped(b, a, ratio_a, ratio_b, offset, low, high, y):
    """As `add_fused`, whose first operand is the node's second."""
    add_fused(a, b, ratio_a, ratio_b, offset, low, high, y)
