"""scatter_nd: LiteRT's sums for every type it takes, places named twice too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, compare, integers, random_layers


@random_layers
def test_sums_equal_litert(draw: Draw) -> None:
    shape = draw.shape(1, 4, 5)
    depth, rows = draw.between(1, len(shape)), draw.between(1, 6)
    y = draw.any_value(shape, ["uint8", "int8", "int32", "int64", "float32"])
    updates = replace(y, shape=(rows, *shape[depth:]))
    places = np.stack([draw.rng.integers(0, n, rows) for n in shape[:depth]], 1).astype(np.int32)
    inputs = [Value(places.shape, "int32"), updates, integers(*shape)]
    chosen = options("ScatterNdOptions")
    compare(Layer("SCATTER_ND", inputs, [y], chosen, [places, draw.array(updates, -9, 9)]))
