"""A requantization as a staircase: what it gives for an accumulator, and where it steps.

    y(A)   is monotone in the accumulator A, with at most 255 steps
    t_k    the least A of an interval [first, last] with y(A) >= k; last + 1 where there is none

Two requantizations are equal for every accumulator of the interval if and only if their t_k are
equal. Nothing is assumed of a rule but that it is monotone: its thresholds are found by bisection
over its own exact values, so that the rounding errors of float32 are a part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.requantize_float import requantize_float_all
from npusim.datapath.round_shift import rounding_constant
from npusim.runtimes.float32 import fused_multiply_add
from npusim.runtimes.requantization import Channels, FloatRequantization, Requantization
from npusim.words import ROUNDINGS

CHANNELS_AT_ONCE = 256
"""Channels whose thresholds are sought together: their arrays stay within a processor's cache."""


@dataclass(frozen=True, eq=False)
class Reach:
    """The accumulators that can occur, first..last int64 [C], per channel and without the bias."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def __getitem__(self, channels: Channels) -> Reach:
        return Reach(self.first[channels], self.last[channels])

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, eq=False)
class Tabulated:
    """A requantization given by its outputs `values` int64 [C N] for A = first .. first + N - 1.

    They rise with A. What the runtimes compute otherwise than through one scale (float32 division,
    a conversion by way of the real value) has this form.
    """

    first: int
    values: NDArray[np.int64]
    zero_point: int
    low: int
    high: int

    def of_channels(self, channels: Channels) -> Tabulated:
        """Return the rows of some channels."""
        return replace(self, values=self.values[channels])

    @property
    def reach(self) -> Reach:
        """The accumulators of the table."""
        channels, count = self.values.shape
        whole = np.full(channels, self.first, np.int64)
        return Reach(whole, whole + count - 1)


Epilogue = Requantization | FloatRequantization | Tabulated


def sum_of_products(planes: NDArray[np.integer], least: int, greatest: int) -> Reach:
    """Return the reach of sum(w * x) over each row of planes [C ...], x in least..greatest.

    Padding is x = 0, which lies in that range: a window at the border reaches no further.
    """
    rows = planes.reshape(len(planes), -1).astype(np.int64)
    positive = np.maximum(rows, 0).sum(axis=1)
    negative = np.minimum(rows, 0).sum(axis=1)
    return Reach(
        positive * least + negative * greatest,
        positive * greatest + negative * least,
    )


def outputs(r: Epilogue, accumulators: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the outputs for accumulators [C N], one row a channel; of one term a channel.

    A Requantization rounds as the datapath's own scalar says, a FloatRequantization by its formula.
    """
    if isinstance(r, Requantization):
        return _integer_outputs(r, accumulators)
    if isinstance(r, Tabulated):
        return np.take_along_axis(r.values, accumulators - r.first, axis=1)
    if r.kind == "double_away":
        rounded = _half_away((accumulators + r.bias[:, None]).astype(np.float64) * r.scale[:, None])
    elif r.kind == "fp32":
        with np.errstate(over="ignore"):
            scaled = (accumulators + r.bias[:, None]).astype(np.float32) * r.scale[:, None]
        rounded = np.rint(scaled)
    else:
        return _fused_outputs(r, accumulators)
    relative = np.clip(rounded, r.low - r.zero_point, r.high - r.zero_point)
    return relative.astype(np.int64) + r.zero_point


def _integer_outputs(r: Requantization, accumulators: NDArray[np.int64]) -> NDArray[np.int64]:
    if r.rounding == "float32":
        channels, count = accumulators.shape
        values = np.empty(channels * count, np.int16)
        bounds = (r.zero_point, r.low, r.high)
        scale, bias = (np.repeat(column, count) for column in (r.multipliers[0], r.bias))
        requantize_float_all(accumulators.reshape(-1), bias, scale, bounds, values)
        return values.reshape(channels, count).astype(np.int64)
    return _rounded(r, accumulators * r.multipliers[0][:, None] + r.bias[:, None])


def _rounded(r: Requantization, totals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the outputs of product sums [C N] below 2^62, an array at a time.

    What is added before a shift depends on the total's sign and on its lowest bit that stays: the
    scalar says it for one total of each kind.
    """
    mode, shift = ROUNDINGS.index(r.rounding), r.shift[:, None]
    kinds = [[odd - 2 * negative for odd in (0, 1)] for negative in (0, 1)]
    added = np.array(
        [
            [[rounding_constant(mode, kind << s, s) for kind in row] for row in kinds]
            for s in map(int, r.shift)
        ]
    )
    channels = np.arange(len(totals))[:, None]
    constants = added[channels, (totals < 0).astype(np.int64), (totals >> shift) & 1]
    return np.clip(((totals + constants) >> shift) + r.zero_point, r.low, r.high)


def _half_away(real: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest integers, halves away from zero; adding 0.5 would round what is below."""
    whole = np.trunc(real)
    return whole + np.where(np.abs(real - whole) >= 0.5, np.sign(real), 0)


def _fused_outputs(r: FloatRequantization, accumulators: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rint(fma(float32(A), scale, zero_point + bias * scale)), all float32."""
    offset = np.float32(r.zero_point) + r.bias.astype(np.float32) * r.scale
    total = fused_multiply_add(accumulators.astype(np.float32), r.scale[:, None], offset[:, None])
    return np.clip(np.rint(total), r.low, r.high).astype(np.int64)


def thresholds(r: Epilogue, reach: Reach) -> NDArray[np.int64]:
    """Return t_k int64 [C K] of every output k = low + 1 .. high, within `reach`.

    The first accumulator of the reach where the output is k or more from the start, last + 1 where
    it never is.
    """
    found = [_bisect(r.of_channels(part), reach[part]) for part in parts(len(reach))]
    return np.concatenate(found) if found else np.empty((0, r.high - r.low), np.int64)


def parts(channels: int) -> list[slice]:
    """Return slices of at most CHANNELS_AT_ONCE channels that cover `channels`."""
    return [
        slice(first, min(first + CHANNELS_AT_ONCE, channels))
        for first in range(0, channels, CHANNELS_AT_ONCE)
    ]


def _bisect(r: Epilogue, reach: Reach) -> NDArray[np.int64]:
    levels = np.arange(r.low + 1, r.high + 1)
    shape = (len(reach), len(levels))
    below = np.broadcast_to(reach.first[:, None] - 1, shape).copy()  # y < k, or outside
    above = np.broadcast_to(reach.last[:, None] + 1, shape).copy()  # y >= k, or outside
    while np.any(above - below > 1):
        middle = np.clip((below + above) >> 1, reach.first[:, None], reach.last[:, None])
        reached = outputs(r, middle) >= levels
        open_ = above - below > 1
        above = np.where(open_ & reached, middle, above)
        below = np.where(open_ & ~reached, middle, below)
    return above
