"""float16 networks have onnxruntime's bytes: it computes them in float32 between few roundings."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from npusim.errors import UnsupportedError
from tests.operators.onnx_cases import Case, equals_onnxruntime
from tests.simulator.onnxruntime_reference import loaded, model

HALF, FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT
KINDS = ("Mul", "Add", "Sigmoid", "Relu", "Softmax", "MatMul", "LayerNormalization", "Clip",
         "Transpose", "Reshape", "Concat", "Slice", "Max", "Cast", "Where")  # fmt: skip


class _Chain:
    """Nodes on square matrices of float16, each on values that stand already."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.nodes = rng, list[NodeProto]()
        self.size = int(rng.integers(2, 9))
        self.values = ["x"]
        self.held: dict[str, NDArray] = {
            "zero": np.array(0, np.float16),
            "shape": np.array([self.size, self.size]),
            "first": np.array([0, 0]),
            "last": np.array([self.size, self.size]),
        }

    def constant(self, *shape: int) -> str:
        name = f"c{len(self.held)}"
        self.held[name] = self.rng.normal(size=shape).astype(np.float16)
        return name

    def put(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"n{name}", **attributes))
        return name

    def grow(self) -> None:
        rng, n = self.rng, self.size
        x, other = (self.values[rng.integers(len(self.values))] for _ in range(2))
        match KINDS[rng.integers(len(KINDS))]:
            case "Mul" | "Add" | "Max" as kind:
                made = self.put(kind, x, self.constant(n) if rng.random() < 0.6 else other)
            case "MatMul":
                made = self.put("MatMul", x, self.constant(n, n) if rng.random() < 0.6 else other)
            case "LayerNormalization":
                made = self.put("LayerNormalization", x, self.constant(n), self.constant(n))
            case "Clip":
                made = self.put("Clip", x, "zero")
            case "Reshape":
                made = self.put("Reshape", x, "shape")
            case "Concat":
                both = self.put("Concat", x, other, axis=0)
                made = self.put("Slice", both, "first", "last")
            case "Slice":
                made = self.put("Slice", x, "first", "last")
            case "Cast":
                wide = self.put("Cast", x, to=FLOAT)
                made = self.put("Cast", self.put("Neg", wide), to=HALF)
            case "Where":
                made = self.put("Where", self.put("Greater", x, other), x, other)
            case kind:
                made = self.put(kind, x)
        self.values.append(made)


def _random(rng: np.random.Generator) -> Case:
    chain = _Chain(rng)
    for _ in range(int(rng.integers(1, 9))):
        chain.grow()
    used = {name for node in chain.nodes for name in node.input}
    given = rng.normal(size=(chain.size, chain.size)).astype(np.float16)
    outputs = {chain.values[-1]: np.float16}
    held = {name: value for name, value in chain.held.items() if name in used}
    return chain.nodes, {"x": given}, held, outputs


test_equals_onnxruntime = equals_onnxruntime(_random)


def _image(rng: np.random.Generator) -> Case:
    channels = int(rng.integers(1, 9))
    held = {
        "w": (rng.normal(size=(channels, 3, 3, 3)) / 3).astype(np.float16),
        "b": rng.normal(size=channels).astype(np.float16),
        "g": rng.normal(size=(channels, 5)).astype(np.float16),
    }
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=HALF),
        helper.make_node("Conv", ["h", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["p"], ["a"]),
        helper.make_node("Flatten", ["a"], ["f"]),
        helper.make_node("MatMul", ["f", "g"], ["y"]),
    ]
    x = rng.normal(size=(1, 3, 6, 8)).astype(np.float32)
    return nodes, {"x": x}, held, {"y": np.float16}


test_a_converted_network = equals_onnxruntime(_image, cases=30, opset=13)


def _integers(rng: np.random.Generator) -> Case:
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=HALF),
        helper.make_node("Mul", ["h", "k"], ["m"]),
        helper.make_node("Cast", ["m"], ["i"], to=TensorProto.INT32),
        helper.make_node("Cast", ["m"], ["y"], to=FLOAT),
    ]
    held = {"k": rng.normal(size=1).astype(np.float16)}
    x = rng.integers(-5000, 5000, 40).astype(np.int32)
    return nodes, {"x": x}, held, {"i": np.int32, "y": np.float32}


test_integers_are_rounded = equals_onnxruntime(_integers, cases=30)


def test_bfloat16_is_refused() -> None:
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.BFLOAT16)
    proto = model([node], {"x": np.zeros(3, np.float32)}, {}, {"y": np.float32})
    with pytest.raises(UnsupportedError, match="BFLOAT16"):
        loaded(proto)
