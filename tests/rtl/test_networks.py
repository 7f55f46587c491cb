"""Whole networks on the compiled RTL: every event, cycle, byte and register as predicted."""

from __future__ import annotations

from pathlib import Path

import pytest

import npusim
from npusim.cli.verify_program import verify_model
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network, random_inputs
from npusim.machines import Machine
from npusim.words import MEMORY_MODELS
from tests.compiler.blocks import BLOCKS
from tests.simulator.test_state import delay_line, delayed, steps

NETWORKS = ("kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "ad_ae_int8")


DIGITS = Path(__file__).resolve().parents[2] / "npusim/networks/digits/digits_int8.onnx"


def require_agreement(path: Path, model: str, capsys: pytest.CaptureFixture) -> None:
    machine = Machine.load("base").with_({"memory.model": model})
    code = verify_model(path, machine)
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "agrees" in printed


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize("model", MEMORY_MODELS)
def test_own_network_on_base(model, capsys):
    require_agreement(DIGITS, model, capsys)


@pytest.mark.rtl
@pytest.mark.shared
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("model", MEMORY_MODELS)
def test_network_on_base(name, model, shared, capsys):
    require_agreement(shared / f"models/tflite/{name}.tflite", model, capsys)


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize("name", BLOCKS)
def test_block_on_base(name: str) -> None:
    compiled = MachineNetwork(BLOCKS[name](), Machine.load("base"), "litert")
    for run in compare_network(compiled, random_inputs(compiled.network, 1), simulator="verilator"):
        assert not run.difference
        assert run.cycles == run.rtl_cycles


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_a_network_with_state_begins_with_its_own() -> None:
    network = delay_line()
    (found,) = npusim.verify(network, machine="nano", requant="half_up", simulator="icarus")
    assert found.cycles == found.rtl_cycles
    compiled = MachineNetwork(network, Machine.load("nano"), "half_up")
    (run,) = compare_network(compiled, {"x": steps(2)}, simulator="icarus")
    assert not run.difference
    assert compiled.read("y")[0].tolist() == delayed(steps(1))[0].tolist()


@pytest.mark.rtl
@pytest.mark.shared
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("machine", ["nano", "small"])
def test_network_on_icarus(machine, shared, capsys):
    path = shared / "models/tflite/tflm_hello_world_int8.tflite"
    code = verify_model(path, Machine.load(machine), simulator="icarus")
    assert code == 0, capsys.readouterr().out
