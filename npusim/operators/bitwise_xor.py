"""bitwise_xor: the bits that differ between two integers as they stand, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary
from npusim.operators.page import Step


@dataclass(frozen=True)
class BitwiseXor(Binary):
    """The bits that differ."""

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (0, 1)


def real(operator: BitwiseXor, a: NDArray, b: NDArray) -> NDArray:
    """Return the bits in the type of a."""
    return np.bitwise_xor(a, b)


def step(network: Network, node: Node) -> Step:
    """Return the step on integers of any type."""
    return lambda threads, a, b: np.bitwise_xor(a, b)


PAGE = any_type_page(
    BitwiseXor,
    (TfliteForm("BITWISE_XOR", 2, lambda layer: BitwiseXor()),),
    real,
    step,
    onnx=(OnnxForm("BitwiseXor", reads(lambda node: BitwiseXor(), 2)),),
)
