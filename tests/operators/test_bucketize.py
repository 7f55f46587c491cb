"""bucketize: every number of a bucket equals LiteRT's, values on a boundary too."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 4, 5), draw.pick(["float32", "int32", "int64"]))
    ends = np.sort(draw.rng.integers(-12, 12, draw.between(1, 6)) / draw.pick([1, 2, 3]))
    chosen = options("BucketizeOptions", boundaries=ends.astype(np.float32).tolist())
    y = Value(x.shape, "int32")
    compare(Layer("BUCKETIZE", [x], [y], chosen, [draw.array(x, -9, 9)]))
