"""How the machine computes MatMul: see npusim/operators/matmul.py."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.elementwise import emit_elementwise
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import Rectangle, emit_copy
from npusim.compiler.emit.products import Product, emit_product, has_whole_words, may_multiply
from npusim.compiler.emit.turns import Matrices, emit_turn, may_turn
from npusim.compiler.epilogues import byte_range
from npusim.graph.network import Network, Node
from npusim.runtimes.requantization import FloatRequantization, Requantization, affine
from npusim.runtimes.staircase import Reach
from npusim.runtimes.twins import twin

WHEN = "two computed operands, the first not turned, where integers give the runtime's outputs"

SIGN = 128
TO_INT8 = np.arange(256, dtype=np.uint8) ^ np.uint8(SIGN)
"""Bytes of uint8 values -> those of int8 values, 128 less."""


def lower(
    network: Network, node: Node, c: Requantization | FloatRequantization | None, context: Context
) -> Lowering | None:
    """Return how the array multiplies two computed matrices; None where the host has to.

    The second one is stored and loaded as weights; turned on the array first where it has to be.
    """
    operator = node.operator
    assert isinstance(operator, op.MatMul)
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    if c is None or operator.turn_a or not all_bytes(a, b, y):
        return None
    if not all(context.lies_as_is(name) for name in node.inputs):
        return None
    count, depth = prod(a.shape[:-2]), a.shape[-1]
    shares_b = prod(b.shape[:-2]) == 1
    if y.shape[:-2] != a.shape[:-2] or not (shares_b or b.shape[:-2] == a.shape[:-2]):
        return None
    is_moved = b.dtype == np.uint8  # to int8, as weights are
    zero_points = affine(node, a)[1], affine(node, b)[1] - SIGN * is_moved
    epilogue = _epilogue(network, node, c, depth)
    if operator.turn_b and not may_turn(context.machine):
        return None
    if epilogue is None or not may_multiply(context.machine, depth, zero_points[1]):
        return None
    first, second = (_flat(context.source(name)) for name in node.inputs)
    matrices = Matrices(1 if shares_b else count, b.shape[-2], b.shape[-1])

    def emit(target: Stored) -> None:
        weights = second
        if is_moved:
            weights = context.scratch(second.pixels, second.channels, unsigned=False)
            emit_elementwise(context.emitter, context.constants, [second], weights, TO_INT8)
        if operator.turn_b:
            turned = context.scratch(matrices.count * depth, y.shape[-1], weights.unsigned)
            emit_turn(context.emitter, context.constants, weights, turned, matrices)
            weights = turned
        last = None
        if not has_whole_words(weights):
            last = context.scratch(weights.pixels, context.machine.size, weights.unsigned)
            pixels = Rectangle(0, 1, 0, weights.pixels)
            emit_copy(
                context.emitter, weights, last, pixels, (0, 0, 0),
                from_block=weights.blocks - 1, blocks=1,
            )  # fmt: skip
        product = Product(
            count, first, weights, last, _flat(target), a.shape[-2], zero_points, epilogue, shares_b
        )
        emit_product(context.emitter, context.constants, product)

    return emit


def _flat(stored: Stored) -> Stored:
    return replace(stored, height=1, width=stored.pixels)


def _epilogue(
    network: Network, node: Node, c: Requantization | FloatRequantization, depth: int
) -> Requantization | None:
    """Return integer constants that give every output; None where there are none."""
    if isinstance(c, Requantization):
        return c
    ends = []
    for x in network.inputs_of(node):
        zero_point = affine(node, x)[1]
        ends.append([value - zero_point for value in byte_range(x)])
    products = [first * second for first in ends[0] for second in ends[1]]
    least, most = (np.array([depth * extreme(products)]) for extreme in (min, max))
    found = twin(c, Reach(least, most))
    return found.requantization if found.is_exact else None
