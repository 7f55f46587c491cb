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

WHEN = "weights known beforehand; each row of features in one pixel, or a sample a row"


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
    target = context.as_stored(network.output_of(node))
    rows = source.height // context.samples
    if source.channels == taps:
        kernel = (1, 1)
        x, y = (replace(stored, height=1, width=stored.pixels) for stored in (source, target))
    elif rows * source.width * source.channels == taps:  # a sample is one window
        kernel = (rows, source.width)
        x, y = source, replace(target, height=context.samples, width=1)
    else:
        return None
    window = op.Window(kernel, stride=(kernel[0] if context.samples > 1 else 1, 1))
    layer = linear_layer(network, node, r, context, x, y, window, 1, samples=1)
    shape = (-1, *kernel, x.channels)
    planes = tuple(replace(p, codes=p.codes.reshape(shape)) for p in layer.terms.planes)
    layer = replace(layer, terms=replace(layer.terms, planes=planes))
    return Windowed(context, layer)
