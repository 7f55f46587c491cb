"""batch_to_space: every byte equal to LiteRT's, on all types, cut borders included."""

from __future__ import annotations

from math import prod

import numpy as np

from tests.simulator.tflite_builder import constant

from .litert_cases import Draw, compare, integers, movement, random_layers

TYPES = ("int8", "uint8", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    axes = draw.between(1, 2)
    n, c = draw.between(1, 3), draw.between(1, 4)
    block = [draw.between(1, 3) for _ in range(axes)]
    inner = [draw.between(2, 4) for _ in range(axes)]
    crops = [(draw.between(0, 1), 0) for _ in range(axes)]
    sizes = [b * s - sum(crop) for b, s, crop in zip(block, inner, crops, strict=True)]
    x = draw.any_value((n * prod(block), *inner, c), TYPES)
    borders = constant(np.array(crops, np.int32))
    shape = (n, *sizes, c)
    compare(movement(draw, "BATCH_TO_SPACE_ND", x, shape, integers(*block), borders))
