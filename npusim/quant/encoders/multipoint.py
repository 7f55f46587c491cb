"""Multipoint: a channel's weights as a sum of a few low-bit vectors, w ~ sum_i a_i q_i.

q_i in [-n, n]^K, n = 2^(b-1) - 1. Greedy on the residual r: a one-dimensional search finds the
scale a of least ||r - a' q||, q = nearest(r / a), a' = <r, q> / <q, q>; then r -= a' q. After each
new point all scales of the channel are refitted together by least squares.

Every channel has one point; more go to the channel whose *output* error E[(w.x - w~.x)^2] over
calibration inputs is largest, until it is below `threshold` times the variance of the layer's
outputs, or a budget of points is spent. Dead channels get no second point.

The points may be coded on another scheme's grid: a subset's integers, or piecewise linear pieces
(two terms a point, so two points at most).

Source: Liu et al. 2021 (abstract); the search, the stopping rules and the budget are npusim's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.codes.schemes import code_of
from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, check_weights, live_channels
from npusim.quant.encoders import piecewise_linear
from npusim.quant.encoders.search import Problem, output_errors
from npusim.quant.encoders.uniform import codes_of
from npusim.words import Breakpoint

MOST_POINTS = 4
"""Terms of the epilogue."""
THRESHOLD = 1e-3
"""Output error over output variance at which a channel needs no further point, by default."""
COARSE_RATIOS = 80
FINE_RATIOS = 20


@kernel
def nearest_level(size: float, levels: NDArray) -> float:
    """Return the member of ascending `levels` [M] nearest to `size`; a tie goes to the smaller."""
    best = levels[0]
    for i in range(1, len(levels)):
        if size > (levels[i - 1] + levels[i]) * 0.5:
            best = levels[i]
    return best


@kernel
def fit_error(r: NDArray, scale: float, levels: NDArray, uniform: bool) -> float:
    """Return the squared error of a' q for q = nearest(r / scale), a' fitted to q."""
    inner, norm, squares = 0.0, 0.0, 0.0
    last = levels[len(levels) - 1]
    for i in range(len(r)):
        size = abs(r[i])
        if uniform:
            q = min(np.rint(size / scale), last)
        else:
            q = nearest_level(size / scale, levels)
        inner += q * size
        norm += q * q
        squares += size * size
    return squares if norm == 0.0 else squares - inner * inner / norm


@kernel
def best_scale(r: NDArray, levels: NDArray, uniform: bool) -> float:
    """Return the scale at which `r` [K] is rounded with the least error; 0 for a zero residual.

    Ratios of max|r| / levels[-1] from 2 down in COARSE_RATIOS steps, then finer about the best.
    """
    largest = 0.0
    for i in range(len(r)):
        largest = max(largest, abs(r[i]))
    top = largest / levels[len(levels) - 1]
    if top == 0.0:
        return 0.0
    best, best_error = top, fit_error(r, top, levels, uniform)
    width = top * 2 / COARSE_RATIOS
    for step in range(COARSE_RATIOS, 0, -1):
        error = fit_error(r, width * step, levels, uniform) if width * step > 0 else best_error
        if error < best_error:
            best, best_error = width * step, error
    centre = best
    for step in range(-FINE_RATIOS, FINE_RATIOS + 1):
        scale = centre + width * step / FINE_RATIOS
        error = fit_error(r, scale, levels, uniform) if scale > 0 else best_error
        if error < best_error:
            best, best_error = scale, error
    return best


@dataclass(frozen=True, eq=False)
class Point:
    """One point: its codes [K], integer planes [F K], and their real scales [F]."""

    codes: NDArray
    planes: NDArray[np.float64]
    scales: NDArray[np.float64]


class UniformBase:
    """Points in symmetric two's complement."""

    scheme: str = "multipoint"
    most_points = MOST_POINTS

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.magnitudes = np.zeros(0, np.int64)
        self._levels = np.arange(1 << (bits - 1), dtype=np.float64)

    def point(self, r: NDArray[np.float64]) -> Point | None:
        """Return the next point for the residual `r` [K], None where it would be zero."""
        scale = best_scale(r, self._levels, True)
        if scale == 0:
            return None
        last = int(self._levels[-1])
        q = np.clip(np.rint(r / scale), -last, last)
        return _fitted(codes_of(q.astype(np.int64), self.bits), q, r)


class SubsetBase:
    """Points in the codes of one subset of magnitudes (int64 [2^(bits-1)], ascending)."""

    scheme: str = "subset"
    most_points = MOST_POINTS

    def __init__(self, bits: int, magnitudes: NDArray[np.int64]) -> None:
        self.bits, self.magnitudes = bits, magnitudes
        self._levels = magnitudes.astype(np.float64)

    def point(self, r: NDArray[np.float64]) -> Point | None:
        """Return the next point for the residual `r` [K], None where it would be zero."""
        scale = best_scale(r, self._levels, False)
        if scale == 0:
            return None
        middles = (self._levels[:-1] + self._levels[1:]) * 0.5
        index = np.searchsorted(middles, np.abs(r) / scale, side="left")
        negative = (r < 0) & (self.magnitudes[index] > 0)
        q = np.where(negative, -self._levels[index], self._levels[index])
        return _fitted((negative << (self.bits - 1) | index).astype(np.uint8), q, r)


