"""layer_normalization: x less its mean over its deviation, along the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import integer, number
from npusim.operators.forms.own_float import island_form
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class LayerNormalization(Operator):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias over `axis` and all behind it."""

    axis: int
    epsilon: float

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 3

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x = inputs[0]
        if not 0 <= self.axis < len(x):
            raise ShapeError(f"axis {self.axis} is outside input {list(x)}")
        if any(prod(shape) != prod(x[self.axis :]) for shape in inputs[1:]):
            raise ShapeError(f"expected {prod(x[self.axis :])} scales, found {inputs[1:]}")
        return (x,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis > 0


def real(operator: LayerNormalization, x: NDArray, *constants: NDArray) -> NDArray:
    """Return the normalized values in the type of x."""
    rows = x.reshape(prod(x.shape[: operator.axis]), -1)
    centred = rows - rows.mean(1, keepdims=True)
    variance = (centred * centred).mean(1, keepdims=True)
    y = centred / np.sqrt(variance + operator.epsilon) * constants[0].ravel()
    return (y + constants[1].ravel() if len(constants) > 1 else y).reshape(x.shape)


def single(
    operator: LayerNormalization, x: NDArray[np.float32], *constants: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return onnxruntime's float32 values."""
    rows = np.ascontiguousarray(x).reshape(prod(x.shape[: operator.axis]), -1)
    scale = np.ascontiguousarray(constants[0]).reshape(-1)
    bias = np.zeros_like(scale)
    if len(constants) > 1:
        bias = np.ascontiguousarray(constants[1]).reshape(-1)
    return mlas.layer_normalization(rows, scale, bias, operator.epsilon).reshape(x.shape)


def _read(b: Builder, node: OnnxNode) -> None:
    if len([name for name in node.outputs if name]) > 1:
        raise UnsupportedError(f"{node.name} (LayerNormalization): expected one output")
    count = 3 if node.input(2) else 2
    values = tuple(b.value(node, index) for index in range(count))
    axis = node.integer("axis", -1) % len(b.shape(values[0]))
    operator = LayerNormalization(axis, node.number("epsilon", 1e-5))
    b.emit(node.name, operator, values, node.outputs[0])


PAGE = float_page(
    LayerNormalization,
    (OnnxForm("LayerNormalization", _read),),
    single,
    real,
    (island_form("LayerNormalization", integer("axis"), number("epsilon"), values=3),),
)
