"""conv2d: x [N IH IW IC], w [OC KH KW IC/groups], optional b [OC] -> [N OH OW OC]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp, Window, fused, need_rank
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.weights import EncodedWeights
from npusim.kernels import mlas_products
from npusim.kernels.in_order import convolve, convolve_depthwise, for_each_image
from npusim.kernels.vector_rest import with_scalar_channels
from npusim.operators import volume_conv
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
from npusim.operators.forms.onnx_windows import conv_weights, image, window
from npusim.operators.forms.own import ACTIVATION, WEIGHTS_WINDOW, OwnForm, clamped_scale
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds import linear
from npusim.operators.kinds.float32 import by_runtime, clamped, constant, with_constants
from npusim.operators.kinds.hybrid import hybrid_or, hybrid_step, unknown_codes
from npusim.operators.kinds.linear import LinearLayer, need_bias
from npusim.operators.kinds.pool import pad_image
from npusim.operators.kinds.volume import RANK
from npusim.operators.kinds.wide import by_width
from npusim.operators.kinds.wide_linear import WideLinear, wide_convolution, wide_linear
from npusim.operators.page import Absent, Page, PerRuntime, Step
from npusim.runtimes.litert_opt import LANES, VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.words import Rule


@dataclass(frozen=True)
class Conv2D(LinearLayer):
    """x [N IH IW IC], w [OC KH KW IC/groups], optional b [OC] -> [N OH OW OC].

    A depthwise convolution is groups == IC; its output channel is ic * multiplier + m.
    Where the weights are codes of one of the papers' schemes, `encoding` holds them with the bias,
    and x is the only input.
    """

    window: Window
    groups: int = 1
    activation: Clamp | None = None
    encoding: EncodedWeights | None = None

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w = inputs[0], inputs[1] if self.encoding is None else self.encoding.weight_shape
        need_rank(x, 4, "an input")
        need_rank(w, 4, "weights")
        groups = self.groups
        if groups < 1 or x[3] != w[3] * groups:
            raise ShapeError(f"weight IC is {w[3]} in {groups} groups, input IC is {x[3]}")
        if w[0] % groups:
            raise ShapeError(f"{w[0]} output channels do not divide into {groups} groups")
        if w[1:3] != self.window.kernel:
            raise ShapeError(f"weights are {list(w)}, kernel is {list(self.window.kernel)}")
        need_bias(inputs, w[0])
        return (self.window.output_shape(x, w[0]),)


def _read(layer: TfliteLayer) -> Conv2D:
    w, x = layer.input(1).shape, layer.input(0).shape
    if len(w) != 4 or len(x) != 4:
        raise ShapeError(
            f"{layer.record.name}: expected input and weights of rank 4, "
            f"found {list(x)} and {list(w)}"
        )
    dilation = (layer.option("DilationHFactor"), layer.option("DilationWFactor"))
    groups = x[3]
    if layer.record.kind == "CONV_2D":
        if w[3] < 1 or x[3] % w[3]:
            raise ShapeError(f"{layer.record.name}: weight IC is {w[3]}, input IC is {x[3]}")
        groups = x[3] // w[3]
    elif w[0] != 1:
        raise ShapeError(f"{layer.record.name}: expected weights [1 KH KW OC], found {list(w)}")
    window = layer.window((w[1], w[2]), dilation)
    return Conv2D(window, groups, layer.activation())


def _product_in_float32(network: Network, node: Node) -> bool:
    """Return whether TFLite multiplies the scales in float32: legacy uint8 weights."""
    return linear.is_per_tensor(network, node) and network.inputs_of(node)[1].dtype == np.uint8


scales = linear.FixedPoint(_product_in_float32)


def reference(network: Network, node: Node) -> Requantization:
    """Return LiteRT's reference (conv.cc, depthwise_conv.cc): double rounding."""
    return scales.of(network, node, "litert", "tflite")


def optimized(network: Network, node: Node) -> Requantization | VectorAndRest[Requantization]:
    """Return ruy's constants; depthwise kernels end in scalar code, on uint8 all round twice."""
    assert isinstance(node.operator, Conv2D)
    if node.operator.groups == 1:
        return scales.of(network, node, "litert-opt", "ruy")
    rest = scales.of(network, node, "tosa", "tflite")
    if node.operator.encoding is None and network.inputs_of(node)[1].dtype == np.uint8:
        return rest
    return VectorAndRest(scales.of(network, node, "litert-opt", "ruy"), rest, LANES)


def wide_optimized(network: Network, node: Node) -> WideLinear:
    """Return the optimized kernel on 16-bit activations: sums of 32 bits are ruy's."""
    c = wide_linear(network, node)
    return replace(c, kind="ruy") if c.kind == "tflite" else c


