"""How the machine computes FullyConnected: see npusim/operators/fully_connected.py."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.linear import linear_layer
from npusim.compiler.lower.kinds.windowed import Windowed
from npusim.graph.network import Network, Node
from npusim.runtimes.requantization import FloatRequantization, Requantization


def lower(
    network: Network,
    node: Node,
    c: Requantization | FloatRequantization | None,
    context: Context,
) -> Lowering | None:
    """Return how the array computes the layer; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.FullyConnected)
    if c is None or not all_bytes(network.inputs_of(node)[0], network.output_of(node)):
        return None
    source = context.source(node.inputs[0])
    encoding = operator.encoding
    taps = prod(encoding.weight_shape[1:]) if encoding else network.inputs_of(node)[1].shape[1]
    r = epilogues.linear(network, node, c, context.machine)
    one_row = source.pixels * source.channels == taps
    if not one_row and source.channels != taps:
        return None

    target = context.as_stored(network.output_of(node))
    kernel = (source.height, source.width) if one_row else (1, 1)
    x = source if one_row else replace(source, height=1, width=source.pixels)
    y = replace(target, height=1, width=target.pixels)
    layer = linear_layer(network, node, r, context, x, y, op.Window(kernel), 1)
    shape = (-1, *kernel, x.channels)
    planes = tuple(replace(p, codes=p.codes.reshape(shape)) for p in layer.terms.planes)
    layer = replace(layer, terms=replace(layer.terms, planes=planes))
    return Windowed(context, layer)
