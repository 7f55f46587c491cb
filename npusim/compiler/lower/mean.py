"""How the machine computes Mean: see npusim/operators/mean.py."""

from __future__ import annotations

from dataclasses import replace

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.pool import pooled
from npusim.graph.network import Network, Node
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization


def lower(
    network: Network,
    node: Node,
    c: Requantization | VectorAndRest[Requantization] | FloatRequantization,
    context: Context,
) -> Lowering | None:
    """Return how the vector unit takes the means; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Mean)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or operator.axes != tuple(range(1, len(x.shape) - 1)):
        return None
    source = context.source(node.inputs[0])
    if isinstance(c, VectorAndRest):
        if x.shape[-1] % c.lanes:
            return None
        c = c.vector
    r = epilogues.mean(network, node, c, context.machine)
    window = op.Window((source.height // context.samples, source.width))
    target = replace(context.as_stored(y), height=context.samples, width=1)
    return pooled(context, node, target, window, 0, -128, 127, lambda taps: r)
