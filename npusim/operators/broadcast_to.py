"""broadcast_to: x repeated along its axes of extent 1, and along new ones in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import MAX_RANK
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.binary import broadcast
from npusim.operators.kinds.movement import Rearrangement, need_size, rearrangement_page


@dataclass(frozen=True)
class BroadcastTo(Rearrangement):
    """x in `shape`."""

    shape: tuple[int, ...]

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return `x` in the shape."""
        return np.broadcast_to(x, self.shape)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        if broadcast(inputs[0], self.shape) != self.shape:
            raise ShapeError(f"cannot broadcast {list(inputs[0])} to {list(self.shape)}")
        return (need_size(self.shape),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) == len(self.shape)

    def for_batch(self, extent: int) -> BroadcastTo:
        return replace(self, shape=(extent, *self.shape[1:]))


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    wanted = b.integers(node, 1, "shape")
    if len(wanted) > MAX_RANK:
        raise FormatError(
            f"{node.name} (Expand): expected at most {MAX_RANK} axes, found {len(wanted)}"
        )
    b.emit(node.name, BroadcastTo(broadcast(b.shape(x), wanted)), (x,), node.outputs[0])


PAGE = rearrangement_page(
    BroadcastTo,
    (
        TfliteForm("BROADCAST_TO", 1, lambda layer: BroadcastTo(layer.constant(1))),
        TfliteForm("FILL", (1,), lambda layer: BroadcastTo(layer.constant(0))),
    ),
    onnx=(OnnxForm("Expand", _read_onnx),),
)
