"""--reset-state: every sample begins with the initial state; without it samples are steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Finished
from tests.simulator.litert_witness import litert
from tests.simulator.test_tflite_subgraphs import accumulator

STEPS = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [-9, 10, 11, -12]], np.int8)


def expected(content: bytes, reset: bool) -> dict[str, np.ndarray]:
    """Return LiteRT's outputs for the steps, from one interpreter or from a new one for each."""
    found: dict[str, list[np.ndarray]] = {}
    interpreter = litert(content, "ref")
    for x in STEPS:
        if reset:
            interpreter = litert(content, "ref")
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[None])
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            y = interpreter.get_tensor(detail["index"]).copy()
            found.setdefault(f"t{detail['index']}", []).append(y)
    return {name: np.concatenate(values) for name, values in found.items()}


@pytest.mark.parametrize("options", [(), ("--reset-state",)])
@pytest.mark.parametrize("engine", ["kernels", "machine"])
def test_steps_and_first_steps(
    npusim: Callable[..., Finished], tmp_path: Path, engine: str, options: tuple[str, ...]
) -> None:
    content = accumulator()
    (tmp_path / "net.tflite").write_bytes(content)
    np.save(tmp_path / "x.npy", STEPS)
    written = tmp_path / "y.npz"
    arguments = ("--input", tmp_path / "x.npy", "--output", written, "--engine", engine)
    done = npusim("run", tmp_path / "net.tflite", *arguments, *options)
    assert done.code == 0, done.err
    with np.load(written) as found:
        for name, values in expected(content, bool(options)).items():
            np.testing.assert_array_equal(found[name], values)
