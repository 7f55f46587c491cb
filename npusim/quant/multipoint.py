"""Multipoint: a channel's weights as a sum of a few low-bit vectors, w ~ sum_i a_i q_i.

q_i in [-n, n]^K, n = 2^(b-1) - 1. Greedy on the residual r: a one-dimensional search finds the
scale a of least ||r - a' q||, q = clip(rint(r / a)), a' = <r, q> / <q, q>; then r -= a' q. After
each new point all scales of the channel are refitted together by least squares.

Every channel has one point; more go to the channel whose *output* error E[(w.x - w~.x)^2] over
calibration inputs is largest, until it is below `threshold` times the variance of the layer's
outputs, or a budget of points is spent. Dead channels (all weights zero) get no second point.

Source: Liu et al. 2021 (abstract); the search, the stopping rules and the budget are npusim's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, check_weights
from npusim.quant.uniform import codes_of

MOST_POINTS = 4
THRESHOLD = 1e-3
"""Output error over output variance at which a channel needs no further point, by default."""
COARSE_RATIOS = 80
FINE_RATIOS = 20


@kernel
def fit_error(r: NDArray, scale: float, n: int) -> float:
    """Return the squared error of a q for q = clip(rint(r / scale)), a refitted to q."""
    inner, norm, squares = 0.0, 0.0, 0.0
    for i in range(len(r)):
        q = min(max(np.rint(r[i] / scale), -n), n)
        inner += q * r[i]
        norm += q * q
        squares += r[i] * r[i]
    return squares if norm == 0.0 else squares - inner * inner / norm


@kernel
def best_scale(r: NDArray, n: int) -> float:
    """Return the scale at which `r` [K] is rounded with the least error; 0 for a zero residual."""
    largest = 0.0
    for i in range(len(r)):
        largest = max(largest, abs(r[i]))
    top = largest / n
    if top == 0.0:
        return 0.0
    best, best_error = top, fit_error(r, top, n)
    for step in range(COARSE_RATIOS - 1, 0, -1):
        scale = top * step / COARSE_RATIOS * 2
        if scale == 0.0:
            continue
        error = fit_error(r, scale, n)
        if error < best_error:
            best, best_error = scale, error
    centre = best
    width = top * 2 / COARSE_RATIOS
    for step in range(-FINE_RATIOS, FINE_RATIOS + 1):
        scale = centre + width * step / FINE_RATIOS
        if scale <= 0.0:
            continue
        error = fit_error(r, scale, n)
        if error < best_error:
            best, best_error = scale, error
    return best


def next_point(r: NDArray[np.float64], n: int) -> NDArray[np.int64] | None:
    """Return the integers q [K] of the next point for the residual `r`, None where it is zero."""
    scale = best_scale(r, n)
    if scale == 0:
        return None
    q = np.clip(np.rint(r / scale), -n, n).astype(np.int64)
    return q if q.any() else None


def fit_scales(w: NDArray[np.float64], points: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the scales [P] of least squared error of `w` ~ sum a_i q_i, by Cholesky's method.

    Points that depend on each other leave the later one with scale 0.
    """
    count = len(points)
    gram = np.array([[float((p * q).sum()) for q in points] for p in points])
    inner = np.array([float((p * w).sum()) for p in points])
    root = np.zeros((count, count))
    y = np.zeros(count)
    for i in range(count):
        for j in range(i):
            known = float((root[i, :j] * root[j, :j]).sum())
            root[i, j] = (gram[i, j] - known) / root[j, j] if root[j, j] > 0 else 0.0
        rest = gram[i, i] - float((root[i, :i] ** 2).sum())
        root[i, i] = np.sqrt(rest) if rest > 1e-9 * gram[i, i] else 0.0
        known = float((root[i, :i] * y[:i]).sum())
        y[i] = (inner[i] - known) / root[i, i] if root[i, i] > 0 else 0.0
    scales = np.zeros(count)
    for i in range(count - 1, -1, -1):
        known = float((root[i + 1 :, i] * scales[i + 1 :]).sum())
        scales[i] = (y[i] - known) / root[i, i] if root[i, i] > 0 else 0.0
    return scales


class Channel:
    """The points of one output channel while they are being chosen."""

    def __init__(self, w: NDArray[np.float64], n: int) -> None:
        self.w, self.n = w, n
        self.points: list[NDArray[np.int64]] = []
        self.scales = np.zeros(0)
        self.exhausted = False
        if not self.add():
            self.points, self.scales = [np.zeros(len(w), np.int64)], np.zeros(1)

    @property
    def residual(self) -> NDArray[np.float64]:
        """What the points leave of the weights."""
        rest = self.w.copy()
        for a, q in zip(self.scales, self.points, strict=True):
            rest = rest - a * q
        return rest

    def add(self) -> bool:
        """Add the next point; False where the residual is zero and there is none."""
        q = next_point(self.residual, self.n)
        if q is None:
            self.exhausted = True
            return False
        self.points.append(q)
        self.scales = fit_scales(self.w, self.points)
        negative = self.scales < 0
        self.points = [-p if minus else p for p, minus in zip(self.points, negative, strict=True)]
        self.scales = np.abs(self.scales)
        return True


def encode(
    weights: NDArray[np.float64],
    bits: int,
    *,
    output_error: Callable[[int, NDArray[np.float64]], float] | None = None,
    output_variance: float = 0.0,
    mean_points: float | None = None,
    threshold: float = THRESHOLD,
    most_points: int = MOST_POINTS,
) -> CodedWeights:
    """Return multipoint codes of `weights` float64 [OC K] at 2..8 bits.

    Parameters
    ----------
    output_error
        Maps (channel, weight error [K]) to the mean squared error of that output; without it the
        squared weight error stands in.
    output_variance
        Mean variance of the layer's outputs, against which `threshold` is measured.
    mean_points
        Budget: points per live channel on average; without it `threshold` decides.
    most_points
        Points of one channel at most, 1..4.

    Raises
    ------
    RangeError
        Bits outside 2..8, or weights that are not finite.
    """
    check_weights(weights, bits, 2, 8, "multipoint")
    n = (1 << (bits - 1)) - 1
    channels = [Channel(w, n) for w in weights]

    def error(c: int) -> float:
        rest = channels[c].residual
        return float((rest * rest).sum()) if output_error is None else output_error(c, rest)

    live = [c for c, w in enumerate(weights) if w.any()]
    errors = {c: error(c) for c in live}
    budget = len(live) * (most_points if mean_points is None else mean_points)
    spent = len(live)
    while errors and spent + 1 <= budget + 1e-9:
        worst = max(errors, key=lambda c: (errors[c], -c))
        if mean_points is None and errors[worst] <= threshold * output_variance:
            break
        channel = channels[worst]
        if len(channel.points) >= most_points or not channel.add():
            del errors[worst]
            continue
        spent += 1
        errors[worst] = error(worst)
    return _coded(channels, bits)


def _coded(channels: list[Channel], bits: int) -> CodedWeights:
    points = np.array([len(channel.points) for channel in channels], np.int64)
    scales = np.zeros((int(points.max(initial=1)), len(channels)))
    for c, channel in enumerate(channels):
        scales[: len(channel.scales), c] = channel.scales
    integers = np.array([q for channel in channels for q in channel.points], np.int64)
    return CodedWeights(
        scheme="multipoint",
        bits=bits,
        codes=codes_of(integers, bits),
        points=points,
        magnitudes=np.zeros(0, np.int64),
        scales=scales,
        channel_shift=np.zeros(len(channels), np.int64),
    )
