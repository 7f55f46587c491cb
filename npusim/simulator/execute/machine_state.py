"""What a machine holds between instructions and between runs: scratchpads, table, DRAM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.lookup import ENTRIES
from npusim.machines import Machine

MARGIN_WORDS = 16
"""Behind ACT and ACC: vectors of sixteen lanes read past words of fewer."""


class State:
    """Scratchpads and the activation table of a machine; a start leaves them alone.

    Attributes
    ----------
    act, wgt
        uint8 [words SIZE].
    par
        uint8 [words 4*SIZE].
    acc
        int32 [words regions SIZE].
    table
        uint8 [256].
    """

    def __init__(self, machine: Machine) -> None:
        size, acc_words = machine.size, machine.scratchpads.acc_words
        whole_act = np.zeros((machine.act_words + MARGIN_WORDS, size), np.uint8)
        whole_acc = np.zeros((acc_words + MARGIN_WORDS, machine.acc_regions, size), np.int32)
        self.act, self.acc = whole_act[:-MARGIN_WORDS], whole_acc[:-MARGIN_WORDS]
        self.wgt = np.zeros((machine.wgt_words, size), np.uint8)
        self.par = np.zeros((machine.par_words, 4 * size), np.uint8)
        self.table = np.zeros(ENTRIES, np.uint8)
        self.addresses = self.act.ctypes.data, self.acc.ctypes.data
        """Of ACT and ACC, for calls."""

    def clear(self) -> None:
        """Fill everything with zeros, as a machine that never ran."""
        for memory in (self.act, self.wgt, self.par, self.acc, self.table):
            memory.fill(0)


def new_dram(machine: Machine) -> NDArray[np.uint8]:
    """Return an empty DRAM; the pages nobody touches take no memory."""
    return np.zeros(machine.memory.size_bytes, np.uint8)
