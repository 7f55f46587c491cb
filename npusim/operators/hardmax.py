"""hardmax: 1 at the first greatest value along an axis, 0 elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.unary import Unary
from npusim.operators.softmax import softmax_axis


@dataclass(frozen=True)
class Hardmax(Unary):
    """1 at the first greatest value along `axis`, 0 elsewhere."""

    axis: int

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis > 0


def single(operator: Hardmax, x: NDArray) -> NDArray:
    """Return ones and zeros in x's type."""
    y = np.zeros_like(x)
    first = np.expand_dims(x.argmax(operator.axis), operator.axis)
    np.put_along_axis(y, first, x.dtype.type(1), operator.axis)
    return y


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    operator = Hardmax(softmax_axis(b, node, x, b.opset))
    b.emit(node.name, operator, (x,), node.outputs[0])


PAGE = float_page(Hardmax, (OnnxForm("Hardmax", _read),), single)
