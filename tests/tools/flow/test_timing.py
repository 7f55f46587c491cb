"""The report of closed clocks is of these sources, and the shipped machines keep to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from npusim.machines import Machine
from npusim.words import MACHINES
from tools.flow import opensta, timing
from tools.flow.memory_macros import liberty, macros, times_of, verilog
from tools.flow.technologies import TECHNOLOGIES, with_wires
from tools.pages import timing as pages

ROWS = {
    (row["module"], row["machine"], row["technology"]): row
    for row in json.loads(timing.MEASURED.read_text())["rows"]
}
NANGATE, SG13G2 = TECHNOLOGIES


def test_the_page_is_that_of_the_report() -> None:
    assert pages.PAGE.read_text() == pages.page()


@pytest.mark.parametrize(("module", "machine", "technology"), ROWS)
def test_a_row_is_of_the_sources_of_today(module: str, machine: str, technology: str) -> None:
    of = next(one for one in TECHNOLOGIES if one.name == technology)
    expected = timing.key(module, Machine.load(machine), of)
    assert ROWS[module, machine, technology]["key"] == expected, (
        "stale: python -m tools.flow.timing ../shared/liberty; python -m tools.pages.timing"
    )


@pytest.mark.parametrize("name", MACHINES)
def test_a_shipped_machine_states_no_clock_that_it_does_not_close(name: str) -> None:
    machine = Machine.load(name)
    technology = next(t for t in TECHNOLOGIES if t.name == machine.energy.technology)
    memories = json.loads(timing.MEASURED.read_text())["memories_ns"]
    assert machine.clock.frequency_hz <= 1e6 * pages.bound_mhz(machine, technology, memories)
    row = ROWS.get((timing.TOP, name, technology.name))
    if row is not None:
        assert machine.clock.frequency_hz <= 1e9 / row["period_ns"]
    elif name == "nano":
        pytest.fail("nano's top has no row")
    else:
        missing = pages.PAGE.read_text().partition("Without a row of their own: ")[2]
        assert f"`{name}`" in missing.partition("\n")[0]


def test_the_report_has_no_row_that_is_not_asked_for() -> None:
    assert {(module, machine) for module, machine, _ in ROWS} <= set(timing.wanted())


def test_a_comment_changes_no_row_and_a_statement_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "npu_pool.v"
    monkeypatch.setattr(timing, "rtl_files", lambda module: (source,))
    hashes = []
    for text in ("wire a;", "wire a;  // of no matter", "wire a, b;"):
        source.write_text(text)
        timing.sources.cache_clear()
        hashes.append(timing.sources("npu_pool"))
    timing.sources.cache_clear()
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.shared
def test_wires_stand_in_the_pins_alone(shared: Path) -> None:
    text = with_wires(NANGATE, shared / "liberty")
    assert "wire_load" not in text
    inverter = text[text.index("cell (INV_X1)") :][:8000]
    assert "capacitance : 3.70023;" in inverter  # 1.700230 fF of the pin, 2 fF of wire


@pytest.mark.shared
def test_a_bank_is_as_late_as_the_slowest_macro_that_holds_it(shared: Path) -> None:
    real = macros(shared / "liberty")
    small, large = (times_of(words, SG13G2, real) for words in (32, 1024))
    # RM_IHPSG13_1P_1024x64: 4.3618 ns at 10 fF and a slew of 5.6 ps, 4.4803 at 476 ps.
    assert 3.0 < small.access(10) < 3.4 < 4.3618 < large.access(10) < 4.4803
    assert large.access(0.8) < large.access(10) < large.access(64) < 4.5488
    scaled = times_of(1024, NANGATE, real)
    assert scaled.access(10) == pytest.approx(large.access(10) * 45 / 130)
    assert "bank_of_unknown_size" in verilog({(1024, 32)})
    assert ", ".join(f"{delay:.4f}" for delay in large.delays) in liberty(
        {(1024, 32)}, SG13G2, real
    )


@pytest.mark.shared
@pytest.mark.yosys
@pytest.mark.usefixtures("yosys_installed")
def test_a_row_made_again_is_the_same(shared: Path) -> None:
    if not opensta.installed():
        pytest.skip("OpenSTA not found: apt-get install opensta")
    kept = ROWS["npu_subtract_zero_point", "nano", "nangate45"]
    made = timing.measure(
        "npu_subtract_zero_point", Machine.load("nano"), NANGATE, shared / "liberty"
    )
    names = ("cells", "um2", "start", "end", "key")
    assert [made[name] for name in names] == [kept[name] for name in names]
    # WebAssembly and native code of one release size a cell or two unlike.
    assert made["period_ns"] == pytest.approx(kept["period_ns"], rel=0.01)
