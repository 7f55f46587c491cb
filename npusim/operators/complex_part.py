"""complex_part: the real or the imaginary part of complex numbers, or their magnitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.unary import Unary

Part = Literal["real", "imaginary", "magnitude"]
PARTS: dict[Part, np.ufunc] = {"real": np.real, "imaginary": np.imag, "magnitude": np.abs}  # type: ignore[dict-item]
NAMES: dict[str, Part] = {"REAL": "real", "IMAG": "imaginary", "COMPLEX_ABS": "magnitude"}
"""Of the operators in .tflite files."""


@dataclass(frozen=True)
class ComplexPart(Unary):
    """x of complex64 -> y of float32."""

    part: Part


def real(operator: ComplexPart, x: NDArray) -> NDArray:
    """Return the part of each number."""
    return np.asarray(PARTS[operator.part](x))


def _form(name: str, part: Part) -> TfliteForm:
    return TfliteForm(name, 1, lambda layer: ComplexPart(part))


PAGE = float_page(
    ComplexPart, (), real, tflite=tuple(_form(name, part) for name, part in NAMES.items())
)
