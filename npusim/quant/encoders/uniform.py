"""Uniform quantization: w ~ s * q, q in [-n, n], n = 2^(b-1) - 1, one scale a channel or layer.

The integer is rint(w / s), ties to even. Min-max takes s = max|w| / n (TensorFlow's rule for int8);
squared error searches the clipping point. The full range [-n - 1, n] is offered for comparison.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, check_weights
from npusim.quant.encoders.search import Problem
from npusim.quant.encoders.shared_scale import fit_shared
from npusim.words import Clip

COARSE_STEP = 0.02
FINE_STEP = 0.001


@kernel
def clipped_error(w: NDArray, scale: float, low: int, high: int) -> float:
    """Return the squared error of quantizing `w` [K] with `scale` > 0 to low..high."""
    total = 0.0
    for i in range(len(w)):
        q = min(max(np.rint(w[i] / scale), low), high)
        d = w[i] - q * scale
        total += d * d
    return total


def least_error(top: float, error: Callable[[float], float]) -> float:
    """Return the multiple of `top` > 0 at which `error` is least.

    It is one of 1, 0.98, ... down to 0.02, or lies in steps of 0.001 about the best of these. The
    first of equals wins.
    """

    def best_of(ratios: list[float]) -> tuple[float, float]:
        return min(
            ((error(top * ratio), ratio) for ratio in ratios if top * ratio),
            key=lambda pair: pair[0],
        )

    coarse = best_of([1 - i * COARSE_STEP for i in range(round(1 / COARSE_STEP))])
    near = round(COARSE_STEP / FINE_STEP)
    fine = best_of([coarse[1] + i * FINE_STEP for i in range(near, -near, -1)])
    return top * min(coarse, fine, key=lambda pair: pair[0])[1]


def least_error_scale(w: NDArray[np.float64], low: int, high: int) -> float:
    """Return the scale of least squared error for `w` [K] among clipping points of max|w|.

    Min-max is kept unless clipping is better. 0 where every weight is 0.
    """
    top = float(np.abs(w).max(initial=0.0)) / high
    return least_error(top, lambda scale: clipped_error(w, scale, low, high)) if top else 0.0


def scales_of(
    weights: NDArray[np.float64], low: int, high: int, per_layer: bool, clip: Clip
) -> NDArray[np.float64]:
    """Return the scale [OC] of each channel (all equal with `per_layer`); 0 for a zero channel."""
    rows = weights.reshape(1, -1) if per_layer else weights
    if clip == "min-max":
        scales = np.abs(rows).max(axis=1, initial=0.0) / high
    else:
        scales = np.array([least_error_scale(row, low, high) for row in rows])
    return np.broadcast_to(scales, (len(weights),)).copy() if per_layer else scales


def to_integers(
    weights: NDArray[np.float64], scales: NDArray[np.float64], low: int, high: int
) -> NDArray[np.int64]:
    """Return clip(rint(w / s)) [OC K]; 0 in a channel whose scale is 0."""
    safe = np.where(scales > 0, scales, 1.0)[:, None]
    q = np.clip(np.rint(weights / safe), low, high)
    return np.where(scales[:, None] > 0, q, 0).astype(np.int64)


def codes_of(integers: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Return the two's complement codes of `bits` bits, right aligned."""
    return (integers & ((1 << bits) - 1)).astype(np.uint8)


def encode(
    weights: NDArray[np.float64],
    bits: int,
    *,
    per_layer: bool = False,
    clip: Clip = "min-max",
    full_range: bool = False,
    least_scales: NDArray[np.float64] | None = None,
) -> CodedWeights:
    """Return uniform codes of `weights` float64 [OC K] at 2..8 bits.

    Parameters
    ----------
    per_layer, clip, full_range
        One scale for all channels; how the range is chosen; whether -2^(b-1) is used.
    least_scales : float64 [OC]
        Scales are raised to these: how TensorFlow keeps the int32 bias of a nearly dead channel in
        range (npusim's bias has 64 bits and needs none).

    Raises
    ------
    RangeError
        Bits outside 2..8, or weights that are not finite.
    """
    check_weights(weights, bits, 2, 8, "uniform")
    high = (1 << (bits - 1)) - 1
    low = -high - full_range
    scales = scales_of(weights, low, high, per_layer, clip)
    if least_scales is not None:
        scales = np.maximum(scales, least_scales)
    integers = to_integers(weights, scales, low, high)
    channels = len(weights)
    return CodedWeights(
        scheme="uniform",
        bits=bits,
        codes=codes_of(integers, bits),
        points=np.ones(channels, np.int64),
        magnitudes=np.zeros(0, np.int64),
        scales=scales[None],
        channel_shift=np.zeros(channels, np.int64),
    )


def fitted(problem: Problem, bits: int, *, per_layer: bool = False, clip: Clip) -> CodedWeights:
    """Return uniform codes fitted to the problem's targets, with a scale a channel or a layer."""
    base = encode(problem.targets, bits, per_layer=per_layer, clip=clip)
    if per_layer:
        return fit_shared(problem, base, np.zeros(base.channels, np.int64))
    return problem.improve(base)[0]
