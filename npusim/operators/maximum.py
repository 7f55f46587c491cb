"""maximum: the greater of a and b, integers compared as they stand."""

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
class Maximum(Binary):
    """The greater of a and b; LiteRT compares integers whatever their scales are."""


def real(operator: Maximum, a: NDArray, b: NDArray) -> NDArray:
    """Return the greater, element by element."""
    return np.maximum(a, b)


def step(network: Network, node: Node) -> Step:
    """Return the step on values of any type."""
    return lambda threads, a, b: np.maximum(a, b)


PAGE = movement_page(
    Maximum,
    (TfliteForm("MAXIMUM", 2, lambda layer: Maximum()),),
    real,
    step,
    onnx=(OnnxForm("Max", of_any_number(Maximum)),),
    unit="vector unit",
)
