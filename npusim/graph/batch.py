"""Whether every operator treats the samples of a batch separately."""

from __future__ import annotations

from npusim.graph import operators as op
from npusim.graph.network import Network, Node


def keeps_samples_apart(network: Network) -> bool:
    """Return whether the leading axis of every computed tensor is the batch, never mixed.

    Such a network runs any number of samples at once. Any other is run as its file states it, one
    declared batch after the other.
    """
    extents = {network.tensors[name].shape[:1] for name in network.inputs}
    if len(extents) != 1 or extents == {()}:
        return False
    (extent,) = extents.pop()
    return all(_keeps_apart(network, node, extent) for node in network.nodes)


def _keeps_apart(network: Network, node: Node, extent: int) -> bool:
    inputs, output, operator = network.inputs_of(node), network.output_of(node), node.operator
    computed = [x for x in inputs if not x.is_constant]
    if output.shape[:1] != (extent,) or any(x.shape[:1] != (extent,) for x in computed):
        return False
    match operator:
        case op.Add() | op.Mul() | op.MatMul():
            return all(
                len(x.shape) == len(output.shape)
                if not x.is_constant
                else len(x.shape) < len(output.shape) or x.shape[0] == 1
                for x in inputs
            )
        case op.Mean():
            return 0 not in operator.axes
        case op.Softmax() | op.Concat():
            return operator.axis != 0 and len(computed) == len(inputs)
        case op.Pad():
            return operator.before[0] == operator.after[0] == 0
        case op.Transpose():
            return operator.order[0] == 0
        case op.Slice():
            return (operator.start[0], operator.stop[0], operator.step[0]) == (0, extent, 1)
    return len(computed) > 0
