"""Small float networks of tokens and signals."""

from __future__ import annotations

import numpy as np

from tests.zoo.draft import Draft


def heads(d: Draft, x: str, n: int, heads: int, width: int) -> str:
    """Write an attention of several heads by MatMul, Softmax and MatMul."""
    c = heads * width
    q, k, v = (
        d.transpose(d.reshape(d.linear(x, c, c), 1, n, heads, width), 0, 2, 1, 3) for _ in range(3)
    )
    scores = d.node("MatMul", q, d.transpose(k, 0, 1, 3, 2))
    scores = d.node("Softmax", d.node("Div", scores, float(np.sqrt(width))), axis=-1)
    y = d.reshape(d.transpose(d.node("MatMul", scores, v), 0, 2, 1, 3), 1, n, c)
    return d.linear(y, c, c)


def vit(d: Draft) -> list[str]:
    """Patches by a convolution, a class token, positions, one block, the token's logits."""
    c, side = 2 * d.size(4, 9), d.size(2, 3)
    n = side * side + 1
    x = d.conv(d.input(1, 3, 4 * side, 4 * side), 3, c, 4, stride=4, pad=0)
    x = d.transpose(d.reshape(x, 1, c, n - 1), 0, 2, 1)
    x = d.node("Add", d.node("Concat", d.normal(1, 1, c), x, axis=1), d.normal(1, n, c))
    x = d.node("Add", x, heads(d, d.layer_norm(x, c), n, 2, c // 2))
    y = d.linear(d.gelu(d.linear(d.layer_norm(x, c), c, 2 * c)), 2 * c, c)
    x = d.layer_norm(d.node("Add", x, y), c)
    return [d.gemm(d.node("Gather", x, np.int64(0), axis=1), c, 10)]


def bert(d: Draft) -> list[str]:
    """Embeddings by Gather, a block normalized behind its sums, Tanh of the first token."""
    c, n = 2 * d.size(4, 9), d.size(5, 9)
    ids = d.input(1, n, name="ids", dtype=np.int64)
    x = d.node("Gather", d.normal(20, c), ids, axis=0)
    x = d.layer_norm(d.node("Add", x, d.normal(1, n, c)), c)
    x = d.layer_norm(d.node("Add", x, heads(d, x, n, 2, c // 2)), c)
    y = d.linear(d.gelu(d.linear(x, c, 2 * c)), 2 * c, c)
    x = d.layer_norm(d.node("Add", x, y), c)
    first = d.node("Gather", x, np.int64(0), axis=1)
    return [d.gemm(d.node("Tanh", d.gemm(first, c, c)), c, 2)]


def gpt(d: Draft) -> list[str]:
    """A causal block: a mask by Where, one product for q, k and v, Gelu by Tanh."""
    c, n = 2 * d.size(4, 8), d.size(4, 7)
    x = d.input(1, n, c)
    qkv = d.linear(d.layer_norm(x, c), c, 3 * c)
    q, k, v = d.node("Split", qkv, [c] * 3, outputs=3, axis=2)
    scores = d.node("Mul", d.node("MatMul", q, d.transpose(k, 0, 2, 1)), float(1 / np.sqrt(c)))
    mask = np.tril(np.ones((1, n, n), bool))
    scores = d.node("Softmax", d.node("Where", mask, scores, np.float32(-1e4)), axis=-1)
    x = d.node("Add", x, d.linear(d.node("MatMul", scores, v), c, c))
    y = d.linear(d.layer_norm(x, c), c, 2 * c)
    cubic = d.node("Add", y, d.node("Mul", d.node("Pow", y, 3.0), 0.044715))
    bent = d.node("Add", d.node("Tanh", d.node("Mul", cubic, float(np.sqrt(2 / np.pi)))), 1.0)
    y = d.node("Mul", d.node("Mul", y, bent), 0.5)
    return [d.node("Add", x, d.linear(y, 2 * c, c))]


def mixer(d: Draft) -> list[str]:
    """Layers over tokens and over channels in turn."""
    c, n = d.size(6, 12), d.size(4, 9)
    x = d.input(1, n, c)
    y = d.transpose(d.layer_norm(x, c), 0, 2, 1)
    y = d.transpose(d.linear(d.gelu(d.linear(y, n, 8)), 8, n), 0, 2, 1)
    x = d.node("Add", x, y)
    x = d.node("Add", x, d.linear(d.gelu(d.linear(d.layer_norm(x, c), c, 16)), 16, c))
    return [d.gemm(d.node("ReduceMean", x, axes=[1], keepdims=0), c, 4)]


def convnext(d: Draft) -> list[str]:
    """A depthwise kernel of 7, LayerNormalization of channels last, a scaled residual."""
    c, size = d.size(4, 8), d.size(4, 6)
    x = d.conv(d.input(1, 3, 2 * size, 2 * size), 3, c, 2, stride=2, pad=0)
    y = d.transpose(d.conv(x, c, c, 7, group=c), 0, 2, 3, 1)
    y = d.linear(d.gelu(d.linear(d.layer_norm(y, c), c, 4 * c)), 4 * c, c)
    y = d.transpose(d.node("Mul", y, d.normal(c)), 0, 3, 1, 2)
    return [d.gemm(d.pooled(d.node("Add", x, y)), c, 5)]


def audio(d: Draft) -> list[str]:
    """Convolutions of signals with strides and a maximum pool."""
    c, n = d.size(4, 8), d.size(24, 40)
    x = d.relu(d.conv1d(d.input(1, 2, n), 2, c, 5, stride=2))
    x = d.node("MaxPool", x, kernel_shape=[2], strides=[2])
    x = d.relu(d.conv1d(d.conv1d(x, c, c, group=c), c, 2 * c, 1))
    x = d.node("Flatten", d.node("GlobalAveragePool", x))
    return [d.gemm(x, 2 * c, 6)]


def temporal(d: Draft) -> list[str]:
    """A temporal network: dilated causal convolutions behind Pads, residual sums."""
    c, n = d.size(4, 8), d.size(12, 20)
    x = d.input(1, c, n)
    for r in (1, 2):
        y = d.node("Pad", x, [0, 0, 2 * r, 0, 0, 0])
        y = d.node("Conv", y, d.weights(c, c, 3), d.normal(c), kernel_shape=[3], dilations=[r])
        x = d.node("Add", x, d.relu(y))
    return [d.conv1d(x, c, 3, 1)]


def gru(d: Draft) -> list[str]:
    """Keywords: a convolution over features, a GRU, the last step's logits."""
    c, n, h = d.size(4, 8), d.size(6, 10), d.size(4, 8)
    x = d.transpose(d.relu(d.conv1d(d.input(1, c, n), c, c)), 2, 0, 1)
    y, last = d.node(
        "GRU", x, d.weights(1, 3 * h, c), d.weights(1, 3 * h, h), d.normal(1, 6 * h),
        outputs=2, hidden_size=h, linear_before_reset=1,
    )  # fmt: skip
    return [d.gemm(d.reshape(last, 1, h), h, 4), y]


def lstm(d: Draft) -> list[str]:
    """An LSTM over a sequence, and a dense layer of every step."""
    c, n, h = d.size(4, 8), d.size(4, 7), d.size(4, 8)
    y, _, _ = d.node(
        "LSTM", d.input(n, 1, c), d.weights(1, 4 * h, c), d.weights(1, 4 * h, h),
        d.normal(1, 8 * h), outputs=3, hidden_size=h,
    )  # fmt: skip
    return [d.linear(d.reshape(y, n, h), h, 3)]
