"""Images in another size: what the ways of interpolation share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.errors import ShapeError
from npusim.graph.operator import Shape
from npusim.operators.forms.tflite import TfliteLayer
from npusim.operators.kinds.movement import need_size
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Resize(Unary):
    """[N IH IW C] -> [N *size C], corners or centres of pixels aligned."""

    size: tuple[int, int]
    align_corners: bool = False
    half_pixel_centers: bool = False

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(x) != 4 or min(self.size) < 1:
            raise ShapeError(f"cannot resize {list(x)} to {list(self.size)}")
        return (need_size((x[0], *self.size, x[3])),)


def read_size(layer: TfliteLayer) -> tuple[tuple[int, int], bool, bool]:
    """Return height and width of the output, and whether corners or pixel centres are aligned."""
    height, width = layer.constant(1)
    corners, centers = layer.option("AlignCorners"), layer.option("HalfPixelCenters")
    return (height, width), bool(corners), bool(centers)
