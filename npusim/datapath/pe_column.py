"""pe_column: ROWS weights x ROWS operands -> one sum per region, exact, no overflow.

    product_r = weight_r * xe_r                      by format: multiply, or shift and add
                                                     (lut, pwlq_double: as uniform)
    centre    = sum of product_r over the rows in the centre (uniform and subset: over all rows)
    tail      = sum of product_r over the rows in the tail          pwlq only, otherwise 0
    tail_sum  = sum of +-xe_r over the rows in the tail             pwlq only, otherwise 0

One column of the weight-stationary array: the weights are held in registers around it, a row's
operand is broadcast to all columns, and accumulate adds each sum to its accumulator. The products
of the formats built in share one register and one adder tree per region; a node adds four.

| quantity    | width                          | why it fits                                      |
|-------------|--------------------------------|--------------------------------------------------|
| weight      | u(WEIGHT_BITS) per row         | weight_decode's wires                            |
| xe          | s9 per row                     | activation minus zero point, -255..255           |
| product     | s(UNIFORM_BITS+8), s14 (subset)| as in mac_uniform, mac_subset and                |
|             | or s(PWLQ_BITS+8): the widest  | mac_piecewise_linear                             |
| centre      | s(product + log2 ROWS)         | a sum of ROWS products                           |
| tail        | s(PWLQ_BITS + 8 + log2 ROWS)   | a sum of ROWS pwlq products                      |
| tail_sum    | s(9 + log2 ROWS)               | a sum of ROWS operands                           |

Cycles: 1 vector of operands per cycle, latency 2 by default: 1 + ceil(log4 ROWS).
RTL: rtl/npu_pe_column.v
Source: weight-stationary column with adder tree; regions after Fang et al. 2020, figure 4.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.codes import CODES, FORMAT_BITS, WEIGHT_FORMATS
from npusim.datapath.contract import Bins, Parameters, Port, Unit, Values
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_piecewise_linear import products_piecewise_linear
from npusim.datapath.mac_subset import product_subset
from npusim.datapath.mac_uniform import XE_BOUNDS
from npusim.datapath.stimulus import between
from npusim.datapath.weight_decode import (
    PWLQ,
    SUBSET,
    UNIFORM,
    bits_bounds,
    uniform_weight,
    weight_bits,
)


def product_bits(parameters: Parameters) -> int:
    """Return the width of a PE's product register."""
    return max(
        parameters["UNIFORM_BITS"] + 8 if parameters["UNIFORM_BITS"] else 0,
        14 if parameters["SUBSET"] else 0,
        parameters["PWLQ_BITS"] + 8 if parameters["PWLQ_BITS"] else 0,
    )


def tree_levels(parameters: Parameters) -> int:
    """Return how many registered levels of four-input nodes add ROWS products."""
    return ((parameters["ROWS"] - 1).bit_length() + 1) // 2


def row_bits(parameters: Parameters) -> int:
    """Return the bits by which a sum of ROWS values outgrows one of them."""
    return (parameters["ROWS"] - 1).bit_length()


@scalar
def products(
    weight: int, xe: int, weight_format: int, uniform_bits: int, pwlq_bits: int
) -> tuple[int, int, int]:
    """Return what one PE adds to the centre, to the tail and to the tail's operand sum."""
    if weight_format == SUBSET:
        return product_subset(weight, xe), 0, 0
    if weight_format == PWLQ:
        return products_piecewise_linear(weight, xe, pwlq_bits)
    return uniform_weight(weight, uniform_bits) * xe, 0, 0


@scalar
def pe_column(
    weight: Any, xe: Any, format: int, uniform_bits: int, pwlq_bits: int
) -> tuple[int, int, int]:
    """Return the sums (centre, tail, tail_sum) of the rows' weight wires and operands."""
    centre, tail, tail_sum = 0, 0, 0
    for row in range(len(weight)):
        first, second, third = products(weight[row], xe[row], format, uniform_bits, pwlq_bits)
        centre, tail, tail_sum = centre + first, tail + second, tail_sum + third
    return centre, tail, tail_sum


@kernel
def array_sums(
    weights: NDArray[np.int16],
    operands: NDArray[np.int16],
    weight_format: int,
    uniform_bits: int,
    pwlq_bits: int,
    sums: NDArray[np.int64],
) -> None:
    """Write the sums [COLS 3] of an array: weights [COLS ROWS], operands [ROWS]."""
    for column in range(len(weights)):
        sums[column] = pe_column(weights[column], operands, weight_format, uniform_bits, pwlq_bits)


MULTIPLIED_AS = [next(i for i, c in enumerate(CODES) if c.unit == code.unit) for code in CODES]
"""The first format that the same element multiplies, by format."""


def _built_in(parameters: Parameters) -> list[int]:
    return [f for f in range(len(CODES)) if bits_bounds(MULTIPLIED_AS[f], parameters)]


