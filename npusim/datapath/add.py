"""add: two s9 operands -> s30 sum or difference at a common scale, or product; rounded by mode.

    acc_o =  round_shift(mode, (xe_a * (multiply ? xe_b : multiplier_a)) << 20, shift_a)
          +- round_shift(mode, (xe_b * multiplier_b) << 20, shift_b)          -: subtract

Two of the three roundings of TFLite's ADD and SUB; the third is requantize with one term (acc_o
with the output's multiplier and shift) and the same mode. Under the other rules an addition is one
epilogue of two terms, which is requantize alone.

A product of the operands takes the multiplier of a, whose other input becomes xe_b: shift_a = 20
takes back the 20 bits, which is exact under every mode, and multiplier_b = 0 leaves nothing of b.
Its one rounding is requantize's.

| quantity       | width | why it fits                                                          |
|----------------|-------|----------------------------------------------------------------------|
| xe_a, xe_b     | s9    | activation minus its zero point, -255..255                           |
| multiplier     | u31   | normalized to [2^30, 2^31)                                           |
| shift          | u6    | 31..62: the multiplier's value is at most 1, as TFLite takes it      |
|                |       | relative to twice the larger input scale; 20 where a is multiplied   |
| product        | s40   | 255 * 2^31 < 2^39; of the operands 2^16                              |
| product << 20  | s60   | what is rounded                                                      |
| rounded        | s29   | 255 * 2^20 < 2^28; a shift below 31, which is not legal, saturates   |
| acc_o          | s30   | sum of two                                                           |

Cycles: 1 result per cycle and lane, latency 5.
RTL: rtl/npu_add.v
Source: TFLite reference kernels, add.h (AddElementwise; left shift 20), sub.h, mul.h.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import XE_BOUNDS
from npusim.datapath.round_shift import MAX_SHIFT, round_shift_saturate
from npusim.datapath.stimulus import between, chance
from npusim.words import ROUNDINGS

LEFT_SHIFT = 20
"""Bits that an operand gains before the first rounding."""

SHIFT_BOUNDS = (31, MAX_SHIFT)
ROUNDED_BITS = 29


@scalar
def scale_operand(xe: int, multiplier: int, mode: int, shift: int) -> int:
    """Return one operand at the common scale."""
    return round_shift_saturate(mode, (xe * multiplier) << LEFT_SHIFT, shift, ROUNDED_BITS)


@scalar
def add(
    xe_a: int,
    xe_b: int,
    multiplier_a: int,
    multiplier_b: int,
    mode: int,
    shift_a: int,
    shift_b: int,
    multiply: int,
    subtract: int,
) -> int:
    """Return the sum or difference of two operands at their common scale, or their product."""
    first = scale_operand(xe_a, xe_b if multiply else multiplier_a, mode, shift_a)
    second = scale_operand(xe_b, multiplier_b, mode, shift_b)
    return first - second if subtract else first + second


@kernel
def add_all(
    xe_a: NDArray[np.int16],
    xe_b: NDArray[np.int16],
    multipliers: tuple[int, int],
    mode: int,
    shifts: tuple[int, int],
    multiply: int,
    subtract: int,
    acc: NDArray[np.int64],
) -> None:
    """Write the sums, differences or products of xe_a [N] and xe_b [N] to acc [N]."""
    for i in range(len(acc)):
        acc[i] = add(
            xe_a[i], xe_b[i], multipliers[0], multipliers[1], mode, shifts[0], shifts[1],
            multiply, subtract,
        )  # fmt: skip


def exact(
    xe_a: int,
    xe_b: int,
    multiplier_a: int,
    multiplier_b: int,
    shift_a: int,
    shift_b: int,
    multiply: int,
    subtract: int,
) -> Fraction:
    """Return the sum, difference or product without rounding."""
    first = Fraction(xe_a * (xe_b if multiply else multiplier_a) << LEFT_SHIFT, 1 << shift_a)
    second = Fraction(xe_b * multiplier_b << LEFT_SHIFT, 1 << shift_b)
    return first - second if subtract else first + second


def _operand(rng: random.Random) -> tuple[int, int, int]:
    """Return (xe, multiplier, shift); a fifth is an exact tie of the last rounding."""
    if chance(rng, 20):
        # An odd number times 2^(shift-1) is a tie: factors of 2 come from xe, 2^20 and multiplier.
        zeros = rng.randint(0, 30)
        odd = rng.randrange((1 << (30 - zeros)) | 1, 1 << (31 - zeros), 2)
        xe_zeros = rng.randint(max(0, 10 - zeros), 7) if zeros > 2 else 7
        xe = (1 if xe_zeros == 7 else rng.choice((1, 3))) << min(xe_zeros, 6)
        shift = (xe & -xe).bit_length() + zeros + LEFT_SHIFT
        return rng.choice((-xe, xe)), odd << zeros, max(shift, SHIFT_BOUNDS[0])
    shift = rng.randint(31, 40) if chance(rng, 70) else rng.randint(*SHIFT_BOUNDS)
    return between(rng, *XE_BOUNDS), between(rng, 1 << 30, (1 << 31) - 1), shift


def vectors(rng: random.Random, count: int) -> Iterator[Values]:
    """Yield `count` pairs of operands, each with its own multiplier and shift; a fifth products.

    Half of the products are as a compiler writes them.
    """
    for _ in range(count):
        xe_a, multiplier_a, shift_a = _operand(rng)
        xe_b, multiplier_b, shift_b = _operand(rng)
        multiply = int(chance(rng, 20))
        if multiply and chance(rng, 50):
            shift_a, multiplier_b = LEFT_SHIFT, 0
        yield {
            "xe_a": xe_a,
            "xe_b": xe_b,
            "multiplier_a": multiplier_a,
            "multiplier_b": multiplier_b,
            "mode": rng.randrange(len(ROUNDINGS)),
            "shift_a": shift_a,
            "shift_b": shift_b,
            "multiply": multiply,
            "subtract": rng.getrandbits(1),
        }


def _tie(inputs: Any, side: str) -> bool:
    factor = inputs["xe_b" if side == "a" and inputs["multiply"] else f"multiplier_{side}"]
    total = inputs[f"xe_{side}"] * factor << LEFT_SHIFT
    shift = inputs[f"shift_{side}"]
    return bool(total % (1 << shift) == 1 << (shift - 1))


_BINS: dict[str, Any] = {
    f"{name}, tie of {side}, operand {sign} 0": (
        lambda i, o, m=mode, d=side, s=sign == "<": (
            i["mode"] == m and _tie(i, d) and (i[f"xe_{d}"] < 0) == s
        )
    )
    for mode, name in enumerate(ROUNDINGS)
    for side in ("a", "b")
    for sign in ("<", ">")
}
_BINS["greatest sum"] = lambda i, o: o["acc"] == 2 * (255 << LEFT_SHIFT) and not i["subtract"]
_BINS["greatest difference"] = lambda i, o: o["acc"] == 2 * (255 << LEFT_SHIFT) and i["subtract"]
_BINS["greatest product"] = lambda i, o: i["multiply"] and o["acc"] == 255 * 255
_BINS["least product"] = lambda i, o: i["multiply"] and o["acc"] == -255 * 255
_BINS["operands cancel"] = lambda i, o: abs(o["acc"]) < 1 << LEFT_SHIFT and i["xe_a"] != 0


def directed() -> Iterator[Values]:
    """Yield corner operands with the greatest and the least multipliers, in every mode."""
    most = (1 << 31) - 1
    for mode in range(len(ROUNDINGS)):
        for xe_a, xe_b in itertools.product((-255, -1, 0, 1, 255), (-255, 0, 255)):
            for pair in ((most, most), (0, most), (most, 0), (1 << 30, 1 << 30)):
                for shift in (31, 32, 62):
                    yield {
                        "xe_a": xe_a,
                        "xe_b": xe_b,
                        "multiplier_a": pair[0],
                        "multiplier_b": pair[1],
                        "mode": mode,
                        "shift_a": shift,
                        "shift_b": 31,
                        "multiply": 0,
                        "subtract": int(xe_b == -255),
                    }
    for xe_a, xe_b in itertools.product((-255, -1, 0, 1, 255), (-255, 0, 255)):
        for mode in range(len(ROUNDINGS)):
            yield {
                "xe_a": xe_a,
                "xe_b": xe_b,
                "multiplier_a": most,
                "multiplier_b": 0,
                "mode": mode,
                "shift_a": LEFT_SHIFT,
                "shift_b": 31,
                "multiply": 1,
                "subtract": 0,
            }


UNIT = Unit(
    name="add",
    ports=(
        Port("xe_a", "in", 9, signed=True, legal=XE_BOUNDS, meaning="first operand"),
        Port("xe_b", "in", 9, signed=True, legal=XE_BOUNDS, meaning="second operand"),
        Port("multiplier_a", "in", 31, meaning="scale of the first, over the common scale"),
        Port("multiplier_b", "in", 31, meaning="scale of the second, over the common scale"),
        Port("mode", "in", 3, legal=(0, len(ROUNDINGS) - 1), meaning="rounding mode"),
        Port(
            "shift_a",
            "in",
            6,
            legal=(LEFT_SHIFT, MAX_SHIFT),
            meaning="shift of the first; below 31 only of a product",
        ),
        Port("shift_b", "in", 6, legal=SHIFT_BOUNDS, meaning="shift of the second"),
        Port("multiply", "in", 1, meaning="1: the second operand is the first one's multiplier"),
        Port("subtract", "in", 1, meaning="1: the second operand is taken from the first"),
        Port("acc", "out", 30, signed=True, meaning="sum at the common scale, or product"),
    ),
    latency_cycles=5,
    scalar=add,
    vectors=vectors,
    directed=directed,
    bins=_BINS,
    exact=exact,
)
