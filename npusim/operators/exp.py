"""exp: e^x.

On integers a table made in float32, under every set of kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.functions import function_page
from npusim.operators.kinds.table import int16_table
from npusim.operators.kinds.unary import Unary
from npusim.runtimes.elementary import exp


@dataclass(frozen=True)
class Exp(Unary):
    """E^x."""


def single(operator: Exp, x: NDArray) -> NDArray:
    """Return e^x, in x's type."""
    return exp(x.astype(np.float64)).astype(x.dtype)


def single_onnxruntime(operator: Exp, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    return mlas.exp(x)


PAGE = function_page(
    Exp,
    (TfliteForm("EXP", 1, lambda layer: Exp()),),
    single,
    single_onnxruntime=single_onnxruntime,
    wide=int16_table(single),
    onnx=(OnnxForm("Exp", reads(lambda node: Exp())),),
)
