"""Waves of the whole machine: an FST file beside the comparison; who cannot have one."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from npusim.cli.app import app
from npusim.cosim import CosimulationError, verify_module
from npusim.cosim.units import load_unit, rtl_directory, sources
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network, random_inputs
from npusim.machines import Machine
from tests.rtl.layers import CASES


@pytest.fixture
def compiled():
    case = CASES["max pool"]
    return MachineNetwork(case.make(), Machine.load("nano"), case.rule)


FST, VCD = bytes(1) + (329).to_bytes(8, "big"), b"$"


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus", "verilator")
@pytest.mark.parametrize(
    ("simulator", "suffix", "start"),
    [("icarus", ".fst", FST), ("icarus", ".vcd", VCD), ("verilator", ".vcd", VCD)],
)
def test_waves_of_a_network(compiled, tmp_path, simulator, suffix, start):
    path = tmp_path / f"pool{suffix}"
    inputs = random_inputs(compiled.network, 1)
    (run,) = compare_network(compiled, inputs, simulator=simulator, waves=path)
    assert not run.difference
    data = path.read_bytes()
    assert data.startswith(start)
    assert len(data) > 10_000  # it holds more than its header
    if suffix == ".vcd":
        assert b" clk_i " in data
        last = max(int(line[1:]) for line in data.splitlines() if line.startswith(b"#"))
        assert last >= run.cycles


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus", "verilator")
@pytest.mark.parametrize(
    ("simulator", "suffix", "start"),
    [("icarus", ".fst", FST), ("icarus", ".vcd", VCD), ("verilator", ".vcd", VCD)],
)
def test_waves_of_a_unit(tmp_path, simulator, suffix, start):
    path = tmp_path / f"pool{suffix}"
    unit = load_unit("pool")
    verify_module(
        unit, sources(unit.module, rtl_directory()), vectors=500, simulator=simulator, waves=path
    )
    data = path.read_bytes()
    assert data.startswith(start)
    assert suffix == ".fst" or b"acc_o" in data


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
def test_the_name_says_the_format(compiled, tmp_path):
    inputs = random_inputs(compiled.network, 1)
    with pytest.raises(CosimulationError, match=r"expected a name ending in \.vcd for verilator"):
        compare_network(compiled, inputs, simulator="verilator", waves=tmp_path / "a.fst")
    with pytest.raises(CosimulationError, match=r"ending in \.fst or \.vcd for icarus"):
        compare_network(compiled, inputs, simulator="icarus", waves=tmp_path / "a.txt")


@pytest.mark.parametrize("arguments", [["--random", "3"], ["digits.onnx"]])
def test_waves_that_cannot_be(arguments, tmp_path):
    path = tmp_path / "none" / "a.fst"
    done = CliRunner().invoke(app, ["verify", *arguments, "--waves", str(path)])
    assert done.exit_code != 0
    assert "there is no directory" in str(done.exception)
