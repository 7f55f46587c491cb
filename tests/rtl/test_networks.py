"""Whole networks on the compiled RTL: every event, cycle, byte and register as predicted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npusim.cli.verify_program import verify_model
from npusim.machines import Machine

NETWORKS = ("kws_dscnn_int8", "ic_resnet8_int8", "vww_mbv1_int8", "ad_ae_int8")


@pytest.mark.rtl
@pytest.mark.shared
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("model", ["fixed", "lfsr"])
def test_network_on_base(name, model, shared, capsys):
    base = Machine.load("base")
    machine = replace(base, memory=replace(base.memory, model=model))
    code = verify_model(shared / f"models/tflite/{name}.tflite", machine)
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "agrees" in printed


@pytest.mark.rtl
@pytest.mark.shared
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("machine", ["nano", "small"])
def test_network_on_icarus(machine, shared, capsys):
    path = shared / "models/tflite/tflm_hello_world_int8.tflite"
    code = verify_model(path, Machine.load(machine), simulator="icarus")
    assert code == 0, capsys.readouterr().out
