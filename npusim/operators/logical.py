"""logical: and, or of truth values, shapes broadcast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.rearrangement import movement_page
from npusim.operators.page import Step

Junction = Literal["and", "or"]
JUNCTIONS: dict[Junction, Callable[..., NDArray]] = {"and": np.logical_and, "or": np.logical_or}


@dataclass(frozen=True)
class Logical(Binary):
    """Both (`and`), or at least one (`or`)."""

    junction: Junction


def real(operator: Logical, a: NDArray, b: NDArray) -> NDArray:
    """Return where the junction holds."""
    return JUNCTIONS[operator.junction](a, b)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, a, b: real(operator, a, b)


PAGE = movement_page(
    Logical,
    (
        TfliteForm("LOGICAL_AND", 2, lambda layer: Logical("and")),
        TfliteForm("LOGICAL_OR", 2, lambda layer: Logical("or")),
    ),
    real,
    _step,
    onnx=(
        OnnxForm("And", reads(lambda node: Logical("and"), 2, np.dtype(np.bool_))),
        OnnxForm("Or", reads(lambda node: Logical("or"), 2, np.dtype(np.bool_))),
    ),
)
