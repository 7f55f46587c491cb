"""space_to_depth: blocks of pixels become channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.movement import Rearrangement, rearrangement_page


@dataclass(frozen=True)
class SpaceToDepth(Rearrangement):
    """[N, H*B, W*B, C] -> [N, H, W, B*B*C], the row within a block outermost."""

    block: int

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return blocks of pixels as channels."""
        n, h, w, c = x.shape
        b = self.block
        blocks = x.reshape(n, h // b, b, w // b, b, c)
        return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, b * b * c)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        b = self.block
        if len(x) != 4 or b < 1 or x[1] % b or x[2] % b:
            raise ShapeError(f"cannot cut {list(x)} into blocks of {b}")
        return ((x[0], x[1] // b, x[2] // b, b * b * x[3]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    operator = SpaceToDepth(node.integer("blocksize", 1))
    b.emit_channels_last(node.name, operator, (b.value(node, 0),), node.outputs[0])


PAGE = rearrangement_page(
    SpaceToDepth,
    (TfliteForm("SPACE_TO_DEPTH", 1, lambda layer: SpaceToDepth(layer.option("BlockSize"))),),
    onnx=(OnnxForm("SpaceToDepth", _read_onnx),),
)
