"""matrix_set_diag: matrices with another diagonal."""

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
class MatrixSetDiag(Operator):
    """x [... M N], diagonals [... min(M, N)] -> y [... M N]."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, diagonal = inputs
        if len(x) < 2 or diagonal != (*x[:-2], min(x[-2:])):
            raise ShapeError(f"diagonals {list(diagonal)} do not fit matrices {list(x)}")
        return (x,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) > 2 and not inputs[1].is_constant


def real(operator: MatrixSetDiag, x: NDArray, diagonal: NDArray) -> NDArray:
    """Return the matrices in the type of x."""
    y = x.copy()
    place = np.arange(diagonal.shape[-1])
    y[..., place, place] = diagonal
    return y


PAGE = any_type_page(
    MatrixSetDiag,
    (TfliteForm("MATRIX_SET_DIAG", 2, lambda layer: MatrixSetDiag()),),
    real,
    keeps_scale=True,
)
