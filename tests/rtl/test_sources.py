"""The machine's RTL: three tools without a warning, generated headers, bad parameters refused."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from npusim.cosim import CosimulationError, Design, latency, toolchain
from npusim.cosim.elaborate import elaborate
from npusim.cosim.npu.build import design
from npusim.cosim.yosys import run_script
from npusim.machines import Machine
from npusim.words import MACHINES

ROOT = Path(__file__).resolve().parents[2]
RTL = ROOT / "rtl"
LISTED = tuple(
    RTL / line
    for line in (RTL / "files.f").read_text().splitlines()
    if line and not line.startswith("#")
)
BOARD_FILES = tuple(sorted((RTL / "boards").glob("npu_*.v")))
BOARDS = ("npu_ulx3s", "npu_axi4")
NANO = dict(Machine.load("nano").parameters)

VARIANTS = {
    "nano": NANO,
    "small": Machine.load("small").parameters,
    "uniform8": {**NANO, "SUBSET": 0, "PWLQ_BITS": 0},
    "uniform4": {**NANO, "UNIFORM_BITS": 4, "SUBSET": 0, "PWLQ_BITS": 0},
    "subset": {**NANO, "UNIFORM_BITS": 0, "PWLQ_BITS": 0},
    "pwlq": {**NANO, "UNIFORM_BITS": 0, "SUBSET": 0, "PWLQ_BITS": 7},
    "lut": {**NANO, "LUT": 1},
    "doubled": {**NANO, "UNIFORM_BITS": 6, "PWLQ_DOUBLE": 1},
    "least": {
        **NANO, "BURST_BEATS": 1, "ACT_BANKS": 2, "ACT_BANK_WORDS": 8, "WGT_BANK_WORDS": 8,
        "PAR_BANK_WORDS": 8, "ACC_WORDS": 8,
    },
    "most": {
        **NANO, "BURST_BEATS": 256, "ACT_BANK_WORDS": 8192, "WGT_BANKS": 4,
        "WGT_BANK_WORDS": 16384, "PAR_BANKS": 4, "PAR_BANK_WORDS": 16384, "ACC_WORDS": 65536,
    },
    "unshared": {**NANO, "LANES_PER_REQUANTIZER": 1, "LANES_PER_LOOKUP": 1},
    "wide bus": {**NANO, "SIZE": 32, "BUS_BYTES": 32},
}  # fmt: skip
SHIPPED = VARIANTS | {name: Machine.load(name).parameters for name in MACHINES}
"""The large ones take seconds, and are for the fastest of the tools."""

REFUSED = {
    "SIZE": (2, 12, 128),
    "ROWS": (1, 5),
    "BUS_BYTES": (2, 8),
    "BURST_BEATS": (0, 3, 512),
    "LANES_PER_REQUANTIZER": (0, 3, 8, 16),
    "LANES_PER_LOOKUP": (0, 3, 8, 16),
    "UNIFORM_BITS": (1, 9),
    "SUBSET": (2,),
    "LUT": (2,),
    "PWLQ_DOUBLE": (2,),
    "PWLQ_BITS": (1, 8),
    "ACT_BANKS": (1, 3, 16),
    "ACT_BANK_WORDS": (100, 16384),
    "WGT_BANKS": (3, 8),
    "WGT_BANK_WORDS": (100,),
    "PAR_BANKS": (3, 8),
    "PAR_BANK_WORDS": (100,),
    "ACC_WORDS": (100, 131072),
}


def arguments(prefix: str, values: dict[str, int]) -> list[str]:
    return [f"{prefix}{key}={value}" for key, value in values.items()]


def test_the_latency_header_is_generated():
    assert (RTL / "generated/npu_latency.vh").read_text() == latency.verilog_header()


@pytest.mark.parametrize(
    "path",
    LISTED
    + tuple(sorted(path for part in ("sim", "boards") for path in (RTL / part).rglob("*.v"))),
    ids=str,
)
def test_a_file_begins_with_what_it_is_and_who_is_its_law(path):
    text = path.read_text()
    assert text.startswith(f"// {path.stem.removeprefix('npu_')}: ")
    assert re.search(r"Law: docs/(architecture|board)\.md|Spec: npusim/datapath/", text)
    assert f"\nmodule {path.stem}" in text
    assert "`default_nettype none" in text
    assert "`ifdef" not in text


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("name", VARIANTS)
def test_icarus_has_no_warning(name, tmp_path):
    command = ["iverilog", "-Wall", "-Wno-timescale", "-g2012", f"-I{RTL}", "-s", "npu_top"]
    command += ["-o", str(tmp_path / "out"), *arguments("-Pnpu_top.", VARIANTS[name])]
    done = subprocess.run(
        [*command, *map(str, LISTED)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_icarus_has_no_warning_about_the_bench(tmp_path):
    wanted = design(Machine.load("nano"), "icarus", 1 << 18)
    command = ["iverilog", "-Wall", "-Wno-timescale", "-g2012", f"-I{RTL}", "-s", wanted.top]
    command += ["-o", str(tmp_path / "out"), *map(str, wanted.sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("top", BOARDS)
def test_icarus_has_no_warning_about_a_board(top, tmp_path):
    command = ["iverilog", "-Wall", "-Wno-timescale", "-g2012", f"-I{RTL}", "-s", top]
    command += ["-o", str(tmp_path / "out"), *map(str, LISTED + BOARD_FILES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize("name", [*SHIPPED, *BOARDS])
def test_verilator_has_no_warning(name):
    top, files = (name, LISTED + BOARD_FILES) if name in BOARDS else ("npu_top", LISTED)
    command = ["verilator", "--lint-only", "-Wall", f"-I{RTL}", "--top-module", top]
    command += [*arguments("-G", SHIPPED.get(name, {})), *map(str, files)]
    with toolchain.environment("verilator"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr, done.stderr


@pytest.mark.yosys
@pytest.mark.usefixtures("yosys_installed")
def test_yosys_reads_it_without_a_warning_and_infers_no_latch(tmp_path):
    for path in LISTED:
        shutil.copy(path, tmp_path)
    shutil.copytree(RTL / "generated", tmp_path / "generated")
    names = " ".join(path.name for path in LISTED)
    log = run_script(
        f"read_verilog -sv -I. {names}; hierarchy -check -top npu_top; proc; check -assert; "
        "select -assert-none t:$dlatch t:$adlatch",
        tmp_path,
    )
    wrong = [line for line in log.splitlines() if "Warning" in line]
    assert wrong == []


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values]
)
def test_bad_parameters_do_not_elaborate_and_say_why(name, value):
    wanted = Design("npu_top", LISTED, {**NANO, name: value}, includes=(RTL, RTL / "generated"))
    with pytest.raises(CosimulationError) as caught:
        elaborate(wanted)
    assert re.search(r"npu_\w+_(must_be|needs|must)_?\w*", str(caught.value)), str(caught.value)
