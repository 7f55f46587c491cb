"""requantize: J x s32 accumulators -> int8 or uint8, one rounding by mode, saturating.

    T = bias + sum_j multiplier_j * acc_j                        j = 1..MAX_TERMS
    s = shift + channel_shift
    y = clamp(((T + rounding_constant(mode, T, s)) >> s) + zero_point, low, high)

There is exactly one rounding between the accumulators and the output; `>>` is the arithmetic shift
and the constant is round_shift's.

| quantity      | width     | why it fits                                                    |
|---------------|-----------|----------------------------------------------------------------|
| acc_j         | s32       | the compiler proves K * max|w| * max|xe| + |b| < 2^31          |
| multiplier_j  | u31       | normalized to [2^30, 2^31) or smaller; 0 for a term not used   |
| product       | s63       | 2^31 * (2^31 - 1) < 2^62                                       |
| bias, T       | s63       | the compiler proves |bias| < 2^62 and |T| < 2^62; T alone need |
|               |           | fit, partial sums may wrap                                     |
| shift         | u6        | 0..62                                                          |
| channel_shift | u4        | n_c of wes; the compiler keeps s <= 62                         |
| rounded       | s10       | saturated: |y - zero_point| <= 383                             |
| zero_point, low, high, y | s9 | int8 or uint8                                              |

Cycles: 1 result per cycle and lane, latency 6.
RTL: rtl/npu_requantize.v
Source: the fused shift-scaler is the weight-equalizing shift scaler (Oh et al., 2020) carried to J
terms; wes is bit-identical to a per-channel requantizer with (multiplier, shift + channel_shift).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Bins, Parameters, Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import ACC_BITS
from npusim.datapath.round_shift import (
    FLOOR,
    HALF_AWAY,
    HALF_EVEN,
    HALF_UP,
    MAX_SHIFT,
    RUY,
    TFLITE,
    TOTAL_LIMIT,
    clamp,
    interesting_total,
    round_shift,
    rounding_constant,
)
from npusim.datapath.stimulus import between, chance
from npusim.words import ROUNDINGS

__all__ = [
    "FLOOR", "HALF_AWAY", "HALF_EVEN", "HALF_UP", "RUY", "TFLITE", "UNIT",
    "clamp", "requantize", "requantize_all", "requantize_total", "round_shift", "rounding_constant",
]  # fmt: skip


@scalar
def requantize_total(
    total: int, mode: int, shift: int, zero_point: int, low: int, high: int
) -> int:
    """Return the output for the product sum `total` and the whole shift (n_c included)."""
    return clamp(round_shift(mode, total, shift) + zero_point, low, high)


@scalar
def requantize(
    acc: tuple[int, ...],
    multiplier: tuple[int, ...],
    bias: int,
    mode: int,
    shift: int,
    channel_shift: int,
    zero_point: int,
    low: int,
    high: int,
) -> int:
    """Return the output for the accumulators and multipliers of J terms."""
    total = bias
    for j in range(len(acc)):
        total += multiplier[j] * acc[j]
    return requantize_total(total, mode, shift + channel_shift, zero_point, low, high)


@kernel
def requantize_all(
    acc: NDArray[np.int64],
    multiplier: NDArray[np.int64],
    bias: NDArray[np.int64],
    shift: NDArray[np.int64],
    channel_shift: NDArray[np.int64],
    mode: int,
    bounds: tuple[int, int, int],
    out: NDArray[np.int16],
) -> None:
    """Write to out [N] the outputs of accumulators [N J].

    multiplier is [N J]; bias, shift and channel_shift are [N]; bounds = (zero_point, low, high).
    """
    zero_point, low, high = bounds
    for i in range(len(out)):
        out[i] = requantize(
            acc[i], multiplier[i], bias[i], mode, shift[i], channel_shift[i], zero_point, low, high
        )


def exact(
    acc: tuple[int, ...],
    multiplier: tuple[int, ...],
    bias: int,
    shift: int,
    channel_shift: int,
    zero_point: int,
) -> Fraction:
    """Return the output before rounding and clamping."""
    total = bias + sum(m * a for m, a in zip(multiplier, acc, strict=True))
    return Fraction(total, 1 << (shift + channel_shift)) + zero_point


INT8, UINT8 = (-128, 127), (0, 255)


def _terms(rng: random.Random, count: int, terms: int) -> tuple[list[int], list[int]]:
    """Return accumulators and multipliers with a sum of products below 2^62."""
    while True:
        acc = [between(rng, -(1 << 31), (1 << 31) - 1) for _ in range(count)]
        lowest = 1 << 30 if chance(rng, 60) else 0  # normalized, or any
        multiplier = [between(rng, lowest, (1 << 31) - 1) for _ in range(count)]
        for j in range(terms, count):
            multiplier[j] = 0
        if abs(sum(m * a for m, a in zip(multiplier, acc, strict=True))) < TOTAL_LIMIT:
            return acc, multiplier


def _bounds(rng: random.Random) -> dict[str, int]:
    """Return a zero point and an output range: the type's, an activation's, or a single value."""
    least, most = rng.choice((INT8, UINT8))
    zero_point = rng.choice((least, most, 0, rng.randint(least, most)))
    low = rng.choice((least, least, zero_point, rng.randint(least, most)))
    high = rng.choice((most, most, rng.randint(low, most)))
    return {"zero_point": zero_point, "low": low, "high": high}


def _vector(rng: random.Random, count: int, terms: int, mode: int, shift: int) -> Values:
    """Return inputs of `terms` terms, the others 0, whose sum is of interest to `shift`."""
    acc, multiplier = _terms(rng, count, terms)
    products = sum(m * a for m, a in zip(multiplier, acc, strict=True))
    total = interesting_total(rng, shift, TOTAL_LIMIT)
    # A bias that brings the sum there where one exists; else the sum that the products make.
    bias = clamp(total - products, 1 - TOTAL_LIMIT, TOTAL_LIMIT - 1)
    if abs(products + bias) >= TOTAL_LIMIT:
        bias = 0
    channel_shift = rng.choice((0, rng.randint(0, 15), 15))
    channel_shift = min(channel_shift, shift)
    return {
        "acc": tuple(acc),
        "multiplier": tuple(multiplier),
        "bias": bias,
        "mode": mode,
        "shift": shift - channel_shift,
        "channel_shift": channel_shift,
        **_bounds(rng),
    }


def directed(max_terms: int) -> Iterator[Values]:
    """Yield every mode at every shift, and the row about which implementations are argued over.

    585 * 1527099593 * 2^-37 is 6.5000005; see docs/numerics.md.
    """
    rng = random.Random(585)
    for mode in range(len(ROUNDINGS)):
        yield {
            "acc": (585,) + (0,) * (max_terms - 1),
            "multiplier": (1527099593,) + (0,) * (max_terms - 1),
            "bias": 0,
            "mode": mode,
            "shift": 37,
            "channel_shift": 0,
            "zero_point": 0,
            "low": -128,
            "high": 127,
        }
        for shift in range(MAX_SHIFT + 1):
            for terms in range(1, max_terms + 1):
                yield _vector(rng, max_terms, terms, mode, shift)
    for acc in (-(1 << 31), (1 << 31) - 1):
        for multiplier in (0, 1, 1 << 30, (1 << 31) - 1):
            for bias in (1 - TOTAL_LIMIT, -1, 0, TOTAL_LIMIT - 1):
                if abs(acc * multiplier + bias) < TOTAL_LIMIT:
                    yield {
                        "acc": (acc,) * max_terms,
                        "multiplier": (0,) * (max_terms - 1) + (multiplier,),
                        "bias": bias,
                        "mode": HALF_UP,
                        "shift": 54,
                        "channel_shift": 1,
                        "zero_point": -128,
                        "low": -128,
                        "high": 127,
                    }


def vectors(rng: random.Random, count: int, max_terms: int) -> Iterator[Values]:
    """Yield `count` epilogues of any number of terms, mode, shift and output range."""
    for _ in range(count):
        terms, mode = rng.randint(1, max_terms), rng.randrange(len(ROUNDINGS))
        shift = rng.randint(28, 48) if chance(rng, 50) else rng.randint(0, MAX_SHIFT)
        yield _vector(rng, max_terms, terms, mode, shift)


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: modes, counts of terms, clamps, ties, shared shifts."""

    def tie(inputs: Values) -> bool:
        i: Any = inputs
        shift = i["shift"] + i["channel_shift"]
        total = i["bias"] + sum(m * a for m, a in zip(i["multiplier"], i["acc"], strict=True))
        return shift > 0 and total % (1 << shift) == 1 << (shift - 1)

    def used(inputs: Values) -> int:
        multiplier: Any = inputs["multiplier"]
        return sum(m != 0 for m in multiplier)

    points: dict[str, Any] = {
        f"{name}, tie": lambda i, o, m=mode: i["mode"] == m and tie(i)
        for mode, name in enumerate(ROUNDINGS)
    }
    for terms in range(parameters["MAX_TERMS"] + 1):
        points[f"{terms} terms"] = lambda i, o, t=terms: used(i) == t
    points["clamps at low"] = lambda i, o: o["y"] == i["low"] < i["high"]
    points["clamps at high"] = lambda i, o: o["y"] == i["high"] > i["low"]
    points["inside"] = lambda i, o: i["low"] < o["y"] < i["high"]
    points["uint8 above 127"] = lambda i, o: o["y"] > 127
    points["shift 0"] = lambda i, o: i["shift"] + i["channel_shift"] == 0
    points["shift 62"] = lambda i, o: i["shift"] + i["channel_shift"] == MAX_SHIFT
    return points


