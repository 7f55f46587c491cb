"""conv_integer: x - x_zero convolved with w - w_zero in int32, the zero points computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Window, need_rank
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels.mlas_products import columns
from npusim.operators.conv2d import Conv2D
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import RAW, Builder
from npusim.operators.forms.onnx_scales import computed_zero_points, unscaled, weight_type
from npusim.operators.forms.onnx_windows import conv_weights, image, window
from npusim.operators.matmul_integer import integer_product
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step


@dataclass(frozen=True)
class ConvInteger(Operator):
    """x [N IH IW IC], w [OC IC/groups KH KW], their zero points -> int32 [N OH OW OC]."""

    window: Window
    groups: int = 1

    @property
    def arity(self) -> tuple[int, int]:
        return 4, 4

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w = inputs[:2]
        need_rank(x, 4, "an input")
        need_rank(w, 4, "weights")
        if x[3] != w[1] * self.groups or w[0] % self.groups or w[2:] != self.window.kernel:
            raise ShapeError(f"weights {list(w)} in {self.groups} groups do not fit {list(x)}")
        for zero, most in zip(inputs[2:], (1, w[0]), strict=False):
            if prod(zero) not in (1, most):
                raise ShapeError(f"zero points {list(zero)}: expected 1 or one a channel")
        return (self.window.output_shape(x, w[0]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def plain(network: Network, node: Node) -> Step:
    """Return the step on 8-bit integers; outside the image stands the zero point."""
    operator = node.operator
    assert isinstance(operator, ConvInteger)
    window, groups = operator.window, operator.groups

    def convolve(
        threads: int, x: NDArray, w: NDArray, x_zero: NDArray, w_zero: NDArray
    ) -> NDArray[np.int32]:
        per_channel = w_zero.astype(np.int32).reshape(-1, *[1] * 3)
        weights = w.astype(np.int32) - per_channel
        centred = (x.astype(np.int32) - x_zero.astype(np.int32)).astype(np.float32)
        taken = columns(centred, window)
        inner, outer = x.shape[3] // groups, len(w) // groups
        y = np.empty((*taken.shape[:3], len(w)), np.int32)
        for group in range(groups):
            part = taken[..., group * inner : (group + 1) * inner]
            rows = part.reshape(prod(part.shape[:3]), -1)
            taps = weights[group * outer : (group + 1) * outer].transpose(2, 3, 1, 0)
            out = integer_product(rows, taps.reshape(rows.shape[1], outer))
            y[..., group * outer : (group + 1) * outer] = out.reshape(*taken.shape[:3], outer)
        return y

    return convolve


def macs(network: Network, node: Node) -> int:
    """Return the products of one run."""
    w = network.inputs_of(node)[1]
    return prod(network.output_of(node).shape) * prod(w.shape[1:])


def _read(b: Builder, node: OnnxNode) -> None:
    int32 = np.dtype(np.int32)
    values = computed_zero_points(b, node)
    if values is not None:
        extents = b.shape(values[1])
        at = window(node, (extents[2], extents[3]), image(b, node, values[0]))
        operator = ConvInteger(at, node.integer("group", 1))
        b.emit_channels_last(node.name, operator, values, node.outputs[0], int32)
        return
    x = b.as_quantized(b.value(node, 0), unscaled(b, node, 2))
    weights = conv_weights(b, node, 1)
    weight_type(node, weights)
    q = unscaled(b, node, 3, len(weights))
    w = b.store(node.input(1), weights.transpose(0, 2, 3, 1), q, (0, 3, 1, 2))
    at = window(node, (weights.shape[2], weights.shape[3]), image(b, node, x))
    convolution = Conv2D(at, node.integer("group", 1))
    b.emit_channels_last(node.name, convolution, (x, w), node.outputs[0], int32, RAW)


PAGE = Page(
    operator=ConvInteger,
    tflite=(),
    onnx=(OnnxForm("ConvInteger", _read, image=True, kernel=1),),
    own=NO_OWN_FORM,
    real=Absent("takes plain integers alone"),
    constants=Absent("takes its zero points as values"),
    quantized=Absent("takes plain integers alone"),
    float32=Absent("takes plain integers alone"),
    plain=plain,
    macs=macs,
    unit="host",
)
