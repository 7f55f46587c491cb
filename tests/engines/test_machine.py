"""Engine `machine` of a session: the kernels' outputs, with cycles; estimates without data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from npusim.cli.app import app
from npusim.engines.engine import run
from npusim.engines.estimate import estimate
from npusim.formats.files import load
from npusim.isa.program import Program
from npusim.machines import Machine
from tests.zoo import dense_outputs
from tests.zoo.architectures import model

DIGITS = Path(__file__).resolve().parents[2] / "npusim/networks/digits"


def test_machine_gives_the_bytes_of_kernels_and_cycles() -> None:
    network = load(DIGITS / "digits_int8.onnx")
    x = np.load(DIGITS / "digits_test.npz")["x"][:3]
    expected = run(network, x)
    found = run(network, x, engine="machine", machine="small")
    for name, values in expected.outputs.items():
        assert np.array_equal(values, found.outputs[name])
    assert found.samples == 3
    assert found.cycles == sum(layer.cost.cycles for layer in found.layers if layer.cost)
    assert found.cycles == estimate(network, Machine.load("small")).cycles
    assert found.as_json()["machine"] == "small"
    assert found.differing_outputs is None  # half_up is an integer rule


@pytest.mark.shared
def test_runtime_of_floating_point_is_computed_in_integers_and_compared(shared: Path) -> None:
    network = load(shared / "models/tflite/kws_dscnn_int8.tflite")
    x = np.load(shared / "models/samples/kws01.npz")["x"][:20]
    found = run(network, x, engine="machine")
    assert found.requant == "litert"
    runtime = run(network, x)
    for name in network.outputs:
        assert np.array_equal(found.outputs[name], runtime.outputs[name])
    assert found.differing_outputs == 0


def test_float_network_is_estimated_as_uniform8() -> None:
    quantized = estimate(load(DIGITS / "digits_int8.onnx"), Machine.load("base"))
    nominal = estimate(load(DIGITS / "digits_float.onnx"), Machine.load("base"))
    assert nominal.macs == quantized.macs
    assert abs(nominal.cycles - quantized.cycles) < quantized.cycles // 10


def test_operators_of_floats_alone_are_the_hosts(tmp_path: Path) -> None:
    onnx.save(model(dense_outputs.style, 1), tmp_path / "style.onnx")
    cost = estimate(load(tmp_path / "style.onnx"), Machine.load("base"))
    hosts = {step.operator for step in cost.program.steps if step.kind == "host"}
    assert "InstanceNormalization" in hosts
    assert cost.host_cycles > 0


def test_more_bandwidth_or_less_latency_is_never_slower() -> None:
    network = load(DIGITS / "digits_int8.onnx")
    base = Machine.load("base")
    program = estimate(network, base).program
    from npusim.simulator.run import time_program

    cycles = []
    for latency in (80, 40, 10, 1):
        machine = base.with_({"memory.latency_cycles": latency})
        cycles.append(sum(t.cycles for t in time_program(program, machine)))
    assert cycles == sorted(cycles, reverse=True)


def test_program_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def npusim(*arguments: object) -> None:
        app([*map(str, arguments), *(() if "disassemble" in arguments else ("--machine", "nano"))],
            standalone_mode=False)  # fmt: skip

    path = tmp_path / "digits.npu"
    npusim("compile", DIGITS / "digits_int8.onnx", "-o", path)
    program = Program.load(path)
    assert program.machine == Machine.load("nano")
    capsys.readouterr()
    npusim("disassemble", path)
    text = capsys.readouterr().out
    source = tmp_path / "small.s"
    source.write_text(text)
    npusim("assemble", source, "-o", tmp_path / "again.npu")
    assert Program.load(tmp_path / "again.npu").instructions == program.instructions
