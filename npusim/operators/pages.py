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
    comparison,
    concat,
    constant,
    conv2d,
    depth_to_space,
    dequantize,
    div,
    fully_connected,
    gather,
    gather_nd,
    hard_swish,
    leaky_relu,
    logical,
    logical_not,
    matmul,
    max_pool,
    maximum,
    mean,
    minimum,
    mirror_pad,
    mul,
    pack,
    pad,
    quantize,
    reshape,
    resize_bilinear,
    resize_nearest,
    reverse,
    select,
    sigmoid,
    slice,
    softmax,
    space_to_batch,
    space_to_depth,
    split,
    squared_difference,
    strided_slice,
    sub,
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
    comparison.PAGE,
    concat.PAGE,
    constant.PAGE,
    conv2d.PAGE,
    depth_to_space.PAGE,
    dequantize.PAGE,
    div.PAGE,
    fully_connected.PAGE,
    gather.PAGE,
    gather_nd.PAGE,
    hard_swish.PAGE,
    leaky_relu.PAGE,
    logical.PAGE,
    logical_not.PAGE,
    matmul.PAGE,
    max_pool.PAGE,
    maximum.PAGE,
    mean.PAGE,
    minimum.PAGE,
    mirror_pad.PAGE,
    mul.PAGE,
    pack.PAGE,
    pad.PAGE,
    quantize.PAGE,
    reshape.PAGE,
    resize_bilinear.PAGE,
    resize_nearest.PAGE,
    reverse.PAGE,
    select.PAGE,
    sigmoid.PAGE,
    slice.PAGE,
    softmax.PAGE,
    space_to_batch.PAGE,
    space_to_depth.PAGE,
    split.PAGE,
    squared_difference.PAGE,
    strided_slice.PAGE,
    sub.PAGE,
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
