"""Small float networks of operators that classifiers and transformers do not have."""

from __future__ import annotations

import numpy as np

from tests.zoo.draft import Draft


def detr(d: Draft) -> list[str]:
    """Queries attend to the pixels of a convolutional backbone."""
    c, side = 2 * d.size(3, 6), d.size(3, 4)
    n, queries = side * side, 4
    x = d.relu(d.conv(d.input(1, 3, 2 * side, 2 * side), 3, c, stride=2))
    memory = d.transpose(d.reshape(x, 1, c, n), 0, 2, 1)
    keys, values = d.linear(memory, c, c), d.linear(memory, c, c)
    scores = d.node("MatMul", d.normal(1, queries, c), d.transpose(keys, 0, 2, 1))
    y = d.layer_norm(d.node("MatMul", d.node("Softmax", scores, axis=-1), values), c)
    return [d.linear(y, c, 5), d.node("Sigmoid", d.linear(d.relu(d.linear(y, c, c)), c, 4))]


def perceptron(d: Draft) -> list[str]:
    """Dense layers with activations of several kinds."""
    n = d.size(5, 30)
    x = d.node("LeakyRelu", d.gemm(d.input(1, n), n, 17), alpha=0.1)
    x = d.node("Elu", d.gemm(x, 17, 12), alpha=0.8)
    x = d.node("Softplus", d.gemm(x, 12, 9))
    x = d.node("PRelu", d.gemm(x, 9, 8), d.positive(8) / 4)
    return [d.node("LogSoftmax", d.gemm(x, 8, 5), axis=-1)]


def rectified(d: Draft) -> list[str]:
    """PRelu of one slope per channel, and Mish by Softplus and Tanh."""
    c, size = d.size(4, 8), d.size(6, 9)
    x = d.conv(d.input(1, 3, size, size), 3, c)
    x = d.conv(d.node("PRelu", x, d.positive(c, 1, 1) / 4), c, c)
    x = d.node("Mul", x, d.node("Tanh", d.node("Softplus", x)))
    return [d.conv(x, c, 3, 1)]


def local(d: Draft) -> list[str]:
    """LRN, as AlexNet has it, and a maximum pool that overlaps."""
    c, size = d.size(5, 9), d.size(8, 12)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c))
    x = d.node("LRN", x, size=5, alpha=1e-2, beta=0.75, bias=1.0)
    x = d.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    return [d.gemm(d.pooled(d.relu(d.conv(x, c, c, group=1))), c, 4)]


def reduce(d: Draft) -> list[str]:
    """Sums, maxima and means over axes in the middle and at the end."""
    c, size = d.size(4, 8), d.size(5, 8)
    x = d.conv(d.input(1, 3, size, size), 3, c)
    mean = d.node("ReduceMean", x, axes=[2, 3], keepdims=1)
    greatest = d.node("ReduceMax", x, axes=[1], keepdims=1)
    total = d.node("ReduceSum", x, [1], keepdims=1)
    least = d.node("ReduceMin", x, axes=[2], keepdims=1)
    y = d.node("Concat", x, greatest, total, axis=1)
    y = d.node("Mul", d.conv(y, c + 2, c, 1), mean)
    across = d.node("ReduceMean", d.node("Add", y, least), axes=[1], keepdims=0)
    return [across, d.node("ReduceL2", y, axes=[1], keepdims=0)]


def expo(d: Draft) -> list[str]:
    """Exponentials, logarithms, roots, powers and divisions between layers."""
    n = d.size(6, 20)
    x = d.gemm(d.input(1, n), n, 15)
    x = d.node("Div", d.node("Exp", x), d.node("Add", d.node("Abs", x), 1.0))
    x = d.gemm(d.node("Log", d.node("Add", x, 1.0)), 15, 12)
    x = d.node("Sqrt", d.node("Pow", x, 2.0))
    x = d.node("Sub", d.node("Reciprocal", d.node("Add", x, 0.5)), d.node("Neg", x))
    return [d.gemm(x, 12, 3)]


def extremes(d: Draft) -> list[str]:
    """Minimum, maximum, comparison and choice between branches."""
    c, size = d.size(4, 7), d.size(5, 8)
    x = d.input(1, 3, size, size)
    a, b = d.conv(x, 3, c), d.conv(x, 3, c)
    y = d.node("Max", d.node("Min", a, b), d.node("Mul", a, 0.5))
    y = d.node("Where", d.node("Greater", a, b), y, d.node("Sub", b, a))
    return [d.conv(y, c, 2, 1)]


