"""non_zero: where the values are not zero: the places of all of them, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page


@dataclass(frozen=True)
class NonZero(Operator):
    """Values of rank R -> int64 places [R found], with `by_rows` [found R]; at most every one.

    Without `by_rows` a scalar counts as a vector of one.
    """

    by_rows: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    @property
    def sizes_vary(self) -> bool:
        return True

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if self.by_rows:
            return ((prod(x), len(x)),)
        return ((max(len(x), 1), prod(x)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: NonZero, x: NDArray) -> NDArray:
    """Return the places in row-major order."""
    if operator.by_rows:
        return np.argwhere(x).astype(np.int64)
    return np.stack(np.nonzero(np.atleast_1d(x))).astype(np.int64)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    operator = NonZero(by_rows=False)
    b.emit(node.name, operator, (b.value(node, 0),), node.outputs[0], np.dtype(np.int64))


PAGE = any_type_page(
    NonZero,
    (TfliteForm("WHERE", 1, lambda layer: NonZero(by_rows=True)),),
    real,
    onnx=(OnnxForm("NonZero", _read_onnx),),
)
