"""How the machine computes Pad: see npusim/operators/pad.py."""

from __future__ import annotations

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.moves import (
    emit_pad,
)
from npusim.graph.network import Network, Node
from npusim.graph.tensor import same_quantization
from npusim.runtimes.requantization import affine

WHEN = "around rows and columns, one scale"


def lower(network: Network, node: Node, c: None, context: Context) -> Lowering | None:
    """Return how data is surrounded; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Pad)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    ends = (operator.before[0], operator.after[0], operator.before[-1], operator.after[-1])
    if len(operator.before) != 4 or any(ends) or not all_bytes(x, y):
        return None
    if x.shape[0] != 1:
        return None
    if x.dtype != y.dtype or not same_quantization(x, y):
        return None
    source = context.source(node.inputs[0])
    fill = affine(node, x)[1]
    return lambda target: emit_pad(
        context.emitter, source, target, operator.before[1], operator.before[2], fill
    )
