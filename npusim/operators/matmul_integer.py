"""matmul_integer: (a - a_zero) times (b - b_zero) in int32, the zero points computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import RAW, Builder
from npusim.operators.forms.onnx_scales import computed_zero_points, unscaled
from npusim.operators.kinds.binary import broadcast
from npusim.operators.matmul import MatMul
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step


@dataclass(frozen=True)
class MatMulInteger(Operator):
    """a [... M K], b [... K N], their zero points -> int32 [... M N]."""

    @property
    def arity(self) -> tuple[int, int]:
        return 4, 4

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        a, b = inputs[:2]
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            raise ShapeError(f"cannot multiply {list(a)} by {list(b)}")
        return ((*broadcast(a[:-2], b[:-2]), a[-2], b[-1]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def integer_product(a: NDArray, b: NDArray) -> NDArray[np.int32]:
    """Return a product of integers below 2^9; float64 holds its sums exactly."""
    return np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(np.int64).astype(np.int32)


def plain(network: Network, node: Node) -> Step:
    """Return the step on 8-bit integers."""

    def multiply(
        threads: int, a: NDArray, b: NDArray, a_zero: NDArray, b_zero: NDArray
    ) -> NDArray[np.int32]:
        rows = a_zero.astype(np.int32)
        left = a.astype(np.int32) - (rows[:, None] if rows.ndim == 1 and rows.size > 1 else rows)
        return integer_product(left, b.astype(np.int32) - b_zero.astype(np.int32))

    return multiply


def macs(network: Network, node: Node) -> int:
    """Return the products of one run."""
    return prod(network.output_of(node).shape) * network.inputs_of(node)[0].shape[-1]


def _read(b: Builder, node: OnnxNode) -> None:
    values = computed_zero_points(b, node, most=1)
    if values is not None:
        b.emit(node.name, MatMulInteger(), values, node.outputs[0], np.dtype(np.int32))
        return
    x = b.as_quantized(b.value(node, 0), unscaled(b, node, 2))
    y = b.as_quantized(b.value(node, 1), unscaled(b, node, 3))
    b.emit(node.name, MatMul(), (x, y), node.outputs[0], np.dtype(np.int32), RAW)


PAGE = Page(
    operator=MatMulInteger,
    tflite=(),
    onnx=(OnnxForm("MatMulInteger", _read),),
    own=NO_OWN_FORM,
    real=Absent("takes plain integers alone"),
    constants=Absent("takes its zero points as values"),
    quantized=Absent("takes plain integers alone"),
    float32=Absent("takes plain integers alone"),
    plain=plain,
    macs=macs,
    unit="host",
)
