"""sqrt: every byte equal to LiteRT's, floats to a unit in the last place or two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.simulator.tflite_builder import Value

from .litert_cases import Draw, Layer, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "SQRT", ["float32"], low=0)
    compare(layer, ulp=2)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_integers_lose_their_fraction_as_in_litert(dtype: str) -> None:
    """Roots that are whole steps of the output, or beside one, are drawn on purpose."""
    limits = np.iinfo(dtype)

    def case(draw: Draw) -> None:
        wide = dtype == "int16"
        zero, above = (0, 0) if wide else (draw.zero_point(dtype), draw.zero_point(dtype))
        values = np.arange(zero, limits.max + 1).astype(dtype)[None]
        x = Value(values.shape, dtype, draw.scale(-14 if wide else -8, 2), zero)
        root = np.sqrt(float(x.scale) * draw.between(1, 255)) / draw.between(1, 120)
        scale = np.nextafter(np.float32(root), np.float32(draw.pick([0, 9])))
        y = replace(x, scale=draw.scale(-8, 2) if draw.flag() else scale, zero_point=above)
        compare(Layer("SQRT", [x], [y], None, [values], 2))

    random_layers(case)()
