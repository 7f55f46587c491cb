"""logical_not: the other truth value."""

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
class LogicalNot(Unary):
    """Not x."""


def real(operator: LogicalNot, x: NDArray) -> NDArray:
    """Return the other truth values."""
    return np.logical_not(x)


def _step(network: Network, node: Node) -> Step:
    return lambda threads, x: np.logical_not(x)


PAGE = movement_page(
    LogicalNot,
    (TfliteForm("LOGICAL_NOT", 1, lambda layer: LogicalNot()),),
    real,
    _step,
    onnx=(OnnxForm("Not", reads(lambda node: LogicalNot(), dtype=np.dtype(np.bool_))),),
)
