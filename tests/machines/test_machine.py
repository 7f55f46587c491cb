"""Machine descriptions: what is read back, what is refused and how it is said."""

from __future__ import annotations

import subprocess
import sys

import pytest

from npusim.errors import FormatError, NpuError, RangeError
from npusim.machines import Machine
from npusim.machines.memories import Memory

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
            "clock_gating = false",
            "clock_gating = 0",
            "clock_gating: expected true or false, found 0",
        ),
        ("clock_gating = false\n", "", "[energy]: key clock_gating is missing"),
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
        FormatError, match=r"unknown key array\.rows; known are name, array\.size, "
    ):
        machine.with_({"array.rows": 3})


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