UNIT = Unit(
    name="requantize",
    ports=(
        Port("acc", "in", ACC_BITS, signed=True, lanes=lambda p: p["MAX_TERMS"],
             meaning="accumulator of each term"),
        Port("multiplier", "in", 31, lanes=lambda p: p["MAX_TERMS"],
             meaning="multiplier of each term, 0 where not used"),
        Port("bias", "in", 63, signed=True, legal=(1 - TOTAL_LIMIT, TOTAL_LIMIT - 1),
             meaning="bias in units of the product sum"),
        Port("mode", "in", 3, legal=(0, len(ROUNDINGS) - 1), meaning="rounding mode"),
        Port("shift", "in", 6, legal=(0, MAX_SHIFT), meaning="shift of the layer or channel"),
        Port("channel_shift", "in", 4, meaning="n_c of wes, 0 elsewhere"),
        Port("zero_point", "in", 9, signed=True, legal=(-128, 255), meaning="of the output"),
        Port("low", "in", 9, signed=True, legal=(-128, 255), meaning="least output"),
        Port("high", "in", 9, signed=True, legal=(-128, 255), meaning="greatest output"),
        Port("y", "out", 9, signed=True, meaning="output, int8 or uint8"),
    ),
    latency_cycles=6,
    scalar=requantize,
    parameters={"MAX_TERMS": 4},
    variants=({"MAX_TERMS": 1}, {"MAX_TERMS": 2}, {"MAX_TERMS": 3}),
    vectors=vectors,
    directed=directed,
    bins=bins,
    exact=exact,
)  # fmt: skip
