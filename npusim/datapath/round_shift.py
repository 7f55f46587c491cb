"""round_shift: s63 sum -> s(OUT_BITS), shifted right with rounding by mode, saturating.

    rounded = saturate((total + rounding_constant(mode, total, shift)) >> shift)

    floor      0
    half_up    2^(s-1)
    half_away  2^(s-1) - (total < 0)
    half_even  2^(s-1) - 1 + total[s]
    tflite     s > 31: 2^(s-1) + (total < 0 ? -2^30 : 2^30);  else 2^(s-1)
    ruy        s > 31: 2^(s-1) + 2^30;                        else 2^(s-1)

`>>` is the arithmetic shift; a shift s of 0 adds nothing.

| quantity    | width         | why it fits                                         |
|-------------|---------------|-----------------------------------------------------|
| total       | s(TOTAL_BITS) | the compiler proves |total| < 2^62                  |
| mode        | u3            | place in ROUNDINGS                                  |
| shift       | u6            | 0..62                                               |
| total + c   | s64           | 2^62 + 2^61 + 2^30 < 2^63                           |
| rounded     | s(OUT_BITS)   | saturates; the default is what requantize needs     |

Cycles: 1 result per cycle, latency 3.
RTL: rtl/npu_round_shift.v
Source: `tflite` is gemmlowp's SaturatingRoundingDoublingHighMul followed by RoundingDivideByPOT,
`ruy` the same with the last shift rounding half up; both round at bit 31 and then at s, and nesting
the two floors leaves one constant and one shift. half_even is Gemmini's rounding shift.
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
from npusim.datapath.stimulus import chance, of_any_magnitude
from npusim.words import ROUNDINGS

FLOOR, HALF_UP, HALF_AWAY, HALF_EVEN, TFLITE, RUY = range(len(ROUNDINGS))

MAX_SHIFT = 62
TOTAL_LIMIT = 1 << 62
"""Every product sum is less than this in magnitude."""


@scalar
def rounding_constant(mode: int, total: int, shift: int) -> int:
    """Return what `mode` adds to the sum `total` before the shift by `shift` bits."""
    if shift == 0 or mode == FLOOR:
        return 0
    half = 1 << (shift - 1)
    if mode == HALF_AWAY:
        return half - 1 if total < 0 else half
    if mode == HALF_EVEN:
        return half - 1 + ((total >> shift) & 1)
    if shift > 31:
        if mode == TFLITE:
            return half + (1 << 30) if total >= 0 else half - (1 << 30)
        if mode == RUY:
            return half + (1 << 30)
    return half


@scalar
def round_shift(mode: int, total: int, shift: int) -> int:
    """Return `total` * 2^-shift rounded by `mode`."""
    return (total + rounding_constant(mode, total, shift)) >> shift


@scalar
def clamp(value: int, low: int, high: int) -> int:
    """Return the nearest integer to `value` in low..high."""
    return low if value < low else (high if value > high else value)


@scalar
def round_shift_saturate(mode: int, total: int, shift: int, out_bits: int) -> int:
    """Return `total` * 2^-shift rounded by `mode`, saturated to `out_bits` bits."""
    half = 1 << (out_bits - 1)
    return clamp(round_shift(mode, total, shift), -half, half - 1)


@kernel
def round_shift_all(
    mode: int, totals: NDArray[np.int64], shift: int, rounded: NDArray[np.int64]
) -> None:
    """Write totals [N] * 2^-shift, rounded by `mode`, to rounded [N]."""
    for i in range(len(totals)):
        rounded[i] = round_shift(mode, totals[i], shift)


def interesting_total(rng: random.Random, shift: int, limit: int) -> int:
    """Return a sum below `limit` in magnitude for which `shift` matters.

    Half of them round to within +-140, a fifth are exact ties or one step (of bit 0, or of the
    first rounding's bit 30) beside one, a twentieth are extreme, and the quotient of a twentieth
    stands at or below a power of two, where one bit alone tells that it saturates.
    """
    kind = rng.randrange(100)
    if kind < 20 and shift:
        total = (2 * rng.randint(-140, 140) + 1) << (shift - 1)
        if chance(rng, 50):
            total += (
                rng.choice((-1, 1)) << rng.choice((0, 0, 30)) if shift > 31 else rng.choice((-1, 1))
            )
            total += rng.choice((-1, 0, 1))
    elif kind < 70:
        total = (rng.randint(-140, 140) << shift) + (rng.getrandbits(shift) if shift else 0)
    elif kind < 75:
        total = rng.choice((1 - limit, 2 - limit, -1, 0, 1, limit - 2, limit - 1))
    elif kind < 80:
        power = rng.choice((-1, 1)) << rng.randrange(max(limit.bit_length() - shift, 1))
        total = power - rng.getrandbits(1) << shift
    else:
        total = of_any_magnitude(rng, 1 - limit, limit - 1)
    return clamp(total, 1 - limit, limit - 1)


def directed(total_bits: int) -> Iterator[Values]:
    """Yield ties of both signs and their neighbours for every mode and shift, and powers of two."""
    limit = 1 << (total_bits - 1)
    for power in range(total_bits - 1):
        for total in (1 << power, (1 << power) - 1, -(1 << power), -(1 << power) - 1):
            if abs(total) < limit:
                yield {"total": total, "mode": 0, "shift": 0}
    for mode in range(len(ROUNDINGS)):
        for shift in range(MAX_SHIFT + 1):
            half = (1 << shift) >> 1
            for quotient in (-3, -2, -1, 0, 1, 2):
                for step in (-(1 << 30) - 1, -(1 << 30), -1, 0, 1, (1 << 30) - 1, 1 << 30):
                    total = (quotient << shift) + half + step
                    if abs(total) < limit:
                        yield {"total": total, "mode": mode, "shift": shift}


def vectors(rng: random.Random, count: int, total_bits: int) -> Iterator[Values]:
    """Yield `count` sums under any mode and shift."""
    limit = 1 << (total_bits - 1)
    for _ in range(count):
        shift = rng.randint(0, MAX_SHIFT)
        yield {
            "total": interesting_total(rng, shift, limit),
            "mode": rng.randrange(len(ROUNDINGS)),
            "shift": shift,
        }


def exact(total: int, shift: int) -> Fraction:
    """Return the unrounded quotient."""
    return Fraction(total, 1 << shift)


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: each mode on ties of both signs, each shift, each saturation."""
    half = 1 << (parameters["OUT_BITS"] - 1)

    def tie(inputs: Values) -> bool:
        i: Any = inputs
        total, shift = i["total"], i["shift"]
        return shift > 0 and total % (1 << shift) == 1 << (shift - 1)

    points: dict[str, Any] = {
        f"{name}, tie {sign} 0, shift {side} 31": (
            lambda i, o, m=mode, s=sign == "<", d=side == ">": (
                i["mode"] == m and tie(i) and (i["total"] < 0) == s and (i["shift"] > 31) == d
            )
        )
        for mode, name in enumerate(ROUNDINGS)
        for sign in ("<", ">")
        for side in ("<=", ">")
    }
    points |= {f"shift {s}": lambda i, o, s=s: i["shift"] == s for s in range(MAX_SHIFT + 1)}
    points["saturates below"] = lambda i, o: i["total"] >> i["shift"] < -half
    points["saturates above"] = lambda i, o: i["total"] >> i["shift"] >= half
    points["least value without saturation"] = lambda i, o: i["total"] >> i["shift"] == -half
    points["greatest value without saturation"] = lambda i, o: i["total"] >> i["shift"] == half - 1
    return points


UNIT = Unit(
    name="round_shift",
    ports=(
        Port(
            "total",
            "in",
            lambda p: p["TOTAL_BITS"],
            signed=True,
            legal=lambda p: (1 - (1 << (p["TOTAL_BITS"] - 1)), (1 << (p["TOTAL_BITS"] - 1)) - 1),
            meaning="sum of products and bias",
        ),
        Port("mode", "in", 3, legal=(0, len(ROUNDINGS) - 1), meaning="rounding mode"),
        Port("shift", "in", 6, legal=(0, MAX_SHIFT), meaning="whole shift"),
        Port("rounded", "out", lambda p: p["OUT_BITS"], signed=True, meaning="rounded quotient"),
    ),
    latency_cycles=3,
    scalar=round_shift_saturate,
    parameters={"TOTAL_BITS": 63, "OUT_BITS": 10},
    variants=({"TOTAL_BITS": 60, "OUT_BITS": 29}, {"TOTAL_BITS": 40, "OUT_BITS": 8}),
    vectors=vectors,
    directed=directed,
    bins=bins,
    exact=exact,
)
