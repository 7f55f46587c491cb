"""Small float networks that find things, without a list whose length depends on the picture."""

from __future__ import annotations

import numpy as np

from tests.zoo.draft import Draft


def distributed_boxes(d: Draft) -> list[str]:
    """Distances as means over distributions (YOLOv8), boxes of centre and size."""
    c, size, bins = d.size(4, 7), 4, 8
    x = d.silu(d.conv(d.input(1, 3, 2 * size, 2 * size), 3, c, stride=2))
    cells = size * size
    raw = d.reshape(d.conv(x, c, 4 * bins + 3, 1), 1, 4 * bins + 3, cells)
    box, classes = d.node("Split", raw, [4 * bins, 3], outputs=2, axis=1)
    box = d.transpose(d.reshape(box, 1, 4, bins, cells), 0, 2, 1, 3)
    box = d.node("Softmax", box, axis=1)
    means = np.arange(bins, dtype=np.float32).reshape(1, bins, 1, 1)
    box = d.reshape(d.node("Conv", box, means, kernel_shape=[1, 1]), 1, 4, cells)
    low, high = d.node("Split", box, [2, 2], outputs=2, axis=1)
    grid = d.rng.integers(0, size, (1, 2, cells)).astype(np.float32) + np.float32(0.5)
    low, high = d.node("Sub", grid, low), d.node("Add", grid, high)
    centre = d.node("Div", d.node("Add", low, high), 2.0)
    boxes = d.node("Mul", d.node("Concat", centre, d.node("Sub", high, low), axis=1), 2.0)
    return [d.node("Concat", boxes, d.node("Sigmoid", classes), axis=1)]


def best_queries(d: Draft) -> list[str]:
    """The boxes of the best classes: TopK of scores, the rest gathered at their places."""
    c, size, kept = d.size(4, 7), 4, 5
    x = d.relu(d.conv(d.input(1, 3, 2 * size, 2 * size), 3, c, stride=2))
    cells = size * size
    scores = d.transpose(d.reshape(d.conv(x, c, 3, 1), 1, 3, cells), 0, 2, 1)
    boxes = d.transpose(d.reshape(d.conv(x, c, 4, 1), 1, 4, cells), 0, 2, 1)
    best = d.node("ReduceMax", d.node("Sigmoid", scores), axes=[-1], keepdims=0)
    values, places = d.node("TopK", best, [kept], outputs=2, axis=1)
    places = d.node("Tile", d.node("Unsqueeze", places, [-1]), [1, 1, 4])
    found = d.node("GatherElements", d.node("Sigmoid", boxes), places, axis=1)
    return [found, values]


def peaks(d: Draft) -> list[str]:
    """Centres as peaks of a heat map: a pool that equals its input (CenterNet)."""
    c, size = d.size(4, 7), 6
    x = d.relu(d.conv(d.input(1, 3, 2 * size, 2 * size), 3, c, stride=2))
    heat = d.node("Sigmoid", d.conv(x, c, 2, 1))
    high = d.node("MaxPool", heat, kernel_shape=[3, 3], pads=[1] * 4)
    kept = d.node("Mul", heat, d.node("Cast", d.node("Equal", heat, high), to=1))
    values, places = d.node("TopK", d.reshape(kept, 1, -1), [4], outputs=2, axis=1)
    area = d.node("Mod", places, np.int64(size * size))
    row = d.node("Div", area, np.int64(size))
    return [values, row, d.node("Mod", area, np.int64(size)), d.conv(x, c, 2, 1)]


