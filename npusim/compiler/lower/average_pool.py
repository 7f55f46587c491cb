"""How the machine computes AveragePool: see npusim/operators/average_pool.py."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.pool import pooled
from npusim.datapath.pool import average_constants
from npusim.graph.network import Network, Node
from npusim.operators.average_pool import RealMean, WindowDivision
from npusim.runtimes.requantization import FloatRequantization, Requantization, affine

WHEN = "where the runtime divides a sum of integers"


def lower(
    network: Network,
    node: Node,
    c: WindowDivision | Requantization | RealMean | FloatRequantization,
    context: Context,
) -> Lowering | None:
    """Return how the vector unit takes the means; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.AveragePool)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or isinstance(c, RealMean | FloatRequantization):
        return None  # a RealMean's float32 sum depends on the order of the taps
    _, zero_point = affine(node, x)

    @cache
    def finish(taps: int) -> Requantization:
        if isinstance(c, WindowDivision):
            return _division(taps, c)
        column = min(max(taps, 1), len(c.shift)) - 1
        m = c.multipliers[:, column : column + 1]
        return replace(
            c, multipliers=m, bias=-taps * zero_point * m[0], shift=c.shift[column : column + 1]
        )

    return pooled(context, node, context.as_stored(y), operator.window, 0, -128, 127, finish)


def _division(taps: int, c: WindowDivision) -> Requantization:
    """Return the mean of `taps` integers, halves away from zero, as an epilogue of their sum."""
    multiplier, shift = average_constants(max(taps, 1))
    return Requantization(
        np.array([[multiplier]]), np.array([-taps * c.origin * multiplier]), np.array([shift]),
        "half_away", c.origin, c.low, c.high,
    )  # fmt: skip
