"""cast: numbers in another type, integers as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.rearrangement import movement_page
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Step


@dataclass(frozen=True)
class Cast(Unary):
    """x in the output's type: fractions cut off, integers wrapped, true is 1."""


def real(operator: Cast, x: NDArray) -> NDArray:
    """Return x: the value stays."""
    return x


def _step(network: Network, node: Node) -> Step:
    dtype = network.output_of(node).dtype

    def step(threads: int, x: NDArray) -> NDArray:
        with np.errstate(invalid="ignore"):
            return x.astype(dtype)

    return step


PAGE = movement_page(Cast, (TfliteForm("CAST", 1, lambda layer: Cast()),), real, _step)