def bounded(d: Draft) -> list[str]:
    """The least and the greatest of values and constants, and a choice that a constant makes."""
    c, size = d.size(4, 7), d.size(5, 8)
    x = d.input(1, 3, size, size)
    a, b = d.conv(x, 3, c), d.conv(x, 3, c)
    y = d.node("Max", d.node("Min", a, b), d.node("Mul", a, 0.5))
    y = d.node("Min", d.node("Max", y, -0.75), d.positive(1, c, 1, 1))
    y = d.node("Where", d.positive(1, 1, size, size) > 0.5, y, b)
    return [d.conv(y, c, 2, 1)]


def heads(d: Draft) -> list[str]:
    """Attention of several heads by Einsum, whose keys are a product of a constant too."""
    n, heads, c = d.size(4, 7), 2, d.size(3, 5)
    x = d.input(1, n, 3 * c)
    weights = [d.normal(3 * c, heads, c) / 4 for _ in range(3)]
    q, k, v = (d.node("Einsum", x, w, equation="bnd,dhc->bnhc") for w in weights)
    scores = d.node("Einsum", q, k, equation="bnhc,bmhc->bhnm")
    y = d.node("Einsum", d.node("Softmax", scores, axis=-1), v, equation="bhnm,bmhc->bnhc")
    return [d.linear(d.reshape(y, 1, n, heads * c), heads * c, 4)]


def sliced(d: Draft) -> list[str]:
    """Space to depth by slices, as early YOLO networks have it."""
    c, size = d.size(4, 7), d.size(4, 6)
    x = d.input(1, 3, 2 * size, 2 * size)
    end = 2 * size
    parts = [d.node("Slice", x, [i, j], [end, end], [2, 3], [2, 2]) for j in (0, 1) for i in (0, 1)]
    x = d.relu(d.conv(d.node("Concat", *parts, axis=1), 12, c))
    x = d.node("SpaceToDepth", d.conv(x, c, c), blocksize=2) if size % 2 == 0 else d.conv(x, c, c)
    return [d.pooled(x)]


def graph_convolution(d: Draft) -> list[str]:
    """Features of nodes averaged over a constant graph, by MatMul from the left."""
    n, c = d.size(5, 9), d.size(4, 9)
    x = d.input(n, c)
    near = d.rng.random((n, n)).astype(np.float32) / n
    x = d.relu(d.node("MatMul", near, d.linear(x, c, 8)))
    x = d.node("MatMul", near, d.linear(x, 8, 6))
    return [d.node("Softmax", x, axis=-1)]


def siamese(d: Draft) -> list[str]:
    """Two inputs through the same weights; the distance of what comes out."""
    c, size = d.size(4, 7), d.size(6, 9)
    weights, bias = d.value(d.weights(c, 3, 3, 3)), d.value(d.normal(c))
    ends = []
    for name in ("left", "right"):
        x = d.node("Conv", d.input(1, 3, size, size, name=name), weights, bias,
                   kernel_shape=[3, 3], pads=[1] * 4)  # fmt: skip
        ends.append(d.pooled(d.relu(x)))
    apart = d.node("Sub", *ends)
    return [d.node("ReduceSum", d.node("Mul", apart, apart), [1], keepdims=1), d.gemm(apart, c, 3)]


def einsum(d: Draft) -> list[str]:
    """An attention written by Einsum, with a Gemm before it."""
    c, n = d.size(4, 8), d.size(4, 7)
    x = d.input(n, c)
    q, k = d.gemm(x, c, 6), d.gemm(x, c, 6)
    scores = d.node("Softmax", d.node("Einsum", q, k, equation="nd,md->nm"), axis=-1)
    return [d.node("MatMul", scores, d.gemm(x, c, 5))]


def tiled(d: Draft) -> list[str]:
    """Expand, Tile, Squeeze, Unsqueeze, Gather: values that move between layers."""
    c, n = d.size(4, 8), d.size(4, 7)
    x = d.gemm(d.input(n, c), c, 6)
    mean = d.node("ReduceMean", x, axes=[0], keepdims=1)
    y = d.node("Concat", x, d.node("Expand", mean, [n, 6]), axis=1)
    y = d.node("Gather", d.gemm(y, 12, 8), [n - 1, 0, 1], axis=0)
    y = d.node("Tile", d.node("Unsqueeze", y, [0]), [2, 1, 1])
    return [d.linear(d.node("Squeeze", d.reshape(y, 1, 6, 8), [0]), 8, 3)]
