"""The loops that quantize floats by one scale equal their witness, floating_point.quantize."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.kernels import floating_point
from npusim.operators.quantize import ONE_SCALE

CASES = 300


@pytest.mark.parametrize("division", ["even", "away"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_loops_equal_the_witness(division: str, dtype: str) -> None:
    rng = np.random.default_rng([*division.encode(), *dtype.encode()])
    limits = np.iinfo(dtype)
    for _ in range(CASES):
        scale = np.float32(2.0 ** rng.uniform(-20, 10))
        if rng.random() < 0.4:
            scale = np.float32(2.0 ** rng.integers(-20, 10))  # ties occur
        zero_point = int(rng.integers(limits.min, limits.max + 1))
        steps = rng.integers(-400, 400, int(rng.integers(1, 70))) / 2
        x = (steps * scale).astype(np.float32)
        x[rng.random(len(x)) < 0.1] = rng.choice([np.nan, np.inf, -np.inf, -0.0, 3e38, 1e-45])
        y = np.empty(len(x), dtype)
        ONE_SCALE[division](x, scale, zero_point, limits.min, limits.max, y)
        expected = floating_point.quantize(
            x,
            scale,
            np.int64(zero_point),
            dtype,
            division,  # type: ignore[arg-type]
        )
        np.testing.assert_array_equal(y, expected)
