"""arg_max: the place of the greatest (or least) element along an axis, the first of equals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axis_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step
from npusim.operators.reshape import Reshape


@dataclass(frozen=True)
class ArgMax(Operator):
    """The first place of the greatest element along `axis`, which goes.

    With `least` that of the least element, with `last` the last place of them.
    """

    axis: int
    least: bool = False
    last: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not 0 <= self.axis < len(x):
            raise ShapeError(f"axis {self.axis} is outside input {list(x)}")
        return ((*x[: self.axis], *x[self.axis + 1 :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0


def real(operator: ArgMax, x: NDArray) -> NDArray:
    """Return the places."""
    place = np.argmin if operator.least else np.argmax
    if not operator.last:
        return place(x, operator.axis)
    return x.shape[operator.axis] - 1 - place(np.flip(x, operator.axis), operator.axis)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    dtype = network.output_of(node).dtype
    return lambda threads, x: np.asarray(real(operator, x), dtype)


def _reader(least: bool) -> TfliteForm:
    def read(layer: TfliteLayer) -> ArgMax:
        (axis,) = layer.constant(1)
        return ArgMax(layer.axis(axis, layer.rank), least)

    return TfliteForm("ARG_MIN" if least else "ARG_MAX", 1, read)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    axis = axis_of(node, 0, len(shape))
    last = bool(node.integer("select_last_index", 0))
    operator = ArgMax(axis, node.kind == "ArgMin", last)
    int64 = np.dtype(np.int64)
    if not node.integer("keepdims", 1):
        b.emit(node.name, operator, (x,), node.outputs[0], int64)
        return
    flat = b.free(f"{node.outputs[0]}:without_axis")
    b.emit(node.name, operator, (x,), flat, int64)
    kept = (*shape[:axis], 1, *shape[axis + 1 :])
    b.emit(f"{node.name}:keepdims", Reshape(kept), (flat,), node.outputs[0])


PAGE = any_type_page(
    ArgMax,
    (_reader(least=False), _reader(least=True)),
    real,
    _step,
    onnx=(OnnxForm("ArgMax", _read_onnx), OnnxForm("ArgMin", _read_onnx)),
)
