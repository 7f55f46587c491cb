"""floor_mod: what a leaves when divided by b; LiteRT takes integers as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary, division_step


@dataclass(frozen=True)
class FloorMod(Binary):
    """What a leaves when divided by b, of b's sign; with `truncated` of a's."""

    truncated: bool = False


def real(operator: FloorMod, a: NDArray, b: NDArray) -> NDArray:
    """Return the numbers in the type of a."""
    with np.errstate(all="ignore"):
        return np.fmod(a, b) if operator.truncated else np.mod(a, b)


PAGE = any_type_page(
    FloorMod,
    (TfliteForm("FLOOR_MOD", 2, lambda layer: FloorMod()),),
    real,
    division_step(real),
    onnx=(OnnxForm("Mod", reads(lambda node: FloorMod(bool(node.integer("fmod", 0))), 2)),),
)
