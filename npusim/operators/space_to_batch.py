"""space_to_batch: zeros around x, then blocks of its inner axes become samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.movement import Rearrangement, need_size, rearrangement_page


@dataclass(frozen=True)
class SpaceToBatch(Rearrangement):
    """[N, S*B ..., C...] -> [B*N, S ..., C...]: axes 1, 2 ... are padded and cut into blocks."""

    block: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return blocks of pixels as samples."""
        axes = len(self.block)
        around = [(0, 0), *zip(self.before, self.after, strict=True)]
        around += [(0, 0)] * (x.ndim - len(around))
        padded = np.pad(x, around, constant_values=fill)
        n, inner = padded.shape[0], padded.shape[axes + 1 :]
        counts = [s // b for s, b in zip(padded.shape[1:], self.block, strict=False)]
        cut = [part for pair in zip(counts, self.block, strict=True) for part in pair]
        blocks = padded.reshape(n, *cut, *inner)
        outer = range(1, 2 * axes, 2)
        order = (*(i + 1 for i in outer), 0, *outer, *range(2 * axes + 1, blocks.ndim))
        return blocks.transpose(order).reshape(prod(self.block) * n, *counts, *inner)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        axes = len(self.block)
        if not len(self.before) == len(self.after) == axes or axes >= len(x):
            raise ShapeError(f"expected blocks and padding of fewer axes than {list(x)}")
        if min((*self.before, *self.after), default=0) < 0 or min(self.block, default=1) < 1:
            raise ShapeError(f"{self} has a negative size")
        sizes = [n + b + a for n, b, a in zip(x[1:], self.before, self.after, strict=False)]
        if any(n % b for n, b in zip(sizes, self.block, strict=True)):
            raise ShapeError(f"cannot cut {sizes} into blocks of {list(self.block)}")
        counts = [n // b for n, b in zip(sizes, self.block, strict=True)]
        return (need_size((prod(self.block) * x[0], *counts, *x[axes + 1 :])),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False

    @property
    def copies_values(self) -> bool:
        return False  # what the padding is worth depends on the zero point


def _read(layer: TfliteLayer) -> SpaceToBatch:
    pairs = layer.constant(2)
    return SpaceToBatch(layer.constant(1), pairs[0::2], pairs[1::2])


PAGE = rearrangement_page(SpaceToBatch, (TfliteForm("SPACE_TO_BATCH_ND", 1, _read),))
