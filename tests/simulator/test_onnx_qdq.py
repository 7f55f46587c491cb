"""QDQ groups, fused here, against onnxruntime fusing them itself (ORT_ENABLE_EXTENDED).

Activations are uint8, which onnxruntime does not convert, so that it joins all of these groups.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import NodeProto, helper

from .onnxruntime_reference import EXTENDED, assert_same_bytes
from .test_onnx_random import generators, integers, random_test, weight_values

NONE, INT32, FLOAT = range(3)
"""Kinds of bias."""


class Group:
    """DequantizeLinear - operators - QuantizeLinear around one input or two."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray] = {}

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(
            helper.make_node(kind, inputs, [output], f"{kind}_{output}", **attributes)
        )
        return output

    def pair(self, name: str, scale: float, zero_point: int) -> list[str]:
        self.constants[f"{name}_s"] = np.array(scale, np.float32)
        self.constants[f"{name}_z"] = np.array(zero_point, np.uint8)
        return [f"{name}_s", f"{name}_z"]

    def dequantized(self, name: str) -> str:
        pair = self.pair(name, np.exp(self.rng.uniform(-6, -1)), int(self.rng.integers(256)))
        return self.node("DequantizeLinear", [name, *pair], f"{name}_d")

    def quantized(self, name: str, scale: float, zero_point: int | None = None) -> None:
        zero = int(self.rng.integers(256)) if zero_point is None else zero_point
        self.node("QuantizeLinear", [name, *self.pair("y", scale, zero)], "y")

    def weights(self, shape: tuple[int, ...], channels: int, axis: int) -> str:
        self.constants["w"] = weight_values(self.rng, np.int8, shape)
        self.constants["w_s"] = np.exp(self.rng.uniform(-6, -3, channels)).astype(np.float32)
        self.constants["w_z"] = np.zeros(channels, np.int8)
        return self.node("DequantizeLinear", ["w", "w_s", "w_z"], "w_d", axis=axis)

    def bias(self, channels: int, kind: int) -> list[str]:
        """Return no bias, an int32 one behind its DequantizeLinear, or a float one."""
        if kind == NONE:
            return []
        scale = (self.constants["x_s"] * self.constants["w_s"]).astype(np.float32)
        values = self.rng.integers(-3000, 3000, channels).astype(np.int32)
        if kind == FLOAT:
            self.constants["b"] = ((values + self.rng.random(channels)) * scale).astype(np.float32)
            return ["b"]
        self.constants.update(bq=values, b_s=scale, b_z=np.zeros(channels, np.int32))
        return [self.node("DequantizeLinear", ["bq", "b_s", "b_z"], "b", axis=0)]


@random_test
@given(generators, st.booleans())
def test_conv_with_relu(rng: np.random.Generator, relu: bool) -> None:
    group = Group(rng)
    ic, oc, k = int(rng.integers(1, 7)), int(rng.integers(1, 7)), int(rng.choice([1, 3]))
    x = integers(rng, np.uint8, (1, ic, 5, 6))
    y = group.dequantized("x")
    w = group.weights((oc, ic, k, k), oc, 0)
    bias = group.bias(oc, int(rng.choice([NONE, INT32, FLOAT])))
    y = group.node("Conv", [y, w, *bias], "c", kernel_shape=[k, k], pads=[k // 2] * 4)
    if relu:  # the runtime drops a Relu whose zero is the least integer
        y = group.node("Relu", [y], "r")
    group.quantized(y, np.exp(rng.uniform(-3, 1)), 0 if relu else None)
    assert_same_bytes(group.nodes, {"x": x}, group.constants, {"y": np.uint8}, EXTENDED)


@random_test
@given(generators)
def test_gemm(rng: np.random.Generator) -> None:
    group = Group(rng)
    k, n = int(rng.integers(1, 90)), int(rng.integers(1, 20))
    x = integers(rng, np.uint8, (int(rng.integers(1, 4)), k))
    y = group.dequantized("x")
    transposed = int(rng.integers(2))
    shape, axis = ((n, k), 0) if transposed else ((k, n), 1)
    w = group.weights(shape, n, axis)
    bias = group.bias(n, INT32)  # the runtime joins a Gemm with an int32 bias only
    y = group.node("Gemm", [y, w, *bias], "g", transB=transposed)
    group.quantized(y, np.exp(rng.uniform(-3, 1)))
    assert_same_bytes(group.nodes, {"x": x}, group.constants, {"y": np.uint8}, EXTENDED)


@random_test
@given(generators, st.sampled_from(["Add", "Mul", "Concat"]))
def test_two_inputs(rng: np.random.Generator, kind: str) -> None:
    group = Group(rng)
    shape = tuple(int(n) for n in (1, *rng.integers(1, 6, 3)))
    inputs = {name: integers(rng, np.uint8, shape) for name in ("x", "v")}
    reals = [group.dequantized(name) for name in inputs]
    attributes = {"axis": int(rng.integers(4))} if kind == "Concat" else {}
    y = group.node(kind, reals, "c", **attributes)
    if rng.random() < 0.5:
        y = group.node("Transpose", [y], "t", perm=[int(i) for i in (0, *(1 + rng.permutation(3)))])
    group.quantized(y, np.exp(rng.uniform(-5, 0)))
    assert_same_bytes(group.nodes, inputs, group.constants, {"y": np.uint8}, EXTENDED)


@random_test
@given(generators, st.sampled_from(["AveragePool", "GlobalAveragePool", "Softmax", "MaxPool"]))
def test_one_input(rng: np.random.Generator, kind: str) -> None:
    group = Group(rng)
    x = integers(rng, np.uint8, tuple(int(n) for n in (1, *rng.integers(2, 7, 3))))
    y = group.dequantized("x")
    attributes: dict[str, object] = {"kernel_shape": [2, 2]} if kind.endswith("gePool") else {}
    if kind == "GlobalAveragePool":
        attributes = {}
    if kind == "MaxPool":
        attributes = {"kernel_shape": [2, 2], "strides": [2, 1]}
    y = group.node(kind, [y], "c", **attributes)
    if kind == "MaxPool":  # the runtime takes it out of the group where both scales are one
        scale, zero = float(group.constants["x_s"]), int(group.constants["x_z"])
        group.quantized(y, scale, zero)
    else:
        group.quantized(y, 1 / 256 if kind == "Softmax" else np.exp(rng.uniform(-6, -1)))
    assert_same_bytes(group.nodes, {"x": x}, group.constants, {"y": np.uint8}, EXTENDED)


@random_test
@given(generators)
def test_moves_between_two_scales(rng: np.random.Generator) -> None:
    """DequantizeLinear - Reshape, Transpose, Relu - QuantizeLinear with another scale."""
    group = Group(rng)
    x = integers(rng, np.uint8, tuple(int(n) for n in rng.integers(1, 7, 3)))
    y = group.dequantized("x")
    for step in range(int(rng.integers(1, 4))):
        kind = rng.choice(["Relu", "Transpose", "Flatten"])
        y = group.node(str(kind), [y], f"m{step}")
    group.quantized(y, np.exp(rng.uniform(-6, -1)))
    assert_same_bytes(group.nodes, {"x": x}, group.constants, {"y": np.uint8}, EXTENDED)
