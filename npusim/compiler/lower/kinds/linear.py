"""Layers of weights as the compiler's linear layers."""

from __future__ import annotations

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context
from npusim.compiler.emit.memory import Stored
from npusim.compiler.linear.layer import LinearLayer
from npusim.compiler.linear.planes import terms
from npusim.graph.network import Network, Node
from npusim.runtimes.requantization import FloatRequantization, Requantization, affine


def linear_layer(
    network: Network,
    node: Node,
    c: Requantization | FloatRequantization,
    context: Context,
    source: Stored,
    target: Stored,
    window: op.Window,
    groups: int,
    samples: int,
) -> LinearLayer:
    """Return the layer that computes `node` by the constants `c`, in integers.

    `samples`: images that source and target are, one below the other.
    """
    r = epilogues.linear(network, node, c, context.machine)
    x = network.inputs_of(node)[0]
    gaps = groups > 1 and not groups == source.channels == target.channels
    return LinearLayer(
        node.name, source, target, window, groups,
        terms(network, node, context.machine, r, gaps),
        affine(node, x)[1], r.rounding, r.zero_point, r.low, r.high, samples=samples,
    )  # fmt: skip
