"""What a program's image puts into PAR, as the LDs before an instruction leave it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError
from npusim.isa.columns import Columns
from npusim.isa.program import Program
from npusim.isa.spec import TARGETS

WORD_BYTES = 4
"""Of a lane."""


class ParWords:
    """The words of PAR by instruction; fastest asked in the order of the program."""

    def __init__(self, program: Program, columns: Columns) -> None:
        self.program = program
        self.loads = columns.groups["LD"]
        self.to_par = np.flatnonzero(self.loads["target"] == TARGETS.index("PAR"))
        self._restart()

    def _restart(self) -> None:
        self.lies_at: dict[int, tuple[int, int]] = {}  # PAR word -> region, byte of its image
        self.next_load, self.pc = 0, -1

    def place(self, pc: int, word: int) -> tuple[int, int]:
        """Return region and byte of the image that PAR's `word` holds when `pc` reads it."""
        if pc < self.pc:
            self._restart()
        self.pc = pc
        word_bytes = WORD_BYTES * self.program.machine.size
        while self.next_load < len(self.to_par) and self.loads.pcs[self._load] < pc:
            load = self._load
            first = int(self.loads["offset"][load]) * self.program.machine.bus.bus_bytes
            for i in range(int(self.loads["columns"][load])):
                at = int(self.loads["region"][load]), first + i * word_bytes
                self.lies_at[int(self.loads["address"][load]) + i] = at
            self.next_load += 1
        return self.lies_at[word]

    @property
    def _load(self) -> int:
        return int(self.to_par[self.next_load])

    def read(self, pc: int, word: int, count: int) -> NDArray[np.uint8]:
        """Return `count` words from `word` on as bytes [count, 4 * SIZE].

        Raises
        ------
        FormatError
            The program was made without data.
        """
        region, offset = self.place(pc, word)
        word_bytes = WORD_BYTES * self.program.machine.size
        image = self.program.regions[region].image[offset : offset + count * word_bytes]
        if len(image) < count * word_bytes:
            raise FormatError(
                f"{self.program.name}: expected the bytes of its constants, found none"
            )
        return np.frombuffer(bytearray(image), np.uint8).reshape(count, word_bytes)


def equal_lanes(layer: str, words: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return `words`, whose lanes all hold the same constants; raise FormatError where not."""
    lanes = words.reshape(len(words), size, WORD_BYTES)
    if (lanes != lanes[:, :1]).any():
        raise FormatError(f"{layer}: expected the same constants in all lanes")
    return words
