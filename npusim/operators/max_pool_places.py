"""max_pool_places: the greatest value in each window of x [N C ...], and where in x it stands.

Places count through all of x, as ONNX's second output of MaxPool has them; of equal values the
first is taken. Source: onnxruntime 1.31, core/providers/cpu/nn/pool_functors.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.volume import Volume, columns, volume_window
from npusim.operators.page import Step


@dataclass(frozen=True)
class MaxPoolPlaces(Operator):
    """x -> y and places of int64; with `columns_first` places count down the columns of x."""

    window: Volume
    columns_first: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (self.window.pooled_shape(inputs[0]),) * 2

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: MaxPoolPlaces, x: NDArray) -> tuple[NDArray, NDArray]:
    """Return the values in x's type, and their places."""
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    values = columns(x, operator.window, least)
    numbers = columns(numbered(operator, x.shape), operator.window, -1)
    shape = (*x.shape[:2], prod(operator.window.kernel), *operator.window.output_extent(x.shape))
    values, numbers = values.reshape(shape), numbers.reshape(shape)
    inside = np.where(numbers >= 0, values, least)
    is_first = (inside == inside.max(2, keepdims=True)) & (numbers >= 0)
    first = is_first.argmax(2, keepdims=True)
    taken = (np.take_along_axis(part, first, 2).squeeze(2) for part in (values, numbers))
    y, places = taken
    return y, places


def numbered(operator: MaxPoolPlaces, shape: Shape) -> NDArray[np.int64]:
    """Return the number of each place of x."""
    if not operator.columns_first:
        return np.arange(prod(shape)).reshape(shape)
    within = np.arange(prod(shape[2:])).reshape(shape[:1:-1]).T
    first = np.arange(prod(shape[:2])).reshape(*shape[:2], *[1] * (len(shape) - 2))
    return first * prod(shape[2:]) + within


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, x: real(operator, x)


def read(b: Builder, node: OnnxNode) -> None:
    """Read a MaxPool of two outputs."""
    x = b.value(node, 0)
    at = volume_window(node, None, b.shape(x)[2:])
    operator = MaxPoolPlaces(at, bool(node.integer("storage_order", 0)))
    tensor = b.tensors[x]
    outputs = (node.outputs[0], node.outputs[1])
    b.emit_all(node.name, operator, (x,), outputs, (tensor.dtype, np.dtype(np.int64)))
    b.tensors[outputs[0]] = replace(b.tensors[outputs[0]], quantization=tensor.quantization)


PAGE = any_type_page(MaxPoolPlaces, (), real, _step)
