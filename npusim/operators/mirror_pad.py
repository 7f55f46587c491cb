"""mirror_pad: x surrounded by its own mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.movement import Rearrangement, rearrangement_page


@dataclass(frozen=True)
class MirrorPad(Rearrangement):
    """`before` and `after` elements around each axis, mirrored at its ends.

    With `repeat_border` the end itself is mirrored too (SYMMETRIC), else it stays single (REFLECT).
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    repeat_border: bool

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return `x` and its mirror images."""
        mode: Any = "symmetric" if self.repeat_border else "reflect"
        return np.pad(x, list(zip(self.before, self.after, strict=True)), mode=mode)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not len(self.before) == len(self.after) == len(x):
            raise ShapeError(f"expected padding for {len(x)} axes, found {len(self.before)}")
        pairs = list(zip(self.before, x, self.after, strict=True))
        border = 0 if self.repeat_border else 1
        if any(not 0 <= p <= n - border for b, n, a in pairs for p in (b, a)):
            raise ShapeError(f"cannot mirror {list(x)} by {self.before}, {self.after}")
        return (tuple(b + n + a for b, n, a in pairs),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.before[0] == self.after[0] == 0


def _read(layer: TfliteLayer) -> MirrorPad:
    pairs = layer.constant(1)
    return MirrorPad(pairs[0::2], pairs[1::2], repeat_border=layer.option("Mode") == 1)


PAGE = rearrangement_page(MirrorPad, (TfliteForm("MIRROR_PAD", 1, _read),))
