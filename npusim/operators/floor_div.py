"""floor_div: the whole part of a / b, rounded down; LiteRT takes integers as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError
from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.rearrangement import movement_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class FloorDiv(Binary):
    """The whole part of a / b, rounded down."""


def real(operator: FloorDiv, a: NDArray, b: NDArray) -> NDArray:
    """Return the numbers in the type of a."""
    with np.errstate(all="ignore"):
        return np.floor_divide(a, b)


def step(network: Network, node: Node) -> Step:
    """Return the step on numbers of any type; an integer divided by 0 raises RangeError."""
    operator = node.operator
    assert isinstance(operator, FloorDiv)

    def divide(threads: int, a: NDArray, b: NDArray) -> NDArray:
        if b.dtype.kind != "f" and not b.all():
            raise RangeError(f"{node.name}: division by 0")
        return real(operator, a, b)

    return divide


PAGE = movement_page(FloorDiv, (TfliteForm("FLOOR_DIV", 2, lambda layer: FloorDiv()),), real, step)
