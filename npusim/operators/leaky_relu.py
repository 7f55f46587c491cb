"""leaky_relu: x where it is not negative, alpha * x elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.onnx_scales import reads_unary
from npusim.operators.forms.own import number
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.scale import (
    applied,
    by_ratio,
    by_ratio_xnnpack,
    values_by_ratio,
    values_of,
)
from npusim.operators.kinds.table import Table, float32_table, onnxruntime_table, table_step
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values, by_width
from npusim.operators.page import Absent, Page, PerRuntime, no_macs
from npusim.runtimes import xnnpack
from npusim.runtimes.requantization import Requantization, affine


@dataclass(frozen=True)
class LeakyRelu(Unary):
    """x where x >= 0, else alpha * x."""

    alpha: float


def real(operator: LeakyRelu, x: NDArray) -> NDArray:
    """Return x, or alpha * x below 0."""
    return np.where(x < 0, operator.alpha * x, x)


def single(operator: LeakyRelu, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same in float32, as TFLite's tables have it."""
    return np.where(x > 0, x, x * np.float32(operator.alpha))


def single_onnxruntime(operator: LeakyRelu, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    return np.where(x >= 0, x, np.float32(operator.alpha) * x)


def _ratios(network: Network, node: Node) -> tuple[float, float]:
    """Return the multipliers of x - z where it is not negative, and where it is."""
    assert isinstance(node.operator, LeakyRelu)
    sx, _ = affine(node, network.inputs_of(node)[0])
    so, _ = affine(node, network.output_of(node))
    return float(sx / so), float(sx * np.float32(node.operator.alpha) / so)


def _table(network: Network, node: Node, steep: Requantization, flat: Requantization) -> Table:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    _, zero_point = affine(node, x)
    above = (value - zero_point for value in values_of(x))
    return np.array([applied(steep if v >= 0 else flat, v) for v in above], y.dtype)


def fixed_point(network: Network, node: Node) -> Table:
    """Return TFLite's table: two requantizations (activations.cc, LeakyReluPrepare)."""
    steep, flat = (by_ratio(network, node, ratio, "tflite") for ratio in _ratios(network, node))
    return _table(network, node, steep, flat)


def of_integers(network: Network, node: Node) -> Values:
    """Return the same of 16-bit values."""
    steep, flat = (values_by_ratio(network, node, ratio) for ratio in _ratios(network, node))
    _, zero_point = affine(node, network.inputs_of(node)[0])
    return lambda v: np.where(v >= zero_point, steep(v), flat(v))


def eight_fraction_bits(network: Network, node: Node) -> Table:
    """Return XNNPACK's table; it leaves a ratio outside its range, and then both, to TFLite."""
    ratios = _ratios(network, node)
    if not all(xnnpack.is_ratio(ratio) for ratio in ratios):
        return fixed_point(network, node)
    steep, flat = (by_ratio_xnnpack(network, node, ratio) for ratio in ratios)
    return _table(network, node, steep, flat)


CONSTANTS = by_width(
    PerRuntime(
        litert=fixed_point,
        litert_opt=fixed_point,
        xnnpack=eight_fraction_bits,
        onnxruntime=onnxruntime_table(single),
        tosa=fixed_point,
        integer=float32_table(single),
    ),
    of_integers,
)


def _read(node: OnnxNode) -> LeakyRelu:
    return LeakyRelu(node.number("alpha", 0.01))


PAGE = Page(
    operator=LeakyRelu,
    tflite=(TfliteForm("LEAKY_RELU", 1, lambda layer: LeakyRelu(float(layer.option("Alpha")))),),
    onnx=(
        OnnxForm("LeakyRelu", reads(_read)),
        OnnxForm("QLinearLeakyRelu", reads_unary(_read), "com.microsoft"),
    ),
    own=(table_form("leaky_relu", CONSTANTS, number("alpha")),),
    real=real,
    constants=CONSTANTS,
    quantized=table_step,
    float32=by_runtime(elementwise(single), onnxruntime=elementwise(single_onnxruntime)),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
