"""One node of an .onnx network -> a function of its inputs that gives onnxruntime's bytes.

As steps.py, for rule `fp32` on files whose runtime is onnxruntime. Operators not named here are the
same under every rule (MaxPool, Pad, Transpose, ...). Tensors that the file keeps in float between a
DequantizeLinear and a QuantizeLinear are float32 here too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.codes.weight_planes import weight_planes
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.kernels import floating_point, pool, steps
from npusim.kernels.kernel_step import KernelStep
from npusim.kernels.linear import LinearKernel, LinearStep
from npusim.kernels.vector_rest import Step
from npusim.runtimes import onnxruntime as constants
from npusim.runtimes.requantization import FloatRequantization, affine, linear


def step(network: Network, node: Node) -> Step:
    """Return the function (threads, x, ...) -> y that computes `node`.

    Raises
    ------
    UnsupportedError, RangeError
        The operator, its types or its scales are beyond the kernels engine.
    """
    return _step(node.operator, network, node)


def has_step(operator: op.Operator) -> bool:
    """Return whether there is a function for this kind of operator, whatever its types."""
    return _step.dispatch(type(operator)) is not _step.dispatch(object)


@singledispatch
def _step(operator: op.Operator, network: Network, node: Node) -> Step:
    return steps.step(network, node, "fp32")


def _unsupported(node: Node, why: str) -> UnsupportedError:
    return UnsupportedError(f"{node.name}: the kernels engine has no {node.kind} {why}")


def _conv_kernel(network: Network, node: Node, window: op.Window, groups: int) -> LinearKernel:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if y.dtype == np.int32:
        channels = network.inputs_of(node)[1].shape[0]
        unused = FloatRequantization(
            "fp32", np.ones(channels), np.zeros(channels, np.int64), 0, -128, 127
        )
        planes = weight_planes(network, node)
        return LinearKernel(planes, window, groups, affine(node, x)[1], unused, x.dtype, np.int8)
    steps.require_8_bit(node, x, y)
    constant = linear(network, node, "fp32")
    low, high = constants.bounds(node, node.operator.activation, y)  # type: ignore[attr-defined]
    return LinearKernel(
        weight_planes(network, node),
        window,
        groups,
        affine(node, x)[1],
        replace(constant, low=low, high=high),
        x.dtype,
        y.dtype,
    )


@_step.register
def _(operator: op.Conv2D, network: Network, node: Node) -> Step:
    if network.inputs_of(node)[0].is_float:
        raise _unsupported(node, "on float values: quantize the network first")
    kernel = _conv_kernel(network, node, operator.window, operator.groups)
    if network.output_of(node).dtype == np.int32:  # ConvInteger: the accumulators themselves
        return lambda threads, x: kernel.accumulators(x)[0]
    return LinearStep(kernel)


@_step.register
def _(operator: op.FullyConnected, network: Network, node: Node) -> Step:
    if network.inputs_of(node)[0].is_float:
        raise _unsupported(node, "on float values: quantize the network first")
    kernel = _conv_kernel(network, node, op.Window((1, 1)), 1)
    return LinearStep(kernel, network.inputs_of(node)[1].shape[1], operator.keep_dims)


@_step.register
def _(operator: op.MatMul, network: Network, node: Node) -> Step:
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    steps.require_8_bit(node, a, b)
    za, zb = affine(node, a)[1], affine(node, b)[1]

    def accumulators(a: NDArray, b: NDArray) -> NDArray[np.int32]:
        return np.matmul(a.astype(np.int32) - np.int32(za), b.astype(np.int32) - np.int32(zb))

    if y.dtype == np.int32:  # MatMulInteger
        return lambda threads, a, b: accumulators(a, b)
    steps.require_8_bit(node, y)
    scale, zero_point = constants.matrix_product_scale(network, node), affine(node, y)[1]
    low, high = constants.bounds(node, None, y)

    def product(threads: int, a: NDArray, b: NDArray) -> NDArray:
        sums = accumulators(a, b).astype(np.int64)
        y = np.empty(sums.shape, dtype)
        rows = (-1, sums.shape[-1])
        floating_point.requantize_sums(
            sums.reshape(rows), scale, 0, zero_point, low, high, y.reshape(rows)
        )
        return y

    dtype = y.dtype
    return product


def _flat(
    network: Network, node: Node, kernel: Callable[[NDArray, NDArray, NDArray], None]
) -> Step:
    """Return the step that runs `kernel` over broadcast, flattened inputs."""
    dtype = network.output_of(node).dtype

    def elements(threads: int, a: NDArray, b: NDArray) -> NDArray:
        if a.shape != b.shape:
            shape = np.broadcast_shapes(a.shape, b.shape)
            a, b = (np.array(np.broadcast_to(x, shape), order="C") for x in (a, b))
        y = np.empty(a.shape, dtype)
        kernel(a.reshape(-1), b.reshape(-1), y.reshape(-1))
        return y

    return elements


@_step.register
def _(operator: op.Add, network: Network, node: Node) -> Step:
    inputs, y = network.inputs_of(node), network.output_of(node)
    if y.is_float:
        return lambda threads, a, b: a + b
    steps.require_8_bit(node, *inputs, y)
    c = constants.add(network, node)
    low, high = constants.bounds(node, operator.activation, y)

    def add(a: NDArray, b: NDArray, y: NDArray) -> None:
        if c.swapped:
            a, b = b, a
        floating_point.add_fused(a, b, c.ratio_a, c.ratio_b, c.offset, low, high, y)

    return _flat(network, node, add)


@_step.register
def _(operator: op.Mul, network: Network, node: Node) -> Step:
    inputs, y = network.inputs_of(node), network.output_of(node)
    if y.is_float:
        return lambda threads, a, b: a * b
    steps.require_8_bit(node, *inputs, y)
    (za, zb), zero_point = (affine(node, x)[1] for x in inputs), affine(node, y)[1]
    ratio = constants.multiply_ratio(network, node)
    low, high = constants.bounds(node, operator.activation, y)

    def multiply(a: NDArray, b: NDArray, y: NDArray) -> None:
        floating_point.multiply_rounded(a, b, za, zb, ratio, zero_point, low, high, y)

    return _flat(network, node, multiply)


@_step.register
def _(operator: op.AveragePool, network: Network, node: Node) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if x.is_float:
        raise _unsupported(node, "on float values: quantize the network first")
    steps.require_8_bit(node, x, y)
    values = constants.real_values(*affine(node, x), x.dtype)
    least = int(np.iinfo(x.dtype).min)
    scale, zero_point = affine(node, y)
    low, high = constants.bounds(node, operator.activation, y)
    geometry, shape, dtype = steps.window_geometry(operator.window), y.shape[1:], y.dtype
    all_taps = prod(operator.window.kernel) if operator.count_padding else 0

    def average(threads: int, x: NDArray) -> NDArray:
        y = np.empty((len(x), *shape), dtype)
        floating_point.average_pool_float(
            x, least, values, geometry, all_taps, scale, zero_point, low, high, y
        )
        return y

    return average


@_step.register
def _(operator: op.MaxPool, network: Network, node: Node) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    steps.require_8_bit(node, x, y)
    limits, geometry = np.iinfo(y.dtype), steps.window_geometry(operator.window)
    values = (geometry, limits.min, limits.max)
    return KernelStep(pool.max_pool, values, y.dtype, y.shape[1:])


@_step.register
def _(operator: op.Mean, network: Network, node: Node) -> Step:
    if network.inputs_of(node)[0].is_float:
        return _float_mean(operator, network, node)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    steps.require_8_bit(node, x, y)
    if not operator.keep_dims or operator.axes != (1, 2):
        raise _unsupported(node, f"of integers over axes {list(operator.axes)}")
    scale, n = constants.mean_scale(network, node)
    bias, zero_point = -n * affine(node, x)[1], affine(node, y)[1]
    low, high = constants.bounds(node, None, y)
    dtype = y.dtype

    def average(threads: int, x: NDArray) -> NDArray:
        sums = np.empty((len(x), x.shape[3]), np.int64)
        pool.sum_middle(x.reshape(len(x), n, x.shape[3]), sums)
        y = np.empty(sums.shape, dtype)
        floating_point.requantize_sums(sums, scale, bias, zero_point, low, high, y)
        return y[:, None, None, :]

    return average


def _float_mean(operator: op.Mean, network: Network, node: Node) -> Step:
    """Return ReduceMean in float32, whose bytes depend on the order of the additions."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    order = x.file_order or tuple(range(len(x.shape)))
    reduced = [axis in operator.axes for axis in order if x.shape[axis] != 1]
    if reduced != sorted(reduced):
        raise _unsupported(
            node, f"in float over axes {list(operator.axes)}: expected the file's last axes"
        )
    length = prod(x.shape[axis] for axis in operator.axes)
    rows_per_image = prod(x.shape) // length
    shape, y_dtype = y.shape, y.dtype

    def mean(threads: int, x: NDArray) -> NDArray:
        rows = np.ascontiguousarray(x.transpose(order)).reshape(-1, length)
        means = np.empty(len(rows), y_dtype)
        floating_point.mean_of_rows(rows, rows_per_image, means)
        return back(means, len(x))

    file_shape = [shape[axis] for axis in (y.file_order or range(len(shape)))]

    def back(values: NDArray, samples: int) -> NDArray:
        inside = values.reshape(samples if shape[:1] == x.shape[:1] else shape[0], *file_shape[1:])
        return np.ascontiguousarray(y.from_file_order(inside))

    return mean


