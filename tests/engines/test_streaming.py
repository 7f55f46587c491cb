"""Streaming networks on the machine: a hundred steps in time, every output LiteRT's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from tests.simulator.litert_witness import litert

FILES = (
    "tflm_dtln",
    "tflm_keyword_scrambled",
    "tflm_mnist_lstm_int8",
    "wake_alexa",
    "wake_v2__hey_jarvis",
    "wake_v2__okay_nabu",
    "wake_v2__vad",
)
STEPS = 100


@pytest.mark.parametrize("name", FILES)
def test_a_hundred_steps(name: str, shared: Path) -> None:
    path = shared / "corpus" / "tflite" / f"{name}.tflite"
    network, interpreter = npusim.load(path), litert(path, "ref")
    given = network.tensors[network.inputs[0]]
    limits = np.iinfo(given.dtype)
    rng = np.random.default_rng(1)
    x = rng.integers(limits.min, limits.max + 1, (STEPS, *given.shape)).astype(given.dtype)
    expected: dict[int, list[np.ndarray]] = {}
    for step in x:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], step)
        interpreter.invoke()
        for place, output in enumerate(interpreter.get_output_details()):
            expected.setdefault(place, []).append(interpreter.get_tensor(output["index"]))
    result = npusim.run(
        network, x.reshape(-1, *given.shape[1:]), engine="machine", requant="litert"
    )
    for place, steps in expected.items():
        found = result.outputs[network.outputs[place]]
        np.testing.assert_array_equal(found, np.concatenate(steps), err_msg=f"output {place}")
    (state,) = [row for row in npusim.estimate(network).host if row.operator == "State"]
    kept = sum(one.initial.nbytes for one in network.state)
    assert state.moved_bytes == 2 * kept
    assert state.cycles > 0
