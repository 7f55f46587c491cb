"""ST: beats from ACT to DRAM, in the order of docs/architecture.md."""

from __future__ import annotations

from npusim.datapath.jit import kernel
from npusim.isa.spec import ADDRESS_SPACE
from npusim.simulator.execute.call_record import Records
from npusim.simulator.execute.plain.ld import Bytes


@kernel
def store(dram: Bytes, act: Bytes, rows: Records, i: int, written: Bytes) -> None:
    """Carry out ST number `i` (a MOVE of execute/rows.py): act [words bytes] -> DRAM.

    `written` [words, bytes held] takes a copy of what is written, in order, where it has rows.
    """
    o, count = rows[i], 0
    for block in range(o.blocks):
        for row in range(o.rows):
            target = o.source + block * o.block_stride + row * o.row_stride
            for x in range(o.columns):
                word = (o.address + block * o.act_block + row * o.act_row + x) % ADDRESS_SPACE
                for lane in range(o.held):
                    dram[(target + x * o.held + lane) % len(dram)] = act[word, lane]
                if written.shape[0] > 0:
                    written[count] = act[word, : o.held]
                    count += 1