class PiecewiseBase:
    """Points in piecewise linear codes on the paper's grid: two planes a point."""

    scheme: str = "pwlq"
    most_points = MOST_POINTS // 2

    def __init__(self, bits: int, breakpoint: Breakpoint) -> None:
        self.bits, self._breakpoint = bits, breakpoint
        self.magnitudes = np.zeros(0, np.int64)

    def point(self, r: NDArray[np.float64]) -> Point | None:
        """Return the next point for the residual `r` [K], None where it would be zero."""
        coded = piecewise_linear.encode(r[None], self.bits, breakpoint=self._breakpoint)
        planes = coded.planes()[:, 0].astype(np.float64)
        return Point(coded.codes[0], planes, coded.scales[:, 0]) if planes.any() else None


Base = UniformBase | SubsetBase | PiecewiseBase


def _fitted(codes: NDArray, q: NDArray[np.float64], r: NDArray[np.float64]) -> Point | None:
    norm = float((q * q).sum())
    if norm == 0:
        return None
    return Point(codes, q[None], np.array([float((q * r).sum()) / norm]))


def fit_scales(w: NDArray[np.float64], planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scales [P] of least squared error of `w` [K] ~ sum a_i planes_i, by Cholesky.

    A plane that depends on those before it gets scale 0.
    """
    count = len(planes)
    gram = np.array([[float((p * q).sum()) for q in planes] for p in planes])
    inner = np.array([float((p * w).sum()) for p in planes])
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

    def __init__(self, w: NDArray[np.float64], base: Base) -> None:
        self.w, self._base = w, base
        self.points: list[Point] = []
        self.scales = np.zeros(0)
        self.residual = w
        self.add()

    def add(self) -> bool:
        """Add the next point; False where the residual is zero and there is none.

        The joint refit is kept unless it turns a scale negative (an epilogue's multipliers are
        unsigned) or, on piecewise pieces, to zero.
        """
        point = self._base.point(self.residual)
        if point is None:
            return False
        self.points.append(point)
        planes = np.concatenate([p.planes for p in self.points])
        refitted = fit_scales(self.w, planes)
        self.scales = np.concatenate([self.scales, point.scales])
        if (refitted > 0).all():
            self.scales = refitted
        self.residual = self.w - sum(
            (a * plane for a, plane in zip(self.scales, planes, strict=True)),
            np.zeros_like(self.w),
        )
        return True


def encode(
    weights: NDArray[np.float64],
    bits: int,
    *,
    base: Base | None = None,
    output_error: Callable[[int, NDArray[np.float64]], float] | None = None,
    output_variance: float = 0.0,
    mean_points: float | None = None,
    threshold: float = THRESHOLD,
    most_points: int = MOST_POINTS,
) -> CodedWeights:
    """Return multipoint codes of `weights` float64 [OC K] at 2..8 bits.

    Parameters
    ----------
    base
        What a point is coded in; symmetric two's complement by default.
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
    base = UniformBase(bits) if base is None else base
    most_points = min(most_points, base.most_points)
    channels = [Channel(w, base) for w in weights]

    def error(c: int) -> float:
        rest = channels[c].residual
        return float((rest * rest).sum()) if output_error is None else output_error(c, rest)

    live = np.flatnonzero(live_channels(weights)).tolist()
    errors = {c: error(c) for c in live}
    budget = len(live) * (most_points if mean_points is None else mean_points)
    spent = len(live)
    while errors and spent + 1 <= budget + 1e-9:
        worst = max(errors, key=lambda c: (errors[c], -c))
        if mean_points is None and errors[worst] <= threshold * output_variance:
            break
        if len(channels[worst].points) >= most_points or not channels[worst].add():
            del errors[worst]
            continue
        spent += 1
        errors[worst] = error(worst)
    return _coded(channels, base)


def _coded(channels: list[Channel], base: Base) -> CodedWeights:
    points = np.array([max(1, len(channel.points)) for channel in channels], np.int64)
    code = code_of(base.scheme)
    forms = code.forms[0]
    scales = np.zeros((forms * int(points.max(initial=1)), len(channels)))
    codes = np.zeros((int(points.sum()), len(channels[0].w)), code.dtype(base.bits))
    row = 0
    for c, channel in enumerate(channels):
        scales[: len(channel.scales), c] = channel.scales
        for point in channel.points:
            codes[row] = point.codes
            row += 1
        row += not channel.points
    return CodedWeights(
        scheme=base.scheme,
        bits=base.bits,
        codes=codes,
        points=points,
        magnitudes=base.magnitudes,
        scales=scales,
        channel_shift=np.zeros(len(channels), np.int64),
    )


def fitted(
    problem: Problem,
    bits: int,
    *,
    base: Base,
    output_variance: float,
    mean_points: float | None,
    most_points: int,
) -> CodedWeights:
    """Return multipoint codes fitted to the problem's targets.

    The greedy encoder chooses how many points each channel has, by output error; then all codes
    and scales of a channel are found together, over the sums that its points can take.
    """

    def output_error(c: int, error: NDArray[np.float64]) -> float:
        total, spaces = np.zeros(1), problem.spaces
        output_errors(error[None], spaces.order, spaces.h, problem.space_of[c : c + 1], total)
        return float(total[0])

    greedy = encode(
        problem.targets, bits, base=base, output_error=output_error,
        output_variance=output_variance, mean_points=mean_points, most_points=most_points,
    )  # fmt: skip
    return problem.improve(greedy)[0]
