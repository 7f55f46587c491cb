"""A board in simulation: rtl/boards/npu_board.v, its serial line the simulator's own input."""

from __future__ import annotations

import subprocess

from npusim.boards.errors import BoardError
from npusim.boards.link import Link
from npusim.cosim.design import Design
from npusim.cosim.npu.build import command_of, machine_sources
from npusim.cosim.units import rtl_directory
from npusim.machines import Machine

CLOCKS_PER_BIT = 4
"""Of the simulated line: a real one has some dozens, which would only take longer."""
MEMORY_BYTES = 1 << 18
CYCLES_MOST = 100_000_000
"""The longest that an answer may take."""


def board_design(machine: Machine, memory_bytes: int = MEMORY_BYTES) -> Design:
    """Return the sources and parameters of a board with `machine`, and the bench around it."""
    rtl = rtl_directory()
    boards = (*sorted((rtl / "boards").glob("npu_*.v")), rtl / "sim/boards/npu_board_bench.v")
    parameters = {
        **machine.parameters, "CLOCKS_PER_BIT": CLOCKS_PER_BIT, "MEMORY_BYTES": memory_bytes,
    }  # fmt: skip
    files = (*machine_sources(rtl), *boards)
    return Design("npu_board_bench", files, parameters, includes=(rtl, rtl / "generated"))


class SimulatedLink(Link):
    """The line to a simulated board, whose simulation ends with it.

    Raises
    ------
    CosimulationError
        The simulator is missing, or the design does not compile.
    """

    def __init__(
        self,
        machine: Machine,
        simulator: str = "verilator",
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        flags = ("--main", "--timing") if simulator == "verilator" else ()
        command = command_of(board_design(machine, memory_bytes), simulator, flags)
        self._process = subprocess.Popen(
            [*command, f"+cycles_most={CYCLES_MOST}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def close(self) -> None:
        """End the simulation."""
        self._process.kill()
        self._process.communicate()

    def send(self, data: bytes) -> None:
        """Send bytes, each a token of the simulator."""
        self._put(b"".join(b"w" + data[i : i + 1] for i in range(len(data))))

    def receive(self, count: int) -> bytes:
        """Return the next `count` bytes; raise BoardError where the simulator ends."""
        assert self._process.stdout is not None
        self._put(b"r" * count)
        found = bytearray()
        while len(found) < count:
            line = self._process.stdout.readline().decode(errors="replace").strip()
            if not line.startswith("= "):
                raise BoardError(f"simulated board: {line or 'it ended'}")
            found += bytes.fromhex(line[2:])
        return bytes(found)

    def send_break(self) -> None:
        """Hold the line low for longer than a byte."""
        self._put(b"b")

    def _put(self, tokens: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(tokens)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise BoardError("simulated board: it ended") from None
