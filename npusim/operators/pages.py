"""The list of operators: every page there is."""

from __future__ import annotations

from typing import Any

from npusim.graph.network import Network, Node
from npusim.operators import (
    add,
    arg_max,
    average_pool,
    batch_normalization,
    batch_to_space,
    broadcast_to,
    cast,
    clip,
    concat,
    constant,
    conv2d,
    depth_to_space,
    dequantize,
    fully_connected,
    gather,
    gather_nd,
    hard_swish,
    leaky_relu,
    matmul,
    max_pool,
    mean,
    mirror_pad,
    mul,
    pack,
    pad,
    quantize,
    reshape,
    resize_bilinear,
    resize_nearest,
    reverse,
    sigmoid,
    slice,
    softmax,
    space_to_batch,
    space_to_depth,
    split,
    strided_slice,
    tanh,
    tile,
    transpose,
    unpack,
)
from npusim.operators.page import Absent, Page
from npusim.words import Rule

PAGES: tuple[Page, ...] = (
    add.PAGE,
    arg_max.PAGE,
    average_pool.PAGE,
    batch_normalization.PAGE,
    batch_to_space.PAGE,
    broadcast_to.PAGE,
    cast.PAGE,
    clip.PAGE,
    concat.PAGE,
    constant.PAGE,
    conv2d.PAGE,
    depth_to_space.PAGE,
    dequantize.PAGE,
    fully_connected.PAGE,
    gather.PAGE,
    gather_nd.PAGE,
    hard_swish.PAGE,
    leaky_relu.PAGE,
    matmul.PAGE,
    max_pool.PAGE,
    mean.PAGE,
    mirror_pad.PAGE,
    mul.PAGE,
    pack.PAGE,
    pad.PAGE,
    quantize.PAGE,
    reshape.PAGE,
    resize_bilinear.PAGE,
    resize_nearest.PAGE,
    reverse.PAGE,
    sigmoid.PAGE,
    slice.PAGE,
    softmax.PAGE,
    space_to_batch.PAGE,
    space_to_depth.PAGE,
    split.PAGE,
    strided_slice.PAGE,
    tanh.PAGE,
    tile.PAGE,
    transpose.PAGE,
    unpack.PAGE,
)

PAGE_OF = {page.operator: page for page in PAGES}


def constants_of(network: Network, node: Node, rule: Rule) -> Any:
    """Return what `rule`'s runtime computes `node` with on integers; None where it only moves.

    Raises
    ------
    UnsupportedError, RangeError
        The operator is not defined under the rule, or its scales are out of the rule's range.
    """
    constants = PAGE_OF[type(node.operator)].constants
    return None if isinstance(constants, Absent) else constants.of(network, node, rule)
