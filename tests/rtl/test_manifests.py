"""What hardware tools read of rtl/ (FuseSoC's .core, Bender.yml) names the files of files.f."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

RTL = Path(__file__).resolve().parents[2] / "rtl"
LISTED = [
    line for line in (RTL / "files.f").read_text().splitlines() if line and line[0] != "#"
]  # fmt: skip
BOARDS = sorted(f"boards/{path.name}" for path in (RTL / "boards").glob("npu_*.v"))


def test_every_file_of_the_machine_is_listed_once() -> None:
    assert sorted(LISTED) == sorted(path.name for path in RTL.glob("npu_*.v"))


def test_fusesoc_takes_the_files_as_systemverilog_and_the_headers_where_they_are_included() -> None:
    core = yaml.safe_load((RTL / "npusim.core").read_text().removeprefix("CAPI=2:\n"))
    fileset = core["filesets"]["rtl"]
    headers = [entry for entry in fileset["files"] if isinstance(entry, dict)]
    assert fileset["file_type"] == "systemVerilogSource"
    assert [entry for entry in fileset["files"] if isinstance(entry, str)] == LISTED
    assert {name for entry in headers for name in entry} == {
        f"generated/{path.name}" for path in (RTL / "generated").glob("*.vh")
    }
    for entry in headers:
        for options in entry.values():
            assert options == {"is_include_file": True, "include_path": "."}
    version = re.findall(r'^version = "(.+)"', (RTL.parent / "pyproject.toml").read_text(), re.M)
    assert core["name"] == f"::npusim:{version[0]}"
    assert core["targets"]["default"]["toplevel"] == "npu_top"
    boards = [*core["filesets"]["boards"]["files"], "boards/npu_ulx3s.v"]
    assert sorted(boards) == BOARDS
    (top, pins) = core["filesets"]["ulx3s"]["files"]
    assert top == {"boards/npu_ulx3s.v": {"file_type": "systemVerilogSource"}}
    assert pins == {"boards/ulx3s.lpf": {"file_type": "LPF"}}
    for target, fileset in (("axi4", ["rtl", "boards"]), ("ulx3s", ["rtl", "boards", "ulx3s"])):
        assert core["targets"][target]["filesets"] == fileset
        assert f"boards/{core['targets'][target]['toplevel']}.v" in BOARDS


def test_bender_takes_the_files_in_order() -> None:
    machine, boards = yaml.safe_load((RTL / "Bender.yml").read_text())["sources"]
    assert machine == {"include_dirs": ["."], "files": LISTED}
    assert boards.keys() == {"target", "include_dirs", "files"}
    assert sorted(boards["files"]) == BOARDS
    for place, name in enumerate(boards["files"]):
        named = set(re.findall(r"^ *(npu_\w+) #?\(?", (RTL / name).read_text(), re.MULTILINE))
        assert not named & {Path(later).stem for later in boards["files"][place + 1 :]}
