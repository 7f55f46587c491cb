"""segment_reduce: every value equals LiteRT's, segments without rows too."""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import BUILT_IN, Draw, Layer, compare, random_layers

NAMES = {f"UNSORTED_SEGMENT_{how}": f"UnsortedSegment{how.capitalize()}Options"
         for how in ("SUM", "PROD", "MAX", "MIN")}  # fmt: skip


@pytest.mark.parametrize("kind", NAMES)
def test_unsorted_equals_litert(kind: str) -> None:
    def case(draw: Draw) -> None:
        rows, tail, segments = draw.between(1, 9), draw.shape(0, 2, 4), draw.between(1, 5)
        x = draw.plain((rows, *tail), draw.pick(["int32", "float32"]))
        numbers = draw.rng.integers(-1, segments, rows).astype(np.int32)
        y = Value((segments, *tail), x.dtype)
        inputs = [x, Value((rows,), "int32"), constant(np.array(segments, np.int32))]
        arrays = [draw.array(x, -9, 9), numbers]
        compare(Layer(kind, inputs, [y], options(NAMES[kind]), arrays), ulp=1)

    random_layers(case)()


@random_layers
def test_sums_of_rising_numbers_equal_litert(draw: Draw) -> None:
    rows, tail = draw.between(1, 9), draw.shape(0, 2, 4)
    x = draw.plain((rows, *tail), draw.pick(["int32", "float32"]))
    numbers = np.cumsum(draw.rng.integers(0, 2, rows)).astype(np.int32)
    numbers -= numbers[0]
    y = Value((int(numbers[-1]) + 1, *tail), x.dtype)
    chosen = options("SegmentSumOptions")
    layer = Layer("SEGMENT_SUM", [x, constant(numbers)], [y], chosen, [draw.array(x, -9, 9)])
    compare(layer, kernels=BUILT_IN, ulp=1)
