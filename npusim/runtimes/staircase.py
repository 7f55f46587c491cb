"""A requantization as a staircase: what it gives for an accumulator, and where it steps.

    y(A)   is monotone in the accumulator A, with at most 255 steps
    t_k    the least A of an interval [first, last] with y(A) >= k; last + 1 where there is none

Two requantizations are equal for every accumulator of the interval if and only if their t_k are
equal. Nothing is assumed of a rule but that it is monotone: its thresholds are found by bisection
over its own exact values, so that the rounding errors of float32 are a part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.requantize import requantize_all
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.words import ROUNDINGS

Epilogue = Requantization | FloatRequantization

CHANNELS_AT_ONCE = 256
"""Channels whose thresholds are sought together: their arrays stay within a processor's cache."""


@dataclass(frozen=True, eq=False)
class Reach:
    """The accumulators that can occur, first..last int64 [C], per channel and without the bias."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def __getitem__(self, channels: slice | NDArray[np.int64]) -> Reach:
        return Reach(self.first[channels], self.last[channels])

    def __len__(self) -> int:
        return len(self.first)


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


def of_channels(r: Epilogue, channels: slice | NDArray[np.int64]) -> Epilogue:
    """Return the requantization of some of a layer's channels."""
    if isinstance(r, FloatRequantization):
        return replace(r, scale=r.scale[channels], bias=r.bias[channels])
    return replace(
        r, multipliers=r.multipliers[:, channels], bias=r.bias[channels], shift=r.shift[channels]
    )


def outputs(r: Epilogue, accumulators: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the outputs for accumulators [C N], one row a channel; of one term a channel.

    A Requantization is computed by the datapath's own scalar, a FloatRequantization by its formula.
    """
    if isinstance(r, Requantization):
        return _integer_outputs(r, accumulators)
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
    channels, count = accumulators.shape
    values = np.empty(channels * count, np.int16)
    requantize_all(
        accumulators.reshape(-1, 1),
        np.repeat(r.multipliers[0], count)[:, None],
        np.repeat(r.bias, count),
        np.repeat(r.shift, count),
        np.zeros(channels * count, np.int64),
        ROUNDINGS.index(r.rounding),
        (r.zero_point, r.low, r.high),
        values,
    )
    return values.reshape(channels, count).astype(np.int64)


def _half_away(real: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest integers, halves away from zero; adding 0.5 would round what is below."""
    whole = np.trunc(real)
    return whole + np.where(np.abs(real - whole) >= 0.5, np.sign(real), 0)


def _fused_outputs(r: FloatRequantization, accumulators: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rint(fma(float32(A), scale, offset)), offset = zero_point + bias * scale in float32.

    The product of two float32 is exact in float64. Its sum with the offset is rounded once to
    float64 and once to float32; where the first fell on a tie of the second, the lost part decides.
    """
    offset = np.float32(r.zero_point) + r.bias.astype(np.float32) * r.scale
    product = accumulators.astype(np.float32).astype(np.float64) * r.scale[:, None]
    addend = np.broadcast_to(offset.astype(np.float64)[:, None], product.shape)
    total = product + addend
    nearest = total.astype(np.float32)
    tie = _is_tie(total, nearest)
    for place in zip(*np.nonzero(tie), strict=True):
        exact = Fraction(product[place]) + Fraction(addend[place])
        nearest[place] = _nearest_float32(exact, nearest[place])
    return np.clip(np.rint(nearest), r.low, r.high).astype(np.int64)


def _is_tie(total: NDArray[np.float64], nearest: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where `total` lies halfway between two float32 values."""
    away = np.where(total > nearest, np.float32(np.inf), np.float32(-np.inf))
    other = np.nextafter(nearest, away, dtype=np.float32).astype(np.float64)
    return (total != nearest) & (np.abs(total - nearest) == np.abs(other - total))


def _nearest_float32(exact: Fraction, guess: np.float32) -> np.float32:
    """Return the float32 nearest to `exact`, which is `guess` or a neighbour of it."""
    around = [
        np.nextafter(guess, np.float32(-np.inf)),
        guess,
        np.nextafter(guess, np.float32(np.inf)),
    ]
    distance = [abs(Fraction(float(value)) - exact) for value in around]
    least = min(distance)
    nearest = [v for v, d in zip(around, distance, strict=True) if d == least]
    return min(nearest, key=lambda v: int(np.float32(v).view(np.uint32)) & 1)


def thresholds(r: Epilogue, reach: Reach) -> NDArray[np.int64]:
    """Return t_k int64 [C K] of every output k = low + 1 .. high, within `reach`.

    The first accumulator of the reach where the output is k or more from the start, last + 1 where
    it never is.
    """
    found = [_bisect(of_channels(r, part), reach[part]) for part in parts(len(reach))]
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
