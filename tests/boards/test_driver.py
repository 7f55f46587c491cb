"""The driver in C on the simulated board: a host program at the other end of its serial line."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from npusim.boards.board import Board
from npusim.boards.simulated import SimulatedLink
from npusim.isa.assembly import assemble
from npusim.isa.encoding import encode_program
from npusim.isa.spec import ENGINES, FAULTS
from tests.conftest import ROOT, missing

DRIVER = ROOT / "rtl" / "driver"
STATUSES = re.findall(r"^  NPU_([A-Z_]+)\b", (DRIVER / "npu_driver.h").read_text(), re.MULTILINE)
BASE = 0x1000
REGIONS = [0x100 * number for number in range(8)]
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the host program; the driver itself has to compile without a warning."""
    if shutil.which("gcc") is None:
        missing("gcc not found")
    folder = tmp_path_factory.mktemp("driver")
    driver = folder / "npu_driver.o"
    subprocess.run(["gcc", *WARNINGS, "-c", DRIVER / "npu_driver.c", "-o", driver], check=True)
    source = Path(__file__).with_name("driver_host.c")
    program = folder / "host"
    subprocess.run(["gcc", f"-I{DRIVER}", source, driver, "-o", program], check=True)
    return program


def run(host: Path, line: SimulatedLink, base: int, length: int, regions: list[int], polls: int):
    """Carry bytes between the host program and the board; return statuses by name, and numbers."""
    words = [str(value) for value in (base, length, *regions, polls)]
    with subprocess.Popen(
        [host, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        while header := process.stdout.read(7):
            is_write = header[:1] == b"W"
            line.send(header + (process.stdout.read(4) if is_write else b""))
            process.stdin.write(line.receive(1 if is_write else 5))
            process.stdin.flush()
        said = [int(word) for word in process.stderr.read().split()]
    assert process.returncode == 0
    return [STATUSES[number] for number in said[:4]], said[4:]


def loaded(line: SimulatedLink, text: str) -> Board:
    """Return the board, with a program in its memory."""
    board = Board(line)
    board.write(BASE, encode_program(assemble(text)))
    return board


@pytest.mark.rtl
def test_a_program_runs_to_its_halt(host: Path, line: SimulatedLink) -> None:
    board = loaded(line, "CFG engine=LD\nHALT code=513\n")
    statuses, numbers = run(host, line, BASE, 2, REGIONS, 10)
    assert statuses == ["OK", "OK", "OK", "OK"]
    assert numbers == [board.register("cycles"), 513, 0, 0, 0]
    assert [board.register(f"region{i}") for i in range(8)] == REGIONS
    assert board.register("interrupt_enable") == 0


@pytest.mark.rtl
def test_a_fault_names_cause_engine_and_place(host: Path, line: SimulatedLink) -> None:
    empty = "LD target=ACT plain=1 region=0 banks=0x1 columns=0 rows=1 blocks=1"
    loaded(line, f"CFG engine=MX\n{empty}\nFENCE\nHALT code=3\n")
    statuses, numbers = run(host, line, BASE, 4, REGIONS, 10)
    assert statuses == ["OK", "OK", "OK", "FAULTED"]
    assert numbers[2:] == [FAULTS.index("operand"), ENGINES.index("LD"), 1]


@pytest.mark.rtl
def test_what_cannot_start_does_not(host: Path, line: SimulatedLink) -> None:
    board = loaded(line, "HALT code=7\n")
    board.set_register("program_base", BASE)
    for base, length, regions in (
        (BASE + 64, 1, REGIONS),
        (BASE, 0, REGIONS),
        (BASE, 1, [*REGIONS[:7], 2]),
    ):
        statuses, _ = run(host, line, base, length, regions, 10)
        assert statuses == ["OK", "BAD_PROGRAM", "OK", "OK"]
    assert board.register("program_base") == BASE


@pytest.mark.rtl
def test_a_long_run_is_busy_and_times_out(host: Path, line: SimulatedLink) -> None:
    transfer = "LD target=ACT plain=1 region=0 banks=0xff columns=2048 rows=1 blocks=1\n"
    board = loaded(line, 8 * transfer + "HALT code=1\n")
    statuses, _ = run(host, line, BASE, 9, REGIONS, 1)
    assert statuses == ["OK", "OK", "BUSY", "TIMEOUT"]
    while board.register("status") == 1:
        pass
    assert board.register("status") == 2
