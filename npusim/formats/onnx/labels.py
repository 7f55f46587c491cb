"""What the scales and zero points of a quantized operator say of its tensors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.records import OnnxNode
from npusim.graph.tensor import INTEGER_DTYPES, Quantization
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
