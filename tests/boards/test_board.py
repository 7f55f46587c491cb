"""The board whole in simulation: its protocol byte by byte, and digits over the line."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from npusim.boards import link as links
from npusim.boards.board import NPU, Board
from npusim.boards.errors import BoardError
from npusim.boards.image import image_of
from npusim.boards.link import SerialLink
from npusim.boards.simulated import SimulatedLink
from npusim.compiler.compile import compile_checked
from npusim.engines.on_board import run_on_board
from npusim.errors import NpuError
from npusim.formats.files import load
from npusim.isa.assembly import assemble
from npusim.isa.encoding import encode_program
from npusim.isa.registers import ID
from npusim.machines import Machine
from npusim.simulator.run import load_image, run_step, step_code
from tests.boards.conftest import MEMORY_BYTES
from tests.conftest import DIGITS, ROOT

NANO = Machine.load("nano")
PICTURES = 2


@pytest.mark.rtl
def test_digits_bytes_are_the_kernels_and_every_class_is_right(line: SimulatedLink) -> None:
    network = load(DIGITS / "digits_int8.onnx")
    samples = np.load(DIGITS / "digits_test.npz")
    x = {network.inputs[0]: samples["x"][:PICTURES]}
    result = run_on_board(Board(line), network, x, NANO)
    assert result.differing == 0
    assert result.values == 10 * PICTURES
    scores = result.outputs[network.outputs[0]].reshape(PICTURES, 10)
    assert scores.argmax(axis=1).tolist() == samples["y"][:PICTURES].tolist()
    assert len(result.cycles) == PICTURES
    (cycles,) = set(result.cycles)
    assert f"takes {cycles:,} cycles" in " ".join((ROOT / "docs/board.md").read_text().split())


@pytest.mark.rtl
def test_words_come_back_as_they_went(line: SimulatedLink) -> None:
    board = Board(line)
    data = np.random.default_rng(1).integers(0, 256, 5000, np.uint8).tobytes()
    board.write(0x104, data)
    board.write(0x104 + 400, b"\xff\x00\x55\xaa")
    expected = data[:400] + b"\xff\x00\x55\xaa" + data[404:]
    assert board.read(0x104, 5000) == expected
    assert board.read(0x104 + 8, 4) == expected[8:12]
    board.write(MEMORY_BYTES - 4, b"last")
    assert board.read(MEMORY_BYTES - 4, 4) == b"last"


@pytest.mark.rtl
def test_what_lies_beyond_the_memory_is_an_error_and_changes_nothing(line: SimulatedLink) -> None:
    board = Board(line)
    board.write(0, b"zero")
    for address in (MEMORY_BYTES, 0x4000_0000):
        with pytest.raises(BoardError, match=r"write of 4 bytes at .*expected status 0, found 1"):
            board.write(address, b"more")
        with pytest.raises(BoardError, match="read of 4 bytes"):
            board.read(address, 4)
    with pytest.raises(BoardError, match="write of 8 bytes"):
        board.write(MEMORY_BYTES - 4, b"lastmore")
    assert board.read(0, 4) == b"zero"
    assert board.read(MEMORY_BYTES - 4, 4) == b"last"


@pytest.mark.rtl
def test_a_broken_line_ends_what_was_begun(line: SimulatedLink) -> None:
    board = Board(line)
    board.set_register("interrupt_enable", 0)  # else a wait is answered
    board.write(0x40, bytes(range(16)))
    for begun in (b"W", b"W\x40\0\0\0\x04\0abcd\x01\x02", b"R\x40\0", b"I", b"?", bytes(40)):
        line.send(begun)
        line.send_break()
        assert board.register("id") == ID
    assert board.read(0x40, 16) == b"abcd" + bytes(range(4, 16))
    line.send(b"W\0\0\0\0\0\0" + b"R\0\0\0\0\0\0")  # no words at all
    assert line.receive(2) == b"\0\0"


@pytest.mark.rtl
def test_a_byte_ends_the_wait_for_an_interrupt_that_does_not_come(line: SimulatedLink) -> None:
    board = Board(line)
    board.set_register("interrupt_enable", 0)
    line.send(b"IR")  # the second byte is no command
    assert line.receive(1) == b"\x01"
    assert board.register("interrupt_enable") == 0


@pytest.mark.rtl
def test_a_fault_is_told_with_its_place(line: SimulatedLink) -> None:
    board = Board(line)
    code = encode_program(assemble("CFG engine=LD\nFENCE\n"))  # and no HALT
    board.write(0x100, code)
    board.set_register("program_base", 0x100)
    board.set_register("program_length", 2)
    with pytest.raises(BoardError, match=r"board: fault 0x1 at instruction 2"):
        board.run()


@pytest.mark.rtl
def test_the_host_may_read_while_a_program_runs(line: SimulatedLink) -> None:
    program = compile_checked(load(DIGITS / "digits_int8.onnx"), NANO, "auto")
    board = Board(line)
    image = image_of(program)
    board.write(0, image.data)
    for number, address in enumerate(image.regions):
        board.set_register(f"region{number}", address)
    (run,) = image.runs
    board.set_register("program_base", run.program_base)
    board.set_register("program_length", run.program_length)
    board.set_register("start", 1)
    assert board.register("status") == 1
    for first in range(0, 3 * 1024, 256):
        place = run.program_base + first
        assert board.read(place, 64) == image.data[place : place + 64]
    while board.register("status") == 1:
        pass
    assert board.register("status") == 2
    (step,) = program.runs()
    dram = load_image(program)
    run_step(program, step, dram, trace=False)
    end = image.regions[-1] + program.regions[-1].size_bytes
    assert board.read(0, end // 4 * 4) == dram[: end // 4 * 4].tobytes()
    assert image.data[run.program_base :].startswith(step_code(program, step))


@pytest.mark.rtl
def test_another_machine_is_refused(line: SimulatedLink) -> None:
    with pytest.raises(NpuError, match=r"register params0: expected .* for machine small"):
        Board(line).require(Machine.load("small"))


def test_a_port_needs_pyserial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "find_spec", lambda name: None)
    with pytest.raises(BoardError, match=r"pip install 'npusim\[board\]'"):
        SerialLink("/dev/ttyUSB0")


class Port:
    """What pyserial gives, with a few bytes in it."""

    port = "COM9"

    def __init__(self, held: bytes) -> None:
        self.held, self.sent, self.said = held, b"", []

    def write(self, data: bytes) -> None:
        self.sent += data

    def read(self, count: int) -> bytes:
        given, self.held = self.held[:count], self.held[count:]
        return given

    def send_break(self) -> None:
        self.said.append("break")

    def reset_input_buffer(self) -> None:
        self.held = b""

    def close(self) -> None:
        self.said.append("closed")


def test_bytes_of_the_protocol_on_a_serial_port(monkeypatch: pytest.MonkeyPatch) -> None:
    port = Port(b"stale")
    asked = []

    def open_port(url: str, **settings: float) -> Port:
        asked.append((url, settings["baudrate"]))
        return port

    monkeypatch.setattr(links, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "serial", SimpleNamespace(serial_for_url=open_port))
    with SerialLink("COM9", 115_200) as link:
        board = Board(link)
        port.held = b"\0" + b"\x21\x43\x65\x87\0"
        board.write(0x12345678, b"\x01\x02\x03\x04")
        assert board.register("cycles") == 0x87654321
        assert port.sent == bytes.fromhex("57 78563412 0100 01020304 52 80000080 0100")
        with pytest.raises(BoardError, match="COM9: expected 1 bytes in 10 s, found 0"):
            board.set_register("start", 1)
    assert asked == [("COM9", 115_200)]
    assert port.said == ["break", "closed"]
    assert NPU == 0x8000_0000
