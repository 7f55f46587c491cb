"""Which scratchpads a run reads where it has written nothing yet, so that they have to be cleared.

What a run touches depends on no data. A word that every run writes before it reads it may hold
anything when the run begins, and one that no run writes stays zero from the first run on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from npusim.datapath.jit import entry, kernel
from npusim.isa.columns import Columns
from npusim.isa.nest import Column, Nest
from npusim.isa.scratchpads import pad_words
from npusim.kernels.entry import array_at
from npusim.machines import Machine
from npusim.simulator.execute.call_record import record, records
from npusim.simulator.execute.plain.vec import LOOKUP

CLEARED = ("ACT", "ACC")
LEVELS = 6
"""Most levels of a nest."""
ACCESS = record(
    "turn", "pad", "is_write", "regions", "base",
    *(f"{part}{level}" for level in range(LEVELS) for part in ("count", "stride")),
)  # fmt: skip
"""A nest of one instruction; `turn`: its place in the order of issue, `pad`: in CLEARED."""


def unwritten_reads(
    nests: Mapping[str, Sequence[Nest]],
    columns: Columns,
    pcs: Sequence[int],
    machine: Machine,
) -> set[str]:
    """Return which of ACT, ACC and the table a run reads where it has written nothing yet.

    Parameters
    ----------
    nests
        Of the instructions of each name; none wraps.
    pcs
        The instructions that run, in the order of issue.
    """
    turn_of, groups = np.full(columns.count, -1), columns.groups
    turn_of[list(pcs)] = np.arange(len(pcs))
    found = []
    for name, of_name in nests.items():
        turns = turn_of[groups[name].pcs]
        for nest in of_name:
            if nest.scratchpad not in CLEARED:
                continue
            fields: dict[str, Column | int] = {
                "turn": turns, "pad": CLEARED.index(nest.scratchpad),
                "is_write": nest.is_write, "regions": nest.regions, "base": nest.base,
                **{f"count{level}": 1 for level in range(LEVELS)},
            }  # fmt: skip
            for level, (count, stride) in enumerate(nest.levels):
                fields |= {f"count{level}": count, f"stride{level}": stride}
            found.append(records(ACCESS, fields, len(turns))[nest.applies & (turns >= 0)])
    accesses = np.concatenate([np.zeros(0, ACCESS), *found])
    accesses = accesses[np.lexsort((accesses["is_write"], accesses["turn"]))]
    words = max(pad_words(machine, pad) for pad in CLEARED)
    reads = np.zeros(len(CLEARED), np.bool_)
    meet(accesses, np.zeros((len(CLEARED), words), np.int8), reads)
    unwritten = {pad for pad, is_met in zip(CLEARED, reads, strict=True) if is_met}
    vec = groups["VEC"]
    looks_up = (vec["op"] == LOOKUP) & (turn_of[vec.pcs] >= 0)
    return unwritten | ({"table"} if looks_up.any() else set())


@kernel
def meet(accesses, written, reads):
    """Set reads [pads] where an access reads what none before it wrote.

    accesses [ACCESS], in order, an instruction's reads before its writes; written [pads words]: the
    regions that hold something, 0 at first.
    """
    for i in range(len(accesses)):
        o = accesses[i]
        regions, held = o.regions, written[o.pad]
        for a in range(o.count0):
            for b in range(o.count1):
                for c in range(o.count2):
                    at = o.base + a * o.stride0 + b * o.stride1 + c * o.stride2
                    for d in range(o.count3):
                        for e in range(o.count4):
                            word = at + d * o.stride3 + e * o.stride4
                            for _ in range(o.count5):
                                if o.is_write:
                                    held[word] = max(held[word], regions)
                                elif held[word] < regions:
                                    reads[o.pad] = True
                                word += o.stride5


@entry
def clear(memory, count, description, first, end):
    """Write `count` bytes of 0 from address `memory` on."""
    to = array_at(memory, count, np.uint8)
    for i in range(np.uintp(count)):
        to[i] = 0
    return 1
