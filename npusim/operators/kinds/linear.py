"""Layers of weights: what convolutions and matrix products by constants share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.graph.attributes import Clamp, Window
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.graph.weight_planes import weight_planes
from npusim.graph.weights import EncodedWeights
from npusim.operators.kinds.types import require_8_bit
from npusim.runtimes import onnxruntime, xnnpack
from npusim.runtimes.requantization import (
    FloatRequantization,
    Requantization,
    activation_bounds,
    affine,
    multiplier_shift,
    require_finite,
)
from npusim.runtimes.rule import linear_integer_mode
from npusim.words import Rounding, Rule

if TYPE_CHECKING:
    from npusim.kernels.linear import LinearKernel


def need_bias(inputs: Sequence[Shape], channels: int) -> None:
    """Raise ShapeError where there is a third input that is no bias of `channels` values."""
    if len(inputs) > 2 and prod(inputs[2]) != channels:
        raise ShapeError(f"expected a bias of {channels} values, found shape {list(inputs[2])}")


def encoding_of(node: Node) -> EncodedWeights | None:
    """Return the coded weights that the layer itself holds, None where they are an input."""
    encoding: EncodedWeights | None = getattr(node.operator, "encoding", None)
    return encoding


def weight_shape(network: Network, node: Node) -> Shape:
    """Return the shape of a layer's weights, coded or not."""
    encoding = encoding_of(node)
    return network.inputs_of(node)[1].shape if encoding is None else encoding.weight_shape


def _activation(node: Node) -> Clamp | None:
    activation: Clamp | None = getattr(node.operator, "activation", None)
    return activation


def coded(network: Network, node: Node, rule: Rule) -> Requantization | None:
    """Return the constants that coded weights bring, in the integer mode of `rule`; None if plain.

    A window sum becomes one more term, whose accumulator sums +-xe with the sign of its weight.

    Raises
    ------
    UnsupportedError
        The rule has no integer mode.
    """
    encoded = encoding_of(node)
    if encoded is None:
        return None
    try:
        mode = linear_integer_mode(rule)
    except UnsupportedError as error:
        raise UnsupportedError(f"{node.name}: {error}") from None
    y = network.output_of(node)
    so, zero_point = affine(node, y)
    low, high = activation_bounds(_activation(node), so, zero_point, y.dtype)
    multipliers, shift = encoded.multipliers, encoded.shift + encoded.channel_shift
    if encoded.window_sum.any():  # its term's sign stands in the plane of ones
        multipliers = np.concatenate([multipliers, np.abs(encoded.window_sum)[None]])
    return Requantization(multipliers, encoded.bias, shift, mode, zero_point, low, high)


class LinearLayer(Operator):
    """x, weights, optional bias; or x alone, where `encoding` holds coded weights with the bias."""

    encoding: EncodedWeights | None

    @property
    def arity(self) -> tuple[int, int]:
        return (2, 3) if self.encoding is None else (1, 1)

    def with_codes(self, encoding: EncodedWeights) -> Self:
        """Return this layer with coded weights instead of its constants."""
        layer: Any = self
        coded: Self = replace(layer, encoding=encoding)
        return coded

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True

    @property
    def factors(self) -> tuple[int, ...]:
        return (0, 1) if self.encoding is None else ()

    @property
    def scales_integers(self) -> bool:
        return True

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        super().check_inputs(inputs)
        if self.encoding is not None and inputs[0].is_float:
            raise UnsupportedError("coded weights need an integer input")


@dataclass(frozen=True)
class FixedPoint:
    """TFLite's constants of one rounding.

    `product_in_float32` says of a node whether the scales' product is taken in float32.
    """

    product_in_float32: Callable[[Network, Node], bool]

    def of(self, network: Network, node: Node, rule: Rule, mode: str) -> Requantization:
        """Return the constants rounded by `mode`."""
        in_float32 = self.product_in_float32(network, node)
        return fixed_point(network, node, rule, mode, product_in_float32=in_float32)

    def tosa(self, network: Network, node: Node) -> Requantization:
        """Return TOSA's RESCALE with double rounding."""
        return self.of(network, node, "tosa", "tflite")

    def by_mode(self, network: Network, node: Node, mode: Rounding) -> Requantization:
        """Return one rounding by `mode`."""
        return self.of(network, node, mode, mode)


