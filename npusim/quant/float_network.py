"""A float network executed in float64: the reference that calibration and accuracy compare with.

Deterministic to the bit on any machine and number of threads (see float_kernels, elementary).
Nodes run one after the other over a chunk of samples; a tensor lives until its last reader is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import RangeError, ShapeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.quant.float_kernels import convolve, convolve_depthwise
from npusim.runtimes.elementary import exp, sigmoid, tanh

Values = list[NDArray[np.float64]]
Observer = Callable[
    [Node | None, Tensor, NDArray[np.float64], Mapping[str, NDArray[np.float64]]], None
]
"""Called with the node (None for the network's input), its output tensor, the values [N ...], and
every value alive."""

CHUNK_SAMPLES = 8
"""Samples executed together; results do not depend on it."""


def run_float(
    network: Network, x: NDArray, *, observe: Observer | None = None, threads: int | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return the outputs float64 [N ...] (canonical layout) of a float network for samples `x`.

    Parameters
    ----------
    x : array [N ...]
        Samples in the file's layout of the network's one input.
    observe
        Sees every computed tensor of every chunk of samples, in order.
    threads
        Cores to use; all when None. The result does not depend on it.

    Raises
    ------
    RangeError
        A sample is not finite.
    ShapeError
        The samples do not fit the input.
    UnsupportedError
        The network has several inputs, or integer layers.
    """
    values = canonical_samples(network, x)
    outputs: dict[str, list[NDArray[np.float64]]] = {name: [] for name in network.outputs}
    for start in range(0, len(values), CHUNK_SAMPLES):
        chunk = _run_chunk(network, values[start : start + CHUNK_SAMPLES], observe, threads)
        for name in network.outputs:
            outputs[name].append(chunk[name])
    return {name: np.concatenate(parts) for name, parts in outputs.items()}


def canonical_samples(network: Network, x: NDArray) -> NDArray[np.float64]:
    """Return samples [N ...] of the network's one input as float64 in canonical layout."""
    if len(network.inputs) != 1:
        raise UnsupportedError(
            f"{network.name}: expected a network of one input, found {len(network.inputs)}"
        )
    tensor = network.tensors[network.inputs[0]]
    expected = tensor.in_file_order(np.empty(tensor.shape, np.bool_)).shape
    x = np.asarray(x)
    if x.ndim == len(expected) - 1 and x.shape == expected[1:]:
        x = x[None]
    if x.shape[1:] != expected[1:] or len(x) < 1:
        raise ShapeError(
            f"{tensor.name}: expected samples [N{''.join(f' {n}' for n in expected[1:])}], "
            f"found {list(x.shape)}"
        )
    if not np.isfinite(x).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(x))[0]]
        raise RangeError(
            f"{tensor.name}: expected finite samples, found {x[tuple(where)]} at {where}"
        )
    return np.ascontiguousarray(tensor.from_file_order(x.astype(np.float64)))


def _run_chunk(
    network: Network, x: NDArray[np.float64], observe: Observer | None, threads: int | None
) -> dict[str, NDArray[np.float64]]:
    alive: dict[str, NDArray[np.float64]] = {network.inputs[0]: x}
    readers = {name: len(nodes) for name, nodes in network.consumers.items()}
    for name in network.outputs:
        readers[name] += 1
    if observe is not None:
        observe(None, network.tensors[network.inputs[0]], x, alive)
    for node in network.nodes:
        inputs = [
            alive[name] if name in alive else constant(network.tensors[name])
            for name in node.inputs
        ]
        y = np.ascontiguousarray(evaluate(node.operator, inputs, threads or os.cpu_count() or 1))
        alive[node.outputs[0]] = y
        if observe is not None:
            observe(node, network.output_of(node), y, alive)
        for name in node.inputs:
            readers[name] -= 1
            if not readers[name]:
                alive.pop(name, None)
    return {name: alive[name] for name in network.outputs}


