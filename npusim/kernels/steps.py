"""One node of a network -> one function of its inputs, with every decision taken here.

`step(network, node, rule)` returns a function (threads, x, ...) -> y on canonical arrays whose
leading axis is the batch. The choice depends on the operator, the rule and the types alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.codes.weight_planes import weight_planes
from npusim.datapath.requantize import TFLITE
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor, same_quantization
from npusim.kernels import elementwise, floating_point, pool
from npusim.kernels.kernel_step import KernelStep
from npusim.kernels.layout import (
    pad,
    require_same_quantization,
    reshape,
    slice_axes,
    transpose,
)
from npusim.kernels.linear import LinearKernel, LinearStep
from npusim.kernels.softmax import exponentials
from npusim.kernels.softmax import softmax as softmax_rows
from npusim.kernels.vector_rest import (
    INTEGER_LANES,
    LANES,
    Step,
    with_scalar_channels,
    with_scalar_elements,
)
from npusim.runtimes import elementwise as constants
from npusim.runtimes import tables
from npusim.runtimes.requantization import (
    FloatRequantization,
    Requantization,
    activation_bounds,
    affine,
    linear,
)
from npusim.words import ROUNDINGS, Rule

OPTIMIZED_SOFTMAX = ("ruy", "fp32")
"""Rules of runtimes whose softmax is a table of float32 exponentials."""


def step(network: Network, node: Node, rule: Rule) -> Step:
    """Return the function that computes `node`.

    Raises
    ------
    UnsupportedError, RangeError
        The operator, its types or its scales are beyond the kernels engine.
    """
    return _step(node.operator, network, node, rule)


def has_step(operator: op.Operator) -> bool:
    """Return whether there is a function for this kind of operator, whatever its types."""
    return _step.dispatch(type(operator)) is not _step.dispatch(object)


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
    mode = ROUNDINGS.index(r.rounding)
    return int(r.multipliers[0, 0]), int(r.shift[0]), mode, r.zero_point, r.low, r.high


@_step.register(op.Conv2D)
def _(operator: op.Conv2D, network: Network, node: Node, rule: Rule) -> Step:
    whole = _convolution(operator, network, node, rule)
    if rule != "ruy" or operator.groups == 1:
        return whole
    scalar = _convolution(operator, network, node, "tflite")
    return with_scalar_channels(whole, scalar, network.output_of(node).shape[3])


def _convolution(operator: op.Conv2D, network: Network, node: Node, rule: Rule) -> Step:
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
    return LinearStep(kernel)


@_step.register(op.FullyConnected)
def _(operator: op.FullyConnected, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    planes = weight_planes(network, node)
    kernel = LinearKernel(
        planes,
        op.Window((1, 1)),
        1,
        affine(node, x)[1],
        linear(network, node, rule),
        x.dtype,
        y.dtype,
    )
    return LinearStep(kernel, planes.shape[-1], operator.keep_dims)


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
    same_shape = KernelStep(kernel, (values,), y.dtype, view=(-1,))

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
    geometry = window_geometry(operator.window)
    if isinstance(r, constants.WindowDivision):
        return KernelStep(
            pool.average_pool_division, (geometry, r.low, r.high), y.dtype, y.shape[1:]
        )
    mode = ROUNDINGS.index(r.rounding)
    values = (
        geometry, affine(node, x)[1], r.multipliers[0].copy(), r.shift.copy(), mode, r.zero_point,
        r.low, r.high,
    )  # fmt: skip
    return KernelStep(pool.average_pool_requantize, values, y.dtype, y.shape[1:])


@_step.register(op.MaxPool)
def _(operator: op.MaxPool, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    require_same_quantization(node, x, y)
    low, high = activation_bounds(operator.activation, *affine(node, y), y.dtype)
    geometry = window_geometry(operator.window)
    return KernelStep(pool.max_pool, (geometry, low, high), y.dtype, y.shape[1:])


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
    vectors = inner - inner % INTEGER_LANES if optimized else inner
    finish = _finish_mean(r, vectors, inner)

    def average(threads: int, x: NDArray) -> NDArray:
        if not in_order:
            x = np.ascontiguousarray(x.transpose(order))
        rows = x.reshape(-1, extent, inner)
        sums = np.empty((rows.shape[0], inner), np.int64)
        pool.sum_middle(rows, sums)
        y = np.empty(sums.shape, dtype)
        finish(sums, y)
        return y.reshape(-1, *shape[1:]) if batch_kept else y.reshape(shape)

    return average


def _finish_mean(
    r: Requantization | FloatRequantization, vectors: int, inner: int
) -> Callable[[NDArray[np.int64], NDArray], None]:
    """Return what requantizes sums [O I] into y [O I], columns from `vectors` on as scalar code."""
    if isinstance(r, FloatRequantization):
        scale, offset = r.scale[0], int(r.bias[0])
        return lambda sums, y: floating_point.requantize_sums_fused(
            sums, scale, offset, r.zero_point, r.low, r.high, y
        )
    multiplier, shift, mode, zero_point, low, high = _one_step(r)
    bias = int(r.bias[0])

    def finish(sums: NDArray[np.int64], y: NDArray) -> None:
        for columns in ((0, vectors, mode), (vectors, inner, TFLITE)):
            pool.requantize_sums(sums, multiplier, bias, shift, zero_point, low, high, *columns, y)

    return finish


@_step.register(op.Softmax)
def _(operator: op.Softmax, network: Network, node: Node, rule: Rule) -> Step:
    x, y = _one_input(network, node)
    r = constants.softmax(network, node, rule)
    limits = np.iinfo(y.dtype)
    view = (-1, x.shape[operator.axis])
    if rule in OPTIMIZED_SOFTMAX:
        so, zo = affine(node, y)
        floats = floating_point.exponentials(affine(node, x)[0], operator.beta)
        optimized = (floats, so, zo, limits.min, limits.max)
        rows = KernelStep(floating_point.softmax_lookup, optimized, y.dtype, view=view)
    else:
        integers = (exponentials(r), r.least_difference, limits.min)
        rows = KernelStep(softmax_rows, integers, y.dtype, view=view)
    axis = operator.axis
    if axis == len(x.shape) - 1:
        return rows

    def along_axis(threads: int, x: NDArray) -> NDArray:
        y = rows(threads, np.ascontiguousarray(np.moveaxis(x, axis, -1)))
        return np.ascontiguousarray(np.moveaxis(y, -1, axis))

    return along_axis


def table_step(x: Tensor, table: NDArray) -> Step:
    """Return the step that looks up each of x's 8-bit integers in `table`, ascending by value."""
    values = (tables.by_byte(x, table),)
    return KernelStep(elementwise.lookup_bytes, values, table.dtype, view=(-1,))


