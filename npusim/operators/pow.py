"""pow: a to the power of b, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.host import float_page, reads


@dataclass(frozen=True)
class Pow(Binary):
    """a to the power of b, shapes broadcast."""


def single(operator: Pow, a: NDArray, b: NDArray) -> NDArray:
    """Return a ** b; squares and cubes are products, as onnxruntime computes them."""
    if b.size == 1 and b.ravel()[0] in (2, 3):
        return a * a if b.ravel()[0] == 2 else a * a * a
    return np.power(a.astype(np.float64), b.astype(np.float64)).astype(a.dtype)


PAGE = float_page(Pow, (OnnxForm("Pow", reads(lambda node: Pow(), inputs=2)),), single)
