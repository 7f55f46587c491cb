"""A Verilog that is wrong on purpose: random programs find it, shrink, and can be replayed.

Two mistakes: a window maximum is the minimum, and a fault `address` says `axi`. A third is seen by
what an instruction leaves unused: a VEC sum that takes RQ's stride of kx in ACC.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from npusim.cli.verify_program import verify_program, verify_random
from npusim.cosim.npu.random_runs import random_runs
from npusim.isa.assembly import assemble
from npusim.isa.program import Program
from npusim.machines import Machine

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS, SEED = 6, 104
"""Of the random programs some that compute a maximum and one that leaves a scratchpad."""
RETIREMENT = "else if (address) cause_o = 8'(FAULT_{})"
MISTAKES = {
    "npu_pool.v": ("maximum_i ? !less", "maximum_i ? less"),
    "npu_issue.v": (RETIREMENT.format("ADDRESS"), RETIREMENT.format("AXI")),
}
STRIDE = "registers_i[EP_R_VEC_KX_OUT*32+16+:16]"
UNUSED = {"npu_vector_engine.v": (f"is_rq_q ? {STRIDE} : WORD_BITS'(0)", STRIDE)}
SUM_SEED = 225
"""Of a short program with a VEC sum over several kx."""


def be_in_wrong(folder: Path, mistakes: dict[str, tuple[str, str]], monkeypatch) -> Path:
    """Go to a checkout with the wrong Verilog."""
    shutil.copytree(ROOT / "rtl", folder / "rtl")
    (folder / "npusim" / "datapath").mkdir(parents=True)
    for name, (right, wrong) in mistakes.items():
        path = folder / "rtl" / name
        text = path.read_text()
        assert text.count(right) == 1
        path.write_text(text.replace(right, wrong))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Be in a checkout with the wrong Verilog."""
    return be_in_wrong(tmp_path, MISTAKES, monkeypatch)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_a_register_that_is_not_the_instruction_s_is_seen(tmp_path, monkeypatch):
    be_in_wrong(tmp_path, UNUSED, monkeypatch)
    (run,) = random_runs(Machine.load("nano"), range(SUM_SEED, SUM_SEED + 1))
    assert run.family == "good"
    assert "EP" in run.comparison.difference


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
