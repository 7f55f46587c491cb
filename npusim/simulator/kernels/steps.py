"""One node of a network -> one function of its inputs, with every decision taken here.

`step(network, node, rule)` returns a function (threads, x, ...) -> y on canonical arrays whose
leading axis is the batch. The choice depends on the operator, the rule and the types alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.requantize import ROUNDING_MODES, TFLITE
from npusim.errors import UnsupportedError
from npusim.graph import operators as op
from npusim.graph import requantization_elementwise as constants
from npusim.graph.network import Network, Node
from npusim.graph.requantization import (
    FloatRequantization,
    Requantization,
    Rule,
    activation_bounds,
    affine,
    linear,
)
from npusim.graph.tensor import Tensor
from npusim.simulator.kernels import elementwise, floating_point, pool, tables
from npusim.simulator.kernels.linear import LinearKernel
from npusim.simulator.kernels.softmax import exponentials
from npusim.simulator.kernels.softmax import softmax as softmax_rows
from npusim.simulator.kernels.weights import weight_planes

Step = Callable[..., NDArray]

OPTIMIZED_ENDS = ("ruy", "fp32")
"""Rules under which softmax, and floats becoming integers, are LiteRT's optimized kernels."""


def step(network: Network, node: Node, rule: Rule) -> Step:
    """Return the function that computes `node`.

    Raises
    ------
    UnsupportedError, RangeError
        The operator, its types or its scales are beyond the kernels engine.
    """
    return _step(node.operator, network, node, rule)


@singledispatch
def _step(operator: op.Operator, network: Network, node: Node, rule: Rule) -> Step:
    raise UnsupportedError(f"{node.name}: the kernels engine has no {node.kind} under {rule}")


def require_8_bit(node: Node, *tensors: Tensor) -> None:
    """Raise UnsupportedError unless every tensor is int8 or uint8."""
    for tensor in tensors:
        if tensor.dtype not in (np.int8, np.uint8):
            raise UnsupportedError(
                f"{node.name}: expected 8-bit integers in {tensor.name}, found {tensor.dtype}"
            )


