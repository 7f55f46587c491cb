"""dequantize: Integer to float32, scale * (q - zero_point)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator
from npusim.graph.tensor import Quantization, Tensor
from npusim.kernels import floating_point
from npusim.kernels.vector_rest import with_scalar_elements
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import quantization_along_axis
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Absent, Page, PerRuntime, Step, no_macs
from npusim.runtimes.litert_opt import LANES, VectorAndRest


@dataclass(frozen=True)
class Dequantize(Unary):
    """Integer to float32, scale * (q - zero_point)."""


@dataclass(frozen=True)
class ToReal:
    """(q - zero_point) * scale, or q * scale - zero_point * scale when `distributed`."""

    distributed: bool


def difference(network: Network, node: Node, mode: str = "") -> ToReal:
    """Return the reference: the zero point is subtracted first."""
    return ToReal(False)


def optimized(network: Network, node: Node) -> VectorAndRest[ToReal]:
    """Return LiteRT's optimized kernel: its vectors multiply first."""
    return VectorAndRest(ToReal(True), ToReal(False), LANES)


def step(network: Network, node: Node, c: ToReal | VectorAndRest[ToReal]) -> Step:
    """Return the step from integers to float32."""
    x = network.inputs_of(node)[0]
    q = x.quantization
    if q is None or x.is_float:
        raise UnsupportedError(
            f"{node.name}: there is no Dequantize of {x.dtype} {x.name} without a scale"
        )
    scale, zero_point = along_axis(q, x)

    def to_floats(way: ToReal) -> Step:
        return lambda threads, x: floating_point.dequantize(x, scale, zero_point, way.distributed)

    if isinstance(c, ToReal):
        return to_floats(c)
    return with_scalar_elements(to_floats(c.vector), to_floats(c.rest), prod(x.shape[1:]), c.lanes)


def along_axis(q: Quantization, tensor: Tensor) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return scale and zero point, shaped to broadcast against `tensor`."""
    if q.axis is None:
        return q.scale, q.zero_point
    shape = [-1 if axis == q.axis else 1 for axis in range(len(tensor.shape))]
    return q.scale.reshape(shape), q.zero_point.reshape(shape)


def real(operator: Dequantize, x: NDArray) -> NDArray:
    """Return x: in real numbers nothing changes."""
    return x


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    x = b.as_quantized(x, quantization_along_axis(b, node, len(b.shape(x))))
    b.emit(node.name, Dequantize(), (x,), node.outputs[0], np.dtype(np.float32))


def float_product(
    b: Builder, node: OnnxNode, operator: Operator, inputs: tuple[str, ...], bias: NDArray | None
) -> None:
    """Append a product of integers whose sums, with the bias, come out as reals."""
    scales = [b.tensors[name].quantization for name in inputs]
    assert scales[0] is not None
    assert scales[1] is not None
    scale = scales[0].scale * scales[1].scale
    rank = len(b.shape(inputs[0]))
    axis = None if scale.ndim == 0 else rank - 1
    label = Quantization(scale, np.zeros(scale.shape, np.int64), axis)
    int32, float32 = np.dtype(np.int32), np.dtype(np.float32)
    sums = b.free(f"{node.outputs[0]}:sums")
    values = inputs
    if bias is not None:
        values = (*inputs, b.store(node.input(6), bias.astype(np.int32).ravel()))
    b.emit(node.name, operator, values, sums, int32, label)
    b.emit(f"{node.name}:real", Dequantize(), (sums,), node.outputs[0], float32)


PAGE = Page(
    operator=Dequantize,
    tflite=(TfliteForm("DEQUANTIZE", 1, lambda layer: Dequantize()),),
    onnx=(
        OnnxForm("DequantizeLinear", _read),
        OnnxForm("DequantizeLinear", _read, "com.microsoft"),
    ),
    own=Absent("has no form in npusim's ONNX files"),
    real=real,
    constants=PerRuntime(
        litert=difference,
        litert_opt=optimized,
        xnnpack=difference,
        onnxruntime=difference,
        tosa=difference,
        integer=difference,
    ),
    quantized=step,
    float32=Absent("of float values is not supported"),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)
