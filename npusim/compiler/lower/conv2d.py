"""How the machine computes Conv2D: see npusim/operators/conv2d.py."""

from __future__ import annotations

from dataclasses import replace

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.memory import Stored
from npusim.compiler.graph.folding import folded_plane
from npusim.compiler.graph.fused_add import with_residual
from npusim.compiler.lower.kinds.linear import linear_layer
from npusim.compiler.lower.kinds.windowed import Windowed
from npusim.graph.network import Network, Node
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization

WHEN = "weights known beforehand; under `litert-opt` whole vectors of channels"


def lower(
    network: Network,
    node: Node,
    c: Requantization | VectorAndRest[Requantization] | FloatRequantization | None,
    context: Context,
) -> Lowering | None:
    """Return how the array computes the convolution; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Conv2D)
    if isinstance(c, VectorAndRest):
        if network.output_of(node).shape[3] % c.lanes:
            return None
        c = c.vector
    if c is None or not all_bytes(network.inputs_of(node)[0], network.output_of(node)):
        return None
    name, window = node.inputs[0], operator.window
    if name in context.pads:
        pad, around = context.pads[name]
        name = pad.inputs[0]
        top, bottom, left, right = (a + b for a, b in zip(window.padding, around, strict=True))
        window = replace(window, padding=(top, bottom, left, right))
    source = context.source(name)
    folded = context.folds.get(name)
    if folded is not None:
        window = folded.window
    target = context.as_stored(network.output_of(node))
    layer = linear_layer(
        network,
        node,
        c,
        context,
        source,
        target,
        window,
        operator.groups,
        _images(source, target, window, context),
    )
    if folded is not None:
        planes = tuple(folded_plane(p, folded.fold.taps) for p in layer.terms.planes)
        layer = replace(layer, terms=replace(layer.terms, planes=planes))
    add = context.addition(node)
    if add is not None:
        fused = with_residual(network, layer, node, add, context)
        if fused is not None:
            layer = fused
            context.fused[node.outputs[0]] = add
    return Windowed(context, layer)


def _images(source: Stored, target: Stored, window: op.Window, context: Context) -> int:
    """Return the images that a batch is to a layer: one where no window meets two samples."""
    if window.kernel == (1, 1) and not any(window.padding):
        if source.height == target.height * window.stride[0]:
            return 1
    return context.samples
