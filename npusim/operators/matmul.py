"""matmul: a [... M K], b [... K N] -> [... M N], both computed values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import floating_point
from npusim.operators.kinds.binary import broadcast, broadcasts_within_samples
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.types import require_8_bit
from npusim.operators.page import Absent, Page, PerRuntime, Step
from npusim.runtimes import onnxruntime
from npusim.runtimes.requantization import FloatRequantization, affine


@dataclass(frozen=True)
class MatMul(Operator):
    """a [... M K], b [... K N] -> [... M N], both computed values, broadcast over leading axes."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        a, b = inputs
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            raise ShapeError(f"cannot multiply {list(a)} by {list(b)}")
        return ((*broadcast(a[:-2], b[:-2]), a[-2], b[-1]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return broadcasts_within_samples(inputs, outputs[0])


def real(operator: MatMul, a: NDArray, b: NDArray) -> NDArray:
    """Return the matrix product."""
    return np.matmul(a, b)


def onnxruntime_product(network: Network, node: Node) -> FloatRequantization | None:
    """Return the constants of QLinearMatMul; None where the sums themselves come out."""
    y = network.output_of(node)
    if y.dtype == np.int32:  # MatMulInteger
        return None
    require_8_bit(node, y)
    scale = np.array([onnxruntime.matrix_product_scale(network, node)])
    ends = onnxruntime.bounds(node, None, y)
    return FloatRequantization("fp32", scale, np.zeros(1, np.int64), affine(node, y)[1], *ends)


def step(network: Network, node: Node, c: FloatRequantization | None) -> Step:
    """Return the step on 8-bit integers."""
    a, b = network.inputs_of(node)
    require_8_bit(node, a, b)
    dtype = network.output_of(node).dtype
    za, zb = (np.int32(affine(node, x)[1]) for x in (a, b))

    def product(threads: int, a: NDArray, b: NDArray) -> NDArray:
        sums = np.matmul(a.astype(np.int32) - za, b.astype(np.int32) - zb)
        if c is None:
            return sums
        y = np.empty(sums.shape, dtype)
        rows = (-1, sums.shape[-1])
        floating_point.requantize_sums(
            sums.astype(np.int64).reshape(rows), c.scale[0], 0, c.zero_point, c.low, c.high,
            y.reshape(rows),
        )  # fmt: skip
        return y

    return product


def macs(network: Network, node: Node) -> int:
    """Return M * K * N of every product."""
    return prod(network.output_of(node).shape) * network.inputs_of(node)[0].shape[-1]


NOT_HERE = Absent("of computed values is not supported under this rule")

PAGE = Page(
    operator=MatMul,
    tflite=(),
    onnx=(),
    own=Absent("has no form in npusim's ONNX files"),
    real=real,
    constants=PerRuntime(
        litert=NOT_HERE,
        litert_opt=NOT_HERE,
        xnnpack=NOT_HERE,
        onnxruntime=onnxruntime_product,
        tosa=NOT_HERE,
        integer=NOT_HERE,
    ),
    quantized=step,
    float32=elementwise(real),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)
