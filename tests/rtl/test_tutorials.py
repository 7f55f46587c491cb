"""What the tutorials say of the Verilog: the program by hand, and a machine that a user changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from npusim.cli.app import app
from npusim.cli.verify_program import verify_model, verify_program
from npusim.machines import Machine

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_the_program_by_hand(tmp_path, capsys):
    output = tmp_path / "dense4.npu"
    source = ROOT / "docs/examples/program/dense4.s"
    app(["assemble", str(source), "-o", str(output), "--machine", "nano"], standalone_mode=False)
    assert verify_program(output, simulator="icarus") == 0, capsys.readouterr().out
    assert re.search(r"14 +138 +138 +42", capsys.readouterr().out)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_the_changed_machine(capsys):
    """The machine and the network of docs/tutorial_machine.md."""
    text = (ROOT / "docs/tutorial_machine.md").read_text()
    toml = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert toml is not None
    machine = Machine.from_toml(toml[1])
    network = ROOT / "npusim/networks/digits/digits_int8.onnx"
    assert verify_model(network, machine, simulator="icarus") == 0, capsys.readouterr().out
