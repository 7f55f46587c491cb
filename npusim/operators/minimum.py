"""minimum: the lesser of a and b, integers compared as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.binary import Binary, of_any_number
from npusim.operators.kinds.rearrangement import movement_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class Minimum(Binary):
    """The lesser of a and b; LiteRT compares integers whatever their scales are."""


def real(operator: Minimum, a: NDArray, b: NDArray) -> NDArray:
    """Return the lesser, element by element."""
    return np.minimum(a, b)


def step(network: Network, node: Node) -> Step:
    """Return the step on values of any type."""
    return lambda threads, a, b: np.minimum(a, b)


PAGE = movement_page(
    Minimum,
    (TfliteForm("MINIMUM", 2, lambda layer: Minimum()),),
    real,
    step,
    onnx=(OnnxForm("Min", of_any_number(Minimum)),),
    unit="vector unit",
)