@_step.register
def _(operator: op.Softmax, network: Network, node: Node) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if x.is_float:
        raise _unsupported(node, "on float values")
    steps.require_8_bit(node, x, y)
    table, factor = constants.softmax_table(network, node)
    zero_point, axis, dtype = affine(node, y)[1], operator.axis, y.dtype
    low, high = constants.bounds(node, None, y)

    def probabilities(threads: int, x: NDArray) -> NDArray:
        rows = np.ascontiguousarray(np.moveaxis(x, axis, -1))
        y = np.empty(rows.shape, dtype)
        flat = (-1, rows.shape[-1])
        floating_point.softmax_lifted(
            rows.reshape(flat), table, factor, zero_point, low, high, y.reshape(flat)
        )
        return np.ascontiguousarray(np.moveaxis(y, -1, axis))

    return probabilities


@_step.register
def _(operator: op.Quantize, network: Network, node: Node) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not x.is_float:
        steps.require_8_bit(node, x, y)
        return steps.table_step(x, constants.conversion_table(node, x, y))
    q = y.quantization
    if q is None:
        raise _unsupported(node, f"without a scale for {y.name}")
    scale, zero_point = (_along(q.axis, len(y.shape), value) for value in (q.scale, q.zero_point))
    dtype = y.dtype
    return lambda threads, x: floating_point.quantize(x, scale, zero_point, dtype, "even")


