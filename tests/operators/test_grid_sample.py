"""grid_sample: pixels of every mode and padding are onnxruntime's, but for the last places."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session


@pytest.mark.parametrize("corners", [0, 1])
@pytest.mark.parametrize("around", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("seed", range(12))
def test_is_close_to_onnxruntime(seed: int, mode: str, around: str, corners: int) -> None:
    rng = np.random.default_rng(seed)
    n, c, h, w, gh, gw = (int(v) for v in rng.integers(1, 7, 6))
    inputs = {
        "x": rng.normal(size=(n, c, h, w)).astype("f"),
        "grid": rng.uniform(-1.6, 1.6, (n, gh, gw, 2)).astype("f"),
    }
    node = helper.make_node("GridSample", [*inputs], ["y"], mode=mode, padding_mode=around,
                            align_corners=corners)  # fmt: skip
    proto = model([node], inputs, {}, {"y": np.float32}, opset=20)
    (expected,) = session(proto, ALL).run(None, inputs)
    found = npusim_run(loaded(proto), inputs)["y"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
