"""Moments of operands where a layer's clamp lets errors through.

Behind a ReLU most windows' outputs are 0, whatever a small error makes of the sum before it. So
where the clamp is the layer's own, a window counts for a channel in full if the float network's sum
t = w . x + b lies within the clamp, or outside by at most `MARGIN` standard deviations of t, and as
`OUTSIDE` if it lies further. Each channel then has second moments of its own. That takes OC K^2
sums a window; where so many would leave too few windows, all channels share their moments.

Source: reconstruction behind the activation is that of AdaRound (Nagel et al. 2020); weighing the
windows is npusim's form of it, which keeps the problem quadratic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.datapath.jit import kernel
from npusim.graph.network import Network, Node
from npusim.quant.encoders.choose import dot
from npusim.quant.float_network import constant
from npusim.quant.moments import FOLDS, MOST_WINDOWS, Moments, MomentSums, Sample, window_pairs

MARGIN = 0.25
OUTSIDE = 0.2
MOST_SUMS = 1 << 31
"""Products that are summed for one layer, OC K^2 a window."""
LEAST_WINDOWS_PER_VALUE = 12
CHANNELS_A_JOB = 16
MOST_BYTES, BYTES_A_VALUE = 1 << 26, 32
"""Of windows in memory, and of a value in both networks while windows are put in order."""
MOST_MOMENTS = 1 << 22
"""OC K^2 at most: 32 MiB."""


class ClampedSums:
    """Weighted sums of products over windows, of each channel, for one set of samples."""

    def __init__(self, channels: int, taps: int) -> None:
        self.windows = 0
        self.weight = np.zeros(channels)
        self.second = np.zeros((channels, taps, taps))
        self.pull = np.zeros((channels, taps))
        self.sum = np.zeros((channels, taps))
        self.target_sum = np.zeros(channels)

    def __add__(self, other: ClampedSums) -> ClampedSums:
        both = ClampedSums(*self.sum.shape)
        for name in vars(both):
            setattr(both, name, getattr(self, name) + getattr(other, name))
        return both

    def moments(self, weights: NDArray[np.float64], centred: bool) -> Moments:
        """Return what `MomentSums.moments` does; means are those of windows that count."""
        count = max(1, self.windows)
        second, pull = self.second / count, self.pull / count
        weight = np.where(self.weight > 0, self.weight, 1.0)
        mean, target_mean = self.sum / weight[:, None], self.target_sum / weight
        if centred:
            share = self.weight / count
            second -= share[:, None, None] * mean[:, :, None] * mean[:, None, :]
            pull -= (share * target_mean)[:, None] * mean
        return Moments(second, pull, mean, target_mean)


Sums = MomentSums | ClampedSums


@dataclass(frozen=True, eq=False)
class LayerSums:
    """What is summed over a layer's operands.

    Attributes
    ----------
    parts
        Over the samples to fit on and over those held out; of more than two each is held out once.
    whole
        Over all samples.
    """

    parts: tuple[Sums, ...]
    whole: Sums

    @classmethod
    def of(cls, parts: Sequence[Any]) -> LayerSums:
        """Return the sums of these parts, all of one kind."""
        return cls(tuple(parts), _added(parts))

    def splits(self) -> Iterator[tuple[Sums, Sums]]:
        """Yield the sums to fit on, and those held out."""
        for n in range(len(self.parts)) if len(self.parts) > 2 else (1,):
            yield _added([*self.parts[:n], *self.parts[n + 1 :]]), self.parts[n]


def _added(parts: Sequence[Any]) -> Any:
    return reduce(add, parts)


@kernel
def add_products_of(y: NDArray, chosen: NDArray, factor: float, total: NDArray) -> None:
    """Add to `total` [K K] on and above the diagonal factor * y'y over rows `chosen` of y [P K]."""
    count, taps = len(chosen), y.shape[1]
    whole = count - count % 4
    for p in range(0, whole, 4):
        y0, y1, y2, y3 = y[chosen[p]], y[chosen[p + 1]], y[chosen[p + 2]], y[chosen[p + 3]]
        for i in range(taps):
            f0, f1, f2, f3 = factor * y0[i], factor * y1[i], factor * y2[i], factor * y3[i]
            row = total[i]
            for j in range(i, taps):
                row[j] += (f0 * y0[j] + f1 * y1[j]) + (f2 * y2[j] + f3 * y3[j])
    for p in range(whole, count):
        one = y[chosen[p]]
        for i in range(taps):
            for j in range(i, taps):
                total[i, j] += factor * one[i] * one[j]


