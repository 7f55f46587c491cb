"""LDs as calls: whole rows at a time. The witness: plain/ld.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, scalar
from npusim.isa.page import Group
from npusim.isa.spec import TARGETS
from npusim.kernels.entry import array_at
from npusim.machines import Machine
from npusim.simulator.execute.call_record import Call, Records, address_of
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain.ld import load as plain_load
from npusim.simulator.execute.rows import MOVE, move_records, within


class Loads:
    """The LDs of a program, between `dram` uint8 [bytes] and the scratchpads of `state`."""

    def __init__(
        self, group: Group, moves: Records, machine: Machine, dram: NDArray[np.uint8], state: State
    ) -> None:
        self.dram, self.state = dram, state
        self.targets = group["target"]
        width = np.where(self.targets == TARGETS.index("PAR"), 4, 1) * machine.size
        self.rows = move_records(group, moves, machine.bus.bus_bytes, width)
        self.prepared = within(self.rows, 0, len(dram))
        self.memories = (state.act, state.wgt, state.par)
        self.addresses = [memory.ctypes.data for memory in self.memories]

    def call(self, i: int) -> Call:
        """Return LD number `i` as a call."""
        to = self.addresses[self.targets[i]]
        return (load().address, self.dram.ctypes.data, to, address_of(self.rows, i), 0, 0)

    def plain(self, i: int, written: NDArray) -> None:
        """Carry out LD number `i` word by word."""
        plain_load(self.dram, self.memories[self.targets[i]], self.rows, i, written)


@scalar
def copy_bytes(to, source, count):
    """Copy `count` bytes from address `source` to address `to`."""
    target, origin = array_at(to, count, np.uint8), array_at(source, count, np.uint8)
    for i in range(np.uintp(count)):
        target[i] = origin[i]


@scalar
def fill_bytes(to, count, value):
    """Write `count` bytes of `value` from address `to` on."""
    target = array_at(to, count, np.uint8)
    for i in range(np.uintp(count)):
        target[i] = np.uint8(value)


@entry
def load(dram, memory, description, first, end):
    """Carry out a LD."""
    o = array_at(description, 1, MOVE)[0]
    width, held, fill = o.width, o.held, o.fill
    line = (o.left + o.columns + o.right) * width
    for block in range(o.blocks):
        source = dram + o.source + block * o.block_stride
        to = memory + (o.address + block * o.act_block) * width
        for _ in range(o.top):
            fill_bytes(to, line, fill)
            to += o.act_row * width
        for _ in range(o.rows):
            inner = to + o.left * width
            fill_bytes(to, o.left * width, fill)
            if held == width:
                copy_bytes(inner, source, o.columns * width)
            else:
                for x in range(o.columns):
                    copy_bytes(inner + x * width, source + x * held, held)
                    fill_bytes(inner + x * width + held, width - held, fill)
            fill_bytes(inner + o.columns * width, o.right * width, fill)
            source += o.row_stride
            to += o.act_row * width
        for _ in range(o.bottom):
            fill_bytes(to, line, fill)
            to += o.act_row * width
    return 1
