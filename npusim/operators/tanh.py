"""tanh: The hyperbolic tangent of x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.table import float32_table, table_step
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values, by_width, require_no_zero_point, require_types
from npusim.operators.page import Absent, Page, PerRuntime, no_macs
from npusim.runtimes import gemmlowp_int16, int16
from npusim.runtimes.elementary import tanh
from npusim.runtimes.requantization import affine, power_of_two


@dataclass(frozen=True)
class Tanh(Unary):
    """The hyperbolic tangent of x."""


def real(operator: Tanh, x: NDArray) -> NDArray:
    """Return tanh in float64."""
    return tanh(x)


def single(operator: Tanh, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same in float32, as TFLite's tables have it."""
    return tanh(x.astype(np.float64)).astype(np.float32)


def single_onnxruntime(operator: Tanh, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    return mlas.tanh(x)


table = float32_table(single)


def of_integers(network: Network, node: Node) -> Values:
    """Return the same of 16-bit values, interpolated in a table of 256 entries."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_types(node, {"x": x, "y": y}, ("int16", "int16"))
    require_no_zero_point(node, x, y)
    sx, so = affine(node, x)[0], affine(node, y)[0]
    if power_of_two(float(so)) != -15:
        raise UnsupportedError(f"{node.name}: expected an output scale of 2^-15, found {so}")
    return lambda v: int16.tanh(v, float(sx))


def without_table(network: Network, node: Node) -> Values:
    """Return LiteRT's optimized kernel: fixed point where the input's scale is 2^-12 or 2^-11."""
    by_table = of_integers(network, node)
    exponent = power_of_two(float(affine(node, network.inputs_of(node)[0])[0]))
    if exponent not in int16.TANH_SHIFTS:
        return by_table
    return lambda v: gemmlowp_int16.tanh(gemmlowp_int16.saturated(v << (exponent + 12)))


CONSTANTS = by_width(
    PerRuntime(
        litert=table,
        litert_opt=table,
        xnnpack=table,
        onnxruntime=Absent("is not supported under onnxruntime's rule"),
        tosa=table,
        integer=table,
    ),
    of_integers,
    without_table,
)

PAGE = Page(
    operator=Tanh,
    tflite=(TfliteForm("TANH", 1, lambda layer: Tanh()),),
    onnx=(OnnxForm("Tanh", reads(lambda node: Tanh())),),
    own=(table_form("tanh", CONSTANTS),),
    real=real,
    constants=CONSTANTS,
    quantized=table_step,
    float32=by_runtime(elementwise(single), onnxruntime=elementwise(single_onnxruntime)),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
