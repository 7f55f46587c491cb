"""The list of lowerings; an operator without one is computed by the host."""

from __future__ import annotations

from collections.abc import Callable

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower import (
    abs,
    add,
    average_pool,
    clip,
    concat,
    conv2d,
    div,
    elu,
    exp,
    fully_connected,
    gelu,
    hard_swish,
    leaky_relu,
    log,
    matmul,
    max_pool,
    maximum,
    mean,
    minimum,
    mul,
    neg,
    pad,
    prelu,
    quantize,
    reshape,
    resize_nearest,
    rsqrt,
    sigmoid,
    slice,
    split,
    sqrt,
    squared_difference,
    sub,
    tanh,
    transpose,
)
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.unary import Unary
from npusim.operators.pages import constants_of

LOWERINGS: dict[type[op.Operator], Callable[..., Lowering | None]] = {
    op.Abs: abs.lower,
    op.Add: add.lower,
    op.AveragePool: average_pool.lower,
    op.Clip: clip.lower,
    op.Concat: concat.lower,
    op.Conv2D: conv2d.lower,
    op.Div: div.lower,
    op.Elu: elu.lower,
    op.Exp: exp.lower,
    op.FullyConnected: fully_connected.lower,
    op.Gelu: gelu.lower,
    op.HardSwish: hard_swish.lower,
    op.LeakyRelu: leaky_relu.lower,
    op.Log: log.lower,
    op.MatMul: matmul.lower,
    op.MaxPool: max_pool.lower,
    op.Maximum: maximum.lower,
    op.Mean: mean.lower,
    op.Minimum: minimum.lower,
    op.Mul: mul.lower,
    op.Neg: neg.lower,
    op.PRelu: prelu.lower,
    op.Pad: pad.lower,
    op.Quantize: quantize.lower,
    op.Reshape: reshape.lower,
    op.ResizeNearest: resize_nearest.lower,
    op.Rsqrt: rsqrt.lower,
    op.Sigmoid: sigmoid.lower,
    op.Slice: slice.lower,
    op.Split: split.lower,
    op.Sqrt: sqrt.lower,
    op.SquaredDifference: squared_difference.lower,
    op.Sub: sub.lower,
    op.Tanh: tanh.lower,
    op.Transpose: transpose.lower,
}
"""(network, node, constants, context) -> what emits the node's instructions, or None."""


def lower_node(network: Network, node: Node, context: Context) -> Lowering | None:
    """Return how the machine computes `node`, None where the host has to."""
    lower = LOWERINGS.get(type(node.operator))
    if lower is None or not all_bytes(network.inputs_of(node)[0], network.output_of(node)):
        return None
    try:
        constants = constants_of(network, node, context.rule)
    except UnsupportedError:
        if not isinstance(node.operator, Unary | Binary) or isinstance(node.operator, op.Add):
            raise
        return None  # the host's step takes the rule of the file's own runtime, or refuses
    return lower(network, node, constants, context)
