"""one_hot: each index as a row of one value at its place and another elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axis_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.movement import need_size
from npusim.operators.page import Step


@dataclass(frozen=True)
class OneHot(Operator):
    """Indices, the value at an index's place, the value elsewhere -> `depth` places along `axis`.

    An index outside 0..depth-1 has no place; with `from_end` those from -depth on count from
    the end.
    """

    depth: int
    axis: int
    from_end: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (0,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        indices = inputs[0]
        return (need_size((*indices[: self.axis], self.depth, *indices[self.axis :])),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0 and all(x.is_constant for x in inputs[1:])


def real(operator: OneHot, indices: NDArray, on: NDArray, off: NDArray) -> NDArray:
    """Return the rows."""
    places = np.arange(operator.depth).reshape(-1, *(1,) * (indices.ndim - operator.axis))
    if operator.from_end:
        indices = np.where(indices < 0, indices + operator.depth, indices)
    return np.where(np.expand_dims(indices, operator.axis) == places, on, off)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, indices, on, off: real(operator, indices, on, off)


def _read(layer: TfliteLayer) -> OneHot:
    (depth,), axis = layer.constant(1), layer.option("Axis")
    return OneHot(depth, layer.axis(axis, layer.rank + 1))


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    indices = b.value(node, 0)
    rank = len(b.shape(indices)) + 1
    depth = int(b.constant(node, 1, "depth").item())
    off, on = b.constant(node, 2, "pair of values").ravel()
    values = [b.store(f"{node.name}:{what}", np.array(v)) for what, v in (("on", on), ("off", off))]
    operator = OneHot(depth, axis_of(node, -1, rank), from_end=True)
    b.emit(node.name, operator, (indices, *values), node.outputs[0], b.tensors[values[0]].dtype)


PAGE = any_type_page(
    OneHot,
    (TfliteForm("ONE_HOT", (0, 2, 3), _read),),
    real,
    _step,
    onnx=(OnnxForm("OneHot", _read_onnx),),
)
