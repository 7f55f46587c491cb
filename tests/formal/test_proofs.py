"""Proofs for all inputs, on the RTL itself: prove_<unit>.v states a property, Yosys' SAT proves it.

Each property is tried on a broken copy of the module too: a proof that cannot fail proves nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from npusim.cosim import CosimulationError
from npusim.cosim.units import load_unit, sources
from npusim.cosim.yosys import run_script

HERE = Path(__file__).parent
RTL = HERE.parents[1] / "rtl"

BREAK = {
    "mac_subset": ("2'd1:    pb = xe <<< 2;", "2'd1:    pb = xe <<< 3;"),
    "mac_piecewise_linear": ("{XE_BITS{tail}}", "{XE_BITS{tail & !sign}}"),
    "merge_regions": ("+ shifted -", "+ shifted +"),
    "requantize_float": ("|| kept[0])", "|| !kept[0])"),
    "round_shift": ("rest_2q || odd", "odd"),
}

pytestmark = [pytest.mark.yosys, pytest.mark.usefixtures("yosys_installed")]


def test_every_property_has_its_broken_module():
    assert {path.stem.removeprefix("prove_") for path in HERE.glob("prove_*.v")} == set(BREAK)


def prove(name: str, folder: Path) -> None:
    """Raise CosimulationError unless the property holds for the module in `folder`."""
    unit = load_unit(name)
    shutil.copy(HERE / f"prove_{name}.v", folder)
    names = " ".join(path.name for path in sources(unit.module, folder))
    latency = unit.latency(unit.parameters)
    # Any state may be the first; after `latency` steps it has left the pipeline.
    run_script(
        f"read_verilog -sv {names}; read_verilog -sv -formal prove_{name}.v; "
        "hierarchy -check -top prove; proc; flatten; async2sync; chformal -lower; opt -full; "
        f"sat -seq {latency + 1} -prove-skip {latency} -prove-asserts -set-assumes -verify prove",
        folder,
        timeout_seconds=240,
    )


@pytest.mark.parametrize("name", BREAK)
def test_the_module_has_the_property_for_all_inputs(name, tmp_path):
    for path in sources(load_unit(name).module, RTL):
        shutil.copy(path, tmp_path)
    prove(name, tmp_path)


@pytest.mark.parametrize("name", BREAK)
def test_a_broken_module_does_not_have_it(name, tmp_path):
    for path in sources(load_unit(name).module, RTL):
        shutil.copy(path, tmp_path)
    path = tmp_path / f"npu_{name}.v"
    text = path.read_text()
    old, new = BREAK[name]
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CosimulationError, match="proof did fail"):
        prove(name, tmp_path)
