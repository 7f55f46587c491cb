"""reduce_max: the greatest (or least) value over axes, integers compared as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.rearrangement import movement_page
from npusim.operators.kinds.reduce import Reduce, read_axes, reduction
from npusim.operators.page import Step


@dataclass(frozen=True)
class ReduceMax(Reduce):
    """The greatest value over `axes`; with `least` the least."""

    least: bool = False


def real(operator: ReduceMax, x: NDArray) -> NDArray:
    """Return the extreme values."""
    function = np.min if operator.least else np.max
    return np.asarray(function(x, axis=operator.axes, keepdims=operator.keep_dims))


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, x: real(operator, x)


PAGE = movement_page(
    ReduceMax,
    (
        TfliteForm("REDUCE_MAX", 1, lambda layer: ReduceMax(*read_axes(layer))),
        TfliteForm("REDUCE_MIN", 1, lambda layer: ReduceMax(*read_axes(layer), least=True)),
    ),
    real,
    _step,
    onnx=(
        reduction("ReduceMax", lambda axes, keep: (ReduceMax(axes, keep),)),
        reduction("ReduceMin", lambda axes, keep: (ReduceMax(axes, keep, least=True),)),
    ),
)
