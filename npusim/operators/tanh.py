"""tanh: The hyperbolic tangent of x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.int16_curve import Int16Curve
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.table import float32_table, table_step
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import by_width
from npusim.operators.page import Absent, Page, PerRuntime, no_macs
from npusim.runtimes import gemmlowp_int16, int16
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


def single_onnxruntime(operator: Tanh, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    return mlas.tanh(x)


table = float32_table(single)
xnnpack_table = float32_table(single, to_even=True)


curve = Int16Curve(int16.tanh, gemmlowp_int16.tanh, int16.TANH_SHIFTS)

CONSTANTS = by_width(
    PerRuntime(
        litert=table,
        litert_opt=table,
        xnnpack=xnnpack_table,
        onnxruntime=Absent("is not supported under onnxruntime's rule"),
        tosa=table,
        integer=table,
    ),
    curve.of_integers,
    curve.without_table,
)

PAGE = Page(
    operator=Tanh,
    tflite=(TfliteForm("TANH", 1, lambda layer: Tanh()),),
    onnx=(OnnxForm("Tanh", reads(lambda node: Tanh())),),
    own=(table_form("tanh", CONSTANTS),),
    real=real,
    constants=CONSTANTS,
    quantized=table_step,
    float32=by_runtime(elementwise(single), onnxruntime=elementwise(single_onnxruntime)),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
