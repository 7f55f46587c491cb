"""sigmoid: 1 / (1 + exp(-x)).

TFLite computes it on 8-bit values from a table made in float32 (activations.cc, LUTPopulate), under
every one of its kernels; e^x is float64 rounded to float32, the same on every processor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.onnx_scales import reads_unary
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.int16_curve import Int16Curve
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.table import float32_table, onnxruntime_table, table_step
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import by_width
from npusim.operators.page import Absent, Page, PerRuntime, no_macs
from npusim.runtimes import gemmlowp_int16, int16
from npusim.runtimes.elementary import exp, sigmoid


@dataclass(frozen=True)
class Sigmoid(Unary):
    """1 / (1 + exp(-x))."""


def real(operator: Sigmoid, x: NDArray) -> NDArray:
    """Return the sigmoid in float64."""
    return sigmoid(x)


def single(operator: Sigmoid, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sigmoid in float32 as TFLite's tables have it."""
    one = np.float32(1)
    return one / (one + exp(-x.astype(np.float64)).astype(np.float32))


def single_onnxruntime(operator: Sigmoid, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    return mlas.logistic(x)


table = float32_table(single)
xnnpack_table = float32_table(single, to_even=True)


curve = Int16Curve(int16.logistic, gemmlowp_int16.logistic, int16.LOGISTIC_SHIFTS)

CONSTANTS = by_width(
    PerRuntime(
        litert=table,
        litert_opt=table,
        xnnpack=xnnpack_table,
        onnxruntime=onnxruntime_table(single_onnxruntime),
        tosa=table,
        integer=table,
    ),
    curve.of_integers,
    curve.without_table,
)

PAGE = Page(
    operator=Sigmoid,
    tflite=(TfliteForm("LOGISTIC", 1, lambda layer: Sigmoid()),),
    onnx=(
        OnnxForm("Sigmoid", reads(lambda node: Sigmoid())),
        OnnxForm("QLinearSigmoid", reads_unary(lambda node: Sigmoid()), "com.microsoft"),
    ),
    own=(table_form("sigmoid", CONSTANTS),),
    real=real,
    constants=CONSTANTS,
    quantized=table_step,
    float32=by_runtime(elementwise(single), onnxruntime=elementwise(single_onnxruntime)),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
