"""Small float networks that hold every operator the quantizer takes."""

from __future__ import annotations

import numpy as np
import pytest

import npusim
from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Tensor
from tests.conftest import DIGITS

FLOAT = np.dtype(np.float32)

CHOICES_OF_FIVE = [
    ("uniform", 8), ("wes", 8), ("pwlq", 8), ("multipoint", 8),
    *((s, b) for b in (4, 3, 2) for s in ("uniform", "wes", "pwlq", "subset", "multipoint")),
]  # fmt: skip
"""The five schemes at 8, 4, 3 and 2 bits; a subset of 15 magnitudes has no 8 bits."""

REFERENCE_NETWORKS = [
    "digits",
    *(pytest.param(name, marks=pytest.mark.shared)
      for name in ("kws_dscnn", "ic_resnet8", "vww_mbv1")),
]  # fmt: skip


def reference_network(name: str, request: pytest.FixtureRequest) -> tuple[Network, np.ndarray]:
    """Return the float network and a few samples float64 of its input, in the file's layout."""
    if name == "digits":
        x = np.load(DIGITS / "digits_test.npz")["x"][:32].astype(np.float64)
        return npusim.load(DIGITS / "digits_float.onnx"), x
    models = request.getfixturevalue("shared") / "models"
    network = npusim.load(models / "onnx" / f"{name}_fp32.onnx")
    if name == "kws_dscnn":
        raw = np.load(models / "samples/kws01.npz")["x"][::100]
        return network, (raw.astype(np.float64) - 83) * 0.5847029089927673
    photos = np.load(models / "samples/photos.npz")["x128"]
    if name == "vww_mbv1":
        return network, photos[:, 16:112, 16:112] / 255.0
    return network, photos[:, ::4, ::4].astype(np.float64)


class Maker:
    """Builds a float network node by node; shapes are inferred."""

    def __init__(self, shape: tuple[int, ...], order: tuple[int, ...] | None = None) -> None:
        self.tensors = {"x": Tensor("x", shape, FLOAT, file_order=order)}
        self.nodes: list[Node] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        data = values.astype(np.float32)
        self.tensors[name] = Tensor(name, data.shape, FLOAT, data=data)
        return name

    def node(self, name: str, operator: op.Operator, *inputs: str, order=None) -> str:
        shapes = [self.tensors[i].shape for i in inputs]
        (shape,) = output_shapes(name, operator, shapes)
        self.tensors[f"{name}:0"] = Tensor(f"{name}:0", shape, FLOAT, file_order=order)
        self.nodes.append(Node(name, operator, inputs, (f"{name}:0",)))
        return f"{name}:0"

    def network(self, *outputs: str) -> Network:
        return Network("made", "onnx", tuple(self.nodes), self.tensors, ("x",), outputs)


def every_operator(seed: int = 0) -> Network:
    """Convolutions of every kind, residual and concatenated branches, pools, a dense end."""
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))

    m = Maker((1, 9, 8, 3), (0, 3, 1, 2))
    relu, relu6 = op.Clamp(0.0), op.Clamp(0.0, 6.0)
    stem = m.node(
        "stem", op.Conv2D(op.Window((3, 3), (2, 1), (1, 1), (1, 0, 1, 2)), 1, relu), "x",
        m.constant("w0", weights(8, 3, 3, 3) * 3), m.constant("b0", random.normal(size=8)),
    )  # fmt: skip
    deep = m.node(
        "depthwise", op.Conv2D(op.Window((3, 3), padding=(1, 1, 1, 1)), 8), stem,
        m.constant("w1", weights(16, 3, 3, 1)),
    )  # fmt: skip
    normal = m.node(
        "normalization", op.BatchNormalization(1e-3), deep,
        *(m.constant(f"n{i}", random.uniform(0.5, 1.5, size=16)) for i in range(4)),
    )  # fmt: skip
    deep = m.node("relu6", op.Clip(0.0, 6.0), normal)
    grouped = m.node(
        "grouped", op.Conv2D(op.Window((2, 2), dilation=(2, 1), padding=(1, 1, 0, 1)), 2), deep,
        m.constant("w2", weights(8, 2, 2, 8)), m.constant("b2", random.normal(size=8)),
    )  # fmt: skip
    point = m.node("point", op.Conv2D(op.Window((1, 1)), 1, relu6), stem,
                   m.constant("w3", weights(8, 1, 1, 8)))  # fmt: skip
    total = m.node("add", op.Add(relu), grouped, point)
    pooled = m.node("max", op.MaxPool(op.Window((2, 2), (1, 1), padding=(0, 1, 1, 0))), total)
    average = m.node("average", op.AveragePool(op.Window((2, 3), padding=(1, 0, 1, 1))), total)
    counted = m.node(
        "counted", op.AveragePool(op.Window((3, 3), padding=(1, 1, 1, 1)), True), total
    )
    cut = m.node("slice", op.Slice((0, 0, 0, 2), (1, 4, 9, 8), (1, 1, 1, 2)), counted)
    joined = m.node("concat", op.Concat(3), pooled, average, cut)
    padded = m.node("pad", op.Pad((0, 1, 0, 0), (0, 0, 2, 0)), joined)
    curved = m.node("sigmoid", op.Sigmoid(), padded)
    gated = m.node("mul", op.Mul(), padded, curved)
    shifted = m.node("shift", op.Add(), gated, m.constant("offset", random.normal(size=19)))
    turned = m.node("turn", op.Transpose((0, 2, 1, 3)), shifted)
    mean = m.node("mean", op.Mean((1, 2), False), turned)
    flat = m.node("flat", op.Reshape((1, 19)), mean)
    dense = m.node("dense", op.FullyConnected(False, relu), flat,
                   m.constant("w4", weights(11, 19)))  # fmt: skip
    logits = m.node("logits", op.FullyConnected(True), dense, m.constant("w5", weights(5, 11)),
                    m.constant("b5", random.normal(size=5)))  # fmt: skip
    m.node("softmax", op.Softmax(1), logits)
    return m.network("softmax:0", turned)
