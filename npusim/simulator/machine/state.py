"""What a machine holds between instructions and between runs: scratchpads, table, DRAM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.lookup import ENTRIES
from npusim.machines import Machine


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
        size = machine.size
        self.act = np.zeros((machine.act_words, size), np.uint8)
        self.wgt = np.zeros((machine.wgt_words, size), np.uint8)
        self.par = np.zeros((machine.par_words, 4 * size), np.uint8)
        self.acc = np.zeros((machine.scratchpads.acc_words, machine.acc_regions, size), np.int32)
        self.table = np.zeros(ENTRIES, np.uint8)


def new_dram(machine: Machine) -> NDArray[np.uint8]:
    """Return an empty DRAM; the pages nobody touches take no memory."""
    return np.zeros(machine.memory.size_bytes, np.uint8)
