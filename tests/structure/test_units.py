"""Every unit is one page, one module and one test, and no second place states what the page states.

The RTL is elaborated, and its ports, parameter defaults and header are compared with the contract;
three tools lint it; and every bad parameter is refused with a sentence.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from npusim.cosim import CosimulationError, Design, Wiring, toolchain
from npusim.cosim.elaborate import elaborate
from npusim.cosim.interface import require_interface, require_parameters
from npusim.cosim.units import load_unit, sources, unit_names
from npusim.cosim.yosys import run_script

ROOT = Path(__file__).resolve().parents[2]
RTL = ROOT / "rtl"
NAMES = unit_names()
VARIANTS = [(name, n) for name in NAMES for n in range(1 + len(load_unit(name).variants))]

PROBES = (-1, 0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 129, 1025)
"""Parameter values among which every guard must find one to refuse.

Icarus unrolls a module's loops before it reports the guard: much larger ones cost half a minute.
"""


def header(name: str) -> str:
    text = (RTL / f"npu_{name}.v").read_text()
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].removeprefix(" "))
    return "\n".join(lines)


def parameters_of(name: str, number: int) -> dict[str, int]:
    unit = load_unit(name)
    return {**unit.parameters, **({}, *unit.variants)[number]}


def read(module: str, parameters: dict[str, int], folder: Path) -> str:
    """Return a Yosys script that reads and elaborates `module` from copies in `folder`."""
    files = sources(module, RTL)
    for path in files:
        shutil.copy(path, folder)
    names = " ".join(path.name for path in files)
    values = " ".join(f"-chparam {key} {value}" for key, value in parameters.items())
    return f"read_verilog -sv {names}; hierarchy -check -top {module} {values}"


def test_the_units_that_the_machine_is_made_of_exist():
    expected = {"weight_decode", "mac_uniform", "mac_subset", "mac_piecewise_linear", "requantize"}
    assert expected <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_one_page_one_module_one_test(name):
    assert load_unit(name).name == name
    assert (RTL / f"npu_{name}.v").exists()
    assert (ROOT / "tests" / "datapath" / f"test_{name}.py").exists()


def test_no_test_is_left_without_its_page():
    pages = {path.stem for path in (ROOT / "npusim" / "datapath").glob("*.py")}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests/datapath").glob("test_*")}
    assert tests <= pages


def test_the_file_list_names_every_module_once_children_first():
    lines = (RTL / "files.f").read_text().splitlines()
    listed = [line for line in lines if line.strip() and not line.startswith("#")]
    assert sorted(listed) == sorted(path.name for path in RTL.glob("npu_*.v"))
    for index, name in enumerate(listed):
        children = {path.name for path in sources(Path(name).stem, RTL)} - {name}
        assert children <= set(listed[:index]), f"{name} stands before a module it instantiates"


@pytest.mark.parametrize("name", NAMES)
def test_the_modules_header_is_the_pages(name):
    unit, text = load_unit(name), header(name)
    page = (ROOT / "npusim" / "datapath" / f"{name}.py").read_text()
    title = page.removeprefix('"""').splitlines()[0]
    assert title == text.splitlines()[0]
    assert title.startswith(f"{name}: ")
    assert f"Spec: npusim/datapath/{name}.py" in text
    stated = re.search(r"^Latency: ([\w +]+?) cycles?\b(.*)", text, re.MULTILINE)
    assert stated is not None
    if isinstance(unit.latency_cycles, int):
        assert int(stated[1]) == unit.latency_cycles
    else:  # a formula: the page's own words (the bench counts the cycles of every variant)
        assert f"latency {stated[1]}" in page


@pytest.mark.parametrize("name", NAMES)
def test_a_page_that_states_its_latency_states_the_contracts(name):
    unit = load_unit(name)
    page = (ROOT / "npusim" / "datapath" / f"{name}.py").read_text().split('"""')[1]
    for stated in re.findall(r"latency (\d+)(?! \+)", page):
        assert int(stated) == unit.latency(unit.parameters)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("name", NAMES)
