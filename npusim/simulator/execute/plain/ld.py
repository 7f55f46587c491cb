"""LD: beats from DRAM to a scratchpad, in the order of docs/architecture.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel
from npusim.isa.spec import ADDRESS_SPACE
from npusim.simulator.execute.call_record import Records

Bytes = NDArray[np.uint8]


@kernel
def load(dram: Bytes, memory: Bytes, rows: Records, i: int, written: Bytes) -> None:
    """Carry out LD number `i` (a MOVE of execute/rows.py): DRAM -> memory [words bytes].

    `written` [words written, bytes] takes a copy of what is written, in order, where it has rows.
    """
    o = rows[i]
    size, count = len(dram), 0
    for block in range(o.blocks):
        for y in range(o.top + o.rows + o.bottom):
            row = y - o.top
            source = o.source + block * o.block_stride + row * o.row_stride
            for x in range(o.left + o.columns + o.right):
                column = x - o.left
                word = (o.address + block * o.act_block + y * o.act_row + x) % ADDRESS_SPACE
                memory[word] = o.fill
                if row >= 0 and row < o.rows and column >= 0 and column < o.columns:
                    for lane in range(o.held):
                        memory[word, lane] = dram[(source + column * o.held + lane) % size]
                if written.shape[0] > 0:
                    written[count] = memory[word]
                    count += 1
