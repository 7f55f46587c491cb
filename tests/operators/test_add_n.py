"""add_n: sums of any number of tensors equal to LiteRT's."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_sums_equal_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 4, 5), draw.pick(["int32", "float32"]))
    count = draw.between(2, 5)
    arrays = [draw.array(x) for _ in range(count)]
    compare(Layer("ADD_N", [x] * count, [x], options("AddNOptions"), arrays))
