"""neg: -x; TFLite negates integers as they stand, whatever their zero points are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.rearrangement import movement_page
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Step


@dataclass(frozen=True)
class Neg(Unary):
    """-x; the least integer stays."""


def real(operator: Neg, x: NDArray) -> NDArray:
    """Return -x."""
    return np.negative(x)


def _step(network: Network, node: Node) -> Step:
    return lambda threads, x: np.negative(x)


PAGE = movement_page(
    Neg,
    (TfliteForm("NEG", 1, lambda layer: Neg()),),
    real,
    _step,
    onnx=(OnnxForm("Neg", reads(lambda node: Neg())),),
    unit="vector unit",
)
