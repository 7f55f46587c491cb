"""A run in parts gives what one run gives, wherever the parts run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.explore import run_parts as module
from npusim.explore.carry_out import HERE, Place
from npusim.explore.run_parts import run_part, run_parts
from npusim.graph.network import Network
from npusim.graph.samples import of_samples
from tests.cli.test_state import STEPS
from tests.conftest import DIGITS
from tests.simulator.test_tflite_subgraphs import accumulator
from tests.simulator.tflite_builder import Value, single_operator

SAMPLES = np.load(DIGITS / "digits_test.npz")["x"][:23]


@pytest.fixture(scope="module")
def network() -> Network:
    return npusim.load(DIGITS / "digits_int8.onnx")


@pytest.mark.parametrize("engine", ["kernels", "machine"])
@pytest.mark.parametrize("place", [HERE, Place(workers=2)])
def test_the_result_is_that_of_one_run(network: Network, engine: str, place: Place) -> None:
    x = {network.inputs[0]: SAMPLES}
    whole = npusim.run(network, x, engine=engine, machine="nano")
    found = run_parts(network, x, place, part_samples=5, engine=engine, machine="nano")
    (name,) = network.outputs
    assert (found.outputs[name] == whole.outputs[name]).all()
    assert found.samples == whole.samples == 23
    rows = [(row.name, row.macs, row.cost) for row in whole.layers]
    assert [(row.name, row.macs, row.cost) for row in found.layers] == rows
    if engine == "machine":
        assert found.cycles == whole.cycles
        assert found.differing_outputs == whole.differing_outputs
    else:
        assert all(row.seconds > 0 for row in found.layers)


def test_finished_parts_are_not_run_again(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, table, asked = {network.inputs[0]: SAMPLES}, tmp_path / "run", []

    def noted(key, pickled, part, settings):
        asked.append(len(next(iter(part.values()))))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return run_part(key, pickled, part, settings)

    monkeypatch.setattr(module, "run_part", noted)
    with pytest.raises(KeyboardInterrupt):
        run_parts(network, x, Place(journal=table), part_samples=5)
    with pytest.raises(FormatError, match="2 finished tasks: expected --resume"):
        run_parts(network, x, Place(journal=table), part_samples=5)
    found = run_parts(network, x, Place(journal=table, resume=True), part_samples=5)
    assert asked == [5, 5, 5, 5, 5, 3]
    (name,) = network.outputs
    assert (found.outputs[name] == npusim.run(network, x).outputs[name]).all()


def test_a_declared_batch_stays_whole(network: Network) -> None:
    (name,) = network.inputs
    for declared, lengths in ((1, [5, 5, 5, 5, 3]), (2, [4, 4, 4, 4, 4, 3]), (8, [8, 8, 7])):
        batched = of_samples(network, declared)
        parts = module._parts(batched, {name: SAMPLES}, 5)
        assert [len(part[name]) for part in parts] == lengths
    x = {name: SAMPLES}
    found = run_parts(of_samples(network, 8), x, HERE, part_samples=5)
    (output,) = network.outputs
    assert (found.outputs[output] == npusim.run(network, x).outputs[output]).all()


def test_inputs_of_unequal_length(tmp_path: Path) -> None:
    a, b = (Value((1, 4), "int8", 0.5, 0) for _ in range(2))
    path = tmp_path / "add.tflite"
    path.write_bytes(single_operator("MAXIMUM", [a, b], a, None))
    x = {"t0": np.zeros((2, 4), np.int8), "t1": np.zeros((3, 4), np.int8)}
    with pytest.raises(ShapeError, match="as many samples of each input, found t0 2, t1 3"):
        run_parts(npusim.load(path), x, HERE)


def test_steps_in_time_are_no_parts(tmp_path: Path) -> None:
    path = tmp_path / "steps.tflite"
    path.write_bytes(accumulator())
    network = npusim.load(path)
    x = {network.inputs[0]: STEPS}
    with pytest.raises(UnsupportedError, match=r"steps in time, .* expected --reset-state"):
        run_parts(network, x, HERE)
    found = run_parts(network, x, HERE, part_samples=1, reset_state=True)
    whole = npusim.run(network, x, reset_state=True)
    for name, values in whole.outputs.items():
        np.testing.assert_array_equal(found.outputs[name], values)
