"""requantize: J x s32 accumulators -> int8 or uint8, one rounding by mode, saturating.

    T = bias + sum_j multiplier_j * acc_j
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

Cycles: MAX_TERMS terms per cycle and lane, latency 8. A result of more terms takes them in the
cycles that follow, with first_i = 0, and stands 8 cycles after the last: the machine brings one
term a cycle.
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

from npusim.datapath.contract import Bins, Bounds, Parameters, Port, Unit, Values
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


def _terms(
    rng: random.Random, count: int, terms: int, bounds: Bounds
) -> tuple[list[int], list[int]]:
    """Return accumulators and multipliers with a sum of products below 2^62."""
    least, most = bounds["multiplier"]
    while True:
        acc = [between(rng, *bounds["acc"]) for _ in range(count)]
        lowest = 1 << 30 if chance(rng, 60) else 0  # normalized, or any
        multiplier = [between(rng, clamp(lowest, least, most), most) for _ in range(count)]
        for j in range(terms, count):
            multiplier[j] = least
        if abs(sum(m * a for m, a in zip(multiplier, acc, strict=True))) < TOTAL_LIMIT:
            return acc, multiplier


def _output_range(rng: random.Random, bounds: Bounds) -> dict[str, int]:
    """Return a zero point and an output range: the type's, an activation's, or a single value."""
    ends = max(bounds["low"][0], bounds["y_o"][0]), min(bounds["high"][1], bounds["y_o"][1])
    types = [own for own in (INT8, UINT8) if ends[0] <= own[0] and own[1] <= ends[1]]
    least, most = rng.choice(types or [ends])
    zero_point = clamp(
        rng.choice((least, most, 0, rng.randint(least, most))), *bounds["zero_point"]
    )
    low = clamp(rng.choice((least, least, zero_point, rng.randint(least, most))), *bounds["low"])
    high = clamp(rng.choice((most, most, rng.randint(min(low, most), most))), *bounds["high"])
    return {"zero_point": zero_point, "low": low, "high": high}


def _near(
    rng: random.Random, total: int, acc: list[int], multiplier: list[int], bounds: Bounds
) -> int:
    """Return a bias that brings the sum of products and bias to `total` or near it.

    Where the bias alone cannot (its port is narrow, or is not there), the accumulator with the
    greatest multiplier is changed, and half of the multipliers are made powers of two: a tie is
    then a sum that an accumulator can reach.
    """

    def products() -> int:
        return sum(m * a for m, a in zip(multiplier, acc, strict=True))

    least, most = bounds["bias"]
    bias = clamp(total - products(), least, most)
    if products() + bias == total or most - least >= TOTAL_LIMIT:
        return bias
    j = max(range(len(multiplier)), key=multiplier.__getitem__)
    power = 1 << multiplier[j].bit_length() - 1 if multiplier[j] else 0
    if chance(rng, 50) and power >= bounds["multiplier"][0]:
        multiplier[j] = power
    if multiplier[j]:
        wanted = acc[j] + (total - bias - products()) // multiplier[j]
        acc[j] = clamp(wanted, *bounds["acc"])
    return clamp(total - products(), least, most)


def _vector(
    rng: random.Random, count: int, terms: int, mode: int, shift: int, bounds: Bounds
) -> Values:
    """Return inputs of `terms` terms, the others 0, whose sum is of interest to `shift`."""
    acc, multiplier = _terms(rng, count, terms, bounds)
    bias = _near(rng, interesting_total(rng, shift, TOTAL_LIMIT), acc, multiplier, bounds)
    if abs(sum(m * a for m, a in zip(multiplier, acc, strict=True)) + bias) >= TOTAL_LIMIT:
        bias = clamp(0, *bounds["bias"])
    channel_shift = rng.choice((0, rng.randint(0, 15), 15))
    (least, most), own = bounds["shift"], bounds["channel_shift"]
    channel_shift = clamp(channel_shift, max(own[0], shift - most), min(own[1], shift - least))
    return {
        "acc": tuple(acc),
        "multiplier": tuple(multiplier),
        "bias": bias,
        "mode": mode,
        "shift": shift - channel_shift,
        "channel_shift": channel_shift,
        **_output_range(rng, bounds),
    }


def _whole_shifts(bounds: Bounds) -> tuple[int, int]:
    """Return the least and the greatest shift, that of the channel included."""
    least, most = (bounds["shift"][i] + bounds["channel_shift"][i] for i in range(2))
    return min(least, MAX_SHIFT), min(most, MAX_SHIFT)


def directed(max_terms: int, bounds: Bounds) -> Iterator[Values]:
    """Yield every mode at every shift, and the row about which implementations are argued over.

    585 * 1527099593 * 2^-37 is 6.5000005; see docs/numerics.md.
    """
    rng = random.Random(585)
    least, most = _whole_shifts(bounds)
    for mode in range(bounds["mode"][0], bounds["mode"][1] + 1):
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
        for shift in range(least, most + 1):
            for terms in range(1, max_terms + 1):
                yield _vector(rng, max_terms, terms, mode, shift, bounds)
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


def vectors(rng: random.Random, count: int, max_terms: int, bounds: Bounds) -> Iterator[Values]:
    """Yield `count` epilogues of any number of terms, mode, shift and output range."""
    least, most = _whole_shifts(bounds)
    usual = clamp(28, least, most), clamp(48, least, most)
    for _ in range(count):
        terms, mode = rng.randint(1, max_terms), rng.randint(*bounds["mode"])
        shift = rng.randint(*usual) if chance(rng, 50) else rng.randint(least, most)
        yield _vector(rng, max_terms, terms, mode, shift, bounds)


def promised(
    acc: tuple[int, ...], multiplier: tuple[int, ...], bias: int, shift: int, channel_shift: int,
    low: int, high: int,
) -> bool:  # fmt: skip
    """Return whether the product sum, the whole shift and the output range are legal."""
    total = bias + sum(m * a for m, a in zip(multiplier, acc, strict=True))
    return abs(total) < TOTAL_LIMIT and shift + channel_shift <= MAX_SHIFT and low <= high


def ruled_out(parameters: Parameters, bounds: Bounds) -> set[str]:
    """Return the points of `bins` that narrower or fixed ports cannot reach."""
    least, most = _whole_shifts(bounds)
    modes = range(bounds["mode"][0], bounds["mode"][1] + 1) if most else ()
    points = {f"{name}, tie" for mode, name in enumerate(ROUNDINGS) if mode not in modes}
    if least > 0:
        points.add("shift 0")
    if most < MAX_SHIFT:
        points.add("shift 62")
    if min(bounds["high"][1], bounds["y_o"][1]) <= INT8[1]:
        points.add("uint8 above 127")
    terms = parameters["MAX_TERMS"]
    if bounds["multiplier"][0] > 0:
        points.update(f"{used} terms" for used in range(terms))
    if bounds["multiplier"][1] == 0:
        points.update(f"{used} terms" for used in range(1, terms + 1))
    return points


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
    latency_cycles=8,
    scalar=requantize,
    parameters={"MAX_TERMS": 1},
    variants=({"MAX_TERMS": 2}, {"MAX_TERMS": 3}, {"MAX_TERMS": 4}),
    ties={"first_i": 1},
    vectors=vectors,
    directed=directed,
    promised=promised,
    bins=bins,
    ruled_out=ruled_out,
    exact=exact,
)  # fmt: skip