def constant(tensor: Tensor) -> NDArray[np.float64]:
    """Return the values of a constant float tensor.

    Raises
    ------
    UnsupportedError
        It is an integer tensor.
    RangeError
        It holds a value that is not finite.
    """
    if tensor.data is None or not tensor.is_float:
        raise UnsupportedError(
            f"{tensor.name}: expected a float network, found {tensor.dtype} values (quantize takes "
            f"float networks)"
        )
    if not np.isfinite(tensor.data).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(tensor.data))[0]]
        raise RangeError(
            f"{tensor.name}: expected finite weights, found {tensor.data[tuple(where)]} at {where}"
        )
    return tensor.data.astype(np.float64)


def pad_image(x: NDArray[np.float64], window: op.Window, value: float = 0.0) -> NDArray[np.float64]:
    """Return x [N H W C] with the window's padding around it."""
    top, bottom, left, right = window.padding
    if not any(window.padding):
        return x
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def taps(
    x: NDArray[np.float64], window: op.Window, value: float = 0.0
) -> list[NDArray[np.float64]]:
    """Return a view [N OH OW C] of x [N H W C] for each tap of the window, row by row."""
    height, width = window.output_size(x.shape[1], x.shape[2])
    padded = pad_image(x, window, value)
    (stride_h, stride_w), (dilation_h, dilation_w) = window.stride, window.dilation
    return [
        padded[
            :,
            i * dilation_h : i * dilation_h + (height - 1) * stride_h + 1 : stride_h,
            j * dilation_w : j * dilation_w + (width - 1) * stride_w + 1 : stride_w,
        ]
        for i in range(window.kernel[0])
        for j in range(window.kernel[1])
    ]


def clamp(x: NDArray[np.float64], bounds: op.Clamp | None) -> NDArray[np.float64]:
    """Return x within a fused activation's bounds."""
    if bounds is None:
        return x
    low = -np.inf if bounds.low is None else bounds.low
    high = np.inf if bounds.high is None else bounds.high
    return np.clip(x, low, high)


@singledispatch
def evaluate(operator: op.Operator, inputs: Values, threads: int) -> NDArray[np.float64]:
    """Return what an operator makes of its inputs, constants included.

    Raises
    ------
    UnsupportedError
        It is none of float networks.
    """
    raise UnsupportedError(f"{type(operator).__name__}: not an operator of float networks")


@evaluate.register
def _(operator: op.Conv2D, inputs: Values, threads: int) -> NDArray[np.float64]:
    x, w = inputs[:2]
    window, groups = operator.window, operator.groups
    height, width = window.output_size(x.shape[1], x.shape[2])
    channels = w.shape[0]
    padded = np.ascontiguousarray(pad_image(x, window))
    y = np.zeros((len(x), height, width, channels))
    geometry = (*window.stride, *window.dilation)
    if w.shape[3] == 1 and groups == channels:
        weights = np.ascontiguousarray(w[..., 0].transpose(1, 2, 0))
        job = convolve_depthwise
    else:
        grouped = w.reshape(groups, channels // groups, *w.shape[1:])
        weights = np.ascontiguousarray(grouped.transpose(0, 2, 3, 4, 1))
        job = convolve

    def one(n: int) -> None:
        job(padded[n : n + 1], weights, *geometry, y[n : n + 1])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(len(x))))
    if len(inputs) > 2:
        y += inputs[2].reshape(-1)
    return clamp(y, operator.activation)


@evaluate.register
def _(operator: op.FullyConnected, inputs: Values, threads: int) -> NDArray[np.float64]:
    x, w = inputs[:2]
    rows = x.reshape(-1, 1, 1, w.shape[1])
    y = np.zeros((len(rows), 1, 1, len(w)))
    convolve(np.ascontiguousarray(rows), np.ascontiguousarray(w.T)[None, None, None], 1, 1, 1, 1, y)
    y = y.reshape((*x.shape[:-1], len(w)) if operator.keep_dims else (-1, len(w)))
    if len(inputs) > 2:
        y += inputs[2].reshape(-1)
    return clamp(y, operator.activation)


@evaluate.register
def _(operator: op.Add, inputs: Values, threads: int) -> NDArray[np.float64]:
    return clamp(inputs[0] + inputs[1], operator.activation)


@evaluate.register
def _(operator: op.Mul, inputs: Values, threads: int) -> NDArray[np.float64]:
    return clamp(inputs[0] * inputs[1], operator.activation)


