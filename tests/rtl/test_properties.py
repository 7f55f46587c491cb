"""Properties proved for every input sequence, by induction: queue, tokens, ownership, bursts, AXI.

A file of properties/ is put in front of its module's `endmodule`, so that it may name registers.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from npusim.cosim import CosimulationError
from npusim.cosim.units import sources
from npusim.cosim.yosys import run_script

RTL = Path(__file__).resolve().parents[2] / "rtl"
PROPERTIES = sorted((Path(__file__).parent / "properties").glob("*.v"))

BROKEN = {
    "npu_queue": ("assign full_o = count_q[INDEX_BITS];", "assign full_o = &count_q;"),
    "npu_ownership": ("assign conflict_o[e] = |common;", "assign conflict_o[e] = ^common;"),
    "npu_tokens": ("wire less = take_i[TAKES] && !signal_i[GIVES];", "wire less = take_i[TAKES];"),
    "npu_burst": ("in_page < BEATS_BITS'(BURST_BEATS)", "left_q < BEATS_BITS'(BURST_BEATS)"),
    "npu_ld": ("end else if (arready_i) arvalid_o <= 1'b0;", "end else arvalid_o <= 1'b0;"),
    "npu_st": ("if (awvalid_o && awready_i) wvalid_o", "if (awvalid_o) wvalid_o"),
    "npu_fetch": ("assign push_o        = {to_st, to_ep, to_mx, to_ld} & ~full_i;",
                  "assign push_o        = {to_st, to_ep, to_mx, to_ld};"),
}  # fmt: skip
"""A mistake in each module, which its properties must find."""


def prove(path: Path, folder: Path, change: tuple[str, str] | None = None) -> str:
    module = path.stem
    for source in sources(module, RTL):
        shutil.copy(source, folder)
    shutil.copytree(RTL / "generated", folder / "generated")
    text = (RTL / f"{module}.v").read_text()
    if change:
        assert text.count(change[0]) == 1
        text = text.replace(*change)
    body, end = text.rsplit("endmodule", 1)
    (folder / f"{module}.v").write_text(f"{body}{path.read_text()}\nendmodule{end}")
    names = " ".join(source.name for source in sources(module, RTL))
    return run_script(
        f"read_verilog -sv -formal -I. {names}; hierarchy -check -top {module}; proc; flatten; "
        "opt_clean; memory_map; opt; async2sync; dffunmap; chformal -lower; "
        "sat -set-init-zero -set-assumes -prove-asserts -tempinduct -maxsteps 6 -verify",
        folder,
        timeout_seconds=250,
    )


@pytest.mark.yosys
@pytest.mark.usefixtures("yosys_installed")
@pytest.mark.parametrize("path", PROPERTIES, ids=lambda path: path.stem)
def test_properties_hold(path, tmp_path):
    assert "Induction step proven: SUCCESS!" in prove(path, tmp_path)


@pytest.mark.yosys
@pytest.mark.usefixtures("yosys_installed")
@pytest.mark.parametrize("path", PROPERTIES, ids=lambda path: path.stem)
def test_properties_find_a_mistake(path, tmp_path):
    with pytest.raises(CosimulationError, match="proof did fail"):
        prove(path, tmp_path, BROKEN[path.stem])
