"""batch_to_space: samples become blocks of the inner axes, whose borders are cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.movement import Rearrangement, rearrangement_page


@dataclass(frozen=True)
class BatchToSpace(Rearrangement):
    """[B*N, S ..., C...] -> [N, S*B - before - after ..., C...]."""

    block: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return samples as blocks of pixels."""
        axes = len(self.block)
        n = x.shape[0] // prod(self.block)
        blocks = x.reshape(*self.block, n, *x.shape[1:])
        order = [axes]
        for axis in range(axes):
            order += [axes + 1 + axis, axis]
        order += range(2 * axes + 1, blocks.ndim)
        sizes = [s * b for s, b in zip(x.shape[1:], self.block, strict=False)]
        image = blocks.transpose(order).reshape(n, *sizes, *x.shape[axes + 1 :])
        bounds = zip(self.before, self.after, sizes, strict=True)
        return image[(slice(None), *(slice(b, size - a) for b, a, size in bounds))]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        axes = len(self.block)
        if not len(self.before) == len(self.after) == axes or axes >= len(x):
            raise ShapeError(f"expected blocks and borders of fewer axes than {list(x)}")
        if min((*self.before, *self.after), default=0) < 0 or min(self.block, default=1) < 1:
            raise ShapeError(f"{self} has a negative size")
        if x[0] % prod(self.block):
            raise ShapeError(f"cannot make blocks of {list(self.block)} of {x[0]} samples")
        cut = zip(x[1:], self.block, self.before, self.after, strict=False)
        sizes = [n * size - b - a for n, size, b, a in cut]
        if min(sizes, default=1) < 1:
            raise ShapeError(f"{self} leaves nothing of {list(x)}")
        return ((x[0] // prod(self.block), *sizes, *x[axes + 1 :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def _read(layer: TfliteLayer) -> BatchToSpace:
    pairs = layer.constant(2)
    return BatchToSpace(layer.constant(1), pairs[0::2], pairs[1::2])


PAGE = rearrangement_page(BatchToSpace, (TfliteForm("BATCH_TO_SPACE_ND", 1, _read),))
