"""split: every byte equal to LiteRT's, on all types: SPLIT and SPLIT_V."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, integers, random_layers

TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")


def drawn(draw: Draw, kind: str) -> Layer:
    shape = list(draw.shape(1, 5, 4))
    axis = draw.between(0, len(shape) - 1)
    count = draw.between(1, 4)
    sizes = [draw.between(1, 3)] * count
    if kind == "SPLIT_V":
        sizes = [draw.between(1, 3) for _ in range(count)]
    shape[axis] = sum(sizes)
    x = draw.any_value(tuple(shape), TYPES)
    outputs = [
        Value((*shape[:axis], n, *shape[axis + 1 :]), x.dtype, x.scale, x.zero_point) for n in sizes
    ]
    named = axis - len(shape) if draw.flag() else axis
    at = constant(np.array(named, np.int32))
    arrays = [draw.array(x)]
    if kind == "SPLIT":
        return Layer(kind, [at, x], outputs, options("SplitOptions", numSplits=count), arrays)
    if draw.flag():
        sizes[draw.between(0, count - 1)] = -1
    chosen = options("SplitVOptions", numSplits=count)
    return Layer(kind, [x, integers(*sizes), at], outputs, chosen, arrays)


@random_layers
def test_equal_pieces_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, "SPLIT"))


@random_layers
def test_unequal_pieces_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, "SPLIT_V"))
