"""Machine descriptions: what is read back, what is refused and how it is said."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from npusim.errors import FormatError, NpuError, RangeError
from npusim.machines import Machine
from npusim.machines.memories import Memory
from npusim.machines.parts import PARTS

NAMES = ("nano", "small", "base", "wide")


@pytest.mark.parametrize("name", NAMES)
def test_toml_goes_round(name, tmp_path):
    machine = Machine.load(name)
    assert machine.name == name
    path = tmp_path / "copy.toml"
    path.write_text(machine.to_toml())
    assert Machine.load(path) == machine


@pytest.mark.parametrize(("name", "size"), [("nano", 4), ("small", 8), ("base", 16), ("wide", 32)])
def test_arrays_have_the_promised_sizes(name, size):
    assert Machine.load(name).size == size


NANO = Machine.load("nano").to_toml()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size = 4\n", "size = 5\n", "array.size: expected a power of two in 4..64, found 5"),
        ("size = 4\n", 'size = "4"\n', "array.size: expected a power of two in 4..64, found '4'"),
        ("size = 4\n", "size = true\n", "array.size: expected a power of two in 4..64, found True"),
        ("size = 4\n", "sise = 4\n", "[array]: unknown key sise"),
        ("size = 4\n", "", "[array]: key size is missing"),
        ("pwlq_bits = 4\n", "", "array.pwlq_bits: expected an integer in 2..7, found 0"),
        ('"uniform8", "uniform4"', '"uniform4", "uniform8"', "in this order, each once"),
        ('"uniform8"', '"float8"', "array.formats: expected names of"),
        *(
            (
                f"lanes_per_{unit} = 4",
                f"lanes_per_{unit} = {lanes}",
                f"array.lanes_per_{unit}: expected a power of two of at most 8 and array.size = 4, "
                f"found {lanes}",
            )
            for unit in ("requantizer", "lookup")
            for lanes in (3, 8)
        ),
        ("bus_bytes = 4", "bus_bytes = 8", "bus.bus_bytes: expected at most array.size = 4"),
        ('model = "fixed"', 'model = "dice"', "memory.model: expected one of fixed, lfsr"),
        ("latency_cycles = 10", "latency_cycles = 0", "expected an integer in 1..65535, found 0"),
        ("act_banks = 8", "act_banks = 16", "act_banks: expected a power of two in 2..8, found 16"),
        ("[clock]", "[clocks]", "unknown key clocks"),
        ("[clock]", "[clock", "expected TOML, found"),
        ('name = "nano"', 'name = "na\\"no"', "name: expected letters, digits"),
        (
            '"nangate45"',
            '"tsmc7"',
            "energy.technology: expected one of nangate45, ihp_sg13g2",
        ),
        ("dram_pj_per_bit = 20.0", "dram_pj_per_bit = -1", "expected a number in 0..1e6, found -1"),
        ("dram_pj_per_bit = 20.0", "dram_pj_per_bit = nan", "a number in 0..1e6, found nan"),
        ("dram_pj_per_bit = 20.0", "dram_pj_per_bit = true", "a number in 0..1e6, found True"),
        (
            "clock_gating = true",
            "clock_gating = 0",
            "clock_gating: expected true or false, found 0",
        ),
        ("clock_gating = true\n", "", "[energy]: key clock_gating is missing"),
    ],
)
def test_a_bad_description_is_refused_by_name(old, new, message):
    text = NANO.replace(old, new)
    assert text != NANO
    with pytest.raises(NpuError) as error:
        Machine.from_toml(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_machine_names_those_there_are():
    with pytest.raises(
        FormatError, match=r"expected one of base, nano, small, wide, or FILE\.toml"
    ):
        Machine.load("huge")


def test_other_values_are_checked_and_named():
    machine = Machine.load("nano")
    with pytest.raises(
        RangeError, match=r"acc_words: expected a power of two in 8\.\.65536, found 1"
    ):
        machine.with_({"scratchpads.acc_words": 100})
    with pytest.raises(
        RangeError, match=r"latency_cycles: expected an integer in 1\.\.65535, found 0"
    ):
        Memory("fixed", 0, 1, 1, 1 << 12)
    with pytest.raises(
        FormatError, match=r"unknown key array\.lines; known are name, array\.size, "
    ):
        machine.with_({"array.lines": 3})


def test_other_values_leave_the_rest():
    machine = Machine.load("nano").with_(
        {"array.formats": ["uniform8"], "memory.latency_cycles": 3}
    )
    text = NANO.replace("latency_cycles = 10", "latency_cycles = 3").replace("bits = 4", "bits = 0")
    text = text.replace(', "uniform4", "subset", "pwlq"', "")
    assert machine == Machine.from_toml(text)


def test_a_file_may_state_what_differs_from_another_machine(tmp_path):
    (tmp_path / "mine.toml").write_text('base = "wide"\nname = "mine"\n[bus]\nbus_bytes = 8\n')
    (tmp_path / "next.toml").write_text('base = "mine.toml"\nname = "next"\narray.size = 16\n')
    found, wide = Machine.load(tmp_path / "next.toml"), Machine.load("wide")
    assert found == wide.with_({"name": "next", "bus.bus_bytes": 8, "array.size": 16})
    (tmp_path / "bad.toml").write_text('base = "wide"\n[bus]\nbytes = 8\n')
    with pytest.raises(
        FormatError, match=r"bad\.toml: \[bus\]: unknown key bytes; known are bus_byt"
    ):
        Machine.load(tmp_path / "bad.toml")


NANO_DRAM = NANO.replace('model = "fixed"', 'model = "dram"')


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("latency_cycles = 10", "latency_ns = 100", ""),
        ("latency_cycles = 10", "latency_ns = 91", ""),
        ("latency_cycles = 10", "latency_ns = 90", "latency_cycles=9"),
        (
            "latency_cycles",
            "latency_ns = 100\nlatency_cycles",
            "expected it or latency_cycles, fou",
        ),
        ("latency_cycles = 10", "latency_ns = 0", "memory.latency_ns: expected a time and the cl"),
        ("latency_cycles = 10", 'latency_ns = "1"', "memory.latency_ns: expected a time and the"),
        ("latency_cycles = 10", "latency_ns = 1e9", "expected an integer in 1..65535, found 1000"),
        ("bus_bytes = 4", "bytes_per_second = 4e8", ""),
        ("bus_bytes = 4", "bytes_per_second = 4.1e8", "expected a multiple of clock.frequency_hz"),
        ("bus_bytes = 4", "bus_bytes = 4\nbytes_per_second = 4e8", "bus_bytes, found both"),
    ],
)
def test_seconds_stand_for_cycles_but_not_beside_them(old, new, message):
    """`nano` has 100 MHz, 10 cycles and 4 bytes a cycle."""
    text = NANO.replace(old, new)
    assert text != NANO
    if not message:
        assert Machine.from_toml(text) == Machine.load("nano")
    elif "=" in message:
        assert message in str(Machine.from_toml(text).memory)
    else:
        with pytest.raises(NpuError) as error:
            Machine.from_toml(text)
        assert message in str(error.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            'part = "DDR5-9000"',
            "dram.part: expected one of LPDDR4-3200, DDR4-2400, found 'DDR5-900",
        ),
        ("part = 3", "dram.part: expected one of"),
        ("tRCD_ns = 18\ntRCD_clocks = 29", "dram.tRCD_ns: expected it or tRCD_clocks, found both"),
        ("tRCD = 29", "[dram]: unknown key tRCD"),
        ("tRCD_clocks = 0", "dram.tRCD_clocks: expected an integer in 1..65536, found 0"),
        ("tCCD_S_clocks = 7", "dram.tCCD_S_clocks: expected at least dram.tBL_clocks = 8, found 7"),
        ("tREFI_clocks = 477", "tREFI_clocks: expected at least dram.tRFC_clocks + tRP_clocks + 1"),
        ("bank_groups = 4\nbanks = 2", "dram.banks: expected at least dram.bank_groups = 4, found"),
        ("access_bytes = 48", "dram.access_bytes: expected a power of two in 16..256, found 48"),
        ("clock_hz = 1000000", "dram.clock_hz: expected at most 64 times more or less than clock."),
        ("read_pj = -1", "dram.read_pj: expected a number in 0..1e9, found -1"),
    ],
)
def test_a_bad_dram_is_refused_by_name(table, message):
    with pytest.raises(NpuError) as error:
        Machine.from_toml(f"{NANO_DRAM}[dram]\n{table}\n")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_part_stands_for_the_keys_of_a_dram_that_are_left_out(tmp_path):
    assert Machine.from_toml(NANO_DRAM).dram == PARTS["LPDDR4-3200"]
    other = Machine.from_toml(f'{NANO_DRAM}[dram]\npart = "DDR4-2400"\ntRCD_ns = 20\n')
    assert other.dram == msgspec.structs.replace(PARTS["DDR4-2400"], tRCD_clocks=24)
    (tmp_path / "other.toml").write_text(other.to_toml())
    assert Machine.load(tmp_path / "other.toml") == other
    kept = 'base = "other.toml"\nname = "kept"\n[dram]\nbanks = 16\n'
    (tmp_path / "kept.toml").write_text(kept)
    assert Machine.load(tmp_path / "kept.toml") == other.with_({"name": "kept", "dram.banks": 16})
    back = other.with_({"dram.part": "LPDDR4-3200", "dram.tRP_clocks": 7})
    assert back.dram == msgspec.structs.replace(PARTS["LPDDR4-3200"], tRP_clocks=7)


def test_parts_are_what_their_data_sheets_say():
    """JESD209-4 and JESD79-4 in ns; pJ by hand from the currents of parts.py."""
    lpddr4, ddr4 = PARTS["LPDDR4-3200"], PARTS["DDR4-2400"]
    assert (lpddr4.tRCD_clocks, lpddr4.tRAS_clocks, lpddr4.tFAW_clocks) == (29, 68, 64)
    assert (ddr4.tRCD_clocks, ddr4.tRAS_clocks, ddr4.tRFC_clocks) == (17, 39, 420)
    for part, rate in ((lpddr4, 6.4e9), (ddr4, 4.8e9)):
        assert part.access_bytes * part.clock_hz / part.tCCD_S_clocks == rate
    read_mw = 1.1 * (275 - 30) + 1.1 * (150 - 0.75)
    assert lpddr4.read_pj == pytest.approx(read_mw * 5, abs=0.1)  # 16 beats at 3200 MT/s: 5 ns
    activate_pj = 1.2 * (80 * 56 - 47 * 39 - 34 * 17) / 1.2  # clocks of 1 / 1.2 ns
    assert ddr4.activate_pj == pytest.approx(activate_pj, abs=0.1)


def test_energy_may_be_left_out():
    without, _, _ = NANO.partition("[energy]")
    host = {"host.frequency_hz": 500_000_000}
    assert Machine.from_toml(without) == Machine.load("nano").with_(host)


def test_importing_machines_stays_light():
    code = (
        "import sys, npusim.machines as m; m.Machine.load('base').parameters; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "numba", "onnx", "click", "rich", "npusim.graph", "npusim.isa"}
    assert not heavy & set(done.stdout.split())