def weighted_pyramid(d: Draft) -> list[str]:
    """Levels added with weights that are not negative and whose sum is one (BiFPN)."""
    c, size = d.size(4, 7), 8
    a = d.silu(d.conv(d.input(1, 3, 2 * size, 2 * size), 3, c, stride=2))
    b = d.node("MaxPool", a, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    b = d.silu(d.conv(b, c, c))
    weights = d.node("Relu", d.value(d.positive(2)))
    weights = d.node("Div", weights, d.node("Add", d.node("ReduceSum", weights), 1e-4))
    first, second = (d.node("Gather", weights, np.int64(i), axis=0) for i in (0, 1))
    up = d.node("Resize", b, "", np.float32([1, 1, 2, 2]), mode="nearest")
    y = d.node("Add", d.node("Mul", a, first), d.node("Mul", up, second))
    return [d.conv(d.silu(d.conv(y, c, c, group=c)), c, 5, 1)]


def attended(d: Draft) -> list[str]:
    """Channels and pixels weighted by their greatest and mean values (CBAM)."""
    c, size = d.size(4, 8), d.size(5, 8)
    x = d.relu(d.conv(d.input(1, 3, size, size), 3, c))
    down, up = d.value(d.weights(3, c, 1, 1)), d.value(d.weights(c, 3, 1, 1))

    def squeezed(y: str) -> str:
        y = d.relu(d.node("Conv", y, down, kernel_shape=[1, 1]))
        return d.node("Conv", y, up, kernel_shape=[1, 1])

    ends = [squeezed(d.node(f"Global{kind}Pool", x)) for kind in ("Average", "Max")]
    x = d.node("Mul", x, d.node("Sigmoid", d.node("Add", *ends)))
    mean = d.node("ReduceMean", x, axes=[1], keepdims=1)
    most = d.node("ReduceMax", x, axes=[1], keepdims=1)
    y = d.conv(d.node("Concat", mean, most, axis=1), 2, 1, 7, bias=False)
    return [d.gemm(d.pooled(d.node("Mul", x, d.node("Sigmoid", y))), c, 4)]


def segformer(d: Draft) -> list[str]:
    """Levels of features brought to one size by linear weights, joined."""
    c, size = d.size(4, 7), 8
    a = d.relu(d.conv(d.input(1, 3, 2 * size, 2 * size), 3, c, stride=2))
    b = d.relu(d.conv(a, c, c, stride=2))
    levels = [d.conv(a, c, c, 1)]
    levels.append(d.node("Resize", d.conv(b, c, c, 1), "", "", [1, c, size, size], mode="linear"))
    x = d.relu(d.conv(d.node("Concat", *levels, axis=1), 2 * c, c, 1))
    x = d.conv(x, c, 3, 1)
    return [d.node("Resize", x, "", np.float32([1, 1, 2, 2]), mode="linear",
                   coordinate_transformation_mode="pytorch_half_pixel")]  # fmt: skip


def enlarged(d: Draft) -> list[str]:
    """Super-resolution: shuffled pixels added to the picture enlarged by a cubic."""
    c, size = d.size(4, 7), d.size(5, 8)
    x = d.input(1, 3, size, size)
    y = d.node("PRelu", d.conv(x, 3, c, 5), d.positive(c, 1, 1) / 4)
    y = d.node("DepthToSpace", d.conv(y, c, 12), blocksize=2, mode="CRD")
    up = d.node("Resize", x, "", np.float32([1, 1, 2, 2]), mode="cubic",
                coordinate_transformation_mode="half_pixel")  # fmt: skip
    return [d.node("Clip", d.node("Add", y, up), np.float32(-2), np.float32(2))]


def grouped_norm(d: Draft) -> list[str]:
    """Groups of channels normalized as exporters write it; Mish by its parts."""
    c, size = 4 * d.size(1, 2), d.size(5, 8)
    x = d.conv(d.input(1, 3, size, size), 3, c)
    y = d.reshape(x, 1, 2, -1)
    y = d.node("InstanceNormalization", y, np.ones(2, np.float32), np.zeros(2, np.float32))
    y = d.reshape(y, 1, c, size, size)
    y = d.node("Add", d.node("Mul", y, d.positive(c, 1, 1)), d.normal(c, 1, 1))
    y = d.node("Mul", y, d.node("Tanh", d.node("Softplus", y)))
    return [d.conv(y, c, 3)]


def wavenet(d: Draft) -> list[str]:
    """Gated dilated convolutions of a signal, a skip sum."""
    c, n = d.size(3, 6), d.size(12, 20)
    x = d.conv1d(d.input(1, 1, n), 1, c, 1)
    skips = []
    for r in (1, 2):
        a, b = (d.conv1d(x, c, c, 3, dilation=r) for _ in range(2))
        y = d.node("Mul", d.node("Tanh", a), d.node("Sigmoid", b))
        skips.append(d.conv1d(y, c, c, 1))
        x = d.node("Add", x, d.conv1d(y, c, c, 1))
    return [d.conv1d(d.relu(d.node("Sum", *skips)), c, 2, 1)]


def points(d: Draft) -> list[str]:
    """A cloud of points: layers of each, the greatest of all joined to each."""
    n, c = d.size(6, 12), d.size(4, 8)
    x = d.relu(d.conv1d(d.input(1, 3, n), 3, c, 1))
    y = d.node("GlobalMaxPool", d.relu(d.conv1d(x, c, c, 1)))
    x = d.node("Concat", x, d.node("Expand", y, [1, c, n]), axis=1)
    return [d.conv1d(x, 2 * c, 3, 1), d.gemm(d.node("Flatten", y), c, 4)]
