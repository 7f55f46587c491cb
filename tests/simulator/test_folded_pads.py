"""Pads that a convolution reads by itself: the same bytes as with the padded image kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npusim.graph.attributes import Window
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.operators.conv2d import Conv2D
from npusim.operators.pad import Pad
from npusim.prepared.engine import prepare
from npusim.prepared.folded_pads import fold_pads


def pad_and_convolve(
    rng: np.random.Generator, before: tuple[int, ...], after: tuple[int, ...], depthwise: bool
) -> Network:
    """Return x -> Pad -> Conv2D -> y with random weights, zero points and windows."""
    channels = int(rng.integers(1, 20))
    shape = (1, int(rng.integers(4, 9)), int(rng.integers(4, 9)), channels)
    around = tuple(b + n + a for b, n, a in zip(before, shape, after, strict=True))
    kernel = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    own = tuple(int(p) for p in rng.integers(0, 2, 4))
    stride = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    window = Window(kernel, stride, (1, 1), own)  # type: ignore[arg-type]
    groups = around[3] if depthwise else 1
    filters = around[3] if depthwise else int(rng.integers(1, 20))
    weights = rng.integers(-127, 128, (filters, *kernel, around[3] // groups)).astype(np.int8)
    operator = Conv2D(window, groups)
    x = Quantization(np.float32(0.02), np.int64(rng.integers(-128, 128)))
    w = Quantization(np.float32(0.01), np.int64(0))
    y = Quantization(np.float32(0.05), np.int64(-3))
    found = operator.output_shapes([around, weights.shape])[0]
    tensors = {
        "x": Tensor("x", shape, np.dtype("int8"), x),
        "around": Tensor("around", around, np.dtype("int8"), x),
        "w": Tensor("w", weights.shape, np.dtype("int8"), w, data=weights),
        "y": Tensor("y", found, np.dtype("int8"), y),
    }
    nodes = (
        Node("pad", Pad(before, after), ("x",), ("around",)),
        Node("conv", operator, ("around", "w"), ("y",)),
    )
    return Network("padded", "npusim", nodes, tensors, ("x",), ("y",))


def folds(network: Network, kept: tuple[str, ...]) -> bool:
    prepared = prepare(network, "tflite")
    return bool(fold_pads(network, prepared.functions, kept))


@pytest.mark.parametrize("depthwise", [False, True])
def test_same_bytes_as_with_the_padded_image(depthwise: bool) -> None:
    rng = np.random.default_rng(depthwise)
    for _ in range(12):
        before, after = ((0, *(int(n) for n in rng.integers(0, 3, 2)), 0) for _ in range(2))
        network = pad_and_convolve(rng, before, after, depthwise)
        assert folds(network, ("y",))
        prepared = prepare(network, "tflite")
        x = {"x": rng.integers(-128, 128, (3, *network.tensors["x"].shape[1:])).astype(np.int8)}
        kept = prepared.run(x, keep=("around", "y"))
        for _ in range(2):  # a first run, and one from its workspace
            np.testing.assert_array_equal(prepared.run(x)["y"], kept["y"])


def test_what_something_else_needs_is_padded() -> None:
    rng = np.random.default_rng(3)
    network = pad_and_convolve(rng, (0, 1, 1, 0), (0, 1, 1, 0), False)
    assert folds(network, ("y",))
    assert not folds(network, ("around", "y"))
    other = replace(network.nodes[1], name="other", outputs=("z",))
    tensors = {**network.tensors, "z": replace(network.tensors["y"], name="z")}
    twice = Network("twice", "npusim", (*network.nodes, other), tensors, ("x",), ("y", "z"))
    assert not folds(twice, ("y", "z"))


@pytest.mark.parametrize(
    ("before", "after"), [((0, 1, 0, 1), (0, 0, 0, 0)), ((0, 0, 0, 0), (0, 0, 1, 2))]
)
def test_padded_channels_are_no_padding_of_the_image(
    before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    network = pad_and_convolve(np.random.default_rng(4), before, after, False)
    assert not folds(network, ("y",))
    x = np.zeros(network.tensors["x"].shape, np.int8)
    prepare(network, "tflite").run({"x": x})
