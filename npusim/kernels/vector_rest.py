"""The rest of a vector: what whole vectors leave over is computed by another step.

Why that is so, and how long a vector is: npusim/runtimes/litert_opt.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Step = Callable[..., NDArray]


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


def with_scalar_channels(vector: Step, scalar: Step, channels: int, lanes: int) -> Step:
    """Return `vector` with the last channels of each pixel, `channels` % `lanes`, by `scalar`."""
    rest = channels % lanes
    if not rest:
        return vector

    def run(threads: int, x: NDArray) -> NDArray:
        y = vector(threads, x)
        y[..., -rest:] = scalar(threads, x)[..., -rest:]
        return y

    return run
