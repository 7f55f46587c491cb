"""onnxruntime's float32 functions, products and normalizations, to the last bit.

The witness is the runtime with one thread. Weights are inputs of the graph, as what comes out of a
DequantizeLinear is, so that none is packed when the session begins.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from npusim.graph.attributes import Window
from npusim.kernels import mlas, mlas_products
from tests.simulator.onnxruntime_reference import in_16_lanes

Floats = NDArray[np.float32]


def computed(kind: str, feeds: dict[str, Floats], **attributes: object) -> Floats:
    """Return what onnxruntime computes with one operator."""
    node = helper.make_node(kind, list(feeds), ["y"], **attributes)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in feeds]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "one", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (y,) = session.run(None, feeds)
    return y


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Floats:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "function"),
    [("Sigmoid", mlas.logistic), ("Tanh", mlas.tanh), ("Exp", mlas.exp), ("Erf", mlas.erf)],
)
def test_functions(kind: str, function: Callable[[Floats], Floats]) -> None:
    rng = np.random.default_rng(1)
    edges = np.array([0, -0.0, 1e-6, 50, -50, 88, -100, 0.921875, 3.925], np.float32)
    x = np.concatenate([normal(rng, 4001, scale=3), normal(rng, 999, scale=20), edges])
    np.testing.assert_array_equal(function(x), computed(kind, {"x": x}))


@pytest.mark.parametrize(
    ("rows", "columns", "depth"),
    [(5, 7, 9), (5, 7, 300), (4, 200, 300), (3, 16, 500), (2, 2, 77), (6, 1, 50), (7, 1, 33),
     (1, 30, 53), (1, 1, 40), (8, 130, 130), (1, 300, 700)],
)  # fmt: skip
def test_products(rows: int, columns: int, depth: int) -> None:
    rng = np.random.default_rng(rows + columns + depth)
    a, b = normal(rng, rows, depth), normal(rng, depth, columns)
    np.testing.assert_array_equal(mlas_products.product(a, b), computed("MatMul", {"a": a, "b": b}))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("samples", "inner", "outer", "size"),
    [(1, 4, 6, 9), (2, 40, 6, 8), (1, 4, 2, 5), (1, 2, 40, 3), (1, 60, 60, 12), (2, 8, 4, 1)],
)
def test_convolutions(samples: int, inner: int, outer: int, size: int, groups: int) -> None:
    rng = np.random.default_rng(size)
    x = normal(rng, samples, inner, size, size)
    w, b = normal(rng, outer, inner // groups, 3, 3), normal(rng, outer)
    feeds = {"x": x, "w": w, "b": b}
    expected = computed(
        "Conv", feeds, kernel_shape=[3, 3], pads=[1, 0, 1, 2], strides=[2, 1], group=groups
    )
    window = Window((3, 3), (2, 1), (1, 1), (1, 1, 0, 2))
    nhwc, rows = x.transpose(0, 2, 3, 1), w.transpose(0, 2, 3, 1)
    found = mlas_products.convolve(nhwc, rows, b, window, groups)
    np.testing.assert_array_equal(found.transpose(0, 3, 1, 2), expected)


@in_16_lanes
@pytest.mark.parametrize("columns", [1, 7, 16, 40, 100, 1000])
def test_softmax(columns: int) -> None:
    x = normal(np.random.default_rng(columns), 3, columns, scale=4)
    np.testing.assert_array_equal(mlas.softmax(x, -1), computed("Softmax", {"x": x}, axis=-1))


@pytest.mark.parametrize("columns", [1, 3, 7, 8, 16, 20, 64, 100, 384])
def test_layer_normalization(columns: int) -> None:
    rng = np.random.default_rng(columns)
    x, g, b = normal(rng, 50, columns), normal(rng, columns), normal(rng, columns)
    expected = computed("LayerNormalization", {"x": x, "g": g, "b": b}, axis=-1)
    np.testing.assert_array_equal(mlas.layer_normalization(x, g, b, 1e-5), expected)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (2, 7), (4, 4), (5, 5), (7, 7), (8, 8)])
def test_global_average(size: tuple[int, int]) -> None:
    x = normal(np.random.default_rng(size[0]), 2, 6, *size)
    means = np.empty(12, np.float32)
    mlas.mean_of_image(x.reshape(12, -1), means)
    np.testing.assert_array_equal(means, computed("GlobalAveragePool", {"x": x}).ravel())