def step(
    network: Network,
    node: Node,
    c: Requantization | VectorAndRest[Requantization] | FloatRequantization | WideLinear | None,
) -> Step:
    """Return the step on integers by the constants of any runtime."""
    assert isinstance(node.operator, Conv2D)
    window, groups = node.operator.window, node.operator.groups
    if isinstance(c, WideLinear):
        return wide_convolution(network, node, c, window, groups)
    if isinstance(c, VectorAndRest):
        vector, rest = (step(network, node, part) for part in (c.vector, c.rest))
        channels = network.output_of(node).shape[3]
        return with_scalar_channels(vector, rest, channels, c.lanes)
    kernel = linear.linear_kernel(network, node, c, window, groups)
    if c is None:
        return lambda threads, x: kernel.accumulators(x)[0]
    from npusim.kernels.linear import LinearStep

    return LinearStep(kernel)


def real(operator: Conv2D, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
    """Return the convolution in the type of x, image by image on all cores, in a fixed order."""
    window, groups = operator.window, operator.groups
    height, width = window.output_size(x.shape[1], x.shape[2])
    channels = w.shape[0]
    padded = np.ascontiguousarray(pad_image(x, window))
    y = np.zeros((len(x), height, width, channels), x.dtype)
    geometry = (*window.stride, *window.dilation)
    if w.shape[3] == 1 and groups == channels:
        weights = np.ascontiguousarray(w[..., 0].transpose(1, 2, 0))
        job = convolve_depthwise
    else:
        grouped = w.reshape(groups, channels // groups, *w.shape[1:])
        weights = np.ascontiguousarray(grouped.transpose(0, 2, 3, 4, 1))
        job = convolve

    def one(n: int) -> None:
        job(padded[n : n + 1], weights, *geometry, y[n : n + 1])

    for_each_image(one, len(x))
    for b in bias:
        y += b.reshape(-1)
    return fused(operator.activation, y)


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a weight and output pixel; taps on padding count."""
    shape = network.output_of(node).shape
    return prod(shape[:3]) * prod(linear.weight_shape(network, node))


def as_onnxruntime(network: Network, node: Node, rule: Rule) -> Step:
    """Return onnxruntime's; weights come out of a DequantizeLinear, not blocked by channels."""
    operator = node.operator
    assert isinstance(operator, Conv2D)
    inputs = network.inputs_of(node)
    weights = constant(inputs[1])
    bias = constant(inputs[2]) if len(inputs) > 2 else None
    window, groups, activation = operator.window, operator.groups, operator.activation
    return lambda threads, x: clamped(
        mlas_products.convolve(x, weights, bias, window, groups), activation
    )


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    if len(b.shape(node.input(0))) == RANK:
        volume_conv.read(b, node)
        return
    x = b.value(node, 0)
    weights = conv_weights(b, node, 1)
    inputs = [x, b.store(node.input(1), weights.transpose(0, 2, 3, 1), file_order=(0, 3, 1, 2))]
    if (bias := b.optional(node, 2, "bias")) is not None:
        inputs.append(b.store(node.input(2), bias))
    kernel = (weights.shape[2], weights.shape[3])
    at = window(node, kernel, image(b, node, x))
    operator = Conv2D(at, node.integer("group", 1))
    b.emit_channels_last(node.name, operator, tuple(inputs), node.outputs[0])


def _read_quantized(b: Builder, node: OnnxNode) -> None:
    if len(b.shape(node.input(0))) == RANK:
        volume_conv.read_quantized(b, node)
        return
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    weights = conv_weights(b, node, 3)
    weight_type(node, weights)
    quantization = per_channel(b, node, 4, 5, weights.shape[0], 0)
    w = b.store(node.input(3), weights.transpose(0, 2, 3, 1), quantization, (0, 3, 1, 2))
    inputs = [x, w]
    bias_input(b, node, 8, inputs)
    at = window(node, (weights.shape[2], weights.shape[3]), image(b, node, x))
    b.emit_channels_last(
        node.name,
        Conv2D(at, node.integer("group", 1), fused_clamp(node)),
        tuple(inputs),
        node.outputs[0],
        output_type(b, node, 7),
        per_tensor(b, node, 6, 7),
    )


PAGE = Page(
    operator=Conv2D,
    tflite=(TfliteForm("CONV_2D", 3, _read), TfliteForm("DEPTHWISE_CONV_2D", 3, _read)),
    onnx=(
        OnnxForm("Conv", _read_onnx, weights=(1, 2), image=True, kernel=1),
        OnnxForm("QLinearConv", _read_quantized, image=True, kernel=3),
    ),
    own=(OwnForm("Conv", (WEIGHTS_WINDOW, ACTIVATION), clamped_scale),),
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
        wide_linear,
        wide_optimized,
    ),
    quantized=step,
    float32=hybrid_or(
        by_runtime(with_constants(real), onnxruntime=as_onnxruntime),
        by_runtime(hybrid_step(real, whole_samples=True), xnnpack=unknown_codes),
    ),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="array",
)
