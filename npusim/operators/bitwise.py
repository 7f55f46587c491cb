"""bitwise: and, or of two integers as they stand, shapes broadcast; xor has a page of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary

Junction = Literal["and", "or"]
JUNCTIONS: dict[Junction, Callable[..., NDArray]] = {"and": np.bitwise_and, "or": np.bitwise_or}


@dataclass(frozen=True)
class Bitwise(Binary):
    """The bits that both have (`and`), or at least one has (`or`)."""

    junction: Junction

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (0, 1)


def real(operator: Bitwise, a: NDArray, b: NDArray) -> NDArray:
    """Return the bits in the type of a."""
    return JUNCTIONS[operator.junction](a, b)


PAGE = any_type_page(
    Bitwise,
    (),
    real,
    onnx=(
        OnnxForm("BitwiseAnd", reads(lambda node: Bitwise("and"), 2)),
        OnnxForm("BitwiseOr", reads(lambda node: Bitwise("or"), 2)),
    ),
)
