"""determinant: of each square matrix of x [... M M].

Products are of float64; onnxruntime decomposes in float32, and differs in the last places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class Determinant(Operator):
    """x [... M M] -> y [...]."""

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(x) < 2 or x[-1] != x[-2]:
            raise ShapeError(f"expected square matrices, found {list(x)}")
        return (x[:-2],)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) > 2


def single(operator: Determinant, x: NDArray) -> NDArray:
    """Return the determinants in x's type."""
    return np.asarray(np.linalg.det(x.astype(np.float64)), x.dtype)


PAGE = float_page(Determinant, (OnnxForm("Det", reads(lambda node: Determinant())),), single)
