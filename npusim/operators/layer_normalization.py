"""layer_normalization: x less its mean over its deviation, along the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas
from npusim.kernels.normalized_sums import normalize
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import integer, number
from npusim.operators.forms.own_float import island_form
from npusim.operators.kinds.host import float_page

Sums = Literal["vectors", "running", "two_passes"]


@dataclass(frozen=True)
class LayerNormalization(Operator):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias over `axis` and all behind it."""

    axis: int
    epsilon: float
    sums: Sums = "vectors"
    """How onnxruntime adds: in vectors; a running mean and variance; one after the other."""

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
    if operator.sums == "two_passes":
        return normalize(rows, scale, bias, operator.epsilon).reshape(x.shape)
    running = operator.sums == "running"
    y = mlas.layer_normalization(rows, scale, bias, operator.epsilon, running)
    return y.reshape(x.shape)


def _is_sum_of_alike(b: Builder, x: str) -> bool:
    """Return whether x [N S C] is the sum of two values of its shape: a SkipLayerNormalization."""
    made = next((node for node in reversed(b.nodes) if x in node.outputs), None)
    return (
        made is not None
        and all(b.shape(n) == b.shape(x) for n in made.inputs)
        and (len(b.shape(x)) == 3)
    )


def _read(b: Builder, node: OnnxNode) -> None:
    if len([name for name in node.outputs if name]) > 1:
        raise UnsupportedError(f"{node.name} (LayerNormalization): expected one output")
    count = 3 if node.input(2) else 2
    values = tuple(b.value(node, index) for index in range(count))
    axis = node.integer("axis", -1) % len(b.shape(values[0]))
    sums: Any = node.attributes.get("sums", "vectors") if node.domain else "vectors"
    if sums == "running_if_alike":
        sums = "running" if _is_sum_of_alike(b, values[0]) else "vectors"
    operator = LayerNormalization(axis, node.number("epsilon", 1e-5), sums)
    b.emit(node.name, operator, values, node.outputs[0])


PAGE = float_page(
    LayerNormalization,
    (
        OnnxForm("LayerNormalization", _read),
        OnnxForm("LayerNormalization", _read, "npusim.fused"),
    ),
    single,
    real,
    (island_form("LayerNormalization", integer("axis"), number("epsilon"), values=3),),
)
