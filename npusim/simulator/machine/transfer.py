"""LD and ST: beats between DRAM and a scratchpad, in the order of the walk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel
from npusim.isa.spec import ADDRESS_SPACE
from npusim.simulator.machine.walk import (
    BLOCK_STRIDE,
    BLOCKS,
    BOTTOM,
    COLUMNS,
    ELEMENT,
    LEFT,
    RIGHT,
    ROW_STRIDE,
    ROWS,
    START,
    TOP,
)

Bytes = NDArray[np.uint8]


@kernel
def load_words(
    dram: Bytes,
    memory: Bytes,
    move: NDArray[np.int64],
    words: tuple[int, int, int, int],
    bus_bytes: int,
    wrap_bytes: int,
    written: Bytes,
) -> None:
    """Carry out a LD: DRAM [bytes] -> memory [words bytes].

    `words` = (address, step from row to row, step from block to block, fill); `written` [words
    written, bytes] takes a copy of what is written, in order, where it has rows.
    """
    address, row_step, block_step, fill = words
    width, flat = memory.shape[1], memory.reshape(-1)
    held = min(move[ELEMENT] * bus_bytes, width)
    keep, count = written.shape[0] > 0, 0
    for block in range(move[BLOCKS]):
        for y in range(move[TOP] + move[ROWS] + move[BOTTOM]):
            row = y - move[TOP]
            inner = row >= 0 and row < move[ROWS]
            beat = move[START] + block * move[BLOCK_STRIDE] + row * move[ROW_STRIDE]
            source = beat * bus_bytes % wrap_bytes
            first = (address + block * block_step + y * row_step + move[LEFT]) % ADDRESS_SPACE
            bytes_of_row = move[COLUMNS] * held
            if inner and held == width and not keep and move[LEFT] + move[RIGHT] == 0:
                if first + move[COLUMNS] <= len(memory) and source + bytes_of_row <= wrap_bytes:
                    flat[first * width : first * width + bytes_of_row] = dram[
                        source : source + bytes_of_row
                    ]
                    continue
            for x in range(move[LEFT] + move[COLUMNS] + move[RIGHT]):
                word = (address + block * block_step + y * row_step + x) % ADDRESS_SPACE
                if inner and x >= move[LEFT] and x < move[LEFT] + move[COLUMNS]:
                    start = source % wrap_bytes  # a beat never straddles the end
                    for lane in range(held):
                        at = start + lane
                        memory[word, lane] = dram[at if at < wrap_bytes else at - wrap_bytes]
                    for lane in range(held, width):
                        memory[word, lane] = fill
                    source += held
                else:
                    for lane in range(width):
                        memory[word, lane] = fill
                if keep:
                    written[count] = memory[word]
                    count += 1


@kernel
def store_words(
    dram: Bytes,
    memory: Bytes,
    move: NDArray[np.int64],
    words: tuple[int, int, int],
    bus_bytes: int,
    wrap_bytes: int,
    written: Bytes,
) -> None:
    """Carry out a ST: memory [words bytes] -> DRAM [bytes]; arguments as of load_words, no fill."""
    address, row_step, block_step = words
    held, width, flat = move[ELEMENT] * bus_bytes, memory.shape[1], memory.reshape(-1)
    keep, count = written.shape[0] > 0, 0
    for block in range(move[BLOCKS]):
        for row in range(move[ROWS]):
            beat = move[START] + block * move[BLOCK_STRIDE] + row * move[ROW_STRIDE]
            target = beat * bus_bytes % wrap_bytes
            first = (address + block * block_step + row * row_step) % ADDRESS_SPACE
            bytes_of_row = move[COLUMNS] * held
            if held == width and first + move[COLUMNS] <= len(memory) and not keep:
                if target + bytes_of_row <= wrap_bytes:
                    dram[target : target + bytes_of_row] = flat[
                        first * width : first * width + bytes_of_row
                    ]
                    continue
            for x in range(move[COLUMNS]):
                word = (first + x) % ADDRESS_SPACE
                for lane in range(held):
                    dram[(target + lane) % wrap_bytes] = memory[word, lane]
                if keep:
                    written[count] = memory[word, :held]
                    count += 1
                target += held
