"""logical: and, or of truth values, shapes broadcast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary

Junction = Literal["and", "or"]
JUNCTIONS: dict[Junction, Callable[..., NDArray]] = {"and": np.logical_and, "or": np.logical_or}


@dataclass(frozen=True)
class Logical(Binary):
    """Both (`and`), or at least one (`or`)."""

    junction: Junction


def real(operator: Logical, a: NDArray, b: NDArray) -> NDArray:
    """Return where the junction holds."""
    return JUNCTIONS[operator.junction](a, b)


PAGE = any_type_page(
    Logical,
    (
        TfliteForm("LOGICAL_AND", 2, lambda layer: Logical("and")),
        TfliteForm("LOGICAL_OR", 2, lambda layer: Logical("or")),
    ),
    real,
    onnx=(
        OnnxForm("And", reads(lambda node: Logical("and"), 2, np.dtype(np.bool_))),
        OnnxForm("Or", reads(lambda node: Logical("or"), 2, np.dtype(np.bool_))),
    ),
)
