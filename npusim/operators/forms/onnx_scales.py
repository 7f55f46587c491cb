"""What the scales and zero points of a quantized operator say of its tensors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp
from npusim.graph.operator import Operator
from npusim.graph.tensor import INTEGER_DTYPES, Quantization
from npusim.operators.forms.onnx_axes import axis_of
from npusim.operators.forms.onnx_builder import Builder


def scale_of(b: Builder, node: OnnxNode, index: int) -> NDArray:
    """Return the scale that input `index` gives."""
    return b.constant(node, index, "scale").astype(np.float32)


def zero_point_of(b: Builder, node: OnnxNode, index: int) -> NDArray:
    """Return the zero point that input `index` gives, 0 in uint8 where there is none."""
    zero = b.optional(node, index, "zero point")
    if zero is None:
        return np.zeros((), np.uint8)
    if zero.dtype.name not in INTEGER_DTYPES:
        raise FormatError(
            f"{node.name} ({node.kind}): expected an integer zero point, "
            f"found {zero.dtype} in {node.input(index)}"
        )
    return zero


def per_tensor(b: Builder, node: OnnxNode, scale: int, zero_point: int) -> Quantization:
    """Return the quantization that two inputs of the node give a whole tensor."""
    value, zero = scale_of(b, node, scale), zero_point_of(b, node, zero_point)
    if value.size != 1 or zero.size != 1:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected one scale and zero point for the tensor, found "
            f"{list(value.shape)} and {list(zero.shape)}"
        )
    return Quantization(value.reshape(()), zero.reshape(()).astype(np.int64))


def per_channel(
    b: Builder, node: OnnxNode, scale: int, zero_point: int, channels: int, axis: int
) -> Quantization:
    """Return the quantization of weights: one pair, or one for each of `channels` along `axis`."""
    value, zero = scale_of(b, node, scale), zero_point_of(b, node, zero_point)
    if value.size == 1 and zero.size == 1:
        return Quantization(value.reshape(()), zero.reshape(()).astype(np.int64))
    for what, found in (("scale", value), ("zero point", zero)):
        if found.size not in (1, channels):
            raise FormatError(
                f"{node.name} ({node.kind}): expected 1 or {channels} values of the weights' "
                f"{what}, found shape {list(found.shape)}"
            )
    full = np.broadcast_to(value.ravel(), (channels,))
    return Quantization(full, np.broadcast_to(zero.ravel(), (channels,)).astype(np.int64), axis)


def output_type(
    b: Builder, node: OnnxNode, index: int, allowed: tuple[str, ...] = ("int8", "uint8")
) -> np.dtype:
    """Return the type of the output: that of the zero point at input `index`."""
    dtype = np.dtype(zero_point_of(b, node, index).dtype)
    if dtype.name not in allowed:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected an output of {' or '.join(allowed)}, "
            f"found {dtype}"
        )
    return dtype


def activation_input(b: Builder, node: OnnxNode, index: int, q: Quantization, zero: int) -> str:
    """Return input `index` labelled with `q`; its type has to be that of its zero point."""
    name = b.value(node, index)
    dtype = b.tensors[name].dtype
    if dtype.name not in ("int8", "uint8") or (
        node.input(zero) and zero_point_of(b, node, zero).dtype != dtype
    ):
        raise FormatError(
            f"{node.name} ({node.kind}): input {name} is {dtype}, its zero point "
            f"{zero_point_of(b, node, zero).dtype}; expected both int8 or both uint8"
        )
    return b.as_quantized(name, q)


def weight_type(node: OnnxNode, weights: NDArray) -> None:
    """Raise FormatError unless the weights are int8 or uint8."""
    if weights.dtype.name not in ("int8", "uint8"):
        raise FormatError(
            f"{node.name} ({node.kind}): expected int8 or uint8 weights, found {weights.dtype}"
        )


def bias_input(b: Builder, node: OnnxNode, index: int, inputs: list[str]) -> None:
    """Append the int32 bias at input `index` to `inputs`, where there is one."""
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


def fused_clamp(node: OnnxNode) -> Clamp | None:
    """Return the activation that fuse_qdq.py fused into the node."""
    low, high = node.attributes.get("fused_low"), node.attributes.get("fused_high")
    return None if low is None and high is None else Clamp(low, high)  # type: ignore[arg-type]


def unscaled(b: Builder, node: OnnxNode, zero_point: int, channels: int = 1) -> Quantization:
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


def computed_zero_points(
    b: Builder, node: OnnxNode, most: int | None = None
) -> tuple[str, ...] | None:
    """Return the values of a node whose zero points are computed, None where all are constants.

    Constants that are more than `most` count as computed.
    """
    held = [b.constants.get(node.input(i)) for i in (2, 3) if node.input(i)]
    if all(zero is not None and (most is None or zero.size <= most) for zero in held):
        return None
    values = [b.value(node, 0), b.value(node, 1)]
    for index in (2, 3):
        if node.input(index):
            values.append(b.value(node, index))
        else:
            zero = np.zeros((), b.tensors[values[index - 2]].dtype)
            values.append(b.store(f"{node.name}:zero_point{index}", zero))
    return tuple(values)


def quantization_along_axis(b: Builder, node: OnnxNode, rank: int) -> Quantization:
    """Return the quantization of Quantize- or DequantizeLinear: per tensor or along its axis."""
    if node.integer("block_size", 0):
        raise UnsupportedError(f"{node.name} ({node.kind}): block_size is not supported")
    value, zero = scale_of(b, node, 1), zero_point_of(b, node, 2)
    if value.size == 1 and zero.size == 1:
        return per_tensor(b, node, 1, 2)
    return per_channel(b, node, 1, 2, value.size, axis_of(node, 1, rank))


def reads_unary(make: Callable[[OnnxNode], Operator]) -> Callable[[Builder, OnnxNode], None]:
    """Return the reader of a QLinear operator of one value: x, its label, that of the output."""

    def read(b: Builder, node: OnnxNode) -> None:
        x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
        dtype, q = b.tensors[x].dtype, per_tensor(b, node, 3, 4)
        b.emit(node.name, make(node), (x,), node.outputs[0], dtype, q)

    return read


def reads_binary(
    make: Callable[[Clamp | None], Operator],
) -> Callable[[Builder, OnnxNode], None]:
    """Return the reader of a QLinear operator of two values."""

    def read(b: Builder, node: OnnxNode) -> None:
        inputs = (
            activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2),
            activation_input(b, node, 3, per_tensor(b, node, 4, 5), 5),
        )
        operator, dtype = make(fused_clamp(node)), b.tensors[inputs[0]].dtype
        b.emit(node.name, operator, inputs, node.outputs[0], dtype, per_tensor(b, node, 6, 7))

    return read
