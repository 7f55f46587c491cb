"""matmul: a [... M K], b [... K N] -> [... M N], both computed values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import floating_point, mlas_products
from npusim.operators.dequantize import float_product
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import (
    activation_input,
    fused_clamp,
    output_type,
    per_channel,
    per_tensor,
    weight_type,
)
from npusim.operators.forms.own import (
    RULE,
    Attributes,
    OwnForm,
    clamped_scale,
    epilogue,
    zero_points,
)
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.fully_connected import FullyConnected
from npusim.operators.kinds.binary import broadcast, broadcasts_within_samples
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.hybrid import asymmetric, hybrid_or, symmetric, unknown_codes
from npusim.operators.kinds.pool import sum_in_order
from npusim.operators.kinds.products import exact, requantized
from npusim.operators.kinds.types import require_8_bit
from npusim.operators.kinds.wide import Values, by_width, require_no_zero_point, require_types
from npusim.operators.mul import Mul
from npusim.operators.page import Absent, Page, PerRuntime, Step
from npusim.operators.reshape import Reshape
from npusim.operators.transpose import Transpose
from npusim.runtimes import onnxruntime
from npusim.runtimes.fixed_point import multiplied_wide
from npusim.runtimes.requantization import (
    FloatRequantization,
    Requantization,
    activation_bounds,
    affine,
    one_term,
    quantize_multiplier,
)
from npusim.words import Rule


@dataclass(frozen=True)
class MatMul(Operator):
    """a [... M K], b [... K N] -> [... M N], both computed values, broadcast over leading axes.

    With `turn_a` or `turn_b` the last two axes of that operand change places first. Where a is of
    floats and b of constant integers, the rows of a are quantized while it runs; `symmetric` says
    that with zero point 0.
    """

    turn_a: bool = False
    turn_b: bool = False
    symmetric: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def factors(self) -> tuple[int, ...]:
        return (0, 1)

    @property
    def scales_integers(self) -> bool:
        return True

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        a, b = inputs
        if min(len(a), len(b)) < 2:
            raise ShapeError(f"cannot multiply {list(a)} by {list(b)}")
        a = (*a[:-2], a[-1], a[-2]) if self.turn_a else a
        b = (*b[:-2], b[-1], b[-2]) if self.turn_b else b
        if a[-1] != b[-2]:
            raise ShapeError(f"cannot multiply {list(a)} by {list(b)}")
        return ((*broadcast(a[:-2], b[:-2]), a[-2], b[-1]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        a, b = inputs
        summed = (self.turn_a and len(a.shape) == 2, not b.is_constant and len(b.shape) == 2)
        return not any(summed) and broadcasts_within_samples(inputs, outputs[0])


def real(operator: MatMul, a: NDArray, b: NDArray) -> NDArray:
    """Return the matrix product, summed in order."""
    a, b = turned(operator, a, b)
    if not a.shape[-1]:
        return np.matmul(a, b)
    return sum_in_order([a[..., k, None] * b[..., k, None, :] for k in range(a.shape[-1])])


def turned(operator: MatMul, a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
    """Return the operands as the product takes them."""
    a = a.swapaxes(-1, -2) if operator.turn_a else a
    return a, b.swapaxes(-1, -2) if operator.turn_b else b


def by_mode(network: Network, node: Node, mode: str) -> Requantization | None:
    """Return TFLite's constants of one rounding by `mode` (batch_matmul.cc, Prepare)."""
    y = network.output_of(node)
    if y.dtype == np.int32:
        return None
    s1, s2 = (affine(node, x)[0] for x in network.inputs_of(node))
    so, zo = affine(node, y)
    low, high = activation_bounds(None, so, zo, y.dtype)
    return one_term(node, float(s1 * s2) / float(so), 0, mode, zo, low, high)


def reference(network: Network, node: Node) -> Requantization | None:
    """Return the constants of double rounding."""
    return by_mode(network, node, "tflite")


def wide(network: Network, node: Node) -> Values:
    """Return LiteRT's end of a product of int16 (batch_matmul.cc): from sums of 64 bits."""
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    require_types(node, {"a": a, "b": b, "y": y}, ("int16", "int16", "int16"))
    require_no_zero_point(node, a, b, y)
    s1, s2, so = (affine(node, x)[0] for x in (a, b, y))
    ratio = quantize_multiplier(float(s1 * s2) / float(so))
    limits = np.iinfo(y.dtype)
    return lambda sums: np.clip(multiplied_wide(sums, *ratio), limits.min, limits.max)


def delegated(network: Network, node: Node) -> Requantization | FloatRequantization | None:
    """Return XNNPACK's constants in float32; it takes a second operand without a zero point."""
    a, b = network.inputs_of(node)
    (s1, _), (s2, z2) = affine(node, a), affine(node, b)
    y = network.output_of(node)
    if z2 or y.dtype == np.int32:
        return reference(network, node)
    so, zo = affine(node, y)
    ends = activation_bounds(None, so, zo, y.dtype)
    return FloatRequantization("fp32", np.array([s1 * s2 / so]), np.zeros(1, np.int64), zo, *ends)


