"""A Verilog that is wrong on purpose: random programs find it, shrink, and can be replayed.

Two mistakes: a window maximum is the minimum, and a fault `address` says `axi`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from npusim.cli.verify_program import verify_program, verify_random
from npusim.isa.assembly import assemble
from npusim.isa.program import Program
from npusim.machines import Machine

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS, SEED = 6, 308
"""Of the random programs some that compute a maximum and one that leaves a scratchpad."""
RETIREMENT = "else if (address) cause_o = 8'(FAULT_{})"
MISTAKES = {
    "npu_pool.v": ("maximum_i ? x > acc_i", "maximum_i ? x < acc_i"),
    "npu_issue.v": (RETIREMENT.format("ADDRESS"), RETIREMENT.format("AXI")),
}


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Be in a checkout with the wrong Verilog."""
    shutil.copytree(ROOT / "rtl", tmp_path / "rtl")
    (tmp_path / "npusim" / "datapath").mkdir(parents=True)
    for name, (right, wrong) in MISTAKES.items():
        path = tmp_path / "rtl" / name
        text = path.read_text()
        assert text.count(right) == 1
        path.write_text(text.replace(right, wrong))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_a_difference_is_found_shrunk_and_saved(broken, monkeypatch, capsys):
    assert verify_random(PROGRAMS, Machine.load("nano"), seed=SEED, folder=broken) == 1
    printed = capsys.readouterr().out
    assert f"{PROGRAMS} random programs from seed {SEED} on nano" in printed
    saved = sorted(broken.glob("random-*.s"))
    assert len(saved) == printed.count("saved as") >= 2
    families = set()
    for path in saved:
        text = path.read_text()
        assert text in printed
        seed, family = text.split("\n")[0].split()[2:4]
        assert path.stem == f"random-{seed}"
        families.add(family)
        program = assemble(text)
        assert len(program) < (12 if family == "(good)" else 20)  # bad ones shrink by snippets
        if family == "(good)":
            assert any(item.name == "VEC" for item in program)
            assert "retire" in text
        elif family == "(address)":
            assert "expected: " in text
            assert "fault:address 0" in text
            assert "fault:axi 0" in text
        again = path.with_suffix(".npu")
        assert Program.load(again).instructions == tuple(program)
        monkeypatch.chdir(broken)
        assert verify_program(again, simulator="icarus") == 1
        monkeypatch.chdir(ROOT)
        assert verify_program(again, simulator="icarus") == 0
        capsys.readouterr()
    assert families >= {"(good)", "(address)"}
