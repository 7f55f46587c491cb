"""l2_pool: the root of the mean square over each window, [N IH IW C] -> [N OH OW C]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import fused
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.pool import Pool, sum_in_order, taps
from npusim.operators.page import NO_OWN_FORM, Absent, Page, no_macs


@dataclass(frozen=True)
class L2Pool(Pool):
    """Root of the mean square over each window; taps outside the image do not count."""


def real(operator: L2Pool, x: NDArray) -> NDArray:
    """Return the roots in the type of x."""
    total = sum_in_order([tap * tap for tap in taps(x, operator.window)])
    count = sum_in_order(taps(np.ones((1, *x.shape[1:3], 1), x.dtype), operator.window))
    return fused(operator.activation, np.sqrt(total / np.maximum(count, x.dtype.type(1))))


def _read(layer: TfliteLayer) -> L2Pool:
    kernel = (layer.option("FilterHeight"), layer.option("FilterWidth"))
    return L2Pool(layer.window(kernel), activation=layer.activation())


PAGE = Page(
    operator=L2Pool,
    tflite=(TfliteForm("L2_POOL_2D", 1, _read),),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=Absent("is computed on floats alone"),
    quantized=Absent("is computed on floats alone"),
    float32=elementwise(real),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)
