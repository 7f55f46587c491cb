"""space_to_batch: every byte equal to LiteRT's, on all types, padding included."""

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
    counts = [draw.between(2, 3) for _ in range(axes)]
    sizes = [b * count for b, count in zip(block, counts, strict=True)]
    pads = []
    for size in sizes:
        before = draw.between(0, min(2, size - 1))
        pads.append((before, draw.between(0, min(2, size - 1 - before))))
    inner = [size - sum(pad) for size, pad in zip(sizes, pads, strict=True)]
    x = draw.any_value((n, *inner, c), TYPES)
    around = constant(np.array(pads, np.int32))
    shape = (n * prod(block), *counts, c)
    compare(movement(draw, "SPACE_TO_BATCH_ND", x, shape, integers(*block), around))
