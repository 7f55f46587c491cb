"""A convolution and the Add behind it as one layer: the sum's first operand never reaches DRAM.

Each tile is requantized to the convolution's own output, as without fusion, and added from there:
the same bytes under every rule, and a store and a load less.
"""

from __future__ import annotations

from dataclasses import replace

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context
from npusim.compiler.linear.layer import LinearLayer, Residual, choose_tiling
from npusim.errors import CapacityError
from npusim.graph.network import Network, Node
from npusim.isa.fields import STRIDE_MAX
from npusim.operators.pages import constants_of


def addition_behind(network: Network, node: Node) -> Node | None:
    """Return the Add of two tensors of a shape that alone reads the output of a convolution."""
    name = node.outputs[0]
    readers = network.consumers[name]
    if not isinstance(node.operator, op.Conv2D) or len(readers) != 1 or name in network.outputs:
        return None
    add = readers[0]
    if not isinstance(add.operator, op.Add) or add.inputs[0] == add.inputs[1]:
        return None
    a, b = network.inputs_of(add)
    y = network.output_of(add)
    same = a.shape == b.shape == y.shape and a.dtype == b.dtype == y.dtype
    return add if same and not (a.is_constant or b.is_constant) else None


def with_residual(
    network: Network, layer: LinearLayer, node: Node, add: Node, context: Context
) -> LinearLayer | None:
    """Return `layer` with the addition; None where the host adds or two layers move less."""
    machine = context.machine
    is_second = add.inputs[0] == node.outputs[0]
    source = context.source(add.inputs[1] if is_second else add.inputs[0])
    function = epilogues.addition(network, add, constants_of(network, add, context.rule))
    if function is None:
        return None
    fused = replace(
        layer, residual=Residual(source, function, not is_second),
        target=context.as_stored(network.output_of(add)),
    )  # fmt: skip
    if machine.act_words > STRIDE_MAX:
        return None
    try:
        _, one = choose_tiling(fused, machine)
    except CapacityError:
        return None
    _, apart = choose_tiling(layer, machine)
    target = layer.target
    pixel_beats = target.pixel_beats
    return fused if one.dram_beats < apart.dram_beats + 3 * target.pixels * pixel_beats else None
