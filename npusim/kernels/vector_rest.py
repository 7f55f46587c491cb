"""The rest of a vector: where LiteRT's optimized kernels end in scalar code that rounds otherwise.

Their vector code takes whole vectors of a sample's elements (or of a pixel's channels); what is
left over, fewer than LANES, goes through the reference's arithmetic. It follows the machine those
kernels are built for (SSE through the NEON intrinsics), and only imitating them needs it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Step = Callable[..., NDArray]

INTEGER_LANES = 16
"""Elements a vector of integer QUANTIZE, and channels a vector of MEAN."""

LANES = 8
"""Elements a vector of QUANTIZE and DEQUANTIZE of floats, channels of DEPTHWISE_CONV_2D."""


def with_scalar_elements(vector: Step, scalar: Step, elements: int, lanes: int) -> Step:
    """Return `vector` with the last elements of each sample, `elements` % `lanes`, by `scalar`."""
    rest = elements % lanes
    if not rest:
        return vector

    def run(threads: int, x: NDArray) -> NDArray:
        y = vector(threads, x)
        last = np.ascontiguousarray(x.reshape(len(x), -1)[:, -rest:])
        y.reshape(len(y), -1)[:, -rest:] = scalar(threads, last)
        return y

    return run


def with_scalar_channels(vector: Step, scalar: Step, channels: int) -> Step:
    """Return `vector` with the last channels of each pixel, `channels` % LANES, by `scalar`."""
    rest = channels % LANES
    if not rest:
        return vector

    def run(threads: int, x: NDArray) -> NDArray:
        y = vector(threads, x)
        y[..., -rest:] = scalar(threads, x)[..., -rest:]
        return y

    return run
