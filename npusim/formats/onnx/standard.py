"""The operators of the standard ONNX domain that are not quantized, as npusim's operators.

Axes and shapes are still the file's (channels first); onnx_layout.py comes afterwards.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import UnsupportedError
from npusim.formats.onnx.elements import ELEMENTS
from npusim.formats.onnx.movements import MOVEMENTS, axis_of
from npusim.formats.onnx.records import OnnxNode
from npusim.formats.onnx.reductions import REDUCTIONS, reduce
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_windows import window


def image(b: Builder, node: OnnxNode, name: str) -> tuple[int, int]:
    """Return (IH, IW) of a 4-D tensor that the file stores [N C H W]."""
    shape = b.shape(name)
    if len(shape) != 4:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected a 4-D input [N C H W], found {list(shape)}"
        )
    return shape[2], shape[3]


def conv_weights(b: Builder, node: OnnxNode, index: int) -> NDArray:
    """Return the constant weights [OC IC/groups KH KW] of a convolution."""
    weights = b.constant(node, index, "weight tensor")
    if weights.ndim != 4:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected 4-D weights [OC IC KH KW], "
            f"found {list(weights.shape)}"
        )
    return weights


def _conv(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    weights = conv_weights(b, node, 1)
    inputs = [x, b.store(node.input(1), weights.transpose(0, 2, 3, 1), file_order=(0, 3, 1, 2))]
    if (bias := b.optional(node, 2, "bias")) is not None:
        inputs.append(b.store(node.input(2), bias))
    kernel = (weights.shape[2], weights.shape[3])
    place = window(node, kernel, image(b, node, x))
    operator = op.Conv2D(place, node.integer("group", 1))
    b.emit_channels_last(node.name, operator, tuple(inputs), node.outputs[0])


def _gemm(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    if node.integer("transA", 0):
        x = b.emit(f"{node.name}:transpose", op.Transpose((1, 0)), (x,), b.free(f"{x}:transposed"))
    weights = b.constant(node, 1, "weight matrix")
    rows = weights if node.integer("transB", 0) else weights.T
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    if alpha != 1.0:
        rows = _scaled(rows, alpha)
    inputs = [x, b.store(node.input(1), rows, file_order=None if rows is weights else (1, 0))]
    bias = b.optional(node, 2, "bias")
    if bias is not None:
        if bias.size not in (1, rows.shape[0]):
            raise UnsupportedError(f"{node.name}: expected one bias per column, found {bias.shape}")
        full = np.broadcast_to(bias.ravel(), (rows.shape[0],))
        inputs.append(b.store(node.input(2), full if beta == 1.0 else _scaled(full, beta)))
    b.emit(node.name, op.FullyConnected(keep_dims=True), tuple(inputs), node.outputs[0])


def _scaled(values: NDArray, factor: float) -> NDArray:
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused when stored
        return values.astype(np.float32) * np.float32(factor)


def _matmul(b: Builder, node: OnnxNode) -> None:
    if node.input(1) in b.constants and b.constants[node.input(1)].ndim == 2:
        weights = b.constants[node.input(1)]
        w = b.store(node.input(1), weights.T, file_order=(1, 0))
        operator = op.FullyConnected(keep_dims=True)
        b.emit(node.name, operator, (b.value(node, 0), w), node.outputs[0])
    else:
        b.emit(node.name, op.MatMul(), (b.value(node, 0), b.value(node, 1)), node.outputs[0])


def _add(b: Builder, node: OnnxNode) -> None:
    b.emit(node.name, op.Add(), (b.value(node, 0), b.value(node, 1)), node.outputs[0])


def _mul(b: Builder, node: OnnxNode) -> None:
    b.emit(node.name, op.Mul(), (b.value(node, 0), b.value(node, 1)), node.outputs[0])


def clip_bounds(b: Builder, node: OnnxNode) -> tuple[float | None, float | None]:
    """Return Clip's or Relu's bounds, None where there is none."""
    if node.kind == "Relu":
        return 0.0, None
    bounds = []
    for index, name in ((1, "min"), (2, "max")):
        given = b.optional(node, index, name)
        value = float(given.ravel()[0]) if given is not None else node.attributes.get(name)
        finite = isinstance(value, int | float) and np.isfinite(value)
        bounds.append(float(value) if finite else None)  # type: ignore[arg-type]
    return bounds[0], bounds[1]


def _clip(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    low, high = clip_bounds(b, node)
    quantization = b.tensors[x].quantization
    if quantization is not None and quantization.axis is None and node.domain == "":
        # on integers ONNX's bounds are integers; an Activation's are real values
        scale, zero = float(quantization.scale), int(quantization.zero_point)
        low = None if low is None else scale * (low - zero)
        high = None if high is None else scale * (high - zero)
    b.emit(node.name, op.Clip(low, high), (x,), node.outputs[0])


def _activation(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    operator: op.Operator
    if node.kind == "LeakyRelu":
        operator = op.LeakyRelu(node.number("alpha", 0.01))
    elif node.kind == "Tanh":
        operator = op.Tanh()
    else:
        operator = op.HardSwish()
    b.emit(node.name, operator, (x,), node.outputs[0])


def pool_operator(b: Builder, node: OnnxNode, x: str) -> op.AveragePool | op.MaxPool:
    """Return the pool that the node's attributes describe."""
    if len([name for name in node.outputs if name]) != 1:
        raise UnsupportedError(f"{node.name} ({node.kind}): a second output is not supported")
    place = window(node, None, image(b, node, x))
    if node.kind == "MaxPool":
        return op.MaxPool(place)
    return op.AveragePool(place, count_padding=bool(node.integer("count_include_pad", 0)))


def _pool(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    b.emit_channels_last(node.name, pool_operator(b, node, x), (x,), node.outputs[0])


def _global_average_pool(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    image(b, node, x)
    b.emit_channels_last(node.name, op.Mean((1, 2), keep_dims=True), (x,), node.outputs[0])


def _batch_normalization(b: Builder, node: OnnxNode) -> None:
    if node.integer("training_mode", 0) or len([o for o in node.outputs if o]) != 1:
        raise UnsupportedError(f"{node.name} (BatchNormalization): training is not supported")
    names = ("scale", "bias", "mean", "variance")
    inputs = [b.value(node, 0)]
    inputs += [
        b.store(node.input(i), b.constant(node, i, what)) for i, what in enumerate(names, start=1)
    ]
    operator = op.BatchNormalization(node.number("epsilon", 1e-5))
    b.emit_channels_last(node.name, operator, tuple(inputs), node.outputs[0])


def softmax_axis(b: Builder, node: OnnxNode, x: str, opset: int) -> int:
    """Return the axis that Softmax runs along; before opset 13 it took all axes behind as well."""
    shape = b.shape(x)
    axis = axis_of(node, -1 if opset >= 13 else 1, len(shape))
    if opset < 13 and prod(shape[axis:]) != shape[axis]:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): before opset 13 it runs over all axes from {axis} of "
            f"{list(shape)}; expected one of them larger than 1"
        )
    return axis


STANDARD = {
    **MOVEMENTS,
    **ELEMENTS,
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Mul": _mul,
    "Relu": _clip,
    "Clip": _clip,
    "LeakyRelu": _activation,
    "Tanh": _activation,
    "HardSwish": _activation,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_average_pool,
    **dict.fromkeys(REDUCTIONS, reduce),
    "BatchNormalization": _batch_normalization,
}
"""Softmax is in reader.py, which knows the opset."""
