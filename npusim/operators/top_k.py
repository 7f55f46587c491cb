"""top_k: the greatest values of each row, in order, and where they stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class TopK(Operator):
    """The `count` greatest values along `axis`, falling, and their places: two outputs.

    With `least` the least values, rising. Of equals the one that stands first comes first.
    """

    count: int
    axis: int = -1
    least: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not -len(x) <= self.axis < len(x) or not 0 <= self.count <= x[self.axis]:
            raise ShapeError(
                f"there are no {self.count} greatest values along axis {self.axis} of {list(x)}"
            )
        axis = self.axis % len(x)
        return ((*x[:axis], self.count, *x[axis + 1 :]),) * 2

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis % len(inputs[0].shape) != 0


def real(operator: TopK, x: NDArray) -> tuple[NDArray, NDArray]:
    """Return the values and their places."""
    rows = np.moveaxis(x, operator.axis, -1)
    if operator.least:
        places = np.argsort(rows, axis=-1, kind="stable")[..., : operator.count]
    else:
        falling = np.argsort(np.flip(rows, -1), axis=-1, kind="stable")
        places = rows.shape[-1] - 1 - np.flip(falling, -1)[..., : operator.count]
    found = (np.take_along_axis(rows, places, -1), places)
    values, places = (np.ascontiguousarray(np.moveaxis(y, -1, operator.axis)) for y in found)
    return values, places


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    dtype = network.outputs_of(node)[1].dtype

    def run(threads: int, x: NDArray) -> tuple[NDArray, NDArray]:
        values, places = real(operator, x)
        return values, places.astype(dtype)

    return run


def _read(layer: TfliteLayer) -> TopK:
    (count,) = layer.constant(1)
    return TopK(count)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    axis = axis_of(node, -1, len(b.shape(x)))
    if "k" in node.attributes:  # before opset 10
        count = node.integer("k", 1)
    else:
        count = b.integer(node, 1, "count")
    operator = TopK(count, axis, not node.integer("largest", 1))
    tensor = b.tensors[x]
    outputs = tuple(
        name or b.free(f"{node.name}:{what}")
        for name, what in zip((*node.outputs, "")[:2], ("values", "places"), strict=True)
    )
    dtypes = (tensor.dtype, np.dtype(np.int64))
    b.emit_all(node.name, operator, (x,), outputs, dtypes)
    b.tensors[outputs[0]] = replace(b.tensors[outputs[0]], quantization=tensor.quantization)


PAGE = any_type_page(
    TopK,
    (TfliteForm("TOPK_V2", 1, _read),),
    real,
    _step,
    onnx=(OnnxForm("TopK", _read_onnx),),
)
