"""STs as calls: whole rows at a time. The witness: plain/st.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry
from npusim.isa.page import Group
from npusim.kernels.entry import array_at
from npusim.machines import Machine
from npusim.simulator.execute.call_record import Call, Records, address_of
from npusim.simulator.execute.ld import copy_bytes
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain.st import store as plain_store
from npusim.simulator.execute.rows import MOVE, move_records, within


class Stores:
    """The STs of a program, between ACT of `state` and `dram` uint8 [bytes]."""

    def __init__(
        self, group: Group, moves: Records, machine: Machine, dram: NDArray[np.uint8], state: State
    ) -> None:
        self.dram, self.act = dram, state.act
        width = np.full_like(group.pcs, machine.size)
        self.rows = move_records(group, moves, machine.bus.bus_bytes, width)
        self.prepared = within(self.rows, 0, len(dram))

    def call(self, i: int) -> Call:
        """Return ST number `i` as a call."""
        places = (self.dram.ctypes.data, self.act.ctypes.data, address_of(self.rows, i))
        return (store().address, *places, 0, 0)

    def plain(self, i: int, written: NDArray) -> None:
        """Carry out ST number `i` word by word."""
        plain_store(self.dram, self.act, self.rows, i, written)


@entry
def store(dram, act, description, first, end):
    """Carry out a ST."""
    o = array_at(description, 1, MOVE)[0]
    width, held = o.width, o.held
    for block in range(o.blocks):
        for row in range(o.rows):
            to = dram + o.source + block * o.block_stride + row * o.row_stride
            source = act + (o.address + block * o.act_block + row * o.act_row) * width
            if held == width:
                copy_bytes(to, source, o.columns * width)
            else:
                for x in range(o.columns):
                    copy_bytes(to + x * held, source + x * width, held)
    return 1
