"""trigonometric: tan, hyperbolic functions, and the inverses of all, in float32.

onnxruntime's are up to four units in the last place from these, which are rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.unary import Unary

Name = Literal["Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"]
FUNCTIONS: dict[Name, Callable[..., NDArray]] = {
    "Tan": np.tan, "Asin": np.arcsin, "Acos": np.arccos, "Atan": np.arctan, "Sinh": np.sinh,
    "Cosh": np.cosh, "Asinh": np.arcsinh, "Acosh": np.arccosh, "Atanh": np.arctanh,
}  # fmt: skip


@dataclass(frozen=True)
class Trigonometric(Unary):
    """The function of ONNX's name."""

    function: Name


def single(operator: Trigonometric, x: NDArray) -> NDArray:
    """Return the function in x's type, rounded once."""
    with np.errstate(all="ignore"):  # outside a function's domain it is not a number
        wide: NDArray = FUNCTIONS[operator.function](x.astype(np.float64))
        return wide.astype(x.dtype)


def _read(node: OnnxNode) -> Trigonometric:
    return Trigonometric(node.kind)  # type: ignore[arg-type]  # the form's own name


PAGE = float_page(Trigonometric, tuple(OnnxForm(name, reads(_read)) for name in FUNCTIONS), single)
