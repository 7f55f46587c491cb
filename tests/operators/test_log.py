"""log: every byte equal to LiteRT's, floats to two units of 1's last place."""

from __future__ import annotations

import numpy as np

from .litert_cases import Draw, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "LOG", ["int8", "float32"], low=0.01)
    layer.arrays[0] = np.where(layer.arrays[0] == 0, 1, layer.arrays[0]).astype(
        layer.arrays[0].dtype
    )
    compare(layer, ulp=2, of_largest=True)
