"""reverse: x backwards along axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.movement import Rearrangement, rearrangement_page


@dataclass(frozen=True)
class Reverse(Rearrangement):
    """x backwards along `axes`."""

    axes: tuple[int, ...]

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return `x` backwards."""
        return np.flip(x, self.axes)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return 0 not in self.axes


def _read(layer: TfliteLayer) -> Reverse:
    return Reverse(tuple(layer.axis(axis, layer.rank) for axis in layer.constant(1)))


PAGE = rearrangement_page(Reverse, (TfliteForm("REVERSE_V2", 1, _read),))
