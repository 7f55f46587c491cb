"""How the machine computes Concat: see npusim/operators/concat.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import (
    Rectangle,
    Selection,
    emit_copy,
    emit_select,
)
from npusim.compiler.lower.kinds.rearranged import lower_rearrangement
from npusim.compiler.lower.quantize import with_zero_point
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.concat import Part
from npusim.operators.kinds.scale import table_of
from npusim.runtimes.requantization import Requantization, affine

WHEN = "the inputs' scales changed by integers of one rounding"


def lower(network: Network, node: Node, c: tuple[Part, ...], context: Context) -> Lowering | None:
    """Return how data is joined; None where the host has to."""
    found = _by_blocks(network, node, c, context)
    if found is not None or not all(map(_keeps, network.inputs_of(node), c)):
        return found
    return lower_rearrangement(network, node, None, context)


def _by_blocks(
    network: Network, node: Node, c: tuple[Part, ...], context: Context
) -> Lowering | None:
    operator = node.operator
    assert isinstance(operator, op.Concat)
    inputs, y = network.inputs_of(node), network.output_of(node)
    rank = len(y.shape)
    if not all_bytes(*inputs, y) or not 2 <= rank <= 4 or y.shape[0] != 1:
        return None
    if not all(context.lies_as_is(name) for name in node.inputs):
        return None
    same = [_keeps(x, part) for x, part in zip(inputs, c, strict=True)]
    axis = operator.axis + 4 - rank
    sources = [context.source(name) for name in node.inputs]
    offsets = np.cumsum([0] + [x.shape[operator.axis] for x in inputs[:-1]]).tolist()
    size = context.machine.size
    aligned = axis != 3 or all(offset % size == 0 for offset in offsets)
    if all(same) and aligned:

        def copy(target: Stored) -> None:
            for source, offset in zip(sources, offsets, strict=True):
                to = [0, 0, 0]
                to[axis % 3] = offset // size if axis == 3 else offset
                area = Rectangle(0, source.height, 0, source.width)
                emit_copy(
                    context.emitter, source, target, area, (to[0], to[1], to[2]),
                    blocks=source.blocks,
                )  # fmt: skip

        return copy
    if axis != 3:
        return None
    rescaled = _rescaled(network, node, c, same)
    if rescaled is None:
        return None
    parts = [_joined(rescaled.get(i), i, x.shape[-1]) for i, x in enumerate(inputs)]
    rounding, zero_point = "floor", 0
    for r in rescaled.values():
        rounding, zero_point = r.rounding, r.zero_point
    inputs_of, channels, multipliers, bias, shift = (
        np.concatenate([part[i] for part in parts]) for i in range(5)
    )
    kept_lanes = ~np.isin(inputs_of, list(rescaled))  # take the common zero point off first
    selection = Selection(
        inputs_of, channels, multipliers, bias - kept_lanes * zero_point, shift, rounding,
        zero_point,
    )  # fmt: skip
    return lambda target: emit_select(
        context.emitter, context.constants, sources, target, selection
    )


def _keeps(x: Tensor, part: Part) -> bool:
    """Return whether the bytes of an input come as they are."""
    return part is None or (isinstance(part, np.ndarray) and epilogues.is_identity(x, part))


def _rescaled(
    network: Network, node: Node, c: tuple[Part, ...], same: list[bool]
) -> dict[int, Requantization] | None:
    """Return the constants, of one rounding mode, of the inputs that change their scale.

    None where some of them come from tables that no constants give, or from several types.
    """
    changed = {i: part for i, (part, kept) in enumerate(zip(c, same, strict=True)) if not kept}
    if all(isinstance(part, Requantization) for part in changed.values()):
        return {
            i: with_zero_point(part, affine(node, network.inputs_of(node)[i])[1])
            for i, part in changed.items()
            if isinstance(part, Requantization)
        }
    inputs = [network.inputs_of(node)[i] for i in changed]
    if len({x.dtype for x in inputs}) > 1:
        return None
    tables = [
        table_of(network, node, part, i) if isinstance(part, Requantization) else part
        for i, part in changed.items()
    ]
    r = epilogues.conversions(network, node, inputs[0], [t for t in tables if t is not None])
    if r is None:
        return None
    return {i: r.of_channels([column]) for column, i in enumerate(changed)}


def _joined(
    r: Requantization | None, position: int, channels: int
) -> tuple[NDArray[np.int64], ...]:
    """Return inputs, channels, multipliers, bias and shift of one input's channels [C]."""
    ones = np.ones(channels, np.int64)
    numbers = (position * ones, np.arange(channels))
    if r is None:
        return (*numbers, ones, 0 * ones, 0 * ones)
    return (*numbers, r.multipliers[0, 0] * ones, r.bias[0] * ones, r.shift[0] * ones)
