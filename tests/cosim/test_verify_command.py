"""`npusim verify`: exit codes, where the RTL comes from, the table and the report."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import click
import pytest

from npusim.cli import verdicts as verdicts_module
from npusim.cli.app import app
from npusim.cli.verdicts import Verdicts
from npusim.cli.verify_program import MOST_POINTS, _say_points
from npusim.cli.verify_units import verify_own, verify_units
from npusim.cosim import CosimulationError, verify_module
from npusim.cosim.own_module import read_own_module
from npusim.cosim.programs.points import every_point
from npusim.cosim.units import PACKAGE, load_unit, rtl_directory, sources, unit_names
from npusim.errors import NpuError
from npusim.explore.random_programs import Ran

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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", "--vectors", "5"), "--vectors: expected units"),
        (("--random", "1", "--vectors", "5"), "--vectors: expected units"),
        (("program.npu", "--seed", "2"), "--seed: expected random stimulus"),
        (("digits", "--bins"), "--bins: expected units or --random"),
        (("requantize", "--machine", "nosuch"), "--machine: expected a network"),
    ],
)
def test_options_that_nothing_uses_are_refused(arguments, message):
    """`digits` is the network that npusim brings, not a unit."""
    with pytest.raises(click.UsageError, match=message):
        app(["verify", *arguments], standalone_mode=False)


@pytest.mark.parametrize("every", [False, True])
def test_a_few_points_that_no_program_reached_are_named_or_all(capsys, every):
    _say_points([Ran(1, "good", 1, 1, 1, 0.0, "", {"LD.rows bit 0": 2})], every=every)
    count, missed = capsys.readouterr().out.splitlines()
    points = len(every_point())
    assert count == f"1 of {points} points of the instruction set reached"
    assert missed.count("; ") == (points - 2 if every else MOST_POINTS)
    assert missed.endswith(f"and {points - 1 - MOST_POINTS} more, which --bins names") is not every


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


def test_cases_are_written_as_json_and_junit(checkout, capsys):
    """One unit that agrees under all parameters, one that differs: each parameter set is a case."""
    path = checkout / "rtl" / "npu_pool.v"
    text = path.read_text()
    assert "maximum_i" in text
    path.write_text(text.replace("acc_o <= ", "acc_o <= 32'd1 + "))
    verdicts = Verdicts(checkout / "v.json", checkout / "v.xml", shows_bins=True)
    assert verify_units(["mac_uniform", "pool"], vectors=2000, verdicts=verdicts) == 1
    found = json.loads((checkout / "v.json").read_text())
    assert not found["agrees"]
    assert [case["verdict"] for case in found["cases"]] == ["agrees"] * 3 + ["DIFFERS"]
    first, *_, last = found["cases"]
    assert (first["group"], first["name"]) == ("mac_uniform", "WEIGHT_BITS=8")
    assert first["bins"]["wraps upwards"] > 0
    assert first["numbers"]["reached"] == first["numbers"]["points"] == len(first["bins"])
    assert "npu_pool differs from the contract of pool" in last["report"]
    suite = ElementTree.parse(checkout / "v.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    (failure,) = suite.iter("failure")
    assert "differs from the contract of pool" in failure.text
    assert suite.find("testcase").get("classname") == "npusim.mac_uniform"
    printed = capsys.readouterr().out
    assert "mac_uniform WEIGHT_BITS=8: coverage" in printed
    assert "wraps upwards" in printed


STRANGER = ROOT / "docs" / "examples" / "stranger"


@pytest.mark.parametrize(("name", "code"), [("my_requantizer", 0), ("my_requantizer_wrong", 1)])
def test_ones_own_rtl_from_the_command_line(capsys, name, code):
    source = STRANGER / f"{name}.v"
    told = read_own_module(STRANGER / "my_requantizer.toml", (source,))
    assert verify_own("requantize", [source], told, vectors=20_000) == code
    printed = capsys.readouterr().out
    assert "my_requantizer against the contract of requantize" in printed
    assert ("all faults the exact value is a tie" in printed) == bool(code)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency_cycles = -1", "latency_cycles: expected an integer"),
        ("[wiring]\nclok = 'c'", "clok"),
        ("[wiring]\nreset_level = 2", "reset_level"),
        ("module = 3", "module"),
    ],
)
def test_a_wrong_description_is_one_line(tmp_path, text, message):
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(NpuError, match=message) as found:
        read_own_module(path, (tmp_path / "m.v",))
    assert "\n" not in str(found.value)


def test_numbers_are_whole_in_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setattr(verdicts_module, "PIPED_WIDTH", 60)
    assert verify_units(["requantize_float"], vectors=2000) == 0
    printed = capsys.readouterr().out
    assert "…" not in printed.replace(printed.splitlines()[0], "")
    assert "columns left out for the terminal's width" in printed
    assert "agrees" in printed
