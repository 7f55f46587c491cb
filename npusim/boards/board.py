"""The board's protocol of bytes: words of memory, control registers, the interrupt.

    "W" address[4] count[2] word[4] ...   ->  status
    "R" address[4] count[2]               ->  word[4] ..., status
    "I"                                   ->  status, when the interrupt stands

Little-endian; rtl/boards/npu_serial_master.v is the other side.
"""

from __future__ import annotations

import struct

from npusim.boards.errors import BoardError
from npusim.boards.link import Link
from npusim.cosim.npu.parameters import expected_registers, require_parameters
from npusim.isa.registers import CONTROL
from npusim.machines import Machine

NPU = 1 << 31
"""Where the control registers begin; the memory begins at 0."""
WORD_BYTES = 4
WORDS = 1024
"""Of one command: few enough that nothing waits long for an answer."""
_HEADER = struct.Struct("<cIH")
_ADDRESS = {register.name: register.index for register in CONTROL}


class Board:
    """A board at the end of `link`, whose bytes on the way, if any, are forgotten."""

    def __init__(self, link: Link) -> None:
        self._link = link
        link.send_break()

    def write(self, address: int, data: bytes) -> None:
        """Write whole words of memory.

        Raises
        ------
        BoardError
            An address has no memory behind it, or the board does not answer.
        """
        for first in range(0, len(data), WORDS * WORD_BYTES):
            part = data[first : first + WORDS * WORD_BYTES]
            header = _HEADER.pack(b"W", address + first, len(part) // WORD_BYTES)
            self._link.send(header + part)
            self._require(f"write of {len(part)} bytes at {address + first:#x}")

    def read(self, address: int, count: int) -> bytes:
        """Return `count` bytes of memory, whole words; raises as `write` does."""
        parts = []
        for first in range(0, count, WORDS * WORD_BYTES):
            size = min(WORDS * WORD_BYTES, count - first)
            self._link.send(_HEADER.pack(b"R", address + first, size // WORD_BYTES))
            parts.append(self._link.receive(size))
            self._require(f"read of {size} bytes at {address + first:#x}")
        return b"".join(parts)

    def set_register(self, name: str, value: int) -> None:
        """Write a control register."""
        self.write(NPU + _ADDRESS[name], value.to_bytes(WORD_BYTES, "little"))

    def register(self, name: str) -> int:
        """Return a control register."""
        return int.from_bytes(self.read(NPU + _ADDRESS[name], WORD_BYTES), "little")

    def run(self) -> None:
        """Start the program that the registers tell of; return when it has ended.

        Raises
        ------
        BoardError
            The run does not end in time, or ends by a fault.
        """
        self.set_register("interrupt_enable", 1)
        self.set_register("start", 1)
        self._link.send(b"I")
        self._require("wait for the interrupt")
        fault = self.register("fault")
        if fault:
            raise BoardError(f"board: fault {fault:#x} at instruction {self.register('fault_pc')}")

    def require(self, machine: Machine) -> None:
        """Raise NpuError where the NPU on the board is not `machine`."""
        found = {name: self.register(name) for name in expected_registers(machine)}
        require_parameters(machine, found)

    def _require(self, what: str) -> None:
        (status,) = self._link.receive(1)
        if status:
            raise BoardError(f"board: {what}: expected status 0, found {status}")