@kernel
def add_channel(
    y: NDArray,
    t: NDArray,
    counts: NDArray,
    every: NDArray,
    second: NDArray,
    pull: NDArray,
    total: NDArray,
) -> tuple[float, float]:
    """Add a channel's windows `y` [P K], of float sums `t` [P]; return the sums of weights and t.

    `counts` [P] says which count in full; `every` [K K] holds the products of all as `OUTSIDE`.
    """
    windows, taps = y.shape
    add_products_of(y, np.flatnonzero(counts), 1.0 - OUTSIDE, second)
    for i in range(taps):
        for j in range(i, taps):
            second[i, j] += every[i, j]
            second[j, i] = second[i, j]
    weight, target = 0.0, 0.0
    for p in range(windows):
        share = 1.0 if counts[p] else OUTSIDE
        weight += share
        target += share * t[p]
        pulled = share * t[p]
        for k in range(taps):
            pull[k] += pulled * y[p, k]
            total[k] += share * y[p, k]
    return weight, target


@kernel
def float_sums(x: NDArray, w: NDArray, t: NDArray) -> None:
    """Write w . x of each window `x` [P K] to `t` [P]."""
    for p in range(len(x)):
        t[p] = dot(x[p], w)


def weighed_windows(network: Network, node: Node) -> int:
    """Return how many windows of a layer can be weighed; 0 where all count alike."""
    operator: Any = node.operator
    shape = network.inputs_of(node)[1].shape
    taps = int(np.prod(shape[1:]))
    each = shape[0] * taps * taps
    windows = min(MOST_WINDOWS, MOST_SUMS // each)
    few = windows < LEAST_WINDOWS_PER_VALUE * taps
    return 0 if operator.activation is None or each > MOST_MOMENTS or few else windows


def sum_clamped(
    network: Network,
    node: Node,
    samples: Callable[[slice], Iterator[Sample]],
    count: int,
    most: int,
    threads: int,
) -> tuple[ClampedSums, ClampedSums]:
    """Return the sums over the samples to fit on and over those held out, as `sum_moments`.

    `samples` returns those of a slice of the channels: groups are read a few at a time, so that
    their windows take at most `MOST_BYTES`.
    """
    tensors = network.inputs_of(node)[1:]
    weights = constant(tensors[0]).reshape(tensors[0].shape[0], -1)
    channels, taps = weights.shape
    bias = constant(tensors[1]).reshape(-1) if len(tensors) > 1 else np.zeros(channels)
    operator: Any = node.operator
    clamp = operator.activation
    found = ClampedSums(channels, taps), ClampedSums(channels, taps)
    groups = operator.groups if isinstance(operator, op.Conv2D) else 1
    share = channels // groups

    def job(windows: list[list[NDArray[np.float64]]], g: int, own: range) -> None:
        base = [np.zeros((taps, taps)) for _ in found]
        for (y, _), every in zip(windows, base, strict=True):
            add_products_of(y[g], np.arange(y.shape[1]), OUTSIDE, every)
        for c in own:
            sums = [np.empty(y.shape[1]) for y, _ in windows]
            for (_, x), t in zip(windows, sums, strict=True):
                float_sums(x[g], weights[c], t)
            room = MARGIN * _deviation(np.concatenate(sums))
            low = -np.inf if clamp.low is None else clamp.low - bias[c] - room
            high = np.inf if clamp.high is None else clamp.high - bias[c] + room
            for one, (y, _), t, every in zip(found, windows, sums, base, strict=True):
                one.weight[c], one.target_sum[c] = add_channel(
                    y[g], t, (t > low) & (t < high), every, one.second[c], one.pull[c], one.sum[c]
                )

    together = max(1, MOST_BYTES // (most * taps * BYTES_A_VALUE))
    for first in range(0, groups, together):
        block = range(first, min(first + together, groups))
        parts: tuple[list, list] = ([], [])
        inner = tensors[0].shape[-1]
        some = samples(slice(block.start * inner, block.stop * inner))
        for fold, y, x in window_pairs(network, node, some, count, most):
            parts[fold == FOLDS - 1].append((y, x))
        windows = [[_by_group(one) for one in zip(*part, strict=True)] for part in parts]
        pieces = [
            (windows, g - first, range(c, min(c + CHANNELS_A_JOB, (g + 1) * share)))
            for g in block
            for c in range(g * share, (g + 1) * share, CHANNELS_A_JOB)
        ]
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(job, *piece) for piece in pieces]:
                done.result()
        for one, (y, _) in zip(found, windows, strict=True):
            one.windows = y.shape[1]
    return found


def _by_group(windows: tuple[NDArray[np.float64], ...]) -> NDArray[np.float64]:
    """Return windows [P G K] of several samples as [G P K]."""
    return np.ascontiguousarray(np.concatenate(windows).transpose(1, 0, 2))


def _deviation(values: NDArray[np.float64]) -> float:
    mean = values.sum() / len(values)
    return float(np.sqrt(((values - mean) ** 2).sum() / len(values)))