@_step.register(op.Quantize)
def _(operator: op.Quantize, network: Network, node: Node, rule: Rule) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    elements = prod(x.shape[1:])
    if not x.is_float:
        whole = table_step(x, tables.requantization(network, node, rule))
        if not constants.is_optimized_requantize(node, rule, x, y):
            return whole
        scalar = table_step(x, tables.requantization(network, node, "tflite"))
        return with_scalar_elements(whole, scalar, elements, INTEGER_LANES)
    require_8_bit(node, y)
    scale, zero_point = np.array(affine(node, y)[0]), np.array(affine(node, y)[1])

    def to_integers(division: floating_point.Division) -> Step:
        return lambda threads, x: floating_point.quantize(x, scale, zero_point, y.dtype, division)

    if rule == "fp32" and network.source == "tflite":
        return to_integers("reciprocal_even")
    if rule == "ruy":
        vector, scalar = to_integers("reciprocal_even"), to_integers("double_away")
        return with_scalar_elements(vector, scalar, elements, LANES)
    return to_integers("away" if network.source == "tflite" else "even")


@_step.register(op.Dequantize)
def _(operator: op.Dequantize, network: Network, node: Node, rule: Rule) -> Step:
    x = network.inputs_of(node)[0]
    require_8_bit(node, x)
    scale, zero_point = np.array(affine(node, x)[0]), np.array(affine(node, x)[1])

    def to_floats(distributed: bool) -> Step:
        return lambda threads, x: floating_point.dequantize(x, scale, zero_point, distributed)

    if rule != "ruy":
        return to_floats(distributed=False)
    vector, scalar = to_floats(distributed=True), to_floats(distributed=False)
    return with_scalar_elements(vector, scalar, prod(x.shape[1:]), LANES)


@_step.register(op.Clip)
@_step.register(op.Sigmoid)
@_step.register(op.Tanh)
@_step.register(op.LeakyRelu)
@_step.register(op.HardSwish)
def _(operator: op.Operator, network: Network, node: Node, rule: Rule) -> Step:
    x, _ = _one_input(network, node)
    return table_step(x, tables.activation(network, node, rule))


@_step.register(op.Concat)
def _(operator: op.Concat, network: Network, node: Node, rule: Rule) -> Step:
    inputs, y = network.inputs_of(node), network.output_of(node)
    require_8_bit(node, *inputs, y)
    steps = [
        None
        if same_quantization(x, y) and x.dtype == y.dtype
        else table_step(x, tables.joined(network, node, rule, position))
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


_step.register(op.Pad, pad)
_step.register(op.Reshape, reshape)
_step.register(op.Transpose, transpose)
_step.register(op.Slice, slice_axes)
