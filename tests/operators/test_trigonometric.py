"""trigonometric: onnxruntime's values to four units in the last place."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from npusim.operators.trigonometric import FUNCTIONS
from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_is_onnxruntimes_to_the_last_place(kind: str) -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=300), np.linspace(-1, 1, 41), [0, 5, -5, 20, 1e-30]])
    if kind == "Acosh":
        x = np.abs(x) + 1
    x = x.astype(np.float32)
    proto = model([helper.make_node(kind, ["x"], ["y"])], {"x": x}, {}, {"y": np.float32})
    (expected,) = session(proto, ALL).run(None, {"x": x})
    found = npusim_run(loaded(proto), {"x": x})["y"]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_max_ulp(found[~np.isnan(found)], expected[~np.isnan(found)], 4)
