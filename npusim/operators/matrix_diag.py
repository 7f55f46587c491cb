"""matrix_diag: the last axis on the diagonal of square matrices of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page


@dataclass(frozen=True)
class MatrixDiag(Operator):
    """x [... N] -> y [... N N]; beside the diagonal stands the integer 0, whatever it is worth."""

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not x:
            raise ShapeError("expected a diagonal of rank 1 at least, found a scalar")
        return ((*x, x[-1]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) > 1


def real(operator: MatrixDiag, x: NDArray) -> NDArray:
    """Return the matrices in the type of x."""
    y = np.zeros((*x.shape, x.shape[-1]), x.dtype)
    place = np.arange(x.shape[-1])
    y[..., place, place] = x
    return y


PAGE = any_type_page(
    MatrixDiag,
    (TfliteForm("MATRIX_DIAG", 1, lambda layer: MatrixDiag()),),
    real,
    keeps_scale=True,
)
