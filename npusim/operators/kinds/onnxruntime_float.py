"""onnxruntime's operators in float32: what it computes between DequantizeLinear and QuantizeLinear.

Each function takes the network and the node and returns the step (threads, x, ...) -> y on float32
arrays in canonical layout. Bits follow mlas.py; those of operators that only select or round once
need no more than numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator
from npusim.graph.tensor import Tensor
from npusim.kernels import floating_point, mlas, mlas_products
from npusim.operators.add import Add
from npusim.operators.average_pool import AveragePool
from npusim.operators.batch_normalization import BatchNormalization
from npusim.operators.concat import Concat
from npusim.operators.conv2d import Conv2D
from npusim.operators.elu import Elu
from npusim.operators.exp import Exp
from npusim.operators.fully_connected import FullyConnected
from npusim.operators.gelu import Gelu
from npusim.operators.hard_swish import HardSwish
from npusim.operators.kinds.float_mean import float_mean
from npusim.operators.leaky_relu import LeakyRelu
from npusim.operators.matmul import MatMul
from npusim.operators.max_pool import MaxPool
from npusim.operators.mean import Mean
from npusim.operators.mul import Mul
from npusim.operators.pad import Pad
from npusim.operators.sigmoid import Sigmoid
from npusim.operators.softmax import Softmax
from npusim.operators.tanh import Tanh

Floats = NDArray[np.float32]
Step = Callable[..., Floats]


def _constant(tensor: Tensor) -> Floats:
    if tensor.data is None:
        raise UnsupportedError(f"{tensor.name}: expected constant weights, found computed ones")
    return tensor.data.astype(np.float32)


def _clamped(y: Floats, clamp: Clamp | None) -> Floats:
    return y if clamp is None else floating_point.clip(y, clamp.low, clamp.high)


def conv2d(network: Network, node: Node) -> Step:
    """Return the convolution; weights come out of a DequantizeLinear, not blocked by channels."""
    operator = node.operator
    assert isinstance(operator, Conv2D)
    inputs = network.inputs_of(node)
    weights = _constant(inputs[1])
    bias = _constant(inputs[2]) if len(inputs) > 2 else None
    window, groups, clamp = operator.window, operator.groups, operator.activation
    return lambda threads, x: _clamped(
        mlas_products.convolve(x, weights, bias, window, groups), clamp
    )


def fully_connected(network: Network, node: Node) -> Step:
    """Return Gemm or MatMul by constant weights; sums begin with the bias."""
    operator = node.operator
    assert isinstance(operator, FullyConnected)
    inputs = network.inputs_of(node)
    rows = _constant(inputs[1])
    bias = _constant(inputs[2]) if len(inputs) > 2 else None
    transposed = inputs[1].file_order is None

    def multiply(threads: int, x: Floats) -> Floats:
        flat = x.reshape(-1, rows.shape[1])
        y = mlas_products.product(flat, rows.T, bias, transposed)
        shape = (*x.shape[:-1], len(rows)) if operator.keep_dims else (-1, len(rows))
        return _clamped(y.reshape(shape), operator.activation)

    return multiply


def matmul(network: Network, node: Node) -> Step:
    """Return the product of two values, matrix by matrix."""

    def multiply(threads: int, a: Floats, b: Floats) -> Floats:
        if b.ndim == 2:
            y = mlas_products.product(a.reshape(-1, a.shape[-1]), b)
            return y.reshape(*a.shape[:-1], b.shape[1])
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        left = np.broadcast_to(a, (*batch, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
        right = np.broadcast_to(b, (*batch, *b.shape[-2:])).reshape(-1, *b.shape[-2:])
        parts = [mlas_products.product(x, y) for x, y in zip(left, right, strict=True)]
        return np.stack(parts).reshape(*batch, a.shape[-2], b.shape[-1])

    return multiply


def add(network: Network, node: Node) -> Step:
    """Return the sum."""
    operator = node.operator
    assert isinstance(operator, Add)
    return lambda threads, a, b: _clamped(a + b, operator.activation)


def mul(network: Network, node: Node) -> Step:
    """Return the product, element by element."""
    operator = node.operator
    assert isinstance(operator, Mul)
    return lambda threads, a, b: _clamped(a * b, operator.activation)


def average_pool(network: Network, node: Node) -> Step:
    """Return the average of each window: columns of the window first, then along the row.

    A window that is the whole image runs in the lanes of a global pool. Source: pooling.cpp.
    """
    operator = node.operator
    assert isinstance(operator, AveragePool)
    x = network.inputs_of(node)[0]
    window = operator.window
    if window.kernel == x.shape[1:3] and not any(window.padding):
        return lambda threads, x: _image_means(x)[:, None, None, :]

    def pool(threads: int, x: Floats) -> Floats:
        columns = mlas_products.columns(x, window)
        taps = mlas_products.columns(np.ones((1, *x.shape[1:3], 1), np.float32), window)
        sums = np.zeros((*columns.shape[:3], *columns.shape[4:]), np.float32)
        for row in range(columns.shape[3]):
            sums += columns[:, :, :, row]
        y = np.zeros((*sums.shape[:3], sums.shape[4]), np.float32)
        for column in range(sums.shape[3]):
            y += sums[:, :, :, column]
        inside = prod(window.kernel) if operator.count_padding else taps.sum((3, 4))
        return _clamped((y / np.float32(inside)).astype(np.float32), operator.activation)

    return pool


def _image_means(x: Floats) -> Floats:
    """Return the means [N C] of the images of x [N H W C]."""
    rows = np.ascontiguousarray(np.moveaxis(x, 3, 1)).reshape(x.shape[0] * x.shape[3], -1)
    means = np.empty(len(rows), np.float32)
    mlas.mean_of_image(rows, means)
    return means.reshape(x.shape[0], x.shape[3])


def global_average_pool(network: Network, node: Node) -> Step:
    """Return the mean of each image."""
    return lambda threads, x: _image_means(x)[:, None, None, :]


def max_pool(network: Network, node: Node) -> Step:
    """Return the largest value of each window."""
    operator = node.operator
    assert isinstance(operator, MaxPool)
    window = operator.window

    def pool(threads: int, x: Floats) -> Floats:
        columns = mlas_products.columns(x, window, -np.inf)
        return _clamped(columns.max((3, 4)), operator.activation)

    return pool


def softmax(network: Network, node: Node) -> Step:
    """Return the softmax along the operator's axis."""
    operator = node.operator
    assert isinstance(operator, Softmax)
    if operator.beta != 1:
        raise UnsupportedError(f"{node.name}: Softmax has beta {operator.beta:g}, expected 1")
    return lambda threads, x: mlas.softmax(x, operator.axis)


