"""Products of integers whose sums come out: ConvInteger, MatMulInteger, real outputs.

Zero points may be computed (what quantize_dynamic writes); scales come behind, as factors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import UnsupportedError
from npusim.formats.onnx.labels import activation_input, per_channel, per_tensor, weight_type
from npusim.formats.onnx.records import OnnxNode
from npusim.formats.onnx.standard import conv_weights, image
from npusim.graph.tensor import Quantization
from npusim.operators.conv_integer import ConvInteger
from npusim.operators.forms.onnx_builder import RAW, Builder
from npusim.operators.forms.onnx_windows import window
from npusim.operators.matmul_integer import MatMulInteger


def float_product(
    b: Builder, node: OnnxNode, inputs: tuple[str, ...], bias: NDArray | None
) -> None:
    """Append a product of integers whose sums, with the bias, come out as reals."""
    scales = [b.tensors[name].quantization for name in inputs]
    assert scales[0] is not None
    assert scales[1] is not None
    scale = scales[0].scale * scales[1].scale
    rank = len(b.shape(inputs[0]))
    axis = None if scale.ndim == 0 else rank - 1
    label = Quantization(scale, np.zeros(scale.shape, np.int64), axis)
    constant = b.tensors[inputs[1]].is_constant
    operator: op.Operator = op.FullyConnected(keep_dims=True) if constant else op.MatMul()
    int32, float32 = np.dtype(np.int32), np.dtype(np.float32)
    sums = b.free(f"{node.outputs[0]}:sums")
    values = inputs
    if bias is not None:
        values = (*inputs, b.store(node.input(6), bias.astype(np.int32).ravel()))
    b.emit(node.name, operator, values, sums, int32, label)
    b.emit(f"{node.name}:real", op.Dequantize(), (sums,), node.outputs[0], float32)


def matmul_to_float(b: Builder, node: OnnxNode) -> None:
    """MatMulIntegerToFloat, or a QDQ group that becomes one: no QuantizeLinear stands behind."""
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    weights = b.constants.get(node.input(3))
    if weights is not None and weights.ndim == 2:
        weight_type(node, weights)
        q = per_channel(b, node, 4, 5, weights.shape[1], 0)
        other = b.store(node.input(3), weights.T, q, (1, 0))
    else:
        other = activation_input(b, node, 3, per_tensor(b, node, 4, 5), 5)
    float_product(b, node, (x, other), None)


def _unscaled(b: Builder, node: OnnxNode, zero_point: int, channels: int = 1) -> Quantization:
    """Return scale 1 and the zero point of input `zero_point`: one, or one per output channel."""
    zero = b.optional(node, zero_point, "zero point")
    value = np.zeros((), np.int64) if zero is None else zero.astype(np.int64)
    if value.size == 1:
        return Quantization(np.ones((), np.float32), value.reshape(()))
    if value.shape != (channels,):
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected 1 or {channels} zero points, found {value.shape}"
        )
    return Quantization(np.ones(channels, np.float32), value, 0)


def _computed_zero_points(b: Builder, node: OnnxNode) -> tuple[str, ...] | None:
    """Return the values of a node whose zero points are computed, None where all are constants."""
    if all(not node.input(i) or node.input(i) in b.constants for i in (2, 3)):
        return None
    values = [b.value(node, 0), b.value(node, 1)]
    for index in (2, 3):
        if node.input(index):
            values.append(b.value(node, index))
        else:
            zero = np.zeros((), b.tensors[values[index - 2]].dtype)
            values.append(b.store(f"{node.name}:zero_point{index}", zero))
    return tuple(values)


def conv_integer(b: Builder, node: OnnxNode) -> None:
    """Append a ConvInteger."""
    int32 = np.dtype(np.int32)
    values = _computed_zero_points(b, node)
    if values is not None:
        extents = b.shape(values[1])
        place = window(node, (extents[2], extents[3]), image(b, node, values[0]))
        operator = ConvInteger(place, node.integer("group", 1))
        b.emit_channels_last(node.name, operator, values, node.outputs[0], int32)
        return
    x = b.as_quantized(b.value(node, 0), _unscaled(b, node, 2))
    weights = conv_weights(b, node, 1)
    weight_type(node, weights)
    q = _unscaled(b, node, 3, len(weights))
    w = b.store(node.input(1), weights.transpose(0, 2, 3, 1), q, (0, 3, 1, 2))
    place = window(node, (weights.shape[2], weights.shape[3]), image(b, node, x))
    convolution = op.Conv2D(place, node.integer("group", 1))
    b.emit_channels_last(node.name, convolution, (x, w), node.outputs[0], int32, RAW)


def matmul_integer(b: Builder, node: OnnxNode) -> None:
    """Append a MatMulInteger."""
    values = _computed_zero_points(b, node)
    if values is not None:
        b.emit(node.name, MatMulInteger(), values, node.outputs[0], np.dtype(np.int32))
        return
    x = b.as_quantized(b.value(node, 0), _unscaled(b, node, 2))
    y = b.as_quantized(b.value(node, 1), _unscaled(b, node, 3))
    b.emit(node.name, op.MatMul(), (x, y), node.outputs[0], np.dtype(np.int32), RAW)
