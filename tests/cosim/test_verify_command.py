"""`npusim verify`: exit codes, where the RTL comes from, the table and the report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from npusim.cli.verify_units import verify_units
from npusim.cosim import CosimulationError, verify_module
from npusim.cosim.units import PACKAGE, load_unit, rtl_directory, sources, unit_names

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.rtl, pytest.mark.usefixtures("icarus")]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return another checkout, in whose tree the current directory is."""
    shutil.copytree(ROOT / "rtl", tmp_path / "rtl")
    (tmp_path / "npusim" / "datapath").mkdir(parents=True)
    (tmp_path / "deep" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "inside")
    return tmp_path


def test_a_unit_that_agrees_exits_0(capsys):
    assert verify_units(["mac_uniform"], vectors=2000) == 0
    printed = capsys.readouterr().out
    assert "mac_uniform" in printed
    assert "agrees" in printed


def test_the_rtl_of_the_checkout_is_run_and_a_difference_exits_1(checkout, capsys):
    path = checkout / "rtl" / "npu_mac_uniform.v"
    text = path.read_text()
    assert "acc_i + " in text
    path.write_text(text.replace("acc_i + ", "acc_i - "))
    assert verify_units(["mac_uniform"], vectors=2000, seed=5) == 1
    printed = capsys.readouterr().out
    assert "DIFFERS" in printed
    assert "replay     seed 5: npusim verify mac_uniform --seed 5 --vectors 2000 --waves" in printed


def test_outside_a_checkout_the_packages_rtl_is_run(tmp_path):
    assert rtl_directory(tmp_path) in (PACKAGE / "_rtl", ROOT / "rtl")
    assert rtl_directory(ROOT / "tests") == ROOT / "rtl"


def test_an_unknown_unit_lists_the_known_ones():
    with pytest.raises(CosimulationError, match=r"unit requantise: expected one of .*requantize"):
        verify_units(["requantise"])


def test_bad_options_are_a_users_mistake(tmp_path):
    with pytest.raises(CosimulationError, match="--vectors: expected at least 1, found 0"):
        verify_units(["mac_uniform"], vectors=0)
    with pytest.raises(CosimulationError, match="--waves: expected one unit"):
        verify_units([], waves=tmp_path / "x.fst")
    with pytest.raises(CosimulationError, match="simulator: expected one of"):
        verify_units(["mac_uniform"], simulator="questa")


def test_sources_follow_instances_and_a_missing_module_is_named(tmp_path):
    names = [path.name for path in sources("npu_requantize", ROOT / "rtl")]
    assert names[0] == "npu_requantize.v"
    assert "npu_round_shift.v" in names
    with pytest.raises(CosimulationError, match=r"npu_requantize: expected its RTL at"):
        sources("npu_requantize", tmp_path)


def test_pages_without_a_contract_are_no_units():
    assert "contract" not in unit_names()
    assert load_unit("mac_uniform").module == "npu_mac_uniform"


@pytest.mark.usefixtures("verilator")
def test_verilator_agrees_too():
    unit = load_unit("mac_uniform")
    result = verify_module(
        unit, sources(unit.module, ROOT / "rtl"), vectors=2000, simulator="verilator"
    )
    assert result.checked > 2000
