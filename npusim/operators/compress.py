"""compress: the slices along an axis, or the values, of which a condition holds."""

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
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axis_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.any_type import any_type_page


@dataclass(frozen=True)
class Compress(Operator):
    """Values, truth values [C] -> the slices along `axis` chosen, or (None) values in a vector.

    What the condition is too short for is not chosen.
    """

    axis: int | None

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def sizes_vary(self) -> bool:
        return True

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, condition = inputs
        length = prod(x) if self.axis is None else x[self.axis]
        if len(condition) != 1 or condition[0] > length:
            raise ShapeError(f"a condition {list(condition)} does not fit {length} slices")
        if self.axis is None:
            return (condition,)
        return ((*x[: self.axis], *condition, *x[self.axis + 1 :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: Compress, x: NDArray, condition: NDArray) -> NDArray:
    """Return what is chosen, in order."""
    return np.compress(condition, x, axis=operator.axis)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    axis = axis_of(node, 0, len(b.shape(x))) if "axis" in node.attributes else None
    b.emit(node.name, Compress(axis), (x, b.value(node, 1)), node.outputs[0])


PAGE = any_type_page(Compress, (), real, onnx=(OnnxForm("Compress", _read_onnx),))
