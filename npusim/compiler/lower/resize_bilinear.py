"""How the machine computes ResizeBilinear: see npusim/operators/resize_bilinear.py.

Runtimes that count shares in fractions of a power of two round one sum of products, which is what
an RQ of four terms does. Shares in float32 are such fractions where they end early, as between
images whose sizes divide: no sum of theirs is then rounded either.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.interpolation import (
    Blend,
    emit_interpolation,
    interpolation_cycles,
    may_interpolate,
    runs,
)
from npusim.compiler.emit.memory import Stored
from npusim.compiler.lower.kinds.rearranged import pays
from npusim.graph.network import Network, Node
from npusim.runtimes.interpolation import Interpolation, Neighbours

WHEN = "shares of the runtime in fractions of a power of two; the host where it is quicker"

FLOAT_BITS = 24
BYTE_BITS = 8
MOST_BLENDS = 4096
"""Pairs of shares by row and by column: each has constants of its own."""


def lower(network: Network, node: Node, at: Interpolation, context: Context) -> Lowering | None:
    """Return how the requantizers weigh neighbours; None where the host has to, or is quicker."""
    assert isinstance(node.operator, op.ResizeBilinear)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if x.shape[0] != 1 or not all_bytes(x, y) or x.dtype != y.dtype:
        return None
    if not context.lies_as_is(node.inputs[0]):
        return None
    if not may_interpolate(context.machine, x.shape[2], y.shape[2]):
        return None
    axes = (at.rows, at.columns)
    bits = [_share_bits(along) for along in axes] if at.bits is None else [at.bits, at.bits]
    if at.bits is None and BYTE_BITS + max(sum(bits), 1) > FLOAT_BITS:
        return None
    shares = [
        _farther(along, n if at.bits is None else 0) for along, n in zip(axes, bits, strict=True)
    ]
    if prod(len(np.unique(share)) for share in shares) > MOST_BLENDS:
        return None
    rows, columns = (
        runs(along.pixels[0], share) for along, share in zip(axes, shares, strict=True)
    )
    is_half_up = at.half_up or at.bits is None
    blend = Blend((1 << bits[0], 1 << bits[1]), sum(bits), "half_up" if is_half_up else "half_away")
    source, target = context.source(node.inputs[0]), context.as_stored(y)
    cycles = target.blocks * interpolation_cycles(context.machine, rows, columns, blend)
    if not pays(context.machine, cycles, prod(y.shape)):
        return None

    def emit(target: Stored) -> None:
        emit_interpolation(context.emitter, context.constants, source, target, rows, columns, blend)

    return emit


def _share_bits(along: Neighbours) -> int:
    """Return the fraction bits of float32 shares; more than float32 has where they do not end."""
    for bits in range(FLOAT_BITS):
        scaled = along.shares.astype(np.float64) * (1 << bits)
        if (scaled == np.rint(scaled)).all():
            return bits
    return FLOAT_BITS


def _farther(along: Neighbours, bits: int) -> NDArray[np.int64]:
    """Return the shares of the farther neighbours, in units of 2^-bits; 0 where both are one."""
    one = along.pixels[0] == along.pixels[1]
    return np.where(one, 0, along.shares[1] * (1 << bits)).astype(np.int64)
