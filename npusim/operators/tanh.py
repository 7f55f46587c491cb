"""tanh: The hyperbolic tangent of x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.table import float32_table, table_step
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Absent, Page, PerRuntime, no_macs
from npusim.runtimes.elementary import tanh


@dataclass(frozen=True)
class Tanh(Unary):
    """The hyperbolic tangent of x."""


def real(operator: Tanh, x: NDArray) -> NDArray:
    """Return tanh in float64."""
    return tanh(x)


def single(operator: Tanh, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same in float32, as TFLite's tables have it."""
    return tanh(x.astype(np.float64)).astype(np.float32)


table = float32_table(single)

CONSTANTS = PerRuntime(
    litert=table,
    litert_opt=table,
    xnnpack=table,
    onnxruntime=Absent("is not supported under onnxruntime's rule"),
    tosa=table,
    integer=table,
)

PAGE = Page(
    operator=Tanh,
    tflite=(TfliteForm("TANH", 1, lambda layer: Tanh()),),
    onnx=(),
    own=(table_form("tanh", CONSTANTS),),
    real=real,
    constants=CONSTANTS,
    quantized=table_step,
    float32=elementwise(single),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
