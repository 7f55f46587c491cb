"""Waves of the whole machine: an FST file beside the comparison; who cannot have one."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from npusim.cli.app import app
from npusim.cosim import CosimulationError
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network, random_inputs
from npusim.machines import Machine
from tests.rtl.layers import CASES


@pytest.fixture
def compiled():
    case = CASES["max pool"]
    return MachineNetwork(case.make(), Machine.load("nano"), case.rule)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_waves_of_a_network(compiled, tmp_path):
    path = tmp_path / "pool.fst"
    inputs = random_inputs(compiled.network, 1)
    (run,) = compare_network(compiled, inputs, simulator="icarus", waves=path)
    assert not run.difference
    data = path.read_bytes()
    assert data[:9] == bytes(1) + (329).to_bytes(8, "big")
    assert len(data) > 10_000  # it holds more than its header


def test_waves_need_icarus(compiled, tmp_path):
    inputs = random_inputs(compiled.network, 1)
    with pytest.raises(CosimulationError, match="--waves: expected the simulator icarus"):
        compare_network(compiled, inputs, simulator="verilator", waves=tmp_path / "a.fst")


@pytest.mark.parametrize("arguments", [["--random", "3"], ["digits.onnx"]])
def test_waves_that_cannot_be(arguments, tmp_path):
    path = tmp_path / "none" / "a.fst"
    done = CliRunner().invoke(app, ["verify", *arguments, "--waves", str(path)])
    assert done.exit_code != 0
    assert "there is no directory" in str(done.exception)
