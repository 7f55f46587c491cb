"""embedding_lookup: rows equal LiteRT's in every byte, those of int8 made real."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    rows, tail = draw.between(1, 9), draw.shape(1, 3, 5)
    numbers = draw.rng.integers(0, rows, draw.between(1, 6)).astype(np.int32)
    table = draw.fixed(draw.plain((rows, *tail), draw.pick(["int8", "float32"])))
    result, version = table.dtype, 1
    if table.dtype == "int8":
        each = [draw.scale() for _ in range(rows)]
        table = constant(table.data, np.array(each if draw.flag() else each[:1], np.float32))
        result, version = "float32", 4
    y = Value((len(numbers), *tail), result)
    inputs = [Value(numbers.shape, "int32"), table]
    compare(Layer("EMBEDDING_LOOKUP", inputs, [y], None, [numbers], version))
