"""floor_mod: what a leaves when divided by b, of b's sign; LiteRT takes integers as they stand."""

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
class FloorMod(Binary):
    """What a leaves when divided by b, of b's sign."""


def real(operator: FloorMod, a: NDArray, b: NDArray) -> NDArray:
    """Return the numbers in the type of a."""
    with np.errstate(all="ignore"):
        return np.mod(a, b)


def step(network: Network, node: Node) -> Step:
    """Return the step on numbers of any type; an integer divided by 0 raises RangeError."""
    operator = node.operator
    assert isinstance(operator, FloorMod)

    def divide(threads: int, a: NDArray, b: NDArray) -> NDArray:
        if b.dtype.kind != "f" and not b.all():
            raise RangeError(f"{node.name}: division by 0")
        return real(operator, a, b)

    return divide


PAGE = movement_page(FloorMod, (TfliteForm("FLOOR_MOD", 2, lambda layer: FloorMod()),), real, step)
