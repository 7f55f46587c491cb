"""reduce_max: the greatest (or least) value over axes, integers compared as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    """Return the extreme values; of nothing the one that any other goes beyond."""
    function = np.min if operator.least else np.max
    nothing = {} if x.size else {"initial": _beyond(x.dtype, not operator.least)}
    return np.asarray(function(x, axis=operator.axes, keepdims=operator.keep_dims, **nothing))


def _beyond(dtype: np.dtype, least: bool) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min if least else np.iinfo(dtype).max
    return not least if dtype.kind == "b" else (-np.inf if least else np.inf)


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
