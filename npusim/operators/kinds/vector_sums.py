"""LiteRT's optimized ADD of two bytes: vectors round an operand once, what is left over twice.

    vector   t_i = high(x_i << (20 + e_i), M_i)             of int8, elements side by side
             t_i = high(x_i << 20, M_i) >> -e_i             of uint8, and of one element beside many
    rest     t_i = divided_by_power(high(x_i << 20, M_i), -e_i)              as the reference has it

where high is half of a product's upper 32 bits. A vector's sum is cut to 16 bits on the way. A
broadcast is a loop of calls, each with its own vectors and its own rest.

Source: TFLite, optimized/integer_ops/add.h, optimized/optimized_ops.h (AddElementwise,
AddScalarBroadcast, BinaryBroadcastFiveFold) and reference/process_broadcast_shapes.cc.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.kinds.pairs import Pairs, pairs_step
from npusim.operators.kinds.sums import ThreeStepAdd, three_steps
from npusim.operators.page import Step
from npusim.runtimes.fixed_point import Integers, divided_by_power, doubling_high, multiplied
from npusim.runtimes.litert_opt import INTEGER_LANES, LANES, VectorAndRest


def optimized_sum(network: Network, node: Node) -> ThreeStepAdd | Pairs | VectorAndRest[Pairs]:
    """Return the reference's constants where vectors give the same for every pair of bytes."""
    c = three_steps(network, node)
    run, is_scalar = calls(network, node)
    is_int8 = network.output_of(node).dtype == np.int8
    shifts_first = is_int8 and not is_scalar
    lanes = INTEGER_LANES if shifts_first else LANES
    if run < lanes:
        return c
    vector, rest = _of_vectors(c, shifts_first), _of_rest(c)
    a, b = (_values(network, name) for name in node.inputs)
    if np.array_equal(vector(a[:, None], b), rest(a[:, None], b)):
        return c
    return vector if run % lanes == 0 else VectorAndRest(vector, rest, lanes, run)


def calls(network: Network, node: Node) -> tuple[int, bool]:
    """Return how many elements a call of the kernel adds, 0 where none does; is one a scalar."""
    y = network.output_of(node)
    rank = len(y.shape)
    first, second = ((1,) * (rank - len(x.shape)) + x.shape for x in network.inputs_of(node))
    pairs = list(zip(first, second, strict=True))[::-1]
    apart = [m < n for m, n in pairs if m != n]
    if not apart:
        return prod(y.shape), False
    if not apart[0]:
        pairs = [(n, m) for m, n in pairs]
    extents = []
    for goes_on in (_equal, _repeats_first, _equal, _repeats_second, _equal):
        extent = 1
        while pairs and goes_on(*pairs[0]):
            extent *= max(pairs.pop(0))
        extents.append(extent)
    if pairs:  # more changes than a loop of five takes
        return 0, False
    return (extents[0], False) if extents[0] > 1 else (extents[1], True)


def _equal(m: int, n: int) -> bool:
    return m == n


def _repeats_first(m: int, n: int) -> bool:
    return m == 1


def _repeats_second(m: int, n: int) -> bool:
    return n == 1


def vectors_step(network: Network, node: Node, c: VectorAndRest[Pairs]) -> Step:
    """Return the step that adds by calls of `c.run` elements."""
    vector, rest = (pairs_step(network, node, part) for part in (c.vector, c.rest))
    within = np.arange(prod(network.output_of(node).shape)) % c.run
    is_rest = within >= c.run - c.run % c.lanes

    def add(threads: int, a: NDArray, b: NDArray) -> NDArray:
        y: NDArray = vector(threads, a, b)
        left = np.resize(is_rest, y.size).reshape(y.shape)
        y[left] = rest(threads, a, b)[left]
        return y

    return add


def _of_vectors(c: ThreeStepAdd, shifts_first: bool) -> Pairs:
    (z1, z2, zo), (m1, m2, mo), (s1, s2, so) = c.zero_points, c.multipliers, c.shifts

    def operand(x: Integers, multiplier: int, right: int) -> Integers:
        if shifts_first:
            left = c.left_shift - right
            return doubling_high(x << left if left >= 0 else x >> -left, multiplier)
        return doubling_high(x << c.left_shift, multiplier) >> right

    def add(a: Integers, b: Integers) -> Integers:
        total = operand(a - z1, m1, s1 - 31) + operand(b - z2, m2, s2 - 31)
        scaled = divided_by_power(doubling_high(total, mo), so - 31)
        narrow = (scaled.astype(np.int16) + np.int16(zo)).astype(np.int64)
        return np.clip(narrow, c.low, c.high)

    return add


def _of_rest(c: ThreeStepAdd) -> Pairs:
    (z1, z2, zo), (m1, m2, mo), (s1, s2, so) = c.zero_points, c.multipliers, c.shifts

    def add(a: Integers, b: Integers) -> Integers:
        first = multiplied((a - z1) << c.left_shift, m1, 31 - s1)
        total = first + multiplied((b - z2) << c.left_shift, m2, 31 - s2)
        return np.clip(multiplied(total, mo, 31 - so) + zo, c.low, c.high)

    return add


def _values(network: Network, name: str) -> Integers:
    limits = np.iinfo(network.tensors[name].dtype)
    return np.arange(limits.min, limits.max + 1)
