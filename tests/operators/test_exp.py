"""exp: every byte equal to LiteRT's, floats to eight units in the last place (XNNPACK's)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "EXP", ["int8", "float32"], options("ExpOptions"), least=-9, most=0)
    compare(layer, ulp=8)


@random_layers
def test_int16_equals_litert(draw: Draw) -> None:
    """Scales so great that the table's entries leave its type, and its slopes wrap, are drawn."""
    values = np.arange(-32768 + draw.between(0, 6), 32768, 7).astype(np.int16)[None]
    x = Value(values.shape, "int16", draw.scale(-14, -1), 0)
    y = replace(x, scale=draw.scale(-14, 2))
    compare(Layer("EXP", [x], [y], options("ExpOptions"), [values], 2))
