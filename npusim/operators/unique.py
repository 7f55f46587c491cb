"""unique: every value once, with where it stood first, which it is, and how often it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
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
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class Unique(Operator):
    """Values -> the distinct slices along `axis`, or (None) values; and places of them.

    They come rising where `is_sorted`, else as they first stand. With `counted` the outputs are the
    values, where each stands first, which of them each slice is, and how often each comes; without
    it the values and which of them each is, of a vector.
    """

    axis: int | None
    is_sorted: bool
    counted: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    @property
    def sizes_vary(self) -> bool:
        return True

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not self.counted and len(x) != 1:
            raise ShapeError(f"expected a vector, found {list(x)}")
        length = (prod(x) if self.axis is None else x[self.axis],)
        values = length if self.axis is None else x
        return (values, length, length, length) if self.counted else (values, length)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: Unique, x: NDArray) -> tuple[NDArray, ...]:
    """Return the distinct values, and int64 places."""
    values, first, which, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=operator.axis
    )
    which = which.reshape(-1)
    if not operator.is_sorted:
        order = np.argsort(first, kind="stable")
        values = np.take(values, order, axis=operator.axis or 0)
        first, counts, which = first[order], counts[order], np.argsort(order)[which]
    return (values, first, which, counts) if operator.counted else (values, which)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    _, *places = (tensor.dtype for tensor in network.outputs_of(node))

    def run(threads: int, x: NDArray) -> tuple[NDArray, ...]:
        values, *found = real(operator, x)
        return values, *(y.astype(dtype) for y, dtype in zip(found, places, strict=True))

    return run


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    axis = axis_of(node, 0, len(b.shape(x))) if "axis" in node.attributes else None
    operator = Unique(axis, bool(node.integer("sorted", 1)), counted=True)
    tensor, places = b.tensors[x], np.dtype(np.int64)
    outputs = tuple(
        name or b.free(f"{node.name}:{index}")
        for index, name in enumerate((*node.outputs, "", "", "")[:4])
    )
    b.emit_all(node.name, operator, (x,), outputs, (tensor.dtype, places, places, places))
    b.tensors[outputs[0]] = replace(b.tensors[outputs[0]], quantization=tensor.quantization)


PAGE = any_type_page(
    Unique,
    (TfliteForm("UNIQUE", 1, lambda layer: Unique(None, is_sorted=False, counted=False)),),
    real,
    _step,
    onnx=(OnnxForm("Unique", _read_onnx),),
)
