"""Files on the machine give the runtime's bytes; in Verilog the machine's bytes and cycles."""

from __future__ import annotations

from pathlib import Path

import pytest

from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network, random_inputs
from npusim.formats.files import load
from npusim.machines import Machine
from tools.pages.conformance_machine import MACHINES, file_rows

FILES = (
    "models/tflite/tflm_hello_world_int8.tflite",
    "corpus/tflite/wake_v2__vad.tflite",
    "corpus/onnx/q_se_QOperator_QUInt8_QInt8.onnx",
    "corpus/onnx/q_maxpool_cat_QDQ_QInt8_QInt8.onnx",
)
IN_VERILOG = ("q_pad_asym_QDQ_QInt8_QInt8", "q_attn_QOperator_QUInt8_QInt8")
"""Of which the host computes parts."""
REQUANTIZERS = ("integer", "float32")

pytestmark = pytest.mark.shared


@pytest.mark.parametrize("name", FILES)
def test_a_file_gives_its_runtimes_bytes(shared: Path, name: str) -> None:
    rows = file_rows(shared / name)
    assert len(rows) == (1 if name.endswith(".onnx") else 3)
    for row in rows:
        assert row["float32"]["differing"] == 0
        for machine in MACHINES:
            assert not row[machine]["differing"] or row[machine]["places"]


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("name", IN_VERILOG)
@pytest.mark.parametrize("requantizer", REQUANTIZERS)
def test_a_file_is_the_same_in_verilog(shared: Path, name: str, requantizer: str) -> None:
    float32 = int(requantizer == "float32")
    machine = Machine.load("nano").with_({"array.fp32_requantizer": float32})
    compiled = MachineNetwork(load(shared / "corpus" / "onnx" / f"{name}.onnx"), machine)
    runs = compare_network(compiled, random_inputs(compiled.network, 1), simulator="icarus")
    assert runs
    assert not any(run.difference for run in runs)
    assert all(run.cycles == run.rtl_cycles for run in runs)
