"""fully_connected: x [N K] or [... K], w [OC K], optional b [OC] -> [N OC] or [... OC]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp, Window, fused, need_rank
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Quantization
from npusim.graph.weights import EncodedWeights
from npusim.kernels import mlas_products
from npusim.kernels.in_order import convolve
from npusim.operators.dense_product import DenseProduct
from npusim.operators.dequantize import float_product
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import (
    activation_input,
    bias_input,
    fused_clamp,
    output_type,
    per_channel,
    per_tensor,
    weight_type,
)
from npusim.operators.forms.own import ACTIVATION, Field, OwnForm, clamped_scale
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds import linear
from npusim.operators.kinds.float32 import by_runtime, clamped, constant, with_constants
from npusim.operators.kinds.hybrid import hybrid_or, hybrid_step, unknown_codes
from npusim.operators.kinds.linear import LinearLayer, need_bias
from npusim.operators.kinds.wide import by_width
from npusim.operators.kinds.wide_linear import WideLinear, wide_convolution, wide_linear
from npusim.operators.mul import Mul
from npusim.operators.page import Absent, Page, PerRuntime, Step
from npusim.operators.transpose import Transpose
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.words import Rule


@dataclass(frozen=True)
class FullyConnected(LinearLayer):
    """x [N ...] flattened to [N K] (or [... K] when `keep_dims`), w [OC K], optional b [OC].

    With `encoding`, x is the only input.
    """

    keep_dims: bool = False
    activation: Clamp | None = None
    encoding: EncodedWeights | None = None
    symmetric: bool = False
    """Of a hybrid layer: whether each row is quantized with zero point 0."""
    packed: bool = False
    """Whether onnxruntime packs the weights, floats that stand in the file: it sums otherwise."""

    def with_codes(self, encoding: EncodedWeights) -> Self:
        """Return this layer with coded weights, which no runtime packs."""
        return replace(super().with_codes(encoding), packed=False)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w = inputs[0], inputs[1] if self.encoding is None else self.encoding.weight_shape
        need_rank(w, 2, "weights")
        need_bias(inputs, w[0])
        if self.keep_dims:
            if not x or x[-1] != w[1]:
                raise ShapeError(f"weight IC is {w[1]}, input is {list(x)}")
            return ((*x[:-1], w[0]),)
        if not x or w[1] == 0 or prod(x) % w[1]:
            raise ShapeError(f"weight IC is {w[1]}, input is {list(x)}")
        return ((prod(x) // w[1], w[0]),)


def _read(layer: TfliteLayer) -> FullyConnected | DenseProduct:
    if layer.option("WeightsFormat"):
        raise UnsupportedError(f"{layer.record.name}: shuffled weights are not supported")
    if layer.input(1).data is None:
        return DenseProduct(bool(layer.option("KeepNumDims")), layer.activation())
    symmetric = layer.input(0).dtype == "float32" and not layer.option("AsymmetricQuantizeInputs")
    return FullyConnected(
        bool(layer.option("KeepNumDims")), layer.activation(), symmetric=symmetric
    )


scales = linear.FixedPoint(linear.is_per_tensor)
"""fully_connected.cc, Prepare."""


def reference(network: Network, node: Node) -> Requantization | FloatRequantization:
    """Return LiteRT's reference: float64, halves away from zero; coded weights round twice."""
    own = linear.coded(network, node, "litert")
    return linear.double_away(network, node) if own is None else own


def optimized(network: Network, node: Node) -> Requantization:
    """Return ruy's constants."""
    return scales.of(network, node, "litert-opt", "ruy")


def wide_double_away(network: Network, node: Node) -> WideLinear:
    """Return LiteRT's reference on 16-bit activations: float64, halves away from zero."""
    return replace(wide_linear(network, node), kind="double_away")


def wide_optimized(network: Network, node: Node) -> WideLinear:
    """Return the optimized kernel: ruy's product, but with a bias of int64 the reference."""
    c = wide_linear(network, node)
    if len(node.inputs) > 2 and c.kind == "reduced":
        return replace(c, kind="double_away")
    return replace(c, kind="ruy")


