"""prelu: every byte equal to LiteRT's three sets of kernels, slopes broadcast."""

from __future__ import annotations

from tests.simulator.tflite_builder import Value

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(2, 4, 5)
    dtype = draw.pick(["int8", "uint8", "float32"])
    slopes = draw.pick([shape[1:], (*(1,) * (len(shape) - 2), shape[-1])])

    def value(shape: tuple[int, ...]) -> Value:
        return draw.plain(shape, dtype) if dtype == "float32" else draw.quantized(shape, dtype)

    x, slope, y = value(shape), draw.fixed(value(slopes), low=-1, high=1), value(shape)
    compare(Layer("PRELU", [x, slope], [y], None, [draw.array(x)]))
