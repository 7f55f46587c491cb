"""Small float networks that say what a picture shows."""

from __future__ import annotations

import numpy as np

from tests.zoo.draft import Draft


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
