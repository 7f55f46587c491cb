"""Assertions of the law, bound to the machine while random programs run; a mistake is caught."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from npusim.cosim import CosimulationError
from npusim.cosim.design import Design
from npusim.cosim.npu import build
from npusim.cosim.npu.random_runs import random_runs
from npusim.machines import Machine

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(20_001, 20_061)
BROKEN = ("npu_ownership.v", "assign conflict_o[e] = |common;", "assign conflict_o[e] = 1'b0;")


def with_law(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let simulations be built with the assertions, and stop at the first that fails."""
    made = build.design

    def design(machine: Machine, simulator: str, memory_bytes: int) -> Design:
        wanted = made(machine, simulator, memory_bytes)
        rtl = wanted.includes[0]
        return replace(wanted, sources=(*wanted.sources, rtl / "sim/law/npu_law.sv"))

    flags = tuple(
        "--assert" if flag == "--noassert" else flag for flag in build._FLAGS["verilator"]
    )
    monkeypatch.setattr(build, "design", design)
    monkeypatch.setitem(build._FLAGS, "verilator", flags)


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
def test_no_assertion_fails_in_random_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    with_law(monkeypatch)
    runs = list(random_runs(Machine.load("nano"), SEEDS, simulator="verilator"))
    assert [run.comparison.difference for run in runs] == [""] * len(SEEDS)
    assert len({run.family for run in runs}) > 4


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
def test_a_mistake_stops_the_simulation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_law(monkeypatch)
    name, right, wrong = BROKEN
    shutil.copytree(ROOT / "rtl", tmp_path / "rtl")
    (tmp_path / "npusim" / "datapath").mkdir(parents=True)
    path = tmp_path / "rtl" / name
    text = path.read_text()
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CosimulationError, match="npu_law: a bank belongs to two engines"):
        list(random_runs(Machine.load("nano"), SEEDS, simulator="verilator"))
