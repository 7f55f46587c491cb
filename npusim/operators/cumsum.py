"""cumsum: running sums along an axis of numbers that are worth themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axes_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step, no_macs


@dataclass(frozen=True)
class Cumsum(Unary):
    """Sums of the elements up to each one along `axis`; from the end with `reverse`.

    With `exclusive` the element itself is left out.
    """

    axis: int
    exclusive: bool
    reverse: bool

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0


def real(operator: Cumsum, x: NDArray) -> NDArray:
    """Return the sums in the type of x."""
    rows = np.moveaxis(np.flip(x, operator.axis) if operator.reverse else x, operator.axis, 0)
    sums = np.cumsum(rows, axis=0, dtype=x.dtype)
    if operator.exclusive:
        sums = np.concatenate([np.zeros_like(sums[:1]), sums[:-1]])
    y = np.moveaxis(sums, 0, operator.axis)
    return np.ascontiguousarray(np.flip(y, operator.axis) if operator.reverse else y)


def plain(network: Network, node: Node) -> Step:
    """Return the step on integers; sums wrap."""
    operator: Any = node.operator
    return lambda threads, x: real(operator, x)


def _read(layer: TfliteLayer) -> Cumsum:
    (axis,) = layer.constant(1)
    exclusive, reverse = bool(layer.option("Exclusive")), bool(layer.option("Reverse"))
    return Cumsum(layer.axis(axis, layer.rank), exclusive, reverse)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    (axis,) = axes_of(node, (b.integer(node, 1, "axis"),), len(b.shape(x))) or (0,)
    exclusive, reverse = (bool(node.integer(name, 0)) for name in ("exclusive", "reverse"))
    b.emit(node.name, Cumsum(axis, exclusive, reverse), (x,), node.outputs[0])


PAGE = Page(
    operator=Cumsum,
    tflite=(TfliteForm("CUMSUM", 1, _read),),
    onnx=(OnnxForm("CumSum", _read_onnx),),
    own=NO_OWN_FORM,
    real=real,
    constants=Absent("takes no quantized integers"),
    quantized=Absent("takes no quantized integers"),
    float32=elementwise(real),
    plain=plain,
    macs=no_macs,
    unit="host",
)
