"""Blocks of well-known networks in int8, with random weights: shapes and operators as theirs.

Scales are such that every tensor uses its bytes: the accumulators of random bytes have a standard
deviation that the output's scale puts at a quarter of the range.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor

SPREAD = 70.0
"""Standard deviation of random bytes."""
WANTED = 40.0


class Builder:
    """Nodes in a row; each method returns its output's name."""

    def __init__(self, shape: tuple[int, ...], seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.add("x", shape, 0.05)

    def add(self, name: str, shape: tuple[int, ...], scale: float, zero_point: int = 3) -> str:
        q = Quantization(np.array(scale, np.float32), np.array(zero_point, np.int64))
        self.tensors[name] = Tensor(name, shape, np.dtype(np.int8), q)
        return name

    def node(
        self, operator: op.Operator, *names: str, scale: float = 0.05, zero_point: int = 3
    ) -> str:
        out = f"n{len(self.nodes)}"
        shapes = [self.tensors[name].shape for name in names]
        (shape,) = output_shapes(out, operator, shapes)
        self.nodes.append(Node(f"{type(operator).__name__}{out}", operator, names, (out,)))
        return self.add(out, shape, scale, zero_point)

    def moved(self, operator: op.Operator, name: str) -> str:
        """Return the output of an operator that keeps the scale."""
        return self.node(operator, name, scale=self.scale(name))

    def scale(self, name: str) -> float:
        return float(self.tensors[name].quantization.scale)

    def number(self, value: int, scale: float = 0.05) -> str:
        name = self.add(f"c{len(self.tensors)}", (1, 1, 1, 1), scale, 0)
        data = np.full((1, 1, 1, 1), value, np.int8)
        self.tensors[name] = Tensor(
            name, data.shape, data.dtype, self.tensors[name].quantization, data
        )
        return name

    def weighted(
        self, operator: op.Operator, x: str, shape: tuple[int, ...], scale: float | None = None
    ) -> str:
        """Return a layer of weights [OC ...] with a bias; weights such that its output has `scale`.

        Without one, weights are worth 0.01 each.
        """
        place, taps = len(self.nodes), int(np.prod(shape[1:]))
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-5000, 5000, shape[0]).astype(np.int32)
        grown = self.scale(x) * sqrt(taps) * SPREAD * SPREAD / WANTED
        step = 0.01 if scale is None else scale / grown
        steps = np.full(shape[0], step, np.float32)
        zeros = np.zeros(shape[0], np.int64)
        w, b = f"w{place}", f"b{place}"
        self.tensors[w] = Tensor(w, shape, weights.dtype, Quantization(steps, zeros, 0), weights)
        q = Quantization(steps * np.float32(self.scale(x)), zeros, 0)
        self.tensors[b] = Tensor(b, (shape[0],), bias.dtype, q, bias)
        return self.node(operator, x, w, b, scale=step * grown)

    def conv(
        self,
        x: str,
        channels: int,
        kernel: int = 1,
        depthwise: bool = False,
        apart: int = 1,
        stride: int = 1,
        activation: op.Clamp | None = None,
        scale: float | None = None,
    ) -> str:
        inputs = self.tensors[x].shape[3]
        pad = apart * (kernel // 2)
        window = op.Window((kernel, kernel), (stride, stride), (apart, apart), (pad,) * 4)
        groups, each = (inputs, 1) if depthwise else (1, inputs)
        shape = (channels, kernel, kernel, each)
        return self.weighted(op.Conv2D(window, groups, activation), x, shape, scale)

    def dense(self, x: str, features: int) -> str:
        shape = (features, self.tensors[x].shape[-1])
        return self.weighted(op.FullyConnected(keep_dims=True), x, shape)

    def network(self, *outputs: str) -> Network:
        return Network("block", "tflite", tuple(self.nodes), self.tensors, ("x",), outputs)


def normalized(b: Builder, x: str) -> str:
    """Return x less its mean, over its deviation, row by row, as converters write it."""
    rest = b.node(op.Sub(), x, b.node(op.Mean((2,), True), x, scale=b.scale(x)), scale=b.scale(x))
    square = b.node(op.Mul(), rest, rest, scale=b.scale(rest) ** 2 * 60, zero_point=-128)
    mean = b.node(op.Mean((2,), True), square, scale=b.scale(square), zero_point=-128)
    root = b.node(op.Rsqrt(), mean, scale=0.05, zero_point=-128)
    return b.node(op.Mul(), rest, root, scale=0.03)


def attention(b: Builder, x: str, heads: int) -> str:
    """Return multi-head attention: heads by reshape and transpose, scores by a turned product."""
    _, tokens, features = b.tensors[x].shape
    each = features // heads

    def split(name: str) -> str:
        part = b.moved(op.Reshape((1, tokens, heads, each)), b.dense(name, features))
        return b.moved(op.Transpose((0, 2, 1, 3)), part)

    query, key, value = (split(x) for _ in range(3))
    scale = b.scale(query) * b.scale(key) * sqrt(each) * SPREAD * SPREAD / WANTED / 8
    scores = b.node(op.MatMul(turn_b=True), query, key, scale=scale)
    chances = b.node(op.Softmax(3), scores, scale=1 / 256, zero_point=-128)
    mixed = b.node(op.MatMul(), chances, value, scale=b.scale(value))
    together = b.moved(op.Transpose((0, 2, 1, 3)), mixed)
    return b.dense(b.moved(op.Reshape((1, tokens, features)), together), features)


def vit_tiny() -> Network:
    """Return an encoder block as ViT has it: norm first, GELU, three heads."""
    b = Builder((1, 50, 96))
    x = b.node(op.Add(), "x", attention(b, normalized(b, "x"), 3), scale=0.1)
    hidden = b.node(op.Gelu(False), b.dense(normalized(b, x), 192))
    return b.network(b.node(op.Add(), x, b.dense(hidden, 96), scale=0.1))


def bert_tiny() -> Network:
    """Return an encoder layer as BERT has it: norm last, two heads."""
    b = Builder((1, 32, 128))
    x = normalized(b, b.node(op.Add(), "x", attention(b, "x", 2), scale=0.1))
    hidden = b.node(op.Gelu(False), b.dense(x, 256))
    return b.network(normalized(b, b.node(op.Add(), x, b.dense(hidden, 128), scale=0.1)))


def mobilenet_v3() -> Network:
    """Return an inverted residual with squeeze and excite, hard swish and hard sigmoid."""
    b = Builder((1, 14, 14, 40))
    x = b.node(op.HardSwish(), b.conv("x", 96))
    x = b.node(op.HardSwish(), b.conv(x, 96, 5, depthwise=True))
    x = b.conv(squeezed(b, x, 24), 40)
    return b.network(b.node(op.Add(), "x", x, scale=0.1))


def squeezed(b: Builder, x: str, fewer: int) -> str:
    """Return x times its squeeze and excite: a hard sigmoid of two layers of channels' means."""
    channels = b.tensors[x].shape[3]
    mean = b.node(op.Mean((1, 2), True), x, scale=0.02)
    gate = b.conv(b.node(op.Clip(0.0, None), b.conv(mean, fewer)), channels)
    gate = b.node(op.Clip(0.0, 6.0), b.node(op.Add(), gate, b.number(60), scale=0.06), scale=0.03)
    return b.node(op.Mul(), x, b.node(op.Mul(), gate, b.number(3), scale=0.01, zero_point=-128))


V3_SMALL = (
    (3, 16, 16, 8, False, 2), (3, 72, 24, 0, False, 2), (3, 88, 24, 0, False, 1),
    (5, 96, 40, 24, True, 2), (5, 240, 40, 64, True, 1), (5, 240, 40, 64, True, 1),
    (5, 120, 48, 32, True, 1), (5, 144, 48, 40, True, 1), (5, 288, 96, 72, True, 2),
    (5, 576, 96, 144, True, 1), (5, 576, 96, 144, True, 1),
)  # fmt: skip
"""MobileNetV3-Small's blocks: kernel, channels inside, channels out, squeezed, hard swish, stride.

Source: Howard et al., Searching for MobileNetV3, table 2.
"""


def mobilenet_v3_small() -> Network:
    """Return MobileNetV3-Small whole, from 224 x 224 pixels to 1000 scores."""
    b = Builder((1, 224, 224, 3))
    x = b.node(op.HardSwish(), b.conv("x", 16, 3, stride=2, scale=0.05))
    for kernel, inside, channels, fewer, is_hard, stride in V3_SMALL:

        def layer(x: str, width: int, is_hard: bool = is_hard, **window: int) -> str:
            activation = None if is_hard else op.Clamp(0.0, None)
            found = b.conv(x, width, activation=activation, scale=0.05, **window)
            return b.node(op.HardSwish(), found) if is_hard else found

        before, narrow = x, b.tensors[x].shape[3]
        wide = x if inside == narrow else layer(x, inside)
        wide = layer(wide, inside, kernel=kernel, depthwise=True, stride=stride)
        x = b.conv(squeezed(b, wide, fewer) if fewer else wide, channels, scale=0.05)
        if (stride, narrow) == (1, channels):
            x = b.node(op.Add(), before, x, scale=0.1)
    x = b.node(op.HardSwish(), b.conv(x, 576, scale=0.05))
    mean = b.node(op.Mean((1, 2), True), x, scale=0.02)
    x = b.node(op.HardSwish(), b.conv(mean, 1024, scale=0.05))
    return b.network(b.conv(x, 1000))


def deeplab_v3() -> Network:
    """Return the end of DeepLabV3: a dilated layer, image pooling, both resized to one image."""
    b = Builder((1, 9, 9, 64))
    features = b.conv(b.conv("x", 64, 3, depthwise=True, apart=2), 96)
    pooled = b.conv(b.node(op.Mean((1, 2), True), features, scale=0.02), 48)
    image = b.moved(op.ResizeBilinear((9, 9), True), pooled)
    scale = b.scale(image)
    joined = b.node(
        op.Concat(3), image, b.node(op.Quantize(), b.conv(features, 48), scale=scale), scale=scale
    )
    return b.network(b.moved(op.ResizeBilinear((33, 33), True), b.conv(joined, 21)))


def ssd_mobilenet() -> Network:
    """Return two feature maps of SSD with their boxes, joined, and their scores."""
    b = Builder((1, 10, 10, 48))
    small = b.conv(b.node(op.MaxPool(op.Window((2, 2), (2, 2))), "x", scale=0.05), 64)
    ends = []
    for channels in (4, 7):
        maps = [b.conv(source, 3 * channels, 3) for source in ("x", small)]
        scale = b.scale(maps[0])
        rows = [
            b.moved(op.Reshape((1, 3 * pixels, channels)), b.node(op.Quantize(), m, scale=scale))
            for m, pixels in zip(maps, (100, 25), strict=True)
        ]
        ends.append(b.node(op.Concat(1), *rows, scale=scale))
    scores = b.node(op.Sigmoid(), ends[1], scale=1 / 256, zero_point=-128)
    return b.network(ends[0], scores)


BLOCKS: dict[str, Callable[[], Network]] = {
    "deeplab_v3": deeplab_v3, "ssd_mobilenet": ssd_mobilenet, "mobilenet_v3": mobilenet_v3,
    "vit_tiny": vit_tiny, "bert_tiny": bert_tiny,
}  # fmt: skip
