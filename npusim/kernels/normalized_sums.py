"""Rows less their mean over their deviation as onnxruntime's scalar kernels have them, in float32.

Every step is rounded, sums run from the first value to the last. Source: onnxruntime 1.31,
contrib_ops/cpu/bert/embed_layer_norm.cc.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel

Floats = NDArray[np.float32]


@kernel
def _normalize(x, scale, bias, epsilon, y):
    count = np.float32(x.shape[1])
    for r in range(x.shape[0]):
        mean, squares = np.float32(0), np.float32(0)
        for k in range(x.shape[1]):
            mean = np.float32(mean + x[r, k])
        mean = np.float32(mean / count)
        for k in range(x.shape[1]):
            value = np.float32(x[r, k] - mean)
            squares = np.float32(squares + np.float32(value * value))
        root = np.float32(np.sqrt(np.float32(np.float32(squares / count) + epsilon)))
        for k in range(x.shape[1]):
            value = np.float32(np.float32(x[r, k] - mean) / root)
            y[r, k] = np.float32(np.float32(value * scale[k]) + bias[k])


def normalize(x: Floats, scale: Floats, bias: Floats, epsilon: float) -> Floats:
    """Return the rows of x [R C] less their mean over their deviation, times scale, plus bias."""
    y = np.empty_like(x)
    _normalize(x, scale, bias, np.float32(epsilon), y)
    return y
