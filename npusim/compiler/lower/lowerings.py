"""The list of lowerings; an operator without one is computed by the host."""

from __future__ import annotations

from collections.abc import Callable

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower import (
    abs,
    add,
    average_pool,
    batch_to_space,
    broadcast_to,
    clip,
    concat,
    conv2d,
    conv_transpose,
    depth_to_space,
    div,
    elu,
    exp,
    fully_connected,
    gather,
    gelu,
    hard_swish,
    leaky_relu,
    log,
    matmul,
    max_pool,
    maximum,
    mean,
    minimum,
    mirror_pad,
    mul,
    neg,
    pack,
    pad,
    pick,
    prelu,
    quantize,
    reduce_max,
    reshape,
    resize_bilinear,
    resize_nearest,
    reverse,
    rsqrt,
    sigmoid,
    slice,
    space_to_batch,
    space_to_depth,
    split,
    sqrt,
    squared_difference,
    strided_slice,
    sub,
    sum,
    tanh,
    tile,
    transpose,
    unpack,
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
    op.BatchToSpace: batch_to_space.lower,
    op.BroadcastTo: broadcast_to.lower,
    op.Clip: clip.lower,
    op.Concat: concat.lower,
    op.Conv2D: conv2d.lower,
    op.ConvTranspose: conv_transpose.lower,
    op.DepthToSpace: depth_to_space.lower,
    op.Div: div.lower,
    op.Elu: elu.lower,
    op.Exp: exp.lower,
    op.FullyConnected: fully_connected.lower,
    op.Gather: gather.lower,
    op.Gelu: gelu.lower,
    op.HardSwish: hard_swish.lower,
    op.LeakyRelu: leaky_relu.lower,
    op.Log: log.lower,
    op.MatMul: matmul.lower,
    op.Maximum: maximum.lower,
    op.MaxPool: max_pool.lower,
    op.Mean: mean.lower,
    op.Minimum: minimum.lower,
    op.MirrorPad: mirror_pad.lower,
    op.Mul: mul.lower,
    op.Neg: neg.lower,
    op.Pack: pack.lower,
    op.Pad: pad.lower,
    op.Pick: pick.lower,
    op.PRelu: prelu.lower,
    op.Quantize: quantize.lower,
    op.ReduceMax: reduce_max.lower,
    op.Reshape: reshape.lower,
    op.ResizeBilinear: resize_bilinear.lower,
    op.ResizeNearest: resize_nearest.lower,
    op.Reverse: reverse.lower,
    op.Rsqrt: rsqrt.lower,
    op.Sigmoid: sigmoid.lower,
    op.Slice: slice.lower,
    op.SpaceToBatch: space_to_batch.lower,
    op.SpaceToDepth: space_to_depth.lower,
    op.Split: split.lower,
    op.Sqrt: sqrt.lower,
    op.SquaredDifference: squared_difference.lower,
    op.StridedSlice: strided_slice.lower,
    op.Sub: sub.lower,
    op.Sum: sum.lower,
    op.Tanh: tanh.lower,
    op.Tile: tile.lower,
    op.Transpose: transpose.lower,
    op.Unpack: unpack.lower,
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
