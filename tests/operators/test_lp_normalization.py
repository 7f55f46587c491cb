"""lp_normalization: onnxruntime's values to four last places; its sums are of float32."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session


@pytest.mark.parametrize("seed", range(100))
def test_is_close_to_onnxruntime(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 8, rng.integers(1, 5)))
    axis, p = int(rng.integers(-len(shape), len(shape))), int(rng.integers(1, 3))
    x = rng.normal(size=shape).astype(np.float32) * rng.integers(0, 2, shape[-1:]).astype("f")
    node = helper.make_node("LpNormalization", ["x"], ["y"], axis=axis, p=p)
    proto = model([node], {"x": x}, {}, {"y": np.float32})
    (expected,) = session(proto, ALL).run(None, {"x": x})
    found = npusim_run(loaded(proto), {"x": x})["y"]
    np.testing.assert_array_max_ulp(found, expected, 4)
