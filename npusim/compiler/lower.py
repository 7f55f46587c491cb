"""Which lowering an operator takes; None where the host computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch
from math import prod
from typing import Protocol

from npusim.compiler.emit import Emitter
from npusim.compiler.linear import LinearLayer, emit_linear
from npusim.compiler.memory import Constants, Stored
from npusim.compiler.planes import terms
from npusim.graph import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.requantization import Requantization, Rule, affine, linear
from npusim.machines import Machine

Lowering = Callable[[Stored], None]
"""Emits a node's instructions, its output's place given."""

RUY_DEPTHWISE_LANES = 8
"""LiteRT's optimized depthwise ends in scalar code beyond whole vectors of so many channels."""


class Context(Protocol):
    """What a lowering sees of the compilation."""

    machine: Machine
    emitter: Emitter
    constants: Constants
    pads: dict[str, tuple[Node, tuple[int, int, int, int]]]

    def source(self, name: str) -> Stored:
        """Return where an input lies."""


def lower(network: Network, node: Node, rule: Rule, context: Context) -> Lowering | None:
    """Return how the machine computes `node`, None where the host has to."""
    return _lower(node.operator, network, node, rule, context)


@singledispatch
def _lower(
    operator: op.Operator, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    return None


def _linear_layer(
    network: Network, node: Node, rule: Rule, context: Context, source: Stored, target: Stored,
    window: op.Window, groups: int,
) -> LinearLayer:  # fmt: skip
    x = network.inputs_of(node)[0]
    r = linear(network, node, rule)
    assert isinstance(r, Requantization)
    return LinearLayer(
        node.name, source, target, window, groups,
        terms(network, node, context.machine, r),
        affine(node, x)[1], r.rounding, r.zero_point, r.low, r.high,
    )  # fmt: skip


@_lower.register(op.Conv2D)
def _(
    operator: op.Conv2D, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    channels = network.output_of(node).shape[3]
    if rule == "ruy" and operator.groups > 1 and channels % RUY_DEPTHWISE_LANES:
        return None
    name, window = node.inputs[0], operator.window
    if name in context.pads:
        pad, around = context.pads[name]
        name = pad.inputs[0]
        padding = tuple(a + b for a, b in zip(window.padding, around, strict=True))
        window = replace(window, padding=padding)
    source = context.source(name)

    def emit(target: Stored) -> None:
        layer = _linear_layer(
            network, node, rule, context, source, target, window, operator.groups
        )
        emit_linear(context.emitter, context.constants, layer)

    return emit


@_lower.register(op.FullyConnected)
def _(
    operator: op.FullyConnected, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    source = context.source(node.inputs[0])
    encoding = operator.encoding
    taps = prod(encoding.weight_shape[1:]) if encoding else network.inputs_of(node)[1].shape[1]
    one_row = source.pixels * source.channels == taps
    if not one_row and source.channels != taps:
        return None

    def emit(target: Stored) -> None:
        kernel = (source.height, source.width) if one_row else (1, 1)
        rows = target.pixels
        x = source if one_row else replace(source, height=1, width=source.pixels)
        y = replace(target, height=1, width=rows)
        layer = _linear_layer(network, node, rule, context, x, y, op.Window(kernel), 1)
        shape = (-1, *kernel, x.channels)
        planes = tuple(replace(p, codes=p.codes.reshape(shape)) for p in layer.terms.planes)
        layer = replace(layer, terms=replace(layer.terms, planes=planes))
        emit_linear(context.emitter, context.constants, layer)

    return emit