def step(
    network: Network, node: Node, c: Requantization | FloatRequantization | WideLinear | None
) -> Step:
    """Return the step on integers by the constants of any runtime."""
    assert isinstance(node.operator, FullyConnected)
    channels, taps = linear.weight_shape(network, node)
    if isinstance(c, WideLinear):
        keep_dims = node.operator.keep_dims
        rows = wide_convolution(network, node, c, Window((1, 1)), 1)
        return lambda threads, x: rows(threads, x.reshape(-1, 1, 1, taps)).reshape(
            *(x.shape[:-1] if keep_dims else (-1,)), channels
        )
    kernel = linear.linear_kernel(network, node, c, Window((1, 1)), 1)
    if c is None:
        bias = linear.bias_of(network, node, linear.weight_shape(network, node)[0])

        def sums(threads: int, x: NDArray) -> NDArray[np.int32]:
            found = kernel.accumulators(x.reshape(-1, 1, 1, taps))[0]
            return (found.reshape(*x.shape[:-1], -1) + bias).astype(np.int32)

        return sums
    from npusim.kernels.linear import LinearStep

    return LinearStep(kernel, taps, node.operator.keep_dims)


def real(operator: FullyConnected, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
    """Return the products in the type of x, summed in a fixed order."""
    rows = np.ascontiguousarray(x.reshape(-1, 1, 1, w.shape[1]))
    y = np.zeros((len(rows), 1, 1, len(w)), x.dtype)
    convolve(rows, np.ascontiguousarray(w.T)[None, None, None], 1, 1, 1, 1, y)
    y = y.reshape((*x.shape[:-1], len(w)) if operator.keep_dims else (-1, len(w)))
    for b in bias:
        y += b.reshape(-1)
    return fused(operator.activation, y)


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a weight and row."""
    shape = network.output_of(node).shape
    return prod(shape[:-1]) * prod(linear.weight_shape(network, node))


def _keeps(node: Node) -> bool:
    return bool(getattr(node.operator, "keep_dims", False))


KEPT = Field(lambda o, x: {}, lambda call: {"keep_dims": True})


def as_onnxruntime(network: Network, node: Node, rule: Rule) -> Step:
    """Return onnxruntime's Gemm or MatMul by constant weights; sums begin with the bias."""
    operator = node.operator
    assert isinstance(operator, FullyConnected)
    inputs = network.inputs_of(node)
    rows = constant(inputs[1])
    bias = constant(inputs[2]) if len(inputs) > 2 else None
    transposed = inputs[1].file_order is None

    def multiply(threads: int, x: NDArray) -> NDArray[np.float32]:
        flat = x.reshape(-1, rows.shape[1])
        if operator.packed:
            y = mlas_products.packed_product(flat, rows.T, bias)
        else:
            y = mlas_products.product(flat, rows.T, bias, transposed)
        shape = (*x.shape[:-1], len(rows)) if operator.keep_dims else (-1, len(rows))
        return clamped(y.reshape(shape), operator.activation)

    return multiply


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    if node.integer("transA", 0):
        x = b.emit(f"{node.name}:transpose", Transpose((1, 0)), (x,), b.free(f"{x}:transposed"))
    weights = b.constants.get(node.input(1))
    if weights is None or not _is_bias_of_columns(b, node, weights):
        return _read_product(b, node, x)
    rows = weights if node.integer("transB", 0) else weights.T
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    if alpha != 1.0:
        rows = _scaled(rows, alpha)
    inputs = [x, b.store(node.input(1), rows, file_order=None if rows is weights else (1, 0))]
    bias = b.optional(node, 2, "bias")
    if bias is not None:
        full = np.broadcast_to(bias.ravel(), (rows.shape[0],))
        inputs.append(b.store(node.input(2), full if beta == 1.0 else _scaled(full, beta)))
    operator = FullyConnected(keep_dims=True, packed=node.input(1) not in b.dequantized)
    b.emit(node.name, operator, tuple(inputs), node.outputs[0])
    return None


def _is_bias_of_columns(b: Builder, node: OnnxNode, weights: NDArray) -> bool:
    """Return whether the bias is a constant value for each column, or one for all."""
    if not node.input(2):
        return True
    bias = b.constants.get(node.input(2))
    columns = weights.shape[0 if node.integer("transB", 0) else -1]
    return bias is not None and (bias.size == 1 or bias.shape in ((columns,), (1, columns)))


def _read_product(b: Builder, node: OnnxNode, x: str) -> None:
    """Read a Gemm of computed weights, or of a bias that is not a constant of the columns."""
    w, by_columns = b.value(node, 1), not node.integer("transB", 0)
    if by_columns:
        turned = b.free(f"{w}:turned")
        w = b.emit(turned, Transpose((1, 0)), (w,), turned)
    inputs = [w, *([b.value(node, 2)] if node.input(2) else [])]
    for index, factor in enumerate((node.number("alpha", 1.0), node.number("beta", 1.0))):
        if factor != 1.0 and index < len(inputs):
            scaled = b.free(f"{inputs[index]}:scaled")
            number = b.store(f"{node.name}:factor", np.asarray(factor, np.float32))
            inputs[index] = b.emit(scaled, Mul(), (inputs[index], number), scaled)
    turned_x = bool(node.integer("transA", 0))
    packed = node.input(1) in b.constants and node.input(1) not in b.dequantized
    operator = DenseProduct(True, None, True, by_columns, turned_x, packed)
    b.emit(node.name, operator, (x, *inputs), node.outputs[0])


def _scaled(values: NDArray, factor: float) -> NDArray:
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused when stored
        return values.astype(np.float32) * np.float32(factor)


def _read_quantized(b: Builder, node: OnnxNode) -> None:
    if node.integer("transA", 0):
        raise UnsupportedError(f"{node.name} (QGemm): transA is not supported")
    alpha = node.number("alpha", 1.0)
    if alpha <= 0 or np.frexp(alpha)[0] != 0.5:
        raise UnsupportedError(f"{node.name} (QGemm): expected alpha a power of two, found {alpha}")
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    weights = b.constant(node, 3, "weight matrix")
    weight_type(node, weights)
    transposed = bool(node.integer("transB", 0))
    rows = weights if transposed else weights.T
    q = per_channel(b, node, 4, 5, rows.shape[0], 0)
    q = Quantization(q.scale * np.float32(alpha), q.zero_point, q.axis)
    inputs = [x, b.store(node.input(3), rows, q, None if transposed else (1, 0))]
    if not node.input(7):
        float_product(
            b,
            node,
            FullyConnected(keep_dims=True),
            (inputs[0], inputs[1]),
            b.optional(node, 6, "bias"),
        )
        return
    bias_input(b, node, 6, inputs)
    b.emit(
        node.name,
        FullyConnected(keep_dims=True, activation=fused_clamp(node)),
        tuple(inputs),
        node.outputs[0],
        output_type(b, node, 8),
        per_tensor(b, node, 7, 8),
    )


PAGE = Page(
    operator=FullyConnected,
    tflite=(TfliteForm("FULLY_CONNECTED", 3, _read),),
    onnx=(
        OnnxForm("Gemm", _read_onnx, weights=(1, 2)),
        OnnxForm("QGemm", _read_quantized, "com.microsoft"),
    ),
    own=(
        OwnForm("Gemm", (ACTIVATION,), clamped_scale, suits=lambda n, node: not _keeps(node)),
        OwnForm("Dense", (ACTIVATION, KEPT), clamped_scale, suits=lambda n, node: _keeps(node)),
    ),
    real=real,
    constants=by_width(
        PerRuntime(
            litert=reference,
            litert_opt=optimized,
            xnnpack=linear.float32,
            onnxruntime=linear.onnxruntime_layer,
            tosa=scales.tosa,
            integer=scales.by_mode,
        ),
        wide_double_away,
        wide_optimized,
    ),
    quantized=step,
    float32=hybrid_or(
        by_runtime(with_constants(real), onnxruntime=as_onnxruntime),
        by_runtime(hybrid_step(real, whole_samples=False), xnnpack=unknown_codes),
    ),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="array",
)
