"""gather_elements: at each place of the output the element of x at the index that stands there."""

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
from npusim.operators.gather import found_indices
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class GatherElements(Operator):
    """y[i, j, ...] = x[i, ..., indices[i, j, ...], ...], the index along `axis`.

    Indices below 0 count from the end. Along other axes they may be fewer than x.
    """

    axis: int

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (1,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, indices = inputs
        if not fits(self.axis, x, indices):
            raise ShapeError(
                f"cannot gather elements {list(indices)} of {list(x)} along axis {self.axis}"
            )
        return (indices,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0


def fits(axis: int, x: Shape, indices: Shape) -> bool:
    """Return whether indices along `axis` have a place in x along every other axis."""
    if len(x) != len(indices) or not 0 <= axis < len(x):
        return False
    return all(i == axis or m <= n for i, (n, m) in enumerate(zip(x, indices, strict=True)))


def within(x: NDArray, axis: int, indices: Shape) -> NDArray:
    """Return the part of x that indices of that shape can name."""
    return x[tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(indices))]


def real(operator: GatherElements, x: NDArray, indices: NDArray) -> NDArray:
    """Return the elements."""
    return np.take_along_axis(within(x, operator.axis, indices.shape), indices, operator.axis)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    extent = network.inputs_of(node)[0].shape[operator.axis]

    def step(threads: int, x: NDArray, indices: NDArray) -> NDArray:
        return real(operator, x, found_indices(node, indices, extent, True))

    return step


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    operator = GatherElements(axis_of(node, 0, len(b.shape(x))))
    b.emit(node.name, operator, (x, b.value(node, 1)), node.outputs[0])


PAGE = any_type_page(GatherElements, (), real, _step, onnx=(OnnxForm("GatherElements", _read),))
