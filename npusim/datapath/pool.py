"""pool: one tap x accumulator -> accumulator, window maximum, minimum or sum, exact, wrapping.

    acc_o = first ? x : maximum ? max(acc_i, x) : minimum ? min(acc_i, x) : acc_i + x

A maximum is clamped, a sum is divided, by requantize: the mean of n taps is the epilogue with
(multiplier, shift) = average_constants(n) and mode half_away, which is TFLite's AVERAGE_POOL bit
for bit (C's truncating division of sum +- n/2). Taps outside the image are not presented.

| quantity | width | why it fits                                                              |
|----------|-------|--------------------------------------------------------------------------|
| x        | s9    | an int8 or uint8 value, or one minus its zero point                      |
| acc      | s32   | 2^23 taps of 255; the compiler refuses larger windows; a sum wraps       |

Cycles: 1 tap per cycle and lane, latency 1.
RTL: rtl/npu_pool.v
Source: TFLite reference kernels, pooling.h (MaxPool, AveragePool).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import ACC_BITS, wrap_acc
from npusim.datapath.stimulus import between, chance
from npusim.errors import RangeError

X_BOUNDS = (-256, 255)
MOST_TAPS = 1 << 20
"""Largest window whose mean is exact with a 31-bit multiplier: below 2^21, see there."""


@scalar
def pool(x: int, acc: int, first: int, maximum: int, minimum: int) -> int:
    """Return the accumulator after one more tap."""
    if first:
        return x
    if maximum:
        return max(acc, x)
    if minimum:
        return min(acc, x)
    return wrap_acc(acc + x)


@kernel
def pool_taps(taps: NDArray[np.int16], maximum: int, minimum: int) -> int:
    """Return the maximum, the minimum or the sum of taps [N], N >= 1."""
    acc = 0
    for i in range(len(taps)):
        acc = pool(taps[i], acc, i == 0, maximum, minimum)
    return acc


def average_constants(taps: int) -> tuple[int, int]:
    """Return (multiplier, shift): sum * multiplier * 2^-shift, half_away, is the mean of `taps`.

    multiplier = ceil(2^shift / taps) is too large by less than 1, so that |sum| <= 256 taps moves
    the quotient away from zero by less than 256 taps * 2^-shift. That is below 1 / (2 taps), the
    least distance to a tie from below, and a tie itself is rounded away from zero in any case.

    Raises
    ------
    RangeError
        Where the window has no tap or more than MOST_TAPS.
    """
    if not 1 <= taps <= MOST_TAPS:
        raise RangeError(f"average pool: expected windows of 1..{MOST_TAPS} taps, found {taps}")
    shift = 30 + (taps - 1).bit_length()
    return -(-(1 << shift) // taps), shift


def directed() -> Iterator[Values]:
    """Yield every pair of corner taps in every mode."""
    corners = (-256, -255, -128, -1, 0, 1, 127, 255)
    for x in corners:
        for acc in (*corners, -(1 << 31), (1 << 31) - 1):
            for first in (0, 1):
                for kind in range(4):
                    yield {
                        "x": x, "acc": acc, "first": first, "maximum": kind & 1,
                        "minimum": kind >> 1,
                    }  # fmt: skip


def vectors(rng: random.Random, count: int) -> Iterator[Values]:
    """Yield `count` taps: maxima, minima of 9-bit values, sums of any size; an eighth is first."""
    for _ in range(count):
        maximum, minimum = rng.choice(((0, 0), (1, 0), (0, 1)))
        x = between(rng, *X_BOUNDS)
        near = x + rng.randint(-2, 2) if chance(rng, 30) else between(rng, *X_BOUNDS)
        yield {
            "x": x,
            "acc": near if maximum or minimum else between(rng, -(1 << 31), (1 << 31) - 1),
            "first": int(chance(rng, 12)),
            "maximum": maximum,
            "minimum": minimum,
        }


_BINS: dict[str, Any] = {
    "first tap of a maximum below the old one": (
        lambda i, o: i["first"] and i["maximum"] and i["x"] < i["acc"]
    ),
    "first tap of a sum": lambda i, o: i["first"] and not (i["maximum"] or i["minimum"]),
    "minimum replaced": lambda i, o: (
        not i["first"] and not i["maximum"] and i["minimum"] and i["x"] < i["acc"]
    ),
    "minimum kept": lambda i, o: (
        not i["first"] and not i["maximum"] and i["minimum"] and i["x"] > i["acc"]
    ),
    "maximum replaced": lambda i, o: not i["first"] and i["maximum"] and i["x"] > i["acc"],
    "maximum kept": lambda i, o: not i["first"] and i["maximum"] and i["x"] < i["acc"],
    "maximum equal": lambda i, o: not i["first"] and i["maximum"] and i["x"] == i["acc"],
    "maximum across zero": lambda i, o: i["maximum"] and not i["first"] and i["acc"] < 0 < i["x"],
    "sum": lambda i, o: not (i["first"] or i["maximum"] or i["minimum"]) and i["x"] != 0,
}

UNIT = Unit(
    name="pool",
    ports=(
        Port("x", "in", 9, signed=True, legal=X_BOUNDS, meaning="tap"),
        Port("acc", "in", ACC_BITS, signed=True, meaning="what the taps before gave"),
        Port("first", "in", 1, meaning="1: first tap of the window"),
        Port("maximum", "in", 1, meaning="1: maximum"),
        Port("minimum", "in", 1, meaning="1: minimum, where it is no maximum; else sum"),
        Port("acc", "out", ACC_BITS, signed=True, meaning="maximum, minimum or sum with this tap"),
    ),
    latency_cycles=1,
    scalar=pool,
    vectors=vectors,
    directed=directed,
    bins=_BINS,
)