def fixed_point(
    network: Network, node: Node, rule: Rule, mode: str, *, product_in_float32: bool
) -> Requantization:
    """Return the constants of one rounding by an integer `mode`.

    The multiplier is TFLite's: sx * sw / so in float64, the product before that in float32 where
    its Prepare function has it so (kernel_util.cc, GetQuantizedConvolutionMultipler).
    """
    own = coded(network, node, rule)
    if own is not None:
        return own
    sx, sw, so, zero_point, low, high = _scales(network, node)
    bias = bias_of(network, node, len(sw))
    with np.errstate(over="ignore", under="ignore"):
        if product_in_float32:
            product = (sx * sw).astype(np.float64)
        else:
            product = np.float64(sx) * sw.astype(np.float64)
    m, shift = multiplier_shift(node, product / np.float64(so))
    return Requantization(m[None], bias * m, shift, mode, zero_point, low, high)


def float32(network: Network, node: Node) -> FloatRequantization:
    """Return XNNPACK's constants: float32(acc) * float32(sx * sw / so), ties to even."""
    coded(network, node, "xnnpack")
    sx, sw, so, zero_point, *_ = _scales(network, node)
    dtype = network.output_of(node).dtype
    low, high = xnnpack.activation_bounds(_activation(node), so, zero_point, dtype)
    with np.errstate(over="ignore", under="ignore"):
        scale = sx * sw / so
    require_finite(node, scale)
    return FloatRequantization(
        "fp32", scale, bias_of(network, node, len(sw)), zero_point, low, high
    )


def onnxruntime_layer(network: Network, node: Node) -> FloatRequantization | None:
    """Return the constants of QLinearConv and QGemm; None where the sums themselves come out."""
    y = network.output_of(node)
    if y.dtype == np.int32:  # ConvInteger, MatMulInteger
        return None
    require_8_bit(node, network.inputs_of(node)[0], y)
    low, high = onnxruntime.bounds(node, _activation(node), y)
    return replace(float32(network, node), low=low, high=high)


def double_away(network: Network, node: Node) -> FloatRequantization:
    """Return the constants of LiteRT's reference FULLY_CONNECTED, since release 1.4.0."""
    sx, sw, so, zero_point, low, high = _scales(network, node)
    scale = np.float64(sx) * sw.astype(np.float64) / np.float64(so)
    bias = bias_of(network, node, len(sw))
    return FloatRequantization("double_away", scale, bias, zero_point, low, high)


def is_per_tensor(network: Network, node: Node) -> bool:
    """Return whether plain weights have one scale for the whole tensor."""
    if encoding_of(node) is not None:
        return False
    q = network.inputs_of(node)[1].quantization
    return q is not None and q.axis is None


def channel_axis(node: Node) -> int:
    """Return the axis of a layer's weights that counts its output channels."""
    return 1 if node.kind == "ConvTranspose" else 0


def _scales(
    network: Network, node: Node
) -> tuple[np.float32, NDArray[np.float32], np.float32, int, int, int]:
    """Return sx, sw [OC], so, the output's zero point, and the least and greatest output."""
    x, w = network.inputs_of(node)[:2]
    y = network.output_of(node)
    so, zero_point = affine(node, y)
    low, high = activation_bounds(_activation(node), so, zero_point, y.dtype)
    sx, _ = affine(node, x)
    axis = channel_axis(node)
    if w.quantization is None or w.quantization.axis not in (None, axis):
        raise UnsupportedError(f"{node.name}: expected scales per tensor or output channel")
    sw = np.broadcast_to(w.quantization.scale, w.shape[axis])
    return sx, sw, so, zero_point, low, high


def bias_of(network: Network, node: Node, channels: int) -> NDArray[np.int64]:
    """Return the bias [OC] of a layer, zeros where it has none.

    Raises
    ------
    UnsupportedError
        It is computed, or of another type than int32.
    """
    if len(node.inputs) < 3:
        return np.zeros(channels, np.int64)
    bias = network.tensors[node.inputs[2]]
    if bias.data is None or bias.dtype != np.int32:
        found = "computed" if bias.data is None else str(bias.dtype)
        raise UnsupportedError(
            f"{node.name}: expected a constant int32 bias in {bias.name}, found {found} values"
        )
    return bias.data.reshape(channels).astype(np.int64)


def linear_kernel(
    network: Network,
    node: Node,
    c: Requantization | FloatRequantization | None,
    window: Window,
    groups: int,
) -> LinearKernel:
    """Return the layer's loops; without constants they give the accumulators alone."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    planes = weight_planes(network, node)
    dtype = y.dtype
    if c is None:
        channels = planes.shape[1]
        c = FloatRequantization(
            "fp32", np.ones(channels), np.zeros(channels, np.int64), 0, -128, 127
        )
        dtype = np.dtype(np.int8)
    else:
        require_8_bit(node, x, y)
    from npusim.kernels.linear import LinearKernel

    return LinearKernel(planes, window, groups, affine(node, x)[1], c, x.dtype, dtype)
