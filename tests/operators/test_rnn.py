"""rnn: every state of every step is onnxruntime's, but for the last places."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

from .onnx_cases import recurrent_case


@pytest.mark.parametrize("seed", range(100))
def test_is_close_to_onnxruntime(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs, held, attributes = recurrent_case(rng, 1)
    ways = 2 if attributes["direction"] == "bidirectional" else 1
    function = ("Tanh", "Relu", "Sigmoid")[rng.integers(3)]
    largest = np.abs(held["r"]).sum(2).max()  # below 1 no difference grows from step to step
    held["r"] = held["r"] / np.float32(max(largest, 1))
    names = [name if name in {**inputs, **held} else "" for name in ("x", "w", "r", "b", "", "h")]
    node = helper.make_node("RNN", names, ["y", "yh"], activations=[function] * ways, **attributes)
    outputs = {"y": np.float32, "yh": np.float32}
    proto = model([node], inputs, held, outputs)
    expected = session(proto, ALL).run(list(outputs), inputs)
    found = npusim_run(loaded(proto), inputs)
    for name, value in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4)