def _one_input(network: Network, node: Node) -> tuple[Tensor, Tensor]:
    """Return the input and output of a node on 8-bit integers."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_8_bit(node, x, y)
    return x, y


def _integers(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def _one_step(r: Requantization) -> tuple[int, int, int, int, int, int]:
    """Return M, shift, mode, zero point, low, high of a Requantization of one channel."""
    mode = ROUNDING_MODES.index(r.rounding)
    return int(r.multipliers[0, 0]), int(r.shift[0]), mode, r.zero_point, r.low, r.high


@_step.register(op.Conv2D)
def _(operator: op.Conv2D, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    kernel = LinearKernel(
        weight_planes(network, node),
        operator.window,
        operator.groups,
        affine(node, x)[1],
        linear(network, node, rule),
        x.dtype,
        y.dtype,
    )
    return lambda threads, x: kernel(x, threads)


@_step.register(op.FullyConnected)
def _(operator: op.FullyConnected, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    planes = weight_planes(network, node)
    channels, taps = planes.shape[1], planes.shape[-1]
    kernel = LinearKernel(
        planes,
        op.Window((1, 1)),
        1,
        affine(node, x)[1],
        linear(network, node, rule),
        x.dtype,
        y.dtype,
    )
    if operator.keep_dims:
        return lambda threads, x: kernel(x.reshape(-1, 1, 1, taps), threads).reshape(
            *x.shape[:-1], channels
        )
    return lambda threads, x: kernel(x.reshape(-1, 1, 1, taps), threads).reshape(-1, channels)


@_step.register(op.Add)
def _(operator: op.Add, network: Network, node: Node, rule: Rule) -> Step:
    r = constants.add(network, node, rule)
    if isinstance(r, constants.ThreeStepAdd):
        values = _integers(r.left_shift, *r.multipliers, *r.shifts, *r.zero_points, r.low, r.high)
        return _elementwise(network, node, elementwise.add_three_step, values)
    _, shift, *rest = _one_step(r)
    values = _integers(*r.multipliers[:, 0], r.bias[0], shift, *rest)
    return _elementwise(network, node, elementwise.add_two_terms, values)


@_step.register(op.Mul)
def _(operator: op.Mul, network: Network, node: Node, rule: Rule) -> Step:
    zero_points = [affine(node, x)[1] for x in network.inputs_of(node)]
    values = _integers(*zero_points, *_one_step(constants.multiply(network, node, rule)))
    return _elementwise(network, node, elementwise.multiply, values)


def _elementwise(
    network: Network, node: Node, kernel: Callable[..., None], values: NDArray[np.int64]
) -> Step:
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    require_8_bit(node, a, b, y)
    dtype = y.dtype

    def same_shape(threads: int, a: NDArray, b: NDArray) -> NDArray:
        y = np.empty(a.shape, dtype)
        kernel(a.reshape(-1), b.reshape(-1), values, y.reshape(-1))
        return y

    def broadcast(threads: int, a: NDArray, b: NDArray) -> NDArray:
        a, b = (np.array(x) for x in np.broadcast_arrays(a, b))
        return same_shape(threads, a, b)

    batched = a.is_constant == b.is_constant
    return same_shape if batched and a.shape == b.shape else broadcast


def window_geometry(window: op.Window) -> NDArray[np.int64]:
    """Return [KH KW SH SW DH DW top left], as the kernels of pool.py take it."""
    top, _, left, _ = window.padding
    return _integers(*window.kernel, *window.stride, *window.dilation, top, left)


@_step.register(op.AveragePool)
def _(operator: op.AveragePool, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    r = constants.average_pool(network, node, rule)
    geometry, shape, dtype = window_geometry(operator.window), y.shape[1:], y.dtype
    if isinstance(r, constants.WindowDivision):

        def divide(threads: int, x: NDArray) -> NDArray:
            y = np.empty((len(x), *shape), dtype)
            pool.average_pool_division(x, geometry, r.low, r.high, y)
            return y

        return divide
    _, zero_point = affine(node, x)
    _, _, mode, *bounds = _one_step(r)
    multipliers, shifts = r.multipliers[0].copy(), r.shift.copy()

    def rescale(threads: int, x: NDArray) -> NDArray:
        y = np.empty((len(x), *shape), dtype)
        pool.average_pool_requantize(x, geometry, zero_point, multipliers, shifts, mode, *bounds, y)
        return y

    return rescale


@_step.register(op.MaxPool)
def _(operator: op.MaxPool, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    _require_same_quantization(node, x, y)
    low, high = activation_bounds(operator.activation, *affine(node, y), y.dtype)
    geometry, shape, dtype = window_geometry(operator.window), y.shape[1:], y.dtype

    def maximum(threads: int, x: NDArray) -> NDArray:
        y = np.empty((len(x), *shape), dtype)
        pool.max_pool(x, geometry, low, high, y)
        return y

    return maximum


def _same_quantization(a: Tensor, b: Tensor) -> bool:
    if a.quantization is None or b.quantization is None:
        return a.quantization is b.quantization
    return bool(
        np.array_equal(a.quantization.scale, b.quantization.scale)
        and np.array_equal(a.quantization.zero_point, b.quantization.zero_point)
    )


def _require_same_quantization(node: Node, x: Tensor, y: Tensor) -> None:
    if x.dtype != y.dtype or not _same_quantization(x, y):
        raise UnsupportedError(
            f"{node.name}: expected {x.name} and {y.name} of one type, scale and zero point"
        )


@_step.register(op.Mean)
def _(operator: op.Mean, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    r = constants.mean(network, node, rule)
    optimized = rule == "ruy" and constants.is_image_mean(operator, len(x.shape))
    shape, dtype, rank = y.shape, y.dtype, len(x.shape)
    kept = [axis for axis in range(rank) if axis not in operator.axes]
    leading = [axis for axis in kept if axis < min(operator.axes, default=rank)]
    order = (*leading, *operator.axes, *[axis for axis in kept if axis not in leading])
    extent = prod(x.shape[axis] for axis in operator.axes)
    inner = prod(x.shape[axis] for axis in kept if axis not in leading)
    in_order = order == tuple(range(rank))
    batch_kept = 0 not in operator.axes

    def average(threads: int, x: NDArray) -> NDArray:
        if not in_order:
            x = np.ascontiguousarray(x.transpose(order))
        rows = x.reshape(-1, extent, inner)
        sums = np.empty((rows.shape[0], inner), np.int64)
        pool.sum_middle(rows, sums)
        y = np.empty(sums.shape, dtype)
        finish(sums, y)
        return y.reshape(-1, *shape[1:]) if batch_kept else y.reshape(shape)

    if isinstance(r, FloatRequantization):
        scale, offset = r.scale[0], int(r.bias[0])

        def finish(sums: NDArray[np.int64], y: NDArray) -> None:
            floating_point.requantize_sums(sums, scale, offset, r.zero_point, r.low, r.high, y)

        return average
    multiplier, shift, mode, *rest = _one_step(r)
    bias = int(r.bias[0])
    vectors = inner - inner % constants.OPTIMIZED_LANES if optimized else inner

    def finish(sums: NDArray[np.int64], y: NDArray) -> None:
        pool.requantize_sums(sums, multiplier, bias, shift, mode, *rest, 0, vectors, y)
        if vectors < inner:
            pool.requantize_sums(sums, multiplier, bias, shift, TFLITE, *rest, vectors, inner, y)

    return average


@_step.register(op.Softmax)
def _(operator: op.Softmax, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    r = constants.softmax(network, node, rule)
    limits, dtype = np.iinfo(y.dtype), y.dtype
    if rule in OPTIMIZED_ENDS:
        so, zo = affine(node, y)
        floats = floating_point.exponentials(affine(node, x)[0], operator.beta)

        def rows(x: NDArray, y: NDArray) -> None:
            floating_point.softmax_lookup(x, floats, so, zo, limits.min, limits.max, y)

    else:
        table = exponentials(r)

        def rows(x: NDArray, y: NDArray) -> None:
            softmax_rows(x, table, r.least_difference, limits.min, y)

    axis, last = operator.axis, operator.axis == len(x.shape) - 1

    def probabilities(threads: int, x: NDArray) -> NDArray:
        if not last:
            x = np.ascontiguousarray(np.moveaxis(x, axis, -1))
        y = np.empty(x.shape, dtype)
        rows(x.reshape(-1, x.shape[-1]), y.reshape(-1, x.shape[-1]))
        return y if last else np.ascontiguousarray(np.moveaxis(y, -1, axis))

    return probabilities


def _table_step(x: Tensor, table: NDArray) -> Step:
    least = int(np.iinfo(x.dtype).min)

    def look_up(threads: int, x: NDArray) -> NDArray:
        y = np.empty(x.shape, table.dtype)
        elementwise.lookup(x.reshape(-1), least, table, y.reshape(-1))
        return y

    return look_up


def _with_scalar_rest(network: Network, node: Node, whole: Step) -> Step:
    """Return `whole` with the last elements of each sample rounded as scalar code does."""
    x = network.inputs_of(node)[0]
    rest = prod(x.shape[1:]) % constants.OPTIMIZED_LANES
    if not rest:
        return whole
    scalar = _table_step(x, tables.requantization(network, node, "tflite"))

    def run(threads: int, x: NDArray) -> NDArray:
        y = whole(threads, x)
        last = np.ascontiguousarray(x.reshape(len(x), -1)[:, -rest:])
        y.reshape(len(y), -1)[:, -rest:] = scalar(threads, last)
        return y

    return run


@_step.register(op.Quantize)
def _(operator: op.Quantize, network: Network, node: Node, rule: Rule) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not x.is_float:
        whole = _table_step(x, tables.requantization(network, node, rule))
        optimized = constants.is_optimized_requantize(node, rule, x, y)
        return _with_scalar_rest(network, node, whole) if optimized else whole
    require_8_bit(node, y)
    scale, zero_point = affine(node, y)
    if rule in OPTIMIZED_ENDS:
        ties: Literal["away", "even", "reciprocal_even"] = "reciprocal_even"
    else:
        ties = "away" if network.source == "tflite" else "even"
    offset = np.array(zero_point)
    return lambda threads, x: floating_point.quantize(x, scale, offset, y.dtype, ties)


@_step.register(op.Dequantize)
def _(operator: op.Dequantize, network: Network, node: Node, rule: Rule) -> Step:
    x = network.inputs_of(node)[0]
    require_8_bit(node, x)
    scale, zero_point = affine(node, x)
    offset, distributed = np.array(zero_point), rule == "ruy"
    return lambda threads, x: floating_point.dequantize(x, scale, offset, distributed)


@_step.register(op.Activation)
def _(operator: op.Activation, network: Network, node: Node, rule: Rule) -> Step:
    x, _ = _one_input(network, node)
    return _table_step(x, tables.activation(network, node, rule))


@_step.register(op.Pad)
def _(operator: op.Pad, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    _require_same_quantization(node, x, y)
    _, fill = affine(node, x)
    image = zip(operator.before[1:], x.shape[1:], strict=True)
    inside = (slice(None), *(slice(before, before + n) for before, n in image))
    shape, dtype = y.shape[1:], y.dtype
    if operator.before[0] or operator.after[0]:
        raise UnsupportedError(f"{node.name}: padding along the batch axis")

    def pad(threads: int, x: NDArray) -> NDArray:
        y = np.full((len(x), *shape), fill, dtype)
        y[inside] = x
        return y

    return pad


@_step.register(op.Reshape)
def _(operator: op.Reshape, network: Network, node: Node, rule: Rule) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    _require_same_quantization(node, x, y)
    shape = operator.shape
    if x.shape[:1] == shape[:1]:
        return lambda threads, x: x.reshape(len(x), *shape[1:])
    return lambda threads, x: x.reshape(shape)


@_step.register(op.Transpose)
def _(operator: op.Transpose, network: Network, node: Node, rule: Rule) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    _require_same_quantization(node, x, y)
    return lambda threads, x: np.ascontiguousarray(x.transpose(operator.order))


@_step.register(op.Slice)
def _(operator: op.Slice, network: Network, node: Node, rule: Rule) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    _require_same_quantization(node, x, y)
    bounds = [slice(*b) for b in zip(operator.start, operator.stop, operator.step, strict=True)]
    if operator.start[0] == 0 and operator.stop[0] == x.shape[0] and operator.step[0] == 1:
        bounds[0] = slice(None)
    index = tuple(bounds)
    return lambda threads, x: np.ascontiguousarray(x[index])


@_step.register(op.Concat)
def _(operator: op.Concat, network: Network, node: Node, rule: Rule) -> Step:
    inputs, y = network.inputs_of(node), network.output_of(node)
    require_8_bit(node, *inputs, y)
    steps = [
        None
        if _same_quantization(x, y) and x.dtype == y.dtype
        else _table_step(x, tables.joined(network, node, rule, position))
        for position, x in enumerate(inputs)
    ]

    def join(threads: int, *parts: NDArray) -> NDArray:
        return np.concatenate(
            [
                part if convert is None else convert(threads, part)
                for part, convert in zip(parts, steps, strict=True)
            ],
            axis=operator.axis,
        )

    return join