def onnxruntime_product(network: Network, node: Node) -> FloatRequantization | None:
    """Return the constants of QLinearMatMul; None where the sums themselves come out."""
    y = network.output_of(node)
    if y.dtype == np.int32:  # MatMulInteger
        return None
    require_8_bit(node, y)
    scale = np.array([onnxruntime.matrix_product_scale(network, node)])
    ends = onnxruntime.bounds(node, None, y)
    return FloatRequantization("fp32", scale, np.zeros(1, np.int64), affine(node, y)[1], *ends)


def step(
    network: Network, node: Node, c: Requantization | FloatRequantization | Values | None
) -> Step:
    """Return the step on quantized integers."""
    operator = node.operator
    assert isinstance(operator, MatMul)
    a, b = network.inputs_of(node)
    dtype = network.output_of(node).dtype
    if callable(c):

        def wide_product(threads: int, a: NDArray, b: NDArray) -> NDArray:
            sums = np.matmul(*turned(operator, exact(a, 0), exact(b, 0)))
            return c(sums.astype(np.int64)).astype(dtype)

        return wide_product
    require_8_bit(node, a, b)
    za, zb = (np.int32(affine(node, x)[1]) for x in (a, b))

    def product(threads: int, a: NDArray, b: NDArray) -> NDArray:
        sums = np.matmul(*turned(operator, a.astype(np.int32) - za, b.astype(np.int32) - zb))
        if c is None:
            return sums
        if isinstance(c, Requantization):
            return requantized(c, sums.astype(np.int64), dtype)
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
    a, operator = network.inputs_of(node)[0].shape, node.operator
    assert isinstance(operator, MatMul)
    return prod(network.output_of(node).shape) * a[-2 if operator.turn_a else -1]


def hybrid(network: Network, node: Node, rule: Rule) -> Step:
    """Return a product of floats by one constant int8 matrix (batch_matmul.cc, EvalHybrid).

    LiteRT 2.3.0 takes another matrix's scales where a has two leading axes: refused.
    """
    operator, (a, b) = node.operator, network.inputs_of(node)
    assert isinstance(operator, MatMul)
    if prod(b.shape[:-2]) > 1 or sum(n > 1 for n in a.shape[:-2]) > 1:
        raise UnsupportedError(
            f"{node.name}: expected one int8 matrix and at most one leading axis beside floats, "
            f"found {list(a.shape)} and {list(b.shape)}"
        )
    q = b.quantization
    if b.data is None or q is None or b.dtype != np.int8 or q.axis is not None or q.zero_point:
        raise UnsupportedError(
            f"{node.name}: expected constant int8 with one scale and zero point 0 beside floats, "
            f"found {'computed ' if b.data is None else ''}{b.dtype} in {b.name}"
        )
    bare, weights, taken = replace(operator, turn_a=False), exact(b.data, 0), asymmetric
    if operator.symmetric:
        taken = symmetric

    def product(threads: int, a: NDArray, *_: NDArray) -> NDArray:
        a = np.ascontiguousarray(a.swapaxes(-1, -2)) if operator.turn_a else a
        integers, scale = taken(a.reshape(-1, a.shape[-1]))
        sums = np.matmul(*turned(bare, integers.reshape(a.shape), weights)).astype(np.float32)
        return sums * (scale * q.scale).reshape(*a.shape[:-1], 1)

    return product


def _read(layer: TfliteLayer) -> MatMul:
    is_hybrid = layer.input(0).dtype == "float32" and layer.input(1).dtype == "int8"
    return MatMul(
        bool(layer.option("AdjX")),
        bool(layer.option("AdjY")),
        is_hybrid and not layer.option("AsymmetricQuantizeInputs"),
    )