def _weights(weight_format: int, parameters: Parameters) -> list[int]:
    """Return weight wires to draw from: all of a format, a quarter of the draws extreme ones."""
    bits = {UNIFORM: parameters["UNIFORM_BITS"], SUBSET: 5, PWLQ: parameters["PWLQ_BITS"] + 1}
    element = MULTIPLIED_AS[weight_format]
    every = list(range(1 << bits[element]))
    g = (1 << max(parameters["PWLQ_BITS"] - 1, 0)) - 1
    extremes = {
        UNIFORM: [len(every) // 2, len(every) // 2 - 1],
        SUBSET: [0b00000, 0b10000],
        PWLQ: [region << max(parameters["PWLQ_BITS"] - 1, 0) | g for region in range(4)],
    }[element]
    return every + extremes * max(1, len(every) // (3 * len(extremes)))


def _fill(weight_format: int, weight: int, xe: int, rows: int) -> Values:
    return {"format": weight_format, "weight": (weight,) * rows, "xe": (xe,) * rows}


def directed(rows: int, uniform_bits: int, subset: int, pwlq_bits: int) -> Iterator[Values]:
    """Yield all-equal columns at the extremes, and every row alone with the other rows at zero."""
    parameters = {"UNIFORM_BITS": uniform_bits, "SUBSET": subset, "PWLQ_BITS": pwlq_bits}
    for weight_format in _built_in(parameters):
        corners = {
            UNIFORM: (0, 1, 1 << max(uniform_bits - 1, 0), (1 << max(uniform_bits - 1, 0)) - 1),
            SUBSET: (0b00000, 0b10000, 0b01111, 0b11111),
            PWLQ: tuple(
                region << max(pwlq_bits - 1, 0) | g
                for region in range(4)
                for g in (0, (1 << max(pwlq_bits - 1, 0)) - 1)
            ),
        }[MULTIPLIED_AS[weight_format]]
        for weight in corners:
            for xe in (-255, -1, 0, 1, 255):
                yield _fill(weight_format, weight, xe, rows)
        for row in range(rows):
            for weight in corners:
                alone = tuple(255 if r == row else 0 for r in range(rows))
                yield {"format": weight_format, "weight": (weight,) * rows, "xe": alone}


def vectors(
    rng: random.Random, count: int, rows: int, uniform_bits: int, subset: int, pwlq_bits: int
) -> Iterator[Values]:
    """Yield `count` columns; in a fifth the operands share a sign, so that the sums grow."""
    parameters = {"UNIFORM_BITS": uniform_bits, "SUBSET": subset, "PWLQ_BITS": pwlq_bits}
    weights = {f: _weights(f, parameters) for f in _built_in(parameters)}
    operands = [
        [between(rng, low, high) for _ in range(1 << 10)]
        for low, high in (XE_BOUNDS, XE_BOUNDS, XE_BOUNDS, (0, 255), (-255, 0))
    ]
    for _ in range(count):
        weight_format = rng.choice(list(weights))
        yield {
            "format": weight_format,
            "weight": tuple(rng.choices(weights[weight_format], k=rows)),
            "xe": tuple(rng.choices(rng.choice(operands), k=rows)),
        }


def bins(parameters: Parameters) -> Bins:
    """Return the points to reach: the extreme sums of each format, each region, mixed regions."""
    rows, uniform_bits = parameters["ROWS"], parameters["UNIFORM_BITS"]
    pwlq_bits = parameters["PWLQ_BITS"]
    greatest = {
        UNIFORM: (1 << max(uniform_bits - 1, 0)) * 255 * rows,
        SUBSET: 32 * 255 * rows,
        PWLQ: ((1 << max(pwlq_bits - 1, 0)) - 1) * 255 * rows,
    }
    points: dict[str, Any] = {}
    for weight_format in _built_in(parameters):
        name, most = WEIGHT_FORMATS[weight_format], greatest[MULTIPLIED_AS[weight_format]]
        for sign in (-1, 1):
            points[f"{name}, centre = {sign * most}"] = (
                lambda i, o, f=weight_format, s=sign * most: i["format"] == f and o["centre"] == s
            )
    if pwlq_bits:
        for sign in (-1, 1):
            points[f"tail = {sign * greatest[PWLQ]}"] = lambda i, o, s=sign * greatest[PWLQ]: (
                o["tail"] == s
            )
            points[f"tail_sum = {sign * 255 * rows}"] = lambda i, o, s=sign * 255 * rows: (
                o["tail_sum"] == s
            )
        points["centre and tail in one column"] = lambda i, o: o["centre"] and o["tail"]
    return points


UNIT = Unit(
    name="pe_column",
    ports=(
        Port("format", "in", FORMAT_BITS, legal=(0, len(WEIGHT_FORMATS) - 1),
             meaning="place in WEIGHT_FORMATS"),
        Port("weight", "in", weight_bits, lanes=lambda p: p["ROWS"], meaning="weight wires"),
        Port("xe", "in", 9, signed=True, lanes=lambda p: p["ROWS"], legal=XE_BOUNDS,
             meaning="operands"),
        Port("centre", "out", lambda p: product_bits(p) + row_bits(p), signed=True,
             meaning="sum of the products in the centre"),
        Port("tail", "out", lambda p: p["PWLQ_BITS"] + 8 + row_bits(p), signed=True,
             meaning="sum of the products in the tail"),
        Port("tail_sum", "out", lambda p: 9 + row_bits(p), signed=True,
             meaning="signed sum of the operands in the tail"),
    ),
    latency_cycles=lambda p: 1 + tree_levels(p),
    scalar=pe_column,
    parameters={"ROWS": 4, "UNIFORM_BITS": 8, "SUBSET": 1, "PWLQ_BITS": 4},
    variants=(
        {"ROWS": 8, "SUBSET": 0, "PWLQ_BITS": 0},
        {"ROWS": 16, "UNIFORM_BITS": 4, "SUBSET": 0, "PWLQ_BITS": 0},
        {"ROWS": 16, "UNIFORM_BITS": 0, "SUBSET": 1, "PWLQ_BITS": 0},
        {"ROWS": 16, "UNIFORM_BITS": 0, "SUBSET": 0, "PWLQ_BITS": 4},
        {"ROWS": 5, "UNIFORM_BITS": 4, "SUBSET": 1, "PWLQ_BITS": 8},
        {"ROWS": 2, "UNIFORM_BITS": 8, "SUBSET": 0, "PWLQ_BITS": 2},
        {"ROWS": 32},
    ),
    vectors=vectors,
    directed=directed,
    bins=bins,
)  # fmt: skip
