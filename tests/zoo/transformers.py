"""Small float transformers with what exporters write around layers: masks, positions, shapes."""

from __future__ import annotations

import numpy as np

from tests.zoo.draft import Draft
from tests.zoo.sequences import heads


def _masked_heads(d: Draft, x: str, n: int, c: int, mask: str) -> str:
    """Write an attention of two heads whose scores get a mask, reshaped by computed shapes."""
    shape = d.node("Shape", x)
    size = [d.node("Unsqueeze", d.node("Gather", shape, np.int64(i), axis=0), [0]) for i in (0, 1)]
    apart = d.node("Concat", *size, [2], [c // 2], axis=0)
    together = d.node("Concat", *size, [c], axis=0)
    q, k, v = (
        d.transpose(d.node("Reshape", d.linear(x, c, c), apart), 0, 2, 1, 3) for _ in range(3)
    )
    scores = d.node("MatMul", q, d.transpose(k, 0, 1, 3, 2))
    scores = d.node("Add", d.node("Div", scores, float(np.sqrt(c // 2))), mask)
    y = d.transpose(d.node("MatMul", d.node("Softmax", scores, axis=-1), v), 0, 2, 1, 3)
    return d.linear(d.node("Reshape", y, together), c, c)


def masked_bert(d: Draft) -> list[str]:
    """Ids, segments and an attention mask of integers; the mask as numbers far below 0."""
    c, n = 2 * d.size(3, 6), d.size(4, 7)
    ids, kinds = (d.input(1, n, name=name, dtype=np.int64) for name in ("ids", "kinds"))
    mask = d.node("Unsqueeze", d.input(1, n, name="mask", dtype=np.int64), [1, 2])
    mask = d.node(
        "Mul",
        d.node("Sub", 1.0, d.node("Cast", d.node("Cast", mask, to=9), to=1)),
        float(np.finfo("f").min),
    )
    x = d.node(
        "Add", d.node("Gather", d.normal(20, c), ids), d.node("Gather", d.normal(20, c), kinds)
    )
    places = d.node(
        "Slice",
        np.arange(32)[None],
        [0],
        d.node("Unsqueeze", d.node("Gather", d.node("Shape", ids), np.int64(1)), [0]),
        [1],
    )
    x = d.layer_norm(d.node("Add", x, d.node("Gather", d.normal(32, c), places)), c)
    x = d.layer_norm(d.node("Add", x, _masked_heads(d, x, n, c, mask)), c)
    x = d.layer_norm(d.node("Add", x, d.linear(d.gelu(d.linear(x, c, 2 * c)), 2 * c, c)), c)
    return [d.linear(x, c, 5)]


def counted_positions(d: Draft) -> list[str]:
    """Positions are running counts of the tokens that are no padding."""
    c, n = d.size(5, 9), d.size(4, 8)
    ids = d.input(1, n, name="ids", dtype=np.int64)
    there = d.node("Cast", d.node("Not", d.node("Equal", ids, np.int64(1))), to=6)
    places = d.node("Mul", d.node("CumSum", there, np.int64(1)), there)
    places = d.node("Add", d.node("Cast", places, to=7), np.int64(1))
    x = d.node(
        "Add", d.node("Gather", d.normal(20, c), ids), d.node("Gather", d.normal(20, c), places)
    )
    return [d.gemm(d.node("ReduceMean", d.layer_norm(x, c), axes=[1], keepdims=0), c, 3)]


def rotary(d: Draft) -> list[str]:
    """A block with root mean squares, turned queries and keys, a gate of SiLU, a causal mask."""
    c, n = 4 * d.size(2, 4), d.size(3, 6)
    x = d.input(1, n, c)

    def normalized(x: str) -> str:
        mean = d.node("ReduceMean", d.node("Pow", x, 2.0), axes=[-1], keepdims=1)
        inverse = d.node("Reciprocal", d.node("Sqrt", d.node("Add", mean, 1e-5)))
        return d.node("Mul", d.node("Mul", x, inverse), d.positive(c))

    def turned(x: str) -> str:
        a, b = d.node("Slice", x, [0], [c // 2], [-1]), d.node("Slice", x, [c // 2], [c], [-1])
        half = d.node("Concat", d.node("Neg", b), a, axis=-1)
        angles = np.arange(n)[:, None] / 10.0 ** (np.arange(c) % (c // 2))
        cosine, sine = np.cos(angles).astype("f")[None], np.sin(angles).astype("f")[None]
        return d.node("Add", d.node("Mul", x, cosine), d.node("Mul", half, sine))

    y = normalized(x)
    q, k, v = turned(d.linear(y, c, c)), turned(d.linear(y, c, c)), d.linear(y, c, c)
    scores = d.node("Mul", d.node("MatMul", q, d.transpose(k, 0, 2, 1)), float(1 / np.sqrt(c)))
    mask = d.node("Trilu", np.full((n, n), -1e9, np.float32), np.int64(1), upper=1)
    scores = d.node("Softmax", d.node("Add", scores, mask), axis=-1)
    x = d.node("Add", x, d.linear(d.node("MatMul", scores, v), c, c))
    y = normalized(x)
    y = d.node("Mul", d.silu(d.linear(y, c, 2 * c)), d.linear(y, c, 2 * c))
    return [d.node("Add", x, d.linear(y, 2 * c, c))]


def swin(d: Draft) -> list[str]:
    """Windows of an image, shifted by Slice and Concat, with a bias by place."""
    c, w = 2 * d.size(2, 4), 2
    side = 2 * w
    x = d.conv(d.input(1, 3, 2 * side, 2 * side), 3, c, 2, stride=2, pad=0)
    x = d.layer_norm(d.transpose(x, 0, 2, 3, 1), c)
    for axis in (1, 2):
        x = d.node(
            "Concat",
            d.node("Slice", x, [1], [side], [axis]),
            d.node("Slice", x, [0], [1], [axis]),
            axis=axis,
        )
    y = d.transpose(d.reshape(x, 1, 2, w, 2, w, c), 0, 1, 3, 2, 4, 5)
    y = d.reshape(y, 4, w * w, c)
    qkv = d.transpose(d.reshape(d.linear(y, c, 3 * c), 4, w * w, 3, 2, c // 2), 2, 0, 3, 1, 4)
    q, k, v = (d.node("Gather", qkv, np.int64(i), axis=0) for i in range(3))
    scores = d.node("MatMul", d.node("Mul", q, 0.5), d.transpose(k, 0, 1, 3, 2))
    scores = d.node("Add", scores, d.normal(1, 2, w * w, w * w))
    y = d.transpose(d.node("MatMul", d.node("Softmax", scores, axis=-1), v), 0, 2, 1, 3)
    y = d.linear(d.reshape(y, 4, w * w, c), c, c)
    y = d.transpose(d.reshape(y, 1, 2, 2, w, w, c), 0, 1, 3, 2, 4, 5)
    x = d.node("Add", x, d.reshape(y, 1, side, side, c))
    return [d.gemm(d.node("ReduceMean", x, axes=[1, 2], keepdims=0), c, 4)]


def pooled_at_end(d: Draft) -> list[str]:
    """The features of the token with the greatest id, as CLIP's text encoder takes them."""
    c, n = 2 * d.size(3, 5), d.size(4, 7)
    ids = d.input(1, n, name="ids", dtype=np.int64)
    x = d.node("Add", d.node("Gather", d.normal(20, c), ids), d.normal(1, n, c))
    x = d.node("Add", x, heads(d, d.layer_norm(x, c), n, 2, c // 2))
    y = d.linear(x, c, 2 * c)
    y = d.linear(d.node("Mul", y, d.node("Sigmoid", d.node("Mul", y, 1.702))), 2 * c, c)
    x = d.layer_norm(d.node("Add", x, y), c)
    place = d.node("Unsqueeze", d.node("ArgMax", ids, axis=1, keepdims=0), [1])
    found = d.node("GatherND", x, place, batch_dims=1)
    found = d.node("MatMul", found, d.weights(c, 6))
    norm = d.node("ReduceL2", found, axes=[-1], keepdims=1)
    return [d.node("Div", found, norm)]


def recognizer(d: Draft) -> list[str]:
    """Text in a picture: columns of features through an LSTM of both directions."""
    c, h = d.size(3, 6), d.size(4, 7)
    x = d.relu(d.conv(d.input(1, 1, 8, 16), 1, c))
    x = d.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = d.relu(d.conv(x, c, c, 3, stride=2))
    x = d.transpose(d.node("Squeeze", d.node("ReduceMean", x, axes=[2], keepdims=1), [2]), 2, 0, 1)
    y, _, _ = d.node(
        "LSTM", x, d.weights(2, 4 * h, c), d.weights(2, 4 * h, h), d.normal(2, 8 * h), outputs=3,
        hidden_size=h, direction="bidirectional",
    )  # fmt: skip
    y = d.node("Reshape", d.transpose(y, 0, 2, 1, 3), [0, 0, -1])
    return [d.node("LogSoftmax", d.linear(y, 2 * h, 6), axis=-1)]


def keywords(d: Draft) -> list[str]:
    """Features of a spectrum through a GRU, the mean and the last state joined."""
    c, n, h = d.size(4, 8), d.size(5, 9), d.size(4, 8)
    x = d.transpose(d.input(1, n, c), 1, 0, 2)
    y, last = d.node(
        "GRU", x, d.weights(1, 3 * h, c), d.weights(1, 3 * h, h), d.normal(1, 6 * h), "",
        np.zeros((1, 1, h), np.float32), outputs=2, hidden_size=h, linear_before_reset=1,
    )  # fmt: skip
    mean = d.node("ReduceMean", d.node("Squeeze", y, [1]), axes=[0], keepdims=0)
    y = d.node("Concat", mean, d.node("Squeeze", last, [0]), axis=1)
    return [d.node("Softmax", d.gemm(y, 2 * h, 4), axis=1)]
