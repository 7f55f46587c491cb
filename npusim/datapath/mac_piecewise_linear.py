"""mac_piecewise_linear: {sign, tail, g} weight x s9 operand -> three s32 accumulators, exact.

    signed_xe = sign ? -xe : xe
    centre:   acc_centre_o = acc_centre_i + g * signed_xe
    tail:     acc_tail_o = acc_tail_i + g * signed_xe,  acc_tail_sum_o = acc_tail_sum_i + signed_xe

A weight of the centre is worth g steps s1; one of the tail is worth n steps s1 (the breakpoint) and
g steps s2, n = 2^(b-1) - 1. Two accumulators are written in a tail cycle. With merge_regions

    T = M1 * (acc_centre + n * acc_tail_sum) + M2 * acc_tail + B

| quantity      | width              | why it fits                                              |
|---------------|--------------------|----------------------------------------------------------|
| weight        | u(PWLQ_BITS + 1)   | {sign, tail, g}, narrower b zero-extended in g           |
| xe, signed_xe | s9                 | activation minus zero point, -255..255, symmetric        |
| g             | u(PWLQ_BITS - 1)   | 0..n                                                     |
| g * signed_xe | s(PWLQ_BITS + 8)   | (2^(PWLQ_BITS-1) - 1) * 255 < 2^(PWLQ_BITS+7)            |
| acc_*         | s32                | the compiler proves the bound for each region; they wrap |

Cycles: 1 product per cycle, latency 1.
RTL: rtl/npu_mac_piecewise_linear.v
Source: Fang et al. 2020, sections 3 and 4.3, figure 4. -0 adds nothing; a tail weight with g = 0 is
the centre's n once more, by way of acc_tail_sum.
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
from npusim.datapath.weight_decode import negate_if


@scalar
def products_piecewise_linear(weight: int, xe: int, pwlq_bits: int) -> tuple[int, int, int]:
    """Return what one weight adds to the centre, to the tail and to the tail's operand sum."""
    magnitude = weight & ((1 << (pwlq_bits - 1)) - 1)
    signed_xe = negate_if(weight >> pwlq_bits, xe)
    if (weight >> (pwlq_bits - 1)) & 1:
        return 0, magnitude * signed_xe, signed_xe
    return magnitude * signed_xe, 0, 0


@scalar
def mac_piecewise_linear(
    weight: int, xe: int, acc_centre: int, acc_tail: int, acc_tail_sum: int, pwlq_bits: int
) -> tuple[int, int, int]:
    """Return the three accumulators after one more product."""
    centre, tail, tail_sum = products_piecewise_linear(weight, xe, pwlq_bits)
    return (
        wrap_acc(acc_centre + centre),
        wrap_acc(acc_tail + tail),
        wrap_acc(acc_tail_sum + tail_sum),
    )


@kernel
def dot_piecewise_linear(
    weights: NDArray[np.int16], operands: NDArray[np.int16], pwlq_bits: int
) -> tuple[int, int, int]:
    """Return the accumulators (centre, tail, tail_sum) of weight wires [K] and operands [K]."""
    centre = tail = tail_sum = 0
    for k in range(len(weights)):
        centre, tail, tail_sum = mac_piecewise_linear(
            weights[k], operands[k], centre, tail, tail_sum, pwlq_bits
        )
    return centre, tail, tail_sum


def directed(pwlq_bits: int) -> Iterator[Values]:
    """Yield every weight against every operand; the corner operands alone beyond 5 bits."""
    operands = range(XE_BOUNDS[0], XE_BOUNDS[1] + 1)
    corners = (-255, -128, -1, 0, 1, 127, 128, 255)
    for weight in range(1 << (pwlq_bits + 1)):
        for xe in operands if pwlq_bits <= 5 else corners:
            yield {"weight": weight, "xe": xe, "acc_centre": 1, "acc_tail": 2, "acc_tail_sum": 3}


def vectors(rng: random.Random, count: int, pwlq_bits: int) -> Iterator[Values]:
    """Yield `count` products; each accumulator is next to its wrap in a fifth of them."""
    for _ in range(count):
        weight, xe = rng.getrandbits(pwlq_bits + 1), between(rng, *XE_BOUNDS)
        centre, tail, tail_sum = products_piecewise_linear(weight, xe, pwlq_bits)
        yield {
            "weight": weight,
            "xe": xe,
            "acc_centre": acc_near_wrap(rng, centre),
            "acc_tail": acc_near_wrap(rng, tail),
            "acc_tail_sum": acc_near_wrap(rng, tail_sum),
        }


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: signs and regions with g = 0, 1..n-1 and n; wraps of each."""
    bits = parameters["PWLQ_BITS"]
    n = (1 << (bits - 1)) - 1
    points: dict[str, Any] = {
        f"sign {sign}, tail {tail}, g = {g}": (
            lambda i, o, w=sign << bits | tail << (bits - 1) | g: i["weight"] == w and i["xe"] != 0
        )
        for sign in (0, 1)
        for tail in (0, 1)
        for g in sorted({0, n // 2, n})
    }
    for name in ("acc_centre", "acc_tail", "acc_tail_sum"):
        points[f"{name} wraps upwards"] = lambda i, o, a=name: o[a] < i[a] - (1 << 31)
        points[f"{name} wraps downwards"] = lambda i, o, a=name: o[a] > i[a] + (1 << 31)
    return points


UNIT = Unit(
    name="mac_piecewise_linear",
    ports=(
        Port("weight", "in", lambda p: p["PWLQ_BITS"] + 1, meaning="{sign, tail, g}"),
        Port("xe", "in", 9, signed=True, legal=XE_BOUNDS, meaning="activation minus zero point"),
        Port("acc_centre", "in", ACC_BITS, signed=True, meaning="sum of g * xe in the centre"),
        Port("acc_tail", "in", ACC_BITS, signed=True, meaning="sum of g * xe in the tail"),
        Port("acc_tail_sum", "in", ACC_BITS, signed=True, meaning="sum of xe in the tail"),
        Port("acc_centre", "out", ACC_BITS, signed=True, meaning="centre, after"),
        Port("acc_tail", "out", ACC_BITS, signed=True, meaning="tail, after"),
        Port(
            "acc_tail_sum", "out", ACC_BITS, signed=True, meaning="operand sum of the tail, after"
        ),
    ),
    latency_cycles=1,
    scalar=mac_piecewise_linear,
    parameters={"PWLQ_BITS": 4},
    variants=tuple({"PWLQ_BITS": bits} for bits in (2, 3, 5, 8)),
    vectors=vectors,
    directed=directed,
    bins=bins,
)
