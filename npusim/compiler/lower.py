"""Lowerings of the operators that compute: linear layers, elementwise operators, pools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import prod

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes, lower_node
from npusim.compiler.emit.elementwise import Pointwise, emit_elementwise
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.pooling import Pool, emit_pool
from npusim.compiler.graph.folding import folded_plane
from npusim.compiler.graph.fused_add import with_residual
from npusim.compiler.linear.layer import LinearLayer
from npusim.compiler.linear.linear import emit_linear
from npusim.compiler.linear.planes import terms
from npusim.datapath.pool import average_constants
from npusim.graph.network import Network, Node
from npusim.graph.tensor import same_quantization
from npusim.runtimes import elementwise, tables
from npusim.runtimes.requantization import Requantization, activation_bounds, affine, linear
from npusim.words import Rule

RUY_DEPTHWISE_LANES = 8
"""LiteRT's optimized depthwise ends in scalar code beyond whole vectors of so many channels."""


def _linear_layer(
    network: Network, node: Node, rule: Rule, context: Context, source: Stored, target: Stored,
    window: op.Window, groups: int,
) -> LinearLayer:  # fmt: skip
    x = network.inputs_of(node)[0]
    r = linear(network, node, rule)
    assert isinstance(r, Requantization)
    gaps = groups > 1 and not groups == source.channels == target.channels
    return LinearLayer(
        node.name, source, target, window, groups,
        terms(network, node, context.machine, r, gaps),
        affine(node, x)[1], r.rounding, r.zero_point, r.low, r.high,
    )  # fmt: skip


@lower_node.register(op.Conv2D)
def _(
    operator: op.Conv2D, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    channels = network.output_of(node).shape[3]
    if rule == "ruy" and operator.groups > 1 and channels % RUY_DEPTHWISE_LANES:
        return None
    if not all_bytes(network.inputs_of(node)[0], network.output_of(node)):
        return None
    name, window = node.inputs[0], operator.window
    if name in context.pads:
        pad, around = context.pads[name]
        name = pad.inputs[0]
        top, bottom, left, right = (a + b for a, b in zip(window.padding, around, strict=True))
        window = replace(window, padding=(top, bottom, left, right))
    source = context.source(name)
    folded = context.folds.get(name)
    if folded is not None:
        window = folded.window
    target = context.as_stored(network.output_of(node))
    layer = _linear_layer(network, node, rule, context, source, target, window, operator.groups)
    if folded is not None:
        planes = tuple(folded_plane(p, folded.fold.taps) for p in layer.terms.planes)
        layer = replace(layer, terms=replace(layer.terms, planes=planes))
    add = context.addition(node)
    if add is not None:
        fused = with_residual(network, layer, node, add, rule, context)
        if fused is not None:
            layer = fused
            context.fused[node.outputs[0]] = add

    def emit(place: Stored) -> None:
        emit_linear(context.emitter, context.constants, replace(layer, target=place))

    return emit


@lower_node.register(op.FullyConnected)
def _(
    operator: op.FullyConnected, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    if not all_bytes(network.inputs_of(node)[0], network.output_of(node)):
        return None
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


@lower_node.register(op.Add)
def _(
    operator: op.Add, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    a, b = network.inputs_of(node)
    target = network.output_of(node)
    if not all_bytes(a, b, target) or len({a.dtype, b.dtype}) > 1:
        return None
    sources = [context.source(name) for name in node.inputs]
    spread = [
        s.pixels == 1 and len(x.shape) <= len(target.shape)
        for s, x in zip(sources, (a, b), strict=True)
    ]
    for x, one_pixel in zip((a, b), spread, strict=True):
        if x.shape != target.shape and not one_pixel:
            return None
        if x.shape[-1:] != target.shape[-1:]:
            return None
    return _pointwise(context, sources, elementwise.add(network, node, rule))


def _pointwise(context: Context, sources: list[Stored], function: Pointwise) -> Lowering:
    """Return how the machine computes a function of operands of one place."""
    return lambda place: emit_elementwise(
        context.emitter, context.constants, sources, place, function
    )


@lower_node.register(op.Quantize)
def _(
    operator: op.Quantize, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or _ends_in_scalar_code(network, node, rule):
        return None
    source = context.source(node.inputs[0])
    r = elementwise.requantize(network, node, rule)
    function = replace(r, bias=r.bias - r.multipliers[0] * affine(node, x)[1])
    return _pointwise(context, [source], function)


def _ends_in_scalar_code(network: Network, node: Node, rule: Rule) -> bool:
    """Return whether the last elements of each sample round otherwise than the rest."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    return elementwise.is_optimized_requantize(node, rule, x, y) and prod(x.shape[1:]) % 16 != 0


@lower_node.register(op.Clip)
@lower_node.register(op.Sigmoid)
@lower_node.register(op.Tanh)
@lower_node.register(op.LeakyRelu)
@lower_node.register(op.HardSwish)
def _(
    operator: op.Operator, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y):
        return None
    source = context.source(node.inputs[0])
    table = tables.by_byte(x, tables.activation(network, node, rule))
    return _pointwise(context, [source], table.view(np.uint8))


def _pooled(
    context: Context, node: Node, window: op.Window, fill: int, low: int, high: int,
    finish: Callable[[int], Requantization] | None,
) -> Lowering:  # fmt: skip
    """Return how the machine takes the maxima or sums of windows; arguments as of Pool."""
    source = context.source(node.inputs[0])
    return lambda place: emit_pool(
        context.emitter,
        context.constants,
        Pool(node.name, source, place, window, fill, low, high, finish),
    )


@lower_node.register(op.MaxPool)
def _(
    operator: op.MaxPool, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or x.dtype != y.dtype or not same_quantization(x, y):
        return None
    low, high = activation_bounds(operator.activation, *affine(node, y), y.dtype)
    return _pooled(context, node, operator.window, int(np.iinfo(x.dtype).min), low, high, None)


@lower_node.register(op.AveragePool)
def _(
    operator: op.AveragePool, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y):
        return None
    r = elementwise.average_pool(network, node, rule)
    _, zero_point = affine(node, x)

    @cache
    def finish(taps: int) -> Requantization:
        if isinstance(r, elementwise.WindowDivision):
            return _division(max(taps, 1), r.low, r.high)
        column = min(max(taps, 1), len(r.shift)) - 1
        m = r.multipliers[:, column : column + 1]
        return replace(
            r, multipliers=m, bias=-taps * zero_point * m[0], shift=r.shift[column : column + 1]
        )

    return _pooled(context, node, operator.window, 0, -128, 127, finish)


def _division(taps: int, low: int, high: int) -> Requantization:
    """Return sum / taps, halves away from zero, as an epilogue."""
    multiplier, shift = average_constants(taps)
    return Requantization(
        np.array([[multiplier]]), np.array([0]), np.array([shift]), "half_away", 0, low, high
    )


@lower_node.register(op.Mean)
def _(
    operator: op.Mean, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or operator.axes != tuple(range(1, len(x.shape) - 1)):
        return None
    if rule == "ruy" and x.shape[-1] % 16:
        return None
    source = context.source(node.inputs[0])
    r = elementwise.mean(network, node, rule)
    assert isinstance(r, Requantization)
    window = op.Window((source.height, source.width))
    emit = _pooled(context, node, window, 0, -128, 127, lambda taps: r)
    return lambda place: emit(replace(place, height=1, width=1))
