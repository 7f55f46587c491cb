"""Second moments of a layer's operands: what an encoder must know of the data.

With x the float network's operands and y those of the network quantized so far, both over the same
windows:  second = E[y y'],  pull = E[y t] with t = w . x,  and the means. Where the bias
takes care of the mean error the moments are taken about the means. Memory is a few K x K arrays of
one layer: windows are read a sample at a time and added up, in one order of summation.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.operators.kinds.pool import taps
from npusim.quant.encoders.factor import add_group_products, add_products, add_squares

MOST_WINDOWS = 1 << 13
"""Windows of a layer over all samples, unless a window has more than an eighth as many values."""
WINDOWS_PER_VALUE = 8
FOLDS = 4
"""Every fourth sample (with fewer than two a fold, every fourth window) is of one fold."""
FEW_WINDOWS_PER_VALUE = 4
MOST_FOLDED = 1 << 26
"""OC K^2 at most of a layer that is fitted once for each fold held out."""
ROWS_A_JOB = 64


@dataclass(frozen=True, eq=False)
class Moments:
    """What an encoder knows of a layer's operands; S spaces, one for each group or each channel.

    Attributes
    ----------
    second : float64 [S K K]
        E[y y'], y the operands of the quantized network, about the mean if centred.
    pull : float64 [OC K]
        E[y t], t = w . x what the float network's layer sums up, about the means if centred.
    mean : float64 [S K]
        E[y].
    target_mean : float64 [OC]
        E[t].
    """

    second: NDArray[np.float64]
    pull: NDArray[np.float64]
    mean: NDArray[np.float64]
    target_mean: NDArray[np.float64]

    @property
    def space_of(self) -> NDArray[np.int64]:
        """The space int64 [OC] of each channel."""
        channels = len(self.pull)
        return np.arange(channels) * len(self.second) // channels


class MomentSums:
    """Sums of products over windows, for one set of samples."""

    def __init__(self, groups: int, taps: int) -> None:
        self.windows = 0
        # what is below the diagonal of `second` does not count
        self.second = np.zeros((groups, taps, taps))
        self.cross = np.zeros((groups, taps, taps))
        self.sum = np.zeros((groups, taps))
        self.float_sum = np.zeros((groups, taps))

    def add(self, y: NDArray[np.float64], x: NDArray[np.float64], pool: ThreadPoolExecutor) -> None:
        """Add windows `y`, `x` float64 [P G K] of the quantized and the float network."""
        self.windows += len(y)
        self.sum += np.add.reduce(y, axis=0)
        self.float_sum += np.add.reduce(x, axis=0)
        groups, taps = y.shape[1:]
        if taps < ROWS_A_JOB:
            jobs = [pool.submit(add_group_products, y, y, self.second),
                    pool.submit(add_group_products, y, x, self.cross)]  # fmt: skip
        else:
            jobs = []
            for g in range(groups):
                own, other = (np.ascontiguousarray(v[:, g]) for v in (y, x))
                for first in range(0, taps, ROWS_A_JOB):
                    end = min(first + ROWS_A_JOB, taps)
                    jobs.append(pool.submit(add_squares, own, first, end, self.second[g]))
                    jobs.append(pool.submit(add_products, own, other, first, end, self.cross[g]))
        for job in jobs:
            job.result()

    def __add__(self, other: MomentSums) -> MomentSums:
        both = MomentSums(*self.sum.shape)
        both.windows = self.windows + other.windows
        for name in ("second", "cross", "sum", "float_sum"):
            setattr(both, name, getattr(self, name) + getattr(other, name))
        return both

    def moments(self, weights: NDArray[np.float64], centred: bool) -> Moments:
        """Return the means for the float `weights` [OC K]; about the mean if `centred`."""
        count = max(1, self.windows)
        upper = np.triu(self.second) / count
        second = upper + np.triu(upper, 1).transpose(0, 2, 1)
        cross = self.cross / count
        mean, float_mean = self.sum / count, self.float_sum / count
        if centred:
            second -= mean[:, :, None] * mean[:, None, :]
            cross -= mean[:, :, None] * float_mean[:, None, :]
        pull, share = np.empty_like(weights), len(weights) // len(second)
        for g, one in enumerate(cross):
            own = slice(g * share, (g + 1) * share)
            pull[own] = pulled(one, weights[own])
        means = np.repeat(float_mean, share, axis=0)
        return Moments(second, pull, mean, (weights * means).sum(axis=1))


def pulled(matrix: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return matrix w for each row of `weights` [C K], as [C K]."""
    total = np.zeros_like(weights)
    turned = np.ascontiguousarray(matrix.T)
    add_products(np.ascontiguousarray(weights.T), turned, 0, len(weights), total)
    return total


def layer_windows(
    network: Network, node: Node, x: NDArray[np.float64], most: int
) -> NDArray[np.float64]:
    """Return at most `most` evenly spaced windows float64 [P G K] of one sample's input [1 ...].

    Within a group the order of values is that of the layer's weights: [KH KW IC/G]. `x` may hold
    the channels of some groups alone.
    """
    operator = node.operator
    if isinstance(operator, op.Conv2D):
        views = taps(x, operator.window)
        height, width = views[0].shape[1:3]
        chosen = _spaced(height * width, most)
        rows, columns = chosen // width, chosen % width
        stacked = np.stack([view[0, rows, columns] for view in views], axis=1)
        inner = network.inputs_of(node)[1].shape[3]
        grouped = stacked.reshape(len(chosen), len(views), -1, inner)
        return np.ascontiguousarray(grouped.transpose(0, 2, 1, 3)).reshape(
            len(chosen), -1, len(views) * inner
        )
    every = x.reshape(-1, 1, network.inputs_of(node)[1].shape[1])
    return np.ascontiguousarray(every[_spaced(len(every), most)])


def mean_window(network: Network, node: Node, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean operand at each tap float64 [G K] over all windows of one sample's input."""
    operator = node.operator
    if isinstance(operator, op.Conv2D):
        means = [
            np.add.reduce(view.reshape(-1, view.shape[3]), axis=0) / (view[..., 0].size)
            for view in taps(x, operator.window)
        ]
        grouped = np.stack(means).reshape(len(means), operator.groups, -1)
        return np.ascontiguousarray(grouped.transpose(1, 0, 2)).reshape(operator.groups, -1)
    every = x.reshape(-1, network.inputs_of(node)[1].shape[1])
    return (np.add.reduce(every, axis=0) / len(every))[None]


def _spaced(positions: int, most: int) -> NDArray[np.int64]:
    step = max(1, -(-positions // most))
    return np.arange(step // 2 if positions > step // 2 else 0, positions, step)


Sample = tuple[NDArray[np.float64], NDArray[np.float64]]
"""A sample of a layer's input [1 ...] in the quantized and in the float network."""


def window_pairs(
    network: Network, node: Node, samples: Iterator[Sample], count: int, most: int
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Yield (fold, y, x): windows [P G K] in both networks, about `most` over all samples.

    `samples` yields `count` pairs (quantized, float) of the layer's input.
    """
    each = -(-most // count)
    for n, pair in enumerate(samples):
        y, x = (layer_windows(network, node, part, each) for part in pair)
        if count >= 2 * FOLDS:
            yield n % FOLDS, y, x
        else:
            for fold in range(FOLDS):
                own = slice(fold, None, FOLDS)
                yield fold, y[own], x[own]


def sum_moments(
    network: Network, node: Node, samples: Iterator[Sample], count: int, threads: int
) -> tuple[MomentSums, ...]:
    """Return the sums over the samples to fit on and over those held out.

    Of a layer with few windows, so that a fourth of them says little: those of each fold, to be
    held out in turn.
    """
    weights = network.inputs_of(node)[1].shape
    groups = node.operator.groups if isinstance(node.operator, op.Conv2D) else 1
    values = int(np.prod(weights[1:]))
    most = max(MOST_WINDOWS, WINDOWS_PER_VALUE * values)
    windows = count * prod(network.output_of(node).shape[1:-1])
    few = windows < FEW_WINDOWS_PER_VALUE * values
    folded = few and weights[0] * values * values <= MOST_FOLDED
    sums = tuple(MomentSums(groups, values) for _ in range(FOLDS if folded else 2))
    with ThreadPoolExecutor(threads) as pool:
        for fold, y, x in window_pairs(network, node, samples, count, most):
            sums[fold if folded else fold == FOLDS - 1].add(y, x, pool)
    return sums
