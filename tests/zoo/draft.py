"""A float ONNX graph drafted node by node, with sizes and weights drawn from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Value = str | NDArray[Any] | list[int] | float
"""A value of the graph by its name, or a constant that becomes an initializer."""

IR_VERSION = 8


class Draft:
    """A graph with one method for every operator that is written often; `node` writes any."""

    def __init__(self, seed: int, opset: int = 17) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.shapes: dict[str, tuple[int, ...]] = {}

    def size(self, least: int, most: int) -> int:
        """Return a size within least..most."""
        return int(self.rng.integers(least, most + 1))

    def input(self, *shape: int, name: str = "x", dtype: type = np.float32) -> str:
        """Declare an input of the graph."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def weights(self, *shape: int) -> NDArray[np.float32]:
        """Return normal weights whose products with K inputs keep their variance."""
        fan = max(1, int(np.prod(shape[1:])))
        return (self.rng.normal(size=shape) / np.sqrt(fan)).astype(np.float32)

    def normal(self, *shape: int) -> NDArray[np.float32]:
        """Return float32 values around 0."""
        return self.rng.normal(size=shape).astype(np.float32)

    def positive(self, *shape: int) -> NDArray[np.float32]:
        """Return float32 values within 0.5..1.5."""
        return self.rng.uniform(0.5, 1.5, size=shape).astype(np.float32)

    def value(self, value: Value) -> str:
        """Return the name of a value; a constant becomes an initializer."""
        if isinstance(value, str):
            return value
        dtype = np.float32 if isinstance(value, float) else None
        array = np.asarray(value, np.int64 if isinstance(value, list) else dtype)
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: Value, outputs: int = 1, **attributes: Any) -> Any:
        """Write a node; return the name of its output, or a list of them."""
        names = [self.value(v) for v in inputs]
        number = len(self.nodes)
        made = [
            f"{kind.lower()}{number}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)
        ]
        node = helper.make_node(kind, names, made, f"{kind}_{number}", **attributes)
        self.nodes.append(node)
        return made[0] if outputs == 1 else made

    def conv(
        self, x: str, ic: int, oc: int, k: int = 3, *, stride: int = 1, group: int = 1,
        dilation: int = 1, bias: bool = True, pad: int | None = None,
    ) -> str:  # fmt: skip
        """Write a convolution of images that keeps their size where its stride is 1."""
        around = dilation * (k - 1) // 2 if pad is None else pad
        constants = [self.weights(oc, ic // group, k, k)] + [self.normal(oc) / 4] * bias
        return self.node(
            "Conv", x, *constants, kernel_shape=[k, k], strides=[stride] * 2, group=group,
            dilations=[dilation] * 2, pads=[around] * 4,
        )  # fmt: skip

    def conv1d(
        self, x: str, ic: int, oc: int, k: int = 3, *, stride: int = 1, group: int = 1,
        dilation: int = 1,
    ) -> str:  # fmt: skip
        """Write a convolution of signals."""
        around = dilation * (k - 1) // 2
        return self.node(
            "Conv", x, self.weights(oc, ic // group, k), self.normal(oc) / 4, kernel_shape=[k],
            strides=[stride], group=group, dilations=[dilation], pads=[around] * 2,
        )  # fmt: skip

    def normalized(self, x: str, channels: int) -> str:
        """Write a BatchNormalization."""
        return self.node(
            "BatchNormalization", x, self.positive(channels), self.normal(channels) / 4,
            self.normal(channels) / 4, self.positive(channels),
        )  # fmt: skip

    def gemm(self, x: str, k: int, n: int) -> str:
        """Write a Gemm with a bias."""
        return self.node("Gemm", x, self.weights(n, k), self.normal(n) / 4, transB=1)

    def linear(self, x: str, k: int, n: int) -> str:
        """Write a MatMul by constant weights and the Add of a bias."""
        y = self.node("MatMul", x, np.ascontiguousarray(self.weights(n, k).T))
        return self.node("Add", y, self.normal(n) / 4)

    def relu(self, x: str) -> str:
        """Write a Relu."""
        return self.node("Relu", x)

    def silu(self, x: str) -> str:
        """Write x * Sigmoid(x)."""
        return self.node("Mul", x, self.node("Sigmoid", x))

    def gelu(self, x: str) -> str:
        """Write x / 2 * (1 + erf(x / sqrt 2)) as exporters do before opset 20."""
        erf = self.node("Erf", self.node("Div", x, float(np.sqrt(2))))
        return self.node("Mul", self.node("Mul", x, self.node("Add", erf, 1.0)), 0.5)

    def layer_norm(self, x: str, channels: int, axis: int = -1) -> str:
        """Write a LayerNormalization."""
        return self.node(
            "LayerNormalization", x, self.positive(channels), self.normal(channels) / 4, axis=axis
        )

    def pooled(self, x: str) -> str:
        """Write a GlobalAveragePool and a Flatten."""
        return self.node("Flatten", self.node("GlobalAveragePool", x), axis=1)

    def reshape(self, x: str, *shape: int) -> str:
        """Write a Reshape."""
        return self.node("Reshape", x, [*shape])

    def transpose(self, x: str, *perm: int) -> str:
        """Write a Transpose."""
        return self.node("Transpose", x, perm=[*perm])

    def model(self, *outputs: str) -> onnx.ModelProto:
        """Return the model, checked, with inferred shapes."""
        graph = helper.make_graph(
            self.nodes, "drafted", self.inputs,
            [onnx.ValueInfoProto(name=name) for name in outputs], self.initializers,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", self.opset)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        made = onnx.shape_inference.infer_shapes(made, strict_mode=True)
        known = {value.name: value for value in made.graph.value_info}
        for output in made.graph.output:
            if output.name in known and not output.type.HasField("tensor_type"):
                output.CopyFrom(known[output.name])
        onnx.checker.check_model(made)
        return made
