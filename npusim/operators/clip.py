"""clip: x within bounds; RELU is (0, None), RELU6 is (0, 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import Field, as_numbers
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.scale import (
    by_ratio,
    onnxruntime_table,
    ratio_in_float32,
    table_of,
    to_output,
    values_by_ratio,
)
from npusim.operators.kinds.table import Table, table_step
from npusim.operators.kinds.types import require_same_quantization
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values, by_width
from npusim.operators.page import Page, PerRuntime, Step, no_macs
from npusim.runtimes.requantization import affine


@dataclass(frozen=True)
class Clip(Unary):
    """x within real bounds, as an operator of its own (a fused one is its producer's Clamp)."""

    low: float | None = None
    high: float | None = None

    @property
    def bounds(self) -> Clamp:
        """The bounds as a fused activation has them."""
        return Clamp(self.low, self.high)


def real(operator: Clip, x: NDArray) -> NDArray:
    """Return x within the bounds."""
    return operator.bounds.of(x)


def single(operator: Clip, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same in float32, as TFLite's tables have it."""
    return operator.bounds.of(x)


def _bounds(network: Network, node: Node) -> Clamp:
    assert isinstance(node.operator, Clip)
    return node.operator.bounds


def litert(network: Network, node: Node) -> Table:
    """Return the table of x at the output's scale, within the quantized bounds."""
    ratio = ratio_in_float32(network, node)
    return table_of(network, node, by_ratio(network, node, ratio, "tflite", _bounds(network, node)))


def litert_wide(network: Network, node: Node) -> Values:
    """Return the same of 16-bit values."""
    return values_by_ratio(network, node, ratio_in_float32(network, node), _bounds(network, node))


def fixed_point(network: Network, node: Node, mode: str) -> Table:
    """Return the table with one rounding by a ratio in float64."""
    clamp = _bounds(network, node)
    return table_of(network, node, to_output(network, node, mode, clamp=clamp))


def tosa(network: Network, node: Node) -> Table:
    """Return the same in TOSA, whose converter rescales an activation with a single rounding."""
    return fixed_point(network, node, "half_up")


def onnxruntime(network: Network, node: Node) -> Table | Values:
    """Return onnxruntime's table; of wider integers, which keep their scale, the bounds' own steps.

    Q(clip(v)) is Q(v) between the bounds' Q, which is monotone.
    """
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if y.dtype.itemsize == 1:
        found: Table = onnxruntime_table(_bounds)(network, node)
        return found
    require_same_quantization(node, x, y)
    scale, zero = affine(node, y)
    clamp, limits = _bounds(network, node), np.iinfo(y.dtype)

    def end(bound: float | None, otherwise: int) -> int:
        if bound is None:
            return otherwise
        steps = np.rint(np.float32(bound) / np.float32(scale)) + zero
        return int(min(max(steps, limits.min), limits.max))

    low, high = end(clamp.low, limits.min), end(clamp.high, limits.max)
    return lambda x: np.clip(x, low, high).astype(y.dtype)


BOUNDS = Field(
    lambda o, x: {"bounds": as_numbers(o.bounds)},
    lambda call: {"low": call.bounds("bounds").low, "high": call.bounds("bounds").high},
)

CONSTANTS = by_width(
    PerRuntime(
        litert=litert,
        litert_opt=litert,
        xnnpack=litert,
        onnxruntime=onnxruntime,
        tosa=tosa,
        integer=fixed_point,
    ),
    litert_wide,
)


def bounds_of(b: Builder, node: OnnxNode) -> tuple[float | None, float | None]:
    """Return Clip's or Relu's bounds, None where there is none."""
    if node.kind == "Relu":
        return 0.0, None
    bounds = []
    for index, name in ((1, "min"), (2, "max")):
        given = b.optional(node, index, name)
        value = float(given.ravel()[0]) if given is not None else node.attributes.get(name)
        finite = isinstance(value, int | float) and np.isfinite(value)
        bounds.append(float(value) if finite else None)  # type: ignore[arg-type]
    return bounds[0], bounds[1]


def plain(network: Network, node: Node) -> Step:
    """Return the step on integers that are worth themselves."""
    bounds, limits = _bounds(network, node), np.iinfo(network.output_of(node).dtype)
    low = limits.min if bounds.low is None else max(int(bounds.low), limits.min)
    high = limits.max if bounds.high is None else min(int(bounds.high), limits.max)
    return lambda threads, x: np.minimum(np.maximum(x, x.dtype.type(low)), x.dtype.type(high))


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    low, high = bounds_of(b, node)
    quantization = b.tensors[x].quantization
    if quantization is not None and quantization.axis is None and node.domain == "":
        # on integers ONNX's bounds are integers; an Activation's are real values
        scale, zero = float(quantization.scale), int(quantization.zero_point)
        low = None if low is None else scale * (low - zero)
        high = None if high is None else scale * (high - zero)
    b.emit(node.name, Clip(low, high), (x,), node.outputs[0])


def _read_fused(b: Builder, node: OnnxNode) -> None:
    """Relu or Clip that fuse_qdq.py moved behind its Q: bounds are still real values."""
    x = b.value(node, 0)
    b.emit(node.name, Clip(*bounds_of(b, node)), (x,), node.outputs[0])


PAGE = Page(
    operator=Clip,
    tflite=(
        TfliteForm("RELU", 1, lambda layer: Clip(0.0)),
        TfliteForm("RELU_N1_TO_1", 1, lambda layer: Clip(-1.0, 1.0)),
        TfliteForm("RELU_0_TO_1", 1, lambda layer: Clip(0.0, 1.0)),
        TfliteForm("RELU6", 1, lambda layer: Clip(0.0, 6.0)),
    ),
    onnx=(
        OnnxForm("Relu", _read),
        OnnxForm("Clip", _read),
        OnnxForm("Relu", _read_fused, "npusim.fused"),
        OnnxForm("Clip", _read_fused, "npusim.fused"),
    ),
    own=(table_form("clamp", CONSTANTS, BOUNDS),),
    real=real,
    constants=CONSTANTS,
    quantized=table_step,
    float32=elementwise(single),
    plain=plain,
    macs=no_macs,
    unit="vector unit",
)