@evaluate.register
def _(operator: op.AveragePool, inputs: Values, threads: int) -> NDArray[np.float64]:
    (x,) = inputs
    total = sum_in_order(taps(x, operator.window))
    ones = np.ones((1, *x.shape[1:3], 1))
    if operator.count_padding:
        ones = pad_image(ones, operator.window, 1.0)
        bare = op.Window(operator.window.kernel, operator.window.stride, operator.window.dilation)
        count = sum_in_order(taps(ones, bare))
    else:
        count = sum_in_order(taps(ones, operator.window))
    return clamp(total / np.maximum(count, 1.0), operator.activation)


def sum_in_order(terms: Values) -> NDArray[np.float64]:
    """Return terms[0] + terms[1] + ..., from the left."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@evaluate.register
def _(operator: op.MaxPool, inputs: Values, threads: int) -> NDArray[np.float64]:
    views = taps(inputs[0], operator.window, -np.inf)
    return clamp(np.maximum.reduce(views), operator.activation)


@evaluate.register
def _(operator: op.Mean, inputs: Values, threads: int) -> NDArray[np.float64]:
    (x,) = inputs
    kept = [axis for axis in range(x.ndim) if axis not in operator.axes]
    rows = np.ascontiguousarray(x.transpose(*operator.axes, *kept))
    rows = rows.reshape(-1, *(x.shape[axis] for axis in kept))
    mean = sum_in_order(list(rows)) / len(rows)
    return np.expand_dims(mean, operator.axes) if operator.keep_dims else mean


@evaluate.register
def _(operator: op.Softmax, inputs: Values, threads: int) -> NDArray[np.float64]:
    x = inputs[0] * operator.beta
    e = exp(x - x.max(axis=operator.axis, keepdims=True))
    return e / e.sum(axis=operator.axis, keepdims=True)


@evaluate.register
def _(operator: op.Clip, inputs: Values, threads: int) -> NDArray[np.float64]:
    return clamp(inputs[0], operator.bounds)


@evaluate.register
def _(operator: op.Sigmoid, inputs: Values, threads: int) -> NDArray[np.float64]:
    return sigmoid(inputs[0])


@evaluate.register
def _(operator: op.Tanh, inputs: Values, threads: int) -> NDArray[np.float64]:
    return tanh(inputs[0])


@evaluate.register
def _(operator: op.LeakyRelu, inputs: Values, threads: int) -> NDArray[np.float64]:
    (x,) = inputs
    return np.where(x < 0, operator.alpha * x, x)


@evaluate.register
def _(operator: op.HardSwish, inputs: Values, threads: int) -> NDArray[np.float64]:
    (x,) = inputs
    return x * np.clip(x + 3, 0, 6) / 6


@evaluate.register
def _(operator: op.BatchNormalization, inputs: Values, threads: int) -> NDArray[np.float64]:
    x, gamma, beta, mean, variance = inputs
    return gamma * (x - mean) / np.sqrt(variance + operator.epsilon) + beta


@evaluate.register
def _(operator: op.Pad, inputs: Values, threads: int) -> NDArray[np.float64]:
    return np.pad(inputs[0], list(zip(operator.before, operator.after, strict=True)))


@evaluate.register
def _(operator: op.Reshape, inputs: Values, threads: int) -> NDArray[np.float64]:
    (x,) = inputs
    return x.reshape(len(x), *operator.shape[1:])


@evaluate.register
def _(operator: op.Transpose, inputs: Values, threads: int) -> NDArray[np.float64]:
    return inputs[0].transpose(operator.order)


@evaluate.register
def _(operator: op.Concat, inputs: Values, threads: int) -> NDArray[np.float64]:
    return np.concatenate(inputs, axis=operator.axis)


@evaluate.register
def _(operator: op.Slice, inputs: Values, threads: int) -> NDArray[np.float64]:
    (x,) = inputs
    bounds = zip(operator.start, operator.stop, operator.step, strict=True)
    index = tuple(slice(*b) for b in bounds)
    return x[(slice(None), *index[1:])]
