"""Quantized operators (QLinearConv, QGemm, QLinearAdd, ...) as npusim's operators.

The file gives scales and zero points to operators; here they become the tensors' own, and a tensor
that two operators read with different scales gets a second label.
"""

from __future__ import annotations

import numpy as np

from npusim import operators as op
from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.integer_products import (
    conv_integer,
    float_product,
    matmul_integer,
    matmul_to_float,
)
from npusim.formats.onnx.labels import (
    activation_input,
    output_type,
    per_channel,
    per_tensor,
    scale_of,
    weight_type,
    zero_point_of,
)
from npusim.formats.onnx.movements import axis_of
from npusim.formats.onnx.records import OnnxNode
from npusim.formats.onnx.standard import (
    clip_bounds,
    conv_weights,
    image,
    pool_operator,
    softmax_axis,
)
from npusim.graph.tensor import Quantization
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_windows import window
from npusim.operators.select import Select


def _bias(b: Builder, node: OnnxNode, index: int, inputs: list[str]) -> None:
    bias = b.optional(node, index, "bias")
    if bias is not None:
        if bias.dtype != np.int32:
            raise FormatError(
                f"{node.name} ({node.kind}): expected an int32 bias, found {bias.dtype}"
            )
        scale = node.attributes.get("bias_scale")
        inputs.append(b.store(node.input(index), bias.ravel(), _bias_label(scale, bias.size)))


def _bias_label(scale: object, count: int) -> Quantization | None:
    """Return what the integers of a bias are worth that stood behind a DequantizeLinear."""
    if not isinstance(scale, np.ndarray) or not (np.isfinite(scale).all() and (scale > 0).all()):
        return None
    if scale.size == 1:
        return Quantization(scale.reshape(()), np.zeros((), np.int64))
    return Quantization(scale, np.zeros(count, np.int64), 0)


