"""gather_nd: the elements or slices of x that rows of indices name."""

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
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.gather import found_indices
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class GatherNd(Operator):
    """y[i ..., ...] = x[indices[i ..., 0], indices[i ..., 1] ..., ...].

    The first `batch_dims` axes of x and of the indices are walked together. With `from_end` an
    index below 0 counts from the end.
    """

    batch_dims: int = 0
    from_end: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (1,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, indices = inputs
        walked = self.batch_dims
        fits = bool(indices) and 1 <= indices[-1] <= len(x) - walked
        if not fits or x[:walked] != indices[:walked] or walked >= len(indices):
            raise ShapeError(f"cannot gather rows {list(indices)} of {list(x)}")
        return ((*indices[:-1], *x[walked + indices[-1] :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: GatherNd, x: NDArray, indices: NDArray) -> NDArray:
    """Return the elements or slices."""
    walked = operator.batch_dims
    index = list(np.moveaxis(indices, -1, 0))
    for axis in reversed(range(walked)):
        extent = x.shape[axis]
        index.insert(0, np.arange(extent).reshape(-1, *[1] * (index[-1].ndim - axis - 1)))
    return np.asarray(x[tuple(index)])


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    extents = network.inputs_of(node)[0].shape[operator.batch_dims :]

    def step(threads: int, x: NDArray, indices: NDArray) -> NDArray:
        columns = [
            found_indices(node, column, extent, operator.from_end)
            for column, extent in zip(np.moveaxis(indices, -1, 0), extents, strict=False)
        ]
        return real(operator, x, np.stack(columns, -1))

    return step


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    operator = GatherNd(node.integer("batch_dims", 0), from_end=True)
    b.emit(node.name, operator, (b.value(node, 0), b.value(node, 1)), node.outputs[0])


PAGE = any_type_page(
    GatherNd,
    (TfliteForm("GATHER_ND", 2, lambda layer: GatherNd()),),
    real,
    _step,
    onnx=(OnnxForm("GatherND", _read_onnx),),
)
