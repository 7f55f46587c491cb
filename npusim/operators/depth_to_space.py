"""depth_to_space: channels become blocks of pixels."""

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
class DepthToSpace(Rearrangement):
    """[N, H, W, B*B*C] -> [N, H*B, W*B, C], the row within a block outermost.

    With `channels_outermost` (ONNX's mode CRD) the channel is the outermost part instead.
    """

    block: int
    channels_outermost: bool = False

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return channels as blocks of pixels."""
        n, h, w, depth = x.shape
        b = self.block
        c = depth // (b * b)
        if self.channels_outermost:
            blocks = x.reshape(n, h, w, c, b, b).transpose(0, 1, 4, 2, 5, 3)
        else:
            blocks = x.reshape(n, h, w, b, b, c).transpose(0, 1, 3, 2, 4, 5)
        return blocks.reshape(n, h * b, w * b, c)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        b = self.block
        if len(x) != 4 or b < 1 or x[3] % (b * b):
            raise ShapeError(f"cannot make blocks of {b} of the channels of {list(x)}")
        return ((x[0], x[1] * b, x[2] * b, x[3] // (b * b)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    outermost = node.attributes.get("mode", "DCR") == "CRD"
    operator = DepthToSpace(node.integer("blocksize", 1), outermost)
    b.emit_channels_last(node.name, operator, (b.value(node, 0),), node.outputs[0])


PAGE = rearrangement_page(
    DepthToSpace,
    (TfliteForm("DEPTH_TO_SPACE", 1, lambda layer: DepthToSpace(layer.option("BlockSize"))),),
    (OnnxForm("DepthToSpace", _read_onnx),),
)
