"""constant: values that are known when the file is read: shapes, ranks, ranges, fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer, constant_data
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True, eq=False)
class Constant(Operator):
    """`data`, whatever the network's inputs are; the file's reader makes it a constant tensor."""

    data: NDArray

    @property
    def arity(self) -> tuple[int, int]:
        return 0, 0

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (self.data.shape,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: Constant) -> NDArray:
    """Return the values."""
    return operator.data


def _step(network: Network, node: Node) -> Step:
    assert isinstance(node.operator, Constant)
    data = node.operator.data
    return lambda threads: data


def _shape(layer: TfliteLayer) -> Constant:
    return Constant(np.array(layer.input(0).shape, layer.output.dtype))


def _rank(layer: TfliteLayer) -> Constant:
    return Constant(np.array(layer.rank, layer.output.dtype))


def _zeros_like(layer: TfliteLayer) -> Constant:
    return Constant(np.zeros(layer.input(0).shape, layer.output.dtype))


def _range(layer: TfliteLayer) -> Constant:
    start, limit, delta = (constant_data(layer.known(i)).ravel()[0] for i in range(3))
    if delta == 0:
        raise ShapeError(f"{layer.record.name}: expected a step other than 0")
    count = max(int(np.ceil((limit - start) / delta)), 0)
    steps = np.full(count, delta)
    steps[:1] = start
    return Constant(np.add.accumulate(steps, dtype=start.dtype))  # one step after the other


def _read_range(b: Builder, node: OnnxNode) -> None:
    ends = [b.constant(node, index, what) for index, what in enumerate(("start", "limit", "step"))]
    if any(end.size != 1 for end in ends):
        raise ShapeError(f"{node.name} (Range): expected one start, one limit and one step")
    start, limit, delta = (end.ravel()[0] for end in ends)
    if delta == 0:
        raise ShapeError(f"{node.name} (Range): expected a step other than 0")
    count = max(int(np.ceil((limit - start) / delta)), 0)
    b.constants[node.outputs[0]] = (start + np.arange(count) * delta).astype(start.dtype)


PAGE = any_type_page(
    Constant,
    (
        TfliteForm("SHAPE", 0, _shape),
        TfliteForm("RANK", 0, _rank),
        TfliteForm("ZEROS_LIKE", 0, _zeros_like),
        TfliteForm("RANGE", 0, _range),
    ),
    real,
    _step,
    onnx=(OnnxForm("Range", _read_range),),
)
