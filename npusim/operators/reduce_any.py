"""reduce_any: whether one value over axes is true, or all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.rearrangement import movement_page
from npusim.operators.kinds.reduce import Reduce, read_axes
from npusim.operators.page import Step


@dataclass(frozen=True)
class ReduceAny(Reduce):
    """Whether any value over `axes` is true; with `every` whether all are."""

    every: bool = False


def real(operator: ReduceAny, x: NDArray) -> NDArray:
    """Return the truth values."""
    function = np.all if operator.every else np.any
    return np.asarray(function(x, axis=operator.axes, keepdims=operator.keep_dims))


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, x: real(operator, x)


PAGE = movement_page(
    ReduceAny,
    (
        TfliteForm("REDUCE_ANY", 1, lambda layer: ReduceAny(*read_axes(layer))),
        TfliteForm("REDUCE_ALL", 1, lambda layer: ReduceAny(*read_axes(layer), every=True)),
    ),
    real,
    _step,
)
