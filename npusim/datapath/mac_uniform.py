"""mac_uniform: s8 or s4 weight x s9 operand -> s32 accumulator, exact, wrapping.

    acc_o = acc_i + weight * xe

| quantity      | width           | why it fits                                               |
|---------------|-----------------|-----------------------------------------------------------|
| weight        | s(WEIGHT_BITS)  | two's complement, narrower codes sign-extended            |
| xe            | s9              | activation minus zero point, -255..255                    |
| weight * xe   | s(WEIGHT_BITS+8)| 2^(WEIGHT_BITS-1) * 255 < 2^(WEIGHT_BITS+7)               |
| acc           | s32             | the compiler proves K * max|w| * max|xe| + |b| < 2^31;    |
|               |                 | beyond that it wraps, in Python as in silicon             |

Cycles: 1 product per cycle, latency 1.
RTL: rtl/npu_mac_uniform.v
Source: the common integer MAC (Jacob et al. 2018, section 2.3). uniform, wes and multipoint weights
run on it; its neighbours are mac_subset (no multiplier) and mac_piecewise_linear (two regions).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.contract import Bins, Bounds, Parameters, Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.stimulus import between, chance

XE_BOUNDS = (-255, 255)
"""Least and greatest operand: any 8-bit activation minus any 8-bit zero point of the same type."""

ACC_BITS = 32


@scalar
def wrap_acc(value: int) -> int:
    """Return `value` as the 32-bit two's complement accumulator holds it."""
    return ((value + (1 << 31)) & ((1 << 32) - 1)) - (1 << 31)


@scalar
def mac_uniform(weight: int, xe: int, acc: int) -> int:
    """Return the accumulator after one more product."""
    return wrap_acc(acc + weight * xe)


@kernel
def dot_uniform(weights: NDArray[np.int16], operands: NDArray[np.int16], acc: int) -> int:
    """Return `acc` plus the dot product of weights [K] and operands [K]."""
    for k in range(len(weights)):
        acc = mac_uniform(weights[k], operands[k], acc)
    return acc


def acc_near_wrap(rng: random.Random, product: int) -> int:
    """Return an accumulator: any, or one that `product` takes to, or just over, an end of int32."""
    low, high = -(1 << 31), (1 << 31) - 1
    if chance(rng, 20):
        return min(max(rng.choice((low, high)) - product + rng.randint(-2, 2), low), high)
    return between(rng, low, high)


def directed(weight_bits: int) -> Iterator[Values]:
    """Yield every weight against the corner operands, and every operand against corner weights."""
    half = 1 << (weight_bits - 1)
    for weight in range(-half, half):
        for xe in (-255, -128, -1, 0, 1, 127, 128, 255):
            yield {"weight": weight, "xe": xe, "acc": 0}
    for xe in range(XE_BOUNDS[0], XE_BOUNDS[1] + 1):
        for weight in (-half, -half + 1, -1, 0, 1, half - 1):
            yield {"weight": weight, "xe": xe, "acc": -xe}


def vectors(rng: random.Random, count: int, weight_bits: int) -> Iterator[Values]:
    """Yield `count` products, a fifth of them next to the accumulator's wrap."""
    half = 1 << (weight_bits - 1)
    for _ in range(count):
        weight, xe = between(rng, -half, half - 1), between(rng, *XE_BOUNDS)
        yield {"weight": weight, "xe": xe, "acc": acc_near_wrap(rng, weight * xe)}


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: the four sign pairs, both wraps, the greatest product."""
    half = 1 << (parameters["WEIGHT_BITS"] - 1)
    return {
        "weight < 0, xe < 0": lambda i, o: i["weight"] < 0 and i["xe"] < 0,
        "weight < 0, xe > 0": lambda i, o: i["weight"] < 0 and i["xe"] > 0,
        "weight > 0, xe < 0": lambda i, o: i["weight"] > 0 and i["xe"] < 0,
        "weight > 0, xe > 0": lambda i, o: i["weight"] > 0 and i["xe"] > 0,
        "greatest product": lambda i, o: i["weight"] == -half and i["xe"] == -255,
        "least product": lambda i, o: i["weight"] == -half and i["xe"] == 255,
        "wraps upwards": lambda i, o: i["acc"] > 0 and o["acc"] < i["acc"] - (1 << 31),
        "wraps downwards": lambda i, o: i["acc"] < 0 and o["acc"] > i["acc"] + (1 << 31),
    }


def ruled_out(parameters: Parameters, bounds: Bounds) -> set[str]:
    """Return the points of `bins` that narrower or fixed ports cannot reach."""
    (weight, _), (least, most) = bounds["weight"], bounds["xe"]
    points: set[str] = set()
    if weight > -(1 << (parameters["WEIGHT_BITS"] - 1)):
        points.update(("greatest product", "least product"))
    if least > XE_BOUNDS[0]:
        points.add("greatest product")
    if most < XE_BOUNDS[1]:
        points.add("least product")
    whole = -(1 << (ACC_BITS - 1)), (1 << (ACC_BITS - 1)) - 1
    if bounds["acc"] != whole or bounds["acc_o"] != whole:
        points.update(("wraps upwards", "wraps downwards"))
    return points


UNIT = Unit(
    name="mac_uniform",
    ports=(
        Port("weight", "in", lambda p: p["WEIGHT_BITS"], signed=True, meaning="weight"),
        Port("xe", "in", 9, signed=True, legal=XE_BOUNDS, meaning="activation minus zero point"),
        Port("acc", "in", ACC_BITS, signed=True, meaning="accumulator before"),
        Port("acc", "out", ACC_BITS, signed=True, meaning="accumulator after"),
    ),
    latency_cycles=1,
    scalar=mac_uniform,
    parameters={"WEIGHT_BITS": 8},
    variants=({"WEIGHT_BITS": 4}, {"WEIGHT_BITS": 2}),
    vectors=vectors,
    directed=directed,
    bins=bins,
    ruled_out=ruled_out,
)
