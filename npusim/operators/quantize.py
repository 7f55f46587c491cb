"""quantize: Float to integer, or integer to integer of another scale (TFLite QUANTIZE)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.kernels import floating_point
from npusim.kernels.floating_point import Division
from npusim.kernels.kernel_step import KernelStep
from npusim.kernels.vector_rest import with_scalar_elements
from npusim.operators.dequantize import along_axis
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import (
    activation_input,
    output_type,
    per_tensor,
    quantization_along_axis,
)
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.scale import (
    ratio_to_output,
    table_of,
    to_output,
    to_output_xnnpack,
    values_by_ratio,
)
from npusim.operators.kinds.table import Table, lookup_step
from npusim.operators.kinds.types import require_8_bit
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values, by_width, values_step
from npusim.operators.page import Absent, Page, PerRuntime, Step, no_macs
from npusim.runtimes import onnxruntime
from npusim.runtimes.litert_opt import INTEGER_LANES, LANES, VectorAndRest
from npusim.runtimes.requantization import Requantization


@dataclass(frozen=True)
class Quantize(Unary):
    """Float to integer, or integer to integer of another scale (TFLite QUANTIZE)."""


Constants = Requantization | Table | Division
"""Of integers: to another scale, or a table; of floats: how they are divided and rounded."""


ONE_SCALE = {"even": floating_point.quantize_even, "away": floating_point.quantize_away}
"""Loops for a float32 tensor of one scale; floating_point.quantize is their witness."""


def reference(network: Network, node: Node, mode: str = "tflite") -> Constants:
    """Return LiteRT's reference (quantize.cc); an integer mode rounds integers by itself."""
    if network.inputs_of(node)[0].is_float:
        return "away" if network.source == "tflite" else "even"
    return to_output(network, node, mode)


def of_integers(network: Network, node: Node) -> Values:
    """Return LiteRT's Requantize of wider integers (quantize.cc): in int32, rounded twice."""
    return values_by_ratio(network, node, ratio_to_output(network, node))


def optimized(network: Network, node: Node) -> VectorAndRest[Constants]:
    """Return LiteRT's optimized kernels, whose rest of a vector is scalar code."""
    if network.inputs_of(node)[0].is_float:
        return VectorAndRest("reciprocal_even", "double_away", LANES)
    vector, rest = (to_output(network, node, mode) for mode in ("ruy", "tflite"))
    return VectorAndRest(vector, rest, INTEGER_LANES)


def xnnpack_conversion(network: Network, node: Node) -> Constants | VectorAndRest[Constants]:
    """Return XNNPACK's; new types of integers, and 16 bits, it leaves to the optimized kernel."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if x.is_float and y.dtype == np.int16 and network.source == "tflite":
        return optimized(network, node)
    if x.is_float:
        return "reciprocal_even" if network.source == "tflite" else "even"
    return to_output_xnnpack(network, node) if x.dtype == y.dtype else optimized(network, node)


def onnxruntime_conversion(network: Network, node: Node) -> Constants:
    """Return QuantizeLinear, of DequantizeLinear where the input is integers."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    return "even" if x.is_float else onnxruntime.conversion_table(node, x, y)


def step(network: Network, node: Node, c: Constants | VectorAndRest[Constants] | Values) -> Step:
    """Return the step to integers by the constants of any runtime."""
    if callable(c):
        return values_step(network, node, c)
    if not isinstance(c, VectorAndRest):
        return _step(network, node, c)
    elements = prod(network.inputs_of(node)[0].shape[1:])
    vector, rest = _step(network, node, c.vector), _step(network, node, c.rest)
    return with_scalar_elements(vector, rest, elements, c.lanes)


def _step(network: Network, node: Node, c: Constants) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if isinstance(c, str):
        assert y.quantization is not None
        scale, zero_point = along_axis(y.quantization, y)
        if c in ONE_SCALE and x.dtype == np.float32 and scale.size == 1:
            limits = np.iinfo(y.dtype)
            constants = (np.float32(scale.item()), zero_point.item(), limits.min, limits.max)
            return KernelStep(ONE_SCALE[c], constants, y.dtype, view=(-1,))
        return lambda threads, x: floating_point.quantize(x, scale, zero_point, y.dtype, c)
    require_8_bit(node, x, y)
    return lookup_step(x, table_of(network, node, c) if isinstance(c, Requantization) else c)


def real(operator: Quantize, x: NDArray) -> NDArray:
    """Return x: in real numbers nothing changes."""
    return x


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    q = quantization_along_axis(b, node, len(b.shape(x)))
    if "output_dtype" in node.attributes and node.integer("output_dtype", 0) and not node.input(2):
        raise UnsupportedError(f"{node.name} (QuantizeLinear): output_dtype without a zero point")
    dtype = output_type(b, node, 2, ("int8", "uint8", "int16", "uint16"))
    b.emit(node.name, Quantize(), (x,), node.outputs[0], dtype, q)


def _read_fused(b: Builder, node: OnnxNode) -> None:
    """DequantizeLinear then QuantizeLinear, which fuse_qdq.py joined."""
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    dtype, q = output_type(b, node, 4), per_tensor(b, node, 3, 4)
    b.emit(node.name, Quantize(), (x,), node.outputs[0], dtype, q)


PAGE = Page(
    operator=Quantize,
    tflite=(TfliteForm("QUANTIZE", 1, lambda layer: Quantize()),),
    onnx=(
        OnnxForm("QuantizeLinear", _read),
        OnnxForm("QuantizeLinear", _read, "com.microsoft"),
        OnnxForm("Requantize", _read_fused, "npusim.fused"),
    ),
    own=Absent("has no form in npusim's ONNX files"),
    real=real,
    constants=by_width(
        PerRuntime(
            litert=reference,
            litert_opt=optimized,
            xnnpack=xnnpack_conversion,
            onnxruntime=onnxruntime_conversion,
            tosa=reference,
            integer=reference,
        ),
        of_integers,
    ),
    quantized=step,
    float32=Absent("to float values is not supported"),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
