"""dense_product: x [N K] or [... K] times computed weights w [OC K]: a dense layer of two values.

TFLite's FULLY_CONNECTED whose weights no constant holds, as converters write products of
activations; each of LiteRT's kernels rounds as it does for constant weights. ONNX's Gemm of such
weights, or of a bias that is computed or differs from row to row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.attributes import Clamp, fused, need_rank
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas_products
from npusim.operators.kinds import linear
from npusim.operators.kinds.alike import NOT_IN_ONNXRUNTIME
from npusim.operators.kinds.binary import broadcast
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.linear import need_bias
from npusim.operators.kinds.pool import sum_in_order
from npusim.operators.kinds.products import exact, requantized
from npusim.operators.kinds.types import require_8_bit
from npusim.operators.page import NO_OWN_FORM, Absent, Page, PerRuntime, Step
from npusim.runtimes.requantization import FloatRequantization, Requantization, affine


@dataclass(frozen=True)
class DenseProduct(Operator):
    """x [N ...] flattened to [N K] (or [... K] when `keep_dims`), w [OC K], optional b [OC].

    With `bias_of_rows` b is what broadcasts to the output; `by_columns` says that the file has w as
    [K OC], `turned` that it has x as [K N], `packed` that w is a constant: they decide how
    onnxruntime sums.
    """

    keep_dims: bool = False
    activation: Clamp | None = None
    bias_of_rows: bool = False
    by_columns: bool = False
    turned: bool = False
    packed: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 3

    @property
    def factors(self) -> tuple[int, ...]:
        return (0, 1)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w = inputs[:2]
        need_rank(w, 2, "weights")
        if not x or w[1] == 0 or prod(x) % w[1] or (self.keep_dims and x[-1] != w[1]):
            raise ShapeError(f"weight IC is {w[1]}, input is {list(x)}")
        y = (*x[:-1], w[0]) if self.keep_dims else (prod(x) // w[1], w[0])
        if not self.bias_of_rows:
            need_bias(inputs, w[0])
        elif broadcast(y, *inputs[2:]) != y:
            raise ShapeError(f"expected a bias that broadcasts to {list(y)}, found {inputs[2]}")
        return (y,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


scales = linear.FixedPoint(linear.is_per_tensor)


def optimized(network: Network, node: Node) -> Requantization:
    """Return ruy's constants, under XNNPACK too: it takes no computed weights of integers."""
    return scales.of(network, node, "litert-opt", "ruy")


def products(operator: DenseProduct, x: NDArray, w: NDArray) -> NDArray:
    """Return the sums of x [... K] by w [OC K] at the output's shape."""
    rows = x.reshape(x.shape if operator.keep_dims else (-1, w.shape[1]))
    return np.matmul(rows, w.T)


def step(network: Network, node: Node, c: Requantization | FloatRequantization) -> Step:
    """Return the step on 8-bit integers by the constants of any runtime."""
    operator = node.operator
    assert isinstance(operator, DenseProduct)
    x, w = network.inputs_of(node)[:2]
    y = network.output_of(node)
    require_8_bit(node, x, w, y)
    zx, zw = affine(node, x)[1], affine(node, w)[1]

    def product(threads: int, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
        sums = products(operator, exact(x, zx), exact(w, zw)).astype(np.int64)
        return requantized(c, sums, y.dtype)

    return product


def real(operator: DenseProduct, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
    """Return the products in the type of x, summed in order."""
    rows = x.reshape(x.shape if operator.keep_dims else (-1, w.shape[1]))
    y = sum_in_order([rows[..., k, None] * w[:, k] for k in range(w.shape[1])])
    for b in bias:
        y = y + (b if operator.bias_of_rows else b.reshape(-1))
    return fused(operator.activation, y)


def single(operator: DenseProduct, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray[np.float32]:
    """Return onnxruntime's Gemm: sums begin with the bias."""
    rows = x.reshape(-1, w.shape[1])
    start = bias[0] if bias else None
    if operator.packed:
        return mlas_products.packed_product(rows, w.T, start)
    return mlas_products.product(rows, w.T, start, not operator.by_columns, operator.turned)


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a weight and row."""
    return prod(network.output_of(node).shape) * network.inputs_of(node)[1].shape[1]


PAGE = Page(
    operator=DenseProduct,
    tflite=(),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=PerRuntime(
        litert=linear.double_away,
        litert_opt=optimized,
        xnnpack=optimized,
        onnxruntime=NOT_IN_ONNXRUNTIME,
        tosa=scales.tosa,
        integer=scales.by_mode,
    ),
    quantized=step,
    float32=by_runtime(elementwise(real), onnxruntime=elementwise(single)),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)
