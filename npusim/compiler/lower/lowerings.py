"""The list of lowerings; an operator without one is computed by the host."""

from __future__ import annotations

from collections.abc import Callable

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower import (
    add,
    average_pool,
    clip,
    concat,
    conv2d,
    fully_connected,
    hard_swish,
    leaky_relu,
    max_pool,
    mean,
    pad,
    quantize,
    sigmoid,
    slice,
    tanh,
)
from npusim.graph.network import Network, Node
from npusim.operators.pages import constants_of

LOWERINGS: dict[type[op.Operator], Callable[..., Lowering | None]] = {
    op.Add: add.lower,
    op.AveragePool: average_pool.lower,
    op.Clip: clip.lower,
    op.Concat: concat.lower,
    op.Conv2D: conv2d.lower,
    op.FullyConnected: fully_connected.lower,
    op.HardSwish: hard_swish.lower,
    op.LeakyRelu: leaky_relu.lower,
    op.MaxPool: max_pool.lower,
    op.Mean: mean.lower,
    op.Pad: pad.lower,
    op.Quantize: quantize.lower,
    op.Sigmoid: sigmoid.lower,
    op.Slice: slice.lower,
    op.Tanh: tanh.lower,
}
"""(network, node, constants, context) -> what emits the node's instructions, or None."""


def lower_node(network: Network, node: Node, context: Context) -> Lowering | None:
    """Return how the machine computes `node`, None where the host has to."""
    lower = LOWERINGS.get(type(node.operator))
    if lower is None or not all_bytes(network.inputs_of(node)[0], network.output_of(node)):
        return None
    return lower(network, node, constants_of(network, node, context.rule), context)
