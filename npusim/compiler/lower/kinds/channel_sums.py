"""Sums over channels: a MAC whose weights are ones, and the epilogue of the sum."""

from __future__ import annotations

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Context
from npusim.compiler.emit.moves import one_code
from npusim.compiler.linear.layer import LinearLayer
from npusim.compiler.linear.planes import Plane, Terms
from npusim.compiler.lower.kinds.windowed import Windowed
from npusim.graph.network import Network, Node
from npusim.runtimes.requantization import Requantization


def is_over_channels(network: Network, node: Node, axes: tuple[int, ...], context: Context) -> bool:
    """Return whether a reduction leaves one channel of each pixel."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if axes != (len(x.shape) - 1,) or not context.lies_as_is(node.inputs[0]):
        return False
    source, target = context.source(node.inputs[0]), context.as_stored(y)
    return (target.height, target.width, target.channels) == (source.height, source.width, 1)


def summed(network: Network, node: Node, r: Requantization, context: Context) -> Windowed:
    """Return how the array adds the channels of each pixel; `r` of the sum of bytes as they are.

    A batch is one image of more pixels: no window meets two of its samples.
    """
    source = context.source(node.inputs[0])
    target = context.as_stored(network.output_of(node))
    one = one_code(context.machine)
    codes = np.ones((1, 1, 1, source.channels), np.uint8)
    plane = Plane(one.code, one.bits, codes, tuple(range(one.code.level_count(one.bits))))
    terms = Terms((plane,), r.multipliers[:, :1], r.bias[:1], r.shift[:1], 0 * r.shift[:1])
    layer = LinearLayer(
        node.name, source, target, op.Window((1, 1)), 1, terms, 0, r.rounding, r.zero_point,
        r.low, r.high,
    )  # fmt: skip
    return Windowed(context, layer)