def _qlinear_conv(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    weights = conv_weights(b, node, 3)
    weight_type(node, weights)
    quantization = per_channel(b, node, 4, 5, weights.shape[0], 0)
    w = b.store(node.input(3), weights.transpose(0, 2, 3, 1), quantization, (0, 3, 1, 2))
    inputs = [x, w]
    _bias(b, node, 8, inputs)
    place = window(node, (weights.shape[2], weights.shape[3]), image(b, node, x))
    b.emit_channels_last(
        node.name,
        op.Conv2D(place, node.integer("group", 1), _fused(node)),
        tuple(inputs),
        node.outputs[0],
        output_type(b, node, 7),
        per_tensor(b, node, 6, 7),
    )


def _fused(node: OnnxNode) -> op.Clamp | None:
    """Return the activation that fuse_qdq.py fused into the node."""
    low, high = node.attributes.get("fused_low"), node.attributes.get("fused_high")
    return None if low is None and high is None else op.Clamp(low, high)  # type: ignore[arg-type]


def _qgemm(b: Builder, node: OnnxNode) -> None:
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
        float_product(b, node, (inputs[0], inputs[1]), b.optional(node, 6, "bias"))
        return
    _bias(b, node, 6, inputs)
    b.emit(
        node.name,
        op.FullyConnected(keep_dims=True, activation=_fused(node)),
        tuple(inputs),
        node.outputs[0],
        output_type(b, node, 8),
        per_tensor(b, node, 7, 8),
    )


def _qlinear_matmul(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    output = per_tensor(b, node, 6, 7)
    dtype = output_type(b, node, 7)
    weights = b.constants.get(node.input(3))
    if weights is not None and weights.ndim == 2:
        weight_type(node, weights)
        q = per_channel(b, node, 4, 5, weights.shape[1], 0)
        w = b.store(node.input(3), weights.T, q, (1, 0))
        operator = op.FullyConnected(keep_dims=True, activation=_fused(node))
        b.emit(node.name, operator, (x, w), node.outputs[0], dtype, output)
        return
    y = activation_input(b, node, 3, per_tensor(b, node, 4, 5), 5)
    b.emit(node.name, op.MatMul(), (x, y), node.outputs[0], dtype, output)


def _qlinear_binary(b: Builder, node: OnnxNode) -> None:
    inputs = (
        activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2),
        activation_input(b, node, 3, per_tensor(b, node, 4, 5), 5),
    )
    clamp = _fused(node)
    operator = op.Add(clamp) if node.kind == "QLinearAdd" else op.Mul(clamp)
    dtype = b.tensors[inputs[0]].dtype
    b.emit(node.name, operator, inputs, node.outputs[0], dtype, per_tensor(b, node, 6, 7))


def _qlinear_pool(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    operator: op.Operator
    if node.kind == "QLinearGlobalAveragePool":
        operator = op.Mean((1, 2), keep_dims=True)
        if node.integer("channels_last", 0):
            q = per_tensor(b, node, 3, 4)
            b.emit(node.name, operator, (x,), node.outputs[0], b.tensors[x].dtype, q)
            return
        image(b, node, x)
    else:
        if node.integer("channels_last", 0):
            raise UnsupportedError(f"{node.name} (QLinearAveragePool): channels_last")
        operator = pool_operator(b, node, x)
    dtype, q = b.tensors[x].dtype, per_tensor(b, node, 3, 4)
    b.emit_channels_last(node.name, operator, (x,), node.outputs[0], dtype, q)


def _qlinear_softmax(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    axis = softmax_axis(b, node, x, node.integer("opset", 13))
    dtype, q = b.tensors[x].dtype, per_tensor(b, node, 3, 4)
    b.emit(node.name, op.Softmax(axis), (x,), node.outputs[0], dtype, q)


def _qlinear_unary(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    operator: op.Operator = op.Sigmoid()
    if node.kind == "QLinearLeakyRelu":
        operator = op.LeakyRelu(node.number("alpha", 0.01))
    dtype, q = b.tensors[x].dtype, per_tensor(b, node, 3, 4)
    b.emit(node.name, operator, (x,), node.outputs[0], dtype, q)


def _qlinear_where(b: Builder, node: OnnxNode) -> None:
    condition, q, dtype = b.value(node, 0), per_tensor(b, node, 7, 8), output_type(b, node, 8)
    sides = []
    for index in (1, 4):
        x = activation_input(b, node, index, per_tensor(b, node, index + 1, index + 2), index + 2)
        name = b.free(f"{node.name}:{index}")
        sides.append(b.emit(name, op.Quantize(), (x,), name, dtype, q))
    b.emit(node.name, Select(), (condition, *sides), node.outputs[0], dtype, q)


def _qlinear_concat(b: Builder, node: OnnxNode) -> None:
    if len(node.inputs) < 5 or len(node.inputs) % 3 != 2:
        raise FormatError(f"{node.name} (QLinearConcat): {len(node.inputs)} inputs")
    inputs = tuple(
        activation_input(b, node, i, per_tensor(b, node, i + 1, i + 2), i + 2)
        for i in range(2, len(node.inputs), 3)
    )
    axis = axis_of(node, 0, len(b.shape(inputs[0])))
    q, dtype = per_tensor(b, node, 0, 1), output_type(b, node, 1)
    b.emit(node.name, op.Concat(axis), inputs, node.outputs[0], dtype, q)


def _along_axis(b: Builder, node: OnnxNode, rank: int) -> Quantization:
    """Return the quantization of Quantize- or DequantizeLinear: per tensor or along its axis."""
    if node.integer("block_size", 0):
        raise UnsupportedError(f"{node.name} ({node.kind}): block_size is not supported")
    value, zero = scale_of(b, node, 1), zero_point_of(b, node, 2)
    if value.size == 1 and zero.size == 1:
        return per_tensor(b, node, 1, 2)
    return per_channel(b, node, 1, 2, value.size, axis_of(node, 1, rank))


def _quantize_linear(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    q = _along_axis(b, node, len(b.shape(x)))
    if "output_dtype" in node.attributes and node.integer("output_dtype", 0) and not node.input(2):
        raise UnsupportedError(f"{node.name} (QuantizeLinear): output_dtype without a zero point")
    dtype = output_type(b, node, 2, ("int8", "uint8", "int16", "uint16"))
    b.emit(node.name, op.Quantize(), (x,), node.outputs[0], dtype, q)


def _dequantize_linear(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    x = b.as_quantized(x, _along_axis(b, node, len(b.shape(x))))
    b.emit(node.name, op.Dequantize(), (x,), node.outputs[0], np.dtype(np.float32))


def _integer_clamp(b: Builder, node: OnnxNode) -> None:
    """Relu or Clip that fuse_qdq.py moved behind its Q: bounds are still real values."""
    x = b.value(node, 0)
    b.emit(node.name, op.Clip(*clip_bounds(b, node)), (x,), node.outputs[0])


def _requantize(b: Builder, node: OnnxNode) -> None:
    """DequantizeLinear then QuantizeLinear, which fuse_qdq.py joined."""
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    dtype, q = output_type(b, node, 4), per_tensor(b, node, 3, 4)
    b.emit(node.name, op.Quantize(), (x,), node.outputs[0], dtype, q)


QUANTIZED = {
    ("", "QLinearConv"): _qlinear_conv,
    ("com.microsoft", "QGemm"): _qgemm,
    ("", "QLinearMatMul"): _qlinear_matmul,
    ("com.microsoft", "QLinearAdd"): _qlinear_binary,
    ("com.microsoft", "QLinearMul"): _qlinear_binary,
    ("com.microsoft", "QLinearAveragePool"): _qlinear_pool,
    ("com.microsoft", "QLinearGlobalAveragePool"): _qlinear_pool,
    ("com.microsoft", "QLinearSoftmax"): _qlinear_softmax,
    ("com.microsoft", "QLinearConcat"): _qlinear_concat,
    ("com.microsoft", "QLinearSigmoid"): _qlinear_unary,
    ("com.microsoft", "QLinearWhere"): _qlinear_where,
    ("com.microsoft", "QLinearLeakyRelu"): _qlinear_unary,
    ("", "ConvInteger"): conv_integer,
    ("", "MatMulInteger"): matmul_integer,
    ("", "QuantizeLinear"): _quantize_linear,
    ("", "DequantizeLinear"): _dequantize_linear,
    ("com.microsoft", "QuantizeLinear"): _quantize_linear,
    ("com.microsoft", "DequantizeLinear"): _dequantize_linear,
    ("npusim.fused", "Requantize"): _requantize,
    ("npusim.fused", "MatMulToFloat"): matmul_to_float,
    ("npusim.fused", "Relu"): _integer_clamp,
    ("npusim.fused", "Clip"): _integer_clamp,
}
