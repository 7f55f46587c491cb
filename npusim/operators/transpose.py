"""transpose: output axis i is input axis order[i]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.kernels.layout import swap_middle, swapped_axes
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import OwnForm, integers
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.movement import Movement
from npusim.operators.page import Step


@dataclass(frozen=True)
class Transpose(Movement):
    """Output axis i is input axis `order[i]`."""

    order: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if sorted(self.order) != list(range(len(x))):
            raise ShapeError(f"{list(self.order)} is no order of {len(x)} axes")
        return (tuple(x[axis] for axis in self.order),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.order[0] == 0


def _read(layer: TfliteLayer) -> Transpose:
    return Transpose(tuple(layer.axis(axis, layer.rank) for axis in layer.constant(1)))


def step(network: Network, node: Node) -> Step:
    """Return the step that reorders the axes; bytes go through a loop of their own."""
    operator = node.operator
    assert isinstance(operator, Transpose)
    order = operator.order
    block = swapped_axes(order)
    if block is None or network.inputs_of(node)[0].dtype.itemsize != 1:
        return lambda threads, x: np.ascontiguousarray(x.transpose(order))
    first, middle, end = block

    def swap(threads: int, x: NDArray) -> NDArray:
        sizes = [prod(x.shape[a:b]) for a, b in pairwise((0, first, middle, end, x.ndim))]
        y = np.empty([x.shape[axis] for axis in order], x.dtype)
        swap_middle(
            np.ascontiguousarray(x).view(np.uint8).reshape(sizes),
            y.view(np.uint8).reshape(sizes[0], sizes[2], sizes[1], sizes[3]),
        )
        return y

    return swap


def real(operator: Transpose, x: NDArray) -> NDArray:
    """Return the values in their places, float64 [N ...], whatever the batch."""
    return x.transpose(operator.order)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    rank = len(b.shape(x))
    order = node.integers("perm", None) or tuple(reversed(range(rank)))
    b.emit(node.name, Transpose(order), (x,), node.outputs[0])


PAGE = any_type_page(
    Transpose,
    (TfliteForm("TRANSPOSE", 1, _read),),
    real,
    step,
    onnx=(OnnxForm("Transpose", _read_onnx),),
    own=(OwnForm("Transpose", (integers("order"),)),),
    unit="data movement",
    keeps_scale=True,
)
