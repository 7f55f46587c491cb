"""reduce_max: the greatest (or least) value over axes, integers compared as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.reduce import Reduce, read_axes, reduction


@dataclass(frozen=True)
class ReduceMax(Reduce):
    """The greatest value over `axes`; with `least` the least."""

    least: bool = False


def real(operator: ReduceMax, x: NDArray) -> NDArray:
    """Return the extreme values."""
    function = np.min if operator.least else np.max
    return np.asarray(function(x, axis=operator.axes, keepdims=operator.keep_dims))


PAGE = any_type_page(
    ReduceMax,
    (
        TfliteForm("REDUCE_MAX", 1, lambda layer: ReduceMax(*read_axes(layer))),
        TfliteForm("REDUCE_MIN", 1, lambda layer: ReduceMax(*read_axes(layer), least=True)),
    ),
    real,
    unit="vector unit",
    onnx=(
        reduction("ReduceMax", lambda axes, keep: (ReduceMax(axes, keep),)),
        reduction("ReduceMin", lambda axes, keep: (ReduceMax(axes, keep, least=True),)),
    ),
)
