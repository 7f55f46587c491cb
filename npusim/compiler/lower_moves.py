"""Lowerings of the operators that move values: Pad, Slice, Concat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes, lower_node
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import (
    Rectangle,
    Selection,
    emit_copy,
    emit_pad,
    emit_select,
    identity,
)
from npusim.compiler.graph.shuffle import Shuffle
from npusim.graph.network import Network, Node
from npusim.graph.tensor import same_quantization
from npusim.runtimes import elementwise
from npusim.runtimes.requantization import affine
from npusim.words import Rule


def lower_shuffle(shuffle: Shuffle, context: Context) -> Lowering:
    """Return how the machine permutes the channels of every pixel."""
    source = context.source(shuffle.source)
    selection = identity(0 * shuffle.channels, shuffle.channels)
    return lambda place: emit_select(context.emitter, context.constants, [source], place, selection)


@lower_node.register(op.Pad)
def _(
    operator: op.Pad, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    ends = (operator.before[0], operator.after[0], operator.before[-1], operator.after[-1])
    if len(operator.before) != 4 or any(ends) or not all_bytes(x, y):
        return None
    if x.dtype != y.dtype or not same_quantization(x, y):
        return None
    source = context.source(node.inputs[0])
    fill = affine(node, x)[1]
    return lambda place: emit_pad(
        context.emitter, source, place, operator.before[1], operator.before[2], fill
    )


@lower_node.register(op.Slice)
def _(
    operator: op.Slice, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or not 2 <= len(x.shape) <= 4 or x.shape[0] != y.shape[0]:
        return None
    if x.shape[0] != 1 or not context.lies_as_is(node.inputs[0]):
        return None
    source = context.source(node.inputs[0])
    start = (0,) * (4 - len(x.shape)) + operator.start
    step = (1,) * (4 - len(x.shape)) + operator.step
    size = context.machine.size
    channels = np.arange(y.shape[-1]) * step[3] + start[3]
    whole = y.shape[1:-1] == x.shape[1:-1]
    if step[3] == 1 and start[3] % size == 0:
        return lambda place: emit_copy(
            context.emitter, source, place,
            Rectangle(start[1], place.height, start[2], place.width), (0, 0, 0),
            (step[1], step[2]), start[3] // size, place.blocks,
        )  # fmt: skip
    if not whole:
        return None
    return lambda place: emit_select(
        context.emitter, context.constants, [source], place, identity(0 * channels, channels)
    )


@lower_node.register(op.Concat)
def _(
    operator: op.Concat, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    inputs, y = network.inputs_of(node), network.output_of(node)
    rank = len(y.shape)
    if not all_bytes(*inputs, y) or not 2 <= rank <= 4 or y.shape[0] != 1:
        return None
    if not all(context.lies_as_is(name) for name in node.inputs):
        return None
    same = [same_quantization(x, y) and x.dtype == y.dtype for x in inputs]
    if any(
        not kept and x.dtype == y.dtype == np.uint8 and rule in elementwise.DOUBLE_ROUNDED
        for kept, x in zip(same, inputs, strict=True)
    ):
        return None  # a table of floating-point origin
    axis = operator.axis + 4 - rank
    sources = [context.source(name) for name in node.inputs]
    offsets = np.cumsum([0] + [x.shape[operator.axis] for x in inputs[:-1]]).tolist()
    size = context.machine.size
    aligned = axis != 3 or all(offset % size == 0 for offset in offsets)
    if all(same) and aligned:

        def copy(place: Stored) -> None:
            for source, offset in zip(sources, offsets, strict=True):
                to = [0, 0, 0]
                to[axis % 3] = offset // size if axis == 3 else offset
                area = Rectangle(0, source.height, 0, source.width)
                emit_copy(
                    context.emitter, source, place, area, (to[0], to[1], to[2]),
                    blocks=source.blocks,
                )  # fmt: skip

        return copy
    if axis != 3:
        return None
    parts = [
        _joined(network, node, rule, i, kept, x.shape[-1])
        for i, (kept, x) in enumerate(zip(same, inputs, strict=True))
    ]
    rescaled = [elementwise.requantize(network, node, rule, i) for i, k in enumerate(same) if not k]
    zero_point = affine(node, y)[1] if rescaled else 0
    inputs_of, channels, multipliers, bias, shift = (
        np.concatenate([part[i] for part in parts]) for i in range(5)
    )
    rounding = rescaled[0].rounding if rescaled else "floor"
    selection = Selection(inputs_of, channels, multipliers, bias, shift, rounding, zero_point)
    if rescaled:  # lanes that keep their bytes take the common zero point off first
        kept_lanes = np.isin(selection.inputs, [i for i, k in enumerate(same) if k])
        selection = replace(selection, bias=selection.bias - kept_lanes * zero_point)
    return lambda place: emit_select(context.emitter, context.constants, sources, place, selection)


def _joined(
    network: Network, node: Node, rule: Rule, position: int, kept: bool, channels: int
) -> tuple[NDArray[np.int64], ...]:
    """Return inputs, channels, multipliers, bias and shift of one input's channels [C]."""
    ones = np.ones(channels, np.int64)
    numbers = (position * ones, np.arange(channels))
    if kept:
        return (*numbers, ones, 0 * ones, 0 * ones)
    r = elementwise.requantize(network, node, rule, position)
    zero_point = affine(node, network.inputs_of(node)[position])[1]
    m = int(r.multipliers[0, 0])
    bias = int(r.bias[0]) - m * zero_point
    return (*numbers, m * ones, bias * ones, int(r.shift[0]) * ones)
