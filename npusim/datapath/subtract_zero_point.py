"""subtract_zero_point: 8-bit activation -> s9 operand xe, exact, no overflow.

    value = unsigned_type ? x as uint8 : x as int8
    xe    = keep ? value - zero_point : 0

| quantity   | width | why it fits                                                            |
|------------|-------|------------------------------------------------------------------------|
| x          | u8    | the byte as it lies in memory                                          |
| zero_point | s9    | of x's own type: -128..127 or 0..255                                   |
| xe         | s9    | both are of one type, so the difference is -255..255; with a zero      |
|            |       | point of no byte of the type it wraps, in Python as in silicon         |

`keep` = 0 is the mask of padding and of lanes beyond the tile: most subsets have no zero weight, so
a lane that must not count needs a zero operand.

Cycles: 1 operand per cycle and lane, latency 1. Subtracted once, at the array's edge.
RTL: rtl/npu_subtract_zero_point.v
Source: Jacob et al. 2018, section 2.3, without distributing the product over the zero point.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.stimulus import chance

XE_SIGN = 1 << 8
"""The sign bit of an operand."""


@scalar
def byte_value(x: int, unsigned_type: int) -> int:
    """Return what the byte `x` (0..255) stands for as uint8 or as int8."""
    return x if unsigned_type else (x ^ 128) - 128


@scalar
def subtract_zero_point(x: int, zero_point: int, unsigned_type: int, keep: int) -> int:
    """Return the operand of the byte `x`, 0 where it is masked."""
    if not keep:
        return 0
    return ((byte_value(x, unsigned_type) - zero_point + XE_SIGN) & (2 * XE_SIGN - 1)) - XE_SIGN


@kernel
def operands(
    x: NDArray[np.int16], zero_point: int, unsigned_type: int, xe: NDArray[np.int16]
) -> None:
    """Write the operands of the bytes x [N] to xe [N]."""
    for i in range(len(x)):
        xe[i] = subtract_zero_point(x[i], zero_point, unsigned_type, 1)


def _zero_point_bounds(unsigned_type: int) -> tuple[int, int]:
    return (0, 255) if unsigned_type else (-128, 127)


def directed() -> Iterator[Values]:
    """Yield every byte of both types at the zero points that bound the operand, kept and masked."""
    for unsigned_type in (0, 1):
        least, most = _zero_point_bounds(unsigned_type)
        for x in range(256):
            for zero_point in (least, least + 1, 0, most - 1, most):
                for keep in (0, 1):
                    yield {
                        "x": x,
                        "zero_point": zero_point,
                        "unsigned_type": unsigned_type,
                        "keep": keep,
                    }


def vectors(rng: random.Random, count: int) -> Iterator[Values]:
    """Yield `count` bytes with zero points of their type; an eighth is masked."""
    for _ in range(count):
        unsigned_type = rng.getrandbits(1)
        yield {
            "x": rng.getrandbits(8),
            "zero_point": rng.randint(*_zero_point_bounds(unsigned_type)),
            "unsigned_type": unsigned_type,
            "keep": int(chance(rng, 88)),
        }


_BINS: dict[str, Any] = {
    "least operand": lambda i, o: o["xe"] == -255,
    "greatest operand": lambda i, o: o["xe"] == 255,
    "masked": lambda i, o: not i["keep"] and i["x"] != i["zero_point"],
    "int8 below zero": lambda i, o: not i["unsigned_type"] and i["x"] > 127 and i["keep"],
    "uint8 above 127": lambda i, o: i["unsigned_type"] and i["x"] > 127 and i["keep"],
    "zero point": lambda i, o: i["keep"] and o["xe"] == 0,
}

UNIT = Unit(
    name="subtract_zero_point",
    ports=(
        Port("x", "in", 8, meaning="activation, the byte in memory"),
        Port("zero_point", "in", 9, signed=True, legal=(-128, 255), meaning="of the input"),
        Port("unsigned_type", "in", 1, meaning="1: x is uint8, 0: int8"),
        Port("keep", "in", 1, meaning="0: padding or a lane beyond the tile"),
        Port("xe", "out", 9, signed=True, legal=(-255, 255), meaning="operand of the array"),
    ),
    latency_cycles=1,
    scalar=subtract_zero_point,
    vectors=vectors,
    directed=directed,
    bins=_BINS,
)
