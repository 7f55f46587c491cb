"""Small float networks whose outputs are pictures, maps or boxes."""

from __future__ import annotations

import numpy as np

from tests.zoo.draft import Draft


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
