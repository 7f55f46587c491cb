"""lp_pool: the p-norm of each window, (sum of |x|^p)^(1/p), on x [N C ...].

Sums are those of float64; onnxruntime's float32 sums can differ in the last places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.volume import Volume, columns, volume_window


@dataclass(frozen=True)
class LpPool(Operator):
    """The norm of order `p` of the places that each window has inside x."""

    window: Volume
    p: int

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (self.window.pooled_shape(inputs[0]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def single(operator: LpPool, x: NDArray) -> NDArray:
    """Return the norms in x's type."""
    taps = columns(np.abs(x.astype(np.float64)), operator.window, 0)
    powers = (taps**operator.p).sum(tuple(range(2, x.ndim)))
    return (powers ** (1 / operator.p)).astype(x.dtype)


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    operator = LpPool(volume_window(node, None, b.shape(x)[2:]), node.integer("p", 2))
    b.emit(node.name, operator, (x,), node.outputs[0])


def _read_global(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    extent = b.shape(x)[2:]
    ones, none = (1,) * len(extent), (0,) * len(extent)
    operator = LpPool(Volume(extent, ones, ones, none, none), node.integer("p", 2))
    b.emit(node.name, operator, (x,), node.outputs[0])


PAGE = float_page(
    LpPool, (OnnxForm("LpPool", _read), OnnxForm("GlobalLpPool", _read_global)), single
)