def test_parameter_defaults_are_the_contracts(name):
    unit = load_unit(name)
    found = elaborate(Design(unit.module, sources(unit.module, RTL)))
    assert dict(found.parameters) == dict(unit.parameters)
    require_interface(found, unit, Wiring(ties=unit.ties), unit.parameters)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize(("name", "number"), VARIANTS)
def test_ports_have_the_contracts_widths_under_every_variant(name, number):
    unit, parameters = load_unit(name), parameters_of(name, number)
    found = elaborate(Design(unit.module, sources(unit.module, RTL), parameters))
    require_parameters(found, parameters)
    require_interface(found, unit, Wiring(ties=unit.ties), parameters)


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize(("name", "number"), VARIANTS)
def test_icarus_has_no_warning(name, number, tmp_path):
    unit, parameters = load_unit(name), parameters_of(name, number)
    command = ["iverilog", "-Wall", "-g2012", "-o", str(tmp_path / "out"), "-s", unit.module]
    command += [f"-P{unit.module}.{key}={value}" for key, value in parameters.items()]
    command += map(str, sources(unit.module, RTL))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize(("name", "number"), VARIANTS)
def test_verilator_has_no_warning(name, number):
    unit, parameters = load_unit(name), parameters_of(name, number)
    command = ["verilator", "--lint-only", "-Wall", "--top-module", unit.module]
    command += [f"-G{key}={value}" for key, value in parameters.items()]
    command += map(str, sources(unit.module, RTL))
    with toolchain.environment("verilator"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr, done.stderr


@pytest.mark.yosys
@pytest.mark.usefixtures("yosys_installed")
@pytest.mark.parametrize("name", NAMES)
def test_yosys_reads_it_without_a_warning_and_infers_no_latch(name, tmp_path):
    """Every variant in one start of Yosys, which takes longer than the work."""
    unit = load_unit(name)
    checks = "proc; check -assert; select -assert-none t:$dlatch t:$adlatch"
    variants = [number for given, number in VARIANTS if given == name]
    scripts = [
        f"log variant {number}; {read(unit.module, parameters_of(name, number), tmp_path)}; "
        f"{checks}; design -reset"
        for number in variants
    ]
    log = run_script("; ".join(scripts), tmp_path)
    assert [f"variant {n}" in log.splitlines() for n in variants] == [True] * len(variants)
    assert "Warning" not in log


@cache
def refusals(name: str) -> dict[str, str]:
    """Return parameter settings that the module refuses -> Icarus' sentence."""
    unit = load_unit(name)
    files = sources(unit.module, RTL)
    attempts = [{key: value} for key in unit.parameters for value in PROBES]
    attempts.append(dict.fromkeys(unit.parameters, 0))
    found = {}
    for attempt in attempts:
        try:
            elaborate(Design(unit.module, files, {**unit.parameters, **attempt}))
        except CosimulationError as error:
            found[str(attempt)] = str(error)
    return found


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("name", [name for name in NAMES if load_unit(name).parameters])
def test_bad_parameters_do_not_elaborate_and_say_why(name):
    sentence = re.compile(rf"npu_{name}_\w+|npu_\w+_(?:must_be|needs)_\w+")
    refused = refusals(name)
    for attempt, message in refused.items():
        assert sentence.search(message), f"{attempt}: {message}"
    for parameter in load_unit(name).parameters:
        assert any(f"'{parameter}'" in attempt for attempt in refused), f"{parameter} has no guard"
    guards = set(re.findall(rf"npu_{name}_\w+", (RTL / f"npu_{name}.v").read_text()))
    reached = {sentence.search(message)[0] for message in refused.values()}  # type: ignore[index]
    assert guards <= reached, f"no probe reaches {guards - reached}"


@pytest.mark.yosys
@pytest.mark.usefixtures("yosys_installed", "icarus")
@pytest.mark.parametrize("name", [name for name in NAMES if load_unit(name).parameters])
def test_yosys_refuses_a_bad_parameter_too(name, tmp_path):
    unit = load_unit(name)
    attempts = map(ast.literal_eval, refusals(name))
    attempt = next(a for a in attempts if min(a.values()) >= 0)  # -chparam takes no sign
    with pytest.raises(CosimulationError, match=r"npu_\w+_(must_be|needs)_\w+"):
        run_script(read(unit.module, attempt, tmp_path), tmp_path)
