"""The crc32 of what an instruction writes and of where it does: docs/architecture.md, section 6."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.lookup import ENTRIES
from npusim.isa.nest import words_of
from npusim.isa.spec import ADDRESS_SPACE, SPACES
from npusim.simulator.execute.call_record import Records

_PLACE_BYTES = 5


def crc_of(space: str, addresses: NDArray[np.int64], values: NDArray) -> int:
    """Return the crc32 of `values` [places ...], written one after the other.

    Before the bytes of each stand one byte, the place of `space` in SPACES, and its address as a
    little-endian word. Nothing written: 0.
    """
    if not len(addresses):
        return 0
    held = np.ascontiguousarray(values).reshape(len(addresses), -1).view(np.uint8)
    rows = np.empty((len(held), _PLACE_BYTES + held.shape[1]), np.uint8)
    rows[:, 0] = SPACES.index(space)
    words = np.ascontiguousarray(addresses & 0xFFFF_FFFF, "<u4")
    rows[:, 1:_PLACE_BYTES] = words.view(np.uint8).reshape(-1, 4)
    rows[:, _PLACE_BYTES:] = held
    return zlib.crc32(rows.tobytes())


def registers_crc(index: int, values: tuple[int, ...]) -> int:
    """Return the crc32 of a CFG, register by register; places without a register count too."""
    return crc_of("REGISTERS", index + np.arange(len(values)), np.array(values, "<u4"))


def pad_crc(space: str, words: NDArray[np.int64], values: NDArray) -> int:
    """Return the crc32 of the words of a scratchpad, whose addresses wrap."""
    return crc_of(space, words % ADDRESS_SPACE, values)


def table_crc(values: NDArray[np.uint8]) -> int:
    """Return the crc32 of words [words SIZE] that went to the table: row by row, which wrap."""
    rows = max(1, ENTRIES // values.shape[1])
    return crc_of("TABLE", np.arange(len(values)) % rows, values)


def beats_crc(moves: Records, i: int, values: NDArray[np.uint8], bus_bytes: int) -> int:
    """Return the crc32 of the beats of ST number `i`; values [words, bytes held]."""
    o = moves[i]
    levels = (o["blocks"], o["block_stride"]), (o["rows"], o["row_stride"])
    elements = words_of(int(o["source"]), (*levels, (o["columns"], o["held"])))
    beats = np.arange(0, int(o["held"]), bus_bytes)
    return crc_of("DRAM", (elements[:, None] + beats).ravel(), values)
