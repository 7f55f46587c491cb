"""Small float networks of many kinds, drawn from a seed: what users give onnxruntime's quantizer.

An architecture is a function from a Draft to the names of the outputs. Sizes are drawn, so that
channels and extents are odd as often as even.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from tests.zoo.draft import Draft

Architecture = Callable[[Draft], list[str]]


def plain(d: Draft) -> list[str]:
    """Convolutions with Relu, a maximum pool, a dense end."""
    c, size = d.size(4, 9), d.size(8, 13)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c))
    x = d.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = d.relu(d.conv(x, c, 2 * c))
    return [d.gemm(d.pooled(x), 2 * c, 10)]


def vgg(d: Draft) -> list[str]:
    """Pools until the image is small, then three dense layers over all of it."""
    c = d.size(3, 6)
    x = d.relu(d.conv(d.input(1, 3, 12, 12), 3, c))
    x = d.node("MaxPool", d.relu(d.conv(x, c, c)), kernel_shape=[2, 2], strides=[2, 2])
    x = d.node("MaxPool", d.relu(d.conv(x, c, 2 * c)), kernel_shape=[2, 2], strides=[2, 2])
    x = d.node("Flatten", x)
    x = d.relu(d.gemm(x, 2 * c * 9, 21))
    return [d.node("Softmax", d.gemm(d.node("Dropout", x), 21, 7))]


def resnet(d: Draft) -> list[str]:
    """Residual blocks with BatchNormalization, one of stride 2 with a projection."""
    c, size = d.size(4, 9), d.size(8, 13)
    x = d.relu(d.normalized(d.conv(d.input(1, 3, size, size), 3, c, bias=False), c))
    x = d.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for ic, oc, stride in ((c, c, 1), (c, 2 * c, 2)):
        y = d.relu(d.normalized(d.conv(x, ic, oc, stride=stride, bias=False), oc))
        y = d.normalized(d.conv(y, oc, oc, bias=False), oc)
        if ic != oc:
            x = d.normalized(d.conv(x, ic, oc, 1, stride=stride, bias=False), oc)
        x = d.relu(d.node("Add", y, x))
    return [d.gemm(d.pooled(x), 2 * c, 10)]


def preactivation(d: Draft) -> list[str]:
    """Residual blocks whose sum is read by the normalization and by the sum that follows."""
    c, size = d.size(4, 8), d.size(7, 10)
    x = d.conv(d.input(1, 3, size, size), 3, c)
    for _ in range(2):
        y = d.conv(d.relu(d.normalized(x, c)), c, c)
        x = d.node("Add", x, d.conv(d.relu(y), c, c))
    return [d.gemm(d.pooled(d.relu(x)), c, 5)]


def mobilenet_v1(d: Draft) -> list[str]:
    """Depthwise and pointwise layers; the end is a convolution of 1 x 1."""
    c, size = d.size(4, 9), d.size(8, 13)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c, stride=2))
    for stride in (1, 2):
        x = d.relu(d.conv(x, c, c, stride=stride, group=c))
        x = d.relu(d.conv(x, c, c, 1))
    x = d.conv(d.node("GlobalAveragePool", x), c, 10, 1)
    return [d.node("Softmax", d.reshape(x, 1, -1))]


def mobilenet_v2(d: Draft) -> list[str]:
    """Inverted residual blocks with a Clip to 0..6 and a linear end."""
    c, size = d.size(4, 7), d.size(8, 13)

    def clipped(x: str) -> str:
        return d.node("Clip", x, np.float32(0), np.float32(6))

    x = clipped(d.conv(d.input(1, 3, size, size), 3, c, stride=2))
    for stride in (1, 2, 1):
        y = clipped(d.conv(x, c, 3 * c, 1))
        y = clipped(d.conv(y, 3 * c, 3 * c, stride=stride, group=3 * c))
        y = d.conv(y, 3 * c, c, 1)
        x = d.node("Add", x, y) if stride == 1 else y
    return [d.gemm(d.pooled(x), c, 10)]


def squeezed(d: Draft, x: str, c: int, gate: str) -> str:
    """Write a squeeze-and-excite block."""
    y = d.relu(d.conv(d.node("GlobalAveragePool", x), c, 3, 1))
    return d.node("Mul", x, d.node(gate, d.conv(y, 3, c, 1)))


def mobilenet_v3(d: Draft) -> list[str]:
    """HardSwish, and squeeze-and-excite by HardSigmoid."""
    c, size = d.size(4, 7), d.size(8, 13)
    x = d.node("HardSwish", d.conv(d.input(1, 3, size, size), 3, c, stride=2))
    y = d.node("HardSwish", d.conv(x, c, 2 * c, 1))
    y = d.node("HardSwish", d.conv(y, 2 * c, 2 * c, 5, group=2 * c))
    y = d.conv(squeezed(d, y, 2 * c, "HardSigmoid"), 2 * c, c, 1)
    x = d.node("Add", x, y)
    return [d.gemm(d.node("HardSwish", d.gemm(d.pooled(x), c, 12)), 12, 6)]


def efficientnet(d: Draft) -> list[str]:
    """SiLU, and squeeze-and-excite by Sigmoid."""
    c, size = d.size(4, 7), d.size(8, 13)
    x = d.silu(d.normalized(d.conv(d.input(1, 3, size, size), 3, c, stride=2, bias=False), c))
    y = d.silu(d.conv(x, c, 2 * c, 1))
    y = d.silu(d.conv(y, 2 * c, 2 * c, 3, group=2 * c))
    y = d.conv(squeezed(d, y, 2 * c, "Sigmoid"), 2 * c, c, 1)
    x = d.node("Add", x, y)
    return [d.gemm(d.pooled(d.silu(d.conv(x, c, 20, 1))), 20, 6)]


def densenet(d: Draft) -> list[str]:
    """Every layer reads all before it; a transition averages."""
    c, size = d.size(3, 6), d.size(8, 12)
    x, channels = d.conv(d.input(1, 3, size, size), 3, c), c
    for _ in range(3):
        y = d.conv(d.relu(d.normalized(x, channels)), channels, c)
        x, channels = d.node("Concat", x, y, axis=1), channels + c
    x = d.node("AveragePool", d.conv(x, channels, c, 1), kernel_shape=[2, 2], strides=[2, 2])
    return [d.gemm(d.pooled(d.relu(x)), c, 5)]


def inception(d: Draft) -> list[str]:
    """Four branches of other kernels, joined; one averages with padding."""
    c, size = d.size(3, 6), d.size(8, 12)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c))
    a = d.relu(d.conv(x, c, 4, 1))
    b = d.relu(d.conv(d.relu(d.conv(x, c, 3, 1)), 3, 5))
    e = d.node("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)
    e = d.relu(d.conv(e, c, 3, 1))
    f = d.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
    x = d.node("Concat", a, b, e, f, axis=1)
    return [d.gemm(d.pooled(x), 12 + c, 5)]


def squeezenet(d: Draft) -> list[str]:
    """Fire modules, and a convolution as the end."""
    c, size = d.size(4, 8), d.size(9, 13)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c, stride=2))
    x = d.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    s = d.relu(d.conv(x, c, 3, 1))
    x = d.node("Concat", d.relu(d.conv(s, 3, 5, 1)), d.relu(d.conv(s, 3, 5)), axis=1)
    return [d.pooled(d.relu(d.conv(x, 10, 7, 1)))]


def shufflenet(d: Draft) -> list[str]:
    """A Split of channels, a branch of grouped layers, a channel shuffle."""
    c, size = 2 * d.size(2, 4), d.size(7, 10)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, 2 * c))
    a, b = d.node("Split", x, [c, c], outputs=2, axis=1)
    b = d.relu(d.conv(b, c, c, 1, group=2))
    b = d.relu(d.conv(d.conv(b, c, c, group=c), c, c, 1))
    x = d.node("Concat", a, b, axis=1)
    x = d.transpose(d.reshape(x, 1, 2, c, size, size), 0, 2, 1, 3, 4)
    x = d.reshape(x, 1, 2 * c, size, size)
    return [d.gemm(d.pooled(d.relu(d.conv(x, 2 * c, c, 1))), c, 5)]


def regnet(d: Draft) -> list[str]:
    """Grouped convolutions with squeeze-and-excite before the sum."""
    c, size = 4 * d.size(1, 3), d.size(7, 10)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c))
    y = d.relu(d.conv(d.relu(d.conv(x, c, c, 1)), c, c, group=c // 2))
    y = d.conv(squeezed(d, y, c, "Sigmoid"), c, c, 1)
    return [d.gemm(d.pooled(d.relu(d.node("Add", x, y))), c, 5)]


def unet(d: Draft) -> list[str]:
    """Down by MaxPool, up by ConvTranspose, skips by Concat, a Sigmoid of masks."""
    c, size = d.size(3, 7), 4 * d.size(2, 4)
    a = d.relu(d.conv(d.input(1, 3, size, size), 3, c))
    b = d.node("MaxPool", a, kernel_shape=[2, 2], strides=[2, 2])
    b = d.relu(d.conv(b, c, 2 * c))
    e = d.node("MaxPool", b, kernel_shape=[2, 2], strides=[2, 2])
    e = d.relu(d.conv(e, 2 * c, 2 * c))
    up = d.node("ConvTranspose", e, d.weights(2 * c, 2 * c, 2, 2), d.normal(2 * c),
                kernel_shape=[2, 2], strides=[2, 2])  # fmt: skip
    b = d.relu(d.conv(d.node("Concat", up, b, axis=1), 4 * c, c))
    up = d.node("ConvTranspose", b, d.weights(c, c, 2, 2), d.normal(c), kernel_shape=[2, 2],
                strides=[2, 2])  # fmt: skip
    a = d.relu(d.conv(d.node("Concat", up, a, axis=1), 2 * c, c))
    return [d.node("Sigmoid", d.conv(a, c, 3, 1))]


def unet_resized(d: Draft) -> list[str]:
    """Down by strides, up by Resize."""
    c, size = d.size(3, 7), 4 * d.size(2, 3)
    a = d.relu(d.conv(d.input(1, 3, size, size), 3, c))
    b = d.relu(d.conv(a, c, c, stride=2))
    up = d.node("Resize", b, "", np.float32([1, 1, 2, 2]), mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
    x = d.relu(d.conv(d.node("Concat", up, a, axis=1), 2 * c, c))
    return [d.conv(x, c, 2, 1)]


def deeplab(d: Draft) -> list[str]:
    """Dilated branches and one of the whole image, resized linearly; logits at full size."""
    c, size = d.size(3, 6), 2 * d.size(4, 6)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c, stride=2))
    half = size // 2
    branches = [d.relu(d.conv(x, c, 4, 1))]
    branches += [d.relu(d.conv(x, c, 4, 3, dilation=r)) for r in (2, 3)]
    pooled = d.relu(d.conv(d.node("GlobalAveragePool", x), c, 4, 1))
    branches.append(d.node("Resize", pooled, "", "", [1, 4, half, half], mode="linear"))
    x = d.relu(d.conv(d.node("Concat", *branches, axis=1), 16, c, 1))
    x = d.conv(x, c, 5, 1)
    x = d.node("Resize", x, "", "", [1, 5, size, size], mode="linear",
               coordinate_transformation_mode="half_pixel")  # fmt: skip
    return [x]


def segmented(d: Draft) -> list[str]:
    """Classes of pixels: the ArgMax of logits."""
    c, size = d.size(3, 6), d.size(6, 9)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c))
    return [d.node("ArgMax", d.conv(x, c, 6, 1), axis=1, keepdims=0)]


def pyramid(d: Draft) -> list[str]:
    """A feature pyramid: the upper level resized and added to the lower."""
    c, size = d.size(3, 6), 4 * d.size(2, 3)
    a = d.relu(d.conv(d.input(1, 3, size, size), 3, c, stride=2))
    b = d.relu(d.conv(a, c, c, stride=2))
    la, lb = d.conv(a, c, 5, 1), d.conv(b, c, 5, 1)
    up = d.node("Resize", lb, "", np.float32([1, 1, 2, 2]), mode="nearest")
    return [d.conv(d.node("Add", la, up), 5, 5), d.conv(lb, 5, 5)]


def yolo(d: Draft) -> list[str]:
    """SiLU, a split of features, pools of one size joined, Resize, boxes from a grid."""
    c, size = 2 * d.size(2, 4), 4 * d.size(2, 3)
    x = d.silu(d.conv(d.input(1, 3, size, size), 3, c, stride=2))
    a, b = d.node("Split", d.silu(d.conv(x, c, c, 1)), [c // 2] * 2, outputs=2, axis=1)
    y = d.node("Add", b, d.silu(d.conv(d.silu(d.conv(b, c // 2, c // 2)), c // 2, c // 2)))
    x = d.silu(d.conv(d.node("Concat", a, b, y, axis=1), 3 * c // 2, c, 1))
    low = d.silu(d.conv(x, c, c, stride=2))
    pools = [low]
    for _ in range(2):
        pools.append(d.node("MaxPool", pools[-1], kernel_shape=[5, 5], pads=[2] * 4))
    low = d.silu(d.conv(d.node("Concat", *pools, axis=1), 3 * c, c, 1))
    up = d.node("Resize", low, "", np.float32([1, 1, 2, 2]), mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
    x = d.silu(d.conv(d.node("Concat", up, x, axis=1), 2 * c, c))
    cells = (size // 2) ** 2
    raw = d.reshape(d.conv(x, c, 7, 1), 1, 7, cells)
    centre, extent, score = d.node("Split", raw, [2, 2, 3], outputs=3, axis=1)
    grid = d.rng.integers(0, size // 2, (1, 2, cells)).astype(np.float32)
    centre = d.node("Mul", d.node("Add", d.node("Sigmoid", centre), grid), 2.0)
    extent = d.node("Mul", d.node("Exp", extent), 2.0)
    return [d.node("Concat", centre, extent, d.node("Sigmoid", score), axis=1)]


def ssd(d: Draft) -> list[str]:
    """Boxes and classes of two levels, transposed, flattened and joined; Softmax of classes."""
    c, size = d.size(4, 7), d.size(9, 13)
    a = d.relu(d.conv(d.input(1, 3, size, size), 3, c, stride=2))
    b = d.relu(d.conv(a, c, c, stride=2))
    boxes, classes = [], []
    for level in (a, b):
        for kind, values in ((boxes, 4), (classes, 5)):
            y = d.transpose(d.conv(level, c, 2 * values), 0, 2, 3, 1)
            kind.append(d.reshape(y, 1, -1, values))
    scores = d.node("Softmax", d.node("Concat", *classes, axis=1), axis=2)
    return [d.node("Concat", *boxes, axis=1), scores]


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


def super_resolution(d: Draft) -> list[str]:
    """Features at low size, then DepthToSpace and the enlarged input added."""
    c, size = d.size(4, 7), d.size(5, 8)
    image = d.input(1, 3, size, size)
    x = d.relu(d.conv(d.relu(d.conv(image, 3, c, 5)), c, c))
    x = d.node("DepthToSpace", d.conv(x, c, 12), blocksize=2, mode="CRD")
    up = d.node("Resize", image, "", np.float32([1, 1, 2, 2]), mode="linear")
    return [d.node("Clip", d.node("Add", x, up), np.float32(0), np.float32(1))]


def autoencoder(d: Draft) -> list[str]:
    """Down to a code and up again, by dense layers and ConvTranspose."""
    c = d.size(3, 6)
    x = d.relu(d.conv(d.input(1, 1, 8, 8), 1, c, stride=2))
    x = d.relu(d.gemm(d.node("Flatten", d.relu(d.conv(x, c, c, stride=2))), 4 * c, 5))
    x = d.reshape(d.relu(d.gemm(x, 5, 4 * c)), 1, c, 2, 2)
    for oc in (c, 1):
        x = d.node(
            "ConvTranspose", x, d.weights(c, oc, 3, 3), d.normal(oc), kernel_shape=[3, 3],
            strides=[2, 2], pads=[1] * 4, output_padding=[1, 1],
        )  # fmt: skip
        x = d.relu(x) if oc == c else d.node("Tanh", x)
    return [x]


def style(d: Draft) -> list[str]:
    """Reflected borders and InstanceNormalization."""
    c, size = d.size(3, 7), d.size(7, 10)
    x = d.node("Pad", d.input(1, 3, size, size), [0, 0, 2, 2, 0, 0, 2, 2], mode="reflect")
    x = d.conv(x, 3, c, 5, pad=0)
    x = d.relu(d.node("InstanceNormalization", x, d.positive(c), d.normal(c)))
    return [d.node("Tanh", d.conv(x, c, 3))]


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


ARCHITECTURES: tuple[Architecture, ...] = (
    plain, vgg, resnet, preactivation, mobilenet_v1, mobilenet_v2, mobilenet_v3, efficientnet,
    densenet, inception, squeezenet, shufflenet, regnet, unet, unet_resized, deeplab, segmented,
    pyramid, yolo, ssd, vit, bert, gpt, mixer, convnext, audio, temporal, gru, lstm,
    super_resolution, autoencoder, style, detr, perceptron, rectified, local, reduce, expo,
    extremes, sliced, graph_convolution, siamese, einsum, tiled,
)  # fmt: skip


def model(architecture: Architecture, seed: int) -> onnx.ModelProto:
    """Return a float model of the architecture."""
    draft = Draft(seed)
    return draft.model(*architecture(draft))


def samples(proto: onnx.ModelProto, seed: int, count: int) -> list[dict[str, np.ndarray]]:
    """Return inputs for a model by name: normal values; integers within 0..19."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        feed = {}
        for value in proto.graph.input:
            kind = value.type.tensor_type
            shape = [axis.dim_value for axis in kind.shape.dim]
            integers = kind.elem_type == onnx.TensorProto.INT64
            feed[value.name] = (
                rng.integers(0, 20, shape) if integers else rng.normal(size=shape).astype("f")
            )
        found.append(feed)
    return found
