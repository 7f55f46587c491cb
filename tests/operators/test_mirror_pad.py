"""mirror_pad: every byte equal to LiteRT's, on all types and in both modes."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import constant, options

from .litert_cases import Draw, compare, movement, random_layers

TYPES = ("int8", "uint8", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    mode = draw.between(0, 1)
    x = draw.any_value(draw.shape(1, 5, 5), TYPES)
    most = [n - 1 + mode for n in x.shape]
    pads = np.array([[draw.between(0, m), draw.between(0, m)] for m in most], np.int32)
    shape = [n + int(pad.sum()) for n, pad in zip(x.shape, pads, strict=True)]
    chosen = options("MirrorPadOptions", mode=mode)
    compare(movement(draw, "MIRROR_PAD", x, shape, constant(pads), options=chosen))
