"""max_unpool: values back at the places that a MaxPool took them from, zeros elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.movement import need_size


@dataclass(frozen=True)
class MaxUnpool(Operator):
    """x [N C ...] and places of int64 in the y that the pool read -> y of `wanted` extents."""

    wanted: Shape

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (1,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, places = inputs
        if x != places or len(x) != len(self.wanted):
            raise ShapeError(f"places {list(places)} do not fit {list(x)} in {list(self.wanted)}")
        return (need_size(self.wanted),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def single(operator: MaxUnpool, x: NDArray, places: NDArray) -> NDArray:
    """Return the values in x's type."""
    y = np.zeros(prod(operator.wanted), x.dtype)
    outside = (places < 0) | (places >= y.size)
    if outside.any():
        raise RangeError(f"place {places[outside][0]} is outside {list(operator.wanted)}")
    y[places.ravel()] = x.ravel()
    return y.reshape(operator.wanted)


def _read(b: Builder, node: OnnxNode) -> None:
    values = (b.value(node, 0), b.value(node, 1))
    given = b.optional_integers(node, 2, "output shape")
    shape = b.shape(values[0])
    if given is not None:
        wanted = given
    else:
        rank = len(shape) - 2
        kernel = node.integers("kernel_shape", None) or ()
        stride = node.integers("strides", (1,) * rank) or ()
        pads = node.integers("pads", (0,) * (2 * rank)) or ()
        if {len(kernel), len(stride), len(pads) // 2} != {rank}:
            raise ShapeError(f"{node.name} (MaxUnpool): axes do not agree with {list(shape)}")
        wanted = (*shape[:2], *[
            (n - 1) * stride[i] - pads[i] - pads[i + rank] + kernel[i]
            for i, n in enumerate(shape[2:])
        ])  # fmt: skip
    b.emit(node.name, MaxUnpool(wanted), values, node.outputs[0])


PAGE = float_page(MaxUnpool, (OnnxForm("MaxUnpool", _read),), single)
