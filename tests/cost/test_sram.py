"""The SRAM fit: what was fitted, what it may not do, and that the script makes the table."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from npusim.cost.memories import memories
from npusim.cost.sram import TABLES, memory
from npusim.machines import Machine
from tools.flow import make_sram

ROOT = Path(__file__).resolve().parents[2]
TABLE = json.loads((TABLES / "sram_ihp_sg13g2.json").read_text())


def test_macros_are_met_within_the_stated_residuals():
    for key in ("read_pj", "write_pj", "area_um2", "leakage_uw"):
        worst = 0.0
        for macro in TABLE["macros"]:
            found = getattr(memory(macro["words"], macro["bits"], "ihp_sg13g2"), key)
            worst = max(worst, abs(found / macro[key] - 1))
        assert worst == pytest.approx(TABLE["fit"][key]["largest_residual"], abs=1e-3)
        assert worst < 0.11


def test_more_memory_never_costs_less():
    sizes = [8, 16, 32, 64, 100, 256, 1024, 4096, 8192, 65536]
    for bits in (8, 32, 64, 65, 128, 512, 2048):
        for small, large in itertools.pairwise(memory(n, bits, "ihp_sg13g2") for n in sizes):
            assert large.area_um2 > small.area_um2
            assert large.leakage_uw > small.leakage_uw
            assert large.read_pj >= small.read_pj > 0
    wide = [memory(1024, bits, "nangate45") for bits in (8, 32, 64, 72, 128, 256)]
    assert [m.write_pj for m in wide] == sorted(m.write_pj for m in wide)


def test_wide_words_are_macros_side_by_side():
    one, two = memory(1024, 64, "ihp_sg13g2"), memory(1024, 128, "ihp_sg13g2")
    assert two.read_pj == pytest.approx(2 * one.read_pj)
    assert two.area_um2 == pytest.approx(2 * one.area_um2)


def test_deep_memories_read_one_row_of_macros():
    one, two = memory(4096, 64, "ihp_sg13g2"), memory(8192, 64, "ihp_sg13g2")
    assert two.read_pj == pytest.approx(one.read_pj)
    assert two.leakage_uw == pytest.approx(2 * one.leakage_uw)


def test_nangate45_is_scaled_by_the_stated_factors():
    scale = TABLE["scaled"]["nangate45"]
    ihp, nangate = memory(512, 64, "ihp_sg13g2"), memory(512, 64, "nangate45")
    assert nangate.read_pj == pytest.approx(ihp.read_pj * (45 / 130) * (1.1 / 1.2) ** 2, rel=1e-4)
    assert nangate.area_um2 == pytest.approx(ihp.area_um2 * (45 / 130) ** 2, rel=1e-4)
    assert nangate.leakage_uw == pytest.approx(ihp.leakage_uw * scale["leakage"])


def test_memories_are_the_machine_s_scratchpads():
    machine = Machine.load("base")
    pads = {pad.name: pad for pad in memories(machine, "ihp_sg13g2")}
    assert pads.keys() == {"act", "wgt", "par", "acc", "line"}
    assert pads["act"].area_um2 == pytest.approx(8 * memory(1024, 128, "ihp_sg13g2").area_um2)
    assert pads["acc"].banks == 2 * 2 * 3  # two halves of each bank of each of pwlq's regions
    assert pads["acc"].bank == memory(256, 512, "ihp_sg13g2")


@pytest.mark.shared
def test_the_tool_makes_the_table(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(make_sram, "TABLE", tmp_path / "t.json")
    monkeypatch.setattr("sys.argv", ["make_sram", str(shared / "liberty")])
    assert not make_sram.main()
    made = json.loads((tmp_path / "t.json").read_text())
    made["provenance"]["commit"] = TABLE["provenance"]["commit"]
    assert made == TABLE
