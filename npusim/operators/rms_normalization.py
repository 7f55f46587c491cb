"""rms_normalization: x over its root mean square, along the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class RmsNormalization(Operator):
    """x / sqrt(mean of squares + epsilon) * scale over `axis` and all behind it."""

    axis: int
    epsilon: float
    by_values: bool = False
    """Whether onnxruntime adds the squares value by value, whatever the length of a row."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, scale = inputs
        if not 0 <= self.axis < len(x) or prod(scale) != prod(x[self.axis :]):
            raise ShapeError(f"scale {list(scale)} does not fit axes {self.axis}.. of {list(x)}")
        return (x,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis > 0


def real(operator: RmsNormalization, x: NDArray, scale: NDArray) -> NDArray:
    """Return the normalized values in the type of x."""
    rows = x.reshape(prod(x.shape[: operator.axis]), -1)
    mean = (rows * rows).mean(1, keepdims=True)
    return (rows / np.sqrt(mean + operator.epsilon) * scale.ravel()).reshape(x.shape)


def single(
    operator: RmsNormalization, x: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return onnxruntime's float32 values."""
    rows = np.ascontiguousarray(x).reshape(prod(x.shape[: operator.axis]), -1)
    factors = np.ascontiguousarray(scale).reshape(-1)
    y = mlas.rms_normalization(rows, factors, operator.epsilon, operator.by_values)
    return y.reshape(x.shape)


def _read(b: Builder, node: OnnxNode) -> None:
    values = (b.value(node, 0), b.value(node, 1))
    axis = node.integer("axis", -1) % len(b.shape(values[0]))
    by_values = node.domain == "npusim.fused"
    operator = RmsNormalization(axis, node.number("epsilon", 1e-5), by_values)
    b.emit(node.name, operator, values, node.outputs[0])


PAGE = float_page(
    RmsNormalization,
    (
        OnnxForm("RMSNormalization", _read),
        OnnxForm("SimplifiedLayerNormalization", _read),
        OnnxForm("RMSNormalization", _read, "npusim.fused"),
    ),
    single,
    real,
)
