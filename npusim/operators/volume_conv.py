"""volume_conv: x [N IC ID IH IW], weights [OC IC/groups KD KH KW], optional bias, as ONNX has it.

On integers the sums of products, exact, brought to the output by onnxruntime's float32 ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas_products
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
from npusim.operators.kinds import linear
from npusim.operators.kinds.float32 import by_runtime, clamped, elementwise
from npusim.operators.kinds.products import exact
from npusim.operators.kinds.volume import Volume, columns, volume_window
from npusim.operators.page import NO_OWN_FORM, Absent, Page, PerRuntime, Step
from npusim.runtimes.requantization import FloatRequantization, affine

NOT_ON_INTEGERS = Absent("is on integers for onnxruntime alone")


@dataclass(frozen=True)
class VolumeConv(Operator):
    """Every channel's weights over each place of a volume, in `groups` of channels."""

    window: Volume
    groups: int = 1
    activation: Clamp | None = None

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 3

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w = inputs[:2]
        if len(x) != 5 or len(w) != 5 or w[2:] != self.window.kernel:
            raise ShapeError(f"weights {list(w)} do not fit volumes {list(x)}")
        if x[1] != w[1] * self.groups or w[0] % self.groups:
            raise ShapeError(f"weights {list(w)} in {self.groups} groups do not fit {list(x)}")
        if len(inputs) > 2 and inputs[2] != (w[0],):
            raise ShapeError(f"expected {w[0]} biases, found {list(inputs[2])}")
        return ((x[0], w[0], *self.window.output_extent(x)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def spread(operator: VolumeConv, x: NDArray, w: NDArray, multiply: Any) -> NDArray:
    """Return the products [N OC OD OH OW] of x and the weights, `multiply` being a matrix's."""
    taken = columns(x, operator.window, 0)
    groups, places = operator.groups, taken.shape[2 + 3 :]
    inner, outer = x.shape[1] // groups, w.shape[0] // groups
    y = np.empty((len(x), w.shape[0], prod(places)), x.dtype)
    for n in range(len(x)):
        for g in range(groups):
            rows = w[g * outer : (g + 1) * outer].reshape(outer, -1)
            part = taken[n, g * inner : (g + 1) * inner].reshape(rows.shape[1], -1)
            y[n, g * outer : (g + 1) * outer] = multiply(rows, np.ascontiguousarray(part))
    return y.reshape(len(x), w.shape[0], *places)


def real(operator: VolumeConv, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
    """Return the values in the type of x."""
    y = spread(operator, x, w.astype(x.dtype), np.matmul)
    y = y + bias[0].reshape(-1, 1, 1, 1) if bias else y
    return y if operator.activation is None else operator.activation.of(y)


def single(operator: VolumeConv, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray[np.float32]:
    """Return onnxruntime's float32 values."""
    y = spread(operator, x, w, mlas_products.product)
    return clamped(y + bias[0].reshape(-1, 1, 1, 1) if bias else y, operator.activation)


def step(network: Network, node: Node, c: FloatRequantization) -> Step:
    """Return the step on 8-bit integers."""
    operator = node.operator
    assert isinstance(operator, VolumeConv)
    x, w = network.inputs_of(node)[:2]
    assert w.data is not None
    assert w.quantization is not None
    zero = affine(node, x)[1]
    of_weights = w.quantization.zero_point.reshape(-1, 1, 1, 1, 1)
    weights = w.data.astype(np.float64) - of_weights
    bias = linear.bias_of(network, node, len(weights)).reshape(-1, 1, 1, 1)
    scale = np.asarray(c.scale, np.float32).reshape(-1, 1, 1, 1)
    dtype = network.output_of(node).dtype

    def convolve(threads: int, x: NDArray, *_: NDArray) -> NDArray:
        sums = spread(operator, exact(x, zero), weights, np.matmul) + bias
        y = np.rint(sums.astype(np.int64).astype(np.float32) * scale) + c.zero_point
        return np.clip(y, c.low, c.high).astype(dtype)

    return convolve


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a weight and place; taps on padding count."""
    y, w = network.output_of(node).shape, network.inputs_of(node)[1].shape
    return prod(y) * prod(w[1:])


def read(b: Builder, node: OnnxNode) -> None:
    """Read a Conv of volumes, its weights computed or not."""
    values = [b.value(node, index) for index in range(3) if node.input(index)]
    x, w = (b.shape(name) for name in values[:2])
    operator = VolumeConv(volume_window(node, w[2:], x[2:]), node.integer("group", 1))
    b.emit(node.name, operator, tuple(values), node.outputs[0])


def read_quantized(b: Builder, node: OnnxNode) -> None:
    """Read a QLinearConv of volumes."""
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    weights = b.constant(node, 3, "weight tensor")
    weight_type(node, weights)
    w = b.store(node.input(3), weights, per_channel(b, node, 4, 5, weights.shape[0], 0))
    inputs = [x, w]
    bias_input(b, node, 8, inputs)
    at = volume_window(node, weights.shape[2:], b.shape(x)[2:])
    operator = VolumeConv(at, node.integer("group", 1), fused_clamp(node))
    b.emit(node.name, operator, tuple(inputs), node.outputs[0], output_type(b, node, 7),
           per_tensor(b, node, 6, 7))  # fmt: skip


PAGE = Page(
    operator=VolumeConv,
    tflite=(),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=PerRuntime(
        litert=NOT_ON_INTEGERS,
        litert_opt=NOT_ON_INTEGERS,
        xnnpack=NOT_ON_INTEGERS,
        onnxruntime=linear.onnxruntime_layer,
        tosa=NOT_ON_INTEGERS,
        integer=NOT_ON_INTEGERS,
    ),
    quantized=step,
    float32=by_runtime(elementwise(real), onnxruntime=elementwise(single)),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)
