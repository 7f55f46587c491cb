"""reduce_any: whether one value over axes is true, or all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.reduce import Reduce, read_axes


@dataclass(frozen=True)
class ReduceAny(Reduce):
    """Whether any value over `axes` is true; with `every` whether all are."""

    every: bool = False


def real(operator: ReduceAny, x: NDArray) -> NDArray:
    """Return the truth values."""
    function = np.all if operator.every else np.any
    return np.asarray(function(x, axis=operator.axes, keepdims=operator.keep_dims))


PAGE = any_type_page(
    ReduceAny,
    (
        TfliteForm("REDUCE_ANY", 1, lambda layer: ReduceAny(*read_axes(layer))),
        TfliteForm("REDUCE_ALL", 1, lambda layer: ReduceAny(*read_axes(layer), every=True)),
    ),
    real,
)