def concat(network: Network, node: Node) -> Step:
    """Return the parts side by side."""
    operator = node.operator
    assert isinstance(operator, Concat)
    return lambda threads, *parts: np.concatenate(parts, operator.axis)


def pad(network: Network, node: Node) -> Step:
    """Return x with zeros around it."""
    operator = node.operator
    assert isinstance(operator, Pad)
    pairs = list(zip(operator.before, operator.after, strict=True))
    return lambda threads, x: np.pad(x, pairs)


def batch_normalization(network: Network, node: Node) -> Step:
    """Return x times one factor plus one offset per channel."""
    operator = node.operator
    assert isinstance(operator, BatchNormalization)
    scale, bias, mean, variance = (_constant(t) for t in network.inputs_of(node)[1:])
    factor = scale * (np.float32(1) / np.sqrt(variance + np.float32(operator.epsilon)))
    offset = bias - mean * factor
    return lambda threads, x, *constants: x * factor + offset


def leaky_relu(network: Network, node: Node) -> Step:
    """Return x, times alpha where it is negative."""
    operator = node.operator
    assert isinstance(operator, LeakyRelu)
    alpha = np.float32(operator.alpha)
    return lambda threads, x: np.where(x >= 0, x, alpha * x)


def hard_swish(network: Network, node: Node) -> Step:
    """Return x times its hard sigmoid: a product of two operators, as ONNX defines it."""
    third = np.float32(1 / 6)
    return lambda threads, x: x * hard_sigmoid(x, third, np.float32(0.5))


def hard_sigmoid(x: Floats, alpha: np.float32, beta: np.float32) -> Floats:
    """Return alpha x + beta within 0..1."""
    return np.maximum(np.minimum(alpha * x + beta, np.float32(1)), np.float32(0))


def mean(network: Network, node: Node) -> Step:
    """Return ReduceMean; over other axes than the file's last the sums run in order."""
    operator = node.operator
    assert isinstance(operator, Mean)
    try:
        return float_mean(network, node, "onnxruntime")
    except UnsupportedError:
        return lambda threads, x: x.mean(operator.axes, np.float32, keepdims=operator.keep_dims)


def gelu(network: Network, node: Node) -> Step:
    """Return x / 2 (1 + erf(x / sqrt 2)), or the approximation by tanh."""
    operator = node.operator
    assert isinstance(operator, Gelu)
    half, one = np.float32(0.5), np.float32(1)
    if not operator.approximate:
        root = np.float32(0.5**0.5)
        return lambda threads, x: half * x * (mlas.erf(x * root) + one)
    factor, cubic = np.float32(0.7978845608028654), np.float32(0.044715)

    def approximate(threads: int, x: Floats) -> Floats:
        inner = x * (factor + factor * cubic * x * x)
        return half * x * (one + mlas.tanh(inner))

    return approximate


def elu(network: Network, node: Node) -> Step:
    """Return x, or e^x - 1 below 0."""
    return lambda threads, x: np.where(x >= 0, x, mlas.exp(x) - np.float32(1))


FLOAT: dict[type[Operator], Callable[[Network, Node], Step]] = {
    Add: add,
    AveragePool: average_pool,
    BatchNormalization: batch_normalization,
    Concat: concat,
    Conv2D: conv2d,
    FullyConnected: fully_connected,
    Elu: elu,
    Exp: lambda network, node: lambda threads, x: mlas.exp(x),
    Gelu: gelu,
    HardSwish: hard_swish,
    LeakyRelu: leaky_relu,
    MatMul: matmul,
    MaxPool: max_pool,
    Mean: mean,
    Mul: mul,
    Pad: pad,
    Sigmoid: lambda network, node: lambda threads, x: mlas.logistic(x),
    Softmax: softmax,
    Tanh: lambda network, node: lambda threads, x: mlas.tanh(x),
}
"""Operators that are no movement, by class; those of pages of their own have their part there."""