def single(operator: MatMul, a: NDArray, b: NDArray) -> NDArray[np.float32]:
    """Return the product as onnxruntime has it, matrix by matrix."""
    if b.ndim == 2:
        y = mlas_products.product(a.reshape(-1, a.shape[-1]), b)
        return y.reshape(*a.shape[:-1], b.shape[1])
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left = np.broadcast_to(a, (*batch, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
    right = np.broadcast_to(b, (*batch, *b.shape[-2:])).reshape(-1, *b.shape[-2:])
    parts = [mlas_products.product(x, y) for x, y in zip(left, right, strict=True)]
    return np.stack(parts).reshape(*batch, a.shape[-2], b.shape[-1])


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    ranks = [len(b.shape(node.input(index))) for index in range(2)]
    if min(ranks) > 1:
        _emit_product(b, node, node.name, b.value(node, 0), node.outputs[0])
        return
    values = []  # a vector on the left is a row, one on the right a column
    for index, rank in enumerate(ranks):
        x = b.value(node, index) if rank == 1 or index == 0 else node.input(1)
        if rank == 1:
            n = b.shape(x)[0]
            name = b.free(f"{x}:matrix")
            x = b.emit(name, Reshape((n, 1) if index else (1, n)), (x,), name)
        values.append(x)
    products = b.free(f"{node.outputs[0]}:products")
    matrices = replace(node, inputs=(values[0], values[1]))
    _emit_product(b, matrices, f"{node.name}:product", values[0], products)
    shape = list(b.shape(products))
    if ranks[1] == 1:
        del shape[-1]
    if ranks[0] == 1:
        del shape[-2 if ranks[1] > 1 else -1]
    b.emit(node.name, Reshape(tuple(shape)), (products,), node.outputs[0])


def _emit_product(b: Builder, node: OnnxNode, name: str, x: str, output: str) -> None:
    """Append x times the node's second operand: a dense layer where that is one constant matrix."""
    weights = b.constants.get(node.input(1))
    if weights is None or weights.ndim != 2:
        b.emit(name, MatMul(), (x, b.value(node, 1)), output)
        return
    w = b.store(node.input(1), weights.T, file_order=(1, 0))
    operator = FullyConnected(keep_dims=True, packed=node.input(1) not in b.dequantized)
    b.emit(name, operator, (x, w), output)


def _read_quantized(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    output = per_tensor(b, node, 6, 7)
    dtype = output_type(b, node, 7)
    weights = b.constants.get(node.input(3))
    if weights is not None and weights.ndim == 2:
        weight_type(node, weights)
        q = per_channel(b, node, 4, 5, weights.shape[1], 0)
        w = b.store(node.input(3), weights.T, q, (1, 0))
        operator = FullyConnected(keep_dims=True, activation=fused_clamp(node))
        b.emit(node.name, operator, (x, w), node.outputs[0], dtype, output)
        return
    y = activation_input(b, node, 3, per_tensor(b, node, 4, 5), 5)
    b.emit(node.name, MatMul(), (x, y), node.outputs[0], dtype, output)


def _read_to_float(b: Builder, node: OnnxNode) -> None:
    """Read MatMulIntegerToFloat, or a QDQ group that becomes one: it has no QuantizeLinear."""
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    weights = b.constants.get(node.input(3))
    if weights is not None and weights.ndim == 2:
        weight_type(node, weights)
        q = per_channel(b, node, 4, 5, weights.shape[1], 0)
        operator: Operator = FullyConnected(keep_dims=True)
        other = b.store(node.input(3), weights.T, q, (1, 0))
    else:
        operator = MatMul()
        other = activation_input(b, node, 3, per_tensor(b, node, 4, 5), 5)
    float_product(b, node, operator, (x, other), None)


def _read_fused(b: Builder, node: OnnxNode) -> None:
    """Read com.microsoft's FusedMatMul: operands turned first, a factor behind."""
    if node.integer("transBatchA", 0) or node.integer("transBatchB", 0):
        raise UnsupportedError(f"{node.name} (FusedMatMul): transBatchA and transBatchB")
    values = []
    for index, letter in enumerate("AB"):
        x = b.value(node, index)
        rank = len(b.shape(x))
        if node.integer(f"trans{letter}", 0):
            order = (*range(rank - 2), rank - 1, rank - 2)
            turned = b.free(f"{x}:turned")
            x = b.emit(turned, Transpose(order), (x,), turned)
        values.append(x)
    alpha = node.number("alpha", 1.0)
    if alpha == 1:
        b.emit(node.name, MatMul(), (values[0], values[1]), node.outputs[0])
        return
    sums = b.free(f"{node.outputs[0]}:sums")
    b.emit(f"{node.name}:product", MatMul(), (values[0], values[1]), sums)
    factor = b.store(f"{node.name}:factor", np.asarray(alpha, np.float32))
    b.emit(node.name, Mul(), (sums, factor), node.outputs[0])


def implied(network: Network, node: Node) -> Attributes:
    """Return the constants of npusim's own form."""
    zeros = zero_points(network, node, "ab")
    found = by_mode(network, node, RULE)
    assert found is not None
    return clamped_scale(network, node) | epilogue(found) | zeros


def _straight(node: Node) -> bool:
    operator = node.operator
    return isinstance(operator, MatMul) and not (operator.turn_a or operator.turn_b)


PAGE = Page(
    operator=MatMul,
    tflite=(TfliteForm("BATCH_MATMUL", 2, _read),),
    onnx=(
        OnnxForm("MatMul", _read_onnx),
        OnnxForm("QLinearMatMul", _read_quantized),
        OnnxForm("FusedMatMul", _read_fused, "com.microsoft"),
        OnnxForm("MatMulToFloat", _read_to_float, "npusim.fused"),
    ),
    own=(OwnForm("MatMul", (), implied, values=2, suits=lambda network, node: _straight(node)),),
    real=real,
    constants=by_width(
        PerRuntime(
            litert=reference,
            litert_opt=reference,
            xnnpack=delegated,
            onnxruntime=onnxruntime_product,
            tosa=reference,
            integer=by_mode,
        ),
        wide,
    ),
    quantized=step,
    float32=hybrid_or(
        by_runtime(elementwise(real), onnxruntime=elementwise(single)),
        by_runtime(hybrid, xnnpack=unknown_codes),
    ),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="array",
)
