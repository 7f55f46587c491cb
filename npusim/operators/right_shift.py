"""right_shift: integers as they stand moved right, the sign kept, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary
from npusim.operators.page import Step


@dataclass(frozen=True)
class RightShift(Binary):
    """floor(a / 2^b); b counts as 0 below 0, and as the type's bits less 1 from there on."""


def real(operator: RightShift, a: NDArray, b: NDArray) -> NDArray:
    """Return the shifted integers in the type of a."""
    return np.right_shift(a, np.clip(b, 0, 8 * a.dtype.itemsize - 1))


def step(network: Network, node: Node) -> Step:
    """Return the step on integers of any type."""
    operator = node.operator
    assert isinstance(operator, RightShift)
    return lambda threads, a, b: real(operator, a, b)


PAGE = any_type_page(
    RightShift, (TfliteForm("RIGHT_SHIFT", 2, lambda layer: RightShift()),), real, step
)
