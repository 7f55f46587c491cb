"""Which lowering an operator takes; None where the host computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, singledispatch
from math import prod
from typing import Protocol

import numpy as np

from npusim.compiler.elementwise import emit_elementwise
from npusim.compiler.emit import Emitter
from npusim.compiler.linear import LinearLayer, emit_linear
from npusim.compiler.memory import Constants, Stored
from npusim.compiler.moves import (
    Rectangle,
    Selection,
    emit_copy,
    emit_pad,
    emit_select,
    identity,
)
from npusim.compiler.planes import terms
from npusim.compiler.pooling import Pool, emit_pool
from npusim.graph import operators as op
from npusim.graph.network import Network, Node
from npusim.graph import requantization_elementwise as elementwise
from npusim.graph.requantization import (
    Requantization,
    Rule,
    activation_bounds,
    affine,
    linear,
)
from npusim.graph.tensor import Tensor
from npusim.machines import Machine
from npusim.simulator.kernels import tables
from npusim.simulator.kernels.layout import same_quantization

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

    def lies_as_is(self, name: str) -> bool:
        """Return whether an input's axes lie in their own order and sizes."""


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
    gaps = groups > 1 and not groups == source.channels == target.channels
    return LinearLayer(
        node.name, source, target, window, groups,
        terms(network, node, context.machine, r, gaps),
        affine(node, x)[1], r.rounding, r.zero_point, r.low, r.high,
    )  # fmt: skip


@_lower.register(op.Conv2D)
def _(
    operator: op.Conv2D, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    channels = network.output_of(node).shape[3]
    if rule == "ruy" and operator.groups > 1 and channels % RUY_DEPTHWISE_LANES:
        return None
    if not _all_bytes(network.inputs_of(node)[0], network.output_of(node)):
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
    if not _all_bytes(network.inputs_of(node)[0], network.output_of(node)):
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


def _all_bytes(*tensors: Tensor) -> bool:
    return all(tensor.dtype in (np.int8, np.uint8) for tensor in tensors)


@_lower.register(op.Add)
def _(
    operator: op.Add, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    a, b = network.inputs_of(node)
    target = network.output_of(node)
    if not _all_bytes(a, b, target) or len({a.dtype, b.dtype}) > 1:
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
    function = elementwise.add(network, node, rule)
    return lambda place: emit_elementwise(
        context.emitter, context.constants, sources, place, function
    )


@_lower.register(op.Quantize)
def _(
    operator: op.Quantize, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not _all_bytes(x, y) or _ends_in_scalar_code(network, node, rule):
        return None
    source = context.source(node.inputs[0])
    r = elementwise.requantize(network, node, rule)
    function = replace(r, bias=r.bias - r.multipliers[0] * affine(node, x)[1])
    return lambda place: emit_elementwise(
        context.emitter, context.constants, [source], place, function
    )


def _ends_in_scalar_code(network: Network, node: Node, rule: Rule) -> bool:
    """Return whether the last elements of each sample round otherwise than the rest."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    return elementwise.is_optimized_requantize(node, rule, x, y) and prod(x.shape[1:]) % 16 != 0


@_lower.register(op.Activation)
def _(
    operator: op.Activation, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not _all_bytes(x, y):
        return None
    source = context.source(node.inputs[0])
    values = tables.activation(network, node, rule)
    by_byte = np.roll(values.view(np.uint8), 128) if x.dtype == np.int8 else values.view(np.uint8)
    return lambda place: emit_elementwise(
        context.emitter, context.constants, [source], place, by_byte
    )


@_lower.register(op.MaxPool)
def _(
    operator: op.MaxPool, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not _all_bytes(x, y) or x.dtype != y.dtype or not same_quantization(x, y):
        return None
    source = context.source(node.inputs[0])
    low, high = activation_bounds(operator.activation, *affine(node, y), y.dtype)
    least = int(np.iinfo(x.dtype).min)
    return lambda place: emit_pool(
        context.emitter,
        context.constants,
        Pool(node.name, source, place, operator.window, least, low, high, None),
    )


@_lower.register(op.AveragePool)
def _(
    operator: op.AveragePool, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not _all_bytes(x, y):
        return None
    source = context.source(node.inputs[0])
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

    return lambda place: emit_pool(
        context.emitter,
        context.constants,
        Pool(node.name, source, place, operator.window, 0, -128, 127, finish),
    )


def _division(taps: int, low: int, high: int) -> Requantization:
    """Return sum / taps, halves away from zero, as an epilogue.

    M = ceil(2^s / taps) exceeds the quotient by less than |sum| / 2^s. A tie stays one (or goes
    away from zero as it should); the nearest value below a tie is 1 / (2 taps) below it, so all is
    exact while |sum| * 2 * taps < 2^s, which holds for 8-bit sums of up to 2^20 taps.
    """
    shift = 30 + (taps - 1).bit_length()
    multiplier = -(-(1 << shift) // taps)
    if multiplier >> 31:
        shift -= 1
        multiplier = -(-(1 << shift) // taps)
    return Requantization(
        np.array([[multiplier]]), np.array([0]), np.array([shift]), "half_away", 0, low, high
    )


@_lower.register(op.Mean)
def _(
    operator: op.Mean, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not _all_bytes(x, y) or operator.axes != tuple(range(1, len(x.shape) - 1)):
        return None
    if rule == "ruy" and x.shape[-1] % 16:
        return None
    source = context.source(node.inputs[0])
    r = elementwise.mean(network, node, rule)
    assert isinstance(r, Requantization)
    window = op.Window((source.height, source.width))

    def emit(place: Stored) -> None:
        one = replace(place, height=1, width=1)
        pool = Pool(node.name, source, one, window, 0, -128, 127, lambda taps: r)
        emit_pool(context.emitter, context.constants, pool)

    return emit


@_lower.register(op.Pad)
def _(
    operator: op.Pad, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    ends = (operator.before[0], operator.after[0], operator.before[-1], operator.after[-1])
    if len(operator.before) != 4 or any(ends) or not _all_bytes(x, y):
        return None
    if x.dtype != y.dtype or not same_quantization(x, y):
        return None
    source = context.source(node.inputs[0])
    fill = affine(node, x)[1]
    return lambda place: emit_pad(
        context.emitter, source, place, operator.before[1], operator.before[2], fill
    )


@_lower.register(op.Slice)
def _(
    operator: op.Slice, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not _all_bytes(x, y) or not 2 <= len(x.shape) <= 4 or x.shape[0] != y.shape[0]:
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


@_lower.register(op.Concat)
def _(
    operator: op.Concat, network: Network, node: Node, rule: Rule, context: Context
) -> Lowering | None:
    inputs, y = network.inputs_of(node), network.output_of(node)
    rank = len(y.shape)
    if not _all_bytes(*inputs, y) or not 2 <= rank <= 4 or y.shape[0] != 1:
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
    selection = Selection(
        *(np.concatenate([part[i] for part in parts]) for i in range(5)),
        rescaled[0].rounding if rescaled else "floor",
        zero_point,
    )
    if rescaled:  # lanes that keep their bytes take the common zero point off first
        kept_lanes = np.isin(selection.inputs, [i for i, k in enumerate(same) if k])
        selection = replace(selection, bias=selection.bias - kept_lanes * zero_point)
    return lambda place: emit_select(context.emitter, context.constants, sources, place, selection)


def _joined(
    network: Network, node: Node, rule: Rule, position: int, kept: bool, channels: int
) -> tuple[np.ndarray, ...]:
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
