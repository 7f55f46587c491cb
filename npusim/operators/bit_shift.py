"""bit_shift: unsigned integers, their bits moved up or down by as many places as others say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary


@dataclass(frozen=True)
class BitShift(Binary):
    """a shifted by b places: to the left (`up`), bits beyond the type lost, or to the right."""

    up: bool

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (0, 1)


def real(operator: BitShift, a: NDArray, b: NDArray) -> NDArray:
    """Return the bits in the type of a."""
    return (np.left_shift if operator.up else np.right_shift)(a, b)


def _read(node: OnnxNode) -> BitShift:
    return BitShift(node.attributes.get("direction") == "LEFT")


PAGE = any_type_page(BitShift, (), real, onnx=(OnnxForm("BitShift", reads(_read, 2)),))
