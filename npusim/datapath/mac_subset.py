"""mac_subset: {sign, selA, selB} weight x s9 operand -> s32 accumulator, exact, wrapping.

    pa = selA: (xe << 4, xe << 3, xe << 1, 0)
    pb = selB: (xe << 4, xe << 2, xe,      0)
    acc_o = acc_i + (sign ? -(pa + pb) : pa + pb)

Two 4-to-1 multiplexers of wires and one adder stand where a multiplier would: a magnitude is the
sum of a word of {16, 8, 2, 0} and a word of {16, 4, 1, 0}. Only left shifts, so nothing is lost.

| quantity | width | why it fits                                                   |
|----------|-------|---------------------------------------------------------------|
| weight   | u5    | {sign, selA, selB}, decoded once at the array's edge          |
| xe       | s9    | activation minus zero point, -255..255                        |
| pa, pb   | s13   | 16 * 255 < 2^12                                               |
| pa + pb  | s14   | 32 * 255 < 2^13                                               |
| acc      | s32   | the compiler proves K * 32 * max|xe| + |b| < 2^31; it wraps   |

Cycles: 1 product per cycle, latency 1.
RTL: rtl/npu_mac_subset.v
Source: Oh et al. 2022, section 3 and figure 3. A zero weight exists only where the layer's subset
holds 0, so lanes beyond a tile are masked to xe = 0.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Bins, Parameters, Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import ACC_BITS, XE_BOUNDS, acc_near_wrap, wrap_acc
from npusim.datapath.stimulus import between


@scalar
def shifted_word_a(select: int, xe: int) -> int:
    """Return `xe` times the word that selA selects."""
    if select == 0:
        return xe << 4
    if select == 1:
        return xe << 3
    return xe << 1 if select == 2 else 0


@scalar
def shifted_word_b(select: int, xe: int) -> int:
    """Return `xe` times the word that selB selects."""
    if select == 0:
        return xe << 4
    if select == 1:
        return xe << 2
    return xe if select == 2 else 0


@scalar
def product_subset(weight: int, xe: int) -> int:
    """Return weight * xe for the wires {sign, selA, selB}."""
    magnitude = shifted_word_a((weight >> 2) & 3, xe) + shifted_word_b(weight & 3, xe)
    return -magnitude if weight >> 4 else magnitude


@scalar
def mac_subset(weight: int, xe: int, acc: int) -> int:
    """Return the accumulator after one more product."""
    return wrap_acc(acc + product_subset(weight, xe))


@kernel
def dot_subset(weights: NDArray[np.int16], operands: NDArray[np.int16], acc: int) -> int:
    """Return `acc` plus the dot product of weight wires [K] and operands [K]."""
    for k in range(len(weights)):
        acc = mac_subset(weights[k], operands[k], acc)
    return acc


def directed() -> Iterator[Values]:
    """Yield the whole space: 32 weights against 511 operands."""
    for weight in range(32):
        for xe in range(XE_BOUNDS[0], XE_BOUNDS[1] + 1):
            yield {"weight": weight, "xe": xe, "acc": 0}


def vectors(rng: random.Random, count: int) -> Iterator[Values]:
    """Yield `count` products, a fifth of them next to the accumulator's wrap."""
    for _ in range(count):
        weight, xe = rng.getrandbits(5), between(rng, *XE_BOUNDS)
        yield {"weight": weight, "xe": xe, "acc": acc_near_wrap(rng, product_subset(weight, xe))}


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: every weight with every sign of the operand, both wraps."""
    points: dict[str, Any] = {
        f"weight wires {weight:05b}, xe {name}": (
            lambda i, o, w=weight, s=sign: i["weight"] == w and (i["xe"] > 0) - (i["xe"] < 0) == s
        )
        for weight in range(32)
        for name, sign in (("< 0", -1), ("= 0", 0), ("> 0", 1))
    }
    points["greatest product"] = lambda i, o: i["weight"] == 0 and i["xe"] == 255
    points["least product"] = lambda i, o: i["weight"] == 16 and i["xe"] == 255
    points["wraps upwards"] = lambda i, o: o["acc"] < i["acc"] - (1 << 31)
    points["wraps downwards"] = lambda i, o: o["acc"] > i["acc"] + (1 << 31)
    return points


UNIT = Unit(
    name="mac_subset",
    ports=(
        Port("weight", "in", 5, meaning="{sign, selA, selB}"),
        Port("xe", "in", 9, signed=True, legal=XE_BOUNDS, meaning="activation minus zero point"),
        Port("acc", "in", ACC_BITS, signed=True, meaning="accumulator before"),
        Port("acc", "out", ACC_BITS, signed=True, meaning="accumulator after"),
    ),
    latency_cycles=1,
    scalar=mac_subset,
    vectors=vectors,
    directed=directed,
    bins=bins,
)
