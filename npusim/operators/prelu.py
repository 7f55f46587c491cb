"""prelu: x where it is not negative, slope * x elsewhere, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.records import OnnxNode
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class PRelu(Binary):
    """x where x > 0, else slope * x; the second input is the slope."""


def single(operator: PRelu, x: NDArray, slope: NDArray) -> NDArray:
    """Return x, or slope * x where it is not above 0."""
    return np.where(x > 0, x, slope * x)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    b.emit(node.name, PRelu(), (b.value(node, 0), b.value(node, 1)), node.outputs[0])


PAGE = float_page(PRelu, (OnnxForm("PRelu", _read_onnx),), single)
