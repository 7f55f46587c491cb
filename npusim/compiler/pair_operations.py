"""VEC add and multiply as functions of two bytes: their registers, and what they give.

A runtime's product of two bytes is a function of A = (a - z_a) * (b - z_b), however it is rounded.
VEC multiply computes clamp(round(M * A >> s) + zero_point), without a bias: each step of the
runtime's staircase over the products that occur bounds M from one side, and what all of them leave
is an interval, exact in integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.byte_functions import BYTES, values_of
from npusim.datapath.add import LEFT_SHIFT, add_all
from npusim.datapath.requantize import requantize_all
from npusim.graph.network import Network, Node
from npusim.operators.kinds.sums import ThreeStepAdd
from npusim.runtimes.requantization import Requantization, affine
from npusim.runtimes.twins import MAX_SHIFT, MODES, MULTIPLIER_BITS, least_total
from npusim.words import ROUNDINGS

ANY_SHIFT = 31
"""Of an operand that is multiplied by 0."""


@dataclass(frozen=True)
class PairOperation:
    """VEC `op` on two operands: registers add_*, rq_output and rq_mode.rounding.

    Of each triple the first two are the operands', the third the output's.
    """

    op: Literal["add", "multiply"]
    subtract: bool
    rounding: str
    multipliers: tuple[int, int, int]
    shifts: tuple[int, int, int]
    zero_points: tuple[int, int, int]
    low: int
    high: int


@dataclass(frozen=True)
class Extreme:
    """VEC max or min of two operands, bytes compared as they stand."""

    op: Literal["max", "min"]


def three_roundings(c: ThreeStepAdd, subtract: bool = False) -> PairOperation:
    """Return TFLite's sum or difference."""
    return PairOperation(
        "add", subtract, "tflite", c.multipliers, c.shifts, c.zero_points, c.low, c.high
    )


def product(r: Requantization, zero_points: tuple[int, int]) -> PairOperation:
    """Return the product that `r`, without a bias, requantizes."""
    return PairOperation(
        "multiply", False, r.rounding, (0, 0, int(r.multipliers[0, 0])),
        (LEFT_SHIFT, ANY_SHIFT, int(r.shift[0])), (*zero_points, r.zero_point), r.low, r.high,
    )  # fmt: skip


def outputs(operation: PairOperation, network: Network, node: Node) -> NDArray[np.int64]:
    """Return what `operation` gives for each pair of values of a node's inputs [256 256]."""
    first, second = (
        values_of(x).astype(np.int16) - np.int16(z)
        for x, z in zip(network.inputs_of(node), operation.zero_points, strict=False)
    )
    count, c = BYTES * BYTES, operation
    sums, found = np.empty(count, np.int64), np.empty(count, np.int16)
    mode, spread = ROUNDINGS.index(c.rounding), np.ones(count, np.int64)
    add_all(
        np.repeat(first, BYTES), np.tile(second, BYTES), c.multipliers[:2], mode, c.shifts[:2],
        int(c.op == "multiply"), int(c.subtract), sums,
    )  # fmt: skip
    requantize_all(
        sums[:, None], c.multipliers[2] * spread[:, None], 0 * spread, c.shifts[2] * spread,
        0 * spread, mode, (c.zero_points[2], c.low, c.high), found,
    )  # fmt: skip
    return found.reshape(BYTES, BYTES).astype(np.int64)


def products(
    network: Network, node: Node, values: NDArray[np.int64], ratio: float
) -> Iterator[PairOperation]:
    """Yield products that give `values` [256 256], if `values` are a staircase over products.

    `ratio` is what the staircase rises by with a product, as a real number.
    """
    zero_points = [affine(node, x)[1] for x in network.inputs_of(node)]
    first, second = (
        values_of(x).astype(np.int64) - z
        for x, z in zip(network.inputs_of(node), zero_points, strict=True)
    )
    flat = np.multiply.outer(first, second).ravel()
    order = np.argsort(flat, kind="stable")
    totals, levels = flat[order], values.ravel()[order]
    if (np.diff(levels) < 0).any():
        return  # not a function of the product, or not a rising one
    zero_point = affine(node, network.output_of(node))[1]
    low, high = int(levels[0]), int(levels[-1])
    steps = np.arange(low + 1, high + 1)
    at = np.searchsorted(levels, steps)
    reached, left = totals[at], totals[at - 1]
    _, bits = np.frexp(ratio)
    shift = np.int64(np.clip(MULTIPLIER_BITS - 1 - int(bits), 1, MAX_SHIFT))
    for mode in MODES:
        theta = least_total(mode, steps - zero_point, shift)
        least, most = 1, (1 << MULTIPLIER_BITS) - 1
        # M * reached >= theta, and M * left <= theta - 1, which is M * -left >= 1 - theta
        for t, bound in ((reached, theta), (-left, 1 - theta)):
            if (bound[t == 0] > 0).any():
                most = 0
            up, down = t > 0, t < 0
            least = max(least, int((-(-bound[up] // t[up])).max(initial=least)))
            most = min(most, int((bound[down] // t[down]).min(initial=most)))
        if least <= most:
            multiplier = (least + most) // 2
            constants = Requantization(
                np.array([[multiplier]]), np.array([0]), np.array([shift]), mode, zero_point,
                low, high,
            )  # fmt: skip
            yield product(constants, (zero_points[0], zero_points[1]))
