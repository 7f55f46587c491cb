"""How the machine computes Concat: see npusim/operators/concat.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import (
    Rectangle,
    Selection,
    emit_copy,
    emit_select,
)
from npusim.graph.network import Network, Node
from npusim.operators.concat import Part
from npusim.runtimes.requantization import Requantization, affine


def lower(network: Network, node: Node, c: tuple[Part, ...], context: Context) -> Lowering | None:
    """Return how data is joined; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Concat)
    inputs, y = network.inputs_of(node), network.output_of(node)
    rank = len(y.shape)
    if not all_bytes(*inputs, y) or not 2 <= rank <= 4 or y.shape[0] != 1:
        return None
    if not all(context.lies_as_is(name) for name in node.inputs):
        return None
    if any(isinstance(part, np.ndarray) for part in c):
        return None  # a table of floating-point origin
    same = [part is None for part in c]
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
        _joined(network, node, part, i, x.shape[-1])
        for i, (part, x) in enumerate(zip(c, inputs, strict=True))
    ]
    rescaled = [part for part in c if isinstance(part, Requantization)]
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
    network: Network, node: Node, part: Part, position: int, channels: int
) -> tuple[NDArray[np.int64], ...]:
    """Return inputs, channels, multipliers, bias and shift of one input's channels [C]."""
    ones = np.ones(channels, np.int64)
    numbers = (position * ones, np.arange(channels))
    if not isinstance(part, Requantization):
        return (*numbers, ones, 0 * ones, 0 * ones)
    zero_point = affine(node, network.inputs_of(node)[position])[1]
    m = int(part.multipliers[0, 0])
    bias = int(part.bias[0]) - m * zero_point
    return (*numbers, m * ones, bias * ones, int(part.shift[0]) * ones)
