"""Programs that fault are defined up to their fault: nothing retires that reads what nobody wrote.

Scratchpads hold anything after a reset, so what such an instruction writes, and with it the
checksum in its retire event, would be the simulator's choice and not the program's.
"""

from __future__ import annotations

import numpy as np

from npusim.errors import NpuError
from npusim.isa.check import WrittenWords
from npusim.isa.instructions import PAGES
from npusim.simulator.timing.timeline import Timeline


def undefined_read(timeline: Timeline) -> str:
    """Return the first read of an unwritten word by an instruction that retires; or nothing.

    The checker's own record of written words is kept along the order of issue: two engines never
    run on one bank at once, so that order is also the order of every word's reads and writes.
    """
    words = WrittenWords(timeline.machine)
    names = {int(pc): (name, i) for name, group in timeline.columns.groups.items()
             for i, pc in enumerate(group.pcs)}  # fmt: skip
    retires = (timeline.issue >= 0) & (timeline.retire >= 0)
    retires[[fault.pc for fault in timeline.faults if fault.pc < len(retires)]] = False
    done = np.flatnonzero(retires)
    for pc in done[np.lexsort((done, timeline.issue[done]))].tolist():
        name, i = names[pc]
        group = timeline.columns.groups[name]
        try:
            for nest in PAGES[name].nests(group, timeline.machine):
                if nest.applies[i]:
                    low, high = nest.bounds()
                    words.touch(nest, i, int(low[i]), int(high[i]))
            if name == "VEC":
                words.check_table(group, i)
        except NpuError as error:
            return f"pc {pc} ({name}): {error}"
    return ""
