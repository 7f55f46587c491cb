"""Float networks as imported, evaluated in float64, against onnxruntime in float32.

The layouts, axes and constants of every float operator are what is tested: the numbers agree to
float32's rounding, which is the runtime's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, helper

from npusim.formats.files import load
from npusim.quant.float_network import run_float
from tests.conftest import DIGITS
from tests.simulator.onnxruntime_reference import DISABLED, loaded, model, session

TOLERANCE = 2e-5
"""Of the largest output: float32 sums of a few thousand terms against float64 ones."""


def assert_close(proto: onnx.ModelProto, network: object, x: NDArray) -> None:
    (feed,) = (value.name for value in proto.graph.input)
    (name,) = (value.name for value in proto.graph.output)
    (expected,) = session(proto, DISABLED).run([name], {feed: x})
    tensor = network.tensors[name]  # type: ignore[attr-defined]
    found = tensor.in_file_order(run_float(network, x)[name])  # type: ignore[arg-type]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


def weights(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


CASES: dict[str, tuple[list[NodeProto], dict[str, NDArray]]] = {
    "conv_groups_dilation": (
        [
            helper.make_node(
                "Conv",
                ["x", "w", "b"],
                ["y"],
                group=2,
                dilations=[2, 1],
                strides=[1, 2],
                pads=[2, 0, 1, 1],
                kernel_shape=[3, 2],
            )
        ],
        {"w": weights(6, 2, 3, 2), "b": weights(6)},
    ),
    "conv_same_lower": (
        [helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER", strides=[2, 2])],
        {"w": weights(3, 4, 3, 4)},
    ),
    "batch_normalization": (
        [helper.make_node("BatchNormalization", ["x", "g", "b", "m", "v"], ["y"], epsilon=1e-3)],
        {"g": weights(4), "b": weights(4, 1)[:, 0], "m": weights(4, 2)[:, 1], "v": weights(4) ** 2},
    ),
    "gemm_alpha_beta": (
        [
            helper.make_node("Flatten", ["x"], ["f"]),
            helper.make_node("Gemm", ["f", "w", "b"], ["y"], alpha=0.5, beta=2.0, transB=1),
        ],
        {"w": weights(7, 4 * 9 * 8), "b": weights(7)},
    ),
    "matmul_on_the_last_axis": (
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"w": weights(8, 5)},
    ),
    "pools": (
        [
            helper.make_node(
                "AveragePool",
                ["x"],
                ["a"],
                kernel_shape=[3, 3],
                pads=[1, 1, 1, 1],
                count_include_pad=1,
            ),
            helper.make_node(
                "MaxPool", ["a"], ["y"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1
            ),
        ],
        {},
    ),
    "mean_of_channels": (
        [
            helper.make_node("GlobalAveragePool", ["x"], ["p"]),
            helper.make_node("Mul", ["x", "p"], ["m"]),
            helper.make_node("ReduceMean", ["m"], ["y"], axes=[1, -1], keepdims=1),
        ],
        {},
    ),
    "activations": (
        [
            helper.make_node("LeakyRelu", ["x"], ["l"], alpha=0.2),
            helper.make_node("Clip", ["l", "low", "high"], ["c"]),
            helper.make_node("HardSwish", ["c"], ["h"]),
            helper.make_node("Sigmoid", ["h"], ["s"]),
            helper.make_node("Tanh", ["s"], ["t"]),
            helper.make_node("Softmax", ["t"], ["y"], axis=1),
        ],
        {"low": np.float32(-0.3), "high": np.float32(2)},
    ),
    "pad_slice_concat": (
        [
            helper.make_node("Pad", ["x", "pads"], ["p"]),
            helper.make_node("Slice", ["p", "one", "nine", "axis", "two"], ["s"]),
            helper.make_node("Concat", ["s", "s"], ["c"], axis=2),
            helper.make_node("Conv", ["c", "w"], ["y"]),
        ],
        {
            "pads": np.array([0, 0, 1, 2, 0, 0, 3, 0]),
            "one": np.array([1]),
            "nine": np.array([9]),
            "axis": np.array([3]),
            "two": np.array([2]),
            "w": weights(3, 4, 2, 2),
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_float_operators(name: str) -> None:
    nodes, constants = CASES[name]
    x = np.random.default_rng(4).standard_normal((1, 4, 9, 8)).astype(np.float32)
    proto = model(nodes, {"x": x}, constants, {"y": np.float32})
    assert_close(proto, loaded(proto), x)


def test_the_network_of_the_repository() -> None:
    path = DIGITS / "digits_float.onnx"
    x = np.load(DIGITS / "digits_test.npz")["x"][:1].astype(np.float32)
    assert_close(onnx.load(path), load(path), x)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["kws_dscnn_fp32", "ic_resnet8_fp32", "vww_mbv1_fp32"])
def test_float_networks(shared: Path, name: str) -> None:
    path = shared / "models" / "onnx" / f"{name}.onnx"
    network = load(path)
    shape = network.tensors[network.inputs[0]].shape
    x = np.random.default_rng(9).uniform(0, 1, shape).astype(np.float32)
    assert_close(onnx.load(path), network, x)
