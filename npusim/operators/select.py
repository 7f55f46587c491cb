"""select: where a condition holds the one value, elsewhere the other, as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import activation_input, output_type, per_tensor
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import broadcast, broadcasts_within_samples
from npusim.operators.page import Step
from npusim.operators.quantize import Quantize


@dataclass(frozen=True)
class Select(Operator):
    """condition ? a : b, shapes broadcast.

    With `by_rows` a condition of one axis chooses whole rows of the first axis of a and b.
    """

    by_rows: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        condition, a, b = inputs
        return (broadcast(self._spread(condition, len(a)), a, b),)

    def _spread(self, condition: Shape, rank: int) -> Shape:
        rows = self.by_rows and len(condition) == 1
        return (*condition, *(1,) * (rank - 1)) if rows else condition

    def chosen(self, condition: NDArray, a: NDArray, b: NDArray) -> NDArray:
        """Return the choice, element by element."""
        return np.where(condition.reshape(self._spread(condition.shape, a.ndim)), a, b)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return not self.by_rows and broadcasts_within_samples(inputs, outputs[0])


def real(operator: Select, condition: NDArray, a: NDArray, b: NDArray) -> NDArray:
    """Return the choice, element by element."""
    return operator.chosen(condition, a, b)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, condition, a, b: operator.chosen(condition, a, b)


def _read_where(b: Builder, node: OnnxNode) -> None:
    values = tuple(b.value(node, index) for index in range(3))
    chosen = b.tensors[values[1]]
    b.emit(node.name, Select(), values, node.outputs[0], chosen.dtype, chosen.quantization)


def _read_quantized(b: Builder, node: OnnxNode) -> None:
    condition, q, dtype = b.value(node, 0), per_tensor(b, node, 7, 8), output_type(b, node, 8)
    sides = []
    for index in (1, 4):
        x = activation_input(b, node, index, per_tensor(b, node, index + 1, index + 2), index + 2)
        name = b.free(f"{node.name}:{index}")
        sides.append(b.emit(name, Quantize(), (x,), name, dtype, q))
    b.emit(node.name, Select(), (condition, *sides), node.outputs[0], dtype, q)


PAGE = any_type_page(
    Select,
    (
        TfliteForm("SELECT", 3, lambda layer: Select(by_rows=len(layer.input(0).shape) == 1)),
        TfliteForm("SELECT_V2", 3, lambda layer: Select()),
    ),
    real,
    _step,
    onnx=(
        OnnxForm("Where", _read_where),
        OnnxForm("QLinearWhere", _read_quantized, "com.microsoft"),
    ),
)