@_step.register
def _(operator: op.Dequantize, network: Network, node: Node) -> Step:
    x = network.inputs_of(node)[0]
    q = x.quantization
    if q is None or x.is_float:
        raise _unsupported(node, f"of {x.dtype} {x.name} without a scale")
    scale, zero_point = (_along(q.axis, len(x.shape), value) for value in (q.scale, q.zero_point))
    return lambda threads, x: floating_point.dequantize(x, scale, zero_point)


def _along(axis: int | None, rank: int, values: NDArray) -> NDArray:
    """Return one value, or values along `axis`, shaped to broadcast against a tensor."""
    if axis is None:
        return values
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])


@_step.register
def _(operator: op.Clip, network: Network, node: Node) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    low, high = operator.low, operator.high
    if x.is_float:
        return lambda threads, x: floating_point.clip(x, low, high)
    steps.require_8_bit(node, x, y)
    return steps.table_step(x, constants.conversion_table(node, x, y, operator.bounds))


@_step.register(op.Sigmoid)
@_step.register(op.Tanh)
@_step.register(op.LeakyRelu)
@_step.register(op.HardSwish)
def _(operator: op.Operator, network: Network, node: Node) -> Step:
    raise _unsupported(node, "under onnxruntime's rule")


@_step.register
def _(operator: op.Reshape, network: Network, node: Node) -> Step:
    x, shape = network.inputs_of(node)[0], operator.shape
    if x.shape[:1] == shape[:1]:
        return lambda threads, x: x.reshape(len(x), *shape[1:])
    return lambda threads, x: x.reshape(shape)


@_step.register
def _(operator: op.Concat, network: Network, node: Node) -> Step:
    inputs, y = network.inputs_of(node), network.output_of(node)
    axis = operator.axis
    if all(x.dtype == y.dtype and x.quantization is None for x in inputs):
        return lambda threads, *parts: np.concatenate(parts, axis)
    steps.require_8_bit(node, *inputs, y)
    convert = [steps.table_step(x, constants.conversion_table(node, x, y)) for x in inputs]
    return lambda threads, *parts: np.concatenate(
        [change(threads, part) for change, part in zip(convert, parts, strict=True)], axis
    )
